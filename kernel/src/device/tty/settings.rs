//! Reading and changing a terminal's settings, window size and queues.
use super::job_control::SIGWINCH;
use super::{Kind, Tty};
use crate::error::*;
use crate::file::PollEvents;
use crate::process::Task;
use crate::syscall::UserSlice;
use crate::wait::Sleep;
use abi::termios::{self, Termios, WindowSize, character, input, local, packet, request};

/// Queues that TCFLSH names.
const FLUSH_INPUT: u64 = 0;
const FLUSH_OUTPUT: u64 = 1;
const FLUSH_BOTH: u64 = 2;

/// Reads an array from user memory.
pub(super) fn read_bytes<const N: usize>(address: u64) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    UserSlice::new(address, N).read(&mut bytes)?;
    Ok(bytes)
}
/// Writes bytes to user memory.
pub(super) fn write_bytes(address: u64, bytes: &[u8]) -> Result<usize> {
    UserSlice::new(address, bytes.len()).write(bytes)?;
    Ok(0)
}

impl Tty {
    /// The TCGETS family and the TCSETS family; `None` for other requests.
    pub(super) fn settings_ioctl(&self, command: u32, argument: u64) -> Option<Result<usize>> {
        Some(match command {
            request::TCGETS => write_bytes(argument, &self.settings().to_bytes()),
            request::TCGETS2 => write_bytes(argument, &self.settings().to_bytes2()),
            request::TCGETA => write_bytes(argument, &self.settings().to_bytes_short()),
            request::TCSETS => self.change_settings(argument, read_long, false, false),
            request::TCSETSW => self.change_settings(argument, read_long, true, false),
            request::TCSETSF => self.change_settings(argument, read_long, true, true),
            request::TCSETS2 => self.change_settings(argument, read_long2, false, false),
            request::TCSETSW2 => self.change_settings(argument, read_long2, true, false),
            request::TCSETSF2 => self.change_settings(argument, read_long2, true, true),
            request::TCSETA => self.change_settings(argument, read_short, false, false),
            request::TCSETAW => self.change_settings(argument, read_short, true, false),
            request::TCSETAF => self.change_settings(argument, read_short, true, true),
            _ => return None,
        })
    }

    fn settings(&self) -> Termios {
        self.state.lock().termios
    }

    fn change_settings(
        &self,
        argument: u64,
        read: fn(u64, Termios) -> Result<Termios>,
        drain: bool,
        flush: bool,
    ) -> Result<usize> {
        self.check_background_change()?;
        let mut new = read(argument, self.settings())?;
        if flush {
            self.flush(FLUSH_INPUT)?;
        }
        if drain {
            self.drain()?;
        }
        if self.kind == Kind::Pty {
            // A pseudo-terminal always has eight bits and no parity.
            new.control = new.control & !(termios::control::CSIZE | termios::control::PARENB)
                | termios::control::CS8
                | termios::control::CREAD;
        }
        let mut state = self.state.lock();
        let old = state.termios;
        let new = new.with_locked(&old, &state.locked_settings);
        state.termios = new;
        let released = state.line.settings_changed(&old, &new);
        let flow = |termios: &Termios| {
            termios.input & input::IXON != 0
                && termios.character(character::STOP) == 19
                && termios.character(character::START) == 17
        };
        if state.packet {
            if (old.local ^ new.local) & local::EXTPROC != 0 || new.local & local::EXTPROC != 0 {
                state.tell_master(packet::IOCTL, 0);
            }
            match (flow(&old), flow(&new)) {
                (false, true) => state.tell_master(packet::DOSTOP, packet::NOSTOP),
                (true, false) => state.tell_master(packet::NOSTOP, packet::DOSTOP),
                _ => {}
            }
        }
        state.show_echo(self.kind);
        drop(state);
        // What counts as input may have changed.
        self.readers.wake_all();
        if released {
            self.writers.wake_all();
        }
        self.master_readers.wake_all();
        Ok(0)
    }

    /// Waits until the other end has taken all output.
    pub(super) fn drain(&self) -> Result<()> {
        if self.kind == Kind::Console {
            return Ok(());
        }
        let empty = || {
            let state = self.state.lock();
            (state.output.is_empty() || state.master_closed).then_some(())
        };
        self.writers.wait_until(Sleep::Interruptible, None, empty).map_err(|_| ERESTARTSYS)
    }

    /// TCFLSH.
    pub(super) fn flush(&self, which: u64) -> Result<()> {
        if which > FLUSH_BOTH {
            return Err(EINVAL);
        }
        let mut state = self.state.lock();
        if which != FLUSH_OUTPUT {
            state.line.flush_input();
            state.pending.clear();
            state.tell_master(packet::FLUSHREAD, 0);
        }
        if which != FLUSH_INPUT {
            state.output.clear();
            state.line.discard_echo();
            state.tell_master(packet::FLUSHWRITE, 0);
        }
        drop(state);
        self.writers.wake_all_for((PollEvents::OUT | PollEvents::WRNORM).0);
        self.master_writers.wake_all();
        self.master_readers.wake_all();
        Ok(())
    }

    /// Stops or restarts output (TCXONC).
    pub(super) fn set_stopped(&self, stopped: bool) {
        let mut state = self.state.lock();
        state.line.set_stopped(stopped);
        if stopped {
            state.tell_master(packet::STOP, packet::START);
        } else {
            state.tell_master(packet::START, packet::STOP);
            state.show_echo(self.kind);
        }
        drop(state);
        self.writers.wake_all();
        self.master_readers.wake_all();
    }

    /// TIOCGLCKTRMIOS.
    pub(super) fn locked_settings(&self, argument: u64) -> Result<usize> {
        let locked = self.state.lock().locked_settings;
        write_bytes(argument, &locked.to_bytes())
    }
    /// TIOCSLCKTRMIOS: EPERM without CAP_SYS_ADMIN.
    pub(super) fn lock_settings(&self, task: &Task, argument: u64) -> Result<usize> {
        if !task.capable(crate::process::Capability::SysAdmin) {
            return Err(EPERM);
        }
        let locked = Termios::default().with_bytes(&read_bytes(argument)?);
        self.state.lock().locked_settings = locked;
        Ok(0)
    }

    /// TIOCGWINSZ.
    pub(super) fn window_size(&self) -> WindowSize {
        self.state.lock().window
    }
    /// TIOCSWINSZ: SIGWINCH for the foreground group if it changes.
    pub(super) fn set_window_size(&self, size: WindowSize) {
        {
            let mut state = self.state.lock();
            if state.window == size {
                return;
            }
            state.window = size;
        }
        self.signal_foreground(SIGWINCH as u8);
    }

    /// TIOCSTI: as if a byte were typed. EPERM unless it is the caller's own terminal or it has CAP_SYS_ADMIN.
    pub(super) fn simulate_input(&self, task: &Task, argument: u64) -> Result<usize> {
        if !self.is_own(task) && !task.capable(crate::process::Capability::SysAdmin) {
            return Err(EPERM);
        }
        self.receive(&read_bytes::<1>(argument)?);
        Ok(0)
    }
}

fn read_long(address: u64, old: Termios) -> Result<Termios> {
    Ok(old.with_bytes(&read_bytes(address)?))
}
fn read_long2(address: u64, old: Termios) -> Result<Termios> {
    Ok(old.with_bytes2(&read_bytes(address)?))
}
fn read_short(address: u64, old: Termios) -> Result<Termios> {
    Ok(old.with_bytes_short(&read_bytes(address)?))
}
