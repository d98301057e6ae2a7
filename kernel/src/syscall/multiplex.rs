//! i386's calls that carry the number of another one, with its arguments in memory.
use super::dispatch::table;
use super::{Argument, UserBytes, UserPtr, UserSlice, argument::ArgumentReader};
use crate::error::{EINVAL, ENOSYS, Result};
use crate::ipc::system_v::{Form, message, semaphore, shared_memory};
use crate::process::Task;
use crate::time::value::Timespec32;
use abi::Abi;
use machine::entry::UserFrame;

/// What socketcall(2) names, from 1 on: the number in the table, how many arguments are read, and the number by which x86-64
/// knows it. Arguments that are not read are zeros: accept is accept4 without flags, send is sendto without an address.
const SOCKET_CALLS: [(usize, usize, u32); 20] = [
    (359, 3, 41),  // socket
    (361, 3, 49),  // bind
    (362, 3, 42),  // connect
    (363, 2, 50),  // listen
    (364, 3, 43),  // accept
    (367, 3, 51),  // getsockname
    (368, 3, 52),  // getpeername
    (360, 4, 53),  // socketpair
    (369, 4, 44),  // send
    (371, 4, 45),  // recv
    (369, 6, 44),  // sendto
    (371, 6, 45),  // recvfrom
    (373, 2, 48),  // shutdown
    (366, 5, 54),  // setsockopt
    (365, 5, 55),  // getsockopt
    (370, 3, 46),  // sendmsg
    (372, 3, 47),  // recvmsg
    (364, 4, 288), // accept4
    (337, 5, 299), // recvmmsg
    (345, 4, 307), // sendmmsg
];

/// socketcall(2): EINVAL for no call's number, EFAULT; else what the call answers.
pub fn socketcall(task: &Task, frame: &mut UserFrame, call: i32, arguments: UserBytes) -> Result<i64> {
    let (number, count, _) = socket_call(call as u32)?;
    make(task, frame, number, socket_arguments(arguments.0, count)?)
}
fn socket_call(call: u32) -> Result<(usize, usize, u32)> {
    let place = usize::try_from(call).ok().and_then(|call| call.checked_sub(1)).ok_or(EINVAL)?;
    SOCKET_CALLS.get(place).copied().ok_or(EINVAL)
}
fn socket_arguments(address: u64, count: usize) -> Result<[u32; 6]> {
    let mut bytes = [[0; 4]; 6];
    let wanted = bytes.as_flattened_mut().get_mut(..4 * count).ok_or(EINVAL)?;
    UserSlice::new(address, wanted.len()).read(wanted)?;
    Ok(bytes.map(u32::from_ne_bytes))
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

/// The two calls' own numbers.
const SOCKETCALL: u64 = 102;
const IPC: u64 = 117;

/// In a command: with the structures of today.
const IPC_64: u32 = 0x100;

/// ipc(2): ENOSYS for no call's number; else what the call answers. The upper half of `call` is the version of its arguments.
pub fn ipc(task: &Task, call: u32, arguments: IpcArguments) -> Result<i64> {
    let IpcArguments { first, second, third, pointer, fifth } = arguments;
    let (id, version, address) = (first as i32, call >> 16, u64::from(pointer));
    match call & 0xffff {
        1 => semaphore::operate(task, id, address, second, None).map(|()| 0),
        2 => semaphore::semget(task, first as i32, second as i32, third).map(i64::from),
        3 => {
            // The last argument, an int or a pointer, is behind the pointer.
            if pointer == 0 {
                return Err(EINVAL);
            }
            let argument = UserPtr::<u32>::new(address).read(task)?;
            let (command, form) = command(third);
            semaphore::control(task, id, second as i32, command, argument.into(), form).map(i64::from)
        }
        4 => {
            let timeout = UserPtr::<Timespec32>::new(fifth.into());
            semaphore::semtimedop(task, id, UserPtr::new(address), second, timeout).map(|()| 0)
        }
        11 => message::send(task, id, address, (second as i32).into(), third).map(|()| 0),
        12 if id < 0 || (second as i32) < 0 => Err(EINVAL),
        12 => {
            let (message, kind) = place_and_type(version, pointer, fifth)?;
            message::receive(task, id, message.into(), second.into(), (kind as i32).into(), third)
                .map(|length| length as i64)
        }
        13 => message::msgget(task, first as i32, second).map(i64::from),
        14 => {
            let (command, form) = command(second);
            message::control(task, id, command, address, form).map(i64::from)
        }
        21 if version == 1 => Err(EINVAL),
        21 => {
            let at = shared_memory::shmat(task, id, address, second)?;
            UserPtr::<u32>::new(third.into()).write(task, &(at.0 as u32)).map(|()| 0)
        }
        22 => shared_memory::shmdt(task, address).map(|()| 0),
        23 => shared_memory::shmget(task, first as i32, second as usize, third).map(i64::from),
        24 => {
            let (command, form) = command(second);
            shared_memory::control(task, id, command, address, form).map(i64::from)
        }
        _ => Err(ENOSYS),
    }
}

/// Where msgrcv's message goes, and its type: the first version has both behind the pointer.
fn place_and_type(version: u32, pointer: u32, fifth: u32) -> Result<(u32, u32)> {
    match version {
        0 if pointer == 0 => Err(EINVAL),
        0 => {
            let mut pair = [[0; 4]; 2];
            UserSlice::new(pointer.into(), 8).read(pair.as_flattened_mut())?;
            let [message, kind] = pair.map(u32::from_ne_bytes);
            Ok((message, kind))
        }
        _ => Ok((pointer, fifth)),
    }
}

/// A command, and with which structures it comes.
fn command(word: u32) -> (i32, Form) {
    ((word & !IPC_64) as i32, if word & IPC_64 != 0 { Form::Current } else { Form::Old })
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

/// The call that socketcall(2) or ipc(2) carries, for people.
pub struct Carried {
    /// Its number in x86-64's table, which names them all.
    pub number: u32,
    /// Its arguments, in their order there.
    pub words: [u64; 6],
    /// Where in user memory its result is put if it is not the register.
    pub result_at: Option<u64>,
    /// It is send(2) or recv(2), which x86-64 has only with two more arguments.
    pub is_short: bool,
}
impl Carried {
    fn new(number: u32, words: [u32; 4]) -> Carried {
        let [a, b, c, d] = words.map(u64::from);
        Carried { number, words: [a, b, c, d, 0, 0], result_at: None, is_short: false }
    }
    /// What a call carries: `None` for other calls, and for those that carry none. Reads user memory; may sleep.
    pub fn by(number: u64, words: &[u64; 6]) -> Option<Carried> {
        match number {
            SOCKETCALL => Carried::by_socketcall(words),
            IPC => Carried::by_ipc(words),
            _ => None,
        }
    }
    fn by_socketcall(words: &[u64; 6]) -> Option<Carried> {
        let [call, address, ..] = words.map(|word| word as u32);
        let (place, count, number) = socket_call(call).ok()?;
        let words = socket_arguments(address.into(), count).ok()?.map(u64::from);
        Some(Carried { number, words, result_at: None, is_short: matches!(place, 369 | 371) && count == 4 })
    }
    fn by_ipc(words: &[u64; 6]) -> Option<Carried> {
        let [call, first, second, third, pointer, fifth] = words.map(|word| word as u32);
        Some(match call & 0xffff {
            1 => Carried::new(65, [first, pointer, second, 0]),
            2 => Carried::new(64, [first, second, third, 0]),
            3 => {
                let mut last = [0; 4];
                UserSlice::new(pointer.into(), 4).read(&mut last).ok()?;
                Carried::new(66, [first, second, third, u32::from_ne_bytes(last)])
            }
            4 => Carried::new(220, [first, pointer, second, fifth]),
            11 => Carried::new(69, [first, pointer, second, third]),
            12 => {
                let (message, kind) = place_and_type(call >> 16, pointer, fifth).ok()?;
                // Its type is a long.
                let words =
                    [first.into(), message.into(), second.into(), i64::from(kind as i32) as u64, third.into(), 0];
                Carried { words, ..Carried::new(70, [0; 4]) }
            }
            13 => Carried::new(68, [first, second, 0, 0]),
            14 => Carried::new(71, [first, second, pointer, 0]),
            21 => Carried { result_at: Some(third.into()), ..Carried::new(30, [first, pointer, second, 0]) },
            22 => Carried::new(67, [pointer, 0, 0, 0]),
            23 => Carried::new(29, [first, second, third, 0]),
            24 => Carried::new(31, [first, second, pointer, 0]),
            _ => return None,
        })
    }
}
