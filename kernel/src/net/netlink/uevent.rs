//! NETLINK_KOBJECT_UEVENT: messages `ACTION@PATH` with settings behind them, each ended by a NUL, when objects of sysfs come and go.
use super::Protocol;
use super::message::Packet;
use super::request::{Outcome, Request};
use super::send::broadcast;
use super::table::Place;
use crate::error::*;
use crate::output::Output;
use crate::process::Capability;
use core::fmt::Write;
use core::sync::atomic::{AtomicU64, Ordering};

/// The group that hears of events.
const EVENTS: u32 = 1;
/// Numbers of events.
static SEQUENCE: AtomicU64 = AtomicU64::new(0);

/// Tells of an object: what became of it (such as "add"), its path in sysfs with a slash in front, what kind it is, and further
/// settings, each with a NUL behind it. Without memory nobody hears of it.
pub fn tell(action: &str, path: &str, subsystem: &str, settings: &str) {
    let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed) + 1;
    let mut text = Output::new();
    let written = write!(
        text,
        "{action}@{path}\0ACTION={action}\0DEVPATH={path}\0SUBSYSTEM={subsystem}\0{settings}SEQNUM={sequence}\0"
    );
    if written.is_ok()
        && let Ok(packet) = Packet::of_kernel(text.into_bytes(), EVENTS)
    {
        // Nobody needs to listen.
        let _ = broadcast(Place::OfFirstUsers, Protocol::Uevent, &packet, 0, None);
    }
}

/// How many events there have been.
pub fn sequence() -> u64 {
    SEQUENCE.load(Ordering::Relaxed)
}

/// A program's event for its network namespace: EPERM. There are none.
pub fn handle(request: &Request) -> Result<Outcome> {
    request.require(&request.socket.network.identity.owner, Capability::SysAdmin)?;
    Err(EOPNOTSUPP.because("programs send no events"))
}
