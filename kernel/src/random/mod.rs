//! The random number generator behind getrandom(2), /dev/urandom, ASLR and AT_RANDOM.
//!
//! One base key holds the entropy; each CPU draws a key of its own from it and advances that with every request, so that
//! requests on different CPUs do not meet. A key gives a stock of a few blocks and the next key, and is forgotten; what is
//! given out of the stock is wiped there. So what was given out cannot be computed from what is there at a later moment.
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
    /// Bytes to be given out, of which the first `left` are.
    stock: [u8; STOCK],
    left: usize,
}
/// Blocks made at a time, and what they give beside the next key.
const BLOCKS: usize = 4;
const STOCK: usize = BLOCKS * BLOCK - KEY;

static BASE: SpinLock<Base> = SpinLock::new(rank::RANDOM_BASE, Base { key: [0; KEY] });
static LOCAL: PerCpu<SpinLock<Local>> =
    PerCpu::new(|| SpinLock::new(rank::RANDOM_CPU, Local { key: [0; KEY], generation: 0, stock: [0; STOCK], left: 0 }));
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

impl Local {
    /// Makes a new stock, and a new key, of the key.
    fn restock(&mut self) {
        let key = self.key;
        let mut blocks = [0; BLOCKS * BLOCK];
        for (place, counter) in blocks.chunks_exact_mut(BLOCK).zip(0u32..) {
            place.copy_from_slice(&chacha::block(&key, counter, [2, 0, 0]));
        }
        let (key, stock) = blocks.split_at(KEY);
        self.key.copy_from_slice(key);
        self.stock.copy_from_slice(stock);
        self.left = STOCK;
    }
    /// Gives out bytes of the stock, at most a key's.
    #[inline]
    fn give(&mut self, into: &mut [u8]) {
        if self.left < into.len() {
            self.restock();
        }
        let left = self.left.saturating_sub(into.len());
        if let Some(given) = self.stock.get_mut(left..self.left) {
            into.copy_from_slice(given);
            given.fill(0);
        }
        self.left = left;
    }
}

/// Fills with bytes that are given out once, at most as many as a key has.
fn draw(into: &mut [u8]) {
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
        // What is in stock was made without what is new.
        local.left = 0;
    }
    local.give(into)
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
    if into.len() <= KEY {
        return draw(into);
    }
    let mut key = [0; KEY];
    draw(&mut key);
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
    // Zeroing the large buffer would cost more than the bytes.
    let mut few = [0; KEY];
    if let Some(few) = few.get_mut(..into.remaining()) {
        fill(few);
        return into.put(few);
    }
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
