//! Detaching System V shared memory: shmdt(2).
use super::{PAGE, Removed, Space};
use crate::error::{EINVAL, Result};
use crate::ipc::system_v::shared_memory::Attachments;
use crate::memory::area::Area;
use alloc::sync::Arc;

impl Space {
    /// Removes what is left of the segment that was attached at `address`: mprotect(2) and munmap(2) may have made several areas of it, or
    /// taken some away, its first included. EINVAL if nothing is left, or for an address within a page.
    pub fn detach_segment(&self, address: u64) -> Result<()> {
        if !address.is_multiple_of(PAGE) {
            return Err(EINVAL);
        }
        // The segment of an area that lies where one attached at the address would.
        let attached = |area: &Area| {
            let distance = area.start.checked_sub(address)?;
            let file = area.file.as_ref().filter(|_| distance / PAGE == area.page_offset)?;
            Some((file.segment()?.clone(), super::page_align(file.mapping().size())))
        };
        let mut found: Option<(Arc<Attachments>, u64)> = None;
        let mut removed = Removed::new();
        let mut layout = self.layout.write();
        let mut at = address;
        while let Some(area) = layout.areas.find_from(at) {
            let range = area.start..area.end;
            at = range.end;
            let belongs = match (attached(area), &found) {
                (_, Some((_, size))) if range.end - address > *size => break,
                (Some((segment, _)), Some((first, _))) => Arc::ptr_eq(&segment, first),
                (Some(first), None) => {
                    found = Some(first);
                    true
                }
                (None, _) => false,
            };
            if belongs {
                // As in Linux, no memory for the change leaves it attached without a word.
                let _ = self.unmap_locked(&mut layout, range, &mut removed);
            }
        }
        drop(layout);
        drop(removed);
        found.map(|_| ()).ok_or(EINVAL)
    }
}
