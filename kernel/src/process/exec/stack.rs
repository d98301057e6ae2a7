//! The initial stack of a program: strings at the top, below them the platform's name and the random bytes, then argc, argv,
//! envp and the auxiliary vector, byte for byte as Linux lays it out.
use crate::error::{E2BIG, Result};
use crate::syscall::user::{UserLayout, UserWord};
use abi::Abi;
use alloc::vec::Vec;
use core::ops::Range;

/// The platform name AT_PLATFORM points to, with its NUL.
pub fn platform(abi: Abi) -> &'static [u8] {
    if abi.has_narrow_pointers() { b"i686\0" } else { b"x86_64\0" }
}
/// Random bytes AT_RANDOM points to.
pub const RANDOM_BYTES: u64 = 16;

/// Where strings are once copied: the addresses and the counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strings {
    /// Number of arguments.
    pub arguments: u64,
    /// Number of environment strings.
    pub environment: u64,
    /// Addresses of the first argument and one past the last environment string; argument strings come first.
    pub range: Range<u64>,
}

/// Addresses of what lies between the strings and the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// The platform's name.
    pub platform: u64,
    /// The random bytes.
    pub random: u64,
    /// The stack pointer the program starts with, where argc is.
    pub stack_pointer: u64,
}

/// Bytes of the words: argc, the two vectors with their NULLs, the auxiliary vector with its end.
pub fn words_size(abi: Abi, strings: &Strings, auxiliary: usize) -> u64 {
    (strings.arguments + strings.environment + 3 + (auxiliary as u64 + 1) * 2) * UserWord::size(abi) as u64
}

/// Chooses the places below `top` (the lowest string). `shift` is the random distance kept (below 8192), 0 without ASLR.
/// `auxiliary` is the number of entries without the last one. E2BIG if it does not fit above `floor`.
pub fn places(abi: Abi, top: u64, shift: u64, strings: &Strings, auxiliary: usize, floor: u64) -> Result<Places> {
    let size = words_size(abi, strings, auxiliary);
    let aligned = top.checked_sub(shift).ok_or(E2BIG)? & !15;
    let platform = aligned.checked_sub(platform(abi).len() as u64).ok_or(E2BIG)?;
    let random = platform.checked_sub(RANDOM_BYTES).ok_or(E2BIG)?;
    // Linux takes off the auxiliary vector first and rounds what is left with the other words.
    let vector = (auxiliary as u64 + 1) * 2 * UserWord::size(abi) as u64;
    let base = random.checked_sub(vector).ok_or(E2BIG)?;
    let stack_pointer = base.checked_sub(size - vector).ok_or(E2BIG)? & !15;
    if stack_pointer < floor {
        return Err(E2BIG);
    }
    Ok(Places { platform, random, stack_pointer })
}

/// The words at the stack pointer. `next_length` gives the length with NUL of each string in order, arguments first.
pub fn words(
    abi: Abi,
    strings: &Strings,
    auxiliary: &[(u64, u64)],
    mut next_length: impl FnMut(u64) -> Result<u64>,
) -> Result<Vec<u8>> {
    let mut words = Vec::new();
    words.try_reserve_exact(words_size(abi, strings, auxiliary.len()) as usize)?;
    let mut push = |word: u64| words.extend_from_slice(word.to_le_bytes().get(..UserWord::size(abi)).unwrap_or(&[]));
    push(strings.arguments);
    let mut at = strings.range.start;
    for count in [strings.arguments, strings.environment] {
        for _ in 0..count {
            push(at);
            at = at.wrapping_add(next_length(at)?);
        }
        push(0);
    }
    for (key, value) in auxiliary {
        push(*key);
        push(*value);
    }
    push(0);
    push(0);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_is_laid_out_as_linux_does() {
        let strings = Strings { arguments: 2, environment: 1, range: 0x7000..0x7010 };
        let auxiliary = [(6, 4096), (31, 0x7010)];
        let places = places(Abi::X86_64, 0x7000, 0, &strings, auxiliary.len(), 0).unwrap();
        assert_eq!(places.platform, 0x7000 - 7);
        assert_eq!(places.random, 0x7000 - 7 - 16);
        assert_eq!(places.stack_pointer % 16, 0);
        let size = words_size(Abi::X86_64, &strings, auxiliary.len());
        assert_eq!(size, (1 + 3 + 2) * 8 + 3 * 16);
        assert!(places.stack_pointer + size <= places.random);
        assert!(places.random - places.stack_pointer - size < 32);

        let lengths = [5u64, 7, 4];
        let mut next = lengths.iter();
        let bytes = words(Abi::X86_64, &strings, &auxiliary, |_| Ok(*next.next().unwrap())).unwrap();
        let words: Vec<u64> = bytes.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
        assert_eq!(words, [2, 0x7000, 0x7005, 0, 0x700c, 0, 6, 4096, 31, 0x7010, 0, 0]);
        assert_eq!(bytes.len() as u64, size);
        assert_eq!(words_size(Abi::I386, &strings, 2) * 2, size);
    }

    #[test]
    fn too_many_words_do_not_fit() {
        let strings = Strings { arguments: 1 << 20, environment: 0, range: 0x7000..0x7010 };
        assert_eq!(places(Abi::X86_64, 0x7000, 0, &strings, 2, 0), Err(E2BIG));
        let few = Strings { arguments: 1, environment: 0, range: 0x7000..0x7010 };
        assert_eq!(places(Abi::X86_64, 0x7000, 0, &few, 2, 0x6ff0), Err(E2BIG));
    }
}
