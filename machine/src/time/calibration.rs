//! How fast the time stamp counter and the APIC timer run: told by a hypervisor, else measured against the PIT or the ACPI
//! timer over less than a millisecond, until two readings agree.
use crate::firmware;
use crate::instructions::{in8, in32, out8, read_counter};
use crate::interrupt::apic;
use core::arch::x86_64::__cpuid;

/// Ticks per second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub counter: u64,
    pub timer: u64,
}

const PIT_RATE: u64 = 1_193_182;
const ACPI_RATE: u64 = 3_579_545;
/// Most attempts; a busy host disturbs some of them.
const ATTEMPTS: usize = 12;
/// Readings agree when they differ by less than one part in this many.
const AGREEMENT: u64 = 400;

/// A clock of known rate.
enum Reference {
    Pit,
    Acpi(u16),
}

impl Reference {
    fn rate(&self) -> u64 {
        match self {
            Reference::Pit => PIT_RATE,
            Reference::Acpi(_) => ACPI_RATE,
        }
    }
    /// Ticks since `begun`, an earlier raw reading.
    fn since(&self, begun: u32, now: u32) -> u32 {
        match self {
            Reference::Pit => begun.wrapping_sub(now) & 0xffff,
            Reference::Acpi(_) => now.wrapping_sub(begun) & 0xff_ffff,
        }
    }
    fn read(&self) -> u32 {
        match self {
            // SAFETY: latching PIT channel 2 changes no memory.
            Reference::Pit => unsafe {
                out8(0x43, 0x80);
                in8(0x42) as u32 | (in8(0x42) as u32) << 8
            },
            Reference::Acpi(port) => in32(*port),
        }
    }
    /// Starts the clock; false if it does not run.
    fn start(&self) -> bool {
        if let Reference::Pit = self {
            // SAFETY: PIT channel 2 only drives the speaker, which is kept silent: gate on, mode 2, count 65536.
            unsafe {
                out8(0x61, in8(0x61) & !2 | 1);
                out8(0x43, 0xb4);
                out8(0x42, 0);
                out8(0x42, 0);
            }
        }
        let begun = self.read();
        (0..1000).any(|_| self.since(begun, self.read()) != 0)
    }
}

/// One reading of all three clocks at nearly the same time.
#[derive(Clone, Copy)]
struct Reading {
    reference: u32,
    counter: u64,
    timer: u32,
    /// How long the reading took, in ticks of the counter.
    width: u64,
}

fn read(reference: &Reference) -> Reading {
    let before = read_counter();
    let value = reference.read();
    let after = read_counter();
    let timer = apic::timer_left();
    Reading { reference: value, counter: before + (after - before) / 2, timer, width: after - before }
}

/// The narrowest of a few readings.
fn read_well(reference: &Reference) -> Reading {
    let mut best = read(reference);
    for _ in 0..3 {
        let next = read(reference);
        if next.width < best.width {
            best = next;
        }
    }
    best
}

fn attempt(reference: &Reference) -> Option<Rates> {
    apic::set_timer(u32::MAX);
    let begin = read_well(reference);
    let wanted = (reference.rate() / 1250) as u32; // 0.8 ms
    let mut end = begin;
    for _ in 0..1_000_000 {
        end = read(reference);
        if reference.since(begin.reference, end.reference) >= wanted {
            break;
        }
    }
    let end =
        if reference.since(begin.reference, end.reference) >= wanted { read_well(reference) } else { return None };
    apic::set_timer(0);
    let ticks = reference.since(begin.reference, end.reference) as u64;
    let per_second = |elapsed: u64| (elapsed as u128 * reference.rate() as u128 / ticks as u128) as u64;
    let rates = Rates {
        counter: per_second(end.counter.wrapping_sub(begin.counter)),
        timer: per_second(begin.timer.wrapping_sub(end.timer) as u64),
    };
    (rates.counter > 1_000_000 && rates.timer > 1_000).then_some(rates)
}

/// What a hypervisor says (VMware's leaf, which KVM offers too): counter and bus frequency in kHz.
fn told() -> Option<Rates> {
    if __cpuid(1).ecx >> 31 & 1 == 0 || __cpuid(0x4000_0000).eax < 0x4000_0010 {
        return None;
    }
    let leaf = __cpuid(0x4000_0010);
    (leaf.eax != 0 && leaf.ebx != 0).then_some(Rates { counter: leaf.eax as u64 * 1000, timer: leaf.ebx as u64 * 1000 })
}

fn agree(a: u64, b: u64) -> bool {
    a.abs_diff(b) <= a / AGREEMENT
}

/// Measures, or asks the hypervisor.
pub(super) fn measure() -> Rates {
    if let Some(rates) = told() {
        return rates;
    }
    let reference = match firmware::timer_port() {
        Some(port) if Reference::Acpi(port).start() => Reference::Acpi(port),
        _ => Reference::Pit,
    };
    let mut last: Option<Rates> = None;
    if reference.start() {
        for _ in 0..ATTEMPTS {
            let Some(now) = attempt(&reference) else { continue };
            if let Some(last) = last
                && agree(last.counter, now.counter)
                && agree(last.timer, now.timer)
            {
                return Rates { counter: last.counter.midpoint(now.counter), timer: last.timer.midpoint(now.timer) };
            }
            last = Some(now);
        }
    }
    let guess = last.unwrap_or(Rates { counter: 1_000_000_000, timer: 1_000_000_000 });
    crate::console::print(format_args!("machine: no two readings of the clocks agree, taking {guess:?}\n"));
    guess
}
