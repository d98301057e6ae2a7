//! ptrace(2).
use super::regset::{self, Set};
use super::state::{mode, trap};
use super::tracee::{self, check_stopped, look};
use super::{attach, call, resume, siginfo, stop, user_area};
use crate::error::*;
use crate::process::{Task, segments};
use crate::signal::{self, SI_USER, SIGKILL, SIGTRAP, SignalInfo};
use crate::syscall::user::{UserLayout, UserWord};
use crate::syscall::{Pid, UserPtr, UserSlice};
use abi::Abi;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use machine::thread::{Selectors, Stopped};

/// Requests, by Linux's numbers.
mod number {
    pub const TRACEME: u64 = 0;
    pub const PEEKTEXT: u64 = 1;
    pub const PEEKDATA: u64 = 2;
    pub const PEEKUSER: u64 = 3;
    pub const POKETEXT: u64 = 4;
    pub const POKEDATA: u64 = 5;
    pub const POKEUSER: u64 = 6;
    pub const CONT: u64 = 7;
    pub const KILL: u64 = 8;
    pub const SINGLESTEP: u64 = 9;
    pub const GETREGS: u64 = 12;
    pub const SETREGS: u64 = 13;
    pub const GETFPREGS: u64 = 14;
    pub const SETFPREGS: u64 = 15;
    pub const ATTACH: u64 = 16;
    pub const DETACH: u64 = 17;
    pub const GETFPXREGS: u64 = 18;
    pub const SETFPXREGS: u64 = 19;
    pub const OLDSETOPTIONS: u64 = 21;
    pub const SYSCALL: u64 = 24;
    pub const GET_THREAD_AREA: u64 = 25;
    pub const SET_THREAD_AREA: u64 = 26;
    pub const ARCH_PRCTL: u64 = 30;
    pub const SYSEMU: u64 = 31;
    pub const SYSEMU_SINGLESTEP: u64 = 32;
    pub const SINGLEBLOCK: u64 = 33;
    pub const SETOPTIONS: u64 = 0x4200;
    pub const GETEVENTMSG: u64 = 0x4201;
    pub const GETSIGINFO: u64 = 0x4202;
    pub const SETSIGINFO: u64 = 0x4203;
    pub const GETREGSET: u64 = 0x4204;
    pub const SETREGSET: u64 = 0x4205;
    pub const SEIZE: u64 = 0x4206;
    pub const INTERRUPT: u64 = 0x4207;
    pub const LISTEN: u64 = 0x4208;
    pub const PEEKSIGINFO: u64 = 0x4209;
    pub const GETSIGMASK: u64 = 0x420a;
    pub const SETSIGMASK: u64 = 0x420b;
    pub const SECCOMP_GET_FILTER: u64 = 0x420c;
    pub const SECCOMP_GET_METADATA: u64 = 0x420d;
    pub const GET_SYSCALL_INFO: u64 = 0x420e;
    pub const GET_RSEQ_CONFIGURATION: u64 = 0x420f;
}

/// ptrace(2).
pub fn ptrace(task: &Task, request: u64, pid: Pid, address: u64, data: u64) -> Result<i64> {
    let [request, address, data] = [request, address, data].map(|word| match task.abi() {
        Abi::X86_64 => word,
        _ => u64::from(word as u32),
    });
    if request == number::TRACEME {
        return attach::trace_me(task).map(|()| 0);
    }
    let tracee = tracee::find(task, pid)?;
    if request == number::ATTACH || request == number::SEIZE {
        return attach::attach(task, &tracee, request == number::SEIZE, address, data).map(|()| 0);
    }
    if !tracee::is_own(task, &tracee) {
        return Err(ESRCH);
    }
    match request {
        number::KILL => kill(task, &tracee).map(|()| 0),
        number::INTERRUPT => interrupt(&tracee).map(|()| 0),
        _ => {
            check_stopped(&tracee)?;
            on_stopped(task, &tracee, request, address, data)
        }
    }
}

/// Requests to a tracee that is stopped.
fn on_stopped(task: &Task, tracee: &Arc<Task>, request: u64, address: u64, data: u64) -> Result<i64> {
    // The layouts are the tracer's.
    let (is_32_bit, is_x32) = (task.abi() == Abi::I386, task.abi() == Abi::X32);
    let (general, fpu) = if is_32_bit { (Set::General32, Set::Fpu32) } else { (Set::General, Set::Fpu) };
    match request {
        number::PEEKTEXT | number::PEEKDATA => peek_memory(task, tracee, address, data),
        number::POKETEXT | number::POKEDATA => poke_memory(task, tracee, address, data),
        number::PEEKUSER => user_area::peek(task, tracee, address, data),
        number::POKEUSER => user_area::poke(task, tracee, address, data),
        number::CONT => resume::resume(tracee, 0, data),
        number::SYSCALL => resume::resume(tracee, mode::CALLS, data),
        number::SINGLESTEP => resume::resume(tracee, mode::STEP, data),
        number::SINGLEBLOCK => resume::resume(tracee, mode::STEP | mode::BLOCK, data),
        number::SYSEMU => resume::resume(tracee, mode::EMULATE, data),
        number::SYSEMU_SINGLESTEP => resume::resume(tracee, mode::EMULATE | mode::STEP, data),
        number::DETACH => attach::detach(tracee, data),
        number::GETREGS => get_set(tracee, general, data),
        number::SETREGS => set_set(tracee, general, data),
        number::GETFPREGS => get_set(tracee, fpu, data),
        number::SETFPREGS => set_set(tracee, fpu, data),
        number::GETFPXREGS if is_32_bit => get_set(tracee, Set::Fpu, data),
        number::SETFPXREGS if is_32_bit => set_set(tracee, Set::Fpu, data),
        number::GETREGSET => get_regset(task, tracee, address, data),
        number::SETREGSET => set_regset(task, tracee, address, data),
        number::SETOPTIONS | number::OLDSETOPTIONS => set_options(task, tracee, data),
        number::GETEVENTMSG => {
            UserPtr::<UserWord>::new(data).write(task, &UserWord(tracee.trace.message.load(Ordering::Relaxed)))
        }
        number::GETSIGINFO => siginfo::get(task, tracee, data),
        number::SETSIGINFO => siginfo::set(task, tracee, data),
        number::PEEKSIGINFO => return siginfo::peek(task, tracee, address, data),
        number::GETSIGMASK => siginfo::get_mask(task, tracee, address, data),
        number::SETSIGMASK => siginfo::set_mask(task, tracee, address, data),
        number::LISTEN => listen(tracee),
        number::GET_THREAD_AREA if !is_x32 => segments::get_of_tracee(task, tracee, address, data),
        number::SET_THREAD_AREA if !is_x32 => segments::set_of_tracee(task, tracee, address, data),
        number::ARCH_PRCTL if !is_32_bit && !is_x32 => arch_prctl(task, tracee, data as u32, address),
        number::GET_SYSCALL_INFO => return get_syscall_info(tracee, address, data),
        number::GET_RSEQ_CONFIGURATION => return get_rseq(tracee, address, data),
        number::SECCOMP_GET_FILTER => return crate::seccomp::get_filter(task, tracee, address, data),
        number::SECCOMP_GET_METADATA => return crate::seccomp::get_metadata(task, tracee, address, data),
        _ => Err(EIO),
    }
    .map(|()| 0)
}

fn kill(task: &Task, tracee: &Arc<Task>) -> Result<()> {
    signal::send_to_thread(tracee, SignalInfo::sent(SIGKILL, SI_USER, task))
}

/// A seized tracee stops as soon as it can; EIO for others.
fn interrupt(tracee: &Arc<Task>) -> Result<()> {
    if !tracee.trace.is_seized() {
        return Err(EIO);
    }
    let group = tracee.group().signals.lock();
    if !tracee.signals.has_private(SIGKILL) {
        tracee.trace.set_traps(trap::STOP);
        stop::wake(tracee, tracee.trace.has_traps(trap::LISTENING));
    }
    drop(group);
    Ok(())
}

/// A seized tracee in a group stop stays in it, but tells of changes; EIO for others.
fn listen(tracee: &Arc<Task>) -> Result<()> {
    let group = tracee.group().signals.lock();
    let code = tracee.trace.stop.lock().info.map_or(0, |info| info.code as u32);
    if !tracee.trace.is_seized() || code >> 8 != stop::EVENT_STOP {
        return Err(EIO);
    }
    tracee.trace.set_traps(trap::LISTENING);
    if tracee.trace.has_traps(trap::NOTIFY) {
        stop::wake(tracee, true);
    }
    drop(group);
    Ok(())
}

fn set_options(task: &Task, tracee: &Arc<Task>, options: u64) -> Result<()> {
    let options = attach::check_options(task, options)?;
    let kept = tracee.trace.bits() & !super::state::option::ALL;
    tracee.trace.set_bits(kept | options);
    Ok(())
}

fn peek_memory(task: &Task, tracee: &Arc<Task>, address: u64, data: u64) -> Result<()> {
    let mut bytes = [0; 8];
    let word = bytes.get_mut(..UserWord::size(task.abi())).unwrap_or_default();
    let memory = tracee.memory().ok_or(EIO)?;
    if memory.read_remote(address, word, true) != word.len() {
        return Err(EIO);
    }
    UserSlice::new(data, word.len()).write(word)
}

fn poke_memory(task: &Task, tracee: &Arc<Task>, address: u64, data: u64) -> Result<()> {
    let bytes = data.to_ne_bytes();
    let word = bytes.get(..UserWord::size(task.abi())).unwrap_or_default();
    let memory = tracee.memory().ok_or(EIO)?;
    if memory.write_remote(address, word, true) == word.len() { Ok(()) } else { Err(EIO) }
}

fn get_set(tracee: &Arc<Task>, set: Set, data: u64) -> Result<()> {
    let bytes = regset::read(tracee, set)?;
    UserSlice::new(data, bytes.len()).write(&bytes)
}

fn set_set(tracee: &Arc<Task>, set: Set, data: u64) -> Result<()> {
    let bytes = UserSlice::new(data, set.size()).read_all()?;
    regset::write(tracee, set, &bytes)
}

/// The vector of a register-set request and the set: EINVAL for one that is not there or is not a whole number of registers.
fn vector(task: &Task, tracee: &Arc<Task>, note: u64, data: u64) -> Result<(u64, usize, Set)> {
    let UserWord(base) = UserPtr::<UserWord>::new(data).read(task)?;
    let word = UserWord::size(task.abi()) as u64;
    let UserWord(length) = UserPtr::<UserWord>::new(data.wrapping_add(word)).read(task)?;
    let set = Set::of_note(note, regset::is_long_mode(tracee)?)?;
    let length = usize::try_from(length).map_err(|_| EINVAL)?;
    if !length.is_multiple_of(set.unit()) {
        return Err(EINVAL);
    }
    Ok((base, length.min(set.size()), set))
}

fn note_length(task: &Task, data: u64, length: usize) -> Result<()> {
    let word = UserWord::size(task.abi()) as u64;
    UserPtr::<UserWord>::new(data.wrapping_add(word)).write(task, &UserWord(length as u64))
}

fn get_regset(task: &Task, tracee: &Arc<Task>, note: u64, data: u64) -> Result<()> {
    let (base, length, set) = vector(task, tracee, note, data)?;
    let bytes = regset::read(tracee, set)?;
    UserSlice::new(base, length).write(bytes.get(..length).unwrap_or_default())?;
    note_length(task, data, length)
}

fn set_regset(task: &Task, tracee: &Arc<Task>, note: u64, data: u64) -> Result<()> {
    let (base, length, set) = vector(task, tracee, note, data)?;
    let bytes = UserSlice::new(base, length).read_all()?;
    regset::write(tracee, set, &bytes)?;
    note_length(task, data, length)
}

/// PTRACE_ARCH_PRCTL: arch_prctl(2) on the tracee, with the address in the tracer's memory where something is read.
fn arch_prctl(task: &Task, tracee: &Arc<Task>, code: u32, address: u64) -> Result<()> {
    const SET_GS: u32 = 0x1001;
    const SET_FS: u32 = 0x1002;
    const GET_FS: u32 = 0x1003;
    const GET_GS: u32 = 0x1004;
    match code {
        SET_FS | SET_GS => {
            // The selector is none from then on.
            let set = |stopped: &mut Stopped<'_>| {
                let selectors = stopped.selectors();
                let (is_set, selectors) = match code {
                    SET_FS => (stopped.set_fs_base(address), Selectors { fs: 0, ..selectors }),
                    _ => (stopped.set_gs_base(address), Selectors { gs: 0, ..selectors }),
                };
                if is_set {
                    stopped.set_selectors(selectors);
                }
                is_set
            };
            look(tracee, set)?.then_some(()).ok_or(EPERM)
        }
        GET_FS | GET_GS => {
            let base = look(tracee, |stopped| if code == GET_FS { stopped.fs_base() } else { stopped.gs_base() })?;
            UserPtr::<u64>::new(address).write(task, &base)
        }
        _ => Err(EINVAL),
    }
}

/// AUDIT_ARCH_* of an ABI.
pub(crate) fn architecture(abi: Abi) -> u32 {
    const X86_64: u32 = 0xc000_003e;
    const I386: u32 = 0x4000_0003;
    if abi == Abi::I386 { I386 } else { X86_64 }
}

/// Writes as much of a structure as the caller has room for; the size of all of it.
fn give(bytes: &[u8], room: u64, data: u64) -> Result<i64> {
    let length = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
    UserSlice::new(data, length).write(bytes.get(..length).unwrap_or_default())?;
    Ok(bytes.len() as i64)
}

/// PTRACE_GET_SYSCALL_INFO: `struct ptrace_syscall_info`.
fn get_syscall_info(tracee: &Arc<Task>, room: u64, data: u64) -> Result<i64> {
    const NONE: u8 = 0;
    const ENTRY: u8 = 1;
    const EXIT: u8 = 2;
    const SECCOMP: u8 = 3;
    let code = tracee.trace.stop.lock().info.map_or(0, |info| info.code as u32);
    let message = tracee.trace.message.load(Ordering::Relaxed);
    let kind = match (code, message) {
        (code, call::ENTRY) if code == SIGTRAP | call::CALL_MARK => ENTRY,
        (code, call::EXIT) if code == SIGTRAP | call::CALL_MARK => EXIT,
        (code, _) if code == SIGTRAP | (super::Event::Seccomp as u32) << 8 => SECCOMP,
        _ => NONE,
    };
    let abi = tracee.abi();
    let (place, stack, number, result, arguments) = look(tracee, |stopped| {
        let frame = stopped.frame();
        (
            frame.instruction_pointer(),
            frame.stack_pointer(),
            frame.original_rax as i32 as i64 as u64,
            frame.rax,
            frame.arguments(abi),
        )
    })?;
    let mut bytes = [0u8; 88];
    let mut length = 0;
    let mut put = |raw: &[u8]| {
        if let Some(to) = bytes.get_mut(length..length + raw.len()) {
            to.copy_from_slice(raw);
        }
        length += raw.len();
    };
    put(&[kind, 0, 0, 0]);
    put(&architecture(abi).to_ne_bytes());
    put(&place.to_ne_bytes());
    put(&stack.to_ne_bytes());
    match kind {
        ENTRY | SECCOMP => {
            put(&number.to_ne_bytes());
            arguments.iter().for_each(|argument| put(&argument.to_ne_bytes()));
            if kind == SECCOMP {
                put(&(message as u32).to_ne_bytes());
            }
        }
        EXIT => {
            let result = if abi == Abi::I386 { result as i32 as i64 } else { result as i64 };
            put(&result.to_ne_bytes());
            put(&[u8::from((-4095..0).contains(&result))]);
        }
        _ => {}
    }
    give(bytes.get(..length).unwrap_or_default(), room, data)
}

/// PTRACE_GET_RSEQ_CONFIGURATION: `struct ptrace_rseq_configuration`.
fn get_rseq(tracee: &Arc<Task>, room: u64, data: u64) -> Result<i64> {
    let mut bytes = [0u8; 24];
    /// Of the structure as Linux knows it, whatever was registered.
    const LENGTH: u32 = 32;
    let words = [LENGTH, tracee.rseq_signature.load(Ordering::Relaxed), 0, 0];
    let (address, rest) = bytes.split_at_mut(8);
    address.copy_from_slice(&tracee.rseq_address.load(Ordering::Relaxed).to_ne_bytes());
    for (place, word) in rest.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    give(&bytes, room, data)
}
