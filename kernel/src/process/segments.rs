//! Segments of a program's choosing: set_thread_area(2), get_thread_area(2), modify_ldt(2), and what clone(2) makes of its `tls` argument.
use super::Task;
use crate::error::*;
use crate::syscall::user::plain_layout;
use crate::syscall::{UserAddress, UserPtr, UserSlice};
use alloc::sync::Arc;
use machine::thread::{LOCAL_TABLE_ENTRIES, Segment, SegmentKind, Thread};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Place of the first thread-local segment in the descriptor table, as programs count.
const FIRST: u32 = 12;
/// How many there are.
const COUNT: u32 = 3;

/// `struct user_desc`.
#[repr(C)]
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct UserDescriptor {
    entry: u32,
    base: u32,
    limit: u32,
    flags: u32,
}
plain_layout!(UserDescriptor);

/// Bits of `flags`.
mod flag {
    pub const IS_32_BIT: u32 = 1;
    pub const CONTENTS_SHIFT: u32 = 1;
    pub const RESTRICTED: u32 = 1 << 3;
    pub const IN_PAGES: u32 = 1 << 4;
    pub const ABSENT: u32 = 1 << 5;
    pub const USEABLE: u32 = 1 << 6;
    pub const LONG: u32 = 1 << 7;
    pub const ALL: u32 = 0xff;
}

impl UserDescriptor {
    /// One of the two ways to say "no segment".
    fn is_empty(&self) -> bool {
        self.is_absent_segment() || self.base == 0 && self.limit == 0 && self.flags & flag::ALL == 0
    }
    /// The other one, which modify_ldt(2) knows alone.
    fn is_absent_segment(&self) -> bool {
        self.base == 0 && self.limit == 0 && self.flags & (flag::ALL & !flag::LONG) == flag::RESTRICTED | flag::ABSENT
    }
    fn kind(&self) -> SegmentKind {
        let has = |bit: u32| self.flags & bit != 0;
        SegmentKind {
            is_32_bit: has(flag::IS_32_BIT),
            contents: (self.flags >> flag::CONTENTS_SHIFT & 3) as u8,
            is_restricted: has(flag::RESTRICTED),
            in_pages: has(flag::IN_PAGES),
            is_absent: has(flag::ABSENT),
            is_useable: has(flag::USEABLE),
        }
    }
    /// The thread-local segment it describes: data of 32 bits that is there, or none. EINVAL.
    fn local_segment(&self) -> Result<Segment> {
        if self.is_empty() {
            return Ok(Segment::NONE);
        }
        let kind = self.kind();
        if !kind.is_32_bit || kind.contents > 1 || kind.is_absent {
            return Err(EINVAL);
        }
        Ok(Segment::new(self.base, self.limit, kind))
    }
    fn of(entry: u32, segment: Segment) -> Self {
        let kind = segment.kind();
        let bit = |set: bool, bit: u32| if set { bit } else { 0 };
        let flags = bit(kind.is_32_bit, flag::IS_32_BIT)
            | u32::from(kind.contents) << flag::CONTENTS_SHIFT
            | bit(kind.is_restricted, flag::RESTRICTED)
            | bit(kind.in_pages, flag::IN_PAGES)
            | bit(kind.is_absent, flag::ABSENT)
            | bit(kind.is_useable, flag::USEABLE);
        UserDescriptor { entry, base: segment.base(), limit: segment.limit(), flags: flags & !flag::LONG }
    }
    /// Where its number says, among the thread-local segments; EINVAL.
    fn place(entry: u32) -> Result<usize> {
        let number = entry.checked_sub(FIRST).filter(|number| *number < COUNT).ok_or(EINVAL)?;
        Ok(number as usize)
    }
}

/// set_thread_area(2): number -1 means a free place, which is told. ESRCH if there is none.
pub fn set_thread_area(task: &Task, descriptor: UserPtr<UserDescriptor>) -> Result<()> {
    let wanted = descriptor.read(task)?;
    let segment = wanted.local_segment()?;
    let mut entry = wanted.entry;
    if entry == u32::MAX {
        let free = (0..COUNT).find(|number| task.thread().local_segment(*number as usize).is_none()).ok_or(ESRCH)?;
        entry = FIRST + free;
        UserPtr::<u32>::new(descriptor.address()).write(task, &entry)?;
    }
    task.thread().set_local_segment(UserDescriptor::place(entry)?, segment);
    Ok(())
}

/// get_thread_area(2).
pub fn get_thread_area(task: &Task, descriptor: UserPtr<UserDescriptor>) -> Result<()> {
    let entry = UserPtr::<u32>::new(descriptor.address()).read(task)?;
    let segment = task.thread().local_segment(UserDescriptor::place(entry)?);
    descriptor.write(task, &UserDescriptor::of(entry, segment))
}

/// PTRACE_GET_THREAD_AREA: get_thread_area(2) of a stopped thread, with the number in an argument.
pub fn get_of_tracee(task: &Task, tracee: &Arc<Task>, entry: u64, data: u64) -> Result<()> {
    let entry = tracee_entry(entry)?;
    let place = UserDescriptor::place(entry)?;
    let segment = crate::ptrace::look(tracee, |stopped| stopped.local_segment(place))?;
    UserPtr::new(data).write(task, &UserDescriptor::of(entry, segment))
}
/// PTRACE_SET_THREAD_AREA: set_thread_area(2) likewise; the number in the descriptor does not count.
pub fn set_of_tracee(task: &Task, tracee: &Arc<Task>, entry: u64, data: u64) -> Result<()> {
    let entry = tracee_entry(entry)?;
    let segment = UserPtr::<UserDescriptor>::new(data).read(task)?.local_segment()?;
    let place = UserDescriptor::place(entry)?;
    crate::ptrace::look(tracee, |stopped| stopped.set_local_segment(place, segment))
}
/// EIO for a negative number.
fn tracee_entry(entry: u64) -> Result<u32> {
    u32::try_from(entry as i32).map_err(|_| EIO)
}

/// Bytes of a `struct user_desc`.
pub const DESCRIPTION_SIZE: usize = size_of::<UserDescriptor>();
/// Bytes of the descriptions of all thread-local segments.
pub const DESCRIPTIONS_SIZE: usize = DESCRIPTION_SIZE * COUNT as usize;

/// All thread-local segments, one `struct user_desc` each.
pub fn describe(segment: impl Fn(usize) -> Segment) -> [[u8; DESCRIPTION_SIZE]; COUNT as usize] {
    core::array::from_fn(|place| {
        let mut bytes = [0; DESCRIPTION_SIZE];
        bytes.copy_from_slice(UserDescriptor::of(FIRST + place as u32, segment(place)).as_bytes());
        bytes
    })
}
/// The segments that some descriptions, from the first on, mean; their numbers do not count. EINVAL.
pub fn described(bytes: &[u8]) -> Result<[Option<Segment>; COUNT as usize]> {
    let mut segments = [None; COUNT as usize];
    for (place, bytes) in segments.iter_mut().zip(bytes.chunks_exact(DESCRIPTION_SIZE)) {
        let descriptor = UserDescriptor::read_from_bytes(bytes).map_err(|_| EINVAL)?;
        *place = Some(descriptor.local_segment()?);
    }
    Ok(segments)
}

/// All thread-local segments as core dumps show them; none if the thread has none.
pub fn local_segments(task: &Task) -> Option<[[u8; DESCRIPTION_SIZE]; COUNT as usize]> {
    let segment = |place| task.thread().local_segment(place);
    (0..COUNT as usize).any(|place| !segment(place).is_none()).then(|| describe(segment))
}

/// What clone(2)'s `tls` argument is.
pub trait ThreadLocal {
    /// Gives it to a new thread.
    fn give(task: &Task, thread: &Thread, argument: u64) -> Result<()>;
}

/// A base of FS; EPERM outside of user space.
pub enum FsBase {}
impl ThreadLocal for FsBase {
    fn give(_: &Task, thread: &Thread, argument: u64) -> Result<()> {
        if thread.set_fs_base(argument) { Ok(()) } else { Err(EPERM) }
    }
}

/// The address of a descriptor that says which of the thread-local segments it is; EFAULT, EINVAL.
pub enum LocalSegment {}
impl ThreadLocal for LocalSegment {
    fn give(task: &Task, thread: &Thread, argument: u64) -> Result<()> {
        let wanted = UserPtr::<UserDescriptor>::new(argument).read(task)?;
        let segment = wanted.local_segment()?;
        thread.set_local_segment(UserDescriptor::place(wanted.entry)?, segment);
        Ok(())
    }
}

/// modify_ldt(2). As on Linux the result is an unsigned int: errors do not look like errors to 64-bit programs.
pub fn modify_ldt(task: &Task, function: i32, pointer: UserAddress, size: u64) -> Result<u32> {
    let done = match function {
        0 => read_table(task, pointer, size),
        1 => write_table(task, pointer, size, true),
        0x11 => write_table(task, pointer, size, false),
        2 => clear(pointer.0, size.min(DEFAULT_TABLE)),
        _ => Err(ENOSYS),
    };
    Ok(done.map_or_else(|error| error.into_register() as u32, |count| count as u32))
}

/// Bytes that the default table, of which nothing is left, is said to have.
const DEFAULT_TABLE: u64 = 128;
const ENTRY_SIZE: u64 = 8;

/// Writes zeros.
fn clear(address: u64, size: u64) -> Result<u64> {
    let zeros = [0; 128];
    let mut rest = UserSlice::new(address, size as usize);
    while rest.length > 0 {
        rest.write(zeros.get(..rest.length.min(zeros.len())).unwrap_or_default())?;
    }
    Ok(size)
}

/// Copies the table out, and zeros behind it: how many bytes; none while there is no table.
fn read_table(task: &Task, pointer: UserAddress, size: u64) -> Result<u64> {
    let space = task.memory().ok_or(EFAULT)?;
    let size = size.min(LOCAL_TABLE_ENTRIES as u64 * ENTRY_SIZE);
    let mut out = UserSlice::new(pointer.0, size as usize);
    let mut is_empty = true;
    for segment in space.tables().local_segments() {
        is_empty = false;
        let [low, high] = segment.words();
        let bytes = (u64::from(high) << 32 | u64::from(low)).to_ne_bytes();
        out.write(bytes.get(..out.length.min(bytes.len())).unwrap_or_default())?;
    }
    if is_empty {
        return Ok(0);
    }
    clear(out.address, out.length as u64)?;
    Ok(size)
}

/// Sets one segment. The old form clears it by a base and a limit of 0, and knows neither conforming code nor the program's bit.
fn write_table(task: &Task, pointer: UserAddress, size: u64, is_old: bool) -> Result<u64> {
    const CONFORMING: u8 = 3;
    if size != size_of::<UserDescriptor>() as u64 {
        return Err(EINVAL);
    }
    let wanted = UserPtr::<UserDescriptor>::new(pointer.0).read(task)?;
    let place = wanted.entry as usize;
    let mut kind = wanted.kind();
    if place >= LOCAL_TABLE_ENTRIES || kind.contents == CONFORMING && (is_old || !kind.is_absent) {
        return Err(EINVAL);
    }
    let clears = is_old && wanted.base == 0 && wanted.limit == 0 || wanted.is_absent_segment();
    kind.is_useable &= !is_old;
    let segment = if clears { Segment::NONE } else { Segment::new(wanted.base, wanted.limit, kind) };
    task.memory().ok_or(EFAULT)?.tables().set_local_segment(place, segment)?;
    Ok(0)
}
