/* sigaction(2): dispositions, the SA_ flags, and what a handler is given. */
#include "../check.h"
#include <setjmp.h>
#include <ucontext.h>

static volatile int calls, last, depth, deepest;
static siginfo_t last_info;
static sigset_t mask_inside;

static void count(int number)
{
	calls++;
	last = number;
	sigprocmask(SIG_BLOCK, 0, &mask_inside);
}

static void with_info(int number, siginfo_t *info, void *context)
{
	calls++;
	last = number;
	last_info = *info;
	CHECK(context != 0);
}

CASE(handler_gets_the_number)
{
	signal(SIGUSR1, count);
	OK(raise(SIGUSR1));
	EQ(calls, 1);
	EQ(last, SIGUSR1);
}

CASE(every_catchable_signal_can_be_caught)
{
	for (int number = 1; number <= 64; number++) {
		struct sigaction action = {.sa_handler = count};
		if (number == SIGKILL || number == SIGSTOP || number == 32 || number == 33)
			continue;
		OK(sigaction(number, &action, 0));
		calls = 0;
		OK(kill(getpid(), number));
		EQ(calls, 1);
		EQ(last, number);
	}
}

CASE(KILL_and_STOP_cannot_be_caught)
{
	struct sigaction action = {.sa_handler = count}, old;
	ERR(sigaction(SIGKILL, &action, 0), EINVAL);
	ERR(sigaction(SIGSTOP, &action, 0), EINVAL);
	OK(sigaction(SIGKILL, 0, &old));
	CHECK(old.sa_handler == SIG_DFL);
}

CASE(bad_numbers_are_EINVAL)
{
	struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } raw = {0};
	ERR(syscall(SYS_rt_sigaction, 0, 0, &raw, 8), EINVAL);
	ERR(syscall(SYS_rt_sigaction, 65, 0, &raw, 8), EINVAL);
	ERR(syscall(SYS_rt_sigaction, -1, 0, &raw, 8), EINVAL);
	ERR(syscall(SYS_rt_sigaction, SIGUSR1, 0, &raw, 4), EINVAL);
	ERR(syscall(SYS_rt_sigaction, SIGUSR1, 0, &raw, 16), EINVAL);
}

CASE(wild_pointers_are_EFAULT)
{
	ERR(syscall(SYS_rt_sigaction, SIGUSR1, 16L, 0, 8), EFAULT);
	ERR(syscall(SYS_rt_sigaction, SIGUSR1, 0, 16L, 8), EFAULT);
	ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 16L, 0, 8), EFAULT);
	ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, 16L, 8), EFAULT);
	ERR(syscall(SYS_rt_sigpending, 16L, 8), EFAULT);
	ERR(syscall(SYS_rt_sigsuspend, 16L, 8), EFAULT);
}

CASE(old_action_is_given_back)
{
	struct sigaction action = {.sa_sigaction = with_info, .sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER}, old;
	sigaddset(&action.sa_mask, SIGHUP);
	OK(sigaction(SIGUSR1, &action, 0));
	OK(sigaction(SIGUSR1, 0, &old));
	CHECK(old.sa_sigaction == with_info);
	OUT("flags 0x%x", old.sa_flags & ~0x04000000);
	EQ(sigismember(&old.sa_mask, SIGHUP), 1);
	EQ(sigismember(&old.sa_mask, SIGINT), 0);
}

CASE(unknown_flags_are_cleared)
{
	struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } raw = {0}, old = {0};
	raw.handler = SIG_IGN;
	raw.flags = 0x00ffff00UL | SA_RESTART;
	OK(syscall(SYS_rt_sigaction, SIGUSR1, &raw, 0, 8));
	OK(syscall(SYS_rt_sigaction, SIGUSR1, 0, &old, 8));
	OUT("flags 0x%lx", old.flags);
}

CASE(own_signal_is_blocked_in_the_handler)
{
	signal(SIGUSR1, count);
	raise(SIGUSR1);
	EQ(sigismember(&mask_inside, SIGUSR1), 1);
	EQ(sigismember(&mask_inside, SIGUSR2), 0);
}

CASE(SA_NODEFER_does_not_block_it)
{
	struct sigaction action = {.sa_handler = count, .sa_flags = SA_NODEFER};
	OK(sigaction(SIGUSR1, &action, 0));
	raise(SIGUSR1);
	EQ(sigismember(&mask_inside, SIGUSR1), 0);
}

CASE(sa_mask_is_blocked_in_the_handler_and_restored)
{
	struct sigaction action = {.sa_handler = count};
	sigset_t after;
	sigaddset(&action.sa_mask, SIGHUP);
	OK(sigaction(SIGUSR1, &action, 0));
	raise(SIGUSR1);
	EQ(sigismember(&mask_inside, SIGHUP), 1);
	OK(sigprocmask(SIG_BLOCK, 0, &after));
	EQ(sigismember(&after, SIGHUP), 0);
	EQ(sigismember(&after, SIGUSR1), 0);
}

static void recurse(int number)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (++calls < 3)
		raise(number);
	depth--;
}

CASE(SA_NODEFER_handlers_nest)
{
	struct sigaction action = {.sa_handler = recurse, .sa_flags = SA_NODEFER};
	OK(sigaction(SIGUSR1, &action, 0));
	raise(SIGUSR1);
	EQ(deepest, 3);
	EQ(depth, 0);
}

CASE(without_SA_NODEFER_it_comes_after_the_handler)
{
	signal(SIGUSR1, recurse);
	raise(SIGUSR1);
	EQ(deepest, 1);
	EQ(calls, 3);
}

CASE(SA_RESETHAND_works_once)
{
	struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESETHAND}, old;
	OK(sigaction(SIGUSR1, &action, 0));
	raise(SIGUSR1);
	EQ(calls, 1);
	OK(sigaction(SIGUSR1, 0, &old));
	CHECK(old.sa_handler == SIG_DFL);
	DIES(SIGUSR1, raise(SIGUSR1));
}

CASE(ignored_signals_vanish)
{
	sigset_t set;
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	OK(sigpending(&set));
	EQ(sigismember(&set, SIGUSR1), 0);
}

CASE(ignoring_discards_what_is_pending)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	raise(SIGUSR1);
	signal(SIGUSR1, SIG_IGN);
	OK(sigpending(&set));
	EQ(sigismember(&set, SIGUSR1), 0);
}

CASE(default_ignored_signals_do_nothing)
{
	raise(SIGCHLD);
	raise(SIGURG);
	raise(SIGWINCH);
	raise(SIGCONT);
}

CASE(default_action_of_every_signal)
{
	for (int number = 1; number <= 64; number++) {
		int status;
		if (number == 32 || number == 33)
			continue;
		pid_t child = OK(fork());
		if (child == 0) {
			OK(kill(getpid(), number));
			_exit(0);
		}
		EQ(OK(waitpid(child, &status, WUNTRACED)), child);
		OUT("signal %d: status word 0x%x", number, status);
		if (WIFSTOPPED(status)) {
			OK(kill(child, SIGKILL));
			wait_status(child);
		}
	}
}

CASE(siginfo_of_kill)
{
	struct sigaction action = {.sa_sigaction = with_info, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGUSR1, &action, 0));
	OK(kill(getpid(), SIGUSR1));
	EQ(last_info.si_pid, getpid());
	EQ(last_info.si_uid, getuid());
	OUT("signo %d code %d errno %d", last_info.si_signo, last_info.si_code, last_info.si_errno);
}

CASE(siginfo_of_tgkill)
{
	struct sigaction action = {.sa_sigaction = with_info, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGUSR1, &action, 0));
	OK(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1));
	EQ(last_info.si_pid, getpid());
	OUT("code %d", last_info.si_code);
}

CASE(siginfo_of_sigqueue)
{
	struct sigaction action = {.sa_sigaction = with_info, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGUSR1, &action, 0));
	OK(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 4711}));
	OUT("code %d value %d", last_info.si_code, last_info.si_value.sival_int);
}

static sigjmp_buf back;
static void jump_back(int number, siginfo_t *info, void *context)
{
	(void)context;
	last_info = *info;
	siglongjmp(back, number);
}

#define FAULT(signal_number, statement)                                                                                \
	do {                                                                                                           \
		struct sigaction action_ = {.sa_sigaction = jump_back, .sa_flags = SA_SIGINFO};                        \
		OK(sigaction(signal_number, &action_, 0));                                                             \
		if (sigsetjmp(back, 1) == 0) {                                                                         \
			statement;                                                                                     \
			FAIL("no signal from %s", #statement);                                                         \
		}                                                                                                      \
	} while (0)

CASE(siginfo_of_an_unmapped_address)
{
	FAULT(SIGSEGV, *(volatile int *)0x1234 = 1);
	OUT("code %d address %p", last_info.si_code, last_info.si_addr);
}

CASE(siginfo_of_a_protected_address)
{
	char *page = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FAULT(SIGSEGV, *(volatile char *)(page + 5) = 1);
	EQ(last_info.si_addr, page + 5);
	OUT("code %d", last_info.si_code);
}

CASE(siginfo_of_a_non_canonical_address)
{
#ifdef __LP64__
	FAULT(SIGSEGV, *(volatile int *)0x1234567812345678 = 1);
	OUT("code %d address %p", last_info.si_code, last_info.si_addr);
#else
	SKIP("64-bit addresses only");
#endif
}

CASE(siginfo_of_a_kernel_address)
{
#ifdef __LP64__
	FAULT(SIGSEGV, (void)*(volatile int *)0xffffffff81000000);
	OUT("code %d address %p", last_info.si_code, last_info.si_addr);
#else
	SKIP("64-bit addresses only");
#endif
}

CASE(siginfo_of_a_division_by_zero)
{
	volatile int zero = 0;
	FAULT(SIGFPE, OUT("%d", 10 / zero));
	CHECK(last_info.si_addr != 0);
	OUT("code %d", last_info.si_code);
}

CASE(siginfo_of_an_integer_overflow)
{
	volatile int low = INT_MIN, minus = -1;
	FAULT(SIGFPE, OUT("%d", low / minus));
	OUT("code %d", last_info.si_code);
}

CASE(siginfo_of_an_undefined_instruction)
{
	FAULT(SIGILL, __asm__ volatile("ud2"));
	CHECK(last_info.si_addr != 0);
	OUT("code %d", last_info.si_code);
}

CASE(siginfo_of_a_breakpoint)
{
	struct sigaction action = {.sa_sigaction = with_info, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGTRAP, &action, 0));
	__asm__ volatile("int3");
	EQ(calls, 1);
	OUT("code %d address %p", last_info.si_code, last_info.si_addr);
}

CASE(siginfo_of_a_single_step)
{
#ifdef __x86_64__
	struct sigaction action = {.sa_sigaction = jump_back, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGTRAP, &action, 0));
	if (sigsetjmp(back, 1) == 0) {
		__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" ::: "memory", "cc");
		FAIL("no trap");
	}
	OUT("code %d", last_info.si_code);
#else
	SKIP("written for 64-bit code");
#endif
}

CASE(siginfo_of_a_privileged_instruction)
{
	FAULT(SIGSEGV, __asm__ volatile("hlt"));
	OUT("code %d address %p", last_info.si_code, last_info.si_addr);
}

CASE(siginfo_beyond_the_end_of_a_file)
{
	enter_scratch();
	int fd = OK(open("f", O_CREAT | O_RDWR, 0600));
	EQ(write(fd, "x", 1), 1);
	char *map = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	FAULT(SIGBUS, map[4096] = 1);
	EQ(last_info.si_addr, map + 4096);
	OUT("code %d", last_info.si_code);
}

CASE(a_blocked_fault_kills)
{
	sigset_t set;
	sigfillset(&set);
	signal(SIGSEGV, count);
	DIES(SIGSEGV, {
		sigprocmask(SIG_BLOCK, &set, 0);
		*(volatile int *)0 = 1;
	});
}

CASE(an_ignored_fault_kills)
{
	signal(SIGSEGV, SIG_IGN);
	DIES(SIGSEGV, *(volatile int *)0 = 1);
}

CASE(a_fault_in_the_fault_handler_kills)
{
	signal(SIGSEGV, (void (*)(int))(void *)0x10);
	DIES(SIGSEGV, *(volatile int *)0 = 1);
}
