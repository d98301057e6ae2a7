//! Filters and what they say.
use super::listener::Listener;
use super::notification::CallData;
use crate::error::*;
use crate::process::Capability;
use crate::process::Task;
use crate::syscall::UserSlice;
use crate::syscall::user::{UserLayout, UserWord};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bpf::{INSTRUCTION_SIZE, Instruction, MOST_INSTRUCTIONS};

/// What a filter's value asks for: the upper half; the lower one says more.
#[allow(missing_docs)]
pub mod action {
    pub const KILL_PROCESS: u32 = 0x8000_0000;
    pub const KILL_THREAD: u32 = 0;
    pub const TRAP: u32 = 0x0003_0000;
    pub const ERRNO: u32 = 0x0005_0000;
    pub const USER_NOTIFICATION: u32 = 0x7fc0_0000;
    pub const TRACE: u32 = 0x7ff0_0000;
    pub const LOG: u32 = 0x7ffc_0000;
    pub const ALLOW: u32 = 0x7fff_0000;
    /// The bits that name the action.
    pub const MASK: u32 = 0xffff_0000;
    /// The bits that say more.
    pub const DATA: u32 = 0xffff;
    pub const ALL: [u32; 8] = [KILL_PROCESS, KILL_THREAD, TRAP, ERRNO, USER_NOTIFICATION, TRACE, LOG, ALLOW];
}

/// Most instructions of all filters of a task, as Linux translates them, four more counted for each filter.
const MOST_IN_ALL: usize = 32_768;
const PENALTY: usize = 4;

/// A filter, with those that were there before it.
pub struct Filter {
    program: Vec<Instruction>,
    previous: Option<Arc<Filter>>,
    /// Filters in the chain.
    depth: usize,
    /// Instructions in the chain, as they count for the limit.
    total: usize,
    /// Every action but to allow is logged.
    pub(super) logs: bool,
    /// Who decides where this filter does not.
    pub(super) listener: Option<Arc<Listener>>,
    /// A call whose notification was taken is interrupted by fatal signals only.
    pub(super) waits_killable: bool,
}

/// The words of `struct sock_fprog`: length and address.
struct ProgramPointer(usize, u64);
impl UserLayout for ProgramPointer {
    fn size(abi: abi::Abi) -> usize {
        2 * UserWord::size(abi)
    }
    fn decode(abi: abi::Abi, bytes: &[u8]) -> Self {
        let (length, address) = bytes.split_at(UserWord::size(abi));
        let length = length.get(..2).and_then(|raw| raw.try_into().ok()).map_or(0, u16::from_ne_bytes);
        ProgramPointer(length.into(), UserWord::decode(abi, address).0)
    }
    fn encode(&self, _: abi::Abi, _: &mut [u8]) {}
}

impl Filter {
    /// Reads and checks a program in user memory: EFAULT, EINVAL, EACCES without the right to filter, ENOMEM.
    pub(super) fn read(task: &Task, address: u64) -> Result<Filter> {
        let pointer = crate::syscall::UserPtr::<ProgramPointer>::new(address);
        let ProgramPointer(length, at) = pointer.read(task)?;
        if length == 0 || length > MOST_INSTRUCTIONS {
            return Err(EINVAL);
        }
        // Asked first: Linux's compiler of filters asks for privileges too, so that a filter counts as the use of one.
        if !task.with_credentials(|own| own.capable_at_home(Capability::SysAdmin)) && !task.has_no_new_privileges() {
            return Err(EACCES);
        }
        if at == 0 {
            return Err(EINVAL);
        }
        let bytes = UserSlice::new(at, length * INSTRUCTION_SIZE).read_all()?;
        let (mut program, mut reached) = (Vec::new(), Vec::new());
        program.try_reserve_exact(length)?;
        program.extend(bytes.chunks_exact(INSTRUCTION_SIZE).map(|raw| match raw.try_into() {
            Ok(raw) => Instruction::from_bytes(raw),
            Err(_) => Instruction::default(),
        }));
        reached.try_reserve_exact(length)?;
        reached.resize(length, 0u16);
        bpf::check(&program, &mut reached).map_err(|_| EINVAL)?;
        let total = bpf::translated_length(&program) + PENALTY;
        Ok(Filter { program, previous: None, depth: 1, total, logs: false, listener: None, waits_killable: false })
    }
    /// Puts the filter before the ones that are there; ENOMEM if they become too many.
    pub(super) fn before(&mut self, previous: Option<Arc<Filter>>) -> Result<()> {
        let (depth, total) = previous.as_ref().map_or((0, 0), |previous| (previous.depth, previous.total));
        self.depth = depth + 1;
        self.total = bpf::translated_length(&self.program) + PENALTY + total;
        // The filter that is added does not pay the penalty yet.
        if self.total - PENALTY > MOST_IN_ALL {
            return Err(ENOMEM);
        }
        self.previous = previous;
        Ok(())
    }
    /// Filters in the chain.
    pub fn depth(&self) -> usize {
        self.depth
    }
    /// The instructions.
    pub(super) fn program(&self) -> &[Instruction] {
        &self.program
    }
    /// The chain from this filter on, the newest first.
    pub(super) fn chain(&self) -> impl Iterator<Item = &Filter> {
        core::iter::successors(Some(self), |filter| filter.previous.as_deref())
    }
    /// Whether `older` is this chain or a part of it: a task with it can be given this one.
    pub(super) fn extends(&self, older: Option<&Arc<Filter>>) -> bool {
        older.is_none_or(|older| self.chain().any(|filter| core::ptr::eq(filter, &**older)))
    }
    /// What the filters of the chain say in all: of the strictest actions the newest filter's value, and that filter.
    pub(super) fn judge(&self, data: &CallData) -> (u32, Option<&Filter>) {
        let bytes = data.to_bytes();
        let rank = |value: u32| (value & action::MASK) as i32;
        let mut strictest = (action::ALLOW, None);
        for filter in self.chain() {
            let value = bpf::run(&filter.program, &bytes);
            if rank(value) < rank(strictest.0) {
                strictest = (value, Some(filter));
            }
        }
        strictest
    }
}

impl Drop for Filter {
    /// Chains are long: link by link, not by recursion.
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.end_of_filter();
        }
        let mut next = self.previous.take();
        while let Some(filter) = next {
            match Arc::try_unwrap(filter) {
                Ok(mut filter) => next = filter.previous.take(),
                Err(_) => break,
            }
        }
    }
}
