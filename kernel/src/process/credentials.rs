//! Credentials: user and group ids, capabilities, securebits. Immutable; a change replaces them whole.
use alloc::vec::Vec;

/// A capability number (capabilities(7)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Capability {
    Chown = 0,
    DacOverride,
    DacReadSearch,
    Fowner,
    Fsetid,
    Kill,
    Setgid,
    Setuid,
    Setpcap,
    LinuxImmutable,
    NetBindService,
    NetBroadcast,
    NetAdmin,
    NetRaw,
    IpcLock,
    IpcOwner,
    SysModule,
    SysRawio,
    SysChroot,
    SysPtrace,
    SysPacct,
    SysAdmin,
    SysBoot,
    SysNice,
    SysResource,
    SysTime,
    SysTtyConfig,
    Mknod,
    Lease,
    AuditWrite,
    AuditControl,
    Setfcap,
    MacOverride,
    MacAdmin,
    Syslog,
    WakeAlarm,
    BlockSuspend,
    AuditRead,
    Perfmon,
    Bpf,
    CheckpointRestore,
}

/// Who a task is.
#[derive(Clone)]
#[allow(missing_docs)]
pub struct Credentials {
    pub user: u32,
    pub effective_user: u32,
    pub saved_user: u32,
    pub file_system_user: u32,
    pub group: u32,
    pub effective_group: u32,
    pub saved_group: u32,
    pub file_system_group: u32,
    pub groups: Vec<u32>,
    pub permitted: u64,
    pub effective: u64,
    pub inheritable: u64,
    pub bounding: u64,
    pub ambient: u64,
    pub securebits: u32,
    pub no_new_privileges: bool,
}
impl Credentials {
    /// The kernel's own: user and group 0 with every capability.
    pub fn kernel() -> Credentials {
        let all = (1 << (Capability::CheckpointRestore as u8 + 1)) - 1;
        Credentials {
            user: 0,
            effective_user: 0,
            saved_user: 0,
            file_system_user: 0,
            group: 0,
            effective_group: 0,
            saved_group: 0,
            file_system_group: 0,
            groups: Vec::new(),
            permitted: all,
            effective: all,
            inheritable: 0,
            bounding: all,
            ambient: 0,
            securebits: 0,
            no_new_privileges: false,
        }
    }
    /// Whether a file's group is the file-system group or one of the supplementary ones.
    pub fn in_group(&self, group: u32) -> bool {
        self.file_system_group == group || self.groups.contains(&group)
    }
    /// Whether the effective set holds the capability.
    pub fn capable(&self, capability: Capability) -> bool {
        self.effective & 1 << capability as u8 != 0
    }
}
