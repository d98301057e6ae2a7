//! The step between the agent and the command: a child of the agent, from the same program, that takes on the
//! command's root, session, terminal, user and environment and becomes the command.

use crate::users::User;
use crate::{Result, read_config, setup, while_doing};
use agent::config::{Config, RootSource};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The argument by which the agent's program knows that it is this stage.
pub const ARGUMENT: &str = "stage";
/// Shells' statuses for a command that cannot be run, and for one that is not there; and lstar's own failures.
const CANNOT_RUN: i32 = 126;
const NOT_FOUND: i32 = 127;
const FAILED: i32 = 125;
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Shells for a command line without a command, the best first.
const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];

/// Becomes the command, or says why not and exits as shells do.
pub fn run() -> ! {
    let status = match become_command() {
        Ok((program, error)) => {
            let text = match error.kind() {
                ErrorKind::NotFound => "not found in the guest".to_string(),
                _ => error.to_string(),
            };
            eprintln!("lstar: {}: {text}", program.display());
            if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { CANNOT_RUN }
        }
        Err(text) => {
            eprintln!("lstar: {text}");
            FAILED
        }
    };
    std::process::exit(status)
}

/// Returns only when the last step, executing the program, failed.
fn become_command() -> Result<(OsString, std::io::Error)> {
    let config = read_config()?;
    // The working directory is the command's root.
    let tracer = match &config.trace {
        Some(_) => {
            Some(std::fs::OpenOptions::new().write(true).open(setup::TRACER).map_err(while_doing(setup::TRACER))?)
        }
        None => None,
    };
    if config.root != RootSource::Initramfs {
        rustix::process::chroot(".").map_err(while_doing("chroot"))?;
    }
    rustix::process::setsid().map_err(while_doing("setsid"))?;
    let user = User::look_up(config.user.as_deref())?;
    if config.terminal.is_some() {
        rustix::process::ioctl_tiocsctty(rustix::stdio::stdin()).map_err(while_doing("controlling terminal"))?;
        if user.uid != 0 {
            let owner = Some(rustix::fs::Uid::from_raw(user.uid));
            rustix::fs::fchown(rustix::stdio::stdin(), owner, None).map_err(while_doing("terminal's owner"))?;
        }
    }
    let shell = OsString::from(SHELLS.into_iter().find(|shell| Path::new(shell).exists()).unwrap_or(SHELLS[1]));
    let (program, arguments) = match config.arguments.split_first() {
        Some((program, arguments)) => (program.clone(), arguments),
        None => (shell.clone(), &[][..]),
    };
    enter_directory(&config, &user)?;
    take_on(&user)?;

    let mut command = Command::new(&program);
    command.args(arguments).env_clear().envs(environment(&config, &user, &shell));
    if config.arguments.is_empty() {
        // A login shell, by the dash that login(1) puts before its name.
        let name = Path::new(&shell).file_name().unwrap_or_default().as_bytes();
        command.arg0(OsString::from_vec([b"-", name].concat()));
    }
    if let Some(mut tracer) = tracer {
        tracer.write_all(b"start").map_err(while_doing(setup::TRACER))?;
    }
    let error = command.exec();
    Ok((program, error))
}

fn enter_directory(config: &Config, user: &User) -> Result<()> {
    match &config.working_directory {
        Some(directory) => {
            std::env::set_current_dir(directory).map_err(while_doing(format_args!("--workdir {}", directory.display())))
        }
        None if config.arguments.is_empty() && std::env::set_current_dir(&user.home).is_ok() => Ok(()),
        None => std::env::set_current_dir("/").map_err(while_doing("/")),
    }
}

/// Takes on the user's groups and identities, for good.
fn take_on(user: &User) -> Result<()> {
    use rustix::thread::{Gid, Uid, set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    let groups: Vec<Gid> = user.groups.iter().map(|group| Gid::from_raw(*group)).collect();
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    set_thread_groups(&groups)
        .and_then(|()| set_thread_res_gid(gid, gid, gid))
        .and_then(|()| set_thread_res_uid(uid, uid, uid))
        .map_err(while_doing("--user"))
}

fn environment(config: &Config, user: &User, shell: &OsStr) -> BTreeMap<OsString, OsString> {
    let mut variables = BTreeMap::from([
        ("HOME".into(), user.home.clone().into()),
        ("LOGNAME".into(), user.name.clone().into()),
        ("PATH".into(), SEARCH_PATH.into()),
        ("SHELL".into(), shell.to_os_string()),
        ("USER".into(), user.name.clone().into()),
    ]);
    for variable in &config.environment {
        let bytes = variable.as_bytes();
        let (name, value) = match bytes.iter().position(|byte| *byte == b'=') {
            Some(equals) => (&bytes[..equals], &bytes[equals + 1..]),
            None => (bytes, &[][..]),
        };
        variables.insert(OsStr::from_bytes(name).into(), OsStr::from_bytes(value).into());
    }
    variables
}
