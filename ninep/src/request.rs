//! Requests.
use crate::kind;
use alloc::collections::TryReserveError;
use alloc::vec::Vec;

/// Bits of a getattr mask.
pub mod attribute {
    /// Everything that stat(2) shows.
    pub const BASIC: u64 = 0x7ff;
}

/// A request. Names are bytes without a NUL, at most 65535 long.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// Agrees on the dialect and on the longest message.
    Version {
        /// Longest message in bytes.
        longest: u32,
        /// The dialect.
        dialect: &'a [u8],
    },
    /// Makes `fid` the root of a tree.
    Attach {
        /// The new fid.
        fid: u32,
        /// User name and number.
        user: &'a [u8],
        /// Which tree.
        tree: &'a [u8],
        /// The user's number.
        user_number: u32,
    },
    /// Makes `new_fid` what the names lead to from `fid` (a copy of it without names).
    Walk {
        /// Where to start.
        fid: u32,
        /// The new fid.
        new_fid: u32,
        /// At most [`crate::MOST_NAMES`].
        names: &'a [&'a [u8]],
    },
    /// Reads attributes.
    Attributes {
        /// Of what.
        fid: u32,
        /// Which ones.
        mask: u64,
    },
    /// Opens a fid with O_* flags of Linux.
    Open {
        /// Which one.
        fid: u32,
        /// The flags.
        flags: u32,
    },
    /// Reads bytes of an open file.
    Read {
        /// Of which.
        fid: u32,
        /// From where.
        offset: u64,
        /// Most bytes.
        count: u32,
    },
    /// Writes bytes to an open file; they follow the message.
    Write {
        /// To which.
        fid: u32,
        /// To where.
        offset: u64,
        /// How many follow.
        count: u32,
    },
    /// Reads entries of an open directory.
    ReadDirectory {
        /// Of which.
        fid: u32,
        /// 0, or an entry's offset to go on after it.
        offset: u64,
        /// Most bytes.
        count: u32,
    },
    /// Reads a symbolic link.
    ReadLink {
        /// Which one.
        fid: u32,
    },
    /// Counts of the file system.
    Statistics {
        /// Anything in it.
        fid: u32,
    },
    /// Forgets a fid.
    Clunk {
        /// Which one.
        fid: u32,
    },
}

impl Request<'_> {
    /// The type of the response to it.
    pub fn response_kind(&self) -> u8 {
        match self {
            Request::Version { .. } => kind::VERSION,
            Request::Attach { .. } => kind::ATTACH,
            Request::Walk { .. } => kind::WALK,
            Request::Attributes { .. } => kind::GETATTR,
            Request::Open { .. } => kind::OPEN,
            Request::Read { .. } => kind::READ,
            Request::Write { .. } => kind::WRITE,
            Request::ReadDirectory { .. } => kind::READDIR,
            Request::ReadLink { .. } => kind::READLINK,
            Request::Statistics { .. } => kind::STATFS,
            Request::Clunk { .. } => kind::CLUNK,
        }
    }

    /// Bytes of the message, the data of a write not counted in the vector but in its size field.
    pub fn encode(&self, tag: u16) -> Result<Vec<u8>, TryReserveError> {
        let mut out = Writer(Vec::new());
        out.put(&[0; 4])?;
        out.put(&[self.response_kind() - 1])?;
        out.put(&tag.to_le_bytes())?;
        let mut following = 0u32;
        match *self {
            Request::Version { longest, dialect } => {
                out.u32(longest)?;
                out.string(dialect)?;
            }
            Request::Attach { fid, user, tree, user_number } => {
                out.u32(fid)?;
                out.u32(crate::NO_FID)?;
                out.string(user)?;
                out.string(tree)?;
                out.u32(user_number)?;
            }
            Request::Walk { fid, new_fid, names } => {
                out.u32(fid)?;
                out.u32(new_fid)?;
                let names = names.get(..crate::MOST_NAMES).unwrap_or(names);
                out.put(&(names.len() as u16).to_le_bytes())?;
                for name in names {
                    out.string(name)?;
                }
            }
            Request::Attributes { fid, mask } => {
                out.u32(fid)?;
                out.u64(mask)?;
            }
            Request::Open { fid, flags } => {
                out.u32(fid)?;
                out.u32(flags)?;
            }
            Request::Read { fid, offset, count } | Request::ReadDirectory { fid, offset, count } => {
                out.u32(fid)?;
                out.u64(offset)?;
                out.u32(count)?;
            }
            Request::Write { fid, offset, count } => {
                out.u32(fid)?;
                out.u64(offset)?;
                out.u32(count)?;
                following = count;
            }
            Request::ReadLink { fid } | Request::Statistics { fid } | Request::Clunk { fid } => out.u32(fid)?,
        }
        let mut bytes = out.0;
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX).saturating_add(following);
        if let Some(place) = bytes.first_chunk_mut::<4>() {
            *place = size.to_le_bytes();
        }
        Ok(bytes)
    }
}

struct Writer(Vec<u8>);
impl Writer {
    fn put(&mut self, bytes: &[u8]) -> Result<(), TryReserveError> {
        self.0.try_reserve(bytes.len())?;
        self.0.extend_from_slice(bytes);
        Ok(())
    }
    fn u32(&mut self, value: u32) -> Result<(), TryReserveError> {
        self.put(&value.to_le_bytes())
    }
    fn u64(&mut self, value: u64) -> Result<(), TryReserveError> {
        self.put(&value.to_le_bytes())
    }
    fn string(&mut self, bytes: &[u8]) -> Result<(), TryReserveError> {
        let bytes = bytes.get(..usize::from(u16::MAX)).unwrap_or(bytes);
        self.put(&(bytes.len() as u16).to_le_bytes())?;
        self.put(bytes)
    }
}
