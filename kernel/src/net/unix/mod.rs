//! Sockets of one machine's processes: unix(7).
//!
//! A sender puts its message at the end of the receiver's queue and is charged for it until it is received; there is nothing
//! between the two. A socket's locks are its own: the state (whom it is connected to, its name), the queue, and the sleeping lock
//! of those who read, since bytes are copied to users while the message is still in the queue.
mod bind;
mod connect;
mod datagram;
mod flight;
mod message;
mod passed;
mod ready;
pub mod report;
mod stream;
mod table;

pub use message::charge_for;
pub use passed::{Passed, end_passing, pass};

use super::socket::{Incoming, Outgoing, SocketFile, SocketOperations};
use super::{NetworkNamespace, SocketAddress, SocketOptions, calls, closed, device_calls};
use crate::error::*;
use crate::file::open_file::{File, FileOperations};
use crate::file::signal_driven::{Reason, SignalList, SignalOwner};
use crate::file::{Inode, IoBuffer, Mount, PollEvents, PollTable};
use crate::process::pid::PidEntry;
use crate::process::{Credentials, Task};
use crate::sync::{Mutex, Once, SpinLock, rank};
use crate::syscall::UserPtr;
use crate::wait::WaitQueue;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use machine::collections::{Linked, Links, List};
use machine::memory::{try_arc, try_box};
use message::Message;

/// AF_UNIX.
pub const FAMILY: u32 = 1;
/// Messages that wait for a datagram socket before its senders wait (net.unix.max_dgram_qlen).
const LONGEST_DATAGRAM_QUEUE: u32 = 10;

const READABLE: u32 = PollEvents::IN.0 | PollEvents::PRI.0 | PollEvents::RDNORM.0 | PollEvents::RDBAND.0;
const WRITABLE: u32 = PollEvents::OUT.0 | PollEvents::WRNORM.0 | PollEvents::WRBAND.0;

/// What a socket of this family is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// SOCK_STREAM.
    Stream,
    /// SOCK_DGRAM, and SOCK_RAW, which is the same.
    Datagram,
    /// SOCK_SEQPACKET.
    Packets,
}

/// How far a socket has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Neither connected nor listening; also when it is closed.
    Idle,
    /// It has a peer, or had one.
    Connected,
    /// It takes connections.
    Listening,
}

/// Who is at the other end of a connection, as it was when the connection was made.
pub struct PeerCredentials {
    /// The process.
    pub process: Arc<PidEntry>,
    /// Its credentials.
    pub credentials: Arc<Credentials>,
}
impl PeerCredentials {
    fn of(task: &Task) -> Result<Arc<PeerCredentials>> {
        Ok(try_arc(PeerCredentials { process: task.group().pid().clone(), credentials: task.credentials() })?)
    }
}

/// What changes rarely, under one lock.
struct State {
    phase: Phase,
    peer: Option<Arc<UnixSocket>>,
    /// The address it is bound to; an accepted socket has its listener's.
    address: Option<Arc<SocketAddress>>,
    /// Its place in the table of names.
    name: Option<Arc<table::Name>>,
    /// The inode that is its name, kept busy.
    place: Option<(Arc<Mount>, Arc<Inode>)>,
    peer_credentials: Option<Arc<PeerCredentials>>,
}

/// Messages not received yet, or connections not accepted.
struct Queue {
    messages: List<Message>,
    /// The message whose byte is out of band, in the list or taken from it.
    urgent: Option<Arc<Message>>,
}

/// A socket.
pub struct UnixSocket {
    links: Links,
    options: SocketOptions,
    kind: Kind,
    /// The inode of its file, 0 until accepted.
    inode: AtomicU64,
    /// Its network namespace.
    network: Arc<NetworkNamespace>,
    state: SpinLock<State>,
    queue: SpinLock<Queue>,
    /// Messages in the queue.
    queued: AtomicU32,
    /// Messages ever put into the queue, to see that another one came.
    arrivals: AtomicU32,
    reading: Mutex<()>,
    /// Bits of [`closed`].
    shutdown: AtomicU32,
    dead: AtomicBool,
    /// Messages or connections that the queue may have before others wait.
    backlog: AtomicU32,
    /// What its messages in other queues are charged.
    charged: AtomicUsize,
    peek_offset: AtomicI32,
    /// Files in its queue.
    files_queued: AtomicU32,
    /// Its place in the list of sockets in flight, counted from 1; 0 is none.
    flight: AtomicUsize,
    /// Who reads, writes or polls.
    activity: Arc<WaitQueue>,
    /// Who waits for room in its queue.
    room: Arc<WaitQueue>,
    signals: Signals,
}
/// Signals of a socket's readiness.
struct Signals {
    /// Who asked for them.
    list: SignalList,
    /// Whom they go to, once that is said.
    owner: Once<Arc<SignalOwner>>,
    /// A reader sleeps: it needs no signal.
    reader_waits: AtomicBool,
    /// A sender, or poll(2), found no room: when there is some again, that is worth a signal.
    wants_room: AtomicBool,
}
impl Signals {
    const fn new() -> Self {
        Signals {
            list: SignalList::new(),
            owner: Once::new(),
            reader_waits: AtomicBool::new(false),
            wants_room: AtomicBool::new(false),
        }
    }
    /// Something came, or the other end closed.
    #[inline(always)]
    fn arrived(&self, reason: Reason) {
        if self.list.is_used() && !self.reader_waits.load(Ordering::Relaxed) {
            self.list.notify(reason);
        }
    }
    /// There is room to send again.
    #[inline(always)]
    fn has_room(&self) {
        if self.list.is_used() && self.wants_room.swap(false, Ordering::Relaxed) {
            self.list.notify(Reason::Output);
        }
    }
    /// A byte out of band came.
    fn is_urgent(&self) {
        if let Some(owner) = self.owner.get() {
            owner.send_urgent();
        }
        self.list.notify_urgent();
    }
}
impl Linked for UnixSocket {
    fn links(&self) -> &Links {
        &self.links
    }
}

/// The socket of an open file.
pub struct UnixHandle(Arc<UnixSocket>);

/// The number of a task's network namespace.
fn network_of(task: &Task) -> u64 {
    task.namespaces().network.identity.inode
}

/// Makes the operations of a new socket's file: EPROTONOSUPPORT, ESOCKTNOSUPPORT.
pub fn create(task: &Task, kind: u32, protocol: u32) -> Result<Box<dyn FileOperations>> {
    if protocol != 0 && protocol != FAMILY {
        return Err(EPROTONOSUPPORT);
    }
    let kind = match kind {
        calls::kind::STREAM => Kind::Stream,
        calls::kind::DATAGRAM | calls::kind::RAW => Kind::Datagram,
        calls::kind::PACKETS => Kind::Packets,
        _ => return Err(ESOCKTNOSUPPORT),
    };
    let socket = UnixSocket::new(kind, NetworkNamespace::of(task))?;
    operations(socket)
}

fn operations(socket: Arc<UnixSocket>) -> Result<Box<dyn FileOperations>> {
    match try_box(SocketFile(UnixHandle(socket))) {
        Ok(file) => Ok(file),
        Err(error) => Err(error.into()),
    }
}

/// The socket behind an open file, if it is one of this family.
fn socket_of(file: &File) -> Option<&Arc<UnixSocket>> {
    file.downcast::<SocketFile<UnixHandle>>().map(|file| &file.0.0)
}

/// Connects two new sockets with each other (socketpair(2)).
pub fn pair(task: &Task, first: &File, second: &File) -> Result<()> {
    let (first, second) = (socket_of(first).ok_or(EOPNOTSUPP)?, socket_of(second).ok_or(EOPNOTSUPP)?);
    let credentials = PeerCredentials::of(task)?;
    for (own, peer) in [(first, second), (second, first)] {
        let mut state = own.state.lock();
        state.peer = Some(peer.clone());
        state.peer_credentials = Some(credentials.clone());
        if own.kind != Kind::Datagram {
            state.phase = Phase::Connected;
        }
    }
    Ok(())
}

impl UnixSocket {
    fn new(kind: Kind, network: Arc<NetworkNamespace>) -> Result<Arc<UnixSocket>> {
        let number = match kind {
            Kind::Stream => calls::kind::STREAM,
            Kind::Datagram => calls::kind::DATAGRAM,
            Kind::Packets => calls::kind::PACKETS,
        };
        Ok(try_arc(UnixSocket {
            links: Links::new(),
            options: SocketOptions::new(FAMILY, number, 0),
            kind,
            inode: AtomicU64::new(0),
            network,
            state: SpinLock::new(
                rank::SOCKET_STATE,
                State {
                    phase: Phase::Idle,
                    peer: None,
                    address: None,
                    name: None,
                    place: None,
                    peer_credentials: None,
                },
            ),
            queue: SpinLock::new(rank::SOCKET_QUEUE, Queue { messages: List::new(), urgent: None }),
            queued: AtomicU32::new(0),
            arrivals: AtomicU32::new(0),
            reading: Mutex::new(rank::SOCKET_READING, ()),
            shutdown: AtomicU32::new(0),
            dead: AtomicBool::new(false),
            backlog: AtomicU32::new(LONGEST_DATAGRAM_QUEUE),
            charged: AtomicUsize::new(0),
            peek_offset: AtomicI32::new(-1),
            files_queued: AtomicU32::new(0),
            flight: AtomicUsize::new(0),
            activity: try_arc(WaitQueue::new())?,
            room: try_arc(WaitQueue::new())?,
            signals: Signals::new(),
        })?)
    }
    /// Whom it is connected to.
    #[inline]
    fn peer(&self) -> Option<Arc<UnixSocket>> {
        self.state.lock().peer.clone()
    }
    /// Whether it is connected to another one.
    fn has_peer(&self, other: &UnixSocket) -> bool {
        self.state.lock().peer.as_ref().is_some_and(|peer| core::ptr::eq(&raw const **peer, other))
    }
    fn phase(&self) -> Phase {
        self.state.lock().phase
    }
    #[inline(always)]
    fn is_closed(&self, what: u32) -> bool {
        self.shutdown.load(Ordering::Acquire) & what != 0
    }
    #[inline(always)]
    fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }
    #[inline(always)]
    fn has_messages(&self) -> bool {
        self.queued.load(Ordering::Acquire) != 0
    }
    /// Whether senders, or those who connect, have to wait for room.
    fn is_full(&self) -> bool {
        self.queued.load(Ordering::Acquire) > self.backlog.load(Ordering::Relaxed)
    }
    /// Whether poll(2) says that it can be written: a quarter of what it may send is in use at most.
    #[inline(always)]
    fn is_writable(&self) -> bool {
        self.charged.load(Ordering::Acquire).saturating_mul(4) < self.options.send_buffer()
    }
    /// Whether another message may be charged.
    #[inline(always)]
    fn has_room(&self) -> bool {
        self.charged.load(Ordering::Acquire) < self.options.send_buffer()
    }

    /// shutdown(2), which closes the opposite ways of a connected peer.
    fn close_ways(&self, how: u32) {
        self.shutdown.fetch_or(how, Ordering::AcqRel);
        let peer = self.peer();
        self.activity.wake_all();
        if let Some(peer) = peer.filter(|_| self.kind != Kind::Datagram) {
            let mut other = 0;
            if how & closed::RECEIVE != 0 {
                other |= closed::SEND;
            }
            if how & closed::SEND != 0 {
                other |= closed::RECEIVE;
            }
            peer.shutdown.fetch_or(other, Ordering::AcqRel);
            peer.activity.wake_all();
            match other {
                closed::BOTH => peer.signals.arrived(Reason::HungUp),
                closed::RECEIVE => peer.signals.arrived(Reason::Input),
                _ => {}
            }
        }
    }

    /// Ends the socket: its name goes, its peer learns of it, what is in its queue is thrown away. `accepted` is false for a
    /// connection that nobody has taken.
    fn end(&self, accepted: bool) {
        table::remove(self);
        self.shutdown.fetch_or(closed::BOTH, Ordering::AcqRel);
        let (peer, name, place) = {
            let mut state = self.state.lock();
            self.dead.store(true, Ordering::Release);
            state.phase = Phase::Idle;
            (state.peer.take(), state.name.take(), state.place.take())
        };
        if let Some(name) = name {
            table::unbind(&name);
        }
        let (messages, urgent) = {
            let mut queue = self.queue.lock();
            self.queued.store(0, Ordering::Release);
            (core::mem::take(&mut queue.messages), queue.urgent.take())
        };
        self.room.wake_all();
        self.activity.wake_all();
        if let Some(peer) = peer {
            if self.kind != Kind::Datagram {
                if !accepted || messages.iter().any(|message| !message.is_read_out()) {
                    peer.options.set_error(abi::Errno::ECONNRESET);
                }
                peer.shutdown.fetch_or(closed::BOTH, Ordering::AcqRel);
                peer.activity.wake_all();
                peer.signals.arrived(Reason::HungUp);
            }
            drop(peer);
        }
        for message in messages.iter() {
            if let Some(connection) = message.connection() {
                connection.end(false);
            }
        }
        drop(messages);
        drop(urgent);
        drop(place);
    }
}

impl Drop for UnixHandle {
    /// Of a socket that never came to an open file.
    fn drop(&mut self) {
        if !self.0.is_dead() {
            self.0.end(false);
        }
    }
}

impl SocketOperations for UnixHandle {
    fn options(&self) -> &SocketOptions {
        &self.0.options
    }
    fn attach(&self, inode: u64) {
        self.0.inode.store(inode, Ordering::Relaxed);
        table::add(&self.0);
    }
    fn bind(&self, task: &Task, file: &File, address: &SocketAddress) -> Result<()> {
        self.0.bind(task, file, address)
    }
    fn connect(&self, task: &Task, address: &SocketAddress, nonblocking: bool) -> Result<()> {
        self.0.connect(task, address, nonblocking)
    }
    fn listen(&self, task: &Task, backlog: u32) -> Result<()> {
        self.0.listen(task, backlog)
    }
    fn accept(&self, _: &Task, nonblocking: bool) -> Result<Box<dyn FileOperations>> {
        operations(self.0.accept(nonblocking)?)
    }
    fn name(&self, peer: bool) -> Result<SocketAddress> {
        self.0.name(peer)
    }
    fn shutdown(&self, how: u32) -> Result<()> {
        self.0.close_ways(how);
        Ok(())
    }
    #[inline]
    fn send(&self, task: &Task, from: &mut IoBuffer, outgoing: Outgoing) -> Result<usize> {
        match self.0.kind {
            Kind::Stream => self.0.send_stream(task, from, outgoing),
            Kind::Datagram => self.0.send_datagram(task, from, outgoing),
            Kind::Packets => self.0.send_packet(task, from, outgoing),
        }
    }
    #[inline]
    fn receive(&self, _: &Task, into: &mut IoBuffer, incoming: &mut Incoming) -> Result<usize> {
        match self.0.kind {
            Kind::Stream => self.0.receive_stream(into, incoming),
            Kind::Datagram | Kind::Packets => self.0.receive_datagram(into, incoming),
        }
    }
    fn poll(&self, table: Option<&mut PollTable>) -> PollEvents {
        self.0.ready(table)
    }
    fn is_listening(&self) -> bool {
        self.0.phase() == Phase::Listening
    }
    fn keeps_records(&self) -> bool {
        self.0.kind == Kind::Packets
    }
    fn peer_credentials(&self) -> Option<Arc<PeerCredentials>> {
        self.0.state.lock().peer_credentials.clone()
    }
    fn peek_offset(&self) -> Option<&AtomicI32> {
        Some(&self.0.peek_offset)
    }
    fn send_buffer_changed(&self) {
        if self.0.is_writable() {
            self.0.activity.wake(WRITABLE);
            self.0.signals.has_room();
        }
    }
    fn ioctl(&self, task: &Task, command: u32, argument: u64) -> Result<usize> {
        const SIOCINQ: u32 = 0x541b;
        const SIOCOUTQ: u32 = 0x5411;
        const SIOCATMARK: u32 = 0x8905;
        let answer = match command {
            SIOCOUTQ => self.0.charged.load(Ordering::Acquire) as i32,
            SIOCINQ => self.0.bytes_queued()?,
            SIOCATMARK if self.0.kind == Kind::Stream => self.0.is_at_mark().into(),
            _ => return device_calls::ioctl(task, &self.0.network, command, argument),
        };
        UserPtr::<i32>::new(argument).write(task, &answer)?;
        Ok(0)
    }
    fn signal_list(&self) -> Option<&SignalList> {
        Some(&self.0.signals.list)
    }
    fn signal_owner_made(&self, owner: &Arc<SignalOwner>) {
        // Told once.
        let _ = self.0.signals.owner.set(owner.clone());
    }
    fn release(&self) {
        self.0.end(true);
        flight::collect();
    }
    fn show_information(&self, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        writeln!(out, "scm_fds: {}", self.0.files_queued.load(Ordering::Relaxed))
    }
}
