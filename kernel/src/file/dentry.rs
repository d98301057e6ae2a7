//! Dentries (names in directories) and their cache.
//!
//! A dentry never changes from missing to existing or back: making or removing a file puts another dentry in its place. Only
//! its place (parent and name) changes, by rename. So a reader needs no lock and no count: it finds dentries in buckets that
//! are replaced whole, and everything it sees was true at some moment of its walk.
use super::inode::Inode;
use super::superblock::Superblock;
use crate::error::*;
use crate::sync::{Mutex, Once, RcuCell, RcuGuard, SequenceCount, SpinLock, rank};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
use machine::memory::{try_arc, try_box};

/// Where a dentry is.
pub struct Place {
    /// The directory; `None` for roots and anonymous files.
    pub parent: Option<Arc<Dentry>>,
    /// The name in it.
    pub name: Box<[u8]>,
}

/// Something is mounted here, in some namespace.
const MOUNTED: u32 = 1;
/// The name was removed.
const DELETED: u32 = 2;
/// Dropped from the cache while nobody used it.
const EVICTED: u32 = 4;
/// Used since the last look of the eviction.
const REFERENCED: u32 = 8;

/// A name in a directory, existing or known to be missing.
pub struct Dentry {
    inode: Option<Arc<Inode>>,
    superblock: Arc<Superblock>,
    place: RcuCell<Place>,
    flags: AtomicU32,
    /// For missing names: monotonic milliseconds until which that is believed, 0 for ever.
    expires: AtomicU32,
}

/// Bumped around every rename: path printing and scoped walks retry.
pub static RENAMES: SequenceCount = SequenceCount::new();
/// Serializes the writers of `RENAMES`.
static RENAME_LOCK: SpinLock<()> = SpinLock::new(rank::DENTRY, ());

fn milliseconds() -> u32 {
    ((machine::time::monotonic() / 1_000_000) as u32).max(1)
}

impl Dentry {
    fn new(
        inode: Option<Arc<Inode>>,
        superblock: Arc<Superblock>,
        parent: Option<Arc<Dentry>>,
        name: &[u8],
    ) -> Result<Arc<Dentry>> {
        let place = try_arc(Place { parent, name: copy_name(name)? })?;
        Ok(try_arc(Dentry {
            inode,
            superblock,
            place: RcuCell::new(place),
            flags: AtomicU32::new(0),
            expires: AtomicU32::new(0),
        })?)
    }
    /// A dentry without a parent: the root of a file system, or an anonymous file with the name that /proc/PID/fd shows.
    pub fn root(inode: Arc<Inode>, name: &[u8]) -> Result<Arc<Dentry>> {
        let superblock = inode.superblock().clone();
        Self::new(Some(inode), superblock, None, name)
    }
    /// A file without a name in `parent` (O_TMPFILE): shown as `/#NUMBER (deleted)`.
    pub fn unnamed(parent: &Arc<Dentry>, inode: Arc<Inode>, name: &[u8]) -> Result<Arc<Dentry>> {
        let superblock = inode.superblock().clone();
        let dentry = Self::new(Some(inode), superblock, Some(parent.clone()), name)?;
        dentry.flags.fetch_or(DELETED, Ordering::Relaxed);
        Ok(dentry)
    }
    /// The inode, `None` for a name that is missing.
    #[inline(always)]
    pub fn inode(&self) -> Option<&Arc<Inode>> {
        self.inode.as_ref()
    }
    /// The file system it belongs to.
    pub fn superblock(&self) -> &Arc<Superblock> {
        &self.superblock
    }
    /// Parent and name, for as long as the guard lives.
    #[inline(always)]
    pub fn place<'a>(&'a self, guard: &'a RcuGuard) -> &'a Place {
        self.place.read(guard)
    }
    /// The parent; `None` for roots.
    pub fn parent(&self) -> Option<Arc<Dentry>> {
        self.place(&RcuGuard::new()).parent.clone()
    }
    /// A copy of the name.
    pub fn name_bytes(&self) -> Result<Vec<u8>> {
        let place = self.place.get();
        let mut name = Vec::new();
        name.try_reserve_exact(place.name.len())?;
        name.extend_from_slice(&place.name);
        Ok(name)
    }
    /// Whether the name was removed.
    pub fn is_deleted(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & DELETED != 0
    }
    /// Whether something may be mounted here.
    #[inline(always)]
    pub fn is_mount_point(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & MOUNTED != 0
    }
    /// Notes that something is mounted here (never taken back while the dentry lives: the mounts decide).
    pub fn set_mount_point(&self) {
        self.flags.fetch_or(MOUNTED, Ordering::SeqCst);
    }
    /// Whether a walk that took a reference without locks must start over.
    #[inline(always)]
    pub fn is_evicted(&self) -> bool {
        fence(Ordering::SeqCst);
        self.flags.load(Ordering::Relaxed) & EVICTED != 0
    }
    /// Whether what is cached may be used without asking the file system (no sleep).
    #[inline(always)]
    pub fn is_fresh(&self) -> bool {
        let options = self.superblock.options();
        match &self.inode {
            Some(inode) => !options.revalidates || inode.operations().is_fresh(inode),
            None => {
                let expires = self.expires.load(Ordering::Relaxed);
                expires == 0 || (expires.wrapping_sub(milliseconds()) as i32) > 0
            }
        }
    }
    /// Notes use, for the eviction.
    #[inline(always)]
    fn touch(&self) {
        if self.flags.load(Ordering::Relaxed) & REFERENCED == 0 {
            self.flags.fetch_or(REFERENCED, Ordering::Relaxed);
        }
    }
    /// Whether `ancestor` is this dentry or above it in the same file system.
    pub fn is_below(&self, ancestor: &Arc<Dentry>) -> bool {
        let guard = RcuGuard::new();
        let mut at = self;
        loop {
            if core::ptr::eq(at, &**ancestor) {
                return true;
            }
            match &at.place(&guard).parent {
                Some(parent) => at = parent,
                None => return false,
            }
        }
    }
    fn take_parent(&mut self) -> Option<Arc<Dentry>> {
        Arc::get_mut(self.place.get_mut()).and_then(|place| place.parent.take())
    }
}

impl Drop for Dentry {
    /// Drops the chain of parents that only this dentry kept alive step by step: it may be longer than the stack is deep.
    fn drop(&mut self) {
        let mut next = self.take_parent();
        while let Some(mut parent) = next.and_then(Arc::into_inner) {
            next = parent.take_parent();
        }
    }
}

fn copy_name(name: &[u8]) -> Result<Box<[u8]>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(name.len())?;
    copy.extend_from_slice(name);
    Ok(copy.into_boxed_slice())
}

struct Entry {
    hash: u64,
    dentry: Arc<Dentry>,
}
#[derive(Default)]
struct Entries(Vec<Entry>);
impl Entries {
    fn find<'a>(
        &'a self,
        guard: &'a RcuGuard,
        hash: u64,
        parent: &Arc<Dentry>,
        name: &[u8],
    ) -> Option<&'a Arc<Dentry>> {
        for entry in &self.0 {
            if entry.hash != hash {
                continue;
            }
            let place = entry.dentry.place(guard);
            if place.parent.as_ref().is_some_and(|other| Arc::ptr_eq(other, parent)) && *place.name == *name {
                return Some(&entry.dentry);
            }
        }
        None
    }
    /// The same entries without those of `without` (by identity) and with `with`.
    fn changed(&self, without: &[&Arc<Dentry>], with: Option<Entry>) -> Result<Arc<Entries>> {
        let mut entries = Vec::new();
        entries.try_reserve_exact(self.0.len() + usize::from(with.is_some()))?;
        entries.extend(
            self.0
                .iter()
                .filter(|entry| !without.iter().any(|gone| Arc::ptr_eq(gone, &entry.dentry)))
                .map(|entry| Entry { hash: entry.hash, dentry: entry.dentry.clone() }),
        );
        entries.extend(with);
        Ok(try_arc(Entries(entries))?)
    }
}

const BUCKETS: usize = 8192;
/// Buckets that are looked at when there are too many names.
const EVICTED_AT_ONCE: usize = 64;
const STRIPES: usize = 64;

struct Cache {
    buckets: Box<[RcuCell<Entries>]>,
    /// Writers of the buckets whose index is the stripe's modulo `STRIPES`.
    stripes: [Mutex<()>; STRIPES],
    key: u64,
    count: AtomicUsize,
    limit: usize,
    hand: AtomicUsize,
}
static CACHE: Once<Box<Cache>> = Once::new();

/// Makes the cache; called once, before the first mount.
pub fn initialize() -> Result<()> {
    let empty = try_arc(Entries::default())?;
    let mut buckets = Vec::new();
    buckets.try_reserve_exact(BUCKETS)?;
    buckets.extend((0..BUCKETS).map(|_| RcuCell::new(empty.clone())));
    let cache = Cache {
        buckets: buckets.into_boxed_slice(),
        stripes: [const { Mutex::new(rank::DENTRY_CACHE, ()) }; STRIPES],
        key: crate::random::word(),
        count: AtomicUsize::new(0),
        limit: (machine::memory::statistics().total / 4).clamp(2048, 1 << 18),
        hand: AtomicUsize::new(0),
    };
    let _ = CACHE.set(try_box(cache)?);
    Ok(())
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
fn fold(value: u64) -> u64 {
    let product = u128::from(value) * u128::from(MULTIPLIER);
    product as u64 ^ (product >> 64) as u64
}
/// Hashes a name, from a key that nobody outside knows.
fn hash_from(key: u64, name: &[u8]) -> u64 {
    let (words, rest) = name.as_chunks::<8>();
    let hash = words.iter().fold(key, |hash, word| fold(hash ^ u64::from_le_bytes(*word)));
    let tail = rest.iter().fold(name.len() as u64, |tail, byte| tail << 8 | u64::from(*byte));
    fold(hash ^ tail)
}
/// Hashes a name under a parent.
fn hash_name(key: u64, parent: &Arc<Dentry>, name: &[u8]) -> u64 {
    hash_from(key ^ Arc::as_ptr(parent).addr() as u64, name)
}
/// The hash of a name, for those who keep names themselves.
pub fn hash_of(name: &[u8]) -> u64 {
    hash_from(CACHE.get().map_or(0, |cache| cache.key), name)
}

impl Cache {
    fn get() -> Result<&'static Cache> {
        CACHE.get().map(|cache| &**cache).ok_or(ENOMEM)
    }
    fn bucket(&self, hash: u64) -> &RcuCell<Entries> {
        &self.buckets[hash as usize % BUCKETS]
    }
    fn stripe(&self, hash: u64) -> &Mutex<()> {
        &self.stripes[hash as usize % STRIPES]
    }
    /// Keeps the number of dentries bounded: looks at a few buckets and drops what nobody has used since the last look.
    #[cold]
    fn evict(&self) {
        for _ in 0..EVICTED_AT_ONCE {
            let index = self.hand.fetch_add(1, Ordering::Relaxed) % BUCKETS;
            let Some(_guard) = self.stripe(index as u64).try_lock() else { continue };
            let Some(bucket) = self.buckets.get(index) else { return };
            let entries = bucket.get();
            let mut gone = Vec::new();
            for Entry { dentry, .. } in &entries.0 {
                let before = dentry.flags.fetch_and(!REFERENCED, Ordering::Relaxed);
                if before & (REFERENCED | MOUNTED) != 0 || Arc::strong_count(dentry) != 1 {
                    continue;
                }
                dentry.flags.fetch_or(EVICTED, Ordering::SeqCst);
                fence(Ordering::SeqCst);
                // Whoever took a reference meanwhile either sees the flag and walks again, or is seen here.
                if Arc::strong_count(dentry) != 1 || dentry.is_mount_point() || gone.try_reserve(1).is_err() {
                    dentry.flags.fetch_and(!EVICTED, Ordering::SeqCst);
                } else {
                    gone.push(dentry);
                }
            }
            if !gone.is_empty() {
                match entries.changed(&gone, None) {
                    Ok(left) => {
                        self.count.fetch_sub(gone.len(), Ordering::Relaxed);
                        bucket.replace(left);
                    }
                    Err(_) => {
                        for dentry in gone {
                            dentry.flags.fetch_and(!EVICTED, Ordering::SeqCst);
                        }
                        return;
                    }
                }
            }
        }
    }
    fn note_insertion(&self) {
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.limit {
            self.evict();
        }
    }
}

/// Forgets the names that nobody uses (drop_caches).
pub fn forget_unused() {
    /// The first look only notes which are used; a parent goes after its last child.
    const LOOKS: usize = 6;
    let Some(cache) = CACHE.get() else { return };
    for _ in 0..LOOKS * BUCKETS.div_ceil(EVICTED_AT_ONCE) {
        cache.evict();
    }
}

/// The cached dentry of a name, borrowed without counting.
#[inline]
pub fn lookup<'a>(guard: &'a RcuGuard, parent: &Arc<Dentry>, name: &[u8]) -> Option<&'a Arc<Dentry>> {
    let cache = CACHE.get()?;
    let hash = hash_name(cache.key, parent, name);
    let entries: &'a Arc<Entries> = cache.bucket(hash).read(guard);
    let found = entries.find(guard, hash, parent, name)?;
    found.touch();
    Some(found)
}

/// The cached dentry of a name, counted.
pub fn lookup_counted(parent: &Arc<Dentry>, name: &[u8]) -> Option<Arc<Dentry>> {
    loop {
        let found = lookup(&RcuGuard::new(), parent, name)?.clone();
        if !found.is_evicted() {
            return Some(found);
        }
        // Its bucket is about to be replaced under the stripe's lock.
        let cache = CACHE.get()?;
        drop(cache.stripe(hash_name(cache.key, parent, name)).lock());
    }
}

/// Remembers what a lookup found (`None`: the name is missing). If somebody else was faster, theirs is returned. The
/// directory is locked, at least shared.
pub fn add(parent: &Arc<Dentry>, name: &[u8], inode: Option<Arc<Inode>>) -> Result<Arc<Dentry>> {
    let cache = Cache::get()?;
    let hash = hash_name(cache.key, parent, name);
    let dentry = make(parent, name, inode)?;
    {
        let _writer = cache.stripe(hash).lock();
        let bucket = cache.bucket(hash);
        let entries = bucket.get();
        let guard = RcuGuard::new();
        if let Some(found) = entries.find(&guard, hash, parent, name) {
            let found = found.clone();
            drop(guard);
            return Ok(found);
        }
        drop(guard);
        bucket.replace(entries.changed(&[], Some(Entry { hash, dentry: dentry.clone() }))?);
    }
    cache.note_insertion();
    Ok(dentry)
}

fn make(parent: &Arc<Dentry>, name: &[u8], inode: Option<Arc<Inode>>) -> Result<Arc<Dentry>> {
    use super::superblock::NegativeEntries;
    let superblock = parent.superblock().clone();
    let lifetime = match (&inode, superblock.options().negative) {
        (None, NegativeEntries::For(nanoseconds)) => Some(nanoseconds / 1_000_000),
        (None, NegativeEntries::Never) => Some(0),
        _ => None,
    };
    let dentry = Dentry::new(inode, superblock, Some(parent.clone()), name)?;
    if let Some(lifetime) = lifetime {
        dentry.expires.store(milliseconds().wrapping_add(lifetime as u32).max(1), Ordering::Relaxed);
    }
    Ok(dentry)
}

/// A dentry for a missing name that is not cached at all.
pub fn missing_uncached(parent: &Arc<Dentry>, name: &[u8]) -> Result<Arc<Dentry>> {
    make(parent, name, None)
}

/// Puts a new dentry in the place of whatever was cached for the name (an entry was made). The directory is locked exclusively.
pub fn publish(parent: &Arc<Dentry>, name: &[u8], inode: Option<Arc<Inode>>) -> Result<Arc<Dentry>> {
    let cache = Cache::get()?;
    let hash = hash_name(cache.key, parent, name);
    let dentry = make(parent, name, inode)?;
    {
        let _writer = cache.stripe(hash).lock();
        let bucket = cache.bucket(hash);
        let entries = bucket.get();
        let old = entries.find(&RcuGuard::new(), hash, parent, name).cloned();
        let entry = Entry { hash, dentry: dentry.clone() };
        match &old {
            Some(old) => bucket.replace(entries.changed(&[old], Some(entry))?),
            None => bucket.replace(entries.changed(&[], Some(entry))?),
        }
        if old.is_some() {
            return Ok(dentry);
        }
    }
    cache.note_insertion();
    Ok(dentry)
}

/// Takes a dentry out of the cache: its name was removed (`deleted`), or what is cached no longer holds.
pub fn remove(dentry: &Arc<Dentry>, deleted: bool) {
    if deleted {
        dentry.flags.fetch_or(DELETED, Ordering::SeqCst);
    }
    let Ok(cache) = Cache::get() else { return };
    let place = dentry.place.get();
    let Some(parent) = &place.parent else { return };
    let hash = hash_name(cache.key, parent, &place.name);
    let _writer = cache.stripe(hash).lock();
    let bucket = cache.bucket(hash);
    let entries = bucket.get();
    if entries.0.iter().any(|entry| Arc::ptr_eq(&entry.dentry, dentry)) {
        // Without memory an empty bucket does: the cache may forget.
        match entries.changed(&[dentry], None) {
            Ok(left) => bucket.replace(left),
            Err(_) => return,
        }
        cache.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Forgets every name of a file system that is mounted nowhere any more.
pub fn purge(superblock: &Arc<Superblock>) {
    let Ok(cache) = Cache::get() else { return };
    for (index, bucket) in cache.buckets.iter().enumerate() {
        let concerned =
            |entries: &Entries| entries.0.iter().any(|entry| Arc::ptr_eq(&entry.dentry.superblock, superblock));
        if !concerned(bucket.read(&RcuGuard::new())) {
            continue;
        }
        let _writer = cache.stripe(index as u64).lock();
        let entries = bucket.get();
        let mut gone = Vec::new();
        if gone.try_reserve_exact(entries.0.len()).is_err() {
            continue;
        }
        gone.extend(
            entries.0.iter().map(|entry| &entry.dentry).filter(|dentry| Arc::ptr_eq(&dentry.superblock, superblock)),
        );
        if let Ok(left) = entries.changed(&gone, None) {
            cache.count.fetch_sub(gone.len(), Ordering::Relaxed);
            bucket.replace(left);
        }
    }
}

/// Moves `dentry` to another place; what was there is taken out, or put where `dentry` was (`exchange`). Both directories are
/// locked exclusively and the file system's rename lock is held for moves between directories.
pub fn rename(
    dentry: &Arc<Dentry>,
    parent: &Arc<Dentry>,
    name: &[u8],
    target: Option<&Arc<Dentry>>,
    exchange: bool,
) -> Result<()> {
    let cache = Cache::get()?;
    let old_place = dentry.place.get();
    let old_parent = old_place.parent.as_ref().ok_or(EBUSY)?;
    let old_hash = hash_name(cache.key, old_parent, &old_place.name);
    let new_hash = hash_name(cache.key, parent, name);
    let new_place = try_arc(Place { parent: Some(parent.clone()), name: copy_name(name)? })?;
    let other_place = try_arc(Place { parent: Some(old_parent.clone()), name: copy_name(&old_place.name)? })?;
    let (first, second) = (old_hash as usize % STRIPES, new_hash as usize % STRIPES);
    let _first = cache.stripe(first.min(second) as u64).lock();
    let _second = (first != second).then(|| cache.stripe(first.max(second) as u64).lock());
    let (old_bucket, new_bucket) = (cache.bucket(old_hash), cache.bucket(new_hash));
    let (old_entries, new_entries) = (old_bucket.get(), new_bucket.get());
    let mut leaving: Vec<&Arc<Dentry>> = Vec::new();
    leaving.try_reserve_exact(3)?;
    leaving.push(dentry);
    leaving.extend(target);
    let stale = new_entries.find(&RcuGuard::new(), new_hash, parent, name).cloned();
    leaving.extend(stale.as_ref());
    let moved = Entry { hash: new_hash, dentry: dentry.clone() };
    let back = target.filter(|_| exchange).map(|target| Entry { hash: old_hash, dentry: target.clone() });
    // The new name must never be missing, so its bucket is published before the old one.
    let same = core::ptr::eq(old_bucket, new_bucket);
    let (new_left, old_left) = if same {
        let mut both = Vec::new();
        both.try_reserve_exact(new_entries.0.len() + 2)?;
        let left = new_entries.0.iter().filter(|entry| !leaving.iter().any(|gone| Arc::ptr_eq(gone, &entry.dentry)));
        both.extend(left.map(|entry| Entry { hash: entry.hash, dentry: entry.dentry.clone() }));
        both.push(moved);
        both.extend(back);
        (try_arc(Entries(both))?, None)
    } else {
        (new_entries.changed(&leaving, Some(moved))?, Some(old_entries.changed(&leaving, back)?))
    };
    let _writer = RENAME_LOCK.lock();
    RENAMES.write(|| {
        dentry.place.replace(new_place);
        if let Some(target) = target {
            if exchange {
                target.place.replace(other_place);
            } else {
                target.flags.fetch_or(DELETED, Ordering::Relaxed);
            }
        }
        new_bucket.replace(new_left);
        if let Some(old_left) = old_left {
            old_bucket.replace(old_left);
        }
    });
    Ok(())
}
