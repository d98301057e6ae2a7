//! Random calls through all three ABIs, typed by the table: the kernel stays alive, nothing hangs, nothing leaks.
//!
//! `LSTAR_FUZZ_CALLS` and `LSTAR_FUZZ_SEED` choose how many and which; the seed is printed.

mod common;

use common::{Folder, lstar, output};
use kernel::syscall::reference;
use kernel::syscall::row::State;
use kernel::trace::notation;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

const CALLS: u64 = 1_000_000;
/// KiB that may be gone afterwards: what the kernel keeps in stock.
const MEMORY: i64 = 2 * 1024;

/// The table as C: names, numbers, and what each argument is.
fn calls_header() -> String {
    let mut calls: BTreeMap<&str, ([i32; 3], bool)> = BTreeMap::new();
    for (_, row) in reference::rows() {
        let entry = calls.entry(row.name).or_insert(([-1; 3], false));
        for (place, number) in entry.0.iter_mut().zip(row.numbers) {
            *place = number.map_or(*place, i32::from);
        }
        entry.1 |= row.state == State::Full;
    }
    let (mut sets, mut table) = (String::new(), String::new());
    for (index, (name, (numbers, full))) in calls.iter().enumerate() {
        let description = notation::of(name);
        let mut arguments = String::new();
        for (place, argument) in description.map_or(&[][..], |call| call.arguments).iter().enumerate() {
            let names = argument.names();
            let set = if names.is_empty() { "0".into() } else { format!("set_{index}_{place}") };
            let _ = write!(arguments, "{{{}, {set}, {}}}, ", argument.kind().to_uppercase(), names.len());
            if !names.is_empty() {
                let values: Vec<_> = names.iter().map(|(value, _)| format!("{:#x}u", value & 0xffff_ffff)).collect();
                let _ = writeln!(sets, "static const uint32_t {set}[] = {{{}}};", values.join(", "));
            }
        }
        let count = description.map_or(-1, |call| i32::try_from(call.arguments.len()).unwrap_or(6));
        let numbers = numbers.map(|number| number.to_string()).join(", ");
        let _ = writeln!(table, "\t{{\"{name}\", {{{numbers}}}, {}, {count}, {{{arguments}}}}},", i32::from(*full));
    }
    format!("{sets}static const struct call calls[] = {{\n{table}}};\n")
}

/// The seed where none is given.
const SEED: u64 = 1;

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
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/fuzz.c");
    let built = Command::new("cc")
        .args(["-O1", "-w", "-static", "-I"])
        .arg(&folder.0)
        .arg("-o")
        .arg(folder.0.join("bin/fuzz"))
        .arg(source)
        .output()
        .expect("cc is installed");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let kernel = match common::kernel().as_str() {
        "linux" => "lstar".to_string(),
        other => other.to_string(),
    };
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
    let reached = full.iter().filter(|line| number(line, 3).is_some_and(|count| count > 0)).count();
    println!("{reached} of {} full calls succeeded at least once", full.len());
}
