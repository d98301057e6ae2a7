//! A process's root, working directory and umask.
/// What CLONE_FS shares.
pub struct FileSystemContext {}
