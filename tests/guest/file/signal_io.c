/*
 * Signal-driven I/O, "Managing signals" in fcntl(2): O_ASYNC, whom the signal goes to, which it is, what comes with it, and what
 * each kind of file sends. Signals are blocked and taken with sigtimedwait(2), so that nothing depends on when they are delivered.
 */
#include "../check.h"
#include <pty.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#ifndef F_SETSIG
#define F_SETSIG 10
#define F_GETSIG 11
#endif
#define GETOWNER_UIDS 17
#define CHOSEN (SIGRTMIN + 3)

static void block(int signal)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
}
/* Takes a pending signal, waiting up to a tenth of a second; 0 if there is none. */
static int take(int signal, siginfo_t *info)
{
	struct timespec wait = {0, 100 * 1000 * 1000};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	memset(info, 0, sizeof *info);
	return sigtimedwait(&set, info, &wait) == signal;
}
/* Says what comes, until nothing more does. Descriptors are told relative to one. */
static void tell(const char *what, int signal, int base)
{
	siginfo_t info;
	int count = 0;
	while (count < 20 && take(signal, &info)) {
		count++;
		if (info.si_code == SI_KERNEL)
			OUT("%s: signal of the kernel, pid %d", what, info.si_pid);
		else
			OUT("%s: code %d band %#lx descriptor +%d", what, info.si_code, (long)info.si_band, info.si_fd - base);
	}
	OUT("%s: %d", what, count);
}
/* A FIFO, by its name. */
static const char *fifo(void)
{
	static char name[40];
	snprintf(name, sizeof name, "/tmp/fifo-%d", getpid());
	OK(mkfifo(name, 0600));
	return name;
}
static void ask(int fd)
{
	OK(fcntl(fd, F_SETOWN, getpid()));
	OK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC));
}
static void ask_for_chosen(int fd)
{
	block(CHOSEN);
	OK(fcntl(fd, F_SETSIG, CHOSEN));
	ask(fd);
}

CASE(a_pipe_sends_sigio)
{
	int p[2];
	block(SIGIO);
	OK(pipe2(p, O_NONBLOCK));
	ask(p[0]);
	OUT("flags %#x", fcntl(p[0], F_GETFL) & O_ASYNC);
	tell("nothing yet", SIGIO, p[0]);
	OK(write(p[1], "a", 1));
	tell("after a write", SIGIO, p[0]);
	OK(write(p[1], "b", 1));
	tell("after another", SIGIO, p[0]);
	char c;
	OK(read(p[0], &c, 1));
	tell("after a read", SIGIO, p[0]);
	OK(fcntl(p[0], F_SETFL, O_NONBLOCK));
	OK(write(p[1], "c", 1));
	tell("no longer asked", SIGIO, p[0]);
}
CASE(a_pipe_sends_the_chosen_signal)
{
	int p[2];
	char buffer[4096] = {0};
	OK(pipe2(p, O_NONBLOCK));
	ask_for_chosen(p[0]);
	ask_for_chosen(p[1]);
	OK(write(p[1], "ab", 2));
	tell("write", CHOSEN, p[0]);
	OK(read(p[0], buffer, 1));
	tell("read", CHOSEN, p[0]);
	OK(read(p[0], buffer, 10));
	tell("read all", CHOSEN, p[0]);
	ERR(read(p[0], buffer, 10), EAGAIN);
	tell("read nothing", CHOSEN, p[0]);
	while (write(p[1], buffer, sizeof buffer) == sizeof buffer) {
		siginfo_t info;
		CHECK(take(CHOSEN, &info));
	}
	tell("full", CHOSEN, p[0]);
	OK(read(p[0], buffer, sizeof buffer));
	tell("room", CHOSEN, p[0]);
	OK(read(p[0], buffer, 0));
	OK(write(p[1], buffer, 0));
	tell("nothing moved", CHOSEN, p[0]);
	OK(close(p[1]));
	tell("writer gone", CHOSEN, p[0]);
}
CASE(a_pipe_whose_reader_goes)
{
	int p[2];
	OK(pipe(p));
	signal(SIGPIPE, SIG_IGN);
	ask_for_chosen(p[1]);
	OK(close(p[0]));
	tell("reader gone", CHOSEN, p[1]);
	ERR(write(p[1], "x", 1), EPIPE);
	tell("broken", CHOSEN, p[1]);
}
CASE(a_pipe_by_splice)
{
	int p[2], q[2];
	OK(pipe(p));
	OK(pipe(q));
	OK(write(p[1], "abc", 3));
	ask_for_chosen(q[0]);
	ask_for_chosen(p[1]);
	siginfo_t info;
	EQ(splice(p[0], 0, q[1], 0, 3, 0), 3);
	int in = 0, out = 0;
	while (take(CHOSEN, &info))
		info.si_fd == q[0] ? in++ : out++;
	CHECK(in > 0 && out >= 0);
	EQ(tee(q[0], p[1], 3, 0), 3);
}
CASE(a_fifo_open_for_both)
{
	const char *name = fifo();
	int fd = OK(open(name, O_RDWR));
	ask_for_chosen(fd);
	OK(write(fd, "abc", 3));
	char c[4];
	tell("write", CHOSEN, fd);
	EQ(read(fd, c, 4), 3);
	tell("read", CHOSEN, fd);
	unlink(name);
}
CASE(descriptors_and_copies)
{
	int p[2];
	OK(pipe(p));
	ask_for_chosen(p[0]);
	int copy = OK(dup(p[0]));
	OK(write(p[1], "x", 1));
	tell("by the first", CHOSEN, p[0]);
	/* Asked for again by the copy: the file has one entry, which names the copy now. */
	OK(fcntl(copy, F_SETFL, 0));
	OK(fcntl(copy, F_SETFL, O_ASYNC));
	OK(write(p[1], "x", 1));
	tell("by the copy", CHOSEN, p[0]);
	OUT("distance %d", copy - p[0]);
	OK(close(copy));
	OK(write(p[1], "x", 1));
	tell("copy closed", CHOSEN, p[0]);
	OK(close(p[0]));
	tell("closed", CHOSEN, p[0]);
}
CASE(two_files_of_one_fifo)
{
	const char *name = fifo();
	int one = OK(open(name, O_RDONLY | O_NONBLOCK)), two = OK(open(name, O_RDONLY | O_NONBLOCK));
	int writer = OK(open(name, O_WRONLY));
	ask_for_chosen(one);
	ask_for_chosen(two);
	OK(write(writer, "x", 1));
	tell("both", CHOSEN, one);
	OK(close(one));
	OK(write(writer, "x", 1));
	tell("one", CHOSEN, one);
	unlink(name);
}
CASE(nobody_is_named)
{
	int p[2];
	block(SIGIO);
	OK(pipe(p));
	OK(fcntl(p[0], F_SETFL, O_ASYNC));
	OK(write(p[1], "x", 1));
	tell("nobody", SIGIO, p[0]);
	EQ(fcntl(p[0], F_GETOWN), 0);
	OK(fcntl(p[0], F_SETOWN, getpid()));
	OK(write(p[1], "x", 1));
	tell("somebody", SIGIO, p[0]);
	OK(fcntl(p[0], F_SETOWN, 0));
	OK(write(p[1], "x", 1));
	tell("nobody again", SIGIO, p[0]);
}

static void tell_owner(const char *what, int fd)
{
	int owner[2] = {-9, -9};
	unsigned users[2] = {77, 77};
	int result = fcntl(fd, F_GETOWN_EX, owner);
	const char *who = owner[1] == 0 ? "nobody" : owner[1] == getpid() ? "self" : owner[1] == getpgrp() ? "group" : "other";
	int own = syscall(SYS_fcntl, fd, F_GETOWN, 0);
	OUT("%s: %d kind %d %s, F_GETOWN %s", what, result, owner[0], who,
	    own == 0 ? "0" : own == getpid() ? "self" : own < 0 ? "negative" : "other");
	int asked = fcntl(fd, GETOWNER_UIDS, users);
	OUT("%s: users %d %d %d", what, asked, (int)users[0], (int)users[1]);
}
CASE(owners_are_told)
{
	int p[2];
	OK(pipe(p));
	OK(setpgid(0, 0));
	tell_owner("at first", p[0]);
	OK(fcntl(p[0], F_SETOWN, getpid()));
	tell_owner("process", p[0]);
	OK(fcntl(p[0], F_SETOWN, -getpgrp()));
	tell_owner("group", p[0]);
	OK(fcntl(p[0], F_SETOWN, 0));
	tell_owner("none", p[0]);
	int owner[2] = {0, getpid()};
	OK(fcntl(p[0], F_SETOWN_EX, owner));
	tell_owner("thread", p[0]);
	owner[0] = 1;
	OK(fcntl(p[0], F_SETOWN_EX, owner));
	tell_owner("process by structure", p[0]);
	owner[0] = 2;
	OK(fcntl(p[0], F_SETOWN_EX, owner));
	tell_owner("group by structure", p[0]);
	owner[1] = 0;
	OK(fcntl(p[0], F_SETOWN_EX, owner));
	tell_owner("no group", p[0]);
	owner[0] = 0;
	OK(fcntl(p[0], F_SETOWN_EX, owner));
	tell_owner("no thread", p[0]);
}
CASE(owners_that_are_refused)
{
	int p[2], owner[2] = {3, 1};
	OK(pipe(p));
	ERR(fcntl(p[0], F_SETOWN, 0x7ffffff), ESRCH);
	ERR(fcntl(p[0], F_SETOWN, -0x7ffffff), ESRCH);
	ERR(fcntl(p[0], F_SETOWN, INT_MIN), EINVAL);
	ERR(fcntl(p[0], F_SETOWN_EX, owner), EINVAL);
	owner[0] = -1;
	ERR(fcntl(p[0], F_SETOWN_EX, owner), EINVAL);
	owner[0] = 1, owner[1] = -1;
	ERR(fcntl(p[0], F_SETOWN_EX, owner), ESRCH);
	owner[1] = 0x7ffffff;
	ERR(fcntl(p[0], F_SETOWN_EX, owner), ESRCH);
	owner[1] = INT_MIN;
	ERR(fcntl(p[0], F_SETOWN_EX, owner), ESRCH);
	ERR(fcntl(p[0], F_SETOWN_EX, (void *)8), EFAULT);
	ERR(fcntl(p[0], F_GETOWN_EX, (void *)8), EFAULT);
	ERR(fcntl(p[0], GETOWNER_UIDS, (void *)8), EFAULT);
	tell_owner("still", p[0]);
	/* A number that is no process group's. */
	pid_t child = sleeping_child();
	int result = fcntl(p[0], F_SETOWN, -child);
	OUT("no group: %d %s", result, errno_name(result ? errno : 0));
	tell_owner("no group", p[0]);
	end_child(child);
}
CASE(an_owner_that_has_ended)
{
	int p[2];
	OK(pipe(p));
	pid_t child = sleeping_child();
	OK(fcntl(p[0], F_SETOWN, child));
	EQ(fcntl(p[0], F_GETOWN), child);
	OK(fcntl(p[0], F_SETFL, O_ASYNC));
	end_child(child);
	OK(write(p[1], "x", 1));
	EQ(fcntl(p[0], F_GETOWN), 0);
	tell_owner("ended", p[0]);
}
CASE(signals_that_are_chosen)
{
	int p[2];
	OK(pipe(p));
	EQ(fcntl(p[0], F_GETSIG), 0);
	for (int number = -2; number <= 66; number++) {
		int result = fcntl(p[0], F_SETSIG, number);
		if (number < 2 || number > 63)
			OUT("%d: %d %s, then %d", number, result, errno_name(result ? errno : 0), fcntl(p[0], F_GETSIG));
	}
	OK(fcntl(p[0], F_SETSIG, SIGIO));
	EQ(fcntl(p[0], F_GETSIG), SIGIO);
}
static void each_signal(int number, int p[2])
{
	char c;
	block(number);
	OK(fcntl(p[0], F_SETSIG, number));
	OK(write(p[1], "x", 1));
	char what[32];
	snprintf(what, sizeof what, "signal %d", number);
	tell(what, number, p[0]);
	OK(read(p[0], &c, 1));
}
CASE(codes_of_signals_with_their_own)
{
	int p[2];
	OK(pipe(p));
	ask(p[0]);
	static const int numbers[] = {SIGIO, SIGUSR1, SIGTRAP, SIGCHLD, SIGSYS, SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGALRM, SIGCONT, SIGURG};
	for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
		each_signal(numbers[i], p);
}
CASE(a_full_queue_falls_back_to_sigio)
{
	int p[2];
	struct rlimit limit = {0, 0};
	OK(pipe(p));
	block(SIGIO);
	ask_for_chosen(p[0]);
	OK(setrlimit(RLIMIT_SIGPENDING, &limit));
	OK(write(p[1], "x", 1));
	tell("chosen", CHOSEN, p[0]);
	tell("fallback", SIGIO, p[0]);
	/* Signals that are pending once are not refused. */
	block(SIGUSR2);
	OK(fcntl(p[0], F_SETSIG, SIGUSR2));
	OK(write(p[1], "x", 1));
	tell("SIGUSR2", SIGUSR2, p[0]);
	tell("fallback", SIGIO, p[0]);
}
CASE(real_time_signals_queue)
{
	int p[2];
	OK(pipe(p));
	ask_for_chosen(p[0]);
	for (int i = 0; i < 5; i++)
		OK(write(p[1], "x", 1));
	tell("five writes", CHOSEN, p[0]);
}
CASE(a_group_gets_it)
{
	int p[2], ready[2];
	OK(pipe(p));
	OK(pipe(ready));
	OK(setpgid(0, 0));
	block(SIGIO);
	pid_t children[2];
	for (int i = 0; i < 2; i++) {
		children[i] = OK(fork());
		if (children[i] == 0) {
			siginfo_t info;
			char c;
			OK(read(ready[0], &c, 1));
			_exit(take(SIGIO, &info) ? 40 + (info.si_code == SI_KERNEL) : 1);
		}
	}
	OK(fcntl(p[0], F_SETOWN, -getpgrp()));
	OK(fcntl(p[0], F_SETFL, O_ASYNC));
	OK(write(p[1], "x", 1));
	OK(write(ready[1], "xx", 2));
	OUT("children: %d %d", exit_code(children[0]), exit_code(children[1]));
	tell("own", SIGIO, p[0]);
}
CASE(permission_is_of_who_named_the_owner)
{
	int p[2], go[2];
	OK(pipe(p));
	OK(pipe(go));
	block(SIGIO);
	if (getuid() != 0)
		SKIP("needs root");
	pid_t child = OK(fork());
	if (child == 0) {
		siginfo_t info;
		OK(setresuid(1001, 1001, 1001));
		OK(write(go[1], "r", 1));
		int seen = 0;
		for (int i = 0; i < 12; i++)
			seen += take(SIGIO, &info);
		_exit(seen);
	}
	char c;
	OK(read(go[0], &c, 1));
	/* Root names it. */
	OK(fcntl(p[0], F_SETOWN, child));
	OK(fcntl(p[0], F_SETFL, O_ASYNC));
	OK(write(p[1], "x", 1));
	sleep_ms(150);
	/* Another user names it: neither the real nor the effective user is the target's. */
	OK(setresuid(1002, 1002, 0));
	OK(fcntl(p[0], F_SETOWN, child));
	OK(setresuid(0, 0, 0));
	OK(write(p[1], "x", 1));
	sleep_ms(150);
	/* By the effective user alone, then by the real one alone. */
	OK(setresuid(1002, 1001, 0));
	OK(fcntl(p[0], F_SETOWN, child));
	OK(setresuid(0, 0, 0));
	OK(write(p[1], "x", 1));
	sleep_ms(150);
	OK(setresuid(1001, 1002, 0));
	OK(fcntl(p[0], F_SETOWN, child));
	unsigned users[2] = {0, 0};
	OK(fcntl(p[0], GETOWNER_UIDS, users));
	OUT("users %u %u", users[0], users[1]);
	OK(setresuid(0, 0, 0));
	OK(write(p[1], "x", 1));
	/* The signal is of the naming time: who writes, and who closes, does not count. */
	OUT("signals %d", exit_code(child));
}
CASE(kinds_without_such_signals)
{
	int on = 1, off = 0;
	sigset_t set;
	sigemptyset(&set);
	struct {
		const char *name;
		int fd;
	} files[] = {
		{"eventfd", eventfd(0, 0)},
		{"timerfd", timerfd_create(CLOCK_MONOTONIC, 0)},
		{"signalfd", signalfd(-1, &set, 0)},
		{"epoll", epoll_create1(0)},
		{"file", open("/proc/self/exe", O_RDONLY)},
		{"null", open("/dev/null", O_RDWR)},
		{"zero", open("/dev/zero", O_RDWR)},
		{"full", open("/dev/full", O_RDWR)},
		{"random", open("/dev/random", O_RDONLY)},
		{"urandom", open("/dev/urandom", O_RDONLY)},
		{"directory", open("/tmp", O_RDONLY)},
		{"proc", open("/proc/self/stat", O_RDONLY)},
		{"memfd", syscall(SYS_memfd_create, "m", 0)},
	};
	for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
		int fd = files[i].fd;
		CHECK(fd >= 0);
		int set_result = fcntl(fd, F_SETFL, O_ASYNC), flags = fcntl(fd, F_GETFL) & O_ASYNC;
		int again = ioctl(fd, FIOASYNC, &on), on_errno = again ? errno : 0;
		int after = fcntl(fd, F_GETFL) & O_ASYNC;
		int gone = ioctl(fd, FIOASYNC, &off), off_errno = gone ? errno : 0;
		OUT("%s: F_SETFL %d then %#x, FIOASYNC %d %s then %#x, off %d %s then %#x", files[i].name, set_result, flags, again,
		    errno_name(on_errno), after, gone, errno_name(off_errno), fcntl(fd, F_GETFL) & O_ASYNC);
	}
	ERR(ioctl(files[0].fd, FIOASYNC, (int *)8), EFAULT);
}
CASE(fioasync)
{
	int p[2], on = 2, off = 0;
	OK(pipe(p));
	ask_for_chosen(p[0]);
	OK(ioctl(p[0], FIOASYNC, &off));
	EQ(fcntl(p[0], F_GETFL) & O_ASYNC, 0);
	OK(write(p[1], "x", 1));
	tell("off", CHOSEN, p[0]);
	OK(ioctl(p[0], FIOASYNC, &on));
	EQ(fcntl(p[0], F_GETFL) & O_ASYNC, O_ASYNC);
	OK(write(p[1], "x", 1));
	tell("on", CHOSEN, p[0]);
	ERR(ioctl(p[0], FIOASYNC, (int *)8), EFAULT);
}
CASE(o_async_at_open_asks_for_nothing)
{
	const char *name = fifo();
	int fd = OK(open(name, O_RDWR | O_ASYNC | O_NONBLOCK));
	OUT("flags %#x", fcntl(fd, F_GETFL) & O_ASYNC);
	block(CHOSEN);
	OK(fcntl(fd, F_SETSIG, CHOSEN));
	OK(fcntl(fd, F_SETOWN, getpid()));
	OK(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK));
	OK(write(fd, "x", 1));
	tell("set before", CHOSEN, fd);
	OK(fcntl(fd, F_SETFL, O_NONBLOCK));
	OK(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK));
	OK(write(fd, "x", 1));
	tell("set anew", CHOSEN, fd);
	unlink(name);
}
CASE(path_descriptors)
{
	int fd = OK(open("/tmp", O_PATH)), owner[2] = {0, 0}, on = 1;
	ERR(fcntl(fd, F_SETOWN, getpid()), EBADF);
	ERR(fcntl(fd, F_GETOWN), EBADF);
	ERR(fcntl(fd, F_SETSIG, SIGIO), EBADF);
	ERR(fcntl(fd, F_GETSIG), EBADF);
	ERR(fcntl(fd, F_GETOWN_EX, owner), EBADF);
	ERR(fcntl(fd, F_SETFL, O_ASYNC), EBADF);
	ERR(ioctl(fd, FIOASYNC, &on), EBADF);
}

static void stream_pair(int type, const char *name)
{
	int s[2];
	char buffer[70000] = {0}, what[40];
	OK(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, s));
	ask_for_chosen(s[0]);
#define SAY(text) (snprintf(what, sizeof what, "%s %s", name, text), tell(what, CHOSEN, s[0]))
	OK(write(s[1], "abc", 3));
	SAY("arrives");
	OK(write(s[1], "abc", 3));
	SAY("again");
	OK(read(s[0], buffer, 1));
	SAY("read");
	OK(write(s[0], "x", 1));
	OK(read(s[1], buffer, 1));
	SAY("own message read");
	while (send(s[0], buffer, 4096, 0) == 4096) {
	}
	SAY("own messages fill the queue");
	while (recv(s[1], buffer, sizeof buffer, 0) > 0) {
	}
	SAY("own messages were read");
	OK(shutdown(s[1], SHUT_WR));
	SAY("other shut to write");
	OK(shutdown(s[1], SHUT_RD));
	SAY("other shut to read");
	OK(close(s[1]));
	SAY("other closed");
	OK(close(s[0]));
}
CASE(stream_sockets)
{
	stream_pair(SOCK_STREAM, "stream");
}
CASE(packet_sockets)
{
	stream_pair(SOCK_SEQPACKET, "packets");
}
CASE(datagram_sockets)
{
	stream_pair(SOCK_DGRAM, "datagram");
}
CASE(a_socket_shut_for_both)
{
	int s[2];
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	ask_for_chosen(s[0]);
	ask_for_chosen(s[1]);
	OK(shutdown(s[1], SHUT_RDWR));
	tell("both ways", CHOSEN, s[0]);
}
CASE(a_listener_hears_of_connections)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0signal_io"};
	int listener = OK(socket(AF_UNIX, SOCK_STREAM, 0)), client = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	OK(bind(listener, (void *)&name, 12));
	OK(listen(listener, 5));
	ask_for_chosen(listener);
	OK(connect(client, (void *)&name, 12));
	tell("connection", CHOSEN, listener);
	int accepted = OK(accept(listener, 0, 0));
	OUT("accepted: flags %#x owner %d", fcntl(accepted, F_GETFL) & O_ASYNC, fcntl(accepted, F_GETOWN));
}
CASE(a_socket_shuts_while_a_reader_sleeps)
{
	int s[2];
	block(SIGIO);
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	ask(s[0]);
	pid_t child = OK(fork());
	if (child == 0) {
		char c;
		EQ(read(s[0], &c, 1), 1);
		_exit(0);
	}
	sleep_ms(100);
	OK(write(s[1], "x", 1));
	EQ(exit_code(child), 0);
	/* Whether a signal is sent depends on how soon the reader has the byte. */
	siginfo_t info;
	NOTE("signal %d", take(SIGIO, &info));
}
CASE(urgent_bytes)
{
	int s[2];
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	block(SIGURG);
	block(SIGIO);
	/* Nobody is named. */
	EQ(send(s[1], "a", 1, MSG_OOB), 1);
	tell("nobody", SIGURG, s[0]);
	/* Without O_ASYNC. */
	OK(fcntl(s[0], F_SETOWN, getpid()));
	EQ(send(s[1], "ab", 2, MSG_OOB), 2);
	tell("named", SIGURG, s[0]);
	tell("named, SIGIO", SIGIO, s[0]);
	OK(fcntl(s[0], F_SETFL, O_ASYNC));
	EQ(send(s[1], "a", 1, MSG_OOB), 1);
	tell("asked", SIGURG, s[0]);
	tell("asked, SIGIO", SIGIO, s[0]);
	ask_for_chosen(s[0]);
	EQ(send(s[1], "a", 1, MSG_OOB), 1);
	tell("chosen", SIGURG, s[0]);
	tell("chosen, CHOSEN", CHOSEN, s[0]);
}
CASE(owners_of_sockets_by_ioctl)
{
	int s[2], id = getpid(), got = 0;
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	OK(ioctl(s[0], FIOSETOWN, &id));
	OK(ioctl(s[0], FIOGETOWN, &got));
	EQ(got, id);
	EQ(fcntl(s[0], F_GETOWN), id);
	OK(setpgid(0, 0));
	id = -getpgrp();
	OK(ioctl(s[0], SIOCSPGRP, &id));
	OK(ioctl(s[0], SIOCGPGRP, &got));
	EQ(got, id);
	tell_owner("group", s[0]);
	id = 0x7ffffff;
	ERR(ioctl(s[0], FIOSETOWN, &id), ESRCH);
	id = INT_MIN;
	ERR(ioctl(s[0], SIOCSPGRP, &id), EINVAL);
	ERR(ioctl(s[0], FIOSETOWN, (int *)8), EFAULT);
	ERR(ioctl(s[0], FIOGETOWN, (int *)8), EFAULT);
	ERR(ioctl(s[0], SIOCSPGRP, (int *)8), EFAULT);
	ERR(ioctl(s[0], SIOCGPGRP, (int *)8), EFAULT);
	int p[2];
	OK(pipe(p));
	ERR(ioctl(p[0], FIOSETOWN, &id), ENOTTY);
	ERR(ioctl(p[0], FIOGETOWN, &got), ENOTTY);
	/* The number of a group whose processes are other ones'. */
	id = 0;
	OK(ioctl(s[0], FIOSETOWN, &id));
	OK(ioctl(s[0], FIOGETOWN, &got));
	EQ(got, 0);
}

static void raw(int fd)
{
	struct termios settings;
	OK(tcgetattr(fd, &settings));
	cfmakeraw(&settings);
	OK(tcsetattr(fd, TCSANOW, &settings));
}
CASE(terminals)
{
	int master, slave;
	char buffer[64];
	OK(openpty(&master, &slave, 0, 0, 0));
	struct termios settings;
	OK(tcgetattr(slave, &settings));
	settings.c_lflag &= ~ECHO;
	OK(tcsetattr(slave, TCSANOW, &settings));
	block(SIGIO);
	OK(fcntl(slave, F_SETFL, O_ASYNC));
	tell_owner("terminal", slave);
	OK(write(master, "abc", 3));
	tell("part of a line", SIGIO, slave);
	OK(write(master, "\n", 1));
	tell("line", SIGIO, slave);
	OK(read(slave, buffer, sizeof buffer));
	OK(write(master, "\004", 1));
	tell("end of file", SIGIO, slave);
	EQ(read(slave, buffer, sizeof buffer), 0);
	raw(slave);
	OK(write(master, "d", 1));
	tell("raw", SIGIO, slave);
	OK(fcntl(slave, F_SETFL, 0));
	OK(write(master, "d", 1));
	tell("not asked", SIGIO, slave);
}
CASE(terminals_with_information)
{
	int master, slave;
	OK(openpty(&master, &slave, 0, 0, 0));
	raw(slave);
	ask_for_chosen(slave);
	OK(write(master, "d", 1));
	tell("raw", CHOSEN, slave);
}
CASE(masters)
{
	int master, slave;
	OK(openpty(&master, &slave, 0, 0, 0));
	raw(slave);
	block(SIGIO);
	OK(fcntl(master, F_SETFL, O_ASYNC));
	tell_owner("master", master);
	OK(write(slave, "abc", 3));
	tell("slave writes", SIGIO, master);
	char c[8];
	OK(read(master, c, sizeof c));
	tell("master reads", SIGIO, master);
	OK(write(master, "abc", 3));
	tell("master writes", SIGIO, master);
}
CASE(a_terminal_names_its_foreground_group)
{
	int master, slave;
	OK(openpty(&master, &slave, 0, 0, 0));
	pid_t child = OK(fork());
	if (child == 0) {
		OK(setsid());
		OK(ioctl(slave, TIOCSCTTY, 0));
		OK(fcntl(slave, F_SETFL, O_ASYNC));
		tell_owner("controlling", slave);
		/* Whoever is named stays. */
		OK(fcntl(slave, F_SETFL, 0));
		OK(fcntl(slave, F_SETOWN, getpid()));
		OK(fcntl(slave, F_SETFL, O_ASYNC));
		tell_owner("named before", slave);
		_exit(0);
	}
	EQ(exit_code(child), 0);
}
CASE(a_slave_hears_of_room)
{
	int master, slave;
	static char buffer[65536];
	OK(openpty(&master, &slave, 0, 0, 0));
	raw(slave);
	block(SIGIO);
	OK(fcntl(slave, F_SETFL, O_ASYNC | O_NONBLOCK));
	OK(fcntl(master, F_SETFL, O_NONBLOCK));
	while (write(slave, buffer, sizeof buffer) > 0) {
	}
	tell("full", SIGIO, slave);
	for (int idle = 0; idle < 20;) {
		if (read(master, buffer, sizeof buffer) > 0)
			idle = 0;
		else
			idle++, sleep_ms(5);
	}
	tell("room", SIGIO, slave);
}
CASE(a_hung_up_terminal)
{
	int master, slave;
	block(SIGIO);
	signal(SIGHUP, SIG_IGN);
	OK(openpty(&master, &slave, 0, 0, 0));
	OK(fcntl(slave, F_SETFL, O_ASYNC));
	OK(close(master));
	tell("hung up", SIGIO, slave);
	int result = fcntl(slave, F_SETFL, 0);
	OUT("off: %d %s", result, errno_name(result ? errno : 0));
	result = fcntl(slave, F_SETFL, O_ASYNC);
	OUT("on: %d %s", result, errno_name(result ? errno : 0));
}
CASE(a_handler_runs)
{
	int p[2];
	OK(pipe(p));
	CATCH(SIGIO, 0);
	pid_t child = OK(fork());
	if (child == 0) {
		ask(p[0]);
		OK(write(p[1], "go", 2));
		_exit(4);
	}
	EQ(exit_code(child), 4);
	signal(SIGIO, SIG_DFL);
	DIES(SIGIO, ask(p[0]); OK(write(p[1], "x", 1)));
}
CASE(a_child_keeps_the_request)
{
	int p[2];
	OK(pipe(p));
	block(SIGIO);
	ask(p[0]);
	/* The file is the parent's still, and so is the signal. */
	IN_CHILD(OK(close(p[0])));
	IN_CHILD(OK(write(p[1], "x", 1)));
	tell("child wrote", SIGIO, p[0]);
}
