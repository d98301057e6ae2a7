//! What /proc shows of modules, and what is set there.
use super::{MODULES, State};
use crate::error::*;
use crate::output::Output;
use crate::process::{Capability, Task};
use crate::syscall::dispatch::table;
use abi::Abi;
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// A module whose licence does not allow what that of free software does.
pub const TAINT_PROPRIETARY: u32 = 1 << 0;
/// Code of the kernel has failed (an oops).
pub const TAINT_DIED: u32 = 1 << 7;
/// A module that is not part of the kernel's sources.
pub const TAINT_OUT_OF_TREE: u32 = 1 << 12;
/// A module without a signature that is trusted.
pub const TAINT_UNSIGNED: u32 = 1 << 13;
/// All bits that Linux has.
const TAINTS: u32 = (1 << 19) - 1;

static TAINTED: AtomicU32 = AtomicU32::new(0);
static DISABLED: AtomicBool = AtomicBool::new(false);

/// Notes what makes the kernel less than it was.
pub fn taint(bits: u32) {
    TAINTED.fetch_or(bits, Ordering::Relaxed);
}
/// Whether no module is loaded or unloaded any more.
pub fn is_disabled() -> bool {
    DISABLED.load(Ordering::Relaxed)
}

/// The letters of a module's taints.
pub fn put_taint(bits: u32, out: &mut Output) -> Result<()> {
    for (bit, letter) in [(TAINT_PROPRIETARY, b"P"), (TAINT_OUT_OF_TREE, b"O"), (TAINT_UNSIGNED, b"E")] {
        out.put(if bits & bit != 0 { letter } else { b"" })?;
    }
    Ok(())
}

/// Whether the current task may know where in memory the kernel's things are. That it could is no use of a privilege.
fn shows_addresses() -> bool {
    Task::current().holds(Capability::Syslog)
}

/// /proc/kallsyms: the tables that system calls go through and what modules may name, each with its address (0 for who may not
/// know it) and kind: `R` read-only data, `T` code.
pub fn symbols(out: &mut Output) -> Result<()> {
    let shown = |address| if shows_addresses() { address } else { 0 };
    let tables =
        [("sys_call_table", Abi::X86_64), ("x32_sys_call_table", Abi::X32), ("ia32_sys_call_table", Abi::I386)];
    for (name, abi) in tables {
        writeln!(out, "{:016x} R {name}", shown(table(abi).place()))?;
    }
    for (name, address) in machine::module::exports() {
        writeln!(out, "{:016x} T {name}", shown(address))?;
    }
    Ok(())
}

/// /proc/modules: name, size, users, who depends on it, state, address, taints.
pub fn modules(out: &mut Output) -> Result<()> {
    let shows_addresses = shows_addresses();
    let modules = MODULES.lock();
    for module in modules.iter() {
        let Some(body) = module.body.get() else { continue };
        write!(out, "{} {} {} ", module.name, body.memory.size(), module.users.users())?;
        let mut dependents = modules.iter().filter(|other| other.depends_on(module)).peekable();
        if dependents.peek().is_none() {
            out.put(b"-")?;
        }
        for dependent in dependents {
            write!(out, "{},", dependent.name)?;
        }
        let state = match module.state() {
            State::Coming => "Loading",
            State::Live => "Live",
            State::Going => "Unloading",
        };
        let [text, ..] = body.memory.bases();
        write!(out, " {state} 0x{:016x}", if shows_addresses { text } else { 0 })?;
        if body.taint != 0 {
            out.put(b" (")?;
            put_taint(body.taint, out)?;
            out.put(b")")?;
        }
        out.put(b"\n")?;
    }
    Ok(())
}

/// /proc/sys/kernel/tainted.
pub fn show_taint(out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", TAINTED.load(Ordering::Relaxed))?)
}
/// Adds bits; EINVAL.
pub fn add_taint(value: i64) -> Result<()> {
    taint(u32::try_from(value).map_err(|_| EINVAL)? & TAINTS);
    Ok(())
}
/// /proc/sys/kernel/modules_disabled.
pub fn show_disabled(out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", u8::from(is_disabled()))?)
}
/// Disables modules for good: 1 is all that can be written.
pub fn disable(value: i64) -> Result<()> {
    if value != 1 {
        return Err(EINVAL);
    }
    DISABLED.store(true, Ordering::Relaxed);
    Ok(())
}
