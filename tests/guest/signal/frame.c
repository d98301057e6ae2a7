/* The frame a handler runs on: registers, FPU state, alternate stacks, the context it may change. */
#include "../check.h"
#include <setjmp.h>
#include <ucontext.h>

static volatile uintptr_t handler_stack;
static volatile int calls;

static void note_stack(int number)
{
	int here;
	(void)number;
	calls++;
	handler_stack = (uintptr_t)&here;
}

static char alternate_memory[65536];
static int on_alternate(uintptr_t address)
{
	return address >= (uintptr_t)alternate_memory &&
	       address < (uintptr_t)alternate_memory + sizeof alternate_memory;
}

CASE(SA_ONSTACK_runs_on_the_alternate_stack)
{
	stack_t stack = {.ss_sp = alternate_memory, .ss_size = sizeof alternate_memory};
	struct sigaction action = {.sa_handler = note_stack, .sa_flags = SA_ONSTACK};
	OK(sigaltstack(&stack, 0));
	OK(sigaction(SIGUSR1, &action, 0));
	raise(SIGUSR1);
	EQ(on_alternate(handler_stack), 1);
}

CASE(without_SA_ONSTACK_it_stays_on_the_normal_one)
{
	stack_t stack = {.ss_sp = alternate_memory, .ss_size = sizeof alternate_memory};
	OK(sigaltstack(&stack, 0));
	signal(SIGUSR1, note_stack);
	raise(SIGUSR1);
	EQ(on_alternate(handler_stack), 0);
}

CASE(sigaltstack_gives_back_and_disables)
{
	stack_t stack = {.ss_sp = alternate_memory, .ss_size = sizeof alternate_memory}, old;
	OK(sigaltstack(0, &old));
	EQ(old.ss_flags, SS_DISABLE);
	OK(sigaltstack(&stack, 0));
	OK(sigaltstack(0, &old));
	CHECK(old.ss_sp == alternate_memory);
	EQ(old.ss_size, sizeof alternate_memory);
	EQ(old.ss_flags, 0);
	stack.ss_flags = SS_DISABLE;
	OK(sigaltstack(&stack, 0));
	OK(sigaltstack(0, &old));
	EQ(old.ss_flags, SS_DISABLE);
}

CASE(sigaltstack_errors)
{
	stack_t stack = {.ss_sp = alternate_memory, .ss_size = 100};
	ERR(sigaltstack(&stack, 0), ENOMEM);
	stack.ss_size = sizeof alternate_memory;
	stack.ss_flags = 77;
	ERR(sigaltstack(&stack, 0), EINVAL);
	ERR(sigaltstack((stack_t *)16, 0), EFAULT);
	ERR(sigaltstack(0, (stack_t *)16), EFAULT);
}

static volatile int change_error, flags_inside;
static void change_stack(int number)
{
	stack_t stack = {.ss_sp = alternate_memory, .ss_size = sizeof alternate_memory}, old;
	(void)number;
	sigaltstack(0, &old);
	flags_inside = old.ss_flags;
	change_error = sigaltstack(&stack, 0) == -1 ? errno : 0;
}

CASE(sigaltstack_cannot_be_changed_while_in_use)
{
	stack_t stack = {.ss_sp = alternate_memory, .ss_size = sizeof alternate_memory};
	struct sigaction action = {.sa_handler = change_stack, .sa_flags = SA_ONSTACK};
	OK(sigaltstack(&stack, 0));
	OK(sigaction(SIGUSR1, &action, 0));
	raise(SIGUSR1);
	EQ(flags_inside, SS_ONSTACK);
	EQ(change_error, EPERM);
}

static sigjmp_buf back;
static void leave(int number)
{
	siglongjmp(back, number);
}

static volatile int sink;
#pragma GCC diagnostic ignored "-Winfinite-recursion"
static int overflow(int n)
{
	volatile char frame[4096];
	frame[0] = n;
	sink += frame[0];
	return overflow(n + 1) + frame[0];
}

CASE(stack_overflow_is_caught_on_the_alternate_stack)
{
	stack_t stack = {.ss_sp = alternate_memory, .ss_size = sizeof alternate_memory};
	struct sigaction action = {.sa_handler = leave, .sa_flags = SA_ONSTACK};
	OK(sigaltstack(&stack, 0));
	OK(sigaction(SIGSEGV, &action, 0));
	int number = sigsetjmp(back, 1);
	if (number == 0)
		overflow(0);
	EQ(number, SIGSEGV);
}

CASE(stack_overflow_without_one_kills)
{
	signal(SIGSEGV, note_stack);
	DIES(SIGSEGV, overflow(0));
}

CASE(bad_stack_pointer_at_delivery_kills)
{
#ifdef __x86_64__
	signal(SIGUSR1, note_stack);
	DIES(SIGSEGV, {
		pid_t me = getpid();
		__asm__ volatile("mov $0x1000, %%rsp\n\tsyscall\n\tud2" ::"a"(SYS_kill), "D"(me), "S"(SIGUSR1) : "rcx", "r11", "memory");
	});
#else
	SKIP("written for 64-bit code");
#endif
}

#ifdef __x86_64__
static void spoil_vectors(int number)
{
	(void)number;
	calls++;
	__asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n\tmovdqa %%xmm0, %%xmm7\n\tmovdqa %%xmm0, %%xmm15\n\tfninit\n\tfldz" ::
				 : "xmm0", "xmm7", "xmm15");
}

CASE(vector_and_x87_registers_survive_a_handler)
{
	uint64_t values[4] = {0x1122334455667788, 0x99aabbccddeeff00, 0x0123456789abcdef, 0xfedcba9876543210}, after[4] = {0};
	double before = 2.5, popped = 0;
	signal(SIGUSR1, spoil_vectors);
	pid_t me = getpid();
	__asm__ volatile("movdqu (%[in]), %%xmm7\n\tmovdqu 16(%[in]), %%xmm15\n\tfldl %[before]\n\t"
			 "mov %[number], %%eax\n\tmov %[me], %%edi\n\tmov %[signal], %%esi\n\tsyscall\n\t"
			 "movdqu %%xmm7, (%[out])\n\tmovdqu %%xmm15, 16(%[out])\n\tfstpl %[popped]"
			 : [popped] "=m"(popped)
			 : [in] "r"(values), [out] "r"(after), [before] "m"(before), [number] "i"(SYS_kill), [me] "r"(me),
			   [signal] "i"(SIGUSR1)
			 : "rax", "rdi", "rsi", "rcx", "r11", "xmm7", "xmm15", "memory");
	EQ(calls, 1);
	EQ(memcmp(values, after, sizeof values), 0);
	CHECK(popped == 2.5);
}

CASE(upper_halves_of_ymm_survive_a_handler)
{
	if (!__builtin_cpu_supports("avx"))
		SKIP("no AVX");
	uint64_t values[4] = {1, 2, 3, 4}, after[4] = {0};
	signal(SIGUSR1, spoil_vectors);
	pid_t me = getpid();
	__asm__ volatile("vmovdqu (%[in]), %%ymm7\n\t"
			 "mov %[number], %%eax\n\tmov %[me], %%edi\n\tmov %[signal], %%esi\n\tsyscall\n\t"
			 "vmovdqu %%ymm7, (%[out])\n\tvzeroupper" ::[in] "r"(values),
			 [out] "r"(after), [number] "i"(SYS_kill), [me] "r"(me), [signal] "i"(SIGUSR1)
			 : "rax", "rdi", "rsi", "rcx", "r11", "xmm7", "memory");
	EQ(calls, 1);
	EQ(memcmp(values, after, sizeof values), 0);
}

static void change_context(int number, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	(void)number;
	(void)info;
	user->uc_mcontext.gregs[REG_RIP] += 2; /* over the ud2 */
	user->uc_mcontext.gregs[REG_RBX] = 0x5555;
}

CASE(handler_may_change_the_registers)
{
	struct sigaction action = {.sa_sigaction = change_context, .sa_flags = SA_SIGINFO};
	uint64_t rbx = 1;
	OK(sigaction(SIGILL, &action, 0));
	__asm__ volatile("ud2" : "+b"(rbx));
	EQ(rbx, 0x5555);
}

static volatile uint64_t segment_registers, eflags_seen, trap_number, fault_address, error_code;
static void read_context(int number, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	(void)info;
	segment_registers = user->uc_mcontext.gregs[REG_CSGSFS];
	eflags_seen = user->uc_mcontext.gregs[REG_EFL];
	trap_number = user->uc_mcontext.gregs[REG_TRAPNO];
	error_code = user->uc_mcontext.gregs[REG_ERR];
	fault_address = user->uc_mcontext.gregs[REG_CR2];
	siglongjmp(back, number);
}

CASE(context_tells_trap_error_code_and_address)
{
	struct sigaction action = {.sa_sigaction = read_context, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGSEGV, &action, 0));
	if (sigsetjmp(back, 1) == 0)
		*(volatile int *)0x4320 = 1;
	OUT("trap %lu error %lu address 0x%lx cs 0x%lx", trap_number, error_code, fault_address,
	    segment_registers & 0xffff);
}

CASE(context_holds_the_mask_and_the_stack)
{
	/* uc_sigmask is the mask before the handler: changing it changes the mask after. */
	EQ(sizeof(((ucontext_t *)0)->uc_mcontext.gregs), 23 * 8);
}

static void change_mask(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGHUP);
}

CASE(mask_in_the_context_is_restored_from)
{
	struct sigaction action = {.sa_sigaction = change_mask, .sa_flags = SA_SIGINFO};
	sigset_t now;
	OK(sigaction(SIGUSR1, &action, 0));
	raise(SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, 0, &now));
	EQ(sigismember(&now, SIGHUP), 1);
}

static void hostile_context(int number, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	(void)number;
	(void)info;
	user->uc_mcontext.gregs[REG_RIP] = 0x8000000000000000;
}

CASE(sigreturn_to_a_non_canonical_address_kills)
{
	struct sigaction action = {.sa_sigaction = hostile_context, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGUSR1, &action, 0));
	DIES(SIGSEGV, raise(SIGUSR1));
}

static void kernel_context(int number, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	(void)number;
	(void)info;
	user->uc_mcontext.gregs[REG_CSGSFS] = 0x10; /* a kernel selector: Linux forces ring 3 */
	user->uc_mcontext.gregs[REG_EFL] |= 0x3000;  /* IOPL 3: ignored */
}

CASE(sigreturn_cannot_raise_privilege)
{
	struct sigaction action = {.sa_sigaction = kernel_context, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGUSR1, &action, 0));
	pid_t child = OK(fork());
	if (child == 0) {
		raise(SIGUSR1);
		_exit(3);
	}
	OUT("status word 0x%x", wait_status(child));
}

static void wild_fpu(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	((ucontext_t *)context)->uc_mcontext.fpregs = (fpregset_t)0x1000;
}

CASE(sigreturn_with_a_wild_fpu_pointer_kills)
{
	struct sigaction action = {.sa_sigaction = wild_fpu, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGUSR1, &action, 0));
	DIES(SIGSEGV, raise(SIGUSR1));
}

static void bad_mxcsr(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	((ucontext_t *)context)->uc_mcontext.fpregs->mxcsr = 0xffffffff;
}

CASE(sigreturn_with_reserved_mxcsr_bits_does_not_harm_the_kernel)
{
	struct sigaction action = {.sa_sigaction = bad_mxcsr, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGUSR1, &action, 0));
	pid_t child = OK(fork());
	if (child == 0) {
		raise(SIGUSR1);
		_exit(3);
	}
	int status = wait_status(child);
	NOTE("status word 0x%x", status);
	CHECK(status == 0x300 || status == SIGSEGV);
}

CASE(sigreturn_without_a_frame_kills)
{
	DIES(SIGSEGV, __asm__ volatile("mov $0x1000, %%rsp\n\tmov $15, %%eax\n\tsyscall\n\tud2" ::: "rax", "rcx", "r11"));
}

CASE(red_zone_is_kept)
{
	uint64_t value = 0x77, after = 0;
	signal(SIGUSR1, note_stack);
	pid_t me = getpid();
	__asm__ volatile("mov %[value], -120(%%rsp)\n\tmov %[number], %%eax\n\tmov %[me], %%edi\n\tmov %[signal], %%esi\n\tsyscall\n\t"
			 "mov -120(%%rsp), %[after]"
			 : [after] "=r"(after)
			 : [value] "r"(value), [number] "i"(SYS_kill), [me] "r"(me), [signal] "i"(SIGUSR1)
			 : "rax", "rdi", "rsi", "rcx", "r11", "memory");
	EQ(calls, 1);
	EQ(after, 0x77);
}

static volatile uint64_t flags_in_handler;
static void read_flags(int number)
{
	(void)number;
	uint64_t flags;
	__asm__ volatile("pushfq; pop %0" : "=r"(flags));
	flags_in_handler = flags;
}

CASE(direction_flag_is_clear_in_a_handler)
{
	signal(SIGUSR1, read_flags);
	pid_t me = getpid();
	__asm__ volatile("std\n\tsyscall\n\tcld" ::"a"(SYS_kill), "D"(me), "S"(SIGUSR1) : "rcx", "r11", "memory");
	EQ(flags_in_handler & 0x400, 0);
}
#endif
