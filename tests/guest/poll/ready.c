/* poll(2), ppoll(2), select(2), pselect6(2): what is ready, time-outs, errnos. */
#include "../check.h"
#include <poll.h>
#include <sys/select.h>

static int ends[2];

#define SHOW_POLL(fd_, events_)                                                                                        \
	do {                                                                                                           \
		struct pollfd watch_ = {fd_, events_, 0};                                                              \
		int n_ = poll(&watch_, 1, 0);                                                                          \
		OUT("%s %s: %d revents 0x%x", #fd_, #events_, n_, watch_.revents);                                     \
	} while (0)

CASE(pipe_states)
{
	OK(pipe(ends));
	SHOW_POLL(ends[0], POLLIN | POLLOUT | POLLPRI | POLLRDHUP);
	SHOW_POLL(ends[1], POLLIN | POLLOUT);
	EQ(write(ends[1], "x", 1), 1);
	SHOW_POLL(ends[0], POLLIN | POLLRDNORM | POLLOUT);
	SHOW_POLL(ends[0], POLLOUT);
	OK(close(ends[1]));
	SHOW_POLL(ends[0], POLLIN);
	char byte;
	EQ(read(ends[0], &byte, 1), 1);
	SHOW_POLL(ends[0], POLLIN);
	SHOW_POLL(ends[0], 0);
}

CASE(writer_without_reader)
{
	OK(pipe(ends));
	OK(close(ends[0]));
	SHOW_POLL(ends[1], POLLOUT);
}

CASE(full_pipe_is_not_writable)
{
	static char block[65536];
	OK(pipe(ends));
	EQ(write(ends[1], block, sizeof block), sizeof block);
	SHOW_POLL(ends[1], POLLOUT);
	EQ(read(ends[0], block, 100), 100);
	SHOW_POLL(ends[1], POLLOUT);
	EQ(read(ends[0], block, 4096), 4096);
	SHOW_POLL(ends[1], POLLOUT);
}

CASE(files_and_devices_are_always_ready)
{
	int null = OK(open("/dev/null", O_RDWR)), zero = OK(open("/dev/zero", O_RDONLY)), folder = OK(open("/tmp", O_RDONLY));
	enter_scratch();
	int file = OK(open("f", O_CREAT | O_RDWR, 0600));
	SHOW_POLL(null, POLLIN | POLLOUT);
	SHOW_POLL(zero, POLLIN | POLLOUT);
	SHOW_POLL(file, POLLIN | POLLOUT);
	SHOW_POLL(folder, POLLIN | POLLOUT);
}

CASE(bad_descriptor_is_POLLNVAL)
{
	int bad = 99, negative = -1;
	SHOW_POLL(bad, POLLIN);
	SHOW_POLL(negative, POLLIN);
}

CASE(counts_ready_descriptors)
{
	OK(pipe(ends));
	struct pollfd watch[3] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {99, POLLIN, 0}};
	EQ(poll(watch, 3, 1000), 2);
	EQ(watch[0].revents, 0);
	EQ(watch[1].revents, POLLOUT);
	EQ(watch[2].revents, POLLNVAL);
}

CASE(poll_waits_for_a_writer)
{
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		sleep_ms(50);
		_exit(write(ends[1], "x", 1) != 1);
	}
	struct pollfd watch = {ends[0], POLLIN, 0};
	EQ(poll(&watch, 1, -1), 1);
	EQ(watch.revents, POLLIN);
	EQ(exit_code(child), 0);
}

CASE(poll_times_out)
{
	OK(pipe(ends));
	struct pollfd watch = {ends[0], POLLIN, 0};
	long long start = now_ns();
	EQ(poll(&watch, 1, 50), 0);
	long long took = now_ns() - start;
	CHECK(took >= 50000000);
	CHECK(took < 2000000000);
	EQ(poll(0, 0, 20), 0);
}

CASE(poll_errors)
{
	struct pollfd watch = {0, POLLIN, 0};
	struct rlimit limit = {30, 30};
	ERR(syscall(SYS_poll, 16L, 1, 0), EFAULT);
	OK(setrlimit(RLIMIT_NOFILE, &limit));
	ERR(syscall(SYS_poll, &watch, 31, 0), EINVAL);
	struct timespec bad = {0, -1};
	ERR(ppoll(&watch, 1, &bad, 0), EINVAL);
	bad.tv_nsec = 1000000000;
	ERR(ppoll(&watch, 1, &bad, 0), EINVAL);
	ERR(syscall(SYS_ppoll, &watch, 1, 0, &watch, 4), EINVAL);
}

CASE(ppoll_writes_back_the_rest)
{
	struct { long seconds, nanoseconds; } limit = {0, 30000000};
#ifdef __LP64__
	EQ(syscall(SYS_ppoll, 0, 0, &limit, 0, 8), 0);
	EQ(limit.seconds, 0);
	EQ(limit.nanoseconds, 0);
#else
	SKIP("layout of 64-bit code %ld", limit.seconds);
#endif
}

CASE(many_descriptors)
{
	static struct pollfd watch[500];
	OK(pipe(ends));
	struct rlimit limit = {1024, 1024};
	OK(setrlimit(RLIMIT_NOFILE, &limit));
	for (int i = 0; i < 500; i++) {
		watch[i].fd = OK(dup(ends[0]));
		watch[i].events = POLLIN;
	}
	EQ(poll(watch, 500, 0), 0);
	EQ(write(ends[1], "x", 1), 1);
	EQ(poll(watch, 500, 0), 500);
}

CASE(select_sets)
{
	fd_set in, out, special;
	OK(pipe(ends));
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&special);
	FD_SET(ends[0], &in);
	FD_SET(ends[1], &out);
	FD_SET(ends[0], &special);
	EQ(select(ends[1] + 1, &in, &out, &special, 0), 1);
	EQ(FD_ISSET(ends[0], &in), 0);
	CHECK(FD_ISSET(ends[1], &out));
	EQ(FD_ISSET(ends[0], &special), 0);
	EQ(write(ends[1], "x", 1), 1);
	FD_SET(ends[0], &in);
	FD_SET(ends[1], &out);
	EQ(select(ends[1] + 1, &in, &out, 0, 0), 2);
}

CASE(select_end_of_file_is_readable)
{
	fd_set in;
	OK(pipe(ends));
	OK(close(ends[1]));
	FD_ZERO(&in);
	FD_SET(ends[0], &in);
	EQ(select(ends[0] + 1, &in, 0, 0, 0), 1);
}

CASE(select_times_out_and_writes_the_rest)
{
	fd_set in;
	OK(pipe(ends));
	FD_ZERO(&in);
	FD_SET(ends[0], &in);
	struct timeval limit = {0, 50000};
	long long start = now_ns();
	EQ(select(ends[0] + 1, &in, 0, 0, &limit), 0);
	CHECK(now_ns() - start >= 50000000);
	EQ(limit.tv_sec, 0);
	EQ(limit.tv_usec, 0);
	EQ(FD_ISSET(ends[0], &in), 0);
}

CASE(select_leaves_the_rest_of_the_time)
{
	fd_set in;
	struct timeval limit = {5, 0};
	OK(pipe(ends));
	EQ(write(ends[1], "x", 1), 1);
	FD_ZERO(&in);
	FD_SET(ends[0], &in);
	EQ(select(ends[0] + 1, &in, 0, 0, &limit), 1);
	CHECK(limit.tv_sec >= 4);
}

CASE(select_errors)
{
	fd_set in;
	struct timeval bad = {-1, 0};
	FD_ZERO(&in);
	FD_SET(40, &in); /* within the first 64: beyond its table's size Linux does not look */
	ERR(select(41, &in, 0, 0, 0), EBADF);
	ERR(select(-1, 0, 0, 0, 0), EINVAL);
	ERR(select(0, 0, 0, 0, &bad), EINVAL);
	ERR(syscall(SYS_select, 5, 16L, 0, 0, 0), EFAULT);
	struct timeval zero = {0, 0};
	EQ(select(0, 0, 0, 0, &zero), 0);
}

CASE(pselect_swaps_the_mask)
{
	sigset_t block, empty;
	sigemptyset(&empty);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &block, 0));
	CATCH(SIGUSR1, 0);
	raise(SIGUSR1);
	ERR(pselect(0, 0, 0, 0, 0, &empty), EINTR);
}
