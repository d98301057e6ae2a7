/* Time namespaces (time_namespaces(7)): clocks of children, how they are set, calls with absolute times. */
#include "../check.h"
#include <sys/timerfd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static int put(const char *text)
{
	int fd = open("/proc/self/timens_offsets", O_WRONLY);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	int error = errno;
	close(fd);
	errno = error;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}
static long seconds_of(clockid_t clock)
{
	struct timespec time;
	OK(clock_gettime(clock, &time));
	return time.tv_sec;
}
static long seconds_by_call(clockid_t clock)
{
	struct timespec time;
	OK(syscall(SYS_clock_gettime, clock, &time));
	return time.tv_sec;
}

CASE(the_file_shows_offsets)
{
	char text[256];
	ERR(put("monotonic 1 0"), EACCES);
	OK(unshare(CLONE_NEWTIME));
	CHECK(read_file("/proc/self/timens_offsets", text, sizeof text) > 0);
	OUT("%.*s", (int)strcspn(text, "\n"), text);
	OK(put("monotonic 1000 5\nboottime 2000 0\n"));
	CHECK(read_file("/proc/self/timens_offsets", text, sizeof text) > 0);
	char *line = strtok(text, "\n");
	OUT("%s", line);
	line = strtok(0, "\n");
	OUT("%s", line);
	OK(put("1 77 0"));
	OK(put("7 3 999999999"));
	ERR(put("monotonic"), EINVAL);
	ERR(put("realtime 1 0"), EINVAL);
	ERR(put("monotonic 1 1000000000"), EINVAL);
	/* Only two lines are taken. */
	int fd = OK(open("/proc/self/timens_offsets", O_WRONLY));
	EQ(write(fd, "monotonic 1 0\nboottime 1 0\nmonotonic 2 0", 41), 27);
	ERR(put("monotonic -1000000000 0"), ERANGE);
	ERR(put("monotonic 9223372036 0"), ERANGE);
	pid_t child = OK(fork());
	if (child == 0)
		_exit(0);
	EQ(exit_code(child), 0);
	ERR(put("monotonic 1 0"), EACCES);
}

CASE(children_have_the_clocks)
{
	long before = seconds_of(CLOCK_MONOTONIC), boot = seconds_of(CLOCK_BOOTTIME), real = seconds_of(CLOCK_REALTIME);
	OK(unshare(CLONE_NEWTIME));
	OK(put("monotonic 100000 0\nboottime 200000 0"));
	CHECK(seconds_of(CLOCK_MONOTONIC) - before < 100);
	pid_t child = OK(fork());
	if (child == 0) {
		for (int i = 0; i < 2; i++) {
			long (*seconds)(clockid_t) = i ? seconds_by_call : seconds_of;
			CHECK(seconds(CLOCK_MONOTONIC) - before >= 100000 && seconds(CLOCK_MONOTONIC) - before < 100100);
			CHECK(seconds(CLOCK_MONOTONIC_COARSE) - before >= 99999);
			CHECK(seconds(CLOCK_MONOTONIC_RAW) - before >= 99999);
			CHECK(seconds(CLOCK_BOOTTIME) - boot >= 200000 && seconds(CLOCK_BOOTTIME) - boot < 200100);
			CHECK(seconds(CLOCK_REALTIME) - real < 100);
		}
		struct timespec then;
		OK(clock_gettime(CLOCK_MONOTONIC, &then));
		long long start = then.tv_sec * 1000000000LL + then.tv_nsec;
		then.tv_nsec += 30000000;
		if (then.tv_nsec >= 1000000000)
			then.tv_sec++, then.tv_nsec -= 1000000000;
		EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, 0), 0);
		long long slept = now_ns() - start;
		CHECK(slept >= 30000000 && slept < 5000000000LL);
		int fd = OK(timerfd_create(CLOCK_BOOTTIME, 0));
		struct itimerspec setting = {.it_value = {.tv_sec = seconds_of(CLOCK_BOOTTIME) + 1}};
		uint64_t ticks = 0;
		OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, 0));
		OK(read(fd, &ticks, sizeof ticks));
		EQ(ticks, 1);
		char text[64];
		CHECK(read_file("/proc/uptime", text, sizeof text) > 0);
		CHECK(atol(text) - boot >= 200000);
		pid_t grandchild = OK(fork());
		if (grandchild == 0) {
			CHECK(seconds_of(CLOCK_MONOTONIC) - before >= 100000);
			_exit(0);
		}
		EQ(exit_code(grandchild), 0);
		_exit(0);
	}
	EQ(exit_code(child), 0);
	CHECK(seconds_of(CLOCK_MONOTONIC) - before < 100);
}

CASE(threads_and_vfork_stay)
{
	OK(unshare(CLONE_NEWTIME));
	ERR(syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, 0, 0, 0, 0), EINVAL);
	ERR(syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0), EINVAL);
}

CASE(setns_enters)
{
	char path[64], byte;
	int ready[2], hold[2];
	OK(pipe(ready));
	OK(pipe(hold));
	long before = seconds_of(CLOCK_MONOTONIC);
	pid_t child = OK(fork());
	if (child == 0) {
		OK(unshare(CLONE_NEWTIME));
		OK(put("monotonic 50000 0"));
		if (OK(fork()) == 0) {
			OK(write(ready[1], "x", 1));
			close(hold[1]);
			(void)!read(hold[0], &byte, 1);
			_exit(0);
		}
		close(hold[1]);
		wait(0);
		_exit(0);
	}
	OK(read(ready[0], &byte, 1));
	int own = OK(open("/proc/self/ns/time", O_RDONLY));
	snprintf(path, sizeof path, "/proc/%d/ns/time_for_children", (int)child);
	int fd = OK(open(path, O_RDONLY));
	OK(setns(fd, CLONE_NEWTIME));
	CHECK(seconds_of(CLOCK_MONOTONIC) - before >= 50000);
	CHECK(seconds_by_call(CLOCK_MONOTONIC) - before >= 50000);
	OK(setns(own, 0));
	CHECK(seconds_of(CLOCK_MONOTONIC) - before < 100);
	close(hold[1]);
	EQ(exit_code(child), 0);
}
