//! What setsockopt(2) keeps for every socket, whatever its family: socket(7).
use super::Patience;
use crate::error::*;
use crate::process::{Capability, Task};
use core::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

/// Names of the options at SOL_SOCKET.
#[allow(missing_docs)]
pub mod option {
    pub const DEBUG: u32 = 1;
    pub const REUSE_ADDRESS: u32 = 2;
    pub const TYPE: u32 = 3;
    pub const ERROR: u32 = 4;
    pub const DO_NOT_ROUTE: u32 = 5;
    pub const BROADCAST: u32 = 6;
    pub const SEND_BUFFER: u32 = 7;
    pub const RECEIVE_BUFFER: u32 = 8;
    pub const KEEP_ALIVE: u32 = 9;
    pub const URGENT_INLINE: u32 = 10;
    pub const NO_CHECK: u32 = 11;
    pub const PRIORITY: u32 = 12;
    pub const LINGER: u32 = 13;
    pub const BSD_COMPATIBLE: u32 = 14;
    pub const REUSE_PORT: u32 = 15;
    pub const PASS_CREDENTIALS: u32 = 16;
    pub const PEER_CREDENTIALS: u32 = 17;
    pub const RECEIVE_LOW: u32 = 18;
    pub const SEND_LOW: u32 = 19;
    pub const RECEIVE_TIMEOUT_OLD: u32 = 20;
    pub const SEND_TIMEOUT_OLD: u32 = 21;
    pub const BIND_TO_DEVICE: u32 = 25;
    pub const DETACH_FILTER: u32 = 27;
    pub const PEER_NAME: u32 = 28;
    pub const TIMESTAMP_OLD: u32 = 29;
    pub const ACCEPTS_CONNECTIONS: u32 = 30;
    pub const SEND_BUFFER_FORCE: u32 = 32;
    pub const RECEIVE_BUFFER_FORCE: u32 = 33;
    pub const PASS_SECURITY: u32 = 34;
    pub const TIMESTAMP_NANOSECONDS_OLD: u32 = 35;
    pub const MARK: u32 = 36;
    pub const PROTOCOL: u32 = 38;
    pub const DOMAIN: u32 = 39;
    pub const RECEIVE_QUEUE_OVERFLOW: u32 = 40;
    pub const WIFI_STATUS: u32 = 41;
    pub const PEEK_OFFSET: u32 = 42;
    pub const NO_FRAME_CHECK: u32 = 43;
    pub const SELECT_ERROR_QUEUE: u32 = 45;
    pub const PEER_GROUPS: u32 = 59;
    pub const ZERO_COPY: u32 = 60;
    pub const TIMESTAMP_NEW: u32 = 63;
    pub const TIMESTAMP_NANOSECONDS_NEW: u32 = 64;
    pub const RECEIVE_TIMEOUT_NEW: u32 = 66;
    pub const SEND_TIMEOUT_NEW: u32 = 67;
    pub const NETWORK_NAMESPACE_COOKIE: u32 = 71;
    pub const COOKIE: u32 = 57;
}
use option::*;

/// Largest buffer without privileges, and what a new socket has (net.core.wmem_max, rmem_max, wmem_default, rmem_default).
const DEFAULT_BUFFER: u32 = 212_992;
/// Smallest buffers (SOCK_MIN_SNDBUF, SOCK_MIN_RCVBUF).
const LEAST_SEND_BUFFER: u32 = 4608;
const LEAST_RECEIVE_BUFFER: u32 = 2304;
/// AF_INET and AF_INET6.
const FAMILY_INET: u32 = 2;
const FAMILY_INET6: u32 = 10;
/// The step of time-outs: Linux counts them in clock ticks of 250 a second.
const TICK: u64 = 4_000_000;

/// Options that are on or off: bits in `switches`.
const SWITCHES: [u32; 16] = [
    DEBUG,
    REUSE_ADDRESS,
    DO_NOT_ROUTE,
    BROADCAST,
    KEEP_ALIVE,
    URGENT_INLINE,
    NO_CHECK,
    REUSE_PORT,
    PASS_CREDENTIALS,
    PASS_SECURITY,
    RECEIVE_QUEUE_OVERFLOW,
    WIFI_STATUS,
    NO_FRAME_CHECK,
    SELECT_ERROR_QUEUE,
    TIMESTAMP_OLD,
    TIMESTAMP_NANOSECONDS_OLD,
];
const fn switch_bit(option: u32) -> u32 {
    let mut index = 0;
    while index < SWITCHES.len() {
        if SWITCHES[index] == option {
            return 1 << index;
        }
        index += 1;
    }
    0
}
const TIMESTAMPS: u32 = switch_bit(TIMESTAMP_OLD) | switch_bit(TIMESTAMP_NANOSECONDS_OLD);

/// Options of a socket.
pub struct SocketOptions {
    /// AF_* number.
    pub family: u32,
    /// SOCK_* number.
    pub kind: u32,
    /// Protocol.
    pub protocol: u32,
    switches: AtomicU32,
    send_buffer: AtomicU32,
    receive_buffer: AtomicU32,
    receive_low: AtomicI32,
    /// Nanoseconds; `u64::MAX` is none.
    receive_timeout: AtomicU64,
    send_timeout: AtomicU64,
    /// Seconds and one; 0 is off.
    linger: AtomicU64,
    priority: AtomicU32,
    mark: AtomicU32,
    /// An errno that the next call answers.
    error: AtomicU32,
    /// A number that no other socket has (SO_COOKIE), given when first asked for.
    cookie: AtomicU64,
}
static NEXT_COOKIE: AtomicU64 = AtomicU64::new(1);

impl SocketOptions {
    /// Those of a new socket.
    pub fn new(family: u32, kind: u32, protocol: u32) -> SocketOptions {
        SocketOptions {
            family,
            kind,
            protocol,
            switches: AtomicU32::new(0),
            send_buffer: AtomicU32::new(DEFAULT_BUFFER),
            receive_buffer: AtomicU32::new(DEFAULT_BUFFER),
            receive_low: AtomicI32::new(1),
            receive_timeout: AtomicU64::new(u64::MAX),
            send_timeout: AtomicU64::new(u64::MAX),
            linger: AtomicU64::new(0),
            priority: AtomicU32::new(0),
            mark: AtomicU32::new(0),
            error: AtomicU32::new(0),
            cookie: AtomicU64::new(0),
        }
    }
    #[inline(always)]
    fn is_on(&self, option: u32) -> bool {
        self.switches.load(Ordering::Relaxed) & switch_bit(option) != 0
    }
    /// SO_PASSCRED.
    #[inline(always)]
    pub fn passes_credentials(&self) -> bool {
        self.is_on(PASS_CREDENTIALS)
    }
    /// Passes credentials as another socket does (what accept(2) gives).
    pub fn inherit(&self, other: &SocketOptions) {
        let kept = switch_bit(PASS_CREDENTIALS) | switch_bit(PASS_SECURITY);
        self.switches.store(other.switches.load(Ordering::Relaxed) & kept, Ordering::Relaxed);
    }
    /// SO_REUSEADDR.
    pub fn reuses_address(&self) -> bool {
        self.is_on(REUSE_ADDRESS)
    }
    /// SO_REUSEPORT.
    pub fn reuses_port(&self) -> bool {
        self.is_on(REUSE_PORT)
    }
    /// SO_OOBINLINE.
    pub fn keeps_urgent_inline(&self) -> bool {
        self.is_on(URGENT_INLINE)
    }
    /// Whether messages are to say when they were sent (SO_TIMESTAMP, SO_TIMESTAMPNS).
    #[inline(always)]
    pub fn wants_time(&self) -> bool {
        self.switches.load(Ordering::Relaxed) & TIMESTAMPS != 0
    }
    /// Whether that time has nanoseconds.
    pub fn time_has_nanoseconds(&self) -> bool {
        self.is_on(TIMESTAMP_NANOSECONDS_OLD)
    }
    /// Bytes that may wait to be received, with what keeps them.
    #[inline(always)]
    pub fn send_buffer(&self) -> usize {
        self.send_buffer.load(Ordering::Relaxed) as usize
    }
    /// Bytes that may be in its queue, where they are charged to the receiver.
    #[inline(always)]
    pub fn receive_buffer(&self) -> usize {
        self.receive_buffer.load(Ordering::Relaxed) as usize
    }
    /// How many bytes a stream's reader waits for that wants `wanted`.
    #[inline(always)]
    pub fn receive_target(&self, wanted: usize, all: bool) -> usize {
        if all { wanted } else { (self.receive_low.load(Ordering::Relaxed) as usize).min(wanted) }.max(1)
    }
    /// How long a receiver waits.
    #[inline(always)]
    pub fn receive_patience(&self, nonblocking: bool) -> Patience {
        Patience::new(self.receive_timeout.load(Ordering::Relaxed), nonblocking)
    }
    /// How long a sender waits.
    #[inline(always)]
    pub fn send_patience(&self, nonblocking: bool) -> Patience {
        Patience::new(self.send_timeout.load(Ordering::Relaxed), nonblocking)
    }
    /// Leaves an error for the next call.
    pub fn set_error(&self, error: abi::Errno) {
        self.error.store(error.number() as u32, Ordering::Release);
    }
    /// Whether an error is left (POLLERR).
    #[inline(always)]
    pub fn has_error(&self) -> bool {
        self.error.load(Ordering::Acquire) != 0
    }
    fn take_error_number(&self) -> u32 {
        if self.has_error() { self.error.swap(0, Ordering::AcqRel) } else { 0 }
    }
    /// The error that was left, once.
    #[inline(always)]
    pub fn take_error(&self) -> Result<()> {
        if !self.has_error() {
            return Ok(());
        }
        match abi::Errno::from_number(self.take_error_number() as u16) {
            Some(errno) => Err(errno.into()),
            None => Ok(()),
        }
    }

    /// Sets an option that is one `int`; ENOPROTOOPT for one that is not known or cannot be set, EPERM, EINVAL.
    pub(super) fn set(&self, task: &Task, option: u32, value: i32) -> Result<()> {
        let privileged = |capability| task.capable(capability);
        match option {
            DEBUG if value != 0 && !privileged(Capability::NetAdmin) => return Err(EACCES),
            SEND_BUFFER | SEND_BUFFER_FORCE => {
                let force = option == SEND_BUFFER_FORCE;
                let value = buffer_size(value, force && !privileged(Capability::NetAdmin), force)?;
                self.send_buffer.store(value.max(LEAST_SEND_BUFFER), Ordering::Relaxed);
            }
            RECEIVE_BUFFER | RECEIVE_BUFFER_FORCE => {
                let force = option == RECEIVE_BUFFER_FORCE;
                let value = buffer_size(value, force && !privileged(Capability::NetAdmin), force)?;
                self.receive_buffer.store(value.max(LEAST_RECEIVE_BUFFER), Ordering::Relaxed);
            }
            PRIORITY => {
                if !(0..=6).contains(&value) && !privileged(Capability::NetRaw) && !privileged(Capability::NetAdmin) {
                    return Err(EPERM);
                }
                self.priority.store(value as u32, Ordering::Relaxed);
            }
            REUSE_PORT if value != 0 && self.family != FAMILY_INET && self.family != FAMILY_INET6 => {
                return Err(EOPNOTSUPP);
            }
            MARK => {
                if !privileged(Capability::NetRaw) && !privileged(Capability::NetAdmin) {
                    return Err(EPERM);
                }
                self.mark.store(value as u32, Ordering::Relaxed);
            }
            RECEIVE_LOW => {
                let value = if value < 0 { i32::MAX } else { value.max(1) };
                self.receive_low.store(value, Ordering::Relaxed);
            }
            BSD_COMPATIBLE => {}
            DETACH_FILTER => return Err(ENOENT),
            TIMESTAMP_OLD | TIMESTAMP_NANOSECONDS_OLD => {
                // Turning either off ends both.
                let bits = if value != 0 { switch_bit(option) } else { 0 };
                let _ = self
                    .switches
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| Some(old & !TIMESTAMPS | bits));
            }
            _ => match (switch_bit(option), value) {
                (0, _) => return Err(ENOPROTOOPT),
                (bit, 0) => _ = self.switches.fetch_and(!bit, Ordering::Relaxed),
                (bit, _) => _ = self.switches.fetch_or(bit, Ordering::Relaxed),
            },
        }
        Ok(())
    }
    /// An option that is one `int`; ENOPROTOOPT for one that is not known.
    pub(super) fn get(&self, option: u32) -> Result<i32> {
        Ok(match option {
            TYPE => self.kind as i32,
            DOMAIN => self.family as i32,
            PROTOCOL => self.protocol as i32,
            ERROR => self.take_error_number() as i32,
            SEND_BUFFER => self.send_buffer.load(Ordering::Relaxed) as i32,
            RECEIVE_BUFFER => self.receive_buffer.load(Ordering::Relaxed) as i32,
            PRIORITY => self.priority.load(Ordering::Relaxed) as i32,
            MARK => self.mark.load(Ordering::Relaxed) as i32,
            RECEIVE_LOW => self.receive_low.load(Ordering::Relaxed),
            SEND_LOW => 1,
            BSD_COMPATIBLE => 0,
            _ if switch_bit(option) != 0 => self.is_on(option).into(),
            _ => return Err(ENOPROTOOPT),
        })
    }
    /// SO_LINGER: whether, and seconds.
    pub(super) fn linger(&self) -> (i32, i32) {
        match self.linger.load(Ordering::Relaxed) {
            0 => (0, 0),
            some => (1, (some - 1) as i32),
        }
    }
    /// Sets SO_LINGER. Seconds that no clock counts are cut.
    pub(super) fn set_linger(&self, on: bool, seconds: i32) {
        let value = if on { u64::from(seconds as u32) + 1 } else { 0 };
        self.linger.store(value, Ordering::Relaxed);
    }
    fn timeout(&self, sends: bool) -> &AtomicU64 {
        if sends { &self.send_timeout } else { &self.receive_timeout }
    }
    /// SO_RCVTIMEO or SO_SNDTIMEO in nanoseconds, 0 where there is none.
    pub(super) fn timeout_shown(&self, sends: bool) -> u64 {
        match self.timeout(sends).load(Ordering::Relaxed) {
            u64::MAX => 0,
            some => some,
        }
    }
    /// Sets a time-out of seconds and microseconds; EDOM for microseconds out of range.
    pub(super) fn set_timeout(&self, sends: bool, seconds: i64, micros: i64) -> Result<()> {
        if !(0..1_000_000).contains(&micros) {
            return Err(EDOM);
        }
        let value = match seconds {
            ..0 => 0,
            0 if micros == 0 => u64::MAX,
            // What ticks do not count to is as good as none.
            0..9_000_000_000 => {
                (seconds as u64).wrapping_mul(1_000_000_000).wrapping_add((micros as u64 * 1000).next_multiple_of(TICK))
            }
            _ => u64::MAX,
        };
        self.timeout(sends).store(value, Ordering::Relaxed);
        Ok(())
    }
    /// SO_COOKIE.
    pub(super) fn cookie(&self) -> u64 {
        match self.cookie.load(Ordering::Relaxed) {
            0 => {
                let fresh = NEXT_COOKIE.fetch_add(1, Ordering::Relaxed);
                let set = self.cookie.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed);
                set.map_or_else(|known| known, |_| fresh)
            }
            known => known,
        }
    }
}

/// What a buffer of a size that was asked for counts: twice as much. EPERM where it is forced without leave.
fn buffer_size(value: i32, refused: bool, force: bool) -> Result<u32> {
    if refused {
        return Err(EPERM);
    }
    let value = match force {
        true => value.max(0) as u32,
        // As unsigned numbers: a negative size is a large one.
        false => (value as u32).min(DEFAULT_BUFFER),
    };
    Ok(value.min(i32::MAX as u32 / 2) * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_counted_in_ticks() {
        let options = SocketOptions::new(1, 1, 0);
        assert_eq!(options.timeout_shown(false), 0);
        assert_eq!(options.set_timeout(false, 1, 1), Ok(()));
        assert_eq!(options.timeout_shown(false), 1_004_000_000);
        assert_eq!(options.set_timeout(false, 0, 1_000_000), Err(EDOM));
        assert_eq!(options.set_timeout(false, 0, 0), Ok(()));
        assert_eq!(options.timeout_shown(false), 0);
    }
    #[test]
    fn buffers_are_doubled_and_bounded() {
        assert_eq!(buffer_size(1000, false, false), Ok(2000));
        assert_eq!(buffer_size(-1, false, false), Ok(2 * DEFAULT_BUFFER));
        assert_eq!(buffer_size(-1, false, true), Ok(0));
        assert_eq!(buffer_size(0, true, true), Err(EPERM));
        assert_ne!(switch_bit(DEBUG), switch_bit(REUSE_ADDRESS));
        assert_eq!(switch_bit(TYPE), 0);
    }
}
