/* The files of namespaces: /proc/PID/ns, their descriptors, setns(2) by them, ioctl_ns(2), mounts that keep them. */
#include "../check.h"
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/utsname.h>

#define NS_GET_USERNS 0xb701
#define NS_GET_PARENT 0xb702
#define NS_GET_NSTYPE 0xb703
#define NS_GET_OWNER_UID 0xb704
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static const struct {
	const char *name, *kind;
	int flag;
} links[] = {
	{"cgroup", "cgroup", CLONE_NEWCGROUP},
	{"ipc", "ipc", CLONE_NEWIPC},
	{"mnt", "mnt", CLONE_NEWNS},
	{"net", "net", CLONE_NEWNET},
	{"pid", "pid", CLONE_NEWPID},
	{"pid_for_children", "pid", CLONE_NEWPID},
	{"time", "time", CLONE_NEWTIME},
	{"time_for_children", "time", CLONE_NEWTIME},
	{"user", "user", CLONE_NEWUSER},
	{"uts", "uts", CLONE_NEWUTS},
};
#define LINKS (sizeof links / sizeof *links)

static int open_link(pid_t pid, const char *name)
{
	char path[64];
	if (pid)
		snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
	else
		snprintf(path, sizeof path, "/proc/self/ns/%s", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}
static ino_t inode_of(const char *name)
{
	struct stat status;
	int fd = OK(open_link(0, name));
	OK(fstat(fd, &status));
	close(fd);
	return status.st_ino;
}

CASE(links_name_their_inodes)
{
	for (size_t i = 0; i < LINKS; i++) {
		char path[64], text[64] = "", wanted[64];
		struct stat link, file;
		struct statfs system;
		snprintf(path, sizeof path, "/proc/self/ns/%s", links[i].name);
		OK(readlink(path, text, sizeof text - 1));
		OK(stat(path, &file));
		OK(lstat(path, &link));
		snprintf(wanted, sizeof wanted, "%s:[%llu]", links[i].kind, (unsigned long long)file.st_ino);
		STR_EQ(text, wanted);
		EQ(link.st_mode, S_IFLNK | 0777);
		EQ(file.st_mode, S_IFREG | 0444);
		EQ(file.st_size, 0);
		EQ(file.st_nlink, 1);
		EQ(file.st_uid, 0);
		int fd = OK(open_link(0, links[i].name));
		OK(fstatfs(fd, &system));
		EQ(system.f_type, 0x6e736673);
#ifndef __i386__ /* has no such calls */
		EQ(OK(ioctl(fd, NS_GET_NSTYPE)), links[i].flag);
#endif
		close(fd);
	}
	struct stat directory;
	OK(stat("/proc/self/ns", &directory));
	EQ(directory.st_mode, S_IFDIR | 0511);
}

CASE(a_file_cannot_be_read_or_written)
{
	char byte;
	int fd = OK(open_link(0, "uts"));
	ERR(read(fd, &byte, 1), EINVAL);
	ERR(write(fd, "x", 1), EBADF);
	ERR(lseek(fd, 0, SEEK_SET), ESPIPE);
	ERR(ioctl(fd, 0xb705), ENOTTY);
	close(fd);
	ERR(open("/proc/self/ns/uts", O_RDWR), EPERM);
	ERR(open("/proc/self/ns/uts", O_WRONLY | O_TRUNC), EPERM);
}

CASE(the_first_ones_have_their_numbers)
{
	EQ(inode_of("ipc"), 0xefffffff);
	EQ(inode_of("uts"), 0xeffffffe);
	EQ(inode_of("user"), 0xeffffffd);
	EQ(inode_of("pid"), 0xeffffffc);
	EQ(inode_of("cgroup"), 0xeffffffb);
	EQ(inode_of("time"), 0xeffffffa);
}

CASE(unshare_changes_one_link)
{
	ino_t before = inode_of("uts"), other = inode_of("ipc");
	OK(unshare(CLONE_NEWUTS));
	CHECK(inode_of("uts") != before);
	EQ(inode_of("ipc"), other);
}

CASE(a_descriptor_leads_back)
{
	struct utsname name;
	int fd = OK(open_link(0, "uts"));
	ino_t before = inode_of("uts");
	OK(unshare(CLONE_NEWUTS));
	OK(sethostname("elsewhere", 9));
	OK(setns(fd, CLONE_NEWUTS));
	EQ(inode_of("uts"), before);
	OK(uname(&name));
	CHECK(strcmp(name.nodename, "elsewhere") != 0);
}

CASE(setns_refuses)
{
	int fd = OK(open_link(0, "uts")), pipes[2], place;
	OK(pipe(pipes));
	ERR(setns(-1, 0), EBADF);
	ERR(setns(999, CLONE_NEWUTS), EBADF);
	ERR(setns(fd, CLONE_NEWIPC), EINVAL);
	ERR(setns(fd, 1), EINVAL);
	ERR(setns(fd, CLONE_NEWUTS | CLONE_NEWIPC), EINVAL);
	ERR(setns(pipes[0], 0), EINVAL);
	ERR(setns(pipes[0], CLONE_NEWUTS), EINVAL);
	place = OK(open("/proc/self/ns/uts", O_PATH));
	ERR(setns(place, 0), EBADF);
	place = OK(open("/proc/self", O_RDONLY));
	ERR(setns(place, CLONE_NEWUTS), EINVAL);
	int user = OK(open_link(0, "user"));
	ERR(setns(user, 0), EINVAL);
	OK(setns(fd, 0));
	OK(seteuid(1000));
	ERR(setns(fd, 0), EPERM);
	ERR(setns(fd, CLONE_NEWIPC), EINVAL);
}

CASE(a_pidfd_names_several)
{
	int ready[2], done[2];
	char byte;
	OK(pipe(ready));
	OK(pipe(done));
	pid_t child = OK(fork());
	if (child == 0) {
		OK(unshare(CLONE_NEWUTS | CLONE_NEWNS));
		OK(sethostname("childs", 6));
		OK(write(ready[1], "x", 1));
		close(done[1]);
		(void)!read(done[0], &byte, 1);
		_exit(0);
	}
	OK(read(ready[0], &byte, 1));
	int pidfd = OK(syscall(SYS_pidfd_open, child, 0));
	ERR(setns(pidfd, 0), EINVAL);
	ERR(setns(pidfd, CLONE_VM), EINVAL);
	ERR(setns(pidfd, CLONE_NEWUTS | CLONE_VM), EINVAL);
	struct utsname name;
	ino_t mounts = inode_of("mnt");
	OK(setns(pidfd, CLONE_NEWUTS | CLONE_NEWNS));
	OK(uname(&name));
	STR_EQ(name.nodename, "childs");
	CHECK(inode_of("mnt") != mounts);
	close(done[1]);
	EQ(exit_code(child), 0);
	ERR(setns(pidfd, CLONE_NEWUTS), ESRCH);
}

CASE(a_pidfd_of_another_user)
{
	int hold[2];
	char byte;
	OK(pipe(hold));
	pid_t child = OK(fork());
	if (child == 0) {
		close(hold[1]);
		(void)!read(hold[0], &byte, 1);
		_exit(0);
	}
	int pidfd = OK(syscall(SYS_pidfd_open, child, 0));
	OK(setresuid(1000, 1000, 1000));
	ERR(setns(pidfd, CLONE_NEWUTS), EPERM);
	ERR(setns(pidfd, 0), EINVAL);
	char path[64], text[64];
	snprintf(path, sizeof path, "/proc/%d/ns/uts", (int)child);
	ERR(readlink(path, text, sizeof text), EACCES);
	ERR(open(path, O_RDONLY), EACCES);
	struct stat status;
	OK(lstat(path, &status));
}

CASE(a_zombie_has_left)
{
	pid_t child = OK(fork());
	if (child == 0)
		_exit(0);
	WAIT_STATE(child, 'Z');
	for (size_t i = 0; i < LINKS; i++) {
		char path[64], text[64];
		snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)child, links[i].name);
		ssize_t length = readlink(path, text, sizeof text);
		OUT("%s: %s", links[i].name, length < 0 ? errno_name(errno) : "there");
	}
	int pidfd = OK(syscall(SYS_pidfd_open, child, 0));
	ERR(setns(pidfd, CLONE_NEWUTS), ESRCH);
}

CASE(ioctl_finds_relations)
{
#ifdef __i386__
	ERR(ioctl(OK(open_link(0, "uts")), NS_GET_USERNS), ENOTTY);
#else
	unsigned uid = 77;
	int uts = OK(open_link(0, "uts")), user = OK(open_link(0, "user")), pid = OK(open_link(0, "pid"));
	int owner = OK(ioctl(uts, NS_GET_USERNS));
	struct stat one, two;
	OK(fstat(owner, &one));
	OK(fstat(user, &two));
	EQ(one.st_ino, two.st_ino);
	EQ(one.st_dev, two.st_dev);
	EQ(OK(fcntl(owner, F_GETFD)), FD_CLOEXEC);
	EQ(OK(fcntl(owner, F_GETFL)) & O_ACCMODE, O_RDONLY);
	EQ(OK(ioctl(owner, NS_GET_NSTYPE)), CLONE_NEWUSER);
	ERR(ioctl(user, NS_GET_USERNS), EPERM);
	ERR(ioctl(user, NS_GET_PARENT), EPERM);
	ERR(ioctl(pid, NS_GET_PARENT), EPERM);
	ERR(ioctl(uts, NS_GET_PARENT), EINVAL);
	ERR(ioctl(uts, NS_GET_OWNER_UID, &uid), EINVAL);
	OK(ioctl(user, NS_GET_OWNER_UID, &uid));
	EQ(uid, 0);
	ERR(ioctl(user, NS_GET_OWNER_UID, 1), EFAULT);
#endif
}

CASE(a_mount_keeps_a_namespace)
{
	OK(unshare(CLONE_NEWNS));
	enter_scratch();
	int fd = OK(open("kept", O_CREAT | O_WRONLY, 0600));
	close(fd);
	pid_t child = OK(fork());
	if (child == 0) {
		OK(unshare(CLONE_NEWUTS));
		OK(sethostname("kept", 4));
		OK(mount("/proc/self/ns/uts", "kept", 0, MS_BIND, 0));
		_exit(0);
	}
	EQ(exit_code(child), 0);
	struct stat status;
	struct utsname name;
	OK(stat("kept", &status));
	CHECK(status.st_ino != inode_of("uts"));
	fd = OK(open("kept", O_RDONLY));
	OK(setns(fd, CLONE_NEWUTS));
	OK(uname(&name));
	STR_EQ(name.nodename, "kept");
	char text[8192], *line;
	CHECK(read_file("/proc/self/mountinfo", text, sizeof text) > 0);
	line = strstr(text, " uts:[");
	CHECK(line != 0);
	CHECK(strstr(line, "/kept rw") != 0);
	CHECK(strstr(line, " - nsfs nsfs rw") != 0);
	close(fd);
	OK(umount("kept"));
	ERR(mount("/proc/self/ns/mnt", "kept", 0, MS_BIND, 0), EINVAL);
}

CASE(unshare_refuses)
{
	ERR(unshare(1), EINVAL);
	ERR(unshare(CLONE_NEWUTS | CLONE_PARENT), EINVAL);
	ERR(unshare(CLONE_SETTLS), EINVAL);
	OK(unshare(0));
	OK(unshare(CLONE_THREAD | CLONE_VM | CLONE_SIGHAND));
	OK(seteuid(1000));
	ERR(unshare(CLONE_NEWUTS), EPERM);
	ERR(unshare(CLONE_NEWNS), EPERM);
	ERR(unshare(CLONE_NEWPID), EPERM);
	ERR(unshare(CLONE_NEWIPC), EPERM);
	ERR(unshare(CLONE_NEWNET), EPERM);
	ERR(unshare(CLONE_NEWCGROUP), EPERM);
	ERR(unshare(CLONE_NEWTIME), EPERM);
	OK(unshare(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM));
}
