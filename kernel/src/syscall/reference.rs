//! The table as seen from outside: Markdown for `docs/syscalls.md`, text and JSON for `lstar syscalls`.
use super::row::{Row, State};
use super::table::{FAMILIES, FAMILY_NAMES};
use crate::trace::notation::{Access, Pointee};
use alloc::format;
use alloc::string::String;
use core::fmt::{self, Display, Formatter, Write};

/// Every row with its family's name, in the order of x86-64 numbers, then i386 ones.
pub fn rows() -> alloc::vec::Vec<(&'static str, &'static Row)> {
    let mut all: alloc::vec::Vec<_> =
        FAMILY_NAMES.iter().zip(FAMILIES).flat_map(|(name, rows)| rows.iter().map(move |row| (*name, row))).collect();
    crate::sort::by_key(&mut all, |(_, row)| {
        let [x86_64, x32, i386] = row.numbers.map(|number| number.map_or(u32::MAX, u32::from));
        (x86_64, x32, i386)
    });
    all
}

/// The row of a call that an ABI has under a number (of x32 without bit 30).
pub fn row_of(abi: abi::Abi, number: u64) -> Option<&'static Row> {
    let number = u16::try_from(number).ok()?;
    let mut all = FAMILIES.iter().flat_map(|rows| rows.iter());
    all.find(|row| row.numbers.get(abi as usize).is_some_and(|own| *own == Some(number)))
}

/// How many calls are full, partial and missing, counting a name of an ABI once.
pub fn counts() -> [usize; 3] {
    let mut counts = [0; 3];
    for (_, row) in rows() {
        counts[match row.state {
            State::Full => 0,
            State::Partial(_) => 1,
            State::Missing => 2,
        }] += 1;
    }
    counts
}

impl State {
    /// The state's word.
    pub fn word(self) -> &'static str {
        match self {
            State::Full => "full",
            State::Partial(_) => "partial",
            State::Missing => "missing",
        }
    }
    /// What lacks, empty unless partial.
    pub fn lacks(self) -> &'static str {
        if let State::Partial(lacks) = self { lacks } else { "" }
    }
}

/// A number or a dash.
struct Number(Option<u16>);
impl Display for Number {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        match self.0 {
            Some(number) => out.pad(alloc::format!("{number}").as_str()),
            None => out.pad("-"),
        }
    }
}

/// What an argument of a row points to, if it is a pointer whose target is known.
fn pointee(row: &'static Row, index: usize) -> Option<Pointee> {
    let [x86_64, x32, _] = row.numbers;
    row.notation?.argument(index, x86_64.or(x32).is_none())?.pointee()
}

/// An argument's C type: a pointer's with `const` before what the kernel reads, `out` before what it writes, `inout` before what
/// it reads and writes.
fn c_type(row: &'static Row, index: usize) -> Option<String> {
    let kind = row.types.get(index)?;
    Some(match pointee(row, index) {
        Some(Pointee { target, access }) => {
            let mark = match access {
                Access::Read => "const",
                Access::Write => "out",
                Access::Both => "inout",
            };
            let star = if target.ends_with('*') { "*" } else { " *" };
            format!("{mark} {target}{star}")
        }
        None => (*kind).into(),
    })
}

/// The call as C would declare it: `read(int fd, out void *buf, size_t count)`.
pub struct Signature(pub &'static Row);
impl Display for Signature {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        write!(out, "{}(", self.0.name)?;
        for (index, name) in self.0.arguments.iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            match c_type(self.0, index) {
                Some(kind) if kind.ends_with('*') => write!(out, "{separator}{kind}{name}")?,
                Some(kind) => write!(out, "{separator}{kind} {name}")?,
                None => write!(out, "{separator}{name}")?,
            }
        }
        out.write_char(')')
    }
}

/// `docs/syscalls.md`.
pub fn write_markdown(out: &mut dyn Write) -> fmt::Result {
    let [full, partial, missing] = counts();
    writeln!(out, "# System calls\n")?;
    writeln!(
        out,
        "Made from the table in `kernel/src/syscall/table/` by `lstar syscalls --markdown`; a test compares them.\n"
    )?;
    writeln!(
        out,
        "Before what a pointer points to, `const` says that the kernel reads it, `out` that it writes it, `inout` that it does both.\n"
    )?;
    writeln!(out, "{full} rows are full, {partial} partial, {missing} missing (a missing call answers ENOSYS).\n")?;
    for family in FAMILY_NAMES {
        writeln!(
            out,
            "## {family}\n\n| x86-64 | x32 | i386 | call | state | what it does |\n|--:|--:|--:|---|---|---|"
        )?;
        for (_, row) in rows().into_iter().filter(|(name, _)| *name == family) {
            let [x86_64, x32, i386] = row.numbers.map(Number);
            let (state, lacks) = (row.state.word(), row.state.lacks());
            let colon = if lacks.is_empty() { "" } else { ": lacks " };
            let summary = row.summary.trim();
            writeln!(out, "| {x86_64} | {x32} | {i386} | `{}` | {state}{colon}{lacks} | {summary} |", Signature(row))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// One line of the text table.
pub fn write_line(family: &str, row: &'static Row, out: &mut dyn Write) -> fmt::Result {
    let [x86_64, x32, i386] = row.numbers.map(Number);
    let (state, lacks) = (row.state.word(), row.state.lacks());
    write!(out, "{x86_64:>6} {x32:>5} {i386:>5}  {state:<8} {family:<14} {}", Signature(row))?;
    if !lacks.is_empty() {
        write!(out, "  (lacks {lacks})")?;
    }
    writeln!(out)
}

/// One row as a JSON object; `source` is the file of the function that serves it, where that is known.
pub fn write_json(family: &str, row: &'static Row, source: Option<&str>, out: &mut dyn Write) -> fmt::Result {
    out.write_char('{')?;
    for (name, number) in ["x86_64", "x32", "i386"].iter().zip(row.numbers) {
        match number {
            Some(number) => write!(out, "\"{name}\":{number},")?,
            None => write!(out, "\"{name}\":null,")?,
        }
    }
    let texts = [
        ("name", row.name),
        ("family", family),
        ("state", row.state.word()),
        ("lacks", row.state.lacks()),
        ("handler", row.handler),
        ("source", source.unwrap_or("")),
        ("declaration", row.file),
        ("summary", row.summary.trim()),
    ];
    for (name, text) in texts {
        write!(out, "\"{name}\":{},", Quoted(text))?;
    }
    out.write_str("\"arguments\":[")?;
    for (index, name) in row.arguments.iter().enumerate() {
        let separator = if index > 0 { "," } else { "" };
        let kind = row.types.get(index).copied().unwrap_or("");
        write!(out, "{separator}{{\"name\":{},\"type\":{}", Quoted(name), Quoted(kind))?;
        if let (Some(Pointee { target, access }), false) = (pointee(row, index), kind.is_empty()) {
            let access = match access {
                Access::Read => "read",
                Access::Write => "write",
                Access::Both => "read-write",
            };
            write!(out, ",\"target\":{},\"access\":\"{access}\"", Quoted(target))?;
        }
        out.write_char('}')?;
    }
    out.write_str("]}")
}

/// A JSON string.
struct Quoted<'a>(&'a str);
impl Display for Quoted<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        out.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(out, "\\{character}")?,
                control if control < ' ' => write!(out, "\\u{:04x}", control as u32)?,
                other => out.write_char(other)?,
            }
        }
        out.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::{collections::BTreeMap, fs, println};

    /// Numbers of a `unistd_*.h`, without x32's bit.
    fn header(suffix: &str) -> BTreeMap<String, u16> {
        let path = alloc::format!("/usr/include/x86_64-linux-gnu/asm/unistd_{suffix}.h");
        let text = fs::read_to_string(path).expect("linux-libc-dev is installed");
        text.lines()
            .filter_map(|line| {
                let (name, value) = line.strip_prefix("#define __NR_")?.split_once(' ')?;
                let digits = value.rsplit(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty())?;
                Some((name.into(), digits.parse().ok()?))
            })
            .collect()
    }

    #[test]
    fn numbers_are_those_of_the_headers_and_none_is_left_out() {
        for (index, suffix) in ["64", "x32", "32"].into_iter().enumerate() {
            let expected = header(suffix);
            let ours: BTreeMap<String, u16> = rows()
                .into_iter()
                .filter_map(|(_, row)| Some((row.name.into(), row.numbers[index]?)))
                .filter(|(_, number)| *number < 1000)
                .collect();
            assert_eq!(ours, expected, "unistd_{suffix}.h");
        }
    }

    #[test]
    fn every_call_that_is_there_says_what_it_does() {
        for (_, row) in rows() {
            if row.state != State::Missing {
                assert!(!row.summary.trim().is_empty(), "{} has no summary", row.name);
                assert_eq!(row.types.len(), row.arguments.len(), "{}", row.name);
            }
        }
    }

    #[test]
    fn what_a_pointer_points_to_is_known() {
        // Addresses and nothing else, and words that some other argument gives a meaning.
        let addresses =
            ["mmap", "mmap2", "munmap", "mremap", "mprotect", "msync", "mlock", "mlock2", "munlock", "madvise"];
        let depends = [("ioctl", 2), ("arch_prctl", 1), ("getcpu", 2), ("signal", 1)];
        for (_, row) in rows().into_iter().filter(|(_, row)| row.notation.is_some() && !addresses.contains(&row.name)) {
            for (index, _) in row.types.iter().enumerate().filter(|(_, kind)| kind.ends_with('*')) {
                let known = pointee(row, index).is_some() || depends.contains(&(row.name, index));
                assert!(known, "what does argument {index} of {} point to?", row.name);
            }
        }
        let signature = |name: &str| {
            let row = rows().into_iter().find(|(_, row)| row.name == name).map(|(_, row)| row).expect("it has a row");
            format!("{}", Signature(row))
        };
        for (name, expected) in [
            ("poll", "poll(inout struct pollfd *ufds, unsigned int nfds, int timeout)"),
            ("readv", "readv(int descriptor, const struct iovec *vector, size_t count)"),
            ("nanosleep", "nanosleep(const struct timespec *duration, out struct timespec *rem)"),
        ] {
            assert_eq!(signature(name), expected);
        }
    }

    /// Compares a file that is made from the table, or makes it.
    fn assert_made(file: &str, text: &str) {
        let path = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("LSTAR_BLESS").is_some() {
            fs::write(&path, text).unwrap();
        }
        let there = fs::read_to_string(&path).unwrap_or_default();
        if there != text {
            println!("run: LSTAR_BLESS=1 cargo test -p lstar-kernel reference");
        }
        assert!(there == text, "{file} is not the table's");
    }

    #[test]
    fn the_documentation_is_the_table() {
        let mut text = String::new();
        write_markdown(&mut text).unwrap();
        assert_made("docs/syscalls.md", &text);
    }

    /// Calls that have a number and that Linux answers ENOSYS as well, whatever they are asked or when asked by numbers.c.
    const MISSING_IN_LINUX: &[&str] = &[
        "_sysctl",
        "afs_syscall",
        "bdflush",
        "break",
        "create_module",
        "epoll_ctl_old",
        "epoll_wait_old",
        "ftime",
        "get_kernel_syms",
        "getpmsg",
        "gtty",
        "idle",
        "ipc",
        "lock",
        "lookup_dcookie",
        "memfd_secret",
        "mpx",
        "nfsservctl",
        "prof",
        "profil",
        "putpmsg",
        "query_module",
        "security",
        "stty",
        "tuxcall",
        "ulimit",
        "vm86",
        "vm86old",
        "vserver",
    ];

    #[test]
    fn the_list_of_the_missing_is_the_tables() {
        let mut text = String::from(
            "/* The calls that Linux has and Lstar has not yet, made from the table: numbers.c asks both kernels for every number. The list\n \
             * can only shrink. */\n#ifdef __i386__\n",
        );
        for (abi, end) in [(2, "#else\n"), (0, "#endif\n")] {
            // What i386 has of these, x86-64 only has numbers for.
            let only_i386: &[&str] = if abi == 0 { &["uselib", "set_thread_area", "get_thread_area"] } else { &[] };
            let missing: BTreeMap<u16, &str> = rows()
                .into_iter()
                .filter(|(_, row)| row.state == State::Missing)
                .filter(|(_, row)| !MISSING_IN_LINUX.contains(&row.name) && !only_i386.contains(&row.name))
                .filter_map(|(_, row)| Some((row.numbers[abi]?, row.name)))
                .collect();
            text.push_str("static const short missing[] = {\n");
            missing.iter().for_each(|(number, name)| text.push_str(&format!("\t{number}, /* {name} */\n")));
            text.push_str("};\n");
            text.push_str(end);
        }
        assert_made("tests/guest/entry/missing.h", &text);
    }
}
