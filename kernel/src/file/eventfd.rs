//! eventfd(2): a counter that can be waited for.
use super::open_file::FlagSupport;
use super::{File, FileOperations, IoBuffer, PollEvents, PollTable};
use crate::error::*;
use crate::process::Task;
use crate::sync::{SpinLock, rank};
use crate::syscall::Fd;
use crate::syscall::argument::{Flags, flag_names};
use crate::wait::{Sleep, WaitQueue};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;

flag_names! {
    /// Flags of eventfd2(2).
    pub EventfdFlags { EFD_SEMAPHORE = 1, EFD_NONBLOCK = 0o4000, EFD_CLOEXEC = 0o2000000 }
}
/// The value that a write may not reach.
const LIMIT: u64 = u64::MAX;
const O_RDWR: u32 = 2;

struct EventCounter {
    count: SpinLock<u64>,
    semaphore: bool,
    queue: Arc<WaitQueue>,
}

impl EventCounter {
    fn try_take(&self) -> Option<u64> {
        let mut count = self.count.lock();
        let taken = if self.semaphore { (*count).min(1) } else { *count };
        *count -= taken;
        (taken != 0).then_some(taken)
    }
    fn try_add(&self, value: u64) -> Option<()> {
        let mut count = self.count.lock();
        if LIMIT - *count <= value {
            return None;
        }
        *count += value;
        Some(())
    }
}

impl FileOperations for EventCounter {
    fn read(&self, file: &File, into: &mut IoBuffer, _offset: u64) -> Result<usize> {
        if into.remaining() < 8 {
            return Err(EINVAL.because("less than 8 bytes"));
        }
        let taken = match self.try_take() {
            Some(taken) => taken,
            None if file.is_nonblocking() || into.is_impatient() => return Err(EAGAIN),
            None => {
                let wait = self.queue.wait_exclusive(Sleep::Interruptible, None, || self.try_take());
                wait.map_err(|_| ERESTARTSYS)?
            }
        };
        self.queue.wake(PollEvents::OUT.0);
        if into.put(&taken.to_ne_bytes())? < 8 { Err(EFAULT) } else { Ok(8) }
    }
    fn write(&self, file: &File, from: &mut IoBuffer, _offset: u64) -> Result<usize> {
        if from.remaining() < 8 {
            return Err(EINVAL.because("less than 8 bytes"));
        }
        let mut bytes = [0; 8];
        if from.take(&mut bytes)? < 8 {
            return Err(EFAULT);
        }
        let value = u64::from_ne_bytes(bytes);
        if value == u64::MAX {
            return Err(EINVAL);
        }
        match self.try_add(value) {
            Some(()) => {}
            None if file.is_nonblocking() => return Err(EAGAIN),
            None => {
                let wait = self.queue.wait_exclusive(Sleep::Interruptible, None, || self.try_add(value));
                wait.map_err(|_| ERESTARTSYS)?;
            }
        }
        self.queue.wake(PollEvents::IN.0);
        Ok(8)
    }
    fn poll(&self, _file: &File, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.queue);
        }
        let count = *self.count.lock();
        let mut events = PollEvents::NONE;
        if count > 0 {
            events |= PollEvents::IN;
        }
        if count == LIMIT {
            events |= PollEvents::ERR;
        }
        if count < LIMIT - 1 {
            events |= PollEvents::OUT;
        }
        events
    }
    fn read_flags(&self) -> FlagSupport {
        FlagSupport::NotWaiting
    }
    fn write_flags(&self) -> FlagSupport {
        FlagSupport::Plain
    }
    fn is_seekable(&self) -> bool {
        false
    }
    fn show_information(&self, _file: &File, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        writeln!(out, "eventfd-count: {:16x}", *self.count.lock())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// eventfd2(2).
pub fn eventfd2(task: &Task, initial: u32, flags: Flags<EventfdFlags>) -> Result<Fd> {
    let bits = flags.known()?;
    let counter = EventCounter {
        count: SpinLock::new(rank::LEAF, initial.into()),
        semaphore: bits & EventfdFlags::EFD_SEMAPHORE != 0,
        queue: Arc::new(WaitQueue::new()),
    };
    let operations: Box<dyn FileOperations> = machine::memory::try_box(counter)?;
    let file = File::anonymous(operations, "anon_inode:[eventfd]", O_RDWR | bits & EventfdFlags::EFD_NONBLOCK)?;
    task.files().install(file, 0, bits & EventfdFlags::EFD_CLOEXEC != 0)
}

/// eventfd(2).
pub fn eventfd(task: &Task, initial: u32) -> Result<Fd> {
    eventfd2(task, initial, Flags::new(0))
}
