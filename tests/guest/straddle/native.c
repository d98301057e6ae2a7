/* The calls of sweep.h that only x86-64 or only i386 has. */
#include "../check.h"
#include "sweep.h"
#include <sys/uio.h>

#if !(defined __x86_64__ && defined __ILP32__)
static uint64_t read_set = 1 << PIPE_OUT, no_set;
static word zero_time[2];
static uint16_t operation[3] = {0, 1, 04000};
#ifdef __i386__
static uint64_t zero_time64[2], short_time64[2] = {0, 1000}, bad_time64[2] = {5, -1}, long_timer64[4] = {0, 0, 1000, 0}, two_times64[4], no_change64[26];
static uint64_t no_signals, usr1 = 1 << (SIGUSR1 - 1), offset;
static uint32_t old_action[4], no_set32, one_word = 1, groups[1] = {5}, limits[2], before_1970 = -1;
static struct {
	int fd;
	int16_t events, got;
} watched = {PIPE_OUT, 1, 0};
static struct {
	void *set;
	word size;
} mask_pair = {&no_signals, 8};
static uint32_t select_arguments[5] = {PIPE_OUT + 1, 0, 0, 0, 0}, map_arguments[6] = {0, 4096, 1, 0x22, -1, 0}, socket_arguments[3] = {1, 2, 0};
static uint16_t old_owner[30], old_queue[30] = {[24] = 16384};
static uint32_t segment[4] = {-1, 0, 0xfffff, 0x51}, known_segment[4] = {13, 0, 0, 0};
static struct {
	int16_t type, whence;
	int64_t start, length;
	int32_t pid;
} __attribute__((packed)) lock = {F_WRLCK, SEEK_SET, 0, 10, 0};

static const struct row rows_narrow[] = {
	R(oldstat, 0, P("a"), O(36)),
	R(oldlstat, 0, P("a"), O(36)),
	R(oldfstat, 0, V(FILE_FD), O(36)),
	R(stat, 0, P("a"), O(68)),
	R(lstat, 0, P("a"), O(68)),
	R(fstat, 0, V(FILE_FD), O(68)),
	R(stat64, 0, P("a"), O(100)),
	R(lstat64, 0, P("a"), O(100)),
	R(fstat64, 0, V(FILE_FD), O(100)),
	R(fstatat64, 0, V(HERE), P("a"), O(100), V(0)),
	R(statfs64, 0, P("a"), V(84), O(88)),
	R(fstatfs64, 0, V(FILE_FD), V(84), O(88)),
	R(truncate64, 0, P("a"), V(120), V(0)),
	R(_llseek, 0, V(FILE_FD), V(0), V(5), O(12), V(0)),
	R(chown32, 0, P("a"), V(1), V(1)),
	R(lchown32, 0, P("a"), V(1), V(1)),
	R(sendfile64, COUNT, V(COPY_FD), V(FILE_FD), B(offset), V(10)),
	AS("fcntl64 set lock", fcntl64, 0, V(FILE_FD), V(13), I(lock)),
	AS("fcntl64 get lock", fcntl64, 0, V(FILE_FD), V(12), B(lock)),
	R(utimensat_time64, 0, V(HERE), P("a"), I(two_times64), V(0)),
	R(umount, 0, P("d")),
	AS("old select", select, 0, I(select_arguments)),
	R(_newselect, 0, V(PIPE_OUT + 1), B(read_set), B(no_set), B(no_set), I(zero_time)),
	R(pselect6_time64, 0, V(PIPE_OUT + 1), B(read_set), B(no_set), B(no_set), I(zero_time64), I(mask_pair)),
	R(ppoll_time64, 0, B(watched), V(1), I(zero_time64), I(no_signals), V(8)),
	R(mmap, 0, I(map_arguments)),
	R(socketcall, SILENT, V(1), I(socket_arguments)),
	R(oldolduname, 0, O(48)),
	R(olduname, 0, O(328)),
	R(clock_gettime64, 0, V(CLOCK_MONOTONIC), O(20)),
	R(clock_settime64, 0, V(CLOCK_REALTIME), I(bad_time64)),
	R(stime, 0, I(before_1970)),
	R(readdir, SILENT, V(FOLDER), O(16), V(1)),
	R(clock_adjtime64, 0, V(CLOCK_REALTIME), B(no_change64)),
	R(clock_getres_time64, 0, V(CLOCK_MONOTONIC), O(20)),
	R(clock_nanosleep_time64, 0, V(CLOCK_MONOTONIC), V(0), I(short_time64), O(16)),
	R(timer_gettime64, 0, V(0), O(36)),
	R(timer_settime64, 0, V(0), V(0), I(long_timer64), O(36)),
	R(timerfd_gettime64, 0, V(TIMER), O(36)),
	R(timerfd_settime64, 0, V(TIMER), V(0), I(long_timer64), O(36)),
	R(sched_rr_get_interval_time64, 0, V(0), O(20)),
	R(rt_sigtimedwait_time64, 0, I(usr1), O(132), I(zero_time64), V(8)),
	AS("futex_time64 wait", futex_time64, 0, I(one_word), V(0), V(1), I(zero_time64)),
	R(waitpid, ZOMBIE, V(-1), O(8), V(0)),
	R(sigaction, 0, V(SIGUSR2), I(old_action), O(20)),
	R(sigpending, 0, O(8)),
	R(sigprocmask, 0, V(SIG_BLOCK), I(no_set32), O(8)),
	R(ugetrlimit, 0, V(RLIMIT_CORE), O(12)),
	AS("old getrlimit", getrlimit, 0, V(RLIMIT_CORE), O(12)),
	AS("old setrlimit", setrlimit, 0, V(RLIMIT_CORE), I(limits)),
	R(getgroups32, COUNT, V(4), O(20)),
	R(setgroups32, 0, V(1), I(groups)),
	R(getresuid32, 0, O(8), O(8), O(8)),
	R(getresgid32, 0, O(8), O(8), O(8)),
	R(set_thread_area, 0, I(segment)),
	R(get_thread_area, 0, B(known_segment)),
	R(semtimedop_time64, 0, V(0), I(operation), V(1), I(zero_time64)),
	AS("ipc semop", ipc, 0, V(1), V(0), V(1), V(0), I(operation)),
	AS("ipc semtimedop", ipc, 0, V(4), V(0), V(1), V(0), I(operation), I(zero_time)),
	AS("ipc old shmctl", ipc, SILENT, V(24), V(0), V(2), V(0), O(52)),
	AS("ipc old shmctl set", ipc, 0, V(24), V(0), V(1), V(0), I(old_owner)),
	AS("ipc old msgctl", ipc, SILENT, V(14), V(0), V(2), V(0), O(60)),
	AS("ipc old msgctl set", ipc, 0, V(14), V(0), V(1), V(0), I(old_queue)),
};
SWEEP(narrow)
#else
static const struct row rows_wide[] = {
	R(stat, 0, P("a"), O(148)),
	R(lstat, 0, P("a"), O(148)),
	R(fstat, 0, V(FILE_FD), O(148)),
	R(newfstatat, 0, V(HERE), P("a"), O(148), V(0)),
	R(select, 0, V(PIPE_OUT + 1), B(read_set), B(no_set), B(no_set), I(zero_time)),
	R(semop, 0, V(0), I(operation), V(1)),
	R(semtimedop, 0, V(0), I(operation), V(1), I(zero_time)),
	AS("arch_prctl fs", arch_prctl, SILENT, V(0x1003), O(12)),
};
SWEEP(wide)
#endif
#endif
