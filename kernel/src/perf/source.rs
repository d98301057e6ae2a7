//! What the events count: the counters that tasks and CPUs have anyway.
use crate::process::Task;
use crate::process::schedule::QUEUES;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use machine::cpu::{CpuId, PerCpu, PreemptGuard};

/// Kinds of page faults.
pub(super) mod fault {
    /// Served without reading from a device.
    pub const MINOR: u8 = 1;
    /// Those that had to read.
    pub const MAJOR: u8 = 2;
    /// These, and accesses that were wrong.
    pub const ALL: u8 = 7;
}

/// What an event counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// Time: a task's on a CPU, or a CPU's.
    Clock,
    /// Page faults of these kinds.
    Faults(u8),
    /// Switches away from the task, or on the CPU.
    Switches,
    /// Moves to another CPU.
    Migrations,
    /// What never happens here: faults of alignment, emulated instructions, changes of cgroups.
    Nothing,
}

impl Source {
    /// What an event of type PERF_TYPE_SOFTWARE counts.
    pub fn of(config: u64) -> Option<Source> {
        Some(match config {
            0 | 1 => Source::Clock,
            2 => Source::Faults(fault::ALL),
            3 => Source::Switches,
            4 => Source::Migrations,
            5 => Source::Faults(fault::MINOR),
            6 => Source::Faults(fault::MAJOR),
            7..=11 => Source::Nothing,
            _ => return None,
        })
    }
}

/// Whom an event watches.
#[derive(Clone)]
pub(super) enum Target {
    /// A task, on whichever CPU.
    Task(Arc<Task>),
    /// A CPU, whatever it runs.
    Cpu(CpuId),
}

impl Target {
    /// Whether both watch the same.
    pub fn is(&self, other: &Target) -> bool {
        match (self, other) {
            (Target::Task(one), Target::Task(other)) => Arc::ptr_eq(one, other),
            (Target::Cpu(one), Target::Cpu(other)) => one == other,
            _ => false,
        }
    }
    /// The task.
    pub fn task(&self) -> Option<&Arc<Task>> {
        if let Target::Task(task) = self { Some(task) } else { None }
    }
}

/// A count, and the nanoseconds in which it came to be.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub count: u64,
    pub time: u64,
}
impl Reading {
    /// The sum of both.
    pub fn and(self, other: Reading) -> Reading {
        Reading { count: self.count.wrapping_add(other.count), time: self.time.saturating_add(other.time) }
    }
    /// What has come since. Running times of tasks on other CPUs are read without a lock, and may seem to go back a little.
    pub fn since(self, earlier: Reading) -> Reading {
        Reading { count: self.count.saturating_sub(earlier.count), time: self.time.saturating_sub(earlier.time) }
    }
}

/// What `source` shows now, faults and switches only of the modes that are wanted.
pub(super) fn read(target: &Target, source: Source, user: bool, kernel: bool) -> Reading {
    let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let if_kernel = |count: u64| if kernel { count } else { 0 };
    match target {
        Target::Task(task) => {
            let time = task.schedule.runtime();
            let counters = &task.counters;
            let count = match source {
                Source::Clock => time,
                Source::Faults(kinds) => counters.faults(kinds, user, kernel),
                Source::Switches => {
                    if_kernel(value(&counters.voluntary_switches).wrapping_add(value(&counters.involuntary_switches)))
                }
                Source::Migrations => if_kernel(task.schedule.migrations()),
                Source::Nothing => 0,
            };
            Reading { count, time }
        }
        Target::Cpu(cpu) => {
            let time = machine::time::monotonic();
            let queue = QUEUES.of(*cpu);
            let count = match source {
                Source::Clock => time,
                Source::Faults(kinds) => FAULTS.of(*cpu).sum(kinds, user, kernel),
                Source::Switches => if_kernel(queue.switches()),
                Source::Migrations => if_kernel(queue.migrations()),
                Source::Nothing => 0,
            };
            Reading { count, time }
        }
    }
}

/// Page faults on a CPU, by mode (user, kernel) and kind; counted only while somebody wants to know.
struct ProcessorFaults([[AtomicU64; 3]; 2]);
static FAULTS: PerCpu<ProcessorFaults> =
    PerCpu::new(|| ProcessorFaults([const { [const { AtomicU64::new(0) }; 3] }; 2]));
/// Events that count them.
pub static FAULT_WATCHERS: AtomicU32 = AtomicU32::new(0);

impl ProcessorFaults {
    fn sum(&self, kinds: u8, user: bool, kernel: bool) -> u64 {
        let modes = self.0.iter().zip([user, kernel]).filter(|(_, wanted)| *wanted);
        let counters = modes.flat_map(|(counters, _)| counters.iter().enumerate());
        counters
            .filter(|(kind, _)| kinds >> kind & 1 != 0)
            .fold(0, |sum, (_, counter)| sum.wrapping_add(counter.load(Ordering::Relaxed)))
    }
}

/// A page fault, of one of the kinds of [`fault`] by its bit's number, while [`FAULT_WATCHERS`] is not 0.
#[cold]
pub fn count_processor_fault(kind: usize, in_kernel: bool) {
    let guard = PreemptGuard::new();
    let faults = FAULTS.get(&guard);
    if let Some(counter) = faults.0.get(usize::from(in_kernel)).and_then(|mode| mode.get(kind)) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Keeps the faults of CPUs counted.
pub(super) struct FaultWatch(());
impl FaultWatch {
    pub fn new() -> FaultWatch {
        FAULT_WATCHERS.fetch_add(1, Ordering::Relaxed);
        FaultWatch(())
    }
}
impl Drop for FaultWatch {
    fn drop(&mut self) {
        FAULT_WATCHERS.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_summed_by_mode_and_kind() {
        let faults = ProcessorFaults([const { [const { AtomicU64::new(0) }; 3] }; 2]);
        for (mode, counters) in faults.0.iter().enumerate() {
            for (kind, counter) in counters.iter().enumerate() {
                counter.store(if mode == 0 { 1 } else { 100 } << kind, Ordering::Relaxed);
            }
        }
        assert_eq!(faults.sum(fault::ALL, true, false), 7);
        assert_eq!(faults.sum(fault::ALL, true, true), 707);
        assert_eq!(faults.sum(fault::MAJOR, true, true), 202);
        assert_eq!(faults.sum(fault::MINOR, false, true), 100);
    }
}
