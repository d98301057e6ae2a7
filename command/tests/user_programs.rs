//! The documented programs of `user/`: each is built as its first lines say and does in the guest what it says.

mod common;

use common::{Folder, lstar, output};
use std::path::{Path, PathBuf};
use std::process::Command;

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the project is there")
}

fn run(command: &mut Command) {
    let output = command.output().expect("the compiler is installed");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A root with busybox and the programs, each built with these flags.
fn root(name: &str, programs: &[(&str, &str, &[&str])]) -> Folder {
    let folder = Folder::new(name);
    for place in ["bin", "dev", "proc", "sys", "tmp", "etc", "run"] {
        std::fs::create_dir_all(folder.0.join(place)).expect("the temporary folder is writable");
    }
    std::fs::copy("/bin/busybox", folder.0.join("bin/busybox")).expect("busybox-static is installed");
    std::os::unix::fs::symlink("busybox", folder.0.join("bin/sh")).expect("the temporary folder is writable");
    for (program, source, flags) in programs {
        let source = home().join("user/programs").join(source);
        let target = folder.0.join("bin").join(program);
        let warnings = ["-Wall", "-Wextra", "-Werror", "-O2", "-static"];
        run(Command::new("cc")
            .args(warnings)
            .args(*flags)
            .arg("-I")
            .arg(home().join("user"))
            .arg("-o")
            .arg(&target)
            .arg(source));
    }
    folder
}

fn kernel() -> String {
    match common::kernel().as_str() {
        "linux" => "lstar".into(),
        other => other.into(),
    }
}

/// Runs a shell script in the root; standard output with both streams' lines.
fn run_script(root: &Folder, options: &[&str], script: &str) -> String {
    let root = root.0.to_str().expect("the name is plain");
    let kernel = kernel();
    let start = ["run", "--accel", "tcg", "--kernel", &kernel, "--timeout", "5m", "--root", root];
    let output = output(&mut lstar(&[&start[..], options, &["--", "/bin/sh", "-c", script]].concat()));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.replace('\r', "")
}

const PROGRAMS: [(&str, &str, &[&str]); 10] = [
    ("hello_int80", "hello_int80.S", &["-m32", "-nostdlib"]),
    ("hello_syscall", "hello_syscall.S", &["-nostdlib"]),
    ("hello_inline", "hello_inline.c", &[]),
    ("hello_libc", "hello_libc.c", &[]),
    ("hello_macros", "hello_macros.c", &[]),
    ("hello_macros_i386", "hello_macros.c", &["-m32"]),
    ("hello_macros_x32", "hello_macros.c", &["-mx32"]),
    ("bad_argument", "bad_argument.c", &[]),
    ("own_calls", "own_calls.c", &[]),
    ("own_calls_i386", "own_calls.c", &["-m32"]),
];

#[test]
fn every_program_says_hello() {
    let root = root("user-hello", &PROGRAMS[..7]);
    for (name, ..) in &PROGRAMS[..7] {
        assert_eq!(run_script(&root, &[], name), "hello world\n", "{name}");
    }
}

#[test]
fn a_wrong_argument_register_is_a_fault() {
    let root = root("user-wrong", &PROGRAMS[7..8]);
    assert_eq!(run_script(&root, &[], "bad_argument"), "write(1, (void *)8, 12) = -14\n");
    let path = root.0.to_str().expect("the name is plain");
    let trace = output(&mut lstar(&[
        "trace",
        "--accel",
        "tcg",
        "--kernel",
        &kernel(),
        "--root",
        path,
        "--",
        "/bin/bad_argument",
    ]));
    let trace = String::from_utf8_lossy(&trace.stderr).into_owned();
    assert!(trace.contains("write(1, 0x8, 12)                       = -1 EFAULT (Bad address)\n"), "{trace}");
}

#[test]
fn the_example_calls_do_what_they_say() {
    let root = root("user-own", &PROGRAMS[8..]);
    let expected = "foo() = 16384\ntestsyscall() = -1 (no terminal)\n";
    for name in ["own_calls", "own_calls_i386"] {
        assert_eq!(run_script(&root, &[], name), expected, "{name}");
        let on_terminal = run_script(&root, &["--tty"], name);
        assert_eq!(on_terminal, "foo() = 16384\nhello world\ntestsyscall() = 0\n", "{name}");
    }
}

#[test]
fn the_rust_crate_makes_calls_too() {
    let root = root("user-rust", &[]);
    let library = root.0.join("tmp/liblstar_user.rlib");
    let rust = home().join("user/rust");
    let common = ["--edition", "2024", "-O"];
    run(Command::new("rustc")
        .args(common)
        .args(["--crate-type", "rlib", "--crate-name", "lstar_user"])
        .arg(rust.join("src/lib.rs"))
        .arg("-o")
        .arg(&library));
    run(Command::new("rustc")
        .args(common)
        .args(["-C", "target-feature=+crt-static", "--extern"])
        .arg(format!("lstar_user={}", library.display()))
        .arg(rust.join("examples/hello.rs"))
        .arg("-o")
        .arg(root.0.join("bin/hello")));
    assert_eq!(run_script(&root, &[], "hello"), "hello world\n");
}
