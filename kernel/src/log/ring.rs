//! The ring of records: old ones make room for new ones.

/// Bytes of the ring (a power of two).
pub const CAPACITY: usize = 64 * 1024;
/// Header: text length (2), priority (1), reserved (1), time stamp (8).
const HEADER: usize = 12;

/// A record without its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Counts up from 0.
    pub sequence: u64,
    /// Facility and level, as in the `<N>` of syslog(2).
    pub priority: u8,
    /// Nanoseconds since boot.
    pub time: u64,
    /// Bytes of text.
    pub length: usize,
    /// Place of the text in the stream of all bytes ever put into the ring.
    text: u64,
}

/// The ring. Positions count all bytes ever put in, so that they never come again.
pub struct Ring {
    bytes: [u8; CAPACITY],
    /// Position of the oldest record and its sequence number.
    first: u64,
    first_sequence: u64,
    /// Position after the newest record and the next sequence number.
    end: u64,
    end_sequence: u64,
}
impl Ring {
    /// An empty ring.
    pub const fn new() -> Self {
        Ring { bytes: [0; CAPACITY], first: 0, first_sequence: 0, end: 0, end_sequence: 0 }
    }

    fn put(&mut self, from: &[u8]) {
        for byte in from {
            if let Some(place) = self.bytes.get_mut(self.end as usize % CAPACITY) {
                *place = *byte;
            }
            self.end += 1;
        }
    }
    fn copy(&self, position: u64, into: &mut [u8]) {
        for (byte, position) in into.iter_mut().zip(position..) {
            *byte = self.bytes.get(position as usize % CAPACITY).copied().unwrap_or(0);
        }
    }

    /// Adds a record; text beyond a quarter of the ring is cut off.
    pub fn push(&mut self, priority: u8, time: u64, text: &[u8]) {
        let text = text.get(..text.len().min(CAPACITY / 4)).unwrap_or_default();
        let needed = (HEADER + text.len()) as u64;
        while self.end + needed - self.first > CAPACITY as u64 {
            let length = self.record(self.first, self.first_sequence).length;
            self.first += (HEADER + length) as u64;
            self.first_sequence += 1;
        }
        self.put(&(text.len() as u16).to_ne_bytes());
        self.put(&[priority, 0]);
        self.put(&time.to_ne_bytes());
        self.put(text);
        self.end_sequence += 1;
    }

    fn record(&self, position: u64, sequence: u64) -> Record {
        let mut length = [0; 2];
        let mut priority = [0; 1];
        let mut time = [0; 8];
        self.copy(position, &mut length);
        self.copy(position + 2, &mut priority);
        self.copy(position + 4, &mut time);
        let [priority] = priority;
        let length = usize::from(u16::from_ne_bytes(length));
        Record { sequence, priority, time: u64::from_ne_bytes(time), length, text: position + HEADER as u64 }
    }

    /// The cursor of the oldest record.
    pub fn oldest(&self) -> Cursor {
        Cursor { position: self.first, sequence: self.first_sequence }
    }
    /// The cursor after the newest record.
    pub fn newest(&self) -> Cursor {
        Cursor { position: self.end, sequence: self.end_sequence }
    }

    /// The record at a cursor, its text in `into` (as much as fits), and the cursor moved on. A cursor whose record is gone
    /// moves to the oldest one first; `None` at the end.
    pub fn next(&self, cursor: &mut Cursor, into: &mut [u8]) -> Option<Record> {
        if cursor.sequence < self.first_sequence {
            *cursor = self.oldest();
        }
        if cursor.sequence >= self.end_sequence {
            return None;
        }
        let record = self.record(cursor.position, cursor.sequence);
        let room = into.len().min(record.length);
        self.copy(record.text, into.get_mut(..room).unwrap_or_default());
        *cursor = Cursor { position: record.text + record.length as u64, sequence: record.sequence + 1 };
        Some(record)
    }
    /// Whether the record at a cursor was overwritten.
    pub fn is_lost(&self, cursor: Cursor) -> bool {
        cursor.sequence < self.first_sequence
    }
}
impl Default for Ring {
    fn default() -> Self {
        Self::new()
    }
}

/// A reader's place in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Cursor {
    position: u64,
    /// Sequence number of the record there.
    pub sequence: u64,
}
impl Cursor {
    /// The first record ever.
    pub const FIRST: Cursor = Cursor { position: 0, sequence: 0 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_records_make_room() {
        let mut ring = Ring::new();
        let mut cursor = ring.oldest();
        for number in 0..10_000u32 {
            ring.push(6, u64::from(number), &[b'x'; 50]);
        }
        assert!(ring.is_lost(cursor));
        let mut text = [0; 100];
        let mut seen = 0;
        let mut last = None;
        while let Some(record) = ring.next(&mut cursor, &mut text) {
            assert_eq!(record.length, 50);
            assert_eq!(record.time, record.sequence);
            assert_eq!(text[..50], [b'x'; 50]);
            last = Some(record.sequence);
            seen += 1;
        }
        assert_eq!(last, Some(9_999));
        assert_eq!(seen, CAPACITY / (50 + HEADER));
        assert_eq!(cursor, ring.newest());
    }
}
