/* The kinds of namespaces that change only what is named: IPC, network, cgroup; and all kinds through each call that makes them. */
#include "../check.h"
#include <linux/sched.h>
#include <sys/ioctl.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static const struct {
	const char *name, *link;
	unsigned long long flag;
} kinds[] = {
	{"cgroup", "cgroup", CLONE_NEWCGROUP}, {"ipc", "ipc", CLONE_NEWIPC},   {"mnt", "mnt", CLONE_NEWNS},
	{"net", "net", CLONE_NEWNET},          {"pid", "pid_for_children", CLONE_NEWPID},
	{"time", "time_for_children", CLONE_NEWTIME}, {"user", "user", CLONE_NEWUSER}, {"uts", "uts", CLONE_NEWUTS},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static ino_t inode_of(const char *name)
{
	char path[64], text[64] = "";
	snprintf(path, sizeof path, "/proc/self/ns/%s", name);
	if (readlink(path, text, sizeof text - 1) < 0)
		return 0;
	return strtoul(strchr(text, '[') + 1, 0, 10);
}

CASE(unshare_makes_each)
{
	for (size_t i = 0; i < KINDS; i++)
		IN_CHILD({
			ino_t before = inode_of(kinds[i].link);
			CHECK(before != 0);
			OK(unshare((int)kinds[i].flag));
			CHECK(inode_of(kinds[i].link) != before);
			for (size_t k = 0; k < KINDS; k++)
				if (k != i && kinds[k].flag != CLONE_NEWUSER)
					CHECK(inode_of(kinds[k].link) != 0);
		});
}

CASE(clone3_makes_each)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct clone_args arguments = {.flags = kinds[i].flag, .exit_signal = SIGCHLD};
		const char *link = kinds[i].flag == CLONE_NEWPID ? "pid" : kinds[i].flag == CLONE_NEWTIME ? "time" : kinds[i].link;
		int told[2];
		ino_t before = inode_of(link), after = 0;
		OK(pipe(told));
		pid_t child = OK(syscall(SYS_clone3, &arguments, sizeof arguments));
		if (child == 0) {
			/* In a new pid namespace /proc shows nobody's self. */
			after = kinds[i].flag == CLONE_NEWPID ? getpid() : inode_of(link);
			OK(write(told[1], &after, sizeof after));
			_exit(0);
		}
		OK(read(told[0], &after, sizeof after));
		EQ(exit_code(child), 0);
		CHECK(after != 0 && after != before);
		close(told[0]);
		close(told[1]);
	}
}

CASE(all_together)
{
	unsigned long long all = 0;
	for (size_t i = 0; i < KINDS; i++)
		all |= kinds[i].flag;
	IN_CHILD({
		ino_t before = inode_of("ipc");
		OK(unshare((int)all));
		CHECK(inode_of("ipc") != before);
		EQ(OK(fork()) ? 0 : (_exit(0), 0), 0);
		wait(0);
	});
	ERR(unshare((int)all | CLONE_PARENT), EINVAL);
}

CASE(privileges_for_each)
{
	OK(setresgid(1000, 1000, 1000));
	OK(setresuid(1000, 1000, 1000));
	for (size_t i = 0; i < KINDS; i++) {
		if (kinds[i].flag == CLONE_NEWUSER)
			continue;
		struct clone_args arguments = {.flags = kinds[i].flag, .exit_signal = SIGCHLD};
		ERR(unshare((int)kinds[i].flag), EPERM);
		ERR(syscall(SYS_clone3, &arguments, sizeof arguments), EPERM);
	}
}

CASE(setns_takes_each)
{
	for (size_t i = 0; i < KINDS; i++) {
		char path[64];
		const char *link = kinds[i].flag == CLONE_NEWPID ? "pid" : kinds[i].flag == CLONE_NEWTIME ? "time" : kinds[i].link;
		snprintf(path, sizeof path, "/proc/self/ns/%s", link);
		int fd = OK(open(path, O_RDONLY));
		IN_CHILD({
			ino_t before = inode_of(kinds[i].link);
			if (kinds[i].flag != CLONE_NEWUSER) {
				OK(unshare((int)kinds[i].flag));
				OK(setns(fd, (int)kinds[i].flag));
				EQ(inode_of(kinds[i].link), before);
			} else
				ERR(setns(fd, 0), EINVAL);
		});
		IN_CHILD({
			OK(seteuid(1000));
			if (kinds[i].flag != CLONE_NEWUSER)
				ERR(setns(fd, 0), EPERM);
		});
		close(fd);
	}
}

CASE(ipc_namespaces_leave_undo_lists)
{
	ERR(syscall(SYS_clone, CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0), EINVAL);
	OK(unshare(CLONE_NEWIPC | CLONE_SYSVSEM));
}
