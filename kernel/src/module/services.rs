//! What modules ask of the kernel.
use super::{Module, State, device, find_by_memory, system_call};
use crate::error::*;
use crate::log::{self, LONGEST};
use crate::process::{Task, schedule};
use abi::{Abi, Errno};
use alloc::sync::Arc;
use machine::module::{Call, Device, Memory, Services};

/// The services.
pub static SERVICES: Services = Services { log, add_call, add_device, yield_now, process_id };

/// The error in a negative result.
pub fn error_of(value: i64) -> Error {
    let number = value.checked_neg().and_then(|number| u16::try_from(number).ok());
    number.and_then(Errno::from_number).map_or(EINVAL, Error::from)
}

fn log(level: u32, text: &[u8]) {
    let text = text.get(..text.len().min(LONGEST)).unwrap_or_default();
    log::add((level & 7) as u8, text.strip_suffix(b"\n").unwrap_or(text));
}

/// Does something for the module with this memory, which must come or be live.
fn on_behalf(memory: &Arc<Memory>, act: impl FnOnce(&Arc<Module>) -> Result<()>) -> i32 {
    let module = find_by_memory(memory).filter(|module| module.state() != State::Going);
    let result = module.ok_or(EBUSY).and_then(|module| act(&module));
    result.map_or_else(|error| error.into_register() as i32, |()| 0)
}
fn add_call(memory: &Arc<Memory>, abi: Abi, number: u32, replaces: bool, call: Call) -> i32 {
    on_behalf(memory, |module| system_call::add(module, abi, number, replaces, call))
}
fn add_device(memory: &Arc<Memory>, name: &[u8], permissions: u32, device: Device) -> i32 {
    on_behalf(memory, |module| device::add(module, name, permissions, device))
}
fn yield_now() {
    schedule::yield_now();
}
fn process_id() -> u32 {
    let task = Task::current();
    task.group().pid().number_in(task.pid_namespace())
}
