/* An argument register left wrong: rsi, which should hold the address of a message, holds 8, where nothing is mapped. The kernel
 * answers -EFAULT (14); nothing else happens.
 *
 *     cc -static -o bad_argument bad_argument.c */
#include <stdio.h>

int main(void) {
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(1L), "D"(1L), "S"(8L), "d"(12L)
                     : "rcx", "r11", "memory");
    printf("write(1, (void *)8, 12) = %ld\n", result);
    return result == -14 ? 0 : 1;
}
