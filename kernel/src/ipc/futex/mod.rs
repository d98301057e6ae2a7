//! Futexes (futex(2), futex(7)): waiting on a word of user memory.
//!
//! A futex has no object of its own: waiters hang in a table hashed by what the word is (`key`). The word is read and the
//! waiter queued under the bucket's lock, wakers take the same lock, so no wake-up is lost.
pub mod calls;
pub mod inheritance;
mod key;
mod operate;
mod priority;
pub mod robust;
mod table;
mod wait;

pub use calls::{futex, futex_waitv};
pub use inheritance::Inheritance;
pub use operate::wake_address;
