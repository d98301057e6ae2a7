//! What a module's Cargo.toml says of it, and what the kernel reads of that.

use anyhow::{Context, Result, bail};
use module::interface::VERSION_MAGIC;
use std::path::Path;
use toml::{Table, Value};

/// The manifest.
pub struct Manifest {
    /// The package's name.
    pub package: String,
    table: Table,
}

impl Manifest {
    /// Reads the manifest in a folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("Cargo.toml");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{}; lstar module new NAME makes a module's folder", path.display()))?;
        let file: Table = text.parse().with_context(|| path.display().to_string())?;
        let Some(Value::Table(table)) = file.get("package").cloned() else {
            bail!("{} has no [package]", path.display());
        };
        let package =
            table.get("name").and_then(Value::as_str).with_context(|| format!("{}: no name", path.display()))?;
        Ok(Self { package: package.to_string(), table })
    }

    /// The module's name: as the package's, with _ for -.
    pub fn name(&self) -> String {
        self.package.replace('-', "_")
    }

    fn own(&self, key: &str) -> Option<&Value> {
        self.table.get("metadata")?.get("lstar")?.get(key)
    }

    /// The section `.modinfo`: words with a NUL behind each.
    pub fn information(&self) -> Result<Vec<u8>> {
        let mut words = vec![("name".to_string(), self.name()), ("vermagic".to_string(), VERSION_MAGIC.to_string())];
        for key in ["version", "license", "description"] {
            if let Some(text) = self.table.get(key).and_then(Value::as_str) {
                words.push((key.to_string(), text.to_string()));
            }
        }
        for author in self.table.get("authors").and_then(Value::as_array).into_iter().flatten() {
            words.push(("author".to_string(), author.as_str().unwrap_or_default().to_string()));
        }
        let depends = self.own("depends").and_then(Value::as_array).into_iter().flatten();
        let depends: Vec<_> =
            depends.map(|name| name.as_str().context("depends: a name is no text")).collect::<Result<_>>()?;
        words.push(("depends".to_string(), depends.join(",")));
        for (name, parameter) in self.own("parameters").and_then(Value::as_table).into_iter().flatten() {
            let field = |key| parameter.get(key).and_then(Value::as_str);
            let kind = field("type").with_context(|| format!("parameter {name} has no type, such as \"uint\""))?;
            words.push(("parm".to_string(), format!("{name}:{}", field("description").unwrap_or_default())));
            words.push(("parmtype".to_string(), format!("{name}:{kind}")));
        }
        let mut bytes = Vec::new();
        for (name, value) in words {
            if value.contains('\0') {
                bail!("{name} holds a NUL");
            }
            bytes.extend(format!("{name}={value}\0").bytes());
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_reads_what_the_manifest_says() {
        let text = "name = \"my-module\"\nversion = \"1.2.3\"\n[metadata.lstar]\ndepends = [\"a\", \"b\"]\n\
                    [metadata.lstar.parameters]\nsize = { type = \"uint\", description = \"how large\" }\n";
        let manifest = Manifest { package: "my-module".into(), table: text.parse().expect("it is TOML") };
        let information = manifest.information().expect("it is complete");
        let words: Vec<_> = information.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        let magic = format!("vermagic={VERSION_MAGIC}");
        for word in
            ["name=my_module", "version=1.2.3", "depends=a,b", "parm=size:how large", "parmtype=size:uint", &magic]
        {
            assert!(words.iter().any(|other| other == word), "{word} is not in {words:?}");
        }
    }
}
