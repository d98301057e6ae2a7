//! From number to handler: one array per ABI, built at compile time; a duplicate number stops the build.
use super::{row::Entry, table};
use crate::process::Task;
use abi::{Abi, Errno};
use machine::entry::{EntryKind, UserFrame};

/// One more than the highest number of each table.
const LENGTH: usize = 552;
/// The bit that marks an x32 call.
pub const X32_BIT: u64 = 1 << 30;

type Table = [Entry; LENGTH];

/// Every number that has no handler ends here: -ENOSYS and nothing else.
fn ni_syscall(_: &Task, _: &mut UserFrame) -> i64 {
    -(Errno::ENOSYS.number() as i64)
}

const fn table_for(abi: Abi) -> Table {
    let mut table: Table = [ni_syscall; LENGTH];
    let mut taken = [false; LENGTH];
    let mut family = 0;
    while family < table::FAMILIES.len() {
        let rows = table::FAMILIES[family];
        let mut row = 0;
        while row < rows.len() {
            if let Some(number) = rows[row].numbers[abi as usize] {
                assert!(!taken[number as usize], "two system calls have the same number");
                taken[number as usize] = true;
                if let Some(entries) = rows[row].entries {
                    table[number as usize] = entries[abi as usize];
                }
            }
            row += 1;
        }
        family += 1;
    }
    table
}

static X86_64_TABLE: Table = table_for(Abi::X86_64);
static X32_TABLE: Table = table_for(Abi::X32);
static I386_TABLE: Table = table_for(Abi::I386);

/// Serves the call whose number is in the frame.
///
/// The number is the low 32 bits of rax; as a signed number, so that a negative one is out of range.
#[inline(always)]
pub fn dispatch(task: &Task, frame: &mut UserFrame) {
    let number = frame.original_rax as u32 as usize;
    let table = match frame.entry() {
        EntryKind::Syscall if number < LENGTH => &X86_64_TABLE,
        EntryKind::Syscall => return dispatch_x32(task, frame),
        _ => &I386_TABLE,
    };
    task.set_abi(if matches!(frame.entry(), EntryKind::Syscall) { Abi::X86_64 } else { Abi::I386 });
    let entry = table.get(number).copied().unwrap_or(ni_syscall);
    let result = entry(task, frame);
    frame.rax = result as u64;
}

/// Calls with bit 30 set, and numbers past the end.
#[cold]
fn dispatch_x32(task: &Task, frame: &mut UserFrame) {
    let number = frame.original_rax as u32 as u64;
    let index = (number & !X32_BIT) as usize;
    let entry = if number & X32_BIT != 0 { X32_TABLE.get(index).copied() } else { None };
    task.set_abi(Abi::X32);
    let result = entry.unwrap_or(ni_syscall)(task, frame);
    frame.rax = result as u64;
}
