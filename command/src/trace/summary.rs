//! The table of counts and times.

use std::collections::BTreeMap;
use std::io::{Result, Write};

#[derive(Clone, Copy, Default)]
struct Sums {
    nanoseconds: u64,
    calls: u64,
    errors: u64,
}

/// What each call was called for, how often it failed and how long it took.
#[derive(Default)]
pub struct Summary(BTreeMap<String, Sums>);

impl Summary {
    /// Counts a call.
    pub fn add(&mut self, name: &str, nanoseconds: u64, failed: bool) {
        let sums = self.0.entry(name.to_string()).or_default();
        sums.nanoseconds += nanoseconds;
        sums.calls += 1;
        sums.errors += u64::from(failed);
    }

    /// Writes the table, what took longest first.
    pub fn write(&self, out: &mut dyn Write) -> Result<()> {
        let line = "------ ----------- ----------- --------- --------- ----------------";
        writeln!(out, "% time     seconds  usecs/call     calls    errors syscall\n{line}")?;
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by_key(|(_, row)| std::cmp::Reverse((row.nanoseconds, row.calls)));
        let total = rows.iter().fold(Sums::default(), |sum, (_, row)| Sums {
            nanoseconds: sum.nanoseconds + row.nanoseconds,
            calls: sum.calls + row.calls,
            errors: sum.errors + row.errors,
        });
        for (name, row) in rows {
            write_row(out, row, total.nanoseconds, name)?;
        }
        writeln!(out, "{line}")?;
        write_row(out, &total, total.nanoseconds, "total")
    }
}

fn write_row(out: &mut dyn Write, row: &Sums, total: u64, name: &str) -> Result<()> {
    let share = if total == 0 { 0.0 } else { row.nanoseconds as f64 * 100.0 / total as f64 };
    let seconds = row.nanoseconds as f64 / 1e9;
    let each = row.nanoseconds / 1000 / row.calls.max(1);
    let errors = if row.errors == 0 { String::new() } else { row.errors.to_string() };
    writeln!(out, "{share:>6.2} {seconds:>11.6} {each:>11} {:>9} {errors:>9} {name}", row.calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_comes_first_and_sums_are_right() {
        let mut summary = Summary::default();
        summary.add("read", 1_000_000, false);
        summary.add("open", 3_000_000, true);
        summary.add("open", 0, false);
        let mut text = Vec::new();
        summary.write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[2], " 75.00    0.003000        1500         2         1 open");
        assert_eq!(lines[3], " 25.00    0.001000        1000         1           read");
        assert_eq!(lines[5], "100.00    0.004000        1333         3         1 total");
    }
}
