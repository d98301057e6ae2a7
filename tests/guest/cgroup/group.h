/* A control group for each case: mounts the hierarchy in a mount namespace of the case's own, makes a group and enters its directory. */
#ifndef GROUP_H
#define GROUP_H
#include "../check.h"
#include <dirent.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/statfs.h>

static char hierarchy[64], own_name[32];

/* Writes a text with one write(2); 0, or -1 with errno. */
__attribute__((unused)) static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	int error = errno;
	close(fd);
	errno = error;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}
__attribute__((unused)) static int put_number(const char *path, long number)
{
	char text[32];
	snprintf(text, sizeof text, "%ld\n", number);
	return put(path, text);
}
/* The text of a file, without the last line's end. */
__attribute__((unused)) static const char *get(const char *path)
{
	static char texts[4][1024];
	static int turn;
	char *text = texts[turn++ % 4];
	if (read_file(path, text, sizeof texts[0]) < 0)
		FAIL("open %s got %s", path, errno_name(errno));
	size_t length = strlen(text);
	if (length && text[length - 1] == '\n')
		text[length - 1] = 0;
	return text;
}
/* Whether a number is among the lines of a file. */
__attribute__((unused)) static int lists(const char *path, long number)
{
	static char text[65536];
	if (read_file(path, text, sizeof text) < 0)
		FAIL("read %s got %s", path, errno_name(errno));
	for (char *at = text; *at; at = strchr(at, '\n') + 1)
		if (strtol(at, 0, 10) == number)
			return 1;
	return 0;
}
/* The value of a word in a file such as cgroup.events. */
__attribute__((unused)) static long value(const char *path, const char *word)
{
	const char *text = get(path), *at = strstr(text, word);
	if (!at)
		FAIL("%s in %s got \"%s\"", word, path, text);
	return strtol(at + strlen(word), 0, 10);
}
/* Waits up to two seconds for a value. */
#define WAIT_VALUE(path, word, wanted)                                                                                 \
	do {                                                                                                           \
		for (int tries_ = 0; value(path, word) != (wanted) && tries_ < 400; tries_++)                          \
			sleep_ms(5);                                                                                   \
		EQ(value(path, word), wanted);                                                                         \
	} while (0)

static void leave_group(void);

static void enter_group_with(const char *options)
{
	OK(unshare(CLONE_NEWNS));
	OK(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0));
	strcpy(hierarchy, "/tmp/groups.XXXXXX");
	CHECK(mkdtemp(hierarchy) != 0);
	OK(chmod(hierarchy, 0755));
	OK(mount("none", hierarchy, "cgroup2", 0, options));
	OK(chdir(hierarchy));
	snprintf(own_name, sizeof own_name, "case%d", getpid());
	OK(mkdir(own_name, 0755));
	OK(chdir(own_name));
	atexit(leave_group);
}
__attribute__((unused)) static void enter_group(void)
{
	enter_group_with(0);
}

static void remove_below(void)
{
	DIR *directory = opendir(".");
	struct dirent *entry;
	while (directory && (entry = readdir(directory)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && chdir(entry->d_name) == 0) {
			remove_below();
			(void)!chdir("..");
			rmdir(entry->d_name);
		}
	if (directory)
		closedir(directory);
}
/* Back to the root, and everything removed. */
static void leave_group(void)
{
	if (chdir(hierarchy) == 0 && chdir(own_name) == 0) {
		put("../cgroup.procs", "0");
		remove_below();
		(void)!chdir("..");
		rmdir(own_name);
	}
}

/* The line of a process in the default hierarchy, with the name of the case's group shown as CASE. */
__attribute__((unused)) static const char *group_of(pid_t pid)
{
	static char shown[1024];
	char path[64], text[2048];
	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
	CHECK(read_file(path, text, sizeof text) > 0);
	char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	CHECK(line != 0);
	line += *line == '\n';
	line[strcspn(line, "\n")] = 0;
	char *name = strstr(line, own_name);
	if (name && *own_name)
		snprintf(shown, sizeof shown, "%.*sCASE%s", (int)(name - line), line, name + strlen(own_name));
	else
		snprintf(shown, sizeof shown, "%s", line);
	return shown;
}

/* The case goes on as a user without privileges. */
__attribute__((unused)) static void become_user(unsigned id)
{
	OK(syscall(SYS_setgroups, 0, 0));
	OK(setresgid(id, id, id));
	OK(setresuid(id, id, id));
}

__attribute__((unused)) static pid_t clone_into(int fd, unsigned long long flags)
{
	struct clone_args arguments = {.flags = flags | CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = fd};
	return syscall(SYS_clone3, &arguments, sizeof arguments);
}
#endif
