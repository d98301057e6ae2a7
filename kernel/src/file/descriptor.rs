//! Descriptor tables.
use super::File;
use crate::error::*;
use crate::process::{Task, thread_group::Resource};
use crate::sync::{SpinLock, rank};
use crate::syscall::Fd;
use alloc::{sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicUsize, Ordering};
use machine::memory::try_arc;
use machine::rcu::{SlotReader, SlotRef, SlotScope, SlotWriter};

/// Most descriptors whatever the limit (fs.nr_open).
pub const LARGEST_TABLE: u32 = 1 << 20;

/// An open file for the length of a call: borrowed where the caller's thread alone uses the table, else counted.
pub type FileRef = SlotRef<File>;

/// A look at many open files: see [`FileTable::with_scope`].
pub struct FileScope<'a> {
    table: &'a FileTable,
    scope: Option<SlotScope<'a, File>>,
}
impl FileScope<'_> {
    /// What `look` says of the open file behind a descriptor; none if it is not open, or by O_PATH.
    #[inline(always)]
    pub fn look<R>(&self, fd: Fd, look: impl FnOnce(&File) -> R) -> Option<R> {
        match &self.scope {
            Some(scope) => scope.get(fd.0 as u32 as usize).filter(|file| !file.is_path()).map(look),
            None => self.table.get_io(fd).ok().map(|file| look(&file)),
        }
    }
}

/// What CLONE_FILES shares: descriptors and their close-on-exec flags.
///
/// The one thread that uses a table (as far as this is so) finds open files without a lock and without counting; where
/// several share it, they take the lock and count.
pub struct FileTable {
    /// The open files, for the thread that owns the table.
    files: SlotReader<File>,
    slots: SpinLock<Slots>,
    /// Tasks that use it: the last one to leave closes everything.
    users: AtomicUsize,
}

struct Slots {
    files: SlotWriter<File>,
    /// One bit per descriptor in use, reserved ones included.
    used: Vec<u64>,
    /// One bit per word of `used` that has no zero left.
    full: Vec<u64>,
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

/// Zeroed bits for so many descriptors.
fn bits(count: usize) -> Result<Vec<u64>> {
    let mut bits = Vec::new();
    bits.try_reserve_exact(count / 64)?;
    bits.resize(count / 64, 0);
    Ok(bits)
}
/// Room for a bit per word of the bits of so many descriptors.
fn second_level(count: usize) -> Result<Vec<u64>> {
    bits(count.div_ceil(64).next_multiple_of(64))
}
/// How many slots a table for so many descriptors has.
fn room_for(count: usize) -> usize {
    count.next_multiple_of(64).max(64)
}

impl Slots {
    /// Empty slots for at least `count` descriptors, and their readers' half.
    fn with_capacity(count: usize) -> Result<(SlotReader<File>, Slots)> {
        let count = room_for(count);
        let (reader, files) = machine::rcu::slots(count)?;
        Ok((
            reader,
            Slots { files, used: bits(count)?, full: second_level(count)?, close_on_exec: bits(count)?, first_free: 0 },
        ))
    }
    /// Descriptors in use below `end`, in order, reserved ones included.
    fn used_below(&self, end: usize) -> impl Iterator<Item = usize> + '_ {
        let words = self.used.iter().enumerate().take(end.div_ceil(64));
        let set = |word: u64| core::iter::successors(Some(word), |left| Some(left & left.wrapping_sub(1)));
        words
            .flat_map(move |(index, word)| {
                set(*word).take_while(|left| *left != 0).map(move |left| index * 64 + left.trailing_zeros() as usize)
            })
            .take_while(move |index| *index < end)
    }
    /// Whether a descriptor is open (and not only reserved).
    fn is_open(&self, index: usize) -> bool {
        self.files.get(index).is_some()
    }
    /// The lowest free descriptor at or above `from` (may lie past the end).
    fn find_free(&self, from: usize) -> usize {
        let start = from.max(self.first_free);
        if start >= self.files.length() {
            return start;
        }
        let free = !self.used.get(start / 64).copied().unwrap_or(!0) & !0u64 << (start % 64);
        if free != 0 {
            return start / 64 * 64 + free.trailing_zeros() as usize;
        }
        let word = self.find_word(start / 64 + 1);
        let free = !self.used.get(word).copied().unwrap_or(0);
        word * 64 + free.trailing_zeros() as usize
    }
    /// The first word of `used` at or above `from` that is not full (may lie past the end).
    fn find_word(&self, from: usize) -> usize {
        let mut index = from / 64;
        let mut mask = !0u64 << (from % 64);
        while let Some(word) = self.full.get(index) {
            let not_full = !word & mask;
            if not_full != 0 {
                return index * 64 + not_full.trailing_zeros() as usize;
            }
            index += 1;
            mask = !0;
        }
        self.used.len().max(from)
    }
    fn set_used(&mut self, index: usize, value: bool) {
        set_bit(&mut self.used, index, value);
        let is_full = self.used.get(index / 64) == Some(&!0);
        set_bit(&mut self.full, index / 64, is_full);
    }
    fn occupy(&mut self, index: usize, file: Option<Arc<File>>, close_on_exec: bool) -> Option<Arc<File>> {
        self.set_used(index, true);
        set_bit(&mut self.close_on_exec, index, close_on_exec);
        if index == self.first_free {
            self.first_free = index + 1;
        }
        self.files.replace(index, file)
    }
    fn vacate(&mut self, index: usize) -> Option<Arc<File>> {
        self.set_used(index, false);
        set_bit(&mut self.close_on_exec, index, false);
        self.first_free = self.first_free.min(index);
        self.files.replace(index, None)
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
        // A reserved slot is empty.
        let replaced = self.table.slots.lock().files.replace(self.index, Some(file));
        drop(replaced);
        core::mem::forget(self);
        fd
    }
}
impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let replaced = self.table.slots.lock().vacate(self.index);
        drop(replaced);
    }
}

impl FileTable {
    /// An empty table with one user.
    pub fn new() -> Result<Arc<FileTable>> {
        Self::with(Slots::with_capacity(64)?)
    }
    fn with((files, slots): (SlotReader<File>, Slots)) -> Result<Arc<FileTable>> {
        let slots = SpinLock::new(rank::FILE_TABLE, slots);
        Ok(try_arc(FileTable { files, slots, users: AtomicUsize::new(1) })?)
    }
    /// One more task uses the table (CLONE_FILES).
    pub fn share(self: &Arc<Self>) -> Arc<FileTable> {
        self.users.fetch_add(1, Ordering::Relaxed);
        self.slots.lock().files.release();
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
            let (reader, mut new) = Slots::with_capacity(in_use.min(end as usize))?;
            let slots = self.slots.lock();
            if slots.used.iter().rposition(|word| *word != 0).map_or(0, |index| index + 1) * 64 > in_use {
                continue;
            }
            let end = new.files.length().min(slots.files.length()).min(end as usize);
            for index in slots.used_below(end) {
                if let Some(file) = slots.files.get_arc(index) {
                    new.occupy(index, Some(file), bit(&slots.close_on_exec, index));
                }
            }
            drop(slots);
            return Self::with((reader, new));
        }
    }
    /// The open file behind a descriptor, EBADF (O_PATH ones count; `get_io` refuses them).
    #[inline]
    pub fn get(&self, fd: Fd) -> Result<Arc<File>> {
        self.slots.lock().files.get_arc(fd.0 as u32 as usize).ok_or(EBADF)
    }
    /// The open file behind a descriptor for reading, writing and all that O_PATH cannot do; EBADF.
    #[inline]
    pub fn get_io(&self, fd: Fd) -> Result<Arc<File>> {
        let file = self.get(fd)?;
        if file.is_path() { Err(EBADF) } else { Ok(file) }
    }
    /// As `get_io`, for a call of a task that uses the table.
    #[inline(always)]
    pub fn borrow_io(&self, fd: Fd) -> Result<FileRef> {
        match self.files.borrow(fd.0 as u32 as usize) {
            Some(file) if !file.is_path() => Ok(file),
            _ => self.count_io(fd),
        }
    }
    /// Runs `look` on open files, each named by its descriptor, as `borrow_io` finds them; for looks at many.
    #[inline(always)]
    pub fn with_scope<R>(&self, body: impl FnOnce(&FileScope) -> R) -> R {
        if !self.files.is_owned() && self.users() == 1 {
            self.slots.lock().files.claim();
        }
        body(&FileScope { table: self, scope: self.files.scope() })
    }
    /// Forgets what the current task has borrowed on a stack that is given up.
    pub fn forget_borrows(&self, stack: &machine::module::Abandoned) {
        self.files.forget_borrows(stack);
    }
    /// The way of `borrow_io` where the thread does not own the table, and of what fails.
    #[cold]
    fn count_io(&self, fd: Fd) -> Result<FileRef> {
        if !self.files.is_owned() && self.users() == 1 {
            self.slots.lock().files.claim();
        }
        Ok(FileRef::from(self.get_io(fd)?))
    }
    /// The close-on-exec flag; EBADF.
    pub fn close_on_exec(&self, fd: Fd) -> Result<bool> {
        let slots = self.slots.lock();
        let index = fd.0 as u32 as usize;
        if slots.is_open(index) { Ok(bit(&slots.close_on_exec, index)) } else { Err(EBADF) }
    }
    /// Sets the close-on-exec flag; EBADF.
    pub fn set_close_on_exec(&self, fd: Fd, value: bool) -> Result<()> {
        let mut slots = self.slots.lock();
        let index = fd.0 as u32 as usize;
        if !slots.is_open(index) {
            return Err(EBADF);
        }
        set_bit(&mut slots.close_on_exec, index, value);
        Ok(())
    }
    /// Makes room for a descriptor.
    #[cold]
    fn grow(&self, index: usize) -> Result<()> {
        if index >= LARGEST_TABLE as usize {
            return Err(EMFILE);
        }
        let wanted = room_for((index + 1).next_power_of_two().max(256));
        let (room, mut used, mut close_on_exec) = (SlotWriter::room(wanted)?, bits(wanted)?, bits(wanted)?);
        let mut full = second_level(wanted)?;
        let mut guard = self.slots.lock();
        let slots = &mut *guard;
        if slots.files.length() < wanted {
            slots.files.grow(room);
            for (new, old) in [
                (&mut used, &mut slots.used),
                (&mut full, &mut slots.full),
                (&mut close_on_exec, &mut slots.close_on_exec),
            ] {
                new.iter_mut().zip(&*old).for_each(|(new, old)| *new = *old);
                core::mem::swap(new, old);
            }
        }
        drop(guard);
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
            if index < slots.files.length() {
                slots.occupy(index, None, close_on_exec);
                return Ok(Reservation { table: self, index });
            }
            drop(slots);
            self.grow(index)?;
        }
    }
    /// Installs a file at the lowest free descriptor >= `from`; EMFILE.
    pub fn install(&self, file: Arc<File>, from: u32, close_on_exec: bool) -> Result<Fd> {
        let limit = Task::current().group().limit(Resource::OpenFiles).min(LARGEST_TABLE.into()) as usize;
        let mut slots = self.slots.lock();
        let index = slots.find_free(from as usize);
        if index < limit && index < slots.files.length() {
            // A free slot is empty.
            let replaced = slots.occupy(index, Some(file), close_on_exec);
            drop(slots);
            drop(replaced);
            return Ok(Fd(index as i32));
        }
        drop(slots);
        Ok(self.reserve(from, close_on_exec)?.install(file))
    }
    /// Installs the file behind a descriptor at the lowest free one >= `from` too; EBADF, EMFILE, and EINVAL where `from` is beyond
    /// the limit.
    pub fn duplicate(&self, fd: Fd, from: u64, close_on_exec: bool) -> Result<Fd> {
        let limit = Task::current().group().limit(Resource::OpenFiles);
        let mut slots = self.slots.lock();
        let file = slots.files.get_arc(fd.0 as u32 as usize).ok_or(EBADF)?;
        if from >= limit {
            drop(slots);
            return Err(EINVAL);
        }
        let index = slots.find_free(from as usize);
        if index < limit.min(LARGEST_TABLE.into()) as usize && index < slots.files.length() {
            // A free slot is empty.
            let replaced = slots.occupy(index, Some(file), close_on_exec);
            drop(slots);
            drop(replaced);
            return Ok(Fd(index as i32));
        }
        drop(slots);
        self.install(file, from as u32, close_on_exec)
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
            if index >= slots.files.length() {
                drop(slots);
                self.grow(index)?;
            } else if bit(&slots.used, index) && !slots.is_open(index) {
                return Err(EBUSY);
            } else {
                break slots.occupy(index, Some(file), close_on_exec);
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
        if slots.is_open(index) { slots.vacate(index).ok_or(EBADF) } else { Err(EBADF) }
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
        if super::notify::is_used() {
            super::notify::directory::forget(&file, self);
        }
        super::lock::release_posix(&file, self);
        result
    }
    /// Takes the next open descriptor in a range out of the table.
    fn take_next(&self, from: &mut usize, last: usize, only: impl Fn(&Slots, usize) -> bool) -> Option<Arc<File>> {
        let mut slots = self.slots.lock();
        while *from <= last && *from < slots.files.length() {
            let index = *from;
            if bit(&slots.used, index) {
                *from += 1;
                if slots.is_open(index) && only(&slots, index) {
                    return slots.vacate(index);
                }
            } else if index.is_multiple_of(64) && slots.used.get(index / 64) == Some(&0) {
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
        let end = (last as usize).saturating_add(1).min(slots.files.length());
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
                let open = || slots.used_below(slots.files.length()).filter(|index| slots.is_open(*index));
                let count = open().count();
                if count <= found.capacity() {
                    found.extend(open().map(|index| index as u32));
                    return Ok(found);
                }
                count
            };
            found.try_reserve_exact(needed)?;
        }
    }
    /// Whether all descriptors of these sets of 64 are in use (select(2)).
    pub fn are_in_use(&self, wanted: impl Fn(usize) -> u64, words: usize) -> bool {
        let slots = self.slots.lock();
        (0..words).all(|index| wanted(index) & !slots.used.get(index).copied().unwrap_or(0) == 0)
    }
    /// How many descriptors there is room for (FDSize in /proc/PID/status).
    pub fn capacity(&self) -> usize {
        self.slots.lock().files.length()
    }
}
