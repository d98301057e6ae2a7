//! System calls that modules serve.
use super::{Caller, Module};
use crate::error::*;
use crate::process::Task;
use crate::sync::{RwLock, rank};
use crate::syscall::dispatch::{self, NUMBERS};
use abi::Abi;
use alloc::sync::Arc;
use alloc::vec::Vec;
use machine::entry::UserFrame;
use machine::memory::try_arc;
use machine::module::Call;

/// The first number that the 64-bit ABIs leave to modules.
const FIRST_FREE: usize = 1000;

struct Served {
    module: Arc<Module>,
    abi: Abi,
    number: usize,
    call: Call,
}
static SERVED: RwLock<Vec<Arc<Served>>> = RwLock::new(rank::MODULE_PARTS, Vec::new());

/// Makes a module serve a number: one that no call has, or with `replaces` one that a call of the kernel's has. EINVAL, EBUSY.
pub fn add(module: &Arc<Module>, abi: Abi, number: u32, replaces: bool, call: Call) -> Result<()> {
    let number = usize::try_from(number).ok().filter(|number| *number < NUMBERS).ok_or(EINVAL)?;
    match (dispatch::is_assigned(abi, number), replaces) {
        (true, false) => return Err(EBUSY.because("the number has a call")),
        (false, true) => return Err(EINVAL.because("there is no call to replace")),
        (false, false) if abi != Abi::I386 && number < FIRST_FREE => {
            return Err(EINVAL.because("the number is not one for modules"));
        }
        _ => {}
    }
    let served = try_arc(Served { module: module.clone(), abi, number, call })?;
    let mut all = SERVED.write();
    if all.iter().any(|other| other.abi == abi && other.number == number) {
        return Err(EBUSY.because("a module serves the number"));
    }
    all.try_reserve(1)?;
    all.push(served);
    dispatch::table(abi).replace(number, serve).inspect_err(|_| drop(all.pop()))?;
    Ok(())
}

/// Takes back what a module serves: the numbers answer as before.
pub fn withdraw(module: &Arc<Module>) {
    loop {
        let mut all = SERVED.write();
        let Some(place) = all.iter().position(|served| Arc::ptr_eq(&served.module, module)) else { return };
        let served = all.swap_remove(place);
        dispatch::table(served.abi).restore(served.number);
        drop(all);
        drop(served);
    }
}

/// The entry of every number that a module serves.
fn serve(task: &Task, frame: &mut UserFrame) -> i64 {
    let (abi, number) = (task.abi(), dispatch::index(frame));
    let original = dispatch::table(abi).original(number).unwrap_or(dispatch::ni_syscall);
    let found = SERVED.read().iter().find(|served| served.abi == abi && served.number == number).cloned();
    // One who comes too early or too late finds the call as it was.
    let Some(served) = found else { return original(task, frame) };
    let Some(_caller) = Caller::of(&served.module) else { return original(task, frame) };
    let arguments = frame.arguments(abi);
    served.call.run(abi, number as u32, arguments, &mut || original(task, frame))
}
