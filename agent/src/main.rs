//! The guest's pid 1: sets the system up, starts the command, carries its streams over the virtio-serial ports,
//! reaps orphans, and powers the machine off when the command has ended.
//!
//! One static program for every kernel. It keeps to basic calls and needs neither sysfs nor procfs for itself, so
//! that a young kernel can run it. Nothing may block it but `poll`.
#![forbid(unsafe_code)]

mod relay;
mod setup;
mod stage;
mod users;

use agent::config::Config;
use agent::frame::{Message, ToHost};
use std::fs::File;
use std::io::Write;

/// A failure in words for people.
pub type Result<T> = std::result::Result<T, String>;

/// Adds what was being done to an error.
pub fn while_doing<E: std::fmt::Display>(what: impl std::fmt::Display) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error}")
}

fn main() {
    match std::env::args_os().nth(1) {
        Some(argument) if argument == stage::ARGUMENT => stage::run(),
        _ => {
            run_as_init();
            power_off();
        }
    }
}

/// Reads the configuration that the host put into the initramfs.
pub fn read_config() -> Result<Config> {
    let bytes = std::fs::read(agent::CONFIG_PATH).map_err(while_doing(agent::CONFIG_PATH))?;
    Config::decode(&bytes).map_err(|error| error.to_string())
}

fn run_as_init() {
    let mut control = None;
    if let Err(text) = serve(&mut control) {
        eprintln!("agent: {text}");
        if let Some(control) = &mut control {
            // The host also sees the console; nothing better is left to do when this fails.
            let _ = control.write_all(&ToHost::Failed(text).encode());
            relay::wait_for_finish(control);
        }
    }
}

fn serve(control: &mut Option<File>) -> Result<()> {
    setup::mount_devices()?;
    let config = read_config()?;
    setup::insert_modules(&config)?;
    let ports = setup::Ports::open(&config)?;
    let control = control.insert(ports.control);
    setup::mount_root(&config)?;
    setup::mount_kernel_file_systems();
    setup::set_hostname(&config)?;
    setup::raise_loopback();
    relay::run_command(&config, [ports.stdin, ports.stdout, ports.stderr], ports.trace, control)
}

fn power_off() -> ! {
    rustix::fs::sync();
    if let Err(error) = rustix::system::reboot(rustix::system::RebootCommand::PowerOff) {
        eprintln!("agent: the machine does not power off: {error}");
    }
    // Init must not exit: the kernel would panic over it.
    loop {
        std::thread::sleep(std::time::Duration::from_secs(3600));
    }
}
