/* NETLINK_ROUTE and netdevice(7): the loopback device, its addresses and routes. Each case has a network namespace of its own. */
#include "netlink.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/mount.h>

static struct request request;
static struct ifreq entry;

static void own_network(void)
{
	OK(unshare(CLONE_NEWNET));
}
static int lo_ioctl(int fd, unsigned long command)
{
	memset(entry.ifr_name, 0, IFNAMSIZ);
	strcpy(entry.ifr_name, "lo");
	return ioctl(fd, command, &entry);
}
static void set_up(int fd, int up)
{
	OK(lo_ioctl(fd, SIOCGIFFLAGS));
	entry.ifr_flags = up ? entry.ifr_flags | IFF_UP : entry.ifr_flags & ~IFF_UP;
	OK(lo_ioctl(fd, SIOCSIFFLAGS));
}
static void begin_link(int type, int flags, int index, unsigned set, unsigned change)
{
	struct ifinfomsg body = {.ifi_index = index, .ifi_flags = set, .ifi_change = change};
	begin(&request, type, NLM_F_REQUEST | flags, &body, sizeof body);
}
static void begin_address(int type, int flags, int index, int prefix, int scope, const char *local)
{
	struct ifaddrmsg body = {.ifa_family = AF_INET, .ifa_prefixlen = prefix, .ifa_scope = scope, .ifa_index = index};
	begin(&request, type, NLM_F_REQUEST | flags, &body, sizeof body);
	if (local) {
		unsigned address = inet_addr(local);
		add(&request, IFA_LOCAL, &address, 4);
	}
}

static void show_link(const struct nlmsghdr *header)
{
	const struct ifinfomsg *body = NLMSG_DATA(header);
	const char *from = (const char *)(body + 1);
	size_t size = header->nlmsg_len - NLMSG_LENGTH(sizeof *body);
	static const int words[] = {IFLA_MTU, IFLA_TXQLEN, IFLA_GROUP, IFLA_PROMISCUITY, IFLA_NUM_TX_QUEUES,
				    IFLA_NUM_RX_QUEUES, IFLA_CARRIER_CHANGES, IFLA_MIN_MTU, IFLA_MAX_MTU};
	static const int bytes[] = {IFLA_OPERSTATE, IFLA_LINKMODE, IFLA_CARRIER, IFLA_PROTO_DOWN};
	OUT("type %u flags %#x family %u device type %u index %d device flags %#x", header->nlmsg_type,
	    header->nlmsg_flags, body->ifi_family, body->ifi_type, body->ifi_index, body->ifi_flags);
	const struct nlattr *found = find(from, size, IFLA_IFNAME);
	CHECK(found);
	STR_EQ((const char *)(found + 1), "lo");
	EQ(found->nla_len, 7);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		found = find(from, size, words[i]);
		CHECK(found);
		OUT("attribute %d of %d: %u", words[i], found->nla_len, *(unsigned *)(found + 1));
	}
	for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
		found = find(from, size, bytes[i]);
		CHECK(found);
		OUT("attribute %d of %d: %u", bytes[i], found->nla_len, *(unsigned char *)(found + 1));
	}
	found = find(from, size, IFLA_QDISC);
	CHECK(found);
	OUT("queue %s", (const char *)(found + 1));
	found = find(from, size, IFLA_ADDRESS);
	CHECK(found);
	EQ(found->nla_len, 10);
	found = find(from, size, IFLA_STATS64);
	CHECK(found);
	OUT("statistics %d", found->nla_len);
	found = find(from, size, IFLA_STATS);
	CHECK(found);
	OUT("statistics %d", found->nla_len);
}
static void show_address(const struct nlmsghdr *header)
{
	const struct ifaddrmsg *body = NLMSG_DATA(header);
	const char *from = (const char *)(body + 1);
	size_t size = header->nlmsg_len - NLMSG_LENGTH(sizeof *body);
	if (body->ifa_family != AF_INET)
		return;
	char line[200] = "";
	for (int type = 1; type <= IFA_FLAGS; type++) {
		const struct nlattr *found = find(from, size, type);
		if (!found)
			continue;
		if (type == IFA_LABEL)
			snprintf(line + strlen(line), 60, " label %s", (const char *)(found + 1));
		else if (type != IFA_CACHEINFO)
			snprintf(line + strlen(line), 60, " %d:%08x", type, ntohl(*(unsigned *)(found + 1)));
		else
			snprintf(line + strlen(line), 60, " times %x %x", ((unsigned *)(found + 1))[0],
				 ((unsigned *)(found + 1))[1]);
	}
	OUT("type %u flags %#x prefix %u flags %#x scope %u index %u%s", header->nlmsg_type, header->nlmsg_flags,
	    body->ifa_prefixlen, body->ifa_flags, body->ifa_scope, body->ifa_index, line);
}
static void show_route(const struct nlmsghdr *header)
{
	const struct rtmsg *body = NLMSG_DATA(header);
	const char *from = (const char *)(body + 1);
	size_t size = header->nlmsg_len - NLMSG_LENGTH(sizeof *body);
	if (body->rtm_family != AF_INET)
		return;
	char line[200] = "";
	for (int type = 1; type <= RTA_TABLE; type++) {
		const struct nlattr *found = find(from, size, type);
		if (found)
			snprintf(line + strlen(line), 60, " %d:%08x", type, *(unsigned *)(found + 1));
	}
	OUT("route of %u, table %u protocol %u scope %u type %u flags %#x%s", body->rtm_dst_len, body->rtm_table,
	    body->rtm_protocol, body->rtm_scope, body->rtm_type, body->rtm_flags, line);
}
/* Asks for a list and shows it. */
static void dump(int fd, int type, int family)
{
	static char bytes[65536];
	struct rtgenmsg body = {family};
	begin(&request, type, NLM_F_REQUEST | NLM_F_DUMP, &body, sizeof body);
	request.header.nlmsg_len = NLMSG_LENGTH(16);
	EQ(send_to(fd, &request, request.header.nlmsg_len, 0, 0), request.header.nlmsg_len);
	for (int pieces = 0;; pieces++) {
		ssize_t size = OK(recv(fd, bytes, sizeof bytes, 0));
		for (struct nlmsghdr *header = (void *)bytes; NLMSG_OK(header, size); header = NLMSG_NEXT(header, size)) {
			EQ(header->nlmsg_seq, 4711);
			EQ(header->nlmsg_pid, own_name(fd).nl_pid);
			if (header->nlmsg_type == NLMSG_DONE) {
				OUT("end: length %u flags %#x number %d", header->nlmsg_len, header->nlmsg_flags,
				    *(int *)NLMSG_DATA(header));
				return;
			}
			if (header->nlmsg_type == NLMSG_ERROR) {
				OUT("error %d", *(int *)NLMSG_DATA(header));
				return;
			}
			if (type == RTM_GETLINK)
				show_link(header);
			else if (type == RTM_GETADDR)
				show_address(header);
			else
				show_route(header);
		}
	}
}

CASE(device_control_on_sockets_of_any_family)
{
	own_network();
	int fds[] = {OK(socket(AF_UNIX, SOCK_STREAM, 0)), netlink(NETLINK_ROUTE)};
	for (int i = 0; i < 2; i++) {
		int fd = fds[i];
		OK(lo_ioctl(fd, SIOCGIFINDEX));
		EQ(entry.ifr_ifindex, 1);
		memset(&entry, 0x55, sizeof entry);
		entry.ifr_ifindex = 1;
		OK(ioctl(fd, SIOCGIFNAME, &entry));
		STR_EQ(entry.ifr_name, "lo");
		entry.ifr_ifindex = 99;
		ERR(ioctl(fd, SIOCGIFNAME, &entry), ENODEV);
		entry.ifr_ifindex = -1;
		ERR(ioctl(fd, SIOCGIFNAME, &entry), ENODEV);
		OK(lo_ioctl(fd, SIOCGIFFLAGS));
		OUT("flags %#x", entry.ifr_flags);
		OK(lo_ioctl(fd, SIOCGIFMTU));
		OUT("mtu %d", entry.ifr_mtu);
		OK(lo_ioctl(fd, SIOCGIFMETRIC));
		EQ(entry.ifr_metric, 0);
		OK(lo_ioctl(fd, SIOCGIFTXQLEN));
		OUT("queue %d", entry.ifr_qlen);
		OK(lo_ioctl(fd, SIOCGIFHWADDR));
		OUT("hardware %d %d", entry.ifr_hwaddr.sa_family, entry.ifr_hwaddr.sa_data[0]);
		OK(lo_ioctl(fd, SIOCGIFMAP));
		EQ(entry.ifr_map.mem_start, 0);
		ERR(lo_ioctl(fd, SIOCGIFSLAVE), sizeof(long) == 8 ? EINVAL : ENOTTY);
		ERR(ioctl(fd, SIOCGIFFLAGS, 16), EFAULT);
		ERR(ioctl(fd, 0x89a7, &entry), ENOTTY);
		ERR(ioctl(fd, 0x8a13, &entry), ENOTTY);
		strcpy(entry.ifr_name, "none");
		ERR(ioctl(fd, SIOCGIFFLAGS, &entry), ENODEV);
		ERR(ioctl(fd, SIOCSIFFLAGS, &entry), ENODEV);
		strcpy(entry.ifr_name, "lo:7");
		OK(ioctl(fd, SIOCGIFFLAGS, &entry));
		STR_EQ(entry.ifr_name, "lo:7");
	}
}

CASE(device_comes_up)
{
	own_network();
	int fd = OK(socket(AF_UNIX, SOCK_DGRAM, 0)), route = netlink(NETLINK_ROUTE), listener = netlink(NETLINK_ROUTE);
	OK(bind_to(listener, 0, RTMGRP_LINK | RTMGRP_IPV4_IFADDR));
	dump(route, RTM_GETLINK, AF_UNSPEC);
	dump(route, RTM_GETADDR, AF_INET);
	dump(route, RTM_GETROUTE, AF_INET);
	set_up(fd, 1);
	OK(lo_ioctl(fd, SIOCGIFFLAGS));
	OUT("flags %#x", entry.ifr_flags);
	dump(route, RTM_GETLINK, AF_UNSPEC);
	dump(route, RTM_GETADDR, AF_INET);
	dump(route, RTM_GETROUTE, AF_INET);
	static char bytes[8192];
	while (recv(listener, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
		struct nlmsghdr *header = (void *)bytes;
		if (header->nlmsg_type == RTM_NEWLINK)
			OUT("told of flags %#x, changed %#x", ((struct ifinfomsg *)NLMSG_DATA(header))->ifi_flags,
			    ((struct ifinfomsg *)NLMSG_DATA(header))->ifi_change);
		else
			show_address(header);
	}
	set_up(fd, 0);
	OK(lo_ioctl(fd, SIOCGIFFLAGS));
	OUT("flags %#x", entry.ifr_flags);
	dump(route, RTM_GETLINK, AF_UNSPEC);
	dump(route, RTM_GETADDR, AF_INET);
	dump(route, RTM_GETROUTE, AF_INET);
}

CASE(changes_of_a_device)
{
	own_network();
	int fd = OK(socket(AF_UNIX, SOCK_DGRAM, 0)), route = netlink(NETLINK_ROUTE);
	unsigned mtu = 1500, small = 4;
	/* What Linux says of a bad one would come between what cases print. */
	OK(syscall(SYS_syslog, 8, 0, 1));
	entry.ifr_mtu = 1400;
	OK(lo_ioctl(fd, SIOCSIFMTU));
	entry.ifr_mtu = -1;
	ERR(lo_ioctl(fd, SIOCSIFMTU), EINVAL);
	OK(lo_ioctl(fd, SIOCGIFMTU));
	EQ(entry.ifr_mtu, 1400);
	entry.ifr_qlen = 77;
	OK(lo_ioctl(fd, SIOCSIFTXQLEN));
	entry.ifr_qlen = -1;
	ERR(lo_ioctl(fd, SIOCSIFTXQLEN), EINVAL);
	OK(lo_ioctl(fd, SIOCGIFTXQLEN));
	EQ(entry.ifr_qlen, 77);
	entry.ifr_metric = 1;
	ERR(lo_ioctl(fd, SIOCSIFMETRIC), EOPNOTSUPP);
	begin_link(RTM_NEWLINK, NLM_F_ACK, 1, IFF_UP, IFF_UP);
	add(&request, IFLA_MTU, &mtu, 4);
	EQ(ask(route, &request), 0);
	OK(lo_ioctl(fd, SIOCGIFFLAGS));
	OUT("flags %#x", entry.ifr_flags);
	OK(lo_ioctl(fd, SIOCGIFMTU));
	EQ(entry.ifr_mtu, 1500);
	begin_link(RTM_SETLINK, NLM_F_ACK, 0, 0, IFF_UP);
	add(&request, IFLA_IFNAME, "lo", 3);
	EQ(ask(route, &request), 0);
	OK(lo_ioctl(fd, SIOCGIFFLAGS));
	OUT("flags %#x", entry.ifr_flags);
	begin_link(RTM_NEWLINK, NLM_F_ACK, 7, IFF_UP, IFF_UP);
	EQ(ask(route, &request), ENODEV);
	begin_link(RTM_SETLINK, NLM_F_ACK, 7, IFF_UP, IFF_UP);
	EQ(ask(route, &request), ENODEV);
	begin_link(RTM_SETLINK, NLM_F_ACK, 0, IFF_UP, IFF_UP);
	EQ(ask(route, &request), EINVAL);
	begin_link(RTM_NEWLINK, NLM_F_ACK | NLM_F_EXCL | NLM_F_CREATE, 1, 0, 0);
	EQ(ask(route, &request), EEXIST);
	begin_link(RTM_DELLINK, NLM_F_ACK, 1, 0, 0);
	EQ(ask(route, &request), EOPNOTSUPP);
	begin_link(RTM_DELLINK, NLM_F_ACK, 9, 0, 0);
	EQ(ask(route, &request), ENODEV);
	begin_link(RTM_GETLINK, 0, 9, 0, 0);
	EQ(ask(route, &request), ENODEV);
	begin_link(RTM_GETLINK, 0, 0, 0, 0);
	EQ(ask(route, &request), EINVAL);
	begin_link(RTM_GETLINK, 0, 1, 0, 0);
	EQ(ask(route, &request), 2);
	begin_link(RTM_GETLINK, 0, 1, 0, 0);
	request.header.nlmsg_len = NLMSG_LENGTH(small);
	EQ(ask(route, &request), EINVAL);
	begin_link(RTM_GETLINK, NLM_F_ACK, 1, 0, 0);
	request.header.nlmsg_len = NLMSG_LENGTH(0);
	EQ(ask(route, &request), 0);
	begin_link(RTM_GETLINK, 0, 1, 0, 0);
	request.header.nlmsg_flags = NLM_F_ACK;
	EQ(ask(route, &request), 0);
	begin_link(200, 0, 1, 0, 0);
	EQ(ask(route, &request), EOPNOTSUPP);
	begin_link(124, 0, 1, 0, 0);
	EQ(ask(route, &request), EOPNOTSUPP);
	begin_link(NLMSG_NOOP, NLM_F_ACK, 1, 0, 0);
	EQ(ask(route, &request), 0);
	IN_CHILD({
		without(CAP_NET_ADMIN);
		OK(lo_ioctl(fd, SIOCGIFFLAGS));
		ERR(lo_ioctl(fd, SIOCSIFFLAGS), EPERM);
		ERR(lo_ioctl(fd, SIOCSIFMTU), EPERM);
		strcpy(entry.ifr_name, "none");
		ERR(ioctl(fd, SIOCSIFMTU, &entry), EPERM);
		begin_link(RTM_NEWLINK, NLM_F_ACK, 1, IFF_UP, IFF_UP);
		EQ(ask(route, &request), EPERM);
		begin_link(RTM_DELLINK, NLM_F_ACK, 9, 0, 0);
		EQ(ask(route, &request), EPERM);
		begin_link(RTM_GETLINK, 0, 1, 0, 0);
		EQ(ask(route, &request), 2);
	});
}

CASE(own_users_administrate_their_network)
{
	OK(setresgid(1000, 1000, 1000));
	OK(setresuid(1000, 1000, 1000));
	int before = netlink(NETLINK_ROUTE);
	begin_link(RTM_NEWLINK, NLM_F_ACK, 1, IFF_UP, IFF_UP);
	EQ(ask(before, &request), EPERM);
	OK(unshare(CLONE_NEWUSER | CLONE_NEWNET));
	int after = netlink(NETLINK_ROUTE);
	begin_link(RTM_NEWLINK, NLM_F_ACK, 1, IFF_UP, IFF_UP);
	EQ(ask(before, &request), EPERM);
	EQ(ask(after, &request), 0);
	set_up(after, 0);
	OK(lo_ioctl(before, SIOCGIFFLAGS));
	ERR(lo_ioctl(before, SIOCSIFFLAGS), EPERM);
}

CASE(addresses)
{
	own_network();
	int route = netlink(NETLINK_ROUTE), fd = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
	set_up(fd, 1);
	begin_address(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 1, 8, 0, "10.1.2.3");
	EQ(ask(route, &request), 0);
	EQ(ask(route, &request), EEXIST);
	begin_address(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE, 1, 8, 0, "10.1.2.4");
	EQ(ask(route, &request), 0);
	EQ(ask(route, &request), EEXIST);
	begin_address(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, 1, 8, 0, "10.1.2.4");
	EQ(ask(route, &request), 0);
	begin_address(RTM_NEWADDR, NLM_F_ACK, 1, 8, 7, "10.1.2.5");
	EQ(ask(route, &request), EINVAL);
	begin_address(RTM_NEWADDR, NLM_F_ACK, 1, 32, 0, "192.0.2.1");
	unsigned wide = inet_addr("192.0.2.255");
	add(&request, IFA_BROADCAST, &wide, 4);
	add(&request, IFA_LABEL, "lo:a", 5);
	EQ(ask(route, &request), 0);
	begin_address(RTM_NEWADDR, NLM_F_ACK, 1, 33, 0, "192.0.2.2");
	EQ(ask(route, &request), EINVAL);
	begin_address(RTM_NEWADDR, NLM_F_ACK, 1, 8, 0, 0);
	EQ(ask(route, &request), EINVAL);
	begin_address(RTM_NEWADDR, NLM_F_ACK, 9, 8, 0, "10.1.2.5");
	EQ(ask(route, &request), ENODEV);
	dump(route, RTM_GETADDR, AF_INET);
	dump(route, RTM_GETROUTE, AF_INET);
	struct ifreq list[8] = {};
	struct ifconf configuration = {.ifc_len = 0};
	OK(ioctl(fd, SIOCGIFCONF, &configuration));
	EQ(configuration.ifc_len / (int)sizeof *list, 4);
	configuration.ifc_len = 3 * sizeof *list + 1;
	configuration.ifc_req = list;
	OK(ioctl(fd, SIOCGIFCONF, &configuration));
	EQ(configuration.ifc_len / (int)sizeof *list, 3);
	for (int i = 0; i < 3; i++)
		OUT("%s %s", list[i].ifr_name,
		    inet_ntoa(((struct sockaddr_in *)&list[i].ifr_addr)->sin_addr));
	begin_address(RTM_DELADDR, NLM_F_ACK, 1, 8, 0, "10.9.9.9");
	EQ(ask(route, &request), EADDRNOTAVAIL);
	begin_address(RTM_DELADDR, NLM_F_ACK, 9, 8, 0, "10.9.9.9");
	EQ(ask(route, &request), ENODEV);
	/* The second of a network goes with the first. */
	begin_address(RTM_DELADDR, NLM_F_ACK, 1, 8, 0, "10.1.2.3");
	EQ(ask(route, &request), 0);
	dump(route, RTM_GETADDR, AF_INET);
	IN_CHILD({
		without(CAP_NET_ADMIN);
		begin_address(RTM_DELADDR, NLM_F_ACK, 1, 8, 0, "127.0.0.1");
		EQ(ask(route, &request), EPERM);
	});
	begin_address(RTM_GETADDR, 0, 1, 8, 0, 0);
	EQ(ask(route, &request), EOPNOTSUPP);
}

CASE(lists_come_in_pieces)
{
	own_network();
	int route = netlink(NETLINK_ROUTE);
	char bytes[8192];
	set_up(route, 1);
	for (int i = 0; i < 150; i++) {
		char text[32];
		snprintf(text, sizeof text, "10.0.%d.1", i);
		begin_address(RTM_NEWADDR, NLM_F_ACK, 1, 24, 0, text);
		EQ(ask(route, &request), 0);
	}
	int fd = netlink(NETLINK_ROUTE), count = 0, pieces = 0, done = 0;
	struct rtgenmsg body = {AF_INET};
	begin(&request, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, &body, sizeof body);
	request.header.nlmsg_len = NLMSG_LENGTH(8);
	EQ(send_to(fd, &request, request.header.nlmsg_len, 0, 0), 24);
	EQ(ask(fd, &request), 2);
	/* One at a time. */
	EQ(send_to(fd, &request, request.header.nlmsg_len, 0, 0), 24);
	while (!done) {
		ssize_t size = OK(recv(fd, bytes, sizeof bytes, 0));
		pieces++;
		for (struct nlmsghdr *header = (void *)bytes; NLMSG_OK(header, size); header = NLMSG_NEXT(header, size)) {
			if (header->nlmsg_type == NLMSG_ERROR)
				OUT("error %d", *(int *)NLMSG_DATA(header));
			done |= header->nlmsg_type == NLMSG_DONE;
			count += header->nlmsg_type == RTM_NEWADDR;
		}
	}
	CHECK(count >= 100 && count < 151);
	CHECK(pieces > 1);
	ERR(recv(fd, bytes, sizeof bytes, MSG_DONTWAIT), EAGAIN);
}

CASE(what_the_library_asks)
{
	own_network();
	struct ifaddrs *list, *at;
	int fd = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
	set_up(fd, 1);
	OK(getifaddrs(&list));
	for (at = list; at; at = at->ifa_next)
		if (at->ifa_addr && at->ifa_addr->sa_family == AF_INET)
			OUT("%s flags %#x %s", at->ifa_name, at->ifa_flags,
			    inet_ntoa(((struct sockaddr_in *)at->ifa_addr)->sin_addr));
		else if (at->ifa_addr && at->ifa_addr->sa_family == AF_PACKET)
			OUT("%s flags %#x", at->ifa_name, at->ifa_flags);
	freeifaddrs(list);
	struct if_nameindex *names = if_nameindex();
	CHECK(names);
	EQ(names[0].if_index, 1);
	STR_EQ(names[0].if_name, "lo");
	EQ(names[1].if_index, 0);
	if_freenameindex(names);
}

CASE(in_proc)
{
	own_network();
	char text[1024];
	int fd = OK(open("/proc/thread-self/net/dev", O_RDONLY));
	ssize_t size = OK(read(fd, text, sizeof text - 1));
	text[size] = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(0, "\n"))
		OUT("%s|", line);
}

CASE(in_sys)
{
	static const char *const names[] = {"addr_len", "address", "broadcast", "carrier", "dev_id",	   "dormant", "flags",
					    "ifindex",	"iflink",  "link_mode", "mtu",	   "operstate", "tx_queue_len",
					    "type",	"uevent",  "statistics/rx_bytes"};
	own_network();
	OK(unshare(CLONE_NEWNS));
	OK(mount("none", "/", 0, MS_REC | MS_PRIVATE, 0));
	enter_scratch();
	OK(mkdir("sys", 0755));
	OK(mount("sysfs", "sys", "sysfs", 0, 0));
	int fd = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
	for (int up = 0; up < 2; up++) {
		set_up(fd, up);
		for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
			char path[128], text[256];
			snprintf(path, sizeof path, "sys/class/net/lo/%s", names[i]);
			int file = OK(open(path, O_RDONLY));
			ssize_t size = read(file, text, sizeof text - 1);
			text[size < 0 ? 0 : size] = 0;
			for (char *end; (end = strchr(text, '\n'));)
				*end = ' ';
			OUT("%s: %s%s", names[i], size < 0 ? errno_name(errno) : "", text);
			close(file);
		}
	}
	OK(umount("sys"));
}
