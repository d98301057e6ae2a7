/* ptrace(2): a 64-bit tracer of a tracee that is in 32-bit mode. */
#include "common.h"

/* mov $0x11223344, %eax; mov $5, %ebx; int3; mov $1, %eax; int $0x80 */
static const unsigned char code[] = {0xb8, 0x44, 0x33, 0x22, 0x11, 0xbb, 5, 0, 0, 0, 0xcc, 0xb8, 1, 0, 0, 0, 0xcd, 0x80};

static void go_to_32_bit_mode(void)
{
	char *page = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	memcpy(page, code, sizeof code);
	struct {
		unsigned address;
		unsigned short segment;
	} __attribute__((packed)) target = {(unsigned)(unsigned long)page, 0x23};
	asm volatile("ljmpl *(%0)" ::"r"(&target) : "memory");
}

static pid_t tracee(void)
{
	pid_t child = TRACED_CHILD(go_to_32_bit_mode());
	OK(T(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	return child;
}

CASE(general_registers)
{
	pid_t child = tracee();
	unsigned regs[64];
	struct iovec vector = {regs, sizeof regs};
	OK(trace(PTRACE_GETREGSET, child, (void *)NT_PRSTATUS, &vector));
	EQ(vector.iov_len, 68);
	EQ(regs[0], 5);
	EQ(regs[6], 0x11223344);
	EQ((int)regs[11], -1);
	EQ(regs[13], 0x23);
	EQ(regs[16], 0x2b);
	/* The other requests have the tracer's layout. */
	struct user_regs_struct whole;
	OK(trace(PTRACE_GETREGS, child, 0, &whole));
	EQ(whole.rax, 0x11223344);
	EQ(whole.cs, 0x23);
	EQ(whole.rip, regs[12]);
	end_tracee(child);
}

CASE(floating_point_registers)
{
	pid_t child = tracee();
	unsigned fpu[128];
	struct iovec vector = {fpu, sizeof fpu};
	OK(trace(PTRACE_GETREGSET, child, (void *)NT_PRFPREG, &vector));
	EQ(vector.iov_len, 108);
	EQ(fpu[0], 0xffff037f);
	EQ(fpu[2], 0xffffffff);
	EQ(fpu[4], 0x23);
	fpu[0] = 0xffff027f;
	OK(trace(PTRACE_SETREGSET, child, (void *)NT_PRFPREG, &vector));
	struct user_fpregs_struct whole;
	OK(trace(PTRACE_GETFPREGS, child, 0, &whole));
	EQ(whole.cwd, 0x27f);
	vector.iov_len = sizeof fpu;
	OK(trace(PTRACE_GETREGSET, child, (void *)0x46e62b7f, &vector));
	EQ(vector.iov_len, 512);
	end_tracee(child);
}

CASE(calls)
{
	pid_t child = tracee();
	struct ptrace_syscall_info info;
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	STOP(child, SIGTRAP | 0x80);
	EQ(trace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info), 80);
	EQ(info.op, PTRACE_SYSCALL_INFO_ENTRY);
	EQ(info.arch, 0x40000003);
	EQ(info.entry.nr, 1);
	EQ(info.entry.args[0], 5);
	unsigned regs[17];
	struct iovec vector = {regs, sizeof regs};
	OK(trace(PTRACE_GETREGSET, child, (void *)NT_PRSTATUS, &vector));
	EQ(regs[11], 1);
	EQ((int)regs[6], -ENOSYS);
	regs[0] = 9;
	OK(trace(PTRACE_SETREGSET, child, (void *)NT_PRSTATUS, &vector));
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 9);
}

CASE(steps)
{
	pid_t child = tracee();
	unsigned long rip = REG(child, rip);
	OK(T(PTRACE_SINGLESTEP, child, 0, 0));
	STOP(child, SIGTRAP);
	EQ(REG(child, rip), rip + 5);
	EQ(REG(child, rax), 1);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 5);
}

CASE(single_registers)
{
	/* In the tracer's layout, whatever the tracee's mode. */
	pid_t child = tracee();
	EQ(REG(child, rax), 0x11223344);
	EQ(REG(child, rbx), 5);
	EQ(REG(child, cs), 0x23);
	SET_REG(child, rbx, 7);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 7);
}

CASE(memory)
{
	pid_t child = tracee();
	unsigned long rip = REG(child, rip), word = 0;
	OK(trace(PTRACE_PEEKTEXT, child, (void *)rip, &word));
	/* mov $1, %eax; int $0x80 */
	EQ(word & 0xffffffffffffff, 0x80cd00000001b8);
	/* The number before the int3, and what follows as it was. */
	OK(T(PTRACE_POKETEXT, child, rip - 5, (word << 40) | 0xcc00000009UL));
	OK(trace(PTRACE_PEEKTEXT, child, (void *)(rip - 5), &word));
	EQ(word & 0xffffffffff, 0xcc00000009);
	ERR(trace(PTRACE_PEEKTEXT, child, (void *)8, &word), EIO);
	end_tracee(child);
}

CASE(extended_state)
{
	pid_t child = tracee();
	static unsigned char state[16384];
	struct iovec vector = {state, sizeof state};
	OK(trace(PTRACE_GETREGSET, child, (void *)NT_X86_XSTATE, &vector));
	CHECK(vector.iov_len >= 576);
	OK(trace(PTRACE_SETREGSET, child, (void *)NT_X86_XSTATE, &vector));
	end_tracee(child);
}

CASE(thread_local_segments)
{
	/* NT_386_TLS: a set of 32-bit mode only. */
	enum { SEGMENTS = 0x200 };
	pid_t child = tracee();
	struct {
		unsigned entry, base, limit, flags;
	} segments[4] = {{.entry = 0xee}};
	struct iovec vector = {segments, sizeof segments};
	OK(trace(PTRACE_GETREGSET, child, (void *)SEGMENTS, &vector));
	EQ(vector.iov_len, 48);
	for (int i = 0; i < 3; i++)
		OUT("%u %x %x %x", segments[i].entry, segments[i].base, segments[i].limit, segments[i].flags);
	segments[1].base = 0x12345000;
	segments[1].limit = 0xfffff;
	segments[1].flags = 0x51;
	vector.iov_len = 32;
	OK(trace(PTRACE_SETREGSET, child, (void *)SEGMENTS, &vector));
	OK(T(25, child, 13, &segments[3]));
	OUT("then %u %x %x %x", segments[3].entry, segments[3].base, segments[3].limit, segments[3].flags);
	segments[1].flags = 0x04;
	ERR(trace(PTRACE_SETREGSET, child, (void *)SEGMENTS, &vector), EINVAL);
	vector.iov_len = 20;
	ERR(trace(PTRACE_SETREGSET, child, (void *)SEGMENTS, &vector), EINVAL);
	end_tracee(child);
	child = TRACED_CHILD();
	vector.iov_len = 48;
	ERR(trace(PTRACE_GETREGSET, child, (void *)SEGMENTS, &vector), EINVAL);
	end_tracee(child);
}

CASE(hardware_breakpoints)
{
	pid_t child = tracee();
	unsigned long rip = REG(child, rip), debug = offsetof(struct user, u_debugreg);
	/* After the mov. */
	OK(T(PTRACE_POKEUSER, child, debug, rip + 5));
	OK(T(PTRACE_POKEUSER, child, debug + 56, 1));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	EQ(REG(child, rip), rip + 5);
	EQ(peek_user(child, debug + 48) & 0xf, 1);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 5);
}
