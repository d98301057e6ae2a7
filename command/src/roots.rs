//! The guest's root file system: the built-in one, a folder of the host, or an archive.

use crate::artifacts;
use crate::cpio::{Metadata, Writer, kind};
use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the guest's root file system comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// Debian's busybox and the demo programs, in memory.
    BuiltIn,
    /// A folder of the host, live and read-only.
    Folder(PathBuf),
    /// A tar or newc cpio archive, plain or gzip'ed, unpacked into memory.
    Archive(PathBuf),
    /// A newc cpio archive in memory.
    Memory(Vec<u8>),
}

impl Root {
    /// The root behind a path.
    pub fn at(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).with_context(|| format!("--root {}", path.display()))?;
        Ok(if metadata.is_dir() { Self::Folder(path.into()) } else { Self::Archive(path.into()) })
    }

    /// Writes the root as a newc archive, unless it is a folder, which is not copied.
    pub fn write_archive(&self, sink: &mut (impl Write + Seek)) -> Result<()> {
        match self {
            Self::BuiltIn => write_built_in(sink),
            Self::Folder(_) => Ok(()),
            Self::Archive(path) => write_from_archive(path, sink).with_context(|| format!("--root {}", path.display())),
            Self::Memory(bytes) => sink.write_all(bytes).context("the root in memory"),
        }
    }
}

fn write_built_in(sink: &mut impl Write) -> Result<()> {
    let busybox = busybox()?;
    let mut archive = Writer::new(BufWriter::new(sink));
    for name in
        ["bin", "dev", "etc", "proc", "root", "run", "sbin", "sys", "tmp", "usr", "usr/bin", "usr/sbin", "usr/local"]
    {
        archive.add(name.as_bytes(), Metadata::directory(), &[])?;
    }
    let program = std::fs::read(&busybox).with_context(|| busybox.display().to_string())?;
    archive.add(b"bin/busybox", Metadata::file(0o755), &program)?;
    let list = Command::new(&busybox).arg("--list-full").output().context("busybox --list-full")?;
    let link = Metadata { mode: kind::SYMLINK | 0o777, ..Metadata::default() };
    for applet in String::from_utf8_lossy(&list.stdout).lines().filter(|applet| *applet != "bin/busybox") {
        archive.add(applet.as_bytes(), link, b"/bin/busybox")?;
    }
    for (name, text) in [
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
        ("etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"),
        ("etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost\n"),
        ("etc/profile", "PS1='\\u@\\h:\\w\\$ '\nalias ll='ls -l'\n"),
        ("etc/shells", "/bin/sh\n"),
    ] {
        archive.add(name.as_bytes(), Metadata::file(0o644), text.as_bytes())?;
    }
    for name in ["usr/local/bin", "usr/local/src"] {
        archive.add(name.as_bytes(), Metadata::directory(), &[])?;
    }
    if let Some(folder) = artifacts::demos() {
        add_demos(&mut archive, &folder)?;
    }
    archive.finish()?.flush()?;
    Ok(())
}

/// Programs of the demo folder go to /usr/local/bin, everything else (their sources) to /usr/local/src.
fn add_demos(archive: &mut Writer<impl Write>, folder: &Path) -> Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    // Files that are one under several names stay one: the first name brings the contents.
    let mut known: HashMap<(u64, u64), u32> = HashMap::new();
    for entry in entries {
        let metadata = std::fs::metadata(entry.path())?;
        if !metadata.is_file() {
            continue;
        }
        let program = metadata.permissions().mode() & 0o100 != 0;
        let folder: &[u8] = if program { b"usr/local/bin/" } else { b"usr/local/src/" };
        let name = [folder, entry.file_name().as_bytes()].concat();
        let mut header = Metadata::file(if program { 0o755 } else { 0o644 });
        let mut contents = std::fs::read(entry.path())?;
        if metadata.nlink() > 1 {
            let next = u32::try_from(known.len())? + 1;
            let number = *known.entry((metadata.dev(), metadata.ino())).or_insert(next);
            header.inode = Some((number, u32::try_from(metadata.nlink())?));
            if number != next {
                contents.clear();
            }
        }
        archive.add(&name, header, &contents)?;
    }
    Ok(())
}

/// The host's busybox, which must be a static program to run without libraries.
fn busybox() -> Result<PathBuf> {
    let remedy = "the built-in root needs a static busybox; on Debian: apt-get install busybox-static";
    let path = ["/bin/busybox", "/usr/bin/busybox"].map(PathBuf::from).into_iter().find(|path| path.is_file());
    let path = path.context(remedy)?;
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let file = object::read::elf::ElfFile64::<object::Endianness>::parse(&*bytes).context(remedy)?;
    let interpreter = file
        .elf_program_headers()
        .iter()
        .any(|header| header.p_type.get(object::Endianness::Little) == object::elf::PT_INTERP);
    if interpreter {
        bail!("{} is not static; {remedy}", path.display());
    }
    Ok(path)
}

fn write_from_archive(path: &Path, sink: &mut impl Write) -> Result<()> {
    let open = || -> Result<Box<dyn Read>> {
        let mut file = File::open(path)?;
        let mut magic = [0; 2];
        let known = file.read(&mut magic)?;
        file.rewind()?;
        let file = BufReader::with_capacity(1 << 18, file);
        Ok(if known == 2 && magic == [0x1f, 0x8b] { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
    };
    let mut head = Vec::new();
    open()?.take(512).read_to_end(&mut head).context("cannot be unpacked")?;
    if head.starts_with(b"070701") || head.starts_with(b"070702") {
        std::io::copy(&mut open()?, sink).context("cannot be unpacked")?;
        return Ok(());
    }
    if head.get(257..262) != Some(b"ustar") {
        bail!("neither a folder nor an archive that lstar reads (.tar, .tar.gz, newc .cpio, .cpio.gz)");
    }
    let several = files_with_several_names(open()?).context("the archive is broken")?;
    convert_tar(open()?, &several, BufWriter::with_capacity(1 << 18, sink)).context("the archive is broken")
}

/// Each file that hard links in a tar archive name: its number and its count of names.
fn files_with_several_names(archive: impl Read) -> Result<HashMap<Vec<u8>, (u32, u32)>> {
    let mut several = HashMap::new();
    let mut number = 0;
    for entry in tar::Archive::new(archive).entries()? {
        let entry = entry?;
        if entry.header().entry_type().is_hard_link()
            && let Some(target) = entry.link_name_bytes()
        {
            let (_, links) = several.entry(plain_name(&target)).or_insert_with(|| {
                number += 1;
                (number, 1)
            });
            *links += 1;
        }
    }
    Ok(several)
}

/// A name as the cpio archive has it: no leading `./` or `/`, no trailing `/`.
fn plain_name(name: &[u8]) -> Vec<u8> {
    let mut name = name;
    while let Some(rest) = name.strip_prefix(b"./").or_else(|| name.strip_prefix(b"/")) {
        name = rest;
    }
    while let Some(rest) = name.strip_suffix(b"/") {
        name = rest;
    }
    name.to_vec()
}

fn convert_tar(archive: impl Read, several: &HashMap<Vec<u8>, (u32, u32)>, sink: impl Write) -> Result<()> {
    use tar::EntryType;
    let mut cpio = Writer::new(sink);
    // The mode of each file with several names: the links must repeat it.
    let mut modes = HashMap::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let name = plain_name(&entry.path_bytes());
        if name.is_empty() || name == b"." {
            continue;
        }
        let header = entry.header();
        let permissions = header.mode()? & 0o7777;
        // Some archivers leave these fields empty where they mean nothing.
        let number = |field: std::io::Result<Option<u32>>| field.ok().flatten().unwrap_or(0);
        let device = (number(header.device_major()), number(header.device_minor()));
        let mut metadata = Metadata {
            uid: u32::try_from(header.uid()?)?,
            gid: u32::try_from(header.gid()?)?,
            modified: u32::try_from(header.mtime()?).unwrap_or(u32::MAX),
            inode: several.get(&name).copied(),
            ..Metadata::default()
        };
        let file_type = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => kind::FILE,
            EntryType::Directory => kind::DIRECTORY,
            EntryType::Char => kind::CHARACTER,
            EntryType::Block => kind::BLOCK,
            EntryType::Fifo => kind::FIFO,
            EntryType::Symlink => kind::SYMLINK,
            EntryType::Link => {
                let target = plain_name(&entry.link_name_bytes().context("a hard link without a target")?);
                metadata.mode = *modes.get(&target).context("a hard link before its target")?;
                metadata.inode = several.get(&target).copied();
                cpio.add(&name, metadata, &[])?;
                continue;
            }
            _ => continue,
        };
        metadata.mode = file_type | permissions;
        match file_type {
            kind::FILE => {
                if metadata.inode.is_some() {
                    modes.insert(name.clone(), metadata.mode);
                }
                let size = entry.size();
                cpio.add_from(&name, metadata, size, &mut entry)?;
            }
            kind::SYMLINK => {
                let target = entry.link_name_bytes().context("a symbolic link without a target")?.into_owned();
                cpio.add(&name, metadata, &target)?;
            }
            kind::CHARACTER | kind::BLOCK => cpio.add(&name, Metadata { device, ..metadata }, &[])?,
            _ => cpio.add(&name, metadata, &[])?,
        }
    }
    cpio.finish()?.flush()?;
    Ok(())
}

/// Refuses a folder that cannot be a root, before a machine is started for it.
pub fn check_folder(path: &Path) -> Result<()> {
    let context = || format!("--root {}", path.display());
    let mut entries = std::fs::read_dir(path).with_context(context)?;
    if entries.next().is_none() {
        bail!("{}: the folder is empty; give the folder of a Linux root file system", context());
    }
    let missing = ["proc", "dev", "tmp", "run"].into_iter().filter(|name| !path.join(name).is_dir());
    let missing: Vec<_> = missing.collect();
    if !missing.is_empty() {
        bail!(
            "{}: not a Linux root file system; it lacks {} (mkdir makes what is missing)",
            context(),
            missing.join(", ")
        );
    }
    // Every user of the guest must be able to enter it.
    if std::fs::metadata(path).with_context(context)?.mode() & 0o111 == 0 {
        bail!("{}: nobody may enter the folder; chmod 755 it", context());
    }
    Ok(())
}
