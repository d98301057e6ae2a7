//! The calls that move messages: sendto(2), recvfrom(2), sendmsg(2), recvmsg(2), sendmmsg(2), recvmmsg(2).
use super::address::SocketAddress;
use super::calls::with_socket;
use super::message::{AncillaryWriter, MessageHeader, Places, read_ancillary, write_control_length};
use super::socket::{Incoming, Outgoing, SocketOperations, waiting_flag};
use super::{message_flag, unix};
use crate::error::*;
use crate::file::IoBuffer;
use crate::file::buffer::{LARGEST_TRANSFER, check_user_range, read_vector};
use crate::process::Task;
use crate::syscall::{Fd, UserBytes, UserPtr, UserSlice};
use crate::time::value::{TimeLayout, Timespec, Timespec32};

/// Most segments of a message, and most messages that sendmmsg(2) takes (UIO_MAXIOV).
const MOST: usize = 1024;

/// One user buffer, cut to the largest transfer; EFAULT outside of user memory.
fn one<'a>(buffer: UserBytes, length: usize) -> Result<IoBuffer<'a>> {
    let length = length.min(LARGEST_TRANSFER);
    check_user_range(buffer.0, length)?;
    Ok(IoBuffer::user(UserSlice::new(buffer.0, length)))
}

/// sendto(2).
pub fn sendto(
    task: &Task,
    fd: Fd,
    buffer: UserBytes,
    length: usize,
    flags: u32,
    address: SendAddress,
) -> Result<usize> {
    let mut from = one(buffer, length)?;
    with_socket(task, fd, |file, socket| {
        let address = match address.at {
            0 => None,
            at => Some(SocketAddress::read(UserBytes(at), address.length)?),
        };
        let outgoing = Outgoing { address: address.as_ref(), flags: flags | waiting_flag(file), ..Outgoing::default() };
        socket.send(task, &mut from, outgoing)
    })
}

/// The last two registers of sendto: the address and its length.
#[derive(Clone, Copy, Debug)]
pub struct SendAddress {
    at: u64,
    length: i32,
}
impl crate::syscall::Argument for SendAddress {
    fn take(reader: &mut crate::syscall::argument::ArgumentReader) -> Self {
        SendAddress { at: reader.register(), length: reader.register() as i32 }
    }
    fn show(&self, _: &Task, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        write!(out, "{:#x}, {}", self.at, self.length)
    }
}

/// recvfrom(2).
pub fn recvfrom(
    task: &Task,
    fd: Fd,
    buffer: UserBytes,
    length: usize,
    flags: u32,
    address: ReceiveAddress,
) -> Result<usize> {
    let mut into = one(buffer, length)?;
    with_socket(task, fd, |file, socket| {
        let mut incoming = Incoming::new(flags | waiting_flag(file));
        incoming.wants_address = address.at != 0;
        let count = socket.receive(task, &mut into, &mut incoming)?;
        if address.at != 0 {
            let from = incoming.address.as_deref().copied().unwrap_or(SocketAddress::new(&[]));
            from.write(task, address.at, UserPtr::new(address.length))?;
        }
        Ok(count)
    })
}

/// The last two registers of recvfrom: where the address goes, and where its length is.
#[derive(Clone, Copy, Debug)]
pub struct ReceiveAddress {
    at: u64,
    length: u64,
}
impl crate::syscall::Argument for ReceiveAddress {
    fn take(reader: &mut crate::syscall::argument::ArgumentReader) -> Self {
        ReceiveAddress { at: reader.register(), length: reader.register() }
    }
    fn show(&self, _: &Task, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        write!(out, "{:#x}, {:#x}", self.at, self.length)
    }
}

/// Sends the message that a header describes; whether all its bytes went, too.
fn send_one(
    task: &Task,
    socket: &dyn SocketOperations,
    message: UserPtr<MessageHeader>,
    flags: u32,
) -> Result<(usize, bool)> {
    let header = message.read(task)?;
    if header.name_length < 0 {
        return Err(EINVAL);
    }
    let name_length = header.name_length.min(super::address::LARGEST as i32);
    let address = match header.name != 0 && name_length != 0 {
        true => Some(SocketAddress::read(UserBytes(header.name), name_length)?),
        false => None,
    };
    if header.count > MOST {
        return Err(EMSGSIZE);
    }
    let segments = read_vector(task, header.vector.pointer(), header.count)?;
    let mut from = IoBuffer::vector(&segments);
    let ancillary = read_ancillary(task, header.control, header.control_length)?;
    let rights = match ancillary.files.is_empty() {
        true => None,
        false => Some(unix::pass(task, ancillary.files)?),
    };
    let outgoing = Outgoing { address: address.as_ref(), flags, rights, credentials: ancillary.credentials };
    let count = socket.send(task, &mut from, outgoing)?;
    Ok((count, from.remaining() == 0))
}

/// sendmsg(2).
pub fn sendmsg(task: &Task, fd: Fd, message: UserPtr<MessageHeader>, flags: u32) -> Result<usize> {
    if flags & message_flag::COMPATIBLE != 0 {
        return Err(EINVAL);
    }
    with_socket(task, fd, |file, socket| {
        send_one(task, socket, message, flags | waiting_flag(file)).map(|(count, _)| count)
    })
}

/// Receives a message as a header describes, and tells in the header what came; its flags, too.
fn receive_one(
    task: &Task,
    socket: &dyn SocketOperations,
    message: UserPtr<MessageHeader>,
    flags: u32,
) -> Result<(usize, u32)> {
    let header = message.read(task)?;
    if header.name_length < 0 {
        return Err(EINVAL);
    }
    if header.count > MOST {
        return Err(EMSGSIZE);
    }
    let segments = read_vector(task, header.vector.pointer(), header.count)?;
    let mut into = IoBuffer::vector(&segments);
    let mut incoming = Incoming::new(flags);
    incoming.wants_address = header.name != 0;
    incoming.answered = flags & message_flag::CLOSE_ON_EXEC;
    let count = socket.receive(task, &mut into, &mut incoming)?;
    let writer = AncillaryWriter::new(task, UserBytes(header.control), header.control_length);
    let (truncated, left) = writer.write(socket.options(), &mut incoming);
    incoming.answered |= truncated;
    let places = Places::of(task.abi());
    let at = |place: u64| message.address().wrapping_add(place);
    if header.name != 0 {
        let from = incoming.address.as_deref().copied().unwrap_or(SocketAddress::new(&[]));
        from.write(task, header.name, UserPtr::new(at(places.name_length)))?;
    }
    UserPtr::<u32>::new(at(places.flags)).write(task, &incoming.answered)?;
    write_control_length(task, at(places.control_length), header.control_length.wrapping_sub(left))?;
    Ok((count, incoming.answered))
}

/// recvmsg(2).
pub fn recvmsg(task: &Task, fd: Fd, message: UserPtr<MessageHeader>, flags: u32) -> Result<usize> {
    if flags & message_flag::COMPATIBLE != 0 {
        return Err(EINVAL);
    }
    with_socket(task, fd, |file, socket| {
        receive_one(task, socket, message, flags | waiting_flag(file)).map(|(count, _)| count)
    })
}

/// sendmmsg(2): how many messages went.
pub fn sendmmsg(task: &Task, fd: Fd, messages: UserBytes, count: u32, flags: u32) -> Result<usize> {
    if flags & message_flag::COMPATIBLE != 0 {
        return Err(EINVAL);
    }
    let count = (count as usize).min(MOST);
    with_socket(task, fd, |file, socket| {
        let places = Places::of(task.abi());
        let mut done = 0;
        while done < count {
            let at = messages.0.wrapping_add(places.stride.wrapping_mul(done as u64));
            let sent = send_one(task, socket, UserPtr::new(at), flags | waiting_flag(file)).and_then(|(count, all)| {
                UserPtr::<u32>::new(at.wrapping_add(places.total)).write(task, &(count as u32)).map(|()| all)
            });
            match sent {
                Ok(all) => {
                    done += 1;
                    if !all {
                        break;
                    }
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    })
}

/// recvmmsg(2): how many messages came. The time-out is looked at after each.
pub fn recvmmsg_time64(
    task: &Task,
    fd: Fd,
    messages: UserBytes,
    count: u32,
    flags: u32,
    timeout: UserPtr<Timespec>,
) -> Result<usize> {
    receive_many(task, fd, messages, count, flags, timeout)
}
/// recvmmsg(2) of i386, whose seconds have 32 bits.
pub fn recvmmsg_time32(
    task: &Task,
    fd: Fd,
    messages: UserBytes,
    count: u32,
    flags: u32,
    timeout: UserPtr<Timespec32>,
) -> Result<usize> {
    receive_many(task, fd, messages, count, flags, timeout)
}
/// recvmmsg(2) at the number that x86-64, x32 and i386 share a handler for: the time-out is of the ABI's own kind.
pub fn recvmmsg(task: &Task, fd: Fd, messages: UserBytes, count: u32, flags: u32, timeout: UserBytes) -> Result<usize> {
    match task.abi() {
        abi::Abi::I386 => recvmmsg_time32(task, fd, messages, count, flags, UserPtr::new(timeout.0)),
        _ => recvmmsg_time64(task, fd, messages, count, flags, UserPtr::new(timeout.0)),
    }
}

fn receive_many<T: TimeLayout>(
    task: &Task,
    fd: Fd,
    messages: UserBytes,
    count: u32,
    flags: u32,
    timeout: UserPtr<T>,
) -> Result<usize> {
    if flags & message_flag::COMPATIBLE != 0 {
        return Err(EINVAL);
    }
    let deadline = match timeout.read_optional(task)? {
        Some(time) => Some(machine::time::monotonic().saturating_add(time.nanoseconds()?)),
        None => None,
    };
    let mut left = None;
    let done = with_socket(task, fd, |file, socket| {
        let places = Places::of(task.abi());
        let mut flags = flags | waiting_flag(file);
        let mut done = 0;
        if flags & message_flag::ERROR_QUEUE == 0 {
            socket.options().take_error()?;
        }
        while done < count as usize {
            let at = messages.0.wrapping_add(places.stride.wrapping_mul(done as u64));
            let received = receive_one(task, socket, UserPtr::new(at), flags & !message_flag::WAIT_FOR_ONE).and_then(
                |(count, answered)| {
                    UserPtr::<u32>::new(at.wrapping_add(places.total)).write(task, &(count as u32)).map(|()| answered)
                },
            );
            match received {
                Ok(answered) => {
                    done += 1;
                    if flags & message_flag::WAIT_FOR_ONE != 0 {
                        flags |= message_flag::DO_NOT_WAIT;
                    }
                    if let Some(deadline) = deadline {
                        let rest = deadline.saturating_sub(machine::time::monotonic());
                        left = Some(rest);
                        if rest == 0 {
                            break;
                        }
                    }
                    if answered & message_flag::OUT_OF_BAND != 0 {
                        break;
                    }
                }
                Err(error) if done == 0 => return Err(error),
                Err(error) => {
                    // The next call tells of it.
                    if error != EAGAIN
                        && let Some(errno) = error.errno()
                    {
                        socket.options().set_error(errno);
                    }
                    break;
                }
            }
        }
        Ok(done)
    })?;
    if let Some(left) = left.filter(|_| done > 0) {
        timeout.write(task, &T::from_nanoseconds(left))?;
    }
    Ok(done)
}
