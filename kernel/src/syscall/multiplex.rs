//! i386's calls that carry the number of another one, with its arguments in memory.
use super::dispatch::table;
use super::{UserBytes, UserSlice};
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
    let entry = table(Abi::I386).get(number).ok_or(ENOSYS)?;
    let [first, second, third, fourth, fifth, sixth] = bytes.map(|word| u64::from(u32::from_ne_bytes(word)));
    let mut changed = frame.clone();
    (changed.rbx, changed.rcx, changed.rdx) = (first, second, third);
    (changed.rsi, changed.rdi, changed.rbp) = (fourth, fifth, sixth);
    Ok(entry(task, &mut changed))
}
