//! What tracing costs, counted in instructions: docs/guarantees.md names the bounds.

mod common;

use common::{Folder, lstar, output, own_kernel, own_kernel_image};
use object::{Object, ObjectSection, ObjectSymbol};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// What a call may cost more when the kernel traces it, the reader of the trace included.
const TRACED: u64 = 3000;

/// Instructions per call, by name, as the probe counts them in the guest.
fn costs(root: &Folder, arguments: &[&str]) -> BTreeMap<String, u64> {
    let kernel = own_kernel();
    let root = root.0.to_str().expect("the name is plain");
    let machine =
        ["--icount", "--accel", "tcg", "--kernel", &kernel, "--timeout", "5m", "--root", root, "--", "/bin/cost"];
    let output = output(&mut lstar(&[arguments, &machine].concat()));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let line = |line: &str| Some((line.split(' ').next()?.to_string(), line.split(' ').nth(1)?.trim().parse().ok()?));
    text.lines().filter_map(line).collect()
}

#[test]
fn a_traced_call_costs_little_more() {
    let root = Folder::new("trace-cost");
    for place in ["bin", "dev", "proc", "run", "sys", "tmp"] {
        std::fs::create_dir_all(root.0.join(place)).expect("the temporary folder is writable");
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trace/cost.c");
    let built = Command::new("cc").args(["-O2", "-static", "-o"]).arg(root.0.join("bin/cost")).arg(source).status();
    assert!(built.expect("cc is installed").success());
    let trace = root.0.join("tmp/trace").display().to_string();
    let untraced = costs(&root, &["run"]);
    let traced = costs(&root, &["trace", "-o", &trace]);
    assert_eq!(untraced.len(), 3, "{untraced:?}");
    for (call, untraced) in untraced {
        let traced = traced[&call];
        println!("{call}: {untraced} instructions, traced {traced}");
        assert!(traced < untraced + TRACED, "{call}: {untraced} instructions, traced {traced}");
    }
}

/// The mask of the work flags that watch calls, as an instruction has it.
const ON_ENTRY: [u8; 4] = [0x00, 0xff, 0x00, 0x00];

/// On the way in, what an untraced call does for those who watch is one test of memory and the jump that is not taken.
#[test]
fn an_untraced_call_pays_two_instructions() {
    let path = own_kernel_image();
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; ./lstar build", path.display()));
    let file = object::File::parse(&*bytes).expect("the kernel is an ELF file");
    let is_way_in = |name: &str| name.contains("5entry7syscall11system_call");
    let symbol = file.symbols().find(|symbol| symbol.name().is_ok_and(is_way_in)).expect("the way in has a symbol");
    let text = file.section_by_name(".text").expect("the kernel has code");
    let code = text.data_range(symbol.address(), symbol.size()).expect("it is there").expect("it is there");
    // `test dword ptr [register + offset], mask`: opcode f7, an address with an offset of one or four bytes, the mask.
    let is_test = |at: usize| [3, 4, 6, 7].iter().any(|back| at >= *back && code[at - back] == 0xf7);
    let has_mask = |at: &usize| code[*at..].starts_with(&ON_ENTRY) && is_test(*at);
    let tests: Vec<_> = (0..code.len() - 6).filter(has_mask).collect();
    assert_eq!(tests.len(), 1, "the flags are tested once: {tests:?} in {code:x?}");
    let after = &code[tests[0] + 4..];
    assert!(after[0] == 0x75 || after[..2] == [0x0f, 0x85], "{:x?}", &code[tests[0] - 8..tests[0] + 8]);
}
