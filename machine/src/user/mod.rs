//! Copies between kernel and user memory, of the current task's loaded address space only.
//!
//! The plain functions resolve faults as user mode would and may sleep: no spin lock may be held (checked). The
//! `_nofault` ones give up at the first page that is not there. All return how many bytes they could NOT copy, 0 for
//! success, and never touch kernel memory whatever the address.
mod access;
#[cfg(test)]
mod tests;

use crate::memory::Frame;
use crate::paging::USER_END;
pub(crate) use access::fixup;
#[cfg(target_os = "none")]
pub(crate) use access::initialize;
use access::{NOFAULT, Routines, SLEEPING};

/// User memory was not accessible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault;

/// Whether a range lies in user space. As on Linux nothing of one that reaches beyond is copied.
#[inline(always)]
fn is_user(start: u64, length: usize) -> bool {
    // Ranges that wrap are not there either; one addition and one comparison.
    start.saturating_add(length as u64) <= USER_END
}
/// A sleeping copy needs a context that may sleep; the trap refuses to resolve the fault otherwise.
#[inline(always)]
fn check_context() {
    #[cfg(target_os = "none")]
    debug_assert!(!crate::cpu::holds_guards(), "user copy that may sleep under a spin lock");
}

#[inline(always)]
fn from_user(routines: &Routines, into: &mut [u8], from: u64) -> usize {
    if !is_user(from, into.len()) {
        return into.len();
    }
    // SAFETY: the user range is in user space, the other is the slice.
    unsafe { (routines.copy)(into.as_mut_ptr() as u64, from, into.len()) }
}
#[inline(always)]
fn to_user(routines: &Routines, to: u64, from: &[u8]) -> usize {
    if !is_user(to, from.len()) {
        return from.len();
    }
    // SAFETY: the user range is in user space, the other is the slice.
    unsafe { (routines.copy)(to, from.as_ptr() as u64, from.len()) }
}
/// Frame to user or back: `length` counts as asked, what does not fit the page is not copied.
#[inline(always)]
fn with_frame(routines: &Routines, frame: &Frame, offset: usize, user: u64, length: usize, to_user: bool) -> usize {
    if !is_user(user, length) || !to_user && frame.is_zero_page() {
        return length;
    }
    let (offset, clamped) = Frame::clamp(offset, length);
    let memory = frame.address() as u64 + offset as u64;
    let (to, from) = if to_user { (user, memory) } else { (memory, user) };
    // SAFETY: the user range is in user space, the other in the frame.
    let left = unsafe { (routines.copy)(to, from, clamped) };
    length - clamped + left
}

/// Copies from user memory.
#[inline]
pub fn copy_from_user(into: &mut [u8], from: u64) -> usize {
    check_context();
    from_user(&SLEEPING, into, from)
}
/// Copies from user memory to memory that need not be initialized.
///
/// # Safety
/// `into` may be written for `length` bytes, and nobody else uses them.
#[inline(always)]
pub(crate) unsafe fn copy_from_user_raw(into: *mut u8, from: u64, length: usize) -> usize {
    check_context();
    if !is_user(from, length) {
        return length;
    }
    // SAFETY: the user range is in user space, the other is the caller's.
    unsafe { (SLEEPING.copy)(into as u64, from, length) }
}
/// Reads an array whose size is known when this is compiled; 16 and 32 bytes go through registers.
#[inline(always)]
pub fn load_bytes<const SIZE: usize>(from: u64) -> Result<[u8; SIZE], Fault> {
    check_context();
    if !is_user(from, SIZE) {
        return Err(Fault);
    }
    let mut bytes = [0; SIZE];
    let mut fill = |words: &[u64]| {
        bytes.chunks_exact_mut(8).zip(words).for_each(|(place, word)| place.copy_from_slice(&word.to_ne_bytes()));
    };
    match SIZE {
        // SAFETY: in user space.
        16 => fill(&unsafe { access::load_pair(from) }.ok_or(Fault)?),
        // SAFETY: in user space.
        32 => fill(&unsafe { access::load_quad(from) }.ok_or(Fault)?),
        _ => {
            if from_user(&SLEEPING, &mut bytes, from) != 0 {
                return Err(Fault);
            }
        }
    }
    Ok(bytes)
}
/// Writes an array whose size is known when this is compiled, as [`load_bytes`] reads one. A fault comes at the first byte that
/// cannot be written.
#[inline(always)]
pub fn store_bytes<const SIZE: usize>(to: u64, bytes: &[u8; SIZE]) -> Result<(), Fault> {
    check_context();
    if !is_user(to, SIZE) {
        return Err(Fault);
    }
    let word = |index: usize| {
        let raw = bytes.get(8 * index..8 * index + 8).and_then(|raw| raw.try_into().ok());
        raw.map_or(0, u64::from_ne_bytes)
    };
    match SIZE {
        // SAFETY: in user space.
        16 if unsafe { access::store_pair(to, [word(0), word(1)]) } => Ok(()),
        // The bytes once more, so that they need not lie in memory where all goes well.
        16 => store_slowly(to, [word(0), word(1), 0, 0], SIZE),
        // SAFETY: in user space.
        32 if unsafe { access::store_quad(to, [word(0), word(1), word(2), word(3)]) } => Ok(()),
        32 => store_slowly(to, [word(0), word(1), word(2), word(3)], SIZE),
        _ if to_user(&SLEEPING, to, bytes) == 0 => Ok(()),
        _ => Err(Fault),
    }
}
/// Reads words that lie one behind the other, to room that is not zeroed first.
#[inline]
pub fn load_array<const WORDS: usize>(from: u64) -> Result<[u64; WORDS], Fault> {
    let mut words = core::mem::MaybeUninit::<[u64; WORDS]>::uninit();
    // SAFETY: the room is this function's, and as large.
    if unsafe { copy_from_user_raw(words.as_mut_ptr().cast(), from, 8 * WORDS) } != 0 {
        return Err(Fault);
    }
    // SAFETY: every byte has been copied, and words of any value are valid.
    Ok(unsafe { words.assume_init() })
}
/// Writes words, one behind the other.
#[inline]
pub fn store_array<const WORDS: usize>(to: u64, words: &[u64; WORDS]) -> Result<(), Fault> {
    check_context();
    // SAFETY: the words' own bytes, all of which are initialized.
    let bytes = unsafe { core::slice::from_raw_parts(words.as_ptr().cast::<u8>(), 8 * WORDS) };
    if to_user(&SLEEPING, to, bytes) == 0 { Ok(()) } else { Err(Fault) }
}
/// Reads four words that lie one behind the other.
#[inline(always)]
pub fn load_words(from: u64) -> Result<[u64; 4], Fault> {
    check_context();
    if !is_user(from, 32) {
        return Err(Fault);
    }
    // SAFETY: in user space.
    unsafe { access::load_quad(from) }.ok_or(Fault)
}
/// Writes four words, one behind the other.
#[inline(always)]
pub fn store_words(to: u64, words: [u64; 4]) -> Result<(), Fault> {
    check_context();
    if !is_user(to, 32) {
        return Err(Fault);
    }
    // SAFETY: in user space.
    if unsafe { access::store_quad(to, words) } {
        return Ok(());
    }
    store_slowly(to, words, 32)
}
/// Writes the first `length` bytes of the words, up to the first that cannot be written.
#[cold]
fn store_slowly(to: u64, words: [u64; 4], length: usize) -> Result<(), Fault> {
    let mut bytes = [0; 32];
    bytes.chunks_exact_mut(8).zip(words).for_each(|(place, word)| place.copy_from_slice(&word.to_ne_bytes()));
    if to_user(&SLEEPING, to, bytes.get(..length).unwrap_or_default()) == 0 { Ok(()) } else { Err(Fault) }
}
/// Copies to user memory.
#[inline]
pub fn copy_to_user(to: u64, from: &[u8]) -> usize {
    check_context();
    to_user(&SLEEPING, to, from)
}
/// Zeroes user memory.
pub fn clear_user(to: u64, length: usize) -> usize {
    check_context();
    if !is_user(to, length) {
        return length;
    }
    // SAFETY: in user space.
    unsafe { (SLEEPING.clear)(to, length) }
}
/// Zeroes user memory without resolving faults.
pub fn clear_user_nofault(to: u64, length: usize) -> usize {
    if !is_user(to, length) {
        return length;
    }
    // SAFETY: in user space.
    unsafe { (NOFAULT.clear)(to, length) }
}
/// Copies from user memory without resolving faults.
#[inline]
pub fn copy_from_user_nofault(into: &mut [u8], from: u64) -> usize {
    from_user(&NOFAULT, into, from)
}
/// Copies to user memory without resolving faults.
#[inline]
pub fn copy_to_user_nofault(to: u64, from: &[u8]) -> usize {
    to_user(&NOFAULT, to, from)
}
/// Copies from a frame to user memory.
pub fn copy_frame_to_user(to: u64, frame: &Frame, offset: usize, length: usize) -> usize {
    check_context();
    with_frame(&SLEEPING, frame, offset, to, length, true)
}
/// As [`copy_frame_to_user`], without resolving faults.
pub fn copy_frame_to_user_nofault(to: u64, frame: &Frame, offset: usize, length: usize) -> usize {
    with_frame(&NOFAULT, frame, offset, to, length, true)
}
/// Copies from user memory to a frame (nothing to the zero page).
pub fn copy_user_to_frame(frame: &Frame, offset: usize, from: u64, length: usize) -> usize {
    check_context();
    with_frame(&SLEEPING, frame, offset, from, length, false)
}
/// As `copy_user_to_frame`, without resolving faults.
pub fn copy_user_to_frame_nofault(frame: &Frame, offset: usize, from: u64, length: usize) -> usize {
    with_frame(&NOFAULT, frame, offset, from, length, false)
}

/// Stores the last two bytes of each record of eight (`struct pollfd`), and nothing else: how many records were not stored.
pub fn scatter_to_user(to: u64, from: &[[u16; 4]]) -> usize {
    check_context();
    if !is_user(to, size_of_val(from)) {
        return from.len();
    }
    // SAFETY: the user range is in user space, the other is the slice.
    unsafe { (SLEEPING.scatter)(to, from.as_ptr() as u64, from.len()) }
}

#[inline(always)]
fn string(routines: &Routines, into: &mut [u8], from: u64) -> Result<usize, Fault> {
    // A string may end just below the end of user space, so what lies beyond only shortens the look.
    let Some(there) = USER_END.checked_sub(from) else { return Err(Fault) };
    let length = into.len().min(usize::try_from(there).unwrap_or(usize::MAX));
    // SAFETY: the user range is in user space, the other is the slice.
    let found = unsafe { (routines.string)(into.as_mut_ptr() as u64, from, length) };
    if found > length || found == length && length < into.len() {
        return Err(Fault);
    }
    Ok(found)
}
/// Copies a string: the length without the NUL, `into.len()` when there was no NUL within it, or the fault. What follows the
/// string in `into` is unspecified.
pub fn strncpy_from_user(into: &mut [u8], from: u64) -> Result<usize, Fault> {
    check_context();
    string(&SLEEPING, into, from)
}
/// As [`strncpy_from_user`], without resolving faults.
pub fn strncpy_from_user_nofault(into: &mut [u8], from: u64) -> Result<usize, Fault> {
    string(&NOFAULT, into, from)
}

/// Writes the CPU's FPU registers to user memory, `length` bytes of which belong to the state. Without resolving faults.
pub(crate) fn store_fpu_nofault(to: u64, length: usize, components: Option<u32>) -> bool {
    // SAFETY: in user space.
    is_user(to, length)
        && unsafe {
            match components {
                Some(components) => access::user_xsave_nofault(to, components) == 0,
                None => access::user_fxsave_nofault(to, 0) == 0,
            }
        }
}
/// Loads the CPU's FPU registers from user memory, where their whole state in XSAVE layout is. Without resolving faults; false
/// also for what the CPU does not take. Then they hold anything.
pub(crate) fn load_fpu_nofault(from: u64, length: usize, components: u32) -> bool {
    // SAFETY: in user space.
    is_user(from, length) && unsafe { access::user_xrstor_nofault(from, components) == 0 }
}
/// Brings the pages of a range in, as a read of each or a write would. False if one cannot be had.
pub(crate) fn touch(start: u64, length: usize, write: bool) -> bool {
    let last = start.saturating_add(length as u64).saturating_sub(1);
    let mut at = start;
    loop {
        let touched = match load_user::<u8>(at) {
            Ok(byte) if write => store_user(at, byte),
            loaded => loaded.map(|_| ()),
        };
        if touched.is_err() {
            return false;
        }
        if at | 0xfff >= last {
            return true;
        }
        at = (at | 0xfff) + 1;
    }
}

mod sealed {
    pub trait Sealed {}
}
/// A word that is loaded and stored in one access: `u8`, `u16`, `u32`, `u64`.
pub trait UserWord: Copy + sealed::Sealed {
    /// Binary logarithm of the size.
    #[doc(hidden)]
    const SIZE_LOG: u32;
    #[doc(hidden)]
    fn from_word(word: u64) -> Self;
    #[doc(hidden)]
    fn into_word(self) -> u64;
}
macro_rules! user_word {
    ($($word:ty: $log:literal),*) => {
        $(
            impl sealed::Sealed for $word {}
            impl UserWord for $word {
                const SIZE_LOG: u32 = $log;
                fn from_word(word: u64) -> Self {
                    word as $word
                }
                fn into_word(self) -> u64 {
                    u64::from(self)
                }
            }
        )*
    };
}
user_word!(u8: 0, u16: 1, u32: 2, u64: 3);

#[inline(always)]
fn load<T: UserWord>(routines: &Routines, from: u64) -> Result<T, Fault> {
    if !is_user(from, size_of::<T>()) {
        return Err(Fault);
    }
    // SAFETY: in user space.
    let loaded = unsafe { (routines.load[T::SIZE_LOG as usize])(from) };
    if loaded.fault == 0 { Ok(T::from_word(loaded.value)) } else { Err(Fault) }
}
#[inline(always)]
fn store<T: UserWord>(routines: &Routines, to: u64, value: T) -> Result<(), Fault> {
    if !is_user(to, size_of::<T>()) {
        return Err(Fault);
    }
    // SAFETY: in user space.
    let stored = unsafe { (routines.store[T::SIZE_LOG as usize])(to, value.into_word()) };
    if stored.fault == 0 { Ok(()) } else { Err(Fault) }
}
/// Loads a word in one access (alignment does not matter, as for the CPU).
#[inline]
pub fn load_user<T: UserWord>(from: u64) -> Result<T, Fault> {
    check_context();
    load(&SLEEPING, from)
}
/// Stores a word in one access.
#[inline]
pub fn store_user<T: UserWord>(to: u64, value: T) -> Result<(), Fault> {
    check_context();
    store(&SLEEPING, to, value)
}
/// As [`load_user`], without resolving faults.
#[inline]
pub fn load_user_nofault<T: UserWord>(from: u64) -> Result<T, Fault> {
    load(&NOFAULT, from)
}
/// As [`store_user`], without resolving faults.
#[inline]
pub fn store_user_nofault<T: UserWord>(to: u64, value: T) -> Result<(), Fault> {
    store(&NOFAULT, to, value)
}
/// Reads a naturally aligned word atomically, without resolving faults (under locks), for futexes. A word that is not
/// aligned is a fault.
pub fn load_u32_nofault(from: u64) -> Result<u32, Fault> {
    if !from.is_multiple_of(4) { Err(Fault) } else { load(&NOFAULT, from) }
}
fn exchange(routines: &Routines, at: u64, expected: u32, new: u32) -> Result<u32, Fault> {
    if !at.is_multiple_of(4) || !is_user(at, 4) {
        return Err(Fault);
    }
    // SAFETY: in user space.
    let found = unsafe { (routines.exchange)(at, expected, new) };
    if found.fault == 0 { Ok(found.value as u32) } else { Err(Fault) }
}
/// Compare-exchange of a user word: the value found. Without resolving faults.
pub fn compare_exchange_u32_nofault(at: u64, expected: u32, new: u32) -> Result<u32, Fault> {
    exchange(&NOFAULT, at, expected, new)
}
/// Compare-exchange of a user word: the value found.
pub fn compare_exchange_u32(at: u64, expected: u32, new: u32) -> Result<u32, Fault> {
    check_context();
    exchange(&SLEEPING, at, expected, new)
}
