//! The records that the trace device gives: a header and four texts.
//!
//! Both sides compile this file: the kernel writes records, the command on the host reads them.

/// What a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A thread is traced from now on.
    Begin = 1,
    /// A call begins: its name, and the arguments that are known then.
    Entry = 2,
    /// It ends: its name, the arguments that are known only now, the result's text.
    Exit = 3,
    /// A signal is delivered: its text.
    Signal = 4,
    /// A thread has ended: how.
    End = 5,
}

/// The result was made up by a rule.
pub const INJECTED: u8 = 1;
/// A rule made the call wait.
pub const DELAYED: u8 = 2;
/// Some arguments are yet to come.
pub const MORE_ARGUMENTS: u8 = 4;

/// Bytes of a header.
pub const HEADER: usize = 48;

/// A header. Numbers are little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it tells.
    pub kind: Kind,
    /// Index of the ABI (x86-64, x32, i386).
    pub abi: u8,
    /// [`INJECTED`] and the like.
    pub flags: u8,
    /// The thread.
    pub thread: u32,
    /// Nanoseconds of the wall clock.
    pub time: u64,
    /// Nanoseconds the call took (exit).
    pub duration: u64,
    /// The result register (exit).
    pub result: i64,
    /// Bytes of the four texts: name, arguments, result, and why it is an error.
    pub lengths: [u32; 4],
}

impl Header {
    /// The header's bytes.
    pub fn encode(&self) -> [u8; HEADER] {
        let [name, arguments, answer, reason] = self.lengths.map(u64::from);
        let first = u64::from(self.kind as u8) | u64::from(self.abi) << 8 | u64::from(self.flags) << 16;
        let words = [
            first | u64::from(self.thread) << 32,
            self.time,
            self.duration,
            self.result as u64,
            name | arguments << 32,
            answer | reason << 32,
        ];
        let mut bytes = [0; HEADER];
        bytes.copy_from_slice(words.map(u64::to_le_bytes).as_flattened());
        bytes
    }

    /// The header in these bytes, unless they hold something else.
    pub fn decode(bytes: &[u8; HEADER]) -> Option<Header> {
        let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let long = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let [kind, abi, flags, 0, ..] = *bytes else { return None };
        let kinds = [Kind::Begin, Kind::Entry, Kind::Exit, Kind::Signal, Kind::End];
        Some(Header {
            kind: kinds.into_iter().find(|known| *known as u8 == kind)?,
            abi,
            flags,
            thread: word(4)?,
            time: long(8)?,
            duration: long(16)?,
            result: long(24)? as i64,
            lengths: [word(32)?, word(36)?, word(40)?, word(44)?],
        })
    }

    /// Bytes of the whole record.
    pub fn size(&self) -> usize {
        self.lengths.iter().fold(HEADER, |sum, length| sum.saturating_add(*length as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive() {
        let header = Header {
            kind: Kind::Exit,
            abi: 2,
            flags: INJECTED,
            thread: 7,
            time: u64::MAX,
            duration: 9,
            result: -2,
            lengths: [4, 0, 70_000, 0],
        };
        assert_eq!(Header::decode(&header.encode()), Some(header));
        assert_eq!(header.size(), HEADER + 70_004);
        assert_eq!(Header::decode(&[9; HEADER]), None);
    }
}
