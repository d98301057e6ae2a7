/* execve(2): every errno it can give, and that the caller lives on after it. */
#include "../check.h"

extern char **environ;
static char *const one_argument[] = {"x", 0};

static void make_file(const char *path, const char *text, mode_t mode)
{
	int fd = OK(open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600));
	size_t length = strlen(text);
	EQ(write(fd, text, length), length);
	OK(fchmod(fd, mode));
	OK(close(fd));
}

static void copy_self(const char *path)
{
	static char bytes[65536];
	int from = OK(open("/proc/self/exe", O_RDONLY)), to = OK(open(path, O_CREAT | O_WRONLY, 0700));
	for (ssize_t n; (n = OK(read(from, bytes, sizeof bytes))) > 0;)
		EQ(write(to, bytes, n), n);
	OK(close(from));
	OK(close(to));
}

CASE(missing_file_is_ENOENT)
{
	ERR(execve("/tmp/is-not-there", one_argument, environ), ENOENT);
	ERR(execve("", one_argument, environ), ENOENT);
}

CASE(missing_folder_is_ENOENT)
{
	ERR(execve("/tmp/is-not-there/x", one_argument, environ), ENOENT);
}

CASE(file_as_folder_is_ENOTDIR)
{
	enter_scratch();
	make_file("f", "", 0700);
	ERR(execve("f/x", one_argument, environ), ENOTDIR);
}

CASE(folder_is_EACCES)
{
	ERR(execve("/tmp", one_argument, environ), EACCES);
}

CASE(without_execute_permission_is_EACCES)
{
	enter_scratch();
	make_file("f", "#!/bin/sh\n", 0600);
	ERR(execve("f", one_argument, environ), EACCES);
}

CASE(device_is_EACCES)
{
	ERR(execve("/dev/null", one_argument, environ), EACCES);
}

CASE(unsearchable_folder_is_EACCES)
{
	enter_scratch();
	OK(mkdir("closed", 0700));
	make_file("closed/f", "#!/bin/sh\n", 0755);
	OK(setresuid(1000, 1000, 1000));
	ERR(execve("closed/f", one_argument, environ), EACCES);
}

CASE(empty_file_is_ENOEXEC)
{
	enter_scratch();
	make_file("f", "", 0700);
	ERR(execve("f", one_argument, environ), ENOEXEC);
}

CASE(text_without_interpreter_is_ENOEXEC)
{
	enter_scratch();
	make_file("f", "echo hello\n", 0700);
	ERR(execve("f", one_argument, environ), ENOEXEC);
}

CASE(missing_interpreter_is_ENOENT)
{
	enter_scratch();
	make_file("f", "#!/tmp/is-not-there\n", 0700);
	ERR(execve("f", one_argument, environ), ENOENT);
}

CASE(interpreter_without_execute_permission_is_EACCES)
{
	enter_scratch();
	make_file("interpreter", "x", 0600);
	make_file("f", "#!./interpreter\n", 0700);
	ERR(execve("./f", one_argument, environ), EACCES);
}

CASE(empty_interpreter_line_is_ENOEXEC)
{
	enter_scratch();
	make_file("f", "#!\n", 0700);
	ERR(execve("./f", one_argument, environ), ENOEXEC);
	make_file("g", "#!   \n", 0700);
	ERR(execve("./g", one_argument, environ), ENOEXEC);
}

CASE(script_that_names_itself_is_ELOOP)
{
	enter_scratch();
	make_file("f", "#!./f\n", 0700);
	ERR(execve("./f", one_argument, environ), ELOOP);
}

CASE(link_loop_is_ELOOP)
{
	enter_scratch();
	OK(symlink("b", "a"));
	OK(symlink("a", "b"));
	ERR(execve("a", one_argument, environ), ELOOP);
}

CASE(long_name_is_ENAMETOOLONG)
{
	static char name[5000];
	memset(name, 'a', 300);
	ERR(execve(name, one_argument, environ), ENAMETOOLONG);
	memset(name, 'a', sizeof name - 1);
	ERR(execve(name, one_argument, environ), ENAMETOOLONG);
}

CASE(file_open_for_writing_is_ETXTBSY)
{
	enter_scratch();
	copy_self("f");
	int fd = OK(open("f", O_WRONLY));
	ERR(execve("./f", one_argument, environ), ETXTBSY);
	OK(close(fd));
}

CASE(running_file_cannot_be_opened_for_writing)
{
	enter_scratch();
	copy_self("f");
	int ends[2];
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		dup2(ends[0], 0);
		execl("./f", "f", "--sleep", (char *)0);
		_exit(126);
	}
	char path[64], link[256];
	snprintf(path, sizeof path, "/proc/%d/exe", (int)child);
	for (int i = 0; i < 400; i++) {
		ssize_t n = readlink(path, link, sizeof link - 1);
		link[n > 0 ? n : 0] = 0;
		if (strstr(link, "case."))
			break;
		sleep_ms(5);
	}
	ERR(open("./f", O_WRONLY), ETXTBSY);
	ERR(open("./f", O_RDWR | O_TRUNC), ETXTBSY);
	ERR(truncate("./f", 10), ETXTBSY);
	OK(close(OK(open("./f", O_RDONLY))));
	OK(kill(child, SIGKILL));
	wait_status(child);
	OK(close(OK(open("./f", O_WRONLY))));
}

__attribute__((constructor)) static void sleep_when_asked(int count, char **arguments)
{
	if (count == 2 && strcmp(arguments[1], "--sleep") == 0)
		for (;;)
			pause();
	if (count > 1 && strcmp(arguments[1], "--count") == 0)
		_exit(count > 255 ? 255 : count);
}

CASE(wild_path_is_EFAULT)
{
	ERR(syscall(SYS_execve, 16L, one_argument, environ), EFAULT);
	ERR(syscall(SYS_execve, -4096L, one_argument, environ), EFAULT);
}

CASE(wild_argument_vector_is_EFAULT)
{
	ERR(syscall(SYS_execve, "/proc/self/exe", 16L, environ), EFAULT);
}

CASE(wild_environment_vector_is_EFAULT)
{
	ERR(syscall(SYS_execve, "/proc/self/exe", one_argument, 16L), EFAULT);
}

CASE(wild_argument_is_EFAULT)
{
	char *arguments[] = {"x", (char *)16, 0};
	ERR(syscall(SYS_execve, "/proc/self/exe", arguments, environ), EFAULT);
}

CASE(argument_of_more_than_128_KiB_is_E2BIG)
{
	size_t size = 32 * 4096;
	char *big = malloc(size + 1), *arguments[] = {"x", "--count", big, 0};
	memset(big, 'a', size);
	big[size] = 0;
	ERR(execve("/proc/self/exe", arguments, environ), E2BIG);
	big[size - 1] = 0;
	pid_t child = OK(fork());
	if (child == 0) {
		execve("/proc/self/exe", arguments, environ);
		_exit(99);
	}
	EQ(exit_code(child), 3);
}

CASE(arguments_of_more_than_a_quarter_of_the_stack_limit_are_E2BIG)
{
	struct rlimit limit = {1 << 20, 1 << 20};
	static char *arguments[100];
	char *text = malloc(8192);
	memset(text, 'b', 8191);
	text[8191] = 0;
	arguments[0] = "x";
	arguments[1] = "--count";
	for (int i = 2; i < 50; i++)
		arguments[i] = text;
	OK(setrlimit(RLIMIT_STACK, &limit));
	ERR(execve("/proc/self/exe", arguments, environ), E2BIG);
	arguments[20] = 0;
	pid_t child = OK(fork());
	if (child == 0) {
		execve("/proc/self/exe", arguments, environ);
		_exit(99);
	}
	EQ(exit_code(child), 20);
}

CASE(two_hundred_arguments_arrive)
{
	static char *arguments[201];
	arguments[0] = "x";
	arguments[1] = "--count";
	for (int i = 2; i < 200; i++)
		arguments[i] = "argument";
	pid_t child = OK(fork());
	if (child == 0) {
		execve("/proc/self/exe", arguments, environ);
		_exit(99);
	}
	EQ(exit_code(child), 200);
}
