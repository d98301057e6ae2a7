//! Open files of a group.
use super::files;
use crate::error::*;
use crate::file::open_file::SeekFrom;
use crate::file::{File, FileOperations, IoBuffer, PollEvents, PollTable};
use crate::output::Output;
use crate::process::Task;
use crate::process::control_group::{CgroupNamespace, ControlGroup, Reach, option, options};
use crate::sync::{Mutex, rank};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU32, Ordering};
use machine::memory::PAGE_SIZE;

/// An open directory; its entries come from the inode.
pub struct Directory;
impl FileOperations for Directory {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An open file: its text is made when it is read from its beginning.
pub struct TextFile {
    group: Arc<ControlGroup>,
    file: usize,
    /// Of who opened it.
    namespace: Arc<CgroupNamespace>,
    text: Mutex<Option<Output>>,
    /// How many changes of the file had been when it was read.
    seen: AtomicU32,
}
impl TextFile {
    /// As the current task opens it.
    pub fn new(group: Arc<ControlGroup>, file: usize) -> TextFile {
        let namespace = Task::current().namespaces().cgroup.clone();
        TextFile { group, file, namespace, text: Mutex::new(rank::FILE_POSITION, None), seen: AtomicU32::new(0) }
    }
    /// How many changes of the file there have been.
    fn changes(&self) -> u32 {
        if self.file == files::EVENTS { self.group.events.load(Ordering::SeqCst) } else { 1 }
    }
    fn check_alive(&self) -> Result<()> {
        if self.group.is_dead() { Err(ENODEV) } else { Ok(()) }
    }
}
impl FileOperations for TextFile {
    fn read(&self, _file: &File, into: &mut IoBuffer, offset: u64) -> Result<usize> {
        self.check_alive()?;
        if offset == 0 || self.text.lock().is_none() {
            self.seen.store(self.changes(), Ordering::Relaxed);
            let mut fresh = Output::new();
            files::show(&self.group, self.file, &mut fresh)?;
            let before = self.text.lock().replace(fresh);
            drop(before);
        }
        let text = self.text.lock();
        let bytes = text.as_ref().map(Output::as_bytes).unwrap_or_default();
        let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
        into.put(rest.get(..rest.len().min(into.remaining())).unwrap_or_default())
    }
    fn write(&self, file: &File, from: &mut IoBuffer, _offset: u64) -> Result<usize> {
        let length = from.remaining();
        if length > PAGE_SIZE {
            return Err(E2BIG);
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length)?;
        bytes.resize(length, 0);
        if from.take(&mut bytes)? < length {
            return Err(EFAULT);
        }
        self.check_alive()?;
        if length == 0 {
            return Ok(0);
        }
        // Who is inside of a namespace does not change what was given to it as a whole.
        let is_boundary = options() & option::NAMESPACES_DELEGATE != 0
            && !self.namespace.is_first()
            && Arc::ptr_eq(&self.namespace.root(), &self.group);
        if is_boundary && !files::is_delegated(self.file) {
            return Err(EPERM);
        }
        let reach = Reach { credentials: file.credentials(), namespace: &self.namespace };
        files::store(&self.group, self.file, &reach, &bytes)?;
        Ok(length)
    }
    /// Always ready; POLLPRI and POLLERR for who has not read it since it changed.
    fn poll(&self, _file: &File, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.group.watchers);
        }
        let always = PollEvents::IN | PollEvents::OUT | PollEvents::RDNORM | PollEvents::WRNORM;
        let changed = self.group.is_dead() || self.seen.load(Ordering::Relaxed) != self.changes();
        if changed { always | PollEvents::ERR | PollEvents::PRI } else { always }
    }
    fn is_positioned(&self) -> bool {
        true
    }
    fn is_pollable(&self) -> bool {
        true
    }
    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        file.seek_in(to, 0)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
