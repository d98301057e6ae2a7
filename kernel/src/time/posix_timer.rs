//! POSIX timers: timer_create(2), timer_settime(2), timer_gettime(2), timer_getoverrun(2), timer_delete(2).
use super::clock::{self, Clock, is_of_descriptor};
use super::clock_set::{self, FollowClock};
use super::cpu_timer::CpuTimer;
use super::setting::Setting;
use super::signalling::{Signal, Signalling};
use super::timer::Timer;
use super::{TimeLayout, interval::ProcessTimers};
use crate::chunked::Chunked;
use crate::error::*;
use crate::process::{Capability, Task, ThreadGroup};
use crate::signal::{self, SI_TIMER, SIG_DFL, SIG_IGN, SIGALRM, SignalInfo};
use crate::sync::{IrqLock, Once, rank};
use crate::syscall::user::{UserLayout, UserWord};
use crate::syscall::{Pid, UserPtr};
use abi::Abi;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

const SIGEV_SIGNAL: i32 = 0;
const SIGEV_NONE: i32 = 1;
const SIGEV_THREAD: i32 = 2;
const SIGEV_THREAD_ID: i32 = 4;
const TIMER_ABSTIME: u32 = 1;
/// Highest count timer_getoverrun(2) gives (DELAYTIMER_MAX).
const MOST_OVERRUNS: u64 = i32::MAX as u64;

/// `struct sigevent`.
#[derive(Clone, Copy, Debug)]
pub struct SignalEvent {
    value: u64,
    signal: i32,
    notify: i32,
    thread: i32,
}

impl UserLayout for SignalEvent {
    /// What is read of it: Linux copies the whole of the 64-bit one, and from the others takes four words.
    fn size(abi: Abi) -> usize {
        if matches!(abi, Abi::X86_64) { 64 } else { 16 }
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        let (value, rest) = bytes.split_at(UserWord::size(abi));
        let number = |index: usize| rest.get(4 * index..4 * index + 4).map_or(0, |bytes| i32::decode(abi, bytes));
        SignalEvent { value: UserWord::decode(abi, value).0, signal: number(0), notify: number(1), thread: number(2) }
    }
    fn encode(&self, abi: Abi, bytes: &mut [u8]) {
        let (value, rest) = bytes.split_at_mut(UserWord::size(abi));
        UserWord(self.value).encode(abi, value);
        for (place, number) in rest.chunks_exact_mut(4).zip([self.signal, self.notify, self.thread]) {
            number.encode(abi, place);
        }
    }
}

/// Whom an expiry is told.
enum Receiver {
    Nobody,
    Process,
    Thread(Weak<Task>),
}

/// What the kernel thread sends, and how often it could not.
struct Delivery {
    id: i32,
    receiver: Receiver,
    signal: u32,
    value: u64,
    /// A signal of this timer waits to be taken.
    pending: AtomicBool,
    /// Expirations since that signal was sent.
    missed: AtomicU64,
    /// What timer_getoverrun(2) gives: those of the signal taken last.
    overrun: AtomicI32,
}

impl Delivery {
    /// The signal would be thrown away.
    fn is_ignored(&self, process: &ThreadGroup) -> bool {
        let handler = process.actions().get(self.signal).handler;
        handler == SIG_IGN || handler == SIG_DFL && signal::IGNORED_BY_DEFAULT & signal::set_of(self.signal) != 0
    }
}

impl Signal for Arc<Delivery> {
    fn send(&self, process: &ThreadGroup, expirations: u64) {
        if matches!(self.receiver, Receiver::Nobody) || self.is_ignored(process) {
            return;
        }
        if self.pending.swap(true, Ordering::AcqRel) {
            self.missed.fetch_add(expirations, Ordering::Relaxed);
            return;
        }
        self.missed.store(expirations - 1, Ordering::Relaxed);
        let info = SignalInfo::timer(self.signal, self.id, 0, self.value);
        let sent = match &self.receiver {
            Receiver::Thread(thread) => match thread.upgrade() {
                Some(thread) => signal::send_to_thread(&thread, info),
                None => return,
            },
            _ => signal::send_to_group(process, info),
        };
        if sent.is_err() {
            self.pending.store(false, Ordering::Release);
        }
    }
}

/// One timer of a process.
pub struct PosixTimer {
    clock: Clock,
    delivery: Arc<Delivery>,
    engine: Engine,
}

/// What makes it expire.
enum Engine {
    /// Time that passes by itself.
    Passing {
        signalling: Arc<Signalling>,
        timer: Arc<Timer>,
        /// Made when it is first set to a time of the wall clock.
        follower: Once<Arc<Follower>>,
    },
    /// Time that is spent on processors.
    Processor(Arc<CpuTimer>),
}

/// Moves a timer that was set to a time of the wall clock as that is set.
struct Follower {
    signalling: Weak<Signalling>,
    timer: Weak<Timer>,
    /// How far ahead the wall clock was as the deadline was reckoned; `None` for a timer that does not go by it now.
    ahead: IrqLock<Option<u64>>,
}
impl FollowClock for Follower {
    fn clock_was_set(&self, now: u64) {
        let (signalling, timer) = (self.signalling.upgrade(), self.timer.upgrade());
        let (Some(signalling), Some(timer)) = (signalling, timer) else { return };
        let mut ahead = self.ahead.lock();
        if let Some(before) = ahead.as_mut() {
            signalling.shift(&timer, *before, now);
            *before = now;
        }
    }
}

/// The timers of a process by id. Ids are given in order and not again, so that mostly the place follows from the id.
pub struct Table {
    /// By id; deleted timers leave holes until those are the greater part.
    slots: Chunked<(i32, Option<PosixTimer>)>,
    live: usize,
    /// The first place's id.
    base: i32,
    next: i32,
}

impl Table {
    /// No timers.
    pub const fn new() -> Self {
        Table { slots: Chunked::new(), live: 0, base: 0, next: 0 }
    }
    #[cold]
    fn search(&self, id: i32) -> Option<usize> {
        let place = self.slots.partition_point(|slot| slot.0 < id);
        self.slots.get(place).is_some_and(|slot| slot.0 == id).then_some(place)
    }
    fn find(&self, id: i32) -> Option<usize> {
        let guess = self.guess(id);
        if self.slots.get(guess).is_some_and(|slot| slot.0 == id) { Some(guess) } else { self.search(id) }
    }
    #[inline(always)]
    fn guess(&self, id: i32) -> usize {
        id.wrapping_sub(self.base) as u32 as usize
    }
    #[inline(always)]
    fn get(&self, id: i32) -> Option<&PosixTimer> {
        match self.slots.get(self.guess(id)) {
            Some((found, timer)) if *found == id => timer.as_ref(),
            _ => self.slots.get(self.search(id)?)?.1.as_ref(),
        }
    }
    /// Adds a timer under an id that was given to it; ENOMEM.
    fn insert(&mut self, id: i32, timer: PosixTimer) -> Result<()> {
        let place = self.slots.partition_point(|slot| slot.0 < id);
        self.slots.insert(place, (id, Some(timer)))?;
        if place == 0 {
            self.base = id;
        }
        self.live += 1;
        Ok(())
    }
    fn remove(&mut self, id: i32) -> Option<PosixTimer> {
        let place = self.find(id)?;
        let timer = self.slots.get_mut(place)?.1.take()?;
        self.live -= 1;
        while let Some((_, None)) = self.slots.last() {
            self.slots.pop();
        }
        if self.slots.len() > 2 * self.live + 8 {
            self.slots.retain(|slot| slot.1.is_some());
            self.base = self.slots.get(0).map_or(0, |slot| slot.0);
        }
        Some(timer)
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

impl PosixTimer {
    /// Interval and time left.
    fn remaining(&self) -> (u64, u64) {
        match &self.engine {
            Engine::Passing { signalling, .. } => signalling.progress().remaining(machine::time::monotonic(), 1),
            Engine::Processor(timer) => {
                let left = timer.left();
                (left.interval, left.value)
            }
        }
    }

    /// Sets it; interval and time left before. ESRCH for the time of a process that is gone; ENOMEM.
    #[inline]
    fn set(&self, interval: u64, value: u64, is_absolute: bool) -> Result<(u64, u64)> {
        self.delivery.missed.store(0, Ordering::Relaxed);
        self.delivery.overrun.store(0, Ordering::Relaxed);
        let (signalling, timer, follower) = match &self.engine {
            Engine::Passing { signalling, timer, follower } => (signalling, timer, follower),
            Engine::Processor(timer) => {
                let left = timer.set(interval, value, is_absolute)?;
                return Ok((left.interval, left.value));
            }
        };
        let now = machine::time::monotonic();
        if is_absolute && value != 0 && self.clock.is_wall_clock() {
            return self.set_to_wall_time(signalling, timer, follower, interval, value);
        }
        let deadline = match value {
            0 => None,
            value if is_absolute => Some(clock::to_monotonic(self.clock, value)),
            value => Some(now.saturating_add(value)),
        };
        let before = match follower.get() {
            None => signalling.set(timer, interval, deadline),
            Some(follower) => {
                let mut ahead = follower.ahead.lock();
                *ahead = None;
                signalling.set(timer, interval, deadline)
            }
        };
        Ok(before.remaining(now, 1))
    }
    #[cold]
    fn set_to_wall_time(
        &self,
        signalling: &Arc<Signalling>,
        timer: &Arc<Timer>,
        place: &Once<Arc<Follower>>,
        interval: u64,
        value: u64,
    ) -> Result<(u64, u64)> {
        if place.get().is_none() {
            let follower = machine::memory::try_arc(Follower {
                signalling: Arc::downgrade(signalling),
                timer: Arc::downgrade(timer),
                ahead: IrqLock::new(rank::DEVICE, None),
            })?;
            let weak: Weak<Follower> = Arc::downgrade(&follower);
            clock_set::follow(weak)?;
            // The table of timers is locked: there is no other.
            let _ = place.set(follower);
        }
        let follower = place.get().ok_or(ENOMEM)?;
        let before = {
            let mut ahead = follower.ahead.lock();
            let now_ahead = clock::ahead();
            let deadline = clock::to_monotonic(self.clock, value);
            *ahead = Some(now_ahead);
            signalling.set(timer, interval, Some(deadline))
        };
        // It may have been set in between, by somebody who did not find this timer.
        follower.clock_was_set(clock::ahead());
        Ok(before.remaining(machine::time::monotonic(), 1))
    }
}

impl Drop for PosixTimer {
    fn drop(&mut self) {
        match &self.engine {
            Engine::Passing { signalling, timer, follower } => {
                if let Some(follower) = follower.get() {
                    *follower.ahead.lock() = None;
                }
                timer.stop();
                signalling.set(timer, 0, None);
            }
            Engine::Processor(timer) => timer.disarm(),
        }
    }
}

impl ProcessTimers {
    /// Deletes all POSIX timers (execve(2), the end).
    pub fn delete_posix(&self) {
        let timers = {
            let mut table = self.posix.lock();
            table.live = 0;
            core::mem::take(&mut table.slots)
        };
        drop(timers);
    }

    #[inline(always)]
    fn with_timer<R>(&self, id: i32, look: impl FnOnce(&PosixTimer) -> R) -> Result<R> {
        self.posix.lock().get(id).map(look).ok_or(EINVAL)
    }
}

/// A signal is taken: one of a timer tells how many expirations it stands for besides its own.
#[inline(always)]
pub fn note_taken(process: &ThreadGroup, info: &mut SignalInfo) {
    if info.code == SI_TIMER {
        *info = with_overrun(process, *info);
    }
}
#[inline(never)]
fn with_overrun(process: &ThreadGroup, info: SignalInfo) -> SignalInfo {
    let id = info.fields[0] as u32 as i32;
    let overrun = process.timers.with_timer(id, |timer| {
        let delivery = &timer.delivery;
        let missed = delivery.missed.swap(0, Ordering::Relaxed).min(MOST_OVERRUNS) as i32;
        delivery.overrun.store(missed, Ordering::Relaxed);
        delivery.pending.store(false, Ordering::Release);
        missed
    });
    SignalInfo::timer(info.signal, id, overrun.unwrap_or(0), info.fields[1])
}

/// timer_create(2): EOPNOTSUPP for clocks that have no timers.
pub fn timer_create(task: &Task, clock: i32, event: UserPtr<SignalEvent>, place: UserPtr<i32>) -> Result<()> {
    let event = event.read_optional(task)?;
    if is_of_descriptor(clock) {
        return Err(EOPNOTSUPP);
    }
    let clock = match Clock::from_id(task, clock)? {
        clock @ (Clock::Realtime | Clock::Monotonic | Clock::Boottime | Clock::Tai | Clock::Cpu(_)) => clock,
        clock @ (Clock::RealtimeAlarm | Clock::BoottimeAlarm) => {
            if !task.capable(Capability::WakeAlarm) {
                return Err(EPERM);
            }
            clock
        }
        _ => return Err(EOPNOTSUPP),
    };
    let process = task.group();
    let id = {
        let mut table = process.timers.posix.lock();
        let id = table.next;
        table.next = id.checked_add(1).ok_or(EAGAIN)?;
        id
    };
    let event =
        event.unwrap_or(SignalEvent { value: id as u64, signal: SIGALRM as i32, notify: SIGEV_SIGNAL, thread: 0 });
    let receiver = match event.notify {
        SIGEV_NONE => Receiver::Nobody,
        SIGEV_SIGNAL | SIGEV_THREAD => Receiver::Process,
        SIGEV_THREAD_ID => {
            let number = u32::try_from(Pid(event.thread).0).map_err(|_| EINVAL)?;
            let thread = task.pid_namespace().find_task(number).ok_or(EINVAL)?;
            if !Arc::ptr_eq(thread.group(), process) {
                return Err(EINVAL);
            }
            Receiver::Thread(Arc::downgrade(&thread))
        }
        _ => return Err(EINVAL),
    };
    let number = u32::try_from(event.signal).ok().filter(|number| (1..=64).contains(number));
    let signal = match (number, event.notify) {
        (Some(number), _) => number,
        (None, SIGEV_NONE) => SIGALRM,
        (None, _) => return Err(EINVAL),
    };
    let delivery = machine::memory::try_arc(Delivery {
        id,
        receiver,
        signal,
        value: event.value,
        pending: AtomicBool::new(false),
        missed: AtomicU64::new(0),
        overrun: AtomicI32::new(0),
    })?;
    let signal = machine::memory::try_box(delivery.clone())?;
    let engine = match clock {
        Clock::Cpu(of) => Engine::Processor(CpuTimer::new(of, of.target(task)?, process, signal)?),
        _ => {
            let signalling = Signalling::new(process, signal);
            let timer = Timer::new(signalling.clone())?;
            Engine::Passing { signalling, timer, follower: Once::new() }
        }
    };
    place.write(task, &id)?;
    process.timers.posix.lock().insert(id, PosixTimer { clock, delivery, engine })
}

/// timer_settime(2).
pub fn timer_settime<T: TimeLayout>(
    task: &Task,
    id: i32,
    flags: u32,
    new: UserPtr<Setting<T>>,
    old: UserPtr<Setting<T>>,
) -> Result<()> {
    if new.is_null() {
        return Err(EINVAL);
    }
    let (interval, value) = new.read(task)?.nanoseconds()?;
    let is_absolute = flags & TIMER_ABSTIME != 0;
    let before = task.group().timers.with_timer(id, |timer| timer.set(interval, value, is_absolute))?;
    let (interval, left) = before?;
    old.write_optional(task, &Setting::new(interval, left))
}

/// timer_gettime(2).
pub fn timer_gettime<T: TimeLayout>(task: &Task, id: i32, current: UserPtr<Setting<T>>) -> Result<()> {
    let (interval, value) = task.group().timers.with_timer(id, PosixTimer::remaining)?;
    current.write(task, &Setting::new(interval, value))
}

/// timer_getoverrun(2).
pub fn timer_getoverrun(task: &Task, id: i32) -> Result<i32> {
    task.group().timers.with_timer(id, |timer| timer.delivery.overrun.load(Ordering::Relaxed))
}

/// timer_delete(2).
pub fn timer_delete(task: &Task, id: i32) -> Result<()> {
    let removed = task.group().timers.posix.lock().remove(id);
    removed.map(drop).ok_or(EINVAL)
}
