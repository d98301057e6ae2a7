//! What sysfs shows of the machine: CPUs and character devices.
use super::Node;
use crate::error::*;
use crate::file::procfs::ranges;
use crate::file::text::Line;
use crate::net::netlink::uevent;
use crate::output::Output;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt::Write;

/// Highest number of a CPU that a kernel like this one could have.
const HIGHEST_CPU: usize = machine::cpu::MAX_CPUS - 1;

/// The directories that are always there.
const DIRECTORIES: [&str; 13] = [
    "block",
    "bus",
    "class",
    "dev/block",
    "dev/char",
    "devices/system/cpu",
    "devices/virtual",
    "firmware",
    "fs",
    "fs/cgroup",
    "kernel",
    "module",
    "power",
];

/// Fills a new tree.
pub fn populate(root: &Arc<Node>) -> Result<()> {
    for path in DIRECTORIES {
        path.split('/').try_fold(root.clone(), |at, name| at.directory(name.as_bytes()))?;
    }
    let kernel = root.directory(b"kernel")?;
    kernel.add_text("uevent_seqnum", |out| Ok(writeln!(out, "{}", uevent::sequence())?))?;
    kernel.add_text("fscaps", |out| out.put(b"1\n"))
}

/// Shows the CPUs, once all have started.
pub fn add_processors() -> Result<()> {
    let cpu = super::directory("devices/system/cpu")?;
    for name in ["online", "possible", "present"] {
        cpu.add_text(name, cpus)?;
    }
    cpu.add_text("kernel_max", |out| Ok(writeln!(out, "{HIGHEST_CPU}")?))?;
    for number in 0..machine::cpu::online_cpus() {
        let mut name = Line::<16>::new();
        let _ = write!(name, "cpu{number}");
        cpu.add_directory(name.as_bytes())?;
    }
    Ok(())
}

/// All CPUs that there can be are online.
fn cpus(out: &mut Output) -> Result<()> {
    let online = machine::cpu::online_cpus().clamp(1, 64);
    ranges(u64::MAX >> (64 - online), out)?;
    out.put(b"\n")
}

/// The class of devices with this major number.
fn class_of(major: u32) -> &'static str {
    match major {
        1 => "mem",
        4 | 5 => "tty",
        10 => "misc",
        240 => "module",
        _ => "lstar",
    }
}

/// A device's place: its number, and its class with its name.
struct Device {
    number: Line<24>,
    place: Line<128>,
    major: u32,
}
impl Device {
    fn new(name: &str, major: u32, minor: u32) -> Device {
        let mut device = Device { number: Line::new(), place: Line::new(), major };
        let _ = write!(device.number, "{major}:{minor}");
        let _ = write!(device.place, "../../devices/virtual/{}/{name}", class_of(major));
        device
    }
}

/// Shows a character device: in devices/virtual, with links from its class and its number.
pub fn add_device(name: &str, permissions: u32, major: u32, minor: u32) -> Result<()> {
    let device = Device::new(name, major, minor);
    let class = class_of(major);
    let own = super::directory("devices/virtual")?.directory(class.as_bytes())?.add_directory(name.as_bytes())?;
    let mut text = String::new();
    text.try_reserve_exact(name.len())?;
    text.push_str(name);
    own.add_text("dev", move |out| Ok(writeln!(out, "{major}:{minor}")?))?;
    own.add_text("uevent", move |out| {
        Ok(write!(out, "MAJOR={major}\nMINOR={minor}\nDEVNAME={text}\nDEVMODE=0{permissions:o}\n")?)
    })?;
    let mut subsystem = Line::<64>::new();
    let _ = write!(subsystem, "../../../../class/{class}");
    own.add_link(b"subsystem", subsystem.as_bytes())?;
    super::directory("class")?.directory(class.as_bytes())?.add_link(name.as_bytes(), device.place.as_bytes())?;
    super::directory("dev/char")?.add_link(device.number.as_bytes(), device.place.as_bytes())?;
    tell_of_device("add", name, Some(permissions), major, minor);
    Ok(())
}

/// Tells who listens for events of objects.
fn tell_of_device(action: &str, name: &str, permissions: Option<u32>, major: u32, minor: u32) {
    let class = class_of(major);
    let (mut path, mut settings) = (Line::<160>::new(), Line::<192>::new());
    // Longer names than any driver gives are cut.
    let _ = write!(path, "/devices/virtual/{class}/{name}");
    let _ = write!(settings, "MAJOR={major}\0MINOR={minor}\0DEVNAME={name}\0");
    if let Some(permissions) = permissions.filter(|permissions| *permissions != 0o600) {
        let _ = write!(settings, "DEVMODE=0{permissions:o}\0");
    }
    if let (Ok(path), Ok(settings)) = (core::str::from_utf8(path.as_bytes()), core::str::from_utf8(settings.as_bytes()))
    {
        uevent::tell(action, path, class, settings);
    }
}

/// A device is gone.
pub fn remove_device(name: &str, major: u32, minor: u32) {
    let device = Device::new(name, major, minor);
    let class = class_of(device.major).as_bytes();
    let remove = |path: &str, class: &[u8], name: &[u8]| {
        let mut at = super::directory(path)?;
        if !class.is_empty() {
            at = at.find(class)?;
        }
        at.find(name).map(|node| node.remove())
    };
    // What is not there need not go.
    let _ = remove("dev/char", b"", device.number.as_bytes());
    let _ = remove("class", class, name.as_bytes());
    if remove("devices/virtual", class, name.as_bytes()).is_ok() {
        tell_of_device("remove", name, None, major, minor);
    }
}
