//! The child's copy of an address space.
use super::layout::Layout;
use super::program::Executable;
use super::{AddressSpace, PAGE};
use crate::error::Result;
use crate::memory::area::AreaFlags;
use crate::memory::commit;
use crate::memory::mapping::AttachedFile;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use machine::paging::Inherit;

impl AddressSpace {
    /// The child's address space at fork(2) without CLONE_VM. Private pages are shared read-only until somebody writes; pages of
    /// files are not copied, since a fault brings them in. Locks on memory are not inherited.
    pub fn fork(&self) -> Result<Arc<AddressSpace>> {
        let child = AddressSpace::with_layout(Layout { end: self.end, ..Layout::new() })?;
        child.tables.copy_local_segments(&self.tables)?;
        child.uses_keys.store(self.uses_keys.load(Ordering::Relaxed), Ordering::Relaxed);
        child.barriers.store(self.barriers.load(Ordering::Relaxed), Ordering::Relaxed);
        let mapper = child.mapper();
        // For writing: no fault may take a page from under the copy.
        let layout = self.layout.write();
        let mut totals = layout.totals;
        let mut last: Option<(&AttachedFile, AttachedFile)> = None;
        let unlock = AreaFlags::LOCKED | AreaFlags::LOCK_ON_FAULT;
        let areas = layout.areas.try_clone(|area| {
            if area.has(AreaFlags::DONT_FORK) {
                totals.count(area.flags, area.pages(), false);
                return Ok(None);
            }
            let file = match (&area.file, &last) {
                (None, _) => None,
                (Some(file), _) if file.segment().is_some() => Some(file.for_mapper(mapper.clone())?),
                (Some(file), Some((seen, copy))) if file.is_same_attachment(seen) => Some(copy.clone()),
                (Some(file), _) => {
                    let copy = file.for_mapper(mapper.clone())?;
                    Some(last.insert((file, copy)).1.clone())
                }
            };
            Ok(Some(area.copy_with(area.flags & !unlock, file)))
        })?;
        totals.locked = 0;
        commit::charge(totals.accounted, true)?;
        let mut auxiliary = Vec::new();
        let reserved = auxiliary.try_reserve_exact(layout.auxiliary.len());
        let mut copy = Layout {
            areas,
            totals,
            peak_total: totals.total,
            default_flags: AreaFlags::NONE,
            end: layout.end,
            mmap_base: layout.mmap_base,
            narrow_base: layout.narrow_base,
            bottom_up: layout.bottom_up,
            heap: layout.heap.clone(),
            code: layout.code.clone(),
            data: layout.data.clone(),
            vdso: layout.vdso.clone(),
            stack_start: layout.stack_start,
            arguments: layout.arguments.clone(),
            environment: layout.environment.clone(),
            auxiliary,
            no_huge_pages: layout.no_huge_pages,
            dump_filter: layout.dump_filter,
            keys: layout.keys,
            executable: layout.executable.as_ref().and_then(Executable::hold),
        };
        if reserved.is_ok() {
            copy.auxiliary.extend_from_slice(&layout.auxiliary);
        }
        // From here on the child's drop undoes everything.
        *child.layout.write() = copy;
        reserved?;
        for area in layout.areas.iter() {
            let skips = AreaFlags::DONT_FORK | AreaFlags::WIPE_ON_FORK | AreaFlags::SHARED;
            if area.has_private_pages() && !area.flags.intersects(skips) {
                debug_assert!(area.start.is_multiple_of(PAGE));
                self.tables.inherit(&child.tables, area.start..area.end, Inherit::CopyOnWrite)?;
            }
        }
        Ok(child)
    }
}
