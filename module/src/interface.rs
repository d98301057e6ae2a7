//! The interface of kernel and modules: names, versions and C layouts. A change that is not an addition is a new version.
use core::ffi::c_void;

/// What `vermagic` of a module must say.
pub const VERSION_MAGIC: &str = "lstar-module-1 x86-64";
/// The symbol of a module's first function, an [`Init`].
pub const INIT: &str = "lstar_module_init";
/// The symbol of its last one, an [`Exit`]; a module without it stays for good.
pub const EXIT: &str = "lstar_module_exit";

/// Begins a module: gets the handle by which the kernel knows it, and the parameters as given. 0 or a negative errno.
pub type Init = unsafe extern "C" fn(module: *const c_void, parameters: *const u8, length: usize) -> i32;
/// Ends it.
pub type Exit = unsafe extern "C" fn(module: *const c_void);

/// A system call on its way to a module.
#[repr(C)]
pub struct CallFrame {
    /// The six arguments.
    pub arguments: [u64; 6],
    /// The ABI it was made by: 0 for x86-64, 1 for x32, 2 for i386.
    pub abi: u32,
    /// Its number, without x32's bit.
    pub number: u32,
    /// For `lstar_call_original`.
    pub original: *mut c_void,
}
/// Serves a system call; gets what was given with it when it was added. The value of the result register.
pub type CallEntry = unsafe extern "C" fn(context: *const c_void, call: *const CallFrame) -> i64;

/// Reads from or writes to a device; the transfer is the user's buffer. Bytes moved or a negative errno.
pub type TransferEntry = unsafe extern "C" fn(context: *const c_void, transfer: *mut c_void, position: u64) -> i64;
/// ioctl(2) of a device. A result that is not negative, or a negative errno.
pub type ControlEntry = unsafe extern "C" fn(context: *const c_void, command: u32, argument: u64) -> i64;

/// What a device does.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct DeviceTable {
    /// Bytes of this table.
    pub size: usize,
    /// read(2).
    pub read: TransferEntry,
    /// write(2).
    pub write: TransferEntry,
    /// ioctl(2).
    pub control: ControlEntry,
}

/// `lstar_add_call`'s flag: the number may belong to a call of the kernel's.
pub const REPLACE: u32 = 1;

/// An entry of the section `__versions`: which version of a symbol the module was built against.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Version {
    /// The version.
    pub version: u64,
    /// The name, NUL-padded.
    pub name: [u8; 56],
}
impl Version {
    const fn new((name, version): (&str, u32)) -> Self {
        let (text, mut padded, mut index) = (name.as_bytes(), [0; 56], 0);
        while index < text.len() {
            padded[index] = text[index];
            index += 1;
        }
        Version { version: version as u64, name: padded }
    }
}

/// The kernel's functions that a module may name, with their versions.
pub const EXPORTS: [(&str, u32); 12] = [
    ("lstar_log", 1),
    ("lstar_panic", 1),
    ("lstar_add_call", 1),
    ("lstar_call_original", 1),
    ("lstar_add_device", 1),
    ("lstar_transfer_remaining", 1),
    ("lstar_transfer_put", 1),
    ("lstar_transfer_take", 1),
    ("lstar_copy_to_user", 1),
    ("lstar_copy_from_user", 1),
    ("lstar_yield", 1),
    ("lstar_process_id", 1),
];
/// The same as the section `__versions` has them.
pub const VERSIONS: [Version; EXPORTS.len()] = {
    let mut versions = [Version::new(EXPORTS[0]); EXPORTS.len()];
    let mut index = 0;
    while index < EXPORTS.len() {
        versions[index] = Version::new(EXPORTS[index]);
        index += 1;
    }
    versions
};

/// The functions. Pointers with a length are valid for that many bytes (also if it is 0).
#[allow(missing_docs)]
pub mod function {
    use super::*;

    unsafe extern "C" {
        /// Adds a line to the kernel's log, at a level of syslog(2).
        pub fn lstar_log(level: u32, text: *const u8, length: usize);
        /// Ends the current task with a report; the kernel where others would suffer from that.
        pub fn lstar_panic(text: *const u8, length: usize) -> !;
        /// Makes `entry` serve a number of an ABI: one that no call has (EBUSY), or with [`REPLACE`] one that a call has.
        /// `module` is the caller's handle, `entry` in its text.
        pub fn lstar_add_call(
            module: *const c_void,
            abi: u32,
            number: u32,
            flags: u32,
            entry: CallEntry,
            context: *const c_void,
        ) -> i32;
        /// The result of the call that a module's replaces. `original` is of a frame whose call runs.
        pub fn lstar_call_original(original: *mut c_void) -> i64;
        /// Makes a character device with a node in /dev. `module` is the caller's handle, the functions are in its text.
        pub fn lstar_add_device(
            module: *const c_void,
            name: *const u8,
            length: usize,
            mode: u32,
            table: *const DeviceTable,
            context: *const c_void,
        ) -> i32;
        /// Bytes left in a transfer that runs.
        pub fn lstar_transfer_remaining(transfer: *mut c_void) -> usize;
        /// Moves bytes to the user; how many, or a negative errno.
        pub fn lstar_transfer_put(transfer: *mut c_void, from: *const u8, length: usize) -> i64;
        /// Moves bytes from the user; how many, or a negative errno.
        pub fn lstar_transfer_take(transfer: *mut c_void, into: *mut u8, length: usize) -> i64;
        /// Copies to the current task's memory; how many bytes could not be copied.
        pub fn lstar_copy_to_user(address: u64, from: *const u8, length: usize) -> usize;
        /// Copies from it.
        pub fn lstar_copy_from_user(into: *mut u8, address: u64, length: usize) -> usize;
        /// Lets other tasks run.
        pub fn lstar_yield();
        /// The current process's number as it sees itself.
        pub fn lstar_process_id() -> u32;
    }
}
