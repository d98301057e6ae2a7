//! The smallest kernel: a run queue per machine, tasks that wait for nothing, system calls that record what they saw.
#![forbid(unsafe_code)]
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use machine::boot::BootInfo;
use machine::cpu::{self, CpuId, InterruptGuard, MAX_CPUS, PreemptGuard};
use machine::entry::{Exception, UserFrame};
use machine::paging::{Access, UserSpace};
use machine::sync::{IrqLock, Rank};
use machine::thread::{self, Task, Thread, work};
use machine::{Kernel, console, time};

/// A task of the test kernel.
pub struct TestTask {
    thread: Thread,
    pub name: &'static str,
    idle: bool,
    /// Runs on this CPU only, if below [`MAX_CPUS`].
    pinned: usize,
    ended: AtomicBool,
    pub calls: AtomicU64,
    pub space: Option<Arc<UserSpace>>,
    pub last_exception: IrqLock<Option<(Exception, u64)>>,
}

impl Task for TestTask {
    fn thread(&self) -> &Thread {
        &self.thread
    }
}

impl TestTask {
    pub fn new(name: &'static str, cpu: usize, thread: Thread, space: Option<Arc<UserSpace>>) -> Arc<Self> {
        Arc::new(TestTask {
            thread,
            name,
            idle: false,
            pinned: cpu,
            ended: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            space,
            last_exception: IrqLock::new(Rank(1, "last exception"), None),
        })
    }
    fn idle() -> Arc<Self> {
        let task = TestTask::new("idle", MAX_CPUS, Thread::idle(), None);
        let mut task = Arc::into_inner(task).expect("just made");
        task.idle = true;
        Arc::new(task)
    }
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

static QUEUE: IrqLock<VecDeque<Arc<TestTask>>> = IrqLock::new(Rank(10, "run queue"), VecDeque::new());
static IDLE: IrqLock<[Option<Arc<TestTask>>; MAX_CPUS]> =
    IrqLock::new(Rank(11, "idle tasks"), [const { None }; MAX_CPUS]);
pub static SWITCHES: AtomicU64 = AtomicU64::new(0);
pub static TICKS: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];
pub static SECONDARIES: AtomicU32 = AtomicU32::new(0);
/// Nanoseconds between timer interrupts, 0 for none.
pub static TICK: AtomicU64 = AtomicU64::new(0);

/// Prints a line on the serial port.
#[macro_export]
macro_rules! say {
    ($($part:tt)*) => { machine::console::print(format_args!("{}\n", format_args!($($part)*))) };
}

/// Puts a task into the run queue, waking the other CPUs.
pub fn enqueue(task: Arc<TestTask>) {
    QUEUE.lock().push_back(task);
    for number in 0..cpu::online_cpus() {
        cpu::kick(CpuId(number as u32));
    }
}

/// Starts a kernel thread, on one CPU only if `cpu` is below [`MAX_CPUS`].
pub fn spawn(name: &'static str, cpu: usize, body: impl FnOnce() + Send + 'static) -> Arc<TestTask> {
    let thread = Thread::kernel(alloc::boxed::Box::new(move || {
        body();
        exit()
    }))
    .expect("memory for a thread");
    let task = TestTask::new(name, cpu, thread, None);
    enqueue(task.clone());
    task
}

/// Ends the current task.
pub fn exit() -> ! {
    thread::current::<TestTask>().ended.store(true, Ordering::Release);
    schedule();
    unreachable!("an ended task was scheduled");
}

/// Gives the CPU to the next task in the queue; the current one goes to its end, unless it has ended. Not before its context
/// is saved: two CPUs that each wait for what the other one is leaving would wait for ever.
pub fn schedule() {
    let guard = InterruptGuard::new();
    cpu::clear_need_reschedule();
    let me = cpu::current_cpu().0 as usize;
    let current = thread::current::<TestTask>();
    let goes_on = !current.idle && !current.has_ended();
    let next = {
        let mut queue = QUEUE.lock();
        let fits = |task: &Arc<TestTask>| task.pinned == me || task.pinned >= MAX_CPUS;
        let place = queue.iter().position(fits);
        place.and_then(|place| queue.remove(place))
    };
    let next = match next {
        Some(next) => next,
        None if goes_on => return,
        None => IDLE.lock()[me].clone().expect("every CPU has an idle task"),
    };
    SWITCHES.fetch_add(1, Ordering::Relaxed);
    thread::switch_to(next);
    drop(guard);
}

fn idle_loop() -> ! {
    loop {
        let guard = PreemptGuard::new();
        cpu::idle();
        drop(guard);
        schedule();
    }
}

fn become_idle(cpu: CpuId) {
    let idle = TestTask::idle();
    IDLE.lock()[cpu.0 as usize] = Some(idle.clone());
    thread::adopt_idle(idle);
}

/// How often the scheduler, when it is let in, only asks to be let in again; how deep it is in itself, and was at most.
pub static REQUESTS: AtomicUsize = AtomicUsize::new(0);
static DEPTH: AtomicUsize = AtomicUsize::new(0);
pub static DEEPEST: AtomicUsize = AtomicUsize::new(0);

/// The test kernel.
pub struct TestKernel;

impl Kernel for TestKernel {
    type Task = TestTask;

    fn start(boot: &'static BootInfo) -> ! {
        say!("selftest: counter at start {}", time::counter());
        say!("selftest: command line {:?}, initramfs {} bytes", boot.command_line, boot.initramfs.len());
        become_idle(CpuId(0));
        cpu::start_others(MAX_CPUS);
        say!("selftest: {} cpus, counter at {} kHz", cpu::online_cpus(), time::counter_frequency() / 1000);
        spawn("tests", 0, || crate::cases::run(boot.command_line));
        idle_loop()
    }

    fn start_secondary(cpu: CpuId) -> ! {
        become_idle(cpu);
        SECONDARIES.fetch_add(1, Ordering::AcqRel);
        idle_loop()
    }

    fn system_call(task: &TestTask, frame: &mut UserFrame) {
        crate::cases::user::system_call(task, frame);
    }

    fn user_exception(task: &TestTask, frame: &mut UserFrame, exception: Exception) {
        crate::cases::user::exception(task, frame, exception);
    }

    fn return_to_user(task: &TestTask, _frame: &mut UserFrame) {
        let flags = task.thread.work();
        task.thread.clear_work(work::ON_EXIT);
        crate::cases::user::returning(task, flags);
    }

    fn resolve_copy_fault(task: &TestTask, address: u64, access: Access) -> bool {
        crate::cases::user::resolve(task, address, access)
    }

    fn timer_interrupt() {
        TICKS[cpu::current_cpu().0 as usize].fetch_add(1, Ordering::Relaxed);
        cpu::set_need_reschedule();
        match TICK.load(Ordering::Relaxed) {
            0 => time::set_timer(None),
            period => time::set_timer(Some(time::monotonic() + period)),
        }
    }

    fn preempt() {
        if REQUESTS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            let depth = DEPTH.fetch_add(1, Ordering::Relaxed) + 1;
            DEEPEST.fetch_max(depth, Ordering::Relaxed);
            cpu::set_need_reschedule();
            DEPTH.fetch_sub(1, Ordering::Relaxed);
        } else {
            schedule();
        }
    }

    fn switched_from(previous: Arc<TestTask>) {
        if !previous.idle && !previous.has_ended() {
            QUEUE.lock().push_back(previous);
        }
    }

    fn reclaim(_frames_wanted: usize) -> bool {
        false
    }

    fn module_fault(_task: &TestTask, what: core::fmt::Arguments<'_>, _stack: machine::module::Abandoned) -> ! {
        panic!("{what}")
    }

    fn report(out: &mut dyn Write) {
        let _ = writeln!(out, "test kernel, current task {}", thread::current::<TestTask>().name);
    }
}

/// Waits without sleeping until `done` says so, for at most `milliseconds`.
pub fn wait_for(milliseconds: u64, done: impl Fn() -> bool) -> bool {
    let end = time::monotonic() + milliseconds * 1_000_000;
    while !done() {
        if time::monotonic() > end {
            return false;
        }
        schedule();
        core::hint::spin_loop();
    }
    true
}

/// Ends the test.
pub fn finish(failures: usize) -> ! {
    say!("selftest done, {failures} failed");
    console::write(b"");
    machine::power::power_off()
}
