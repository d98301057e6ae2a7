//! Structures of the calls about files.
use super::names::*;
use crate::trace::show::Show;
use abi::Abi;
use core::ops::ControlFlow;

/// A file's type and permissions.
pub fn show_mode(show: &mut Show<'_>, mode: u64) {
    let mode = mode & 0xffff_ffff;
    let kind = mode & 0o170000;
    match FILE_TYPES.iter().find(|(known, _)| *known == kind) {
        Some((_, name)) => {
            show.text.put(name);
            for (bit, name) in [(0o4000, "|S_ISUID"), (0o2000, "|S_ISGID"), (0o1000, "|S_ISVTX")] {
                if mode & bit != 0 {
                    show.text.put(name);
                }
            }
            show.text.byte(b'|');
            show.text.octal(mode & 0o777);
        }
        None => show.text.octal(mode),
    }
}

/// The flags of open(2).
pub fn open_flags(show: &mut Show<'_>, flags: u64) {
    show.choice_and_bits(flags & 0xffff_ffff, 3, ACCESS_MODES, OPEN);
}
/// Whether flags of open(2) in this argument make a file, so that a mode follows.
pub fn makes_file(flags: u64) -> bool {
    flags & 0o100 != 0 || flags & 0o20200000 == 0o20200000
}

/// `makedev(major, minor)`.
fn device(show: &mut Show<'_>, device: u64) {
    let major = (device >> 8 & 0xfff) | (device >> 32 & !0xfff);
    let minor = (device & 0xff) | (device >> 12 & !0xff);
    show.text.put("makedev(");
    show.text.hex(major);
    show.text.put(", ");
    show.text.hex(minor & 0xffff_ffff);
    show.text.byte(b')');
}
/// The device number of mknod(2).
pub fn device_number(show: &mut Show<'_>, number: u64) {
    device(show, number & 0xffff_ffff);
}

/// A number in a structure: its offset and its bytes.
type Place = (u64, u64);

fn number_at(show: &Show<'_>, address: u64, (offset, size): Place) -> Option<u64> {
    let at = address.wrapping_add(offset);
    match size {
        8 => show.u64_at(at),
        4 => show.u32_at(at).map(u64::from),
        _ => show.bytes::<2>(at).map(|raw| u16::from_ne_bytes(raw).into()),
    }
}
/// What is shown of a `struct stat` whose mode, device number and size are there.
fn stat_with(show: &mut Show<'_>, address: u64, [mode, special, size]: [Place; 3]) {
    show.structure(address, |show| {
        let mode = number_at(show, address, mode)?;
        let is_device = matches!(mode & 0o170000, 0o20000 | 0o60000);
        let number = number_at(show, address, if is_device { special } else { size })?;
        show.text.byte(b'{');
        show.field("st_mode");
        show_mode(show, mode);
        if is_device {
            show.field("st_rdev");
            device(show, number);
        } else {
            show.unsigned_field("st_size", number);
        }
        show.text.put(", ...}");
        Some(())
    });
}
/// `struct stat`.
pub fn stat(show: &mut Show<'_>, address: u64) {
    match show.abi {
        Abi::I386 => stat_with(show, address, [(8, 2), (16, 4), (20, 4)]),
        Abi::X86_64 | Abi::X32 => stat_with(show, address, [(24, 4), (40, 8), (48, 8)]),
    }
}
/// `struct stat64` of i386.
pub fn stat64(show: &mut Show<'_>, address: u64) {
    stat_with(show, address, [(16, 4), (32, 8), (44, 8)]);
}
/// `struct __old_kernel_stat`.
pub fn old_stat(show: &mut Show<'_>, address: u64) {
    stat_with(show, address, [(4, 2), (12, 2), (16, 4)]);
}

/// The flags of statx(2).
pub fn statx_flags(show: &mut Show<'_>, flags: u64) {
    show.choice_and_bits(flags & 0xffff_ffff, 0x6000, STATX_SYNC, AT_FLAGS);
}
/// `struct statx`.
pub fn statx(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| {
        let raw = show.bytes::<64>(address)?;
        let word = |at: usize| raw.get(at..at + 4).and_then(|raw| raw.try_into().ok()).map_or(0, u32::from_ne_bytes);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        show.text.byte(b'{');
        show.field("stx_mask");
        show.bits(word(0).into(), STATX_MASK, "STATX_???");
        show.field("stx_attributes");
        show.bits(long(8), STATX_ATTRIBUTES, "STATX_ATTR_???");
        show.field("stx_mode");
        show_mode(show, u64::from(word(28) & 0xffff));
        show.unsigned_field("stx_size", long(40));
        show.text.put(", ...}");
        Some(())
    });
}

/// What is in a `struct statfs`, in the order in which it is shown; the id has two words.
const STATFS: [&str; 12] = [
    "f_type",
    "f_bsize",
    "f_blocks",
    "f_bfree",
    "f_bavail",
    "f_files",
    "f_ffree",
    "f_fsid",
    "",
    "f_namelen",
    "f_frsize",
    "f_flags",
];
fn statfs_with(show: &mut Show<'_>, address: u64, places: &[Place; 12]) {
    show.structure(address, |show| {
        show.text.byte(b'{');
        for (name, place) in STATFS.iter().zip(places) {
            let number = number_at(show, address, *place)?;
            match *name {
                "f_type" => {
                    show.field(name);
                    show.choice(number, FILE_SYSTEMS, "");
                }
                "f_flags" => {
                    show.field(name);
                    show.bits(number, STATFS_FLAGS, "ST_???");
                }
                "f_fsid" => {
                    show.text.put(", f_fsid={val=[");
                    show.text.hex(number);
                }
                "" => {
                    show.text.put(", ");
                    show.text.hex(number);
                    show.text.put("]}");
                }
                _ => show.unsigned_field(name, number),
            }
        }
        show.text.byte(b'}');
        Some(())
    });
}
/// `struct statfs`.
pub fn statfs(show: &mut Show<'_>, address: u64) {
    const LONG: [Place; 12] =
        [(0, 8), (8, 8), (16, 8), (24, 8), (32, 8), (40, 8), (48, 8), (56, 4), (60, 4), (64, 8), (72, 8), (80, 8)];
    const NARROW: [Place; 12] =
        [(0, 4), (4, 4), (8, 4), (12, 4), (16, 4), (20, 4), (24, 4), (28, 4), (32, 4), (36, 4), (40, 4), (44, 4)];
    statfs_with(show, address, if matches!(show.abi, Abi::I386) { &NARROW } else { &LONG });
}
/// `struct statfs64` of i386.
pub fn statfs64(show: &mut Show<'_>, address: u64) {
    const PLACES: [Place; 12] =
        [(0, 4), (4, 4), (8, 8), (16, 8), (24, 8), (32, 8), (40, 8), (48, 4), (52, 4), (56, 4), (60, 4), (64, 4)];
    statfs_with(show, address, &PLACES);
}

/// Entries of getdents64(2) and getdents(2): how many. The record's length is at the same place in both.
pub fn directory_entries(show: &mut Show<'_>, address: u64) {
    show.text.address(address);
    let end = show.result.unwrap_or(0) as u64;
    let (mut at, mut count) = (0, 0);
    let length_of = |at: u64| {
        let length = show.u32_at(address.wrapping_add(at).wrapping_add(16)).map_or(0, |word| u64::from(word & 0xffff));
        if length == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(length) }
    };
    while at < end {
        let ControlFlow::Continue(length) = length_of(at) else { break };
        at += length;
        count += 1;
    }
    show.text.put(" /* ");
    show.text.unsigned(count);
    show.text.put(" entries */");
}

/// The one entry of readdir(2), i386's; its address at the end of the directory.
pub fn old_entry(show: &mut Show<'_>, address: u64) {
    if show.result == Some(0) {
        return show.text.address(address);
    }
    show.structure(address, |show| {
        let (inode, offset) = (show.u32_at(address)?, show.u32_at(address.wrapping_add(4))?);
        let length = number_at(show, address, (8, 2))?;
        show.text.byte(b'{');
        show.unsigned_field("d_ino", inode.into());
        show.unsigned_field("d_off", offset.into());
        show.unsigned_field("d_reclen", length);
        show.field("d_name");
        show.buffer(address.wrapping_add(10), length);
        show.text.byte(b'}');
        Some(())
    });
}

/// A vector of buffers the kernel reads.
pub fn vector(show: &mut Show<'_>, address: u64) {
    vector_of(show, address, u64::MAX);
}
/// A vector of buffers the kernel has filled, as far as the result says.
pub fn filled_vector(show: &mut Show<'_>, address: u64) {
    vector_of(show, address, show.result.unwrap_or(0) as u64);
}
fn vector_of(show: &mut Show<'_>, address: u64, filled: u64) {
    let (size, count) = (show.long_size(), show.word(2));
    let left = core::cell::Cell::new(filled);
    show.array(address, count, 2 * size, |show, at| {
        let (base, length) = (show.long_at(at)?, show.long_at(at.wrapping_add(size))?);
        show.text.byte(b'{');
        show.field("iov_base");
        let shown = length.min(left.get());
        left.set(left.get() - shown);
        show.buffer(base, shown);
        show.unsigned_field("iov_len", length);
        show.text.byte(b'}');
        Some(())
    });
}

/// A vector of memory that is not looked into.
pub fn vector_addresses(show: &mut Show<'_>, address: u64) {
    let (size, count) = (show.long_size(), show.word(2));
    show.array(address, count, 2 * size, |show, at| {
        let (base, length) = (show.long_at(at)?, show.long_at(at.wrapping_add(size))?);
        show.text.byte(b'{');
        show.field("iov_base");
        show.text.address(base);
        show.unsigned_field("iov_len", length);
        show.text.byte(b'}');
        Some(())
    });
}

/// The argument of fcntl(2), by its command.
pub fn fcntl_argument(show: &mut Show<'_>, value: u64) {
    match show.word(1) as u32 {
        2 => show.bits(value & 0xffff_ffff, FD_FLAGS, ""),
        4 => open_flags(show, value),
        5..=7 | 12..=14 | 36..=38 => lock(show, value),
        0 | 8 | 1030 | 1031 => show.text.signed(value as i32 as i64),
        10 => super::signal::show_signal(show, value),
        1033 => show.bits(value & 0xffff_ffff, SEALS, ""),
        _ => show.text.hex(value),
    }
}
/// Whether fcntl(2) has an argument with this command.
pub fn fcntl_has_argument(show: &Show<'_>) -> bool {
    !matches!(show.word(1) as u32, 1 | 3 | 9 | 11 | 1025 | 1032 | 1034)
}
/// What F_GETFD and its kin return.
pub fn fcntl_answer(show: &mut Show<'_>) {
    let value = show.result.unwrap_or(0) as u64;
    match show.word(1) as u32 {
        1 | 3 | 1034 if value == 0 && show.word(1) as u32 != 3 => show.text.byte(b'0'),
        command @ (1 | 3 | 1034) => {
            show.text.hex(value);
            show.text.put(if command == 1034 { " (seals " } else { " (flags " });
            match command {
                1 => show.bits(value, FD_FLAGS, ""),
                3 => open_flags(show, value),
                _ => show.bits(value, SEALS, ""),
            }
            show.text.byte(b')');
        }
        _ => show.text.signed(value as i64),
    }
}
fn lock(show: &mut Show<'_>, address: u64) {
    let is_known = !matches!(show.abi, abi::Abi::I386);
    show.structure(address, |show| {
        let raw = is_known.then(|| show.bytes::<32>(address)).flatten()?;
        let long = |at: usize| raw.get(at..at + 8).and_then(|raw| raw.try_into().ok()).map_or(0, i64::from_ne_bytes);
        show.text.byte(b'{');
        show.field("l_type");
        show.choice(long(0) as u64 & 0xffff, LOCK_TYPES, "F_???");
        show.field("l_whence");
        show.choice(long(0) as u64 >> 16 & 0xffff, SEEK, "SEEK_???");
        show.signed_field("l_start", long(8));
        show.signed_field("l_len", long(16));
        if matches!(show.word(1) as u32, 5 | 12 | 36) && show.result.is_some() {
            show.signed_field("l_pid", long(24) & 0xffff_ffff);
        }
        show.text.byte(b'}');
        Some(())
    });
}

/// Two descriptors the kernel has made.
pub fn descriptor_pair(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| {
        let pair = show.u64_at(address)?;
        show.text.byte(b'[');
        show.text.signed(pair as i32 as i64);
        show.text.put(", ");
        show.text.signed((pair >> 32) as i32 as i64);
        show.text.byte(b']');
        Some(())
    });
}

/// A path the kernel has written: as long as the result says, its zero included.
pub fn working_directory(show: &mut Show<'_>, address: u64) {
    show.string(address, true);
}

/// An offset behind a pointer.
pub fn offset_behind(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| {
        let offset = show.u64_at(address)?;
        show.text.byte(b'[');
        show.text.signed(offset as i64);
        show.text.byte(b']');
        Some(())
    });
}

/// `struct open_how`.
pub fn open_how(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| {
        let (flags, mode, resolve) =
            (show.u64_at(address)?, show.u64_at(address.wrapping_add(8))?, show.u64_at(address.wrapping_add(16))?);
        show.text.byte(b'{');
        show.field("flags");
        open_flags(show, flags);
        if makes_file(flags) || mode != 0 {
            show.field("mode");
            show.text.octal(mode);
        }
        show.field("resolve");
        show.bits(resolve, RESOLVE, "RESOLVE_???");
        show.text.byte(b'}');
        Some(())
    });
}
