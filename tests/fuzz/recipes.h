/*
 * Arguments that fit, for calls that chance seldom makes succeed, and the harm that calls may not do to who judges them.
 *
 * A recipe overwrites what it must of random arguments. It may prepare what the call is about: a file, a mapping, a signal.
 */
#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What `furnish` opens. */
enum {
	FILE_A = 3, FOLDER, PIPE_OUT, PIPE_IN, EVENT, EPOLL, TIMER, SIGNALS, MEMORY, DEV_NULL, DEV_ZERO, MASTER, SLAVE, PIDFD,
	MEMINFO, RANDOM, VERSION, APPENDED, READ_ONLY, VICTIM_FD, OTHER_OUT, OTHER_IN, FILE_C, SOCKET_OUT,
	SOCKET_IN, LISTENER, NOTIFIER, FURNISHED
};
/* Addresses beside the pool that only recipes use. */
#define AREA (POOL + 80 * PAGE)
#define RSEQ_AREA (POOL + 90 * PAGE)
#define RSEQ_SIGNATURE 0x53053053

static const struct call *call; /* the one being made, */
static int abi;			/* and how */
static int root;
static char *module;
static long module_size;

static int is(const char *name) { return call->name[0] == name[0] && strcmp(call->name, name) == 0; }
static int narrow(void) { return abi == I386 && !strstr(call->name, "64"); }
static void put_long(uint64_t at, int index, uint64_t value, int is_narrow)
{
	if (is_narrow)
		((uint32_t *)at)[index] = (uint32_t)value;
	else
		((uint64_t *)at)[index] = value;
}
static uint64_t time_of(uint64_t seconds, uint64_t rest)
{
	uint64_t at = zeroed();
	put_long(at, 0, seconds, narrow());
	put_long(at, 1, rest, narrow());
	return at;
}
static uint64_t vector(void)
{
	uint64_t at = zeroed();
	put_long(at, 0, POOL + below(8) * PAGE, abi != X86_64);
	put_long(at, 1, below(200), abi != X86_64);
	return at;
}
static uint64_t harmless_signal(void)
{
	static const int signals[] = {0, SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
	return (uint64_t)signals[below(sizeof signals / sizeof signals[0])];
}
static uint64_t someone(void) { return (uint64_t)(one_in(2) ? victim : own); }
static void set(uint64_t *words, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	const uint64_t all[] = {a, b, c, d, e, f};
	memcpy(words, all, sizeof all);
}
#define SET(...) set(words, __VA_ARGS__)

/* Moves a descriptor that was just made, if it was, to a place that a recipe knows. */
static uint64_t keep_at(int place, long fd)
{
	if (fd >= 0 && fd != place) {
		syscall(SYS_dup2, fd, place);
		syscall(SYS_close, fd);
	}
	return (uint64_t)place;
}
/* The descriptor of a process, opened again in case chance has closed it. */
static uint64_t again(int place) { return keep_at(place, syscall(SYS_pidfd_open, place == PIDFD ? own : victim, 0)); }

static void signal_somebody(uint64_t *words)
{
	uint64_t who = someone(), information = zeroed(), signal = harmless_signal();
	((uint32_t *)information)[0] = (uint32_t)signal;
	((uint32_t *)information)[2] = (uint32_t)SI_QUEUE;
	if (is("tgkill"))
		SET(who, who, signal, 0, 0, 0);
	else if (is("rt_tgsigqueueinfo"))
		SET(who, who, signal, information, 0, 0);
	else if (is("pidfd_send_signal"))
		SET(again(one_in(2) ? PIDFD : VICTIM_FD), signal, one_in(2) ? 0 : information, 0, 0, 0);
	else
		SET(who, signal, information, 0, 0, 0);
}
/* Only what this batch's child may do to its victim: chance has the rest. */
static void trace(uint64_t *words)
{
	static const int requests[] = {
		PTRACE_TRACEME, PTRACE_PEEKTEXT, PTRACE_PEEKDATA, PTRACE_PEEKUSER, PTRACE_POKEDATA, PTRACE_CONT, PTRACE_SINGLESTEP, PTRACE_GETREGS,
		PTRACE_SETREGS, PTRACE_GETFPREGS, PTRACE_SETFPREGS, PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SYSCALL, PTRACE_SETOPTIONS,
		PTRACE_GETREGSET, PTRACE_SETREGSET, PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_GETSIGMASK, PTRACE_SETSIGMASK,
		PTRACE_GET_SYSCALL_INFO, PTRACE_GET_RSEQ_CONFIGURATION};
	int request = requests[below(sizeof requests / sizeof requests[0])];
	if (abi == I386 && (request == PTRACE_SETREGS || request == PTRACE_SETREGSET)) /* halves of registers */
		request = PTRACE_CONT;
	uint64_t address = 0, data = 0, at = zeroed();
	switch (request) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
		address = POOL;
		data = at;
		break;
	case PTRACE_POKEDATA:
		address = POOL;
		break;
	case PTRACE_PEEKUSER:
		address = below(20) * (abi == I386 ? 4 : 8);
		data = at;
		break;
	case PTRACE_GETREGSET:
	case PTRACE_SETREGSET:
		address = NT_PRSTATUS;
		put_long(at, 0, at + 64, abi != X86_64);
		put_long(at, 1, 1000, abi != X86_64);
		data = at;
		break;
	case PTRACE_GETSIGMASK:
	case PTRACE_SETSIGMASK:
		address = 8;
		data = at;
		break;
	case PTRACE_GET_SYSCALL_INFO:
		address = 88;
		data = at;
		break;
	case PTRACE_GET_RSEQ_CONFIGURATION:
		address = 24;
		data = at;
		break;
	case PTRACE_SETOPTIONS:
		data = below(256);
		break;
	case PTRACE_GETREGS:
	case PTRACE_SETREGS:
	case PTRACE_GETFPREGS:
	case PTRACE_SETFPREGS:
		data = at;
		break;
	default:
		break;
	}
	SET((uint64_t)request, (uint64_t)victim, address, data, 0, 0);
}
static void action(uint64_t *words)
{
	uint64_t new = one_in(2) ? 0 : zeroed();
	SET(SIGUSR1 + below(3), is("signal") ? 1 : new, one_in(2) ? 0 : POOL + PAGE, 8, 0, 0);
}
static void mask(uint64_t *words) { SET(below(3), zeroed(), one_in(2) ? 0 : POOL, 8, 0, 0); }
static void pending(uint64_t *words) { SET(zeroed(), 8, 0, 0, 0, 0); }
static void suspend(uint64_t *words) { is("sigsuspend") ? SET(0, 0, 0, 0, 0, 0) : SET(zeroed(), 8, 0, 0, 0, 0); }
static void wait_for_signal(uint64_t *words)
{
	sigset_t only;
	sigemptyset(&only);
	sigaddset(&only, SIGUSR2);
	sigprocmask(SIG_BLOCK, &only, 0);
	syscall(SYS_kill, own, SIGUSR2);
	uint64_t at = zeroed();
	*(uint64_t *)at = 1 << (SIGUSR2 - 1);
	SET(at, one_in(2) ? 0 : POOL, time_of(0, 1000), 8, 0, 0);
}
static void stack(uint64_t *words) { SET(0, zeroed(), 0, 0, 0, 0); }
static void capabilities(uint64_t *words)
{
	uint64_t header = zeroed(), data = header + 64;
	*(uint32_t *)header = 0x20080522;
	if (is("capset"))
		syscall(SYS_capget, header, data);
	SET(header, data, 0, 0, 0, 0);
}
static void limits(uint64_t *words)
{
	struct rlimit now;
	uint64_t resource = below(16), at = zeroed();
	syscall(SYS_prlimit64, 0, resource, 0, &now);
	int is_narrow = abi == I386 && !is("prlimit64");
	put_long(at, 0, now.rlim_cur, is_narrow);
	put_long(at, 1, now.rlim_max, is_narrow);
	is("prlimit64") ? SET(someone(), resource, one_in(2) ? 0 : at, at + 64, 0, 0) : SET(resource, at, 0, 0, 0, 0);
}
static void affinity(uint64_t *words)
{
	uint64_t at = zeroed();
	*(uint64_t *)at = UINT64_MAX;
	SET(someone(), 8, at, 0, 0, 0);
}
static void schedule(uint64_t *words)
{
	uint64_t at = zeroed();
	/* SCHED_OTHER, BATCH or IDLE; now and then FIFO or RR, with a priority. */
	int urgent = one_in(8), policy = urgent ? 1 + (int)below(2) : one_in(2) ? 0 : one_in(2) ? 3 : 5;
	if (is("sched_setscheduler")) {
		((int32_t *)at)[0] = urgent;
		SET(someone(), policy, at, 0, 0, 0);
	} else if (is("sched_setattr")) {
		((int32_t *)at)[1] = policy;
		((int32_t *)at)[5] = urgent;
		SET(someone(), at, 0, 0, 0, 0);
	} else if (is("sched_getattr")) {
		SET(someone(), at, 56, 0, 0, 0);
	} else {
		SET(someone(), at, 0, 0, 0, 0);
	}
}
static void wait_for(uint64_t *words)
{
	uint64_t who = one_in(2) ? (uint64_t)victim : (uint64_t)-1;
	is("waitid") ? SET(1, (uint64_t)victim, zeroed(), WNOHANG | WEXITED, 0, 0) : SET(who, zeroed(), WNOHANG, 0, 0, 0);
}
static void wake(uint64_t *words) { SET(zeroed(), 1, 1, 0, 0, 0); }
static void wait_for_vector(uint64_t *words)
{
	mmap((void *)AREA, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	uint64_t at = zeroed();
	((uint64_t *)at)[1] = AREA;
	((uint32_t *)at)[4] = 2; /* FUTEX_32 */
	if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0) {
		const struct timespec moment = {0, 100000};
		for (int i = 0; i < 50 && syscall(SYS_futex, AREA, 1, 1, 0, 0, 0) == 0; i++)
			syscall(SYS_nanosleep, &moment, 0);
		syscall(SYS_exit_group, 0);
	}
	SET(at, 1, 0, 0, 0, 0);
}
static void sleep_shortly(uint64_t *words)
{
	uint64_t time = time_of(0, below(100000));
	is("nanosleep") ? SET(time, 0, 0, 0, 0, 0) : SET(below(2), 0, time, 0, 0, 0);
}
static void poll_nothing(uint64_t *words)
{
	uint64_t at = zeroed();
	((uint32_t *)at)[0] = PIPE_IN;
	((uint32_t *)at)[1] = 4; /* POLLOUT */
	is("poll") ? SET(at, one_in(2), below(2), 0, 0, 0) : SET(at, one_in(2), time_of(0, 1000), 0, 8, 0);
}
static void select_nothing(uint64_t *words)
{
	uint64_t time = time_of(0, below(50)), at = zeroed();
	((uint32_t *)at)[4] = (uint32_t)time;
	abi == I386 && is("select") ? SET(at, 0, 0, 0, 0, 0) : SET(0, 0, 0, 0, time, 0);
}
static void watch(uint64_t *words)
{
	static const int descriptors[] = {PIPE_OUT, PIPE_IN, EVENT, TIMER, SIGNALS, MASTER};
	SET(EPOLL, 1 + below(3), (uint64_t)descriptors[below(6)], zeroed(), 0, 0);
}
static void wait_for_events(uint64_t *words)
{
	SET(EPOLL, POOL, 1 + below(4), is("epoll_pwait2") ? time_of(0, 1000) : below(2), 0, 8);
}
static void signals_descriptor(uint64_t *words) { SET(one_in(2) ? SIGNALS : (uint64_t)-1, zeroed(), 8, 0, 0, 0); }
static void timer_descriptor(uint64_t *words) { SET(TIMER, one_in(2) ? 0 : zeroed(), zeroed(), zeroed(), 0, 0); }
static void read_timer_descriptor(uint64_t *words) { SET(TIMER, zeroed(), 0, 0, 0, 0); }
static void timer(uint64_t *words)
{
	int id = 0;
	if (is("timer_delete")) {
		struct sigevent nothing = {.sigev_notify = SIGEV_NONE};
		syscall(SYS_timer_create, CLOCK_MONOTONIC, &nothing, &id);
	}
	!strncmp(call->name, "timer_settime", 13) ? SET(0, 0, zeroed(), one_in(2) ? 0 : POOL, 0, 0) : SET((uint64_t)id, zeroed(), 0, 0, 0, 0);
}
static void duplicate(uint64_t *words) { SET(3 + below(20), 30 + below(30), one_in(2) ? O_CLOEXEC : 0, 0, 0, 0); }
static void close_one(uint64_t *words) { SET((uint64_t)syscall(SYS_dup, FILE_A), 0, 0, 0, 0, 0); }
static void close_several(uint64_t *words) { SET(30 + below(30), 60 + below(100), one_in(2) ? 4 : 0, 0, 0, 0); }
static void fill_pipe(void) { (void)!syscall(SYS_write, PIPE_IN, POOL, 16); }
static void move_bytes(uint64_t *words)
{
	fill_pipe();
	if (!strncmp(call->name, "sendfile", 8))
		SET(one_in(2) ? MEMORY : FILE_C, READ_ONLY, 0, 100, 0, 0);
	else if (is("tee"))
		SET(PIPE_OUT, OTHER_IN, 8, 2, 0, 0);
	else if (is("splice"))
		one_in(2) ? SET(PIPE_OUT, 0, FILE_C, 0, 16, 2) : SET(READ_ONLY, 0, OTHER_IN, 0, 16, 2);
	else if (is("vmsplice"))
		SET(OTHER_IN, vector(), 1, 2, 0, 0);
	else
		SET(READ_ONLY, 0, FILE_C, 0, 16, 0);
	char bytes[64];
	while (one_in(2) && syscall(SYS_read, OTHER_OUT, bytes, sizeof bytes) > 0)
		;
}
static void range(uint64_t *words)
{
	const uint64_t length = below(8192);
	if (is("sync_file_range"))
		abi == I386 ? SET(FILE_A, 0, 0, length, 0, below(8)) : SET(FILE_A, 0, length, below(8), 0, 0);
	else if (is("fallocate"))
		abi == I386 ? SET(FILE_A, 0, 0, 0, 1 + length, 0) : SET(one_in(2) ? FILE_A : MEMORY, 0, 0, 1 + length, 0, 0);
	else if (abi == I386)
		is("readahead") ? SET(FILE_A, 0, 0, length, 0, 0) : SET(FILE_A, 0, 0, length, is("fadvise64_64") ? 0 : below(6), below(6));
	else
		SET(FILE_A, 0, length, below(6), 0, 0);
}
static void truncate_file(uint64_t *words)
{
	uint64_t file = call->name[0] == 'f' ? FILE_A : path_of("a"), length = below(30000);
	SET(file, length, 0, 0, 0, 0);
}
static void watch_files(uint64_t *words)
{
	static const char *const names[] = {"a", "b", "d", "."};
	if (is("inotify_add_watch"))
		SET(NOTIFIER, path_of(names[below(4)]), 1 + below(0xfff), 0, 0, 0);
	else
		SET(NOTIFIER, (uint64_t)syscall(SYS_inotify_add_watch, NOTIFIER, names[below(4)], 0xfff), 0, 0, 0, 0);
}
static void notifier(uint64_t *words) { SET(one_in(2) ? 04000 : 02000000, 0, 0, 0, 0, 0); }
static void vectored(uint64_t *words)
{
	int writes = strstr(call->name, "write") != 0;
	SET(writes ? FILE_A : one_in(2) ? FILE_A : DEV_ZERO, vector(), 1, below(1000), 0, 0);
}
static void other_memory(uint64_t *words) { SET(someone(), vector(), 1, vector(), 1, 0); }
static void other_advice(uint64_t *words) { SET(one_in(2) ? VICTIM_FD : PIDFD, vector(), 1, 20 + below(2), 0, 0); }
static void release(uint64_t *words)
{
	const int place = 60;
	pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		for (;;)
			syscall(SYS_pause);
	/* None where a pid namespace of the worker's has ended; -1 would be everybody. */
	if (child > 0) {
		int fd = (int)syscall(SYS_pidfd_open, child, 0);
		syscall(SYS_dup2, fd, place);
		syscall(SYS_close, fd);
		syscall(SYS_kill, child, SIGKILL);
	}
	SET((uint64_t)place, 0, 0, 0, 0, 0);
}
static void comparison(uint64_t *words) { SET(someone(), someone(), below(7), FILE_A + below(4), FILE_A + below(4), 0); }
static void barrier(uint64_t *words) { SET(one_in(4) ? 0 : 1u << below(9), 0, 0, 0, 0, 0); }
static void io_priority(uint64_t *words) { SET(1, someone(), 2 << 13 | below(8), 0, 0, 0); }
static void old_statistics(uint64_t *words)
{
	struct stat here;
	syscall(SYS_newfstatat, AT_FDCWD, ".", &here, 0);
	is("sysfs") ? SET(one_in(2) ? 2 : 3, below(3), zeroed(), 0, 0, 0) : SET(here.st_dev, zeroed(), 0, 0, 0, 0);
}
static void keys(uint64_t *words)
{
	for (int key = 1; key < 16; key++)
		syscall(SYS_pkey_free, key);
	if (is("pkey_free"))
		SET((uint64_t)syscall(SYS_pkey_alloc, 0, 0), 0, 0, 0, 0, 0);
	else if (is("pkey_alloc"))
		SET(0, 0, 0, 0, 0, 0);
	else
		SET(POOL + below(4) * PAGE, PAGE, 3, 0, 0, 0);
}
static void ports(uint64_t *words) { is("iopl") ? SET(below(2) * 3, 0, 0, 0, 0, 0) : SET(0x80, 1 + below(3), below(2), 0, 0, 0); }
static void attribute(uint64_t *words)
{
	int on_descriptor = call->name[0] == 'f';
	syscall(SYS_setxattr, "a", "security.x", "value", 5, 0);
	SET(on_descriptor ? FILE_A : path_of("a"), strstr(call->name, "list") ? POOL : text(1), strstr(call->name, "list") ? 4096 : POOL, 64, 0, 0);
}
static void fresh_name(uint64_t *words)
{
	syscall(SYS_unlink, "new");
	syscall(SYS_rmdir, "new");
	int at = strstr(call->name, "at") != 0 && call->arguments[0].kind == DIRECTORY;
	uint64_t name = path_of("new");
	if (!strncmp(call->name, "mknod", 5))
		at ? SET(AT_FDCWD, name, one_in(2) ? S_IFIFO | 0600 : 0644, 0, 0, 0) : SET(name, one_in(2) ? S_IFIFO | 0600 : 0644, 0, 0, 0, 0);
	else if (is("symlinkat"))
		SET(path_of("a"), AT_FDCWD, name, 0, 0, 0);
	else if (is("symlink") || is("link") || is("rename"))
		SET(path_of(is("rename") ? "b" : "a"), name, 0, 0, 0, 0);
	else if (is("linkat") || !strncmp(call->name, "renameat", 8))
		SET(AT_FDCWD, path_of(is("linkat") ? "a" : "b"), AT_FDCWD, name, 0, 0);
	else
		at ? SET(AT_FDCWD, name, 0777, 0, 0, 0) : SET(name, 0777, 0, 0, 0, 0);
	if (!strncmp(call->name, "rename", 6))
		syscall(SYS_mknod, "b", 0666, 0);
}
static void old_name(uint64_t *words)
{
	int folder = is("rmdir");
	syscall(folder ? SYS_mkdir : SYS_mknod, "new", 0777, 0);
	is("unlinkat") ? SET(AT_FDCWD, path_of("new"), 0, 0, 0, 0) : SET(path_of("new"), 0, 0, 0, 0, 0);
}
static void read_name(uint64_t *words)
{
	is("readlinkat") ? SET(AT_FDCWD, path_of("link"), POOL, 64, 0, 0) : SET(path_of("link"), POOL, 64, 0, 0, 0);
}
static void times(uint64_t *words)
{
	int at = strstr(call->name, "at") != 0;
	at ? SET(AT_FDCWD, path_of("a"), 0, 0, 0, 0) : SET(path_of("a"), one_in(2) ? 0 : zeroed(), 0, 0, 0, 0);
}
static void open_with(uint64_t *words) { SET(AT_FDCWD, path_of("a"), zeroed(), 24, 0, 0); }
static void entries(uint64_t *words)
{
	syscall(SYS_lseek, FOLDER, 0, SEEK_SET);
	SET(FOLDER, POOL, 1024, 0, 0, 0);
}
static void ask_of_filters(uint64_t *words)
{
	uint64_t action = zeroed();
	((uint32_t *)action)[0] = 0x7fff0000; /* SECCOMP_RET_ALLOW */
	one_in(2) ? SET(2, 0, action, 0, 0, 0) : SET(3, 0, POOL, 0, 0, 0);
}
static void control(uint64_t *words) { one_in(2) ? SET(PIPE_OUT, 0x541b, POOL, 0, 0, 0) : SET(SLAVE, 0x5401, POOL, 0, 0, 0); }
static void statistics(uint64_t *words) { SET(call->name[0] == 'f' ? FILE_A : path_of("a"), 84, POOL, 0, 0, 0); }
static void long_seek(uint64_t *words) { SET(FILE_A, 0, below(1000), POOL, 0, 0); }
static void lock(uint64_t *words) { SET(FILE_A, (1 << below(2)) | 4, 0, 0, 0, 0); }
static void area(uint64_t *words)
{
	int shared = is("remap_file_pages");
	mmap((void *)AREA, 2 * PAGE, PROT_READ | PROT_WRITE, (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (is("mremap"))
		SET(AREA, 2 * PAGE, PAGE, 0, 0, 0);
	else if (shared)
		SET(AREA, PAGE, 0, 1, 0, 0);
	else if (is("mincore"))
		SET(AREA, 2 * PAGE, POOL, 0, 0, 0);
	else if (is("madvise") || is("msync"))
		SET(AREA, 2 * PAGE, is("msync") ? 1 << below(3) : below(5), 0, 0, 0);
	else
		SET(AREA, (1 + below(2)) * PAGE, one_in(2) ? PROT_READ : 0, 0, 0, 0);
}
static void map(uint64_t *words)
{
	uint64_t at = zeroed();
	if (abi == I386 && is("mmap")) {
		const uint32_t arguments[] = {0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, (uint32_t)-1, 0};
		memcpy((void *)at, arguments, sizeof arguments);
		SET(at, 0, 0, 0, 0, 0);
	} else {
		uint64_t flags = one_in(3) ? MAP_SHARED | MAP_ANONYMOUS : MAP_PRIVATE | MAP_ANONYMOUS;
		SET(one_in(2) ? 0 : POOL + below(POOL_PAGES) * PAGE, (1 + below(4)) * PAGE, words[2], flags, one_in(2) ? UINT64_MAX : (uint64_t)FILE_A, 0);
	}
}
static void segment(uint64_t *words)
{
	uint64_t at = zeroed();
	const uint32_t descriptor[] = {12, 0, 0xfffff, 0x51};
	memcpy((void *)at, descriptor, sizeof descriptor);
	SET(at, 0, 0, 0, 0, 0);
}
static void robust(uint64_t *words)
{
	uint64_t at = zeroed();
	is("set_robust_list") ? SET(at, abi == X86_64 ? 24 : 12, 0, 0, 0, 0) : SET(someone(), at, at + 64, 0, 0, 0);
}
static void sequence(uint64_t *words)
{
	static int registered;
	mmap((void *)RSEQ_AREA, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SET(RSEQ_AREA, 32, (uint64_t)registered, RSEQ_SIGNATURE, 0, 0);
	registered = !registered;
}
static void message(uint64_t *words) { SET(text(3), below(5), 0, 0, 0, 0); }
static void kernel_log(uint64_t *words) { SET(one_in(2) ? 3 : 10, POOL, 100, 0, 0, 0); }
static void present(uint64_t *words)
{
	struct timespec now;
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
	if (is("stime")) {
		uint64_t at = zeroed();
		*(uint64_t *)at = (uint64_t)now.tv_sec;
		SET(at, 0, 0, 0, 0, 0);
	} else if (is("settimeofday"))
		SET(time_of((uint64_t)now.tv_sec, (uint64_t)now.tv_nsec / 1000), 0, 0, 0, 0, 0);
	else
		SET(CLOCK_REALTIME, time_of((uint64_t)now.tv_sec, (uint64_t)now.tv_nsec), 0, 0, 0, 0);
}
static void read_steering(uint64_t *words) { is("adjtimex") ? SET(zeroed(), 0, 0, 0, 0, 0) : SET(CLOCK_REALTIME, zeroed(), 0, 0, 0, 0); }
static void restart(uint64_t *words) { SET(0xfee1dead, 672274793, one_in(2) ? 0 : 0x89abcdefu, 0, 0, 0); }
static void unmount(uint64_t *words)
{
	syscall(SYS_mkdir, "d", 0777);
	syscall(SYS_mount, "fuzz", "d", "tmpfs", 0, 0);
	SET(path_of("d"), is("umount2") ? below(4) : 0, 0, 0, 0, 0);
}
/* In a child that has mounts of its own: a new one, a second place for one, other flags, other propagation, another place. */
static void mount_somewhere(uint64_t *words)
{
	const uint64_t d = path_of("d"), inner = path_of("d/new");
	switch (below(5)) {
	case 0:
		SET(text(3), inner, text(2), below(2) * MS_RDONLY, 0, 0);
		break;
	case 1:
		SET(path_of("."), inner, 0, MS_BIND | below(2) * MS_REC, 0, 0);
		break;
	case 2:
		SET(0, d, 0, MS_REMOUNT | below(2) * MS_BIND | below(16), 0, 0);
		break;
	case 3:
		SET(0, d, 0, one_in(2) ? MS_SHARED : one_in(2) ? MS_SLAVE : MS_UNBINDABLE, 0, 0);
		break;
	default:
		SET(d, path_of("d/new"), 0, MS_BIND, 0, 0);
	}
}
static void change_root_mount(uint64_t *words) { SET(path_of("d"), one_in(2) ? path_of("d") : path_of("d/new"), 0, 0, 0, 0); }
/* Into the namespaces that the worker is in, or its child. */
static void enter_namespace(uint64_t *words)
{
	static const char *const links[] = {"/proc/self/ns/uts", "/proc/self/ns/ipc", "/proc/self/ns/net", "/proc/self/ns/cgroup"};
	static const int flags[] = {CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWNET, 0x02000000};
	const uint64_t which = below(4);
	if (one_in(2))
		SET(again(VICTIM_FD), (uint64_t)flags[which], 0, 0, 0, 0);
	else
		SET(keep_at(58, syscall(SYS_open, links[which], O_RDONLY)), one_in(2) ? 0 : (uint64_t)flags[which], 0, 0, 0, 0);
}
static void status_of_path(uint64_t *words) { SET((uint64_t)AT_FDCWD, path_of("."), below(2) * AT_SYMLINK_NOFOLLOW, 0xfff, zeroed(), 0); }
static void account(uint64_t *words) { SET(one_in(2) ? 0 : path_of("a"), 0, 0, 0, 0, 0); }
static void load_module(uint64_t *words)
{
	char *copy = (char *)AREA;
	mmap(copy, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	memcpy(copy, module, (size_t)module_size);
	strcpy(copy + 15 * PAGE, "fuzz");
	if (is("delete_module")) {
		syscall(SYS_init_module, copy, module_size, "");
		SET(AREA + 15 * PAGE, O_NONBLOCK, 0, 0, 0, 0);
	} else {
		syscall(SYS_delete_module, "fuzz", O_NONBLOCK);
		if (is("finit_module")) {
			SET(keep_at(61, syscall(SYS_open, "/module.ko", O_RDONLY)), AREA + 15 * PAGE + 8, 0, 0, 0, 0);
			return;
		}
		SET(AREA, (uint64_t)module_size, AREA + 15 * PAGE + 8, 0, 0, 0);
	}
}
static void execute(uint64_t *words)
{
	is("execve") ? SET(path_of("end"), zeroed(), zeroed(), 0, 0, 0) : SET(AT_FDCWD, path_of("end"), zeroed(), zeroed(), 0, 0);
}
static void own_folder(uint64_t *words) { SET(path_of("."), 0, 0, 0, 0, 0); }
static void change_folder(uint64_t *words) { SET(is("fchdir") ? FOLDER : path_of("."), 0, 0, 0, 0, 0); }
static void open_process(uint64_t *words)
{
	is("pidfd_open") ? SET(someone(), 0, 0, 0, 0, 0) : SET(one_in(2) ? PIDFD : VICTIM_FD, FILE_A, 0, 0, 0, 0);
}
static void copy_bytes(uint64_t *words) { SET(POOL, POOL + PAGE, below(100), 0, 0, 0); }
static void zero(uint64_t *words) { SET(0, 0, 0, 0, 0, 0); }
static void interval(uint64_t *words)
{
	is("setitimer") ? SET(1 + below(2), zeroed(), 0, 0, 0, 0) : SET(below(3), zeroed(), 0, 0, 0, 0);
}
/* Objects of System V IPC, which every worker has in a namespace of its own; chance may have removed them. */
static uint64_t semaphore_set(void) { return (uint64_t)syscall(SYS_semget, 5, 4, 01777); }
static uint64_t queue_of_messages(void) { return (uint64_t)syscall(SYS_msgget, 6, 01777); }
static uint64_t shared_segment(void) { return (uint64_t)syscall(SYS_shmget, 7, PAGE, 01777); }
static void semaphores(uint64_t *words)
{
	uint64_t set_id = semaphore_set(), at = zeroed();
	((uint16_t *)at)[0] = (uint16_t)below(4);
	((uint16_t *)at)[1] = one_in(2) ? 1 : 0;
	((uint16_t *)at)[2] = one_in(2) ? 04000 : 014000; /* IPC_NOWAIT, SEM_UNDO */
	if (is("semget"))
		SET(5, below(5), 01777, 0, 0, 0);
	else if (is("semctl"))
		one_in(2) ? SET(set_id, below(4), 11 + below(2), 0, 0, 0) : SET(set_id, below(4), one_in(2) ? 2 : 13, POOL, 0, 0);
	else if (is("ipc"))
		one_in(2) ? SET(2, 5, 4, 01777, 0, 0) : SET(1, set_id, 1, 0, at, 0);
	else
		SET(set_id, at, 1, 0, 0, 0);
}
static void messages(uint64_t *words)
{
	uint64_t queue = queue_of_messages(), at = zeroed();
	put_long(at, 0, 1 + below(3), abi == I386);
	const uint64_t message[] = {1 + below(3), 0};
	if (is("msgget"))
		SET(one_in(2) ? 6 : 0, 01777, 0, 0, 0, 0);
	else if (is("msgctl"))
		SET(queue, 2, POOL, 0, 0, 0);
	else if (is("msgsnd")) {
		while (syscall(SYS_msgrcv, queue, POOL, 100, 0, 014000) >= 0)
			;
		memset((void *)at, 0, 16);
		put_long(at, 0, 1 + below(3), abi == I386);
		SET(queue, at, below(20), 04000, 0, 0);
	} else {
		syscall(SYS_msgsnd, queue, message, 8, 04000);
		SET(queue, POOL, 100, 0, 014000, 0);
	}
}
static void segments(uint64_t *words)
{
	uint64_t id = shared_segment();
	if (is("shmget"))
		SET(one_in(2) ? 7 : 0, PAGE, 01777, 0, 0, 0);
	else if (is("shmctl"))
		SET(id, one_in(2) ? 2 : 11 + below(2), POOL, 0, 0, 0);
	else if (is("shmat"))
		SET(id, AREA, 040000, 0, 0, 0); /* SHM_REMAP */
	else {
		syscall(SYS_shmat, id, AREA, 040000);
		SET(AREA, 0, 0, 0, 0, 0);
	}
}

static void local_table(uint64_t *words)
{
	uint64_t at = zeroed();
	uint32_t *segment = (uint32_t *)at;
	segment[0] = (uint32_t)below(16);
	segment[1] = (uint32_t)POOL;
	segment[2] = (uint32_t)below(0x100000);
	segment[3] = (uint32_t)below(128) & ~4u; /* data */
	static const uint64_t functions[] = {0, 1, 2, 0x11};
	uint64_t function = functions[below(4)];
	SET(function, at, function & 1 ? 16 : below(200), 0, 0, 0);
}

#include "sockets.h"

static const struct {
	const char *name;
	void (*apply)(uint64_t *words);
} recipes[] = {
	{"kill", signal_somebody}, {"tkill", signal_somebody}, {"tgkill", signal_somebody}, {"rt_sigqueueinfo", signal_somebody},
	{"rt_tgsigqueueinfo", signal_somebody}, {"pidfd_send_signal", signal_somebody}, {"rt_sigaction", action}, {"sigaction", action},
	{"signal", action}, {"rt_sigprocmask", mask}, {"sigprocmask", mask}, {"rt_sigpending", pending}, {"rt_sigsuspend", suspend},
	{"sigsuspend", suspend}, {"rt_sigtimedwait", wait_for_signal}, {"rt_sigtimedwait_time64", wait_for_signal},
	{"sigaltstack", stack}, {"capget", capabilities}, {"capset", capabilities}, {"getrlimit", limits}, {"ugetrlimit", limits},
	{"setrlimit", limits}, {"prlimit64", limits}, {"sched_setaffinity", affinity}, {"sched_getaffinity", affinity},
	{"sched_setparam", schedule}, {"sched_getparam", schedule}, {"sched_setscheduler", schedule}, {"wait4", wait_for},
	{"sched_setattr", schedule}, {"sched_getattr", schedule}, {"sched_rr_get_interval", schedule},
	{"sched_rr_get_interval_time64", schedule},
	{"waitpid", wait_for}, {"waitid", wait_for}, {"futex", wake}, {"futex_time64", wake}, {"futex_waitv", wait_for_vector},
	{"nanosleep", sleep_shortly}, {"clock_nanosleep", sleep_shortly}, {"clock_nanosleep_time64", sleep_shortly},
	{"poll", poll_nothing}, {"ppoll", poll_nothing}, {"ppoll_time64", poll_nothing}, {"select", select_nothing},
	{"_newselect", select_nothing}, {"pselect6", select_nothing}, {"pselect6_time64", select_nothing}, {"epoll_ctl", watch},
	{"inotify_add_watch", watch_files}, {"inotify_rm_watch", watch_files}, {"inotify_init1", notifier},
	{"epoll_wait", wait_for_events}, {"epoll_pwait", wait_for_events}, {"epoll_pwait2", wait_for_events},
	{"signalfd", signals_descriptor}, {"signalfd4", signals_descriptor}, {"timerfd_settime", timer_descriptor},
	{"timerfd_settime64", timer_descriptor}, {"timerfd_gettime", read_timer_descriptor}, {"timerfd_gettime64", read_timer_descriptor},
	{"timer_settime", timer}, {"timer_settime64", timer}, {"timer_gettime", timer}, {"timer_gettime64", timer},
	{"timer_getoverrun", timer}, {"timer_delete", timer}, {"dup2", duplicate}, {"dup3", duplicate}, {"close", close_one},
	{"close_range", close_several}, {"sendfile", move_bytes}, {"sendfile64", move_bytes}, {"tee", move_bytes}, {"splice", move_bytes},
	{"vmsplice", move_bytes}, {"copy_file_range", move_bytes}, {"sync_file_range", range}, {"fallocate", range}, {"fadvise64", range},
	{"fadvise64_64", range}, {"readahead", range}, {"truncate", truncate_file}, {"truncate64", truncate_file},
	{"ftruncate", truncate_file}, {"ftruncate64", truncate_file}, {"readv", vectored}, {"writev", vectored}, {"preadv", vectored},
	{"pwritev", vectored}, {"preadv2", vectored}, {"pwritev2", vectored}, {"process_vm_readv", other_memory},
	{"process_vm_writev", other_memory}, {"setxattr", attribute}, {"lsetxattr", attribute}, {"fsetxattr", attribute},
	{"getxattr", attribute}, {"lgetxattr", attribute}, {"fgetxattr", attribute}, {"listxattr", attribute}, {"llistxattr", attribute},
	{"flistxattr", attribute}, {"removexattr", attribute}, {"lremovexattr", attribute}, {"fremovexattr", attribute},
	{"mknod", fresh_name}, {"mknodat", fresh_name}, {"mkdir", fresh_name}, {"mkdirat", fresh_name}, {"creat", fresh_name},
	{"symlink", fresh_name}, {"symlinkat", fresh_name}, {"link", fresh_name}, {"linkat", fresh_name}, {"rename", fresh_name},
	{"renameat", fresh_name}, {"renameat2", fresh_name}, {"unlink", old_name}, {"unlinkat", old_name}, {"rmdir", old_name},
	{"readlink", read_name}, {"readlinkat", read_name}, {"utime", times}, {"utimes", times}, {"futimesat", times},
	{"utimensat", times}, {"utimensat_time64", times}, {"openat2", open_with}, {"getdents", entries}, {"getdents64", entries},
	{"readdir", entries}, {"seccomp", ask_of_filters},
	{"ioctl", control}, {"statfs64", statistics}, {"fstatfs64", statistics}, {"_llseek", long_seek}, {"flock", lock},
	{"munmap", area}, {"mprotect", area}, {"mremap", area}, {"mincore", area}, {"madvise", area}, {"msync", area}, {"mlock", area},
	{"mlock2", area}, {"munlock", area}, {"remap_file_pages", area}, {"mmap", map}, {"mmap2", map}, {"set_thread_area", segment},
	{"get_thread_area", segment}, {"set_robust_list", robust}, {"get_robust_list", robust}, {"rseq", sequence},
	{"sethostname", message}, {"setdomainname", message}, {"syslog", kernel_log}, {"stime", present}, {"settimeofday", present},
	{"clock_settime", present}, {"clock_settime64", present}, {"adjtimex", read_steering},
	{"clock_adjtime", read_steering}, {"clock_adjtime64", read_steering}, {"reboot", restart}, {"umount", unmount}, {"umount2", unmount},
	{"init_module", load_module}, {"finit_module", load_module}, {"delete_module", load_module}, {"execve", execute}, {"execveat", execute}, {"chroot", own_folder},
	{"chdir", change_folder}, {"fchdir", change_folder}, {"pidfd_open", open_process}, {"pidfd_getfd", open_process},
	{"kcmp", comparison}, {"membarrier", barrier}, {"ioprio_set", io_priority}, {"ioprio_get", io_priority},
	{"process_madvise", other_advice}, {"process_mrelease", release}, {"ustat", old_statistics}, {"sysfs", old_statistics},
	{"socket", on_socket}, {"socketpair", on_socket}, {"bind", on_socket}, {"connect", on_socket}, {"listen", on_socket},
	{"shutdown", on_socket}, {"setsockopt", on_socket}, {"getsockopt", on_socket}, {"getsockname", on_socket},
	{"getpeername", on_socket}, {"accept", accept_one}, {"accept4", accept_one}, {"sendto", send_something},
	{"sendmsg", send_something}, {"sendmmsg", send_something}, {"recvfrom", receive_something}, {"recvmsg", receive_something},
	{"recvmmsg", receive_something}, {"recvmmsg_time64", receive_something}, {"socketcall", call_by_number},
	{"iopl", ports}, {"ioperm", ports}, {"pkey_alloc", keys}, {"pkey_free", keys}, {"pkey_mprotect", keys},
	{"silly_copy", copy_bytes}, {"brk", zero}, {"setitimer", interval}, {"getitimer", interval}, {"setpgid", zero},
	{"semget", semaphores}, {"semop", semaphores}, {"semtimedop", semaphores}, {"semtimedop_time64", semaphores},
	{"semctl", semaphores}, {"ipc", semaphores}, {"msgget", messages}, {"msgsnd", messages}, {"msgrcv", messages},
	{"msgctl", messages}, {"shmget", segments}, {"shmat", segments}, {"shmdt", segments}, {"shmctl", segments},
	{"setns", enter_namespace}, {"statx", status_of_path}, {"perf_event_open", count_events}, {"bpf", use_map}, {"modify_ldt", local_table}, {"ptrace", trace}, {"mount", mount_somewhere}, {"pivot_root", change_root_mount}, {"acct", account},
};
/* What only ever happens by recipe to a superuser: it would change everybody's system. */
static const char *const only_by_recipe[] = {"settimeofday", "clock_settime", "clock_settime64", "stime", "adjtimex", "clock_adjtime",
					     "clock_adjtime64", "reboot", "init_module", "finit_module",
					     "delete_module", "syslog", "umount", "umount2", "mount", "pivot_root", "acct", 0};

/* ---- Harm ------------------------------------------------------------------------------------------------------------ */

/* Calls may hit the worker and its children, not the supervisor and the processes that run the test. */
static void spare_others(uint64_t *words)
{
	for (int i = 0; i < call->count; i++) {
		int32_t who = (int32_t)words[i];
		if (call->arguments[i].kind == PROCESS && who != own && who != victim && who != 0 && who != NO_PROCESS && who != -own)
			words[i] = (uint64_t)own;
	}
	if (is("ptrace")) /* the tracer is a child of the worker */
		words[1] = (uint64_t)victim;
	if (is("setpriority") || is("ioprio_set")) {
		words[1] = 0;
		if (root) /* all of a user's, a group's */
			words[0] = is("setpriority") ? 0 : 1;
	}
	if ((is("fcntl") || is("fcntl64")) && ((uint32_t)words[1] == 8 || (uint32_t)words[1] == 15)) { /* whom to signal */
		words[1] = 8;
		words[2] = (uint64_t)own;
	}
	if (is("ioctl") && ((uint32_t)words[1] == 0x8901 || (uint32_t)words[1] == 0x8902))
		words[1] = 0x541b;
	int place = is("mknod") ? 1 : is("mknodat") ? 2 : 0; /* no node of a device but these */
	if (place && root && ((words[place] & S_IFMT) == S_IFCHR || (words[place] & S_IFMT) == S_IFBLK)) {
		static const int minors[] = {3, 5, 7, 9};
		words[place] = (words[place] & ~(uint64_t)S_IFMT) | S_IFCHR;
		words[place + 1] = 0x100 | (uint64_t)minors[below(4)];
	}
	if (is("clone"))
		words[0] &= one_in(4) ? 0x7c0fffff : 0x1; /* no namespaces of everybody's, the rest as it comes */
	if (is("prctl") || is("seccomp"))
		words[0] = words[0] == 22 ? 3 : words[0]; /* strict mode ends the worker */
}
/* What would wait for long. */
static void hurry(uint64_t *words)
{
	if ((is("fcntl") || is("fcntl64")) && (uint32_t)words[1] == 1024 && !one_in(8))
		words[2] = 2; /* whoever opens a file with a lease on it waits */
	if (is("waitid"))
		words[3] |= WNOHANG;
	if ((is("wait4") || is("waitpid")) && !one_in(30))
		words[2] |= WNOHANG;
	if (is("alarm"))
		words[0] = below(2);
	if ((is("poll") || is("epoll_wait") || is("epoll_pwait")) && !one_in(8))
		words[is("poll") ? 2 : 3] = below(2);
	if ((is("msgsnd") || is("msgrcv")) && !one_in(30))
		words[is("msgsnd") ? 3 : 4] |= 04000; /* IPC_NOWAIT */
	if (is("fallocate") || is("ftruncate") || is("truncate") || is("pwrite64") || is("lseek"))
		for (int i = 1; i < 4; i++)
			if (words[i] > 1 << 22 && words[i] < POOL && !one_in(8))
				words[i] = below(1 << 20);
}
