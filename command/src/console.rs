//! The kernel's console: what it said is kept, and shown when it panics.

use crate::escape::EscapingWriter;
use std::io::Write;
use std::path::Path;

/// Bytes kept; the oldest go first.
const KEPT: usize = 1 << 20;
/// Lines shown of a console without a panic's message.
const LAST_LINES: usize = 40;

/// The latest of what a kernel wrote on its serial port.
#[derive(Clone, Debug, Default)]
pub struct Log {
    bytes: Vec<u8>,
}

impl Log {
    /// Adds what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > 2 * KEPT {
            self.bytes.drain(..self.bytes.len() - KEPT);
        }
    }

    /// Everything kept.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether a kernel (Lstar or Linux) announced its panic here.
    pub fn has_panic(&self) -> bool {
        String::from_utf8_lossy(&self.bytes).lines().any(is_panic)
    }

    /// The panic's message with all that follows, or the last lines; control characters made visible, and Lstar's
    /// return addresses with the functions and source lines of `image`.
    pub fn last_words(&self, image: &Path) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let lines: Vec<&str> = text.lines().collect();
        let first = lines.iter().position(|line| is_panic(line));
        let first = first.unwrap_or(lines.len().saturating_sub(LAST_LINES));
        let mut symbols = None;
        let mut words = Vec::new();
        let mut writer = EscapingWriter::new(&mut words, false);
        for line in lines.get(first..).unwrap_or_default() {
            // A vector takes everything.
            let _ = writeln!(writer, "{}", line.trim_end());
            if let Some(address) = return_address(line) {
                let symbols = symbols.get_or_insert_with(|| addr2line::Loader::new(image).ok());
                for place in symbols.iter().flat_map(|symbols| places(symbols, address)) {
                    let _ = writeln!(writer, "      {place}");
                }
            }
        }
        let _ = writer.flush();
        String::from_utf8_lossy(&words).into_owned()
    }
}

fn is_panic(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.contains("kernel panic")
}

/// The address in a line of a back trace, `  at 0x...`.
fn return_address(line: &str) -> Option<u64> {
    let digits = line.trim().strip_prefix("at 0x")?;
    let end = digits.find(|character: char| !character.is_ascii_hexdigit()).unwrap_or(digits.len());
    u64::from_str_radix(&digits[..end], 16).ok()
}

/// The functions and lines at a return address, the innermost first.
fn places(symbols: &addr2line::Loader, address: u64) -> Vec<String> {
    // A call's return address may already belong to the next line.
    let address = address.saturating_sub(1);
    let mut places = Vec::new();
    if let Ok(mut frames) = symbols.find_frames(address) {
        while let Ok(Some(frame)) = frames.next() {
            let function = frame.function.as_ref().and_then(|name| name.demangle().ok());
            let place = frame.location.and_then(|location| Some(format!(" ({}:{})", location.file?, location.line?)));
            places.push(format!("{}{}", function.as_deref().unwrap_or("?"), place.unwrap_or_default()));
        }
    }
    if places.is_empty() {
        places.extend(symbols.find_symbol(address).map(str::to_string));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_shown_from_its_message_on() {
        let mut log = Log::default();
        log.push(b"booting\r\nready\r\n");
        assert!(!log.has_panic());
        log.push(b"kernel panic: out of \x1b[31mideas\r\n  at 0x10\r\n");
        assert!(log.has_panic());
        let words = log.last_words(Path::new("/nonexistent"));
        assert_eq!(words, "kernel panic: out of \\x1b[31mideas\n  at 0x10\n");
    }

    #[test]
    fn only_back_trace_lines_have_addresses() {
        assert_eq!(return_address("  at 0xffffffff80001000"), Some(0xffff_ffff_8000_1000));
        assert_eq!(return_address("  at 0x1f main"), Some(0x1f));
        assert_eq!(return_address("rip 0x10"), None);
    }

    #[test]
    fn the_log_is_bounded() {
        let mut log = Log::default();
        for _ in 0..40 {
            log.push(&vec![b'x'; 100_000]);
        }
        assert!(log.bytes().len() <= 2 * KEPT + 100_000);
    }
}
