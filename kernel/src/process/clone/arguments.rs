//! clone3(2): its extensible structure, and the ids it may ask for.
use super::{Request, flags, make};
use crate::error::*;
use crate::process::Task;
use crate::process::credentials::Capability;
use crate::process::pid::PidNamespace;
use crate::process::segments::ThreadLocal;
use crate::signal::SIGNAL_COUNT;
use crate::syscall::user::UserLayout;
use crate::syscall::{UserAddress, UserPtr};
use abi::Abi;
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

/// Copies an extensible structure: E2BIG if bytes that this kernel does not know are set.
fn read_arguments(arguments: UserAddress, size: usize) -> Result<CloneArguments> {
    const SMALLEST: usize = 64;
    const LARGEST: usize = 88;
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
        [bits, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, _cgroup],
    ) = read_arguments(arguments, size)?;
    const LEVELS_MAXIMUM: u64 = 32;
    if set_tid_size > LEVELS_MAXIMUM || (set_tid == 0) != (set_tid_size == 0) {
        return Err(EINVAL);
    }
    if exit_signal & !flags::SIGNAL_MASK != 0 || exit_signal >= u64::from(SIGNAL_COUNT) {
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
    if bits & flags::INTO_CGROUP != 0 {
        return Err(EINVAL.because("cgroups are not there yet"));
    }
    let request = Request {
        flags: bits,
        exit_signal: exit_signal as u32,
        stack: stack.wrapping_add(stack_size),
        parent_tid,
        child_tid,
        tls,
        pidfd,
        chosen,
    };
    make::<T>(task, frame, request)
}

/// The ids that clone3(2)'s `set_tid` asks for, one for each level of namespaces, of which there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen {
    count: u64,
    first: i32,
}
impl Chosen {
    /// EFAULT.
    fn read(task: &Task, address: u64, count: u64) -> Result<Option<Chosen>> {
        let ids = UserPtr::<i32>::new(address);
        let mut chosen = None;
        for index in 0..count as usize {
            let id = ids.element(task, index).read(task)?;
            chosen.get_or_insert(Chosen { count, first: id });
        }
        Ok(chosen)
    }
    /// The id. EINVAL for more ids than levels and for one that is none; EPERM without CAP_CHECKPOINT_RESTORE.
    pub(super) fn check(self, task: &Task, namespace: &PidNamespace) -> Result<u32> {
        if self.count > u64::from(namespace.level) + 1 {
            return Err(EINVAL.because("more ids than pid namespaces"));
        }
        let can_be = |number: &u32| (1..namespace.maximum()).contains(number);
        let number = u32::try_from(self.first).ok().filter(can_be).ok_or(EINVAL)?;
        let allowed = task.capable(Capability::SysAdmin) || task.capable(Capability::CheckpointRestore);
        if allowed { Ok(number) } else { Err(EPERM) }
    }
}
