//! Modules: made, built, loaded, used and unloaded; refused where they should be; nothing left behind.

mod common;

use common::*;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs `lstar` with arguments that must succeed; what it prints.
fn succeed(arguments: &[&str]) -> String {
    let output = output(&mut lstar(arguments));
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../module/examples/greeting")
}

/// The example's object, built once.
fn greeting() -> &'static [u8] {
    static OBJECT: OnceLock<Vec<u8>> = OnceLock::new();
    OBJECT.get_or_init(|| {
        let path = succeed(&["module", "build", example().to_str().expect("the name is plain")]);
        std::fs::read(path.trim()).expect("it was built")
    })
}

/// Compiles C; the bytes of the program or object.
fn compile(source: &str, flags: &[&str]) -> Vec<u8> {
    let folder = Folder::new(&format!("{source}-{}", flags.concat().len()));
    let result = folder.0.join("result");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/module").join(source);
    let status = Command::new("cc").args(["-O1", "-Wall", "-o"]).arg(&result).arg(&source).args(flags).status();
    assert!(status.expect("cc is installed").success(), "{} does not compile", source.display());
    std::fs::read(result).expect("it was compiled")
}
fn probe() -> &'static [u8] {
    static PROBE: OnceLock<Vec<u8>> = OnceLock::new();
    PROBE.get_or_init(|| compile("probe.c", &["-static", "-s"]))
}
fn c_module(source: &str, flags: &[&str]) -> Vec<u8> {
    compile(source, &[&MODULE_FLAGS, flags].concat())
}

/// Runs a script in a guest with files in its working directory.
fn guest(options: &[&str], files: &[(&str, &[u8])], script: &str) -> Output {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files.iter().chain([&("probe", probe())]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o755);
        archive.append_data(&mut header, name, *bytes).expect("the archive is in memory");
    }
    let archive = archive.into_inner().expect("the archive is in memory");
    let script = format!("cd /tmp && tar x && {{ {script}\n}}");
    let arguments = [&["run", "--accel", "tcg"], options, &["--", "sh", "-c", &script]].concat();
    let mut child = lstar(&arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("setsid is part of every system");
    let mut stdin = child.stdin.take().expect("it is piped");
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &archive));
    let output = child.wait_with_output().expect("it is our child");
    let _ = writer.join();
    output
}

/// As [`guest`], for a script that prints exactly this.
fn prints(options: &[&str], files: &[(&str, &[u8])], script: &str, expected: &str) {
    let output = guest(options, files, script);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(stdout, expected, "{stderr}");
    assert_eq!(output.status.code(), Some(0), "{stderr}");
}

#[test]
fn a_module_lives_and_leaves_nothing() {
    let script = "
        ./probe call 1010 21
        insmod greeting.ko
        lsmod | sed -n '2s/ .*//p'
        ./probe call 1010 21
        ./probe call 0x400003f2 21
        ./probe int80 223 21
        ./probe call 1010 0x7fffffff
        ./probe copy all
        cat /dev/greeting
        echo changed > /dev/greeting
        cat /dev/greeting
        uptime > /dev/null
        ./probe ioctl /dev/greeting
        insmod greeting.ko 2>&1 | grep -o 'File exists'
        sleep 100 < /dev/greeting &
        sleep 0.2
        rmmod greeting 2>&1 | grep -o 'temporarily unavailable'
        cut -d ' ' -f 1,3-5,7- /proc/modules
        kill %1
        wait
        rmmod greeting
        ./probe call 1010 21
        ./probe call 0x400003f2 21
        ./probe int80 223 21
        uptime > /dev/null
        cat /dev/greeting 2>&1 | grep -o 'No such'
        cat /proc/modules
        dmesg | grep -o 'greeting: .*[a-z] [0-9t].*' | sed 's/called [0-9]*/called N/'
        insmod greeting.ko factor=5
        ./probe call 1010 21
        rmmod greeting";
    let expected = "-ENOSYS\ngreeting\n42\n42\n42\n-ERANGE\n7\ncopied\n-EFAULT\n-EFAULT\n-EINVAL\nhello\nchanged\n0\ncounted\n\
        -EFAULT\n-ENOTTY\nFile exists\ntemporarily unavailable\ngreeting 1 - Live (OE)\n-ENOSYS\n-ENOSYS\n-ENOSYS\nNo such\n\
        greeting: ready, factor 2\ngreeting: sysinfo was called N times\n105\n";
    prints(&[], &[("greeting.ko", greeting())], script, expected);
}

#[test]
fn debians_tools_know_modules() {
    let root = lstar::debian::root().expect("mmdebstrap is installed");
    let script = "
        insmod greeting.ko factor=3 && echo loaded
        lsmod | sed 's/  */ /g' | cut -d ' ' -f 1,3-
        modinfo greeting.ko | sed -n 's/^\\(name\\|license\\|version\\):  *//p' | sort
        sleep 100 < /dev/greeting &
        sleep 0.2
        lsmod | sed -n '2s/  */ /gp' | cut -d ' ' -f 1,3-
        rmmod greeting 2>&1
        kill $!
        wait 2> /dev/null
        cat /sys/module/greeting/initstate /sys/module/greeting/refcnt /sys/module/greeting/taint
        cat /sys/class/module/greeting/dev
        mkdir more && mount -t devtmpfs devtmpfs more && ls more/greeting
        rmmod greeting && echo unloaded
        ls more/greeting /sys/class/module /sys/module
        rmmod greeting 2>&1
        lsmod";
    let expected = "loaded\nModule Used by\ngreeting 0\n1.0.0\nMIT OR Apache-2.0\ngreeting\ngreeting 1\n\
        rmmod: ERROR: Module greeting is in use\nlive\n0\nOE\n240:0\nmore/greeting\nunloaded\n/sys/class/module:\n\n\
        /sys/module:\nrmmod: ERROR: Module greeting is not currently loaded\nModule                  Size  Used by\n";
    let root = root.to_str().expect("the cache has a plain name");
    let script = format!("{script}; :");
    let output = guest(&["--mem", "512M", "--root", root], &[("greeting.ko", greeting())], &script);
    assert_eq!(text(&output.stdout), expected, "{}", text(&output.stderr));
}

#[test]
fn calls_race_with_loading_and_unloading() {
    prints(&["--cpus", "4"], &[("greeting.ko", greeting())], "./probe storm greeting.ko 100", "storm ok\n");
}

#[test]
fn modules_that_fail_leave_nothing() {
    let script = "
        insmod greeting.ko fail=1 2>&1 | grep -o 'No such device'
        insmod greeting.ko factor=many 2>&1 | grep -io 'invalid' | tr I i
        insmod greeting.ko other=1 && rmmod greeting
        ./probe call 1010 21
        ls /dev/greeting 2>&1 | grep -o 'No such file'
        sed 's/lstar-module-1/lstar-module-9/' greeting.ko > other.ko
        insmod other.ko 2>&1 | grep -io 'invalid module format\\|exec format error'
        sed 's/lstar_yield/lstar_yodel/g' greeting.ko > other.ko
        insmod other.ko 2>&1 | grep -io 'unknown symbol\\|no such file'
        dmesg | grep -o 'greeting: \\(Unknown\\|version\\|unknown\\).*' | uniq
        cat /proc/modules
        before=$(sed -n 's/Slab: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo)
        ./probe mutants greeting.ko 10000
        after=$(sed -n 's/Slab: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo)
        [ $((after - before)) -lt 2000 ] || echo \"$before kB became $after kB\"
        cat /proc/modules
        cat /proc/sys/kernel/tainted
        echo 1 > /proc/sys/kernel/modules_disabled
        insmod greeting.ko 2>&1 | grep -io 'not permitted'";
    let expected = "No such device\ninvalid\n-ENOSYS\nNo such file\nInvalid module format\nUnknown symbol\n\
        greeting: unknown parameter 'other' ignored\n\
        greeting: version magic 'lstar-module-9 x86-64' should be 'lstar-module-1 x86-64'\n\
        greeting: Unknown symbol lstar_yodel (err -2)\nmutants ok\n12288\nnot permitted\n";
    let output = guest(&[], &[("greeting.ko", greeting())], script);
    let stdout = text(&output.stdout).replace("invalid module format", "Invalid module format");
    let stdout = stdout.replace("unknown symbol", "Unknown symbol").replace("Operation not permitted", "not permitted");
    assert_eq!(stdout, expected, "{}", text(&output.stderr));
}

#[test]
fn modules_depend_on_one_another() {
    let (source, user) = (c_module("source.c", &[]), c_module("user.c", &[]));
    let other = c_module("user.c", &["-DVERSION=2"]);
    let script = "
        insmod user.ko 2>&1 | grep -io 'unknown symbol\\|no such file' | head -n 1 | tr U u
        insmod source.ko
        insmod other.ko 2>&1 | grep -io 'invalid' | head -n 1 | tr I i
        insmod user.ko
        dmesg | grep -o 'user: the value.*'
        cut -d ' ' -f 1,3-5 /proc/modules
        rmmod source 2>&1 | grep -o 'temporarily unavailable'
        rmmod user
        rmmod source
        cat /proc/modules";
    let expected =
        "unknown symbol\ninvalid\nuser: the value is 7\nsource 1 user, Live\nuser 0 - Live\ntemporarily unavailable\n";
    prints(&[], &[("source.ko", &source), ("user.ko", &user), ("other.ko", &other)], script, expected);
}

#[test]
fn no_page_is_written_and_executed() {
    let protection = c_module("protection.c", &[]);
    let script = "for i in 1 2 3; do insmod protection.ko && rmmod protection && echo protected; done";
    prints(&[], &[("protection.ko", &protection)], script, "protected\nprotected\nprotected\n");
}

#[test]
fn a_module_that_fails_takes_its_caller_with_it_and_nobody_else() {
    let faulty = c_module("faulty.c", &[]);
    let script = "
        insmod faulty.ko
        for way in 0 1 2 3 4 5; do sh -c \"./probe call 1020 $way; :\"; echo; done 2> /dev/null
        dd if=/dev/faulty bs=1 2> /dev/null | wc -c
        timeout 20 cat /dev/faulty 2> /dev/null | wc -c
        dd if=/dev/faulty bs=1 2> /dev/null; echo $?
        sh -c 'echo x > /dev/faulty; :' 2> /dev/null; echo $?
        cat /proc/sys/kernel/tainted
        dmesg | grep -c 'BUG: page fault in a module'
        dmesg | grep -o 'BUG: \\(invalid opcode\\|divide error\\|general protection\\|faulty.*\\)' | sort
        ./probe call 1020 9
        rmmod faulty 2>&1 | grep -o 'temporarily unavailable'
        echo still here";
    let expected = "\n\n\n\n\n7\n\n0\n0\n137\n137\n12416\n5\nBUG: divide error\nBUG: faulty: a panic of its own\n\
        BUG: general protection\nBUG: invalid opcode\n7\ntemporarily unavailable\nstill here\n";
    prints(&[], &[("faulty.ko", &faulty)], script, expected);
    let output =
        guest(&[], &[("faulty.ko", &faulty)], "echo 1 > /proc/sys/kernel/panic_on_oops; insmod faulty.ko f; echo no");
    assert_eq!((text(&output.stdout), output.status.code()), (String::new(), Some(123)), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("page fault in a module"), "{}", text(&output.stderr));
}

#[test]
fn signatures_are_demanded_where_the_command_line_says_so() {
    let folder = Folder::new("signatures");
    let path = |name: &str| folder.0.join(name).to_str().expect("the name is plain").to_string();
    let trusted = succeed(&["module", "key", &path("key")]);
    succeed(&["module", "key", &path("other-key")]);
    let signed = |key: &str| {
        let file = folder.file("signed.ko", greeting());
        succeed(&["module", "sign", &path(key), &file]);
        assert_refused(&output(&mut lstar(&["module", "sign", &path(key), &file])), &["signed already"]);
        std::fs::read(file).expect("it was signed")
    };
    let (good, stranger) = (signed("key"), signed("other-key"));
    let files: [(&str, &[u8]); 3] = [("good.ko", &good), ("stranger.ko", &stranger), ("unsigned.ko", greeting())];
    let script = "
        for file in unsigned stranger; do insmod $file.ko 2>&1 | grep -o 'rejected by service' | head -n 1; done
        insmod good.ko && ./probe call 1010 21 && cut -d ' ' -f 7 /proc/modules && rmmod greeting
        ./probe flips good.ko 10000
        cat /proc/modules
        dmesg | grep -o 'Loading of.*' | uniq | head -n 2";
    let expected = "rejected by service\nrejected by service\n42\n(O)\nflips ok\n\
        Loading of unsigned module is rejected\nLoading of module with unavailable key is rejected\n";
    let append = format!("module.sig_enforce=1 {}", trusted.trim());
    let output = guest(&["--append", &append], &files, script);
    let stdout = text(&output.stdout).replace("Key was rejected by service", "rejected by service");
    assert_eq!(stdout, expected, "{}", text(&output.stderr));
}

#[test]
fn a_new_module_is_made_in_a_minute() {
    let folder = Folder::new("new-module");
    let made = Command::new("setsid")
        .arg(env!("CARGO_BIN_EXE_lstar"))
        .args(["module", "new", "answer"])
        .current_dir(&folder.0)
        .output()
        .expect("setsid is part of every system");
    assert!(made.status.success(), "{}", text(&made.stderr));
    let place = folder.0.join("answer");
    let built = succeed(&["module", "build", place.to_str().expect("the name is plain")]);
    let object = std::fs::read(built.trim()).expect("it was built");
    let script =
        "insmod answer.ko factor=3 && ./probe call 1010 14 && cat /dev/answer && rmmod answer && ./probe call 1010 14";
    prints(&[], &[("answer.ko", &object)], script, "42\nhello from answer\n-ENOSYS\n");
}

#[test]
fn what_is_no_module_is_refused() {
    let folder = Folder::new("no-module");
    let empty = folder.0.to_str().expect("the name is plain");
    assert_refused(&output(&mut lstar(&["module", "build", empty])), &["Cargo.toml", "lstar module new"]);
    assert_refused(&output(&mut lstar(&["module", "build", "/nonexistent"])), &["/nonexistent", "No such file"]);
    assert_refused(&output(&mut lstar(&["module", "new", "No-Name"])), &["No-Name", "lower-case"]);
    let file = folder.file("text", b"hello");
    assert_refused(&output(&mut lstar(&["module", "sign", &file, &file])), &["no key", "lstar module key"]);
    assert_refused(&output(&mut lstar(&["module", "key", &file])), &["exists"]);
}

#[test]
fn the_commands_of_the_page_work() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/modules.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let folder = Folder::new("modules-page");
    let program = env!("CARGO_BIN_EXE_lstar");
    let commands: Vec<_> = page.lines().filter(|line| line.starts_with("./lstar ")).collect();
    assert_eq!(commands.len(), 6, "{commands:?}");
    for command in commands {
        let line = command.replace("./lstar run", &format!("{program} run --accel tcg")).replace("./lstar", program);
        let output = Command::new("setsid").args(["sh", "-c", &line]).current_dir(&folder.0).output();
        let output = output.expect("setsid is part of every system");
        assert!(output.status.success(), "{command}: {}", text(&output.stderr));
        if command.contains("insmod") {
            assert!(text(&output.stdout).starts_with("hello from answer\n"), "{command}: {}", text(&output.stdout));
        }
    }
}
