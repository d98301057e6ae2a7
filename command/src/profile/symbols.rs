//! Functions by address.

use anyhow::{Context, Result, bail};
use object::{Object, ObjectKind, ObjectSymbol, SymbolKind};
use std::collections::HashMap;
use std::path::Path;

/// Bytes of the longest function.
const LONGEST: u64 = 1 << 20;

/// The functions of a kernel and of programs, numbered by name.
pub struct Symbols {
    names: Vec<String>,
    numbers: HashMap<String, usize>,
    /// Start, end and number.
    places: Vec<[u64; 3]>,
}

impl Default for Symbols {
    /// What has no name: user code and kernel code (numbers 0 and 1 in `plugin.c`).
    fn default() -> Self {
        let mut symbols = Symbols { names: Vec::new(), numbers: HashMap::new(), places: Vec::new() };
        symbols.number("[user]");
        symbols.number("[kernel]");
        symbols
    }
}

impl Symbols {
    fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        self.numbers.insert(name.into(), self.names.len());
        self.names.push(name.into());
        self.names.len() - 1
    }

    /// Adds the functions of an ELF file that is not relocated; a file of another kind has none.
    pub fn add(&mut self, path: &Path) -> Result<()> {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let Ok(file) = object::File::parse(&*bytes) else { return Ok(()) };
        if file.kind() != ObjectKind::Executable && file.entry() < 1 << 31 {
            bail!("{}: where it is loaded is not known; link it with -static -no-pie", path.display());
        }
        let mut found: Vec<(u64, u64, String)> = file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text || symbol.kind() == SymbolKind::Unknown)
            .filter(|symbol| symbol.address() != 0 && symbol.section_index().is_some())
            .filter_map(|symbol| Some((symbol.address(), symbol.size(), symbol.name().ok()?.to_owned())))
            // Labels within functions.
            .filter(|(_, _, name)| !name.is_empty() && !name.starts_with(['.', '$']))
            .collect();
        // The one that says its size first, of several at one address.
        found.sort_by_key(|(address, size, _)| (*address, std::cmp::Reverse(*size)));
        found.dedup_by_key(|(address, _, _)| *address);
        for index in 0..found.len() {
            let (start, size, name) = &found[index];
            // A symbol without a size, before a gap, is no owner of the gap.
            let next = found.get(index + 1).map_or(u64::MAX, |(next, _, _)| *next).min(start.saturating_add(LONGEST));
            let end = if *size == 0 { next } else { next.min(start + size) };
            let number = self.number(&readable(name)) as u64;
            self.places.push([*start, end, number]);
        }
        self.places.sort_unstable();
        Ok(())
    }

    /// Names by number.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// As the plugin reads them.
    pub fn encode(&self) -> Vec<u8> {
        self.places.iter().flatten().flat_map(|word| word.to_ne_bytes()).collect()
    }
}

/// A name without its mangling and without the hash at its end.
fn readable(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered_once() {
        let mut symbols = Symbols::default();
        let first = symbols.number("a");
        assert_eq!(symbols.number("a"), first);
        assert_eq!(symbols.names()[..3], ["[user]", "[kernel]", "a"]);
    }

    #[test]
    fn mangled_names_are_read() {
        assert_eq!(readable("_ZN4core3fmt5write17h0123456789abcdefE"), "core::fmt::write");
        assert_eq!(readable("memcpy"), "memcpy");
    }
}
