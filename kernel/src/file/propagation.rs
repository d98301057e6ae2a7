//! How mounts and unmounts spread from one mount to others (mount_namespaces(7), "Shared subtrees").
//!
//! Shared mounts are members of a [`PeerGroup`]; what is mounted on one of them is mounted on all, and on the mounts whose master the
//! group is. All that changes groups holds the lock of the mount trees.
use super::dentry::Dentry;
use super::mount::{self, Mount};
use super::nsfs;
use super::path::Path;
use crate::error::*;
use crate::process::namespace::Namespace;
use crate::sync::{Mutex, SpinLock, rank};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use machine::memory::try_arc;

/// How mounts on a mount spread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Propagation {
    Private,
    Shared,
    Slave,
    Unbindable,
}

/// Mounts among which mounts and unmounts spread both ways, and those they spread to.
pub struct PeerGroup {
    id: u32,
    lists: Mutex<Lists>,
}
#[derive(Default)]
struct Lists {
    members: Vec<Weak<Mount>>,
    slaves: Vec<Weak<Mount>>,
}
/// Which numbers are taken: a bit for each, from 1 on.
static TAKEN: SpinLock<Vec<u64>> = SpinLock::new(rank::LEAF, Vec::new());

/// The lowest free number. ENOMEM.
fn take_number() -> Result<u32> {
    let mut room: Vec<u64> = Vec::new();
    loop {
        let mut taken = TAKEN.lock();
        if let Some(place) = taken.iter().position(|word| *word != u64::MAX)
            && let Some(word) = taken.get_mut(place)
        {
            let bit = word.trailing_ones();
            *word |= 1 << bit;
            return Ok(place as u32 * 64 + bit + 1);
        }
        if taken.len() < taken.capacity() {
            taken.push(0);
            continue;
        }
        if room.capacity() > taken.len() {
            room.append(&mut taken);
            core::mem::swap(&mut *taken, &mut room);
            continue;
        }
        let wanted = taken.len().saturating_mul(2).max(1);
        drop(taken);
        room.try_reserve_exact(wanted)?;
    }
}
impl Drop for PeerGroup {
    fn drop(&mut self) {
        let bit = self.id.saturating_sub(1);
        if let Some(word) = TAKEN.lock().get_mut(bit as usize / 64) {
            *word &= !(1 << (bit % 64));
        }
    }
}

fn add(list: &mut Vec<Weak<Mount>>, mount: &Arc<Mount>) -> Result<()> {
    list.retain(|other| other.strong_count() != 0);
    list.try_reserve(1)?;
    list.push(Arc::downgrade(mount));
    Ok(())
}
fn remove(list: &mut Vec<Weak<Mount>>, mount: &Mount) {
    list.retain(|other| !core::ptr::eq(other.as_ptr(), mount));
}
fn living(list: &[Weak<Mount>]) -> Result<Vec<Arc<Mount>>> {
    let mut mounts = Vec::new();
    mounts.try_reserve_exact(list.len())?;
    mounts.extend(list.iter().filter_map(Weak::upgrade));
    Ok(mounts)
}

impl PeerGroup {
    fn new() -> Result<Arc<PeerGroup>> {
        let id = take_number()?;
        // A number is lost where there is no memory for its group.
        Ok(try_arc(PeerGroup { id, lists: Mutex::new(rank::PEER_GROUP, Lists::default()) })?)
    }
    /// The number that mountinfo shows.
    pub fn id(&self) -> u32 {
        self.id
    }
    fn members(&self) -> Result<Vec<Arc<Mount>>> {
        living(&self.lists.lock().members)
    }
    fn slaves(&self) -> Result<Vec<Arc<Mount>>> {
        living(&self.lists.lock().slaves)
    }
}

/// Makes a mount shared, in a new group unless it is in one. ENOMEM.
pub fn share(mount: &Arc<Mount>) -> Result<()> {
    if mount.peer_group().is_none() {
        join(mount, PeerGroup::new()?)?;
    }
    mount.set_unbindable(false);
    Ok(())
}
fn join(mount: &Arc<Mount>, group: Arc<PeerGroup>) -> Result<()> {
    add(&mut group.lists.lock().members, mount)?;
    mount.set_peer_group(Some(group));
    Ok(())
}
fn follow(mount: &Arc<Mount>, master: Arc<PeerGroup>) -> Result<()> {
    add(&mut master.lists.lock().slaves, mount)?;
    mount.set_master(Some(master));
    Ok(())
}
fn stop_following(mount: &Mount) {
    if let Some(master) = mount.set_master(None) {
        remove(&mut master.lists.lock().slaves, mount);
    }
}

/// Takes a mount out of its group and makes it a slave of it; the last of a group becomes a slave of the group's master, and so
/// do the group's slaves.
fn make_slave(mount: &Arc<Mount>) -> Result<()> {
    let Some(group) = mount.set_peer_group(None) else { return Ok(()) };
    let (alone, orphans) = {
        let mut lists = group.lists.lock();
        remove(&mut lists.members, mount);
        lists.members.retain(|other| other.strong_count() != 0);
        let alone = lists.members.is_empty();
        (alone, if alone { core::mem::take(&mut lists.slaves) } else { Vec::new() })
    };
    if !alone {
        stop_following(mount);
        return follow(mount, group);
    }
    let master = mount.master();
    for orphan in orphans.iter().filter_map(Weak::upgrade) {
        orphan.set_master(None);
        if let Some(master) = &master {
            follow(&orphan, master.clone())?;
        }
    }
    Ok(())
}

/// Makes a mount private (umount, MS_PRIVATE). Without memory for its slaves' places they are private too.
pub fn make_private(mount: &Arc<Mount>) {
    let _ = make_slave(mount);
    stop_following(mount);
}

/// Changes how mounts on a mount spread. ENOMEM.
pub fn change(mount: &Arc<Mount>, to: Propagation) -> Result<()> {
    match to {
        Propagation::Shared => share(mount)?,
        Propagation::Slave => make_slave(mount)?,
        Propagation::Private | Propagation::Unbindable => {
            make_private(mount);
            mount.set_unbindable(to == Propagation::Unbindable);
        }
    }
    Ok(())
}

/// What a copy of a mount is to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// In the same group, with the same master.
    Alike,
    /// As `Alike`, but a slave of a shared one (mount namespaces of another owner).
    Apart,
    /// A slave of the original's group.
    Slave,
    /// A slave of the original's group and shared itself, in a new group.
    SharedSlave,
}

fn relate(copy: &Arc<Mount>, original: &Mount, relation: Relation) -> Result<()> {
    let group = original.peer_group();
    match (relation, group) {
        (Relation::Slave | Relation::SharedSlave | Relation::Apart, Some(group)) => follow(copy, group)?,
        (_, group) => {
            if let Some(group) = group {
                join(copy, group)?;
            }
            if let Some(master) = original.master() {
                follow(copy, master)?;
            }
        }
    }
    if relation == Relation::SharedSlave {
        share(copy)?;
    }
    Ok(())
}

/// A detached copy of a mount that shows what is below `root`.
pub fn copy(original: &Mount, root: Arc<Dentry>, relation: Relation) -> Result<Arc<Mount>> {
    let copy = Mount::like(original, root)?;
    relate(&copy, original, relation)?;
    copy.set_unbindable(original.is_unbindable());
    Ok(copy)
}

/// What of a tree is copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// All of it (a new mount namespace), but for files of mount namespaces.
    Namespace,
    /// What may be bound.
    Bindable,
    /// As `Bindable`, but for files of mount namespaces.
    Propagated,
}

/// A detached copy of what is seen at a place with the mounts below it, and which is the copy of which. EPERM for a mount that is
/// neither to be bound nor to be left out.
pub fn copy_tree(place: &Path, relation: Relation, extent: Extent) -> Result<Vec<(Arc<Mount>, Arc<Mount>)>> {
    let mut pairs = Vec::new();
    pairs.try_reserve(1)?;
    pairs.push((place.mount.clone(), copy(&place.mount, place.dentry.clone(), relation)?));
    let mut at = 0;
    while let Some((original, copied)) = pairs.get(at).cloned() {
        for child in original.children() {
            let Some(child_place) = child.place_counted() else { continue };
            let outside = at == 0 && !child_place.dentry.is_below(&place.dentry);
            if outside {
                continue;
            }
            if extent != Extent::Namespace && child.is_unbindable() {
                if child.is_locked() {
                    return Err(EPERM);
                }
                continue;
            }
            let top = Path { mount: child.clone(), dentry: child.root().clone() };
            if extent != Extent::Bindable && matches!(nsfs::namespace_at(&top), Some(Namespace::Mount(_))) {
                continue;
            }
            let child_copy = copy(&child, child.root().clone(), relation)?;
            child_copy.lock_in_place(child.is_locked());
            mount::attach_detached(&child_copy, &Path { mount: copied.clone(), dentry: child_place.dentry })?;
            pairs.try_reserve(1)?;
            pairs.push((child, child_copy));
        }
        at += 1;
    }
    Ok(pairs)
}

/// Whether something mounted on `dentry` would be seen through the mount.
fn sees(mount: &Arc<Mount>, dentry: &Arc<Dentry>) -> bool {
    mount.namespace().is_some() && dentry.is_below(mount.root())
}

/// Copies of a tree that is to be mounted on a place of a shared mount, with the places where they are to be mounted too. Every
/// mount of the tree is shared.
pub fn copies(source: &Arc<Mount>, place: &Path) -> Result<Vec<(Arc<Mount>, Path)>> {
    let mut made: Vec<(Arc<Mount>, Path)> = Vec::new();
    let Some(group) = place.mount.peer_group() else { return Ok(made) };
    let mut waiting = Vec::new();
    waiting.try_reserve(1)?;
    waiting.push((source.clone(), group, Relation::Alike));
    let mut at = 0;
    while let Some((mut from, group, mut relation)) = waiting.get(at).cloned() {
        at += 1;
        let mut make = |from: &Arc<Mount>, on: Arc<Mount>, relation| -> Result<Arc<Mount>> {
            let top = Path { mount: from.clone(), dentry: from.root().clone() };
            let pairs = copy_tree(&top, relation, Extent::Propagated)?;
            let (_, copy) = pairs.first().cloned().ok_or(EINVAL)?;
            made.try_reserve(1)?;
            made.push((copy.clone(), Path { mount: on, dentry: place.dentry.clone() }));
            Ok(copy)
        };
        for member in group.members()? {
            if Arc::ptr_eq(&member, &place.mount) || !sees(&member, &place.dentry) {
                continue;
            }
            let copy = make(&from, member, relation)?;
            if relation == Relation::SharedSlave {
                (from, relation) = (copy, Relation::Alike);
            }
        }
        for slave in group.slaves()? {
            match slave.peer_group() {
                Some(group) if waiting.iter().any(|(_, other, _)| Arc::ptr_eq(other, &group)) => {}
                Some(group) => {
                    waiting.try_reserve(1)?;
                    waiting.push((from.clone(), group, Relation::SharedSlave));
                }
                None if sees(&slave, &place.dentry) => drop(make(&from, slave, Relation::Slave)?),
                None => {}
            }
        }
    }
    Ok(made)
}

/// The mounts that what happens to `mount` spreads to, but for itself.
fn receivers(mount: &Arc<Mount>) -> Result<Vec<Arc<Mount>>> {
    let (mut found, mut groups): (Vec<Arc<Mount>>, Vec<Arc<PeerGroup>>) = (Vec::new(), Vec::new());
    if let Some(group) = mount.peer_group() {
        groups.try_reserve(1)?;
        groups.push(group);
    }
    let mut at = 0;
    while let Some(group) = groups.get(at).cloned() {
        at += 1;
        let (members, slaves) = (group.members()?, group.slaves()?);
        found.try_reserve(members.len() + slaves.len())?;
        found.extend(members.into_iter().filter(|member| !Arc::ptr_eq(member, mount)));
        for slave in slaves {
            match slave.peer_group() {
                None => found.push(slave),
                Some(other) if groups.iter().any(|known| Arc::ptr_eq(known, &other)) => {}
                Some(other) => {
                    groups.try_reserve(1)?;
                    groups.push(other);
                }
            }
        }
    }
    Ok(found)
}

/// The mounts that were mounted together with `mounted`, wherever its parent's events spread to.
fn repeated(mounted: &Arc<Mount>) -> Result<Vec<Arc<Mount>>> {
    let Some(place) = mounted.place_counted() else { return Ok(Vec::new()) };
    let mut found = receivers(&place.mount)?;
    let mut kept = 0;
    for index in 0..found.len() {
        let Some(on) = found.get(index).cloned() else { break };
        if let Some(child) = on.child_on(&place.dentry)
            && let Some(slot) = found.get_mut(kept)
        {
            *slot = child;
            kept += 1;
        }
    }
    found.truncate(kept);
    Ok(found)
}

/// The one mount that lies on the root of `mount`, if there is no other on it.
pub fn topper(mount: &Arc<Mount>) -> Option<Arc<Mount>> {
    let children = mount.children();
    let [child] = children.as_slice() else { return None };
    let covers = child.place_counted().is_some_and(|place| Arc::ptr_eq(&place.dentry, mount.root()));
    covers.then(|| child.clone())
}

/// Whether a mount, or one that would go with it, is in use. The caller has `known` references to it.
pub fn is_busy(mounted: &Arc<Mount>, known: usize) -> Result<bool> {
    if !mounted.children().is_empty() || Mount::is_used(mounted, known) {
        return Ok(true);
    }
    for other in repeated(mounted)? {
        let covered = usize::from(topper(&other).is_some());
        if other.children().len() > covered {
            continue;
        }
        if Mount::is_used(&other, 1 + covered) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The mounts that go where a tree is unmounted: the tree's, and those elsewhere that were mounted together with them and have
/// nothing else on them.
pub fn unmounted_with(mounted: &Arc<Mount>) -> Result<Vec<Arc<Mount>>> {
    let mut all = mount::tree(mounted)?;
    let own = all.len();
    for index in 0..own {
        let Some(member) = all.get(index).cloned() else { break };
        for other in repeated(&member)? {
            if !all.iter().any(|known| Arc::ptr_eq(known, &other)) {
                all.try_reserve(1)?;
                all.push(other);
            }
        }
    }
    loop {
        let stays = |mount: &Arc<Mount>| {
            let goes = |other: &Arc<Mount>| all.iter().any(|known| Arc::ptr_eq(known, other));
            let locked = mount.is_locked() && !mount.place_counted().is_some_and(|place| goes(&place.mount));
            locked || topper(mount).is_none() && mount.children().iter().any(|child| !goes(child))
        };
        let Some(place) = all.iter().skip(own).position(stays) else { return Ok(all) };
        all.remove(own + place);
    }
}
