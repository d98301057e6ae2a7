/* The 64-bit entry: which registers a call keeps, flags, return addresses, unknown numbers, errno range. */
#include "../check.h"
#include <setjmp.h>

#if defined __x86_64__ && !defined __ILP32__
struct registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15, flags;
};

/* Loads every register but rsp from `in`, executes syscall, stores all into `out`. */
__attribute__((noinline)) static void call_with(const struct registers *in, struct registers *out)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpush %%rbp\n\tpush %%rbx\n\tpush %1\n\tsub $8, %%rsp\n\t"
			 "mov %0, %%rax\n\t"
			 "mov 8(%%rax), %%rbx\n\tmov 16(%%rax), %%rcx\n\tmov 24(%%rax), %%rdx\n\tmov 32(%%rax), %%rsi\n\t"
			 "mov 40(%%rax), %%rdi\n\tmov 48(%%rax), %%rbp\n\tmov 64(%%rax), %%r8\n\tmov 72(%%rax), %%r9\n\t"
			 "mov 80(%%rax), %%r10\n\tmov 88(%%rax), %%r11\n\tmov 96(%%rax), %%r12\n\tmov 104(%%rax), %%r13\n\t"
			 "mov 112(%%rax), %%r14\n\tmov 120(%%rax), %%r15\n\tpushq 128(%%rax)\n\tpopfq\n\tmov (%%rax), %%rax\n\t"
			 "syscall\n\t"
			 "pushfq\n\tpush %%rax\n\tmov 24(%%rsp), %%rax\n\t" /* rax = out */
			 "mov %%rbx, 8(%%rax)\n\tmov %%rcx, 16(%%rax)\n\tmov %%rdx, 24(%%rax)\n\tmov %%rsi, 32(%%rax)\n\t"
			 "mov %%rdi, 40(%%rax)\n\tmov %%rbp, 48(%%rax)\n\tmov %%r8, 64(%%rax)\n\tmov %%r9, 72(%%rax)\n\t"
			 "mov %%r10, 80(%%rax)\n\tmov %%r11, 88(%%rax)\n\tmov %%r12, 96(%%rax)\n\tmov %%r13, 104(%%rax)\n\t"
			 "mov %%r14, 112(%%rax)\n\tmov %%r15, 120(%%rax)\n\tpopq (%%rax)\n\tpopq 128(%%rax)\n\t"
			 "mov %%rsp, 56(%%rax)\n\tcld\n\tadd $16, %%rsp\n\tpop %%rbx\n\tpop %%rbp\n\tlea 128(%%rsp), %%rsp" ::"r"(in),
			 "r"(out)
			 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
}

static struct registers filled(uint64_t number)
{
	struct registers r;
	uint64_t *words = (uint64_t *)&r;
	for (unsigned i = 0; i < sizeof r / 8; i++)
		words[i] = 0x1111111111111111 * (i % 15 + 1);
	r.rax = number;
	r.flags = 0x202;
	return r;
}

static void same_but_clobbered(const struct registers *in, const struct registers *out)
{
#define SAME(name) EQ(out->name, in->name)
	SAME(rbx);
	SAME(rdx);
	SAME(rsi);
	SAME(rdi);
	SAME(rbp);
	SAME(r8);
	SAME(r9);
	SAME(r10);
	SAME(r12);
	SAME(r13);
	SAME(r14);
	SAME(r15);
}

CASE(a_fast_call_keeps_all_but_rax_rcx_r11)
{
	struct registers in = filled(SYS_getppid), out;
	call_with(&in, &out);
	same_but_clobbered(&in, &out);
	EQ(out.rax, getppid());
	EQ(out.r11, in.flags);
	EQ(out.flags & 0xfff, in.flags & 0xfff);
}

CASE(a_failing_call_keeps_them_too)
{
	struct registers in = filled(SYS_close), out;
	in.rdi = 12345;
	call_with(&in, &out);
	same_but_clobbered(&in, &out);
	EQ(out.rax, -EBADF);
}

CASE(a_sleeping_call_keeps_them_too)
{
	struct timespec t = {0, 10000000};
	struct registers in = filled(SYS_nanosleep), out;
	in.rdi = (uintptr_t)&t;
	in.rsi = 0;
	call_with(&in, &out);
	same_but_clobbered(&in, &out);
	EQ(out.rax, 0);
}

CASE(an_unknown_call_keeps_them_too)
{
	struct registers in = filled(999), out;
	call_with(&in, &out);
	same_but_clobbered(&in, &out);
	EQ(out.rax, -ENOSYS);
}

CASE(a_signal_during_the_call_keeps_them_too)
{
	CATCH(SIGUSR1, 0);
	struct registers in = filled(SYS_kill), out;
	in.rdi = getpid();
	in.rsi = SIGUSR1;
	call_with(&in, &out);
	same_but_clobbered(&in, &out);
	EQ(out.rax, 0);
}

CASE(fork_gives_the_child_the_same_registers)
{
	struct registers in = filled(SYS_fork), out;
	call_with(&in, &out);
	same_but_clobbered(&in, &out);
	if (out.rax == 0)
		_exit(0);
	EQ(exit_code((pid_t)out.rax), 0);
}

CASE(status_flags_are_kept)
{
	/* carry, parity, adjust, zero, sign, direction, overflow */
	struct registers in = filled(SYS_getppid), out;
	in.flags = 0xed7 | 0x202;
	in.flags &= ~0x100ULL;
	call_with(&in, &out);
	EQ(out.flags & 0xfd5, in.flags & 0xfd5);
	EQ(out.r11 & 0xfd5, in.flags & 0xfd5);
}

CASE(alignment_check_and_nested_task_flags_do_no_harm)
{
	struct registers in = filled(SYS_getppid), out;
	in.flags = 0x202 | 0x4000 | 0x200000;
	call_with(&in, &out);
	EQ(out.rax, getppid());
	NOTE("flags after: 0x%llx", (unsigned long long)out.flags);
}

CASE(a_fault_keeps_every_register)
{
	/* A page that is mapped on demand in the middle of a computation: registers and flags survive the fault. */
	volatile char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t rcx = 0xcccccccccccccccc, r11 = 0xbbbbbbbbbbbbbbbb, flags;
	register uint64_t r12 __asm__("r12") = 0x1212121212121212;
	__asm__ volatile("stc\n\tmovb $1, (%[page])\n\tpushfq\n\tpop %[flags]"
			 : "+c"(rcx), [flags] "=&r"(flags), "+r"(r12)
			 : [page] "r"(page), "r"(r11));
	EQ(rcx, 0xcccccccccccccccc);
	EQ(r11, 0xbbbbbbbbbbbbbbbb);
	EQ(r12, 0x1212121212121212);
	EQ(flags & 1, 1);
}

CASE(preemption_keeps_every_register)
{
	/* Two busy processes on one processor: a long computation in registers gives the right sum. */
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	OK(sched_setaffinity(0, sizeof one, &one));
	pid_t child = OK(fork());
	long long end = now_ns() + 300000000;
	uint64_t start = child ? 3 : 5;
	do {
		uint64_t a = start, b = 0, c = 1, d = 2, n = 200000;
		double x = start;
		__asm__ volatile("1: add %[a], %[b]\n\txor %[b], %[c]\n\trol $3, %[d]\n\tadd %[c], %[d]\n\taddsd %[x], %[x]\n\tmulsd %[half], %[x]\n\tdec %[n]\n\tjnz 1b"
				 : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [n] "+r"(n), [x] "+x"(x)
				 : [half] "x"(0.5));
		static uint64_t first_c, first_d;
		if (first_d == 0) {
			first_c = c;
			first_d = d;
		}
		EQ(b, start * 200000);
		EQ(c, first_c);
		EQ(d, first_d);
		CHECK(x == (double)start);
	} while (now_ns() < end);
	if (child == 0)
		_exit(0);
	EQ(exit_code(child), 0);
}

CASE(only_the_low_32_bits_of_the_number_count)
{
	struct registers in = filled(SYS_getppid | 0x1234567800000000), out;
	call_with(&in, &out);
	EQ(out.rax, getppid());
	in.rax = SYS_getppid | 0xffffffff00000000;
	call_with(&in, &out);
	EQ(out.rax, getppid());
}

static long raw(long number)
{
	struct registers in = filled(number), out;
	/* Arguments that no call can take for valid. */
	in.rdi = in.rsi = in.rdx = in.r10 = in.r8 = in.r9 = -1;
	call_with(&in, &out);
	return out.rax;
}

CASE(numbers_without_a_call_are_ENOSYS)
{
	long numbers[] = {335, 400, 423, 451, 511, 548, 600, 1999, 4096, 1 << 20, INT_MAX, INT_MIN, -1, -2, -300, 0x40000000 | 600};
	for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
		EQ(raw(numbers[i]), -ENOSYS);
}

CASE(numbers_Linux_leaves_empty_are_ENOSYS)
{
	long numbers[] = {134, 156, 174, 177, 178, 180, 181, 182, 183, 184, 185, 205, 211, 212, 214, 215, 236};
	for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
		EQ(raw(numbers[i]), -ENOSYS);
}

CASE(x32_numbers_are_ENOSYS_or_answered)
{
	/* Debian's Linux leaves x32 out; what a kernel with it answers is tested elsewhere. */
	long result = raw(0x40000000 | SYS_getppid);
	CHECK(result == -ENOSYS || result == getppid());
}

CASE(return_to_a_non_canonical_address_is_SIGSEGV)
{
	/* A syscall instruction at the very end of user space: the address behind it is not canonical, sysret would fault. */
	unsigned char *page = mmap((void *)0x7fffffffe000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (page == MAP_FAILED) {
		NOTE("the last page cannot be mapped: %s", errno_name(errno));
		return;
	}
	page[4094] = 0x0f;
	page[4095] = 0x05;
	DIES(SIGSEGV, __asm__ volatile("jmp *%1" ::"a"(SYS_getppid), "r"(page + 4094) : "rcx", "r11"));
}

CASE(last_page_of_user_space_is_reserved)
{
	errno = 0;
	void *p = mmap((void *)0x7ffffffff000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	NOTE("%p %s", p, errno_name(errno));
	CHECK(p == MAP_FAILED || p == (void *)0x7ffffffff000);
}

CASE(vsyscall_page_is_absent)
{
	DIES(SIGSEGV, ((void (*)(void))0xffffffffff600000)());
	DIES(SIGSEGV, (void)*(volatile char *)0xffffffffff600000);
}

CASE(results_are_errors_only_between_minus_4095_and_minus_1)
{
	/* A mapping's address is no error, however large. */
	char *p = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK((unsigned long)p < -4095UL);
	EQ(raw(SYS_close), -EBADF);
}

static sigjmp_buf back;
static void leave(int number)
{
	siglongjmp(back, number);
}

CASE(single_stepping_over_a_syscall_traps_after_it)
{
	signal(SIGTRAP, leave);
	int number = sigsetjmp(back, 1);
	if (number == 0) {
		__asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tsyscall\n\tnop" ::"a"(SYS_getppid) : "rcx", "r11", "memory", "cc");
		FAIL("no trap");
	}
	EQ(number, SIGTRAP);
}

CASE(segment_registers_may_be_loaded_with_null)
{
	__asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" ::"r"(0));
	EQ(getppid(), syscall(SYS_getppid));
	__asm__ volatile("mov %0, %%gs" ::"r"(0));
	sched_yield();
	EQ(getppid(), syscall(SYS_getppid));
}
#else
CASE(written_for_64_bit_code)
{
	SKIP("written for 64-bit code");
}
#endif
