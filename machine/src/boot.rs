//! What the boot loader told us (PVH start info), copied out of reach before memory is handed out.
#[cfg(target_os = "none")]
mod assembly;
pub(crate) mod image;
mod initramfs;
mod pvh;
mod start;

pub use initramfs::InitramfsImage;
pub(crate) use pvh::command_line;
pub use start::start;

/// The boot loader's description of the machine.
pub struct BootInfo {
    /// Kernel command line.
    pub command_line: &'static str,
    /// The initial RAM file system, empty when there is none. The bytes stay valid until [`InitramfsImage::free`].
    pub initramfs: InitramfsImage,
}
