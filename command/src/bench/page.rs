//! `docs/performance.md`: the figures for readers, with the plot beside it.

use super::chart::Chart;
use super::table::{Table, Verdict, thousands};
use super::{picture, plot};
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
    let chart = Chart::of(table);
    std::fs::write(&plot, plot::draw(&chart)).with_context(|| plot.display().to_string())?;
    let picture = folder.join("performance.png");
    std::fs::write(&picture, picture::draw(&chart)?).with_context(|| picture.display().to_string())
}

fn compose(table: &Table, unit: &str, notes: &str) -> String {
    let mut text = format!(
        "# Performance\n\nMade by `lstar bench --report docs`, which keeps the notes at the end. The figures are {unit} per operation, \
         kernel\nand program together, on Debian's Linux 6.1 and on Lstar, in the same QEMU with the same root and the same static \
         program:\nthe least of several measurements. Counted with `-icount`, a second run gives the same. What the kernel's part of \
         it is, a plugin\nin QEMU counts.\n\n\
         ![Ratios, Linux at 1](performance.svg)\n\n"
    );
    for line in table.summary() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "- {line}");
    }
    text.push_str(
        "\nRows are judged by the ratio in bold: whole programs (`program-`) and calls of the vDSO by the kernel's part, all others by \
         the whole.\n",
    );
    for family in table.names().chunk_by(|one, next| one.family == next.family) {
        let title = family.first().map_or("", |name| &name.family);
        let _ = writeln!(
            text,
            "\n## {}{}\n\n| row | Linux 6.1 | Lstar | ratio | Linux's kernel | Lstar's kernel | ratio |\n\
             |---|---:|---:|---:|---:|---:|---:|",
            title.get(..1).unwrap_or_default().to_uppercase(),
            title.get(1..).unwrap_or_default()
        );
        for name in family {
            text.push_str(&line(table, &name.row));
        }
    }
    text.push('\n');
    text.push_str(notes);
    text
}

/// A row's line: the whole, then the kernel's part.
fn line(table: &Table, row: &str) -> String {
    let Some((linux, ours)) = table.values(row) else { return format!("| `{row}` | failed | failed | | | | |\n") };
    let verdict = table.verdict(row);
    let shown = |ratio: Option<f64>| match ratio {
        Some(ratio) if verdict == Verdict::Ratio(ratio) => format!("**{ratio:.2}**"),
        Some(ratio) => format!("{ratio:.2}"),
        None => String::new(),
    };
    let kernels = table.kernels(row).map_or("| | ".into(), |(linux, ours)| {
        let ratio = if linux > 0.0 { Some(ours / linux) } else { None };
        format!("{} | {} | {}", thousands(linux), thousands(ours), shown(ratio))
    });
    format!("| `{row}` | {} | {} | {} | {kernels} |\n", thousands(linux), thousands(ours), shown(table.whole(row)))
}

#[cfg(test)]
mod tests {
    use super::super::chart::tests::sample;
    use super::*;

    #[test]
    fn notes_are_kept_and_a_failed_row_is_shown() {
        let text = compose(&sample(), "instructions", "## Rows behind\n\nNone.\n");
        for line in [
            "| `good` | 100 | 50 | **0.50** | | |  |",
            "| `bad` | failed | failed | | | | |",
            "| `program-x` | 1,000 | 950 | 0.95 | 100 | 50 | **0.50** |",
            "- 1 row failed, and not in the mean: bad",
        ] {
            assert!(text.contains(line), "{line} is not in:\n{text}");
        }
        assert!(text.ends_with("None.\n"));
    }
}
