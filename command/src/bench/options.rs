//! The command line of `lstar bench`.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Default, Args)]
#[command(after_help = "\
Without --wall the figures are instructions per operation, counted exactly by QEMU (-icount): a second run gives the
same. Whole programs and calls of the vDSO are judged by the kernel's part of them. All rows take some minutes, whole
programs and rows of 100,000 the most of them. The status is 1 if a row failed on either kernel.

Examples:
  lstar bench                              every row, Linux beside Lstar
  lstar bench getppid 'pipe-*'             some rows
  lstar bench 'program-*'                  whole programs, in a Debian root
  lstar bench --wall --cpus 2              nanoseconds
  lstar bench --save before                keep Lstar's figures
  lstar bench --against before             compare with them instead of with Linux
  lstar bench --check docs/guarantees.md   does this build keep its bounds?")]
pub struct BenchOptions {
    /// Rows to measure; a `*` at the end stands for anything [default: all]
    pub rows: Vec<String>,
    /// Nanoseconds instead of instructions
    #[arg(long)]
    pub wall: bool,
    /// CPUs; more than one only with --wall
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub cpus: u32,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Keep Lstar's figures under a name
    #[arg(long, value_name = "NAME")]
    pub save: Option<String>,
    /// Compare with kept figures instead of with Linux
    #[arg(long, value_name = "NAME")]
    pub against: Option<String>,
    /// Draw the ratios, as SVG or PNG by the file's name
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Write performance.md with its plots into a folder
    #[arg(long, value_name = "FOLDER")]
    pub report: Option<PathBuf>,
    /// Only see whether Lstar keeps the bounds of a page such as docs/guarantees.md
    #[arg(long, value_name = "PAGE", conflicts_with_all = ["rows", "wall", "cpus", "json", "save", "against", "plot", "report"])]
    pub check: Option<PathBuf>,
}

impl BenchOptions {
    /// What the figures are.
    pub fn unit(&self) -> &'static str {
        if self.wall { "ns" } else { "instructions" }
    }
}
