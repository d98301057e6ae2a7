use super::*;
use crate::memory::{statistics, testing};
use crate::paging::direct_map;
use proptest::prelude::*;

/// The device's side: reads and writes the rings through physical addresses.
struct Device {
    rings: [u64; 3],
    size: u16,
    seen: u16,
    used: u16,
}
/// Address, length, and whether the device writes.
type Chain = Vec<(u64, u32, bool)>;
impl Device {
    fn new(queue: &Virtqueue) -> Device {
        Device { rings: queue.addresses(), size: queue.size(), seen: 0, used: 0 }
    }
    fn load<T: Copy>(&self, address: u64) -> T {
        // SAFETY: simulated memory.
        unsafe { direct_map(address).cast::<T>().read_volatile() }
    }
    fn store<T>(&self, address: u64, value: T) {
        // SAFETY: simulated memory.
        unsafe { direct_map(address).cast::<T>().write_volatile(value) }
    }
    /// The next offered chain: head and (address, length, device writes).
    fn next(&mut self) -> Option<(u16, Chain)> {
        if self.load::<u16>(self.rings[1] + 2) == self.seen {
            return None;
        }
        let head: u16 = self.load(self.rings[1] + 4 + 2 * u64::from(self.seen % self.size));
        self.seen = self.seen.wrapping_add(1);
        let (mut chain, mut index) = (Vec::new(), head);
        loop {
            let at = self.rings[0] + 16 * u64::from(index);
            let flags: u16 = self.load(at + 12);
            chain.push((self.load(at), self.load(at + 8), flags & 2 != 0));
            if flags & 1 == 0 {
                return Some((head, chain));
            }
            index = self.load(at + 14);
        }
    }
    fn complete(&mut self, id: u32, length: u32) {
        let entry = self.rings[2] + 4 + 8 * u64::from(self.used % self.size);
        self.store(entry, id);
        self.store(entry + 4, length);
        self.used = self.used.wrapping_add(1);
        self.store(self.rings[2] + 2, self.used);
    }
}

fn request(readable: usize, writable: usize) -> Request {
    let piece = |length| Piece::Buffer(DmaBuffer::new(4096).unwrap(), 8, length);
    Request {
        readable: (0..readable).map(|_| piece(16)).collect(),
        writable: (0..writable).map(|_| piece(64)).collect(),
    }
}

#[test]
fn requests_travel_and_return() {
    let _alone = testing::start();
    let mut queue = Virtqueue::new(8).unwrap();
    let mut device = Device::new(&queue);
    let frame = Frame::zeroed().unwrap();
    let mut first = request(1, 0);
    if let Piece::Buffer(buffer, ..) = &mut first.readable[0] {
        buffer.write(8, b"hello, device...");
    }
    first.writable.push(Piece::Frame(frame.clone(), 100, 50));
    first.writable.push(Piece::Frame(frame.clone(), 0, 0));
    assert!(queue.add(first, 7).is_ok());
    assert_eq!(queue.free_descriptors(), 6);
    assert!(queue.add(request(4, 3), 8).is_err());
    assert!(queue.add(request(0, 0), 8).is_err());
    assert!(queue.needs_notification());
    device.store(device.rings[2], 1u16);
    assert!(!queue.needs_notification());
    let (head, chain) = device.next().unwrap();
    assert_eq!(chain.iter().map(|piece| (piece.1, piece.2)).collect::<Vec<_>>(), [(16, false), (50, true)]);
    assert_eq!(device.load::<[u8; 5]>(chain[0].0), *b"hello");
    device.store(chain[1].0, *b"hi, driver");
    assert!(queue.take_used().is_none());
    device.complete(u32::from(head), 10);
    let (token, _, length) = queue.take_used().unwrap();
    let mut text = [0; 10];
    frame.read(100, &mut text);
    assert_eq!((token, length, &text), (7, 10, b"hi, driver"));
    assert_eq!(queue.free_descriptors(), 8);
    assert!(queue.take_used().is_none() && !queue.has_used());
}

#[test]
fn buffers_are_copied_within_bounds() {
    let _alone = testing::start();
    let before = statistics().heap;
    let mut buffer = DmaBuffer::new(5000).unwrap();
    assert_eq!(buffer.len(), 8192);
    buffer.write(8180, &[9; 12]);
    let mut end = [0; 13];
    buffer.read(8179, &mut end);
    assert_eq!((end[0], end[12]), (0, 9));
    assert!(std::panic::catch_unwind(|| buffer.read(8180, &mut [0; 13])).is_err());
    assert!(std::panic::catch_unwind(|| buffer.read(usize::MAX, &mut [0; 2])).is_err());
    drop(buffer);
    assert_eq!(statistics().heap, before);
    assert!(DmaBuffer::new((4 << 20) + 1).is_err());
}

proptest! {
    #[test]
    fn hostile_devices_break_nothing(
        steps in proptest::collection::vec((0..4u8, any::<u32>(), any::<u32>(), any::<u16>()), 1..120),
    ) {
        let _alone = testing::start();
        let mut queue = Virtqueue::new(16).unwrap();
        let mut device = Device::new(&queue);
        let (mut pending, mut tokens) = (std::collections::BTreeSet::new(), 0u64);
        for (step, id, length, index) in steps {
            match step {
                0 => {
                    if queue.add(request(1 + id as usize % 2, 1), tokens).is_ok() {
                        pending.insert(tokens);
                        tokens += 1;
                    }
                }
                1 => device.complete(id % 20, length),
                2 => device.complete(id, length),
                _ => {
                    device.used = index;
                    device.store(device.rings[2] + 2, index);
                }
            }
            while let Some((token, request, length)) = queue.take_used() {
                prop_assert!(pending.remove(&token));
                prop_assert_eq!(request.writable.len(), 1);
                prop_assert!(length <= 64);
            }
            prop_assert!(queue.free_descriptors() + 2 * pending.len() <= 16 + pending.len());
        }
        // Whatever is still lent comes back when the device completes everything once more.
        device.used = queue.taken;
        for id in 0..16 {
            device.complete(id, 1);
        }
        while let Some((token, ..)) = queue.take_used() {
            prop_assert!(pending.remove(&token));
        }
        prop_assert!(pending.is_empty());
        prop_assert_eq!(queue.free_descriptors(), 16);
    }
}
