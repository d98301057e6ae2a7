//! The OOM killer: when memory has run out and nothing can be reclaimed, the process that uses most dies.
use crate::memory::AddressSpace;
use crate::process::Task;
use crate::process::thread_group::ThreadGroup;
use crate::signal::{SIGKILL, SignalInfo};
use crate::sync::{Mutex, rank};
use crate::wait::{Sleep, WaitQueue};
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU64, Ordering};

/// oom_score_adj of processes that are never chosen.
const NEVER: i32 = -1000;
/// How long a caller waits for the chosen process to give its memory back before it looks again, in nanoseconds.
const PATIENCE: u64 = 10_000_000;

/// Processes killed since boot (oom_kill of /proc/vmstat).
pub static KILLED: AtomicU64 = AtomicU64::new(0);

/// The process that was chosen last. The lock also keeps callers from choosing at the same time.
static CHOSEN: Mutex<Option<Weak<ThreadGroup>>> = Mutex::new(rank::OOM, None);
/// Nobody is woken here: it is where callers wait for a time.
static PAUSE: WaitQueue = WaitQueue::new();

/// Called by a fault that found no memory, without locks held: kills the process with the most memory (weighted by
/// oom_score_adj), unless one that was chosen is still dying. The caller tries its access again.
pub fn out_of_memory() {
    let task = Task::current();
    if task.fatal_signal_pending() {
        return;
    }
    choose();
    if !task.fatal_signal_pending() {
        let deadline = machine::time::monotonic().saturating_add(PATIENCE);
        // Ends by the deadline or a fatal signal; either way the caller looks again.
        let _ = PAUSE.wait_until::<()>(Sleep::Killable, Some(deadline), || None);
    }
}

/// Kills a process unless the last one chosen still has memory.
fn choose() {
    let mut chosen = CHOSEN.lock();
    if let Some(victim) = chosen.as_ref().and_then(Weak::upgrade)
        && memory_of(&victim).is_some()
    {
        return;
    }
    let Some((victim, memory)) = find() else {
        *chosen = None;
        crate::warn!("Out of memory and no killable processes...");
        return;
    };
    *chosen = Some(Arc::downgrade(&victim));
    drop(chosen);
    kill(&victim, &memory);
}

/// The memory of a process, found through any of its threads.
fn memory_of(process: &ThreadGroup) -> Option<Arc<AddressSpace>> {
    let mut memory = None;
    process.for_each_thread(|thread| {
        if memory.is_none() {
            memory = thread.memory();
        }
    });
    memory
}

/// The score that decides: pages in use, plus thousandths of all memory by oom_score_adj; `None` for who is not to be killed.
fn badness(process: &ThreadGroup, memory: &AddressSpace, total: u64) -> Option<i64> {
    let adjustment = process.oom_score_adjustment.load(Ordering::Relaxed);
    if process.id() == 1 || adjustment == NEVER {
        return None;
    }
    let pages = i64::try_from(memory.resident_pages()).unwrap_or(i64::MAX);
    let bonus = i64::try_from(total / 1000).unwrap_or(0).saturating_mul(i64::from(adjustment));
    Some(pages.saturating_add(bonus))
}

/// What /proc/PID/oom_score shows: 0 to 2000 or so, 667 for a process without memory or adjustment.
pub fn score(process: &ThreadGroup) -> u64 {
    let total = (machine::memory::statistics().total as u64).max(1);
    let points = memory_of(process).and_then(|memory| badness(process, &memory, total));
    let Some(points) = points else { return 0 };
    let scaled = (1000 + i128::from(points) * 1000 / i128::from(total)) * 2 / 3;
    u64::try_from(scaled).unwrap_or(0)
}

fn find() -> Option<(Arc<ThreadGroup>, Arc<AddressSpace>)> {
    let total = machine::memory::statistics().total as u64;
    let processes = &crate::start::shared().namespaces.pid_for_children;
    let mut best: Option<(i64, Arc<ThreadGroup>, Arc<AddressSpace>)> = None;
    let mut number = 1;
    while let Some(entry) = processes.find_from(number) {
        number = entry.number().saturating_add(1);
        let Some(task) = entry.task().filter(|task| task.is_leader()) else { continue };
        let process = task.group();
        let Some(memory) = memory_of(process) else { continue };
        let Some(points) = badness(process, &memory, total) else { continue };
        if best.as_ref().is_none_or(|(most, _, _)| points > *most) {
            best = Some((points, process.clone(), memory));
        }
    }
    best.map(|(_, process, memory)| (process, memory))
}

/// Kills a process and all others that share its memory.
fn kill(victim: &Arc<ThreadGroup>, memory: &Arc<AddressSpace>) {
    KILLED.fetch_add(1, Ordering::Relaxed);
    let usage = memory.usage();
    let name = victim.leader().map_or([0; 16], |leader| leader.name());
    let name = name.split(|byte| *byte == 0).next().unwrap_or(&[]);
    crate::warn!(
        "Out of memory: Killed process {} ({}) total-vm:{}kB, rss:{}kB, pgtables:{}kB oom_score_adj:{}",
        victim.id(),
        core::str::from_utf8(name).unwrap_or("?"),
        usage.totals.total * 4,
        usage.resident * 4,
        usage.tables * 4,
        victim.oom_score_adjustment.load(Ordering::Relaxed),
    );
    let processes = &crate::start::shared().namespaces.pid_for_children;
    let mut number = 1;
    while let Some(entry) = processes.find_from(number) {
        number = entry.number().saturating_add(1);
        let Some(task) = entry.task().filter(|task| task.is_leader()) else { continue };
        let shares = memory_of(task.group()).is_some_and(|other| Arc::ptr_eq(&other, memory));
        if Arc::ptr_eq(task.group(), victim) || shares && task.group().id() != 1 {
            // SIGKILL needs no memory to be pending.
            let _ = crate::signal::send_to_group(task.group(), SignalInfo::kernel(SIGKILL));
        }
    }
}
