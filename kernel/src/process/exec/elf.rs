//! ELF headers as files have them, checked: whatever the bytes, nothing here fails but with an answer.
use abi::Abi;
use abi::elf::*;
use core::ops::Range;

/// Bytes of a 64-bit ELF header.
pub const HEADER_SIZE: usize = 64;
/// Bytes of a 32-bit ELF header.
const NARROW_HEADER_SIZE: usize = 52;
/// Most bytes of program headers that are looked at.
const PROGRAM_HEADERS_LIMIT: usize = 4096;

const PAGE: u64 = 4096;

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}
fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// Bytes of a program header of programs of an ABI.
pub fn program_header_size(abi: Abi) -> usize {
    if abi.has_narrow_pointers() { 32 } else { 56 }
}

/// What an ELF header says that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The ABI of the program.
    pub abi: Abi,
    /// ET_DYN: may be placed anywhere.
    pub is_relocatable: bool,
    /// Entry point.
    pub entry: u64,
    /// File offset of the program headers.
    pub program_headers: u64,
    /// How many there are.
    pub count: u16,
}

impl Header {
    /// Reads the header of an x86 program; `None` for anything else. As on Linux the size of a program header, not the class,
    /// tells 64-bit programs from x32's.
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        if !bytes.starts_with(&ELF_MAGIC) {
            return None;
        }
        let (kind, machine) = (u16_at(bytes, 16)?, u16_at(bytes, 18)?);
        let has_size =
            |at: usize, abi: Abi| u16_at(bytes, at).is_some_and(|size| usize::from(size) == program_header_size(abi));
        let abi = match machine {
            EM_X86_64 if has_size(54, Abi::X86_64) => Abi::X86_64,
            EM_X86_64 if has_size(42, Abi::X32) => Abi::X32,
            EM_386 | EM_486 if has_size(42, Abi::I386) => Abi::I386,
            _ => return None,
        };
        if !matches!(kind, ET_EXEC | ET_DYN) {
            return None;
        }
        let (entry, program_headers, count) = match abi {
            Abi::X86_64 => (u64_at(bytes, 24)?, u64_at(bytes, 32)?, u16_at(bytes, 56)?),
            _ => (u32_at(bytes, 24)?.into(), u32_at(bytes, 28)?.into(), u16_at(bytes, 44)?),
        };
        Some(Header { abi, is_relocatable: kind == ET_DYN, entry, program_headers, count })
    }
    /// Bytes of the headers of programs of an ABI.
    pub fn size(abi: Abi) -> usize {
        if abi.has_narrow_pointers() { NARROW_HEADER_SIZE } else { HEADER_SIZE }
    }
    /// Bytes of the program headers; `None` if there are none or too many.
    pub fn program_headers_size(&self) -> Option<usize> {
        let size = usize::from(self.count) * program_header_size(self.abi);
        (size > 0 && size <= PROGRAM_HEADERS_LIMIT).then_some(size)
    }
}

/// A program header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ProgramHeader {
    pub kind: u32,
    pub flags: u32,
    pub offset: u64,
    pub address: u64,
    pub file_size: u64,
    pub memory_size: u64,
    pub alignment: u64,
}

impl ProgramHeader {
    /// Reads the program headers from their bytes.
    pub fn parse_all(abi: Abi, bytes: &[u8]) -> impl Iterator<Item = ProgramHeader> + Clone + '_ {
        bytes.chunks_exact(program_header_size(abi)).filter_map(move |bytes| match abi {
            Abi::X86_64 => Self::parse_wide(bytes),
            _ => Self::parse_narrow(bytes),
        })
    }
    fn parse_wide(bytes: &[u8]) -> Option<ProgramHeader> {
        Some(ProgramHeader {
            kind: u32_at(bytes, 0)?,
            flags: u32_at(bytes, 4)?,
            offset: u64_at(bytes, 8)?,
            address: u64_at(bytes, 16)?,
            file_size: u64_at(bytes, 32)?,
            memory_size: u64_at(bytes, 40)?,
            alignment: u64_at(bytes, 48)?,
        })
    }
    fn parse_narrow(bytes: &[u8]) -> Option<ProgramHeader> {
        Some(ProgramHeader {
            kind: u32_at(bytes, 0)?,
            offset: u32_at(bytes, 4)?.into(),
            address: u32_at(bytes, 8)?.into(),
            file_size: u32_at(bytes, 16)?.into(),
            memory_size: u32_at(bytes, 20)?.into(),
            flags: u32_at(bytes, 24)?,
            alignment: u32_at(bytes, 28)?.into(),
        })
    }
    /// Whether it is to be loaded.
    pub fn is_load(&self) -> bool {
        self.kind == PT_LOAD
    }
    /// The part of the file that is mapped for it, in whole pages: the page-aligned address (before relocation), the length
    /// and the file offset. Wraps as Linux's arithmetic does: what is wrong is refused when it is mapped.
    pub fn mapped_part(&self) -> MappedPart {
        let within = self.address % PAGE;
        MappedPart {
            address: self.address - within,
            length: self.file_size.wrapping_add(within).wrapping_add(PAGE - 1) & !(PAGE - 1),
            offset: self.offset.wrapping_sub(within),
        }
    }
    /// Whether it lies within user space when loaded at its address plus `bias`, and its file part is not the larger one.
    pub fn fits(&self, bias: u64, end: u64) -> bool {
        let start = self.address.wrapping_add(bias);
        start < end && self.file_size <= self.memory_size && self.memory_size <= end && end - self.memory_size >= start
    }
}

/// See [`ProgramHeader::mapped_part`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedPart {
    /// Page-aligned address.
    pub address: u64,
    /// Bytes, whole pages.
    pub length: u64,
    /// Offset in the file.
    pub offset: u64,
}

/// From the first page loaded to the end of the last segment, in bytes; `None` when nothing is loaded.
pub fn total_size(headers: impl Iterator<Item = ProgramHeader>) -> Option<u64> {
    let mut all: Option<Range<u64>> = None;
    for header in headers.filter(ProgramHeader::is_load) {
        let start = header.address & !(PAGE - 1);
        let end = header.address.wrapping_add(header.memory_size);
        all = Some(all.map_or(start..end, |all| all.start.min(start)..all.end.max(end)));
    }
    all.map(|all| all.end.wrapping_sub(all.start)).filter(|size| *size != 0)
}

/// The largest alignment that a segment asks for and that is a power of two; 0 when none does.
pub fn largest_alignment(headers: impl Iterator<Item = ProgramHeader>) -> u64 {
    headers
        .filter(|header| header.is_load() && header.alignment.is_power_of_two())
        .fold(0, |largest, header| largest.max(header.alignment))
        .wrapping_add(PAGE - 1)
        & !(PAGE - 1)
}

/// The address, before relocation, of the program headers in the segment that has them; 0 when none has.
pub fn program_headers_address(header: &Header, headers: impl Iterator<Item = ProgramHeader>) -> u64 {
    let at = header.program_headers;
    headers
        .filter(|segment| {
            segment.is_load() && segment.offset <= at && at < segment.offset.wrapping_add(segment.file_size)
        })
        .last()
        .map_or(0, |segment| (at - segment.offset).wrapping_add(segment.address))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use machine::paging::USER_END;

    pub(crate) fn header_bytes(kind: u16, count: u16) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_SIZE];
        bytes[..4].copy_from_slice(&ELF_MAGIC);
        bytes[16..18].copy_from_slice(&kind.to_le_bytes());
        bytes[18..20].copy_from_slice(&EM_X86_64.to_le_bytes());
        bytes[24..32].copy_from_slice(&0x40_1000u64.to_le_bytes());
        bytes[32..40].copy_from_slice(&64u64.to_le_bytes());
        bytes[54..56].copy_from_slice(&56u16.to_le_bytes());
        bytes[56..58].copy_from_slice(&count.to_le_bytes());
        bytes
    }
    fn load(address: u64, file_size: u64, memory_size: u64, offset: u64) -> ProgramHeader {
        ProgramHeader { kind: PT_LOAD, flags: PF_R, offset, address, file_size, memory_size, alignment: 4096 }
    }

    #[test]
    fn headers_are_read() {
        let header = Header::parse(&header_bytes(ET_DYN, 3)).unwrap();
        assert_eq!(
            header,
            Header { abi: Abi::X86_64, is_relocatable: true, entry: 0x40_1000, program_headers: 64, count: 3 }
        );
        assert_eq!(header.program_headers_size(), Some(168));
        assert!(!Header::parse(&header_bytes(ET_EXEC, 1)).unwrap().is_relocatable);
    }

    #[test]
    fn what_is_not_a_program_is_refused() {
        let good = header_bytes(ET_EXEC, 1);
        assert_eq!(Header::parse(&[]), None);
        assert_eq!(Header::parse(&good[..57]), None);
        for (at, value) in [(0, 0), (16, 1), (18, 3), (54, 32)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert_eq!(Header::parse(&bad), None, "byte {at}");
        }
        assert_eq!(Header::parse(&header_bytes(ET_EXEC, 0)).unwrap().program_headers_size(), None);
        assert_eq!(Header::parse(&header_bytes(ET_EXEC, 74)).unwrap().program_headers_size(), None);
        assert!(Header::parse(&header_bytes(ET_EXEC, 73)).unwrap().program_headers_size().is_some());
    }

    #[test]
    fn segments_are_checked_for_overflow() {
        assert!(load(0x40_0000, 10, 20, 0).fits(0, USER_END));
        assert!(!load(0x40_0000, 21, 20, 0).fits(0, USER_END));
        assert!(!load(0x40_0000, 0, u64::MAX, 0).fits(0, USER_END));
        assert!(!load(u64::MAX - 5, 0, 1, 0).fits(0, USER_END));
        assert!(!load(USER_END - 0x1000, 0, 0x1001, 0).fits(0, USER_END));
        assert!(load(USER_END - 0x1000, 0, 0x1000, 0).fits(0, USER_END));
        let part = load(0x40_0123, u64::MAX, 0, 0x5).mapped_part();
        assert_eq!(part.address, 0x40_0000);
        assert_eq!(part.offset, 0x5u64.wrapping_sub(0x123));
    }

    #[test]
    fn totals_cover_all_segments() {
        let segments = [load(0x1234, 10, 20, 0), load(0x5000, 0x100, 0x2000, 0x4000)];
        assert_eq!(total_size(segments.into_iter()), Some(0x7000 - 0x1000));
        assert_eq!(total_size(core::iter::empty()), None);
        assert_eq!(largest_alignment(segments.into_iter()), 4096);
        let header = Header { abi: Abi::X86_64, is_relocatable: true, entry: 0, program_headers: 0x4040, count: 2 };
        assert_eq!(program_headers_address(&header, segments.into_iter()), 0x5040);
    }
}
