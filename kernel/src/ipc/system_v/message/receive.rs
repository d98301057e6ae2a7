//! msgrcv(2).
use super::super::{access, flag, namespace, now};
use super::send::Kind;
use super::{Message, State};
use crate::error::*;
use crate::process::Task;
use crate::sync::{SpinLock, rank};
use crate::syscall::{UserBytes, UserLayout, UserSlice};
use crate::wait::{Sleep, wait_for_wake};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use machine::collections::{Linked, Links};

/// MSG_NOERROR: longer messages are cut.
const CUT: u32 = 0o10000;
/// MSG_EXCEPT: any type but the one given.
const EXCEPT: u32 = 0o20000;
/// MSG_COPY: the message with this number, which stays.
const COPY: u32 = 0o40000;

/// Which message is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    First,
    Equal(i64),
    Other(i64),
    /// The first of the lowest type up to this one.
    UpTo(i64),
    /// By its place in the queue.
    Numbered(i64),
}
impl Wanted {
    fn new(kind: i64, flags: u32) -> Wanted {
        match kind {
            _ if flags & COPY != 0 => Wanted::Numbered(kind),
            0 => Wanted::First,
            i64::MIN..0 => Wanted::UpTo(kind.checked_neg().unwrap_or(i64::MAX)),
            _ if flags & EXCEPT != 0 => Wanted::Other(kind),
            _ => Wanted::Equal(kind),
        }
    }
    fn fits(self, message: &Message) -> bool {
        match self {
            Wanted::First | Wanted::Numbered(_) => true,
            Wanted::Equal(kind) => message.kind == kind,
            Wanted::Other(kind) => message.kind != kind,
            Wanted::UpTo(kind) => message.kind <= kind,
        }
    }
}

/// A task that waits for a message.
pub struct Receiver {
    links: Links,
    task: Arc<Task>,
    wanted: Wanted,
    /// Longest message that it takes.
    longest: usize,
    answer: SpinLock<Option<Result<Arc<Message>>>>,
}
impl Linked for Receiver {
    fn links(&self) -> &Links {
        &self.links
    }
}
impl Receiver {
    /// Ends its waiting; off the list.
    pub fn finish(&self, answer: Result<Arc<Message>>) {
        // Nobody has answered before: only the queue's lock takes receivers off its list.
        *self.answer.lock() = Some(answer);
        self.task.wake();
    }
}

impl State {
    /// Hands a message to the first receiver that takes it, or puts it into the queue.
    pub fn deliver(&mut self, message: Arc<Message>) {
        loop {
            let taker = self.receivers.iter_arcs().find(|receiver| receiver.wanted.fits(&message)).cloned();
            let Some(receiver) = taker else { break };
            self.receivers.remove(&receiver);
            if receiver.longest < message.text.len() {
                receiver.finish(Err(E2BIG));
                continue;
            }
            self.last_receiver = Some(receiver.task.pid());
            self.receive_time = now();
            return receiver.finish(Ok(message));
        }
        self.bytes += message.text.len() as u64;
        // A fresh one is on no list.
        let _ = self.messages.push_back(message);
    }
    /// The message that is wanted.
    fn find(&self, wanted: Wanted) -> Option<Arc<Message>> {
        let mut fitting = self.messages.iter_arcs().filter(|message| wanted.fits(message));
        match wanted {
            Wanted::Numbered(number) => usize::try_from(number).ok().and_then(|number| fitting.nth(number)),
            // The first one of those with the lowest type.
            Wanted::UpTo(_) => fitting.reduce(|best, message| if message.kind < best.kind { message } else { best }),
            _ => fitting.next(),
        }
        .cloned()
    }
    /// Takes a message out, for `task`.
    fn take(&mut self, message: &Message, task: &Task) {
        let process = Some(task.group().pid().clone());
        let taken = self.messages.remove(message);
        self.bytes = self.bytes.saturating_sub(message.text.len() as u64);
        (self.receive_time, self.last_receiver) = (now(), process);
        self.wake_senders();
        drop(taken);
    }
}

/// msgrcv(2).
pub fn msgrcv(task: &Task, id: i32, message: UserBytes, length: i64, kind: i64, flags: u32) -> Result<usize> {
    receive(task, id, message.0, length, kind, flags)
}

/// msgrcv(2) of a message to an address: the bytes of its text. EINVAL, EFAULT, EACCES, E2BIG, ENOMSG, EIDRM, ERESTARTNOHAND.
pub fn receive(task: &Task, id: i32, address: u64, length: i64, kind: i64, flags: u32) -> Result<usize> {
    let space = namespace(task);
    let length = usize::try_from(length).ok().filter(|_| id >= 0).ok_or(EINVAL)?;
    if flags & COPY != 0 {
        if flags & EXCEPT != 0 || flags & flag::NO_WAIT == 0 {
            return Err(EINVAL);
        }
        // Linux makes the copy's room a copy of what the buffer holds, so that it must be readable.
        let most = space.limits.message_bytes.load(Ordering::Relaxed) as usize;
        let room: Vec<u8> = UserSlice::new(address, length.min(most)).read_all()?;
        drop(room);
    }
    let wanted = Wanted::new(kind, flags);
    let queue = space.queues.find(id)?;
    let message = loop {
        queue.permissions.check(task, access::READ)?;
        let mut state = queue.state.lock();
        if state.is_removed {
            return Err(EIDRM);
        }
        if let Some(message) = state.find(wanted) {
            if length < message.text.len() && flags & CUT == 0 {
                return Err(E2BIG);
            }
            if flags & COPY == 0 {
                state.take(&message, task);
            } else if length < message.text.len() {
                return Err(EINVAL);
            }
            break message;
        }
        if flags & flag::NO_WAIT != 0 {
            return Err(ENOMSG);
        }
        let receiver = machine::memory::try_arc(Receiver {
            links: Links::new(),
            task: Task::current_arc(),
            wanted,
            longest: if flags & CUT != 0 { usize::MAX } else { length },
            answer: SpinLock::new(rank::LEAF, None),
        })?;
        // A fresh one is on no list.
        let _ = state.receivers.push_back(receiver.clone());
        drop(state);
        let answer = wait_for_wake(Sleep::Interruptible, None, || receiver.answer.lock().take()).or_else(|_| {
            let mut state = queue.state.lock();
            let answer = receiver.answer.lock().take();
            state.receivers.remove(&receiver);
            answer.ok_or(ERESTARTNOHAND)
        })?;
        match answer {
            Ok(message) => break message,
            // The queue has changed: once more.
            Err(EAGAIN) => {}
            Err(error) => return Err(error),
        }
    };
    write(task, &message, address, length)
}

/// Writes a message to the caller's buffer, cut to its length.
fn write(task: &Task, message: &Message, address: u64, length: usize) -> Result<usize> {
    let abi = task.abi();
    Kind(message.kind).write_to(abi, address)?;
    let text = message.text.get(..length).unwrap_or(&message.text);
    UserSlice::new(address.wrapping_add(Kind::size(abi) as u64), text.len()).write(text)?;
    Ok(text.len())
}
