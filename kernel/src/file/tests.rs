//! The name space as a whole, on the host: caches, walks, tmpfs, mounts.
use super::attributes::*;
use super::mount::{self, Mount, MountNamespace};
use super::path::Path;
use super::tmpfs::{Options, Tmpfs};
use super::walk::{Walker, lookup_locked, walk_flag};
use super::{anonymous, dentry};
use crate::error::*;
use crate::process::Credentials;
use crate::process::namespace::{Identity, first};
use alloc::sync::Arc;

fn namespace() -> Arc<MountNamespace> {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        dentry::initialize().expect("memory");
        anonymous::initialize().expect("memory");
    });
    let options = Options { mode: Some(0o755), size: Some(1 << 20), inode_limit: Some(1000), ..Options::default() };
    let superblock = Tmpfs::create("tmpfs", options).expect("memory");
    let root = super::Dentry::root(superblock.root().expect("root"), b"/").expect("memory");
    let identity = Identity::first(first::MOUNT).expect("memory");
    MountNamespace::new(Mount::new(root, b"none", 0).expect("memory"), identity).expect("memory")
}

fn make(root: &Path, path: &[u8], mode: u32, target: Option<&[u8]>) -> Result<Arc<super::Inode>> {
    let credentials = Credentials::kernel();
    let parent = Walker::from(&credentials, root.clone(), root.clone(), path, 0)?.to_parent()?;
    let directory = parent.directory.inode()?;
    let _guard = directory.lock.write();
    if lookup_locked(directory, &parent.directory.dentry, &parent.name)?.inode().is_some() {
        return Err(EEXIST);
    }
    let new = NewInode { mode, user: 0, group: 0, device: DeviceNumber::default() };
    let inode = match target {
        Some(target) => directory.operations().create_link(directory, &parent.name, target, &new)?,
        None => directory.operations().create(directory, &parent.name, &new)?,
    };
    dentry::publish(&parent.directory.dentry, &parent.name, Some(inode.clone()))?;
    Ok(inode)
}
fn directory(root: &Path, path: &[u8]) -> Arc<super::Inode> {
    make(root, path, FileType::Directory as u32 | 0o755, None).expect("made")
}
fn file(root: &Path, path: &[u8]) -> Arc<super::Inode> {
    make(root, path, FileType::Regular as u32 | 0o644, None).expect("made")
}
fn link(root: &Path, path: &[u8], target: &[u8]) {
    make(root, path, FileType::SymbolicLink as u32 | 0o777, Some(target)).expect("made");
}
fn walk(root: &Path, path: &[u8], flags: u32) -> Result<Path> {
    let credentials = Credentials::kernel();
    Walker::from(&credentials, root.clone(), root.clone(), path, flags)?.to_end()
}
fn shown(root: &Path, path: &[u8]) -> String {
    let place = walk(root, path, walk_flag::FOLLOW).expect("there");
    String::from_utf8(place.to_bytes(root).expect("memory")).expect("text")
}

#[test]
fn names_are_found_and_missed() {
    let root = namespace().root_path();
    directory(&root, b"/a");
    directory(&root, b"/a/b");
    let inode = file(&root, b"/a/b/c");
    assert!(Arc::ptr_eq(walk(&root, b"a//b/./../b/c", 0).expect("there").inode().expect("inode"), &inode));
    assert_eq!(walk(&root, b"/a/x", 0).err(), Some(ENOENT));
    assert_eq!(walk(&root, b"/a/x/y", 0).err(), Some(ENOENT));
    assert_eq!(walk(&root, b"/a/b/c/d", 0).err(), Some(ENOTDIR));
    assert_eq!(walk(&root, b"/a/b/c/", 0).err(), Some(ENOTDIR));
    assert_eq!(walk(&root, b"/a/b/c/..", 0).err(), Some(ENOTDIR));
    assert_eq!(walk(&root, &[b'n'; 256], 0).err(), Some(ENAMETOOLONG));
    assert_eq!(shown(&root, b"/a/b/c"), "/a/b/c");
    assert_eq!(shown(&root, b"/../.."), "/");
}

#[test]
fn links_are_followed_as_asked() {
    let root = namespace().root_path();
    directory(&root, b"/d");
    file(&root, b"/d/f");
    link(&root, b"/l", b"d/f");
    link(&root, b"/d/up", b"../d");
    link(&root, b"/abs", b"/d/up/");
    link(&root, b"/x", b"y");
    link(&root, b"/y", b"x");
    assert_eq!(shown(&root, b"/l"), "/d/f");
    assert_eq!(shown(&root, b"/abs/up/f"), "/d/f");
    assert_eq!(walk(&root, b"/l", 0).expect("link").inode().expect("inode").kind(), FileType::SymbolicLink);
    assert_eq!(walk(&root, b"/l/", 0).err(), Some(ENOTDIR));
    assert!(walk(&root, b"/abs/", 0).expect("there").inode().expect("inode").is_directory());
    assert_eq!(walk(&root, b"/x", walk_flag::FOLLOW).err(), Some(ELOOP));
    assert_eq!(walk(&root, b"/l", walk_flag::FOLLOW | walk_flag::NO_LINKS).err(), Some(ELOOP));
}

#[test]
fn renames_show_in_paths_and_lookups() {
    let root = namespace().root_path();
    directory(&root, b"/from");
    directory(&root, b"/to");
    directory(&root, b"/from/m");
    file(&root, b"/from/m/f");
    let kept = walk(&root, b"/from/m/f", 0).expect("there");
    let (from, to) = (walk(&root, b"/from", 0).expect("there"), walk(&root, b"/to", 0).expect("there"));
    let moved = walk(&root, b"/from/m", 0).expect("there");
    let request = super::inode::RenameRequest {
        from: from.inode().expect("inode"),
        from_name: b"m",
        inode: moved.inode().expect("inode"),
        to: to.inode().expect("inode"),
        to_name: b"n",
        replaced: None,
        exchange: false,
        whiteout: false,
    };
    request.from.operations().rename(&request).expect("renamed");
    dentry::rename(&moved.dentry, &to.dentry, b"n", None, false).expect("memory");
    assert_eq!(String::from_utf8(kept.to_bytes(&root).expect("memory")).expect("text"), "/to/n/f");
    assert_eq!(walk(&root, b"/from/m", 0).err(), Some(ENOENT));
    assert_eq!(shown(&root, b"/to/n/f"), "/to/n/f");
    assert_eq!(request.to.links(), 3);
    assert_eq!(request.from.links(), 2);
}

#[test]
fn mounts_cover_and_uncover() {
    let namespace = namespace();
    let root = namespace.root_path();
    directory(&root, b"/mnt");
    file(&root, b"/mnt/below");
    let superblock = Tmpfs::create("tmpfs", Options { size: Some(4096), inode_limit: Some(9), ..Options::default() })
        .expect("memory");
    let mounted_root = super::Dentry::root(superblock.root().expect("root"), b"/").expect("memory");
    let mounted = Mount::new(mounted_root, b"tmpfs", 0).expect("memory");
    let place = walk(&root, b"/mnt", 0).expect("there");
    namespace.attach(&mounted, &place).expect("memory");
    assert_eq!(walk(&root, b"/mnt/below", 0).err(), Some(ENOENT));
    file(&root, b"/mnt/above");
    assert_eq!(shown(&root, b"/mnt/above"), "/mnt/above");
    assert_eq!(shown(&root, b"/mnt/.."), "/");
    assert_eq!(walk(&root, b"/mnt/above", walk_flag::NO_CROSSING).err(), Some(EXDEV));
    assert_eq!(namespace.mounts().expect("memory").len(), 2);
    namespace.detach(&mounted).expect("mounted");
    assert_eq!(walk(&root, b"/mnt/above", 0).err(), Some(ENOENT));
    assert!(walk(&root, b"/mnt/below", 0).is_ok());
}

#[test]
fn confined_walks_stay_inside() {
    let root = namespace().root_path();
    directory(&root, b"/box");
    file(&root, b"/box/f");
    file(&root, b"/f");
    link(&root, b"/box/out", b"../f");
    link(&root, b"/box/abs", b"/f");
    let inside = walk(&root, b"/box", 0).expect("there");
    let credentials = Credentials::kernel();
    let confined = |path: &[u8], flags| {
        Walker::from(&credentials, inside.clone(), inside.clone(), path, flags | walk_flag::FOLLOW)?.to_end()
    };
    assert!(confined(b"f", walk_flag::BENEATH).is_ok());
    assert_eq!(confined(b"../f", walk_flag::BENEATH).err(), Some(EXDEV));
    assert_eq!(confined(b"out", walk_flag::BENEATH).err(), Some(EXDEV));
    assert_eq!(confined(b"abs", walk_flag::BENEATH).err(), Some(EXDEV));
    assert!(confined(b"../../f", walk_flag::IN_ROOT).is_ok());
    assert!(confined(b"abs", walk_flag::IN_ROOT).is_ok());
}

#[test]
fn deep_trees_go_away_without_deep_stacks() {
    let namespace = namespace();
    let root = namespace.root_path();
    let mut at = root.clone();
    for _ in 0..900 {
        directory(&at, b"d");
        at = walk(&at, b"d", 0).expect("there");
    }
    assert_eq!(at.to_bytes(&root).expect("memory").len(), 1800);
    drop((at, root));
    let _ = mount::tree(&namespace.root_mount());
    drop(namespace);
}
