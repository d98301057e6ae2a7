//! The module NAME: a system call and a device.
#![no_std]
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU64, Ordering};
use lstar_module::{Abi, Call, Declaration, Device, Errno, Kernel, Level, Parameters, Transfer};

/// What the kernel calls.
pub const MODULE: Declaration = Declaration::new(init).with_exit(exit);

static FACTOR: AtomicU64 = AtomicU64::new(2);

fn init(kernel: &Kernel, parameters: &Parameters) -> Result<(), Errno> {
    if let Some(factor) = parameters.number("factor")? {
        FACTOR.store(factor as u64, Ordering::Relaxed);
    }
    kernel.add_call(Abi::X86_64, 1010, multiply)?;
    kernel.add_device("NAME", 0o444, &Greeting)?;
    kernel.log(Level::Info, format_args!("NAME: hello"));
    Ok(())
}

fn exit(kernel: &Kernel) {
    kernel.log(Level::Info, format_args!("NAME: goodbye"));
}

/// multiply(x): x times the factor. From C: syscall(1010, x).
fn multiply(call: &Call) -> Result<u64, Errno> {
    call.argument(0).checked_mul(FACTOR.load(Ordering::Relaxed)).ok_or(Errno::ERANGE)
}

/// /dev/NAME: a line of text.
struct Greeting;

impl Device for Greeting {
    fn read(&self, to: &mut Transfer, position: u64) -> Result<usize, Errno> {
        let text = b"hello from NAME\n";
        to.put(usize::try_from(position).ok().and_then(|position| text.get(position..)).unwrap_or_default())
    }
}
