//! What a kernel said when it panicked, for whoever reads the tests' output and has no access to the logs.

use lstar::console::Log;
use std::path::Path;

/// Lines shown of one panic.
const MOST_LINES: usize = 60;

/// The panic in what a kernel wrote on its serial port: its first line, and that with the registers and the back trace of
/// the CPU it happened on, symbolized by the kernel's image. `None` without a panic.
pub fn find(console: &[u8], image: &Path) -> Option<(String, String)> {
    let mut log = Log::default();
    log.push(console);
    log.has_panic().then(|| shorten(&log.last_words(image)))
}

/// Takes the report's head, up to the list of tasks.
pub fn shorten(words: &str) -> (String, String) {
    let head = |line: &&str| !line.starts_with("task ") && !line.starts_with("end of kernel panic");
    let lines: Vec<&str> = words.lines().take_while(head).take(MOST_LINES).collect();
    (lines.first().copied().unwrap_or_default().to_owned(), lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_ends_before_the_tasks() {
        let console =
            b"booting\nkernel panic: no more\ncpu 1\ntask 1 init S\n  at nowhere\nend of kernel panic report\n";
        let (first, all) = find(console, Path::new("/nonexistent")).expect("there is one");
        assert_eq!(first, "kernel panic: no more");
        assert_eq!(all, "kernel panic: no more\ncpu 1");
        assert!(find(b"kernel quiet\n", Path::new("/nonexistent")).is_none());
    }
}
