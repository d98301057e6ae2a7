//! `lstar profile`: which functions a command's instructions go to.
//!
//! `plugin` counts them within QEMU's translator, `symbols` knows the functions, `tree` is what was counted, `flame` draws
//! it.

mod flame;
mod plugin;
mod symbols;
mod tree;

use crate::command_line::{AcceleratorChoice, RunOptions};
use crate::qemu::Accelerator;
use crate::run;
use crate::vm::Machine;
use anyhow::{Context, Result, bail};
use clap::Args;
use plugin::Counter;
use std::path::PathBuf;
use symbols::Symbols;

#[derive(Debug, Args)]
#[command(after_help = "\
The table goes to standard error, the command's output to standard output. One processor is counted, exactly, in QEMU's
translator; counting begins when the host hears that the command runs, and ends with the machine.

Examples:
  lstar profile -- sh -c 'for i in $(seq 1000); do :; done'
  lstar profile --flame-graph calls.svg --programs ./a.out -- /a.out
  lstar profile --boot -- true                                      from the first instruction on")]
pub struct ProfileOptions {
    /// Draw a flame graph
    #[arg(long, short, value_name = "FILE.svg")]
    pub flame_graph: Option<PathBuf>,
    /// Lines of the table
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub top: usize,
    /// Static programs whose functions are told apart (their instructions are `[user]` otherwise)
    #[arg(long, value_name = "ELF")]
    pub programs: Vec<PathBuf>,
    /// Count from the first instruction of the boot on
    #[arg(long)]
    pub boot: bool,
    #[command(flatten)]
    pub run: RunOptions,
}

/// Runs a command and prints where its instructions went; returns the command's status.
pub fn run(options: &ProfileOptions) -> Result<i32> {
    if options.run.cpus.is_some_and(|cpus| cpus != 1) || options.run.accel == AcceleratorChoice::Kvm {
        bail!("instructions are counted on one processor, in QEMU's translator; leave --cpus and --accel away");
    }
    let machine = run::machine(&options.run)?;
    let mut machine = Machine { icount: true, cpus: 1, accelerator: Accelerator::Tcg, ..machine };
    let mut symbols = Symbols::default();
    symbols.add(&machine.kernel.image()?)?;
    for program in &options.programs {
        symbols.add(program)?;
    }
    let counter = Counter::build(&symbols)?;
    if options.boot {
        counter.count(true)?;
    }
    machine.plugin = Some(counter.plugin.clone());
    let starter = counter.clone();
    // Without the note nothing is counted, which the table shows.
    let start = move || {
        let _ = starter.count(true);
    };
    let status = run::run_on(&options.run, &machine, start)?;
    let tree = tree::Tree::read(counter.tree()?, symbols.names())?;
    if tree.total() == 0 {
        bail!("nothing was counted: the command ended before counting began; --boot counts from the start");
    }
    eprint!("{}", tree.table(options.top));
    if let Some(path) = &options.flame_graph {
        std::fs::write(path, flame::draw(&tree)).with_context(|| path.display().to_string())?;
    }
    Ok(status)
}
