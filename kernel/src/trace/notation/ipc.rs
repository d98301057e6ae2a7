//! Words and structures of the calls of System V IPC.
use super::names::*;
use crate::trace::show::{Names, Show};
use abi::Abi;

/// IPC_SET and IPC_STAT.
const SET: u64 = 1;
const STATUS: u64 = 2;

/// A key.
pub fn key(show: &mut Show<'_>, key: u64) {
    match key & 0xffff_ffff {
        0 => show.text.put("IPC_PRIVATE"),
        key => show.text.hex(key),
    }
}
fn flags(show: &mut Show<'_>, flags: u64, names: crate::trace::show::Names) {
    let bits = flags & 0xffff_ffff & !0o777;
    if bits != 0 {
        show.bits(bits, names, "");
        show.text.byte(b'|');
    }
    match flags & 0o777 {
        0 => show.text.put("000"),
        mode => show.text.octal(mode),
    }
}
/// The flags of semget(2) and msgget(2).
pub fn resource_flags(show: &mut Show<'_>, word: u64) {
    flags(show, word, RESOURCE_FLAGS);
}
/// The flags of shmget(2).
pub fn segment_flags(show: &mut Show<'_>, word: u64) {
    flags(show, word, SEGMENT_FLAGS);
}

/// `struct sembuf`s.
pub fn operations(show: &mut Show<'_>, address: u64) {
    let count = show.word(2) & 0xffff_ffff;
    show.array(address, count, 6, |show, at| {
        let [a, b, c, d, e, f] = show.bytes(at)?;
        show.text.put("{");
        show.unsigned_field("sem_num", u16::from_ne_bytes([a, b]).into());
        show.signed_field("sem_op", i16::from_ne_bytes([c, d]).into());
        show.field("sem_flg");
        show.bits(u16::from_ne_bytes([e, f]).into(), OPERATION_FLAGS, "SEM_???");
        show.text.byte(b'}');
        Some(())
    });
}

/// A message's type and text; `length` bytes of it.
fn message(show: &mut Show<'_>, address: u64, length: u64) {
    show.structure(address, |show| {
        let (kind, size) = match show.abi {
            Abi::I386 => ((show.u32_at(address)? as i32).into(), 4),
            _ => (show.u64_at(address)? as i64, 8),
        };
        show.text.put("{");
        show.signed_field("mtype", kind);
        show.field("mtext");
        show.buffer(address.wrapping_add(size), length);
        show.text.byte(b'}');
        Some(())
    });
}
/// What msgsnd(2) sends.
pub fn sent_message(show: &mut Show<'_>, address: u64) {
    message(show, address, show.word(2));
}
/// What msgrcv(2) has received.
pub fn received_message(show: &mut Show<'_>, address: u64) {
    // As strace has it: as much as there was room for.
    message(show, address, show.word(2));
}

/// Reads a structure's longs.
struct Fields<'a, 'b> {
    show: &'a mut Show<'b>,
    at: u64,
    long: u64,
}
impl Fields<'_, '_> {
    fn skip(&mut self, bytes: u64) {
        self.at = self.at.wrapping_add(bytes);
    }
    fn long(&mut self, name: &str) -> Option<()> {
        let value = if self.long == 4 { self.show.u32_at(self.at)?.into() } else { self.show.u64_at(self.at)? };
        self.skip(self.long);
        self.show.unsigned_field(name, value);
        Some(())
    }
    fn int(&mut self, name: &str) -> Option<()> {
        let value = self.show.u32_at(self.at)?;
        self.skip(4);
        self.show.unsigned_field(name, value.into());
        Some(())
    }
    /// Seconds, with an upper half behind them where longs have 32 bits.
    fn time(&mut self, name: &str) -> Option<()> {
        let value = self.show.u64_at(self.at)?;
        self.skip(8);
        self.show.signed_field(name, value as i64);
        Some(())
    }
    fn permissions(&mut self, name: &str, is_status: bool) -> Option<()> {
        let [key, user, group, creator_user, creator_group, mode] = {
            let mut words = [0; 6];
            for (word, at) in words.iter_mut().zip((self.at..).step_by(4)) {
                *word = self.show.u32_at(at)?;
            }
            words
        };
        self.show.field(name);
        self.show.text.put("{");
        self.show.unsigned_field("uid", user.into());
        self.show.unsigned_field("gid", group.into());
        self.show.field("mode");
        self.show.text.octal((if self.long == 4 { mode & 0xffff } else { mode }).into());
        if is_status {
            self.show.unsigned_field("key", key.into());
            self.show.unsigned_field("cuid", creator_user.into());
            self.show.unsigned_field("cgid", creator_group.into());
        }
        self.show.text.byte(b'}');
        self.skip(if self.long == 4 { 36 } else { 48 });
        Some(())
    }
}

/// In a command that i386's ipc(2) carries: with the structures of today.
const IPC_64: u64 = 0x100;

fn command(show: &mut Show<'_>, value: u64, names: Names, remark: &str) {
    if show.is_carried && value & IPC_64 != 0 {
        show.text.put("IPC_64|");
        return show.choice(value as u32 as u64 & !IPC_64, names, remark);
    }
    show.choice(value as u32 as u64, names, remark);
}
/// What shmctl(2) is to do.
pub fn segment_command(show: &mut Show<'_>, value: u64) {
    command(show, value, SEGMENT_COMMANDS, "SHM_???");
}
/// What semctl(2) is to do.
pub fn semaphore_command(show: &mut Show<'_>, value: u64) {
    command(show, value, SEMAPHORE_COMMANDS, "SEM_???");
}
/// What msgctl(2) is to do.
pub fn queue_command(show: &mut Show<'_>, value: u64) {
    command(show, value, QUEUE_COMMANDS, "MSG_???");
}

/// What a control call does with its structure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Sets,
    Tells,
}
/// Shows the structure of a control call: what is set, or what it tells if it succeeds.
fn structure(
    show: &mut Show<'_>,
    command: u64,
    address: u64,
    name: &str,
    rest: impl FnOnce(&mut Fields<'_, '_>, Use) -> Option<()>,
) {
    let mark = if show.is_carried { IPC_64 } else { 0 };
    let how = match command & 0xffff_ffff & !mark {
        SET => Use::Sets,
        STATUS if !show.failed() => Use::Tells,
        _ => return show.text.address(address),
    };
    let long = if matches!(show.abi, Abi::I386) { 4 } else { 8 };
    show.structure(address, |show| {
        show.text.put("{");
        let mut fields = Fields { show, at: address, long };
        fields.permissions(name, how == Use::Tells)?;
        rest(&mut fields, how)?;
        fields.show.text.byte(b'}');
        Some(())
    });
}
/// `struct shmid64_ds`.
pub fn segment(show: &mut Show<'_>, address: u64) {
    structure(show, show.word(1), address, "shm_perm", |fields, how| {
        if how == Use::Sets {
            return Some(());
        }
        fields.long("shm_segsz")?;
        let times = fields.at;
        fields.skip(24);
        fields.int("shm_cpid")?;
        fields.int("shm_lpid")?;
        fields.long("shm_nattch")?;
        fields.at = times;
        fields.time("shm_atime")?;
        fields.time("shm_dtime")?;
        fields.time("shm_ctime")
    });
}
/// `struct semid64_ds`, an array or a value. What ipc(2) points to is in brackets.
pub fn semaphores(show: &mut Show<'_>, address: u64) {
    if !show.is_carried {
        return semaphores_at(show, address);
    }
    show.text.byte(b'[');
    semaphores_at(show, address);
    show.text.byte(b']');
}
fn semaphores_at(show: &mut Show<'_>, address: u64) {
    structure(show, show.word(2), address, "sem_perm", |fields, how| {
        if how == Use::Sets {
            return Some(());
        }
        // Each has room for its upper half.
        let rest = if fields.long == 8 { 8 } else { 0 };
        fields.time("sem_otime")?;
        fields.skip(rest);
        fields.time("sem_ctime")?;
        fields.skip(rest);
        fields.long("sem_nsems")
    });
}
/// `struct msqid64_ds`.
pub fn queue(show: &mut Show<'_>, address: u64) {
    structure(show, show.word(1), address, "msg_perm", |fields, how| {
        if how == Use::Sets {
            fields.skip(24 + 2 * fields.long);
            return fields.long("msg_qbytes");
        }
        fields.time("msg_stime")?;
        fields.time("msg_rtime")?;
        fields.time("msg_ctime")?;
        fields.skip(fields.long);
        fields.long("msg_qnum")?;
        fields.long("msg_qbytes")?;
        fields.int("msg_lspid")?;
        fields.int("msg_lrpid")
    });
}
