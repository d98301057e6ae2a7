//! That the programs in `tests/guest/straddle` sweep over every pointer of every full call.
extern crate std;
use super::row::{Row, State};
use super::table::FAMILIES;
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use std::{format, fs};

/// Calls with pointers that are not swept over, and why.
const EXCEPTIONS: &[(&[&str], &str)] = &[
    (&["set_tid_address", "set_robust_list"], "the call only keeps the address: it is used as the thread ends"),
    (&["clone"], "the second one is the child's to write, which tells nobody of a fault"),
    (&["reboot"], "the command that reads a string restarts the machine once it has it"),
];

/// The calls that the programs have, each with how many of its arguments are swept over.
fn swept() -> BTreeMap<String, usize> {
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for program in ["calls.c", "native.c"] {
        let path = format!("{}/../tests/guest/straddle/{program}", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).expect("the program is there");
        for line in text.lines().map(str::trim) {
            let Some(row) = line.strip_prefix("R(").or_else(|| line.strip_prefix("AS(")) else { continue };
            let parts = parts(row);
            let mut parts = parts.iter().skip(usize::from(line.starts_with("AS(")));
            let name = parts.next().expect("a row names its call");
            let places = found.entry(name.clone()).or_default();
            for (place, argument) in parts.skip(1).enumerate() {
                if !argument.starts_with("V(") && !places.contains(&place) {
                    places.push(place);
                }
            }
        }
    }
    found.into_iter().map(|(name, places)| (name, places.len())).collect()
}

/// What stands between a row's commas, up to its end.
fn parts(row: &str) -> Vec<String> {
    let (mut parts, mut depth, mut text) = (Vec::new(), 0, false);
    parts.push(String::new());
    for letter in row.chars() {
        match letter {
            '"' => text = !text,
            '(' | '{' if !text => depth += 1,
            ')' if !text && depth == 0 => break,
            ')' | '}' if !text => depth -= 1,
            ',' if !text && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            ' ' | '\t' if !text => continue,
            _ => {}
        }
        parts.last_mut().expect("there is one").push(letter);
    }
    parts
}

/// How many pointers of a row lead to something that is read or written.
fn pointers(row: &Row) -> usize {
    let [x86_64, x32, _] = row.numbers;
    let is_narrow = x86_64.or(x32).is_none();
    let leads = |index: &usize| {
        row.types.get(*index).is_some_and(|kind| kind.ends_with('*'))
            && row.notation.and_then(|notation| notation.argument(*index, is_narrow)?.pointee()).is_some()
    };
    (0..row.arguments.len()).filter(leads).count()
}

#[test]
fn every_pointer_of_a_full_call_is_swept_over() {
    let swept = swept();
    let rows = FAMILIES.iter().take(FAMILIES.len() - 1).flat_map(|family| family.iter());
    let mut excused: Vec<&str> = EXCEPTIONS.iter().flat_map(|(names, _)| names.iter().copied()).collect();
    let mut wrong = String::new();
    for row in rows.filter(|row| row.state == State::Full) {
        let (there, wanted) = (swept.get(row.name).copied().unwrap_or(0), pointers(row));
        let is_excused = EXCEPTIONS.iter().any(|(names, _)| names.contains(&row.name));
        if there < wanted && !is_excused {
            wrong += &format!("{}: {there} of {wanted} pointers are swept over\n", row.name);
        }
        if there < wanted {
            excused.retain(|name| *name != row.name);
        }
    }
    for name in excused {
        wrong += &format!("{name} is swept over, and listed as if it were not\n");
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
