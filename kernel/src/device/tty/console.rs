//! The serial console as a terminal: /dev/console and /dev/ttyS0; and /dev/tty, every process's own terminal.
use super::{Kind, Tty};
use crate::device::{add_character_node, register_character};
use crate::error::*;
use crate::file::{DeviceNumber, FileOperations, Inode};
use crate::process::{Task, kernel_thread};
use crate::sync::{IrqLock, Once, rank};
use crate::wait::{Sleep, WaitQueue};
use alloc::boxed::Box;
use alloc::sync::Arc;

const SERIAL_MAJOR: u32 = 4;
const SERIAL_MINOR: u32 = 64;
const AUXILIARY_MAJOR: u32 = 5;
const OWN_TERMINAL_MINOR: u32 = 0;
const CONSOLE_MINOR: u32 = 1;

static CONSOLE: Once<Arc<Tty>> = Once::new();

/// Typed bytes on their way from the interrupt handler to the terminal.
struct Typed {
    bytes: [u8; 256],
    count: usize,
}
static TYPED: IrqLock<Typed> = IrqLock::new(rank::LEAF, Typed { bytes: [0; 256], count: 0 });
static TYPED_WAIT: WaitQueue = WaitQueue::new();

/// Registers the drivers, makes the nodes, and listens to the serial port.
pub fn initialize() -> Result<()> {
    let tty = Tty::new(Kind::Console, DeviceNumber::new(SERIAL_MAJOR, SERIAL_MINOR))?;
    let _ = CONSOLE.set(tty.clone());
    register_character(SERIAL_MAJOR, SERIAL_MINOR..SERIAL_MINOR + 1, "ttyS", open_serial)?;
    register_character(AUXILIARY_MAJOR, OWN_TERMINAL_MINOR..OWN_TERMINAL_MINOR + 1, "/dev/tty", open_own)?;
    register_character(AUXILIARY_MAJOR, CONSOLE_MINOR..CONSOLE_MINOR + 1, "/dev/console", open_console)?;
    add_character_node("ttyS0", 0o660, SERIAL_MAJOR, SERIAL_MINOR)?;
    add_character_node("tty", 0o666, AUXILIARY_MAJOR, OWN_TERMINAL_MINOR)?;
    add_character_node("console", 0o600, AUXILIARY_MAJOR, CONSOLE_MINOR)?;
    kernel_thread::spawn("console", move || serve(&tty))?.put_first();
    machine::console::on_input(typed);
    Ok(())
}

/// Interrupt context. What does not fit is lost, as on a real port.
fn typed(bytes: &[u8]) {
    {
        let mut typed = TYPED.lock();
        for byte in bytes {
            let count = typed.count;
            if let Some(place) = typed.bytes.get_mut(count) {
                *place = *byte;
                typed.count += 1;
            }
        }
    }
    TYPED_WAIT.wake_all();
}

fn serve(tty: &Tty) {
    loop {
        let taken = TYPED_WAIT.wait_until(Sleep::Idle, None, || {
            let mut typed = TYPED.lock();
            let count = core::mem::take(&mut typed.count);
            (count > 0).then(|| (typed.bytes, count))
        });
        if let Ok((bytes, count)) = taken {
            // A reader that does not keep up loses bytes.
            tty.receive(bytes.get(..count).unwrap_or_default());
        }
    }
}

fn open_serial(_node: &Arc<Inode>, flags: u32) -> Result<Box<dyn FileOperations>> {
    CONSOLE.get().ok_or(ENODEV)?.open(flags, true)
}
/// The console never becomes a controlling terminal by being opened.
fn open_console(_node: &Arc<Inode>, flags: u32) -> Result<Box<dyn FileOperations>> {
    CONSOLE.get().ok_or(ENODEV)?.open(flags, false)
}
fn open_own(_node: &Arc<Inode>, flags: u32) -> Result<Box<dyn FileOperations>> {
    super::job_control::terminal_of(Task::current()).ok_or(ENXIO)?.open(flags, false)
}
