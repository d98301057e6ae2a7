//! Messages between the kernel and programs, and between programs: netlink(7).
//!
//! A socket has a port, a number that is its own in its network namespace and protocol. A message to port 0 is for the kernel, which
//! handles it before send(2) returns ([`request`]) and puts its answers into the sender's queue. A socket's locks are its own:
//! its state, its queue, and the sleeping lock of the dump that is under way. No call holds those of two sockets.
mod audit;
mod bind;
mod generic;
mod message;
mod option;
mod receive;
pub mod report;
mod request;
pub mod route;
mod send;
mod table;
pub mod uevent;
mod writer;

use super::device_calls;
use super::socket::{Incoming, Outgoing, SocketFile, SocketOperations};
use super::{NetworkNamespace, SocketAddress, SocketOptions, calls};
use crate::error::*;
use crate::file::open_file::{File, FileOperations};
use crate::file::signal_driven::{Reason, SignalList};
use crate::file::{IoBuffer, PollEvents, PollTable};
use crate::process::{Capability, Credentials, Task};
use crate::sync::{Mutex, SpinLock, rank};
use crate::syscall::UserPtr;
use crate::wait::WaitQueue;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use machine::collections::{Linked, Links, List};
use machine::memory::{try_arc, try_box};
use message::Waiting;

pub use option::{PACKET_INFORMATION, SOL_NETLINK};

/// AF_NETLINK.
pub const FAMILY: u32 = 16;
/// Bytes of `struct sockaddr_nl`.
const ADDRESS_LENGTH: usize = 12;

/// What a socket speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Protocol {
    /// NETLINK_ROUTE: network devices, addresses, routes.
    Route = 0,
    /// NETLINK_USERSOCK: programs with each other, never the kernel.
    User = 2,
    /// NETLINK_AUDIT.
    Audit = 9,
    /// NETLINK_KOBJECT_UEVENT: devices and modules that come and go.
    Uevent = 15,
    /// NETLINK_GENERIC: families with names.
    Generic = 16,
}
/// Protocols that Linux has numbers for.
const PROTOCOLS_END: u32 = 32;

impl Protocol {
    fn of(number: u32) -> Result<Protocol> {
        match number {
            0 => Ok(Protocol::Route),
            2 => Ok(Protocol::User),
            9 => Ok(Protocol::Audit),
            15 => Ok(Protocol::Uevent),
            16 => Ok(Protocol::Generic),
            number if number < PROTOCOLS_END => Err(EPROTONOSUPPORT.because("nobody answers this protocol")),
            _ => Err(EPROTONOSUPPORT),
        }
    }
    /// How many groups there are to listen to.
    fn groups(self) -> u32 {
        match self {
            Protocol::Route => 36,
            Protocol::User | Protocol::Audit | Protocol::Uevent | Protocol::Generic => 32,
        }
    }
    /// Whether everybody may listen to groups.
    fn may_all_listen(self) -> bool {
        !matches!(self, Protocol::User)
    }
    /// Whether everybody may send to other ports than the kernel's, and to groups.
    fn may_all_send(self) -> bool {
        matches!(self, Protocol::User)
    }
    /// Whether the kernel has a socket of it.
    fn has_kernel(self) -> bool {
        !matches!(self, Protocol::User)
    }
}

/// What setsockopt(2) sets at SOL_NETLINK: bits.
mod flag {
    pub const PACKET_INFORMATION: u32 = 1 << 0;
    pub const BROADCAST_ERROR: u32 = 1 << 1;
    pub const NO_OVERRUN_ERROR: u32 = 1 << 2;
    pub const ALL_NAMESPACES: u32 = 1 << 3;
    pub const CAPPED: u32 = 1 << 4;
    pub const EXTENDED: u32 = 1 << 5;
    pub const STRICT: u32 = 1 << 6;
}

/// A port, and a group counted from 1; 0 is none.
#[derive(Clone, Copy, Default)]
struct Destination {
    port: u32,
    group: u32,
}

/// What changes rarely, under one lock.
#[derive(Default)]
struct State {
    /// The port; what could not be had stays here, too, as on Linux.
    port: u32,
    is_bound: bool,
    /// Whom it sends to unless a message says so, once connected.
    destination: Destination,
    is_connected: bool,
    /// Groups that it hears: bit 0 is group 1.
    groups: u64,
    /// How many it could: 0 until it first asked for some.
    groups_known: u32,
}

/// Messages not received yet.
struct Queue {
    messages: List<Waiting>,
    is_dead: bool,
}

/// A socket.
pub struct NetlinkSocket {
    by_port: Links,
    by_group: Links,
    options: SocketOptions,
    protocol: Protocol,
    network: Arc<NetworkNamespace>,
    /// Who made it: the kernel grants what both he and the sender may.
    opener: Arc<Credentials>,
    inode: AtomicU64,
    flags: AtomicU32,
    state: SpinLock<State>,
    queue: SpinLock<Queue>,
    /// Bytes that the queue is charged; changed under the queue's lock.
    charged: AtomicUsize,
    /// A message was lost: no other is taken until the queue is empty.
    is_congested: AtomicBool,
    /// Messages lost.
    drops: AtomicU32,
    /// The most that a receiver had room for, which is what pieces of a dump may have.
    largest_room: AtomicUsize,
    /// The list that is being given in pieces.
    dump: Mutex<Option<Box<request::Dump>>>,
    is_dumping: AtomicBool,
    /// Who reads or polls.
    activity: Arc<WaitQueue>,
    /// Who waits for room in its queue.
    room: Arc<WaitQueue>,
    signals: SignalList,
}
/// The two lists that a socket can be in.
const BY_PORT: usize = 0;
const BY_GROUP: usize = 1;
impl Linked<BY_PORT> for NetlinkSocket {
    fn links(&self) -> &Links {
        &self.by_port
    }
}
impl Linked<BY_GROUP> for NetlinkSocket {
    fn links(&self) -> &Links {
        &self.by_group
    }
}

/// The socket of an open file.
pub struct NetlinkHandle(Arc<NetlinkSocket>);

/// Makes the operations of a new socket's file: ESOCKTNOSUPPORT, EPROTONOSUPPORT.
pub fn create(task: &Task, kind: u32, protocol: u32) -> Result<Box<dyn FileOperations>> {
    if kind != calls::kind::RAW && kind != calls::kind::DATAGRAM {
        return Err(ESOCKTNOSUPPORT);
    }
    let socket = try_arc(NetlinkSocket {
        by_port: Links::new(),
        by_group: Links::new(),
        options: SocketOptions::new(FAMILY, kind, protocol),
        protocol: Protocol::of(protocol)?,
        network: NetworkNamespace::of(task),
        opener: task.credentials(),
        inode: AtomicU64::new(0),
        flags: AtomicU32::new(0),
        state: SpinLock::new(rank::SOCKET_STATE, State::default()),
        queue: SpinLock::new(rank::SOCKET_QUEUE, Queue { messages: List::new(), is_dead: false }),
        charged: AtomicUsize::new(0),
        is_congested: AtomicBool::new(false),
        drops: AtomicU32::new(0),
        largest_room: AtomicUsize::new(0),
        dump: Mutex::new(rank::SOCKET_READING, None),
        is_dumping: AtomicBool::new(false),
        activity: try_arc(WaitQueue::new())?,
        room: try_arc(WaitQueue::new())?,
        signals: SignalList::new(),
    })?;
    match try_box(SocketFile(NetlinkHandle(socket))) {
        Ok(file) => Ok(file),
        Err(error) => Err(error.into()),
    }
}

/// The mask of a group counted from 1, of those that an address can name.
fn group_mask(group: u32) -> u32 {
    group.checked_sub(1).map_or(0, |bit| 1u32.checked_shl(bit).unwrap_or(0))
}
/// `struct sockaddr_nl`.
fn address_of(port: u32, groups: u32) -> SocketAddress {
    let mut bytes = [0; ADDRESS_LENGTH];
    let parts = [(0, FAMILY), (4, port), (8, groups)];
    for (at, value) in parts {
        if let Some(room) = bytes.get_mut(at..at + 4) {
            room.copy_from_slice(&value.to_le_bytes());
        }
    }
    SocketAddress::new(&bytes)
}

impl NetlinkSocket {
    fn has_flag(&self, flag: u32) -> bool {
        self.flags.load(Ordering::Relaxed) & flag != 0
    }
    /// Whether a task may what only some may of this protocol: who administrates the network.
    fn may_administrate(&self, task: &Task) -> bool {
        task.capable_in(&self.network.identity.owner, Capability::NetAdmin)
    }
    fn port(&self) -> u32 {
        self.state.lock().port
    }
    /// Leaves an error for who reads next.
    fn report(&self, error: abi::Errno) {
        self.options.set_error(error);
        self.activity.wake_all();
        self.signals.notify(Reason::Error);
    }
    /// A message had no room.
    fn overrun(&self) {
        if !self.has_flag(flag::NO_OVERRUN_ERROR) && !self.is_congested.swap(true, Ordering::AcqRel) {
            self.report(abi::Errno::ENOBUFS);
        }
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
    /// Whether it takes no message of such a charge now; an empty queue takes any.
    fn is_full_for(&self, charge: usize) -> bool {
        !self.has_room_for(charge) || self.is_congested.load(Ordering::Acquire)
    }
    fn has_room_for(&self, charge: usize) -> bool {
        let charged = self.charged.load(Ordering::Acquire);
        charged == 0 || charged.saturating_add(charge) <= self.options.receive_buffer()
    }
    fn end(&self) {
        table::remove(self);
        let messages = {
            let mut queue = self.queue.lock();
            queue.is_dead = true;
            self.charged.store(0, Ordering::Release);
            core::mem::take(&mut queue.messages)
        };
        self.room.wake_all();
        drop(messages);
    }
    fn is_dead(&self) -> bool {
        self.queue.lock().is_dead
    }
}

impl Drop for NetlinkHandle {
    /// Also of a socket that never came to an open file.
    fn drop(&mut self) {
        if !self.0.is_dead() {
            self.0.end();
        }
    }
}

impl SocketOperations for NetlinkHandle {
    fn options(&self) -> &SocketOptions {
        &self.0.options
    }
    fn attach(&self, inode: u64) {
        self.0.inode.store(inode, Ordering::Relaxed);
    }
    fn bind(&self, task: &Task, _: &File, address: &SocketAddress) -> Result<()> {
        self.0.bind(task, address)
    }
    fn connect(&self, task: &Task, address: &SocketAddress, _: bool) -> Result<()> {
        self.0.connect(task, address)
    }
    fn name(&self, peer: bool) -> Result<SocketAddress> {
        let state = self.0.state.lock();
        Ok(match peer {
            true => address_of(state.destination.port, group_mask(state.destination.group)),
            false => address_of(state.port, state.groups as u32),
        })
    }
    fn send(&self, task: &Task, from: &mut IoBuffer, outgoing: Outgoing) -> Result<usize> {
        self.0.send(task, from, outgoing)
    }
    fn receive(&self, _: &Task, into: &mut IoBuffer, incoming: &mut Incoming) -> Result<usize> {
        self.0.receive(into, incoming)
    }
    fn poll(&self, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.0.activity);
        }
        let mut events = PollEvents::OUT | PollEvents::WRNORM | PollEvents::WRBAND;
        if self.0.options.has_error() {
            events |= PollEvents::ERR;
        }
        if !self.0.queue.lock().messages.is_empty() {
            events |= PollEvents::IN | PollEvents::RDNORM;
        }
        events
    }
    fn ioctl(&self, task: &Task, command: u32, argument: u64) -> Result<usize> {
        device_calls::ioctl(task, &self.0.network, command, argument)
    }
    fn set_option(&self, task: &Task, level: i32, option: i32, value: UserPtr<i32>, length: usize) -> Result<()> {
        self.0.set_option(task, level, option, value, length)
    }
    fn get_option(
        &self,
        task: &Task,
        level: i32,
        option: i32,
        value: UserPtr<i32>,
        length: UserPtr<i32>,
    ) -> Result<()> {
        self.0.get_option(task, level, option, value, length)
    }
    fn signal_list(&self) -> Option<&SignalList> {
        Some(&self.0.signals)
    }
    fn release(&self) {
        self.0.end();
    }
}
