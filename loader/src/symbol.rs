//! The symbol table.
use crate::object::{RESERVED, Section};
use crate::{Refusal, bytes};

const ENTRY: u64 = 24;
const UNDEFINED: u16 = 0;
const ABSOLUTE: u16 = 0xfff1;

/// Where a symbol is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Elsewhere: to be looked up by name. A weak one may be missing.
    Undefined { weak: bool },
    /// At a number.
    Absolute(u64),
    /// In a section.
    Section { index: u16, value: u64 },
}

/// A symbol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Symbol<'a> {
    pub name: &'a [u8],
    pub place: Place,
    /// Others may name it: global or weak, of default visibility.
    pub is_public: bool,
}

/// The table.
pub(crate) struct Symbols<'a> {
    entries: &'a [u8],
    names: &'a [u8],
}

impl<'a> Symbols<'a> {
    pub fn new(table: &Section<'a>, names: &'a [u8]) -> Result<Self, Refusal> {
        if table.entry_size != ENTRY || !table.size.is_multiple_of(ENTRY) {
            return Err(Refusal::Malformed("symbols of another size"));
        }
        Ok(Symbols { entries: table.bytes, names })
    }
    /// How many there are, the first of which is none.
    pub fn count(&self) -> u64 {
        self.entries.len() as u64 / ENTRY
    }
    /// A symbol.
    pub fn get(&self, index: u64) -> Result<Symbol<'a>, Refusal> {
        let at = index.checked_mul(ENTRY).ok_or(Refusal::Malformed("no such symbol"))?;
        let entry = bytes::slice(self.entries, at, ENTRY).ok_or(Refusal::Malformed("no such symbol"))?;
        let (binding, visibility) =
            (entry.get(4).map_or(0, |info| info >> 4), entry.get(5).map_or(0, |other| other & 3));
        let section = bytes::u16(entry, 6).unwrap_or(0);
        let value = bytes::u64(entry, 8).unwrap_or(0);
        let name = bytes::string(self.names, bytes::u32(entry, 0).unwrap_or(0).into());
        const GLOBAL: u8 = 1;
        const WEAK: u8 = 2;
        let place = match section {
            UNDEFINED => Place::Undefined { weak: binding == WEAK },
            ABSOLUTE => Place::Absolute(value),
            index if index < RESERVED => Place::Section { index, value },
            _ => return Err(Refusal::Malformed("a symbol in a section with a special meaning")),
        };
        Ok(Symbol {
            name: name.ok_or(Refusal::Malformed("a symbol's name beyond the names"))?,
            place,
            is_public: matches!(binding, GLOBAL | WEAK) && visibility == 0,
        })
    }
}
