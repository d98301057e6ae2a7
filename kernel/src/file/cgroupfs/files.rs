//! The files of a group: what they show and take.
use crate::error::*;
use crate::output::Output;
use crate::process::control_group::{self, ControlGroup, Reach};
use crate::process::{Task, control_group::for_each_task};
use alloc::sync::Arc;
use core::fmt::Write;
use core::sync::atomic::{AtomicU32, Ordering};

type Show = fn(&Arc<ControlGroup>, &mut Output) -> Result<()>;
type Store = fn(&Arc<ControlGroup>, &Reach, &[u8]) -> Result<()>;

/// A kind of file.
struct Kind {
    name: &'static str,
    mode: u32,
    /// Whether the root has it.
    on_root: bool,
    /// Whether who is inside of a namespace may write that of the namespace's root.
    delegated: bool,
    show: Show,
    store: Store,
}
impl Kind {
    const fn new(name: &'static str, mode: u32, show: Show, store: Store) -> Kind {
        Kind { name, mode, on_root: true, delegated: false, show, store }
    }
    const fn delegated(self) -> Kind {
        Kind { delegated: true, ..self }
    }
    const fn not_on_root(self) -> Kind {
        Kind { on_root: false, ..self }
    }
}

/// How many kinds there are.
pub const COUNT: usize = KINDS.len();
/// cgroup.procs.
pub const PROCESSES: usize = 1;
/// cgroup.events.
pub const EVENTS: usize = 5;

static KINDS: [Kind; 11] = [
    Kind::new("cgroup.type", 0o644, show_kind, set_kind).not_on_root(),
    Kind::new("cgroup.procs", 0o644, processes, |group, reach, text| attach(group, reach, text, true)).delegated(),
    Kind::new("cgroup.threads", 0o644, threads, |group, reach, text| attach(group, reach, text, false)).delegated(),
    Kind::new("cgroup.controllers", 0o444, nothing, refuse),
    Kind::new("cgroup.subtree_control", 0o644, nothing, set_controllers).delegated(),
    Kind::new("cgroup.events", 0o444, events, refuse).not_on_root(),
    Kind::new("cgroup.max.descendants", 0o644, descendants_limit, set_descendants_limit),
    Kind::new("cgroup.max.depth", 0o644, depth_limit, set_depth_limit),
    Kind::new("cgroup.stat", 0o444, statistics, refuse),
    Kind::new("cgroup.freeze", 0o644, freeze, set_freeze).not_on_root(),
    Kind::new("cgroup.kill", 0o200, |_, _| Err(EINVAL), kill).not_on_root(),
];
const _: () = assert!(COUNT < control_group::INODES);

fn kind(index: usize) -> &'static Kind {
    KINDS.get(index).unwrap_or(&KINDS[0])
}
/// The name of a file.
pub fn name(index: usize) -> &'static str {
    kind(index).name
}
/// Its permissions at first.
pub fn mode(index: usize) -> u32 {
    kind(index).mode
}
/// Whether a group has such a file.
pub fn belongs(group: &ControlGroup, index: usize) -> bool {
    group.parent().is_some() || kind(index).on_root
}
/// The file of a name in a group.
pub fn find(group: &ControlGroup, name: &[u8]) -> Option<usize> {
    KINDS.iter().position(|kind| kind.name.as_bytes() == name).filter(|index| belongs(group, *index))
}
/// Whether who is inside of a namespace may write that of the namespace's root.
pub fn is_delegated(index: usize) -> bool {
    kind(index).delegated
}
/// The text of a file.
pub fn show(group: &Arc<ControlGroup>, index: usize, out: &mut Output) -> Result<()> {
    (kind(index).show)(group, out)
}
/// Takes what was written to a file.
pub fn store(group: &Arc<ControlGroup>, index: usize, reach: &Reach, text: &[u8]) -> Result<()> {
    // Nothing behind a NUL counts, nor white space around.
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    (kind(index).store)(group, reach, text.trim_ascii())
}

/// There are no controllers.
fn nothing(_group: &Arc<ControlGroup>, _out: &mut Output) -> Result<()> {
    Ok(())
}
fn refuse(_group: &Arc<ControlGroup>, _reach: &Reach, _text: &[u8]) -> Result<()> {
    Err(EINVAL)
}

/// A number of any of C's bases, with a sign (kstrtoint). EINVAL; ERANGE.
fn parse_int(text: &[u8]) -> Result<i32> {
    let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    let (digits, base) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (digits.get(2..).unwrap_or_default(), 16),
        [b'0', _, ..] => (digits.get(1..).unwrap_or_default(), 8),
        _ => (digits, 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(EINVAL);
    }
    let value = i64::from_str_radix(digits, base).map_err(|_| ERANGE)?;
    i32::try_from(if negative { -value } else { value }).map_err(|_| ERANGE)
}

fn show_kind(group: &Arc<ControlGroup>, out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", group.kind())?)
}
fn set_kind(group: &Arc<ControlGroup>, _reach: &Reach, text: &[u8]) -> Result<()> {
    if text == b"threaded" { group.enable_threads() } else { Err(EINVAL) }
}

/// The processes of a domain, those in its threaded groups included; ones that the reader cannot see are 0.
fn processes(group: &Arc<ControlGroup>, out: &mut Output) -> Result<()> {
    if group.is_threaded() {
        return Err(EOPNOTSUPP);
    }
    list(out, |task| {
        task.is_leader() && task.group().thread_count() != 0 && Arc::ptr_eq(task.control_group().domain(), group)
    })
}
/// The threads in this very group.
fn threads(group: &Arc<ControlGroup>, out: &mut Output) -> Result<()> {
    list(out, |task| !task.has_ended() && Arc::ptr_eq(&task.control_group(), group))
}
fn list(out: &mut Output, is_member: impl Fn(&Task) -> bool) -> Result<()> {
    let namespace = Task::current().pid_namespace();
    for_each_task(|task| if is_member(task) { Ok(writeln!(out, "{}", task.id_in(namespace))?) } else { Ok(()) })
}
fn attach(group: &Arc<ControlGroup>, reach: &Reach, text: &[u8], whole: bool) -> Result<()> {
    let number = parse_int(text).map_err(|_| EINVAL)?;
    control_group::attach(group, reach, u32::try_from(number).map_err(|_| EINVAL)?, whole)
}

/// Controllers cannot be enabled, since there are none: EINVAL for any name.
fn set_controllers(group: &Arc<ControlGroup>, _reach: &Reach, text: &[u8]) -> Result<()> {
    if text.iter().any(|byte| *byte != b' ') {
        return Err(EINVAL);
    }
    if group.is_dead() { Err(ENODEV) } else { Ok(()) }
}

fn events(group: &Arc<ControlGroup>, out: &mut Output) -> Result<()> {
    let (populated, frozen) = (u32::from(group.is_populated()), u32::from(group.is_frozen()));
    Ok(write!(out, "populated {populated}\nfrozen {frozen}\n")?)
}
fn statistics(group: &Arc<ControlGroup>, out: &mut Output) -> Result<()> {
    Ok(write!(out, "nr_descendants {}\nnr_dying_descendants {}\n", group.descendants(), group.dying())?)
}

fn show_limit(limit: &AtomicU32, out: &mut Output) -> Result<()> {
    match limit.load(Ordering::Relaxed) {
        control_group::UNLIMITED => out.put(b"max\n"),
        limit => Ok(writeln!(out, "{limit}")?),
    }
}
/// A number or "max". ERANGE for less than 0; ENOENT for a group that was removed.
fn set_limit(group: &ControlGroup, limit: &AtomicU32, text: &[u8]) -> Result<()> {
    let value = match text {
        b"max" => control_group::UNLIMITED,
        text => u32::try_from(parse_int(text)?).map_err(|_| ERANGE)?,
    };
    if group.is_dead() {
        return Err(ENOENT);
    }
    limit.store(value, Ordering::Relaxed);
    Ok(())
}
fn descendants_limit(group: &Arc<ControlGroup>, out: &mut Output) -> Result<()> {
    show_limit(&group.descendants_limit, out)
}
fn set_descendants_limit(group: &Arc<ControlGroup>, _reach: &Reach, text: &[u8]) -> Result<()> {
    set_limit(group, &group.descendants_limit, text)
}
fn depth_limit(group: &Arc<ControlGroup>, out: &mut Output) -> Result<()> {
    show_limit(&group.depth_limit, out)
}
fn set_depth_limit(group: &Arc<ControlGroup>, _reach: &Reach, text: &[u8]) -> Result<()> {
    set_limit(group, &group.depth_limit, text)
}

fn freeze(group: &Arc<ControlGroup>, out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", u32::from(group.freeze.load(Ordering::Relaxed)))?)
}
fn set_freeze(group: &Arc<ControlGroup>, _reach: &Reach, text: &[u8]) -> Result<()> {
    match parse_int(text)? {
        0 => control_group::set_freeze(group, false),
        1 => control_group::set_freeze(group, true),
        _ => Err(ERANGE),
    }
}
fn kill(group: &Arc<ControlGroup>, _reach: &Reach, text: &[u8]) -> Result<()> {
    if parse_int(text)? == 1 { control_group::kill(group) } else { Err(ERANGE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_c_writes_them() {
        for (text, value) in [("0", Ok(0)), ("-12", Ok(-12)), ("+0x1F", Ok(31)), ("017", Ok(15)), ("", Err(EINVAL))] {
            assert_eq!(parse_int(text.as_bytes()), value, "{text}");
        }
        assert_eq!(parse_int(b"2147483648"), Err(ERANGE));
        assert_eq!(parse_int(b"1 2"), Err(EINVAL));
        assert_eq!(parse_int(b"08"), Err(EINVAL));
    }
    #[test]
    fn kinds_are_where_they_are_named() {
        assert_eq!((name(PROCESSES), name(EVENTS)), ("cgroup.procs", "cgroup.events"));
    }
}
