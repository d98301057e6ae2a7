//! The memory devices of major number 1: null(4), full(4), random(4), kmsg.
use super::{add_character_node, kmsg, register_character};
use crate::error::*;
use crate::file::open_file::{FlagSupport, SeekFrom};
use crate::file::signal_driven::{Lists, SignalList};
use crate::file::{File, FileOperations, Inode, IoBuffer, PollEvents, PollTable};
use crate::memory::Mapping;
use crate::process::{Capability, Task};
use crate::random;
use crate::syscall::{UserPtr, UserSlice};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use machine::memory::try_box;

/// Major number of the memory devices.
const MAJOR: u32 = 1;
const NULL: u32 = 3;
const ZERO: u32 = 5;
const FULL: u32 = 7;
const RANDOM: u32 = 8;
const URANDOM: u32 = 9;
const KMSG: u32 = 11;

/// Registers the devices and makes their nodes.
pub fn initialize() -> Result<()> {
    register_character(MAJOR, 0..256, "mem", open)?;
    for (name, permissions, minor) in [
        ("null", 0o666, NULL),
        ("zero", 0o666, ZERO),
        ("full", 0o666, FULL),
        ("random", 0o666, RANDOM),
        ("urandom", 0o666, URANDOM),
        ("kmsg", 0o644, KMSG),
    ] {
        add_character_node(name, permissions, MAJOR, minor)?;
    }
    Ok(())
}

fn open(node: &Arc<Inode>, flags: u32) -> Result<Box<dyn FileOperations>> {
    Ok(match node.device().minor {
        NULL => try_box(Null)?,
        ZERO => try_box(Zero { is_full: false })?,
        FULL => try_box(Zero { is_full: true })?,
        RANDOM => try_box(Random { is_pollable: true })?,
        URANDOM => try_box(Random { is_pollable: false })?,
        KMSG => kmsg::open(flags)?,
        _ => return Err(ENXIO),
    })
}

/// Positions of these devices are always 0.
fn rewind(file: &File) -> Result<u64> {
    file.set_position(0);
    Ok(0)
}

struct Null;
impl FileOperations for Null {
    fn read(&self, _file: &File, _into: &mut IoBuffer, _offset: u64) -> Result<usize> {
        Ok(0)
    }
    fn write(&self, _file: &File, from: &mut IoBuffer, _offset: u64) -> Result<usize> {
        Ok(from.remaining())
    }
    fn read_flags(&self) -> FlagSupport {
        FlagSupport::NotWaiting
    }
    fn write_flags(&self) -> FlagSupport {
        FlagSupport::NotWaiting
    }
    fn seek(&self, file: &File, _to: SeekFrom) -> Result<u64> {
        rewind(file)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// /dev/zero and /dev/full.
struct Zero {
    is_full: bool,
}
impl Zero {
    /// Bytes between two looks at signals.
    const STEP: usize = 64 * 1024;
    /// Goes on after one step; how many bytes were moved with it.
    #[cold]
    fn read_on(into: &mut IoBuffer) -> usize {
        let mut total = Self::STEP;
        while total.is_multiple_of(Self::STEP) && into.remaining() > 0 && !Task::current().signal_pending() {
            match into.put_zeros(Self::STEP) {
                Ok(moved) => total = total.saturating_add(moved),
                Err(_) => break,
            }
        }
        total
    }
}
impl FileOperations for Zero {
    fn read(&self, _file: &File, into: &mut IoBuffer, _offset: u64) -> Result<usize> {
        let moved = into.put_zeros(Self::STEP)?;
        if moved == Self::STEP { Ok(Self::read_on(into)) } else { Ok(moved) }
    }
    fn write(&self, _file: &File, from: &mut IoBuffer, _offset: u64) -> Result<usize> {
        if self.is_full { Err(ENOSPC) } else { Ok(from.remaining()) }
    }
    fn read_flags(&self) -> FlagSupport {
        if self.is_full { FlagSupport::Plain } else { FlagSupport::NotWaiting }
    }
    fn write_flags(&self) -> FlagSupport {
        self.read_flags()
    }
    fn seek(&self, file: &File, _to: SeekFrom) -> Result<u64> {
        rewind(file)
    }
    /// Every mmap(2) of /dev/zero is memory of its own.
    fn mapping(&self, _file: &File) -> Result<Arc<Mapping>> {
        if self.is_full {
            return Err(ENODEV);
        }
        let mapping = Mapping::new(None)?;
        mapping.set_size(i64::MAX as u64);
        Ok(mapping)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// /dev/random and /dev/urandom, which differ in poll(2) only: the generator is seeded before the first program runs.
struct Random {
    is_pollable: bool,
}
/// Who would get a signal when the generator is seeded, which it is.
static RANDOM_SIGNALS: SignalList = SignalList::new();
/// `_IOR('R', 0, int)`: bits of entropy.
const RNDGETENTCNT: u32 = 0x8004_5200;
/// `_IOW('R', 1, int)`: credit entropy.
const RNDADDTOENTCNT: u32 = 0x4004_5201;
/// `_IOW('R', 3, int [2])`: mix bytes in and credit them.
const RNDADDENTROPY: u32 = 0x4008_5203;
/// `_IO('R', 4)` and `_IO('R', 6)`: forget the count.
const RNDZAPENTCNT: u32 = 0x5204;
const RNDCLEARPOOL: u32 = 0x5206;
/// `_IO('R', 7)`: mix in fresh entropy.
const RNDRESEEDCRNG: u32 = 0x5207;
/// What the count shows once the generator is ready.
const POOL_BITS: i32 = 256;

impl Random {
    fn mix_from(from: &mut IoBuffer) -> Result<usize> {
        let mut bytes = [0; 256];
        let mut total = 0usize;
        while from.remaining() > 0 {
            let step = from.remaining().min(bytes.len());
            let Some(piece) = bytes.get_mut(..step) else { break };
            match from.take(piece) {
                Ok(moved) => {
                    random::mix(piece.get(..moved).unwrap_or_default());
                    total = total.saturating_add(moved);
                    if moved < step {
                        break;
                    }
                }
                Err(error) if total == 0 => return Err(error),
                Err(_) => break,
            }
            if Task::current().signal_pending() {
                break;
            }
        }
        Ok(total)
    }
}
impl FileOperations for Random {
    fn signal_lists<'a>(&'a self, _: &'a File) -> Lists<'a> {
        [Some(&RANDOM_SIGNALS), None]
    }
    fn read(&self, _file: &File, into: &mut IoBuffer, _offset: u64) -> Result<usize> {
        random::fill_buffer(Task::current(), into)
    }
    fn write(&self, _file: &File, from: &mut IoBuffer, _offset: u64) -> Result<usize> {
        Self::mix_from(from)
    }
    fn read_flags(&self) -> FlagSupport {
        FlagSupport::NotWaiting
    }
    fn write_flags(&self) -> FlagSupport {
        FlagSupport::NotWaiting
    }
    fn poll(&self, _file: &File, _table: Option<&mut PollTable>) -> PollEvents {
        if self.is_pollable {
            PollEvents::IN | PollEvents::RDNORM
        } else {
            PollEvents::IN | PollEvents::OUT | PollEvents::RDNORM | PollEvents::WRNORM
        }
    }
    fn is_pollable(&self) -> bool {
        self.is_pollable
    }
    fn seek(&self, file: &File, _to: SeekFrom) -> Result<u64> {
        Ok(file.position())
    }
    fn ioctl(&self, _file: &File, task: &Task, command: u32, argument: u64) -> Result<usize> {
        if command == RNDGETENTCNT {
            UserPtr::new(argument).write(task, &POOL_BITS)?;
            return Ok(0);
        }
        let known = [RNDADDTOENTCNT, RNDADDENTROPY, RNDZAPENTCNT, RNDCLEARPOOL, RNDRESEEDCRNG].contains(&command);
        if !known {
            return Err(EINVAL);
        }
        if !task.capable(Capability::SysAdmin) {
            return Err(EPERM);
        }
        match command {
            RNDADDTOENTCNT => {
                let count: i32 = UserPtr::new(argument).read(task)?;
                if count < 0 {
                    return Err(EINVAL);
                }
            }
            RNDADDENTROPY => {
                let header = UserPtr::<i32>::new(argument);
                let (count, size) = (header.read(task)?, header.element(task, 1).read(task)?);
                let size = usize::try_from(size).map_err(|_| EINVAL)?;
                if count < 0 {
                    return Err(EINVAL);
                }
                let bytes = UserSlice::new(header.element(task, 2).address(), size);
                if Self::mix_from(&mut IoBuffer::user(bytes))? != size {
                    return Err(EFAULT);
                }
            }
            RNDRESEEDCRNG => random::reseed(),
            // There is no count to forget.
            _ => {}
        }
        Ok(0)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
