//! timerfd_create(2): a timer that is read.
use super::open_file::FlagSupport;
use super::{File, FileOperations, IoBuffer, PollEvents, PollTable};
use crate::error::*;
use crate::process::{Capability, Task};
use crate::sync::{IrqLock, Once, rank};
use crate::syscall::argument::{Flags, flag_names};
use crate::syscall::{Fd, UserPtr};
use crate::time::clock_set::{self, FollowClock};
use crate::time::timer::{Expire, Timer};
use crate::time::value::LONGEST;
use crate::time::{Clock, TimeLayout, clock};
use crate::wait::{Sleep, WaitQueue};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::any::Any;
use core::sync::atomic::{AtomicBool, Ordering};
use machine::memory::{try_arc, try_box};

flag_names! {
    /// Flags of timerfd_create(2).
    pub TimerfdFlags { TFD_NONBLOCK = 0o4000, TFD_CLOEXEC = 0o2000000 }
}
flag_names! {
    /// Flags of timerfd_settime(2).
    pub TimerfdSetFlags { TFD_TIMER_ABSTIME = 1, TFD_TIMER_CANCEL_ON_SET = 2 }
}
const O_RDWR: u32 = 2;

#[derive(Default)]
struct State {
    /// Expirations not read yet.
    ticks: u64,
    /// Monotonic time of the next expiration (or the last one, for a timer that has expired); 0 if disarmed.
    deadline: u64,
    interval: u64,
    /// Expired since the interval was last accounted for.
    expired: bool,
    flags: u32,
    /// The deadline on the wall clock, for a timer that goes by it, and how far that was ahead of the monotonic one as the deadline
    /// there was reckoned.
    wall: Option<u64>,
    ahead: u64,
    /// A read says so when the clock was set (TFD_TIMER_CANCEL_ON_SET)...
    cancels: bool,
    /// ... which it was.
    cancelled: bool,
}

struct Shared {
    state: IrqLock<State>,
    queue: Arc<WaitQueue>,
    /// The timer whose action this is.
    timer: Once<Weak<Timer>>,
    /// It is told when the wall clock is set.
    follows: AtomicBool,
}
impl Shared {
    /// A wall clock that is so far ahead now moves the deadline, or cancels the timer.
    fn move_to(&self, now: u64) {
        let timer = self.timer.get().and_then(Weak::upgrade);
        let is_cancelled = {
            let mut state = self.state.lock();
            let Some(wall) = state.wall.filter(|_| state.ahead != now) else { return };
            state.ahead = now;
            if state.deadline != 0 {
                state.deadline = shown_at(wall, now);
                if let Some(timer) = timer.as_ref().filter(|_| !state.expired) {
                    timer.arm(state.deadline);
                }
            }
            if state.cancels {
                state.cancelled = true;
                state.ticks = state.ticks.wrapping_add(1);
            }
            state.cancels
        };
        if is_cancelled {
            self.queue.wake_all();
        }
    }
}
/// When a wall clock that is so far ahead shows a time, on the monotonic one; what has passed is due at once.
fn shown_at(time: u64, ahead: u64) -> u64 {
    time.checked_sub_signed(ahead as i64).unwrap_or(if ahead as i64 > 0 { 1 } else { LONGEST }).clamp(1, LONGEST)
}
impl FollowClock for Shared {
    fn clock_was_set(&self, ahead: u64) {
        self.move_to(ahead);
    }
}
impl Expire for Shared {
    /// The next period is armed when this one is read, so that a short interval costs nothing while nobody looks.
    fn expire(&self, deadline: u64) -> Option<u64> {
        {
            let mut state = self.state.lock();
            if state.deadline != deadline {
                return None;
            }
            state.expired = true;
            state.ticks = state.ticks.wrapping_add(1);
        }
        self.queue.wake_all();
        None
    }
}

struct TimerFile {
    clock: Clock,
    clock_id: i32,
    shared: Arc<Shared>,
    timer: Arc<Timer>,
}

impl TimerFile {
    /// Counts periods that have passed and arms the next one.
    fn catch_up(&self, state: &mut State) {
        if !state.expired || state.interval == 0 {
            return;
        }
        state.expired = false;
        let now = machine::time::monotonic();
        // By the wall clock where the timer goes by it, which may have been set by more than the machine's age.
        let (now, last) = match state.wall {
            Some(wall) => (now.wrapping_add(state.ahead), wall),
            None => (now, state.deadline),
        };
        let missed = now.saturating_sub(last) / state.interval;
        state.ticks = state.ticks.saturating_add(missed);
        let next = last.saturating_add(state.interval.saturating_mul(missed + 1)).min(LONGEST);
        state.deadline = next;
        if state.wall.is_some() {
            state.wall = Some(next);
            state.deadline = shown_at(next, state.ahead);
        }
    }
    /// The expirations since the last read; ECANCELED where the clock was set instead.
    fn try_take(&self) -> Option<Result<u64>> {
        let mut state = self.shared.state.lock();
        if core::mem::take(&mut state.cancelled) {
            (state.ticks, state.expired) = (0, false);
            return Some(Err(ECANCELED));
        }
        if state.ticks == 0 {
            return None;
        }
        let rearm = state.expired && state.interval != 0;
        self.catch_up(&mut state);
        let ticks = core::mem::take(&mut state.ticks);
        let deadline = state.deadline;
        drop(state);
        if rearm {
            self.timer.arm(deadline);
        }
        Some(Ok(ticks))
    }
    /// Interval and time left.
    fn setting(&self) -> (u64, u64) {
        let mut state = self.shared.state.lock();
        let rearm = state.expired && state.interval != 0;
        self.catch_up(&mut state);
        let now = machine::time::monotonic();
        // One that has expired may lie ahead again, once the clock was set back; it does not expire again.
        let least = u64::from(!state.expired);
        let left = if state.deadline == 0 { 0 } else { state.deadline.saturating_sub(now).max(least) };
        let (interval, deadline) = (state.interval, state.deadline);
        drop(state);
        if rearm {
            self.timer.arm(deadline);
        }
        (interval, left)
    }
    /// ECANCELED if the wall clock was set since a timer that minds was set, and nobody has read that; it is set all the same.
    fn set(&self, interval: u64, value: u64, flags: u32) -> Result<()> {
        const CANCELS: u32 = TimerfdSetFlags::TFD_TIMER_ABSTIME | TimerfdSetFlags::TFD_TIMER_CANCEL_ON_SET;
        let is_absolute = flags & TimerfdSetFlags::TFD_TIMER_ABSTIME != 0;
        let follows = is_absolute && self.clock.is_wall_clock();
        if follows {
            self.follow()?;
        }
        // Only together, and with a wall clock, they mean something.
        let cancels = follows && flags & CANCELS == CANCELS;
        let cancelled = {
            let mut state = self.shared.state.lock();
            self.timer.cancel();
            let ahead = clock::ahead();
            let deadline = match value {
                0 => 0,
                value if follows => shown_at(value, ahead),
                value if is_absolute => clock::to_monotonic(self.clock, value).max(1),
                value => machine::time::monotonic().saturating_add(value).min(LONGEST),
            };
            let was_cancelled = state.cancelled && cancels;
            *state = State {
                deadline,
                interval,
                flags,
                wall: follows.then_some(value),
                ahead,
                cancels,
                cancelled: was_cancelled && value == 0,
                ..State::default()
            };
            if deadline != 0 {
                self.timer.arm(deadline);
            }
            was_cancelled && value != 0
        };
        if follows {
            // It may have been set in between, by somebody who did not find this timer.
            self.shared.move_to(clock::ahead());
        }
        if cancelled { Err(ECANCELED) } else { Ok(()) }
    }
    fn follow(&self) -> Result<()> {
        if !self.shared.follows.load(Ordering::Relaxed) {
            let weak: Weak<Shared> = Arc::downgrade(&self.shared);
            clock_set::follow(weak)?;
            // Whoever is told twice has nothing to do the second time.
            self.shared.follows.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl FileOperations for TimerFile {
    fn read(&self, file: &File, into: &mut IoBuffer, _offset: u64) -> Result<usize> {
        if into.remaining() < 8 {
            return Err(EINVAL.because("less than 8 bytes"));
        }
        let ticks = match self.try_take() {
            Some(ticks) => ticks?,
            None if file.is_nonblocking() => return Err(EAGAIN),
            None => {
                let wait = self.shared.queue.wait_until(Sleep::Interruptible, None, || self.try_take());
                wait.map_err(|_| ERESTARTSYS)??
            }
        };
        if into.put(&ticks.to_ne_bytes())? < 8 { Err(EFAULT) } else { Ok(8) }
    }
    fn poll(&self, _file: &File, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.shared.queue);
        }
        if self.shared.state.lock().ticks != 0 { PollEvents::IN } else { PollEvents::NONE }
    }
    fn read_flags(&self) -> FlagSupport {
        FlagSupport::Plain
    }
    fn write_flags(&self) -> FlagSupport {
        FlagSupport::Absent
    }
    fn is_seekable(&self) -> bool {
        false
    }
    fn show_information(&self, _file: &File, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        let (interval, left) = self.setting();
        let (ticks, flags) = {
            let state = self.shared.state.lock();
            (state.ticks, state.flags)
        };
        let split = |time: u64| (time / 1_000_000_000, time % 1_000_000_000);
        let (left, interval) = (split(left), split(interval));
        writeln!(out, "clockid: {}\nticks: {ticks}\nsettime flags: 0{flags:o}", self.clock_id)?;
        writeln!(out, "it_value: ({}, {})\nit_interval: ({}, {})", left.0, left.1, interval.0, interval.1)
    }
    fn release(&self, _file: &File) {
        self.timer.stop();
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn is_alarm(clock: Clock) -> bool {
    matches!(clock, Clock::RealtimeAlarm | Clock::BoottimeAlarm)
}

/// timerfd_create(2).
pub fn timerfd_create(task: &Task, clock_id: i32, flags: Flags<TimerfdFlags>) -> Result<Fd> {
    let bits = flags.known()?;
    let clock = match clock_id {
        0 => Clock::Realtime,
        1 => Clock::Monotonic,
        7 => Clock::Boottime,
        8 => Clock::RealtimeAlarm,
        9 => Clock::BoottimeAlarm,
        _ => return Err(EINVAL.because("a clock that cannot be read as a file")),
    };
    if is_alarm(clock) && !task.capable(Capability::WakeAlarm) {
        return Err(EPERM);
    }
    let queue = try_arc(WaitQueue::new())?;
    let state = IrqLock::new(rank::DEVICE, State::default());
    let shared = try_arc(Shared { state, queue, timer: Once::new(), follows: AtomicBool::new(false) })?;
    let timer = Timer::new(shared.clone())?;
    // It was not set before.
    let _ = shared.timer.set(Arc::downgrade(&timer));
    let operations: Box<dyn FileOperations> = try_box(TimerFile { clock, clock_id, shared, timer })?;
    let file = File::anonymous(operations, "anon_inode:[timerfd]", O_RDWR | bits & TimerfdFlags::TFD_NONBLOCK)?;
    task.files().install(file, 0, bits & TimerfdFlags::TFD_CLOEXEC != 0)
}

fn timer_file(file: &Arc<File>) -> Result<&TimerFile> {
    file.downcast::<TimerFile>().ok_or(EINVAL)
}

/// timerfd_settime(2): `new` and `old` are pairs of interval and value.
pub fn timerfd_settime<T: TimeLayout>(
    task: &Task,
    fd: Fd,
    flags: Flags<TimerfdSetFlags>,
    new: UserPtr<T>,
    old: UserPtr<T>,
) -> Result<()> {
    let (interval, value) = (new.read(task)?, new.element(task, 1).read(task)?);
    let bits = flags.known()?;
    let (interval, value) = (interval.nanoseconds()?, value.nanoseconds()?);
    let file = task.files().get_io(fd)?;
    let timer = timer_file(&file)?;
    if is_alarm(timer.clock) && !task.capable(Capability::WakeAlarm) {
        return Err(EPERM);
    }
    let before = timer.setting();
    timer.set(interval, value, bits)?;
    if old.is_null() { Ok(()) } else { write_setting(task, old, before) }
}

/// timerfd_gettime(2).
pub fn timerfd_gettime<T: TimeLayout>(task: &Task, fd: Fd, setting: UserPtr<T>) -> Result<()> {
    let file = task.files().get_io(fd)?;
    write_setting(task, setting, timer_file(&file)?.setting())
}

fn write_setting<T: TimeLayout>(task: &Task, user: UserPtr<T>, (interval, left): (u64, u64)) -> Result<()> {
    user.write(task, &T::from_nanoseconds(interval))?;
    user.element(task, 1).write(task, &T::from_nanoseconds(left))
}
