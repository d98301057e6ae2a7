//! ioctl requests of terminals (ioctl_tty(2)).
use super::Tty;
use super::master::MasterFile;
use super::settings::{read_bytes, write_bytes};
use crate::error::*;
use crate::file::open_file::open_flag;
use crate::file::walk::Walker;
use crate::file::{File, Path};
use crate::process::{Capability, Task};
use crate::syscall::UserPtr;
use abi::termios::{WindowSize, packet, request};

/// Number of the N_TTY line discipline, the only one.
const N_TTY: i32 = 0;

fn write_int(task: &Task, address: u64, value: i32) -> Result<usize> {
    UserPtr::new(address).write(task, &value)?;
    Ok(0)
}
fn read_int(task: &Task, address: u64) -> Result<i32> {
    UserPtr::new(address).read(task)
}

impl Tty {
    /// Requests on the terminal itself.
    pub(super) fn slave_ioctl(&self, file: &File, task: &Task, command: u32, argument: u64) -> Result<usize> {
        match command {
            request::TIOCGPGRP if !self.is_own(task) => Err(ENOTTY),
            request::TIOCGSID if !self.is_own(task) => Err(ENOTTY),
            request::FIONREAD => {
                let length = {
                    let state = self.state.lock();
                    state.line.input_length(&state.termios)
                };
                write_int(task, argument, i32::try_from(length).unwrap_or(i32::MAX))
            }
            request::TIOCOUTQ => {
                let length = self.state.lock().output.len();
                write_int(task, argument, i32::try_from(length).unwrap_or(i32::MAX))
            }
            request::TIOCSCTTY => {
                self.set_controlling(task, file.is_readable(), argument == 1)?;
                Ok(0)
            }
            request::TIOCNOTTY => self.give_up(task).map(|()| 0),
            request::TIOCSTI => self.simulate_input(task, argument),
            _ => self.common_ioctl(task, command, argument),
        }
    }

    /// Requests that mean the same on a terminal and on its master.
    fn common_ioctl(&self, task: &Task, command: u32, argument: u64) -> Result<usize> {
        if let Some(result) = self.settings_ioctl(command, argument) {
            return result;
        }
        match command {
            request::TIOCGPGRP => write_int(task, argument, self.foreground_id(task) as i32),
            request::TIOCSPGRP => {
                self.check_background_change().map_err(|error| if error == EIO { ENOTTY } else { error })?;
                self.set_foreground(task, read_int(task, argument)?)?;
                Ok(0)
            }
            request::TIOCGSID => write_int(task, argument, self.session_id(task)? as i32),
            request::TIOCGWINSZ => write_bytes(argument, &self.window_size().to_bytes()),
            request::TIOCSWINSZ => {
                self.set_window_size(WindowSize::from_bytes(read_bytes(argument)?));
                Ok(0)
            }
            request::TCSBRK | request::TCSBRKP | request::TIOCSBRK | request::TIOCCBRK => {
                if command != request::TIOCCBRK {
                    self.check_background_change()?;
                    self.drain()?;
                }
                // There is no line that could be held at space.
                Ok(0)
            }
            request::TCXONC => {
                self.check_background_change()?;
                match argument {
                    0 => self.set_stopped(true),
                    1 => self.set_stopped(false),
                    // Asking the other end to stop or go on: it has no input that would understand.
                    2 | 3 => {}
                    _ => return Err(EINVAL),
                }
                Ok(0)
            }
            request::TCFLSH => {
                self.check_background_change()?;
                self.flush(argument)?;
                Ok(0)
            }
            request::TIOCEXCL => {
                self.state.lock().exclusive = true;
                Ok(0)
            }
            request::TIOCNXCL => {
                self.state.lock().exclusive = false;
                Ok(0)
            }
            request::TIOCGEXCL => {
                let exclusive = self.state.lock().exclusive;
                write_int(task, argument, exclusive.into())
            }
            request::TIOCGETD => write_int(task, argument, N_TTY),
            request::TIOCSETD => match read_int(task, argument)? {
                N_TTY => Ok(0),
                _ => Err(EINVAL),
            },
            request::TIOCGDEV => write_int(task, argument, self.device().encode() as i32),
            request::TIOCVHANGUP if !task.capable(Capability::SysAdmin) => Err(EPERM),
            request::TIOCVHANGUP => {
                self.hang_up();
                Ok(0)
            }
            request::TIOCGLCKTRMIOS => self.locked_settings(argument),
            request::TIOCSLCKTRMIOS => self.lock_settings(task, argument),
            request::TIOCGSOFTCAR => write_int(task, argument, 0),
            _ => Err(ENOTTY),
        }
    }
}

impl MasterFile {
    /// Requests on a pseudo-terminal's master.
    pub(super) fn master_ioctl(&self, task: &Task, command: u32, argument: u64) -> Result<usize> {
        let tty = self.tty();
        match command {
            request::TIOCGPTN => write_int(task, argument, self.index() as i32),
            request::TIOCSPTLCK => {
                let locked = read_int(task, argument)? != 0;
                tty.state.lock().locked = locked;
                Ok(0)
            }
            request::TIOCGPTLCK => {
                let locked = tty.state.lock().locked;
                write_int(task, argument, locked.into())
            }
            request::TIOCPKT => {
                let packet = read_int(task, argument)? != 0;
                let mut state = tty.state.lock();
                if packet && !state.packet {
                    state.packet_status = 0;
                }
                state.packet = packet;
                Ok(0)
            }
            request::TIOCGPKT => {
                let packet = tty.state.lock().packet;
                write_int(task, argument, packet.into())
            }
            request::TIOCSIG => {
                // SIGINT, SIGQUIT or SIGTSTP, by number.
                if !matches!(argument, 2 | 3 | 20) {
                    return Err(EINVAL);
                }
                tty.signal_foreground(argument as u8);
                Ok(0)
            }
            request::TIOCGPTPEER => self.open_peer(task, argument as u32),
            request::FIONREAD => {
                let length = tty.state.lock().output.len();
                write_int(task, argument, i32::try_from(length).unwrap_or(i32::MAX))
            }
            request::TIOCOUTQ => write_int(task, argument, 0),
            request::TCFLSH => {
                match argument {
                    // The master's input is the terminal's output.
                    0 => tty.flush_output_only(),
                    1 => {}
                    2 => tty.flush_output_only(),
                    _ => return Err(EINVAL),
                }
                Ok(0)
            }
            request::TIOCSCTTY | request::TIOCNOTTY | request::TIOCSTI => Err(ENOTTY),
            request::TIOCGDEV => write_int(task, argument, self.instance().master_device(self.index()).encode() as i32),
            _ => tty.common_ioctl(task, command, argument),
        }
    }

    /// TIOCGPTPEER: opens the slave, whatever names it has.
    fn open_peer(&self, task: &Task, flags: u32) -> Result<usize> {
        let mount = self.instance().mount_seen_by(task)?;
        let top = Path { dentry: mount.root().clone(), mount };
        let credentials = task.credentials();
        let mut name = crate::file::text::Line::<12>::new();
        let _ = core::fmt::Write::write_fmt(&mut name, format_args!("{}", self.index()));
        let path = Walker::from(&credentials, top.clone(), top, name.as_bytes(), 0)?.to_end()?;
        let operations = self.tty().open(flags, true)?;
        let opened = File::new(path, operations, flags, credentials.clone())?;
        Ok(task.files().install(opened, 0, flags & open_flag::CLOSE_ON_EXEC != 0)?.0 as usize)
    }
}

impl Tty {
    fn flush_output_only(&self) {
        let mut state = self.state.lock();
        state.output.clear();
        state.tell_master(packet::FLUSHWRITE, 0);
        drop(state);
        self.writers.wake_all();
    }
}
