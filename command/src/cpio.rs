//! Writes archives in cpio's `newc` format, which kernels unpack as their first file system.

use std::io::{Read, Result, Write};

/// File types of `st_mode`.
pub mod kind {
    pub const FILE: u32 = 0o100_000;
    pub const DIRECTORY: u32 = 0o040_000;
    pub const SYMLINK: u32 = 0o120_000;
    pub const CHARACTER: u32 = 0o020_000;
    pub const BLOCK: u32 = 0o060_000;
    pub const FIFO: u32 = 0o010_000;
}

/// What an entry says beside its name and contents.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metadata {
    /// Type and permissions.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Seconds since 1970.
    pub modified: u32,
    /// Major and minor number, of device nodes.
    pub device: (u32, u32),
    /// Number and link count shared by all names of a file that has several; the archive numbers others itself.
    pub inode: Option<(u32, u32)>,
}

impl Metadata {
    /// Root's directory that everybody may enter.
    pub fn directory() -> Self {
        Self { mode: kind::DIRECTORY | 0o755, ..Self::default() }
    }

    /// Root's file with these permissions.
    pub fn file(permissions: u32) -> Self {
        Self { mode: kind::FILE | permissions, ..Self::default() }
    }
}

/// Numbers below this are for files with several names.
pub const FIRST_OWN_INODE: u32 = 1 << 24;

/// Writes one archive.
pub struct Writer<W> {
    sink: W,
    inode: u32,
}

impl<W: Write> Writer<W> {
    pub fn new(sink: W) -> Self {
        Self { sink, inode: FIRST_OWN_INODE }
    }

    /// Adds an entry whose contents are in memory.
    pub fn add(&mut self, name: &[u8], metadata: Metadata, contents: &[u8]) -> Result<()> {
        let size = u64::try_from(contents.len()).unwrap_or(u64::MAX);
        self.add_from(name, metadata, size, contents)
    }

    /// Adds an entry whose contents are the next `size` bytes of `contents`.
    ///
    /// # Errors
    /// The contents end early, are too long for the format (4 GiB), or the sink fails.
    pub fn add_from(&mut self, name: &[u8], metadata: Metadata, size: u64, mut contents: impl Read) -> Result<()> {
        self.inode = self.inode.wrapping_add(1);
        let name = name.strip_prefix(b"/").unwrap_or(name);
        let size32 = u32::try_from(size).map_err(|_| std::io::Error::other("a file of 4 GiB or more"))?;
        let (inode, links) = metadata.inode.unwrap_or((self.inode, 1));
        let (major, minor) = metadata.device;
        let name_size = u32::try_from(name.len() + 1).map_err(std::io::Error::other)?;
        write!(self.sink, "070701")?;
        for field in [
            inode,
            metadata.mode,
            metadata.uid,
            metadata.gid,
            links,
            metadata.modified,
            size32,
            0,
            0,
            major,
            minor,
            name_size,
            0,
        ] {
            write!(self.sink, "{field:08X}")?;
        }
        self.sink.write_all(name)?;
        self.sink.write_all(padding(110 + u64::from(name_size), true))?;
        let copied = std::io::copy(&mut contents.by_ref().take(size), &mut self.sink)?;
        if copied != size {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        }
        self.sink.write_all(padding(size, false))
    }

    /// Ends the archive and gives the sink back.
    pub fn finish(mut self) -> Result<W> {
        self.add(b"TRAILER!!!", Metadata::default(), &[])?;
        Ok(self.sink)
    }
}

/// Zeros that bring `length` to a multiple of four, with the name's final zero before them if asked for.
fn padding(length: u64, terminator: bool) -> &'static [u8] {
    let pad: &[u8] = match length % 4 {
        0 => &[],
        1 => &[0; 3],
        2 => &[0; 2],
        _ => &[0; 1],
    };
    match (terminator, pad.len()) {
        (false, _) => pad,
        (true, 0) => &[0; 1],
        (true, 1) => &[0; 2],
        (true, 2) => &[0; 3],
        (true, _) => &[0; 4],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_hold_their_contents() {
        for length in 0..9 {
            let mut writer = Writer::new(Vec::new());
            let name = "n".repeat(length + 1);
            writer.add(name.as_bytes(), Metadata::file(0o644), &vec![b'x'; length]).expect("memory takes it");
            writer.add(b"/dir", Metadata::directory(), &[]).expect("memory takes it");
            let archive = writer.finish().expect("memory takes it");
            assert_eq!(archive.len() % 4, 0);
            let second = archive.windows(6).skip(1).position(|bytes| bytes == b"070701").map(|at| at + 1);
            assert_eq!(second.map(|at| at % 4), Some(0));
            let at = second.expect("there is a second entry");
            assert_eq!(&archive[at + 110..at + 114], b"dir\0");
        }
    }

    #[test]
    fn short_contents_are_an_error() {
        let mut writer = Writer::new(Vec::new());
        assert!(writer.add_from(b"a", Metadata::file(0o644), 5, &b"1234"[..]).is_err());
    }
}
