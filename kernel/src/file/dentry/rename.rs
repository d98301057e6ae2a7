//! Moving a name.
use super::cache::{Cache, Entries, Entry, STRIPES, hash_name};
use super::{DELETED, Dentry, Place, copy_name};
use crate::error::*;
use crate::sync::{RcuGuard, SequenceCount, SpinLock, rank};
use alloc::{sync::Arc, vec::Vec};
use core::sync::atomic::Ordering;
use machine::memory::try_arc;

/// Bumped around every rename: path printing and scoped walks retry.
pub static RENAMES: SequenceCount = SequenceCount::new();
/// Serializes the writers of `RENAMES`.
static RENAME_LOCK: SpinLock<()> = SpinLock::new(rank::DENTRY, ());

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
