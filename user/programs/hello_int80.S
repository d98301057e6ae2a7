/* Hello in i386 assembly: write(1, message, 12), then exit(0), by int 0x80.
 *
 *     cc -m32 -static -nostdlib -o hello_int80 hello_int80.S */
    .globl _start
_start:
    mov $4, %eax                /* write */
    mov $1, %ebx                /* to standard output */
    mov $message, %ecx
    mov $12, %edx               /* bytes */
    int $0x80
    mov $1, %eax                /* exit */
    xor %ebx, %ebx              /* with status 0 */
    int $0x80

    .section .rodata
message:
    .ascii "hello world\n"
    .section .note.GNU-stack, "", @progbits
