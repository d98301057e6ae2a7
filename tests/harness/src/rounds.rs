//! Which programs run on which machines.

use crate::Options;
use crate::guest::{Program, ProgramAbi};
use std::collections::BTreeSet;

/// The CPU where none is named: an AMD one, which has `syscall` for 32-bit programs.
pub const USUAL_CPU: &str = "max";
/// One that has `sysenter` for them.
const INTEL: &str = "max,vendor=GenuineIntel";

/// Programs of some ABIs on one machine.
pub struct Round {
    /// microvm or q35.
    pub machine: String,
    /// How many CPUs.
    pub cpus: u32,
    /// The CPU's kind as QEMU names it.
    pub cpu: String,
    /// What the programs are built for.
    pub abis: Vec<ProgramAbi>,
    /// Only cases whose name contains one of these; all if there are none.
    pub cases: &'static [&'static str],
    /// No cases whose name contains one of these.
    pub but: &'static [&'static str],
    /// What the cases' names end in, where an earlier round has run them on another machine.
    pub suffix: String,
}

impl Round {
    /// Whether some of a program's cases may be run.
    pub fn runs(&self, program: &Program) -> bool {
        self.abis.contains(&program.abi) && !self.but.iter().any(|text| program.name.contains(text))
    }
    /// What the names of its logs end in.
    pub fn variant(&self) -> String {
        let mut variant = String::new();
        if self.abis != [ProgramAbi::X86_64] {
            for abi in &self.abis {
                variant = format!("{variant}-{}", abi.folder());
            }
        }
        if self.cpu == INTEL { variant + "-intel" } else { variant }
    }
}

/// What runs on every machine also without --full: about a minute in all.
const SHORT_LIST: &[&str] = &[
    "smoke/",
    "entry/",
    "process/fork/",
    "process/wait/",
    "memory/cow/",
    "futex/futex/",
    "schedule/",
    "signal/restart/",
    "poll/pipe/",
];
/// What depends on the way into the kernel.
const WAYS_IN: &[&str] = &["entry/", "compat/", "dynamic/", "signal/restart", "ptrace/"];

/// What takes minutes and says little about an ABI.
const LONG: &[&str] = &["stress/"];

const USUAL: &[ProgramAbi] = &[ProgramAbi::X86_64];
const OTHERS: &[ProgramAbi] = &[ProgramAbi::I386, ProgramAbi::X32];
const I386: &[ProgramAbi] = &[ProgramAbi::I386];

/// Machine, CPUs, their kind, ABIs, cases; and whether only --full has it.
type Planned = (&'static str, u32, &'static str, &'static [ProgramAbi], &'static [&'static str], bool);

const PLAN: &[Planned] = &[
    ("microvm", 2, USUAL_CPU, USUAL, &[], false),
    ("microvm", 2, USUAL_CPU, OTHERS, &[], false),
    ("microvm", 2, INTEL, I386, WAYS_IN, false),
    ("microvm", 1, USUAL_CPU, USUAL, SHORT_LIST, false),
    ("microvm", 4, USUAL_CPU, USUAL, SHORT_LIST, false),
    ("q35", 2, USUAL_CPU, USUAL, SHORT_LIST, false),
    ("q35", 1, USUAL_CPU, USUAL, &[], true),
    ("q35", 4, USUAL_CPU, USUAL, &[], true),
    ("microvm", 1, USUAL_CPU, OTHERS, &[], true),
    ("q35", 4, USUAL_CPU, OTHERS, &[], true),
];

/// The rounds that were asked for: one on the machine of the options or on another kernel, or the plan.
pub fn chosen(options: &Options) -> Vec<Round> {
    let is_named = options.cpus.is_some() || options.machine.is_some() || options.cpu.is_some();
    if is_named || ["linux", "host"].contains(&options.kernel.as_str()) {
        let abis = if options.abi.is_empty() { USUAL.to_vec() } else { options.abi.clone() };
        return vec![Round {
            machine: options.machine.clone().unwrap_or_else(|| "microvm".to_owned()),
            cpus: options.cpus.unwrap_or(2),
            cpu: options.cpu.clone().unwrap_or_else(|| USUAL_CPU.to_owned()),
            abis,
            cases: &[],
            but: &[],
            suffix: String::new(),
        }];
    }
    let mut seen = BTreeSet::new();
    let mut rounds = Vec::new();
    for &(machine, cpus, cpu, abis, cases, only_full) in PLAN {
        let abis: Vec<ProgramAbi> =
            abis.iter().copied().filter(|abi| options.abi.is_empty() || options.abi.contains(abi)).collect();
        if abis.is_empty() || only_full && !options.full {
            continue;
        }
        let is_first = abis.iter().filter(|abi| !seen.insert(**abi)).count() == 0;
        let is_usual = abis == USUAL;
        let maker = if cpu == INTEL { " Intel" } else { "" };
        rounds.push(Round {
            machine: machine.to_owned(),
            cpus,
            cpu: cpu.to_owned(),
            abis,
            but: if is_usual || options.full { &[] } else { LONG },
            cases: if options.full { &[] } else { cases },
            suffix: if is_first { String::new() } else { format!(" [{machine} {cpus}{maker} CPUs]") },
        });
    }
    rounds
}

/// All ABIs of these rounds.
pub fn abis(rounds: &[Round]) -> BTreeSet<ProgramAbi> {
    rounds.iter().flat_map(|round| round.abis.iter().copied()).collect()
}
