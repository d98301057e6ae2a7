//! An example of a module: a call at a free number of each ABI, a call that is replaced, and a device.
#![no_std]
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU64, Ordering};
use lstar_module::{Abi, Call, Declaration, Device, Errno, Kernel, Level, Lock, Parameters, Transfer, user};

/// What `lstar module build` looks for.
pub const MODULE: Declaration = Declaration::new(init).with_exit(exit);

/// sysinfo(2) on x86-64, which is replaced to count its calls.
const SYSINFO: u32 = 99;

static FACTOR: AtomicU64 = AtomicU64::new(2);
static CALLS: AtomicU64 = AtomicU64::new(0);
static GREETING: Greeting = Greeting { text: Lock::new(Text { bytes: [0; 64], length: 0 }) };

fn init(kernel: &Kernel, parameters: &Parameters) -> Result<(), Errno> {
    if let Some(factor) = parameters.number("factor")? {
        FACTOR.store(factor as u64, Ordering::Relaxed);
    }
    GREETING.set(b"hello\n");
    kernel.add_call(Abi::X86_64, 1010, multiply)?;
    kernel.add_call(Abi::X32, 1010, multiply)?;
    kernel.add_call(Abi::I386, 223, multiply)?;
    kernel.add_call(Abi::X86_64, 1011, copy)?;
    kernel.replace_call(Abi::X86_64, SYSINFO, counted)?;
    kernel.add_device("greeting", 0o666, &GREETING)?;
    if parameters.flag("fail")? {
        return Err(Errno::ENODEV);
    }
    kernel.log(Level::Info, format_args!("greeting: ready, factor {}", FACTOR.load(Ordering::Relaxed)));
    Ok(())
}

fn exit(kernel: &Kernel) {
    kernel.log(Level::Info, format_args!("greeting: sysinfo was called {} times", CALLS.load(Ordering::Relaxed)));
}

/// multiply(x): x times the factor.
fn multiply(call: &Call) -> Result<u64, Errno> {
    call.argument(0)
        .checked_mul(FACTOR.load(Ordering::Relaxed))
        .filter(|product| *product < 1 << 31)
        .ok_or(Errno::ERANGE)
}

/// copy(to, from, length): at most 64 bytes; EFAULT for either pointer.
fn copy(call: &Call) -> Result<u64, Errno> {
    let mut bytes = [0; 64];
    let bytes =
        usize::try_from(call.argument(2)).ok().and_then(|length| bytes.get_mut(..length)).ok_or(Errno::EINVAL)?;
    user::copy_in(bytes, call.argument(1))?;
    user::copy_out(call.argument(0), bytes)?;
    Ok(bytes.len() as u64)
}

/// sysinfo(2), counted.
fn counted(call: &Call) -> Result<u64, Errno> {
    CALLS.fetch_add(1, Ordering::Relaxed);
    call.original()
}

struct Text {
    bytes: [u8; 64],
    length: usize,
}

/// /dev/greeting: what was written to it last can be read; commands tell and set the count of calls.
struct Greeting {
    text: Lock<Text>,
}

impl Greeting {
    fn set(&self, bytes: &[u8]) {
        let mut text = self.text.lock();
        text.length = bytes.len().min(text.bytes.len());
        text.bytes.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    }
}

impl Device for Greeting {
    fn read(&self, to: &mut Transfer, position: u64) -> Result<usize, Errno> {
        let text = self.text.lock();
        let rest = usize::try_from(position).ok().and_then(|position| text.bytes.get(position..text.length));
        to.put(rest.unwrap_or_default())
    }
    fn write(&self, from: &mut Transfer, _position: u64) -> Result<usize, Errno> {
        let mut bytes = [0; 64];
        let count = from.take(&mut bytes)?;
        self.set(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }
    fn control(&self, command: u32, argument: u64) -> Result<u64, Errno> {
        match command {
            // How often sysinfo was called, as an unsigned 64-bit number.
            1 => user::copy_out(argument, &CALLS.load(Ordering::Relaxed).to_ne_bytes()).map(|()| 0),
            2 => Ok(CALLS.swap(argument, Ordering::Relaxed)),
            _ => Err(Errno::ENOTTY),
        }
    }
}
