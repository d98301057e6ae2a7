//! Exceptions of user code: page faults to the address space, the rest to signals.
use super::Task;
use super::task::LastFault;
use crate::signal::*;
use machine::entry::{Exception, UserFrame};
use machine::paging::Access;

/// Exception vectors.
mod vector {
    pub const DIVIDE_ERROR: u8 = 0;
    pub const DEBUG: u8 = 1;
    pub const BREAKPOINT: u8 = 3;
    pub const OVERFLOW: u8 = 4;
    pub const BOUND_RANGE: u8 = 5;
    pub const INVALID_OPCODE: u8 = 6;
    pub const SEGMENT_NOT_PRESENT: u8 = 11;
    pub const STACK_SEGMENT: u8 = 12;
    pub const GENERAL_PROTECTION: u8 = 13;
    pub const PAGE_FAULT: u8 = 14;
    pub const X87: u8 = 16;
    pub const ALIGNMENT: u8 = 17;
    pub const SIMD: u8 = 19;
}

/// Bits of a page fault's error code.
mod page_fault {
    pub const WRITE: u32 = 1 << 1;
    pub const USER: u32 = 1 << 2;
    pub const FETCH: u32 = 1 << 4;
    pub const PRESENT: u32 = 1 << 0;
    pub const PROTECTION_KEY: u32 = 1 << 5;
}

/// Handles an exception raised by user code.
pub fn handle(task: &Task, frame: &mut UserFrame, exception: Exception) {
    if exception.vector == vector::PAGE_FAULT {
        return page_fault(task, &exception);
    }
    if exception.vector == vector::GENERAL_PROTECTION && super::ports::serve(task, frame) {
        return;
    }
    let mut reasons = 0;
    if exception.vector == vector::DEBUG {
        reasons = crate::ptrace::debug_exception(task, frame, exception.address);
    }
    let mut fault = LastFault { vector: exception.vector.into(), error_code: exception.error_code.into(), address: 0 };
    fault.address = task.last_fault().address;
    task.note_fault(fault);
    let at = frame.instruction_pointer();
    let info = match exception.vector {
        vector::DIVIDE_ERROR => SignalInfo::fault(SIGFPE, FPE_INTDIV, at),
        vector::DEBUG => SignalInfo::fault(SIGTRAP, debug_code(reasons), at),
        vector::BREAKPOINT => SignalInfo::kernel(SIGTRAP),
        vector::INVALID_OPCODE => SignalInfo::fault(SIGILL, ILL_ILLOPN, at),
        vector::SEGMENT_NOT_PRESENT | vector::STACK_SEGMENT => SignalInfo::kernel(SIGBUS),
        vector::X87 | vector::SIMD => SignalInfo::fault(SIGFPE, floating_point_code(task, exception.vector), at),
        vector::ALIGNMENT => SignalInfo::fault(SIGBUS, BUS_ADRALN, 0),
        vector::OVERFLOW | vector::BOUND_RANGE => SignalInfo::kernel(SIGSEGV),
        _ => SignalInfo::kernel(SIGSEGV),
    };
    force(task, info);
}

fn page_fault(task: &Task, exception: &Exception) {
    let code = exception.error_code;
    let access = match (code & page_fault::FETCH != 0, code & page_fault::WRITE != 0) {
        (true, _) => Access::Execute,
        (_, true) => Access::Write,
        _ => Access::Read,
    };
    let resolved = match task.memory() {
        Some(memory) if code & page_fault::PROTECTION_KEY != 0 => {
            let key = memory.key_at(exception.address);
            super::usage::count_failed_fault(task, false);
            task.note_fault(LastFault {
                vector: vector::PAGE_FAULT.into(),
                error_code: code.into(),
                address: exception.address,
            });
            return force(task, SignalInfo::protection_key(exception.address, key.into()));
        }
        Some(memory) => memory.fault(exception.address, access),
        None => return force(task, SignalInfo::kernel(SIGSEGV)),
    };
    let Err(error) = resolved else {
        super::usage::count_fault(task);
        return;
    };
    let is_kernel_address = exception.address >= machine::paging::USER_END;
    if !is_kernel_address {
        super::usage::count_failed_fault(task, false);
    }
    // What lies above user space looks present to everybody.
    let shown = code | page_fault::USER | if is_kernel_address { page_fault::PRESENT } else { 0 };
    task.note_fault(LastFault {
        vector: vector::PAGE_FAULT.into(),
        error_code: shown.into(),
        address: exception.address,
    });
    force(task, SignalInfo::fault(error.signal, error.code, exception.address));
}

/// DR6 to `si_code`: single step, hardware breakpoint.
fn debug_code(status: u64) -> i32 {
    const SINGLE_STEP: u64 = 1 << 14;
    const TRAP_HWBKPT: i32 = 4;
    if status & SINGLE_STEP != 0 {
        TRAP_TRACE
    } else if status & 0xf != 0 {
        TRAP_HWBKPT
    } else {
        TRAP_BRKPT
    }
}

/// The unmasked exception that is raised, by the control and status words in the FPU state.
fn floating_point_code(task: &Task, vector: u8) -> i32 {
    let mut image = [0u8; 32];
    task.thread().fpu_read(&mut image);
    let half = |at: usize| image.get(at..at + 2).and_then(|raw| raw.try_into().ok()).map_or(0, u16::from_ne_bytes);
    let raised = if vector == vector::X87 {
        half(2) & !half(0)
    } else {
        let control = half(24);
        control & !(control >> 7)
    } & 0x3f;
    if raised & 1 != 0 {
        FPE_FLTINV
    } else if raised & 4 != 0 {
        FPE_FLTDIV
    } else if raised & 8 != 0 {
        FPE_FLTOVF
    } else if raised & 0x12 != 0 {
        FPE_FLTUND
    } else if raised & 0x20 != 0 {
        FPE_FLTRES
    } else {
        0
    }
}
