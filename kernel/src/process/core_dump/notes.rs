//! The notes of a core file: threads with their registers, the process, the signal, the auxiliary vector, mapped files.
//!
//! Layouts: `struct elf_prstatus` and `struct elf_prpsinfo`, for programs with pointers of 64 and of 32 bits (`narrow`).
use super::super::{Task, ThreadGroup};
use crate::error::*;
use crate::memory::AddressSpace;
use crate::memory::address_space::AreaReport;
use crate::output::Output;
use crate::process::usage::Sum;
use crate::ptrace;
use crate::ptrace::regset::{self, Set};
use crate::signal::SignalInfo;
use crate::syscall::user::UserLayout;
use abi::Abi;
use abi::elf::*;
use alloc::sync::Arc;
use alloc::vec::Vec;
use machine::entry::UserFrame;

const PAGE: u64 = 4096;
/// Bytes of a program's name and of its arguments in the note on the process.
const NAME: usize = 16;
const ARGUMENTS: usize = 80;
/// Most bytes of the note on mapped files; a process with more has none.
const LARGEST_FILE_NOTE: usize = 4 << 20;

/// Words of a program in the making.
pub struct Bytes {
    pub(super) all: Output,
    narrow: bool,
}
impl Bytes {
    pub fn new(narrow: bool) -> Self {
        Bytes { all: Output::new(), narrow }
    }
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.all.put(bytes)
    }
    pub fn half(&mut self, value: u16) -> Result<()> {
        self.put(&value.to_ne_bytes())
    }
    pub fn int(&mut self, value: u32) -> Result<()> {
        self.put(&value.to_ne_bytes())
    }
    /// A word of the program: 8 bytes, or 4.
    pub fn word(&mut self, value: u64) -> Result<()> {
        if self.narrow { self.int(value as u32) } else { self.put(&value.to_ne_bytes()) }
    }
    fn time(&mut self, nanoseconds: u64) -> Result<()> {
        self.word(nanoseconds / 1_000_000_000)?;
        self.word(nanoseconds % 1_000_000_000 / 1000)
    }
    pub fn align(&mut self, unit: usize) -> Result<()> {
        self.all.align(unit)
    }
    /// A whole note. All are of "CORE" but the sets of registers that only this machine has.
    fn note(&mut self, owner: &[u8], kind: u32, body: &[u8]) -> Result<()> {
        self.int(owner.len() as u32 + 1)?;
        self.int(body.len() as u32)?;
        self.int(kind)?;
        self.put(owner)?;
        self.put(b"\0")?;
        self.align(4)?;
        self.put(body)?;
        self.align(4)
    }
}

/// A thread with its registers.
pub struct Thread {
    numbers: Numbers,
    is_long_mode: bool,
    general: Vec<u8>,
    /// The other sets, with their notes' owner and number.
    sets: Vec<(&'static [u8], u32, Vec<u8>)>,
}

/// What the status note says beside the registers.
struct Numbers {
    pending: u64,
    blocked: u64,
    id: u32,
    times: Sum,
}

impl Numbers {
    fn of(task: &Task) -> Numbers {
        let times = if task.is_leader() { task.group().own_usage() } else { task.usage() };
        Numbers {
            pending: task.signals.private_pending(),
            blocked: task.signals.blocked(),
            id: task.id_in_own_namespace(),
            times,
        }
    }
}

impl Thread {
    /// The current one.
    pub fn current(task: &Task, frame: &mut UserFrame) -> Result<Thread> {
        let is_long_mode = frame.is_64_bit();
        Thread::collect(task, is_long_mode, |set| regset::read_own(task, frame, set))
    }
    /// One that waits for the dump.
    pub fn waiting(task: &Arc<Task>) -> Result<Thread> {
        let is_long_mode = ptrace::while_asleep(task, |stopped| stopped.frame().is_64_bit());
        Thread::collect(task, is_long_mode, |set| regset::read_asleep(task, set))
    }
    fn collect(task: &Task, is_long_mode: bool, mut read: impl FnMut(Set) -> Result<Vec<u8>>) -> Result<Thread> {
        const WIDE: &[(&[u8], u32, Set)] = &[(b"CORE", NT_PRFPREG, Set::Fpu), (b"LINUX", NT_X86_XSTATE, Set::Extended)];
        const NARROW: &[(&[u8], u32, Set)] = &[
            (b"CORE", NT_PRFPREG, Set::Fpu32),
            (b"LINUX", NT_PRXFPREG, Set::Fpu),
            (b"LINUX", NT_X86_XSTATE, Set::Extended),
        ];
        let general = read(if is_long_mode { Set::General } else { Set::General32 })?;
        let mut sets = Vec::new();
        for (owner, kind, set) in if is_long_mode { WIDE } else { NARROW } {
            sets.try_reserve(1)?;
            sets.push((*owner, *kind, read(*set)?));
        }
        if let (false, Some(segments)) = (is_long_mode, crate::process::segments::local_segments(task)) {
            let mut bytes = Bytes::new(true);
            bytes.put(segments.as_flattened())?;
            sets.try_reserve(1)?;
            sets.push((b"LINUX", NT_386_TLS, bytes.all.into_bytes()));
        }
        Ok(Thread { numbers: Numbers::of(task), is_long_mode, general, sets })
    }
    /// Whether it runs code of 64 bits.
    pub fn is_long_mode(&self) -> bool {
        self.is_long_mode
    }
    /// `struct elf_prstatus`.
    fn status(&self, process: &ThreadGroup, signal: u32, narrow: bool) -> Result<Bytes> {
        let mut out = Bytes::new(narrow);
        out.int(signal)?;
        out.int(0)?;
        out.int(0)?;
        out.half(signal as u16)?;
        out.align(if narrow { 4 } else { 8 })?;
        out.word(self.numbers.pending)?;
        out.word(self.numbers.blocked)?;
        out.int(self.numbers.id)?;
        put_relations(process, &mut out)?;
        let children = process.usage.lock().children;
        for time in
            [self.numbers.times.user_time, self.numbers.times.system_time, children.user_time, children.system_time]
        {
            out.time(time)?;
        }
        out.put(&self.general)?;
        out.int(1)?;
        out.align(if self.is_long_mode { 8 } else { 4 })?;
        Ok(out)
    }
}

/// Parent, process group, session.
fn put_relations(process: &ThreadGroup, out: &mut Bytes) -> Result<()> {
    let group = process.process_group();
    out.int(process.parent_id())?;
    out.int(group.id().number())?;
    out.int(group.session().id().number())
}

/// `struct elf_prpsinfo`.
fn process_information(task: &Task, memory: &AddressSpace, narrow: bool) -> Result<Bytes> {
    let mut out = Bytes::new(narrow);
    // The thread that writes this runs.
    out.put(&[0, b'R', 0, task.schedule.nice() as i8 as u8])?;
    out.align(if narrow { 4 } else { 8 })?;
    out.word(crate::file::procfs::task_flags(task).into())?;
    let (user, group) = task.with_credentials(|own| (own.user, own.group));
    if narrow {
        out.half(user as u16)?;
        out.half(group as u16)?;
    } else {
        out.int(user)?;
        out.int(group)?;
    }
    out.int(task.group().id_in_own_namespace())?;
    put_relations(task.group(), &mut out)?;
    out.put(task.name().get(..NAME).unwrap_or_default())?;
    let mut arguments = [0; ARGUMENTS];
    let range = memory.with_layout(|layout| layout.arguments.clone());
    let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0).min(ARGUMENTS - 1);
    let room = arguments.get_mut(..length).unwrap_or_default();
    memory.read_remote(range.start, room, true);
    room.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
    out.put(&arguments)?;
    out.align(if narrow { 4 } else { 8 })?;
    Ok(out)
}

fn auxiliary(memory: &AddressSpace, narrow: bool) -> Result<Bytes> {
    let mut out = Bytes::new(narrow);
    memory.with_layout(|layout| {
        layout.auxiliary.iter().chain(&[(AT_NULL, 0)]).try_for_each(|(key, value)| {
            out.word(*key)?;
            out.word(*value)
        })
    })?;
    Ok(out)
}

/// The mapped files: count, unit, a range and an offset each, and then their names. `None` if that is too much.
fn files(task: &Task, areas: &[AreaReport], narrow: bool) -> Result<Option<Bytes>> {
    let root = task.context().root();
    let (mut table, mut names, mut count) = (Bytes::new(narrow), Vec::new(), 0);
    for area in areas {
        let name = match (&area.file, area.name) {
            (Some(file), _) => file.path().to_bytes(&root)?,
            // Shared memory is a file to the kernel.
            (None, Some(name)) if name.starts_with('/') => name.as_bytes().to_vec(),
            (None, _) => continue,
        };
        table.word(area.range.start)?;
        table.word(area.range.end)?;
        table.word(area.offset / PAGE)?;
        names.try_reserve(name.len() + 1)?;
        names.extend_from_slice(&name);
        names.push(0);
        count += 1;
    }
    let mut out = Bytes::new(narrow);
    out.word(count)?;
    out.word(PAGE)?;
    out.put(table.all.as_bytes())?;
    out.put(&names)?;
    Ok((out.all.len() <= LARGEST_FILE_NOTE).then_some(out))
}

/// All notes in Linux's order: the thread that got the signal with what belongs to the process, then the others.
pub fn all(
    task: &Task,
    memory: &AddressSpace,
    threads: &[Thread],
    areas: &[AreaReport],
    info: &SignalInfo,
    narrow: bool,
) -> Result<Vec<u8>> {
    let mut notes = Bytes::new(narrow);
    for (index, thread) in threads.iter().enumerate() {
        let status = thread.status(task.group(), info.signal, narrow)?;
        notes.note(b"CORE", NT_PRSTATUS, status.all.as_bytes())?;
        if index == 0 {
            notes.note(b"CORE", NT_PRPSINFO, process_information(task, memory, narrow)?.all.as_bytes())?;
            let abi = if !narrow {
                Abi::X86_64
            } else if thread.is_long_mode {
                Abi::X32
            } else {
                Abi::I386
            };
            let mut signal = [0; 128];
            info.encode(abi, &mut signal);
            notes.note(b"CORE", NT_SIGINFO, &signal)?;
            notes.note(b"CORE", NT_AUXV, auxiliary(memory, narrow)?.all.as_bytes())?;
            if let Some(files) = files(task, areas, narrow)? {
                notes.note(b"CORE", NT_FILE, files.all.as_bytes())?;
            }
        }
        for (owner, kind, body) in &thread.sets {
            notes.note(owner, *kind, body)?;
        }
    }
    Ok(notes.all.into_bytes())
}
