//! Where the function that serves a call is: found in the source tree, since a table of functions does not know it.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The functions of the kernel's sources that other modules see, by name: the files that have one.
pub struct Sources {
    files: BTreeMap<String, Vec<String>>,
}

impl Sources {
    /// Reads the tree below `home`; without one, nothing is found.
    pub fn read(home: &Path) -> Sources {
        let mut sources = Sources { files: BTreeMap::new() };
        let mut folders = vec![PathBuf::from("kernel/src")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(home.join(&folder)).into_iter().flatten().flatten() {
                let path = folder.join(entry.file_name());
                if entry.path().is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    sources.note(&path, &fs::read_to_string(entry.path()).unwrap_or_default());
                }
            }
        }
        sources
    }

    fn note(&mut self, path: &Path, text: &str) {
        for line in text.lines() {
            let Some(rest) = line.strip_prefix("pub").and_then(|line| line.split_once(" fn ")) else { continue };
            let name = rest.1.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
            self.files.entry(name.to_owned()).or_default().push(path.display().to_string());
        }
    }

    /// The file of a function that is named as `crate::file::read_write::read`, with or without generic arguments: the module's
    /// own, or one below it whose function the module shows as its own.
    pub fn of(&self, handler: &str) -> Option<&str> {
        let plain = handler.split("::<").next()?.replace(' ', "");
        let mut parts: Vec<&str> = plain.strip_prefix("crate::")?.split("::").collect();
        let name = parts.pop()?;
        let files = self.files.get(name)?;
        let module = format!("kernel/src/{}", parts.join("/"));
        let own = [format!("{module}.rs"), format!("{module}/mod.rs")];
        let below = format!("{module}/");
        let found =
            files.iter().find(|file| own.contains(file)).or_else(|| files.iter().find(|file| file.starts_with(&below)));
        found.map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_that_is_there_has_a_source() {
        let sources = Sources::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")));
        for (_, row) in kernel::syscall::reference::rows() {
            if !row.handler.is_empty() {
                assert!(sources.of(row.handler).is_some(), "where is {} of {}?", row.handler, row.name);
            }
        }
        assert_eq!(sources.of("crate::file::read_write::read"), Some("kernel/src/file/read_write.rs"));
        assert_eq!(sources.of("crate::nowhere::read"), None);
    }
}
