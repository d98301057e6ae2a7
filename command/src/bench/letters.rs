//! Letters for the PNG as strokes: lines between points of a grid.
//!
//! A stroke is a string of points, each a digit (the column, from the left) and a letter (the height: `d` is the line that letters
//! stand on, `j` the top of small ones, `m` of tall ones).

/// What is between two letters, and what a space takes.
const GAP: f64 = 2.2;
const SPACE: f64 = 1.6;

const STROKES: &[(char, &[&str])] = &[
    (' ', &[]),
    ('-', &["0g3g"]),
    ('.', &["0d0e"]),
    (',', &["1e0c"]),
    (';', &["1e0c", "1i1j"]),
    (':', &["0d0e", "0i0j"]),
    ('=', &["0f4f", "0h4h"]),
    ('/', &["0c4m"]),
    ('\'', &["0m0k"]),
    ('(', &["2n1l0i0g1d2b"]),
    (')', &["0n1l2i2g1d0b"]),
    ('0', &["1m3m4k4f3d1d0f0k1m"]),
    ('1', &["0k2m2d"]),
    ('2', &["0k1m3m4k4j0d4d"]),
    ('3', &["0k1m3m4k3i1i", "3i4g4f3d1d0f"]),
    ('4', &["3d3m0f4f"]),
    ('5', &["4m0m0i3i4g4f3d1d0e"]),
    ('6', &["4l3m1m0k0f1d3d4f4g3i1i0g"]),
    ('7', &["0m4m1d"]),
    ('8', &["1i0k1m3m4k3i1i0g0f1d3d4f4g3i"]),
    ('9', &["0e1d3d4f4k3m1m0k0j1h3h4j"]),
    ('a', &["1j3j4h4f3d1d0f0h1j", "4j4d"]),
    ('b', &["0m0d", "1j3j4h4f3d1d0f0h1j"]),
    ('c', &["4i3j1j0h0f1d3d4e"]),
    ('d', &["1j3j4h4f3d1d0f0h1j", "4m4d"]),
    ('e', &["0g4g4h3j1j0h0f1d3d4e"]),
    ('f', &["3m2m1k1d", "0j3j"]),
    ('g', &["1j3j4h4f3d1d0f0h1j", "4j4b3a1a0b"]),
    ('h', &["0m0d", "0h1j3j4h4d"]),
    ('i', &["0j0d", "0l0m"]),
    ('j', &["1j1b0a", "1l1m"]),
    ('k', &["0m0d", "4j0g", "1g4d"]),
    ('l', &["0m0d"]),
    ('m', &["0j0d", "0h1j2j3h3d", "3h4j5j6h6d"]),
    ('n', &["0j0d", "0h1j3j4h4d"]),
    ('o', &["1j3j4h4f3d1d0f0h1j"]),
    ('p', &["1j3j4h4f3d1d0f0h1j", "0j0a"]),
    ('q', &["1j3j4h4f3d1d0f0h1j", "4j4a"]),
    ('r', &["0j0d", "0h1j3j"]),
    ('s', &["4i3j1j0i1g3g4f3d1d0e"]),
    ('t', &["1m1e2d3d", "0j3j"]),
    ('u', &["0j0f1d3d4f", "4j4d"]),
    ('v', &["0j2d4j"]),
    ('w', &["0j1d3j5d6j"]),
    ('x', &["0j4d", "4j0d"]),
    ('y', &["0j2d", "4j2d1a0a"]),
    ('z', &["0j4j0d4d"]),
    ('L', &["0m0d4d"]),
];

/// A line between two points; upwards is negative.
pub type Segment = [(f64, f64); 2];

fn points(stroke: &str) -> Vec<(f64, f64)> {
    let height = |letter: u8| f64::from(b'd') - f64::from(letter);
    stroke.as_bytes().as_chunks::<2>().0.iter().map(|[x, y]| (f64::from(x - b'0'), height(*y))).collect()
}

/// The lines of a text from its lower left corner on, and its width, in units of the grid. What has no letter is left blank.
pub fn lines(text: &str) -> (Vec<Segment>, f64) {
    let (mut segments, mut left) = (Vec::new(), 0.0);
    for letter in text.chars() {
        let strokes = STROKES.iter().find(|(known, _)| *known == letter).map_or(&[][..], |(_, strokes)| strokes);
        let mut width = if strokes.is_empty() { SPACE } else { 0.0 };
        for points in strokes.iter().map(|stroke| points(stroke)) {
            width = points.iter().fold(width, |width: f64, point| width.max(point.0));
            let moved: Vec<_> = points.iter().map(|(x, y)| (x + left, *y)).collect();
            segments.extend(moved.windows(2).filter_map(|pair| pair.first_chunk().copied()));
        }
        left += width + GAP;
    }
    (segments, (left - GAP).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_names_have_letters() {
        let known = |letter: char| STROKES.iter().any(|(known, _)| *known == letter);
        assert!("abcdefghijklmnopqrstuvwxyz0123456789- .;'=L".chars().all(known));
    }

    #[test]
    fn lines_are_within_the_width() {
        let (segments, width) = lines("getppid-int80");
        assert!(segments.iter().flatten().all(|(x, _)| (0.0..=width).contains(x)));
        assert_eq!(lines("l").1, 0.0);
    }
}
