//! seccomp(2), and prctl(2)'s older way.
use super::filter::{Filter, action};
use super::listener::{ANSWER_SIZE, Listener, QUESTION_SIZE};
use super::{Mode, synchronize};
use crate::error::*;
use crate::process::Task;
use crate::syscall::{UserAddress, UserPtr, UserSlice};

const SET_MODE_STRICT: u32 = 0;
const SET_MODE_FILTER: u32 = 1;
const GET_ACTION_AVAIL: u32 = 2;
const GET_NOTIF_SIZES: u32 = 3;

/// Flags of SECCOMP_SET_MODE_FILTER.
mod flag {
    pub const TSYNC: u32 = 1;
    pub const LOG: u32 = 2;
    /// Speculation is as it is.
    pub const SPEC_ALLOW: u32 = 4;
    pub const NEW_LISTENER: u32 = 8;
    pub const TSYNC_ESRCH: u32 = 16;
    pub const WAIT_KILLABLE_RECV: u32 = 32;
    pub const ALL: u32 = TSYNC | LOG | SPEC_ALLOW | NEW_LISTENER | TSYNC_ESRCH | WAIT_KILLABLE_RECV;
}

/// seccomp(2).
pub fn seccomp(task: &Task, operation: u32, flags: u32, arguments: UserAddress) -> Result<i64> {
    match operation {
        SET_MODE_STRICT if flags != 0 || !arguments.is_null() => Err(EINVAL),
        SET_MODE_STRICT => set_strict(task).map(|()| 0),
        SET_MODE_FILTER => set_filter(task, flags, arguments.0),
        GET_ACTION_AVAIL | GET_NOTIF_SIZES if flags != 0 => Err(EINVAL),
        GET_ACTION_AVAIL => match UserPtr::<u32>::new(arguments.0).read(task)? {
            known if action::ALL.contains(&known) => Ok(0),
            _ => Err(EOPNOTSUPP),
        },
        GET_NOTIF_SIZES => {
            let mut bytes = [0; 6];
            for (place, size) in bytes.chunks_exact_mut(2).zip([QUESTION_SIZE, ANSWER_SIZE, bpf::DATA_SIZE]) {
                place.copy_from_slice(&(size as u16).to_ne_bytes());
            }
            UserSlice::new(arguments.0, bytes.len()).write(&bytes).map(|()| 0)
        }
        _ => Err(EINVAL),
    }
}

/// PR_SET_SECCOMP.
pub fn set_mode(task: &Task, mode: u64, filter: u64) -> Result<i64> {
    match mode {
        1 => set_strict(task).map(|()| 0),
        2 => set_filter(task, 0, filter),
        _ => Err(EINVAL),
    }
}

/// PR_GET_SECCOMP.
pub fn get_mode(task: &Task) -> u64 {
    task.seccomp.mode() as u64
}

fn set_strict(task: &Task) -> Result<()> {
    let group = task.group().signals.lock();
    let allowed = task.may_judge(Mode::Strict);
    if allowed {
        task.judge(Mode::Strict);
    }
    drop(group);
    if !allowed {
        return Err(EINVAL);
    }
    // Nobody shall measure others by it.
    task.thread().forbid_counter(true);
    Ok(())
}

/// Adds a filter; the listener's descriptor, or the number of a thread that cannot have the filter.
fn set_filter(task: &Task, flags: u32, address: u64) -> Result<i64> {
    let has = |wanted: u32| flags & wanted != 0;
    if has(!flag::ALL)
        || has(flag::TSYNC) && has(flag::NEW_LISTENER) && !has(flag::TSYNC_ESRCH)
        || has(flag::WAIT_KILLABLE_RECV) && !has(flag::NEW_LISTENER)
    {
        return Err(EINVAL);
    }
    let mut filter = Filter::read(task, address)?;
    filter.logs = has(flag::LOG);
    filter.waits_killable = has(flag::WAIT_KILLABLE_RECV);
    if !has(flag::NEW_LISTENER) {
        return attach(task, filter, flags);
    }
    let table = task.files();
    let place = table.reserve(0, true)?;
    let listener = Listener::new()?;
    let file = listener.file()?;
    filter.listener = Some(listener);
    match attach(task, filter, flags)? {
        0 => Ok(place.install(file).0.into()),
        other => Ok(other),
    }
}

/// Puts a filter before the caller's others, and gives them to the other threads if asked: 0, or the number of a thread that has
/// others. EINVAL in strict mode, EBUSY for a second listener, ENOMEM for too many instructions.
fn attach(task: &Task, mut filter: Filter, flags: u32) -> Result<i64> {
    if !task.may_judge(Mode::Filter) {
        return Err(EINVAL);
    }
    // Other threads may give the caller filters meanwhile: then it is tried again with those.
    loop {
        let previous = task.seccomp.filter();
        let listens = |filter: &Filter| filter.listener.as_ref().is_some_and(|listener| listener.is_open());
        if filter.listener.is_some() && previous.as_ref().is_some_and(|previous| previous.chain().any(listens)) {
            return Err(EBUSY);
        }
        filter.before(previous.clone())?;
        let whole = machine::memory::try_arc(filter)?;
        let group = task.group().signals.lock();
        let now = task.seccomp.filter();
        let same = match (&now, &previous) {
            (Some(now), Some(previous)) => alloc::sync::Arc::ptr_eq(now, previous),
            (now, previous) => now.is_none() && previous.is_none(),
        };
        if !same {
            drop(group);
            filter = alloc::sync::Arc::into_inner(whole).ok_or(ENOMEM)?;
            continue;
        }
        if flags & flag::TSYNC != 0
            && let Some(stranger) = synchronize::first_stranger(task, &group)
        {
            drop(group);
            return if flags & flag::TSYNC_ESRCH != 0 { Err(ESRCH) } else { Ok(stranger.into()) };
        }
        let replaced = task.seccomp.set_filter(Some(whole.clone()));
        task.judge(Mode::Filter);
        if flags & flag::TSYNC != 0 {
            synchronize::give_to_all(task, &whole, &group);
        }
        drop(group);
        drop(replaced);
        return Ok(0);
    }
}
