//! Mount options (mount(8) for 9p).
use crate::error::*;
use alloc::vec::Vec;

/// Longest message unless the options say otherwise (Linux: 128 KiB and room for the header).
const DEFAULT_MESSAGE: u32 = 128 * 1024 + 24;
/// Least that makes sense.
const SHORTEST_MESSAGE: u32 = 4096;
/// Most that is offered to the server.
const LONGEST_MESSAGE: u32 = 1 << 20;

/// What was asked for.
pub struct Options {
    /// msize.
    pub longest_message: u32,
    /// uname.
    pub user: Vec<u8>,
    /// aname.
    pub tree: Vec<u8>,
}

impl Options {
    /// Parses mount data; EINVAL for what is malformed, unknown or not supported.
    pub fn parse(data: &[u8]) -> Result<Options> {
        let mut options = Options { longest_message: DEFAULT_MESSAGE, user: b"nobody".to_vec(), tree: Vec::new() };
        let text = core::str::from_utf8(data).map_err(|_| EINVAL)?;
        for option in text.split(',').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "trans" if value == "virtio" => {}
                "version" if value == "9p2000.L" => {}
                "msize" => {
                    let size: u32 = value.parse().map_err(|_| EINVAL)?;
                    if size < SHORTEST_MESSAGE {
                        return Err(EINVAL);
                    }
                    options.longest_message = size.min(LONGEST_MESSAGE);
                }
                "uname" => options.user = value.as_bytes().to_vec(),
                "aname" => options.tree = value.as_bytes().to_vec(),
                // How Linux's client caches; this one always asks again after a while.
                "cache" if ["none", "loose", "mmap", "fscache"].contains(&value) => {}
                "access" if ["user", "client", "any"].contains(&value) => {}
                "debug" | "dfltuid" | "dfltgid" | "locktimeout" => {
                    u32::from_str_radix(value.trim_start_matches("0x"), if name == "debug" { 16 } else { 10 })
                        .map_err(|_| EINVAL)?;
                }
                "nodevmap" | "noxattr" | "directio" | "ignoreqv" | "posixacl" => {}
                _ => return Err(EINVAL.because("a mount option that is not supported")),
            }
        }
        Ok(options)
    }
}
