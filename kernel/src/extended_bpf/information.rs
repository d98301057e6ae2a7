//! BPF_OBJ_GET_INFO_BY_FD for maps.
use super::attribute::Attribute;
use super::map::{Access, OpenMap};
use crate::error::*;
use crate::process::Task;
use crate::syscall::user::read_extensible;
use crate::syscall::{UserPtr, UserSlice};
use zerocopy::{Immutable, IntoBytes};

/// `struct bpf_map_info`.
#[repr(C)]
#[derive(IntoBytes, Immutable)]
struct Information {
    kind: u32,
    id: u32,
    key_size: u32,
    value_size: u32,
    most: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    kernel_value_type: u32,
    network_device: u64,
    network_inode: u64,
    types: u32,
    key_type: u32,
    value_type: u32,
    padding: u32,
    extra: u64,
}
const SIZE: u32 = size_of::<Information>() as u32;

/// More cannot be meant.
const LARGEST: u32 = 4096;

/// Tells of a map as much as there is room for, and how much that is. EBADFD for no descriptor, EINVAL for another file; E2BIG if
/// bytes are set that this kernel would not write.
pub(super) fn get(task: &Task, attribute: &Attribute) -> Result<usize> {
    attribute.ends_at(16)?;
    let (fd, room, address) = (attribute.narrow(0), attribute.narrow(4), attribute.wide(8));
    let open = OpenMap::of(task, fd, Access::Any).map_err(|error| if error == EBADF { EBADFD } else { error })?;
    let map = open.map()?;
    if room > LARGEST {
        return Err(E2BIG);
    }
    if room > SIZE {
        read_extensible(address.wrapping_add(SIZE.into()), (room - SIZE) as usize, &mut [])?;
    }
    let information = Information {
        kind: map.kind,
        id: map.id,
        key_size: map.key_size,
        value_size: map.value_size,
        most: map.most,
        flags: map.flags,
        name: map.name,
        interface: 0,
        kernel_value_type: 0,
        network_device: 0,
        network_inode: 0,
        types: 0,
        key_type: 0,
        value_type: 0,
        padding: 0,
        extra: 0,
    };
    let given = room.min(SIZE);
    let bytes = information.as_bytes().get(..given as usize).unwrap_or_default();
    UserSlice::new(address, bytes.len()).write(bytes)?;
    UserPtr::<u32>::new(attribute.address.wrapping_add(4)).write(task, &given)?;
    Ok(0)
}
