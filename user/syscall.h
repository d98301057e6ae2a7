/* System calls from C without a library, for the three ABIs: x86-64, x32 and i386.
 *
 * syscall0 to syscall6 make a call and give what the kernel gives: a result, or a negative error number.
 * _syscall0 to _syscall6 define a function for a call that __NR_name numbers; it sets errno and returns -1 on errors:
 *
 *     #define __NR_silly_copy LSTAR_NR(1002)
 *     _syscall3(long, silly_copy, const void *, source, void *, destination, unsigned long, length)
 *
 * The macros need errno: include <errno.h> before, or define USER_ERRNO to be the name of an int of yours. */
#ifndef USER_SYSCALL_H
#define USER_SYSCALL_H

#if defined(__x86_64__) && defined(__ILP32__)
typedef long long syscall_word; /* registers have 64 bits, longs 32 */
#define LSTAR_NR(number) ((number) | 0x40000000)
#else
typedef long syscall_word;
#define LSTAR_NR(number) (number)
#endif

#if defined(__x86_64__)

/* Number in rax; arguments in rdi, rsi, rdx, r10, r8, r9. The instruction itself uses rcx and r11. */
static inline syscall_word syscall6(syscall_word number, syscall_word first, syscall_word second, syscall_word third,
                                    syscall_word fourth, syscall_word fifth, syscall_word sixth) {
    syscall_word result;
    register syscall_word r10 __asm__("r10") = fourth;
    register syscall_word r8 __asm__("r8") = fifth;
    register syscall_word r9 __asm__("r9") = sixth;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#elif defined(__i386__)

/* Number in eax; arguments in ebx, ecx, edx, esi, edi, ebp. The compiler may need ebp: number and last argument are fetched
 * from memory once it is saved. */
static inline syscall_word syscall6(syscall_word number, syscall_word first, syscall_word second, syscall_word third,
                                    syscall_word fourth, syscall_word fifth, syscall_word sixth) {
    const syscall_word words[2] = {number, sixth};
    syscall_word result;
    __asm__ volatile("push %%ebp\n\t"
                     "mov 4(%%eax), %%ebp\n\t"
                     "mov (%%eax), %%eax\n\t"
                     "int $0x80\n\t"
                     "pop %%ebp"
                     : "=a"(result)
                     : "a"(words), "b"(first), "c"(second), "d"(third), "S"(fourth), "D"(fifth)
                     : "memory");
    return result;
}

#else
#error "system calls of this machine are not known here"
#endif

static inline syscall_word syscall5(syscall_word number, syscall_word first, syscall_word second, syscall_word third,
                                    syscall_word fourth, syscall_word fifth) {
    return syscall6(number, first, second, third, fourth, fifth, 0);
}
static inline syscall_word syscall4(syscall_word number, syscall_word first, syscall_word second, syscall_word third,
                                    syscall_word fourth) {
    return syscall6(number, first, second, third, fourth, 0, 0);
}
static inline syscall_word syscall3(syscall_word number, syscall_word first, syscall_word second, syscall_word third) {
    return syscall6(number, first, second, third, 0, 0, 0);
}
static inline syscall_word syscall2(syscall_word number, syscall_word first, syscall_word second) {
    return syscall6(number, first, second, 0, 0, 0, 0);
}
static inline syscall_word syscall1(syscall_word number, syscall_word first) {
    return syscall6(number, first, 0, 0, 0, 0, 0);
}
static inline syscall_word syscall0(syscall_word number) { return syscall6(number, 0, 0, 0, 0, 0, 0); }

#ifndef USER_ERRNO
#define USER_ERRNO errno
#endif
/* Results from -4095 to -1 are errors. */
#define USER_RETURN(type, result)                           \
    do {                                                    \
        syscall_word user_result = (result);                \
        if (user_result < 0 && user_result >= -4095) {      \
            USER_ERRNO = (int)-user_result;                 \
            return (type)-1;                                \
        }                                                   \
        return (type)user_result;                           \
    } while (0)
/* A pointer or number as a register holds it. */
#define USER_WORD(value) ((syscall_word)(unsigned long)(value))

#define _syscall0(type, name) \
    type name(void) { USER_RETURN(type, syscall0(__NR_##name)); }
#define _syscall1(type, name, type1, arg1) \
    type name(type1 arg1) { USER_RETURN(type, syscall1(__NR_##name, USER_WORD(arg1))); }
#define _syscall2(type, name, type1, arg1, type2, arg2) \
    type name(type1 arg1, type2 arg2) { USER_RETURN(type, syscall2(__NR_##name, USER_WORD(arg1), USER_WORD(arg2))); }
#define _syscall3(type, name, type1, arg1, type2, arg2, type3, arg3)                                         \
    type name(type1 arg1, type2 arg2, type3 arg3) {                                                          \
        USER_RETURN(type, syscall3(__NR_##name, USER_WORD(arg1), USER_WORD(arg2), USER_WORD(arg3)));         \
    }
#define _syscall4(type, name, type1, arg1, type2, arg2, type3, arg3, type4, arg4)                            \
    type name(type1 arg1, type2 arg2, type3 arg3, type4 arg4) {                                              \
        USER_RETURN(type, syscall4(__NR_##name, USER_WORD(arg1), USER_WORD(arg2), USER_WORD(arg3),           \
                                   USER_WORD(arg4)));                                                        \
    }
#define _syscall5(type, name, type1, arg1, type2, arg2, type3, arg3, type4, arg4, type5, arg5)               \
    type name(type1 arg1, type2 arg2, type3 arg3, type4 arg4, type5 arg5) {                                  \
        USER_RETURN(type, syscall5(__NR_##name, USER_WORD(arg1), USER_WORD(arg2), USER_WORD(arg3),           \
                                   USER_WORD(arg4), USER_WORD(arg5)));                                       \
    }
#define _syscall6(type, name, type1, arg1, type2, arg2, type3, arg3, type4, arg4, type5, arg5, type6, arg6)  \
    type name(type1 arg1, type2 arg2, type3 arg3, type4 arg4, type5 arg5, type6 arg6) {                      \
        USER_RETURN(type, syscall6(__NR_##name, USER_WORD(arg1), USER_WORD(arg2), USER_WORD(arg3),           \
                                   USER_WORD(arg4), USER_WORD(arg5), USER_WORD(arg6)));                      \
    }

#endif
