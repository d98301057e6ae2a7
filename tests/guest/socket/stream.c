/* unix(7): SOCK_STREAM. */
#include "unix.h"

static char block[1 << 18];
static volatile unsigned long no_address = 16;

CASE(bytes_go_both_ways)
{
	char text[8] = "";
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EQ(write(pair[0], "abc", 3), 3);
	EQ(write(pair[0], "def", 3), 3);
	EQ(read(pair[1], text, 4), 4);
	STR_EQ(text, "abcd");
	EQ(send(pair[1], "xy", 2, 0), 2);
	EQ(recv(pair[0], text, 8, 0), 2);
	EQ(recv(pair[1], text, 8, 0), 2);
	ERR(recv(pair[1], text, 8, MSG_DONTWAIT), EAGAIN);
}

CASE(making_one)
{
	for (int type = 0; type < 12; type++)
		OUT("type %d: %s", type, socket(AF_UNIX, type, 0) < 0 ? errno_name(errno) : "made");
	for (int protocol = -1; protocol < 3; protocol++)
		OUT("protocol %d: %s", protocol, socket(AF_UNIX, SOCK_STREAM, protocol) < 0 ? errno_name(errno) : "made");
	ERR(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
	ERR(socket(46, SOCK_STREAM, 0), EAFNOSUPPORT);
	ERR(socket(45, 11, 0), EINVAL);
	ERR(socket(45, SOCK_STREAM, 0), EAFNOSUPPORT);
	ERR(socket(AF_UNIX, SOCK_STREAM | 0x10, 0), EINVAL);
	ERR(socketpair(AF_UNIX, SOCK_STREAM | 0x10, 0, pair), EINVAL);
	ERR(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)no_address), EFAULT);
	ERR(socketpair(AF_UNIX, 9, 0, pair), ESOCKTNOSUPPORT);
	int fd = OK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	OUT("flags 0%o", fcntl(fd, F_GETFL));
	EQ(option(OK(socket(AF_UNIX, SOCK_RAW, 0)), SO_TYPE), SOCK_DGRAM);
}

CASE(no_socket_is_ENOTSOCK)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct msghdr message = {};
	socklen_t length = sizeof address;
	int file = OK(open("/dev/null", O_RDWR));
	for (int fd = -1; fd <= file; fd += file + 1) {
		int error = fd < 0 ? EBADF : ENOTSOCK;
		ERR(bind(fd, (void *)&address, length), error);
		ERR(connect(fd, (void *)&address, length), error);
		ERR(listen(fd, 1), error);
		ERR(accept(fd, 0, 0), error);
		ERR(getsockname(fd, (void *)&address, &length), error);
		ERR(getpeername(fd, (void *)&address, &length), error);
		ERR(shutdown(fd, 0), error);
		ERR(send(fd, "a", 1, 0), error);
		ERR(recv(fd, block, 1, 0), error);
		ERR(sendmsg(fd, &message, 0), error);
		ERR(recvmsg(fd, &message, 0), error);
		ERR(option(fd, SO_TYPE) == -error ? (errno = error, -1) : 0, error);
	}
	int path = OK(open("/", O_PATH));
	ERR(listen(path, 1), EBADF);
	ERR(accept4(-1, 0, 0, 1), EBADF);
	ERR(accept4(file, 0, 0, 1), EINVAL);
}

CASE(unconnected)
{
	int fd = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	ERR(send(fd, "a", 1, 0), ENOTCONN);
	ERR(recv(fd, block, 1, MSG_DONTWAIT), EINVAL);
	EQ(read(fd, block, 0), 0);
	ERR(read(fd, block, 1), EINVAL);
	ERR(write(fd, block, 0), ENOTCONN);
	ERR(listen(fd, 1), EINVAL);
	ERR(accept(fd, 0, 0), EINVAL);
	EQ(shutdown(fd, SHUT_RDWR), 0);
	ERR(shutdown(fd, 3), EINVAL);
	OUT("ready %#x", ready(fd));
	ERR(lseek(fd, 0, SEEK_SET), ESPIPE);
	ERR(pread(fd, block, 1, 0), ESPIPE);
}

CASE(end_of_stream_and_broken_pipe)
{
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EQ(write(pair[0], "ab", 2), 2);
	close(pair[0]);
	OUT("ready %#x", ready(pair[1]));
	EQ(read(pair[1], block, 8), 2);
	EQ(read(pair[1], block, 8), 0);
	ERR(send(pair[1], "a", 1, MSG_NOSIGNAL), EPIPE);
	DIES(SIGPIPE, write(pair[1], "a", 1));
	EQ(option(pair[1], SO_ERROR), 0);
	/* An empty write fails as well. */
	ERR(send(pair[1], "", 0, MSG_NOSIGNAL), EPIPE);
}

CASE(unread_bytes_reset_the_peer)
{
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EQ(write(pair[0], "ab", 2), 2);
	EQ(write(pair[1], "cd", 2), 2);
	close(pair[0]);
	OUT("ready %#x", ready(pair[1]));
	EQ(read(pair[1], block, 8), 2);
	ERR(read(pair[1], block, 8), ECONNRESET);
	EQ(read(pair[1], block, 8), 0);
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EQ(write(pair[1], "cd", 2), 2);
	close(pair[0]);
	EQ(option(pair[1], SO_ERROR), ECONNRESET);
	EQ(option(pair[1], SO_ERROR), 0);
}

CASE(shutdown_closes_ways)
{
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EQ(write(pair[0], "ab", 2), 2);
	OK(shutdown(pair[0], SHUT_WR));
	OUT("ready %#x, peer %#x", ready(pair[0]), ready(pair[1]));
	ERR(send(pair[0], "a", 1, MSG_NOSIGNAL), EPIPE);
	EQ(read(pair[1], block, 8), 2);
	EQ(read(pair[1], block, 8), 0);
	EQ(write(pair[1], "cd", 2), 2);
	EQ(read(pair[0], block, 8), 2);
	OK(shutdown(pair[0], SHUT_RD));
	EQ(read(pair[0], block, 8), 0);
	ERR(send(pair[1], "a", 1, MSG_NOSIGNAL), EPIPE);
	OUT("ready %#x, peer %#x", ready(pair[0]), ready(pair[1]));
}

CASE(how_much_fits)
{
	static const size_t sizes[] = {1, 100, 193, 1000, 4096, 5000, 20000, 65536, 200000};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		int queued = 0, unsent = 0;
		OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		int count = fill(pair[0], sizes[i]);
		OK(ioctl(pair[1], FIONREAD, &queued));
		OK(ioctl(pair[0], TIOCOUTQ, &unsent));
		OUT("%zu bytes %d times: %d queued, %d charged, ready %#x", sizes[i], count, queued, unsent, ready(pair[0]));
		close(pair[0]);
		close(pair[1]);
	}
	int small = 1;
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	OK(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small));
	OUT("smallest buffer %d: %d times", option(pair[0], SO_SNDBUF), fill(pair[0], 1));
	OUT("%zd come", recv(pair[1], block, 100, MSG_DONTWAIT));
	OUT("ready %#x", ready(pair[0]));
}

CASE(writable_again_at_a_quarter)
{
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	int count = fill(pair[0], 1000);
	int first = 0;
	for (int i = 1; i <= count; i++) {
		EQ(recv(pair[1], block, 1000, 0), 1000);
		if (!first && ready(pair[0]) & POLLOUT)
			first = i;
	}
	OUT("%d sent, writable after %d were received", count, first);
}

CASE(partial_write_and_blocking_writer)
{
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	ssize_t sent = send(pair[0], block, sizeof block, MSG_DONTWAIT);
	OUT("%zd of %zu", sent, sizeof block);
	pid_t child = OK(fork());
	if (child == 0) {
		EQ(write(pair[0], block, sizeof block), sizeof block);
		_exit(0);
	}
	ssize_t left = sent + sizeof block;
	while (left > 0)
		left -= OK(read(pair[1], block, 3000));
	EQ(exit_code(child), 0);
}

CASE(peek_and_wait_for_all)
{
	char text[9] = "";
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EQ(write(pair[0], "abc", 3), 3);
	EQ(write(pair[0], "def", 3), 3);
	EQ(recv(pair[1], text, 5, MSG_PEEK), 5);
	STR_EQ(text, "abcde");
	EQ(recv(pair[1], text, 8, MSG_PEEK | MSG_DONTWAIT), 6);
	EQ(recv(pair[1], text, 2, MSG_TRUNC), 2);
	int offset = 1;
	OK(setsockopt(pair[1], SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof offset));
	memset(text, 0, sizeof text);
	EQ(recv(pair[1], text, 2, MSG_PEEK), 2);
	STR_EQ(text, "de");
	EQ(option(pair[1], SO_PEEK_OFF), 3);
	EQ(recv(pair[1], text, 2, MSG_PEEK), 1);
	ERR(recv(pair[1], text, 2, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
	EQ(recv(pair[1], text, 3, 0), 3);
	EQ(option(pair[1], SO_PEEK_OFF), 1);
	pid_t child = OK(fork());
	if (child == 0) {
		sleep_ms(50);
		EQ(write(pair[0], "ghij", 4), 4);
		_exit(0);
	}
	EQ(recv(pair[1], text, 5, MSG_WAITALL), 5);
	EQ(exit_code(child), 0);
}

CASE(low_water_mark)
{
	int low = 4;
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	OK(setsockopt(pair[1], SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low));
	EQ(write(pair[0], "abc", 3), 3);
	EQ(recv(pair[1], block, 8, MSG_DONTWAIT), 3);
}

CASE(interrupted_and_restarted)
{
	struct timeval tenth = {0, 100000};
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CATCH(SIGALRM, 0);
	alarm_ms(30);
	ERR(read(pair[0], block, 1), EINTR);
	CATCH(SIGALRM, SA_RESTART);
	alarm_ms(30);
	pid_t child = OK(fork());
	if (child == 0) {
		sleep_ms(100);
		EQ(write(pair[1], "a", 1), 1);
		_exit(0);
	}
	EQ(read(pair[0], block, 1), 1);
	EQ(exit_code(child), 0);
	/* With a time-out it is not restarted. */
	OK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &tenth, sizeof tenth));
	alarm_ms(30);
	ERR(read(pair[0], block, 1), EINTR);
	long long begun = now_ns();
	ERR(read(pair[0], block, 1), EAGAIN);
	CHECK(now_ns() - begun >= 99000000);
	OK(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &tenth, sizeof tenth));
	fill(pair[0], 10000);
	begun = now_ns();
	ERR(write(pair[0], "a", 1), EAGAIN);
	CHECK(now_ns() - begun >= 99000000);
}

CASE(urgent_byte)
{
	char text[8] = "";
	int at = -1;
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	ERR(recv(pair[1], text, 1, MSG_OOB), EINVAL);
	ERR(send(pair[0], "", 0, MSG_OOB), EOPNOTSUPP);
	EQ(send(pair[0], "abc", 3, MSG_OOB), 3);
	OUT("ready %#x", ready(pair[1]));
	EQ(recv(pair[1], text, 8, 0), 2);
	STR_EQ(text, "ab");
	OK(ioctl(pair[1], SIOCATMARK, &at));
	EQ(at, 1);
	EQ(recv(pair[1], text, 8, MSG_OOB), 1);
	EQ(text[0], 'c');
	ERR(recv(pair[1], text, 1, MSG_OOB), EINVAL);
	ERR(recv(pair[1], text, 8, MSG_DONTWAIT), EAGAIN);
	int on = 1;
	OK(setsockopt(pair[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on));
	EQ(send(pair[0], "de", 2, MSG_OOB), 2);
	ERR(recv(pair[1], text, 1, MSG_OOB), EINVAL);
	EQ(recv(pair[1], text, 8, 0), 1);
	EQ(recv(pair[1], text, 8, 0), 1);
	EQ(text[0], 'e');
}

CASE(vectors_sendfile_and_splice)
{
	char first[3] = "", second[8] = "";
	struct iovec out[2] = {{"ab", 2}, {"cde", 3}}, in[2] = {{first, 2}, {second, 7}};
	int ends[2];
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EQ(writev(pair[0], out, 2), 5);
	EQ(readv(pair[1], in, 2), 5);
	STR_EQ(first, "ab");
	STR_EQ(second, "cde");
	enter_scratch();
	int file = OK(open("file", O_RDWR | O_CREAT, 0600));
	EQ(write(file, "content", 7), 7);
	lseek(file, 0, SEEK_SET);
	EQ(syscall(SYS_sendfile, pair[0], file, 0L, 100L), 7);
	EQ(read(pair[1], block, 100), 7);
	EQ(memcmp(block, "content", 7), 0);
	OK(pipe(ends));
	EQ(write(ends[1], "spliced", 7), 7);
	EQ(splice(ends[0], 0, pair[0], 0, 100, 0), 7);
	EQ(splice(pair[1], 0, ends[1], 0, 100, 0), 7);
	EQ(read(ends[0], block, 100), 7);
	EQ(memcmp(block, "spliced", 7), 0);
}

CASE(buffers_that_are_not_there)
{
	char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	OK(munmap(page + 4096, 4096));
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	ERR(write(pair[0], page + 4090, 10), EFAULT);
	ERR(recv(pair[1], block, 10, MSG_DONTWAIT), EAGAIN);
	EQ(write(pair[0], block, 10), 10);
	ERR(read(pair[1], page + 4090, 10), EFAULT);
	EQ(read(pair[1], block, 20), 10);
	ERR(send(pair[0], (void *)-1L, 10, 0), EFAULT);
	ERR(send(-1, (void *)-1L, 10, 0), sizeof(long) == 8 ? EFAULT : EBADF);
}

CASE(flags_of_the_file)
{
	int on = 1;
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	OK(ioctl(pair[0], FIONBIO, &on));
	ERR(read(pair[0], block, 1), EAGAIN);
	OK(fcntl(pair[0], F_SETFL, 0));
	ERR(fcntl(pair[0], F_SETFL, O_DIRECT), EINVAL);
	ERR(ioctl(pair[0], TCGETS, block), ENOTTY);
	struct stat status;
	OK(fstat(pair[0], &status));
	OUT("mode 0%o, %ld names, size %ld, block %ld", status.st_mode, (long)status.st_nlink, (long)status.st_size,
	    (long)status.st_blksize);
	char path[64], link[64] = "", wanted[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", pair[0]);
	OK(readlink(path, link, sizeof link - 1));
	snprintf(wanted, sizeof wanted, "socket:[%lu]", (unsigned long)status.st_ino);
	STR_EQ(link, wanted);
	ERR(open(path, O_RDWR), ENXIO);
	ERR(mmap(0, 4096, PROT_READ, MAP_SHARED, pair[0], 0) == MAP_FAILED ? -1 : 0, ENODEV);
	ERR(fsync(pair[0]), EINVAL);
	ERR(ftruncate(pair[0], 0), EINVAL);
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pair[0]);
	CHECK(read_file(path, block, sizeof block) > 0);
	CHECK(strstr(block, "scm_fds: 0\n") != 0);
}
