/* sysfs: what every machine shows, and what nobody may do there. */
#include "../check.h"
#include <dirent.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/statfs.h>

static char text[4096];

static void enter_sys(void)
{
	enter_scratch();
	OK(mount("sysfs", ".", "sysfs", 0, 0));
	char here[64];
	CHECK(getcwd(here, sizeof here) != 0);
	OK(chdir(here));
}

CASE(top_level_directories)
{
	static const char *const names[] = {"block", "bus", "class", "dev", "devices", "firmware", "fs", "kernel", "module", "power"};
	enter_sys();
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		struct stat status;
		OK(stat(names[i], &status));
		OUT("%s %o links %d", names[i], status.st_mode, status.st_nlink >= 2);
	}
	struct statfs statistics;
	OK(statfs(".", &statistics));
	EQ(statistics.f_type, SYSFS_MAGIC);
	OUT("block %ld name %ld", (long)statistics.f_bsize, (long)statistics.f_namelen);
}

CASE(processors)
{
	enter_sys();
	int last = -1;
	CHECK(read_file("devices/system/cpu/online", text, sizeof text) > 0);
	if (sscanf(text, "0-%d", &last) != 1)
		CHECK(sscanf(text, "%d", &last) == 1);
	EQ(last + 1, sysconf(_SC_NPROCESSORS_ONLN));
	snprintf(text, sizeof text, "devices/system/cpu/cpu%d", last);
	OK(access(text, F_OK));
	snprintf(text, sizeof text, "devices/system/cpu/cpu%d", last + 1);
	ERR(access(text, F_OK), ENOENT);
	CHECK(read_file("devices/system/cpu/kernel_max", text, sizeof text) > 0);
	CHECK(atoi(text) >= last);
	struct stat status;
	OK(stat("devices/system/cpu/online", &status));
	OUT("mode %o size %ld", status.st_mode, (long)status.st_size);
}

CASE(devices_and_links)
{
	enter_sys();
	CHECK(read_file("class/mem/null/dev", text, sizeof text) > 0);
	OUT("dev %s", text);
	CHECK(read_file("dev/char/1:3/uevent", text, sizeof text) > 0);
	OUT("uevent %s", text);
	ssize_t length = OK(readlink("dev/char/1:3", text, sizeof text));
	OUT("link %.*s", (int)length, text);
	length = OK(readlink("class/mem/null", text, sizeof text));
	OUT("class %.*s", (int)length, text);
	length = OK(readlink("class/mem/null/subsystem", text, sizeof text));
	OUT("subsystem %.*s", (int)length, text);
}

CASE(nobody_makes_anything)
{
	enter_sys();
	ERR(open("new", O_CREAT | O_WRONLY, 0644), EACCES);
	ERR(mkdir("new", 0755), EPERM);
	ERR(mkdir("kernel", 0755), EEXIST);
	ERR(symlink("x", "new"), EPERM);
	ERR(mknod("new", S_IFIFO | 0644, 0), EPERM);
	ERR(unlink("devices/system/cpu/online"), EPERM);
	ERR(rmdir("kernel"), EPERM);
	ERR(rename("kernel", "other"), EPERM);
	ERR(link("devices/system/cpu/online", "new"), EPERM);
}

CASE(files)
{
	enter_sys();
	const char *path = "devices/system/cpu/online";
	ERR(open(path, O_WRONLY), EACCES);
	ERR(open(path, O_RDWR), EACCES);
	OK(truncate(path, 0));
	int fd = OK(open(path, O_RDONLY));
	char byte, again;
	EQ(read(fd, &byte, 1), 1);
	EQ(lseek(fd, 0, SEEK_SET), 0);
	EQ(read(fd, &again, 1), 1);
	EQ(byte, again);
	EQ(pread(fd, &again, 1, 0), 1);
	EQ(byte, again);
	OUT("end %ld", (long)lseek(fd, 0, SEEK_END));
	EQ(read(fd, &byte, 1), 0);
	ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	ERR(write(fd, "x", 1), EBADF);
	OK(chmod(path, 0400));
	struct stat status;
	OK(stat(path, &status));
	OUT("mode %o", status.st_mode);
	OK(chmod(path, 0444));
}

CASE(listing)
{
	enter_sys();
	DIR *folder = opendir("devices/system/cpu");
	CHECK(folder != 0);
	int found = 0;
	for (struct dirent *entry; (entry = readdir(folder)) != 0;) {
		found += strcmp(entry->d_name, "online") == 0 && entry->d_type == DT_REG;
		found += strcmp(entry->d_name, "cpu0") == 0 && entry->d_type == DT_DIR;
	}
	EQ(found, 2);
	closedir(folder);
	OK(chdir("/"));
}
