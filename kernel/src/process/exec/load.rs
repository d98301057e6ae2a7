//! Loading ELF files into a new address space, in Linux's order and with its errors.
use super::elf::{self, Header, ProgramHeader};
use super::layout::{self, Choice};
use crate::error::{EFAULT, EINVAL, EIO, ELIBBAD, ENOEXEC, ENOMEM, Result};
use crate::file::File;
use crate::memory::address_space::{Fixed, MAY_ALL, MapRequest};
use crate::memory::area::AreaFlags;
use crate::memory::{AddressSpace, Limits, Mapping};
use abi::Abi;
use abi::elf::{PF_R, PF_W, PF_X, PT_GNU_STACK, PT_INTERP};
use alloc::sync::Arc;
use alloc::vec::Vec;

const PAGE: u64 = 4096;
/// Longest interpreter path with its NUL.
const PATH_MAX: u64 = 4096;

/// An ELF file whose headers have been read.
pub struct Image {
    /// The open file.
    pub file: Arc<File>,
    mapping: Arc<Mapping>,
    header: Header,
    program_headers: Vec<u8>,
}

impl Image {
    /// Reads the headers; ENOEXEC if it is not an ELF file of this machine that can be mapped.
    pub fn read(file: Arc<File>) -> Result<Image> {
        let mapping = file.operations().mapping(&file).map_err(|_| ENOEXEC)?;
        let mut bytes = [0; elf::HEADER_SIZE];
        mapping.read_bytes(0, &mut bytes)?;
        let header = Header::parse(&bytes).ok_or(ENOEXEC)?;
        let size = header.program_headers_size().ok_or(ENOEXEC)?;
        let mut program_headers = Vec::new();
        program_headers.try_reserve_exact(size)?;
        program_headers.resize(size, 0);
        match mapping.read_bytes(header.program_headers, &mut program_headers) {
            Ok(read) if read == size => Ok(Image { file, mapping, header, program_headers }),
            _ => Err(ENOEXEC),
        }
    }
    fn segments(&self) -> impl Iterator<Item = ProgramHeader> + Clone + '_ {
        ProgramHeader::parse_all(self.header.abi, &self.program_headers)
    }
    /// The path of the interpreter the program asks for, without NUL.
    pub fn interpreter(&self) -> Result<Option<Vec<u8>>> {
        let Some(segment) = self.segments().find(|segment| segment.kind == PT_INTERP) else { return Ok(None) };
        if segment.file_size > PATH_MAX || segment.file_size < 2 {
            return Err(ENOEXEC);
        }
        let size = segment.file_size as usize;
        let mut path = Vec::new();
        path.try_reserve_exact(size)?;
        path.resize(size, 0);
        if self.mapping.read_bytes(segment.offset, &mut path)? != size {
            return Err(EIO);
        }
        if path.pop() != Some(0) {
            return Err(ENOEXEC);
        }
        // What follows a NUL inside is not part of the path.
        let length = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
        path.truncate(length);
        Ok(Some(path))
    }
    /// Reads an interpreter's headers: EIO if it is too short, ELIBBAD if it is not one.
    pub fn read_interpreter(file: Arc<File>, abi: Abi) -> Result<Image> {
        let mapping = file.operations().mapping(&file).map_err(|_| ELIBBAD)?;
        let mut bytes = [0; elf::HEADER_SIZE];
        if mapping.read_bytes(0, &mut bytes)? < Header::size(abi) {
            return Err(EIO);
        }
        match Image::read(file) {
            Ok(image) if image.header.abi == abi => Ok(image),
            Err(error) if error != ENOEXEC => Err(error),
            _ => Err(ELIBBAD),
        }
    }
    /// The ABI of the program.
    pub fn abi(&self) -> Abi {
        self.header.abi
    }
    /// Whether the stack is to be executable.
    pub fn wants_executable_stack(&self) -> bool {
        self.segments()
            .filter(|segment| segment.kind == PT_GNU_STACK)
            .last()
            .is_some_and(|segment| segment.flags & PF_X != 0)
    }
    /// Whether it says if its stack is to be executable.
    pub fn says_about_stack(&self) -> bool {
        self.segments().any(|segment| segment.kind == PT_GNU_STACK)
    }
    /// Number of program headers.
    pub fn program_header_count(&self) -> u16 {
        self.header.count
    }
}

/// Where a program is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loaded {
    /// Added to the file's addresses.
    pub bias: u64,
    /// Entry point.
    pub entry: u64,
    /// Address of the program headers.
    pub program_headers: u64,
    /// Executable segments.
    pub code: (u64, u64),
    /// Last segment's start, last initialized byte.
    pub data: (u64, u64),
    /// End of the last segment with its zeroed part.
    pub end: u64,
    /// Whether the program is position-independent and has no interpreter.
    pub is_alone: bool,
}

/// Loads the program itself. Every error ends the process: its old memory is gone by then on Linux.
pub fn load_program(
    space: &AddressSpace,
    image: &Image,
    has_interpreter: bool,
    choice: &Choice,
    personality: u32,
    limits: &Limits,
) -> Result<Loaded> {
    let reads_execute = personality & layout::READ_IMPLIES_EXECUTE != 0;
    let mut bias = 0u64;
    let mut fixed = Fixed::NoReplace;
    let mut total = 0;
    if image.header.is_relocatable {
        total = elf::total_size(image.segments()).ok_or(EINVAL)?;
        if has_interpreter {
            let alignment = elf::largest_alignment(image.segments());
            let base = choice.program_base;
            bias = if alignment == 0 { base } else { base & !(alignment - 1) };
        } else {
            fixed = Fixed::No;
        }
        let first = image.segments().find(ProgramHeader::is_load).map_or(0, |segment| segment.address);
        bias = bias.wrapping_sub(first) & !(PAGE - 1);
    }
    let mut loaded = Loaded { is_alone: image.header.is_relocatable && !has_interpreter, ..Loaded::default() };
    let (mut code_start, mut memory_end) = (u64::MAX, 0u64);
    for segment in image.segments().filter(ProgramHeader::is_load) {
        let at = load_segment(space, image, &segment, bias, fixed, total, reads_execute, limits)?;
        if fixed != Fixed::Replace {
            if image.header.is_relocatable {
                bias = bias.wrapping_add(at.wrapping_sub(bias.wrapping_add(segment.address) & !(PAGE - 1)));
            }
            (fixed, total) = (Fixed::Replace, 0);
        }
        let start = segment.address;
        let is_code = segment.flags & PF_X != 0;
        if is_code {
            code_start = code_start.min(start);
        }
        loaded.data.0 = loaded.data.0.max(start);
        // Before relocation, as Linux checks it.
        if !segment.fits(0, space.end()) {
            return Err(EINVAL);
        }
        let end = start + segment.file_size;
        if is_code {
            loaded.code.1 = loaded.code.1.max(end);
        }
        loaded.data.1 = loaded.data.1.max(end);
        memory_end = memory_end.max(start + segment.memory_size);
    }
    let relocate = |address: u64| address.wrapping_add(bias);
    loaded.bias = bias;
    loaded.entry = relocate(image.header.entry);
    loaded.program_headers = relocate(elf::program_headers_address(&image.header, image.segments()));
    loaded.code = (relocate(code_start), relocate(loaded.code.1));
    loaded.data = (relocate(loaded.data.0), relocate(loaded.data.1));
    loaded.end = relocate(memory_end).checked_next_multiple_of(PAGE).ok_or(ENOMEM)?;
    if !has_interpreter && loaded.entry >= space.end() {
        return Err(EINVAL);
    }
    Ok(loaded)
}

/// Loads the interpreter; its base and its entry point.
pub fn load_interpreter(space: &AddressSpace, image: &Image, personality: u32, limits: &Limits) -> Result<(u64, u64)> {
    let reads_execute = personality & layout::READ_IMPLIES_EXECUTE != 0;
    let mut total = elf::total_size(image.segments()).ok_or(EINVAL)?;
    let mut bias = 0u64;
    let mut is_placed = !image.header.is_relocatable;
    let (mut file_end, mut memory_end, mut zeroed_executable) = (0u64, 0u64, false);
    for segment in image.segments().filter(ProgramHeader::is_load) {
        if !is_placed {
            bias = 0u64.wrapping_sub(segment.address) & !(PAGE - 1);
        }
        let fixed = if is_placed { Fixed::Replace } else { Fixed::No };
        let at = map_segment(space, image, &segment, bias, fixed, total, reads_execute, limits)?;
        total = 0;
        if !is_placed {
            bias = at.wrapping_sub(segment.address & !(PAGE - 1));
            is_placed = true;
        }
        if !segment.fits(bias, space.end()) {
            return Err(ENOMEM);
        }
        let start = segment.address.wrapping_add(bias);
        file_end = file_end.max(start + segment.file_size);
        if start + segment.memory_size > memory_end {
            memory_end = start + segment.memory_size;
            zeroed_executable = segment.flags & PF_X != 0;
        }
    }
    // Unlike for the program, the page where the file ends must be writable.
    space.clear_page_end(file_end)?;
    space.add_zeroed(file_end, memory_end, zeroed_executable, limits)?;
    let entry = bias.wrapping_add(image.header.entry);
    if entry >= space.end() {
        return Err(EINVAL);
    }
    Ok((bias, entry))
}

/// Loads a segment: maps the file's part, zeroes the rest of its last page and adds zeroed pages; where it begins.
#[allow(clippy::too_many_arguments)]
fn load_segment(
    space: &AddressSpace,
    image: &Image,
    segment: &ProgramHeader,
    bias: u64,
    fixed: Fixed,
    total: u64,
    reads_execute: bool,
    limits: &Limits,
) -> Result<u64> {
    let at = map_segment(space, image, segment, bias, fixed, total, reads_execute, limits)?;
    if segment.memory_size <= segment.file_size {
        return Ok(at);
    }
    let start = at.checked_add(segment.address % PAGE).ok_or(ENOMEM)?;
    let end = start.checked_add(segment.memory_size).ok_or(ENOMEM)?;
    let zeroed = if segment.file_size == 0 {
        at
    } else {
        let zeroed = start + segment.file_size;
        // What cannot be written need not be zero.
        if space.clear_page_end(zeroed).is_err() && segment.flags & PF_W != 0 {
            return Err(EFAULT);
        }
        zeroed
    };
    space.add_zeroed(zeroed, end, segment.flags & PF_X != 0, limits)?;
    Ok(at)
}

/// Maps the file's part of a segment; where. With a `total` size, room for all segments is found first.
#[allow(clippy::too_many_arguments)]
fn map_segment(
    space: &AddressSpace,
    image: &Image,
    segment: &ProgramHeader,
    bias: u64,
    fixed: Fixed,
    total: u64,
    reads_execute: bool,
    limits: &Limits,
) -> Result<u64> {
    let part = segment.mapped_part();
    let address = part.address.wrapping_add(bias);
    if segment.file_size == 0 || part.length == 0 {
        return if address < space.end() { Ok(address) } else { Err(EINVAL) };
    }
    if !part.offset.is_multiple_of(PAGE) || part.offset.checked_add(part.length).is_none() {
        return Err(EINVAL);
    }
    let flag = |bit: u32, flag: AreaFlags| if segment.flags & bit != 0 { flag } else { AreaFlags::NONE };
    let mut access = flag(PF_R, AreaFlags::READ) | flag(PF_W, AreaFlags::WRITE) | flag(PF_X, AreaFlags::EXECUTE);
    if reads_execute && access.contains(AreaFlags::READ) {
        access = access | AreaFlags::EXECUTE;
    }
    let mut request = MapRequest::anonymous(part.length, access | MAY_ALL);
    (request.address, request.fixed) = (address, fixed);
    request.file = Some((&image.mapping, Some(&image.file)));
    request.page_offset = part.offset / PAGE;
    let total = total.checked_next_multiple_of(PAGE).ok_or(ENOMEM)?;
    if total > part.length {
        request.length = total;
        let at = space.map(&request, limits)?;
        space.unmap(at + part.length, total - part.length)?;
        return Ok(at);
    }
    space.map(&request, limits)
}
