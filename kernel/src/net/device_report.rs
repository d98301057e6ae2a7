//! /proc/net/dev.
use super::NetworkNamespace;
use crate::error::*;
use crate::file::procfs::Subject;
use crate::output::Output;
use crate::process::Task;
use core::fmt::Write;
use core::sync::atomic::Ordering;

/// A line for each device of the reader's network namespace.
pub fn devices(_subject: &Subject, out: &mut Output) -> Result<()> {
    writeln!(out, "Inter-|   Receive                                                |  Transmit")?;
    writeln!(
        out,
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed"
    )?;
    let network = NetworkNamespace::of(Task::current());
    let device = &network.loopback;
    let (bytes, packets) = (device.counts.bytes.load(Ordering::Relaxed), device.counts.packets.load(Ordering::Relaxed));
    let dropped = device.counts.dropped.load(Ordering::Relaxed);
    writeln!(
        out,
        "{:>6}: {bytes:7} {packets:7} {:4} {dropped:4} {:4} {:5} {:10} {:9} {bytes:8} {packets:7} {:4} {:4} {:4} {:5} {:7} {:10}",
        device.name, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    )?;
    Ok(())
}
