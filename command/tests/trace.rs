//! `lstar trace`: what it prints, which calls it makes fail, and that its lines are those of Debian's strace on Linux.
//!
//! The kernel under test is always Lstar, which is the one that can trace.

mod common;

use common::{Folder, assert_refused, lstar, output, own_kernel};
use std::collections::BTreeMap;
use std::process::Output;

/// `lstar trace` by translation.
fn trace(arguments: &[&str]) -> Output {
    let kernel = own_kernel();
    output(&mut lstar(&[&["trace", "--accel", "tcg", "--kernel", &kernel], arguments].concat()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_call_of_a_program_is_printed_from_its_first_instruction() {
    let output = trace(&["--", "cat", "/etc/passwd"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("root:"), "the program's own output is as it was");
    let trace = text(&output.stderr);
    let lines: Vec<_> = trace.lines().collect();
    assert!(lines[0].starts_with(r#"execve("/bin/cat", ["cat", "/etc/passwd"], 0x"#), "{trace}");
    assert!(lines.contains(&r#"openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3"#), "{trace}");
    assert!(lines.contains(&"exit_group(0)                           = ?"), "{trace}");
    assert_eq!(lines.last(), Some(&"+++ exited with 0 +++"), "{trace}");
}

#[test]
fn children_are_traced_if_asked_for() {
    let script = "true | cat; kill -TERM $$";
    let alone = text(&trace(&["-e", "%process", "--", "sh", "-c", script]).stderr);
    assert!(!alone.contains("[pid") && alone.contains("+++ killed by SIGTERM +++"), "{alone}");
    let output = trace(&["-f", "-e", "%process", "--", "sh", "-c", script]);
    assert_eq!(output.status.code(), Some(128 + 15));
    let all = text(&output.stderr);
    assert_eq!(all.matches("+++ exited with 0 +++").count(), 2, "{all}");
    assert!(all.contains("[pid") && all.contains(" = ?") && all.contains("<unfinished ...>"), "{all}");
    assert!(all.contains("--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid="), "{all}");
    assert!(all.contains("--- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid="), "{all}");
}

#[test]
fn calls_fail_and_wait_by_rule() {
    let arguments = ["-e", "openat,write", "-T", "--fail", "openat=EACCES:2", "--delay", "write=30ms"];
    let output = trace(&[&arguments[..], &["--", "cat", "/etc/passwd", "/etc/group"]].concat());
    assert_eq!(output.status.code(), Some(1), "cat says that it could not open a file");
    let trace = text(&output.stderr);
    let failed = trace.lines().find(|line| line.contains("(INJECTED)")).expect("a call was made to fail");
    assert!(
        failed.starts_with(r#"openat(AT_FDCWD, "/etc/group", O_RDONLY) = -1 EACCES (Permission denied) (INJECTED) <"#)
    );
    assert!(trace.contains("(DELAYED) <"), "{trace}");
}

#[test]
fn the_table_counts_calls_and_errors() {
    let table = text(&trace(&["-c", "--", "cat", "/etc/nosuch"]).stderr);
    let row = |name: &str| table.lines().find(|line| line.ends_with(name)).unwrap_or_default().to_string();
    assert!(table.contains("% time     seconds  usecs/call     calls    errors syscall\n"), "{table}");
    let words: Vec<_> = row(" openat").split_whitespace().map(String::from).collect();
    assert_eq!(words[3..], ["1", "1", "openat"], "{table}");
    assert!(row(" total").starts_with("100.00"), "{table}");
}

#[test]
fn json_has_an_object_a_line() {
    let folder = Folder::new("trace-json");
    let path = folder.0.join("calls.json");
    let path = path.to_str().expect("the name is plain");
    let output = trace(&["--json", "-o", path, "-e", "%file", "--", "cat", "/etc/nosuch"]);
    assert!(text(&output.stderr).starts_with("cat: "), "the trace is in the file only");
    let lines = std::fs::read_to_string(path).expect("the file was written");
    assert!(lines.lines().all(|line| line.starts_with("{\"kind\":\"") && line.ends_with('}')), "{lines}");
    let call = lines.lines().find(|line| line.contains("\"name\":\"openat\"")).expect("a file was opened");
    assert!(call.contains(r#""arguments":["AT_FDCWD","\"/etc/nosuch\"","O_RDONLY"],"result":-2,"#), "{call}");
    assert!(call.contains(r#""shown":"-1 ENOENT (No such file or directory)""#), "{call}");
}

#[test]
fn times_stand_before_lines() {
    let first = |options: &[&str]| {
        let trace = text(&trace(&[options, &["-e", "exit_group", "--", "true"]].concat()).stderr);
        trace.split(" exit_group").next().unwrap_or_default().to_string()
    };
    assert_eq!(first(&["-r"]), "     0.000000");
    assert_eq!(first(&["-t"]).len(), "07:06:10".len());
    assert_eq!(first(&["-tt"]).len(), "07:06:10.000000".len());
    assert!(first(&["-ttt"]).split_once('.').is_some_and(|(seconds, _)| seconds.parse::<u64>().is_ok()));
}

#[test]
fn what_cannot_be_traced_is_refused() {
    assert_refused(&trace(&["-e", "nosuch", "--", "true"]), &["nosuch", "lstar syscalls"]);
    assert_refused(&trace(&["-e", "%nosuch", "--", "true"]), &["%nosuch"]);
    assert_refused(&trace(&["--fail", "read=EWHAT", "--", "true"]), &["EWHAT"]);
    assert_refused(&trace(&["--fail", "read", "--", "true"]), &["CALL=ERRNO"]);
    assert_refused(&trace(&["--delay", "read=x", "--", "true"]), &["--delay read=x"]);
    let linux = output(&mut lstar(&["trace", "--kernel", "linux", "--", "true"]));
    assert_refused(&linux, &["Linux", "strace"]);
}

/// The beginnings of lines that may differ: the table of docs/tracing.md, each with its reason.
fn listed_differences() -> Vec<&'static str> {
    let page = include_str!("../../docs/tracing.md");
    let (_, table) = page.split_once("| line | reason |\n|---|---|\n").expect("the page has the table");
    let row = |line: &'static str| line.strip_prefix("| `")?.split_once("` | ");
    let rows: Vec<_> = table.lines().map_while(row).collect();
    assert!(rows.iter().all(|(_, reason)| reason.len() > 10), "each kind has its reason: {rows:?}");
    rows.iter().map(|(start, _)| *start).collect()
}

/// Lines by process, in the order in which the processes appear. What two runs may write differently is made equal.
fn normalized(trace: &str, follow: bool) -> Vec<Vec<String>> {
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    let mut unfinished: BTreeMap<String, String> = BTreeMap::new();
    for line in trace.lines() {
        let (process, line) = match line.split_once(' ') {
            Some((process, rest)) if follow && process.parse::<u32>().is_ok() => (process, rest.trim_start()),
            _ if follow => continue,
            _ => ("", line),
        };
        if !order.iter().any(|known| known == process) {
            order.push(process.to_string());
        }
        if let Some(start) = line.strip_suffix("<unfinished ...>") {
            let start = start.trim_end();
            let space = if start.ends_with(',') { " " } else { "" };
            unfinished.insert(process.to_string(), format!("{start}{space}"));
            continue;
        }
        let resumed = line.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>"));
        let whole = match resumed {
            Some((_, rest)) => unfinished.remove(process).unwrap_or_default() + rest,
            None => line.to_string(),
        };
        lines.entry(process.to_string()).or_default().push(whole);
    }
    let normalize = |process: &String| {
        let mut lines: Vec<_> = lines[process].iter().map(|line| normalized_line(line, &order)).collect();
        // Whether a vDSO has to ask its kernel for the time depends on the host's load.
        lines.retain(|line| !["clock_gettime", "gettimeofday"].contains(&line.as_str()) && !line.starts_with("time("));
        // How many entries come at once is the file server's choice.
        lines.retain(|line| !line.starts_with("getdents64(") || line.ends_with("= 0"));
        lines
    };
    order.iter().map(normalize).collect()
}

fn normalized_line(line: &str, processes: &[String]) -> String {
    let call = line.split('(').next().unwrap_or_default();
    let words: Vec<_> = line.split_whitespace().map(without_addresses).collect();
    let mut line = words.join(" ");
    if line.starts_with("--- SIGCHLD") {
        // Processor times.
        line = line.split(", si_utime=").next().unwrap_or_default().to_string();
    }
    if let Some((start, id)) = line.split_once("si_pid=") {
        let (id, rest) = id.split_once(',').unwrap_or((id, ""));
        return format!("{start}si_pid={},{rest}", process_name(id, processes));
    }
    let (start, result) = line.rsplit_once(" = ").unwrap_or((&line, ""));
    match call {
        "clone" | "clone3" | "vfork" | "fork" | "wait4" | "getpid" | "gettid" | "getppid" | "getpgrp"
        | "set_tid_address" | "rt_sigreturn" => format!("{start} = {}", process_name(result, processes)),
        "kill" => {
            let id = start.trim_start_matches("kill(").split(',').next().unwrap_or_default();
            format!("{} = {result}", start.replacen(id, &process_name(id, processes), 1))
        }
        "getrandom" => line.replace(line.split('"').nth(1).unwrap_or_default(), "RANDOM"),
        "getdents64" if result != "0" => start.split("/*").next().unwrap_or_default().to_string(),
        "sysinfo" | "clock_gettime" | "gettimeofday" | "fstatfs" => call.to_string(),
        _ => line,
    }
}

/// A process's place among those of the trace; other processes are all alike, and small results are no processes.
fn process_name(id: &str, processes: &[String]) -> String {
    match processes.iter().position(|known| known == id) {
        Some(place) => format!("PROCESS-{place}"),
        None if id.parse::<u32>().is_ok_and(|id| id > 0) => "PROCESS".into(),
        None => id.into(),
    }
}

fn without_addresses(word: &str) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some(at) = rest.find("0x") {
        let (before, number) = rest.split_at(at + 2);
        let length = number.find(|character: char| !character.is_ascii_hexdigit()).unwrap_or(number.len());
        let (digits, after) = number.split_at(length);
        out.push_str(before);
        out.push_str(if length >= 5 { "ADDRESS" } else { digits });
        rest = after;
    }
    out + rest
}

/// Lines of either side that have no partner in the other, by the longest common subsequence.
fn differing(left: &[String], right: &[String]) -> Vec<String> {
    let columns = right.len() + 1;
    let mut longest = vec![0_u32; (left.len() + 1) * columns];
    for (row, a) in left.iter().enumerate().rev() {
        for (column, b) in right.iter().enumerate().rev() {
            longest[row * columns + column] = match a == b {
                true => longest[(row + 1) * columns + column + 1] + 1,
                false => longest[(row + 1) * columns + column].max(longest[row * columns + column + 1]),
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut found = Vec::new();
    while row < left.len() || column < right.len() {
        if row < left.len() && column < right.len() && left[row] == right[column] {
            (row, column) = (row + 1, column + 1);
        } else if column == right.len()
            || (row < left.len() && longest[(row + 1) * columns + column] >= longest[row * columns + column + 1])
        {
            found.push(format!("strace: {}", left[row]));
            row += 1;
        } else {
            found.push(format!("lstar:  {}", right[column]));
            column += 1;
        }
    }
    found
}

/// Traces a command on both kernels in a Debian root and compares.
fn assert_as_strace(name: &str, follow: bool, command: &[&str]) {
    let root = lstar::debian::root().expect("a Debian root can be made");
    let root = root.to_str().expect("the name is plain");
    let machine = ["--mem", "1G", "--timeout", "10m", "--root", root];
    let flag: &[&str] = if follow { &["-f"] } else { &[] };
    let strace = [
        &["run", "--kernel", "linux", "--accel", "tcg"],
        &machine[..],
        &["--", "strace", "-o", "/dev/stderr"],
        flag,
        command,
    ];
    let theirs = text(&output(&mut lstar(&strace.concat())).stderr);
    let folder = Folder::new(name);
    let file = folder.0.join("trace");
    let file = file.to_str().expect("the name is plain");
    trace(&[&machine[..], &["-o", file], flag, &["--"], command].concat());
    let ours = std::fs::read_to_string(file).expect("the trace was written");
    let (theirs, ours) = (normalized(&theirs, follow), normalized(&ours, follow));
    assert_eq!(theirs.len(), ours.len(), "as many processes");
    let lines: usize = theirs.iter().map(Vec::len).sum();
    let differ: Vec<_> = theirs.iter().zip(&ours).flat_map(|(theirs, ours)| differing(theirs, ours)).collect();
    println!("{name}: {lines} lines of strace's, {} of either differ:\n{}", differ.len(), differ.join("\n"));
    assert!(lines > 100, "something was traced");
    // When a child ends is a matter of time: what tells of it may stand elsewhere.
    let is_movable = |line: &str| ["wait4(", "--- SIGCHLD "].iter().any(|start| line[8..].starts_with(start));
    let is_partner = |one: &str, other: &str| one[8..] == other[8..] && one[..8] != other[..8];
    let moved = |line: &str| is_movable(line) && differ.iter().any(|other| is_partner(line, other));
    let listed = listed_differences();
    let reason = |line: &&String| moved(line) || listed.iter().any(|start| line[8..].starts_with(start));
    let unexplained: Vec<_> = differ.iter().filter(|line| !reason(line)).collect();
    assert!(unexplained.is_empty(), "lines differ without a reason: {unexplained:#?}");
    // Lines that are the same but stand elsewhere do not count.
    let mut alone: Vec<&str> = Vec::new();
    for line in &differ {
        match alone.iter().position(|other| is_partner(line, other)) {
            Some(partner) => drop(alone.remove(partner)),
            None => alone.push(line),
        }
    }
    assert!(alone.len() * 100 <= 2 * lines, "more than 1 % of the lines differ: {alone:#?}");
}

#[test]
fn a_listing_is_traced_as_strace_traces_it() {
    assert_as_strace("trace-ls", false, &["ls", "-lR", "/usr/lib/python3.11/email", "/usr/share/perl/5.36.0"]);
}

#[test]
fn a_python_start_is_traced_as_strace_traces_it() {
    assert_as_strace("trace-python", true, &["python3", "-c", "print(1)"]);
}

#[test]
fn a_shell_script_is_traced_as_strace_traces_it() {
    let script = "cd /tmp; for i in 1 2 3; do echo $i > f$i; done; cat f1 f2; mkdir d; mv f1 d; rm -r d f2 f3; \
                  (exit 3); test -e /etc/passwd; wc -c < /etc/passwd > count; cat count; sleep 0.1; \
                  tr a-z A-Z < /etc/debian_version; kill -TERM $$";
    assert_as_strace("trace-script", true, &["sh", "-c", script]);
}

#[test]
fn structures_of_i386_are_shown_as_its_own() {
    let root = Folder::new("trace-i386");
    for place in ["bin", "dev", "proc", "run", "sys", "tmp"] {
        std::fs::create_dir_all(root.0.join(place)).expect("the temporary folder is writable");
    }
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trace/structures.c");
    let program = root.0.join("bin/structures");
    let built =
        std::process::Command::new("cc").args(["-m32", "-O1", "-static", "-o"]).arg(program).arg(source).status();
    assert!(built.expect("cc is installed").success());
    let root = root.0.to_str().expect("the name is plain");
    let trace = text(&trace(&["--root", root, "--", "/bin/structures"]).stderr);
    for line in [
        r#"stat64("/dev/null", {st_mode=S_IFCHR|0666, st_rdev=makedev(0x1, 0x3), ...}) = 0"#,
        r#"stat("/bin", {st_mode=S_IFDIR|0"#,
        r#"statfs64("/proc", 84, {f_type=PROC_SUPER_MAGIC, f_bsize=4096, f_blocks=0,"#,
        "signal(SIGUSR1, SIG_IGN)                = 0 (SIG_DFL)",
        "sigprocmask(SIG_BLOCK, [USR2], NULL)    = 0",
        "set_thread_area({entry_number=-1, base_addr=0x",
        "useable=1}) = 0 (entry_number=12)",
        "clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x",
        // What socketcall and ipc carry.
        "socketpair(AF_UNIX, SOCK_STREAM, 0, [3, 4]) = 0",
        r#"send(3, "x", 1, MSG_NOSIGNAL)           = 1"#,
        r#"recv(4, "x", 1, MSG_PEEK)               = 1"#,
        r#"recvfrom(4, "x", 1, 0, NULL, NULL)      = 1"#,
        "accept(3, NULL, NULL)                   = -1 EINVAL (Invalid argument)",
        "socketcall(99, NULL)                    = -1 EINVAL (Invalid argument)",
        "semget(IPC_PRIVATE, 1, 0600)            = 0",
        "semtimedop(0, [{sem_num=0, sem_op=1, sem_flg=IPC_NOWAIT}], 1, NULL) = 0",
        "semtimedop(0, [{sem_num=0, sem_op=1, sem_flg=IPC_NOWAIT}], 1, {tv_sec=1, tv_nsec=5}) = 0",
        "semctl(0, 0, IPC_64|SETVAL, [0x5])      = 0",
        "semctl(0, 0, IPC_64|IPC_RMID, [NULL])   = 0",
        "shmat(0, NULL, SHM_RDONLY)              = 0xf",
        "shmctl(0, IPC_64|IPC_RMID, NULL)        = 0",
        r#"msgsnd(0, {mtype=7, mtext="abc\0"}, 4, 0) = 0"#,
        r#"msgrcv(0, {mtype=7, mtext="abc\0"}, 4, -8, IPC_NOWAIT) = 4"#,
    ] {
        assert!(trace.contains(line), "{line} is not in: {trace}");
    }
}
