/*
 * Segments of 16 bits: code, data and stacks. All of esp comes back from the kernel, whatever the way, and no selector in a frame
 * does more than raise a signal. What is expected is what Linux does that has them; the kernel that the tests are compared with
 * has not.
 */
#include "../check.h"
#include "sixteen.h"
#include <pthread.h>

enum { HIGH = 0xabcd0000 };

CASE(code_and_stacks_of_all_widths)
{
	prepare();
	CODE_BYTES(0xcc); /* int3 */
	const uint32_t codes[] = {LOCAL(CODE16), LOCAL(CODE32)}, stacks[] = {LOCAL(DATA16), LOCAL(DATA32), FLAT_DATA};
	for (unsigned i = 0; i < 2; i++)
		for (unsigned j = 0; j < 3; j++) {
			run_on(codes[i], stacks[j], HIGH | STACK);
			EQ(got.sp, HIGH | STACK);
			ENDED_BY(SIGTRAP, SI_KERNEL, TRAP_BREAKPOINT, 0, 1);
		}
}

#ifdef __x86_64__
extern char native_trap[];
__asm__(".pushsection .text\nnative_trap: int3\n.popsection");
CASE(wide_code_with_a_stack_segment_of_16_bits)
{
	prepare();
	wanted.ip = (uintptr_t)native_trap;
	wanted.cs = FLAT_CODE64;
	wanted.ss = LOCAL(DATA16);
	wanted.sp = 0x12345678;
	run();
	EQ(got.ip, (uintptr_t)native_trap + 1);
	EQ(got.sp, 0x12345678);
	ENDED_BY(SIGTRAP, SI_KERNEL, TRAP_BREAKPOINT, 0, (uintptr_t)native_trap + 1);
}

CASE(lenient_frames_have_their_stack_segment_mended)
{
	prepare();
	wanted.ip = (uintptr_t)native_trap;
	wanted.cs = FLAT_CODE64;
	wanted.sp = 0x12345678;
	const uint32_t good[] = {LOCAL(DATA16), LOCAL(DATA32), FLAT_DATA};
	const struct {
		uint32_t ss, error;
	} bad[] = {{LOCAL(ABSENT_DATA16), 0}, {LOCAL(RESTRICTED_DATA), 0}, {LOCAL(UNUSED), 0}, {LOCAL(CODE16), 0}, {0, 0},
		   {0x33, 0x30}, {0x7b, 0x78}, {0xffff, 0}};
	for (wanted.lenient = 0; wanted.lenient < 2; wanted.lenient++)
		for (unsigned i = 0; i < 3; i++) {
			wanted.ss = good[i];
			run();
			ENDED_BY(SIGTRAP, SI_KERNEL, TRAP_BREAKPOINT, 0, (uintptr_t)native_trap + 1);
		}
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		wanted.lenient = 0;
		wanted.ss = bad[i].ss;
		run();
		ENDED_BY(SIGSEGV, SI_KERNEL, TRAP_PROTECTION, bad[i].error, (uintptr_t)native_trap);
		wanted.lenient = 1;
		run();
		wanted.ss = FLAT_DATA;
		ENDED_BY(SIGTRAP, SI_KERNEL, TRAP_BREAKPOINT, 0, (uintptr_t)native_trap + 1);
	}
}
#endif

#if !defined __ILP32__ || defined __i386__
CASE(the_stack_segment_that_handlers_have)
{
	prepare();
	CODE_BYTES(0xcc);
	const uint32_t stacks[] = {LOCAL(DATA16), LOCAL(DATA32), FLAT_DATA, LOCAL(ABSENT_DATA16), LOCAL(RESTRICTED_DATA), LOCAL(UNUSED)};
	for (unsigned i = 0; i < sizeof stacks / sizeof *stacks; i++) {
		run_on(LOCAL(CODE16), stacks[i], HIGH | STACK);
		/* 64-bit handlers keep one that is good. */
		EQ(got.own_ss, i < 3 && sizeof(long) == 8 ? stacks[i] : FLAT_DATA);
		EQ(got.signal, i < 3 ? SIGTRAP : SIGSEGV);
	}
}
#endif

CASE(the_high_half_after_a_system_call)
{
	prepare();
	CODE_BYTES(0x66, 0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xcc); /* mov eax, getpid; int 0x80; int3 */
	run_on(LOCAL(CODE16), LOCAL(DATA16), HIGH | STACK);
	EQ(got.ax, getpid());
	EQ(got.sp, HIGH | STACK);
	ENDED_BY(SIGTRAP, SI_KERNEL, TRAP_BREAKPOINT, 0, 9);
	CODE_BYTES(0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xcc);
	run_on(LOCAL(CODE32), LOCAL(DATA16), HIGH | STACK);
	EQ(got.ax, getpid());
	EQ(got.sp, HIGH | STACK);
	ENDED_BY(SIGTRAP, SI_KERNEL, TRAP_BREAKPOINT, 0, 8);
}

CASE(every_value_of_the_high_half)
{
	prepare();
	CODE_BYTES(0x66, 0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xcc);
	for (uint32_t high = 0; high < 0x10000; high = high * 2 + 1) {
		run_on(LOCAL(CODE16), LOCAL(DATA16), high << 16 | STACK);
		EQ(got.sp, high << 16 | STACK);
		run_on(LOCAL(CODE16), LOCAL(DATA16), ~high << 16 | STACK);
		EQ(got.sp, ~high << 16 | STACK);
	}
}

CASE(the_high_half_after_interrupts)
{
	prepare();
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	OK(sched_setaffinity(0, sizeof one, &one));
	/* Another process has its turns on the same processor. */
	pid_t other = OK(fork());
	if (other == 0)
		for (;;)
			__asm__ volatile("");
	signal(SIGALRM, SIG_IGN);
	struct itimerval often = {{0, 1000}, {0, 1000}};
	OK(setitimer(ITIMER_REAL, &often, 0));
	CODE_BYTES(0x66, 0x49, 0x75, 0xfc, 0xcc); /* dec ecx; jnz; int3 */
	struct rusage start, end;
	OK(getrusage(RUSAGE_SELF, &start));
	wanted.cx = 30000000;
	run_on(LOCAL(CODE16), LOCAL(DATA16), HIGH | STACK);
	OK(getrusage(RUSAGE_SELF, &end));
	EQ(got.sp, HIGH | STACK);
	ENDED_BY(SIGTRAP, SI_KERNEL, TRAP_BREAKPOINT, 0, 5);
	CHECK(end.ru_nivcsw > start.ru_nivcsw);
	OK(kill(other, SIGKILL));
	wait_status(other);
}

CASE(the_high_half_after_a_page_is_brought_in)
{
	prepare();
	CODE_BYTES(0x50, 0xcc); /* push ax; int3 */
	run_on(LOCAL(CODE16), LOCAL(DATA16), HIGH | FRESH | 0x800);
	EQ(got.sp, HIGH | FRESH | 0x7fe);
	ENDED_BY(SIGTRAP, SI_KERNEL, TRAP_BREAKPOINT, 0, 2);
}

CASE(faults)
{
	prepare();
	CODE_BYTES(0x50, 0xcc);
	run_on(LOCAL(CODE16), LOCAL(DATA16), HIGH | HOLE | 0x800);
	EQ(got.sp, HIGH | HOLE | 0x800);
	ENDED_BY(SIGSEGV, SEGV_ACCERR, TRAP_PAGE, 6, 0);
	/* QEMU's processor knows no limits. */
	run_on(LOCAL(CODE16), LOCAL(DATA16_SHORT), HIGH | 0x9000);
	if (got.signal == SIGTRAP)
		EQ(got.sp, HIGH | 0x8ffe);
	else
		ENDED_BY(SIGBUS, SI_KERNEL, TRAP_STACK, 0, 0);
	CODE_BYTES(0xf4); /* hlt */
	run_on(LOCAL(CODE16), LOCAL(DATA16), HIGH | STACK);
	EQ(got.sp, HIGH | STACK);
	ENDED_BY(SIGSEGV, SI_KERNEL, TRAP_PROTECTION, 0, 0);
	CODE_BYTES(0x0f, 0x0b); /* ud2 */
	run_on(LOCAL(CODE16), LOCAL(DATA16), HIGH | STACK);
	EQ(got.sp, HIGH | STACK);
	ENDED_BY(SIGILL, ILL_ILLOPN, 6, 0, 0);
	CODE_BYTES(0x66, 0x31, 0xc0, 0x66, 0xf7, 0xf0); /* xor eax, eax; div eax */
	run_on(LOCAL(CODE16), LOCAL(DATA16), HIGH | STACK);
	EQ(got.sp, HIGH | STACK);
	ENDED_BY(SIGFPE, FPE_INTDIV, 0, 0, 3);
	CODE_BYTES(0x90, 0x90, 0xcc);
	wanted.flags = 0x100; /* the trap flag */
	run_on(LOCAL(CODE16), LOCAL(DATA16), HIGH | STACK);
	EQ(got.sp, HIGH | STACK);
	ENDED_BY(SIGTRAP, TRAP_TRACE, 1, 0, 1);
}

static volatile int ticks;
static void tick(int number, siginfo_t *info, void *place)
{
	ucontext_t *context = place;
	(void)number, (void)info;
	if (code_segment(context) != LOCAL(CODE16))
		return;
	if ((uint32_t)context->uc_mcontext.gregs[SP] != (HIGH | STACK) || stack_segment(context) != LOCAL(DATA16))
		ticks = -1000;
	if (++ticks == 20)
		context->uc_mcontext.gregs[IP] += 2;
}
CASE(handlers_return_to_it)
{
	prepare();
	catch(SIGALRM, tick);
	struct itimerval often = {{0, 2000}, {0, 2000}};
	OK(setitimer(ITIMER_REAL, &often, 0));
	CODE_BYTES(0xeb, 0xfe, 0xcc); /* jmp to itself; int3 */
	run_on(LOCAL(CODE16), LOCAL(DATA16), HIGH | STACK);
	signal(SIGALRM, SIG_IGN);
	CHECK(ticks >= 20);
	EQ(got.sp, HIGH | STACK);
	ENDED_BY(SIGTRAP, SI_KERNEL, TRAP_BREAKPOINT, 0, 3);
}

CASE(a_child_has_the_segments)
{
	prepare();
	CODE_BYTES(0xcc);
	IN_CHILD({
		run_on(LOCAL(CODE16), LOCAL(DATA16), HIGH | STACK);
		ENDED_BY(SIGTRAP, SI_KERNEL, TRAP_BREAKPOINT, 0, 1);
	});
}

/* A frame with these selectors ends in a fault in its own place, of this number and error code. */
static void refused(uint32_t cs, uint32_t ss, uint32_t trap, uint32_t error)
{
	CODE_BYTES(0xcc);
	run_on(cs, ss, HIGH | STACK);
	EQ(got.sp, HIGH | STACK);
	ENDED_BY(trap == TRAP_ABSENT ? SIGBUS : SIGSEGV, SI_KERNEL, trap, error, 0);
}
CASE(bad_selectors_of_stacks)
{
	prepare();
	const uint32_t codes[] = {LOCAL(CODE16), LOCAL(CODE32)};
	/* Of the local table: which one it was is lost on the way. */
	const uint32_t local[] = {LOCAL(ABSENT_DATA16), LOCAL(ABSENT_DATA32), LOCAL(RESTRICTED_DATA), LOCAL(UNUSED), LOCAL(8000),
				  LOCAL(CODE16), LOCAL(ABSENT_CODE)};
	/* None; code of 32 and of 64 bits; the processor's number; the kernel's; a thread-local one that is not set; beyond the table. */
	const uint32_t global[] = {0, 3, 0x23, 0x33, 0x7b, 0x18, 0x73, 0xfff8};
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned j = 0; j < sizeof local / sizeof *local; j++)
			refused(codes[i], local[j], TRAP_PROTECTION, 0);
		for (unsigned j = 0; j < sizeof global / sizeof *global; j++)
			refused(codes[i], global[j], TRAP_PROTECTION, global[j] & ~3);
		/* Ring 3 is put in. */
		CODE_BYTES(0xcc);
		run_on(codes[i], LOCAL(DATA16) & ~3, HIGH | STACK);
		ENDED_BY(SIGTRAP, SI_KERNEL, TRAP_BREAKPOINT, 0, 1);
	}
}
CASE(bad_selectors_of_code)
{
	prepare();
	/* Data, an empty place, one beyond the local table; none; the kernel's code; data; the task state, the local table; the processor's
	 * number; beyond the global table. */
	const uint32_t codes[] = {LOCAL(DATA16), LOCAL(UNUSED), LOCAL(8000), 0, 3, 0x10, FLAT_DATA, 0x40, 0x50, 0x7b, 0xfff8};
	refused(LOCAL(ABSENT_CODE), FLAT_DATA, TRAP_ABSENT, LOCAL(ABSENT_CODE) & ~3);
	for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
		refused(codes[i], FLAT_DATA, TRAP_PROTECTION, codes[i] & ~3);
		refused(codes[i], LOCAL(DATA16), TRAP_PROTECTION, 0);
		refused(codes[i], LOCAL(DATA32), TRAP_PROTECTION, 0);
	}
	refused(LOCAL(ABSENT_CODE), LOCAL(ABSENT_DATA16), TRAP_PROTECTION, 0);
	refused(0x10, 0x18, TRAP_PROTECTION, 0x10);
}

/* Another thread changes both segments all the while. */
static volatile int stop;
static void *change(void *argument)
{
	uintptr_t base = (uintptr_t)memory;
	const struct user_desc_ states[] = {
		{DATA16, base, 0xffff, ABSENT},	      {DATA16, base, 0xffff, WIDE}, {DATA16, base, 0xffff, CODE},
		{DATA16, base, 0xffff, RESTRICTED},   {DATA16, 0, 0, 0x28},	    {DATA16, base, 0x10, 0},
		{CODE16, base + CODE_AT, 0xffff, CODE | ABSENT}, {CODE16, 0, 0, 0x28}, {CODE16, base + CODE_AT, 0xffff, CODE | WIDE},
		{CODE16, base, 0xffff, 0},
	};
	const struct user_desc_ good[] = {{DATA16, base, 0xffff, 0}, {CODE16, base + CODE_AT, 0xffff, CODE}};
	for (unsigned i = 0; !stop; i++) {
		struct user_desc_ next = states[i % 10];
		modify(0x11, &next, sizeof next);
		next = good[next.entry == CODE16];
		modify(0x11, &next, sizeof next);
	}
	return argument;
}
CASE_WITHIN(segments_that_change_under_a_running_program, 40)
{
	prepare();
	pthread_t thread;
	EQ(pthread_create(&thread, 0, change, 0), 0);
	unsigned good = 0, failed = 0;
	/* mov eax, sched_yield; int 0x80; loop; int3 */
	CODE_BYTES(0x66, 0xb8, 158, 0, 0, 0, 0xcd, 0x80, 0xcc);
	for (long long end = now_ns() + 2000000000; now_ns() < end;) {
		run_on(LOCAL(CODE16), LOCAL(DATA16), HIGH | STACK);
		CHECK(got.signal == SIGTRAP || got.signal == SIGSEGV || got.signal == SIGBUS || got.signal == SIGILL);
		if (got.signal == SIGTRAP)
			good++;
		else
			failed++;
	}
	stop = 1;
	EQ(pthread_join(thread, 0), 0);
	NOTE("%u good, %u failed", good, failed);
	CHECK(good > 10 && failed > 10);
	run_on(LOCAL(CODE16), LOCAL(DATA16), HIGH | STACK);
	EQ(got.signal, SIGTRAP);
	EQ(got.sp, HIGH | STACK);
}

/* What a form of the call makes of each combination of flags without the one for 32 bits, at place 20. */
CASE(flags_of_segments)
{
	prepare();
	for (int function = 1; function <= 0x11; function += 0x10)
		for (uint32_t flags = 0; flags < 256; flags += 2) {
			struct user_desc_ described = {20, 0x12345678, 0xabcde, flags}, gone = {20, 0, 0, 0x28};
			uint64_t table[21], descriptor = 0x120af0345678bcdeull;
			EQ(modify(0x11, &gone, sizeof gone), 0);
			int is_conforming = (flags >> 1 & 3) == 3;
			int result = modify(function, &described, sizeof described);
			CHECK(is_conforming && (function == 1 || !(flags & ABSENT)) ? result < 0 : result == 0);
			EQ(modify(0, table, sizeof table), sizeof table);
			descriptor |= (uint64_t)(1 | (flags & RESTRICTED ? 0 : 2) | (flags >> 1 & 3) << 2) << 40;
			if (flags & ABSENT)
				descriptor &= ~(1ull << 47);
			if (flags & PAGES)
				descriptor |= 1ull << 55;
			if (flags & USEABLE && function == 0x11)
				descriptor |= 1ull << 52;
			EQ(table[20], result ? 0 : descriptor);
		}
}
