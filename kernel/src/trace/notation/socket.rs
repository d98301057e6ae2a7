//! Structures of the calls about sockets.
use super::names::*;
use crate::trace::show::Show;

/// The type of socket(2).
pub fn socket_type(show: &mut Show<'_>, value: u64) {
    show.choice_and_bits(value & 0xffff_ffff, 0xf, SOCKET_TYPES, SOCKET_FLAGS);
}
/// The protocol of socket(2).
pub fn protocol(show: &mut Show<'_>, value: u64) {
    const IP: [(u64, &str); 4] = [(0, "IPPROTO_IP"), (1, "IPPROTO_ICMP"), (6, "IPPROTO_TCP"), (17, "IPPROTO_UDP")];
    const NETLINK: [(u64, &str); 5] = [
        (0, "NETLINK_ROUTE"),
        (2, "NETLINK_USERSOCK"),
        (9, "NETLINK_AUDIT"),
        (15, "NETLINK_KOBJECT_UEVENT"),
        (16, "NETLINK_GENERIC"),
    ];
    let names: &[(u64, &str)] = match show.word(0) {
        2 | 10 => &IP,
        16 => &NETLINK,
        _ => &[],
    };
    match names.iter().find(|(known, _)| *known == value & 0xffff_ffff) {
        Some((_, name)) => show.text.put(name),
        None => show.text.unsigned(value & 0xffff_ffff),
    }
}

/// `struct sockaddr` that the kernel reads, as long as the third argument says.
pub fn address(show: &mut Show<'_>, at: u64) {
    let length = show.word(2) & 0xffff_ffff;
    show_address(show, at, length);
}
/// As `address`, of sendto(2): as long as the sixth argument says.
pub fn target(show: &mut Show<'_>, at: u64) {
    let length = show.word(5) & 0xffff_ffff;
    show_address(show, at, length);
}
/// An address that the kernel wrote, as long as the number behind the third argument says.
pub fn answered(show: &mut Show<'_>, at: u64) {
    let length = show.u32_at(show.word(2)).unwrap_or(0);
    show_address(show, at, length.into());
}
/// As `answered`, of recvfrom(2): the sixth argument.
pub fn source(show: &mut Show<'_>, at: u64) {
    let length = show.u32_at(show.word(5)).unwrap_or(0);
    show_address(show, at, length.into());
}
/// A length behind a pointer.
pub fn length_behind(show: &mut Show<'_>, at: u64) {
    match show.u32_at(at) {
        Some(length) if !show.failed() => {
            show.text.byte(b'[');
            show.text.unsigned(length.into());
            show.text.byte(b']');
        }
        _ => show.text.address(at),
    }
}

/// The option's name of setsockopt(2) and getsockopt(2).
pub fn option_name(show: &mut Show<'_>, value: u64) {
    let value = value & 0xffff_ffff;
    match show.word(1) as u32 {
        1 => show.choice(value, SOCKET_OPTIONS, "SO_???"),
        270 => show.choice(value, NETLINK_OPTIONS, "NETLINK_???"),
        _ => show.text.hex(value),
    }
}
/// An option's value that the kernel reads.
pub fn option_value(show: &mut Show<'_>, at: u64) {
    let length = show.word(4) & 0xffff_ffff;
    option(show, at, length);
}
/// An option's value that the kernel wrote.
pub fn option_answer(show: &mut Show<'_>, at: u64) {
    let length = show.u32_at(show.word(4)).unwrap_or(0);
    option(show, at, length.into());
}
fn option(show: &mut Show<'_>, at: u64, length: u64) {
    const LINGER: u64 = 13;
    const PEER_CREDENTIALS: u64 = 17;
    let name = show.word(2) & 0xffff_ffff;
    match (name, length) {
        (LINGER, 8) => show.structure(at, |show| {
            let (on, seconds) = (show.u32_at(at)?, show.u32_at(at.wrapping_add(4))?);
            show.text.put("{");
            show.unsigned_field("l_onoff", on.into());
            show.signed_field("l_linger", (seconds as i32).into());
            show.text.put("}");
            Some(())
        }),
        (PEER_CREDENTIALS, 12) => show.structure(at, |show| credentials(show, at)),
        (_, 4) => show.structure(at, |show| {
            let value = show.u32_at(at)?;
            show.text.put("[");
            show.text.signed((value as i32).into());
            show.text.put("]");
            Some(())
        }),
        _ => show.buffer(at, length),
    }
}
/// `struct ucred`.
fn credentials(show: &mut Show<'_>, at: u64) -> Option<()> {
    show.text.put("{");
    for (index, name) in ["pid", "uid", "gid"].into_iter().enumerate() {
        let value = show.u32_at(at.wrapping_add(4 * index as u64))?;
        show.signed_field(name, (value as i32).into());
    }
    show.text.put("}");
    Some(())
}

/// `struct msghdr` that the kernel reads.
pub fn message(show: &mut Show<'_>, at: u64) {
    show.structure(at, |show| header(show, at, u64::MAX));
}
/// `struct msghdr` that was received: as many bytes as the result says.
pub fn filled_message(show: &mut Show<'_>, at: u64) {
    let count = show.result.unwrap_or(0) as u64;
    show.structure(at, |show| header(show, at, count));
}
/// `struct mmsghdr`s that were sent: as many as the result says.
pub fn messages(show: &mut Show<'_>, at: u64) {
    many(show, at);
}
/// `struct mmsghdr`s that were received.
pub fn filled_messages(show: &mut Show<'_>, at: u64) {
    many(show, at);
}
fn many(show: &mut Show<'_>, at: u64) {
    let long = show.long_size();
    let (total, stride) = if long == 8 { (56, 64) } else { (28, 32) };
    let count = show.result.unwrap_or(0).max(0) as u64;
    show.array(at, count, stride, |show, at| {
        let bytes = show.u32_at(at.wrapping_add(total))?;
        show.text.put("{msg_hdr=");
        header(show, at, bytes.into())?;
        show.unsigned_field("msg_len", bytes.into());
        show.text.put("}");
        Some(())
    });
}
/// The fields of a header; of its buffers no more than so many bytes.
fn header(show: &mut Show<'_>, at: u64, limit: u64) -> Option<()> {
    let long = show.long_size();
    let field = |index: u64| at.wrapping_add(index * long);
    let (name, name_length) = (show.long_at(at)?, show.u32_at(field(1))?);
    let (vector, count) = (show.long_at(field(2))?, show.long_at(field(3))?);
    let (control, control_length) = (show.long_at(field(4))?, show.long_at(field(5))?);
    let flags = show.u32_at(field(6))?;
    show.text.put("{");
    show.field("msg_name");
    show_address(show, name, name_length.into());
    show.signed_field("msg_namelen", (name_length as i32).into());
    show.field("msg_iov");
    let left = core::cell::Cell::new(limit);
    show.array(vector, count, 2 * long, |show, at| {
        let (base, length) = (show.long_at(at)?, show.long_at(at.wrapping_add(long))?);
        let shown = length.min(left.get());
        left.set(left.get() - shown);
        show.text.put("{");
        show.field("iov_base");
        show.buffer(base, shown);
        show.unsigned_field("iov_len", length);
        show.text.put("}");
        Some(())
    });
    show.unsigned_field("msg_iovlen", count);
    if control_length > 0 {
        show.field("msg_control");
        ancillary(show, control, control_length);
    }
    show.unsigned_field("msg_controllen", control_length);
    show.field("msg_flags");
    show.bits(flags.into(), MESSAGE_FLAGS, "MSG_???");
    show.text.put("}");
    Some(())
}
fn ancillary(show: &mut Show<'_>, at: u64, length: u64) {
    const LEVEL: u32 = 1;
    let long = show.long_size();
    show.structure(at, |show| {
        let mut done = 0;
        show.text.put("[");
        while length.saturating_sub(done) >= long + 8 {
            let here = at.wrapping_add(done);
            let size = show.long_at(here)?;
            let (level, kind) = (show.u32_at(here.wrapping_add(long))?, show.u32_at(here.wrapping_add(long + 4))?);
            let data = here.wrapping_add(long + 8);
            let bytes = size.min(length - done).saturating_sub(long + 8);
            if done > 0 {
                show.text.put(", ");
            }
            show.text.put("{");
            show.unsigned_field("cmsg_len", size);
            show.field("cmsg_level");
            show.choice(level.into(), SOCKET_LEVELS, "SOL_???");
            show.field("cmsg_type");
            match (level, kind) {
                (LEVEL, 1) => show.text.put("SCM_RIGHTS"),
                (LEVEL, 2) => show.text.put("SCM_CREDENTIALS"),
                (LEVEL, 29) => show.text.put("SO_TIMESTAMP_OLD"),
                (LEVEL, 35) => show.text.put("SO_TIMESTAMPNS_OLD"),
                _ => show.text.hex(kind.into()),
            }
            show.field("cmsg_data");
            match (level, kind) {
                (LEVEL, 1) => show.array(data, bytes / 4, 4, |show, at| {
                    let number = show.u32_at(at)?;
                    show.text.signed((number as i32).into());
                    Some(())
                }),
                (LEVEL, 2) if bytes >= 12 => credentials(show, data)?,
                _ => show.buffer(data, bytes),
            }
            show.text.put("}");
            if size < long + 8 {
                break;
            }
            done = done.saturating_add(size.next_multiple_of(long));
        }
        show.text.put("]");
        Some(())
    });
}

/// `struct sockaddr` of so many bytes.
fn show_address(show: &mut Show<'_>, at: u64, length: u64) {
    show.structure(at, |show| {
        let [first, second] = show.bytes(at)?;
        let family = u64::from(u16::from_ne_bytes([first, second]));
        show.text.put("{sa_family=");
        show.choice(family, FAMILIES, "AF_???");
        match family {
            1 => unix_path(show, at.wrapping_add(2), length.saturating_sub(2))?,
            2 => {
                let [p0, p1, a, b, c, d] = show.bytes(at.wrapping_add(2))?;
                show.text.put(", sin_port=htons(");
                show.text.unsigned(u16::from_be_bytes([p0, p1]).into());
                show.text.put("), sin_addr=inet_addr(\"");
                for (index, part) in [a, b, c, d].into_iter().enumerate() {
                    if index > 0 {
                        show.text.byte(b'.');
                    }
                    show.text.unsigned(part.into());
                }
                show.text.put("\")");
            }
            16 => {
                let (pid, groups) = (show.u32_at(at.wrapping_add(4))?, show.u32_at(at.wrapping_add(8))?);
                show.signed_field("nl_pid", (pid as i32).into());
                show.field("nl_groups");
                show.text.padded_hex(groups.into(), 8);
            }
            _ => {
                show.field("sa_data");
                show.buffer(at.wrapping_add(2), length.saturating_sub(2));
            }
        }
        show.text.byte(b'}');
        Some(())
    });
}
fn unix_path(show: &mut Show<'_>, at: u64, length: u64) -> Option<()> {
    if length == 0 {
        return Some(());
    }
    show.field("sun_path");
    let [first] = show.bytes(at)?;
    if first == 0 {
        show.text.byte(b'@');
        show.buffer(at.wrapping_add(1), length - 1);
    } else {
        show.string(at, true);
    }
    Some(())
}
