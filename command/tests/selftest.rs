//! The machine crate tested from inside: a kernel of its own (image/src/selftest) that prints a line per case.

use std::path::Path;
use std::process::{Command, Stdio};

/// Boots the self-test kernel; what it printed.
fn boot(machine: &str, cpus: u32) -> String {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let kernel = home.join("target/kernel/x86_64-unknown-none/release/lstar-selftest");
    assert!(kernel.is_file(), "{} is missing; ./lstar build", kernel.display());
    let output = Command::new("timeout")
        .args(["120", "qemu-system-x86_64", "-M", machine, "-cpu", "max", "-accel", "tcg", "-m", "256"])
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"])
        // The way out where there is no ACPI.
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"])
        .args(["-smp", &cpus.to_string(), "-kernel"])
        .arg(kernel)
        .stdin(Stdio::null())
        .output()
        .expect("timeout and QEMU are there");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn assert_passes(machine: &str, cpus: u32) {
    let said = boot(machine, cpus);
    let passed = said.lines().filter(|line| line.starts_with("PASS ")).count();
    assert!(said.contains("selftest done, 0 failed") && passed >= 15, "on {machine} with {cpus} CPUs:\n{said}");
}

#[test]
fn on_microvm() {
    assert_passes("microvm", 1);
    assert_passes("microvm", 4);
}

#[test]
fn on_microvm_without_acpi() {
    assert_passes("microvm,acpi=off", 2);
}

#[test]
fn on_q35() {
    assert_passes("q35", 2);
}
