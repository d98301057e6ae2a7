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
    const NETLINK: [(u64, &str); 3] = [(0, "NETLINK_ROUTE"), (9, "NETLINK_AUDIT"), (15, "NETLINK_KOBJECT_UEVENT")];
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
                show.text.put("0");
                show.text.padded(groups.into(), 7);
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
