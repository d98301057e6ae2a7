//! Datagrams of IPv4 between sockets of one network namespace: ip(7), udp(7).
//!
//! There is one device, the loopback device, so a datagram that has a way is for this machine: send(2) puts it into the
//! receiver's queue before it returns. There are no packets, hence no fragments, and no checksums. A socket's locks are its
//! own: its state and its queue. No call holds those of two sockets.
mod address;
mod bind;
mod connect;
mod datagram;
pub mod report;
mod table;

use super::device_calls;
use super::socket::{Incoming, Outgoing, SocketFile, SocketOperations};
use super::{NetworkNamespace, SocketAddress, SocketOptions, calls, closed};
use crate::error::*;
use crate::file::open_file::{File, FileOperations};
use crate::file::signal_driven::SignalList;
use crate::file::{IoBuffer, PollEvents, PollTable};
use crate::process::Task;
use crate::sync::{SpinLock, rank};
use crate::syscall::UserPtr;
use crate::wait::WaitQueue;
use address::Endpoint;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use datagram::Datagram;
use machine::collections::{Linked, Links, List};
use machine::memory::{try_arc, try_box};

/// AF_INET.
pub const FAMILY: u32 = 2;
/// IPPROTO_*.
const ICMP: u32 = 1;
const UDP: u32 = 17;
/// One past the largest protocol's number.
const PROTOCOLS_END: u32 = 263;
/// SOL_IP, SOL_UDP.
const LEVELS: [i32; 2] = [0, 17];

/// What changes rarely, under one lock.
#[derive(Default)]
struct State {
    /// Address and port of its own; a port of 0 is none.
    own: Endpoint,
    /// Whom it is connected to.
    peer: Option<Endpoint>,
    /// bind(2) has chosen the address, and the port: they stay when the peer goes.
    address_is_chosen: bool,
    port_is_chosen: bool,
}

/// Datagrams not received yet.
struct Queue {
    datagrams: List<Datagram>,
    /// Bytes that they are charged.
    charged: usize,
    is_dead: bool,
}

/// A socket.
pub struct InetSocket {
    links: Links,
    options: SocketOptions,
    network: Arc<NetworkNamespace>,
    /// Who made it: only they may share its port (SO_REUSEPORT).
    user: u32,
    inode: AtomicU64,
    state: SpinLock<State>,
    queue: SpinLock<Queue>,
    /// Of [`closed`].
    closed: AtomicU32,
    /// Datagrams that had no room.
    drops: AtomicU32,
    /// Who reads or polls.
    activity: Arc<WaitQueue>,
    signals: SignalList,
}
impl Linked for InetSocket {
    fn links(&self) -> &Links {
        &self.links
    }
}

/// The socket of an open file.
pub struct InetHandle(Arc<InetSocket>);

/// Makes the operations of a new socket's file: EINVAL, ESOCKTNOSUPPORT, EPROTONOSUPPORT, EACCES.
pub fn create(task: &Task, kind: u32, protocol: u32) -> Result<Box<dyn FileOperations>> {
    if protocol >= PROTOCOLS_END {
        return Err(EINVAL);
    }
    match (kind, protocol) {
        (calls::kind::DATAGRAM, 0 | UDP) => (),
        // net.ipv4.ping_group_range names no group.
        (calls::kind::DATAGRAM, ICMP) => return Err(EACCES),
        (calls::kind::DATAGRAM, _) => return Err(EPROTONOSUPPORT),
        _ => return Err(ESOCKTNOSUPPORT.because("IPv4 has datagrams only")),
    }
    let queue = Queue { datagrams: List::new(), charged: 0, is_dead: false };
    let socket = try_arc(InetSocket {
        links: Links::new(),
        options: SocketOptions::new(FAMILY, kind, UDP),
        network: NetworkNamespace::of(task),
        user: task.with_credentials(|own| own.file_system_user),
        inode: AtomicU64::new(0),
        state: SpinLock::new(rank::SOCKET_STATE, State::default()),
        queue: SpinLock::new(rank::SOCKET_QUEUE, queue),
        closed: AtomicU32::new(0),
        drops: AtomicU32::new(0),
        activity: try_arc(WaitQueue::new())?,
        signals: SignalList::new(),
    })?;
    match try_box(SocketFile(InetHandle(socket))) {
        Ok(file) => Ok(file),
        Err(error) => Err(error.into()),
    }
}

impl InetSocket {
    fn is_closed(&self, how: u32) -> bool {
        self.closed.load(Ordering::Acquire) & how != 0
    }
    fn end(&self) {
        table::remove(self);
        let datagrams = {
            let mut queue = self.queue.lock();
            queue.is_dead = true;
            queue.charged = 0;
            core::mem::take(&mut queue.datagrams)
        };
        drop(datagrams);
    }
    /// shutdown(2): ENOTCONN without a peer, though it has been done.
    fn shut(&self, how: u32) -> Result<()> {
        self.closed.fetch_or(how, Ordering::AcqRel);
        self.activity.wake_all();
        let is_connected = self.state.lock().peer.is_some();
        if is_connected { Ok(()) } else { Err(ENOTCONN) }
    }
}

impl Drop for InetHandle {
    /// Also of a socket that never came to an open file.
    fn drop(&mut self) {
        self.0.end();
    }
}

impl SocketOperations for InetHandle {
    fn options(&self) -> &SocketOptions {
        &self.0.options
    }
    fn attach(&self, inode: u64) {
        self.0.inode.store(inode, Ordering::Relaxed);
    }
    fn bind(&self, task: &Task, _: &File, address: &SocketAddress) -> Result<()> {
        self.0.bind(task, address)
    }
    fn connect(&self, _: &Task, address: &SocketAddress, _: bool) -> Result<()> {
        self.0.connect(address)
    }
    fn name(&self, peer: bool) -> Result<SocketAddress> {
        let state = self.0.state.lock();
        let endpoint = if peer { state.peer.ok_or(ENOTCONN)? } else { state.own };
        Ok(endpoint.encode())
    }
    fn shutdown(&self, how: u32) -> Result<()> {
        self.0.shut(how)
    }
    fn send(&self, _: &Task, from: &mut IoBuffer, outgoing: Outgoing) -> Result<usize> {
        self.0.send(from, &outgoing)
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
        if self.0.is_closed(closed::RECEIVE) {
            events |= PollEvents::RDHUP | PollEvents::IN | PollEvents::RDNORM;
        }
        if self.0.closed.load(Ordering::Acquire) == closed::BOTH {
            events |= PollEvents::HUP;
        }
        if !self.0.queue.lock().datagrams.is_empty() {
            events |= PollEvents::IN | PollEvents::RDNORM;
        }
        events
    }
    fn ioctl(&self, task: &Task, command: u32, argument: u64) -> Result<usize> {
        const SIOCINQ: u32 = 0x541b;
        const SIOCOUTQ: u32 = 0x5411;
        let pointer = UserPtr::<i32>::new(argument);
        match command {
            SIOCINQ => pointer.write(task, &(self.0.next_length() as i32)).map(|()| 0),
            // What is sent is with the receiver.
            SIOCOUTQ => pointer.write(task, &0).map(|()| 0),
            _ => device_calls::ioctl(task, &self.0.network, command, argument),
        }
    }
    fn set_option(&self, _: &Task, level: i32, _: i32, _: UserPtr<i32>, _: usize) -> Result<()> {
        Err(if LEVELS.contains(&level) { ENOPROTOOPT } else { EOPNOTSUPP })
    }
    fn get_option(&self, _: &Task, level: i32, _: i32, _: UserPtr<i32>, _: UserPtr<i32>) -> Result<()> {
        Err(if LEVELS.contains(&level) { ENOPROTOOPT } else { EOPNOTSUPP })
    }
    fn signal_list(&self) -> Option<&SignalList> {
        Some(&self.0.signals)
    }
    fn release(&self) {
        self.0.end();
    }
}
