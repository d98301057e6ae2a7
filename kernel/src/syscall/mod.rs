//! The system-call layer: one table, typed decoding, dispatch.
//!
//! A row of the table (`table/*.rs`) declares a call once: numbers per ABI, name, argument names, handler, state. The
//! handler is an ordinary function beside its subsystem whose parameters are the types of the arguments. From the row
//! follow dispatch, decoding, the trace line and the documentation.
//!
//! Handlers translate; the object works. Ten lines is the normal size of a handler.
pub mod argument;
pub mod dispatch;
pub mod multiplex;
pub mod reference;
pub mod row;
#[cfg(test)]
mod straddle;
pub mod table;
pub mod user;
pub mod user_dispatch;
pub mod watched;

pub use argument::{Argument, Fd, FileOffset, Flags, Pid, UserAddress};
pub use dispatch::dispatch;
pub(crate) use row::rows;
pub use row::{Answer, Row, State};
pub use user::{UserBytes, UserLayout, UserPath, UserPtr, UserSlice, UserWord};
