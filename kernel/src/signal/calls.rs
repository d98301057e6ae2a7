//! Calls about the caller's own signal state: sigaction(2), sigprocmask(2), sigpending(2), sigaltstack(2).
use super::temporary::SET_SIZE;
use super::*;
use crate::error::*;
use crate::process::Task;
use crate::sync::RcuGuard;
use crate::syscall::UserPtr;
use crate::syscall::user::UserLayout;
use abi::Abi;
use machine::entry::UserFrame;

/// rt_sigaction(2) of programs with pointers of 64 bits.
pub fn rt_sigaction(
    task: &Task,
    signal: u32,
    new: UserPtr<Action>,
    old: UserPtr<Action>,
    set_size: usize,
) -> Result<()> {
    set_action(task, Abi::X86_64, signal, new, old, set_size)
}
/// rt_sigaction(2) of programs with pointers of 32 bits.
pub fn rt_sigaction_narrow(
    task: &Task,
    signal: u32,
    new: UserPtr<Action>,
    old: UserPtr<Action>,
    set_size: usize,
) -> Result<()> {
    set_action(task, task.abi(), signal, new, old, set_size)
}
/// Both of them: a function for each, since the caller's layout is known where it is compiled.
#[inline(always)]
fn set_action(
    task: &Task,
    abi: Abi,
    signal: u32,
    new: UserPtr<Action>,
    old: UserPtr<Action>,
    set_size: usize,
) -> Result<()> {
    if set_size != SET_SIZE {
        return Err(EINVAL);
    }
    if new.is_null() {
        return show_action(task, signal, old);
    }
    let action = Action::read_from(abi, new.address())?;
    // Two calls, since the action before need not be read where nobody asks for it.
    if old.is_null() {
        return change_action(task, signal, action, |_| {});
    }
    let mut before = Action::default();
    change_action(task, signal, action, |old| before = *old)?;
    before.write_to(abi, old.address())
}

/// sigaction(2) that only asks.
#[inline(never)]
fn show_action(task: &Task, signal: u32, old: UserPtr<Action>) -> Result<()> {
    old.write_optional(task, &action_of(task, signal)?)
}

/// The action of a signal; EINVAL for a number that is no signal's, and for one that ends the process whatever is set.
pub(super) fn action_of(task: &Task, signal: u32) -> Result<Action> {
    if !is_valid(signal) {
        return Err(EINVAL);
    }
    let action = task.group().with_actions(|actions| actions.get(signal));
    if action.flags & SA_IMMUTABLE != 0 { Err(EINVAL) } else { Ok(action) }
}

/// Sets the action of a signal, and shows the one before; EINVAL for a number that is no signal's, or that cannot be changed.
#[inline(always)]
pub(super) fn change_action(task: &Task, signal: u32, mut action: Action, see_old: impl FnOnce(&Action)) -> Result<()> {
    // Most are no real-time signals; those take memory before they have actions at all.
    if signal.wrapping_sub(1) as usize >= super::action::STANDARD {
        make_room(task, signal)?;
    }
    if signal == SIGKILL || signal == SIGSTOP {
        return Err(EINVAL);
    }
    action.flags &= SA_KNOWN;
    action.mask &= !UNBLOCKABLE;
    let guard = RcuGuard::new();
    task.group().actions_under(&guard).change(&guard, signal, action, see_old)?;
    drop(guard);
    if !super::action::is_caught(action.handler) {
        drop_ignored(task, signal, action.handler);
    }
    Ok(())
}

/// Takes the memory for the actions of real-time signals; ENOMEM, and EINVAL for what is no such signal.
#[inline(never)]
fn make_room(task: &Task, signal: u32) -> Result<()> {
    if is_valid(signal) { task.group().actions().make_room() } else { Err(EINVAL) }
}

/// POSIX: setting an action that ignores drops what is pending, blocked or not.
#[inline(never)]
fn drop_ignored(task: &Task, signal: u32, handler: u64) {
    if super::action::is_ignored(handler, signal) {
        deliver::discard(task, signal);
    }
}

/// rt_sigprocmask(2).
pub fn rt_sigprocmask(task: &Task, how: i32, new: UserPtr<u64>, old: UserPtr<u64>, set_size: usize) -> Result<()> {
    if set_size != SET_SIZE {
        return Err(EINVAL);
    }
    let previous = task.signals.blocked();
    if let Some(set) = new.read_optional(task)? {
        let mask = match how {
            SIG_BLOCK => previous | set,
            SIG_UNBLOCK => previous & !set,
            SIG_SETMASK => set,
            _ => return Err(EINVAL),
        };
        task.set_blocked(mask);
    }
    old.write_optional(task, &previous)
}

/// rt_sigpending(2).
pub fn rt_sigpending(task: &Task, set: UserPtr<u64>, set_size: usize) -> Result<()> {
    if set_size > SET_SIZE {
        return Err(EINVAL);
    }
    let pending = task.pending_signals() & task.signals.blocked();
    let bytes = pending.to_ne_bytes();
    let bytes = bytes.get(..set_size).ok_or(EINVAL)?;
    crate::syscall::UserSlice::new(set.address(), set_size).write(bytes)
}

/// `stack_t`.
impl UserLayout for AlternateStack {
    fn size(abi: Abi) -> usize {
        if matches!(abi, Abi::X86_64) { 24 } else { 12 }
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        let word = |at: usize| bytes.get(at..at + 4).and_then(|raw| raw.try_into().ok()).map_or(0, u32::from_ne_bytes);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        match abi {
            Abi::X86_64 => AlternateStack { base: long(0), flags: word(8), size: long(16) },
            _ => AlternateStack { base: word(0).into(), flags: word(4), size: word(8).into() },
        }
    }
    fn encode(&self, abi: Abi, bytes: &mut [u8]) {
        bytes.fill(0);
        let mut put = |at: usize, value: u64, size: usize| {
            if let (Some(place), Some(raw)) = (bytes.get_mut(at..at + size), value.to_ne_bytes().get(..size)) {
                place.copy_from_slice(raw);
            }
        };
        let size = if matches!(abi, Abi::X86_64) { 8 } else { 4 };
        put(0, self.base, size);
        put(size, self.flags.into(), 4);
        put(2 * size, self.size, size);
    }
}

/// Sets the alternate stack: EPERM while it is in use, EINVAL for unknown flags, ENOMEM if it is too small for a frame.
pub(super) fn change_alternate_stack(task: &Task, stack_pointer: u64, new: AlternateStack) -> Result<()> {
    let old = task.signals.alternate_stack();
    if old.state(stack_pointer) == SS_ONSTACK {
        return Err(EPERM);
    }
    let mode = new.flags & !SS_AUTODISARM;
    if mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0 {
        return Err(EINVAL);
    }
    if old == new {
        return Ok(());
    }
    if mode == SS_DISABLE {
        task.signals.set_alternate_stack(AlternateStack { base: 0, size: 0, flags: new.flags });
        return Ok(());
    }
    if new.size < MINSIGSTKSZ {
        return Err(ENOMEM);
    }
    task.signals.set_alternate_stack(new);
    Ok(())
}

/// sigaltstack(2).
pub fn sigaltstack(
    task: &Task,
    frame: &mut UserFrame,
    new: UserPtr<AlternateStack>,
    old: UserPtr<AlternateStack>,
) -> Result<()> {
    let wanted = new.read_optional(task)?;
    let current = task.signals.alternate_stack();
    let stack_pointer = frame.stack_pointer();
    if let Some(wanted) = wanted {
        change_alternate_stack(task, stack_pointer, wanted)?;
    }
    let shown = AlternateStack { flags: current.state(stack_pointer) | current.flags & SS_AUTODISARM, ..current };
    old.write_optional(task, &shown)
}
