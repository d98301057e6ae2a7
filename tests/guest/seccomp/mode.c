/* seccomp(2): the modes, who may set them, what they give for each action, queries. */
#include "common.h"
#include <linux/ptrace.h>

#define CASES_ARE_CHILDREN
static void no_new_privileges(void)
{
	OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

CASE(strict_mode_allows_four_calls)
{
	int ends[2];
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		if (syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) != 0)
			_exit(1);
		write(ends[1], "x", 1);
		char byte;
		read(ends[0], &byte, 1);
		syscall(SYS_exit, 5);
	}
	EQ(exit_code(child), 5);
}

CASE(strict_mode_kills_by_SIGKILL)
{
	DIES(SIGKILL, seccomp(SECCOMP_SET_MODE_STRICT, 0, 0); syscall(SYS_getpid));
	DIES(SIGKILL, seccomp(SECCOMP_SET_MODE_STRICT, 0, 0); syscall(SYS_exit_group, 0));
	DIES(SIGKILL, seccomp(SECCOMP_SET_MODE_STRICT, 0, 0); syscall(SYS_prctl, PR_GET_SECCOMP));
	DIES(SIGKILL, seccomp(SECCOMP_SET_MODE_STRICT, 0, 0); syscall(3000));
}

CASE(strict_mode_returns_from_handlers)
{
	pid_t child = OK(fork());
	if (child == 0) {
		signal(SIGSEGV, do_nothing);
		CATCH(SIGALRM, 0);
		alarm_ms(20);
		seccomp(SECCOMP_SET_MODE_STRICT, 0, 0);
		char byte;
		int n = read(0, &byte, 0);
		for (volatile long i = 0; i < 200000000; i++) {
		}
		syscall(SYS_exit, n);
	}
	EQ(exit_code(child), 0);
}

CASE(operations_are_checked)
{
	ERR(seccomp(99, 0, 0), EINVAL);
	ERR(seccomp(SECCOMP_SET_MODE_STRICT, 1, 0), EINVAL);
	ERR(seccomp(SECCOMP_SET_MODE_STRICT, 0, (void *)1), EINVAL);
	ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0x40, 0), EINVAL);
	ERR(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_NEW_LISTENER, 0), EINVAL);
	ERR(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, 0), EINVAL);
	ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, 0), EFAULT);
	ERR(prctl(PR_SET_SECCOMP, 3, 0, 0, 0), EINVAL);
	ERR(prctl(PR_SET_SECCOMP, 0, 0, 0, 0), EINVAL);
	EQ(prctl(PR_GET_SECCOMP), 0);
}

CASE(actions_and_sizes_can_be_asked_for)
{
	unsigned known[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO,
			    SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, SECCOMP_RET_LOG, SECCOMP_RET_ALLOW};
	for (unsigned i = 0; i < 8; i++)
		OK(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &known[i]));
	unsigned unknown = 0x7ffd0000;
	ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &unknown), EOPNOTSUPP);
	unknown = SECCOMP_RET_ERRNO | 1;
	ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &unknown), EOPNOTSUPP);
	ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 1, &known[0]), EINVAL);
	ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, 0), EFAULT);
	struct seccomp_notif_sizes sizes;
	OK(seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes));
	EQ(sizes.seccomp_notif, sizeof(struct seccomp_notif));
	EQ(sizes.seccomp_notif_resp, sizeof(struct seccomp_notif_resp));
	EQ(sizes.seccomp_data, sizeof(struct seccomp_data));
	ERR(seccomp(SECCOMP_GET_NOTIF_SIZES, 1, &sizes), EINVAL);
	ERR(seccomp(SECCOMP_GET_NOTIF_SIZES, 0, 0), EFAULT);
	char text[256];
	CHECK(read_file("/proc/sys/kernel/seccomp/actions_avail", text, sizeof text) > 0);
	STR_EQ(text, "kill_process kill_thread trap errno user_notif trace log allow\n");
}

CASE(users_need_no_new_privileges)
{
	OK(setresuid(1000, 1000, 1000));
	ERR(filter_call(0, SYS_getppid, SECCOMP_RET_ERRNO), EACCES);
	no_new_privileges();
	OK(filter_call(0, SYS_getppid, SECCOMP_RET_ERRNO | EXDEV));
	ERR(syscall(SYS_getppid), EXDEV);
}

CASE(errno_action)
{
	OK(filter_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 1234));
	EQ(syscall(SYS_getppid), -1);
	EQ(errno, 1234);
	OK(filter_call(0, SYS_getuid, SECCOMP_RET_ERRNO | 0));
	EQ(syscall(SYS_getuid), 0);
	OK(filter_call(0, SYS_getgid, SECCOMP_RET_ERRNO | 0xffff));
	EQ(syscall(SYS_getgid), -1);
	EQ(errno, 4095);
	EQ(prctl(PR_GET_SECCOMP), 2);
	EQ(status_number(getpid(), "Seccomp:"), 2);
	EQ(status_number(getpid(), "Seccomp_filters:"), 3);
}

CASE(the_data_a_filter_sees)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 9),
		NUMBER,
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 7),
		ARGUMENT(0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x55667788, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]) + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x11223344, 0, 3),
		ARGUMENT(5),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6, 0, 1),
		RETURN(SECCOMP_RET_ERRNO | EL2HLT),
		RETURN(SECCOMP_RET_ALLOW),
	};
	OK(install(0, code, 12));
	EQ(syscall(SYS_getppid), getppid());
	EQ(syscall(SYS_getppid, 0x1122334455667788, 2, 3, 4, 5, 7), getppid());
	ERR(syscall(SYS_getppid, 0x1122334455667788, 2, 3, 4, 5, 6), EL2HLT);
}

CASE(numbers_that_do_not_exist_are_judged)
{
	OK(filter_call(0, 5000, SECCOMP_RET_ERRNO | EL3HLT));
	ERR(syscall(5000), EL3HLT);
	ERR(syscall(5001), ENOSYS);
	OK(filter_call(0, -7, SECCOMP_RET_ERRNO | EL3RST));
	ERR(syscall(-7), EL3RST);
}

CASE(the_strictest_action_counts)
{
	OK(filter_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 11));
	OK(filter_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 22));
	/* Of equals the newest. */
	EQ(syscall(SYS_getppid), -1);
	EQ(errno, 22);
	OK(filter_call(0, SYS_getppid, SECCOMP_RET_ALLOW));
	OK(filter_call(0, SYS_getppid, SECCOMP_RET_TRACE));
	OK(filter_call(0, SYS_getppid, SECCOMP_RET_LOG));
	EQ(syscall(SYS_getppid), -1);
	EQ(errno, 22);
	OK(filter_call(0, SYS_getppid, SECCOMP_RET_TRAP));
	DIES(SIGSYS, syscall(SYS_getppid));
}

static siginfo_t got;
static unsigned long rax, rip;
static void on_trap(int number, siginfo_t *info, void *context)
{
	(void)number;
	got = *info;
	ucontext_t *state = context;
	rax = state->uc_mcontext.gregs[13];
	rip = state->uc_mcontext.gregs[16];
	state->uc_mcontext.gregs[13] = 4321;
}

CASE(trap_action)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGSYS, &action, 0));
	OK(filter_call(0, SYS_getppid, SECCOMP_RET_TRAP | 0x123));
	EQ(syscall(SYS_getppid), 4321);
	EQ(got.si_signo, SIGSYS);
	EQ(got.si_code, SYS_SECCOMP);
	EQ(got.si_errno, 0x123);
	EQ(got.si_syscall, SYS_getppid);
	EQ(got.si_arch, AUDIT_ARCH_X86_64);
	EQ((unsigned long)got.si_call_addr, rip);
	EQ(rax, SYS_getppid);
}

CASE(a_blocked_trap_kills)
{
	DIES(SIGSYS, {
		sigset_t set;
		sigfillset(&set);
		signal(SIGSYS, do_nothing);
		sigprocmask(SIG_BLOCK, &set, 0);
		filter_call(0, SYS_getppid, SECCOMP_RET_TRAP);
		syscall(SYS_getppid);
	});
	DIES(SIGSYS, {
		signal(SIGSYS, SIG_IGN);
		filter_call(0, SYS_getppid, SECCOMP_RET_TRAP);
		syscall(SYS_getppid);
	});
}

CASE(kill_process_action)
{
	DIES(SIGSYS, {
		signal(SIGSYS, do_nothing);
		filter_call(0, SYS_getppid, SECCOMP_RET_KILL_PROCESS);
		syscall(SYS_getppid);
	});
	DIES(SIGSYS, {
		filter_call(0, SYS_getppid, SECCOMP_RET_KILL_THREAD);
		syscall(SYS_getppid);
	});
	/* What is not known kills. */
	DIES(SIGSYS, {
		filter_call(0, SYS_getppid, 0x00010000);
		syscall(SYS_getppid);
	});
	DIES(SIGSYS, {
		filter_call(0, SYS_getppid, 0xf0000000);
		syscall(SYS_getppid);
	});
}

static void *calls_getppid(void *argument)
{
	syscall(SYS_getppid);
	*(volatile int *)argument = 1;
	return 0;
}

CASE(kill_thread_action_ends_one_thread)
{
	pid_t child = OK(fork());
	if (child == 0) {
		int ran_on = 0;
		pthread_t thread;
		OK(filter_call(0, SYS_getppid, SECCOMP_RET_KILL_THREAD));
		OK(pthread_create(&thread, 0, calls_getppid, &ran_on));
		pthread_join(thread, 0);
		_exit(ran_on ? 1 : 7);
	}
	EQ(exit_code(child), 7);
}

CASE(kill_process_action_ends_all_threads)
{
	DIES(SIGSYS, {
		int ran_on = 0;
		pthread_t thread;
		filter_call(0, SYS_getppid, SECCOMP_RET_KILL_PROCESS);
		pthread_create(&thread, 0, calls_getppid, &ran_on);
		pthread_join(thread, 0);
	});
}

CASE(trace_action_without_a_tracer_is_ENOSYS)
{
	OK(filter_call(0, SYS_getppid, SECCOMP_RET_TRACE | 5));
	ERR(syscall(SYS_getppid), ENOSYS);
}

CASE(user_notification_without_a_listener_is_ENOSYS)
{
	OK(filter_call(0, SYS_getppid, SECCOMP_RET_USER_NOTIF));
	ERR(syscall(SYS_getppid), ENOSYS);
}

CASE(filters_survive_fork_and_exec)
{
	OK(filter_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 77));
	IN_CHILD({
		EQ(syscall(SYS_getppid), -1);
		EQ(errno, 77);
		EQ(status_number(getpid(), "Seccomp_filters:"), 1);
		OK(filter_call(0, SYS_getuid, SECCOMP_RET_ERRNO | 78));
	});
	/* The child's own is the child's. */
	EQ(status_number(getpid(), "Seccomp_filters:"), 1);
	OK(setenv("LSTAR_SECCOMP_EXEC", "1", 1));
	pid_t child = OK(fork());
	if (child == 0) {
		execl("/proc/self/exe", "mode", "again_after_exec", (char *)0);
		_exit(1);
	}
	EQ(exit_code(child), 0);
}

CASE(again_after_exec)
{
	if (getenv("LSTAR_SECCOMP_EXEC")) {
		EQ(status_number(getpid(), "Seccomp:"), 2);
		EQ(syscall(SYS_getppid), -1);
		EQ(errno, 77);
	}
}

CASE(modes_do_not_change)
{
	OK(filter_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 77));
	ERR(seccomp(SECCOMP_SET_MODE_STRICT, 0, 0), EINVAL);
	ERR(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0), EINVAL);
	OK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PROGRAM(((struct sock_filter[])ONE_CALL(SYS_getppid, 0x50001)))));
}

CASE(a_filter_may_forbid_filters)
{
	OK(filter_call(0, SYS_seccomp, SECCOMP_RET_ERRNO | EPERM));
	ERR(filter_call(0, SYS_getppid, SECCOMP_RET_ALLOW), EPERM);
}

CASE(there_is_a_limit)
{
	static struct sock_filter code[BPF_MAXINSNS];
	for (int i = 0; i < BPF_MAXINSNS; i++)
		code[i] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	int count = 0;
	while (install(0, code, BPF_MAXINSNS) == 0 && count < 100)
		count++;
	EQ(errno, ENOMEM);
	OUT("%d filters of 4096 instructions", count);
	int small = 0;
	while (install(0, code, 1) == 0 && small < 10000)
		small++;
	EQ(errno, ENOMEM);
	OUT("%d filters of 1 instruction after them", small);
}

CASE(long_chains_end_well)
{
	IN_CHILD({
		struct sock_filter code[] = {RETURN(SECCOMP_RET_ALLOW)};
		for (int i = 0; i < 3000; i++)
			OK(install(0, code, 1));
		EQ(status_number(getpid(), "Seccomp_filters:"), 3000);
	});
}

CASE(programs_are_checked)
{
#define REFUSED(error, ...)                                                                                            \
	do {                                                                                                           \
		struct sock_filter code_[] = {__VA_ARGS__};                                                            \
		ERR(install(0, code_, sizeof code_ / sizeof code_[0]), error);                                         \
	} while (0)
#define TAKEN(...)                                                                                                     \
	do {                                                                                                           \
		struct sock_filter code_[] = {__VA_ARGS__};                                                            \
		OK(install(0, code_, sizeof code_ / sizeof code_[0]));                                                 \
	} while (0)
	struct sock_filter allow[] = {RETURN(SECCOMP_RET_ALLOW)};
	ERR(install(0, allow, 0), EINVAL);
	ERR(install(0, allow, BPF_MAXINSNS + 1), EINVAL);
	ERR(install(0, 0, 1), EINVAL);
	ERR(install(0, (void *)8, 1), EFAULT);
	REFUSED(EINVAL, NUMBER);
	REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RETURN(SECCOMP_RET_ALLOW));
	REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RETURN(SECCOMP_RET_ALLOW));
	REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), RETURN(SECCOMP_RET_ALLOW));
	REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), RETURN(SECCOMP_RET_ALLOW));
	REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_MEM, 0), RETURN(SECCOMP_RET_ALLOW));
	REFUSED(EINVAL, BPF_STMT(BPF_ST, 16), RETURN(SECCOMP_RET_ALLOW));
	REFUSED(EINVAL, BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RETURN(SECCOMP_RET_ALLOW));
	REFUSED(EINVAL, BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), RETURN(SECCOMP_RET_ALLOW));
	REFUSED(EINVAL, BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RETURN(SECCOMP_RET_ALLOW));
	REFUSED(EINVAL, BPF_STMT(BPF_JMP | BPF_JA, 1), RETURN(SECCOMP_RET_ALLOW));
	REFUSED(EINVAL, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), RETURN(SECCOMP_RET_ALLOW));
	REFUSED(EINVAL, BPF_STMT(0xffff, 0), RETURN(SECCOMP_RET_ALLOW));
	TAKEN(BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_ST, 15), BPF_STMT(BPF_LD | BPF_MEM, 15),
	      BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0), BPF_STMT(BPF_ALU | BPF_NEG, 0),
	      BPF_STMT(BPF_JMP | BPF_JA, 0), RETURN(SECCOMP_RET_ALLOW));
	/* The value of A: 64 / 4 | ALLOW. */
	TAKEN(BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_LDX | BPF_IMM, 4), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
	      BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ALLOW), BPF_STMT(BPF_RET | BPF_A, 0));
	EQ(syscall(SYS_getppid), getppid());
}

CASE(a_division_by_zero_kills)
{
	DIES(SIGSYS, {
		struct sock_filter code[] = {NUMBER, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 2),
					     BPF_STMT(BPF_LDX | BPF_IMM, 0), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
					     RETURN(SECCOMP_RET_ALLOW)};
		install(0, code, 5);
		syscall(SYS_getppid);
	});
}

static volatile int thread_go, thread_ready;
static volatile long thread_seen;
static void *waits_and_calls(void *own_filter)
{
	if (own_filter)
		OK(filter_call(0, SYS_getuid, SECCOMP_RET_ERRNO | 44));
	thread_ready = syscall(SYS_gettid);
	while (!thread_go)
		sched_yield();
	thread_seen = syscall(SYS_getppid) == -1 ? errno : 0;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0))
		thread_seen += 1000;
	return 0;
}

CASE(TSYNC_reaches_all_threads)
{
	pthread_t thread;
	OK(pthread_create(&thread, 0, waits_and_calls, 0));
	while (!thread_ready)
		sched_yield();
	no_new_privileges();
	EQ(filter_call(SECCOMP_FILTER_FLAG_TSYNC, SYS_getppid, SECCOMP_RET_ERRNO | 55), 0);
	thread_go = 1;
	OK(pthread_join(thread, 0));
	EQ(thread_seen, 1055);
}

CASE(without_TSYNC_a_filter_is_one_threads)
{
	pthread_t thread;
	OK(pthread_create(&thread, 0, waits_and_calls, 0));
	while (!thread_ready)
		sched_yield();
	EQ(filter_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 55), 0);
	thread_go = 1;
	OK(pthread_join(thread, 0));
	EQ(thread_seen, 0);
}

CASE(TSYNC_names_the_thread_that_has_others)
{
	pthread_t thread;
	OK(pthread_create(&thread, 0, waits_and_calls, &thread));
	while (!thread_ready)
		sched_yield();
	EQ(filter_call(SECCOMP_FILTER_FLAG_TSYNC, SYS_getppid, SECCOMP_RET_ERRNO | 55), thread_ready);
	ERR(filter_call(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, SYS_getppid, SECCOMP_RET_ERRNO | 55),
	    ESRCH);
	EQ(syscall(SYS_getppid), getppid());
	thread_go = 1;
	OK(pthread_join(thread, 0));
	EQ(thread_seen, 0);
}

static long trace(long request, pid_t pid, void *address, void *data)
{
	return syscall(SYS_ptrace, request, pid, address, data);
}
static int stop_of(pid_t pid)
{
	int status;
	EQ(waitpid(pid, &status, __WALL), pid);
	return status >> 8;
}
static pid_t traced(unsigned value)
{
	pid_t child = OK(fork());
	if (child == 0) {
		trace(PTRACE_TRACEME, 0, 0, 0);
		filter_call(0, SYS_getppid, value);
		raise(SIGSTOP);
		long result = syscall(SYS_getppid);
		_exit(result == -1 ? errno : result == getpid() ? 100 : result == syscall(SYS_getpgrp) ? 101 : 102);
	}
	EQ(stop_of(child), SIGSTOP);
	return child;
}

/* Places of orig_rax and rax, orig_eax and eax. */
#ifdef __i386__
enum { CALL = 11, RESULT = 6 };
#else
enum { CALL = 15, RESULT = 10 };
#endif

/* A word of the user area; a tracer of x32 reaches the registers' part of it only as a whole. */
static long poke(pid_t child, int index, long value)
{
#if defined __x86_64__ && defined __ILP32__
	long long registers[27];
	if (trace(PTRACE_GETREGS, child, 0, registers) == -1)
		return -1;
	registers[index] = value;
	return trace(PTRACE_SETREGS, child, 0, registers);
#else
	return trace(PTRACE_POKEUSR, child, (void *)(index * sizeof(long)), (void *)value);
#endif
}

CASE(trace_action_asks_the_tracer)
{
	pid_t child = traced(SECCOMP_RET_TRACE | 0x77);
	OK(trace(PTRACE_SETOPTIONS, child, 0, (void *)PTRACE_O_TRACESECCOMP));
	OK(trace(PTRACE_CONT, child, 0, 0));
	EQ(stop_of(child), SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
	unsigned long message;
	OK(trace(PTRACE_GETEVENTMSG, child, 0, &message));
	EQ(message, 0x77);
	struct ptrace_syscall_info info;
	EQ(trace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info), 84);
	EQ(info.op, PTRACE_SYSCALL_INFO_SECCOMP);
	EQ(info.seccomp.nr, SYS_getppid);
	EQ(info.seccomp.ret_data, 0x77);
	/* getpid instead. */
	OK(poke(child, CALL, SYS_getpid));
	OK(trace(PTRACE_CONT, child, 0, 0));
	EQ(exit_code(child), 100);
}

CASE(a_tracer_can_skip_and_the_result_is_its_own)
{
	pid_t child = traced(SECCOMP_RET_TRACE);
	OK(trace(PTRACE_SETOPTIONS, child, 0, (void *)PTRACE_O_TRACESECCOMP));
	OK(trace(PTRACE_CONT, child, 0, 0));
	EQ(stop_of(child), SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
	OK(poke(child, CALL, -1));
	OK(poke(child, RESULT, -33));
	OK(trace(PTRACE_CONT, child, 0, 0));
	EQ(exit_code(child), 33);
}

CASE(a_tracer_that_did_not_ask_is_not_asked)
{
	pid_t child = traced(SECCOMP_RET_TRACE);
	OK(trace(PTRACE_CONT, child, 0, 0));
	EQ(exit_code(child), ENOSYS);
}

CASE(filters_judge_what_a_tracer_left)
{
	pid_t child = OK(fork());
	if (child == 0) {
		trace(PTRACE_TRACEME, 0, 0, 0);
		filter_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 66);
		raise(SIGSTOP);
		_exit(syscall(SYS_getuid) == -1 ? errno : 0);
	}
	EQ(stop_of(child), SIGSTOP);
	OK(trace(PTRACE_SETOPTIONS, child, 0, (void *)PTRACE_O_TRACESYSGOOD));
	OK(trace(PTRACE_SYSCALL, child, 0, 0));
	EQ(stop_of(child), SIGTRAP | 0x80);
	OK(poke(child, CALL, SYS_getppid));
	OK(trace(PTRACE_SYSCALL, child, 0, 0));
	EQ(stop_of(child), SIGTRAP | 0x80);
	OK(trace(PTRACE_CONT, child, 0, 0));
	EQ(exit_code(child), 66);
}

CASE(filters_can_be_read_by_a_tracer)
{
	pid_t child = OK(fork());
	if (child == 0) {
		trace(PTRACE_TRACEME, 0, 0, 0);
		filter_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 66);
		filter_call(SECCOMP_FILTER_FLAG_LOG, SYS_getuid, SECCOMP_RET_LOG);
		raise(SIGSTOP);
		_exit(0);
	}
	EQ(stop_of(child), SIGSTOP);
	struct sock_filter code[8], first[] = ONE_CALL(SYS_getppid, SECCOMP_RET_ERRNO | 66);
	EQ(trace(PTRACE_SECCOMP_GET_FILTER, child, 0, 0), 4);
	EQ(trace(PTRACE_SECCOMP_GET_FILTER, child, 0, code), 4);
	EQ(memcmp(code, first, sizeof first), 0);
	EQ(trace(PTRACE_SECCOMP_GET_FILTER, child, (void *)1, code), 4);
	EQ(code[1].k, SYS_getuid);
	ERR(trace(PTRACE_SECCOMP_GET_FILTER, child, (void *)2, code), ENOENT);
	ERR(trace(PTRACE_SECCOMP_GET_FILTER, child, 0, (void *)8), EFAULT);
	struct seccomp_metadata data = {.filter_off = 1};
	EQ(trace(PTRACE_SECCOMP_GET_METADATA, child, (void *)sizeof data, &data), sizeof data);
	EQ(data.flags, SECCOMP_FILTER_FLAG_LOG);
	ERR(trace(PTRACE_SECCOMP_GET_METADATA, child, (void *)4, &data), EINVAL);
	OK(trace(PTRACE_CONT, child, 0, 0));
	EQ(exit_code(child), 0);
}

CASE(set_user_id_programs_gain_nothing)
{
	no_new_privileges();
	EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	ERR(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
	IN_CHILD(EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1));
	EQ(status_number(getpid(), "NoNewPrivs:"), 1);
}

/* In strict mode nobody shall measure others by it; filters say nothing about it. */
CASE(strict_mode_forbids_the_time_stamp_counter)
{
	DIES(SIGSEGV, {
		OK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
		asm volatile("rdtsc" ::: "eax", "edx");
		syscall(SYS_exit, 0);
	});
	int value = -1;
	OK(prctl(PR_GET_TSC, &value));
	EQ(value, PR_TSC_ENABLE);
	asm volatile("rdtsc" ::: "eax", "edx");
}
