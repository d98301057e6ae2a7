//! The system calls of epoll(7).
use super::{EpollFile, EventPoll, flag};
use crate::error::*;
use crate::file::{File, FileOperations, PollEvents};
use crate::process::{Capability, Task};
use crate::signal::temporary::TemporaryMask;
use crate::syscall::argument::{Flags, flag_names};
use crate::syscall::user::UserLayout;
use crate::syscall::{Fd, UserAddress, UserPtr, UserSlice};
use crate::time::value::LONGEST;
use crate::time::{TimeLayout, Timespec};
use crate::wait::{Sleep, WaitError};
use abi::Abi;
use alloc::boxed::Box;
use alloc::sync::Arc;

flag_names! {
    /// Flags of epoll_create1(2).
    pub EpollCreateFlags { EPOLL_CLOEXEC = 0o2000000 }
}
const O_RDWR: u32 = 2;
const ADD: i32 = 1;
const DELETE: i32 = 2;
const MODIFY: i32 = 3;
/// Bytes of `struct epoll_event`, which is packed on x86.
const EVENT_SIZE: usize = 12;
const MAX_EVENTS: i32 = i32::MAX / EVENT_SIZE as i32;
/// What may be combined with EPOLLEXCLUSIVE.
const EXCLUSIVE_ALLOWED: u32 = PollEvents::IN.0
    | PollEvents::OUT.0
    | PollEvents::ERR.0
    | PollEvents::HUP.0
    | flag::WAKEUP
    | flag::EDGE_TRIGGERED
    | flag::EXCLUSIVE;

/// `struct epoll_event`.
#[derive(Clone, Copy, Debug)]
pub struct EpollEvent {
    events: u32,
    data: u64,
}
impl EpollEvent {
    fn to_bytes(self) -> [u8; EVENT_SIZE] {
        let mut bytes = [0; EVENT_SIZE];
        let (events, data) = bytes.split_at_mut(4);
        events.copy_from_slice(&self.events.to_ne_bytes());
        data.copy_from_slice(&self.data.to_ne_bytes());
        bytes
    }
}
impl UserLayout for EpollEvent {
    fn size(_: Abi) -> usize {
        EVENT_SIZE
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        let (events, data) = bytes.split_at(4);
        EpollEvent { events: u32::decode(abi, events), data: u64::decode(abi, data) }
    }
    fn encode(&self, _: Abi, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.to_bytes());
    }
}

/// epoll_create1(2).
pub fn epoll_create1(task: &Task, flags: Flags<EpollCreateFlags>) -> Result<Fd> {
    let bits = flags.known()?;
    let operations: Box<dyn FileOperations> = machine::memory::try_box(EpollFile(EventPoll::new()?))?;
    let file = File::anonymous(operations, "anon_inode:[eventpoll]", O_RDWR)?;
    task.files().install(file, 0, bits & EpollCreateFlags::EPOLL_CLOEXEC != 0)
}

/// epoll_create(2): the size is only checked.
pub fn epoll_create(task: &Task, size: i32) -> Result<Fd> {
    if size <= 0 {
        return Err(EINVAL);
    }
    epoll_create1(task, Flags::new(0))
}

fn instance(file: &File) -> Result<&Arc<EventPoll>> {
    file.downcast::<EpollFile>().map(|epoll| &epoll.0).ok_or(EINVAL)
}

/// epoll_ctl(2).
pub fn epoll_ctl(task: &Task, epfd: Fd, operation: i32, fd: Fd, event: UserPtr<EpollEvent>) -> Result<()> {
    let event = if operation == DELETE { EpollEvent { events: 0, data: 0 } } else { event.read(task)? };
    let epoll = task.files().get_io(epfd)?;
    let target = task.files().get_io(fd)?;
    if !target.operations().is_pollable() {
        return Err(EPERM.because("the file cannot be polled"));
    }
    let mut events = event.events;
    if events & flag::WAKEUP != 0 && !task.capable(Capability::BlockSuspend) {
        events &= !flag::WAKEUP;
    }
    if Arc::ptr_eq(&epoll, &target) {
        return Err(EINVAL);
    }
    let poll = instance(&epoll)?;
    if operation != DELETE && events & flag::EXCLUSIVE != 0 {
        let nested = target.downcast::<EpollFile>().is_some();
        if operation == MODIFY || operation == ADD && (nested || events & !EXCLUSIVE_ALLOWED != 0) {
            return Err(EINVAL);
        }
    }
    let always = (PollEvents::ERR | PollEvents::HUP).0;
    match operation {
        ADD => poll.add(&target, fd.0, events | always, event.data),
        DELETE => poll.delete(&target, fd.0),
        MODIFY => poll.modify(&target, fd.0, events | always, event.data),
        _ => Err(EINVAL),
    }
}

fn wait(task: &Task, epfd: Fd, events: UserAddress, most: i32, deadline: Option<u64>) -> Result<usize> {
    if most <= 0 || most > MAX_EVENTS {
        return Err(EINVAL);
    }
    let most = usize::try_from(most).map_err(|_| EINVAL)?;
    let file = task.borrow_file(epfd)?;
    let poll = instance(&file)?;
    let mut user = UserSlice::new(events.0, most.saturating_mul(EVENT_SIZE));
    let mut deliver = |events, data| user.write(&EpollEvent { events, data }.to_bytes());
    if let Some(count) = poll.collect_only(&mut deliver) {
        return Ok(count);
    }
    loop {
        let count = poll.collect(most, &mut deliver)?;
        if count > 0 {
            return Ok(count);
        }
        if deadline == Some(0) {
            return Ok(0);
        }
        match poll.waiting.wait_exclusive(Sleep::Interruptible, deadline, || poll.has_ready().then_some(())) {
            Ok(()) => {}
            Err(WaitError::TimedOut) => return Ok(0),
            Err(WaitError::Interrupted) => return Err(EINTR),
        }
    }
}

fn deadline_after(nanoseconds: u64) -> u64 {
    if nanoseconds == 0 { 0 } else { machine::time::monotonic().saturating_add(nanoseconds).min(LONGEST) }
}
fn milliseconds(timeout: i32) -> Option<u64> {
    u64::try_from(timeout).ok().map(|timeout| deadline_after(timeout * 1_000_000))
}

/// epoll_wait(2).
pub fn epoll_wait(task: &Task, epfd: Fd, events: UserAddress, most: i32, timeout: i32) -> Result<usize> {
    wait(task, epfd, events, most, milliseconds(timeout))
}

fn wait_masked(
    task: &Task,
    epfd: Fd,
    events: UserAddress,
    most: i32,
    deadline: Option<u64>,
    mask: (UserAddress, usize),
) -> Result<usize> {
    let mask = TemporaryMask::set(task, mask.0, mask.1)?;
    let result = wait(task, epfd, events, most, deadline);
    mask.end(task, result == Err(EINTR));
    result
}

/// epoll_pwait(2).
pub fn epoll_pwait(
    task: &Task,
    epfd: Fd,
    events: UserAddress,
    most: i32,
    timeout: i32,
    mask: UserAddress,
    mask_size: usize,
) -> Result<usize> {
    wait_masked(task, epfd, events, most, milliseconds(timeout), (mask, mask_size))
}

/// epoll_pwait2(2).
pub fn epoll_pwait2(
    task: &Task,
    epfd: Fd,
    events: UserAddress,
    most: i32,
    timeout: UserPtr<Timespec>,
    mask: UserAddress,
    mask_size: usize,
) -> Result<usize> {
    let deadline = timeout.read_optional(task)?.map(|time| time.nanoseconds()).transpose()?.map(deadline_after);
    wait_masked(task, epfd, events, most, deadline, (mask, mask_size))
}
