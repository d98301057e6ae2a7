//! /proc/net/netlink.
use super::table;
use crate::error::*;
use crate::file::procfs::Subject;
use crate::net::NetworkNamespace;
use crate::output::Output;
use crate::process::Task;
use core::fmt::Write;
use core::sync::atomic::Ordering;

/// A line for each socket of the reader's network namespace that has a port; the kernel's own are not sockets here.
pub fn sockets(_subject: &Subject, out: &mut Output) -> Result<()> {
    let network = NetworkNamespace::of(Task::current()).identity.inode;
    writeln!(out, "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode")?;
    for socket in table::all(network)? {
        let (port, groups) = {
            let state = socket.state.lock();
            (state.port, state.groups as u32)
        };
        // Addresses of the kernel are nobody's business; the references are those of the open file and of the table of ports.
        writeln!(
            out,
            "{:016x} {:<3} {port:<10} {groups:08x} {:<8} {:<8} {:<5} {:<8} {:<8} {:<8}",
            0,
            socket.protocol as u32,
            socket.charged.load(Ordering::Relaxed),
            0,
            u32::from(socket.is_dumping.load(Ordering::Relaxed)),
            2,
            socket.drops.load(Ordering::Relaxed),
            socket.inode.load(Ordering::Relaxed),
        )?;
    }
    Ok(())
}
