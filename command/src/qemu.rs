//! Finds QEMU and proves which of its accelerators works.

use crate::{artifacts, shim};
use anyhow::{Context, Result, bail};
use command_fds::{CommandFdExt, FdMapping};
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = "qemu-system-x86_64";
/// How long the proof of KVM may take; a guest of four instructions needs far less.
const PROOF_PATIENCE: Duration = Duration::from_secs(3);

/// What runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// The processor itself.
    Kvm,
    /// QEMU's translator.
    Tcg,
}

/// QEMU's program on the search path.
pub fn program() -> Result<PathBuf> {
    find_program(PROGRAM).with_context(|| {
        format!("QEMU is not installed (no {PROGRAM} on PATH); on Debian: apt-get install qemu-system-x86")
    })
}

/// A program on the search path.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Whether KVM really runs a guest here, or why not. Proved once per boot of the host; the second value says
/// whether that was now.
pub fn prove_kvm() -> Result<(std::result::Result<(), String>, bool)> {
    if let Err(error) = File::options().read(true).write(true).open("/dev/kvm") {
        return Ok((Err(format!("/dev/kvm: {error}")), false));
    }
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let memory = artifacts::cache()?.join("kvm-proof");
    if let Some(verdict) = std::fs::read_to_string(&memory).ok().as_deref().and_then(|text| text.strip_prefix(&*boot)) {
        let verdict = if verdict == "works" { Ok(()) } else { Err(verdict.to_string()) };
        return Ok((verdict, false));
    }
    let verdict = run_proof()?;
    let text = verdict.as_ref().err().map_or("works", String::as_str);
    // Without the memory the proof is made again, nothing else.
    let _ = std::fs::write(&memory, format!("{boot}{text}"));
    Ok((verdict, true))
}

/// Runs a guest of a few instructions that ends the machine with a status of its own.
fn run_proof() -> Result<std::result::Result<(), String>> {
    const EXPECTED: i32 = (0x2a << 1) | 1;
    let mut image = File::from(memfd_create("lstar-kvm-proof", MemfdFlags::CLOEXEC).context("memfd_create")?);
    image.write_all(&proof_image())?;
    let mut command: Command = shim::command(program()?);
    command.args(["-M", "microvm", "-accel", "kvm", "-cpu", "max", "-m", "16", "-nodefaults", "-no-user-config"]);
    command.args(["-display", "none", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);
    command.args(["-kernel", "/proc/self/fd/10"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.fd_mappings(vec![FdMapping { parent_fd: image.into(), child_fd: 10 }])?;
    let mut child = command.spawn().context("QEMU")?;
    drop(command);
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > PROOF_PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(Err("a guest of a few instructions does not end".into()));
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if status.code() == Some(EXPECTED) {
        return Ok(Ok(()));
    }
    let mut text = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        std::io::Read::read_to_string(&mut stderr, &mut text).unwrap_or_default();
    }
    let reason = text.lines().last().map_or_else(|| format!("QEMU ended with {status}"), last_part);
    Ok(Err(reason))
}

/// A line of QEMU's without the program's name before it.
pub fn last_part(line: &str) -> String {
    line.trim_start_matches("qemu-system-x86_64: ").trim().to_string()
}

/// An ELF image with a PVH entry that writes 0x2a to QEMU's exit port, after it has stored and loaded the FPU's state if the
/// processor has instructions for that: a KVM that cannot run guests, but interprets them, knows many instructions and not those.
fn proof_image() -> Vec<u8> {
    const LOAD: u64 = 0x10_0000;
    #[rustfmt::skip]
    const CODE: [u8; 60] = [
        0xb8, 1, 0, 0, 0, 0x0f, 0xa2,             // mov eax, 1; cpuid
        0x0f, 0xba, 0xe1, 26, 0x73, 38,           // bt ecx, 26 (XSAVE); jnc end
        0x0f, 0x20, 0xe0, 0x0d, 0, 2, 4, 0,       // mov eax, cr4; or eax, OSFXSR | OSXSAVE
        0x0f, 0x22, 0xe0, 0x0f, 0x20, 0xc0,       // mov cr4, eax; mov eax, cr0
        0x83, 0xe0, 0xf3, 0x0f, 0x22, 0xc0,       // and eax, !(EM | TS); mov cr0, eax
        0xb8, 3, 0, 0, 0, 0x31, 0xd2,             // mov eax, 3; xor edx, edx
        0xbf, 0, 0, 0x20, 0,                      // mov edi, 2 MiB, where memory is zero
        0x0f, 0xae, 0x27, 0x0f, 0xae, 0x2f,       // xsave [edi]; xrstor [edi]
        0xb0, 0x2a, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd, // end: mov al, 42; out 0xf4, al; hlt; jmp
        0x90, 0x90,
    ];
    const HEADERS: u64 = 64 + 2 * 56;
    const NOTE_SIZE: u64 = 12 + 4 + 8;
    let note = HEADERS;
    let code = note + NOTE_SIZE;
    let size = code + CODE.len() as u64;
    let entry = LOAD + code;
    let mut image = Vec::new();
    image.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let mut put = |bytes: &[u8]| image.extend_from_slice(bytes);
    put(&[2, 0, 62, 0, 1, 0, 0, 0]); // executable, x86-64, version 1
    for word in [entry, 64, 0] {
        put(&word.to_le_bytes());
    }
    put(&[0, 0, 0, 0, 64, 0, 56, 0, 2, 0, 64, 0, 0, 0, 0, 0]); // two program headers, no sections
    for (kind, flags, offset, length, align) in [(1_u32, 7_u32, 0, size, 0x1000_u64), (4, 4, note, NOTE_SIZE, 4)] {
        put(&kind.to_le_bytes());
        put(&flags.to_le_bytes());
        for word in [offset, LOAD + offset, LOAD + offset, length, length, align] {
            put(&word.to_le_bytes());
        }
    }
    for word in [4_u32, 8, 18] {
        put(&word.to_le_bytes()); // name size, descriptor size, type: PHYS32_ENTRY
    }
    put(b"Xen\0");
    put(&entry.to_le_bytes());
    put(&CODE);
    image
}

/// Refuses a file that QEMU could not boot as a kernel.
pub fn check_kernel(path: &std::path::Path) -> Result<()> {
    use std::io::Read;
    let context = || format!("--kernel {}", path.display());
    let mut head = Vec::new();
    File::open(path).with_context(context)?.take(0x210).read_to_end(&mut head).with_context(context)?;
    let elf = head.starts_with(b"\x7fELF");
    let linux = head.get(0x202..0x206) == Some(b"HdrS");
    if !elf && !linux {
        bail!("{}: not a kernel image (neither ELF nor bzImage)", context());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_image_ends_a_translated_machine_with_its_status() {
        let Ok(program) = program() else { return };
        let folder = std::env::temp_dir().join(format!("lstar-proof-{}", std::process::id()));
        std::fs::write(&folder, proof_image()).expect("the temporary folder is writable");
        // One processor has XSAVE, the other has not.
        for processor in ["max", "qemu64"] {
            let status = Command::new(&program)
                .args(["-M", "microvm", "-accel", "tcg", "-cpu", processor, "-m", "16", "-nodefaults"])
                .args(["-no-user-config", "-display", "none", "-no-reboot"])
                .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel"])
                .arg(&folder)
                .status();
            assert_eq!(status.expect("QEMU starts").code(), Some(85), "{processor}");
        }
        std::fs::remove_file(&folder).expect("the file was made above");
    }
}
