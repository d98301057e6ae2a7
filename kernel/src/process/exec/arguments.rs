//! The strings of a new program: collected in the pages that become the top of its stack, from the highest address down.
use super::stack::Strings;
use crate::error::{E2BIG, EFAULT, Result};
use crate::process::Task;
use crate::syscall::user::{UserLayout, UserWord};
use alloc::vec::Vec;
use machine::memory::{Frame, PAGE_SIZE};
use machine::user;

const PAGE: u64 = PAGE_SIZE as u64;
/// Longest string with its NUL (MAX_ARG_STRLEN).
const LONGEST: u64 = 32 * PAGE;
/// The least that arguments may take, whatever RLIMIT_STACK says (ARG_MAX).
const LEAST_LIMIT: u64 = 128 << 10;
/// The most: three quarters of the default stack limit.
const MOST_LIMIT: u64 = (8 << 20) / 4 * 3;
/// Bytes left free at the very top.
const TOP: u64 = 8;

/// A vector of pointers in user memory as execve(2) gets it, or strings of the kernel's.
#[derive(Clone, Copy)]
pub enum Vector<'a> {
    /// `char *const []`.
    User(u64),
    /// Strings without NUL.
    Kernel(&'a [&'a [u8]]),
}

impl Vector<'_> {
    /// The pointers, at most `limit` of them (E2BIG); none for a null vector. Empty for the kernel's strings.
    fn pointers(self, task: &Task, limit: u64) -> Result<Vec<u64>> {
        let mut pointers = Vec::new();
        let Vector::User(mut at) = self else { return Ok(pointers) };
        if at == 0 {
            return Ok(pointers);
        }
        let abi = task.abi();
        let size = UserWord::size(abi);
        loop {
            let mut bytes = [0; 8];
            let word = bytes.get_mut(..size).ok_or(EFAULT)?;
            if user::copy_from_user(word, at) != 0 {
                return Err(EFAULT);
            }
            let UserWord(pointer) = UserWord::decode(abi, word);
            if pointer == 0 {
                return Ok(pointers);
            }
            if pointers.len() as u64 >= limit {
                return Err(E2BIG);
            }
            pointers.try_reserve(1)?;
            pointers.push(pointer);
            at = at.checked_add(size as u64).ok_or(EFAULT)?;
        }
    }
}

/// The pages, and what is in them.
pub struct Arguments {
    /// From the top down.
    frames: Vec<Frame>,
    /// Bytes used, counted from the top.
    used: u64,
    /// Most bytes that may be used.
    limit: u64,
    arguments: u64,
    environment: u64,
    /// `used` when the file name was in: where the environment ends.
    name_at: u64,
    /// `used` when the environment was in: where the arguments end.
    environment_at: u64,
}

impl Arguments {
    /// Collects file name, environment and arguments; E2BIG, EFAULT, ENOMEM in Linux's order. `stack_limit` is RLIMIT_STACK.
    pub fn collect(task: &Task, name: &[u8], argv: Vector<'_>, envp: Vector<'_>, stack_limit: u64) -> Result<Self> {
        let limit = MOST_LIMIT.min(stack_limit / 4).max(LEAST_LIMIT);
        let most = limit / 8;
        let argument_pointers = argv.pointers(task, most)?;
        let environment_pointers = envp.pointers(task, most)?;
        let count = |vector: &Vector<'_>, pointers: &Vec<u64>| match vector {
            Vector::User(_) => pointers.len() as u64,
            Vector::Kernel(strings) => strings.len() as u64,
        };
        let arguments = count(&argv, &argument_pointers);
        let environment = count(&envp, &environment_pointers);
        let pointers = (arguments.max(1) + environment) * 8;
        if limit <= pointers {
            return Err(E2BIG);
        }
        let mut collected = Arguments {
            frames: Vec::new(),
            used: TOP,
            limit: TOP + limit - pointers,
            arguments,
            environment,
            name_at: 0,
            environment_at: 0,
        };
        collected.push(name)?;
        collected.name_at = collected.used;
        collected.push_vector(envp, &environment_pointers)?;
        collected.environment_at = collected.used;
        collected.push_vector(argv, &argument_pointers)?;
        if arguments == 0 {
            // Programs may rely on argv[0].
            collected.push(b"")?;
            collected.arguments = 1;
        }
        Ok(collected)
    }
    fn push_vector(&mut self, vector: Vector<'_>, pointers: &[u64]) -> Result<()> {
        match vector {
            Vector::User(_) => pointers.iter().rev().try_for_each(|pointer| self.push_user(*pointer)),
            Vector::Kernel(strings) => strings.iter().rev().try_for_each(|string| self.push(string)),
        }
    }
    /// Makes room for `length` bytes below what is there; where they begin, counted from the top.
    fn reserve(&mut self, length: u64) -> Result<u64> {
        let used = self.used.checked_add(length).ok_or(E2BIG)?;
        if used > self.limit {
            return Err(E2BIG);
        }
        while (self.frames.len() as u64) * PAGE < used {
            self.frames.try_reserve(1)?;
            self.frames.push(Frame::zeroed()?);
        }
        self.used = used;
        Ok(used)
    }
    /// Calls `copy` (frame, offset in it, offset in the bytes, length) for each page of `length` bytes that begin `distance`
    /// below the top.
    fn for_each_part(
        &self,
        distance: u64,
        length: u64,
        mut copy: impl FnMut(&Frame, usize, u64, usize) -> Result<()>,
    ) -> Result<()> {
        let mut done = 0;
        while done < length {
            let at = distance - done;
            // The page whose top is at a multiple of the page size and that contains the byte at `at`.
            let page = (at - 1) / PAGE;
            let frame = self.frames.get(page as usize).ok_or(EFAULT)?;
            let offset = (PAGE - (at - page * PAGE)) as usize;
            let part = (length - done).min(PAGE - offset as u64);
            copy(frame, offset, done, part as usize)?;
            done += part;
        }
        Ok(())
    }
    /// Adds a string of the kernel's (without NUL) below.
    pub fn push(&mut self, string: &[u8]) -> Result<()> {
        let length = string.len() as u64 + 1;
        let at = self.reserve(length)?;
        // The frames are zero, but strings may have been taken off again: the NUL is written.
        self.for_each_part(at, length, |frame, offset, done, part| {
            let from = string.get(done as usize..).unwrap_or(&[]);
            let from = from.get(..part.min(from.len())).unwrap_or(&[]);
            frame.write(offset, from);
            if from.len() < part {
                frame.clear(offset + from.len(), part - from.len());
            }
            Ok(())
        })
    }
    fn push_user(&mut self, address: u64) -> Result<()> {
        let mut buffer = [0; 256];
        let found = user::strncpy_from_user(&mut buffer, address)?;
        if found < buffer.len() {
            return self.push(buffer.get(..found).ok_or(EFAULT)?);
        }
        let mut length = found as u64;
        loop {
            if length >= LONGEST {
                return Err(E2BIG);
            }
            let room = buffer.len().min((LONGEST - length) as usize);
            let part = buffer.get_mut(..room).ok_or(EFAULT)?;
            let found = user::strncpy_from_user(part, address.checked_add(length).ok_or(EFAULT)?)?;
            length += found as u64;
            if found < room {
                break;
            }
        }
        let at = self.reserve(length + 1)?;
        self.for_each_part(at, length, |frame, offset, done, part| {
            match user::copy_user_to_frame(frame, offset, address + done, part) {
                0 => Ok(()),
                _ => Err(EFAULT),
            }
        })?;
        self.for_each_part(at - length, 1, |frame, offset, _, _| {
            frame.clear(offset, 1);
            Ok(())
        })
    }
    /// Reads one byte, `distance` below the top.
    fn byte(&self, distance: u64) -> Result<u8> {
        let mut byte = [0];
        self.for_each_part(distance, 1, |frame, offset, _, _| {
            frame.read(offset, &mut byte);
            Ok(())
        })?;
        let [byte] = byte;
        Ok(byte)
    }
    /// The length with NUL of the string that begins `distance` below the top. The user may have changed a string while it was
    /// copied, so that it has NULs of its own inside: such a string is several, and the vectors name the first ones.
    fn length_at(&self, distance: u64) -> Result<u64> {
        let mut length = 0;
        let mut buffer = [0; 128];
        while length < distance {
            let mut found = None;
            let room = (distance - length).min(buffer.len() as u64);
            self.for_each_part(distance - length, room, |frame, offset, done, part| {
                if let Some(place) = buffer.get_mut(done as usize..done as usize + part) {
                    frame.read(offset, place);
                }
                Ok(())
            })?;
            if let Some(read) = buffer.get(..room as usize) {
                found = read.iter().position(|byte| *byte == 0);
            }
            if let Some(at) = found {
                return Ok(length + at as u64 + 1);
            }
            length += room;
        }
        Err(EFAULT)
    }
    /// Takes the first argument off (scripts put others in its place).
    pub fn remove_first(&mut self) -> Result<()> {
        if self.arguments == 0 {
            return Ok(());
        }
        while self.used > self.environment_at {
            let byte = self.byte(self.used)?;
            self.used -= 1;
            if byte == 0 {
                break;
            }
        }
        self.arguments -= 1;
        Ok(())
    }
    /// Adds an argument before the others.
    pub fn push_first(&mut self, string: &[u8]) -> Result<()> {
        self.push(string)?;
        self.arguments += 1;
        Ok(())
    }
    /// The frames, from the top down.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }
    /// The strings' addresses when the stack ends at `top`.
    pub fn strings(&self, top: u64) -> Strings {
        let range = top - self.used..top - self.name_at;
        Strings { arguments: self.arguments, environment: self.environment, range }
    }
    /// Where the file name is.
    pub fn name(&self, top: u64) -> u64 {
        top - self.name_at
    }
    /// Where the environment begins and the arguments end.
    pub fn environment(&self, top: u64) -> u64 {
        top - self.environment_at
    }
    /// The length with NUL of the string at an address.
    pub fn length(&self, top: u64, address: u64) -> Result<u64> {
        self.length_at(top.checked_sub(address).ok_or(EFAULT)?)
    }
}
