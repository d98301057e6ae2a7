//! Entropy from the hardware.
use crate::cpu::features;
use crate::instructions::read_counter;
use core::arch::asm;

fn rdseed() -> Option<u64> {
    for _ in 0..16 {
        let (value, ok): (u64, u8);
        // SAFETY: only called where CPUID offers the instruction.
        unsafe { asm!("rdseed {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nostack, nomem)) };
        if ok != 0 {
            return Some(value);
        }
    }
    None
}

fn rdrand() -> Option<u64> {
    for _ in 0..16 {
        let (value, ok): (u64, u8);
        // SAFETY: only called where CPUID offers the instruction.
        unsafe { asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nostack, nomem)) };
        if ok != 0 {
            return Some(value);
        }
    }
    None
}

/// Fills with entropy from RDSEED/RDRAND where there is one, mixed with time stamps; returns how many bits may be credited.
pub fn entropy(into: &mut [u8]) -> usize {
    let mut credited = 0usize;
    let mut stamp = read_counter();
    for chunk in into.chunks_mut(8) {
        let hardware = if features().rdseed { rdseed() } else { None };
        let hardware = hardware.or_else(|| if features().rdrand { rdrand() } else { None });
        if hardware.is_some() {
            credited = credited.saturating_add(chunk.len().saturating_mul(8));
        }
        // A step of splitmix64, so that time stamps alone at least differ in all bits.
        stamp = stamp.wrapping_add(read_counter().rotate_left(32)).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (stamp ^ stamp >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let word = hardware.unwrap_or(0) ^ mixed ^ mixed >> 31;
        chunk.copy_from_slice(word.to_le_bytes().get(..chunk.len()).unwrap_or(&[]));
    }
    credited
}
