//! A Debian root for tests, made by mmdebstrap and kept in the cache.

use crate::artifacts;
use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

/// What is installed in it.
pub const PACKAGES: &str = "bash,coreutils,findutils,grep,sed,gawk,tar,gzip,perl,python3,gcc,libc6-dev,procps,strace,\
                            busybox-static,gdb,ltrace,kmod";

/// A number that is the same for the same text everywhere (FNV-1a).
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// The root, made if it is not there yet.
pub fn root() -> Result<PathBuf> {
    let cache = artifacts::cache()?;
    // Named after what is in it: another list makes another root.
    let root = cache.join(format!("debian-{:016x}", fingerprint(PACKAGES)));
    if root.is_dir() {
        return Ok(root);
    }
    let lock = File::create(root.with_extension("lock")).context("the cache folder")?;
    flock(&lock, FlockOperation::LockExclusive).context("the cache folder's lock")?;
    if root.is_dir() {
        return Ok(root);
    }
    eprintln!("making a Debian root in {} (once; some minutes)", root.display());
    let new = root.with_extension("new");
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
