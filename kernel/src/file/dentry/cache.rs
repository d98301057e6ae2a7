//! The cache: dentries by parent and name, in buckets that are replaced whole.
use super::{DELETED, Dentry, EVICTED, MOUNTED, REFERENCED, milliseconds};
use crate::error::*;
use crate::file::inode::Inode;
use crate::file::superblock::Superblock;
use crate::sync::{Mutex, Once, RcuCell, RcuGuard, rank};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicUsize, Ordering, fence};
use machine::memory::{try_arc, try_box};

pub(super) struct Entry {
    pub(super) hash: u64,
    pub(super) dentry: Arc<Dentry>,
}
#[derive(Default)]
pub(super) struct Entries(pub(super) Vec<Entry>);
impl Entries {
    pub(super) fn find<'a>(
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
    pub(super) fn changed(&self, without: &[&Arc<Dentry>], with: Option<Entry>) -> Result<Arc<Entries>> {
        let stays = |entry: &&Entry| !without.iter().any(|gone| Arc::ptr_eq(gone, &entry.dentry));
        let count = self.0.iter().filter(stays).count() + usize::from(with.is_some());
        if count == 0 {
            return Ok(Cache::get()?.empty.clone());
        }
        let mut entries = Vec::new();
        entries.try_reserve_exact(count)?;
        let left = self.0.iter().filter(stays);
        entries.extend(left.map(|entry| Entry { hash: entry.hash, dentry: entry.dentry.clone() }));
        entries.extend(with);
        Ok(try_arc(Entries(entries))?)
    }
}

const BUCKETS: usize = 8192;
/// Buckets that are looked at when there are too many names.
const EVICTED_AT_ONCE: usize = 64;
pub(super) const STRIPES: usize = 64;

pub(super) struct Cache {
    buckets: Box<[RcuCell<Entries>]>,
    /// Writers of the buckets whose index is the stripe's modulo `STRIPES`.
    stripes: [Mutex<()>; STRIPES],
    pub(super) key: u64,
    /// What an empty bucket holds.
    empty: Arc<Entries>,
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
        empty,
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
pub(super) fn hash_name(key: u64, parent: &Arc<Dentry>, name: &[u8]) -> u64 {
    hash_from(key ^ Arc::as_ptr(parent).addr() as u64, name)
}
/// The hash of a name, for those who keep names themselves.
pub fn hash_of(name: &[u8]) -> u64 {
    hash_from(CACHE.get().map_or(0, |cache| cache.key), name)
}

impl Cache {
    pub(super) fn get() -> Result<&'static Cache> {
        CACHE.get().map(|cache| &**cache).ok_or(ENOMEM)
    }
    pub(super) fn bucket(&self, hash: u64) -> &RcuCell<Entries> {
        &self.buckets[hash as usize % BUCKETS]
    }
    pub(super) fn stripe(&self, hash: u64) -> &Mutex<()> {
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
#[inline(always)]
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
    use crate::file::superblock::NegativeEntries;
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
            Ok(left) => {
                cache.count.fetch_sub(1, Ordering::Relaxed);
                bucket.replace(left);
            }
            Err(_) => {
                cache.count.fetch_sub(entries.0.len(), Ordering::Relaxed);
                bucket.replace(cache.empty.clone());
            }
        }
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
