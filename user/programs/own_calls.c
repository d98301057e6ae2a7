/* The example calls of this kernel, in every ABI: foo, testsyscall and silly_copy.
 *
 *     cc -static -I.. -o own_calls own_calls.c     (-m32 and -mx32 work too) */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "syscall.h"

#define __NR_foo LSTAR_NR(1000)
#define __NR_testsyscall LSTAR_NR(1001)
#define __NR_silly_copy LSTAR_NR(1002)
#define __NR_nothing LSTAR_NR(1003)
_syscall0(long, foo)
_syscall0(long, testsyscall)
_syscall3(long, silly_copy, const void *, source, void *, destination, unsigned long, length)
_syscall0(long, nothing)

static int failures;

static void expect(const char *what, long result, long wanted, int wanted_errno) {
    int found = result == -1 ? errno : 0;
    if (result != wanted || found != wanted_errno) {
        printf("%s: %ld with errno %d, not %ld with %d\n", what, result, found, wanted, wanted_errno);
        failures++;
    }
}

int main(void) {
    static char source[100000], destination[100000];
    for (unsigned long at = 0; at < sizeof source; at++)
        source[at] = (char)(at * 7);

    printf("foo() = %ld\n", foo());
    expect("an empty copy", silly_copy(0, 0, 0), 0, 0);
    expect("a long copy", silly_copy(source, destination, sizeof source), sizeof source, 0);
    if (memcmp(source, destination, sizeof source) != 0) {
        printf("the copy differs\n");
        failures++;
    }

    /* Two pages of which the second is gone. */
    char *pages = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 4096, 4096);
    expect("a bad source", silly_copy((void *)8, destination, 5), -1, EFAULT);
    expect("a bad destination", silly_copy(source, (void *)8, 5), -1, EFAULT);
    expect("a source with an end", silly_copy(pages, destination, 4097), -1, EFAULT);
    expect("a destination with an end", silly_copy(source, pages, 4097), -1, EFAULT);
    expect("an address of the kernel's", silly_copy(source, (void *)-4096L, 1), -1, EFAULT);
    expect("a number that nobody has", nothing(), -1, ENOSYS);

    long greeting = testsyscall();
    printf("testsyscall() = %ld%s\n", greeting, greeting == -1 && errno == ENXIO ? " (no terminal)" : "");
    return failures != 0;
}
