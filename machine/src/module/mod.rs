//! Loadable modules: their memory, the way into their functions, and what they may call.
//!
//! A module is code of the kernel: whoever may load one (CAP_SYS_MODULE, a signature where they are demanded) vouches for it,
//! and no check here makes wrong code right. What this keeps is that the kernel's side cannot go wrong: memory is mapped for
//! writing or for executing, never both; only addresses in a module's text are called; and who can call into a module
//! ([`Call`], [`Device`]) holds its memory, so that it is not unmapped under a call, whatever the kernel above does.
mod exports;
pub(crate) mod fault;
mod table;

pub use exports::{Export, Services, export, exports, provide};
pub use fault::Abandoned;
pub use table::CallTable;

use crate::OutOfMemory;
use crate::memory::PAGE_SIZE;
use crate::paging::{ModulePages, Use};
use abi::Abi;
use alloc::sync::Arc;
use core::ffi::c_void;
use core::ops::Range;
use module::interface;

/// The memory of a module: text, constants, data, in this order.
pub struct Memory {
    pages: ModulePages,
    offsets: [usize; 3],
    /// The addresses of what is executed.
    text: Range<u64>,
}

impl Memory {
    /// Reserves addresses for parts of these sizes.
    pub fn reserve(sizes: [usize; 3]) -> Result<Self, OutOfMemory> {
        let mut offsets = [0; 3];
        let mut end = 0usize;
        for (offset, size) in offsets.iter_mut().zip(sizes) {
            *offset = end;
            let pages = size.checked_next_multiple_of(PAGE_SIZE).ok_or(OutOfMemory)?;
            end = end.checked_add(pages).ok_or(OutOfMemory)?;
        }
        let pages = ModulePages::reserve(end)?;
        Ok(Memory { text: pages.base()..pages.base(), pages, offsets })
    }
    /// Where the parts are.
    pub fn bases(&self) -> [u64; 3] {
        self.offsets.map(|offset| self.pages.base() + offset as u64)
    }
    /// Bytes in all.
    pub fn size(&self) -> usize {
        self.pages.length()
    }
    /// Maps the parts with their content: the first may be executed, the second read, the third written. Once.
    pub fn fill(&mut self, parts: [&[u8]; 3]) -> Result<(), OutOfMemory> {
        for ((part, offset), what) in parts.iter().zip(self.offsets).zip([Use::Execute, Use::Read, Use::Write]) {
            self.pages.map(offset, part, what)?;
        }
        let [text, _, _] = parts;
        self.text.end = self.text.start + text.len() as u64;
        Ok(())
    }
    /// Whether an address is in the text.
    pub fn has_code(&self, address: u64) -> bool {
        self.text.contains(&address)
    }
    /// Calls the module's first function, which gets the parameters: 0, or a negative errno. -ENOEXEC if the address is not in
    /// the text.
    pub fn start(self: &Arc<Self>, address: u64, parameters: &[u8]) -> i32 {
        if !self.has_code(address) {
            return -i32::from(abi::Errno::ENOEXEC.number());
        }
        // SAFETY: the address is in the module's text, where its symbol for this function is.
        let init = unsafe { core::mem::transmute::<*const (), interface::Init>(code(address)) };
        // SAFETY: the parameters are as long as they say; the handle stays for as long as the module can use it.
        unsafe { init(self.handle(), parameters.as_ptr(), parameters.len()) }
    }
    /// Calls the module's last function, if the address is in the text.
    pub fn stop(self: &Arc<Self>, address: u64) {
        if self.has_code(address) {
            // SAFETY: as in `start`.
            let exit = unsafe { core::mem::transmute::<*const (), interface::Exit>(code(address)) };
            // SAFETY: as in `start`.
            unsafe { exit(self.handle()) }
        }
    }
    /// What the module says when it calls the kernel.
    fn handle(self: &Arc<Self>) -> *const c_void {
        Arc::as_ptr(self).cast()
    }
    /// The memory behind a handle.
    ///
    /// # Safety
    /// The handle is of a module that is loaded.
    unsafe fn of_handle(handle: *const c_void) -> Arc<Memory> {
        let memory = handle.cast::<Memory>();
        // SAFETY: from `Arc::as_ptr` of a value that the kernel still holds.
        unsafe {
            Arc::increment_strong_count(memory);
            Arc::from_raw(memory)
        }
    }
}

/// A pointer to code.
fn code(address: u64) -> *const () {
    core::ptr::with_exposed_provenance(address as usize)
}

/// A function of a module that serves a system call.
pub struct Call {
    entry: interface::CallEntry,
    context: *const c_void,
    _memory: Arc<Memory>,
}
// SAFETY: the context is the module's, whose functions any task may call.
unsafe impl Send for Call {}
// SAFETY: the same.
unsafe impl Sync for Call {}

impl Call {
    /// Serves a call. `original` makes the one that this replaces. The value of the result register.
    pub fn run(&self, abi: Abi, number: u32, arguments: [u64; 6], original: &mut dyn FnMut() -> i64) -> i64 {
        let mut original: &mut dyn FnMut() -> i64 = original;
        let frame =
            interface::CallFrame { arguments, abi: abi as u32, number, original: (&raw mut original).cast::<c_void>() };
        // SAFETY: an entry is in the text of the memory that is held; its context was given with it; the frame stays meanwhile.
        unsafe { (self.entry)(self.context, &frame) }
    }
}

/// A user's buffer, as a device's functions use it.
pub trait Transfer {
    /// Bytes left.
    fn remaining(&self) -> usize;
    /// Moves bytes to the user; how many, or a negative errno.
    fn put(&mut self, from: &[u8]) -> i64;
    /// Moves bytes from the user; how many, or a negative errno.
    fn take(&mut self, into: &mut [u8]) -> i64;
}

/// A device of a module.
pub struct Device {
    table: interface::DeviceTable,
    context: *const c_void,
    _memory: Arc<Memory>,
}
// SAFETY: the context is the module's, whose functions any task may call.
unsafe impl Send for Device {}
// SAFETY: the same.
unsafe impl Sync for Device {}

impl Device {
    /// read(2) at a position: bytes moved or a negative errno.
    pub fn read(&self, to: &mut dyn Transfer, position: u64) -> i64 {
        self.transfer(self.table.read, to, position)
    }
    /// write(2) at a position: bytes moved or a negative errno.
    pub fn write(&self, from: &mut dyn Transfer, position: u64) -> i64 {
        self.transfer(self.table.write, from, position)
    }
    fn transfer(&self, entry: interface::TransferEntry, transfer: &mut dyn Transfer, position: u64) -> i64 {
        let mut transfer: &mut dyn Transfer = transfer;
        // SAFETY: an entry is in the text of the memory that is held; its context was given with it; the transfer stays meanwhile.
        unsafe { entry(self.context, (&raw mut transfer).cast::<c_void>(), position) }
    }
    /// ioctl(2): the result, or a negative errno.
    pub fn control(&self, command: u32, argument: u64) -> i64 {
        // SAFETY: as in `transfer`.
        unsafe { (self.table.control)(self.context, command, argument) }
    }
}
