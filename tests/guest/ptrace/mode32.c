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
