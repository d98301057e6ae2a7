//! Sets of calls as `-e` names them.

use anyhow::{Result, bail};
use kernel::syscall::reference;
use kernel::trace::notation;

/// Calls that make, end, wait for or become processes.
const PROCESS: [&str; 22] = [
    "clone",
    "clone3",
    "fork",
    "vfork",
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "wait4",
    "waitid",
    "waitpid",
    "kill",
    "tkill",
    "tgkill",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "unshare",
    "setns",
    "pidfd_open",
    "pidfd_send_signal",
    "pidfd_getfd",
    "process_mrelease",
];
const CLOCK: [&str; 11] = [
    "clock_adjtime",
    "clock_getres",
    "clock_gettime",
    "clock_settime",
    "gettimeofday",
    "settimeofday",
    "adjtimex",
    "time",
    "stime",
    "clock_gettime64",
    "clock_settime64",
];
const NETWORK: [&str; 21] = [
    "socket",
    "socketpair",
    "bind",
    "listen",
    "accept",
    "accept4",
    "connect",
    "getsockname",
    "getpeername",
    "sendto",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "sendmmsg",
    "recvmmsg",
    "shutdown",
    "getsockopt",
    "setsockopt",
    "socketcall",
    "getpmsg",
    "putpmsg",
];
const CREDENTIALS: [&str; 20] = [
    "getuid",
    "getgid",
    "geteuid",
    "getegid",
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "getgroups",
    "setgroups",
    "setresuid",
    "getresuid",
    "setresgid",
    "getresgid",
    "setfsuid",
    "setfsgid",
    "capget",
    "capset",
    "prctl",
    "umask",
];

/// Every call's name, once.
fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = reference::rows().into_iter().map(|(_, row)| row.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Refuses what is no call's name.
pub fn check_call(name: &str) -> Result<()> {
    if names().contains(&name) { Ok(()) } else { bail!("no call is named {name}; lstar syscalls lists them") }
}

fn takes(name: &str, kinds: &[&str]) -> bool {
    notation::of(name).is_some_and(|call| call.arguments.iter().any(|argument| kinds.contains(&argument.kind())))
}

fn is_in_class(name: &str, class: &str) -> Result<bool> {
    let family = |wanted: &str| reference::rows().iter().any(|(family, row)| row.name == name && *family == wanted);
    Ok(match class {
        "all" => true,
        "file" => takes(name, &["path"]),
        "desc" => takes(name, &["descriptor", "directory"]),
        "memory" => family("memory"),
        "process" => PROCESS.contains(&name),
        "signal" => name.contains("sig") || ["kill", "tkill", "tgkill", "pause"].contains(&name),
        "network" | "net" => NETWORK.contains(&name),
        "clock" => CLOCK.contains(&name),
        "creds" => CREDENTIALS.contains(&name),
        "stat" => ["stat", "stat64", "oldstat"].contains(&name),
        "fstat" => ["fstat", "fstat64", "oldfstat", "newfstatat", "fstatat64", "statx"].contains(&name),
        other => bail!("no class is named %{other}"),
    })
}

/// The calls of a set.
pub fn select(set: &str) -> Result<Vec<&'static str>> {
    let (negated, list) = match set.strip_prefix('!') {
        Some(list) => (true, list),
        None => (false, set),
    };
    let all = names();
    let mut chosen: Vec<&str> = Vec::new();
    for word in list.split(',').filter(|word| !word.is_empty()) {
        let (optional, word) = word.strip_prefix('?').map_or((false, word), |word| (true, word));
        match word {
            "none" => {}
            "all" => chosen.extend(all.iter().copied()),
            _ if word.starts_with('%') => {
                let class = word.trim_start_matches('%');
                for name in &all {
                    if is_in_class(name, class)? {
                        chosen.push(name);
                    }
                }
            }
            _ => match all.iter().find(|name| **name == word) {
                Some(name) => chosen.push(name),
                None if optional => {}
                None => bail!("-e {set}: no call is named {word}; lstar syscalls lists them"),
            },
        }
    }
    Ok(all.into_iter().filter(|name| chosen.contains(name) != negated).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_lists_classes_and_their_opposites() {
        assert_eq!(select("write,read").unwrap(), ["read", "write"]);
        let files = select("%file").unwrap();
        assert!(files.contains(&"openat") && files.contains(&"execve") && !files.contains(&"read"));
        let others = select("!%file,read").unwrap();
        assert!(!others.contains(&"openat") && !others.contains(&"read") && others.contains(&"write"));
        assert!(select("none").unwrap().is_empty());
        assert!(select("?nosuch").unwrap().is_empty());
        assert!(select("nosuch").is_err() && select("%nosuch").is_err());
    }
}
