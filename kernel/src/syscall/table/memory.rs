//! Memory.
use crate::syscall::rows;

rows! {
//  x86-64  x32  i386
    [   9    9   90] mmap() => missing;
    [  10   10  125] mprotect() => missing;
    [  11   11   91] munmap() => missing;
    [  12   12   45] brk() => missing;
    [  25   25  163] mremap() => missing;
    [  26   26  144] msync() => missing;
    [  27   27  218] mincore() => missing;
    [  28   28  219] madvise() => missing;
    [ 149  149  150] mlock() => missing;
    [ 150  150  151] munlock() => missing;
    [ 151  151  152] mlockall() => missing;
    [ 152  152  153] munlockall() => missing;
    [ 167  167   87] swapon() => missing;
    [ 168  168  115] swapoff() => missing;
    [ 216  216  257] remap_file_pages() => missing;
    [ 237  237  274] mbind() => missing;
    [ 238  238  276] set_mempolicy() => missing;
    [ 239  239  275] get_mempolicy() => missing;
    [ 256  256  294] migrate_pages() => missing;
    [ 279  533  317] move_pages() => missing;
    [ 319  319  356] memfd_create() => missing;
    [ 323  323  374] userfaultfd() => missing;
    [ 325  325  376] mlock2() => missing;
    [ 329  329  380] pkey_mprotect() => missing;
    [ 330  330  381] pkey_alloc() => missing;
    [ 331  331  382] pkey_free() => missing;
    [ 447  447  447] memfd_secret() => missing;
    [ 450  450  450] set_mempolicy_home_node() => missing;
    [   -    -  192] mmap2() => missing;
}
