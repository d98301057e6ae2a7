//! The agent's configuration: `key=value` records, each ended by a zero byte, so that any byte a program argument
//! may hold passes unchanged.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Where the command's root file system comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RootSource {
    /// The initramfs itself, writable.
    #[default]
    Initramfs,
    /// The 9p export with mount tag `root`, read-only.
    NineP,
    /// The virtio-fs export with mount tag `root`, read-only.
    VirtioFs,
}

impl RootSource {
    fn name(self) -> &'static str {
        match self {
            Self::Initramfs => "initramfs",
            Self::NineP => "9p",
            Self::VirtioFs => "virtiofs",
        }
    }

    fn from_name(name: &[u8]) -> Option<Self> {
        [Self::Initramfs, Self::NineP, Self::VirtioFs].into_iter().find(|source| source.name().as_bytes() == name)
    }
}

/// A terminal's size in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// What the agent is to do.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Config {
    /// The program and its arguments; empty means an interactive shell.
    pub arguments: Vec<OsString>,
    /// `NAME=VALUE` strings set over the default environment.
    pub environment: Vec<OsString>,
    /// The directory the command starts in; the user's home when an interactive shell, else `/`, if not given.
    pub working_directory: Option<OsString>,
    /// `NAME`, `UID`, `NAME:GROUP` or `UID:GID`; root if not given.
    pub user: Option<OsString>,
    /// The guest's host name.
    pub hostname: OsString,
    /// The command runs on a terminal of this size; on pipes if not given.
    pub terminal: Option<WindowSize>,
    /// Where the root file system comes from.
    pub root: RootSource,
    /// Files in [`crate::MODULE_FOLDER`] to insert, in order.
    pub modules: Vec<OsString>,
    /// The command is traced by the kernel, with these settings (a line each, as the kernel's device takes them).
    pub trace: Option<OsString>,
}

/// A record of a configuration that could not be understood.
#[derive(Debug, PartialEq, Eq)]
pub struct BadRecord(pub String);

impl std::fmt::Display for BadRecord {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the agent's configuration has a record it does not know: {}", self.0)
    }
}

impl std::error::Error for BadRecord {}

impl Config {
    /// The configuration as the bytes of its file.
    ///
    /// No value may hold a zero byte; none can that came through an argument or an environment.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut record = |key: &str, value: &OsStr| {
            bytes.extend_from_slice(key.as_bytes());
            bytes.push(b'=');
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(0);
        };
        for argument in &self.arguments {
            record("argument", argument);
        }
        for variable in &self.environment {
            record("environment", variable);
        }
        if let Some(directory) = &self.working_directory {
            record("working-directory", directory);
        }
        if let Some(user) = &self.user {
            record("user", user);
        }
        record("hostname", &self.hostname);
        if let Some(WindowSize { rows, columns }) = self.terminal {
            record("terminal", OsStr::new(&format!("{rows}x{columns}")));
        }
        record("root", OsStr::new(self.root.name()));
        for module in &self.modules {
            record("module", module);
        }
        if let Some(settings) = &self.trace {
            record("trace", settings);
        }
        bytes
    }

    /// Reads a configuration file's bytes back.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRecord> {
        let mut config = Self::default();
        for record in bytes.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
            let bad = || BadRecord(String::from_utf8_lossy(record).into_owned());
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(bad)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            let text = || OsString::from_vec(value.to_vec());
            match key {
                b"argument" => config.arguments.push(text()),
                b"environment" => config.environment.push(text()),
                b"working-directory" => config.working_directory = Some(text()),
                b"user" => config.user = Some(text()),
                b"hostname" => config.hostname = text(),
                b"terminal" => config.terminal = Some(decode_size(value).ok_or_else(bad)?),
                b"root" => config.root = RootSource::from_name(value).ok_or_else(bad)?,
                b"module" => config.modules.push(text()),
                b"trace" => config.trace = Some(text()),
                _ => return Err(bad()),
            }
        }
        Ok(config)
    }
}

fn decode_size(value: &[u8]) -> Option<WindowSize> {
    let (rows, columns) = std::str::from_utf8(value).ok()?.split_once('x')?;
    Some(WindowSize { rows: rows.parse().ok()?, columns: columns.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_survives_encoding() {
        let config = Config {
            arguments: vec![
                "sh".into(),
                "".into(),
                "-c".into(),
                "a=b\nc".into(),
                OsString::from_vec(vec![0xff, b'=', 1]),
            ],
            environment: vec!["A=1=2".into()],
            working_directory: Some("/tmp".into()),
            user: Some("nobody:0".into()),
            hostname: "box".into(),
            terminal: Some(WindowSize { rows: 24, columns: 80 }),
            root: RootSource::NineP,
            modules: vec!["virtio.ko".into(), "virtio_pci.ko".into()],
            trace: Some("follow\nonly read\n".into()),
        };
        assert_eq!(Config::decode(&config.encode()), Ok(config));
    }

    #[test]
    fn unknown_records_are_refused() {
        assert!(Config::decode(b"colour=red\0").is_err());
        assert!(Config::decode(b"root=nfs\0").is_err());
        assert!(Config::decode(b"terminal=80\0").is_err());
        assert!(Config::decode(b"argument\0").is_err());
    }
}
