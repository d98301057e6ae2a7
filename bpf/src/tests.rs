use super::*;
use proptest::prelude::*;

const fn plain(code: u16, value: u32) -> Instruction {
    Instruction { code, if_true: 0, if_false: 0, value }
}
const fn branch(code: u16, value: u32, if_true: u8, if_false: u8) -> Instruction {
    Instruction { code, if_true, if_false, value }
}
fn checked(program: &[Instruction]) -> Result<(), Invalid> {
    let mut reached = [0; MOST_INSTRUCTIONS];
    check(program, &mut reached)
}
fn result(program: &[Instruction], data: &[u8; DATA_SIZE]) -> u32 {
    assert_eq!(checked(program), Ok(()));
    run(program, data)
}

#[test]
fn a_filter_by_number() {
    let program = [plain(LOAD, 0), branch(IF_EQUAL, 39, 0, 1), plain(RETURN, 0x50001), plain(RETURN, 0x7fff_0000)];
    let mut data = [0; DATA_SIZE];
    assert_eq!(result(&program, &data), 0x7fff_0000);
    data[0] = 39;
    assert_eq!(result(&program, &data), 0x50001);
}

#[test]
fn programs_end_with_a_return() {
    assert_eq!(checked(&[]), Err(Invalid));
    assert_eq!(checked(&[plain(LOAD, 0)]), Err(Invalid));
    assert_eq!(checked(&[plain(RETURN, 0)]), Ok(()));
    assert_eq!(checked(&[plain(RETURN_A, 0)]), Ok(()));
    let long = [plain(RETURN, 0); MOST_INSTRUCTIONS + 1];
    let mut reached = [0; MOST_INSTRUCTIONS + 1];
    assert_eq!(check(&long, &mut reached), Err(Invalid));
    assert_eq!(check(&long[1..], &mut reached), Ok(()));
}

#[test]
fn loads_are_aligned_and_within_the_data() {
    let load = |value| checked(&[plain(LOAD, value), plain(RETURN_A, 0)]);
    assert_eq!((load(60), load(64), load(2), load(0xffff_f000)), (Ok(()), Err(Invalid), Err(Invalid), Err(Invalid)));
    // Halves, bytes, and packets' places are not for seccomp.
    for code in [0x28, 0x30, 0x40, 0xb1, 0x48] {
        assert_eq!(checked(&[plain(code, 0), plain(RETURN, 0)]), Err(Invalid));
    }
}

#[test]
fn jumps_stay_within_the_program() {
    assert_eq!(checked(&[plain(JUMP, 0), plain(RETURN, 0)]), Ok(()));
    assert_eq!(checked(&[plain(JUMP, 1), plain(RETURN, 0)]), Err(Invalid));
    assert_eq!(checked(&[plain(JUMP, u32::MAX), plain(RETURN, 0)]), Err(Invalid));
    assert_eq!(checked(&[branch(IF_BITS, 0, 0, 1), plain(RETURN, 0)]), Err(Invalid));
    assert_eq!(checked(&[branch(IF_BITS | BY_X, 0, 1, 0), plain(RETURN, 0)]), Err(Invalid));
}

#[test]
fn memory_is_written_before_it_is_read() {
    assert_eq!(checked(&[plain(LOAD_MEMORY, 3), plain(RETURN_A, 0)]), Err(Invalid));
    assert_eq!(checked(&[plain(STORE, 3), plain(LOAD_MEMORY, 3), plain(RETURN_A, 0)]), Ok(()));
    assert_eq!(checked(&[plain(STORE, 16), plain(RETURN_A, 0)]), Err(Invalid));
    // On one way only.
    let program = [branch(IF_EQUAL, 0, 0, 1), plain(STORE, 1), plain(LOAD_X_MEMORY, 1), plain(RETURN_A, 0)];
    assert_eq!(checked(&program), Err(Invalid));
}

#[test]
fn arithmetic() {
    let with = |code, first, second| {
        result(&[plain(LOAD_VALUE, first), plain(ARITHMETIC | code, second), plain(RETURN_A, 0)], &[0; DATA_SIZE])
    };
    let by_x = |code, first, second| {
        let program = [
            plain(LOAD_X_VALUE, second),
            plain(LOAD_VALUE, first),
            plain(ARITHMETIC | code | BY_X, 0),
            plain(RETURN_A, 0),
        ];
        result(&program, &[0; DATA_SIZE])
    };
    assert_eq!(with(ADD, u32::MAX, 2), 1);
    assert_eq!(with(SUBTRACT, 1, 2), u32::MAX);
    assert_eq!(with(MULTIPLY, 0x10000, 0x10001), 0x10000);
    assert_eq!((with(DIVIDE, 7, 2), by_x(DIVIDE, 7, 2), by_x(DIVIDE, 7, 0)), (3, 3, 0));
    assert_eq!((with(SHIFT_LEFT, 1, 31), by_x(SHIFT_LEFT, 1, 33), by_x(SHIFT_RIGHT, 8, 34)), (1 << 31, 2, 2));
    assert_eq!((with(OR, 5, 2), with(AND, 5, 4), with(XOR, 5, 1), with(NEGATE, 1, 0)), (7, 4, 4, u32::MAX));
    for (code, value) in [(DIVIDE, 0), (SHIFT_LEFT, 32), (SHIFT_RIGHT, 40)] {
        assert_eq!(checked(&[plain(ARITHMETIC | code, value), plain(RETURN, 0)]), Err(Invalid));
    }
    // A remainder is classic BPF, but not seccomp's.
    assert_eq!(checked(&[plain(ARITHMETIC | 0x90, 3), plain(RETURN, 0)]), Err(Invalid));
}

#[test]
fn lengths_are_those_of_the_data() {
    assert_eq!(result(&[plain(LOAD_LENGTH, 0), plain(RETURN_A, 0)], &[0; DATA_SIZE]), 64);
    assert_eq!(result(&[plain(LOAD_X_LENGTH, 0), plain(X_TO_A, 0), plain(RETURN_A, 0)], &[0; DATA_SIZE]), 64);
}

#[test]
fn translated_lengths() {
    assert_eq!(translated_length(&[plain(RETURN, 0)]), 5);
    let two_ways = [branch(IF_BITS, 1, 0, 1), branch(IF_EQUAL, 1, 0, 1), branch(IF_EQUAL, 1, 1, 1), plain(RETURN_A, 0)];
    assert_eq!(translated_length(&two_ways), 3 + 2 + 1 + 2 + 1);
    assert_eq!(translated_length(&[branch(IF_EQUAL, 1 << 31, 0, 0), plain(RETURN_A, 0)]), 3 + 2 + 1);
}

fn any_instruction() -> impl Strategy<Value = Instruction> {
    (any::<u16>(), any::<u8>(), any::<u8>(), any::<u32>()).prop_map(|(code, if_true, if_false, value)| Instruction {
        code: code & 0xff,
        if_true: if_true & 7,
        if_false: if_false & 7,
        value: value & 0x3f,
    })
}

proptest! {
    #[test]
    fn any_program_ends(program in proptest::collection::vec(any_instruction(), 0..64), data in any::<[u8; 32]>()) {
        let mut all = [0; DATA_SIZE];
        all[..32].copy_from_slice(&data);
        let mut reached = [0; 64];
        let _ = check(&program, &mut reached);
        run(&program, &all);
    }
    #[test]
    fn bytes_and_instructions(instruction in any_instruction()) {
        prop_assert_eq!(Instruction::from_bytes(instruction.to_bytes()), instruction);
    }
}
