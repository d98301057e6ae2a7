//! The constant tables: what is in /proc and in a process's directory.
use super::descriptors::Descriptors;
use super::node::Threads;
use super::{
    Elsewhere, Item, Kind, Subject, id_maps, maps, memory_files, mounts, page_map, process, stat, status, sysctl,
    system,
};
use crate::file::inode::LinkTarget;
use crate::ipc::system_v::report;
use crate::process::namespace::Kind as Namespace;

/// /proc itself.
pub static ROOT: &[Item] = &[
    Item { name: "self", mode: 0o777, kind: Kind::Link(system::own_process) },
    Item { name: "thread-self", mode: 0o777, kind: Kind::Link(system::own_thread) },
    Item { name: "mounts", mode: 0o777, kind: Kind::Link(|_| Ok(LinkTarget::Text(b"self/mounts".to_vec()))) },
    Item::text("cmdline", 0o444, system::command_line),
    Item::text("cpuinfo", 0o444, system::cpus),
    Item::text("devices", 0o444, system::devices),
    Item::text("diskstats", 0o444, system::disks),
    Item::text("filesystems", 0o444, system::file_systems),
    Item::text("interrupts", 0o444, system::interrupts),
    Item::text("kallsyms", 0o444, |_, out| crate::module::report::symbols(out)),
    Item { name: "kmsg", mode: 0o400, kind: Kind::Special(system::kernel_log) },
    Item::text("loadavg", 0o444, system::load),
    Item::text("locks", 0o444, system::locks),
    Item::text("meminfo", 0o444, system::memory),
    Item { name: "net", mode: 0o777, kind: Kind::Link(|_| Ok(LinkTarget::Text(b"self/net".to_vec()))) },
    Item::text("modules", 0o444, |_, out| crate::module::report::modules(out)),
    Item::text("stat", 0o444, system::statistics),
    Item::text("swaps", 0o444, system::swaps),
    Item::directory("sys", sysctl::TREE),
    Item::directory("sysvipc", SYSTEM_V),
    Item::text("uptime", 0o444, system::uptime),
    Item::text("version", 0o444, system::version),
    Item::text("vmstat", 0o444, system::memory_events),
];

/// What a process sees of its network namespace.
static NET: &[Item] = &[
    Item::text("dev", 0o444, crate::net::device_report::devices),
    Item::text("netlink", 0o444, crate::net::netlink::report::sockets),
    Item::text("unix", 0o444, crate::net::unix::report::sockets),
    Item::text("udp", 0o444, crate::net::inet::report::sockets),
];
static SYSTEM_V: &[Item] = &[
    Item::records("msg", 0o444, |_, from, out| report::queues(from, out)),
    Item::records("sem", 0o444, |_, from, out| report::semaphores(from, out)),
    Item::records("shm", 0o444, |_, from, out| report::segments(from, out)),
];

/// A process's directory.
static PROCESS: &[Item] = &[
    Item { name: "task", mode: 0o555, kind: Kind::Dynamic(Threads::make) },
    Item { name: "fd", mode: 0o500, kind: Kind::Dynamic(Descriptors::links) },
    Item { name: "fdinfo", mode: 0o555, kind: Kind::Dynamic(Descriptors::information) },
    Item { name: "ns", mode: 0o511, kind: Kind::Directory(NAMESPACES) },
    Item::guarded("auxv", 0o400, memory_files::auxiliary_vector),
    Item::text("cgroup", 0o444, process::control_group),
    Item::bytes("cmdline", 0o444, memory_files::command_line),
    Item::writable_anywhere("comm", 0o644, process::name, process::set_name, Elsewhere::Sequence),
    Item::writable_anywhere("coredump_filter", 0o644, process::dump_filter, process::set_dump_filter, Elsewhere::Taken),
    Item { name: "cwd", mode: 0o777, kind: Kind::Jump(process::working_directory) },
    Item::guarded("environ", 0o400, memory_files::environment),
    Item { name: "exe", mode: 0o777, kind: Kind::Jump(process::executable) },
    Item::text("limits", 0o444, process::limits),
    Item::writable_anywhere("loginuid", 0o644, process::login_user, process::log_in, Elsewhere::Refused),
    Item::records("maps", 0o444, maps::maps),
    Item { name: "mem", mode: 0o600, kind: Kind::Special(memory_files::open_memory) },
    Item::text("mountinfo", 0o444, mounts::mount_information),
    Item::text("mounts", 0o444, mounts::mounts),
    Item::directory("net", NET),
    Item::text("oom_score", 0o444, process::oom_score),
    Item::writable_anywhere(
        "oom_score_adj",
        0o644,
        process::oom_adjustment,
        process::set_oom_adjustment,
        Elsewhere::Taken,
    ),
    Item { name: "pagemap", mode: 0o400, kind: Kind::Special(page_map::open) },
    Item::text("personality", 0o400, process::personality),
    Item { name: "root", mode: 0o777, kind: Kind::Jump(process::root) },
    Item::text("sessionid", 0o444, process::login_session),
    Item { name: "uid_map", mode: 0o644, kind: Kind::Special(id_maps::users) },
    Item { name: "gid_map", mode: 0o644, kind: Kind::Special(id_maps::groups) },
    Item { name: "projid_map", mode: 0o644, kind: Kind::Special(id_maps::projects) },
    Item { name: "setgroups", mode: 0o644, kind: Kind::Special(id_maps::setgroups) },
    Item { name: "timens_offsets", mode: 0o644, kind: Kind::Special(id_maps::clocks) },
    Item::records("smaps", 0o444, maps::detailed_maps),
    Item::guarded("smaps_rollup", 0o444, maps::summed_maps),
    Item::text("stack", 0o400, process::kernel_stack),
    Item::text("stat", 0o444, stat::statistics),
    Item::text("statm", 0o444, stat::memory_statistics),
    Item::text("status", 0o444, status::status),
    Item::text("syscall", 0o400, process::system_call),
    Item::text("wchan", 0o444, process::wait_channel),
    Item::text("children", 0o444, process::children),
];

/// The namespaces of a process.
static NAMESPACES: &[Item] = &[
    Item { name: "net", mode: 0o777, kind: Kind::Jump(|subject| process::namespace(subject, Namespace::Network)) },
    Item { name: "uts", mode: 0o777, kind: Kind::Jump(|subject| process::namespace(subject, Namespace::Uts)) },
    Item { name: "ipc", mode: 0o777, kind: Kind::Jump(|subject| process::namespace(subject, Namespace::Ipc)) },
    Item { name: "pid", mode: 0o777, kind: Kind::Jump(|subject| process::namespace(subject, Namespace::Pid)) },
    Item { name: "pid_for_children", mode: 0o777, kind: Kind::Jump(process::pid_namespace_for_children) },
    Item { name: "user", mode: 0o777, kind: Kind::Jump(|subject| process::namespace(subject, Namespace::User)) },
    Item { name: "mnt", mode: 0o777, kind: Kind::Jump(|subject| process::namespace(subject, Namespace::Mount)) },
    Item { name: "cgroup", mode: 0o777, kind: Kind::Jump(|subject| process::namespace(subject, Namespace::Cgroup)) },
    Item { name: "time", mode: 0o777, kind: Kind::Jump(|subject| process::namespace(subject, Namespace::Time)) },
    Item { name: "time_for_children", mode: 0o777, kind: Kind::Jump(process::time_namespace_for_children) },
];

/// A process's directory ends before what only its threads have; a thread's begins after the list of threads.
pub fn of(subject: &Subject) -> &'static [Item] {
    let items = if subject.is_thread { PROCESS.get(1..) } else { PROCESS.get(..PROCESS.len() - 1) };
    items.unwrap_or_default()
}
