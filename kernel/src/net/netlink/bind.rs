//! Ports, groups and destinations: bind(2), connect(2).
use super::{ADDRESS_LENGTH, Destination, FAMILY, NetlinkSocket, Protocol, table};
use crate::error::*;
use crate::net::SocketAddress;
use crate::process::{Capability, Task};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicI32, Ordering};

/// RTNLGRP_IPV4_MROUTE_R and RTNLGRP_IPV6_MROUTE_R.
const MULTICAST_ROUTES: [u32; 2] = [30, 31];
/// AF_UNSPEC.
const UNSPECIFIED: u16 = 0;
/// Ports that the kernel chooses where a process's own number is taken are below this one.
const FIRST_CHOSEN: i32 = -4097;
/// The next of them; a random one to begin with, shown by 0.
static NEXT_CHOSEN: AtomicI32 = AtomicI32::new(0);

/// The port and the mask of groups of an address; EINVAL.
pub fn parse(address: &SocketAddress) -> Result<(u32, u32)> {
    let bytes = address.as_bytes();
    let word = |at: usize| bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map(u32::from_le_bytes);
    match (word(4), word(8)) {
        (Some(port), Some(groups)) if bytes.len() >= ADDRESS_LENGTH && address.family() == Some(FAMILY as u16) => {
            Ok((port, groups))
        }
        _ => Err(EINVAL),
    }
}
/// The destination of such an address: the lowest of its groups.
pub fn destination(port: u32, groups: u32) -> Destination {
    Destination { port, group: if groups == 0 { 0 } else { groups.trailing_zeros() + 1 } }
}

fn next_chosen() -> i32 {
    let choose = |old: i32| {
        Some(match old {
            0 => FIRST_CHOSEN - (crate::random::word() % (FIRST_CHOSEN.abs_diff(i32::MIN) as u64)) as i32,
            i32::MIN => FIRST_CHOSEN,
            old => old - 1,
        })
    };
    // Never refused: `choose` always has an answer.
    let old = NEXT_CHOSEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, choose).unwrap_or(FIRST_CHOSEN);
    if old == 0 { NEXT_CHOSEN.load(Ordering::Relaxed) } else { old - i32::from(old != i32::MIN) }
}

impl NetlinkSocket {
    /// bind(2): a port, and the groups of an address. EINVAL, EPERM, EADDRINUSE; EBUSY where another thread was faster.
    pub(super) fn bind(self: &Arc<Self>, task: &Task, address: &SocketAddress) -> Result<()> {
        let (port, groups) = parse(address)?;
        if groups != 0 {
            self.require_listener(task)?;
        }
        {
            let state = self.state.lock();
            if state.is_bound && state.port != port {
                return Err(EINVAL);
            }
        }
        for group in (0..u32::BITS).filter(|bit| groups & 1 << bit != 0).map(|bit| bit + 1) {
            self.may_hear(task, group)?;
        }
        if !self.is_bound() {
            match port {
                0 => self.bind_to_any(task)?,
                port => table::bind(self, port)?,
            }
        }
        {
            let mut state = self.state.lock();
            state.groups = state.groups & !u64::from(u32::MAX) | u64::from(groups);
        }
        table::note_groups(self);
        Ok(())
    }
    pub(super) fn is_bound(&self) -> bool {
        self.state.lock().is_bound
    }
    /// Whether a task may listen to groups at all; EPERM. From then on the socket has room for them.
    pub(super) fn require_listener(&self, task: &Task) -> Result<()> {
        if !self.protocol.may_all_listen() && !self.may_administrate(task) {
            return Err(EPERM);
        }
        self.state.lock().groups_known = self.protocol.groups();
        Ok(())
    }
    /// Whether a task may listen to this group; EPERM.
    pub(super) fn may_hear(&self, task: &Task, group: u32) -> Result<()> {
        let allowed = match self.protocol {
            Protocol::Audit => task.capable(Capability::AuditRead),
            Protocol::Route if MULTICAST_ROUTES.contains(&group) => self.may_administrate(task),
            _ => true,
        };
        if allowed { Ok(()) } else { Err(EPERM) }
    }
    /// Gives it a port that nobody has: the process's number, or a negative one.
    pub(super) fn bind_to_any(self: &Arc<Self>, task: &Task) -> Result<()> {
        let mut port = task.group().id_in_own_namespace();
        loop {
            match table::bind(self, port) {
                Err(error) if error == EADDRINUSE => port = next_chosen() as u32,
                // Another thread was faster.
                Err(error) if error == EBUSY => return Ok(()),
                other => return other,
            }
        }
    }
    /// connect(2): where messages go that do not say so, and whom messages are taken from. EINVAL, EPERM.
    pub(super) fn connect(self: &Arc<Self>, task: &Task, address: &SocketAddress) -> Result<()> {
        match address.family() {
            None => return Err(EINVAL),
            Some(UNSPECIFIED) => {
                let mut state = self.state.lock();
                (state.is_connected, state.destination) = (false, Destination::default());
                return Ok(());
            }
            Some(_) => {}
        }
        let (port, groups) = parse(address)?;
        if (port != 0 || groups != 0) && !self.may_send_to_others(task) {
            return Err(EPERM);
        }
        if !self.is_bound() {
            self.bind_to_any(task)?;
        }
        let mut state = self.state.lock();
        (state.is_connected, state.destination) = (true, destination(port, groups));
        Ok(())
    }
    /// Whether a task may send to others than the kernel.
    pub(super) fn may_send_to_others(&self, task: &Task) -> bool {
        self.protocol.may_all_send() || self.may_administrate(task)
    }
}
