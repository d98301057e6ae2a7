/* execve(2) and execveat(2): what survives, what is reset, which files run. */
#include "../check.h"
#include <sys/auxv.h>
#include <sys/prctl.h>

extern char **environ;

/* Runs this same program again as a child: `word` names what it must check there. */
#define AGAIN(word)                                                                                                    \
	({                                                                                                             \
		pid_t again_ = OK(fork());                                                                             \
		if (again_ == 0) {                                                                                     \
			execl("/proc/self/exe", "again", "--probe", word, (char *)0);                                  \
			_exit(126);                                                                                    \
		}                                                                                                      \
		exit_code(again_);                                                                                     \
	})

static void probe(const char *word)
{
	struct sigaction action;
	sigset_t set;
	struct rlimit limit;
	stack_t alternate;
	if (strcmp(word, "handlers") == 0) {
		sigaction(SIGUSR1, 0, &action);
		if (action.sa_handler != SIG_DFL)
			_exit(1);
		sigaction(SIGUSR2, 0, &action);
		_exit(action.sa_handler == SIG_IGN ? 0 : 2);
	} else if (strcmp(word, "mask") == 0) {
		sigprocmask(SIG_BLOCK, 0, &set);
		_exit(sigismember(&set, SIGHUP) == 1 ? 0 : 1);
	} else if (strcmp(word, "pending") == 0) {
		sigpending(&set);
		_exit(sigismember(&set, SIGHUP) == 1 ? 0 : 1);
	} else if (strcmp(word, "limit") == 0) {
		getrlimit(RLIMIT_NOFILE, &limit);
		_exit(limit.rlim_cur == 77 ? 0 : 1);
	} else if (strcmp(word, "altstack") == 0) {
		sigaltstack(0, &alternate);
		_exit(alternate.ss_flags == SS_DISABLE ? 0 : 1);
	} else if (strcmp(word, "alarm") == 0) {
		_exit(alarm(0) > 50 ? 0 : 1);
	} else if (strcmp(word, "descriptors") == 0) {
		if (fcntl(50, F_GETFD) != 0)
			_exit(1);
		_exit(fcntl(51, F_GETFD) == -1 && errno == EBADF ? 0 : 2);
	} else if (strcmp(word, "umask") == 0) {
		_exit(umask(0) == 0137 ? 0 : 1);
	} else if (strcmp(word, "comm") == 0) {
		char name[17] = "";
		prctl(PR_GET_NAME, name);
		_exit(strcmp(name, "exe") == 0 ? 0 : 1);
	} else if (strcmp(word, "pid") == 0) {
		char *wanted = getenv("WANTED_PID");
		_exit(wanted && atoi(wanted) == getpid() ? 0 : 1);
	} else if (strcmp(word, "aux") == 0) {
		if (getauxval(AT_PAGESZ) != 4096 || getauxval(AT_UID) != getuid() || getauxval(AT_SECURE) != 0)
			_exit(1);
		if (!getauxval(AT_RANDOM) || !getauxval(AT_EXECFN) || !getauxval(AT_PHDR) || !getauxval(AT_ENTRY))
			_exit(2);
		_exit(strcmp((char *)getauxval(AT_EXECFN), "/proc/self/exe") == 0 && getauxval(AT_CLKTCK) == 100 ? 0 : 3);
	} else if (strcmp(word, "threads") == 0) {
		char text[2048], *line;
		read_file("/proc/self/status", text, sizeof text);
		line = strstr(text, "\nThreads:");
		_exit(line ? atoi(line + 9) : 99);
	} else if (strcmp(word, "true") == 0) {
		_exit(0);
	}
	_exit(98);
}

/* Runs before main and the cases. */
__attribute__((constructor)) static void answer_probe(int count, char **arguments)
{
	if (count == 3 && strcmp(arguments[1], "--probe") == 0)
		probe(arguments[2]);
}

CASE(handlers_are_reset_and_ignored_stays)
{
	CATCH(SIGUSR1, 0);
	signal(SIGUSR2, SIG_IGN);
	EQ(AGAIN("handlers"), 0);
}

CASE(signal_mask_is_kept)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	EQ(AGAIN("mask"), 0);
}

CASE(pending_signals_are_kept)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	IN_CHILD({
		raise(SIGHUP);
		execl("/proc/self/exe", "again", "--probe", "pending", (char *)0);
	});
}

CASE(limits_are_kept)
{
	struct rlimit limit = {77, 100};
	OK(setrlimit(RLIMIT_NOFILE, &limit));
	EQ(AGAIN("limit"), 0);
}

CASE(alternate_stack_is_dropped)
{
	static char stack[65536];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
	IN_CHILD({
		OK(sigaltstack(&alternate, 0));
		execl("/proc/self/exe", "again", "--probe", "altstack", (char *)0);
	});
}

CASE(alarm_is_kept)
{
	IN_CHILD({
		alarm(60);
		execl("/proc/self/exe", "again", "--probe", "alarm", (char *)0);
	});
}

CASE(close_on_exec_closes_only_those)
{
	int fd = OK(open("/dev/null", O_RDONLY));
	EQ(dup2(fd, 50), 50);
	EQ(dup3(fd, 51, O_CLOEXEC), 51);
	EQ(AGAIN("descriptors"), 0);
}

CASE(umask_is_kept)
{
	umask(0137);
	EQ(AGAIN("umask"), 0);
}

CASE(command_name_is_the_base_name)
{
	EQ(AGAIN("comm"), 0);
}

CASE(pid_is_kept)
{
	IN_CHILD({
		char text[16];
		snprintf(text, sizeof text, "%d", getpid());
		setenv("WANTED_PID", text, 1);
		execl("/proc/self/exe", "again", "--probe", "pid", (char *)0);
	});
}

CASE(auxiliary_vector)
{
	EQ(AGAIN("aux"), 0);
}

static int call_exec(void *word)
{
	execl("/proc/self/exe", "again", "--probe", (char *)word, (char *)0);
	_exit(97);
}

CASE(shared_descriptor_table_is_unshared)
{
	/* The child shares our table; its exec closes close-on-exec descriptors only in its own copy. */
	char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = OK(open("/dev/null", O_RDONLY | O_CLOEXEC));
	pid_t child = OK(clone(call_exec, stack + 65536, CLONE_FILES | SIGCHLD, "true"));
	EQ(exit_code(child), 0);
	EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

static int idle_thread(void *argument)
{
	(void)argument;
	for (;;)
		syscall(SYS_pause);
	return 0;
}

CASE(other_threads_are_gone)
{
	pid_t child = OK(fork());
	if (child == 0) {
		for (int i = 0; i < 3; i++) {
			char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			OK(clone(idle_thread, stack + 65536,
				 CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, 0));
		}
		call_exec("threads");
	}
	EQ(exit_code(child), 1);
}

static int wait_then_exec(void *argument)
{
	(void)argument;
	sleep_ms(20);
	return call_exec("true");
}

CASE(exec_by_another_thread_keeps_the_process_id)
{
	pid_t child = OK(fork());
	if (child == 0) {
		char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		OK(clone(wait_then_exec, stack + 65536, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, 0));
		idle_thread(0);
	}
	EQ(exit_code(child), 0);
}

CASE(execveat_with_a_descriptor_and_empty_path)
{
	int fd = OK(open("/proc/self/exe", O_RDONLY));
	pid_t child = OK(fork());
	if (child == 0) {
		char *arguments[] = {"again", "--probe", "true", 0};
		syscall(SYS_execveat, fd, "", arguments, environ, AT_EMPTY_PATH);
		_exit(126);
	}
	EQ(exit_code(child), 0);
}

CASE(fexecve_runs_a_descriptor)
{
	int fd = OK(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	pid_t child = OK(fork());
	if (child == 0) {
		char *arguments[] = {"again", "--probe", "true", 0};
		fexecve(fd, arguments, environ);
		_exit(126);
	}
	EQ(exit_code(child), 0);
}

CASE(execveat_relative_to_a_folder)
{
	char path[256];
	ssize_t n = OK(readlink("/proc/self/exe", path, sizeof path - 1));
	path[n] = 0;
	char *slash = strrchr(path, '/');
	*slash = 0;
	int folder = OK(open(path, O_RDONLY | O_DIRECTORY));
	pid_t child = OK(fork());
	if (child == 0) {
		char *arguments[] = {"again", "--probe", "true", 0};
		syscall(SYS_execveat, folder, slash + 1, arguments, environ, 0);
		_exit(126);
	}
	EQ(exit_code(child), 0);
}

CASE(execveat_errors)
{
	char *arguments[] = {"x", 0};
	enter_scratch();
	OK(symlink("/proc/self/exe", "link"));
	ERR(syscall(SYS_execveat, AT_FDCWD, "link", arguments, environ, AT_SYMLINK_NOFOLLOW), ELOOP);
	ERR(syscall(SYS_execveat, AT_FDCWD, "link", arguments, environ, 0x4000000), EINVAL);
	ERR(syscall(SYS_execveat, 99, "link", arguments, environ, 0), EBADF);
	ERR(syscall(SYS_execveat, AT_FDCWD, "", arguments, environ, 0), ENOENT);
}
