/* modify_ldt: segments of the process's own, data and code, seen by all its threads; what becomes of those that go away. */
#include "../check.h"
#include <pthread.h>
#include <setjmp.h>

#if defined __i386__ || (defined __x86_64__ && !defined __ILP32__)
struct user_desc_ {
	uint32_t entry, base, limit, flags;
};
enum { WIDE = 1, CODE = 2 << 1, PAGES = 0x10, ABSENT = 0x20, USEABLE = 0x40 };

static int modify(int function, void *pointer, unsigned long size)
{
	return (int)syscall(SYS_modify_ldt, function, pointer, size);
}

static uint32_t *low_words(void)
{
#ifdef __x86_64__
	uint32_t *p = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
#else
	uint32_t *p = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
#endif
	CHECK(p != MAP_FAILED);
	p[0] = 0x11223344;
	p[1] = 0x55667788;
	return p;
}

CASE(a_data_segment)
{
	uint32_t *words = low_words();
	struct user_desc_ wanted = {3, (uintptr_t)words, 0xfff, WIDE | USEABLE};
	IN_CHILD({
		EQ(modify(0x11, &wanted, sizeof wanted), 0);
		/* FS is the C library's on x86-64: it is given back before anything else. */
		uint32_t got;
		uint16_t selector = 3 * 8 + 7;
#ifdef __x86_64__
		unsigned long base;
		__asm__ volatile("rdfsbase %1\n\tmov %2, %%fs\n\tmov %%fs:4, %0\n\tmov %3, %%fs\n\twrfsbase %1"
				 : "=&r"(got), "=&r"(base)
				 : "r"((uint32_t)selector), "r"(0));
#else
		__asm__ volatile("mov %1, %%fs\n\tmov %%fs:4, %0" : "=r"(got) : "r"(selector));
#endif
		EQ(got, 0x55667788);
		uint64_t table[8] = {1, 1, 1, 1, 1, 1, 1, 1};
		EQ(modify(0, table, sizeof table), 64);
		EQ(table[0], 0);
		EQ(table[4], 0);
		EQ(table[3] >> 40 & 0xff, 0xf3);
		EQ(table[3] >> 52 & 0xf, 5);
		EQ(modify(0, table, 4), 4);
		OUT("entry %llx", (unsigned long long)(table[3] >> 40 & 0xf0ff));
	});
}

CASE(the_segment_is_kept_over_switches_and_fork)
{
	uint32_t *words = low_words();
	struct user_desc_ wanted = {0, (uintptr_t)words, 0xfff, WIDE};
	EQ(modify(1, &wanted, sizeof wanted), 0);
	uint16_t es = 0;
	__asm__ volatile("mov %0, %%es" ::"r"(7));
	sleep_ms(5);
	__asm__ volatile("mov %%es, %0" : "=r"(es));
	pid_t child = fork();
	if (child == 0) {
		uint16_t now;
		__asm__ volatile("mov %%es, %0" : "=r"(now));
		_exit(now);
	}
	__asm__ volatile("mov %0, %%es" ::"r"(0x2b));
	EQ(es, 7);
	EQ(exit_code(child), 7);

}

CASE(errors)
{
	uint32_t *words = low_words();
	struct user_desc_ wanted = {0, (uintptr_t)words, 0xfff, WIDE};
	IN_CHILD({
		char buffer[256];
		memset(buffer, 1, sizeof buffer);
		EQ(modify(0, buffer, sizeof buffer), 0);
		EQ(modify(2, buffer, sizeof buffer), 128);
		EQ(buffer[127], 0);
		EQ(buffer[128], 1);
		OUT("%ld", syscall(SYS_modify_ldt, 99, 0, 0));
		OUT("%ld", syscall(SYS_modify_ldt, 1, &wanted, 5));
		OUT("%ld", syscall(SYS_modify_ldt, 1, 16, sizeof wanted));
		wanted.entry = 8192;
		OUT("%ld", syscall(SYS_modify_ldt, 1, &wanted, sizeof wanted));
		wanted.entry = 8191;
		EQ(modify(1, &wanted, sizeof wanted), 0);
		wanted.flags = 3 << 1 | WIDE;
		OUT("%ld", syscall(SYS_modify_ldt, 0x11, &wanted, sizeof wanted));
		wanted.flags |= ABSENT;
		EQ(modify(0x11, &wanted, sizeof wanted), 0);
		OUT("%ld", syscall(SYS_modify_ldt, 1, &wanted, sizeof wanted));
	});
}

/* What a form of the call makes of each combination of flags, at place 9: its result and the descriptor. Whether there are segments of
 * 16 bits is a matter of how Linux was built. */
static void tell_flags(int function)
{
	for (uint32_t flags = WIDE; flags <= 257; flags += 2) {
		struct user_desc_ wanted = {9, 0x12345678, 0xabcde, flags}, gone = {9, 0, 0, 0x28};
		uint64_t table[10] = {0};
		EQ(modify(0x11, &gone, sizeof gone), 0);
		int result = modify(function, &wanted, sizeof wanted);
		EQ(modify(0, table, sizeof table), sizeof table);
		OUT("%x: %d %llx", flags, result, (unsigned long long)table[9]);
	}
}
CASE(flags_of_the_new_form)
{
	tell_flags(0x11);
}
CASE(flags_of_the_old_form)
{
	tell_flags(1);
}

CASE(what_clears_a_place)
{
	static const struct user_desc_ kinds[] = {
		{9, 0, 0, 0},	 {9, 0, 0, 0x28}, {9, 0, 0, 0xa8}, {9, 0, 0, 0x80},  {9, 0, 0, 0x128}, {9, 0, 0, 0x29}, {9, 1, 0, 0x28},
		{9, 0, 1, 0x28}, {9, 0, 0, 1},	  {9, 0, 0, 6},	   {9, 0, 0, 0x26}, {9, 0, 0, 0x2e},  {9, 0, 0, 0x40}, {9, 0, 0, 0x68},
	};
	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
		for (int function = 1; function <= 0x11; function += 0x10) {
			struct user_desc_ there = {9, 0x1000, 0xfff, WIDE}, wanted = kinds[i];
			int is_null = wanted.base == 0 && wanted.limit == 0;
			if (!(wanted.flags & WIDE) && !(is_null && (function == 1 || (wanted.flags & 0x7f) == 0x28)))
				continue;
			uint64_t table[10] = {0};
			EQ(modify(0x11, &there, sizeof there), 0);
			int result = modify(function, &wanted, sizeof wanted);
			EQ(modify(0, table, sizeof table), sizeof table);
			OUT("%d, base %x limit %x flags %x: %d %llx", function, wanted.base, wanted.limit, wanted.flags, result,
			    (unsigned long long)table[9]);
		}
}

CASE(order_of_checks)
{
	IN_CHILD({
		struct user_desc_ wanted = {8192, 0, 0xfff, 3 << 1};
		char buffer[64];
		for (int function = 1; function <= 0x11; function += 0x10) {
			OUT("%d", modify(function, 0, 5));
			OUT("%d", modify(function, (void *)8, 0));
			OUT("%d", modify(function, (void *)8, sizeof wanted));
			OUT("%d", modify(function, &wanted, sizeof wanted - 1));
			OUT("%d", modify(function, &wanted, sizeof wanted + 1));
			OUT("%d", modify(function, &wanted, sizeof wanted));
		}
		/* Nothing was set, so that there is no table to read yet. */
		OUT("%d", modify(0, (void *)8, sizeof buffer));
		OUT("%d", modify(2, (void *)8, sizeof buffer));
		OUT("%d", modify(2, (void *)8, 0));
		OUT("%d", modify(3, (void *)8, 0));
		OUT("%d", modify(-1, 0, 0));
		/* Clearing a place makes one. */
		wanted = (struct user_desc_){4, 0, 0, 0x28};
		OUT("%d", modify(0x11, &wanted, sizeof wanted));
		memset(buffer, 1, sizeof buffer);
		OUT("%d", modify(0, buffer, 44));
		OUT("%d %d", buffer[43], buffer[44]);
		OUT("%d", modify(0, (void *)8, 8));
		OUT("%d", modify(0, (void *)8, 0));
		/* More than there can be. */
		static char much[70000];
		OUT("%d", modify(0, much, sizeof much));
		/* The table fits, the zeros behind it do not. */
		char *end = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(end != MAP_FAILED);
		OK(munmap(end + 4096, 4096));
		OUT("%d", modify(0, end + 4096 - 40, 40));
		OUT("%d", modify(0, end + 4096 - 40, 41));
		OUT("%d", modify(0, end + 4096 - 39, 40));
	});
}

static volatile int ready, done;
static struct user_desc_ shared_segment;
static void *install(void *argument)
{
	while (!ready)
		sched_yield();
	EQ(modify(0x11, &shared_segment, sizeof shared_segment), 0);
	done = 1;
	return argument;
}

CASE(threads_share_the_table)
{
	uint32_t *words = low_words();
	pthread_t thread;
	shared_segment = (struct user_desc_){5, (uintptr_t)words, 0xfff, WIDE};
	EQ(pthread_create(&thread, 0, install, 0), 0);
	ready = 1;
	while (!done)
		__asm__ volatile("pause");
	uint16_t es;
	__asm__ volatile("mov %1, %%es\n\tmov %%es, %0\n\tmov %2, %%es" : "=&r"(es) : "r"(5 * 8 + 7), "r"(0x2b));
	EQ(es, 5 * 8 + 7);
	EQ(pthread_join(thread, 0), 0);
}

static volatile int stop;
static struct user_desc_ flickering;
static sigjmp_buf again;
static void at_fault(int number)
{
	(void)number;
	siglongjmp(again, 1);
}

static void on_processor(int number)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(number, &set);
	sched_setaffinity(0, sizeof set, &set);
}

static void *flicker(void *argument)
{
	struct user_desc_ gone = {flickering.entry, 0, 0, 0x28};
	on_processor(1);
	while (!stop) {
		modify(0x11, &gone, sizeof gone);
		modify(0x11, &flickering, sizeof flickering);
	}
	return argument;
}

CASE(a_segment_flickers_while_threads_that_name_it_are_switched)
{
	/* Two processes' worth of switches on one processor, while a thread on the other takes the segment away and gives it back. */
	pthread_t thread;
	flickering = (struct user_desc_){6, (uintptr_t)low_words(), 0xfff, WIDE};
	EQ(modify(0x11, &flickering, sizeof flickering), 0);
	EQ(pthread_create(&thread, 0, flicker, 0), 0);
	pid_t other = fork();
	on_processor(0);
	if (other == 0)
		for (;;)
			sched_yield();
	signal(SIGSEGV, at_fault);
	long long end = now_ns() + 1000000000;
	while (now_ns() < end) {
		if (sigsetjmp(again, 1) == 0)
			__asm__ volatile("mov %0, %%es" ::"r"(6 * 8 + 7));
		sched_yield();
	}
	__asm__ volatile("mov %0, %%es" ::"r"(0x2b));
	stop = 1;
	EQ(pthread_join(thread, 0), 0);
	OK(kill(other, SIGKILL));
	EQ(death_signal(other), SIGKILL);
}

#ifdef __i386__
/* Far calls into a segment of our own and back. */
CASE(code_runs_in_a_segment_of_ones_own)
{
	unsigned char *code = (unsigned char *)low_words();
	struct user_desc_ wanted = {2, (uintptr_t)code, 0xfff, WIDE | CODE};
	memcpy(code + 16, "\xb8\x14\0\0\0\xcd\x80\xcb", 8); /* mov eax, 20; int 0x80; lret */
	EQ(modify(0x11, &wanted, sizeof wanted), 0);
	struct {
		uint32_t offset;
		uint16_t selector;
	} __attribute__((packed)) place = {16, 2 * 8 + 7};
	int result;
	/* The stack is read with the kernel's rights by QEMU's far return: the way back is a jump. */
	memcpy(code + 23, "\xea", 1);
	extern char back_here[];
	uint32_t back = (uintptr_t)back_here;
	memcpy(code + 24, &back, 4);
	memcpy(code + 28, "\x23\0", 2);
	__asm__ volatile("ljmp *%1\n\t.globl back_here\nback_here:" : "=a"(result) : "m"(place) : "memory");
	EQ(result, getpid());
}

CASE(returning_to_a_segment_that_is_gone_is_a_fault)
{
	/* Code in a segment of our own takes that segment away: the call cannot return there. */
	unsigned char *code = (unsigned char *)low_words();
	struct user_desc_ wanted = {2, (uintptr_t)code, 0xfff, WIDE | CODE};
	static struct user_desc_ gone = {2, 0, 0, 0x28};
	memcpy(code + 16, "\xcd\x80\x0f\x0b", 4); /* int 0x80; ud2 */
	EQ(modify(0x11, &wanted, sizeof wanted), 0);
	struct {
		uint32_t offset;
		uint16_t selector;
	} __attribute__((packed)) place = {16, 2 * 8 + 7};
	DIES(SIGSEGV, __asm__ volatile("ljmp *%0" ::"m"(place), "a"(SYS_modify_ldt), "b"(0x11), "c"(&gone), "d"(sizeof gone) : "memory"));
}
#endif
#endif
