//! poll(2), ppoll(2), select(2) and pselect6(2).
//!
//! Descriptors are looked up at each look at them, as on Linux: what is polled is what the numbers name then.
use super::{FileScope, PollEntries, PollEvents, PollTable};
use crate::error::*;
use crate::process::thread_group::Resource;
use crate::process::{Task, restart};
use crate::signal::temporary::TemporaryMask;
use crate::syscall::user::{UserLayout, UserWord, plain_layout};
use crate::syscall::{Fd, UserAddress, UserPtr, UserSlice};
use crate::time::value::LONGEST;
use crate::time::{TimeLayout, Timeval, Timeval32};
use crate::wait::{Sleep, Target, WaitError, WaitQueue, wait_for_wake};
use abi::Abi;
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

/// Polls until `scan` counts something, a signal comes or the deadline passes. `scan` gets the table on its first run only,
/// and registers until it has found something; it returns how many events there are. A deadline of 0 does not wait.
fn wait(deadline: Option<u64>, mut scan: impl FnMut(Option<&mut PollTable>) -> usize) -> Result<usize, Ended> {
    let task = Task::current();
    let interrupted = || if task.signal_pending() { Ended::Interrupted } else { Ended::TimedOut };
    if deadline == Some(0) {
        return match scan(None) {
            0 => Err(interrupted()),
            count => Ok(count),
        };
    }
    let mut entries = PollEntries::new();
    let mut register = |queue: &Arc<WaitQueue>| entries.add(queue, Target::Task(Task::current_arc()), false);
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
        match wait_for_wake(Sleep::Interruptible, step, ready) {
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

/// What a poll of one descriptor gives: the events, NVAL if it is not open.
#[inline(always)]
fn look(files: &FileScope, fd: Fd, table: Option<&mut PollTable>) -> PollEvents {
    files.look(fd, |file| file.operations().poll(file, table)).unwrap_or(PollEvents::NVAL)
}

/// The array of poll(2); a short one takes no allocation.
struct PollSet {
    user: UserPtr<PollFd>,
    short: [PollFd; Self::SHORT],
    long: Vec<PollFd>,
    count: usize,
}
impl PollSet {
    const SHORT: usize = 16;

    fn new(user: UserPtr<PollFd>) -> Self {
        PollSet { user, short: [PollFd::default(); Self::SHORT], long: Vec::new(), count: 0 }
    }

    fn read(&mut self, task: &Task, count: u32) -> Result<()> {
        if u64::from(count) > task.group().limit(Resource::OpenFiles) {
            return Err(EINVAL.because("more descriptors than the process may have"));
        }
        let count = usize::try_from(count).map_err(|_| EINVAL)?;
        self.count = count;
        if count > Self::SHORT {
            self.long.try_reserve_exact(count)?;
            self.long.resize(count, PollFd::default());
        }
        let user = self.user.address();
        let entries = self.entries();
        UserSlice::new(user, size_of_val(entries)).read(entries.as_mut_bytes())
    }

    fn entries(&mut self) -> &mut [PollFd] {
        match self.short.get_mut(..self.count) {
            Some(short) => short,
            None => &mut self.long,
        }
    }

    fn scan(&mut self, files: &FileScope, mut table: Option<&mut PollTable>) -> usize {
        let always = PollEvents::ERR | PollEvents::HUP | PollEvents::NVAL;
        let mut count = 0;
        for entry in self.entries() {
            entry.revents = 0;
            if entry.fd < 0 {
                continue;
            }
            let events = look(files, Fd(entry.fd), table.as_deref_mut()) & (PollEvents(entry.events.into()) | always);
            if events != PollEvents::NONE {
                entry.revents = events.0 as u16;
                count += 1;
                // Who has an answer does not wait.
                table = None;
            }
        }
        count
    }

    /// Stores the events found, and nothing else of the array.
    fn write_back(&mut self) -> Result<()> {
        let address = self.user.address();
        let records: &[[u16; 4]] = zerocopy::transmute_ref!(&*self.entries());
        if machine::user::scatter_to_user(address, records) != 0 { Err(EFAULT) } else { Ok(()) }
    }
}

fn do_poll(task: &Task, user: UserPtr<PollFd>, count: u32, deadline: Option<u64>) -> Result<Result<usize, Ended>> {
    let mut set = PollSet::new(user);
    set.read(task, count)?;
    let files = task.files();
    let result = wait(deadline, |table| files.with_scope(|files| set.scan(files, table)));
    set.write_back()?;
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

/// STICKY_TIMEOUTS of personality(2): time-outs are left as they are.
const STICKY_TIMEOUTS: u32 = 0x400_0000;

/// Stores what is left of a time-out. A call whose time could not be stored is not restarted.
fn store_time_left<T: TimeLayout>(
    task: &Task,
    user: UserPtr<T>,
    deadline: Option<u64>,
    result: Result<usize>,
) -> Result<usize> {
    let Some(deadline) = deadline else { return result };
    if task.personality() & STICKY_TIMEOUTS != 0 {
        return if result == Err(ERESTARTNOHAND) { Err(EINTR) } else { result };
    }
    let left = if deadline == 0 { 0 } else { deadline.saturating_sub(machine::time::monotonic()) };
    match user.write(task, &T::from_nanoseconds(left)) {
        Err(_) if result == Err(ERESTARTNOHAND) => Err(EINTR),
        _ => result,
    }
}

/// What makes a descriptor readable, writable and exceptional for select(2): all three, for one that cannot be polled.
const READABLE: PollEvents = PollEvents(
    PollEvents::RDNORM.0
        | PollEvents::RDBAND.0
        | PollEvents::IN.0
        | PollEvents::HUP.0
        | PollEvents::ERR.0
        | PollEvents::NVAL.0,
);
const WRITABLE: PollEvents = PollEvents(
    PollEvents::WRBAND.0 | PollEvents::WRNORM.0 | PollEvents::OUT.0 | PollEvents::ERR.0 | PollEvents::NVAL.0,
);
const EXCEPTIONAL: PollEvents = PollEvents(PollEvents::PRI.0 | PollEvents::NVAL.0);
const KINDS: [PollEvents; 3] = [READABLE, WRITABLE, EXCEPTIONAL];

/// The three bit sets of select(2), then the three that are found: words of 64 descriptors. Few take no allocation.
struct SelectSets {
    user: [u64; 3],
    /// Bytes of a set in user memory: whole words of the ABI.
    bytes: usize,
    words: usize,
    short: [u64; Self::SHORT],
    long: Vec<u64>,
}
impl SelectSets {
    const SHORT: usize = 24;

    fn new(task: &Task, user: [u64; 3], count: usize) -> Self {
        let word = if matches!(task.abi(), abi::Abi::I386) { 32 } else { 64 };
        let (bytes, words) = (count.div_ceil(word) * word / 8, count.div_ceil(64));
        SelectSets { user, bytes, words, short: [0; Self::SHORT], long: Vec::new() }
    }
    fn read(&mut self, count: usize) -> Result<()> {
        let (words, user, bytes) = (self.words, self.user, self.bytes);
        if words * 6 > Self::SHORT {
            self.long.try_reserve_exact(words * 6)?;
            self.long.resize(words * 6, 0);
        }
        for (address, set) in user.into_iter().zip(self.sets()) {
            if address != 0 {
                let set = set.as_mut_bytes().get_mut(..bytes).ok_or(EINVAL)?;
                UserSlice::new(address, bytes).read(set)?;
            }
        }
        // What lies behind the last descriptor is not looked at.
        if !count.is_multiple_of(64) {
            for last in self.sets().take(3).filter_map(|set| set.last_mut()) {
                *last &= (1 << (count % 64)) - 1;
            }
        }
        Ok(())
    }

    /// All six.
    fn sets(&mut self) -> impl Iterator<Item = &mut [u64]> {
        let words = self.words;
        let all = match self.short.get_mut(..words * 6) {
            Some(short) => short,
            None => &mut self.long,
        };
        all.chunks_exact_mut(words.max(1))
    }

    /// The words of the six sets that hold the descriptors from 64 times `index` on.
    #[inline(always)]
    fn words(&self, index: usize) -> [u64; 3] {
        let (words, short) = (self.words, self.words * 6 <= Self::SHORT);
        let all: &[u64] = if short { &self.short } else { &self.long };
        let word = |set: usize| all.get(set * words + index).copied().unwrap_or(0);
        [word(0), word(1), word(2)]
    }
    #[inline(always)]
    fn set_found(&mut self, index: usize, found: [u64; 3]) {
        let (words, short) = (self.words, self.words * 6 <= Self::SHORT);
        let all: &mut [u64] = if short { &mut self.short } else { &mut self.long };
        for (set, bits) in found.into_iter().enumerate() {
            if let Some(word) = all.get_mut((3 + set) * words + index) {
                *word = bits;
            }
        }
    }

    /// Looks at every descriptor, noting what is found; how many bits that is.
    fn scan(&mut self, files: &FileScope, mut table: Option<&mut PollTable>) -> usize {
        let mut count = 0;
        for index in 0..self.words {
            let wanted = self.words(index);
            let [read, write, except] = wanted;
            let mut found = [0; 3];
            for bit in ones(read | write | except) {
                let events = look(files, descriptor(index, bit), table.as_deref_mut());
                if !events.intersects(READABLE | WRITABLE | EXCEPTIONAL) {
                    continue;
                }
                for ((found, wanted), kind) in found.iter_mut().zip(wanted).zip(KINDS) {
                    if wanted & 1 << bit != 0 && events.intersects(kind) {
                        *found |= 1 << bit;
                        count += 1;
                        // Who has an answer does not wait.
                        table = None;
                    }
                }
            }
            self.set_found(index, found);
        }
        count
    }

    fn write_back(&mut self) -> Result<()> {
        let (user, bytes) = (self.user, self.bytes);
        for (address, set) in user.into_iter().zip(self.sets().skip(3)) {
            if address != 0 {
                UserSlice::new(address, bytes).write(set.as_bytes().get(..bytes).ok_or(EINVAL)?)?;
            }
        }
        Ok(())
    }
}

/// The numbers of the bits that are set, from the lowest.
#[inline(always)]
fn ones(mut word: u64) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < 64).then_some(bit)
    })
}
#[inline(always)]
fn descriptor(word: usize, bit: u32) -> Fd {
    // Below the table's largest size.
    Fd(word as i32 * 64 + bit as i32)
}

fn do_select(task: &Task, count: i32, sets: [u64; 3], deadline: Option<u64>) -> Result<Result<usize, Ended>> {
    let count = usize::try_from(count).map_err(|_| EINVAL.because("negative count"))?;
    // Descriptors that the table cannot hold are not looked at.
    let files = task.files();
    let count = count.min(files.capacity());
    let mut sets = SelectSets::new(task, sets, count);
    sets.read(count)?;
    if !files.are_in_use(|index| sets.words(index).into_iter().fold(0, |all, word| all | word), sets.words) {
        return Err(EBADF);
    }
    let result = wait(deadline, |table| files.with_scope(|files| sets.scan(files, table)));
    if !matches!(result, Err(Ended::Interrupted)) {
        sets.write_back()?;
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
fn select_timeout<T: Into<Timeval>>(time: T) -> Result<u64> {
    let time: Timeval = time.into();
    let (seconds, micros) = (time.seconds, time.micros);
    let seconds = seconds.checked_add(micros / 1_000_000).ok_or(EINVAL)?;
    Timeval { seconds, micros: micros % 1_000_000 }.nanoseconds()
}

/// select(2); the time left is stored.
pub fn select<T: TimeLayout + Into<Timeval>>(
    task: &Task,
    count: i32,
    read: UserAddress,
    write: UserAddress,
    except: UserAddress,
    timeout: UserPtr<T>,
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

/// The arguments of i386's old select(2), in memory.
pub struct SelectArguments([u32; 5]);
impl UserLayout for SelectArguments {
    fn size(_: Abi) -> usize {
        20
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        let mut words = [0; 5];
        words.iter_mut().zip(bytes.chunks_exact(4)).for_each(|(word, raw)| *word = u32::decode(abi, raw));
        SelectArguments(words)
    }
    fn encode(&self, abi: Abi, bytes: &mut [u8]) {
        self.0.iter().zip(bytes.chunks_exact_mut(4)).for_each(|(word, raw)| word.encode(abi, raw));
    }
}

/// The old select(2).
pub fn old_select(task: &Task, arguments: UserPtr<SelectArguments>) -> Result<usize> {
    let SelectArguments([count, read, write, except, timeout]) = arguments.read(task)?;
    let set = |address: u32| UserAddress(address.into());
    select(task, count as i32, set(read), set(write), set(except), UserPtr::<Timeval32>::new(timeout.into()))
}
