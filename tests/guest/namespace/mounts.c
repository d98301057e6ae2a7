/* Mount namespaces and how mounts spread between mounts (mount_namespaces(7)). */
#include "../check.h"
#include <sys/mount.h>

#ifndef MNT_EXPIRE
#define MNT_EXPIRE 4
#endif

/* A mount namespace of the case's own, with a fresh tmpfs to work in that is mounted private. */
static void own_namespace(void)
{
	OK(unshare(CLONE_NEWNS));
	OK(mount("none", "/", 0, MS_REC | MS_PRIVATE, 0));
	enter_scratch();
	OK(mount("work", ".", "tmpfs", 0, 0));
	char path[256];
	CHECK(getcwd(path, sizeof path) != 0);
	OK(chdir(path));
}
static void directory(const char *path)
{
	OK(mkdir(path, 0755));
}
static void file(const char *path)
{
	close(OK(open(path, O_CREAT | O_WRONLY, 0644)));
}
static int there(const char *path)
{
	return access(path, F_OK) == 0;
}
/* The optional fields of the topmost mount at a path below the scratch directory, with groups numbered as they are met. */
static void fields(const char *what, const char *path)
{
	static int groups[32], known;
	char text[16384], full[512], cwd[256], shown[256] = "", *line = text, *found = 0;
	CHECK(getcwd(cwd, sizeof cwd) != 0);
	snprintf(full, sizeof full, " %s/%s ", cwd, path);
	CHECK(read_file("/proc/self/mountinfo", text, sizeof text) > 0);
	for (char *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		if (strstr(line, full))
			found = line;
	}
	CHECK(found != 0);
	char *end = strstr(found, " - ");
	CHECK(end != 0);
	*end = 0;
	char *field = strstr(found, full) + strlen(full);
	strtok(field, " "); /* the flags */
	while ((field = strtok(0, " "))) {
		char *number = strchr(field, ':');
		int index = 0;
		if (number) {
			int id = atoi(number + 1);
			*number = 0;
			while (index < known && groups[index] != id)
				index++;
			if (index == known && known < 32)
				groups[known++] = id;
			sprintf(shown + strlen(shown), " %s:%c", field, 'A' + index);
		} else
			sprintf(shown + strlen(shown), " %s", field);
	}
	OUT("%s:%s", what, shown);
}
static void put(const char *on)
{
	OK(mount("put", on, "tmpfs", 0, 0));
}

CASE(a_new_namespace_is_a_copy)
{
	own_namespace();
	directory("a");
	put("a");
	file("a/before");
	pid_t child = OK(fork());
	if (child == 0) {
		OK(unshare(CLONE_NEWNS));
		CHECK(there("a/before"));
		OK(umount("a"));
		CHECK(!there("a/before"));
		directory("b");
		put("b");
		file("b/inside");
		_exit(0);
	}
	EQ(exit_code(child), 0);
	CHECK(there("a/before"));
	CHECK(there("b"));
	CHECK(!there("b/inside"));
}

static int look_around(void *argument)
{
	(void)argument;
	OK(umount2("a", MNT_DETACH));
	CHECK(!there("a/before"));
	return 0;
}
CASE(clone_makes_one)
{
	static char stack[65536] __attribute__((aligned(16)));
	own_namespace();
	directory("a");
	put("a");
	file("a/before");
	pid_t child = OK(clone(look_around, stack + sizeof stack, CLONE_NEWNS | SIGCHLD, 0));
	EQ(exit_code(child), 0);
	CHECK(there("a/before"));
	ERR(clone(look_around, stack + sizeof stack, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0), EINVAL);
}

CASE(root_and_directory_move_into_the_copy)
{
	own_namespace();
	directory("a");
	put("a");
	OK(chdir("a"));
	pid_t child = OK(fork());
	if (child == 0) {
		OK(unshare(CLONE_NEWNS));
		directory("c");
		put("c");
		file("c/inside");
		_exit(0);
	}
	EQ(exit_code(child), 0);
	CHECK(there("c"));
	CHECK(!there("c/inside"));
}

CASE(privileges)
{
	own_namespace();
	directory("a");
	OK(seteuid(1000));
	ERR(unshare(CLONE_NEWNS), EPERM);
	ERR(mount("x", "a", "tmpfs", 0, 0), EPERM);
	ERR(mount("x", "missing", "tmpfs", 0, 0), ENOENT);
	ERR(umount("a"), EPERM);
	ERR(umount2("a", 16), EINVAL);
	ERR(mount(0, "a", 0, MS_SHARED, 0), EPERM);
}

CASE(setns_moves_root_and_directory)
{
	own_namespace();
	directory("a");
	pid_t child;
	int ready[2], done[2];
	char byte;
	OK(pipe(ready));
	OK(pipe(done));
	child = OK(fork());
	if (child == 0) {
		OK(unshare(CLONE_NEWNS));
		put("a");
		file("a/inside");
		OK(write(ready[1], "x", 1));
		close(done[1]);
		(void)!read(done[0], &byte, 1);
		_exit(0);
	}
	OK(read(ready[0], &byte, 1));
	char path[64], cwd[256], inside[512];
	CHECK(getcwd(cwd, sizeof cwd) != 0);
	snprintf(inside, sizeof inside, "%s/a/inside", cwd);
	CHECK(!there(inside));
	snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)child);
	int fd = OK(open(path, O_RDONLY));
	OK(setns(fd, CLONE_NEWNS));
	CHECK(there(inside));
	CHECK(getcwd(cwd, sizeof cwd) != 0);
	STR_EQ(cwd, "/");
	close(done[1]);
	EQ(exit_code(child), 0);
	CHECK(there(inside));
}

static volatile int may_end;
static int wait_for_end(void *argument)
{
	(void)argument;
	while (!may_end)
		usleep(1000);
	return 0;
}
CASE(setns_needs_a_context_of_its_own)
{
	static char stack[65536] __attribute__((aligned(16)));
	int fd = OK(open("/proc/self/ns/mnt", O_RDONLY));
	pid_t child = OK(clone(wait_for_end, stack + sizeof stack, CLONE_FS | CLONE_VM | SIGCHLD, 0));
	ERR(setns(fd, CLONE_NEWNS), EINVAL);
	may_end = 1;
	EQ(exit_code(child), 0);
	OK(setns(fd, CLONE_NEWNS));
}

CASE(kinds_of_propagation)
{
	own_namespace();
	directory("a");
	ERR(mount(0, "a", 0, MS_SHARED, 0), EINVAL);
	put("a");
	fields("new", "a");
	OK(mount(0, "a", 0, MS_SHARED, 0));
	fields("shared", "a");
	OK(mount(0, "a", 0, MS_SHARED, 0));
	fields("shared again", "a");
	OK(mount(0, "a", 0, MS_SLAVE, 0));
	fields("slave of nobody", "a");
	OK(mount(0, "a", 0, MS_UNBINDABLE, 0));
	fields("unbindable", "a");
	OK(mount(0, "a", 0, MS_SLAVE, 0));
	fields("unbindable slave", "a");
	OK(mount(0, "a", 0, MS_SHARED, 0));
	fields("shared after", "a");
	OK(mount(0, "a", 0, MS_PRIVATE, 0));
	fields("private", "a");
	ERR(mount(0, "a", 0, MS_PRIVATE | MS_SHARED, 0), EINVAL);
	ERR(mount(0, "a", 0, MS_PRIVATE | MS_RDONLY, 0), EINVAL);
	OK(mount(0, "a", 0, MS_PRIVATE | MS_SILENT, 0));
}

CASE(peers_share_mounts)
{
	own_namespace();
	directory("a");
	directory("b");
	put("a");
	OK(mount(0, "a", 0, MS_SHARED, 0));
	OK(mount("a", "b", 0, MS_BIND, 0));
	fields("a", "a");
	fields("b", "b");
	directory("a/x");
	put("a/x");
	file("a/x/one");
	CHECK(there("b/x/one"));
	fields("a/x", "a/x");
	fields("b/x", "b/x");
	directory("b/y");
	put("b/y");
	file("b/y/two");
	CHECK(there("a/y/two"));
	OK(umount("b/x"));
	CHECK(!there("a/x/one"));
	ERR(umount("a/x"), EINVAL);
}

CASE(slaves_only_receive)
{
	own_namespace();
	directory("a");
	directory("b");
	put("a");
	OK(mount(0, "a", 0, MS_SHARED, 0));
	OK(mount("a", "b", 0, MS_BIND, 0));
	OK(mount(0, "b", 0, MS_SLAVE, 0));
	fields("a", "a");
	fields("b", "b");
	directory("a/x");
	directory("a/y");
	put("a/x");
	file("a/x/one");
	CHECK(there("b/x/one"));
	fields("a/x", "a/x");
	fields("b/x", "b/x");
	put("b/y");
	file("b/y/two");
	CHECK(!there("a/y/two"));
	fields("b/y", "b/y");
	OK(umount("b/x"));
	CHECK(there("a/x/one"));
	OK(umount("a/x"));
}

CASE(a_shared_slave_passes_on)
{
	own_namespace();
	directory("a");
	directory("b");
	directory("c");
	directory("d");
	put("a");
	OK(mount(0, "a", 0, MS_SHARED, 0));
	OK(mount("a", "b", 0, MS_BIND, 0));
	OK(mount(0, "b", 0, MS_SLAVE, 0));
	OK(mount(0, "b", 0, MS_SHARED, 0));
	OK(mount("b", "c", 0, MS_BIND, 0));
	OK(mount("b", "d", 0, MS_BIND, 0));
	OK(mount(0, "d", 0, MS_SLAVE, 0));
	fields("a", "a");
	fields("b", "b");
	fields("c", "c");
	fields("d", "d");
	directory("a/x");
	put("a/x");
	file("a/x/one");
	CHECK(there("b/x/one") && there("c/x/one") && there("d/x/one"));
	fields("a/x", "a/x");
	fields("b/x", "b/x");
	fields("c/x", "c/x");
	fields("d/x", "d/x");
	directory("b/y");
	put("b/y");
	file("b/y/two");
	CHECK(!there("a/y/two"));
	CHECK(there("c/y/two") && there("d/y/two"));
	OK(umount("a/x"));
	CHECK(!there("b/x/one") && !there("c/x/one") && !there("d/x/one"));
}

CASE(the_last_of_a_group_hands_its_slaves_on)
{
	own_namespace();
	directory("a");
	directory("b");
	directory("c");
	put("a");
	OK(mount(0, "a", 0, MS_SHARED, 0));
	OK(mount("a", "b", 0, MS_BIND, 0));
	OK(mount(0, "b", 0, MS_SLAVE, 0));
	OK(mount(0, "b", 0, MS_SHARED, 0));
	OK(mount("b", "c", 0, MS_BIND, 0));
	OK(mount(0, "c", 0, MS_SLAVE, 0));
	fields("c", "c");
	OK(mount(0, "b", 0, MS_PRIVATE, 0));
	fields("b", "b");
	fields("c", "c");
	OK(mount(0, "a", 0, MS_PRIVATE, 0));
	fields("c", "c");
}

CASE(namespaces_share_too)
{
	own_namespace();
	directory("a");
	put("a");
	OK(mount(0, "a", 0, MS_SHARED, 0));
	directory("a/x");
	directory("a/y");
	int ready[2], done[2];
	char byte;
	OK(pipe(ready));
	OK(pipe(done));
	pid_t child = OK(fork());
	if (child == 0) {
		OK(unshare(CLONE_NEWNS));
		fields("the copy", "a");
		put("a/x");
		file("a/x/one");
		OK(write(ready[1], "x", 1));
		close(done[1]);
		OK(read(done[0], &byte, 1));
		CHECK(there("a/y/two"));
		OK(mount(0, "a", 0, MS_REC | MS_SLAVE, 0));
		fields("a slave now", "a");
		OK(umount("a/y"));
		OK(write(ready[1], "x", 1));
		(void)!read(done[0], &byte, 1);
		_exit(0);
	}
	OK(read(ready[0], &byte, 1));
	CHECK(there("a/x/one"));
	put("a/y");
	file("a/y/two");
	OK(write(done[1], "x", 1));
	OK(read(ready[0], &byte, 1));
	CHECK(there("a/y/two"));
	close(done[1]);
	EQ(exit_code(child), 0);
}

CASE(trees_spread_whole)
{
	own_namespace();
	directory("a");
	directory("b");
	directory("t");
	put("t");
	directory("t/in");
	directory("t/un");
	put("t/in");
	file("t/in/deep");
	put("t/un");
	file("t/un/hidden");
	OK(mount(0, "t/un", 0, MS_UNBINDABLE, 0));
	put("a");
	OK(mount(0, "a", 0, MS_SHARED, 0));
	OK(mount("a", "b", 0, MS_BIND, 0));
	directory("a/x");
	directory("a/y");
	OK(mount("t", "a/x", 0, MS_BIND | MS_REC, 0));
	CHECK(there("b/x/in/deep"));
	CHECK(!there("a/x/un/hidden"));
	CHECK(!there("b/x/un/hidden"));
	fields("a/x/in", "a/x/in");
	fields("b/x/in", "b/x/in");
	ERR(mount("t/un", "a/y", 0, MS_BIND, 0), EINVAL);
	OK(umount2("b/x", MNT_DETACH));
	CHECK(!there("a/x/in/deep"));
}

CASE(moves)
{
	own_namespace();
	directory("a");
	directory("b");
	directory("t");
	put("t");
	file("t/one");
	put("a");
	OK(mount(0, "a", 0, MS_SHARED, 0));
	OK(mount("a", "b", 0, MS_BIND, 0));
	directory("a/x");
	directory("a/y");
	OK(mount("t", "a/x", 0, MS_MOVE, 0));
	CHECK(there("a/x/one") && there("b/x/one") && !there("t/one"));
	fields("moved", "a/x");
	ERR(mount("a/x", "t", 0, MS_MOVE, 0), EINVAL);
	OK(umount("a/x"));
	put("t");
	OK(mount(0, "t", 0, MS_UNBINDABLE, 0));
	ERR(mount("t", "a/y", 0, MS_MOVE, 0), EINVAL);
	directory("c");
	OK(mount("t", "c", 0, MS_MOVE, 0));
	ERR(mount("c", "c", 0, MS_MOVE, 0), ELOOP);
}

CASE(busy_elsewhere)
{
	own_namespace();
	directory("a");
	directory("b");
	put("a");
	OK(mount(0, "a", 0, MS_SHARED, 0));
	OK(mount("a", "b", 0, MS_BIND, 0));
	directory("a/x");
	put("a/x");
	file("a/x/one");
	int fd = OK(open("b/x/one", O_RDONLY));
	ERR(umount("a/x"), EBUSY);
	close(fd);
	directory("b/x/sub");
	OK(mount(0, "b/x", 0, MS_PRIVATE, 0));
	put("b/x/sub");
	OK(umount("a/x"));
	CHECK(there("b/x/one"));
}

CASE(expiry)
{
	own_namespace();
	directory("a");
	put("a");
	ERR(umount2("a", MNT_EXPIRE | MNT_DETACH), EINVAL);
	ERR(umount2("a", MNT_EXPIRE | MNT_FORCE), EINVAL);
	ERR(umount2("a", MNT_EXPIRE), EAGAIN);
	close(OK(open("a", O_RDONLY)));
	ERR(umount2("a", MNT_EXPIRE), EAGAIN);
	OK(umount2("a", MNT_EXPIRE));
	ERR(umount2("a", MNT_EXPIRE), EINVAL);
	put("a");
	int fd = OK(open("a", O_RDONLY));
	ERR(umount2("a", MNT_EXPIRE), EBUSY);
	close(fd);
}

CASE(pivot_root_moves_everybody)
{
	own_namespace();
	directory("new");
	put("new");
	directory("new/old");
	directory("new/proc");
	OK(mount("proc", "new/proc", "proc", 0, 0));
	int ready[2], done[2];
	char byte, path[256];
	OK(pipe(ready));
	OK(pipe(done));
	pid_t child = OK(fork());
	if (child == 0) {
		OK(chdir("/"));
		OK(write(ready[1], "x", 1));
		OK(read(done[0], &byte, 1));
		CHECK(there("/old/proc"));
		CHECK(there("old/proc"));
		CHECK(getcwd(path, sizeof path) != 0);
		STR_EQ(path, "/");
		_exit(0);
	}
	OK(read(ready[0], &byte, 1));
	ERR(syscall(SYS_pivot_root, "/", "/"), EINVAL);
	ERR(syscall(SYS_pivot_root, "new", "."), EINVAL);
	ERR(syscall(SYS_pivot_root, "new/old", "new/old"), EINVAL);
	ERR(syscall(SYS_pivot_root, "missing", "new/old"), ENOENT);
	ERR(syscall(SYS_pivot_root, "new/proc/version", "new/old"), ENOTDIR);
	OK(mount(0, "/", 0, MS_SHARED, 0));
	OK(mount(0, "/", 0, MS_PRIVATE, 0));
	OK(mount(0, "new", 0, MS_SHARED, 0));
	ERR(syscall(SYS_pivot_root, "new", "new/old"), EINVAL);
	OK(mount(0, "new", 0, MS_PRIVATE, 0));
	long result = syscall(SYS_pivot_root, "new", "new/old");
	OUT("pivot_root: %s", result ? errno_name(errno) : "ok");
	if (result) {
		/* The root is the first file system, which cannot be moved. */
		kill(child, SIGKILL);
		_exit(0);
	}
	CHECK(there("/old"));
	OK(write(done[1], "x", 1));
	EQ(exit_code(child), 0);
	OK(umount2("/old", MNT_DETACH));
	CHECK(!there("/old/tmp"));
}

CASE(pivot_root_in_a_changed_root)
{
	own_namespace();
	directory("one");
	directory("two");
	put("one");
	OK(chdir("one"));
	OK(chroot("."));
	directory("new");
	put("new");
	directory("new/old");
	file("before");
	OK(chdir("new"));
	OK(syscall(SYS_pivot_root, ".", "old"));
	CHECK(there("/old/before"));
	OK(umount2("/old", MNT_DETACH));
	CHECK(!there("/old/before"));
	long result = syscall(SYS_pivot_root, ".", ".");
	OUT("once more, onto itself: %s", result ? errno_name(errno) : "ok");
}

/* What a link of /proc/self/fd leads to. */
static const char *shown(int links, int fd)
{
	static char text[256];
	char name[16];
	snprintf(name, sizeof name, "%d", fd);
	text[OK(readlinkat(links, name, text, sizeof text - 1))] = 0;
	return text;
}
CASE(places_elsewhere_are_shown_without_a_mark)
{
	char text[256];
	own_namespace();
	/* The program is where another namespace mounts it. */
	CHECK(readlink("/proc/self/exe", text, sizeof text) > 0);
	EQ(text[0], '/');
	int links = OK(open("/proc/self/fd", O_RDONLY | O_DIRECTORY));
	directory("m");
	put("m");
	file("m/inner");
	int inner = OK(open("m/inner", O_RDONLY));
	OK(umount2("m", MNT_DETACH));
	OUT("in no tree: %s", shown(links, inner));
	file("outside");
	directory("new");
	file("new/inside");
	int outside = OK(open("outside", O_RDONLY)), inside = OK(open("new/inside", O_RDONLY));
	OK(chroot("new"));
	OUT("inside of the root: %s", shown(links, inside));
	const char *place = shown(links, outside);
	EQ(place[0], '/');
	STR_EQ(strrchr(place, '/'), "/outside");
}

CASE(sysfs_comes_back)
{
	/* Its last mount, unless a namespace of another case has one left. */
	int was_mounted = there("/sys/kernel");
	if (was_mounted)
		OK(umount2("/sys", MNT_DETACH));
	CHECK(!there("/sys/kernel"));
	for (int i = 0; i < 2; i++) {
		OK(mount("sysfs", "/sys", "sysfs", 0, 0));
		CHECK(there("/sys/kernel"));
		OK(umount2("/sys", MNT_DETACH));
	}
	if (was_mounted)
		OK(mount("sysfs", "/sys", "sysfs", 0, 0));
}
