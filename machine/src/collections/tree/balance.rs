//! Keeping the ordered tree balanced: what hangs where, and the two walks towards the root that follow a change.
use super::{LEFT, RIGHT, TreeLinks, place};
use core::ptr;

/// The lean of a node whose subtree on this side is the deeper one.
fn lean_to(side: usize) -> i8 {
    2 * side as i8 - 1
}

/// The side of `parent` on which `child` is.
///
/// # Safety
/// `child` is a child of `parent`, whose tree is borrowed uniquely.
unsafe fn side_of(parent: *const TreeLinks, child: *const TreeLinks) -> usize {
    // SAFETY: in the tree by the caller's promise.
    usize::from(unsafe { place(parent) }.children[RIGHT] == child)
}

/// Makes `child` what hangs where `old` hung below `parent` (the root if there is none).
///
/// # Safety
/// `old` hangs there, and `child` is null or of the same tree, which is borrowed uniquely.
unsafe fn hang(root: &mut *const TreeLinks, parent: *const TreeLinks, old: *const TreeLinks, child: *const TreeLinks) {
    // SAFETY: all are in the tree; each reference ends before the next begins.
    unsafe {
        if parent.is_null() {
            *root = child;
        } else {
            let side = side_of(parent, old);
            place(parent).children[side] = child;
        }
        if !child.is_null() {
            place(child).parent = parent;
        }
    }
}

/// Lifts the child on `side` above `links`, and gives it.
///
/// # Safety
/// `links` is in the tree, which is borrowed uniquely, and has a child on that side.
unsafe fn rotate(root: &mut *const TreeLinks, links: *const TreeLinks, side: usize) -> *const TreeLinks {
    // SAFETY: all are in the tree; each reference ends before the next begins.
    unsafe {
        let child = place(links).children[side];
        let inner = place(child).children[1 - side];
        hang(root, place(links).parent, links, child);
        place(links).children[side] = inner;
        if !inner.is_null() {
            place(inner).parent = links;
        }
        place(child).children[1 - side] = links;
        place(links).parent = child;
        child
    }
}

/// Mends a node whose subtree on `side` is two deeper than the other one. Gives what is in its place then, and whether that
/// is less deep than the node was.
///
/// # Safety
/// `links` is in the tree, which is borrowed uniquely, and leans so.
unsafe fn mend(root: &mut *const TreeLinks, links: *const TreeLinks, side: usize) -> (*const TreeLinks, bool) {
    let lean = lean_to(side);
    // SAFETY: the subtree on that side is at least two deep, and three where its root leans to the inside, so the nodes
    // that are lifted are there; each reference ends before the next begins.
    unsafe {
        let child = place(links).children[side];
        let child_lean = place(child).lean;
        if child_lean == -lean {
            rotate(root, child, 1 - side);
            let middle = rotate(root, links, side);
            let middle_lean = place(middle).lean;
            place(links).lean = if middle_lean == lean { -lean } else { 0 };
            place(child).lean = if middle_lean == -lean { lean } else { 0 };
            place(middle).lean = 0;
            return (middle, true);
        }
        rotate(root, links, side);
        // A child that leans to neither side, as there is only after a removal, leaves the subtree as deep as it was.
        place(links).lean = lean.wrapping_sub(child_lean);
        place(child).lean = child_lean.wrapping_sub(lean);
        (child, child_lean != 0)
    }
}

/// Hangs a node without children below `parent` (the root if there is none).
///
/// # Safety
/// `parent` is in the tree, which is borrowed uniquely, and has no child on that side; `links` is claimed for the tree, and
/// names `parent` as its own.
pub(super) unsafe fn attach(
    root: &mut *const TreeLinks,
    parent: *const TreeLinks,
    side: usize,
    links: *const TreeLinks,
) {
    if parent.is_null() {
        *root = links;
        return;
    }
    let (mut at, mut side) = (parent, side);
    // SAFETY: from a node of the tree towards the root; each reference ends before the next begins.
    unsafe {
        place(at).children[side] = links;
        loop {
            let here = place(at);
            let (before, lean) = (here.lean, lean_to(side));
            if before == lean {
                mend(root, at, side);
                return;
            }
            here.lean = before.wrapping_add(lean);
            let above = here.parent;
            // One that leant to the other side is as deep as before.
            if before != 0 || above.is_null() {
                return;
            }
            side = side_of(above, at);
            at = above;
        }
    }
}

/// Takes a node out of the tree; what it says of its place is void then.
///
/// # Safety
/// `links` is in the tree, which is borrowed uniquely.
pub(super) unsafe fn detach(root: &mut *const TreeLinks, links: *const TreeLinks) {
    // SAFETY: in the tree, as are its relatives; each reference ends before the next begins.
    unsafe {
        let [left, right] = place(links).children;
        let parent = place(links).parent;
        if left.is_null() || right.is_null() {
            let child = if left.is_null() { right } else { left };
            if parent.is_null() {
                *root = child;
                if !child.is_null() {
                    place(child).parent = ptr::null();
                }
                return;
            }
            let side = side_of(parent, links);
            place(parent).children[side] = child;
            if !child.is_null() {
                place(child).parent = parent;
            }
            shrunk(root, parent, side);
            return;
        }
        // The next in order takes its place.
        let mut next = right;
        while !place(next).children[LEFT].is_null() {
            next = place(next).children[LEFT];
        }
        let (mut hole, mut side) = (next, RIGHT);
        if next != right {
            (hole, side) = (place(next).parent, LEFT);
            let inner = place(next).children[RIGHT];
            place(hole).children[LEFT] = inner;
            if !inner.is_null() {
                place(inner).parent = hole;
            }
            place(next).children[RIGHT] = right;
            place(right).parent = next;
        }
        place(next).children[LEFT] = left;
        place(left).parent = next;
        place(next).lean = place(links).lean;
        hang(root, parent, links, next);
        shrunk(root, hole, side);
    }
}

/// The subtree of `at` on `side` has become one less deep.
///
/// # Safety
/// `at` is in the tree, which is borrowed uniquely.
unsafe fn shrunk(root: &mut *const TreeLinks, at: *const TreeLinks, side: usize) {
    let (mut at, mut side) = (at, side);
    // SAFETY: from a node of the tree towards the root; each reference ends before the next begins.
    unsafe {
        loop {
            let here = place(at);
            let (before, lean) = (here.lean, lean_to(side));
            if before == -lean {
                let (top, is_less_deep) = mend(root, at, 1 - side);
                if !is_less_deep {
                    return;
                }
                at = top;
            } else {
                here.lean = before.wrapping_sub(lean);
                if before == 0 {
                    return;
                }
            }
            let above = place(at).parent;
            if above.is_null() {
                return;
            }
            side = side_of(above, at);
            at = above;
        }
    }
}

/// How deep the subtree is; fails where a node leans otherwise than it says, or names another parent.
#[cfg(test)]
pub(super) fn checked_depth(parent: *const TreeLinks, links: *const TreeLinks) -> usize {
    if links.is_null() {
        return 0;
    }
    // SAFETY: in a tree that its test has alone.
    let (named, children, lean) = unsafe { (place(links).parent, place(links).children, place(links).lean) };
    assert!(named == parent);
    let [left, right] = children.map(|child| checked_depth(links, child));
    assert_eq!(right as isize - left as isize, isize::from(lean));
    1 + left.max(right)
}
