//! A Debian root for tests, made by mmdebstrap and kept in the cache.

use crate::artifacts;
use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

/// What is installed in it.
pub const PACKAGES: &str = "bash,coreutils,findutils,grep,sed,gawk,tar,gzip,perl,python3,gcc,libc6-dev,procps,strace,\
                            busybox-static";

/// The root, made if it is not there yet.
pub fn root() -> Result<PathBuf> {
    let cache = artifacts::cache()?;
    let root = cache.join("debian-tests");
    if root.is_dir() {
        return Ok(root);
    }
    let lock = File::create(cache.join("debian-tests.lock")).context("the cache folder")?;
    flock(&lock, FlockOperation::LockExclusive).context("the cache folder's lock")?;
    if root.is_dir() {
        return Ok(root);
    }
    eprintln!("making a Debian root in {} (once; some minutes)", root.display());
    let new = cache.join("debian-tests.new");
    if new.exists() {
        fs::remove_dir_all(&new).with_context(|| new.display().to_string())?;
    }
    let output = Command::new("mmdebstrap")
        .args(["--quiet", "--variant=minbase", &format!("--include={PACKAGES}"), "bookworm"])
        .arg(&new)
        .output()
        .context("mmdebstrap (apt-get install mmdebstrap)")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("mmdebstrap failed: {}", text.lines().last().unwrap_or("no message"));
    }
    fs::rename(&new, &root).context("the cache folder")?;
    Ok(root)
}
