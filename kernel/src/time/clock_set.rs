//! What goes by the wall clock and notices that it is set: timers and sleeps to a time that it will show.
use crate::error::Result;
use crate::sync::{Mutex, rank};
use crate::wait::WaitQueue;
use alloc::sync::Weak;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Something that keeps a time of the wall clock as one of the monotonic clock.
pub trait FollowClock: Send + Sync {
    /// The wall clock is so many nanoseconds ahead of the monotonic one now (wrapping). May sleep.
    fn clock_was_set(&self, ahead: u64);
}

/// How often it was set.
static COUNT: AtomicU64 = AtomicU64::new(0);
/// Woken each time: who sleeps to a time waits here.
pub static CHANGED: WaitQueue = WaitQueue::new();
static FOLLOWERS: Mutex<Vec<Weak<dyn FollowClock>>> = Mutex::new(rank::CLOCK_FOLLOWERS, Vec::new());
/// It was set where nobody can be told.
static IS_PENDING: AtomicBool = AtomicBool::new(false);

/// How often the wall clock was set so far: a time that was converted meanwhile is converted again.
pub fn count() -> u64 {
    COUNT.load(Ordering::SeqCst)
}

/// From now on `follower` is told, until it goes away; ENOMEM.
pub fn follow(follower: Weak<dyn FollowClock>) -> Result<()> {
    let mut followers = FOLLOWERS.lock();
    if followers.len() == followers.capacity() {
        followers.retain(|known| known.strong_count() != 0);
    }
    followers.try_reserve(1)?;
    followers.push(follower);
    Ok(())
}

/// The wall clock was set, in any context: [`tell`] is due.
pub fn note() {
    COUNT.fetch_add(1, Ordering::SeqCst);
    IS_PENDING.store(true, Ordering::SeqCst);
}

/// Whether somebody is to be told.
pub fn is_pending() -> bool {
    IS_PENDING.load(Ordering::Relaxed)
}

/// Tells all, if the clock was set. May sleep.
pub fn tell() {
    if !is_pending() || !IS_PENDING.swap(false, Ordering::SeqCst) {
        return;
    }
    CHANGED.wake_all();
    let followers = FOLLOWERS.lock();
    // Read with the lock held: who is told of the later setting is told later.
    let ahead = super::clock::ahead();
    followers.iter().filter_map(Weak::upgrade).for_each(|follower| follower.clock_was_set(ahead));
}

/// A deadline on the monotonic clock for the same time of a wall clock that was `before` ahead of it and is `now`.
pub fn moved(deadline: u64, before: u64, now: u64) -> u64 {
    let change = now.wrapping_sub(before) as i64;
    // What has passed is due at once; 0 would mean never.
    deadline.checked_sub_signed(change).unwrap_or(if change > 0 { 1 } else { super::value::LONGEST }).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_move_against_the_clock() {
        assert_eq!(moved(1000, 50, 150), 900);
        assert_eq!(moved(1000, 150, 50), 1100);
        assert_eq!(moved(1000, 0, 5000), 1);
        assert_eq!(moved(1000, 0, u64::MAX), 1001);
    }
}
