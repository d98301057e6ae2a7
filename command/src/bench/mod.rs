//! `lstar bench`: what operations cost on Lstar and on Linux, in the same QEMU with the same program.
//!
//! `options` is the command line, `guest` builds the program and boots the kernels, `table` holds the figures and prints
//! them, `store` keeps them, `guarantee` holds them against their bounds, `page`, `plot` and `picture` show
//! them to readers; `programs` are the rows that are whole programs.

mod guarantee;
pub mod guest;
pub mod options;
mod page;
mod picture;
mod plot;
mod programs;
mod store;
pub mod table;

use crate::vm::Kernel;
use anyhow::{Context, Result, bail};
pub use options::BenchOptions;
use table::{Figures, Table};

/// How often each kernel is measured by the wall clock.
const ROUNDS: usize = 3;

/// Runs the benchmark; the status is 1 if a row failed on either kernel.
pub fn run(options: &BenchOptions) -> Result<i32> {
    let guest = guest::Guest::build()?;
    let known = guest.rows()?;
    if let Some(page) = &options.check {
        return check(&guest, &known, &guarantee::load(page)?);
    }
    for row in &options.rows {
        let prefix = row.strip_suffix('*');
        if !known.iter().any(|name| prefix.map_or(name == row, |prefix| name.starts_with(prefix))) {
            bail!("no benchmark row `{row}`; the rows are: {}", known.join(" "));
        }
    }
    let against = options.against.as_deref().map(store::load).transpose()?;
    let mut columns = Vec::new();
    if let Some(saved) = &against {
        let name = options.against.clone().unwrap_or_default();
        if saved.unit != options.unit() {
            bail!("{name} holds {}, not {}; repeat it with the same options", saved.unit, options.unit());
        }
        columns.push((name, saved.figures.clone()));
    }
    // Wall clock: both kernels in turn, so that what else the machine does meets both.
    let rounds = if options.wall { ROUNDS } else { 1 };
    let (mut linux, mut ours) = (Figures::new(), Figures::new());
    for _ in 0..rounds {
        if against.is_none() {
            table::merge(&mut linux, measure(&guest, options, Kernel::Linux)?);
        }
        table::merge(&mut ours, measure(&guest, options, Kernel::Lstar)?);
    }
    if against.is_none() {
        columns.push(("linux".into(), linux));
    }
    if let Some(name) = &options.save {
        store::save(name, &store::Saved { unit: options.unit().into(), figures: ours.clone() })?;
    }
    columns.push(("lstar".into(), ours));
    let table = Table::new(&known, columns);
    if let Some(folder) = &options.report {
        page::write(folder, &table, options.unit())?;
    }
    if let Some(path) = &options.plot {
        let is_png = path.extension().is_some_and(|extension| extension == "png");
        let bytes = if is_png { picture::draw(&table)? } else { plot::draw(&table).into_bytes() };
        std::fs::write(path, bytes).with_context(|| path.display().to_string())?;
    }
    if options.json {
        table.print_json(options.unit())
    } else {
        table.print(options.unit());
        if options.wall {
            table.print_spread();
            table.print_scaling();
        }
    }
    Ok(i32::from(table.has_failures()))
}

/// Measures the guaranteed rows on Lstar; the status is 1 if one is above its bound.
fn check(guest: &guest::Guest, known: &[String], guarantees: &[guarantee::Guarantee]) -> Result<i32> {
    let rows: Vec<String> = guarantees.iter().flat_map(|guarantee| guarantee.rows()).map(str::to_owned).collect();
    if let Some(row) = rows.iter().find(|row| !known.contains(row)) {
        bail!("no benchmark row `{row}`; the rows are: {}", known.join(" "));
    }
    let figures = measure(guest, &BenchOptions { rows, cpus: 1, ..BenchOptions::default() }, Kernel::Lstar)?;
    Ok(i32::from(guarantee::report(guarantees, &figures) > 0))
}

fn measure(guest: &guest::Guest, options: &BenchOptions, kernel: Kernel) -> Result<Figures> {
    let progress = crate::progress::Progress::start(match kernel {
        Kernel::Linux => "measuring on Linux",
        _ => "measuring on Lstar",
    });
    let figures = guest.measure(kernel, options);
    drop(progress);
    figures
}
