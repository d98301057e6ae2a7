/* unix(7): ancillary data, SCM_RIGHTS and SCM_CREDENTIALS. */
#include "unix.h"

static char block[4096];
static union {
	char bytes[4096];
	struct cmsghdr align;
} control;

/* Sends one byte with descriptors. */
static ssize_t pass(int fd, const int *files, int count)
{
	struct iovec part = {"x", 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	memset(&control, 0, sizeof control);
	message.msg_control = control.bytes;
	message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	struct cmsghdr *item = CMSG_FIRSTHDR(&message);
	item->cmsg_level = SOL_SOCKET;
	item->cmsg_type = SCM_RIGHTS;
	item->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(item), files, count * sizeof(int));
	return sendmsg(fd, &message, MSG_NOSIGNAL);
}
/* Receives with room for so many bytes of ancillary data; says what came. */
static struct msghdr received;
static ssize_t take(int fd, size_t room, int flags)
{
	static struct iovec part;
	part = (struct iovec){block, sizeof block};
	memset(&control, 0xee, sizeof control);
	received = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = room};
	if (room == 0)
		received.msg_control = 0;
	return recvmsg(fd, &received, flags);
}
static int first_file(void)
{
	struct cmsghdr *item = CMSG_FIRSTHDR(&received);
	CHECK(item && item->cmsg_type == SCM_RIGHTS);
	int file;
	memcpy(&file, CMSG_DATA(item), sizeof file);
	return file;
}

CASE(a_file_goes_to_another_process)
{
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid_t child = OK(fork());
	if (child == 0) {
		int ends[2];
		OK(pipe(ends));
		EQ(pass(pair[0], &ends[1], 1), 1);
		EQ(read(ends[0], block, 8), 5);
		_exit(0);
	}
	EQ(take(pair[1], 64, MSG_CMSG_CLOEXEC), 1);
	int file = first_file();
	OUT("flags %#x, close on exec %d, left in header %d", received.msg_flags, fcntl(file, F_GETFD),
	    received.msg_controllen == CMSG_SPACE(sizeof(int)));
	EQ(write(file, "hello", 5), 5);
	EQ(exit_code(child), 0);
}

CASE(room_for_fewer)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
	int files[4] = {0, 1, 2, 0};
	for (int i = 0; i < 2; i++) {
		/* In units that all ABIs share: files; -1 is less than a header, -2 nothing. */
		for (int files_fit = -2; files_fit <= 5; files_fit++) {
			size_t room = files_fit == -2 ? 0 : CMSG_LEN(0) + files_fit * 4;
			OK(socketpair(AF_UNIX, types[i], 0, pair));
			int before = OK(dup(0));
			close(before);
			EQ(pass(pair[0], files, 4), 1);
			EQ(take(pair[1], room, 0), 1);
			int next = OK(dup(0));
			close(next);
			struct cmsghdr *item = CMSG_FIRSTHDR(&received);
			int came = item ? (int)((item->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;
			OUT("room for %d: %d came, flags %#x, all closed %d", files_fit,
			    came, received.msg_flags, next == before + came);
			for (int fd = before; fd < next; fd++)
				close(fd);
			close(pair[0]);
			close(pair[1]);
		}
	}
}

CASE(what_is_refused)
{
	struct iovec part = {"x", 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
	struct cmsghdr *item = (void *)control.bytes;
	int bad[2] = {0, 99}, many[300] = {};
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	ERR(pass(pair[0], bad, 2), EBADF);
	ERR(pass(pair[0], many, 254), EINVAL);
	EQ(pass(pair[0], many, 253), 1);
	EQ(pass(pair[0], many, 0), 1);
	*item = (struct cmsghdr){.cmsg_len = CMSG_LEN(4), .cmsg_level = SOL_SOCKET, .cmsg_type = 77};
	message.msg_controllen = CMSG_SPACE(4);
	ERR(sendmsg(pair[0], &message, 0), EINVAL);
	item->cmsg_level = 99;
	EQ(sendmsg(pair[0], &message, 0), 1);
	item->cmsg_len = CMSG_LEN(0) - 1;
	ERR(sendmsg(pair[0], &message, 0), EINVAL);
	item->cmsg_len = CMSG_SPACE(4) + 1;
	ERR(sendmsg(pair[0], &message, 0), EINVAL);
	message.msg_controllen = CMSG_LEN(0) - 1;
	EQ(sendmsg(pair[0], &message, 0), 1);
	message.msg_controllen = 20480;
	ERR(sendmsg(pair[0], &message, 0), ENOBUFS);
	message.msg_controllen = 16;
	message.msg_control = (void *)16;
	ERR(sendmsg(pair[0], &message, 0), EFAULT);
	message.msg_controllen = 0;
	message.msg_iovlen = 1025;
	ERR(sendmsg(pair[0], &message, 0), EMSGSIZE);
	ERR(recvmsg(pair[0], &message, 0), EMSGSIZE);
	message.msg_iovlen = 1;
	message.msg_iov = (void *)16;
	ERR(sendmsg(pair[0], &message, 0), EFAULT);
	ERR(recvmsg(pair[0], &message, 0), EFAULT);
	ERR(sendmsg(pair[0], (void *)16, 0), EFAULT);
	ERR(recvmsg(pair[0], (void *)16, 0), EFAULT);
	message.msg_iov = &part;
	message.msg_name = block;
	message.msg_namelen = -1;
	ERR(sendmsg(pair[0], &message, 0), EINVAL);
	ERR(recvmsg(pair[0], &message, 0), EINVAL);
	message.msg_namelen = 20;
	ERR(sendmsg(pair[0], &message, 0), EISCONN);
}

CASE(files_end_a_read)
{
	int file = 0;
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EQ(write(pair[0], "ab", 2), 2);
	EQ(pass(pair[0], &file, 1), 1);
	EQ(write(pair[0], "cd", 2), 2);
	EQ(take(pair[1], 64, 0), 3);
	close(first_file());
	EQ(take(pair[1], 64, 0), 2);
	EQ(received.msg_controllen, 0);
	/* A look takes the files, too; a read without room for them closes them. */
	EQ(pass(pair[0], &file, 1), 1);
	EQ(take(pair[1], 64, MSG_PEEK), 1);
	close(first_file());
	EQ(take(pair[1], 64, MSG_PEEK), 1);
	close(first_file());
	int before = OK(dup(0));
	close(before);
	EQ(read(pair[1], block, 8), 1);
	EQ(OK(dup(0)), before);
}

CASE(count_in_fdinfo)
{
	char path[64];
	int files[3] = {0, 1, 2};
	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pair[1]);
	EQ(pass(pair[0], files, 3), 1);
	EQ(pass(pair[0], files, 2), 1);
	CHECK(read_file(path, block, sizeof block) > 0);
	OUT("%s", strstr(block, "scm_fds"));
	EQ(read(pair[1], block, 1), 1);
	CHECK(read_file(path, block, sizeof block) > 0);
	OUT("%s", strstr(block, "scm_fds"));
}

CASE(sockets_in_their_own_queues)
{
	/* Each pair is passed through itself and closed: what nobody can reach must go, which the pipe tells. */
	for (int i = 0; i < 200; i++) {
		int ends[2];
		OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		OK(pipe(ends));
		int files[3] = {pair[0], pair[1], ends[1]};
		EQ(pass(pair[0], files, 3), 1);
		close(pair[0]);
		close(pair[1]);
		close(ends[1]);
		if (i % 20 == 0) {
			/* The end of any socket makes the kernel look. */
			close(OK(socket(AF_UNIX, SOCK_STREAM, 0)));
			EQ(read(ends[0], block, 1), 0);
		}
		close(ends[0]);
	}
	/* A chain: each socket is in the queue of the next. */
	int last = -1;
	for (int i = 0; i < 100; i++) {
		OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
		if (last >= 0) {
			EQ(pass(pair[0], &last, 1), 1);
			close(last);
		}
		close(pair[0]);
		last = pair[1];
	}
	close(last);
	/* A listener that waits in the queue of its own connection. */
	int server = listener(SOCK_STREAM, "@cycle", 5), client = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	OK(connect_to(client, "@cycle"));
	EQ(pass(client, &server, 1), 1);
	close(server);
	EQ(write(client, "a", 1), 1);
	close(client);
}

CASE(sockets_that_can_be_reached_stay)
{
	int inner[2], file;
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, inner));
	int files[2] = {0, pair[1]};
	EQ(pass(inner[0], files, 1), 1);
	EQ(pass(pair[0], &inner[1], 1), 1);
	close(inner[1]);
	/* Looks for what is lost. */
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, inner + 0));
	close(inner[0]);
	close(inner[1]);
	EQ(take(pair[1], 64, 0), 1);
	file = first_file();
	EQ(take(file, 64, 0), 1);
	CHECK(first_file() > 0);
}

CASE(too_many_on_the_way)
{
	int files[200];
	for (int i = 0; i < 200; i++)
		files[i] = 0;
	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	struct rlimit limit = {100, 100};
	IN_CHILD({
		OK(setresgid(77, 77, 77));
		OK(setresuid(77, 77, 77));
		OK(setrlimit(RLIMIT_NOFILE, &limit));
		EQ(pass(pair[0], files, 100), 1);
		EQ(pass(pair[0], files, 1), 1);
		ERR(pass(pair[0], files, 1), ETOOMANYREFS);
		EQ(take(pair[1], 0, 0), 1);
		EQ(pass(pair[0], files, 1), 1);
	});
}

CASE(credentials)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	int on = 1;
	struct ucred who;
	for (int i = 0; i < 3; i++) {
		OK(socketpair(AF_UNIX, types[i], 0, pair));
		EQ(write(pair[0], "a", 1), 1);
		OK(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
		EQ(write(pair[0], "b", 1), 1);
		ssize_t count = OK(take(pair[1], 64, 0));
		struct cmsghdr *item = CMSG_FIRSTHDR(&received);
		CHECK(item && item->cmsg_type == SCM_CREDENTIALS);
		memcpy(&who, CMSG_DATA(item), sizeof who);
		OUT("before: %zd bytes, %d %d %d, flags %#x", count, (int)who.pid, (int)who.uid, (int)who.gid,
		    received.msg_flags);
		OK(take(pair[1], 64, 0));
		memcpy(&who, CMSG_DATA(item), sizeof who);
		OUT("after: own process %d, %d %d", who.pid == getpid(), (int)who.uid, (int)who.gid);
		EQ(write(pair[0], "c", 1), 1);
		OK(take(pair[1], 0, 0));
		OUT("without room: flags %#x", received.msg_flags);
		EQ(write(pair[0], "c", 1), 1);
		OK(take(pair[1], CMSG_LEN(4), 0));
		OUT("with little: flags %#x, %d", received.msg_flags, (int)(CMSG_FIRSTHDR(&received)->cmsg_len - CMSG_LEN(0)));
		EQ(option(pair[1], SO_PASSCRED), 1);
		int file = 0;
		EQ(pass(pair[0], &file, 1), 1);
		OK(take(pair[1], 256, 0));
		item = CMSG_FIRSTHDR(&received);
		OUT("both: type %d then %d", item->cmsg_type, CMSG_NXTHDR(&received, item)->cmsg_type);
	}
}

static ssize_t claim(pid_t process, uid_t user, gid_t group)
{
	struct ucred who = {process, user, group};
	struct iovec part = {"x", 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
	struct cmsghdr *item = (void *)control.bytes;
	message.msg_controllen = CMSG_SPACE(sizeof who);
	*item = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof who), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
	memcpy(CMSG_DATA(item), &who, sizeof who);
	return sendmsg(pair[0], &message, 0);
}

CASE(claimed_credentials)
{
	int on = 1;
	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	OK(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
	EQ(claim(getpid(), 5, 6), 1);
	EQ(claim(1, 0, 0), 1);
	ERR(claim(0x3fffffff, 0, 0), ESRCH);
	OK(take(pair[1], 64, 0));
	struct ucred who;
	memcpy(&who, CMSG_DATA(CMSG_FIRSTHDR(&received)), sizeof who);
	OUT("own process %d, %d %d", who.pid == getpid(), (int)who.uid, (int)who.gid);
	OK(take(pair[1], 64, 0));
	memcpy(&who, CMSG_DATA(CMSG_FIRSTHDR(&received)), sizeof who);
	OUT("%d %d %d", (int)who.pid, (int)who.uid, (int)who.gid);
	IN_CHILD({
		OK(setresgid(7, 8, 9));
		OK(setresuid(4, 5, 6));
		EQ(claim(getpid(), 4, 7), 1);
		EQ(claim(getpid(), 5, 8), 1);
		EQ(claim(getpid(), 6, 9), 1);
		ERR(claim(getpid(), 0, 7), EPERM);
		ERR(claim(getpid(), 4, 0), EPERM);
		ERR(claim(getppid(), 4, 7), EPERM);
	});
}

CASE(a_socket_that_passes_credentials_gets_a_name)
{
	int on = 1;
	struct sockaddr_un address;
	socklen_t length = sizeof address, size;
	struct sockaddr_un name = named("@autobinds", &size);
	int server = OK(socket(AF_UNIX, SOCK_DGRAM, 0)), client = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
	OK(bind_to(server, "@autobinds"));
	OK(setsockopt(client, SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
	EQ(sendto(client, "a", 1, 0, (void *)&name, size), 1);
	OK(getsockname(client, (void *)&address, &length));
	EQ(length, 8);
}

CASE(messages_of_several_senders_do_not_mix)
{
	int on = 1;
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	OK(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
	EQ(write(pair[0], "ab", 2), 2);
	IN_CHILD(EQ(write(pair[0], "cd", 2), 2));
	EQ(take(pair[1], 64, 0), 2);
	EQ(take(pair[1], 64, 0), 2);
}

CASE(urgent_byte_with_a_file)
{
	int file = 0;
	struct iovec part = {"x", 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
	struct cmsghdr *item = (void *)control.bytes;
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	for (int i = 0; i < 3; i++) {
		message.msg_controllen = CMSG_SPACE(sizeof file);
		*item = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof file), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(item), &file, sizeof file);
		message.msg_control = control.bytes;
		EQ(sendmsg(pair[0], &message, MSG_OOB), 1);
		EQ(recv(pair[1], block, 1, MSG_OOB), 1);
	}
	/* The messages are empty now, but in the queue still: Linux may say so once before it passes over them. */
	EQ(write(pair[0], "a", 1), 1);
	int came = 0;
	for (int i = 0; i < 5; i++)
		came += recv(pair[1], block, 8, MSG_DONTWAIT) == 1;
	EQ(came, 1);
}
