//! Judges the cases of a round, prints a line for each, and counts them.

use crate::batch::Job;
use crate::compare::{Judgement, judge};
use crate::expectations::Expectations;
use crate::guest::ProgramAbi;
use crate::record::{Case, Transcript, Verdict};
use crate::{Options, full_name, oracle};
use std::collections::BTreeMap;

/// What a case did, and what it had done wrong at the first try if this is the second.
#[derive(Debug, Default)]
struct Tried {
    case: Case,
    before: Option<String>,
}

/// What the cases of each program did.
#[derive(Debug, Default)]
pub struct Observed {
    transcripts: BTreeMap<String, Transcript>,
    /// Cases that were better at the second try, by program and case.
    second: BTreeMap<(String, String), Tried>,
}
impl From<BTreeMap<String, Transcript>> for Observed {
    fn from(transcripts: BTreeMap<String, Transcript>) -> Self {
        Observed { transcripts, second: BTreeMap::new() }
    }
}
impl Observed {
    fn cases(&self, job: &Job) -> BTreeMap<String, Case> {
        self.transcripts.get(&job.program.name).map(|transcript| transcript.cases(&job.cases)).unwrap_or_default()
    }
}

/// What cases are judged by: Linux's answers, and what is known to fail.
#[derive(Default)]
pub struct Judge<'a> {
    pub oracle: Option<&'a BTreeMap<String, Transcript>>,
    pub expectations: Option<&'a Expectations>,
}

impl Judge<'_> {
    /// Linux's answer to a case; `None` if it was not asked.
    fn answer(&self, job: &Job) -> Option<BTreeMap<String, Case>> {
        Some(self.oracle?.get(&oracle::name(&job.program))?.cases(&job.program.cases))
    }
    fn judge(job: &Job, name: &str, got: Option<&Case>, answer: Option<&BTreeMap<String, Case>>) -> Judgement {
        judge(got, answer.and_then(|cases| cases.get(name)), job.program.abi == ProgramAbi::X86_64)
    }
    /// Why a case is known to fail. What is not written yet is so for every ABI.
    fn reason(&self, job: &Job, case: &str) -> Option<&str> {
        let list = self.expectations?;
        let usual = full_name(job.program.usual_name(), case);
        list.reason(&full_name(&job.program.name, case)).or_else(|| list.reason(&usual))
    }
    /// The cases that failed though nothing else went wrong: they say so themselves, or what they say is not what Linux's said.
    /// One whose program or kernel ended, or that took too long, is not among them.
    pub fn doubtful(&self, jobs: &[Job], subject: &Observed) -> Vec<Job> {
        let mut doubtful = Vec::new();
        for job in jobs {
            let (got, answer) = (subject.cases(job), self.answer(job));
            let is_doubtful = |name: &String| {
                let case = got.get(name);
                let says_so = match case.and_then(|case| case.verdict.as_ref()) {
                    Some(Verdict::Fail(why)) => !why.starts_with("no verdict"),
                    verdict => verdict.is_some(),
                };
                let judgement = Judge::judge(job, name, case, answer.as_ref());
                says_so && matches!(judgement, Judgement::Failed(_)) && self.reason(job, name).is_none()
            };
            let cases: Vec<String> = job.cases.iter().filter(|name| is_doubtful(name)).cloned().collect();
            if !cases.is_empty() {
                doubtful.push(Job { program: job.program.clone(), cases });
            }
        }
        doubtful
    }
    /// Takes over what passed at the second try.
    pub fn take_better(&self, jobs: &[Job], subject: &mut Observed, second: &Observed) {
        for job in jobs {
            let (first, mut again, answer) = (subject.cases(job), second.cases(job), self.answer(job));
            for name in &job.cases {
                let judged = |case| Judge::judge(job, name, case, answer.as_ref());
                if let (Judgement::Failed(why), Judgement::Passed) = (judged(first.get(name)), judged(again.get(name)))
                {
                    let tried = Tried { case: again.remove(name).unwrap_or_default(), before: Some(why) };
                    subject.second.insert((job.program.name.clone(), name.clone()), tried);
                }
            }
        }
    }
}

/// How many cases ended how.
#[derive(Default)]
pub struct Tally {
    passed: u32,
    failed: Vec<String>,
    skipped: u32,
    known: u32,
    at_second_try: u32,
}

impl Tally {
    /// Prints a line per case.
    pub fn report(&mut self, options: &Options, suffix: &str, jobs: &[Job], subject: &Observed, judge: &Judge) {
        for job in jobs {
            let name = &job.program.name;
            let (got, answer) = (subject.cases(job), judge.answer(job));
            let names = if job.cases.is_empty() { vec![String::new()] } else { job.cases.clone() };
            for case in names {
                let full = format!("{}{suffix}", full_name(name, &case));
                let second = subject.second.get(&(name.clone(), case.clone()));
                let result = second.map(|tried| &tried.case).or_else(|| got.get(&case));
                let reason = judge.reason(job, &case);
                match (Judge::judge(job, &case, result, answer.as_ref()), reason) {
                    (Judgement::Passed, None) => {
                        self.passed += 1;
                        match second.and_then(|tried| tried.before.as_ref()) {
                            None => println!("ok    {full}"),
                            Some(why) => {
                                self.at_second_try += 1;
                                println!("ok    {full} (at the second try; at the first: {why})");
                            }
                        }
                    }
                    (Judgement::Passed, Some(reason)) => {
                        self.fail(format!("{full}: unexpectedly passed (listed: {reason})"));
                    }
                    (Judgement::Skipped(why), _) => {
                        self.skipped += 1;
                        println!("skip  {full}: {why}");
                    }
                    (Judgement::Failed(why), Some(reason)) => {
                        self.known += 1;
                        println!("known {full}: {reason} ({why})");
                    }
                    (Judgement::Failed(why), None) => {
                        self.fail(format!("{full}: {why}"));
                        if options.verbose {
                            for line in result.iter().flat_map(|case| case.observed.iter().chain(&case.notes)) {
                                println!("      {line}");
                            }
                        }
                    }
                }
            }
        }
    }

    /// Prints a failure, and keeps it for the end.
    fn fail(&mut self, what: String) {
        println!("FAIL  {what}");
        self.failed.push(what);
    }

    /// Prints the totals, with the failures again where there are any; true when there are none.
    pub fn close(&self) -> bool {
        if self.skipped + self.known > 0 {
            println!("{} skipped, {} known to fail", self.skipped, self.known);
        }
        if self.at_second_try > 0 {
            println!("{} at the second try", self.at_second_try);
        }
        for what in &self.failed {
            println!("FAIL  {what}");
        }
        println!("{} passed, {} failed", self.passed, self.failed.len());
        self.failed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::Program;

    fn transcript(end: &str, lines: &[&str]) -> BTreeMap<String, Transcript> {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        BTreeMap::from([("t/p".to_owned(), Transcript { lines, end: Some(end.to_owned()) })])
    }

    #[test]
    fn only_what_says_itself_that_it_failed_is_tried_again() {
        let cases: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let program = Program {
            name: "t/p".to_owned(),
            cases: cases.clone(),
            executable: Default::default(),
            hash: 0,
            abi: ProgramAbi::X86_64,
        };
        let jobs = [Job { program, cases }];
        let judge = Judge::default();
        let lines = ["run a 20", "case a: ok", "run b 20", "case b: FAIL p.c:3 late", "run c 20"];
        let mut first = Observed::from(transcript("signal 11", &lines));
        let doubtful = judge.doubtful(&jobs, &first);
        assert_eq!(doubtful.len(), 1);
        assert_eq!(doubtful[0].cases, ["b"]);

        let mut tally = Tally::default();
        let second = Observed::from(transcript("exit 0", &["run b 20", "case b: ok"]));
        judge.take_better(&doubtful, &mut first, &second);
        let options = clap::Parser::parse_from(["lstar-test"]);
        tally.report(&options, "", &jobs, &first, &judge);
        assert_eq!((tally.passed, tally.at_second_try, tally.failed.len()), (2, 1, 1));
        assert!(tally.failed[0].contains("no verdict"));
    }
}
