//! A reader of the log, with its place in it.
use super::ring::{Cursor, Record};
use super::{LONGEST, RING};
use alloc::vec::Vec;

/// Reads record after record.
#[derive(Clone, Debug)]
pub struct Reader(pub(super) Cursor);
impl Reader {
    /// At the oldest record.
    pub fn oldest() -> Self {
        Reader(RING.lock().oldest())
    }
    /// After the newest record.
    pub fn newest() -> Self {
        Reader(RING.lock().newest())
    }
    /// At the first record after the last SYSLOG_ACTION_CLEAR.
    pub fn after_clear() -> Self {
        Reader(super::calls::cleared())
    }
    /// Whether there is a record to read.
    pub fn has_more(&self) -> bool {
        self.0.sequence < RING.lock().newest().sequence
    }
    /// Whether the next record was overwritten.
    pub fn was_overtaken(&self) -> bool {
        RING.lock().is_lost(self.0)
    }
    /// The next record and its text, cut at [`LONGEST`] bytes.
    #[expect(clippy::should_implement_trait, reason = "more records may come after a None")]
    pub fn next(&mut self) -> Option<(Record, Vec<u8>)> {
        let mut text = alloc::vec![0; LONGEST];
        let record = RING.lock().next(&mut self.0, &mut text)?;
        text.truncate(record.length);
        Some((record, text))
    }
}
