//! The random number generator behind getrandom(2), /dev/urandom, ASLR and AT_RANDOM.
//!
//! One base key holds the entropy; each CPU draws a key of its own from it and advances that with every request, so that
//! requests on different CPUs do not meet. What was given out cannot be computed from the keys of a later moment.
pub mod calls;
pub mod chacha;

use crate::error::*;
use crate::file::IoBuffer;
use crate::process::Task;
use crate::sync::{SpinLock, rank};
use chacha::{BLOCK, KEY};
use core::sync::atomic::{AtomicU64, Ordering};
use machine::cpu::{PerCpu, PreemptGuard};

/// Nanoseconds after which fresh hardware entropy is mixed in.
const RESEED_PERIOD: u64 = 60_000_000_000;
/// Bits of entropy that make the generator ready.
const ENOUGH_BITS: usize = 256;

struct Base {
    key: [u8; KEY],
}
struct Local {
    key: [u8; KEY],
    generation: u64,
}
static BASE: SpinLock<Base> = SpinLock::new(rank::RANDOM_BASE, Base { key: [0; KEY] });
static LOCAL: PerCpu<SpinLock<Local>> =
    PerCpu::new(|| SpinLock::new(rank::RANDOM_CPU, Local { key: [0; KEY], generation: 0 }));
/// Counts changes of the base key; 0 is before the first seed. CPUs with another generation's key draw a new one.
static GENERATION: AtomicU64 = AtomicU64::new(0);
/// When hardware entropy is due again.
static NEXT_RESEED: AtomicU64 = AtomicU64::new(0);

impl Base {
    fn absorb(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(KEY) {
            for (key, byte) in self.key.iter_mut().zip(chunk) {
                *key ^= byte;
            }
            chacha::advance(&mut self.key);
        }
    }
    /// Mixes in hardware entropy, and where that is not enough what the timing of the machine's own work gives.
    fn reseed(&mut self) {
        let mut bytes = [0; 64];
        let mut bits = machine::random::entropy(&mut bytes);
        self.absorb(&bytes);
        while bits < ENOUGH_BITS && GENERATION.load(Ordering::Relaxed) == 0 {
            // A bit for a round of memory and arithmetic between two readings of the counter.
            self.absorb(&machine::time::counter().to_ne_bytes());
            bits += 1;
        }
        self.absorb(&machine::time::counter().to_ne_bytes());
        NEXT_RESEED.store(machine::time::monotonic().saturating_add(RESEED_PERIOD), Ordering::Relaxed);
        GENERATION.fetch_add(1, Ordering::Release);
    }
}

/// A key that is used once.
fn draw_key() -> [u8; KEY] {
    let guard = PreemptGuard::new();
    let mut local = LOCAL.get(&guard).lock();
    let due = || machine::time::monotonic() >= NEXT_RESEED.load(Ordering::Relaxed);
    if local.generation != GENERATION.load(Ordering::Acquire) || due() {
        let mut base = BASE.lock();
        if due() {
            base.reseed();
        }
        local.generation = GENERATION.load(Ordering::Acquire);
        let fresh = chacha::advance(&mut base.key);
        for (key, byte) in local.key.iter_mut().zip(fresh) {
            *key ^= byte;
        }
    }
    chacha::advance(&mut local.key)
}

/// Mixes bytes into the generator without crediting entropy (writes to /dev/random).
pub fn mix(bytes: &[u8]) {
    let mut base = BASE.lock();
    base.absorb(bytes);
    if GENERATION.load(Ordering::Relaxed) != 0 {
        GENERATION.fetch_add(1, Ordering::Release);
    }
}

/// Mixes fresh hardware entropy in.
pub fn reseed() {
    BASE.lock().reseed();
}

/// Fills with random bytes.
pub fn fill(into: &mut [u8]) {
    let key = draw_key();
    if into.len() <= KEY {
        into.copy_from_slice(key.get(..into.len()).unwrap_or_default());
        return;
    }
    for (chunk, counter) in into.chunks_mut(BLOCK).zip(0u32..) {
        let block = chacha::block(&key, counter, [1, 0, 0]);
        chunk.copy_from_slice(block.get(..chunk.len()).unwrap_or_default());
    }
}

/// A random word.
pub fn word() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}

/// Fills a buffer as getrandom(2) and reads of the devices do: at least a page, then until a signal is pending. EFAULT if
/// nothing could be stored.
pub fn fill_buffer(task: &Task, into: &mut IoBuffer) -> Result<usize> {
    const STEP: usize = 1024;
    const SIGNAL_CHECK: usize = 4096;
    let mut bytes = [0; STEP];
    let mut total = 0usize;
    while into.remaining() > 0 {
        let step = into.remaining().min(STEP);
        let Some(piece) = bytes.get_mut(..step) else { break };
        fill(piece);
        match into.put(piece) {
            Ok(moved) => {
                total = total.saturating_add(moved);
                if moved < step {
                    break;
                }
            }
            Err(error) if total == 0 => return Err(error),
            Err(_) => break,
        }
        if total.is_multiple_of(SIGNAL_CHECK) && task.signal_pending() {
            break;
        }
    }
    Ok(total)
}
