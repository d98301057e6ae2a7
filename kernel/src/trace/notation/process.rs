//! Structures of the calls about processes.
use super::names::*;
use crate::trace::show::Show;

/// The environment of execve(2): how many variables.
pub fn environment(show: &mut Show<'_>, address: u64) {
    show.text.address(address);
    let size = show.long_size();
    let mut count = 0;
    while show.long_at(address.wrapping_add(count * size)).is_some_and(|pointer| pointer != 0) {
        count += 1;
    }
    if address != 0 {
        show.text.put(" /* ");
        show.text.unsigned(count);
        show.text.put(if count == 1 { " var */" } else { " vars */" });
    }
}
/// The arguments of execve(2).
pub fn arguments(show: &mut Show<'_>, address: u64) {
    show.strings(address);
}

/// The flags of clone(2), with the signal.
pub fn clone_flags(show: &mut Show<'_>, flags: u64) {
    let (bits, signal) = (flags & 0xffff_ff00, flags & 0xff);
    if bits != 0 {
        show.bits(bits, CLONE, "CLONE_???");
        if signal != 0 {
            show.text.byte(b'|');
        }
    }
    if signal != 0 || bits == 0 {
        super::signal::show_signal(show, signal);
    }
}
/// Whether clone(2) uses its third, fourth and fifth register.
pub fn has_parent_tid(show: &Show<'_>) -> bool {
    show.word(0) & 0x10_1000 != 0
}
/// See [`has_parent_tid`].
pub fn has_child_tid(show: &Show<'_>) -> bool {
    show.word(0) & 0x120_0000 != 0
}
/// See [`has_parent_tid`].
pub fn has_tls(show: &Show<'_>) -> bool {
    show.word(0) & 0x8_0000 != 0
}
/// An id behind a pointer.
pub fn id_behind(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| {
        let id = show.u32_at(address)?;
        show.text.byte(b'[');
        show.text.signed((id as i32).into());
        show.text.byte(b']');
        Some(())
    });
}
/// `struct user_desc`: a segment.
pub fn segment(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| {
        let word = |show: &Show<'_>, index: u64| show.u32_at(address.wrapping_add(4 * index)).map(u64::from);
        let (entry, base, limit, flags) = (word(show, 0)?, word(show, 1)?, word(show, 2)?, word(show, 3)?);
        show.text.put("{entry_number=");
        show.text.signed(entry as i32 as i64);
        show.field("base_addr");
        if base == 0 {
            show.text.byte(b'0')
        } else {
            show.text.hex(base)
        }
        show.field("limit");
        show.text.put("0x");
        show.text.padded_hex(limit, 6);
        let fields = [
            ("seg_32bit", 0, 1),
            ("contents", 1, 3),
            ("read_exec_only", 3, 1),
            ("limit_in_pages", 4, 1),
            ("seg_not_present", 5, 1),
            ("useable", 6, 1),
        ];
        for (name, shift, mask) in fields {
            show.unsigned_field(name, flags >> shift & mask);
        }
        show.text.byte(b'}');
        Some(())
    });
}
/// The entry that set_thread_area(2) has chosen.
pub fn segment_answer(show: &mut Show<'_>) {
    if let Some(entry) = show.u32_at(show.word(0)) {
        show.text.put(" (entry_number=");
        show.text.signed((entry as i32).into());
        show.text.byte(b')');
    }
}
/// What clone(2) makes the thread's own storage: an address, on i386 a segment.
pub fn thread_local(show: &mut Show<'_>, address: u64) {
    match show.abi {
        abi::Abi::I386 => segment(show, address),
        abi::Abi::X86_64 | abi::Abi::X32 => show.text.address(address),
    }
}
/// An address that is shown late.
pub fn address(show: &mut Show<'_>, address: u64) {
    show.text.address(address);
}

/// `struct clone_args`.
pub fn clone_arguments(show: &mut Show<'_>, at: u64) {
    show.structure(at, |show| {
        let raw = show.bytes::<64>(at)?;
        let long = |index: usize| {
            raw.get(8 * index..8 * index + 8).and_then(|raw| raw.try_into().ok()).map_or(0, u64::from_ne_bytes)
        };
        show.text.put("{flags=");
        show.bits(long(0), CLONE, "CLONE_???");
        if long(0) & 0x1000 != 0 {
            show.field("pidfd");
            show.text.address(long(1));
        }
        if long(0) & 0x120_0000 != 0 {
            show.field("child_tid");
            show.text.address(long(2));
        }
        if long(0) & 0x10_0000 != 0 {
            show.field("parent_tid");
            show.text.address(long(3));
        }
        show.field("exit_signal");
        super::signal::show_signal(show, long(4));
        show.field("stack");
        show.text.address(long(5));
        show.hex_field("stack_size", long(6));
        if long(0) & 0x8_0000 != 0 {
            show.field("tls");
            thread_local(show, long(7));
        }
        show.text.byte(b'}');
        if long(0) & 0x10_0000 != 0 && !show.failed() {
            show.text.put(" => {parent_tid=");
            id_behind(show, long(3));
            show.text.byte(b'}');
        }
        Some(())
    });
}

/// A wait status behind a pointer, once there is one.
pub fn status(show: &mut Show<'_>, address: u64) {
    if show.result.is_none_or(|result| result <= 0) {
        return show.text.address(address);
    }
    show.structure(address, |show| {
        let status = u64::from(show.u32_at(address)?);
        let (low, code) = (status & 0x7f, status >> 8 & 0xff);
        show.text.put("[{");
        match low {
            _ if status == 0xffff => show.text.put("WIFCONTINUED(s)"),
            0x7f => {
                show.text.put("WIFSTOPPED(s) && WSTOPSIG(s) == ");
                super::signal::show_signal(show, code);
            }
            0 => {
                show.text.put("WIFEXITED(s) && WEXITSTATUS(s) == ");
                show.text.unsigned(code);
            }
            signal => {
                show.text.put("WIFSIGNALED(s) && WTERMSIG(s) == ");
                super::signal::show_signal(show, signal);
                if status & 0x80 != 0 {
                    show.text.put(" && WCOREDUMP(s)");
                }
            }
        }
        show.text.put("}]");
        Some(())
    });
}

/// `struct rusage`.
pub fn usage(show: &mut Show<'_>, address: u64) {
    if !matches!(show.abi, abi::Abi::X86_64) {
        return show.text.address(address);
    }
    show.structure(address, |show| {
        show.text.byte(b'{');
        for (name, at) in [("ru_utime", 0), ("ru_stime", 16)] {
            show.field(name);
            super::time::write_pair(show, address.wrapping_add(at), "tv_usec")?;
        }
        show.text.put(", ...}");
        Some(())
    });
}
/// As [`usage`], when a child was found.
pub fn child_usage(show: &mut Show<'_>, address: u64) {
    if show.result == Some(0) { show.text.address(address) } else { usage(show, address) }
}

fn limit_value(show: &mut Show<'_>, value: u64, (infinity, name): (u64, &str)) {
    if value == infinity {
        show.text.put(name);
    } else if value > 1024 && value.is_multiple_of(1024) {
        show.text.unsigned(value / 1024);
        show.text.put("*1024");
    } else {
        show.text.unsigned(value);
    }
}
fn limit_of(show: &mut Show<'_>, address: u64, size: u64, name: &str) {
    show.structure(address, |show| {
        let read = |show: &Show<'_>, at| if size == 8 { show.u64_at(at) } else { show.u32_at(at).map(u64::from) };
        let (current, maximum) = (read(show, address)?, read(show, address.wrapping_add(size))?);
        let infinity = (if size == 8 { u64::MAX } else { u32::MAX.into() }, name);
        show.text.byte(b'{');
        show.field("rlim_cur");
        limit_value(show, current, infinity);
        show.field("rlim_max");
        limit_value(show, maximum, infinity);
        show.text.byte(b'}');
        Some(())
    });
}
/// `struct rlimit64` of prlimit64(2).
pub fn limit_64(show: &mut Show<'_>, address: u64) {
    limit_of(show, address, 8, "RLIM64_INFINITY");
}
/// `struct rlimit`.
pub fn limit(show: &mut Show<'_>, address: u64) {
    let size = show.long_size();
    limit_of(show, address, size, "RLIM_INFINITY");
}

/// A mask of CPUs, as long as the result says (sched_getaffinity) or the second argument.
pub fn cpus(show: &mut Show<'_>, address: u64) {
    let length = show.result.filter(|result| *result > 0).map_or(show.word(1), |result| result as u64).min(128);
    show.structure(address, |show| {
        show.text.byte(b'[');
        let mut separator = "";
        for byte in 0..length {
            let [bits] = show.bytes(address.wrapping_add(byte))?;
            for bit in (0..8).filter(|bit| bits >> bit & 1 != 0) {
                show.text.put(separator);
                separator = " ";
                show.text.unsigned(byte * 8 + bit);
            }
        }
        show.text.byte(b']');
        Some(())
    });
}

/// A list of ids, as many as the result says (getgroups) or the first argument.
pub fn ids(show: &mut Show<'_>, address: u64) {
    let count = show.result.map_or(show.word(0), |result| result as u64);
    show.array(address, count, 4, |show, at| {
        let id = show.u32_at(at)?;
        show.text.unsigned(id.into());
        Some(())
    });
}

/// The operation of futex(2).
pub fn futex_operation(show: &mut Show<'_>, operation: u64) {
    let command = operation & 0x7f;
    show.choice(command, FUTEX, "FUTEX_???");
    if operation & 0x80 != 0 {
        show.text.put("_PRIVATE");
    }
    if operation & 0x100 != 0 {
        show.text.put("|FUTEX_CLOCK_REALTIME");
    }
}
fn futex_command(show: &Show<'_>) -> u64 {
    show.word(1) & 0x7f
}
/// Whether futex(2) uses its third and later arguments.
pub fn futex_has_value(show: &Show<'_>) -> bool {
    !matches!(futex_command(show), 7 | 8)
}
/// See [`futex_has_value`].
pub fn futex_has_time(show: &Show<'_>) -> bool {
    matches!(futex_command(show), 0 | 6 | 9 | 11 | 13)
}
/// See [`futex_has_value`].
pub fn futex_has_second_value(show: &Show<'_>) -> bool {
    matches!(futex_command(show), 3 | 4 | 5 | 12)
}
/// See [`futex_has_value`].
pub fn futex_has_second_address(show: &Show<'_>) -> bool {
    matches!(futex_command(show), 3 | 4 | 5 | 11 | 12)
}
/// See [`futex_has_value`].
pub fn futex_has_third_value(show: &Show<'_>) -> bool {
    matches!(futex_command(show), 4 | 5 | 9 | 10 | 12)
}
/// The last argument of futex(2).
pub fn futex_third_value(show: &mut Show<'_>, value: u64) {
    match futex_command(show) {
        9 | 10 if value as u32 == u32::MAX => show.text.put("FUTEX_BITSET_MATCH_ANY"),
        9 | 10 => show.text.hex(value & 0xffff_ffff),
        5 => show.text.hex(value & 0xffff_ffff),
        _ => show.text.unsigned(value & 0xffff_ffff),
    }
}

/// The second argument of arch_prctl(2).
pub fn arch_prctl_argument(show: &mut Show<'_>, value: u64) {
    if matches!(show.word(0), 0x1003 | 0x1004) && show.result == Some(0) {
        return show.structure(value, |show| {
            let base = show.u64_at(value)?;
            show.text.byte(b'[');
            show.text.hex(base);
            show.text.byte(b']');
            Some(())
        });
    }
    show.text.address(value);
}

/// The second argument of prctl(2).
pub fn prctl_argument(show: &mut Show<'_>, value: u64) {
    match show.word(0) as u32 {
        1 => super::signal::show_signal(show, value),
        15 => show.string(value, false),
        16 if !show.failed() => show.string(value, false),
        2 | 37 if !show.failed() => id_behind(show, value),
        4 | 8 | 23 | 24 | 26 | 28 | 29 | 36 | 38 | 41 => show.text.unsigned(value),
        _ => show.text.hex(value),
    }
}
/// How many arguments prctl(2) has beside its option.
fn prctl_count(option: u64) -> usize {
    match option as u32 {
        3 | 7 | 14 | 21 | 27 | 30 => 0,
        1 | 2 | 4 | 8 | 15 | 16 | 23 | 24 | 25 | 26 | 28 | 29 | 36 | 37 | 40 => 1,
        22 => 2,
        _ => 4,
    }
}
/// Whether prctl(2) has that many arguments.
pub fn prctl_has<const COUNT: usize>(show: &Show<'_>) -> bool {
    prctl_count(show.word(0)) >= COUNT
}

/// `struct sched_param`.
pub fn parameter(show: &mut Show<'_>, address: u64) {
    id_behind(show, address);
}
/// A scheduling policy.
pub fn policy(show: &mut Show<'_>, value: u64) {
    show.choice_and_bits(value & 0xffff_ffff, 0x0fff_ffff, POLICIES, RESET_ON_FORK);
}
/// The policy that a call returns.
pub fn policy_answer(show: &mut Show<'_>) {
    let value = show.result.unwrap_or(0) as u64;
    show.text.unsigned(value);
    show.meaning(|show| policy(show, value));
}

/// The header of capget(2).
pub fn capability_header(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| {
        let (version, pid) = (show.u32_at(address)?, show.u32_at(address.wrapping_add(4))?);
        show.text.byte(b'{');
        show.field("version");
        show.choice(version.into(), CAPABILITY_VERSIONS, "_LINUX_CAPABILITY_VERSION_???");
        show.signed_field("pid", (pid as i32).into());
        show.text.byte(b'}');
        Some(())
    });
}

/// What personality(2) returns.
pub fn personality_answer(show: &mut Show<'_>) {
    let value = show.result.unwrap_or(0) as u64;
    show.text.hex(value);
    show.text.put(" (");
    show.choice_and_bits(
        value,
        0xff,
        &[(0, "PER_LINUX"), (8, "PER_LINUX32")],
        &[
            (0x2_0000, "UNAME26"),
            (0x4_0000, "ADDR_NO_RANDOMIZE"),
            (0x8_0000, "FDPIC_FUNCPTRS"),
            (0x10_0000, "MMAP_PAGE_ZERO"),
            (0x20_0000, "ADDR_COMPAT_LAYOUT"),
            (0x40_0000, "READ_IMPLIES_EXEC"),
        ],
    );
    show.text.byte(b')');
}

/// A priority of input and output.
pub fn io_priority(show: &mut Show<'_>, value: u64) {
    const CLASSES: &[(u64, &str)] =
        &[(0, "IOPRIO_CLASS_NONE"), (1, "IOPRIO_CLASS_RT"), (2, "IOPRIO_CLASS_BE"), (3, "IOPRIO_CLASS_IDLE")];
    show.text.put("IOPRIO_PRIO_VALUE(");
    show.choice(value >> 13 & 0x7_ffff, CLASSES, "IOPRIO_CLASS_???");
    show.text.put(", ");
    show.text.unsigned(value & 0x1fff);
    show.text.byte(b')');
}
/// That of ioprio_get(2), after the number.
pub fn io_priority_answer(show: &mut Show<'_>) {
    let value = show.result.unwrap_or(0) as u64;
    show.text.put(" (");
    io_priority(show, value);
    show.text.byte(b')');
}

/// Which kcmp(2) takes an index of the first task.
pub fn kcmp_has_first(show: &Show<'_>) -> bool {
    matches!(show.word(2) as u32, 0 | 7)
}
/// Which takes one of the second.
pub fn kcmp_has_second(show: &Show<'_>) -> bool {
    kcmp_has_first(show)
}
/// That one: a descriptor, or where an instance of epoll and what it watches is told.
pub fn kcmp_second(show: &mut Show<'_>, value: u64) {
    if show.word(2) as u32 != 7 {
        return show.text.signed(value as i32 as i64);
    }
    show.structure(value, |show| {
        let words = [0, 4, 8].map(|offset| show.u32_at(value.wrapping_add(offset)));
        for (name, word) in ["efd", "tfd", "toff"].into_iter().zip(words) {
            show.unsigned_field(name, word?.into());
        }
        Some(())
    });
}

/// Whether membarrier(2) is told a processor.
pub fn membarrier_has_cpu(show: &Show<'_>) -> bool {
    show.word(1) as u32 & 1 != 0
}
/// The commands that its query answers.
pub fn membarrier_answer(show: &mut Show<'_>) {
    let (query, value) = (show.word(0) as u32 == 0, show.result.unwrap_or(0) as u64);
    if query && value != 0 {
        show.text.put(" (");
        show.bits(value, super::names::MEMBARRIER, "MEMBARRIER_CMD_???");
        show.text.byte(b')');
    }
}
