//! Signals (signal(7)): actions, queues, sending, delivery, job control.
//!
//! A process has one lock ([`GroupSignals`]) over its shared queue, its threads and its job-control state; each thread's own
//! queue has a lock below it. Whether something is pending is read without locks from the thread's work flags.
pub mod action;
pub mod calls;
pub mod deliver;
pub mod frame;
mod group;
pub mod information;
pub mod kill;
pub mod old;
mod queue;
pub mod send;
pub mod stop;
pub mod temporary;
mod thread;
pub mod wait;

pub use abi::signal::*;
pub use action::{Action, SignalActions};
pub use group::{GroupSignals, GroupState, look_again};
pub use information::SignalInfo;
pub use send::{
    Prepared, force, force_fatal, force_fatal_with, send_to_current, send_to_group, send_to_process_group,
    send_to_thread, send_to_thread_locked, user_for,
};
pub use thread::{AlternateStack, TaskSignals};

/// A set of signals: bit N-1 stands for signal N.
pub type SignalSet = u64;

/// The set of one signal.
pub const fn set_of(signal: u32) -> SignalSet {
    1 << (signal.wrapping_sub(1) & 63)
}
const fn set(signals: &[u32]) -> SignalSet {
    let (mut bits, mut index) = (0, 0);
    while index < signals.len() {
        bits |= set_of(signals[index]);
        index += 1;
    }
    bits
}

/// Signals that can be neither blocked, caught nor ignored.
pub const UNBLOCKABLE: SignalSet = set(&[SIGKILL, SIGSTOP]);
/// Signals that stop by default.
pub const STOP_SIGNALS: SignalSet = set(&[SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU]);
/// Signals that are ignored by default.
pub const IGNORED_BY_DEFAULT: SignalSet = set(&[SIGCONT, SIGCHLD, SIGWINCH, SIGURG]);
/// Signals whose default is to dump core.
pub const CORE_SIGNALS: SignalSet =
    set(&[SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGSEGV, SIGBUS, SIGSYS, SIGXCPU, SIGXFSZ]);
/// Signals that a thread causes itself; delivered before others.
pub const SYNCHRONOUS: SignalSet = set(&[SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS]);

/// Whether a number names a signal.
pub const fn is_valid(signal: u32) -> bool {
    signal >= 1 && signal < SIGNAL_COUNT
}
