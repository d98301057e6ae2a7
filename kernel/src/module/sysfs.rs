//! /sys/module/NAME: what lsmod(8), rmmod(8) and modinfo(8) read of a module.
use super::{Module, State, report};
use crate::error::*;
use crate::file::sysfs::{self, Node};
use crate::net::netlink::uevent;
use crate::output::Output;
use alloc::sync::{Arc, Weak};
use core::fmt::Write;

/// Shows a module that is coming, and it among the holders of those it depends on.
pub fn add(module: &Arc<Module>) -> Result<()> {
    let own = sysfs::directory("module")?.add_directory(module.name.as_bytes())?;
    add_files(module, &own).inspect_err(|_| withdraw(module))?;
    tell("add", module);
    Ok(())
}

fn add_files(module: &Arc<Module>, own: &Arc<Node>) -> Result<()> {
    own.add_directory(b"holders")?;
    for (name, show) in FILES {
        // The file does not keep the module.
        let module = Arc::downgrade(module);
        own.add_text(name, move |out| show(&*still_there(&module)?, out))?;
    }
    for other in dependencies(module) {
        let mut target = alloc::string::String::new();
        target.try_reserve_exact(6 + module.name.len())?;
        target.push_str("../../");
        target.push_str(&module.name);
        holders(other)?.add_link(module.name.as_bytes(), target.as_bytes())?;
    }
    Ok(())
}

/// Takes a module out, if it was shown.
pub fn withdraw(module: &Module) {
    for other in dependencies(module) {
        if let Ok(link) = holders(other).and_then(|holders| holders.find(module.name.as_bytes())) {
            link.remove();
        }
    }
    if let Ok(own) = sysfs::directory("module").and_then(|modules| modules.find(module.name.as_bytes())) {
        own.remove();
        tell("remove", module);
    }
}

/// Tells who listens for events of objects.
fn tell(action: &str, module: &Module) {
    let mut path = Output::new();
    if write!(path, "/module/{}", module.name).is_ok()
        && let Ok(path) = core::str::from_utf8(path.as_bytes())
    {
        uevent::tell(action, path, "module", "");
    }
}

fn dependencies(module: &Module) -> impl Iterator<Item = &Module> {
    module.body.get().into_iter().flat_map(|body| body.dependencies.iter().map(|user| &*user.0))
}
fn holders(module: &Module) -> Result<Arc<Node>> {
    sysfs::directory("module")?.find(module.name.as_bytes())?.find(b"holders")
}
fn still_there(module: &Weak<Module>) -> Result<Arc<Module>> {
    module.upgrade().ok_or(ENODEV)
}

type Show = fn(&Module, &mut Output) -> Result<()>;
const FILES: [(&str, Show); 4] = [("coresize", core_size), ("initstate", state), ("refcnt", users), ("taint", taint)];

fn core_size(module: &Module, out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", module.body.get().map_or(0, |body| body.memory.size()))?)
}
fn state(module: &Module, out: &mut Output) -> Result<()> {
    out.put(match module.state() {
        State::Coming => b"coming\n",
        State::Live => b"live\n",
        State::Going => b"going\n",
    })
}
fn users(module: &Module, out: &mut Output) -> Result<()> {
    Ok(writeln!(out, "{}", module.users.users())?)
}
fn taint(module: &Module, out: &mut Output) -> Result<()> {
    report::put_taint(module.body.get().map_or(0, |body| body.taint), out)?;
    out.put(b"\n")
}
