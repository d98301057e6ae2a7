//! Where the things lie that were built or fetched.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// The folder that holds the project, given by `LSTAR_HOME` or found above this program.
pub fn home() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os("LSTAR_HOME") {
        return Ok(home.into());
    }
    let program = std::env::current_exe().context("finding this program")?;
    let home = program.ancestors().find(|folder| folder.join("agent/Cargo.toml").exists());
    home.map(Path::to_path_buf).context("cannot find Lstar's folder; run ./lstar, or set LSTAR_HOME to the folder")
}

/// Lstar's kernel image.
pub fn kernel() -> Result<PathBuf> {
    built("target/kernel/x86_64-unknown-none/release/lstar-kernel", "kernel")
}

/// The guest's agent.
pub fn agent() -> Result<PathBuf> {
    built("target/agent/x86_64-unknown-linux-gnu/agent/lstar-agent", "guest agent")
}

/// The folder of demo programs, if they were built.
pub fn demos() -> Option<PathBuf> {
    home().ok().map(|home| home.join("target/demo")).filter(|folder| folder.is_dir())
}

fn built(path: &str, what: &str) -> Result<PathBuf> {
    let path = home()?.join(path);
    if !path.is_file() {
        bail!("the {what} is not built ({} is missing); ./lstar builds it", path.display());
    }
    Ok(path)
}

/// The folder for what is fetched or learned once, made if it is missing.
pub fn cache() -> Result<PathBuf> {
    let base = match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
        (Some(cache), _) if !cache.is_empty() => PathBuf::from(cache),
        (_, Some(home)) if !home.is_empty() => Path::new(&home).join(".cache"),
        _ => bail!("no place for fetched files; set XDG_CACHE_HOME or HOME"),
    };
    let folder = base.join("lstar");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{}; set XDG_CACHE_HOME to a folder you can write", folder.display()))?;
    Ok(folder)
}
