//! The random number generator behind getrandom(2), /dev/urandom, ASLR and AT_RANDOM.

/// Fills with random bytes.
pub fn fill(_into: &mut [u8]) {
    todo!()
}
/// A random word.
pub fn word() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}
