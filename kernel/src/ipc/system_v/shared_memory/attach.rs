//! shmat(2) and shmdt(2).
use super::super::{access, namespace};
use super::{Attachments, Segment};
use crate::error::*;
use crate::file::open_file::open_flag;
use crate::file::{File, FileOperations};
use crate::memory::Mapping;
use crate::memory::calls::{MapPlace, map_open_file};
use crate::process::Task;
use crate::syscall::UserAddress;
use abi::mman::{PROT_EXEC, PROT_READ, PROT_WRITE};
use alloc::sync::Arc;
use core::any::Any;

/// Flags of shmat(2).
mod flag {
    pub const READ_ONLY: u32 = 0o10000;
    pub const ROUND: u32 = 0o20000;
    pub const REPLACE: u32 = 0o40000;
    pub const EXECUTE: u32 = 0o100000;
}

/// A segment, opened to be attached.
struct SegmentFile(Arc<Attachments>);
impl FileOperations for SegmentFile {
    fn mapping(&self, file: &File) -> Result<Arc<Mapping>> {
        file.inode().mapping().cloned().ok_or(ENODEV)
    }
    fn segment(&self) -> Option<&Arc<Attachments>> {
        Some(&self.0)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Keeps a segment from going while it is being attached.
struct Hold<'a>(&'a Segment);
impl<'a> Hold<'a> {
    fn take(segment: &'a Segment) -> Result<Hold<'a>> {
        segment.attachments.hold(segment.id())?;
        Ok(Hold(segment))
    }
}
impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.attachments.release();
    }
}

/// shmat(2): where the segment is. EINVAL, EACCES, EIDRM, ENOMEM.
pub fn shmat(task: &Task, id: i32, address: u64, flags: u32) -> Result<UserAddress> {
    const PAGE: u64 = crate::memory::PAGE_BYTES;
    if id < 0 {
        return Err(EINVAL);
    }
    let replaces = flags & flag::REPLACE != 0;
    let mut start = address;
    if !address.is_multiple_of(PAGE) {
        if flags & flag::ROUND == 0 {
            return Err(EINVAL);
        }
        start = address & !(PAGE - 1);
    }
    if start == 0 && replaces {
        return Err(EINVAL.because("SHM_REMAP needs an address"));
    }
    let place = match address {
        0 => MapPlace::Anywhere,
        _ if replaces => MapPlace::Replace(start),
        _ => MapPlace::Free(start),
    };
    let (mut protection, mut wanted, mut open) = (PROT_READ, access::READ, open_flag::READ_ONLY);
    if flags & flag::READ_ONLY == 0 {
        (protection, wanted, open) = (protection | PROT_WRITE, wanted | access::WRITE, open_flag::READ_WRITE);
    }
    if flags & flag::EXECUTE != 0 {
        (protection, wanted) = (protection | PROT_EXEC, wanted | access::EXECUTE);
    }
    let segment = namespace(task).segments.find(id)?;
    segment.permissions.check(task, wanted)?;
    let hold = Hold::take(&segment)?;
    let inode = segment.path.inode()?;
    if open == open_flag::READ_WRITE {
        inode.get_write_access()?;
    }
    let operations = machine::memory::try_box(SegmentFile(segment.attachments.clone()))?;
    let file = File::new(segment.path.clone(), operations, open | open_flag::LARGE_FILE, task.credentials())?;
    let result = map_open_file(task, file, place, segment.size, protection);
    drop(hold);
    result.map(UserAddress)
}

/// shmdt(2): EINVAL where no segment is attached.
pub fn shmdt(task: &Task, address: u64) -> Result<()> {
    task.memory().ok_or(EINVAL)?.detach_segment(address)
}
