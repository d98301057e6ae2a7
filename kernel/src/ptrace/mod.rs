//! Tracing of processes by processes (ptrace(2)).
//!
//! Every task has a [`Tracee`]: who traces it, with which options, and the stop it is in. Links between tracers and tracees
//! change under the process tree's lock; a stop begins and ends under the lock of the tracee's process's signals, since stops,
//! SIGCONT and SIGKILL exclude one another. A tracer looks at registers only while no CPU runs the tracee
//! (`Thread::while_stopped`), each request atomically; a tracee that SIGKILL wakes meanwhile answers ESRCH from then on.
mod attach;
mod call;
mod debug;
mod end;
mod event;
mod fpu_32;
mod registers;
pub(crate) mod regset;
mod request;
mod resume;
mod siginfo;
mod state;
mod stop;
mod tracee;
mod user_area;

pub use attach::{attached_by, inherit, is_traced_by_unprivileged, unlink};
pub use call::{call_begins, call_ends};
pub use debug::debug_exception;
pub use end::{collect, end_tracer, forget_former_leader, release_ended, tell_end};
pub use event::{Event, event, exec_done, exit_stop, of_clone};
pub(crate) use request::architecture;
pub use request::ptrace;
pub use resume::{enter_handler, leave_step_mode};
pub use state::Tracee;
pub(crate) use stop::{handler_entered, is_reparented, signal_stop, tell_tracer, trap, trap_notify};
pub(crate) use tracee::while_asleep;
pub use tracee::{is_own, look, refresh};

/// Tag of the links on a tracer's list.
pub const TRACEE: usize = 3;
