/* Datagrams of IPv4 over the loopback device: ports, peers, errors. */
#include "../check.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static struct sockaddr_in at(const char *address, int port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	EQ(inet_pton(AF_INET, address, &in.sin_addr), 1);
	return in;
}
#define ADDRESS(address, port) (struct sockaddr *)&(struct sockaddr_in[]){at(address, port)}[0], sizeof(struct sockaddr_in)

/* A network of its own, whose loopback device is up or not. */
static void own_network(int is_up)
{
	OK(unshare(CLONE_NEWNET));
	if (!is_up)
		return;
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	OK(ioctl(fd, SIOCSIFFLAGS, &request));
	OK(close(fd));
}
static int open_socket(void)
{
	return OK(socket(AF_INET, SOCK_DGRAM, 0));
}
static int open_at(const char *address, int port)
{
	int fd = open_socket();
	OK(bind(fd, ADDRESS(address, port)));
	return fd;
}
/* Ports that sockets get by themselves are others each time. */
static void show_name(const char *what, int fd, int peer)
{
	struct sockaddr_in in = {0};
	socklen_t length = sizeof in;
	int result = peer ? getpeername(fd, (struct sockaddr *)&in, &length) : getsockname(fd, (struct sockaddr *)&in, &length);
	if (result < 0) {
		OUT("%s: %s", what, errno_name(errno));
		return;
	}
	int port = ntohs(in.sin_port);
	OUT("%s: %u bytes, family %d, %s port %d", what, length, in.sin_family, inet_ntoa(in.sin_addr),
	    port >= 32768 && port <= 60999 ? -1 : port);
	for (unsigned i = 0; i < sizeof in.sin_zero; i++)
		EQ(in.sin_zero[i], 0);
}

CASE(kinds_and_protocols)
{
	static const int kinds[] = {SOCK_DGRAM, SOCK_DGRAM | SOCK_NONBLOCK, SOCK_DGRAM | 0x100, SOCK_RDM, 9, 11};
	static const int protocols[] = {0, IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP, IPPROTO_RAW, 200, 263, 1000, -1};
	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
		OUT("kind %d: %s", kinds[i], outcome(socket(AF_INET, kinds[i], 0)));
	for (unsigned i = 0; i < sizeof protocols / sizeof *protocols; i++)
		OUT("protocol %d: %s", protocols[i], outcome(socket(AF_INET, SOCK_DGRAM, protocols[i])));
	int fd = open_socket(), value;
	static const int options[] = {SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ACCEPTCONN, SO_SNDBUF, SO_RCVBUF, SO_ERROR};
	for (unsigned i = 0; i < sizeof options / sizeof *options; i++) {
		socklen_t length = sizeof value;
		OK(getsockopt(fd, SOL_SOCKET, options[i], &value, &length));
		OUT("option %d: %d", options[i], value);
	}
	int pair[2];
	ERR(socketpair(AF_INET, SOCK_DGRAM, 0, pair), EOPNOTSUPP);
	ERR(listen(fd, 1), EOPNOTSUPP);
	ERR(accept(fd, 0, 0), EOPNOTSUPP);
}

CASE(binding)
{
	own_network(1);
	int fd = open_socket();
	struct sockaddr_in in = at("127.0.0.1", 5000);
	show_name("fresh", fd, 0);
	OUT("short: %s", outcome(bind(fd, (struct sockaddr *)&in, 15)));
	OUT("empty: %s", outcome(bind(fd, (struct sockaddr *)&in, 0)));
	OUT("negative: %s", outcome(bind(fd, (struct sockaddr *)&in, -1)));
	in.sin_family = AF_UNIX;
	OUT("another family: %s", outcome(bind(fd, (struct sockaddr *)&in, sizeof in)));
	in.sin_family = AF_UNSPEC;
	OUT("no family: %s", outcome(bind(fd, (struct sockaddr *)&in, sizeof in)));
	OUT("an address nobody has: %s", outcome(bind(fd, ADDRESS("10.1.2.3", 5000))));
	OUT("it and a low port: %s", outcome(bind(fd, ADDRESS("10.1.2.3", 80))));
	in = at("0.0.0.0", 5000);
	in.sin_family = AF_UNSPEC;
	OUT("no family, any address: %s", outcome(bind(fd, (struct sockaddr *)&in, sizeof in)));
	show_name("then", fd, 0);
	OUT("again: %s", outcome(bind(fd, ADDRESS("127.0.0.1", 5001))));
	OUT("again at an address nobody has: %s", outcome(bind(fd, ADDRESS("10.1.2.3", 5001))));
	OUT("the same port: %s", outcome(bind(open_socket(), ADDRESS("127.0.0.1", 5000))));
	int first = open_at("127.0.0.1", 6000);
	show_name("one", first, 0);
	OUT("another address: %s", outcome(bind(open_socket(), ADDRESS("127.0.0.2", 6000))));
	OUT("the same: %s", outcome(bind(open_socket(), ADDRESS("127.0.0.1", 6000))));
	OUT("any: %s", outcome(bind(open_socket(), ADDRESS("0.0.0.0", 6000))));
	OK(close(first));
	OUT("the same when it is free: %s", outcome(bind(open_socket(), ADDRESS("127.0.0.1", 6000))));
	fd = open_at("127.1.2.3", 0);
	show_name("no port", fd, 0);
	fd = open_at("0.0.0.0", 0);
	show_name("nothing", fd, 0);
	OUT("low port: %s", outcome(bind(open_socket(), ADDRESS("0.0.0.0", 1023))));
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		OUT("user, low port: %s", outcome(bind(open_socket(), ADDRESS("0.0.0.0", 1022))));
		OUT("user, low port nobody has: %s", outcome(bind(open_socket(), ADDRESS("10.1.2.3", 1022))));
		OUT("user, high port: %s", outcome(bind(open_socket(), ADDRESS("0.0.0.0", 1024))));
	});
}

CASE(sharing_a_port)
{
	static const int options[] = {SO_REUSEADDR, SO_REUSEPORT};
	own_network(1);
	int on = 1;
	for (unsigned i = 0; i < 2; i++) {
		int port = 7000 + i;
		int first = open_socket(), second = open_socket(), third = open_socket();
		OK(setsockopt(first, SOL_SOCKET, options[i], &on, sizeof on));
		OK(setsockopt(second, SOL_SOCKET, options[i], &on, sizeof on));
		OK(bind(first, ADDRESS("127.0.0.1", port)));
		OUT("both: %s", outcome(bind(second, ADDRESS("127.0.0.1", port))));
		OUT("one: %s", outcome(bind(third, ADDRESS("127.0.0.1", port))));
		IN_CHILD({
			OK(setresuid(1000, 1000, 1000));
			int other = open_socket();
			OK(setsockopt(other, SOL_SOCKET, options[i], &on, sizeof on));
			OUT("both, another user: %s", outcome(bind(other, ADDRESS("127.0.0.1", port))));
		});
	}
}

static void receive(const char *what, int fd, size_t size, int flags)
{
	char text[100] = {0};
	struct sockaddr_in in = {0};
	socklen_t length = sizeof in;
	ssize_t result = recvfrom(fd, text, size, flags | MSG_DONTWAIT, (struct sockaddr *)&in, &length);
	if (result < 0)
		OUT("%s: %s", what, errno_name(errno));
	else
		OUT("%s: %zd \"%s\" of %s, %u bytes", what, result, text, inet_ntoa(in.sin_addr), length);
}

CASE(sending)
{
	own_network(1);
	int to = open_at("127.0.0.1", 5000), fd = open_socket();
	receive("nothing there", to, 100, 0);
	OUT("without a peer: %s", outcome(send(fd, "x", 1, 0)));
	show_name("then", fd, 0);
	OUT("port 0: %s", outcome(sendto(fd, "x", 1, 0, ADDRESS("127.0.0.1", 0))));
	struct sockaddr_in in = at("127.0.0.1", 5000);
	OUT("short address: %s", outcome(sendto(fd, "x", 1, 0, (struct sockaddr *)&in, 15)));
	in.sin_family = AF_UNIX;
	OUT("another family: %s", outcome(sendto(fd, "x", 1, 0, (struct sockaddr *)&in, sizeof in)));
	in.sin_family = AF_UNSPEC;
	OUT("no family: %s", outcome(sendto(fd, "0", 1, 0, (struct sockaddr *)&in, sizeof in)));
	OUT("MSG_OOB: %s", outcome(sendto(fd, "x", 1, MSG_OOB, ADDRESS("127.0.0.1", 5000))));
	OUT("no way: %s", outcome(sendto(fd, "x", 1, 0, ADDRESS("10.1.2.3", 5000))));
	OUT("broadcast: %s", outcome(sendto(fd, "x", 1, 0, ADDRESS("255.255.255.255", 5000))));
	EQ(sendto(fd, "first", 5, 0, ADDRESS("127.0.0.1", 5000)), 5);
	EQ(sendto(fd, "", 0, 0, ADDRESS("127.0.0.1", 5000)), 0);
	EQ(sendto(fd, "any", 3, 0, ADDRESS("0.0.0.0", 5000)), 3);
	EQ(sendto(fd, "lost", 4, 0, ADDRESS("127.0.0.2", 5000)), 4);
	EQ(sendto(fd, "lost", 4, 0, ADDRESS("127.0.0.1", 5001)), 4);
	EQ(sendto(open_at("127.5.5.5", 0), "of another", 10, 0, ADDRESS("127.0.0.1", 5000)), 10);
	int waiting;
	OK(ioctl(to, FIONREAD, &waiting));
	OUT("%d wait", waiting);
	receive("no family", to, 100, 0);
	receive("peek", to, 3, MSG_PEEK);
	receive("truncated", to, 3, MSG_TRUNC | MSG_PEEK);
	receive("a part", to, 3, 0);
	receive("empty", to, 100, 0);
	receive("to any", to, 100, 0);
	receive("of another address", to, 100, 0);
	receive("nothing is left", to, 100, 0);
	receive("of the error queue", to, 100, MSG_ERRQUEUE);
	static char large[70000];
	static const size_t lengths[] = {65507, 65508, 65535, 65536};
	for (unsigned i = 0; i < 4; i++)
		OUT("%zu bytes: %s", lengths[i], outcome(sendto(fd, large, lengths[i], 0, ADDRESS("127.0.0.1", 5000))));
	EQ(recv(to, large, sizeof large, 0), 65507);
	OUT("unmapped: %s", outcome(sendto(fd, (void *)8, 5, 0, ADDRESS("127.0.0.1", 5000))));
	receive("nothing", to, 100, 0);
}

CASE(peers)
{
	own_network(1);
	int to = open_at("127.0.0.1", 5000), fd = open_socket();
	struct sockaddr_in in = at("127.0.0.1", 5000);
	show_name("no peer", fd, 1);
	OUT("empty: %s", outcome(connect(fd, (struct sockaddr *)&in, 0)));
	OUT("short: %s", outcome(connect(fd, (struct sockaddr *)&in, 15)));
	in.sin_family = AF_UNIX;
	OUT("another family: %s", outcome(connect(fd, (struct sockaddr *)&in, sizeof in)));
	OUT("no way: %s", outcome(connect(fd, ADDRESS("10.1.2.3", 5000))));
	OUT("broadcast: %s", outcome(connect(fd, ADDRESS("255.255.255.255", 5000))));
	OK(connect(fd, ADDRESS("127.0.0.1", 5000)));
	show_name("own", fd, 0);
	show_name("peer", fd, 1);
	EQ(write(fd, "to the peer", 11), 11);
	receive("received", to, 100, 0);
	struct sockaddr_in own;
	socklen_t length = sizeof own;
	OK(getsockname(fd, (struct sockaddr *)&own, &length));
	/* Only the peer is heard. */
	EQ(sendto(open_socket(), "stranger", 8, 0, (struct sockaddr *)&own, sizeof own), 8);
	EQ(sendto(to, "peer", 4, 0, (struct sockaddr *)&own, sizeof own), 4);
	receive("heard", fd, 100, 0);
	receive("and no more", fd, 100, 0);
	/* Another than the peer can be sent to. */
	int third = open_at("127.0.0.1", 5001);
	EQ(sendto(fd, "third", 5, 0, ADDRESS("127.0.0.1", 5001)), 5);
	receive("the third", third, 100, 0);
	in.sin_family = AF_UNSPEC;
	OK(connect(fd, (struct sockaddr *)&in, sizeof in));
	show_name("own afterwards", fd, 0);
	show_name("peer afterwards", fd, 1);
	OUT("send afterwards: %s", outcome(write(fd, "x", 1)));
	int bound = open_at("127.0.0.9", 5009);
	OK(connect(bound, ADDRESS("127.0.0.1", 5000)));
	OK(connect(bound, (struct sockaddr *)&in, 2));
	show_name("bound, afterwards", bound, 0);
	OK(connect(bound, ADDRESS("0.0.0.0", 5000)));
	show_name("connected to any", bound, 1);
	fd = open_socket();
	OK(connect(fd, ADDRESS("127.7.7.7", 5000)));
	show_name("connected in the network", fd, 0);
}

CASE(nobody_there)
{
	own_network(1);
	int fd = open_socket(), error;
	socklen_t length = sizeof error;
	OK(connect(fd, ADDRESS("127.0.0.1", 5000)));
	EQ(write(fd, "x", 1), 1);
	struct pollfd poll_fd = {fd, POLLIN | POLLOUT, 0};
	EQ(poll(&poll_fd, 1, 1000), 1);
	OUT("events %#x", poll_fd.revents);
	receive("refused", fd, 100, 0);
	receive("once", fd, 100, 0);
	EQ(write(fd, "x", 1), 1);
	OUT("sent: %s", outcome(write(fd, "x", 1)));
	EQ(write(fd, "x", 1), 1);
	OK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
	OUT("error %s", errno_name(error));
	OUT("sent: %s", outcome(write(fd, "x", 1)));
}

CASE(shut)
{
	own_network(1);
	int to = open_at("127.0.0.1", 5000), fd = open_socket();
	OUT("not connected: %s", outcome(shutdown(fd, SHUT_WR)));
	OUT("bad: %s", outcome(shutdown(fd, 3)));
	fd = open_socket();
	OK(connect(fd, ADDRESS("127.0.0.1", 5000)));
	struct sockaddr_in own;
	socklen_t length = sizeof own;
	OK(getsockname(fd, (struct sockaddr *)&own, &length));
	OK(shutdown(fd, SHUT_WR));
	OUT("sent: %s", outcome(write(fd, "x", 1)));
	EQ(sendto(to, "still", 5, 0, (struct sockaddr *)&own, sizeof own), 5);
	receive("received", fd, 100, 0);
	OK(shutdown(fd, SHUT_RD));
	struct pollfd poll_fd = {fd, POLLIN | POLLOUT | POLLRDHUP, 0};
	EQ(poll(&poll_fd, 1, 0), 1);
	OUT("events %#x", poll_fd.revents);
	char byte;
	OUT("closed: %zd", recv(fd, &byte, 1, 0));
	EQ(sendto(to, "late", 4, 0, (struct sockaddr *)&own, sizeof own), 4);
	receive("late", fd, 100, 0);
}

CASE(no_room)
{
	own_network(1);
	int to = open_at("127.0.0.1", 5000), fd = open_socket(), small = 1;
	OK(setsockopt(to, SOL_SOCKET, SO_RCVBUF, &small, sizeof small));
	static char block[1000];
	for (int i = 0; i < 200; i++)
		EQ(sendto(fd, block, sizeof block, 0, ADDRESS("127.0.0.1", 5000)), sizeof block);
	int count = 0;
	while (recv(to, block, sizeof block, MSG_DONTWAIT) == sizeof block)
		count++;
	NOTE("%d came", count);
	CHECK(count > 0 && count < 20);
	EQ(sendto(fd, "x", 1, 0, ADDRESS("127.0.0.1", 5000)), 1);
	receive("afterwards", to, 100, 0);
}

CASE(waiting)
{
	own_network(1);
	int to = open_at("127.0.0.1", 5000);
	pid_t child = OK(fork());
	if (child == 0) {
		sleep_ms(50);
		EQ(sendto(open_socket(), "late", 4, 0, ADDRESS("127.0.0.1", 5000)), 4);
		_exit(0);
	}
	char text[10];
	EQ(recv(to, text, sizeof text, 0), 4);
	EQ(exit_code(child), 0);
	const struct timeval soon = {0, 20000};
	OK(setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon));
	ERR(recv(to, text, sizeof text, 0), EAGAIN);
	CATCH(SIGALRM, 0);
	alarm_ms(20);
	OK(setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0, 0}, sizeof soon));
	ERR(recv(to, text, sizeof text, 0), EINTR);
}

CASE(device_that_is_down)
{
	own_network(0);
	int fd = open_socket();
	OUT("any: %s", outcome(bind(fd, ADDRESS("0.0.0.0", 5000))));
	OUT("loopback: %s", outcome(bind(open_socket(), ADDRESS("127.0.0.1", 5000))));
	OUT("connected: %s", outcome(connect(fd, ADDRESS("127.0.0.1", 5000))));
	OUT("sent: %s", outcome(sendto(fd, "x", 1, 0, ADDRESS("127.0.0.1", 5000))));
	OUT("sent to any: %s", outcome(sendto(fd, "x", 1, 0, ADDRESS("0.0.0.0", 5000))));
}

CASE(networks_are_apart)
{
	own_network(1);
	int fd = open_at("127.0.0.1", 5000);
	own_network(1);
	int other = open_at("127.0.0.1", 5000);
	EQ(sendto(other, "x", 1, 0, ADDRESS("127.0.0.1", 5000)), 1);
	receive("here", other, 100, 0);
	receive("there", fd, 100, 0);
}

CASE(listed)
{
	own_network(1);
	int fd = open_at("127.0.0.1", 5000);
	OK(connect(fd, ADDRESS("127.0.0.1", 5001)));
	char text[1024];
	CHECK(read_file("/proc/net/udp", text, sizeof text) > 0);
	char *line = strchr(text, '\n');
	CHECK(line != 0);
	*line++ = 0;
	OUT("%s|", text);
	line[strcspn(line, "\n")] = 0;
	char *fields = strchr(line, ':');
	CHECK(fields != 0);
	fields[87] = 0; /* the inode's number follows */
	OUT("%s", fields);
}
