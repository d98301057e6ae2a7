//! `lstar module`: makes, builds and signs loadable modules of the kernel.

mod build;
mod manifest;
mod new;
mod sign;

use anyhow::Result;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct ModuleOptions {
    #[command(subcommand)]
    action: ModuleAction,
}

#[derive(Debug, Subcommand)]
enum ModuleAction {
    /// Make a folder with a module that builds
    New {
        /// The module's name: letters, digits and _
        name: String,
    },
    /// Build the module in a folder into NAME.ko there
    Build {
        /// The module's folder
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// Sign it with the key in this file
        #[arg(long, value_name = "KEY")]
        sign: Option<PathBuf>,
    },
    /// Sign a module's file
    Sign {
        /// The key, as `lstar module key` made it
        key: PathBuf,
        /// The module
        file: PathBuf,
    },
    /// Make a key, and print how a kernel is told to trust it
    Key {
        /// The new file
        file: PathBuf,
    },
}

/// Does what was asked; returns the status.
pub fn run(options: &ModuleOptions) -> Result<i32> {
    match &options.action {
        ModuleAction::New { name } => new::make(name)?,
        ModuleAction::Build { folder, sign } => {
            let file = build::build(folder)?;
            if let Some(key) = sign {
                sign::sign(key, &file)?;
            }
            println!("{}", file.display());
        }
        ModuleAction::Sign { key, file } => sign::sign(key, file)?,
        ModuleAction::Key { file } => sign::make_key(file)?,
    }
    Ok(0)
}
