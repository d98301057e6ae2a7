//! Symbols and relocations: from an object and addresses to the image's bytes.
use crate::layout::{Layout, PARTS, Part};
use crate::object::{Object, Section, kind};
use crate::symbol::Place;
use crate::{Refusal, bytes, push};
use alloc::vec::Vec;

/// Why an object could not be linked; `E` is the caller's reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkError<E> {
    /// The object is wrong.
    Refused(Refusal),
    /// A symbol was refused by the caller.
    Symbol(E),
}
impl<E> From<Refusal> for LinkError<E> {
    fn from(refusal: Refusal) -> Self {
        LinkError::Refused(refusal)
    }
}

/// A linked image.
#[derive(Debug)]
pub struct Image {
    /// The bytes of the parts, in the order of [`Part`].
    pub parts: [Vec<u8>; PARTS],
    /// The symbols others may name, with their addresses.
    pub symbols: Vec<(Vec<u8>, u64)>,
}
impl Image {
    /// The address of a symbol that others may name.
    pub fn symbol(&self, name: &str) -> Option<u64> {
        self.symbols.iter().find(|(other, _)| other == name.as_bytes()).map(|(_, address)| *address)
    }
}

/// Relocation types that are known, all of x86-64.
mod relocation {
    pub const NONE: u32 = 0;
    pub const ABSOLUTE_64: u32 = 1;
    pub const RELATIVE_32: u32 = 2;
    pub const CALL_32: u32 = 4;
    pub const TABLE_32: u32 = 9;
    pub const UNSIGNED_32: u32 = 10;
    pub const SIGNED_32: u32 = 11;
    pub const RELATIVE_64: u32 = 24;
    pub const TABLE_32_RELAXABLE: u32 = 41;
    pub const TABLE_32_RELAXABLE_WIDE: u32 = 42;
}
/// Bytes of a relocation with addend.
pub(crate) const ENTRY: usize = 24;

/// Whether a relocation wants its symbol's address read from a table.
pub(crate) fn by_address_table(kind: u32) -> bool {
    matches!(kind, relocation::TABLE_32 | relocation::TABLE_32_RELAXABLE | relocation::TABLE_32_RELAXABLE_WIDE)
}

/// What a symbol is worth.
#[derive(Clone, Copy)]
enum Value {
    Address(u64),
    /// It is in a section that is not loaded.
    NotLoaded,
}

impl Object<'_> {
    /// Links the object for parts at these addresses. `resolve` gives the address of a symbol that the object does not define,
    /// or refuses; it is asked for every one, also if nothing refers to it. A weak one that is refused is 0.
    pub fn link<E>(
        &self,
        layout: &Layout,
        bases: [u64; PARTS],
        resolve: &mut dyn FnMut(&[u8]) -> Result<u64, E>,
    ) -> Result<Image, LinkError<E>> {
        let mut image = Image { parts: [Vec::new(), Vec::new(), Vec::new()], symbols: Vec::new() };
        for (part, size) in image.parts.iter_mut().zip(layout.sizes()) {
            part.try_reserve_exact(size).map_err(Refusal::from)?;
            part.resize(size, 0);
        }
        for (section, place) in self.sections.iter().zip(&layout.places) {
            if let Some(place) = place
                && section.kind != kind::NO_BITS
                && let Some(room) = section_bytes(&mut image.parts, section, *place)
            {
                room.iter_mut().zip(section.bytes).for_each(|(to, from)| *to = *from);
            }
        }
        let values = self.values(layout, &bases, resolve, &mut image.symbols)?;
        fill_table(layout, &values, &mut image.parts)?;
        for section in &self.sections {
            self.relocate(section, layout, &bases, &values, &mut image.parts)?;
        }
        Ok(image)
    }

    fn values<E>(
        &self,
        layout: &Layout,
        bases: &[u64; PARTS],
        resolve: &mut dyn FnMut(&[u8]) -> Result<u64, E>,
        public: &mut Vec<(Vec<u8>, u64)>,
    ) -> Result<Vec<Value>, LinkError<E>> {
        let mut values = Vec::new();
        for index in 0..self.symbols.count() {
            let symbol = self.symbols.get(index)?;
            let value = match symbol.place {
                _ if index == 0 => Value::Address(0),
                Place::Absolute(value) => Value::Address(value),
                Place::Undefined { weak } => match resolve(symbol.name) {
                    Ok(address) => Value::Address(address),
                    Err(_) if weak => Value::Address(0),
                    Err(error) => return Err(LinkError::Symbol(error)),
                },
                Place::Section { index, value } => {
                    let section = usize::from(index);
                    match (self.sections.get(section), layout.places.get(section)) {
                        (Some(within), Some(Some((part, offset)))) if value <= within.size => {
                            let base = bases.get(*part as usize).copied().unwrap_or(0);
                            Value::Address(base.wrapping_add(offset.wrapping_add(value)))
                        }
                        (Some(_), Some(None)) => Value::NotLoaded,
                        _ => return Err(Refusal::Malformed("a symbol beyond its section").into()),
                    }
                }
            };
            if let (Value::Address(address), Place::Section { .. }, true) = (value, symbol.place, symbol.is_public)
                && !symbol.name.is_empty()
            {
                let mut name = Vec::new();
                name.try_reserve_exact(symbol.name.len()).map_err(Refusal::from)?;
                name.extend_from_slice(symbol.name);
                push(public, (name, address))?;
            }
            push(&mut values, value)?;
        }
        Ok(values)
    }

    /// Applies a section of relocations, if it is one for a section that is loaded.
    fn relocate(
        &self,
        section: &Section,
        layout: &Layout,
        bases: &[u64; PARTS],
        values: &[Value],
        parts: &mut [Vec<u8>; PARTS],
    ) -> Result<(), Refusal> {
        if !matches!(section.kind, kind::RELOCATIONS | kind::RELOCATIONS_WITH_ADDENDS) {
            return Ok(());
        }
        let number = usize::try_from(section.info).map_err(|_| Refusal::Malformed("relocations of no section"))?;
        let (Some(target), Some(place)) = (self.sections.get(number), layout.places.get(number)) else {
            return Err(Refusal::Malformed("relocations of no section"));
        };
        let Some((part, offset)) = *place else { return Ok(()) };
        if section.kind == kind::RELOCATIONS || target.kind == kind::NO_BITS {
            return Err(Refusal::Malformed("relocations without addends, or of nothing"));
        }
        if section.entry_size != ENTRY as u64
            || !section.size.is_multiple_of(ENTRY as u64)
            || section.link != self.symbol_section
        {
            return Err(Refusal::Malformed("relocations of another size, or by other symbols"));
        }
        let address = bases.get(part as usize).copied().unwrap_or(0).wrapping_add(offset);
        let room =
            section_bytes(parts, target, (part, offset)).ok_or(Refusal::Malformed("a section beyond its part"))?;
        for entry in section.bytes.chunks_exact(ENTRY) {
            let field = |at| bytes::u64(entry, at).unwrap_or(0);
            let (at, information, addend) = (field(0), field(8), field(16));
            let (symbol, kind) = ((information >> 32) as usize, information as u32);
            if kind == relocation::NONE {
                continue;
            }
            let value = if by_address_table(kind) {
                layout.table_entry(symbol, bases).ok_or(Refusal::Malformed("a relocation by no symbol"))?
            } else {
                address_of(values, symbol)?
            };
            apply(room, at, kind, value.wrapping_add(addend), address.wrapping_add(at))?;
        }
        Ok(())
    }
}

fn address_of(values: &[Value], symbol: usize) -> Result<u64, Refusal> {
    match values.get(symbol) {
        Some(Value::Address(value)) => Ok(*value),
        Some(Value::NotLoaded) => Err(Refusal::Malformed("a reference to what is not loaded")),
        None => Err(Refusal::Malformed("a relocation by no symbol")),
    }
}

/// Writes the table of addresses.
fn fill_table(layout: &Layout, values: &[Value], parts: &mut [Vec<u8>; PARTS]) -> Result<(), Refusal> {
    let [_, constants, _] = parts;
    let room = usize::try_from(layout.table_offset).ok().and_then(|offset| constants.get_mut(offset..));
    for (room, symbol) in room.unwrap_or_default().chunks_exact_mut(8).zip(&layout.table) {
        room.copy_from_slice(&address_of(values, *symbol as usize)?.to_le_bytes());
    }
    Ok(())
}

impl Layout {
    /// The address of a symbol's entry in the table.
    fn table_entry(&self, symbol: usize, bases: &[u64; PARTS]) -> Option<u64> {
        let index = self.table.binary_search(&u32::try_from(symbol).ok()?).ok()? as u64;
        let base = bases.get(Part::Constants as usize)?;
        Some(base.wrapping_add(self.table_offset + 8 * index))
    }
}

/// The bytes of a section in its part.
fn section_bytes<'p>(parts: &'p mut [Vec<u8>; PARTS], section: &Section, place: (Part, u64)) -> Option<&'p mut [u8]> {
    let (part, offset) = place;
    let start = usize::try_from(offset).ok()?;
    parts.get_mut(part as usize)?.get_mut(start..start.checked_add(usize::try_from(section.size).ok()?)?)
}

/// Writes one relocated field, which must be zero (relocations with addends have theirs in the entry) and must fit.
fn apply(section: &mut [u8], at: u64, kind: u32, value: u64, place: u64) -> Result<(), Refusal> {
    let relative = value.wrapping_sub(place);
    let (value, width, fits) = match kind {
        relocation::ABSOLUTE_64 => (value, 8, true),
        relocation::RELATIVE_64 => (relative, 8, true),
        relocation::UNSIGNED_32 => (value, 4, u32::try_from(value).is_ok()),
        relocation::SIGNED_32 => (value, 4, i32::try_from(value as i64).is_ok()),
        relocation::RELATIVE_32 | relocation::CALL_32 => (relative, 4, i32::try_from(relative as i64).is_ok()),
        kind if by_address_table(kind) => (relative, 4, i32::try_from(relative as i64).is_ok()),
        _ => return Err(Refusal::Malformed("a relocation of a type that is not known")),
    };
    if !fits {
        return Err(Refusal::Malformed("a relocation that does not fit its field"));
    }
    let start = usize::try_from(at).ok();
    let field = start.and_then(|start| section.get_mut(start..start.checked_add(width)?));
    let field = field.ok_or(Refusal::Malformed("a relocation beyond its section"))?;
    if field.iter().any(|byte| *byte != 0) {
        return Err(Refusal::Malformed("a relocation of what is not zero"));
    }
    field.iter_mut().zip(value.to_le_bytes()).for_each(|(to, from)| *to = from);
    Ok(())
}
