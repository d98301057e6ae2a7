/* ptrace(2): TRACEME, signal-delivery stops, resuming with and without signals, the end of tracees. */
#include "common.h"

static volatile sig_atomic_t handled;
static void note(int number)
{
	handled = number;
}

CASE(traceme_makes_signals_stop)
{
	pid_t child = TRACED_CHILD(_exit(7));
	EQ(state_of(child), 't');
	EQ(status_number(child, "TracerPid:"), getpid());
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 7);
}

CASE(traceme_twice_is_EPERM)
{
	pid_t child = TRACED_CHILD(_exit(T(PTRACE_TRACEME, 0, 0, 0) == -1 && errno == EPERM ? 0 : 1));
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

CASE(unknown_processes_are_ESRCH)
{
	ERR(T(PTRACE_CONT, 999999, 0, 0), ESRCH);
	ERR(T(PTRACE_ATTACH, 999999, 0, 0), ESRCH);
	ERR(T(PTRACE_CONT, 0, 0, 0), ESRCH);
	ERR(T(PTRACE_CONT, -1, 0, 0), ESRCH);
	ERR(T(PTRACE_CONT, getpid(), 0, 0), ESRCH);
	ERR(T(0x12345, getpid(), 0, 0), ESRCH);
	pid_t child = CHILD(pause());
	ERR(T(PTRACE_CONT, child, 0, 0), ESRCH);
	ERR(T(PTRACE_KILL, child, 0, 0), ESRCH);
	end_tracee(child);
}

CASE(requests_to_a_running_tracee_are_ESRCH)
{
	pid_t child = TRACED_CHILD(for (;;) pause());
	unsigned long word;
	OK(T(PTRACE_CONT, child, 0, 0));
	WAIT_STATE(child, 'S');
	ERR(T(PTRACE_CONT, child, 0, 0), ESRCH);
	ERR(T(PTRACE_PEEKUSER, child, 0, &word), ESRCH);
	ERR(T(PTRACE_GETSIGINFO, child, 0, &word), ESRCH);
	ERR(T(PTRACE_SETOPTIONS, child, 0, 0), ESRCH);
	ERR(T(0x12345, child, 0, 0), ESRCH);
	end_tracee(child);
}

CASE(unknown_requests_are_EIO)
{
	pid_t child = TRACED_CHILD();
	ERR(T(0x12345, child, 0, 0), EIO);
	ERR(T(18, child, 0, 0), EIO);
	ERR(T(-1, child, 0, 0), EIO);
	end_tracee(child);
}

CASE(a_signal_can_be_taken_away)
{
	pid_t child = TRACED_CHILD(raise(SIGTERM); _exit(3));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTERM);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 3);
}

CASE(a_signal_can_be_delivered)
{
	pid_t child = TRACED_CHILD(raise(SIGTERM); _exit(3));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTERM);
	OK(T(PTRACE_CONT, child, 0, SIGTERM));
	EQ(wait_tracee(child), SIGTERM);
}

CASE(a_signal_can_be_replaced)
{
	pid_t child = TRACED_CHILD(signal(SIGUSR2, note); raise(SIGUSR1); _exit(handled));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGUSR1);
	OK(T(PTRACE_CONT, child, 0, SIGUSR2));
	EXITS(child, SIGUSR2);
}

static siginfo_t got;
static void keep(int number, siginfo_t *info, void *context)
{
	(void)number, (void)context;
	got = *info;
}

CASE(a_replaced_signal_comes_from_the_tracer)
{
	pid_t child = TRACED_CHILD({
		struct sigaction action = {.sa_sigaction = keep, .sa_flags = SA_SIGINFO};
		sigaction(SIGUSR2, &action, 0);
		raise(SIGUSR1);
		_exit(got.si_code == SI_USER && got.si_pid == getppid() && got.si_signo == SIGUSR2 ? 0 : 1);
	});
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGUSR1);
	OK(T(PTRACE_CONT, child, 0, SIGUSR2));
	EXITS(child, 0);
}

CASE(siginfo_is_what_the_handler_gets)
{
	pid_t child = TRACED_CHILD({
		struct sigaction action = {.sa_sigaction = keep, .sa_flags = SA_SIGINFO};
		sigaction(SIGUSR1, &action, 0);
		union sigval value = {.sival_int = 1234};
		sigqueue(getpid(), SIGUSR1, value);
		_exit(got.si_value.sival_int == 4321 && got.si_code == SI_QUEUE ? 0 : 1);
	});
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGUSR1);
	siginfo_t info = siginfo_of(child);
	EQ(info.si_signo, SIGUSR1);
	EQ(info.si_code, SI_QUEUE);
	EQ(info.si_pid, child);
	EQ(info.si_value.sival_int, 1234);
	info.si_value.sival_int = 4321;
	OK(trace(PTRACE_SETSIGINFO, child, 0, &info));
	ERR(T(PTRACE_GETSIGINFO, child, 0, 8), EFAULT);
	ERR(T(PTRACE_SETSIGINFO, child, 0, 8), EFAULT);
	OK(T(PTRACE_CONT, child, 0, SIGUSR1));
	EXITS(child, 0);
}

CASE(ignored_signals_stop_too)
{
	pid_t child = TRACED_CHILD(signal(SIGUSR1, SIG_IGN); raise(SIGUSR1); raise(SIGCHLD); raise(SIGURG));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGUSR1);
	OK(T(PTRACE_CONT, child, 0, SIGUSR1));
	STOP(child, SIGCHLD);
	OK(T(PTRACE_CONT, child, 0, SIGCHLD));
	STOP(child, SIGURG);
	OK(T(PTRACE_CONT, child, 0, SIGURG));
	EXITS(child, 0);
}

CASE(blocked_signals_do_not_stop)
{
	pid_t child = TRACED_CHILD({
		sigset_t set;
		sigfillset(&set);
		sigprocmask(SIG_BLOCK, &set, 0);
		raise(SIGUSR1);
		sigdelset(&set, SIGUSR1);
		sigprocmask(SIG_SETMASK, &set, 0);
	});
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGUSR1);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

CASE(faults_stop_with_their_address)
{
	pid_t child = TRACED_CHILD(*(volatile int *)0x1234 = 0);
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGSEGV);
	siginfo_t info = siginfo_of(child);
	EQ(info.si_code, SEGV_MAPERR);
	EQ((long)info.si_addr, 0x1234);
	OK(T(PTRACE_CONT, child, 0, SIGSEGV));
	EQ(wait_tracee(child) & 0x7f, SIGSEGV);
}

CASE(breakpoint_instruction)
{
	pid_t child = TRACED_CHILD(asm volatile("int3"); _exit(4));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	siginfo_t info = siginfo_of(child);
	EQ(info.si_code, SI_KERNEL);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 4);
}

CASE(numbers_that_are_no_signals_are_EIO)
{
	pid_t child = TRACED_CHILD();
	ERR(T(PTRACE_CONT, child, 0, 65), EIO);
	ERR(T(PTRACE_CONT, child, 0, -1), EIO);
	ERR(T(PTRACE_SYSCALL, child, 0, 1000), EIO);
	ERR(T(PTRACE_DETACH, child, 0, 65), EIO);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

CASE(kill_ends_a_stopped_tracee)
{
	pid_t child = TRACED_CHILD();
	OK(T(PTRACE_KILL, child, 0, 0));
	EQ(wait_tracee(child), SIGKILL);
	child = TRACED_CHILD();
	OK(kill(child, SIGKILL));
	EQ(wait_tracee(child), SIGKILL);
}

CASE(wait_reports_a_stop_once)
{
	pid_t child = TRACED_CHILD();
	NOTHING_FROM(child);
	siginfo_t info;
	OK(T(PTRACE_CONT, child, 0, SIGUSR1));
	/* SIGSTOP was replaced; SIGUSR1 is delivered at once and ends it. */
	OK(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
	EQ(info.si_code, CLD_KILLED);
	EQ(wait_tracee(child), SIGUSR1);
}

CASE(waitid_tells_of_traps)
{
	pid_t child = OK(fork());
	if (child == 0) {
		T(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	siginfo_t info = {0};
	OK(waitid(P_PID, child, &info, WSTOPPED | WNOWAIT));
	EQ(info.si_signo, SIGCHLD);
	EQ(info.si_code, CLD_TRAPPED);
	EQ(info.si_status, SIGSTOP);
	EQ(info.si_pid, child);
	/* Tracees' stops come whether or not they were asked for. */
	memset(&info, 0, sizeof info);
	OK(waitid(P_PID, child, &info, WEXITED));
	EQ(info.si_code, CLD_TRAPPED);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

static siginfo_t child_info;
static volatile sig_atomic_t child_signals;
static void on_child(int number, siginfo_t *info, void *context)
{
	(void)number, (void)context;
	child_info = *info;
	child_signals++;
}

CASE(sigchld_tells_of_stops)
{
	struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART};
	OK(sigaction(SIGCHLD, &action, 0));
	pid_t child = TRACED_CHILD();
	EQ(child_info.si_code, CLD_TRAPPED);
	EQ(child_info.si_status, SIGSTOP);
	EQ(child_info.si_pid, child);
	child_signals = 0;
	action.sa_flags |= SA_NOCLDSTOP;
	OK(sigaction(SIGCHLD, &action, 0));
	OK(T(PTRACE_CONT, child, 0, SIGUSR1));
	wait_tracee(child);
	EQ(child_signals, 1);
	EQ(child_info.si_code, CLD_KILLED);
}

CASE(detach_lets_it_run)
{
	int ends[2];
	char byte;
	OK(pipe(ends));
	pid_t child = TRACED_CHILD(read(ends[0], &byte, 1); _exit(6));
	OK(T(PTRACE_DETACH, child, 0, 0));
	ERR(T(PTRACE_CONT, child, 0, 0), ESRCH);
	EQ(status_number(child, "TracerPid:"), 0);
	OK(write(ends[1], "x", 1));
	EXITS(child, 6);
}

CASE(detach_can_deliver_a_signal)
{
	pid_t child = TRACED_CHILD(pause());
	OK(T(PTRACE_DETACH, child, 0, SIGTERM));
	EQ(wait_tracee(child), SIGTERM);
}

CASE(detach_with_SIGSTOP_leaves_it_stopped)
{
	pid_t child = TRACED_CHILD(_exit(8));
	OK(T(PTRACE_DETACH, child, 0, SIGSTOP));
	int status;
	EQ(waitpid(child, &status, WUNTRACED), child);
	EQ(status, SIGSTOP << 8 | 0x7f);
	EQ(state_of(child), 'T');
	OK(kill(child, SIGCONT));
	EXITS(child, 8);
}

CASE(the_end_of_a_tracer_frees_its_tracee)
{
	int ends[2];
	char byte;
	OK(pipe(ends));
	pid_t victim = CHILD(read(ends[0], &byte, 1); _exit(5));
	pid_t tracer = CHILD({
		OK(T(PTRACE_ATTACH, victim, 0, 0));
		STOP(victim, SIGSTOP);
	});
	EQ(exit_code(tracer), 0);
	EQ(status_number(victim, "TracerPid:"), 0);
	OK(write(ends[1], "x", 1));
	EXITS(victim, 5);
}

CASE(EXITKILL_ends_the_tracees)
{
	pid_t victim = CHILD(for (;;) pause());
	pid_t tracer = CHILD({
		OK(T(PTRACE_SEIZE, victim, 0, PTRACE_O_EXITKILL));
	});
	EQ(exit_code(tracer), 0);
	EQ(wait_tracee(victim), SIGKILL);
}

CASE(legacy_exec_stops_by_SIGTRAP)
{
	pid_t child = TRACED_CHILD(execute_quietly());
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTRAP);
	siginfo_t info = siginfo_of(child);
	EQ(info.si_code, SI_USER);
	EQ(info.si_pid, child);
	end_tracee(child);
}

CASE(a_handler_runs_after_the_stop)
{
	pid_t child = TRACED_CHILD({
		struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESETHAND};
		sigaction(SIGUSR1, &action, 0);
		raise(SIGUSR1);
		int first = handled;
		handled = 0;
		raise(SIGUSR1);
		_exit(first);
	});
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGUSR1);
	OK(T(PTRACE_CONT, child, 0, SIGUSR1));
	STOP(child, SIGUSR1);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, SIGUSR1);
}

CASE(the_mask_of_a_tracee)
{
	pid_t child = TRACED_CHILD({
		raise(SIGUSR1);
		sigset_t now;
		sigprocmask(SIG_SETMASK, 0, &now);
		_exit(sigismember(&now, SIGUSR2) && !sigismember(&now, SIGKILL) ? 0 : 1);
	});
	unsigned long mask = 99;
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGUSR1);
	OK(trace(PTRACE_GETSIGMASK, child, (void *)8, &mask));
	ERR(trace(PTRACE_GETSIGMASK, child, (void *)4, &mask), EINVAL);
	mask = ~0UL;
	ERR(trace(PTRACE_SETSIGMASK, child, (void *)16, &mask), EINVAL);
	ERR(T(PTRACE_SETSIGMASK, child, 8, 8), EFAULT);
	mask = 1UL << (SIGUSR2 - 1) | 1UL << (SIGKILL - 1);
	OK(trace(PTRACE_SETSIGMASK, child, (void *)8, &mask));
	OK(trace(PTRACE_GETSIGMASK, child, (void *)8, &mask));
	EQ(mask, 1UL << (SIGUSR2 - 1));
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

CASE(a_signal_blocked_meanwhile_waits)
{
	pid_t child = TRACED_CHILD(raise(SIGUSR1); _exit(2));
	unsigned long mask = 1UL << (SIGUSR1 - 1);
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGUSR1);
	OK(trace(PTRACE_SETSIGMASK, child, (void *)8, &mask));
	OK(T(PTRACE_CONT, child, 0, SIGUSR1));
	EXITS(child, 2);
}

CASE(pending_signals_can_be_peeked)
{
	pid_t child = TRACED_CHILD({
		sigset_t set;
		sigfillset(&set);
		sigdelset(&set, SIGUSR1);
		sigprocmask(SIG_BLOCK, &set, 0);
		union sigval value = {.sival_int = 11};
		sigqueue(getpid(), SIGRTMIN, value);
		value.sival_int = 12;
		sigqueue(getpid(), SIGRTMIN, value);
		syscall(SYS_tkill, getpid(), SIGTERM);
		raise(SIGUSR1);
	});
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGUSR1);
	siginfo_t infos[4];
	struct ptrace_peeksiginfo_args what = {.off = 0, .flags = PTRACE_PEEKSIGINFO_SHARED, .nr = 4};
	EQ(trace(PTRACE_PEEKSIGINFO, child, &what, infos), 2);
	EQ(infos[0].si_signo, SIGRTMIN);
	EQ(infos[0].si_value.sival_int, 11);
	EQ(infos[1].si_value.sival_int, 12);
	what.off = 1;
	EQ(trace(PTRACE_PEEKSIGINFO, child, &what, infos), 1);
	EQ(infos[0].si_value.sival_int, 12);
	what.off = 2;
	EQ(trace(PTRACE_PEEKSIGINFO, child, &what, infos), 0);
	what = (struct ptrace_peeksiginfo_args){.off = 0, .flags = 0, .nr = 4};
	EQ(trace(PTRACE_PEEKSIGINFO, child, &what, infos), 1);
	EQ(infos[0].si_signo, SIGTERM);
	what.flags = 2;
	ERR(trace(PTRACE_PEEKSIGINFO, child, &what, infos), EINVAL);
	what = (struct ptrace_peeksiginfo_args){.off = 0, .flags = 0, .nr = -1};
	ERR(trace(PTRACE_PEEKSIGINFO, child, &what, infos), EINVAL);
	what.nr = 1;
	ERR(T(PTRACE_PEEKSIGINFO, child, &what, 8), EFAULT);
	ERR(T(PTRACE_PEEKSIGINFO, child, 8, infos), EFAULT);
	end_tracee(child);
}

CASE(sleeping_calls_go_on_after_a_signal_that_is_taken_away)
{
	long long before = now_ns();
	pid_t child = TRACED_CHILD({
		struct timespec time = {0, 300000000};
		_exit(nanosleep(&time, 0) == 0 ? 0 : 1);
	});
	OK(T(PTRACE_CONT, child, 0, 0));
	WAIT_STATE(child, 'S');
	OK(kill(child, SIGUSR1));
	STOP(child, SIGUSR1);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
	CHECK(now_ns() - before >= 300000000);
}
