//! The calls: from user pointers to a request.
use super::{Request, Vector, execute};
use crate::error::{EINVAL, ENAMETOOLONG, ENOENT, Result};
use crate::process::Task;
use crate::syscall::user::PATH_MAX;
use crate::syscall::{Fd, UserAddress, UserPath};
use alloc::vec::Vec;
use machine::entry::UserFrame;

/// AT_SYMLINK_NOFOLLOW.
const NO_FOLLOW: i32 = 0x100;
/// AT_EMPTY_PATH.
const EMPTY_PATH: i32 = 0x1000;

/// Executes a program.
pub fn execve(
    task: &Task,
    frame: &mut UserFrame,
    path: UserPath,
    arguments: UserAddress,
    environment: UserAddress,
) -> Result<u64> {
    let path = path.read_string(PATH_MAX, ENAMETOOLONG)?;
    if path.is_empty() {
        return Err(ENOENT);
    }
    let request = Request {
        directory: Fd::WORKING_DIRECTORY,
        path: &path,
        no_follow: false,
        name: &path,
        hides_path: false,
        arguments: Vector::User(arguments.0),
        environment: Vector::User(environment.0),
    };
    execute(task, frame, &request)?;
    Ok(frame.rax)
}

/// Executes a program named relative to a directory, or behind a descriptor.
pub fn execveat(
    task: &Task,
    frame: &mut UserFrame,
    directory: Fd,
    path: UserPath,
    arguments: UserAddress,
    environment: UserAddress,
    flags: i32,
) -> Result<u64> {
    let path = path.read_string(PATH_MAX, ENAMETOOLONG)?;
    if path.is_empty() && flags & EMPTY_PATH == 0 {
        return Err(ENOENT);
    }
    let is_plain = directory == Fd::WORKING_DIRECTORY || path.first() == Some(&b'/');
    let name = if is_plain { Vec::new() } else { descriptor_name(directory, &path)? };
    let request = Request {
        directory,
        path: &path,
        no_follow: flags & NO_FOLLOW != 0,
        name: if is_plain { &path } else { &name },
        hides_path: !is_plain && task.files().close_on_exec(directory).unwrap_or(false),
        arguments: Vector::User(arguments.0),
        environment: Vector::User(environment.0),
    };
    // Unknown flags are found when the file is opened, after the arguments have been read.
    super::execute_checked(task, frame, &request, (flags & !(NO_FOLLOW | EMPTY_PATH) != 0).then_some(EINVAL))?;
    Ok(frame.rax)
}

/// The name of a program behind a descriptor: "/dev/fd/3" or "/dev/fd/3/path".
fn descriptor_name(directory: Fd, path: &[u8]) -> Result<Vec<u8>> {
    let mut name = Vec::new();
    name.try_reserve_exact(path.len() + 24)?;
    name.extend_from_slice(b"/dev/fd/");
    let mut digits = [0u8; 12];
    let mut at = digits.len();
    let mut value = directory.0.unsigned_abs();
    loop {
        at -= 1;
        if let Some(digit) = digits.get_mut(at) {
            *digit = b'0' + (value % 10) as u8;
        }
        value /= 10;
        if value == 0 {
            break;
        }
    }
    if directory.0 < 0 {
        name.push(b'-');
    }
    name.extend_from_slice(digits.get(at..).unwrap_or(&[]));
    if !path.is_empty() {
        name.push(b'/');
        name.extend_from_slice(path);
    }
    Ok(name)
}
