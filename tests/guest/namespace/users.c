/* User namespaces (user_namespaces(7)): maps and who may write them, ids as each namespace shows them, capabilities over what it owns. */
#include "../check.h"
#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	int error = errno;
	close(fd);
	errno = error;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}
static int put_of(pid_t pid, const char *name, const char *text)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	return put(path, text);
}
static void show(const char *path)
{
	char text[512];
	CHECK(read_file(path, text, sizeof text) >= 0);
	text[strcspn(text, "\n")] = 0;
	OUT("%s: %s", strrchr(path, '/') + 1, text);
}
/* The case goes on as a user without privileges. */
static void become_user(void)
{
	OK(syscall(SYS_setgroups, 0, 0));
	OK(setresgid(1000, 1000, 1000));
	OK(setresuid(1000, 1000, 1000));
	OK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}
static unsigned long long effective(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	OK(syscall(SYS_capget, &header, data));
	return data[0].effective | (unsigned long long)data[1].effective << 32;
}

CASE(without_maps_nobody_is_known)
{
	become_user();
	OK(unshare(CLONE_NEWUSER));
	EQ(getuid(), 65534);
	EQ(geteuid(), 65534);
	EQ(getgid(), 65534);
	struct stat status;
	OK(stat("/proc/self", &status));
	EQ(status.st_uid, 65534);
	CHECK(effective() == 0x1ffffffffffULL);
	ERR(setuid(0), EINVAL);
	ERR(setgid(0), EINVAL);
	ERR(setresuid(1000, -1, -1), EINVAL);
	EQ(setfsuid(0), 65534);
	show("/proc/self/uid_map");
	show("/proc/self/setgroups");
	ERR(syscall(SYS_setgroups, 0, 0), EPERM);
}

CASE(root_of_its_own)
{
	become_user();
	OK(unshare(CLONE_NEWUSER));
	OK(put("/proc/self/setgroups", "deny"));
	OK(put("/proc/self/uid_map", "0 1000 1"));
	OK(put("/proc/self/gid_map", "0 1000 1\n"));
	EQ(getuid(), 0);
	EQ(geteuid(), 0);
	EQ(getgid(), 0);
	show("/proc/self/uid_map");
	show("/proc/self/gid_map");
	show("/proc/self/setgroups");
	ERR(put("/proc/self/uid_map", "0 1000 1"), EPERM);
	ERR(put("/proc/self/setgroups", "allow"), EPERM);
	ERR(syscall(SYS_setgroups, 0, 0), EPERM);
	ERR(setuid(5), EINVAL);
	OK(setuid(0));
	struct stat status;
	OK(stat("/proc/self", &status));
	EQ(status.st_uid, 0);
	OK(stat("/", &status));
	EQ(status.st_uid, 65534);
	EQ(status_number(getpid(), "Uid:"), 0);
}

CASE(maps_are_checked)
{
	become_user();
	OK(unshare(CLONE_NEWUSER));
	static const char *const wrong[] = {"", "0", "0 1000", "0 1000 0", "0 1000 1 1", "x 1000 1", "0 1000 1\n0 1001 1",
					    "0 1000 1\n1 1000 1", "4294967295 1000 1", "0 4294967295 1", "\n"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		int result = put("/proc/self/uid_map", wrong[i]);
		OUT("map %zu: %s", i, result ? errno_name(errno) : "ok");
	}
	ERR(put("/proc/self/uid_map", "0 0 1"), EPERM);
	ERR(put("/proc/self/uid_map", "0 1001 1"), EPERM);
	ERR(put("/proc/self/uid_map", "0 1000 2"), EPERM);
	ERR(put("/proc/self/gid_map", "0 1000 1"), EPERM);
	ERR(put("/proc/self/setgroups", "maybe"), EINVAL);
	ERR(put("/proc/self/setgroups", "deny  x"), EINVAL);
	OK(put("/proc/self/setgroups", "allow\n"));
	OK(put("/proc/self/setgroups", "deny\n"));
	OK(put("/proc/self/gid_map", "7 1000 1"));
	ERR(put("/proc/self/setgroups", "deny"), EPERM);
	ERR(put("/proc/self/uid_map", "0x5 01750 1"), EINVAL);
	OK(put("/proc/self/uid_map", "5 01000 1"));
	EQ(getuid(), 5);
	EQ(getgid(), 7);
	int fd = OK(open("/proc/self/uid_map", O_RDWR));
	EQ(OK(lseek(fd, 1, SEEK_SET)), 1);
	ERR(write(fd, "0 1000 1", 8), EINVAL);
}

static int go[2], ready[2];
static void child_waits(void)
{
	char byte = 'x';
	OK(write(ready[1], &byte, 1));
	close(go[1]);
	OK(read(go[0], &byte, 1));
}
CASE(a_parent_with_privileges_maps_many)
{
	char byte;
	OK(pipe(go));
	OK(pipe(ready));
	pid_t child = OK(fork());
	if (child == 0) {
		OK(unshare(CLONE_NEWUSER));
		child_waits();
		_exit(0);
	}
	OK(read(ready[0], &byte, 1));
	int result = put_of(child, "uid_map", "0 100000 65536\n");
	OUT("first map: %s", result ? errno_name(errno) : "ok");
	result = put_of(child, "uid_map", "100 0 1\n");
	OUT("second map: %s", result ? errno_name(errno) : "ok");
	kill(child, SIGKILL);
	EQ(death_signal(child), SIGKILL);
	child = OK(fork());
	if (child == 0) {
		OK(unshare(CLONE_NEWUSER));
		child_waits();
		EQ(getuid(), 100);
		OK(setgroups(2, (gid_t[]){5, 6}));
		OK(setresgid(1, 2, 3));
		OK(setresuid(1, 2, 3));
		gid_t groups[4];
		EQ(OK(getgroups(4, groups)), 2);
		EQ(groups[0], 5);
		uid_t real, effective_id, saved;
		OK(getresuid(&real, &effective_id, &saved));
		EQ(real, 1);
		EQ(effective_id, 2);
		EQ(saved, 3);
		OUT("effective %#llx", (unsigned long long)effective());
		ERR(setuid(70000), EINVAL);
		child_waits();
		_exit(0);
	}
	OK(read(ready[0], &byte, 1));
	OK(put_of(child, "uid_map", "0 100000 100\n100 0 1\n101 100101 1000"));
	OK(put_of(child, "gid_map", "0 200000 65536\n"));
	OK(write(go[1], "x", 1));
	OK(read(ready[0], &byte, 1));
	EQ(status_number(child, "Uid:"), 100001);
	EQ(status_number(child, "Gid:"), 200001);
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/uid_map", (int)child);
	show(path);
	OK(write(go[1], "x", 1));
	EQ(exit_code(child), 0);
}

CASE(capabilities_count_inside)
{
	become_user();
	struct utsname name;
	ERR(unshare(CLONE_NEWUTS), EPERM);
	OK(unshare(CLONE_NEWUSER));
	ERR(sethostname("x", 1), EPERM);
	ERR(mount("x", "/tmp", "tmpfs", 0, 0), EPERM);
	ERR(chroot("/missing"), ENOENT);
	OK(unshare(CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWIPC));
	OK(sethostname("inside", 6));
	OK(uname(&name));
	STR_EQ(name.nodename, "inside");
	OK(put("/proc/self/setgroups", "deny"));
	OK(put("/proc/self/uid_map", "0 1000 1"));
	OK(put("/proc/self/gid_map", "0 1000 1"));
	OK(mount("x", "/tmp", "tmpfs", 0, 0));
	struct stat status;
	OK(stat("/tmp", &status));
	EQ(status.st_uid, 0);
	close(OK(open("/tmp/file", O_CREAT | O_WRONLY, 0600)));
	OK(chown("/tmp/file", 0, 0));
	ERR(chown("/tmp/file", 1, 0), EINVAL);
	ERR(mknod("/tmp/null", S_IFCHR | 0666, 0x103), EPERM);
	ERR(kill(1, 0), EPERM);
	struct timespec now = {0, 0};
	ERR(clock_settime(CLOCK_REALTIME, &now), EPERM);
	ERR(setpriority(PRIO_PROCESS, 0, -5), EACCES);
	ERR(chmod("/", 0755), EPERM);
	ERR(umount("/proc"), EINVAL);
	ERR(mount(0, "/", 0, MS_REMOUNT, 0), EPERM);
	OK(umount("/tmp"));
}

CASE(all_at_once_by_clone)
{
	become_user();
	pid_t child = OK(syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
	if (child == 0) {
		EQ(getpid(), 1);
		int result = put("/proc/self/setgroups", "deny");
		OUT("setgroups: %s", result ? errno_name(errno) : "ok");
		OK(mount("none", "/", 0, MS_REC | MS_PRIVATE, 0));
		result = mount("proc", "/proc", "proc", 0, 0);
		OUT("mount of proc: %s", result ? errno_name(errno) : "ok");
		if (result == 0) {
			char text[16] = "";
			OK(readlink("/proc/self", text, sizeof text - 1));
			STR_EQ(text, "1");
		}
		_exit(0);
	}
	EQ(exit_code(child), 0);
}

CASE(refused)
{
	ERR(syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, 0, 0, 0, 0), EINVAL);
	ERR(syscall(SYS_clone, CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, 0, 0, 0, 0), EINVAL);
	pid_t child = OK(fork());
	if (child == 0) {
		enter_scratch();
		OK(chroot("."));
		ERR(unshare(CLONE_NEWUSER), EPERM);
		_exit(0);
	}
	EQ(exit_code(child), 0);
	child = OK(fork());
	if (child == 0) {
		/* Who has no ids in his namespace makes none below it. */
		become_user();
		OK(unshare(CLONE_NEWUSER));
		ERR(unshare(CLONE_NEWUSER), EPERM);
		_exit(0);
	}
	EQ(exit_code(child), 0);
	int fd = OK(open("/proc/self/ns/user", O_RDONLY));
	ERR(setns(fd, CLONE_NEWUSER), EINVAL);
}

CASE(the_owner_enters)
{
	char byte, path[64];
	OK(pipe(go));
	OK(pipe(ready));
	become_user();
	pid_t child = OK(fork());
	if (child == 0) {
		OK(unshare(CLONE_NEWUSER | CLONE_NEWUTS));
		OK(put("/proc/self/uid_map", "0 1000 1"));
		OK(sethostname("entered", 7));
		child_waits();
		_exit(0);
	}
	OK(read(ready[0], &byte, 1));
	snprintf(path, sizeof path, "/proc/%d/ns/uts", (int)child);
	int uts = OK(open(path, O_RDONLY));
	snprintf(path, sizeof path, "/proc/%d/ns/user", (int)child);
	int user = OK(open(path, O_RDONLY));
	ERR(setns(uts, 0), EPERM);
	OK(setns(user, CLONE_NEWUSER));
	EQ(getuid(), 0);
	CHECK(effective() == 0x1ffffffffffULL);
	OK(setns(uts, CLONE_NEWUTS));
	struct utsname name;
	OK(uname(&name));
	STR_EQ(name.nodename, "entered");
	OK(write(go[1], "x", 1));
	EQ(exit_code(child), 0);
}

static volatile int sender = -1;
static void note_sender(int number, siginfo_t *info, void *context)
{
	(void)number, (void)context;
	sender = info->si_uid;
}
CASE(senders_are_shown_as_the_receiver_knows_them)
{
	char byte;
	OK(pipe(go));
	OK(pipe(ready));
	become_user();
	struct sigaction action = {.sa_sigaction = note_sender, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGUSR1, &action, 0));
	OK(sigaction(SIGCHLD, &action, 0));
	pid_t child = OK(fork());
	if (child == 0) {
		OK(unshare(CLONE_NEWUSER));
		OK(put("/proc/self/uid_map", "3 1000 1"));
		child_waits();
		while (sender == -1)
			usleep(1000);
		EQ(sender, 3);
		OK(kill(getppid(), SIGUSR1));
		_exit(0);
	}
	OK(read(ready[0], &byte, 1));
	OK(write(go[1], "x", 1));
	OK(kill(child, SIGUSR1));
	siginfo_t info;
	int waited;
	do
		waited = waitid(P_PID, child, &info, WEXITED);
	while (waited == -1 && errno == EINTR);
	EQ(info.si_status, 0);
	EQ(info.si_uid, 1000);
	EQ(sender, 1000);
}

CASE(limits)
{
	char text[32];
	become_user();
	OK(unshare(CLONE_NEWUSER));
	CHECK(read_file("/proc/sys/user/max_uts_namespaces", text, sizeof text) > 0);
	EQ(atoi(text), INT_MAX);
	OK(put("/proc/self/setgroups", "deny"));
	OK(put("/proc/self/uid_map", "0 1000 1"));
	OK(put("/proc/self/gid_map", "0 1000 1"));
	OK(put("/proc/sys/user/max_uts_namespaces", "1"));
	OK(unshare(CLONE_NEWUTS));
	ERR(unshare(CLONE_NEWUTS), ENOSPC);
	OK(put("/proc/sys/user/max_user_namespaces", "0"));
	ERR(unshare(CLONE_NEWUSER), ENOSPC);
}

CASE(programs_keep_their_capabilities_as_root_only)
{
	become_user();
	char text[64];
	pid_t child = OK(fork());
	if (child == 0) {
		OK(unshare(CLONE_NEWUSER));
		OK(put("/proc/self/uid_map", "0 1000 1"));
		_exit(system("grep -q '^CapEff:.*000001ffffffffff' /proc/self/status"));
	}
	EQ(exit_code(child), 0);
	child = OK(fork());
	if (child == 0) {
		OK(unshare(CLONE_NEWUSER));
		OK(put("/proc/self/uid_map", "5 1000 1"));
		_exit(system("grep -q '^CapEff:.*0000000000000000' /proc/self/status"));
	}
	EQ(exit_code(child), 0);
	(void)text;
}
