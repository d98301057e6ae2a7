//! Responses.
use crate::reader::{Malformed, Reader};
use crate::{HEADER, MOST_NAMES, kind};

/// What the server says a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Qid {
    /// Type bits (0x80 directory, 0x02 symbolic link).
    pub kind: u8,
    /// Changes when the file does.
    pub version: u32,
    /// The same file has the same path.
    pub path: u64,
}
impl Qid {
    fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        Ok(Qid { kind: reader.u8()?, version: reader.u32()?, path: reader.u64()? })
    }
}

/// Why a request failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The server's error number (Linux's).
    Error(u32),
    /// The response makes no sense.
    Malformed,
}
impl From<Malformed> for Failure {
    fn from(_: Malformed) -> Self {
        Failure::Malformed
    }
}

/// Checks a response's header against what was asked: the body. `bytes` is what the server wrote; a read's data may be
/// elsewhere, so the size field may say more than that, up to `longest`.
pub fn open_response(bytes: &[u8], expected: u8, tag: u16, longest: usize) -> Result<&[u8], Failure> {
    let mut reader = Reader(bytes);
    let size = usize::try_from(reader.u32()?).map_err(|_| Malformed)?;
    let found = reader.u8()?;
    if reader.u16()? != tag || size < HEADER || size > longest {
        return Err(Failure::Malformed);
    }
    let body = bytes.get(HEADER..size.min(bytes.len())).ok_or(Malformed)?;
    if found == kind::ERROR {
        let number = Reader(body).u32()?;
        return Err(if number == 0 { Failure::Malformed } else { Failure::Error(number) });
    }
    if found == expected { Ok(body) } else { Err(Failure::Malformed) }
}

/// A version response: longest message and dialect.
pub fn version(body: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    let mut reader = Reader(body);
    Ok((reader.u32()?, reader.string()?))
}

/// An attach response.
pub fn attach(body: &[u8]) -> Result<Qid, Malformed> {
    Qid::read(&mut Reader(body))
}

/// A walk response: how many names were walked, and the last one's qid (`None` for none).
pub fn walk(body: &[u8]) -> Result<(usize, Option<Qid>), Malformed> {
    let mut reader = Reader(body);
    let count = usize::from(reader.u16()?);
    if count > MOST_NAMES {
        return Err(Malformed);
    }
    let mut last = None;
    for _ in 0..count {
        last = Some(Qid::read(&mut reader)?);
    }
    Ok((count, last))
}

/// An open response: qid and preferred size of transfers (0: unknown).
pub fn open(body: &[u8]) -> Result<(Qid, u32), Malformed> {
    let mut reader = Reader(body);
    Ok((Qid::read(&mut reader)?, reader.u32()?))
}

/// The count of a read or write response.
pub fn count(body: &[u8]) -> Result<u32, Malformed> {
    Reader(body).u32()
}

/// The target of a link.
pub fn link(body: &[u8]) -> Result<&[u8], Malformed> {
    Reader(body).string()
}

/// A point in time: seconds and nanoseconds.
pub type Time = (u64, u64);

/// Attributes of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub struct Attributes {
    pub valid: u64,
    pub qid: Qid,
    pub mode: u32,
    pub user: u32,
    pub group: u32,
    pub links: u64,
    /// As Linux's 64-bit dev_t.
    pub device: u64,
    pub size: u64,
    pub block_size: u64,
    /// Of 512 bytes.
    pub blocks: u64,
    pub access: Time,
    pub modification: Time,
    pub change: Time,
}

/// A getattr response.
pub fn attributes(body: &[u8]) -> Result<Attributes, Malformed> {
    let mut reader = Reader(body);
    let valid = reader.u64()?;
    let qid = Qid::read(&mut reader)?;
    let (mode, user, group) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let (links, device, size) = (reader.u64()?, reader.u64()?, reader.u64()?);
    let (block_size, blocks) = (reader.u64()?, reader.u64()?);
    let mut time = || -> Result<Time, Malformed> { Ok((reader.u64()?, reader.u64()?)) };
    let (access, modification, change) = (time()?, time()?, time()?);
    Ok(Attributes {
        valid,
        qid,
        mode,
        user,
        group,
        links,
        device,
        size,
        block_size,
        blocks,
        access,
        modification,
        change,
    })
}

/// Counts of a file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub struct Statistics {
    pub kind: u32,
    pub block_size: u32,
    pub blocks: u64,
    pub free: u64,
    pub available: u64,
    pub files: u64,
    pub free_files: u64,
    pub identity: u64,
    pub longest_name: u32,
}

/// A statfs response.
pub fn statistics(body: &[u8]) -> Result<Statistics, Malformed> {
    let mut reader = Reader(body);
    Ok(Statistics {
        kind: reader.u32()?,
        block_size: reader.u32()?,
        blocks: reader.u64()?,
        free: reader.u64()?,
        available: reader.u64()?,
        files: reader.u64()?,
        free_files: reader.u64()?,
        identity: reader.u64()?,
        longest_name: reader.u32()?,
    })
}

/// An entry of a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// What it is.
    pub qid: Qid,
    /// Where to go on after it.
    pub offset: u64,
    /// DT_*.
    pub kind: u8,
    /// Its name: neither empty nor with a slash or NUL.
    pub name: &'a [u8],
}

/// The entries of a readdir response.
pub struct Entries<'a>(Reader<'a>);

/// A readdir response.
pub fn directory(body: &[u8]) -> Result<Entries<'_>, Malformed> {
    let mut reader = Reader(body);
    let count = usize::try_from(reader.u32()?).map_err(|_| Malformed)?;
    Ok(Entries(Reader(reader.bytes(count)?)))
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, Malformed>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.0.is_empty() {
            return None;
        }
        let mut read = || {
            let qid = Qid::read(&mut self.0)?;
            let (offset, kind, name) = (self.0.u64()?, self.0.u8()?, self.0.string()?);
            if name.is_empty() || name.iter().any(|byte| matches!(byte, 0 | b'/')) {
                return Err(Malformed);
            }
            Ok(Entry { qid, offset, kind, name })
        };
        let entry = read();
        if entry.is_err() {
            self.0.0 = &[];
        }
        Some(entry)
    }
}
