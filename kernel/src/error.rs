//! Errors inside the kernel: an errno, or the wish to restart the call after a signal.
use abi::Errno;
use core::fmt;
use core::num::NonZeroU64;

/// Why a system call (or a step of one) did not succeed: an errno that user space sees, or a restart, which is decided on the
/// way back to user mode and never seen there.
///
/// One word that is never zero: a result with it travels in registers, and none is larger than it must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(NonZeroU64);

/// What becomes of an interrupted call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// Restarted if the handler has SA_RESTART or no handler runs, else EINTR (Linux: ERESTARTSYS).
    System = 512,
    /// Always restarted (ERESTARTNOINTR).
    Always = 513,
    /// Restarted if no handler runs, else EINTR (ERESTARTNOHAND).
    NoHandler = 514,
    /// Resumed through restart_syscall with the task's restart block, EINTR if a handler runs (ERESTART_RESTARTBLOCK).
    Block = 516,
}
impl Restart {
    /// The restart whose code is in a result register.
    pub fn from_register(value: i64) -> Option<Restart> {
        let all = [Restart::System, Restart::Always, Restart::NoHandler, Restart::Block];
        all.into_iter().find(|restart| *restart as i64 == value.wrapping_neg())
    }
}

/// The result of a step that may fail.
pub type Result<T, E = Error> = core::result::Result<T, E>;

impl Error {
    const fn from_code(code: u64) -> Error {
        match NonZeroU64::new(code) {
            Some(code) => Error(code),
            None => panic!("neither an errno nor a restart"),
        }
    }
    const fn restart_of(restart: Restart) -> Error {
        Error::from_code(restart as u64)
    }

    /// Whether it is the wish to restart the call.
    pub const fn is_restart(self) -> bool {
        self.0.get() >= Restart::System as u64
    }

    /// The errno, unless it is the wish to restart the call.
    pub fn errno(self) -> Option<Errno> {
        if self.is_restart() { None } else { u16::try_from(self.0.get()).ok().and_then(Errno::from_number) }
    }

    /// Notes why this error arose, for the trace; costs nothing where nobody traces.
    pub fn because(self, reason: &'static str) -> Error {
        crate::trace::note_reason(reason);
        self
    }

    /// The value for the result register: a negative errno, or the internal code of a restart.
    #[inline(always)]
    pub const fn into_register(self) -> i64 {
        (self.0.get() as i64).wrapping_neg()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.0.get();
        match u16::try_from(code).ok().and_then(Errno::from_number) {
            Some(errno) => errno.fmt(f),
            None => write!(f, "restart {code}"),
        }
    }
}

impl From<Errno> for Error {
    #[inline]
    fn from(errno: Errno) -> Self {
        Error::from_code(errno.number() as u64)
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
pub const ERESTARTSYS: Error = Error::restart_of(Restart::System);
/// The call is to be restarted unless a handler runs.
pub const ERESTARTNOHAND: Error = Error::restart_of(Restart::NoHandler);
/// The call is to be restarted in any case.
pub const ERESTARTNOINTR: Error = Error::restart_of(Restart::Always);
/// The call is to be resumed by the task's restart block.
pub const ERESTART_RESTARTBLOCK: Error = Error::restart_of(Restart::Block);

macro_rules! errno_constants {
    ($($name:ident)*) => { $(
        #[doc = concat!("See [`Errno::", stringify!($name), "`].")]
        pub const $name: Error = Error::from_code(Errno::$name.number() as u64);
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
