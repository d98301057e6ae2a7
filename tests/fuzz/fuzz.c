/*
 * Random system calls through three ABIs at once, typed by the kernel's own table (`calls.h`, made from it by the test).
 *
 *     fuzz SEED CALLS [BATCH]
 *
 * A supervisor starts workers, each of which makes the calls of one batch, chosen by the seed and the batch's number: BATCH
 * alone repeats one. Workers end by all the ways calls offer; one that makes no progress is killed. At the end the supervisor
 * prints what was called and what succeeded, and checks that memory and processes are as before.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum kind { NUMBER, SIZE, ADDRESS, MODE, DESCRIPTOR, DIRECTORY, ID, SIGNAL, PATH, TEXT, OFFSET, CHOICE, BITS, WORD, IN, OUT, BUFFER, FILLED };
struct argument {
	enum kind kind;
	const uint32_t *names;
	int names_count;
};
struct call {
	const char *name;
	int numbers[3]; /* x86-64, x32, i386; -1 for none */
	int full;
	int count; /* arguments that are described, -1 if none are */
	struct argument arguments[6];
};
#include "calls.h"

#define CALLS (int)(sizeof calls / sizeof calls[0])
#define BATCH 1000
#define WORKERS 3
#define PAGE 4096UL
/* The memory that calls may play with: below 4 GiB, so that every ABI can name it. */
#define POOL 0x20000000UL
#define POOL_PAGES 48UL
#define STRINGS (POOL + 64 * PAGE)

/* What workers tell: out of reach of random addresses. */
struct shared {
	uint64_t made[3][CALLS], succeeded[3][CALLS], unknown;
	struct {
		volatile uint64_t progress;
		volatile int call, abi;
	} worker[WORKERS];
};
static struct shared *shared;

/* ---- Randomness: one stream for each batch ---------------------------------------------------------------------- */

static uint64_t state;
static uint64_t next(void)
{
	uint64_t word = state += 0x9e3779b97f4a7c15;
	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
	word = (word ^ word >> 27) * 0x94d049bb133111eb;
	return word ^ word >> 31;
}
static uint64_t below(uint64_t limit) { return next() % limit; }
static int one_in(uint64_t count) { return below(count) == 0; }

/* ---- Making calls ------------------------------------------------------------------------------------------------ */

static long call_64(long number, const uint64_t *words)
{
	long result;
	register uint64_t r10 __asm__("r10") = words[3];
	register uint64_t r8 __asm__("r8") = words[4];
	register uint64_t r9 __asm__("r9") = words[5];
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(words[0]), "S"(words[1]), "d"(words[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
static long call_i386(long number, const uint64_t *words)
{
	long result;
	const uint64_t last = words[5];
	__asm__ volatile("push %%rbx; push %%rbp; mov %[first], %%rbx; mov %[last], %%rbp; int $0x80; pop %%rbp; pop %%rbx"
			 : "=a"(result)
			 : "a"(number), [first] "r"(words[0]), "c"(words[1]), "d"(words[2]), "S"(words[3]), "D"(words[4]),
			   [last] "r"(last)
			 : "r8", "r9", "r10", "r11", "memory");
	return (int)result;
}
/* Calls that make tasks: the child ends at once, without a look at its stack. */
static long call_clone(int abi, long number, const uint64_t *words)
{
	long result;
	register uint64_t r10 __asm__("r10") = words[3];
	register uint64_t r8 __asm__("r8") = words[4];
	if (abi == 2) {
		__asm__ volatile("push %%rbx; mov %[first], %%rbx; int $0x80; test %%eax, %%eax; jnz 1f;"
				 "mov $1, %%eax; xor %%ebx, %%ebx; int $0x80; 1: pop %%rbx"
				 : "=a"(result)
				 : "a"(number), [first] "r"(words[0]), "c"(words[1]), "d"(words[2]), "S"(words[3]), "D"(words[4])
				 : "r8", "r9", "r10", "r11", "memory");
		return (int)result;
	}
	__asm__ volatile("syscall; test %%eax, %%eax; jnz 1f; mov $60, %%eax; xor %%edi, %%edi; syscall; 1:"
			 : "=a"(result)
			 : "a"(number), "D"(words[0]), "S"(words[1]), "d"(words[2]), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return result;
}

/* ---- Arguments --------------------------------------------------------------------------------------------------- */

static const char *const names[] = {
	"a", "b", "d", "d/x", "link", "new", "d/new", "a", "b", "d", "", "missing/x", "a/x", "fifo", ".", "d/..", "loop",
};
#define NAMES (sizeof names / sizeof names[0])

static uint64_t bad_address(void)
{
	static const uint64_t bad[] = {0, 8, 0x7ffffffff000, 0x7ffffffffff8, 0x800000000000, 0xffff800000000000,
				       0xffffffff80000000, 0xfffffffffffff000, -8, 0xfffffff8, POOL + POOL_PAGES * PAGE};
	return bad[below(sizeof bad / sizeof bad[0])];
}
static uint64_t address(void)
{
	if (one_in(12))
		return bad_address();
	if (one_in(12)) /* the end of what is mapped */
		return POOL + POOL_PAGES * PAGE - below(64);
	uint64_t at = POOL + below(POOL_PAGES - 1) * PAGE;
	return one_in(3) ? at + below(PAGE / 8) * 8 : at;
}
static uint64_t number(void)
{
	switch (below(8)) {
	case 0:
		return next();
	case 1:
		return (uint64_t)-below(100);
	case 2:
		return 1ULL << below(64);
	case 3:
		return below(5000);
	default:
		return below(8);
	}
}
static uint64_t size(void)
{
	static const uint64_t sizes[] = {0, 1, 4, 8, 8, 8, 16, 24, 32, 64, 88, 100, 128, 4096, 4096, 8192, 65536, 1 << 20};
	return one_in(15) ? number() : sizes[below(sizeof sizes / sizeof sizes[0])];
}
/* A structure that the kernel reads: something plausible for most of them. */
static uint64_t structure(void)
{
	uint64_t at = address();
	if (at < POOL || at + 256 > POOL + POOL_PAGES * PAGE)
		return at;
	uint64_t *words = (uint64_t *)at;
	switch (below(5)) {
	case 0:
		memset(words, 0, 256);
		break;
	case 1: /* buffers with lengths */
		for (int i = 0; i < 32; i += 2) {
			words[i] = address();
			words[i + 1] = below(200);
		}
		break;
	case 2: /* small numbers */
		for (int i = 0; i < 32; i++)
			words[i] = below(4) == 0 ? below(1000) : 0;
		break;
	case 3:
		for (int i = 0; i < 64; i++)
			((uint32_t *)words)[i] = (uint32_t)below(12);
		break;
	default:
		for (int i = 0; i < 32; i++)
			words[i] = next();
	}
	return at;
}
static uint64_t argument(const struct argument *argument)
{
	if (one_in(60))
		return number();
	switch (argument->kind) {
	case NUMBER:
		return number();
	case SIZE:
		return size();
	case ADDRESS:
		return one_in(3) ? 0 : address();
	case MODE:
		return one_in(8) ? number() : below(010000);
	case DESCRIPTOR:
		return one_in(20) ? number() : 3 + below(24);
	case DIRECTORY:
		return one_in(4) ? 3 + below(24) : (uint64_t)AT_FDCWD;
	case ID:
		return one_in(3) ? below(3) : one_in(2) ? 65534 : (uint64_t)-1;
	case SIGNAL:
		return one_in(10) ? number() : one_in(3) ? 0 : 10 + below(55);
	case PATH:
		return one_in(20) ? address() : STRINGS + below(NAMES) * 32;
	case TEXT:
		return one_in(8) ? address() : one_in(4) ? 0 : STRINGS + 2048 + below(4) * 32;
	case OFFSET:
		return one_in(4) ? number() : below(20000);
	case CHOICE:
		return argument->names_count == 0 || one_in(15) ? number() : argument->names[below(argument->names_count)];
	case BITS: {
		uint64_t bits = 0;
		if (argument->names_count == 0 || one_in(15))
			return number();
		for (uint64_t count = below(4); count > 0; count--)
			bits |= argument->names[below(argument->names_count)];
		return bits;
	}
	case WORD:
		return one_in(2) ? below(4) : number();
	case IN:
		return one_in(5) ? 0 : structure();
	case OUT:
		return one_in(6) ? 0 : address();
	case BUFFER:
	case FILLED:
		return address();
	}
	return 0;
}

/* ---- Calls with habits ------------------------------------------------------------------------------------------- */

static int is(const struct call *call, const char *name) { return strcmp(call->name, name) == 0; }
static int is_any(const struct call *call, const char *const *list)
{
	for (; *list; list++)
		if (is(call, *list))
			return 1;
	return 0;
}
/* What would end or change the whole system. */
static const char *const never[] = {"reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module",
				    "settimeofday", "clock_settime", "clock_settime64", "stime", "swapon", "swapoff", 0};
/* What a superuser does to everybody. */
static const char *const user_only[] = {"mount", "umount2", "umount", "pivot_root", "chroot", "ptrace", "syslog", "sethostname",
					"setdomainname", "vhangup", "acct", "iopl", "ioperm", 0};
/* What ends the worker or waits for long: seldom. */
static const char *const seldom[] = {"exit", "exit_group", "execve", "execveat", "pause", "rt_sigsuspend", "rt_sigtimedwait",
				     "rt_sigtimedwait_time64", "vfork", "fork", "clone", "clone3", "rt_sigreturn", "sigreturn",
				     "sigsuspend", "kill", "tkill", "tgkill", "sync", "seccomp", "setrlimit", "prlimit64", "munmap",
				     "mprotect", "mremap", "brk", "close", "close_range", "nanosleep", "clock_nanosleep",
				     "clock_nanosleep_time64", "setitimer", "alarm", "rt_sigprocmask", "sigprocmask", "wait4", "waitid",
				     "waitpid", "futex", "futex_time64", "futex_waitv", "select", "_newselect", "pselect6",
				     "pselect6_time64", "poll", "ppoll", "ppoll_time64", "epoll_wait", "epoll_pwait", "epoll_pwait2",
				     "arch_prctl", "set_thread_area", "modify_ldt", "rt_sigaction", "sigaction", "signal", "flock", "read",
				     "readv", "prctl", "setsid", "sgetmask", "ssetmask", "mlockall", "rseq", "set_robust_list",
				     "set_tid_address", "dup2", "dup3", "fcntl", "fcntl64", "restart_syscall", "setfsuid", "setuid",
				     "setreuid", "setresuid", "setuid32", "setreuid32", "setresuid32", 0};
/* What mostly ends the worker: very seldom. */
static const char *const deadly[] = {"exit", "exit_group", "execve", "execveat", "rt_sigreturn", "sigreturn", "kill", "tkill",
				     "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "munmap", "mprotect", "mremap", "brk",
				     "arch_prctl", "set_thread_area", "modify_ldt", "seccomp", "remap_file_pages", "pidfd_send_signal",
				     "shmdt", "pkey_mprotect", "setrlimit", "prlimit64", "sigaction", "signal", "rt_sigaction", 0};
static const char *const clones[] = {"fork", "vfork", "clone", "clone3", 0};

static char banned[2][CALLS], rarity[CALLS], makes_task[CALLS];

/* Lets arguments that seldom fit by chance fit more often, and takes away what would hit others. */
static void adjust(const struct call *call, int abi, uint64_t *words)
{
	static const char *const pid_first[] = {"kill", "tgkill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "setpgid", "getpgid",
						"getsid", "sched_setparam", "sched_getparam", "sched_setscheduler",
						"sched_getscheduler", "sched_rr_get_interval", "sched_rr_get_interval_time64", "sched_setaffinity",
						"sched_getaffinity", "get_robust_list", "prlimit64", "pidfd_open", "ptrace",
						"process_vm_readv", "process_vm_writev", "sched_getattr", "sched_setattr", "wait4",
						"waitpid", "migrate_pages", "move_pages", 0};
	if (is_any(call, pid_first)) {
		int strict = is(call, "kill") || is(call, "tkill") || is(call, "ptrace") || is(call, "tgkill") ||
			     is(call, "rt_sigqueueinfo") || is(call, "rt_tgsigqueueinfo");
		if (strict || !one_in(4))
			words[0] = one_in(4) ? (uint64_t)0x7fffff00 : (uint64_t)getpid();
		if (is(call, "tgkill") || is(call, "rt_tgsigqueueinfo"))
			words[1] = words[0];
		if (is(call, "setpgid"))
			words[1] = one_in(2) ? words[0] : 0;
	}
	if ((is(call, "setpriority") || is(call, "getpriority") || is(call, "ioprio_set")) && !one_in(8))
		words[1] = 0;
	if (is(call, "pidfd_send_signal"))
		words[1] = one_in(2) ? 0 : words[1];
	if ((is(call, "mmap") || is(call, "mmap2")) && !one_in(10)) {
		words[0] = one_in(2) ? 0 : POOL + below(POOL_PAGES) * PAGE;
		words[1] = (1 + below(4)) * PAGE;
		words[3] = one_in(3) ? MAP_SHARED | MAP_ANONYMOUS : MAP_PRIVATE | MAP_ANONYMOUS;
		words[4] = one_in(2) ? (uint64_t)-1 : 3;
		words[5] = 0;
	}
	if (is(call, "mmap") && abi == 2 && words[0] != 0)
		words[0] = structure(); /* i386's own takes a structure */
	if (call->count > 1 && call->arguments[0].kind == ADDRESS && call->arguments[1].kind == SIZE && !one_in(8)) {
		words[0] &= ~(PAGE - 1);
		words[1] = below(4) * PAGE;
	}
	if ((is(call, "open") || is(call, "openat")) && !one_in(8))
		words[is(call, "open") ? 1 : 2] = one_in(2) ? O_CREAT | O_RDWR : O_RDONLY | O_NONBLOCK;
	if (!strncmp(call->name, "rt_sig", 6) && !is(call, "rt_sigreturn") && !one_in(8)) {
		if (is(call, "rt_sigaction") || is(call, "rt_sigprocmask") || is(call, "rt_sigtimedwait"))
			words[3] = 8;
		else if (is(call, "rt_sigpending") || is(call, "rt_sigsuspend"))
			words[1] = 8;
	}
	if (is(call, "nanosleep") || is(call, "clock_nanosleep") || is(call, "ppoll") || is(call, "pselect6")) {
		uint64_t *time = (uint64_t *)(POOL + PAGE);
		time[0] = 0;
		time[1] = below(100000);
		words[is(call, "nanosleep") ? 0 : is(call, "pselect6") ? 4 : 2] = (uint64_t)time;
	}
	if ((is(call, "poll") || is(call, "epoll_wait") || is(call, "epoll_pwait")) && !one_in(8))
		words[is(call, "poll") ? 2 : 3] = below(2);
	if (is(call, "poll") || is(call, "ppoll"))
		words[1] = below(8);
	if ((is(call, "epoll_wait") || is(call, "epoll_pwait")) && !one_in(8))
		words[2] = 1 + below(4);
	if (is(call, "set_robust_list") && !one_in(8))
		words[1] = abi == 0 ? 24 : 12;
	if (is(call, "clone"))
		words[0] &= one_in(4) ? 0x7c0fffff : 0x1; /* no namespaces of everybody's, the rest as it comes */
	if (is(call, "waitid"))
		words[3] |= WNOHANG;
	if ((is(call, "wait4") || is(call, "waitpid")) && !one_in(30))
		words[2] |= WNOHANG;
	if (is(call, "seccomp") || is(call, "prctl"))
		words[0] = words[0] == 22 ? 3 : words[0]; /* strict mode ends the worker */
	if (is(call, "alarm"))
		words[0] = below(2);
	if (is(call, "fallocate") || is(call, "ftruncate") || is(call, "truncate") || is(call, "pwrite64") || is(call, "lseek"))
		for (int i = 1; i < 4; i++)
			words[i] = words[i] > 1 << 22 && !one_in(8) && words[i] < POOL ? below(1 << 20) : words[i];
}

/* ---- A worker ---------------------------------------------------------------------------------------------------- */

static void nothing(int signal) { (void)signal; }

/* Descriptors of every kind, from 3 up, and files to name. */
static void furnish(const char *folder, int root)
{
	int pair[2];
	(void)root;
	if (mkdir(folder, 0777) != 0 && errno != EEXIST)
		_exit(90);
	if (chdir(folder) != 0)
		_exit(91);
	chmod(folder, 0777);
	mkdir("d", 0777);
	close(open("d/x", O_CREAT | O_RDWR, 0666));
	int a = open("a", O_CREAT | O_RDWR, 0666);
	if (write(a, "some bytes of a file\n", 21) != 21)
		_exit(92);
	ftruncate(a, 20000);
	close(open("b", O_CREAT | O_RDWR, 0666));
	(void)!symlink("a", "link");
	(void)!symlink("loop", "loop");
	mkfifo("fifo", 0666);
	open(".", O_RDONLY | O_DIRECTORY);
	(void)!pipe2(pair, O_NONBLOCK);
	eventfd(3, EFD_NONBLOCK);
	int epoll = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};
	epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event);
	timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	signalfd(-1, &set, SFD_NONBLOCK);
	memfd_create("memory", MFD_ALLOW_SEALING);
	open("/dev/null", O_RDWR);
	open("/dev/zero", O_RDWR);
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
	int zero = 0;
	char name[32];
	unsigned pty = 0;
	if (master >= 0 && syscall(SYS_ioctl, master, 0x40045431, &zero) == 0 && syscall(SYS_ioctl, master, 0x80045430, &pty) == 0) {
		snprintf(name, sizeof name, "/dev/pts/%u", pty);
		open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
	}
	syscall(SYS_pidfd_open, getpid(), 0);
	open("/proc/meminfo", O_RDONLY); /* not /proc/self: who ends leaves cached names behind */
	open("/dev/urandom", O_RDONLY);
	open("/proc/version", O_RDONLY);
	open("b", O_RDWR | O_APPEND);
	open("a", O_RDONLY);
}

static void lay_out_pool(void)
{
	mmap((void *)POOL, POOL_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	char *strings = mmap((void *)STRINGS, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	for (unsigned i = 0; i < NAMES; i++)
		strcpy(strings + 32 * i, names[i]);
	static const char *const texts[] = {"user.name", "security.x", "tmpfs", "text"};
	for (unsigned i = 0; i < 4; i++)
		strcpy(strings + 2048 + 32 * i, texts[i]);
}

static int choose(int root)
{
	for (;;) {
		int index = (int)below(CALLS);
		if (!banned[root][index] && one_in((uint64_t)rarity[index]))
			return index;
	}
}

static void work(int slot, uint64_t seed, uint64_t batch)
{
	state = seed;
	state = next() ^ batch;
	state = next();
	int root = batch % 2;
	char folder[64];
	snprintf(folder, sizeof folder, "/tmp/fuzz/%d", slot);
	setpgid(0, 0);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	furnish(folder, root);
	lay_out_pool();
	struct rlimit limit = {64 << 20, 64 << 20};
	setrlimit(RLIMIT_FSIZE, &limit);
	struct rlimit space = {1 << 30, 1 << 30};
	setrlimit(RLIMIT_AS, &space);
	if (!root) {
		(void)!setgid(65534);
		(void)!setuid(65534);
	}
	signal(SIGALRM, nothing);
	siginterrupt(SIGALRM, 1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	struct itimerval timer = {{0, 3000}, {0, 3000}};
	setitimer(ITIMER_REAL, &timer, 0);
	for (int count = 0; count < BATCH; count++) {
		uint64_t words[6];
		int abi = (int)below(3);
		shared->worker[slot].progress++;
		if (count % 100 == 99) { /* what was closed or unmapped comes back */
			lay_out_pool();
			setitimer(ITIMER_REAL, &timer, 0);
			signal(SIGALRM, nothing);
			siginterrupt(SIGALRM, 1);
		}
		if (one_in(40)) { /* any number at all */
			for (int i = 0; i < 6; i++)
				words[i] = number();
			uint64_t number = one_in(2) ? 600 + below(5000) : next() | 0x80000000;
			shared->unknown++;
			shared->worker[slot].call = -1;
			abi == 2 ? call_i386((long)number, words) : call_64((long)(abi == 1 ? number | 0x40000000 : number), words);
			continue;
		}
		int index = choose(root);
		const struct call *call = &calls[index];
		if (call->numbers[abi] < 0)
			continue;
		for (int i = 0; i < 6; i++) {
			static const struct argument any = {WORD, 0, 0};
			words[i] = argument(i < call->count ? &call->arguments[i] : &any);
		}
		adjust(call, abi, words);
		long number = call->numbers[abi] | (abi == 1 ? 0x40000000 : 0);
		shared->worker[slot].call = index;
		shared->worker[slot].abi = abi;
		shared->made[abi][index]++;
		long result = makes_task[index] ? call_clone(abi, number, words)
			      : abi == 2	? call_i386(number, words)
						: call_64(number, words);
		if (result < -4095 || result >= 0)
			shared->succeeded[abi][index]++;
		else if (result == -EFAULT && one_in(50))
			lay_out_pool();
	}
	_exit(0);
}

/* ---- The supervisor ---------------------------------------------------------------------------------------------- */

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void remove_all(const char *folder)
{
	DIR *directory = opendir(folder);
	if (!directory)
		return;
	for (struct dirent *entry; (entry = readdir(directory));) {
		char path[4096];
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (unlink(path) != 0) {
			chmod(path, 0777);
			remove_all(path);
			rmdir(path);
		}
	}
	closedir(directory);
}

static long free_memory(void)
{
	/* What is kept for speed is no leak; deferred frees have their time. */
	int caches = open("/proc/sys/vm/drop_caches", O_WRONLY);
	if (caches < 0 || write(caches, "3\n", 2) != 2)
		printf("drop_caches: %s\n", strerror(errno));
	close(caches);
	sync();
	for (int i = 0; i < 20; i++)
		usleep(20000);
	struct sysinfo info;
	sysinfo(&info);
	return (long)(info.freeram * info.mem_unit >> 10);
}
static int processes(void)
{
	struct sysinfo info;
	sysinfo(&info);
	return info.procs;
}

/* Where memory is, for people. */
static void show_memory(const char *when)
{
	char line[128];
	FILE *file = fopen("/proc/meminfo", "r");
	printf("%s:", when);
	while (file && fgets(line, sizeof line, file)) {
		char name[64];
		long value;
		if (sscanf(line, "%63s %ld", name, &value) == 2 && value != 0)
			printf(" %s%ld", name, value);
	}
	printf("\n");
	if (file)
		fclose(file);
}

static long kills;

static uint64_t made_so_far(void)
{
	uint64_t sum = shared->unknown;
	for (int index = 0; index < CALLS; index++)
		sum += shared->made[0][index] + shared->made[1][index] + shared->made[2][index];
	return sum;
}

/* Runs batches from `first` up to `end` on all workers, or until so many calls were made. */
static void run(uint64_t seed, uint64_t first, uint64_t end, uint64_t wanted)
{
	struct {
		pid_t pid;
		uint64_t seen;
		double since;
		uint64_t batch;
	} workers[WORKERS] = {{0}};
	int running = 0;
	while (first < end || running) {
		for (int slot = 0; slot < WORKERS; slot++) {
			if (workers[slot].pid == 0 && first < end && made_so_far() >= wanted)
				end = first;
			if (workers[slot].pid == 0 && first < end) {
				char folder[64];
				snprintf(folder, sizeof folder, "/tmp/fuzz/%d", slot);
				remove_all(folder);
				workers[slot].batch = first++;
				workers[slot].since = now();
				workers[slot].pid = fork();
				if (workers[slot].pid == 0)
					work(slot, seed, workers[slot].batch);
				if (workers[slot].pid < 0) {
					printf("fork: %s\n", strerror(errno));
					exit(3);
				}
				running++;
				if (workers[slot].batch % 50 == 0) {
					printf("batch %lu\n", workers[slot].batch);
					fflush(stdout);
				}
			}
			if (workers[slot].pid == 0)
				continue;
			int status;
			pid_t ended = waitpid(workers[slot].pid, &status, WNOHANG);
			if (ended == workers[slot].pid || (ended < 0 && errno == ECHILD)) {
				kill(-workers[slot].pid, SIGKILL);
				workers[slot].pid = 0;
				running--;
			} else if (shared->worker[slot].progress != workers[slot].seen) {
				workers[slot].seen = shared->worker[slot].progress;
				workers[slot].since = now();
			} else if (now() - workers[slot].since > 0.2) {
				kills++;
				kill(-workers[slot].pid, SIGKILL);
				kill(workers[slot].pid, SIGKILL);
				if (now() - workers[slot].since > 30) {
					int call = shared->worker[slot].call;
					printf("HANG batch %lu in %s\n", workers[slot].batch, call < 0 ? "unknown" : calls[call].name);
					fflush(stdout);
					exit(2);
				}
			}
		}
		usleep(500);
	}
}

int main(int count, char **arguments)
{
	uint64_t seed = count > 1 ? strtoull(arguments[1], 0, 0) : 1;
	uint64_t wanted = count > 2 ? strtoull(arguments[2], 0, 0) : 100000;
	for (int index = 0; index < CALLS; index++) {
		banned[0][index] = banned[1][index] = (char)is_any(&calls[index], never);
		banned[1][index] |= (char)is_any(&calls[index], user_only);
		rarity[index] = is_any(&calls[index], deadly) ? 100 : is_any(&calls[index], seldom) ? 8 : 1;
		makes_task[index] = (char)is_any(&calls[index], clones);
	}
	shared = mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	mkdir("/tmp/fuzz", 0777);
	chmod("/tmp/fuzz", 0777);
	setbuf(stdout, 0);
	if (count > 3) {
		uint64_t batch = strtoull(arguments[3], 0, 0);
		run(seed, batch, batch + 1, UINT64_MAX);
		return 0;
	}
	printf("seed %lu, %lu calls in batches of %d\n", seed, wanted, BATCH);
	run(seed + 1, 0, 2 * WORKERS * 4, UINT64_MAX); /* what is kept from the first use on is no leak */
	remove_all("/tmp/fuzz");
	/* The cache of names takes some memory for each of its parts that was ever used: use them all. */
	for (int i = 0; i < 60000; i++) {
		char name[32];
		snprintf(name, sizeof name, "/tmp/%d", i);
		access(name, F_OK);
	}
	memset(shared, 0, sizeof *shared);
	long memory = free_memory();
	int tasks = processes();
	show_memory("before");
	double begun = now();
	run(seed, 0, UINT64_MAX, wanted);
	double seconds = now() - begun;
	chdir("/");
	remove_all("/tmp/fuzz");
	uint64_t made = shared->unknown, good = 0;
	printf("call made succeeded, by x86-64 x32 i386\n");
	for (int index = 0; index < CALLS; index++) {
		uint64_t sum = 0, fine = 0;
		for (int abi = 0; abi < 3; abi++) {
			sum += shared->made[abi][index];
			fine += shared->succeeded[abi][index];
		}
		made += sum;
		good += fine;
		printf("%s %s %lu %lu\n", calls[index].full ? "full" : "other", calls[index].name, sum, fine);
	}
	long left = memory - free_memory();
	show_memory("after");
	printf("total %lu calls, %lu succeeded, %lu of numbers nobody has, %ld workers killed, %.1f s\n", made, good, shared->unknown,
	       kills, seconds);
	printf("memory %ld KiB less, processes %d more\n", left, processes() - tasks);
	return 0;
}
