//! Masters of pseudo-terminals (pty(7), ptmx(4)).
use super::devpts::Instance;
use super::{OUTPUT_LIMIT, PENDING_LIMIT, Tty};
use crate::device::{add_character_node, register_character};
use crate::error::*;
use crate::file::signal_driven::{Lists, Reason, SignalOwner};
use crate::file::{File, FileOperations, Inode, IoBuffer, PollEvents, PollTable};
use crate::process::Task;
use crate::wait::Sleep;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::Ordering;
use machine::memory::try_box;

/// Device number of /dev/ptmx.
pub const PTMX_MAJOR: u32 = 5;
/// See [`PTMX_MAJOR`].
pub const PTMX_MINOR: u32 = 2;

/// Registers the driver and makes the node.
pub fn initialize() -> Result<()> {
    register_character(PTMX_MAJOR, PTMX_MINOR..PTMX_MINOR + 1, "/dev/ptmx", open)?;
    add_character_node("ptmx", 0o666, PTMX_MAJOR, PTMX_MINOR)
}

fn open(node: &Arc<Inode>, _flags: u32) -> Result<Box<dyn FileOperations>> {
    let instance = Instance::of_node(node)?;
    let (tty, index) = instance.allocate(Task::current())?;
    Ok(try_box(MasterFile { tty, index, instance })?)
}

/// The open master of a pseudo-terminal.
pub struct MasterFile {
    tty: Arc<Tty>,
    index: u32,
    instance: Arc<Instance>,
}

impl MasterFile {
    /// The pseudo-terminal.
    pub fn tty(&self) -> &Arc<Tty> {
        &self.tty
    }
    /// N of /dev/pts/N.
    pub fn index(&self) -> u32 {
        self.index
    }
    /// The devpts that has the slave.
    pub fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// What the slave's side wrote, into `into`: how many bytes, or the packet-mode status alone.
    fn take_output(&self, into: &mut [u8]) -> Option<usize> {
        let mut state = self.tty.state.lock();
        if state.packet && state.packet_status != 0 {
            let status = core::mem::take(&mut state.packet_status);
            let place = into.first_mut()?;
            *place = status;
            return Some(1);
        }
        if state.output.is_empty() {
            return None;
        }
        let header = usize::from(state.packet);
        if let (true, Some(place)) = (state.packet, into.first_mut()) {
            *place = abi::termios::packet::DATA;
        }
        let room = into.get_mut(header..).unwrap_or_default();
        let count = room.len().min(state.output.len());
        for (place, byte) in room.iter_mut().zip(state.output.drain(..count)) {
            *place = byte;
        }
        let echoed = state.show_echo(self.tty.kind);
        let has_room = state.output.len() <= super::FEW_LEFT;
        drop(state);
        let _ = echoed;
        self.tty.writers.wake_all_for((PollEvents::OUT | PollEvents::WRNORM).0);
        if has_room && self.tty.wants_room.swap(false, Ordering::Relaxed) {
            self.tty.signals.notify(Reason::Output);
        }
        Some(header + count)
    }
    fn has_output(&self) -> bool {
        let state = self.tty.state.lock();
        !state.output.is_empty() || state.packet && state.packet_status != 0
    }
    fn slave_closed(&self) -> bool {
        self.tty.state.lock().slave_closed
    }
}

impl FileOperations for MasterFile {
    fn read(&self, file: &File, into: &mut IoBuffer, _offset: u64) -> Result<usize> {
        if into.remaining() == 0 {
            return Ok(0);
        }
        let mut bytes = alloc::vec::Vec::new();
        let room = into.remaining().min(OUTPUT_LIMIT + 1);
        bytes.try_reserve_exact(room)?;
        bytes.resize(room, 0);
        let count = loop {
            if let Some(count) = self.take_output(&mut bytes) {
                break count;
            }
            if self.slave_closed() {
                return Err(EIO);
            }
            if file.is_nonblocking() {
                return Err(EAGAIN);
            }
            let ready = || (self.has_output() || self.slave_closed()).then_some(());
            self.tty.master_readers.wait_until(Sleep::Interruptible, None, ready).map_err(|_| ERESTARTSYS)?;
        };
        if into.put(bytes.get(..count).unwrap_or_default())? < count { Err(EFAULT) } else { Ok(count) }
    }

    fn write(&self, file: &File, from: &mut IoBuffer, _offset: u64) -> Result<usize> {
        let mut bytes = [0; 512];
        let mut total = 0usize;
        while from.remaining() > 0 {
            let room = {
                let state = self.tty.state.lock();
                PENDING_LIMIT.saturating_sub(state.pending.len())
            };
            let step = from.remaining().min(room).min(bytes.len());
            if step == 0 {
                if file.is_nonblocking() {
                    return if total == 0 { Err(EAGAIN) } else { Ok(total) };
                }
                let ready = || (self.tty.state.lock().pending.len() < PENDING_LIMIT).then_some(());
                if self.tty.master_writers.wait_until(Sleep::Interruptible, None, ready).is_err() {
                    return if total == 0 { Err(ERESTARTSYS) } else { Ok(total) };
                }
                continue;
            }
            let Some(piece) = bytes.get_mut(..step) else { break };
            // All of a step or nothing of it, as on Linux.
            let taken = match from.take(piece) {
                Ok(taken) if taken == step => taken,
                _ if total == 0 => return Err(EFAULT),
                _ => break,
            };
            // Another writer of the same master may have used the room: what does not fit now is given again.
            let mut sent = 0;
            while sent < taken {
                let count = self.tty.receive(piece.get(sent..taken).unwrap_or_default());
                sent += count;
                if count == 0 {
                    let ready = || (self.tty.state.lock().pending.len() < PENDING_LIMIT).then_some(());
                    if self.tty.master_writers.wait_until(Sleep::Interruptible, None, ready).is_err() {
                        return Ok(total.saturating_add(sent));
                    }
                }
            }
            total = total.saturating_add(sent);
            if taken < step {
                break;
            }
        }
        Ok(total)
    }

    fn poll(&self, _file: &File, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.tty.master_readers);
            table.wait_on(&self.tty.master_writers);
        }
        let state = self.tty.state.lock();
        let mut events = PollEvents::NONE;
        if !state.output.is_empty() {
            events |= PollEvents::IN | PollEvents::RDNORM;
        }
        if state.packet && state.packet_status != 0 {
            events |= PollEvents::PRI | PollEvents::IN | PollEvents::RDNORM;
        }
        if state.slave_closed {
            events |= PollEvents::HUP;
        }
        if state.pending.len() < PENDING_LIMIT {
            events |= PollEvents::OUT | PollEvents::WRNORM;
        }
        events
    }

    fn ioctl(&self, _file: &File, task: &Task, command: u32, argument: u64) -> Result<usize> {
        self.master_ioctl(task, command, argument)
    }
    fn is_seekable(&self) -> bool {
        false
    }
    fn signal_lists<'a>(&'a self, _: &'a File) -> Lists<'a> {
        [Some(&self.tty.master_signals), None]
    }
    fn signals_requested(&self, owner: &Arc<SignalOwner>) {
        owner.name_caller(Task::current());
    }
    fn release(&self, _file: &File) {
        self.tty.state.lock().master_closed = true;
        self.instance.free(self.index);
        self.tty.hang_up();
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
