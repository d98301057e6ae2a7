/* Moving tasks between CPUs while they sleep, wake and are preempted: none is lost, and the kernel's counts stay right. */
#include "../check.h"
#include <poll.h>
#include <pthread.h>

#define PAIRS 4

static volatile int stop;
static pid_t threads[2 * PAIRS];

struct half {
	int in, out, index;
};
static void *pass_on(void *argument)
{
	struct half *half = argument;
	char token;
	__atomic_store_n(&threads[half->index], syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	while (read(half->in, &token, 1) == 1 && !stop)
		if (write(half->out, &token, 1) != 1)
			break;
	close(half->out);
	return 0;
}

/* The number of runnable tasks, as /proc/stat has it. */
static long running(void)
{
	static char text[65536];
	int fd = OK(open("/proc/stat", O_RDONLY));
	long size = OK(read(fd, text, sizeof text - 1));
	close(fd);
	text[size] = 0;
	char *line = strstr(text, "procs_running ");
	CHECK(line);
	return strtol(line + 14, 0, 10);
}

static void place(pid_t thread, uint64_t mask)
{
	syscall(SYS_sched_setaffinity, thread, sizeof mask, &mask);
}

CASE_WITHIN(sleepers_are_moved_as_they_wake, 60)
{
	uint64_t all = 0; /* whole words of the kernel, also for x32 */
	OK(syscall(SYS_sched_getaffinity, 0, sizeof all, &all));
	pthread_t handles[2 * PAIRS];
	struct half halves[2 * PAIRS];
	for (int i = 0; i < PAIRS; i++) {
		int there[2], back[2];
		OK(pipe(there));
		OK(pipe(back));
		halves[2 * i] = (struct half){there[0], back[1], 2 * i};
		halves[2 * i + 1] = (struct half){back[0], there[1], 2 * i + 1};
		for (int j = 0; j < 2; j++)
			EQ(pthread_create(&handles[2 * i + j], 0, pass_on, &halves[2 * i + j]), 0);
		EQ(write(there[1], "t", 1), 1);
	}
	unsigned seed = 1;
	for (long long end = now_ns() + 2000000000LL; now_ns() < end;) {
		seed = seed * 1103515245 + 12345;
		pid_t thread = __atomic_load_n(&threads[(seed >> 16) % (2 * PAIRS)], __ATOMIC_SEQ_CST);
		if (thread)
			place(thread, seed >> 28 == 0 ? all : all & (seed >> 24 & 1 ? 0x5555 : 0xaaaa));
		if (seed >> 26 == 0) {
			long now = running();
			CHECK(now >= 1 && now < 100);
		}
	}
	for (int i = 0; i < 2 * PAIRS; i++)
		place(threads[i], all);
	stop = 1;
	for (int i = 0; i < 2 * PAIRS; i++)
		EQ(pthread_join(handles[i], 0), 0);
	/* With nobody but this one, and what the system does by itself for a moment. */
	long least = 100;
	for (int i = 0; i < 100 && least > 1; i++) {
		long now = running();
		least = now < least ? now : least;
		poll(0, 0, 20);
	}
	EQ(least, 1);
}
