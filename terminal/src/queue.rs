//! The input queue: a ring of bytes with a mark on those that end a line.
use alloc::boxed::Box;

/// Bytes of the ring.
pub const SIZE: usize = 4096;
/// What stands in the queue for an end-of-file character; also the value that switches a control character off.
pub const DISABLED: u8 = 0;

/// Positions count up for ever; the ring holds those from `tail` to `head`.
pub struct Queue {
    bytes: Box<[u8; SIZE]>,
    marks: Box<[u64; SIZE / 64]>,
    /// Next byte to be read.
    pub tail: u64,
    /// Where the next byte goes.
    pub head: u64,
    /// After the last whole line; what follows can still be edited.
    pub line_end: u64,
}

impl Queue {
    pub fn new() -> Self {
        Queue { bytes: Box::new([0; SIZE]), marks: Box::new([0; SIZE / 64]), tail: 0, head: 0, line_end: 0 }
    }
    fn index(position: u64) -> usize {
        position as usize % SIZE
    }
    pub fn get(&self, position: u64) -> u8 {
        self.bytes.get(Self::index(position)).copied().unwrap_or(DISABLED)
    }
    /// Appends a byte. The caller has seen room.
    pub fn put(&mut self, byte: u8) {
        let index = Self::index(self.head);
        if let Some(place) = self.bytes.get_mut(index) {
            *place = byte;
        }
        self.set_mark(self.head, false);
        self.head += 1;
    }
    /// Appends a byte that ends a line.
    pub fn put_line_end(&mut self, byte: u8) {
        self.put(byte);
        self.set_mark(self.head - 1, true);
        self.line_end = self.head;
    }
    pub fn set_mark(&mut self, position: u64, marked: bool) {
        let index = Self::index(position);
        if let Some(word) = self.marks.get_mut(index / 64) {
            let bit = 1 << (index % 64);
            *word = if marked { *word | bit } else { *word & !bit };
        }
    }
    pub fn is_marked(&self, position: u64) -> bool {
        let index = Self::index(position);
        self.marks.get(index / 64).is_some_and(|word| word & 1 << (index % 64) != 0)
    }
    pub fn clear_marks(&mut self) {
        self.marks.fill(0);
    }
    /// Bytes held.
    pub fn count(&self) -> usize {
        (self.head - self.tail) as usize
    }
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.tail = self.head;
        self.line_end = self.head;
        self.clear_marks();
    }
}
