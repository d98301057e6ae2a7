/* Hello by the header's macros, in every ABI: _syscall3 makes a function of a number.
 *
 *     cc -static -I.. -o hello_macros hello_macros.c          x86-64
 *     cc -m32 -static -I.. -o hello_macros hello_macros.c     i386
 *     cc -mx32 -static -I.. -o hello_macros hello_macros.c    x32 */
#include <asm/unistd.h>
#include <errno.h>
#include "syscall.h"

#define __NR_say __NR_write
_syscall3(long, say, int, descriptor, const void *, bytes, unsigned long, count)

int main(void) {
    if (say(1, "hello world\n", 12) != 12)
        return 1;
    /* A descriptor that is not open: -1, and errno says why. */
    return say(-1, "", 0) == -1 && errno == EBADF ? 0 : 2;
}
