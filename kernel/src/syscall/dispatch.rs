//! From number to handler: one array per ABI, built at compile time; a duplicate number stops the build.
//!
//! Calls go through a pointer per ABI, so that modules can publish a changed copy (`kernel/src/module/system_call.rs`).
use super::{row::Entry, table};
use crate::process::Task;
use abi::{Abi, Errno};
use machine::entry::{EntryKind, UserFrame};
use machine::module::CallTable;
use machine::thread::work;

/// One more than the highest number of each table. Linux's end below 552; those from 1000 on are free for additions.
pub const NUMBERS: usize = 1024;
/// The bit that marks an x32 call.
pub const X32_BIT: u64 = 1 << 30;

type Table = [Entry; NUMBERS];

/// Every number that has no handler ends here: -ENOSYS and nothing else.
pub fn ni_syscall(_: &Task, _: &mut UserFrame) -> i64 {
    -(Errno::ENOSYS.number() as i64)
}

const fn table_for(abi: Abi) -> Table {
    let mut table: Table = [ni_syscall; NUMBERS];
    let mut taken = [false; NUMBERS];
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
static X86_64_CALLS: CallTable<Entry, NUMBERS> = CallTable::new(&X86_64_TABLE);
static X32_CALLS: CallTable<Entry, NUMBERS> = CallTable::new(&X32_TABLE);
static I386_CALLS: CallTable<Entry, NUMBERS> = CallTable::new(&I386_TABLE);

/// The calls of an ABI, as they are now.
pub fn table(abi: Abi) -> &'static CallTable<Entry, NUMBERS> {
    match abi {
        Abi::X86_64 => &X86_64_CALLS,
        Abi::X32 => &X32_CALLS,
        Abi::I386 => &I386_CALLS,
    }
}
/// Whether a number belongs to a call of the kernel's, there or missing.
pub fn is_assigned(abi: Abi, number: usize) -> bool {
    let numbers = table::FAMILIES.iter().flat_map(|rows| rows.iter()).map(|row| row.numbers[abi as usize]);
    numbers.flatten().any(|other| usize::from(other) == number)
}
/// The place in the tables of the number in the frame.
pub fn index(frame: &UserFrame) -> usize {
    let number = frame.original_rax as u32;
    let bit = if frame.entry() == EntryKind::Syscall { X32_BIT as u32 } else { 0 };
    (number & !bit) as usize
}

/// Serves the call whose number is in the frame, under the eyes of whoever watches the thread.
#[inline(always)]
pub fn dispatch(task: &Task, frame: &mut UserFrame) {
    if task.thread().has_work::<{ work::ON_ENTRY }>() {
        return super::watched::dispatch(task, frame);
    }
    serve(task, frame)
}

/// Serves the call whose number is in the frame.
///
/// The number is the low 32 bits of rax; as a signed number, so that a negative one is out of range.
#[inline(always)]
pub(super) fn serve(task: &Task, frame: &mut UserFrame) {
    let number = frame.original_rax as u32 as usize;
    let Some(entry) = X86_64_CALLS.get(number).filter(|_| frame.entry() == EntryKind::Syscall) else {
        return dispatch_other(task, frame);
    };
    task.set_abi(Abi::X86_64);
    let result = entry(task, frame);
    frame.rax = result as u64;
}

/// Calls of the other two ABIs, and numbers past the end.
#[cold]
fn dispatch_other(task: &Task, frame: &mut UserFrame) {
    if frame.entry() == EntryKind::Syscall {
        return dispatch_x32(task, frame);
    }
    task.set_abi(Abi::I386);
    let entry = I386_CALLS.get(frame.original_rax as u32 as usize).unwrap_or(ni_syscall);
    let result = entry(task, frame);
    frame.rax = result as u64;
}

/// Calls with bit 30 set, and numbers past the end.
fn dispatch_x32(task: &Task, frame: &mut UserFrame) {
    let number = frame.original_rax as u32 as u64;
    let index = (number & !X32_BIT) as usize;
    let entry = if number & X32_BIT != 0 { X32_CALLS.get(index) } else { None };
    task.set_abi(Abi::X32);
    let result = entry.unwrap_or(ni_syscall)(task, frame);
    frame.rax = result as u64;
}
