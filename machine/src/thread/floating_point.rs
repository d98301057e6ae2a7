//! FPU state: saved when a thread that used the registers is switched out, loaded when it runs (or, under TCG, first
//! computes) again.
//!
//! A token names what the registers hold: as long as a CPU's token equals a thread's, its registers equal the saved state
//! and need no loading. Under TCG, where saving costs a microsecond, CR0.TS tells whether a thread used the registers at
//! all; on hardware the state is always loaded at the switch, since lazy loading lets other threads' registers be guessed.
use super::Thread;
use crate::OutOfMemory;
use crate::cpu::local::{self, CpuLocal};
use crate::cpu::{Features, features};
use crate::instructions::{read_cr0, write_cr0};
use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use core::arch::asm;
use core::ptr::NonNull;

const LEGACY_SIZE: usize = 512;
const HEADER: usize = 512;
const HEADER_SIZE: usize = 64;
const CONTROL_WORD: usize = 0;
const MXCSR: usize = 24;
const COMPONENT_PKRU: u64 = 1 << 9;
const CR0_TASK_SWITCHED: u64 = 1 << 3;
/// Linux's initial protection-key rights: no access to any key but 0.
const INITIAL_PKRU: u32 = 0x5555_5554;
/// MXCSR bits that exist on every x86-64 CPU.
const MXCSR_MASK: u32 = 0xffff;

/// A thread's FPU state in XSAVE (or FXSAVE) layout.
pub(super) struct FloatingPoint {
    area: NonNull<u8>,
    layout: Layout,
    /// Names the saved state; 0 if no CPU's registers can equal it.
    token: u64,
    pkru: u32,
}

// SAFETY: the area is owned.
unsafe impl Send for FloatingPoint {}

impl Drop for FloatingPoint {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `new`.
        unsafe { dealloc(self.area.as_ptr(), self.layout) };
    }
}

impl FloatingPoint {
    /// The initial state.
    pub(super) fn new() -> Result<Self, OutOfMemory> {
        let layout = Layout::from_size_align(features().xsave_size, 64).map_err(|_| OutOfMemory)?;
        // SAFETY: the size is not zero.
        let area = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(OutOfMemory)?;
        let mut state = FloatingPoint { area, layout, token: 0, pkru: INITIAL_PKRU };
        state.set_initial();
        Ok(state)
    }
    fn bytes(&self) -> &[u8] {
        // SAFETY: the area is initialized, of this size, and owned.
        unsafe { core::slice::from_raw_parts(self.area.as_ptr(), self.layout.size()) }
    }
    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { core::slice::from_raw_parts_mut(self.area.as_ptr(), self.layout.size()) }
    }
    /// Components in use according to the header.
    fn set_header(&mut self, components: u64) {
        if let Some(header) = self.bytes_mut().get_mut(HEADER..HEADER + 8) {
            header.copy_from_slice(&components.to_le_bytes());
        }
    }
    fn header(&self) -> u64 {
        self.bytes().get(HEADER..HEADER + 8).map_or(3, |bytes| u64::from_le_bytes(bytes.try_into().unwrap_or([0; 8])))
    }
    fn set_initial(&mut self) {
        let bytes = self.bytes_mut();
        bytes[..LEGACY_SIZE].fill(0);
        bytes[CONTROL_WORD..CONTROL_WORD + 2].copy_from_slice(&0x37fu16.to_le_bytes());
        bytes[MXCSR..MXCSR + 4].copy_from_slice(&0x1f80u32.to_le_bytes());
        self.set_header(0);
        self.pkru = INITIAL_PKRU;
        self.token = 0;
    }
    /// Writes the registers to the area.
    fn store(&mut self) {
        let area = self.area.as_ptr();
        let mask = features().xsave_components & !COMPONENT_PKRU;
        // SAFETY: the area is large enough for the enabled components and aligned to 64; TS is clear.
        unsafe {
            if features().xsaveopt {
                asm!("xsaveopt64 [{}]", in(reg) area, in("eax") mask as u32, in("edx") 0, options(nostack));
            } else if features().xsave {
                asm!("xsave64 [{}]", in(reg) area, in("eax") mask as u32, in("edx") 0, options(nostack));
            } else {
                asm!("fxsave64 [{}]", in(reg) area, options(nostack));
            }
        }
    }
    /// Loads the registers from the area.
    fn load(&self) {
        let area = self.area.as_ptr();
        let mask = features().xsave_components & !COMPONENT_PKRU;
        // SAFETY: the area holds what `store` wrote or what was checked by `assign`; TS is clear.
        unsafe {
            if features().xsave {
                asm!("xrstor64 [{}]", in(reg) area, in("eax") mask as u32, in("edx") 0, options(nostack));
            } else {
                asm!("fxrstor64 [{}]", in(reg) area, options(nostack));
            }
        }
    }
    /// Takes over bytes of user origin.
    fn assign(&mut self, from: &[u8]) -> bool {
        let Features { xsave, xsave_components, pkru_offset, .. } = *features();
        let Some(legacy) = from.get(..LEGACY_SIZE) else { return false };
        let mut components = 0b11;
        let mut pkru = self.pkru;
        let header = if xsave { from.get(HEADER..HEADER + HEADER_SIZE) } else { None };
        if let Some(header) = header {
            let (used, rest) = header.split_at(8);
            components = u64::from_le_bytes(used.try_into().unwrap_or([0; 8]));
            // XCOMP_BV and reserved bytes must be 0; bytes 48 to 63 are the program's.
            if components & !xsave_components != 0 || rest.iter().any(|&byte| byte != 0) {
                return false;
            }
            if xsave_components & COMPONENT_PKRU != 0 {
                let saved = from.get(pkru_offset..pkru_offset + 4).and_then(|bytes| bytes.try_into().ok());
                let used = components & COMPONENT_PKRU != 0;
                pkru = if used { saved.map_or(pkru, u32::from_le_bytes) } else { 0 };
            }
        }
        let bytes = self.bytes_mut();
        bytes[..LEGACY_SIZE].copy_from_slice(legacy);
        if header.is_some() {
            let begin = HEADER + HEADER_SIZE;
            let end = bytes.len().min(from.len()).max(begin);
            if let (Some(to), Some(from)) = (bytes.get_mut(begin..end), from.get(begin..end)) {
                to.copy_from_slice(from);
            }
        }
        let mxcsr = u32::from_le_bytes(bytes[MXCSR..MXCSR + 4].try_into().unwrap_or([0; 4])) & MXCSR_MASK;
        bytes[MXCSR..MXCSR + 4].copy_from_slice(&mxcsr.to_le_bytes());
        self.set_header(components & !COMPONENT_PKRU);
        self.pkru = pkru;
        self.token = 0;
        true
    }
}

fn read_pkru() -> u32 {
    let value;
    // SAFETY: called only where protection keys are enabled.
    unsafe { asm!("rdpkru", in("ecx") 0, out("eax") value, out("edx") _, options(nostack, nomem, preserves_flags)) };
    value
}

fn write_pkru(value: u32) {
    // SAFETY: called only where protection keys are enabled; they restrict accesses to user pages only.
    unsafe { asm!("wrpkru", in("eax") value, in("ecx") 0, in("edx") 0, options(nostack, preserves_flags)) };
}

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

impl Thread {
    /// The thread's FPU state, to its holder.
    ///
    /// # Safety
    /// The caller holds the thread's `state`, with interrupts or preemption off, and drops the reference before it does
    /// anything else with the thread.
    #[allow(clippy::mut_from_ref)]
    unsafe fn floating_point(&self) -> Option<&mut FloatingPoint> {
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
    /// Loads the registers at once (after the saved state changed, or on first use). Interrupts off, current thread.
    fn load_registers(&self, local: &CpuLocal) {
        // SAFETY: the current thread's, interrupts off.
        let Some(state) = (unsafe { self.floating_point() }) else { return };
        claim_registers(local);
        if state.token == 0 || state.token != local.fpu_token.get() {
            state.load();
            local.fpu_token.set(state.token);
        }
        if features().pku {
            write_pkru(state.pkru);
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
            let (pkru, offset) = (state.pkru, features().pkru_offset);
            let mut header = state.header();
            if let Some(place) = state.bytes_mut().get_mut(offset..offset + 4).filter(|_| offset != 0) {
                place.copy_from_slice(&pkru.to_le_bytes());
                header |= COMPONENT_PKRU;
            }
            let length = into.len().min(state.bytes().len());
            into[..length].copy_from_slice(&state.bytes()[..length]);
            if let Some(place) = into.get_mut(HEADER..HEADER + 8).filter(|_| features().xsave) {
                place.copy_from_slice(&header.to_le_bytes());
            }
            length
        })
    }
    /// Loads FPU state from XSAVE (or FXSAVE) bytes of user origin, sanitized; false if malformed.
    pub fn fpu_write(&self, from: &[u8]) -> bool {
        self.change_floating_point(|state| state.assign(from))
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
                self.load_registers(local::this());
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
