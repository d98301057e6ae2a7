//! A flame graph as SVG: call chains from below, as wide as their instructions are many.

use super::tree::Tree;
use std::fmt::Write;

const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 17.0;
/// What would be narrower is left out.
const LEAST: f64 = 0.3;
/// Room that a letter takes.
const LETTER: f64 = 6.6;

/// Draws the tree.
pub fn draw(tree: &Tree) -> String {
    let depth = depth(tree, 0, WIDTH / tree.total().max(1) as f64);
    let height = depth as f64 * HEIGHT + 40.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"monospace\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"4\" y=\"16\">{} instructions</text>\n",
        tree.total()
    );
    bars(tree, 0, 0.0, height - HEIGHT - 4.0, WIDTH / tree.total().max(1) as f64, &mut text);
    text.push_str("</svg>\n");
    text
}

fn depth(tree: &Tree, index: usize, scale: f64) -> usize {
    let node = &tree.nodes[index];
    let wide = node.children.iter().filter(|child| tree.nodes[**child].total as f64 * scale >= LEAST);
    1 + wide.map(|child| depth(tree, *child, scale)).max().unwrap_or(0)
}

fn bars(tree: &Tree, index: usize, left: f64, top: f64, scale: f64, out: &mut String) {
    let node = &tree.nodes[index];
    let width = node.total as f64 * scale;
    if width < LEAST {
        return;
    }
    let (name, percent) = (escape(&node.name), node.total as f64 * 100.0 / tree.total().max(1) as f64);
    // Writing to a string does not fail.
    let _ = write!(
        out,
        "<g><title>{name}: {} instructions ({percent:.2} %), {} calls</title>\
         <rect x=\"{left:.2}\" y=\"{top:.1}\" width=\"{width:.2}\" height=\"{:.1}\" fill=\"{}\" stroke=\"#fff\" stroke-width=\"0.4\"/>",
        node.total,
        node.calls,
        HEIGHT - 1.0,
        color(&node.name),
    );
    let room = ((width - 4.0) / LETTER) as usize;
    if room >= 3 {
        let _ = write!(
            out,
            "<text x=\"{:.2}\" y=\"{:.1}\">{}</text>",
            left + 2.0,
            top + 12.0,
            escape(&shorten(&node.name, room))
        );
    }
    out.push_str("</g>\n");
    let mut left = left;
    let mut children = node.children.clone();
    children.sort_by_key(|child| &tree.nodes[*child].name);
    for child in children {
        bars(tree, child, left, top - HEIGHT, scale, out);
        left += tree.nodes[child].total as f64 * scale;
    }
}

/// The end of a path says more than its beginning.
fn shorten(name: &str, room: usize) -> String {
    let count = name.chars().count();
    if count <= room {
        name.into()
    } else {
        name.chars().skip(count + 1 - room).fold("…".into(), |text, letter| text + &letter.to_string())
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A warm color that stays the same for a name.
fn color(name: &str) -> String {
    let hash = name.bytes().fold(5381_u32, |hash, byte| hash.wrapping_mul(33) ^ u32::from(byte));
    format!("rgb({},{},{})", 205 + hash % 50, 80 + hash / 50 % 140, 30 + hash / 7000 % 50)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_lie_within_their_callers() {
        let text = draw(&super::super::tree::tests::sample());
        assert!(text.starts_with("<svg") && text.ends_with("</svg>\n"));
        assert!(text.contains("a: 60 instructions") && text.contains("b: 50 instructions"));
        assert_eq!(escape("<a as B>::c"), "&lt;a as B&gt;::c");
        assert_eq!(shorten("abcdef", 4), "…def");
    }
}
