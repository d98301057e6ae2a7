/* Threaded mode (cgroups(7)): groups that take threads. */
#include "group.h"

static const char *types(void)
{
	static char text[512];
	static const char *const groups[] = {".", "a", "a/b", "a/b/c", "a/d"};
	text[0] = 0;
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		char path[64];
		snprintf(path, sizeof path, "%s/cgroup.type", groups[i]);
		if (access(path, F_OK) == 0)
			snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s: %s", i ? ", " : "", groups[i], get(path));
	}
	return text;
}

CASE(types)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	OK(mkdir("a/b/c", 0755));
	OUT("%s", types());
	static const char *const texts[] = {"domain", "", "threads", "domain threaded"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		OUT("%s: %s", texts[i], put("a/b/cgroup.type", texts[i]) ? errno_name(errno) : "taken");
	OK(put("a/b/cgroup.type", "threaded\n"));
	OUT("%s", types());
	OK(put("a/b/cgroup.type", "threaded"));
	ERR(put("a/b/cgroup.type", "domain"), EINVAL);
	OK(mkdir("a/d", 0755));
	OUT("%s", types());
	ERR(put("a/d/cgroup.procs", "0"), EOPNOTSUPP);
	ERR(put("a/b/c/cgroup.procs", "0"), EOPNOTSUPP);
	OK(put("a/b/c/cgroup.type", "threaded"));
	OUT("%s", types());
	char byte;
	ERR(read(OK(open("a/b/cgroup.procs", O_RDONLY)), &byte, 1), EOPNOTSUPP);
	ERR(put("a/b/cgroup.kill", "1"), EOPNOTSUPP);
	OK(rmdir("a/d"));
	OK(rmdir("a/b/c"));
	OK(rmdir("a/b"));
	OUT("%s", types());
}

CASE(what_cannot_be_threaded)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	OK(mkdir("a/d", 0755));
	pid_t child = sleeping_child();
	OK(put_number("a/b/cgroup.procs", child));
	ERR(put("a/b/cgroup.type", "threaded"), EOPNOTSUPP);
	/* A domain beside it has processes. */
	ERR(put("a/d/cgroup.type", "threaded"), EOPNOTSUPP);
	OK(put_number("a/cgroup.procs", child));
	OK(put("a/d/cgroup.type", "threaded"));
	ERR(put_number("a/b/cgroup.procs", child), EOPNOTSUPP);
	OUT("%s", types());
	/* Groups of the root can be. */
	OK(put_number("../cgroup.procs", child));
	OUT("%s", types());
	end_child(child);
}

static pid_t other;
static int told[2];
static void *body(void *argument)
{
	(void)argument;
	other = syscall(SYS_gettid);
	OK(write(told[1], "", 1));
	for (;;)
		pause();
	return 0;
}

CASE(threads_move_alone)
{
	enter_group();
	char byte;
	pthread_t thread;
	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	OK(mkdir("a/c", 0755));
	OK(put("a/b/cgroup.type", "threaded"));
	OK(put("a/c/cgroup.type", "threaded"));
	OK(pipe(told));
	EQ(pthread_create(&thread, 0, body, 0), 0);
	OK(read(told[0], &byte, 1));
	/* The process has to be in the domain first. */
	ERR(put_number("a/b/cgroup.threads", other), EOPNOTSUPP);
	OK(put("a/cgroup.procs", "0"));
	OK(put_number("a/b/cgroup.threads", other));
	EQ(lists("a/b/cgroup.threads", other), 1);
	EQ(lists("a/cgroup.threads", other), 0);
	EQ(lists("a/cgroup.threads", getpid()), 1);
	EQ(lists("a/cgroup.procs", getpid()), 1);
	OUT("leader %s", group_of(getpid()));
	char path[64], text[256];
	snprintf(path, sizeof path, "/proc/self/task/%d/cgroup", (int)other);
	CHECK(read_file(path, text, sizeof text) > 0);
	OUT("thread is in b: %d", strstr(text, "/a/b\n") != 0);
	EQ(value("a/b/cgroup.events", "populated "), 1);
	OK(put_number("a/c/cgroup.threads", getpid()));
	EQ(lists("a/cgroup.procs", getpid()), 1);
	EQ(lists("a/cgroup.threads", getpid()), 0);
	/* A thread that this one makes begins beside it. */
	EQ(pthread_create(&thread, 0, body, 0), 0);
	OK(read(told[0], &byte, 1));
	EQ(lists("a/c/cgroup.threads", other), 1);
	/* The whole process, to a threaded group. */
	OK(put("a/b/cgroup.procs", "0"));
	EQ(value("a/c/cgroup.events", "populated "), 0);
	EQ(lists("a/b/cgroup.threads", other), 1);
	EQ(lists("a/b/cgroup.threads", getpid()), 1);
	ERR(put("cgroup.threads", "0"), EOPNOTSUPP);
	OK(put("../cgroup.procs", "0"));
	EQ(value("a/cgroup.events", "populated "), 0);
}

CASE(threads_begin_in_threaded_groups)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	OK(put("a/b/cgroup.type", "threaded"));
	OK(put("a/cgroup.procs", "0"));
	int fd = OK(open("a/b", O_RDONLY));
	pid_t child = OK(clone_into(fd, 0));
	if (child == 0)
		_exit(lists("a/b/cgroup.threads", getpid()) ? 0 : 1);
	EQ(exit_code(child), 0);
	OK(put("../cgroup.procs", "0"));
}
