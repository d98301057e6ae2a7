//! Guaranteed figures: the table of `docs/guarantees.md`, and whether this build keeps them.

use super::table::{Figures, thousands};
use anyhow::{Context, Result, bail};
use std::path::Path;

/// A row that may not cost more than its bound.
#[derive(Debug, PartialEq)]
pub struct Guarantee {
    /// The benchmark row, or two of them with ` / ` between: how many times the second the first may cost. With `kernel` after its
    /// name only the kernel's instructions count.
    pub row: String,
    /// The greatest allowed figure.
    pub bound: f64,
}

impl Guarantee {
    /// The benchmark rows that are measured for it.
    pub fn rows(&self) -> impl Iterator<Item = &str> {
        self.parts().map(|(row, _)| row)
    }
    /// The rows, each with whether only the kernel's part of it counts.
    fn parts(&self) -> impl Iterator<Item = (&str, bool)> {
        self.row.split(" / ").map(|part| part.strip_suffix(KERNEL).map_or((part, false), |row| (row, true)))
    }
    /// What was measured, if all of it has a figure.
    fn figure(&self, figures: &Figures) -> Option<f64> {
        let value = |(row, kernel)| {
            let figure = figures.get(row)?;
            if kernel { figure.kernel() } else { figure.value() }
        };
        let values: Option<Vec<f64>> = self.parts().map(value).collect();
        values?.into_iter().reduce(|first, second| first / second)
    }
}

/// After a row's name: only the kernel's instructions.
const KERNEL: &str = " kernel";

/// Reads the guarantees of a page: table lines whose first cell is a row's name in backquotes and whose second is its bound.
pub fn load(page: &Path) -> Result<Vec<Guarantee>> {
    let text = std::fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let guarantees = parse(&text).with_context(|| page.display().to_string())?;
    if guarantees.is_empty() {
        bail!("{}: no guarantee in it; a line of it is | `row` | bound | ...", page.display());
    }
    Ok(guarantees)
}

fn parse(text: &str) -> Result<Vec<Guarantee>> {
    let mut guarantees = Vec::new();
    for line in text.lines() {
        let mut cells = line.trim().strip_prefix('|').unwrap_or_default().split('|').map(str::trim);
        let Some(row) = cells.next().and_then(|cell| cell.strip_prefix('`')?.strip_suffix('`')) else { continue };
        let bound = cells.next().unwrap_or_default().replace(',', "");
        let bound = bound.parse().with_context(|| format!("`{row}` has no number as its bound"))?;
        guarantees.push(Guarantee { row: row.into(), bound });
    }
    Ok(guarantees)
}

/// Prints a line per guarantee; how many are not kept. A row without a figure is not kept.
pub fn report(guarantees: &[Guarantee], figures: &Figures) -> usize {
    let mut failed = 0;
    for guarantee in guarantees {
        let Guarantee { row, bound } = guarantee;
        let figure = guarantee.figure(figures);
        let kept = figure.is_some_and(|figure| figure <= *bound);
        let word = if kept { "ok   " } else { "FAIL " };
        let shown = |value: f64| if guarantee.rows().count() > 1 { format!("{value:.2}") } else { thousands(value) };
        let figure = figure.map_or_else(|| "no figure".into(), shown);
        println!("{word} {row}: {figure}, bound {}", shown(*bound));
        failed += usize::from(!kept);
    }
    println!("{} passed, {failed} failed", guarantees.len() - failed);
    failed
}

#[cfg(test)]
mod tests {
    use super::super::table::Figure;
    use super::*;

    const PAGE: &str =
        "# Title\n\n| row | bound |\n|---|---|\n| `getppid` | 1,150 | text |\n|`fork`|2|\ntext `x` | 3\n";

    #[test]
    fn bounds_are_read_from_tables() {
        let read = parse(PAGE).unwrap();
        let want = [("getppid", 1150.0), ("fork", 2.0)].map(|(row, bound)| Guarantee { row: row.into(), bound });
        assert_eq!(read, want);
        assert!(parse("| `getppid` | soon |").is_err());
    }

    #[test]
    fn one_row_may_be_bound_to_another() {
        let guarantees = parse("| `fork / getppid` | 1.3 |").unwrap();
        let figures =
            |fork| Figures::from([("getppid".into(), Figure::exact(100.0)), ("fork".into(), Figure::exact(fork))]);
        assert_eq!(report(&guarantees, &figures(130.0)), 0);
        assert_eq!(report(&guarantees, &figures(131.0)), 1);
        assert_eq!(report(&guarantees, &Figures::new()), 1);
    }

    #[test]
    fn the_kernels_part_may_be_bound() {
        let guarantees = parse("| `program-a kernel` | 40 |").unwrap();
        assert_eq!(guarantees[0].rows().collect::<Vec<_>>(), ["program-a"]);
        let figures = |user| {
            let figure = Figure::Measured { least: 100.0, median: 100.0, greatest: 100.0, user: Some(user) };
            Figures::from([("program-a".into(), figure)])
        };
        assert_eq!(report(&guarantees, &figures(60.0)), 0);
        assert_eq!(report(&guarantees, &figures(59.0)), 1);
        assert_eq!(report(&guarantees, &Figures::from([("program-a".into(), Figure::exact(10.0))])), 1);
    }

    #[test]
    fn a_row_above_its_bound_or_without_figure_is_not_kept() {
        let guarantees = parse(PAGE).unwrap();
        let figures = |fork| Figures::from([("getppid".into(), Figure::exact(1150.0)), ("fork".into(), fork)]);
        assert_eq!(report(&guarantees, &figures(Figure::exact(2.0))), 0);
        assert_eq!(report(&guarantees, &figures(Figure::exact(2.1))), 1);
        assert_eq!(report(&guarantees, &figures(Figure::failed("x"))), 1);
        assert_eq!(report(&guarantees, &Figures::new()), 2);
    }
}
