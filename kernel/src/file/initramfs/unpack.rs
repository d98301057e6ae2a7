//! Making the files of an archive.
use super::Source;
use super::cpio::{self, Header};
use crate::error::*;
use crate::file::attributes::*;
use crate::file::dentry;
use crate::file::inode::Inode;
use crate::file::path::Path;
use crate::file::walk::{Last, Walker, lookup_locked};
use crate::process::Credentials;
use crate::warn;
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use machine::memory::{Frame, PAGE_SIZE};

/// Longest name with its NUL.
const LONGEST_NAME: u32 = 4096;

/// Unpacks archives until the source ends.
pub fn archives(source: &mut dyn Source, root: &Path) -> Result<()> {
    loop {
        let mut first = [0; 1];
        match source.read(&mut first)? {
            0 => return Ok(()),
            _ if first == [0] => continue,
            _ => archive_from(source, root, &first)?,
        }
    }
}

/// Unpacks one archive up to its trailer.
pub fn archive(source: &mut dyn Source, root: &Path) -> Result<()> {
    archive_from(source, root, &[])
}

fn archive_from(source: &mut dyn Source, root: &Path, begun: &[u8]) -> Result<()> {
    let mut unpacker = Unpacker { source, position: 0, root, links: BTreeMap::new(), directories: Vec::new() };
    let mut bytes = [0; cpio::HEADER];
    let (first, rest) = bytes.split_at_mut(begun.len());
    first.copy_from_slice(begun);
    unpacker.position = begun.len() as u64;
    unpacker.read_exactly(rest)?;
    loop {
        let header = Header::parse(&bytes).map_err(|_| EINVAL.because("no cpio header where one was expected"))?;
        if !unpacker.entry(&header)? {
            break;
        }
        unpacker.read_exactly(&mut bytes)?;
    }
    // Making what is in a directory changed its times.
    for (inode, time) in unpacker.directories {
        let time = Timestamp { seconds: time.into(), nanoseconds: 0 };
        inode.set_times(time, time, time);
    }
    Ok(())
}

struct Unpacker<'a> {
    source: &'a mut dyn Source,
    /// Bytes read of this archive, for the padding.
    position: u64,
    root: &'a Path,
    /// Files with several names, by inode and device number.
    links: BTreeMap<(u32, [u32; 2]), Arc<Inode>>,
    directories: Vec<(Arc<Inode>, u32)>,
}

impl Unpacker<'_> {
    fn read_exactly(&mut self, into: &mut [u8]) -> Result<()> {
        let count = self.source.read(into)?;
        self.position += count as u64;
        if count == into.len() { Ok(()) } else { Err(EINVAL.because("the archive ends early")) }
    }
    fn skip(&mut self, mut count: u64) -> Result<()> {
        let mut bytes = [0; 512];
        while count > 0 {
            let step = count.min(512);
            self.read_exactly(bytes.get_mut(..step as usize).unwrap_or(&mut []))?;
            count -= step;
        }
        Ok(())
    }
    fn align(&mut self) -> Result<()> {
        self.skip(cpio::padding(self.position))
    }

    /// Unpacks an entry; false for the trailer.
    fn entry(&mut self, header: &Header) -> Result<bool> {
        if header.name_size == 0 || header.name_size > LONGEST_NAME {
            self.skip(header.name_size.into())?;
            self.align()?;
            self.skip(header.size.into())?;
            self.align()?;
            return Ok(true);
        }
        let mut name = Vec::new();
        name.try_reserve_exact(header.name_size as usize)?;
        name.resize(header.name_size as usize, 0);
        self.read_exactly(&mut name)?;
        self.align()?;
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        name.truncate(end);
        if name == cpio::TRAILER {
            self.skip(header.size.into())?;
            return Ok(false);
        }
        let start = self.position;
        if let Err(error) = self.make(header, &name) {
            if matches!(error, ENOMEM | ENOSPC) {
                return Err(error);
            }
            let shown = alloc::string::String::from_utf8_lossy(&name);
            warn!("initramfs: {shown} was not unpacked: {error:?}");
        }
        let body = u64::from(header.size);
        self.skip(body.saturating_sub(self.position - start))?;
        self.align()?;
        Ok(true)
    }

    fn make(&mut self, header: &Header, name: &[u8]) -> Result<()> {
        let credentials = Credentials::kernel();
        let mut walker = Walker::from(&credentials, self.root.clone(), self.root.clone(), name, 0)?;
        let parent = walker.to_parent()?;
        let kind = FileType::of_mode(header.mode);
        if parent.last != Last::Name {
            let inode = walker.to_end()?.inode()?.clone();
            return if kind == FileType::Directory { self.finish(&inode, header) } else { Err(EEXIST) };
        }
        let directory = parent.directory.inode()?.clone();
        let guard = directory.lock.write();
        let there = lookup_locked(&directory, &parent.directory.dentry, &parent.name)?;
        let mut existing = there.inode().cloned();
        if let Some(old) = existing.as_ref().filter(|old| old.kind() != kind || kind != FileType::Directory) {
            match old.is_directory() {
                true => directory.operations().remove_directory(&directory, &parent.name, old)?,
                false => directory.operations().unlink(&directory, &parent.name, old)?,
            }
            dentry::remove(&there, true);
            existing = None;
        }
        let [major, minor] = header.special_device;
        let device = if kind.is_device() { DeviceNumber::new(major, minor) } else { DeviceNumber::default() };
        let new = NewInode { mode: header.mode & 0xffff, user: header.user, group: header.group, device };
        let key = (header.inode, header.device);
        let linked = (header.links > 1 && kind != FileType::Directory).then(|| self.links.get(&key).cloned()).flatten();
        let inode = match (existing, kind, linked) {
            (Some(existing), ..) => existing,
            (None, _, Some(linked)) => {
                directory.operations().link(&directory, &parent.name, &linked)?;
                linked
            }
            (None, FileType::None, _) => return Err(EINVAL),
            (None, FileType::SymbolicLink, _) => {
                if header.size > LONGEST_NAME {
                    return Err(ENAMETOOLONG);
                }
                let mut target = Vec::new();
                target.try_reserve_exact(header.size as usize)?;
                target.resize(header.size as usize, 0);
                self.read_exactly(&mut target)?;
                directory.operations().create_link(&directory, &parent.name, &target, &new)?
            }
            _ => directory.operations().create(&directory, &parent.name, &new)?,
        };
        if header.links > 1 && kind != FileType::Directory {
            self.links.insert(key, inode.clone());
        }
        dentry::publish(&parent.directory.dentry, &parent.name, Some(inode.clone()))?;
        drop(guard);
        if kind == FileType::Regular && header.size > 0 {
            self.fill(&inode, header.size.into())?;
        }
        self.finish(&inode, header)
    }

    fn finish(&mut self, inode: &Arc<Inode>, header: &Header) -> Result<()> {
        inode.set_mode(header.mode);
        inode.set_owner(header.user, header.group);
        let time = Timestamp { seconds: header.modification_time.into(), nanoseconds: 0 };
        inode.set_times(time, time, time);
        if inode.is_directory() {
            self.directories.try_reserve(1)?;
            self.directories.push((inode.clone(), header.modification_time));
        }
        Ok(())
    }

    /// Reads a file's content, taking whole pages without copying where they lie on page boundaries.
    fn fill(&mut self, inode: &Arc<Inode>, size: u64) -> Result<()> {
        let mapping = inode.mapping().ok_or(EINVAL)?;
        if mapping.size() != 0 {
            mapping.truncate(0);
        }
        let (mut index, mut left) = (0, size);
        let whole = (size / PAGE_SIZE as u64) as usize;
        if whole > 0
            && let Some(frames) = self.source.take_frames(whole)
        {
            self.position += whole as u64 * PAGE_SIZE as u64;
            left -= whole as u64 * PAGE_SIZE as u64;
            for frame in frames {
                mapping.insert(index, frame)?;
                index += 1;
            }
        }
        let mut bytes = [0; 2048];
        while left > 0 {
            inode.operations().reserve(inode, 1)?;
            let frame = Frame::zeroed()?;
            let mut within = 0;
            while within < PAGE_SIZE && left > 0 {
                let step = left.min(2048).min((PAGE_SIZE - within) as u64) as usize;
                let part = bytes.get_mut(..step).unwrap_or(&mut []);
                self.read_exactly(part)?;
                within += frame.write(within, part);
                left -= step as u64;
            }
            mapping.insert(index, frame)?;
            index += 1;
        }
        mapping.set_size(size);
        inode.operations().settle(inode);
        Ok(())
    }
}
