//! The kernel, as a module sees it.
use crate::device::{self, Device};
use crate::interface::{REPLACE, function};
use crate::{Abi, CallFunction, Errno, call, result};
use core::ffi::c_void;
use core::fmt::{self, Write};

/// Severity, as in syslog(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Level {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Info,
    Debug,
}

/// The kernel. What is added through it is taken back when the module is unloaded, or if its `init` fails.
pub struct Kernel {
    module: *const c_void,
}

impl Kernel {
    /// # Safety
    /// `module` is the kernel's handle of this module.
    pub(crate) unsafe fn new(module: *const c_void) -> Self {
        Kernel { module }
    }
    /// Adds a line to the log that dmesg(1) shows; what exceeds 255 bytes is cut.
    pub fn log(&self, level: Level, text: fmt::Arguments) {
        let line = Line::of(text);
        // SAFETY: the text is as long as it says.
        unsafe { function::lstar_log(level as u32, line.as_bytes().as_ptr(), line.as_bytes().len()) };
    }
    /// Makes a function serve a number that no call has: from 1000 on of x86-64 and x32, or one that i386 leaves free, such as 223.
    /// EINVAL for other numbers, EBUSY if it has a call.
    pub fn add_call(&self, abi: Abi, number: u32, call: CallFunction) -> Result<(), Errno> {
        self.set_call(abi, number, 0, call)
    }
    /// The same for a number that a call has, which [`crate::Call::original`] makes. EINVAL if it has none, EBUSY if another
    /// module replaces it.
    pub fn replace_call(&self, abi: Abi, number: u32, call: CallFunction) -> Result<(), Errno> {
        self.set_call(abi, number, REPLACE, call)
    }
    fn set_call(&self, abi: Abi, number: u32, flags: u32, function: CallFunction) -> Result<(), Errno> {
        let context = function as *const c_void;
        // SAFETY: the handle is this module's; `call::entry` takes the function as its context.
        let value = unsafe { function::lstar_add_call(self.module, abi as u32, number, flags, call::entry, context) };
        result(value.into()).map(|_| ())
    }
    /// Makes a character device and its node /dev/NAME with these permissions, owned by root. EEXIST if there is such a node.
    pub fn add_device<D: Device>(&self, name: &str, permissions: u32, device: &'static D) -> Result<(), Errno> {
        let (table, context) = device::table(device);
        // SAFETY: the handle is this module's; the name is as long as it says; the functions take the device as their context.
        let value =
            unsafe { function::lstar_add_device(self.module, name.as_ptr(), name.len(), permissions, &table, context) };
        result(value.into()).map(|_| ())
    }
    /// The number of the current process, as it sees itself.
    pub fn process_id(&self) -> u32 {
        // SAFETY: no precondition.
        unsafe { function::lstar_process_id() }
    }
}

/// A line of text; what does not fit is cut.
pub(crate) struct Line {
    bytes: [u8; 255],
    length: usize,
}
impl Line {
    pub(crate) fn of(text: fmt::Arguments) -> Self {
        let mut line = Line { bytes: [0; 255], length: 0 };
        // Cutting is no error.
        let _ = line.write_fmt(text);
        line
    }
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        let count = room.len().min(text.len());
        room.iter_mut().zip(text.as_bytes()).for_each(|(to, from)| *to = *from);
        self.length += count;
        Ok(())
    }
}
