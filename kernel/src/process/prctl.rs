//! prctl(2) and arch_prctl(2).
use super::credentials::{Capability, securebit};
use super::exec::vdso;
use super::task::flag;
use super::{Task, choice, memory_places};
use crate::error::*;
use crate::signal::is_valid;
use crate::syscall::{UserAddress, UserPtr, UserSlice, user_dispatch};
use abi::Abi;
use core::sync::atomic::Ordering;
use machine::paging::USER_END;
use machine::thread::{Selectors, fpu_features};

/// Options of prctl(2).
mod option {
    pub const SET_PDEATHSIG: i32 = 1;
    pub const GET_PDEATHSIG: i32 = 2;
    pub const GET_DUMPABLE: i32 = 3;
    pub const SET_DUMPABLE: i32 = 4;
    pub const GET_KEEPCAPS: i32 = 7;
    pub const SET_KEEPCAPS: i32 = 8;
    pub const GET_TIMING: i32 = 13;
    pub const SET_TIMING: i32 = 14;
    pub const SET_NAME: i32 = 15;
    pub const GET_NAME: i32 = 16;
    pub const GET_SECCOMP: i32 = 21;
    pub const SET_SECCOMP: i32 = 22;
    pub const CAPBSET_READ: i32 = 23;
    pub const GET_TSC: i32 = 25;
    pub const SET_TSC: i32 = 26;
    pub const CAPBSET_DROP: i32 = 24;
    pub const GET_SECUREBITS: i32 = 27;
    pub const SET_SECUREBITS: i32 = 28;
    pub const SET_TIMERSLACK: i32 = 29;
    pub const GET_TIMERSLACK: i32 = 30;
    pub const TASK_PERF_EVENTS_DISABLE: i32 = 31;
    pub const TASK_PERF_EVENTS_ENABLE: i32 = 32;
    pub const MCE_KILL: i32 = 33;
    pub const MCE_KILL_GET: i32 = 34;
    pub const SET_MM: i32 = 35;
    pub const SET_CHILD_SUBREAPER: i32 = 36;
    pub const GET_CHILD_SUBREAPER: i32 = 37;
    pub const SET_NO_NEW_PRIVS: i32 = 38;
    pub const GET_NO_NEW_PRIVS: i32 = 39;
    pub const GET_TID_ADDRESS: i32 = 40;
    pub const SET_THP_DISABLE: i32 = 41;
    pub const GET_THP_DISABLE: i32 = 42;
    pub const CAP_AMBIENT: i32 = 47;
    pub const GET_SPECULATION_CTRL: i32 = 52;
    pub const SET_SPECULATION_CTRL: i32 = 53;
    pub const SET_IO_FLUSHER: i32 = 57;
    pub const GET_IO_FLUSHER: i32 = 58;
    pub const SET_SYSCALL_USER_DISPATCH: i32 = 59;
    pub const SET_PTRACER: i32 = 0x5961_6d61;
}
/// Operations of PR_CAP_AMBIENT.
mod ambient {
    pub const IS_SET: u64 = 1;
    pub const RAISE: u64 = 2;
    pub const LOWER: u64 = 3;
    pub const CLEAR_ALL: u64 = 4;
}
const NAME_SIZE: usize = 16;

/// prctl(2). Options that are not there are EINVAL.
pub fn prctl(task: &Task, option: i32, second: u64, third: u64, fourth: u64, fifth: u64) -> Result<u64> {
    let no_more = third == 0 && fourth == 0 && fifth == 0;
    let none = second == 0 && no_more;
    let process = task.group();
    match option {
        option::SET_PDEATHSIG => {
            let signal = u32::try_from(second).ok().filter(|signal| *signal == 0 || is_valid(*signal)).ok_or(EINVAL)?;
            task.parent_death_signal.store(signal, Ordering::Relaxed);
        }
        option::GET_PDEATHSIG => {
            UserPtr::<u32>::new(second).write(task, &task.parent_death_signal.load(Ordering::Relaxed))?;
        }
        option::GET_DUMPABLE => return Ok(process.dumpable.load(Ordering::Relaxed).into()),
        option::SET_DUMPABLE => {
            if second > 1 {
                return Err(EINVAL);
            }
            process.dumpable.store(second as u32, Ordering::Relaxed);
        }
        option::GET_TIMING => return Ok(0),
        option::SET_TIMING => return if second == 0 { Ok(0) } else { Err(EINVAL) },
        option::SET_NAME => set_name(task, second)?,
        option::GET_NAME => UserSlice::new(second, NAME_SIZE).write(&task.name())?,
        option::GET_SECCOMP => return Ok(crate::seccomp::get_mode(task)),
        option::SET_SECCOMP => return crate::seccomp::set_mode(task, second, third).map(|done| done as u64),
        option::GET_KEEPCAPS => {
            let kept = task.with_credentials(|own| own.securebits & securebit::KEEP_CAPABILITIES != 0);
            return Ok(kept.into());
        }
        option::SET_KEEPCAPS => set_keep_capabilities(task, second)?,
        option::CAPBSET_READ => {
            let bit = capability_bit(second)?;
            return Ok(task.with_credentials(|own| own.bounding & bit != 0).into());
        }
        option::CAPBSET_DROP => task.change_credentials(|new| {
            if !new.capable_at_home(Capability::Setpcap) {
                return Err(EPERM);
            }
            new.bounding &= !capability_bit(second)?;
            Ok(())
        })?,
        option::GET_TSC => UserPtr::<u32>::new(second).write(task, &choice::time_stamp_counter(task))?,
        option::SET_TSC => choice::set_time_stamp_counter(task, second as u32)?,
        option::SET_IO_FLUSHER | option::GET_IO_FLUSHER if !task.capable(Capability::SysResource) => return Err(EPERM),
        option::SET_THP_DISABLE | option::SET_IO_FLUSHER if !no_more => return Err(EINVAL),
        option::GET_THP_DISABLE | option::GET_IO_FLUSHER | option::MCE_KILL_GET if !none => return Err(EINVAL),
        option::SET_THP_DISABLE => choice::set_huge_pages_unwanted(task, second != 0),
        option::GET_THP_DISABLE => return Ok(choice::are_huge_pages_unwanted(task).into()),
        option::SET_IO_FLUSHER => choice::set_flusher(task, second)?,
        option::GET_IO_FLUSHER => return Ok(task.has_flag(flag::IO_FLUSHER).into()),
        option::MCE_KILL if fourth != 0 || fifth != 0 => return Err(EINVAL),
        option::MCE_KILL => choice::set_memory_errors(task, second, third)?,
        option::MCE_KILL_GET => return Ok(choice::memory_errors(task)),
        option::TASK_PERF_EVENTS_DISABLE => crate::perf::switch_own(task, false)?,
        option::TASK_PERF_EVENTS_ENABLE => crate::perf::switch_own(task, true)?,
        option::GET_SECUREBITS => return Ok(task.with_credentials(|own| own.securebits).into()),
        option::SET_SECUREBITS => set_securebits(task, second)?,
        option::SET_TIMERSLACK => {
            let slack = if second == 0 { task.default_timer_slack.load(Ordering::Relaxed) } else { second };
            task.timer_slack.store(slack, Ordering::Relaxed);
        }
        option::GET_TIMERSLACK => return Ok(task.timer_slack.load(Ordering::Relaxed)),
        option::SET_CHILD_SUBREAPER => process.is_subreaper.store(second != 0, Ordering::Relaxed),
        option::GET_CHILD_SUBREAPER => {
            let value = u32::from(process.is_subreaper.load(Ordering::Relaxed));
            UserPtr::<u32>::new(second).write(task, &value)?;
        }
        option::SET_NO_NEW_PRIVS => {
            if second != 1 || !no_more {
                return Err(EINVAL);
            }
            task.change_credentials(|new| {
                new.no_new_privileges = true;
                Ok(())
            })?;
        }
        option::GET_NO_NEW_PRIVS => {
            if !none {
                return Err(EINVAL);
            }
            return Ok(task.has_no_new_privileges().into());
        }
        option::GET_TID_ADDRESS => {
            UserPtr::<u64>::new(second).write(task, &task.clear_child_tid.load(Ordering::Relaxed))?;
        }
        option::SET_SYSCALL_USER_DISPATCH => user_dispatch::set(task, second, third, fourth, fifth)?,
        option::SET_PTRACER => choice::check_tracer(task, second as i32)?,
        option::SET_MM => memory_places::set(task, second, third, fourth, fifth)?,
        option::GET_SPECULATION_CTRL if !no_more => return Err(EINVAL),
        option::GET_SPECULATION_CTRL => return choice::speculation(second),
        option::SET_SPECULATION_CTRL if fourth != 0 || fifth != 0 => return Err(EINVAL),
        option::SET_SPECULATION_CTRL => choice::set_speculation(second, third)?,
        option::CAP_AMBIENT => return change_ambient(task, second, third, fourth, fifth),
        _ => return Err(EINVAL),
    }
    Ok(0)
}

fn capability_bit(number: u64) -> Result<u64> {
    if number <= u64::from(Capability::LAST) { Ok(1 << number) } else { Err(EINVAL) }
}

fn set_name(task: &Task, address: u64) -> Result<()> {
    let mut name = [0u8; NAME_SIZE];
    let room = name.get_mut(..NAME_SIZE - 1).unwrap_or_default();
    let length = machine::user::strncpy_from_user(room, address)?;
    task.set_name(name.get(..length).unwrap_or_default());
    Ok(())
}

fn set_keep_capabilities(task: &Task, value: u64) -> Result<()> {
    if value > 1 {
        return Err(EINVAL);
    }
    task.change_credentials(|new| {
        if new.securebits & securebit::KEEP_CAPABILITIES << 1 != 0 {
            return Err(EPERM);
        }
        new.securebits &= !securebit::KEEP_CAPABILITIES;
        if value == 1 {
            new.securebits |= securebit::KEEP_CAPABILITIES;
        }
        Ok(())
    })
}

/// Locked bits cannot change and locks cannot be undone; CAP_SETPCAP is needed.
fn set_securebits(task: &Task, value: u64) -> Result<()> {
    task.change_credentials(|new| {
        let bits = value as u32;
        let locked = (new.securebits & securebit::LOCKS) >> 1;
        let changes_locked = locked & (new.securebits ^ bits) != 0;
        let unlocks = new.securebits & securebit::LOCKS & !bits != 0;
        let unknown = value & !u64::from(securebit::ALL | securebit::LOCKS) != 0;
        if changes_locked || unlocks || unknown || !new.holds_at_home(Capability::Setpcap) {
            return Err(EPERM);
        }
        new.securebits = bits;
        Ok(())
    })
}

fn change_ambient(task: &Task, operation: u64, number: u64, fourth: u64, fifth: u64) -> Result<u64> {
    if operation == ambient::CLEAR_ALL {
        if number != 0 || fourth != 0 || fifth != 0 {
            return Err(EINVAL);
        }
        task.change_credentials(|new| {
            new.ambient = 0;
            Ok(())
        })?;
        return Ok(0);
    }
    if fourth != 0 || fifth != 0 {
        return Err(EINVAL);
    }
    let bit = capability_bit(number)?;
    match operation {
        ambient::IS_SET => return Ok(task.with_credentials(|own| own.ambient & bit != 0).into()),
        ambient::RAISE => task.change_credentials(|new| {
            let allowed = new.permitted & new.inheritable & bit != 0;
            if !allowed || new.securebits & securebit::NO_AMBIENT_RAISE != 0 {
                return Err(EPERM);
            }
            new.ambient |= bit;
            Ok(())
        })?,
        ambient::LOWER => task.change_credentials(|new| {
            new.ambient &= !bit;
            Ok(())
        })?,
        _ => return Err(EINVAL),
    }
    Ok(0)
}

/// Components of the extended state that Linux has numbers for.
const FEATURES: u64 = 19;

/// Codes of arch_prctl(2).
mod code {
    pub const SET_GS: u32 = 0x1001;
    pub const SET_FS: u32 = 0x1002;
    pub const GET_FS: u32 = 0x1003;
    pub const GET_GS: u32 = 0x1004;
    pub const GET_CPUID: u32 = 0x1011;
    pub const SET_CPUID: u32 = 0x1012;
    pub const GET_FEATURES: u32 = 0x1021;
    pub const GET_PERMITTED_FEATURES: u32 = 0x1022;
    pub const ASK_FOR_FEATURE: u32 = 0x1023;
    pub const GET_GUEST_FEATURES: u32 = 0x1024;
    pub const ASK_FOR_GUEST_FEATURE: u32 = 0x1025;
    pub const MAP_X32: u32 = 0x2001;
    pub const MAP_I386: u32 = 0x2002;
    pub const MAP_X86_64: u32 = 0x2003;
}

/// arch_prctl(2): EPERM for bases outside of user space.
pub fn arch_prctl(task: &Task, code: u32, address: UserAddress) -> Result<u64> {
    let thread = task.thread();
    let word = UserPtr::<u64>::new(address.0);
    match code {
        code::SET_FS | code::SET_GS if address.0 >= USER_END => Err(EPERM),
        code::SET_FS | code::SET_GS => {
            // The selector is none from then on.
            let before = thread.selectors();
            let after = match code {
                code::SET_FS => Selectors { fs: 0, ..before },
                _ => Selectors { gs: 0, ..before },
            };
            if after != before {
                thread.set_selectors(after);
            }
            let is_set =
                if code == code::SET_FS { thread.set_fs_base(address.0) } else { thread.set_gs_base(address.0) };
            is_set.then_some(0).ok_or(EPERM)
        }
        code::GET_FS => word.write(task, &thread.fs_base()).map(|()| 0),
        code::GET_GS => word.write(task, &thread.gs_base()).map(|()| 0),
        code::MAP_X32 => vdso::map_again(task, Abi::X32, address.0),
        code::MAP_I386 => vdso::map_again(task, Abi::I386, address.0),
        code::MAP_X86_64 => vdso::map_again(task, Abi::X86_64, address.0),
        _ => arch_prctl_narrow(task, code, address),
    }
}

/// arch_prctl(2) of i386, which has no bases.
pub fn arch_prctl_narrow(task: &Task, code: u32, address: UserAddress) -> Result<u64> {
    match code {
        // CPUID cannot be made to fault here.
        code::GET_CPUID => Ok(1),
        code::SET_CPUID => Err(ENODEV),
        // All there are may be used: none is so large that a program has to ask for it.
        code::GET_FEATURES | code::GET_PERMITTED_FEATURES | code::GET_GUEST_FEATURES => {
            UserPtr::<u64>::new(address.0).write(task, &fpu_features()).map(|()| 0)
        }
        code::ASK_FOR_FEATURE | code::ASK_FOR_GUEST_FEATURE if address.0 >= FEATURES => Err(EINVAL),
        code::ASK_FOR_FEATURE | code::ASK_FOR_GUEST_FEATURE => Err(EOPNOTSUPP),
        _ => Err(EINVAL),
    }
}
