//! Selectors of user mode's data segments, and the thread-local segments they may name.
use super::segments::{live_fs, live_gs, set_live_fs, set_live_gs};
use super::{Segment, Thread};
use crate::cpu::local::{self, CpuLocal};
use crate::cpu::tables::{FIRST_LOCAL_SEGMENT, set_local_segments};
use core::arch::asm;
use core::sync::atomic::Ordering;

/// The data-segment registers of user mode. 64-bit programs have zeros, unless they choose something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub struct Selectors {
    pub ds: u16,
    pub es: u16,
    pub fs: u16,
    pub gs: u16,
}

impl Selectors {
    pub(super) fn packed(self) -> u64 {
        u64::from(self.ds) | u64::from(self.es) << 16 | u64::from(self.fs) << 32 | u64::from(self.gs) << 48
    }
    pub(super) fn unpacked(packed: u64) -> Self {
        Selectors { ds: packed as u16, es: (packed >> 16) as u16, fs: (packed >> 32) as u16, gs: (packed >> 48) as u16 }
    }
}

/// What is in the registers, packed.
#[inline(always)]
pub(super) fn live() -> u64 {
    let (ds, es, fs, gs): (u32, u32, u32, u32);
    // SAFETY: reads the registers.
    unsafe {
        asm!("mov {0:e}, ds", "mov {1:e}, es", "mov {2:e}, fs", "mov {3:e}, gs",
            out(reg) ds, out(reg) es, out(reg) fs, out(reg) gs, options(nostack, nomem, preserves_flags));
    }
    if ds | es | fs | gs == 0 {
        return 0;
    }
    Selectors { ds: ds as u16, es: es as u16, fs: fs as u16, gs: gs as u16 }.packed()
}

/// The selector, or 0 if loading it would fault.
fn loadable(selector: u16) -> u16 {
    const PRESENT: u32 = 1 << 15;
    if selector <= 3 {
        return selector;
    }
    let (is_readable, access): (u8, u32);
    // SAFETY: both instructions only look at descriptors.
    unsafe {
        asm!("xor {access:e}, {access:e}", "verr {selector:x}", "sete {readable}", "lar {access:e}, {selector:e}",
            selector = in(reg) u32::from(selector), readable = out(reg_byte) is_readable, access = out(reg) access,
            options(nostack, nomem));
    }
    if selector & 3 == 3 && is_readable != 0 && access & PRESENT != 0 { selector } else { 0 }
}

/// Whether a selector names data of ring 3 that may be written and is there, as the tables of the current thread are now: a stack
/// segment that any code can run with.
pub fn is_stack_segment(selector: u64) -> bool {
    /// Present, ring 3, not a system segment; data that may be written, which expands up or down.
    const WANTED: u32 = 0xf200;
    const COMPARED: u32 = 0xfa00;
    super::refresh_local_table();
    let (access, is_known): (u32, u8);
    // SAFETY: the instruction only looks at a descriptor.
    unsafe {
        asm!("xor {access:e}, {access:e}", "lar {access:e}, {selector:e}", "sete {known}", selector = in(reg) selector as u32,
            access = out(reg) access, known = out(reg_byte) is_known, options(nostack, nomem));
    }
    is_known != 0 && access & COMPARED == WANTED
}

/// Loads the registers; what cannot be loaded becomes 0. Interrupts off, and nobody changes the descriptors. User mode's bases of FS
/// and GS change with it.
fn load(wanted: Selectors) -> u64 {
    let loaded = Selectors {
        ds: loadable(wanted.ds),
        es: loadable(wanted.es),
        fs: loadable(wanted.fs),
        gs: loadable(wanted.gs),
    };
    // SAFETY: the selectors can be loaded, and the kernel uses none of these segments but GS, whose base is swapped out before
    // and in again after; interrupts are off, and what strikes all the same does not trust GS.
    unsafe {
        asm!("mov ds, {0:e}", "mov es, {1:e}", "mov fs, {2:e}", "swapgs", "mov gs, {3:e}", "swapgs",
            in(reg) u32::from(loaded.ds), in(reg) u32::from(loaded.es), in(reg) u32::from(loaded.fs),
            in(reg) u32::from(loaded.gs), options(nostack, preserves_flags));
    }
    loaded.packed()
}

impl Thread {
    /// Loads the thread-local segments and the selectors. Interrupts off, the thread is becoming current; the caller loads the
    /// bases after it.
    #[cold]
    pub(super) fn load_selectors(&self, local: &CpuLocal) {
        self.load_local_segments(local);
        local.selectors.set(self.load_unchanged(Selectors::unpacked(self.selectors.get())));
    }
    /// Loads the registers of the current thread, or of the one that is becoming so. Interrupts off.
    fn load_unchanged(&self, wanted: Selectors) -> u64 {
        const IN_LOCAL_TABLE: u16 = 4;
        let selectors = [wanted.ds, wanted.es, wanted.fs, wanted.gs];
        if selectors.iter().all(|selector| selector & IN_LOCAL_TABLE == 0) {
            return load(wanted);
        }
        // SAFETY: this CPU holds the thread's state.
        match unsafe { (*self.space.get()).as_ref() } {
            // Other threads may change the table on other CPUs.
            Some(space) => space.local_table.exclusively(|| load(wanted)),
            None => load(Selectors::default()),
        }
    }
    fn load_local_segments(&self, local: &CpuLocal) {
        let segments = self.local_segments.get().map(Segment::bits);
        // SAFETY: this CPU's block, interrupts off; `set_local_segment` takes data segments only.
        unsafe { set_local_segments(local, segments) };
        local.has_local_segments.set(self.has_local_segments.get());
    }
    /// Copies the current thread's selectors and segments. The caller holds this thread's state, interrupts off.
    pub(super) fn copy_selectors_from_current(&self) {
        self.selectors.set(live());
        // SAFETY: the current thread is alive while it runs.
        let Some(current) = (unsafe { local::this().thread.get().as_ref() }) else { return };
        self.local_segments.set(current.local_segments.get());
        self.has_local_segments.set(current.has_local_segments.get());
        self.set_fast_call_landing(current.fast_call_landing());
    }
    /// The selectors of user mode (current thread: live registers).
    pub fn selectors(&self) -> Selectors {
        Selectors::unpacked(self.with_state(|current| if current { live() } else { self.selectors.get() }))
    }
    /// Sets the selectors of user mode; one that cannot be loaded becomes 0. For the current thread the bases of FS and GS change
    /// with their selectors where these differ from what is loaded.
    pub fn set_selectors(&self, selectors: Selectors) {
        self.with_state(|current| {
            if current {
                let before = Selectors::unpacked(live());
                let (fs, gs) = (live_fs(), live_gs());
                let loaded = self.load_unchanged(selectors);
                if before.fs == selectors.fs {
                    set_live_fs(fs);
                }
                if before.gs == selectors.gs {
                    set_live_gs(gs);
                }
                local::this().selectors.set(loaded);
                self.fs_base.set(live_fs());
                self.gs_base.set(live_gs());
            }
            self.selectors.set(selectors.packed());
        });
    }
    /// What a new program starts with: these selectors, no thread-local segments, bases of 0 (current thread).
    pub fn reset_segments(&self, selectors: Selectors) {
        self.with_state(|current| {
            assert!(current, "segments of another thread");
            let local = local::this();
            self.local_segments.set([Segment::NONE; 3]);
            self.has_local_segments.set(false);
            self.load_local_segments(local);
            self.selectors.set(selectors.packed());
            local.selectors.set(self.load_unchanged(selectors));
            self.fs_base.set(0);
            self.gs_base.set(0);
            set_live_fs(0);
            set_live_gs(0);
        });
    }
    /// A thread-local segment, 0 to 2.
    pub fn local_segment(&self, number: usize) -> Segment {
        self.with_state(|_| self.local_segments.get().get(number).copied().unwrap_or_default())
    }
    /// Sets a thread-local segment, 0 to 2, of the current thread, a new one, or a stopped one; registers that name it are loaded
    /// again. Code segments are taken as empty ones: the table may hold none of a program's.
    pub fn set_local_segment(&self, number: usize, segment: Segment) {
        self.with_state(|current| self.change_local_segment(number, segment, current));
    }
    /// As `set_local_segment`, by the holder of the state; `current`: of the current thread, with interrupts off.
    pub(super) fn change_local_segment(&self, number: usize, segment: Segment, current: bool) {
        let segment = if segment.kind().contents & 2 == 0 { segment } else { Segment::NONE };
        let selector = ((FIRST_LOCAL_SEGMENT + number) << 3 | 3) as u16;
        let mut segments = self.local_segments.get();
        let Some(place) = segments.get_mut(number) else { return };
        *place = segment;
        self.local_segments.set(segments);
        self.has_local_segments.set(segments.iter().any(|segment| !segment.is_none()));
        let selectors = Selectors::unpacked(if current { live() } else { self.selectors.get() });
        let (mut fs, mut gs) = if current { (live_fs(), live_gs()) } else { (self.fs_base.get(), self.gs_base.get()) };
        if selectors.fs == selector {
            fs = segment.base().into();
        }
        if selectors.gs == selector {
            gs = segment.base().into();
        }
        if current {
            let local = local::this();
            self.load_local_segments(local);
            if [selectors.ds, selectors.es, selectors.fs, selectors.gs].contains(&selector) {
                local.selectors.set(self.load_unchanged(selectors));
            }
            set_live_fs(fs);
            set_live_gs(gs);
        }
        self.fs_base.set(fs);
        self.gs_base.set(gs);
    }
    /// Where calls by `sysenter` and 32-bit `syscall` go on: the place in the vDSO behind them.
    #[inline(always)]
    pub fn fast_call_landing(&self) -> u32 {
        self.fast_call_landing.load(Ordering::Relaxed)
    }
    /// Sets where such calls go on.
    pub fn set_fast_call_landing(&self, address: u32) {
        self.fast_call_landing.store(address, Ordering::Relaxed);
    }
}
