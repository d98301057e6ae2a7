//! setns(2): entering namespaces that a descriptor names.
use super::{Kind, Namespace, NamespaceSet, UserNamespace};
use crate::error::*;
use crate::file::{FileSystemContext, nsfs};
use crate::process::clone::flags;
use crate::process::credentials::may_inspect;
use crate::process::{Capability, Credentials, Task, pidfd};
use crate::syscall::Fd;
use alloc::sync::Arc;

const KINDS: u64 = flags::PRIVILEGED | flags::NEWUSER;

/// What is to be entered, checked and gathered before anything changes.
struct Change<'a> {
    task: &'a Task,
    set: NamespaceSet,
    /// The namespace whose capabilities the other ones are entered with: that which is entered too, else the caller's.
    users: Arc<UserNamespace>,
    credentials: Option<Credentials>,
    context: Option<Arc<FileSystemContext>>,
    mounts: Option<Arc<crate::file::MountNamespace>>,
}

impl Change<'_> {
    /// EPERM unless the caller may do this to what the namespace owns and, with what it will be, in its own.
    fn check(&self, owner: &Arc<UserNamespace>) -> Result<()> {
        let may = |namespace| self.task.capable_in(namespace, Capability::SysAdmin);
        if may(owner) && may(&self.users) { Ok(()) } else { Err(EPERM) }
    }
    fn add(&mut self, namespace: &Namespace) -> Result<()> {
        match namespace {
            Namespace::User(users) => {
                let own = self.task.credentials();
                if Arc::ptr_eq(users, &own.namespace)
                    || self.task.group().thread_count() > 1
                    || self.task.context().users() != 1
                {
                    return Err(EINVAL);
                }
                if !own.capable_in(users, Capability::SysAdmin) {
                    return Err(EPERM);
                }
                let mut own = own.try_copy()?;
                own.enter(users.clone());
                self.credentials = Some(own);
                self.users = users.clone();
            }
            Namespace::Mount(mounts) => {
                self.check(&mounts.identity().owner)?;
                if !self.task.capable_in(&self.users, Capability::SysChroot) {
                    return Err(EPERM);
                }
                if self.context.is_none() && self.task.context().users() != 1 {
                    return Err(EINVAL.because("root and working directory are shared"));
                }
                self.mounts = Some(mounts.clone());
            }
            Namespace::Uts(uts) => {
                self.check(&uts.identity.owner)?;
                self.set.uts = uts.clone();
            }
            Namespace::Ipc(ipc) => {
                self.check(&ipc.identity.owner)?;
                self.set.ipc = ipc.clone();
            }
            Namespace::Pid(pid) => {
                self.check(&pid.identity.owner)?;
                if !pid.is_within(self.task.pid_namespace()) {
                    return Err(EINVAL.because("not below the caller's pid namespace"));
                }
                self.set.pid_for_children = pid.clone();
            }
            Namespace::Network(network) => {
                self.check(&network.identity.owner)?;
                self.set.network = network.clone();
            }
            Namespace::Cgroup(cgroup) => {
                self.check(&cgroup.identity.owner)?;
                self.set.cgroup = cgroup.clone();
            }
            Namespace::Time(time) => {
                if self.task.group().thread_count() > 1 {
                    return Err(EUSERS);
                }
                self.check(&time.identity.owner)?;
                self.set.time = time.clone();
                self.set.time_for_children = time.clone();
            }
        }
        Ok(())
    }
    /// Enters what was gathered. What can fail comes first.
    fn commit(self) -> Result<()> {
        let set = machine::memory::try_arc(self.set)?;
        let credentials = self.credentials.map(machine::memory::try_arc).transpose()?;
        if let Some(mounts) = self.mounts {
            let root = mounts.root_path();
            let context = self.context.as_ref().map_or_else(|| self.task.context(), Arc::clone);
            context.change(|places| {
                places.root = root.clone();
                places.working_directory = root;
                places.namespace = mounts;
            })?;
        }
        if let Some(context) = self.context {
            drop(self.task.replace_context(context));
        }
        if !Arc::ptr_eq(&set.time, &self.task.namespaces().time) {
            self.task.take_clocks(&set.time);
            crate::process::exec::fit_vdso(self.task, self.task)?;
        }
        if !Arc::ptr_eq(&self.task.namespaces().ipc, &set.ipc) {
            crate::ipc::system_v::semaphore::leave(self.task);
        }
        self.task.set_namespaces(set);
        if let Some(credentials) = credentials {
            let hidden = self.task.credentials().hides_from(&credentials);
            self.task.set_credentials(credentials);
            if hidden {
                self.task.group().dumpable.store(0, core::sync::atomic::Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

/// The namespace of a kind that a task is in; `None` once it has left them.
pub fn namespace_of(task: &Task, kind: Kind) -> Option<Namespace> {
    let set = || (!task.has_flag(crate::process::task::flag::EXITING)).then(|| task.namespaces());
    Some(match kind {
        Kind::User => Namespace::User(task.credentials().namespace.clone()),
        Kind::Pid => Namespace::Pid(task.pid_namespace().clone()),
        Kind::Uts => Namespace::Uts(set()?.uts.clone()),
        Kind::Ipc => Namespace::Ipc(set()?.ipc.clone()),
        Kind::Network => Namespace::Network(set()?.network.clone()),
        Kind::Mount => Namespace::Mount(task.context_if_any()?.namespace()),
        Kind::Cgroup => Namespace::Cgroup(set()?.cgroup.clone()),
        Kind::Time => Namespace::Time(set()?.time.clone()),
    })
}

/// The namespaces of a process that CLONE_NEW* `bits` name. ESRCH for one that has ended, EPERM for one the caller may not look
/// into.
fn namespaces_of(task: &Task, target: &Task, bits: u64) -> Result<[Option<Namespace>; 8]> {
    if !may_inspect(task, target, true) {
        return Err(EPERM);
    }
    const ORDER: [Kind; 8] =
        [Kind::User, Kind::Mount, Kind::Uts, Kind::Ipc, Kind::Pid, Kind::Cgroup, Kind::Network, Kind::Time];
    let mut found = [const { None }; 8];
    for (kind, place) in ORDER.into_iter().zip(&mut found) {
        if bits & kind.flag() != 0 {
            *place = Some(namespace_of(target, kind).ok_or(ESRCH)?);
        }
    }
    Ok(found)
}

/// setns(2): `fd` is a file of /proc/PID/ns, or a pidfd with the kinds of namespaces to take from its process.
pub fn setns(task: &Task, fd: Fd, kinds: i32) -> Result<()> {
    let file = task.files().get_io(fd)?;
    let kinds = u64::from(kinds as u32);
    let named = nsfs::namespace_of(&file);
    let (bits, named) = match named {
        Some(named) if kinds != 0 && kinds != named.kind().flag() => return Err(EINVAL),
        Some(named) => (named.kind().flag(), [Some(named), None, None, None, None, None, None, None]),
        None => {
            let Ok((entry, _)) = pidfd::entry_of(task, fd) else { return Err(EINVAL) };
            if kinds == 0 || kinds & !KINDS != 0 {
                return Err(EINVAL);
            }
            let target = entry.task().ok_or(ESRCH)?;
            (kinds, namespaces_of(task, &target, kinds)?)
        }
    };
    let context = match bits {
        // Alone it changes the places there are.
        flags::NEWNS => None,
        bits if bits & flags::NEWNS != 0 => Some(task.context().copy()?),
        _ => None,
    };
    let mut change = Change {
        task,
        set: NamespaceSet::clone(&task.namespaces()),
        users: task.credentials().namespace.clone(),
        credentials: None,
        context,
        mounts: None,
    };
    named.iter().flatten().try_for_each(|namespace| change.add(namespace))?;
    change.commit()
}
