//! The options of `lstar trace`, and the settings the kernel gets for them.

use super::printer::{Clock, Format, Style};
use super::select::{check_call, select};
use crate::command_line::{RunOptions, parse_time};
use anyhow::{Context, Result, bail};
use clap::{ArgAction, Args};
use std::fmt::Write;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "\
SET is a comma-separated list of calls, or of classes as %file (takes a path), %desc (takes a descriptor), %process,
%memory, %signal, %network, %clock, %creds; a leading ! means all others.
WHEN is N (the N-th call of a thread only), N+ (and all later ones), N+STEP, N..M or N..M+STEP; all calls by default.
Times are shown in UTC. The status and the other options are those of lstar run.

Examples:
  lstar trace -- ls -l /                            every call, on standard error
  lstar trace -f -e %process -- sh -c 'ls; date'    processes and their children
  lstar trace -c --root debian/ -- python3 -V       a table of counts and times
  lstar trace --fail openat=EACCES:3 -- cat /etc/passwd
  lstar trace --delay write=100ms -r -- echo hello
  lstar trace --json -o calls.json -- date          a JSON object a line")]
pub struct TraceOptions {
    /// Trace children too
    #[arg(short)]
    pub follow: bool,
    /// Only these calls (may be given as trace=SET too)
    #[arg(short = 'e', value_name = "SET")]
    pub calls: Vec<String>,
    /// Count calls, errors and time, and print a table at the end only
    #[arg(short = 'c')]
    pub count: bool,
    /// As -c, beside the calls themselves
    #[arg(short = 'C', conflicts_with = "count")]
    pub count_too: bool,
    /// Print a JSON object a line
    #[arg(long, conflicts_with_all = ["count", "count_too"])]
    pub json: bool,
    /// Write to a file instead of standard error
    #[arg(short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show the time since the line before
    #[arg(short = 'r', conflicts_with = "times")]
    pub relative: bool,
    /// Show the time of day; -tt with microseconds, -ttt in seconds since 1970
    #[arg(short = 't', action = ArgAction::Count)]
    pub times: u8,
    /// Show the time spent in each call
    #[arg(short = 'T')]
    pub spent: bool,
    /// Longest piece of a string that is shown
    #[arg(short = 's', value_name = "SIZE", default_value_t = 32)]
    pub string_size: usize,
    /// Make calls fail
    #[arg(long, value_name = "CALL=ERRNO[:WHEN]")]
    pub fail: Vec<String>,
    /// Make calls wait before they are served
    #[arg(long, value_name = "CALL=TIME")]
    pub delay: Vec<String>,
    #[command(flatten)]
    pub run: RunOptions,
}

impl TraceOptions {
    /// How lines look.
    pub fn style(&self) -> Style {
        Style {
            format: match (self.json, self.count, self.count_too) {
                (true, ..) => Format::Json,
                (_, true, _) => Format::Summary,
                (.., true) => Format::LinesAndSummary,
                _ => Format::Lines,
            },
            clock: match self.times {
                _ if self.relative => Clock::Relative,
                0 => Clock::None,
                1 => Clock::Day,
                2 => Clock::Microseconds,
                _ => Clock::Epoch,
            },
            spent: self.spent,
            to_file: self.output.is_some(),
            follow: self.follow,
        }
    }

    /// What the kernel's tracer is told.
    pub fn settings(&self) -> Result<String> {
        let mut settings = String::new();
        if self.follow {
            settings.push_str("follow\n");
        }
        writeln!(settings, "strings {}", self.string_size)?;
        if !self.calls.is_empty() {
            let sets = self.calls.iter().map(|set| set.strip_prefix("trace=").unwrap_or(set));
            let names = select(&sets.collect::<Vec<_>>().join(","))?;
            writeln!(settings, "only {}", names.join(" "))?;
        }
        for rule in &self.fail {
            settings.push_str(&failure(rule).with_context(|| format!("--fail {rule}"))?);
        }
        for rule in &self.delay {
            let (name, time) = rule.split_once('=').with_context(|| format!("--delay {rule}: give CALL=TIME"))?;
            check_call(name).with_context(|| format!("--delay {rule}"))?;
            let time = parse_time(time).map_err(|error| anyhow::anyhow!("--delay {rule}: {error}"))?;
            writeln!(settings, "delay {name} {}", time.as_nanos())?;
        }
        Ok(settings)
    }
}

/// The kernel's line for `CALL=ERRNO[:WHEN]`.
fn failure(rule: &str) -> Result<String> {
    let (name, rest) = rule.split_once('=').context("give CALL=ERRNO or CALL=ERRNO:WHEN")?;
    check_call(name)?;
    let (errno, when) = rest.split_once(':').unwrap_or((rest, "1+"));
    if abi::Errno::from_name(errno).is_none() {
        bail!("no error is named {errno}");
    }
    let number = |text: &str| match text.parse::<u32>() {
        Ok(number @ 1..) => Ok(number),
        _ => bail!("{text} is not a number from 1 up; WHEN is as 2, 2+, 2+3 or 2..5"),
    };
    let (range, step) = match when.split_once('+') {
        Some((range, "")) => (range, 1),
        Some((range, step)) => (range, number(step)?),
        None => (when, 0),
    };
    let (first, last) = match range.split_once("..") {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(range)?, if step == 0 { number(range)? } else { u32::MAX }),
    };
    Ok(format!("fail {name} {errno} {first} {last} {}\n", step.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_say_when() {
        assert_eq!(failure("read=EIO").unwrap(), "fail read EIO 1 4294967295 1\n");
        assert_eq!(failure("read=EIO:3").unwrap(), "fail read EIO 3 3 1\n");
        assert_eq!(failure("read=EIO:3+").unwrap(), "fail read EIO 3 4294967295 1\n");
        assert_eq!(failure("read=EIO:3+2").unwrap(), "fail read EIO 3 4294967295 2\n");
        assert_eq!(failure("read=EIO:2..4").unwrap(), "fail read EIO 2 4 1\n");
        assert_eq!(failure("read=EIO:2..9+3").unwrap(), "fail read EIO 2 9 3\n");
        for bad in ["read", "nosuch=EIO", "read=EWHAT", "read=EIO:0", "read=EIO:x", "read=EIO:1+x", "=EIO"] {
            assert!(failure(bad).is_err(), "{bad}");
        }
    }
}
