//! Sorting on a small stack.
//!
//! The sorts of the core library keep buffers of some KiB on the stack, those that recurse one per level, and the stable ones
//! ask for memory and panic without: nothing for a kernel stack (clippy.toml refuses them).

/// Sorts by a key, in place: heap sort, which takes no memory and no more of the stack however many there are. Equal ones may
/// change places.
pub fn by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    for root in (0..items.len() / 2).rev() {
        sink(items, root, &key);
    }
    for end in (1..items.len()).rev() {
        items.swap(0, end);
        let (heap, _) = items.split_at_mut(end);
        sink(heap, 0, &key);
    }
}

/// Lets an item of a heap whose largest is on top sink to its level.
fn sink<T, K: Ord>(heap: &mut [T], mut at: usize, key: &impl Fn(&T) -> K) {
    loop {
        let child = |index: usize| heap.get(index).map(|item| (key(item), index));
        let Some((largest, index)) = child(2 * at + 1).max(child(2 * at + 2)) else { return };
        if heap.get(at).is_none_or(|item| key(item) >= largest) {
            return;
        }
        heap.swap(at, index);
        at = index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sorts_as_the_library_does(mut items in proptest::collection::vec(any::<(u8, u8)>(), 0..200)) {
            let mut keys: Vec<u8> = items.iter().map(|item| item.1).collect();
            #[allow(clippy::disallowed_methods)]
            keys.sort();
            by_key(&mut items, |item| item.1);
            prop_assert_eq!(items.iter().map(|item| item.1).collect::<Vec<_>>(), keys);
        }
    }
}
