//! What is known of a judged call, and what a listener is asked about it.
use crate::process::Task;
use crate::signal::{SIGSYS, SignalInfo};
use abi::Abi;
use alloc::sync::Arc;
use bpf::DATA_SIZE;
use machine::entry::UserFrame;

/// A call as filters see it (`struct seccomp_data`).
#[derive(Clone, Copy, Debug)]
pub struct CallData {
    /// The number.
    pub number: i32,
    /// AUDIT_ARCH_*.
    pub architecture: u32,
    /// Where the program is.
    pub instruction_pointer: u64,
    /// The arguments.
    pub arguments: [u64; 6],
}

impl CallData {
    /// The call in a frame.
    pub fn of(frame: &UserFrame, abi: Abi) -> CallData {
        CallData {
            number: frame.original_rax as i32,
            architecture: crate::ptrace::architecture(abi),
            instruction_pointer: frame.instruction_pointer(),
            arguments: frame.arguments(abi),
        }
    }
    /// SIGSYS's information for it.
    pub fn signal(&self, code: i32, errno: i32) -> SignalInfo {
        let second = u64::from(self.number as u32) | u64::from(self.architecture) << 32;
        SignalInfo { signal: SIGSYS, errno, code, fields: [self.instruction_pointer, second, 0, 0] }
    }
    /// As it lies in memory.
    pub fn to_bytes(self) -> [u8; DATA_SIZE] {
        let mut bytes = [0; DATA_SIZE];
        let mut words = bytes.chunks_exact_mut(8);
        let first = u64::from(self.number as u32) | u64::from(self.architecture) << 32;
        for value in [first, self.instruction_pointer].into_iter().chain(self.arguments) {
            if let Some(place) = words.next() {
                place.copy_from_slice(&value.to_ne_bytes());
            }
        }
        bytes
    }
}

/// Where a question to a listener is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// Nobody has seen it.
    Asked,
    /// The listener has it.
    Taken,
    /// It is answered.
    Answered,
}

/// A listener's answer.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Answer {
    pub value: i64,
    pub error: i32,
    /// The call is to be made after all.
    pub goes_on: bool,
}

/// A question to a listener, of one task; it stays on the listener's list as long as the task waits.
pub(super) struct Question {
    pub id: u64,
    pub task: Arc<Task>,
    pub data: CallData,
    pub stage: Stage,
    pub answer: Answer,
    /// Files that the task is to take, the oldest first.
    pub gifts: machine::collections::List<super::listener::Gift>,
}
