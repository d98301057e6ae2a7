//! semop(2) and semtimedop(2).
use super::super::limits::LARGEST_VALUE;
use super::super::{access, flag, namespace, now};
use super::state::{Semaphore, Sleeper};
use super::undo::{self, Undo};
use crate::chunked::Chunked;
use crate::error::*;
use crate::process::Task;
use crate::syscall::user::plain_layout;
use crate::syscall::{UserPtr, UserSlice};
use crate::time::value::TimeLayout;
use crate::wait::{Sleep, WaitError, wait_for_wake};
use alloc::vec::Vec;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// SEM_UNDO.
const UNDO: u16 = 0x1000;

/// `struct sembuf`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Operation {
    /// Which semaphore.
    pub number: u16,
    /// What is added; 0 waits for a value of 0.
    pub change: i16,
    flags: u16,
}
plain_layout!(Operation);

/// What became of a call's operations.
pub enum Attempt {
    /// All are done.
    Done,
    /// None is; this one has to wait.
    Blocks(usize),
    /// None is, and none will be.
    Fails(Error),
}
impl Attempt {
    /// What the call answers; a call that has to wait has no answer, and is not asked.
    pub fn result(self) -> Result<()> {
        match self {
            Attempt::Fails(error) => Err(error),
            _ => Ok(()),
        }
    }
}

impl Operation {
    /// Whether the call waits if it cannot be done.
    pub fn may_wait(&self) -> bool {
        u32::from(self.flags) & flag::NO_WAIT == 0
    }
    fn is_undone(&self) -> bool {
        self.flags & UNDO != 0
    }
    /// Does it; EAGAIN if it has to wait, ERANGE.
    pub fn apply(&self, semaphores: &mut Chunked<Semaphore>, undo: Option<&mut Undo>) -> Result<()> {
        let change = i32::from(self.change);
        let semaphore = semaphores.get_mut(self.number.into()).ok_or(EFBIG)?;
        let value = semaphore.value + change;
        if change == 0 && semaphore.value != 0 || value < 0 {
            return Err(EAGAIN);
        }
        if value > LARGEST_VALUE {
            return Err(ERANGE);
        }
        if self.is_undone()
            && let Some(adjustment) = undo.and_then(|undo| undo.adjustments.get_mut(self.number.into()))
        {
            *adjustment = i16::try_from(i32::from(*adjustment) - change).map_err(|_| ERANGE)?;
        }
        semaphore.value = value;
        Ok(())
    }
    /// Takes back what was done.
    pub fn take_back(&self, semaphores: &mut Chunked<Semaphore>, undo: Option<&mut Undo>) {
        if let Some(semaphore) = semaphores.get_mut(self.number.into()) {
            semaphore.value -= i32::from(self.change);
        }
        if self.is_undone()
            && let Some(adjustment) = undo.and_then(|undo| undo.adjustments.get_mut(self.number.into()))
        {
            *adjustment = adjustment.wrapping_add(self.change);
        }
    }
}

/// semop(2).
pub fn semop(task: &Task, id: i32, operations: UserPtr<Operation>, count: u32) -> Result<()> {
    operate(task, id, operations.address(), count, None)
}

/// semtimedop(2).
pub fn semtimedop<T: TimeLayout + 'static>(
    task: &Task,
    id: i32,
    operations: UserPtr<Operation>,
    count: u32,
    timeout: UserPtr<T>,
) -> Result<()> {
    let timeout = timeout.read_optional(task)?;
    operate(task, id, operations.address(), count, timeout.map(TimeLayout::nanoseconds))
}

/// Does the operations of a call, waiting at most so many nanoseconds; a timeout that cannot be read as one is known only once the
/// operations are. E2BIG, EINVAL, EFAULT, EFBIG, EACCES, ERANGE, EAGAIN, EIDRM, EINTR, ENOMEM.
pub fn operate(task: &Task, id: i32, address: u64, count: u32, timeout: Option<Result<u64>>) -> Result<()> {
    let space = namespace(task);
    let [_, _, most, _] = space.limits.semaphores();
    if count > most {
        return Err(E2BIG);
    }
    if count < 1 {
        return Err(EINVAL);
    }
    let operations = read(address, count as usize)?;
    if id < 0 {
        return Err(EINVAL);
    }
    let deadline = timeout.transpose()?.map(|time| machine::time::monotonic().saturating_add(time));
    let set = space.semaphores.find(id)?;
    let highest = operations.iter().map(|operation| operation.number).max().unwrap_or(0);
    let alters = operations.iter().any(|operation| operation.change != 0);
    let undo = match operations.iter().any(Operation::is_undone) {
        true => Some(undo::prepare(task, &set)?),
        false => None,
    };
    if usize::from(highest) >= set.count {
        return Err(EFBIG);
    }
    set.permissions.check(task, if alters { access::WRITE } else { access::READ })?;
    let process = task.group().pid();
    let mut state = set.state.lock();
    if state.is_removed {
        return Err(EIDRM);
    }
    let blocking = match state.attempt(&operations, undo, process) {
        Attempt::Done => {
            state.operation_time = now();
            if alters {
                state.update();
            }
            return Ok(());
        }
        Attempt::Fails(error) => return Err(error),
        Attempt::Blocks(operation) => operation,
    };
    let sleeper = Sleeper::new(operations, undo, process.clone(), blocking)?;
    state.wait(&sleeper);
    drop(state);
    match wait_for_wake(Sleep::Interruptible, deadline, || sleeper.outcome()) {
        Ok(result) => result,
        Err(error) => {
            let mut state = set.state.lock();
            if let Some(result) = sleeper.outcome() {
                return result;
            }
            state.forget(&sleeper);
            // Such a call is never restarted.
            Err(if error == WaitError::TimedOut { EAGAIN } else { EINTR })
        }
    }
}

/// Reads the operations; EFAULT, ENOMEM.
fn read(address: u64, count: usize) -> Result<Vec<Operation>> {
    let mut operations = Vec::new();
    operations.try_reserve_exact(count)?;
    operations.resize(count, Operation::default());
    let bytes = operations.as_mut_slice().as_mut_bytes();
    UserSlice::new(address, bytes.len()).read(bytes)?;
    Ok(operations)
}
