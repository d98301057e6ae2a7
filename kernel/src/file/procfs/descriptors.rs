//! /proc/PID/fd and /proc/PID/fdinfo.
use super::node::{Directory, NO_SUCH_NAME, emit_id, inode, parse_id};
use super::text::TextFile;
use super::{Output, Subject};
use crate::error::*;
use crate::file::attributes::{FileType, NewInode};
use crate::file::inode::{DirectoryEntry, Inode, InodeOperations, LinkTarget};
use crate::file::{File, FileOperations};
use crate::process::Task;
use crate::syscall::Fd;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt::Write;
use machine::memory::try_box;

/// First cursor of a descriptor.
const FIRST: u64 = 2;

/// The directory fd or fdinfo.
pub struct Descriptors {
    subject: Subject,
    information: bool,
}
impl Descriptors {
    /// fd's operations.
    pub fn links(subject: &Subject) -> Result<Box<dyn InodeOperations>> {
        Ok(try_box(Descriptors { subject: subject.clone(), information: false })?)
    }
    /// fdinfo's operations.
    pub fn information(subject: &Subject) -> Result<Box<dyn InodeOperations>> {
        Ok(try_box(Descriptors { subject: subject.clone(), information: true })?)
    }
}

fn file_of(subject: &Subject, fd: u32) -> Result<Arc<File>> {
    let task = subject.task().map_err(|_| ENOENT)?;
    let fd = i32::try_from(fd).map_err(|_| ENOENT)?;
    task.files_if_any().ok_or(ENOENT)?.get(Fd(fd)).map_err(|_| ENOENT)
}

impl InodeOperations for Descriptors {
    fn create(&self, _directory: &Arc<Inode>, _name: &[u8], _new: &NewInode) -> Result<Arc<Inode>> {
        Err(NO_SUCH_NAME)
    }
    fn create_link(&self, _: &Arc<Inode>, _: &[u8], _: &[u8], _: &NewInode) -> Result<Arc<Inode>> {
        Err(NO_SUCH_NAME)
    }
    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        let fd = parse_id(name).ok_or(ENOENT)?;
        let file = file_of(&self.subject, fd)?;
        let (mode, operations): (u32, Box<dyn InodeOperations>) = if self.information {
            (FileType::Regular as u32 | 0o400, try_box(Information { subject: self.subject.clone(), fd })?)
        } else {
            let readable = if file.is_readable() { 0o500 } else { 0 };
            let writable = if file.is_writable() { 0o300 } else { 0 };
            let link = Link { subject: self.subject.clone(), fd };
            (FileType::SymbolicLink as u32 | readable | writable, try_box(link)?)
        };
        inode(directory.superblock(), mode, self.subject.owner(), operations)
    }
    fn iterate(&self, _directory: &Arc<Inode>, from: u64, emit: &mut dyn FnMut(DirectoryEntry) -> bool) -> Result<()> {
        self.subject.check_access()?;
        let task = self.subject.task().map_err(|_| ENOENT)?;
        let Some(files) = task.files_if_any() else { return Ok(()) };
        let kind = if self.information { FileType::Regular } else { FileType::SymbolicLink };
        for fd in files.descriptors()? {
            let cursor = FIRST + u64::from(fd);
            if cursor >= from && !emit_id(fd, kind, cursor + 1, emit) {
                break;
            }
        }
        Ok(())
    }
    fn is_fresh(&self, _inode: &Inode) -> bool {
        self.subject.exists()
    }
    /// Descriptors come and go, and what they mean changes: never believed.
    fn revalidate(&self, _directory: &Arc<Inode>, _name: &[u8], _child: &Arc<Inode>) -> Result<bool> {
        Ok(false)
    }
    fn open(&self, _inode: &Arc<Inode>, _flags: u32) -> Result<Box<dyn FileOperations>> {
        Ok(try_box(Directory)?)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct Link {
    subject: Subject,
    fd: u32,
}
impl InodeOperations for Link {
    fn is_fresh(&self, _inode: &Inode) -> bool {
        false
    }
    fn follow_link(&self, _inode: &Arc<Inode>) -> Result<LinkTarget> {
        self.subject.check_access()?;
        Ok(LinkTarget::Jump(file_of(&self.subject, self.fd)?.path().clone()))
    }
    fn read_link(&self, _inode: &Arc<Inode>) -> Result<Vec<u8>> {
        self.subject.check_access()?;
        file_of(&self.subject, self.fd)?.path().to_bytes(&Task::current().context().root())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct Information {
    subject: Subject,
    fd: u32,
}
impl InodeOperations for Information {
    fn is_fresh(&self, _inode: &Inode) -> bool {
        false
    }
    fn open(&self, _inode: &Arc<Inode>, _flags: u32) -> Result<Box<dyn FileOperations>> {
        self.subject.check_access()?;
        // The text is made once, at open: the table of generators has no room for a descriptor.
        let file = file_of(&self.subject, self.fd)?;
        let task = self.subject.task()?;
        let files = task.files_if_any().ok_or(ENOENT)?;
        let fd = i32::try_from(self.fd).map_err(|_| ENOENT)?;
        let mut out = Output::new();
        let close_on_exec = if files.close_on_exec(Fd(fd)).unwrap_or(false) { 0o2_000_000 } else { 0 };
        writeln!(out, "pos:\t{}", file.position())?;
        writeln!(out, "flags:\t0{:o}", file.flags() | close_on_exec)?;
        writeln!(out, "mnt_id:\t{}", file.path().mount.id())?;
        writeln!(out, "ino:\t{}", file.inode().number())?;
        crate::file::lock_report::show_of(&file, &files, &mut out, &self.subject.namespace)?;
        file.operations().show_information(&file, &mut out)?;
        Ok(try_box(TextFile::fixed(out))?)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
