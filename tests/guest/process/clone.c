/* clone(2) and clone3(2): what each flag shares, which combinations are refused, and the pid stores. */
#include "../check.h"
#include <linux/sched.h>

#define STACK_SIZE 65536

static char *new_stack(void)
{
	char *stack = mmap(0, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(stack != MAP_FAILED);
	return stack + STACK_SIZE;
}

static long raw_clone(unsigned long flags, int *parent_tid, int *child_tid)
{
	return syscall(SYS_clone, flags, 0, parent_tid, child_tid, 0);
}

static long raw_clone3(struct clone_args *arguments, size_t size)
{
	return syscall(SYS_clone3, arguments, size);
}

static volatile int shared_value;
static int set_value(void *argument)
{
	shared_value = (int)(long)argument;
	return 7;
}

CASE(plain_clone_is_fork)
{
	pid_t child = OK(raw_clone(SIGCHLD, 0, 0));
	if (child == 0)
		_exit(5);
	EQ(exit_code(child), 5);
}

CASE(function_runs_on_its_own_stack)
{
	pid_t child = OK(clone(set_value, new_stack(), SIGCHLD, (void *)9L));
	EQ(exit_code(child), 7);
	EQ(shared_value, 0);
}

CASE(CLONE_VM_shares_memory)
{
	pid_t child = OK(clone(set_value, new_stack(), CLONE_VM | SIGCHLD, (void *)9L));
	EQ(exit_code(child), 7);
	EQ(shared_value, 9);
}

static int close_three(void *argument)
{
	return close((int)(long)argument);
}

CASE(CLONE_FILES_shares_descriptors)
{
	int fd = OK(open("/dev/null", O_RDONLY));
	pid_t child = OK(clone(close_three, new_stack(), CLONE_FILES | SIGCHLD, (void *)(long)fd));
	EQ(exit_code(child), 0);
	ERR(fcntl(fd, F_GETFD), EBADF);
}

static int change_fs(void *argument)
{
	(void)argument;
	umask(0123);
	return chdir("/proc");
}

CASE(CLONE_FS_shares_directory_and_umask)
{
	char path[64];
	OK(chdir("/tmp"));
	umask(022);
	pid_t child = OK(clone(change_fs, new_stack(), CLONE_FS | SIGCHLD, 0));
	EQ(exit_code(child), 0);
	CHECK(getcwd(path, sizeof path));
	STR_EQ(path, "/proc");
	EQ(umask(0), 0123);
}

CASE(without_CLONE_FS_they_are_copies)
{
	char path[64];
	OK(chdir("/tmp"));
	umask(022);
	pid_t child = OK(clone(change_fs, new_stack(), SIGCHLD, 0));
	EQ(exit_code(child), 0);
	CHECK(getcwd(path, sizeof path));
	STR_EQ(path, "/tmp");
	EQ(umask(0), 022);
}

static int ignore_usr1(void *argument)
{
	(void)argument;
	return signal(SIGUSR1, SIG_IGN) == SIG_ERR;
}

CASE(CLONE_SIGHAND_shares_handlers)
{
	struct sigaction now;
	pid_t child = OK(clone(ignore_usr1, new_stack(), CLONE_VM | CLONE_SIGHAND | SIGCHLD, 0));
	EQ(exit_code(child), 0);
	OK(sigaction(SIGUSR1, 0, &now));
	CHECK(now.sa_handler == SIG_IGN);
}

CASE(CLONE_PARENT_makes_a_sibling)
{
	pid_t grandparent = getpid();
	int ends[2];
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		pid_t sibling = OK(raw_clone(CLONE_PARENT | SIGCHLD, 0, 0));
		if (sibling == 0)
			_exit(getppid() == grandparent ? 4 : 1);
		ERR(waitpid(sibling, 0, 0), ECHILD);
		_exit(write(ends[1], &sibling, sizeof sibling) != sizeof sibling);
	}
	EQ(exit_code(child), 0);
	pid_t sibling;
	EQ(read(ends[0], &sibling, sizeof sibling), sizeof sibling);
	EQ(exit_code(sibling), 4);
}

CASE(CLONE_PARENT_SETTID_stores_in_the_parent)
{
	int tid = 0;
	pid_t child = OK(raw_clone(CLONE_PARENT_SETTID | SIGCHLD, &tid, 0));
	if (child == 0)
		_exit(0);
	EQ(tid, child);
	EQ(exit_code(child), 0);
}

CASE(CLONE_CHILD_SETTID_stores_in_the_child)
{
	static int tid;
#ifdef __x86_64__
	pid_t child = OK(syscall(SYS_clone, CLONE_CHILD_SETTID | SIGCHLD, 0, 0, &tid, 0));
#else
	pid_t child = OK(syscall(SYS_clone, CLONE_CHILD_SETTID | SIGCHLD, 0, 0, 0, &tid));
#endif
	if (child == 0)
		_exit(tid == getpid() ? 0 : 1);
	EQ(exit_code(child), 0);
	EQ(tid, 0);
}

CASE(exit_signal_other_than_SIGCHLD_needs___WCLONE)
{
	signal(SIGUSR1, SIG_IGN);
	pid_t child = OK(raw_clone(SIGUSR1, 0, 0));
	if (child == 0)
		_exit(6);
	ERR(waitpid(child, 0, 0), ECHILD);
	int status;
	EQ(OK(waitpid(child, &status, __WCLONE)), child);
	EQ(WEXITSTATUS(status), 6);
}

CASE(exit_signal_other_than_SIGCHLD_is_seen_by___WALL)
{
	signal(SIGUSR1, SIG_IGN);
	pid_t child = OK(raw_clone(SIGUSR1, 0, 0));
	if (child == 0)
		_exit(6);
	EQ(OK(waitpid(child, 0, __WALL)), child);
}

static volatile int got;
static void note_signal(int number)
{
	got = number;
}

CASE(exit_signal_is_sent)
{
	signal(SIGUSR2, note_signal);
	pid_t child = OK(raw_clone(SIGUSR2, 0, 0));
	if (child == 0)
		_exit(0);
	while (waitpid(child, 0, __WALL) == -1 && errno == EINTR) {
	}
	EQ(got, SIGUSR2);
}

CASE(exit_signal_zero_sends_nothing)
{
	pid_t child = OK(raw_clone(0, 0, 0));
	if (child == 0)
		_exit(2);
	int status;
	EQ(OK(waitpid(child, &status, __WCLONE)), child);
	EQ(WEXITSTATUS(status), 2);
}

CASE(CLONE_SIGHAND_without_CLONE_VM_is_EINVAL)
{
	ERR(raw_clone(CLONE_SIGHAND | SIGCHLD, 0, 0), EINVAL);
}

CASE(CLONE_THREAD_without_CLONE_SIGHAND_is_EINVAL)
{
	ERR(raw_clone(CLONE_THREAD | CLONE_VM | SIGCHLD, 0, 0), EINVAL);
}

CASE(CLONE_FS_with_CLONE_NEWNS_is_EINVAL)
{
	ERR(raw_clone(CLONE_FS | CLONE_NEWNS | SIGCHLD, 0, 0), EINVAL);
}

CASE(CLONE_PIDFD_gives_a_descriptor)
{
	int pidfd = -1;
	pid_t child = OK(raw_clone(CLONE_PIDFD | SIGCHLD, &pidfd, 0));
	if (child == 0)
		_exit(8);
	CHECK(pidfd >= 0);
	EQ(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	siginfo_t info;
	OK(waitid(P_PIDFD, pidfd, &info, WEXITED));
	EQ(info.si_pid, child);
	EQ(info.si_status, 8);
}

CASE(CLONE_PIDFD_with_PARENT_SETTID_is_EINVAL)
{
	int word;
	ERR(raw_clone(CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, &word, 0), EINVAL);
}

CASE(CLONE_PIDFD_with_a_bad_pointer_is_EFAULT)
{
	ERR(raw_clone(CLONE_PIDFD | SIGCHLD, (int *)16, 0), EFAULT);
	ERR(waitpid(-1, 0, WNOHANG), ECHILD);
}

CASE(clone3_forks)
{
	struct clone_args a = {.exit_signal = SIGCHLD};
	pid_t child = OK(raw_clone3(&a, sizeof a));
	if (child == 0)
		_exit(5);
	EQ(exit_code(child), 5);
}

CASE(clone3_stores_pid_and_pidfd)
{
	int pidfd = -1, tid = -1;
	struct clone_args a = {.exit_signal = SIGCHLD, .flags = CLONE_PIDFD | CLONE_PARENT_SETTID,
			       .pidfd = (uintptr_t)&pidfd, .parent_tid = (uintptr_t)&tid};
	pid_t child = OK(raw_clone3(&a, sizeof a));
	if (child == 0)
		_exit(0);
	EQ(tid, child);
	CHECK(pidfd > 2);
	EQ(exit_code(child), 0);
}

CASE(clone3_size_below_64_is_EINVAL)
{
	struct clone_args a = {.exit_signal = SIGCHLD};
	ERR(raw_clone3(&a, 63), EINVAL);
}

CASE(clone3_size_above_a_page_is_E2BIG)
{
	struct clone_args a = {.exit_signal = SIGCHLD};
	ERR(raw_clone3(&a, 4097), E2BIG);
}

CASE(clone3_unknown_tail_must_be_zero)
{
	struct { struct clone_args a; uint64_t tail; } big = {.a.exit_signal = SIGCHLD};
	pid_t child = OK(raw_clone3(&big.a, sizeof big));
	if (child == 0)
		_exit(0);
	EQ(exit_code(child), 0);
	big.tail = 1;
	ERR(raw_clone3(&big.a, sizeof big), E2BIG);
}

CASE(clone3_bad_pointer_is_EFAULT)
{
	ERR(raw_clone3((struct clone_args *)16, sizeof(struct clone_args)), EFAULT);
}

CASE(clone3_unknown_flag_is_EINVAL)
{
	struct clone_args a = {.exit_signal = SIGCHLD, .flags = 1ULL << 40};
	ERR(raw_clone3(&a, sizeof a), EINVAL);
}

CASE(clone3_signal_in_flags_is_EINVAL)
{
	struct clone_args a = {.flags = SIGCHLD};
	ERR(raw_clone3(&a, sizeof a), EINVAL);
}

CASE(clone3_bad_exit_signal_is_EINVAL)
{
	struct clone_args a = {.exit_signal = 65};
	ERR(raw_clone3(&a, sizeof a), EINVAL);
}

CASE(clone3_stack_without_size_is_EINVAL)
{
	struct clone_args a = {.exit_signal = SIGCHLD, .stack = (uintptr_t)new_stack()};
	ERR(raw_clone3(&a, sizeof a), EINVAL);
	a.stack = 0;
	a.stack_size = 4096;
	ERR(raw_clone3(&a, sizeof a), EINVAL);
}

CASE(clone3_CLEAR_SIGHAND_resets_handlers)
{
	signal(SIGUSR1, note_signal);
	signal(SIGUSR2, SIG_IGN);
	struct clone_args a = {.exit_signal = SIGCHLD, .flags = CLONE_CLEAR_SIGHAND};
	pid_t child = OK(raw_clone3(&a, sizeof a));
	if (child == 0) {
		struct sigaction one, two;
		sigaction(SIGUSR1, 0, &one);
		sigaction(SIGUSR2, 0, &two);
		_exit(one.sa_handler == SIG_DFL && two.sa_handler == SIG_IGN ? 0 : 1);
	}
	EQ(exit_code(child), 0);
}

CASE(clone3_CLEAR_SIGHAND_with_SIGHAND_is_EINVAL)
{
	struct clone_args a = {.exit_signal = SIGCHLD, .flags = CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM};
	ERR(raw_clone3(&a, sizeof a), EINVAL);
}

CASE(unshare_FILES_makes_a_copy)
{
	OK(unshare(CLONE_FILES | CLONE_FS));
	ERR(unshare(1 << 20), EINVAL);
}
