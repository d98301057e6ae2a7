//! The records that the trace device gives: a header and three texts.
//!
//! Both sides compile this file: the kernel writes records, the command on the host reads them.

/// What a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A thread is traced from now on.
    Begin = 1,
    /// A call begins: its number, and the arguments that are known then.
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
/// A flag: the number is x86-64's, of the call that i386's socketcall(2) or ipc(2) carries.
pub const CARRIED: u8 = 8;
/// A flag: of sendto(2) or recvfrom(2) without the last two arguments, which is send(2) or recv(2).
pub const SHORT: u8 = 16;

/// Bytes of a header: what every record has, and that of a call's end.
pub const HEADER: usize = 24;
/// Bytes of the header of a call's end.
pub const EXIT_HEADER: usize = HEADER + 16;

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
    /// The call's number, with x32's bit (entry).
    pub number: u32,
    /// Bytes of the three texts: arguments, result, and why it is an error (exit).
    pub lengths: [u32; 3],
}

impl Header {
    /// Bytes of the header alone: where the texts begin.
    pub fn header_size(&self) -> usize {
        if self.kind == Kind::Exit { EXIT_HEADER } else { HEADER }
    }
    /// The header's bytes, of which [`Header::header_size`] count. Every byte is copied several times until it is read, so there
    /// are few: a text has less than 64 KiB, and an error's reason takes the place of the number.
    #[inline]
    pub fn encode(&self) -> [u8; EXIT_HEADER] {
        let first = u64::from(self.kind as u8) | u64::from(self.abi) << 8 | u64::from(self.flags) << 16;
        let [arguments, answer, reason] = self.lengths.map(|length| u64::from(length as u16));
        let last = if self.kind == Kind::Exit { reason } else { self.number.into() };
        let words = [
            first | u64::from(self.thread) << 32,
            self.time,
            arguments | answer << 16 | last << 32,
            self.duration,
            self.result as u64,
        ];
        let mut bytes = [0; EXIT_HEADER];
        bytes.copy_from_slice(words.map(u64::to_le_bytes).as_flattened());
        bytes
    }

    /// The header at the beginning of these bytes: `Ok(None)` if there are too few, `Err` if they hold something else.
    pub fn decode(bytes: &[u8]) -> Result<Option<Header>, NoRecord> {
        let long = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let [Some(first), Some(time), Some(lengths)] = [0, 8, 16].map(long) else { return Ok(None) };
        let [kind, abi, flags, 0, ..] = first.to_le_bytes() else { return Err(NoRecord) };
        let kinds = [Kind::Begin, Kind::Entry, Kind::Exit, Kind::Signal, Kind::End];
        let kind = kinds.into_iter().find(|known| *known as u8 == kind).ok_or(NoRecord)?;
        let last = (lengths >> 32) as u32;
        let (duration, result, number, reason) = match (kind, long(HEADER), long(HEADER + 8)) {
            (Kind::Exit, Some(duration), Some(result)) => (duration, result as i64, 0, last),
            (Kind::Exit, ..) => return Ok(None),
            _ => (0, 0, last, 0),
        };
        let lengths = [u32::from(lengths as u16), u32::from((lengths >> 16) as u16), reason];
        Ok(Some(Header { kind, abi, flags, thread: (first >> 32) as u32, time, duration, result, number, lengths }))
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
            number: 0,
            lengths: [4, 0, 65_000],
        };
        let entry =
            Header { kind: Kind::Entry, duration: 0, result: 0, number: 0x4000_0001, lengths: [65_000, 4, 0], ..exit };
        for (header, size) in [(exit, EXIT_HEADER), (entry, HEADER)] {
            let bytes = header.encode();
            assert_eq!(header.header_size(), size);
            assert_eq!(Header::decode(&bytes[..size]), Ok(Some(header)));
            assert_eq!(Header::decode(&bytes[..size - 1]), Ok(None));
            assert_eq!(header.size(), size + 65_004);
        }
        assert_eq!(Header::decode(&[9; HEADER]), Err(NoRecord));
    }
}
