//! Listeners: descriptors through which a process decides calls of others (seccomp_unotify(2)).
use super::notification::{Answer, CallData, Question, Stage};
use crate::error::*;
use crate::file::{File, FileOperations, PollEvents, PollTable};
use crate::process::Task;
use crate::sync::{SpinLock, rank};
use crate::syscall::{Fd, UserPtr, UserSlice};
use crate::wait::{Sleep, WaitQueue};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, Ordering};
use machine::collections::{Linked, Links};

/// What a listener and the tasks that ask it share.
pub struct Listener {
    state: SpinLock<State>,
    /// The listener's readers and pollers.
    readers: Arc<WaitQueue>,
    /// The tasks that wait for an answer, and listeners that wait for a task to take a file.
    askers: WaitQueue,
    /// No task has the filter any more.
    abandoned: AtomicBool,
}
struct State {
    questions: Vec<Question>,
    next: u64,
    /// The descriptor has been closed: nobody will answer.
    closed: bool,
}

/// A file on its way to a task that asked.
pub(super) struct Gift {
    links: Links,
    file: Arc<File>,
    /// The descriptor it is to have, if it is to replace one.
    at: Option<i32>,
    close_on_exec: bool,
    /// Taking it answers the question.
    answers: bool,
    result: SpinLock<Option<Result<i32>>>,
}
impl Linked for Gift {
    fn links(&self) -> &Links {
        &self.links
    }
}

impl Listener {
    pub(super) fn new() -> Result<Arc<Listener>> {
        let state = State { questions: Vec::new(), next: crate::random::word(), closed: false };
        Ok(machine::memory::try_arc(Listener {
            state: SpinLock::new(rank::DEVICE, state),
            readers: machine::memory::try_arc(WaitQueue::new())?,
            askers: WaitQueue::new(),
            abandoned: AtomicBool::new(false),
        })?)
    }
    /// The descriptor's file.
    pub(super) fn file(self: &Arc<Self>) -> Result<Arc<File>> {
        const O_RDWR: u32 = 2;
        let operations: Box<dyn FileOperations> = machine::memory::try_box(ListenerFile(self.clone()))?;
        File::anonymous(operations, "anon_inode:seccomp notify", O_RDWR)
    }
    /// Whether somebody may answer still.
    pub(super) fn is_open(&self) -> bool {
        !self.state.lock().closed
    }
    /// The filter is gone, and so are all tasks that could ask.
    pub(super) fn end_of_filter(&self) {
        self.abandoned.store(true, Ordering::Release);
        self.readers.wake_all();
    }
    fn with<R>(&self, id: u64, look: impl FnOnce(&mut Question) -> R) -> Option<R> {
        self.state.lock().questions.iter_mut().find(|question| question.id == id).map(look)
    }

    /// Asks about a call of the current task and waits: the answer; ENOSYS if nobody listens, ERESTARTSYS if a signal comes
    /// first (`killable`: a fatal one, once the question was taken).
    pub(super) fn ask(&self, data: CallData, killable: bool) -> Result<Answer> {
        let id = self.put_question(data)?;
        self.readers.wake(PollEvents::IN.0 | PollEvents::RDNORM.0);
        let result = loop {
            let taken = self.with(id, |question| question.stage == Stage::Taken).unwrap_or(false);
            let only_killable = killable && taken;
            let how = if only_killable { Sleep::Killable } else { Sleep::Interruptible };
            let ready = || {
                let waits = |question: &mut Question| question.stage != Stage::Answered && question.gifts.is_empty();
                (!self.with(id, waits).unwrap_or(false)).then_some(())
            };
            if self.askers.wait_until(how, None, ready).is_err() {
                let taken = self.with(id, |question| question.stage == Stage::Taken).unwrap_or(false);
                if killable && taken && !only_killable {
                    continue;
                }
                break Err(ERESTARTSYS);
            }
            if let Some(gift) = self.with(id, |question| question.gifts.pop_front()).flatten() {
                self.accept(id, &gift);
                continue;
            }
            match self.with(id, |question| (question.stage == Stage::Answered).then_some(question.answer)) {
                Some(Some(answer)) => break Ok(answer),
                Some(None) => {}
                None => break Err(ENOSYS),
            }
        };
        self.withdraw(id);
        result
    }
    fn put_question(&self, data: CallData) -> Result<u64> {
        let task = Task::current_arc();
        let mut room: Vec<Question> = Vec::new();
        loop {
            let mut state = self.state.lock();
            if state.closed {
                return Err(ENOSYS);
            }
            if state.questions.len() < state.questions.capacity() {
                let id = state.next;
                state.next = state.next.wrapping_add(1);
                let gifts = machine::collections::List::new();
                let (stage, answer) = (Stage::Asked, Answer::default());
                state.questions.push(Question { id, task, data, stage, answer, gifts });
                return Ok(id);
            }
            if room.capacity() > state.questions.len() {
                room.append(&mut state.questions);
                core::mem::swap(&mut state.questions, &mut room);
                continue;
            }
            let wanted = state.questions.len().saturating_mul(2).max(4);
            drop(state);
            room.try_reserve_exact(wanted)?;
        }
    }
    /// The task does not wait any more; files on their way to it go nowhere.
    fn withdraw(&self, id: u64) {
        let mut state = self.state.lock();
        let place = state.questions.iter().position(|question| question.id == id);
        let question = place.map(|place| state.questions.remove(place));
        drop(state);
        let Some(mut question) = question else { return };
        while let Some(gift) = question.gifts.pop_front() {
            *gift.result.lock() = Some(Err(ESRCH));
        }
        self.askers.wake_all();
    }
    /// The current task takes a file.
    fn accept(&self, id: u64, gift: &Gift) {
        let files = Task::current().files();
        let taken = match gift.at {
            None => files.install(gift.file.clone(), 0, gift.close_on_exec).map(|fd| fd.0),
            Some(fd) => files.replace(Fd(fd), gift.file.clone(), gift.close_on_exec).map(|()| fd),
        };
        if gift.answers {
            self.with(id, |question| match taken {
                Ok(fd) => {
                    question.stage = Stage::Answered;
                    question.answer = Answer { value: fd.into(), ..Answer::default() };
                }
                Err(_) => question.stage = Stage::Taken,
            });
        }
        *gift.result.lock() = Some(taken);
        self.askers.wake_all();
    }
}

/// Commands, by number.
mod command {
    pub const RECEIVE: u32 = 0xc050_2100;
    pub const SEND: u32 = 0xc018_2101;
    pub const ID_VALID: u32 = 0x4008_2102;
    /// As programs built with older headers say it.
    pub const ID_VALID_WRONG: u32 = 0x8008_2102;
    /// Any size.
    pub const ADD_FD: u32 = 0x4000_2103;
    pub const SIZE_MASK: u32 = 0x3fff_0000;
}
/// Bytes of `struct seccomp_notif`.
pub(super) const QUESTION_SIZE: usize = 80;
/// Bytes of `struct seccomp_notif_resp`.
pub(super) const ANSWER_SIZE: usize = 24;
const FLAG_CONTINUE: u32 = 1;
const ADD_SET_FD: u32 = 1;
const ADD_SEND: u32 = 2;
const O_CLOEXEC: u32 = 0o2_000_000;

struct ListenerFile(Arc<Listener>);

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|raw| raw.try_into().ok()).map_or(0, u32::from_ne_bytes)
}
fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|raw| raw.try_into().ok()).map_or(0, u64::from_ne_bytes)
}

impl ListenerFile {
    /// Waits for a question and takes it: EINVAL for a buffer that is not zero, ENOENT if its task has gone meanwhile.
    fn receive(&self, task: &Task, address: u64) -> Result<()> {
        let mut bytes = [0u8; QUESTION_SIZE];
        UserSlice::new(address, QUESTION_SIZE).read(&mut bytes)?;
        if bytes.iter().any(|byte| *byte != 0) {
            return Err(EINVAL);
        }
        let listener = &*self.0;
        let take = || {
            let mut state = listener.state.lock();
            let question = state.questions.iter_mut().find(|question| question.stage == Stage::Asked)?;
            question.stage = Stage::Taken;
            Some((question.id, question.task.clone(), question.data))
        };
        let (id, asker, data) = listener.readers.wait_exclusive(Sleep::Interruptible, None, take).map_err(|_| EINTR)?;
        listener.readers.wake_all_for(PollEvents::OUT.0 | PollEvents::WRNORM.0);
        let pid = asker.pid().number_in(task.pid_namespace());
        let (head, tail) = bytes.split_at_mut(QUESTION_SIZE - bpf::DATA_SIZE);
        for (place, value) in head.chunks_exact_mut(8).zip([id, pid.into()]) {
            place.copy_from_slice(&value.to_ne_bytes());
        }
        tail.copy_from_slice(&data.to_bytes());
        UserSlice::new(address, QUESTION_SIZE).write(&bytes).inspect_err(|_| {
            // Nobody has seen it.
            listener.with(id, |question| question.stage = Stage::Asked);
            listener.askers.wake_all();
            listener.readers.wake(PollEvents::IN.0 | PollEvents::RDNORM.0);
        })
    }
    /// Answers: ENOENT if nobody waits, EINPROGRESS if it was not taken or is answered already.
    fn send(&self, address: u64) -> Result<()> {
        let mut bytes = [0u8; ANSWER_SIZE];
        UserSlice::new(address, ANSWER_SIZE).read(&mut bytes)?;
        let (value, error, flags) = (long(&bytes, 8) as i64, word(&bytes, 16) as i32, word(&bytes, 20));
        let goes_on = flags & FLAG_CONTINUE != 0;
        if flags & !FLAG_CONTINUE != 0 || goes_on && (error != 0 || value != 0) {
            return Err(EINVAL);
        }
        let answered = self.0.with(long(&bytes, 0), |question| {
            if question.stage != Stage::Taken {
                return Err(EINPROGRESS);
            }
            question.stage = Stage::Answered;
            question.answer = Answer { value, error, goes_on };
            Ok(())
        });
        answered.unwrap_or(Err(ENOENT))?;
        self.0.askers.wake_all();
        Ok(())
    }
    fn check_id(&self, task: &Task, address: u64) -> Result<()> {
        let id = UserPtr::<u64>::new(address).read(task)?;
        let valid = self.0.with(id, |question| question.stage == Stage::Taken).unwrap_or(false);
        if valid { Ok(()) } else { Err(ENOENT) }
    }
    /// Gives the task that asked a file of the caller's; the descriptor it has there.
    fn add_fd(&self, task: &Task, address: u64, size: usize) -> Result<usize> {
        const SIZE: usize = 24;
        if !(SIZE..machine::memory::PAGE_SIZE).contains(&size) {
            return Err(EINVAL);
        }
        let mut bytes = [0u8; SIZE];
        let mut source = UserSlice::new(address, size);
        source.read(&mut bytes)?;
        if source.read_all()?.iter().any(|byte| *byte != 0) {
            return Err(E2BIG);
        }
        let (id, flags, source) = (long(&bytes, 0), word(&bytes, 8), word(&bytes, 12));
        let (target, target_flags) = (word(&bytes, 16), word(&bytes, 20));
        let sets = flags & ADD_SET_FD != 0;
        if target_flags & !O_CLOEXEC != 0 || flags & !(ADD_SET_FD | ADD_SEND) != 0 || target != 0 && !sets {
            return Err(EINVAL);
        }
        let gift = machine::memory::try_arc(Gift {
            links: Links::new(),
            file: task.files().get(Fd(source as i32))?,
            at: sets.then_some(target as i32),
            close_on_exec: target_flags & O_CLOEXEC != 0,
            answers: flags & ADD_SEND != 0,
            result: SpinLock::new(rank::LEAF, None),
        })?;
        let listener = &*self.0;
        let given = listener.with(id, |question| match question.stage {
            Stage::Taken if gift.answers && !question.gifts.is_empty() => Err(EBUSY),
            Stage::Taken => {
                // A new gift is on no list.
                let _ = question.gifts.push_back(gift.clone());
                Ok(())
            }
            _ => Err(EINPROGRESS),
        });
        given.unwrap_or(Err(ENOENT))?;
        listener.askers.wake_all();
        let done = listener.askers.wait_until(Sleep::Interruptible, None, || *gift.result.lock());
        match done {
            Ok(result) => result.map(|fd| fd as usize),
            Err(_) => {
                // Taken in the meantime, or never to be.
                let removed = listener.with(id, |question| question.gifts.remove(&gift)).flatten();
                let result = *gift.result.lock();
                match (removed, result) {
                    (None, Some(result)) => result.map(|fd| fd as usize),
                    _ => Err(ERESTARTSYS),
                }
            }
        }
    }
}

impl FileOperations for ListenerFile {
    fn ioctl(&self, _file: &File, task: &Task, command: u32, argument: u64) -> Result<usize> {
        match command {
            command::RECEIVE => self.receive(task, argument).map(|()| 0),
            command::SEND => self.send(argument).map(|()| 0),
            command::ID_VALID | command::ID_VALID_WRONG => self.check_id(task, argument).map(|()| 0),
            _ if command & !command::SIZE_MASK == command::ADD_FD => {
                self.add_fd(task, argument, ((command & command::SIZE_MASK) >> 16) as usize)
            }
            _ => Err(EINVAL),
        }
    }
    fn poll(&self, _file: &File, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.0.readers);
        }
        let mut events = PollEvents::NONE;
        let state = self.0.state.lock();
        if state.questions.iter().any(|question| question.stage == Stage::Asked) {
            events |= PollEvents::IN | PollEvents::RDNORM;
        }
        if state.questions.iter().any(|question| question.stage == Stage::Taken) {
            events |= PollEvents::OUT | PollEvents::WRNORM;
        }
        drop(state);
        if self.0.abandoned.load(Ordering::Acquire) {
            events |= PollEvents::HUP;
        }
        events
    }
    fn release(&self, _file: &File) {
        let mut state = self.0.state.lock();
        state.closed = true;
        for question in state.questions.iter_mut().filter(|question| question.stage != Stage::Answered) {
            question.stage = Stage::Answered;
            question.answer = Answer { error: -(abi::Errno::ENOSYS.number() as i32), ..Answer::default() };
        }
        drop(state);
        self.0.askers.wake_all();
    }
    fn is_seekable(&self) -> bool {
        false
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
