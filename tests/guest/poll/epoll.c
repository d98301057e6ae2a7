/* epoll(7): level, edge, oneshot, exclusive, nested; the errnos of its calls; eventfd(2) and timerfd(2). */
#include "../check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static int ends[2], set;
static struct epoll_event event, events[8];

static void watch(int fd, uint32_t what)
{
	struct epoll_event wanted = {.events = what, .data.u64 = fd};
	OK(epoll_ctl(set, EPOLL_CTL_ADD, fd, &wanted));
}

static void begin(uint32_t what)
{
	OK(pipe(ends));
	set = OK(epoll_create1(EPOLL_CLOEXEC));
	EQ(fcntl(set, F_GETFD), FD_CLOEXEC);
	watch(ends[0], what);
}

CASE(level_triggered_repeats)
{
	begin(EPOLLIN);
	EQ(epoll_wait(set, events, 8, 0), 0);
	EQ(write(ends[1], "x", 1), 1);
	for (int i = 0; i < 3; i++)
		EQ(epoll_wait(set, events, 8, 0), 1);
	EQ(events[0].events, EPOLLIN);
	EQ(events[0].data.u64, ends[0]);
	char byte;
	EQ(read(ends[0], &byte, 1), 1);
	EQ(epoll_wait(set, events, 8, 0), 0);
}

CASE(edge_triggered_tells_once_per_write)
{
	begin(EPOLLIN | EPOLLET);
	EQ(write(ends[1], "x", 1), 1);
	EQ(epoll_wait(set, events, 8, 0), 1);
	EQ(epoll_wait(set, events, 8, 0), 0);
	EQ(write(ends[1], "y", 1), 1);
	EQ(epoll_wait(set, events, 8, 0), 1);
	EQ(epoll_wait(set, events, 8, 0), 0);
}

CASE(oneshot_must_be_armed_again)
{
	begin(EPOLLIN | EPOLLONESHOT);
	EQ(write(ends[1], "x", 1), 1);
	EQ(epoll_wait(set, events, 8, 0), 1);
	EQ(epoll_wait(set, events, 8, 0), 0);
	event = (struct epoll_event){.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 77};
	OK(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event));
	EQ(epoll_wait(set, events, 8, 0), 1);
	EQ(events[0].data.u64, 77);
}

CASE(hang_up_and_error_come_unasked)
{
	begin(0);
	OK(close(ends[1]));
	EQ(epoll_wait(set, events, 8, 0), 1);
	OUT("reader: 0x%x", events[0].events);
	OK(pipe(ends));
	watch(ends[1], 0);
	OK(close(ends[0]));
	int n = epoll_wait(set, events, 8, 0);
	OUT("writer: %d 0x%x", n, events[n - 1].events);
}

CASE(writable_is_told)
{
	OK(pipe(ends));
	set = OK(epoll_create1(0));
	watch(ends[1], EPOLLOUT);
	EQ(epoll_wait(set, events, 8, 0), 1);
	EQ(events[0].events, EPOLLOUT);
}

CASE(wait_is_woken)
{
	begin(EPOLLIN);
	pid_t child = OK(fork());
	if (child == 0) {
		sleep_ms(40);
		_exit(write(ends[1], "x", 1) != 1);
	}
	EQ(epoll_wait(set, events, 8, -1), 1);
	EQ(exit_code(child), 0);
}

CASE(wait_times_out)
{
	begin(EPOLLIN);
	long long start = now_ns();
	EQ(epoll_wait(set, events, 8, 40), 0);
	CHECK(now_ns() - start >= 40000000);
	struct timespec limit = {0, 20000000};
	EQ(syscall(441, set, events, 8, &limit, 0, 8), 0);
}

CASE(no_more_than_asked_and_in_turn)
{
	int pipes[3][2], seen = 0;
	set = OK(epoll_create1(0));
	for (int i = 0; i < 3; i++) {
		OK(pipe(pipes[i]));
		watch(pipes[i][0], EPOLLIN);
		EQ(write(pipes[i][1], "x", 1), 1);
	}
	for (int i = 0; i < 3; i++) {
		EQ(epoll_wait(set, events, 1, 0), 1);
		for (int j = 0; j < 3; j++)
			if ((int)events[0].data.u64 == pipes[j][0])
				seen |= 1 << j;
	}
	EQ(seen, 7);
}

CASE(modify_and_delete)
{
	begin(EPOLLIN);
	EQ(write(ends[1], "x", 1), 1);
	event = (struct epoll_event){.events = 0};
	OK(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event));
	EQ(epoll_wait(set, events, 8, 0), 0);
	event.events = EPOLLIN;
	OK(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event));
	EQ(epoll_wait(set, events, 8, 0), 1);
	OK(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], 0));
	EQ(epoll_wait(set, events, 8, 0), 0);
}

CASE(last_close_takes_it_out)
{
	begin(EPOLLIN);
	EQ(write(ends[1], "x", 1), 1);
	int copy = OK(dup(ends[0]));
	OK(close(ends[0]));
	EQ(epoll_wait(set, events, 8, 0), 1);
	OK(close(copy));
	EQ(epoll_wait(set, events, 8, 0), 0);
}

CASE(nested_sets)
{
	begin(EPOLLIN);
	int outer = OK(epoll_create1(0));
	event = (struct epoll_event){.events = EPOLLIN, .data.u64 = 5};
	OK(epoll_ctl(outer, EPOLL_CTL_ADD, set, &event));
	EQ(epoll_wait(outer, events, 8, 0), 0);
	EQ(write(ends[1], "x", 1), 1);
	EQ(epoll_wait(outer, events, 8, 0), 1);
	struct pollfd poll_it = {outer, POLLIN, 0};
	EQ(poll(&poll_it, 1, 0), 1);
	event.events = EPOLLIN;
	ERR(epoll_ctl(set, EPOLL_CTL_ADD, outer, &event), ELOOP);
}

CASE(exclusive_wakes_one)
{
	OK(pipe(ends));
	set = OK(epoll_create1(0));
	watch(ends[0], EPOLLIN | EPOLLEXCLUSIVE);
	EQ(write(ends[1], "x", 1), 1);
	EQ(epoll_wait(set, events, 8, 0), 1);
	event.events = EPOLLIN | EPOLLEXCLUSIVE;
	ERR(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event), EINVAL);
}

CASE(errors)
{
	begin(EPOLLIN);
	event.events = EPOLLIN;
	ERR(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event), EEXIST);
	ERR(epoll_ctl(set, EPOLL_CTL_DEL, ends[1], 0), ENOENT);
	ERR(epoll_ctl(set, EPOLL_CTL_MOD, ends[1], &event), ENOENT);
	ERR(epoll_ctl(set, EPOLL_CTL_ADD, 99, &event), EBADF);
	ERR(epoll_ctl(99, EPOLL_CTL_ADD, ends[1], &event), EBADF);
	ERR(epoll_ctl(set, EPOLL_CTL_ADD, set, &event), EINVAL);
	ERR(epoll_ctl(ends[0], EPOLL_CTL_ADD, ends[1], &event), EINVAL);
	ERR(epoll_ctl(set, 9, ends[1], &event), EINVAL);
	ERR(epoll_ctl(set, EPOLL_CTL_ADD, ends[1], (struct epoll_event *)16), EFAULT);
	int file = OK(open("/tmp", O_RDONLY));
	ERR(epoll_ctl(set, EPOLL_CTL_ADD, file, &event), EPERM);
	ERR(epoll_wait(set, events, 0, 0), EINVAL);
	ERR(epoll_wait(set, events, -1, 0), EINVAL);
	ERR(epoll_wait(ends[0], events, 1, 0), EINVAL);
	ERR(epoll_wait(99, events, 1, 0), EBADF);
	ERR(epoll_create1(1), EINVAL);
	ERR(epoll_create(0), EINVAL);
	OK(epoll_create(1));
	EQ(write(ends[1], "x", 1), 1);
	ERR(epoll_wait(set, (struct epoll_event *)16, 1, 0), EFAULT);
}

CASE(eventfd_counts)
{
	uint64_t value;
	int fd = OK(eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
	EQ(read(fd, &value, 8), 8);
	EQ(value, 3);
	ERR(read(fd, &value, 8), EAGAIN);
	value = 5;
	EQ(write(fd, &value, 8), 8);
	EQ(write(fd, &value, 8), 8);
	EQ(read(fd, &value, 8), 8);
	EQ(value, 10);
	ERR(read(fd, &value, 4), EINVAL);
	value = UINT64_MAX;
	ERR(write(fd, &value, 8), EINVAL);
	value = UINT64_MAX - 1;
	EQ(write(fd, &value, 8), 8);
	value = 1;
	ERR(write(fd, &value, 8), EAGAIN);
	ERR(eventfd(0, 0x100), EINVAL);
}

CASE(eventfd_semaphore)
{
	uint64_t value;
	int fd = OK(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
	EQ(read(fd, &value, 8), 8);
	EQ(value, 1);
	EQ(read(fd, &value, 8), 8);
	ERR(read(fd, &value, 8), EAGAIN);
}

CASE(eventfd_wakes_a_reader)
{
	uint64_t value = 0;
	int fd = OK(eventfd(0, 0));
	struct pollfd poll_it = {fd, POLLIN | POLLOUT, 0};
	EQ(poll(&poll_it, 1, 0), 1);
	EQ(poll_it.revents, POLLOUT);
	pid_t child = OK(fork());
	if (child == 0) {
		sleep_ms(30);
		_exit(eventfd_write(fd, 9));
	}
	EQ(read(fd, &value, 8), 8);
	EQ(value, 9);
	EQ(exit_code(child), 0);
}

CASE(timerfd_expires)
{
	uint64_t count;
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
	struct itimerspec timer = {.it_value = {0, 20000000}}, now;
	ERR(read(fd, &count, 8), EAGAIN);
	OK(timerfd_settime(fd, 0, &timer, 0));
	OK(timerfd_gettime(fd, &now));
	CHECK(now.it_value.tv_nsec > 0);
	struct pollfd poll_it = {fd, POLLIN, 0};
	EQ(poll(&poll_it, 1, 2000), 1);
	EQ(read(fd, &count, 8), 8);
	EQ(count, 1);
	ERR(read(fd, &count, 8), EAGAIN);
}

CASE(timerfd_repeats_and_counts)
{
	uint64_t count;
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec timer = {{0, 10000000}, {0, 10000000}};
	OK(timerfd_settime(fd, 0, &timer, 0));
	sleep_ms(100);
	EQ(read(fd, &count, 8), 8);
	CHECK(count >= 9);
	NOTE("%llu expirations", (unsigned long long)count);
}

CASE(timerfd_absolute_in_the_past_expires_at_once)
{
	uint64_t count;
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec timer = {.it_value = {0, 1}};
	OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &timer, 0));
	EQ(read(fd, &count, 8), 8);
	EQ(count, 1);
}

CASE(timerfd_errors)
{
	struct itimerspec timer = {.it_value = {0, 1000000000}};
	ERR(timerfd_create(77, 0), EINVAL);
	ERR(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	int fd = OK(timerfd_create(CLOCK_REALTIME, 0));
	ERR(timerfd_settime(fd, 0, &timer, 0), EINVAL);
	timer.it_value.tv_nsec = 1;
	ERR(timerfd_settime(fd, 8, &timer, 0), EINVAL);
	ERR(timerfd_settime(1, 0, &timer, 0), EINVAL);
	ERR(timerfd_gettime(99, &timer), EBADF);
}
