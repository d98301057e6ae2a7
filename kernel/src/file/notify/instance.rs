//! inotify instances and their watches.
use super::event;
use super::marks::{self, Told};
use super::queue::{Event, Queue};
use crate::error::*;
use crate::file::inode::Inode;
use crate::file::signal_driven::{Lists, Reason, SignalList};
use crate::file::{File, FileOperations, IoBuffer, PollEvents, PollTable};
use crate::process::Task;
use crate::process::credentials::UserRecord;
use crate::sync::{Mutex, rank};
use crate::syscall::UserPtr;
use crate::wait::{Sleep, WaitQueue};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use machine::memory::try_arc;

/// Events that an instance keeps (fs.inotify.max_queued_events).
pub static QUEUED_MAXIMUM: AtomicU32 = AtomicU32::new(16_384);
/// Instances of one user (fs.inotify.max_user_instances).
pub static INSTANCES_MAXIMUM: AtomicU32 = AtomicU32::new(128);
/// Watches of one user (fs.inotify.max_user_watches).
pub static WATCHES_MAXIMUM: AtomicU32 = AtomicU32::new(8192);

/// Numbers of watches, in the order in which they were made.
static SEQUENCE: AtomicU64 = AtomicU64::new(1);

/// What inotify_init(2) makes.
pub struct Instance {
    queue: Queue,
    watches: Mutex<Watches>,
    readable: Arc<WaitQueue>,
    signals: SignalList,
    /// Who is charged for it and for its watches.
    user: Arc<UserRecord>,
}
struct Watches {
    /// By descriptor.
    list: Vec<Arc<Watch>>,
    /// The descriptor that was given out last.
    last: i32,
}

/// An inode that an instance watches.
pub struct Watch {
    instance: Weak<Instance>,
    descriptor: i32,
    sequence: u64,
    inode: Arc<Inode>,
    /// Events, and [`event::EXCLUDE_UNLINKED`] and [`event::ONE_SHOT`].
    mask: AtomicU32,
}

impl Watch {
    pub(super) fn inode(&self) -> &Arc<Inode> {
        &self.inode
    }
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }
    pub(super) fn is_of(&self, instance: &Instance) -> bool {
        core::ptr::eq(self.instance.as_ptr(), instance)
    }
    pub(super) fn wants(&self, told: &Told) -> bool {
        let mask = self.mask.load(Ordering::Relaxed);
        let excluded = told.unlinked && mask & event::EXCLUDE_UNLINKED != 0;
        told.is_in(mask | event::UNMOUNT) && told.mask & event::RENAME == 0 && !excluded
    }
    /// Queues an event; a watch for one event ends with it.
    pub(super) fn queue(&self, told: Told) {
        let Some(instance) = self.instance.upgrade() else { return };
        instance.queue_event(Event::new(self.descriptor, told));
        if self.mask.load(Ordering::Relaxed) & event::ONE_SHOT != 0 {
            self.end(true);
        }
    }
    /// Ends the watch, which its reader may be told (IN_IGNORED). Nothing if it has ended.
    pub(super) fn end(&self, tell: bool) {
        if !self.inode.marks().is_some_and(|marks| marks.remove(self)) {
            return;
        }
        let Some(instance) = self.instance.upgrade() else { return };
        if tell {
            let told = Told { mask: event::IGNORED, name: None, cookie: 0, unlinked: false };
            instance.queue_event(Event::new(self.descriptor, told));
        }
        instance.forget(self.descriptor);
    }
}

impl Instance {
    /// An instance of the caller's. EMFILE where its user has too many.
    pub(super) fn new(task: &Task) -> Result<Arc<Instance>> {
        let user = UserRecord::of(task.with_credentials(|own| own.effective_user))?;
        let instance = try_arc(Instance {
            queue: Queue::new(QUEUED_MAXIMUM.load(Ordering::Relaxed) as usize).ok_or(ENOMEM)?,
            watches: Mutex::new(rank::NOTIFICATION, Watches { list: Vec::new(), last: 0 }),
            readable: try_arc(WaitQueue::new())?,
            signals: SignalList::new(),
            user,
        })?;
        // Given back when the instance ends, also here.
        if instance.user.notify_instances.fetch_add(1, Ordering::Relaxed) >= INSTANCES_MAXIMUM.load(Ordering::Relaxed) {
            return Err(EMFILE);
        }
        Ok(instance)
    }
    fn queue_event(&self, event: Option<Arc<Event>>) {
        if self.queue.push(event) {
            self.readable.wake((PollEvents::IN | PollEvents::RDNORM).0);
            self.signals.notify(Reason::Input);
        }
    }
    fn forget(&self, descriptor: i32) {
        let mut watches = self.watches.lock();
        let gone = match watches.list.binary_search_by_key(&descriptor, |watch| watch.descriptor) {
            Ok(place) => Some(watches.list.remove(place)),
            Err(_) => None,
        };
        drop(watches);
        if gone.is_some() {
            self.user.notify_watches.fetch_sub(1, Ordering::Relaxed);
        }
    }
    fn find(&self, descriptor: i32) -> Option<Arc<Watch>> {
        let watches = self.watches.lock();
        let place = watches.list.binary_search_by_key(&descriptor, |watch| watch.descriptor).ok()?;
        watches.list.get(place).cloned()
    }
    /// inotify_add_watch(2), once the inode is found. EEXIST with IN_MASK_CREATE, ENOSPC where the user has too many.
    pub(super) fn watch(self: &Arc<Self>, inode: &Arc<Inode>, mask: u32) -> Result<i32> {
        const KEPT: u32 = event::ALL | event::EXCLUDE_UNLINKED | event::ONE_SHOT;
        let wanted = mask & KEPT;
        let marks = marks::of(inode)?;
        let mut watches = self.watches.lock();
        if let Some(watch) = marks.find(self) {
            if mask & event::MASK_CREATE != 0 {
                return Err(EEXIST);
            }
            match mask & event::MASK_ADD != 0 {
                true => watch.mask.fetch_or(wanted, Ordering::Relaxed),
                false => watch.mask.swap(wanted, Ordering::Relaxed),
            };
            return Ok(watch.descriptor);
        }
        let descriptor = watches.next_free().ok_or(ENOSPC)?;
        let watch = try_arc(Watch {
            instance: Arc::downgrade(self),
            descriptor,
            sequence: SEQUENCE.fetch_add(1, Ordering::Relaxed),
            inode: inode.clone(),
            mask: AtomicU32::new(wanted),
        })?;
        watches.list.try_reserve(1)?;
        if self.user.notify_watches.fetch_add(1, Ordering::Relaxed) >= WATCHES_MAXIMUM.load(Ordering::Relaxed) {
            self.user.notify_watches.fetch_sub(1, Ordering::Relaxed);
            return Err(ENOSPC);
        }
        let added = marks.add(inode, &watch);
        if added.is_err() {
            self.user.notify_watches.fetch_sub(1, Ordering::Relaxed);
        }
        added?;
        watches.last = descriptor;
        let place = watches.list.partition_point(|other| other.descriptor < descriptor);
        watches.list.insert(place, watch);
        Ok(descriptor)
    }
    /// inotify_rm_watch(2): EINVAL.
    pub(super) fn unwatch(&self, descriptor: i32) -> Result<()> {
        self.find(descriptor).ok_or(EINVAL)?.end(true);
        Ok(())
    }
}
impl Watches {
    /// The next descriptor after the last one that is free; they begin anew at 1 when the numbers are used up.
    fn next_free(&self) -> Option<i32> {
        let is_free = |number: &i32| self.list.binary_search_by_key(number, |watch| watch.descriptor).is_err();
        let after = self.last.checked_add(1).unwrap_or(1);
        (after..=i32::MAX).find(is_free).or_else(|| (1..after).find(is_free))
    }
}
impl Drop for Instance {
    fn drop(&mut self) {
        self.user.notify_instances.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The open file of an instance.
pub struct InotifyFile(pub(super) Arc<Instance>);

impl InotifyFile {
    /// Fills a part of the buffer of so many bytes with whole events.
    fn read_part(&self, file: &File, into: &mut IoBuffer, room: usize) -> Result<usize> {
        let instance = &*self.0;
        let mut done = 0;
        loop {
            match instance.queue.pop(room - done) {
                Err(()) if done > 0 => return Ok(done),
                Err(()) => return Err(EINVAL.because("the buffer is too small for the next event")),
                Ok(Some(event)) => {
                    let bytes = event.bytes().ok_or(ENOMEM)?;
                    // The event is lost, as on Linux.
                    if into.put(&bytes)? < bytes.len() {
                        return Err(EFAULT);
                    }
                    done += bytes.len();
                }
                Ok(None) if done > 0 => return Ok(done),
                Ok(None) if file.is_nonblocking() => return Err(EAGAIN),
                Ok(None) => {
                    let ready = || (!instance.queue.is_empty()).then_some(());
                    instance.readable.wait_until(Sleep::Interruptible, None, ready).map_err(|_| ERESTARTSYS)?;
                }
            }
        }
    }
}

impl FileOperations for InotifyFile {
    fn read(&self, file: &File, into: &mut IoBuffer, _offset: u64) -> Result<usize> {
        let mut done = 0;
        loop {
            // Each part of a vector is read by itself, until one is not filled.
            let room = into.segment_room();
            match self.read_part(file, into, room) {
                Ok(count) if count == room && room > 0 && into.remaining() > 0 => done += count,
                Ok(count) => return Ok(done + count),
                Err(error) if done == 0 => return Err(error),
                Err(_) => return Ok(done),
            }
        }
    }
    fn poll(&self, _file: &File, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.0.readable);
        }
        if self.0.queue.is_empty() { PollEvents::NONE } else { PollEvents::IN | PollEvents::RDNORM }
    }
    fn ioctl(&self, _file: &File, task: &Task, command: u32, argument: u64) -> Result<usize> {
        const FIONREAD: u32 = 0x541b;
        if command != FIONREAD {
            return Err(ENOTTY);
        }
        UserPtr::<i32>::new(argument).write(task, &(self.0.queue.bytes() as i32))?;
        Ok(0)
    }
    /// lseek(2) succeeds and moves nothing.
    fn seek_nowhere(&self) -> Result<u64> {
        Ok(0)
    }
    fn is_seekable(&self) -> bool {
        false
    }
    fn signal_lists<'a>(&'a self, _file: &'a File) -> Lists<'a> {
        [Some(&self.0.signals), None]
    }
    fn show_information(&self, _file: &File, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        let watches = self.0.watches.lock();
        // The newest first, as on Linux.
        for watch in watches.list.iter().rev() {
            let device = watch.inode.superblock().device();
            let number = watch.inode.number();
            let mask = watch.mask.load(Ordering::Relaxed);
            write!(
                out,
                "inotify wd:{:x} ino:{number:x} sdev:{:x} ",
                watch.descriptor,
                device.major << 20 | device.minor
            )?;
            writeln!(out, "mask:{mask:x} ignored_mask:0 ")?;
        }
        Ok(())
    }
    fn release(&self, _file: &File) {
        loop {
            let Some(watch) = self.0.watches.lock().list.first().cloned() else { break };
            watch.end(false);
            // Whoever ended it before may not have taken it off the list yet.
            self.0.forget(watch.descriptor);
        }
        self.0.queue.clear();
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
