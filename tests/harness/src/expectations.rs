//! Cases known to fail on Lstar, each with its reason (`tests/expectations.toml`).

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The list, by the case's full name.
#[derive(Debug, Default)]
pub struct Expectations {
    reasons: BTreeMap<String, String>,
}

impl Expectations {
    /// Reads the file: a table `[known-to-fail]` of `"topic/program/case" = "reason"`. No file is an empty list.
    pub fn read(path: &Path) -> Result<Expectations> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        Expectations::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    fn parse(text: &str) -> Result<Expectations> {
        let table: toml::Table = text.parse()?;
        let mut reasons = BTreeMap::new();
        if let Some(list) = table.get("known-to-fail").and_then(|value| value.as_table()) {
            for (name, reason) in list {
                let reason = reason.as_str().filter(|reason| !reason.is_empty());
                reasons.insert(name.clone(), reason.with_context(|| format!("{name}: no reason"))?.to_owned());
            }
        }
        Ok(Expectations { reasons })
    }

    /// Why this case is known to fail. An entry may also name a whole program, or end with `*`.
    pub fn reason(&self, case: &str) -> Option<&str> {
        if let Some(reason) = self.reasons.get(case) {
            return Some(reason);
        }
        let matching = |entry: &str| entry.strip_suffix('*').is_some_and(|start| case.starts_with(start));
        self.reasons.iter().find(|(entry, _)| matching(entry)).map(|(_, reason)| reason.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_needs_a_reason() {
        let list = Expectations::parse("[known-to-fail]\n\"a/b/c\" = \"not yet\"\n").unwrap();
        assert_eq!(list.reason("a/b/c"), Some("not yet"));
        assert_eq!(list.reason("a/b/d"), None);
        assert!(Expectations::parse("[known-to-fail]\n\"a/b/c\" = \"\"\n").is_err());
    }
}
