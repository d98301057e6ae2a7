/* /dev/null, zero, full, random, urandom, and getrandom(2); tmpfs limits; mount and umount. */
#include "../check.h"
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>

static char buffer[70000];

CASE(null_swallows_and_is_empty)
{
	int fd = OK(open("/dev/null", O_RDWR));
	EQ(write(fd, buffer, sizeof buffer), sizeof buffer);
	EQ(read(fd, buffer, 10), 0);
	EQ(lseek(fd, 100, SEEK_SET), 0);
	EQ(write(fd, (void *)16, 10), 10);
	OK(open("/dev/null", O_WRONLY | O_TRUNC | O_CREAT, 0600));
}

CASE(zero_gives_zeroes)
{
	int fd = OK(open("/dev/zero", O_RDWR));
	memset(buffer, 1, sizeof buffer);
	EQ(read(fd, buffer, sizeof buffer), sizeof buffer);
	for (unsigned i = 0; i < sizeof buffer; i++)
		EQ(buffer[i], 0);
	EQ(write(fd, buffer, 10), 10);
	ERR(read(fd, (void *)16, 10), EFAULT);
}

CASE(full_is_full)
{
	int fd = OK(open("/dev/full", O_RDWR));
	ERR(write(fd, "x", 1), ENOSPC);
	buffer[5] = 1;
	EQ(read(fd, buffer, 10), 10);
	EQ(buffer[5], 0);
}

CASE(random_devices_give_different_bytes)
{
	char a[64], b[64];
	const char *paths[] = {"/dev/urandom", "/dev/random"};
	for (int i = 0; i < 2; i++) {
		int fd = OK(open(paths[i], O_RDWR));
		EQ(read(fd, a, sizeof a), sizeof a);
		EQ(read(fd, b, sizeof b), sizeof b);
		CHECK(memcmp(a, b, sizeof a) != 0);
		EQ(write(fd, a, sizeof a), sizeof a);
		int count;
		OK(ioctl(fd, RNDGETENTCNT, &count));
	}
}

CASE(getrandom_flags)
{
	char a[32] = "", b[32] = "";
	EQ(getrandom(a, sizeof a, 0), sizeof a);
	EQ(getrandom(b, sizeof b, GRND_NONBLOCK), sizeof b);
	CHECK(memcmp(a, b, sizeof a) != 0);
	EQ(getrandom(a, 0, 0), 0);
	ERR(getrandom(a, 8, 8), EINVAL);
	ERR(getrandom(a, 8, GRND_RANDOM | GRND_INSECURE), EINVAL);
	EQ(getrandom(a, 8, GRND_INSECURE), 8);
	ERR(syscall(SYS_getrandom, 16L, 8, 0), EFAULT);
	EQ(getrandom(buffer, sizeof buffer, 0), sizeof buffer);
}

CASE(random_bytes_look_random)
{
	int ones = 0;
	EQ(getrandom(buffer, 65536, 0), 65536);
	for (int i = 0; i < 65536; i++)
		ones += __builtin_popcount((unsigned char)buffer[i]);
	CHECK(ones > 260000 && ones < 264500);
}

CASE(tmpfs_with_a_size_is_full_with_ENOSPC)
{
	enter_scratch();
	OK(mkdir("m", 0700));
	OK(mount("tmpfs", "m", "tmpfs", 0, "size=64k"));
	int fd = OK(open("m/f", O_CREAT | O_RDWR, 0600));
	EQ(write(fd, buffer, sizeof buffer), 65536);
	ERR(write(fd, "x", 1), ENOSPC);
	OK(ftruncate(fd, 0));
	EQ(write(fd, "x", 1), 1);
	ERR(umount("m"), EBUSY);
	OK(close(fd));
	OK(umount("m"));
}

CASE(tmpfs_with_few_inodes_is_full_with_ENOSPC)
{
	char name[16];
	enter_scratch();
	OK(mkdir("m", 0700));
	OK(mount("tmpfs", "m", "tmpfs", 0, "nr_inodes=5"));
	int made = 0;
	for (; made < 10; made++) {
		snprintf(name, sizeof name, "m/%d", made);
		int fd = open(name, O_CREAT | O_RDWR, 0600);
		if (fd < 0)
			break;
		close(fd);
	}
	EQ(errno, ENOSPC);
	OUT("%d files", made);
	OK(umount("m"));
}

CASE(tmpfs_options)
{
	struct stat status;
	enter_scratch();
	OK(mkdir("m", 0700));
	OK(mount("x", "m", "tmpfs", 0, "mode=1750,uid=5,gid=6"));
	OK(stat("m", &status));
	OUT("mode %o uid %d gid %d", status.st_mode, status.st_uid, status.st_gid);
	OK(umount("m"));
	ERR(mount("x", "m", "tmpfs", 0, "nonsense=1"), EINVAL);
}

CASE(read_only_mount_is_EROFS)
{
	enter_scratch();
	OK(mkdir("m", 0700));
	OK(mount("x", "m", "tmpfs", MS_RDONLY, 0));
	ERR(open("m/f", O_CREAT | O_RDWR, 0600), EROFS);
	ERR(mkdir("m/d", 0700), EROFS);
	ERR(access("m", W_OK), EROFS);
	OK(mount("x", "m", 0, MS_REMOUNT, 0));
	OK(mkdir("m/d", 0700));
	OK(umount("m"));
}

CASE(mount_flags_are_obeyed)
{
	enter_scratch();
	OK(mkdir("m", 0755));
	OK(mount("x", "m", "tmpfs", MS_NOEXEC | MS_NODEV, 0));
	int fd = OK(open("m/f", O_CREAT | O_RDWR, 0755));
	EQ(write(fd, "#!/bin/sh\n", 10), 10);
	OK(close(fd));
	char *arguments[] = {"f", 0};
	ERR(execve("m/f", arguments, arguments + 1), EACCES);
	OK(mknod("m/null", S_IFCHR | 0600, 0x103));
	ERR(open("m/null", O_RDONLY), EACCES);
	OK(umount("m"));
}

CASE(mount_hides_and_umount_shows)
{
	struct stat status;
	enter_scratch();
	OK(mkdir("m", 0700));
	OK(close(OK(open("m/under", O_CREAT | O_RDWR, 0600))));
	OK(mount("x", "m", "tmpfs", 0, 0));
	ERR(stat("m/under", &status), ENOENT);
	OK(umount("m"));
	OK(stat("m/under", &status));
}

CASE(bind_mount_shows_the_same_folder)
{
	struct stat a, b;
	enter_scratch();
	OK(mkdir("a", 0700));
	OK(mkdir("b", 0700));
	OK(close(OK(open("a/f", O_CREAT | O_RDWR, 0600))));
	OK(mount("a", "b", 0, MS_BIND, 0));
	OK(stat("a/f", &a));
	OK(stat("b/f", &b));
	EQ(a.st_ino, b.st_ino);
	ERR(rename("a/f", "b/g"), EXDEV);
	ERR(rmdir("b"), EBUSY);
	OK(umount("b"));
}

CASE(lazy_umount_of_a_busy_mount)
{
	char byte;
	enter_scratch();
	OK(mkdir("m", 0700));
	OK(mount("x", "m", "tmpfs", 0, 0));
	int fd = OK(open("m/f", O_CREAT | O_RDWR, 0600));
	EQ(write(fd, "x", 1), 1);
	OK(umount2("m", MNT_DETACH));
	EQ(pread(fd, &byte, 1, 0), 1);
	ERR(umount("m"), EINVAL);
}

CASE(mount_errors)
{
	enter_scratch();
	OK(mkdir("m", 0700));
	ERR(mount("x", "m", "nosuchfs", 0, 0), ENODEV);
	ERR(mount("x", "missing", "tmpfs", 0, 0), ENOENT);
	ERR(umount("m"), EINVAL);
	ERR(umount("missing"), ENOENT);
	ERR(umount2("m", 0x1000), EINVAL);
	ERR(syscall(SYS_mount, "x", "m", 16L, 0, 0), EFAULT);
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(mount("x", "/tmp", "tmpfs", 0, 0), EPERM);
		ERR(umount("/tmp"), EPERM);
	});
}

/* Every mount shows the same names, whichever of them makes and removes them. */
static void one_tree_in_two_mounts(const char *type, const char *name)
{
	char first[64], second[64];
	OK(mkdir("a", 0755));
	OK(mkdir("b", 0755));
	OK(mount(type, "a", type, 0, 0));
	OK(mount(type, "b", type, 0, 0));
	snprintf(first, sizeof first, "a/%s", name);
	snprintf(second, sizeof second, "b/%s", name);
	ERR(access(first, F_OK), ENOENT);
	ERR(access(second, F_OK), ENOENT);
	OK(mknod(first, S_IFCHR | 0600, 0x103));
	OK(access(second, F_OK));
	OK(unlink(second));
	ERR(access(first, F_OK), ENOENT);
	OK(mkdir(second, 0755));
	OK(access(first, F_OK));
	OK(rename(first, "a/other"));
	ERR(access(second, F_OK), ENOENT);
	OK(rmdir("b/other"));
	ERR(access("a/other", F_OK), ENOENT);
	OK(umount("a"));
	OK(umount("b"));
}
CASE(devtmpfs_is_one_in_all_mounts)
{
	enter_scratch();
	one_tree_in_two_mounts("devtmpfs", "a-node");
}
