//! A traced thread: its calls, signals and end become records.
use super::Call;
use super::notation::{self, Progress};
use super::record::{self, EXIT_HEADER, HEADER, Header, Kind};
use super::session::{self, RULES, Session};
use super::show::Show;
use super::text::{SEPARATOR, Text};
use crate::error::Result;
use crate::process::Task;
use crate::process::task::flag;
use crate::signal::SignalInfo;
use crate::syscall::dispatch::X32_BIT;
use crate::syscall::watched::Verdict;
use crate::time::clock;
use crate::wait::{Sleep, WaitQueue};
use abi::{Abi, Errno};
use alloc::boxed::Box;
use alloc::sync::Arc;
use machine::entry::UserFrame;
use machine::memory::try_box;

/// What the tracer keeps about a thread.
pub struct Tracee {
    session: Arc<Session>,
    /// Tracing starts with the next program.
    armed: bool,
    /// The call under way is an execve(2).
    executes: bool,
    /// The record of the call's beginning, then that of its end, or of something else. Each is made in one piece, with its header's
    /// room at the front, so that it is copied once.
    entry: Text,
    rest: Text,
    /// What is written of the arguments.
    progress: Progress,
    /// The call under way is shown.
    shown: bool,
    flags: u8,
    /// When it began, by the monotonic clock.
    began: u64,
    /// How often each rule's call was made.
    counts: [u32; RULES],
}

impl Tracee {
    fn new(session: Arc<Session>, armed: bool) -> Result<Box<Tracee>> {
        Ok(try_box(Tracee {
            session,
            armed,
            executes: false,
            entry: Text::new()?,
            rest: Text::new()?,
            progress: Progress::default(),
            shown: false,
            flags: 0,
            began: 0,
            counts: [0; RULES],
        })?)
    }
    /// A thread that is traced from the first instruction of its next program.
    pub fn armed(session: Arc<Session>) -> Result<Box<Tracee>> {
        Tracee::new(session, true)
    }
    /// What a child begins with, if the session follows children.
    pub fn for_child(&self) -> Result<Option<Box<Tracee>>> {
        let follows = !self.armed && self.session.settings().is_some_and(|settings| settings.follow);
        if follows { Tracee::new(self.session.clone(), false).map(Some) } else { Ok(None) }
    }
    /// Whether nobody reads any more.
    pub fn is_over(&self) -> bool {
        self.session.ring.is_closed()
    }

    /// A record's header but for what only the beginning or the end of a call has. `time` is the monotonic clock's.
    fn header(&self, task: &Task, kind: Kind, abi: Abi, time: u64) -> Header {
        Header {
            kind,
            abi: abi as u8,
            flags: self.flags,
            thread: task.id_in_own_namespace(),
            time: clock::realtime_at(time),
            duration: 0,
            result: 0,
            number: 0,
            lengths: [0; 3],
        }
    }
    /// Passes on an event with the text that stands in `rest`, behind the header's room.
    fn push_event(&mut self, task: &Task, kind: Kind) {
        let length = self.rest.bytes().len().saturating_sub(HEADER) as u32;
        let header = self.header(task, kind, task.abi(), machine::time::monotonic());
        self.rest.write_front(front(&Header { lengths: [length, 0, 0], ..header }.encode()));
        self.session.ring.push(self.rest.bytes());
    }
    /// Says that a thread is traced from now on.
    pub fn tell_begin(&mut self, task: &Task) {
        self.rest.clear_with_room(HEADER);
        self.push_event(task, Kind::Begin);
    }

    /// A call begins.
    pub fn begin(&mut self, task: &Task, frame: &mut UserFrame, call: &Call) -> Verdict {
        self.shown = false;
        let session = self.session.clone();
        let Some(settings) = session.settings() else { return Verdict::Serve };
        let known = settings.call(call.table, number_of(call));
        self.executes = known.is_some_and(|known| known.executes);
        if self.armed && !self.executes {
            return Verdict::Serve;
        }
        self.shown = known.map_or(settings.show_unknown, |known| known.shown);
        self.flags = match (call.is_carried(), call.is_short) {
            (false, _) => 0,
            (true, false) => record::CARRIED,
            (true, true) => record::CARRIED | record::SHORT,
        };
        if self.shown {
            self.write_entry(task, frame, call, known, settings.limit);
        }
        self.began = machine::time::monotonic();
        // Of the first program the record waits until it is certain that it begins.
        let mut has_waited = false;
        if self.shown {
            let arguments = self.entry.bytes().len().saturating_sub(HEADER) as u32;
            let header = self.header(task, Kind::Entry, call.abi, self.began);
            let header = Header { number: call.number as u32, lengths: [arguments, 0, 0], ..header };
            self.entry.write_front(front(&header.encode()));
            has_waited = !self.armed && !self.session.ring.push(self.entry.bytes());
        }
        let rule = known.and_then(|known| known.rule).filter(|_| !self.armed);
        let verdict = rule.map_or(Verdict::Serve, |index| self.obey(frame, settings, index));
        if has_waited || rule.is_some() {
            self.began = machine::time::monotonic();
        }
        verdict
    }

    fn write_entry(
        &mut self,
        task: &Task,
        frame: &UserFrame,
        call: &Call,
        known: Option<&session::Call>,
        limit: usize,
    ) {
        self.entry.clear_with_room(HEADER);
        let Some(known) = known else {
            return write_registers(&mut self.entry, &call.arguments);
        };
        if known.description.is_some_and(|description| description.has_late()) {
            self.flags |= record::MORE_ARGUMENTS;
        }
        match (known.description, known.row.show) {
            (Some(description), _) => {
                let mut show = show(task, call, Some(known), &mut self.entry, limit, None);
                if known.takes_frame {
                    show.words = [frame.stack_pointer(); 6];
                    notation::show_frame_mask(&mut show);
                }
                self.progress = description.begin(&mut show);
            }
            // A text that is full is no reason to stop.
            (None, Some(write)) => drop(write(task, call.abi, &call.arguments, &mut self.entry)),
            (None, None) => write_registers(&mut self.entry, &call.arguments),
        }
    }

    /// Applies a rule: waits, fails.
    fn obey(&mut self, frame: &mut UserFrame, settings: &session::Settings, index: u8) -> Verdict {
        let (Some(rule), Some(count)) = (settings.rule(index), self.counts.get_mut(usize::from(index))) else {
            return Verdict::Serve;
        };
        *count = count.saturating_add(1);
        let failure = rule.failure.filter(|failure| failure.applies(*count));
        if rule.delay > 0 {
            self.flags |= record::DELAYED;
            let deadline = machine::time::monotonic().saturating_add(rule.delay);
            let nobody_wakes = WaitQueue::new();
            // Ends by the deadline, or because the thread is killed.
            let _ = nobody_wakes.wait_until::<()>(Sleep::Killable, Some(deadline), || None);
        }
        let Some(failure) = failure else { return Verdict::Serve };
        self.flags |= record::INJECTED;
        frame.rax = (-i64::from(failure.errno.number())) as u64;
        Verdict::Skip
    }

    /// A call ends.
    pub fn end(&mut self, task: &Task, frame: &UserFrame, call: &Call, reason: &str) {
        let now = machine::time::monotonic();
        let result = call.result(frame);
        let is_first = self.armed && self.executes && result == 0;
        if self.armed && !is_first {
            return;
        }
        if is_first {
            self.armed = false;
            self.tell_begin(task);
        }
        if !core::mem::take(&mut self.shown) {
            return;
        }
        if is_first {
            self.session.ring.push(self.entry.bytes());
        }
        let session = self.session.clone();
        let Some(settings) = session.settings() else { return };
        let known = settings.call(call.table, number_of(call));
        self.rest.clear_with_room(EXIT_HEADER);
        let mut show = show(task, call, known, &mut self.rest, settings.limit, Some(result));
        if let Some(description) = known.and_then(|known| known.description) {
            description.end(&mut show, self.progress);
        }
        let arguments = show.text.bytes().len();
        write_result(&mut show, task, known);
        let answer = show.text.bytes().len();
        if (-4095..0).contains(&result) {
            show.text.put(reason);
        }
        let lengths = [arguments - EXIT_HEADER, answer - arguments, self.rest.bytes().len() - answer];
        let header = Header {
            duration: now.saturating_sub(self.began),
            result,
            lengths: lengths.map(|length| length as u32),
            ..self.header(task, Kind::Exit, call.abi, now)
        };
        self.rest.write_front(&header.encode());
        session.ring.push(self.rest.bytes());
    }

    /// A signal is delivered.
    pub fn signal(&mut self, task: &Task, info: &SignalInfo) {
        if self.armed {
            return;
        }
        self.rest.clear_with_room(HEADER);
        notation::signal_name(&mut self.rest, info.signal.into());
        self.rest.byte(b' ');
        notation::show_information(&mut self.rest, info);
        self.push_event(task, Kind::Signal);
    }

    /// The thread ends.
    pub fn ended(&mut self, task: &Task, status: i32) {
        if self.armed {
            return;
        }
        self.rest.clear_with_room(HEADER);
        match (status & 0x7f, status >> 8 & 0xff) {
            (0, code) => {
                self.rest.put("exited with ");
                self.rest.signed(code.into());
            }
            (signal, _) => {
                self.rest.put("killed by ");
                notation::signal_name(&mut self.rest, signal as u64);
                if status & 0x80 != 0 {
                    self.rest.put(" (core dumped)");
                }
            }
        }
        self.push_event(task, Kind::End);
    }
}

/// What counts of a header that is not a call's end's.
fn front(header: &[u8; EXIT_HEADER]) -> &[u8] {
    header.first_chunk::<HEADER>().map_or(&[], |front| front)
}

fn number_of(call: &Call) -> usize {
    let number = call.number as u32 as u64;
    (if matches!(call.table, Abi::X32) { number & !X32_BIT } else { number }) as usize
}

fn show<'a>(
    task: &'a Task,
    call: &Call,
    known: Option<&session::Call>,
    text: &'a mut Text,
    limit: usize,
    result: Option<i64>,
) -> Show<'a> {
    let wide_time = !matches!(call.abi, Abi::I386) || known.is_some_and(|known| known.has_wide_time);
    let is_carried = call.is_carried();
    Show {
        task,
        abi: call.abi,
        words: call.arguments,
        is_carried,
        is_short: call.is_short,
        result,
        text,
        limit,
        wide_time,
    }
}

fn write_registers(text: &mut Text, registers: &[u64; 6]) {
    for (index, register) in registers.iter().enumerate() {
        if index > 0 {
            text.byte(SEPARATOR);
        }
        text.hex(*register);
    }
}

fn write_result(show: &mut Show<'_>, task: &Task, known: Option<&session::Call>) {
    let result = show.result.unwrap_or(0);
    let restart = match result {
        -512 => Some("? ERESTARTSYS (To be restarted if SA_RESTART is set)"),
        -513 => Some("? ERESTARTNOINTR (To be restarted)"),
        -514 => Some("? ERESTARTNOHAND (To be restarted if no handler)"),
        -516 => Some("? ERESTART_RESTARTBLOCK (Interrupted by signal)"),
        _ => None,
    };
    let exits = task.has_flag(flag::EXIT_REQUESTED);
    let ends = || exits || task.fatal_signal_pending() || task.group().signals.is_exiting();
    match (show.error(), known.and_then(|known| known.description)) {
        _ if exits || (restart.is_some() && ends()) => show.text.put("?"),
        _ if restart.is_some() => show.text.put(restart.unwrap_or_default()),
        (Some(errno), _) => {
            show.text.put("-1 ");
            show.text.put(Errno::name(errno));
            show.text.put(" (");
            show.text.put(Errno::message(errno));
            show.text.byte(b')');
        }
        (None, Some(description)) => description.answer(show),
        (None, None) => show.text.signed(result),
    }
}
