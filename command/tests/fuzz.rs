//! Random calls through all three ABIs, typed by the table: the kernel stays alive, nothing hangs, nothing leaks, and every call
//! that is full succeeds often.
//!
//! `LSTAR_FUZZ_CALLS` and `LSTAR_FUZZ_SEED` choose how many and which; the seed is printed.

mod common;

use common::{Folder, MODULE_FLAGS, lstar, output, own_kernel};
use kernel::syscall::reference;
use kernel::syscall::row::{Row, State};
use kernel::trace::notation::{self, Notation};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

const CALLS: u64 = 1_000_000;
/// KiB that may be gone afterwards: what the kernel keeps in stock, slabs in part use.
const MEMORY: i64 = 1024;

/// What an argument is, for the fuzzer: by its notation in traces; by its type and name where it has none or means a process.
fn kind(notation: Option<&Notation>, type_and_name: Option<(&str, &str)>) -> &'static str {
    match (notation.map_or("", Notation::kind), type_and_name) {
        ("number" | "word" | "id" | "", Some(("pid_t", _))) => "process",
        ("", Some(("const char *", _))) => "path",
        ("", Some(("size_t", _))) => "size",
        ("", Some((_, "descriptor" | "fd" | "ufd" | "epfd" | "pidfd"))) => "descriptor",
        ("", Some(("void *", _))) => "out",
        ("", _) => "word",
        (kind, _) => kind,
    }
}

/// The table as C: names, numbers, and what each argument is.
fn calls_header() -> String {
    let mut calls: BTreeMap<&str, ([i32; 3], bool, &Row)> = BTreeMap::new();
    for (_, row) in reference::rows() {
        let entry = calls.entry(row.name).or_insert(([-1; 3], false, row));
        for (place, number) in entry.0.iter_mut().zip(row.numbers) {
            *place = number.map_or(*place, i32::from);
        }
        entry.1 |= row.state == State::Full;
    }
    let (mut sets, mut table) = (String::new(), String::new());
    for (index, (name, (numbers, full, row))) in calls.iter().enumerate() {
        let notation = notation::of(name).map_or(&[][..], |call| call.arguments);
        let count = notation.len().max(row.arguments.len()).min(6);
        let mut arguments = String::new();
        for place in 0..count {
            let argument = notation.get(place);
            let types = row.types.iter().zip(row.arguments).map(|(of, name)| (*of, *name));
            let named = Some(types).filter(|_| notation.is_empty() || notation.len() == row.arguments.len());
            let named = named.and_then(|mut types| types.nth(place));
            let names = argument.map_or(&[][..], Notation::names);
            let set = if names.is_empty() { "0".into() } else { format!("set_{index}_{place}") };
            let kind = kind(argument, named).to_uppercase();
            let _ =
                write!(arguments, "{{{kind}, {set}, {}, \"{}\"}}, ", names.len(), named.map_or("", |named| named.1));
            if !names.is_empty() {
                let values: Vec<_> = names.iter().map(|(value, _)| format!("{:#x}u", value & 0xffff_ffff)).collect();
                let _ = writeln!(sets, "static const uint32_t {set}[] = {{{}}};", values.join(", "));
            }
        }
        let numbers = numbers.map(|number| number.to_string()).join(", ");
        let _ = writeln!(table, "\t{{\"{name}\", {{{numbers}}}, {}, {count}, {{{arguments}}}}},", i32::from(*full));
    }
    format!("{sets}static const struct call calls[] = {{\n{table}}};\n")
}

/// The seed where none is given.
const SEED: u64 = 1;

/// How often each call that is full succeeds at least, in a million.
const SUCCESSES: i64 = 100;
fn compile(source: &str, flags: &[&str], to: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz").join(source);
    let built = Command::new("cc").arg("-O1").args(flags).arg("-o").arg(to).arg(source).output();
    let built = built.expect("cc is installed");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[test]
fn random_calls_do_no_harm() {
    let folder = Folder::new("fuzz");
    for place in ["bin", "dev", "proc", "sys", "tmp", "etc", "run"] {
        std::fs::create_dir_all(folder.0.join(place)).expect("the temporary folder is writable");
    }
    folder.file("calls.h", calls_header().as_bytes());
    let include = folder.0.to_str().expect("the name is plain");
    compile(
        "fuzz.c",
        &["-static", "-Wall", "-Werror", "-Wno-unused-result", "-I", include],
        &folder.0.join("bin/fuzz"),
    );
    compile("module.c", &MODULE_FLAGS, &folder.0.join("module.ko"));

    let kernel = own_kernel();
    // The same calls in every run, so that a failure is the change's; other seeds are for whoever looks for more.
    let seed = setting("LSTAR_FUZZ_SEED", SEED).to_string();
    let calls = setting("LSTAR_FUZZ_CALLS", CALLS);
    let root = folder.0.to_str().expect("the name is plain");
    println!("LSTAR_FUZZ_SEED={seed}");
    let run = ["run", "--accel", "tcg", "--kernel", &kernel, "--timeout", "30m", "-v", "--root", root];
    let output = output(&mut lstar(&[&run[..], &["--", "/bin/fuzz", &seed, &calls.to_string()]].concat()));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{text}");
    assert_eq!(output.status.code(), Some(0), "seed {seed}: the machine did not end well: {log}");

    let number =
        |line: &str, place: usize| line.split_whitespace().nth(place).and_then(|word| word.parse::<i64>().ok());
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_string();
    let leaked = number(&line("memory "), 1).expect("the memory was looked at");
    assert!(leaked < MEMORY, "seed {seed}: {leaked} KiB are gone");
    let more = number(&line("memory "), 5).expect("the processes were counted");
    assert!(more <= 0, "seed {seed}: {more} processes are left");
    let full: Vec<_> = text.lines().filter(|line| line.starts_with("full ")).collect();
    let seldom: Vec<_> = full.iter().filter(|line| number(line, 3).is_none_or(|count| count < SUCCESSES)).collect();
    println!("{} of {} full calls succeeded {SUCCESSES} times", full.len() - seldom.len(), full.len());
    assert!(calls < CALLS || seldom.is_empty(), "seed {seed}: made and succeeded too seldom: {seldom:#?}");
}
