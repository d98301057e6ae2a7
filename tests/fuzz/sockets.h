/* Recipes of calls about sockets, and about objects that are descriptors like them. */
#include <sys/socket.h>

static const int socket_kinds[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

/* A message's header in the layout of the ABI, with a file now and then. */
static void message_header(uint64_t at, int sends)
{
	const int is_narrow = abi != X86_64;
	put_long(at, 2, at + 256, is_narrow);
	put_long(at, 3, 1, is_narrow);
	put_long(at + 256, 0, POOL + PAGE, is_narrow);
	put_long(at + 256, 1, 1 + below(200), is_narrow);
	if (one_in(3)) {
		const uint32_t item[] = {SOL_SOCKET, 1 /* SCM_RIGHTS */, one_in(2) ? FILE_A : SOCKET_IN};
		put_long(at, 4, at + 512, is_narrow);
		put_long(at, 5, is_narrow ? 16 : 24, is_narrow);
		if (sends) {
			put_long(at + 512, 0, is_narrow ? 16 : 20, is_narrow);
			memcpy((void *)(at + (is_narrow ? 516 : 520)), item, sizeof item);
		}
	}
}
/* A new socket, which stays open until many are closed. */
static uint64_t new_socket(int kind) { return (uint64_t)syscall(SYS_socket, 1, kind, 0); }
/* Of another family, with an address of it: IPv4 on the loopback device, netlink. */
static uint64_t other_socket(uint64_t at)
{
	static const uint32_t protocols[] = {0, 2, 9, 15, 16};
	if (one_in(2)) {
		const uint32_t loopback = one_in(2) ? 0x0100007f : 0;
		*(uint16_t *)at = 2;
		*(uint16_t *)(at + 2) = (uint16_t)(one_in(2) ? below(65536) : 0x3930);
		*(uint32_t *)(at + 4) = loopback;
		return (uint64_t)syscall(SYS_socket, 2, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	}
	*(uint16_t *)at = 16;
	*(uint32_t *)(at + 8) = (uint32_t)(one_in(2) ? 1 << below(32) : 0);
	return (uint64_t)syscall(SYS_socket, 16, SOCK_RAW | SOCK_NONBLOCK, protocols[below(5)]);
}
/* A request of netlink; what it asks for may be anything. */
static void netlink_request(uint64_t at)
{
	const uint32_t length = 16 + (uint32_t)below(64);
	*(uint32_t *)at = length;
	*(uint16_t *)(at + 4) = (uint16_t)(one_in(2) ? 16 + below(40) : below(1200));
	*(uint16_t *)(at + 6) = (uint16_t)(1 | (one_in(2) ? 4 : 0x300));
	for (uint32_t i = 16; i < length; i += 4)
		*(uint32_t *)(at + i) = one_in(2) ? (uint32_t)below(64) : 0;
}
static void connect_to_listener(int and_close)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof name;
	int fd = (int)new_socket(SOCK_STREAM | SOCK_NONBLOCK);
	syscall(SYS_getsockname, LISTENER, &name, &length);
	syscall(SYS_connect, fd, &name, length);
	if (and_close)
		syscall(SYS_close, fd);
}
static void on_socket(uint64_t *words)
{
	uint64_t at = zeroed();
	*(uint32_t *)(at + 1024) = 100;
	if (one_in(4) && (is("bind") || is("connect"))) {
		const uint64_t fd = other_socket(at);
		SET(fd, at, *(uint16_t *)at == 2 ? 16 : 12, 0, 0, 0);
	} else if (one_in(4) && (is("getsockname") || is("getpeername")))
		SET(other_socket(at + 512), at, at + 1024, 0, 0, 0);
	else if (is("socket"))
		SET(1, (uint64_t)socket_kinds[below(3)], 0, 0, 0, 0);
	else if (is("socketpair"))
		SET(1, (uint64_t)socket_kinds[below(3)], 0, at, 0, 0);
	else if (is("bind")) {
		*(uint16_t *)at = 1;
		SET(new_socket(socket_kinds[below(3)]), at, 2, 0, 0, 0);
	} else if (is("connect"))
		SET(new_socket(SOCK_DGRAM), at, 16, 0, 0, 0);
	else if (is("listen"))
		SET(LISTENER, below(10), 0, 0, 0, 0);
	else if (is("shutdown"))
		SET(new_socket(SOCK_STREAM), below(3), 0, 0, 0, 0);
	else if (is("setsockopt"))
		SET(SOCKET_IN, SOL_SOCKET, one_in(2) ? SO_KEEPALIVE : SO_PRIORITY, at, 4, 0);
	else if (is("getsockopt"))
		SET(SOCKET_IN, SOL_SOCKET, one_in(2) ? SO_TYPE : SO_PEERCRED, at, at + 1024, 0);
	else
		SET(is("getpeername") ? SOCKET_IN : one_in(2) ? SOCKET_IN : LISTENER, at, at + 1024, 0, 0, 0);
}
static void accept_one(uint64_t *words)
{
	uint64_t at = zeroed();
	*(uint32_t *)(at + 1024) = 100;
	connect_to_listener(one_in(2));
	SET(LISTENER, one_in(2) ? 0 : at, at + 1024, 0, 0, 0);
}
static void send_something(uint64_t *words)
{
	uint64_t at = zeroed();
	char bytes[256];
	while (one_in(2) && syscall(SYS_read, SOCKET_OUT, bytes, sizeof bytes) > 0)
		;
	if (is("sendto") && one_in(4)) {
		const uint64_t fd = other_socket(at + 2048);
		netlink_request(at);
		SET(fd, at, 16 + below(80), MSG_DONTWAIT, at + 2048, *(uint16_t *)(at + 2048) == 2 ? 16 : 12);
		return;
	}
	message_header(at, 1);
	if (is("sendto"))
		SET(SOCKET_IN, POOL, below(200), MSG_DONTWAIT, 0, 0);
	else
		is("sendmmsg") ? SET(SOCKET_IN, at, 1, MSG_DONTWAIT, 0, 0) : SET(SOCKET_IN, at, MSG_DONTWAIT, 0, 0, 0);
}
static void receive_something(uint64_t *words)
{
	uint64_t at = zeroed();
	(void)!syscall(SYS_write, SOCKET_IN, POOL, 20);
	message_header(at, 0);
	if (is("recvfrom"))
		SET(SOCKET_OUT, POOL, below(200), MSG_DONTWAIT, 0, 0);
	else if (is("recvmsg"))
		SET(SOCKET_OUT, at, MSG_DONTWAIT, 0, 0, 0);
	else
		SET(SOCKET_OUT, at, 1, MSG_DONTWAIT, 0, 0);
}
static void call_by_number(uint64_t *words)
{
	uint64_t at = zeroed();
	const uint32_t arguments[] = {SOCKET_IN, POOL, 10, MSG_DONTWAIT, 0, 0};
	memcpy((void *)at, arguments, sizeof arguments);
	SET(9, at, 0, 0, 0, 0);
}
/* An event of the software kind, perhaps of a group. */
static void count_events(uint64_t *words)
{
	enum { LEADER = 59 };
	uint64_t at = zeroed();
	((uint32_t *)at)[0] = 1;
	((uint32_t *)at)[1] = one_in(4) ? (uint32_t)below(200) : 112;
	((uint64_t *)at)[1] = below(11);
	((uint64_t *)at)[4] = one_in(2) ? below(32) : 0; /* what reads give */
	((uint64_t *)at)[5] = one_in(2) ? next() & 0x3f : 0;
	if (one_in(3))
		keep_at(LEADER, syscall(SYS_perf_event_open, at, 0, -1, -1, 0));
	SET(at, one_in(2) ? someone() : 0, one_in(4) ? 0 : -1, one_in(3) ? LEADER : -1, below(16), 0);
}
/* A map, or what is done to one. */
static void use_map(uint64_t *words)
{
	enum { MAP = 60, CREATE = 0, COMMANDS = 8 };
	uint64_t at = zeroed(), command = below(COMMANDS);
	uint32_t *attribute = (uint32_t *)at;
	attribute[0] = 1 + (uint32_t)below(2);
	attribute[1] = 4;
	attribute[2] = 1 + (uint32_t)below(100);
	attribute[3] = 1 + (uint32_t)below(50);
	attribute[4] = one_in(2) ? 0 : (uint32_t)below(32);
	if (command != CREATE) {
		if (one_in(3))
			keep_at(MAP, syscall(SYS_bpf, CREATE, at, 72));
		memset((void *)at, 0, 72);
		attribute[0] = MAP;
		((uint64_t *)at)[1] = POOL + below(8) * 4;
		((uint64_t *)at)[2] = POOL + PAGE;
		((uint64_t *)at)[3] = below(4);
	}
	SET(command, at, one_in(4) ? below(150) : 72, 0, 0, 0);
}
