//! PVH start info: what the loader hands over in ebx. It lies in memory that is handed out later, so it is copied.
use crate::firmware::physical::Physical;
use crate::seam::PhysicalRange;
use crate::sync::Once;

const MAGIC: u32 = 0x336e_c578;
const MAX_RANGES: usize = 64;
const MAX_COMMAND_LINE: usize = 4096;
const RAM: u32 = 1;

/// The copy.
pub(super) struct StartInfo {
    ranges: [PhysicalRange; MAX_RANGES],
    count: usize,
    /// The first module.
    pub initramfs: PhysicalRange,
    /// Address of ACPI's root pointer, or 0.
    pub root_pointer: u64,
}

impl StartInfo {
    /// Usable memory.
    pub(super) fn usable(&self) -> &[PhysicalRange] {
        &self.ranges[..self.count]
    }
}

/// The command line's bytes, and how many.
static COMMAND_LINE: Once<([u8; MAX_COMMAND_LINE], usize)> = Once::new();

/// The command line; what is not UTF-8 ends it.
pub(crate) fn command_line() -> &'static str {
    let Some((bytes, length)) = COMMAND_LINE.get() else { return "" };
    let bytes = bytes.get(..*length).unwrap_or(&[]);
    match core::str::from_utf8(bytes) {
        Ok(text) => text.trim(),
        Err(error) => core::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or("").trim(),
    }
}

fn copy_command_line(memory: &Physical, address: u64) {
    let mut bytes = [0; MAX_COMMAND_LINE];
    let mut length = 0;
    while address != 0 && length < MAX_COMMAND_LINE {
        match memory.byte(address.saturating_add(length as u64)) {
            None | Some(0) => break,
            Some(byte) => bytes[length] = byte,
        }
        length += 1;
    }
    let _ = COMMAND_LINE.set((bytes, length));
}

/// Copies the start info at a physical address.
pub(super) fn read(address: u64) -> Option<StartInfo> {
    let memory = Physical::new();
    if memory.word(address)? != MAGIC {
        return None;
    }
    let version = memory.word(address + 4)?;
    let modules = memory.word(address + 12)?;
    let module_list = memory.read::<u64>(address + 16)?;
    copy_command_line(&memory, memory.read::<u64>(address + 24)?);
    let empty = PhysicalRange { start: 0, end: 0 };
    let mut info = StartInfo {
        ranges: [empty; MAX_RANGES],
        count: 0,
        initramfs: empty,
        root_pointer: memory.read::<u64>(address + 32)?,
    };
    if modules > 0 {
        let (start, length) = (memory.read::<u64>(module_list)?, memory.read::<u64>(module_list + 8)?);
        info.initramfs = PhysicalRange { start, end: start.checked_add(length)? };
    }
    if version >= 1 {
        let map = memory.read::<u64>(address + 40)?;
        let entries = memory.word(address + 48)? as u64;
        for entry in 0..entries.min(1024) {
            let at = map + entry * 24;
            let (start, length) = (memory.read::<u64>(at)?, memory.read::<u64>(at + 8)?);
            if memory.word(at + 16)? == RAM
                && length > 0
                && let (Some(slot), Some(end)) = (info.ranges.get_mut(info.count), start.checked_add(length))
            {
                *slot = PhysicalRange { start, end };
                info.count += 1;
            }
        }
    }
    Some(info)
}
