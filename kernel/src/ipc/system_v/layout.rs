//! The structures of the control calls, packed field by field: their longs, and with them the places of all that follows, are the ABI's, and
//! i386 has older ones beside.
use super::permissions::PermissionValues;
use crate::error::*;
use crate::process::Task;
use crate::syscall::UserSlice;
use abi::Abi;

/// Which structures a caller means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Those of today (IPC_64).
    Current,
    /// i386's first ones, with ids and counts of 16 bits.
    Old,
}

/// Bytes of the largest structure.
const LARGEST: usize = 128;

/// A structure in the making.
pub struct Packer {
    bytes: [u8; LARGEST],
    length: usize,
    abi: Abi,
    form: Form,
}

impl Packer {
    /// Without fields.
    pub fn new(task: &Task, form: Form) -> Self {
        Packer { bytes: [0; LARGEST], length: 0, abi: task.abi(), form }
    }
    fn put(&mut self, field: &[u8]) -> &mut Self {
        let end = self.length + field.len();
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(field);
        }
        self.length = end;
        self
    }
    /// An unsigned short.
    pub fn short(&mut self, value: u64) -> &mut Self {
        self.put(&(value as u16).to_ne_bytes())
    }
    /// An int.
    pub fn int(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_ne_bytes())
    }
    /// A long of the ABI.
    pub fn long(&mut self, value: u64) -> &mut Self {
        match self.abi {
            Abi::I386 => self.int(value as u32),
            _ => self.put(&value.to_ne_bytes()),
        }
    }
    /// Zeros up to a place of this alignment.
    pub fn align(&mut self, to: usize) -> &mut Self {
        self.length = self.length.next_multiple_of(to);
        self
    }
    /// Seconds: one long, or two halves where a long has 32 bits.
    pub fn time(&mut self, seconds: i64) -> &mut Self {
        match (self.abi, self.form) {
            (Abi::I386, Form::Current) => self.put(&seconds.to_ne_bytes()),
            _ => self.long(seconds as u64),
        }
    }
    /// Seconds with room for their upper half in any ABI.
    pub fn wide_time(&mut self, seconds: i64) -> &mut Self {
        match (self.abi, self.form) {
            (Abi::I386, _) => self.time(seconds),
            _ => self.long(seconds as u64).long(0),
        }
    }
    /// Who owns it.
    pub fn permissions(&mut self, values: &PermissionValues) -> &mut Self {
        self.int(values.key as u32);
        let ids = [values.user, values.group, values.creator_user, values.creator_group];
        if self.form == Form::Old {
            for id in ids {
                self.short(u64::from(u16::try_from(id).unwrap_or(OVERFLOW_ID)));
            }
            return self.short(values.mode.into()).short(values.sequence.into());
        }
        for id in ids {
            self.int(id);
        }
        self.int(values.mode).short(values.sequence.into()).short(0);
        let alignment = if matches!(self.abi, Abi::I386) { 4 } else { 8 };
        self.align(alignment).long(0).long(0)
    }
    /// Writes it to user memory; EFAULT.
    pub fn write(&self, address: u64) -> Result<()> {
        UserSlice::new(address, self.length).write(self.bytes.get(..self.length).ok_or(EFAULT)?)
    }
}

/// What ids above 16 bits show as.
const OVERFLOW_ID: u16 = 65_534;

/// What IPC_SET takes of a structure.
#[derive(Clone, Copy)]
pub struct Change {
    /// User, group and mode.
    pub permissions: PermissionValues,
    /// Most bytes in a message queue.
    pub queue_bytes: u64,
}

/// Reads what IPC_SET wants of a structure of `size` bytes in the 64-bit ABIs; i386 reads no more than that, with the bytes of a queue at
/// `queue_at` in either form. EFAULT.
pub fn read_change(task: &Task, form: Form, address: u64, size: usize, queue_at: Option<[usize; 2]>) -> Result<Change> {
    let abi = task.abi();
    let is_narrow = matches!(abi, Abi::I386);
    let limit_size = if form == Form::Old { 2 } else { 4 };
    let [current, old] = queue_at.unwrap_or_default();
    let at = if form == Form::Old { old } else { current };
    let length = match (is_narrow, form) {
        (false, _) => size,
        (true, _) if queue_at.is_some() => at + limit_size,
        (true, Form::Current) => 36,
        (true, Form::Old) => 16,
    };
    let mut bytes = [0; LARGEST];
    UserSlice::new(address, length).read(bytes.get_mut(..length).ok_or(EFAULT)?)?;
    let short = |at: usize| bytes.get(at..at + 2).and_then(|raw| raw.try_into().ok()).map_or(0, u16::from_ne_bytes);
    let int = |at: usize| bytes.get(at..at + 4).and_then(|raw| raw.try_into().ok()).map_or(0, u32::from_ne_bytes);
    let long = |at: usize| bytes.get(at..at + 8).and_then(|raw| raw.try_into().ok()).map_or(0, u64::from_ne_bytes);
    let (user, group, mode) = match form {
        Form::Current => (int(4), int(8), if is_narrow { short(20).into() } else { int(20) }),
        Form::Old => (short(4).into(), short(6).into(), short(12).into()),
    };
    let queue_bytes = match (is_narrow, form) {
        _ if queue_at.is_none() => 0,
        (false, _) => long(QUEUE_BYTES_AT),
        (true, Form::Current) => int(at).into(),
        (true, Form::Old) => short(at).into(),
    };
    Ok(Change { permissions: PermissionValues { user, group, mode, ..PermissionValues::default() }, queue_bytes })
}

/// Where the 64-bit ABIs have the bytes of a queue.
const QUEUE_BYTES_AT: usize = 88;
