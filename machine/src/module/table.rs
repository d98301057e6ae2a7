//! A table of functions in read-only memory that can be changed: system-call tables.
use crate::OutOfMemory;
use crate::paging::{ModulePages, Use};
use crate::sync::{Once, Rank, SpinLock};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicPtr, Ordering};

/// A table of `N` functions of type `F`. As long as nothing is changed it is the one in the image. The first change makes a
/// copy, in pages that are read-only as well, and publishes it; further ones change an entry of the copy, as one store that
/// readers see or do not see. The copy is kept for good, so that readers need no protection from its end: a reader that was
/// preempted between the pointer and the entry finds an entry, old or new.
pub struct CallTable<F: 'static, const N: usize> {
    /// `N` functions.
    current: AtomicPtr<F>,
    original: &'static [F; N],
    copy: Once<ModulePages>,
    /// How many entries of the copy differ.
    changes: SpinLock<usize>,
}

impl<F: Copy, const N: usize> CallTable<F, N> {
    const WORD: usize = size_of::<usize>();

    /// A table with these entries, which must be pointers to functions.
    pub const fn new(original: &'static [F; N]) -> Self {
        assert!(size_of::<F>() == size_of::<usize>() && align_of::<F>() == align_of::<usize>(), "not pointers");
        CallTable {
            current: AtomicPtr::new(original.as_ptr().cast_mut()),
            original,
            copy: Once::new(),
            changes: SpinLock::new(Rank(Rank::MACHINE + 0x270, "a table of calls"), 0),
        }
    }
    /// The entry now. Two loads.
    #[inline(always)]
    pub fn get(&self, index: usize) -> Option<F> {
        if index >= N {
            return None;
        }
        let table = self.current.load(Ordering::Acquire);
        // SAFETY: `current` points to `N` entries that stay for good: the original's, which nobody writes, or the copy's, which are
        // written as words. What is stored in them was made of values of `F`, which are as large as a word (see `new`).
        unsafe {
            let word = (*table.add(index).cast::<AtomicPtr<()>>()).load(Ordering::Relaxed);
            core::mem::transmute_copy::<*mut (), F>(&word)
        }
        .into()
    }
    /// Where the table is that calls go through now.
    pub fn place(&self) -> u64 {
        self.current.load(Ordering::Acquire).expose_provenance() as u64
    }
    /// The entry as it was in the beginning.
    pub fn original(&self, index: usize) -> Option<F> {
        self.original.get(index).copied()
    }
    /// Changes an entry. The index must be one of the table's.
    pub fn replace(&self, index: usize, value: F) -> Result<(), OutOfMemory> {
        if self.copy.get().is_none() {
            // Another's, if that came first.
            drop(self.copy.set(self.make_copy()?));
        }
        let copy = self.copy.get().ok_or(OutOfMemory)?;
        let mut changes = self.changes.lock();
        let old = copy.swap_word(index * Self::WORD, Self::address(value) as u64)?;
        let original = self.original.get(index).map(|value| Self::address(*value) as u64);
        if Some(old) == original {
            *changes += 1;
        }
        self.current.store(core::ptr::with_exposed_provenance_mut(copy.base() as usize), Ordering::Release);
        Ok(())
    }
    /// Puts an entry back.
    pub fn restore(&self, index: usize) {
        let (Some(copy), Some(original)) = (self.copy.get(), self.original(index)) else { return };
        let mut changes = self.changes.lock();
        let original = Self::address(original) as u64;
        // The pages were changed before, so this needs no memory.
        if copy.swap_word(index * Self::WORD, original).is_ok_and(|old| old != original) {
            *changes -= 1;
        }
        if *changes == 0 {
            self.current.store(self.original.as_ptr().cast_mut(), Ordering::Release);
        }
    }
    fn make_copy(&self) -> Result<ModulePages, OutOfMemory> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(N * Self::WORD).map_err(|_| OutOfMemory)?;
        self.original.iter().for_each(|value| bytes.extend_from_slice(&Self::address(*value).to_ne_bytes()));
        let mut pages = ModulePages::reserve(bytes.len())?;
        pages.map(0, &bytes, Use::Read)?;
        Ok(pages)
    }
    fn address(value: F) -> usize {
        // SAFETY: a pointer to a function is as large as a word (see `new`), and a word may have any value.
        unsafe { core::mem::transmute_copy::<F, *const ()>(&value) }.expose_provenance()
    }
}
