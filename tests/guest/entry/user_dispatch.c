/* prctl(2)'s PR_SET_SYSCALL_USER_DISPATCH: calls that become SIGSYS. */
#include "../check.h"
#include <linux/audit.h>
#include <sys/prctl.h>
#include <ucontext.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#ifndef SYS_USER_DISPATCH
#define SYS_USER_DISPATCH 2
#endif
#define OFF 0
#define ON 1
#define CALL_ALLOW 0
#define CALL_BLOCK 1

static volatile char selector;
static volatile int caught;
static siginfo_t seen;
static long result_register;
static void on_call(int number, siginfo_t *info, void *context)
{
	(void)number;
	selector = CALL_ALLOW;
	caught++;
	seen = *info;
	ucontext_t *user = context;
#ifdef __x86_64__
	result_register = user->uc_mcontext.gregs[REG_RAX];
	user->uc_mcontext.gregs[REG_RAX] = 4711;
#else
	result_register = user->uc_mcontext.gregs[REG_EAX];
	user->uc_mcontext.gregs[REG_EAX] = 4711;
#endif
}
static void catch_calls(void)
{
	struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGSYS, &action, 0));
}
static int dispatch(unsigned long mode, unsigned long start, unsigned long length, volatile char *byte)
{
	return prctl(PR_SET_SYSCALL_USER_DISPATCH, mode, start, length, byte);
}

CASE(a_blocked_call_is_a_signal)
{
	catch_calls();
	OK(dispatch(ON, 0, 0, &selector));
	long before = syscall(SYS_getppid);
	EQ(caught, 0);
	selector = CALL_BLOCK;
	long result = syscall(SYS_getppid);
	EQ(caught, 1);
	EQ(result, 4711);
	OUT("signal %d code %d errno %d call %d arch %x", seen.si_signo, seen.si_code, seen.si_errno, seen.si_syscall == SYS_getppid,
	    seen.si_arch);
	EQ(result_register, SYS_getppid);
	CHECK(seen.si_call_addr != 0);
	EQ(syscall(SYS_getppid), before);
	selector = CALL_BLOCK;
	EQ(syscall(SYS_getuid + 100000), 4711);
	EQ(caught, 2);
	OK(dispatch(OFF, 0, 0, 0));
	selector = CALL_BLOCK;
	EQ(syscall(SYS_getppid), before);
}
CASE(code_in_the_range_calls_as_ever)
{
	catch_calls();
	selector = CALL_BLOCK;
	OK(dispatch(ON, 0x1000, -0x2000UL, &selector));
	CHECK(syscall(SYS_getppid) > 0);
	EQ(caught, 0);
}
CASE(without_a_byte_every_call_is_a_signal)
{
	pid_t child = OK(fork());
	if (child == 0) {
		signal(SIGSYS, SIG_DFL);
		dispatch(ON, 0, 0, 0);
		syscall(SYS_exit_group, 5);
	}
	EQ(death_signal(child), SIGSYS);
}
CASE(other_values_of_the_byte_end_the_process)
{
	pid_t child = OK(fork());
	if (child == 0) {
		catch_calls();
		OK(dispatch(ON, 0, 0, &selector));
		selector = 2;
		syscall(SYS_getppid);
		_exit(5);
	}
	EQ(death_signal(child), SIGSYS);
}
CASE(a_byte_that_is_not_there_ends_the_process)
{
	pid_t child = OK(fork());
	if (child == 0) {
		char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		signal(SIGSEGV, do_nothing);
		OK(dispatch(ON, 0, 0, page));
		munmap(page, 4096);
		syscall(SYS_getppid);
		_exit(5);
	}
	EQ(death_signal(child), SIGSEGV);
}
CASE(what_is_refused)
{
	ERR(dispatch(2, 0, 0, 0), EINVAL);
	ERR(dispatch(OFF, 1, 0, 0), EINVAL);
	ERR(dispatch(OFF, 0, 1, 0), EINVAL);
	ERR(dispatch(OFF, 0, 0, &selector), EINVAL);
	ERR(dispatch(ON, 0x1000, 0, &selector), EINVAL);
	if (sizeof(long) == 8) {
		ERR(dispatch(ON, 0x1000, -0x1000UL, &selector), EINVAL);
		ERR(dispatch(ON, 0, 0, (char *)-4096L), EFAULT);
	}
	OK(dispatch(OFF, 0, 0, 0));
}
CASE(children_are_without_it)
{
	catch_calls();
	OK(dispatch(ON, 0, 0, &selector));
	pid_t child = OK(fork());
	if (child == 0) {
		selector = CALL_BLOCK;
		_exit(syscall(SYS_getppid) == 4711);
	}
	EQ(exit_code(child), 0);
	selector = CALL_BLOCK;
	EQ(syscall(SYS_getppid), 4711);
}
CASE(a_program_begins_without_it)
{
	pid_t child = OK(fork());
	if (child == 0) {
		OK(dispatch(ON, 0, 0, &selector));
		execl("/proc/self/exe", "user_dispatch", "what_is_refused", (char *)0);
		_exit(5);
	}
	EQ(WTERMSIG(wait_status(child)), 0);
}
#if defined(__x86_64__) && defined(__LP64__)
CASE(the_old_gate_counts_too)
{
	catch_calls();
	OK(dispatch(ON, 0, 0, &selector));
	selector = CALL_BLOCK;
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
	EQ(result, 4711);
	OUT("call %d arch %x", seen.si_syscall, seen.si_arch);
}
CASE(large_parts_of_the_state)
{
	unsigned long features = 0, permitted = 1, guest = 2;
	OK(syscall(SYS_arch_prctl, 0x1021, &features));
	OK(syscall(SYS_arch_prctl, 0x1022, &permitted));
	OK(syscall(SYS_arch_prctl, 0x1024, &guest));
	OUT("all %d, guest %d, low ones %lx", features == permitted, features == guest, features & 7);
	for (unsigned long part = 0; part < 24; part++) {
		errno = 0;
		long result = syscall(SYS_arch_prctl, 0x1023, part);
		OUT("%lu: %ld %s", part, result, errno_name(errno));
	}
	ERR(syscall(SYS_arch_prctl, 0x1025, 17), EOPNOTSUPP);
	ERR(syscall(SYS_arch_prctl, 0x1026, 0), EINVAL);
	ERR(syscall(SYS_arch_prctl, 0x1021, 8), EFAULT);
}
#endif
