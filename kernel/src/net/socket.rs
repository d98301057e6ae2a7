//! Open files of sockets, and what a family does with them.
use super::address::SocketAddress;
use super::message::{MessageCredentials, Rights};
use super::message_flag;
use super::options::SocketOptions;
use crate::error::*;
use crate::file::open_file::{File, FileOperations};
use crate::file::signal_driven::{self, SignalList, SignalOwner};
use crate::file::{IoBuffer, PollEvents, PollTable};
use crate::process::Task;
use crate::syscall::UserPtr;
use crate::wait::{Sleep, WaitError, WaitQueue};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;

/// A message to be sent, but for its bytes.
#[derive(Default)]
pub struct Outgoing<'a> {
    /// Where to, if the caller says so.
    pub address: Option<&'a SocketAddress>,
    /// MSG_* flags, MSG_DONTWAIT among them where the file is non-blocking.
    pub flags: u32,
    /// Files that go with it (SCM_RIGHTS).
    pub rights: Option<Arc<Rights>>,
    /// Who sends it, if the caller says so (SCM_CREDENTIALS).
    pub credentials: Option<MessageCredentials>,
}

/// A message being received, but for its bytes.
#[derive(Default)]
pub struct Incoming {
    /// MSG_* flags, MSG_DONTWAIT among them where the file is non-blocking.
    pub flags: u32,
    /// MSG_* flags for the caller.
    pub answered: u32,
    /// Whether the caller wants to know the sender's address.
    pub wants_address: bool,
    /// The sender's address.
    pub address: Option<Box<SocketAddress>>,
    /// Files that came with it.
    pub rights: Option<Arc<Rights>>,
    /// Who sent it.
    pub credentials: Option<MessageCredentials>,
    /// When it was sent, in nanoseconds of the real-time clock, where the receiver asked for that.
    pub time: Option<u64>,
    /// What netlink(7) knows of a message.
    pub notes: Option<NetlinkNotes>,
}
/// What comes with a message of netlink(7).
#[derive(Clone, Copy)]
pub struct NetlinkNotes {
    /// Its group, counted from 1, where the receiver asked for that (NETLINK_PKTINFO).
    pub group: Option<u32>,
    /// The sender's process as the sender sees it, user and group.
    pub credentials: [u32; 3],
}
impl Incoming {
    /// Nothing yet.
    pub fn new(flags: u32) -> Incoming {
        Incoming { flags, ..Incoming::default() }
    }
    /// Whether any of these flags is set.
    #[inline(always)]
    pub fn has(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }
}

/// How long a call may wait.
#[derive(Clone, Copy)]
pub struct Patience {
    waits: bool,
    /// In nanoseconds of the monotonic clock.
    deadline: Option<u64>,
}
impl Patience {
    /// A time-out in nanoseconds, `u64::MAX` for none (SO_RCVTIMEO, SO_SNDTIMEO); none of it if the call must not wait.
    pub fn new(timeout: u64, nonblocking: bool) -> Patience {
        match timeout {
            _ if nonblocking => Patience { waits: false, deadline: None },
            0 => Patience { waits: false, deadline: None },
            u64::MAX => Patience { waits: true, deadline: None },
            some => Patience { waits: true, deadline: Some(machine::time::monotonic().saturating_add(some)) },
        }
    }
    /// What a signal makes of the call: a restart if there is no time-out.
    fn interrupted(self) -> Error {
        if self.deadline.is_none() { ERESTARTSYS } else { EINTR }
    }
    /// Sleeps until the condition holds; EAGAIN when the time is up or there never was any, EINTR or a restart.
    pub fn wait(self, queue: &WaitQueue, exclusive: bool, mut condition: impl FnMut() -> bool) -> Result<()> {
        if !self.waits {
            return Err(EAGAIN);
        }
        let check = || condition().then_some(());
        let result = match exclusive {
            true => queue.wait_exclusive(Sleep::Interruptible, self.deadline, check),
            false => queue.wait_until(Sleep::Interruptible, self.deadline, check),
        };
        result.map_err(|error| match error {
            WaitError::TimedOut => EAGAIN,
            WaitError::Interrupted => self.interrupted(),
        })
    }
}

/// What a family does with a socket. The defaults are those of a family without the thing in question.
#[allow(unused_variables)]
pub trait SocketOperations: Any + Send + Sync {
    /// What setsockopt(2) keeps for every family.
    fn options(&self) -> &SocketOptions;
    /// bind(2). `file` is the socket's own.
    fn bind(&self, task: &Task, file: &File, address: &SocketAddress) -> Result<()> {
        Err(EOPNOTSUPP)
    }
    /// connect(2).
    fn connect(&self, task: &Task, address: &SocketAddress, nonblocking: bool) -> Result<()> {
        Err(EOPNOTSUPP)
    }
    /// listen(2).
    fn listen(&self, task: &Task, backlog: u32) -> Result<()> {
        Err(EOPNOTSUPP)
    }
    /// accept(2): the operations of the new socket's file.
    fn accept(&self, task: &Task, nonblocking: bool) -> Result<Box<dyn FileOperations>> {
        Err(EOPNOTSUPP)
    }
    /// Tells a socket the number of the inode of its file, once it has one.
    fn attach(&self, inode: u64) {}
    /// getsockname(2), or getpeername(2); ENOTCONN.
    fn name(&self, peer: bool) -> Result<SocketAddress> {
        Err(EOPNOTSUPP)
    }
    /// shutdown(2): `how` is of [`super::closed`].
    fn shutdown(&self, how: u32) -> Result<()> {
        Err(EOPNOTSUPP)
    }
    /// Sends bytes: how many went.
    fn send(&self, task: &Task, from: &mut IoBuffer, outgoing: Outgoing) -> Result<usize>;
    /// Receives bytes: how many came, or how many there were (MSG_TRUNC).
    fn receive(&self, task: &Task, into: &mut IoBuffer, incoming: &mut Incoming) -> Result<usize>;
    /// Ready events now; registers with the wait queues when a table is given.
    fn poll(&self, table: Option<&mut PollTable>) -> PollEvents;
    /// Whether it listens (SO_ACCEPTCONN).
    fn is_listening(&self) -> bool {
        false
    }
    /// Whether a write ends a record (SOCK_SEQPACKET).
    fn keeps_records(&self) -> bool {
        false
    }
    /// Who is at the other end (SO_PEERCRED).
    fn peer_credentials(&self) -> Option<Arc<super::unix::PeerCredentials>> {
        None
    }
    /// SO_PEEK_OFF, if the family knows it.
    fn peek_offset(&self) -> Option<&core::sync::atomic::AtomicI32> {
        None
    }
    /// Device control that the family knows; ENOTTY.
    fn ioctl(&self, task: &Task, command: u32, argument: u64) -> Result<usize> {
        Err(ENOTTY)
    }
    /// setsockopt(2) at a level other than SOL_SOCKET; EOPNOTSUPP.
    fn set_option(&self, task: &Task, level: i32, option: i32, value: UserPtr<i32>, length: usize) -> Result<()> {
        Err(EOPNOTSUPP.because("no options at this level"))
    }
    /// getsockopt(2) at such a level.
    fn get_option(
        &self,
        task: &Task,
        level: i32,
        option: i32,
        value: UserPtr<i32>,
        length: UserPtr<i32>,
    ) -> Result<()> {
        Err(EOPNOTSUPP.because("no options at this level"))
    }
    /// The send buffer has been given another size.
    fn send_buffer_changed(&self) {}
    /// The last reference to the file is gone.
    fn release(&self);
    /// A line per property for /proc/PID/fdinfo.
    fn show_information(&self, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        Ok(())
    }
    /// Who gets signals when it becomes ready (O_ASYNC), if the family sends any.
    fn signal_list(&self) -> Option<&SignalList> {
        None
    }
    /// Whom the signals of its file go to: also those of urgent bytes, which nobody needs to ask for. Told once.
    fn signal_owner_made(&self, owner: &Arc<SignalOwner>) {}
}

/// An open file of a socket.
pub struct SocketFile<S>(pub S);

/// MSG_DONTWAIT where the file is non-blocking.
#[inline(always)]
pub fn waiting_flag(file: &File) -> u32 {
    if file.is_nonblocking() { message_flag::DO_NOT_WAIT } else { 0 }
}

impl<S: SocketOperations> FileOperations for SocketFile<S> {
    fn read(&self, file: &File, into: &mut IoBuffer, _: u64) -> Result<usize> {
        if into.remaining() == 0 {
            return Ok(0);
        }
        self.0.receive(Task::current(), into, &mut Incoming::new(waiting_flag(file)))
    }
    fn write(&self, file: &File, from: &mut IoBuffer, _: u64) -> Result<usize> {
        let record = if self.0.keeps_records() { message_flag::END_OF_RECORD } else { 0 };
        self.0.send(Task::current(), from, Outgoing { flags: waiting_flag(file) | record, ..Outgoing::default() })
    }
    fn poll(&self, _: &File, table: Option<&mut PollTable>) -> PollEvents {
        self.0.poll(table)
    }
    fn ioctl(&self, file: &File, task: &Task, command: u32, argument: u64) -> Result<usize> {
        const FIOSETOWN: u32 = 0x8901;
        const SIOCSPGRP: u32 = 0x8902;
        const FIOGETOWN: u32 = 0x8903;
        const SIOCGPGRP: u32 = 0x8904;
        let pointer = UserPtr::<i32>::new(argument);
        match command {
            FIOSETOWN | SIOCSPGRP => {
                let number = pointer.read(task)?;
                signal_driven::set_owner(task, file, number).map(|()| 0)
            }
            FIOGETOWN | SIOCGPGRP => pointer.write(task, &signal_driven::get_owner(task, file)).map(|()| 0),
            _ => self.0.ioctl(task, command, argument),
        }
    }
    fn is_seekable(&self) -> bool {
        false
    }
    fn signal_lists<'a>(&'a self, _: &'a File) -> signal_driven::Lists<'a> {
        [self.0.signal_list(), None]
    }
    fn signal_owner_made(&self, owner: &Arc<SignalOwner>) {
        self.0.signal_owner_made(owner);
    }
    fn socket(&self) -> Option<&dyn SocketOperations> {
        Some(&self.0)
    }
    fn show_information(&self, _: &File, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        self.0.show_information(out)
    }
    fn release(&self, _: &File) {
        self.0.release();
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
