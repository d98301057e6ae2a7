use super::*;
use std::sync::{Arc, Condvar, Mutex as StdMutex};
use std::thread;

/// A wait queue of the host's, which also wakes at random moments.
struct Queue(StdMutex<u64>, Condvar);
impl WaitPoint for Queue {
    const NEW: Self = Queue(StdMutex::new(0), Condvar::new());
    fn wait_until(&self, condition: &mut dyn FnMut() -> bool) {
        let mut turn = self.0.lock().unwrap();
        while !condition() {
            turn = self.1.wait(turn).unwrap();
        }
    }
    fn wake_one(&self) {
        *self.0.lock().unwrap() += 1;
        self.1.notify_one();
    }
    fn wake_all(&self) {
        *self.0.lock().unwrap() += 1;
        self.1.notify_all();
    }
}
/// A wait queue that never waits: the locks must hold nevertheless.
struct Liar;
impl WaitPoint for Liar {
    const NEW: Self = Liar;
    fn wait_until(&self, condition: &mut dyn FnMut() -> bool) {
        condition();
        condition();
        thread::yield_now();
    }
    fn wake_one(&self) {}
    fn wake_all(&self) {}
}
const LOW: Rank = Rank(1, "low");
const HIGH: Rank = Rank(2, "high");

fn hammer(count: impl Fn(&mut dyn FnMut(&mut u64)) + Send + Sync + 'static) {
    let count = Arc::new(count);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let count = count.clone();
            thread::spawn(move || {
                for _ in 0..2000 {
                    count(&mut |value| {
                        let seen = *value;
                        std::hint::black_box(seen);
                        *value = seen + 1;
                    });
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let mut total = 0;
    count(&mut |value| total = *value);
    assert_eq!(total, 8000);
}

#[test]
fn locks_exclude() {
    let lock = SpinLock::new(LOW, 0);
    hammer(move |f| f(&mut lock.lock()));
    let lock = IrqLock::new(LOW, 0);
    hammer(move |f| f(&mut lock.lock()));
    let lock = Mutex::<_, Queue>::new(LOW, 0);
    hammer(move |f| f(&mut lock.lock()));
    let lock = Mutex::<_, Liar>::new(LOW, 0);
    hammer(move |f| f(&mut lock.lock()));
    let lock = RwLock::<_, Queue>::new(LOW, 0);
    hammer(move |f| {
        drop(lock.read());
        f(&mut lock.write())
    });
    let lock = RwLock::<_, Liar>::new(LOW, 0);
    hammer(move |f| {
        drop(lock.read());
        f(&mut lock.write())
    });
}

#[test]
fn try_locks_and_downgrade() {
    let spin = SpinLock::new(HIGH, 1);
    let held = spin.lock();
    assert!(spin.try_lock().is_none());
    drop(held);
    assert_eq!(*spin.try_lock().unwrap(), 1);
    let lock = RwLock::<_, Queue>::new(LOW, 1);
    let mut write = lock.write();
    assert!(lock.try_read().is_none());
    *write = 2;
    let read = write.downgrade();
    assert_eq!(*read, 2);
    assert!(lock.try_write().is_none());
    assert_eq!(*lock.try_read().unwrap(), 2);
    drop(read);
    assert!(lock.try_write().is_some());
}

#[cfg(debug_assertions)]
#[test]
fn lock_order_is_checked() {
    let (low, high) = (SpinLock::new(LOW, ()), IrqLock::new(HIGH, ()));
    let first = low.lock();
    let second = high.lock();
    drop(first);
    drop(second);
    let result = thread::spawn(move || {
        let _second = high.lock();
        let _first = low.lock();
    })
    .join();
    assert!(result.is_err());
}

#[test]
fn once_sets_once() {
    let once = Arc::new(Once::new());
    assert!(once.get().is_none());
    let threads: Vec<_> = (0..4)
        .map(|index| {
            let once = once.clone();
            thread::spawn(move || **once.get_or_init(|| Box::new(index)))
        })
        .collect();
    let seen: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(seen.iter().all(|&value| value == seen[0]));
    assert_eq!(once.set(Box::new(9)), Err(Box::new(9)));
}

#[test]
fn sequence_readers_see_whole_writes() {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    let shared = Arc::new((SequenceCount::new(), AtomicU64::new(0), AtomicU64::new(0)));
    let writer = {
        let shared = shared.clone();
        thread::spawn(move || {
            for value in 1..20_000 {
                shared.0.write(|| {
                    shared.1.store(value, Relaxed);
                    shared.2.store(value, Relaxed);
                });
            }
        })
    };
    while !writer.is_finished() {
        let (first, second) = shared.0.read(|| (shared.1.load(Relaxed), shared.2.load(Relaxed)));
        assert_eq!(first, second);
    }
    writer.join().unwrap();
}

#[test]
fn once_arc_keeps_the_first_and_drops_the_rest() {
    let value = Arc::new(7);
    let once = Arc::new(OnceArc::new());
    assert!(once.get().is_none() && once.get_arc().is_none());
    let threads: Vec<_> = (0..4)
        .map(|index| {
            let once = once.clone();
            thread::spawn(move || once.set(Arc::new(index)).is_ok())
        })
        .collect();
    let set = threads.into_iter().map(|thread| thread.join().unwrap()).filter(|set| *set).count();
    assert_eq!(set, 1);
    assert!(once.get().is_some_and(|index| *index < 4));
    assert!(once.set(value.clone()).is_err());
    assert_eq!(Arc::strong_count(&value), 1);
    let other = OnceArc::new();
    assert!(other.set(value.clone()).is_ok());
    let more = other.get_arc();
    assert_eq!(Arc::strong_count(&value), 3);
    drop(other);
    assert_eq!(Arc::strong_count(&value), 2);
    assert_eq!(more.as_deref(), Some(&7));
}
