//! NETLINK_AUDIT without an audit daemon: records of users go to the kernel's log and to who listens to group 1 (audit(8)).
//!
//! There are no rules and nothing of the kernel's own is recorded but changes of these settings.
use super::Protocol;
use super::message::Packet;
use super::request::{Outcome, Request, word};
use super::send::broadcast;
use super::table::Place;
use super::writer::Writer;
use crate::error::*;
use crate::log::{LONGEST, Level};
use crate::output::Output;
use crate::process::Capability;
use crate::process::namespace::first;
use alloc::vec::Vec;
use core::fmt::Write;
use core::sync::atomic::{AtomicU32, Ordering};

const GET: u16 = 1000;
const SET: u16 = 1001;
const LIST: u16 = 1002;
const DELETE: u16 = 1004;
const USER: u16 = 1005;
const LAST_COMMAND: u16 = 1019;
/// Commands of the administrator's among those numbers: signal information, terminals, trim, equivalent trees, features.
const OTHERS: [u16; 10] = [1010, 1011, 1012, 1013, 1014, 1015, 1016, 1017, 1018, LAST_COMMAND];
const USER_MESSAGES: [core::ops::RangeInclusive<u16>; 2] = [1100..=1199, 2100..=2999];
/// Recorded also while nothing else is.
const USER_ACCESS_VECTOR: u16 = 1107;
const CONFIGURATION: u16 = 1305;
/// AUDIT_NLGRP_READLOG.
const READ_LOG: u32 = 1;
/// Bits of what AUDIT_SET changes, in the order of the structure.
const SETS_ENABLED: u32 = 1;
const SETS_FAILURE: u32 = 2;
const SETS_RATE_LIMIT: u32 = 8;
const SETS_BACKLOG_LIMIT: u32 = 0x10;
const SETS_BACKLOG_WAIT: u32 = 0x20;
/// AUDIT_FEATURE_BITMAP_ALL.
const FEATURES: u32 = 0x7f;

/// 0 is off, 1 on, 2 on until the machine ends.
static ENABLED: AtomicU32 = AtomicU32::new(0);
/// What to do of a record that is lost: nothing, a line in the log, the machine's end.
static FAILURE: AtomicU32 = AtomicU32::new(1);
static RATE_LIMIT: AtomicU32 = AtomicU32::new(0);
static BACKLOG_LIMIT: AtomicU32 = AtomicU32::new(64);
/// In ticks of 250 a second.
static BACKLOG_WAIT: AtomicU32 = AtomicU32::new(15_000);
/// Numbers of records.
static SERIAL: AtomicU32 = AtomicU32::new(0);

fn is_user_message(kind: u16) -> bool {
    kind == USER || USER_MESSAGES.iter().any(|range| range.contains(&kind))
}

/// Whether a task may ask for this: ECONNREFUSED outside of the first user namespace, EOPNOTSUPP, EPERM, EINVAL.
fn check(request: &Request) -> Result<()> {
    let owner = request.task.credentials().namespace.clone();
    if owner.level() != 0 {
        return Err(ECONNREFUSED);
    }
    match request.header.kind {
        LIST..=DELETE => Err(EOPNOTSUPP),
        kind if kind == GET || kind == SET || OTHERS.contains(&kind) => {
            if request.task.pid_namespace().identity.inode != first::PID {
                return Err(EPERM);
            }
            request.require(&owner, Capability::AuditControl)
        }
        kind if is_user_message(kind) => request.require(&owner, Capability::AuditWrite),
        _ => Err(EINVAL),
    }
}

/// Handles one request. An answer comes after all acknowledgements: Linux's is sent by another thread.
pub fn handle(request: &Request, late: &mut Option<Vec<u8>>) -> Result<Outcome> {
    check(request)?;
    match request.header.kind {
        GET => {
            let mut writer = Writer::new(0, request.header.sequence);
            writer.begin(GET, 0)?;
            let read = |value: &AtomicU32| value.load(Ordering::Relaxed);
            let status = [
                0,
                read(&ENABLED),
                read(&FAILURE),
                0,
                read(&RATE_LIMIT),
                read(&BACKLOG_LIMIT),
                0,
                0,
                FEATURES,
                read(&BACKLOG_WAIT),
                0,
            ];
            for value in status {
                writer.put(&value.to_le_bytes())?;
            }
            writer.end();
            *late = Some(writer.into_bytes());
        }
        SET => set(request)?,
        kind if is_user_message(kind) => record_of_user(request)?,
        _ => return Err(EOPNOTSUPP.because("there are no audit rules")),
    }
    Ok(Outcome::Done)
}

/// AUDIT_SET: EINVAL for a value out of range, EPERM once the settings are locked.
fn set(request: &Request) -> Result<()> {
    let field = |index: usize| word(request.body, index * 4).unwrap_or(0);
    let mask = field(0);
    let settings = [
        (SETS_ENABLED, 1, &ENABLED, 2, "audit_enabled"),
        (SETS_FAILURE, 2, &FAILURE, 2, "audit_failure"),
        (SETS_RATE_LIMIT, 4, &RATE_LIMIT, u32::MAX, "audit_rate_limit"),
        (SETS_BACKLOG_LIMIT, 5, &BACKLOG_LIMIT, u32::MAX, "audit_backlog_limit"),
        (SETS_BACKLOG_WAIT, 9, &BACKLOG_WAIT, 150_000, "audit_backlog_wait_time"),
    ];
    if mask & !settings.iter().fold(0, |all, setting| all | setting.0) != 0 {
        return Err(EOPNOTSUPP.because("there is no audit daemon"));
    }
    for (bit, index, place, most, name) in settings {
        if mask & bit == 0 {
            continue;
        }
        let (old, new) = (place.load(Ordering::Relaxed), field(index));
        if new > most {
            return Err(EINVAL);
        }
        let allowed = ENABLED.load(Ordering::Relaxed) != 2;
        if allowed {
            place.store(new, Ordering::Relaxed);
        }
        if ENABLED.load(Ordering::Relaxed) != 0 || old != 0 && bit == SETS_ENABLED {
            let (login, session) = login_of(request);
            let text =
                format_args!("op=set {name}={new} old={old} auid={login} ses={session} res={}", u32::from(allowed));
            record(CONFIGURATION, text, &[])?;
        }
        if !allowed {
            return Err(EPERM);
        }
    }
    Ok(())
}

/// Who logged in, and which login that was.
fn login_of(request: &Request) -> (u32, u32) {
    (request.task.login.user(), request.task.login.session())
}

fn record_of_user(request: &Request) -> Result<()> {
    let kind = request.header.kind;
    if ENABLED.load(Ordering::Relaxed) == 0 && kind != USER_ACCESS_VECTOR {
        return Ok(());
    }
    // Something to show, and the NUL that ends it, whatever is there.
    let [text @ .., _] = request.body else { return Err(EINVAL) };
    if text.is_empty() {
        return Err(EINVAL);
    }
    let text = text.split(|byte| *byte == 0).next().unwrap_or(text);
    let user = request.task.with_credentials(|own| own.user);
    let (login, session) = login_of(request);
    let head = format_args!("pid={} uid={user} auid={login} ses={session} msg='", request.task.group().pid().number());
    record(kind, head, text)
}

/// Records: a head, and for users' records their text, which a quote ends.
fn record(kind: u16, head: core::fmt::Arguments, text: &[u8]) -> Result<()> {
    let now = crate::time::clock::realtime();
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    let mut line = Output::new();
    write!(line, "audit({}.{:03}:{serial}): {head}", now / 1_000_000_000, now / 1_000_000 % 1000)?;
    if !text.is_empty() {
        line.put(text)?;
        line.put(b"'")?;
    }
    let mut shown = Output::new();
    write!(shown, "audit: type={kind} ")?;
    shown.put(line.as_bytes())?;
    let shown = shown.as_bytes();
    crate::log::add(Level::Notice as u8, shown.get(..LONGEST).unwrap_or(shown));
    let mut writer = Writer::new(0, 0);
    writer.begin(kind, 0)?;
    writer.put(line.as_bytes())?;
    writer.end();
    // Nobody needs to listen.
    let _ = broadcast(
        Place::Namespace(first::NETWORK),
        Protocol::Audit,
        &Packet::of_kernel(writer.into_bytes(), READ_LOG)?,
        0,
        None,
    );
    Ok(())
}
