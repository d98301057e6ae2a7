//! /sys/class/net: the loopback device, as the reader's network namespace has it.
use super::NetworkNamespace;
use super::device::{Device, KIND_LOOPBACK, device_flag};
use crate::error::*;
use crate::file::sysfs::{Node, directory};
use crate::output::Output;
use crate::process::Task;
use alloc::sync::Arc;
use core::fmt::Write;
use core::sync::atomic::{AtomicU64, Ordering};

type Show = fn(&Device, &mut Output) -> Result<()>;
const ATTRIBUTES: [(&str, Show); 15] = [
    ("addr_len", |_, out| out.put(b"6\n")),
    ("address", |_, out| out.put(b"00:00:00:00:00:00\n")),
    ("broadcast", |_, out| out.put(b"00:00:00:00:00:00\n")),
    ("carrier", |device, out| if device.is_up() { out.put(b"1\n") } else { Err(EINVAL) }),
    ("dev_id", |_, out| out.put(b"0x0\n")),
    ("dormant", |device, out| if device.is_up() { out.put(b"0\n") } else { Err(EINVAL) }),
    ("flags", |device, out| {
        // Without those that say what the line is like.
        let flags = device.flags() & !(device_flag::RUNNING | device_flag::LOWER_UP);
        Ok(writeln!(out, "{flags:#x}")?)
    }),
    ("ifindex", |device, out| Ok(writeln!(out, "{}", device.index)?)),
    ("iflink", |device, out| Ok(writeln!(out, "{}", device.index)?)),
    ("link_mode", |_, out| out.put(b"0\n")),
    ("mtu", |device, out| Ok(writeln!(out, "{}", device.mtu())?)),
    ("operstate", |device, out| out.put(if device.is_up() { b"unknown\n" } else { b"down\n" })),
    ("tx_queue_len", |device, out| Ok(writeln!(out, "{}", device.queue_length())?)),
    ("type", |_, out| Ok(writeln!(out, "{KIND_LOOPBACK}")?)),
    ("uevent", |device, out| Ok(write!(out, "INTERFACE={}\nIFINDEX={}\n", device.name, device.index)?)),
];
type Count = fn(&Device) -> &AtomicU64;
const STATISTICS: [(&str, Count); 5] = [
    ("rx_bytes", |device| &device.counts.bytes),
    ("rx_dropped", |device| &device.counts.dropped),
    ("rx_packets", |device| &device.counts.packets),
    ("tx_bytes", |device| &device.counts.bytes),
    ("tx_packets", |device| &device.counts.packets),
];

/// Shows the device. Once, at boot.
pub fn initialize() -> Result<()> {
    let own: Arc<Node> = directory("devices/virtual/net")?.add_directory(b"lo")?;
    let device = || NetworkNamespace::of(Task::current()).loopback.clone();
    for (name, show) in ATTRIBUTES {
        own.add_text(name, move |out| show(&device(), out))?;
    }
    let statistics = own.add_directory(b"statistics")?;
    for (name, count) in STATISTICS {
        statistics.add_text(name, move |out| Ok(writeln!(out, "{}", count(&device()).load(Ordering::Relaxed))?))?;
    }
    own.add_link(b"subsystem", b"../../../../class/net")?;
    directory("class/net")?.add_link(b"lo", b"../../devices/virtual/net/lo")
}
