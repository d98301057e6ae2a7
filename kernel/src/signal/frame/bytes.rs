//! Words in the bytes of a frame.

/// Puts 64 bits at an offset.
pub fn put(bytes: &mut [u8], offset: usize, value: u64) {
    if let Some(place) = bytes.get_mut(offset..offset + 8) {
        place.copy_from_slice(&value.to_ne_bytes());
    }
}
/// Puts 32 bits at an offset.
pub fn put_half(bytes: &mut [u8], offset: usize, value: u32) {
    if let Some(place) = bytes.get_mut(offset..offset + 4) {
        place.copy_from_slice(&value.to_ne_bytes());
    }
}
/// The 64 bits at an offset.
pub fn get(bytes: &[u8], offset: usize) -> u64 {
    bytes.get(offset..offset + 8).and_then(|raw| raw.try_into().ok()).map_or(0, u64::from_ne_bytes)
}
/// The 32 bits at an offset.
pub fn half(bytes: &[u8], offset: usize) -> u32 {
    bytes.get(offset..offset + 4).and_then(|raw| raw.try_into().ok()).map_or(0, u32::from_ne_bytes)
}
