//! ioctl(2) on performance events, and prctl(2) on those that a task has opened.
use super::EVENTS;
use super::event::{Event, EventFile};
use super::group::members;
use crate::error::*;
use crate::process::Task;
use crate::syscall::{Fd, UserPtr};
use alloc::sync::Arc;

/// Numbers of the commands, of type '$'.
mod command {
    pub const ENABLE: u32 = 0x2400;
    pub const DISABLE: u32 = 0x2401;
    pub const REFRESH: u32 = 0x2402;
    pub const RESET: u32 = 0x2403;
    pub const PERIOD: u32 = 0x4008_2404;
    pub const SET_OUTPUT: u32 = 0x2405;
    pub const SET_FILTER: u32 = 0x4008_2406;
    pub const ID: u32 = 0x8008_2407;
    pub const SET_BPF: u32 = 0x4004_2408;
    pub const PAUSE_OUTPUT: u32 = 0x4004_2409;
    pub const QUERY_BPF: u32 = 0xc008_240a;
    pub const MODIFY_ATTRIBUTES: u32 = 0x4008_240b;
    /// Those whose size is a pointer's, in 32 bits.
    pub const NARROW: [u32; 4] = [0x4004_2406, 0x8004_2407, 0xc004_240a, 0x4004_240b];
    pub const WIDE: [u32; 4] = [SET_FILTER, ID, QUERY_BPF, MODIFY_ATTRIBUTES];
}

/// `PERF_IOC_FLAG_GROUP`.
const WHOLE_GROUP: u64 = 1;

/// What ENABLE, DISABLE and RESET do to an event.
#[derive(Clone, Copy)]
enum Change {
    Enable,
    Disable,
    Reset,
}
impl Change {
    fn apply(self, event: &Event) {
        match self {
            Change::Enable => event.set_enabled(true),
            Change::Disable => event.set_enabled(false),
            Change::Reset => event.reset(),
        }
    }
    /// On the event and those inherited from it; [`EVENTS`] is held.
    fn apply_to_all(self, event: &Event) -> Result<()> {
        let mut children = alloc::vec::Vec::new();
        {
            let state = event.state();
            children.try_reserve_exact(state.children.len())?;
            children.extend(state.children.iter().cloned());
        }
        self.apply(event);
        children.iter().for_each(|child| self.apply(child));
        Ok(())
    }
}

/// ioctl(2) on an event's file.
pub(super) fn ioctl(event: &Arc<Event>, task: &Task, mut number: u32, argument: u64) -> Result<()> {
    if task.abi().has_narrow_pointers() {
        let wide = command::NARROW.iter().zip(command::WIDE).find(|(narrow, _)| **narrow == number);
        number = wide.map_or(number, |(_, wide)| wide);
    }
    let change = match number {
        command::ENABLE => Change::Enable,
        command::DISABLE => Change::Disable,
        command::RESET => Change::Reset,
        command::REFRESH => return Err(EINVAL.because("it does not sample")),
        command::PERIOD => {
            UserPtr::<u64>::new(argument).read(task)?;
            return Err(EINVAL.because("it does not sample"));
        }
        command::SET_OUTPUT => return set_output(task, argument),
        command::ID => return UserPtr::<u64>::new(argument).write(task, &event.id),
        command::SET_FILTER => {
            UserPtr::<u8>::new(argument).read(task)?;
            return Err(EINVAL.because("software events have no filters"));
        }
        command::SET_BPF => {
            task.files().get_io(Fd(argument as i32))?;
            return Err(EINVAL.because("no descriptor is one of a program"));
        }
        command::PAUSE_OUTPUT => return Err(EINVAL.because("there is no buffer")),
        command::QUERY_BPF => return Err(EINVAL),
        command::MODIFY_ATTRIBUTES => {
            let attribute = super::attribute::Attribute::read(task, argument)?;
            let is_same = attribute.kind == event.attribute.kind;
            return Err(if is_same { EOPNOTSUPP } else { EINVAL });
        }
        _ => return Err(ENOTTY),
    };
    let _guard = EVENTS.lock();
    if argument & WHOLE_GROUP == 0 {
        return change.apply_to_all(event);
    }
    let leader = event.leader().unwrap_or_else(|| event.clone());
    change.apply_to_all(&leader)?;
    members(&leader)?.iter().try_for_each(|member| change.apply_to_all(member))
}

/// Samples go to another event's buffer: EINVAL, there being none; -1 ends that.
fn set_output(task: &Task, fd: u64) -> Result<()> {
    // As wide as a long: in 32 bits there is no such number.
    if fd == u64::MAX {
        return Ok(());
    }
    let file = task.files().get_io(Fd(fd as i32))?;
    file.downcast::<EventFile>().ok_or(EBADF)?;
    Err(EINVAL.because("the other event has no buffer"))
}

/// PR_TASK_PERF_EVENTS_DISABLE and PR_TASK_PERF_EVENTS_ENABLE: all events that the task has opened. ENOMEM.
pub fn switch_own(task: &Task, is_enabled: bool) -> Result<()> {
    let change = if is_enabled { Change::Enable } else { Change::Disable };
    let _guard = EVENTS.lock();
    super::inherit::opened_by(task)?.iter().try_for_each(|event| change.apply_to_all(event))
}
