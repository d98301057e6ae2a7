//! The plugin in QEMU that counts by call chain, and the memory shared with it.

use super::symbols::Symbols;
use crate::plugin::{self, Plugin};
use anyhow::{Context, Result};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes of the header, and of a node; `plugin.c` says the same.
pub(super) const HEADER: usize = 16;
pub(super) const NODE: usize = 32;
const MOST_NODES: usize = 1 << 20;

/// What counts, with the tree that it fills.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    pub plugin: Plugin,
    tree: Arc<File>,
}

impl Counter {
    /// Compiles the plugin if that was not done before, and makes the memory it shares.
    pub fn build(symbols: &Symbols) -> Result<Counter> {
        let program = plugin::compile("profile", include_str!("plugin.c"))?;
        let tree = Arc::new(plugin::memory(HEADER + MOST_NODES * NODE)?);
        let mut functions = plugin::memory(0)?;
        functions.write_all(&symbols.encode()).context("the profile's memory")?;
        let files = vec![("symbols", Arc::new(functions)), ("tree", tree.clone())];
        Ok(Counter { plugin: Plugin { program, files }, tree })
    }

    /// Starts or ends counting.
    pub fn count(&self, on: bool) -> std::io::Result<()> {
        self.tree.write_all_at(&u32::from(on).to_ne_bytes(), 0)
    }

    /// The bytes of the tree: header and nodes in use.
    pub fn tree(&self) -> Result<Vec<u8>> {
        let mut count = [0; 4];
        self.tree.read_exact_at(&mut count, 4).context("the profile's memory")?;
        let count = (u32::from_ne_bytes(count) as usize).min(MOST_NODES);
        let mut bytes = vec![0; HEADER + count * NODE];
        self.tree.read_exact_at(&mut bytes, 0).context("the profile's memory")?;
        Ok(bytes)
    }
}
