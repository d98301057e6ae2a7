//! Reaching into an address space that is not loaded: ptrace, /proc/PID/mem, process_vm_readv, exec's stack.
use super::fault::Trouble;
use super::{PAGE, Space};
use crate::memory::area::AreaFlags;
use machine::memory::Frame;
use machine::paging::Access;

impl Space {
    /// Copies from this address space, whoever is current; how many bytes could be copied. `force` ignores missing permissions
    /// as ptrace does (where the file's own permissions allow it).
    pub fn read_remote(&self, address: u64, into: &mut [u8], force: bool) -> usize {
        self.remote(address, into.len(), false, force, &mut |frame, offset, done, length| {
            into.get_mut(done..done + length).map_or(0, |part| frame.read(offset, part))
        })
    }
    /// Copies to this address space, whoever is current; how many bytes could be copied. Private pages are copied first.
    pub fn write_remote(&self, address: u64, from: &[u8], force: bool) -> usize {
        self.remote(address, from.len(), true, force, &mut |frame, offset, done, length| {
            from.get(done..done + length).map_or(0, |part| frame.write(offset, part))
        })
    }
    fn remote(
        &self,
        address: u64,
        length: usize,
        write: bool,
        force: bool,
        copy: &mut dyn FnMut(&Frame, usize, usize, usize) -> usize,
    ) -> usize {
        let mut done = 0;
        while done < length {
            let Some(at) = address.checked_add(done as u64) else { break };
            let offset = (at % PAGE) as usize;
            let part = (length - done).min(PAGE as usize - offset);
            let Some(frame) = self.remote_page(at & !(PAGE - 1), write, force) else { break };
            let copied = copy(&frame, offset, done, part);
            done += copied;
            if copied < part {
                break;
            }
        }
        done
    }
    /// The page at an address, brought in for reading or writing.
    fn remote_page(&self, page: u64, write: bool, force: bool) -> Option<Frame> {
        let access = if write { Access::Write } else { Access::Read };
        for _ in 0..16 {
            let layout = self.layout.read();
            let area = layout.areas.find(page)?;
            let allowed = if write { AreaFlags::WRITE } else { AreaFlags::READ };
            let may = if write { AreaFlags::MAY_WRITE } else { AreaFlags::MAY_READ };
            if !area.has(allowed) && !(force && area.has(may) && !(write && area.is_shared())) {
                return None;
            }
            if let Some(present) = self.tables.lookup(page) {
                if !write || present.permission.write {
                    if write
                        && let Some(file) = &area.file
                        && area.is_shared()
                    {
                        file.mapping().set_dirty(area.file_page(page));
                    }
                    return Some(present.frame);
                }
                // A private page without write permission may be the only copy; then it is written where it is.
                if !area.is_shared() && !present.frame.is_zero_page() && present.frame.reference_count() == 2 {
                    return Some(present.frame);
                }
            }
            match self.bring_into(area, page, access) {
                Ok(()) => (),
                Err(Trouble::OutOfMemory | Trouble::Wrong(_)) => return None,
            }
        }
        None
    }
}
