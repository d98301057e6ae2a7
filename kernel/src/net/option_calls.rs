//! setsockopt(2) and getsockopt(2).
use super::calls::with_socket;
use super::options::option::*;
use super::socket::SocketOperations;
use crate::error::*;
use crate::process::{Capability, Task};
use crate::syscall::{Fd, UserBytes, UserPtr, UserSlice};
use crate::time::value::{TimeLayout, Timeval, Timeval32};
use abi::Abi;
use core::sync::atomic::Ordering;

/// The level of the options that all sockets have.
const SOL_SOCKET: i32 = 1;

/// Whether an option's time is i386's old `struct timeval`.
fn is_narrow_time(task: &Task, option: u32) -> bool {
    matches!(option, RECEIVE_TIMEOUT_OLD | SEND_TIMEOUT_OLD) && matches!(task.abi(), Abi::I386)
}

/// setsockopt(2).
pub fn setsockopt(task: &Task, fd: Fd, level: i32, option: i32, value: UserBytes, length: i32) -> Result<()> {
    let length = usize::try_from(length).map_err(|_| EINVAL)?;
    with_socket(task, fd, |_, socket| {
        if level != SOL_SOCKET {
            return socket.set_option(task, level, option, UserPtr::new(value.0), length);
        }
        set(task, socket, option as u32, value.0, length)
    })
}

fn set(task: &Task, socket: &dyn SocketOperations, option: u32, at: u64, length: usize) -> Result<()> {
    let options = socket.options();
    if option == BIND_TO_DEVICE {
        return Err(ENOPROTOOPT.because("sockets are not bound to devices"));
    }
    if length < 4 {
        return Err(EINVAL);
    }
    let value = UserPtr::<i32>::new(at).read(task)?;
    match option {
        LINGER => {
            if length < 8 {
                return Err(EINVAL);
            }
            let pointer = UserPtr::<i32>::new(at);
            let (on, seconds) = (pointer.read(task)?, pointer.element(task, 1).read(task)?);
            options.set_linger(on != 0, seconds);
            Ok(())
        }
        RECEIVE_TIMEOUT_OLD | SEND_TIMEOUT_OLD | RECEIVE_TIMEOUT_NEW | SEND_TIMEOUT_NEW => {
            let narrow = is_narrow_time(task, option);
            if length < if narrow { size_of::<Timeval32>() } else { size_of::<Timeval>() } {
                return Err(EINVAL);
            }
            let time = match narrow {
                true => UserPtr::<Timeval32>::new(at).read(task)?.into(),
                false => UserPtr::<Timeval>::new(at).read(task)?,
            };
            options.set_timeout(matches!(option, SEND_TIMEOUT_OLD | SEND_TIMEOUT_NEW), time.seconds, time.micros)
        }
        PEEK_OFFSET => {
            socket.peek_offset().ok_or(EOPNOTSUPP)?.store(value, Ordering::Relaxed);
            Ok(())
        }
        _ => {
            options.set(task, option, value)?;
            if matches!(option, SEND_BUFFER | SEND_BUFFER_FORCE) {
                socket.send_buffer_changed();
            }
            Ok(())
        }
    }
}

/// getsockopt(2).
pub fn getsockopt(task: &Task, fd: Fd, level: i32, option: i32, value: UserBytes, length: UserPtr<i32>) -> Result<()> {
    with_socket(task, fd, |_, socket| {
        if level != SOL_SOCKET {
            return socket.get_option(task, level, option, UserPtr::new(value.0), length);
        }
        let room = usize::try_from(length.read(task)?).map_err(|_| EINVAL)?;
        get(task, socket, option as u32, value.0, room, length)
    })
}

/// Writes as much of an option as there is room for, and how much that was.
fn put(task: &Task, at: u64, room: usize, bytes: &[u8], length: UserPtr<i32>) -> Result<()> {
    let bytes = bytes.get(..room).unwrap_or(bytes);
    if !bytes.is_empty() {
        UserSlice::new(at, bytes.len()).write(bytes)?;
    }
    length.write(task, &(bytes.len() as i32))
}

fn get(
    task: &Task,
    socket: &dyn SocketOperations,
    option: u32,
    at: u64,
    room: usize,
    length: UserPtr<i32>,
) -> Result<()> {
    let options = socket.options();
    let pair = |first: i32, second: i32| [first.to_ne_bytes(), second.to_ne_bytes()];
    match option {
        LINGER => {
            let (on, seconds) = options.linger();
            put(task, at, room, pair(on, seconds).as_flattened(), length)
        }
        RECEIVE_TIMEOUT_OLD | SEND_TIMEOUT_OLD | RECEIVE_TIMEOUT_NEW | SEND_TIMEOUT_NEW => {
            let time = options.timeout_shown(matches!(option, SEND_TIMEOUT_OLD | SEND_TIMEOUT_NEW));
            match is_narrow_time(task, option) {
                true => {
                    let time = Timeval32::from_nanoseconds(time);
                    put(task, at, room, pair(time.seconds, time.micros).as_flattened(), length)
                }
                false => {
                    let time = Timeval::from_nanoseconds(time);
                    let bytes = [time.seconds.to_ne_bytes(), time.micros.to_ne_bytes()];
                    put(task, at, room, bytes.as_flattened(), length)
                }
            }
        }
        ACCEPTS_CONNECTIONS => put(task, at, room, &i32::from(socket.is_listening()).to_ne_bytes(), length),
        PEEK_OFFSET => {
            let offset = socket.peek_offset().ok_or(EOPNOTSUPP)?.load(Ordering::Relaxed);
            put(task, at, room, &offset.to_ne_bytes(), length)
        }
        PEER_CREDENTIALS => {
            let [process, user, group] = match socket.peer_credentials() {
                Some(peer) => [
                    peer.process.number_in(task.pid_namespace()),
                    task.with_credentials(|own| own.namespace.user(peer.credentials.effective_user)),
                    task.with_credentials(|own| own.namespace.group(peer.credentials.effective_group)),
                ],
                None => [0, u32::MAX, u32::MAX],
            };
            let bytes = [process.to_ne_bytes(), user.to_ne_bytes(), group.to_ne_bytes()];
            put(task, at, room, bytes.as_flattened(), length)
        }
        PEER_GROUPS => {
            let peer = socket.peer_credentials().ok_or(ENODATA)?;
            let groups = &peer.credentials.groups;
            if room < groups.len() * 4 {
                length.write(task, &(groups.len() as i32 * 4))?;
                return Err(ERANGE);
            }
            let pointer = UserPtr::<u32>::new(at);
            for (index, group) in groups.iter().enumerate() {
                let group = task.with_credentials(|own| own.namespace.group(*group));
                pointer.element(task, index).write(task, &group)?;
            }
            length.write(task, &(groups.len() as i32 * 4))
        }
        PEER_NAME => {
            let name = socket.name(true).map_err(|_| ENOTCONN)?;
            let bytes = name.as_bytes();
            if bytes.len() < room {
                return Err(EINVAL);
            }
            put(task, at, room, bytes, length)
        }
        COOKIE => {
            if room < 8 {
                return Err(EINVAL);
            }
            put(task, at, room, &options.cookie().to_ne_bytes(), length)
        }
        NETWORK_NAMESPACE_COOKIE => {
            if room != 8 {
                return Err(EINVAL);
            }
            put(task, at, room, &1u64.to_ne_bytes(), length)
        }
        _ => put(task, at, room, &options.get(option)?.to_ne_bytes(), length),
    }
}

/// Whether the caller may send in the name of a process, user and group (SCM_CREDENTIALS); EPERM.
pub(super) fn may_claim(task: &Task, process: u32, user: u32, group: u32) -> Result<()> {
    let own = task.credentials();
    let process_allowed = process == task.group().id_in_own_namespace()
        || own.capable_in(&task.pid_namespace().identity.owner, Capability::SysAdmin);
    let user_allowed =
        [own.user, own.effective_user, own.saved_user].contains(&user) || own.capable_at_home(Capability::Setuid);
    let group_allowed =
        [own.group, own.effective_group, own.saved_group].contains(&group) || own.capable_at_home(Capability::Setgid);
    if process_allowed && user_allowed && group_allowed { Ok(()) } else { Err(EPERM) }
}
