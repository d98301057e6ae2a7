//! Calls of old about file systems: ustat(2), sysfs(2).
use super::attributes::DeviceNumber;
use super::superblock::type_at;
use crate::error::*;
use crate::process::Task;
use crate::syscall::user::UserLayout;
use crate::syscall::{UserPath, UserPtr, UserSlice};
use abi::Abi;

/// `struct ustat`: what is free; the names that follow are empty. x32 has the 64-bit one.
#[derive(Clone, Copy, Debug)]
pub struct OldStatistics {
    blocks: u64,
    inodes: u64,
}
impl UserLayout for OldStatistics {
    fn size(abi: Abi) -> usize {
        if matches!(abi, Abi::I386) { 20 } else { 32 }
    }
    fn decode(_: Abi, _: &[u8]) -> Self {
        OldStatistics { blocks: 0, inodes: 0 }
    }
    fn encode(&self, abi: Abi, bytes: &mut [u8]) {
        bytes.fill(0);
        let inodes = if matches!(abi, Abi::I386) { 4..8 } else { 8..16 };
        let size = inodes.len();
        if let Some(place) = bytes.get_mut(inodes) {
            place.copy_from_slice(self.inodes.to_le_bytes().get(..size).unwrap_or_default());
        }
        if let Some(place) = bytes.get_mut(..4) {
            place.copy_from_slice(&(self.blocks as u32).to_le_bytes());
        }
    }
}

/// ustat(2): EINVAL if nothing of that device is mounted.
pub fn ustat(task: &Task, device: u32, buffer: UserPtr<OldStatistics>) -> Result<()> {
    let wanted = DeviceNumber { major: device >> 8 & 0xfff, minor: device & 0xff | device >> 12 & 0xf_ff00 };
    let mounts = task.context().namespace().mounts()?;
    let mount = mounts.iter().find(|mount| mount.superblock().device() == wanted).ok_or(EINVAL)?;
    let counts = mount.superblock().operations().statistics(mount.superblock())?;
    buffer.write(task, &OldStatistics { blocks: counts.free, inodes: counts.free_inodes })
}

/// sysfs(2): the number of a type of file systems (1), its name (2), how many there are (3).
pub fn sysfs(_task: &Task, option: i32, first: u64, second: u64) -> Result<u32> {
    match option {
        1 => {
            let name = UserPath(first).read()?;
            if name.is_empty() {
                return Err(ENOENT);
            }
            (0..)
                .map_while(type_at)
                .position(|known| known.as_bytes() == name.as_slice())
                .map(|index| index as u32)
                .ok_or(EINVAL)
        }
        2 => {
            let name = type_at(first as u32 as usize).ok_or(EINVAL)?;
            let mut text = [0; 32];
            let bytes = text.get_mut(..=name.len()).ok_or(EINVAL)?;
            bytes.get_mut(..name.len()).ok_or(EINVAL)?.copy_from_slice(name.as_bytes());
            UserSlice::new(second, bytes.len()).write(bytes)?;
            Ok(0)
        }
        3 => Ok((0..).map_while(type_at).count() as u32),
        _ => Err(EINVAL),
    }
}
