//! What a module says of itself, and of what it names.

/// `.modinfo`: words `name=value`, each with a NUL behind it.
#[derive(Clone, Copy)]
pub struct Information<'a>(&'a [u8]);
impl<'a> Information<'a> {
    /// The words in a section.
    pub fn new(section: &'a [u8]) -> Self {
        Information(section)
    }
    /// Names and values in order. What is not text is passed over.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.0.split(|byte| *byte == 0).filter_map(|word| core::str::from_utf8(word).ok()?.split_once('='))
    }
    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }
    /// The modules it depends on.
    pub fn dependencies(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.get("depends").unwrap_or_default().split(',').filter(|name| !name.is_empty())
    }
    /// The type of a parameter, as `parmtype` gives it.
    pub fn parameter_type(&self, parameter: &str) -> Option<&'a str> {
        let types = self.iter().filter(|(name, _)| *name == "parmtype");
        types.filter_map(|(_, value)| value.split_once(':')).find(|(name, _)| *name == parameter).map(|(_, kind)| kind)
    }
}

/// `__versions`: a 64-bit version and a name of 56 bytes each.
#[derive(Clone, Copy)]
pub struct Versions<'a>(&'a [u8]);
impl<'a> Versions<'a> {
    const ENTRY: usize = 64;
    /// The entries in a section.
    pub fn new(section: &'a [u8]) -> Self {
        Versions(section)
    }
    /// The version of a symbol the module was built against.
    pub fn of(&self, symbol: &[u8]) -> Option<u64> {
        self.0.chunks_exact(Self::ENTRY).find_map(|entry| {
            let (version, name) = entry.split_first_chunk::<8>()?;
            let name = name.split(|byte| *byte == 0).next()?;
            (name == symbol).then_some(u64::from_le_bytes(*version))
        })
    }
}
