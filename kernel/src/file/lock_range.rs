//! Byte-range locks of one file as plain data: splitting, joining, conflicts.
use crate::error::*;
use alloc::vec::Vec;

/// Who holds a lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// A process, by the address of its descriptor table.
    Table(usize),
    /// An open file, by its address.
    File(usize),
}

/// How strong a lock is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// F_RDLCK.
    Read,
    /// F_WRLCK.
    Write,
}

/// A range of bytes, the last one included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// First byte.
    pub first: u64,
    /// Last byte; `i64::MAX` reaches to the end of whatever the file becomes.
    pub last: u64,
}
impl Range {
    fn overlaps(self, other: Range) -> bool {
        self.first <= other.last && other.first <= self.last
    }
    fn touches(self, other: Range) -> bool {
        self.first <= other.last.saturating_add(1) && other.first <= self.last.saturating_add(1)
    }
}

/// A lock in the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// Whose.
    pub owner: Owner,
    /// How strong.
    pub kind: Kind,
    /// Where.
    pub range: Range,
    /// The process that took it, -1 for OFD locks.
    pub id: i32,
}

/// The locks of one file, by first byte.
#[derive(Default)]
pub struct RangeLocks(Vec<Conflict>);

impl RangeLocks {
    /// The first lock of another owner that `kind` on `range` conflicts with.
    pub fn conflict(&self, owner: Owner, kind: Kind, range: Range) -> Option<Conflict> {
        let conflicts = |lock: &&Conflict| {
            lock.owner != owner && lock.range.overlaps(range) && (kind == Kind::Write || lock.kind == Kind::Write)
        };
        self.0.iter().find(conflicts).copied()
    }
    /// Takes a lock, replacing what the owner had on the range and joining neighbours of the same kind. ENOLCK without memory.
    pub fn lock(&mut self, owner: Owner, kind: Kind, mut range: Range, id: i32) -> Result<()> {
        self.0.try_reserve(2).map_err(|_| ENOLCK)?;
        self.cut(owner, range);
        self.0.retain(|lock| {
            let joins = lock.owner == owner && lock.kind == kind && lock.range.touches(range);
            if joins {
                range = Range { first: range.first.min(lock.range.first), last: range.last.max(lock.range.last) };
            }
            !joins
        });
        self.insert(Conflict { owner, kind, range, id });
        Ok(())
    }
    /// Drops the owner's locks on a range. ENOLCK without memory for the second half of a lock cut in two.
    pub fn unlock(&mut self, owner: Owner, range: Range) -> Result<()> {
        self.0.try_reserve(1).map_err(|_| ENOLCK)?;
        self.cut(owner, range);
        Ok(())
    }
    /// Runs `show` on all of them.
    pub fn for_each(&self, mut show: impl FnMut(&Conflict)) {
        self.0.iter().for_each(&mut show);
    }
    /// Drops everything of an owner; whether there was something.
    pub fn remove_owner(&mut self, owner: Owner) -> bool {
        let before = self.0.len();
        self.0.retain(|lock| lock.owner != owner);
        self.0.len() != before
    }
    /// Cuts a range out of the owner's locks; at most one of them falls in two.
    fn cut(&mut self, owner: Owner, range: Range) {
        // What is left behind the range: at most one, since an owner's locks do not overlap.
        let mut remainder = None;
        self.0.retain_mut(|lock| {
            if lock.owner != owner || !lock.range.overlaps(range) {
                return true;
            }
            let before = lock.range.first < range.first;
            let after = lock.range.last > range.last;
            if after {
                let range = Range { first: range.last.saturating_add(1), last: lock.range.last };
                remainder = Some(Conflict { range, ..*lock });
            }
            if before {
                lock.range.last = range.first - 1;
            }
            before
        });
        if let Some(lock) = remainder {
            self.insert(lock);
        }
    }
    fn insert(&mut self, lock: Conflict) {
        let at = self.0.partition_point(|other| other.range.first <= lock.range.first);
        self.0.insert(at, lock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Owner = Owner::Table(1);
    const B: Owner = Owner::File(2);
    fn range(first: u64, last: u64) -> Range {
        Range { first, last }
    }
    fn shape(locks: &RangeLocks) -> Vec<(u64, u64, Kind)> {
        locks.0.iter().map(|lock| (lock.range.first, lock.range.last, lock.kind)).collect()
    }

    #[test]
    fn locks_split_and_join() {
        let mut locks = RangeLocks::default();
        locks.lock(A, Kind::Write, range(0, 99), 7).expect("memory");
        locks.unlock(A, range(40, 59)).expect("memory");
        assert_eq!(shape(&locks), [(0, 39, Kind::Write), (60, 99, Kind::Write)]);
        locks.lock(A, Kind::Write, range(40, 59), 7).expect("memory");
        assert_eq!(shape(&locks), [(0, 99, Kind::Write)]);
        locks.lock(A, Kind::Read, range(10, 19), 7).expect("memory");
        assert_eq!(shape(&locks), [(0, 9, Kind::Write), (10, 19, Kind::Read), (20, 99, Kind::Write)]);
        locks.unlock(A, range(0, i64::MAX as u64)).expect("memory");
        assert!(shape(&locks).is_empty());
    }
    #[test]
    fn readers_share_and_writers_do_not() {
        let mut locks = RangeLocks::default();
        locks.lock(A, Kind::Read, range(0, 9), 7).expect("memory");
        assert_eq!(locks.conflict(B, Kind::Read, range(5, 5)), None);
        assert_eq!(locks.conflict(B, Kind::Write, range(5, 5)).map(|conflict| conflict.id), Some(7));
        assert_eq!(locks.conflict(A, Kind::Write, range(5, 5)), None);
        assert_eq!(locks.conflict(B, Kind::Write, range(10, 20)), None);
        assert!(locks.remove_owner(A) && !locks.remove_owner(A));
    }
    #[test]
    fn locks_to_the_end_stay_open() {
        let mut locks = RangeLocks::default();
        let end = i64::MAX as u64;
        locks.lock(A, Kind::Write, range(10, end), 7).expect("memory");
        locks.unlock(A, range(0, 19)).expect("memory");
        assert_eq!(shape(&locks), [(20, end, Kind::Write)]);
    }
}
