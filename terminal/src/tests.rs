//! What Linux's N_TTY does, case by case.
extern crate std;
use crate::{Event, LineDiscipline, Reading};
use abi::termios::{Termios, character, input, local, output};
use std::vec;
use std::vec::Vec;

struct Terminal {
    line: LineDiscipline,
    termios: Termios,
    events: Vec<Event>,
    lines: usize,
}
impl Terminal {
    fn new() -> Self {
        Terminal { line: LineDiscipline::new(), termios: Termios::STANDARD, events: Vec::new(), lines: 0 }
    }
    fn with(change: impl FnOnce(&mut Termios)) -> Self {
        let mut terminal = Self::new();
        change(&mut terminal.termios);
        terminal
    }
    fn typed(&mut self, bytes: &[u8]) -> usize {
        self.line.receive(&self.termios, bytes, |event| match event {
            Event::Line => self.lines += 1,
            event => self.events.push(event),
        })
    }
    fn echo(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.line.take_echo(usize::MAX, |byte| bytes.push(byte));
        bytes
    }
    fn read(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; most];
        match self.line.read(&self.termios, &mut bytes) {
            Reading::Empty => panic!("nothing to read"),
            Reading::Line(count) | Reading::Bytes(count) => bytes.truncate(count),
        }
        bytes
    }
    fn written(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.line.output(&self.termios, bytes, |byte| out.push(byte));
        out
    }
}

#[test]
fn a_line_is_read_when_it_ends() {
    let mut terminal = Terminal::new();
    terminal.typed(b"hello");
    assert!(!terminal.line.has_input(&terminal.termios));
    terminal.typed(b"\rworld\n");
    assert_eq!(terminal.line.input_length(&terminal.termios), 12);
    assert_eq!(terminal.read(100), b"hello\n");
    assert_eq!(terminal.read(2), b"wo");
    assert_eq!(terminal.read(100), b"rld\n");
    assert_eq!(terminal.echo(), b"hello\r\nworld\r\n");
}

#[test]
fn end_of_file_ends_a_read() {
    let mut terminal = Terminal::new();
    terminal.typed(b"\x04");
    assert_eq!(terminal.line.input_length(&terminal.termios), 0);
    assert_eq!(terminal.read(10), b"");
    terminal.typed(b"abc\x04");
    assert_eq!(terminal.read(3), b"abc");
    assert!(!terminal.line.has_input(&terminal.termios));
    terminal.typed(b"abc\x04def\n");
    assert_eq!(terminal.read(10), b"abc");
    assert_eq!(terminal.read(10), b"def\n");
}

#[test]
fn erase_takes_one_character_and_kill_the_line() {
    let mut terminal = Terminal::new();
    terminal.typed(b"ab\x7f");
    assert_eq!(terminal.echo(), b"ab\x08 \x08");
    terminal.typed(b"c\x15xyz\n");
    assert_eq!(terminal.echo(), b"c\x08 \x08\x08 \x08xyz\r\n");
    assert_eq!(terminal.read(10), b"xyz\n");
    // Nothing before the line is touched.
    terminal.typed(b"\x7f\x7f\n");
    assert_eq!(terminal.read(10), b"\n");
}

#[test]
fn word_erase_takes_blanks_and_a_word() {
    let mut terminal = Terminal::new();
    terminal.typed(b"one two  \x17\n");
    assert_eq!(terminal.read(20), b"one \n");
    terminal.typed(b"one two-three\x17\n");
    assert_eq!(terminal.read(20), b"one two-\n");
}

#[test]
fn utf8_characters_are_erased_whole() {
    let mut terminal = Terminal::with(|termios| termios.input |= input::IUTF8);
    terminal.typed("aä\u{7f}b\n".as_bytes());
    assert_eq!(terminal.read(20), b"ab\n");
    assert_eq!(terminal.echo(), "aä\u{8} \u{8}b\r\n".as_bytes());
    let mut terminal = Terminal::new();
    terminal.typed("ä\u{7f}\n".as_bytes());
    assert_eq!(terminal.read(20), [0xc3, b'\n']);
}

#[test]
fn tabs_are_wiped_to_where_they_began() {
    let mut terminal = Terminal::new();
    terminal.typed(b"abc\t\x7f");
    assert_eq!(terminal.echo(), b"abc\t\x08\x08\x08\x08\x08");
    // A prompt before the line counts.
    let mut terminal = Terminal::new();
    terminal.written(b"$ ");
    terminal.typed(b"a\t\x7f");
    assert_eq!(terminal.echo(), b"a\t\x08\x08\x08\x08\x08");
}

#[test]
fn control_characters_are_shown_and_wiped_as_two() {
    let mut terminal = Terminal::new();
    terminal.typed(b"\x01\x7f");
    assert_eq!(terminal.echo(), b"^A\x08 \x08\x08 \x08");
}

#[test]
fn literal_next_takes_anything() {
    let mut terminal = Terminal::new();
    terminal.typed(b"\x16\x03x\n");
    assert_eq!(terminal.echo(), b"^\x08^Cx\r\n");
    assert_eq!(terminal.read(10), b"\x03x\n");
    assert!(terminal.events.is_empty());
}

#[test]
fn reprint_shows_the_line_again() {
    let mut terminal = Terminal::new();
    terminal.typed(b"ab\x12");
    assert_eq!(terminal.echo(), b"ab^R\r\nab");
}

#[test]
fn signals_flush_unless_told_not_to() {
    let mut terminal = Terminal::new();
    terminal.typed(b"abc\ndef\x03");
    assert_eq!(terminal.events, [Event::Signal(2), Event::Flush]);
    assert!(!terminal.line.has_input(&terminal.termios));
    assert_eq!(terminal.echo(), b"^C");
    let mut terminal = Terminal::with(|termios| termios.local |= local::NOFLSH);
    terminal.typed(b"abc\n\x1c\x1a");
    assert_eq!(terminal.events, [Event::Signal(3), Event::Signal(20)]);
    assert_eq!(terminal.read(10), b"abc\n");
}

#[test]
fn stop_holds_the_echo_back() {
    let mut terminal = Terminal::new();
    terminal.typed(b"\x13abc");
    assert!(terminal.line.is_stopped());
    assert_eq!(terminal.echo(), b"");
    terminal.typed(b"\x11");
    assert_eq!(terminal.events, [Event::Stop, Event::Start]);
    assert_eq!(terminal.echo(), b"abc");
    let mut terminal = Terminal::with(|termios| termios.input |= input::IXANY);
    terminal.typed(b"\x13a");
    assert!(!terminal.line.is_stopped());
}

#[test]
fn raw_input_is_untouched() {
    let mut terminal = Terminal::with(|termios| {
        termios.input = 0;
        termios.local = 0;
    });
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(terminal.typed(&bytes), 256);
    assert_eq!(terminal.read(300), bytes);
    assert_eq!(terminal.echo(), b"");
}

#[test]
fn minimum_decides_what_poll_says() {
    let mut terminal = Terminal::with(|termios| {
        termios.local = 0;
        termios.characters[character::MIN] = 3;
    });
    terminal.typed(b"ab");
    assert!(!terminal.line.is_readable(&terminal.termios));
    assert!(terminal.line.has_input(&terminal.termios));
    terminal.typed(b"c");
    assert!(terminal.line.is_readable(&terminal.termios));
    terminal.termios.characters[character::TIME] = 1;
    terminal.read(2);
    assert!(terminal.line.is_readable(&terminal.termios));
}

#[test]
fn newlines_are_mapped_both_ways() {
    let mut terminal = Terminal::with(|termios| termios.input = input::INLCR | input::IGNCR);
    terminal.typed(b"a\rb\n");
    assert!(!terminal.line.has_input(&terminal.termios));
    let mut terminal = Terminal::new();
    assert_eq!(terminal.written(b"a\nb"), b"a\r\nb");
    terminal.termios.output = output::OPOST | output::OCRNL | output::OLCUC;
    assert_eq!(terminal.written(b"a\rb\n"), b"A\nB\n");
    terminal.termios.output = output::OPOST | output::XTABS;
    terminal.line = LineDiscipline::new();
    assert_eq!(terminal.written(b"ab\tc"), b"ab      c");
    terminal.termios.output = output::OPOST | output::ONOCR;
    terminal.line = LineDiscipline::new();
    assert_eq!(terminal.written(b"\ra\r"), b"a\r");
    terminal.termios.output = 0;
    assert_eq!(terminal.written(b"a\n\t"), b"a\n\t");
}

#[test]
fn an_overlong_line_can_still_be_ended() {
    let mut terminal = Terminal::new();
    let long = vec![b'x'; 5000];
    assert_eq!(terminal.typed(&long), 5000);
    assert_eq!(terminal.typed(b"\n"), 1);
    let line = terminal.read(10_000);
    assert_eq!(line.len(), 4096);
    assert_eq!(line.last(), Some(&b'\n'));
}

#[test]
fn whole_lines_that_nobody_reads_fill_up() {
    let mut terminal = Terminal::new();
    let lines = b"123456789\n".repeat(500);
    assert_eq!(terminal.typed(&lines), 4095);
    assert_eq!(terminal.typed(b"x"), 0);
    terminal.read(10);
    assert_eq!(terminal.line.room(&terminal.termios), 10);
}

#[test]
fn switching_modes_keeps_what_was_typed() {
    let mut terminal = Terminal::new();
    terminal.typed(b"abc");
    let mut raw = terminal.termios;
    raw.local &= !local::ICANON;
    terminal.line.settings_changed(&terminal.termios, &raw);
    terminal.termios = raw;
    assert_eq!(terminal.read(1), b"a");
    let canonical = Termios::STANDARD;
    terminal.line.settings_changed(&raw, &canonical);
    terminal.termios = canonical;
    assert_eq!(terminal.read(10), b"bc");
}

#[test]
fn echo_without_wiping_shows_what_was_erased() {
    let mut terminal = Terminal::with(|termios| termios.local |= local::ECHOPRT);
    terminal.typed(b"abc\x7f\x7fd\n");
    assert_eq!(terminal.echo(), b"abc\\cb/d\r\n");
    let mut terminal = Terminal::with(|termios| termios.local &= !local::ECHOE);
    terminal.typed(b"a\x7fb\x15");
    assert_eq!(terminal.echo(), b"a^?b^U\r\n");
}

proptest::proptest! {
    #[test]
    fn any_input_keeps_the_queue_whole(
        steps in proptest::collection::vec(
            (proptest::collection::vec(proptest::num::u8::ANY, 0..600), 0usize..800, proptest::num::u32::ANY), 1..60
        )
    ) {
        let mut terminal = Terminal::new();
        for (bytes, most, flags) in steps {
            terminal.typed(&bytes);
            if terminal.line.has_input(&terminal.termios) {
                let length = terminal.line.input_length(&terminal.termios);
                let got = terminal.read(most);
                assert!(got.len() <= most && got.len() <= length);
            }
            terminal.echo();
            terminal.written(&bytes);
            let mut changed = terminal.termios;
            changed.local ^= flags & 0xffff;
            changed.input ^= flags >> 16;
            terminal.line.settings_changed(&terminal.termios, &changed);
            terminal.termios = changed;
            assert!(terminal.line.room(&changed) <= 4096);
        }
    }
}

#[test]
fn completed_lines_are_told() {
    let mut terminal = Terminal::new();
    terminal.typed(b"part");
    assert_eq!(terminal.lines, 0);
    terminal.typed(b" of a line\nanother\n\x04");
    assert_eq!(terminal.lines, 3);
}
