/* unix(7): SOCK_DGRAM and SOCK_SEQPACKET. */
#include "unix.h"

static char block[1 << 19];

CASE(messages_keep_their_bounds)
{
	static const int types[] = {SOCK_DGRAM, SOCK_SEQPACKET};
	for (int i = 0; i < 2; i++) {
		char text[8] = "";
		OK(socketpair(AF_UNIX, types[i], 0, pair));
		EQ(send(pair[0], "abc", 3, 0), 3);
		EQ(write(pair[0], "", 0), 0);
		EQ(send(pair[0], "", 0, 0), 0);
		EQ(send(pair[0], "defgh", 5, 0), 5);
		EQ(recv(pair[1], text, 8, MSG_PEEK), 3);
		EQ(recv(pair[1], text, 2, MSG_PEEK | MSG_TRUNC), 3);
		EQ(read(pair[1], text, 8), 3);
		EQ(read(pair[1], text, 8), 0);
		EQ(recv(pair[1], text, 8, 0), 0);
		EQ(recv(pair[1], text, 2, 0), 2);
		ERR(recv(pair[1], text, 8, MSG_DONTWAIT), EAGAIN);
		EQ(send(pair[0], "defgh", 5, 0), 5);
		EQ(recv(pair[1], text, 2, MSG_TRUNC), 5);
		ERR(send(pair[0], "a", 1, MSG_OOB), EOPNOTSUPP);
		ERR(recv(pair[0], text, 1, MSG_OOB), EOPNOTSUPP);
		OUT("ready %#x", ready(pair[0]));
	}
}

CASE(how_much_fits)
{
	static const int types[] = {SOCK_DGRAM, SOCK_SEQPACKET};
	static const size_t sizes[] = {0, 1, 1000, 16064, 16065, 60000, 150000, 212960};
	for (int type = 0; type < 2; type++) {
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			int charged = 0, queued = 0;
			OK(socketpair(AF_UNIX, types[type], 0, pair));
			int count = fill(pair[0], sizes[i]);
			OK(ioctl(pair[0], TIOCOUTQ, &charged));
			OK(ioctl(pair[1], FIONREAD, &queued));
			OUT("%zu bytes %d times, %d charged, %d to read, ready %#x", sizes[i], count, charged, queued,
			    ready(pair[0]));
			close(pair[0]);
			close(pair[1]);
		}
		OK(socketpair(AF_UNIX, types[type], 0, pair));
		ERR(send(pair[0], block, 212961, 0), EMSGSIZE);
	}
}

CASE(receiver_of_others_messages_fills_up)
{
	int server = OK(socket(AF_UNIX, SOCK_DGRAM, 0)), client = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
	OK(bind_to(server, "@full"));
	OK(connect_to(client, "@full"));
	OUT("ready %#x", ready(client));
	OUT("%d messages", fill(client, 1));
	OUT("ready %#x", ready(client));
	struct timeval time = {0, 50000};
	OK(setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
	ERR(send(client, "a", 1, 0), EAGAIN);
	pid_t child = OK(fork());
	if (child == 0) {
		struct timeval none = {};
		OK(setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none));
		struct pollfd entry = {.fd = client, .events = POLLOUT};
		EQ(poll(&entry, 1, 5000), 1);
		EQ(send(client, "last", 4, 0), 4);
		_exit(0);
	}
	WAIT_STATE(child, 'S');
	int count = 0;
	while (OK(recv(server, block, 8, 0)) != 4)
		count++;
	OUT("%d before the last", count);
	EQ(exit_code(child), 0);
}

CASE(addresses_of_messages)
{
	struct sockaddr_un address = {};
	socklen_t length = sizeof address, size;
	struct sockaddr_un server_name = named("@server", &size);
	int server = OK(socket(AF_UNIX, SOCK_DGRAM, 0)), client = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
	OK(bind_to(server, "@server"));
	ERR(send(client, "a", 1, 0), ENOTCONN);
	EQ(sendto(client, "a", 1, 0, (void *)&server_name, size), 1);
	EQ(recvfrom(server, block, 8, 0, (void *)&address, &length), 1);
	OUT("without a name: %u bytes", length);
	OK(bind_to(client, "@client"));
	EQ(sendto(client, "ab", 2, 0, (void *)&server_name, size), 2);
	length = sizeof address;
	EQ(recvfrom(server, block, 8, 0, (void *)&address, &length), 2);
	OUT("with a name: %u bytes, %s", length, address.sun_path + 1);
	ERR(sendto(client, "a", 1, 0, (void *)&server_name, 2), EINVAL);
	ERR(sendto(client, "a", 1, 0, (void *)16, size), EFAULT);
	ERR(sendto(client, "a", 1, 0, (void *)&server_name, 200), EINVAL);
	EQ(sendto(client, "a", 1, 0, (void *)&server_name, size), 1);
	length = -1;
	ERR(recvfrom(server, block, 8, 0, (void *)&address, &length), EINVAL);
	ERR(recv(server, block, 8, MSG_DONTWAIT), EAGAIN);
	server_name.sun_path[1] = 'x';
	ERR(sendto(client, "a", 1, 0, (void *)&server_name, size), ECONNREFUSED);
	server_name.sun_family = AF_INET;
	ERR(sendto(client, "a", 1, 0, (void *)&server_name, size), EINVAL);
}

CASE(connected_datagram_sockets)
{
	struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
	struct sockaddr_un address;
	socklen_t size, length = sizeof address;
	struct sockaddr_un server_name = named("@dserver", &size);
	int server = OK(socket(AF_UNIX, SOCK_DGRAM, 0)), client = OK(socket(AF_UNIX, SOCK_DGRAM, 0)),
	    other = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
	OK(bind_to(server, "@dserver"));
	OK(bind_to(client, "@dclient"));
	OK(connect_to(client, "@dserver"));
	OK(connect_to(server, "@dclient"));
	/* The server takes messages of its own peer only. */
	ERR(connect_to(other, "@dserver"), EPERM);
	ERR(sendto(other, "a", 1, 0, (void *)&server_name, size), EPERM);
	EQ(send(client, "a", 1, 0), 1);
	EQ(recv(server, block, 1, 0), 1);
	/* A connected one may name another receiver. */
	EQ(sendto(client, "a", 1, 0, (void *)&server_name, size), 1);
	EQ(connect(server, &unspecified, sizeof unspecified), 0);
	ERR(recv(server, block, 1, MSG_DONTWAIT), EAGAIN);
	EQ(option(client, SO_ERROR), ECONNRESET);
	ERR(getpeername(server, (void *)&address, &length), ENOTCONN);
	ERR(connect(client, &unspecified, 1), EINVAL);
	close(server);
	OUT("ready %#x", ready(client));
	ERR(send(client, "a", 1, MSG_NOSIGNAL), ECONNREFUSED);
	ERR(send(client, "a", 1, MSG_NOSIGNAL), ENOTCONN);
	int own = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
	OK(bind_to(own, "@own"));
	OK(connect_to(own, "@own"));
	OUT("%d messages to itself", fill(own, 1));
}

CASE(shutdown_of_datagram_sockets)
{
	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	EQ(send(pair[0], "a", 1, 0), 1);
	OK(shutdown(pair[1], SHUT_RD));
	OUT("ready %#x %#x", ready(pair[0]), ready(pair[1]));
	ERR(send(pair[0], "a", 1, 0), EPIPE);
	EQ(recv(pair[1], block, 8, 0), 1);
	EQ(recv(pair[1], block, 8, 0), 0);
	ERR(recv(pair[1], block, 8, MSG_DONTWAIT), EAGAIN);
	OK(shutdown(pair[0], SHUT_WR));
	ERR(send(pair[0], "a", 1, 0), EPIPE);
	OUT("ready %#x %#x", ready(pair[0]), ready(pair[1]));
}

CASE(packets_need_a_connection)
{
	int server = listener(SOCK_SEQPACKET, "@packets", 5), client = OK(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	ERR(send(client, "a", 1, 0), ENOTCONN);
	ERR(recv(client, block, 1, 0), ENOTCONN);
	OK(connect_to(client, "@packets"));
	int accepted = OK(accept(server, 0, 0));
	EQ(send(client, "abc", 3, MSG_EOR), 3);
	EQ(send(client, "de", 2, 0), 2);
	struct iovec part = {block, 8};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	EQ(recvmsg(accepted, &message, 0), 3);
	OUT("flags %#x", message.msg_flags);
	part.iov_len = 1;
	EQ(recvmsg(accepted, &message, 0), 1);
	OUT("flags %#x", message.msg_flags);
	EQ(send(accepted, "xyz", 3, 0), 3);
	close(accepted);
	OUT("ready %#x", ready(client));
	ERR(send(client, "a", 1, 0), EPIPE);
	EQ(recv(client, block, 8, 0), 3);
	EQ(recv(client, block, 8, 0), 0);
	EQ(recv(client, block, 8, MSG_DONTWAIT), 0);
	/* What the peer has not read makes an error. */
	OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	EQ(send(pair[0], "a", 1, 0), 1);
	close(pair[1]);
	ERR(recv(pair[0], block, 8, 0), ECONNRESET);
	EQ(recv(pair[0], block, 8, 0), 0);
}

CASE(several_messages_at_once)
{
	struct iovec out[3] = {{"a", 1}, {"bc", 2}, {"def", 3}}, in[3];
	struct mmsghdr messages[3] = {};
	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	for (int i = 0; i < 3; i++) {
		messages[i].msg_hdr.msg_iov = &out[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	EQ(sendmmsg(pair[0], messages, 3, 0), 3);
	OUT("lengths %u %u %u", messages[0].msg_len, messages[1].msg_len, messages[2].msg_len);
	for (int i = 0; i < 3; i++) {
		in[i] = (struct iovec){block + 8 * i, 8};
		messages[i].msg_hdr.msg_iov = &in[i];
		messages[i].msg_len = 77;
	}
	EQ(recvmmsg(pair[1], messages, 2, 0, 0), 2);
	EQ(recvmmsg(pair[1], messages, 3, MSG_WAITFORONE, 0), 1);
	ERR(recvmmsg(pair[1], messages, 3, MSG_DONTWAIT, 0), EAGAIN);
	EQ(recvmmsg(pair[1], messages, 0, 0, 0), 0);
	EQ(sendmmsg(pair[1], messages, 0, 0), 0);
	struct timespec time = {0, 2000000000};
	ERR(recvmmsg(pair[1], messages, 3, 0, &time), EINVAL);
	time = (struct timespec){0, 1000};
	EQ(send(pair[0], "a", 1, 0), 1);
	EQ(send(pair[0], "a", 1, 0), 1);
	sleep_ms(5);
	EQ(recvmmsg(pair[1], messages, 3, 0, &time), 1);
	EQ(time.tv_sec, 0);
	ERR(recvmmsg(-1, messages, 3, 0, 0), EBADF);
	ERR(sendmmsg(-1, messages, 3, 0), EBADF);
	EQ(messages[1].msg_len, 2);
	messages[1].msg_hdr.msg_iov = (void *)16;
	messages[1].msg_hdr.msg_iovlen = 1;
	EQ(sendmmsg(pair[0], messages, 2, 0), 1);
}

CASE(times_of_messages)
{
	int on = 1;
	struct timeval *sent;
	struct timespec before, after;
	char control[64];
	struct iovec part = {block, 8};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	OK(setsockopt(pair[1], SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on));
	clock_gettime(CLOCK_REALTIME, &before);
	EQ(send(pair[0], "a", 1, 0), 1);
	clock_gettime(CLOCK_REALTIME, &after);
	EQ(recvmsg(pair[1], &message, 0), 1);
	struct cmsghdr *item = CMSG_FIRSTHDR(&message);
	CHECK(item != 0);
	OUT("level %d type %d", item->cmsg_level, item->cmsg_type);
	sent = (void *)CMSG_DATA(item);
	CHECK(sent->tv_sec >= before.tv_sec && sent->tv_sec <= after.tv_sec);
}

CASE(looking_ahead)
{
	static const int types[] = {SOCK_DGRAM, SOCK_SEQPACKET};
	for (int i = 0; i < 2; i++) {
		int offset = 0;
		OK(socketpair(AF_UNIX, types[i], 0, pair));
		OK(setsockopt(pair[1], SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof offset));
		EQ(send(pair[0], "abc", 3, 0), 3);
		EQ(send(pair[0], "defg", 4, 0), 4);
		for (int j = 0; j < 4; j++) {
			memset(block, 0, 8);
			ssize_t count = recv(pair[1], block, 2, MSG_PEEK | MSG_DONTWAIT);
			OUT("%zd: %s, at %d", count, block, option(pair[1], SO_PEEK_OFF));
		}
		EQ(recv(pair[1], block, 8, 0), 3);
		OUT("at %d", option(pair[1], SO_PEEK_OFF));
	}
}
