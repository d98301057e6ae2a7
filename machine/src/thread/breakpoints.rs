//! Hardware breakpoints and watchpoints of user threads: the debug registers. With them goes whether the trap flag strikes after
//! each branch only.
use super::Thread;
use crate::cpu::local::{self, CpuLocal};
use crate::instructions;
use crate::paging::USER_END;

/// A thread's debug registers: four addresses, and what is watched there (DR7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breakpoints {
    addresses: [u64; 4],
    control: u64,
}

/// The local and global enable bits of all four.
const ENABLED: u64 = 0xff;
/// Bits 8 and 9 (exactness, which CPUs ignore), and the four kinds and lengths.
const ALLOWED: u64 = 0xffff_0000 | 0x300 | ENABLED;
/// The kind that watches I/O ports.
const IO: u64 = 0b10;
/// The kind that stops at an instruction.
const EXECUTE: u64 = 0b00;
/// Ours, a bit that DR7 has not: the trap flag strikes after branches.
const BRANCHES: u64 = 1 << 63;

impl Breakpoints {
    /// None is set.
    pub const NONE: Breakpoints = Breakpoints { addresses: [0; 4], control: 0 };

    /// `None` unless all of it concerns user memory alone: every address, whether enabled or not, with the bytes behind it; no
    /// I/O, and instructions of length one only.
    pub fn new(addresses: [u64; 4], control: u64) -> Option<Breakpoints> {
        let fits = |(index, address): (usize, &u64)| {
            let place = 16 + 4 * index as u32;
            let (kind, length) = (control >> place & 3, control >> (place + 2) & 3);
            let enabled = control >> (2 * index) & 3 != 0;
            *address < USER_END - 8 && (!enabled || kind != IO && (kind != EXECUTE || length == 0))
        };
        let all = addresses.iter().enumerate().all(fits) && control & !ALLOWED == 0;
        all.then_some(Breakpoints { addresses, control })
    }
    /// The addresses.
    pub fn addresses(&self) -> [u64; 4] {
        self.addresses
    }
    /// Whether the breakpoint `index` is enabled and stops at an instruction.
    pub fn is_instruction(&self, index: usize) -> bool {
        self.is_enabled(index) && self.control >> (16 + 4 * index as u32) & 3 == EXECUTE
    }
    /// Whether the breakpoint `index` is enabled.
    pub fn is_enabled(&self, index: usize) -> bool {
        index < 4 && self.control >> (2 * index) & 3 != 0
    }
    /// The same, and whether the trap flag strikes after the next branch that is taken instead of after the next instruction.
    pub fn with_branch_steps(self, branches: bool) -> Breakpoints {
        let control = self.control & !BRANCHES | if branches { BRANCHES } else { 0 };
        Breakpoints { control, ..self }
    }
    /// Whether there is anything the CPU must be told.
    fn any(&self) -> bool {
        self.control & (ENABLED | BRANCHES) != 0
    }
}

impl Thread {
    /// Makes the CPU watch what this thread watches. Interrupts off, the thread is becoming current.
    #[inline(always)]
    pub(super) fn load_breakpoints(&self, local: &CpuLocal) {
        if local.breakpoints_loaded.get() || self.breakpoints.get().any() {
            self.change_breakpoints(local);
        }
    }
    #[cold]
    fn change_breakpoints(&self, local: &CpuLocal) {
        let Breakpoints { addresses, control } = self.breakpoints.get();
        local.breakpoints_loaded.set(control & (ENABLED | BRANCHES) != 0);
        // SAFETY: `Breakpoints::new` lets user addresses pass only.
        unsafe { instructions::write_debug_registers(addresses, control & !BRANCHES) };
        let branches = control & BRANCHES != 0;
        if local.branch_steps.replace(branches) != branches {
            instructions::set_branch_steps(branches);
        }
    }
    /// The trap flag strikes after each instruction again. Interrupts off, current thread.
    fn end_branch_steps(&self) {
        let breakpoints = self.breakpoints.get();
        if breakpoints.control & BRANCHES != 0 {
            self.breakpoints.set(breakpoints.with_branch_steps(false));
            self.change_breakpoints(local::this());
        }
    }
    /// The current thread's breakpoints.
    pub fn breakpoints(&self) -> Breakpoints {
        self.with_state(|_| self.breakpoints.get())
    }
    /// The current thread begins something else than the instructions that a tracer steps through: the trap flag strikes after any.
    pub fn clear_branch_steps(&self) {
        self.with_state(|current| {
            if current {
                self.end_branch_steps();
            }
        });
    }
    /// Forgets the current thread's breakpoints (execve).
    pub fn clear_breakpoints(&self) {
        self.with_state(|current| {
            self.breakpoints.set(Breakpoints::NONE);
            if current {
                self.load_breakpoints(local::this());
            }
        });
    }
}

/// A debug exception of the current thread's has struck: the CPU has forgotten about branches, and so does the thread. Interrupts off.
pub(crate) fn end_branch_steps() {
    // SAFETY: the current thread is alive while it runs.
    if let Some(thread) = unsafe { local::this().thread.get().as_ref() } {
        thread.end_branch_steps();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_user_memory_can_be_watched() {
        assert!(Breakpoints::new([0x1000, 0, 0, 0], 0x000d_0001).is_some());
        assert!(Breakpoints::new([USER_END, 0, 0, 0], 0x000d_0001).is_none());
        assert!(Breakpoints::new([u64::MAX, 0, 0, 0], 0).is_none());
        // General detect, and I/O.
        assert!(Breakpoints::new([0; 4], 1 << 13).is_none());
        assert!(Breakpoints::new([0; 4], 0x0002_0001).is_none());
        // An instruction has length one.
        assert!(Breakpoints::new([0; 4], 0x0004_0001).is_none());
        // What is ours is not a tracer's to set.
        assert!(Breakpoints::new([0; 4], BRANCHES).is_none());
        let branches = Breakpoints::NONE.with_branch_steps(true);
        assert!(branches.any() && !branches.is_enabled(0) && branches.with_branch_steps(false) == Breakpoints::NONE);
        let two = Breakpoints::new([0; 4], 0x0010_0005).unwrap();
        assert!(two.is_instruction(0) && two.is_enabled(1) && !two.is_instruction(1) && !two.is_enabled(2));
    }
}
