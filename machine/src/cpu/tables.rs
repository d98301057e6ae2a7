//! Descriptor tables: GDT, TSS and IDT. The selectors are Linux's, user programs see them.
use core::arch::asm;
use core::cell::UnsafeCell;

use super::local::CpuLocal;

pub(crate) const KERNEL_CODE: u64 = 0x10;
/// 32-bit user code.
pub(crate) const USER_CODE_32: u64 = 0x23;
/// User data and stack.
pub(crate) const USER_DATA: u64 = 0x2b;
/// 64-bit user code.
pub(crate) const USER_CODE: u64 = 0x33;
const TASK_STATE: u16 = 0x40;
/// A data segment whose limit is the CPU's number: `lsl` finds the CPU without trusting GS (and user programs find
/// out where they run).
pub(crate) const CPU_NUMBER: u64 = 0x7b;

/// Place of the local descriptor table's descriptor, two words.
const LOCAL_TABLE: usize = 10;

/// Place of the first of the three thread-local segments in the table.
pub(crate) const FIRST_LOCAL_SEGMENT: usize = 12;

/// Interrupt-stack-table slots, counted from 1.
pub(crate) const IST_DOUBLE_FAULT: u8 = 1;
pub(crate) const IST_NMI: u8 = 2;
pub(crate) const IST_MACHINE_CHECK: u8 = 3;
pub(crate) const IST_DEBUG: u8 = 4;

/// The 64-bit task state segment.
#[repr(C, packed(4))]
pub(crate) struct TaskState {
    reserved0: u32,
    /// Stack pointers for entry to rings 0 to 2.
    pub stack: [u64; 3],
    reserved1: u64,
    /// Interrupt stack table.
    pub interrupt_stacks: [u64; 7],
    reserved2: u64,
    reserved3: u16,
    io_map: u16,
}

/// One CPU's GDT and TSS.
#[repr(C, align(16))]
pub(crate) struct DescriptorTables {
    segments: [u64; 16],
    /// The task state.
    pub task_state: TaskState,
}

impl DescriptorTables {
    pub(crate) const fn new() -> Self {
        DescriptorTables {
            segments: [0; 16],
            task_state: TaskState {
                reserved0: 0,
                stack: [0; 3],
                reserved1: 0,
                interrupt_stacks: [0; 7],
                reserved2: 0,
                reserved3: 0,
                io_map: 0,
            },
        }
    }
}

/// Sets the kernel stack that entries from user mode start on.
///
/// # Safety
/// `local` is this CPU's block, interrupts are off, and `top` is the top of the current task's kernel stack.
#[inline(always)]
pub(crate) unsafe fn set_entry_stack(local: &CpuLocal, top: u64) {
    local.stack_top.set(top);
    // SAFETY: only this CPU touches its tables, and interrupts are off.
    unsafe { (&raw mut (*local.tables.get()).task_state.stack[0]).write_unaligned(top) };
}

/// Sets the thread-local segments in this CPU's table.
///
/// # Safety
/// `local` is this CPU's block, interrupts are off, and the descriptors are of data segments for ring 3, or 0.
pub(crate) unsafe fn set_local_segments(local: &CpuLocal, segments: [u64; 3]) {
    // SAFETY: only this CPU touches its tables, and interrupts are off.
    unsafe {
        let place = &raw mut (*local.tables.get()).segments;
        for (number, segment) in segments.into_iter().enumerate() {
            (&raw mut (*place)[FIRST_LOCAL_SEGMENT + number]).write_volatile(segment);
        }
    }
}

/// Loads a local descriptor table, or none for address 0.
///
/// # Safety
/// `local` is this CPU's block, interrupts are off. The table is at the address for as long as it is loaded, and holds segments
/// for ring 3 only.
pub(crate) unsafe fn load_local_table(local: &CpuLocal, address: u64, size: usize) {
    const PRESENT_TABLE: u64 = 0x82 << 40;
    let limit = (size as u64).wrapping_sub(1) & 0xffff;
    let low = limit | (address & 0xff_ffff) << 16 | PRESENT_TABLE | (address >> 24 & 0xff) << 56;
    let (words, selector) =
        if address == 0 { ([0, 0], 0u32) } else { ([low, address >> 32], (LOCAL_TABLE as u32) << 3) };
    // SAFETY: only this CPU touches its tables, and interrupts are off; the selector names the descriptor just written, or none.
    unsafe {
        let place = &raw mut (*local.tables.get()).segments;
        (&raw mut (*place)[LOCAL_TABLE]).write_volatile(words[0]);
        (&raw mut (*place)[LOCAL_TABLE + 1]).write_volatile(words[1]);
        asm!("lldt {:x}", in(reg) selector, options(nostack, preserves_flags));
    }
}

/// Fills and loads this CPU's GDT and TSS, loads the IDT and no local table, and points GS to the block.
///
/// # Safety
/// `local` is this CPU's block with its number set; called once per CPU, interrupts off.
pub(crate) unsafe fn load(local: &'static CpuLocal) {
    let tables = local.tables.get();
    let number = local.number.get() as u64;
    // SAFETY: nobody else uses this CPU's tables yet.
    let task_state = unsafe {
        (*tables).task_state.io_map = size_of::<TaskState>() as u16;
        &raw const (*tables).task_state as u64
    };
    let limit = size_of::<TaskState>() as u64 - 1;
    let segments: [u64; 16] = [
        0,
        0x00cf_9b00_0000_ffff, // 0x08 kernel code, 32-bit
        0x00af_9b00_0000_ffff, // 0x10 kernel code, 64-bit
        0x00cf_9300_0000_ffff, // 0x18 kernel data
        0x00cf_fb00_0000_ffff, // 0x23 user code, 32-bit
        0x00cf_f300_0000_ffff, // 0x2b user data
        0x00af_fb00_0000_ffff, // 0x33 user code, 64-bit
        0,
        limit | (task_state & 0xff_ffff) << 16 | 0x89 << 40 | (task_state >> 24 & 0xff) << 56, // 0x40
        task_state >> 32,
        0, // 0x50 LDT
        0,
        0, // 0x63, 0x6b, 0x73: thread-local storage of 32-bit programs
        0,
        0,
        0x0040_f500_0000_0000 | number & 0xffff, // 0x7b
    ];
    // SAFETY: as above.
    unsafe { (*tables).segments = segments };

    #[repr(C, packed)]
    struct Pointer(u16, u64);
    let gdt = Pointer(size_of::<[u64; 16]>() as u16 - 1, tables as u64);
    let idt = Pointer(size_of::<InterruptTable>() as u16 - 1, &raw const IDT as u64);
    // SAFETY: the tables are valid and live for ever; the selectors loaded are flat kernel segments. Loading a null GS clears
    // its base, which is set right after.
    unsafe {
        asm!("lgdt [{}]", in(reg) &gdt, options(nostack));
        asm!("lidt [{}]", in(reg) &idt, options(nostack));
        asm!("push 0x10", "lea {t}, [rip + 2f]", "push {t}", "retfq", "2:",
            "mov {t:e}, 0x18", "mov ss, {t:x}", "xor {t:e}, {t:e}", "mov ds, {t:x}", "mov es, {t:x}", "mov fs, {t:x}",
            "mov gs, {t:x}", t = out(reg) _);
        asm!("ltr {:x}", in(reg) TASK_STATE, options(nostack));
        // A reset leaves a local table at address 0, with room for all of them.
        asm!("lldt {:x}", in(reg) 0, options(nostack));
        set_gs(local);
    }
}

/// Points GS to a CPU's block.
///
/// # Safety
/// `local` is this CPU's block.
pub(crate) unsafe fn set_gs(local: &'static CpuLocal) {
    // SAFETY: the block lives for ever; user mode starts with base 0.
    unsafe {
        crate::instructions::write_msr(crate::instructions::MSR_GS_BASE, local as *const CpuLocal as u64);
        crate::instructions::write_msr(crate::instructions::MSR_KERNEL_GS_BASE, 0);
    }
}

/// The interrupt descriptor table, shared by all CPUs.
#[repr(C, align(4096))]
struct InterruptTable(UnsafeCell<[[u64; 2]; 256]>);
// SAFETY: written by the boot CPU before any other starts.
unsafe impl Sync for InterruptTable {}
static IDT: InterruptTable = InterruptTable(UnsafeCell::new([[0; 2]; 256]));

/// Sets an interrupt gate.
///
/// # Safety
/// `handler` is an entry stub for the vector; only the boot CPU calls this, before it starts others. `privilege` is 3 for
/// vectors that user mode may raise by `int`.
pub(crate) unsafe fn set_gate(vector: u8, handler: u64, privilege: u8, stack: u8) {
    let low = handler & 0xffff
        | KERNEL_CODE << 16
        | (stack as u64) << 32
        | (0x8e00 | (privilege as u64) << 13) << 32
        | (handler >> 16 & 0xffff) << 48;
    // SAFETY: nobody else writes the table.
    unsafe { (*IDT.0.get())[vector as usize] = [low, handler >> 32] };
}
