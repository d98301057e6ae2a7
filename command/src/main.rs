//! The command `lstar`.
#![forbid(unsafe_code)]

fn main() {
    lstar::shim::enter_if_asked();
    lstar::terminal::guard_if_asked();
    std::process::exit(lstar::command_line::main());
}
