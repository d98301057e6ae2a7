//! The documented programs of `user/`: each is built as its first lines say and does in the guest what it says.

mod common;

use common::{Folder, lstar, output, own_kernel};
use std::path::{Path, PathBuf};
use std::process::Command;

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the project is there")
}

fn run(command: &mut Command) {
    let output = command.output().expect("the compiler is installed");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The root that `user/make-root` makes.
fn root(name: &str) -> Folder {
    let folder = Folder::new(name);
    run(Command::new(home().join("user/make-root")).arg(&folder.0));
    folder
}

/// Runs a shell script in the root; standard output with both streams' lines.
fn run_script(root: &Folder, options: &[&str], script: &str) -> String {
    let root = root.0.to_str().expect("the name is plain");
    let kernel = own_kernel();
    let start = ["run", "--accel", "tcg", "--kernel", &kernel, "--timeout", "5m", "--root", root];
    let output = output(&mut lstar(&[&start[..], options, &["--", "/bin/sh", "-c", script]].concat()));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.replace('\r', "")
}

#[test]
fn every_program_says_hello() {
    let root = root("user-hello");
    let forms = ["int80", "syscall", "inline", "libc", "macros", "macros_i386", "macros_x32"];
    for form in forms {
        assert_eq!(run_script(&root, &[], &format!("hello_{form}")), "hello world\n", "hello_{form}");
    }
}

#[test]
fn a_wrong_argument_register_is_a_fault() {
    let root = root("user-wrong");
    assert_eq!(run_script(&root, &[], "bad_argument"), "write(1, (void *)8, 12) = -14\n");
    let path = root.0.to_str().expect("the name is plain");
    let trace = output(&mut lstar(&[
        "trace",
        "--accel",
        "tcg",
        "--kernel",
        &own_kernel(),
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
    let root = root("user-own");
    let expected = "foo() = 16384\ntestsyscall() = -1 (no terminal)\n";
    for name in ["own_calls", "own_calls_i386", "own_calls_x32"] {
        assert_eq!(run_script(&root, &[], name), expected, "{name}");
        let on_terminal = run_script(&root, &["--tty"], name);
        assert_eq!(on_terminal, "foo() = 16384\nhello world\ntestsyscall() = 0\n", "{name}");
    }
}

#[test]
fn the_rust_crate_makes_calls_too() {
    let root = root("user-rust");
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

/// The programs under strace and ltrace; what two runs may print differently is made equal. ltrace wants a table of dynamic
/// symbols and knows two of the three ABIs only, so for it the 64-bit ones are linked with the C library of the root.
const WATCHED: &str = r#"
cd /tmp && tar x || exit 1
show() { grep -E '^(execve|write|exit|SYS_write|SYS_exit|syscall|[+]{3}|---)' out | sed -E 's/0x[0-9a-f]{4,}/ADDRESS/g; s/ +/ /g'; }
for program in hello_int80 hello_syscall hello_inline hello_libc hello_macros hello_macros_i386 hello_macros_x32 bad_argument; do
    echo "== $program"
    strace -o out ./$program; echo "status $?"; show
done
for source in hello_syscall.S hello_inline.c hello_libc.c hello_macros.c bad_argument.c; do
    echo "== $source"
    case $source in *.S) own=-nostartfiles;; *) own=;; esac
    gcc -O1 -fcf-protection=none -no-pie $own -I. -o dynamic $source -Wl,-z,lazy,--no-as-needed -lc || exit 1
    ltrace -S -o out ./dynamic; echo "status $?"; show
done
"#;

/// What [`WATCHED`] prints on a kernel.
fn watched(kernel: &str, archive: &[u8]) -> String {
    let debian = lstar::debian::root().expect("a Debian root can be made");
    let debian = debian.to_str().expect("the name is plain");
    let machine = ["run", "--accel", "tcg", "--kernel", kernel, "--timeout", "10m"];
    let root = ["--mem", "1G", "--root", debian];
    let mut command = lstar(&[&machine[..], &root, &["--", "sh", "-c", WATCHED]].concat());
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("setsid is part of every system");
    let mut stdin = child.stdin.take().expect("it is piped");
    let archive = archive.to_vec();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &archive));
    let output = child.wait_with_output().expect("the child is ours");
    let _ = writer.join();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Takes a program's section out of what [`WATCHED`] prints.
fn take_section(text: &str, program: &str) -> (String, String) {
    let title = format!("== {program}\n");
    let start = text.find(&title).unwrap_or_else(|| panic!("nothing of {program}: {text}"));
    let length = text[start + title.len()..].find("== ").map_or(text.len() - start, |rest| rest + title.len());
    let section = text[start..start + length].to_string();
    (section, [&text[..start], &text[start + length..]].concat())
}

#[test]
fn every_program_is_seen_by_strace_and_ltrace_as_on_linux() {
    let root = root("user-watched");
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_dir_all(".", root.0.join("bin")).expect("the archive is in memory");
    archive.append_dir_all(".", home().join("user/programs")).expect("the archive is in memory");
    archive.append_path_with_name(home().join("user/syscall.h"), "syscall.h").expect("the archive is in memory");
    let archive = archive.into_inner().expect("the archive is in memory");
    let (theirs, ours) = (watched("linux", &archive), watched(&own_kernel(), &archive));
    println!("{ours}");
    // Debian's Linux has no x32: there the 64-bit program's calls are what is expected.
    let (own_x32, ours_of_others) = take_section(&ours, "hello_macros_x32");
    let (_, theirs_of_others) = take_section(&theirs, "hello_macros_x32");
    assert_eq!(ours_of_others, theirs_of_others);
    assert_eq!(own_x32.replace("hello_macros_x32", "hello_macros"), take_section(&theirs, "hello_macros").0);
    let by_strace = ours.matches("\nwrite(1, \"hello world\\n\", 12) = 12").count();
    let by_ltrace = ours.matches("SYS_write(1, \"hello world\\n\", 12)").count();
    assert!(by_strace == 7 && by_ltrace == 4, "{by_strace} and {by_ltrace}: {ours}");
    assert!(ours.contains("write(1, 0x8, 12) = -1 EFAULT (Bad address)"), "{ours}");
}
