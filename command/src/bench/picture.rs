//! The chart as PNG, for readers that show no SVG.

use super::chart::{Anchor, Chart, Color, Shape, WHITE};
use super::letters;
use anyhow::Result;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use std::io::Write;

/// Pixels of a point of the chart.
const SCALE: f64 = 2.0;
/// Points of a unit of the letters' grid, and the width of their strokes.
const UNIT: f64 = 0.9;
const LARGE_UNIT: f64 = 1.7;
const STROKE: f64 = 1.15;
const BOLD_STROKE: f64 = 1.8;

struct Canvas {
    width: usize,
    points: Vec<Color>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Canvas {
        Canvas { width, points: vec![WHITE; width * height] }
    }
    /// Lays a colour over a pixel, as much of it as `part` says.
    fn blend(&mut self, x: usize, y: usize, color: Color, part: f64) {
        if x < self.width
            && let Some(point) = self.points.get_mut(y * self.width + x)
        {
            for (below, above) in point.iter_mut().zip(color) {
                *below = (f64::from(*below) * (1.0 - part) + f64::from(above) * part).round() as u8;
            }
        }
    }
    fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, color: Color) {
        let pixel = |points: f64| (points * SCALE).round().max(0.0) as usize;
        for row in pixel(y)..pixel(y + height) {
            (pixel(x)..pixel(x + width)).for_each(|column| self.blend(column, row, color, 1.0));
        }
    }
    /// Draws lines with round ends; a pixel is as dark as it is near to the nearest.
    fn strokes(&mut self, segments: &[letters::Segment], width: f64, color: Color) {
        let reach = width / 2.0 + 0.5;
        let all = || segments.iter().flatten();
        let bounds = |part: fn(&(f64, f64)) -> f64| {
            let values = || all().map(part);
            let (least, greatest) = (values().fold(f64::MAX, f64::min), values().fold(0.0, f64::max));
            (least - reach).max(0.0) as usize..=(greatest + reach) as usize
        };
        if segments.is_empty() {
            return;
        }
        for y in bounds(|point| point.1) {
            for x in bounds(|point| point.0) {
                let center = (x as f64 + 0.5, y as f64 + 0.5);
                let nearest = segments.iter().map(|segment| distance(center, segment)).fold(f64::MAX, f64::min);
                let part = (reach - nearest).clamp(0.0, 1.0);
                if part > 0.0 {
                    self.blend(x, y, color, part);
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

/// How far a point is from a line between two.
fn distance((x, y): (f64, f64), [(from_x, from_y), (to_x, to_y)]: &letters::Segment) -> f64 {
    let (along_x, along_y) = (to_x - from_x, to_y - from_y);
    let length = along_x * along_x + along_y * along_y;
    let part = ((x - from_x) * along_x + (y - from_y) * along_y) / length.max(f64::MIN_POSITIVE);
    let part = part.clamp(0.0, 1.0);
    (x - from_x - part * along_x).hypot(y - from_y - part * along_y)
}

/// Draws a chart as a PNG file.
pub fn draw(chart: &Chart) -> Result<Vec<u8>> {
    let pixels = |points: f64| (points * SCALE).ceil() as usize;
    let mut canvas = Canvas::new(pixels(chart.width), pixels(chart.height));
    for shape in &chart.shapes {
        match shape {
            Shape::Rectangle { x, y, width, height, color } => canvas.rectangle(*x, *y, *width, *height, *color),
            Shape::Text { x, y, anchor, bold, large, color, text } => {
                let unit = if *large { LARGE_UNIT } else { UNIT };
                let (segments, width) = letters::lines(text);
                let left = match anchor {
                    Anchor::Start => *x,
                    Anchor::Middle => x - width * unit / 2.0,
                    Anchor::End => x - width * unit,
                };
                let place = |(column, row): (f64, f64)| ((left + column * unit) * SCALE, (y + row * unit) * SCALE);
                let segments: Vec<_> = segments.iter().map(|segment| segment.map(place)).collect();
                let stroke = if *bold { BOLD_STROKE } else { STROKE } * if *large { 1.4 } else { 1.0 };
                canvas.strokes(&segments, stroke * SCALE, *color);
            }
        }
    }
    canvas.encode()
}

#[cfg(test)]
mod tests {
    use super::super::chart::tests::sample;
    use super::*;

    #[test]
    fn a_picture_of_the_right_size() {
        let chart = Chart::of(&sample());
        let file = draw(&chart).unwrap();
        assert!(file.starts_with(b"\x89PNG"));
        let size = |at: usize| f64::from(u32::from_be_bytes(file[at..at + 4].try_into().unwrap()));
        assert_eq!((size(16), size(20)), (chart.width * SCALE, chart.height * SCALE));
    }

    #[test]
    fn strokes_are_dark_in_their_middle() {
        let mut canvas = Canvas::new(10, 10);
        canvas.strokes(&[[(2.0, 5.0), (8.0, 5.0)]], 2.0, [0, 0, 0]);
        assert_eq!(canvas.points[5 * 10 + 5], [0, 0, 0]);
        assert_eq!(canvas.points[10 + 5], WHITE);
    }
}
