//! Judges a case: it must pass, and observe what it observed on Linux.

use crate::record::{Case, Verdict};

/// The final word on a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    Passed,
    Skipped(String),
    Failed(String),
}

/// Judges `subject` by what the same case did on Linux (`None` when Linux was not asked). Cases are written for the usual ABI:
/// one that Linux fails as another's program is none of that ABI's.
pub fn judge(subject: Option<&Case>, oracle: Option<&Case>, is_usual: bool) -> Judgement {
    if let Some(Case { verdict: Some(Verdict::Fail(why)), .. }) = oracle {
        if !is_usual {
            return Judgement::Skipped(format!("Linux fails it as a program of this ABI: {why}"));
        }
        return Judgement::Failed(format!("a wrong test: Linux fails it: {why}"));
    }
    let Some(case) = subject else { return Judgement::Failed("not run".to_owned()) };
    match &case.verdict {
        Some(Verdict::Fail(why)) => return Judgement::Failed(why.clone()),
        Some(Verdict::Skip(why)) => match oracle.filter(|_| is_usual) {
            Some(Case { verdict: Some(Verdict::Ok), .. }) => {
                return Judgement::Failed(format!("skipped ({why}), but Linux runs it"));
            }
            _ => return Judgement::Skipped(why.clone()),
        },
        Some(Verdict::Ok) => {}
        None => return Judgement::Failed("no verdict".to_owned()),
    }
    match oracle {
        Some(oracle) => difference(&case.observed, &oracle.observed).map_or(Judgement::Passed, Judgement::Failed),
        None => Judgement::Passed,
    }
}

fn difference(got: &[String], want: &[String]) -> Option<String> {
    for i in 0..got.len().max(want.len()) {
        let (got, want) = (got.get(i), want.get(i));
        if got != want {
            let show = |line: Option<&String>| line.map_or("nothing".to_owned(), |text| format!("\"{text}\""));
            return Some(format!("output line {} got {} want {} (as Linux)", i + 1, show(got), show(want)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(verdict: Verdict, observed: &[&str]) -> Case {
        let observed = observed.iter().map(|s| (*s).to_owned()).collect();
        Case { verdict: Some(verdict), observed, notes: Vec::new() }
    }

    #[test]
    fn observed_values_must_be_those_of_linux() {
        let linux = case(Verdict::Ok, &["1", "2"]);
        assert_eq!(judge(Some(&case(Verdict::Ok, &["1", "2"])), Some(&linux), true), Judgement::Passed);
        let Judgement::Failed(why) = judge(Some(&case(Verdict::Ok, &["1"])), Some(&linux), true) else {
            panic!("passed")
        };
        assert_eq!(why, "output line 2 got nothing want \"2\" (as Linux)");
    }

    #[test]
    fn a_skip_counts_as_failure_where_linux_runs_the_case() {
        let skipped = case(Verdict::Skip("no device".into()), &[]);
        assert!(matches!(judge(Some(&skipped), Some(&case(Verdict::Ok, &[])), true), Judgement::Failed(_)));
        assert!(matches!(judge(Some(&skipped), Some(&skipped), true), Judgement::Skipped(_)));
    }
}
