//! The way back to user mode with a stack segment of 16 bits.
//!
//! `iretq` to such a segment restores the low half of esp alone: the rest keeps what the kernel's stack pointer has there. So
//! where the segment is one of the local table (it may be of 16 bits, and another CPU may make it so at any moment), the last
//! instruction pops from an address whose bits 16 to 31 are user mode's. Every such address is another name of the same page,
//! read-only, with room for each CPU; the CPU's part of the frame is written to it by the direct map. It costs a page and three
//! tables, since all of each table's entries are alike.
//!
//! An exception of that instruction finds no stack to push to and becomes a double fault, which has a stack of its own. The
//! registers are in the frame at the top of the task's stack still, as nothing was pushed there: from that frame on it becomes
//! the general-protection exception that it was or might have been.
use super::frame::{TrapFrame, UserFrame};
use super::{GENERAL_PROTECTION, exceptions, exit};
use crate::cpu::{MAX_CPUS, local};
use crate::memory::PAGE_SIZE;
use crate::{Kernel, hooks, paging};
use core::arch::naked_asm;

/// What `iretq` pops, in the order it does.
type Returned = [u64; 5];
/// Bytes of a CPU's place in the page.
const STRIDE: usize = 64;
const _: () = assert!(size_of::<Returned>() <= STRIDE && STRIDE * MAX_CPUS <= PAGE_SIZE);
/// Bits of an address that are user mode's.
const CHOSEN: u64 = 0xffff_0000;

/// Readies the return by a frame whose stack segment is of the local table: where [`restore`] is to pop from, in the place of the
/// number of the call. Interrupts are off and stay so until then.
#[cold]
pub(super) fn prepare(frame: &mut UserFrame) {
    let offset = local::this().number.get() as usize * STRIDE;
    let place = paging::narrow_page().wrapping_add(offset) as *mut Returned;
    // SAFETY: the page is nobody else's, and this place in it this CPU's, with interrupts off.
    unsafe { place.write_volatile(frame.returned()) };
    frame.original_rax = paging::NARROW | frame.stack_pointer() & CHOSEN | offset as u64;
}

/// The end of [`exit::restore_user`] where the stack segment is of the local table.
///
/// # Safety
/// Jumped to with user mode's registers but for the stack pointer, which is at what [`prepare`] has left.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn restore() {
    naked_asm!("swapgs", "mov rsp, [rsp]", "jmp {iret}", iret = sym iret)
}

/// The instruction that may fault there: double faults know it by its address.
///
/// # Safety
/// Only from [`restore`].
#[unsafe(naked)]
unsafe extern "C" fn iret() {
    naked_asm!("iretq")
}

/// Whether a double fault means that [`iret`] has failed; then it is made to go on in [`failed`].
///
/// # Safety
/// `frame` is that of a double fault on this CPU; GS points to its block, interrupts are off.
pub(super) unsafe fn recovers(frame: &mut TrapFrame) -> bool {
    let is_ours = !frame.is_user() && frame.instruction_pointer() == iret as *const () as u64;
    let Some(hooks) = hooks().filter(|_| is_ours) else { return false };
    let place = local::this().stack_top.get() - size_of::<UserFrame>() as u64;
    // SAFETY: the frame there is complete: all it had in registers was read from it, and nothing was pushed since.
    unsafe { frame.continue_at(hooks.narrow_return_failed, place) };
    true
}

/// Code that goes on where [`iret`] has failed, as an exception of user mode.
///
/// # Safety
/// As [`recovers`] leaves it: with user mode's GS, and the stack pointer at the complete frame at the top of the task's stack.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn failed<K: Kernel>() {
    naked_asm!(
        "swapgs",
        "mov rdi, rsp",
        "xor ebp, ebp",
        "push rbp",
        "call {raise}",
        "pop rcx",
        "jmp {restore}",
        raise = sym raise::<K>,
        restore = sym exit::restore_user::<K>,
    )
}

/// # Safety
/// `frame` is the complete frame at the top of the current task's stack. Called and returns with interrupts off.
unsafe extern "C" fn raise<K: Kernel>(frame: *mut UserFrame) {
    // SAFETY: by this function's contract.
    unsafe {
        (*frame).leave_call();
        exceptions::from_user::<K>(frame, GENERAL_PROTECTION, 0);
    }
}
