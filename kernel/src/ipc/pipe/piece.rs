//! Buffers on their way between pipes and files: what splice(2) and tee(2) do with a pipe.
use super::*;

impl Pipe {
    /// Waits for something to read; false at the end. EAGAIN.
    pub(in crate::ipc) fn wait_for_data(&self, nonblocking: bool) -> Result<bool> {
        loop {
            if !self.is_empty() {
                return Ok(true);
            }
            if !self.has_writers() {
                return Ok(!self.is_empty());
            }
            if nonblocking {
                return Err(EAGAIN);
            }
            let ready = || (!self.is_empty() || !self.has_writers()).then_some(());
            self.to_read.wait_until(Sleep::Interruptible, None, ready).map_err(|_| ERESTARTSYS)?;
        }
    }
    /// Waits for a free buffer. EPIPE with SIGPIPE, EAGAIN.
    pub(in crate::ipc) fn wait_for_room(&self, nonblocking: bool) -> Result<()> {
        loop {
            if !self.has_readers() {
                crate::signal::send_to_current(crate::signal::SIGPIPE);
                return Err(EPIPE);
            }
            if !self.is_full() {
                return Ok(());
            }
            if nonblocking {
                return Err(EAGAIN);
            }
            let ready = || (!self.is_full() || !self.has_readers()).then_some(());
            self.to_write.wait_until(Sleep::Interruptible, None, ready).map_err(|_| ERESTARTSYS)?;
        }
    }
    /// Takes up to `most` bytes of the first buffer.
    pub(in crate::ipc) fn pop(&self, most: usize) -> Option<Piece> {
        let mut contents = self.contents.lock();
        let was_full = self.is_full();
        let front = contents.buffers.front_mut()?;
        let piece = if front.length as usize <= most {
            contents.buffers.pop_front()?
        } else {
            front.shared = true;
            let piece = Buffer {
                frame: front.frame.clone(),
                offset: front.offset,
                length: most as u32,
                packet: false,
                shared: true,
            };
            front.offset += most as u32;
            front.length -= most as u32;
            piece
        };
        self.used.store(contents.buffers.len(), Ordering::Release);
        drop(contents);
        if was_full && !self.is_full() {
            self.to_write.wake(WRITABLE);
        }
        self.writer_signals.notify(Reason::Output);
        Some(Piece(piece))
    }
    /// Puts back what could not be passed on.
    pub(in crate::ipc) fn put_back(&self, piece: Piece) {
        if piece.0.length == 0 {
            return;
        }
        let mut contents = self.contents.lock();
        contents.buffers.push_front(piece.0);
        self.used.store(contents.buffers.len(), Ordering::Release);
        drop(contents);
        self.to_read.wake(READABLE);
    }
    /// Adds a buffer at the end; gives it back when there is no room.
    pub(in crate::ipc) fn push(&self, piece: Piece) -> core::result::Result<(), Piece> {
        let mut contents = self.contents.lock();
        if contents.buffers.len() >= self.limit.load(Ordering::Relaxed) || contents.buffers.try_reserve(1).is_err() {
            return Err(piece);
        }
        let was_empty = contents.buffers.is_empty();
        contents.buffers.push_back(piece.0);
        self.used.store(contents.buffers.len(), Ordering::Release);
        drop(contents);
        if was_empty {
            self.to_read.wake(READABLE);
        }
        self.reader_signals.notify(Reason::Input);
        Ok(())
    }
    /// A copy of the buffer at `index` that shares its frame (tee), of at most `most` bytes.
    pub(in crate::ipc) fn share(&self, index: usize, most: usize) -> Option<Piece> {
        let mut contents = self.contents.lock();
        let buffer = contents.buffers.get_mut(index)?;
        buffer.shared = true;
        let length = buffer.length.min(u32::try_from(most).unwrap_or(u32::MAX));
        Some(Piece(Buffer {
            frame: buffer.frame.clone(),
            offset: buffer.offset,
            length,
            packet: buffer.packet,
            shared: true,
        }))
    }
}

/// A buffer on its way between pipes and files.
pub(in crate::ipc) struct Piece(Buffer);
impl Piece {
    /// A piece with a copy of these bytes, at most a page.
    pub(in crate::ipc) fn new(bytes: &[u8]) -> Result<Piece> {
        let frame = Frame::zeroed()?;
        let length = frame.write(0, bytes) as u32;
        Ok(Piece(Buffer { frame, offset: 0, length, packet: false, shared: false }))
    }
    /// A piece that is part of a page somebody else has, too.
    pub(in crate::ipc) fn of_page(frame: Frame, offset: usize, length: usize) -> Piece {
        Piece(Buffer { frame, offset: offset as u32, length: length as u32, packet: false, shared: true })
    }
    /// Bytes in it.
    pub(in crate::ipc) fn len(&self) -> usize {
        self.0.length as usize
    }
    /// Copies its bytes out.
    pub(in crate::ipc) fn read(&self, into: &mut [u8]) -> usize {
        let length = self.len().min(into.len());
        self.0.frame.read(self.0.offset as usize, into.get_mut(..length).unwrap_or(&mut []))
    }
    /// Drops bytes from the front.
    pub(in crate::ipc) fn advance(&mut self, count: usize) {
        let count = (count as u32).min(self.0.length);
        self.0.offset += count;
        self.0.length -= count;
    }
}
