//! What the example calls do (`syscall/table/example.rs` declares them, `docs/extending.md` explains them).
use crate::device::tty::terminal_of;
use crate::error::{EINTR, ENXIO, Result};
use crate::process::Task;
use crate::syscall::{UserBytes, UserSlice};

/// Bytes copied at once: what a kernel stack can well hold.
const PIECE: usize = 512;

/// foo(): the size of the caller's kernel stack.
pub fn foo(_: &Task) -> Result<usize> {
    Ok(machine::paging::KERNEL_STACK_SIZE)
}

/// testsyscall(): shows a line on the caller's controlling terminal; ENXIO without one.
pub fn testsyscall(task: &Task) -> Result<()> {
    let terminal = terminal_of(task).ok_or(ENXIO.because("no controlling terminal"))?;
    terminal.show(b"hello world\n").map(|_| ())
}

/// silly_copy(source, destination, length): copies from user memory to user memory, from the front, in pieces. EFAULT as soon
/// as a byte of either range cannot be used: what was copied before stays copied.
pub fn silly_copy(task: &Task, source: UserBytes, destination: UserBytes, length: usize) -> Result<usize> {
    let (mut from, mut to) = (UserSlice::new(source.0, length), UserSlice::new(destination.0, length));
    let mut piece = [0; PIECE];
    while from.length > 0 {
        let room = piece.get_mut(..from.length.min(PIECE)).unwrap_or_default();
        from.read(room)?;
        to.write(room)?;
        // However long it is, the caller can be killed.
        if task.fatal_signal_pending() {
            return Err(EINTR);
        }
    }
    Ok(length)
}
