/* ioprio_set(2) and ioprio_get(2). */
#include "../check.h"
#include <sys/prctl.h>

enum { PROCESS = 1, GROUP, USER };
enum { NONE, REAL_TIME, BEST_EFFORT, IDLE };
#define VALUE(class, level) ((class) << 13 | (level))

static long get(int which, int who) { return syscall(SYS_ioprio_get, which, who); }
static long set(int which, int who, int value) { return syscall(SYS_ioprio_set, which, who, value); }
static void show(const char *what, long value)
{
	if (value < 0)
		OUT("%s: %s", what, errno_name(errno));
	else
		OUT("%s: class %ld level %ld", what, value >> 13, value & 0x1fff);
}

CASE(priorities)
{
	OK(setpgid(0, 0));
	show("at first", get(PROCESS, 0));
	show("the group's at first", get(GROUP, 0));
	OK(set(PROCESS, 0, VALUE(BEST_EFFORT, 2)));
	show("after", get(PROCESS, 0));
	show("by its number", get(PROCESS, getpid()));
	show("the group's", get(GROUP, 0));
	show("the group's by its number", get(GROUP, getpid()));
	OK(set(PROCESS, 0, VALUE(IDLE, 0)));
	show("idle", get(PROCESS, 0));
	OK(set(PROCESS, 0, VALUE(IDLE, 5)));
	show("idle of a level", get(PROCESS, 0));
	OK(set(PROCESS, 0, VALUE(REAL_TIME, 1)));
	show("real time", get(PROCESS, 0));
	OK(set(PROCESS, 0, VALUE(NONE, 0)));
	show("none", get(PROCESS, 0));
	show("the group's of none", get(GROUP, 0));
	OK(setpriority(PRIO_PROCESS, 0, 10));
	show("none, nicer", get(PROCESS, 0));
	show("the group's of none, nicer", get(GROUP, 0));
}

CASE(children_inherit)
{
	OK(setpgid(0, 0));
	OK(set(PROCESS, 0, VALUE(BEST_EFFORT, 1)));
	IN_CHILD({
		show("a child's", get(PROCESS, 0));
		OK(set(PROCESS, 0, VALUE(BEST_EFFORT, 7)));
		show("the best of both", get(GROUP, 0));
	});
	show("still", get(PROCESS, 0));
	pid_t child = OK(fork());
	if (child == 0)
		for (;;)
			pause();
	OK(set(GROUP, 0, VALUE(BEST_EFFORT, 5)));
	show("set for the group", get(PROCESS, child));
	show("set for the group, own", get(PROCESS, 0));
	OK(kill(child, SIGKILL));
	wait_status(child);
}

CASE(sharing_with_CLONE_IO)
{
	OK(set(PROCESS, 0, VALUE(BEST_EFFORT, 1)));
	pid_t child = OK(syscall(SYS_clone, 0x80000000UL | SIGCHLD, 0, 0, 0, 0));
	if (child == 0) {
		syscall(SYS_ioprio_set, PROCESS, 0, VALUE(BEST_EFFORT, 6));
		_exit(0);
	}
	EQ(exit_code(child), 0);
	show("after the child has set it", get(PROCESS, 0));
}

CASE(of_a_user)
{
	pid_t child = OK(fork());
	if (child == 0) {
		if (setuid(4321) != 0)
			_exit(1);
		for (;;)
			pause();
	}
	while (status_number(child, "Uid:") != 4321)
		sleep_ms(5);
	show("of a user", get(USER, 4321));
	OK(set(USER, 4321, VALUE(BEST_EFFORT, 3)));
	show("of a user", get(USER, 4321));
	show("of the user's process", get(PROCESS, child));
	show("of nobody", get(USER, 54321));
	show("of nobody", set(USER, 54321, VALUE(BEST_EFFORT, 3)));
	IN_CHILD({
		OK(setuid(4321));
		show("of the own user", get(USER, 0));
		show("set for the own user, as number 0", set(USER, 0, VALUE(BEST_EFFORT, 4)));
		show("of the other", get(PROCESS, child));
		show("of root", get(PROCESS, getppid()));
		show("setting root's", set(PROCESS, getppid(), VALUE(BEST_EFFORT, 4)));
		show("real time", set(PROCESS, 0, VALUE(REAL_TIME, 4)));
		show("real time of a wrong level", set(PROCESS, 0, VALUE(REAL_TIME, 8)));
		show("idle", set(PROCESS, 0, VALUE(IDLE, 0)));
	});
	OK(kill(child, SIGKILL));
	wait_status(child);
}

CASE(priority_errors)
{
	ERR(get(0, 0), EINVAL);
	ERR(get(4, 0), EINVAL);
	ERR(set(0, 0, VALUE(BEST_EFFORT, 0)), EINVAL);
	ERR(set(4, 0, VALUE(BEST_EFFORT, 0)), EINVAL);
	ERR(get(PROCESS, 1 << 29), ESRCH);
	ERR(set(PROCESS, 1 << 29, VALUE(BEST_EFFORT, 0)), ESRCH);
	ERR(get(PROCESS, -1), ESRCH);
	ERR(get(GROUP, 1 << 29), ESRCH);
	ERR(set(GROUP, 1 << 29, VALUE(BEST_EFFORT, 0)), ESRCH);
	show("level 8", set(PROCESS, 0, VALUE(BEST_EFFORT, 8)));
	show("after level 8", get(PROCESS, 0));
	show("class 4", set(PROCESS, 0, VALUE(4, 0)));
	show("class 7", set(PROCESS, 0, VALUE(7, 0)));
	show("none of a level", set(PROCESS, 0, VALUE(NONE, 1)));
	show("large", set(PROCESS, 0, 1 << 20));
	show("after the large one", get(PROCESS, 0));
	show("negative", set(PROCESS, 0, -1));
	show("a wrong class of nobody", set(PROCESS, 1 << 29, VALUE(4, 0)));
}
