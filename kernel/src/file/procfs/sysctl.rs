//! /proc/sys: what can be read and set of the kernel's parameters.
use super::text::parse_number;
use super::{Item, Kind as ItemKind, Output, Subject};
use crate::error::*;
use crate::extended_bpf::UNPRIVILEGED_DISABLED;
use crate::file::{lease, notify};
use crate::ipc::system_v::limits;
use crate::memory::address_space::{MAX_MAP_COUNT, MINIMUM_ADDRESS};
use crate::perf::PARANOIA;
use crate::process::accounting::PARAMETERS;
use crate::process::clone::TASKS_MAXIMUM;
use crate::process::namespace::user::UNPRIVILEGED;
use crate::process::namespace::{Kind, RELEASE, SYSTEM_NAME, VERSION};
use crate::process::pid::LIMIT;
use crate::process::schedule::parameters;
use crate::process::{Capability, Task, core_dump};
use crate::sync::Once;
use core::fmt::Write;
use core::sync::atomic::Ordering;

macro_rules! constant {
    ($name:literal, $value:expr) => {
        Item::bytes($name, 0o444, |_: &Subject, out: &mut Output| Ok(writeln!(out, "{}", $value)?))
    };
}

/// The greatest threads-max: as many thread ids as a futex word holds.
const MAX_THREADS: u32 = 0x3fff_ffff;
/// A limit of System V IPC, in the namespace of whoever looks.
macro_rules! ipc_limit {
    ($name:literal, $limit:ident) => {
        Item::writable(
            $name,
            0o644,
            |_, out| limits::show(limits::Limit::$limit, out),
            |_, text| limits::set(limits::Limit::$limit, text),
        )
    };
}
/// A parameter of real-time scheduling.
macro_rules! scheduling {
    ($name:literal, $parameter:ident) => {
        Item::writable(
            $name,
            0o644,
            |_, out| parameters::show(parameters::Parameter::$parameter, out),
            |_, text| parameters::set(parameters::Parameter::$parameter, parse_number(text)?),
        )
    };
}

/// The tree.
pub static TREE: &[Item] = &[
    Item::directory("fs", FILES),
    Item::directory("kernel", KERNEL),
    Item::directory("user", NAMESPACES),
    Item::directory("vm", MEMORY),
];

macro_rules! most_namespaces {
    ($name:literal, $kind:ident) => {
        Item {
            name: $name,
            mode: 0o644,
            kind: ItemKind::Governed(|_, out| most(Kind::$kind, out), |_, text| set_most(Kind::$kind, text)),
        }
    };
}

/// How many namespaces the users of the caller's user namespace may have.
static NAMESPACES: &[Item] = &[
    most_namespaces!("max_cgroup_namespaces", Cgroup),
    most_namespaces!("max_ipc_namespaces", Ipc),
    most_namespaces!("max_mnt_namespaces", Mount),
    most_namespaces!("max_net_namespaces", Network),
    most_namespaces!("max_pid_namespaces", Pid),
    most_namespaces!("max_time_namespaces", Time),
    most_namespaces!("max_user_namespaces", User),
    most_namespaces!("max_uts_namespaces", Uts),
];
fn most(kind: Kind, out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", Task::current().credentials().namespace.counts().maximum(kind))?)
}
fn set_most(kind: Kind, text: &[u8]) -> Result<()> {
    let namespace = Task::current().credentials().namespace.clone();
    let value = i32::try_from(parse_number(text)?).ok().and_then(|value| u32::try_from(value).ok()).ok_or(EINVAL)?;
    namespace.counts().set_maximum(kind, value);
    Ok(())
}
fn unprivileged(_subject: &Subject, out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", u8::from(UNPRIVILEGED.load(Ordering::Relaxed)))?)
}
/// A number that only who has CAP_SYS_ADMIN may write, whatever the file's mode: EPERM, EINVAL.
fn administrators_number(text: &[u8]) -> Result<i64> {
    if Task::current().capable(Capability::SysAdmin) { parse_number(text) } else { Err(EPERM) }
}
/// 0 to 2; 1 stays.
fn set_unprivileged_bpf(_subject: &Subject, text: &[u8]) -> Result<()> {
    let value =
        i32::try_from(administrators_number(text)?).ok().filter(|value| (0..=2).contains(value)).ok_or(EINVAL)?;
    let changed = UNPRIVILEGED_DISABLED
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| (now != 1 || value == 1).then_some(value));
    changed.map(|_| ()).map_err(|_| EPERM)
}
fn set_unprivileged(_subject: &Subject, text: &[u8]) -> Result<()> {
    UNPRIVILEGED.store(parse_number(text)? != 0, Ordering::Relaxed);
    Ok(())
}

static FILES: &[Item] = &[
    Item::writable(
        "dir-notify-enable",
        0o644,
        |_, out| Ok(writeln!(out, "{}", u8::from(notify::directory::ENABLED.load(Ordering::Relaxed)))?),
        |_, text| {
            notify::directory::ENABLED.store(parse_number(text)? != 0, Ordering::Relaxed);
            Ok(())
        },
    ),
    constant!("file-max", i64::MAX),
    Item::directory("inotify", INOTIFY),
    Item::writable(
        "lease-break-time",
        0o644,
        |_, out| Ok(writeln!(out, "{}", lease::BREAK_SECONDS.load(Ordering::Relaxed))?),
        |_, text| {
            let seconds = i32::try_from(parse_number(text)?).map_err(|_| EINVAL)?;
            lease::BREAK_SECONDS.store(seconds, Ordering::Relaxed);
            Ok(())
        },
    ),
    Item::writable(
        "leases-enable",
        0o644,
        |_, out| Ok(writeln!(out, "{}", u8::from(lease::ENABLED.load(Ordering::Relaxed)))?),
        |_, text| {
            lease::ENABLED.store(parse_number(text)? != 0, Ordering::Relaxed);
            Ok(())
        },
    ),
    constant!("nr_open", 1_048_576),
    constant!("overflowgid", 65_534),
    constant!("overflowuid", 65_534),
    constant!("pipe-max-size", 1_048_576),
    constant!("suid_dumpable", 0),
];

/// A limit of inotify, 0 or more.
macro_rules! inotify_limit {
    ($name:literal, $limit:ident) => {
        Item::writable(
            $name,
            0o644,
            |_, out| Ok(writeln!(out, "{}", notify::$limit.load(Ordering::Relaxed))?),
            |_, text| {
                let limit = i32::try_from(parse_number(text)?).ok().and_then(|limit| u32::try_from(limit).ok());
                notify::$limit.store(limit.ok_or(EINVAL)?, Ordering::Relaxed);
                Ok(())
            },
        )
    };
}
static INOTIFY: &[Item] = &[
    inotify_limit!("max_queued_events", QUEUED_MAXIMUM),
    inotify_limit!("max_user_instances", INSTANCES_MAXIMUM),
    inotify_limit!("max_user_watches", WATCHES_MAXIMUM),
];

static KERNEL: &[Item] = &[
    Item::writable("acct", 0o644, accounting, set_accounting),
    constant!("cap_last_cap", 40),
    Item::writable("core_pattern", 0o644, core_pattern, set_core_pattern),
    Item::writable("core_uses_pid", 0o644, core_uses_pid, set_core_uses_pid),
    Item::writable(
        "dmesg_restrict",
        0o644,
        |_, out| Ok(writeln!(out, "{}", u8::from(crate::log::is_restricted()))?),
        |_, text| crate::log::restrict(administrators_number(text)?),
    ),
    Item::bytes("domainname", 0o444, domain_name),
    Item::writable("hostname", 0o644, host_name, set_host_name),
    Item::writable(
        "modules_disabled",
        0o644,
        |_, out| crate::module::report::show_disabled(out),
        |_, text| crate::module::report::disable(parse_number(text)?),
    ),
    ipc_limit!("msg_next_id", NextQueue),
    ipc_limit!("msgmax", MessageBytes),
    ipc_limit!("msgmnb", QueueBytes),
    ipc_limit!("msgmni", Queues),
    constant!("ngroups_max", 65_536),
    constant!("osrelease", RELEASE),
    constant!("ostype", SYSTEM_NAME),
    Item::writable(
        "panic_on_oops",
        0o644,
        |_, out| crate::module::fault::show_panics(out),
        |_, text| crate::module::fault::set_panics(parse_number(text)?),
    ),
    constant!("overflowgid", 65_534),
    constant!("overflowuid", 65_534),
    constant!("perf_cpu_time_max_percent", 25),
    constant!("perf_event_max_contexts_per_stack", 8),
    constant!("perf_event_max_sample_rate", 100_000),
    constant!("perf_event_max_stack", 127),
    constant!("perf_event_mlock_kb", 516),
    Item::writable(
        "perf_event_paranoid",
        0o644,
        |_, out| Ok(writeln!(out, "{}", PARANOIA.load(Ordering::Relaxed))?),
        |_, text| {
            PARANOIA.store(i32::try_from(parse_number(text)?).map_err(|_| EINVAL)?, Ordering::Relaxed);
            Ok(())
        },
    ),
    Item::writable("pid_max", 0o644, pid_max, set_pid_max),
    Item::writable("printk", 0o644, printk, set_printk),
    Item::directory("random", RANDOM),
    constant!("randomize_va_space", 2),
    scheduling!("sched_deadline_period_max_us", DeadlineMaximum),
    scheduling!("sched_deadline_period_min_us", DeadlineMinimum),
    scheduling!("sched_rr_timeslice_ms", Slice),
    scheduling!("sched_rt_period_us", Period),
    scheduling!("sched_rt_runtime_us", Runtime),
    Item::directory("seccomp", SECCOMP),
    Item::writable("sem", 0o644, |_, out| limits::show_semaphores(out), |_, text| limits::set_semaphores(text)),
    ipc_limit!("sem_next_id", NextSemaphore),
    ipc_limit!("shm_next_id", NextSegment),
    ipc_limit!("shm_rmid_forced", RemovalForced),
    ipc_limit!("shmall", SegmentPages),
    ipc_limit!("shmmax", SegmentBytes),
    ipc_limit!("shmmni", Segments),
    Item::writable(
        "tainted",
        0o644,
        |_, out| crate::module::report::show_taint(out),
        |_, text| crate::module::report::add_taint(administrators_number(text)?),
    ),
    Item::writable("threads-max", 0o644, threads_max, set_threads_max),
    Item::writable(
        "unprivileged_bpf_disabled",
        0o644,
        |_, out| Ok(writeln!(out, "{}", UNPRIVILEGED_DISABLED.load(Ordering::Relaxed))?),
        set_unprivileged_bpf,
    ),
    Item::writable("unprivileged_userns_clone", 0o644, unprivileged, set_unprivileged),
    constant!("version", VERSION),
    Item::directory("yama", YAMA),
];

const ACTIONS: &str = "kill_process kill_thread trap errno user_notif trace log allow";
static SECCOMP: &[Item] = &[constant!("actions_avail", ACTIONS)];

// ptrace(2) is restricted by credentials alone: Yama's value 0.
static YAMA: &[Item] = &[constant!("ptrace_scope", 0)];

static RANDOM: &[Item] = &[
    Item::bytes("boot_id", 0o444, boot_id),
    constant!("entropy_avail", 256),
    constant!("poolsize", 256),
    Item::bytes("uuid", 0o444, |_, out| show_uuid(new_uuid(), out)),
];

static MEMORY: &[Item] = &[
    Item::writable("drop_caches", 0o200, |_, _| Err(EACCES), drop_caches),
    Item::writable("max_map_count", 0o644, max_map_count, set_max_map_count),
    Item::writable("mmap_min_addr", 0o644, minimum_address, set_minimum_address),
    constant!("overcommit_memory", 0),
    constant!("overcommit_ratio", 50),
    constant!("swappiness", 60),
];

/// A NUL-padded name; an empty one shows as Linux's "(none)".
fn put_name(name: &[u8], out: &mut Output) -> Result<()> {
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    out.put(if end == 0 { b"(none)" } else { name.get(..end).unwrap_or_default() })?;
    out.put(b"\n")
}
fn core_pattern(_subject: &Subject, out: &mut Output) -> Result<()> {
    core_dump::pattern::with(|pattern| out.put(pattern))?;
    out.put(b"\n")
}
fn set_core_pattern(_subject: &Subject, text: &[u8]) -> Result<()> {
    core_dump::pattern::set(text);
    Ok(())
}
fn core_uses_pid(_subject: &Subject, out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", u8::from(core_dump::pattern::USES_PID.load(Ordering::Relaxed)))?)
}
fn set_core_uses_pid(_subject: &Subject, text: &[u8]) -> Result<()> {
    core_dump::pattern::USES_PID.store(parse_number(text)? != 0, Ordering::Relaxed);
    Ok(())
}
fn host_name(_subject: &Subject, out: &mut Output) -> Result<()> {
    put_name(&Task::current().namespaces().uts.host_name(), out)
}
fn set_host_name(_subject: &Subject, text: &[u8]) -> Result<()> {
    let end = text.iter().position(|byte| matches!(byte, b'\n' | 0)).unwrap_or(text.len());
    Task::current().namespaces().uts.set_host_name(text.get(..end.min(64)).unwrap_or_default());
    Ok(())
}
fn domain_name(_subject: &Subject, out: &mut Output) -> Result<()> {
    put_name(&Task::current().namespaces().uts.domain_name(), out)
}
fn pid_max(_subject: &Subject, out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", Task::current().pid_namespace().maximum())?)
}
fn set_pid_max(_subject: &Subject, text: &[u8]) -> Result<()> {
    let value = u32::try_from(parse_number(text)?).ok().filter(|value| (301..=LIMIT).contains(value)).ok_or(EINVAL)?;
    Task::current().pid_namespace().set_maximum(value);
    Ok(())
}
fn threads_max(_subject: &Subject, out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", TASKS_MAXIMUM.load(Ordering::Relaxed))?)
}
fn set_threads_max(_subject: &Subject, text: &[u8]) -> Result<()> {
    let value =
        u32::try_from(parse_number(text)?).ok().filter(|value| (1..=MAX_THREADS).contains(value)).ok_or(EINVAL)?;
    TASKS_MAXIMUM.store(value, Ordering::Relaxed);
    Ok(())
}
fn accounting(_subject: &Subject, out: &mut Output) -> Result<()> {
    let [resume, pause, seconds] = PARAMETERS.each_ref().map(|value| value.load(Ordering::Relaxed));
    Ok(writeln!(out, "{resume}\t{pause}\t{seconds}")?)
}
fn set_accounting(_subject: &Subject, text: &[u8]) -> Result<()> {
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    for (parameter, word) in PARAMETERS.iter().zip(words) {
        parameter.store(u64::try_from(parse_number(word)?).map_err(|_| EINVAL)?, Ordering::Relaxed);
    }
    Ok(())
}
fn printk(_subject: &Subject, out: &mut Output) -> Result<()> {
    let [current, default, least, boot] = crate::log::levels();
    Ok(writeln!(out, "{current}\t{default}\t{least}\t{boot}")?)
}
fn set_printk(_subject: &Subject, text: &[u8]) -> Result<()> {
    let level = u32::try_from(parse_number(text)?).map_err(|_| EINVAL)?;
    crate::log::set_console_level(level);
    Ok(())
}
/// 1: pages of files; 2: names and inodes; 3: both. 4 only keeps Linux from saying so.
fn drop_caches(_subject: &Subject, text: &[u8]) -> Result<()> {
    let what = parse_number(text)?;
    if !(1..=4).contains(&what) {
        return Err(EINVAL);
    }
    if what & 1 != 0 {
        crate::memory::mapping::shrink(usize::MAX);
    }
    if what & 2 != 0 {
        crate::file::dentry::forget_unused();
        crate::file::lock_report::LOCKED.trim();
        crate::file::notify::WATCHED.trim();
    }
    // What this CPU keeps of the heap keeps slabs that are free but for it.
    machine::memory::trim();
    Ok(())
}
fn max_map_count(_subject: &Subject, out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", MAX_MAP_COUNT.load(Ordering::Relaxed))?)
}
fn set_max_map_count(_subject: &Subject, text: &[u8]) -> Result<()> {
    MAX_MAP_COUNT.store(usize::try_from(parse_number(text)?).map_err(|_| EINVAL)?, Ordering::Relaxed);
    Ok(())
}
fn minimum_address(_subject: &Subject, out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", MINIMUM_ADDRESS.load(Ordering::Relaxed))?)
}
fn set_minimum_address(_subject: &Subject, text: &[u8]) -> Result<()> {
    MINIMUM_ADDRESS.store(u64::try_from(parse_number(text)?).map_err(|_| EINVAL)?, Ordering::Relaxed);
    Ok(())
}

/// A random (version 4) UUID.
fn new_uuid() -> [u8; 16] {
    let mut bytes = [0; 16];
    crate::random::fill(&mut bytes);
    for (index, byte) in bytes.iter_mut().enumerate() {
        match index {
            6 => *byte = *byte & 0x0f | 0x40,
            8 => *byte = *byte & 0x3f | 0x80,
            _ => {}
        }
    }
    bytes
}
fn show_uuid(bytes: [u8; 16], out: &mut Output) -> Result<()> {
    for (index, byte) in bytes.iter().enumerate() {
        let dash = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
        write!(out, "{dash}{byte:02x}")?;
    }
    out.put(b"\n")
}
fn boot_id(_subject: &Subject, out: &mut Output) -> Result<()> {
    static BOOT_ID: Once<[u8; 16]> = Once::new();
    show_uuid(*BOOT_ID.get_or_init(new_uuid), out)
}
