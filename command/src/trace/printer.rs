//! From records to lines as strace writes them.

use super::summary::Summary;
use abi::Abi;
use kernel::syscall::dispatch::X32_BIT;
use kernel::syscall::reference;
use kernel::trace::record::{CARRIED, DELAYED, Header, INJECTED, Kind, MORE_ARGUMENTS, SHORT};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Result, Write};

/// Between two arguments in a record.
const SEPARATOR: char = '\u{1f}';
/// Where results begin.
const RESULT_COLUMN: usize = 40;

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Lines,
    LinesAndSummary,
    Summary,
    Json,
}

/// Which time stands before each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    None,
    Relative,
    Day,
    Microseconds,
    Epoch,
}

/// How lines look.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub format: Format,
    pub clock: Clock,
    /// The time spent in a call follows it.
    pub spent: bool,
    pub to_file: bool,
    pub follow: bool,
}

/// A call that has begun.
struct Pending {
    name: String,
    arguments: String,
    time: u64,
    abi: u8,
}

/// Prints records.
pub struct Printer {
    style: Style,
    out: Box<dyn Write + Send>,
    /// The thread whose call is the unfinished end of the output, and the line so far.
    open: Option<u32>,
    line: String,
    pending: BTreeMap<u32, Pending>,
    threads: Vec<u32>,
    last_time: Option<u64>,
    summary: Summary,
}

impl Printer {
    /// A printer that has printed nothing.
    pub fn new(style: Style, out: Box<dyn Write + Send>) -> Self {
        Self {
            style,
            out,
            open: None,
            line: String::new(),
            pending: BTreeMap::new(),
            threads: Vec::new(),
            last_time: None,
            summary: Summary::default(),
        }
    }

    /// Prints a record with its texts: arguments, result, reason.
    pub fn print(&mut self, header: &Header, [arguments, result, reason]: &[String; 3]) -> Result<()> {
        let thread = header.thread;
        match header.kind {
            Kind::Begin => self.threads.push(thread),
            Kind::Entry => {
                let name = name_of(header);
                if self.prints_lines() {
                    self.begin_line(thread, header.time)?;
                    let certain = header.flags & MORE_ARGUMENTS != 0 && !arguments.is_empty();
                    let more = if certain { ", " } else { "" };
                    let shown = arguments.replace(SEPARATOR, ", ");
                    self.add(&format!("{name}({shown}{more}"))?;
                    self.open = Some(thread);
                }
                let arguments = arguments.clone();
                self.pending.insert(thread, Pending { name, arguments, time: header.time, abi: header.abi });
            }
            Kind::Exit => {
                let Some(call) = self.pending.remove(&thread) else { return Ok(()) };
                let failed = (-4095..0).contains(&header.result);
                self.summary.add(&call.name, header.duration, failed);
                match self.style.format {
                    Format::Json => self.print_json_call(header, &call, arguments, result, reason)?,
                    Format::Summary => {}
                    Format::Lines | Format::LinesAndSummary => self.print_end(header, &call, arguments, result)?,
                }
            }
            Kind::Signal | Kind::End => self.print_event(header, arguments)?,
        }
        Ok(())
    }

    /// Passes on what was printed.
    pub fn flush(&mut self) -> Result<()> {
        self.out.flush()
    }

    /// The end of everything: the table, if wanted.
    pub fn finish(&mut self) -> Result<()> {
        if self.open.take().is_some() {
            writeln!(self.out, " <unfinished ...>")?;
        }
        if matches!(self.style.format, Format::Summary | Format::LinesAndSummary) {
            self.summary.write(&mut self.out)?;
        }
        self.out.flush()
    }

    fn prints_lines(&self) -> bool {
        matches!(self.style.format, Format::Lines | Format::LinesAndSummary)
    }

    fn add(&mut self, text: &str) -> Result<()> {
        self.line.push_str(text);
        self.out.write_all(text.as_bytes())
    }
    fn end_line(&mut self) -> Result<()> {
        self.line.clear();
        self.open = None;
        self.out.write_all(b"\n")
    }

    /// Ends a line that another call's beginning has left, and writes who and when.
    fn begin_line(&mut self, thread: u32, time: u64) -> Result<()> {
        if self.open.is_some() {
            self.add(" <unfinished ...>")?;
            self.end_line()?;
        }
        let mut start = String::new();
        // Writing to a string cannot fail.
        let _ = match (self.style.follow && self.style.to_file, self.threads.len() > 1 && !self.style.to_file) {
            (true, _) => write!(start, "{thread:<5} "),
            (false, true) => write!(start, "[pid {thread:>5}] "),
            _ => Ok(()),
        };
        let (seconds, micros) = (time / 1_000_000_000, time / 1000 % 1_000_000);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        let _ = match self.style.clock {
            Clock::None => Ok(()),
            Clock::Relative => {
                let passed = self.last_time.map_or(0, |last| time.saturating_sub(last));
                write!(start, "{:>6}.{:06} ", passed / 1_000_000_000, passed / 1000 % 1_000_000)
            }
            Clock::Day => write!(start, "{hour:02}:{minute:02}:{second:02} "),
            Clock::Microseconds => write!(start, "{hour:02}:{minute:02}:{second:02}.{micros:06} "),
            Clock::Epoch => write!(start, "{seconds}.{micros:06} "),
        };
        self.last_time = Some(time);
        self.add(&start)
    }

    fn print_end(&mut self, header: &Header, call: &Pending, arguments: &str, result: &str) -> Result<()> {
        let mut shown = arguments.replace(SEPARATOR, ", ");
        if header.flags & MORE_ARGUMENTS != 0 && !call.arguments.is_empty() {
            shown = shown.strip_prefix(", ").unwrap_or(&shown).to_string();
        }
        if self.open != Some(header.thread) {
            self.begin_line(header.thread, header.time)?;
            self.add(&format!("<... {} resumed>", call.name))?;
        }
        let padding = RESULT_COLUMN.saturating_sub(self.line.chars().count() + shown.chars().count() + 1).max(1);
        self.add(&format!("{shown}){}= {result}", " ".repeat(padding)))?;
        if header.flags & INJECTED != 0 {
            self.add(" (INJECTED)")?;
        }
        if header.flags & DELAYED != 0 {
            self.add(" (DELAYED)")?;
        }
        if self.style.spent {
            let micros = header.duration / 1000;
            self.add(&format!(" <{}.{:06}>", micros / 1_000_000, micros % 1_000_000))?;
        }
        self.end_line()
    }

    fn print_event(&mut self, header: &Header, text: &str) -> Result<()> {
        let mark = if header.kind == Kind::Signal { "---" } else { "+++" };
        match self.style.format {
            Format::Summary => {}
            Format::Json => {
                let kind = if header.kind == Kind::Signal { "signal" } else { "end" };
                let start = json_start(kind, header.thread, header.time);
                writeln!(self.out, "{start},\"text\":{}}}", quoted(text))?;
            }
            Format::Lines | Format::LinesAndSummary => {
                self.begin_line(header.thread, header.time)?;
                self.add(&format!("{mark} {text} {mark}"))?;
                self.end_line()?;
            }
        }
        if header.kind == Kind::End {
            self.threads.retain(|thread| *thread != header.thread);
        }
        Ok(())
    }

    fn print_json_call(
        &mut self,
        header: &Header,
        call: &Pending,
        rest: &str,
        result: &str,
        reason: &str,
    ) -> Result<()> {
        let abi = ["x86-64", "x32", "i386"].get(usize::from(call.abi)).copied().unwrap_or_default();
        let whole = format!("{}{rest}", call.arguments);
        let arguments: Vec<_> = whole.split(SEPARATOR).filter(|_| !whole.is_empty()).map(quoted).collect();
        let start = json_start("call", header.thread, call.time);
        let mut line = format!("{start},\"abi\":\"{abi}\",\"name\":{}", quoted(&call.name));
        let _ = write!(line, ",\"arguments\":[{}],\"result\":{}", arguments.join(","), header.result);
        let _ = write!(line, ",\"shown\":{},\"nanoseconds\":{}", quoted(result), header.duration);
        if !reason.is_empty() {
            let _ = write!(line, ",\"reason\":{}", quoted(reason));
        }
        for (bit, name) in [(INJECTED, "injected"), (DELAYED, "delayed")] {
            if header.flags & bit != 0 {
                let _ = write!(line, ",\"{name}\":true");
            }
        }
        writeln!(self.out, "{line}}}")
    }
}

/// The name of the call that begins.
fn name_of(header: &Header) -> String {
    let table = if header.flags & CARRIED != 0 { Abi::X86_64 as u8 } else { header.abi };
    let abi = [Abi::X86_64, Abi::X32, Abi::I386].into_iter().find(|abi| *abi as u8 == table);
    let number = if abi == Some(Abi::X32) { header.number & !(X32_BIT as u32) } else { header.number };
    let row = abi.and_then(|abi| reference::row_of(abi, number.into()));
    match row.map(|row| row.name) {
        Some("sendto") if header.flags & SHORT != 0 => "send".into(),
        Some("recvfrom") if header.flags & SHORT != 0 => "recv".into(),
        Some(name) => name.into(),
        None => format!("syscall_{:#x}", header.number),
    }
}

fn json_start(kind: &str, thread: u32, time: u64) -> String {
    format!("{{\"kind\":\"{kind}\",\"thread\":{thread},\"time\":{}.{:09}", time / 1_000_000_000, time % 1_000_000_000)
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);
    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.0.lock().expect("nobody panicked").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    fn printed(style: Style, records: &[(Kind, u32, u8, u32, [&str; 3])]) -> String {
        let shared = Shared::default();
        let mut printer = Printer::new(style, Box::new(shared.clone()));
        for (kind, thread, flags, number, texts) in records {
            let header = Header {
                kind: *kind,
                abi: 0,
                flags: *flags,
                thread: *thread,
                time: 1_000_000_000 + u64::from(*thread) * 1000,
                duration: 2000,
                result: 0,
                number: *number,
                lengths: [0; 3],
            };
            printer.print(&header, &texts.map(String::from)).expect("memory can be written");
        }
        printer.finish().expect("memory can be written");
        let bytes = shared.0.lock().expect("nobody panicked").clone();
        String::from_utf8(bytes).expect("it is text")
    }

    const STYLE: Style = Style { format: Format::Lines, clock: Clock::None, spent: false, to_file: true, follow: true };

    #[test]
    fn calls_that_overlap_are_taken_up_again() {
        let records = [
            (Kind::Begin, 1, 0, 0, [""; 3]),
            (Kind::Begin, 2, 0, 0, [""; 3]),
            (Kind::Entry, 1, MORE_ARGUMENTS, 0, ["3", "", ""]),
            (Kind::Entry, 2, 0, 3, ["4", "", ""]),
            (Kind::Exit, 2, 0, 0, ["", "0", ""]),
            (Kind::Exit, 1, MORE_ARGUMENTS, 0, ["\u{1f}\"x\"\u{1f}5", "1", ""]),
            (Kind::Entry, 1, 0, 0x1bc0, ["0\u{1f}0", "", ""]),
            (Kind::Exit, 1, 0, 0, ["", "-1 ENOSYS", ""]),
            (Kind::End, 1, 0, 0, ["exited with 0", "", ""]),
        ];
        let expected = "1     read(3,  <unfinished ...>\n\
                        2     close(4)                          = 0\n\
                        1     <... read resumed>\"x\", 5)         = 1\n\
                        1     syscall_0x1bc0(0, 0)              = -1 ENOSYS\n\
                        1     +++ exited with 0 +++\n";
        assert_eq!(printed(STYLE, &records), expected);
    }

    #[test]
    fn json_has_the_arguments_one_by_one() {
        let records = [
            (Kind::Entry, 1, 0, 2, ["\"a\"\u{1f}O_RDONLY", "", ""]),
            (Kind::Exit, 1, INJECTED, 0, ["", "3", "because"]),
        ];
        let style = Style { format: Format::Json, ..STYLE };
        let expected = "{\"kind\":\"call\",\"thread\":1,\"time\":1.000001000,\"abi\":\"x86-64\",\"name\":\"open\",\
                        \"arguments\":[\"\\\"a\\\"\",\"O_RDONLY\"],\"result\":0,\"shown\":\"3\",\"nanoseconds\":2000,\
                        \"reason\":\"because\",\"injected\":true}\n";
        assert_eq!(printed(style, &records), expected);
    }
}
