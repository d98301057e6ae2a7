//! struct stat, struct statx, struct statfs.

/// struct stat of x86-64 and x32.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Stat {
    pub device: u64,
    pub inode: u64,
    pub links: u64,
    pub mode: u32,
    pub user: u32,
    pub group: u32,
    pub pad: u32,
    pub special_device: u64,
    pub size: i64,
    pub block_size: i64,
    pub blocks: i64,
    pub access_time: [i64; 2],
    pub modification_time: [i64; 2],
    pub change_time: [i64; 2],
}
impl Stat {
    /// The structure as the 64-bit ABIs have it, in words of 64 bits; the last three are unused.
    #[inline]
    pub fn words(&self) -> [u64; 18] {
        let [access, modification, change] = [self.access_time, self.modification_time, self.change_time];
        [
            self.device,
            self.inode,
            self.links,
            self.mode as u64 | (self.user as u64) << 32,
            self.group as u64,
            self.special_device,
            self.size as u64,
            self.block_size as u64,
            self.blocks as u64,
            access[0] as u64,
            access[1] as u64,
            modification[0] as u64,
            modification[1] as u64,
            change[0] as u64,
            change[1] as u64,
            0,
            0,
            0,
        ]
    }
}

/// struct statx, the same for every ABI: bytes by offset.
#[derive(Clone, Copy)]
pub struct Statx([u8; Self::SIZE]);
#[allow(missing_docs)]
impl Statx {
    pub const SIZE: usize = 256;
    pub const MASK: usize = 0;
    pub const BLOCK_SIZE: usize = 4;
    pub const ATTRIBUTES: usize = 8;
    pub const LINKS: usize = 16;
    pub const USER: usize = 20;
    pub const GROUP: usize = 24;
    pub const MODE: usize = 28;
    pub const INODE: usize = 32;
    pub const LENGTH: usize = 40;
    pub const BLOCKS: usize = 48;
    pub const ATTRIBUTES_MASK: usize = 56;
    pub const ACCESS_TIME: usize = 64;
    pub const BIRTH_TIME: usize = 80;
    pub const CHANGE_TIME: usize = 96;
    pub const MODIFICATION_TIME: usize = 112;
    pub const SPECIAL_MAJOR: usize = 128;
    pub const SPECIAL_MINOR: usize = 132;
    pub const DEVICE_MAJOR: usize = 136;
    pub const DEVICE_MINOR: usize = 140;
    pub const MOUNT: usize = 144;
}
impl Statx {
    /// All zero.
    pub const fn new() -> Self {
        Statx([0; Self::SIZE])
    }
    /// Sets a field of 16, 32 or 64 bits by its bytes.
    pub fn set(&mut self, offset: usize, bytes: &[u8]) {
        if let Some(field) = self.0.get_mut(offset..offset + bytes.len()) {
            field.copy_from_slice(bytes);
        }
    }
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }
}
impl Default for Statx {
    fn default() -> Self {
        Self::new()
    }
}

/// struct statfs of x86-64, in words of 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Statfs {
    pub magic: u64,
    pub block_size: u64,
    pub blocks: u64,
    pub free: u64,
    pub available: u64,
    pub inodes: u64,
    pub free_inodes: u64,
    pub id: u64,
    pub longest_name: u64,
    pub fragment_size: u64,
    pub flags: u64,
}
impl Statfs {
    /// Bytes in user memory.
    pub const SIZE: usize = 120;
    /// The bytes as x86-64 has them.
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let words = [
            self.magic,
            self.block_size,
            self.blocks,
            self.free,
            self.available,
            self.inodes,
            self.free_inodes,
            self.id,
            self.longest_name,
            self.fragment_size,
            self.flags,
        ];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}
