//! Path resolution (path_resolution(7)).
//!
//! [`fast`](super::fast_walk) answers from the dentry cache without locks; everything else goes through the [`Walker`] here,
//! which takes references, asks file systems and follows links.
use super::attributes::{Access, FileType};
use super::dentry::{self, Dentry, RENAMES};
use super::inode::{Inode, LinkTarget};
use super::mount::{self, MOUNT_CHANGES, mount_flag};
use super::path::Path;
use super::superblock::NegativeEntries;
use crate::error::*;
use crate::process::{Credentials, Task};
use crate::syscall::Fd;
use alloc::{sync::Arc, vec::Vec};

/// How a path is resolved.
pub mod walk_flag {
    /// Follow a link in the last place.
    pub const FOLLOW: u32 = 1;
    /// The result must be a directory.
    pub const DIRECTORY: u32 = 2;
    /// An empty path means the starting point (AT_EMPTY_PATH).
    pub const EMPTY: u32 = 4;
    /// RESOLVE_NO_XDEV: no crossing of mounts.
    pub const NO_CROSSING: u32 = 8;
    /// RESOLVE_NO_MAGICLINKS.
    pub const NO_MAGIC_LINKS: u32 = 16;
    /// RESOLVE_NO_SYMLINKS.
    pub const NO_LINKS: u32 = 32;
    /// RESOLVE_BENEATH: never above the starting point.
    pub const BENEATH: u32 = 64;
    /// RESOLVE_IN_ROOT: the starting point is the root.
    pub const IN_ROOT: u32 = 128;
    /// RESOLVE_CACHED: only what is cached.
    pub const CACHED: u32 = 256;
    /// Either of the two that confine a walk.
    pub const SCOPED: u32 = BENEATH | IN_ROOT;
}
use walk_flag as flag;

/// Most links followed in one resolution.
const MOST_LINKS: u32 = 40;

/// What the last component of a path is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Last {
    /// A name.
    Name,
    /// ".".
    Dot,
    /// "..".
    DotDot,
    /// Nothing: the path is "/" or ends at a link's target.
    Root,
}

/// The directory of a path's last component, and that component.
pub struct Parent {
    /// The directory.
    pub directory: Path,
    /// What the last component is.
    pub last: Last,
    /// Its name.
    pub name: Vec<u8>,
    /// Whether slashes follow it.
    pub trailing_slash: bool,
}

/// Splits a path at the front: the next component and what follows it (with its slashes).
pub fn next_component(path: &[u8]) -> (&[u8], &[u8]) {
    let start = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
    let path = path.get(start..).unwrap_or(&[]);
    let end = path.iter().position(|byte| *byte == b'/').unwrap_or(path.len());
    path.split_at_checked(end).unwrap_or((path, &[]))
}

/// Whether only slashes are left.
fn is_end(rest: &[u8]) -> bool {
    rest.iter().all(|byte| *byte == b'/')
}

/// One resolution under way.
pub struct Walker<'a> {
    credentials: &'a Credentials,
    root: Path,
    at: Path,
    flags: u32,
    links: u32,
    /// The path being walked; replaced when a link is followed.
    text: Vec<u8>,
    cursor: usize,
    begun: (u32, u32),
}

impl<'a> Walker<'a> {
    /// Starts at `directory` or the root, as the path says. `path` is not empty unless EMPTY is set.
    pub fn start(task: &Task, credentials: &'a Credentials, directory: Fd, path: &[u8], flags: u32) -> Result<Self> {
        let mut text = Vec::new();
        text.try_reserve_exact(path.len())?;
        text.extend_from_slice(path);
        if path.is_empty() && flags & flag::EMPTY == 0 {
            return Err(ENOENT.because("the path is empty"));
        }
        let begun = (RENAMES.begin(), MOUNT_CHANGES.begin());
        let places = task.context().places();
        let absolute = path.first() == Some(&b'/');
        let mut root = places.root.clone();
        let at = if absolute && flags & flag::SCOPED == 0 {
            root.clone()
        } else if directory == Fd::WORKING_DIRECTORY {
            places.working_directory.clone()
        } else {
            let file = task.files().get(directory)?;
            let at = file.path().clone();
            if !path.is_empty() && !file.inode().is_directory() {
                return Err(ENOTDIR.because("the starting descriptor is not a directory"));
            }
            at
        };
        if flags & flag::BENEATH != 0 && absolute {
            return Err(EXDEV.because("absolute path beneath a directory"));
        }
        if flags & flag::SCOPED != 0 {
            root = at.clone();
        }
        Ok(Walker { credentials, root, at, flags, links: 0, text, cursor: 0, begun })
    }
    /// Starts at a given place with a given root.
    pub fn from(credentials: &'a Credentials, root: Path, at: Path, path: &[u8], flags: u32) -> Result<Self> {
        let mut text = Vec::new();
        text.try_reserve_exact(path.len())?;
        text.extend_from_slice(path);
        let begun = (RENAMES.begin(), MOUNT_CHANGES.begin());
        let at = if path.first() == Some(&b'/') { root.clone() } else { at };
        Ok(Walker { credentials, root, at, flags, links: 0, text, cursor: 0, begun })
    }
    /// The directory reached.
    pub fn at(&self) -> &Path {
        &self.at
    }
    /// Who walks.
    pub fn credentials(&self) -> &'a Credentials {
        self.credentials
    }
    fn rest(&self) -> &[u8] {
        self.text.get(self.cursor..).unwrap_or(&[])
    }

    /// Walks up to the last component of the path.
    pub fn to_parent(&mut self) -> Result<Parent> {
        loop {
            let (name, rest) = next_component(self.rest());
            if name.is_empty() {
                return Ok(Parent {
                    directory: self.at.clone(),
                    last: Last::Root,
                    name: Vec::new(),
                    trailing_slash: false,
                });
            }
            self.check_search()?;
            let last = match name {
                b"." => Last::Dot,
                b".." => Last::DotDot,
                _ => Last::Name,
            };
            let ends = is_end(rest);
            if ends {
                let mut copy = Vec::new();
                copy.try_reserve_exact(name.len())?;
                copy.extend_from_slice(name);
                let trailing_slash = !rest.is_empty();
                return Ok(Parent { directory: self.at.clone(), last, name: copy, trailing_slash });
            }
            let rest_length = rest.len();
            match last {
                Last::Dot => self.cursor = self.text.len() - rest_length,
                Last::DotDot => {
                    self.cursor = self.text.len() - rest_length;
                    self.go_up()?;
                }
                _ => {
                    let child = self.child(name)?;
                    self.cursor = self.text.len() - rest_length;
                    let inode = child.inode()?;
                    if inode.kind() == FileType::SymbolicLink {
                        self.follow(&child)?;
                    } else if inode.is_directory() {
                        self.at = child;
                    } else {
                        return Err(ENOTDIR.because("a component is not a directory"));
                    }
                    if !self.at.inode()?.is_directory() {
                        return Err(ENOTDIR.because("a component is not a directory"));
                    }
                }
            }
        }
    }

    /// Walks the whole path.
    pub fn to_end(&mut self) -> Result<Path> {
        loop {
            let parent = self.to_parent()?;
            let must_be_directory = parent.trailing_slash || self.flags & flag::DIRECTORY != 0;
            let reached = match parent.last {
                Last::Root | Last::Dot => self.at.clone(),
                Last::DotDot => {
                    self.go_up()?;
                    self.at.clone()
                }
                Last::Name => {
                    let child = self.child(&parent.name)?;
                    let is_link = child.inode()?.kind() == FileType::SymbolicLink;
                    if is_link && (self.flags & flag::FOLLOW != 0 || parent.trailing_slash) {
                        self.follow_last(&child, parent.trailing_slash)?;
                        continue;
                    }
                    child
                }
            };
            if must_be_directory && !reached.inode()?.is_directory() {
                return Err(ENOTDIR.because("not a directory"));
            }
            self.check_scope(&reached)?;
            return Ok(reached);
        }
    }

    /// A walk confined to a directory must end within it, whatever was moved meanwhile.
    pub fn check_scope(&self, reached: &Path) -> Result<()> {
        if self.flags & flag::SCOPED == 0 {
            return Ok(());
        }
        let mut path = reached.clone();
        loop {
            if Arc::ptr_eq(&path.mount, &self.root.mount) && path.dentry.is_below(&self.root.dentry) {
                return Ok(());
            }
            match path.mount.place_counted() {
                Some(place) => path = place,
                None => return Err(EXDEV.because("left the directory it was confined to")),
            }
        }
    }

    /// Follows a link in the last place, keeping what is asked of its target (a trailing slash).
    pub fn follow_last(&mut self, link: &Path, trailing_slash: bool) -> Result<()> {
        if !may_follow(self.credentials, self.at.inode()?, link.inode()?) {
            return Err(EACCES.because("a link of somebody else in a sticky directory"));
        }
        self.cursor = self.text.len() - usize::from(trailing_slash && self.text.last() == Some(&b'/'));
        self.follow(link)
    }

    /// Goes on at a link's target: its text takes the place of what was walked.
    fn follow(&mut self, link: &Path) -> Result<()> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(ELOOP.because("more than 40 links"));
        }
        if self.flags & flag::NO_LINKS != 0 || link.mount.flags() & mount_flag::NO_LINKS != 0 {
            return Err(ELOOP.because("links are not followed here"));
        }
        let inode = link.inode()?;
        link.touch_accessed();
        if self.flags & flag::CACHED != 0 && inode.operations().link_in_memory().is_none() {
            return Err(EAGAIN);
        }
        match inode.operations().follow_link(inode)? {
            LinkTarget::Text(mut text) => {
                if text.first() == Some(&b'/') {
                    if self.flags & flag::BENEATH != 0 {
                        return Err(EXDEV.because("absolute link beneath a directory"));
                    }
                    self.jump(self.root.clone())?;
                }
                let rest = self.rest();
                if !rest.is_empty() {
                    text.try_reserve_exact(rest.len())?;
                    text.extend_from_slice(rest);
                }
                self.text = text;
                self.cursor = 0;
            }
            LinkTarget::Jump(target) => {
                if self.flags & flag::NO_MAGIC_LINKS != 0 {
                    return Err(ELOOP.because("magic links are not followed here"));
                }
                if self.flags & flag::SCOPED != 0 {
                    return Err(EXDEV.because("magic link in a confined walk"));
                }
                self.jump(target)?;
            }
        }
        Ok(())
    }
    fn jump(&mut self, target: Path) -> Result<()> {
        if self.flags & flag::NO_CROSSING != 0 && !Arc::ptr_eq(&target.mount, &self.at.mount) {
            return Err(EXDEV.because("a link leads to another mount"));
        }
        self.at = target;
        Ok(())
    }

    fn check_search(&self) -> Result<()> {
        let inode = self.at.inode()?;
        if !inode.is_directory() {
            return Err(ENOTDIR);
        }
        inode.operations().permission(inode, self.credentials, Access::EXECUTE)
    }

    /// Goes to the parent directory, across mounts, never above the root.
    pub fn go_up(&mut self) -> Result<()> {
        loop {
            if self.at == self.root {
                if self.flags & flag::BENEATH != 0 {
                    return Err(EXDEV.because("\"..\" beneath a directory"));
                }
                break;
            }
            if Arc::ptr_eq(&self.at.dentry, self.at.mount.root()) {
                let Some(place) = self.at.mount.place_counted() else { break };
                if self.flags & flag::NO_CROSSING != 0 {
                    return Err(EXDEV.because("\"..\" leads to another mount"));
                }
                self.at = place;
                continue;
            }
            let Some(parent) = self.at.dentry.parent() else { break };
            self.at.dentry = parent;
            break;
        }
        while let Some(top) = mount::top_mount(&self.at) {
            if self.flags & flag::NO_CROSSING != 0 {
                return Err(EXDEV.because("\"..\" leads to another mount"));
            }
            self.at = top;
        }
        let (renames, mounts) = self.begun;
        if self.flags & flag::SCOPED != 0 && !(RENAMES.is_current(renames) && MOUNT_CHANGES.is_current(mounts)) {
            return Err(EAGAIN.because("something was moved during a confined walk"));
        }
        Ok(())
    }

    /// The child of that name (possibly missing) with everything mounted on it.
    pub fn child(&self, name: &[u8]) -> Result<Path> {
        let dentry = self.child_dentry(name)?;
        let mut path = Path { mount: self.at.mount.clone(), dentry };
        while let Some(top) = mount::top_mount(&path) {
            if self.flags & flag::NO_CROSSING != 0 {
                return Err(EXDEV.because("the path crosses a mount"));
            }
            path = top;
        }
        Ok(path)
    }
    fn child_dentry(&self, name: &[u8]) -> Result<Arc<Dentry>> {
        if let Some(dentry) = dentry::lookup_counted(&self.at.dentry, name)
            && dentry.is_fresh()
        {
            return Ok(dentry);
        }
        if self.flags & flag::CACHED != 0 {
            return Err(EAGAIN.because("not cached"));
        }
        let directory = self.at.inode()?;
        let _guard = directory.lock.read();
        lookup_locked(directory, &self.at.dentry, name)
    }
}

/// Whether a link in the last place is followed: in sticky directories that everybody may write only one's own and those of
/// the directory's owner are (fs.protected_symlinks).
pub fn may_follow(credentials: &Credentials, directory: &Inode, link: &Inode) -> bool {
    const SHARED: u32 = super::attributes::STICKY | 0o002;
    directory.mode() & SHARED != SHARED
        || link.user() == credentials.file_system_user
        || link.user() == directory.user()
}

/// The child of a locked directory (at least shared), from the cache or the file system. Possibly missing.
pub fn lookup_locked(directory: &Arc<Inode>, parent: &Arc<Dentry>, name: &[u8]) -> Result<Arc<Dentry>> {
    let superblock = directory.superblock();
    if name.len() > superblock.options().longest_name as usize {
        return Err(ENAMETOOLONG);
    }
    if let Some(dentry) = dentry::lookup_counted(parent, name) {
        if dentry.is_fresh() {
            return Ok(dentry);
        }
        let holds = match dentry.inode() {
            Some(child) => directory.operations().revalidate(directory, name, child)?,
            None => false,
        };
        if holds || dentry.is_mount_point() {
            return Ok(dentry);
        }
        dentry::remove(&dentry, false);
    }
    match directory.operations().lookup(directory, name) {
        Ok(inode) => dentry::add(parent, name, Some(inode)),
        Err(ENOENT) if directory.is_dead() || superblock.options().negative == NegativeEntries::Never => {
            dentry::missing_uncached(parent, name)
        }
        Err(ENOENT) => dentry::add(parent, name, None),
        Err(error) => Err(error),
    }
}

/// Resolves a path to an existing place.
pub fn resolve(task: &Task, directory: Fd, path: &[u8], flags: u32) -> Result<Path> {
    if let Some(result) = super::fast_walk::resolve(task, directory, path, flags) {
        return result;
    }
    resolve_slowly(task, directory, path, flags)
}

#[cold]
fn resolve_slowly(task: &Task, directory: Fd, path: &[u8], flags: u32) -> Result<Path> {
    let credentials = task.credentials();
    Walker::start(task, &credentials, directory, path, flags)?.to_end()
}

/// Resolves all but the last component of a path.
pub fn resolve_parent(task: &Task, directory: Fd, path: &[u8]) -> Result<Parent> {
    let credentials = task.credentials();
    Walker::start(task, &credentials, directory, path, 0)?.to_parent()
}

/// Resolves an absolute path from the root of the initial namespace, with all privileges (for the kernel itself).
pub fn resolve_in_kernel(path: &[u8], flags: u32) -> Result<Path> {
    let root = mount::initial_namespace().ok_or(ENOENT)?.root_path();
    let credentials = Credentials::kernel();
    Walker::from(&credentials, root.clone(), root, path, flags)?.to_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_split_at_slashes() {
        assert_eq!(next_component(b"a/b"), (&b"a"[..], &b"/b"[..]));
        assert_eq!(next_component(b"///a"), (&b"a"[..], &b""[..]));
        assert_eq!(next_component(b"a//"), (&b"a"[..], &b"//"[..]));
        assert_eq!(next_component(b"/"), (&b""[..], &b""[..]));
        assert_eq!(next_component(b""), (&b""[..], &b""[..]));
        assert!(is_end(b"//") && is_end(b"") && !is_end(b"/x"));
    }
}
