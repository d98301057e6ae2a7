//! poll(2), ppoll(2), select(2) and pselect6(2).
use super::{File, PollEntries, PollEvents, PollTable};
use crate::error::*;
use crate::process::thread_group::Resource;
use crate::process::{Task, restart};
use crate::signal::temporary::TemporaryMask;
use crate::syscall::user::{UserWord, plain_layout};
use crate::syscall::{Fd, UserAddress, UserPtr, UserSlice};
use crate::time::value::LONGEST;
use crate::time::{TimeLayout, Timeval};
use crate::wait::{Sleep, Target, WaitError, WaitQueue};
use alloc::sync::Arc;
use alloc::vec::Vec;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct pollfd`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PollFd {
    fd: i32,
    events: u16,
    revents: u16,
}
plain_layout!(PollFd);

/// How a wait for readiness ends without an event.
enum Ended {
    TimedOut,
    Interrupted,
}

/// Polls until `scan` counts something, a signal comes or the deadline passes. `scan` gets the table on its first run only;
/// it returns how many events there are. A deadline of 0 does not wait.
fn wait(deadline: Option<u64>, mut scan: impl FnMut(Option<&mut PollTable>) -> usize) -> Result<usize, Ended> {
    let task = machine::thread::current_arc::<Task>();
    let interrupted = || if task.signal_pending() { Ended::Interrupted } else { Ended::TimedOut };
    if deadline == Some(0) {
        return match scan(None) {
            0 => Err(interrupted()),
            count => Ok(count),
        };
    }
    let mut entries = PollEntries::new();
    let mut register = |queue: &Arc<WaitQueue>| entries.add(queue, Target::Task(task.clone()), false);
    let count = scan(Some(&mut PollTable::new(&mut register)));
    if count != 0 {
        return Ok(count);
    }
    // Files whose entry could not be made are looked at again now and then.
    const WITHOUT_ENTRIES: u64 = 10_000_000;
    loop {
        let step = if entries.has_failed() {
            let soon = machine::time::monotonic().saturating_add(WITHOUT_ENTRIES);
            Some(deadline.map_or(soon, |deadline| deadline.min(soon)))
        } else {
            deadline
        };
        let ready = || match scan(None) {
            0 => None,
            count => Some(count),
        };
        match WaitQueue::new().wait_until(Sleep::Interruptible, step, ready) {
            Ok(count) => return Ok(count),
            Err(WaitError::Interrupted) => return Err(Ended::Interrupted),
            Err(WaitError::TimedOut) if step == deadline => return Err(interrupted()),
            Err(WaitError::TimedOut) => {}
        }
    }
}

/// A relative time-out as a deadline: 0 for "do not wait".
fn deadline_after(nanoseconds: u64) -> u64 {
    if nanoseconds == 0 { 0 } else { machine::time::monotonic().saturating_add(nanoseconds).min(LONGEST) }
}

/// The array of poll(2) with the files it names.
struct PollSet {
    user: UserPtr<PollFd>,
    entries: Vec<(PollFd, Option<Arc<File>>)>,
}
impl PollSet {
    fn read(task: &Task, user: UserPtr<PollFd>, count: u32) -> Result<Self> {
        if u64::from(count) > task.group().limit(Resource::OpenFiles) {
            return Err(EINVAL.because("more descriptors than the process may have"));
        }
        let mut entries = Vec::new();
        entries.try_reserve_exact(usize::try_from(count).map_err(|_| EINVAL)?)?;
        for index in 0..count as usize {
            entries.push((user.element(task, index).read(task)?, None));
        }
        let files = task.files();
        for (entry, file) in &mut entries {
            entry.revents = 0;
            if entry.fd >= 0 {
                *file = files.get_io(Fd(entry.fd)).ok();
            }
        }
        Ok(PollSet { user, entries })
    }

    fn scan(&mut self, mut table: Option<&mut PollTable>) -> usize {
        let always = PollEvents::ERR | PollEvents::HUP;
        let mut count = 0;
        for (entry, file) in &mut self.entries {
            let events = match file {
                Some(file) => {
                    let table = table.as_deref_mut();
                    let wanted = PollEvents(entry.events.into()) | always;
                    file.operations().poll(file, table) & wanted
                }
                None if entry.fd < 0 => PollEvents::NONE,
                None => PollEvents::NVAL,
            };
            entry.revents = events.0 as u16;
            count += usize::from(entry.revents != 0);
        }
        count
    }

    /// Offset of `revents` in the structure.
    const REVENTS: u64 = 6;

    fn write_back(&self, task: &Task) -> Result<()> {
        for (index, (entry, _)) in self.entries.iter().enumerate() {
            let address = self.user.element(task, index).address().wrapping_add(Self::REVENTS);
            UserSlice::new(address, 2).write(&entry.revents.to_ne_bytes())?;
        }
        Ok(())
    }
}

fn do_poll(task: &Task, user: UserPtr<PollFd>, count: u32, deadline: Option<u64>) -> Result<Result<usize, Ended>> {
    let mut set = PollSet::read(task, user, count)?;
    let result = wait(deadline, |table| set.scan(table));
    set.write_back(task)?;
    Ok(result)
}

/// poll(2): an interrupted call resumes to the same deadline unless a handler ran.
pub fn poll(task: &Task, fds: UserPtr<PollFd>, count: u32, timeout: i32) -> Result<usize> {
    let deadline = u64::try_from(timeout).ok().map(|milliseconds| deadline_after(milliseconds * 1_000_000));
    poll_until(task, fds, count, deadline)
}

fn poll_until(task: &Task, fds: UserPtr<PollFd>, count: u32, deadline: Option<u64>) -> Result<usize> {
    match do_poll(task, fds, count, deadline)? {
        Ok(ready) => Ok(ready),
        Err(Ended::TimedOut) => Ok(0),
        Err(Ended::Interrupted) => {
            let address = fds.address();
            Err(restart::later(task, move |task| poll_until(task, UserPtr::new(address), count, deadline)))
        }
    }
}

/// ppoll(2): poll with a signal mask; the time left is stored.
pub fn ppoll<T: TimeLayout>(
    task: &Task,
    fds: UserPtr<PollFd>,
    count: u32,
    timeout: UserPtr<T>,
    mask: UserAddress,
    mask_size: usize,
) -> Result<usize> {
    let deadline = timeout.read_optional(task)?.map(|time| time.nanoseconds()).transpose()?.map(deadline_after);
    let mask = TemporaryMask::set(task, mask, mask_size)?;
    let result = do_poll(task, fds, count, deadline);
    let interrupted = matches!(result, Ok(Err(Ended::Interrupted)));
    mask.end(task, interrupted);
    let result = match result? {
        Ok(ready) => Ok(ready),
        Err(Ended::TimedOut) => Ok(0),
        Err(Ended::Interrupted) => Err(ERESTARTNOHAND),
    };
    store_time_left(task, timeout, deadline, result)
}

/// Stores what is left of a time-out. A call whose time could not be stored is not restarted.
fn store_time_left<T: TimeLayout>(
    task: &Task,
    user: UserPtr<T>,
    deadline: Option<u64>,
    result: Result<usize>,
) -> Result<usize> {
    let Some(deadline) = deadline else { return result };
    let left = if deadline == 0 { 0 } else { deadline.saturating_sub(machine::time::monotonic()) };
    match user.write(task, &T::from_nanoseconds(left)) {
        Err(_) if result == Err(ERESTARTNOHAND) => Err(EINTR),
        _ => result,
    }
}

/// What makes a descriptor readable, writable and exceptional for select(2).
const READABLE: PollEvents =
    PollEvents(PollEvents::RDNORM.0 | PollEvents::RDBAND.0 | PollEvents::IN.0 | PollEvents::HUP.0 | PollEvents::ERR.0);
const WRITABLE: PollEvents =
    PollEvents(PollEvents::WRBAND.0 | PollEvents::WRNORM.0 | PollEvents::OUT.0 | PollEvents::ERR.0);
const EXCEPTIONAL: PollEvents = PollEvents::PRI;
const KINDS: [PollEvents; 3] = [READABLE, WRITABLE, EXCEPTIONAL];

/// One of select's bit sets in user memory: whole words of the ABI, little endian.
fn read_set(address: u64, bytes: usize) -> Result<Vec<u8>> {
    if address == 0 { Ok(Vec::new()) } else { UserSlice::new(address, bytes).read_all() }
}
fn has_bit(set: &[u8], index: usize) -> bool {
    set.get(index / 8).is_some_and(|byte| byte & 1 << (index % 8) != 0)
}

struct Selected {
    descriptor: usize,
    wanted: [bool; 3],
    file: Arc<File>,
}

fn do_select(task: &Task, count: i32, sets: [u64; 3], deadline: Option<u64>) -> Result<Result<usize, Ended>> {
    let count = usize::try_from(count).map_err(|_| EINVAL.because("negative count"))?;
    let files = task.files();
    // Descriptors that the table cannot hold are not looked at.
    let count = count.min(files.capacity());
    let word = if matches!(task.abi(), abi::Abi::I386) { 32 } else { 64 };
    let bytes = count.div_ceil(word) * word / 8;
    let [read, write, except] = sets;
    let wanted = [read_set(read, bytes)?, read_set(write, bytes)?, read_set(except, bytes)?];
    let mut selected = Vec::new();
    for descriptor in 0..count {
        let [read, write, except] = &wanted;
        let bits = [has_bit(read, descriptor), has_bit(write, descriptor), has_bit(except, descriptor)];
        if bits.contains(&true) {
            let file = files.get_io(Fd(i32::try_from(descriptor).map_err(|_| EINVAL)?))?;
            selected.try_reserve(1)?;
            selected.push(Selected { descriptor, wanted: bits, file });
        }
    }
    let mut found = [Vec::new(), Vec::new(), Vec::new()];
    for set in &mut found {
        set.try_reserve_exact(bytes)?;
        set.resize(bytes, 0u8);
    }
    let result = wait(deadline, |mut table| {
        let mut ready = 0;
        for entry in &selected {
            let table = table.as_deref_mut();
            let events = entry.file.operations().poll(&entry.file, table);
            for ((set, wanted), kind) in found.iter_mut().zip(entry.wanted).zip(KINDS) {
                if wanted && events.intersects(kind) {
                    if let Some(byte) = set.get_mut(entry.descriptor / 8) {
                        *byte |= 1 << (entry.descriptor % 8);
                    }
                    ready += 1;
                }
            }
        }
        ready
    });
    if !matches!(result, Err(Ended::Interrupted)) {
        for (address, set) in sets.into_iter().zip(&found) {
            if address != 0 {
                UserSlice::new(address, bytes).write(set)?;
            }
        }
    }
    Ok(result)
}

fn finish_select(result: Result<usize, Ended>) -> Result<usize> {
    match result {
        Ok(ready) => Ok(ready),
        Err(Ended::TimedOut) => Ok(0),
        Err(Ended::Interrupted) => Err(ERESTARTNOHAND),
    }
}

/// The time-out of select(2): microseconds may exceed a second.
fn select_timeout(time: Timeval) -> Result<u64> {
    let (seconds, micros) = (time.seconds, time.micros);
    let seconds = seconds.checked_add(micros / 1_000_000).ok_or(EINVAL)?;
    Timeval { seconds, micros: micros % 1_000_000 }.nanoseconds()
}

/// select(2); the time left is stored.
pub fn select(
    task: &Task,
    count: i32,
    read: UserAddress,
    write: UserAddress,
    except: UserAddress,
    timeout: UserPtr<Timeval>,
) -> Result<usize> {
    let deadline = timeout.read_optional(task)?.map(select_timeout).transpose()?.map(deadline_after);
    let result = do_select(task, count, [read.0, write.0, except.0], deadline)?;
    store_time_left(task, timeout, deadline, finish_select(result))
}

/// pselect6(2): select with nanoseconds and a signal mask; the last argument points to the mask's address and size.
pub fn pselect6<T: TimeLayout>(
    task: &Task,
    count: i32,
    read: UserAddress,
    write: UserAddress,
    except: UserAddress,
    timeout: UserPtr<T>,
    mask: UserPtr<UserWord>,
) -> Result<usize> {
    let (address, size) = match (mask.is_null(), task.abi()) {
        (true, _) => (0, 0),
        // x32 passes this pair as 64-bit words.
        (_, abi::Abi::X32) => {
            let pair = UserPtr::<u64>::new(mask.address());
            (pair.read(task)?, pair.element(task, 1).read(task)?)
        }
        _ => (mask.read(task)?.0, mask.element(task, 1).read(task)?.0),
    };
    let deadline = timeout.read_optional(task)?.map(|time| time.nanoseconds()).transpose()?.map(deadline_after);
    let mask = TemporaryMask::set(task, UserAddress(address), usize::try_from(size).unwrap_or(usize::MAX))?;
    let result = do_select(task, count, [read.0, write.0, except.0], deadline);
    let interrupted = matches!(result, Ok(Err(Ended::Interrupted)));
    mask.end(task, interrupted);
    store_time_left(task, timeout, deadline, finish_select(result?))
}
