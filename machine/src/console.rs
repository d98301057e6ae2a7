//! The serial port as the kernel's own console: log output and panic reports.
use crate::cpu::{interrupts_disable, interrupts_enable};
use crate::instructions::{in8, out8};
use crate::interrupt::{Line, register};
use crate::sync::Once;
use alloc::boxed::Box;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The first serial port, a 16550.
const PORT: u16 = 0x3f8;
const LINE_STATUS: u16 = PORT + 5;
const STATUS_DATA: u8 = 1;
const STATUS_ROOM: u8 = 1 << 5;

static BUSY: AtomicBool = AtomicBool::new(false);
/// Number of the panicking CPU plus one: it writes without waiting for the lock.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// Sets the port up: 8 bits, no parity, FIFO on, no interrupts.
pub(crate) fn initialize() {
    // SAFETY: the serial port changes no memory.
    unsafe {
        out8(PORT + 1, 0);
        out8(PORT + 3, 0x80);
        out8(PORT, 1);
        out8(PORT + 1, 0);
        out8(PORT + 3, 3);
        out8(PORT + 2, 7);
        out8(PORT + 4, 0xb);
    }
}

/// From now on only this CPU writes, and without waiting for others: they are stopped, perhaps in the middle of a line.
pub(crate) fn seize() {
    OWNER.store(crate::cpu::current_cpu().0 + 1, Ordering::SeqCst);
}

/// Others may write again.
pub(crate) fn release() {
    OWNER.store(0, Ordering::SeqCst);
}

/// Bytes the port takes at once when its status says that there is room.
const FIFO: usize = 16;

fn send(bytes: &[u8]) {
    for chunk in bytes.chunks(FIFO) {
        // A port that is not there reads as all ones: ready. One that never gets ready is given up on.
        let mut patience = 100_000;
        while in8(LINE_STATUS) & STATUS_ROOM == 0 && patience > 0 {
            patience -= 1;
            core::hint::spin_loop();
        }
        for &byte in chunk {
            // SAFETY: the serial port changes no memory.
            unsafe { out8(PORT, byte) };
        }
    }
}

/// Runs `body` with the port to itself.
fn with_port(body: impl FnOnce()) {
    let me = crate::cpu::current_cpu().0 + 1;
    match OWNER.load(Ordering::SeqCst) {
        0 => (),
        owner if owner == me => return body(),
        _ => return,
    }
    interrupts_disable();
    while BUSY.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
        crate::interrupt::serve_flush();
        core::hint::spin_loop();
    }
    body();
    BUSY.store(false, Ordering::Release);
    interrupts_enable();
}

fn send_all(bytes: &[u8]) {
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                send(line);
                send(b"\r\n");
            }
            None => send(line),
        }
    }
}

/// Writes to the serial port. Safe at any time, from any context; whole calls do not interleave.
pub fn write(bytes: &[u8]) {
    with_port(|| send_all(bytes));
}

struct Sink;
impl Write for Sink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        send_all(text.as_bytes());
        Ok(())
    }
}

/// Formats to the serial port without allocating.
pub fn print(arguments: fmt::Arguments) {
    with_port(|| {
        let _ = Sink.write_fmt(arguments);
    });
}

static INPUT: Once<fn(&[u8])> = Once::new();

/// Registers what to do with bytes typed on the serial port (interrupt context).
pub fn on_input(handler: fn(&[u8])) {
    if INPUT.set(handler).is_err() {
        return;
    }
    register(Line { gsi: crate::firmware::isa_line(4).gsi, level: false, active_low: false }, Box::new(take_input));
    // SAFETY: the serial port changes no memory; the receive interrupt has its handler now.
    unsafe { out8(PORT + 1, 1) };
}

fn take_input() {
    let mut bytes = [0; 16];
    let mut length = 0;
    while let Some(place) = bytes.get_mut(length) {
        if in8(LINE_STATUS) & STATUS_DATA == 0 {
            break;
        }
        *place = in8(PORT);
        length += 1;
    }
    if let (Some(handler), Some(bytes)) = (INPUT.get(), bytes.get(..length)) {
        handler(bytes);
    }
}
