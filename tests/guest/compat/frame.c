/* The signal frames of 32-bit programs: both forms, registers, FPU state, selectors, what sigreturn takes back. */
#include "../check.h"
#include <sys/auxv.h>
#include <ucontext.h>

#ifdef __i386__
struct kernel_action {
	uintptr_t handler;
	uint32_t flags, restorer, mask[2];
};
struct old_action {
	uintptr_t handler;
	uint32_t mask, flags, restorer;
};
struct context {
	uint16_t gs, gsh, fs, fsh, es, esh, ds, dsh;
	uint32_t di, si, bp, sp, bx, dx, cx, ax, trap, error, ip;
	uint16_t cs, csh;
	uint32_t flags, sp_at_signal;
	uint16_t ss, ssh;
	uint32_t fpstate, oldmask, cr2;
};
struct fpstate {
	uint32_t cw, sw, tag, ip, cs, data, ds;
	uint16_t st[8][5];
	uint16_t status, magic;
	uint8_t fxsave[512];
};
struct old_frame {
	uint32_t pretcode, signal;
	struct context context;
	uint8_t unused[624];
	uint32_t extra;
	uint8_t code[8];
};

static volatile uint32_t seen_sp, seen_ax, seen_dx, seen_cx, seen_pretcode, seen_mask, seen_extra, seen_magic, seen_tag;
static volatile uint16_t seen_cs, seen_ss, seen_ds, seen_gs;
static volatile uint32_t seen_code[2];
static volatile int count;

/* Called with the frame's address and the registers the handler began with. */
__attribute__((used, noinline)) static void look(struct old_frame *frame, uint32_t ax, uint32_t dx, uint32_t cx)
{
	struct fpstate *state = (struct fpstate *)frame->context.fpstate;
	seen_sp = (uintptr_t)frame;
	seen_ax = ax, seen_dx = dx, seen_cx = cx;
	seen_pretcode = frame->pretcode;
	seen_mask = frame->context.oldmask;
	seen_extra = frame->extra;
	seen_cs = frame->context.cs, seen_ss = frame->context.ss, seen_ds = frame->context.ds, seen_gs = frame->context.gs;
	seen_magic = state->magic;
	seen_tag = state->tag;
	memcpy((void *)seen_code, frame->code, 8);
	count++;
	/* What the handler changes counts. */
	frame->context.bx = 0xbbbbbbbb;
	frame->context.dx = 0xdddddddd;
	if (state->tag != 0xffffffff)
		state->st[0][4] = 0x4000; /* 1.0 becomes 2.0 */
}
void raw_handler(void);
__asm__(".text\nraw_handler:\n\tmov %esp, %esi\n\tpush %ecx\n\tpush %edx\n\tpush %eax\n\tpush %esi\n\tcall look\n\tadd $16, %esp\n\tret\n");

static int raise_raw(uint32_t *bx, uint32_t *dx, double *number)
{
	uint32_t pid = getpid();
	int result;
	double value = *number;
	__asm__ volatile("fldl %4\n\tint $0x80\n\tfstpl %4"
			 : "=a"(result), "=b"(*bx), "=d"(*dx)
			 : "0"(SYS_kill), "m"(value), "1"(pid), "c"(SIGUSR1)
			 : "esi", "edi", "memory");
	*number = value;
	return result;
}

CASE(the_old_frame)
{
	struct old_action action = {(uintptr_t)raw_handler, 1 << (SIGUSR2 - 1), 0, 0};
	sigset_t blocked;
	uint32_t bx, dx;
	double number = 1;
	OK(syscall(SYS_sigaction, SIGUSR1, &action, 0));
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGALRM);
	sigaddset(&blocked, 40);
	OK(sigprocmask(SIG_SETMASK, &blocked, 0));
	EQ(raise_raw(&bx, &dx, &number), 0);
	EQ(count, 1);
	EQ(bx, 0xbbbbbbbbu);
	EQ(dx, 0xddddddddu);
	EQ(number, 2);
	EQ((seen_sp + 4) % 16, 0);
	EQ(seen_ax, SIGUSR1);
	EQ(seen_dx, 0);
	EQ(seen_cx, 0);
	EQ(seen_mask, 1 << (SIGALRM - 1));
	EQ(seen_extra, 1 << (40 - 33));
	EQ(seen_cs, 0x23);
	EQ(seen_ss, 0x2b);
	EQ(seen_ds, 0x2b);
	EQ(seen_gs, 0x63);
	EQ(seen_magic, 0);
	EQ(seen_tag, 0xffff3fff);
	EQ(seen_code[0], 0x0077b858);
	EQ(seen_code[1], 0x80cd0000);
	uint32_t image = getauxval(AT_SYSINFO_EHDR);
	CHECK(seen_pretcode > image && seen_pretcode < image + 4096);
	EQ(memcmp((void *)seen_pretcode, "\x58\xb8\x77\0\0\0\xcd\x80", 8), 0);
	sigset_t now;
	OK(sigprocmask(SIG_SETMASK, 0, &now));
	EQ(sigismember(&now, SIGALRM), 1);
	EQ(sigismember(&now, 40), 1);
	EQ(sigismember(&now, SIGUSR2), 0);
}

static volatile ucontext_t *seen_context;
static void with_information(int number, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	seen_context = u;
	seen_ax = number;
	seen_dx = info->si_pid;
	seen_sp = (uintptr_t)__builtin_frame_address(0) + 4;
	seen_pretcode = *(uint32_t *)seen_sp;
	seen_cs = u->uc_mcontext.gregs[REG_CS];
	seen_tag = u->uc_flags;
	u->uc_mcontext.gregs[REG_EBX] = 0xb0b0b0b0;
	u->uc_mcontext.gregs[REG_EDX] = 0xd0d0d0d0;
	count++;
}

CASE(the_frame_with_information)
{
	struct kernel_action action = {(uintptr_t)with_information, SA_SIGINFO, 0, {0, 0}};
	uint32_t bx, dx;
	double number = 3;
	OK(syscall(SYS_rt_sigaction, SIGUSR1, &action, 0, 8));
	EQ(raise_raw(&bx, &dx, &number), 0);
	EQ(count, 1);
	EQ(bx, 0xb0b0b0b0u);
	EQ(dx, 0xd0d0d0d0u);
	EQ(number, 3);
	EQ(seen_ax, SIGUSR1);
	EQ(seen_dx, getpid());
	EQ((seen_sp + 4) % 16, 0);
	EQ(seen_cs, 0x23);
	EQ(seen_tag & 1, 1);
	EQ(memcmp((void *)seen_pretcode, "\xb8\xad\0\0\0\xcd\x80", 7), 0);
}

CASE(information_of_faults_and_children)
{
	struct sigaction action = {.sa_sigaction = with_information, .sa_flags = SA_SIGINFO | SA_RESETHAND};
	IN_CHILD({
		siginfo_t info;
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, SIGCHLD);
		sigaddset(&set, SIGRTMIN);
		OK(sigprocmask(SIG_BLOCK, &set, 0));
		pid_t child = fork();
		if (child == 0)
			_exit(5);
		EQ(sigwaitinfo(&set, &info), SIGCHLD);
		EQ(info.si_pid, child);
		EQ(info.si_status, 5);
		EQ(info.si_code, CLD_EXITED);
		OK(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 77}));
		EQ(sigwaitinfo(&set, &info), SIGRTMIN);
		EQ(info.si_value.sival_int, 77);
		EQ(info.si_pid, getpid());
	});
	OK(sigaction(SIGUSR2, &action, 0));
	OK(raise(SIGUSR2));
	EQ(count, 1);
}

static void fault_handler(int number, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	EQ(number, SIGSEGV);
	EQ(info->si_code, SEGV_MAPERR);
	EQ((uintptr_t)info->si_addr, 0x20);
	EQ(u->uc_mcontext.gregs[REG_TRAPNO], 14);
	EQ(u->uc_mcontext.gregs[REG_ERR], 6);
	EQ(u->uc_mcontext.cr2, 0x20);
	_exit(0);
}

CASE(a_fault_says_where)
{
	struct sigaction action = {.sa_sigaction = fault_handler, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGSEGV, &action, 0));
	*(volatile int *)0x20 = 1;
}

static char stack[65536];
static void on_other_stack(int number)
{
	char here;
	(void)number;
	CHECK(&here > stack && &here < stack + sizeof stack);
	stack_t now;
	OK(sigaltstack(0, &now));
	EQ(now.ss_flags, SS_ONSTACK);
	count++;
}

CASE(the_alternate_stack)
{
	stack_t other = {.ss_sp = stack, .ss_size = sizeof stack}, now;
	struct sigaction action = {.sa_handler = on_other_stack, .sa_flags = SA_ONSTACK};
	OK(sigaltstack(&other, 0));
	OK(sigaction(SIGUSR1, &action, 0));
	OK(raise(SIGUSR1));
	EQ(count, 1);
	OK(sigaltstack(0, &now));
	EQ(now.ss_flags, 0);
	EQ(now.ss_size, sizeof stack);
}

CASE(masks_of_32_signals)
{
	uint32_t set = 1 << (SIGUSR1 - 1), old = 0, pending = 0;
	sigset_t wide, now;
	sigemptyset(&wide);
	sigaddset(&wide, 50);
	OK(sigprocmask(SIG_SETMASK, &wide, 0));
	OK(syscall(SYS_sigprocmask, SIG_SETMASK, &set, &old));
	EQ(old, 0);
	OK(sigprocmask(SIG_SETMASK, 0, &now));
	EQ(sigismember(&now, 50), 1);
	EQ(sigismember(&now, SIGUSR1), 1);
	OK(raise(SIGUSR1));
	OK(syscall(SYS_sigpending, &pending));
	EQ(pending, 1 << (SIGUSR1 - 1));
	EQ(syscall(68), 1 << (SIGUSR1 - 1));
	ERR(syscall(SYS_sigprocmask, 9, &set, 0), EINVAL);
	ERR(syscall(SYS_sigprocmask, SIG_BLOCK, 16, 0), EFAULT);
	CATCH(SIGUSR1, 0);
	ERR(syscall(SYS_sigsuspend, 0, 0, 0), EINTR);
	EQ(syscall(69, 0), 1 << (SIGUSR1 - 1));
	OK(sigprocmask(SIG_SETMASK, 0, &now));
	EQ(sigismember(&now, 50), 0);
}

static void once(int number)
{
	(void)number;
	count++;
}

CASE(the_oldest_signal_call)
{
	IN_CHILD({
		EQ(syscall(SYS_signal, SIGUSR1, once), 0);
		OK(raise(SIGUSR1));
		EQ(count, 1);
		EQ(syscall(SYS_signal, SIGUSR1, 1), 0);
		EQ(syscall(SYS_signal, SIGUSR1, 0), 1);
		ERR(syscall(SYS_signal, SIGKILL, 1), EINVAL);
	});
}

static int wanted_fs;
static void with_a_selector(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_FS] = wanted_fs;
}

CASE(selectors_that_name_nothing_become_zero)
{
	static const int selectors[] = {0x1f, 7, 0xffff, 0x43, 0x53, 0x33, 0x1b, 0x10, 0x63, 0x2b};
	struct sigaction action = {.sa_sigaction = with_a_selector, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGUSR1, &action, 0));
	for (unsigned i = 0; i < sizeof selectors / sizeof *selectors; i++) {
		uint16_t fs;
		wanted_fs = selectors[i];
		OK(raise(SIGUSR1));
		__asm__ volatile("mov %%fs, %0" : "=r"(fs));
		OUT("%x becomes %x", selectors[i], fs);
	}
}

CASE(a_bad_frame_is_fatal)
{
	DIES(SIGSEGV, __asm__ volatile("mov $16, %%esp\n\tmov $119, %%eax\n\tint $0x80" ::: "memory"));
	DIES(SIGSEGV, __asm__ volatile("mov $16, %%esp\n\tmov $173, %%eax\n\tint $0x80" ::: "memory"));
}
#endif
