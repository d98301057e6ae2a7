/*
 * For each capability one call that is allowed with it and refused without it; what the two answer is compared with Linux.
 *
 * Without a case, since every call that asks for it is missing here, or Linux asks nowhere:
 *   CAP_MAC_OVERRIDE, CAP_MAC_ADMIN   security modules that Debian does not turn on
 */
#include "../check.h"
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <grp.h>
#include <netinet/in.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/ipc.h>
#include <sys/klog.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static void drop(int capability)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	OK(syscall(SYS_capget, &header, data));
	data[capability / 32].effective &= ~(1u << capability % 32);
	OK(syscall(SYS_capset, &header, data));
}

/* The scene of a call: a folder of its own with a file of somebody else's, and a process of somebody else's. */
static char name[64];
static pid_t other;

static void set_scene(void)
{
	enter_scratch();
	strcpy(name, "theirs");
	int fd = OK(open(name, O_CREAT | O_RDWR, 0600));
	EQ(write(fd, "abc", 3), 3);
	OK(fchown(fd, 1000, 1000));
	OK(fchmod(fd, 0600));
	OK(close(fd));
	other = OK(fork());
	if (other == 0) {
		OK(setresgid(1000, 1000, 1000));
		OK(setresuid(1000, 1000, 1000));
		for (;;)
			pause();
	}
	/* The ids are set when its pause shows as a sleep. */
	WAIT_STATE(other, 'S');
}

static void run_one(const char *label, int capability, long (*call)(void))
{
	set_scene();
	if (capability >= 0)
		drop(capability);
	errno = 0;
	long result = call();
	OUT("%s %s", label, result == -1 ? errno_name(errno) : "allowed");
	kill(other, SIGKILL);
	waitpid(other, 0, WNOHANG);
}

#define CAPABILITY(capability, ...)                                                                                    \
	static long call_##capability(void) { __VA_ARGS__; }                                                           \
	CASE(capability##_decides)                                                                                            \
	{                                                                                                              \
		IN_CHILD({ run_one("with", -1, call_##capability); });                                                 \
		IN_CHILD({ run_one("without", capability, call_##capability); });                                      \
	}

static struct rlimit more(void)
{
	struct rlimit limit;
	OK(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max = limit.rlim_max + 1;
	return limit;
}

static long set_all_groups(void)
{
	gid_t groups[2] = {7, 8};
	return setgroups(2, groups);
}

static long lock_beyond_the_limit(void)
{
	struct rlimit none = {4096, 4096};
	OK(setrlimit(RLIMIT_MEMLOCK, &none));
	char *area = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return mlock(area, 65536);
}

static long keep_set_group_bit(void)
{
	/* chmod by somebody outside the file's group loses the bit without the capability. */
	OK(chown(name, 0, 1000));
	OK(chmod(name, 02755));
	struct stat status;
	OK(stat(name, &status));
	errno = EXDEV;
	return status.st_mode & 02000 ? 0 : -1;
}

static long map_the_second_page(void)
{
	void *place = mmap((void *)4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return place == MAP_FAILED ? -1 : 0;
}

/* The terminal, if there is one, is not hung up: the caller has a session of its own. */
static long hang_up(void)
{
	setsid();
	return syscall(SYS_vhangup);
}

/* Who may not keep the machine awake has the bit taken away, which shows in the descriptor's file only. */
static long keep_awake(void)
{
	int ends[2];
	char path[64], text[512];
	OK(pipe(ends));
	int poll = OK(epoll_create1(0));
	struct epoll_event event = {.events = EPOLLIN | EPOLLWAKEUP};
	OK(epoll_ctl(poll, EPOLL_CTL_ADD, ends[0], &event));
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", poll);
	CHECK(read_file(path, text, sizeof text) > 0);
	errno = EXDEV;
	return strstr(text, "events: 20000019") ? 0 : -1;
}

static long write_login_user(const char *text)
{
	int fd = open("/proc/self/loginuid", O_WRONLY);
	if (fd == -1)
		return -1;
	long result = write(fd, text, strlen(text));
	int error = errno;
	close(fd);
	errno = error;
	return result;
}
/* The first time anybody may. */
static long log_in_twice(void)
{
	OK(write_login_user("1000"));
	return write_login_user("1001");
}

/* CAP_SYS_ADMIN contains the power. */
static long choose_a_pid(void)
{
	pid_t wanted = 29999;
	struct clone_args arguments = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1};
	drop(CAP_SYS_ADMIN);
	long child = syscall(SYS_clone3, &arguments, sizeof arguments);
	if (child == 0)
		_exit(getpid() != wanted);
	if (child == -1)
		return -1;
	EQ(child, wanted);
	EQ(exit_code(child), 0);
	return 0;
}

static long serve_a_low_port(void)
{
	const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(80)};
	return bind(socket(AF_INET, SOCK_DGRAM, 0), (const struct sockaddr *)&any, sizeof any);
}
static long set_option(int option, int value)
{
	return setsockopt(OK(socket(AF_UNIX, SOCK_DGRAM, 0)), SOL_SOCKET, option, &value, sizeof value);
}
/* CAP_NET_ADMIN contains the power. */
static long mark_what_is_sent(void)
{
	drop(CAP_NET_ADMIN);
	return set_option(SO_MARK, 1);
}

/* What the kernel's end of NETLINK_AUDIT says to a message. */
static long tell_audit(int type)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[64];
	} message = {.header = {.nlmsg_len = NLMSG_LENGTH(4), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK}};
	int fd = OK(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT));
	OK(send(fd, &message, message.header.nlmsg_len, 0));
	OK(recv(fd, &message, sizeof message, 0));
	errno = -message.error.error;
	return errno ? -1 : 0;
}
static long join_group(int protocol, int option, int group)
{
	return setsockopt(OK(socket(AF_NETLINK, SOCK_RAW, protocol)), 270, option, &group, sizeof group);
}

/* A semaphore that somebody else made. */
static long read_their_semaphore(void)
{
	int ends[2], id, status;
	OK(pipe(ends));
	pid_t maker = OK(fork());
	if (maker == 0) {
		OK(setresuid(1000, 1000, 1000));
		id = OK(semget(IPC_PRIVATE, 1, 0600));
		_exit(write(ends[1], &id, sizeof id) != sizeof id);
	}
	EQ(waitpid(maker, &status, 0), maker);
	EQ(read(ends[0], &id, sizeof id), sizeof id);
	long result = semctl(id, 0, GETVAL);
	int error = errno;
	/* Its owner, or CAP_SYS_ADMIN, may. */
	OK(semctl(id, 0, IPC_RMID));
	errno = error;
	return result;
}

static void set_parameter(const char *path, const char *value)
{
	int fd = OK(open(path, O_WRONLY));
	OK(write(fd, value, strlen(value)));
	OK(close(fd));
}

/* CAP_SYS_ADMIN contains the power, and Debian begins with a parameter that asks for nothing else. */
static long watch_the_kernel(void)
{
	struct perf_event_attr attribute = {.type = PERF_TYPE_SOFTWARE, .size = 64, .config = PERF_COUNT_SW_DUMMY};
	set_parameter("/proc/sys/kernel/perf_event_paranoid", "2");
	drop(CAP_SYS_ADMIN);
	long result = syscall(SYS_perf_event_open, &attribute, 0, -1, -1, 0);
	int error = errno;
	set_parameter("/proc/sys/kernel/perf_event_paranoid", "3");
	errno = error;
	return result;
}

/* CAP_SYS_ADMIN contains the power. */
static long make_a_map(void)
{
	union bpf_attr attribute = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
	drop(CAP_SYS_ADMIN);
	return syscall(SYS_bpf, BPF_MAP_CREATE, &attribute, 20);
}

/* What execve(2) gives is another file's business. */
static long give_capabilities(void)
{
	struct vfs_cap_data data = {.magic_etc = VFS_CAP_REVISION_2, .data = {{.permitted = 1 << CAP_CHOWN}}};
	return setxattr(name, "security.capability", &data, sizeof data, 0);
}

CAPABILITY(CAP_CHOWN, return chown(name, 5, 5))
CAPABILITY(CAP_DAC_OVERRIDE, return open(name, O_RDWR))
CAPABILITY(CAP_FOWNER, return chmod(name, 0644))
CAPABILITY(CAP_FSETID, return keep_set_group_bit())
CAPABILITY(CAP_KILL, return kill(other, SIGUSR2))
CAPABILITY(CAP_SETGID, return set_all_groups())
CAPABILITY(CAP_SETUID, return setresuid(1234, 1234, 1234))
CAPABILITY(CAP_SETPCAP, return prctl(PR_CAPBSET_DROP, CAP_SYS_PACCT))
CAPABILITY(CAP_NET_BIND_SERVICE, return serve_a_low_port())
CAPABILITY(CAP_NET_ADMIN, return set_option(SO_RCVBUFFORCE, 4096))
CAPABILITY(CAP_NET_RAW, return mark_what_is_sent())
CAPABILITY(CAP_IPC_OWNER, return read_their_semaphore())
CAPABILITY(CAP_IPC_LOCK, return lock_beyond_the_limit())
CAPABILITY(CAP_SYS_MODULE, return syscall(SYS_delete_module, "no-such-module", O_NONBLOCK))
CAPABILITY(CAP_SYS_PACCT, return acct(0))
CAPABILITY(CAP_SYS_CHROOT, return chroot("."))
CAPABILITY(CAP_SYS_ADMIN, return sethostname("capable", 7))
CAPABILITY(CAP_SYS_BOOT, return syscall(SYS_reboot, 1, 2, 3, 0))
CAPABILITY(CAP_SYS_NICE, return setpriority(PRIO_PROCESS, 0, -5))
CAPABILITY(CAP_SYS_TIME, struct timespec past = {-1, 0}; return clock_settime(CLOCK_REALTIME, &past))
CAPABILITY(CAP_MKNOD, return mknod("device", S_IFCHR | 0600, makedev(1, 3)))
/* As quiet as the harness starts Linux: what its kernel says would come between what cases print. */
CAPABILITY(CAP_SYSLOG, return klogctl(8, 0, 1))
CAPABILITY(CAP_SYS_RAWIO, return map_the_second_page())
CAPABILITY(CAP_SYS_TTY_CONFIG, return hang_up())
CAPABILITY(CAP_AUDIT_WRITE, return tell_audit(1100))
CAPABILITY(CAP_AUDIT_READ, return join_group(NETLINK_AUDIT, NETLINK_ADD_MEMBERSHIP, 1))
CAPABILITY(CAP_NET_BROADCAST, return join_group(NETLINK_ROUTE, NETLINK_LISTEN_ALL_NSID, 1))
CAPABILITY(CAP_AUDIT_CONTROL, return log_in_twice())
CAPABILITY(CAP_LINUX_IMMUTABLE, int flags = FS_APPEND_FL; return ioctl(open(name, O_RDONLY), FS_IOC_SETFLAGS, &flags))
CAPABILITY(CAP_SETFCAP, return give_capabilities())
CAPABILITY(CAP_WAKE_ALARM, return timerfd_create(CLOCK_BOOTTIME_ALARM, 0))
CAPABILITY(CAP_BLOCK_SUSPEND, return keep_awake())
CAPABILITY(CAP_PERFMON, return watch_the_kernel())
CAPABILITY(CAP_BPF, return make_a_map())
CAPABILITY(CAP_CHECKPOINT_RESTORE, return choose_a_pid())

CASE(raising_a_hard_limit_takes_CAP_SYS_RESOURCE)
{
	for (int capability = -1; capability <= CAP_SYS_RESOURCE; capability += CAP_SYS_RESOURCE + 1)
		IN_CHILD({
			struct rlimit limit = more();
			if (capability >= 0)
				drop(capability);
			long result = setrlimit(RLIMIT_NOFILE, &limit);
			OUT("%d %s", capability, result == -1 ? errno_name(errno) : "allowed");
		});
}

/* Reading and searching: what CAP_DAC_READ_SEARCH gives is also part of CAP_DAC_OVERRIDE, so both go. */
CASE(reading_takes_CAP_DAC_READ_SEARCH)
{
	for (int without = 0; without < 2; without++)
		IN_CHILD({
			set_scene();
			drop(CAP_DAC_OVERRIDE);
			if (without)
				drop(CAP_DAC_READ_SEARCH);
			int fd = open(name, O_RDONLY);
			OUT("%d read %s", without, fd == -1 ? errno_name(errno) : "allowed");
			fd = open(name, O_WRONLY);
			OUT("%d write %s", without, fd == -1 ? errno_name(errno) : "allowed");
			kill(other, SIGKILL);
		});
}

CASE(looking_into_others_takes_CAP_SYS_PTRACE)
{
	for (int without = 0; without < 2; without++)
		IN_CHILD({
			set_scene();
			char path[64];
			snprintf(path, sizeof path, "/proc/%d/environ", other);
			if (without)
				drop(CAP_SYS_PTRACE);
			int fd = open(path, O_RDONLY);
			OUT("%d environ %s", without, fd == -1 ? errno_name(errno) : "allowed");
			long result = ptrace(PTRACE_SEIZE, other, 0, 0);
			OUT("%d seize %s", without, result == -1 ? errno_name(errno) : "allowed");
			kill(other, SIGKILL);
		});
}

CASE(trusted_attributes)
{
	IN_CHILD({
		set_scene();
		OK(setxattr(name, "trusted.word", "x", 1, 0));
		drop(CAP_SYS_ADMIN);
		ERR(setxattr(name, "trusted.word", "x", 1, 0), EPERM);
		char value[4];
		ERR(getxattr(name, "trusted.word", value, sizeof value), ENODATA);
		kill(other, SIGKILL);
	});
}

CASE(capabilities_of_uid_0_go_with_the_uid)
{
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(sethostname("x", 1), EPERM);
		ERR(chroot("/"), EPERM);
		ERR(setresuid(0, 0, 0), EPERM);
	});
	IN_CHILD({
		OK(seteuid(1000));
		ERR(sethostname("capable", 7), EPERM);
		OK(seteuid(0));
		OK(sethostname("capable", 7));
	});
}
