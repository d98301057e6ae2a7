/* fork(2) and vfork(2): what the child inherits and what it does not. */
#include "../check.h"
#include <sys/times.h>

CASE(child_sees_zero_and_parent_sees_child)
{
	int ends[2];
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		pid_t me = getpid();
		_exit(write(ends[1], &me, sizeof me) == sizeof me ? 0 : 1);
	}
	pid_t told = 0;
	EQ(read(ends[0], &told, sizeof told), sizeof told);
	EQ(told, child);
	EQ(exit_code(child), 0);
}

CASE(getppid_is_the_parent)
{
	pid_t me = getpid(), child = OK(fork());
	if (child == 0)
		_exit(getppid() == me ? 0 : 1);
	EQ(exit_code(child), 0);
}

CASE(pids_are_not_reused_at_once)
{
	pid_t first = OK(fork());
	if (first == 0)
		_exit(0);
	EQ(exit_code(first), 0);
	pid_t second = OK(fork());
	if (second == 0)
		_exit(0);
	EQ(exit_code(second), 0);
	CHECK(first != second);
}

CASE(memory_is_copied)
{
	static volatile int data = 1;
	volatile int stack = 1;
	volatile int *heap = malloc(sizeof *heap);
	*heap = 1;
	pid_t child = OK(fork());
	if (child == 0) {
		if (data != 1 || stack != 1 || *heap != 1)
			_exit(1);
		data = stack = *heap = 2;
		_exit(0);
	}
	EQ(exit_code(child), 0);
	EQ(data, 1);
	EQ(stack, 1);
	EQ(*heap, 1);
}

CASE(parent_writes_are_not_seen_by_child)
{
	int ends[2];
	static volatile int value = 1;
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		char byte;
		close(ends[1]);
		if (read(ends[0], &byte, 1) != 1)
			_exit(9);
		_exit(value);
	}
	value = 2;
	EQ(write(ends[1], "x", 1), 1);
	EQ(exit_code(child), 1);
}

CASE(descriptors_share_the_file_offset)
{
	enter_scratch();
	int fd = OK(open("f", O_CREAT | O_RDWR, 0600));
	EQ(write(fd, "abcdef", 6), 6);
	EQ(lseek(fd, 0, SEEK_SET), 0);
	pid_t child = OK(fork());
	if (child == 0) {
		char two[2];
		_exit(read(fd, two, 2) == 2 ? 0 : 1);
	}
	EQ(exit_code(child), 0);
	EQ(lseek(fd, 0, SEEK_CUR), 2);
}

CASE(descriptor_table_is_copied)
{
	int fd = OK(open("/dev/null", O_RDONLY));
	pid_t child = OK(fork());
	if (child == 0)
		_exit(close(fd));
	EQ(exit_code(child), 0);
	OK(fcntl(fd, F_GETFD));
}

CASE(working_directory_and_umask_are_copied)
{
	char path[64];
	OK(chdir("/tmp"));
	umask(027);
	pid_t child = OK(fork());
	if (child == 0) {
		if (!getcwd(path, sizeof path) || strcmp(path, "/tmp") != 0 || umask(0) != 027)
			_exit(1);
		_exit(chdir("/"));
	}
	EQ(exit_code(child), 0);
	CHECK(getcwd(path, sizeof path));
	STR_EQ(path, "/tmp");
	EQ(umask(0), 027);
}

static volatile int handled;
static void handler(int number)
{
	handled = number;
}

CASE(signal_handlers_and_mask_are_inherited)
{
	sigset_t set;
	signal(SIGUSR1, handler);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	IN_CHILD({
		struct sigaction old;
		OK(sigaction(SIGUSR1, 0, &old));
		CHECK(old.sa_handler == handler);
		OK(sigaction(SIGUSR2, 0, &old));
		CHECK(old.sa_handler == SIG_IGN);
		OK(sigprocmask(SIG_BLOCK, 0, &set));
		EQ(sigismember(&set, SIGHUP), 1);
	});
}

CASE(pending_signals_are_not_inherited)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	OK(raise(SIGUSR1));
	OK(sigpending(&set));
	EQ(sigismember(&set, SIGUSR1), 1);
	IN_CHILD({
		OK(sigpending(&set));
		EQ(sigismember(&set, SIGUSR1), 0);
	});
}

CASE(alarm_is_not_inherited)
{
	alarm(100);
	IN_CHILD(EQ(alarm(0), 0));
	CHECK(alarm(0) > 90);
}

CASE(times_start_at_zero)
{
	struct tms t;
	long long end = now_ns() + 60 * 1000000LL;
	while (now_ns() < end) {
	}
	IN_CHILD({
		times(&t);
		EQ(t.tms_utime + t.tms_stime <= 3, 1);
		EQ(t.tms_cutime, 0);
	});
}

CASE(shared_mapping_stays_shared)
{
	volatile int *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	pid_t child = OK(fork());
	if (child == 0) {
		*shared = 77;
		_exit(0);
	}
	EQ(exit_code(child), 0);
	EQ(*shared, 77);
}

CASE(process_group_and_session_are_inherited)
{
	pid_t group = getpgrp(), session = getsid(0);
	IN_CHILD({
		EQ(getpgrp(), group);
		EQ(getsid(0), session);
	});
}

CASE(resource_limits_are_inherited)
{
	struct rlimit limit = {50, 60};
	OK(setrlimit(RLIMIT_NOFILE, &limit));
	IN_CHILD({
		struct rlimit seen;
		OK(getrlimit(RLIMIT_NOFILE, &seen));
		EQ(seen.rlim_cur, 50);
		EQ(seen.rlim_max, 60);
	});
}

CASE(only_the_forking_thread_lives_in_the_child)
{
	IN_CHILD(EQ(getpid(), syscall(SYS_gettid)));
}

CASE(deep_chain_of_forks)
{
	int depth = 0;
	pid_t child;
	while (depth < 50) {
		child = OK(fork());
		if (child != 0)
			_exit(exit_code(child));
		depth++;
	}
	_exit(0);
}

CASE(vfork_child_shares_memory)
{
	static volatile int value = 1;
	pid_t child = vfork();
	if (child == 0) {
		value = 2;
		_exit(3);
	}
	CHECK(child > 0);
	EQ(value, 2);
	EQ(exit_code(child), 3);
}

CASE(vfork_parent_waits_for_exit)
{
	static volatile int ended;
	pid_t child = vfork();
	if (child == 0) {
		struct timespec t = {0, 50000000};
		nanosleep(&t, 0);
		ended = 1;
		_exit(0);
	}
	EQ(ended, 1);
	EQ(exit_code(child), 0);
}

CASE(vfork_parent_waits_for_exec)
{
	static char *arguments[] = {"/proc/self/exe", "--list", 0};
	static char *none[] = {0};
	int null = OK(open("/dev/null", O_WRONLY));
	pid_t child = vfork();
	if (child == 0) {
		dup2(null, 1);
		execve("/proc/self/exe", arguments, none);
		_exit(1);
	}
	CHECK(child > 0);
	EQ(exit_code(child), 0);
	OK(fcntl(1, F_GETFD));
}

CASE(vfork_parent_shows_as_D)
{
	int ends[2];
	char byte;
	OK(pipe(ends));
	pid_t parent = OK(fork());
	if (parent == 0) {
		pid_t child = vfork();
		if (child == 0)
			_exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
		_exit(0);
	}
	WAIT_STATE(parent, 'D');
	EQ(write(ends[1], "x", 1), 1);
	EQ(exit_code(parent), 0);
}

CASE(vfork_parent_is_killable)
{
	int ends[2];
	char byte;
	OK(pipe(ends));
	pid_t parent = OK(fork());
	if (parent == 0) {
		pid_t child = vfork();
		if (child == 0)
			_exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
		_exit(0);
	}
	WAIT_STATE(parent, 'D');
	OK(kill(parent, SIGKILL));
	EQ(death_signal(parent), SIGKILL);
}

CASE(nproc_limit_gives_EAGAIN)
{
	struct rlimit limit = {1, 1};
	OK(setresgid(54321, 54321, 54321));
	OK(setresuid(54321, 54321, 54321));
	OK(setrlimit(RLIMIT_NPROC, &limit));
	ERR(fork(), EAGAIN);
	ERR(vfork(), EAGAIN);
}

CASE(nproc_limit_does_not_bind_root)
{
	struct rlimit limit = {1, 1};
	OK(setrlimit(RLIMIT_NPROC, &limit));
	IN_CHILD(_exit(0));
}
