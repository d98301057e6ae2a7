//! What the command on the host and the agent in the guest agree on: the configuration file in the initramfs
//! and the frames on the control port.
//!
//! The agent itself is the binary of this crate; this library has no behaviour beyond encoding and decoding.
#![forbid(unsafe_code)]

pub mod config;
pub mod frame;

/// Where the initramfs holds the agent.
pub const AGENT_PATH: &str = "/.lstar/agent";
/// Where the initramfs holds the agent's configuration.
pub const CONFIG_PATH: &str = "/.lstar/config";
/// The folder of kernel modules in the initramfs, for kernels that need some before they see the devices.
pub const MODULE_FOLDER: &str = "/.lstar/modules";

/// Port numbers on the virtio-serial device, as QEMU's `nr=` and as the guest's `/dev/vport0pN`.
pub mod port {
    /// Host to guest: the command's standard input.
    pub const STDIN: u32 = 1;
    /// Guest to host: the command's standard output, or its terminal's output.
    pub const STDOUT: u32 = 2;
    /// Guest to host: the command's standard error.
    pub const STDERR: u32 = 3;
    /// Both ways: [`crate::frame`]s.
    pub const CONTROL: u32 = 4;
    /// Guest to host: the records of the kernel's tracer, if the configuration asks for them.
    pub const TRACE: u32 = 5;
}
