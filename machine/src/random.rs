//! Entropy from the hardware.

/// Fills with entropy from RDSEED/RDRAND where there is one, mixed with time stamps; returns how many bits may be credited.
pub fn entropy(_into: &mut [u8]) -> usize {
    todo!()
}
