//! Plugins for QEMU's translator: small C programs of ours that count within it, and the memory shared with them.

use crate::artifacts;
use anyhow::{Context, Result, bail};
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

/// A plugin ready to be loaded.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// The shared object.
    pub program: PathBuf,
    /// The files that it maps, each with the name of the plugin's argument for it.
    pub files: Vec<(&'static str, Arc<File>)>,
}

/// Compiles a plugin into the cache folder, unless that was done before; where it is.
///
/// # Errors
/// There is no C compiler, it refuses the source, or the cache folder cannot be written.
pub fn compile(name: &str, source: &str) -> Result<PathBuf> {
    let folder = artifacts::cache()?.join("plugins");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let (text, program) = (folder.join(format!("{name}.c")), folder.join(format!("{name}.so")));
    if program.is_file() && std::fs::read_to_string(&text).ok().as_deref() == Some(source) {
        return Ok(program);
    }
    // Under names of its own first: another process may do the same.
    let part = |end: &str| folder.join(format!("{name}-{}.{end}", std::process::id()));
    let (part_text, part_program) = (part("c"), part("so"));
    std::fs::write(&part_text, source).with_context(|| part_text.display().to_string())?;
    let output = Command::new("cc").args(["-O2", "-shared", "-fPIC", "-o"]).arg(&part_program).arg(&part_text).output();
    let output =
        output.context("no C compiler to build QEMU's plugin with; on Debian: apt-get install gcc libc6-dev")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let reason = text.lines().find(|line| line.contains("error")).unwrap_or("cc failed").to_owned();
        bail!("QEMU's plugin does not compile ({reason}); on Debian: apt-get install gcc libc6-dev");
    }
    std::fs::rename(&part_program, &program).with_context(|| program.display().to_string())?;
    std::fs::rename(&part_text, &text).with_context(|| text.display().to_string())?;
    Ok(program)
}

/// Memory of `size` bytes, all zero, to share with a plugin.
pub fn memory(size: usize) -> Result<File> {
    let file = File::from(memfd_create("lstar-plugin", MemfdFlags::CLOEXEC).context("memfd_create")?);
    file.set_len(size as u64).context("the plugin's memory")?;
    Ok(file)
}
