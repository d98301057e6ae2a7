//! Streams, statuses and surroundings of a command pass as they should.

mod common;

use common::*;
use std::io::Write;
use std::process::Stdio;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn output_and_error_pass_separately_and_the_status_too() {
    let output = output(&mut run(&["--", "sh", "-c", "echo out; echo err >&2; exit 42"]));
    assert_eq!(
        (text(&output.stdout).as_str(), text(&output.stderr).as_str(), output.status.code()),
        ("out\n", "err\n", Some(42))
    );
}

#[test]
fn a_signal_is_reported_as_shells_do() {
    assert_eq!(output(&mut run(&["--", "sh", "-c", "kill -9 $$"])).status.code(), Some(137));
    assert_eq!(output(&mut run(&["--", "sh", "-c", "kill -15 $$"])).status.code(), Some(143));
}

#[test]
fn a_hundred_megabytes_pass_byte_for_byte_with_their_end() {
    let mut data = Vec::with_capacity(100_000_000);
    let mut state = 0x9e37_79b9_u32;
    while data.len() < 100_000_000 {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        data.extend_from_slice(&state.to_le_bytes());
    }
    let mut child = run(&["--", "cat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let copy = data.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&copy));
    let output = child.wait_with_output().expect("it is our child");
    writer.join().expect("the writer does not panic").expect("cat reads everything");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout.len(), data.len());
    assert!(output.stdout == data, "the bytes differ");
}

#[test]
fn the_surroundings_are_as_asked() {
    let script = "echo $GREETING; echo $HOST_SIDE; pwd; id -u; id -g; hostname; echo $HOME; nproc";
    let mut command = run(&[
        "--env",
        "GREETING=hello  world=1",
        "--env",
        "HOST_SIDE",
        "--workdir",
        "/tmp",
        "--user",
        "nobody:tty",
        "--hostname",
        "box",
        "--cpus",
        "1",
        "--",
        "sh",
        "-c",
        script,
    ]);
    let output = output(command.env("HOST_SIDE", "passed"));
    assert_eq!(text(&output.stdout), "hello world=1\npassed\n/tmp\n65534\n5\nbox\n/\n1\n", "{}", text(&output.stderr));
}

#[test]
fn a_reader_that_leaves_ends_the_writer() {
    let mut command = run(&["--", "sh", "-c", "trap '' INT; yes; echo status $? >&2"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stdout = child.stdout.take().expect("it is piped");
    std::io::Read::read_exact(&mut stdout, &mut [0; 4]).expect("yes writes");
    drop(stdout);
    let output = child.wait_with_output().expect("it is our child");
    assert!(text(&output.stderr).contains("status "), "{}", text(&output.stderr));
}

#[test]
fn what_a_command_leaves_running_does_not_hold_the_machine() {
    let begun = std::time::Instant::now();
    let output = output(&mut run(&["--", "sh", "-c", "(while :; do echo x; done) & sleep 0.1; exit 5"]));
    assert_eq!(output.status.code(), Some(5));
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn time_runs_out() {
    let output = output(&mut run(&["--timeout", "4s", "--", "sleep", "1000"]));
    assert_eq!(output.status.code(), Some(124));
    assert_eq!(text(&output.stderr), "lstar: ended after 4 s (--timeout)\n");
}

#[test]
fn an_archive_is_a_writable_root() {
    let folder = Folder::new("archive");
    let tree = folder.0.join("tree");
    for name in ["bin", "etc", "tmp"] {
        std::fs::create_dir_all(tree.join(name)).expect("the temporary folder is writable");
    }
    std::fs::copy("/bin/busybox", tree.join("bin/busybox")).expect("busybox-static is installed");
    std::os::unix::fs::symlink("busybox", tree.join("bin/sh")).expect("the temporary folder is writable");
    std::fs::write(tree.join("etc/first"), "one file, two names\n").expect("the temporary folder is writable");
    std::fs::hard_link(tree.join("etc/first"), tree.join("etc/second")).expect("the temporary folder is writable");
    for (name, pack) in [
        ("root.tar", "tar -cf"),
        ("root.tar.gz", "tar -czf"),
        ("root.cpio", "find . | busybox cpio -o -H newc >"),
        ("root.cpio.gz", "find . | busybox cpio -o -H newc | gzip >"),
    ] {
        let path = folder.0.join(name);
        let files = if pack.starts_with("tar") { "." } else { "" };
        let pack = format!("{pack} {} {files}", path.display());
        let packed = std::process::Command::new("sh").args(["-c", &pack]).current_dir(&tree).status();
        assert!(packed.expect("a shell is part of every system").success());
        let script =
            "cat /etc/second; echo more >> /etc/first; busybox tail -n 1 /etc/second; busybox stat -c %h /etc/first";
        let path = path.to_str().expect("the name is plain");
        let output = output(&mut run(&["--root", path, "--", "/bin/sh", "-c", &script.replace("cat", "busybox cat")]));
        assert_eq!(text(&output.stdout), "one file, two names\nmore\n2\n", "{name}: {}", text(&output.stderr));
    }
}

#[test]
fn a_folder_is_a_live_read_only_root() {
    let folder = Folder::new("folder-root");
    let root = folder.0.join("root,with a comma");
    for name in ["bin", "dev", "proc", "run", "sys", "tmp"] {
        std::fs::create_dir_all(root.join(name)).expect("the temporary folder is writable");
    }
    std::fs::copy("/bin/busybox", root.join("bin/busybox")).expect("busybox-static is installed");
    std::os::unix::fs::symlink("busybox", root.join("bin/sh")).expect("the temporary folder is writable");
    std::fs::write(root.join("note"), "from the host\n").expect("the temporary folder is writable");
    let script =
        "busybox cat /note; echo x 2>/dev/null > /new || echo read-only; echo y > /tmp/new && busybox cat /tmp/new";
    let path = root.to_str().expect("the name is plain");
    let output = output(&mut run(&["--root", path, "--", "/bin/sh", "-c", script]));
    assert_eq!(text(&output.stdout), "from the host\nread-only\ny\n", "{}", text(&output.stderr));
    assert!(!root.join("new").exists());
}

#[test]
fn a_kernel_panic_has_its_status_and_message() {
    // Only Linux has a way for a program to make it panic.
    let mut command =
        lstar(&["run", "--accel", "tcg", "--kernel", "linux", "--", "sh", "-c", "echo c > /proc/sysrq-trigger"]);
    let output = output(&mut command);
    assert_eq!(output.status.code(), Some(123), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("Kernel panic - not syncing: sysrq triggered crash"),
        "{}",
        text(&output.stderr)
    );
}
