//! A simulated machine's memory for tests on the host, and tests of the whole allocator on it.
use super::info::Kind;
use super::*;
use crate::paging::direct_map;
use crate::seam::PhysicalRange;
use core::alloc::{GlobalAlloc, Layout};
use std::sync::{Mutex, MutexGuard, OnceLock};

/// Bytes of simulated memory.
pub(crate) const MEMORY: u64 = 96 << 20;
/// Reserved in the middle, as an initramfs would be.
pub(crate) const RESERVED: PhysicalRange = PhysicalRange { start: 0x250_0800, end: 0x2a0_1234 };

/// Reserved for the test of the initramfs.
pub(crate) const IMAGE: PhysicalRange = PhysicalRange { start: 0x300_0800, end: 0x300_8123 };

/// Starts the simulated memory once; tests that count frames hold the guard to be alone.
pub(crate) fn start() -> MutexGuard<'static, ()> {
    static START: OnceLock<()> = OnceLock::new();
    static ALONE: Mutex<()> = Mutex::new(());
    START.get_or_init(|| {
        let layout = Layout::from_size_align(MEMORY as usize, 4 << 20).unwrap();
        // SAFETY: a fresh block, leaked.
        crate::paging::set_direct_map(unsafe { std::alloc::alloc(layout) });
        let range = |start, end| PhysicalRange { start, end };
        let map = [
            range(0x200_0000, MEMORY),
            range(0, 0),
            range(0x10_0000, 0x300_0000),
            range(0, 0x9_fc00),
            range(0x50_0000, 0x40_0000),
        ];
        let records = Layout::array::<info::FrameInfo>((MEMORY / PAGE_SIZE as u64) as usize + 4096).unwrap();
        // SAFETY: a fresh block of zeros, leaked.
        info::set_infos(unsafe { info::Infos::new(std::alloc::alloc_zeroed(records).cast()) });
        initialize(&map, &[range(0x20_0000, 0x40_0000), IMAGE, RESERVED, range(0, 0x10_0000)]);
        // 24320 pages from 1 MiB on, less the reserved ones, the tables of the records, and the records of three groups: the
        // first, where the image is, the third, and the fourth.
        assert_eq!(statistics().total, 24320 - 512 - 1282 - 9 - 3 - 3 * 16);
    });
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn in_use() -> usize {
    trim();
    let now = statistics();
    now.total - now.free
}

#[test]
fn frames_come_and_go() {
    let _alone = start();
    let before = in_use();
    let first = Frame::zeroed().unwrap();
    assert_eq!(first.write(4090, &[1, 2, 3, 4, 5, 6, 7, 8]), 6);
    let second = Frame::copy_of(&first).unwrap();
    let mut bytes = [0; 8];
    assert_eq!((second.read(4088, &mut bytes), bytes), (8, [0, 0, 1, 2, 3, 4, 5, 6]));
    second.clear(4091, 100);
    assert_eq!((second.read(4089, &mut bytes), bytes[1]), (7, 1));
    assert_eq!(bytes[2..7], [0; 5]);
    let third = first.clone();
    assert_eq!((first.reference_count(), second.reference_count()), (2, 1));
    assert_eq!((first.set_flags(flags::DIRTY), first.clear_flags(flags::DIRTY), third.flags()), (0, 1, 0));
    first.set_owner(7, 9);
    assert_eq!(third.owner(), (7, 9));
    let zero = Frame::zero_page();
    assert!(zero.is_zero_page() && zero.clone().is_zero_page() && !first.is_zero_page());
    assert_eq!(zero.write(0, &[1]), 0);
    assert_eq!(in_use(), before + 2);
    drop((first, second, third, zero));
    assert_eq!(in_use(), before);
}

#[test]
fn all_memory_can_be_used_once() {
    let _alone = start();
    trim();
    let mut frames = Vec::new();
    while let Ok(frame) = Frame::zeroed() {
        frames.push(frame);
    }
    let now = statistics();
    assert!(now.free < 200, "{now:?}");
    let reserved = |frame: &Frame| {
        let address = frame.number() * PAGE_SIZE as u64;
        address < 0x10_0000 || (0x20_0000..0x40_0000).contains(&address)
    };
    assert!(!frames.iter().any(reserved));
    let mut numbers: Vec<_> = frames.iter().map(Frame::number).collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), frames.len());
    drop(frames);
    trim();
    let run = percpu::allocate_run(1000, Kind::Heap).unwrap();
    assert_eq!(run % 1024, 0);
    percpu::free_run(run, 1000, Kind::Heap);
}

#[test]
fn heap_blocks_are_disjoint_and_come_back() {
    let _alone = start();
    let before = in_use();
    let heap = heap::Heap;
    let mut held = Vec::new();
    for round in 0..3000usize {
        let size = [1, 8, 16, 24, 100, 129, 500, 700, 1000, 2048, 2049, 4096, 9000, 70_000][round % 14];
        let align = [1, 8, 16, 64, 256, 4096][round % 6];
        let layout = Layout::from_size_align(size, align).unwrap();
        // SAFETY: written within its layout and freed once with the same layout.
        unsafe {
            let block = heap.alloc(layout);
            assert!(!block.is_null() && block.addr().is_multiple_of(align));
            block.write_bytes(round as u8, size);
            held.push((block, layout, round as u8));
        }
        if round % 3 == 0 {
            let (block, layout, mark) = held.swap_remove(round * 7 % held.len());
            // SAFETY: as above.
            unsafe {
                assert_eq!((block.read(), block.add(layout.size() - 1).read()), (mark, mark));
                heap.dealloc(block, layout);
            }
        }
    }
    for (block, layout, mark) in held {
        // SAFETY: as above.
        unsafe {
            assert_eq!((block.read(), block.add(layout.size() - 1).read()), (mark, mark));
            let grown = heap.realloc(block, layout, layout.size() + 40);
            assert_eq!((grown.read(), grown.add(layout.size() - 1).read()), (mark, mark));
            heap.dealloc(grown, Layout::from_size_align(layout.size() + 40, layout.align()).unwrap());
        }
    }
    // At most one empty slab of a class stays.
    assert!(in_use() <= before + slab::CLASSES);
}

#[test]
fn several_cpus_share_the_heap() {
    let _alone = start();
    let (send, receive) = std::sync::mpsc::channel::<usize>();
    let layout = Layout::from_size_align(64, 8).unwrap();
    let giver = std::thread::spawn(move || {
        for _ in 0..5000 {
            // SAFETY: a block of its own, freed by the other thread.
            let block = unsafe { heap::Heap.alloc(layout) };
            // SAFETY: within the block.
            unsafe { block.cast::<usize>().write(block.addr()) };
            send.send(block.addr()).unwrap();
        }
        trim();
    });
    for block in receive {
        let block = std::ptr::with_exposed_provenance_mut::<usize>(block);
        // SAFETY: handed over by the other thread.
        unsafe {
            assert_eq!(block.read(), block.addr());
            heap::Heap.dealloc(block.cast(), layout);
        }
    }
    giver.join().unwrap();
}

#[test]
fn injected_failures_come_once() {
    let _alone = start();
    fail_after(Some(2));
    let results = [try_box(1).is_ok(), try_arc(2).is_ok(), Frame::zeroed().is_ok(), try_box(3).is_ok()];
    fail_after(None);
    assert_eq!(results, [true, true, false, true]);
}

#[test]
fn reserved_memory_can_be_adopted_and_released() {
    let _alone = start();
    let total = statistics().total;
    let first = (RESERVED.start / 4096 + 1) as u32;
    let mut frames = Vec::new();
    // SAFETY: reserved, used by no other test.
    unsafe { adopt(first, 3, |frame| frames.push(frame)) };
    // SAFETY: simulated memory.
    unsafe { direct_map(u64::from(first) * 4096).write(77) };
    let mut byte = [0];
    assert_eq!((frames[0].read(0, &mut byte), byte), (1, [77]));
    assert_eq!(statistics().total, total + 3);
    let before = in_use();
    drop(frames);
    assert_eq!(in_use(), before - 3);
    release(PhysicalRange { start: u64::from(first + 3) * 4096, end: RESERVED.end });
    assert!(statistics().total > total + 1000);
}
