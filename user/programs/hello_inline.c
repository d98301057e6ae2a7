/* Hello by inline assembly: one write(2).
 *
 *     cc -static -o hello_inline hello_inline.c */
int main(void) {
    static const char message[] = "hello world\n";
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(1L), "D"(1L), "S"(message), "d"(sizeof message - 1)
                     : "rcx", "r11", "memory");
    return result == (long)sizeof message - 1 ? 0 : 1;
}
