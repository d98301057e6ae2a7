//! Boots a kernel in QEMU and reads its serial port line by line.

use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Which kernel and which virtual hardware.
#[derive(Debug, Clone)]
pub struct Configuration {
    pub kernel: PathBuf,
    pub is_linux: bool,
    /// `microvm` or `q35`.
    pub machine: String,
    pub cpus: u32,
    /// In MiB.
    pub memory: u32,
    /// QEMU's name of the CPU.
    pub cpu: String,
    /// What its logs' names end in, where it is not the only one with its kernel and hardware.
    pub variant: String,
}

impl Configuration {
    /// A short name, unique per configuration, for logs.
    pub fn label(&self) -> String {
        let kernel = if self.is_linux { "linux" } else { "lstar" };
        format!("{kernel}-{}-{}cpu{}", self.machine, self.cpus, self.variant)
    }
}

/// A running virtual machine. It is killed when dropped.
pub struct Machine {
    child: Child,
    lines: Receiver<String>,
    log: File,
    monitor: PathBuf,
}

/// What came from the serial port.
pub enum Event {
    Line(String),
    /// Nothing within the time allowed.
    Silence,
    /// QEMU has ended.
    End,
}

impl Machine {
    /// Starts QEMU; everything the guest writes is also kept in `log`.
    pub fn boot(configuration: &Configuration, initrd: &Path, log: &Path) -> Result<Machine> {
        fs::create_dir_all(log.parent().context("no folder")?)?;
        let monitor = log.with_extension("monitor");
        let _ = fs::remove_file(&monitor);
        let arguments = if configuration.is_linux {
            "console=ttyS0 quiet loglevel=1 reboot=t panic=-1 mitigations=off rdinit=/init"
        } else {
            "rdinit=/init quiet"
        };
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args(["-M", &configuration.machine, "-cpu", &configuration.cpu, "-accel", "tcg"])
            .args(["-m", &configuration.memory.to_string(), "-smp", &configuration.cpus.to_string()])
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"])
            .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"])
            .arg("-monitor")
            .arg(format!("unix:{},server,nowait", monitor.display()))
            .arg("-kernel")
            .arg(&configuration.kernel)
            .arg("-initrd")
            .arg(initrd)
            .args(["-append", arguments])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = command.spawn().context("cannot run qemu-system-x86_64 (apt-get install qemu-system-x86)")?;
        let serial = child.stdout.take().context("no stdout")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(serial);
            let mut bytes = Vec::new();
            while matches!(reader.read_until(b'\n', &mut bytes), Ok(n) if n > 0) {
                let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned();
                bytes.clear();
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let log = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        Ok(Machine { child, lines, log, monitor })
    }

    /// Waits for the next line.
    pub fn next(&mut self, limit: Duration) -> Result<Event> {
        match self.lines.recv_timeout(limit) {
            Ok(line) => {
                writeln!(self.log, "{line}")?;
                Ok(Event::Line(line))
            }
            Err(RecvTimeoutError::Timeout) => Ok(Event::Silence),
            Err(RecvTimeoutError::Disconnected) => Ok(Event::End),
        }
    }

    /// Makes a silent kernel say what it is doing: an NMI, and what it prints within three seconds goes to the log.
    pub fn interrogate(&mut self) -> Result<()> {
        writeln!(self.log, "--- no sign of life: sending an NMI")?;
        if let Ok(mut monitor) = UnixStream::connect(&self.monitor) {
            monitor.write_all(b"info registers -a\nnmi\n")?;
            monitor.set_read_timeout(Some(Duration::from_millis(500)))?;
            let mut reply = BufReader::new(monitor);
            let mut bytes = Vec::new();
            while matches!(reader_line(&mut reply, &mut bytes), Some(n) if n > 0) {}
            self.log.write_all(&bytes)?;
        }
        let end = Instant::now() + Duration::from_secs(3);
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            match self.next(left)? {
                Event::Line(_) => {}
                Event::Silence | Event::End => break,
            }
        }
        Ok(())
    }

    /// Ends QEMU, if it has not ended by itself, and gives its exit status (`None` when killed).
    pub fn finish(mut self, grace: Duration) -> Result<Option<i32>> {
        let end = Instant::now() + grace;
        loop {
            if let Some(status) = self.child.try_wait()? {
                writeln!(self.log, "--- QEMU ended: {status}")?;
                return Ok(status.code());
            }
            if Instant::now() > end {
                writeln!(self.log, "--- QEMU is killed")?;
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn reader_line(reader: &mut impl BufRead, bytes: &mut Vec<u8>) -> Option<usize> {
    reader.read_until(b'\n', bytes).ok()
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.monitor);
    }
}
