//! Files about the system as a whole.
use super::{Output, Subject};
use crate::error::*;
use crate::file::FileOperations;
use crate::file::inode::LinkTarget;
use crate::memory::{commit, mapping};
use crate::process::namespace::{RELEASE, VERSION};
use crate::process::schedule::{self, QUEUES};
use crate::process::usage::ticks;
use crate::process::{Task, clone};
use crate::time::clock;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt::Write;
use core::sync::atomic::Ordering;
use machine::cpu::CpuId;

/// The caller's own number; ENOENT where the file system shows a pid namespace that it is not in.
fn own_number(subject: &Subject) -> Result<u32> {
    let number = Task::current().group().pid().number_in(&subject.namespace);
    if number == 0 { Err(ENOENT) } else { Ok(number) }
}
pub fn own_process(subject: &Subject) -> Result<LinkTarget> {
    text_link(format_args!("{}", own_number(subject)?))
}
pub fn own_thread(subject: &Subject) -> Result<LinkTarget> {
    let thread = Task::current().pid().number_in(&subject.namespace);
    text_link(format_args!("{}/task/{thread}", own_number(subject)?))
}
fn text_link(text: core::fmt::Arguments) -> Result<LinkTarget> {
    let mut out = Output::new();
    out.write_fmt(text)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(out.len())?;
    bytes.extend_from_slice(out.as_bytes());
    Ok(LinkTarget::Text(bytes))
}

pub fn command_line(_subject: &Subject, out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", crate::start::command_line())?)
}
pub fn version(_subject: &Subject, out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "Linux version {RELEASE} (lstar@lstar) (rustc) {VERSION}")?)
}
pub fn cpus(_subject: &Subject, out: &mut Output) -> Result<()> {
    for cpu in 0..machine::cpu::online_cpus() as u32 {
        machine::cpu::describe(CpuId(cpu), out)?;
        out.put(b"\n")?;
    }
    Ok(())
}
pub fn devices(_subject: &Subject, out: &mut Output) -> Result<()> {
    out.put(crate::device::registry::devices().as_bytes())
}
pub fn file_systems(_subject: &Subject, out: &mut Output) -> Result<()> {
    out.put(crate::file::superblock::file_systems().as_bytes())
}
pub fn kernel_log(_subject: &Subject) -> Result<Box<dyn FileOperations>> {
    crate::device::kmsg::open(0)
}
pub fn locks(subject: &Subject, out: &mut Output) -> Result<()> {
    crate::file::lock_report::show_all(out, &subject.namespace)
}
pub fn swaps(_subject: &Subject, out: &mut Output) -> Result<()> {
    out.put(b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
}

pub fn interrupts(_subject: &Subject, out: &mut Output) -> Result<()> {
    out.put(b"            CPU0       \n")?;
    for (line, count) in machine::interrupt::counts() {
        writeln!(out, "{line:3}: {count:10}   IO-APIC   {line}")?;
    }
    Ok(())
}

pub fn load(_subject: &Subject, out: &mut Output) -> Result<()> {
    let namespace = Task::current().pid_namespace();
    for average in schedule::load_averages_sample() {
        // Rounded to hundredths.
        let hundredths = (average * 100 + (1 << 15)) >> 16;
        write!(out, "{}.{:02} ", hundredths / 100, hundredths % 100)?;
    }
    Ok(writeln!(out, "{}/{} {}", schedule::running_tasks(), clone::TASKS.load(Ordering::Relaxed), namespace.last())?)
}

pub fn uptime(_subject: &Subject, out: &mut Output) -> Result<()> {
    let show = |time: u64| (time / 1_000_000_000, time % 1_000_000_000 / 10_000_000);
    let (up, idle) =
        (show(machine::time::monotonic().wrapping_add(Task::current().boot_shift())), show(idle_times().iter().sum()));
    Ok(writeln!(out, "{}.{:02} {}.{:02}", up.0, up.1, idle.0, idle.1)?)
}

/// Nanoseconds each CPU was idle.
fn idle_times() -> Vec<u64> {
    (0..machine::cpu::online_cpus() as u32).map(|cpu| QUEUES.of(CpuId(cpu)).idle_time()).collect()
}

pub fn statistics(_subject: &Subject, out: &mut Output) -> Result<()> {
    let idle = idle_times();
    let busy: Vec<(u64, u64)> = (0..idle.len() as u32).map(|cpu| QUEUES.of(CpuId(cpu)).busy_time()).collect();
    let line = |out: &mut Output, name: core::fmt::Arguments, user: u64, system: u64, idle: u64| {
        writeln!(out, "{name} {} 0 {} {} 0 0 0 0 0 0", ticks(user), ticks(system), ticks(idle))
    };
    let (user, system) = busy.iter().fold((0, 0), |sum, cpu| (sum.0 + cpu.0, sum.1 + cpu.1));
    line(out, format_args!("cpu "), user, system, idle.iter().sum())?;
    for (cpu, (busy, idle)) in busy.iter().zip(&idle).enumerate() {
        line(out, format_args!("cpu{cpu}"), busy.0, busy.1, *idle)?;
    }
    let interrupts: u64 = machine::interrupt::counts().iter().map(|(_, count)| count).sum();
    writeln!(out, "intr {interrupts}\nctxt {}\nbtime {}", schedule::context_switches(), clock::boot_time())?;
    writeln!(
        out,
        "processes {}\nprocs_running {}",
        clone::FORKS.load(Ordering::Relaxed),
        schedule::running_tasks().max(1)
    )?;
    Ok(writeln!(out, "procs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0")?)
}

pub fn memory(_subject: &Subject, out: &mut Output) -> Result<()> {
    let counts = machine::memory::statistics();
    let kilobytes = |pages: usize| pages.saturating_mul(4);
    let (file, shared) = (mapping::file_pages(), mapping::shared_memory_pages());
    let cached = file.saturating_add(shared);
    let anonymous = counts.untyped.saturating_sub(cached);
    for (name, value) in [
        ("MemTotal:", kilobytes(counts.total)),
        ("MemFree:", kilobytes(counts.free)),
        ("MemAvailable:", kilobytes(counts.free.saturating_add(file))),
        ("Buffers:", 0),
        ("Cached:", kilobytes(cached)),
        ("SwapCached:", 0),
        ("Active:", kilobytes(anonymous)),
        ("Inactive:", kilobytes(cached)),
        ("Active(anon):", kilobytes(anonymous)),
        ("Inactive(anon):", kilobytes(shared)),
        ("Active(file):", 0),
        ("Inactive(file):", kilobytes(file)),
        ("Unevictable:", 0),
        ("Mlocked:", 0),
        ("SwapTotal:", 0),
        ("SwapFree:", 0),
        ("Dirty:", 0),
        ("Writeback:", 0),
        ("AnonPages:", kilobytes(anonymous)),
        ("Mapped:", kilobytes(cached)),
        ("Shmem:", kilobytes(shared)),
        ("KReclaimable:", 0),
        ("Slab:", kilobytes(counts.heap)),
        ("SReclaimable:", 0),
        ("SUnreclaim:", kilobytes(counts.heap)),
        ("KernelStack:", kilobytes(counts.kernel_stacks)),
        ("PageTables:", kilobytes(counts.page_tables)),
        ("NFS_Unstable:", 0),
        ("Bounce:", 0),
        ("WritebackTmp:", 0),
        ("CommitLimit:", kilobytes(commit::limit() as usize)),
        ("Committed_AS:", kilobytes(commit::committed() as usize)),
        ("VmallocTotal:", 34_359_738_367),
        ("VmallocUsed:", 0),
        ("VmallocChunk:", 0),
    ] {
        writeln!(out, "{name:<16}{value:8} kB")?;
    }
    for name in ["HugePages_Total:", "HugePages_Free:", "HugePages_Rsvd:", "HugePages_Surp:"] {
        writeln!(out, "{name:<17}{:7}", 0)?;
    }
    Ok(writeln!(out, "Hugepagesize:       2048 kB\nHugetlb:               0 kB")?)
}

/// /proc/vmstat: the counts that are kept, in pages; those of swap and of block devices are nothing without one.
pub fn memory_events(_subject: &Subject, out: &mut Output) -> Result<()> {
    let counts = machine::memory::statistics();
    let shared = mapping::shared_memory_pages();
    let cached = mapping::file_pages().saturating_add(shared);
    for (name, value) in [
        ("nr_free_pages", counts.free),
        ("nr_anon_pages", counts.untyped.saturating_sub(cached)),
        ("nr_mapped", cached),
        ("nr_file_pages", cached),
        ("nr_dirty", 0),
        ("nr_writeback", 0),
        ("nr_shmem", shared),
        ("nr_page_table_pages", counts.page_tables),
        ("pgpgin", 0),
        ("pgpgout", 0),
        ("pswpin", 0),
        ("pswpout", 0),
    ] {
        writeln!(out, "{name} {value}")?;
    }
    Ok(())
}

/// /proc/diskstats: a line per block device, of which there are none yet.
pub fn disks(_subject: &Subject, _out: &mut Output) -> Result<()> {
    Ok(())
}
