//! The cases.
#![forbid(unsafe_code)]
mod device;
pub mod memory;
pub mod user;

use crate::kernel::{DEEPEST, REQUESTS, SECONDARIES, SWITCHES, TICK, TICKS, finish, schedule, spawn, wait_for};
use crate::say;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use machine::cpu::{self, MAX_CPUS};
use machine::time;

fn clock_advances() -> bool {
    let before = time::monotonic();
    let counter = time::counter();
    while time::counter() < counter + time::counter_frequency() / 1000 {}
    let elapsed = time::monotonic() - before;
    (900_000..10_000_000).contains(&elapsed)
}

fn wall_clock_is_this_century() -> bool {
    time::wall_clock_at_boot() > 1_700_000_000
}

fn timer_fires() -> bool {
    let before = TICKS[0].load(Ordering::Relaxed);
    let begin = time::monotonic();
    time::set_timer(Some(begin + 2_000_000));
    let fired = wait_for(1000, || TICKS[0].load(Ordering::Relaxed) > before);
    fired && time::monotonic() >= begin + 2_000_000
}

fn threads_switch() -> bool {
    let count = Arc::new(AtomicU64::new(0));
    let before = SWITCHES.load(Ordering::Relaxed);
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let count = count.clone();
            spawn("counter", MAX_CPUS, move || {
                for _ in 0..100 {
                    count.fetch_add(1, Ordering::Relaxed);
                    wait_for(0, || false);
                }
            })
        })
        .collect();
    wait_for(5000, || tasks.iter().all(|task| task.has_ended()))
        && count.load(Ordering::Relaxed) == 400
        && SWITCHES.load(Ordering::Relaxed) > before
}

fn busy_thread_is_preempted() -> bool {
    TICK.store(1_000_000, Ordering::Relaxed);
    time::set_timer(Some(time::monotonic() + 1_000_000));
    let stop = Arc::new(AtomicUsize::new(0));
    let seen = stop.clone();
    let busy = spawn("busy", 0, move || while seen.load(Ordering::Relaxed) == 0 {});
    let turns = wait_for(20, || false);
    stop.store(1, Ordering::Relaxed);
    let ended = wait_for(2000, || busy.has_ended());
    TICK.store(0, Ordering::Relaxed);
    !turns && ended
}

fn requests_do_not_nest() -> bool {
    REQUESTS.store(10_000, Ordering::Relaxed);
    cpu::set_need_reschedule();
    REQUESTS.load(Ordering::Relaxed) == 0 && DEEPEST.load(Ordering::Relaxed) == 1
}

fn other_cpus_run_tasks() -> bool {
    let cpus = cpu::online_cpus();
    if SECONDARIES.load(Ordering::Acquire) as usize != cpus - 1 {
        return false;
    }
    (0..cpus).all(|number| {
        let seen = Arc::new(AtomicUsize::new(usize::MAX));
        let result = seen.clone();
        let task = spawn("where", number, move || {
            result.store(cpu::current_cpu().0 as usize, Ordering::Release);
        });
        wait_for(2000, || task.has_ended()) && seen.load(Ordering::Acquire) == number
    })
}

fn entropy_differs() -> bool {
    let (mut first, mut second) = ([0u8; 32], [0u8; 32]);
    machine::random::entropy(&mut first);
    machine::random::entropy(&mut second);
    first != second && first != [0; 32]
}

fn back_trace_of_a_stopped_thread() -> bool {
    let task = spawn("sleeper", 0, || {
        wait_for(50, || false);
    });
    wait_for(5, || false);
    let mut frames = 0;
    machine::thread::Task::thread(&*task).back_trace(&mut |_| frames += 1);
    wait_for(2000, || task.has_ended()) && frames >= 2
}

/// Uses up the kernel stack.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let page = core::hint::black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { recurse(depth + 1) + page[(depth % 64) as usize] }
}

/// Ends the kernel in the way that a word on the command line asks for: the harness expects the report.
fn end_badly(command_line: &str) {
    for word in command_line.split_ascii_whitespace() {
        match word {
            "panic" => panic!("asked to"),
            "panic-elsewhere" => {
                spawn("panic", cpu::online_cpus() - 1, || panic!("asked to, elsewhere"));
                wait_for(1000, || false);
            }
            "overflow" => {
                say!("{}", recurse(0));
            }
            "sleep-under-lock" => {
                let guard = cpu::PreemptGuard::new();
                schedule();
                drop(guard);
            }
            "hang" => {
                let guard = cpu::InterruptGuard::new();
                say!("hanging");
                while time::monotonic() < 60_000_000_000 {}
                drop(guard);
            }
            "restart" => machine::power::restart(),
            _ => (),
        }
    }
}

/// Runs all cases and powers off.
pub fn run(command_line: &str) -> ! {
    end_badly(command_line);
    let cases: &[(&str, fn() -> bool)] = &[
        ("clock advances", clock_advances),
        ("wall clock", wall_clock_is_this_century),
        ("timer fires", timer_fires),
        ("threads switch", threads_switch),
        ("busy thread is preempted", busy_thread_is_preempted),
        ("requests to reschedule do not nest", requests_do_not_nest),
        ("other cpus run tasks", other_cpus_run_tasks),
        ("entropy differs", entropy_differs),
        ("back trace of a stopped thread", back_trace_of_a_stopped_thread),
    ];
    let mut failures = 0;
    for (name, case) in cases.iter().chain(user::CASES).chain(memory::CASES).chain(device::CASES) {
        let begin = time::monotonic();
        let passed = case();
        failures += usize::from(!passed);
        let microseconds = (time::monotonic() - begin) / 1000;
        say!("{} {name} ({microseconds} us)", if passed { "PASS" } else { "FAIL" });
    }
    finish(failures)
}
