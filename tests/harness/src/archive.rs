//! Writes cpio archives in the "newc" format, as the kernel's initramfs reads them (Documentation/driver-api/early-userspace/buffer-format.rst).

/// A cpio archive under construction.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    next_inode: u32,
}

impl Archive {
    /// Adds a folder; its parents must have been added before.
    pub fn folder(&mut self, path: &str, mode: u32) {
        self.entry(path, 0o040_000 | mode, &[]);
    }

    /// Adds a regular file.
    pub fn file(&mut self, path: &str, mode: u32, contents: &[u8]) {
        self.entry(path, 0o100_000 | mode, contents);
    }

    /// Adds a character device node.
    pub fn device(&mut self, path: &str, mode: u32, major: u32, minor: u32) {
        self.header(path, 0o020_000 | mode, 0, (major, minor));
    }

    /// Ends the archive and gives its bytes.
    pub fn finish(mut self) -> Vec<u8> {
        self.header("TRAILER!!!", 0, 0, (0, 0));
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, contents: &[u8]) {
        self.header(path, mode, contents.len(), (0, 0));
        self.bytes.extend_from_slice(contents);
        self.pad();
    }

    fn header(&mut self, path: &str, mode: u32, size: usize, device: (u32, u32)) {
        self.next_inode += 1;
        let fields = [
            self.next_inode as usize,
            mode as usize,
            0, // uid
            0, // gid
            1, // links
            0, // modification time
            size,
            0, // device of the file system
            0,
            device.0 as usize,
            device.1 as usize,
            path.len() + 1,
            0, // checksum
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
    }

    fn pad(&mut self) {
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_the_trailer_ends_the_archive() {
        let mut archive = Archive::default();
        archive.folder("dev", 0o755);
        archive.file("dev/abc", 0o644, b"12345");
        let bytes = archive.finish();
        assert!(bytes.len().is_multiple_of(4));
        assert!(bytes.starts_with(b"07070100000001000041ed"));
        assert!(bytes.windows(5).any(|w| w == b"12345"));
        assert!(bytes.windows(10).any(|w| w == b"TRAILER!!!"));
    }
}
