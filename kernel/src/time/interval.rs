//! Interval timers: setitimer(2), getitimer(2), alarm(2).
use super::counted::CountedTimer;
use super::cpu_timer::CpuTimers;
use super::setting::Setting;
use super::signalling::{Signal, Signalling};
use super::timer::Timer;
use super::{NANOSECONDS, TimeLayout, Timeval};
use crate::error::*;
use crate::process::{Task, ThreadGroup};
use crate::signal::{SIGALRM, SIGPROF, SIGVTALRM, SignalInfo, send_to_group};
use crate::sync::{Mutex, rank};
use crate::syscall::UserPtr;
use alloc::sync::Arc;

const ITIMER_REAL: i32 = 0;
const ITIMER_VIRTUAL: i32 = 1;
const ITIMER_PROF: i32 = 2;
/// Nanoseconds left of an armed timer, at least: a microsecond.
const LEAST: u64 = 1000;

/// The timers of a process.
pub struct ProcessTimers {
    real: Mutex<Option<RealTimer>>,
    user: CountedTimer,
    both: CountedTimer,
    pub(super) posix: Mutex<super::posix_timer::Table>,
    /// POSIX timers, of any process's, that count this one's time.
    pub(super) cpu: CpuTimers,
}

struct RealTimer {
    signalling: Arc<Signalling>,
    timer: Arc<Timer>,
}

struct Alarm;
impl Signal for Alarm {
    fn send(&self, process: &ThreadGroup, _expirations: u64) {
        // SIGALRM is pending once; without memory it is pending without information.
        let _ = send_to_group(process, SignalInfo::kernel(SIGALRM));
    }
}

impl ProcessTimers {
    /// None is set.
    pub const fn new() -> Self {
        ProcessTimers {
            real: Mutex::new(rank::PROCESS_TIMERS, None),
            user: CountedTimer::new(SIGVTALRM),
            both: CountedTimer::new(SIGPROF),
            posix: Mutex::new(rank::PROCESS_TIMERS, super::posix_timer::Table::new()),
            cpu: CpuTimers::new(),
        }
    }

    /// Disarms everything: the process ends (execve(2) keeps interval timers).
    pub fn end(&self) {
        self.delete_posix();
        if let Some(real) = self.real.lock().take() {
            real.timer.stop();
            real.signalling.set(&real.timer, 0, None);
        }
    }

    /// A tick met a thread of the process; whether a timer has expired, so that the thread must call
    /// [`ProcessTimers::send_due`] on its way back to user mode. In interrupt context.
    pub fn note_tick(&self, in_user_mode: bool) -> bool {
        let user = in_user_mode && self.user.note_tick();
        self.both.note_tick() || user || self.cpu.is_armed()
    }
    /// Sends the signals of timers of processor time that have expired.
    pub fn send_due(&self, process: &ThreadGroup) {
        self.user.send_due(process);
        self.both.send_due(process);
        if self.cpu.is_armed() {
            self.cpu.check();
        }
    }

    /// Interval and time left of a timer in nanoseconds; EINVAL if there is no such timer.
    fn remaining(&self, which: i32) -> Result<(u64, u64)> {
        match which {
            ITIMER_REAL => Ok(self.real()),
            ITIMER_VIRTUAL => Ok(self.user.remaining()),
            ITIMER_PROF => Ok(self.both.remaining()),
            _ => Err(EINVAL),
        }
    }
    /// Sets a timer of processor time; what it was before.
    fn set_counted(timer: &CountedTimer, interval: u64, value: u64) -> (u64, u64) {
        let before = timer.remaining();
        timer.set(interval, value);
        before
    }

    /// Interval and time left of the real timer in nanoseconds.
    fn real(&self) -> (u64, u64) {
        let place = self.real.lock();
        place.as_ref().map_or((0, 0), |real| real.signalling.progress().remaining(machine::time::monotonic(), LEAST))
    }

    /// Sets the real timer to expire after `value` (0: never) and then in every `interval`; what it was before.
    fn set_real(&self, process: &Arc<ThreadGroup>, interval: u64, value: u64) -> Result<(u64, u64)> {
        let mut place = self.real.lock();
        if place.is_none() {
            if value == 0 {
                return Ok((0, 0));
            }
            let signalling = Signalling::new(process, machine::memory::try_box(Alarm)?);
            let timer = Timer::new(signalling.clone())?;
            *place = Some(RealTimer { signalling, timer });
        }
        let Some(real) = place.as_ref() else { return Ok((0, 0)) };
        let now = machine::time::monotonic();
        let deadline = (value != 0).then(|| now.saturating_add(value));
        Ok(real.signalling.set(&real.timer, interval, deadline).remaining(now, LEAST))
    }
}

impl Default for ProcessTimers {
    fn default() -> Self {
        Self::new()
    }
}

/// getitimer(2).
pub fn getitimer<T: TimeLayout>(task: &Task, which: i32, current: UserPtr<Setting<T>>) -> Result<()> {
    let (interval, value) = task.group().timers.remaining(which)?;
    current.write(task, &Setting::new(interval, value))
}

/// setitimer(2).
pub fn setitimer<T: TimeLayout>(
    task: &Task,
    which: i32,
    new: UserPtr<Setting<T>>,
    old: UserPtr<Setting<T>>,
) -> Result<()> {
    // A null pointer disarms, as it always did.
    let (interval, value) = match new.read_optional(task)? {
        Some(setting) => setting.nanoseconds()?,
        None => (0, 0),
    };
    let timers = &task.group().timers;
    let before = match which {
        ITIMER_REAL => timers.set_real(task.group(), interval, value)?,
        ITIMER_VIRTUAL => ProcessTimers::set_counted(&timers.user, interval, value),
        ITIMER_PROF => ProcessTimers::set_counted(&timers.both, interval, value),
        _ => return Err(EINVAL),
    };
    old.write_optional(task, &Setting::new(before.0, before.1))
}

/// alarm(2): seconds that were left, rounded, but never to 0.
pub fn alarm(task: &Task, seconds: u32) -> Result<u64> {
    let (_, left) = task.group().timers.set_real(task.group(), 0, u64::from(seconds).saturating_mul(NANOSECONDS))?;
    let whole = Timeval::from_nanoseconds(left);
    let round_up = whole.micros >= 500_000 || whole.seconds == 0 && whole.micros > 0;
    Ok(whole.seconds as u64 + u64::from(round_up))
}
