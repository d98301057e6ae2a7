//! Bad input of every kind is refused with one line that names the cause and the remedy, and nothing is left behind.

mod common;

use common::*;
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn options_that_are_none() {
    for (arguments, words) in [
        (&["run", "--frobnicate"][..], &["--frobnicate", "--help"][..]),
        (&["frobnicate"], &["frobnicate", "--help"]),
        (&["run", "--cpus", "0"], &["--cpus", "0"]),
        (&["run", "--cpus", "many"], &["--cpus", "many"]),
        (&["run", "--mem", "lots"], &["--mem", "512M"]),
        (&["run", "--mem", "1M"], &["--mem", "less than 16M"]),
        (&["run", "--timeout", "soon"], &["--timeout", "1.5s"]),
        (&["run", "--accel", "xen"], &["--accel", "xen"]),
        (&["run", "--machine", "pc"], &["--machine", "pc"]),
        (&["run", "--gdb=99999"], &["--gdb", "99999"]),
        (&["run", "--icount", "--cpus", "2"], &["--icount", "--cpus 1"]),
        (&["run", "--icount", "--accel", "kvm"], &["--icount", "--accel tcg"]),
        (&["run", "--accel", "tcg", "--env", "=x", "--", "true"], &["--env", "NAME=VALUE"]),
        (&["run", "--accel", "tcg", "--hostname", "", "--", "true"], &["--hostname"]),
        (&["run", "command"], &["command", "--help"]),
    ] {
        assert_refused(&output(&mut lstar(arguments)), words);
    }
}

#[test]
fn help_is_no_failure() {
    for arguments in [&["--help"][..], &["run", "--help"], &["--version"]] {
        let output = output(&mut lstar(arguments));
        assert_eq!(output.status.code(), Some(0));
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    }
}

#[test]
fn roots_that_are_none() {
    let folder = Folder::new("roots");
    assert_refused(&output(&mut run(&["--root", "/nonexistent", "--", "true"])), &["/nonexistent", "No such file"]);

    let empty = Folder::new("empty-root");
    let path = empty.0.to_str().expect("the name is plain");
    assert_refused(&output(&mut run(&["--root", path, "--", "true"])), &["empty", path]);
    empty.file("readme", b"not a root");
    assert_refused(&output(&mut run(&["--root", path, "--", "true"])), &["lacks proc, dev, tmp, run", "mkdir"]);

    let text = folder.file("root.txt", b"hello");
    assert_refused(&output(&mut run(&["--root", &text, "--", "true"])), &["root.txt", ".tar.gz"]);
    let gzip = folder.file("root.tar.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\0garbage garbage");
    assert_refused(&output(&mut run(&["--root", &gzip, "--", "true"])), &["root.tar.gz"]);
    let mut tar = vec![0_u8; 512];
    tar[..5].copy_from_slice(b"etc/x");
    tar[100..107].copy_from_slice(b"0000644");
    tar[124..135].copy_from_slice(b"zzzzzzzzzzz");
    tar[257..263].copy_from_slice(b"ustar\0");
    let tar = folder.file("root.tar", &tar);
    assert_refused(&output(&mut run(&["--root", &tar, "--", "true"])), &["root.tar", "broken"]);
}

#[test]
fn kernels_that_are_none() {
    let folder = Folder::new("kernels");
    let lstar_with = |kernel: &str| output(&mut lstar(&["run", "--accel", "tcg", "--kernel", kernel, "--", "true"]));
    assert_refused(&lstar_with("/nonexistent"), &["/nonexistent", "No such file"]);
    assert_refused(&lstar_with("/"), &["--kernel /"]);
    let text = folder.file("kernel.txt", b"hello");
    assert_refused(&lstar_with(&text), &["kernel.txt", "not a kernel"]);
    // A program is ELF, but nothing that QEMU can enter.
    assert_refused(&lstar_with("/bin/true"), &["QEMU", "kernel"]);
}

#[test]
fn no_qemu() {
    let setsid = ["/usr/bin/setsid", "/bin/setsid"].into_iter().find(|path| std::path::Path::new(path).exists());
    let mut command = std::process::Command::new(setsid.expect("setsid is part of every system"));
    command.arg(env!("CARGO_BIN_EXE_lstar")).args(["run", "--accel", "tcg", "--", "true"]);
    command.env("PATH", "/nonexistent");
    assert_refused(&output(&mut command), &["QEMU is not installed", "apt-get install qemu-system-x86"]);
}

#[test]
fn no_kvm() {
    let output = output(&mut lstar(&["run", "--accel", "kvm", "--kernel", &kernel(), "--", "true"]));
    // Where KVM works, this is no bad input.
    if output.status.code() != Some(0) {
        assert_refused(&output, &["KVM does not run guests here", "--accel tcg"]);
    }
}

#[test]
fn no_place_for_fetched_files() {
    let folder = Folder::new("cache");
    let file = folder.file("file", b"");
    let refused = output(lstar(&["run", "--accel", "tcg", "--kernel", "linux"]).env("XDG_CACHE_HOME", &file));
    assert_refused(&refused, &["XDG_CACHE_HOME", &file]);
}

#[test]
fn a_full_disk() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("the host has /dev/full");
    let output = output(run(&["--", "echo", "hello"]).stdout(full));
    assert_refused(&output, &["writing standard output", "No space left"]);
}

#[test]
fn a_port_in_use() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port().to_string();
    assert_refused(&output(&mut run(&[&format!("--gdb={port}"), "--", "true"])), &[&port, "give another one"]);
}

#[test]
fn commands_that_cannot_be_run() {
    for (arguments, status, word) in [
        (&["--", "/nonexistent"][..], 127, "not found"),
        (&["--", "nonexistent"], 127, "not found"),
        (&["--", "/etc/passwd"], 126, "Permission denied"),
        (&["--", "/etc"], 126, "Permission denied"),
        (&["--workdir", "/nonexistent", "--", "true"], 125, "--workdir /nonexistent"),
        (&["--user", "nosuchuser", "--", "true"], 125, "nosuchuser"),
        (&["--user", "root:nosuchgroup", "--", "true"], 125, "nosuchgroup"),
    ] {
        let output = output(&mut run(arguments));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(word), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_root_too_large_for_the_memory() {
    let folder = Folder::new("large-root");
    // A cpio archive's head, and zeros: it is refused for its size before anybody unpacks it.
    let mut archive = b"070701".to_vec();
    archive.resize(64 << 20, 0);
    let archive = folder.file("root.cpio", &archive);
    assert_refused(&output(&mut run(&["--mem", "64M", "--root", &archive, "--", "true"])), &["65 MiB", "--mem"]);
}

#[test]
fn a_killed_qemu() {
    let running = start_until(&mut run(&["--", "sh", "-c", "echo ready; sleep 1000"]), "ready");
    let session = running.session;
    kill_process(Pid::from_raw(qemu_of(session)).expect("it is not 0"), Signal::KILL).expect("QEMU is ours");
    let (status, stderr) = running.end();
    assert_eq!(status.code(), Some(125));
    assert_eq!(stderr, "lstar: QEMU was killed by signal 9\n");
    assert_gone(session);
}

/// Starts a command that sleeps, kills lstar by `signal`, and checks that nothing is left.
fn ended_by(signal: Signal, script: &str) -> Option<i32> {
    let temporary = Folder::new(&format!("temporary-{}-{}", signal.as_raw(), script.len()));
    let mut command = run(&["--", "sh", "-c", script]);
    let running = start_until(command.env("TMPDIR", &temporary.0), "ready");
    let session = running.session;
    kill_process(Pid::from_raw(session).expect("it is not 0"), signal).expect("lstar is ours");
    let (status, stderr) = running.end();
    assert_gone(session);
    assert!(temporary.is_empty(), "a temporary file is left");
    assert_eq!(stderr, "", "{signal:?}");
    status.code()
}

#[test]
fn signals_end_the_command_and_leave_nothing() {
    assert_eq!(ended_by(Signal::INT, "echo ready; exec sleep 1000"), Some(130));
    assert_eq!(ended_by(Signal::TERM, "echo ready; exec sleep 1000"), Some(143));
    assert_eq!(ended_by(Signal::KILL, "echo ready; exec sleep 1000"), None);
}

#[test]
fn a_command_may_handle_a_signal_or_be_ended_for_ignoring_it() {
    assert_eq!(
        ended_by(Signal::TERM, "exec 2>/dev/null; trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done"),
        Some(9)
    );
    assert_eq!(
        ended_by(Signal::TERM, "exec 2>/dev/null; trap '' TERM; echo ready; while :; do sleep 0.1; done"),
        Some(143)
    );
}

#[test]
fn a_machine_that_waits_for_gdb_answers_it_and_ends_by_a_signal() {
    use std::io::{Read, Write};
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.local_addr().expect("it is bound").port()
    };
    let mut command = run(&[&format!("--gdb={port}"), "--", "true"]);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    let begun = std::time::Instant::now();
    let mut gdb = loop {
        match std::net::TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => break stream,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    gdb.write_all(b"+$?#3f").expect("the stub listens");
    let mut answer = [0; 2];
    gdb.read_exact(&mut answer).expect("the stub answers");
    assert_eq!(&answer, b"+$");
    let session = session(&child);
    kill_process(Pid::from_raw(session).expect("it is not 0"), Signal::TERM).expect("lstar is ours");
    assert_eq!(child.wait().expect("it is our child").code(), Some(143));
    assert_gone(session);
}
