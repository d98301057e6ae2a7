//! FPU state: saved when a thread that used the registers is switched out, loaded when it runs (or, under TCG, first
//! computes) again.
//!
//! A token names what the registers hold: as long as a CPU's token equals a thread's, its registers equal the saved state
//! and need no loading. Under TCG, where saving costs a microsecond, CR0.TS tells whether a thread used the registers at
//! all; on hardware the state is always loaded at the switch, since lazy loading lets other threads' registers be guessed.
use super::Thread;
use super::fpu_area::{FloatingPoint, INITIAL_PKRU, SOFTWARE, SOFTWARE_WORDS, read_pkru, write_pkru};
use crate::cpu::local::{self, CpuLocal};
use crate::cpu::{Features, features};
use crate::instructions::{read_cr0, write_cr0};
use crate::paging::Access;
use crate::user::store_array;
use core::arch::asm;

const CR0_TASK_SWITCHED: u64 = 1 << 3;
/// How often pages are brought in for registers to be moved: more than once only where memory is so short that they go again.
const ATTEMPTS: usize = 8;

/// A fresh name for the state in this CPU's registers.
fn new_token(local: &CpuLocal) -> u64 {
    let next = local.fpu_tokens_given.get().wrapping_add(1);
    local.fpu_tokens_given.set(next);
    (next << 8) | local.number.get() as u64
}

/// Makes the registers usable.
fn claim_registers(local: &CpuLocal) {
    if local.fpu_trap.replace(false) {
        // SAFETY: clears the task-switched flag.
        unsafe { asm!("clts", options(nostack)) };
    }
}

/// Whether the CPU has protection keys.
pub fn has_protection_keys() -> bool {
    features().pku
}
/// Bits of a key in the register of rights: all is forbidden, writes are.
const NO_ACCESS: u32 = 1;
const NO_WRITE: u32 = 2;
/// Whether the current thread may access pages of a key in this way. Keys do not keep it from executing them.
pub fn key_allows(key: u8, access: Access) -> bool {
    if !features().pku {
        return true;
    }
    let rights = read_pkru() >> (2 * (key & 15)) & 3;
    match access {
        Access::Execute => true,
        Access::Read => rights & NO_ACCESS == 0,
        Access::Write => rights & (NO_ACCESS | NO_WRITE) == 0,
    }
}
/// Sets what the current thread may do with pages of a key: bit 0 forbids all, bit 1 writes.
pub fn set_key_rights(key: u32, rights: u32) {
    if features().pku {
        let place = 2 * (key & 15);
        write_pkru(read_pkru() & !(3 << place) | (rights & 3) << place);
    }
}

impl Thread {
    /// The thread's FPU state, to its holder.
    ///
    /// # Safety
    /// The caller holds the thread's `state`, with interrupts or preemption off, and drops the reference before it does
    /// anything else with the thread.
    #[allow(clippy::mut_from_ref)]
    pub(super) unsafe fn floating_point(&self) -> Option<&mut FloatingPoint> {
        // SAFETY: by this function's contract.
        unsafe { (*self.floating_point.get()).as_mut() }
    }
    /// Brings the saved state up to date. Interrupts off, current thread.
    #[inline(always)]
    pub(super) fn save_floating_point(&self, local: &CpuLocal) {
        // SAFETY: the current thread's, interrupts off.
        let Some(state) = (unsafe { self.floating_point() }) else { return };
        if features().pku {
            state.pkru = read_pkru();
        }
        if !local.fpu_trap.get() {
            state.store();
            state.token = new_token(local);
            local.fpu_token.set(state.token);
        }
    }
    /// Makes the registers this thread's, now or at its first use of them. Interrupts off, the thread is becoming current.
    #[inline(always)]
    pub(super) fn load_floating_point(&self, local: &CpuLocal) {
        // SAFETY: the thread is becoming current on this CPU, interrupts off.
        let Some(state) = (unsafe { self.floating_point() }) else { return };
        if features().pku && read_pkru() != state.pkru {
            write_pkru(state.pkru);
        }
        if features().tcg {
            if !local.fpu_trap.replace(true) {
                // SAFETY: only the task-switched flag changes.
                unsafe { write_cr0(read_cr0() | CR0_TASK_SWITCHED) };
            }
        } else if state.token == 0 || state.token != local.fpu_token.get() {
            state.load();
            local.fpu_token.set(state.token);
        }
    }
    /// Loads the registers at their first use. Interrupts off, current thread. The rights of protection keys are not among them:
    /// they are there since the switch, and may have been changed since.
    fn load_registers(&self, local: &CpuLocal) {
        // SAFETY: the current thread's, interrupts off.
        let Some(state) = (unsafe { self.floating_point() }) else { return };
        claim_registers(local);
        if state.token == 0 || state.token != local.fpu_token.get() {
            state.load();
            local.fpu_token.set(state.token);
        }
    }
    /// Copies the current thread's state. The caller holds this thread's state, interrupts off.
    pub(super) fn copy_floating_point_from_current(&self) {
        let local = local::this();
        // SAFETY: the current thread is alive while it runs.
        let Some(current) = (unsafe { local.thread.get().as_ref() }) else { return };
        current.save_floating_point(local);
        // SAFETY: the current thread's state, and this thread's, held by the caller; they differ.
        let (Some(from), Some(to)) = (unsafe { (current.floating_point(), self.floating_point()) }) else { return };
        to.bytes_mut().copy_from_slice(from.bytes());
        to.pkru = from.pkru;
        to.token = 0;
    }
    /// The FPU state in XSAVE layout of the current or a stopped thread: bytes for signal frames and ptrace.
    pub fn fpu_read(&self, into: &mut [u8]) -> usize {
        self.with_state(|current| {
            if current {
                self.save_floating_point(local::this());
            }
            // SAFETY: held.
            let Some(state) = (unsafe { self.floating_point() }) else { return 0 };
            state.copy_to(into)
        })
    }
    /// Loads FPU state from XSAVE (or FXSAVE) bytes of user origin, sanitized; false if malformed.
    pub fn fpu_write(&self, from: &[u8]) -> bool {
        self.change_floating_point(|state| state.assign(from))
    }
    /// Writes the current thread's FPU state to user memory, `software` in the bytes that are the program's (464 to 511 of the
    /// FXSAVE area), and gives the thread the initial state, as a signal's handler starts with. False, with the state as it
    /// was, if the memory cannot be written. May sleep.
    pub fn fpu_to_user(&self, to: u64, software: [u64; SOFTWARE_WORDS]) -> bool {
        assert!(self.is_current(), "FPU state of another thread");
        let &Features { xsave_size: size, xsave, .. } = features();
        // The program's bytes, and the header behind them: `xsave` leaves the one and most of the other as they are.
        let place = to.wrapping_add(SOFTWARE as u64);
        let stored = if xsave {
            let [a, b, c, d, e, f] = software;
            store_array(place, &[a, b, c, d, e, f, 0, 0, 0, 0, 0, 0, 0, 0])
        } else {
            store_array(place, &software)
        };
        if stored.is_err() {
            return false;
        }
        // The registers are written without resolving faults, since whoever sleeps loses them.
        for _ in 0..ATTEMPTS {
            if self.move_registers_to(to, size, xsave.then_some(features().xsave_components as u32)) {
                return true;
            }
            if !crate::user::touch(to, size, true) {
                return false;
            }
        }
        false
    }
    /// Writes the registers, and puts the initial state into them if that was done.
    fn move_registers_to(&self, to: u64, size: usize, components: Option<u32>) -> bool {
        let _guard = crate::cpu::InterruptGuard::new();
        let local = local::this();
        if local.fpu_trap.get() {
            self.load_registers(local);
        }
        let written = crate::user::store_fpu_nofault(to, size, components);
        if written {
            self.load_initial(local);
        }
        written
    }
    /// Puts the initial state into the registers. Interrupts off, current thread.
    fn load_initial(&self, local: &CpuLocal) {
        // SAFETY: the current thread's, interrupts off.
        let Some(state) = (unsafe { self.floating_point() }) else { return };
        claim_registers(local);
        FloatingPoint::load_initial();
        state.pkru = INITIAL_PKRU;
        if features().pku {
            write_pkru(INITIAL_PKRU);
        }
        self.forget_saved(local, state);
    }
    /// The registers differ from what is saved.
    fn forget_saved(&self, local: &CpuLocal, state: &mut FloatingPoint) {
        state.token = 0;
        local.fpu_token.set(0);
    }
    /// Loads the current thread's FPU state from `length` bytes of user memory; false if they cannot be read or are malformed.
    /// The state is the initial one then, or as it was. May sleep.
    pub fn fpu_from_user(&self, from: u64, length: usize) -> bool {
        assert!(self.is_current(), "FPU state of another thread");
        let size = features().xsave_size;
        if !features().xsave || length < size {
            return self.fpu_from_part(from, length);
        }
        for _ in 0..ATTEMPTS {
            if self.load_registers_from(from, size) {
                return true;
            }
            if !crate::user::touch(from, size, false) {
                return false;
            }
        }
        false
    }
    fn load_registers_from(&self, from: u64, size: usize) -> bool {
        let _guard = crate::cpu::InterruptGuard::new();
        let local = local::this();
        claim_registers(local);
        if !crate::user::load_fpu_nofault(from, size, features().xsave_components as u32) {
            self.load_initial(local);
            return false;
        }
        // SAFETY: the current thread's, interrupts off.
        if let Some(state) = unsafe { self.floating_point() } {
            self.forget_saved(local, state);
        }
        true
    }
    /// As `fpu_from_user`, where not the whole state is there: through a state of the kernel's.
    fn fpu_from_part(&self, from: u64, length: usize) -> bool {
        let Some(fresh) = FloatingPoint::from_user(from, length) else { return false };
        let guard = crate::cpu::InterruptGuard::new();
        // SAFETY: the current thread's, interrupts off.
        let replaced = unsafe { self.floating_point() }.map(|state| core::mem::replace(state, fresh));
        if replaced.is_some() {
            self.load_floating_point(local::this());
        }
        drop(guard);
        replaced.is_some()
    }
    /// Replaces the x87 part of the state by the beginning of an FXSAVE image; MXCSR in it does not count. Any value will do.
    pub fn fpu_set_x87(&self, image: &[u8; 160]) {
        const MXCSR: core::ops::Range<usize> = 24..32;
        const COMPONENT_X87: u64 = 1;
        self.change_floating_point(|state| {
            let bytes = state.bytes_mut();
            bytes[..MXCSR.start].copy_from_slice(&image[..MXCSR.start]);
            bytes[MXCSR.end..image.len()].copy_from_slice(&image[MXCSR.end..]);
            if features().xsave {
                state.set_header(state.header() | COMPONENT_X87);
            }
            state.token = 0;
            true
        });
    }
    /// Initial FPU state (execve).
    pub fn fpu_reset(&self) {
        self.change_floating_point(|state| {
            state.set_initial();
            true
        });
    }
    fn change_floating_point(&self, change: impl FnOnce(&mut FloatingPoint) -> bool) -> bool {
        self.with_state(|current| {
            if current {
                self.save_floating_point(local::this());
            }
            // SAFETY: held.
            let changed = unsafe { self.floating_point() }.is_some_and(change);
            if changed && current {
                self.load_floating_point(local::this());
            }
            changed
        })
    }
}

/// "Device not available" in user mode: the thread computes for the first time since it was switched to. True if that was
/// the reason. Interrupts off.
pub(crate) fn first_use() -> bool {
    let local = local::this();
    if !local.fpu_trap.get() {
        return false;
    }
    // SAFETY: the current thread is alive while it runs.
    if let Some(thread) = unsafe { local.thread.get().as_ref() } {
        thread.load_registers(local);
    }
    true
}

/// Size of XSAVE state on this machine.
pub fn fpu_state_size() -> usize {
    features().xsave_size
}

/// XCR0: the enabled state components.
pub fn fpu_features() -> u64 {
    features().xsave_components
}
