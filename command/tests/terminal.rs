//! On a terminal the session is a real one, and the terminal is restored whatever happens.

mod common;

use common::*;
use rustix::process::{Pid, Signal, kill_process};

fn shell(terminal: &Terminal) -> std::process::Child {
    terminal.start(&["run", "--accel", "tcg", "--kernel", &kernel()])
}

#[test]
fn a_shell_has_job_control_sizes_and_its_status() {
    let mut terminal = Terminal::new();
    let before = terminal.mode();
    let mut child = shell(&terminal);
    terminal.read_until("# ");
    assert_ne!(terminal.mode(), before, "the terminal is in raw mode");
    terminal.type_keys("stty size; tty; echo \"$TERM-s\"et\r");
    let text = terminal.read_until("-set\r\n");
    assert!(text.contains("30 100") && text.contains("/dev/pts/0"), "{text}");
    terminal.resize(40, 120);
    kill_process(Pid::from_raw(session(&child)).expect("it is not 0"), Signal::WINCH).expect("lstar is ours");
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminal.type_keys("stty size\r");
    terminal.read_until("40 120");

    terminal.type_keys("sleep 1000; echo interrupted $?\r");
    std::thread::sleep(std::time::Duration::from_millis(500));
    terminal.type_keys("\x03");
    terminal.read_until("# ");
    terminal.type_keys("sleep 1000\r");
    std::thread::sleep(std::time::Duration::from_millis(500));
    terminal.type_keys("\x1a");
    terminal.read_until("Stopped");
    terminal.type_keys("kill %1; exit 7\r");
    terminal.read_until("exit 7");
    std::thread::sleep(std::time::Duration::from_millis(300));
    // A shell that still has a stopped job asks once more.
    terminal.type_keys("exit 7\r");
    assert_eq!(child.wait().expect("it is our child").code(), Some(7));
    assert_eq!(terminal.mode(), before);
    assert_gone(session(&child));
}

#[test]
fn control_a_x_ends_the_machine() {
    let mut terminal = Terminal::new();
    let before = terminal.mode();
    let mut child = shell(&terminal);
    terminal.read_until("# ");
    terminal.type_keys("echo \x01ab\r");
    terminal.read_until("# ");
    terminal.type_keys("\x01x");
    assert_eq!(child.wait().expect("it is our child").code(), Some(125));
    assert_eq!(terminal.mode(), before);
    assert_gone(session(&child));
}

#[test]
fn the_terminal_is_restored_after_any_signal() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL] {
        let mut terminal = Terminal::new();
        let before = terminal.mode();
        let mut child = shell(&terminal);
        terminal.read_until("# ");
        let pid = Pid::from_raw(session(&child)).expect("it is not 0");
        kill_process(pid, signal).expect("lstar is ours");
        if signal == Signal::INT {
            // The shell at its prompt lives on; the second one ends the machine.
            std::thread::sleep(std::time::Duration::from_millis(200));
            kill_process(pid, signal).expect("lstar is ours");
        }
        child.wait().expect("it is our child");
        assert_gone(session(&child));
        let begun = std::time::Instant::now();
        while terminal.mode() != before {
            assert!(begun.elapsed() < std::time::Duration::from_secs(5), "after {signal:?}: {}", terminal.mode());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

#[test]
fn a_guest_without_a_terminal_cannot_control_the_hosts() {
    let mut terminal = Terminal::new();
    let slave = || std::process::Stdio::from(terminal.slave.try_clone().expect("descriptors are left"));
    let mut command = run(&["--", "printf", "\\033[31mred\\007 caf\\303\\251\\n"]);
    let mut child = command.stdout(slave()).spawn().expect("it starts");
    let text = terminal.read_until("\n");
    assert_eq!(text, "\\x1b[31mred\\x07 café\r\n");
    assert_eq!(child.wait().expect("it is our child").code(), Some(0));
}
