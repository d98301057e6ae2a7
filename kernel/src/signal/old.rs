//! i386's old signal calls, whose sets have 32 signals: signal(2), sigaction(2), sigprocmask(2), sigpending(2), sigsuspend(2).
use super::*;
use crate::error::*;
use crate::process::Task;
use crate::syscall::user::UserLayout;
use crate::syscall::{UserAddress, UserPtr};
use abi::Abi;

/// `struct old_sigaction`.
#[derive(Clone, Copy, Debug)]
pub struct OldAction(Action);

impl UserLayout for OldAction {
    fn size(_: Abi) -> usize {
        16
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        let word = |at: usize| bytes.get(at..at + 4).map_or(0, |raw| u64::from(u32::decode(abi, raw)));
        OldAction(Action { handler: word(0), mask: word(4), flags: word(8), restorer: word(12), abi })
    }
    fn encode(&self, abi: Abi, bytes: &mut [u8]) {
        let Action { handler, mask, flags, restorer, .. } = self.0;
        for (place, value) in bytes.chunks_exact_mut(4).zip([handler, mask, flags, restorer]) {
            (value as u32).encode(abi, place);
        }
    }
}

/// sigaction(2).
pub fn sigaction(task: &Task, signal: u32, new: UserPtr<OldAction>, old: UserPtr<OldAction>) -> Result<()> {
    let mut before = Action::default();
    match new.read_optional(task)? {
        Some(OldAction(action)) => calls::change_action(task, signal, action, |old| before = *old)?,
        None => before = calls::action_of(task, signal)?,
    }
    old.write_optional(task, &OldAction(before))
}

/// signal(2): the handler runs once, with nothing blocked; the old handler.
pub fn signal(task: &Task, signal: u32, handler: UserAddress) -> Result<u64> {
    let action = Action { handler: handler.0, flags: SA_RESETHAND | SA_NODEFER, abi: task.abi(), ..Action::default() };
    let mut before = 0;
    calls::change_action(task, signal, action, |old| before = old.handler)?;
    Ok(before)
}

/// sgetmask(2).
pub fn sgetmask(task: &Task) -> Result<i32> {
    Ok(task.signals.blocked() as i32)
}

/// ssetmask(2): the old mask. The new one is a C int, whose sign stands for the signals above.
pub fn ssetmask(task: &Task, mask: i32) -> Result<i32> {
    let previous = task.signals.blocked() as i32;
    task.set_blocked(i64::from(mask) as u64);
    Ok(previous)
}

/// sigprocmask(2): what lies above 32 signals stays.
pub fn sigprocmask(task: &Task, how: i32, new: UserPtr<u32>, old: UserPtr<u32>) -> Result<()> {
    let previous = task.signals.blocked();
    if let Some(set) = new.read_optional(task)? {
        let set = SignalSet::from(set);
        let mask = match how {
            SIG_BLOCK => previous | set,
            SIG_UNBLOCK => previous & !set,
            SIG_SETMASK => previous & !0xffff_ffff | set,
            _ => return Err(EINVAL),
        };
        task.set_blocked(mask);
    }
    old.write_optional(task, &(previous as u32))
}

/// sigpending(2).
pub fn sigpending(task: &Task, set: UserPtr<u32>) -> Result<()> {
    set.write(task, &((task.pending_signals() & task.signals.blocked()) as u32))
}

/// sigsuspend(2): two arguments that count for nothing, then the mask itself.
pub fn sigsuspend(task: &Task, _history: i32, _signals: i32, mask: u32) -> Result<()> {
    wait::suspend(task, mask.into())
}
