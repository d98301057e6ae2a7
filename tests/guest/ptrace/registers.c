/* ptrace(2): registers, memory, single steps, debug registers. */
#include "common.h"

CASE(general_registers)
{
	pid_t child = TRACED_CHILD(asm volatile("mov $0x1111, %%r12; mov $0x2222, %%r13; int3" ::: "r12", "r13"); _exit(1));
	struct user_regs_struct regs;
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	OK(trace(PTRACE_GETREGS, child, 0, &regs));
	EQ(regs.r12, 0x1111);
	EQ(regs.r13, 0x2222);
	EQ(regs.cs, 0x33);
	EQ(regs.ss, 0x2b);
	EQ(regs.ds, 0);
	EQ((long)regs.orig_rax, -1);
	CHECK(regs.fs_base != 0);
	EQ(regs.eflags & 0x100, 0);
	EQ(REG(child, r12), 0x1111);
	EQ(REG(child, rip), regs.rip);
	regs.r12 = 0x3333;
	OK(trace(PTRACE_SETREGS, child, 0, &regs));
	EQ(REG(child, r12), 0x3333);
	ERR(T(PTRACE_GETREGS, child, 0, 8), EFAULT);
	ERR(T(PTRACE_SETREGS, child, 0, 8), EFAULT);
	end_tracee(child);
}

CASE(a_register_reaches_the_program)
{
	pid_t child = TRACED_CHILD({
		long value = 1;
		asm volatile("int3" : "+a"(value));
		_exit(value);
	});
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	SET_REG(child, rax, 42);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 42);
}

CASE(a_stop_of_a_signal_outside_calls_can_move_the_program)
{
	static volatile int reached;
	pid_t child = TRACED_CHILD({
		asm volatile("int3; movl $1, %0; nop" : "=m"(reached));
		_exit(reached);
	});
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	/* Skip the store: 10 bytes of movl with an absolute or relative address. */
	unsigned long rip = REG(child, rip);
	unsigned long code = 0;
	OK(trace(PTRACE_PEEKTEXT, child, (void *)rip, &code));
	EQ(code & 0xff, 0xc7);
	SET_REG(child, rip, rip + 10);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

CASE(register_sets)
{
	pid_t child = TRACED_CHILD();
	struct user_regs_struct regs, whole;
	struct iovec vector = {&regs, sizeof regs};
	OK(trace(PTRACE_GETREGS, child, 0, &whole));
	OK(trace(PTRACE_GETREGSET, child, (void *)NT_PRSTATUS, &vector));
	EQ(vector.iov_len, sizeof regs);
	EQ(memcmp(&regs, &whole, sizeof regs), 0);
	/* A part, of whole registers. */
	memset(&regs, 0xee, sizeof regs);
	vector.iov_len = 16;
	OK(trace(PTRACE_GETREGSET, child, (void *)NT_PRSTATUS, &vector));
	EQ(regs.r15, whole.r15);
	EQ(regs.r13, 0xeeeeeeeeeeeeeeee);
	vector.iov_len = 12;
	ERR(trace(PTRACE_GETREGSET, child, (void *)NT_PRSTATUS, &vector), EINVAL);
	char large[512];
	vector = (struct iovec){large, sizeof large};
	OK(trace(PTRACE_GETREGSET, child, (void *)NT_PRSTATUS, &vector));
	EQ(vector.iov_len, sizeof regs);
	ERR(trace(PTRACE_GETREGSET, child, (void *)12345, &vector), EINVAL);
	ERR(T(PTRACE_GETREGSET, child, NT_PRSTATUS, 8), EFAULT);
	vector = (struct iovec){(void *)8, sizeof regs};
	ERR(trace(PTRACE_GETREGSET, child, (void *)NT_PRSTATUS, &vector), EFAULT);
	whole.r15 = 0x77;
	vector = (struct iovec){&whole, 8};
	OK(trace(PTRACE_SETREGSET, child, (void *)NT_PRSTATUS, &vector));
	EQ(REG(child, r15), 0x77);
	end_tracee(child);
}

CASE(floating_point_registers)
{
	pid_t child = TRACED_CHILD({
		double value = 2.5;
		asm volatile("movsd %0, %%xmm3; int3; movsd %%xmm3, %0" : "+m"(value)::"xmm3");
		_exit((int)(value * 2));
	});
	struct user_fpregs_struct fpu;
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	OK(trace(PTRACE_GETFPREGS, child, 0, &fpu));
	double seen;
	memcpy(&seen, (char *)fpu.xmm_space + 3 * 16, 8);
	CHECK(seen == 2.5);
	EQ(fpu.cwd, 0x37f);
	EQ(fpu.mxcsr, 0x1f80);
	double wanted = 7.5;
	memcpy((char *)fpu.xmm_space + 3 * 16, &wanted, 8);
	OK(trace(PTRACE_SETFPREGS, child, 0, &fpu));
	fpu.mxcsr = 0xffffffff;
	ERR(trace(PTRACE_SETFPREGS, child, 0, &fpu), EINVAL);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 15);
}

CASE(extended_state)
{
	pid_t child = TRACED_CHILD({
		double value = 2.5;
		asm volatile("movsd %0, %%xmm3; int3; movsd %%xmm3, %0" : "+m"(value)::"xmm3");
		_exit((int)(value * 2));
	});
	static unsigned char state[16384];
	struct iovec vector = {state, sizeof state};
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	OK(trace(PTRACE_GETREGSET, child, (void *)NT_X86_XSTATE, &vector));
	CHECK(vector.iov_len >= 576);
	unsigned long components, used;
	memcpy(&components, state + 464, 8);
	memcpy(&used, state + 512, 8);
	EQ(components & 3, 3);
	EQ(used & ~components, 0);
	EQ(used & 2, 2);
	double wanted = 8.0;
	memcpy(state + 160 + 3 * 16, &wanted, 8);
	size_t size = vector.iov_len;
	OK(trace(PTRACE_SETREGSET, child, (void *)NT_X86_XSTATE, &vector));
	vector.iov_len = size - 8;
	ERR(trace(PTRACE_SETREGSET, child, (void *)NT_X86_XSTATE, &vector), EFAULT);
	vector.iov_len = size;
	memset(state + 512, 0xff, 8);
	ERR(trace(PTRACE_SETREGSET, child, (void *)NT_X86_XSTATE, &vector), EINVAL);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 16);
}

/* The kernel's `struct user` has two words more than the C library's. */
#define USER_SIZE (sizeof(struct user) + 16)

CASE(bad_places_in_the_user_area_are_EIO)
{
	pid_t child = TRACED_CHILD();
	unsigned long word;
	ERR(trace(PTRACE_PEEKUSER, child, (void *)4, &word), EIO);
	ERR(trace(PTRACE_PEEKUSER, child, (void *)USER_SIZE, &word), EIO);
	OK(trace(PTRACE_PEEKUSER, child, (void *)(USER_SIZE - 8), &word));
	EQ(word, 0);
	ERR(T(PTRACE_PEEKUSER, child, 0, 8), EFAULT);
	ERR(T(PTRACE_POKEUSER, child, 4, 0), EIO);
	ERR(T(PTRACE_POKEUSER, child, offsetof(struct user, u_tsize), 0), EIO);
	ERR(T(PTRACE_POKEUSER, child, USER_SIZE, 0), EIO);
	ERR(T(PTRACE_POKEUSER, child, -8, 0), EIO);
	ERR(T(PTRACE_POKEUSER, child, offsetof(struct user_regs_struct, cs), 0), EIO);
	ERR(T(PTRACE_POKEUSER, child, offsetof(struct user_regs_struct, ss), 0), EIO);
	ERR(T(PTRACE_POKEUSER, child, offsetof(struct user_regs_struct, ds), 0x10), EIO);
	ERR(T(PTRACE_POKEUSER, child, offsetof(struct user_regs_struct, fs_base), 0x800000000000), EIO);
	end_tracee(child);
}

CASE(flags_keep_what_programs_must_not_change)
{
	pid_t child = TRACED_CHILD();
	unsigned long flags = REG(child, eflags);
	SET_REG(child, eflags, 0);
	EQ(REG(child, eflags), flags & ~0xcd5UL);
	SET_REG(child, eflags, ~0UL & ~0x4000UL);
	EQ(REG(child, eflags) & 0x3200, 0x200);
	SET_REG(child, eflags, flags);
	end_tracee(child);
}

CASE(thread_local_segments)
{
	struct {
		unsigned entry, base, limit, flags;
	} segment = {12, 0x12345000, 0xfffff, 0x51}, got = {0};
	pid_t child = TRACED_CHILD();
	OK(T(25, child, 12, &got));
	OUT("at first %u %x %x %x", got.entry, got.base, got.limit, got.flags);
	OK(T(26, child, 12, &segment));
	OK(T(25, child, 12, &got));
	OUT("then %u %x %x %x", got.entry, got.base, got.limit, got.flags);
	segment.entry = 14;
	OK(T(26, child, 13, &segment));
	OK(T(25, child, 13, &got));
	OUT("another %u %x %x %x", got.entry, got.base, got.limit, got.flags);
	ERR(T(25, child, 11, &got), EINVAL);
	ERR(T(25, child, 15, &got), EINVAL);
	ERR(T(25, child, -1, &got), EIO);
	ERR(T(26, child, -1, &segment), EIO);
	ERR(T(26, child, 15, &segment), EINVAL);
	ERR(T(26, child, 12, 8), EFAULT);
	ERR(T(25, child, 12, 8), EFAULT);
	segment.flags = 0x04;
	ERR(T(26, child, 12, &segment), EINVAL);
	memset(&segment, 0, sizeof segment);
	OK(T(26, child, 12, &segment));
	OK(T(25, child, 12, &got));
	OUT("empty %u %x %x %x", got.entry, got.base, got.limit, got.flags);
	end_tracee(child);
}

CASE(segment_bases)
{
	pid_t child = TRACED_CHILD();
	unsigned long base = 0;
	OK(trace(30, child, &base, (void *)0x1003));
	EQ(base, REG(child, fs_base));
	OK(trace(30, child, (void *)0x12345000, (void *)0x1001));
	EQ(REG(child, gs_base), 0x12345000);
	OK(trace(30, child, &base, (void *)0x1004));
	EQ(base, 0x12345000);
	ERR(trace(30, child, (void *)0x800000000000, (void *)0x1001), EPERM);
	ERR(trace(30, child, &base, (void *)0x9999), EINVAL);
	end_tracee(child);
}

static volatile long in_memory = 0x1122334455667788;
static const long in_constants = 0x99;

CASE(memory_can_be_read_and_written)
{
	pid_t child = TRACED_CHILD(_exit(in_memory == 5 && in_constants == 6 ? 0 : 1));
	long word = 0;
	OK(trace(PTRACE_PEEKDATA, child, (void *)&in_memory, &word));
	EQ(word, 0x1122334455667788);
	OK(trace(PTRACE_PEEKTEXT, child, (char *)&in_memory + 1, &word));
	EQ(word & 0xffffffffffffff, 0x11223344556677);
	OK(T(PTRACE_POKEDATA, child, &in_memory, 5));
	/* Read-only private pages get a copy. */
	OK(T(PTRACE_POKETEXT, child, &in_constants, 6));
	EQ(in_memory, 0x1122334455667788);
	EQ(*(volatile const long *)&in_constants, 0x99);
	ERR(trace(PTRACE_PEEKDATA, child, (void *)8, &word), EIO);
	ERR(T(PTRACE_POKEDATA, child, 8, 1), EIO);
	ERR(T(PTRACE_PEEKDATA, child, &in_memory, 8), EFAULT);
	ERR(trace(PTRACE_PEEKDATA, child, (void *)0xffff800000000000, &word), EIO);
	OK(T(PTRACE_CONT, child, 0, 0));
	int status = wait_tracee(child);
	/* The compiler may have folded the constant. */
	CHECK(WIFEXITED(status));
}

CASE(memory_by_proc)
{
	char path[64];
	long word = 0;
	pid_t child = TRACED_CHILD(_exit(in_memory == 6 ? 0 : 1));
	snprintf(path, sizeof path, "/proc/%d/mem", (int)child);
	int fd = OK(open(path, O_RDWR));
	EQ(pread(fd, &word, 8, (off_t)&in_memory), 8);
	EQ(word, 0x1122334455667788);
	word = 6;
	EQ(pwrite(fd, &word, 8, (off_t)&in_memory), 8);
	ERR(pread(fd, &word, 8, 8), EIO);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

CASE(single_steps)
{
	pid_t child = TRACED_CHILD(asm volatile("int3; nop; nop; nop; nop"); _exit(1));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	unsigned long rip = REG(child, rip);
	for (int i = 1; i <= 4; i++) {
		OK(T(PTRACE_SINGLESTEP, child, 0, 0));
		STOP(child, SIGTRAP);
		EQ(REG(child, rip), rip + i);
		EQ(REG(child, eflags) & 0x100, 0);
		siginfo_t info = siginfo_of(child);
		EQ(info.si_code, TRAP_TRACE);
		EQ((unsigned long)info.si_addr, rip + i);
	}
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 1);
}

CASE(stepping_into_a_handler)
{
	pid_t child = TRACED_CHILD(signal(SIGUSR1, do_nothing); raise(SIGUSR1); _exit(1));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGUSR1);
	OK(T(PTRACE_SINGLESTEP, child, 0, SIGUSR1));
	STOP(child, SIGTRAP);
	EQ(REG(child, rip), (unsigned long)do_nothing);
	EQ(siginfo_of(child).si_code, SIGTRAP);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 1);
}

CASE(a_program_that_traps_itself)
{
	/* popf sets the trap flag: the program's own then. */
	pid_t child = TRACED_CHILD(asm volatile("int3; pushf; orl $0x100, (%%rsp); popf; nop; nop" ::: "memory"); _exit(1));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	EQ(siginfo_of(child).si_code, TRAP_TRACE);
	EQ(REG(child, eflags) & 0x100, 0x100);
	end_tracee(child);
}

#define DR(n) (offsetof(struct user, u_debugreg) + 8 * (n))
static volatile long watched, other;

CASE(watchpoints)
{
	pid_t child = TRACED_CHILD(other = 1; watched = 2; other = 3; _exit(watched));
	OK(T(PTRACE_POKEUSER, child, DR(0), &watched));
	EQ(peek_user(child, DR(0)), (unsigned long)&watched);
	/* Writes of 8 bytes at the first address. */
	OK(T(PTRACE_POKEUSER, child, DR(7), 1 | 1 << 16 | 2 << 18));
	EQ(peek_user(child, DR(7)), 1 | 1 << 16 | 2 << 18);
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	EQ(siginfo_of(child).si_code, 4);
	EQ(peek_user(child, DR(6)) & 0xf, 1);
	long value = 0;
	OK(trace(PTRACE_PEEKDATA, child, (void *)&watched, &value));
	EQ(value, 2);
	OK(trace(PTRACE_PEEKDATA, child, (void *)&other, &value));
	EQ(value, 1);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 2);
}

static __attribute__((noinline)) int stop_here(int value)
{
	asm volatile("");
	return value + 1;
}

CASE(hardware_breakpoints)
{
	pid_t child = TRACED_CHILD(_exit(stop_here(stop_here(1))));
	OK(T(PTRACE_POKEUSER, child, DR(1), stop_here));
	OK(T(PTRACE_POKEUSER, child, DR(7), 1 << 2));
	for (int i = 0; i < 2; i++) {
		OK(T(PTRACE_CONT, child, 0, 0));
		STOP(child, SIGTRAP);
		EQ(REG(child, rip), (unsigned long)stop_here);
		EQ(peek_user(child, DR(6)) & 0xf, 2);
	}
	OK(T(PTRACE_POKEUSER, child, DR(7), 0));
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 3);
}

CASE(debug_registers_are_checked)
{
	pid_t child = TRACED_CHILD();
	ERR(T(PTRACE_POKEUSER, child, DR(0), 0xffff800000000000), EINVAL);
	ERR(T(PTRACE_POKEUSER, child, DR(4), 0), EIO);
	ERR(T(PTRACE_POKEUSER, child, DR(5), 0), EIO);
	EQ(peek_user(child, DR(4)), 0);
	EQ(peek_user(child, DR(7)), 0);
	OK(T(PTRACE_POKEUSER, child, DR(0), &watched));
	/* I/O, and an instruction of two bytes. */
	ERR(T(PTRACE_POKEUSER, child, DR(7), 1 | 2 << 16), EINVAL);
	ERR(T(PTRACE_POKEUSER, child, DR(7), 1 | 1 << 18), EINVAL);
	end_tracee(child);
}

CASE(debug_registers_are_not_inherited)
{
	pid_t child = TRACED_CHILD(_exit(fork() == 0 ? stop_here(1) : (wait(0), 0)));
	OK(T(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEFORK));
	OK(T(PTRACE_POKEUSER, child, DR(0), stop_here));
	OK(T(PTRACE_POKEUSER, child, DR(7), 1));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, EVENT(PTRACE_EVENT_FORK));
	pid_t grandchild = message_of(child);
	STOP(grandchild, SIGSTOP);
	/* What is watched is; the register as it was written stays to be read. */
	EQ(peek_user(grandchild, DR(0)), 0);
	EQ(peek_user(grandchild, DR(7)), 1);
	OK(T(PTRACE_CONT, grandchild, 0, 0));
	EXITS(grandchild, 2);
	end_tracee(child);
}
