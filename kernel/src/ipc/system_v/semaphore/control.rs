//! semctl(2).
use super::super::layout::{Form, Packer, read_change};
use super::super::limits::LARGEST_VALUE;
use super::super::{IpcNamespace, access, command, namespace, now, number};
use super::SemaphoreSet;
use crate::error::*;
use crate::process::Task;
use crate::syscall::UserSlice;
use alloc::vec::Vec;
use zerocopy::IntoBytes;

const GET_PROCESS: i32 = 11;
const GET_VALUE: i32 = 12;
const GET_ALL: i32 = 13;
const GET_WAITING_FOR_MORE: i32 = 14;
const GET_WAITING_FOR_ZERO: i32 = 15;
const SET_VALUE: i32 = 16;
const SET_ALL: i32 = 17;
const STATUS_AT: i32 = 18;
const USAGE: i32 = 19;
const STATUS_OF_ANY: i32 = 20;
/// Bytes of `struct semid64_ds` in the 64-bit ABIs.
const SIZE: usize = 104;
/// Bytes of a `struct sem_undo`, as Linux once told (SEMUSZ).
const UNDO_BYTES: u32 = 20;

/// semctl(2).
pub fn semctl(task: &Task, id: i32, semaphore: i32, command: i32, argument: u64) -> Result<i32> {
    control(task, id, semaphore, command, argument, Form::Current)
}

/// semctl(2) with either form of its structures.
pub fn control(task: &Task, id: i32, semaphore: i32, command: i32, argument: u64, form: Form) -> Result<i32> {
    if id < 0 {
        return Err(EINVAL);
    }
    let space = namespace(task);
    match command {
        command::INFORMATION | USAGE => {
            information(task, &space, command == USAGE).write(argument)?;
            Ok(space.semaphores.usage().highest as i32)
        }
        command::STATUS | STATUS_AT | STATUS_OF_ANY => {
            let set = if command == command::STATUS { space.semaphores.find(id) } else { space.semaphores.at(id) }?;
            if command != STATUS_OF_ANY {
                set.permissions.check(task, access::READ)?;
            }
            status(task, &set, form).write(argument)?;
            Ok(if command == command::STATUS { 0 } else { set.id() })
        }
        command::SET => {
            let change = read_change(task, form, argument, SIZE, None)?;
            let set = space.semaphores.find(id)?;
            set.permissions.check_control(task)?;
            set.permissions.change(&change.permissions)?;
            set.state.lock().change_time = now();
            Ok(0)
        }
        command::REMOVE => {
            let set = space.semaphores.find(id)?;
            set.permissions.check_control(task)?;
            set.remove(&space);
            Ok(0)
        }
        SET_VALUE => {
            // An int of the word that it is passed in, and looked at before the set.
            let value = argument as i32;
            if !(0..=LARGEST_VALUE).contains(&value) {
                return Err(ERANGE);
            }
            set_value(task, &*space.semaphores.find(id)?, semaphore, value)
        }
        GET_ALL => get_all(task, &*space.semaphores.find(id)?, argument),
        SET_ALL => set_all(task, &*space.semaphores.find(id)?, argument),
        GET_PROCESS | GET_VALUE | GET_WAITING_FOR_MORE | GET_WAITING_FOR_ZERO => {
            get_one(task, &*space.semaphores.find(id)?, semaphore, command)
        }
        _ => Err(EINVAL),
    }
}

/// `struct seminfo`.
fn information(task: &Task, space: &IpcNamespace, is_usage: bool) -> Packer {
    let [of_set, all, operations, sets] = space.limits.semaphores();
    let usage = space.semaphores.usage();
    let (undo_bytes, largest) = match is_usage {
        true => (usage.used as u32, usage.total as u32),
        false => (UNDO_BYTES, LARGEST_VALUE as u32),
    };
    // What the map, the undo structures and their entries once were bounded by.
    let [map, undos, entries] = [1_024_000_000, 1_024_000_000, 500];
    let mut packer = Packer::new(task, Form::Current);
    packer.int(map).int(sets).int(all).int(undos).int(of_set).int(operations).int(entries);
    packer.int(undo_bytes).int(LARGEST_VALUE as u32).int(largest);
    packer
}

/// `struct semid64_ds`, `struct semid_ds`.
fn status(task: &Task, set: &SemaphoreSet, form: Form) -> Packer {
    let status = set.status();
    let mut packer = Packer::new(task, form);
    packer.permissions(&status.permissions);
    match form {
        Form::Current => {
            packer.wide_time(status.operation_time).wide_time(status.change_time);
            packer.long(status.count as u64).long(0).long(0);
        }
        Form::Old => {
            packer.time(status.operation_time).time(status.change_time);
            packer.int(0).int(0).int(0).int(0).short(status.count as u64).short(0);
        }
    }
    packer
}

/// The place of a semaphore in its set; EINVAL.
fn place(set: &SemaphoreSet, semaphore: i32) -> Result<usize> {
    usize::try_from(semaphore).ok().filter(|place| *place < set.count).ok_or(EINVAL)
}

fn get_one(task: &Task, set: &SemaphoreSet, semaphore: i32, command: i32) -> Result<i32> {
    set.permissions.check(task, access::READ)?;
    let place = place(set, semaphore)?;
    let state = set.state.lock();
    if state.is_removed {
        return Err(EIDRM);
    }
    let found = state.semaphores.get(place).ok_or(EINVAL)?;
    Ok(match command {
        GET_VALUE => found.value,
        GET_PROCESS => number(&found.process, task) as i32,
        _ => state.waiting(place, command == GET_WAITING_FOR_ZERO) as i32,
    })
}

fn get_all(task: &Task, set: &SemaphoreSet, address: u64) -> Result<i32> {
    set.permissions.check(task, access::READ)?;
    let mut values: Vec<u16> = Vec::new();
    values.try_reserve_exact(set.count)?;
    let state = set.state.lock();
    if state.is_removed {
        return Err(EIDRM);
    }
    values.extend(state.semaphores.iter().map(|semaphore| semaphore.value as u16));
    drop(state);
    let bytes = values.as_slice().as_bytes();
    UserSlice::new(address, bytes.len()).write(bytes).map(|()| 0)
}

/// Sets all values, and what processes would undo to 0; EFAULT, ERANGE with nothing changed.
fn set_all(task: &Task, set: &SemaphoreSet, address: u64) -> Result<i32> {
    set.permissions.check(task, access::WRITE)?;
    let mut values: Vec<u16> = Vec::new();
    values.try_reserve_exact(set.count)?;
    values.resize(set.count, 0);
    let bytes = values.as_mut_slice().as_mut_bytes();
    UserSlice::new(address, bytes.len()).read(bytes)?;
    if values.iter().any(|value| i32::from(*value) > LARGEST_VALUE) {
        return Err(ERANGE);
    }
    let process = task.group().pid();
    let mut state = set.state.lock();
    if state.is_removed {
        return Err(EIDRM);
    }
    for (semaphore, value) in state.semaphores.iter_mut().zip(&values) {
        semaphore.value = (*value).into();
        semaphore.process = Some(process.clone());
    }
    for undo in &mut state.undos {
        undo.adjustments.iter_mut().for_each(|adjustment| *adjustment = 0);
    }
    state.change_time = now();
    state.update();
    Ok(0)
}

/// Sets a value, and what processes would undo of it to 0.
fn set_value(task: &Task, set: &SemaphoreSet, semaphore: i32, value: i32) -> Result<i32> {
    let place = place(set, semaphore)?;
    set.permissions.check(task, access::WRITE)?;
    let process = Some(task.group().pid().clone());
    let mut state = set.state.lock();
    if state.is_removed {
        return Err(EIDRM);
    }
    for undo in &mut state.undos {
        if let Some(adjustment) = undo.adjustments.get_mut(place) {
            *adjustment = 0;
        }
    }
    if let Some(semaphore) = state.semaphores.get_mut(place) {
        (semaphore.value, semaphore.process) = (value, process);
    }
    state.change_time = now();
    state.update();
    Ok(0)
}
