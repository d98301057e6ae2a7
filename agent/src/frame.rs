//! The frames on the control port: one byte of kind, four bytes of payload length (little endian), the payload.

/// The largest payload either side sends; a longer one is a broken stream.
const MAX_PAYLOAD: usize = 4096;
/// Bytes before the payload.
const HEADER: usize = 5;

/// What the command on the host tells the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToGuest {
    /// Standard input ends after this many bytes in total.
    StdinEnd(u64),
    /// The host's terminal has a new size.
    Window {
        /// Lines.
        rows: u16,
        /// Characters in a line.
        columns: u16,
    },
    /// Send this signal (its Linux number) to the command.
    Signal(u32),
    /// Nobody reads standard output any more.
    StdoutClosed,
    /// Nobody reads standard error any more.
    StderrClosed,
    /// Everything arrived: power the machine off.
    Finish,
}

/// What the agent tells the command on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToHost {
    /// The command was started.
    Started,
    /// The command ended; the totals are the bytes sent on the two output ports.
    Ended {
        /// How it ended.
        status: Status,
        /// Bytes sent on the standard output port.
        stdout: u64,
        /// Bytes sent on the standard error port.
        stderr: u64,
        /// Bytes sent on the trace port.
        trace: u64,
    },
    /// The agent could not start the command; a text for people.
    Failed(String),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It exited with this code.
    Code(u8),
    /// This signal killed it.
    Signal(u8),
}

impl Status {
    /// The status as shells number it: the code, or 128 plus the signal's number.
    pub fn shell_code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => signal.saturating_add(128),
        }
    }
}

/// A control stream that does not hold frames.
#[derive(Debug, PartialEq, Eq)]
pub struct BrokenStream;

impl std::fmt::Display for BrokenStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the control port carries something that is not a frame")
    }
}

impl std::error::Error for BrokenStream {}

/// A message that travels as a frame.
pub trait Message: Sized {
    /// The frame's bytes.
    fn encode(&self) -> Vec<u8>;
    /// The message of this kind with this payload, if there is one.
    fn decode(kind: u8, payload: &[u8]) -> Option<Self>;
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let payload = payload.get(..MAX_PAYLOAD).unwrap_or(payload);
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.push(kind);
    bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(0).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

impl Message for ToGuest {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::StdinEnd(total) => frame(1, &total.to_le_bytes()),
            Self::Window { rows, columns } => frame(2, &[rows.to_le_bytes(), columns.to_le_bytes()].concat()),
            Self::Signal(number) => frame(3, &number.to_le_bytes()),
            Self::StdoutClosed => frame(4, &[]),
            Self::StderrClosed => frame(5, &[]),
            Self::Finish => frame(6, &[]),
        }
    }

    fn decode(kind: u8, payload: &[u8]) -> Option<Self> {
        Some(match (kind, payload) {
            (1, payload) => Self::StdinEnd(u64::from_le_bytes(payload.try_into().ok()?)),
            (2, &[r0, r1, c0, c1]) => {
                Self::Window { rows: u16::from_le_bytes([r0, r1]), columns: u16::from_le_bytes([c0, c1]) }
            }
            (3, payload) => Self::Signal(u32::from_le_bytes(payload.try_into().ok()?)),
            (4, []) => Self::StdoutClosed,
            (5, []) => Self::StderrClosed,
            (6, []) => Self::Finish,
            _ => return None,
        })
    }
}

impl Message for ToHost {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Started => frame(1, &[]),
            Self::Ended { status, stdout, stderr, trace } => {
                let status = match status {
                    Status::Code(code) => [0, *code],
                    Status::Signal(signal) => [1, *signal],
                };
                frame(2, &[&status[..], &stdout.to_le_bytes(), &stderr.to_le_bytes(), &trace.to_le_bytes()].concat())
            }
            Self::Failed(text) => frame(3, text.as_bytes()),
        }
    }

    fn decode(kind: u8, payload: &[u8]) -> Option<Self> {
        Some(match kind {
            1 if payload.is_empty() => Self::Started,
            2 => {
                let (status, totals) = payload.split_at_checked(2)?;
                let status = match *status {
                    [0, code] => Status::Code(code),
                    [1, signal] => Status::Signal(signal),
                    _ => return None,
                };
                let (stdout, totals) = totals.split_at_checked(8)?;
                let (stderr, trace) = totals.split_at_checked(8)?;
                Self::Ended {
                    status,
                    stdout: u64::from_le_bytes(stdout.try_into().ok()?),
                    stderr: u64::from_le_bytes(stderr.try_into().ok()?),
                    trace: u64::from_le_bytes(trace.try_into().ok()?),
                }
            }
            3 => Self::Failed(String::from_utf8_lossy(payload).into_owned()),
            _ => return None,
        })
    }
}

/// Collects bytes as they arrive and gives the messages in them.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
}

impl Decoder {
    /// Adds what was read from the port.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message, if one is there.
    ///
    /// # Errors
    /// The stream is not one of frames, and nothing more can be read from it.
    pub fn take<M: Message>(&mut self) -> Result<Option<M>, BrokenStream> {
        let &[kind, l0, l1, l2, l3, ..] = self.bytes.as_slice() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).map_err(|_| BrokenStream)?;
        if length > MAX_PAYLOAD {
            return Err(BrokenStream);
        }
        let Some(payload) = self.bytes.get(HEADER..HEADER + length) else { return Ok(None) };
        let message = M::decode(kind, payload).ok_or(BrokenStream)?;
        self.bytes.drain(..HEADER + length);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_any_cut_of_the_stream() {
        let messages = [
            ToGuest::StdinEnd(u64::MAX),
            ToGuest::Window { rows: 50, columns: 132 },
            ToGuest::Signal(15),
            ToGuest::StdoutClosed,
            ToGuest::StderrClosed,
            ToGuest::Finish,
        ];
        let stream: Vec<u8> = messages.iter().flat_map(Message::encode).collect();
        for cut in 1..stream.len() {
            let mut decoder = Decoder::default();
            let mut seen = Vec::new();
            for part in stream.chunks(cut) {
                decoder.push(part);
                while let Some(message) = decoder.take::<ToGuest>().expect("the stream holds frames") {
                    seen.push(message);
                }
            }
            assert_eq!(seen, messages);
        }
    }

    #[test]
    fn messages_to_the_host_survive() {
        for message in [
            ToHost::Started,
            ToHost::Ended { status: Status::Code(7), stdout: 1, stderr: 1 << 40, trace: 3 },
            ToHost::Ended { status: Status::Signal(9), stdout: 0, stderr: 0, trace: 0 },
            ToHost::Failed("no such user: x".into()),
        ] {
            let mut decoder = Decoder::default();
            decoder.push(&message.encode());
            assert_eq!(decoder.take(), Ok(Some(message)));
            assert_eq!(decoder.take::<ToHost>(), Ok(None));
        }
    }

    #[test]
    fn garbage_is_an_error() {
        let mut decoder = Decoder::default();
        decoder.push(&[9, 0, 0, 0, 0]);
        assert_eq!(decoder.take::<ToHost>(), Err(BrokenStream));
        let mut decoder = Decoder::default();
        decoder.push(&[1, 255, 255, 255, 255]);
        assert_eq!(decoder.take::<ToHost>(), Err(BrokenStream));
    }

    #[test]
    fn statuses_are_numbered_as_in_a_shell() {
        assert_eq!(Status::Code(3).shell_code(), 3);
        assert_eq!(Status::Signal(15).shell_code(), 143);
    }
}
