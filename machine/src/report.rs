//! The last words: panic and fatal exceptions, and the report a hardware NMI asks for.
use crate::boot::image;
use crate::console;
use crate::cpu::local::{self, CPUS, CpuLocal};
use crate::cpu::{CpuId, MAX_CPUS, online_cpus};
use crate::entry::TrapFrame;
use crate::interrupt::apic;
use crate::{instructions, paging, power};
use core::fmt::{self, Write};
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Number of the CPU that reports plus one.
static REPORTER: AtomicU32 = AtomicU32::new(0);
/// CPUs that receive an NMI shall stop for good.
static STOPPING: AtomicBool = AtomicBool::new(false);
/// CPUs that receive an NMI shall tell where they are; the number of the CPU whose turn it is plus one.
static TELLING: AtomicU32 = AtomicU32::new(0);
/// How long to wait for another CPU, in ticks of the counter (about a fifth of a second).
const PATIENCE: u64 = 500_000_000;

/// Number of the CPU that runs the kernel's part of a report plus one.
static IN_KERNEL_REPORT: AtomicU32 = AtomicU32::new(0);
/// Rounds a report spins for a lock before it gives the lock up, and itself: the holder may have been stopped.
pub(crate) const PATIENCE_WITH_LOCKS: u32 = 1 << 24;

/// Whether this CPU runs the kernel's part of a report.
pub(crate) fn is_reporting() -> bool {
    IN_KERNEL_REPORT.load(Ordering::Relaxed) == local::number() + 1
}

/// Writes to the serial port in pieces.
struct Port;
impl Write for Port {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        console::write(text.as_bytes());
        Ok(())
    }
}

/// Whether 8 bytes at an address can be read as a stack word: within a mapped kernel stack of this CPU or task.
fn on_stack(address: u64, bounds: &Range<u64>) -> bool {
    address.is_multiple_of(8) && address >= bounds.start && address <= bounds.end.saturating_sub(16)
}

/// Follows frame pointers within a stack; stops at anything odd.
pub(crate) fn walk(mut frame_pointer: u64, bounds: Range<u64>, visit: &mut dyn FnMut(u64)) {
    for _ in 0..48 {
        if !on_stack(frame_pointer, &bounds) {
            return;
        }
        // SAFETY: both words lie within a stack that exists; they are only read as numbers.
        let (next, address) = unsafe {
            ((frame_pointer as *const u64).read_volatile(), (frame_pointer as *const u64).add(1).read_volatile())
        };
        if image::is_code(address) {
            visit(address);
        }
        if next <= frame_pointer {
            return;
        }
        frame_pointer = next;
    }
}

/// The stack of this CPU that an address lies in: the task's, the interrupt's, an exception's.
fn stack_around(local: &CpuLocal, address: u64) -> Option<Range<u64>> {
    // SAFETY: null, or the current task's thread, which is alive while it runs.
    let own = unsafe { local.thread.get().as_ref() }.and_then(|thread| thread.stack_range());
    if let Some(range) = own.filter(|range| range.contains(&address)) {
        return Some(range);
    }
    if image::boot_stack().contains(&address) {
        return Some(image::boot_stack());
    }
    // SAFETY: filled before the CPU is online and never changed.
    let stacks = unsafe { &*local.stacks.get() };
    let mut ranges = stacks.iter().flatten().map(|stack| stack.bottom()..stack.top());
    ranges.find(|range| range.contains(&address))
}

/// A back trace over all stacks the frame pointers lead through, from an exception's or interrupt's to the task's.
fn trace(out: &mut dyn Write, mut frame_pointer: u64) {
    let local = local::this();
    for _ in 0..4 {
        let Some(bounds) = stack_around(local, frame_pointer) else { return };
        let mut last = 0;
        let mut lines = |address: u64| {
            let _ = writeln!(out, "  at 0x{address:016x}");
        };
        walk_to(&mut frame_pointer, &bounds, &mut lines, &mut last);
        if last == frame_pointer {
            return;
        }
    }
}

/// As [`walk`], but leaves the frame pointer at the first one outside of the stack.
fn walk_to(frame_pointer: &mut u64, bounds: &Range<u64>, visit: &mut dyn FnMut(u64), last: &mut u64) {
    for _ in 0..48 {
        *last = *frame_pointer;
        if !on_stack(*frame_pointer, bounds) {
            break;
        }
        // SAFETY: both words lie within a stack that exists.
        let (next, address) = unsafe {
            ((*frame_pointer as *const u64).read_volatile(), (*frame_pointer as *const u64).add(1).read_volatile())
        };
        if image::is_code(address) {
            visit(address);
        }
        *frame_pointer = next;
        if bounds.contains(&next) && next <= *last {
            *frame_pointer = *last;
            break;
        }
        if !bounds.contains(&next) {
            break;
        }
    }
}

/// Stops all other CPUs by NMI and waits for them, though not for ever.
pub(crate) fn stop_others() {
    STOPPING.store(true, Ordering::SeqCst);
    let me = local::number() as usize;
    if online_cpus() < 2 || !apic::is_ready() {
        return;
    }
    let others =
        || CPUS.iter().enumerate().filter(|&(index, local)| index != me && local.online.load(Ordering::Acquire));
    for (_, local) in others() {
        apic::send_nmi(local.apic_id.load(Ordering::Relaxed));
    }
    let begin = instructions::read_counter();
    while others().any(|(_, local)| !local.stopped.load(Ordering::Acquire)) {
        if instructions::read_counter().wrapping_sub(begin) > PATIENCE {
            return;
        }
        core::hint::spin_loop();
    }
}

/// Makes this CPU the only one that reports; false if it has been reporting already (a panic within the report).
fn begin_report() -> bool {
    instructions::disable_interrupts();
    let me = local::number() + 1;
    match REPORTER.compare_exchange(0, me, Ordering::SeqCst, Ordering::SeqCst) {
        Ok(_) => (),
        Err(reporter) if reporter == me => return false,
        // Another CPU reports and will stop this one.
        Err(_) => loop {
            core::hint::spin_loop();
        },
    }
    console::seize();
    stop_others();
    true
}

fn task_line(out: &mut dyn Write) {
    let local = local::this();
    let _ = writeln!(
        out,
        "cpu {} of {}, preemption count {}, interrupt nesting {}{}",
        local.number.get(),
        online_cpus(),
        local::preemption_word() & !local::NO_RESCHEDULE,
        local.interrupt_nesting.get(),
        if local.thread.get().is_null() { ", no task yet" } else { "" }
    );
}

fn kernel_report(out: &mut dyn Write) {
    if !local::this().thread.get().is_null()
        && let Some(hooks) = crate::hooks()
    {
        IN_KERNEL_REPORT.store(local::number() + 1, Ordering::Relaxed);
        (hooks.report)(out);
        IN_KERNEL_REPORT.store(0, Ordering::Relaxed);
    }
}

/// Ends the machine with a message, the registers at the place of failure if there are any, and the way there.
fn die(message: fmt::Arguments, frame: Option<&TrapFrame>) -> ! {
    if !begin_report() {
        let _ = writeln!(Port, "\npanic within the panic report: {message}");
        power::end_after_panic();
    }
    let out = &mut Port;
    let _ = writeln!(out, "\nkernel panic: {message}");
    task_line(out);
    match frame {
        Some(frame) => {
            let _ = frame.print(out);
            let _ = writeln!(out, "  at 0x{:016x}", frame.instruction_pointer());
            trace(out, frame.frame_pointer());
        }
        None => {
            print_control_registers(out);
            trace(out, instructions::frame_pointer());
        }
    }
    kernel_report(out);
    let _ = writeln!(out, "end of kernel panic report");
    power::end_after_panic()
}

fn print_control_registers(out: &mut dyn Write) {
    let _ = writeln!(
        out,
        "cr0 {:08x} cr2 {:016x} cr3 {:016x} cr4 {:08x}",
        instructions::read_cr0(),
        instructions::read_cr2(),
        instructions::read_cr3(),
        instructions::read_cr4()
    );
}

/// Names of the exceptions.
const NAMES: [&str; 22] = [
    "divide error",
    "debug",
    "NMI",
    "breakpoint",
    "overflow",
    "bound range",
    "invalid opcode",
    "device not available",
    "double fault",
    "coprocessor overrun",
    "invalid TSS",
    "segment not present",
    "stack fault",
    "general protection",
    "page fault",
    "reserved",
    "floating point",
    "alignment check",
    "machine check",
    "SIMD floating point",
    "virtualization",
    "control protection",
];

/// The name of an exception.
pub(crate) fn name_of(vector: u8) -> &'static str {
    NAMES.get(usize::from(vector)).unwrap_or(&"unknown")
}

/// An exception in the kernel that nothing can recover from.
pub(crate) fn fatal_exception(frame: &TrapFrame, vector: u8, error_code: u32, address: u64) -> ! {
    let name = name_of(vector);
    die(
        format_args!("{name} in the kernel: vector {vector}, error code {error_code:#x}, address {address:#x}"),
        Some(frame),
    )
}

/// A double fault: most often a kernel stack that has overflowed into its guard page.
pub(crate) fn double_fault(frame: &TrapFrame, address: u64) -> ! {
    if paging::is_stack_guard(address) || paging::is_stack_guard(frame.stack_pointer()) {
        die(format_args!("kernel stack overflow at address {address:#x}"), Some(frame));
    }
    die(format_args!("double fault, last faulting address {address:#x}"), Some(frame))
}

/// An NMI: another CPU stops or asks us, or someone outside wants to know what is going on.
pub(crate) fn non_maskable_interrupt(frame: &TrapFrame) {
    let local = local::this();
    if STOPPING.load(Ordering::SeqCst) {
        local.stopped.store(true, Ordering::Release);
        instructions::stop();
    }
    let me = local::number() + 1;
    if TELLING.compare_exchange(0, me, Ordering::SeqCst, Ordering::SeqCst).is_err() {
        // Someone reports already: tell where we are when it is our turn.
        let begin = instructions::read_counter();
        while TELLING.load(Ordering::SeqCst) != me {
            if TELLING.load(Ordering::SeqCst) == 0 || instructions::read_counter().wrapping_sub(begin) > PATIENCE {
                return;
            }
            core::hint::spin_loop();
        }
        tell(frame);
        TELLING.store(MAX_CPUS as u32 + 1, Ordering::SeqCst);
        return;
    }
    console::seize();
    let _ = writeln!(Port, "\nNMI report");
    tell(frame);
    for (index, other) in CPUS.iter().enumerate() {
        if index as u32 + 1 == me || !other.online.load(Ordering::Acquire) {
            continue;
        }
        TELLING.store(index as u32 + 1, Ordering::SeqCst);
        apic::send_nmi(other.apic_id.load(Ordering::Relaxed));
        let begin = instructions::read_counter();
        while TELLING.load(Ordering::SeqCst) == index as u32 + 1 {
            if instructions::read_counter().wrapping_sub(begin) > PATIENCE {
                console::seize();
                let _ = writeln!(Port, "cpu {index} does not answer");
                break;
            }
            core::hint::spin_loop();
        }
        console::seize();
    }
    kernel_report(&mut Port);
    let _ = writeln!(Port, "end of NMI report");
    console::release();
    TELLING.store(0, Ordering::SeqCst);
}

/// Registers and back trace of this CPU.
fn tell(frame: &TrapFrame) {
    console::seize();
    let out = &mut Port;
    let _ = writeln!(out, "{:?}:", CpuId(local::number()));
    task_line(out);
    let _ = frame.print(out);
    if frame.is_user() {
        let _ = writeln!(out, "  in user mode");
    } else {
        let _ = writeln!(out, "  at 0x{:016x}", frame.instruction_pointer());
        trace(out, frame.frame_pointer());
    }
}

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    match info.location() {
        Some(place) => die(format_args!("{} ({}:{})", info.message(), place.file(), place.line()), None),
        None => die(format_args!("{}", info.message()), None),
    }
}
