//! NETLINK_GENERIC: families with names, of which there is the one that tells of families (genetlink, linux/genetlink.h).
use super::request::{Dump, DumpKind, Outcome, Request, message_flag};
use super::writer::{Writer, find};
use crate::error::*;

/// GENL_ID_CTRL: the number of the family `nlctrl`.
const CONTROLLER: u16 = 16;
const GET_FAMILY: u8 = 3;
const NEW_FAMILY: u8 = 1;
/// Bytes of `struct genlmsghdr`.
const HEADER: usize = 4;
/// CTRL_ATTR_*.
const ID: u16 = 1;
const NAME: u16 = 2;
const VERSION: u16 = 3;
const HEADER_SIZE: u16 = 4;
const LARGEST_ATTRIBUTE: u16 = 5;
const OPERATIONS: u16 = 6;
const GROUPS: u16 = 7;
/// Within those.
const OPERATION_ID: u16 = 1;
const OPERATION_FLAGS: u16 = 2;
const GROUP_NAME: u16 = 1;
const GROUP_ID: u16 = 2;
/// GENL_CMD_CAP_*: what an operation does.
const CAN_DO: u32 = 2;
const CAN_DUMP: u32 = 4;
const HAS_POLICY: u32 = 8;

/// Handles one request: ENOENT for a family there is not, EINVAL, EOPNOTSUPP.
pub fn handle(request: &Request) -> Result<Outcome> {
    if request.header.kind != CONTROLLER {
        return Err(ENOENT);
    }
    let [command, ..] = request.body else { return Err(EINVAL) };
    if request.body.len() < HEADER {
        return Err(EINVAL);
    }
    if *command != GET_FAMILY {
        return Err(EOPNOTSUPP);
    }
    if request.header.flags & message_flag::DUMP == message_flag::DUMP {
        return request.start_dump(DumpKind::Families);
    }
    let attributes = request.body.get(HEADER..).unwrap_or(&[]);
    let id = find(attributes, ID).map(|value| match value {
        [low, high, ..] => Ok(u16::from_le_bytes([*low, *high])),
        _ => Err(ERANGE),
    });
    let name = find(attributes, NAME).map(|name| name.split(|byte| *byte == 0).next().unwrap_or(name));
    let is_known = match (id.transpose()?, name) {
        (None, None) => return Err(EINVAL),
        (_, Some(name)) => name == b"nlctrl",
        (Some(id), None) => id == CONTROLLER,
    };
    if !is_known {
        return Err(ENOENT);
    }
    let mut writer = request.writer();
    writer.begin(CONTROLLER, 0)?;
    describe(&mut writer)?;
    writer.end();
    request.socket.answer(writer.into_bytes())?;
    Ok(Outcome::Done)
}

/// Writes the next families of a list.
pub fn fill(dump: &mut Dump, writer: &mut Writer) -> Result<()> {
    if dump.place == 0 && writer.add(CONTROLLER, describe)? {
        dump.place = 1;
        dump.answered += 1;
    }
    Ok(())
}

fn describe(writer: &mut Writer) -> Result<()> {
    writer.put(&[NEW_FAMILY, 2, 0, 0])?;
    writer.text(NAME, b"nlctrl")?;
    writer.attribute(ID, &CONTROLLER.to_le_bytes())?;
    writer.word(VERSION, 2)?;
    writer.word(HEADER_SIZE, 0)?;
    writer.word(LARGEST_ATTRIBUTE, 0)?;
    let operations = writer.nest(OPERATIONS)?;
    let one = writer.nest(1)?;
    writer.word(OPERATION_ID, GET_FAMILY.into())?;
    writer.word(OPERATION_FLAGS, CAN_DO | CAN_DUMP | HAS_POLICY)?;
    writer.end_nest(one);
    writer.end_nest(operations);
    let groups = writer.nest(GROUPS)?;
    let one = writer.nest(1)?;
    writer.word(GROUP_ID, CONTROLLER.into())?;
    writer.text(GROUP_NAME, b"notify")?;
    writer.end_nest(one);
    writer.end_nest(groups);
    Ok(())
}
