//! Files of text.
use super::{Accept, Generate, Output, Subject};
use crate::error::*;
use crate::file::open_file::{FlagSupport, SeekFrom};
use crate::file::{File, FileOperations, IoBuffer};
use crate::process::Task;
use crate::sync::{Mutex, rank};
use alloc::vec::Vec;
use core::any::Any;

/// Longest text that can be written to a file.
const LONGEST_WRITE: usize = 4096;

/// What becomes of a write that does not begin at the file's beginning.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// Nothing, as sysctls have it.
    Ignored,
    /// It is as good as any.
    Taken,
    /// The owner of the file is refused with EINVAL.
    Refused,
    /// It is as good as any, but there are none by pwrite(2): what is read of the file is a sequence.
    Sequence,
}

/// How Linux makes a file that is read only, which shows in what pwrite(2) and preadv2(2) say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// By a sequence of records (seq_file).
    Sequence,
    /// By a function of its own.
    Bytes,
}

/// An open file of text.
pub struct TextFile {
    subject: Subject,
    generate: Option<Generate>,
    accept: Option<(Accept, Elsewhere)>,
    form: Form,
    text: Mutex<Option<Output>>,
}
impl TextFile {
    /// Text made by `generate`.
    pub fn new(subject: Subject, generate: Generate, form: Form) -> Self {
        let text = Mutex::new(rank::FILE_POSITION, None);
        TextFile { subject, generate: Some(generate), accept: None, form, text }
    }
    /// The same, and what is written taken by `accept`.
    pub fn writable(subject: Subject, generate: Generate, accept: Accept, elsewhere: Elsewhere) -> Self {
        let form = if elsewhere == Elsewhere::Sequence { Form::Sequence } else { Form::Bytes };
        TextFile { accept: Some((accept, elsewhere)), ..TextFile::new(subject, generate, form) }
    }
    /// Text that is there already.
    pub fn fixed(text: Output) -> Self {
        let text = Mutex::new(rank::FILE_POSITION, Some(text));
        TextFile {
            subject: Subject::system(Task::current().pid_namespace()),
            generate: None,
            accept: None,
            form: Form::Sequence,
            text,
        }
    }
}
impl FileOperations for TextFile {
    fn read(&self, _file: &File, into: &mut IoBuffer, offset: u64) -> Result<usize> {
        let mut text = self.text.lock();
        if let Some(generate) = self.generate
            && (offset == 0 || text.is_none())
        {
            let mut fresh = Output::new();
            generate(&self.subject, &mut fresh)?;
            *text = Some(fresh);
        }
        let bytes = text.as_ref().map(Output::as_bytes).unwrap_or_default();
        let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
        let count = rest.len().min(into.remaining());
        into.put(rest.get(..count).unwrap_or_default())
    }
    fn write(&self, _file: &File, from: &mut IoBuffer, offset: u64) -> Result<usize> {
        let (accept, elsewhere) = self.accept.ok_or(if self.subject.is_process() { EINVAL } else { EIO })?;
        let length = from.remaining();
        match elsewhere {
            Elsewhere::Ignored if offset != 0 => return Ok(length),
            Elsewhere::Refused if offset != 0 => {
                let is_own = core::ptr::eq(&raw const *self.subject.task()?, Task::current());
                return Err(if is_own { EINVAL } else { EPERM });
            }
            _ => {}
        }
        let mut bytes = Vec::new();
        let taken = length.min(LONGEST_WRITE);
        bytes.try_reserve_exact(taken)?;
        bytes.resize(taken, 0);
        if from.take(&mut bytes)? < taken {
            return Err(EFAULT);
        }
        accept(&self.subject, &bytes)?;
        Ok(length)
    }
    fn is_positioned(&self) -> bool {
        true
    }
    fn takes_positioned_writes(&self) -> bool {
        self.form == Form::Bytes
    }
    fn read_flags(&self) -> FlagSupport {
        match (self.form, self.accept) {
            (Form::Bytes, Some((_, Elsewhere::Taken | Elsewhere::Refused)) | None) => FlagSupport::Plain,
            _ => FlagSupport::Waiting,
        }
    }
    fn write_flags(&self) -> FlagSupport {
        match self.accept {
            None if self.subject.is_process() => FlagSupport::Absent,
            None => FlagSupport::Plain,
            Some((_, Elsewhere::Ignored)) => FlagSupport::Waiting,
            Some(_) => FlagSupport::Plain,
        }
    }
    fn is_pollable(&self) -> bool {
        false
    }
    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        seek(file, to)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// lseek(2) in a file of procfs: its end is not known, so nothing is counted from there (EINVAL).
pub fn seek(file: &File, to: SeekFrom) -> Result<u64> {
    match to {
        SeekFrom::Start(_) | SeekFrom::Current(_) => file.seek_in(to, 0),
        _ => Err(EINVAL),
    }
}

/// A number of any of C's bases ("0x10", "020", "16") and nothing else but a line's end (kstrtouint). EINVAL; ERANGE.
pub fn parse_word(bytes: &[u8]) -> Result<u32> {
    let text = core::str::from_utf8(bytes).map_err(|_| EINVAL)?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_prefix('+').unwrap_or(text);
    let (digits, base) = match text.strip_prefix('0') {
        Some(rest) if rest.starts_with(['x', 'X']) => (&rest[1..], 16),
        Some(rest) if !rest.is_empty() => (rest, 8),
        _ => (text, 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(EINVAL);
    }
    u32::from_str_radix(digits, base).map_err(|_| ERANGE)
}

/// A decimal number and nothing else but a line's end (kstrtouint of base 10). EINVAL; ERANGE.
pub fn parse_decimal(bytes: &[u8]) -> Result<u32> {
    let text = core::str::from_utf8(bytes).map_err(|_| EINVAL)?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EINVAL);
    }
    digits.parse().map_err(|_| ERANGE)
}

/// A decimal number at the beginning of what was written, surrounded by white space. EINVAL.
pub fn parse_number(bytes: &[u8]) -> Result<i64> {
    let text = core::str::from_utf8(bytes).map_err(|_| EINVAL)?;
    let first = text.split([' ', '\t', '\n', '\0']).find(|word| !word.is_empty()).ok_or(EINVAL)?;
    first.parse().map_err(|_| EINVAL)
}

/// A number of any of C's bases at the beginning of what was written, and what is behind it (proc_get_long); `None` if there is nothing but
/// white space. EINVAL for anything else.
pub fn number_at(bytes: &[u8]) -> Result<Option<(i128, &[u8])>> {
    let is_space = |byte: &u8| byte.is_ascii_whitespace();
    let Some(start) = bytes.iter().position(|byte| !is_space(byte) && *byte != 0) else { return Ok(None) };
    let rest = bytes.get(start..).unwrap_or_default();
    let end = rest.iter().position(|byte| is_space(byte) || *byte == 0).unwrap_or(rest.len());
    let (word, behind) = rest.split_at(end);
    let text = core::str::from_utf8(word).map_err(|_| EINVAL)?;
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (digits, base) = match digits.strip_prefix('0') {
        Some(hexadecimal) if hexadecimal.starts_with(['x', 'X']) => (&hexadecimal[1..], 16),
        Some(octal) if !octal.is_empty() => (octal, 8),
        _ => (digits, 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(EINVAL);
    }
    let value = u64::from_str_radix(digits, base).map_err(|_| EINVAL)?;
    Ok(Some((sign * i128::from(value), behind)))
}
