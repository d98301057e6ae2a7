//! Lists of sockets, for reports and for messages to many.
use crate::error::Result;
use crate::sync::SpinLock;
use alloc::sync::Arc;
use alloc::vec::Vec;
use machine::collections::{Linked, List};

/// Adds those of a list that are chosen; ENOMEM. Memory is asked for without the list's lock, so a list that grows is counted again.
pub fn gather<T: Linked<TAG>, const TAG: usize>(
    list: &SpinLock<List<T, TAG>>,
    found: &mut Vec<Arc<T>>,
    choose: impl Fn(&T) -> bool,
) -> Result<()> {
    loop {
        let sockets = list.lock();
        let wanted = sockets.iter().filter(|socket| choose(socket)).count();
        if found.capacity() - found.len() >= wanted {
            found.extend(sockets.iter_arcs().filter(|socket| choose(socket)).take(wanted).cloned());
            return Ok(());
        }
        drop(sockets);
        found.try_reserve(wanted)?;
    }
}
