//! The bounded buffer between traced threads and the reader. Nothing is lost: who finds it full waits.
use crate::error::Result;
use crate::sync::{SpinLock, rank};
use crate::wait::{Sleep, WaitQueue};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

/// Bytes of the buffer.
const CAPACITY: usize = 256 * 1024;
/// The reader is woken by this much; less it fetches by itself, from time to time.
const MUCH: usize = 32 * 1024;

struct Bytes {
    storage: Vec<u8>,
    start: usize,
    length: usize,
}

impl Bytes {
    fn put(&mut self, from: &[u8]) {
        let end = (self.start + self.length) % CAPACITY;
        if let Some(place) = self.storage.get_mut(end..end + from.len()) {
            place.copy_from_slice(from);
            self.length += from.len();
            return;
        }
        let (first, second) = from.split_at(from.len().min(CAPACITY - end));
        for (at, part) in [(end, first), (0, second)] {
            if let Some(place) = self.storage.get_mut(at..at + part.len()) {
                place.copy_from_slice(part);
            }
        }
        self.length += from.len();
    }
    fn take(&mut self, into: &mut [u8]) -> usize {
        let count = into.len().min(self.length);
        let first = count.min(CAPACITY - self.start);
        for (at, from, length) in [(0, self.start, first), (first, 0, count - first)] {
            if let (Some(place), Some(part)) = (into.get_mut(at..at + length), self.storage.get(from..from + length)) {
                place.copy_from_slice(part);
            }
        }
        self.start = (self.start + count) % CAPACITY;
        self.length -= count;
        count
    }
}

/// The buffer.
pub struct Ring {
    bytes: SpinLock<Bytes>,
    closed: AtomicBool,
    /// Who waits for room.
    room: WaitQueue,
    /// Who waits for records.
    pub readers: Arc<WaitQueue>,
}

impl Ring {
    /// An empty buffer.
    pub fn new() -> Result<Ring> {
        let mut storage = Vec::new();
        storage.try_reserve_exact(CAPACITY)?;
        storage.resize(CAPACITY, 0);
        Ok(Ring {
            bytes: SpinLock::new(rank::LEAF, Bytes { storage, start: 0, length: 0 }),
            closed: AtomicBool::new(false),
            room: WaitQueue::new(),
            readers: machine::memory::try_arc(WaitQueue::new())?,
        })
    }
    /// Adds a record whole; waits until there is room for it, whatever signals come. It is dropped when nobody reads any more.
    /// Whether there was room at once.
    pub fn push(&self, record: &[u8]) -> bool {
        if self.is_closed() || record.len() > CAPACITY || self.try_push(record) {
            return true;
        }
        self.readers.wake_all();
        let pushed = || (self.is_closed() || self.try_push(record)).then_some(());
        // Nothing ends this wait early.
        let _ = self.room.wait_until(Sleep::Uninterruptible, None, pushed);
        false
    }
    fn try_push(&self, record: &[u8]) -> bool {
        let mut bytes = self.bytes.lock();
        if CAPACITY - bytes.length < record.len() {
            return false;
        }
        let before = bytes.length;
        bytes.put(record);
        let much = before < MUCH && bytes.length >= MUCH;
        drop(bytes);
        if much {
            self.readers.wake_all();
        }
        true
    }
    /// Takes bytes from the front; how many.
    pub fn take(&self, into: &mut [u8]) -> usize {
        let count = self.bytes.lock().take(into);
        if count > 0 && !self.room.is_empty() {
            self.room.wake_all();
        }
        count
    }
    /// Whether there is enough for a reader to be woken.
    pub fn has_much(&self) -> bool {
        self.bytes.lock().length >= MUCH
    }
    /// Nobody reads any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.room.wake_all();
    }
    /// Whether nobody reads any more.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_around_the_end() {
        let ring = Ring::new().unwrap();
        let mut sent = 0u32;
        let mut seen = 0u32;
        let mut buffer = [0; 4096];
        for round in 0..2000 {
            while sent < seen + 500 {
                let mut record = [round as u8; 100];
                record[..4].copy_from_slice(&sent.to_le_bytes());
                assert!(ring.push(&record));
                sent += 1;
            }
            for record in 0..40 {
                let Some(place) = buffer.get_mut(record * 100..(record + 1) * 100) else { break };
                assert_eq!(ring.take(place), 100);
                assert_eq!(place.first_chunk(), Some(&seen.to_le_bytes()));
                seen += 1;
            }
        }
    }
}
