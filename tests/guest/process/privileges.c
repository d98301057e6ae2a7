/* Which deeds of the first user count as the use of a privilege: PF_SUPERPRIV, which acct(5) records as ASU. */
#include "../check.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>

#define USES_PRIVILEGE 0x100

/* What becomes of the process is in its flags, the ninth field of stat. */
static int used_privilege(void)
{
	return (stat_field(getpid(), 9) & USES_PRIVILEGE) != 0;
}

/* Children that wait: one of the same user, one of another. */
static pid_t own_child, other_child;
static pid_t waiting_child(uid_t user)
{
	pid_t child = OK(fork());
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (user) {
			setresgid(user, user, user);
			setresuid(user, user, user);
			prctl(PR_SET_DUMPABLE, 1);
		}
		for (;;)
			pause();
	}
	WAIT_STATE(child, 'S');
	return child;
}

static void reads(const char *path)
{
	char text[100];
	int fd = OK(open(path, O_RDONLY));
	(void)!read(fd, text, sizeof text);
	OK(close(fd));
}
static void reads_of(pid_t pid, const char *name)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	reads(path);
}
static void writes(const char *path, const char *text)
{
	int fd = OK(open(path, O_WRONLY));
	(void)!write(fd, text, strlen(text));
	OK(close(fd));
}
static void steers_clock(unsigned modes)
{
	struct timex timex = {.modes = modes, .freq = 0};
	(void)!adjtimex(&timex);
}
static void makes_file(const char *name, uid_t user, mode_t mode)
{
	OK(close(OK(open(name, O_CREAT | O_RDWR, 0600))));
	OK(chown(name, user, user));
	OK(chmod(name, mode));
}
static void schedules(pid_t pid, int policy, int priority)
{
	const struct sched_param param = {.sched_priority = priority};
	OK(sched_setscheduler(pid, policy, &param));
}
static void sends_credentials(uid_t user, pid_t pid)
{
	int pair[2];
	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	union {
		char room[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control = {{0}};
	char byte = 0;
	struct iovec vector = {&byte, 1};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_CREDENTIALS;
	header->cmsg_len = CMSG_LEN(sizeof(struct ucred));
	*(struct ucred *)CMSG_DATA(header) = (struct ucred){pid, user, user};
	OK(sendmsg(pair[0], &message, 0));
}
static void sets_option(int option, int value)
{
	int fd = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	(void)!setsockopt(fd, SOL_SOCKET, option, &value, sizeof value);
}
static void sets_capabilities(int drop)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	OK(syscall(SYS_capget, &header, data));
	if (drop)
		data[0].effective &= ~(1u << CAP_SYS_BOOT);
	OK(syscall(SYS_capset, &header, data));
}
static void filters(int no_new_privileges)
{
	struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
	struct sock_fprog program = {1, &allow};
	if (no_new_privileges)
		OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	OK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}
static void traces(pid_t pid)
{
	OK(ptrace(PTRACE_SEIZE, pid, 0, 0));
	OK(ptrace(PTRACE_INTERRUPT, pid, 0, 0));
	EQ(waitpid(pid, 0, __WALL), pid);
	OK(ptrace(PTRACE_DETACH, pid, 0, 0));
}
static void limits_of(pid_t pid)
{
	struct rlimit limit;
	OK(prlimit(pid, RLIMIT_NOFILE, 0, &limit));
	OK(prlimit(pid, RLIMIT_NOFILE, &limit, 0));
}
static void copies_memory_of(pid_t pid)
{
	char byte;
	struct iovec own = {&byte, 1}, other = {&own_child, 1};
	OK(process_vm_readv(pid, &own, 1, &other, 1, 0));
}
static void locks_segment(int uid)
{
	int id = OK(shmget(IPC_PRIVATE, 4096, 0600));
	if (uid)
		OK(setreuid(-1, uid));
	(void)!shmctl(id, SHM_LOCK, 0);
	(void)!shmctl(id, IPC_RMID, 0);
}
static void changes_foreign_ipc(void)
{
	int id = OK(semget(IPC_PRIVATE, 1, 0));
	struct semid_ds set;
	OK(semctl(id, 0, IPC_STAT, &set));
	OK(semctl(id, 0, IPC_RMID));
}
static void attaches_segment(void)
{
	int id = OK(shmget(IPC_PRIVATE, 4096, 0600));
	OK(shmdt((void *)OK(shmat(id, 0, 0))));
	OK(shmctl(id, IPC_RMID, 0));
}
static void advises(int advice)
{
	void *at = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)!madvise(at, 4096, advice);
}
static void makes_pipe(int size)
{
	int pair[2];
	OK(pipe(pair));
	OK(fcntl(pair[0], F_SETPIPE_SZ, size));
}
static void touches(const char *name, int with_time)
{
	const struct timespec times[2] = {{1, 0}, {1, 0}};
	OK(utimensat(AT_FDCWD, name, with_time ? times : 0, 0));
}
static void leases(const char *name)
{
	int fd = OK(open(name, O_RDONLY));
	OK(fcntl(fd, F_SETLEASE, F_RDLCK));
	OK(fcntl(fd, F_SETLEASE, F_UNLCK));
	OK(close(fd));
}
static void sets_flags(const char *name, int flags)
{
	int fd = OK(open(name, O_RDONLY));
	(void)!ioctl(fd, FS_IOC_SETFLAGS, &flags);
	OK(close(fd));
}
static void writes_to(const char *name)
{
	writes(name, "x");
}
static void makes_alarm_timer(void)
{
	timer_t timer;
	(void)!timer_create(CLOCK_BOOTTIME_ALARM, 0, &timer);
}
static void watches(const char *name)
{
	OK(inotify_add_watch(OK(inotify_init1(0)), name, IN_ACCESS));
}
static void executes(const char *name)
{
	pid_t child = OK(vfork());
	if (child == 0) {
		execl(name, name, "--list", (char *)0);
		_exit(1);
	}
	waitpid(child, 0, 0);
}

/* The deeds. Each happens in a child of its own. */
#define DEEDS(X) \
	X(nothing, (void)0) \
	X(reads_steering, steers_clock(0)) \
	X(steers, steers_clock(ADJ_FREQUENCY)) \
	X(reads_singleshot, steers_clock(0xa001)) \
	X(maps, OK(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) \
	X(grows, OK(syscall(SYS_brk, sbrk(0)))) \
	X(locks_memory, OK(mlock(&own_child, 4))) \
	X(advises_need, advises(MADV_WILLNEED)) \
	X(advises_poison, advises(101)) \
	X(attaches, attaches_segment()) \
	X(locks_own_segment, locks_segment(0)) \
	X(reads_foreign_ipc, changes_foreign_ipc()) \
	X(reads_pagemap, reads("/proc/self/pagemap")) \
	X(reads_kallsyms, reads("/proc/kallsyms")) \
	X(reads_modules, reads("/proc/modules")) \
	X(reads_wchan, reads_of(own_child, "wchan")) \
	X(reads_wchan_of_other, reads_of(other_child, "wchan")) \
	X(reads_stack, reads_of(own_child, "stack")) \
	X(reads_syscall, reads_of(own_child, "syscall")) \
	X(reads_stat_of_other, reads_of(other_child, "stat")) \
	X(reads_maps, reads_of(own_child, "maps")) \
	X(reads_maps_of_other, reads_of(other_child, "maps")) \
	X(reads_environment_of_other, reads_of(other_child, "environ")) \
	X(reads_limits_of_other, reads_of(other_child, "limits")) \
	X(less_killable, writes("/proc/self/oom_score_adj", "-5")) \
	X(more_killable, writes("/proc/self/oom_score_adj", "5")) \
	X(drops_caches, writes("/proc/sys/vm/drop_caches", "4")) \
	X(keeps_ids, OK(setresuid(-1, -1, -1))) \
	X(sets_ids_to_own, OK(setresuid(0, 0, 0))) \
	X(swaps_ids, OK(setreuid(0, 0))) \
	X(sets_real_id, OK(setreuid(5, -1))) \
	X(sets_file_id_to_own, setfsuid(0)) \
	X(sets_file_id, setfsuid(5)) \
	X(sets_group_to_own, OK(setgid(0))) \
	X(sets_groups_to_own, OK(setresgid(0, 0, 0))) \
	X(swaps_groups, OK(setregid(0, 0))) \
	X(sets_file_group_to_own, setfsgid(0)) \
	X(sets_file_group, setfsgid(5)) \
	X(sets_same_capabilities, sets_capabilities(0)) \
	X(drops_a_capability, sets_capabilities(1)) \
	X(sets_securebits, OK(prctl(PR_SET_SECUREBITS, 0))) \
	X(keeps_capabilities, OK(prctl(PR_SET_KEEPCAPS, 1))) \
	X(flushes, OK(prctl(PR_GET_IO_FLUSHER, 0, 0, 0, 0))) \
	X(sends_own_credentials, sends_credentials(0, getpid())) \
	X(sends_pid_of_other, sends_credentials(0, own_child)) \
	X(sends_other_user, sends_credentials(5, getpid())) \
	X(probes_own, OK(kill(own_child, 0))) \
	X(probes_other, OK(kill(other_child, 0))) \
	X(traces_own, traces(own_child)) \
	X(traces_other, traces(other_child)) \
	X(copies_from_own, copies_memory_of(own_child)) \
	X(copies_from_other, copies_memory_of(other_child)) \
	X(limits_own, limits_of(own_child)) \
	X(limits_other, limits_of(other_child)) \
	X(lowers_limit, ({ struct rlimit l = {5, 5}; OK(setrlimit(RLIMIT_SIGPENDING, &l)); })) \
	X(schedules_batch, schedules(0, SCHED_BATCH, 0)) \
	X(schedules_fifo, schedules(0, SCHED_FIFO, 1)) \
	X(schedules_own, schedules(own_child, SCHED_BATCH, 0)) \
	X(schedules_other, schedules(other_child, SCHED_BATCH, 0)) \
	X(same_nice, OK(setpriority(PRIO_PROCESS, 0, 0))) \
	X(same_nice_of_other, OK(setpriority(PRIO_PROCESS, other_child, 0))) \
	X(io_best_effort, OK(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 4))) \
	X(io_real_time, OK(syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 4))) \
	X(io_of_other, OK(syscall(SYS_ioprio_set, 1, other_child, 2 << 13 | 4))) \
	X(filters_as_root, filters(0)) \
	X(filters_without_privileges, filters(1)) \
	X(makes_user_namespace, OK(unshare(CLONE_NEWUSER))) \
	X(shares_no_files, OK(unshare(CLONE_FILES))) \
	X(alarm_descriptor, (void)!timerfd_create(CLOCK_BOOTTIME_ALARM, 0)) \
	X(plain_descriptor, OK(timerfd_create(CLOCK_BOOTTIME, 0))) \
	X(alarm_timer, makes_alarm_timer()) \
	X(small_pipe, makes_pipe(8192)) \
	X(large_pipe, makes_pipe(2 << 20)) \
	X(opens_without_time, OK(open("own", O_RDONLY | O_NOATIME))) \
	X(opens_foreign_without_time, OK(open("foreign", O_RDONLY | O_NOATIME))) \
	X(opens_open_file_of_other, OK(open("open", O_RDONLY))) \
	X(asks_access, OK(access("foreign", R_OK))) \
	X(asks_existence, OK(access("foreign", F_OK))) \
	X(enters_foreign_folder, ({ struct stat s; OK(stat("closed/x", &s)); })) \
	X(lists_foreign_folder, OK(open("closed", O_RDONLY | O_DIRECTORY))) \
	X(creates_in_foreign_folder, OK(open("closed/new", O_CREAT | O_RDWR, 0600))) \
	X(touches_own, touches("own", 1)) \
	X(touches_foreign, touches("foreign", 1)) \
	X(touches_foreign_now, touches("foreign", 0)) \
	X(links_own, OK(link("own", "link-1"))) \
	X(links_foreign, OK(link("foreign", "link-2"))) \
	X(unlinks_foreign_of_sticky, OK(unlink("sticky/x"))) \
	X(sets_user_attribute, (void)!setxattr("own", "user.a", "b", 1, 0)) \
	X(sets_trusted_attribute, OK(setxattr("own", "trusted.a", "b", 1, 0))) \
	X(gets_trusted_attribute, (void)!getxattr("own", "trusted.none", 0, 0)) \
	X(lists_attributes, OK(listxattr("own", 0, 0))) \
	X(leases_own, leases("own")) \
	X(leases_foreign, leases("open")) \
	X(sets_no_flags, sets_flags("own", 0)) \
	X(writes_own, writes_to("own")) \
	X(writes_setuid, writes_to("setuid")) \
	X(truncates_setuid, OK(truncate("setuid", 0))) \
	X(sets_group_bit, OK(chmod("grouped", 02755))) \
	X(sets_own_group, OK(chown("own", -1, 0))) \
	X(watches_own, watches("own")) \
	X(watches_foreign, watches("foreign")) \
	X(executes_program, executes("/proc/self/exe")) \
	X(reads_log_size, OK(klogctl(10, 0, 0))) \
	X(sets_log_level, OK(klogctl(8, 0, 4))) \
	X(opens_log, OK(open("/dev/kmsg", O_RDONLY | O_NONBLOCK))) \
	X(turns_keys_off, OK(reboot(RB_DISABLE_CAD))) \
	X(bad_reboot, (void)!reboot(1)) \
	X(same_ports, OK(syscall(SYS_iopl, 0))) \
	X(more_ports, OK(syscall(SYS_iopl, 3))) \
	X(less_port_bits, OK(syscall(SYS_ioperm, 0x80, 1, 0))) \
	X(more_port_bits, OK(syscall(SYS_ioperm, 0x80, 1, 1))) \
	X(bad_module, (void)!syscall(SYS_init_module, 0, 0, "")) \
	X(low_priority_socket, sets_option(SO_PRIORITY, 3)) \
	X(high_priority_socket, sets_option(SO_PRIORITY, 7)) \
	X(marked_socket, sets_option(SO_MARK, 3)) \
	X(large_buffer, sets_option(SO_SNDBUF, 1 << 30)) \
	X(forced_buffer, sets_option(SO_SNDBUFFORCE, 1 << 20)) \
	X(compares, OK(syscall(SYS_kcmp, own_child, own_child, 0, 0, 0))) \
	X(compares_other, OK(syscall(SYS_kcmp, own_child, other_child, 0, 0, 0))) \
	X(moves_own, ({ cpu_set_t s; OK(sched_getaffinity(0, sizeof s, &s)); OK(sched_setaffinity(own_child, sizeof s, &s)); })) \
	X(moves_other, ({ cpu_set_t s; OK(sched_getaffinity(0, sizeof s, &s)); OK(sched_setaffinity(other_child, sizeof s, &s)); })) \
	X(reads_groups_link, ({ char b[64]; OK(readlink("/proc/self/exe", b, sizeof b)); })) \
	X(reads_link_of_other, ({ char b[64], p[32]; snprintf(p, sizeof p, "/proc/%d/exe", other_child); OK(readlink(p, b, sizeof b)); }))
enum {
#define X(name, ...) DEED_##name,
	DEEDS(X)
#undef X
};
static const char *const names[] = {
#define X(name, ...) #name,
	DEEDS(X)
#undef X
};
static void happens(int deed)
{
	switch (deed) {
#define X(name, ...)                                                                                                   \
	case DEED_##name:                                                                                              \
		__VA_ARGS__;                                                                                           \
		break;
		DEEDS(X)
#undef X
	}
}

CASE_WITHIN(used_by, 60)
{
	enter_scratch();
	umask(0);
	makes_file("own", 0, 0600);
	makes_file("setuid", 0, 04755);
	makes_file("grouped", 0, 0755);
	OK(chown("grouped", 0, 1000));
	makes_file("foreign", 1000, 0600);
	makes_file("open", 1000, 0666);
	OK(mkdir("closed", 0700));
	makes_file("closed/x", 1000, 0600);
	OK(chown("closed", 1000, 1000));
	OK(mkdir("sticky", 01777));
	OK(chown("sticky", 1000, 1000));
	makes_file("sticky/x", 1000, 0600);
	own_child = waiting_child(0);
	other_child = waiting_child(1000);
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		IN_CHILD({
			happens((int)i);
			OUT("%s: %s", names[i], used_privilege() ? "used" : "not used");
		});
	}
	kill(own_child, SIGKILL);
	kill(other_child, SIGKILL);
}
