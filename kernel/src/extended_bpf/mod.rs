//! bpf(2): maps of the types array and hash. There are no programs; what user space gets of a map it can have without them. (The
//! classic filters of seccomp(2) are another machine: the crate `bpf`.)
//!
//! `attribute` reads what a command is given, `create` makes maps, `elements` has the commands on a map's elements; `array` and
//! `hash` store them, and `charge` limits the memory that they take.
mod array;
mod attribute;
mod charge;
mod create;
mod elements;
mod hash;
mod information;
mod map;

use crate::error::*;
use crate::process::{Capability, Task};
use crate::syscall::UserAddress;
use attribute::Attribute;
use core::sync::atomic::{AtomicI32, Ordering};

/// /proc/sys/kernel/unprivileged_bpf_disabled: 0 if anybody may make maps; 1 (for good) or 2 (Debian's default) if nobody may
/// without CAP_BPF.
pub static UNPRIVILEGED_DISABLED: AtomicI32 = AtomicI32::new(2);

/// Commands.
mod command {
    pub const MAP_CREATE: i32 = 0;
    pub const MAP_LOOKUP_ELEMENT: i32 = 1;
    pub const MAP_UPDATE_ELEMENT: i32 = 2;
    pub const MAP_DELETE_ELEMENT: i32 = 3;
    pub const MAP_GET_NEXT_KEY: i32 = 4;
    pub const PROGRAM_LOAD: i32 = 5;
    pub const GET_INFORMATION: i32 = 15;
    pub const MAP_LOOKUP_AND_DELETE_ELEMENT: i32 = 21;
    pub const MAP_FREEZE: i32 = 22;
}

/// What Linux answers where a kind of map has no such operation: an error number of its own that it shows user space by mistake.
const NOT_SUPPORTED: usize = -524_isize as usize;

/// Whether the task may make maps that only the privileged may.
fn is_privileged(task: &Task) -> bool {
    task.capable(Capability::Bpf) || task.capable(Capability::SysAdmin)
}

/// bpf(2). EPERM for who may not make maps, E2BIG if more is set than this kernel knows, EINVAL for commands that are not there.
pub fn bpf(task: &Task, number: i32, attribute: UserAddress, size: u32) -> Result<usize> {
    let makes = matches!(number, command::MAP_CREATE | command::PROGRAM_LOAD);
    if makes && UNPRIVILEGED_DISABLED.load(Ordering::Relaxed) != 0 && !is_privileged(task) {
        return Err(EPERM);
    }
    let attribute = Attribute::read(attribute.0, size)?;
    match number {
        command::MAP_CREATE => create::create(task, &attribute).map(|fd| fd.0 as usize),
        command::MAP_LOOKUP_ELEMENT => elements::look_up(task, &attribute),
        command::MAP_UPDATE_ELEMENT => elements::update(task, &attribute),
        command::MAP_DELETE_ELEMENT => elements::delete(task, &attribute),
        command::MAP_GET_NEXT_KEY => elements::next_key(task, &attribute),
        command::MAP_LOOKUP_AND_DELETE_ELEMENT => elements::take(task, &attribute),
        command::MAP_FREEZE => elements::freeze(task, &attribute),
        command::GET_INFORMATION => information::get(task, &attribute),
        command::PROGRAM_LOAD => Err(EINVAL.because("there are no programs")),
        _ => Err(EINVAL),
    }
}
