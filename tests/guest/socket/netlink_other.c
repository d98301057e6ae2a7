/* NETLINK_KOBJECT_UEVENT and NETLINK_GENERIC. */
#include "netlink.h"
#include <linux/genetlink.h>

static struct request request;

CASE(everybody_listens_for_events)
{
	IN_CHILD({
		OK(setresgid(1000, 1000, 1000));
		OK(setresuid(1000, 1000, 1000));
		int fd = netlink(NETLINK_KOBJECT_UEVENT);
		OK(bind_to(fd, 0, 1));
		OUT("groups %#x", own_name(fd).nl_groups);
		OK(set(fd, NETLINK_ADD_MEMBERSHIP, 32));
		ERR(set(fd, NETLINK_ADD_MEMBERSHIP, 33), EINVAL);
		char text[64];
		ERR(recv(fd, text, sizeof text, MSG_DONTWAIT), EAGAIN);
		begin(&request, 16, NLM_F_REQUEST | NLM_F_ACK, "add@/x", 7);
		EQ(ask(fd, &request), EPERM);
	});
}

CASE(families_have_names)
{
	static char bytes[65536];
	int fd = netlink(NETLINK_GENERIC);
	struct genlmsghdr body = {.cmd = CTRL_CMD_GETFAMILY, .version = 1};
	begin(&request, GENL_ID_CTRL, NLM_F_REQUEST, &body, sizeof body);
	add(&request, CTRL_ATTR_FAMILY_NAME, "nlctrl", 7);
	EQ(send_to(fd, &request, request.header.nlmsg_len, 0, 0), request.header.nlmsg_len);
	ssize_t size = OK(recv(fd, bytes, sizeof bytes, 0));
	struct nlmsghdr *header = (void *)bytes;
	struct genlmsghdr *answer = NLMSG_DATA(header);
	OUT("type %u flags %#x command %u version %u", header->nlmsg_type, header->nlmsg_flags, answer->cmd,
	    answer->version);
	const char *from = (char *)(answer + 1);
	size -= NLMSG_LENGTH(GENL_HDRLEN);
	for (int type = 1; type <= CTRL_ATTR_MCAST_GROUPS; type++) {
		const struct nlattr *found = find(from, size, type);
		CHECK(found);
		if (type <= CTRL_ATTR_MAXATTR)
			OUT("attribute %d of %d: %u", type, found->nla_len,
			    type == CTRL_ATTR_FAMILY_NAME ? 0 : type == CTRL_ATTR_FAMILY_ID ? *(uint16_t *)(found + 1) : *(uint32_t *)(found + 1));
	}
	begin(&request, GENL_ID_CTRL, NLM_F_REQUEST, &body, sizeof body);
	add(&request, CTRL_ATTR_FAMILY_NAME, "none of that", 13);
	EQ(ask(fd, &request), ENOENT);
	begin(&request, GENL_ID_CTRL, NLM_F_REQUEST, &body, sizeof body);
	EQ(ask(fd, &request), EINVAL);
	uint16_t id = GENL_ID_CTRL;
	begin(&request, GENL_ID_CTRL, NLM_F_REQUEST, &body, sizeof body);
	add(&request, CTRL_ATTR_FAMILY_ID, &id, 2);
	EQ(ask(fd, &request), 2);
	body.cmd = 99;
	begin(&request, GENL_ID_CTRL, NLM_F_REQUEST, &body, sizeof body);
	EQ(ask(fd, &request), EOPNOTSUPP);
	begin(&request, 999, NLM_F_REQUEST, &body, sizeof body);
	EQ(ask(fd, &request), ENOENT);
	begin(&request, GENL_ID_CTRL, NLM_F_REQUEST, "", 1);
	EQ(ask(fd, &request), EINVAL);
	/* The list has it. */
	body.cmd = CTRL_CMD_GETFAMILY;
	begin(&request, GENL_ID_CTRL, NLM_F_REQUEST | NLM_F_DUMP, &body, sizeof body);
	EQ(send_to(fd, &request, request.header.nlmsg_len, 0, 0), request.header.nlmsg_len);
	int found = 0;
	for (int done = 0; !done;) {
		size = OK(recv(fd, bytes, sizeof bytes, 0));
		for (header = (void *)bytes; NLMSG_OK(header, size); header = NLMSG_NEXT(header, size)) {
			done |= header->nlmsg_type == NLMSG_DONE;
			if (header->nlmsg_type != GENL_ID_CTRL)
				continue;
			const struct nlattr *name = find((char *)NLMSG_DATA(header) + GENL_HDRLEN,
							 header->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN),
							 CTRL_ATTR_FAMILY_NAME);
			found += name && strcmp((char *)(name + 1), "nlctrl") == 0;
		}
	}
	EQ(found, 1);
}
