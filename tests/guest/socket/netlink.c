/* netlink(7): ports, groups, messages between programs, options. */
#include "netlink.h"

static char block[1 << 19];

CASE(kinds_and_protocols)
{
	static const int protocols[] = {NETLINK_ROUTE, NETLINK_USERSOCK, NETLINK_AUDIT, NETLINK_KOBJECT_UEVENT,
					NETLINK_GENERIC};
	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
		int fd = OK(socket(AF_NETLINK, SOCK_DGRAM, protocols[i])), value = 0;
		socklen_t length = sizeof value;
		OK(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &length));
		EQ(value, protocols[i]);
		OK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length));
		EQ(value, SOCK_DGRAM);
		OK(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &length));
		EQ(value, AF_NETLINK);
	}
	ERR(socket(AF_NETLINK, SOCK_RAW, 1), EPROTONOSUPPORT);
	ERR(socket(AF_NETLINK, SOCK_RAW, 31), EPROTONOSUPPORT);
	ERR(socket(AF_NETLINK, SOCK_RAW, 32), EPROTONOSUPPORT);
	ERR(socket(AF_NETLINK, SOCK_RAW, -1), EPROTONOSUPPORT);
	ERR(socket(AF_NETLINK, SOCK_STREAM, NETLINK_USERSOCK), ESOCKTNOSUPPORT);
	ERR(socket(AF_NETLINK, SOCK_SEQPACKET, 77), ESOCKTNOSUPPORT);
	ERR(socket(AF_NETLINK, 11, NETLINK_USERSOCK), EINVAL);
	int pair[2];
	ERR(socketpair(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK, pair), EOPNOTSUPP);
}

CASE(what_it_does_not_do)
{
	struct sockaddr_nl name = {};
	socklen_t length = sizeof name;
	int fd = netlink(NETLINK_USERSOCK);
	ERR(listen(fd, 1), EOPNOTSUPP);
	ERR(accept(fd, 0, 0), EOPNOTSUPP);
	ERR(shutdown(fd, SHUT_RDWR), EOPNOTSUPP);
	ERR(send(fd, "a", 1, MSG_OOB), EOPNOTSUPP);
	ERR(recv(fd, block, 1, MSG_OOB | MSG_DONTWAIT), EOPNOTSUPP);
	ERR(send(fd, "", 0, 0), ENODATA);
	ERR(ioctl(fd, FIONREAD, &length), ENOTTY);
	ERR(ioctl(fd, TIOCOUTQ, &length), ENOTTY);
	ERR(lseek(fd, 0, SEEK_CUR), ESPIPE);
	length = sizeof name;
	OK(getpeername(fd, (void *)&name, &length));
	OUT("peer %u %u %#x, %u bytes", name.nl_family, name.nl_pid, name.nl_groups, length);
	OUT("ready %#x", ready(fd));
	int offset = 1;
	ERR(setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof offset), EOPNOTSUPP);
}

CASE(ports)
{
	struct sockaddr_nl name = address(0, 0);
	int first = netlink(NETLINK_USERSOCK), second = netlink(NETLINK_USERSOCK), third = netlink(NETLINK_USERSOCK),
	    other = netlink(NETLINK_ROUTE);
	EQ(own_name(first).nl_pid, 0);
	ERR(bind(first, (void *)&name, 11), EINVAL);
	ERR(bind(first, (void *)&name, -1), EINVAL);
	ERR(bind(first, (void *)&name, 129), EINVAL);
	ERR(bind(first, (void *)16, sizeof name), EFAULT);
	name.nl_family = AF_UNIX;
	ERR(bind(first, (void *)&name, sizeof name), EINVAL);
	OK(bind_to(first, 0, 0));
	EQ(own_name(first).nl_pid, getpid());
	OK(bind_to(first, getpid(), 0));
	ERR(bind_to(first, 0, 0), EINVAL);
	ERR(bind_to(first, 5, 0), EINVAL);
	/* The number is taken: a negative one is chosen. */
	OK(bind_to(second, 0, 0));
	CHECK((int)own_name(second).nl_pid < -4096);
	/* Each protocol has its own ports. */
	OK(bind_to(other, 0, 0));
	EQ(own_name(other).nl_pid, getpid());
	ERR(bind_to(third, getpid(), 0), EADDRINUSE);
	EQ(own_name(third).nl_pid, getpid());
	OK(bind_to(third, 77777, 0));
	EQ(own_name(third).nl_pid, 77777);
	close(third);
	third = netlink(NETLINK_USERSOCK);
	OK(bind_to(third, 77777, 0));
	/* A longer address will do. */
	struct {
		struct sockaddr_nl name;
		char rest[100];
	} longer = {.name = address(77778, 0)};
	int fourth = netlink(NETLINK_USERSOCK);
	OK(bind(fourth, (void *)&longer, sizeof longer));
	EQ(own_name(fourth).nl_pid, 77778);
}

CASE(network_namespaces_have_their_own_ports)
{
	int first = netlink(NETLINK_USERSOCK);
	OK(bind_to(first, 4242, 0));
	IN_CHILD({
		OK(unshare(CLONE_NEWNET));
		int second = netlink(NETLINK_USERSOCK);
		int third = netlink(NETLINK_USERSOCK);
		ERR(send_to(third, "a", 1, 4242, 0), ECONNREFUSED);
		OK(bind_to(second, 4242, 0));
		EQ(send_to(third, "a", 1, 4242, 0), 1);
		EQ(recv(second, block, 8, MSG_DONTWAIT), 1);
	});
	ERR(recv(first, block, 8, MSG_DONTWAIT), EAGAIN);
}

CASE(messages_between_programs)
{
	struct sockaddr_nl name = {};
	socklen_t length = sizeof name;
	int server = netlink(NETLINK_USERSOCK), client = netlink(NETLINK_USERSOCK);
	OK(bind_to(server, 1001, 0));
	ERR(send_to(client, "a", 1, 1002, 0), ECONNREFUSED);
	/* The first message gave it a port. */
	EQ(own_name(client).nl_pid, getpid());
	/* There is no kernel to speak to. */
	ERR(send(client, "a", 1, 0), ECONNREFUSED);
	EQ(send_to(client, "abc", 3, 1001, 0), 3);
	EQ(send_to(client, "defgh", 5, 1001, 0), 5);
	OUT("ready %#x", ready(server));
	EQ(recvfrom(server, block, 100, MSG_PEEK, (void *)&name, &length), 3);
	EQ(name.nl_family, AF_NETLINK);
	EQ(name.nl_pid, getpid());
	EQ(name.nl_groups, 0);
	EQ(length, sizeof name);
	EQ(recv(server, block, 2, MSG_PEEK | MSG_TRUNC), 3);
	EQ(recv(server, block, 2, 0), 2);
	EQ(recv(server, block, 2, MSG_TRUNC), 5);
	ERR(recv(server, block, 2, MSG_DONTWAIT), EAGAIN);
	EQ(send_to(client, "abc", 3, 1001, 0), 3);
	struct iovec vector = {block, 2};
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1, .msg_name = &name, .msg_namelen = 4};
	EQ(recvmsg(server, &header, 0), 2);
	EQ(header.msg_flags, MSG_TRUNC);
	EQ(header.msg_namelen, sizeof name);
	/* A message that faults is lost. */
	EQ(send_to(client, "abc", 3, 1001, 0), 3);
	ERR(recv(server, (void *)16, 3, MSG_DONTWAIT), EFAULT);
	ERR(recv(server, block, 3, MSG_DONTWAIT), EAGAIN);
	name = address(1001, 0);
	ERR(sendto(client, "a", 1, 0, (void *)&name, 11), EINVAL);
	name.nl_family = AF_UNIX;
	ERR(sendto(client, "a", 1, 0, (void *)&name, sizeof name), EINVAL);
	ERR(sendto(client, (void *)16, 1, 0, (void *)&name, sizeof name), EINVAL);
	name.nl_family = AF_NETLINK;
	ERR(sendto(client, (void *)16, 1, 0, (void *)&name, sizeof name), EFAULT);
	ERR(sendto(client, block, 212961, 0, (void *)&name, sizeof name), EMSGSIZE);
	EQ(sendto(client, block, 212960, 0, (void *)&name, sizeof name), 212960);
	EQ(recv(server, block, sizeof block, 0), 212960);
	EQ(sendto(client, "a", 1, 0, (void *)&name, 60), 1);
	EQ(read(server, block, 60), 1);
	/* To itself. */
	EQ(sendto(server, "a", 1, 0, (void *)&name, sizeof name), 1);
	EQ(read(server, block, 60), 1);
	close(server);
	ERR(send_to(client, "a", 1, 1001, 0), ECONNREFUSED);
}

CASE(connected_sockets)
{
	struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
	struct sockaddr_nl name = {};
	socklen_t length = sizeof name;
	int server = netlink(NETLINK_USERSOCK), client = netlink(NETLINK_USERSOCK), other = netlink(NETLINK_USERSOCK);
	OK(bind_to(server, 1001, 0));
	OK(bind_to(other, 1003, 0));
	ERR(connect(client, &unspecified, 1), EINVAL);
	name = address(1001, 0);
	ERR(connect(client, (void *)&name, 11), EINVAL);
	/* Whether there is somebody matters when something is sent. */
	OK(connect_to(client, 1002, 6));
	EQ(own_name(client).nl_pid, getpid());
	OK(getpeername(client, (void *)&name, &length));
	OUT("peer %u %#x", name.nl_pid, name.nl_groups);
	OK(connect_to(client, 1001, 0));
	EQ(write(client, "abc", 3), 3);
	EQ(read(server, block, 10), 3);
	/* The server hears its peer only. */
	OK(connect_to(server, 1003, 0));
	ERR(write(client, "abc", 3), ECONNREFUSED);
	EQ(send_to(other, "a", 1, 1001, 0), 1);
	OK(connect(server, &unspecified, sizeof unspecified));
	EQ(write(client, "abc", 3), 3);
	EQ(read(server, block, 10), 1);
	OK(connect(client, &unspecified, 2));
	ERR(write(client, "abc", 3), ECONNREFUSED);
	EQ(own_name(client).nl_pid, getpid());
}

CASE(groups)
{
	struct sockaddr_nl name = {};
	socklen_t length = sizeof name;
	int first = netlink(NETLINK_USERSOCK), second = netlink(NETLINK_USERSOCK), sender = netlink(NETLINK_USERSOCK);
	unsigned list[4] = {~0u, ~0u, ~0u, ~0u};
	length = sizeof list;
	OK(getsockopt(first, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, list, &length));
	OUT("before: %u bytes, %#x", length, list[0]);
	OK(bind_to(first, 0, 5));
	EQ(own_name(first).nl_groups, 5);
	OK(bind_to(second, 0, 4));
	OK(set(second, NETLINK_ADD_MEMBERSHIP, 32));
	ERR(set(second, NETLINK_ADD_MEMBERSHIP, 33), EINVAL);
	ERR(set(second, NETLINK_ADD_MEMBERSHIP, 0), EINVAL);
	EQ(own_name(second).nl_groups, 0x80000004);
	length = sizeof list;
	OK(getsockopt(second, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, list, &length));
	OUT("then: %u bytes, %#x %#x", length, list[0], list[1]);
	length = 3;
	OK(getsockopt(second, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, list, &length));
	OUT("little room: %u bytes", length);
	/* The kernel, which is not there, is meant, too. */
	ERR(send_to(sender, "abc", 3, 0, 4), ECONNREFUSED);
	length = sizeof name;
	EQ(recvfrom(first, block, 8, MSG_DONTWAIT, (void *)&name, &length), 3);
	EQ(name.nl_pid, own_name(sender).nl_pid);
	EQ(name.nl_groups, 4);
	EQ(recv(second, block, 8, MSG_DONTWAIT), 3);
	ERR(send_to(sender, "abcd", 4, 0, 1), ECONNREFUSED);
	EQ(recv(first, block, 8, MSG_DONTWAIT), 4);
	ERR(recv(second, block, 8, MSG_DONTWAIT), EAGAIN);
	/* To a group and to one who is in it: once. */
	EQ(send_to(sender, "abcde", 5, own_name(second).nl_pid, 4), 5);
	EQ(recv(first, block, 8, MSG_DONTWAIT), 5);
	EQ(recv(second, block, 8, MSG_DONTWAIT), 5);
	ERR(recv(second, block, 8, MSG_DONTWAIT), EAGAIN);
	/* Not to itself. */
	ERR(send_to(first, "a", 1, 0, 4), ECONNREFUSED);
	ERR(recv(first, block, 8, MSG_DONTWAIT), EAGAIN);
	EQ(recv(second, block, 8, MSG_DONTWAIT), 1);
	OK(set(second, NETLINK_DROP_MEMBERSHIP, 3));
	OK(set(second, NETLINK_DROP_MEMBERSHIP, 3));
	ERR(send_to(sender, "a", 1, 0, 4), ECONNREFUSED);
	ERR(recv(second, block, 8, MSG_DONTWAIT), EAGAIN);
	EQ(recv(first, block, 8, MSG_DONTWAIT), 1);
	OK(bind_to(first, own_name(first).nl_pid, 0));
	EQ(own_name(first).nl_groups, 0);
	ERR(send_to(sender, "a", 1, 0, 4), ECONNREFUSED);
	ERR(recv(first, block, 8, MSG_DONTWAIT), EAGAIN);
}

CASE(who_may)
{
	IN_CHILD({
		int user = netlink(NETLINK_USERSOCK), route = netlink(NETLINK_ROUTE);
		without(CAP_NET_ADMIN);
		ERR(bind_to(user, 0, 1), EPERM);
		ERR(bind_to(user, 0, 0x80000000), EPERM);
		ERR(set(user, NETLINK_ADD_MEMBERSHIP, 1), EPERM);
		ERR(set(user, NETLINK_ADD_MEMBERSHIP, 0), EPERM);
		OK(connect_to(user, 5, 1));
		ERR(connect_to(route, 5, 0), EPERM);
		ERR(connect_to(route, 0, 1), EPERM);
		OK(connect_to(route, 0, 0));
		ERR(send_to(route, "a", 1, 5, 0), EPERM);
		ERR(send_to(route, "a", 1, 0, 1), EPERM);
		OK(bind_to(route, getpid(), 1));
		OK(set(route, NETLINK_ADD_MEMBERSHIP, 36));
		ERR(set(route, NETLINK_ADD_MEMBERSHIP, 37), EINVAL);
		ERR(set(route, NETLINK_ADD_MEMBERSHIP, 30), EPERM);
		OK(set(route, NETLINK_LISTEN_ALL_NSID, 1));
		without(CAP_NET_BROADCAST);
		ERR(set(route, NETLINK_LISTEN_ALL_NSID, 1), EPERM);
	});
}

CASE(options)
{
	static const int names[] = {NETLINK_PKTINFO, NETLINK_BROADCAST_ERROR, NETLINK_NO_ENOBUFS, NETLINK_CAP_ACK,
				    NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK};
	int fd = netlink(NETLINK_ROUTE), value = 7;
	socklen_t length;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		EQ(get(fd, names[i]), 0);
		OK(set(fd, names[i], 7));
		EQ(get(fd, names[i]), 1);
		OK(setsockopt(fd, SOL_NETLINK, names[i], &value, 3));
		EQ(get(fd, names[i]), 0);
		length = 3;
		ERR(getsockopt(fd, SOL_NETLINK, names[i], &value, &length), EINVAL);
		length = -1;
		ERR(getsockopt(fd, SOL_NETLINK, names[i], &value, &length), EINVAL);
		length = 8;
		ERR(getsockopt(fd, SOL_NETLINK, names[i], (void *)16, &length), EFAULT);
	}
	OUT("all namespaces %d, members %d", get(fd, NETLINK_LISTEN_ALL_NSID), get(fd, NETLINK_ADD_MEMBERSHIP));
	ERR(setsockopt(fd, SOL_NETLINK, NETLINK_PKTINFO, (void *)16, 4), EFAULT);
	ERR(setsockopt(fd, SOL_NETLINK, 77, &value, 4), ENOPROTOOPT);
	ERR(setsockopt(fd, SOL_NETLINK, 77, (void *)16, 4), EFAULT);
	ERR(setsockopt(fd, SOL_NETLINK, NETLINK_PKTINFO, &value, -1), EINVAL);
	ERR(setsockopt(fd, 999, NETLINK_PKTINFO, &value, 4), ENOPROTOOPT);
	length = 4;
	ERR(getsockopt(fd, SOL_NETLINK, 77, &value, &length), ENOPROTOOPT);
	ERR(getsockopt(fd, 999, 1, &value, &length), ENOPROTOOPT);
	length = 64;
	unsigned list[16];
	OK(bind_to(fd, 0, 1));
	OK(getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, list, &length));
	OUT("%u bytes of groups: %#x %#x", length, list[0], list[1]);
}

CASE(what_comes_with_a_message)
{
	int server = netlink(NETLINK_USERSOCK), client = netlink(NETLINK_USERSOCK), one = 1;
	OK(bind_to(server, 1001, 1 << 6));
	OK(set(server, NETLINK_PKTINFO, 1));
	OK(setsockopt(server, SOL_SOCKET, SO_PASSCRED, &one, sizeof one));
	for (int round = 0; round < 2; round++) {
		union {
			char bytes[256];
			struct cmsghdr align;
		} control;
		struct iovec vector = {block, 8};
		struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes,
					.msg_controllen = sizeof control.bytes};
		if (round == 0)
			EQ(send_to(client, "a", 1, 1001, 0), 1);
		else
			ERR(send_to(client, "a", 1, 0, 1 << 6), ECONNREFUSED);
		EQ(recvmsg(server, &header, 0), 1);
		for (struct cmsghdr *part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
			int words[3];
			memcpy(words, CMSG_DATA(part), part->cmsg_len == CMSG_LEN(12) ? 12 : 4);
			if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS)
				OUT("credentials %d %d %d", words[0] == getpid(), words[1], words[2]);
			else
				OUT("level %d type %d value %d", part->cmsg_level, part->cmsg_type, words[0]);
		}
	}
	/* Files cannot be passed. */
	union {
		char bytes[CMSG_SPACE(4)];
		struct cmsghdr align;
	} control = {};
	struct sockaddr_nl name = address(1001, 0);
	struct iovec vector = {"a", 1};
	struct msghdr header = {.msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &vector, .msg_iovlen = 1,
				.msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(4);
	ERR(sendmsg(client, &header, 0), EINVAL);
}

CASE(receivers_fill_up)
{
	static const int sizes[] = {1, 1000, 3776, 3777, 20000};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		int server = netlink(NETLINK_USERSOCK), client = netlink(NETLINK_USERSOCK), count = 0, left = 0;
		OK(bind_to(server, 1001, 1));
		while (send_to(client, block, sizes[i], 1001, 0) > 0)
			count++;
		EQ(errno, EAGAIN);
		OUT("%d bytes: %d times, ready %#x %#x", sizes[i], count, ready(server), ready(client));
		struct timeval time = {0, 50000};
		struct sockaddr_nl name = address(1001, 0);
		OK(setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
		ERR(sendto(client, block, sizes[i], 0, (void *)&name, sizeof name), EAGAIN);
		/* The sender of a message to all is not told, the receiver is. */
		ERR(send_to(client, block, sizes[i], 0, 1), ECONNREFUSED);
		OUT("lost: ready %#x", ready(server));
		ERR(recv(server, block, 1, MSG_DONTWAIT), ENOBUFS);
		EQ(recv(server, block, 1, 0), 1);
		/* Until all is read, nothing comes. */
		ERR(send_to(client, block, 1, 1001, 0), EAGAIN);
		while (recv(server, block, 1, MSG_DONTWAIT) == 1)
			left++;
		EQ(left, count - 1);
		EQ(send_to(client, block, 1, 1001, 0), 1);
		close(server);
		close(client);
	}
}

CASE(a_sender_waits_for_room)
{
	int server = netlink(NETLINK_USERSOCK), client = netlink(NETLINK_USERSOCK), small = 1;
	OK(bind_to(server, 1001, 0));
	OK(setsockopt(server, SOL_SOCKET, SO_RCVBUF, &small, sizeof small));
	int count = 0;
	while (send_to(client, block, 100, 1001, 0) > 0)
		count++;
	OUT("%d messages", count);
	pid_t child = OK(fork());
	if (child == 0) {
		struct sockaddr_nl name = address(1001, 0);
		EQ(sendto(client, "last", 4, 0, (void *)&name, sizeof name), 4);
		_exit(0);
	}
	WAIT_STATE(child, 'S');
	int left = 0;
	while (OK(recv(server, block, 8, 0)) != 4)
		left++;
	EQ(left, count);
	EQ(exit_code(child), 0);
}

CASE(waiting_and_time_outs)
{
	int fd = netlink(NETLINK_USERSOCK);
	struct timeval time = {0, 50000};
	OK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
	ERR(recv(fd, block, 1, 0), EAGAIN);
	OK(bind_to(fd, 1001, 0));
	pid_t child = OK(fork());
	if (child == 0) {
		int own = netlink(NETLINK_USERSOCK);
		sleep_ms(30);
		EQ(send_to(own, "ab", 2, 1001, 0), 2);
		_exit(0);
	}
	struct pollfd entry = {.fd = fd, .events = POLLIN};
	EQ(poll(&entry, 1, 5000), 1);
	EQ(recv(fd, block, 8, 0), 2);
	EQ(exit_code(child), 0);
}

CASE(in_the_list_of_sockets)
{
	int fd = netlink(NETLINK_USERSOCK);
	struct stat status;
	char line[256], wanted[64];
	OK(bind_to(fd, 424242, 5));
	OK(fstat(fd, &status));
	FILE *list = fopen("/proc/net/netlink", "r");
	CHECK(list);
	CHECK(fgets(line, sizeof line, list));
	OUT("%.*s|", (int)strlen(line) - 1, line);
	snprintf(wanted, sizeof wanted, " %lu", (unsigned long)status.st_ino);
	int found = 0;
	while (fgets(line, sizeof line, list))
		if (strstr(line, " 424242 ") && strstr(line, wanted)) {
			found++;
			OUT("%.62s|", line + 17);
		}
	EQ(found, 1);
}

/* Sockets come, hear each other and go, on all processors. */
CASE(many_at_once)
{
	pid_t children[4];
	for (int i = 0; i < 4; i++) {
		children[i] = OK(fork());
		if (children[i])
			continue;
		for (int round = 0; round < 300; round++) {
			int first = netlink(NETLINK_USERSOCK), second = netlink(NETLINK_USERSOCK);
			OK(bind_to(first, 0, 3));
			OK(bind_to(second, 0, 1));
			ERR(send_to(first, "all", 3, 0, 1), ECONNREFUSED);
			/* What the others send may have filled it. */
			CHECK(send_to(second, "one", 3, own_name(first).nl_pid, 0) == 3 || errno == EAGAIN);
			for (int j = 0; j < 4; j++)
				CHECK(recv(first, block, 8, MSG_DONTWAIT) == 3 || errno == EAGAIN || errno == ENOBUFS);
			CHECK(recv(second, block, 8, MSG_DONTWAIT) == 3 || errno == ENOBUFS);
			OK(set(second, NETLINK_DROP_MEMBERSHIP, 1));
			close(first);
			close(second);
		}
		_exit(0);
	}
	for (int i = 0; i < 4; i++)
		EQ(exit_code(children[i]), 0);
}
