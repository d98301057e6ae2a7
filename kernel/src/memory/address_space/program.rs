//! What exec puts into a new address space: file segments, zeroed memory after them, the stack.
use super::layout::{Layout, Limits};
use super::{AddressSpace, PAGE, Removed, page_align};
use crate::error::{E2BIG, EFAULT, EINVAL, ENOMEM, Result};
use crate::file::File;
use crate::memory::area::{Area, AreaFlags};
use crate::memory::commit;
use crate::process::exec::layout::Choice;
use alloc::sync::Arc;
use machine::memory::Frame;
use machine::paging::Permission;

/// Room that the stack begins with below the arguments.
const STACK_ROOM: u64 = 128 << 10;

/// An executable file while programs run from it: nobody may write to it (ETXTBSY).
pub struct Executable(Arc<File>);
impl Executable {
    /// ETXTBSY if somebody has it open for writing.
    pub fn new(file: Arc<File>) -> Result<Executable> {
        file.inode().deny_write_access()?;
        Ok(Executable(file))
    }
    /// The open file.
    pub fn file(&self) -> &Arc<File> {
        &self.0
    }
    /// Another hold; ETXTBSY never, since the first hold keeps writers off.
    pub fn hold(&self) -> Option<Executable> {
        Executable::new(self.0.clone()).ok()
    }
}
impl Drop for Executable {
    fn drop(&mut self) {
        self.0.inode().allow_write_access();
    }
}

impl AddressSpace {
    /// An empty address space with the places for a new program.
    pub fn for_program(choice: &Choice) -> Result<Arc<AddressSpace>> {
        let &Choice { width, mmap_base, narrow_base, bottom_up, .. } = choice;
        let layout = Layout { end: width.end, mmap_base, narrow_base, bottom_up, ..Layout::new() };
        Self::with_layout(layout)
    }
    /// Private zeroed memory over whole pages, in place of what is there (the part of a segment that the file does not have).
    pub fn add_zeroed(&self, start: u64, end: u64, execute: bool, limits: &Limits) -> Result<()> {
        let (start, end) = (page_align(start), page_align(end));
        if end <= start {
            return Ok(());
        }
        if end > self.end {
            return Err(ENOMEM);
        }
        let flags = super::brk::HEAP_FLAGS.with(AreaFlags::EXECUTE, execute);
        let mut removed = Removed::new();
        let mut layout = self.space.layout.write();
        let result = self
            .space
            .unmap_locked(&mut layout, start..end, &mut removed)
            .and_then(|()| self.add_anonymous(&mut layout, start, end, flags, limits, &mut removed));
        drop(layout);
        drop(removed);
        result
    }
    /// Zeroes from `start` to the end of its page, as user code would: EFAULT if it may not write there.
    pub fn clear_page_end(&self, start: u64) -> Result<()> {
        let length = (page_align(start) - start) as usize;
        let zeros = [0; 256];
        let mut done = 0;
        while done < length {
            let part = zeros.get(..(length - done).min(zeros.len())).ok_or(EINVAL)?;
            let copied = self.space.write_remote(start + done as u64, part, false);
            if copied < part.len() {
                return Err(EFAULT);
            }
            done += copied;
        }
        Ok(())
    }
    /// Sets the stack up: `frames` are its pages from the top down. Returns its lowest address.
    pub fn add_stack(&self, top: u64, frames: &[Frame], execute: bool, limits: &Limits) -> Result<u64> {
        let used = (frames.len() as u64).saturating_mul(PAGE);
        let size = used.saturating_add(STACK_ROOM).min((limits.stack & !(PAGE - 1)).max(used));
        let start = top.checked_sub(size).ok_or(E2BIG)?;
        let flags = (super::brk::HEAP_FLAGS | AreaFlags::GROWS_DOWN).with(AreaFlags::EXECUTE, execute);
        let area = Area::new(start, top, flags, None, 0);
        area.note_private_pages();
        let mut layout = self.space.layout.write();
        layout.may_expand(limits, flags, area.pages())?;
        commit::charge(area.pages(), limits.privileged)?;
        let pages = area.pages();
        if let Err(error) = layout.areas.insert(area) {
            commit::release(pages);
            return Err(error);
        }
        layout.count_pages(flags, pages, true);
        let permission = Permission { write: true, execute, key: 0 };
        for (number, frame) in frames.iter().enumerate() {
            self.space.tables.map(top - (number as u64 + 1) * PAGE, frame.clone(), permission)?;
        }
        Ok(start)
    }
}
