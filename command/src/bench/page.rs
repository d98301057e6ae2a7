//! `docs/performance.md`: the figures for readers, with the plot beside it.

use super::picture;
use super::plot::{self, GOAL};
use super::table::{Table, thousands};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::path::Path;

/// From here on the page is written by people and kept.
const NOTES: &str = "## Rows behind";

/// Writes `performance.md`, `performance.svg` and `performance.png` into a folder. What the page says from its notes on stays.
pub fn write(folder: &Path, table: &Table, unit: &str) -> Result<()> {
    let (page, plot) = (folder.join("performance.md"), folder.join("performance.svg"));
    let before = std::fs::read_to_string(&page).unwrap_or_default();
    let notes = before.find(NOTES).and_then(|at| before.get(at..));
    let text = compose(table, unit, notes.unwrap_or(NOTES));
    std::fs::write(&page, text).with_context(|| page.display().to_string())?;
    std::fs::write(&plot, plot::draw(table)).with_context(|| plot.display().to_string())?;
    let picture = folder.join("performance.png");
    std::fs::write(&picture, picture::draw(table)?).with_context(|| picture.display().to_string())
}

fn compose(table: &Table, unit: &str, notes: &str) -> String {
    let mut text = format!(
        "# Performance\n\nMade by `lstar bench --report docs`, which keeps the notes at the end. The figures are {unit} per operation, \
         kernel\nand program together, on Debian's Linux 6.1 and on Lstar, in the same QEMU with the same root and the same static \
         program:\nthe least of several measurements. Counted with `-icount`, a second run gives the same.\n\n\
         ![Ratios, Linux at 1](performance.svg)\n\n"
    );
    // Writing to a string does not fail.
    let _ = match table.mean() {
        Some((mean, count)) => {
            let over = table.rows().filter(|row| table.ratio(row).is_some_and(|ratio| ratio > GOAL)).count();
            writeln!(text, "Geometric mean of {count} ratios: **{mean:.2}**. Rows above {GOAL}: {over}.\n")
        }
        None => Ok(()),
    };
    text.push_str("| row | Linux 6.1 | Lstar | ratio |\n|---|---:|---:|---:|\n");
    for row in table.rows() {
        let _ = match (table.values(row), table.ratio(row)) {
            (Some((linux, ours)), Some(ratio)) => {
                writeln!(text, "| `{row}` | {} | {} | {ratio:.2} |", thousands(linux), thousands(ours))
            }
            _ => writeln!(text, "| `{row}` | failed | failed | |"),
        };
    }
    text.push('\n');
    text.push_str(notes);
    text
}

#[cfg(test)]
mod tests {
    use super::super::table::{Figure, Figures};
    use super::*;

    #[test]
    fn notes_are_kept() {
        let figures = |value: f64| Figures::from([("a".into(), Figure::exact(value))]);
        let table =
            Table::new(&["a".into()], vec![("linux".into(), figures(2000.0)), ("lstar".into(), figures(1000.0))]);
        let text = compose(&table, "instructions", "## Rows behind\n\nNone.\n");
        assert!(text.contains("| `a` | 2,000 | 1,000 | 0.50 |") && text.ends_with("None.\n"));
    }
}
