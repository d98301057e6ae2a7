/* What the programs about unix sockets share. */
#ifndef UNIX_H
#define UNIX_H
#include "../check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

__attribute__((unused)) static int pair[2];

/* The address of a name; one that begins with '@' is abstract. The length goes to `length`. */
static inline struct sockaddr_un named(const char *name, socklen_t *length)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t size = strlen(name);
	memcpy(address.sun_path, name, size);
	if (name[0] == '@')
		address.sun_path[0] = 0;
	*length = offsetof(struct sockaddr_un, sun_path) + size + (name[0] == '@' ? 0 : 1);
	return address;
}
static inline int bind_to(int fd, const char *name)
{
	socklen_t length;
	struct sockaddr_un address = named(name, &length);
	return bind(fd, (struct sockaddr *)&address, length);
}
static inline int connect_to(int fd, const char *name)
{
	socklen_t length;
	struct sockaddr_un address = named(name, &length);
	return connect(fd, (struct sockaddr *)&address, length);
}
/* A socket that listens at a name. */
static inline int listener(int type, const char *name, int backlog)
{
	int fd = OK(socket(AF_UNIX, type, 0));
	OK(bind_to(fd, name));
	OK(listen(fd, backlog));
	return fd;
}
/* Fills a socket until it would block: how many sends of so many bytes went. */
static inline int fill(int fd, size_t size)
{
	static char bytes[1 << 18];
	int count = 0;
	while (send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		count++;
	EQ(errno, EAGAIN);
	return count;
}
static inline short ready(int fd)
{
	struct pollfd entry = {.fd = fd, .events = ~0};
	OK(poll(&entry, 1, 0));
	return entry.revents;
}
static inline int option(int fd, int name)
{
	int value = -77;
	socklen_t length = sizeof value;
	return getsockopt(fd, SOL_SOCKET, name, &value, &length) ? -errno : value;
}
#endif
