//! User mode: small programs in machine code, one page each.
use crate::kernel::{TICK, TestTask, enqueue, exit, schedule, spawn, wait_for};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use machine::entry::{EntryKind, Exception, UserFrame};
use machine::memory::Frame;
use machine::paging::{Access, Permission, UserSpace};
use machine::thread::{self, Task, Thread, work};
use machine::{cpu, time, user};

const CODE: u64 = 0x40_0000;
const STACK: u64 = 0x7fff_0000_0000;
const DATA: u64 = 0x50_0000;
/// Mapped when a copy faults there.
const LATE: u64 = 0x60_0000;

/// The cases.
pub const CASES: &[(&str, fn() -> bool)] = &[
    ("system call keeps registers", registers_survive),
    ("exceptions reach the kernel", exceptions),
    ("single step", single_step),
    ("wild instruction pointer", wild_instruction_pointer),
    ("chosen GS base", chosen_gs_base),
    ("busy user thread is preempted", busy_user_thread),
    ("work flags are served", work_is_served),
    ("FPU state is per thread", floating_point),
    ("FPU state read and written", floating_point_bytes),
    ("cost of a system call", cost_of_a_call),
    ("cost of a switch", cost_of_a_switch),
    ("storm of threads", storm),
    ("user copies", copies),
];

/// System calls of the test kernel, by number.
mod call {
    pub const NOTHING: u64 = 39;
    pub const EXIT: u64 = 60;
    pub const COMPARE: u64 = 100;
    pub const YIELD: u64 = 24;
    pub const WILD: u64 = 101;
    pub const COPY: u64 = 102;
    pub const FPU: u64 = 103;
}

/// Frames seen by COMPARE, results of checks.
static COMPARED: AtomicU64 = AtomicU64::new(0);
static COPIED: AtomicU64 = AtomicU64::new(0);
static RETURNED: AtomicU64 = AtomicU64::new(0);
static FPU_CHECKED: AtomicU64 = AtomicU64::new(0);

fn page_of(bytes: &[u8]) -> Frame {
    let frame = Frame::zeroed().expect("memory for a page");
    frame.write(0, bytes);
    frame
}

/// Starts a program on a CPU of any kind.
fn start(name: &'static str, code: &[u8], argument: u64) -> Arc<TestTask> {
    let space = Arc::new(UserSpace::new().expect("memory for page tables"));
    let map = |address, frame, write, execute| {
        space.map(address, frame, Permission { write, execute, key: 0 }).expect("memory for page tables")
    };
    map(CODE, page_of(code), false, true);
    map(STACK - 4096, page_of(&[]), true, false);
    map(DATA, page_of(&[]), true, false);
    let mut frame = UserFrame::new(abi::Abi::X86_64, CODE, STACK);
    frame.rdi = argument;
    let thread = Thread::user(&frame, space.clone()).expect("memory for a thread");
    let task = TestTask::new(name, cpu::MAX_CPUS, thread, Some(space));
    enqueue(task.clone());
    task
}

fn run(name: &'static str, code: &[u8]) -> Arc<TestTask> {
    let task = start(name, code, 0);
    wait_for(2000, || task.has_ended());
    task
}

/// `mov eax, number; syscall`
const fn syscall(number: u64) -> [u8; 7] {
    let [a, b, c, d, ..] = number.to_le_bytes();
    [0xb8, a, b, c, d, 0x0f, 0x05]
}

fn registers_survive() -> bool {
    let mut code = alloc::vec::Vec::new();
    // mov REGISTER, 0x1110 + index, for all but rax, rcx, rsp, r11
    for (index, opcode) in [
        [0x48u8, 0xc7, 0xc7], // rdi
        [0x48, 0xc7, 0xc6],   // rsi
        [0x48, 0xc7, 0xc2],   // rdx
        [0x49, 0xc7, 0xc2],   // r10
        [0x49, 0xc7, 0xc0],   // r8
        [0x49, 0xc7, 0xc1],   // r9
        [0x48, 0xc7, 0xc3],   // rbx
        [0x48, 0xc7, 0xc5],   // rbp
        [0x49, 0xc7, 0xc4],   // r12
        [0x49, 0xc7, 0xc5],   // r13
        [0x49, 0xc7, 0xc6],   // r14
        [0x49, 0xc7, 0xc7],   // r15
    ]
    .iter()
    .enumerate()
    {
        code.extend(opcode);
        code.extend((0x1110 + index as u32).to_le_bytes());
    }
    code.extend(syscall(call::NOTHING));
    code.extend(syscall(call::COMPARE));
    code.extend(syscall(call::YIELD));
    code.extend(syscall(call::COMPARE));
    code.extend(syscall(call::EXIT));
    COMPARED.store(0, Ordering::Relaxed);
    let task = run("registers", &code);
    task.has_ended() && COMPARED.load(Ordering::Relaxed) == 2 && task.calls.load(Ordering::Relaxed) == 5
}

fn compare(frame: &UserFrame) {
    let seen = [
        frame.rdi, frame.rsi, frame.rdx, frame.r10, frame.r8, frame.r9, frame.rbx, frame.rbp, frame.r12, frame.r13,
        frame.r14, frame.r15,
    ];
    let expected: [u64; 12] = core::array::from_fn(|index| 0x1110 + index as u64);
    let entered = frame.rcx == frame.instruction_pointer()
        && frame.r11 == frame.flags()
        && frame.entry() == EntryKind::Syscall
        && frame.stack_pointer() == STACK
        && frame.is_64_bit();
    if seen == expected && entered && frame.original_rax == call::COMPARE {
        COMPARED.fetch_add(1, Ordering::Relaxed);
    }
}

fn exceptions() -> bool {
    const ANY: u32 = u32::MAX;
    // Code, vector, error code, address of the fault or 0.
    let programs: &[(&str, &[u8], u8, u32, u64)] = &[
        ("ud2", &[0x0f, 0x0b], 6, 0, 0),
        ("hlt", &[0xf4], 13, 0, 0),
        ("int3", &[0xcc], 3, 0, 0),
        // QEMU counts 16 bytes a vector in these error codes, hardware 8.
        ("int 0x20", &[0xcd, 0x20], 13, ANY, 0),
        ("int 2", &[0xcd, 0x02], 13, ANY, 0),
        ("xor eax, eax; div eax", &[0x31, 0xc0, 0xf7, 0xf0], 0, 0, 0),
        ("mov eax, [0x1000]", &[0x8b, 0x04, 0x25, 0, 0x10, 0, 0], 14, 4, 0x1000),
        ("mov [0x400000], eax", &[0x89, 0x04, 0x25, 0, 0, 0x40, 0], 14, 7, CODE),
        ("mov eax, [kernel]", &[0x8b, 0x04, 0x25, 0, 0, 0x20, 0x80], 14, 5, 0xffff_ffff_8020_0000),
        ("jmp to data", &[0xb8, 0, 0, 0x50, 0, 0xff, 0xe0], 14, 0x15, DATA),
        ("mov rax, cr3", &[0x0f, 0x20, 0xd8], 13, 0, 0),
        ("swapgs", &[0x0f, 0x01, 0xf8], 13, 0, 0),
        ("in al, dx", &[0xec], 13, 0, 0),
        // mov rax, 0x8000000000000000; jmp rax
        ("jmp non-canonical", &[0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0xe0], 13, 0, 0),
        ("sysenter", &[0x0f, 0x34], 13, 0, 0),
        // AC set in the flags, then an exception: the kernel must not care.
        ("AC and ud2", &[0x9c, 0x81, 0x0c, 0x24, 0, 0, 4, 0, 0x9d, 0x0f, 0x0b], 6, 0, 0),
        ("sgdt", &[0x0f, 0x01, 0x04, 0x25, 0, 0, 0x50, 0], 13, 0, 0),
    ];
    let umip = core::arch::x86_64::__cpuid_count(7, 0).ecx >> 2 & 1 == 1;
    programs.iter().filter(|program| umip || program.0 != "sgdt").all(|&(name, code, vector, error_code, address)| {
        let task = run(name, code);
        let seen = *task.last_exception.lock();
        let error_code = if error_code == ANY { seen.map_or(0, |(seen, _)| seen.error_code) } else { error_code };
        let expected = Exception { vector, error_code, address };
        // Without SYSENTER the CPU says that there is no such instruction.
        let good = seen.is_some_and(|(seen, _)| seen == expected || name == "sysenter" && seen.vector == 6);
        if !good {
            crate::say!("     {name}: {seen:?}, not {expected:?}");
        }
        good
    })
}

fn single_step() -> bool {
    // pushfq; or dword [rsp], 0x100; popfq; nop; ud2
    let task = run("single step", &[0x9c, 0x81, 0x0c, 0x24, 0, 1, 0, 0, 0x9d, 0x90, 0x0f, 0x0b]);
    let seen = *task.last_exception.lock();
    seen.is_some_and(|(seen, at)| seen.vector == 1 && seen.address & 0x4000 != 0 && at == CODE + 10)
}

fn wild_instruction_pointer() -> bool {
    let task = run("wild", &syscall(call::WILD));
    let seen = *task.last_exception.lock();
    seen.is_some_and(|(seen, at)| seen.vector == 13 && at == 0x8000_0000_0000_0000)
}

fn chosen_gs_base() -> bool {
    if core::arch::x86_64::__cpuid_count(7, 0).ebx & 1 == 0 {
        return true; // no instruction to choose it by
    }
    // mov rax, 0xffffffff80200000; wrgsbase rax; wrfsbase rax; then system calls, yields and an exception.
    let mut code =
        alloc::vec![0x48, 0xc7, 0xc0, 0, 0, 0x20, 0x80, 0xf3, 0x48, 0x0f, 0xae, 0xd8, 0xf3, 0x48, 0x0f, 0xae];
    code.push(0xd0);
    code.extend(syscall(call::YIELD));
    code.extend(syscall(call::NOTHING));
    // rdgsbase rbx; cmp rbx, 0xffffffff80200000; jne +2; ud2; hlt
    code.extend([0xf3, 0x48, 0x0f, 0xae, 0xcb, 0x48, 0x81, 0xfb, 0, 0, 0x20, 0x80, 0x75, 2, 0x0f, 0x0b, 0xf4]);
    let task = run("gs", &code);
    let seen = *task.last_exception.lock();
    seen.is_some_and(|(seen, _)| seen.vector == 6) && task.calls.load(Ordering::Relaxed) == 2
}

fn busy_user_thread() -> bool {
    TICK.store(1_000_000, Ordering::Relaxed);
    time::set_timer(Some(time::monotonic() + 1_000_000));
    let task = start("busy", &[0xeb, 0xfe], 0); // jmp $
    wait_for(20, || false);
    let good = !task.has_ended() && stop(&task);
    TICK.store(0, Ordering::Relaxed);
    good
}

/// Ends a user thread from outside.
fn stop(task: &TestTask) -> bool {
    task.thread().set_work(work::SIGNAL);
    for number in 0..cpu::online_cpus() {
        cpu::interrupt_for_work(cpu::CpuId(number as u32));
    }
    wait_for(2000, || task.has_ended())
}

fn work_is_served() -> bool {
    RETURNED.store(0, Ordering::Relaxed);
    let code = [&syscall(call::YIELD)[..], &[0xeb, 0xf7]].concat(); // again and again
    let task = start("work", &code, 0);
    wait_for(2, || false);
    task.thread().set_work(work::NOTIFY);
    wait_for(2000, || RETURNED.load(Ordering::Relaxed) != 0) && stop(&task)
}

/// Keeps its argument in xmm0 over many yields, and dies of #UD if it finds something else there.
fn computing_program(rounds: u32) -> alloc::vec::Vec<u8> {
    // movq xmm0, rdi; mov ebx, ROUNDS; again: yield; movq rcx, xmm0; cmp rcx, rdi; jne bad; dec ebx; jnz again; exit; bad: ud2
    let mut code = alloc::vec![0x66, 0x48, 0x0f, 0x6e, 0xc7, 0xbb];
    code.extend(rounds.to_le_bytes());
    code.extend(syscall(call::YIELD));
    code.extend([0x66, 0x48, 0x0f, 0x7e, 0xc1, 0x48, 0x39, 0xf9, 0x75, 11, 0xff, 0xcb, 0x75, 0xeb]);
    code.extend(syscall(call::EXIT));
    code.extend([0x0f, 0x0b]);
    code
}

fn floating_point() -> bool {
    let code = computing_program(200);
    let tasks: [_; 4] = core::array::from_fn(|index| start("fpu", &code, 0x1234_5678_0000 + index as u64));
    wait_for(5000, || tasks.iter().all(|task| task.has_ended()))
        && tasks.iter().all(|task| task.last_exception.lock().is_none() && task.calls.load(Ordering::Relaxed) == 201)
}

fn floating_point_bytes() -> bool {
    // movq xmm0, rdi; FPU call, which changes the saved xmm0; movq rcx, xmm0; cmp ecx, 0x55; je +1; hlt; exit
    let mut code = alloc::vec![0x66, 0x48, 0x0f, 0x6e, 0xc7];
    code.extend(syscall(call::FPU));
    code.extend([0x66, 0x48, 0x0f, 0x7e, 0xc1, 0x83, 0xf9, 0x55, 0x74, 1, 0xf4]);
    code.extend(syscall(call::EXIT));
    FPU_CHECKED.store(0, Ordering::Relaxed);
    let task = start("fpu bytes", &code, 0x77);
    wait_for(2000, || task.has_ended())
        && task.last_exception.lock().is_none()
        && FPU_CHECKED.load(Ordering::Relaxed) == 1
}

/// xmm0 lies at byte 160 of the FXSAVE area.
fn change_fpu(task: &TestTask) {
    let mut bytes = [0; 4096];
    let length = task.thread().fpu_read(&mut bytes);
    let good = length == thread::fpu_state_size() && bytes[160] == 0x77;
    bytes[160] = 0x55;
    let refused = {
        let mut broken = bytes;
        broken[512 + 8] = 1; // XCOMP_BV
        length == 512 || !task.thread().fpu_write(&broken[..length])
    };
    if good && refused && task.thread().fpu_write(&bytes[..length]) {
        FPU_CHECKED.store(1, Ordering::Relaxed);
    }
}

fn copies() -> bool {
    COPIED.store(0, Ordering::Relaxed);
    let task = run("copies", &[&syscall(call::COPY)[..], &syscall(call::EXIT)].concat());
    task.has_ended() && COPIED.load(Ordering::Relaxed) == 0xff
}

fn check_copies() {
    let mut bytes = [0; 8];
    let checks = [
        user::copy_to_user(DATA, b"12345678") == 0,
        user::copy_from_user(&mut bytes, DATA) == 0 && &bytes == b"12345678",
        user::copy_from_user(&mut bytes, 0x1000) == 8,
        user::copy_to_user(CODE, b"x") == 1,
        user::copy_from_user(&mut bytes, DATA + 4092) == 4,
        user::copy_to_user(LATE, b"late") == 0,
        user::copy_from_user(&mut bytes, 0xffff_ffff_8020_0000) == 8,
        user::load_u32_nofault(DATA) == Ok(u32::from_le_bytes(*b"1234")),
    ];
    let mask = checks.iter().enumerate().fold(0, |mask, (bit, &good)| mask | u64::from(good) << bit);
    COPIED.store(mask, Ordering::Relaxed);
    if mask != 0xff {
        crate::say!("     copies: {mask:#x}");
    }
}

/// Many threads of all kinds on all CPUs under a fast tick: busy ones, yielding ones, computing ones, short-lived ones.
fn storm() -> bool {
    TICK.store(150_000, Ordering::Relaxed);
    let tickers: alloc::vec::Vec<_> = (0..cpu::online_cpus())
        .map(|number| spawn("ticker", number, || time::set_timer(Some(time::monotonic() + 150_000))))
        .collect();
    wait_for(1000, || tickers.iter().all(|task| task.has_ended()));
    let compute = computing_program(400);
    let busy: [_; 4] = core::array::from_fn(|_| start("storm: busy", &[0xeb, 0xfe], 0));
    let computing: [_; 8] = core::array::from_fn(|index| start("storm: computing", &compute, 0xabc0 + index as u64));
    let mut good = true;
    for round in 0..40u64 {
        let short: [_; 4] = core::array::from_fn(|index| match (round + index as u64) % 4 {
            0 => start("storm: ud2", &[0x0f, 0x0b], 0),
            1 => start("storm: exit", &syscall(call::EXIT), 0),
            2 => start("storm: wild", &syscall(call::WILD), 0),
            _ => start("storm: fault", &[0x8b, 0x04, 0x25, 0, 0x10, 0, 0], 0),
        });
        good &= wait_for(10_000, || short.iter().all(|task| task.has_ended()));
    }
    good &= wait_for(20_000, || computing.iter().all(|task| task.has_ended()));
    good &= computing.iter().all(|task| task.last_exception.lock().is_none());
    good &= busy.iter().all(|task| !task.has_ended() && stop(task));
    TICK.store(0, Ordering::Relaxed);
    good
}

fn cost_of_a_call() -> bool {
    // mov ebx, 1000; again: call; dec ebx; jnz again; exit
    let mut code = alloc::vec![0xbb, 0xe8, 3, 0, 0];
    code.extend(syscall(call::NOTHING));
    code.extend([0xff, 0xcb, 0x75, 0xf5]);
    code.extend(syscall(call::EXIT));
    let begin = time::counter();
    let task = run("cost", &code);
    let ticks = (time::counter() - begin) / 1000;
    crate::say!("     a system call takes {ticks} ticks of the counter");
    task.calls.load(Ordering::Relaxed) == 1001
}

/// Two processes that hand the CPU to each other, and this task between them.
fn cost_of_a_switch() -> bool {
    // mov ebx, 500; again: yield; dec ebx; jnz again; exit
    let mut code = alloc::vec![0xbb, 0xf4, 1, 0, 0];
    code.extend(syscall(call::YIELD));
    code.extend([0xff, 0xcb, 0x75, 0xf5]);
    code.extend(syscall(call::EXIT));
    let before = crate::kernel::SWITCHES.load(Ordering::Relaxed);
    let begin = time::counter();
    let tasks = [start("first", &code, 0), start("second", &code, 0)];
    let good = wait_for(5000, || tasks.iter().all(|task| task.has_ended()));
    let switches = crate::kernel::SWITCHES.load(Ordering::Relaxed) - before;
    crate::say!("     a switch takes {} ticks of the counter", (time::counter() - begin) / switches.max(1));
    let before = crate::kernel::SWITCHES.load(Ordering::Relaxed);
    let begin = time::counter();
    let only = start("first", &code, 0);
    let good = good && wait_for(5000, || only.has_ended());
    let switches = crate::kernel::SWITCHES.load(Ordering::Relaxed) - before;
    crate::say!("     in one space {} ticks", (time::counter() - begin) / switches.max(1));
    good
}

/// The test kernel's system calls.
#[inline(always)]
pub fn system_call(task: &TestTask, frame: &mut UserFrame) {
    task.calls.fetch_add(1, Ordering::Relaxed);
    if frame.original_rax == call::NOTHING {
        frame.rax = 0;
        return;
    }
    other_call(task, frame);
}

fn other_call(task: &TestTask, frame: &mut UserFrame) {
    frame.rax = 0;
    match frame.original_rax {
        call::EXIT => exit(),
        call::COMPARE => compare(frame),
        call::YIELD => schedule(),
        call::WILD => frame.set_instruction_pointer(0x8000_0000_0000_0000),
        call::COPY => check_copies(),
        call::FPU => change_fpu(task),
        _ => frame.rax = -38i64 as u64,
    }
}

/// Notes the exception and ends the task.
pub fn exception(task: &TestTask, frame: &mut UserFrame, exception: Exception) {
    *task.last_exception.lock() = Some((exception, frame.instruction_pointer()));
    exit()
}

/// Work was due on the way out.
pub fn returning(task: &TestTask, flags: u32) {
    RETURNED.fetch_add(1, Ordering::Relaxed);
    let _ = task;
    if flags & work::SIGNAL != 0 {
        exit();
    }
}

/// A user copy faulted.
pub fn resolve(task: &TestTask, address: u64, access: Access) -> bool {
    let wanted = address == LATE && access == Access::Write;
    let permission = Permission { write: true, execute: false, key: 0 };
    wanted && task.space.as_ref().is_some_and(|space| space.map(LATE, page_of(&[]), permission).is_ok())
}
