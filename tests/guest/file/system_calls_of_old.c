/* ustat(2), sysfs(2), and calls that only ancient programs make: uselib(2) and others that no kernel of today has. */
#include "../check.h"
#include <sys/statfs.h>
#include <sys/sysmacros.h>

static void show(const char *what, long result)
{
	if (result < 0)
		OUT("%s: %s", what, errno_name(errno));
	else
		OUT("%s: done", what);
}
#ifdef SYS_ustat
struct old_statistics {
	int32_t free;
#ifdef __i386__
	uint32_t free_inodes;
#else
	uint64_t free_inodes;
#endif
	char name[6], pack[6];
};

static long ustat_of(const char *path, void *out)
{
	struct stat status;
	OK(stat(path, &status));
	uint64_t device = status.st_dev;
	return syscall(SYS_ustat, (uint32_t)((gnu_dev_minor(device) & 0xff) | gnu_dev_major(device) << 8 | (gnu_dev_minor(device) & ~0xffu) << 12), out);
}

CASE(ustat_by_the_number_of_a_device)
{
	struct old_statistics old;
	struct statfs now;
	memset(&old, 0x55, sizeof old);
	OUT("size %d", (int)sizeof old);
	OK(ustat_of("/tmp", &old));
	OK(statfs("/tmp", &now));
	EQ((uint32_t)old.free, (uint32_t)now.f_bfree);
	EQ((uint32_t)old.free_inodes, (uint32_t)now.f_ffree);
	for (int i = 0; i < 6; i++)
		CHECK(old.name[i] == 0 && old.pack[i] == 0);
	show("of procfs", ustat_of("/proc", &old));
	OUT("free %d %d", old.free, (int)old.free_inodes);
	show("nowhere", ustat_of("/tmp", (void *)16));
	ERR(syscall(SYS_ustat, 0xfff00fff, &old), EINVAL);
	ERR(syscall(SYS_ustat, 0, &old), EINVAL);
	ERR(syscall(SYS_ustat, 0xfff00fff, 16), EINVAL);
}
#endif
#ifdef SYS_sysfs
CASE(file_systems_by_number)
{
	char name[100], list[4096], *line;
	long count = OK(syscall(SYS_sysfs, 3));
	CHECK(read_file("/proc/filesystems", list, sizeof list) > 0);
	long lines = 0;
	for (line = strtok(list, "\n"); line; line = strtok(0, "\n"), lines++) {
		char *tab = strchr(line, '\t');
		CHECK(tab != 0);
		memset(name, 0x55, sizeof name);
		EQ(syscall(SYS_sysfs, 2, lines, name), 0);
		STR_EQ(name, tab + 1);
		EQ(name[strlen(name) + 1], 0x55);
		EQ(syscall(SYS_sysfs, 1, tab + 1), lines);
	}
	EQ(lines, count);
	ERR(syscall(SYS_sysfs, 2, count, name), EINVAL);
	ERR(syscall(SYS_sysfs, 2, -1L, name), EINVAL);
	ERR(syscall(SYS_sysfs, 2, 0, 16), EFAULT);
	ERR(syscall(SYS_sysfs, 1, "none such"), EINVAL);
	ERR(syscall(SYS_sysfs, 1, ""), ENOENT);
	ERR(syscall(SYS_sysfs, 1, 16), EFAULT);
	ERR(syscall(SYS_sysfs, 0), EINVAL);
	ERR(syscall(SYS_sysfs, 4), EINVAL);
	char *path = malloc(5000);
	memset(path, 'x', 4999);
	path[4999] = 0;
	show("a long name", syscall(SYS_sysfs, 1, path));
}
#endif
