//! kcmp(2): whether two tasks share an object.
use super::Task;
use super::credentials::may_inspect;
use crate::error::*;
use crate::file::File;
use crate::file::epoll::watched_file;
use crate::sync::Once;
use crate::syscall::user::plain_layout;
use crate::syscall::{Fd, Pid, UserPtr};
use alloc::sync::Arc;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Kinds of objects.
mod kind {
    pub const FILE: i32 = 0;
    pub const MEMORY: i32 = 1;
    pub const FILES: i32 = 2;
    pub const CONTEXT: i32 = 3;
    pub const HANDLERS: i32 = 4;
    pub const IO_CONTEXT: i32 = 5;
    pub const SEMAPHORE_UNDO: i32 = 6;
    pub const WATCHED_FILE: i32 = 7;
    pub const COUNT: usize = 8;
}

/// `struct kcmp_epoll_slot`: an epoll instance, the descriptor under which it watches a file, and which of the files that were
/// added under that descriptor.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
struct Slot {
    instance: u32,
    descriptor: u32,
    offset: u32,
}
plain_layout!(Slot);

/// kcmp(2): 0 for one and the same object, 1 or 2 for the order of two that differ, which is the same for as long as both exist
/// and tells nothing of where they are.
pub fn kcmp(task: &Task, one: Pid, other: Pid, kind: i32, first: u64, second: u64) -> Result<u32> {
    let find =
        |pid: Pid| u32::try_from(pid.0).ok().and_then(|number| task.pid_namespace().find_task(number)).ok_or(ESRCH);
    let (one, other) = (find(one)?, find(other)?);
    if !may_inspect(task, &one, true) || !may_inspect(task, &other, true) {
        return Err(EPERM);
    }
    let file = |of: &Task, fd: u64| of.files_if_any().ok_or(EBADF)?.get(Fd(fd as i32));
    let both = |of: fn(&Task) -> usize| order(kind, of(&one), of(&other));
    match kind {
        kind::FILE => {
            let (one, other) = (file(&one, first)?, file(&other, second)?);
            order(kind, place(&one), place(&other))
        }
        kind::MEMORY => both(|task| task.memory().as_ref().map_or(0, |memory| Arc::as_ptr(memory).addr())),
        kind::FILES => both(|task| task.files_if_any().as_ref().map_or(0, |files| Arc::as_ptr(files).addr())),
        kind::CONTEXT => both(|task| task.context_if_any().as_ref().map_or(0, |context| Arc::as_ptr(context).addr())),
        kind::HANDLERS => both(|task| Arc::as_ptr(&task.group().actions()).addr()),
        kind::IO_CONTEXT => both(|task| task.io_context.place()),
        kind::SEMAPHORE_UNDO => both(|task| task.undo_list.lock().as_ref().map_or(0, |list| Arc::as_ptr(list).addr())),
        kind::WATCHED_FILE => {
            let slot = UserPtr::<Slot>::new(second).read(task)?;
            let (file, instance) = (file(&one, first)?, file(&other, slot.instance.into())?);
            let watched = watched_file(&instance, slot.descriptor as i32, slot.offset)?;
            order(kind, place(&file), place(&watched))
        }
        _ => Err(EINVAL),
    }
}

fn place(file: &Arc<File>) -> usize {
    Arc::as_ptr(file).addr()
}

/// Compares two addresses (0 for no object) as they are after a one-to-one scrambling that only the kernel knows.
fn order(kind: i32, one: usize, other: usize) -> Result<u32> {
    static COOKIES: Once<[[u64; 2]; kind::COUNT]> = Once::new();
    if COOKIES.get().is_none() {
        // Somebody else's are as good.
        let _ = COOKIES.set(core::array::from_fn(|_| [crate::random::word(), crate::random::word()]));
    }
    let cookies = COOKIES.get().and_then(|cookies| cookies.get(usize::try_from(kind).ok()?));
    let [mask, factor] = *cookies.ok_or(EINVAL)?;
    let scrambled = |place: usize| (place as u64 ^ mask).wrapping_mul(factor | 1);
    Ok(match scrambled(one).cmp(&scrambled(other)) {
        core::cmp::Ordering::Equal => 0,
        core::cmp::Ordering::Less => 1,
        core::cmp::Ordering::Greater => 2,
    })
}
