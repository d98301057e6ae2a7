//! What a loadable module of the Lstar kernel is written against.
//!
//! A module is a library crate with one constant:
//!
//! ```ignore
//! #![no_std]
//! #![forbid(unsafe_code)]
//! use lstar_module::{Abi, Call, Declaration, Errno, Kernel, Level, Parameters};
//!
//! pub const MODULE: Declaration = Declaration::new(init).with_exit(exit);
//!
//! fn init(kernel: &Kernel, _: &Parameters) -> Result<(), Errno> {
//!     kernel.log(Level::Info, format_args!("hello"));
//!     kernel.add_call(Abi::X86_64, 1010, double)
//! }
//! fn double(call: &Call) -> Result<u64, Errno> {
//!     Ok(call.argument(0).wrapping_mul(2))
//! }
//! fn exit(kernel: &Kernel) {
//!     kernel.log(Level::Info, format_args!("goodbye"));
//! }
//! ```
//!
//! `lstar module build` makes an object of it that insmod(8) takes. The kernel takes back by itself what a module added; no
//! function of a module runs once it is unloaded. Name, version, licence, dependencies and parameters are in its Cargo.toml.
//!
//! Kernel and module may come of different compilers: what passes between them has the C layouts of [`interface`]. That and
//! calling through it is the only unsafe code here, beside the machine crate the only such code in the kernel's address space.
#![no_std]
#![deny(missing_docs)]

mod call;
mod device;
pub mod entry;
pub mod interface;
mod kernel;
mod lock;
mod parameters;
pub mod user;

pub use abi::{Abi, Errno};
pub use call::{Call, CallFunction};
pub use device::{Device, Transfer};
pub use kernel::{Kernel, Level};
pub use lock::{Lock, LockGuard};
pub use parameters::{Parameters, WrongParameter};

/// A module, as the constant `MODULE` of its crate declares it.
#[derive(Clone, Copy)]
pub struct Declaration {
    init: fn(&Kernel, &Parameters) -> Result<(), Errno>,
    exit: fn(&Kernel),
}

impl Declaration {
    /// A module that begins with `init`. If that fails, what it added is taken back and insmod(8) sees the error.
    pub const fn new(init: fn(&Kernel, &Parameters) -> Result<(), Errno>) -> Self {
        Declaration { init, exit: |_| {} }
    }
    /// The same with `exit` called before it is unloaded, when nobody is or comes into its calls and devices any more.
    pub const fn with_exit(self, exit: fn(&Kernel)) -> Self {
        Declaration { exit, ..self }
    }
}

/// The value of a result as the interface has it: negative for an error.
fn answer(result: Result<u64, Errno>) -> i64 {
    match result {
        Ok(value) => value as i64,
        Err(error) => -i64::from(error.number()),
    }
}
/// A result of the interface.
fn result(value: i64) -> Result<u64, Errno> {
    match u64::try_from(value) {
        Ok(value) => Ok(value),
        Err(_) => Err(u16::try_from(-value).ok().and_then(Errno::from_number).unwrap_or(Errno::EINVAL)),
    }
}
