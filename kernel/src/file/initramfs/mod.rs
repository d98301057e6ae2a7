//! The initial RAM file system: cpio archives, plain or compressed with gzip, one after the other, unpacked into the root.
//!
//! Whatever is wrong with an archive is logged and ends the unpacking; what was unpacked stays, and the boot goes on.
mod cpio;
mod gzip;
mod unpack;

use super::path::Path;
use crate::error::*;
use crate::warn;
use alloc::vec::Vec;
use machine::boot::InitramfsImage;
use machine::memory::Frame;

/// Bytes that come one after the other.
pub trait Source {
    /// Fills `into`; fewer bytes only at the end.
    fn read(&mut self, into: &mut [u8]) -> Result<usize>;
    /// Whole pages without copying, if what comes next lies on page boundaries. They count as read.
    fn take_frames(&mut self, _pages: usize) -> Option<Vec<Frame>> {
        None
    }
}

/// The image in memory.
struct Image<'a> {
    image: &'a InitramfsImage,
    offset: usize,
}
impl Source for Image<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let count = self.image.read(self.offset, into);
        self.offset += count;
        Ok(count)
    }
    fn take_frames(&mut self, pages: usize) -> Option<Vec<Frame>> {
        let frames = self.image.take_frames(self.offset, pages)?;
        self.offset += pages.checked_mul(machine::memory::PAGE_SIZE)?;
        Some(frames)
    }
}

/// Unpacks everything in the image into the root of the first namespace. What is wrong is logged and ends it (EINVAL, ENOMEM,
/// ENOSPC).
pub fn unpack(image: &InitramfsImage) -> Result<()> {
    let root = super::mount::initial_namespace().ok_or(ENOENT)?.root_path();
    let mut source = Image { image, offset: 0 };
    unpack_all(&mut source, image.len(), &root).inspect_err(|error| {
        warn!("initramfs: stopped at byte {} of {}: {:?}", source.offset, image.len(), error);
    })
}

fn unpack_all(source: &mut Image, length: usize, root: &Path) -> Result<()> {
    while source.offset < length {
        let mut start = [0; 6];
        let offset = source.offset;
        let count = source.read(&mut start)?;
        source.offset = offset;
        let start = start.get(..count).unwrap_or(&[]);
        match start {
            [0, ..] => source.offset = offset + 1,
            [0x1f, 0x8b, ..] => {
                let mut gzip = gzip::Gzip::new(source)?;
                let result = unpack::archives(&mut gzip, root);
                let unused = gzip.unused();
                source.offset -= unused;
                result?;
            }
            start if cpio::is_magic(start) => unpack::archive(source, root)?,
            _ => return Err(EINVAL.because("neither a cpio archive nor gzip")),
        }
    }
    Ok(())
}
