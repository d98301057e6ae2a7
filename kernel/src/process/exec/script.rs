//! The first line of #! scripts, read as Linux 6.1 does (execve(2), "Interpreter scripts").

/// Bytes of a file that are looked at to tell what it is.
pub const BUFFER: usize = 256;

/// What the first line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script<'a> {
    /// The interpreter's path.
    pub interpreter: &'a [u8],
    /// The rest of the line as one argument, if there is any.
    pub argument: Option<&'a [u8]>,
}

/// What the first bytes of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstLine<'a> {
    /// Not a script.
    Other,
    /// A script whose line is broken: ENOEXEC.
    Broken,
    /// A script.
    Script(Script<'a>),
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Reads the first line. `start` is the file's first [`BUFFER`] bytes, zeros past its end.
pub fn first_line(start: &[u8; BUFFER]) -> FirstLine<'_> {
    let Some(rest) = start.strip_prefix(b"#!") else { return FirstLine::Other };
    let line_end = rest.iter().position(|byte| *byte == b'\n');
    let line = match line_end {
        Some(end) => rest.get(..end).unwrap_or(&[]),
        None => {
            // Without a newline the interpreter must end within the buffer, else it may be cut. A NUL ends it too.
            let text = rest.iter().position(|byte| !is_blank(*byte)).and_then(|from| rest.get(from..));
            let Some(text) = text else { return FirstLine::Broken };
            let is_complete = text.iter().any(|byte| is_blank(*byte) || *byte == 0);
            if !is_complete {
                return FirstLine::Broken;
            }
            // The last byte of the buffer is never looked at as text.
            rest.get(..rest.len() - 1).unwrap_or(&[])
        }
    };
    let line = line.split(|byte| *byte == 0).next().unwrap_or(&[]);
    let last = line.iter().rposition(|byte| !is_blank(*byte));
    let first = line.iter().position(|byte| !is_blank(*byte));
    let (Some(first), Some(last)) = (first, last) else { return FirstLine::Broken };
    let Some(text) = line.get(first..=last) else { return FirstLine::Broken };
    let split = text.iter().position(|byte| is_blank(*byte)).unwrap_or(text.len());
    let (interpreter, rest) = text.split_at(split);
    let argument = rest.iter().position(|byte| !is_blank(*byte)).and_then(|from| rest.get(from..));
    FirstLine::Script(Script { interpreter, argument })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], check: impl FnOnce(FirstLine<'_>)) {
        let mut start = [0; BUFFER];
        let length = text.len().min(BUFFER);
        start[..length].copy_from_slice(&text[..length]);
        check(first_line(&start));
    }
    fn script(text: &[u8], interpreter: &[u8], argument: Option<&[u8]>) {
        read(text, |line| assert_eq!(line, FirstLine::Script(Script { interpreter, argument })));
    }

    #[test]
    fn lines_are_taken_apart() {
        script(b"#!/bin/sh\necho", b"/bin/sh", None);
        script(b"#! /bin/sh \t\n", b"/bin/sh", None);
        script(b"#!/bin/sh -e -u  \nx", b"/bin/sh", Some(b"-e -u"));
        script(b"#!\t/usr/bin/env\t python3", b"/usr/bin/env", Some(b"python3"));
        script(b"#!/bin/sh", b"/bin/sh", None);
    }

    #[test]
    fn broken_lines_are_refused() {
        for text in [&b"#!"[..], b"#!\n", b"#!   \n/bin/sh", b"#!\0/bin/sh\n"] {
            read(text, |line| assert_eq!(line, FirstLine::Broken, "{text:?}"));
        }
        read(b"#/bin/sh", |line| assert_eq!(line, FirstLine::Other));
        let mut long = [b'a'; BUFFER];
        long[..2].copy_from_slice(b"#!");
        read(&long, |line| assert_eq!(line, FirstLine::Broken));
    }

    #[test]
    fn a_long_argument_is_cut_but_not_a_long_interpreter() {
        let mut long = [b'a'; BUFFER];
        long[..10].copy_from_slice(b"#!/bin/sh ");
        read(&long, |line| match line {
            FirstLine::Script(script) => {
                assert_eq!(script.interpreter, b"/bin/sh");
                assert_eq!(script.argument.unwrap().len(), BUFFER - 10 - 1);
            }
            other => panic!("{other:?}"),
        });
    }
}
