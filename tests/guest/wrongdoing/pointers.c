/* Wild pointers to every call that takes one: -EFAULT (or what Linux checks first), never harm; buffers that straddle an unmapped page. */
#include "../check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#define PAGE 4096

/* P stands for the pointer under test; F for a descriptor of a file with bytes, S for a string, B for a good buffer. */
enum { P = -1001, F = -1002, S = -1003, B = -1004, PIPE_IN = -1005, PIPE_OUT = -1006, EMPTY = -1007 };

struct call {
	const char *name;
	long number;
	long arguments[6];
};

#define CALL(name, ...) {#name, SYS_##name, {__VA_ARGS__}}
static const struct call calls[] = {
	CALL(read, F, P, 16),
	CALL(write, PIPE_IN, P, 16),
	CALL(open, P, 0),
	CALL(stat, P, B),
	CALL(stat, S, P),
	CALL(fstat, F, P),
	CALL(lstat, S, P),
	CALL(poll, P, 1, 0),
	CALL(rt_sigaction, 10, P, 0, 8),
	CALL(rt_sigaction, 10, 0, P, 8),
	CALL(rt_sigprocmask, 0, P, 0, 8),
	CALL(rt_sigprocmask, 0, 0, P, 8),
	CALL(ioctl, F, 0x541b, P),
	CALL(pread64, F, P, 16, 0),
	CALL(pwrite64, F, P, 16, 0),
	CALL(readv, F, P, 1),
	CALL(writev, F, P, 1),
	CALL(access, P, 0),
	CALL(pipe, P),
	CALL(select, 8, P, 0, 0, B),
	CALL(select, 8, 0, P, 0, B),
	CALL(select, 8, 0, 0, P, B),
	CALL(select, 0, 0, 0, 0, P),
	CALL(mincore, 0, 0, P),
	CALL(nanosleep, P, 0),
	CALL(getitimer, 0, P),
	CALL(setitimer, 0, P, 0),
	CALL(setitimer, 0, 0, P),
	CALL(execve, P, B, B),
	CALL(execve, S, P, 0),
	CALL(execve, S, 0, P),
	CALL(wait4, -1, P, 1, 0),
	CALL(uname, P),
	CALL(fcntl, F, 5, P),
	CALL(fcntl, F, 6, P),
	CALL(fcntl, F, 15, P),
	CALL(fcntl, F, 16, P),
	CALL(fcntl, F, 17, P),
	CALL(fcntl, F, 1035, P),
	CALL(fcntl, F, 1036, P),
	CALL(inotify_add_watch, 99, P, 2),
	CALL(truncate, P, 0),
	CALL(getdents, F, P, 4096),
	CALL(getdents64, F, P, 4096),
	CALL(getcwd, P, 4096),
	CALL(chdir, P),
	CALL(rename, P, S),
	CALL(rename, S, P),
	CALL(mkdir, P, 0700),
	CALL(rmdir, P),
	CALL(creat, P, 0600),
	CALL(link, P, S),
	CALL(link, S, P),
	CALL(unlink, P),
	CALL(symlink, P, S),
	CALL(symlink, S, P),
	CALL(readlink, P, B, 64),
	CALL(readlink, S, P, 64),
	CALL(chmod, P, 0600),
	CALL(chown, P, 0, 0),
	CALL(lchown, P, 0, 0),
	CALL(gettimeofday, P, 0),
	CALL(gettimeofday, 0, P),
	CALL(getrlimit, 7, P),
	CALL(setrlimit, 7, P),
	CALL(getrusage, 0, P),
	CALL(sysinfo, P),
	CALL(times, P),
	CALL(getgroups, 1, P),
	CALL(setgroups, 1, P),
	CALL(getresuid, P, P, P),
	CALL(getresgid, P, P, P),
	CALL(capget, P, B),
	CALL(capset, P, B),
	CALL(rt_sigpending, P, 8),
	CALL(rt_sigtimedwait, P, 0, B, 8),
	CALL(rt_sigqueueinfo, 1, 10, P),
	CALL(rt_sigsuspend, P, 8),
	CALL(sigaltstack, P, 0),
	CALL(sigaltstack, 0, P),
	CALL(utime, P, 0),
	CALL(utime, S, P),
	CALL(mknod, P, 0600, 0),
	CALL(statfs, P, B),
	CALL(statfs, S, P),
	CALL(fstatfs, F, P),
	CALL(sched_setparam, 0, P),
	CALL(sched_getparam, 0, P),
	CALL(sched_setscheduler, 0, 0, P),
	CALL(sched_rr_get_interval, 0, P),
	CALL(prctl, 15, P),
	CALL(prctl, 16, P),
	CALL(arch_prctl, 0x1003, P),
	CALL(settimeofday, P, 0),
	CALL(mount, S, P, S, 0, 0),
	CALL(mount, S, S, P, 0, 0),
	CALL(umount2, P, 0),
	CALL(chroot, P),
	CALL(sethostname, P, 5),
	CALL(setdomainname, P, 5),
	CALL(time, P),
	CALL(futex, P, 0, 0, 0, 0, 0),
	CALL(futex, P, 1, 1, 0, 0, 0),
	CALL(sched_setaffinity, 0, 8, P),
	CALL(sched_getaffinity, 0, 128, P),
	CALL(clock_settime, 0, P),
	CALL(adjtimex, P),
	CALL(clock_adjtime, 0, P),
	CALL(clock_gettime, 0, P),
	CALL(clock_getres, 0, P),
	CALL(clock_nanosleep, 0, 0, P, 0),
	CALL(epoll_ctl, 99, 1, 0, P),
	CALL(utimes, P, 0),
	CALL(utimes, S, P),
	CALL(waitid, 0, 0, P, 5, 0),
	CALL(openat, -100, P, 0),
	CALL(mkdirat, -100, P, 0700),
	CALL(mknodat, -100, P, 0600, 0),
	CALL(fchownat, -100, P, 0, 0, 0),
	CALL(newfstatat, -100, P, B, 0),
	CALL(newfstatat, -100, S, P, 0),
	CALL(unlinkat, -100, P, 0),
	CALL(renameat, -100, P, -100, S),
	CALL(renameat, -100, S, -100, P),
	CALL(linkat, -100, P, -100, S, 0),
	CALL(symlinkat, P, -100, S),
	CALL(readlinkat, -100, P, B, 64),
	CALL(fchmodat, -100, P, 0600),
	CALL(faccessat, -100, P, 0),
	CALL(pselect6, 8, P, 0, 0, B, 0),
	CALL(ppoll, P, 1, B, 0, 8),
	CALL(ppoll, B, 0, P, 0, 8),
	CALL(set_robust_list, P, 3 * sizeof(long)),
	CALL(get_robust_list, 0, P, B),
	CALL(splice, F, P, PIPE_IN, 0, 16, 0),
	CALL(utimensat, -100, P, 0, 0),
	CALL(utimensat, -100, S, P, 0),
	CALL(signalfd4, -1, P, 8, 0),
	CALL(timerfd_settime, 99, 0, P, 0),
	CALL(pipe2, P, 0),
	CALL(preadv, F, P, 1, 0, 0),
	CALL(pwritev, F, P, 1, 0, 0),
	CALL(prlimit64, 0, 7, P, 0),
	CALL(prlimit64, 0, 7, 0, P),
	CALL(getcpu, P, 0, 0),
	CALL(process_vm_readv, 1, P, 1, B, 1, 0),
	CALL(sched_setattr, 0, P, 0),
	CALL(sched_getattr, 0, P, 48, 0),
	CALL(renameat2, -100, P, -100, S, 0),
	CALL(getrandom, P, 16, 0),
	CALL(memfd_create, P, 0),
	CALL(execveat, -100, P, B, B, 0),
	CALL(copy_file_range, F, P, F, 0, 1, 0),
	CALL(preadv2, F, P, 1, 0, 0, 0),
	CALL(statx, -100, P, 0, 0xfff, B),
	CALL(statx, -100, S, 0, 0xfff, P),
	CALL(clone3, P, 88),
	CALL(openat2, -100, P, B, 24),
	CALL(openat2, -100, S, P, 24),
	CALL(faccessat2, -100, P, 0, 0),
	CALL(pidfd_send_signal, 99, 10, P, 0),
};

static long descriptor, pipe_in, pipe_out;
static char good[65536] __attribute__((aligned(4096)));

static long argument(long value, long pointer)
{
	switch (value) {
	case P: return pointer;
	case F: return descriptor;
	case S: return (long)"f";
	case B: return (long)good;
	case PIPE_IN: return pipe_in;
	case PIPE_OUT: return pipe_out;
	case EMPTY: return (long)"";
	default: return value;
	}
}

static void try_all(const char *kind, long pointer)
{
	int ends[2];
	enter_scratch();
	descriptor = OK(open("f", O_CREAT | O_RDWR, 0600));
	EQ(write(descriptor, good, sizeof good), sizeof good);
	OK(pipe(ends));
	pipe_in = ends[1];
	pipe_out = ends[0];
	for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
		/* Each in a child, since one that succeeds by chance may change the process. */
		pid_t child = OK(fork());
		if (child == 0) {
			long a[6];
			lseek(descriptor, 0, SEEK_SET);
			memset(good, 0, 4096);
			for (int j = 0; j < 6; j++)
				a[j] = argument(calls[i].arguments[j], pointer);
			alarm(5);
			pid_t own = getpid();
			errno = 0;
			long result = syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
			if (getpid() != own) /* clone3 with zeros for arguments made one more */
				_exit(0);
			OUT("%s %s(%d): %s", kind, calls[i].name, i, result == -1 ? errno_name(errno) : "no error");
			_exit(0);
		}
		int status = wait_status(child);
		if (status != 0)
			OUT("%s %s(%d): status word 0x%x", kind, calls[i].name, i, status);
	}
}

CASE_WITHIN(small_number, 60)
{
	try_all("16", 16);
}

CASE_WITHIN(kernel_address, 60)
{
	try_all("kernel", -0x7f000000L);
}

CASE_WITHIN(last_bytes_of_the_address_space, 60)
{
	try_all("last", -8L);
}

CASE_WITHIN(non_canonical_address, 60)
{
	try_all("non-canonical", 0x4141414141414141L);
}

CASE_WITHIN(unmapped_page, 60)
{
	char *p = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	OK(munmap(p, PAGE));
	try_all("unmapped", (long)p);
}

CASE_WITHIN(page_without_access, 60)
{
	char *p = mmap(0, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	try_all("no access", (long)p);
}

CASE_WITHIN(read_only_page, 60)
{
	char *p = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	try_all("read-only", (long)p);
}

/* Two pages of which the second is not there: the last `n` bytes before it. */
static char *before_hole(int n)
{
	char *p = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	OK(munmap(p + PAGE, PAGE));
	memset(p, 'a', PAGE);
	return p + PAGE - n;
}

CASE(read_and_write_stop_at_the_hole)
{
	int ends[2];
	enter_scratch();
	int fd = OK(open("f", O_CREAT | O_RDWR, 0600));
	EQ(write(fd, good, 100), 100);
	OUT("pread of a file over a hole: %zd", pread(fd, before_hole(10), 50, 0));
	OUT("pwrite to a file over a hole: %zd", pwrite(fd, before_hole(10), 50, 0));
	OK(pipe(ends));
	errno = 0;
	ssize_t n = write(ends[1], before_hole(10), 50);
	OUT("write to a pipe over a hole: %zd %s", n, errno_name(errno));
	EQ(write(ends[1], good, 50), 50);
	errno = 0;
	n = read(ends[0], before_hole(10), 50);
	OUT("read from a pipe over a hole: %zd %s", n, errno_name(errno));
	int zero = OK(open("/dev/zero", O_RDONLY));
	errno = 0;
	n = read(zero, before_hole(10), 50);
	OUT("read of /dev/zero over a hole: %zd %s", n, errno_name(errno));
	errno = 0;
	n = syscall(SYS_getrandom, before_hole(10), 50, 0);
	OUT("getrandom over a hole: %zd %s", n, errno_name(errno));
}

CASE(strings_that_run_into_the_hole_are_EFAULT)
{
	ERR(open(before_hole(10), O_RDONLY), EFAULT);
	char *p = before_hole(10);
	strcpy(p, "/dev/null");
	OK(open(p, O_RDONLY));
	ERR(mkdir(before_hole(3), 0700), EFAULT);
	ERR(symlink("a", before_hole(3)), EFAULT);
}

CASE(structures_that_straddle_the_hole_are_EFAULT)
{
	struct stat *status = (struct stat *)before_hole(sizeof(struct stat) - 8);
	ERR(syscall(SYS_newfstatat, AT_FDCWD, "/", status, 0), EFAULT);
	ERR(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, before_hole(8)), EFAULT);
	ERR(syscall(SYS_pipe, before_hole(4)), EFAULT);
	ERR(syscall(SYS_uname, before_hole(100)), EFAULT);
	ERR(syscall(SYS_sysinfo, before_hole(8)), EFAULT);
	ERR(syscall(SYS_nanosleep, before_hole(8), 0), EFAULT);
	ERR(syscall(SYS_poll, before_hole(8 + 4), 2, 0), EFAULT);
	ERR(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, before_hole(8)), EFAULT);
	ERR(syscall(SYS_rt_sigaction, SIGUSR1, 0, before_hole(16), 8), EFAULT);
	ERR(syscall(SYS_getrusage, 0, before_hole(100)), EFAULT);
	ERR(syscall(SYS_wait4, 0, before_hole(2), WNOHANG, 0), ECHILD);
}

CASE(vectors_that_straddle_the_hole)
{
	struct iovec *vector = (struct iovec *)before_hole(sizeof(struct iovec));
	enter_scratch();
	int fd = OK(open("f", O_CREAT | O_RDWR, 0600));
	vector[0] = (struct iovec){good, 10};
	EQ(writev(fd, vector, 1), 10);
	ERR(writev(fd, vector, 2), EFAULT);
	struct iovec two[2] = {{before_hole(5), 20}, {good, 5}};
	OUT("writev with a straddling buffer: %zd", writev(fd, two, 2));
}

CASE(getdents_into_a_straddling_buffer)
{
	enter_scratch();
	for (int i = 0; i < 20; i++) {
		char name[16];
		snprintf(name, sizeof name, "file%d", i);
		OK(close(OK(open(name, O_CREAT | O_RDWR, 0600))));
	}
	int folder = OK(open(".", O_RDONLY));
	errno = 0;
	long n = syscall(SYS_getdents64, folder, before_hole(100), 4096);
	NOTE("%ld %s", n, errno_name(errno));
	CHECK(n == -1 ? errno == EFAULT : n > 0 && n <= 100);
}
