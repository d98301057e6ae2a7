//! The protection keys of an address space.
use super::Space;
use crate::memory::area::Area;
use crate::memory::area::AreaFlags;
use core::sync::atomic::Ordering;
use machine::paging::Access;
use machine::thread::{has_protection_keys, key_allows, set_key_rights};

/// Keys that a processor has.
const KEYS: u8 = 16;
/// PKEY_DISABLE_ACCESS.
const NO_ACCESS: u32 = 1;

/// Which keys are in use.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// A bit for each.
    allocated: u16,
    /// That of pages that are to be executed only.
    execute_only: Option<u8>,
}

impl Keys {
    /// Key 0, which all pages have at first.
    pub const fn new() -> Self {
        Keys { allocated: 1, execute_only: None }
    }
    /// Whether a program may mark pages with it.
    pub fn is_allocated(&self, key: u8) -> bool {
        let there = if has_protection_keys() { KEYS } else { 1 };
        key < there && self.execute_only != Some(key) && self.allocated >> key & 1 != 0
    }
    fn allocate(&mut self) -> Option<u8> {
        let free = (0..KEYS).find(|key| self.allocated >> key & 1 == 0).filter(|_| has_protection_keys())?;
        self.allocated |= 1 << free;
        Some(free)
    }
    /// What mprotect(2) marks an area with that was not told a key: pages for execution only get a key that the caller may not
    /// access, and lose it with that.
    pub fn for_access(&mut self, area: &Area, access: AreaFlags) -> u8 {
        let only = |flags: AreaFlags| flags & AreaFlags::ACCESS == AreaFlags::EXECUTE;
        if only(access) {
            return self.for_execution().unwrap_or(area.key);
        }
        if only(area.flags) && self.execute_only == Some(area.key) { 0 } else { area.key }
    }
    /// The key of pages that are to be executed only; none where there is none left.
    pub fn for_execution(&mut self) -> Option<u8> {
        if self.execute_only.is_none() {
            self.execute_only = self.allocate();
        }
        let key = self.execute_only?;
        if key_allows(key, Access::Read) {
            set_key_rights(key.into(), NO_ACCESS);
        }
        Some(key)
    }
}

impl Space {
    /// A key that is not in use; none if all are, or there are none.
    pub fn allocate_key(&self) -> Option<u8> {
        self.layout.write().keys.allocate()
    }
    /// Gives one back; false if it was not in use.
    pub fn free_key(&self, key: i32) -> bool {
        let mut layout = self.layout.write();
        let Some(key) = u8::try_from(key).ok().filter(|key| layout.keys.is_allocated(*key)) else { return false };
        layout.keys.allocated &= !(1 << key);
        true
    }
    /// The key of the page at an address.
    pub fn key_at(&self, address: u64) -> u8 {
        self.layout.read().areas.find(address).map_or(0, |area| area.key)
    }
    /// Whether the key of the page keeps the current thread from an access. The processor says so by itself where it makes the
    /// access; a copy that was put off is asked again and again.
    #[inline]
    pub(super) fn key_denies(&self, address: u64, access: Access) -> bool {
        // Key 0, which all pages have at first, can be forbidden as well.
        let key = if self.uses_keys.load(Ordering::Relaxed) { self.key_at(address) } else { 0 };
        !key_allows(key, access)
    }
}
