//! Stacks of a CPU, and starting all CPUs but the first.
use super::local::{CPUS, CpuLocal, NO_RESCHEDULE};
use super::tables::{IST_DEBUG, IST_DOUBLE_FAULT, IST_MACHINE_CHECK, IST_NMI};
use super::{CpuId, MAX_CPUS, set_online, tables};
use crate::boot::image;
use crate::instructions::read_counter;
use crate::interrupt::apic;
use crate::paging::{self, KernelStack};
use crate::{console, firmware};
use core::arch::naked_asm;
use core::sync::atomic::{AtomicU32, Ordering};

/// Where further CPUs start in real mode: a page of the first MiB that is never handed out.
pub(crate) const TRAMPOLINE: u64 = 0x8000;

const STACK_INTERRUPT: usize = 0;
const STACK_OWN: usize = 5;

/// Gives a CPU its stacks: of interrupts, of the exceptions that need one, and of its idle task. Before it is online.
pub(crate) fn allocate_stacks(local: &CpuLocal) {
    // SAFETY: the CPU is not online, so that nobody looks.
    let stacks = unsafe { &mut *local.stacks.get() };
    for stack in stacks.iter_mut() {
        *stack = Some(KernelStack::new().expect("no memory for a CPU's stacks"));
    }
    let top = |index: usize| stacks[index].as_ref().map_or(0, KernelStack::top);
    local.interrupt_stack_top.set(top(STACK_INTERRUPT));
    // SAFETY: as above; these vectors are not in use on this CPU yet, or are about to be.
    let state = unsafe { &raw mut (*local.tables.get()).task_state };
    for (index, slot) in [IST_DOUBLE_FAULT, IST_NMI, IST_MACHINE_CHECK, IST_DEBUG].into_iter().enumerate() {
        // SAFETY: as above.
        unsafe { (&raw mut (*state).interrupt_stacks[slot as usize - 1]).write_unaligned(top(index + 1)) };
    }
    local.stack_top.set(top(STACK_OWN));
}

/// Continues on the CPU's own stack; what is on the current one is left behind.
///
/// # Safety
/// `local` is this CPU's, with its stacks allocated.
pub(crate) unsafe fn continue_on_own_stack(local: &CpuLocal, target: extern "C" fn() -> !) -> ! {
    #[unsafe(naked)]
    unsafe extern "C" fn go(stack: u64, target: extern "C" fn() -> !) -> ! {
        naked_asm!("mov rsp, rdi", "xor ebp, ebp", "push rbp", "push rbp", "push rbp", "jmp rsi")
    }
    // SAFETY: by this function's contract the stack is this CPU's and unused.
    unsafe { go(local.stack_top.get(), target) }
}

/// Number of the CPU that is starting.
static STARTING: AtomicU32 = AtomicU32::new(0);
/// Number of the CPU that has left the boot stack.
static ARRIVED: AtomicU32 = AtomicU32::new(0);

/// Starts all other CPUs, up to `limit` in all; each enters [`crate::Kernel::start_secondary`].
pub fn start_others(limit: usize) {
    let me = apic::id();
    let limit = limit.min(MAX_CPUS) as u32;
    let code = image::trampoline();
    // SAFETY: the code fits its page (about 120 bytes), which is reserved, and no CPU is starting.
    unsafe {
        let target = paging::direct_map(TRAMPOLINE);
        core::ptr::copy_nonoverlapping(code.start as *const u8, target, (code.end - code.start) as usize);
    }
    let mut number = 1;
    for id in firmware::apic_ids().map(u32::from).filter(|&id| id != me) {
        if number >= limit {
            break;
        }
        if start_one(number, id) {
            number += 1;
        } else {
            console::print(format_args!("machine: the CPU with APIC id {id} does not start\n"));
            // It may still wake up, on the boot stack: no other may be started.
            break;
        }
    }
}

fn start_one(number: u32, apic_id: u32) -> bool {
    const PATIENCE: u64 = 2_000_000_000;
    let Some(local) = CPUS.get(number as usize) else { return false };
    local.number.set(number);
    local.preemption.store(NO_RESCHEDULE, Ordering::Relaxed);
    local.task_tag.set(CPUS[0].task_tag.get());
    local.apic_id.store(apic_id, Ordering::Relaxed);
    allocate_stacks(local);
    STARTING.store(number, Ordering::SeqCst);
    // SAFETY: no other CPU is starting; the boot stack is free since the boot CPU and those before have left it.
    unsafe { image::set_next_start(image::boot_stack().end, secondary as *const () as u64) };
    apic::send_init(apic_id);
    apic::send_startup(apic_id, (TRAMPOLINE >> 12) as u8);
    let begin = read_counter();
    let mut again = false;
    loop {
        if ARRIVED.load(Ordering::Acquire) == number {
            return true;
        }
        let waited = read_counter().wrapping_sub(begin);
        if !again && waited > PATIENCE / 20 {
            again = true;
            apic::send_startup(apic_id, (TRAMPOLINE >> 12) as u8);
        }
        if waited > PATIENCE {
            return false;
        }
        core::hint::spin_loop();
    }
}

/// First Rust code of a further CPU, on the boot stack.
extern "C" fn secondary() -> ! {
    let number = STARTING.load(Ordering::SeqCst);
    let local = &CPUS[number as usize % MAX_CPUS];
    // SAFETY: this CPU's block, prepared by `start_one`; first thing on this CPU, interrupts off.
    unsafe {
        tables::load(local);
        super::enable_features();
    }
    paging::load_kernel_tables();
    // SAFETY: the stack was allocated by `start_one`.
    unsafe { continue_on_own_stack(local, secondary_on_own_stack) }
}

extern "C" fn secondary_on_own_stack() -> ! {
    let local = super::local::this();
    let Some(hooks) = crate::hooks() else { panic!("a CPU started without a kernel") };
    // SAFETY: the descriptor tables are loaded.
    unsafe { (hooks.load_system_call_registers)() };
    apic::enable();
    apic::unmask_timer();
    set_online(local);
    ARRIVED.store(local.number.get(), Ordering::Release);
    (hooks.start_secondary)(CpuId(local.number.get()))
}
