//! execve(2) and execveat(2).
//!
//! Up to the point of no return every error goes back to the caller, whose memory is as it was; after it the process gets
//! SIGSEGV, as on Linux. The new address space is complete before it takes the old one's place.
mod arguments;
mod calls;
mod credentials;
mod elf;
mod hooks;
pub mod layout;
mod load;
mod script;
mod stack;
pub mod vdso;

pub use arguments::Vector;
pub use calls::{execve, execveat};
pub use vdso::fit as fit_vdso;

use super::{Credentials, Task};
use crate::error::{ELOOP, ENOENT, ENOEXEC, Error, Result};
use crate::file::File;
use crate::memory::address_space::Executable;
use crate::memory::{AddressSpace, Limits};
use crate::syscall::Fd;
use abi::Abi;
use abi::elf::*;
use alloc::sync::Arc;
use alloc::vec::Vec;
use arguments::Arguments;
use credentials::{FilePrivileges, after_exec};
use load::{Image, Loaded};
use machine::entry::UserFrame;
use script::FirstLine;

/// Most scripts that name one another as interpreters.
const DEPTH: usize = 5;
/// SIGSEGV.
const SIGSEGV: i32 = 11;

/// The program to execute.
pub struct Request<'a> {
    /// Where relative paths start.
    pub directory: Fd,
    /// The path; empty for the file behind `directory` (AT_EMPTY_PATH).
    pub path: &'a [u8],
    /// AT_SYMLINK_NOFOLLOW.
    pub no_follow: bool,
    /// The name the program sees (AT_EXECFN, /proc/PID/comm).
    pub name: &'a [u8],
    /// Scripts cannot be executed this way: their interpreter could not open `name` (a close-on-exec descriptor).
    pub hides_path: bool,
    /// Arguments.
    pub arguments: Vector<'a>,
    /// Environment.
    pub environment: Vector<'a>,
}

/// A program file with everything checked that can be checked before the point of no return.
struct Prepared {
    image: Image,
    executable: Executable,
    interpreter: Option<Image>,
    credentials: Credentials,
    is_secure: bool,
    /// Nor does it run in a layout of its caller's choice.
    clears_personality: bool,
    /// Others may read it, so the process may be dumped and traced.
    is_readable: bool,
}

/// Executes a program in the current task; on success the frame is that of its first instruction.
pub fn execute(task: &Task, frame: &mut UserFrame, request: &Request<'_>) -> Result<()> {
    execute_checked(task, frame, request, None)
}

/// As [`execute`]; `wrong` is an error due when the file is opened.
fn execute_checked(task: &Task, frame: &mut UserFrame, request: &Request<'_>, wrong: Option<Error>) -> Result<()> {
    hooks::check_process_limit(task)?;
    let limits = Limits::of(task);
    let mut arguments = Arguments::collect(task, request.name, request.arguments, request.environment, limits.stack)?;
    if let Some(error) = wrong {
        return Err(error);
    }
    let file = hooks::open_program(task, request.directory, request.path, request.no_follow)?;
    let former = task.id_in_own_namespace();
    task.group().set_executing(true);
    let new_frame = execute_file(task, file, request, &mut arguments, limits);
    task.group().set_executing(false);
    let mut new_frame = new_frame?;
    new_frame.original_rax = frame.original_rax;
    *frame = new_frame;
    crate::ptrace::refresh(frame);
    crate::ptrace::exec_done(task, former);
    crate::ptrace::refresh(frame);
    Ok(())
}

/// Executes an opened file while nobody can begin to trace the process.
fn execute_file(
    task: &Task,
    file: Arc<File>,
    request: &Request<'_>,
    arguments: &mut Arguments,
    limits: Limits,
) -> Result<UserFrame> {
    let prepared = prepare(task, file, request, arguments)?;
    hooks::end_other_threads(task)?;
    // The point of no return.
    replace(task, &prepared, arguments, request.name, limits).inspect_err(|_| hooks::kill(task, SIGSEGV))
}

/// Finds out what the file is, through scripts to the program that runs them.
fn prepare(task: &Task, file: Arc<File>, request: &Request<'_>, arguments: &mut Arguments) -> Result<Prepared> {
    let mut file = Executable::new(file)?;
    let mut name: Vec<u8> = Vec::new();
    name.try_reserve_exact(request.name.len())?;
    name.extend_from_slice(request.name);
    for depth in 0..=DEPTH {
        let mut start = [0; script::BUFFER];
        read_start(file.file(), &mut start)?;
        let FirstLine::Script(line) = script::first_line(&start) else {
            let image = match script::first_line(&start) {
                FirstLine::Other => Image::read(file.file().clone())?,
                _ => return Err(ENOEXEC),
            };
            return prepare_image(task, image, file);
        };
        if request.hides_path && depth == 0 {
            return Err(ENOENT);
        }
        if depth == DEPTH {
            break;
        }
        arguments.remove_first()?;
        arguments.push_first(&name)?;
        if let Some(argument) = line.argument {
            arguments.push_first(argument)?;
        }
        arguments.push_first(line.interpreter)?;
        name.clear();
        name.try_reserve(line.interpreter.len())?;
        name.extend_from_slice(line.interpreter);
        file = Executable::new(hooks::open_program(task, Fd::WORKING_DIRECTORY, line.interpreter, false)?)?;
    }
    Err(ELOOP)
}

fn read_start(file: &Arc<File>, start: &mut [u8; script::BUFFER]) -> Result<()> {
    let mapping = file.operations().mapping(file).map_err(|_| ENOEXEC)?;
    mapping.read_bytes(0, start).map(|_| ())
}

fn prepare_image(task: &Task, image: Image, executable: Executable) -> Result<Prepared> {
    let interpreter = match image.interpreter()? {
        None => None,
        Some(path) => {
            let file = hooks::open_program(task, Fd::WORKING_DIRECTORY, &path, false)?;
            Some(Image::read_interpreter(file, image.abi())?)
        }
    };
    let privileges: FilePrivileges = hooks::file_privileges(&image.file);
    let old = task.credentials();
    let mut before = old.try_copy()?;
    before.no_new_privileges = task.has_no_new_privileges();
    let (credentials, is_secure) = after_exec(&before, &privileges, hooks::may_gain_privileges(task))?;
    let sets_id = privileges.set_user.is_some() || privileges.set_group.is_some();
    let clears_personality = sets_id && !before.no_new_privileges || credentials.permitted & !old.permitted != 0;
    let is_readable = hooks::is_readable(&old, &image.file)
        && interpreter.as_ref().is_none_or(|image| hooks::is_readable(&old, &image.file));
    Ok(Prepared { image, executable, interpreter, credentials, is_secure, clears_personality, is_readable })
}

/// Builds the new address space and gives it, with all that exec resets, to the task.
fn replace(
    task: &Task,
    prepared: &Prepared,
    arguments: &Arguments,
    name: &[u8],
    mut limits: Limits,
) -> Result<UserFrame> {
    let mut personality = hooks::personality(task);
    if prepared.clears_personality {
        personality &= !layout::CLEARED_ON_SET_ID;
    }
    if prepared.is_secure {
        limits.stack = limits.stack.min(8 << 20);
    }
    let abi = prepared.image.abi();
    if abi != Abi::I386 {
        personality &= !layout::READ_IMPLIES_EXECUTE;
    }
    if abi.has_narrow_pointers() && !prepared.image.says_about_stack() {
        // Programs from before there was a difference.
        personality |= layout::READ_IMPLIES_EXECUTE;
    }
    let choice = layout::choose(layout::Width::of(abi, personality), personality, limits.stack, crate::random::word);
    limits.narrow = abi.has_narrow_pointers();
    let space = AddressSpace::for_program(&choice)?;
    let executable_stack = prepared.image.wants_executable_stack() || personality & layout::READ_IMPLIES_EXECUTE != 0;
    let top = choice.stack_top;
    let floor = space.add_stack(top, arguments.frames(), executable_stack, &limits)?;
    let has_interpreter = prepared.interpreter.is_some();
    let program = load::load_program(&space, &prepared.image, has_interpreter, &choice, personality, &limits)?;
    let (base, entry) = match &prepared.interpreter {
        Some(image) => load::load_interpreter(&space, image, personality, &limits)?,
        None => (0, program.entry),
    };
    let vdso = vdso::map(&space, abi, &limits)?;
    let auxiliary = auxiliary_vector(prepared, &program, base, arguments.name(top), &vdso)?;
    let stack_pointer = write_stack(&space, abi, arguments, top, floor, &choice, auxiliary)?;
    let heap = layout::heap_start(&choice, program.end, program.is_alone, crate::random::word);
    let dump_filter = task.memory().map(|old| old.with_layout(|layout| layout.dump_filter));
    space.with_layout_mut(|layout| {
        layout.dump_filter = dump_filter.unwrap_or(layout.dump_filter);
        layout.heap = heap..heap;
        layout.code = program.code.0..program.code.1;
        layout.data = program.data.0..program.data.1;
        layout.stack_start = stack_pointer;
        layout.arguments = arguments.strings(top).range.start..arguments.environment(top);
        layout.environment = arguments.environment(top)..arguments.name(top);
        layout.executable = prepared.executable.hold();
    });
    let is_dumpable = prepared.is_readable
        && prepared.credentials.user == prepared.credentials.effective_user
        && prepared.credentials.group == prepared.credentials.effective_group
        && !task.with_credentials(|old| old.hides_from(&prepared.credentials));
    let credentials = machine::memory::try_arc(prepared.credentials.try_copy()?)?;
    hooks::commit(
        task,
        hooks::Commit {
            space,
            credentials,
            is_secure: prepared.is_secure,
            is_dumpable,
            personality,
            name: base_name(name),
            abi,
            fast_call_landing: vdso.landing,
        },
    )?;
    task.set_abi(abi);
    Ok(UserFrame::new(abi, entry, stack_pointer))
}

/// What follows the last slash.
fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// The auxiliary vector in Linux's order, without its end; the places of AT_RANDOM and AT_PLATFORM are filled in later.
fn auxiliary_vector(
    prepared: &Prepared,
    program: &Loaded,
    base: u64,
    name: u64,
    vdso: &vdso::Mapped,
) -> Result<Vec<(u64, u64)>> {
    let credentials = &prepared.credentials;
    let entries = [
        (AT_MINSIGSTKSZ, hooks::minimum_signal_stack()),
        (AT_HWCAP, u64::from(machine::cpu::hardware_capabilities())),
        (AT_PAGESZ, 4096),
        (AT_CLKTCK, 100),
        (AT_PHDR, program.program_headers),
        (AT_PHENT, elf::program_header_size(prepared.image.abi()) as u64),
        (AT_PHNUM, u64::from(prepared.image.program_header_count())),
        (AT_BASE, base),
        (AT_FLAGS, 0),
        (AT_ENTRY, program.entry),
        (AT_UID, u64::from(credentials.namespace.user(credentials.user))),
        (AT_EUID, u64::from(credentials.namespace.user(credentials.effective_user))),
        (AT_GID, u64::from(credentials.namespace.group(credentials.group))),
        (AT_EGID, u64::from(credentials.namespace.group(credentials.effective_group))),
        (AT_SECURE, u64::from(prepared.is_secure)),
        (AT_RANDOM, 0),
        (AT_HWCAP2, hooks::hardware_capabilities_2()),
        (AT_EXECFN, name),
        (AT_PLATFORM, 0),
    ];
    let mut vector = Vec::new();
    vector.try_reserve_exact(entries.len() + vdso.entries().len())?;
    vector.extend_from_slice(vdso.entries());
    vector.extend_from_slice(&entries);
    Ok(vector)
}

/// Writes what lies below the strings; the stack pointer.
fn write_stack(
    space: &AddressSpace,
    abi: Abi,
    arguments: &Arguments,
    top: u64,
    floor: u64,
    choice: &layout::Choice,
    mut auxiliary: Vec<(u64, u64)>,
) -> Result<u64> {
    let strings = arguments.strings(top);
    let shift = if choice.is_random { crate::random::word() % 8192 } else { 0 };
    let places = stack::places(abi, strings.range.start, shift, &strings, auxiliary.len(), floor)?;
    for (key, value) in &mut auxiliary {
        match *key {
            AT_RANDOM => *value = places.random,
            AT_PLATFORM => *value = places.platform,
            _ => (),
        }
    }
    let mut at = strings.range.start;
    let words = stack::words(abi, &strings, &auxiliary, |_| {
        let length = arguments.length(top, at)?;
        at = at.wrapping_add(length);
        Ok(length)
    })?;
    let mut random = [0; stack::RANDOM_BYTES as usize];
    crate::random::fill(&mut random);
    let write = |address: u64, bytes: &[u8]| -> Result<(), Error> {
        let written = space.write_remote(address, bytes, false);
        if written == bytes.len() { Ok(()) } else { Err(crate::error::EFAULT) }
    };
    write(places.platform, stack::platform(abi))?;
    write(places.random, &random)?;
    write(places.stack_pointer, &words)?;
    space.with_layout_mut(|layout| layout.auxiliary = auxiliary);
    Ok(places.stack_pointer)
}
