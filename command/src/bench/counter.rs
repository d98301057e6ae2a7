//! Instructions of user mode, counted by a plugin in QEMU between the benchmark program's marks.

use super::table::{Figure, Figures, Line};
use crate::plugin::{self, Plugin};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes of the header, and of a mark; `count.c` says the same.
const HEADER: usize = 16;
const MARK: usize = 16;
const MOST_MARKS: usize = 65535;

/// A plugin for one machine, with what it counted.
pub struct Counter {
    pub plugin: Plugin,
    marks: Arc<File>,
}

/// A mark's letter (`bench.h`), and the instructions of user mode before it.
type Mark = (u8, u64);

impl Counter {
    /// Compiles the plugin if that was not done before, and makes the memory it shares.
    pub fn build() -> Result<Counter> {
        let program = plugin::compile("count", include_str!("count.c"))?;
        let marks = Arc::new(plugin::memory(HEADER + MOST_MARKS * MARK)?);
        Ok(Counter { plugin: Plugin { program, files: vec![("marks", marks.clone())] }, marks })
    }

    /// Reads what the benchmark program printed, and what was counted while it did.
    ///
    /// # Errors
    /// There is another number of marks than of lines.
    pub fn figures(&self, text: &str) -> Result<Figures> {
        pair(text, &self.marks()?)
    }

    fn marks(&self) -> Result<Vec<Mark>> {
        let mut bytes = vec![0; HEADER + MOST_MARKS * MARK];
        self.marks.read_exact_at(&mut bytes, 0).context("the plugin's memory")?;
        let mut words = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word));
        let count = words.next().unwrap_or_default() as usize;
        if count > MOST_MARKS {
            bail!("{count} marks are more than the plugin keeps; measure fewer rows at once");
        }
        let words: Vec<u64> = words.skip(1).take(2 * count).collect();
        Ok(words.as_chunks::<2>().0.iter().map(|[letter, user]| (*letter as u8, *user)).collect())
    }
}

/// Gives each printed line the instructions of its least round: the marks of a line end with its `R`.
fn pair(text: &str, marks: &[Mark]) -> Result<Figures> {
    let lines: Vec<Line> = text.lines().filter_map(Line::parse).collect();
    let mut groups: Vec<&[Mark]> = marks.split_inclusive(|mark| mark.0 == b'R').collect();
    // A round that was broken off has no line.
    groups.retain(|group| group.last().is_some_and(|mark| mark.0 == b'R'));
    if groups.len() != lines.len() {
        bail!("QEMU's plugin saw {} rows, the benchmark program printed {}", groups.len(), lines.len());
    }
    let mut figures = Figures::new();
    for (mut line, group) in lines.into_iter().zip(groups) {
        let rounds: Vec<u64> = group
            .windows(2)
            .filter_map(|pair| if let [(b'B', begin), (b'E', end)] = pair { Some(end - begin) } else { None })
            .collect();
        if let Figure::Measured { user, .. } = &mut line.figure {
            *user = rounds.get(line.round).map(|instructions| *instructions as f64 / line.operations);
        }
        figures.insert(line.row, line.figure);
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gets_the_instructions_of_its_least_round() {
        let text = "a\t30\t31\t32\t10\t1\nb\tfailed\tENOSYS\nc\t9\t9\t9\t1\t0\n";
        let marks = [
            (b'B', 0),
            (b'E', 105),
            (b'B', 200),
            (b'E', 300),
            (b'R', 400),
            (b'B', 450),
            (b'R', 500),
            (b'R', 600),
            (b'B', 700),
        ];
        let figures = pair(text, &marks).unwrap();
        assert_eq!((figures["a"].user(), figures["a"].kernel()), (Some(10.0), Some(20.0)));
        assert_eq!(figures["c"].user(), None);
        assert!(pair(text, &marks[..5]).is_err());
    }
}
