//! Signal-driven I/O (O_ASYNC in fcntl(2), signal(7)): SIGIO, or a signal of the program's choice, when a file becomes ready.
//!
//! An object that can become ready has a [`SignalList`] beside each of its wait queues and tells it of what happens, where Linux
//! does. While nobody asks, that costs one load. Whom signals go to is the open file's to say ([`SignalOwner`]), and is made when
//! it is first said.
mod calls;
mod list;
mod owner;

pub use calls::{
    get_owner, get_owner_extended, get_owner_users, get_signal, set_owner, set_owner_extended, set_signal,
};
pub use list::SignalList;
pub use owner::{OwnerKind, SignalOwner};

use super::File;
use crate::error::*;
use crate::syscall::Fd;

/// What happened, numbered as `si_code` tells it (POLL_* in sigaction(2)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// There is something to read.
    Input = 1,
    /// There is room to write.
    Output = 2,
    /// A message: a lease is broken, a directory has changed.
    Message = 3,
    /// An error.
    Error = 4,
    /// Something urgent to read.
    Priority = 5,
    /// The other end is gone.
    HungUp = 6,
}
impl Reason {
    /// `si_band`: the events of poll(2) that it stands for.
    fn band(self) -> u64 {
        match self {
            Reason::Input => 0x41,
            Reason::Output => 0x304,
            Reason::Message => 0x441,
            Reason::Error => 0x8,
            Reason::Priority => 0x82,
            Reason::HungUp => 0x18,
        }
    }
}

/// The lists an open file is put on by O_ASYNC: one, or two where its two directions are told apart.
pub type Lists<'a> = [Option<&'a SignalList>; 2];

/// Puts an open file on its lists (or takes it off) for signals that name `fd`; false if its kind has none. ENOMEM, ENOTTY.
pub fn request(file: &File, fd: Fd, on: bool) -> Result<bool> {
    let refused = file.operations().check_signals();
    let lists = file.operations().signal_lists(file);
    if lists.iter().all(Option::is_none) {
        return Ok(false);
    }
    let flag = super::open_file::open_flag::ASYNC;
    if on {
        refused?;
        let owner = file.signal_owner_made()?;
        for list in lists.into_iter().flatten() {
            list.add(file, fd, &owner)?;
        }
        file.operations().signals_requested(&owner);
        file.change_flags(0, flag);
    } else {
        // O_ASYNC of open(2) put it on no list, and stays, as on Linux; a hang-up took it off.
        if forget(file) || refused.is_err() {
            file.change_flags(flag, 0);
        }
    }
    Ok(true)
}

/// Takes an open file off its lists; whether it was on one.
pub fn forget(file: &File) -> bool {
    let [first, second] = file.operations().signal_lists(file).map(|list| list.is_some_and(|list| list.remove(file)));
    first || second
}
