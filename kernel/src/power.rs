//! reboot(2): ending or restarting the machine.
use crate::error::*;
use crate::process::{Capability, Task};
use crate::signal;
use crate::syscall::UserPath;
use core::sync::atomic::{AtomicBool, Ordering};

const MAGIC: u32 = 0xfee1_dead;
/// Any of the four second magic numbers is right.
const SECOND_MAGICS: [u32; 4] = [672_274_793, 85_072_278, 369_367_448, 537_993_216];

/// The commands of reboot(2).
mod command {
    pub const RESTART: u32 = 0x0123_4567;
    pub const HALT: u32 = 0xcdef_0123;
    pub const CAD_ON: u32 = 0x89ab_cdef;
    pub const CAD_OFF: u32 = 0;
    pub const POWER_OFF: u32 = 0x4321_fedc;
    pub const RESTART2: u32 = 0xa1b2_c3d4;
}
/// Longest command of RESTART2 that is read.
const RESTART_COMMAND_MAX: usize = 255;

/// Whether Ctrl-Alt-Del restarts the machine at once (else init gets SIGINT).
static RESTART_ON_CTRL_ALT_DEL: AtomicBool = AtomicBool::new(true);

/// reboot(2). EPERM without CAP_SYS_BOOT, then EINVAL for wrong magic numbers or commands, then EFAULT for RESTART2's string.
pub fn reboot(task: &Task, magic: u32, second_magic: u32, command: u32, argument: UserPath) -> Result<()> {
    let namespace = task.pid_namespace();
    if !task.capable_in(&namespace.identity.owner, Capability::SysBoot) {
        return Err(EPERM);
    }
    if magic != MAGIC || !SECOND_MAGICS.contains(&second_magic) {
        return Err(EINVAL.because("wrong magic number"));
    }
    if namespace.level != 0 {
        return end_namespace(task, command);
    }
    match command {
        command::RESTART => restart(),
        command::HALT => {
            crate::info!("reboot: System halted");
            machine::power::halt()
        }
        command::POWER_OFF => power_off(),
        command::RESTART2 => {
            match argument.read_string(RESTART_COMMAND_MAX, EINVAL) {
                Err(error) if error == EFAULT => return Err(EFAULT),
                // A longer command is cut, as strncpy_from_user cuts it.
                _ => restart(),
            }
        }
        command::CAD_ON => RESTART_ON_CTRL_ALT_DEL.store(true, Ordering::Relaxed),
        command::CAD_OFF => RESTART_ON_CTRL_ALT_DEL.store(false, Ordering::Relaxed),
        _ => return Err(EINVAL.because("no such command")),
    }
    Ok(())
}

/// Below the root, what would restart or halt the machine ends the pid namespace.
fn end_namespace(task: &Task, command: u32) -> Result<()> {
    let signal = match command {
        command::RESTART | command::RESTART2 => signal::SIGHUP,
        command::POWER_OFF | command::HALT => signal::SIGINT,
        _ => return Err(EINVAL.because("no command for a pid namespace")),
    };
    let namespace = task.pid_namespace();
    namespace.reboot_signal.store(signal, Ordering::Relaxed);
    if let Some(first) = namespace.first_process() {
        signal::send_to_group(&first, signal::SignalInfo::kernel(signal::SIGKILL))?;
    }
    crate::process::exit::request_exit(task, 0);
    Ok(())
}

/// Powers the machine off.
pub fn power_off() -> ! {
    crate::info!("reboot: Power down");
    machine::power::power_off()
}

/// Restarts the machine.
pub fn restart() -> ! {
    crate::info!("reboot: Restarting system");
    machine::power::restart()
}
