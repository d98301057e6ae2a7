//! Classic BPF as seccomp(2) uses it: programs that judge a system call by 64 bytes of data.
//!
//! [`check`] accepts what Linux accepts, for the same reasons; [`run`] believes a checked program, and ends for any other too:
//! what lies outside of the program, the data or the scratch memory ends it with 0.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(test)]
mod tests;

/// Most instructions of a program (BPF_MAXINSNS).
pub const MOST_INSTRUCTIONS: usize = 4096;
/// Bytes of `struct seccomp_data`.
pub const DATA_SIZE: usize = 64;
/// Words of scratch memory.
const MEMORY: usize = 16;

/// An instruction (`struct sock_filter`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Instruction {
    /// What to do: class, size or operation, source.
    pub code: u16,
    /// Instructions to skip if a comparison holds.
    pub if_true: u8,
    /// Instructions to skip if it does not.
    pub if_false: u8,
    /// An operand.
    pub value: u32,
}

/// Bytes of an instruction in memory.
pub const INSTRUCTION_SIZE: usize = 8;

impl Instruction {
    /// From its bytes.
    pub fn from_bytes([c0, c1, if_true, if_false, v0, v1, v2, v3]: [u8; INSTRUCTION_SIZE]) -> Self {
        let (code, value) = (u16::from_le_bytes([c0, c1]), u32::from_le_bytes([v0, v1, v2, v3]));
        Instruction { code, if_true, if_false, value }
    }
    /// Its bytes.
    pub fn to_bytes(self) -> [u8; INSTRUCTION_SIZE] {
        let ([c0, c1], [v0, v1, v2, v3]) = (self.code.to_le_bytes(), self.value.to_le_bytes());
        [c0, c1, self.if_true, self.if_false, v0, v1, v2, v3]
    }
}

/// Codes of instructions that seccomp knows.
#[allow(missing_docs)]
pub mod code {
    pub const LOAD: u16 = 0x20;
    pub const LOAD_LENGTH: u16 = 0x80;
    pub const LOAD_X_LENGTH: u16 = 0x81;
    pub const LOAD_VALUE: u16 = 0x00;
    pub const LOAD_X_VALUE: u16 = 0x01;
    pub const LOAD_MEMORY: u16 = 0x60;
    pub const LOAD_X_MEMORY: u16 = 0x61;
    pub const STORE: u16 = 0x02;
    pub const STORE_X: u16 = 0x03;
    /// Arithmetic: add the operation and [`BY_X`].
    pub const ARITHMETIC: u16 = 0x04;
    pub const ADD: u16 = 0x00;
    pub const SUBTRACT: u16 = 0x10;
    pub const MULTIPLY: u16 = 0x20;
    pub const DIVIDE: u16 = 0x30;
    pub const OR: u16 = 0x40;
    pub const AND: u16 = 0x50;
    pub const SHIFT_LEFT: u16 = 0x60;
    pub const SHIFT_RIGHT: u16 = 0x70;
    pub const NEGATE: u16 = 0x80;
    pub const XOR: u16 = 0xa0;
    /// The second operand is X instead of the value.
    pub const BY_X: u16 = 0x08;
    pub const JUMP: u16 = 0x05;
    pub const IF_EQUAL: u16 = 0x15;
    pub const IF_GREATER: u16 = 0x25;
    pub const IF_AT_LEAST: u16 = 0x35;
    pub const IF_BITS: u16 = 0x45;
    pub const RETURN: u16 = 0x06;
    pub const RETURN_A: u16 = 0x16;
    pub const A_TO_X: u16 = 0x07;
    pub const X_TO_A: u16 = 0x87;
}
use code::*;

/// The program is not one (EINVAL).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Invalid;

/// Whether a conditional jump, and without [`BY_X`].
fn condition(code: u16) -> Option<u16> {
    let plain = code & !BY_X;
    matches!(plain, IF_EQUAL | IF_GREATER | IF_AT_LEAST | IF_BITS).then_some(plain)
}

/// The operation of an arithmetic instruction.
fn operation(code: u16) -> Option<u16> {
    let operation = code & 0xf0;
    let known = matches!(operation, ADD | SUBTRACT | MULTIPLY | DIVIDE | OR | AND | SHIFT_LEFT | SHIFT_RIGHT | XOR);
    (code & 0x07 == ARITHMETIC && code & !0xff == 0 && known).then_some(operation)
}

/// Checks one instruction, of which `left` follow.
fn check_instruction(instruction: &Instruction, left: usize) -> Result<(), Invalid> {
    let Instruction { code, if_true, if_false, value } = *instruction;
    let fits = match code {
        LOAD => value < DATA_SIZE as u32 && value.is_multiple_of(4),
        LOAD_LENGTH | LOAD_X_LENGTH | LOAD_VALUE | LOAD_X_VALUE => true,
        LOAD_MEMORY | LOAD_X_MEMORY | STORE | STORE_X => value < MEMORY as u32,
        JUMP => (value as usize) < left,
        RETURN | RETURN_A | A_TO_X | X_TO_A => true,
        _ if code == ARITHMETIC | NEGATE => true,
        _ if condition(code).is_some() => usize::from(if_true) < left && usize::from(if_false) < left,
        _ => match (operation(code), code & BY_X) {
            (Some(DIVIDE), 0) => value != 0,
            (Some(SHIFT_LEFT | SHIFT_RIGHT), 0) => value < 32,
            (Some(_), _) => true,
            (None, _) => false,
        },
    };
    if fits { Ok(()) } else { Err(Invalid) }
}

/// Checks a program: known instructions, jumps within it, the data read in aligned words, no word of memory read that was not
/// written on every way to there, and a return at the end. `reached` is scratch memory, one word for each instruction.
pub fn check(program: &[Instruction], reached: &mut [u16]) -> Result<(), Invalid> {
    if program.is_empty() || program.len() > MOST_INSTRUCTIONS || reached.len() < program.len() {
        return Err(Invalid);
    }
    for (instruction, left) in program.iter().zip((0..program.len()).rev()) {
        check_instruction(instruction, left)?;
    }
    match program.last() {
        Some(Instruction { code: RETURN | RETURN_A, .. }) => {}
        _ => return Err(Invalid),
    }
    check_memory(program, reached)
}

/// No word of memory is read before it was written. What is written on the ways to an instruction is kept in `reached`.
fn check_memory(program: &[Instruction], reached: &mut [u16]) -> Result<(), Invalid> {
    reached.fill(u16::MAX);
    let mut written = 0u16;
    for (at, instruction) in program.iter().enumerate() {
        written &= reached.get(at).copied().unwrap_or(0);
        let mut meet = |target: usize| {
            if let Some(place) = reached.get_mut(target) {
                *place &= written;
            }
        };
        let bit = 1u16.checked_shl(instruction.value).unwrap_or(0);
        match instruction.code {
            STORE | STORE_X => written |= bit,
            LOAD_MEMORY | LOAD_X_MEMORY if written & bit == 0 => return Err(Invalid),
            JUMP => {
                meet(at + 1 + instruction.value as usize);
                written = u16::MAX;
            }
            code if condition(code).is_some() => {
                meet(at + 1 + usize::from(instruction.if_true));
                meet(at + 1 + usize::from(instruction.if_false));
                written = u16::MAX;
            }
            _ => {}
        }
    }
    Ok(())
}

/// How long Linux would say that a program is: it translates programs to instructions of another kind, and limits their number.
pub fn translated_length(program: &[Instruction]) -> usize {
    const PROLOGUE: usize = 3;
    let length = |instruction: &Instruction| match instruction.code {
        RETURN => 2,
        code if code == ARITHMETIC | DIVIDE | BY_X => 5,
        code => match condition(code) {
            None => 1,
            Some(condition) => {
                let is_large = code & BY_X == 0 && (instruction.value as i32) < 0;
                let can_turn = condition != IF_BITS;
                let one_way = instruction.if_false == 0 || instruction.if_true == 0 && can_turn;
                1 + usize::from(is_large) + usize::from(!one_way)
            }
        },
    };
    PROLOGUE + program.iter().map(length).sum::<usize>()
}

/// Runs a checked program on the data; what it returns.
pub fn run(program: &[Instruction], data: &[u8; DATA_SIZE]) -> u32 {
    let (mut a, mut x) = (0u32, 0u32);
    let mut memory = [0u32; MEMORY];
    let mut at = 0usize;
    // Jumps go forwards only, so that this ends.
    while let Some(instruction) = program.get(at) {
        at += 1;
        let Instruction { code, if_true, if_false, value } = *instruction;
        let place = value as usize;
        match code {
            LOAD => match data.get(place..place.saturating_add(4)).and_then(|raw| raw.try_into().ok()) {
                Some(raw) => a = u32::from_ne_bytes(raw),
                None => return 0,
            },
            IF_EQUAL => at += usize::from(if a == value { if_true } else { if_false }),
            IF_AT_LEAST => at += usize::from(if a >= value { if_true } else { if_false }),
            IF_GREATER => at += usize::from(if a > value { if_true } else { if_false }),
            IF_BITS => at += usize::from(if a & value != 0 { if_true } else { if_false }),
            RETURN => return value,
            RETURN_A => return a,
            JUMP => at = at.saturating_add(place),
            LOAD_VALUE => a = value,
            LOAD_X_VALUE => x = value,
            LOAD_LENGTH => a = DATA_SIZE as u32,
            LOAD_X_LENGTH => x = DATA_SIZE as u32,
            LOAD_MEMORY => a = memory.get(place).copied().unwrap_or(0),
            LOAD_X_MEMORY => x = memory.get(place).copied().unwrap_or(0),
            STORE | STORE_X => {
                if let Some(word) = memory.get_mut(place) {
                    *word = if code == STORE { a } else { x };
                }
            }
            A_TO_X => x = a,
            X_TO_A => a = x,
            _ => {
                let by_x = code & BY_X != 0;
                let operand = if by_x { x } else { value };
                if let Some(condition) = condition(code) {
                    let holds = match condition {
                        IF_EQUAL => a == operand,
                        IF_GREATER => a > operand,
                        IF_AT_LEAST => a >= operand,
                        _ => a & operand != 0,
                    };
                    at += usize::from(if holds { if_true } else { if_false });
                } else if code == ARITHMETIC | NEGATE {
                    a = a.wrapping_neg();
                } else {
                    match operation(code).and_then(|operation| calculate(operation, a, operand)) {
                        Some(result) => a = result,
                        None => return 0,
                    }
                }
            }
        }
    }
    0
}

/// The result of an arithmetic operation; a division by zero has none, and ends the program with 0.
fn calculate(operation: u16, a: u32, operand: u32) -> Option<u32> {
    Some(match operation {
        ADD => a.wrapping_add(operand),
        SUBTRACT => a.wrapping_sub(operand),
        MULTIPLY => a.wrapping_mul(operand),
        DIVIDE => return a.checked_div(operand),
        OR => a | operand,
        AND => a & operand,
        XOR => a ^ operand,
        // By as many bits as fit into five.
        SHIFT_LEFT => a.wrapping_shl(operand),
        SHIFT_RIGHT => a.wrapping_shr(operand),
        _ => return None,
    })
}
