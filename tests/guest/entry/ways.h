/* A way into the kernel with all registers of the caller's choosing: WAY makes a function that loads every register but the stack
 * pointer from `r`, executes the instruction, and stores all back. Words in the order of the instruction set's names: ax, bx, cx, dx,
 * si, di, bp, those that have numbers, flags. */
#ifdef __i386__
#define WAY(name, instruction)                                                                                           \
	__attribute__((noinline)) static void name(void *r)                                                                \
	{                                                                                                                  \
		__asm__ volatile("push %%ebp\n\tpush %%ebx\n\tpush %0\n\tmov %0, %%eax\n\t"                                     \
				 "mov 4(%%eax), %%ebx\n\tmov 8(%%eax), %%ecx\n\tmov 12(%%eax), %%edx\n\t"                             \
				 "mov 16(%%eax), %%esi\n\tmov 20(%%eax), %%edi\n\tmov 24(%%eax), %%ebp\n\t"                           \
				 "pushl 28(%%eax)\n\tpopf\n\tmov (%%eax), %%eax\n\t" instruction "\n\t"                               \
				 "pushf\n\tpush %%eax\n\tmov 8(%%esp), %%eax\n\t"                                                     \
				 "mov %%ebx, 4(%%eax)\n\tmov %%ecx, 8(%%eax)\n\tmov %%edx, 12(%%eax)\n\t"                             \
				 "mov %%esi, 16(%%eax)\n\tmov %%edi, 20(%%eax)\n\tmov %%ebp, 24(%%eax)\n\t"                           \
				 "popl (%%eax)\n\tpopl 28(%%eax)\n\tcld\n\tadd $4, %%esp\n\tpop %%ebx\n\tpop %%ebp" ::"c"(r)          \
				 : "eax", "edx", "esi", "edi", "memory", "cc");                                                       \
	}
#else
#define WAY(name, instruction)                                                                                           \
	__attribute__((noinline)) static void name(void *r)                                                                \
	{                                                                                                                  \
		__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpush %%rbp\n\tpush %%rbx\n\tpush %0\n\tmov %0, %%rax\n\t"           \
				 "mov 8(%%rax), %%rbx\n\tmov 16(%%rax), %%rcx\n\tmov 24(%%rax), %%rdx\n\tmov 32(%%rax), %%rsi\n\t"     \
				 "mov 40(%%rax), %%rdi\n\tmov 48(%%rax), %%rbp\n\tmov 56(%%rax), %%r8\n\tmov 64(%%rax), %%r9\n\t"      \
				 "mov 72(%%rax), %%r10\n\tmov 80(%%rax), %%r11\n\tmov 88(%%rax), %%r12\n\tmov 96(%%rax), %%r13\n\t"    \
				 "mov 104(%%rax), %%r14\n\tmov 112(%%rax), %%r15\n\tpushq 120(%%rax)\n\tpopfq\n\tmov (%%rax), %%rax\n\t" \
				 instruction "\n\t"                                                                                   \
				 "pushfq\n\tpush %%rax\n\tmov 16(%%rsp), %%rax\n\t"                                                   \
				 "mov %%rbx, 8(%%rax)\n\tmov %%rcx, 16(%%rax)\n\tmov %%rdx, 24(%%rax)\n\tmov %%rsi, 32(%%rax)\n\t"     \
				 "mov %%rdi, 40(%%rax)\n\tmov %%rbp, 48(%%rax)\n\tmov %%r8, 56(%%rax)\n\tmov %%r9, 64(%%rax)\n\t"      \
				 "mov %%r10, 72(%%rax)\n\tmov %%r11, 80(%%rax)\n\tmov %%r12, 88(%%rax)\n\tmov %%r13, 96(%%rax)\n\t"    \
				 "mov %%r14, 104(%%rax)\n\tmov %%r15, 112(%%rax)\n\tpopq (%%rax)\n\tpopq 120(%%rax)\n\t"               \
				 "cld\n\tadd $8, %%rsp\n\tpop %%rbx\n\tpop %%rbp\n\tlea 128(%%rsp), %%rsp" ::"r"((uint64_t)(uintptr_t)r)                   \
				 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", \
				   "cc");                                                                                             \
	}
#endif
