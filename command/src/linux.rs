//! Debian's Linux kernel, to run the same root and command on: fetched once into the cache.

use crate::artifacts;
use crate::progress::Progress;
use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PACKAGE: &str = "linux-image-cloud-amd64";

/// A fetched Linux kernel.
#[derive(Clone, Debug)]
pub struct Linux {
    folder: PathBuf,
}

impl Linux {
    /// The kernel in the cache, fetched if it is not there yet.
    pub fn fetched() -> Result<Self> {
        let cache = artifacts::cache()?;
        let linux = Self { folder: cache.join("linux") };
        if linux.image().is_file() {
            return Ok(linux);
        }
        let lock = File::create(cache.join("linux.lock")).context("the cache folder")?;
        flock(&lock, FlockOperation::LockExclusive).context("the cache folder's lock")?;
        if !linux.image().is_file() {
            let work = cache.join("linux.new");
            remove(&work)?;
            std::fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
            let fetched = fetch(&work).and_then(|()| {
                remove(&linux.folder)?;
                std::fs::rename(work.join("linux"), &linux.folder).context("the cache folder")
            });
            remove(&work)?;
            fetched.context("--kernel linux")?;
        }
        Ok(linux)
    }

    /// The kernel image: unpacked, so that no guest has to do it.
    pub fn image(&self) -> PathBuf {
        self.folder.join("vmlinux")
    }

    /// The files of the modules that `wanted` and what they depend on are in, in the order of insertion.
    pub fn modules(&self, wanted: &[&str]) -> Result<Vec<PathBuf>> {
        let mut order = Vec::new();
        for name in wanted {
            self.add_module(name, &mut order, 0)?;
        }
        Ok(order)
    }

    fn add_module(&self, name: &str, order: &mut Vec<PathBuf>, depth: usize) -> Result<()> {
        let path = self.folder.join("modules").join(format!("{name}.ko"));
        // What is missing is built in, or QEMU's device will be missing in the guest, which the agent reports.
        if !path.is_file() || order.contains(&path) || depth > 16 {
            return Ok(());
        }
        for dependency in dependencies(&path)? {
            self.add_module(&dependency, order, depth + 1)?;
        }
        order.push(path);
        Ok(())
    }
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| folder.display().to_string())
        }
        _ => Ok(()),
    }
}

/// The modules that a module's `.modinfo` section says it depends on.
fn dependencies(path: &Path) -> Result<Vec<String>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let file = object::File::parse(&*bytes).with_context(|| path.display().to_string())?;
    let info = file.section_by_name(".modinfo").and_then(|section| section.data().ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(info);
    let list = text.split('\0').find_map(|field| field.strip_prefix("depends=")).unwrap_or_default();
    Ok(list.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect())
}

/// Fetches the package and leaves `linux/vmlinux` and `linux/modules/*.ko` in `work`.
fn fetch(work: &Path) -> Result<()> {
    let progress = Progress::start("fetching Debian's Linux kernel");
    let remedy = "needs a Debian host with apt-get and its package lists (apt-get update)";
    let depends = output(Command::new("apt-cache").args(["depends", PACKAGE]), work).context(remedy)?;
    let package = depends
        .lines()
        .find_map(|line| line.trim().strip_prefix("Depends: linux-image-"))
        .map(|rest| format!("linux-image-{rest}"))
        .with_context(|| format!("apt knows no package {PACKAGE}; {remedy}"))?;
    output(Command::new("apt-get").args(["-q", "download", &package]), work).context(remedy)?;
    progress.say("unpacking Debian's Linux kernel");
    let archive = find(work, |name| name.ends_with(".deb"))?;
    output(Command::new("dpkg").arg("-x").arg(&archive).arg("x"), work)?;
    std::fs::remove_file(&archive)?;

    let target = work.join("linux");
    let modules = target.join("modules");
    std::fs::create_dir_all(&modules)?;
    let compressed = find(&work.join("x/boot"), |name| name.starts_with("vmlinuz"))?;
    let image = unpack_kernel(&std::fs::read(&compressed)?);
    // The file that marks a complete cache comes last.
    let tree = find(&work.join("x/lib/modules"), |_| true)?;
    flatten_modules(&tree, &modules)?;
    match image {
        Some(image) => std::fs::write(target.join("vmlinux"), image)?,
        // QEMU boots the compressed form as well; it only takes longer.
        None => drop(std::fs::copy(&compressed, target.join("vmlinux"))?),
    }
    Ok(())
}

fn output(command: &mut Command, folder: &Path) -> Result<String> {
    let name = command.get_program().display().to_string();
    let output = command.current_dir(folder).stdin(Stdio::null()).output().with_context(|| name.clone())?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("{name}: {}", text.lines().last().unwrap_or("failed"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn find(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<PathBuf> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&wanted) {
            return Ok(entry.path());
        }
    }
    bail!("the package is not as expected: nothing suitable in {}", folder.display())
}

/// Copies every module of a tree into one folder, named with underscores as `depends=` names them.
fn flatten_modules(tree: &Path, target: &Path) -> Result<()> {
    for entry in std::fs::read_dir(tree)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            flatten_modules(&entry.path(), target)?;
        } else if name.ends_with(".ko") {
            std::fs::copy(entry.path(), target.join(name.replace('-', "_")))?;
        }
    }
    Ok(())
}

/// The ELF image inside a bzImage whose payload is LZ4 (legacy frames), as Debian packs it.
fn unpack_kernel(bytes: &[u8]) -> Option<Vec<u8>> {
    const LEGACY_FRAME: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];
    const BLOCK: usize = 8 << 20;
    // The boot protocol's setup_sects, payload_offset and payload_length.
    let setup = (usize::from(*bytes.get(0x1f1)?) + 1) * 512;
    let offset = setup.checked_add(word(bytes, 0x248)?)?;
    let payload = bytes.get(offset..offset.checked_add(word(bytes, 0x24c)?)?)?;
    let mut rest = payload.strip_prefix(&LEGACY_FRAME)?;
    let mut image = Vec::new();
    while let Some(length) = word(rest, 0) {
        // The last word is the size of the whole, not a block.
        let Some(block) = rest.get(4..).and_then(|rest| rest.get(..length)).filter(|_| length > 0) else { break };
        image.extend_from_slice(&lz4_flex::block::decompress(block, BLOCK).ok()?);
        rest = rest.get(4 + length..)?;
    }
    image.starts_with(b"\x7fELF").then_some(image)
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let word = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*word)).ok()
}
