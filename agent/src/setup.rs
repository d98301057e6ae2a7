//! What must stand before the command starts: modules, ports, mounts, host name, loopback.

use crate::{Result, while_doing};
use agent::config::{Config, RootSource};
use rustix::fs::{Mode, OFlags, mkdir, open, symlink};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_move};
use std::ffi::CString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// How long a port may take to appear after its module was inserted.
const PORT_PATIENCE: Duration = Duration::from_secs(10);
const PORT_RETRY: Duration = Duration::from_millis(2);
/// Where a root file system is mounted before it becomes `/`.
const NEW_ROOT: &str = "/.lstar/root";

/// Where the kernel's tracer is, below `/`.
pub const TRACER: &str = "dev/lstar-trace";

/// The ports, open and nonblocking.
pub struct Ports {
    pub stdin: File,
    pub stdout: File,
    pub stderr: File,
    pub control: File,
    /// Only if the command is to be traced.
    pub trace: Option<File>,
}

impl Ports {
    /// Opens the ports, waiting until the kernel has found the device.
    pub fn open(config: &Config) -> Result<Self> {
        use agent::port;
        Ok(Self {
            stdin: open_port(port::STDIN, OFlags::RDONLY)?,
            stdout: open_port(port::STDOUT, OFlags::WRONLY)?,
            stderr: open_port(port::STDERR, OFlags::WRONLY)?,
            control: open_port(port::CONTROL, OFlags::RDWR)?,
            trace: config.trace.as_ref().map(|_| open_port(port::TRACE, OFlags::WRONLY)).transpose()?,
        })
    }
}

fn open_port(number: u32, access: OFlags) -> Result<File> {
    let path = format!("/dev/vport0p{number}");
    let mut waited = Duration::ZERO;
    loop {
        match open(&path, access | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
            Ok(port) => return Ok(File::from(port)),
            Err(Errno::NOENT | Errno::NXIO | Errno::NODEV) if waited < PORT_PATIENCE => {
                std::thread::sleep(PORT_RETRY);
                waited += PORT_RETRY;
            }
            Err(error) => return Err(format!("{path}: {error}")),
        }
    }
}

/// Mounts the device file system on the initramfs's `/dev`, where the ports appear.
pub fn mount_devices() -> Result<()> {
    make_directory("/dev", 0o755);
    mount_quietly("devtmpfs", "/dev", "devtmpfs", MountFlags::NOSUID, "mode=0755").map_err(while_doing("/dev"))
}

/// Inserts the kernel modules that the configuration lists, in order.
pub fn insert_modules(config: &Config) -> Result<()> {
    for name in &config.modules {
        let path = Path::new(agent::MODULE_FOLDER).join(name);
        let file = File::open(&path).map_err(while_doing(path.display()))?;
        match rustix::system::finit_module(&file, c"", 0) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(format!("module {}: {error}", path.display())),
        }
    }
    Ok(())
}

/// Makes the configured root file system the top of the mount tree and the working directory.
///
/// The agent's own root stays the initramfs, where its program is; the command's stage changes its root to the
/// working directory it inherits.
pub fn mount_root(config: &Config) -> Result<()> {
    let (kind, data) = match config.root {
        RootSource::Initramfs => return Ok(()),
        RootSource::NineP => ("9p", "trans=virtio,version=9p2000.L,msize=512000,cache=loose"),
        RootSource::VirtioFs => ("virtiofs", ""),
    };
    make_directory(NEW_ROOT, 0o755);
    let failed = || format!("root file system ({kind})");
    mount_quietly("root", NEW_ROOT, kind, MountFlags::RDONLY, data).map_err(while_doing(failed()))?;
    mount_move("/dev", format!("{NEW_ROOT}/dev").as_str())
        .map_err(while_doing("the root has no usable /dev directory"))?;
    rustix::process::chdir(NEW_ROOT).map_err(while_doing(failed()))?;
    mount_move(".", "/").map_err(while_doing(failed()))
}

/// Mounts what programs expect below the working directory, which is the command's root.
///
/// Each is optional: a kernel may not have one, and a read-only root may lack its mount point. That is said on the
/// console and is no reason to stop.
pub fn mount_kernel_file_systems() {
    let plain = MountFlags::NOSUID | MountFlags::NODEV;
    let sealed = plain | MountFlags::NOEXEC;
    let noexec = MountFlags::NOSUID | MountFlags::NOEXEC;
    for (target, kind, flags, data) in [
        ("proc", "proc", sealed, ""),
        ("sys", "sysfs", sealed, ""),
        ("dev/pts", "devpts", noexec, "gid=5,mode=620,ptmxmode=666"),
        ("dev/shm", "tmpfs", plain, "mode=1777"),
        ("dev/mqueue", "mqueue", sealed, ""),
        ("run", "tmpfs", plain, "mode=0755"),
        ("tmp", "tmpfs", plain, "mode=1777"),
    ] {
        make_directory(target, 0o755);
        match mount_quietly(kind, target, kind, flags, data) {
            // This kernel has no such file system.
            Ok(()) | Err(Errno::NODEV) => {}
            Err(error) => eprintln!("agent: /{target}: {error}"),
        }
    }
    for (target, name) in [
        ("/proc/self/fd", "dev/fd"),
        ("/proc/self/fd/0", "dev/stdin"),
        ("/proc/self/fd/1", "dev/stdout"),
        ("/proc/self/fd/2", "dev/stderr"),
    ] {
        if let Err(error) = symlink(target, name)
            && error != Errno::EXIST
        {
            eprintln!("agent: /{name}: {error}");
        }
    }
}

/// Sets the guest's host name.
pub fn set_hostname(config: &Config) -> Result<()> {
    rustix::system::sethostname(config.hostname.as_bytes()).map_err(while_doing("host name"))
}

/// Brings the loopback interface up, as every init does. A kernel without network is no reason to stop.
pub fn raise_loopback() {
    use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socket_with};
    const NEW_LINK: u16 = 16;
    const REQUEST: u16 = 1;
    const LOOPBACK_INDEX: i32 = 1;
    const UP: u32 = 1;
    let mut message = Vec::new();
    // struct nlmsghdr: length, type, flags, sequence number, port.
    message.extend_from_slice(&32_u32.to_ne_bytes());
    message.extend_from_slice(&NEW_LINK.to_ne_bytes());
    message.extend_from_slice(&REQUEST.to_ne_bytes());
    message.extend_from_slice(&[0; 8]);
    // struct ifinfomsg: family and type unspecified, index, flags, mask of flags to change.
    message.extend_from_slice(&[0; 4]);
    message.extend_from_slice(&LOOPBACK_INDEX.to_ne_bytes());
    message.extend_from_slice(&UP.to_ne_bytes());
    message.extend_from_slice(&UP.to_ne_bytes());
    // Protocol 0 is NETLINK_ROUTE.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None);
    if let Err(error) = socket.and_then(|socket| send(&socket, &message, SendFlags::empty()))
        && !matches!(error, Errno::NOSYS | Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT)
    {
        eprintln!("agent: loopback: {error}");
    }
}

fn mount_quietly(
    source: &str,
    target: &str,
    kind: &str,
    flags: MountFlags,
    data: &str,
) -> std::result::Result<(), Errno> {
    let data = CString::new(data).map_err(|_| Errno::INVAL)?;
    mount(source, target, kind, flags, if data.is_empty() { None } else { Some(data.as_c_str()) })
}

/// Makes a mount point where it can be made; the mount reports it if it is missing.
fn make_directory(path: &str, mode: u32) {
    let _ = mkdir(path, Mode::from_raw_mode(mode));
}
