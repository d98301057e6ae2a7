//! Loadable modules: objects that are linked into the running kernel.
//!
//! `load` brings a file to life step by step, in Linux's order of checks, and takes everything back if one fails; `calls` are
//! the system calls; `system_call` and `device` are what modules add; `signature` decides whom to trust; `report` is what
//! /proc shows, `sysfs` what /sys does. How objects are read is in the crate `loader`, what modules are written against in the crate `module`, and
//! the way into their functions in `machine::module`.
//!
//! A module's text is entered by its first and last function and through calls and devices. Who uses it for long (an open
//! device, a module that depends on it) and who is inside of a call are counted at two [`Gate`]s. Unloading is refused while
//! there are users; else it closes both, waits a moment for those inside to leave, and is refused if they do not. Whoever comes
//! then finds the call as it was before. Memory is freed when the last who could enter has let go of it, so no order of events
//! frees it under a call.
pub mod calls;
mod device;
pub mod fault;
mod load;
pub mod report;
mod services;
mod signature;
mod sysfs;
mod system_call;
#[cfg(test)]
mod tests;

use crate::error::*;
use crate::sync::{Mutex, Once, rank};
use crate::wait::{Sleep, WaitQueue};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use machine::memory::try_arc;
use machine::module::Memory;

/// Longest name (MODULE_NAME_LEN less one).
const LONGEST_NAME: usize = 55;

/// How far a module is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Its first function has not returned.
    Coming,
    Live,
    /// Its last function runs, or has.
    Going,
}

/// Counts who is in; closed until the module is live, and once it goes.
struct Gate(AtomicU32);
impl Gate {
    const CLOSED: u32 = 1 << 31;

    const fn closed() -> Self {
        Gate(AtomicU32::new(Self::CLOSED))
    }
    fn open(&self) {
        self.0.fetch_and(!Self::CLOSED, Ordering::Release);
    }
    /// Whether the caller may go in, and is counted.
    fn enter(&self) -> bool {
        let more = |users: u32| (users < Self::CLOSED - 1).then(|| users + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).is_ok()
    }
    fn leave(&self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
    /// Closes it if nobody is in.
    fn close_if_empty(&self) -> bool {
        self.0.compare_exchange(0, Self::CLOSED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
    /// Closes it to who comes.
    fn close(&self) {
        self.0.fetch_or(Self::CLOSED, Ordering::AcqRel);
    }
    /// How many are in.
    fn users(&self) -> u32 {
        self.0.load(Ordering::Acquire) & !Self::CLOSED
    }
}

/// A module.
struct Module {
    name: String,
    /// Open devices, and modules that depend on it.
    users: Gate,
    /// Calls that run.
    callers: Gate,
    state: AtomicU32,
    /// What it is once it is linked.
    body: Once<Body>,
}

/// A linked module.
struct Body {
    memory: Arc<Memory>,
    /// Its last function; without one it stays for good.
    exit: Option<u64>,
    /// What other modules may name.
    symbols: Vec<(Vec<u8>, u64)>,
    /// The modules it depends on.
    dependencies: Vec<User>,
    /// Bits of /proc/sys/kernel/tainted.
    taint: u32,
}

impl Module {
    fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Coming,
            1 => State::Live,
            _ => State::Going,
        }
    }
    fn set_state(&self, state: State) {
        self.state.store(state as u32, Ordering::Release);
    }
    fn is_memory(&self, memory: &Arc<Memory>) -> bool {
        self.body.get().is_some_and(|body| Arc::ptr_eq(&body.memory, memory))
    }
    fn depends_on(&self, other: &Arc<Module>) -> bool {
        self.body.get().is_some_and(|body| body.dependencies.iter().any(|user| Arc::ptr_eq(&user.0, other)))
    }
    /// Takes back what it added.
    fn withdraw(self: &Arc<Self>) {
        system_call::withdraw(self);
        device::withdraw(self);
        sysfs::withdraw(self);
    }
}

/// One who uses a module: counted until this is dropped.
struct User(Arc<Module>);
impl User {
    /// `None` if the module is not live.
    fn of(module: &Arc<Module>) -> Option<User> {
        module.users.enter().then(|| User(module.clone()))
    }
}
impl Drop for User {
    fn drop(&mut self) {
        self.0.users.leave();
    }
}

/// One who is inside of a call: counted until this is dropped.
struct Caller<'a>(&'a Module);
impl<'a> Caller<'a> {
    /// `None` if the module is not live.
    fn of(module: &'a Module) -> Option<Self> {
        module.callers.enter().then(|| Caller(module))
    }
}
impl Drop for Caller<'_> {
    fn drop(&mut self) {
        self.0.callers.leave();
    }
}

/// All modules, oldest first.
static MODULES: Mutex<Vec<Arc<Module>>> = Mutex::new(rank::MODULES, Vec::new());

fn find(name: &str) -> Option<Arc<Module>> {
    MODULES.lock().iter().find(|module| module.name == name).cloned()
}
/// The module whose memory this is.
fn find_by_memory(memory: &Arc<Memory>) -> Option<Arc<Module>> {
    MODULES.lock().iter().find(|module| module.is_memory(memory)).cloned()
}

/// A place on the list, given back on drop unless the module comes to life.
struct Candidate {
    module: Arc<Module>,
    is_live: bool,
}
impl Candidate {
    /// EEXIST if there is a module of that name, EBUSY if one comes or goes.
    fn new(name: &str) -> Result<Candidate> {
        let mut own = String::new();
        own.try_reserve_exact(name.len())?;
        own.push_str(name);
        let module = try_arc(Module {
            name: own,
            users: Gate::closed(),
            callers: Gate::closed(),
            state: AtomicU32::new(State::Coming as u32),
            body: Once::new(),
        })?;
        let mut modules = MODULES.lock();
        if let Some(other) = modules.iter().find(|other| other.name == name) {
            return Err(if other.state() == State::Live { EEXIST } else { EBUSY });
        }
        modules.try_reserve(1)?;
        modules.push(module.clone());
        Ok(Candidate { module, is_live: false })
    }
    /// The module is live.
    fn succeed(mut self) {
        self.is_live = true;
        self.module.set_state(State::Live);
        self.module.users.open();
        self.module.callers.open();
    }
}
impl Drop for Candidate {
    fn drop(&mut self) {
        if !self.is_live {
            self.module.withdraw();
            remove(&self.module);
        }
    }
}

/// Takes a module off the list. What it held is let go outside of the list's lock.
fn remove(module: &Arc<Module>) {
    let mut modules = MODULES.lock();
    let place = modules.iter().position(|other| Arc::ptr_eq(other, module));
    let removed = place.map(|place| modules.remove(place));
    drop(modules);
    drop(removed);
}

/// Unloads a module. ENOENT; EWOULDBLOCK if modules depend on it or somebody is inside; EBUSY if it is not live or has no last
/// function.
fn unload(name: &str) -> Result<()> {
    let module = find(name).ok_or(ENOENT)?;
    if MODULES.lock().iter().any(|other| other.depends_on(&module)) {
        return Err(EAGAIN.because("another module depends on it"));
    }
    let body = module.body.get().filter(|_| module.state() == State::Live).ok_or(EBUSY)?;
    let exit = body.exit.ok_or(EBUSY.because("the module has no last function"))?;
    if !module.users.close_if_empty() {
        return Err(EAGAIN.because("the module is in use"));
    }
    if !drain(&module.callers) {
        module.callers.open();
        module.users.open();
        return Err(EAGAIN.because("somebody is inside"));
    }
    module.set_state(State::Going);
    body.memory.stop(exit);
    module.withdraw();
    remove(&module);
    Ok(())
}

/// How long unloading waits for those who are inside, in nanoseconds, and how often it looks.
const PATIENCE: u64 = 500_000_000;
const PAUSE: u64 = 500_000;

/// Closes a gate and waits for those inside to leave; whether they did.
fn drain(gate: &Gate) -> bool {
    gate.close();
    let nobody_wakes = WaitQueue::new();
    let end = machine::time::monotonic().saturating_add(PATIENCE);
    while gate.users() != 0 {
        let now = machine::time::monotonic();
        if now >= end {
            return false;
        }
        // Ends by the deadline.
        let _ = nobody_wakes.wait_until::<()>(Sleep::Uninterruptible, Some(now.saturating_add(PAUSE)), || None);
    }
    true
}
