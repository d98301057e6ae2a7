//! Performance events (perf_event_open(2)): the software events, counted. What they count the kernel counts for itself: an event is
//! the difference of two readings of that, so that tasks that nobody watches pay nothing.
//!
//! `attribute` reads what is asked for and `open` checks it; `event` is the object behind the descriptor, `source` what is read
//! for it; `group` says which events count together, `control` has the ioctls, `inherit` what becomes of a task's events as it
//! forks, executes and ends.
mod attribute;
mod control;
mod event;
mod group;
mod inherit;
mod open;
mod source;

pub use control::switch_own;
pub use inherit::{Slot, executed, inherit, leave};
pub use open::{PARANOIA, perf_event_open};
pub use source::{FAULT_WATCHERS, count_processor_fault};

use crate::sync::{Mutex, rank};

/// Held by whoever looks at or changes events: which are in a group, which count, and for which tasks. Nobody takes it for a
/// task without events.
static EVENTS: Mutex<()> = Mutex::new(rank::PERFORMANCE_EVENTS, ());
