//! The chart as SVG.

use super::chart::{Anchor, Chart, Color, Shape};
use std::fmt::Write;

fn hex([red, green, blue]: Color) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Draws a chart.
pub fn draw(chart: &Chart) -> String {
    let Chart { width, height, shapes } = chart;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"Helvetica, Arial, sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for shape in shapes {
        // Writing to a string does not fail.
        let _ = match shape {
            Shape::Rectangle { x, y, width, height, color } => writeln!(
                text,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{}\"/>",
                hex(*color)
            ),
            Shape::Text { x, y, anchor, bold, large, color, text: words } => {
                let anchor = match anchor {
                    Anchor::Start => "start",
                    Anchor::Middle => "middle",
                    Anchor::End => "end",
                };
                let weight = if *bold { " font-weight=\"bold\"" } else { "" };
                let size = if *large { 22 } else { 12 };
                writeln!(
                    text,
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\"{weight} fill=\"{}\">{words}</text>",
                    hex(*color)
                )
            }
        };
    }
    text.push_str("</svg>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::super::chart::tests::sample;
    use super::*;

    #[test]
    fn every_shape_is_drawn() {
        let chart = Chart::of(&sample());
        let text = draw(&chart);
        assert_eq!(text.lines().count(), chart.shapes.len() + 3);
        assert!(text.contains(">program-x</text>") && text.ends_with("</svg>\n"));
    }
}
