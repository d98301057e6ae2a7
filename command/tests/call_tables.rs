//! The tables that system calls go through: seen in the running system, and out of reach of stray stores.

mod common;

use common::{Folder, MODULE_FLAGS, lstar, output, own_kernel, own_kernel_image};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const TABLES: [&str; 3] = ["sys_call_table", "x32_sys_call_table", "ia32_sys_call_table"];
#[test]
fn the_running_system_lists_the_tables() {
    let kernel = own_kernel();
    let script = "cat /proc/kallsyms";
    let output = output(&mut lstar(&["run", "--accel", "tcg", "--kernel", &kernel, "--", "sh", "-c", script]));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let read_only = read_only_data(&std::fs::read(own_kernel_image()).expect("the kernel was built"));
    for table in TABLES {
        let line = text.lines().find(|line| line.ends_with(&format!(" R {table}")));
        let line = line.unwrap_or_else(|| panic!("no {table} in: {text}"));
        let address = u64::from_str_radix(&line[..16], 16).expect("an address comes first");
        assert!(read_only.iter().any(|range| range.contains(&address)), "{line}: not in {read_only:x?}");
    }
}

#[test]
fn the_system_map_lists_the_tables_where_they_are() {
    let kernel = own_kernel();
    let script = "grep sys_call_table /proc/kallsyms";
    let running = output(&mut lstar(&["run", "--accel", "tcg", "--kernel", &kernel, "--", "sh", "-c", script]));
    let image = own_kernel_image();
    let listed = output(&mut lstar(&["system-map", image.to_str().expect("the name is plain")]));
    let (running, listed) = (String::from_utf8_lossy(&running.stdout), String::from_utf8_lossy(&listed.stdout));
    assert_eq!(running.lines().count(), TABLES.len(), "{running}");
    for line in running.lines() {
        assert!(listed.lines().any(|other| other.eq_ignore_ascii_case(line)), "{line} is not in the map");
    }
    let addresses: Vec<_> = listed.lines().map(|line| &line[..16]).collect();
    assert!(addresses.is_sorted() && addresses.len() > 1000, "{} symbols by address", addresses.len());
    assert!(listed.contains(" memcpy\n"), "code is there too");
}

/// The addresses of the image's segments that may not be written.
fn read_only_data(image: &[u8]) -> Vec<std::ops::Range<u64>> {
    use object::{Object, ObjectSegment, SegmentFlags, elf};
    let file = object::File::parse(image).expect("the kernel is an ELF file");
    let is_read_only =
        |flags| matches!(flags, SegmentFlags::Elf { p_flags, .. } if p_flags & elf::PF_W == elf::ProgramFlags(0));
    let segments = file.segments().filter(|segment| is_read_only(segment.flags()));
    segments.map(|segment| segment.address()..segment.address() + segment.size()).collect()
}

/// Loads the module that stores at an address, which comes from a shell's expression.
fn store_at(module: &[u8], address: &str) -> Output {
    let script = format!(
        "cat > /tmp/stray.ko; sh -c 'insmod /tmp/stray.ko address=$0; echo stored' {address}; \
         dmesg | grep -c 'BUG: page fault in a module'; echo calls go on"
    );
    let kernel = own_kernel();
    let mut child = lstar(&["run", "--accel", "tcg", "--kernel", &kernel, "--", "sh", "-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("setsid is part of every system");
    let mut stdin = child.stdin.take().expect("it is piped");
    std::io::Write::write_all(&mut stdin, module).expect("the module is small");
    drop(stdin);
    child.wait_with_output().expect("the child is ours")
}

#[test]
fn a_stray_store_to_a_table_faults() {
    let folder = Folder::new("call-tables");
    let object = folder.0.join("stray.ko");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/module/stray.c");
    let built = Command::new("cc").args(["-O1", "-Wall", "-o"]).arg(&object).arg(source).args(MODULE_FLAGS).status();
    assert!(built.expect("cc is installed").success());
    let module = std::fs::read(object).expect("it was built");
    for table in TABLES {
        let output = store_at(&module, &format!("$(sed -n 's/ R {table}$//p' /proc/kallsyms)"));
        let (said, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        // Who loads the module ends; the table is as it was.
        assert!(said.ends_with("1\ncalls go on\n"), "{table}: {said}{log}");
    }
}
