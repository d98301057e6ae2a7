//! What the command's tests share: starting it in a session of its own, so that everything it leaves can be found.
#![allow(dead_code)] // Each test program uses its part.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take on a busy host.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A command line of lstar, to be started in a session of its own.
pub fn lstar(arguments: &[&str]) -> Command {
    let mut command = Command::new("setsid");
    command.arg(env!("CARGO_BIN_EXE_lstar")).args(arguments).stdin(Stdio::null());
    command
}

/// `lstar run` by translation, on the kernel under test.
pub fn run(arguments: &[&str]) -> Command {
    lstar(&[&["run", "--accel", "tcg", "--kernel", &kernel()], arguments].concat())
}

/// The kernel under test: the one that LSTAR_TEST_KERNEL names, or Lstar.
pub fn kernel() -> String {
    std::env::var("LSTAR_TEST_KERNEL").unwrap_or_else(|_| "lstar".into())
}

/// The kernel under test, where only Lstar has what is tested: Lstar where that is Linux.
pub fn own_kernel() -> String {
    match kernel().as_str() {
        "linux" => "lstar".into(),
        other => other.into(),
    }
}

/// The file of [`own_kernel`], which `./lstar build` makes.
pub fn own_kernel_image() -> PathBuf {
    match own_kernel().as_str() {
        "lstar" => {
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/kernel/x86_64-unknown-none/release/lstar-kernel")
        }
        other => other.into(),
    }
}

/// How C becomes a module.
pub const MODULE_FLAGS: [&str; 8] = [
    "-c",
    "-mcmodel=kernel",
    "-fno-pic",
    "-mno-red-zone",
    "-mgeneral-regs-only",
    "-ffreestanding",
    "-fno-stack-protector",
    "-fcf-protection=none",
];

/// Runs to the end.
pub fn output(command: &mut Command) -> Output {
    command.output().expect("setsid is part of every system")
}

/// Asserts that the command failed as it should for bad input: status 125 and one line that holds `words`.
pub fn assert_refused(output: &Output, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "more or less than a line: {stderr}");
    assert!(stderr.starts_with("lstar: "), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{word} is not in: {stderr}");
    }
}

/// A folder for one test, removed at its end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lstar-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary folder is writable");
        Self(path)
    }

    pub fn file(&self, name: &str, contents: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, contents).expect("the temporary folder is writable");
        path.to_str().expect("the name is plain").to_string()
    }

    pub fn is_empty(&self) -> bool {
        std::fs::read_dir(&self.0).expect("the folder is there").next().is_none()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running lstar in its own session, with its output read up to now.
pub struct Running {
    pub child: Child,
    /// The process id of lstar itself, which is the id of its session: setsid needs no child for it.
    pub session: i32,
}

/// Starts `command` and waits until it has printed a line that holds `word` on standard output.
pub fn start_until(command: &mut Command, word: &str) -> Running {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("setsid is part of every system");
    let mut stdout = child.stdout.take().expect("it is piped");
    let mut text = String::new();
    let mut byte = [0];
    while !text.contains(word) {
        match stdout.read(&mut byte) {
            Ok(1..) => text.push(char::from(byte[0])),
            _ => panic!("it ended without {word}: {text}"),
        }
    }
    let session = i32::try_from(child.id()).expect("pids are small");
    Running { child, session }
}

impl Running {
    /// Waits for the end; gives the status and what is on standard error.
    pub fn end(mut self) -> (ExitStatus, String) {
        let mut stderr = String::new();
        self.child.stderr.take().expect("it is piped").read_to_string(&mut stderr).expect("it is text");
        (self.child.wait().expect("the child is ours"), stderr)
    }
}

/// A process of the host.
#[derive(Debug)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    pub session: i32,
    pub name: String,
    pub zombie: bool,
}

/// All processes of the host.
pub fn processes() -> Vec<Process> {
    let numbers = std::fs::read_dir("/proc").expect("the host has procfs").filter_map(|entry| {
        let name = entry.ok()?.file_name();
        name.to_str()?.parse::<i32>().ok()
    });
    numbers
        .filter_map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
            let mut fields = rest.split_whitespace();
            let state = fields.next()?;
            let parent = fields.next()?.parse().ok()?;
            let session = fields.nth(1)?.parse().ok()?;
            Some(Process { pid, parent, session, name: name.to_string(), zombie: state == "Z" })
        })
        .collect()
}

/// QEMU's process in a session.
pub fn qemu_of(session: i32) -> i32 {
    let all = processes();
    let qemu = all.iter().find(|process| process.session == session && process.name.starts_with("qemu"));
    qemu.unwrap_or_else(|| panic!("no QEMU in session {session}: {all:?}")).pid
}

/// Asserts that nothing of a session is left, allowing a moment for the last exits.
pub fn assert_gone(session: i32) {
    let begun = Instant::now();
    loop {
        let left: Vec<_> =
            processes().into_iter().filter(|process| process.session == session && !process.zombie).collect();
        if left.is_empty() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "left behind: {left:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A pseudo-terminal.
pub struct Terminal {
    pub master: File,
    pub slave: OwnedFd,
}

impl Terminal {
    pub fn new() -> Self {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a pty");
        grantpt(&master).expect("a pty");
        unlockpt(&master).expect("a pty");
        let name = ptsname(&master, Vec::new()).expect("a pty");
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let slave = rustix::fs::open(name, flags, rustix::fs::Mode::empty()).expect("a pty");
        let terminal = Self { master: File::from(master), slave };
        terminal.resize(30, 100);
        terminal
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.master, size).expect("a pty has a size");
    }

    /// The mode, in a form that can be compared.
    pub fn mode(&self) -> String {
        format!("{:?}", rustix::termios::tcgetattr(&self.slave).expect("a pty has a mode"))
    }

    /// Starts lstar with this as its controlling terminal.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let end = || Stdio::from(self.slave.try_clone().expect("descriptors are left"));
        Command::new("setsid")
            .args(["--ctty", env!("CARGO_BIN_EXE_lstar")])
            .args(arguments)
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("setsid is part of every system")
    }

    pub fn type_keys(&mut self, keys: &str) {
        std::io::Write::write_all(&mut self.master, keys.as_bytes()).expect("the pty takes keys");
    }

    /// Reads until the text holds `word`; gives what came.
    pub fn read_until(&mut self, word: &str) -> String {
        let begun = Instant::now();
        let mut text = String::new();
        let mut buffer = [0; 4096];
        while !text.contains(word) {
            assert!(begun.elapsed() < PATIENCE, "no {word} in: {text}");
            let mut waiting = [rustix::event::PollFd::new(&self.master, rustix::event::PollFlags::IN)];
            let second = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
            if rustix::event::poll(&mut waiting, Some(&second)).expect("poll") > 0 {
                let count = self.master.read(&mut buffer).unwrap_or(0);
                text.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        }
        text
    }
}

/// The session that a started lstar leads.
pub fn session(child: &Child) -> i32 {
    i32::try_from(child.id()).expect("pids are small")
}
