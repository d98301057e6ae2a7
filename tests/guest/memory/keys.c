/* Protection keys: pkey_alloc(2), pkey_free(2), pkey_mprotect(2); memory that can be executed only. */
#include "../check.h"
#include <pthread.h>
#include <setjmp.h>
#include <ucontext.h>

enum { NO_ACCESS = 1, NO_WRITE = 2 };
#ifndef SEGV_PKUERR
#define SEGV_PKUERR 4
#endif

static long alloc(unsigned long flags, unsigned long rights) { return syscall(SYS_pkey_alloc, flags, rights); }
static long release(int key) { return syscall(SYS_pkey_free, key); }
static long protect(void *at, size_t size, int protection, int key) { return syscall(SYS_pkey_mprotect, at, size, protection, key); }
static void show(const char *what, long result)
{
	if (result < 0)
		OUT("%s: %s", what, errno_name(errno));
	else
		OUT("%s: %ld", what, result);
}
static unsigned rights_of(void)
{
	unsigned value, high;
	__asm__ volatile(".byte 0x0f, 0x01, 0xee" : "=a"(value), "=d"(high) : "c"(0));
	return value;
}
static void set_rights(unsigned value) { __asm__ volatile(".byte 0x0f, 0x01, 0xef" ::"a"(value), "c"(0), "d"(0) : "memory"); }

static int has_keys(void)
{
	char text[16384];
	int fd = OK(open("/proc/cpuinfo", O_RDONLY));
	ssize_t size = read(fd, text, sizeof text - 1);
	text[size > 0 ? size : 0] = 0;
	close(fd);
	return strstr(text, " pku ") && strstr(text, " ospke");
}
#define NEEDS_KEYS                                                                                                     \
	if (!has_keys())                                                                                               \
	SKIP("the processor has no protection keys")

static sigjmp_buf again;
static volatile int code, key_told;
static volatile uintptr_t address;
static void at_fault(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	code = info->si_code;
	address = (uintptr_t)info->si_addr;
	/* glibc's name for it is not there in all versions. */
	key_told = *(uint32_t *)((char *)info + (sizeof(void *) == 8 ? 32 : 20));
	siglongjmp(again, 1);
}
static void catch(void)
{
	struct sigaction action = {.sa_sigaction = at_fault, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGSEGV, &action, 0));
}
static int faults(volatile char *at, int writes)
{
	code = -1;
	if (sigsetjmp(again, 1) == 0) {
		if (writes)
			*at = 1;
		else
			(void)*at;
		return 0;
	}
	return code;
}

static char *pages(int count)
{
	char *p = mmap(0, count * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

CASE(keys_are_given_and_taken_back)
{
	NEEDS_KEYS;
	OUT("rights %08x", rights_of());
	long first = alloc(0, 0);
	show("first", first);
	OUT("rights %08x", rights_of());
	show("second", alloc(0, NO_ACCESS));
	OUT("rights %08x", rights_of());
	show("third", alloc(0, NO_WRITE));
	OUT("rights %08x", rights_of());
	show("fourth", alloc(0, NO_WRITE | NO_ACCESS));
	OUT("rights %08x", rights_of());
	show("freed", release(2));
	show("twice", release(2));
	show("again", alloc(0, 0));
	OUT("rights %08x", rights_of());
	int count = 4;
	while (alloc(0, 0) >= 0)
		count++;
	OUT("%d keys, then %s", count, errno_name(errno));
	show("key 0", release(0));
	show("key 0 given", alloc(0, 0));
}

/* A kernel that loads registers at their first use after a switch must not take the rights for some of them. */
CASE(rights_outlast_a_first_computation)
{
	NEEDS_KEYS;
	struct timespec wait = {0, 1000000};
	unsigned before = rights_of(), told[2];
	for (int i = 0; i < 2; i++) {
		OK(nanosleep(&wait, 0));
		set_rights(before ^ (4 << i));
		__asm__ volatile("xorps %%xmm0, %%xmm0" ::: "xmm0");
		told[i] = rights_of();
		set_rights(before);
	}
	OUT("%#x %#x", told[0] ^ before, told[1] ^ before);
}

CASE(key_errors)
{
	NEEDS_KEYS;
	char *at = pages(2);
	show("flags", alloc(1, 0));
	show("rights", alloc(0, 4));
	show("free 16", release(16));
	show("free -1", release(-1));
	show("free what was not given", release(5));
	show("a key that was not given", protect(at, 4096, PROT_READ, 5));
	show("key 16", protect(at, 4096, PROT_READ, 16));
	show("key -2", protect(at, 4096, PROT_READ, -2));
	show("no key", protect(at, 4096, PROT_READ, -1));
	show("key 0", protect(at, 4096, PROT_READ | PROT_WRITE, 0));
	show("not at a page", protect(at + 1, 4096, PROT_READ, 5));
	show("nothing", protect(at, 0, PROT_READ, 5));
	show("a wrong protection", protect(at, 4096, 0x100, 5));
	OK(munmap(at, 4096));
	show("a hole, with a wrong key", protect(at, 8192, PROT_READ, 5));
	show("a hole", protect(at, 8192, PROT_READ, 0));
}

CASE(accesses_are_denied)
{
	NEEDS_KEYS;
	char *at = pages(3), path[100], text[65536];
	catch();
	at[0] = 7;
	int key = OK(alloc(0, NO_WRITE));
	OK(protect(at, 8192, PROT_READ | PROT_WRITE, key));
	EQ(faults(at, 0), 0);
	EQ(faults(at, 1), SEGV_PKUERR);
	EQ(address, (uintptr_t)at);
	EQ(key_told, key);
	EQ(faults(at + 4096, 1), SEGV_PKUERR);
	EQ(faults(at + 8192, 1), 0);
	set_rights(rights_of() | NO_ACCESS << 2 * key);
	EQ(faults(at, 0), SEGV_PKUERR);
	EQ(faults(at + 4096, 0), SEGV_PKUERR);
	set_rights(rights_of() & ~(3u << 2 * key));
	EQ(faults(at, 0), 0);
	EQ(faults(at, 1), 0);
	EQ(faults(at + 4096, 1), 0);
	/* The other protection counts, too. */
	OK(protect(at, 4096, PROT_READ, key));
	EQ(faults(at, 1), SEGV_ACCERR);
	snprintf(path, sizeof path, "%lx-%lx r--p", (unsigned long)(uintptr_t)at, (unsigned long)(uintptr_t)at + 4096);
	CHECK(read_file("/proc/self/smaps", text, sizeof text) > 0);
	char *area = strstr(text, path), *told = area ? strstr(area, "ProtectionKey:") : 0;
	CHECK(told != 0);
	EQ(atoi(told + 14), key);
	/* mprotect(2) leaves the key. */
	OK(mprotect(at, 4096, PROT_READ | PROT_WRITE));
	set_rights(rights_of() | NO_WRITE << 2 * key);
	EQ(faults(at, 1), SEGV_PKUERR);
}

CASE(the_kernel_obeys_as_well)
{
	NEEDS_KEYS;
	char *at = pages(1);
	int key = OK(alloc(0, 0)), zero = OK(open("/dev/zero", O_RDONLY)), null = OK(open("/dev/null", O_WRONLY)), ends[2];
	OK(pipe(ends));
	at[0] = 1;
	OK(protect(at, 4096, PROT_READ | PROT_WRITE, key));
	EQ(read(zero, at, 10), 10);
	set_rights(rights_of() | NO_WRITE << 2 * key);
	ERR(read(zero, at, 10), EFAULT);
	EQ(write(ends[1], at, 10), 10);
	EQ(syscall(SYS_futex, at, 128 /* FUTEX_WAIT | FUTEX_PRIVATE_FLAG */, 77, 0, 0, 0), -1);
	OUT("wait: %s", errno_name(errno));
	OUT("wake op: %ld %s", syscall(SYS_futex, at, 128 | 5, 1, 1, at, 1 << 12), errno_name(errno));
	set_rights(rights_of() | NO_ACCESS << 2 * key);
	ERR(write(ends[1], at, 10), EFAULT);
	ERR(open(at, O_RDONLY), EFAULT);
	EQ(syscall(SYS_futex, at, 128, 77, 0, 0, 0), -1);
	OUT("wait: %s", errno_name(errno));
	(void)null;
}

static void *look(void *rights)
{
	*(unsigned *)rights = rights_of();
	return 0;
}
static volatile unsigned in_handler;
static void note(int number)
{
	(void)number;
	in_handler = rights_of();
}

CASE(rights_are_the_threads_own)
{
	NEEDS_KEYS;
	unsigned seen = 0;
	pthread_t thread;
	int key = OK(alloc(0, 0));
	signal(SIGUSR1, note);
	raise(SIGUSR1);
	OUT("in a handler %08x", in_handler);
	OUT("after it %08x", rights_of());
	EQ(pthread_create(&thread, 0, look, &seen), 0);
	EQ(pthread_join(thread, 0), 0);
	OUT("a thread's %08x", seen);
	IN_CHILD({
		OUT("a child's %08x", rights_of());
		show("a child's key", release(key));
		show("twice", release(key));
	});
	show("the parent's", release(key));
	sched_yield();
	OUT("still %08x", rights_of());
}

CASE(memory_that_is_executed_only)
{
	NEEDS_KEYS;
	catch();
	char *at = mmap(0, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *other = pages(1);
	OUT("read: %d", faults(at, 0));
	other[0] = (char)0xc3;
	OK(mprotect(other, 4096, PROT_EXEC));
	OUT("read: %d key %d", faults(other, 0), key_told);
	((void (*)(void))(uintptr_t)other)();
	OUT("rights %08x", rights_of());
	show("its key freed", release(1));
	show("its key used", protect(other, 4096, PROT_READ, 1));
	show("a key", alloc(0, 0));
	OK(mprotect(other, 4096, PROT_READ));
	OUT("read: %d", faults(other, 0));
	OK(protect(other, 4096, PROT_EXEC, 0));
	OUT("read with key 0: %d", faults(other, 0));
}
