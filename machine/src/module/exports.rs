//! The functions that modules name: from C's layouts to safe calls of the kernel above.
use super::{Call, Device, Memory, Transfer};
use crate::sync::Once;
use crate::user;
use abi::{Abi, Errno};
use alloc::sync::Arc;
use core::ffi::c_void;
use module::interface::{self, CallEntry, DeviceTable, EXPORTS, REPLACE};

/// What the kernel above does for modules. Results are 0 or a negative errno.
pub struct Services {
    /// Adds a line to the log, at a level of syslog(2).
    pub log: fn(level: u32, text: &[u8]),
    /// Makes a call serve a number of an ABI; one that a call of the kernel's has if it replaces it.
    pub add_call: fn(module: &Arc<Memory>, abi: Abi, number: u32, replaces: bool, call: Call) -> i32,
    /// Makes a device with a node.
    pub add_device: fn(module: &Arc<Memory>, name: &[u8], permissions: u32, device: Device) -> i32,
    /// Lets other tasks run.
    pub yield_now: fn(),
    /// The current process's number as it sees itself.
    pub process_id: fn() -> u32,
}
static SERVICES: Once<&'static Services> = Once::new();

/// Names what the kernel does for modules; before the first one is started.
pub fn provide(services: &'static Services) {
    // The same each time.
    let _ = SERVICES.set(services);
}
fn services() -> &'static Services {
    SERVICES.get().expect("modules are started after `provide`")
}

/// A symbol that modules may name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Export {
    /// Its address.
    pub address: u64,
    /// Its version; `None` for what compilers name by themselves.
    pub version: Option<u32>,
}

// What compilers call for assignments and comparisons.
unsafe extern "C" {
    fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8;
    fn memmove(to: *mut u8, from: *const u8, length: usize) -> *mut u8;
    fn memset(to: *mut u8, value: i32, length: usize) -> *mut u8;
    fn memcmp(a: *const u8, b: *const u8, length: usize) -> i32;
    fn bcmp(a: *const u8, b: *const u8, length: usize) -> i32;
}

struct Address(*const ());
// SAFETY: an address of code, which is never written.
unsafe impl Sync for Address {}

static ADDRESSES: [(&str, Address); 17] = [
    ("lstar_log", Address(log as *const ())),
    ("lstar_panic", Address(panic as *const ())),
    ("lstar_add_call", Address(add_call as *const ())),
    ("lstar_call_original", Address(call_original as *const ())),
    ("lstar_add_device", Address(add_device as *const ())),
    ("lstar_transfer_remaining", Address(transfer_remaining as *const ())),
    ("lstar_transfer_put", Address(transfer_put as *const ())),
    ("lstar_transfer_take", Address(transfer_take as *const ())),
    ("lstar_copy_to_user", Address(copy_to_user as *const ())),
    ("lstar_copy_from_user", Address(copy_from_user as *const ())),
    ("lstar_yield", Address(yield_now as *const ())),
    ("lstar_process_id", Address(process_id as *const ())),
    ("memcpy", Address(memcpy as *const ())),
    ("memmove", Address(memmove as *const ())),
    ("memset", Address(memset as *const ())),
    ("memcmp", Address(memcmp as *const ())),
    ("bcmp", Address(bcmp as *const ())),
];

/// A symbol that modules may name.
pub fn export(name: &[u8]) -> Option<Export> {
    let (_, address) = ADDRESSES.iter().find(|(other, _)| other.as_bytes() == name)?;
    let version = EXPORTS.iter().find(|(other, _)| other.as_bytes() == name).map(|(_, version)| *version);
    Some(Export { address: address.0.expose_provenance() as u64, version })
}

/// The names and addresses of all symbols that modules may name.
pub fn exports() -> impl Iterator<Item = (&'static str, u64)> {
    ADDRESSES.iter().map(|(name, address)| (*name, address.0.expose_provenance() as u64))
}

fn negative(error: Errno) -> i32 {
    -i32::from(error.number())
}
/// # Safety
/// The bytes are valid for reads for as long as they are used.
unsafe fn bytes<'a>(start: *const u8, length: usize) -> &'a [u8] {
    // SAFETY: as the caller promises.
    unsafe { core::slice::from_raw_parts(start, length) }
}

// Each function's contract is that of its namesake in `module::interface::function`.

unsafe extern "C" fn log(level: u32, text: *const u8, length: usize) {
    // SAFETY: the module's text is as long as it says.
    (services().log)(level, unsafe { bytes(text, length) });
}
unsafe extern "C" fn panic(text: *const u8, length: usize) -> ! {
    // SAFETY: the module's text is as long as it says.
    let text = core::str::from_utf8(unsafe { bytes(text, length) }).unwrap_or("in a module");
    if crate::thread::may_sleep()
        && let Some(hooks) = crate::hooks()
    {
        crate::instructions::disable_interrupts();
        (hooks.give_up)(format_args!("{text}"));
    }
    panic!("{text}")
}
unsafe extern "C" fn add_call(
    module: *const c_void,
    abi: u32,
    number: u32,
    flags: u32,
    entry: CallEntry,
    context: *const c_void,
) -> i32 {
    // SAFETY: the module's handle.
    let memory = unsafe { Memory::of_handle(module) };
    let abi = match abi {
        0 => Abi::X86_64,
        1 => Abi::X32,
        2 => Abi::I386,
        _ => return negative(Errno::EINVAL),
    };
    if flags & !REPLACE != 0 || !memory.has_code(entry as *const () as u64) {
        return negative(Errno::EINVAL);
    }
    let call = Call { entry, context, _memory: memory.clone() };
    (services().add_call)(&memory, abi, number, flags & REPLACE != 0, call)
}
unsafe extern "C" fn call_original(original: *mut c_void) -> i64 {
    // SAFETY: from `Call::run`, which runs.
    let original = unsafe { &mut *original.cast::<&mut dyn FnMut() -> i64>() };
    original()
}
unsafe extern "C" fn add_device(
    module: *const c_void,
    name: *const u8,
    length: usize,
    mode: u32,
    table: *const DeviceTable,
    context: *const c_void,
) -> i32 {
    // SAFETY: the module's handle.
    let memory = unsafe { Memory::of_handle(module) };
    // SAFETY: every version of the table begins with its size.
    if unsafe { (*table).size } < size_of::<DeviceTable>() {
        return negative(Errno::EINVAL);
    }
    // SAFETY: the table is as large as this version of it.
    let table = unsafe { *table };
    let interface::DeviceTable { read, write, control, .. } = table;
    let entries = [read as *const (), write as *const (), control as *const ()];
    if !entries.iter().all(|entry| memory.has_code(*entry as u64)) {
        return negative(Errno::EINVAL);
    }
    // SAFETY: the module's name is as long as it says.
    let name = unsafe { bytes(name, length) };
    let device = Device { table, context, _memory: memory.clone() };
    (services().add_device)(&memory, name, mode, device)
}
/// # Safety
/// The handle is of a transfer that runs, and nobody else uses it meanwhile.
unsafe fn transfer<'a>(handle: *mut c_void) -> &'a mut dyn Transfer {
    // SAFETY: from `Device::transfer`, which runs.
    unsafe { *handle.cast::<&'a mut dyn Transfer>().as_mut().expect("modules pass the handle they got") }
}
unsafe extern "C" fn transfer_remaining(handle: *mut c_void) -> usize {
    // SAFETY: the module's transfer.
    unsafe { transfer(handle) }.remaining()
}
unsafe extern "C" fn transfer_put(handle: *mut c_void, from: *const u8, length: usize) -> i64 {
    // SAFETY: the module's transfer; its bytes are as many as they say.
    unsafe { transfer(handle).put(bytes(from, length)) }
}
unsafe extern "C" fn transfer_take(handle: *mut c_void, into: *mut u8, length: usize) -> i64 {
    // SAFETY: the module's transfer; its bytes are as many as they say.
    unsafe { transfer(handle).take(core::slice::from_raw_parts_mut(into, length)) }
}
unsafe extern "C" fn copy_to_user(address: u64, from: *const u8, length: usize) -> usize {
    // SAFETY: the module's bytes are as many as they say.
    user::copy_to_user(address, unsafe { bytes(from, length) })
}
unsafe extern "C" fn copy_from_user(into: *mut u8, address: u64, length: usize) -> usize {
    // SAFETY: the module's bytes are as many as they say.
    user::copy_from_user(unsafe { core::slice::from_raw_parts_mut(into, length) }, address)
}
unsafe extern "C" fn yield_now() {
    (services().yield_now)();
}
unsafe extern "C" fn process_id() -> u32 {
    (services().process_id)()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_of_the_interface_is_exported_with_its_version() {
        for (name, version) in EXPORTS {
            assert_eq!(export(name.as_bytes()).and_then(|export| export.version), Some(version), "{name}");
        }
        assert_eq!(export(b"memcpy").map(|export| export.version), Some(None));
        assert_eq!(export(b"lstar_other"), None);
    }
}
