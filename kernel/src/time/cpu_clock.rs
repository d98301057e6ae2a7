//! Clocks of processor time (clock_getcpuclockid(3), pthread_getcpuclockid(3)).
use crate::error::{EINVAL, Result};
use crate::process::Task;

/// Which time of a task or process a clock counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CpuClock {
    /// Thread or process id; 0 is the caller's own.
    id: u32,
    /// Of one thread, not of the process.
    of_thread: bool,
    kind: Kind,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// User and system time by ticks (the same here as `Scheduled`: time is exact).
    Profiled,
    /// User time.
    Virtual,
    /// Time on a CPU.
    Scheduled,
}

impl CpuClock {
    /// CLOCK_PROCESS_CPUTIME_ID.
    pub fn own_process() -> Self {
        CpuClock { id: 0, of_thread: false, kind: Kind::Scheduled }
    }

    /// CLOCK_THREAD_CPUTIME_ID.
    pub fn own_thread() -> Self {
        CpuClock { id: 0, of_thread: true, kind: Kind::Scheduled }
    }

    /// Decodes a negative clock id: the complement of the id in the upper bits, bit 2 for a thread, the kind below. EINVAL
    /// if there is no such process, or no such thread of the caller's.
    pub fn from_id(task: &Task, id: i32) -> Result<Self> {
        let kind = match id & 3 {
            0 => Kind::Profiled,
            1 => Kind::Virtual,
            2 => Kind::Scheduled,
            _ => return Err(EINVAL),
        };
        let clock = CpuClock { id: !(id >> 3) as u32, of_thread: id & 4 != 0, kind };
        clock.now(task).map(|_| clock)
    }

    /// Processor time so far in nanoseconds; EINVAL once the process is gone.
    pub fn now(self, task: &Task) -> Result<u64> {
        let (user, system) = if self.of_thread {
            crate::process::thread_cpu_time(task, self.id)
        } else {
            crate::process::group_cpu_time(task, self.id)
        }
        .ok_or(EINVAL)?;
        Ok(if self.kind == Kind::Virtual { user } else { user.saturating_add(system) })
    }
}
