//! clone3(2): its extensible structure, and the ids it may ask for.
use super::{Request, flags, make};
use crate::error::*;
use crate::process::Task;
use crate::process::credentials::Capability;
use crate::process::pid::{LEVELS_MAXIMUM, PidNamespace};
use crate::process::segments::ThreadLocal;
use crate::signal::SIGNAL_COUNT;
use crate::syscall::user::UserLayout;
use crate::syscall::{UserAddress, UserPtr};
use abi::Abi;
use alloc::sync::Arc;
use machine::entry::UserFrame;

/// `struct clone_args`, all versions.
#[derive(Clone, Copy, Default)]
pub struct CloneArguments([u64; 11]);
impl UserLayout for CloneArguments {
    fn size(_: Abi) -> usize {
        88
    }
    fn decode(_: Abi, bytes: &[u8]) -> Self {
        let mut words = [0; 11];
        for (word, raw) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = raw.try_into().map_or(0, u64::from_ne_bytes);
        }
        CloneArguments(words)
    }
    fn encode(&self, _: Abi, bytes: &mut [u8]) {
        for (word, raw) in self.0.iter().zip(bytes.chunks_exact_mut(8)) {
            raw.copy_from_slice(&word.to_ne_bytes());
        }
    }
}

/// Bytes of the structure's last version.
const LARGEST: usize = 88;

/// Copies an extensible structure: E2BIG if bytes that this kernel does not know are set.
fn read_arguments(arguments: UserAddress, size: usize) -> Result<CloneArguments> {
    const SMALLEST: usize = 64;
    if size > machine::memory::PAGE_SIZE {
        return Err(E2BIG);
    }
    if size < SMALLEST {
        return Err(EINVAL);
    }
    let mut bytes = [0u8; LARGEST];
    let known = size.min(LARGEST);
    let mut source = crate::syscall::UserSlice::new(arguments.0, size);
    source.read(bytes.get_mut(..known).unwrap_or_default())?;
    while source.length > 0 {
        let mut byte = [0];
        source.read(&mut byte)?;
        if byte != [0] {
            return Err(E2BIG);
        }
    }
    Ok(CloneArguments::decode(Abi::X86_64, &bytes))
}

/// clone3(2).
pub fn clone3<T: ThreadLocal>(task: &Task, frame: &mut UserFrame, arguments: UserAddress, size: usize) -> Result<u32> {
    let CloneArguments(
        [bits, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup],
    ) = read_arguments(arguments, size)?;
    if set_tid_size > u64::from(LEVELS_MAXIMUM) || (set_tid == 0) != (set_tid_size == 0) {
        return Err(EINVAL);
    }
    if exit_signal & !flags::SIGNAL_MASK != 0 || exit_signal >= u64::from(SIGNAL_COUNT) {
        return Err(EINVAL);
    }
    if bits & flags::INTO_CGROUP != 0 && (cgroup > i32::MAX as u64 || size < LARGEST) {
        return Err(EINVAL);
    }
    let chosen = Chosen::read(task, set_tid, set_tid_size)?;
    // What clone(2)'s flags had, without the signal, and the new ones.
    let known = !flags::SIGNAL_MASK & 0xffff_ffff | flags::CLEAR_SIGHAND | flags::INTO_CGROUP | flags::NEWTIME;
    if bits & !known != 0 || bits & flags::DETACHED != 0 {
        return Err(EINVAL);
    }
    if bits & (flags::SIGHAND | flags::CLEAR_SIGHAND) == flags::SIGHAND | flags::CLEAR_SIGHAND {
        return Err(EINVAL);
    }
    if bits & (flags::THREAD | flags::PARENT) != 0 && exit_signal != 0 {
        return Err(EINVAL);
    }
    if (stack == 0) != (stack_size == 0) {
        return Err(EINVAL);
    }
    let request = Request {
        flags: bits,
        exit_signal: exit_signal as u32,
        stack: stack.wrapping_add(stack_size),
        parent_tid,
        child_tid,
        tls,
        pidfd,
        group: cgroup as i32,
        chosen,
    };
    make::<T>(task, frame, request)
}

/// The ids that clone3(2)'s `set_tid` asks for, from the innermost namespace outwards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen {
    count: usize,
    ids: [u32; LEVELS_MAXIMUM as usize],
}
impl Chosen {
    /// EFAULT.
    fn read(task: &Task, address: u64, count: u64) -> Result<Option<Chosen>> {
        let given = UserPtr::<u32>::new(address);
        let mut chosen = Chosen { count: count as usize, ids: [0; LEVELS_MAXIMUM as usize] };
        for (index, id) in chosen.ids.iter_mut().enumerate().take(chosen.count) {
            *id = given.element(task, index).read(task)?;
        }
        Ok((count != 0).then_some(chosen))
    }
    /// The ids. EINVAL for more ids than levels, and for one that is none or comes before a namespace's first process; EPERM without
    /// CAP_CHECKPOINT_RESTORE over a namespace.
    pub(super) fn check(&self, task: &Task, namespace: &Arc<PidNamespace>) -> Result<&[u32]> {
        if self.count > namespace.level as usize + 1 {
            return Err(EINVAL.because("more ids than pid namespaces"));
        }
        let ids = self.ids.get(..self.count).unwrap_or_default();
        let mut at = Some(namespace);
        for id in ids {
            let Some(namespace) = at else { break };
            if !(1..namespace.maximum()).contains(id) || *id != 1 && !namespace.has_begun() {
                return Err(EINVAL);
            }
            let may = |capability| task.capable_in(&namespace.identity.owner, capability);
            if !may(Capability::CheckpointRestore) && !may(Capability::SysAdmin) {
                return Err(EPERM);
            }
            at = namespace.parent();
        }
        Ok(ids)
    }
}
