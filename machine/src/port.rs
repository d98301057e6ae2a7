//! I/O ports for programs that have been given them (ioperm(2), iopl(2)).
use crate::instructions::{in8, in16, in32, out8, out16, out32};

/// Bytes that one access moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    /// One.
    Byte,
    /// Two.
    Word,
    /// Four.
    Double,
}

impl Width {
    /// As a number.
    pub fn bytes(self) -> u32 {
        match self {
            Width::Byte => 1,
            Width::Word => 2,
            Width::Double => 4,
        }
    }
}

/// A program reads a port. The caller has checked that it may.
pub fn read(port: u16, width: Width) -> u32 {
    match width {
        Width::Byte => in8(port).into(),
        Width::Word => in16(port).into(),
        Width::Double => in32(port),
    }
}

/// A program writes a port. The caller has checked that it may: only CAP_SYS_RAWIO gives ports away, and with it goes the power to
/// have devices change any memory, as on every system that has such calls.
pub fn write(port: u16, width: Width, value: u32) {
    // SAFETY: who was given the port answers for what the device does.
    unsafe {
        match width {
            Width::Byte => out8(port, value as u8),
            Width::Word => out16(port, value as u16),
            Width::Double => out32(port, value),
        }
    }
}
