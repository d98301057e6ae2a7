/* i386's socketcall(2): every call that it names. */
#include "unix.h"

#ifdef __i386__
static long socketcall(long call, ...)
{
	va_list list;
	unsigned long words[6];
	va_start(list, call);
	for (int i = 0; i < 6; i++)
		words[i] = va_arg(list, unsigned long);
	va_end(list);
	return syscall(SYS_socketcall, call, words);
}

CASE(all_calls)
{
	char text[8] = "";
	socklen_t length;
	struct sockaddr_un name = named("@call", &length), other;
	int server = OK(socketcall(1, AF_UNIX, SOCK_STREAM, 0, 0, 0, 0));
	OK(socketcall(2, server, &name, length, 0, 0, 0));
	OK(socketcall(4, server, 5, 0, 0, 0, 0));
	int client = OK(socketcall(1, AF_UNIX, SOCK_STREAM, 0, 0, 0, 0));
	OK(socketcall(3, client, &name, length, 0, 0, 0));
	int accepted = OK(socketcall(5, server, 0, 0, 77, 77, 77));
	length = sizeof other;
	OK(socketcall(6, server, &other, &length, 0, 0, 0));
	OUT("%u bytes: %s", length, other.sun_path + 1);
	OK(socketcall(7, client, &other, &length, 0, 0, 0));
	EQ(socketcall(9, client, "abc", 3, 0, 77, 77), 3);
	EQ(socketcall(10, accepted, text, 8, 0, 77, 77), 3);
	EQ(socketcall(11, client, "abc", 3, 0, 0, 0), 3);
	EQ(socketcall(12, accepted, text, 8, 0, 0, 0), 3);
	OK(socketcall(8, AF_UNIX, SOCK_DGRAM, 0, pair, 0, 0));
	int value = 1;
	OK(socketcall(14, client, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof value, 0));
	length = sizeof value;
	OK(socketcall(15, client, SOL_SOCKET, SO_TYPE, &value, &length, 0));
	EQ(value, SOCK_STREAM);
	struct iovec part = {text, 3};
	struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
	EQ(socketcall(16, client, &message, 0, 0, 0, 0), 3);
	EQ(socketcall(17, accepted, &message, 0, 0, 0, 0), 3);
	EQ(socketcall(20, pair[0], &message, 1, 0, 0, 0), 1);
	EQ(socketcall(19, pair[1], &message, 1, 0, 0, 0), 1);
	OK(socketcall(13, client, SHUT_WR, 0, 0, 0, 0));
	ERR(socketcall(18, server, 0, 0, SOCK_NONBLOCK | 1, 0, 0), EINVAL);
	ERR(socketcall(0, 0, 0, 0, 0, 0, 0), EINVAL);
	ERR(socketcall(21, 0, 0, 0, 0, 0, 0), EINVAL);
	ERR(syscall(SYS_socketcall, 1, 16), EFAULT);
}
#else
CASE(all_calls)
{
	SKIP("only i386 has it");
}
#endif
