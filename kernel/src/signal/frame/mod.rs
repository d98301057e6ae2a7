//! Signal frames: what a handler finds on its stack, and what sigreturn(2) takes back from it. The form is that of the ABI by
//! which the handler was set.
mod bytes;
pub mod i386;
mod wide;
mod x87;

pub use wide::{rt_sigreturn, rt_sigreturn_x32};

use super::*;
use crate::error::*;
use crate::process::Task;
use abi::Abi;
use machine::entry::UserFrame;
use machine::user::{load_array, load_user};

/// Where Linux marks that more than the FXSAVE area follows: `struct _fpx_sw_bytes` at the end of that area.
const SOFTWARE_BYTES: usize = 464;
const FXSAVE_SIZE: usize = 512;
const FP_XSTATE_MAGIC1: u32 = 0x4650_5853;
const FP_XSTATE_MAGIC2: u32 = 0x4650_5845;
const MAGIC2_SIZE: usize = 4;

/// The flag in `uc_flags` that says that FPU state has Linux's marks.
const UC_FP_XSTATE: u64 = 1;

const FLAG_TRAP: u64 = 1 << 8;
const FLAG_DIRECTION: u64 = 1 << 10;
const FLAG_RESUME: u64 = 1 << 16;

/// Selectors of user data and of code.
const DATA_SEGMENT: u64 = 0x2b;
const CODE_SEGMENT: u64 = 0x33;
const NARROW_CODE_SEGMENT: u64 = 0x23;

/// Writes the frame to the user stack and makes the handler the next thing that runs. EFAULT if the stack cannot take it.
pub(super) fn push(
    task: &Task,
    frame: &mut UserFrame,
    info: &SignalInfo,
    action: &Action,
    mask: SignalSet,
) -> Result<()> {
    match action.abi {
        Abi::I386 => i386::push(task, frame, info, action, mask)?,
        _ => wide::push(task, frame, info, action, mask)?,
    }
    frame.original_rax = u64::MAX;
    frame.set_instruction_pointer(action.handler);
    frame.set_flags(frame.flags() & !(FLAG_DIRECTION | FLAG_RESUME | FLAG_TRAP));
    Ok(())
}

/// Bytes of the FPU state in a frame, without the closing mark.
fn fpu_size() -> usize {
    machine::thread::fpu_state_size().max(FXSAVE_SIZE)
}

/// Linux's marks in the bytes the CPU leaves to programs: how large the state is (with `before`, bytes that lie before it) and
/// what it holds.
fn fpu_marks(size: usize, before: usize) -> [u64; 6] {
    let begin = u64::from(FP_XSTATE_MAGIC1) | ((size + before + MAGIC2_SIZE) as u64) << 32;
    [begin, machine::thread::fpu_features(), size as u64, 0, 0, 0]
}

/// Loads the FPU state that lies at an address of a frame.
fn restore_fpu(task: &Task, address: u64) -> Result<()> {
    let marks: [u64; 6] = load_array(address.wrapping_add(SOFTWARE_BYTES as u64))?;
    let claimed = marks[2] as u32 as usize;
    let marked = marks[0] as u32 == FP_XSTATE_MAGIC1 && (FXSAVE_SIZE + 64..=fpu_size()).contains(&claimed);
    let closed = || load_user::<u32>(address.wrapping_add(claimed as u64)) == Ok(FP_XSTATE_MAGIC2);
    let length = if marked && closed() { claimed } else { FXSAVE_SIZE };
    match task.thread().fpu_from_user(address, length) {
        true => Ok(()),
        false => Err(EFAULT.because("unreadable or malformed FPU state")),
    }
}

/// What a sigreturn gives: the restored result register, or SIGSEGV for a frame that cannot be read.
fn returned(task: &Task, frame: &mut UserFrame, restored: Result<()>) -> Result<i64> {
    match restored {
        Ok(()) => {
            frame.original_rax = u64::MAX;
            Ok(frame.rax as i64)
        }
        Err(_) => {
            force(task, SignalInfo::kernel(SIGSEGV));
            Ok(0)
        }
    }
}
