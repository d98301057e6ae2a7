//! A traced thread: its calls, signals and end become records.
use super::Call;
use super::notation;
use super::record::{self, Header, Kind};
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
    /// The arguments known at entry, then those known at the end.
    entry: Text,
    rest: Text,
    name: Text,
    /// The call under way is shown.
    shown: bool,
    flags: u8,
    /// When it began, by the wall clock and the monotonic one.
    entered: u64,
    began: u64,
    /// How often each rule's call was made.
    counts: [u32; RULES],
}

impl Tracee {
    fn new(session: Arc<Session>, armed: bool) -> Result<Box<Tracee>> {
        let (entry, rest, name) = (Text::new()?, Text::new()?, Text::new()?);
        let (shown, flags, entered, began) = (false, 0, 0, 0);
        Ok(try_box(Tracee {
            session,
            armed,
            executes: false,
            entry,
            rest,
            name,
            shown,
            flags,
            entered,
            began,
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

    fn push(&self, task: &Task, kind: Kind, abi: Abi, time: u64, result: (u64, i64), texts: [&[u8]; 4]) {
        let header = Header {
            kind,
            abi: abi as u8,
            flags: self.flags,
            thread: task.id_in_own_namespace(),
            time,
            duration: result.0,
            result: result.1,
            lengths: texts.map(|text| text.len() as u32),
        };
        let [name, arguments, answer, reason] = texts;
        let (header, used) = header.encode();
        let header = header.get(..used).unwrap_or_default();
        self.session.ring.push(&[header, name, arguments, answer, reason]);
    }
    fn push_text(&self, task: &Task, kind: Kind, text: &[u8]) {
        self.push(task, kind, task.abi(), clock::realtime(), (0, 0), [&[], text, &[], &[]]);
    }
    /// Says that a thread is traced from now on.
    pub fn tell_begin(&self, task: &Task) {
        self.push_text(task, Kind::Begin, &[]);
    }

    /// A call begins.
    pub fn begin(&mut self, task: &Task, frame: &mut UserFrame, call: &Call) -> Verdict {
        self.shown = false;
        let session = self.session.clone();
        let Some(settings) = session.settings() else { return Verdict::Serve };
        let known = settings.call(call.abi, number_of(call));
        self.executes = known.is_some_and(|known| known.executes);
        if self.armed && !self.executes {
            return Verdict::Serve;
        }
        self.shown = known.map_or(settings.show_unknown, |known| known.shown);
        self.flags = 0;
        if self.shown {
            self.write_entry(task, frame, call, known, settings.limit);
            self.entered = clock::realtime();
            if !self.armed {
                let texts = [self.name.bytes(), self.entry.bytes(), &[], &[]];
                self.push(task, Kind::Entry, call.abi, self.entered, (0, 0), texts);
            }
        }
        let rule = known.and_then(|known| known.rule).filter(|_| !self.armed);
        let verdict = rule.map_or(Verdict::Serve, |index| self.obey(frame, settings, index));
        self.began = machine::time::monotonic();
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
        self.name.clear();
        self.entry.clear();
        let Some(known) = known else {
            self.name.put("syscall_");
            self.name.hex(u64::from(call.number as u32));
            return write_registers(&mut self.entry, &call.arguments);
        };
        self.name.put(known.row.name);
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
                description.begin(&mut show);
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
        let duration = machine::time::monotonic().saturating_sub(self.began);
        let result = frame.rax as i64;
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
            let texts = [self.name.bytes(), self.entry.bytes(), &[], &[]];
            self.push(task, Kind::Entry, call.abi, self.entered, (0, 0), texts);
        }
        let session = self.session.clone();
        let Some(settings) = session.settings() else { return };
        let known = settings.call(call.abi, number_of(call));
        self.rest.clear();
        let mut show = show(task, call, known, &mut self.rest, settings.limit, Some(result));
        if let Some(description) = known.and_then(|known| known.description) {
            description.end(&mut show);
        }
        let split = show.text.bytes().len();
        write_result(&mut show, task, known);
        let (rest, answer) = self.rest.bytes().split_at_checked(split).unwrap_or_default();
        let reason = if (-4095..0).contains(&result) { reason.as_bytes() } else { &[] };
        self.push(
            task,
            Kind::Exit,
            call.abi,
            clock::realtime(),
            (duration, result),
            // The entry's record, which comes before, has the name.
            [&[], rest, answer, reason],
        );
    }

    /// A signal is delivered.
    pub fn signal(&mut self, task: &Task, info: &SignalInfo) {
        if self.armed {
            return;
        }
        self.rest.clear();
        notation::signal_name(&mut self.rest, info.signal.into());
        self.rest.byte(b' ');
        notation::show_information(&mut self.rest, info);
        self.push_text(task, Kind::Signal, self.rest.bytes());
    }

    /// The thread ends.
    pub fn ended(&mut self, task: &Task, status: i32) {
        if self.armed {
            return;
        }
        self.rest.clear();
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
        self.push_text(task, Kind::End, self.rest.bytes());
    }
}

fn number_of(call: &Call) -> usize {
    let number = call.number as u32 as u64;
    (if matches!(call.abi, Abi::X32) { number & !X32_BIT } else { number }) as usize
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
    Show { task, abi: call.abi, words: call.arguments, result, text, limit, wide_time }
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
    let ends = task.has_flag(flag::EXIT_REQUESTED) || task.fatal_signal_pending() || task.group().signals.is_exiting();
    let restart = match result {
        -512 => Some("? ERESTARTSYS (To be restarted if SA_RESTART is set)"),
        -513 => Some("? ERESTARTNOINTR (To be restarted)"),
        -514 => Some("? ERESTARTNOHAND (To be restarted if no handler)"),
        -516 => Some("? ERESTART_RESTARTBLOCK (Interrupted by signal)"),
        _ => None,
    };
    match (show.error(), known.and_then(|known| known.description)) {
        _ if ends && (restart.is_some() || task.has_flag(flag::EXIT_REQUESTED)) => show.text.put("?"),
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
