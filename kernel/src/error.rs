//! Errors inside the kernel: an errno, or the wish to restart the call after a signal.
use abi::Errno;

/// Why a system call (or a step of one) did not succeed.
///
/// Small enough to travel in a register. Restart codes are a kind of their own: they are decided on the way back to user
/// mode and never seen there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// An error that user space sees.
    Errno(Errno),
    /// The call was interrupted by a signal.
    Restart(Restart),
}

/// What becomes of an interrupted call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// Restarted if the handler has SA_RESTART or no handler runs, else EINTR (Linux: ERESTARTSYS).
    System,
    /// Restarted if no handler runs, else EINTR (ERESTARTNOHAND).
    NoHandler,
    /// Always restarted (ERESTARTNOINTR).
    Always,
    /// Resumed through restart_syscall with the task's restart block, EINTR if a handler runs (ERESTART_RESTARTBLOCK).
    Block,
}

/// The result of a step that may fail.
pub type Result<T, E = Error> = core::result::Result<T, E>;

impl Error {
    /// The error number user space would see if the call ended now.
    pub const fn errno(self) -> Errno {
        match self {
            Error::Errno(errno) => errno,
            Error::Restart(_) => Errno::EINTR,
        }
    }

    /// Notes why this error arose, for the trace; costs nothing where nobody traces.
    pub fn because(self, reason: &'static str) -> Error {
        crate::trace::note_reason(reason);
        self
    }

    /// The value for the result register: a negative errno, or the internal code of a restart.
    #[inline]
    pub const fn into_register(self) -> i64 {
        match self {
            Error::Errno(errno) => -(errno.number() as i64),
            Error::Restart(Restart::System) => -512,
            Error::Restart(Restart::Always) => -513,
            Error::Restart(Restart::NoHandler) => -514,
            Error::Restart(Restart::Block) => -516,
        }
    }
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Error::Errno(errno)
    }
}

impl From<machine::OutOfMemory> for Error {
    fn from(_: machine::OutOfMemory) -> Self {
        ENOMEM
    }
}

impl From<alloc::collections::TryReserveError> for Error {
    fn from(_: alloc::collections::TryReserveError) -> Self {
        ENOMEM
    }
}

impl From<core::fmt::Error> for Error {
    /// Text that does not fit into memory is the only reason to fail.
    fn from(_: core::fmt::Error) -> Self {
        ENOMEM
    }
}

impl From<machine::user::Fault> for Error {
    fn from(_: machine::user::Fault) -> Self {
        EFAULT
    }
}

/// The call is to be restarted as SA_RESTART says.
pub const ERESTARTSYS: Error = Error::Restart(Restart::System);
/// The call is to be restarted unless a handler runs.
pub const ERESTARTNOHAND: Error = Error::Restart(Restart::NoHandler);
/// The call is to be restarted in any case.
pub const ERESTARTNOINTR: Error = Error::Restart(Restart::Always);
/// The call is to be resumed by the task's restart block.
pub const ERESTART_RESTARTBLOCK: Error = Error::Restart(Restart::Block);

macro_rules! errno_constants {
    ($($name:ident)*) => { $(
        #[doc = concat!("See [`Errno::", stringify!($name), "`].")]
        pub const $name: Error = Error::Errno(Errno::$name);
    )* };
}
errno_constants! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST
    EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM
    ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG
    EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG
    EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC
    ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE
    ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL
    ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT
    ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT
    ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL
    EHWPOISON
}
