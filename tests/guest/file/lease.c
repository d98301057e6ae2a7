/*
 * Leases, "Leases" in fcntl(2): who may have one, what breaks it, what its holder is told and how long others wait.
 */
#include "../check.h"
#include <linux/capability.h>
#include <sys/prctl.h>

#define CHOSEN (SIGRTMIN + 3)
#define CAPABILITY_LEASE 28

static char path[64];
static int file(int flags)
{
	snprintf(path, sizeof path, "/tmp/lease-%d", getpid());
	int made = OK(open(path, O_CREAT | O_RDWR, 0666));
	EQ(write(made, "text", 4), 4);
	OK(close(made));
	return OK(open(path, flags));
}
static void block(int signal)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
}
static int take(int signal, siginfo_t *info, long milliseconds)
{
	struct timespec wait = {milliseconds / 1000, milliseconds % 1000 * 1000000};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	memset(info, 0, sizeof *info);
	return sigtimedwait(&set, info, &wait) == signal;
}
static const char *kind(int lease)
{
	return lease == F_RDLCK ? "read" : lease == F_WRLCK ? "write" : lease == F_UNLCK ? "none" : "?";
}
static void tell(const char *what, int fd)
{
	siginfo_t info;
	while (take(CHOSEN, &info, 100))
		OUT("%s: code %d band %#lx descriptor %s", what, info.si_code, (long)info.si_band, info.si_fd == fd ? "own" : "other");
	OUT("%s: lease %s", what, kind(fcntl(fd, F_GETLEASE)));
}
static void choose(int fd)
{
	block(CHOSEN);
	OK(fcntl(fd, F_SETSIG, CHOSEN));
}
static void result(const char *what, int value)
{
	OUT("%s: %s", what, value < 0 ? errno_name(errno) : "ok");
}
static void set_break_time(int seconds)
{
	char text[16];
	int fd = open("/proc/sys/fs/lease-break-time", O_WRONLY);
	if (fd < 0)
		SKIP("the break time cannot be set");
	snprintf(text, sizeof text, "%d", seconds);
	OK(write(fd, text, strlen(text)));
	OK(close(fd));
}

CASE(kinds_by_open_mode)
{
	static const struct {
		int flags;
		const char *name;
	} modes[] = {{O_RDONLY, "read"}, {O_WRONLY, "write"}, {O_RDWR, "both"}};
	for (int i = 0; i < 3; i++)
		for (int type = 0; type < 3; type++) {
			int fd = file(modes[i].flags);
			int value = fcntl(fd, F_SETLEASE, type == 2 ? F_UNLCK : type == 1 ? F_WRLCK : F_RDLCK), error = errno;
			OUT("opened to %s, %s: %s, then %s", modes[i].name, kind(type), value < 0 ? errno_name(error) : "ok",
			    kind(fcntl(fd, F_GETLEASE)));
			close(fd);
			unlink(path);
		}
}
CASE(changes_of_kind)
{
	int fd = file(O_RDONLY);
	EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
	result("write", fcntl(fd, F_SETLEASE, F_WRLCK));
	EQ(fcntl(fd, F_GETLEASE), F_WRLCK);
	result("read", fcntl(fd, F_SETLEASE, F_RDLCK));
	EQ(fcntl(fd, F_GETLEASE), F_RDLCK);
	result("read again", fcntl(fd, F_SETLEASE, F_RDLCK));
	result("write again", fcntl(fd, F_SETLEASE, F_WRLCK));
	EQ(fcntl(fd, F_GETLEASE), F_WRLCK);
	result("none", fcntl(fd, F_SETLEASE, F_UNLCK));
	EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
	result("none again", fcntl(fd, F_SETLEASE, F_UNLCK));
	unlink(path);
}
CASE(files_open_elsewhere)
{
	int fd = file(O_RDONLY), other = OK(open(path, O_RDONLY));
	result("write, another reads", fcntl(fd, F_SETLEASE, F_WRLCK));
	result("read, another reads", fcntl(fd, F_SETLEASE, F_RDLCK));
	result("the other one, read", fcntl(other, F_SETLEASE, F_RDLCK));
	result("upgrade beside another lease", fcntl(fd, F_SETLEASE, F_WRLCK));
	OK(close(other));
	result("upgrade alone", fcntl(fd, F_SETLEASE, F_WRLCK));
	OK(fcntl(fd, F_SETLEASE, F_UNLCK));
	other = OK(open(path, O_WRONLY));
	result("read, another writes", fcntl(fd, F_SETLEASE, F_RDLCK));
	result("write, another writes", fcntl(fd, F_SETLEASE, F_WRLCK));
	OK(close(other));
	/* A name only is no use of the file. */
	other = OK(open(path, O_PATH));
	result("write, a path", fcntl(fd, F_SETLEASE, F_WRLCK));
	OK(fcntl(fd, F_SETLEASE, F_UNLCK));
	OK(close(other));
	/* Another descriptor of the same open file is none either. */
	other = OK(dup(fd));
	result("write, a copy", fcntl(fd, F_SETLEASE, F_WRLCK));
	EQ(fcntl(other, F_GETLEASE), F_WRLCK);
	OK(close(fd));
	EQ(fcntl(other, F_GETLEASE), F_WRLCK);
	result("given up by the copy", fcntl(other, F_SETLEASE, F_UNLCK));
	/* A mapping keeps the file open. */
	fd = OK(open(path, O_RDONLY));
	OK(close(other));
	void *map = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	OK(close(fd));
	fd = OK(open(path, O_RDONLY));
	result("write, a mapping", fcntl(fd, F_SETLEASE, F_WRLCK));
	OK(munmap(map, 4096));
	result("write, unmapped", fcntl(fd, F_SETLEASE, F_WRLCK));
	unlink(path);
}
CASE(what_has_no_leases)
{
	int p[2];
	OK(pipe(p));
	ERR(fcntl(p[0], F_SETLEASE, F_RDLCK), EINVAL);
	ERR(fcntl(p[0], F_SETLEASE, F_UNLCK), EINVAL);
	EQ(fcntl(p[0], F_GETLEASE), F_UNLCK);
	int directory = OK(open("/tmp", O_RDONLY));
	ERR(fcntl(directory, F_SETLEASE, F_RDLCK), EINVAL);
	int null = OK(open("/dev/null", O_RDONLY));
	ERR(fcntl(null, F_SETLEASE, F_RDLCK), EINVAL);
	int fd = file(O_RDONLY);
	ERR(fcntl(fd, F_SETLEASE, 3), EINVAL);
	ERR(fcntl(fd, F_SETLEASE, -1), EINVAL);
	ERR(fcntl(fd, F_SETLEASE, 4), EINVAL);
	int name = OK(open(path, O_PATH));
	ERR(fcntl(name, F_SETLEASE, F_RDLCK), EBADF);
	ERR(fcntl(name, F_GETLEASE), EBADF);
	int memory = OK(syscall(SYS_memfd_create, "m", 0));
	result("memfd, read", fcntl(memory, F_SETLEASE, F_RDLCK));
	result("memfd, write", fcntl(memory, F_SETLEASE, F_WRLCK));
	unlink(path);
}
static void set_capability(int number, int on)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
	if (on)
		data[number / 32].effective = data[number / 32].permitted = 1u << number % 32;
	OK(syscall(SYS_capset, &header, data));
}
CASE(the_capability)
{
	if (getuid() != 0)
		SKIP("needs root");
	int fd = file(O_RDONLY);
	OK(fchmod(fd, 0666));
	/* Somebody else's file. */
	IN_CHILD({
		OK(prctl(PR_SET_KEEPCAPS, 1));
		OK(setresuid(1001, 1001, 1001));
		set_capability(CAPABILITY_LEASE, 0);
		ERR(fcntl(fd, F_SETLEASE, F_RDLCK), EACCES);
		ERR(fcntl(fd, F_SETLEASE, F_UNLCK), EACCES);
		ERR(fcntl(fd, F_SETLEASE, 7), EINVAL);
		int p[2];
		OK(pipe(p));
		ERR(fcntl(p[0], F_SETLEASE, F_RDLCK), EINVAL);
	});
	IN_CHILD({
		OK(prctl(PR_SET_KEEPCAPS, 1));
		OK(setresuid(1001, 1001, 1001));
		set_capability(CAPABILITY_LEASE, 1);
		OK(fcntl(fd, F_SETLEASE, F_RDLCK));
		OK(fcntl(fd, F_SETLEASE, F_UNLCK));
	});
	/* The owner needs none. */
	OK(fchown(fd, 1001, 1001));
	IN_CHILD({
		OK(setresuid(1001, 1001, 1001));
		OK(fcntl(fd, F_SETLEASE, F_RDLCK));
		OK(fcntl(fd, F_SETLEASE, F_UNLCK));
	});
	unlink(path);
}
CASE(opens_without_waiting)
{
	int fd = file(O_RDONLY);
	choose(fd);
	OK(fcntl(fd, F_SETLEASE, F_WRLCK));
	EQ(fcntl(fd, F_GETOWN), getpid());
	ERR(open(path, O_RDONLY | O_NONBLOCK), EWOULDBLOCK);
	tell("a reader", fd);
	ERR(open(path, O_RDONLY | O_NONBLOCK), EWOULDBLOCK);
	tell("another reader", fd);
	ERR(open(path, O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	tell("a writer", fd);
	ERR(open(path, O_RDWR | O_NONBLOCK), EWOULDBLOCK);
	tell("another writer", fd);
	result("given up", fcntl(fd, F_SETLEASE, F_UNLCK));
	OK(open(path, O_RDONLY | O_NONBLOCK));
	EQ(fcntl(fd, F_GETSIG), 0);
	EQ(fcntl(fd, F_GETOWN), 0);
	unlink(path);
}
CASE(a_read_lease_and_readers)
{
	int fd = file(O_RDONLY);
	choose(fd);
	OK(fcntl(fd, F_SETLEASE, F_RDLCK));
	OK(close(OK(open(path, O_RDONLY | O_NONBLOCK))));
	tell("a reader", fd);
	ERR(open(path, O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	tell("a writer", fd);
	/* It is to be given up: nothing else will do. */
	result("asked for again", fcntl(fd, F_SETLEASE, F_RDLCK));
	tell("asked for again", fd);
	ERR(open(path, O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	int other = OK(open(path, O_RDONLY));
	result("another file's, while it is broken", fcntl(other, F_SETLEASE, F_RDLCK));
	OK(fcntl(fd, F_SETLEASE, F_UNLCK));
	OK(open(path, O_WRONLY | O_NONBLOCK));
	unlink(path);
}
CASE(downgrade_lets_readers_in)
{
	int fd = file(O_RDONLY);
	choose(fd);
	OK(fcntl(fd, F_SETLEASE, F_WRLCK));
	ERR(open(path, O_RDONLY | O_NONBLOCK), EWOULDBLOCK);
	tell("broken", fd);
	OK(fcntl(fd, F_SETLEASE, F_RDLCK));
	tell("downgraded", fd);
	OK(open(path, O_RDONLY | O_NONBLOCK));
	tell("opened", fd);
	unlink(path);
}
CASE(truncation)
{
	int fd = file(O_RDONLY);
	choose(fd);
	OK(fcntl(fd, F_SETLEASE, F_RDLCK));
	ERR(open(path, O_RDWR | O_TRUNC | O_NONBLOCK), EWOULDBLOCK);
	tell("O_TRUNC", fd);
	struct stat status;
	OK(fstat(fd, &status));
	EQ(status.st_size, 4);
	OK(fcntl(fd, F_SETLEASE, F_UNLCK));
	choose(fd);
	OK(fcntl(fd, F_SETLEASE, F_RDLCK));
	int reader = open(path, O_RDONLY | O_TRUNC | O_NONBLOCK);
	result("O_RDONLY and O_TRUNC", reader);
	tell("O_RDONLY and O_TRUNC", fd);
	OK(chmod(path, 0600));
	OK(utimensat(AT_FDCWD, path, 0, 0));
	tell("other changes", fd);
	unlink(path);
}
static long long holder(int fd, int change, int delay, int waiter_flags, int truncates, int *value)
{
	int p[2];
	long long took = 0;
	OK(pipe(p));
	pid_t child = OK(fork());
	if (child == 0) {
		long long before = now_ns();
		int made = truncates ? truncate(path, 1) : open(path, waiter_flags);
		int error = made < 0 ? errno : 0;
		took = now_ns() - before;
		OK(write(p[1], &took, sizeof took));
		OK(write(p[1], &error, sizeof error));
		_exit(0);
	}
	siginfo_t info;
	CHECK(take(CHOSEN, &info, 3000));
	OUT("told: code %d", info.si_code);
	sleep_ms(delay);
	if (change == -1)
		OK(close(fd));
	else if (change != -2)
		result("changed", fcntl(fd, F_SETLEASE, change));
	EQ(read(p[0], &took, sizeof took), sizeof took);
	EQ(read(p[0], value, sizeof *value), sizeof *value);
	EQ(exit_code(child), 0);
	return took / 1000000;
}
static void waits(const char *what, int lease, int change, int flags, int truncates)
{
	int error = 0, fd = file(O_RDONLY);
	choose(fd);
	OK(fcntl(fd, F_SETLEASE, lease));
	/* The file is the child's too, so closing alone ends nothing: it closes its own by the end. */
	long long took = holder(fd, change, 200, flags, truncates, &error);
	OUT("%s: %s, %s", what, errno_name(error), took >= 150 && took < 15000 ? "waited" : "did not wait");
	NOTE("%s: %lld ms", what, took);
	if (change != -1)
		OUT("%s: lease %s", what, kind(fcntl(fd, F_GETLEASE)));
	unlink(path);
}
CASE(a_reader_waits_for_a_downgrade)
{
	waits("downgrade", F_WRLCK, F_RDLCK, O_RDONLY, 0);
}
CASE(a_reader_waits_for_the_end)
{
	waits("removal", F_WRLCK, F_UNLCK, O_RDONLY, 0);
}
CASE(a_writer_waits_for_the_end)
{
	waits("removal", F_RDLCK, F_UNLCK, O_WRONLY, 0);
}
CASE(a_writer_is_not_content_with_a_downgrade)
{
	int error = 0, fd = file(O_RDONLY);
	set_break_time(1);
	choose(fd);
	OK(fcntl(fd, F_SETLEASE, F_WRLCK));
	long long took = holder(fd, F_RDLCK, 100, O_WRONLY, 0, &error);
	OUT("%s, %s", errno_name(error), took >= 700 ? "until the time was up" : "early");
	OUT("lease %s", kind(fcntl(fd, F_GETLEASE)));
	set_break_time(45);
	unlink(path);
}
CASE(truncate_waits)
{
	waits("truncate", F_RDLCK, F_UNLCK, 0, 1);
}
CASE(the_time_is_up_for_a_reader)
{
	int error = 0, fd = file(O_RDONLY);
	set_break_time(1);
	choose(fd);
	OK(fcntl(fd, F_SETLEASE, F_WRLCK));
	long long took = holder(fd, -2, 0, O_RDONLY, 0, &error);
	OUT("%s, %s", errno_name(error), took >= 700 && took < 5000 ? "after the time" : "at another time");
	OUT("lease %s", kind(fcntl(fd, F_GETLEASE)));
	set_break_time(45);
	unlink(path);
}
CASE(the_time_is_up_for_a_writer)
{
	int error = 0, fd = file(O_RDONLY);
	set_break_time(1);
	choose(fd);
	OK(fcntl(fd, F_SETLEASE, F_RDLCK));
	long long took = holder(fd, -2, 0, O_WRONLY, 0, &error);
	OUT("%s, %s", errno_name(error), took >= 700 && took < 5000 ? "after the time" : "at another time");
	OUT("lease %s", kind(fcntl(fd, F_GETLEASE)));
	EQ(fcntl(fd, F_GETSIG), 0);
	result("given up afterwards", fcntl(fd, F_SETLEASE, F_UNLCK));
	set_break_time(45);
	unlink(path);
}
static void a_signal_ends_the_wait(int flags)
{
	int fd = file(O_RDONLY);
	choose(fd);
	OK(fcntl(fd, F_SETLEASE, F_WRLCK));
	CATCH(SIGALRM, flags);
	alarm_ms(200);
	if (flags & SA_RESTART) {
		pid_t child = OK(fork());
		if (child == 0) {
			sleep_ms(500);
			OK(fcntl(fd, F_SETLEASE, F_UNLCK));
			_exit(0);
		}
		result("restarted", open(path, O_RDONLY));
		EQ(exit_code(child), 0);
	} else {
		ERR(open(path, O_RDONLY), EINTR);
		tell("interrupted", fd);
	}
	unlink(path);
}
CASE(a_signal_interrupts)
{
	a_signal_ends_the_wait(0);
}
CASE(a_signal_restarts)
{
	a_signal_ends_the_wait(SA_RESTART);
}
CASE(the_end_of_the_file_ends_it)
{
	int fd = file(O_RDONLY);
	OK(fcntl(fd, F_SETLEASE, F_WRLCK));
	int copy = OK(dup(fd));
	OK(close(fd));
	block(SIGIO);
	ERR(open(path, O_RDONLY | O_NONBLOCK), EWOULDBLOCK);
	OK(close(copy));
	OK(open(path, O_RDONLY | O_NONBLOCK));
	unlink(path);
}
CASE(a_child_shares_it)
{
	int fd = file(O_RDONLY);
	OK(fcntl(fd, F_SETLEASE, F_WRLCK));
	IN_CHILD({
		EQ(fcntl(fd, F_GETLEASE), F_WRLCK);
		OK(close(fd));
	});
	EQ(fcntl(fd, F_GETLEASE), F_WRLCK);
	IN_CHILD(OK(fcntl(fd, F_SETLEASE, F_UNLCK)));
	EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
	unlink(path);
}
CASE(sigio_kills_who_does_not_expect_it)
{
	int fd = file(O_RDONLY);
	DIES(SIGIO, OK(fcntl(fd, F_SETLEASE, F_WRLCK)); open(path, O_RDONLY));
	unlink(path);
}
CASE(owners_that_were_named_stay)
{
	int fd = file(O_RDONLY);
	pid_t child = sleeping_child();
	OK(fcntl(fd, F_SETOWN, child));
	OK(fcntl(fd, F_SETLEASE, F_RDLCK));
	EQ(fcntl(fd, F_GETOWN), child);
	OK(fcntl(fd, F_SETLEASE, F_UNLCK));
	EQ(fcntl(fd, F_GETOWN), 0);
	end_child(child);
	unlink(path);
}
CASE(programs)
{
	snprintf(path, sizeof path, "/tmp/lease-%d", getpid());
	int in = OK(open("/proc/self/exe", O_RDONLY)), out = OK(open(path, O_CREAT | O_WRONLY, 0755));
	for (char buffer[65536];;) {
		ssize_t count = OK(read(in, buffer, sizeof buffer));
		if (count == 0)
			break;
		EQ(write(out, buffer, count), count);
	}
	OK(close(out));
	int fd = OK(open(path, O_RDONLY));
	choose(fd);
	OK(fcntl(fd, F_SETLEASE, F_WRLCK));
	pid_t child = OK(fork());
	if (child == 0) {
		execl(path, path, "--list", (char *)0);
		_exit(1);
	}
	siginfo_t info;
	CHECK(take(CHOSEN, &info, 3000));
	OUT("told: code %d", info.si_code);
	/* Nothing of what the program prints is to be seen. */
	OK(kill(child, SIGKILL));
	EQ(death_signal(child), SIGKILL);
	OK(fcntl(fd, F_SETLEASE, F_UNLCK));
	int own = OK(open("/proc/self/exe", O_RDONLY));
	result("of a running program, write", fcntl(own, F_SETLEASE, F_WRLCK));
	result("of a running program, read", fcntl(own, F_SETLEASE, F_RDLCK));
	unlink(path);
}
CASE(no_leases_at_all)
{
	int control = open("/proc/sys/fs/leases-enable", O_WRONLY), fd = file(O_RDONLY);
	if (control < 0)
		SKIP("leases cannot be turned off");
	OK(write(control, "0", 1));
	int value = fcntl(fd, F_SETLEASE, F_RDLCK), error = errno;
	OK(pwrite(control, "1", 1, 0));
	OUT("disabled: %s", value < 0 ? errno_name(error) : "ok");
	unlink(path);
}
/* What /proc/locks says of this file, without the number of the entry and what differs from run to run. */
static void tell_locks(const char *what, int fd)
{
	static char text[65536];
	struct stat status;
	char inode[64], *line, *rest = text;
	OK(fstat(fd, &status));
	snprintf(inode, sizeof inode, ":%llu 0 EOF", (unsigned long long)status.st_ino);
	CHECK(read_file("/proc/locks", text, sizeof text) >= 0);
	int count = 0;
	while ((line = strsep(&rest, "\n"))) {
		char first[32], second[32], third[32];
		int process;
		if (!strstr(line, inode) || sscanf(line, "%*d: %31s %31s %31s %d", first, second, third, &process) != 4)
			continue;
		count++;
		OUT("%s: %s %s %s %s", what, first, second, third, process == getpid() ? "own" : "other");
	}
	OUT("%s: %d", what, count);
}
CASE(proc_locks)
{
	int fd = file(O_RDONLY);
	choose(fd);
	tell_locks("before", fd);
	OK(fcntl(fd, F_SETLEASE, F_WRLCK));
	tell_locks("write", fd);
	ERR(open(path, O_RDONLY | O_NONBLOCK), EWOULDBLOCK);
	tell_locks("to be downgraded", fd);
	ERR(open(path, O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	tell_locks("to be given up", fd);
	OK(fcntl(fd, F_SETLEASE, F_UNLCK));
	tell_locks("none", fd);
	OK(fcntl(fd, F_SETLEASE, F_RDLCK));
	tell_locks("read", fd);
	char name[64], text[1024];
	snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
	CHECK(read_file(name, text, sizeof text) > 0);
	char first[32], second[32], third[32], *line = strstr(text, "lock:");
	CHECK(line != 0);
	EQ(sscanf(line, "lock:\t1: %31s %31s %31s", first, second, third), 3);
	OUT("fdinfo: %s %s %s", first, second, third);
	unlink(path);
}
