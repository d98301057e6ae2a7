//! Clocks of processor time (clock_getcpuclockid(3), pthread_getcpuclockid(3)).
use crate::error::{EINVAL, Result};
use crate::process::{Task, ThreadGroup};
use alloc::sync::{Arc, Weak};

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

/// Whose time it is that a clock counts, found once.
pub enum Target {
    /// A thread's.
    Thread(Weak<Task>),
    /// A process's.
    Process(Weak<ThreadGroup>),
}

impl Target {
    /// The process, with that of a thread meant too; `None` once it is gone.
    pub fn process(&self) -> Option<Arc<ThreadGroup>> {
        match self {
            Target::Thread(thread) => thread.upgrade().map(|thread| thread.group().clone()),
            Target::Process(process) => process.upgrade(),
        }
    }
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

    /// Whose time it counts: EINVAL as for `from_id`.
    pub fn target(self, task: &Task) -> Result<Target> {
        Ok(match (self.of_thread, self.id) {
            (true, 0) => Target::Thread(Arc::downgrade(&Task::current_arc())),
            (true, id) => {
                let thread = task.pid_namespace().find_task(id).ok_or(EINVAL)?;
                if !Arc::ptr_eq(thread.group(), task.group()) {
                    return Err(EINVAL);
                }
                Target::Thread(Arc::downgrade(&thread))
            }
            (false, 0) => Target::Process(Arc::downgrade(task.group())),
            (false, id) => Target::Process(Arc::downgrade(&task.pid_namespace().find_group(id).ok_or(EINVAL)?)),
        })
    }
    /// The time it shows, `None` once nobody's is counted.
    pub fn of_target(self, target: &Target) -> Option<u64> {
        let (user, system) = match target {
            Target::Thread(thread) => thread.upgrade().filter(|thread| !thread.has_ended())?.processor_time(),
            Target::Process(process) => {
                let usage = process.upgrade()?.own_usage();
                (usage.user_time, usage.system_time)
            }
        };
        Some(if self.kind == Kind::Virtual { user } else { user.saturating_add(system) })
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
