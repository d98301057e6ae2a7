/* Interrupted calls: which restart with SA_RESTART, which give EINTR always, and how much time is left. */
#include "../check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

static int ends[2];

/* A child that writes a byte after the alarm has interrupted the reader. */
static pid_t late_writer(void)
{
	pid_t child = OK(fork());
	if (child == 0) {
		sleep_ms(120);
		_exit(write(ends[1], "x", 1) != 1);
	}
	return child;
}

CASE(read_restarts_with_SA_RESTART)
{
	char byte = 0;
	OK(pipe(ends));
	pid_t child = late_writer();
	CATCH(SIGALRM, SA_RESTART);
	alarm_ms(30);
	EQ(read(ends[0], &byte, 1), 1);
	EQ(byte, 'x');
	EQ(exit_code(child), 0);
}

CASE(read_gives_EINTR_without)
{
	char byte;
	OK(pipe(ends));
	CATCH(SIGALRM, 0);
	alarm_ms(30);
	ERR(read(ends[0], &byte, 1), EINTR);
}

CASE(read_restarts_without_a_handler)
{
	/* SIGCHLD, ignored by default, and a stop with a continue do not end a call. */
	char byte = 0;
	OK(pipe(ends));
	pid_t reader = OK(fork());
	if (reader == 0)
		_exit(read(ends[0], &byte, 1) == 1 ? 4 : 5);
	sleep_ms(20);
	OK(kill(reader, SIGSTOP));
	WAIT_STATE(reader, 'T');
	OK(kill(reader, SIGCONT));
	OK(kill(reader, SIGCHLD));
	sleep_ms(20);
	EQ(write(ends[1], "x", 1), 1);
	EQ(exit_code(reader), 4);
}

CASE(wait_restarts_with_SA_RESTART)
{
	OK(pipe(ends));
	pid_t child = late_writer();
	CATCH(SIGALRM, SA_RESTART);
	alarm_ms(30);
	EQ(OK(waitpid(child, 0, 0)), child);
}

CASE(write_to_a_full_pipe_gives_EINTR)
{
	static char block[65536];
	OK(pipe(ends));
	EQ(write(ends[1], block, sizeof block), sizeof block);
	CATCH(SIGALRM, 0);
	alarm_ms(30);
	ERR(write(ends[1], "y", 1), EINTR);
}

CASE(interrupted_write_gives_what_was_written)
{
	static char block[100000];
	OK(pipe(ends));
	CATCH(SIGALRM, 0);
	alarm_ms(30);
	OUT("%zd", write(ends[1], block, sizeof block));
}

CASE(nanosleep_gives_EINTR_and_the_rest)
{
	struct timespec want = {5, 0}, left = {0, 0};
	CATCH(SIGALRM, SA_RESTART);
	alarm_ms(30);
	ERR(nanosleep(&want, &left), EINTR);
	EQ(left.tv_sec, 4);
	CHECK(left.tv_nsec > 0);
}

CASE(nanosleep_restarts_after_a_stop)
{
	pid_t child = OK(fork());
	if (child == 0) {
		struct timespec want = {0, 150000000};
		long long start = now_ns();
		if (nanosleep(&want, 0) != 0)
			_exit(1);
		_exit(now_ns() - start >= 150000000 ? 0 : 2);
	}
	sleep_ms(30);
	OK(kill(child, SIGSTOP));
	WAIT_STATE(child, 'T');
	OK(kill(child, SIGCONT));
	EQ(exit_code(child), 0);
}

CASE(clock_nanosleep_absolute_gives_EINTR)
{
	struct timespec want;
	clock_gettime(CLOCK_MONOTONIC, &want);
	want.tv_sec += 5;
	CATCH(SIGALRM, 0);
	alarm_ms(30);
	EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &want, 0), EINTR);
}

CASE(poll_gives_EINTR_always)
{
	struct pollfd watch = {.events = POLLIN};
	OK(pipe(ends));
	watch.fd = ends[0];
	CATCH(SIGALRM, SA_RESTART);
	alarm_ms(30);
	ERR(poll(&watch, 1, 5000), EINTR);
}

CASE(poll_restarts_after_a_stop)
{
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		struct pollfd watch = {ends[0], POLLIN, 0};
		_exit(poll(&watch, 1, 1000) == 0 ? 0 : 1);
	}
	sleep_ms(30);
	OK(kill(child, SIGSTOP));
	WAIT_STATE(child, 'T');
	OK(kill(child, SIGCONT));
	EQ(exit_code(child), 0);
}

CASE(select_gives_EINTR_always)
{
	fd_set set;
	OK(pipe(ends));
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	struct timeval limit = {5, 0};
	CATCH(SIGALRM, SA_RESTART);
	alarm_ms(30);
	ERR(select(ends[0] + 1, &set, 0, 0, &limit), EINTR);
}

CASE(epoll_wait_gives_EINTR_always)
{
	struct epoll_event event;
	int fd = OK(epoll_create1(0));
	CATCH(SIGALRM, SA_RESTART);
	alarm_ms(30);
	ERR(epoll_wait(fd, &event, 1, 5000), EINTR);
}

CASE(ppoll_swaps_the_mask)
{
	sigset_t block, empty, after;
	sigemptyset(&empty);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &block, 0));
	CATCH(SIGUSR1, 0);
	raise(SIGUSR1);
	ERR(ppoll(0, 0, 0, &empty), EINTR);
	OK(sigprocmask(SIG_BLOCK, 0, &after));
	EQ(sigismember(&after, SIGUSR1), 1);
}

CASE(flock_restarts)
{
	enter_scratch();
	int one = OK(open("f", O_CREAT | O_RDWR, 0600)), two = OK(open("f", O_RDWR));
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		OK(fcntl(one, F_SETLK, &lock));
		EQ(write(ends[1], "x", 1), 1);
		sleep_ms(150);
		_exit(0);
	}
	char byte;
	EQ(read(ends[0], &byte, 1), 1);
	CATCH(SIGALRM, SA_RESTART);
	alarm_ms(30);
	OK(fcntl(two, F_SETLKW, &lock));
	EQ(exit_code(child), 0);
}

CASE(open_of_a_fifo_restarts)
{
	enter_scratch();
	OK(mkfifo("pipe", 0600));
	pid_t child = OK(fork());
	if (child == 0) {
		sleep_ms(120);
		_exit(open("pipe", O_WRONLY) >= 0 ? 0 : 1);
	}
	CATCH(SIGALRM, SA_RESTART);
	alarm_ms(30);
	OK(open("pipe", O_RDONLY));
	EQ(exit_code(child), 0);
}

CASE(restart_syscall_on_its_own_is_EINTR)
{
	ERR(syscall(SYS_restart_syscall), EINTR);
}

CASE(a_handler_may_be_interrupted_by_many_signals)
{
	/* 200 signals while the reader waits: none is lost for the restart, the read ends with its byte. */
	char byte;
	OK(pipe(ends));
	CATCH(SIGUSR1, SA_RESTART);
	pid_t reader = getpid(), child = OK(fork());
	if (child == 0) {
		for (int i = 0; i < 200; i++)
			kill(reader, SIGUSR1);
		_exit(write(ends[1], "x", 1) != 1);
	}
	EQ(read(ends[0], &byte, 1), 1);
	EQ(exit_code(child), 0);
}
