//! What the machine calls: the kernel as one type; and the start of the system up to init.
use crate::error::Result;
use crate::file::{FileSystemContext, FileTable};
use crate::process::exec::{self, Vector};
use crate::process::namespace::NamespaceSet;
use crate::process::pid::PidNamespace;
use crate::process::session::ProcessGroup;
use crate::process::task::flag;
use crate::process::{Credentials, Task, kernel_thread, schedule};
use crate::sync::Once;
use crate::syscall::Fd;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write;
use core::sync::atomic::Ordering;
use machine::thread::{Thread, work};
use machine::{
    boot::BootInfo,
    cpu::CpuId,
    entry::{Exception, UserFrame},
    paging::Access,
};

/// What kernel threads, idle tasks and init begin with.
pub struct Shared {
    /// The superuser.
    pub credentials: Arc<Credentials>,
    /// The first namespaces.
    pub namespaces: Arc<NamespaceSet>,
    /// A descriptor table that stays empty.
    pub files: Arc<FileTable>,
    /// The first root.
    pub context: Arc<FileSystemContext>,
    /// Process group and session of tasks that are in none.
    pub no_group: Arc<ProcessGroup>,
    boot: &'static BootInfo,
}
static SHARED: Once<Shared> = Once::new();

/// What was made at the start. Panics before.
pub fn shared() -> &'static Shared {
    SHARED.get().expect("the kernel has started")
}
/// As [`shared`], where the start may not have come so far.
pub fn shared_if_started() -> Option<&'static Shared> {
    SHARED.get()
}
/// The kernel's descriptor table.
pub fn kernel_files() -> Arc<FileTable> {
    shared().files.clone()
}
/// The first root.
pub fn first_context() -> Arc<FileSystemContext> {
    shared().context.clone()
}

/// A value of the kernel command line: `name=value`. The last one counts; none before the start.
pub fn command_line_value(name: &str) -> Option<&'static str> {
    let words = shared_if_started()?.boot.command_line.split_ascii_whitespace();
    words.filter_map(|word| word.strip_prefix(name)?.strip_prefix('=')).next_back()
}
/// The kernel command line.
pub fn command_line() -> &'static str {
    shared().boot.command_line
}

fn make_shared(boot: &'static BootInfo) -> Result<Shared> {
    let root = PidNamespace::new_root()?;
    let namespaces = machine::memory::try_arc(NamespaceSet::first(root.clone())?)?;
    let credentials = Credentials::root()?;
    let mounts = crate::file::startup::initialize()?;
    crate::file::cgroupfs::initialize(&namespaces.cgroup.root())?;
    Ok(Shared {
        credentials,
        namespaces,
        files: FileTable::new()?,
        context: FileSystemContext::new(mounts)?,
        no_group: ProcessGroup::none(root.zero()?)?,
        boot,
    })
}

/// The idle task of a CPU, made current.
fn adopt_idle_task(cpu: CpuId) -> Result<()> {
    let shared = shared();
    let number = shared.namespaces.pid_for_children.zero()?;
    let mut name = *b"swapper/00\0\0\0\0\0\0";
    let digits =
        if cpu.0 < 10 { [b'0' + cpu.0 as u8, 0] } else { [b'0' + (cpu.0 / 10) as u8, b'0' + (cpu.0 % 10) as u8] };
    if let Some(place) = name.get_mut(8..10) {
        place.copy_from_slice(&digits);
    }
    let idle = kernel_thread::new_task(shared, "", number, Thread::idle(), flag::KERNEL)?;
    idle.set_name(&name);
    idle.group().signals.protect();
    schedule::set_idle_task(cpu, idle.clone());
    machine::thread::adopt_idle(idle);
    Ok(())
}

/// Most tasks: their kernel stacks may take an eighth of the memory.
fn limit_tasks() {
    const STACK_PAGES: usize = 5;
    let maximum = (machine::memory::statistics().total / 8 / STACK_PAGES).clamp(128, 1 << 20) as u32;
    crate::process::clone::TASKS_MAXIMUM.store(maximum, Ordering::Relaxed);
}

fn start(boot: &'static BootInfo) -> Result<()> {
    limit_tasks();
    if SHARED.set(make_shared(boot)?).is_err() {
        panic!("started twice");
    }
    adopt_idle_task(CpuId(0))?;
    let init = make_init()?;
    let idle = Task::current_arc();
    kernel_thread::make(shared(), "kthreadd", Some(idle.group().clone()), kthreadd)?;
    machine::cpu::start_others(
        command_line_value("maxcpus").and_then(|count| count.parse().ok()).unwrap_or(usize::MAX),
    );
    schedule::start_new(init);
    Ok(())
}

/// pid 2: the parent of kernel threads; it also drops what waited for a grace period.
fn kthreadd() {
    let nobody_wakes = crate::wait::WaitQueue::new();
    loop {
        while machine::rcu::run_deferred() {}
        let pause = if machine::rcu::has_deferred() { 2_000_000 } else { 50_000_000 };
        let deadline = machine::time::monotonic().saturating_add(pause);
        // Ends by the deadline.
        let _ = nobody_wakes.wait_until::<()>(crate::wait::Sleep::Interruptible, Some(deadline), || None);
    }
}

/// pid 1, which will run [`first_steps`] before its first instruction.
fn make_init() -> Result<Arc<Task>> {
    let shared = shared();
    let pid = shared.namespaces.pid_for_children.allocate()?;
    let memory = crate::memory::AddressSpace::new()?;
    let frame = UserFrame::new(abi::Abi::X86_64, 0, 0);
    let thread = Thread::user(&frame, memory.tables().clone())?;
    let task = kernel_thread::new_task(shared, "swapper/0", pid.clone(), thread, flag::STARTING)?;
    task.set_first_memory(memory);
    drop(task.replace_files(FileTable::new()?));
    drop(task.replace_context(shared.context.copy()?));
    let group = ProcessGroup::first(&pid)?;
    task.group().set_first_process_group(group);
    task.group().signals.protect();
    task.group().set_exit_signal(crate::signal::SIGCHLD);
    kernel_thread::publish(&task, Some(Task::current().group()));
    task.thread().set_work(work::NOTIFY);
    Ok(task)
}

/// What pid 1 does in the kernel: devices, the initramfs, the console, and at last the first program.
pub fn first_steps(task: &Task, frame: &mut UserFrame) {
    if let Err(error) = crate::device::initialize() {
        crate::warn!("devices: {error:?}");
    }
    crate::time::clock::initialize();
    if let Err(error) = crate::time::signalling::initialize() {
        crate::warn!("timers: {error:?}");
    }
    unpack_initramfs();
    open_console(task);
    run_init(task, frame);
}

fn unpack_initramfs() {
    let image = &shared().boot.initramfs;
    if image.is_empty() {
        return;
    }
    if let Err(error) = crate::file::initramfs::unpack(image) {
        crate::warn!("initramfs unpacking failed: {error:?}");
    }
    // What was taken as pages of files stays; headers and packed bytes are memory again.
    image.free();
}

/// The console becomes init's standard input, output and error.
fn open_console(task: &Task) {
    let opened = crate::file::open::open_in_kernel(b"/dev/console", 2);
    let files = task.files();
    let installed =
        opened.and_then(|console| (0..3).try_for_each(|_| files.install(console.clone(), 0, false).map(drop)));
    if installed.is_err() {
        crate::warn!("Warning: unable to open an initial console.");
    }
}

/// Words of the command line that the kernel does not take: init's arguments, and its environment where they have the form of
/// an assignment. What follows `--` are arguments.
fn init_words() -> (Vec<&'static [u8]>, Vec<&'static [u8]>) {
    let (mut arguments, mut environment): (Vec<&[u8]>, Vec<&[u8]>) = (Vec::new(), Vec::new());
    environment.extend([b"HOME=/".as_slice(), b"TERM=linux"]);
    arguments.push(b"init");
    const TAKEN: [&str; 12] =
        ["rdinit", "init", "console", "panic", "reboot", "quiet", "debug", "maxcpus", "loglevel", "root", "ro", "rw"];
    let mut only_arguments = false;
    for word in command_line().split_ascii_whitespace() {
        let name = word.split('=').next().unwrap_or(word);
        if only_arguments {
            arguments.push(word.as_bytes());
        } else if word == "--" {
            only_arguments = true;
        } else if TAKEN.contains(&name) || name.contains('.') {
            continue;
        } else if word.contains('=') {
            environment.push(word.as_bytes());
        } else {
            arguments.push(word.as_bytes());
        }
    }
    (arguments, environment)
}

fn try_program(task: &Task, frame: &mut UserFrame, path: &str, words: &mut (Vec<&[u8]>, Vec<&[u8]>)) -> Result<()> {
    let path = path.as_bytes();
    let mut arguments: Vec<&[u8]> = Vec::new();
    arguments.push(path);
    arguments.extend(words.0.iter().skip(1));
    let request = exec::Request {
        directory: Fd::WORKING_DIRECTORY,
        path,
        no_follow: false,
        name: path,
        hides_path: false,
        arguments: Vector::Kernel(&arguments),
        environment: Vector::Kernel(&words.1),
    };
    exec::execute(task, frame, &request)
}

/// Starts the first program: `rdinit=` or /init of the initramfs; else `init=`, which must work; else the usual places.
fn run_init(task: &Task, frame: &mut UserFrame) {
    let mut words = init_words();
    let ram_init = command_line_value("rdinit").unwrap_or("/init");
    match try_program(task, frame, ram_init, &mut words) {
        Ok(()) => return crate::info!("Run {ram_init} as init process"),
        Err(error) if command_line_value("rdinit").is_some() => {
            crate::log::line(
                crate::log::Level::Error,
                format_args!("Failed to execute {ram_init} (error {})", error.into_register()),
            );
        }
        Err(_) => {}
    }
    if let Some(path) = command_line_value("init") {
        match try_program(task, frame, path, &mut words) {
            Ok(()) => return,
            Err(error) => panic!("Requested init {path} failed (error {}).", error.into_register()),
        }
    }
    for path in ["/sbin/init", "/etc/init", "/bin/init", "/bin/sh"] {
        if try_program(task, frame, path, &mut words).is_ok() {
            return;
        }
    }
    panic!("No working init found.  Try passing init= option to kernel.");
}

/// The kernel, as the machine's entry stubs know it.
pub enum Lstar {}

impl machine::Kernel for Lstar {
    type Task = Task;
    fn start(boot: &'static BootInfo) -> ! {
        if let Err(error) = start(boot) {
            panic!("the kernel could not start: {error:?}");
        }
        schedule::idle_loop()
    }
    fn start_secondary(cpu: CpuId) -> ! {
        if let Err(error) = adopt_idle_task(cpu) {
            panic!("CPU {} could not start: {error:?}", cpu.0);
        }
        schedule::idle_loop()
    }
    #[inline(always)]
    fn system_call(task: &Task, frame: &mut UserFrame) {
        crate::syscall::dispatch(task, frame)
    }
    fn user_exception(task: &Task, frame: &mut UserFrame, exception: Exception) {
        crate::process::exception::handle(task, frame, exception)
    }
    fn return_to_user(task: &Task, frame: &mut UserFrame) {
        crate::process::exit_work::run(task, frame)
    }
    fn resolve_copy_fault(task: &Task, address: u64, access: Access) -> bool {
        crate::memory::resolve_copy_fault(task, address, access)
    }
    fn timer_interrupt() {
        crate::time::timer::interrupt()
    }
    fn preempt() {
        crate::process::schedule::preempt()
    }
    fn switched_from(previous: Arc<Task>) {
        crate::process::schedule::switched_from(previous)
    }
    fn reclaim(frames_wanted: usize) -> bool {
        crate::memory::reclaim(frames_wanted)
    }
    fn module_fault(task: &Task, what: core::fmt::Arguments<'_>, stack: machine::module::Abandoned) -> ! {
        crate::module::fault::end(task, what, &stack)
    }
    fn report(out: &mut dyn Write) {
        crate::process::report(out)
    }
}
