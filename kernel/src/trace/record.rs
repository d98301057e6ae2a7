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
    /// It ends: the arguments that are known only now, the result's text.
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

/// Bytes of a header: what every record has, and what the end of a call has besides.
pub const HEADER: usize = 24;
const OUTCOME: usize = 16;

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
    /// Bytes of the header alone: where the texts begin.
    pub fn header_size(&self) -> usize {
        if self.kind == Kind::Exit { HEADER + OUTCOME } else { HEADER }
    }
    /// The header's bytes, and how many of them count. Every byte is copied several times until it is read, so there are few:
    /// a text has less than 64 KiB.
    pub fn encode(&self) -> ([u8; HEADER + OUTCOME], usize) {
        let first = u64::from(self.kind as u8) | u64::from(self.abi) << 8 | u64::from(self.flags) << 16;
        let [name, arguments, answer, reason] = self.lengths.map(|length| u64::from(length as u16));
        let words = [
            first | u64::from(self.thread) << 32,
            self.time,
            name | arguments << 16 | answer << 32 | reason << 48,
            self.duration,
            self.result as u64,
        ];
        let mut bytes = [0; HEADER + OUTCOME];
        bytes.copy_from_slice(words.map(u64::to_le_bytes).as_flattened());
        (bytes, self.header_size())
    }

    /// The header at the beginning of these bytes: `Ok(None)` if there are too few, `Err` if they hold something else.
    pub fn decode(bytes: &[u8]) -> Result<Option<Header>, NoRecord> {
        let long = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let [Some(first), Some(time), Some(lengths)] = [0, 8, 16].map(long) else { return Ok(None) };
        let [kind, abi, flags, 0, ..] = first.to_le_bytes() else { return Err(NoRecord) };
        let kinds = [Kind::Begin, Kind::Entry, Kind::Exit, Kind::Signal, Kind::End];
        let kind = kinds.into_iter().find(|known| *known as u8 == kind).ok_or(NoRecord)?;
        let (duration, result) = match (kind, long(HEADER), long(HEADER + 8)) {
            (Kind::Exit, Some(duration), Some(result)) => (duration, result as i64),
            (Kind::Exit, ..) => return Ok(None),
            _ => (0, 0),
        };
        let lengths = [0, 16, 32, 48].map(|shift| u32::from((lengths >> shift) as u16));
        Ok(Some(Header { kind, abi, flags, thread: (first >> 32) as u32, time, duration, result, lengths }))
    }

    /// Bytes of the whole record.
    pub fn size(&self) -> usize {
        self.lengths.iter().fold(self.header_size(), |sum, length| sum.saturating_add(*length as usize))
    }
}

/// The bytes are no record's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRecord;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive() {
        let exit = Header {
            kind: Kind::Exit,
            abi: 2,
            flags: INJECTED,
            thread: 7,
            time: u64::MAX,
            duration: 9,
            result: -2,
            lengths: [4, 0, 65_000, 0],
        };
        let entry = Header { kind: Kind::Entry, duration: 0, result: 0, ..exit };
        for (header, size) in [(exit, HEADER + OUTCOME), (entry, HEADER)] {
            let (bytes, used) = header.encode();
            assert_eq!(used, size);
            assert_eq!(Header::decode(&bytes[..used]), Ok(Some(header)));
            assert_eq!(Header::decode(&bytes[..used - 1]), Ok(None));
            assert_eq!(header.size(), used + 65_004);
        }
        assert_eq!(Header::decode(&[9; HEADER]), Err(NoRecord));
    }
}
