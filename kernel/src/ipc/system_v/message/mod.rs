//! Message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2).
mod control;
mod receive;
mod send;

pub use control::{control, msgctl};
pub use receive::{msgrcv, receive};
pub use send::{msgsnd, send};

use super::get::{Room, get};
use super::permissions::{PermissionValues, Permissions};
use super::table::Object;
use super::{IpcNamespace, namespace, now};
use crate::error::*;
use crate::process::Task;
use crate::process::pid::PidEntry;
use crate::sync::{Mutex, rank};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use machine::collections::{Linked, Links, List, TreeLinked, TreeLinks};
use receive::Receiver;
use send::Sender;

/// A message.
pub struct Message {
    links: Links,
    /// Its type, greater than 0.
    kind: i64,
    text: Vec<u8>,
}
impl Linked for Message {
    fn links(&self) -> &Links {
        &self.links
    }
}

/// A queue.
pub struct Queue {
    permissions: Permissions,
    links: TreeLinks,
    state: Mutex<State>,
}
impl TreeLinked for Queue {
    fn tree_links(&self) -> &TreeLinks {
        &self.links
    }
}
impl Object for Queue {
    fn permissions(&self) -> &Permissions {
        &self.permissions
    }
    fn weight(&self) -> u64 {
        0
    }
}

/// What a queue holds, and who waits at either end.
struct State {
    /// It has left its table.
    is_removed: bool,
    messages: List<Message>,
    /// Bytes of all messages.
    bytes: u64,
    /// Most bytes, and most messages.
    most_bytes: u64,
    send_time: i64,
    receive_time: i64,
    change_time: i64,
    last_sender: Option<Arc<PidEntry>>,
    last_receiver: Option<Arc<PidEntry>>,
    receivers: List<Receiver>,
    senders: List<Sender>,
}

/// What msgctl(2) tells of a queue.
#[allow(missing_docs)]
pub struct Status {
    pub permissions: PermissionValues,
    pub send_time: i64,
    pub receive_time: i64,
    pub change_time: i64,
    pub bytes: u64,
    pub messages: usize,
    pub most_bytes: u64,
    pub last_sender: Option<Arc<PidEntry>>,
    pub last_receiver: Option<Arc<PidEntry>>,
}

impl Queue {
    fn new(task: &Task, space: &IpcNamespace, key: i32, flags: u32) -> Result<Arc<Queue>> {
        let state = State {
            is_removed: false,
            messages: List::new(),
            bytes: 0,
            most_bytes: space.limits.queue_bytes.load(Ordering::Relaxed).into(),
            send_time: 0,
            receive_time: 0,
            change_time: now(),
            last_sender: None,
            last_receiver: None,
            receivers: List::new(),
            senders: List::new(),
        };
        Ok(machine::memory::try_arc(Queue {
            permissions: Permissions::new(task, key, flags),
            links: TreeLinks::new(),
            state: Mutex::new(rank::IPC_OBJECT, state),
        })?)
    }
    /// Its id.
    pub fn id(&self) -> i32 {
        self.permissions.id()
    }
    /// What it is now.
    pub fn status(&self) -> Status {
        let state = self.state.lock();
        Status {
            permissions: self.permissions.values(),
            send_time: state.send_time,
            receive_time: state.receive_time,
            change_time: state.change_time,
            bytes: state.bytes,
            messages: state.messages.len(),
            most_bytes: state.most_bytes,
            last_sender: state.last_sender.clone(),
            last_receiver: state.last_receiver.clone(),
        }
    }
    /// Takes it away with all messages: who waits gets EIDRM.
    fn remove(&self, space: &IpcNamespace) {
        if !space.queues.remove(self) {
            return;
        }
        let mut state = self.state.lock();
        state.is_removed = true;
        state.end_receivers(EIDRM);
        while let Some(sender) = state.senders.pop_front() {
            sender.wake();
        }
        let messages = core::mem::take(&mut state.messages);
        drop(state);
        drop(messages);
    }
}

impl State {
    /// Whether a message of so many bytes has room.
    fn has_room_for(&self, length: usize) -> bool {
        self.bytes.saturating_add(length as u64) <= self.most_bytes && (self.messages.len() as u64) < self.most_bytes
    }
    /// Wakes the senders whose messages have room now.
    fn wake_senders(&mut self) {
        if self.senders.is_empty() {
            return;
        }
        let mut ready = List::new();
        let mut senders = core::mem::take(&mut self.senders);
        senders.drain_into(&mut ready, |sender| self.has_room_for(sender.length));
        self.senders = senders;
        while let Some(sender) = ready.pop_front() {
            sender.wake();
        }
    }
    /// All receivers stop waiting; after EAGAIN they begin anew.
    fn end_receivers(&mut self, error: Error) {
        while let Some(receiver) = self.receivers.pop_front() {
            receiver.finish(Err(error));
        }
    }
}

/// msgget(2).
pub fn msgget(task: &Task, key: i32, flags: u32) -> Result<i32> {
    let space = namespace(task);
    let room = Room { objects: space.limits.queues.load(Ordering::Relaxed), weight: u64::MAX };
    get(&space.queues, task, key, flags, room, |_| Ok(()), || Queue::new(task, &space, key, flags))
}
