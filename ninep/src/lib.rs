//! The messages of 9P2000.L (the dialect of 9P that Linux and QEMU speak): requests to bytes, responses from bytes.
//!
//! Nothing of a response is believed: every length is checked against the bytes that are there.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;

mod reader;
mod request;
mod response;

pub use reader::Malformed;
pub use request::{Request, attribute};
pub use response::*;

/// Size, type and tag, which begin every message.
pub const HEADER: usize = 7;
/// The header of a read response, before its data; an error response is as long.
pub const READ_HEADER: usize = 11;
/// No fid (of an authentication file).
pub const NO_FID: u32 = u32::MAX;
/// The tag of version messages.
pub const NO_TAG: u16 = u16::MAX;
/// Most names in one walk.
pub const MOST_NAMES: usize = 16;

/// Message types of responses; the request's is one less.
pub mod kind {
    #![allow(missing_docs)]
    pub const ERROR: u8 = 7;
    pub const STATFS: u8 = 9;
    pub const OPEN: u8 = 13;
    pub const READLINK: u8 = 23;
    pub const GETATTR: u8 = 25;
    pub const READDIR: u8 = 41;
    pub const VERSION: u8 = 101;
    pub const ATTACH: u8 = 105;
    pub const FLUSH: u8 = 109;
    pub const WALK: u8 = 111;
    pub const READ: u8 = 117;
    pub const WRITE: u8 = 119;
    pub const CLUNK: u8 = 121;
}

#[cfg(test)]
mod tests;
