//! /proc/net/udp.
use super::{InetSocket, table};
use crate::error::*;
use crate::file::procfs::Subject;
use crate::net::NetworkNamespace;
use crate::output::Output;
use crate::process::Task;
use core::fmt::Write;
use core::sync::atomic::Ordering;

/// A line for each socket of the reader's network namespace that has a port.
pub fn sockets(_subject: &Subject, out: &mut Output) -> Result<()> {
    let head = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";
    writeln!(out, "{head:<127}")?;
    let network = NetworkNamespace::of(Task::current());
    for socket in table::all(network.identity.inode)? {
        show(&socket, out)?;
    }
    Ok(())
}
fn show(socket: &InetSocket, out: &mut Output) -> Result<()> {
    let (own, peer) = {
        let state = socket.state.lock();
        (state.own, state.peer)
    };
    let waiting = socket.queue.lock().charged;
    // TCP's names of the states: established, closed.
    let (peer, state) = peer.map_or((Default::default(), 7), |peer| (peer, 1));
    let [own_address, peer_address] = [own.address, peer.address].map(u32::from_le_bytes);
    let (user, inode) = (socket.user, socket.inode.load(Ordering::Relaxed));
    let drops = socket.drops.load(Ordering::Relaxed);
    writeln!(
        out,
        "{:5}: {own_address:08X}:{:04X} {peer_address:08X}:{:04X} {state:02X} {:08X}:{waiting:08X} {:02X}:{:08X} {:08X} {user:5} {:8} \
         {inode} 2 0000000000000000 {drops}",
        own.port, own.port, peer.port, 0, 0, 0, 0, 0
    )?;
    Ok(())
}
