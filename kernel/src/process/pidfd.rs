//! Descriptors that name processes: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2).
use super::Task;
use super::credentials::may_inspect;
use super::pid::PidEntry;
use crate::error::*;
use crate::file::{File, FileOperations, PollEvents, PollTable};
use crate::signal::{SI_TKILL, SI_USER, SignalInfo};
use crate::syscall::{Fd, Pid, UserPtr};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;

const O_NONBLOCK: u32 = 0o4000;
const O_RDWR: u32 = 2;
const PIDFD_NONBLOCK: u32 = O_NONBLOCK;

/// The file behind a pidfd.
struct PidFile(Arc<PidEntry>);

impl PidFile {
    fn has_ended(&self) -> bool {
        self.0.task().is_none_or(|task| task.group().is_zombie())
    }
}
impl FileOperations for PidFile {
    fn poll(&self, _file: &File, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.0.ended);
        }
        if self.has_ended() { PollEvents::IN | PollEvents::RDNORM } else { PollEvents::NONE }
    }
    fn is_seekable(&self) -> bool {
        false
    }
    fn show_information(&self, _file: &File, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        let namespace = Task::current().pid_namespace();
        if self.0.task().is_none() {
            return out.write_str("Pid:\t-1\nNSpid:\t-1\n");
        }
        let number = self.0.number_in(namespace);
        write!(out, "Pid:\t{number}\nNSpid:\t{number}")?;
        self.0.numbers_from(namespace).skip(1).try_for_each(|number| write!(out, "\t{number}"))?;
        out.write_str("\n")
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Makes a pidfd's file.
pub(super) fn open(pid: Arc<PidEntry>, flags: u32) -> Result<Arc<File>> {
    let operations: Box<dyn FileOperations> = machine::memory::try_box(PidFile(pid))?;
    File::anonymous(operations, "anon_inode:[pidfd]", O_RDWR | flags)
}

/// The process a pidfd names, and whether the descriptor is non-blocking; EBADF for another file.
pub(crate) fn entry_of(task: &Task, fd: Fd) -> Result<(Arc<PidEntry>, bool)> {
    let file = task.files().get(fd)?;
    let entry = file.downcast::<PidFile>().ok_or(EBADF)?.0.clone();
    Ok((entry, file.is_nonblocking()))
}

/// pidfd_open(2).
pub fn pidfd_open(task: &Task, pid: Pid, flags: u32) -> Result<Fd> {
    if flags & !PIDFD_NONBLOCK != 0 || pid.0 <= 0 {
        return Err(EINVAL);
    }
    let entry = task.pid_namespace().find(pid.0 as u32).ok_or(ESRCH)?;
    // Only a thread group leader can be named.
    if !entry.task().ok_or(EINVAL)?.is_leader() {
        return Err(EINVAL);
    }
    task.files().install(open(entry, flags)?, 0, true)
}

/// pidfd_send_signal(2).
pub fn pidfd_send_signal(task: &Task, fd: Fd, signal: u32, info: UserPtr<SignalInfo>, flags: u32) -> Result<()> {
    if flags != 0 {
        return Err(EINVAL);
    }
    let file = task.files().get_io(fd)?;
    let pidfd = file.downcast::<PidFile>().map(|pidfd| pidfd.0.clone());
    // Before pidfd_open(2) there were the directories of processes.
    let entry = pidfd.or_else(|| crate::file::procfs::process_of(&file)).ok_or(EBADF)?;
    if !entry.namespace().is_within(task.pid_namespace()) {
        return Err(EINVAL.because("not in the caller's pid namespace"));
    }
    let sent = (!info.is_null()).then(|| SignalInfo::read_sent(task, info, signal)).transpose()?;
    let information = match sent {
        None => SignalInfo::sent(signal, SI_USER, task),
        Some(information) => {
            if information.signal != signal {
                return Err(EINVAL);
            }
            let own = entry.number() == task.group().id();
            if !own && (information.code >= 0 || information.code == SI_TKILL) {
                return Err(EPERM);
            }
            information
        }
    };
    let target = entry.task().ok_or(ESRCH)?;
    crate::signal::kill::send_checked(task, &target, information)
}

/// pidfd_getfd(2).
pub fn pidfd_getfd(task: &Task, fd: Fd, target: Fd, flags: u32) -> Result<Fd> {
    if flags != 0 {
        return Err(EINVAL);
    }
    let (entry, _) = entry_of(task, fd)?;
    let process = entry.task().ok_or(ESRCH)?;
    if !may_inspect(task, &process, true) {
        return Err(EPERM);
    }
    let file = process.files_if_any().ok_or(ESRCH)?.get(target)?;
    task.files().install(file, 0, true)
}
