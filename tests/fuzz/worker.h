/* A worker: one batch of calls, in a folder and with descriptors of its own. */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#define BATCH 1000
#define WORKERS 3

/* What workers tell: out of reach of random addresses. */
struct shared {
	uint64_t made[ABIS][CALLS], succeeded[ABIS][CALLS], killed[CALLS], unknown;
	struct {
		volatile uint64_t progress;
		volatile int call;
	} worker[WORKERS];
};
static struct shared *shared;

/* ---- Habits: how often a call is made, how its success shows ---------------------------------------------------------- */

static int is_any(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(name, *list) == 0)
			return 1;
	return 0;
}
/* What would end or change the whole system. */
static const char *const never[] = {"kexec_load", "kexec_file_load", "swapon", "swapoff", 0};
/* What a superuser does to everybody. */
static const char *const user_only[] = {"iopl", "ioperm", 0};
/* What waits, or changes what the other calls of the batch meet. */
static const char *const seldom[] = {
	"pause", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "vfork", "fork", "clone", "clone3", "sigsuspend", "sync",
	"close", "close_range", "nanosleep", "clock_nanosleep", "clock_nanosleep_time64", "setitimer", "alarm", "rt_sigprocmask",
	"sigprocmask", "wait4", "waitid", "waitpid", "futex", "futex_time64", "futex_waitv", "select", "_newselect", "pselect6",
	"pselect6_time64", "poll", "ppoll", "ppoll_time64", "epoll_wait", "epoll_pwait", "epoll_pwait2", "flock", "read", "readv", "prctl",
	"setsid", "vhangup", "chroot", "sgetmask", "ssetmask", "mlockall", "rseq", "set_robust_list", "set_tid_address", "dup2", "dup3",
	"fcntl", "fcntl64", "restart_syscall", "setfsuid", "setuid", "setreuid", "setresuid", "setuid32", "setreuid32", "setresuid32",
	"reboot", "init_module", "finit_module", "delete_module", "umount", "umount2", "testsyscall", "capset", "ptrace", "mount", "pivot_root", "acct", "set_thread_area",
	"pidfd_send_signal", 0};
/* What ends the worker, or its child, or takes its memory away. */
static const char *const deadly[] = {
	"exit", "exit_group", "execve", "execveat", "rt_sigreturn", "sigreturn", "kill", "tkill", "tgkill", "rt_sigqueueinfo",
	"rt_tgsigqueueinfo", "munmap", "mprotect", "mremap", "brk", "arch_prctl", "modify_ldt", "seccomp",
	"remap_file_pages", "shmdt", "pkey_mprotect", "setrlimit", "prlimit64", "sigaction", "signal",
	"rt_sigaction", 0};
static const char *const clones[] = {"fork", "vfork", "clone", "clone3", 0};

/* Calls that never return as a success does, and the error that is what they were to do. */
static const struct {
	const char *name, *reason;
	int error;
} interrupted[] = {
	{"pause", "returns only when a handler has run", EINTR},
	{"rt_sigsuspend", "returns only when a handler has run", EINTR},
	{"sigsuspend", "returns only when a handler has run", EINTR},
	{"restart_syscall", "has nothing to restart unless the kernel itself makes it", EINTR},
};
/* Calls that a child makes, since they end the caller or take something from it for good; a status of the child is the success. */
enum { RETURNED = 200, FAILED = 201, EXECUTED = 77, BY_ARGUMENT = -1 };
static const struct {
	const char *name, *reason;
	int status;
} in_child[] = {
	{"exit", "the caller ends", BY_ARGUMENT},
	{"exit_group", "the caller ends", BY_ARGUMENT},
	{"execve", "another program runs", EXECUTED},
	{"execveat", "another program runs", EXECUTED},
	{"rt_sigreturn", "continues where a signal came", RETURNED},
	{"sigreturn", "continues where a signal came", RETURNED},
	{"setsid", "refused to who leads a group", RETURNED},
	{"vhangup", "takes the terminal", RETURNED},
	{"chroot", "takes the other folders", RETURNED},
	{"testsyscall", "greets on a terminal", RETURNED},
	{"ptrace", "lets go of who it traces when it ends", RETURNED},
	{"mount", "has mounts of its own", RETURNED},
	{"pivot_root", "has mounts of its own", RETURNED},
	{"acct", "keeps records of processes of its own", RETURNED},
};

/* By a call's place in the table. */
static struct {
	char banned[2]; /* to users, to the superuser */
	char forced;	/* the superuser makes it by the recipe only */
	char makes_task;
	int rarity, odds; /* made and fitted one time in so many */
	int child, error; /* place in `in_child` or -1; a second success */
	void (*recipe)(uint64_t *words);
} habits[CALLS];

static void learn_habits(void)
{
	for (int index = 0; index < CALLS; index++) {
		const char *name = calls[index].name;
		const int ends = is_any(name, deadly);
		habits[index].banned[0] = habits[index].banned[1] = (char)is_any(name, never);
		habits[index].banned[1] |= (char)is_any(name, user_only);
		habits[index].forced = (char)is_any(name, only_by_recipe);
		habits[index].makes_task = (char)is_any(name, clones);
		habits[index].rarity = ends ? 8 : is_any(name, seldom) ? 3 : 1;
		habits[index].child = -1;
		for (unsigned i = 0; i < sizeof in_child / sizeof in_child[0]; i++)
			if (!strcmp(in_child[i].name, name))
				habits[index].child = (int)i;
		habits[index].odds = ends || habits[index].child >= 0 ? 6 : 2;
		for (unsigned i = 0; i < sizeof interrupted / sizeof interrupted[0]; i++)
			if (!strcmp(interrupted[i].name, name))
				habits[index].error = interrupted[i].error;
		for (unsigned i = 0; i < sizeof recipes / sizeof recipes[0]; i++)
			if (!strcmp(recipes[i].name, name))
				habits[index].recipe = recipes[i].apply;
	}
}

/* ---- What a batch begins with ------------------------------------------------------------------------------------------ */

static void nothing(int signal) { (void)signal; }
static void handle(int number, void (*handler)(int))
{
	const struct sigaction action = {.sa_handler = handler};
	sigaction(number, &action, 0);
}

/* A program that ends with the status EXECUTED. */
static void write_program(const char *name)
{
	static const unsigned char code[] = {0xbf, EXECUTED, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05};
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr segment;
		unsigned char code[sizeof code];
	} file = {
		{{ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT}, ET_EXEC, EM_X86_64, EV_CURRENT,
		 0x400000 + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr), sizeof(Elf64_Ehdr), 0, 0, sizeof(Elf64_Ehdr), sizeof(Elf64_Phdr), 1},
		{PT_LOAD, PF_R | PF_X, 0, 0x400000, 0x400000, sizeof file, sizeof file, PAGE},
		{0},
	};
	memcpy(file.code, code, sizeof code);
	int out = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0755);
	(void)!write(out, &file, sizeof file);
	close(out);
}
/* The lowest free descriptor is taken, whatever came in the way of what was to be opened. */
static int take(int descriptor) { return descriptor >= 0 ? descriptor : open("/dev/null", O_RDWR); }
static void open_terminal(void)
{
	char name[32] = "/dev/null";
	int zero = 0;
	unsigned number = 0;
	int master = take(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK));
	if (syscall(SYS_ioctl, master, 0x40045431, &zero) == 0 && syscall(SYS_ioctl, master, 0x80045430, &number) == 0)
		snprintf(name, sizeof name, "/dev/pts/%u", number);
	take(open(name, O_RDWR | O_NOCTTY | O_NONBLOCK));
}
/* Descriptors of every kind, in the order of their names, and files to name. */
static void furnish(const char *folder)
{
	int pair[2];
	sigset_t set;
	for (int fd = 0; fd < 64; fd++)
		close(fd);
	for (int fd = 0; fd < 3; fd++) /* what judges the workers reads what they write */
		open("/dev/null", O_RDWR);
	if (chdir(folder) != 0)
		return;
	mkdir("d", 0777);
	close(open("d/x", O_CREAT | O_RDWR, 0666));
	int a = take(open("a", O_CREAT | O_RDWR, 0666));
	(void)!write(a, "some bytes of a file\n", 21);
	(void)!ftruncate(a, 20000);
	close(open("b", O_CREAT | O_RDWR, 0666));
	(void)!symlink("a", "link");
	(void)!symlink("loop", "loop");
	mkfifo("fifo", 0666);
	write_program("end");
	take(open(".", O_RDONLY | O_DIRECTORY));
	(void)!pipe2(pair, O_NONBLOCK);
	take(eventfd(3, EFD_NONBLOCK));
	int epoll = take(epoll_create1(0));
	struct epoll_event event = {.events = EPOLLIN};
	epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event);
	take(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	take(signalfd(-1, &set, SFD_NONBLOCK));
	take(memfd_create("memory", MFD_ALLOW_SEALING));
	take(open("/dev/null", O_RDWR));
	take(open("/dev/zero", O_RDWR));
	open_terminal();
	take((int)syscall(SYS_pidfd_open, own, 0));
	take(open("/proc/meminfo", O_RDONLY)); /* not /proc/self: who ends leaves cached names behind */
	take(open("/dev/urandom", O_RDONLY));
	take(open("/proc/version", O_RDONLY));
	take(open("b", O_RDWR | O_APPEND));
	take(open("a", O_RDONLY));
	take((int)syscall(SYS_pidfd_open, victim, 0));
	(void)!pipe2(pair, O_NONBLOCK);
	take(open("c", O_CREAT | O_RDWR, 0666));
	(void)!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair);
	int listener = take(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	bind(listener, &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t));
	listen(listener, 5);
	take((int)syscall(SYS_inotify_init1, O_NONBLOCK));
}
/* What was closed, unmapped or set otherwise comes back. */
static void restore(const char *folder)
{
	const struct itimerval timer = {{0, 3000}, {0, 3000}};
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, 0);
	lay_out_pool();
	handle(SIGALRM, nothing);
	handle(SIGUSR1, nothing);
	setitimer(ITIMER_REAL, &timer, 0);
	for (int fd = 0; fd < FURNISHED; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			return furnish(folder);
}
/* A child that only waits, and does not outlive the worker. */
static int make_victim(void)
{
	int pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int number = 1; number < 32; number++)
		signal(number, SIG_IGN);
	for (;;)
		pause();
}
static void settle(const char *folder)
{
	const struct rlimit file = {64 << 20, 64 << 20}, space = {256 << 20, 256 << 20};
	const struct timer_event {
		int value[3], notify, rest[12];
	} none = {{0}, SIGEV_NONE, {0}};
	const struct sched_param ordinary = {0};
	int id;
	own = getpid();
	setpgid(0, 0);
	for (int number = 1; number < 32; number++)
		signal(number, SIG_DFL);
	sched_setscheduler(0, SCHED_OTHER, &ordinary);
	if (mkdir(folder, 0777) != 0 && errno != EEXIST)
		_exit(90);
	chmod(folder, 0777);
	if (!root) {
		(void)!setgid(NOBODY);
		(void)!setuid(NOBODY);
		prctl(PR_SET_DUMPABLE, 1);
	}
	lay_out_pool();
	victim = make_victim();
	furnish(folder);
	setrlimit(RLIMIT_FSIZE, &file);
	setrlimit(RLIMIT_AS, &space);
	syscall(SYS_timer_create, CLOCK_MONOTONIC, &none, &id);
	/* The C library's; one thread has one. */
	syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32, 1, RSEQ_SIGNATURE);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	restore(folder);
}

/* ---- Children that make one call --------------------------------------------------------------------------------------- */

static void end_child(int status) { syscall(SYS_exit_group, status); }

/* sigreturn(2) through a frame as the kernel lays it for i386: it continues at code that ends with RETURNED. */
static void return_by_frame(void)
{
	static const unsigned char code[] = {0xbb, RETURNED, 0, 0, 0, 0xb8, 1, 0, 0, 0, 0xcd, 0x80};
	mmap((void *)AREA, 4 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	memcpy((void *)AREA, code, sizeof code);
	uint32_t *frame = (uint32_t *)(AREA + PAGE), *context = frame + 2;
	context[2] = context[3] = context[18] = 0x2b; /* es, ds, ss */
	context[7] = context[17] = AREA + 3 * PAGE;   /* sp */
	context[14] = AREA;			      /* ip */
	context[15] = 0x23;			      /* cs */
	context[16] = 0x202;			      /* flags */
	__asm__ volatile("mov %0, %%rsp; mov $119, %%eax; int $0x80" : : "r"(frame + 2) : "memory");
}
/* A request finds the victim traced, and stopped if it has to be; what is written is what was there. */
static void trace_victim(long number, const uint64_t *words)
{
	const uint64_t request = words[0];
	if (request == PTRACE_TRACEME || request == PTRACE_ATTACH || request == PTRACE_SEIZE)
		return;
	syscall(SYS_ptrace, PTRACE_SEIZE, victim, 0, PTRACE_O_TRACESYSGOOD);
	if (request == PTRACE_INTERRUPT)
		return;
	syscall(SYS_ptrace, PTRACE_INTERRUPT, victim, 0, 0);
	waitpid(victim, 0, __WALL);
	if (request == PTRACE_SETREGS || request == PTRACE_SETFPREGS || request == PTRACE_SETSIGMASK || request == PTRACE_SETREGSET) {
		uint64_t get[6] = {request - 1, words[1], words[2], words[3]};
		make_call(abi, number, get);
	}
}
/* Mounts that nobody else sees, with one of its own at `d`. */
static void own_mounts(void)
{
	if (!root)
		syscall(SYS_unshare, CLONE_NEWUSER);
	syscall(SYS_unshare, CLONE_NEWNS);
	syscall(SYS_mount, 0, "/", 0, MS_REC | MS_PRIVATE, 0);
	syscall(SYS_mount, "fuzz", "d", "tmpfs", 0, 0);
	syscall(SYS_mkdir, "d/new", 0777);
}
/* What a call needs that only a child can have; also the whole call where it needs another stack. */
static void prepare_child(long number, const uint64_t *words)
{
	if (is("ptrace"))
		trace_victim(number, words);
	if (is("mount") || is("pivot_root"))
		own_mounts();
	if (is("vhangup") || is("testsyscall")) {
		syscall(SYS_setsid);
		if (is("testsyscall"))
			syscall(SYS_ioctl, SLAVE, 0x540e, 0);
	}
	if (is("rt_sigreturn")) {
		handle(SIGUSR1, nothing);
		sigset_t all;
		sigemptyset(&all);
		sigprocmask(SIG_SETMASK, &all, 0);
		syscall(SYS_kill, getpid(), SIGUSR1);
		end_child(RETURNED);
	}
	if (is("sigreturn"))
		return_by_frame();
}
static long call_in_child(int habit, int is_fitted, long number, const uint64_t *words)
{
	int status = 0;
	signal(SIGCHLD, SIG_DFL);
	int child = (int)syscall(SYS_clone, SIGCHLD | (root && is("acct") ? CLONE_NEWPID : 0), 0, 0, 0, 0);
	if (child == 0) {
		if (is_fitted)
			prepare_child(number, words);
		long result = make_call(abi, number, words);
		end_child(result >= 0 ? RETURNED : FAILED);
	}
	while (child > 0 && waitpid(child, &status, __WALL) < 0 && errno == EINTR)
		;
	signal(SIGCHLD, SIG_IGN);
	int expected = in_child[habit].status == BY_ARGUMENT ? (int)(words[0] & 0xff) : in_child[habit].status;
	return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == expected ? 0 : -EAGAIN;
}

/* ---- The batch --------------------------------------------------------------------------------------------------------- */

/* A call, and an ABI that has it. */
static int choose(void)
{
	int index;
	do
		index = (int)below(CALLS);
	while (habits[index].banned[root] || !one_in((uint64_t)habits[index].rarity));
	do
		abi = (int)below(ABIS);
	while (calls[index].numbers[abi] < 0);
	return index;
}
static void call_unknown(int slot)
{
	uint64_t words[6];
	for (int i = 0; i < 6; i++)
		words[i] = number();
	abi = (int)below(ABIS);
	uint64_t any = one_in(2) ? 600 + below(5000) : next() | 0x80000000;
	shared->unknown++;
	shared->worker[slot].call = -1;
	make_call(abi, (long)any, words);
}
static void call_known(int slot, int index)
{
	static const struct argument any = {WORD, 0, 0, ""};
	uint64_t words[6];
	call = &calls[index];
	for (int i = 0; i < 6; i++)
		words[i] = argument(i < call->count ? &call->arguments[i] : &any);
	int odds = habits[index].odds;
	int is_fitted = (habits[index].forced && root) || (odds == 2 ? one_in(2) : !one_in((uint64_t)odds));
	if (is_fitted && habits[index].recipe)
		habits[index].recipe(words);
	spare_others(words);
	hurry(words);
	shared->worker[slot].call = index;
	shared->made[abi][index]++;
	const long number = call->numbers[abi];
	long result = habits[index].child >= 0	 ? call_in_child(habits[index].child, is_fitted, number, words)
		      : habits[index].makes_task ? call_clone(abi, abi == X32 ? number | X32_BIT : number, words)
						 : make_call(abi, number, words);
	if (result < -4095 || result >= 0 || (habits[index].error && result == -habits[index].error))
		shared->succeeded[abi][index]++;
	else if (result == -EFAULT && one_in(50))
		lay_out_pool();
}
/* System V IPC of the worker's own: few objects and small ones, gone with it. */
static void own_objects(void)
{
	static const char *const limits[][2] = {
		{"sem", "100 1000 100 30"}, {"shmall", "2000"}, {"shmmni", "30"}, {"msgmni", "30"}, {"shmmax", "1000000"}};
	unshare(CLONE_NEWIPC);
	for (unsigned i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		char path[64];
		snprintf(path, sizeof path, "/proc/sys/kernel/%s", limits[i][0]);
		int file = open(path, O_WRONLY);
		(void)!write(file, limits[i][1], strlen(limits[i][1]));
		close(file);
	}
}

static void work(int slot, uint64_t seed, uint64_t batch)
{
	char folder[64];
	state = seed;
	state = next() ^ batch;
	state = next();
	root = batch % 2;
	snprintf(folder, sizeof folder, "/tmp/fuzz/%d", slot);
	own_objects();
	settle(folder);
	for (int count = 0; count < BATCH; count++) {
		shared->worker[slot].progress++;
		if (count % 100 == 99)
			restore(folder);
		if (one_in(40))
			call_unknown(slot);
		else
			call_known(slot, choose());
	}
	syscall(SYS_kill, victim, SIGKILL);
	_exit(0);
}
