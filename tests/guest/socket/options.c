/* socket(7): options at SOL_SOCKET, as a unix socket answers them. */
#include "unix.h"
#include <linux/filter.h>

static int fd;

static void set_and_get(const char *name, int number, int value)
{
	int answer = setsockopt(fd, SOL_SOCKET, number, &value, sizeof value) ? -errno : 0;
	OUT("%s = %d: %d, now %d", name, value, answer, option(fd, number));
}
#define SET(name, value) set_and_get(#name, name, value)

CASE(options_as_they_are_at_first)
{
	static const int known[] = {SO_DEBUG, SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF,
		SO_KEEPALIVE, SO_OOBINLINE, SO_NO_CHECK, SO_PRIORITY, SO_BSDCOMPAT, SO_REUSEPORT, SO_PASSCRED, SO_RCVLOWAT,
		SO_SNDLOWAT, SO_ACCEPTCONN, SO_PASSSEC, SO_MARK, SO_PROTOCOL, SO_DOMAIN, SO_RXQ_OVFL, SO_PEEK_OFF};
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	for (int type = 0; type < 3; type++) {
		fd = OK(socket(AF_UNIX, types[type], 0));
		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			OUT("option %d: %d", known[i], option(fd, known[i]));
	}
}

CASE(options_that_are_set)
{
	fd = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	SET(SO_DEBUG, 1);
	SET(SO_REUSEADDR, 5);
	SET(SO_REUSEPORT, 1);
	SET(SO_TYPE, 1);
	SET(SO_PROTOCOL, 1);
	SET(SO_DOMAIN, 1);
	SET(SO_ERROR, 1);
	SET(SO_ACCEPTCONN, 1);
	SET(SO_SNDLOWAT, 1);
	SET(SO_DONTROUTE, 1);
	SET(SO_BROADCAST, 1);
	SET(SO_KEEPALIVE, 1);
	SET(SO_OOBINLINE, 1);
	SET(SO_NO_CHECK, 1);
	SET(SO_BSDCOMPAT, 1);
	SET(SO_PASSCRED, 1);
	SET(SO_PASSCRED, 0);
	SET(SO_RCVLOWAT, 7);
	SET(SO_RCVLOWAT, 0);
	SET(SO_RCVLOWAT, -1);
	SET(SO_PRIORITY, 6);
	SET(SO_PRIORITY, 7);
	SET(SO_MARK, 9);
	SET(SO_PEEK_OFF, 4);
	SET(SO_RXQ_OVFL, 1);
	SET(SO_DETACH_FILTER, 1);
	SET(1000, 1);
	static const int sizes[] = {0, 1, 1000, 2304, 2305, 100000, 212992, 212993, 0x7fffffff, -1};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		SET(SO_SNDBUF, sizes[i]);
		SET(SO_RCVBUF, sizes[i]);
		set_and_get("SO_SNDBUFFORCE", SO_SNDBUFFORCE, sizes[i]);
		OUT("now %d", option(fd, SO_SNDBUF));
		set_and_get("SO_RCVBUFFORCE", SO_RCVBUFFORCE, sizes[i]);
		OUT("now %d", option(fd, SO_RCVBUF));
	}
}

CASE(options_that_need_privileges)
{
	fd = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	OK(setresuid(5, 5, 5));
	SET(SO_DEBUG, 1);
	SET(SO_DEBUG, 0);
	SET(SO_PRIORITY, 6);
	SET(SO_PRIORITY, 7);
	SET(SO_PRIORITY, -1);
	SET(SO_MARK, 9);
	SET(SO_SNDBUFFORCE, 1);
	SET(SO_RCVBUFFORCE, 1);
}

CASE(linger)
{
	struct linger linger = {1, 7};
	socklen_t length = sizeof linger;
	fd = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	OK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
	memset(&linger, 0, sizeof linger);
	OK(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length));
	OUT("%d %d, %u bytes", linger.l_onoff, linger.l_linger, length);
	ERR(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, 4), EINVAL);
}

CASE(time_outs)
{
	static const struct timeval times[] = {{0, 0}, {0, 1}, {0, 999999}, {1, 4001}, {5, 0}, {-1, 0}, {0, 1000000}, {0, -1}};
	fd = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	for (int name = SO_RCVTIMEO; name <= SO_SNDTIMEO; name++) {
		for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
			struct timeval now = {9, 9};
			socklen_t length = sizeof now;
			int answer = setsockopt(fd, SOL_SOCKET, name, &times[i], sizeof now) ? errno : 0;
			OK(getsockopt(fd, SOL_SOCKET, name, &now, &length));
			OUT("%lld.%06lld: %s, now %lld.%06lld, whole %d", (long long)times[i].tv_sec, (long long)times[i].tv_usec,
			    errno_name(answer), (long long)now.tv_sec, (long long)now.tv_usec, length == sizeof now);
		}
		ERR(setsockopt(fd, SOL_SOCKET, name, &times[0], sizeof times[0] - 1), EINVAL);
	}
	struct {
		int64_t seconds, micros;
	} wide = {3, 500000};
	socklen_t length = sizeof wide;
	OK(setsockopt(fd, SOL_SOCKET, 66, &wide, sizeof wide));
	wide.seconds = 0;
	OK(getsockopt(fd, SOL_SOCKET, 66, &wide, &length));
	OUT("%lld %lld, %u bytes", (long long)wide.seconds, (long long)wide.micros, length);
}

CASE(lengths_and_levels)
{
	int value = 1;
	socklen_t length = 0;
	fd = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	ERR(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, 3), EINVAL);
	ERR(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, -1), EINVAL);
	ERR(setsockopt(-1, SOL_SOCKET, SO_KEEPALIVE, &value, -1), EINVAL);
	ERR(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, (void *)16, 4), EFAULT);
	ERR(setsockopt(fd, 99, 1, &value, sizeof value), EOPNOTSUPP);
	ERR(getsockopt(fd, 99, 1, &value, &length), EOPNOTSUPP);
	OK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length));
	EQ(length, 0);
	length = 2;
	value = 0;
	OK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length));
	OUT("%u bytes, %d", length, value);
	length = 100;
	OK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length));
	EQ(length, 4);
	length = -1;
	ERR(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length), EINVAL);
	ERR(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, (void *)16), EFAULT);
	length = 4;
	ERR(getsockopt(fd, SOL_SOCKET, SO_TYPE, (void *)16, &length), EFAULT);
	ERR(getsockopt(fd, SOL_SOCKET, 1000, &value, &length), ENOPROTOOPT);
	char name[128];
	length = sizeof name;
	ERR(getsockopt(fd, SOL_SOCKET, SO_PEERNAME, name, &length), ENOTCONN);
	ERR(getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, name, &length), ENODATA);
}
