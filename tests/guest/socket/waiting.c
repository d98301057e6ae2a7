/* poll(2), epoll(7) and threads on unix sockets. */
#include "unix.h"
#include <sys/epoll.h>
#include <pthread.h>

static char block[1 << 16];
static int queue;

static void watch(int fd, unsigned events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	OK(epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event));
}
/* The events that a wait gives for one descriptor, 0 for none. */
static unsigned next_event(int fd)
{
	struct epoll_event events[4];
	unsigned found = 0;
	int count = OK(epoll_wait(queue, events, 4, 0));
	for (int i = 0; i < count; i++)
		if (events[i].data.fd == fd)
			found = events[i].events;
	return found;
}

CASE(edges_of_streams)
{
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	queue = OK(epoll_create1(0));
	watch(pair[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	OUT("at first %#x, then %#x", next_event(pair[0]), next_event(pair[0]));
	EQ(write(pair[1], "a", 1), 1);
	OUT("a byte %#x, then %#x", next_event(pair[0]), next_event(pair[0]));
	EQ(write(pair[1], "a", 1), 1);
	OUT("another %#x", next_event(pair[0]));
	EQ(read(pair[0], block, 1), 1);
	OUT("one read %#x", next_event(pair[0]));
	fill(pair[0], 1000);
	OUT("full %#x", next_event(pair[0]));
	EQ(read(pair[1], block, 1000), 1000);
	OUT("one read %#x", next_event(pair[0]));
	while (recv(pair[1], block, sizeof block, MSG_DONTWAIT) > 0) {
	}
	OUT("all read %#x", next_event(pair[0]));
	OK(shutdown(pair[1], SHUT_WR));
	OUT("no more comes %#x", next_event(pair[0]));
	close(pair[1]);
	OUT("hung up %#x", next_event(pair[0]));
}

CASE(levels_of_datagrams)
{
	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	queue = OK(epoll_create1(0));
	watch(pair[0], EPOLLIN | EPOLLOUT);
	OUT("at first %#x", next_event(pair[0]));
	EQ(write(pair[1], "a", 1), 1);
	OUT("a message %#x", next_event(pair[0]));
	EQ(read(pair[0], block, 1), 1);
	OUT("read %#x", next_event(pair[0]));
	close(pair[1]);
	OUT("peer closed %#x", next_event(pair[0]));
}

CASE(poll_wakes_up)
{
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	struct pollfd entry = {.fd = pair[0], .events = POLLIN | POLLRDHUP};
	EQ(poll(&entry, 1, 20), 0);
	pid_t child = OK(fork());
	if (child == 0) {
		close(pair[0]);
		sleep_ms(30);
		EQ(write(pair[1], "a", 1), 1);
		EQ(read(pair[1], block, 1), 1);
		_exit(0);
	}
	close(pair[1]);
	EQ(poll(&entry, 1, 5000), 1);
	OUT("events %#x", entry.revents);
	EQ(read(pair[0], block, 1), 1);
	EQ(write(pair[0], "b", 1), 1);
	EQ(poll(&entry, 1, 5000), 1);
	OUT("events %#x", entry.revents);
	EQ(exit_code(child), 0);
	fd_set set;
	FD_ZERO(&set);
	FD_SET(pair[0], &set);
	EQ(select(pair[0] + 1, &set, 0, 0, 0), 1);
}

CASE(listener_is_readable)
{
	int server = listener(SOCK_STREAM, "@readable", 5);
	queue = OK(epoll_create1(0));
	watch(server, EPOLLIN | EPOLLET);
	EQ(next_event(server), 0);
	for (int i = 0; i < 2; i++)
		OK(connect_to(OK(socket(AF_UNIX, SOCK_STREAM, 0)), "@readable"));
	OUT("two wait %#x", next_event(server));
	OK(accept(server, 0, 0));
	EQ(next_event(server), 0);
	OK(accept(server, 0, 0));
}

static void *reader(void *argument)
{
	long total = 0;
	int fd = *(int *)argument;
	for (;;) {
		ssize_t count = read(fd, block, 100);
		if (count <= 0)
			return (void *)total;
		total += count;
	}
}

CASE(two_readers_and_two_writers)
{
	pthread_t readers[2];
	long total = 0;
	OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	for (int i = 0; i < 2; i++)
		EQ(pthread_create(&readers[i], 0, reader, &pair[1]), 0);
	for (int i = 0; i < 2; i++)
		if (OK(fork()) == 0) {
			for (int j = 0; j < 2000; j++)
				EQ(write(pair[0], block, 1 + j % 100), 1 + j % 100);
			_exit(0);
		}
	for (int i = 0; i < 2; i++) {
		int status;
		OK(wait(&status));
		EQ(status, 0);
	}
	OK(shutdown(pair[0], SHUT_WR));
	for (int i = 0; i < 2; i++) {
		void *part;
		EQ(pthread_join(readers[i], &part), 0);
		total += (long)part;
	}
	EQ(total, 2 * 20 * 5050);
}

CASE_WITHIN(ends_while_others_use_them, 40)
{
	/* Nothing is observed but that it ends: closing, passing and connecting at once. */
	int server = listener(SOCK_STREAM | SOCK_NONBLOCK, "@busy", 3);
	for (int child = 0; child < 4; child++)
		if (OK(fork()) == 0) {
			for (int i = 0; i < 500; i++) {
				int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
				connect_to(fd, "@busy");
				send(fd, "abc", 3, MSG_NOSIGNAL);
				int taken = accept(server, 0, 0);
				recv(taken, block, 2, MSG_DONTWAIT);
				if (i % 3)
					close(taken);
				close(fd);
				if (i % 3 == 0)
					close(taken);
			}
			_exit(0);
		}
	for (int child = 0; child < 4; child++) {
		int status;
		OK(wait(&status));
		EQ(status, 0);
	}
}
