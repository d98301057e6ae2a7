//! The plugin in QEMU that counts, and the memory shared with it.

use super::symbols::Symbols;
use crate::artifacts;
use anyhow::{Context, Result, bail};
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

const SOURCE: &str = include_str!("plugin.c");
/// Bytes of the header, and of a node; `plugin.c` says the same.
pub(super) const HEADER: usize = 16;
pub(super) const NODE: usize = 32;
const MOST_NODES: usize = 1 << 20;

/// A plugin ready to be loaded.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// The shared object.
    pub program: PathBuf,
    /// What it maps: functions by address, and the tree it fills.
    pub symbols: Arc<File>,
    pub tree: Arc<File>,
}

impl Plugin {
    /// Compiles the plugin if that was not done before, and makes the memory it shares.
    pub(super) fn build(symbols: &Symbols) -> Result<Plugin> {
        let folder = artifacts::cache()?.join("profile");
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let (source, program) = (folder.join("plugin.c"), folder.join("plugin.so"));
        if !program.is_file() || std::fs::read_to_string(&source).ok().as_deref() != Some(SOURCE) {
            // Under a name of its own first: another process may do the same.
            let (part, text) = (folder.join(format!("{}.so", std::process::id())), folder.join("next.c"));
            std::fs::write(&text, SOURCE).with_context(|| text.display().to_string())?;
            let compiled = Command::new("cc").args(["-O2", "-shared", "-fPIC", "-o"]).arg(&part).arg(&text).status();
            if !compiled.context("the C compiler; on Debian: apt-get install gcc libc6-dev")?.success() {
                bail!("QEMU's plugin does not compile");
            }
            std::fs::rename(&part, &program).with_context(|| program.display().to_string())?;
            std::fs::rename(&text, &source).with_context(|| source.display().to_string())?;
        }
        let tree = File::from(memfd_create("lstar-profile", MemfdFlags::CLOEXEC).context("memfd_create")?);
        tree.set_len((HEADER + MOST_NODES * NODE) as u64).context("the profile's memory")?;
        let mut functions = File::from(memfd_create("lstar-symbols", MemfdFlags::CLOEXEC).context("memfd_create")?);
        functions.write_all(&symbols.encode()).context("the profile's memory")?;
        Ok(Plugin { program, symbols: Arc::new(functions), tree: Arc::new(tree) })
    }

    /// Starts or ends counting.
    pub fn count(&self, on: bool) -> std::io::Result<()> {
        self.tree.write_all_at(&u32::from(on).to_ne_bytes(), 0)
    }

    /// The bytes of the tree: header and nodes in use.
    pub(super) fn tree(&self) -> Result<Vec<u8>> {
        let mut count = [0; 4];
        self.tree.read_exact_at(&mut count, 4).context("the profile's memory")?;
        let count = (u32::from_ne_bytes(count) as usize).min(MOST_NODES);
        let mut bytes = vec![0; HEADER + count * NODE];
        self.tree.read_exact_at(&mut bytes, 0).context("the profile's memory")?;
        Ok(bytes)
    }
}
