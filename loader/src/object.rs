//! The file: header and section headers.
use crate::information::{Information, Versions};
use crate::symbol::Symbols;
use crate::{Refusal, bytes, push};
use alloc::vec::Vec;

/// Bytes of the file's header.
const HEADER: u64 = 64;
/// Bytes of a section header.
const SECTION_HEADER: u64 = 64;
/// The first section number with another meaning.
pub(crate) const RESERVED: u16 = 0xff00;
const RELOCATABLE: u16 = 1;
const X86_64: u16 = 62;

/// Section types.
pub(crate) mod kind {
    pub const NULL: u32 = 0;
    pub const SYMBOLS: u32 = 2;
    pub const STRINGS: u32 = 3;
    pub const RELOCATIONS_WITH_ADDENDS: u32 = 4;
    pub const NO_BITS: u32 = 8;
    pub const RELOCATIONS: u32 = 9;
}
/// Section flags.
pub(crate) mod flag {
    pub const WRITE: u64 = 1;
    pub const ALLOCATE: u64 = 2;
    pub const EXECUTE: u64 = 4;
    pub const THREAD_LOCAL: u64 = 0x400;
    pub const COMPRESSED: u64 = 0x800;
}

/// A section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section<'a> {
    pub name: &'a [u8],
    pub kind: u32,
    pub flags: u64,
    pub size: u64,
    pub link: u32,
    pub info: u32,
    pub alignment: u64,
    pub entry_size: u64,
    /// Empty where there are none in the file.
    pub bytes: &'a [u8],
}
impl Section<'_> {
    /// Whether it is part of the image: what the loader itself reads is not.
    pub fn is_loaded(&self) -> bool {
        self.flags & flag::ALLOCATE != 0 && !matches!(self.name, b".modinfo" | b"__versions")
    }
}

/// A relocatable object.
pub struct Object<'a> {
    pub(crate) sections: Vec<Section<'a>>,
    pub(crate) symbols: Symbols<'a>,
    /// Which section the symbols are.
    pub(crate) symbol_section: u32,
}

impl<'a> Object<'a> {
    /// Reads an object's headers and checks that they fit together and into the file.
    pub fn parse(file: &'a [u8]) -> Result<Self, Refusal> {
        let sections = read_sections(file).and_then(|raw| raw.ok_or(Refusal::Malformed("headers beyond the end")))?;
        let mut tables = sections.iter().zip(0..).filter(|(section, _)| section.kind == kind::SYMBOLS);
        let (Some((table, symbol_section)), None) = (tables.next(), tables.next()) else {
            return Err(Refusal::Malformed("not exactly one symbol table"));
        };
        let names = strings(&sections, table.link).ok_or(Refusal::Malformed("symbols without names"))?;
        let symbols = Symbols::new(table, names)?;
        Ok(Object { symbols, sections, symbol_section })
    }
    /// A section's bytes; the first of that name.
    pub fn section(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.sections.iter().find(|section| section.name == name).map(|section| section.bytes)
    }
    /// What the module says of itself (`.modinfo`).
    pub fn information(&self) -> Information<'a> {
        Information::new(self.section(b".modinfo").unwrap_or_default())
    }
    /// The versions of what it names (`__versions`); `None` if it does not say.
    pub fn versions(&self) -> Option<Versions<'a>> {
        self.section(b"__versions").map(Versions::new)
    }
}

/// A table of strings: it ends with a NUL, so that every string in it does.
fn strings<'a>(sections: &[Section<'a>], index: u32) -> Option<&'a [u8]> {
    let section = sections.get(usize::try_from(index).ok()?)?;
    (section.kind == kind::STRINGS && section.bytes.last() == Some(&0)).then_some(section.bytes)
}

/// `Ok(None)` if a field is beyond the end of the file.
fn read_sections(file: &[u8]) -> Result<Option<Vec<Section<'_>>>, Refusal> {
    // Class 64, little-endian, version 1.
    if file.get(..7) != Some(b"\x7fELF\x02\x01\x01") {
        return Err(Refusal::Malformed("not a 64-bit ELF file"));
    }
    if bytes::slice(file, 0, HEADER).is_none() {
        return Ok(None);
    }
    if bytes::u16(file, 16) != Some(RELOCATABLE) || bytes::u16(file, 18) != Some(X86_64) {
        return Err(Refusal::Malformed("not a relocatable object for x86-64"));
    }
    if bytes::u16(file, 58) != Some(SECTION_HEADER as u16) {
        return Err(Refusal::Malformed("section headers of another size"));
    }
    let (Some(table), Some(count), Some(names)) = (bytes::u64(file, 40), bytes::u16(file, 60), bytes::u16(file, 62))
    else {
        return Ok(None);
    };
    if count == 0 || count >= RESERVED {
        return Err(Refusal::Malformed("no sections, or too many"));
    }
    let Some(headers) = bytes::slice(file, table, u64::from(count) * SECTION_HEADER) else { return Ok(None) };
    let mut sections: Vec<Section> = Vec::new();
    let mut name_offsets = Vec::new();
    for header in headers.chunks_exact(SECTION_HEADER as usize) {
        let word = |offset| bytes::u32(header, offset).unwrap_or(0);
        let long = |offset| bytes::u64(header, offset).unwrap_or(0);
        let (kind, size) = (word(4), long(32));
        let bytes = match kind {
            kind::NULL | kind::NO_BITS => &[],
            _ => match bytes::slice(file, long(24), size) {
                Some(bytes) => bytes,
                None => return Ok(None),
            },
        };
        let section = Section {
            name: &[],
            kind,
            flags: long(8),
            size,
            link: word(40),
            info: word(44),
            alignment: long(48),
            entry_size: long(56),
            bytes,
        };
        push(&mut sections, section)?;
        push(&mut name_offsets, word(0))?;
    }
    if sections.first().is_none_or(|first| first.kind != kind::NULL || first.size != 0) {
        return Err(Refusal::Malformed("the first section is not the empty one"));
    }
    let names = strings(&sections, names.into()).ok_or(Refusal::Malformed("sections without names"))?;
    for (section, offset) in sections.iter_mut().zip(name_offsets) {
        section.name = bytes::string(names, offset.into()).ok_or(Refusal::Malformed("a name beyond the names"))?;
    }
    Ok(Some(sections))
}
