//! Who the command runs as: `--user` looked up in the guest's own `/etc/passwd` and `/etc/group`.

use crate::Result;
use std::ffi::OsStr;

/// A user with everything a login sets.
#[derive(Debug, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    pub name: String,
    pub home: String,
}

impl User {
    /// Reads the data bases under `/etc` and looks `user` up (`NAME|UID[:GROUP|:GID]`; root if not given).
    pub fn look_up(user: Option<&OsStr>) -> Result<Self> {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let group = std::fs::read_to_string("/etc/group").unwrap_or_default();
        let user = user.map_or(Some("0"), OsStr::to_str).ok_or("--user: not a text")?;
        Self::find(user, &passwd, &group)
    }

    fn find(user: &str, passwd: &str, group: &str) -> Result<Self> {
        let (user, group_name) = match user.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (user, None),
        };
        let number = user.parse::<u32>().ok();
        let entry = passwd
            .lines()
            .filter_map(Entry::parse)
            .find(|entry| entry.name == user)
            .or_else(|| passwd.lines().filter_map(Entry::parse).find(|entry| number == Some(entry.uid)));
        let mut found = match (&entry, number) {
            (Some(entry), _) => Self {
                uid: entry.uid,
                gid: entry.gid,
                groups: supplementary(entry, group),
                name: entry.name.to_string(),
                home: entry.home.to_string(),
            },
            (None, Some(0)) => Self { uid: 0, gid: 0, groups: vec![0], name: "root".into(), home: "/root".into() },
            (None, Some(uid)) => Self { uid, gid: 0, groups: vec![], name: uid.to_string(), home: "/".into() },
            (None, None) => return Err(format!("--user: the guest's /etc/passwd has no user {user}")),
        };
        if let Some(name) = group_name {
            let by_name = groups(group).find(|(group, ..)| *group == name).map(|(_, gid, _)| gid);
            found.gid = by_name
                .or_else(|| name.parse().ok())
                .ok_or_else(|| format!("--user: the guest's /etc/group has no group {name}"))?;
            found.groups = vec![found.gid];
        }
        Ok(found)
    }
}

struct Entry<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

impl<'a> Entry<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        let home = fields.nth(1)?;
        Some(Self { name, uid, gid, home: if home.is_empty() { "/" } else { home } })
    }
}

/// Each group's name, number and comma-separated members.
fn groups(group: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    group.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let gid = fields.nth(1)?.parse().ok()?;
        Some((name, gid, fields.next().unwrap_or_default()))
    })
}

fn supplementary(entry: &Entry<'_>, group: &str) -> Vec<u32> {
    let mut list = vec![entry.gid];
    for (_, gid, members) in groups(group) {
        if members.split(',').any(|member| member == entry.name) && !list.contains(&gid) {
            list.push(gid);
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1001:Ann:/home/ann:/bin/sh\nbroken\n7:x:8:9::/:\n";
    const GROUP: &str = "root:x:0:\nann:x:1001:\ndisk:x:6:ann,root\naudio:x:29:root\n";

    #[test]
    fn a_name_brings_its_groups_and_home() {
        let user = User::find("ann", PASSWD, GROUP).expect("ann exists");
        assert_eq!((user.uid, user.gid, user.groups.as_slice()), (1000, 1001, &[1001, 6][..]));
        assert_eq!(user.home, "/home/ann");
    }

    #[test]
    fn names_go_before_numbers() {
        assert_eq!(User::find("7", PASSWD, GROUP).map(|user| user.uid), Ok(8));
        assert_eq!(User::find("1000", PASSWD, GROUP).map(|user| user.name), Ok("ann".into()));
    }

    #[test]
    fn a_number_needs_no_entry() {
        let user = User::find("4711:disk", PASSWD, GROUP).expect("numbers always do");
        assert_eq!((user.uid, user.gid, user.groups.as_slice(), user.home.as_str()), (4711, 6, &[6][..], "/"));
        assert_eq!(User::find("0", "", "").map(|user| user.home), Ok("/root".into()));
    }

    #[test]
    fn unknown_names_are_refused() {
        assert!(User::find("bob", PASSWD, GROUP).is_err());
        assert!(User::find("ann:wheel", PASSWD, GROUP).is_err());
    }
}
