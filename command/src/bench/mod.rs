//! `lstar bench`: what operations cost on Lstar and on Linux, in the same QEMU with the same program.
//!
//! `options` is the command line, `guest` builds the program and boots the kernels, `table` holds the figures and prints
//! them, `store` keeps them, `guarantee` holds them against their bounds, `page` and `plot` show them to readers.

mod guarantee;
pub mod guest;
pub mod options;
mod page;
mod plot;
mod store;
pub mod table;

use crate::vm::Kernel;
use anyhow::{Context, Result, bail};
pub use options::BenchOptions;
use table::{Figures, Table};

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
    } else {
        columns.push(("linux".into(), measure(&guest, options, Kernel::Linux)?));
    }
    let ours = measure(&guest, options, Kernel::Lstar)?;
    if let Some(name) = &options.save {
        store::save(name, &store::Saved { unit: options.unit().into(), figures: ours.clone() })?;
    }
    columns.push(("lstar".into(), ours));
    let table = Table::new(&known, columns);
    if let Some(folder) = &options.report {
        page::write(folder, &table, options.unit())?;
    }
    if let Some(path) = &options.plot {
        std::fs::write(path, plot::draw(&table)).with_context(|| path.display().to_string())?;
    }
    if options.json {
        table.print_json(options.unit())
    } else {
        table.print(options.unit())
    }
    Ok(i32::from(table.has_failures()))
}

/// Measures the guaranteed rows on Lstar; the status is 1 if one is above its bound.
fn check(guest: &guest::Guest, known: &[String], guarantees: &[guarantee::Guarantee]) -> Result<i32> {
    let rows: Vec<String> = guarantees.iter().map(|guarantee| guarantee.row.clone()).collect();
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
