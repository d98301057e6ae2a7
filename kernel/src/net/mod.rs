//! Sockets: socket(7), with the families unix(7), netlink(7) and, for datagrams, ip(7).
//!
//! [`calls`] checks what every family has in common and asks a socket by the operations of its family
//! ([`SocketOperations`]); [`options`] keeps what setsockopt(2) sets at SOL_SOCKET; [`message`] reads and writes the headers and the
//! ancillary data of sendmsg(2) and recvmsg(2) in the layouts of the three ABIs.
pub mod address;
pub mod calls;
pub mod device;
pub mod device_calls;
pub mod device_report;
pub mod inet;
mod listing;
pub mod message;
pub mod message_calls;
pub mod namespace;
pub mod netlink;
pub mod option_calls;
pub mod options;
pub mod socket;
pub mod sysfs;
pub mod unix;

pub use address::SocketAddress;
pub use namespace::NetworkNamespace;
pub use options::SocketOptions;
pub use socket::{Incoming, Outgoing, Patience, SocketFile, SocketOperations};

/// Flags of send(2) and recv(2).
#[allow(missing_docs)]
pub mod message_flag {
    pub const OUT_OF_BAND: u32 = 1;
    pub const PEEK: u32 = 2;
    pub const CONTROL_TRUNCATED: u32 = 8;
    pub const TRUNCATED: u32 = 0x20;
    pub const DO_NOT_WAIT: u32 = 0x40;
    pub const END_OF_RECORD: u32 = 0x80;
    pub const WAIT_FOR_ALL: u32 = 0x100;
    pub const ERROR_QUEUE: u32 = 0x2000;
    pub const NO_SIGNAL: u32 = 0x4000;
    pub const WAIT_FOR_ONE: u32 = 0x10000;
    pub const CLOSE_ON_EXEC: u32 = 0x4000_0000;
    /// Linux's mark of a caller of 32 bits, which nobody may pass.
    pub const COMPATIBLE: u32 = 0x8000_0000;
}

/// What shutdown(2) has closed.
pub mod closed {
    /// Nothing more is received.
    pub const RECEIVE: u32 = 1;
    /// Nothing more is sent.
    pub const SEND: u32 = 2;
    /// Both.
    pub const BOTH: u32 = RECEIVE | SEND;
}
