//! What comes with a signal: `siginfo_t`.
use super::*;
use crate::process::Task;
use crate::syscall::user::UserLayout;
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
        let user = sender.with_credentials(|credentials| credentials.user);
        SignalInfo { signal, errno: 0, code, fields: [pair(sender.group().id_in_own_namespace(), user), 0, 0, 0] }
    }
    /// Raised by a thread's own doing or sent by it: `si_pid` is the thread's number.
    pub fn from_thread(signal: u32, code: i32, thread: &Task) -> SignalInfo {
        let user = thread.with_credentials(|credentials| credentials.user);
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

impl UserLayout for SignalInfo {
    fn size(_: Abi) -> usize {
        SIZE
    }
    fn decode(_: Abi, bytes: &[u8]) -> Self {
        let word = |at: usize| bytes.get(at..at + 4).and_then(|raw| raw.try_into().ok()).map_or(0, u32::from_ne_bytes);
        let long = |at: usize| bytes.get(at..at + 8).and_then(|raw| raw.try_into().ok()).map_or(0, u64::from_ne_bytes);
        SignalInfo {
            signal: word(0),
            errno: word(4) as i32,
            code: word(8) as i32,
            fields: [long(16), long(24), long(32), long(40)],
        }
    }
    fn encode(&self, _: Abi, bytes: &mut [u8]) {
        bytes.fill(0);
        let mut put = |at: usize, raw: &[u8]| {
            if let Some(place) = bytes.get_mut(at..at + raw.len()) {
                place.copy_from_slice(raw);
            }
        };
        put(0, &self.signal.to_ne_bytes());
        put(4, &self.errno.to_ne_bytes());
        put(8, &self.code.to_ne_bytes());
        for (index, field) in self.fields.iter().enumerate() {
            put(16 + 8 * index, &field.to_ne_bytes());
        }
    }
}
