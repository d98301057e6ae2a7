//! What may be made in a namespace: the numbers of /proc/sys/kernel.
use super::IpcNamespace;
use super::permissions::MOST_OBJECTS;
use crate::error::*;
use crate::file::procfs::number_at;
use crate::output::Output;
use crate::process::Task;
use core::fmt::Write;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Largest value of a semaphore (SEMVMX).
pub const LARGEST_VALUE: i32 = 32_767;
/// Almost all of the 64-bit numbers: more than there is memory, and sums of them do not overflow.
const NEARLY_ALL: u64 = u64::MAX - (1 << 24);

/// The limits of a namespace.
pub struct Limits {
    /// shmmax: bytes of a segment.
    pub segment_bytes: AtomicU64,
    /// shmall: pages of all segments.
    pub segment_pages: AtomicU64,
    /// shmmni: segments.
    pub segments: AtomicU32,
    /// shm_rmid_forced: segments go once nobody has them attached.
    pub removal_forced: AtomicU32,
    /// sem: semaphores of a set, semaphores, operations of a call, sets.
    pub semaphores: [AtomicU32; 4],
    /// msgmax: bytes of a message.
    pub message_bytes: AtomicU32,
    /// msgmnb: bytes in a queue.
    pub queue_bytes: AtomicU32,
    /// msgmni: queues.
    pub queues: AtomicU32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            segment_bytes: AtomicU64::new(NEARLY_ALL),
            segment_pages: AtomicU64::new(NEARLY_ALL),
            segments: AtomicU32::new(4096),
            removal_forced: AtomicU32::new(0),
            semaphores: [32_000, 1_024_000_000, 500, 32_000].map(AtomicU32::new),
            message_bytes: AtomicU32::new(8192),
            queue_bytes: AtomicU32::new(16_384),
            queues: AtomicU32::new(32_000),
        }
    }
}

impl Limits {
    /// The numbers of `sem`.
    pub fn semaphores(&self) -> [u32; 4] {
        self.semaphores.each_ref().map(|number| number.load(Ordering::Relaxed))
    }
}

/// A limit of one number.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub enum Limit {
    SegmentBytes,
    SegmentPages,
    Segments,
    RemovalForced,
    MessageBytes,
    QueueBytes,
    Queues,
    NextSegment,
    NextSemaphore,
    NextQueue,
}

fn with_namespace<R>(look: impl FnOnce(&IpcNamespace) -> R) -> R {
    look(&Task::current().namespaces().ipc)
}

/// Shows a limit of the reader's namespace.
pub fn show(limit: Limit, out: &mut Output) -> Result<()> {
    let value = with_namespace(|namespace| {
        let limits = &namespace.limits;
        let small = |number: &AtomicU32| i128::from(number.load(Ordering::Relaxed));
        match limit {
            Limit::SegmentBytes => limits.segment_bytes.load(Ordering::Relaxed).into(),
            Limit::SegmentPages => limits.segment_pages.load(Ordering::Relaxed).into(),
            Limit::Segments => small(&limits.segments),
            Limit::RemovalForced => small(&limits.removal_forced),
            Limit::MessageBytes => small(&limits.message_bytes),
            Limit::QueueBytes => small(&limits.queue_bytes),
            Limit::Queues => small(&limits.queues),
            Limit::NextSegment => namespace.segments.wanted().into(),
            Limit::NextSemaphore => namespace.semaphores.wanted().into(),
            Limit::NextQueue => namespace.queues.wanted().into(),
        }
    });
    Ok(writeln!(out, "{value}")?)
}

/// Sets a limit of the writer's namespace; EINVAL for what it cannot be.
pub fn set(limit: Limit, text: &[u8]) -> Result<()> {
    let most = match limit {
        Limit::SegmentBytes | Limit::SegmentPages => u64::MAX,
        Limit::Segments | Limit::Queues => MOST_OBJECTS as u64,
        Limit::RemovalForced => 1,
        _ => i32::MAX as u64,
    };
    let (value, _) = number_at(text)?.ok_or(EINVAL)?;
    let value = u64::try_from(value).ok().filter(|value| *value <= most).ok_or(EINVAL)?;
    with_namespace(|namespace| {
        let limits = &namespace.limits;
        let small = |number: &AtomicU32| number.store(value as u32, Ordering::Relaxed);
        match limit {
            Limit::SegmentBytes => limits.segment_bytes.store(value, Ordering::Relaxed),
            Limit::SegmentPages => limits.segment_pages.store(value, Ordering::Relaxed),
            Limit::Segments => small(&limits.segments),
            Limit::RemovalForced => {
                small(&limits.removal_forced);
                if value != 0 {
                    super::shared_memory::remove_orphans(namespace);
                }
            }
            Limit::MessageBytes => small(&limits.message_bytes),
            Limit::QueueBytes => small(&limits.queue_bytes),
            Limit::Queues => small(&limits.queues),
            Limit::NextSegment => namespace.segments.want(value as i32),
            Limit::NextSemaphore => namespace.semaphores.want(value as i32),
            Limit::NextQueue => namespace.queues.want(value as i32),
        }
    });
    Ok(())
}

/// Shows the four limits of semaphores.
pub fn show_semaphores(out: &mut Output) -> Result<()> {
    let [of_set, all, operations, sets] = with_namespace(|namespace| namespace.limits.semaphores());
    Ok(writeln!(out, "{of_set}\t{all}\t{operations}\t{sets}")?)
}

/// Sets as many of the four limits of semaphores as there are numbers; ERANGE, with nothing changed, for more sets than there can be.
pub fn set_semaphores(text: &[u8]) -> Result<()> {
    let mut rest = text;
    let mut new = with_namespace(|namespace| namespace.limits.semaphores());
    for (index, place) in new.iter_mut().enumerate() {
        let Some((value, behind)) = number_at(rest)? else {
            if index == 0 {
                return Err(EINVAL);
            }
            break;
        };
        *place = i32::try_from(value).map_err(|_| EINVAL)? as u32;
        rest = behind;
    }
    let [.., sets] = new;
    if sets as usize > MOST_OBJECTS {
        return Err(ERANGE);
    }
    with_namespace(|namespace| {
        namespace.limits.semaphores.iter().zip(new).for_each(|(place, value)| place.store(value, Ordering::Relaxed));
    });
    Ok(())
}
