/* Hello in x86-64 assembly: write(1, message, 12), then exit(0), by syscall.
 *
 *     cc -static -nostdlib -o hello_syscall hello_syscall.S */
    .globl _start
_start:
    mov $1, %eax                /* write */
    mov $1, %edi                /* to standard output */
    lea message(%rip), %rsi
    mov $12, %edx               /* bytes */
    syscall                     /* rcx and r11 are lost */
    mov $60, %eax               /* exit */
    xor %edi, %edi              /* with status 0 */
    syscall

    .section .rodata
message:
    .ascii "hello world\n"
    .section .note.GNU-stack, "", @progbits
