//! Hello from Rust by one write(2), and a wrong pointer that the kernel refuses.
use lstar_user::{number, result, syscall3};

/// write(2): 1, and 4 on i386.
const WRITE: lstar_user::Word = number(if cfg!(target_arch = "x86") { 4 } else { 1 });
const EFAULT: u16 = 14;

fn main() {
    let message = b"hello world\n";
    let (address, length) = (message.as_ptr() as usize as lstar_user::Word, message.len() as lstar_user::Word);
    // SAFETY: the kernel reads the message, which is there.
    let written = result(unsafe { syscall3(WRITE, 1, address, length) });
    assert_eq!(written, Ok(message.len()));
    // SAFETY: the kernel reads from an address where nothing is, and says so.
    let refused = result(unsafe { syscall3(WRITE, 1, 8, length) });
    assert_eq!(refused, Err(EFAULT));
}
