/* Hello by the C library's syscall(3), which makes any call by its number and sets errno.
 *
 *     cc -static -o hello_libc hello_libc.c */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

int main(void) { return syscall(SYS_write, 1, "hello world\n", 12) == 12 ? 0 : 1; }
