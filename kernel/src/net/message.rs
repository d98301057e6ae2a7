//! Headers of sendmsg(2) and recvmsg(2) and their ancillary data (cmsg(3)), in the layouts of the three ABIs.
use super::message_flag;
use super::options::SocketOptions;
use super::socket::{Incoming, NetlinkNotes};
use crate::error::*;
use crate::file::File;
use crate::file::buffer::IoVector;
use crate::process::Task;
use crate::process::credentials::UserRecord;
use crate::process::pid::PidEntry;
use crate::syscall::user::UserLayout;
use crate::syscall::{Fd, UserBytes, UserPtr, UserSlice};
use abi::Abi;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// `struct msghdr`.
#[derive(Clone, Copy, Debug)]
pub struct MessageHeader {
    /// msg_name.
    pub name: u64,
    /// msg_namelen.
    pub name_length: i32,
    /// msg_iov.
    pub vector: VectorAddress,
    /// msg_iovlen.
    pub count: usize,
    /// msg_control.
    pub control: u64,
    /// msg_controllen.
    pub control_length: usize,
    /// msg_flags.
    pub flags: u32,
}
/// An address of `struct iovec`s.
#[derive(Clone, Copy, Debug)]
pub struct VectorAddress(pub u64);
impl VectorAddress {
    /// As a pointer to the first of them.
    pub fn pointer(self) -> UserPtr<IoVector> {
        UserPtr::new(self.0)
    }
}

/// Whether pointers and longs of the ABI's messages have 64 bits: not x32's.
fn is_wide(abi: Abi) -> bool {
    matches!(abi, Abi::X86_64)
}
fn word(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes.get(at..at + size).unwrap_or(&[]).iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

impl UserLayout for MessageHeader {
    fn size(abi: Abi) -> usize {
        if is_wide(abi) { 56 } else { 28 }
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        let long = if is_wide(abi) { 8 } else { 4 };
        let field = |index: usize| word(bytes, index * long, long);
        MessageHeader {
            name: field(0),
            name_length: word(bytes, long, 4) as u32 as i32,
            vector: VectorAddress(field(2)),
            count: field(3) as usize,
            control: field(4),
            control_length: field(5) as usize,
            flags: word(bytes, 6 * long, 4) as u32,
        }
    }
    /// Never written whole.
    fn encode(&self, _: Abi, _: &mut [u8]) {}
}

/// Where the fields are that recvmsg(2) writes, and the size of `struct mmsghdr`.
pub struct Places {
    /// msg_namelen.
    pub name_length: u64,
    /// msg_controllen.
    pub control_length: u64,
    /// msg_flags.
    pub flags: u64,
    /// msg_len of `struct mmsghdr`.
    pub total: u64,
    /// Bytes of `struct mmsghdr`.
    pub stride: u64,
}
impl Places {
    /// Those of an ABI.
    pub fn of(abi: Abi) -> Places {
        match is_wide(abi) {
            true => Places { name_length: 8, control_length: 40, flags: 48, total: 56, stride: 64 },
            false => Places { name_length: 4, control_length: 20, flags: 24, total: 28, stride: 32 },
        }
    }
}

/// Writes msg_controllen.
pub fn write_control_length(task: &Task, at: u64, length: usize) -> Result<()> {
    match is_wide(task.abi()) {
        true => UserPtr::<u64>::new(at).write(task, &(length as u64)),
        false => UserPtr::<u32>::new(at).write(task, &(length as u32)),
    }
}

/// Who sends a message, as the receiver learns it (`struct ucred`).
#[derive(Clone)]
pub struct MessageCredentials {
    /// The process.
    pub process: Arc<PidEntry>,
    /// User.
    pub user: u32,
    /// Group.
    pub group: u32,
}
impl MessageCredentials {
    /// Those of a task: its process and real ids.
    pub fn of(task: &Task) -> MessageCredentials {
        let (user, group) = task.with_credentials(|own| (own.user, own.group));
        MessageCredentials { process: task.group().pid().clone(), user, group }
    }
    /// Whether two messages come from the same sender.
    pub fn is_same(&self, other: &MessageCredentials) -> bool {
        Arc::ptr_eq(&self.process, &other.process) && self.user == other.user && self.group == other.group
    }
}

/// Most files that one message passes (SCM_MAX_FD).
const MOST_FILES: usize = 253;
/// Largest ancillary data (net.core.optmem_max).
const LARGEST_CONTROL: usize = 20_480;
const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;
const SCM_CREDENTIALS: i32 = 2;

/// Open files on their way from a process to another (SCM_RIGHTS).
pub struct Rights {
    /// The files, in order.
    pub files: Arc<super::unix::Passed>,
    /// Who is charged for them.
    pub user: Arc<UserRecord>,
}
impl Drop for Rights {
    fn drop(&mut self) {
        super::unix::end_passing(&self.files, &self.user);
    }
}

/// What the ancillary data of a message to be sent says.
#[derive(Default)]
pub struct Ancillary {
    /// Files to pass, not charged yet.
    pub files: Vec<Arc<File>>,
    /// Who sends it.
    pub credentials: Option<MessageCredentials>,
}

/// Sizes of one ABI's `struct cmsghdr` and of the steps between two.
struct Shape {
    header: usize,
    step: usize,
}
impl Shape {
    fn of(abi: Abi) -> Shape {
        if is_wide(abi) { Shape { header: 16, step: 8 } } else { Shape { header: 12, step: 4 } }
    }
    fn length_size(&self) -> usize {
        self.step
    }
    fn space(&self, length: usize) -> usize {
        self.header + length.next_multiple_of(self.step)
    }
}

/// Reads the ancillary data of a message to be sent: ENOBUFS if it is too large, EFAULT; EINVAL for what is malformed or not
/// known, EBADF, EPERM for credentials that are not the caller's, ESRCH.
pub fn read_ancillary(task: &Task, control: u64, length: usize) -> Result<Ancillary> {
    let mut found = Ancillary::default();
    if length > i32::MAX as usize || length >= LARGEST_CONTROL {
        return Err(ENOBUFS);
    }
    if length == 0 {
        return Ok(found);
    }
    let bytes = UserSlice::new(control, length).read_all()?;
    let shape = Shape::of(task.abi());
    let mut rest: &[u8] = &bytes;
    while rest.len() >= shape.header {
        let size = usize::try_from(word(rest, 0, shape.length_size())).map_err(|_| EINVAL)?;
        if size < shape.header || size > rest.len() {
            return Err(EINVAL);
        }
        let at = shape.length_size();
        let (level, kind) = (word(rest, at, 4) as i32, word(rest, at + 4, 4) as i32);
        let data = rest.get(shape.header..size).unwrap_or(&[]);
        if level == SOL_SOCKET {
            read_part(task, kind, data, &mut found)?;
        }
        rest = rest.get(size.next_multiple_of(shape.step)..).unwrap_or(&[]);
    }
    Ok(found)
}

fn read_part(task: &Task, kind: i32, data: &[u8], found: &mut Ancillary) -> Result<()> {
    match kind {
        SCM_RIGHTS => {
            let count = data.len() / 4;
            if count > MOST_FILES || found.files.len() + count > MOST_FILES {
                return Err(EINVAL);
            }
            found.files.try_reserve_exact(count)?;
            let files = task.files();
            for number in data.chunks_exact(4) {
                found.files.push(files.get(Fd(word(number, 0, 4) as i32))?);
            }
        }
        SCM_CREDENTIALS => {
            if data.len() != 12 {
                return Err(EINVAL);
            }
            let [process, user, group] = [0, 4, 8].map(|at| word(data, at, 4) as u32);
            let own = task.credentials();
            let (user, group) = (own.namespace.known_user(user)?, own.namespace.known_group(group)?);
            super::option_calls::may_claim(task, process, user, group)?;
            let process = match process == task.group().id_in_own_namespace() {
                true => task.group().pid().clone(),
                false => task.pid_namespace().find(process).ok_or(ESRCH)?,
            };
            found.credentials = Some(MessageCredentials { process, user, group });
        }
        _ => return Err(EINVAL),
    }
    Ok(())
}

/// Writes the ancillary data of a message that was received into the caller's buffer.
pub struct AncillaryWriter<'a> {
    task: &'a Task,
    shape: Shape,
    at: u64,
    left: usize,
    truncated: bool,
}
impl<'a> AncillaryWriter<'a> {
    /// A buffer of so many bytes; none at all has address 0.
    pub fn new(task: &'a Task, control: UserBytes, length: usize) -> Self {
        AncillaryWriter { task, shape: Shape::of(task.abi()), at: control.0, left: length, truncated: false }
    }
    /// Bytes not used.
    pub fn left(&self) -> usize {
        self.left
    }
    fn header(&self, level: i32, kind: i32, size: usize) -> ([u8; 16], usize) {
        let mut bytes = [0; 16];
        let at = self.shape.length_size();
        let parts = [(0, size as u64, at), (at, level as u64, 4), (at + 4, kind as u64, 4)];
        for (at, value, length) in parts {
            if let Some(room) = bytes.get_mut(at..at + length) {
                room.copy_from_slice(value.to_le_bytes().get(..length).unwrap_or(&[]));
            }
        }
        (bytes, self.shape.header)
    }
    fn advance(&mut self, length: usize) {
        let length = length.min(self.left);
        self.at = self.at.wrapping_add(length as u64);
        self.left -= length;
    }
    /// Adds a piece; what does not fit is cut off, as Linux does. A fault loses it.
    fn put(&mut self, kind: i32, data: &[u8]) {
        self.put_at(SOL_SOCKET, kind, data);
    }
    fn put_at(&mut self, level: i32, kind: i32, data: &[u8]) {
        if self.at == 0 || self.left < self.shape.header {
            self.truncated = true;
            return;
        }
        let mut size = self.shape.header + data.len();
        if self.left < size {
            self.truncated = true;
            size = self.left;
        }
        let (header, length) = self.header(level, kind, size);
        let mut out = UserSlice::new(self.at, size);
        let written = out.write(header.get(..length).unwrap_or(&[])).is_ok()
            && out.write(data.get(..size - length).unwrap_or(&[])).is_ok();
        if written {
            self.advance(self.shape.space(data.len()));
        }
    }
    /// Adds the files, as descriptors of the caller; those without room are closed.
    fn put_rights(&mut self, rights: &Rights, close_on_exec: bool) {
        // Without memory none is received.
        let files = rights.files.list().unwrap_or_default();
        let room = self.left.saturating_sub(self.shape.header) / 4;
        let mut done = 0;
        let table = self.task.files();
        for file in files.iter().take(room) {
            let Ok(place) = table.reserve(0, close_on_exec) else { break };
            let at = self.at.wrapping_add((self.shape.header + 4 * done) as u64);
            if UserPtr::<i32>::new(at).write(self.task, &place.fd().0).is_err() {
                break;
            }
            place.install(file.clone());
            done += 1;
        }
        if done > 0 {
            let (header, length) = self.header(SOL_SOCKET, SCM_RIGHTS, self.shape.header + 4 * done);
            let header = header.get(..length).unwrap_or(&[]);
            // The descriptors are open whether or not the caller can see them.
            let _ = UserSlice::new(self.at, length).write(header);
            self.advance(self.shape.space(4 * done));
        }
        if done < rights.files.count() {
            self.truncated = true;
        }
    }
    /// Writes all that came with a message. The flags that the caller is told besides.
    pub fn write(mut self, options: &SocketOptions, incoming: &mut Incoming) -> (u32, usize) {
        const SCM_TIMESTAMP: i32 = 29;
        const SCM_TIMESTAMPNS: i32 = 35;
        if let Some(time) = incoming.time.filter(|_| options.wants_time()) {
            let nanoseconds = options.time_has_nanoseconds();
            let (kind, part) = if nanoseconds { (SCM_TIMESTAMPNS, 1) } else { (SCM_TIMESTAMP, 1000) };
            let (seconds, rest) = (time / 1_000_000_000, time % 1_000_000_000 / part);
            match self.task.abi() {
                Abi::I386 => {
                    let bytes = [(seconds as u32).to_ne_bytes(), (rest as u32).to_ne_bytes()];
                    self.put(kind, bytes.as_flattened());
                }
                _ => self.put(kind, [seconds.to_ne_bytes(), rest.to_ne_bytes()].as_flattened()),
            }
        }
        let notes = incoming.notes.take();
        if let Some(group) = notes.and_then(|notes| notes.group) {
            use super::netlink::{PACKET_INFORMATION, SOL_NETLINK};
            self.put_at(SOL_NETLINK, PACKET_INFORMATION, &group.to_ne_bytes());
        }
        let rights = incoming.rights.take();
        if self.at == 0 {
            self.truncated |= options.passes_credentials() || rights.is_some();
        } else {
            if options.passes_credentials() {
                let shown = |user: u32, group: u32| {
                    self.task.with_credentials(|own| (own.namespace.user(user), own.namespace.group(group)))
                };
                let bytes = match (&incoming.credentials, notes) {
                    (_, Some(NetlinkNotes { credentials: [process, user, group], .. })) => {
                        let (user, group) = shown(user, group);
                        [process, user, group].map(u32::to_ne_bytes)
                    }
                    (Some(MessageCredentials { process, user, group }), None) => {
                        let process = process.number_in(self.task.pid_namespace());
                        let (user, group) = shown(*user, *group);
                        [process, user, group].map(u32::to_ne_bytes)
                    }
                    (None, None) => [0, OVERFLOW_ID, OVERFLOW_ID].map(u32::to_ne_bytes),
                };
                self.put(SCM_CREDENTIALS, bytes.as_flattened());
            }
            if let Some(rights) = &rights {
                self.put_rights(rights, incoming.has(message_flag::CLOSE_ON_EXEC));
            }
        }
        // Files that nobody gets are closed here.
        drop(rights);
        let flags = if self.truncated { message_flag::CONTROL_TRUNCATED } else { 0 };
        (flags, self.left)
    }
}

/// User and group of a sender that nobody asked for.
const OVERFLOW_ID: u32 = 65534;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_32_bits_have_half_the_size() {
        let mut bytes = [0u8; 56];
        bytes[8] = 2;
        bytes[16] = 3;
        bytes[24] = 4;
        bytes[32] = 5;
        bytes[40] = 6;
        let wide = MessageHeader::decode(Abi::X86_64, &bytes);
        assert_eq!((wide.name_length, wide.vector.0, wide.count, wide.control, wide.control_length), (2, 3, 4, 5, 6));
        let mut bytes = [0u8; 28];
        (bytes[4], bytes[8], bytes[12], bytes[16], bytes[20], bytes[24]) = (2, 3, 4, 5, 6, 7);
        let narrow = MessageHeader::decode(Abi::I386, &bytes);
        assert_eq!((narrow.vector.0, narrow.count, narrow.control_length, narrow.flags), (3, 4, 6, 7));
    }
}
