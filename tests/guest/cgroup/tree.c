/* The hierarchy of control groups as a file system (cgroups(7)): mounting it, making and removing groups, its files and limits. */
#include "group.h"

CASE(is_mounted)
{
	static char known[4096];
	struct statfs status;
	enter_group();
	CHECK(read_file("/proc/filesystems", known, sizeof known) > 0);
	CHECK(strstr(known, "nodev\tcgroup2\n") != 0);
	OK(statfs(".", &status));
	EQ(status.f_type, 0x63677270);
	OUT("block %ld name %ld blocks %ld files %ld", (long)status.f_bsize, (long)status.f_namelen, (long)status.f_blocks,
	    (long)status.f_files);
	struct stat root, own;
	OK(stat("..", &root));
	OK(stat(".", &own));
	EQ(root.st_dev, own.st_dev);
	OUT("root %o, links grow %d", root.st_mode, (int)(own.st_nlink));
	OK(access("/sys/fs/cgroup", F_OK));
}

CASE(options)
{
	enter_group();
	static const char *const words[] = {"nsdelegate", "favordynmods", "memory_localevents", "memory_recursiveprot", "ro",
					    "nsdelegate,memory_recursiveprot", "none", "name=x", "nsdelegate=1", "cpu", "", ",",
					    "xattr", "clone_children"};
	OK(mkdir("/tmp/other.groups", 0755));
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		static char mounts[65536];
		int result = mount("none", "/tmp/other.groups", "cgroup2", 0, words[i]);
		if (result) {
			OUT("%s: %s", words[i], errno_name(errno));
			continue;
		}
		CHECK(read_file("/proc/self/mounts", mounts, sizeof mounts) > 0);
		char *line = strstr(mounts, "/tmp/other.groups");
		CHECK(line != 0);
		line[strcspn(line, "\n")] = 0;
		OUT("%s: %s", words[i], line);
		OK(umount("/tmp/other.groups"));
	}
	OK(rmdir("/tmp/other.groups"));
	OK(mount("none", hierarchy, "cgroup2", MS_REMOUNT, "memory_localevents"));
	static char all[65536];
	CHECK(read_file("/proc/self/mounts", all, sizeof all) > 0);
	OUT("remounted: %s", strstr(all, "memory_localevents") ? "set" : "not set");
	ERR(mount("none", hierarchy, "cgroup2", MS_REMOUNT, "nonsense"), EINVAL);
	OK(mount("none", hierarchy, "cgroup2", MS_REMOUNT, ""));
}

CASE(names)
{
	enter_group();
	OK(mkdir("a", 0700));
	struct stat status;
	OK(stat("a", &status));
	OUT("mode %o links %d size %ld owner %d.%d", status.st_mode, (int)status.st_nlink, (long)status.st_size, status.st_uid,
	    status.st_gid);
	ERR(mkdir("a", 0700), EEXIST);
	ERR(mkdir("cgroup.procs", 0700), EEXIST);
	ERR(mkdir("a\nb", 0700), EINVAL);
	ERR(mkdir("x/y", 0700), ENOENT);
	char longest[256];
	memset(longest, 'n', 255);
	longest[255] = 0;
	OK(mkdir(longest, 0700));
	OK(rmdir(longest));
	ERR(open("file", O_CREAT | O_RDWR, 0600), EACCES);
	ERR(mknod("file", S_IFREG | 0600, 0), EACCES);
	ERR(mknod("fifo", S_IFIFO | 0600, 0), EPERM);
	ERR(symlink("a", "link"), EPERM);
	ERR(link("cgroup.procs", "link"), EPERM);
	ERR(unlink("cgroup.procs"), EPERM);
	ERR(unlink("a"), EISDIR);
	ERR(rmdir("cgroup.procs"), ENOTDIR);
	ERR(rename("a", "b"), EPERM);
	ERR(rename("cgroup.procs", "b"), EPERM);
	ERR(open(".", O_TMPFILE | O_RDWR, 0600), EOPNOTSUPP);
	OK(mkdir("a/b", 0755));
	OK(stat(".", &status));
	EQ(status.st_nlink, 3);
	ERR(rmdir("a"), EBUSY);
	OK(rmdir("a/b"));
	OK(rmdir("a"));
	ERR(rmdir("a"), ENOENT);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}
static void list_files(const char *path)
{
	char *names[64];
	int count = 0;
	DIR *directory = opendir(path);
	CHECK(directory != 0);
	for (struct dirent *entry; (entry = readdir(directory));)
		/* What belongs to controllers and to pressure stall information may be there. */
		if (strncmp(entry->d_name, "cgroup.", 7) == 0 && strcmp(entry->d_name, "cgroup.pressure"))
			names[count++] = strdup(entry->d_name);
	closedir(directory);
	qsort(names, count, sizeof *names, by_name);
	for (int i = 0; i < count; i++) {
		struct stat status;
		char full[300];
		snprintf(full, sizeof full, "%s/%s", path, names[i]);
		OK(lstat(full, &status));
		OUT("%s %o links %d size %ld", names[i], status.st_mode, (int)status.st_nlink, (long)status.st_size);
	}
}
CASE(files)
{
	enter_group();
	list_files(hierarchy);
	list_files(".");
	OUT("type %s, events %s", get("cgroup.type"), get("cgroup.events"));
	OUT("depth %s, descendants %s, freeze %s", get("cgroup.max.depth"), get("cgroup.max.descendants"), get("cgroup.freeze"));
	OUT("subtree \"%s\" procs \"%s\" threads \"%s\"", get("cgroup.subtree_control"), get("cgroup.procs"), get("cgroup.threads"));
	OUT("stat %s", get("cgroup.stat"));
}

CASE(opening)
{
	enter_group();
	static const char *const names[] = {"cgroup.type", "cgroup.procs", "cgroup.controllers", "cgroup.events", "cgroup.stat",
					    "cgroup.kill", "cgroup.freeze"};
	char byte;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		int r = open(names[i], O_RDONLY), re = errno, w = open(names[i], O_WRONLY), we = errno, b = open(names[i], O_RDWR);
		OUT("%s: %s %s %s", names[i], r < 0 ? errno_name(re) : "read", w < 0 ? errno_name(we) : "write",
		    b < 0 ? errno_name(errno) : "both");
		if (i == 5)
			ERR(read(r, &byte, 1), EINVAL);
		if (i == 2)
			ERR(write(w, "1", 1), EINVAL);
		close(r), close(w), close(b);
	}
	/* What nobody may do can be allowed, and is refused by the file then. */
	OK(chmod("cgroup.events", 0666));
	ERR(put("cgroup.events", "1"), EINVAL);
	static char large[5000];
	int fd = OK(open("cgroup.max.depth", O_RDWR));
	memset(large, ' ', sizeof large);
	ERR(write(fd, large, 4097), E2BIG);
	EQ(write(fd, large, 0), 0);
	ERR(write(fd, large, 4096), EINVAL);
	large[0] = '3';
	EQ(write(fd, large, 4096), 4096);
	char text[8] = "";
	EQ(pread(fd, text, sizeof text, 0), 2);
	STR_EQ(text, "3\n");
	EQ(pread(fd, text, 1, 1), 1);
	EQ(text[0], '\n');
	EQ(lseek(fd, 0, SEEK_SET), 0);
	EQ(read(fd, text, 1), 1);
	EQ(read(fd, text, 5), 1);
	EQ(read(fd, text, 5), 0);
	EQ(lseek(fd, 0, SEEK_END), 0);
	ERR(write(fd, (void *)8, 4), EFAULT);
	ERR(mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0, ENODEV);
}

CASE(limits)
{
	enter_group();
	static const char *const texts[] = {"5", "max", " 7 ", "0x10", "010", "-1", "2147483647", "2147483648", "x", "", "1 2", "+3"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		int result = put("cgroup.max.depth", texts[i]), error = errno;
		OUT("%s: %s, %s", texts[i], result ? errno_name(error) : "taken", get("cgroup.max.depth"));
	}
	OK(put("cgroup.max.depth", "1"));
	OK(mkdir("a", 0755));
	ERR(mkdir("a/b", 0755), EAGAIN);
	OK(put("cgroup.max.depth", "0"));
	ERR(mkdir("b", 0755), EAGAIN);
	OK(put("cgroup.max.depth", "max"));
	OK(put("cgroup.max.descendants", "2"));
	OK(mkdir("a/b", 0755));
	ERR(mkdir("c", 0755), EAGAIN);
	ERR(mkdir("a/b/c", 0755), EAGAIN);
	EQ(value("cgroup.stat", "nr_descendants "), 2);
	EQ(value("a/cgroup.stat", "nr_descendants "), 1);
	OK(put("cgroup.max.descendants", "max"));
	OK(mkdir("c", 0755));
	EQ(value("cgroup.stat", "nr_descendants "), 3);
}

CASE(removed)
{
	enter_group();
	OK(mkdir("a", 0755));
	int directory = OK(open("a", O_RDONLY | O_DIRECTORY)), procs = OK(open("a/cgroup.procs", O_RDWR));
	int depth = OK(open("a/cgroup.max.depth", O_RDWR)), events = OK(open("a/cgroup.events", O_RDONLY));
	char text[64];
	EQ(read(depth, text, sizeof text), 4);
	OK(rmdir("a"));
	ERR(pread(depth, text, sizeof text, 0), ENODEV);
	ERR(write(depth, "1", 1), ENODEV);
	ERR(write(procs, "0", 1), ENODEV);
	ERR(openat(directory, "cgroup.procs", O_RDONLY), ENOENT);
	ERR(mkdirat(directory, "b", 0755), ENOENT);
	struct pollfd poll_ = {.fd = events, .events = POLLPRI | POLLIN};
	EQ(poll(&poll_, 1, 0), 1);
	OUT("poll 0x%x", poll_.revents);
	struct stat status;
	OK(fstat(directory, &status));
	OUT("links %d", (int)status.st_nlink);
	/* Another one of the same name is another one. */
	OK(mkdir("a", 0755));
	ERR(pread(depth, text, sizeof text, 0), ENODEV);
	STR_EQ(get("a/cgroup.max.depth"), "max");
}

CASE(controllers_are_asked_for)
{
	enter_group();
	ERR(put("cgroup.subtree_control", "+nonsense"), EINVAL);
	ERR(put("cgroup.subtree_control", "nonsense"), EINVAL);
	OK(put("cgroup.subtree_control", " "));
}

CASE_WITHIN(many, 60)
{
	enter_group();
	char name[16], last[32] = "";
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "g%d", i);
		OK(mkdir(name, 0755));
	}
	int seen = 0;
	DIR *directory = opendir(".");
	for (struct dirent *entry; (entry = readdir(directory));)
		seen += entry->d_name[0] == 'g', snprintf(last, sizeof last, "%.20s", entry->d_name);
	closedir(directory);
	EQ(seen, 300);
	EQ(value("cgroup.stat", "nr_descendants "), 300);
	/* A long line of them. */
	OK(mkdir("deep", 0755));
	OK(chdir("deep"));
	static char text[8192];
	for (int i = 0; i < 600; i++) {
		OK(mkdir("directory", 0755));
		OK(chdir("directory"));
		if (i == 300) {
			OK(put("cgroup.procs", "0"));
			CHECK(read_file("/proc/self/cgroup", text, sizeof text) > 3000);
		}
	}
	OK(put("cgroup.procs", "0"));
	ssize_t shown = read_file("/proc/self/cgroup", text, sizeof text);
	OUT("too long: %d bytes, the last ones \"%s\"", (int)shown, shown > 10 ? strchr(text, '\n') ? "whole line" : "cut" : "");
	OK(chdir(hierarchy));
	OK(put("cgroup.procs", "0"));
}

CASE(attributes_stay)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(chown("a", 1000, 1001));
	OK(chmod("a", 0711));
	OK(chown("a/cgroup.procs", 1000, 1001));
	OK(chmod("a/cgroup.procs", 0600));
	struct stat status;
	OK(stat("a", &status));
	OUT("%o %d.%d", status.st_mode, status.st_uid, status.st_gid);
	OK(stat("a/cgroup.procs", &status));
	OUT("%o %d.%d", status.st_mode, status.st_uid, status.st_gid);
	/* Groups in it belong to who makes them. */
	OK(chmod(".", 0777));
	IN_CHILD({
		become_user(1000);
		OK(mkdir("b", 0755));
		OK(stat("b", &status));
		EQ(status.st_uid, 1000);
		OK(stat("b/cgroup.procs", &status));
		EQ(status.st_uid, 1000);
		EQ(status.st_gid, 1000);
		ERR(rmdir("nothing"), ENOENT);
	});
}
