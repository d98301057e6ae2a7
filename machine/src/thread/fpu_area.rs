//! A thread's saved FPU state, in XSAVE (or FXSAVE) layout.
use crate::OutOfMemory;
use crate::cpu::{Features, features};
use alloc::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use core::arch::asm;
use core::ptr::NonNull;

pub(super) const LEGACY_SIZE: usize = 512;
/// Where the bytes of the FXSAVE area begin that are the program's: the last ones of it.
pub(super) const SOFTWARE: usize = 464;
pub(super) const SOFTWARE_WORDS: usize = (LEGACY_SIZE - SOFTWARE) / 8;
pub(super) const HEADER: usize = 512;
pub(super) const HEADER_SIZE: usize = 64;
const CONTROL_WORD: usize = 0;
const MXCSR: usize = 24;
pub(super) const COMPONENT_PKRU: u64 = 1 << 9;
/// Linux's initial protection-key rights: no access to any key but 0.
pub(super) const INITIAL_PKRU: u32 = 0x5555_5554;
/// MXCSR bits that exist on every x86-64 CPU.
const MXCSR_MASK: u32 = 0xffff;

/// Whether all bytes (whole words of 8) are zero.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks_exact(8).all(|word| word == [0; 8])
}

/// The initial state: nothing in use, and the control words that apply then.
#[repr(C, align(64))]
struct Initial([u8; LEGACY_SIZE + HEADER_SIZE]);
static INITIAL: Initial = {
    let mut bytes = [0; LEGACY_SIZE + HEADER_SIZE];
    [bytes[CONTROL_WORD], bytes[CONTROL_WORD + 1]] = 0x37f_u16.to_le_bytes();
    [bytes[MXCSR], bytes[MXCSR + 1]] = 0x1f80_u16.to_le_bytes();
    Initial(bytes)
};

/// A thread's FPU state in XSAVE (or FXSAVE) layout, as far as there are components in it that are saved there. The rights of
/// protection keys, whose place is the last one, behind those of components that may be off, are beside it.
pub(super) struct FloatingPoint {
    pub(super) area: NonNull<u8>,
    pub(super) layout: Layout,
    /// Names the saved state; 0 if no CPU's registers can equal it.
    pub(super) token: u64,
    pub(super) pkru: u32,
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
        let layout = Layout::from_size_align(features().saved_size, 64).map_err(|_| OutOfMemory)?;
        // SAFETY: the size is not zero.
        let area = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(OutOfMemory)?;
        let mut state = FloatingPoint { area, layout, token: 0, pkru: INITIAL_PKRU };
        state.set_initial();
        Ok(state)
    }
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the area is initialized, of this size, and owned.
        unsafe { core::slice::from_raw_parts(self.area.as_ptr(), self.layout.size()) }
    }
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { core::slice::from_raw_parts_mut(self.area.as_ptr(), self.layout.size()) }
    }
    /// Components in use according to the header.
    pub(super) fn set_header(&mut self, components: u64) {
        if let Some(header) = self.bytes_mut().get_mut(HEADER..HEADER + 8) {
            header.copy_from_slice(&components.to_le_bytes());
        }
    }
    pub(super) fn header(&self) -> u64 {
        self.bytes().get(HEADER..HEADER + 8).map_or(3, |bytes| u64::from_le_bytes(bytes.try_into().unwrap_or([0; 8])))
    }
    pub(super) fn set_initial(&mut self) {
        let bytes = self.bytes_mut();
        bytes[..LEGACY_SIZE].fill(0);
        bytes[CONTROL_WORD..CONTROL_WORD + 2].copy_from_slice(&0x37fu16.to_le_bytes());
        bytes[MXCSR..MXCSR + 4].copy_from_slice(&0x1f80u32.to_le_bytes());
        self.set_header(0);
        self.pkru = INITIAL_PKRU;
        self.token = 0;
    }
    /// Copies the state, protection-key rights included, in the layout programs know; how many bytes it has.
    pub(super) fn copy_to(&self, into: &mut [u8]) -> usize {
        let Features { xsave, xsave_size, pkru_offset, .. } = *features();
        let length = into.len().min(xsave_size);
        let into = &mut into[..length];
        let saved = self.bytes();
        let saved = &saved[..length.min(saved.len())];
        into[..saved.len()].copy_from_slice(saved);
        into[saved.len()..].fill(0);
        let mut header = self.header();
        if let Some(place) = into.get_mut(pkru_offset..pkru_offset + 4).filter(|_| pkru_offset != 0) {
            place.copy_from_slice(&self.pkru.to_le_bytes());
            header |= COMPONENT_PKRU;
        }
        if let Some(place) = into.get_mut(HEADER..HEADER + 8).filter(|_| xsave) {
            place.copy_from_slice(&header.to_le_bytes());
        }
        length
    }
    /// Writes the registers to the area.
    pub(super) fn store(&mut self) {
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
    pub(super) fn load(&self) {
        // SAFETY: the area holds what `store` wrote or what was checked by `assign`; TS is clear.
        unsafe { Self::load_from(self.area.as_ptr()) }
    }
    /// Loads the initial state into the registers. TS is clear.
    pub(super) fn load_initial() {
        // SAFETY: of a state of which nothing is in use only the legacy area and the header are read.
        unsafe { Self::load_from(INITIAL.0.as_ptr()) }
    }
    /// # Safety
    /// `area` holds valid state; TS is clear.
    unsafe fn load_from(area: *const u8) {
        let mask = features().xsave_components & !COMPONENT_PKRU;
        // SAFETY: by this function's contract.
        unsafe {
            if features().xsave {
                asm!("xrstor64 [{}]", in(reg) area, in("eax") mask as u32, in("edx") 0, options(nostack));
            } else {
                asm!("fxrstor64 [{}]", in(reg) area, options(nostack));
            }
        }
    }
    /// The state in user memory: `length` bytes of it, the rest initial. `None` if it cannot be read, is malformed as in
    /// [`FloatingPoint::assign`], or there is no memory.
    pub(super) fn from_user(from: u64, length: usize) -> Option<Self> {
        let Features { saved_size: size, pkru_offset, .. } = *features();
        let layout = Layout::from_size_align(size, 64).ok()?;
        // SAFETY: the size is not zero.
        let area = NonNull::new(unsafe { alloc(layout) })?;
        let copied = length.min(size);
        // SAFETY: the area is ours; what the copy leaves is zeroed, so that all of it is initialized.
        let left = unsafe {
            let left = crate::user::copy_from_user_raw(area.as_ptr(), from, copied);
            area.as_ptr().add(copied - left).write_bytes(0, size - copied + left);
            left
        };
        let mut state = FloatingPoint { area, layout, token: 0, pkru: INITIAL_PKRU };
        let mut pkru = [0; 4];
        let has_pkru = pkru_offset != 0 && length >= pkru_offset + pkru.len();
        if left != 0 || has_pkru && crate::user::copy_from_user(&mut pkru, from + pkru_offset as u64) != 0 {
            return None;
        }
        state.sanitize(length, has_pkru.then(|| u32::from_le_bytes(pkru))).then_some(state)
    }
    /// Checks bytes of user origin that are in the area already: `length` of them were there.
    fn sanitize(&mut self, length: usize, pkru: Option<u32>) -> bool {
        let Features { xsave, xsave_components, .. } = *features();
        if length < LEGACY_SIZE {
            return false;
        }
        let mut components = 0b11;
        if xsave && length >= HEADER + HEADER_SIZE {
            components = self.header();
            let reserved = self.bytes().get(HEADER + 8..HEADER + HEADER_SIZE).unwrap_or(&[]);
            if components & !xsave_components != 0 || !is_zero(reserved) {
                return false;
            }
            if xsave_components & COMPONENT_PKRU != 0 {
                self.pkru = pkru.filter(|_| components & COMPONENT_PKRU != 0).unwrap_or(0);
            }
        } else if let Some(header) = self.bytes_mut().get_mut(HEADER..HEADER + HEADER_SIZE) {
            header.fill(0);
        }
        let bytes = self.bytes_mut();
        let mxcsr = u32::from_le_bytes(bytes[MXCSR..MXCSR + 4].try_into().unwrap_or([0; 4])) & MXCSR_MASK;
        bytes[MXCSR..MXCSR + 4].copy_from_slice(&mxcsr.to_le_bytes());
        self.set_header(components & !COMPONENT_PKRU);
        true
    }
    /// Takes over bytes of user origin.
    pub(super) fn assign(&mut self, from: &[u8]) -> bool {
        let Features { xsave, xsave_components, pkru_offset, .. } = *features();
        let Some(legacy) = from.get(..LEGACY_SIZE) else { return false };
        let mut components = 0b11;
        let mut pkru = self.pkru;
        let header = if xsave { from.get(HEADER..HEADER + HEADER_SIZE) } else { None };
        if let Some(header) = header {
            let (used, rest) = header.split_at(8);
            components = u64::from_le_bytes(used.try_into().unwrap_or([0; 8]));
            // XCOMP_BV and reserved bytes must be 0; bytes 48 to 63 are the program's.
            if components & !xsave_components != 0 || !is_zero(rest) {
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

/// The protection-key rights in the CPU.
pub(super) fn read_pkru() -> u32 {
    let value;
    // SAFETY: called only where protection keys are enabled.
    unsafe { asm!("rdpkru", in("ecx") 0, out("eax") value, out("edx") _, options(nostack, nomem, preserves_flags)) };
    value
}

/// Sets them.
pub(super) fn write_pkru(value: u32) {
    // SAFETY: called only where protection keys are enabled; they restrict accesses to user pages only.
    unsafe { asm!("wrpkru", in("eax") value, in("ecx") 0, in("edx") 0, options(nostack, preserves_flags)) };
}
