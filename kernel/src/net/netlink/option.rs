//! setsockopt(2) and getsockopt(2) at SOL_NETLINK.
use super::{NetlinkSocket, flag, table};
use crate::error::*;
use crate::process::{Capability, Task};
use crate::syscall::UserPtr;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

/// The level.
pub const SOL_NETLINK: i32 = 270;
const ADD_MEMBERSHIP: i32 = 1;
const DROP_MEMBERSHIP: i32 = 2;
/// NETLINK_PKTINFO, which is the kind of the ancillary data, too.
pub const PACKET_INFORMATION: i32 = 3;
const BROADCAST_ERROR: i32 = 4;
const NO_OVERRUN_ERROR: i32 = 5;
const LISTEN_ALL_NAMESPACES: i32 = 8;
const LIST_MEMBERSHIPS: i32 = 9;
const CAP_ACK: i32 = 10;
const EXT_ACK: i32 = 11;
const GET_STRICT_CHECK: i32 = 12;

fn flag_of(option: i32) -> Result<u32> {
    Ok(match option {
        PACKET_INFORMATION => flag::PACKET_INFORMATION,
        BROADCAST_ERROR => flag::BROADCAST_ERROR,
        NO_OVERRUN_ERROR => flag::NO_OVERRUN_ERROR,
        CAP_ACK => flag::CAPPED,
        EXT_ACK => flag::EXTENDED,
        GET_STRICT_CHECK => flag::STRICT,
        _ => return Err(ENOPROTOOPT),
    })
}

impl NetlinkSocket {
    /// Sets an option: ENOPROTOOPT, EFAULT, EINVAL for a group there is not, EPERM. A value of fewer than four bytes counts as 0.
    pub(super) fn set_option(
        self: &Arc<Self>,
        task: &Task,
        level: i32,
        option: i32,
        value: UserPtr<i32>,
        length: usize,
    ) -> Result<()> {
        if level != SOL_NETLINK {
            return Err(ENOPROTOOPT);
        }
        let value = if length >= 4 { value.read(task)? } else { 0 };
        let bit = match option {
            ADD_MEMBERSHIP | DROP_MEMBERSHIP => {
                return self.change_membership(task, value as u32, option == ADD_MEMBERSHIP);
            }
            LISTEN_ALL_NAMESPACES => {
                if !task.capable_in(&self.network.identity.owner, Capability::NetBroadcast) {
                    return Err(EPERM);
                }
                flag::ALL_NAMESPACES
            }
            _ => flag_of(option)?,
        };
        match value {
            0 => self.flags.fetch_and(!bit, Ordering::Relaxed),
            _ => self.flags.fetch_or(bit, Ordering::Relaxed),
        };
        if bit == flag::NO_OVERRUN_ERROR && value != 0 {
            self.is_congested.store(false, Ordering::Release);
            self.room.wake_all();
        }
        Ok(())
    }
    fn change_membership(self: &Arc<Self>, task: &Task, group: u32, joins: bool) -> Result<()> {
        self.require_listener(task)?;
        if group == 0 || group > self.protocol.groups() {
            return Err(EINVAL);
        }
        if joins {
            self.may_hear(task, group)?;
        }
        {
            let bit = 1 << (group - 1);
            let mut state = self.state.lock();
            state.groups = if joins { state.groups | bit } else { state.groups & !bit };
        }
        table::note_groups(self);
        Ok(())
    }
    /// Tells of an option: ENOPROTOOPT, EFAULT, EINVAL for too little room.
    pub(super) fn get_option(
        &self,
        task: &Task,
        level: i32,
        option: i32,
        value: UserPtr<i32>,
        length: UserPtr<i32>,
    ) -> Result<()> {
        if level != SOL_NETLINK {
            return Err(ENOPROTOOPT);
        }
        let room = usize::try_from(length.read(task)?).map_err(|_| EINVAL)?;
        if option == LIST_MEMBERSHIPS {
            let (groups, known) = {
                let state = self.state.lock();
                (state.groups, state.groups_known)
            };
            let words = known.div_ceil(32) as usize;
            for word in 0..words.min(room / 4) {
                value.element(task, word).write(task, &((groups >> (32 * word)) as u32 as i32))?;
            }
            return length.write(task, &(words as i32 * 4));
        }
        let bit = flag_of(option)?;
        if room < 4 {
            return Err(EINVAL);
        }
        length.write(task, &4)?;
        value.write(task, &i32::from(self.has_flag(bit)))
    }
}
