//! Which part of the image each section goes to, and where.
use crate::link::{ENTRY, by_address_table};
use crate::object::{Object, Section, flag, kind};
use crate::{Refusal, bytes, push};
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;

/// The parts of an image, by what may be done with them. None can be written and executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Read and executed.
    Text = 0,
    /// Read only.
    Constants = 1,
    /// Read and written.
    Data = 2,
}
/// How many parts there are.
pub const PARTS: usize = 3;

/// Largest image.
const LARGEST: u64 = 64 << 20;
/// Largest alignment of a section: a part begins on a page.
const PAGE: u64 = 4096;

/// Where the sections go.
pub struct Layout {
    /// By section: part and offset in it, `None` if it is not loaded.
    pub(crate) places: Vec<Option<(Part, u64)>>,
    /// The symbols whose addresses are read from a table at the end of the constants (the global offset table), in order.
    pub(crate) table: Vec<u32>,
    /// Where in the constants the table is.
    pub(crate) table_offset: u64,
    sizes: [u64; PARTS],
}

impl Layout {
    /// Bytes of a part.
    pub fn size(&self, part: Part) -> usize {
        self.sizes.get(part as usize).map_or(0, |size| *size as usize)
    }
    /// Bytes of all parts, in the order of [`Part`].
    pub fn sizes(&self) -> [usize; PARTS] {
        [Part::Text, Part::Constants, Part::Data].map(|part| self.size(part))
    }
}

impl Object<'_> {
    /// Places the sections that are loaded.
    pub fn layout(&self) -> Result<Layout, Refusal> {
        let mut layout = Layout { places: Vec::new(), table: Vec::new(), table_offset: 0, sizes: [0; PARTS] };
        for section in &self.sections {
            let place = if section.is_loaded() { Some(layout.place(section)?) } else { None };
            push(&mut layout.places, place)?;
        }
        layout.place_table(self)?;
        Ok(layout)
    }
}

impl Layout {
    /// Makes room for the addresses that relocations want read from a table.
    fn place_table(&mut self, object: &Object) -> Result<(), Refusal> {
        for section in object.sections.iter().filter(|section| section.kind == kind::RELOCATIONS_WITH_ADDENDS) {
            let target = usize::try_from(section.info).ok().and_then(|target| self.places.get(target));
            if !matches!(target, Some(Some(_))) {
                continue;
            }
            for entry in section.bytes.chunks_exact(ENTRY) {
                if by_address_table(bytes::u32(entry, 8).unwrap_or(0)) {
                    push(&mut self.table, bytes::u32(entry, 12).unwrap_or(0))?;
                }
            }
        }
        // In place, with no more of the stack however many there are.
        self.table = BinaryHeap::from(core::mem::take(&mut self.table)).into_sorted_vec();
        self.table.dedup();
        if let Some(size) = self.sizes.get_mut(Part::Constants as usize)
            && !self.table.is_empty()
        {
            self.table_offset = size.next_multiple_of(8);
            *size = self.table_offset + 8 * self.table.len() as u64;
        }
        Ok(())
    }

    fn place(&mut self, section: &Section) -> Result<(Part, u64), Refusal> {
        if section.flags & (flag::THREAD_LOCAL | flag::COMPRESSED) != 0 {
            return Err(Refusal::Malformed("a section that is thread-local or compressed"));
        }
        if matches!(section.kind, kind::NULL | kind::SYMBOLS | kind::RELOCATIONS | kind::RELOCATIONS_WITH_ADDENDS) {
            return Err(Refusal::Malformed("symbols, relocations or nothing, to be loaded"));
        }
        let part = match (section.flags & flag::EXECUTE != 0, section.flags & flag::WRITE != 0) {
            (true, true) => return Err(Refusal::Malformed("a section that is written and executed")),
            (true, false) => Part::Text,
            (false, false) => Part::Constants,
            (false, true) => Part::Data,
        };
        let alignment = section.alignment.max(1);
        if !alignment.is_power_of_two() || alignment > PAGE {
            return Err(Refusal::Malformed("an alignment that cannot be kept"));
        }
        let size = self.sizes.get_mut(part as usize).ok_or(Refusal::OutOfMemory)?;
        let offset = size.next_multiple_of(alignment);
        *size =
            offset.checked_add(section.size).filter(|end| *end <= LARGEST).ok_or(Refusal::Malformed("too large"))?;
        Ok((part, offset))
    }
}
