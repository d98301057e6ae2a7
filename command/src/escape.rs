//! Keeps what a guest writes from acting on the host's terminal, and finds the keys that end a session.

use std::io::{Result, Write};

/// Passes text on with its control characters made visible, for a terminal that is not the guest's own.
///
/// Line feed, tab and carriage return pass; the rest of C0, DEL and the C1 controls (also as UTF-8) become `\x1b` and
/// the like. `carriage_returns` adds one before each line feed, for a terminal in raw mode.
pub struct EscapingWriter<W> {
    sink: W,
    carriage_returns: bool,
    /// The last byte was 0xc2, which starts the UTF-8 form of a C1 control.
    held: bool,
}

impl<W: Write> EscapingWriter<W> {
    pub fn new(sink: W, carriage_returns: bool) -> Self {
        Self { sink, carriage_returns, held: false }
    }
}

impl<W: Write> Write for EscapingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut text = Vec::with_capacity(bytes.len() + 16);
        for &byte in bytes {
            if std::mem::take(&mut self.held) {
                if (0x80..0xa0).contains(&byte) {
                    text.extend_from_slice(format!("\\u{{{byte:x}}}").as_bytes());
                    continue;
                }
                text.push(0xc2);
            }
            match byte {
                b'\n' if self.carriage_returns => text.extend_from_slice(b"\r\n"),
                b'\n' | b'\t' | b'\r' => text.push(byte),
                0..0x20 | 0x7f => text.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
                0xc2 => self.held = true,
                _ => text.push(byte),
            }
        }
        self.sink.write_all(&text)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        if std::mem::take(&mut self.held) {
            self.sink.write_all(&[0xc2])?;
        }
        self.sink.flush()
    }
}

/// Ctrl-A, the first key of the sequence.
const ESCAPE: u8 = 1;

/// Finds Ctrl-A x, which ends the machine, among the keys typed; Ctrl-A Ctrl-A and Ctrl-A a pass one Ctrl-A on.
#[derive(Debug, Default)]
pub struct KeyFilter {
    escaped: bool,
}

impl KeyFilter {
    /// Replaces `keys` by what is for the guest; true if the machine is to end.
    pub fn filter(&mut self, keys: &mut Vec<u8>) -> bool {
        let mut end = false;
        let mut passed = Vec::with_capacity(keys.len());
        for &key in keys.iter() {
            match (std::mem::take(&mut self.escaped), key) {
                (false, ESCAPE) => self.escaped = true,
                (true, b'x' | b'X') => {
                    end = true;
                    break;
                }
                (true, b'a' | ESCAPE) => passed.push(ESCAPE),
                (true, key) => passed.extend_from_slice(&[ESCAPE, key]),
                (false, key) => passed.push(key),
            }
        }
        *keys = passed;
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(parts: &[&[u8]], carriage_returns: bool) -> Vec<u8> {
        let mut text = Vec::new();
        let mut writer = EscapingWriter::new(&mut text, carriage_returns);
        for part in parts {
            writer.write_all(part).expect("memory takes it");
        }
        writer.flush().expect("memory takes it");
        text
    }

    #[test]
    fn control_characters_become_visible() {
        assert_eq!(escaped(&[b"a\x1b[31mb\x07\x7f\n\tc\r\n"], false), b"a\\x1b[31mb\\x07\\x7f\n\tc\r\n");
        assert_eq!(escaped(&[b"a\nb"], true), b"a\r\nb");
    }

    #[test]
    fn c1_controls_are_caught_across_writes_and_other_text_passes() {
        assert_eq!(escaped(&[b"\xc2", b"\x9b31m"], false), b"\\u{9b}31m");
        let text = "Größe, ©, 漢字";
        for cut in 0..text.len() {
            let (a, b) = text.as_bytes().split_at(cut);
            assert_eq!(escaped(&[a, b], false), text.as_bytes());
        }
    }

    #[test]
    fn the_escape_sequence_ends_the_machine_and_nothing_else_does() {
        let mut filter = KeyFilter::default();
        let mut keys = b"ls\x01".to_vec();
        assert!(!filter.filter(&mut keys));
        assert_eq!(keys, b"ls");
        let mut keys = b"xrest".to_vec();
        assert!(filter.filter(&mut keys));
        assert_eq!(keys, b"");

        let mut keys = b"\x01a\x01\x01\x01bx".to_vec();
        assert!(!KeyFilter::default().filter(&mut keys));
        assert_eq!(keys, b"\x01\x01\x01bx");
    }
}
