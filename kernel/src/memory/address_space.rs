//! An address space: VMAs over page tables.
/// The memory of a process.
pub struct AddressSpace {}

impl AddressSpace {
    /// Where the word at `address` lives if its page belongs to a shared mapping: (identity of the page-cache object, byte offset in
    /// it); `None` if it is private to this address space. EFAULT if nothing is mapped there. Futexes of several processes meet by it.
    pub fn shared_location(&self, _address: u64) -> crate::error::Result<Option<(u64, u64)>> {
        todo!()
    }
}
