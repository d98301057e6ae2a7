/*
 * A small test frame. A program holds many named cases; each runs in a child of its own, so that a crash or a hang is one failed case.
 *
 *   CASE(child_sees_zero) { pid_t p = fork(); if (p == 0) _exit(3); EQ(exit_code(p), 3); OUT("exit code %d", 3); }
 *
 * What a program prints, line by line:
 *   run NAME SECONDS         the case starts (tells the harness which case a hang belongs to), and its time limit
 *   out NAME: TEXT           an observed value; the harness compares it with what Linux printed
 *   note NAME: TEXT          an observed value that may differ from run to run; never compared
 *   case NAME: ok            or "skip REASON", or "FAIL file:line what got ... want ..."
 *
 * Arguments: none runs all cases, `--list` prints their names, anything else is the name of a case to run.
 */
#ifndef CHECK_H
#define CHECK_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_newfstatat
#define SYS_newfstatat SYS_fstatat64 /* i386 */
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

#define CHECK_FAILED 99 /* exit status of a case that has printed its own FAIL line */
#define CHECK_SKIPPED 98

struct check_case {
	const char *name;
	void (*run)(void);
	unsigned seconds;
	struct check_case *next;
};

static struct check_case *check_first, **check_last = &check_first;
static const char *check_name = "?";

/* A case with a time limit of its own, in seconds. */
#define CASE_WITHIN(name, limit)                                                                                       \
	static void case_##name(void);                                                                                 \
	static struct check_case entry_##name = {#name, case_##name, limit, 0};                                        \
	__attribute__((constructor)) static void register_##name(void)                                                 \
	{                                                                                                              \
		*check_last = &entry_##name;                                                                           \
		check_last = &entry_##name.next;                                                                       \
	}                                                                                                              \
	static void case_##name(void)
#define CASE(name) CASE_WITHIN(name, 20)

/* Writes one line with a single write(2), so that lines of several processes do not mix. */
__attribute__((format(printf, 1, 2), unused)) static void check_line(const char *format, ...)
{
	char line[1024];
	int saved = errno;
	va_list list;
	va_start(list, format);
	int length = vsnprintf(line, sizeof line - 1, format, list);
	va_end(list);
	if (length > (int)sizeof line - 2)
		length = sizeof line - 2;
	line[length++] = '\n';
	for (int done = 0; done < length;) {
		ssize_t n = write(1, line + done, length - done);
		if (n <= 0)
			break;
		done += n;
	}
	errno = saved;
}

#define OUT(...) check_say("out", __VA_ARGS__)
#define NOTE(...) check_say("note", __VA_ARGS__)
__attribute__((format(printf, 2, 3), unused)) static void check_say(const char *kind, const char *format, ...)
{
	char text[900];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	check_line("%s %s: %s", kind, check_name, text);
}

#define FAIL(...) check_fail(__FILE__, __LINE__, __VA_ARGS__)
__attribute__((format(printf, 3, 4), noreturn, unused)) static void check_fail(const char *file, int line,
									       const char *format, ...)
{
	char text[800];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	const char *base = strrchr(file, '/');
	check_line("case %s: FAIL %s:%d %s", check_name, base ? base + 1 : file, line, text);
	_exit(CHECK_FAILED);
}

__attribute__((format(printf, 1, 2), noreturn, unused)) static void SKIP(const char *format, ...)
{
	char text[800];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	check_line("case %s: skip %s", check_name, text);
	_exit(CHECK_SKIPPED);
}

__attribute__((unused)) static const char *errno_name(int error)
{
	const char *name = error == 0 ? "0" : strerrorname_np(error);
	static char number[32];
	if (name)
		return name;
	snprintf(number, sizeof number, "errno %d", error);
	return number;
}

/* What became of a call, for OUT. */
__attribute__((unused)) static const char *outcome(long result)
{
	return result < 0 ? errno_name(errno) : "succeeds";
}

/* The condition holds. */
#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			FAIL("%s got false want true (errno %s)", #condition, errno_name(errno));                      \
	} while (0)
/* Two integers are equal. */
#define EQ(expression, wanted)                                                                                         \
	do {                                                                                                           \
		long long got_ = (long long)(expression), want_ = (long long)(wanted);                                 \
		if (got_ != want_)                                                                                     \
			FAIL("%s got %lld want %lld (errno %s)", #expression, got_, want_, errno_name(errno));         \
	} while (0)
/* Two strings are equal. */
#define STR_EQ(expression, wanted)                                                                                     \
	do {                                                                                                           \
		const char *got_ = (expression), *want_ = (wanted);                                                    \
		if (strcmp(got_, want_) != 0)                                                                          \
			FAIL("%s got \"%s\" want \"%s\"", #expression, got_, want_);                                   \
	} while (0)
/* The call succeeds; its value is the result. */
#define OK(call)                                                                                                       \
	({                                                                                                             \
		errno = 0;                                                                                             \
		long long ok_ = (long long)(call);                                                                     \
		if (ok_ == -1)                                                                                         \
			FAIL("%s got -1 %s want success", #call, errno_name(errno));                                   \
		ok_;                                                                                                   \
	})
/* The call returns -1 with this errno. */
#define ERR(call, error)                                                                                               \
	do {                                                                                                           \
		errno = 0;                                                                                             \
		long long got_ = (long long)(call);                                                                    \
		int errno_ = errno;                                                                                    \
		if (got_ != -1 || errno_ != (error)) {                                                                 \
			char want_[32];                                                                                \
			snprintf(want_, sizeof want_, "%s", errno_name(error));                                        \
			FAIL("%s got %lld %s want -1 %s", #call, got_, errno_name(errno_), want_);                     \
		}                                                                                                      \
	} while (0)

/* Waits for a child and gives its status word. */
#define wait_status(pid)                                                                                               \
	({                                                                                                             \
		int status_ = -1;                                                                                      \
		pid_t waited_, pid_ = (pid);                                                                           \
		do                                                                                                     \
			waited_ = waitpid(pid_, &status_, 0);                                                          \
		while (waited_ == -1 && errno == EINTR);                                                               \
		if (waited_ != pid_)                                                                                   \
			FAIL("waitpid(%d) got %d %s", (int)pid_, (int)waited_, errno_name(errno));                     \
		status_;                                                                                               \
	})
/* Waits for a child that must exit, and gives its exit code. */
#define exit_code(pid)                                                                                                 \
	({                                                                                                             \
		int status2_ = wait_status(pid);                                                                       \
		if (!WIFEXITED(status2_))                                                                              \
			FAIL("child ended with status word 0x%x want an exit", status2_);                              \
		WEXITSTATUS(status2_);                                                                                 \
	})
/* Waits for a child that must die of a signal, and gives its number. */
#define death_signal(pid)                                                                                              \
	({                                                                                                             \
		int status3_ = wait_status(pid);                                                                       \
		if (!WIFSIGNALED(status3_))                                                                            \
			FAIL("child ended with status word 0x%x want a signal", status3_);                             \
		WTERMSIG(status3_);                                                                                    \
	})
/* The statement, run in a child, ends the child by this signal. */
#define DIES(signal, ...)                                                                                              \
	do {                                                                                                           \
		pid_t victim_ = fork();                                                                                \
		if (victim_ == -1)                                                                                     \
			FAIL("fork got %s", errno_name(errno));                                                        \
		if (victim_ == 0) {                                                                                    \
			__VA_ARGS__;                                                                                     \
			_exit(77);                                                                                     \
		}                                                                                                      \
		int end_ = wait_status(victim_);                                                                       \
		if (!WIFSIGNALED(end_) || WTERMSIG(end_) != (signal))                                                  \
			FAIL("%s got status word 0x%x want signal %d", #__VA_ARGS__, end_, (signal));                    \
	} while (0)
/* The statement, run in a child of its own, holds all its checks; the child's process state is not kept. */
#define IN_CHILD(...)                                                                                                  \
	do {                                                                                                           \
		pid_t child_ = fork();                                                                                 \
		if (child_ == -1)                                                                                      \
			FAIL("fork got %s", errno_name(errno));                                                        \
		if (child_ == 0) {                                                                                     \
			__VA_ARGS__;                                                                                     \
			_exit(0);                                                                                      \
		}                                                                                                      \
		int end_ = wait_status(child_);                                                                        \
		if (WIFEXITED(end_) && WEXITSTATUS(end_) == CHECK_FAILED)                                              \
			_exit(CHECK_FAILED);                                                                           \
		if (end_ != 0)                                                                                         \
			FAIL("child ended with status word 0x%x", end_);                                               \
	} while (0)

__attribute__((unused)) static long long now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

__attribute__((unused)) static void sleep_ms(unsigned milliseconds)
{
	struct timespec t = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
	while (nanosleep(&t, &t) == -1 && errno == EINTR) {
	}
}

/* A handler that does nothing, so that a signal interrupts and no more. */
__attribute__((unused)) static void do_nothing(int number)
{
	(void)number;
}

/* Sets a handler that does nothing, with these SA_ flags. */
#define CATCH(number, flags)                                                                                           \
	do {                                                                                                           \
		struct sigaction action_ = {.sa_handler = do_nothing, .sa_flags = (flags)};                            \
		OK(sigaction((number), &action_, 0));                                                                  \
	} while (0)

/* Sends SIGALRM to this process after so many milliseconds. */
__attribute__((unused)) static void alarm_ms(unsigned milliseconds)
{
	struct itimerval timer = {.it_value = {milliseconds / 1000, milliseconds % 1000 * 1000}};
	setitimer(ITIMER_REAL, &timer, 0);
}

/* Reads a whole small file (as those of /proc are) into `buffer` and ends it with NUL; -1 with errno when it cannot. */
__attribute__((unused)) static ssize_t read_file(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	size_t done = 0;
	while (done < size - 1) {
		ssize_t n = read(fd, buffer + done, size - 1 - done);
		if (n <= 0)
			break;
		done += n;
	}
	buffer[done] = 0;
	close(fd);
	return done;
}

/* The value behind a name in /proc/PID/status. */
__attribute__((unused)) static long status_number(pid_t pid, const char *name)
{
	char path[64], text[4096], *line;
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	CHECK(read_file(path, text, sizeof text) > 0);
	line = strstr(text, name);
	CHECK(line != 0);
	return strtol(line + strlen(name), 0, 10);
}

/* The state letter of /proc/PID/stat, 0 when there is none. */
__attribute__((unused)) static char state_of(pid_t pid)
{
	char path[64], text[512];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (read_file(path, text, sizeof text) <= 0)
		return 0;
	char *end = strrchr(text, ')');
	return end && end[1] == ' ' ? end[2] : 0;
}

/* A number of /proc/PID/stat by its place as proc(5) counts them, from 1. */
__attribute__((unused)) static long long stat_field(pid_t pid, int number)
{
	char path[64], text[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	CHECK(read_file(path, text, sizeof text) > 0);
	if (number == 1)
		return strtoll(text, 0, 10);
	char *at = strrchr(text, ')');
	for (int field = 2; at && field < number; field++)
		at = strchr(at + 1, ' ');
	CHECK(at != 0);
	return strtoll(at, 0, 10);
}

/* A child that only waits for signals, and its end. */
__attribute__((unused)) static pid_t sleeping_child(void)
{
	pid_t child = OK(fork());
	if (child == 0)
		for (;;)
			pause();
	return child;
}
__attribute__((unused)) static void end_child(pid_t child)
{
	OK(kill(child, SIGKILL));
	wait_status(child);
}

/* Waits up to two seconds until the process shows this state. */
#define WAIT_STATE(pid, letter)                                                                                        \
	do {                                                                                                           \
		int tries_ = 0;                                                                                        \
		char state_;                                                                                           \
		while ((state_ = state_of(pid)) != (letter) && tries_++ < 400)                                         \
			sleep_ms(5);                                                                                   \
		if (state_ != (letter))                                                                                \
			FAIL("state of the process got %c want %c", state_ ? state_ : '?', (letter));                  \
	} while (0)

/* Makes an empty directory of its own under /tmp and enters it; it is removed by `leave_scratch` or with the machine. */
__attribute__((unused)) static void enter_scratch(void)
{
	char path[] = "/tmp/case.XXXXXX";
	CHECK(mkdtemp(path) != 0);
	OK(chmod(path, 0777));
	OK(chdir(path));
}

static volatile pid_t check_running;

static void check_time_is_up(int signal)
{
	(void)signal;
	if (check_running > 0) {
		kill(-check_running, SIGKILL);
		kill(check_running, SIGKILL);
		check_running = -check_running;
	}
}

static int check_run(struct check_case *item)
{
	check_name = item->name;
	check_line("run %s %u", item->name, item->seconds);
	fflush(stdout);
	pid_t child = fork();
	if (child == -1) {
		check_line("case %s: FAIL fork got %s", item->name, errno_name(errno));
		return 1;
	}
	if (child == 0) {
		struct rlimit none = {0, 0};
		signal(SIGALRM, SIG_DFL);
		setpgid(0, 0);
		setrlimit(RLIMIT_CORE, &none);
		item->run();
		fflush(stdout);
		_exit(0);
	}
	setpgid(child, child);
	check_running = child;
	alarm(item->seconds);
	int status = 0;
	pid_t waited;
	do
		waited = waitpid(child, &status, 0);
	while (waited == -1 && errno == EINTR);
	alarm(0);
	int late = check_running == -child;
	check_running = 0;
	kill(-child, SIGKILL);
	if (late)
		check_line("case %s: FAIL no end after %u s", item->name, item->seconds);
	else if (waited != child)
		check_line("case %s: FAIL waitpid got %s", item->name, errno_name(errno));
	else if (WIFSIGNALED(status))
		check_line("case %s: FAIL died of signal %d (%s)", item->name, WTERMSIG(status),
			   strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 0) {
		check_line("case %s: ok", item->name);
		return 0;
	} else if (WEXITSTATUS(status) == CHECK_SKIPPED)
		return 0;
	else if (WEXITSTATUS(status) != CHECK_FAILED)
		check_line("case %s: FAIL exit status %d", item->name, WEXITSTATUS(status));
	return 1;
}

#ifndef CHECK_NO_MAIN
int main(int count, char **arguments)
{
	struct sigaction action = {.sa_handler = check_time_is_up};
	int failed = 0;
	if (count == 2 && strcmp(arguments[1], "--list") == 0) {
		for (struct check_case *item = check_first; item; item = item->next)
			puts(item->name);
		return 0;
	}
	sigaction(SIGALRM, &action, 0);
	for (struct check_case *item = check_first; item; item = item->next) {
		int wanted = count == 1;
		for (int i = 1; i < count; i++)
			wanted |= strcmp(arguments[i], item->name) == 0;
		if (wanted)
			failed |= check_run(item);
	}
	return failed;
}
#endif
#endif
