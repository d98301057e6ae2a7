/* CLONE_INTO_CGROUP of clone3(2). */
#include "group.h"

CASE(children_begin_in_a_group)
{
	enter_group();
	OK(mkdir("a", 0755));
	int fd = OK(open("a", O_RDONLY | O_DIRECTORY)), place = OK(open("a", O_PATH));
	for (int i = 0; i < 2; i++) {
		pid_t child = OK(clone_into(i ? place : fd, 0));
		if (child == 0) {
			CHECK(lists("a/cgroup.procs", getpid()));
			_exit(7);
		}
		EQ(exit_code(child), 7);
	}
	WAIT_VALUE("a/cgroup.events", "populated ", 0);
	pid_t child = OK(clone_into(fd, 0));
	if (child == 0)
		for (;;)
			pause();
	OUT("%s", group_of(child));
	EQ(value("a/cgroup.events", "populated "), 1);
	int root = OK(open(hierarchy, O_RDONLY));
	pid_t other = OK(clone_into(root, 0));
	if (other == 0)
		_exit(lists("../cgroup.procs", getpid()) ? 0 : 1);
	EQ(exit_code(other), 0);
	end_child(child);
	/* From a group to another, and to the root. */
	OK(mkdir("b", 0755));
	OK(put("b/cgroup.procs", "0"));
	child = OK(clone_into(fd, 0));
	if (child == 0)
		_exit(lists("a/cgroup.procs", getpid()) && !lists("b/cgroup.procs", getpid()) ? 0 : 1);
	EQ(exit_code(child), 0);
	child = OK(clone_into(root, 0));
	if (child == 0)
		_exit(lists("../cgroup.procs", getpid()) ? 0 : 1);
	EQ(exit_code(child), 0);
	OK(put("../cgroup.procs", "0"));
	WAIT_VALUE("b/cgroup.events", "populated ", 0);
}

CASE(what_is_no_group)
{
	enter_group();
	int file = OK(open("cgroup.procs", O_RDWR)), plain = OK(open("/tmp", O_RDONLY)), ends[2];
	OK(pipe(ends));
	ERR(clone_into(-1, 0), EINVAL);
	ERR(clone_into(1000, 0), EBADF);
	ERR(clone_into(file, 0), EBADF);
	ERR(clone_into(plain, 0), EBADF);
	ERR(clone_into(ends[0], 0), EBADF);
	struct clone_args small = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = plain};
	ERR(syscall(SYS_clone3, &small, 80), EINVAL);
	struct clone_args odd = {.exit_signal = SIGCHLD, .cgroup = 1000};
	pid_t child = OK(syscall(SYS_clone3, &odd, sizeof odd));
	if (child == 0)
		_exit(0);
	EQ(exit_code(child), 0);
}

CASE(removed_groups)
{
	enter_group();
	OK(mkdir("a", 0755));
	int fd = OK(open("a", O_RDONLY));
	OK(rmdir("a"));
	pid_t child = clone_into(fd, 0);
	OUT("removed: %d %s", (int)child, errno_name(errno));
	if (child == 0)
		_exit(0);
}

CASE(permissions)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(mkdir("b", 0755));
	int a = OK(open("a", O_RDONLY)), b = OK(open("b", O_RDONLY));
	OK(put("b/cgroup.procs", "0"));
	IN_CHILD({
		become_user(1000);
		ERR(clone_into(a, 0), EACCES);
		ERR(clone_into(b, 0), EACCES);
	});
	OK(chown("a/cgroup.procs", 1000, 1000));
	IN_CHILD({
		become_user(1000);
		/* What is above both is not his. */
		ERR(clone_into(a, 0), EACCES);
	});
	OK(chown("cgroup.procs", 1000, 1000));
	IN_CHILD({
		become_user(1000);
		pid_t child = OK(clone_into(a, 0));
		if (child == 0)
			_exit(0);
		EQ(exit_code(child), 0);
		ERR(clone_into(b, 0), EACCES);
	});
	OK(put("../cgroup.procs", "0"));
}

CASE(threads_do_not_leave_their_domain)
{
	enter_group();
	OK(mkdir("a", 0755));
	int a = OK(open("a", O_RDONLY));
	static char stack[65536] __attribute__((aligned(16)));
	struct clone_args arguments = {.flags = CLONE_INTO_CGROUP | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_FS | CLONE_FILES,
				       .stack = (uintptr_t)stack,
				       .stack_size = sizeof stack,
				       .cgroup = a};
	ERR(syscall(SYS_clone3, &arguments, sizeof arguments), EOPNOTSUPP);
}

CASE(namespaces_begin_where_the_child_does)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	int fd = OK(open("a", O_RDONLY));
	pid_t child = OK(clone_into(fd, CLONE_NEWCGROUP));
	if (child == 0) {
		STR_EQ(group_of(getpid()), "0::/");
		STR_EQ(group_of(getppid()), "0::/../..");
		_exit(0);
	}
	EQ(exit_code(child), 0);
	struct clone_args arguments = {.flags = CLONE_NEWCGROUP, .exit_signal = SIGCHLD};
	OK(put("a/b/cgroup.procs", "0"));
	child = OK(syscall(SYS_clone3, &arguments, sizeof arguments));
	if (child == 0) {
		STR_EQ(group_of(getpid()), "0::/");
		OK(put("../cgroup.procs", "0"));
		OUT("moved out %s", group_of(getpid()));
		_exit(0);
	}
	EQ(exit_code(child), 0);
	OK(put("../cgroup.procs", "0"));
}

CASE(pidfds_and_ids_are_given_back)
{
	enter_group();
	int plain = OK(open("/tmp", O_RDONLY));
	for (int i = 0; i < 100; i++) {
		int pidfd = -1;
		struct clone_args arguments = {.flags = CLONE_INTO_CGROUP | CLONE_PIDFD | CLONE_NEWPID,
					       .exit_signal = SIGCHLD,
					       .pidfd = (uintptr_t)&pidfd,
					       .cgroup = plain};
		ERR(syscall(SYS_clone3, &arguments, sizeof arguments), EBADF);
	}
	EQ(OK(dup(0)), plain + 1);
}
