use super::*;
use alloc::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32};

/// Grace periods are global: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

struct Noted(Arc<AtomicU32>, u64);
impl Drop for Noted {
    fn drop(&mut self) {
        self.1 = 0;
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn values_are_dropped_only_after_readers_leave() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let drops = Arc::new(AtomicU32::new(0));
    let cell = Arc::new(RcuCell::new(Arc::new(Noted(drops.clone(), 1))));
    let (inside, leave) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let reader = {
        let (cell, inside, leave) = (cell.clone(), inside.clone(), leave.clone());
        std::thread::spawn(move || {
            let guard = RcuGuard::new();
            let value = cell.read(&guard);
            inside.store(true, Ordering::SeqCst);
            while !leave.load(Ordering::SeqCst) {
                assert_eq!(value.1, 1);
                std::thread::yield_now();
            }
        })
    };
    while !inside.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    cell.replace(Arc::new(Noted(drops.clone(), 2)));
    assert!(has_deferred());
    for _ in 0..10 {
        run_deferred();
        std::thread::yield_now();
    }
    assert_eq!((drops.load(Ordering::SeqCst), cell.get().1), (0, 2));
    leave.store(true, Ordering::SeqCst);
    reader.join().unwrap();
    while drops.load(Ordering::SeqCst) == 0 {
        run_deferred();
        std::thread::yield_now();
    }
    drop(cell);
    assert_eq!(drops.load(Ordering::SeqCst), 2);
}

#[test]
fn readers_race_with_writers() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let drops = Arc::new(AtomicU32::new(0));
    let cell = Arc::new(RcuCell::new(Arc::new(Noted(drops.clone(), 7))));
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (cell, stop) = (cell.clone(), stop.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    for _ in 0..10 {
                        let guard = RcuGuard::new();
                        let value = cell.read(&guard);
                        assert_eq!((value.1, value.1), (7, 7));
                    }
                    note_quiescent();
                }
            })
        })
        .collect();
    for round in 0..300 {
        cell.replace(Arc::new(Noted(drops.clone(), 7)));
        if round % 16 == 0 {
            run_deferred();
        }
    }
    synchronize();
    while has_deferred() && drops.load(Ordering::SeqCst) < 300 {
        run_deferred();
    }
    stop.store(true, Ordering::Relaxed);
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    assert_eq!(drops.load(Ordering::SeqCst), 300);
}

#[test]
fn a_mark_is_reached_when_all_before_it_is_dropped() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let drops = Arc::new(AtomicU32::new(0));
    let cell = RcuCell::new(Arc::new(Noted(drops.clone(), 7)));
    for _ in 0..10 {
        cell.replace(Arc::new(Noted(drops.clone(), 7)));
    }
    let mark = Mark::now();
    while !mark.is_reached() {
        run_deferred();
        note_quiescent();
    }
    assert!(drops.load(Ordering::SeqCst) >= 10);
}
