//! `lstar bench`: what operations cost on Lstar and on Linux, in the same QEMU with the same program.
//!
//! `options` is the command line, `guest` builds the program, `boots` boots the kernels with it, `counter` tells user mode's
//! instructions apart, `table` holds the figures and prints them, `store` keeps them, `guarantee` holds them against their
//! bounds, `page` and `chart` show them to readers, the chart as SVG by `plot` and as PNG by `picture` with `letters`; `programs` are the rows
//! that are whole programs.

pub mod boots;
mod chart;
mod counter;
mod guarantee;
pub mod guest;
mod letters;
pub mod options;
mod page;
mod picture;
mod plot;
mod programs;
mod store;
pub mod table;

use crate::progress::Progress;
use crate::vm::Kernel;
use anyhow::{Context, Result, bail};
use guest::{Guest, Row};
pub use options::BenchOptions;
use table::{Figures, Name, Table};

/// How often each kernel is measured by the wall clock.
const ROUNDS: usize = 3;

/// Runs the benchmark; the status is 1 if a row failed on either kernel.
pub fn run(options: &BenchOptions) -> Result<i32> {
    if !options.wall && options.cpus != 1 {
        bail!("instructions are counted with one CPU; use --wall with --cpus {}", options.cpus);
    }
    let guest = Guest::build()?;
    let known = guest.rows()?;
    if let Some(page) = &options.check {
        return check(&guest, &known, &guarantee::load(page)?);
    }
    let rows = select(&known, &options.rows, options.wall)?;
    let names: Vec<Name> = rows.iter().map(|row| row.name.clone()).collect();
    let against = options.against.as_deref().map(store::load).transpose()?;
    let mut columns = Vec::new();
    if let Some(saved) = &against {
        let name = options.against.clone().unwrap_or_default();
        if saved.unit != options.unit() {
            bail!("{name} holds {}, not {}; repeat it with the same options", saved.unit, options.unit());
        }
        let wanted = |row: &&String| names.iter().any(|name| name.row == **row);
        let figures = saved.figures.iter().filter(|(row, _)| wanted(row));
        columns.push((name, figures.map(|(row, figure)| (row.clone(), figure.clone())).collect()));
    }
    // Wall clock: both kernels in turn, so that what else the machine does meets both.
    let rounds = if options.wall { ROUNDS } else { 1 };
    let (mut linux, mut ours) = (Figures::new(), Figures::new());
    for _ in 0..rounds {
        if against.is_none() {
            table::merge(&mut linux, measure(&guest, &rows, options, &Kernel::Linux)?);
        }
        table::merge(&mut ours, measure(&guest, &rows, options, &Kernel::Lstar)?);
    }
    if against.is_none() {
        columns.push((table::LINUX.into(), linux));
    }
    if let Some(name) = &options.save {
        store::save(name, &store::Saved { unit: options.unit().into(), figures: ours.clone() })?;
    }
    columns.push(("lstar".into(), ours));
    let table = Table::new(&names, columns);
    if let Some(folder) = &options.report {
        page::write(folder, &table, options.unit())?;
    }
    if let Some(path) = &options.plot {
        let is_png = path.extension().is_some_and(|extension| extension == "png");
        let chart = chart::Chart::of(&table);
        let bytes = if is_png { picture::draw(&chart)? } else { plot::draw(&chart).into_bytes() };
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

/// The rows that are asked for, or all that can be measured so.
///
/// # Errors
/// There is no such row, or it cannot be measured so.
fn select(known: &[Row], wanted: &[String], wall: bool) -> Result<Vec<Row>> {
    let mut selected = vec![wanted.is_empty(); known.len()];
    for pattern in wanted {
        let prefix = pattern.strip_suffix('*');
        let matches = |row: &Row| prefix.map_or(row.name.row == *pattern, |prefix| row.name.row.starts_with(prefix));
        if !known.iter().any(matches) {
            let names: Vec<&str> = known.iter().map(|row| &*row.name.row).collect();
            bail!("no benchmark row `{pattern}`; the rows are: {}", names.join(" "));
        }
        if !known.iter().any(|row| matches(row) && row.is_measured(wall)) {
            let (what, remedy) =
                if wall { ("counted, not timed", "leave --wall away") } else { ("timed", "use --wall") };
            bail!("`{pattern}` is only {what}; {remedy}");
        }
        known.iter().zip(&mut selected).for_each(|(row, selected)| *selected |= matches(row));
    }
    let rows = known.iter().zip(selected).filter(|(row, selected)| *selected && row.is_measured(wall));
    Ok(rows.map(|(row, _)| row.clone()).collect())
}

/// Measures the guaranteed rows on Lstar; the status is 1 if one is above its bound.
fn check(guest: &Guest, known: &[Row], guarantees: &[guarantee::Guarantee]) -> Result<i32> {
    let wanted: Vec<String> = guarantees.iter().flat_map(|guarantee| guarantee.rows()).map(str::to_owned).collect();
    let rows = select(known, &wanted, false)?;
    let options = BenchOptions { cpus: 1, ..BenchOptions::default() };
    let figures = measure(guest, &rows, &options, &Kernel::Lstar)?;
    Ok(i32::from(guarantee::report(guarantees, &figures) > 0))
}

fn measure(guest: &Guest, rows: &[Row], options: &BenchOptions, kernel: &Kernel) -> Result<Figures> {
    let progress = Progress::start(match kernel {
        Kernel::Linux => "measuring on Linux",
        _ => "measuring on Lstar",
    });
    let figures = boots::measure(guest, rows, kernel, options);
    drop(progress);
    figures
}
