/* Copy-on-write, shared anonymous memory, the stack's growth and its guard, threads faulting at once, process_vm_readv. */
#include "../check.h"
#include <pthread.h>
#include <sys/uio.h>

#define RW (PROT_READ | PROT_WRITE)
#define PAGE 4096

static char *map(size_t length, int kind)
{
	char *p = mmap(0, length, RW, kind | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

CASE(each_side_has_its_own_pages)
{
	char *p = map(64 * PAGE, MAP_PRIVATE);
	for (int i = 0; i < 64; i++)
		p[i * PAGE] = i;
	IN_CHILD({
		for (int i = 0; i < 64; i++) {
			EQ(p[i * PAGE], i);
			p[i * PAGE] = 100;
		}
	});
	for (int i = 0; i < 64; i++)
		EQ(p[i * PAGE], i);
}

CASE(three_generations)
{
	char *p = map(PAGE, MAP_PRIVATE);
	p[0] = 1;
	IN_CHILD({
		p[1] = 2;
		IN_CHILD({
			EQ(p[0], 1);
			EQ(p[1], 2);
			p[0] = 9;
		});
		EQ(p[0], 1);
	});
	EQ(p[1], 0);
}

CASE(untouched_pages_read_as_zero_after_fork)
{
	char *p = map(8 * PAGE, MAP_PRIVATE);
	(void)*(volatile char *)p;
	IN_CHILD(EQ(p[0] + p[PAGE], 0));
	p[0] = 1;
	IN_CHILD(EQ(p[0], 1));
}

CASE(a_call_that_writes_breaks_the_sharing)
{
	int ends[2];
	char *p = map(PAGE, MAP_PRIVATE);
	p[0] = 'a';
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		EQ(write(ends[1], "b", 1), 1);
		EQ(read(ends[0], p, 1), 1);
		_exit(p[0] == 'b' ? 0 : 1);
	}
	EQ(exit_code(child), 0);
	EQ(p[0], 'a');
}

CASE(shared_anonymous_memory_is_shared)
{
	int *p = (int *)map(2 * PAGE, MAP_SHARED);
	pid_t child = OK(fork());
	if (child == 0) {
		p[0] = 1;
		p[1024] = 2;
		_exit(0);
	}
	EQ(exit_code(child), 0);
	EQ(p[0], 1);
	EQ(p[1024], 2);
}

CASE(data_segment_is_private)
{
	static int data[4096] = {1, 2, 3};
	IN_CHILD(data[0] = 7);
	EQ(data[0], 1);
}

static volatile int sink;
static int deep(int levels)
{
	volatile char frame[1024];
	frame[0] = levels;
	sink += frame[0];
	return levels ? deep(levels - 1) + frame[0] : 0;
}

CASE(stack_grows_to_megabytes)
{
	deep(6000);
}

CASE(stack_limit_ends_growth_with_SIGSEGV)
{
	struct rlimit limit = {1 << 20, 1 << 20};
	OK(setrlimit(RLIMIT_STACK, &limit));
	IN_CHILD(deep(500));
	DIES(SIGSEGV, deep(3000));
}

CASE(stack_grows_by_a_call_that_writes_below)
{
	int ends[2];
	OK(pipe(ends));
	EQ(write(ends[1], "x", 1), 1);
	volatile uintptr_t below = (uintptr_t)&ends - 300 * 1024;
	EQ(syscall(SYS_read, ends[0], below, 1), 1);
	EQ(*(volatile char *)below, 'x');
}

CASE(guard_gap_keeps_stack_and_mapping_apart)
{
	/* A mapping placed just below the stack: growth stops a guard gap (1 MiB) above it. */
	char *here = (char *)((uintptr_t)&here & -PAGE);
	char *low = here - 2 * (1 << 20);
	char *q = mmap(low, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (q == MAP_FAILED)
		SKIP("no room below the stack: %s", errno_name(errno));
	*(volatile char *)(here - (1 << 19)) = 1;
	DIES(SIGSEGV, *(volatile char *)(low + PAGE + (1 << 18)) = 1);
}

static char *contested;
static void *touch_all(void *argument)
{
	for (int i = 0; i < 512; i++)
		__atomic_fetch_add(&contested[i * PAGE], 1, __ATOMIC_SEQ_CST);
	return argument;
}

CASE(threads_fault_at_once)
{
	pthread_t threads[8];
	contested = map(512 * PAGE, MAP_PRIVATE);
	for (int i = 0; i < 8; i++)
		EQ(pthread_create(&threads[i], 0, touch_all, 0), 0);
	for (int i = 0; i < 8; i++)
		EQ(pthread_join(threads[i], 0), 0);
	for (int i = 0; i < 512; i++)
		EQ(contested[i * PAGE], 8);
}

static volatile int stop;
static void *map_and_unmap(void *argument)
{
	while (!stop) {
		char *p = mmap(0, 16 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return "mmap failed";
		for (int i = 0; i < 16; i++)
			if (p[i * PAGE]++ != 0)
				return "memory was not zero";
		if (munmap(p, 16 * PAGE) != 0)
			return "munmap failed";
	}
	return argument;
}

CASE(threads_map_and_unmap_at_once)
{
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		EQ(pthread_create(&threads[i], 0, map_and_unmap, 0), 0);
	sleep_ms(300);
	stop = 1;
	for (int i = 0; i < 4; i++) {
		void *complaint = 0;
		EQ(pthread_join(threads[i], &complaint), 0);
		if (complaint)
			FAIL("%s", (char *)complaint);
	}
}

static void *write_until_stopped(void *argument)
{
	volatile char *p = argument;
	while (!stop)
		p[0]++;
	return 0;
}

CASE(unmapping_is_seen_by_the_other_processor_at_once)
{
	/* One thread writes while the other takes the page away: the writer must fault, never reach a page reused by another. */
	DIES(SIGSEGV, {
		pthread_t thread;
		char *p = map(PAGE, MAP_PRIVATE);
		pthread_create(&thread, 0, write_until_stopped, p);
		sleep_ms(20);
		munmap(p, PAGE);
		sleep_ms(1000);
		_exit(0);
	});
}

CASE(protecting_is_seen_by_the_other_processor_at_once)
{
	DIES(SIGSEGV, {
		pthread_t thread;
		char *p = map(PAGE, MAP_PRIVATE);
		pthread_create(&thread, 0, write_until_stopped, p);
		sleep_ms(20);
		mprotect(p, PAGE, PROT_READ);
		sleep_ms(1000);
		_exit(0);
	});
}

CASE_WITHIN(fork_while_another_thread_writes, 60)
{
	pthread_t thread;
	char *p = map(PAGE, MAP_PRIVATE);
	EQ(pthread_create(&thread, 0, write_until_stopped, p), 0);
	for (int i = 0; i < 50; i++) {
		pid_t child = OK(fork());
		if (child == 0) {
			char before = *(volatile char *)p;
			sleep_ms(1);
			_exit(*(volatile char *)p == before ? 0 : 1);
		}
		EQ(exit_code(child), 0);
	}
	stop = 1;
	EQ(pthread_join(thread, 0), 0);
}

CASE(process_vm_readv_and_writev)
{
	char *p = map(PAGE, MAP_PRIVATE), text[6] = "";
	strcpy(p, "there");
	pid_t child = OK(fork());
	if (child == 0)
		for (;;)
			pause();
	struct iovec local = {text, 5}, remote = {p, 5};
	EQ(process_vm_readv(child, &local, 1, &remote, 1, 0), 5);
	STR_EQ(text, "there");
	memcpy(text, "HERE!", 5);
	EQ(process_vm_writev(child, &local, 1, &remote, 1, 0), 5);
	memset(text, 0, 5);
	EQ(process_vm_readv(child, &local, 1, &remote, 1, 0), 5);
	STR_EQ(text, "HERE!");
	STR_EQ(p, "there");
	ERR(process_vm_readv(child, &local, 1, &remote, 1, 1), EINVAL);
	ERR(process_vm_readv(999999, &local, 1, &remote, 1, 0), ESRCH);
	remote.iov_base = (void *)16;
	ERR(process_vm_readv(child, &local, 1, &remote, 1, 0), EFAULT);
	OK(kill(child, SIGKILL));
	wait_status(child);
}
