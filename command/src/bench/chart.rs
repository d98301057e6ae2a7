//! The chart of ratios, as shapes that SVG and PNG draw alike: a bar per row under its family's heading, Linux at 1, in columns.

use super::table::{GOAL, Table, Verdict};

/// Red, green, blue.
pub type Color = [u8; 3];

pub const WHITE: Color = [255, 255, 255];
const INK: Color = [31, 35, 40];
const SOFT: Color = [101, 109, 118];
const RULE: Color = [208, 215, 222];
const GOOD: Color = [64, 126, 201];
const BEHIND: Color = [226, 160, 63];
const WORSE: Color = [207, 74, 69];
const GOAL_LINE: Color = [46, 139, 87];

/// Where a text's place is within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Something to draw, in points from the upper left corner.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    Rectangle {
        x: f64,
        y: f64,
        width: f64,
        height: f64,
        color: Color,
    },
    /// `y` is the line that letters stand on.
    Text {
        x: f64,
        y: f64,
        anchor: Anchor,
        bold: bool,
        large: bool,
        color: Color,
        text: String,
    },
}

/// A drawing.
pub struct Chart {
    pub width: f64,
    pub height: f64,
    pub shapes: Vec<Shape>,
}

const COLUMNS: usize = 2;
const MARGIN: f64 = 28.0;
const GAP: f64 = 36.0;
/// Above the columns.
const TOP: f64 = 116.0;
const LABELS: f64 = 172.0;
const BARS: f64 = 330.0;
const FIGURES: f64 = 60.0;
const COLUMN: f64 = LABELS + BARS + FIGURES;
const LINE: f64 = 17.0;
const HEADING: f64 = 30.0;
/// The end of the scale; bars beyond it are cut.
const GREATEST: f64 = 1.1;

fn at(ratio: f64) -> f64 {
    LABELS + ratio.clamp(0.0, GREATEST) / GREATEST * BARS
}

/// A line of the chart.
enum Item<'a> {
    Heading(&'a str),
    Row(&'a str),
}

impl Item<'_> {
    fn height(&self) -> f64 {
        if let Item::Heading(_) = self { HEADING } else { LINE }
    }
}

impl Chart {
    /// Draws all rows of a table.
    pub fn of(table: &Table) -> Chart {
        let mut chart =
            Chart { width: 2.0 * MARGIN + COLUMNS as f64 * (COLUMN + GAP) - GAP, height: 0.0, shapes: Vec::new() };
        chart.head(table);
        let columns = columns(table);
        let tall = columns.iter().map(|items| items.iter().map(Item::height).sum::<f64>()).fold(0.0, f64::max);
        chart.height = TOP + tall + MARGIN;
        for (index, items) in columns.iter().enumerate() {
            chart.column(table, MARGIN + index as f64 * (COLUMN + GAP), tall, items);
        }
        chart
    }

    fn head(&mut self, table: &Table) {
        self.text(MARGIN, 42.0, Anchor::Start, true, true, INK, "Lstar beside Linux 6.1".into());
        let mut words = "what an operation costs, Linux = 1; shorter is better".to_owned();
        if let Some((mean, count)) = table.mean() {
            words.push_str(&format!("; geometric mean of {count} rows: {mean:.2}"));
        }
        self.text(MARGIN, 64.0, Anchor::Start, false, false, SOFT, words);
        let mut x = MARGIN;
        for (color, words) in [
            (GOOD, format!("at most {GOAL}")),
            (BEHIND, format!("above {GOAL}")),
            (WORSE, "above Linux".into()),
            (INK, "the whole run, where the bar is the kernel's part of it".into()),
        ] {
            let width = if color == INK { 3.0 } else { 12.0 };
            self.rectangle(x + (12.0 - width) / 2.0, 78.0, width, 11.0, color);
            self.text(x + 18.0, 88.0, Anchor::Start, false, false, INK, words.clone());
            x += 44.0 + 6.6 * words.len() as f64;
        }
    }

    fn column(&mut self, table: &Table, left: f64, tall: f64, items: &[Item]) {
        for (ratio, color, words) in [
            (0.2, RULE, "0.2"),
            (0.4, RULE, "0.4"),
            (0.8, RULE, "0.8"),
            (GOAL, GOAL_LINE, "goal 0.6"),
            (1.0, INK, "Linux"),
        ] {
            self.rectangle(left + at(ratio) - 0.5, TOP, 1.0, tall, color);
            let color = if color == RULE { SOFT } else { color };
            self.text(left + at(ratio), TOP - 5.0, Anchor::Middle, false, false, color, words.into());
        }
        let mut y = TOP;
        for item in items {
            match item {
                Item::Heading(family) => {
                    self.text(left, y + HEADING - 8.0, Anchor::Start, true, false, INK, (*family).into());
                }
                Item::Row(row) => self.row(table, left, y, row),
            }
            y += item.height();
        }
    }

    fn row(&mut self, table: &Table, left: f64, y: f64, row: &str) {
        let base = y + LINE - 5.0;
        self.text(left + LABELS - 8.0, base, Anchor::End, false, false, INK, row.into());
        let (words, color) = match table.verdict(row) {
            Verdict::Ratio(ratio) => {
                let color = match ratio {
                    ratio if ratio <= GOAL => GOOD,
                    ratio if ratio <= 1.0 => BEHIND,
                    _ => WORSE,
                };
                let width = (at(ratio) - LABELS).max(1.0);
                self.rectangle(left + LABELS, y + 3.0, width, LINE - 6.0, color);
                (if ratio < 0.005 { format!("{ratio:.4}") } else { format!("{ratio:.2}") }, color)
            }
            Verdict::NoKernel => ("no call".into(), SOFT),
            Verdict::Failed => ("failed".into(), WORSE),
        };
        // Rows that are judged by the kernel's part show the whole as well.
        if let Some(whole) = table.whole(row).filter(|whole| Some(*whole) != table.ratio(row)) {
            self.rectangle(left + at(whole) - 1.5, y + 1.0, 3.0, LINE - 2.0, INK);
        }
        self.text(left + LABELS + BARS + 8.0, base, Anchor::Start, color != GOOD, false, INK, words);
    }

    fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, color: Color) {
        self.shapes.push(Shape::Rectangle { x, y, width, height, color });
    }

    #[expect(clippy::too_many_arguments, reason = "each is a property of the text")]
    fn text(&mut self, x: f64, y: f64, anchor: Anchor, bold: bool, large: bool, color: Color, text: String) {
        self.shapes.push(Shape::Text { x, y, anchor, bold, large, color, text });
    }
}

/// The rows with their headings, in columns of about the same height; a family that goes on in the next has its heading again.
fn columns(table: &Table) -> Vec<Vec<Item<'_>>> {
    let names = table.names();
    let families = names.chunk_by(|one, next| one.family == next.family);
    let height = families.clone().count() as f64 * HEADING + names.len() as f64 * LINE;
    let (mut columns, mut used) = (vec![Vec::new()], 0.0);
    for family in families {
        let own = HEADING + family.len() as f64 * LINE;
        // A family stands in the column that more than half of it belongs to.
        if columns.len() < COLUMNS && used > 0.0 && used + own / 2.0 > height / COLUMNS as f64 {
            columns.push(Vec::new());
            used = 0.0;
        }
        used += own;
        if let (Some(items), Some(first)) = (columns.last_mut(), family.first()) {
            items.push(Item::Heading(&first.family));
            items.extend(family.iter().map(|name| Item::Row(&name.row)));
        }
    }
    columns
}

#[cfg(test)]
pub mod tests {
    use super::super::table::{Figure, Figures, Name};
    use super::*;

    /// A table of a good row, one that failed, and a program of which the kernel is a part.
    pub fn sample() -> Table {
        let program = |value: f64| Figure::Measured { least: value, median: value, greatest: value, user: Some(900.0) };
        let figures = |value: f64, failing: Figure| {
            Figures::from([
                ("good".into(), Figure::exact(value)),
                ("bad".into(), failing),
                ("program-x".into(), program(900.0 + value)),
            ])
        };
        let names = [Name::new("first", "good"), Name::new("first", "bad"), Name::new("second", "program-x")];
        let columns = vec![
            ("linux".into(), figures(100.0, Figure::exact(1.0))),
            ("lstar".into(), figures(50.0, Figure::failed("x"))),
        ];
        Table::new(&names, columns)
    }

    fn texts(chart: &Chart) -> Vec<&str> {
        chart
            .shapes
            .iter()
            .filter_map(|shape| if let Shape::Text { text, .. } = shape { Some(&**text) } else { None })
            .collect()
    }

    #[test]
    fn a_failed_row_is_shown_as_failed() {
        let chart = Chart::of(&sample());
        for words in ["first", "second", "good", "bad", "failed", "0.50"] {
            assert!(texts(&chart).contains(&words), "{words}");
        }
        let bars =
            chart.shapes.iter().filter(|shape| matches!(shape, Shape::Rectangle { color: GOOD, height: 11.0, .. }));
        // Two rows and the legend.
        assert_eq!(bars.count(), 3);
    }

    #[test]
    fn everything_is_within() {
        let chart = Chart::of(&sample());
        for shape in &chart.shapes {
            if let Shape::Rectangle { x, y, width, height, .. } = shape {
                assert!(*x >= 0.0 && *y >= 0.0 && x + width <= chart.width && y + height <= chart.height, "{shape:?}");
            }
        }
        assert!(at(100.0) <= LABELS + BARS);
    }
}
