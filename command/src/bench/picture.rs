//! The plot of ratios as PNG, for readers that show no SVG: the same bars, with letters of five by seven points.

use super::plot::GOAL;
use super::table::{Table, thousands};
use anyhow::Result;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use std::io::Write;

const LABELS: usize = 200;
const WIDTH: usize = 560;
const FIGURES: usize = 220;
const HEIGHT: usize = 14;
const TOP: usize = 30;
/// The ends of the logarithmic scale; bars beyond are cut.
const LEAST: f64 = 0.02;
const GREATEST: f64 = 4.0;

type Color = [u8; 3];
const WHITE: Color = [255, 255, 255];
const BLACK: Color = [34, 34, 34];
const GRAY: Color = [150, 150, 150];
const BLUE: Color = [91, 155, 213];
const YELLOW: Color = [232, 176, 75];
const RED: Color = [217, 83, 79];
const GREEN: Color = [34, 170, 119];

/// Letters as five columns of points, the lowest bit on top.
const LETTERS: &[(char, [u8; 5])] = &[
    (' ', [0, 0, 0, 0, 0]),
    ('-', [0x08, 0x08, 0x08, 0x08, 0x08]),
    ('.', [0x00, 0x60, 0x60, 0x00, 0x00]),
    ('/', [0x20, 0x10, 0x08, 0x04, 0x02]),
    (',', [0x00, 0x50, 0x30, 0x00, 0x00]),
    ('(', [0x00, 0x1c, 0x22, 0x41, 0x00]),
    (')', [0x00, 0x41, 0x22, 0x1c, 0x00]),
    ('0', [0x3e, 0x51, 0x49, 0x45, 0x3e]),
    ('1', [0x00, 0x42, 0x7f, 0x40, 0x00]),
    ('2', [0x42, 0x61, 0x51, 0x49, 0x46]),
    ('3', [0x21, 0x41, 0x45, 0x4b, 0x31]),
    ('4', [0x18, 0x14, 0x12, 0x7f, 0x10]),
    ('5', [0x27, 0x45, 0x45, 0x45, 0x39]),
    ('6', [0x3c, 0x4a, 0x49, 0x49, 0x30]),
    ('7', [0x01, 0x71, 0x09, 0x05, 0x03]),
    ('8', [0x36, 0x49, 0x49, 0x49, 0x36]),
    ('9', [0x06, 0x49, 0x49, 0x29, 0x1e]),
    ('a', [0x20, 0x54, 0x54, 0x54, 0x78]),
    ('b', [0x7f, 0x48, 0x44, 0x44, 0x38]),
    ('c', [0x38, 0x44, 0x44, 0x44, 0x20]),
    ('d', [0x38, 0x44, 0x44, 0x48, 0x7f]),
    ('e', [0x38, 0x54, 0x54, 0x54, 0x18]),
    ('f', [0x08, 0x7e, 0x09, 0x01, 0x02]),
    ('g', [0x0c, 0x52, 0x52, 0x52, 0x3e]),
    ('h', [0x7f, 0x08, 0x04, 0x04, 0x78]),
    ('i', [0x00, 0x44, 0x7d, 0x40, 0x00]),
    ('j', [0x20, 0x40, 0x44, 0x3d, 0x00]),
    ('k', [0x7f, 0x10, 0x28, 0x44, 0x00]),
    ('l', [0x00, 0x41, 0x7f, 0x40, 0x00]),
    ('m', [0x7c, 0x04, 0x18, 0x04, 0x78]),
    ('n', [0x7c, 0x08, 0x04, 0x04, 0x78]),
    ('o', [0x38, 0x44, 0x44, 0x44, 0x38]),
    ('p', [0x7c, 0x14, 0x14, 0x14, 0x08]),
    ('q', [0x08, 0x14, 0x14, 0x18, 0x7c]),
    ('r', [0x7c, 0x08, 0x04, 0x04, 0x08]),
    ('s', [0x48, 0x54, 0x54, 0x54, 0x20]),
    ('t', [0x04, 0x3f, 0x44, 0x40, 0x20]),
    ('u', [0x3c, 0x40, 0x40, 0x20, 0x7c]),
    ('v', [0x1c, 0x20, 0x40, 0x20, 0x1c]),
    ('w', [0x3c, 0x40, 0x30, 0x40, 0x3c]),
    ('x', [0x44, 0x28, 0x10, 0x28, 0x44]),
    ('y', [0x0c, 0x50, 0x50, 0x50, 0x3c]),
    ('z', [0x44, 0x64, 0x54, 0x4c, 0x44]),
    ('L', [0x7f, 0x40, 0x40, 0x40, 0x40]),
];

struct Canvas {
    width: usize,
    points: Vec<Color>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Canvas {
        Canvas { width, points: vec![WHITE; width * height] }
    }
    fn set(&mut self, x: usize, y: usize, color: Color) {
        if x < self.width
            && let Some(point) = self.points.get_mut(y * self.width + x)
        {
            *point = color;
        }
    }
    fn rectangle(&mut self, x: usize, y: usize, width: usize, height: usize, color: Color) {
        for row in y..y + height {
            (x..x + width).for_each(|column| self.set(column, row, color));
        }
    }
    /// Writes text; what has no letter is left blank.
    fn text(&mut self, x: usize, y: usize, text: &str, color: Color) {
        for (index, letter) in text.chars().enumerate() {
            let columns = LETTERS.iter().find(|(known, _)| *known == letter).map_or(&[0; 5], |(_, columns)| columns);
            for (column, bits) in columns.iter().enumerate() {
                for row in (0..8).filter(|row| bits >> row & 1 != 0) {
                    self.set(x + 6 * index + column, y + row, color);
                }
            }
        }
    }
    /// The picture as a PNG file: eight bits of red, green and blue, no filters.
    fn encode(&self) -> Result<Vec<u8>> {
        let height = self.points.len() / self.width;
        let mut header = Vec::new();
        header.extend_from_slice(&u32::try_from(self.width)?.to_be_bytes());
        header.extend_from_slice(&u32::try_from(height)?.to_be_bytes());
        header.extend_from_slice(&[8, 2, 0, 0, 0]);
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
        for line in self.points.chunks(self.width) {
            packed.write_all(&[0])?;
            packed.write_all(line.as_flattened())?;
        }
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, body) in [(b"IHDR", header), (b"IDAT", packed.finish()?), (b"IEND", Vec::new())] {
            let mut sum = Crc::new();
            sum.update(kind);
            sum.update(&body);
            file.extend_from_slice(&u32::try_from(body.len())?.to_be_bytes());
            file.extend_from_slice(kind);
            file.extend_from_slice(&body);
            file.extend_from_slice(&sum.sum().to_be_bytes());
        }
        Ok(file)
    }
}

fn place(ratio: f64) -> usize {
    let part = (ratio.clamp(LEAST, GREATEST) / LEAST).ln() / (GREATEST / LEAST).ln();
    LABELS + (part * WIDTH as f64) as usize
}

/// Draws the rows that have a ratio, in the table's order, as a PNG file.
pub fn draw(table: &Table) -> Result<Vec<u8>> {
    let rows: Vec<_> = table.rows().filter_map(|row| Some((row, table.ratio(row)?, table.values(row)?))).collect();
    let height = TOP + rows.len() * HEIGHT + 8;
    let mut canvas = Canvas::new(LABELS + WIDTH + FIGURES, height);
    for (ratio, color, label) in [(GOAL, GREEN, "goal 0.6"), (1.0, BLACK, "Linux")] {
        canvas.rectangle(place(ratio), TOP - 6, 1, height - TOP, color);
        canvas.text(place(ratio) - 6 * label.len() / 2, TOP - 16, label, color);
    }
    if let Some((mean, _)) = table.mean() {
        canvas.rectangle(place(mean), TOP - 6, 1, height - TOP, GRAY);
        canvas.text(place(mean).saturating_sub(27), TOP - 26, &format!("mean {mean:.2}"), GRAY);
    }
    for (index, (row, ratio, (linux, ours))) in rows.iter().enumerate() {
        let y = TOP + index * HEIGHT;
        let color = match ratio {
            ratio if *ratio <= GOAL => BLUE,
            ratio if *ratio <= 1.0 => YELLOW,
            _ => RED,
        };
        canvas.text((LABELS - 6).saturating_sub(6 * row.len()), y + 3, row, BLACK);
        canvas.rectangle(LABELS, y + 2, place(*ratio) - LABELS, HEIGHT - 4, color);
        let figures = format!("{ratio:.2}  {} / {}", thousands(*ours), thousands(*linux));
        canvas.text(LABELS + WIDTH + 6, y + 3, &figures, BLACK);
    }
    canvas.encode()
}

#[cfg(test)]
mod tests {
    use super::super::table::{Figure, Figures};
    use super::*;

    #[test]
    fn a_picture_of_the_right_size() {
        let figures = |value: f64| Figures::from([("a".into(), Figure::exact(value))]);
        let table = Table::new(&["a".into()], vec![("linux".into(), figures(100.0)), ("lstar".into(), figures(50.0))]);
        let file = draw(&table).unwrap();
        assert!(file.starts_with(b"\x89PNG"));
        let size = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!((size(16), size(20)), (LABELS + WIDTH + FIGURES, TOP + HEIGHT + 8));
    }

    #[test]
    fn row_names_have_letters() {
        assert!("abcdefghijklmnopqrstuvwxyz0123456789-".chars().all(|c| LETTERS.iter().any(|(known, _)| *known == c)));
    }
}
