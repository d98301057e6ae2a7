//! Devices and their drivers.
pub mod registry;

pub use registry::{register_character, unregister_character};
