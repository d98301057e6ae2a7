//! Figures and how they are shown.

use std::collections::BTreeMap;

/// One row's result.
#[derive(Clone, Debug, PartialEq)]
pub enum Figure {
    /// Units per operation: least, median and greatest of several measurements; how many of the least are instructions of user
    /// mode, if they were counted.
    Measured { least: f64, median: f64, greatest: f64, user: Option<f64> },
    /// Why there is none.
    Failed(String),
}

/// Results by row.
pub type Figures = BTreeMap<String, Figure>;

impl Figure {
    /// A figure measured once.
    pub fn exact(value: f64) -> Self {
        Figure::Measured { least: value, median: value, greatest: value, user: None }
    }

    /// A row that failed.
    pub fn failed(reason: impl Into<String>) -> Self {
        Figure::Failed(reason.into())
    }

    /// The figure that is compared: the least.
    pub fn value(&self) -> Option<f64> {
        if let Figure::Measured { least, .. } = self { Some(*least) } else { None }
    }

    /// The instructions of user mode in it.
    pub fn user(&self) -> Option<f64> {
        if let Figure::Measured { user, .. } = self { *user } else { None }
    }

    /// The instructions of the kernel in it. Less than half a one is what the marks cost, divided by the operations.
    pub fn kernel(&self) -> Option<f64> {
        let kernel = self.value()? - self.user()?;
        Some(if kernel < 0.5 { 0.0 } else { kernel })
    }
}

/// A line of the benchmark program.
#[derive(Debug, PartialEq)]
pub struct Line {
    pub row: String,
    pub figure: Figure,
    /// Operations in each round.
    pub operations: f64,
    /// The number of the round that was the least.
    pub round: usize,
}

impl Line {
    /// Reads a line; what else a guest prints is none.
    pub fn parse(line: &str) -> Option<Line> {
        let mut fields = line.trim_end().split('\t');
        let (row, first) = (fields.next()?.to_owned(), fields.next()?);
        if first == "failed" {
            let figure = Figure::failed(fields.next().unwrap_or_default());
            return Some(Line { row, figure, operations: 1.0, round: 0 });
        }
        let least = first.parse().ok()?;
        let median = fields.next()?.parse().ok()?;
        let greatest = fields.next()?.parse().ok()?;
        let operations = fields.next()?.parse().ok()?;
        let round = fields.next()?.parse().ok()?;
        Some(Line { row, figure: Figure::Measured { least, median, greatest, user: None }, operations, round })
    }

    /// The figures of all lines of a text.
    pub fn all(text: &str) -> Figures {
        text.lines().filter_map(Line::parse).map(|line| (line.row, line.figure)).collect()
    }
}

/// Takes figures of another round in: the least of both, the mean of the medians, the greatest. What failed once has failed.
pub fn merge(into: &mut Figures, more: Figures) {
    for (row, figure) in more {
        let merged = match (into.get(&row), figure) {
            (
                Some(Figure::Measured { least, median, greatest, user }),
                Figure::Measured {
                    least: other_least,
                    median: other_median,
                    greatest: other_greatest,
                    user: other_user,
                },
            ) => Figure::Measured {
                least: least.min(other_least),
                median: (median + other_median) / 2.0,
                greatest: greatest.max(other_greatest),
                user: if *least <= other_least { *user } else { other_user },
            },
            (Some(failed @ Figure::Failed(_)), _) => failed.clone(),
            (_, figure) => figure,
        };
        into.insert(row, merged);
    }
}

/// The name of Linux's column.
pub const LINUX: &str = "linux";
/// What every row is to stay below.
pub const GOAL: f64 = 0.6;
/// How far the instructions of user mode may differ between the kernels before it is told: the same program does the same.
const USER_TOLERANCE: f64 = 0.05;

/// By what a row is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// How many times the other's figure ours is.
    Ratio(f64),
    /// There is nothing of the kernel in either.
    NoKernel,
    /// It failed, or was not measured, on one of them.
    Failed,
}

/// A row, and the heading it stands under.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    pub row: String,
    pub family: String,
}

impl Name {
    pub fn new(family: &str, row: &str) -> Name {
        Name { row: row.into(), family: family.into() }
    }
}

/// Rows in order, and two columns: what is compared with, and ours.
pub struct Table {
    rows: Vec<Name>,
    columns: Vec<(String, Figures)>,
}

/// Whether a row's user instructions are taken off before it is judged: in whole programs and vDSO calls they are most of it.
pub fn is_judged_by_kernel(row: &str) -> bool {
    row.starts_with("program-") || row.ends_with("-vdso")
}

fn ratio(ours: f64, base: f64) -> Option<f64> {
    (base > 0.0 && ours > 0.0).then(|| ours / base)
}

impl Table {
    /// A table of the rows that were measured in any column.
    pub fn new(order: &[Name], columns: Vec<(String, Figures)>) -> Self {
        let measured = |name: &&Name| columns.iter().any(|(_, figures)| figures.contains_key(&name.row));
        let rows = order.iter().filter(measured).cloned().collect();
        Table { rows, columns }
    }

    /// The rows in order.
    pub fn rows(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|name| name.row.as_str())
    }

    /// The rows in order, with their headings.
    pub fn names(&self) -> &[Name] {
        &self.rows
    }

    fn both<T>(&self, row: &str, part: impl Fn(&Figure) -> Option<T>) -> Option<(T, T)> {
        let value = |index: usize| part(self.columns.get(index)?.1.get(row)?);
        Some((value(0)?, value(1)?))
    }

    /// A row's figures: what is compared with, and ours.
    pub fn values(&self, row: &str) -> Option<(f64, f64)> {
        self.both(row, Figure::value)
    }

    /// The kernels' part of a row's figures.
    pub fn kernels(&self, row: &str) -> Option<(f64, f64)> {
        self.both(row, Figure::kernel)
    }

    /// The user's part of a row's figures.
    pub fn users(&self, row: &str) -> Option<(f64, f64)> {
        self.both(row, Figure::user)
    }

    /// Ours by the other, everything counted.
    pub fn whole(&self, row: &str) -> Option<f64> {
        let (base, ours) = self.values(row)?;
        ratio(ours, base)
    }

    /// By what the row is judged.
    pub fn verdict(&self, row: &str) -> Verdict {
        let whole = self.whole(row).map_or(Verdict::Failed, Verdict::Ratio);
        match self.kernels(row).filter(|_| is_judged_by_kernel(row)) {
            Some((base, ours)) if base == 0.0 && ours == 0.0 => Verdict::NoKernel,
            // Something where the other has nothing is behind by any measure.
            Some((0.0, _)) => Verdict::Ratio(f64::INFINITY),
            Some((base, ours)) => Verdict::Ratio(ours / base),
            None => whole,
        }
    }

    /// The ratio by which the row is judged.
    pub fn ratio(&self, row: &str) -> Option<f64> {
        if let Verdict::Ratio(ratio) = self.verdict(row) { Some(ratio) } else { None }
    }

    /// The geometric mean of the ratios, with the number of rows in it.
    pub fn mean(&self) -> Option<(f64, usize)> {
        let logarithms: Vec<f64> = self.rows().filter_map(|row| self.ratio(row)).map(f64::ln).collect();
        let count = logarithms.len();
        (count > 0).then(|| ((logarithms.iter().sum::<f64>() / count as f64).exp(), count))
    }

    /// The rows that are judged to be above a ratio.
    pub fn above(&self, limit: f64) -> Vec<&str> {
        self.rows().filter(|row| self.ratio(row).is_some_and(|ratio| ratio > limit)).collect()
    }

    /// What the mean does not say: how many rows are in it, which are not and why, and which are above the goal.
    pub fn summary(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some((mean, count)) = self.mean() {
            lines.push(format!("geometric mean of {count} ratios: {mean:.2}"));
        }
        let of = |verdict: Verdict| self.rows().filter(|row| self.verdict(row) == verdict).collect::<Vec<_>>();
        // The goals are those beside Linux: an earlier run of our own has none to be held against.
        let has_goal = self.columns.first().is_some_and(|(name, _)| name == LINUX);
        let above = if has_goal { self.above(GOAL) } else { Vec::new() };
        let is_dearer = |row: &&str| has_goal && self.whole(row).is_some_and(|ratio| ratio > 1.0);
        let dearer = self.rows().filter(is_dearer).collect();
        let apart: Vec<_> = self.rows().filter(|row| self.users_differ(row)).collect();
        for (what, rows) in [
            (format!("above {GOAL}"), above),
            ("above 1.0, user instructions included".into(), dearer),
            ("without a ratio, as neither kernel runs an instruction in them".into(), of(Verdict::NoKernel)),
            ("failed, and not in the mean".into(), of(Verdict::Failed)),
            (format!("whose user instructions differ by more than {:.0} %", USER_TOLERANCE * 100.0), apart),
        ] {
            if !rows.is_empty() {
                lines.push(format!("{} {what}: {}", counted(rows.len()), rows.join(" ")));
            }
        }
        lines
    }

    fn users_differ(&self, row: &str) -> bool {
        let differ = |(base, ours): (f64, f64)| (ours / base - 1.0).abs() > USER_TOLERANCE;
        is_judged_by_kernel(row) && row.starts_with("program-") && self.users(row).is_some_and(differ)
    }

    /// Whether a row is missing or failed in a column.
    pub fn has_failures(&self) -> bool {
        self.rows().any(|row| self.values(row).is_none())
    }

    /// Prints the table for people.
    pub fn print(&self, unit: &str) {
        let width = self.rows().map(str::len).max().unwrap_or(0).max(unit.len());
        let parts = self.rows().any(|row| self.kernels(row).is_some());
        let mut head = format!("{unit:width$}");
        for (name, _) in &self.columns {
            head.push_str(&format!(" {name:>14}"));
        }
        head.push_str("   ratio");
        if parts {
            let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
            head.push_str(&format!(" {:>37} {:>7}", format!("of the kernel: {}", names.join(" / ")), "ratio"));
        }
        println!("{head}");
        for row in self.rows() {
            let mut line = format!("{row:width$}");
            for (_, figures) in &self.columns {
                let text = match figures.get(row) {
                    Some(Figure::Measured { least, .. }) => thousands(*least),
                    Some(Figure::Failed(_)) => "failed".into(),
                    None => "missing".into(),
                };
                line.push_str(&format!(" {text:>14}"));
            }
            line.push_str(&self.whole(row).map_or(format!(" {:>7}", "-"), |ratio| format!(" {ratio:>7.2}")));
            if let Some((base, ours)) = self.kernels(row) {
                let shown = ratio(ours, base).map_or("-".into(), |ratio| format!("{ratio:.2}"));
                line.push_str(&format!(" {:>22} {:>14} {shown:>7}", thousands(base), thousands(ours)));
            }
            println!("{line}");
        }
        for (name, figures) in &self.columns {
            for (row, figure) in figures {
                if let Figure::Failed(reason) = figure {
                    println!("{name}: {row} failed: {reason}");
                }
            }
        }
        self.summary().iter().for_each(|line| println!("{line}"));
    }

    /// Prints least, median and greatest of each row and column.
    pub fn print_spread(&self) {
        println!("\nleast / median / greatest");
        for row in self.rows() {
            for (name, figures) in &self.columns {
                if let Some(Figure::Measured { least, median, greatest, .. }) = figures.get(row) {
                    let [least, median, greatest] = [least, median, greatest].map(|value| thousands(*value));
                    println!("{row}: {name} {least} / {median} / {greatest}");
                }
            }
        }
    }

    /// Prints what two at once gain over one, for the rows that come in two forms.
    pub fn print_scaling(&self) {
        for row in self.rows() {
            let Some(work) = row.strip_suffix("-by-1") else { continue };
            for (name, figures) in &self.columns {
                let value = |row: &str| figures.get(row).and_then(Figure::value);
                if let (Some(one), Some(two)) = (value(row), value(&format!("{work}-by-2"))) {
                    println!("{work}: two at once are {:.2} times as fast as one on {name}", one / two);
                }
            }
        }
    }

    /// Prints the table for programs.
    pub fn print_json(&self, unit: &str) {
        let number = |value: Option<f64>| {
            value.filter(|value| value.is_finite()).map_or("null".into(), |value| format!("{value}"))
        };
        let mut rows = Vec::new();
        for row in self.rows() {
            let mut fields = vec![format!("\"row\":\"{row}\"")];
            for (name, figures) in &self.columns {
                fields.push(match figures.get(row) {
                    Some(figure @ Figure::Measured { least, median, greatest, user }) => format!(
                        "\"{name}\":{{\"least\":{least},\"median\":{median},\"greatest\":{greatest},\"user\":{},\"kernel\":{}}}",
                        number(*user),
                        number(figure.kernel())
                    ),
                    Some(Figure::Failed(reason)) => format!("\"{name}\":{{\"failed\":{reason:?}}}"),
                    None => format!("\"{name}\":null"),
                });
            }
            for (name, ratio) in [("whole_ratio", self.whole(row)), ("ratio", self.ratio(row))] {
                fields.push(format!("\"{name}\":{}", number(ratio)));
            }
            rows.push(format!("{{{}}}", fields.join(",")));
        }
        let mean = self.mean().map_or("null".into(), |(mean, _)| format!("{mean:.4}"));
        println!("{{\"unit\":\"{unit}\",\"geometric_mean\":{mean},\"rows\":[\n{}\n]}}", rows.join(",\n"));
    }
}

fn counted(rows: usize) -> String {
    if rows == 1 { "1 row".into() } else { format!("{rows} rows") }
}

/// A number with its thousands apart.
pub fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(value: f64, user: f64) -> Figure {
        Figure::Measured { least: value, median: value, greatest: value, user: Some(user) }
    }
    fn table(rows: &[(&str, Figure, Figure)]) -> Table {
        let names: Vec<Name> = rows.iter().map(|(row, ..)| Name::new("all", row)).collect();
        let column = |index: usize| rows.iter().map(|row| (row.0.into(), [&row.1, &row.2][index].clone())).collect();
        Table::new(&names, vec![(LINUX.into(), column(0)), ("lstar".into(), column(1))])
    }

    #[test]
    fn lines_are_read() {
        let line = Line::parse("getppid\t337.0\t338.5\t340.0\t10000\t3").unwrap();
        assert_eq!(
            (&*line.row, line.figure.value(), line.operations, line.round),
            ("getppid", Some(337.0), 10000.0, 3)
        );
        assert_eq!(Line::parse("stat\tfailed\tENOSYS").unwrap().figure, Figure::failed("ENOSYS"));
        assert_eq!(Line::parse("noise"), None);
    }

    #[test]
    fn a_failed_row_is_no_part_of_the_mean_and_is_told() {
        let failed = Figure::failed("x");
        let table = table(&[("a", Figure::exact(100.0), Figure::exact(50.0)), ("b", Figure::exact(10.0), failed)]);
        assert_eq!(table.mean(), Some((0.5, 1)));
        assert!(table.has_failures());
        assert!(table.summary().iter().any(|line| line == "1 row failed, and not in the mean: b"));
    }

    #[test]
    fn programs_are_judged_by_what_the_kernel_does_in_them() {
        let table = table(&[
            ("program-a", measured(1000.0, 800.0), measured(840.0, 800.0)),
            ("clock-vdso", measured(80.0, 80.0), measured(60.0, 59.9)),
            ("getcpu-vdso", measured(80.0, 80.0), measured(60.0, 50.0)),
            ("stat", measured(100.0, 50.0), measured(75.0, 50.0)),
        ]);
        assert_eq!(table.verdict("program-a"), Verdict::Ratio(0.2));
        assert_eq!(table.whole("program-a"), Some(0.84));
        assert_eq!(table.verdict("clock-vdso"), Verdict::NoKernel);
        assert_eq!(table.verdict("getcpu-vdso"), Verdict::Ratio(f64::INFINITY));
        assert_eq!(table.verdict("stat"), Verdict::Ratio(0.75));
        assert_eq!(table.above(GOAL), ["getcpu-vdso", "stat"]);
    }

    #[test]
    fn the_same_program_runs_the_same_instructions() {
        let rows = [("program-a", measured(1000.0, 800.0), measured(900.0, 850.0))];
        assert!(table(&rows).summary().iter().any(|line| line.contains("user instructions differ")));
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(thousands(1_400_000_000.4), "1,400,000,000");
        assert_eq!(thousands(337.0), "337");
    }
}
