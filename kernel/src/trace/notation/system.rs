//! Structures of the calls about the system and its devices.
use super::names::*;
use crate::trace::show::Show;

/// `struct utsname`.
pub fn system_name(show: &mut Show<'_>, address: u64) {
    const LENGTH: u64 = 65;
    show.structure(address, |show| {
        show.bytes::<130>(address)?;
        show.text.byte(b'{');
        show.field("sysname");
        show.string(address, false);
        show.field("nodename");
        show.string(address.wrapping_add(LENGTH), false);
        show.text.put(", ...}");
        Some(())
    });
}

/// `struct sysinfo` of 64-bit programs.
pub fn information(show: &mut Show<'_>, address: u64) {
    let is_known = matches!(show.abi, abi::Abi::X86_64);
    show.structure(address, |show| {
        let raw = is_known.then(|| show.bytes::<112>(address)).flatten()?;
        let long = |index: usize| {
            raw.get(8 * index..8 * index + 8).and_then(|raw| raw.try_into().ok()).map_or(0, u64::from_ne_bytes)
        };
        show.text.byte(b'{');
        show.unsigned_field("uptime", long(0));
        show.text.put(", loads=[");
        show.text.unsigned(long(1));
        show.text.put(", ");
        show.text.unsigned(long(2));
        show.text.put(", ");
        show.text.unsigned(long(3));
        show.text.byte(b']');
        for (index, name) in
            ["totalram", "freeram", "sharedram", "bufferram", "totalswap", "freeswap"].into_iter().enumerate()
        {
            show.unsigned_field(name, long(4 + index));
        }
        show.unsigned_field("procs", long(10) & 0xffff);
        show.unsigned_field("totalhigh", long(11));
        show.unsigned_field("freehigh", long(12));
        show.unsigned_field("mem_unit", long(13) & 0xffff_ffff);
        show.text.byte(b'}');
        Some(())
    });
}

/// Random bytes: in hexadecimal.
pub fn random_bytes(show: &mut Show<'_>, address: u64) {
    let length = show.result.unwrap_or(0) as u64;
    show.hexadecimal_buffer(address, length);
}

/// The command of ioctl(2).
pub fn ioctl_command(show: &mut Show<'_>, command: u64) {
    let command = command & 0xffff_ffff;
    if let Some((_, name)) = IOCTL.iter().find(|(known, _)| *known == command) {
        return show.text.put(name);
    }
    let kind = command >> 8 & 0xff;
    show.text.put("_IOC(");
    show.bits(command >> 30, &[(0, "_IOC_NONE"), (2, "_IOC_READ"), (1, "_IOC_WRITE")], "");
    for (index, part) in [kind, command & 0xff, command >> 16 & 0x3fff].into_iter().enumerate() {
        show.text.put(", ");
        if index < 3 {
            show.text.hex(part);
        }
    }
    show.text.byte(b')');
}
/// The third argument of ioctl(2), shown as the call ends.
pub fn ioctl_argument(show: &mut Show<'_>, value: u64) {
    match (show.word(1) as u32, show.failed()) {
        (0x5401, false) => terminal(show, value),
        (0x5402..=0x5404, _) => terminal(show, value),
        (0x5413, false) | (0x5414, _) => window(show, value),
        (0x540f | 0x541b | 0x5411 | 0x5424 | 0x5429 | 0x8004_5430 | 0x8004_5439, false) => {
            super::process::id_behind(show, value)
        }
        (0x5410 | 0x5421 | 0x4004_5431 | 0x5452, _) => super::process::id_behind(show, value),
        (0x5409 | 0x540a | 0x540b | 0x540e, _) => show.text.signed(value as i32 as i64),
        (0x541b | 0x540f, true) => show.text.address(value),
        _ if ioctl_is_known(show) => show.text.address(value),
        _ => show.text.hex(value),
    }
}
fn ioctl_is_known(show: &Show<'_>) -> bool {
    IOCTL.iter().any(|(known, _)| *known == show.word(1) & 0xffff_ffff)
}
/// Whether ioctl(2) has an argument with this command.
pub fn ioctl_has_argument(show: &Show<'_>) -> bool {
    !matches!(show.word(1) as u32, 0x540c | 0x540d | 0x5422 | 0x5450 | 0x5451)
}
fn window(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| {
        let size = show.u64_at(address)?;
        show.text.byte(b'{');
        for (index, name) in ["ws_row", "ws_col", "ws_xpixel", "ws_ypixel"].into_iter().enumerate() {
            show.unsigned_field(name, size >> (16 * index) & 0xffff);
        }
        show.text.byte(b'}');
        Some(())
    });
}
fn terminal(show: &mut Show<'_>, address: u64) {
    const SPEEDS: [(u64, &str); 6] =
        [(0, "B0"), (0o15, "B9600"), (0o16, "B19200"), (0o17, "B38400"), (0o10001, "B57600"), (0o10002, "B115200")];
    show.structure(address, |show| {
        let word = |show: &Show<'_>, index: u64| show.u32_at(address.wrapping_add(4 * index)).map(u64::from);
        let (output, control, local) = (word(show, 1)?, word(show, 2)?, word(show, 3)?);
        show.text.byte(b'{');
        show.choice(control & 0o10017, &SPEEDS, "B???");
        for (bits, bit, name) in [(output, 1, "opost"), (local, 1, "isig"), (local, 2, "icanon"), (local, 8, "echo")] {
            show.text.put(if bits & bit != 0 { " " } else { " -" });
            show.text.put(name);
        }
        show.text.put(" ...}");
        Some(())
    });
}
