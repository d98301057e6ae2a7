//! reboot(2) where it ends the machine: powered off, restarted, halted, by each of the magic numbers.

mod common;

use common::*;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The status of `lstar run` when the guest has reset the machine: nothing says how its command has ended.
const RESET: i32 = 125;

fn program() -> &'static [u8] {
    static PROGRAM: OnceLock<Vec<u8>> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = Folder::new("reboot");
        let result = folder.0.join("reboot");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power/reboot.c");
        let status = Command::new("cc").args(["-O1", "-Wall", "-static", "-s", "-o"]).arg(&result).arg(source).status();
        assert!(status.expect("cc is installed").success());
        std::fs::read(result).expect("it was compiled")
    })
}

/// Runs a script with the program in its working directory; what was printed, with the kernel's lines among the errors.
fn guest(options: &[&str], script: &str) -> Output {
    let script = format!("cd /tmp && cat > reboot && chmod 755 reboot && {{ {script}\n}}");
    let arguments = [options, &["-v", "--", "sh", "-c", &script]].concat();
    let mut child = run(&arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("setsid is part of every system");
    let mut stdin = child.stdin.take().expect("it is piped");
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, program()));
    let output = child.wait_with_output().expect("it is our child");
    let _ = writer.join();
    output
}

/// A script that ends the machine with this status and these last words, and prints nothing behind that.
fn ends(options: &[&str], script: &str, status: i32, words: &str) {
    let output = guest(options, &format!("echo before; {script}; echo after $?; sleep 9"));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((&*stdout, output.status.code()), ("before\n", Some(status)), "{script}: {stderr}");
    assert!(stderr.contains(words), "{script}: {stderr}");
}

#[test]
fn power_off_by_each_magic_number() {
    for magic in 0..4 {
        ends(&[], &format!("./reboot off {magic}"), 0, "reboot: Power down");
    }
}

#[test]
fn restart_with_and_without_a_command() {
    ends(&[], "./reboot restart 0", RESET, "reboot: Restarting system");
    ends(&[], "./reboot restart2 1 now", RESET, "reboot: Restarting system");
    // Longer than the kernel reads.
    ends(&[], "./reboot restart2 2 $(seq 200 | tr '\\n' ' ' | tr -d ' ')", RESET, "reboot: Restarting system");
}

#[test]
fn halt_leaves_the_machine_standing() {
    ends(&["--timeout", "8s"], "./reboot halt 3", 124, "reboot: System halted");
}

#[test]
fn what_ctrl_alt_del_does_is_only_chosen() {
    let output =
        guest(&[], "./reboot cad-on; echo $?; ./reboot cad-off 1; echo $?; ./reboot restart2; echo $?; ./reboot none");
    assert_eq!((String::from_utf8_lossy(&output.stdout), output.status.code()), ("0\n0\n1\n".into(), Some(2)));
}

#[test]
fn another_cpu_is_in_a_loop_meanwhile() {
    let busy = "(while :; do :; done) & (while :; do :; done) & sleep 0.3";
    ends(&["--cpus", "2"], &format!("{busy}; ./reboot off"), 0, "reboot: Power down");
    ends(&["--cpus", "2"], &format!("{busy}; ./reboot restart"), RESET, "reboot: Restarting system");
}
