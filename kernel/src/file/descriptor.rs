//! Descriptor tables.
use super::File;
use crate::error::*;
use crate::process::{Task, thread_group::Resource};
use crate::sync::{SpinLock, rank};
use crate::syscall::Fd;
use alloc::{sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicUsize, Ordering};
use machine::memory::try_arc;

/// Most descriptors whatever the limit (fs.nr_open).
pub const LARGEST_TABLE: u32 = 1 << 20;

/// What CLONE_FILES shares: descriptors and their close-on-exec flags.
pub struct FileTable {
    slots: SpinLock<Slots>,
    /// Tasks that use it: the last one to leave closes everything.
    users: AtomicUsize,
}

#[derive(Default)]
struct Slots {
    files: Vec<Option<Arc<File>>>,
    /// One bit per descriptor in use, reserved ones included.
    used: Vec<u64>,
    close_on_exec: Vec<u64>,
    /// No descriptor below is free.
    first_free: usize,
}

fn bit(bits: &[u64], index: usize) -> bool {
    bits.get(index / 64).is_some_and(|word| word & 1 << (index % 64) != 0)
}
fn set_bit(bits: &mut [u64], index: usize, value: bool) {
    if let Some(word) = bits.get_mut(index / 64) {
        *word = if value { *word | 1 << (index % 64) } else { *word & !(1 << (index % 64)) };
    }
}

impl Slots {
    /// Empty slots for at least `count` descriptors.
    fn with_capacity(count: usize) -> Result<Slots> {
        let count = count.next_multiple_of(64).max(64);
        let mut slots = Slots::default();
        slots.files.try_reserve_exact(count)?;
        slots.files.resize_with(count, || None);
        slots.used.try_reserve_exact(count / 64)?;
        slots.used.resize(count / 64, 0);
        slots.close_on_exec.try_reserve_exact(count / 64)?;
        slots.close_on_exec.resize(count / 64, 0);
        Ok(slots)
    }
    /// The lowest free descriptor at or above `from` (may lie past the end).
    fn find_free(&self, from: usize) -> usize {
        let start = from.max(self.first_free);
        let mut index = start / 64;
        let mut mask = !0u64 << (start % 64);
        while let Some(word) = self.used.get(index) {
            let free = !word & mask;
            if free != 0 {
                return index * 64 + free.trailing_zeros() as usize;
            }
            index += 1;
            mask = !0;
        }
        start.max(self.files.len())
    }
    fn occupy(&mut self, index: usize, file: Option<Arc<File>>, close_on_exec: bool) -> Option<Arc<File>> {
        set_bit(&mut self.used, index, true);
        set_bit(&mut self.close_on_exec, index, close_on_exec);
        if index == self.first_free {
            self.first_free = index + 1;
        }
        match self.files.get_mut(index) {
            Some(slot) => core::mem::replace(slot, file),
            None => None,
        }
    }
    fn vacate(&mut self, index: usize) -> Option<Arc<File>> {
        set_bit(&mut self.used, index, false);
        set_bit(&mut self.close_on_exec, index, false);
        self.first_free = self.first_free.min(index);
        self.files.get_mut(index)?.take()
    }
    /// Takes over everything of a smaller table.
    fn take_over(&mut self, old: &mut Slots) {
        for (new, old) in self.files.iter_mut().zip(&mut old.files) {
            *new = old.take();
        }
        for (new, old) in self.used.iter_mut().zip(&old.used) {
            *new = *old;
        }
        for (new, old) in self.close_on_exec.iter_mut().zip(&old.close_on_exec) {
            *new = *old;
        }
        self.first_free = old.first_free;
    }
}

/// A descriptor number taken but not yet open; given back unless a file is installed.
pub struct Reservation<'a> {
    table: &'a FileTable,
    index: usize,
}
impl Reservation<'_> {
    /// The number.
    pub fn fd(&self) -> Fd {
        Fd(self.index as i32)
    }
    /// Opens it.
    pub fn install(self, file: Arc<File>) -> Fd {
        let fd = self.fd();
        if let Some(slot) = self.table.slots.lock().files.get_mut(self.index) {
            *slot = Some(file);
        }
        core::mem::forget(self);
        fd
    }
}
impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.table.slots.lock().vacate(self.index);
    }
}

impl FileTable {
    /// An empty table with one user.
    pub fn new() -> Result<Arc<FileTable>> {
        Self::with(Slots::with_capacity(64)?)
    }
    fn with(slots: Slots) -> Result<Arc<FileTable>> {
        Ok(try_arc(FileTable { slots: SpinLock::new(rank::FILE_TABLE, slots), users: AtomicUsize::new(1) })?)
    }
    /// One more task uses the table (CLONE_FILES).
    pub fn share(self: &Arc<Self>) -> Arc<FileTable> {
        self.users.fetch_add(1, Ordering::Relaxed);
        self.clone()
    }
    /// A task stops using the table (exit, unshare); the last one closes everything. May sleep.
    pub fn leave(&self) {
        if self.users.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close_range(0, u32::MAX);
        }
    }
    /// How many tasks use it.
    pub fn users(&self) -> usize {
        self.users.load(Ordering::Acquire)
    }
    /// A table of its own with the same open files (fork).
    pub fn copy(&self) -> Result<Arc<FileTable>> {
        self.copy_below(u32::MAX)
    }
    /// As `copy`, only descriptors below `end`.
    pub fn copy_below(&self, end: u32) -> Result<Arc<FileTable>> {
        loop {
            let in_use = {
                let slots = self.slots.lock();
                let last = slots.used.iter().rposition(|word| *word != 0).map_or(0, |index| index + 1);
                last * 64
            };
            let mut new = Slots::with_capacity(in_use.min(end as usize))?;
            let slots = self.slots.lock();
            if slots.used.iter().rposition(|word| *word != 0).map_or(0, |index| index + 1) * 64 > in_use {
                continue;
            }
            new.first_free = 0;
            for (index, file) in slots.files.iter().enumerate().take(new.files.len().min(end as usize)) {
                if let Some(file) = file {
                    new.occupy(index, Some(file.clone()), bit(&slots.close_on_exec, index));
                }
            }
            drop(slots);
            return Self::with(new);
        }
    }
    /// The open file behind a descriptor, EBADF (O_PATH ones count; `get_io` refuses them).
    #[inline]
    pub fn get(&self, fd: Fd) -> Result<Arc<File>> {
        match self.slots.lock().files.get(fd.0 as u32 as usize) {
            Some(Some(file)) => Ok(file.clone()),
            _ => Err(EBADF),
        }
    }
    /// The open file behind a descriptor for reading, writing and all that O_PATH cannot do; EBADF.
    #[inline]
    pub fn get_io(&self, fd: Fd) -> Result<Arc<File>> {
        match self.slots.lock().files.get(fd.0 as u32 as usize) {
            Some(Some(file)) if !file.is_path() => Ok(file.clone()),
            _ => Err(EBADF),
        }
    }
    /// The close-on-exec flag; EBADF.
    pub fn close_on_exec(&self, fd: Fd) -> Result<bool> {
        let slots = self.slots.lock();
        let index = fd.0 as u32 as usize;
        match slots.files.get(index) {
            Some(Some(_)) => Ok(bit(&slots.close_on_exec, index)),
            _ => Err(EBADF),
        }
    }
    /// Sets the close-on-exec flag; EBADF.
    pub fn set_close_on_exec(&self, fd: Fd, value: bool) -> Result<()> {
        let mut slots = self.slots.lock();
        let index = fd.0 as u32 as usize;
        match slots.files.get(index) {
            Some(Some(_)) => set_bit(&mut slots.close_on_exec, index, value),
            _ => return Err(EBADF),
        }
        Ok(())
    }
    /// Makes room for a descriptor.
    #[cold]
    fn grow(&self, index: usize) -> Result<()> {
        if index >= LARGEST_TABLE as usize {
            return Err(EMFILE);
        }
        let wanted = (index + 1).next_power_of_two().max(256);
        let mut new = Slots::with_capacity(wanted)?;
        let mut slots = self.slots.lock();
        if slots.files.len() < new.files.len() {
            new.take_over(&mut slots);
            core::mem::swap(&mut *slots, &mut new);
        }
        drop(slots);
        Ok(())
    }
    /// Takes the lowest free descriptor >= `from` without opening it yet; EMFILE.
    pub fn reserve(&self, from: u32, close_on_exec: bool) -> Result<Reservation<'_>> {
        let limit = Task::current().group().limit(Resource::OpenFiles).min(LARGEST_TABLE.into()) as usize;
        loop {
            let mut slots = self.slots.lock();
            let index = slots.find_free(from as usize);
            if index >= limit {
                return Err(EMFILE);
            }
            if index < slots.files.len() {
                slots.occupy(index, None, close_on_exec);
                return Ok(Reservation { table: self, index });
            }
            drop(slots);
            self.grow(index)?;
        }
    }
    /// Installs a file at the lowest free descriptor >= `from`; EMFILE.
    pub fn install(&self, file: Arc<File>, from: u32, close_on_exec: bool) -> Result<Fd> {
        Ok(self.reserve(from, close_on_exec)?.install(file))
    }
    /// Puts a file at exactly `fd`, closing what was there (dup2). EBADF beyond the limit, EBUSY while another call is about
    /// to open that number.
    pub fn replace(&self, fd: Fd, file: Arc<File>, close_on_exec: bool) -> Result<()> {
        let index = fd.0 as u32 as usize;
        let limit = Task::current().group().limit(Resource::OpenFiles).min(LARGEST_TABLE.into()) as usize;
        if index >= limit {
            return Err(EBADF);
        }
        let old = loop {
            let mut slots = self.slots.lock();
            match slots.files.get(index) {
                None => {
                    drop(slots);
                    self.grow(index)?;
                }
                Some(None) if bit(&slots.used, index) => return Err(EBUSY),
                Some(_) => break slots.occupy(index, Some(file), close_on_exec),
            }
        };
        if let Some(old) = old {
            let _ = self.finish_close(old);
        }
        Ok(())
    }
    /// Takes a descriptor away; EBADF. The file may be used by others still.
    pub fn take(&self, fd: Fd) -> Result<Arc<File>> {
        let mut slots = self.slots.lock();
        let index = fd.0 as u32 as usize;
        match slots.files.get(index) {
            Some(Some(_)) => slots.vacate(index).ok_or(EBADF),
            _ => Err(EBADF),
        }
    }
    /// Closes a descriptor: flushes the file and drops this table's record locks on it. May sleep.
    pub fn close(&self, fd: Fd) -> Result<()> {
        let file = self.take(fd)?;
        self.finish_close(file)
    }
    fn finish_close(&self, file: Arc<File>) -> Result<()> {
        if file.is_path() {
            return Ok(());
        }
        let result = file.operations().flush(&file);
        super::lock::release_posix(&file, self);
        result
    }
    /// Takes the next open descriptor in a range out of the table.
    fn take_next(&self, from: &mut usize, last: usize, only: impl Fn(&Slots, usize) -> bool) -> Option<Arc<File>> {
        let mut slots = self.slots.lock();
        while *from <= last && *from < slots.files.len() {
            let index = *from;
            if bit(&slots.used, index) {
                *from += 1;
                if matches!(slots.files.get(index), Some(Some(_))) && only(&slots, index) {
                    return slots.vacate(index);
                }
            } else if index % 64 == 0 && slots.used.get(index / 64) == Some(&0) {
                *from += 64;
            } else {
                *from += 1;
            }
        }
        None
    }
    /// Closes every descriptor from `first` to `last`. May sleep.
    pub fn close_range(&self, first: u32, last: u32) {
        let mut next = first as usize;
        while let Some(file) = self.take_next(&mut next, last as usize, |_, _| true) {
            let _ = self.finish_close(file);
        }
    }
    /// Sets close-on-exec on every descriptor from `first` to `last`.
    pub fn mark_range(&self, first: u32, last: u32) {
        let mut slots = self.slots.lock();
        let end = (last as usize).saturating_add(1).min(slots.files.len());
        for index in first as usize..end {
            if bit(&slots.used, index) {
                set_bit(&mut slots.close_on_exec, index, true);
            }
        }
    }
    /// Closes what execve(2) closes. May sleep.
    pub fn close_for_exec(&self) {
        let mut next = 0;
        while let Some(file) = self.take_next(&mut next, usize::MAX, |slots, index| bit(&slots.close_on_exec, index)) {
            let _ = self.finish_close(file);
        }
    }
    /// The open descriptors, in order (/proc/PID/fd).
    pub fn descriptors(&self) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        loop {
            let needed = {
                let slots = self.slots.lock();
                let count = slots.files.iter().filter(|file| file.is_some()).count();
                if count <= found.capacity() {
                    let open = slots.files.iter().enumerate().filter(|(_, file)| file.is_some());
                    found.extend(open.map(|(index, _)| index as u32));
                    return Ok(found);
                }
                count
            };
            found.try_reserve_exact(needed)?;
        }
    }
    /// How many descriptors there is room for (FDSize in /proc/PID/status).
    pub fn capacity(&self) -> usize {
        self.slots.lock().files.len()
    }
}
