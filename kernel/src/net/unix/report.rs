//! /proc/net/unix.
use super::{Kind, Phase, network_of, table};
use crate::error::*;
use crate::file::procfs::Subject;
use crate::net::calls;
use crate::output::Output;
use crate::process::Task;
use alloc::sync::Arc;
use core::fmt::Write;
use core::sync::atomic::Ordering;

/// __SO_ACCEPTCON: it listens.
const LISTENS: u32 = 1 << 16;
/// SS_UNCONNECTED and SS_CONNECTED.
const UNCONNECTED: u32 = 1;
const CONNECTED: u32 = 3;

/// A line for each socket of the reader's network namespace.
pub fn sockets(_subject: &Subject, out: &mut Output) -> Result<()> {
    let network = network_of(Task::current());
    writeln!(out, "Num       RefCount Protocol Flags    Type St Inode Path")?;
    for socket in table::all(network)? {
        let (phase, address) = {
            let state = socket.state.lock();
            (state.phase, state.address.clone())
        };
        let kind = match socket.kind {
            Kind::Stream => calls::kind::STREAM,
            Kind::Datagram => calls::kind::DATAGRAM,
            Kind::Packets => calls::kind::PACKETS,
        };
        let flags = if phase == Phase::Listening { LISTENS } else { 0 };
        let state = if phase == Phase::Connected { CONNECTED } else { UNCONNECTED };
        // One reference is this list's, one the table's.
        let references = Arc::strong_count(&socket).saturating_sub(1);
        let inode = socket.inode.load(Ordering::Relaxed);
        // Addresses of the kernel are nobody's business.
        write!(out, "{:016x}: {references:08X} {:08X} {flags:08X} {kind:04X} {state:02X} {inode:5}", 0, 0)?;
        if let Some(address) = address {
            out.put(b" ")?;
            let path = address.as_bytes().get(2..).unwrap_or(&[]);
            let is_abstract = path.first() == Some(&0);
            let shown = if is_abstract { path } else { path.strip_suffix(&[0]).unwrap_or(path) };
            for byte in shown {
                out.put(&[if *byte == 0 { b'@' } else { *byte }])?;
            }
        }
        out.put(b"\n")?;
    }
    Ok(())
}
