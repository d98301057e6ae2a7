//! The battery-backed real-time clock.
use crate::instructions::{in8, out8};

fn register(index: u8) -> u8 {
    // SAFETY: selecting a CMOS register (with NMI left on) changes no memory.
    unsafe { out8(0x70, index) };
    in8(0x71)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days(year: u64, month: u64, day: u64) -> u64 {
    // Years counted from March, so that the leap day is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// Seconds since 1970, 0 if there is no clock.
pub(super) fn read() -> u64 {
    const UPDATING: u8 = 1 << 7;
    let fields = || [0x00, 0x02, 0x04, 0x07, 0x08, 0x09, 0x32].map(register);
    let mut before = fields();
    for _ in 0..1000 {
        if register(0x0a) & UPDATING != 0 {
            continue;
        }
        let after = fields();
        if before == after {
            break;
        }
        before = after;
    }
    let mode = register(0x0b);
    let binary = mode & 4 != 0;
    let afternoon = before[2] & 0x80 != 0 && mode & 2 == 0;
    before[2] &= 0x7f;
    let [second, minute, hour, day, month, year, century] =
        before.map(|value| if binary { value as u64 } else { (value >> 4) as u64 * 10 + (value & 15) as u64 });
    let hour = if mode & 2 == 0 { hour % 12 + if afternoon { 12 } else { 0 } } else { hour };
    if !(1..=31).contains(&day) || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 60 || year > 99 {
        return 0;
    }
    let century = if (19..=25).contains(&century) { century } else { 20 };
    let year = century * 100 + year;
    if year < 1970 {
        return 0;
    }
    days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
}

#[cfg(test)]
mod tests {
    use super::days;

    #[test]
    fn days_of_known_dates() {
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(2000, 2, 29), 11_016);
        assert_eq!(days(2026, 11, 25), 20_782);
    }
}
