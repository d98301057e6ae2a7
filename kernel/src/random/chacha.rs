//! The ChaCha20 block function (RFC 8439), in plain integer code: the kernel does not use vector registers.

/// Bytes of a key.
pub const KEY: usize = 32;
/// Bytes of a block.
pub const BLOCK: usize = 64;

fn quarter([mut a, mut b, mut c, mut d]: [u32; 4]) -> [u32; 4] {
    a = a.wrapping_add(b);
    d = (d ^ a).rotate_left(16);
    c = c.wrapping_add(d);
    b = (b ^ c).rotate_left(12);
    a = a.wrapping_add(b);
    d = (d ^ a).rotate_left(8);
    c = c.wrapping_add(d);
    b = (b ^ c).rotate_left(7);
    [a, b, c, d]
}

/// The key stream block number `counter` of `key` under `nonce`.
pub fn block(key: &[u8; KEY], counter: u32, nonce: [u32; 3]) -> [u8; BLOCK] {
    let mut words = [0u32; 8];
    for (word, bytes) in words.iter_mut().zip(key.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    let [k0, k1, k2, k3, k4, k5, k6, k7] = words;
    let [n0, n1, n2] = nonce;
    // "expand 32-byte k".
    let initial =
        [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574, k0, k1, k2, k3, k4, k5, k6, k7, counter, n0, n1, n2];
    let [
        mut s0,
        mut s1,
        mut s2,
        mut s3,
        mut s4,
        mut s5,
        mut s6,
        mut s7,
        mut s8,
        mut s9,
        mut s10,
        mut s11,
        mut s12,
        mut s13,
        mut s14,
        mut s15,
    ] = initial;
    for _ in 0..10 {
        [s0, s4, s8, s12] = quarter([s0, s4, s8, s12]);
        [s1, s5, s9, s13] = quarter([s1, s5, s9, s13]);
        [s2, s6, s10, s14] = quarter([s2, s6, s10, s14]);
        [s3, s7, s11, s15] = quarter([s3, s7, s11, s15]);
        [s0, s5, s10, s15] = quarter([s0, s5, s10, s15]);
        [s1, s6, s11, s12] = quarter([s1, s6, s11, s12]);
        [s2, s7, s8, s13] = quarter([s2, s7, s8, s13]);
        [s3, s4, s9, s14] = quarter([s3, s4, s9, s14]);
    }
    let state = [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15];
    let mut out = [0; BLOCK];
    for ((bytes, word), start) in out.as_chunks_mut::<4>().0.iter_mut().zip(state).zip(initial) {
        *bytes = word.wrapping_add(start).to_le_bytes();
    }
    out
}

/// Replaces the key by half of its first block and gives the other half: whoever sees the key later cannot go back.
pub fn advance(key: &mut [u8; KEY]) -> [u8; KEY] {
    let out = block(key, 0, [0; 3]);
    let mut given = [0; KEY];
    if let Some((next, rest)) = out.split_first_chunk::<KEY>() {
        *key = *next;
        given.copy_from_slice(rest);
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_block_of_the_standard() {
        // RFC 8439, section 2.3.2.
        let key: [u8; KEY] = core::array::from_fn(|index| index as u8);
        let out = block(&key, 1, [0x0900_0000, 0x4a00_0000, 0]);
        assert_eq!(out[..8], [0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15]);
        assert_eq!(out[56..], [0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e]);
    }

    #[test]
    fn advancing_changes_key_and_output() {
        let mut key = [7; KEY];
        let first = advance(&mut key);
        let second = advance(&mut key);
        assert_ne!(key, [7; KEY]);
        assert_ne!(first, second);
    }
}
