//! Echo: what the terminal shows of its input.
use crate::discipline::{ECHO_LIMIT, LineDiscipline, is_control};
use abi::termios::{Termios, local, output};

impl LineDiscipline {
    /// Echoes a byte; control characters as ^X with ECHOCTL.
    pub(crate) fn echo_byte(&mut self, termios: &Termios, byte: u8) {
        if termios.local & local::ECHOCTL != 0 && is_control(byte) && byte != b'\t' {
            self.push_echo(b'^');
            self.push_echo(byte ^ 0o100);
            self.column = self.column.wrapping_add(2);
        } else {
            self.echo_raw(termios, byte);
        }
    }
    /// Echoes a byte as output.
    pub(crate) fn echo_raw(&mut self, termios: &Termios, byte: u8) {
        if termios.output & output::OPOST == 0 {
            return self.push_echo(byte);
        }
        let mut bytes = [0; Self::LARGEST_OUTPUT];
        let mut count = 0;
        self.output_byte(termios, byte, &mut |byte| {
            if let Some(place) = bytes.get_mut(count) {
                *place = byte;
                count += 1;
            }
        });
        for byte in bytes.into_iter().take(count) {
            self.push_echo(byte);
        }
    }
    pub(crate) fn push_echo(&mut self, byte: u8) {
        if self.echo.len() < ECHO_LIMIT {
            self.echo.push_back(byte);
        }
    }
    /// Wipes a tab: back to the column before it.
    pub(crate) fn echo_erase_tab(&mut self, columns: u32, after_tab: bool) {
        let from = if after_tab { columns } else { columns.wrapping_add(self.canonical_column) };
        for _ in 0..8 - (from & 7) {
            self.push_echo(8);
            self.column = self.column.saturating_sub(1);
        }
    }
    pub(crate) fn finish_erasing(&mut self, termios: &Termios) {
        if self.erasing {
            self.echo_raw(termios, b'/');
            self.erasing = false;
        }
    }
    /// Echoed bytes that wait for the driver.
    pub fn echo_length(&self) -> usize {
        self.echo.len()
    }
    /// Hands echoed bytes to the driver, at most `most`, unless output is stopped.
    pub fn take_echo(&mut self, most: usize, mut put: impl FnMut(u8)) {
        if self.is_stopped() {
            return;
        }
        for byte in self.echo.drain(..most.min(self.echo.len())) {
            put(byte);
        }
    }
    /// Discards echo that was not shown yet.
    pub fn discard_echo(&mut self) {
        self.echo.clear();
    }
}
