/* NETLINK_AUDIT without a daemon: who may ask what, and what becomes of records. */
#include "netlink.h"
#include <linux/audit.h>
#include <sys/klog.h>

static struct request request;

static int status_of(int fd, struct audit_status *status)
{
	struct {
		struct nlmsghdr header;
		struct audit_status status;
		char rest[512];
	} answer;
	begin(&request, AUDIT_GET, NLM_F_REQUEST, "", 0);
	EQ(send_to(fd, &request, request.header.nlmsg_len, 0, 0), request.header.nlmsg_len);
	struct pollfd entry = {.fd = fd, .events = POLLIN};
	EQ(poll(&entry, 1, 5000), 1);
	int size = OK(recv(fd, &answer, sizeof answer, 0));
	if (answer.header.nlmsg_type == NLMSG_ERROR)
		return -(int)answer.status.mask; /* The place of the error. */
	EQ(answer.header.nlmsg_type, AUDIT_GET);
	EQ(answer.header.nlmsg_len, size);
	OUT("%d bytes, flags %#x, sequence %u, port %u", size, answer.header.nlmsg_flags, answer.header.nlmsg_seq,
	    answer.header.nlmsg_pid);
	*status = answer.status;
	return 0;
}

CASE(status)
{
	int fd = netlink(NETLINK_AUDIT);
	struct audit_status status;
	EQ(status_of(fd, &status), 0);
	OUT("mask %u enabled %u failure %u pid %u rate %u backlog limit %u lost %u backlog %u features %#x wait %u",
	    status.mask, status.enabled, status.failure, status.pid, status.rate_limit, status.backlog_limit,
	    status.lost, status.backlog, status.feature_bitmap, status.backlog_wait_time);
	without(CAP_AUDIT_CONTROL);
	EQ(status_of(fd, &status), EPERM);
}

CASE(the_answer_follows_the_acknowledgement)
{
	int fd = netlink(NETLINK_AUDIT);
	char bytes[1024];
	struct nlmsghdr *header = (void *)bytes;
	begin(&request, AUDIT_GET, NLM_F_REQUEST | NLM_F_ACK, "", 0);
	EQ(send_to(fd, &request, request.header.nlmsg_len, 0, 0), request.header.nlmsg_len);
	for (int i = 0; i < 2; i++) {
		struct pollfd entry = {.fd = fd, .events = POLLIN};
		EQ(poll(&entry, 1, 5000), 1);
		OK(recv(fd, bytes, sizeof bytes, 0));
		OUT("type %u", header->nlmsg_type);
	}
}

CASE(kinds_of_messages)
{
	static const int types[] = {0,	  3,	16,   999,  1002, 1003, 1004, 1005, 1006, 1009, 1020, 1099, 1100,
				    1106, 1107, 1124, 1199, 1200, 1300, 2099, 2100, 2999, 3000, 65535};
	int fd = netlink(NETLINK_AUDIT);
	for (int allowed = 1; allowed >= 0; allowed--) {
		if (!allowed)
			without(CAP_AUDIT_WRITE);
		for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
			begin(&request, types[i], NLM_F_REQUEST | NLM_F_ACK, "a", 1);
			OUT("%d %s %s", types[i], allowed ? "with" : "without", errno_name(ask(fd, &request)));
		}
	}
	/* Whether it says that it is a request is no matter; whether it wants to hear of success is. */
	begin(&request, 1100, 0, "text", 5);
	EQ(ask(fd, &request), EPERM);
}

/* A socket speaks for who opened it, too, unless its messages are addressed. */
CASE(who_opened_the_socket_counts)
{
	int fds[2], fd = -1;
	OK(pipe(fds));
	int plain = netlink(NETLINK_AUDIT);
	(void)fd;
	begin(&request, 1100, NLM_F_REQUEST | NLM_F_ACK, "text", 5);
	EQ(ask(plain, &request), 0);
	IN_CHILD({
		without(CAP_AUDIT_WRITE);
		EQ(ask(plain, &request), EPERM);
	});
}

CASE(other_namespaces)
{
	int fd = netlink(NETLINK_AUDIT);
	IN_CHILD({
		OK(unshare(CLONE_NEWPID));
		IN_CHILD({
			begin(&request, AUDIT_GET, NLM_F_REQUEST, "", 0);
			EQ(ask(fd, &request), EPERM);
			begin(&request, 1100, NLM_F_REQUEST | NLM_F_ACK, "text", 5);
			EQ(ask(fd, &request), 0);
		});
	});
	IN_CHILD({
		OK(unshare(CLONE_NEWUSER));
		begin(&request, AUDIT_GET, NLM_F_REQUEST, "", 0);
		EQ(ask(fd, &request), ECONNREFUSED);
		begin(&request, 1100, NLM_F_REQUEST | NLM_F_ACK, "text", 5);
		EQ(ask(fd, &request), ECONNREFUSED);
		begin(&request, 7, NLM_F_REQUEST | NLM_F_ACK, "text", 5);
		EQ(ask(fd, &request), ECONNREFUSED);
	});
	IN_CHILD({
		OK(unshare(CLONE_NEWNET));
		int own = netlink(NETLINK_AUDIT);
		begin(&request, 1100, NLM_F_REQUEST | NLM_F_ACK, "text", 5);
		EQ(ask(own, &request), 0);
	});
}

/* Records of this kind are made though auditing is off. */
CASE(records_come_to_who_listens_and_to_the_log)
{
	int fd = netlink(NETLINK_AUDIT), listener = netlink(NETLINK_AUDIT), kmsg = OK(open("/dev/kmsg", O_RDONLY | O_NONBLOCK));
	char text[2048], line[4096], wanted[64];
	struct sockaddr_nl name;
	socklen_t length = sizeof name;
	OK(lseek(kmsg, 0, SEEK_END));
	OK(bind_to(listener, 0, 1));
	snprintf(wanted, sizeof wanted, "Lstar %d", getpid());
	begin(&request, AUDIT_USER_AVC, NLM_F_REQUEST | NLM_F_ACK, wanted, strlen(wanted) + 1);
	EQ(ask(fd, &request), 0);
	struct pollfd entry = {.fd = listener, .events = POLLIN};
	EQ(poll(&entry, 1, 5000), 1);
	int size = OK(recvfrom(listener, text, sizeof text - 1, 0, (void *)&name, &length));
	struct nlmsghdr *header = (void *)text;
	text[size] = 0;
	char *body = NLMSG_DATA(header);
	EQ(name.nl_pid, 0);
	EQ(name.nl_groups, 1);
	EQ(header->nlmsg_len, size);
	EQ(header->nlmsg_type, AUDIT_USER_AVC);
	OUT("flags %#x sequence %u port %u", header->nlmsg_flags, header->nlmsg_seq, header->nlmsg_pid);
	CHECK(strncmp(body, "audit(", 6) == 0);
	char *rest = strchr(body, ' ');
	CHECK(rest);
	char start[64];
	snprintf(start, sizeof start, " pid=%d uid=0 auid=4294967295 ses=4294967295 ", getpid());
	CHECK(strncmp(rest, start, strlen(start)) == 0);
	char *message = strstr(rest, "msg='");
	CHECK(message);
	char end[80];
	snprintf(end, sizeof end, "msg='%s'", wanted);
	STR_EQ(message, end);
	for (int tries = 0;; tries++) {
		ssize_t count = read(kmsg, line, sizeof line - 1);
		if (count < 0) {
			CHECK(tries < 100);
			sleep_ms(20);
			continue;
		}
		line[count] = 0;
		if (!strstr(line, end))
			continue;
		OUT("level %d, %.*s", atoi(line), 17, strchr(line, ';') + 1);
		break;
	}
	ERR(send_to(fd, "", 0, 0, 0), ENODATA);
	begin(&request, AUDIT_USER_AVC, NLM_F_REQUEST | NLM_F_ACK, "a", 1);
	EQ(ask(fd, &request), EINVAL);
	begin(&request, AUDIT_USER, NLM_F_REQUEST | NLM_F_ACK, "a", 1);
	EQ(ask(fd, &request), 0);
	ERR(recv(listener, text, sizeof text, MSG_DONTWAIT), EAGAIN);
}

CASE(who_may_listen)
{
	IN_CHILD({
		int fd = netlink(NETLINK_AUDIT);
		OK(bind_to(fd, 0, 1));
		OK(bind_to(fd, own_name(fd).nl_pid, 0));
		OK(set(fd, NETLINK_ADD_MEMBERSHIP, 1));
		without(CAP_AUDIT_READ);
		int other = netlink(NETLINK_AUDIT);
		ERR(bind_to(other, 0, 1), EPERM);
		EQ(own_name(other).nl_pid, 0);
		ERR(set(other, NETLINK_ADD_MEMBERSHIP, 1), EPERM);
		OUT("other groups %d", bind_to(other, 0, 2) ? errno : 0);
	});
}

/* Errors come with the request, unless that is not wanted. */
CASE(errors_come_with_the_request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256];
	} answer;
	int fd = netlink(NETLINK_AUDIT);
	for (int round = 0; round < 2; round++) {
		OK(set(fd, NETLINK_CAP_ACK, round));
		begin(&request, 999, NLM_F_REQUEST, "abcde", 5);
		EQ(send_to(fd, &request, 21, 0, 0), 21);
		int size = OK(recv(fd, &answer, sizeof answer, 0));
		OUT("%d: %d bytes, length %u flags %#x error %d, request %u %u %#x", round, size, answer.header.nlmsg_len,
		    answer.header.nlmsg_flags, answer.error.error, answer.error.msg.nlmsg_len,
		    answer.error.msg.nlmsg_type, answer.error.msg.nlmsg_flags);
		EQ(answer.header.nlmsg_pid, own_name(fd).nl_pid);
		EQ(answer.header.nlmsg_seq, 4711);
	}
	OK(set(fd, NETLINK_CAP_ACK, 0));
	/* Two in one, and what is malformed behind them. */
	char two[64] = "";
	begin(&request, 999, NLM_F_REQUEST, "", 0);
	memcpy(two, &request.header, 16);
	begin(&request, 1100, NLM_F_REQUEST | NLM_F_ACK, "abcd", 4);
	memcpy(two + 16, &request, 20);
	EQ(send_to(fd, two, 50, 0, 0), 50);
	while (recv(fd, &answer, sizeof answer, MSG_DONTWAIT) > 0)
		OUT("error %d of %u", answer.error.error, answer.error.msg.nlmsg_type);
	begin(&request, 999, NLM_F_REQUEST, "", 0);
	request.header.nlmsg_len = 15;
	EQ(send_to(fd, &request, 16, 0, 0), 16);
	request.header.nlmsg_len = 17;
	EQ(send_to(fd, &request, 16, 0, 0), 16);
	EQ(send_to(fd, &request, 3, 0, 0), 3);
	ERR(recv(fd, &answer, sizeof answer, MSG_DONTWAIT), EAGAIN);
}
