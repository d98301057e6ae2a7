/* ptrace(2): what a tracer of each ABI sees: its words, its layouts, and what it has not. A tracer of x32 has the layouts of 64 bits
 * and words of 32. */
#define WORDS_OF_X32
#include "common.h"

#ifdef __i386__
#define IS_X32 0
#define SELECTOR xcs
#define PLACE eip
#define KEPT esi
#define VALUE 0x12345678
#define CODE 0x23
#define ARCHITECTURE 0x40000003
#define REGISTERS_SIZE 68
#define KEEP "mov $0x12345678, %%esi; int3; mov %%esi, %0" : "=m"(kept)::"esi"
#else
#define IS_X32 (sizeof(long) == 4)
#define SELECTOR cs
#define PLACE rip
#define KEPT r12
#define VALUE 0x123456789abc
#define CODE 0x33
#define ARCHITECTURE 0xc000003e
#define REGISTERS_SIZE 216
#define KEEP "movabs $0x123456789abc, %%r12; int3; mov %%r12, %0" : "=m"(kept)::"r12"
#endif
#define OFFSET(field) offsetof(struct user_regs_struct, field)
#define DR(n) (offsetof(struct user, u_debugreg) + sizeof ((struct user *)0)->u_debugreg[0] * (n))
/* What must stay as it is behind a word that the kernel writes. */
#define MARK 0x5a5a5a5a

static volatile long long in_memory = 0x1122334455667788;
#ifdef __i386__
static volatile long kept;
#else
static volatile long long kept;
#endif

static pid_t stopped_tracee(void)
{
	pid_t child = TRACED_CHILD({ asm volatile(KEEP); _exit(kept == 42 ? 0 : 1); });
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	return child;
}

CASE(memory_comes_in_words)
{
	pid_t child = TRACED_CHILD(_exit(in_memory == (sizeof(long) == 8 ? 5 : 0x1122334400000005) ? 0 : 1));
	unsigned long got[2] = {0, MARK};
	OK(trace(PTRACE_PEEKDATA, child, (void *)&in_memory, got));
	EQ(got[0], (unsigned long)0x1122334455667788);
	EQ(got[1], MARK);
	OK(T(PTRACE_POKEDATA, child, &in_memory, 5));
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

CASE(general_registers)
{
	pid_t child = stopped_tracee();
	struct {
		struct user_regs_struct regs;
		unsigned mark;
	} got = {.mark = MARK};
	EQ(sizeof got.regs, REGISTERS_SIZE);
	OK(trace(PTRACE_GETREGS, child, 0, &got.regs));
	CHECK(got.regs.KEPT == VALUE);
	EQ(got.regs.SELECTOR, CODE);
	EQ(got.mark, MARK);
	got.regs.KEPT = 42;
	OK(trace(PTRACE_SETREGS, child, 0, &got.regs));
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

CASE(register_sets)
{
	pid_t child = stopped_tracee();
	struct user_regs_struct regs;
	struct {
		struct iovec vector;
		unsigned mark;
	} given = {{&regs, sizeof regs}, MARK};
	OK(trace(PTRACE_GETREGSET, child, (void *)NT_PRSTATUS, &given.vector));
	EQ(given.vector.iov_len, sizeof regs);
	EQ(given.mark, MARK);
	CHECK(regs.KEPT == VALUE);
	regs.KEPT = 42;
	OK(trace(PTRACE_SETREGSET, child, (void *)NT_PRSTATUS, &given.vector));
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

CASE(floating_point_registers)
{
	pid_t child = stopped_tracee();
	struct user_fpregs_struct fpu;
	OK(trace(PTRACE_GETFPREGS, child, 0, &fpu));
	EQ(fpu.cwd & 0xffff, 0x37f);
	fpu.cwd ^= 0x100;
	OK(trace(PTRACE_SETFPREGS, child, 0, &fpu));
	OK(trace(PTRACE_GETFPREGS, child, 0, &fpu));
	EQ(fpu.cwd & 0xffff, 0x27f);
	end_tracee(child);
}

CASE(the_user_area)
{
	pid_t child = stopped_tracee();
	unsigned long got[2] = {0, MARK};
	OK(trace(PTRACE_PEEKUSER, child, (void *)OFFSET(SELECTOR), got));
	EQ(got[0], CODE);
	EQ(got[1], MARK);
	/* Words of 32 bits do not hold what comes before the selectors in the layout of 64. */
	if (IS_X32) {
		ERR(trace(PTRACE_PEEKUSER, child, (void *)OFFSET(KEPT), got), EIO);
		ERR(trace(PTRACE_PEEKUSER, child, (void *)OFFSET(PLACE), got), EIO);
		ERR(T(PTRACE_POKEUSER, child, OFFSET(KEPT), 42), EIO);
	} else {
		OK(trace(PTRACE_PEEKUSER, child, (void *)OFFSET(KEPT), got));
		EQ(got[0], (unsigned long)VALUE);
		OK(T(PTRACE_POKEUSER, child, OFFSET(KEPT), 42));
	}
	ERR(trace(PTRACE_PEEKUSER, child, (void *)(OFFSET(SELECTOR) + 1), got), EIO);
	ERR(trace(PTRACE_PEEKUSER, child, (void *)4096, got), EIO);
	OK(trace(PTRACE_PEEKUSER, child, (void *)offsetof(struct user, u_tsize), got));
	EQ(got[0], 0);
	end_tracee(child);
}

static __attribute__((noinline)) int stop_here(int value)
{
	asm volatile("");
	return value + 1;
}

CASE(debug_registers)
{
	pid_t child = TRACED_CHILD(_exit(stop_here(1)));
	struct user_regs_struct regs;
	OK(T(PTRACE_POKEUSER, child, DR(0), stop_here));
	OK(T(PTRACE_POKEUSER, child, DR(7), 1));
	EQ(peek_user(child, DR(0)), (unsigned long)stop_here);
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	OK(trace(PTRACE_GETREGS, child, 0, &regs));
	EQ((unsigned long)regs.PLACE, (unsigned long)stop_here);
	EQ(peek_user(child, DR(6)) & 0xf, 1);
	OK(T(PTRACE_POKEUSER, child, DR(7), 0));
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 2);
}

CASE(call_information)
{
	pid_t child = TRACED_CHILD(syscall(SYS_dup2, 100, -3));
	struct ptrace_syscall_info info;
	OK(T(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD));
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	STOP(child, SIGTRAP | 0x80);
	EQ(trace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info), 80);
	EQ(info.op, PTRACE_SYSCALL_INFO_ENTRY);
	EQ(info.arch, ARCHITECTURE);
	EQ(info.entry.nr, SYS_dup2);
	EQ(info.entry.args[0], 100);
	EQ((int)info.entry.args[1], -3);
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	STOP(child, SIGTRAP | 0x80);
	EQ(trace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info), 33);
	EQ(info.op, PTRACE_SYSCALL_INFO_EXIT);
	EQ(info.exit.rval, -EBADF);
	EQ(info.exit.is_error, 1);
	end_tracee(child);
}

CASE(steps)
{
	pid_t child = TRACED_CHILD(asm volatile("int3; nop; nop"); _exit(1));
	struct user_regs_struct before, after;
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	OK(trace(PTRACE_GETREGS, child, 0, &before));
	for (int i = 1; i <= 2; i++) {
		OK(T(PTRACE_SINGLESTEP, child, 0, 0));
		STOP(child, SIGTRAP);
		OK(trace(PTRACE_GETREGS, child, 0, &after));
		EQ((long)(after.PLACE - before.PLACE), i);
		siginfo_t info = siginfo_of(child);
		EQ(info.si_code, TRAP_TRACE);
		EQ((unsigned long)info.si_addr, (unsigned long)after.PLACE);
	}
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 1);
}

CASE(messages_are_words)
{
	pid_t child = TRACED_CHILD(_exit(5));
	unsigned long got[2] = {0, MARK};
	OK(T(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEEXIT));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, EVENT(PTRACE_EVENT_EXIT));
	OK(trace(PTRACE_GETEVENTMSG, child, 0, got));
	EQ(got[0], 5 << 8);
	EQ(got[1], MARK);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 5);
}

CASE(signals_have_the_tracers_layout)
{
	pid_t child = TRACED_CHILD({
		union sigval value = {.sival_int = 77};
		sigqueue(getpid(), SIGUSR1, value);
	});
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGUSR1);
	siginfo_t info = siginfo_of(child);
	EQ(info.si_signo, SIGUSR1);
	EQ(info.si_code, SI_QUEUE);
	EQ(info.si_pid, child);
	EQ(info.si_value.sival_int, 77);
	unsigned long long mask = 1 << (SIGUSR2 - 1), got = 0;
	OK(T(PTRACE_SETSIGMASK, child, 8, &mask));
	OK(T(PTRACE_GETSIGMASK, child, 8, &got));
	CHECK(got == mask);
	end_tracee(child);
}

CASE(requests_that_not_all_have)
{
	pid_t child = TRACED_CHILD();
	unsigned words[128] = {0};
	unsigned long base[2];
	/* PTRACE_GET_THREAD_AREA, PTRACE_ARCH_PRCTL for the base of fs, PTRACE_GETFPXREGS. */
	if (IS_X32)
		ERR(T(25, child, 12, words), EIO);
	else
		OK(T(25, child, 12, words));
	if (sizeof(long) == 8)
		OK(trace(30, child, base, (void *)0x1003));
	else
		ERR(trace(30, child, base, (void *)0x1003), EIO);
	if (CODE == 0x23)
		OK(T(18, child, 0, words));
	else
		ERR(T(18, child, 0, words), EIO);
	end_tracee(child);
}
