//! Robust lists (set_robust_list(2)): what a dying task does for the mutexes it holds.
use super::key::Key;
use super::operate;
use super::table::MATCH_ANY;
use super::wait::{Faulted, retry_faults};
use crate::process::Task;
use crate::syscall::user::{UserLayout, UserWord};
use abi::Abi;
use machine::paging::Access;
use machine::user::{compare_exchange_u32_nofault, load_u32_nofault};

/// Someone waits for the word.
pub const FUTEX_WAITERS: u32 = 0x8000_0000;
/// Its owner died.
pub const FUTEX_OWNER_DIED: u32 = 0x4000_0000;
/// The owner's thread id.
pub const FUTEX_TID_MASK: u32 = 0x3fff_ffff;
/// Most entries walked, since user space may have made a ring of another kind.
const LONGEST: usize = 2048;

/// Marks every mutex on the task's robust list as owned by the dead and wakes one waiter of each. Called by the dying task
/// while its address space is still there; a list that cannot be read ends the walk.
pub fn release(task: &Task, abi: Abi, head: u64) {
    let word = |address: u64| UserWord::read_from(abi, address).map(|word| word.0).ok();
    let word_size = UserWord::size(abi) as u64;
    // Offsets may be negative: addresses wrap where pointers end.
    let pointers = if abi.has_narrow_pointers() { u32::MAX.into() } else { u64::MAX };
    let (Some(mut entry), Some(offset), Some(pending)) =
        (word(head), word(head.wrapping_add(word_size)), word(head.wrapping_add(2 * word_size)))
    else {
        return;
    };
    for _ in 0..LONGEST {
        let address = entry & !1;
        if address == head {
            break;
        }
        // The next entry is read first: once released, another thread may free this one.
        let next = word(address);
        if address != pending & !1 {
            release_one(task, address.wrapping_add(offset) & pointers, entry & 1 != 0, false);
        }
        match next {
            Some(next) => entry = next,
            None => return,
        }
    }
    if pending & !1 != 0 {
        release_one(task, (pending & !1).wrapping_add(offset) & pointers, pending & 1 != 0, true);
    }
}

/// Releases one mutex. `pending`: the task died between taking the lock and listing it, or the reverse.
fn release_one(task: &Task, address: u64, priority_inheriting: bool, pending: bool) {
    if Key::of(task, address, true).is_err() {
        return;
    }
    let id = task.id_in_own_namespace();
    let released = retry_faults(task, address, Access::Write, || {
        let mut value = load_u32_nofault(address)?;
        loop {
            if value & FUTEX_TID_MASK != id {
                return Ok::<_, Faulted>(None);
            }
            let dead = value & FUTEX_WAITERS | FUTEX_OWNER_DIED;
            let found = compare_exchange_u32_nofault(address, value, dead)?;
            if found == value {
                return Ok(Some(value));
            }
            value = found;
        }
    });
    let waiting = match released {
        Ok(Some(value)) => value & FUTEX_WAITERS != 0,
        // Unlocked already, but perhaps without the wake-up.
        Ok(None) => pending && !priority_inheriting,
        Err(_) => false,
    };
    if waiting && !priority_inheriting {
        // Nothing can be done about an error: the task is dying.
        let _ = operate::wake(task, address, false, 1, MATCH_ANY);
    } else if waiting {
        super::priority::hand_over_dead(task, address);
    }
}
