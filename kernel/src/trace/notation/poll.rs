//! Structures of the calls that wait for readiness.
use super::names::*;
use super::time;
use crate::trace::show::Show;

fn polled(show: &mut Show<'_>, at: u64, events: (&str, u64)) -> Option<u32> {
    let (descriptor, words) = (show.u32_at(at)?, show.u32_at(at.wrapping_add(4))?);
    let value = words >> (16 * events.1) & 0xffff;
    show.text.put("{fd=");
    show.text.signed((descriptor as i32).into());
    if descriptor as i32 >= 0 {
        show.field(events.0);
        show.bits(value.into(), POLL_EVENTS, "POLL???");
    }
    show.text.byte(b'}');
    Some(value)
}
/// The array of poll(2) as the kernel reads it.
pub fn poll_set(show: &mut Show<'_>, address: u64) {
    let count = show.word(1) & 0xffff_ffff;
    show.array(address, count, 8, |show, at| polled(show, at, ("events", 0)).map(drop));
}
/// What poll(2) found: ` ([{fd=0, revents=POLLIN}])`.
pub fn poll_answer(show: &mut Show<'_>) {
    if show.result == Some(0) {
        return show.text.put(" (Timeout)");
    }
    show.text.put(" ([");
    let mut is_first = true;
    for index in 0..show.word(1) & 0xffff_ffff {
        let at = show.word(0).wrapping_add(8 * index);
        let Some(words) = show.u32_at(at.wrapping_add(4)) else { break };
        if words >> 16 == 0 {
            continue;
        }
        if !is_first {
            show.text.put(", ");
        }
        is_first = false;
        if polled(show, at, ("revents", 1)).is_none() {
            break;
        }
    }
    show.text.put("]");
    let timeout = show.word(2);
    if !matches!(show.abi, abi::Abi::I386) && timeout > u64::from(u32::MAX) {
        left(show, timeout);
    }
    show.text.byte(b')');
}
/// `, left {tv_sec=0, tv_nsec=5}`, where the call writes back what is left of its time.
fn left(show: &mut Show<'_>, address: u64) {
    show.text.put(", left ");
    time::timespec(show, address);
}

/// A set of select(2), cut to the first argument.
pub fn descriptor_set(show: &mut Show<'_>, address: u64) {
    let count = (show.word(0) as i32).clamp(0, 1024) as u64;
    show.structure(address, |show| write_set(show, address, count));
}
fn write_set(show: &mut Show<'_>, address: u64, count: u64) -> Option<()> {
    show.text.byte(b'[');
    let mut separator = "";
    for descriptor in 0..count {
        let [bits] = show.bytes(address.wrapping_add(descriptor / 8))?;
        if bits >> (descriptor % 8) & 1 != 0 {
            show.text.put(separator);
            separator = " ";
            show.text.unsigned(descriptor);
        }
    }
    show.text.byte(b']');
    Some(())
}
fn select_sets(show: &mut Show<'_>) -> bool {
    if show.result == Some(0) {
        show.text.put(" (Timeout)");
        return false;
    }
    let count = (show.word(0) as i32).clamp(0, 1024) as u64;
    let mut separator = " (";
    for (name, index) in [("in ", 1), ("out ", 2), ("except ", 3)] {
        let address = show.word(index);
        let any =
            address != 0 && (0..count.div_ceil(8)).any(|byte| show.bytes(address.wrapping_add(byte)) != Some([0]));
        if any {
            show.text.put(separator);
            separator = ", ";
            show.text.put(name);
            if write_set(show, address, count).is_none() {
                return true;
            }
        }
    }
    true
}
/// What select(2) found.
pub fn select_answer(show: &mut Show<'_>) {
    if select_sets(show) {
        let timeout = show.word(4);
        if timeout != 0 {
            show.text.put(", left ");
            time::timeval(show, timeout);
        }
        show.text.byte(b')');
    }
}
/// What pselect6(2) found.
pub fn pselect_answer(show: &mut Show<'_>) {
    if select_sets(show) {
        let timeout = show.word(4);
        if timeout != 0 {
            left(show, timeout);
        }
        show.text.byte(b')');
    }
}
/// The signal mask of pselect6(2), with its size.
pub fn pselect_mask(show: &mut Show<'_>, address: u64) {
    let size = show.long_size();
    show.structure(address, |show| {
        let (mask, length) = (show.long_at(address)?, show.long_at(address.wrapping_add(size))?);
        show.text.put("{sigmask=");
        super::signal::set(show, mask);
        show.unsigned_field("sigsetsize", length);
        show.text.byte(b'}');
        Some(())
    });
}

fn write_event(show: &mut Show<'_>, at: u64) -> Option<()> {
    let (events, low, high) = (show.u32_at(at)?, show.u32_at(at.wrapping_add(4))?, show.u32_at(at.wrapping_add(8))?);
    show.text.byte(b'{');
    show.field("events");
    show.bits(events.into(), EPOLL_EVENTS, "EPOLL???");
    show.text.put(", data={");
    show.unsigned_field("u32", low.into());
    show.unsigned_field("u64", u64::from(low) | u64::from(high) << 32);
    show.text.put("}}");
    Some(())
}
/// `struct epoll_event`.
pub fn event(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| write_event(show, address));
}
/// The events that epoll_wait(2) gives.
pub fn events(show: &mut Show<'_>, address: u64) {
    let count = show.result.unwrap_or(0) as u64;
    if count == 0 && address != 0 {
        return show.text.put("[]");
    }
    show.array(address, count, 12, write_event);
}
