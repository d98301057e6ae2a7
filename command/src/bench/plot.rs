//! The plot of ratios as SVG: a bar per row, Linux at 1, on a logarithmic scale.

use super::table::Table;
use std::fmt::Write;

const LABELS: f64 = 190.0;
const WIDTH: f64 = 640.0;
const FIGURES: f64 = 230.0;
const HEIGHT: f64 = 16.0;
const TOP: f64 = 48.0;
/// The ends of the scale; bars beyond are cut.
const LEAST: f64 = 0.02;
const GREATEST: f64 = 4.0;
/// What the project wants every row to stay below.
pub const GOAL: f64 = 0.6;

fn place(ratio: f64) -> f64 {
    let part = (ratio.clamp(LEAST, GREATEST) / LEAST).ln() / (GREATEST / LEAST).ln();
    LABELS + part * WIDTH
}

/// Draws the rows that have a ratio, in the table's order.
pub fn draw(table: &Table) -> String {
    let rows: Vec<_> = table.rows().filter_map(|row| Some((row, table.ratio(row)?, table.values(row)?))).collect();
    let (width, height) = (LABELS + WIDTH + FIGURES, TOP + rows.len() as f64 * HEIGHT + 12.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let mut line = |x: f64, color: &str, dash: &str, label: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"{color}\" stroke-dasharray=\"{dash}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{color}\">{label}</text>",
            TOP - 6.0,
            height - 8.0,
            TOP - 10.0,
        );
    };
    for ratio in [0.05, 0.1, 0.2, 2.0] {
        line(place(ratio), "#bbb", "2 3", &ratio.to_string());
    }
    line(place(GOAL), "#2a7", "4 3", &format!("{GOAL} (goal)"));
    line(place(1.0), "#333", "none", "Linux");
    if let Some((mean, _)) = table.mean() {
        line(place(mean), "#36c", "6 3", &format!("mean {mean:.2}"));
    }
    for (index, (row, ratio, (linux, ours))) in rows.iter().enumerate() {
        let y = TOP + index as f64 * HEIGHT;
        let color = match ratio {
            ratio if *ratio <= GOAL => "#5b9bd5",
            ratio if *ratio <= 1.0 => "#e8b04b",
            _ => "#d9534f",
        };
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{row}</text>\
             <rect x=\"{LABELS}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{color}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#555\">{ratio:.2}   {ours:.0} / {linux:.0}</text>",
            LABELS - 6.0,
            y + 11.0,
            y + 2.0,
            place(*ratio) - LABELS,
            HEIGHT - 4.0,
            LABELS + WIDTH + 8.0,
            y + 11.0,
        );
    }
    text.push_str("</svg>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::super::table::{Figure, Figures};
    use super::*;

    #[test]
    fn a_bar_per_ratio_and_none_for_failures() {
        let figures = |value: f64| Figures::from([("a".into(), Figure::exact(value))]);
        let mut ours = figures(50.0);
        ours.insert("b".into(), Figure::failed("x".into()));
        let table =
            Table::new(&["a".into(), "b".into()], vec![("linux".into(), figures(100.0)), ("lstar".into(), ours)]);
        let text = draw(&table);
        assert!(text.contains(">a</text>") && !text.contains(">b</text>") && text.contains("0.50"));
        assert!(place(LEAST / 2.0) >= LABELS && place(GREATEST * 2.0) <= LABELS + WIDTH);
    }
}
