/* Memory of other processes: process_madvise(2), process_mrelease(2); memory that is secret: memfd_secret(2). */
#include "../check.h"
#include <sys/uio.h>

#if defined __x86_64__ && defined __ILP32__
#define SYS_BASE 0x40000000
#else
#define SYS_BASE 0
#endif
#ifndef SYS_process_mrelease
#define SYS_process_mrelease (SYS_BASE + 448)
#endif
#ifndef SYS_memfd_secret
#define SYS_memfd_secret (SYS_BASE + 447)
#endif
enum { WILLNEED = 3, DONTNEED = 4, COLD = 20, PAGEOUT = 21, COLLAPSE = 25 };

static long advise(int fd, const struct iovec *vector, unsigned long count, int advice, unsigned flags)
{
	return syscall(SYS_process_madvise, fd, vector, count, advice, flags);
}
static int pidfd(pid_t pid) { return OK(syscall(SYS_pidfd_open, pid, 0)); }
static void show(const char *what, long result)
{
	if (result < 0)
		OUT("%s: %s", what, errno_name(errno));
	else
		OUT("%s: %ld", what, result);
}

static char area[8 * 4096] __attribute__((aligned(4096)));

static pid_t waiting_child(void)
{
	memset(area, 1, sizeof area);
	pid_t child = sleeping_child();
	return child;
}
CASE(advice_for_another)
{
	pid_t child = waiting_child();
	int fd = pidfd(child);
	struct iovec all[3] = {{area, 4096}, {area + 8192, 8192}, {area + 4 * 4096, 4096}};
	show("cold", advise(fd, all, 3, COLD, 0));
	show("out", advise(fd, all, 3, PAGEOUT, 0));
	show("will need", advise(fd, all, 3, WILLNEED, 0));
	show("does not need", advise(fd, all, 3, DONTNEED, 0));
	show("unknown", advise(fd, all, 3, 1234, 0));
	show("normal", advise(fd, all, 3, 0, 0));
	show("no pieces", advise(fd, all, 0, COLD, 0));
	show("no pieces, nowhere", advise(fd, 0, 0, COLD, 0));
	show("too many", advise(fd, all, 1025, COLD, 0));
	show("flags", advise(fd, all, 3, COLD, 1));
	show("nowhere", advise(fd, (void *)16, 1, COLD, 0));
	struct iovec odd[2] = {{area, 4096}, {area + 4097, 4096}};
	show("not at a page, second", advise(fd, odd, 2, COLD, 0));
	show("not at a page, first", advise(fd, odd + 1, 1, COLD, 0));
	struct iovec hole[2] = {{area, 4096}, {(void *)4096, 4096}};
	show("a hole, second", advise(fd, hole, 2, COLD, 0));
	show("a hole, first", advise(fd, hole + 1, 1, COLD, 0));
	struct iovec partial[1] = {{area, 100}};
	show("part of a page", advise(fd, partial, 1, COLD, 0));
#if !(defined __x86_64__ && defined __ILP32__)
	struct iovec kernel[1] = {{(void *)-4096L, 4096}};
	ERR(advise(fd, kernel, 1, COLD, 0), EFAULT);
#endif
	end_child(child);
	show("of who has ended", advise(fd, all, 3, COLD, 0));
}

CASE(advice_needs_permission)
{
	pid_t child = waiting_child(), dead = OK(fork());
	if (dead == 0)
		_exit(0);
	WAIT_STATE(dead, 'Z');
	struct iovec piece = {area, 4096};
	int fd = pidfd(child), dead_fd = pidfd(dead);
	show("of a zombie", advise(dead_fd, &piece, 1, COLD, 0));
	show("of a zombie, unknown", advise(dead_fd, &piece, 1, 1234, 0));
	show("for oneself", advise(pidfd(getpid()), &piece, 1, COLD, 0));
	show("no descriptor", advise(999, &piece, 1, COLD, 0));
	show("no pidfd", advise(1, &piece, 1, COLD, 0));
	show("no pidfd, unknown", advise(1, &piece, 1, 1234, 0));
	IN_CHILD({
		OK(setuid(1000));
		show("of root", advise(fd, &piece, 1, COLD, 0));
		int own = pidfd(getpid());
		show("of oneself without the right", advise(own, &piece, 1, COLD, 0));
	});
	end_child(child);
	wait_status(dead);
}

CASE(release_of_memory)
{
	pid_t child = waiting_child(), dead = OK(fork());
	if (dead == 0)
		_exit(0);
	WAIT_STATE(dead, 'Z');
	int fd = pidfd(child);
	show("of the living", syscall(SYS_process_mrelease, fd, 0));
	show("flags", syscall(SYS_process_mrelease, fd, 1));
	show("no descriptor", syscall(SYS_process_mrelease, 999, 0));
	show("no pidfd", syscall(SYS_process_mrelease, 1, 0));
	show("of a zombie", syscall(SYS_process_mrelease, pidfd(dead), 0));
	show("of oneself", syscall(SYS_process_mrelease, pidfd(getpid()), 0));
	OK(kill(child, SIGKILL));
	long result = syscall(SYS_process_mrelease, fd, 0);
	NOTE("of the dying: %ld %s", result, errno_name(errno));
	CHECK(result == 0 || errno == ESRCH);
	wait_status(child);
	ERR(syscall(SYS_process_mrelease, fd, 0), ESRCH);
	wait_status(dead);
}

CASE(secret_memory)
{
	show("secret", syscall(SYS_memfd_secret, 0));
	show("secret with wrong flags", syscall(SYS_memfd_secret, 7));
}
