//! An address space: VMAs over page tables.
/// The memory of a process.
pub struct AddressSpace {}
