//! Calls that Linux does not have, as examples of adding one: `docs/extending.md` explains each step. Their numbers are from
//! 1000 up, where Linux will not come.
use crate::syscall::rows;

rows! {
//  x86-64  x32  i386
    /// Size of the caller's kernel stack in bytes.
    [1000 1000 1000] foo() => call crate::example::foo, Full;
    /// Greet on the caller's terminal.
    [1001 1001 1001] testsyscall() => call crate::example::testsyscall, Full;
    /// Copy memory through the kernel.
    [1002 1002 1002] silly_copy(source, destination, length) => call crate::example::silly_copy, Full;
}
