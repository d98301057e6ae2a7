//! The "newc" format of cpio archives: a header of hexadecimal fields, the name, the body, each padded to four bytes.

/// Bytes of a header.
pub const HEADER: usize = 110;
/// The name that ends an archive.
pub const TRAILER: &[u8] = b"TRAILER!!!";

/// One entry's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Header {
    pub inode: u32,
    pub mode: u32,
    pub user: u32,
    pub group: u32,
    pub links: u32,
    pub modification_time: u32,
    pub size: u32,
    pub device: [u32; 2],
    pub special_device: [u32; 2],
    /// Length of the name with its NUL.
    pub name_size: u32,
}

/// Why something is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoHeader {
    /// It does not begin with 070701 or 070702.
    Magic,
    /// A field is not hexadecimal.
    Number,
}

impl Header {
    /// Decodes a header.
    pub fn parse(bytes: &[u8; HEADER]) -> Result<Header, NoHeader> {
        if !is_magic(bytes) {
            return Err(NoHeader::Magic);
        }
        let mut fields = [0u32; 13];
        let digits = bytes.get(6..).unwrap_or(&[]);
        for (field, text) in fields.iter_mut().zip(digits.chunks_exact(8)) {
            for digit in text {
                let value = (*digit as char).to_digit(16).ok_or(NoHeader::Number)?;
                *field = *field << 4 | value;
            }
        }
        let [
            inode,
            mode,
            user,
            group,
            links,
            modification_time,
            size,
            major,
            minor,
            special_major,
            special_minor,
            name_size,
            _,
        ] = fields;
        Ok(Header {
            inode,
            mode,
            user,
            group,
            links,
            modification_time,
            size,
            device: [major, minor],
            special_device: [special_major, special_minor],
            name_size,
        })
    }
}

/// Whether bytes begin as an archive does.
pub fn is_magic(bytes: &[u8]) -> bool {
    bytes.starts_with(b"070701") || bytes.starts_with(b"070702")
}

/// Bytes of padding after `length` bytes.
pub fn padding(length: u64) -> u64 {
    length.wrapping_neg() & 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> [u8; HEADER] {
        let text = b"07070100000001000081A4000003E8000000640000000165F00000000000050000000800000001000000000000000000000006000000FF";
        let mut bytes = [0; HEADER];
        bytes.copy_from_slice(text);
        bytes
    }

    #[test]
    fn headers_are_decoded() {
        let header = Header::parse(&sample()).expect("valid");
        assert_eq!((header.inode, header.mode, header.user, header.group), (1, 0o100644, 1000, 100));
        assert_eq!((header.size, header.name_size, header.device), (5, 6, [8, 1]));
    }
    #[test]
    fn broken_headers_are_refused() {
        let mut bytes = sample();
        bytes[5] = b'9';
        assert_eq!(Header::parse(&bytes), Err(NoHeader::Magic));
        let mut bytes = sample();
        bytes[20] = b'x';
        assert_eq!(Header::parse(&bytes), Err(NoHeader::Number));
    }
    #[test]
    fn parts_are_padded_to_four_bytes() {
        assert_eq!([0, 1, 2, 3, 4, 110 + 11].map(padding), [0, 3, 2, 1, 0, 3]);
    }
}
