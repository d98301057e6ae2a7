//! The kernel's locks with their ranks. A task may take a lock only while every lock it holds ranks lower.
//!
//! This is the one list of lock ranks; `docs/architecture.md` explains the order.
use crate::wait::WaitQueue;
pub use machine::rcu::{RcuCell, RcuGuard};
pub use machine::sync::{IrqLock, Once, OnceArc, Rank, SequenceCount, SpinLock};

/// A sleeping mutual-exclusion lock.
pub type Mutex<T> = machine::sync::Mutex<T, WaitQueue>;
/// A held [`Mutex`].
pub type MutexGuard<'a, T> = machine::sync::MutexGuard<'a, T, WaitQueue>;
/// A sleeping readers-writer lock.
pub type RwLock<T> = machine::sync::RwLock<T, WaitQueue>;

/// The ranks, outermost first. Sleeping locks come before spin locks.
pub mod rank {
    use super::Rank;
    macro_rules! ranks { ($($name:ident = $value:literal, $what:literal;)*) => { $(#[doc = $what] pub const $name: Rank = Rank($value, $what);)* } }
    ranks! {
        // Sleeping locks.
        SCHEDULING = 39, "changes of scheduling policy";
        MODULES = 40, "the list of modules";
        OOM = 45, "the choice of the OOM killer";
        EXEC = 50, "a process's credentials being changed by execve (cred guard)";
        PERFORMANCE_EVENTS = 57, "which performance events count, and for whom";
        PERFORMANCE_EVENT = 58, "a performance event, a group's leader before its members";
        BPF_MAP = 151, "the elements of a map of bpf(2)";
        PROCESS_TIMERS = 75, "a process's interval and POSIX timers";
        PROCESSOR_TIMERS = 76, "the timers that count a process's processor time";
        CLOCK_FOLLOWERS = 77, "who is told that the wall clock was set";
        TTY_CONFIGURATION = 80, "a terminal's settings and open count";
        ACCOUNTING = 98, "where a pid namespace's records of ended processes go";
        MOUNT_TREE = 100, "the mount tree of a namespace";
        USER_NAMESPACE = 95, "the maps of a user namespace being written";
        RENAME = 110, "a file system's rename lock";
        INODE = 120, "an inode's content and directory lock; parent before child, then by address";
        FILE_POSITION = 115, "an open file description's position";
        ADDRESS_SPACE = 140, "the VMAs of an address space";
        IPC_TABLE = 145, "the System V objects of a kind in a namespace";
        IPC_UNDO = 146, "the semaphore sets that a process has something to undo in";
        IPC_OBJECT = 147, "a semaphore set or message queue";
        PAGE_CACHE_FILL = 150, "a page being read in";
        PIPE = 160, "a pipe's buffers";
        TTY_DATA = 165, "a terminal's line discipline";
        DENTRY_CACHE = 130, "a stripe of the dentry cache's writers";
        CONTROL_GROUPS = 121, "the tree of control groups";
        CONTROL_GROUP = 122, "the groups in a control group";
        SYSFS = 124, "the entries of a directory of sysfs";
        TMPFS = 125, "the entries of a tmpfs directory";
        NOTIFICATION = 129, "the watches of an inotify instance";
        INODE_LISTS = 128, "the inodes that are watched, those that have locks";
        FILE_LOCKS = 127, "an inode's advisory locks, then who waits for whom";
        DEVICE_REGISTRY = 135, "the list of device drivers";
        MODULE_PARTS = 134, "the calls and devices of modules";
        FILE_SYSTEM_CONTEXT = 137, "changes of root and working directory";
        INODE_TABLE = 125, "a remote file system's inodes by number";
        NETWORK_CHANGES = 154, "changes of a network namespace's devices";
        SOCKETS_IN_FLIGHT = 155, "sockets in messages that nobody has received yet";
        SOCKET_READING = 158, "who takes messages out of a socket's queue";
        EPOLL_NESTING = 168, "epoll instances that watch one another";
        PEER_GROUP = 167, "the mounts of a peer group";
        EPOLL = 170, "an epoll instance's interest list";
        // Spin locks.
        CONTROL_GROUP_STATES = 303, "what is shown of control groups";
        PROCESS_TABLE = 310, "process tree links: parents, children, groups, sessions";
        PROCESS_GROUP = 312, "the members of a process group";
        FUTEX = 313, "a futex hash bucket: owners are looked for under it";
        PROCESS_FAMILY = 314, "a process's parent and children";
        NAMESPACE = 315, "a namespace's tables";
        PID_ENTRY = 316, "who bears a process id";
        FUTEX_CHAINS = 317, "who owns priority-inheriting futexes, and who waits for whom";
        FUTEX_DONORS = 318, "a task's part in that";
        FILE_TABLE = 320, "a descriptor table";
        DENTRY = 340, "the writers of the rename count";
        INODE_CACHE = 350, "a superblock's inode table";
        PAGE_CACHES = 358, "the list of page caches that can shrink";
        MAPPING = 360, "a page cache's tree of pages";
        EPOLL_ITEM = 172, "an epoll item's places on wait queues";
        REVERSE_MAP = 370, "the address spaces that map a file";
        NETWORK_DEVICE = 371, "a network device's flags and addresses";
        SOCKET_NAMES = 372, "a stripe of the tables of sockets";
        SOCKET_STATE = 374, "what a socket is connected to and named";
        SOCKET_QUEUE = 376, "the messages a socket has not received yet";
        SOCKET_RIGHTS = 378, "the files of a message";
        SIGNAL = 380, "a process's signal handlers and queues";
        SIGNAL_ACTIONS = 384, "a table of signal actions";
        SIGNAL_THREAD = 388, "a thread's own signal queue";
        SIGNAL_LIST = 304, "who is to get SIGIO of an object";
        TTY_CONTROL = 305, "a terminal's session and foreground group";
        DEVICE = 420, "a device's registers and queues";
        WAIT_QUEUE = 440, "a wait queue (nested: epoll's, then the task's)";
        EPOLL_READY = 450, "an epoll instance's ready list";
        TIMER_STATE = 455, "how a timer goes on once it has expired";
        DUE_TIMERS = 456, "timers whose signals are to be sent";
        TIMER = 460, "a CPU's timers";
        TASK_STATE = 470, "a task's scheduling state";
        RUN_QUEUE = 480, "a CPU's run queue; two in order of CPU number";
        RANDOM_CPU = 880, "a CPU's random number generator";
        RANDOM_BASE = 890, "the key from which all CPUs draw theirs";
        LOG_PLACES = 894, "where syslog(2) goes on reading";
        LOG = 895, "the kernel log";
        LEAF = 900, "locks under which no other lock is taken";
    }
}
