//! A table of counted references whose owner, one thread, looks values up without counting.
//!
//! The reading half finds a value by an index; the writing half, which its user keeps under a lock, changes the table. While
//! a thread owns the table, what it borrows is protected by a plain counter that no other thread writes: a value that leaves
//! the table while the counter is not zero, or by another thread's hand, keeps its count until nothing is borrowed.
use super::defer;
use crate::OutOfMemory;
use crate::memory::{try_arc, try_box};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, compiler_fence};

/// No thread owns the table; no task lies at this address.
const NOBODY: usize = 1;

/// Values by index: null, or from `Arc::into_raw`.
struct Array<T> {
    slots: Vec<AtomicPtr<T>>,
}
impl<T> Array<T> {
    fn new(length: usize) -> Result<Array<T>, OutOfMemory> {
        let mut slots = Vec::new();
        slots.try_reserve_exact(length).map_err(|_| OutOfMemory)?;
        slots.resize_with(length, || AtomicPtr::new(ptr::null_mut()));
        Ok(Array { slots })
    }
}

struct Inner<T: Send + Sync + 'static> {
    array: AtomicPtr<Array<T>>,
    /// The key of the thread that may borrow, or [`NOBODY`]. Changed by the writing half.
    owner: AtomicUsize,
    /// How many borrows of the owner's there are. Written by the owner alone.
    borrowed: AtomicUsize,
    values: PhantomData<Arc<T>>,
}

/// Names the current thread; different for any two threads that exist, never [`NOBODY`].
#[inline(always)]
fn current_key() -> usize {
    #[cfg(target_os = "none")]
    return crate::cpu::local::current_task() as usize;
    #[cfg(not(target_os = "none"))]
    {
        std::thread_local!(static KEY: u64 = const { 0 });
        KEY.with(|key| ptr::from_ref(key) as usize)
    }
}

/// Makes a table of `length` slots; its two halves. No thread owns it.
pub fn slots<T: Send + Sync + 'static>(length: usize) -> Result<(SlotReader<T>, SlotWriter<T>), OutOfMemory> {
    let array = try_box(Array::new(length)?)?;
    let inner = try_arc(Inner {
        array: AtomicPtr::new(ptr::null_mut()),
        owner: AtomicUsize::new(NOBODY),
        borrowed: AtomicUsize::new(0),
        values: PhantomData,
    })?;
    inner.array.store(Box::into_raw(array), Ordering::Release);
    Ok((SlotReader { inner: inner.clone() }, SlotWriter { inner, parked: Vec::new() }))
}

/// The half that finds values.
pub struct SlotReader<T: Send + Sync + 'static> {
    inner: Arc<Inner<T>>,
}
impl<T: Send + Sync + 'static> SlotReader<T> {
    /// Whether the current thread owns the table.
    #[inline(always)]
    pub fn is_owned(&self) -> bool {
        self.inner.owner.load(Ordering::Acquire) == current_key()
    }
    /// Borrows the value at an index. None if there is none, or if the current thread does not own the table.
    #[inline(always)]
    pub fn borrow(&self, index: usize) -> Option<SlotRef<T>> {
        if !self.is_owned() {
            return None;
        }
        let borrowed = self.raise();
        // SAFETY: an array that was replaced is parked while something is borrowed; the last one goes with the table.
        let array = unsafe { &*self.inner.array.load(Ordering::Acquire) };
        match array.slots.get(index).and_then(|slot| NonNull::new(slot.load(Ordering::Acquire))) {
            Some(value) => Some(SlotRef { value, borrowed: Some(NonNull::from(borrowed)), thread: PhantomData }),
            None => {
                self.lower();
                None
            }
        }
    }
    /// For a look at many values: as if each were borrowed. None if the current thread does not own the table.
    #[inline]
    pub fn scope(&self) -> Option<SlotScope<'_, T>> {
        self.is_owned().then(|| {
            self.raise();
            SlotScope { reader: self, thread: PhantomData }
        })
    }
    /// Forgets what the current thread has borrowed, if it owns the table: its stack is given up, and with it every reference
    /// ([`SlotRef`] and [`SlotScope`] stay with their thread).
    pub fn forget_borrows(&self, _: &crate::module::Abandoned) {
        if self.is_owned() {
            self.inner.borrowed.store(0, Ordering::Release);
        }
    }
    /// Counts a borrow, before the look: what leaves the table from here on is parked, by an interrupt handler's hand too.
    #[inline(always)]
    fn raise(&self) -> &AtomicUsize {
        let borrowed = &self.inner.borrowed;
        borrowed.store(borrowed.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        borrowed
    }
    #[inline(always)]
    fn lower(&self) {
        let borrowed = &self.inner.borrowed;
        borrowed.store(borrowed.load(Ordering::Relaxed).wrapping_sub(1), Ordering::Release);
    }
}

/// What its owner borrows of a table, value by value: see [`SlotReader::scope`]. Stays with its thread.
pub struct SlotScope<'a, T: Send + Sync + 'static> {
    reader: &'a SlotReader<T>,
    thread: PhantomData<*const T>,
}
impl<T: Send + Sync + 'static> SlotScope<'_, T> {
    /// The value at an index, if there is one.
    #[inline(always)]
    pub fn get(&self, index: usize) -> Option<&T> {
        // SAFETY: as in `SlotReader::borrow`; the counter is raised as long as the scope lives.
        let array = unsafe { &*self.reader.inner.array.load(Ordering::Acquire) };
        let value = array.slots.get(index)?.load(Ordering::Acquire);
        // SAFETY: null, or from `Arc::into_raw` and in the table since the counter was raised: its count is kept.
        unsafe { value.as_ref() }
    }
}
impl<T: Send + Sync + 'static> Drop for SlotScope<'_, T> {
    fn drop(&mut self) {
        self.reader.lower();
    }
}

/// A value of a table: borrowed by its owner, or counted. Stays with its thread.
pub struct SlotRef<T: Send + Sync + 'static> {
    /// From `Arc::into_raw`.
    value: NonNull<T>,
    /// The counter of borrows; none for a reference that is counted.
    borrowed: Option<NonNull<AtomicUsize>>,
    thread: PhantomData<*const T>,
}
impl<T: Send + Sync + 'static> SlotRef<T> {
    /// A reference of its own to the value.
    #[inline]
    pub fn to_arc(&self) -> Arc<T> {
        // SAFETY: from `Arc::into_raw`, and the count is not zero as long as this reference lives.
        unsafe {
            Arc::increment_strong_count(self.value.as_ptr());
            Arc::from_raw(self.value.as_ptr())
        }
    }
}
impl<T: Send + Sync + 'static> From<Arc<T>> for SlotRef<T> {
    #[inline]
    fn from(value: Arc<T>) -> Self {
        // SAFETY: a counted reference is not null.
        let value = unsafe { NonNull::new_unchecked(Arc::into_raw(value).cast_mut()) };
        SlotRef { value, borrowed: None, thread: PhantomData }
    }
}
impl<T: Send + Sync + 'static> Deref for SlotRef<T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: a counted value lives as long as this reference. A borrowed one was in the table when the counter was
        // raised; the table, or what parks values, keeps its count until the counter is zero again.
        unsafe { self.value.as_ref() }
    }
}
impl<T: Send + Sync + 'static> Drop for SlotRef<T> {
    #[inline(always)]
    fn drop(&mut self) {
        match self.borrowed {
            // SAFETY: the table outlives what is borrowed from it (see `keep_while_borrowed`). The thread that made this
            // reference drops it: the type is not `Send`.
            Some(borrowed) => unsafe {
                let borrowed = borrowed.as_ref();
                borrowed.store(borrowed.load(Ordering::Relaxed).wrapping_sub(1), Ordering::Release);
            },
            // SAFETY: from `Arc::into_raw`, with a count of its own.
            None => drop(unsafe { Arc::from_raw(self.value.as_ptr()) }),
        }
    }
}

/// The half that changes the table.
pub struct SlotWriter<T: Send + Sync + 'static> {
    inner: Arc<Inner<T>>,
    /// What left the table and may still be borrowed: values, and arrays that were looked into.
    parked: Vec<Parked<T>>,
}
enum Parked<T> {
    Value(#[allow(dead_code, reason = "kept for its count")] Arc<T>),
    Array(#[allow(dead_code, reason = "kept for those who look into it")] Box<Array<T>>),
}
/// Room for a table that is to grow.
pub struct SlotRoom<T>(Box<Array<T>>);

impl<T: Send + Sync + 'static> SlotWriter<T> {
    fn array(&self) -> &Array<T> {
        // SAFETY: replaced only through this half, of which this is a borrow.
        unsafe { &*self.inner.array.load(Ordering::Relaxed) }
    }
    /// How many slots there are.
    pub fn length(&self) -> usize {
        self.array().slots.len()
    }
    /// The value at an index, if there is one.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        let value = self.array().slots.get(index)?.load(Ordering::Relaxed);
        // SAFETY: null or from `Arc::into_raw`; it leaves the table only through this half, of which this is a borrow.
        unsafe { value.as_ref() }
    }
    /// A counted reference to the value at an index.
    #[inline]
    pub fn get_arc(&self, index: usize) -> Option<Arc<T>> {
        let value = ptr::from_ref(self.get(index)?);
        // SAFETY: from `Arc::into_raw`, counted by the table.
        unsafe {
            Arc::increment_strong_count(value);
            Some(Arc::from_raw(value))
        }
    }
    /// Whether nothing that leaves the table can be borrowed: there are no borrows, and no other thread can make one.
    #[inline]
    fn is_unborrowed(&self) -> bool {
        let owner = self.inner.owner.load(Ordering::Acquire);
        (owner == NOBODY || owner == current_key()) && self.inner.borrowed.load(Ordering::Acquire) == 0
    }
    /// Puts a value, or nothing, at an index; what was there, or what was given if there is no such slot.
    pub fn replace(&mut self, index: usize, value: Option<Arc<T>>) -> Option<Arc<T>> {
        let Some(slot) = self.array().slots.get(index) else { return value };
        let new = value.map_or(ptr::null_mut(), |value| Arc::into_raw(value).cast_mut());
        let old = slot.swap(new, Ordering::AcqRel);
        if old.is_null() {
            return None;
        }
        // SAFETY: from `Arc::into_raw`, and out of the table with its count.
        let old = unsafe { Arc::from_raw(old) };
        if !self.is_unborrowed() {
            self.park(Parked::Value(old.clone()));
        } else if !self.parked.is_empty() {
            // Their last drop is not the business of whoever holds a lock here.
            core::mem::take(&mut self.parked).into_iter().for_each(drop_later);
        }
        Some(old)
    }
    #[cold]
    fn park(&mut self, what: Parked<T>) {
        match self.parked.try_reserve(1) {
            Ok(()) => self.parked.push(what),
            // Better never freed than freed while it is used.
            Err(_) => core::mem::forget(what),
        }
    }
    /// Makes the current thread the owner, unless there is one or something is borrowed from the last one.
    pub fn claim(&mut self) {
        let key = current_key();
        if self.inner.owner.load(Ordering::Acquire) == NOBODY && self.is_unborrowed() && key > NOBODY {
            self.inner.owner.store(key, Ordering::Release);
        }
    }
    /// The current thread owns the table no more; what it has borrowed it keeps.
    pub fn release(&mut self) {
        if self.inner.owner.load(Ordering::Acquire) == current_key() {
            self.inner.owner.store(NOBODY, Ordering::Release);
        }
    }
    /// Room for `length` slots, to be used by [`SlotWriter::grow`].
    pub fn room(length: usize) -> Result<SlotRoom<T>, OutOfMemory> {
        Ok(SlotRoom(try_box(Array::new(length)?)?))
    }
    /// Moves the table to larger room; room that is not larger is not used.
    pub fn grow(&mut self, room: SlotRoom<T>) {
        let SlotRoom(new) = room;
        if new.slots.len() <= self.length() {
            return;
        }
        for (new, old) in new.slots.iter().zip(&self.array().slots) {
            new.store(old.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        let old = self.inner.array.swap(Box::into_raw(new), Ordering::AcqRel);
        // SAFETY: from `Box::into_raw`, and replaced: only who borrows now still looks into it. Its values have moved.
        let old = unsafe { Box::from_raw(old) };
        if !self.is_unborrowed() {
            self.park(Parked::Array(old));
        }
    }
}

/// Drops what was parked where it may sleep.
fn drop_later<T: Send + Sync + 'static>(what: Parked<T>) {
    // Without memory to wait in, it was dropped by the failure.
    if let Ok(value) = try_box(what) {
        defer(value);
    }
}

/// Never frees a table of which something is still borrowed.
fn keep_while_borrowed<T: Send + Sync + 'static>(inner: &Arc<Inner<T>>) {
    if inner.borrowed.load(Ordering::Acquire) != 0 {
        core::mem::forget(inner.clone());
    }
}
impl<T: Send + Sync + 'static> Drop for SlotReader<T> {
    fn drop(&mut self) {
        // No borrow begins any more: they begin at this half.
        keep_while_borrowed(&self.inner);
    }
}
impl<T: Send + Sync + 'static> Drop for SlotWriter<T> {
    fn drop(&mut self) {
        keep_while_borrowed(&self.inner);
        if self.inner.borrowed.load(Ordering::Acquire) != 0 || self.inner.owner.load(Ordering::Acquire) != NOBODY {
            core::mem::take(&mut self.parked).into_iter().for_each(core::mem::forget);
        }
    }
}
impl<T: Send + Sync + 'static> Drop for Inner<T> {
    fn drop(&mut self) {
        // SAFETY: from `Box::into_raw`; both halves are gone, and nothing is borrowed.
        let array = unsafe { Box::from_raw(*self.array.get_mut()) };
        for slot in &array.slots {
            let value = slot.load(Ordering::Relaxed);
            if !value.is_null() {
                // SAFETY: from `Arc::into_raw`, counted by the table.
                drop(unsafe { Arc::from_raw(value) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_borrows_without_counting() {
        let (reader, mut writer) = slots::<u32>(4).unwrap();
        let value = Arc::new(7);
        assert!(writer.replace(1, Some(value.clone())).is_none());
        assert!(reader.borrow(1).is_none(), "nobody owns it");
        writer.claim();
        let borrowed = reader.borrow(1).unwrap();
        assert_eq!((*borrowed, Arc::strong_count(&value)), (7, 2));
        assert!(reader.borrow(0).is_none() && reader.borrow(9).is_none());
        // It stays alive though it leaves the table.
        drop(writer.replace(1, None));
        assert_eq!(Arc::strong_count(&value), 2);
        assert_eq!(*borrowed.to_arc(), 7);
        drop(borrowed);
        // The same within a scope.
        drop(writer.replace(1, Some(value.clone())));
        let scope = reader.scope().unwrap();
        let seen = scope.get(1).unwrap();
        // What was borrowed before may wait for its grace period still.
        let held = Arc::strong_count(&value);
        drop(writer.replace(1, None));
        assert_eq!((*seen, Arc::strong_count(&value), scope.get(1), scope.get(9)), (7, held, None, None));
        drop(scope);
        drop((reader, writer));
    }

    #[test]
    fn other_threads_do_not_borrow_and_do_not_free() {
        let (reader, mut writer) = slots::<u32>(2).unwrap();
        let value = Arc::new(9);
        writer.replace(0, Some(value.clone()));
        writer.claim();
        let borrowed = reader.borrow(0).unwrap();
        let writer = std::thread::scope(|scope| {
            scope
                .spawn(move || {
                    assert!(!reader.is_owned() && reader.borrow(0).is_none());
                    drop(writer.replace(0, None));
                    writer.claim();
                    writer.release();
                    writer
                })
                .join()
                .unwrap()
        });
        assert_eq!((*borrowed, Arc::strong_count(&value)), (9, 2));
        drop(borrowed);
        drop(writer);
    }

    #[test]
    fn a_table_grows_under_its_readers() {
        let (reader, mut writer) = slots::<u32>(1).unwrap();
        writer.replace(0, Some(Arc::new(1)));
        writer.claim();
        let first = reader.borrow(0).unwrap();
        writer.grow(SlotWriter::room(8).unwrap());
        assert_eq!((writer.length(), *first), (8, 1));
        assert!(writer.replace(7, Some(Arc::new(2))).is_none());
        assert_eq!(*reader.borrow(7).unwrap(), 2);
        let refused = writer.replace(8, Some(Arc::new(3)));
        assert_eq!(refused.as_deref(), Some(&3));
    }
}
