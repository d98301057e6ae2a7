/* Cgroup namespaces (cgroup_namespaces(7)): what is the root, paths as each sees them, mounts inside, boundaries of delegation. */
#include "group.h"

CASE(the_root_is_where_one_is)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	OK(mkdir("c", 0755));
	OK(put("a/cgroup.procs", "0"));
	pid_t other = sleeping_child(), below = sleeping_child();
	OK(put_number("c/cgroup.procs", other));
	OK(put_number("a/b/cgroup.procs", below));
	IN_CHILD({
		OK(unshare(CLONE_NEWCGROUP));
		OUT("own %s", group_of(getpid()));
		OUT("beside %s", group_of(other));
		OUT("below %s", group_of(below));
		OUT("first %s", group_of(1));
		OK(put("a/b/cgroup.procs", "0"));
		OUT("moved %s", group_of(getpid()));
		IN_CHILD({
			OK(unshare(CLONE_NEWCGROUP));
			OUT("own %s", group_of(getpid()));
			OUT("beside %s", group_of(other));
			OUT("first %s", group_of(1));
		});
	});
	end_child(other);
	end_child(below);
	OK(put("../cgroup.procs", "0"));
}

/* The root and the place of the last mount of the hierarchy. */
static void show_mount(const char *what)
{
	static char text[16384];
	char *line = 0, place[256], root[256], name[300] = "";
	CHECK(read_file("/proc/self/mountinfo", text, sizeof text) > 0);
	for (char *at = strstr(text, " - cgroup2 "); at; at = strstr(at + 1, " - cgroup2 "))
		line = at;
	CHECK(line != 0);
	while (line > text && line[-1] != '\n')
		line--;
	CHECK(sscanf(line, "%*d %*d %*s %255s %255s", root, place) == 2);
	char *own = strstr(root, own_name);
	if (own)
		snprintf(name, sizeof name, "%.*sCASE%s", (int)(own - root), root, own + strlen(own_name));
	OUT("%s: %s", what, own ? name : root);
}

CASE(mounts_begin_at_the_root)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	OK(put("a/cgroup.procs", "0"));
	show_mount("before");
	IN_CHILD({
		OK(unshare(CLONE_NEWCGROUP | CLONE_NEWNS));
		show_mount("inside");
		OK(mkdir("/tmp/inner.groups", 0755));
		OK(mount("none", "/tmp/inner.groups", "cgroup2", 0, 0));
		show_mount("mounted inside");
		OK(access("/tmp/inner.groups/b/cgroup.type", F_OK));
		ERR(access("/tmp/inner.groups/a", F_OK), ENOENT);
		OK(access("/tmp/inner.groups/cgroup.events", F_OK));
		OK(mkdir("/tmp/inner.groups/made", 0755));
		OK(access("a/made", F_OK));
		OK(rmdir("/tmp/inner.groups/made"));
		OK(mount("/tmp/inner.groups/b", "/tmp/inner.groups/b", 0, MS_BIND, 0));
		show_mount("bound");
		OK(umount("/tmp/inner.groups/b"));
		OK(umount("/tmp/inner.groups"));
		OK(rmdir("/tmp/inner.groups"));
	});
	OK(mount("a/b", "a/b", 0, MS_BIND, 0));
	show_mount("bound outside");
	OK(umount("a/b"));
	OK(mount("a/cgroup.procs", "a/cgroup.procs", 0, MS_BIND, 0));
	show_mount("a file");
	OK(umount("a/cgroup.procs"));
	OK(put("../cgroup.procs", "0"));
}

CASE(setns_enters)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	OK(put("a/cgroup.procs", "0"));
	int first = OK(open("/proc/self/ns/cgroup", O_RDONLY));
	OK(unshare(CLONE_NEWCGROUP));
	int inner = OK(open("/proc/self/ns/cgroup", O_RDONLY));
	STR_EQ(group_of(getpid()), "0::/");
	OK(setns(first, CLONE_NEWCGROUP));
	OUT("first %s", group_of(getpid()));
	OK(put("a/b/cgroup.procs", "0"));
	OK(setns(inner, 0));
	OUT("inner %s", group_of(getpid()));
	ERR(setns(inner, CLONE_NEWUTS), EINVAL);
	OK(setns(inner, CLONE_NEWCGROUP));
	IN_CHILD({
		become_user(1000);
		ERR(setns(first, CLONE_NEWCGROUP), EPERM);
		ERR(unshare(CLONE_NEWCGROUP), EPERM);
		OK(unshare(CLONE_NEWUSER));
		ERR(setns(first, CLONE_NEWCGROUP), EPERM);
		OK(unshare(CLONE_NEWCGROUP));
		STR_EQ(group_of(getpid()), "0::/");
	});
	OK(setns(first, 0));
	OK(put("../cgroup.procs", "0"));
}

CASE(roots_that_are_removed)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(put("a/cgroup.procs", "0"));
	OK(unshare(CLONE_NEWCGROUP));
	OK(put("../cgroup.procs", "0"));
	OUT("above %s", group_of(getpid()));
	OK(rmdir("a"));
	OUT("above what is removed %s", group_of(getpid()));
	OK(mkdir("/tmp/gone.groups", 0755));
	OUT("mount: %s", mount("none", "/tmp/gone.groups", "cgroup2", 0, 0) ? errno_name(errno) : "works");
	umount("/tmp/gone.groups");
	OK(rmdir("/tmp/gone.groups"));
}

CASE(users_mount_in_their_namespaces)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(chown("a", 1000, 1000));
	OK(chown("a/cgroup.procs", 1000, 1000));
	OK(mkdir("/tmp/user.groups", 0777));
	OK(chmod("/tmp/user.groups", 0777));
	OK(put("a/cgroup.procs", "0"));
	IN_CHILD({
		become_user(1000);
		OK(unshare(CLONE_NEWUSER | CLONE_NEWNS));
		/* The cgroup namespace is still the first one's. */
		ERR(mount("none", "/tmp/user.groups", "cgroup2", 0, 0), EPERM);
		OK(unshare(CLONE_NEWCGROUP));
		OK(mount("none", "/tmp/user.groups", "cgroup2", 0, "nsdelegate"));
		OK(access("/tmp/user.groups/cgroup.events", F_OK));
		OK(mkdir("/tmp/user.groups/own", 0755));
		OK(put("/tmp/user.groups/own/cgroup.procs", "0"));
		OUT("%s", group_of(getpid()));
		OK(put("/tmp/user.groups/cgroup.procs", "0"));
		OK(rmdir("/tmp/user.groups/own"));
		/* Options are not for those inside. */
		CHECK(!strstr(get("/proc/self/mounts"), "nsdelegate"));
		ERR(mount("none", "/tmp/user.groups", 0, MS_REMOUNT, 0), EPERM);
	});
	OK(rmdir("/tmp/user.groups"));
	OK(put("../cgroup.procs", "0"));
}

CASE(boundaries_of_delegation)
{
	enter_group_with("nsdelegate");
	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	OK(mkdir("c", 0755));
	OK(put("a/cgroup.procs", "0"));
	int outside = OK(open("c/cgroup.procs", O_WRONLY)), depth = OK(open("a/cgroup.max.depth", O_WRONLY));
	pid_t other = sleeping_child();
	OK(put_number("c/cgroup.procs", other));
	IN_CHILD({
		OK(unshare(CLONE_NEWCGROUP));
		/* Limits of the root are not for those inside, unless the file was opened outside. */
		ERR(put("a/cgroup.max.depth", "5"), EPERM);
		ERR(put("a/cgroup.freeze", "0"), EPERM);
		ERR(put("a/cgroup.kill", "0"), EPERM);
		ERR(put("a/cgroup.type", "threaded"), EPERM);
		OK(put("a/b/cgroup.max.depth", "5"));
		OK(write(depth, "6", 1));
		/* Nor are processes and groups outside. */
		ERR(put("c/cgroup.procs", "0"), ENOENT);
		ERR(put_number("a/cgroup.procs", other), ENOENT);
		OK(put("a/b/cgroup.procs", "0"));
		OK(put("a/cgroup.procs", "0"));
		OK(write(outside, "0", 1));
		OUT("outside %s", group_of(getpid()));
		int fd = OK(open("c", O_RDONLY));
		ERR(clone_into(fd, 0), ENOENT);
	});
	end_child(other);
	OK(put("../cgroup.procs", "0"));
	OK(mount("none", hierarchy, "cgroup2", MS_REMOUNT, ""));
}
