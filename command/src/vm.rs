//! A virtual machine: QEMU's command line, its process, and the host's ends of its channels.

use crate::initramfs;
use crate::linux::Linux;
use crate::plugin::Plugin;
use crate::qemu::{self, Accelerator};
use crate::roots::{self, Root};
use crate::{artifacts, shim};
use agent::config::{Config, RootSource};
use anyhow::{Context, Result, bail};
use command_fds::{CommandFdExt, FdMapping};
use rustix::fs::{MemfdFlags, memfd_create};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The kernel that a machine boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// This project's.
    Lstar,
    /// Debian's Linux.
    Linux,
    /// An image that behaves as Lstar's: virtio drivers and 9p built in.
    At(PathBuf),
}

impl Kernel {
    /// The image's path; Linux is fetched if need be.
    pub fn image(&self) -> Result<PathBuf> {
        Ok(match self {
            Self::Lstar => artifacts::kernel()?,
            Self::Linux => Linux::fetched()?.image(),
            Self::At(path) => path.clone(),
        })
    }
}

/// QEMU's machine types in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum MachineType {
    /// No PCI, virtio-mmio.
    Microvm,
    /// A PC with PCI Express.
    Q35,
}

/// Everything about a machine but what runs in it.
#[derive(Clone, Debug)]
pub struct Machine {
    pub kernel: Kernel,
    /// The kernel's usual one, if not given: microvm for Lstar; q35 for Linux, which microvm may hang at boot.
    pub machine: Option<MachineType>,
    pub accelerator: Accelerator,
    pub cpus: u32,
    /// The processor as QEMU names it.
    pub processor: &'static str,
    /// Bytes.
    pub memory: u64,
    pub root: Root,
    /// Added to the kernel's command line.
    pub append: String,
    /// The guest's time stamp counter counts instructions.
    pub icount: bool,
    /// Wait for gdb on this port of the loopback interface.
    pub gdb: Option<u16>,
    /// The kernel logs to its console, not only its last words.
    pub kernel_log: bool,
    /// Counts instructions within QEMU.
    pub plugin: Option<Plugin>,
    /// With `icount`: the processor's random numbers and the clock's first value are the same at each boot.
    pub repeatable: bool,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            kernel: Kernel::Lstar,
            machine: None,
            accelerator: Accelerator::Tcg,
            cpus: 2,
            processor: "max",
            memory: 512 << 20,
            root: Root::BuiltIn,
            append: String::new(),
            icount: false,
            gdb: None,
            kernel_log: false,
            plugin: None,
            repeatable: false,
        }
    }
}

/// A started machine.
///
/// Dropping it kills it. It is killed as well when the thread that started it ends.
pub struct Vm {
    pub child: Child,
    pub stdin: UnixStream,
    pub stdout: UnixStream,
    pub stderr: UnixStream,
    pub control: UnixStream,
    /// Only if the command is traced.
    pub trace: Option<UnixStream>,
    pub console: UnixStream,
    pub monitor: UnixStream,
    /// What QEMU says of itself.
    complaints: File,
    /// The image that ran, for its symbols.
    pub image: PathBuf,
    file_server: Option<(Child, File)>,
}

impl Vm {
    /// The last that QEMU said, or the server of the root if it is to blame, once both have ended.
    pub fn last_complaint(&mut self) -> Option<String> {
        let mut server = String::new();
        if let Some((mut child, complaints)) = self.file_server.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            server = read_whole(complaints);
        }
        let text = read_whole(self.complaints.try_clone().ok()?);
        let line = text.lines().last()?;
        match server.lines().last().filter(|_| line.contains("=root")) {
            Some(cause) if !rustix::process::geteuid().is_root() => {
                Some(format!("virtiofsd, which serves a folder to Linux and must be run by root: {cause}"))
            }
            Some(cause) => Some(format!("virtiofsd, which serves --root to Linux: {cause}")),
            None => Some(format!("QEMU: {}", qemu::last_part(line))),
        }
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        let file_server = self.file_server.as_mut().map(|(child, _)| child);
        for child in std::iter::once(&mut self.child).chain(file_server) {
            // Both fail only if the child has been waited for already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The descriptors that a child gets, and their numbers there.
#[derive(Default)]
struct Descriptors(Vec<FdMapping>);

impl Descriptors {
    fn add(&mut self, descriptor: impl Into<OwnedFd>) -> i32 {
        let number = 10 + i32::try_from(self.0.len()).unwrap_or(i32::MAX - 10);
        self.0.push(FdMapping { parent_fd: descriptor.into(), child_fd: number });
        number
    }

    /// A channel: the host's end, and the number of the child's.
    fn channel(&mut self) -> Result<(UnixStream, i32)> {
        let (ours, theirs) = UnixStream::pair().context("socketpair")?;
        Ok((ours, self.add(theirs)))
    }
}

impl Vm {
    /// Starts a machine that runs the configured command. The configuration's root and modules follow the machine's.
    pub fn start(machine: &Machine, config: &Config) -> Result<Self> {
        let program = qemu::program()?;
        let machine_type = machine.machine.unwrap_or(match machine.kernel {
            Kernel::Linux => MachineType::Q35,
            Kernel::Lstar | Kernel::At(_) => MachineType::Microvm,
        });
        let pci = machine_type == MachineType::Q35;
        let mut config = config.clone();
        let mut modules = Vec::new();
        let folder = match &machine.root {
            Root::Folder(path) => {
                roots::check_folder(path)?;
                Some(path.canonicalize().with_context(|| format!("--root {}", path.display()))?)
            }
            _ => None,
        };
        let image = machine.kernel.image()?;
        if machine.kernel == Kernel::Linux {
            let mut wanted = vec![if pci { "virtio_pci" } else { "virtio_mmio" }, "virtio_console"];
            wanted.extend(folder.as_ref().map(|_| "virtiofs"));
            modules = Linux::fetched()?.modules(&wanted)?;
            config.modules = modules.iter().filter_map(|path| path.file_name().map(OsString::from)).collect();
        }
        qemu::check_kernel(&image)?;
        config.root = match (&folder, &machine.kernel) {
            (None, _) => RootSource::Initramfs,
            (Some(_), Kernel::Linux) => RootSource::VirtioFs,
            (Some(_), _) => RootSource::NineP,
        };
        let initramfs = initramfs::build(&machine.root, &config, &modules)?;
        initramfs::check_memory(&initramfs, machine.memory)?;

        let mut descriptors = Descriptors::default();
        let mut arguments = Arguments::default();
        let initrd = descriptors.add(initramfs);
        arguments.processor(machine, machine_type)?;
        arguments.add("-kernel", &image);
        arguments.add("-initrd", format!("/proc/self/fd/{initrd}"));
        arguments.add("-append", command_line(machine));
        arguments.add("-device", "isa-debug-exit,iobase=0xf4,iosize=4");

        let (console, number) = descriptors.channel()?;
        arguments.add("-chardev", format!("socket,id=console,fd={number}"));
        arguments.add("-serial", "chardev:console");
        let (monitor, number) = descriptors.channel()?;
        arguments.add("-chardev", format!("socket,id=monitor,fd={number}"));
        arguments.add("-mon", "chardev=monitor,mode=control");

        if let Some(plugin) = &machine.plugin {
            let mut words = escape_commas(&plugin.program)?;
            for (name, file) in &plugin.files {
                let number = descriptors.add(file.try_clone().context("a file in memory")?);
                words.push_str(&format!(",{name}=/proc/self/fd/{number}"));
            }
            arguments.add("-plugin", words);
        }

        let bus = if pci { "pci" } else { "device" };
        arguments.add("-device", format!("virtio-serial-{bus},id=ports,max_ports=8"));
        let mut port = |name: &str, number: u32| -> Result<UnixStream> {
            let (ours, descriptor) = descriptors.channel()?;
            arguments.add("-chardev", format!("socket,id={name},fd={descriptor}"));
            arguments
                .add("-device", format!("virtserialport,bus=ports.0,nr={number},chardev={name},name=lstar.{name}"));
            Ok(ours)
        };
        let stdin = port("stdin", agent::port::STDIN)?;
        let stdout = port("stdout", agent::port::STDOUT)?;
        let stderr = port("stderr", agent::port::STDERR)?;
        let control = port("control", agent::port::CONTROL)?;
        let trace = config.trace.as_ref().map(|_| port("trace", agent::port::TRACE)).transpose()?;

        let mut file_server = None;
        match (config.root, &folder) {
            (RootSource::NineP, Some(folder)) => {
                let folder = escape_commas(folder)?;
                arguments.add("-fsdev", format!("local,security_model=none,readonly=on,id=root,path={folder}"));
                arguments.add("-device", format!("virtio-9p-{bus},fsdev=root,mount_tag=root"));
            }
            (RootSource::VirtioFs, Some(folder)) => {
                let (server, name) = start_file_server(folder)?;
                file_server = Some(server);
                arguments.add("-chardev", format!("socket,id=root,path={name},abstract=on"));
                arguments.add("-device", format!("vhost-user-fs-{bus},chardev=root,tag=root"));
                arguments.add("-object", format!("memory-backend-memfd,id=memory,size={},share=on", machine.memory));
                arguments.add("-machine", "memory-backend=memory");
            }
            _ => {}
        }

        let mut command = shim::command(program);
        command.args(arguments.0);
        let complaints = silence(&mut command)?;
        command.fd_mappings(descriptors.0)?;
        let child = command.spawn().context("QEMU")?;
        // The command holds the machine's ends of the channels, which must not stay open here.
        drop(command);
        Ok(Self { child, stdin, stdout, stderr, control, trace, console, monitor, complaints, image, file_server })
    }
}

#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn add(&mut self, option: &str, value: impl Into<OsString>) {
        self.0.push(option.into());
        self.0.push(value.into());
    }

    fn processor(&mut self, machine: &Machine, machine_type: MachineType) -> Result<()> {
        self.add("-M", if machine_type == MachineType::Q35 { "q35" } else { "microvm" });
        self.add("-global", "virtio-mmio.force-legacy=false");
        self.add("-cpu", machine.processor);
        self.add("-smp", machine.cpus.to_string());
        self.add("-m", format!("{}K", machine.memory >> 10));
        for flag in ["-nodefaults", "-no-user-config", "-no-reboot"] {
            self.0.push(flag.into());
        }
        self.add("-display", "none");
        match machine.accelerator {
            Accelerator::Kvm => self.add("-accel", "kvm"),
            Accelerator::Tcg if machine.icount => {
                if machine.cpus != 1 {
                    bail!("--icount counts one processor's instructions; use --cpus 1 with it");
                }
                self.add("-accel", "tcg,thread=single");
                self.add("-icount", "shift=0,sleep=off");
                if machine.repeatable {
                    // Devices answer within the instruction that asks them, not whenever another thread of QEMU's comes to it.
                    for device in ["virtio-mmio", "virtio-serial-pci"] {
                        self.add("-global", format!("{device}.ioeventfd=off"));
                    }
                    self.add("-seed", "1");
                    self.add("-rtc", "clock=vm,base=2024-01-01");
                } else {
                    self.add("-rtc", "clock=vm");
                }
            }
            Accelerator::Tcg => self.add("-accel", "tcg"),
        }
        if let Some(port) = machine.gdb {
            self.add("-gdb", format!("tcp:127.0.0.1:{port}"));
            self.0.push("-S".into());
        }
        Ok(())
    }
}

/// A path as QEMU's option parser takes it.
fn escape_commas(path: &Path) -> Result<String> {
    let text = path.to_str().with_context(|| format!("{}: the name is not UTF-8", path.display()))?;
    Ok(text.replace(',', ",,"))
}

fn command_line(machine: &Machine) -> String {
    let mut words = vec!["console=ttyS0", "rdinit=/.lstar/agent", "panic=-1"];
    if !machine.kernel_log {
        words.push("quiet");
    }
    if machine.kernel == Kernel::Linux {
        words.extend(["reboot=t", "mitigations=off", "random.trust_cpu=on"]);
        if machine.accelerator == Accelerator::Tcg {
            // QEMU's translated time stamp counter runs at 1 GHz; Linux need not measure it, which hangs on a busy host.
            words.push("tsc_early_khz=1000000");
        }
    }
    if !machine.append.is_empty() {
        words.push(&machine.append);
    }
    words.join(" ")
}

/// Starts the server of a folder for Linux, which has no 9p here. It listens on a socket without a file.
fn start_file_server(folder: &Path) -> Result<((Child, File), String)> {
    static SERVERS: AtomicU32 = AtomicU32::new(0);
    let program = ["/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.is_file())
        .context("Linux gets a folder as root from virtiofsd; on Debian: apt-get install qemu-system-common")?;
    let name = format!("lstar-{}-{}", std::process::id(), SERVERS.fetch_add(1, Ordering::Relaxed));
    let address = SocketAddr::from_abstract_name(&name).context("the file server's socket")?;
    let listener = UnixListener::bind_addr(&address).context("the file server's socket")?;
    let mut descriptors = Descriptors::default();
    let number = descriptors.add(listener);
    let mut command = shim::command(program);
    command.arg(format!("--fd={number}"));
    let source = folder.to_str().with_context(|| format!("--root {}: the name is not UTF-8", folder.display()))?;
    command.arg("-o").arg(format!("source={}", source.replace('\\', r"\\").replace(',', r"\,")));
    command.args(["-o", "sandbox=chroot", "-o", "cache=auto"]);
    let complaints = silence(&mut command)?;
    command.fd_mappings(descriptors.0)?;
    let child = command.spawn().context("virtiofsd")?;
    Ok(((child, complaints), name))
}

/// Gives a child no streams of the host's; what it says goes to a file in memory, which never makes it wait.
fn silence(command: &mut Command) -> Result<File> {
    let file = File::from(memfd_create("lstar-complaints", MemfdFlags::CLOEXEC).context("memfd_create")?);
    let writer = file.try_clone().context("memfd_create")?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer);
    Ok(file)
}

fn read_whole(mut file: File) -> String {
    let mut bytes = Vec::new();
    // A file in memory can be read.
    let _ = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}
