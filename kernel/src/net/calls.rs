//! The calls that make, name and connect sockets: socket(2), bind(2), connect(2), listen(2), accept(2) and their like.
use super::address::SocketAddress;
use super::socket::SocketOperations;
use super::{closed, inet, netlink, unix};
use crate::error::*;
use crate::file::open_file::{File, FileOperations, open_flag};
use crate::file::{FileRef, anonymous};
use crate::process::Task;
use crate::syscall::{Fd, UserBytes, UserPtr};
use alloc::boxed::Box;
use alloc::sync::Arc;

/// SOCK_* kinds of socket(2).
#[allow(missing_docs)]
pub mod kind {
    pub const STREAM: u32 = 1;
    pub const DATAGRAM: u32 = 2;
    pub const RAW: u32 = 3;
    pub const PACKETS: u32 = 5;
    /// One past the largest.
    pub const END: u32 = 11;
    /// The bits that are the kind; the others are flags.
    pub const MASK: u32 = 0xf;
}
/// SOCK_NONBLOCK and SOCK_CLOEXEC, which are the flags of open(2).
const FLAGS: u32 = open_flag::NON_BLOCKING | open_flag::CLOSE_ON_EXEC;
/// One past the largest family's number.
const FAMILIES_END: u32 = 46;
/// Longest queue of connections that listen(2) gives (net.core.somaxconn).
const LONGEST_BACKLOG: u32 = 4096;

/// Runs `body` with the socket behind a descriptor: EBADF, ENOTSOCK.
#[inline(always)]
pub(super) fn with_socket<R>(
    task: &Task,
    fd: Fd,
    body: impl FnOnce(&FileRef, &dyn SocketOperations) -> Result<R>,
) -> Result<R> {
    let file = task.borrow_file(fd)?;
    let socket = file.operations().socket().ok_or(ENOTSOCK)?;
    body(&file, socket)
}

/// Makes the operations of a new socket: EAFNOSUPPORT, EINVAL, and what the family says of kind and protocol.
fn create(task: &Task, family: u32, kind: u32, protocol: u32) -> Result<Box<dyn FileOperations>> {
    if family >= FAMILIES_END {
        return Err(EAFNOSUPPORT);
    }
    if kind >= kind::END {
        return Err(EINVAL);
    }
    match family {
        unix::FAMILY => unix::create(task, kind, protocol),
        inet::FAMILY => inet::create(task, kind, protocol),
        netlink::FAMILY => netlink::create(task, kind, protocol),
        _ => Err(EAFNOSUPPORT.because("no sockets of this family")),
    }
}

/// The open file of a new socket.
fn open(task: &Task, operations: Box<dyn FileOperations>, flags: u32) -> Result<Arc<File>> {
    let credentials = task.credentials();
    let path = anonymous::socket_path(credentials.file_system_user, credentials.file_system_group)?;
    let number = path.inode()?.number();
    let flags = open_flag::READ_WRITE | flags & open_flag::NON_BLOCKING;
    let file = File::new(path, operations, flags, credentials)?;
    if let Some(socket) = file.operations().socket() {
        socket.attach(number);
    }
    Ok(file)
}

/// socket(2).
pub fn socket(task: &Task, family: u32, kind: u32, protocol: u32) -> Result<Fd> {
    let flags = kind & !kind::MASK;
    if flags & !FLAGS != 0 {
        return Err(EINVAL);
    }
    let file = open(task, create(task, family, kind & kind::MASK, protocol)?, flags)?;
    task.files().install(file, 0, flags & open_flag::CLOSE_ON_EXEC != 0)
}

/// socketpair(2).
pub fn socketpair(task: &Task, family: u32, kind: u32, protocol: u32, descriptors: UserPtr<[u32; 2]>) -> Result<()> {
    let flags = kind & !kind::MASK;
    if flags & !FLAGS != 0 {
        return Err(EINVAL);
    }
    let files = task.files();
    let close_on_exec = flags & open_flag::CLOSE_ON_EXEC != 0;
    let first = files.reserve(0, close_on_exec)?;
    let second = files.reserve(0, close_on_exec)?;
    // The numbers are written before anything is made: Linux finds fault with them first.
    let pointer = UserPtr::<i32>::new(descriptors.address());
    pointer.write(task, &first.fd().0)?;
    pointer.element(task, 1).write(task, &second.fd().0)?;
    let one = open(task, create(task, family, kind & kind::MASK, protocol)?, flags)?;
    let other = open(task, create(task, family, kind & kind::MASK, protocol)?, flags)?;
    unix::pair(task, &one, &other)?;
    first.install(one);
    second.install(other);
    Ok(())
}

/// bind(2).
pub fn bind(task: &Task, fd: Fd, address: UserBytes, length: i32) -> Result<()> {
    with_socket(task, fd, |file, socket| socket.bind(task, file, &SocketAddress::read(address, length)?))
}

/// connect(2).
pub fn connect(task: &Task, fd: Fd, address: UserBytes, length: i32) -> Result<()> {
    let file = task.borrow_file(fd)?;
    let address = SocketAddress::read(address, length);
    let socket = file.operations().socket();
    // Linux reads the address before it asks what the file is.
    let address = address?;
    socket.ok_or(ENOTSOCK)?.connect(task, &address, file.is_nonblocking())
}

/// listen(2).
pub fn listen(task: &Task, fd: Fd, backlog: i32) -> Result<()> {
    with_socket(task, fd, |_, socket| socket.listen(task, (backlog as u32).min(LONGEST_BACKLOG)))
}

/// accept(2).
pub fn accept(task: &Task, fd: Fd, address: UserBytes, length: UserPtr<i32>) -> Result<Fd> {
    accept4(task, fd, address, length, 0)
}

/// accept4(2).
pub fn accept4(task: &Task, fd: Fd, address: UserBytes, length: UserPtr<i32>, flags: u32) -> Result<Fd> {
    let file = task.borrow_file(fd)?;
    if flags & !FLAGS != 0 {
        return Err(EINVAL);
    }
    let files = task.files();
    let place = files.reserve(0, flags & open_flag::CLOSE_ON_EXEC != 0)?;
    let socket = file.operations().socket().ok_or(ENOTSOCK)?;
    let accepted = open(task, socket.accept(task, file.is_nonblocking())?, flags)?;
    if address.0 != 0 {
        let peer = accepted.operations().socket().ok_or(ENOTSOCK)?.name(true).map_err(|_| ECONNABORTED)?;
        peer.write(task, address.0, length)?;
    }
    Ok(place.install(accepted))
}

/// getsockname(2).
pub fn getsockname(task: &Task, fd: Fd, address: UserBytes, length: UserPtr<i32>) -> Result<()> {
    with_socket(task, fd, |_, socket| socket.name(false)?.write(task, address.0, length))
}

/// getpeername(2).
pub fn getpeername(task: &Task, fd: Fd, address: UserBytes, length: UserPtr<i32>) -> Result<()> {
    with_socket(task, fd, |_, socket| socket.name(true)?.write(task, address.0, length))
}

/// shutdown(2).
pub fn shutdown(task: &Task, fd: Fd, how: u32) -> Result<()> {
    with_socket(task, fd, |_, socket| match how {
        0..=2 => socket.shutdown((how + 1) & closed::BOTH),
        _ => Err(EINVAL),
    })
}
