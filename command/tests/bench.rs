//! `lstar bench`: bad input is refused with one line, what fails is shown, and a second run gives the same.

mod common;

use common::*;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

/// A cache folder of the test's own, with figures kept as `kept`.
fn cache(name: &str, kept: &str) -> Folder {
    let folder = Folder::new(name);
    std::fs::create_dir_all(folder.0.join("lstar/bench")).expect("the temporary folder is writable");
    folder.file("lstar/bench/kept", kept.as_bytes());
    folder
}

const KEPT: &str = "lstar bench 2\ninstructions\ngetppid\t1000\t1000\t1000\t10\nstat\t1000\t1000\t1000\t10\n";

fn bench(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = lstar(&[&["bench"], arguments].concat());
    command.env("XDG_CACHE_HOME", &folder.0);
    command
}

/// A program of a name that comes first on the search path.
fn shadow(command: &mut Command, folder: &Folder, name: &str, script: &str) {
    let path = folder.file(name, format!("#!/bin/sh\n{script}\n").as_bytes());
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("the file was made above");
    let old = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{old}", folder.0.display()));
}

const PROGRESS: [&str; 3] =
    ["lstar: measuring on Linux", "lstar: measuring on Lstar", "lstar: fetching Debian's Linux kernel"];

/// `assert_refused` for what says first what it is doing: progress is on the same stream.
fn assert_last_line(output: &Output, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{stderr}");
    let last = stderr.lines().last().unwrap_or_default();
    let is_progress = |line: &&str| PROGRESS.contains(line);
    assert_eq!(stderr.lines().filter(|line| !is_progress(line)).count(), 1, "{stderr}");
    for word in words {
        assert!(last.contains(word), "{word} is not in: {stderr}");
    }
}

#[test]
fn rows_and_options_that_are_none() {
    let folder = cache("bench-rows", KEPT);
    for (arguments, words) in [
        (&["nosuchrow"][..], &["no benchmark row `nosuchrow`", "getppid"][..]),
        (&["nosuch*"], &["no benchmark row `nosuch*`", "getppid"]),
        (&["independent-by-1"], &["only timed", "--wall"]),
        (&["--wall", "boot-to-prompt"], &["only counted", "leave --wall away"]),
        (&["--cpus", "2", "getppid"], &["one CPU", "--wall"]),
        (&["--against", "nothing", "getppid"], &["no figures are kept as `nothing`", "--save nothing"]),
        (&["--against", "../kept", "getppid"], &["cannot name kept figures"]),
        (&["--wall", "--against", "kept", "getppid"], &["holds instructions, not ns"]),
        (&["--check", "/nonexistent"], &["/nonexistent", "No such file"]),
    ] {
        assert_refused(&output(&mut bench(&folder, arguments)), words);
    }
}

#[test]
fn kept_figures_of_another_version() {
    for (kept, words) in [
        ("lstar bench 1\ninstructions\ngetppid\t1\t1\t1\n", &["another version", "--save kept"]),
        ("", &["another version", "--save kept"]),
        ("lstar bench 2\ninstructions\ngetppid\tmany\n", &["broken", "--save kept"]),
    ] {
        let folder = cache("bench-version", kept);
        assert_refused(&output(&mut bench(&folder, &["--against", "kept", "getppid"])), words);
    }
}

#[test]
fn a_missing_linux_package() {
    let folder = cache("bench-linux", KEPT);
    let mut command = bench(&folder, &["getppid"]);
    shadow(&mut command, &folder, "apt-cache", "echo 'E: No packages found' >&2; exit 100");
    assert_last_line(&output(&mut command), &["measuring on Linux", "needs a Debian host", "apt-get update"]);
}

#[test]
fn a_qemu_that_cannot_count() {
    for (option, words) in [("-icount", "counts no instructions"), ("-plugin", "loads no plugins")] {
        let folder = cache("bench-qemu", KEPT);
        let mut command = bench(&folder, &["--against", "kept", "getppid"]);
        let say = format!("echo \"qemu-system-x86_64: {option}: invalid option\" >&2; exit 1");
        shadow(&mut command, &folder, "qemu-system-x86_64", &format!("case \" $* \" in *' {option} '*) {say};; esac"));
        assert_last_line(&output(&mut command), &[option, words, "apt-get install qemu-system-x86", "--wall"]);
    }
}

#[test]
fn a_plugin_that_cannot_be_built() {
    let folder = cache("bench-plugin", KEPT);
    let mut command = bench(&folder, &["--against", "kept", "getppid"]);
    shadow(
        &mut command,
        &folder,
        "cc",
        "case \"$*\" in *-shared*) echo 'x: error: no' >&2; exit 1;; esac; exec gcc \"$@\"",
    );
    assert_last_line(&output(&mut command), &["plugin does not compile", "error: no", "apt-get install gcc"]);
}

#[test]
fn a_row_that_fails_is_shown_as_failed() {
    // On ours: the machine powers itself off before anything was measured.
    let folder = cache("bench-failed", KEPT);
    let mut command = bench(&folder, &["--against", "kept", "getppid", "stat"]);
    shadow(&mut command, &folder, "qemu-system-x86_64", "exit 0");
    let output = output(&mut command);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    for words in
        ["lstar: getppid failed: the guest powered the machine off", "2 rows failed, and not in the mean: getppid stat"]
    {
        assert!(stdout.contains(words), "{words} is not in: {stdout}");
    }
}

#[test]
fn a_second_run_gives_the_same() {
    const ROWS: [&str; 11] = [
        "getppid",
        "clock-vdso",
        "stat",
        "create-unlink",
        "getdents-1000",
        "pipe-64k",
        "pipe-echo-4k",
        "switch-8",
        "futex-ping-pong",
        "fork-exit-wait",
        "fault-anonymous",
    ];
    // A row that failed on what is compared with is shown too.
    let folder = cache("bench-again", "lstar bench 2\ninstructions\ngetppid\tfailed\tENOSYS\n");
    let first = output(&mut bench(&folder, &[&["--against", "kept", "--save", "first"], &ROWS[..]].concat()));
    let text = String::from_utf8_lossy(&first.stdout);
    assert_eq!(first.status.code(), Some(1), "{text}{}", String::from_utf8_lossy(&first.stderr));
    assert!(text.contains("kept: getppid failed: ENOSYS"), "{text}");
    let second = output(&mut bench(&folder, &[&["--json", "--against", "first"], &ROWS[..]].concat()));
    let text = String::from_utf8_lossy(&second.stdout);
    assert_eq!(second.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&second.stderr));
    let ratios: Vec<f64> = text
        .lines()
        .filter_map(|line| line.split_once("\"whole_ratio\":")?.1.split_once(',')?.0.parse().ok())
        .collect();
    assert_eq!(ratios.len(), ROWS.len(), "{text}");
    assert!(ratios.iter().all(|ratio| *ratio == 1.0), "{text}");
}
