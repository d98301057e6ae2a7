//! Memory.
use crate::syscall::rows;

rows! {
//  x86-64  x32  i386
    /// Maps a file or anonymous memory.
    [   9    9    -] mmap(address, length, protection, flags, fd, offset) => call crate::memory::calls::mmap, Full;
    /// Maps a file or anonymous memory, with the arguments in memory.
    [   -    -   90] mmap(arguments) => call crate::memory::calls::old_mmap, Full;
    /// Changes what may be done with pages.
    [  10   10  125] mprotect(address, length, protection) => call crate::memory::calls::mprotect, Full;
    /// Removes mappings.
    [  11   11   91] munmap(address, length) => call crate::memory::calls::munmap, Full;
    /// Moves the end of the heap.
    [  12   12   45] brk(address) => call crate::memory::calls::brk, Full;
    /// Resizes or moves a mapping.
    [  25   25  163] mremap(address, old_length, new_length, flags, new_address) => call crate::memory::calls::mremap, Full;
    /// Writes the changes of shared file mappings back.
    [  26   26  144] msync(address, length, flags) => call crate::memory::calls::msync, Full;
    /// Says which pages are in memory.
    [  27   27  218] mincore(address, length, vector) => call crate::memory::calls::mincore, Full;
    /// Tells the kernel how memory will be used.
    [  28   28  219] madvise(address, length, advice) => call crate::memory::calls::madvise, Full;
    /// Locks pages in memory.
    [ 149  149  150] mlock(address, length) => call crate::memory::calls::mlock, Full;
    /// Unlocks pages.
    [ 150  150  151] munlock(address, length) => call crate::memory::calls::munlock, Full;
    /// Locks everything that is or will be mapped.
    [ 151  151  152] mlockall(flags) => call crate::memory::calls::mlockall, Full;
    /// Unlocks everything.
    [ 152  152  153] munlockall() => call crate::memory::calls::munlockall, Full;
    [ 167  167   87] swapon() => missing;
    [ 168  168  115] swapoff() => missing;
    /// Maps another part of a file in place of a part of a shared mapping.
    [ 216  216  257] remap_file_pages(address, length, protection, page_offset, flags) => call crate::memory::calls::remap_file_pages, Full;
    [ 237  237  274] mbind() => missing;
    [ 238  238  276] set_mempolicy() => missing;
    [ 239  239  275] get_mempolicy() => missing;
    [ 256  256  294] migrate_pages() => missing;
    [ 279  533  317] move_pages() => missing;
    /// Makes a file in memory.
    [ 319  319  356] memfd_create(name, flags) => call crate::memory::memfd::memfd_create, Partial("MFD_HUGETLB: there are no huge pages");
    [ 323  323  374] userfaultfd() => missing;
    /// Locks pages in memory, at once or as they are touched.
    [ 325  325  376] mlock2(address, length, flags) => call crate::memory::calls::mlock2, Full;
    /// Change what may be done with pages, and mark them with a protection key.
    [ 329  329  380] pkey_mprotect(address, length, protection, key) => call crate::memory::calls::keys::pkey_mprotect, Full;
    /// Allocate a protection key.
    [ 330  330  381] pkey_alloc(flags, rights) => call crate::memory::calls::keys::pkey_alloc, Full;
    /// Free a protection key.
    [ 331  331  382] pkey_free(key) => call crate::memory::calls::keys::pkey_free, Full;
    [ 447  447  447] memfd_secret() => missing;
    [ 450  450  450] set_mempolicy_home_node() => missing;
    /// Maps a file or anonymous memory, at an offset in pages.
    [   -    -  192] mmap2(address, length, protection, flags, fd, offset) => call crate::memory::calls::mmap2, Full;
}
