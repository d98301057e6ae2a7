/* The six exec forms of the C library, and scripts with an interpreter line. */
#include "../check.h"

extern char **environ;

/* Prints its arguments and COLOUR, when run as the program that a case starts. */
__attribute__((constructor)) static void print_when_asked(int count, char **arguments)
{
	char line[512] = "";
	size_t used = 0;
	if (count < 2 || strcmp(arguments[1], "--print") != 0)
		return;
	for (int i = 2; i < count; i++)
		used += snprintf(line + used, sizeof line - used, "[%s]", arguments[i]);
	const char *colour = getenv("COLOUR");
	used += snprintf(line + used, sizeof line - used, " COLOUR=%s\n", colour ? colour : "unset");
	_exit(write(1, line, used) == (ssize_t)used ? 0 : 1);
}

static char self[256], folder[256], *base;

static void find_self(void)
{
	ssize_t n = OK(readlink("/proc/self/exe", self, sizeof self - 1));
	self[n] = 0;
	strcpy(folder, self);
	base = strrchr(folder, '/');
	*base++ = 0;
}

/* Runs the statement (an exec) in a child whose output is given to OUT. */
#define SHOW(statement)                                                                                                \
	do {                                                                                                           \
		int ends_[2];                                                                                          \
		char text_[600];                                                                                       \
		size_t done_ = 0;                                                                                      \
		OK(pipe(ends_));                                                                                       \
		pid_t show_ = OK(fork());                                                                              \
		if (show_ == 0) {                                                                                      \
			dup2(ends_[1], 1);                                                                             \
			statement;                                                                                     \
			_exit(100 + errno);                                                                            \
		}                                                                                                      \
		close(ends_[1]);                                                                                       \
		for (ssize_t n_; (n_ = read(ends_[0], text_ + done_, sizeof text_ - 1 - done_)) > 0;)                  \
			done_ += n_;                                                                                   \
		text_[done_ ? done_ - 1 : 0] = 0;                                                                      \
		close(ends_[0]);                                                                                       \
		EQ(exit_code(show_), 0);                                                                               \
		OUT("%s", text_);                                                                                      \
	} while (0)

CASE(execl)
{
	find_self();
	setenv("COLOUR", "red", 1);
	SHOW(execl(self, "name", "--print", "one", "two words", (char *)0));
}

CASE(execlp)
{
	find_self();
	setenv("PATH", folder, 1);
	setenv("COLOUR", "green", 1);
	SHOW(execlp(base, "name", "--print", "by path", (char *)0));
}

CASE(execle)
{
	char *environment[] = {"COLOUR=blue", 0};
	find_self();
	SHOW(execle(self, "name", "--print", "with environment", (char *)0, environment));
}

CASE(execv)
{
	char *arguments[] = {"name", "--print", "vector", "", "after empty", 0};
	find_self();
	SHOW(execv(self, arguments));
}

CASE(execvp)
{
	char *arguments[] = {"name", "--print", "vector by path", 0};
	find_self();
	setenv("PATH", folder, 1);
	SHOW(execvp(base, arguments));
}

CASE(execvpe)
{
	char *arguments[] = {"name", "--print", "everything", 0}, *environment[] = {"COLOUR=white", 0};
	find_self();
	setenv("PATH", folder, 1);
	SHOW(execvpe(base, arguments, environment));
}

CASE(execve_with_an_empty_environment)
{
	char *arguments[] = {"name", "--print", 0}, *environment[] = {0};
	find_self();
	SHOW(execve(self, arguments, environment));
}

CASE(execve_with_null_environment)
{
	char *arguments[] = {"name", "--print", 0};
	find_self();
	SHOW(syscall(SYS_execve, self, arguments, 0));
}

CASE(empty_argument_vector_becomes_one_empty_argument)
{
	/* The program sees argc 1 and runs all its cases if it may; so it is given a script that prints its arguments. */
	char text[600], *none[] = {0};
	find_self();
	enter_scratch();
	snprintf(text, sizeof text, "#!%s --print\n", self);
	int fd = OK(open("script", O_CREAT | O_WRONLY, 0700));
	EQ(write(fd, text, strlen(text)), strlen(text));
	OK(close(fd));
	SHOW(execve("script", none, environ));
}

static void make_script(const char *path, const char *format)
{
	char text[1024];
	find_self();
	enter_scratch();
	snprintf(text, sizeof text, format, self);
	int fd = OK(open(path, O_CREAT | O_WRONLY, 0700));
	EQ(write(fd, text, strlen(text)), strlen(text));
	OK(close(fd));
}

CASE(script_gets_its_path_as_argument)
{
	make_script("script", "#!%s --print\nrest\n");
	SHOW(execl("./script", "zero", "one", "two", (char *)0));
}

CASE(script_argument_is_one_word_with_its_blanks)
{
	int ends[2];
	char text[4096];
	make_script("script", "#!%s  --list more  words \t \n");
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		/* "--list more  words" is not a known option nor a case's name: nothing is run and nothing printed. */
		dup2(ends[1], 1);
		execl("./script", "zero", (char *)0);
		_exit(100);
	}
	close(ends[1]);
	EQ(read(ends[0], text, sizeof text), 0);
	EQ(exit_code(child), 0);
}

CASE(script_without_a_last_newline)
{
	make_script("script", "#!%s --print");
	SHOW(execl("./script", "zero", "one", (char *)0));
}

CASE(blanks_before_the_interpreter)
{
	make_script("script", "#! \t%s\t--print\n");
	SHOW(execl("./script", "zero", (char *)0));
}

CASE(script_whose_interpreter_is_a_script)
{
	make_script("inner", "#!%s --print\n");
	int fd = OK(open("outer", O_CREAT | O_WRONLY, 0700));
	EQ(write(fd, "#!./inner word\n", 15), 15);
	OK(close(fd));
	SHOW(execl("./outer", "zero", "one", (char *)0));
}

CASE(interpreter_line_of_more_than_256_bytes_is_cut_only_in_the_argument)
{
	char text[700], *environment[] = {0};
	find_self();
	enter_scratch();
	size_t n = snprintf(text, sizeof text, "#!%s --print ", self);
	memset(text + n, 'x', 400);
	text[n + 400] = '\n';
	int fd = OK(open("script", O_CREAT | O_WRONLY, 0700));
	EQ(write(fd, text, n + 401), n + 401);
	OK(close(fd));
	pid_t child = OK(fork());
	if (child == 0) {
		char *arguments[] = {"a", 0};
		close(1);
		execve("./script", arguments, environment);
		_exit(100);
	}
	OUT("exit %d", exit_code(child));
}

CASE(posix_spawn_style_exec_after_vfork)
{
	find_self();
	pid_t child = vfork();
	if (child == 0) {
		execl(self, "name", "--list", (char *)0);
		_exit(127);
	}
	NOTE("child %d", child);
	CHECK(WIFEXITED(wait_status(child)));
}
