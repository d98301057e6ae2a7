//! `lstar syscalls`: the table from outside, its filters and its JSON.

mod common;

use common::{assert_refused, lstar, output};

fn syscalls(arguments: &[&str]) -> String {
    let output = output(&mut lstar(&[&["syscalls"], arguments].concat()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().skip(1).map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn a_call_is_a_line_with_its_numbers_and_its_signature() {
    let text = syscalls(&["pread64"]);
    assert!(text.starts_with("x86-64   x32  i386  state    family         call\n"), "{text}");
    let line = text.lines().find(|line| line.contains("pread64(")).expect("it is there");
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words[..5], ["17", "17", "180", "full", "file"], "{line}");
    assert!(line.ends_with("pread64(int descriptor, out void *buffer, size_t count, loff_t offset)"), "{line}");
}

#[test]
fn filters_leave_what_was_asked_for() {
    let all = rows(&syscalls(&[])).len();
    let by_state: usize = ["full", "partial", "missing"]
        .map(|state| {
            let text = syscalls(&["--state", state]);
            assert!(rows(&text).iter().all(|row| row[3] == state), "{text}");
            rows(&text).len()
        })
        .iter()
        .sum();
    assert_eq!(by_state, all, "every call is in one state");
    for (place, abi) in ["x86-64", "x32", "i386"].into_iter().enumerate() {
        let text = syscalls(&["--abi", abi]);
        let found = rows(&text);
        assert!(found.len() > 350 && found.iter().all(|row| row[place] != "-"), "{abi}: {}", found.len());
    }
    let text = syscalls(&["--family", "memory", "--abi", "i386", "--state", "full", "map"]);
    let found = rows(&text);
    assert!(found.len() >= 3 && found.iter().all(|row| row[4] == "memory" && row[5].contains("map")), "{text}");
    assert_refused(&output(&mut lstar(&["syscalls", "--family", "nosuch"])), &["nosuch", "memory"]);
}

#[test]
fn json_says_all_that_is_declared() {
    let text = syscalls(&["--json", "pread64"]);
    let call = text.lines().find(|line| line.contains("\"name\":\"pread64\"")).expect("it is there");
    for part in [
        r#""x86_64":17,"x32":17,"i386":180"#,
        r#""family":"file""#,
        r#""state":"full""#,
        r#""lacks":"""#,
        r#""handler":"crate::file::"#,
        r#""source":"kernel/src/file/read_write.rs","declaration":"kernel/src/syscall/table/file.rs""#,
        r#""arguments":[{"name":"descriptor","type":"int"},{"name":"buffer","type":"void *","target":"void","access":"write"},"#,
    ] {
        assert!(call.contains(part), "{part} is not in {call}");
    }
    let all = syscalls(&["--json"]);
    assert!(all.starts_with("[\n{") && all.ends_with("}\n]\n"), "an array of objects");
    assert_eq!(all.matches("\"name\":").count() - all.matches("{\"name\":").count(), rows(&syscalls(&[])).len());
}

#[test]
fn the_long_form_says_which_function_serves_a_call() {
    let text = syscalls(&["--long", "pread64"]);
    assert!(text.contains("crate::file::read_write::pread64  kernel/src/file/read_write.rs\n"), "{text}");
}

#[test]
fn a_partial_call_says_what_lacks() {
    let text = syscalls(&["--state", "partial"]);
    assert!(text.lines().skip(1).all(|line| line.contains("(lacks ")), "{text}");
}
