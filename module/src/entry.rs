//! What `lstar module build` puts around a module's crate: the symbols the kernel looks for call these.
use crate::{Declaration, Errno, Kernel, Parameters};
use core::ffi::c_void;

/// Begins a module.
///
/// # Safety
/// The arguments are those of [`crate::interface::Init`], from the kernel.
pub unsafe fn init(module: &Declaration, handle: *const c_void, parameters: *const u8, length: usize) -> i32 {
    // SAFETY: the kernel's pointer is valid for the length.
    let parameters = unsafe { core::slice::from_raw_parts(parameters, length) };
    // SAFETY: the kernel's handle of this module.
    let kernel = unsafe { Kernel::new(handle) };
    let result = match core::str::from_utf8(parameters) {
        Ok(text) => (module.init)(&kernel, &Parameters::new(text)),
        Err(_) => Err(Errno::EINVAL),
    };
    result.map_or_else(|error| -i32::from(error.number()), |()| 0)
}

/// Ends a module.
///
/// # Safety
/// The argument is that of [`crate::interface::Exit`], from the kernel.
pub unsafe fn exit(module: &Declaration, handle: *const c_void) {
    // SAFETY: the kernel's handle of this module.
    (module.exit)(&unsafe { Kernel::new(handle) });
}

#[cfg(all(feature = "entry", target_os = "none"))]
#[panic_handler]
fn panic(information: &core::panic::PanicInfo) -> ! {
    let text = crate::kernel::Line::of(format_args!("in a module: {information}"));
    // SAFETY: the text is as long as it says.
    unsafe { crate::interface::function::lstar_panic(text.as_bytes().as_ptr(), text.as_bytes().len()) }
}
