//! The map of areas against a plain model.
use super::gap::Wanted;
use super::*;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

const PAGE: u64 = 4096;

fn area(start: u64, end: u64, flags: AreaFlags) -> Area {
    Area::new(start * PAGE, end * PAGE, flags, None, 0)
}
fn shape(map: &AreaMap) -> Vec<(u64, u64, u32)> {
    map.iter().map(|area| (area.start / PAGE, area.end / PAGE, area.flags.0)).collect()
}

#[test]
fn insertion_keeps_order_and_refuses_overlap() {
    let mut map = AreaMap::new();
    for start in [50, 10, 30, 70, 20] {
        map.insert(area(start, start + 5, AreaFlags::READ)).unwrap();
    }
    assert!(map.insert(area(12, 13, AreaFlags::READ)).is_err());
    assert!(map.insert(area(8, 11, AreaFlags::READ)).is_err());
    let starts: Vec<u64> = map.iter().map(|area| area.start / PAGE).collect();
    assert_eq!(starts, [10, 20, 30, 50, 70]);
    assert!(map.find(14 * PAGE).is_some());
    assert!(map.find(15 * PAGE).is_none());
    assert_eq!(map.find_from(15 * PAGE).unwrap().start, 20 * PAGE);
    assert_eq!(map.find_before(10 * PAGE).map(|area| area.start), None);
    assert_eq!(map.find_before(27 * PAGE).unwrap().start, 20 * PAGE);
}

#[test]
fn change_splits_and_merges_back() {
    let mut map = AreaMap::new();
    let mut gone = Removed::new();
    map.insert(area(10, 20, AreaFlags::READ)).unwrap();
    map.change(13 * PAGE..15 * PAGE, &mut gone, |area| area.flags = AreaFlags::WRITE).unwrap();
    assert_eq!(shape(&map), [(10, 13, 1), (13, 15, 2), (15, 20, 1)]);
    map.change(10 * PAGE..15 * PAGE, &mut gone, |area| area.flags = AreaFlags::READ).unwrap();
    assert_eq!(shape(&map), [(10, 20, 1)]);
}

#[test]
fn gaps_are_found_from_either_end() {
    let mut map = AreaMap::new();
    map.insert(area(10, 20, AreaFlags::READ)).unwrap();
    map.insert(area(30, 40, AreaFlags::READ | AreaFlags::GROWS_DOWN)).unwrap();
    let wanted = |pages: u64, guard: u64| Wanted { length: pages * PAGE, guard: guard * PAGE };
    let all = 0..50 * PAGE;
    assert_eq!(map.highest_gap(wanted(10, 0), all.clone()), Some(40 * PAGE));
    assert_eq!(map.highest_gap(wanted(5, 0), 0..42 * PAGE), Some(25 * PAGE));
    assert_eq!(map.highest_gap(wanted(5, 3), 0..42 * PAGE), Some(22 * PAGE));
    assert_eq!(map.highest_gap(wanted(10, 3), 0..42 * PAGE), Some(0));
    assert_eq!(map.highest_gap(wanted(11, 0), all.clone()), None);
    assert_eq!(map.lowest_gap(wanted(10, 0), all.clone()), Some(0));
    assert_eq!(map.lowest_gap(wanted(10, 0), PAGE..50 * PAGE), Some(20 * PAGE));
    assert_eq!(map.lowest_gap(wanted(10, 1), PAGE..50 * PAGE), Some(40 * PAGE));
    assert_eq!(map.lowest_gap(wanted(11, 0), all), None);
}

#[test]
fn random_operations_agree_with_a_model() {
    let mut map = AreaMap::new();
    let mut model: BTreeMap<u64, u32> = BTreeMap::new();
    let mut seed = 12345u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % below
    };
    let mut gone = Removed::new();
    for _ in 0..20_000 {
        let start = random(2000);
        let end = start + 1 + random(6);
        let range = start * PAGE..end * PAGE;
        match random(3) {
            0 => {
                map.split(range.start).unwrap();
                map.split(range.end).unwrap();
                map.remove(range, &mut gone).unwrap();
                for page in start..end {
                    model.remove(&page);
                }
            }
            1 => {
                let flags = 1 + random(3) as u32;
                let free = (start..end).all(|page| !model.contains_key(&page));
                assert_eq!(free, map.is_free(range.clone()));
                if free {
                    map.insert(area(start, end, AreaFlags(flags))).unwrap();
                    map.merge_range(range, &mut gone);
                    for page in start..end {
                        model.insert(page, flags);
                    }
                }
            }
            _ => {
                let flags = 1 + random(3) as u32;
                map.change(range, &mut gone, |area| area.flags = AreaFlags(flags)).unwrap();
                model.range_mut(start..end).for_each(|(_, have)| *have = flags);
            }
        }
        gone = Removed::new();
    }
    let mut expected: Vec<(u64, u64, u32)> = Vec::new();
    for (page, flags) in model {
        match expected.last_mut() {
            Some(last) if last.1 == page && last.2 == flags => last.1 = page + 1,
            _ => expected.push((page, page + 1, flags)),
        }
    }
    assert_eq!(shape(&map), expected);
    assert_eq!(map.len(), expected.len());
    assert!(map.len() > 100, "the map has several chunks");
    let length = 20 * PAGE;
    let highest = map.highest_gap(Wanted { length, guard: 0 }, 0..3000 * PAGE).unwrap();
    assert!(map.is_free(highest..highest + length));
}
