//! What comes with a signal: `siginfo_t`.
use super::*;
use crate::error::{E2BIG, Result};
use crate::process::Task;
use crate::syscall::user::{UserLayout, UserPtr, UserSlice};
use abi::Abi;

/// A signal with what its receiver may know about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SignalInfo {
    /// Signal number.
    pub signal: u32,
    /// `si_errno`.
    pub errno: i32,
    /// `si_code`.
    pub code: i32,
    /// The code-dependent fields, as they lie in memory from offset 16 of the 64-bit layout.
    pub fields: [u64; 4],
}

/// Two 32-bit halves as a word of `fields`.
fn pair(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

impl SignalInfo {
    /// Raised by the kernel without more to say (SI_KERNEL).
    pub const fn kernel(signal: u32) -> SignalInfo {
        SignalInfo { signal, errno: 0, code: SI_KERNEL, fields: [0; 4] }
    }
    /// Sent by a process: kill(2) (SI_USER) or tkill(2) (SI_TKILL).
    pub fn sent(signal: u32, code: i32, sender: &Task) -> SignalInfo {
        let user = sender.with_credentials(|own| own.namespace.user(own.user));
        SignalInfo { signal, errno: 0, code, fields: [pair(sender.group().id_in_own_namespace(), user), 0, 0, 0] }
    }
    /// Raised by a thread's own doing or sent by it: `si_pid` is the thread's number.
    pub fn from_thread(signal: u32, code: i32, thread: &Task) -> SignalInfo {
        let user = thread.with_credentials(|own| own.namespace.user(own.user));
        SignalInfo { signal, errno: 0, code, fields: [pair(thread.id_in_own_namespace(), user), 0, 0, 0] }
    }
    /// Caused by an instruction that touched `address`.
    pub const fn fault(signal: u32, code: i32, address: u64) -> SignalInfo {
        SignalInfo { signal, errno: 0, code, fields: [address, 0, 0, 0] }
    }
    /// A page that its protection key forbids.
    pub fn protection_key(address: u64, key: u32) -> SignalInfo {
        SignalInfo { signal: SIGSEGV, errno: 0, code: SEGV_PKUERR, fields: [address, 0, u64::from(key), 0] }
    }
    /// A child has changed its state. Times are in clock ticks.
    pub fn child(signal: u32, code: i32, pid: u32, user: u32, status: i32, times: (u64, u64)) -> SignalInfo {
        SignalInfo { signal, errno: 0, code, fields: [pair(pid, user), pair(status as u32, 0), times.0, times.1] }
    }
    /// A POSIX timer has expired.
    pub fn timer(signal: u32, id: i32, overrun: i32, value: u64) -> SignalInfo {
        SignalInfo { signal, errno: 0, code: SI_TIMER, fields: [pair(id as u32, overrun as u32), value, 0, 0] }
    }
    /// A descriptor is ready (F_SETSIG).
    pub fn io(signal: u32, code: i32, band: u64, fd: i32) -> SignalInfo {
        SignalInfo { signal, errno: 0, code, fields: [band, pair(fd as u32, 0), 0, 0] }
    }
    /// `si_pid`, where there is one.
    pub fn pid(&self) -> u32 {
        self.fields[0] as u32
    }
    /// Whether `si_pid` and `si_uid` name a process that sent it.
    pub fn names_sender(&self) -> bool {
        matches!(self.kind(), Kind::Kill | Kind::Queued) && self.code != SI_KERNEL
    }
    /// `si_uid`, where there is one.
    pub fn user(&self) -> u32 {
        (self.fields[0] >> 32) as u32
    }
    /// `si_status` of a child.
    pub fn status(&self) -> i32 {
        self.fields[1] as u32 as i32
    }
    /// `si_addr` of a fault.
    pub fn address(&self) -> u64 {
        self.fields[0]
    }
    /// Whether a user process sent it (SI_FROMUSER).
    pub fn is_from_user(&self) -> bool {
        self.code <= 0
    }
}

/// Bytes of `siginfo_t`.
pub const SIZE: usize = 128;
/// What the kernel knows of the 64-bit one.
const KNOWN_SIZE: usize = 48;

/// What the fields are, by signal and code (sigaction(2), "The siginfo_t argument").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Process and user.
    Kill,
    /// Timer and overruns, value.
    Timer,
    /// Process and user, value.
    Queued,
    /// Process and user, status, times.
    Child,
    /// Address, and what is behind it.
    Fault,
    /// Band, descriptor.
    Poll,
    /// Address, number and architecture.
    Call,
}

impl SignalInfo {
    fn kind(&self) -> Kind {
        const MOST_POLL: i32 = 6;
        match (self.code, self.signal) {
            (SI_TIMER, _) => Kind::Timer,
            (SI_SIGIO, _) => Kind::Poll,
            (..=-1, _) => Kind::Queued,
            (1..=9, SIGSEGV) | (1..=15, SIGFPE) | (1..=11, SIGILL) | (1..=5, SIGBUS) | (1..=6, SIGTRAP) => Kind::Fault,
            (1..=6, SIGCHLD) => Kind::Child,
            (1..=2, SIGSYS) => Kind::Call,
            (1..=MOST_POLL, _) => Kind::Poll,
            _ => Kind::Kill,
        }
    }
    /// The fields as 32-bit words from offset 12 of the narrow layout.
    fn narrow(&self, abi: Abi) -> [u32; 7] {
        let [first, second, third, fourth] = self.fields;
        let (low, high) = (|word: u64| word as u32, |word: u64| (word >> 32) as u32);
        match self.kind() {
            Kind::Kill => [low(first), high(first), 0, 0, 0, 0, 0],
            Kind::Timer | Kind::Queued => [low(first), high(first), low(second), 0, 0, 0, 0],
            Kind::Child if matches!(abi, Abi::X32) => {
                [low(first), high(first), low(second), low(third), high(third), low(fourth), high(fourth)]
            }
            Kind::Child => [low(first), high(first), low(second), low(third), low(fourth), 0, 0],
            Kind::Fault => [low(first), low(second), low(third), low(fourth), 0, 0, 0],
            Kind::Poll => [low(first), low(second), 0, 0, 0, 0, 0],
            Kind::Call => [low(first), low(second), high(second), 0, 0, 0, 0],
        }
    }
    /// The fields of those words.
    fn widened(&self, abi: Abi, words: [u32; 7]) -> [u64; 4] {
        let [a, b, c, d, e, f, g] = words;
        let wide = u64::from;
        match self.kind() {
            Kind::Kill => [pair(a, b), 0, 0, 0],
            Kind::Timer | Kind::Queued => [pair(a, b), wide(c), 0, 0],
            Kind::Child if matches!(abi, Abi::X32) => [pair(a, b), wide(c), pair(d, e), pair(f, g)],
            Kind::Child => [pair(a, b), wide(c), wide(d), wide(e)],
            Kind::Fault => [wide(a), wide(b), wide(c), wide(d)],
            Kind::Poll => [wide(a), wide(b), 0, 0],
            Kind::Call => [wide(a), pair(b, c), 0, 0],
        }
    }
}

impl SignalInfo {
    /// What a program sends. Of a 64-bit one's only what the kernel knows is read; where the form is unknown, what lies behind must
    /// be zeros: E2BIG.
    pub fn read_sent(task: &Task, place: UserPtr<SignalInfo>, signal: u32) -> Result<SignalInfo> {
        if !matches!(task.abi(), Abi::X86_64) {
            return place.read(task);
        }
        let mut known = [0; KNOWN_SIZE];
        let mut source = UserSlice::new(place.address(), SIZE);
        source.read(&mut known)?;
        let info = SignalInfo::decode(Abi::X86_64, &known);
        if !info.has_known_form(signal) {
            let mut rest = [0; SIZE - KNOWN_SIZE];
            source.read(&mut rest)?;
            if rest != [0; SIZE - KNOWN_SIZE] {
                return Err(E2BIG);
            }
        }
        Ok(info)
    }

    fn has_known_form(&self, signal: u32) -> bool {
        let highest = match signal {
            SIGFPE => 15,
            SIGILL => 11,
            SIGSEGV => 9,
            _ => 6,
        };
        let kernel = [SI_KERNEL, SI_ASYNCNL].contains(&self.code);
        kernel || (SI_DETHREAD..=highest).contains(&self.code)
    }
}

impl SignalInfo {
    /// The words of the 64-bit one that the kernel knows; the others are 0.
    pub fn words(&self) -> [u64; KNOWN_SIZE / 8] {
        let [a, b, c, d] = self.fields;
        [pair(self.signal, self.errno as u32), pair(self.code as u32, 0), a, b, c, d]
    }
}

impl UserLayout for SignalInfo {
    fn size(_: Abi) -> usize {
        SIZE
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        let word = |at: usize| bytes.get(at..at + 4).and_then(|raw| raw.try_into().ok()).map_or(0, u32::from_ne_bytes);
        let long = |at: usize| bytes.get(at..at + 8).and_then(|raw| raw.try_into().ok()).map_or(0, u64::from_ne_bytes);
        let mut info =
            SignalInfo { signal: word(0), errno: word(4) as i32, code: word(8) as i32, fields: Default::default() };
        info.fields = match abi {
            Abi::X86_64 => [long(16), long(24), long(32), long(40)],
            _ => info.widened(abi, core::array::from_fn(|index| word(12 + 4 * index))),
        };
        info
    }
    fn encode(&self, abi: Abi, bytes: &mut [u8]) {
        bytes.fill(0);
        let mut put = |at: usize, raw: &[u8]| {
            if let Some(place) = bytes.get_mut(at..at + raw.len()) {
                place.copy_from_slice(raw);
            }
        };
        put(0, &self.signal.to_ne_bytes());
        put(4, &self.errno.to_ne_bytes());
        put(8, &self.code.to_ne_bytes());
        if matches!(abi, Abi::X86_64) {
            self.fields.iter().enumerate().for_each(|(index, field)| put(16 + 8 * index, &field.to_ne_bytes()));
        } else {
            self.narrow(abi).iter().enumerate().for_each(|(index, word)| put(12 + 4 * index, &word.to_ne_bytes()));
        }
    }
}
