//! Character devices that modules make: nodes in /dev, of one major number.
use super::services::error_of;
use super::{Module, User};
use crate::device::{add_character_node, register_character, remove_character_node, unregister_character};
use crate::error::*;
use crate::file::{File, FileOperations, Inode, IoBuffer};
use crate::process::Task;
use crate::sync::{RwLock, rank};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use machine::memory::{try_arc, try_box};
use machine::module::{Device, Transfer};

/// A major number that Linux leaves to local use.
const MAJOR: u32 = 240;
const MINORS: u32 = 256;
const LONGEST_NAME: usize = 63;

struct Node {
    module: Arc<Module>,
    name: String,
    minor: u32,
    device: Device,
}
static NODES: RwLock<Vec<Arc<Node>>> = RwLock::new(rank::MODULE_PARTS, Vec::new());

/// Makes a device and its node. EINVAL for a name that is none, EEXIST, ENOSPC if there are too many.
pub fn add(module: &Arc<Module>, name: &[u8], permissions: u32, device: Device) -> Result<()> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let text = core::str::from_utf8(name).ok().filter(|name| !name.is_empty() && name.len() <= LONGEST_NAME);
    let text = text.filter(|name| name.as_bytes().iter().all(plain)).ok_or(EINVAL)?;
    let mut name = String::new();
    name.try_reserve_exact(text.len())?;
    name.push_str(text);
    let minor = {
        let mut nodes = NODES.write();
        let is_free = |minor: &u32| !nodes.iter().any(|node| node.minor == *minor);
        let minor = (0..MINORS).find(is_free).ok_or(ENOSPC)?;
        let node = try_arc(Node { module: module.clone(), name, minor, device })?;
        nodes.try_reserve(1)?;
        if nodes.is_empty() {
            register_character(MAJOR, 0..MINORS, "module", open)?;
        }
        nodes.push(node);
        minor
    };
    let is_new = |node: &Node| node.minor == minor;
    add_character_node(text, permissions & 0o777, MAJOR, minor).inspect_err(|_| drop(take(is_new)))
}

/// Takes a device of the list; without devices the driver is none.
fn take(wanted: impl Fn(&Node) -> bool) -> Option<Arc<Node>> {
    let mut nodes = NODES.write();
    let place = nodes.iter().position(|node| wanted(node))?;
    let node = nodes.swap_remove(place);
    if nodes.is_empty() {
        unregister_character(MAJOR, 0..MINORS);
    }
    Some(node)
}

/// Removes a module's devices and their nodes.
pub fn withdraw(module: &Arc<Module>) {
    while let Some(node) = take(|node| Arc::ptr_eq(&node.module, module)) {
        remove_character_node(&node.name, MAJOR, node.minor);
    }
}

fn open(node: &Arc<Inode>, _flags: u32) -> Result<Box<dyn FileOperations>> {
    let minor = node.device().minor;
    let found = NODES.read().iter().find(|node| node.minor == minor).cloned().ok_or(ENXIO)?;
    let user = User::of(&found.module).ok_or(ENXIO)?;
    Ok(try_box(OpenNode { node: found, _user: user })?)
}

/// An open device: its module stays meanwhile.
struct OpenNode {
    node: Arc<Node>,
    _user: User,
}

fn count(value: i64) -> Result<usize> {
    usize::try_from(value).map_err(|_| error_of(value))
}

impl FileOperations for OpenNode {
    fn has_offset(&self) -> bool {
        true
    }
    fn read(&self, _file: &File, into: &mut IoBuffer, offset: u64) -> Result<usize> {
        let room = into.remaining();
        // A module that says more than there was room for is not believed.
        count(self.node.device.read(&mut Reading(into), offset)).map(|moved| moved.min(room))
    }
    fn write(&self, _file: &File, from: &mut IoBuffer, offset: u64) -> Result<usize> {
        let there = from.remaining();
        count(self.node.device.write(&mut Writing(from), offset)).map(|moved| moved.min(there))
    }
    fn ioctl(&self, _file: &File, _task: &Task, command: u32, argument: u64) -> Result<usize> {
        count(self.node.device.control(command, argument))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn moved(result: Result<usize>) -> i64 {
    result.map_or_else(Error::into_register, |count| count as i64)
}

struct Reading<'a, 'b>(&'a mut IoBuffer<'b>);
impl Transfer for Reading<'_, '_> {
    fn remaining(&self) -> usize {
        self.0.remaining()
    }
    fn put(&mut self, from: &[u8]) -> i64 {
        moved(self.0.put(from))
    }
    fn take(&mut self, _into: &mut [u8]) -> i64 {
        EINVAL.into_register()
    }
}
struct Writing<'a, 'b>(&'a mut IoBuffer<'b>);
impl Transfer for Writing<'_, '_> {
    fn remaining(&self) -> usize {
        self.0.remaining()
    }
    fn put(&mut self, _from: &[u8]) -> i64 {
        EINVAL.into_register()
    }
    fn take(&mut self, into: &mut [u8]) -> i64 {
        moved(self.0.take(into))
    }
}
