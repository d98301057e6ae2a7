use super::space::PAGE;
use super::*;
use crate::memory::{self, testing};
use proptest::prelude::*;
use std::collections::BTreeMap;

const READ: Permission = Permission { write: false, execute: false, key: 0 };
const WRITE: Permission = Permission { write: true, execute: false, key: 3 };

fn start() -> std::sync::MutexGuard<'static, ()> {
    let guard = testing::start();
    static KERNEL: std::sync::Once = std::sync::Once::new();
    KERNEL.call_once(initialize);
    guard
}
fn untyped() -> usize {
    memory::statistics().untyped
}
fn pages(space: &UserSpace) -> Vec<(u64, u64, bool)> {
    let mut pages = Vec::new();
    space.for_each(0..USER_END, &mut |address, mapping| {
        pages.push((address, mapping.frame.number(), mapping.permission.write));
    });
    pages
}

#[test]
fn pages_come_and_go_with_their_tables() {
    let _alone = start();
    let before = untyped();
    let space = UserSpace::new().unwrap();
    assert_eq!(space.resident(), (0, 1));
    let last = USER_END - PAGE;
    for address in [0, 0x40_0000, 0x40_1000, 0x60_0000, last] {
        space.map(address, Frame::zeroed().unwrap(), WRITE).unwrap();
    }
    assert_eq!(space.resident(), (5, 1 + 2 + 2 + 4));
    assert!(!space.map_if_absent(last, Frame::zeroed().unwrap(), READ).unwrap());
    assert!(space.map_if_absent(0x40_2000, Frame::zero_page(), WRITE).unwrap());
    let mapping = space.lookup(0x40_2000).unwrap();
    assert!(mapping.frame.is_zero_page() && !mapping.permission.write && mapping.permission.key == 3);
    let mapping = space.lookup(0x40_1000).unwrap();
    assert_eq!((mapping.permission, mapping.frame.reference_count()), (WRITE, 2));
    drop(mapping);
    assert!(space.lookup(0x40_3000).is_none() && space.lookup(u64::MAX).is_none());
    let number = space.lookup(0x40_0000).unwrap().frame.number();
    assert!(!space.replace(0x40_0000, number + 1, Frame::zeroed().unwrap(), READ));
    assert!(space.replace(0x40_0000, number, Frame::zeroed().unwrap(), READ));
    assert_eq!(untyped(), before + 5);
    space.unmap(0x40_0000..0x60_0000, &mut |_, _| panic!("neither accessed nor dirty"));
    assert_eq!(space.resident(), (3, 1 + 2 + 2 + 3));
    space.unmap(0..USER_END, &mut |_, _| ());
    assert_eq!(space.resident(), (0, 1));
    assert_eq!(untyped(), before);
}

#[test]
fn protection_keeps_what_it_must() {
    let _alone = start();
    let space = UserSpace::new().unwrap();
    for page in 0..4 {
        space.map(page * PAGE, Frame::zeroed().unwrap(), READ).unwrap();
    }
    let special = space.lookup(PAGE).unwrap().frame.number();
    space.protect(0..3 * PAGE, WRITE, &|frame| frame.number() != special);
    let writable: Vec<_> = pages(&space).iter().map(|page| page.2).collect();
    assert_eq!(writable, [true, false, true, false]);
    space.make_inaccessible(0..2 * PAGE);
    assert!(!space.is_accessible(0) && space.is_accessible(2 * PAGE) && !space.is_accessible(9 * PAGE));
    let kept = space.lookup(0).unwrap();
    assert!(!kept.permission.write && !kept.permission.execute);
    assert_eq!(space.resident().0, 4);
    let child = UserSpace::new().unwrap();
    space.inherit(&child, 0..USER_END, Inherit::CopyOnWrite).unwrap();
    assert!(!child.is_accessible(0) && child.lookup(0).unwrap().frame.number() == kept.frame.number());
    space.protect(0..PAGE, Permission { execute: true, ..READ }, &|_| false);
    assert_eq!(space.lookup(0).unwrap().permission, Permission { write: false, execute: true, key: 0 });
    assert!(space.is_accessible(0));
}

#[test]
fn inheritance_shares_or_copies_on_write() {
    let _alone = start();
    let before = untyped();
    let parent = UserSpace::new().unwrap();
    for page in [0, 1, 2, 600, 100_000, 1 << 27] {
        parent.map(page * PAGE, Frame::zeroed().unwrap(), WRITE).unwrap();
    }
    let child = UserSpace::new().unwrap();
    parent.inherit(&child, 0..PAGE, Inherit::Share).unwrap();
    parent.inherit(&child, PAGE..USER_END, Inherit::CopyOnWrite).unwrap();
    let (ours, theirs) = (pages(&parent), pages(&child));
    assert_eq!(ours, theirs);
    assert_eq!(ours.iter().map(|page| page.2).collect::<Vec<_>>(), [true, false, false, false, false, false]);
    assert_eq!(untyped(), before + 6);
    assert_eq!(child.lookup(0).unwrap().frame.reference_count(), 3);
    drop(parent);
    assert_eq!(child.lookup(0).unwrap().frame.reference_count(), 2);
    drop(child);
    assert_eq!(untyped(), before);
}

#[test]
fn without_memory_nothing_is_half_done() {
    let _alone = start();
    let before = untyped();
    let space = UserSpace::new().unwrap();
    space.map(0, Frame::zeroed().unwrap(), WRITE).unwrap();
    let frame = Frame::zeroed().unwrap();
    memory::fail_after(Some(0));
    assert!(space.map(PAGE, frame, WRITE).is_err());
    memory::fail_after(Some(0));
    assert!(space.move_range(0..PAGE, 1 << 40).is_err());
    memory::fail_after(None);
    assert_eq!(pages(&space).len(), 1);
    drop(space);
    assert_eq!(untyped(), before);
}

#[test]
fn hardware_bits_are_reported_and_cleared() {
    let _alone = start();
    let space = UserSpace::new().unwrap();
    for page in 0..200 {
        space.map(page * PAGE, Frame::zeroed().unwrap(), WRITE).unwrap();
    }
    // As the CPU would.
    let set = |page: u64, bits: u64| {
        space.leaf(page * PAGE).unwrap().entry(page as usize).fetch_or(bits, std::sync::atomic::Ordering::Relaxed);
    };
    for page in 0..150 {
        set(page, entry::ACCESSED | entry::DIRTY);
    }
    set(160, entry::ACCESSED);
    let mut cleaned = 0;
    space.clean(0..100 * PAGE, &mut |_, _| cleaned += 1);
    assert_eq!(cleaned, 100);
    space.clean(0..100 * PAGE, &mut |_, _| panic!("clean already"));
    let (mut used, mut dirty) = (0, 0);
    space.unmap(0..USER_END, &mut |_, mapping| {
        used += usize::from(mapping.accessed);
        dirty += usize::from(mapping.dirty);
    });
    assert_eq!((used, dirty), (151, 50));
}

#[test]
fn kernel_stacks_are_reused_and_trimmed() {
    let _alone = start();
    let before = memory::statistics().kernel_stacks;
    let stacks: Vec<_> = (0..100).map(|_| KernelStack::new().unwrap()).collect();
    assert_eq!(memory::statistics().kernel_stacks, before + 400);
    for stack in &stacks {
        assert_eq!(stack.top() - stack.bottom(), 16384);
        assert!(
            is_stack_guard(stack.bottom() - 8) && !is_stack_guard(stack.bottom()) && !is_stack_guard(stack.top() - 1)
        );
    }
    drop(stacks);
    assert!(stacks_to_trim());
    trim_stacks();
    assert!(!stacks_to_trim() && memory::statistics().kernel_stacks <= before + 64 * 4);
    let again = KernelStack::new().unwrap();
    assert!(!is_stack_guard(again.bottom()));
}

proptest! {
    #[test]
    fn tables_are_a_map(steps in proptest::collection::vec((0..6u8, 0..1600u64, 1..700u64), 1..60)) {
        let _alone = start();
        let before = untyped();
        let space = UserSpace::new().unwrap();
        let mut model: BTreeMap<u64, (u64, bool)> = BTreeMap::new();
        for (step, page, length) in steps {
            // Three clusters far apart.
            let address = |page: u64| (page % 1600 + ((page % 3) << 27)) * PAGE;
            let range = (page * PAGE)..((page + length) * PAGE);
            match step {
                0 | 1 => {
                    for page in page..page + length % 40 {
                        let frame = Frame::zeroed().unwrap();
                        model.insert(address(page), (frame.number(), true));
                        space.map(address(page), frame, WRITE).unwrap();
                    }
                }
                2 => {
                    space.unmap(range.clone(), &mut |_, _| ());
                    model.retain(|address, _| !range.contains(address));
                }
                3 => {
                    space.protect(range.clone(), READ, &|_| false);
                    model.range_mut(range).for_each(|(_, page)| page.1 = false);
                }
                4 => {
                    space.protect(range.clone(), WRITE, &|_| true);
                    model.range_mut(range).for_each(|(_, page)| page.1 = true);
                }
                _ => {
                    let to = (1 << 30) + page % 512 * PAGE;
                    space.move_range(range.clone(), to).unwrap();
                    let span = range.end - range.start;
                    model.retain(|address, _| !(to..to + span).contains(address));
                    let moved: Vec<_> = model.range(range.clone()).map(|(address, page)| (*address, *page)).collect();
                    for (address, page) in moved {
                        model.remove(&address);
                        model.insert(address - range.start + to, page);
                    }
                }
            }
            let expected: Vec<_> = model.iter().map(|(address, page)| (*address, page.0, page.1)).collect();
            prop_assert_eq!(pages(&space), expected);
            prop_assert_eq!(space.resident().0, model.len());
            prop_assert_eq!(untyped(), before + model.len());
        }
        let tables: std::collections::BTreeSet<_> = model.keys().map(|address| address >> 21).collect();
        prop_assert!(space.resident().1 <= 1 + 3 + 3 + tables.len() + 2);
        drop(space);
        prop_assert_eq!(untyped(), before);
    }
}
