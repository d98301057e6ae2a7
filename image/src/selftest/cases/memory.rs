//! Memory on the machine itself: copies that fault, TLB flushes between CPUs, the heap under load, deferred freeing, costs.
use crate::kernel::{spawn, wait_for};
use crate::say;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use machine::memory::{self, Frame};
use machine::paging::{Inherit, Permission, USER_END, UserSpace};
use machine::rcu::{self, RcuCell, RcuGuard};
use machine::sync::{Rank, SpinLock};
use machine::thread::{self, Task};
use machine::user::{self, Fault};
use machine::{cpu, time};

/// The cases.
pub const CASES: &[(&str, fn() -> bool)] = &[
    ("copies end at the exact byte", exact_copies),
    ("TLB flushes reach other CPUs", flushes),
    ("heap and frames under load", load),
    ("deferred freeing", deferred),
    ("costs of memory", costs),
];

const READ_WRITE: Permission = Permission { write: true, execute: false, key: 0 };
const READ_ONLY: Permission = Permission { write: false, execute: false, key: 0 };
const PAGE: u64 = 4096;

fn page(byte: u8) -> Frame {
    let frame = Frame::zeroed().expect("memory for a page");
    frame.write(0, &[byte; 4096]);
    frame
}
/// Gives the current thread a user space, and takes it away again.
fn with_space(space: &Arc<UserSpace>, f: impl FnOnce() -> bool) -> bool {
    let me = thread::current::<crate::kernel::TestTask>().thread();
    me.set_user_space(Some(space.clone()));
    let result = f();
    me.set_user_space(None);
    result
}

/// Says what differs.
fn same<T: PartialEq + core::fmt::Debug>(what: &str, at: usize, found: T, expected: T) -> bool {
    if found != expected {
        say!("     {what} {at}: {found:?}, not {expected:?}");
    }
    found == expected
}

fn exact_copies() -> bool {
    let space = Arc::new(UserSpace::new().expect("memory for page tables"));
    // Two pages, then none; a read-only page; the last page of user space.
    let (start, end, constant) = (0x10_0000, 0x10_2000, 0x20_0000);
    for (address, permission) in
        [(start, READ_WRITE), (start + PAGE, READ_WRITE), (constant, READ_ONLY), (USER_END - PAGE, READ_WRITE)]
    {
        space.map(address, page(7), permission).expect("memory for page tables");
    }
    with_space(&space, || {
        let mut passed = true;
        let mut buffer = [0u8; 400];
        for length in (0..70usize).chain([127, 128, 129, 255, 300]) {
            for there in (0..length + 3).chain([300]) {
                let at = end - there as u64;
                let left = length.saturating_sub(there);
                buffer.fill(1);
                passed &= same("from", length, user::copy_from_user(&mut buffer[..length], at), left);
                passed &= same("copied", length, buffer.iter().filter(|byte| **byte == 7).count(), length - left);
                buffer.fill(7);
                passed &= same("from", length, user::copy_from_user_nofault(&mut buffer[..length], at), left);
                passed &= same("to", length, user::copy_to_user(at, &buffer[..length]), left);
                passed &= same("to", length, user::copy_to_user_nofault(at, &buffer[..length]), left);
                passed &= same("clear", length, user::clear_user(at, length), left);
                passed &= same("restore", length, user::copy_to_user_nofault(at, &buffer[..length]), left);
            }
            passed &= same("constant", length, user::copy_to_user(constant + 5, &buffer[..length]), length);
        }
        passed &= same("string", 0, user::strncpy_from_user(&mut buffer, end - 9), Err(Fault));
        passed &= same("string", 1, user::strncpy_from_user(&mut buffer[..9], end - 9), Ok(9));
        passed &= same("store", 0, user::store_user(end - 1, 0u8), Ok(()));
        passed &= same("string", 2, user::strncpy_from_user(&mut buffer, end - 9), Ok(8));
        passed &= same("string", 3, user::strncpy_from_user(&mut buffer, USER_END - 9), Err(Fault));
        passed &= same("store", 1, user::store_user_nofault(USER_END - 1, 0u8), Ok(()));
        passed &= same("string", 4, user::strncpy_from_user_nofault(&mut buffer, USER_END - 9), Ok(8));
        passed &= same("load", 0, user::load_user::<u64>(end - 7), Err(Fault));
        passed &= same("load", 1, user::load_user::<u32>(end - 5), Ok(0x0707_0707));
        passed &= same("store", 2, user::store_user(constant, 1u16), Err(Fault));
        passed &= same("futex", 0, user::load_u32_nofault(end), Err(Fault));
        passed &= same("futex", 1, user::compare_exchange_u32_nofault(constant, 1, 2), Err(Fault));
        passed &= same("futex", 2, user::compare_exchange_u32_nofault(start, 0x0707_0707, 2), Ok(0x0707_0707));
        passed &= same("futex", 3, user::load_u32_nofault(start), Ok(2));
        let frame = page(3);
        passed &= same("frame", 0, user::copy_frame_to_user(end - 100, &frame, 4000, 96), 0);
        passed &= same("frame", 1, user::copy_frame_to_user(end - 50, &frame, 0, 96), 46);
        passed &= same("frame", 2, user::copy_user_to_frame_nofault(&frame, 4090, end - 10, 6), 0);
        let dirty = space.lookup(start).is_some_and(|page| page.dirty && page.accessed);
        passed & same("dirty", 0, dirty, true)
    })
}

/// One CPU reads a page again and again while another replaces it: once the replacement is done, the old content is gone.
fn flushes() -> bool {
    let others = cpu::online_cpus() - 1;
    let space = Arc::new(UserSpace::new().expect("memory for page tables"));
    let address = 0x7000_0000;
    space.map(address, page(0), READ_WRITE).expect("memory for page tables");
    let stop = Arc::new(AtomicBool::new(false));
    let seen: Arc<Vec<AtomicU64>> = Arc::new((0..=others).map(|_| AtomicU64::new(0)).collect());
    let readers: Vec<_> = (1..=others)
        .map(|number| {
            let (space, stop, seen) = (space.clone(), stop.clone(), seen.clone());
            let reader = move || {
                with_space(&space, || {
                    let mut turn = 0;
                    while !stop.load(Ordering::SeqCst) {
                        let value = user::load_user_nofault::<u8>(address).unwrap_or(255);
                        turn += 1;
                        // The turn in the upper bits says that the value was read after somebody looked.
                        seen[number].store(turn << 8 | u64::from(value), Ordering::SeqCst);
                    }
                    true
                });
            };
            spawn("reader", number, reader)
        })
        .collect();
    let mut passed = true;
    for round in 1..=100u8 {
        if round % 4 == 3 {
            space.unmap(address..address + PAGE, &mut |_, _| ());
            space.map(address, page(round), READ_ONLY).expect("memory for page tables");
        } else {
            space.map(address, page(round), READ_WRITE).expect("memory for page tables");
        }
        for number in 1..=others {
            let before = seen[number].load(Ordering::SeqCst) >> 8;
            // The load under way may be older than the change, the one after it may not.
            while seen[number].load(Ordering::SeqCst) >> 8 < before + 2 {
                core::hint::spin_loop();
            }
            passed &= same("seen", number, seen[number].load(Ordering::SeqCst) & 255, u64::from(round));
        }
    }
    stop.store(true, Ordering::SeqCst);
    passed & wait_for(2000, || readers.iter().all(|reader| reader.has_ended()))
}

/// Everything at once on all CPUs; all of it comes back.
fn load() -> bool {
    memory::trim();
    let before = memory::statistics();
    let shared: Arc<SpinLock<Vec<Box<[u64]>>>> =
        Arc::new(SpinLock::new(Rank(5, "shared blocks"), Vec::with_capacity(64)));
    let bad = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..cpu::online_cpus() * 2)
        .map(|seed| {
            let (shared, bad) = (shared.clone(), bad.clone());
            spawn("load", seed % cpu::online_cpus(), move || {
                let mut random = seed as u64 * 77 + 1;
                let mut held: Vec<(u64, Vec<u64>)> = Vec::new();
                let mut frames = Vec::new();
                for _ in 0..3000 {
                    random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    let words = 1 + (random >> 33) as usize % [3, 20, 200, 1500][(random >> 60) as usize % 4];
                    match random >> 40 & 3 {
                        0 => held.push((random, alloc::vec![random; words])),
                        1 if !held.is_empty() => {
                            let (mark, block) = held.swap_remove(random as usize % held.len());
                            if block.iter().any(|word| *word != mark) {
                                bad.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                        2 => {
                            let frame = Frame::zeroed().expect("memory for a frame");
                            let mut word = [1; 8];
                            frame.read(random as usize % 4000, &mut word);
                            if word != [0; 8] {
                                bad.fetch_add(1, Ordering::Relaxed);
                            }
                            frame.write(0, &[0xff; 4096]);
                            frames.push(frame);
                            if frames.len() > 100 {
                                frames.clear();
                            }
                        }
                        // Freed on another CPU than allocated.
                        _ => {
                            let block = alloc::vec![7; words].into_boxed_slice();
                            let mut queue = shared.lock();
                            let other = if queue.len() < 60 { None } else { queue.pop() };
                            queue.push(block);
                            drop(queue);
                            if other.is_some_and(|block| block.iter().any(|word| *word != 7)) {
                                bad.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                }
                memory::trim();
            })
        })
        .collect();
    let ended = wait_for(20_000, || tasks.iter().all(|task| task.has_ended()));
    drop((tasks, shared));
    memory::trim();
    let after = memory::statistics();
    let lost = before.free.saturating_sub(after.free);
    // Some slabs stay partly filled, and stacks are kept for the next threads.
    ended & same("bad blocks", 0, bad.load(Ordering::Relaxed), 0) & same("lost frames", lost, lost < 120, true)
}

struct Noted(u64, Arc<AtomicU64>);
impl Drop for Noted {
    fn drop(&mut self) {
        self.0 = u64::MAX;
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}
fn deferred() -> bool {
    let drops = Arc::new(AtomicU64::new(0));
    let cell = Arc::new(RcuCell::new(Arc::new(Noted(0, drops.clone()))));
    let (stop, bad) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let readers: Vec<_> = (0..cpu::online_cpus())
        .map(|number| {
            let (cell, stop, bad) = (cell.clone(), stop.clone(), bad.clone());
            let reader = move || {
                while !stop.load(Ordering::Relaxed) {
                    for _ in 0..100 {
                        let guard = RcuGuard::new();
                        let value = cell.read(&guard);
                        if value.0 > 1000 {
                            bad.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    if number == 0 {
                        crate::kernel::schedule();
                    }
                }
            };
            spawn("reader", number, reader)
        })
        .collect();
    for round in 1..=500 {
        cell.replace(Arc::new(Noted(round, drops.clone())));
        if round % 50 == 0 {
            rcu::run_deferred();
            crate::kernel::schedule();
        }
    }
    rcu::synchronize();
    let all = wait_for(5000, || {
        rcu::run_deferred();
        drops.load(Ordering::Relaxed) == 500
    });
    stop.store(true, Ordering::Relaxed);
    let ended = wait_for(2000, || readers.iter().all(|reader| reader.has_ended()));
    ended & same("dropped", 0, all, true) & same("bad reads", 0, bad.load(Ordering::Relaxed), 0)
}

/// Ticks of the counter per round (instructions, under icount).
fn cost(what: &str, rounds: u64, mut f: impl FnMut()) {
    f();
    let begin = time::counter();
    (0..rounds).for_each(|_| f());
    let ticks = (time::counter() - begin) / rounds;
    let nanoseconds = ticks as u128 * 1_000_000_000 / u128::from(time::counter_frequency().max(1));
    say!("     {what}: {ticks} ticks, {nanoseconds} ns");
}
fn costs() -> bool {
    let hint = core::hint::black_box::<usize>;
    cost("box of 64 bytes, allocated and freed", 1000, || drop(core::hint::black_box(Box::new([hint(1); 8]))));
    cost("try_arc of 200 bytes", 1000, || drop(core::hint::black_box(memory::try_arc([hint(1); 25]))));
    cost("vector of 5000 bytes", 1000, || drop(core::hint::black_box(Vec::<u8>::with_capacity(hint(5000)))));
    let lock = SpinLock::new(Rank(5, "cost"), 0);
    cost("spin lock", 1000, || *lock.lock() += 1);
    let lock = machine::sync::IrqLock::new(Rank(5, "cost"), 0);
    cost("interrupt lock", 1000, || *lock.lock() += 1);
    cost("zeroed frame", 1000, || drop(Frame::zeroed()));
    let frame = page(1);
    cost("copied frame", 1000, || drop(Frame::copy_of(&frame)));
    cost("empty space", 100, || drop(UserSpace::new()));
    let space = Arc::new(UserSpace::new().expect("memory for page tables"));
    let other = page(2);
    space.map(0x40_0000, other.clone(), READ_WRITE).expect("memory for page tables");
    cost("page mapped and unmapped beside another", 1000, || {
        let _ = space.map(0x40_1000, other.clone(), READ_WRITE);
        space.unmap(0x40_1000..0x40_2000, &mut |_, _| ());
    });
    for number in 0..100 {
        space.map(0x50_0000 + number * PAGE, other.clone(), READ_WRITE).expect("memory for page tables");
    }
    cost("space of 101 pages inherited and dropped", 100, || {
        let child = UserSpace::new().expect("memory for page tables");
        let _ = space.inherit(&child, 0..USER_END, Inherit::CopyOnWrite);
    });
    with_space(&space, || {
        let mut buffer = [0u8; 4096];
        cost("load of a user word", 1000, || {
            let _ = core::hint::black_box(user::load_user::<u64>(0x40_0000));
        });
        cost("16 bytes from user", 1000, || {
            let _ = core::hint::black_box(user::copy_from_user(&mut buffer[..16], 0x40_0000));
        });
        cost("4096 bytes from user", 1000, || {
            let _ = core::hint::black_box(user::copy_from_user(&mut buffer, 0x40_0000));
        });
        true
    });
    let statistics = memory::statistics();
    say!("     {statistics:?}");
    true
}
