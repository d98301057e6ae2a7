//! Figures and how they are shown.

use std::collections::BTreeMap;

/// One row's result.
#[derive(Clone, Debug, PartialEq)]
pub enum Figure {
    /// Units per operation: least, median and greatest of several measurements.
    Measured { least: f64, median: f64, greatest: f64 },
    /// Why there is none.
    Failed(String),
}

/// Results by row.
pub type Figures = BTreeMap<String, Figure>;

impl Figure {
    /// A figure measured once.
    pub fn exact(value: f64) -> Self {
        Figure::Measured { least: value, median: value, greatest: value }
    }

    /// A row that failed.
    pub fn failed(reason: String) -> Self {
        Figure::Failed(reason)
    }

    /// Reads a line of the benchmark program.
    pub fn parse(line: &str) -> Option<(String, Figure)> {
        let mut fields = line.trim_end().split('\t');
        let (name, first) = (fields.next()?, fields.next()?);
        if first == "failed" {
            return Some((name.into(), Figure::Failed(fields.next().unwrap_or_default().into())));
        }
        let least = first.parse().ok()?;
        let median = fields.next()?.parse().ok()?;
        let greatest = fields.next()?.parse().ok()?;
        Some((name.into(), Figure::Measured { least, median, greatest }))
    }

    /// The figure that is compared: the least.
    pub fn value(&self) -> Option<f64> {
        if let Figure::Measured { least, .. } = self { Some(*least) } else { None }
    }
}

/// Takes figures of another round in: the least of both, the mean of the medians, the greatest. What failed once has failed.
pub fn merge(into: &mut Figures, more: Figures) {
    for (row, figure) in more {
        let merged = match (into.get(&row), figure) {
            (
                Some(Figure::Measured { least, median, greatest }),
                Figure::Measured { least: other_least, median: other_median, greatest: other_greatest },
            ) => Figure::Measured {
                least: least.min(other_least),
                median: (median + other_median) / 2.0,
                greatest: greatest.max(other_greatest),
            },
            (Some(failed @ Figure::Failed(_)), _) => failed.clone(),
            (_, figure) => figure,
        };
        into.insert(row, merged);
    }
}

/// Rows in order, and two columns: what is compared with, and ours.
pub struct Table {
    rows: Vec<String>,
    columns: Vec<(String, Figures)>,
}

impl Table {
    /// A table of the rows that were measured in any column.
    pub fn new(order: &[String], columns: Vec<(String, Figures)>) -> Self {
        let measured = |row: &&String| columns.iter().any(|(_, figures)| figures.contains_key(*row));
        let rows = order.iter().filter(measured).cloned().collect();
        Table { rows, columns }
    }

    /// The rows in order.
    pub fn rows(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(String::as_str)
    }

    /// A row's figures: what is compared with, and ours.
    pub fn values(&self, row: &str) -> Option<(f64, f64)> {
        let value = |index: usize| self.columns.get(index)?.1.get(row)?.value();
        Some((value(0)?, value(1)?))
    }

    /// Ours by the other.
    pub fn ratio(&self, row: &str) -> Option<f64> {
        let (base, ours) = self.values(row)?;
        (base > 0.0 && ours > 0.0).then(|| ours / base)
    }

    /// The geometric mean of the ratios, with the number of rows in it.
    pub fn mean(&self) -> Option<(f64, usize)> {
        let logarithms: Vec<f64> = self.rows.iter().filter_map(|row| self.ratio(row)).map(f64::ln).collect();
        let count = logarithms.len();
        (count > 0).then(|| ((logarithms.iter().sum::<f64>() / count as f64).exp(), count))
    }

    /// Whether a row is missing or failed in a column.
    pub fn has_failures(&self) -> bool {
        self.rows.iter().any(|row| {
            self.columns.iter().any(|(_, figures)| figures.get(row).is_none_or(|figure| figure.value().is_none()))
        })
    }

    /// Prints the table for people.
    pub fn print(&self, unit: &str) {
        let width = self.rows.iter().map(String::len).max().unwrap_or(0).max(unit.len());
        print!("{unit:<width$}");
        for (name, _) in &self.columns {
            print!(" {name:>14}");
        }
        println!(" {:>7}", "ratio");
        for row in &self.rows {
            print!("{row:<width$}");
            for (_, figures) in &self.columns {
                match figures.get(row) {
                    Some(figure) => match figure.value() {
                        Some(value) => print!(" {:>14}", thousands(value)),
                        None => print!(" {:>14}", "failed"),
                    },
                    None => print!(" {:>14}", "missing"),
                }
            }
            match self.ratio(row) {
                Some(ratio) => println!(" {ratio:>7.2}"),
                None => println!(" {:>7}", "-"),
            }
        }
        for (name, figures) in &self.columns {
            for (row, figure) in figures {
                if let Figure::Failed(reason) = figure {
                    println!("{name}: {row} failed: {reason}");
                }
            }
        }
        if let Some((mean, count)) = self.mean() {
            let left = self.rows.len() - count;
            let note = if left > 0 { format!(" ({left} rows without a ratio)") } else { String::new() };
            println!("geometric mean of {count} ratios: {mean:.2}{note}");
        }
    }

    /// Prints least, median and greatest of each row and column.
    pub fn print_spread(&self) {
        println!("\nleast / median / greatest");
        for row in &self.rows {
            for (name, figures) in &self.columns {
                if let Some(Figure::Measured { least, median, greatest }) = figures.get(row) {
                    let [least, median, greatest] = [least, median, greatest].map(|value| thousands(*value));
                    println!("{row}: {name} {least} / {median} / {greatest}");
                }
            }
        }
    }

    /// Prints what two at once gain over one, for the rows that come in two forms.
    pub fn print_scaling(&self) {
        for row in &self.rows {
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
        let mut rows = Vec::new();
        for row in &self.rows {
            let mut fields = vec![format!("\"row\":\"{row}\"")];
            for (name, figures) in &self.columns {
                fields.push(match figures.get(row) {
                    Some(Figure::Measured { least, median, greatest }) => {
                        format!("\"{name}\":{{\"least\":{least},\"median\":{median},\"greatest\":{greatest}}}")
                    }
                    Some(Figure::Failed(reason)) => format!("\"{name}\":{{\"failed\":{reason:?}}}"),
                    None => format!("\"{name}\":null"),
                });
            }
            fields.push(self.ratio(row).map_or("\"ratio\":null".into(), |ratio| format!("\"ratio\":{ratio:.4}")));
            rows.push(format!("{{{}}}", fields.join(",")));
        }
        let mean = self.mean().map_or("null".into(), |(mean, _)| format!("{mean:.4}"));
        println!("{{\"unit\":\"{unit}\",\"geometric_mean\":{mean},\"rows\":[\n{}\n]}}", rows.join(",\n"));
    }
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

    #[test]
    fn lines_are_read() {
        let (name, figure) = Figure::parse("getppid\t337.0\t338.5\t340.0\t10000").unwrap();
        assert_eq!((name.as_str(), figure.value()), ("getppid", Some(337.0)));
        assert_eq!(Figure::parse("stat\tfailed\tENOSYS").unwrap().1, Figure::Failed("ENOSYS".into()));
        assert_eq!(Figure::parse("noise"), None);
    }

    #[test]
    fn a_failed_row_is_no_part_of_the_mean_and_is_told() {
        let rows = ["a".to_string(), "b".to_string()];
        let linux = Figures::from([("a".into(), Figure::exact(100.0)), ("b".into(), Figure::exact(10.0))]);
        let ours = Figures::from([("a".into(), Figure::exact(50.0)), ("b".into(), Figure::failed("x".into()))]);
        let table = Table::new(&rows, vec![("linux".into(), linux), ("lstar".into(), ours)]);
        assert_eq!(table.mean(), Some((0.5, 1)));
        assert!(table.has_failures());
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(thousands(1_400_000_000.4), "1,400,000,000");
        assert_eq!(thousands(337.0), "337");
    }
}
