//! A new module's folder.

use crate::artifacts;
use anyhow::{Context, Result, bail};
use std::path::Path;

/// The module that a new folder holds.
const SOURCE: &str = include_str!("template.rs");

/// Makes the folder.
pub fn make(name: &str) -> Result<()> {
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if !begins
        || name.len() > 55
        || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    {
        bail!("{name:?} is no name for a module; take lower-case letters, digits and _, at most 55");
    }
    let folder = Path::new(name);
    let interface =
        artifacts::home()?.join("module").canonicalize().context("the crate modules are written against")?;
    std::fs::create_dir(folder).with_context(|| format!("making the folder {name}"))?;
    std::fs::create_dir(folder.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\nlicense = \"MIT OR Apache-2.0\"\n\
         description = \"A module of the Lstar kernel\"\npublish = false\n\n\
         [dependencies]\nlstar-module = {{ path = {interface:?} }}\n\n\
         # Modules that must be loaded before this one, and what insmod takes.\n\
         [package.metadata.lstar]\ndepends = []\n\n\
         [package.metadata.lstar.parameters]\n\
         factor = {{ type = \"uint\", description = \"what call 1010 multiplies by (2)\" }}\n\n\
         # A workspace of its own, wherever it lies.\n[workspace]\n"
    );
    for (place, text) in [
        ("Cargo.toml", manifest.as_str()),
        ("src/lib.rs", &SOURCE.replace("NAME", name)),
        (".gitignore", "/target\n/Cargo.lock\n*.ko\n"),
    ] {
        std::fs::write(folder.join(place), text).with_context(|| folder.join(place).display().to_string())?;
    }
    println!("made {name}/; next: lstar module build {name}");
    Ok(())
}
