//! From a module's crate to its object: cargo builds it with the kernel's flags, in a crate that adds the symbols the kernel
//! looks for. The object is what the compiler makes of everything at once, so no linker is needed.

use super::manifest::Manifest;
use crate::artifacts;
use anyhow::{Context, Result, bail};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kernel's, of `.cargo/config.toml`.
const FLAGS: &str = "-Crelocation-model=static -Ccode-model=kernel -Cforce-frame-pointers=yes";
const TARGET: &str = "x86_64-unknown-none";
const MINIMUM_RUST: u32 = 91;

/// Builds the module in a folder; the object's path.
pub fn build(folder: &Path) -> Result<PathBuf> {
    let folder = folder.canonicalize().with_context(|| folder.display().to_string())?;
    let manifest = Manifest::read(&folder)?;
    let home = artifacts::home()?.canonicalize()?;
    let toolchain = Toolchain::find()?;
    let entry = folder.join("target/lstar-entry");
    write_entry(&entry, &manifest, &folder, &home).with_context(|| entry.display().to_string())?;
    let object = entry.join("module.o");
    let mut command = Command::new(&toolchain.cargo);
    command
        .args(["rustc", "--quiet", "--release", "--target", TARGET, "--manifest-path"])
        .arg(entry.join("Cargo.toml"))
        .args(toolchain.flags())
        .arg("--")
        .arg(format!("--emit=obj={}", object.display()))
        .env("RUSTFLAGS", FLAGS)
        // The core library is built once for all modules.
        .env("CARGO_TARGET_DIR", home.join("target/module"));
    toolchain.prepare(&mut command)?;
    // What cargo says is for whoever reads standard error.
    let status = command.status().with_context(|| format!("starting {}", toolchain.cargo.display()))?;
    if !status.success() {
        bail!("the module does not build; the compiler's messages are above");
    }
    let built = folder.join(format!("{}.ko", manifest.name()));
    std::fs::copy(&object, &built).with_context(|| format!("{} to {}", object.display(), built.display()))?;
    Ok(built)
}

/// Writes the crate around the module's: two symbols, what the module says of itself, and the versions of what it names.
fn write_entry(entry: &Path, manifest: &Manifest, folder: &Path, home: &Path) -> Result<()> {
    let package = &manifest.package;
    let interface = home.join("module");
    let mut information = String::new();
    let bytes = manifest.information()?;
    for byte in &bytes {
        write!(information, "\\x{byte:02x}")?;
    }
    let cargo = format!(
        "[package]\nname = \"{package}-entry\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [lib]\ncrate-type = [\"staticlib\"]\n\n\
         [dependencies]\nthe-module = {{ path = {folder:?}, package = {package:?} }}\n\
         lstar-module = {{ path = {interface:?}, features = [\"entry\"] }}\n\n\
         [profile.release]\nopt-level = 2\npanic = \"abort\"\nlto = \"fat\"\ncodegen-units = 1\noverflow-checks = true\n\n\
         [workspace]\n"
    );
    let source = format!(
        "//! Made by `lstar module build`.\n\
         #![no_std]\n\
         use core::ffi::c_void;\n\
         use lstar_module::{{entry, interface}};\n\
         use the_module::MODULE;\n\n\
         #[unsafe(no_mangle)]\n\
         unsafe extern \"C\" fn lstar_module_init(handle: *const c_void, parameters: *const u8, length: usize) -> i32 {{\n    \
             // SAFETY: the kernel's arguments.\n    \
             unsafe {{ entry::init(&MODULE, handle, parameters, length) }}\n\
         }}\n\
         #[unsafe(no_mangle)]\n\
         unsafe extern \"C\" fn lstar_module_exit(handle: *const c_void) {{\n    \
             // SAFETY: the kernel's argument.\n    \
             unsafe {{ entry::exit(&MODULE, handle) }}\n\
         }}\n\
         #[used]\n\
         #[unsafe(link_section = \"__versions\")]\n\
         static VERSIONS: [interface::Version; interface::EXPORTS.len()] = interface::VERSIONS;\n\
         #[used]\n\
         #[unsafe(link_section = \".modinfo\")]\n\
         static INFORMATION: [u8; {}] = *b\"{information}\";\n",
        bytes.len()
    );
    std::fs::create_dir_all(entry.join("src"))?;
    std::fs::write(entry.join("Cargo.toml"), cargo)?;
    std::fs::write(entry.join("src/lib.rs"), source)?;
    Ok(())
}

/// A toolchain for the bare machine: with the target's libraries (`rustup target add`), or their sources (Debian's).
struct Toolchain {
    cargo: PathBuf,
    has_libraries: bool,
}

impl Toolchain {
    fn find() -> Result<Self> {
        let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
        let folders = on_path.unwrap_or_default().into_iter().chain(["/usr/bin".into()]);
        for cargo in folders.map(|folder| folder.join("cargo")).filter(|cargo| cargo.is_file()) {
            let rustc = cargo.with_file_name("rustc");
            let answer = |argument: &[&str]| {
                let output = Command::new(&rustc).args(argument).output().ok()?;
                String::from_utf8(output.stdout).ok()
            };
            let version = answer(&["--version"]).unwrap_or_default();
            let minor = version.strip_prefix("rustc 1.").and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
            let Some(root) =
                answer(&["--print", "sysroot"]).filter(|_| minor.is_some_and(|minor| minor >= MINIMUM_RUST))
            else {
                continue;
            };
            let libraries = Path::new(root.trim()).join("lib/rustlib");
            let has_libraries = libraries.join(TARGET).join("lib").is_dir();
            if has_libraries || libraries.join("src/rust/library/core").is_dir() {
                return Ok(Self { cargo, has_libraries });
            }
        }
        bail!(
            "no Rust of 1.{MINIMUM_RUST} or newer with {TARGET} or its sources; ./lstar build installs what is needed, or says how"
        )
    }

    fn flags(&self) -> &[&str] {
        if self.has_libraries { &[] } else { &["-Zbuild-std=core,compiler_builtins"] }
    }

    /// The environment it needs: its own rustc first, and leave to build the library.
    fn prepare(&self, command: &mut Command) -> Result<()> {
        let folder = self.cargo.parent().unwrap_or(Path::new("/usr/bin"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(folder.to_path_buf()).chain(std::env::split_paths(&path)))?;
        command.env("PATH", path);
        if !self.has_libraries {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        Ok(())
    }
}
