//! /proc/PID/maps, smaps and smaps_rollup.
use super::{Output, Subject};
use crate::error::*;
use crate::file::File;
use crate::memory::AddressSpace;
use crate::memory::address_space::{AreaReport, AreaUsage};
use crate::memory::area::AreaFlags;
use crate::process::Task;
use alloc::sync::Arc;
use core::fmt::Write;

/// Column at which names begin.
const NAME_COLUMN: usize = 72;

fn memory(subject: &Subject) -> Result<Option<Arc<AddressSpace>>> {
    subject.check_access()?;
    Ok(subject.task()?.memory())
}

/// Calls `show` for each area, without the lock on them held.
fn for_each(memory: &AddressSpace, mut show: impl FnMut(&AreaReport) -> Result<()>) -> Result<()> {
    let mut at = 0;
    while let Some(report) = memory.area_report(at) {
        at = report.range.end;
        show(&report)?;
        if at == 0 {
            break;
        }
    }
    Ok(())
}

/// Whether the pages of an area are those of a file that is stored somewhere, rather than shared memory; `None` for private memory.
fn is_stored(report: &AreaReport) -> Option<bool> {
    match (&report.file, report.flags.contains(AreaFlags::SHARED)) {
        (Some(file), _) => Some(file.inode().mapping().is_some_and(|mapping| mapping.has_source())),
        (None, true) => Some(false),
        (None, false) => None,
    }
}

/// Pages present of files, and of shared memory.
pub fn file_pages(memory: &AddressSpace) -> Result<(u64, u64)> {
    let (mut file, mut shared) = (0u64, 0u64);
    for_each(memory, |report| {
        let Some(is_stored) = is_stored(report) else { return Ok(()) };
        let usage = memory.area_usage(report.range.clone());
        let place = if is_stored { &mut file } else { &mut shared };
        *place = place.saturating_add(usage.resident.saturating_sub(usage.anonymous));
        Ok(())
    })?;
    Ok((file, shared))
}

fn header(report: &AreaReport, out: &mut Output) -> Result<()> {
    let start = out.len();
    let has = |flag: AreaFlags, letter: char| if report.flags.contains(flag) { letter } else { '-' };
    let (device, inode) = report
        .file
        .as_ref()
        .map_or((Default::default(), 0), |file| (file.inode().superblock().device(), shown_number(file)));
    write!(
        out,
        "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {inode} ",
        report.range.start,
        report.range.end,
        has(AreaFlags::READ, 'r'),
        has(AreaFlags::WRITE, 'w'),
        has(AreaFlags::EXECUTE, 'x'),
        if report.flags.contains(AreaFlags::SHARED) { 's' } else { 'p' },
        report.offset,
        device.major,
        device.minor,
    )?;
    match (&report.file, report.name) {
        (Some(file), _) => {
            out.pad(start, NAME_COLUMN)?;
            out.put(b" ")?;
            let path = file.path().to_bytes(&Task::current().context().root())?;
            out.put_escaped(&path, b"\n")?;
        }
        (None, Some(name)) => {
            out.pad(start, NAME_COLUMN)?;
            write!(out, " {name}")?;
        }
        (None, None) => {}
    }
    out.put(b"\n")
}

/// The number of a file's inode; the id of a shared memory segment, as programs know it.
fn shown_number(file: &File) -> u64 {
    file.operations().segment().map_or(file.inode().number(), |segment| segment.id() as u64)
}

/// The first area that ends behind an address, and where it ends.
fn area_at(subject: &Subject, from: u64) -> Result<Option<(Arc<AddressSpace>, AreaReport)>> {
    let Some(memory) = memory(subject)? else { return Ok(None) };
    let report = memory.area_report(from);
    Ok(report.map(|report| (memory, report)))
}

pub fn maps(subject: &Subject, from: u64, out: &mut Output) -> Result<Option<u64>> {
    let Some((_, report)) = area_at(subject, from)? else { return Ok(None) };
    header(&report, out)?;
    Ok(Some(report.range.end))
}

/// The lines of what is in use. `kinds` are the bytes of private memory, files and shared memory in the proportional sum.
fn counts(usage: &AreaUsage, kinds: Option<[u64; 3]>, locked: u64, out: &mut Output) -> Result<()> {
    let dirty_pages = usage.private_dirty + usage.shared_dirty;
    let dirty_share = (usage.proportional / 1024 * dirty_pages).checked_div(usage.resident).unwrap_or(0);
    let sums = [("Rss:", usage.resident * 4), ("Pss:", usage.proportional / 1024), ("Pss_Dirty:", dirty_share)];
    let kinds = kinds.into_iter().flat_map(|kinds| ["Pss_Anon:", "Pss_File:", "Pss_Shmem:"].into_iter().zip(kinds));
    let kinds = kinds.map(|(name, bytes)| (name, bytes / 1024));
    for (name, kilobytes) in sums.into_iter().chain(kinds).chain([
        ("Shared_Clean:", usage.shared_clean * 4),
        ("Shared_Dirty:", usage.shared_dirty * 4),
        ("Private_Clean:", usage.private_clean * 4),
        ("Private_Dirty:", usage.private_dirty * 4),
        ("Referenced:", usage.referenced * 4),
        ("Anonymous:", usage.anonymous * 4),
        ("LazyFree:", 0),
        ("AnonHugePages:", 0),
        ("ShmemPmdMapped:", 0),
        ("FilePmdMapped:", 0),
        ("Shared_Hugetlb:", 0),
        ("Private_Hugetlb:", 0),
        ("Swap:", 0),
        ("SwapPss:", 0),
        ("Locked:", locked),
    ]) {
        writeln!(out, "{name:<16}{kilobytes:8} kB")?;
    }
    Ok(())
}

fn usage_of(memory: &AddressSpace, report: &AreaReport) -> (AreaUsage, u64) {
    let usage = memory.area_usage(report.range.clone());
    let locked = if report.flags.contains(AreaFlags::LOCKED) { usage.proportional / 1024 } else { 0 };
    (usage, locked)
}

pub fn detailed_maps(subject: &Subject, from: u64, out: &mut Output) -> Result<Option<u64>> {
    let Some((memory, report)) = area_at(subject, from)? else { return Ok(None) };
    header(&report, out)?;
    let size = (report.range.end - report.range.start) / 1024;
    for (name, kilobytes) in [("Size:", size), ("KernelPageSize:", 4), ("MMUPageSize:", 4)] {
        writeln!(out, "{name:<16}{kilobytes:8} kB")?;
    }
    let (usage, locked) = usage_of(&memory, &report);
    counts(&usage, None, locked, out)?;
    writeln!(out, "THPeligible:    0")?;
    writeln!(out, "ProtectionKey:  {:8}", report.key)?;
    out.put(b"VmFlags: ")?;
    for (flag, name) in FLAGS {
        if report.flags.contains(flag) {
            out.put(name.as_bytes())?;
        }
    }
    out.put(b"\n")?;
    Ok(Some(report.range.end))
}

/// An area's flags, as smaps names them.
const FLAGS: [(AreaFlags, &str); 21] = [
    (AreaFlags::READ, "rd "),
    (AreaFlags::WRITE, "wr "),
    (AreaFlags::EXECUTE, "ex "),
    (AreaFlags::SHARED, "sh "),
    (AreaFlags::MAY_READ, "mr "),
    (AreaFlags::MAY_WRITE, "mw "),
    (AreaFlags::MAY_EXECUTE, "me "),
    (AreaFlags::MAY_SHARE, "ms "),
    (AreaFlags::GROWS_DOWN, "gd "),
    (AreaFlags::LOCKED, "lo "),
    (AreaFlags::IO, "io "),
    (AreaFlags::SEQUENTIAL, "sr "),
    (AreaFlags::RANDOM, "rr "),
    (AreaFlags::DONT_FORK, "dc "),
    (AreaFlags::DONT_EXPAND, "de "),
    (AreaFlags::ACCOUNT, "ac "),
    (AreaFlags::NO_RESERVE, "nr "),
    (AreaFlags::WIPE_ON_FORK, "wf "),
    (AreaFlags::DONT_DUMP, "dd "),
    (AreaFlags::HUGE_PAGE, "hg "),
    (AreaFlags::NO_HUGE_PAGE, "nh "),
];

pub fn summed_maps(subject: &Subject, out: &mut Output) -> Result<()> {
    let Some(memory) = memory(subject)? else { return Err(ESRCH) };
    let mut sum = AreaUsage::default();
    let (mut first, mut last, mut locked) = (None, 0, 0);
    let mut shares = [0u64; 2];
    for_each(&memory, |report| {
        first = first.or(Some(report.range.start));
        last = report.range.end;
        let (usage, part) = usage_of(&memory, report);
        locked += part;
        for (place, value) in [
            (&mut sum.resident, usage.resident),
            (&mut sum.proportional, usage.proportional),
            (&mut sum.shared_clean, usage.shared_clean),
            (&mut sum.shared_dirty, usage.shared_dirty),
            (&mut sum.private_clean, usage.private_clean),
            (&mut sum.private_dirty, usage.private_dirty),
            (&mut sum.referenced, usage.referenced),
            (&mut sum.anonymous, usage.anonymous),
            (&mut sum.proportional_anonymous, usage.proportional_anonymous),
        ] {
            *place += value;
        }
        if let Some(is_stored) = is_stored(report) {
            let [file, shared] = &mut shares;
            *if is_stored { file } else { shared } += usage.proportional - usage.proportional_anonymous;
        }
        Ok(())
    })?;
    let start = out.len();
    write!(out, "{:08x}-{last:08x} ---p 00000000 00:00 0 ", first.unwrap_or(0))?;
    out.pad(start, NAME_COLUMN)?;
    out.put(b" [rollup]\n")?;
    let [file, shared] = shares;
    counts(&sum, Some([sum.proportional_anonymous, file, shared]), locked, out)
}
