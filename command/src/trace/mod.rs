//! `lstar trace`: runs a command under the kernel's own tracer and prints what it does as strace does.

mod options;
mod printer;
mod select;
mod summary;

pub use options::TraceOptions;
pub use printer::Printer;

use crate::escape::EscapingWriter;
use crate::run;
use anyhow::{Context, Result};
use kernel::trace::record::Header;
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write, stderr};
use std::sync::{Arc, Mutex, PoisonError};

/// Runs the command; returns its status.
pub fn run(options: &TraceOptions) -> Result<i32> {
    let settings = options.settings()?;
    let output: Box<dyn Write + Send> = match &options.output {
        Some(path) => Box::new(BufWriter::new(File::create(path).with_context(|| path.display().to_string())?)),
        // What the trace says of strings is escaped already.
        None if stderr().is_terminal() => Box::new(EscapingWriter::new(stderr(), false)),
        None => Box::new(BufWriter::new(stderr())),
    };
    let printer = Arc::new(Mutex::new(Printer::new(options.style(), output)));
    let records = Records { bytes: Vec::new(), printer: Arc::clone(&printer) };
    let status = run::run_traced(&options.run, settings.into(), Box::new(records));
    let ended = printer.lock().unwrap_or_else(PoisonError::into_inner).finish();
    let status = status?;
    ended.context("writing the trace")?;
    Ok(status)
}

/// Cuts the stream of bytes into records.
struct Records {
    bytes: Vec<u8>,
    printer: Arc<Mutex<Printer>>,
}

impl Write for Records {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        let mut printer = self.printer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rest = self.bytes.as_slice();
        let no_record = |_| std::io::Error::other("the guest sends no records");
        while let Some(header) = Header::decode(rest).map_err(no_record)? {
            let Some(mut texts) = rest.get(header.header_size()..header.size()) else { break };
            let mut next = |length: u32| {
                let (text, after) = texts.split_at(usize::try_from(length).unwrap_or(0).min(texts.len()));
                texts = after;
                String::from_utf8_lossy(text).into_owned()
            };
            let texts = header.lengths.map(&mut next);
            printer.print(&header, &texts)?;
            rest = rest.get(header.size()..).unwrap_or_default();
        }
        let used = self.bytes.len() - rest.len();
        self.bytes.drain(..used);
        printer.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
