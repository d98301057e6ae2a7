//! Intrusive collections with owned nodes: nothing is allocated on insertion, so they may change under spin locks.
//!
//! Soundness does not rest on the node type's `links` method: each collection has an identity, links belong to the one that
//! claimed them, and a collection follows only what it wrote itself. A node that is in a collection cannot go away, nor be
//! borrowed uniquely, because the collection holds a reference to it.
mod list;
mod tree;

pub use list::{Iter, Linked, Links, List};
pub use tree::{Tree, TreeIter, TreeLinked, TreeLinks};

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

/// The identity of no collection.
const NOBODY: u64 = 0;

/// A fresh identity; each CPU-independent and never used twice.
fn identity() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// An `Arc<T>` without its type, kept inside the links of the node it counts for.
type Erased = *const ();

fn erase<T>(node: Arc<T>) -> Erased {
    const { assert!(size_of::<Arc<T>>() == size_of::<Erased>()) };
    // SAFETY: both are one pointer in size, and a pointer has no invalid values.
    unsafe { core::mem::transmute_copy(&core::mem::ManuallyDrop::new(node)) }
}

/// Restores the type.
///
/// # Safety
/// `erased` came from [`erase`] of the same `T` and is used once.
unsafe fn restore<T>(erased: Erased) -> Arc<T> {
    // SAFETY: by the caller's promise the bits are an `Arc<T>`.
    unsafe { core::mem::transmute_copy(&erased) }
}

#[cfg(test)]
mod tests;
