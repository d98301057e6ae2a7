/* All registers on all ways back: by each way in, after a call that returned at once, slept, was interrupted by a signal, was made
   again, was stopped by a tracer at its ends, or was stepped over. */
#include "../check.h"
#include "ways.h"
#include <sys/auxv.h>
#include <sys/ptrace.h>

#if !(defined __x86_64__ && defined __ILP32__)
typedef unsigned long word;
#ifdef __i386__
enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, FLAGS, COUNT };
static const char *const names[] = {"eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "flags"};
__attribute__((used)) static uintptr_t vsyscall;
WAY(by_gate, "int $0x80")
WAY(by_vdso, "call *vsyscall") /* sysenter or syscall, as the processor has it */
#else
enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8, R9, R10, R11, R12, R13, R14, R15, FLAGS, COUNT };
static const char *const names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8",
				    "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "flags"};
WAY(by_gate, "int $0x80")
WAY(by_syscall, "syscall")
#endif

static const struct way {
	const char *name;
	void (*enter)(void *);
	/* Numbers of getppid, pause, read, nanosleep; the registers of the first three arguments. */
	int getppid, pause, read, nanosleep, arguments[3];
	int is_native;
} ways[] = {
	{"int 0x80", by_gate, 64, 29, 3, 162, {RBX, RCX, RDX}, 0},
#ifdef __i386__
	{"vdso", by_vdso, 64, 29, 3, 162, {RBX, RCX, RDX}, 0},
#else
	{"syscall", by_syscall, SYS_getppid, SYS_pause, SYS_read, SYS_nanosleep, {RDI, RSI, RDX}, 1},
#endif
};

static void fill(word *r, word number)
{
	for (int i = 0; i < COUNT; i++)
		r[i] = (word)0x1111111111111111ULL * (i % 14 + 1);
	r[RAX] = number;
	r[FLAGS] = 0xcd7; /* carry, parity, adjust, zero, sign, direction, overflow, interrupts */
	r[FLAGS] = (r[FLAGS] | 0x200) & ~0x100;
}

/* Makes the call and says which registers have changed, but for the result and what the instruction itself changes. */
static word call(const struct way *way, const char *what, word *r)
{
	word before[COUNT];
	char changed[128] = "";
	memcpy(before, r, sizeof before);
	way->enter(r);
	for (int i = 1; i < COUNT; i++) {
		word mask = i == FLAGS ? 0xcd5 | 0x200 : (word)-1;
		int is_clobbered = 0;
#ifdef __x86_64__
		is_clobbered = way->is_native && (i == RCX || i == R11);
#endif
		if (!is_clobbered && (r[i] & mask) != (before[i] & mask))
			sprintf(changed + strlen(changed), " %s", names[i]);
	}
	OUT("%s, %s: changed%s", way->name, what, *changed ? changed : " nothing");
#ifdef __x86_64__
	if (way->is_native && (r[R11] & 0xcd5) != (before[FLAGS] & 0xcd5))
		FAIL("%s: r11 is not the flags", what);
#endif
	return r[RAX];
}

static volatile int caught;
static void note(int number)
{
	/* The handler leaves other values everywhere. */
	caught = number;
	__asm__ volatile("" ::: "memory");
}

static char *low;
static void prepare(void)
{
#ifdef __i386__
	vsyscall = getauxval(AT_SYSINFO);
	CHECK(vsyscall != 0);
	low = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
#else
	low = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
#endif
	CHECK(low != MAP_FAILED);
}

#define FOR_EACH_WAY(way) for (const struct way *way = ways; way < ways + sizeof ways / sizeof *ways; way++)

CASE(at_once)
{
	word r[COUNT];
	prepare();
	FOR_EACH_WAY(way) {
		fill(r, way->getppid);
		EQ(call(way, "getppid", r), getppid());
		fill(r, 999);
		EQ((int)call(way, "no such number", r), -ENOSYS);
		fill(r, way->read);
		EQ((int)call(way, "a bad descriptor", r), -EBADF);
	}
}

CASE(after_sleep)
{
	word r[COUNT];
	prepare();
	FOR_EACH_WAY(way) {
		memset(low, 0, 16);
		low[way->is_native ? 10 : 6] = 0x40; /* four milliseconds */
		fill(r, way->nanosleep);
		r[way->arguments[0]] = (uintptr_t)low;
		r[way->arguments[1]] = 0;
		EQ(call(way, "nanosleep", r), 0);
	}
}

/* A child that sends SIGALRM while this process sleeps, and then a byte. */
static pid_t disturber(int fd)
{
	pid_t child = fork();
	if (child == 0) {
		WAIT_STATE(getppid(), 'S');
		OK(kill(getppid(), SIGALRM));
		sleep_ms(20);
		_exit(fd >= 0 && write(fd, "y", 1) != 1);
	}
	return child;
}

CASE(after_a_signal)
{
	word r[COUNT];
	prepare();
	FOR_EACH_WAY(way) {
		struct sigaction action = {.sa_handler = note};
		OK(sigaction(SIGALRM, &action, 0));
		pid_t child = disturber(-1);
		fill(r, way->pause);
		EQ((int)call(way, "pause", r), -EINTR);
		EQ(caught, SIGALRM);
		EQ(exit_code(child), 0);
		caught = 0;
		/* Made again. */
		int pipes[2];
		OK(pipe(pipes));
		action.sa_flags = SA_RESTART;
		OK(sigaction(SIGALRM, &action, 0));
		child = disturber(pipes[1]);
		fill(r, way->read);
		r[way->arguments[0]] = pipes[0];
		r[way->arguments[1]] = (uintptr_t)low;
		r[way->arguments[2]] = 1;
		EQ(call(way, "read, made again", r), 1);
		EQ(caught, SIGALRM);
		EQ(exit_code(child), 0);
		caught = 0;
	}
}

/* The call in a child whose tracer resumes it by `request` from each stop. */
static void traced(const struct way *way, const char *what, int request)
{
	pid_t child = fork();
	if (child == 0) {
		word r[COUNT];
		OK(ptrace(PTRACE_TRACEME, 0, 0, 0));
		OK(raise(SIGSTOP));
		fill(r, way->getppid);
		EQ(call(way, what, r), getppid());
		_exit(0);
	}
	int status = wait_status(child);
	CHECK(WIFSTOPPED(status));
	for (int stops = 0; WIFSTOPPED(status); stops++) {
		CHECK(stops < 100000);
		OK(ptrace(request, child, 0, 0));
		status = wait_status(child);
	}
	EQ(status, 0);
}

CASE_WITHIN(under_a_tracer, 60)
{
	prepare();
	FOR_EACH_WAY(way) {
		traced(way, "stopped at its ends", PTRACE_SYSCALL);
		traced(way, "stepped over", PTRACE_SINGLESTEP);
	}
}
#endif
