/* Who may move whom: groups that were given to users. */
#include "group.h"

static void give(const char *group)
{
	char path[96];
	OK(chown(group, 1000, 1000));
	snprintf(path, sizeof path, "%s/cgroup.procs", group);
	OK(chown(path, 1000, 1000));
	snprintf(path, sizeof path, "%s/cgroup.threads", group);
	OK(chown(path, 1000, 1000));
}

CASE(users_make_groups_in_theirs)
{
	enter_group();
	OK(mkdir("a", 0755));
	give("a");
	IN_CHILD({
		become_user(1000);
		ERR(mkdir("x", 0755), EACCES);
		OK(mkdir("a/x", 0755));
		OK(mkdir("a/x/y", 0755));
		ERR(put("a/cgroup.max.descendants", "5"), EACCES);
		OK(put("a/x/cgroup.max.descendants", "5"));
		ERR(rmdir("a"), EACCES);
		OK(rmdir("a/x/y"));
	});
	IN_CHILD({
		become_user(1001);
		ERR(rmdir("a/x"), EACCES);
		ERR(mkdir("a/z", 0755), EACCES);
		ERR(open("a/x/cgroup.procs", O_WRONLY), EACCES);
		ERR(open("a/cgroup.kill", O_WRONLY), EACCES);
	});
}

CASE(moves_need_what_is_above_both)
{
	enter_group();
	OK(mkdir("a", 0755));
	give("a");
	IN_CHILD({
		become_user(1000);
		OK(mkdir("a/x", 0755));
		OK(mkdir("a/y", 0755));
		/* From outside: what is above both is not his. */
		ERR(put("a/x/cgroup.procs", "0"), EACCES);
	});
	pid_t child = sleeping_child();
	OK(put_number("a/x/cgroup.procs", child));
	IN_CHILD({
		become_user(1000);
		OK(put_number("a/y/cgroup.procs", child));
		OK(put_number("a/cgroup.procs", child));
		OK(put_number("a/x/cgroup.procs", child));
		ERR(put_number("cgroup.procs", child), EACCES);
	});
	OUT("%s", group_of(child));
	OK(chmod("a/cgroup.procs", 0444));
	IN_CHILD({
		become_user(1000);
		ERR(put_number("a/y/cgroup.procs", child), EACCES);
		OK(put_number("a/x/cgroup.procs", child));
	});
	end_child(child);
}

CASE(who_opened_the_file_counts)
{
	enter_group();
	OK(mkdir("a", 0755));
	give("a");
	int fd = OK(open("a/cgroup.procs", O_WRONLY));
	IN_CHILD({
		become_user(1000);
		OK(write(fd, "0", 1));
		OUT("%s", group_of(getpid()));
		int own = OK(open("a/cgroup.procs", O_WRONLY));
		/* The same file, opened by a user, is no help to root. */
		IN_CHILD({ OK(write(own, "0", 1)); });
	});
	int pipes[2];
	OK(pipe(pipes));
	OK(setegid(1000));
	OK(seteuid(1000));
	int weak = OK(open("a/cgroup.procs", O_WRONLY));
	OK(seteuid(0));
	OK(setegid(0));
	ERR(write(weak, "0", 1), EACCES);
}
