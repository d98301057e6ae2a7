//! i386's calls that carry the number of another one, with its arguments in memory.
use super::dispatch::table;
use super::{Argument, UserBytes, UserPtr, UserSlice, argument::ArgumentReader};
use crate::error::{EINVAL, ENOSYS, Result};
use crate::process::Task;
use abi::Abi;
use machine::entry::UserFrame;

/// What socketcall(2) names, from 1 on: the number in the table, and how many arguments are read. Those that are not are zeros:
/// accept is accept4 without flags, send is sendto without an address.
const SOCKET_CALLS: [(usize, usize); 20] = [
    (359, 3), // socket
    (361, 3), // bind
    (362, 3), // connect
    (363, 2), // listen
    (364, 3), // accept
    (367, 3), // getsockname
    (368, 3), // getpeername
    (360, 4), // socketpair
    (369, 4), // send
    (371, 4), // recv
    (369, 6), // sendto
    (371, 6), // recvfrom
    (373, 2), // shutdown
    (366, 5), // setsockopt
    (365, 5), // getsockopt
    (370, 3), // sendmsg
    (372, 3), // recvmsg
    (364, 4), // accept4
    (337, 5), // recvmmsg
    (345, 4), // sendmmsg
];

/// socketcall(2): EINVAL for no call's number, EFAULT; else what the call answers.
pub fn socketcall(task: &Task, frame: &mut UserFrame, call: i32, arguments: UserBytes) -> Result<i64> {
    let place = usize::try_from(call).ok().and_then(|call| call.checked_sub(1)).ok_or(EINVAL)?;
    let (number, count) = *SOCKET_CALLS.get(place).ok_or(EINVAL)?;
    let mut bytes = [[0; 4]; 6];
    let wanted = bytes.as_flattened_mut().get_mut(..4 * count).ok_or(EINVAL)?;
    UserSlice::new(arguments.0, wanted.len()).read(wanted)?;
    make(task, frame, number, bytes.map(u32::from_ne_bytes))
}

/// Makes another call of i386's table in place of the one that `frame` is of.
fn make(task: &Task, frame: &UserFrame, number: usize, arguments: [u32; 6]) -> Result<i64> {
    let entry = table(Abi::I386).get(number).ok_or(ENOSYS)?;
    let [first, second, third, fourth, fifth, sixth] = arguments.map(u64::from);
    let mut changed = frame.clone();
    (changed.rbx, changed.rcx, changed.rdx) = (first, second, third);
    (changed.rsi, changed.rdi, changed.rbp) = (fourth, fifth, sixth);
    Ok(entry(task, &mut changed))
}

/// The numbers in the table of what ipc(2) names.
mod ipc_number {
    pub const SEMGET: usize = 393;
    pub const SEMCTL: usize = 394;
    pub const SHMGET: usize = 395;
    pub const SHMCTL: usize = 396;
    pub const SHMAT: usize = 397;
    pub const SHMDT: usize = 398;
    pub const MSGGET: usize = 399;
    pub const MSGSND: usize = 400;
    pub const MSGRCV: usize = 401;
    pub const MSGCTL: usize = 402;
}
/// In a command: with the structures of the calls of their own.
const IPC_64: u32 = 0x100;

/// ipc(2): ENOSYS for no call's number; else what the call answers. The upper half of `call` is the version of its arguments.
pub fn ipc(task: &Task, frame: &mut UserFrame, call: u32, arguments: IpcArguments) -> Result<i64> {
    use ipc_number::*;
    let IpcArguments { first, second, third, pointer, fifth } = arguments;
    let version = call >> 16;
    let (number, arguments) = match call & 0xffff {
        2 => (SEMGET, [first, second, third, 0, 0, 0]),
        3 => {
            // The last argument, an int or a pointer, is behind the pointer.
            if pointer == 0 {
                return Err(EINVAL);
            }
            (SEMCTL, [first, second, current_form(third)?, UserPtr::<u32>::new(pointer.into()).read(task)?, 0, 0])
        }
        11 => (MSGSND, [first, pointer, second, third, 0, 0]),
        12 if (first as i32) < 0 || (second as i32) < 0 => return Err(EINVAL),
        12 if version == 0 => {
            if pointer == 0 {
                return Err(EINVAL);
            }
            // Where the message goes to, and its kind.
            let mut pair = [[0; 4]; 2];
            UserSlice::new(pointer.into(), 8).read(pair.as_flattened_mut())?;
            let [message, kind] = pair.map(u32::from_ne_bytes);
            (MSGRCV, [first, message, second, kind, third, 0])
        }
        12 => (MSGRCV, [first, pointer, second, fifth, third, 0]),
        13 => (MSGGET, [first, second, 0, 0, 0, 0]),
        14 => (MSGCTL, [first, current_form(second)?, pointer, 0, 0, 0]),
        21 if version == 1 => return Err(EINVAL),
        21 => {
            let at = make(task, frame, SHMAT, [first, pointer, second, 0, 0, 0])?;
            // Addresses look like errors only where errors are.
            if (-4095..0).contains(&at) {
                return Ok(at);
            }
            return UserPtr::<u32>::new(third.into()).write(task, &(at as u32)).map(|()| 0);
        }
        22 => (SHMDT, [pointer, 0, 0, 0, 0, 0]),
        23 => (SHMGET, [first, second, third, 0, 0, 0]),
        24 => (SHMCTL, [first, current_form(second)?, pointer, 0, 0, 0]),
        _ => return Err(ENOSYS),
    };
    make(task, frame, number, arguments)
}

/// A command as the calls of their own have it. The older structures are not known yet.
fn current_form(command: u32) -> Result<u32> {
    match command {
        // Removal has none.
        0 => Ok(0),
        command if command & IPC_64 != 0 => Ok(command & !IPC_64),
        _ => Err(ENOSYS),
    }
}

/// What follows the call's number.
#[derive(Clone, Copy, Debug)]
pub struct IpcArguments {
    first: u32,
    second: u32,
    third: u32,
    pointer: u32,
    fifth: u32,
}
impl Argument for IpcArguments {
    const TYPE: &'static str = "int";
    fn take(reader: &mut ArgumentReader) -> Self {
        let mut next = || reader.register() as u32;
        IpcArguments { first: next(), second: next(), third: next(), pointer: next(), fifth: next() }
    }
    fn show(&self, _: &Task, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        write!(out, "{}, {}, {}, {:#x}, {}", self.first, self.second, self.third, self.pointer, self.fifth)
    }
}
