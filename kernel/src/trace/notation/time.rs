//! Structures of the calls about time.
use super::names::{ADJUST_MODES, CLOCK_STATES, CLOCK_STATUS};
use crate::trace::show::Show;
use abi::Abi;

/// Seconds and fraction, as the ABI has them; bytes of both.
fn pair(show: &Show<'_>, address: u64) -> Option<(i64, i64)> {
    if show.wide_time {
        let seconds = show.u64_at(address)? as i64;
        let fraction = show.u64_at(address.wrapping_add(8))? as i64;
        return Some((seconds, if matches!(show.abi, Abi::I386) { fraction as i32 as i64 } else { fraction }));
    }
    let (seconds, fraction) = (show.u32_at(address)?, show.u32_at(address.wrapping_add(4))?);
    Some(((seconds as i32).into(), (fraction as i32).into()))
}
fn size(show: &Show<'_>) -> u64 {
    if show.wide_time { 16 } else { 8 }
}
/// `{tv_sec=1, tv_nsec=2}`; the name of the fraction is the caller's.
pub fn write_pair(show: &mut Show<'_>, address: u64, fraction: &str) -> Option<()> {
    let (seconds, rest) = pair(show, address)?;
    show.text.put("{tv_sec=");
    show.text.signed(seconds);
    show.text.put(", ");
    show.text.put(fraction);
    show.text.byte(b'=');
    show.text.signed(rest);
    show.text.byte(b'}');
    Some(())
}

/// `struct timespec`.
pub fn timespec(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| write_pair(show, address, "tv_nsec"));
}
/// `struct timeval`.
pub fn timeval(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| write_pair(show, address, "tv_usec"));
}
/// What is left of a sleep: written only when the sleep was interrupted.
pub fn remaining(show: &mut Show<'_>, address: u64) {
    match show.result {
        Some(0) | None => show.text.address(address),
        Some(_) if show.error().is_some_and(|errno| errno != abi::Errno::EINTR) => show.text.address(address),
        Some(_) => timespec(show, address),
    }
}

fn setting(show: &mut Show<'_>, address: u64, fraction: &str) {
    let second = address.wrapping_add(size(show));
    show.structure(address, |show| {
        show.text.put("{it_interval=");
        write_pair(show, address, fraction)?;
        show.text.put(", it_value=");
        write_pair(show, second, fraction)?;
        show.text.byte(b'}');
        Some(())
    });
}
/// `struct itimerval`.
pub fn interval(show: &mut Show<'_>, address: u64) {
    setting(show, address, "tv_usec");
}
/// `struct itimerspec`.
pub fn timer_setting(show: &mut Show<'_>, address: u64) {
    setting(show, address, "tv_nsec");
}

/// `struct timex`.
pub fn timex(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| {
        // Words of the wide form have 64 bits, and ints are followed by as many bytes as align what follows.
        let word = if show.wide_time { 8 } else { 4 };
        let at = |index: u64| address.wrapping_add(word * index);
        let long = |show: &Show<'_>, index| match word {
            8 => show.u64_at(at(index)).map(|value| value as i64),
            _ => show.u32_at(at(index)).map(|value| (value as i32).into()),
        };
        let int = |show: &Show<'_>, index| show.u32_at(at(index)).map(u64::from);
        show.text.byte(b'{');
        show.field("modes");
        show.bits(int(show, 0)?, ADJUST_MODES, "ADJ_???");
        for (index, name) in (1..).zip(["offset", "freq", "maxerror", "esterror"]) {
            show.signed_field(name, long(show, index)?);
        }
        show.field("status");
        show.bits(int(show, 5)?, CLOCK_STATUS, "STA_???");
        for (index, name) in (6..).zip(["constant", "precision", "tolerance"]) {
            show.signed_field(name, long(show, index)?);
        }
        show.field("time");
        write_pair(show, at(9), "tv_usec")?;
        for (index, name) in (11..).zip(["tick", "ppsfreq", "jitter"]) {
            show.signed_field(name, long(show, index)?);
        }
        show.signed_field("shift", (int(show, 14)? as i32).into());
        for (index, name) in (15..).zip(["stabil", "jitcnt", "calcnt", "errcnt", "stbcnt"]) {
            show.signed_field(name, long(show, index)?);
        }
        show.signed_field("tai", (int(show, 20)? as i32).into());
        show.text.byte(b'}');
        Some(())
    });
}
/// What adjtimex(2) says of the clock.
pub fn timex_answer(show: &mut Show<'_>) {
    show.meaning(|show| show.choice(show.result.unwrap_or(0) as u64, CLOCK_STATES, "TIME_???"));
}

/// `time_t` behind a pointer.
pub fn seconds(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| {
        let value = if show.wide_time { show.u64_at(address)? as i64 } else { (show.u32_at(address)? as i32).into() };
        show.text.byte(b'[');
        show.text.signed(value);
        date(show, value, None);
        show.text.byte(b']');
        Some(())
    });
}

/// ` /* 2026-11-26T06:45:26.000000002+0000 */`.
fn date(show: &mut Show<'_>, seconds: i64, nanoseconds: Option<i64>) {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days are counted from 1 March of year 0 of the Gregorian calendar, in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    show.text.put(" /* ");
    for (value, digits, after) in [
        (year, 4, "-"),
        (month, 2, "-"),
        (day_of_month, 2, "T"),
        (second / 3600, 2, ":"),
        (second / 60 % 60, 2, ":"),
        (second % 60, 2, ""),
    ] {
        show.text.padded(value.unsigned_abs(), digits);
        show.text.put(after);
    }
    if let Some(nanoseconds) = nanoseconds.filter(|nanoseconds| *nanoseconds != 0) {
        show.text.byte(b'.');
        show.text.padded(nanoseconds.unsigned_abs(), 9);
    }
    show.text.put("+0000 */");
}

/// The times of utimensat(2).
pub fn file_times(show: &mut Show<'_>, address: u64) {
    const NOW: i64 = (1 << 30) - 1;
    const OMIT: i64 = (1 << 30) - 2;
    let size = size(show);
    show.array(address, 2, size, |show, at| {
        let (seconds, nanoseconds) = pair(show, at)?;
        match nanoseconds {
            NOW => show.text.put("UTIME_NOW"),
            OMIT => show.text.put("UTIME_OMIT"),
            _ => {
                write_pair(show, at, "tv_nsec")?;
                date(show, seconds, Some(nanoseconds));
            }
        }
        Some(())
    });
}
/// The times of utimes(2).
pub fn file_times_in_microseconds(show: &mut Show<'_>, address: u64) {
    let size = size(show);
    show.array(address, 2, size, |show, at| {
        let (seconds, microseconds) = pair(show, at)?;
        write_pair(show, at, "tv_usec")?;
        date(show, seconds, Some(microseconds.wrapping_mul(1000)));
        Some(())
    });
}

/// `struct tms`.
pub fn processor_times(show: &mut Show<'_>, address: u64) {
    let size = show.long_size();
    show.structure(address, |show| {
        show.text.byte(b'{');
        for (index, name) in ["tms_utime", "tms_stime", "tms_cutime", "tms_cstime"].iter().enumerate() {
            let ticks = show.long_at(address.wrapping_add(index as u64 * size))?;
            show.unsigned_field(name, ticks);
        }
        show.text.byte(b'}');
        Some(())
    });
}
