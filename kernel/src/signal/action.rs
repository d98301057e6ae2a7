//! Signal actions: what a process does about each signal (sigaction(2)).
use super::*;
use crate::error::*;
use crate::sync::{RcuGuard, SpinLock, rank};
use crate::syscall::user::UserLayout;
use abi::Abi;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One signal's action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Action {
    /// SIG_DFL, SIG_IGN or the handler's address.
    pub handler: u64,
    /// SA_* flags.
    pub flags: u64,
    /// What the handler returns to.
    pub restorer: u64,
    /// Blocked while the handler runs.
    pub mask: SignalSet,
    /// The ABI it was set by, which is that of the handler's frame.
    pub abi: Abi,
}

impl Action {
    /// Whether it ignores a signal, by SIG_IGN or by default.
    pub fn ignores(&self, signal: u32) -> bool {
        is_ignored(self.handler, signal)
    }
}

/// Whether a handler is a function of the program.
#[inline(always)]
pub(super) fn is_caught(handler: u64) -> bool {
    handler > SIG_IGN
}
/// Whether a signal with this handler is ignored, by SIG_IGN or by default.
pub(super) fn is_ignored(handler: u64, signal: u32) -> bool {
    handler == SIG_IGN || handler == SIG_DFL && IGNORED_BY_DEFAULT & set_of(signal) != 0
}

/// `struct sigaction` as the kernel has it.
impl UserLayout for Action {
    fn size(abi: Abi) -> usize {
        if abi.has_narrow_pointers() { 20 } else { 32 }
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        let word = |at: usize| bytes.get(at..at + 4).and_then(|raw| raw.try_into().ok()).map_or(0, u32::from_ne_bytes);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        match abi {
            Abi::X86_64 => Action { handler: long(0), flags: long(8), restorer: long(16), mask: long(24), abi },
            _ => {
                Action { handler: word(0).into(), flags: word(4).into(), restorer: word(8).into(), mask: long(12), abi }
            }
        }
    }
    fn read_from(abi: Abi, address: u64) -> Result<Self> {
        if abi.has_narrow_pointers() {
            return crate::syscall::user::read_through::<Self, 20>(abi, address);
        }
        let [handler, flags, restorer, mask] = machine::user::load_words(address)?;
        Ok(Action { handler, flags, restorer, mask, abi })
    }
    fn write_to(&self, abi: Abi, address: u64) -> Result<()> {
        if abi.has_narrow_pointers() {
            return crate::syscall::user::write_through::<Self, 20>(self, abi, address);
        }
        Ok(machine::user::store_words(address, [self.handler, self.flags, self.restorer, self.mask])?)
    }
    fn encode(&self, abi: Abi, bytes: &mut [u8]) {
        let mut at = 0;
        let mut put = |value: u64, size: usize| {
            if let (Some(place), Some(raw)) = (bytes.get_mut(at..at + size), value.to_ne_bytes().get(..size)) {
                place.copy_from_slice(raw);
            }
            at += size;
        };
        let size = if abi.has_narrow_pointers() { 4 } else { 8 };
        put(self.handler, size);
        put(self.flags, size);
        put(self.restorer, size);
        put(self.mask, 8);
    }
}

/// The real-time signals' actions take memory only once one of them is set.
struct Actions {
    standard: [Action; STANDARD],
    real_time: Option<Box<[Action; STANDARD]>>,
}
/// Signals that are no real-time signals.
pub(super) const STANDARD: usize = 32;
const DEFAULTS: [Action; STANDARD] =
    [Action { handler: 0, flags: 0, restorer: 0, mask: 0, abi: Abi::X86_64 }; STANDARD];

impl Actions {
    #[inline(always)]
    fn get_mut(&mut self, index: usize) -> Option<&mut Action> {
        match index.checked_sub(STANDARD) {
            None => self.standard.get_mut(index),
            Some(index) => self.real_time.as_mut()?.get_mut(index),
        }
    }
}

/// A table of actions, shared by threads and by CLONE_SIGHAND.
pub struct SignalActions {
    /// Not for interrupt handlers: what they ask when they send a signal is in the sets below.
    actions: SpinLock<Actions>,
    /// There is room for the actions of real-time signals.
    has_real_time: AtomicBool,
    /// Signals whose action is SIG_IGN.
    ignored: AtomicU64,
    /// Signals with a handler.
    caught: AtomicU64,
}

impl SignalActions {
    /// All default.
    pub fn new() -> Result<Arc<SignalActions>> {
        Self::with(Actions { standard: DEFAULTS, real_time: None }, 0, 0)
    }
    fn with(actions: Actions, ignored: SignalSet, caught: SignalSet) -> Result<Arc<SignalActions>> {
        Ok(machine::memory::try_arc(SignalActions {
            has_real_time: AtomicBool::new(actions.real_time.is_some()),
            actions: SpinLock::new(rank::SIGNAL_ACTIONS, actions),
            ignored: AtomicU64::new(ignored),
            caught: AtomicU64::new(caught),
        })?)
    }
    /// A table of its own with the same actions.
    pub fn copy(&self) -> Result<Arc<SignalActions>> {
        let mut real_time = None;
        loop {
            if self.has_real_time.load(Ordering::Relaxed) && real_time.is_none() {
                real_time = Some(machine::memory::try_box(DEFAULTS)?);
            }
            let actions = self.actions.lock();
            match (&actions.real_time, &mut real_time) {
                // Made since the look above.
                (Some(_), None) => continue,
                (Some(from), Some(to)) => **to = **from,
                (None, _) => {}
            }
            let copy = Actions { standard: actions.standard, real_time };
            drop(actions);
            return Self::with(copy, self.ignored(), self.caught());
        }
    }
    /// What remains after execve(2): handlers become default, ignored signals stay ignored (SIGCHLD too).
    pub fn for_exec(&self) -> Result<Arc<SignalActions>> {
        let ignored = self.ignored();
        let mut actions = Actions { standard: DEFAULTS, real_time: None };
        if ignored >> STANDARD != 0 {
            actions.real_time = Some(machine::memory::try_box(DEFAULTS)?);
        }
        for index in (0..2 * STANDARD).filter(|index| ignored >> index & 1 != 0) {
            if let Some(action) = actions.get_mut(index) {
                action.handler = SIG_IGN;
            }
        }
        Self::with(actions, ignored, 0)
    }
    /// Takes the memory that the actions of the real-time signals need; ENOMEM.
    pub fn make_room(&self) -> Result<()> {
        if self.has_real_time.load(Ordering::Relaxed) {
            return Ok(());
        }
        let room = machine::memory::try_box(DEFAULTS)?;
        let mut actions = self.actions.lock();
        let unused = match actions.real_time {
            Some(_) => Some(room),
            None => {
                actions.real_time = Some(room);
                self.has_real_time.store(true, Ordering::Relaxed);
                None
            }
        };
        drop(actions);
        drop(unused);
        Ok(())
    }
    /// The action of a signal.
    pub fn get(&self, signal: u32) -> Action {
        let index = signal.wrapping_sub(1) as usize;
        self.actions.lock().get_mut(index).copied().unwrap_or_default()
    }
    /// Replaces the action of a signal. One of a real-time signal that has no room is default already, and stays so.
    pub fn set(&self, signal: u32, action: Action) {
        if let Some(place) = self.actions.lock().get_mut(signal.wrapping_sub(1) as usize) {
            self.replace(place, signal, action);
        }
    }
    /// Replaces the action of a signal, and shows the old one; EINVAL if that is not to be changed any more.
    #[inline(always)]
    pub fn change(&self, guard: &RcuGuard, signal: u32, action: Action, see_old: impl FnOnce(&Action)) -> Result<()> {
        let mut actions = self.actions.lock_under(guard);
        let place = actions.get_mut(signal.wrapping_sub(1) as usize).ok_or(EINVAL)?;
        if place.flags & SA_IMMUTABLE != 0 {
            return Err(EINVAL);
        }
        see_old(place);
        self.replace(place, signal, action);
        Ok(())
    }
    #[inline(always)]
    fn replace(&self, place: &mut Action, signal: u32, action: Action) {
        let old = place.handler;
        *place = action;
        if !(is_caught(action.handler) && is_caught(old)) && action.handler != old {
            self.note_kind(signal, action.handler);
        }
    }
    /// Keeps the sets in step with a signal's handler, under the lock.
    #[inline(never)]
    fn note_kind(&self, signal: u32, handler: u64) {
        let update = |set: &AtomicU64, on: bool| {
            let bits = set.load(Ordering::Relaxed) & !set_of(signal);
            set.store(if on { bits | set_of(signal) } else { bits }, Ordering::Relaxed);
        };
        update(&self.ignored, handler == SIG_IGN);
        update(&self.caught, is_caught(handler));
    }
    /// Signals whose action is SIG_IGN.
    pub fn ignored(&self) -> SignalSet {
        self.ignored.load(Ordering::Relaxed)
    }
    /// Signals with a handler.
    pub fn caught(&self) -> SignalSet {
        self.caught.load(Ordering::Relaxed)
    }
    /// Whether a signal is ignored, by SIG_IGN or by default.
    pub fn ignores(&self, signal: u32) -> bool {
        let bit = set_of(signal);
        self.ignored() & bit != 0 || (self.caught() & bit == 0 && IGNORED_BY_DEFAULT & bit != 0)
    }
}
