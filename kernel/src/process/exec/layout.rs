//! Where a new program's stack, mappings, heap and position-independent code go: address space layout randomization.
use core::sync::atomic::{AtomicU32, Ordering};
use machine::paging::USER_END;

const PAGE: u64 = 4096;
/// kernel.randomize_va_space: 0 not at all, 1 without the heap, 2 all.
pub static RANDOMIZE: AtomicU32 = AtomicU32::new(2);

/// ADDR_NO_RANDOMIZE of personality(2).
pub const NO_RANDOMIZE: u32 = 0x004_0000;
/// ADDR_COMPAT_LAYOUT of personality(2).
pub const COMPATIBLE_LAYOUT: u32 = 0x020_0000;
/// READ_IMPLIES_EXEC of personality(2).
pub const READ_IMPLIES_EXECUTE: u32 = 0x040_0000;
/// MMAP_PAGE_ZERO of personality(2).
pub const MAP_PAGE_ZERO: u32 = 0x010_0000;
/// Bits that a program with more privileges than its caller does not inherit (PER_CLEAR_ON_SETID).
pub const CLEARED_ON_SET_ID: u32 = READ_IMPLIES_EXECUTE | NO_RANDOMIZE | COMPATIBLE_LAYOUT | MAP_PAGE_ZERO;

/// Bits of a stack's random distance in pages.
const STACK_MASK: u64 = 0x3f_ffff;
/// Bits of a mapping base's random distance in pages (vm.mmap_rnd_bits).
const MAPPING_BITS: u32 = 28;
/// Where position-independent programs go: two thirds up (ELF_ET_DYN_BASE).
const PROGRAM_BASE: u64 = USER_END / 3 * 2;
/// Distance of a program that is its own interpreter's heap.
const HEAP_RANGE: u64 = 0x4000_0000;
/// The least and the most room left for the stack below its top.
const LEAST_STACK: u64 = 128 << 20;
const MOST_STACK: u64 = USER_END / 6 * 5;

/// The chosen addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// One past the stack's highest page.
    pub stack_top: u64,
    /// Where searches for room begin.
    pub mmap_base: u64,
    /// Search upwards.
    pub bottom_up: bool,
    /// Where a position-independent program with an interpreter is loaded (its first page's bias, unaligned beyond pages).
    pub program_base: u64,
    /// Whether addresses are random.
    pub is_random: bool,
}

/// Chooses addresses from a source of random words, RLIMIT_STACK's soft limit and the personality.
pub fn choose(personality: u32, stack_limit: u64, mut random: impl FnMut() -> u64) -> Choice {
    let is_random = RANDOMIZE.load(Ordering::Relaxed) != 0 && personality & NO_RANDOMIZE == 0;
    let mut pages = |mask: u64| if is_random { (random() & mask) * PAGE } else { 0 };
    let mapping_mask = (1 << MAPPING_BITS) - 1;
    let stack_top = USER_END - pages(STACK_MASK);
    let shift = pages(mapping_mask);
    let program_shift = pages(mapping_mask);
    let bottom_up = personality & COMPATIBLE_LAYOUT != 0 || stack_limit == u64::MAX;
    let lowest = (USER_END / 3).next_multiple_of(PAGE);
    let mmap_base = if bottom_up {
        lowest + shift
    } else {
        // Room for the largest random distance of the stack, and its guard gap.
        let pad = STACK_MASK * PAGE + (256 << 12);
        let most = MOST_STACK;
        let gap = stack_limit.saturating_add(if is_random { pad } else { 256 << 12 }).clamp(LEAST_STACK, most);
        (USER_END - gap - shift).next_multiple_of(PAGE)
    };
    let program_base = PROGRAM_BASE.saturating_add(program_shift) & !(PAGE - 1);
    Choice { stack_top, mmap_base, bottom_up, program_base, is_random }
}

/// Where the heap begins, for a program that ends at `end`. `alone`: it is position-independent and has no interpreter, so
/// that what follows it is where mappings go.
pub fn heap_start(end: u64, alone: bool, is_random: bool, mut random: impl FnMut() -> u64) -> u64 {
    if !is_random || RANDOMIZE.load(Ordering::Relaxed) < 2 {
        return end;
    }
    let base = if alone { PROGRAM_BASE } else { end };
    let start = base.next_multiple_of(PAGE);
    let most = HEAP_RANGE.min(USER_END.saturating_sub(start));
    if most < PAGE { start } else { start + (random() % (most / PAGE)) * PAGE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_randomization_places_are_linuxs() {
        let choice = choose(NO_RANDOMIZE, 8 << 20, || panic!("no randomness wanted"));
        assert_eq!(choice.stack_top, 0x7fff_ffff_f000);
        assert_eq!(choice.mmap_base, 0x7fff_f7ff_f000);
        assert_eq!(choice.program_base, 0x5555_5555_4000);
        assert!(!choice.bottom_up);
        assert_eq!(heap_start(0x60_0000, false, false, || 1), 0x60_0000);
    }

    #[test]
    fn random_places_do_not_meet() {
        let mut seed = 1u64;
        for _ in 0..1000 {
            let mut random = || {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                seed >> 8
            };
            let choice = choose(0, 8 << 20, &mut random);
            assert!(choice.stack_top <= USER_END && choice.stack_top % PAGE == 0);
            assert!(choice.stack_top - choice.mmap_base >= (8 << 20) + (256 << 12));
            assert!(choice.mmap_base > choice.program_base + HEAP_RANGE);
            let heap = heap_start(0x60_1234, false, true, &mut random);
            assert!((0x60_1234..0x60_2000 + HEAP_RANGE).contains(&heap) && heap.is_multiple_of(PAGE));
        }
        let unlimited = choose(NO_RANDOMIZE, u64::MAX, || 0);
        assert!(unlimited.bottom_up);
        assert_eq!(unlimited.mmap_base, 0x2aaa_aaaa_a000 + 0x1000);
    }
}
