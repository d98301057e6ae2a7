//! What tasks use: processor time, faults, context switches (getrusage(2), times(2)).
use super::{Task, ThreadGroup};
use crate::error::*;
use crate::perf::{FAULT_WATCHERS, count_processor_fault};
use crate::syscall::UserPtr;
use crate::syscall::user::long_layout;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Clock ticks of times(2) and /proc per second.
pub const USER_HZ: u64 = 100;
const NANOSECONDS: u64 = 1_000_000_000;

/// Counters of a live thread; processor time is kept by the scheduler.
#[derive(Default)]
pub struct Counters {
    /// Run time by what the ticks met.
    pub samples: super::schedule::Samples,
    /// The user and system time last told, in nanoseconds: neither goes back when the samples' ratio changes.
    told_user: AtomicU64,
    told_system: AtomicU64,
    /// Faults served without reading from a device.
    pub minor_faults: AtomicU64,
    /// Faults that had to read.
    pub major_faults: AtomicU64,
    /// Those of the minor and major faults that the kernel's own copies met.
    kernel_faults: [AtomicU64; 2],
    /// Faults that were wrong, of the program and of the kernel's copies.
    failed_faults: [AtomicU64; 2],
    /// A fault that is being served has read from a device.
    has_read: AtomicBool,
    /// Switches because the thread slept.
    pub voluntary_switches: AtomicU64,
    /// Switches because another thread's turn came.
    pub involuntary_switches: AtomicU64,
}

/// Sums over ended threads and waited-for children.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sum {
    /// Nanoseconds.
    pub user_time: u64,
    /// Nanoseconds.
    pub system_time: u64,
    /// See [`Counters`].
    pub minor_faults: u64,
    /// See [`Counters`].
    pub major_faults: u64,
    /// See [`Counters`].
    pub voluntary_switches: u64,
    /// See [`Counters`].
    pub involuntary_switches: u64,
    /// Largest resident set in KiB.
    pub largest_resident: u64,
}
impl Sum {
    /// Adds another sum (the larger resident set).
    pub fn add(&mut self, other: &Sum) {
        self.user_time = self.user_time.saturating_add(other.user_time);
        self.system_time = self.system_time.saturating_add(other.system_time);
        self.minor_faults = self.minor_faults.saturating_add(other.minor_faults);
        self.major_faults = self.major_faults.saturating_add(other.major_faults);
        self.voluntary_switches = self.voluntary_switches.saturating_add(other.voluntary_switches);
        self.involuntary_switches = self.involuntary_switches.saturating_add(other.involuntary_switches);
        self.largest_resident = self.largest_resident.max(other.largest_resident);
    }
}

/// A process's sums.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    /// Of ended threads.
    pub own: Sum,
    /// Of children that were waited for, with theirs.
    pub children: Sum,
}

impl Task {
    /// User and system time so far, in nanoseconds.
    pub fn processor_time(&self) -> (u64, u64) {
        let total = self.schedule.runtime();
        let never_less = |told: &AtomicU64, now: u64| told.fetch_max(now, Ordering::Relaxed).max(now).min(total);
        let system = never_less(&self.counters.told_system, self.counters.samples.system_part(total));
        let user = never_less(&self.counters.told_user, total - system);
        (user, total - user)
    }
    /// All counters as a sum.
    pub fn usage(&self) -> Sum {
        let (user_time, system_time) = self.processor_time();
        Sum {
            user_time,
            system_time,
            minor_faults: self.counters.minor_faults.load(Ordering::Relaxed),
            major_faults: self.counters.major_faults.load(Ordering::Relaxed),
            voluntary_switches: self.counters.voluntary_switches.load(Ordering::Relaxed),
            involuntary_switches: self.counters.involuntary_switches.load(Ordering::Relaxed),
            largest_resident: self.largest_resident(),
        }
    }
    /// Resident pages now, in KiB.
    fn largest_resident(&self) -> u64 {
        self.memory().map_or(0, |memory| (memory.tables().resident().0 as u64).saturating_mul(4))
    }
}

impl ThreadGroup {
    /// Usage of all threads, ended ones included.
    pub fn own_usage(&self) -> Sum {
        let mut sum = self.usage.lock().own;
        self.for_each_thread(|thread| {
            let (user, system) = thread.processor_time();
            let counters = &thread.counters;
            sum.add(&Sum {
                user_time: user,
                system_time: system,
                minor_faults: counters.minor_faults.load(Ordering::Relaxed),
                major_faults: counters.major_faults.load(Ordering::Relaxed),
                voluntary_switches: counters.voluntary_switches.load(Ordering::Relaxed),
                involuntary_switches: counters.involuntary_switches.load(Ordering::Relaxed),
                largest_resident: 0,
            });
        });
        if let Some(leader) = self.leader() {
            sum.largest_resident = sum.largest_resident.max(leader.largest_resident());
        }
        sum
    }
}

/// `struct rusage`.
#[repr(C)]
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ResourceUsage {
    user_seconds: i64,
    user_microseconds: i64,
    system_seconds: i64,
    system_microseconds: i64,
    largest_resident: i64,
    unused: [i64; 3],
    minor_faults: i64,
    major_faults: i64,
    swaps: i64,
    block_input: i64,
    block_output: i64,
    messages_sent: i64,
    messages_received: i64,
    signals: i64,
    voluntary_switches: i64,
    involuntary_switches: i64,
}
long_layout!(ResourceUsage);

impl From<&Sum> for ResourceUsage {
    fn from(sum: &Sum) -> Self {
        let seconds = |time: u64| (time / NANOSECONDS) as i64;
        let microseconds = |time: u64| (time % NANOSECONDS / 1000) as i64;
        ResourceUsage {
            user_seconds: seconds(sum.user_time),
            user_microseconds: microseconds(sum.user_time),
            system_seconds: seconds(sum.system_time),
            system_microseconds: microseconds(sum.system_time),
            largest_resident: sum.largest_resident as i64,
            minor_faults: sum.minor_faults as i64,
            major_faults: sum.major_faults as i64,
            voluntary_switches: sum.voluntary_switches as i64,
            involuntary_switches: sum.involuntary_switches as i64,
            ..ResourceUsage::default()
        }
    }
}

/// getrusage(2).
pub fn getrusage(task: &Task, who: i32, usage: UserPtr<ResourceUsage>) -> Result<()> {
    let sum = match who {
        0 => task.group().own_usage(),
        -1 => task.group().usage.lock().children,
        1 => task.usage(),
        _ => return Err(EINVAL),
    };
    usage.write(task, &ResourceUsage::from(&sum))
}

/// `struct tms`.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Times {
    user: i64,
    system: i64,
    children_user: i64,
    children_system: i64,
}
long_layout!(Times);

/// Nanoseconds in clock ticks.
pub fn ticks(time: u64) -> u64 {
    time / (NANOSECONDS / USER_HZ)
}

/// times(2): ticks since boot.
pub fn times(task: &Task, buffer: UserPtr<Times>) -> Result<u64> {
    if !buffer.is_null() {
        let own = task.group().own_usage();
        let children = task.group().usage.lock().children;
        let times = Times {
            user: ticks(own.user_time) as i64,
            system: ticks(own.system_time) as i64,
            children_user: ticks(children.user_time) as i64,
            children_system: ticks(children.system_time) as i64,
        };
        buffer.write(task, &times)?;
    }
    Ok(ticks(machine::time::monotonic()))
}

/// Kinds of faults, as [`Counters::faults`] numbers them.
const MINOR: usize = 0;
const MAJOR: usize = 1;
const FAILED: usize = 2;

/// Counts up what nobody else writes: the task's own counters, or with interrupts off the CPU's.
#[inline(always)]
pub(super) fn count(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

impl Counters {
    /// Page faults of the kinds whose bits are set (1: minor, 2: major, 4: wrong accesses), of the modes that are wanted.
    pub fn faults(&self, kinds: u8, user: bool, kernel: bool) -> u64 {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let [kernel_minor, kernel_major] = &self.kernel_faults;
        let [failed, kernel_failed] = &self.failed_faults;
        let all = [
            (value(&self.minor_faults).saturating_sub(value(kernel_minor)), value(kernel_minor)),
            (value(&self.major_faults).saturating_sub(value(kernel_major)), value(kernel_major)),
            (value(failed), value(kernel_failed)),
        ];
        let wanted = all.iter().enumerate().filter(|(kind, _)| kinds >> kind & 1 != 0);
        wanted.fold(0, |sum, (_, (of_user, of_kernel))| {
            let (of_user, of_kernel) = (if user { *of_user } else { 0 }, if kernel { *of_kernel } else { 0 });
            sum.wrapping_add(of_user).wrapping_add(of_kernel)
        })
    }
    /// The fault that is being served reads from a device.
    #[cold]
    pub fn note_fault_reads(&self) {
        self.has_read.store(true, Ordering::Relaxed);
    }
}

/// Counts a fault of the program that was served.
#[inline]
pub fn count_fault(task: &Task) {
    count_served(&task.counters, false);
}
/// Counts a fault of one of the kernel's copies that was served.
#[inline]
pub fn count_copy_fault(task: &Task) {
    count_served(&task.counters, true);
}
#[inline(always)]
fn count_served(counters: &Counters, in_kernel: bool) {
    let is_major = counters.has_read.load(Ordering::Relaxed);
    if is_major {
        counters.has_read.store(false, Ordering::Relaxed);
    }
    let [minor, major] = &counters.kernel_faults;
    count(if is_major { &counters.major_faults } else { &counters.minor_faults });
    if in_kernel {
        count(if is_major { major } else { minor });
    }
    if FAULT_WATCHERS.load(Ordering::Relaxed) != 0 {
        count_processor_fault(if is_major { MAJOR } else { MINOR }, in_kernel);
    }
}
/// Counts a fault that was wrong.
pub fn count_failed_fault(task: &Task, in_kernel: bool) {
    let [failed, kernel_failed] = &task.counters.failed_faults;
    count(if in_kernel { kernel_failed } else { failed });
    task.counters.has_read.store(false, Ordering::Relaxed);
    if FAULT_WATCHERS.load(Ordering::Relaxed) != 0 {
        count_processor_fault(FAILED, in_kernel);
    }
}
