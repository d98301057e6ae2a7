//! Runs Linux programs in a small virtual machine: the command `lstar` and, for tests and tools, the parts it is
//! made of.
//!
//! [`session::run`] boots a [`vm::Machine`] with a command and carries its streams; everything else serves it. A
//! program that uses it calls [`shim::enter_if_asked`] first.
#![forbid(unsafe_code)]

pub mod artifacts;
pub mod bench;
pub mod command_line;
pub mod console;
pub mod cpio;
pub mod debian;
pub mod escape;
pub mod initramfs;
pub mod linux;
pub mod module;
pub mod plugin;
pub mod profile;
pub mod progress;
pub mod qemu;
pub mod roots;
pub mod run;
pub mod session;
pub mod shim;
pub mod syscalls;
pub mod system_map;
pub mod terminal;
pub mod trace;
pub mod vm;

pub use agent::config::{Config, WindowSize};
pub use agent::frame::Status;
