//! Names: bind(2), getsockname(2), and finding the socket of an address.
use super::table::{self, Key};
use super::{Kind, UnixSocket, network_of};
use crate::error::*;
use crate::file::attributes::{Access, FileType, MODE_BITS};
use crate::file::open_file::File;
use crate::file::walk::{resolve, walk_flag};
use crate::file::{DeviceNumber, entry};
use crate::net::SocketAddress;
use crate::process::Task;
use crate::syscall::Fd;
use alloc::sync::Arc;
use core::fmt::Write;
use machine::memory::try_arc;

/// Bytes in front of the path in `struct sockaddr_un`, and of the whole.
const PATH_OFFSET: usize = 2;
const STRUCTURE: usize = 110;

/// Checks an address that names something: EINVAL.
pub(super) fn validate(address: &SocketAddress) -> Result<()> {
    let length = address.as_bytes().len();
    if length <= PATH_OFFSET || length > STRUCTURE || address.family() != Some(super::FAMILY as u16) {
        return Err(EINVAL);
    }
    Ok(())
}
/// The path of an address in the file system, without the NUL that ends it; none for one of bytes alone.
fn path(address: &SocketAddress) -> Option<&[u8]> {
    let path = address.as_bytes().get(PATH_OFFSET..)?;
    if path.first() == Some(&0) {
        return None;
    }
    let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
    path.get(..end)
}

/// The socket that an address names, of this kind: ECONNREFUSED where nobody has the name, EPROTOTYPE where it is of another kind,
/// and what is wrong with the path.
pub(super) fn find(task: &Task, address: &SocketAddress, kind: Kind) -> Result<Arc<UnixSocket>> {
    let Some(path) = path(address) else {
        let key = Key::Abstract { network: network_of(task), kind, address: try_arc(*address)? };
        return table::find(&key).ok_or(ECONNREFUSED);
    };
    let found = resolve(task, Fd::WORKING_DIRECTORY, path, walk_flag::FOLLOW)?;
    let inode = found.inode()?;
    task.with_credentials(|own| inode.operations().permission(inode, own, Access::WRITE))?;
    let socket = table::find(&Key::of_inode(inode)).ok_or(ECONNREFUSED)?;
    if socket.kind != kind {
        return Err(EPROTOTYPE);
    }
    found.touch_accessed();
    Ok(socket)
}

impl UnixSocket {
    /// getsockname(2), or getpeername(2): ENOTCONN.
    pub(super) fn name(&self, peer: bool) -> Result<SocketAddress> {
        let address = match peer {
            true => self.peer().ok_or(ENOTCONN)?.state.lock().address.clone(),
            false => self.state.lock().address.clone(),
        };
        Ok(match address {
            Some(address) => *address,
            None => SocketAddress::new(&(super::FAMILY as u16).to_ne_bytes()),
        })
    }
    fn is_bound(&self) -> bool {
        self.state.lock().address.is_some()
    }
    /// Puts a name into the table and keeps it: EADDRINUSE, EINVAL if there is one already.
    fn take_name(self: &Arc<Self>, key: Key, address: Arc<SocketAddress>) -> Result<()> {
        let name = table::bind(key, self)?;
        let mut state = self.state.lock();
        if state.address.is_none() && !self.is_dead() {
            state.address = Some(address);
            state.name = Some(name);
            return Ok(());
        }
        drop(state);
        table::unbind(&name);
        Err(EINVAL.because("bound already"))
    }
    /// bind(2). `file` is the socket's own: the mode of its inode is that of a new one.
    pub(super) fn bind(self: &Arc<Self>, task: &Task, file: &File, address: &SocketAddress) -> Result<()> {
        if address.as_bytes().len() == PATH_OFFSET && address.family() == Some(super::FAMILY as u16) {
            return self.bind_automatically(task);
        }
        validate(address)?;
        match path(address) {
            Some(path) => self.bind_path(task, file, path),
            None => {
                if self.is_bound() {
                    return Err(EINVAL.because("bound already"));
                }
                let address = try_arc(*address)?;
                let key = Key::Abstract { network: network_of(task), kind: self.kind, address: address.clone() };
                self.take_name(key, address)
            }
        }
    }
    /// Binds to an abstract name that nobody has: five digits.
    pub(super) fn bind_automatically(self: &Arc<Self>, task: &Task) -> Result<()> {
        let mut seed = [0; 4];
        crate::random::fill(&mut seed);
        let first = u32::from_ne_bytes(seed);
        for attempt in 0..=0xf_ffff {
            if self.is_bound() {
                return Ok(());
            }
            let mut name = crate::file::text::Line::<6>::new();
            let _ = write!(name, "\0{:05x}", first.wrapping_add(attempt) & 0xf_ffff);
            let mut bytes = [0; PATH_OFFSET + 6];
            let family = (super::FAMILY as u16).to_ne_bytes();
            bytes.iter_mut().zip(family.iter().chain(name.as_bytes())).for_each(|(to, from)| *to = *from);
            let address = try_arc(SocketAddress::new(&bytes))?;
            let key = Key::Abstract { network: network_of(task), kind: self.kind, address: address.clone() };
            match self.take_name(key, address) {
                Err(EADDRINUSE) => {}
                // Somebody else has bound it meanwhile.
                Err(EINVAL) => return Ok(()),
                result => return result,
            }
        }
        Err(ENOSPC)
    }
    /// Binds to a path, which is made as mknod(2) makes it.
    fn bind_path(self: &Arc<Self>, task: &Task, file: &File, path: &[u8]) -> Result<()> {
        let permissions = file.inode().mode() & MODE_BITS & !task.context().umask();
        let mode = FileType::Socket as u32 | permissions;
        let mut bytes = [0; STRUCTURE + 1];
        let family = (super::FAMILY as u16).to_ne_bytes();
        bytes.iter_mut().zip(family.iter().chain(path)).for_each(|(to, from)| *to = *from);
        // The length of a path counts a NUL, whether or not the caller gave one.
        let length = PATH_OFFSET + path.len() + 1;
        let address = try_arc(SocketAddress::new(bytes.get(..length).unwrap_or(&bytes)))?;
        let made = entry::create(task, Fd::WORKING_DIRECTORY, path, false, |credentials, directory, parent| {
            if self.is_bound() {
                return Err(EINVAL.because("bound already"));
            }
            let new = entry::new_inode(credentials, directory, mode, DeviceNumber::default());
            let inode = directory.operations().create(directory, &parent.name, &new)?;
            if let Err(error) = self.take_name(Key::of_inode(&inode), address) {
                let _ = directory.operations().unlink(directory, &parent.name, &inode);
                return Err(error);
            }
            self.state.lock().place = Some((parent.directory.mount.clone(), inode.clone()));
            Ok(inode)
        });
        made.map_err(|error| if error == EEXIST { EADDRINUSE } else { error })
    }
}
