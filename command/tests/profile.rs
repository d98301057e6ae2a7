//! `lstar profile` tells where the instructions of a command go.

mod common;

use common::*;

#[test]
fn the_kernels_functions_are_counted_and_drawn() {
    let folder = Folder::new("profile");
    let drawing = folder.0.join("calls.svg");
    let drawing = drawing.to_str().expect("the name is plain");
    // Counting begins some slices after the command does.
    let script = "i=0; while [ $i -lt 3000 ]; do : > /dev/null; i=$((i + 1)); done; echo done";
    let arguments = ["profile", "--top", "1000", "-f", drawing, "--kernel", &kernel(), "--", "sh", "-c", script];
    let output = output(&mut lstar(&arguments));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((output.status.code(), &*stdout), (Some(0), "done\n"), "{stderr}");
    for words in ["instructions", "[user]", "lstar_kernel::", "in all"] {
        assert!(stderr.contains(words), "{words} is not in: {stderr}");
    }
    let svg = std::fs::read_to_string(drawing).expect("the drawing was made");
    assert!(svg.starts_with("<svg") && svg.contains("syscall_stub"), "{svg}");
}

#[test]
fn what_cannot_be_counted_is_refused() {
    assert_refused(&output(&mut lstar(&["profile", "--cpus", "2", "--", "true"])), &["one processor"]);
    assert_refused(&output(&mut lstar(&["profile", "--accel", "kvm", "--", "true"])), &["translator"]);
}
