//! The one order of a run queue. A place is a number, the least goes first, and its top bits are the scheduling class: a deadline
//! task's place is its absolute deadline, a real-time task's its priority and its turn among equals, a fair task's its virtual
//! run time. So the fair paths need not ask which classes there are.

/// Where the fair class begins: a fair task's place is this and its virtual run time.
pub const FAIR: u64 = 1 << 61;
/// Where the real-time class begins; below it are deadlines, in nanoseconds of the monotonic clock.
pub const REAL_TIME: u64 = 1 << 60;
/// From one real-time priority to the next: room for turns.
const STEP: u64 = 1 << 50;
/// The turn from which those at the end of a list count up and those at its front count down.
pub const MIDDLE_TURN: u64 = STEP / 2;
/// Behind all who wait, but not idle.
pub const LAST: u64 = u64::MAX - 1;
/// Before all classes: for threads of the kernel that others wait for.
pub const FIRST: u64 = 0;
/// The highest real-time priority.
pub const PRIORITY_MAXIMUM: u8 = 99;

/// The level of a real-time priority (1 to 99): where its list begins.
pub const fn of_priority(priority: u8) -> u64 {
    REAL_TIME + PRIORITY_MAXIMUM.saturating_sub(priority) as u64 * STEP
}
/// The place of an absolute deadline.
pub fn of_deadline(deadline: u64) -> u64 {
    deadline.clamp(FIRST + 1, REAL_TIME - 1)
}
/// Whether a place is of a class that goes before the fair one.
pub const fn is_ranked(place: u64) -> bool {
    place < FAIR
}
/// Whether a place is of the fair class, or behind it.
pub const fn is_fair(place: u64) -> bool {
    place >= FAIR
}
/// Whether a place is of the real-time class.
pub const fn is_real_time(place: u64) -> bool {
    REAL_TIME <= place && place < FAIR
}
/// What of a place can be compared between CPUs: all fair tasks are alike, and real-time ones of one priority.
pub const fn level(place: u64) -> u64 {
    match place {
        u64::MAX => u64::MAX,
        FAIR.. => FAIR,
        REAL_TIME.. => place & !(STEP - 1),
        _ => place,
    }
}
/// Priority of a place as /proc/PID/stat shows it: -2 to -100 for real-time priorities 1 to 99, -101 for deadlines. `None` for
/// fair tasks.
pub fn shown_priority(place: u64) -> Option<i32> {
    match place {
        FAIR.. => None,
        FIRST => Some(-100),
        REAL_TIME.. => Some(-1 - i32::from(priority_of(place))),
        _ => Some(-101),
    }
}
/// The priority of a real-time place.
pub fn priority_of(place: u64) -> u8 {
    let below = place.saturating_sub(REAL_TIME) / STEP;
    PRIORITY_MAXIMUM.saturating_sub(u8::try_from(below).unwrap_or(PRIORITY_MAXIMUM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_come_in_order() {
        assert!(of_deadline(u64::MAX) < of_priority(99));
        assert!(of_priority(99) + MIDDLE_TURN < of_priority(98));
        assert!(of_priority(1) + STEP < FAIR);
        assert_eq!(priority_of(of_priority(37) + MIDDLE_TURN + 5), 37);
        assert_eq!(level(of_priority(37) + MIDDLE_TURN), level(of_priority(37)));
        assert_eq!(shown_priority(of_priority(1)), Some(-2));
        assert_eq!(shown_priority(of_priority(99) + 7), Some(-100));
        assert_eq!(shown_priority(FAIR), None);
    }
}
