/* Which processes are in which control group: moving them, children, the end, and who is told. */
#include "group.h"

static pid_t child_in(const char *group)
{
	pid_t child = sleeping_child();
	char path[64];
	snprintf(path, sizeof path, "%s/cgroup.procs", group);
	OK(put_number(path, child));
	return child;
}

CASE(processes_move)
{
	enter_group();
	OK(mkdir("a", 0755));
	pid_t child = sleeping_child();
	OUT("before %s", group_of(child));
	OK(put_number("a/cgroup.procs", child));
	OUT("after %s", group_of(child));
	EQ(lists("a/cgroup.procs", child), 1);
	EQ(lists("a/cgroup.threads", child), 1);
	EQ(lists("cgroup.procs", child), 0);
	OUT("%s, above %s", get("a/cgroup.events"), get("cgroup.events"));
	ERR(rmdir("a"), EBUSY);
	OK(put_number("../cgroup.procs", child));
	EQ(lists("a/cgroup.procs", child), 0);
	EQ(lists("../cgroup.procs", child), 1);
	STR_EQ(get("a/cgroup.procs"), "");
	EQ(value("a/cgroup.events", "populated "), 0);
	OK(rmdir("a"));
	end_child(child);
}

CASE(the_writer_itself)
{
	enter_group();
	OK(put("cgroup.procs", "0"));
	OUT("%s", group_of(getpid()));
	EQ(lists("cgroup.procs", getpid()), 1);
	pid_t child = OK(fork());
	if (child == 0) {
		CHECK(lists("cgroup.procs", getpid()));
		_exit(0);
	}
	EQ(exit_code(child), 0);
	OK(put("cgroup.procs", "  0 \n"));
	OK(put("../cgroup.procs", "0"));
	EQ(value("cgroup.events", "populated "), 0);
}

CASE(what_is_no_process)
{
	enter_group();
	static const char *const texts[] = {"", " ", "x", "-1", "99999999999", "4194304", "1 2", "0x", "2"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		int result = put("cgroup.procs", texts[i]);
		OUT("procs \"%s\": %s", texts[i], result ? errno_name(errno) : "taken");
	}
	pid_t child = OK(fork());
	if (child == 0)
		_exit(0);
	WAIT_STATE(child, 'Z');
	OUT("zombie: %s", put_number("cgroup.procs", child) ? errno_name(errno) : "taken");
	OUT("zombie is in %s", group_of(child));
	wait_status(child);
	ERR(put_number("cgroup.procs", child), ESRCH);
}

CASE(the_end_leaves_the_group)
{
	enter_group();
	OK(mkdir("a", 0755));
	pid_t child = child_in("a");
	EQ(value("a/cgroup.events", "populated "), 1);
	OK(kill(child, SIGKILL));
	WAIT_STATE(child, 'Z');
	EQ(value("a/cgroup.events", "populated "), 0);
	EQ(lists("a/cgroup.procs", child), 0);
	OUT("zombie %s", group_of(child));
	OK(rmdir("a"));
	OUT("zombie of what is removed %s", group_of(child));
	wait_status(child);
}

static void *wait_for_end(void *argument)
{
	(void)argument;
	for (;;)
		pause();
	return 0;
}
CASE(threads_move_with_their_process)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(mkdir("b", 0755));
	pthread_t thread;
	for (int i = 0; i < 3; i++)
		EQ(pthread_create(&thread, 0, wait_for_end, 0), 0);
	OK(put("a/cgroup.procs", "0"));
	char text[256], *at = text;
	int lines = 0;
	CHECK(read_file("a/cgroup.threads", text, sizeof text) > 0);
	while ((at = strchr(at, '\n')))
		lines++, at++;
	EQ(lines, 4);
	EQ(pthread_create(&thread, 0, wait_for_end, 0), 0);
	/* A thread stands for its process. */
	DIR *tasks = opendir("/proc/self/task");
	long other = 0;
	for (struct dirent *entry; (entry = readdir(tasks));)
		if (atol(entry->d_name) && atol(entry->d_name) != getpid())
			other = atol(entry->d_name);
	closedir(tasks);
	OK(put_number("b/cgroup.procs", other));
	EQ(value("a/cgroup.events", "populated "), 0);
	EQ(lists("b/cgroup.procs", getpid()), 1);
	EQ(lists("b/cgroup.threads", other), 1);
	EQ(lists("b/cgroup.procs", other), 0);
	/* One thread alone leaves no domain. */
	ERR(put_number("a/cgroup.threads", other), EOPNOTSUPP);
	OK(put_number("b/cgroup.threads", other));
	OK(put("../cgroup.procs", "0"));
	EQ(value("b/cgroup.events", "populated "), 0);
}

CASE(leaders_that_ended)
{
	enter_group();
	OK(mkdir("a", 0755));
	int ready[2];
	OK(pipe(ready));
	pid_t child = OK(fork());
	if (child == 0) {
		pthread_t thread;
		pthread_create(&thread, 0, wait_for_end, 0);
		OK(put("a/cgroup.procs", "0"));
		OK(write(ready[1], "", 1));
		syscall(SYS_exit, 0);
	}
	char byte;
	OK(read(ready[0], &byte, 1));
	WAIT_STATE(child, 'Z');
	EQ(lists("a/cgroup.procs", child), 1);
	EQ(lists("a/cgroup.threads", child), 0);
	EQ(value("a/cgroup.events", "populated "), 1);
	OUT("it is in %s", group_of(child));
	end_child(child);
	EQ(value("a/cgroup.events", "populated "), 0);
}

CASE(who_polls_is_told)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	int fd = OK(open("a/cgroup.events", O_RDONLY));
	struct pollfd entry = {.fd = fd, .events = POLLPRI};
	char text[64];
	EQ(poll(&entry, 1, 0), 1);
	OUT("at first 0x%x", entry.revents);
	OK(read(fd, text, sizeof text));
	EQ(poll(&entry, 1, 0), 0);
	pid_t child = child_in("a/b");
	EQ(poll(&entry, 1, 2000), 1);
	OUT("populated 0x%x", entry.revents);
	EQ(pread(fd, text, sizeof text, 0), 21);
	EQ(strncmp(text, "populated 1", 11), 0);
	EQ(poll(&entry, 1, 0), 0);
	sleep_ms(30);
	end_child(child);
	EQ(poll(&entry, 1, 2000), 1);
	EQ(pread(fd, text, sizeof text, 0), 21);
	EQ(strncmp(text, "populated 0", 11), 0);
	entry = (struct pollfd){.fd = OK(open("a/cgroup.stat", O_RDONLY)), .events = POLLPRI | POLLIN};
	EQ(poll(&entry, 1, 0), 1);
	OUT("other files 0x%x", entry.revents);
}

CASE(who_watches_is_told)
{
	enter_group();
	OK(mkdir("a", 0755));
	int watch = OK(inotify_init1(IN_NONBLOCK));
	int own = OK(inotify_add_watch(watch, "a/cgroup.events", IN_MODIFY));
	int above = OK(inotify_add_watch(watch, "a", IN_MODIFY));
	pid_t child = child_in("a");
	char buffer[1024];
	int seen = 0;
	ssize_t length = 0;
	for (int tries = 0; tries < 200 && seen != 3; tries++) {
		sleep_ms(10);
		if ((length = read(watch, buffer, sizeof buffer)) < 0)
			continue;
		for (char *at = buffer; at < buffer + length; at += sizeof(struct inotify_event) + ((struct inotify_event *)at)->len) {
			struct inotify_event *event = (struct inotify_event *)at;
			if (event->wd == own && event->mask == IN_MODIFY)
				seen |= 1;
			if (event->wd == above && strcmp(event->name, "cgroup.events") == 0)
				seen |= 2;
			/* Moving wrote to cgroup.procs, too. */
		}
	}
	EQ(seen, 3);
	end_child(child);
}

CASE(children_are_where_their_parents_are)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(put("a/cgroup.procs", "0"));
	for (int i = 0; i < 50; i++) {
		pid_t child = i % 2 ? vfork() : fork();
		if (child == 0)
			_exit(0);
		OK(child);
		EQ(exit_code(child), 0);
	}
	pid_t child = sleeping_child();
	EQ(lists("a/cgroup.procs", child), 1);
	OK(put("../cgroup.procs", "0"));
	EQ(value("a/cgroup.events", "populated "), 1);
	OUT("child %s", group_of(child));
	end_child(child);
	EQ(value("a/cgroup.events", "populated "), 0);
}

CASE(programs_keep_their_group)
{
	char program[512] = "";
	OK(readlink("/proc/self/exe", program, sizeof program - 1));
	enter_group();
	pid_t child = OK(fork());
	if (child == 0) {
		/* What it prints has no place to go: it waits. */
		int full[2];
		OK(pipe(full));
		OK(fcntl(full[1], F_SETFL, O_NONBLOCK));
		while (write(full[1], "x", 1) == 1) {
		}
		OK(fcntl(full[1], F_SETFL, 0));
		OK(dup2(full[1], 1));
		OK(put("cgroup.procs", "0"));
		execl(program, program, "--list", (char *)0);
		_exit(CHECK_FAILED);
	}
	for (int i = 0; i < 400 && !lists("cgroup.procs", child); i++)
		sleep_ms(5);
	sleep_ms(50);
	OUT("%s", group_of(child));
	EQ(lists("cgroup.procs", child), 1);
	kill(child, SIGKILL);
	wait_status(child);
}

CASE_WITHIN(moving_while_forking, 40)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(mkdir("b", 0755));
	pid_t child = OK(fork());
	if (child == 0)
		for (;;) {
			pid_t inner = fork();
			if (inner == 0)
				_exit(0);
			if (inner > 0)
				waitpid(inner, 0, 0);
		}
	for (int i = 0; i < 300; i++)
		OK(put_number(i % 2 ? "a/cgroup.procs" : "b/cgroup.procs", child));
	OK(put_number("../cgroup.procs", child));
	WAIT_VALUE("a/cgroup.events", "populated ", 0);
	WAIT_VALUE("b/cgroup.events", "populated ", 0);
	OK(rmdir("a"));
	OK(rmdir("b"));
	end_child(child);
}
