//! Where a new program's stack, mappings, heap and position-independent code go: address space layout randomization.
use abi::Abi;
use core::sync::atomic::{AtomicU32, Ordering};
use machine::paging::USER_END;

const PAGE: u64 = 4096;
/// kernel.randomize_va_space: 0 not at all, 1 without the heap, 2 all.
pub static RANDOMIZE: AtomicU32 = AtomicU32::new(2);

/// ADDR_NO_RANDOMIZE of personality(2).
pub const NO_RANDOMIZE: u32 = 0x004_0000;
pub use crate::memory::address_space::READ_IMPLIES_EXECUTE;

/// ADDR_COMPAT_LAYOUT of personality(2).
pub const COMPATIBLE_LAYOUT: u32 = 0x020_0000;
/// MMAP_PAGE_ZERO of personality(2).
pub const MAP_PAGE_ZERO: u32 = 0x010_0000;
/// Bits that a program with more privileges than its caller does not inherit (PER_CLEAR_ON_SETID).
pub const CLEARED_ON_SET_ID: u32 = READ_IMPLIES_EXECUTE | NO_RANDOMIZE | COMPATIBLE_LAYOUT | MAP_PAGE_ZERO;

/// ADDR_LIMIT_3GB of personality(2).
pub const LIMIT_3_GIB: u32 = 0x800_0000;

/// The least room left for the stack below its top; the most is five sixths of all.
const LEAST_STACK: u64 = 128 << 20;

/// How much room programs of one kind have, and how it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    /// One past the last address (TASK_SIZE).
    pub end: u64,
    /// Bits of a stack's random distance in pages.
    stack_mask: u64,
    /// Bits of a mapping base's random distance in pages (vm.mmap_rnd_bits, vm.mmap_rnd_compat_bits).
    mapping_bits: u32,
    /// Where position-independent programs go (ELF_ET_DYN_BASE).
    program_base: u64,
    /// The most random distance of the heap.
    heap_range: u64,
}

impl Width {
    /// All of user space.
    const WIDE: Width = Width {
        end: USER_END,
        stack_mask: 0x3f_ffff,
        mapping_bits: 28,
        program_base: USER_END / 3 * 2,
        heap_range: 0x4000_0000,
    };
    /// What pointers of 32 bits reach.
    const fn narrow(end: u64) -> Width {
        Width {
            end,
            stack_mask: 0x7ff,
            mapping_bits: 8,
            program_base: (end / 3).next_multiple_of(PAGE) + 0x100_0000,
            heap_range: 0x200_0000,
        }
    }
    /// That of programs of an ABI under a personality.
    pub fn of(abi: Abi, personality: u32) -> Width {
        match abi {
            Abi::X86_64 => Width::WIDE,
            _ if personality & LIMIT_3_GIB != 0 => Width::narrow(0xc000_0000),
            _ => Width::narrow(0xffff_e000),
        }
    }
    /// Where searches for room begin, `shift` below the stack's room or above the lowest place.
    fn mapping_base(&self, bottom_up: bool, is_random: bool, stack_limit: u64, shift: u64) -> u64 {
        if bottom_up {
            return (self.end / 3).next_multiple_of(PAGE) + shift;
        }
        // Room for the largest random distance of the stack, and its guard gap.
        let pad = if is_random { self.stack_mask * PAGE } else { 0 } + (256 << 12);
        let gap = stack_limit.saturating_add(pad).clamp(LEAST_STACK, self.end / 6 * 5);
        (self.end - gap - shift).next_multiple_of(PAGE)
    }
}

/// The chosen addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// One past the stack's highest page.
    pub stack_top: u64,
    /// What it was chosen for.
    pub width: Width,
    /// Where searches for room begin.
    pub mmap_base: u64,
    /// Where they begin for calls with pointers of 32 bits.
    pub narrow_base: u64,
    /// Search upwards.
    pub bottom_up: bool,
    /// Where a position-independent program with an interpreter is loaded (its first page's bias, unaligned beyond pages).
    pub program_base: u64,
    /// Whether addresses are random.
    pub is_random: bool,
}

/// Chooses addresses from a source of random words, RLIMIT_STACK's soft limit and the personality.
pub fn choose(width: Width, personality: u32, stack_limit: u64, mut random: impl FnMut() -> u64) -> Choice {
    let is_random = RANDOMIZE.load(Ordering::Relaxed) != 0 && personality & NO_RANDOMIZE == 0;
    let mut pages = |mask: u64| if is_random { (random() & mask) * PAGE } else { 0 };
    let narrow = Width::narrow(0xffff_e000);
    let bottom_up = personality & COMPATIBLE_LAYOUT != 0 || stack_limit == u64::MAX;
    let stack_top = width.end - pages(width.stack_mask);
    let mut base = |width: Width| {
        let shift = pages((1 << width.mapping_bits) - 1);
        width.mapping_base(bottom_up, is_random, stack_limit, shift)
    };
    let mmap_base = base(width);
    let narrow_base = if width.end > narrow.end { base(narrow) } else { mmap_base };
    let program_shift = pages((1 << width.mapping_bits) - 1);
    let program_base = width.program_base.saturating_add(program_shift) & !(PAGE - 1);
    Choice { stack_top, width, mmap_base, narrow_base, bottom_up, program_base, is_random }
}

/// Where the heap begins, for a program that ends at `end`. `alone`: it is position-independent and has no interpreter, so
/// that what follows it is where mappings go.
pub fn heap_start(choice: &Choice, end: u64, alone: bool, mut random: impl FnMut() -> u64) -> u64 {
    let Width { end: limit, program_base, heap_range, .. } = choice.width;
    if !choice.is_random || RANDOMIZE.load(Ordering::Relaxed) < 2 {
        return end;
    }
    let base = if alone { program_base } else { end };
    let start = base.next_multiple_of(PAGE);
    let most = heap_range.min(limit.saturating_sub(start));
    if most < PAGE { start } else { start + (random() % (most / PAGE)) * PAGE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_randomization_places_are_linuxs() {
        let choose = |abi, stack| choose(Width::of(abi, 0), NO_RANDOMIZE, stack, || panic!("no randomness wanted"));
        let wide = choose(Abi::X86_64, 8 << 20);
        assert_eq!(wide.stack_top, 0x7fff_ffff_f000);
        assert_eq!(wide.mmap_base, 0x7fff_f7ff_f000);
        assert_eq!(wide.narrow_base, 0xf7ff_e000);
        assert_eq!(wide.program_base, 0x5555_5555_4000);
        assert!(!wide.bottom_up);
        assert_eq!(heap_start(&wide, 0x60_0000, false, || 1), 0x60_0000);
        let narrow = choose(Abi::I386, 8 << 20);
        assert_eq!(narrow.stack_top, 0xffff_e000);
        assert_eq!(narrow.mmap_base, 0xf7ff_e000);
        assert_eq!(narrow.program_base, 0x5655_5000);
        assert!(choose(Abi::X32, u64::MAX).bottom_up);
    }

    #[test]
    fn random_places_do_not_meet() {
        let mut seed = 1u64;
        for round in 0..1000 {
            let mut random = || {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                seed >> 8
            };
            let width = Width::of(if round % 2 == 0 { Abi::X86_64 } else { Abi::I386 }, 0);
            let choice = choose(width, 0, 8 << 20, &mut random);
            assert!(choice.stack_top <= width.end && choice.stack_top % PAGE == 0);
            assert!(choice.stack_top - choice.mmap_base >= (8 << 20) + (256 << 12));
            assert!(choice.mmap_base > choice.program_base + width.heap_range);
            let heap = heap_start(&choice, 0x60_1234, false, &mut random);
            assert!((0x60_1234..0x60_2000 + width.heap_range).contains(&heap) && heap.is_multiple_of(PAGE));
        }
        let unlimited = choose(Width::WIDE, NO_RANDOMIZE, u64::MAX, || 0);
        assert!(unlimited.bottom_up);
        assert_eq!(unlimited.mmap_base, 0x2aaa_aaaa_a000 + 0x1000);
    }
}
