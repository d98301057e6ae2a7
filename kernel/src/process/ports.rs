//! iopl(2) and ioperm(2): the I/O ports that a thread may use. The processor forbids all of them to programs; their instructions
//! are carried out here, when they fault, for those that were given the ports.
use super::{Capability, Task};
use crate::error::*;
use crate::sync::{SpinLock, rank};
use crate::syscall::UserSlice;
use abi::Abi;
use alloc::boxed::Box;
use alloc::sync::Arc;
use machine::entry::UserFrame;
use machine::memory::{try_arc, try_box};
use machine::port::{self, Width};

const PORTS: u64 = 65536;
/// The level that gives a program all ports.
const HIGHEST: u32 = 3;

/// What a thread was given; immutable, replaced whole.
struct Ports {
    level: u32,
    /// A bit for each port it was given.
    single: Option<Box<Bits>>,
}
#[derive(Clone)]
struct Bits([u64; PORTS as usize / 64]);

impl Bits {
    fn has(&self, port: u16) -> bool {
        self.0.get(usize::from(port) / 64).is_some_and(|word| word >> (port % 64) & 1 != 0)
    }
    fn set(&mut self, port: u64, on: bool) {
        if let Some(word) = self.0.get_mut(port as usize / 64) {
            let bit = 1 << (port % 64);
            *word = if on { *word | bit } else { *word & !bit };
        }
    }
}

/// A thread's permissions; none, mostly.
pub struct Permissions(SpinLock<Option<Arc<Ports>>>);

impl Permissions {
    /// None.
    pub const fn none() -> Self {
        Permissions(SpinLock::new(rank::LEAF, None))
    }
    fn get(&self) -> Option<Arc<Ports>> {
        self.0.lock().clone()
    }
    fn replace(&self, ports: Ports) -> Result<()> {
        let new = try_arc(ports)?;
        let old = self.0.lock().replace(new);
        drop(old);
        Ok(())
    }
    /// Gives a new thread the same.
    pub(super) fn inherit(&self, child: &Permissions) {
        if let Some(ports) = self.get() {
            *child.0.lock() = Some(ports);
        }
    }
}

/// iopl(2): to rise takes CAP_SYS_RAWIO. Of the levels only the highest gives anything: all ports, but no say over interrupts.
pub fn iopl(task: &Task, level: u32) -> Result<()> {
    if level > HIGHEST {
        return Err(EINVAL);
    }
    let before = task.ports.get();
    let now = before.as_ref().map_or(0, |ports| ports.level);
    if level > now && !task.capable(Capability::SysRawio) {
        return Err(EPERM);
    }
    if level == now {
        return Ok(());
    }
    let single = match before.as_ref().and_then(|ports| ports.single.as_ref()) {
        Some(bits) => Some(copy(bits)?),
        None => None,
    };
    task.ports.replace(Ports { level, single })
}

/// ioperm(2): gives some ports, which takes CAP_SYS_RAWIO, or takes them back.
pub fn ioperm(task: &Task, from: u64, count: u64, turn_on: i32) -> Result<()> {
    let end = from.checked_add(count).filter(|end| *end > from && *end <= PORTS).ok_or(EINVAL)?;
    let turn_on = turn_on != 0;
    if turn_on && !task.capable(Capability::SysRawio) {
        return Err(EPERM);
    }
    let before = task.ports.get();
    let mut single = match before.as_ref().and_then(|ports| ports.single.as_ref()) {
        Some(bits) => copy(bits)?,
        None if !turn_on => return Ok(()),
        None => try_box(Bits([0; PORTS as usize / 64]))?,
    };
    (from..end).for_each(|port| single.set(port, turn_on));
    task.ports.replace(Ports { level: before.map_or(0, |ports| ports.level), single: Some(single) })
}

fn copy(bits: &Bits) -> Result<Box<Bits>> {
    Ok(try_box(bits.clone())?)
}

/// An instruction that only those who were given ports may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    In,
    Out,
    InString,
    OutString,
    Interrupts,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Instruction {
    action: Action,
    width: Width,
    /// The port, unless it is in DX.
    immediate: Option<u8>,
    repeats: bool,
    /// Bytes of the registers that hold addresses and counts.
    address_bytes: u32,
    /// The base of FS or GS counts.
    has_base: bool,
    length: u64,
}

/// Reads an instruction; `None` for others than those of ports and interrupts.
fn decode(code: &[u8], is_64_bit: bool) -> Option<Instruction> {
    let (mut small, mut repeats, mut has_base) = (false, false, false);
    let mut address_bytes = if is_64_bit { 8 } else { 4 };
    for (place, byte) in code.iter().copied().enumerate() {
        let width = match (byte & 1, small) {
            (0, _) => Width::Byte,
            (_, true) => Width::Word,
            _ => Width::Double,
        };
        let (action, takes_byte) = match byte {
            0x66 => {
                small = true;
                continue;
            }
            0x67 => {
                address_bytes = if is_64_bit { 4 } else { 2 };
                continue;
            }
            0xf2 | 0xf3 => {
                repeats = true;
                continue;
            }
            0x64 | 0x65 => {
                has_base = true;
                continue;
            }
            0x26 | 0x2e | 0x36 | 0x3e => continue,
            0x40..=0x4f if is_64_bit => continue,
            0xe4 | 0xe5 => (Action::In, true),
            0xe6 | 0xe7 => (Action::Out, true),
            0xec | 0xed => (Action::In, false),
            0xee | 0xef => (Action::Out, false),
            0x6c | 0x6d => (Action::InString, false),
            0x6e | 0x6f => (Action::OutString, false),
            0xfa | 0xfb => (Action::Interrupts, false),
            _ => return None,
        };
        let immediate = if takes_byte { Some(*code.get(place + 1)?) } else { None };
        let length = (place + 1 + usize::from(takes_byte)) as u64;
        return Some(Instruction { action, width, immediate, repeats, address_bytes, has_base, length });
    }
    None
}

/// The part of a register that an instruction uses.
fn part(register: u64, bytes: u32) -> u64 {
    register & (u64::MAX >> (64 - 8 * bytes))
}
/// Writes that part; writing four bytes clears the other four, as in all of the processor's instructions.
fn set_part(register: &mut u64, bytes: u32, value: u64) {
    *register = match bytes {
        4 | 8 => part(value, bytes),
        _ => *register & !part(u64::MAX, bytes) | part(value, bytes),
    };
}

/// A general-protection fault of a program: whether it was an instruction that it may use, which is carried out by now.
pub fn serve(task: &Task, frame: &mut UserFrame) -> bool {
    let Some(ports) = task.ports.get() else { return false };
    // Segments of the program's own have bases of their own.
    if !frame.is_64_bit() && frame.code_segment() != UserFrame::new(Abi::I386, 0, 0).code_segment() {
        return false;
    }
    let mut code = [0; 15];
    let at = frame.instruction_pointer();
    let Some(count) = (1..=code.len())
        .rev()
        .find(|count| code.get_mut(..*count).is_some_and(|code| UserSlice::new(at, code.len()).read(code).is_ok()))
    else {
        return false;
    };
    let Some(instruction) = decode(code.get(..count).unwrap_or_default(), frame.is_64_bit()) else { return false };
    let all = ports.level == HIGHEST;
    if instruction.action == Action::Interrupts {
        // They stay as they are, as Linux has it.
        if all {
            frame.set_instruction_pointer(at + instruction.length);
        }
        return all;
    }
    let first = instruction.immediate.map_or(frame.rdx as u16, u16::from);
    let bytes = instruction.width.bytes();
    let may =
        |port: u32| u16::try_from(port).is_ok_and(|port| ports.single.as_ref().is_some_and(|bits| bits.has(port)));
    if !all && !(u32::from(first)..u32::from(first) + bytes).all(may) {
        return false;
    }
    carry_out(frame, &instruction, first)
}

/// One access, or one step of a repeated one. False if a string lies where the program cannot read or write.
fn carry_out(frame: &mut UserFrame, what: &Instruction, at: u16) -> bool {
    let bytes = what.width.bytes();
    let is_string = matches!(what.action, Action::InString | Action::OutString);
    let next = frame.instruction_pointer() + what.length;
    let left = part(frame.rcx, what.address_bytes);
    if is_string && what.repeats && left == 0 {
        frame.set_instruction_pointer(next);
        return true;
    }
    match what.action {
        Action::In => set_part(&mut frame.rax, bytes, port::read(at, what.width).into()),
        Action::Out => port::write(at, what.width, frame.rax as u32),
        // The bases of FS and GS, which nobody uses for strings, are not known here.
        _ if what.has_base => return false,
        Action::InString => {
            let value = port::read(at, what.width).to_ne_bytes();
            let mut place = UserSlice::new(part(frame.rdi, what.address_bytes), bytes as usize);
            if place.write(value.get(..bytes as usize).unwrap_or_default()).is_err() {
                return false;
            }
        }
        _ => {
            let mut value = [0; 4];
            let mut place = UserSlice::new(part(frame.rsi, what.address_bytes), bytes as usize);
            if value.get_mut(..bytes as usize).is_none_or(|value| place.read(value).is_err()) {
                return false;
            }
            port::write(at, what.width, u32::from_ne_bytes(value));
        }
    }
    if is_string {
        const BACKWARDS: u64 = 1 << 10;
        let step = if frame.flags() & BACKWARDS != 0 { u64::from(bytes).wrapping_neg() } else { u64::from(bytes) };
        let pointer = if what.action == Action::InString { &mut frame.rdi } else { &mut frame.rsi };
        set_part(pointer, what.address_bytes, pointer.wrapping_add(step));
        if what.repeats {
            set_part(&mut frame.rcx, what.address_bytes, left - 1);
            if left > 1 {
                return true;
            }
        }
    }
    frame.set_instruction_pointer(next);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_of_ports_are_known() {
        let plain = decode(&[0xec], true).expect("in al, dx");
        assert_eq!((plain.action, plain.width, plain.immediate, plain.length), (Action::In, Width::Byte, None, 1));
        let word = decode(&[0x66, 0xe5, 0x71, 0x90], false).expect("in ax, 0x71");
        assert_eq!((word.action, word.width, word.immediate, word.length), (Action::In, Width::Word, Some(0x71), 3));
        let string = decode(&[0xf3, 0x67, 0x48, 0x6f], true).expect("rep outsd with 32-bit addresses");
        assert_eq!((string.action, string.width, string.repeats), (Action::OutString, Width::Double, true));
        assert_eq!((string.address_bytes, string.length), (4, 4));
        assert_eq!(decode(&[0x48, 0xec], false), None);
        assert_eq!(decode(&[0xe4], true), None);
        assert_eq!(decode(&[0x0f, 0x30], true), None);
    }
}
