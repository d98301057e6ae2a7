//! Network devices: netdevice(7). There is one kind, the loopback device of each network namespace.
use crate::error::*;
use crate::sync::{SpinLock, rank};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use machine::memory::try_arc;

/// IFF_* flags of a device.
#[allow(missing_docs)]
pub mod device_flag {
    pub const UP: u32 = 1;
    pub const DEBUG: u32 = 4;
    pub const LOOPBACK: u32 = 8;
    pub const NO_TRAILERS: u32 = 0x20;
    pub const RUNNING: u32 = 0x40;
    pub const NO_ARP: u32 = 0x80;
    pub const PROMISCUOUS: u32 = 0x100;
    pub const ALL_MULTICAST: u32 = 0x200;
    pub const MULTICAST: u32 = 0x1000;
    pub const PORT_SELECTION: u32 = 0x2000;
    pub const AUTO_MEDIA: u32 = 0x4000;
    pub const DYNAMIC: u32 = 0x8000;
    pub const LOWER_UP: u32 = 0x1_0000;
    /// Those that a user sets and that do nothing but be there.
    pub const SETTABLE: u32 = DEBUG | NO_TRAILERS | NO_ARP | DYNAMIC | MULTICAST | PORT_SELECTION | AUTO_MEDIA;
}
/// ARPHRD_LOOPBACK.
pub const KIND_LOOPBACK: u16 = 772;
/// Bytes of a name with its NUL (IFNAMSIZ).
pub const NAME_LENGTH: usize = 16;
/// Most addresses of one device. Linux has no bound; here they are in one block.
const MOST_ADDRESSES: usize = 1024;

/// An IPv4 address of a device.
#[derive(Clone, Copy, Debug)]
pub struct DeviceAddress {
    /// IFA_LOCAL: its own, in network order.
    pub local: [u8; 4],
    /// IFA_ADDRESS: the other end's, or its own.
    pub peer: [u8; 4],
    /// IFA_BROADCAST.
    pub broadcast: Option<[u8; 4]>,
    /// Bits of the network's part.
    pub prefix: u8,
    /// RT_SCOPE_*.
    pub scope: u8,
    /// IFA_F_*.
    pub flags: u32,
    /// IFA_LABEL, with NULs behind.
    pub label: [u8; NAME_LENGTH],
    /// Whether there are routes for it: from when the device is up with it, also once that is down again.
    pub is_routed: bool,
    /// When it was made and last changed, in nanoseconds of the monotonic clock.
    pub made: u64,
}
impl DeviceAddress {
    /// The bits of the network's part.
    pub fn mask(&self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0)
    }
    /// Whether another address is in the network.
    pub fn has_in_network(&self, address: [u8; 4]) -> bool {
        (u32::from_be_bytes(self.peer) ^ u32::from_be_bytes(address)) & self.mask() == 0
    }
}

/// What of a device can be changed.
#[derive(Clone)]
struct State {
    is_up: bool,
    has_been_up: bool,
    /// Of [`device_flag::SETTABLE`], PROMISCUOUS and ALL_MULTICAST.
    set: u32,
    mtu: u32,
    queue_length: u32,
    addresses: Vec<DeviceAddress>,
}

/// What has gone through a device, in messages and bytes: what is sent on a loopback device is received, too.
#[derive(Default)]
pub struct Counts {
    /// Messages.
    pub packets: AtomicU64,
    /// Their bytes.
    pub bytes: AtomicU64,
    /// Messages that nobody took.
    pub dropped: AtomicU64,
}
impl Counts {
    /// Counts one message.
    pub fn count(&self, bytes: usize) {
        self.packets.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A network device.
pub struct Device {
    /// Its number in its namespace, from 1.
    pub index: u32,
    /// Its name.
    pub name: &'static str,
    /// What has gone through it.
    pub counts: Counts,
    state: SpinLock<State>,
}

impl Device {
    /// The loopback device of a new namespace, which is down.
    pub fn loopback() -> Result<Arc<Device>> {
        let state =
            State { is_up: false, has_been_up: false, set: 0, mtu: 65536, queue_length: 1000, addresses: Vec::new() };
        Ok(try_arc(Device {
            index: 1,
            name: "lo",
            counts: Counts::default(),
            state: SpinLock::new(rank::NETWORK_DEVICE, state),
        })?)
    }
    /// The flags as users see them.
    pub fn flags(&self) -> u32 {
        let state = self.state.lock();
        let up = device_flag::UP | device_flag::RUNNING | device_flag::LOWER_UP;
        device_flag::LOOPBACK | state.set | if state.is_up { up } else { 0 }
    }
    /// Whether messages go through it.
    pub fn is_up(&self) -> bool {
        self.state.lock().is_up
    }
    /// Whether it is up or was: from then on it has a discipline of its queue, which is to have none.
    pub fn has_been_up(&self) -> bool {
        self.state.lock().has_been_up
    }
    /// Shows its addresses, and whether it is up, to `look`, under the device's spin lock.
    pub fn with_addresses<R>(&self, look: impl FnOnce(&[DeviceAddress], bool) -> R) -> R {
        let state = self.state.lock();
        look(&state.addresses, state.is_up)
    }
    /// Most bytes of a message.
    pub fn mtu(&self) -> u32 {
        self.state.lock().mtu
    }
    /// Sets that: whether it was another. A loopback device takes any.
    pub fn set_mtu(&self, mtu: u32) -> bool {
        core::mem::replace(&mut self.state.lock().mtu, mtu) != mtu
    }
    /// Messages that may wait in its queue, if it had one.
    pub fn queue_length(&self) -> u32 {
        self.state.lock().queue_length
    }
    /// Sets that: whether it was another.
    pub fn set_queue_length(&self, length: u32) -> bool {
        core::mem::replace(&mut self.state.lock().queue_length, length) != length
    }
    /// Sets the flags that can be set: those that are others now. A loopback device that comes up without an address has 127.0.0.1.
    /// ENOMEM.
    pub fn set_flags(&self, flags: u32) -> Result<u32> {
        let mut room: Vec<DeviceAddress> = Vec::new();
        room.try_reserve_exact(1)?;
        let kept = device_flag::SETTABLE | device_flag::PROMISCUOUS | device_flag::ALL_MULTICAST;
        let mut state = self.state.lock();
        let up = flags & device_flag::UP != 0;
        let changed = (state.set ^ flags) & kept | if state.is_up != up { device_flag::UP } else { 0 };
        state.set = flags & kept;
        state.is_up = up;
        state.has_been_up |= up;
        if changed & up_bit(up) != 0 && state.addresses.is_empty() {
            room.push(DeviceAddress {
                local: [127, 0, 0, 1],
                peer: [127, 0, 0, 1],
                broadcast: None,
                prefix: 8,
                scope: 254,
                flags: 0x80,
                label: label(self.name.as_bytes()),
                is_routed: true,
                made: machine::time::monotonic(),
            });
            core::mem::swap(&mut state.addresses, &mut room);
        }
        state.addresses.iter_mut().for_each(|address| address.is_routed |= up);
        drop(state);
        Ok(changed)
    }
    /// The address of a place in the list.
    pub fn address(&self, place: usize) -> Option<DeviceAddress> {
        self.state.lock().addresses.get(place).copied()
    }
    /// Whether messages to this address are for this device's machine: any of its networks, as a loopback device has it.
    pub fn takes(&self, address: [u8; 4]) -> bool {
        let state = self.state.lock();
        state.is_up && state.addresses.iter().any(|own| own.local == address || own.has_in_network(address))
    }
    /// Adds an address, behind the others of its scope and of narrower ones, or last if its network has one already: EEXIST, EINVAL
    /// for another scope than that one has, ENOBUFS for too many.
    pub fn add_address(&self, mut address: DeviceAddress) -> Result<DeviceAddress> {
        let mut room: Vec<DeviceAddress> = Vec::new();
        loop {
            let mut state = self.state.lock();
            for other in &state.addresses {
                if other.prefix == address.prefix && other.has_in_network(address.peer) {
                    if other.local == address.local {
                        return Err(EEXIST);
                    }
                    if other.scope != address.scope {
                        return Err(EINVAL);
                    }
                    address.flags |= SECONDARY;
                }
            }
            if state.addresses.len() < state.addresses.capacity() {
                let is_before = |other: &DeviceAddress| other.flags & SECONDARY == 0 && address.scope <= other.scope;
                let place = match address.flags & SECONDARY {
                    0 => state.addresses.iter().rposition(is_before).map_or(0, |last| last + 1),
                    _ => state.addresses.len(),
                };
                address.is_routed = state.is_up;
                state.addresses.insert(place, address);
                return Ok(address);
            }
            if room.capacity() > state.addresses.len() {
                room.append(&mut state.addresses);
                core::mem::swap(&mut state.addresses, &mut room);
                continue;
            }
            let wanted = state.addresses.len().saturating_mul(2).clamp(4, MOST_ADDRESSES);
            if state.addresses.len() >= wanted {
                return Err(ENOBUFS.because("too many addresses"));
            }
            drop(state);
            room.try_reserve_exact(wanted)?;
        }
    }
    /// Takes the first address away that is chosen..
    pub fn remove_address(&self, choose: impl Fn(&DeviceAddress) -> bool) -> Option<DeviceAddress> {
        let mut state = self.state.lock();
        let place = state.addresses.iter().position(choose)?;
        Some(state.addresses.remove(place))
    }
}
/// IFA_F_SECONDARY.
pub const SECONDARY: u32 = 1;

fn up_bit(is_up: bool) -> u32 {
    if is_up { device_flag::UP } else { 0 }
}
/// A label of these bytes.
pub fn label(name: &[u8]) -> [u8; NAME_LENGTH] {
    let mut label = [0; NAME_LENGTH];
    label.iter_mut().zip(name.iter().take(NAME_LENGTH - 1)).for_each(|(to, from)| *to = *from);
    label
}
