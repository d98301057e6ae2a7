//! F_NOTIFY of fcntl(2): a signal when something happens in a directory.
use super::event;
use super::marks::{self, Marks, Told};
use crate::error::*;
use crate::file::descriptor::FileTable;
use crate::file::inode::Inode;
use crate::file::signal_driven::{Reason, SignalOwner};
use crate::file::{File, FileType};
use crate::process::Task;
use crate::syscall::Fd;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

/// Whether F_NOTIFY works (fs.dir-notify-enable).
pub static ENABLED: AtomicBool = AtomicBool::new(true);

/// The request stays until it is taken back (DN_MULTISHOT).
const MULTISHOT: u32 = 0x8000_0000;

/// What a process asked for, by an open file.
pub struct Request {
    /// The open file and the process's descriptor table, by their addresses.
    file: usize,
    table: usize,
    descriptor: Fd,
    owner: Arc<SignalOwner>,
    /// Bits of [`event`], and [`MULTISHOT`].
    mask: u32,
}

fn address<T>(object: &T) -> usize {
    core::ptr::from_ref(object).addr()
}

/// The events that DN_* flags stand for.
fn events_of(argument: u32) -> u32 {
    const EVENTS: [(u32, u32); 6] = [
        (1, event::ACCESS),
        (2, event::MODIFY),
        (4, event::CREATE | event::MOVED_TO),
        (8, event::DELETE | event::MOVED_FROM),
        (16, event::RENAME),
        (32, event::ATTRIBUTES),
    ];
    EVENTS.iter().filter(|(flag, _)| argument & flag != 0).fold(argument & MULTISHOT, |all, (_, events)| all | events)
}

/// F_NOTIFY: asks for more events, or with none takes the request back. EINVAL, ENOTDIR.
pub fn request(task: &Task, file: &Arc<File>, fd: Fd, argument: u64) -> Result<()> {
    if !ENABLED.load(Ordering::Relaxed) {
        return Err(EINVAL);
    }
    let files = task.files();
    if argument as u32 & !MULTISHOT == 0 {
        forget(file, &files);
        return Ok(());
    }
    let inode = file.inode();
    if inode.kind() != FileType::Directory {
        return Err(ENOTDIR);
    }
    let mask = events_of(argument as u32);
    let marks = marks::of(inode)?;
    let owner = file.signal_owner_made()?;
    let (own, table) = (address(&**file), address(&*files));
    {
        let mut requests = marks.requests.lock();
        if let Some(request) = requests.iter_mut().find(|request| (request.file, request.table) == (own, table)) {
            request.descriptor = fd;
            request.mask |= mask;
            drop(requests);
            owner.name_caller(task);
            return Ok(());
        }
    }
    let request = Request { file: own, table, descriptor: fd, owner: owner.clone(), mask };
    marks::push(&marks.requests, request, true)?;
    file.note_locks();
    marks.note_added(inode);
    owner.name_caller(task);
    // Somebody closed the descriptor meanwhile: nobody would take the request back.
    if !files.get(fd).is_ok_and(|now| Arc::ptr_eq(&now, file)) {
        forget(file, &files);
    }
    Ok(())
}

/// A descriptor of a process was closed: its request by that file ends.
pub fn forget(file: &File, table: &FileTable) {
    let key = (address(file), address(table));
    remove(file.inode(), |request| (request.file, request.table) == key);
}
/// The last reference to an open file is gone.
pub fn release(file: &File) {
    let own = address(file);
    remove(file.inode(), |request| request.file == own);
}

fn remove(inode: &Inode, goes: impl Fn(&Request) -> bool) {
    let Some(marks) = inode.marks().filter(|_| inode.is_watched()) else { return };
    loop {
        let mut requests = marks.requests.lock();
        let Some(place) = requests.iter().position(&goes) else { return };
        let gone = requests.remove(place);
        drop(requests);
        drop(gone);
        marks.note_removed(inode, 1);
    }
}

/// Sends the signals of an event in a directory, or to a directory itself.
pub(super) fn tell(marks: &Marks, inode: &Inode, told: Told) {
    if told.name.is_none() && told.mask & event::IS_DIRECTORY == 0 {
        return;
    }
    let mut index = 0;
    loop {
        let mut requests = marks.requests.lock();
        let next = requests.iter().skip(index).position(|request| told.is_in(request.mask));
        let Some(place) = next.map(|skipped| index + skipped) else { return };
        let Some(request) = requests.get(place) else { return };
        let (owner, descriptor) = (request.owner.clone(), request.descriptor);
        let stays = request.mask & MULTISHOT != 0;
        let gone = if stays { None } else { Some(requests.remove(place)) };
        drop(requests);
        index = place + usize::from(stays);
        if gone.is_some() {
            marks.note_removed(inode, 1);
        }
        drop(gone);
        owner.send(descriptor, Reason::Message);
    }
}
