//! msgsnd(2).
use super::super::{access, flag, namespace, now};
use super::Message;
use crate::error::*;
use crate::process::Task;
use crate::syscall::{UserBytes, UserLayout, UserSlice};
use crate::wait::{Sleep, wait_for_wake};
use abi::Abi;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use machine::collections::{Linked, Links};

/// A task that waits for room in a queue.
pub struct Sender {
    links: Links,
    task: Arc<Task>,
    /// Bytes of its message.
    pub length: usize,
    is_woken: AtomicBool,
}
impl Linked for Sender {
    fn links(&self) -> &Links {
        &self.links
    }
}
impl Sender {
    fn new(length: usize) -> Result<Arc<Sender>> {
        Ok(machine::memory::try_arc(Sender {
            links: Links::new(),
            task: Task::current_arc(),
            length,
            is_woken: AtomicBool::new(false),
        })?)
    }
    /// It looks again; off the list.
    pub fn wake(&self) {
        self.is_woken.store(true, Ordering::Release);
        self.task.wake();
    }
}

/// The type in front of a message: a long of the ABI, which has 64 bits for x32.
#[derive(Clone, Copy)]
pub struct Kind(pub i64);
impl UserLayout for Kind {
    fn size(abi: Abi) -> usize {
        if matches!(abi, Abi::I386) { 4 } else { 8 }
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        Kind(if matches!(abi, Abi::I386) { i32::decode(abi, bytes).into() } else { i64::decode(abi, bytes) })
    }
    fn encode(&self, abi: Abi, bytes: &mut [u8]) {
        if matches!(abi, Abi::I386) { (self.0 as i32).encode(abi, bytes) } else { self.0.encode(abi, bytes) }
    }
}

/// msgsnd(2).
pub fn msgsnd(task: &Task, id: i32, message: UserBytes, length: i64, flags: u32) -> Result<()> {
    send(task, id, message.0, length, flags)
}

/// msgsnd(2) of a message at an address. EFAULT, EINVAL, ENOMEM, EACCES, EAGAIN, EIDRM, ERESTARTNOHAND.
pub fn send(task: &Task, id: i32, address: u64, length: i64, flags: u32) -> Result<()> {
    let Kind(kind) = Kind::read_from(task.abi(), address)?;
    let space = namespace(task);
    let most = space.limits.message_bytes.load(Ordering::Relaxed);
    let length = u32::try_from(length).ok().filter(|length| *length <= most).ok_or(EINVAL)? as usize;
    if id < 0 || kind < 1 {
        return Err(EINVAL);
    }
    let text_at = address.wrapping_add(Kind::size(task.abi()) as u64);
    let text = UserSlice::new(text_at, length).read_all()?;
    let message = machine::memory::try_arc(Message { links: Links::new(), kind, text })?;
    let queue = space.queues.find(id)?;
    let mut waiting: Option<Arc<Sender>> = None;
    loop {
        let mut state = queue.state.lock();
        queue.permissions.check(task, access::WRITE)?;
        if state.is_removed {
            return Err(EIDRM);
        }
        if state.has_room_for(length) {
            let process = Some(task.group().pid().clone());
            (state.last_sender, state.send_time) = (process, now());
            state.deliver(message);
            return Ok(());
        }
        if flags & flag::NO_WAIT != 0 {
            return Err(EAGAIN);
        }
        let sender = match waiting.take() {
            Some(sender) => sender,
            None => Sender::new(length)?,
        };
        sender.is_woken.store(false, Ordering::Relaxed);
        // Off any list: fresh, or taken off by who woke it.
        let _ = state.senders.push_back(sender.clone());
        drop(state);
        let result =
            wait_for_wake(Sleep::Interruptible, None, || sender.is_woken.load(Ordering::Acquire).then_some(()));
        if result.is_err() {
            let mut state = queue.state.lock();
            state.senders.remove(&sender);
            return Err(if state.is_removed { EIDRM } else { ERESTARTNOHAND });
        }
        waiting = Some(sender);
    }
}
