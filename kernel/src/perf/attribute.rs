//! `struct perf_event_attr`, as Linux 6.1 reads it.
use super::open::may_watch_kernel;
use crate::error::*;
use crate::process::{Capability, Task};
use crate::syscall::UserPtr;
use crate::syscall::user::read_extensible;

/// Bytes of the first version of the structure.
const FIRST_SIZE: u32 = 64;
/// Bytes of the version that this kernel has.
const SIZE: usize = 128;

/// Bits of `read_format`: what read(2) gives besides the count.
pub(super) mod format {
    pub const TIME_ENABLED: u64 = 1;
    pub const TIME_RUNNING: u64 = 2;
    pub const ID: u64 = 4;
    pub const GROUP: u64 = 8;
    pub const LOST: u64 = 16;
    pub const ALL: u64 = 31;
}

/// Bits of the word of flags.
pub(super) mod flag {
    pub const DISABLED: u64 = 1 << 0;
    pub const INHERIT: u64 = 1 << 1;
    pub const PINNED: u64 = 1 << 2;
    pub const EXCLUSIVE: u64 = 1 << 3;
    pub const EXCLUDE_USER: u64 = 1 << 4;
    pub const EXCLUDE_KERNEL: u64 = 1 << 5;
    pub const EXCLUDE_HYPERVISOR: u64 = 1 << 6;
    pub const FREQUENCY: u64 = 1 << 10;
    pub const ENABLE_ON_EXEC: u64 = 1 << 12;
    pub const USE_CLOCK: u64 = 1 << 25;
    pub const NAMESPACES: u64 = 1 << 28;
    pub const AUX_OUTPUT: u64 = 1 << 31;
    pub const INHERIT_THREAD: u64 = 1 << 35;
    pub const REMOVE_ON_EXEC: u64 = 1 << 36;
    pub const SIGNAL_TRAP: u64 = 1 << 37;
    pub const RESERVED: u64 = !0 << 38;
}

/// Bits of `sample_type` that are looked at.
pub(super) mod sample {
    pub const READ: u64 = 1 << 4;
    pub const CALL_CHAIN: u64 = 1 << 5;
    pub const BRANCH_STACK: u64 = 1 << 11;
    pub const USER_REGISTERS: u64 = 1 << 12;
    pub const USER_STACK: u64 = 1 << 13;
    pub const WEIGHT: u64 = 1 << 14;
    pub const INTERRUPT_REGISTERS: u64 = 1 << 18;
    pub const PHYSICAL_ADDRESS: u64 = 1 << 19;
    pub const WEIGHT_STRUCTURE: u64 = 1 << 24;
    pub const ALL: u64 = (1 << 25) - 1;
}

/// `PERF_TYPE_SOFTWARE`.
pub(super) const SOFTWARE: u32 = 1;
/// Entries of a call chain at most (/proc/sys/kernel/perf_event_max_stack).
const LARGEST_STACK: u16 = 127;
/// Samples per second at most (/proc/sys/kernel/perf_event_max_sample_rate).
const LARGEST_RATE: u64 = 100_000;

/// What a performance event is asked to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute {
    /// PERF_TYPE_*.
    pub kind: u32,
    /// Which event of that type.
    pub config: u64,
    /// Samples per second or events per sample; 0 only counts.
    pub sample_period: u64,
    /// What a sample is to hold.
    pub sample_type: u64,
    /// Bits of [`format`].
    pub read_format: u64,
    /// Bits of [`flag`].
    pub flags: u64,
    /// The clock of samples, where it was chosen.
    pub clock: Option<i32>,
    largest_stack: u16,
}

impl Attribute {
    /// Reads and checks it. EFAULT; E2BIG if it is of no size or has set what this kernel does not know, with the size that it
    /// knows written back; EINVAL; EACCES for branches of the kernel.
    pub fn read(task: &Task, address: u64) -> Result<Attribute> {
        let size_field = UserPtr::<u32>::new(address.wrapping_add(4));
        let size = match size_field.read(task)? {
            0 => FIRST_SIZE,
            size => size,
        };
        let mut bytes = [0; SIZE];
        let read = match size {
            FIRST_SIZE..=4096 => read_extensible(address, size as usize, &mut bytes),
            _ => Err(E2BIG),
        };
        if read == Err(E2BIG) {
            // Linux ignores a fault here.
            let _ = size_field.write(task, &(SIZE as u32));
        }
        read?;
        Self::check(task, &bytes)
    }
    fn check(task: &Task, bytes: &[u8; SIZE]) -> Result<Attribute> {
        let wide = |at| field::<8>(bytes, at).map_or(0, u64::from_ne_bytes);
        let narrow = |at| field::<4>(bytes, at).map_or(0, u32::from_ne_bytes);
        let half = |at| field::<2>(bytes, at).map_or(0, u16::from_ne_bytes);
        let flags = wide(40);
        let attribute = Attribute {
            kind: narrow(0),
            config: wide(8),
            sample_period: wide(16),
            sample_type: wide(24),
            read_format: wide(32),
            flags,
            clock: (flags & flag::USE_CLOCK != 0).then(|| narrow(92) as i32),
            largest_stack: half(108),
        };
        if flags & flag::RESERVED != 0 || half(110) != 0 || narrow(116) != 0 {
            return Err(EINVAL.because("a reserved field is set"));
        }
        if attribute.sample_type & !sample::ALL != 0 || attribute.read_format & !format::ALL != 0 {
            return Err(EINVAL.because("unknown bit"));
        }
        if attribute.samples(sample::BRANCH_STACK) {
            check_branches(task, wide(72), flags)?;
        }
        if attribute.samples(sample::USER_REGISTERS) {
            check_registers(wide(80))?;
        }
        if attribute.samples(sample::USER_STACK) && (narrow(88) >= u16::MAX.into() || narrow(88) % 8 != 0) {
            return Err(EINVAL);
        }
        if attribute.samples(sample::INTERRUPT_REGISTERS) {
            check_registers(wide(96))?;
        }
        let weights = sample::WEIGHT | sample::WEIGHT_STRUCTURE;
        if attribute.sample_type & weights == weights
            || flags & (flag::INHERIT | flag::INHERIT_THREAD) == flag::INHERIT_THREAD
            || attribute.has_all(flag::REMOVE_ON_EXEC | flag::ENABLE_ON_EXEC)
            || flags & (flag::SIGNAL_TRAP | flag::REMOVE_ON_EXEC) == flag::SIGNAL_TRAP
        {
            return Err(EINVAL);
        }
        Ok(attribute)
    }
    /// Whether one of these flags is set.
    pub fn has(&self, flags: u64) -> bool {
        self.flags & flags != 0
    }
    fn has_all(&self, flags: u64) -> bool {
        self.flags & flags == flags
    }
    /// Whether samples are to hold one of these.
    pub fn samples(&self, what: u64) -> bool {
        self.sample_type & what != 0
    }
    /// Whether read(2) is to give one of these.
    pub fn gives(&self, what: u64) -> bool {
        self.read_format & what != 0
    }
    /// Whether it samples, other than only counting.
    pub fn is_sampling(&self) -> bool {
        self.sample_period != 0
    }
    /// What needs privileges or is out of range: EACCES, EINVAL.
    pub fn check_privileges(&self, task: &Task) -> Result<()> {
        if !self.has(flag::EXCLUDE_KERNEL) {
            may_watch_kernel(task)?;
        }
        if self.has(flag::NAMESPACES) && !super::open::is_privileged(task) {
            return Err(EACCES);
        }
        let is_rate = self.has(flag::FREQUENCY);
        if is_rate && self.sample_period > LARGEST_RATE || !is_rate && self.sample_period >> 63 != 0 {
            return Err(EINVAL);
        }
        if self.samples(sample::PHYSICAL_ADDRESS) {
            may_watch_kernel(task)?;
        }
        Ok(())
    }
    /// Whether there are such events. ENOENT, EOPNOTSUPP, EINVAL.
    pub fn check_event(&self) -> Result<()> {
        if self.has(flag::INHERIT) && self.samples(sample::READ) {
            return Err(EINVAL.because("what is inherited cannot be read in samples"));
        }
        if self.kind != SOFTWARE || super::source::Source::of(self.config).is_none() {
            return Err(ENOENT);
        }
        if self.samples(sample::BRANCH_STACK) || self.has(flag::AUX_OUTPUT) {
            return Err(EOPNOTSUPP);
        }
        Ok(())
    }
    /// The rest, which Linux asks once it knows the event. EOVERFLOW, EOPNOTSUPP, EINVAL.
    pub fn check_sampling(&self) -> Result<()> {
        if self.samples(sample::CALL_CHAIN) && self.largest_stack > LARGEST_STACK {
            return Err(EOVERFLOW);
        }
        if self.is_sampling() {
            return Err(EOPNOTSUPP.because("events are only counted"));
        }
        // CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_TAI.
        match self.clock {
            None | Some(0 | 1 | 4 | 7 | 11) => Ok(()),
            _ => Err(EINVAL),
        }
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// Which branches of which level a sample is to hold.
fn check_branches(task: &Task, mut mask: u64, flags: u64) -> Result<()> {
    const USER: u64 = 1;
    const KERNEL: u64 = 2;
    const HYPERVISOR: u64 = 4;
    const LEVELS: u64 = USER | KERNEL | HYPERVISOR;
    const ALL: u64 = (1 << 19) - 1;
    if mask & !ALL != 0 || mask & !LEVELS == 0 {
        return Err(EINVAL);
    }
    if mask & LEVELS == 0 {
        for (excluded, level) in
            [(flag::EXCLUDE_USER, USER), (flag::EXCLUDE_KERNEL, KERNEL), (flag::EXCLUDE_HYPERVISOR, HYPERVISOR)]
        {
            mask |= if flags & excluded == 0 { level } else { 0 };
        }
    }
    if mask & (KERNEL | HYPERVISOR) != 0 { may_watch_kernel(task) } else { Ok(()) }
}

/// Which registers a sample is to hold: EINVAL for none, for ones that do not exist and for ds, es, fs, gs.
fn check_registers(mask: u64) -> Result<()> {
    const MISSING: u64 = 0xff00_f000;
    if mask == 0 || mask & MISSING != 0 { Err(EINVAL) } else { Ok(()) }
}

/// What gives the power over performance events.
pub(super) const POWERS: [Capability; 2] = [Capability::Perfmon, Capability::SysAdmin];
