//! What the address space's lock protects: the areas, their totals, and the places that exec fixed.
use super::keys::Keys;
use super::program::Executable;
use crate::error::{EAGAIN, ENOMEM, Result};
use crate::memory::area::{Area, AreaFlags, AreaMap};
use crate::process::thread_group::Resource;
use crate::process::{Capability, Task};
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// vm.max_map_count.
pub static MAX_MAP_COUNT: AtomicUsize = AtomicUsize::new(65530);
/// vm.mmap_min_addr.
pub static MINIMUM_ADDRESS: AtomicU64 = AtomicU64::new(65536);
/// Pages kept free below a stack (stack_guard_gap), in bytes.
pub const STACK_GUARD: u64 = 256 << 12;

/// Pages by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All.
    pub total: u64,
    /// Private, writable, not a stack.
    pub data: u64,
    /// Growing down.
    pub stack: u64,
    /// Executable and not writable.
    pub executable: u64,
    /// Locked.
    pub locked: u64,
    /// Counted as committed.
    pub accounted: u64,
}
impl Totals {
    /// Adds (or takes away) pages of an area with these flags.
    pub fn count(&mut self, flags: AreaFlags, pages: u64, add: bool) {
        let apply = |place: &mut u64| {
            *place = if add { place.saturating_add(pages) } else { place.saturating_sub(pages) };
        };
        apply(&mut self.total);
        if flags.contains(AreaFlags::GROWS_DOWN) {
            apply(&mut self.stack);
        } else if flags.contains(AreaFlags::EXECUTE) && !flags.contains(AreaFlags::WRITE) {
            apply(&mut self.executable);
        } else if is_data(flags) {
            apply(&mut self.data);
        }
        if flags.contains(AreaFlags::LOCKED) {
            apply(&mut self.locked);
        }
        if flags.contains(AreaFlags::ACCOUNT) {
            apply(&mut self.accounted);
        }
    }
}

/// Whether pages with these flags count against RLIMIT_DATA.
pub fn is_data(flags: AreaFlags) -> bool {
    flags & (AreaFlags::WRITE | AreaFlags::SHARED | AreaFlags::GROWS_DOWN) == AreaFlags::WRITE
}

/// READ_IMPLIES_EXEC of personality(2).
pub const READ_IMPLIES_EXECUTE: u32 = 0x40_0000;

/// The limits of the task that changes an address space.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// RLIMIT_AS in bytes.
    pub address_space: u64,
    /// RLIMIT_DATA in bytes.
    pub data: u64,
    /// RLIMIT_STACK in bytes.
    pub stack: u64,
    /// RLIMIT_MEMLOCK in bytes.
    pub locked: u64,
    /// CAP_IPC_LOCK: RLIMIT_MEMLOCK does not count.
    pub may_lock: bool,
    /// CAP_SYS_RAWIO: may map below vm.mmap_min_addr.
    pub may_map_low: bool,
    /// CAP_SYS_ADMIN: has a little more of the memory that is left.
    pub privileged: bool,
    /// The call's pointers have 32 bits: what it maps must be where they reach.
    pub narrow: bool,
    /// READ_IMPLIES_EXEC of personality(2): what becomes readable becomes executable as well.
    pub reads_execute: bool,
}
impl Limits {
    /// Those of a task.
    pub fn of(task: &Task) -> Limits {
        let group = task.group();
        Limits {
            address_space: group.limit(Resource::AddressSpace),
            data: group.limit(Resource::Data),
            stack: group.limit(Resource::Stack),
            locked: group.limit(Resource::LockedMemory),
            may_lock: task.holds(Capability::IpcLock),
            may_map_low: task.holds(Capability::SysRawio),
            privileged: task.holds(Capability::SysAdmin),
            narrow: task.abi().has_narrow_pointers(),
            reads_execute: task.personality() & READ_IMPLIES_EXECUTE != 0,
        }
    }
    /// Whether mlock(2) is allowed at all.
    pub fn can_lock(&self) -> bool {
        self.may_lock || self.locked > 0
    }
}

/// The areas and what belongs to them.
pub struct Layout {
    /// The areas.
    pub areas: AreaMap,
    /// Their totals.
    pub totals: Totals,
    /// Most pages ever mapped.
    pub peak_total: u64,
    /// Flags that new areas get (mlockall with MCL_FUTURE).
    pub default_flags: AreaFlags,
    /// One past the highest address: less than all of user space for programs with pointers of 32 bits.
    pub end: u64,
    /// Where searches for room begin: downwards from here, or upwards if `bottom_up`.
    pub mmap_base: u64,
    /// Where they begin for calls with pointers of 32 bits.
    pub narrow_base: u64,
    /// Search upwards (unlimited stack, or the personality asks for it).
    pub bottom_up: bool,
    /// Start and current end of the heap.
    pub heap: Range<u64>,
    /// The program's code.
    pub code: Range<u64>,
    /// The program's initialized data.
    pub data: Range<u64>,
    /// The kernel's code for programs (vdso(7)).
    pub vdso: Range<u64>,
    /// Where the stack began at exec.
    pub stack_start: u64,
    /// Argument strings.
    pub arguments: Range<u64>,
    /// Environment strings.
    pub environment: Range<u64>,
    /// The auxiliary vector as the program got it.
    pub auxiliary: Vec<(u64, u64)>,
    /// No huge pages are wanted (PR_SET_THP_DISABLE): there are none, but it is said again.
    pub no_huge_pages: bool,
    /// What a core dump shows (/proc/PID/coredump_filter).
    pub dump_filter: u32,
    /// The protection keys.
    pub keys: Keys,
    /// The executable file (/proc/PID/exe).
    pub executable: Option<Executable>,
}

impl Layout {
    /// No areas.
    pub const fn new() -> Layout {
        Layout {
            areas: AreaMap::new(),
            totals: Totals { total: 0, data: 0, stack: 0, executable: 0, locked: 0, accounted: 0 },
            peak_total: 0,
            default_flags: AreaFlags::NONE,
            end: machine::paging::USER_END,
            mmap_base: 0x7fff_f7ff_f000,
            narrow_base: 0xf7ff_e000,
            bottom_up: false,
            heap: 0..0,
            code: 0..0,
            data: 0..0,
            vdso: 0..0,
            stack_start: 0,
            arguments: 0..0,
            environment: 0..0,
            auxiliary: Vec::new(),
            no_huge_pages: false,
            dump_filter: crate::process::core_dump::filter::DEFAULT,
            keys: Keys::new(),
            executable: None,
        }
    }
    /// Whether the program's pointers have 32 bits.
    pub fn has_narrow_words(&self) -> bool {
        self.end <= u32::MAX.into()
    }
    /// Whether `pages` more with these flags are within RLIMIT_AS and RLIMIT_DATA.
    pub fn may_expand(&self, limits: &Limits, flags: AreaFlags, pages: u64) -> Result<()> {
        if self.totals.total.saturating_add(pages) > limits.address_space >> 12 {
            return Err(ENOMEM.because("over RLIMIT_AS"));
        }
        if is_data(flags) && self.totals.data.saturating_add(pages) > limits.data >> 12 {
            return Err(ENOMEM.because("over RLIMIT_DATA"));
        }
        Ok(())
    }
    /// EAGAIN if locking `pages` more would pass RLIMIT_MEMLOCK.
    pub fn may_lock_more(&self, limits: &Limits, flags: AreaFlags, pages: u64) -> Result<()> {
        let total = self.totals.locked.saturating_add(pages);
        if flags.contains(AreaFlags::LOCKED) && !limits.may_lock && total > limits.locked >> 12 {
            return Err(EAGAIN.because("over RLIMIT_MEMLOCK"));
        }
        Ok(())
    }
    /// Counts an area that came or goes.
    pub fn count(&mut self, area: &Area, add: bool) {
        self.count_pages(area.flags, area.pages(), add);
    }
    /// Counts pages that came or go.
    pub fn count_pages(&mut self, flags: AreaFlags, pages: u64, add: bool) {
        self.totals.count(flags, pages, add);
        self.peak_total = self.peak_total.max(self.totals.total);
    }
    /// ENOMEM if `more` areas would be too many.
    pub fn has_room_for(&self, more: usize) -> Result<()> {
        if self.areas.len().saturating_add(more) > MAX_MAP_COUNT.load(Ordering::Relaxed) {
            return Err(ENOMEM.because("too many areas"));
        }
        Ok(())
    }
}
impl Default for Layout {
    fn default() -> Self {
        Self::new()
    }
}
