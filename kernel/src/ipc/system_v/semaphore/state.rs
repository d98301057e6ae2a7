//! What a semaphore set holds, and who waits for it to change.
use super::super::limits::LARGEST_VALUE;
use super::super::now;
use super::operate::{Attempt, Operation};
use super::undo::Undo;
use crate::chunked::Chunked;
use crate::error::*;
use crate::process::Task;
use crate::process::pid::PidEntry;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use machine::collections::{Linked, Links, List};

/// A semaphore.
#[derive(Default)]
pub struct Semaphore {
    /// 0 to 32,767.
    pub value: i32,
    /// The process that has operated on it last.
    pub process: Option<Arc<PidEntry>>,
}

/// The operations of a call that waits, all of which are done at once or none.
pub struct Sleeper {
    links: Links,
    operations: Vec<Operation>,
    /// Whose undo list takes them down, if any are to be undone.
    undo: Option<u64>,
    process: Arc<PidEntry>,
    task: Arc<Task>,
    /// The operation that could not be done when it was tried last.
    blocking: AtomicUsize,
    /// What the call answers as its result register has it; [`WAITING`] while it waits.
    outcome: AtomicI64,
}
/// No result.
const WAITING: i64 = i64::MIN;
impl Linked for Sleeper {
    fn links(&self) -> &Links {
        &self.links
    }
}
impl Sleeper {
    /// A call of the current task.
    pub fn new(
        operations: Vec<Operation>,
        undo: Option<u64>,
        process: Arc<PidEntry>,
        blocking: usize,
    ) -> Result<Arc<Self>> {
        Ok(machine::memory::try_arc(Sleeper {
            links: Links::new(),
            operations,
            undo,
            process,
            task: Task::current_arc(),
            blocking: AtomicUsize::new(blocking),
            outcome: AtomicI64::new(WAITING),
        })?)
    }
    /// How the call ended, if it has.
    pub fn outcome(&self) -> Option<Result<()>> {
        match self.outcome.load(Ordering::Acquire) {
            WAITING => None,
            0 => Some(Ok(())),
            code if code == EIDRM.into_register() => Some(Err(EIDRM)),
            code if code == ERANGE.into_register() => Some(Err(ERANGE)),
            _ => Some(Err(EAGAIN)),
        }
    }
    fn finish(&self, result: Result<()>) {
        let code = result.map_or_else(Error::into_register, |()| 0);
        self.outcome.store(code, Ordering::Release);
        self.task.wake();
    }
    fn alters(&self) -> bool {
        self.operations.iter().any(|operation| operation.change != 0)
    }
    fn is_complex(&self) -> bool {
        self.operations.len() > 1
    }
}

/// The content of a set.
pub struct State {
    /// It has left its table.
    pub is_removed: bool,
    pub semaphores: Chunked<Semaphore>,
    pub operation_time: i64,
    pub change_time: i64,
    /// What the ends of processes add to the semaphores.
    pub undos: Vec<Undo>,
    /// Calls that only wait for zeros.
    constant: List<Sleeper>,
    /// Calls that change something, in the order in which they came.
    altering: List<Sleeper>,
    /// How many of the latter have several operations: what they wait for cannot be told from what one of them changes.
    complex: usize,
}

impl State {
    /// So many semaphores, all 0.
    pub fn new(count: usize, time: i64) -> Result<State> {
        let mut semaphores = Chunked::new();
        for _ in 0..count {
            semaphores.push(Semaphore::default())?;
        }
        Ok(State {
            is_removed: false,
            semaphores,
            operation_time: 0,
            change_time: time,
            undos: Vec::new(),
            constant: List::new(),
            altering: List::new(),
            complex: 0,
        })
    }
    /// Tries the operations of a call.
    pub fn attempt(&mut self, operations: &[Operation], undo: Option<u64>, process: &Arc<PidEntry>) -> Attempt {
        attempt(&mut self.semaphores, &mut self.undos, operations, undo, process)
    }
    /// Puts a call that has to wait behind the others.
    pub fn wait(&mut self, sleeper: &Arc<Sleeper>) {
        if sleeper.alters() {
            self.complex += usize::from(sleeper.is_complex());
            // A fresh one is on no list.
            let _ = self.altering.push_back(sleeper.clone());
        } else {
            let _ = self.constant.push_back(sleeper.clone());
        }
    }
    /// Takes a call away that waits no longer.
    pub fn forget(&mut self, sleeper: &Sleeper) {
        if self.altering.remove(sleeper).is_some() {
            self.complex -= usize::from(sleeper.is_complex());
        }
        self.constant.remove(sleeper);
    }
    /// Something has changed: ends the calls that can be done now, in their order.
    pub fn update(&mut self) {
        self.end_constant();
        let (mut left, mut kept) = (core::mem::take(&mut self.altering), List::new());
        while let Some(sleeper) = left.pop_front() {
            let attempt = self.attempt(&sleeper.operations, sleeper.undo, &sleeper.process);
            if let Attempt::Blocks(operation) = attempt {
                sleeper.blocking.store(operation, Ordering::Relaxed);
                // It has just left the other list.
                let _ = kept.push_back(sleeper);
                continue;
            }
            self.complex -= usize::from(sleeper.is_complex());
            let is_done = matches!(attempt, Attempt::Done);
            if is_done {
                self.operation_time = now();
                self.end_constant();
            }
            sleeper.finish(attempt.result());
            // A single subtraction helps nobody who came before it; anything else may.
            if is_done && (sleeper.is_complex() || self.complex > 0) {
                left.drain_into(&mut kept, |_| true);
                core::mem::swap(&mut left, &mut kept);
            }
        }
        self.altering = kept;
    }
    /// Ends the calls that have waited for zeros that are there.
    fn end_constant(&mut self) {
        if self.constant.is_empty() {
            return;
        }
        let (mut left, mut kept) = (core::mem::take(&mut self.constant), List::new());
        while let Some(sleeper) = left.pop_front() {
            match self.attempt(&sleeper.operations, sleeper.undo, &sleeper.process) {
                Attempt::Blocks(operation) => {
                    sleeper.blocking.store(operation, Ordering::Relaxed);
                    let _ = kept.push_back(sleeper);
                }
                ended => {
                    self.operation_time = now();
                    sleeper.finish(ended.result());
                }
            }
        }
        self.constant = kept;
    }
    /// How many calls wait for semaphore `number` to be zero, or to grow.
    pub fn waiting(&self, number: usize, for_zero: bool) -> usize {
        let all = self.altering.iter().chain(self.constant.iter());
        let waits = |sleeper: &&Sleeper| {
            let blocking = sleeper.operations.get(sleeper.blocking.load(Ordering::Relaxed));
            blocking
                .is_some_and(|operation| usize::from(operation.number) == number && (operation.change == 0) == for_zero)
        };
        all.filter(waits).count()
    }
    /// The set is gone.
    pub fn remove(&mut self) {
        self.is_removed = true;
        self.undos.clear();
        self.complex = 0;
        for list in [&mut self.constant, &mut self.altering] {
            while let Some(sleeper) = list.pop_front() {
                sleeper.finish(Err(EIDRM));
            }
        }
    }
    /// Adds what a process that ends has to undo.
    pub fn undo(&mut self, undo: &Undo, process: &Arc<PidEntry>) {
        for (semaphore, adjustment) in self.semaphores.iter_mut().zip(undo.adjustments.iter()) {
            if *adjustment != 0 {
                semaphore.value = (semaphore.value + i32::from(*adjustment)).clamp(0, LARGEST_VALUE);
                semaphore.process = Some(process.clone());
            }
        }
        self.operation_time = now();
        self.update();
    }
}

/// Does all operations in their order, or none of them.
fn attempt(
    semaphores: &mut Chunked<Semaphore>,
    undos: &mut [Undo],
    operations: &[Operation],
    undo: Option<u64>,
    process: &Arc<PidEntry>,
) -> Attempt {
    let mut undo = undo.and_then(|owner| undos.iter_mut().find(|undo| undo.owner == owner));
    let (mut done, mut end) = (0, Attempt::Done);
    for operation in operations {
        match operation.apply(semaphores, undo.as_deref_mut()) {
            Ok(()) => done += 1,
            Err(error) if error == EAGAIN => {
                end = if operation.may_wait() { Attempt::Blocks(done) } else { Attempt::Fails(EAGAIN) };
                break;
            }
            Err(error) => {
                end = Attempt::Fails(error);
                break;
            }
        }
    }
    let touched = operations.get(..done).unwrap_or_default();
    for operation in touched.iter().rev() {
        match end {
            Attempt::Done => {
                if let Some(semaphore) = semaphores.get_mut(operation.number.into()) {
                    semaphore.process = Some(process.clone());
                }
            }
            _ => operation.take_back(semaphores, undo.as_deref_mut()),
        }
    }
    end
}
