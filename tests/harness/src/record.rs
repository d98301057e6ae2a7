//! Reads what the batch runner writes (see `tests/guest/runner.c`) and what a program says about its cases (see `tests/guest/check.h`).

use std::collections::BTreeMap;

/// How one case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    Skip(String),
    Fail(String),
}

/// What is known of one case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Case {
    pub verdict: Option<Verdict>,
    /// Observed values; they must be the oracle's.
    pub observed: Vec<String>,
    /// Everything else it said.
    pub notes: Vec<String>,
}

/// One line of the runner's stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Record<'a> {
    Begin,
    Line(&'a str),
    End(&'a str),
    Done,
}

/// Reads one line; `None` for what is not the runner's (the kernel's own messages on the same port).
pub fn parse(line: &str) -> Option<(usize, Record<'_>)> {
    let rest = line.strip_prefix('@')?;
    if rest == "done" {
        return Some((0, Record::Done));
    }
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let index = rest[..digits].parse().ok()?;
    let rest = &rest[digits..];
    let record = match rest.as_bytes().first()? {
        b'|' | b'+' => Record::Line(&rest[1..]),
        b' ' if rest == " begin" => Record::Begin,
        b' ' => Record::End(rest.strip_prefix(" end ")?),
        _ => return None,
    };
    Some((index, record))
}

/// The output of one program and its end, as lines, and the cases in it.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    pub lines: Vec<String>,
    /// `exit 0`, `signal 11`, `timeout` ...; `None` while it runs.
    pub end: Option<String>,
}

impl Transcript {
    /// The case that was running when the lines end.
    pub fn running_case(&self) -> Option<String> {
        let last = self.lines.iter().rev().find_map(|l| l.strip_prefix("run "))?;
        let name = last.split(' ').next()?.to_owned();
        let decided = format!("case {name}: ");
        let is_decided = self.lines.iter().any(|l| l.starts_with(&decided));
        (!is_decided).then_some(name)
    }

    /// Sorts the lines by case. A program without cases is one case with an empty name, which observes all.
    pub fn cases(&self, names: &[String]) -> BTreeMap<String, Case> {
        let mut cases = BTreeMap::new();
        let end = self.end.clone().unwrap_or_else(|| "no end".to_owned());
        if names.is_empty() {
            let mut observed = self.lines.clone();
            observed.push(format!("[{end}]"));
            let has_ended = end.starts_with("exit ") || end.starts_with("signal ");
            let verdict = if has_ended { Verdict::Ok } else { Verdict::Fail(end) };
            cases.insert(String::new(), Case { verdict: Some(verdict), observed, notes: Vec::new() });
            return cases;
        }
        let mut running: Option<&str> = None;
        for line in &self.lines {
            let (kind, rest) = line.split_once(' ').unwrap_or(("", line));
            let (name, text) = rest.split_once(": ").unwrap_or((rest.split(' ').next().unwrap_or(""), ""));
            match kind {
                "run" => running = Some(name),
                "out" => cases.entry(name.to_owned()).or_insert_with(Case::default).observed.push(text.to_owned()),
                "note" => cases.entry(name.to_owned()).or_insert_with(Case::default).notes.push(text.to_owned()),
                "case" => {
                    let case = cases.entry(name.to_owned()).or_insert_with(Case::default);
                    let verdict = verdict(text);
                    // A failure that any process of the case reports stays.
                    if !matches!(case.verdict, Some(Verdict::Fail(_))) {
                        case.verdict = Some(verdict);
                    }
                }
                _ => {
                    let name = running.unwrap_or("").to_owned();
                    cases.entry(name).or_insert_with(Case::default).notes.push(line.clone());
                }
            }
        }
        for name in names {
            let case = cases.entry(name.clone()).or_default();
            case.verdict.get_or_insert_with(|| Verdict::Fail(format!("no verdict; the program ended: {end}")));
        }
        cases.retain(|name, _| names.contains(name));
        cases
    }
}

fn verdict(text: &str) -> Verdict {
    match text.split_once(' ') {
        None if text == "ok" => Verdict::Ok,
        Some(("skip", reason)) => Verdict::Skip(reason.to_owned()),
        Some(("FAIL", why)) => Verdict::Fail(why.to_owned()),
        _ => Verdict::Fail(format!("unreadable verdict: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_lines_are_ignored() {
        assert_eq!(parse("[    0.1] @3 begin"), None);
        assert_eq!(parse("@3 begin"), Some((3, Record::Begin)));
        assert_eq!(parse("@12|a b"), Some((12, Record::Line("a b"))));
        assert_eq!(parse("@12 end signal 9"), Some((12, Record::End("signal 9"))));
        assert_eq!(parse("@done"), Some((0, Record::Done)));
    }

    #[test]
    fn a_program_without_cases_that_did_not_end_has_failed() {
        for end in [None, Some("timeout"), Some("not run: the kernel panicked"), Some("error 12")] {
            let transcript = Transcript { lines: vec!["x".into()], end: end.map(str::to_owned) };
            assert!(matches!(transcript.cases(&[])[""].verdict, Some(Verdict::Fail(_))));
        }
    }

    #[test]
    fn a_failure_of_any_process_of_a_case_stays() {
        let lines = ["run a 20", "out a: 5", "case a: FAIL x.c:3 y", "case a: ok", "run b 20"].map(str::to_owned);
        let transcript = Transcript { lines: lines.to_vec(), end: Some("signal 11".into()) };
        let cases = transcript.cases(&["a".to_owned(), "b".to_owned()]);
        assert_eq!(cases["a"].verdict, Some(Verdict::Fail("x.c:3 y".into())));
        assert_eq!(cases["a"].observed, ["5"]);
        assert!(matches!(&cases["b"].verdict, Some(Verdict::Fail(why)) if why.contains("signal 11")));
        assert_eq!(transcript.running_case().as_deref(), Some("b"));
    }
}
