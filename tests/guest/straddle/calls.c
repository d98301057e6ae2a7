/* The calls of sweep.h that all ABIs have under the same name; native.c has those of x86-64 and i386. */
#include "../check.h"
#include "sweep.h"
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#if !(defined __x86_64__ && defined __ILP32__)
static char bytes[100];
static char small[10] = "lstar-1234";
static word zero_time[2], short_time[2] = {0, 1000}, bad_time[2] = {5, -1}, two_times[4], long_timer[4] = {0, 0, 1000, 0};
static uint64_t one_hint = 1;
static uint32_t zero_word, one_word = 1, cap_header[2] = {0x20080522, 0};
static uint64_t zero_time64[2], no_signals, usr1 = 1 << (SIGUSR1 - 1), offset, how[3], cap_data[3];
static word action[8];
static stack_t no_stack = {.ss_flags = SS_DISABLE};
static int32_t queued[32] = {SIGUSR1, 0, -1};
static struct pollfd watched = {PIPE_OUT, POLLIN, 0};
static uint64_t read_set = 1 << PIPE_OUT, no_set;
static struct {
	void *set;
	word size;
} mask_pair = {&no_signals, 8};
static struct {
	uint32_t events, data[2];
} event = {EPOLLIN, {7, 8}};
static word cpu_mask = 1;
/* A data segment of 32 bits at place 2 of the local table. */
static uint32_t descriptor[4] = {2, 0, 0xfff, 1};
static struct {
	uint32_t size, policy;
	uint64_t flags;
	uint32_t nice, priority;
	uint64_t rest[3];
} attributes = {48, 0, 0, 0, 0, {0, 0, 0}};
static struct {
	union sigval value;
	int signal, notify;
	char room[64 - 8 - sizeof(union sigval)];
} sigevent_none = {.notify = SIGEV_NONE};
static struct iovec remote = {bytes, sizeof bytes};
static uint64_t new_task[8] = {0, 0, 0, 0, SIGCHLD, 0, 0, 0};
static char *list_of_texts[2] = {"x", 0};
static word limits[2];
static uint64_t wide_limits[2];
static struct {
	uint64_t value;
	void *address, *high[sizeof(uint64_t) / sizeof(void *) - 1];
	uint32_t flags, reserved;
} waiter = {.value = 1, .address = &zero_word, .flags = 2};
static char page[8192] __attribute__((aligned(4096)));
static struct {
	int16_t type, whence;
	word start, length;
	int32_t pid;
} lock = {F_WRLCK, SEEK_SET, 0, 10, 0};
static word no_change[26];
static uint64_t no_map[13];
static uint32_t owner[2] = {1, 0}, kill_process = 0x80000000;
static uint32_t watched_slot[3] = {POLLER, PIPE_OUT, 0};
static struct {
	uint16_t count;
	void *filter;
} no_program;

static struct {
	word type;
	char text[8];
} sent = {1, "message"};
/* What IPC_SET reads; the bytes of a queue are its 12th word, i386's 18th. */
static word new_owner[30], new_queue[30] = {[sizeof(word) == 8 ? 11 : 17] = 16384};
static unsigned short values[3] = {1, 2, 3};
static int32_t name_room = 110, option_room = 4;
static struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
static uint16_t family_alone = AF_UNIX;
static struct iovec part = {bytes, sizeof bytes};
static struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
static struct mmsghdr messages = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};

static const struct row rows_sockets[] = {
	AS("read socket", read, COUNT, V(SOCKET_OUT), O(60), V(60)),
	AS("write socket", write, COUNT, V(SOCKET_IN), I(bytes), V(100)),
	AS("readv socket", readv, COUNT, V(SOCKET_OUT), W, V(2)),
	AS("writev socket", writev, COUNT, V(SOCKET_IN), W, V(2)),
	R(sendto, COUNT, V(SOCKET_IN), I(bytes), V(100), V(0), V(0), V(0)),
	R(recvfrom, COUNT, V(SOCKET_OUT), O(60), V(60), V(0), O(4), B(name_room)),
	R(sendmsg, COUNT, V(SOCKET_IN), I(message), V(0)),
	R(recvmsg, COUNT, V(SOCKET_OUT), B(message), V(0)),
	R(sendmmsg, COUNT, V(SOCKET_IN), B(messages), V(1), V(0)),
	R(recvmmsg, COUNT, V(SOCKET_OUT), B(messages), V(1), V(0), V(0)),
	R(bind, 0, V(LONE_SOCKET), I(family_alone), V(2)),
	R(connect, 0, V(LONE_SOCKET), I(unspecified), V(16)),
	R(getsockname, 0, V(SOCKET_IN), O(4), B(name_room)),
	R(getpeername, 0, V(SOCKET_IN), O(4), B(name_room)),
	R(socketpair, SILENT, V(AF_UNIX), V(SOCK_STREAM), V(0), O(8)),
	R(setsockopt, 0, V(SOCKET_IN), V(SOL_SOCKET), V(SO_KEEPALIVE), I(one_word), V(4)),
	R(getsockopt, 0, V(SOCKET_IN), V(SOL_SOCKET), V(SO_TYPE), O(4), B(option_room)),
	AS("ioctl queued", ioctl, 0, V(SOCKET_OUT), V(FIONREAD), O(8)),
};
SWEEP(sockets)

static const struct row rows_files[] = {
	R(read, COUNT, V(FILE_FD), O(104), V(100)),
	AS("read pipe", read, COUNT, V(PIPE_OUT), O(60), V(60)),
	AS("read zero", read, COUNT, V(ZERO), O(100), V(100)),
	AS("read event", read, COUNT, V(EVENT), O(12), V(8)),
	AS("read timer", read, COUNT | SILENT, V(TIMER), O(12), V(8)),
	AS("read signals", read, COUNT, V(SIGNALS), O(132), V(128)),
	AS("read proc", read, COUNT, V(PROC), O(40), V(40)),
	R(write, COUNT, V(COPY_FD), I(bytes), V(100)),
	AS("write pipe", write, COUNT, V(PIPE_IN), I(bytes), V(100)),
	AS("write null", write, COUNT, V(NULL_FD), I(bytes), V(100)),
	AS("write zero", write, COUNT, V(ZERO), I(bytes), V(100)),
	AS("write event", write, COUNT, V(EVENT), I(one_word), V(8)),
	AS("write terminal", write, COUNT, V(TERMINAL), I(small), V(10)),
	R(pread64, COUNT, V(FILE_FD), O(104), V(100), V(5), V(0)),
	R(pwrite64, COUNT, V(COPY_FD), I(bytes), V(100), V(5), V(0)),
	R(readv, COUNT, V(FILE_FD), W, V(2)),
	AS("readv pipe", readv, COUNT, V(PIPE_OUT), W, V(2)),
	R(writev, COUNT, V(COPY_FD), W, V(2)),
	AS("writev pipe", writev, COUNT, V(PIPE_IN), W, V(2)),
	R(preadv, COUNT, V(FILE_FD), W, V(2), V(1), V(0)),
	R(pwritev, COUNT, V(COPY_FD), W, V(2), V(1), V(0)),
	R(preadv2, COUNT, V(FILE_FD), W, V(2), V(1), V(0), V(0)),
	R(pwritev2, COUNT, V(COPY_FD), W, V(2), V(1), V(0), V(0)),
	R(vmsplice, COUNT, V(PIPE_IN), W, V(2), V(0)),
	R(open, 0, P("a"), V(O_RDONLY), V(0)),
	R(openat, 0, V(HERE), P("a"), V(O_RDONLY), V(0)),
	R(openat2, 0, V(HERE), P("a"), I(how), V(24)),
	R(creat, 0, P("new"), V(0600)),
	R(access, 0, P("a"), V(R_OK)),
	R(faccessat, 0, V(HERE), P("a"), V(R_OK)),
	R(faccessat2, 0, V(HERE), P("a"), V(R_OK), V(0)),
	R(statx, 0, V(HERE), P("a"), V(0), V(0x7ff), O(260)),
	R(truncate, 0, P("a"), V(120)),
	R(getcwd, COUNT, O(40), V(40)),
	R(chdir, 0, P("d/..")),
	R(rename, 0, P("a"), P("c")),
	R(renameat, 0, V(HERE), P("a"), V(HERE), P("c")),
	R(renameat2, 0, V(HERE), P("a"), V(HERE), P("c"), V(0)),
	R(mkdir, 0, P("new"), V(0700)),
	R(mkdirat, 0, V(HERE), P("new"), V(0700)),
	R(rmdir, 0, P("d")),
	R(link, 0, P("a"), P("new")),
	R(linkat, 0, V(HERE), P("a"), V(HERE), P("new"), V(0)),
	R(unlink, 0, P("a")),
	R(unlinkat, 0, V(HERE), P("a"), V(0)),
	R(symlink, 0, P("target"), P("new")),
	R(symlinkat, 0, P("target"), V(HERE), P("new")),
	R(readlink, COUNT, P("link"), O(8), V(8)),
	R(readlinkat, COUNT, V(HERE), P("link"), O(8), V(8)),
	R(chmod, 0, P("a"), V(0600)),
	R(fchmodat, 0, V(HERE), P("a"), V(0600)),
	R(chown, 0, P("a"), V(1), V(1)),
	R(lchown, 0, P("link"), V(1), V(1)),
	R(fchownat, 0, V(HERE), P("a"), V(1), V(1), V(0)),
	R(mknod, 0, P("new"), V(S_IFREG | 0600), V(0)),
	R(mknodat, 0, V(HERE), P("new"), V(S_IFREG | 0600), V(0)),
	R(utime, 0, P("a"), I(zero_time)),
	R(utimes, 0, P("a"), I(two_times)),
	R(futimesat, 0, V(HERE), P("a"), I(two_times)),
	R(utimensat, 0, V(HERE), P("a"), I(two_times), V(0)),
	R(statfs, 0, P("a"), O(124)),
	R(fstatfs, 0, V(FILE_FD), O(124)),
	R(chroot, 0, P("/")),
	R(setxattr, 0, P("a"), P("trusted.a"), I(small), V(10), V(0)),
	R(lsetxattr, 0, P("a"), P("trusted.a"), I(small), V(10), V(0)),
	R(fsetxattr, 0, V(FILE_FD), P("trusted.a"), I(small), V(10), V(0)),
	R(getxattr, COUNT, P("a"), P("trusted.a"), O(16), V(16)),
	R(lgetxattr, COUNT, P("a"), P("trusted.a"), O(16), V(16)),
	R(fgetxattr, COUNT, V(FILE_FD), P("trusted.a"), O(16), V(16)),
	R(listxattr, COUNT, P("a"), O(16), V(16)),
	R(llistxattr, COUNT, P("a"), O(16), V(16)),
	R(flistxattr, COUNT, V(FILE_FD), O(16), V(16)),
	R(removexattr, 0, P("a"), P("trusted.a")),
	R(lremovexattr, 0, P("a"), P("trusted.a")),
	R(fremovexattr, 0, V(FILE_FD), P("trusted.a")),
	R(shmctl, SILENT, V(0), V(2), O(116)),
	AS("shmctl set", shmctl, 0, V(0), V(1), I(new_owner)),
	AS("shmctl limits", shmctl, 0, V(0), V(3), O(76)),
	AS("shmctl usage", shmctl, COUNT, V(0), V(14), O(52)),
	AS("semctl status", semctl, SILENT, V(0), V(0), V(2), O(108)),
	AS("semctl set", semctl, 0, V(0), V(0), V(1), I(new_owner)),
	AS("semctl limits", semctl, COUNT, V(0), V(0), V(3), O(44)),
	AS("semctl set all", semctl, 0, V(0), V(0), V(17), I(values)),
	AS("semctl get all", semctl, 0, V(0), V(0), V(13), O(8)),
	R(msgsnd, 0, V(0), I(sent), V(8), V(04000)),
	R(msgrcv, COUNT, V(0), O(20), V(8), V(0), V(04000)),
	AS("msgrcv copy", msgrcv, COUNT, V(0), O(20), V(8), V(0), V(044000)),
	R(msgctl, SILENT, V(0), V(2), O(124)),
	AS("msgctl set", msgctl, 0, V(0), V(1), I(new_queue)),
	AS("msgctl limits", msgctl, COUNT, V(0), V(3), O(36)),
	R(sendfile, COUNT, V(COPY_FD), V(FILE_FD), B(offset), V(10)),
	R(splice, COUNT, V(FILE_FD), B(offset), V(PIPE_IN), V(0), V(10), V(0)),
	AS("splice to a file", splice, COUNT, V(PIPE_OUT), V(0), V(COPY_FD), B(offset), V(10), V(0)),
	R(copy_file_range, COUNT, V(FILE_FD), B(offset), V(COPY_FD), B(offset), V(10), V(0)),
	AS("fcntl set lock", fcntl, 0, V(FILE_FD), V(F_SETLK), I(lock)),
	AS("fcntl get lock", fcntl, 0, V(FILE_FD), V(F_GETLK), B(lock)),
	AS("fcntl set owner", fcntl, 0, V(FILE_FD), V(F_SETOWN_EX), I(owner)),
	AS("fcntl get owner", fcntl, 0, V(FILE_FD), V(F_GETOWN_EX), O(12)),
	AS("fcntl owner's users", fcntl, 0, V(FILE_FD), V(17), O(12)),
	AS("fcntl get hint", fcntl, 0, V(FILE_FD), V(1035), O(12)),
	AS("fcntl set hint", fcntl, 0, V(FILE_FD), V(1036), I(one_hint)),
	R(inotify_add_watch, 0, V(NOTIFIER), P("a"), V(2)),
	R(getdents, SILENT, V(FOLDER), O(100), V(100)),
	R(getdents64, SILENT, V(FOLDER), O(100), V(100)),
	AS("ioctl bytes", ioctl, 0, V(PIPE_OUT), V(FIONREAD), O(8)),
	AS("ioctl blocking", ioctl, 0, V(PIPE_OUT), V(FIONBIO), I(one_word)),
	AS("ioctl window", ioctl, 0, V(TERMINAL), V(TIOCGWINSZ), O(12)),
	AS("ioctl modes", ioctl, 0, V(TERMINAL), V(TCGETS), O(40)),
	AS("ioctl number", ioctl, 0, V(TERMINAL), V(TIOCGPTN), O(8)),
	R(mount, 0, P("none"), P("d"), P("tmpfs"), V(0), P("size=1m")),
	R(umount2, 0, P("d"), V(0)),
	R(pivot_root, 0, P("."), P(".")),
	R(acct, 0, P("none")),
	AS("modify_ldt set", modify_ldt, COUNT, V(0x11), I(descriptor), V(16)),
	AS("modify_ldt read", modify_ldt, COUNT, V(0), O(40), V(40)),
	R(memfd_create, 0, P("name"), V(0)),
	R(pipe, SILENT, O(12)),
	R(pipe2, SILENT, O(12), V(0)),
	R(execve, 0, P("a"), I(list_of_texts), I(list_of_texts)),
	R(execveat, 0, V(HERE), P("a"), I(list_of_texts), I(list_of_texts), V(0)),
	R(delete_module, 0, P("none"), V(0)),
	R(init_module, 0, I(bytes), V(100), P("")),
	R(finit_module, 0, V(FILE_FD), P(""), V(0)),
};
SWEEP(files)

static const struct row rows_waiting[] = {
	R(poll, 0, B(watched), V(1), V(0)),
	R(ppoll, 0, B(watched), V(1), I(zero_time), I(no_signals), V(8)),
	R(pselect6, 0, V(PIPE_OUT + 1), B(read_set), B(no_set), B(no_set), I(zero_time), I(mask_pair)),
	R(epoll_ctl, 0, V(POLLER), V(EPOLL_CTL_MOD), V(PIPE_OUT), I(event)),
	R(epoll_wait, 0, V(POLLER), O(28), V(2), V(0)),
	R(epoll_pwait, 0, V(POLLER), O(28), V(2), V(0), I(no_signals), V(8)),
	R(epoll_pwait2, 0, V(POLLER), O(28), V(2), I(zero_time64), I(no_signals), V(8)),
	R(signalfd, 0, V(SIGNALS), I(usr1), V(8)),
	R(signalfd4, 0, V(SIGNALS), I(usr1), V(8), V(0)),
	AS("futex wait", futex, 0, I(one_word), V(0), V(1), I(zero_time)),
	AS("futex wake", futex, 0, I(one_word), V(1), V(1)),
	AS("futex requeue", futex, 0, I(one_word), V(4), V(1), V(1), I(one_word), V(1)),
	AS("futex wake op", futex, 0, I(one_word), V(5), V(1), V(1), B(zero_word), V(0)),
	AS("futex lock", futex, SILENT, B(zero_word), V(6), V(0)),
	R(futex_waitv, 0, I(waiter), V(1), V(0), I(zero_time64), V(1)),
	R(rt_sigtimedwait, 0, I(usr1), O(132), I(zero_time), V(8)),
	R(rt_sigsuspend, 0, I(no_signals), V(8)),
	R(wait4, ZOMBIE, V(-1), O(8), V(0), O(148)),
	R(waitid, ZOMBIE | SILENT, V(P_ALL), V(0), O(132), V(WEXITED), O(148)),
	R(nanosleep, 0, I(short_time), O(16)),
	R(clock_nanosleep, 0, V(CLOCK_MONOTONIC), V(0), I(short_time), O(16)),
};
SWEEP(waiting)

static const struct row rows_time[] = {
	R(getitimer, 0, V(ITIMER_PROF), O(36)),
	R(setitimer, 0, V(ITIMER_PROF), I(long_timer), O(36)),
	R(gettimeofday, 0, O(20), O(12)),
	R(settimeofday, 0, I(bad_time), I(zero_time)),
	R(time, 0, O(12)),
	R(timer_create, SILENT, V(CLOCK_MONOTONIC), I(sigevent_none), O(8)),
	R(timer_settime, 0, V(0), V(0), I(long_timer), O(36)),
	R(timer_gettime, 0, V(0), O(36)),
	R(clock_settime, 0, V(CLOCK_REALTIME), I(bad_time)),
	R(adjtimex, 0, B(no_change)),
	R(clock_adjtime, 0, V(CLOCK_REALTIME), B(no_change)),
	R(clock_gettime, 0, V(CLOCK_MONOTONIC), O(20)),
	R(clock_getres, 0, V(CLOCK_MONOTONIC), O(20)),
	R(timerfd_settime, 0, V(TIMER), V(0), I(long_timer), O(36)),
	R(timerfd_gettime, 0, V(TIMER), O(36)),
	R(times, 0, O(36)),
	R(sched_rr_get_interval, 0, V(0), O(20)),
};
SWEEP(time)

static const struct row rows_signals[] = {
	R(rt_sigaction, 0, V(SIGUSR2), I(action), O(40), V(8)),
	R(rt_sigprocmask, 0, V(SIG_BLOCK), I(no_signals), O(12), V(8)),
	R(rt_sigpending, 0, O(12), V(8)),
	R(rt_sigqueueinfo, 0, V(SELF), V(SIGUSR1), I(queued)),
	R(rt_tgsigqueueinfo, 0, V(SELF), V(SELF), V(SIGUSR1), I(queued)),
	R(pidfd_send_signal, 0, V(SELF_FD), V(SIGUSR1), I(queued), V(0)),
	R(sigaltstack, 0, I(no_stack), O(28)),
};
SWEEP(signals)

static const struct row rows_processes[] = {
	AS("clone for the parent", clone, NEW_TASK | SILENT, V(SIGCHLD | CLONE_PARENT_SETTID), V(0), O(8)),
	R(clone3, NEW_TASK, I(new_task), V(64)),
	R(getrusage, 0, V(0), O(148)),
	R(getrlimit, 0, V(RLIMIT_CORE), O(20)),
	R(setrlimit, 0, V(RLIMIT_CORE), I(limits)),
	R(prlimit64, 0, V(0), V(RLIMIT_CORE), I(wide_limits), O(20)),
	R(sched_setparam, 0, V(0), I(zero_word)),
	R(sched_getparam, 0, V(0), O(8)),
	R(sched_setscheduler, 0, V(0), V(0), I(zero_word)),
	R(sched_setaffinity, 0, V(0), V(sizeof cpu_mask), I(cpu_mask)),
	R(sched_getaffinity, 0, V(0), V(128), O(132)),
	R(sched_setattr, 0, V(0), I(attributes), V(0)),
	R(sched_getattr, 0, V(0), O(60), V(56), V(0)),
	AS("prctl set name", prctl, 0, V(PR_SET_NAME), I(small)),
	AS("prctl get name", prctl, 0, V(PR_GET_NAME), O(20)),
	AS("prctl death signal", prctl, 0, V(PR_GET_PDEATHSIG), O(8)),
	AS("prctl subreaper", prctl, 0, V(PR_GET_CHILD_SUBREAPER), O(8)),
	AS("prctl map size", prctl, 0, V(PR_SET_MM), V(PR_SET_MM_MAP_SIZE), O(8)),
	AS("prctl map", prctl, 0, V(PR_SET_MM), V(PR_SET_MM_MAP), I(no_map), V(104)),
	AS("prctl auxiliary vector", prctl, 0, V(PR_SET_MM), V(PR_SET_MM_AUXV), I(no_map), V(104)),
	AS("prctl tsc", prctl, 0, V(PR_GET_TSC), O(8)),
	AS("prctl address", prctl, SILENT, V(PR_GET_TID_ADDRESS), O(12)),
	R(get_robust_list, SILENT, V(0), O(12), O(12)),
	R(process_vm_readv, COUNT, V(SELF), W, V(2), I(remote), V(1), V(0)),
	R(process_vm_writev, COUNT, V(SELF), W, V(2), I(remote), V(1), V(0)),
	R(capget, 0, B(cap_header), O(28)),
	R(capset, 0, B(cap_header), I(cap_data)),
	R(getgroups, COUNT, V(4), O(20)),
	R(setgroups, 0, V(1), I(one_word)),
	R(getresuid, 0, O(8), O(8), O(8)),
	R(getresgid, 0, O(8), O(8), O(8)),
	AS("seccomp action", seccomp, 0, V(2), V(0), I(kill_process)),
	AS("seccomp sizes", seccomp, 0, V(3), V(0), O(8)),
	AS("seccomp filter", seccomp, 0, V(1), V(0), I(no_program)),
	R(process_madvise, COUNT, V(SELF_FD), W, V(2), V(20), V(0)),
	AS("kcmp watched", kcmp, 0, V(SELF), V(SELF), V(7), V(PIPE_OUT), I(watched_slot)),
	R(getcpu, SILENT, O(8), O(8)),
	R(mincore, SILENT, V(page), V(8192), O(4)),
};
SWEEP(processes)

static const struct row rows_system[] = {
	R(uname, 0, O(396)),
	R(ustat, SILENT, V(DEVICE), O(36)),
	AS("sysfs number", sysfs, 0, V(1), P("proc")),
	AS("sysfs name", sysfs, SILENT, V(2), V(0), O(20)),
	R(sysinfo, SILENT, O(116)),
	R(syslog, SILENT, V(3), O(20), V(20)),
	R(sethostname, 0, I(small), V(5)),
	R(setdomainname, 0, I(small), V(5)),
	R(getrandom, COUNT | SILENT, O(100), V(100), V(0)),
};
SWEEP(system)
#endif
