/* What the programs about netlink sockets share. */
#ifndef NETLINK_H
#define NETLINK_H
#include "../check.h"
#include <linux/netlink.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

static inline int netlink(int protocol)
{
	return OK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
}
static inline struct sockaddr_nl address(unsigned port, unsigned groups)
{
	return (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_pid = port, .nl_groups = groups};
}
static inline int bind_to(int fd, unsigned port, unsigned groups)
{
	struct sockaddr_nl name = address(port, groups);
	return bind(fd, (struct sockaddr *)&name, sizeof name);
}
static inline int connect_to(int fd, unsigned port, unsigned groups)
{
	struct sockaddr_nl name = address(port, groups);
	return connect(fd, (struct sockaddr *)&name, sizeof name);
}
static inline ssize_t send_to(int fd, const void *bytes, size_t size, unsigned port, unsigned groups)
{
	struct sockaddr_nl name = address(port, groups);
	return sendto(fd, bytes, size, MSG_DONTWAIT, (struct sockaddr *)&name, sizeof name);
}
static inline struct sockaddr_nl own_name(int fd)
{
	struct sockaddr_nl name = {};
	socklen_t length = sizeof name;
	OK(getsockname(fd, (struct sockaddr *)&name, &length));
	EQ(length, sizeof name);
	return name;
}
static inline short ready(int fd)
{
	struct pollfd entry = {.fd = fd, .events = ~0};
	OK(poll(&entry, 1, 0));
	return entry.revents;
}
static inline int set(int fd, int name, int value)
{
	return setsockopt(fd, SOL_NETLINK, name, &value, sizeof value);
}
static inline int get(int fd, int name)
{
	int value = -77;
	socklen_t length = sizeof value;
	return getsockopt(fd, SOL_NETLINK, name, &value, &length) ? -errno : value;
}
/* Takes a capability from the effective set. */
static inline void without(int capability)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	OK(syscall(SYS_capget, &header, data));
	data[capability / 32].effective &= ~(1u << capability % 32);
	OK(syscall(SYS_capset, &header, data));
}

/* A request in the making. */
struct request {
	struct nlmsghdr header;
	char body[4096];
};
static inline void begin(struct request *request, int type, int flags, const void *body, size_t size)
{
	memset(request, 0, sizeof *request);
	request->header.nlmsg_len = NLMSG_LENGTH(size);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = flags;
	request->header.nlmsg_seq = 4711;
	memcpy(request->body, body, size);
}
static inline void add(struct request *request, int type, const void *value, size_t size)
{
	struct nlattr *attribute = (void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));
	attribute->nla_type = type;
	attribute->nla_len = NLA_HDRLEN + size;
	memcpy(attribute + 1, value, size);
	request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + NLA_ALIGN(attribute->nla_len);
}
/* The answer of the kernel's to one request: the number in its NLMSG_ERROR, or 1 if there is none. */
static inline int ask(int fd, struct request *request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[8192];
	} answer;
	EQ(send_to(fd, request, request->header.nlmsg_len, 0, 0), request->header.nlmsg_len);
	ssize_t size = recv(fd, &answer, sizeof answer, MSG_DONTWAIT);
	if (size < 0 && errno == EAGAIN)
		return 1;
	CHECK(size >= (ssize_t)sizeof answer.header);
	if (answer.header.nlmsg_type != NLMSG_ERROR)
		return 2;
	EQ(answer.error.msg.nlmsg_seq, 4711);
	return -answer.error.error;
}
static inline const struct nlattr *find(const void *from, size_t size, int type)
{
	const char *at = from;
	while (size >= NLA_HDRLEN) {
		const struct nlattr *attribute = (const void *)at;
		if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > size)
			break;
		if ((attribute->nla_type & NLA_TYPE_MASK) == type)
			return attribute;
		size_t step = NLA_ALIGN(attribute->nla_len);
		if (step >= size)
			break;
		at += step;
		size -= step;
	}
	return 0;
}
#endif
