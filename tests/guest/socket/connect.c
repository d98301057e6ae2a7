/* unix(7): names, connections, who is at the other end. */
#include "unix.h"
#include <grp.h>

static char block[4096];

CASE(connection_by_path)
{
	char text[8] = "";
	struct sockaddr_un address;
	socklen_t length = sizeof address;
	enter_scratch();
	umask(022);
	int server = listener(SOCK_STREAM, "name", 5);
	int client = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	OUT("ready: listener %#x, client %#x", ready(server), ready(client));
	OK(connect_to(client, "name"));
	OUT("ready: listener %#x, client %#x", ready(server), ready(client));
	EQ(write(client, "early", 5), 5);
	int accepted = OK(accept4(server, (void *)&address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
	OUT("peer of %u bytes, family %d", length, address.sun_family);
	EQ(fcntl(accepted, F_GETFD), FD_CLOEXEC);
	EQ(read(accepted, text, 8), 5);
	EQ(write(accepted, "ok", 2), 2);
	EQ(read(client, text, 8), 2);
	length = sizeof address;
	OK(getsockname(accepted, (void *)&address, &length));
	OUT("accepted is named %s, %u bytes", address.sun_path, length);
	length = sizeof address;
	OK(getpeername(client, (void *)&address, &length));
	OUT("client's peer is named %s, %u bytes", address.sun_path, length);
	length = sizeof address;
	OK(getsockname(client, (void *)&address, &length));
	OUT("client's name has %u bytes", length);
	struct stat status;
	OK(stat("name", &status));
	OUT("mode 0%o", status.st_mode);
	ERR(open("name", O_RDWR), ENXIO);
	ERR(connect_to(client, "name"), EISCONN);
	ERR(listen(client, 1), EINVAL);
	ERR(accept(client, 0, 0), EINVAL);
	ERR(connect_to(server, "name"), EINVAL);
	ERR(read(server, block, 1), EINVAL);
	ERR(write(server, block, 1), ENOTCONN);
	ERR(ioctl(server, FIONREAD, block), EINVAL);
	EQ(option(server, SO_ACCEPTCONN), 1);
	EQ(option(client, SO_ACCEPTCONN), 0);
	close(server);
	int late = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	ERR(connect_to(late, "name"), ECONNREFUSED);
	OK(unlink("name"));
	ERR(connect_to(late, "name"), ENOENT);
}

CASE(names_that_are_refused)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	enter_scratch();
	int fd = OK(socket(AF_UNIX, SOCK_STREAM, 0)), other = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	ERR(bind(fd, (void *)&address, 0), EINVAL);
	ERR(bind(fd, (void *)&address, 1), EINVAL);
	ERR(bind(fd, (void *)&address, 111), EINVAL);
	ERR(bind(fd, (void *)&address, 129), EINVAL);
	ERR(bind(fd, (void *)&address, -1), EINVAL);
	ERR(bind(fd, (void *)16, 20), EFAULT);
	ERR(connect(fd, (void *)&address, 2), EINVAL);
	ERR(connect(fd, (void *)16, 20), EFAULT);
	address.sun_family = AF_INET;
	ERR(bind(fd, (void *)&address, 20), EINVAL);
	ERR(connect(fd, (void *)&address, 20), EINVAL);
	address.sun_family = AF_UNSPEC;
	ERR(connect(fd, (void *)&address, 20), EINVAL);
	ERR(bind_to(fd, "missing/name"), ENOENT);
	OK(close(OK(open("file", O_CREAT | O_RDWR, 0600))));
	ERR(bind_to(fd, "file"), EADDRINUSE);
	ERR(bind_to(fd, "file/name"), ENOTDIR);
	ERR(connect_to(fd, "file"), ECONNREFUSED);
	ERR(connect_to(fd, "missing"), ENOENT);
	OK(bind_to(fd, "name"));
	ERR(bind_to(other, "name"), EADDRINUSE);
	ERR(bind_to(fd, "second"), EINVAL);
	ERR(access("second", F_OK), ENOENT);
	ERR(bind_to(fd, "@abstract"), EINVAL);
	ERR(connect_to(other, "name"), ECONNREFUSED);
	int datagram = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
	ERR(connect_to(datagram, "name"), EPROTOTYPE);
	ERR(listen(datagram, 1), EOPNOTSUPP);
	ERR(accept(datagram, 0, 0), EOPNOTSUPP);
	OK(symlink("name", "link"));
	OK(listen(fd, 1));
	OK(connect_to(other, "link"));
}

CASE(permission_is_that_to_write)
{
	enter_scratch();
	int server = listener(SOCK_STREAM, "name", 5);
	(void)server;
	OK(chmod("name", 0600));
	IN_CHILD({
		OK(setgid(1000));
		OK(setuid(1000));
		ERR(connect_to(OK(socket(AF_UNIX, SOCK_STREAM, 0)), "name"), EACCES);
		OK(mkdir("own", 0700));
	});
	OK(chmod("name", 0602));
	IN_CHILD({
		OK(setgid(1000));
		OK(setuid(1000));
		OK(connect_to(OK(socket(AF_UNIX, SOCK_STREAM, 0)), "name"));
	});
	OK(chmod(".", 0755));
	IN_CHILD({
		OK(setgid(1000));
		OK(setuid(1000));
		ERR(bind_to(OK(socket(AF_UNIX, SOCK_STREAM, 0)), "other"), EACCES);
	});
}

CASE(long_paths)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	unsigned char room[130];
	socklen_t length = sizeof room;
	enter_scratch();
	int fd = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	memset(address.sun_path, 'x', sizeof address.sun_path);
	OK(bind(fd, (void *)&address, sizeof address));
	OK(getsockname(fd, (void *)room, &length));
	OUT("%u bytes", length);
	length = 5;
	memset(room, 0, sizeof room);
	OK(getsockname(fd, (void *)room, &length));
	OUT("%u bytes, %c%c%c%d", length, room[2], room[3], room[4], room[5]);
	length = -1;
	ERR(getsockname(fd, (void *)room, &length), EINVAL);
	length = 0;
	OK(getsockname(fd, 0, &length));
	length = 10;
	ERR(getsockname(fd, (void *)16, &length), EFAULT);
	ERR(getsockname(fd, (void *)room, (void *)16), EFAULT);
	ERR(getpeername(fd, (void *)room, &length), ENOTCONN);
}

CASE(abstract_names)
{
	struct sockaddr_un address = {};
	socklen_t length = sizeof address;
	int server = listener(SOCK_STREAM, "@some name", 5);
	int other = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	ERR(bind_to(other, "@some name"), EADDRINUSE);
	ERR(connect_to(other, "@some nam"), ECONNREFUSED);
	/* Names of another kind are apart. */
	OK(bind_to(OK(socket(AF_UNIX, SOCK_DGRAM, 0)), "@some name"));
	OK(connect_to(other, "@some name"));
	OK(getpeername(other, (void *)&address, &length));
	OUT("%u bytes: %d%s", length, address.sun_path[0], address.sun_path + 1);
	close(server);
	server = listener(SOCK_STREAM, "@some name", 5);
	/* A name that the kernel chooses. */
	int named = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	address.sun_family = AF_UNIX;
	OK(bind(named, (void *)&address, 2));
	OK(bind(named, (void *)&address, 2));
	length = sizeof address;
	OK(getsockname(named, (void *)&address, &length));
	EQ(length, 8);
	EQ(address.sun_path[0], 0);
	EQ(strspn(address.sun_path + 1, "0123456789abcdef") >= 5, 1);
}

CASE(full_backlog)
{
	char name[] = "@backlog";
	int server = listener(SOCK_STREAM, name, 1), count = 0, last;
	for (;;) {
		last = OK(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
		if (connect_to(last, name) < 0)
			break;
		count++;
	}
	OUT("%d connections, then %s", count, errno_name(errno));
	OK(fcntl(last, F_SETFL, 0));
	CATCH(SIGALRM, 0);
	alarm_ms(30);
	ERR(connect_to(last, name), EINTR);
	pid_t child = OK(fork());
	if (child == 0) {
		OK(connect_to(last, name));
		_exit(0);
	}
	WAIT_STATE(child, 'S');
	OK(accept(server, 0, 0));
	EQ(exit_code(child), 0);
	struct timeval time = {0, 50000};
	last = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	OK(setsockopt(last, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
	ERR(connect_to(last, name), EAGAIN);
	/* A larger one lets more in; a listener that ends refuses those that wait. */
	OK(listen(server, 10));
	OK(connect_to(last, name));
	OK(listen(server, 0));
	last = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	child = OK(fork());
	if (child == 0) {
		close(server);
		ERR(connect_to(last, name), ECONNREFUSED);
		_exit(0);
	}
	WAIT_STATE(child, 'S');
	close(server);
	EQ(exit_code(child), 0);
}

CASE(waiting_to_accept)
{
	int server = listener(SOCK_STREAM, "@waits", 5);
	struct timeval time = {0, 50000};
	OK(fcntl(server, F_SETFL, O_NONBLOCK));
	ERR(accept(server, 0, 0), EAGAIN);
	OK(fcntl(server, F_SETFL, 0));
	OK(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
	ERR(accept(server, 0, 0), EAGAIN);
	time.tv_usec = 0;
	OK(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
	CATCH(SIGALRM, 0);
	alarm_ms(30);
	ERR(accept(server, 0, 0), EINTR);
	pid_t child = OK(fork());
	if (child == 0) {
		sleep_ms(50);
		OK(connect_to(OK(socket(AF_UNIX, SOCK_STREAM, 0)), "@waits"));
		_exit(0);
	}
	int accepted = OK(accept(server, 0, 0));
	EQ(exit_code(child), 0);
	EQ(read(accepted, block, 1), 0);
	child = OK(fork());
	if (child == 0) {
		ERR(accept(server, 0, 0), EINVAL);
		_exit(0);
	}
	WAIT_STATE(child, 'S');
	OK(shutdown(server, SHUT_RD));
	EQ(exit_code(child), 0);
	ERR(connect_to(OK(socket(AF_UNIX, SOCK_STREAM, 0)), "@waits"), ECONNREFUSED);
}

CASE(connection_nobody_accepts)
{
	int server = listener(SOCK_STREAM, "@embryo", 5);
	int client = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	OK(connect_to(client, "@embryo"));
	EQ(write(client, "abc", 3), 3);
	close(server);
	OUT("ready %#x", ready(client));
	ERR(read(client, block, 1), ECONNRESET);
	EQ(read(client, block, 1), 0);
	/* One whose client has gone is accepted all the same. */
	server = listener(SOCK_STREAM, "@embryo", 5);
	client = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	OK(bind_to(client, "@client"));
	OK(connect_to(client, "@embryo"));
	EQ(write(client, "abc", 3), 3);
	close(client);
	struct sockaddr_un address = {};
	socklen_t length = sizeof address;
	int accepted = OK(accept(server, (void *)&address, &length));
	OUT("peer of %u bytes: %s", length, address.sun_path + 1);
	EQ(read(accepted, block, 8), 3);
	EQ(read(accepted, block, 8), 0);
}

CASE(peer_credentials)
{
	struct ucred who = {};
	socklen_t length = sizeof who;
	int fd = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	OK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length));
	OUT("nobody: %d %d %d, %u bytes", (int)who.pid, (int)who.uid, (int)who.gid, length);
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	OK(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &who, &length));
	EQ(who.pid, getpid());
	int server = listener(SOCK_STREAM, "@credentials", 5);
	pid_t child = OK(fork());
	if (child == 0) {
		OK(setgroups(0, 0));
		OK(setresgid(7, 8, 9));
		OK(setresuid(4, 5, 6));
		OK(connect_to(fd, "@credentials"));
		OK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length));
		EQ(read(fd, block, 1), 1);
		OUT("listener: %d, user %d, group %d", who.pid == getppid(), (int)who.uid, (int)who.gid);
		_exit(0);
	}
	int accepted = OK(accept(server, 0, 0));
	OK(getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &who, &length));
	OUT("client: %d, user %d, group %d", who.pid == child, (int)who.uid, (int)who.gid);
	EQ(write(accepted, "a", 1), 1);
	EQ(exit_code(child), 0);
	length = 4;
	OK(getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &who, &length));
	EQ(length, 4);
}

CASE(list_of_sockets)
{
	char text[8192], *line;
	enter_scratch();
	int server = listener(SOCK_STREAM, "@listed", 5);
	OK(bind_to(OK(socket(AF_UNIX, SOCK_DGRAM, 0)), "listed.path"));
	int client = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	OK(connect_to(client, "@listed"));
	int accepted = OK(accept(server, 0, 0));
	(void)accepted;
	CHECK(read_file("/proc/net/unix", text, sizeof text) > 0);
	OUT("%.*s", (int)strcspn(text, "\n"), text);
	/* Those of a name together, without address, count of references and inode. */
	static const char *const names[] = {"@listed", "listed.path"};
	for (int i = 0; i < 2; i++) {
		int listening = 0, others = 0;
		for (line = text; line; line = strchr(line, '\n')) {
			line += *line == '\n';
			char *name;
			int length = strcspn(line, "\n");
			char copy[200];
			snprintf(copy, sizeof copy, "%.*s", length, line);
			name = strrchr(copy, ' ');
			if (!name || strcmp(name + 1, names[i]) != 0)
				continue;
			copy[26 + 26] = 0;
			if (strstr(copy + 26, "00010000"))
				listening++;
			else
				others++;
			NOTE("%s", copy + 26);
		}
		OUT("%s: %d listen, %d others", names[i], listening, others);
	}
}
