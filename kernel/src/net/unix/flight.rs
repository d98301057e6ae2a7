//! Sockets that are in messages, and what becomes of those that nobody can reach any more.
//!
//! A socket whose only references are in messages, which are in queues of sockets of the same sort, will never be received.
//! The collector looks for them when a socket is closed while some are in flight: of all that are referred to only by messages
//! it follows the references from those that a message in a reachable queue holds; the others' queues are thrown away.
use super::{Passed, UnixSocket, socket_of};
use crate::error::*;
use crate::file::File;
use crate::sync::{Mutex, rank};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use machine::collections::List;

/// A socket in flight.
struct Flight {
    file: Weak<File>,
    socket: Arc<UnixSocket>,
    /// Messages that hold it.
    messages: usize,
}
static FLIGHTS: Mutex<Vec<Flight>> = Mutex::new(rank::SOCKETS_IN_FLIGHT, Vec::new());
/// How many there are, so that nobody looks where there are none.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Files are about to be put into a message; ENOMEM.
pub fn begin(files: &[Arc<File>]) -> Result<()> {
    let sockets = files.iter().filter(|file| socket_of(file).is_some()).count();
    if sockets == 0 {
        return Ok(());
    }
    let mut flights = FLIGHTS.lock();
    flights.try_reserve(sockets)?;
    for file in files {
        let Some(socket) = socket_of(file) else { continue };
        match socket.flight.load(Ordering::Relaxed).checked_sub(1).and_then(|index| flights.get_mut(index)) {
            Some(flight) => flight.messages += 1,
            None => {
                flights.push(Flight { file: Arc::downgrade(file), socket: socket.clone(), messages: 1 });
                socket.flight.store(flights.len(), Ordering::Relaxed);
            }
        }
    }
    COUNT.store(flights.len(), Ordering::Release);
    Ok(())
}

/// The files of a message are in flight no more.
pub fn end(passed: &Passed) {
    if COUNT.load(Ordering::Acquire) == 0 {
        return;
    }
    let mut flights = FLIGHTS.lock();
    // What is taken off the list goes one by one: a list of its own would need memory.
    for index in 0..passed.count() {
        let mut socket = None;
        let mut at = 0;
        passed.each(|file| {
            if at == index {
                socket = socket_of(file).cloned();
            }
            at += 1;
        });
        if let Some(socket) = socket {
            land(&mut flights, &socket);
        }
    }
    COUNT.store(flights.len(), Ordering::Release);
}
fn land(flights: &mut Vec<Flight>, socket: &UnixSocket) {
    let Some(index) = socket.flight.load(Ordering::Relaxed).checked_sub(1) else { return };
    let Some(flight) = flights.get_mut(index) else { return };
    flight.messages -= 1;
    if flight.messages > 0 {
        return;
    }
    socket.flight.store(0, Ordering::Relaxed);
    let ended = flights.swap_remove(index);
    if let Some(moved) = flights.get(index) {
        moved.socket.flight.store(index + 1, Ordering::Relaxed);
    }
    drop(ended);
}

/// Takes back what `begin` has counted for files that are gone already.
pub fn recount() {
    let mut flights = FLIGHTS.lock();
    let mut index = 0;
    while let Some(flight) = flights.get(index) {
        match flight.file.strong_count() {
            0 => {
                flight.socket.flight.store(0, Ordering::Relaxed);
                drop(flights.swap_remove(index));
                if let Some(moved) = flights.get(index) {
                    moved.socket.flight.store(index + 1, Ordering::Relaxed);
                }
            }
            _ => index += 1,
        }
    }
    COUNT.store(flights.len(), Ordering::Release);
}

/// Whose queue holds whom, by place in the list.
struct Edges {
    /// Ends, grouped by beginning.
    ends: Vec<usize>,
    /// Where each group begins, and the end of all.
    starts: Vec<usize>,
}

impl UnixSocket {
    /// Shows each socket in its queue, and in those of connections that wait there, to `look`, until that says false.
    fn each_socket_in_queue(&self, look: &mut dyn FnMut(&UnixSocket) -> bool) -> bool {
        let queue = self.queue.lock();
        let mut goes_on = true;
        for message in queue.messages.iter() {
            message.with_rights(|rights| {
                rights.files.each(|file| {
                    if let Some(socket) = socket_of(file) {
                        goes_on = goes_on && look(socket);
                    }
                });
            });
        }
        goes_on
    }
    /// The connections that wait in its queue; ENOMEM.
    fn connections(&self) -> Result<Vec<Arc<UnixSocket>>> {
        let mut found: Vec<Arc<UnixSocket>> = Vec::new();
        loop {
            let queue = self.queue.lock();
            let waiting = || queue.messages.iter().filter_map(|message| message.connection());
            let count = waiting().count();
            if count <= found.capacity() {
                found.extend(waiting().cloned());
                return Ok(found);
            }
            drop(queue);
            found.try_reserve(count)?;
        }
    }
    /// Adds the places of the sockets in its queue; ENOMEM.
    fn add_edges(&self, ends: &mut Vec<usize>) -> Result<()> {
        let before = ends.len();
        // Nothing is allocated while the queue is locked.
        while !self.each_socket_in_queue(&mut |socket| {
            let Some(index) = socket.flight.load(Ordering::Relaxed).checked_sub(1) else { return true };
            let fits = ends.len() < ends.capacity();
            if fits {
                ends.push(index);
            }
            fits
        }) {
            ends.truncate(before);
            let more = ends.capacity().max(64);
            ends.try_reserve(more)?;
        }
        Ok(())
    }
}

/// Ends sockets that only messages refer to which nobody can receive.
pub fn collect() {
    if COUNT.load(Ordering::Acquire) == 0 {
        return;
    }
    // Without memory they stay until a later look.
    let _ = look_for_unreachable();
}

fn look_for_unreachable() -> Result<()> {
    let flights = FLIGHTS.lock();
    let total = flights.len();
    // How many references each has that were not found in queues of candidates; none for those that something else refers to.
    let mut outside: Vec<Option<usize>> = Vec::new();
    outside.try_reserve_exact(total)?;
    outside.extend(flights.iter().map(|flight| {
        let only_messages = flight.file.strong_count() == flight.messages;
        only_messages.then_some(flight.messages)
    }));
    let mut edges = Edges { ends: Vec::new(), starts: Vec::new() };
    edges.starts.try_reserve_exact(total + 1)?;
    for (flight, candidate) in flights.iter().zip(&outside) {
        edges.starts.push(edges.ends.len());
        if candidate.is_some() {
            flight.socket.add_edges(&mut edges.ends)?;
            for connection in flight.socket.connections()? {
                connection.add_edges(&mut edges.ends)?;
            }
        }
    }
    edges.starts.push(edges.ends.len());
    for end in &edges.ends {
        if let Some(Some(left)) = outside.get_mut(*end) {
            *left = left.saturating_sub(1);
        }
    }
    let mut reached: Vec<usize> = Vec::new();
    reached.try_reserve_exact(total)?;
    // What is referred to from elsewhere can be received, and so can what is in its queue.
    for (index, left) in outside.iter_mut().enumerate() {
        if left.is_some_and(|left| left > 0) {
            *left = None;
            reached.push(index);
        }
    }
    while let Some(index) = reached.pop() {
        let group = edges.starts.get(index).zip(edges.starts.get(index + 1));
        let group = group.and_then(|(start, end)| edges.ends.get(*start..*end)).unwrap_or(&[]);
        for end in group {
            if let Some(left) = outside.get_mut(*end)
                && left.take().is_some()
            {
                reached.push(*end);
            }
        }
    }
    let mut unreachable: Vec<Arc<UnixSocket>> = Vec::new();
    unreachable.try_reserve_exact(outside.iter().flatten().count())?;
    let lost = flights.iter().zip(&outside).filter(|(_, left)| left.is_some());
    unreachable.extend(lost.map(|(flight, _)| flight.socket.clone()));
    drop(flights);
    for socket in unreachable {
        for connection in socket.connections()? {
            connection.throw_messages_away();
        }
        socket.throw_messages_away();
    }
    Ok(())
}

impl UnixSocket {
    fn throw_messages_away(&self) {
        let mut thrown = List::new();
        let mut queue = self.queue.lock();
        queue.messages.drain_into(&mut thrown, |message| message.connection().is_none());
        self.queued.store(queue.messages.len() as u32, Ordering::Release);
        drop(queue);
        drop(thrown);
    }
}
