use super::*;

#[test]
fn a_gate_closes_only_while_nobody_is_inside() {
    let gate = Gate::closed();
    assert!(!gate.enter() && gate.users() == 0);
    gate.open();
    assert!(gate.enter() && gate.enter() && !gate.close_if_empty());
    gate.leave();
    gate.close();
    assert!(!gate.enter() && gate.users() == 1);
    gate.open();
    gate.leave();
    assert!(gate.close_if_empty() && !gate.enter() && !gate.close_if_empty());
}

#[test]
fn what_is_no_module_is_refused_and_leaves_nothing() {
    for bytes in [&b"hello"[..], &[0; 64], b"\x7fELF\x02\x01\x01"] {
        let result = load::load(bytes, 0, || panic!("asked for parameters"));
        assert_eq!(result, Err(ENOEXEC));
    }
    assert!(MODULES.lock().is_empty());
    assert_eq!(unload("nothing"), Err(ENOENT));
}
