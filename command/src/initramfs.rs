//! The initramfs: the root (unless it is a folder), then the agent with its configuration and modules.

use crate::artifacts;
use crate::cpio::{Metadata, Writer, kind};
use crate::roots::Root;
use agent::config::Config;
use anyhow::{Context, Result, bail};
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

/// Builds the initramfs in a file that exists only in memory, so that nothing is left of it whatever happens.
pub fn build(root: &Root, config: &Config, modules: &[PathBuf]) -> Result<File> {
    let mut file = File::from(memfd_create("lstar-initramfs", MemfdFlags::CLOEXEC).context("memfd_create")?);
    root.write_archive(&mut file)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.set_len(length.next_multiple_of(4))?;
    file.seek(SeekFrom::End(0))?;

    let mut archive = Writer::new(Vec::new());
    let hidden = |name: &str| name.trim_start_matches('/').as_bytes().to_vec();
    archive.add(b"dev", Metadata::directory(), &[])?;
    let console = Metadata { mode: kind::CHARACTER | 0o600, device: (5, 1), ..Metadata::default() };
    archive.add(b"dev/console", console, &[])?;
    archive.add(b".lstar", Metadata::directory(), &[])?;
    let agent = artifacts::agent()?;
    let agent = std::fs::read(&agent).with_context(|| agent.display().to_string())?;
    archive.add(&hidden(agent::AGENT_PATH), Metadata::file(0o755), &agent)?;
    archive.add(&hidden(agent::CONFIG_PATH), Metadata::file(0o644), &config.encode())?;
    archive.add(&hidden(agent::MODULE_FOLDER), Metadata::directory(), &[])?;
    for (path, name) in modules.iter().zip(&config.modules) {
        let contents = std::fs::read(path).with_context(|| path.display().to_string())?;
        let place = [hidden(agent::MODULE_FOLDER).as_slice(), b"/", name.as_encoded_bytes()].concat();
        archive.add(&place, Metadata::file(0o644), &contents)?;
    }
    file.write_all(&archive.finish()?).context("the initramfs in memory")?;
    Ok(file)
}

/// Refuses a machine whose memory cannot hold the initramfs beside its unpacked contents.
pub fn check_memory(initramfs: &File, memory: u64) -> Result<()> {
    let size = initramfs.metadata().context("the initramfs")?.len();
    // Linux gives the unpacked file system at most half of the memory.
    let needed = size.saturating_mul(2).saturating_add(96 << 20);
    if memory < needed && size > 16 << 20 {
        let remedy = needed.div_ceil(256 << 20) * 256;
        bail!("the root takes {} MiB of the guest's memory; give it more: --mem {remedy}M", size >> 20);
    }
    Ok(())
}
