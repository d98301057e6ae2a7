//! Figures kept under a name, in the cache folder.

use super::table::{Figure, Figures};
use crate::artifacts;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

/// The first line of a file; another version has another one.
const HEADER: &str = "lstar bench 2";

/// What is kept.
pub struct Saved {
    pub unit: String,
    pub figures: Figures,
}

fn path(name: &str) -> Result<PathBuf> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        bail!("`{name}` cannot name kept figures; use letters and digits");
    }
    let folder = artifacts::cache()?.join("bench");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder.join(name))
}

/// Keeps figures.
pub fn save(name: &str, saved: &Saved) -> Result<()> {
    let mut text = format!("{HEADER}\n{}\n", saved.unit);
    for (row, figure) in &saved.figures {
        match figure {
            Figure::Measured { least, median, greatest, user } => {
                let user = user.map_or("-".into(), |user| user.to_string());
                text.push_str(&format!("{row}\t{least}\t{median}\t{greatest}\t{user}\n"));
            }
            Figure::Failed(reason) => text.push_str(&format!("{row}\tfailed\t{reason}\n")),
        }
    }
    let path = path(name)?;
    std::fs::write(&path, text).with_context(|| path.display().to_string())
}

/// Reads figures kept before.
pub fn load(name: &str) -> Result<Saved> {
    let path = path(name)?;
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("no figures are kept as `{name}`; make them with lstar bench --save {name}"))?;
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        bail!("{} is of another version; make it anew with lstar bench --save {name}", path.display());
    }
    let unit = lines.next().unwrap_or_default().to_owned();
    let figures = lines.map(parse).collect::<Option<Figures>>();
    let figures = figures
        .with_context(|| format!("{} is broken; make it anew with lstar bench --save {name}", path.display()))?;
    Ok(Saved { unit, figures })
}

fn parse(line: &str) -> Option<(String, Figure)> {
    let (row, rest) = line.split_once('\t')?;
    if let Some(reason) = rest.strip_prefix("failed\t") {
        return Some((row.into(), Figure::failed(reason)));
    }
    let mut fields = rest.split('\t');
    let mut number = || fields.next()?.parse().ok();
    let (least, median, greatest) = (number()?, number()?, number()?);
    let user = fields.next().filter(|user| *user != "-").map(str::parse).transpose().ok()?;
    Some((row.into(), Figure::Measured { least, median, greatest, user }))
}
