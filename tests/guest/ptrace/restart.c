/*
 * Calls that were interrupted, as a tracer sees them: which restart code each shows, and how it goes on when the signal is taken
 * away, delivered to a handler with or without SA_RESTART, or when there was none (PTRACE_INTERRUPT).
 */
#include "common.h"
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>

#define SYSGOOD (SIGTRAP | 0x80)

static int word;
static int ends[2];

static long sleep_relative(void)
{
	struct timespec time = {0, 500000000};
	return syscall(SYS_nanosleep, &time, &time);
}
static long sleep_on_a_clock(void)
{
	struct timespec time = {0, 500000000};
	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, &time);
}
static long sleep_until(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_nsec += 500000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_nsec -= 1000000000;
		time.tv_sec++;
	}
	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &time, 0);
}
static long poll_timed(void)
{
	struct pollfd set = {ends[0], POLLIN, 0};
	return syscall(SYS_poll, &set, 1, 500);
}
static long ppoll_timed(void)
{
	struct pollfd set = {ends[0], POLLIN, 0};
	struct timespec time = {0, 500000000};
	return syscall(SYS_ppoll, &set, 1, &time, 0, 8);
}
static long select_timed(void)
{
	struct timeval time = {0, 500000};
	return syscall(SYS_select, 0, 0, 0, 0, &time);
}
static long pselect_timed(void)
{
	struct timespec time = {0, 500000000};
	return syscall(SYS_pselect6, 0, 0, 0, 0, &time, 0);
}
static long futex_timed(void)
{
	struct timespec time = {0, 500000000};
	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &time, 0, 0);
}
static long futex_until(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_sec += 1;
	return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &time, 0, 1);
}
static long epoll_timed(void)
{
	struct epoll_event event;
	return syscall(SYS_epoll_wait, epoll_create1(0), &event, 1, 500);
}
static long wait_for_a_signal(void)
{
	sigset_t set;
	struct timespec time = {0, 500000000};
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return syscall(SYS_rt_sigtimedwait, &set, 0, &time, 8);
}
static long pause_(void)
{
	return syscall(SYS_pause);
}
static long suspend(void)
{
	sigset_t set;
	sigemptyset(&set);
	return syscall(SYS_rt_sigsuspend, &set, 8);
}
static long read_a_pipe(void)
{
	char byte;
	return syscall(SYS_read, ends[0], &byte, 1);
}
static long wait_for_a_child(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD); /* which would be a stop of its own */
	sigprocmask(SIG_BLOCK, &set, 0);
	if (fork() == 0) {
		sleep_ms(700);
		_exit(0);
	}
	return syscall(SYS_wait4, -1, 0, 0, 0);
}

static const struct call {
	const char *name;
	long (*call)(void);
	int ends; /* by itself, when nothing happens */
	int fails; /* with EINTR after any stop: it is not made again */
} calls[] = {
    {"nanosleep", sleep_relative, 1, 0},
    {"clock_nanosleep", sleep_on_a_clock, 1, 0},
    {"clock_nanosleep until", sleep_until, 1, 0},
    {"poll", poll_timed, 1, 0},
    {"ppoll", ppoll_timed, 1, 0},
    {"select", select_timed, 1, 0},
    {"pselect6", pselect_timed, 1, 0},
    {"futex wait", futex_timed, 1, 0},
    {"futex wait until", futex_until, 1, 0},
    {"epoll_wait", epoll_timed, 1, 1},
    {"rt_sigtimedwait", wait_for_a_signal, 1, 1},
    {"pause", pause_, 0, 0},
    {"rt_sigsuspend", suspend, 0, 0},
    {"read", read_a_pipe, 0, 0},
    {"wait4", wait_for_a_child, 1, 0},
};
#define CALLS (sizeof calls / sizeof *calls)

/* A child that makes the call, stopped before it. It exits with 0, or with the errno. */
static pid_t begin(const struct call *call)
{
	OK(pipe(ends));
	pid_t child = TRACED_CHILD({
		raise(SIGSTOP);
		errno = 0;
		long result = call->call();
		_exit(result < 0 ? errno : 0);
	});
	OK(T(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGSTOP);
	return child;
}
/* The same, in the call and stopped by SIGUSR1. */
static pid_t begin_and_stop(const struct call *call)
{
	pid_t child = begin(call);
	OK(T(PTRACE_CONT, child, 0, 0));
	WAIT_STATE(child, 'S');
	OK(kill(child, SIGUSR1));
	STOP(child, SIGUSR1);
	return child;
}
static void show_end(const char *name, const char *how, pid_t child)
{
	int status;
	if (!WIFEXITED(status = wait_tracee(child)))
		FAIL("%s: status 0x%x", name, status);
	OUT("%s, %s: %s", name, how, errno_name(WEXITSTATUS(status)));
	close(ends[0]);
	close(ends[1]);
}
/* Lets a call that would wait for ever end. */
static void let_end(const struct call *call, pid_t child)
{
	if (call->ends)
		return;
	WAIT_STATE(child, 'S');
	if (call->call == read_a_pipe)
		EQ(write(ends[1], "x", 1), 1);
	else {
		kill(child, SIGCONT); /* ignored: nothing ends */
		sleep_ms(20);
		end_tracee(child);
	}
}

/* The code in the result register at the stop behind the call. */
CASE_WITHIN(codes, 60)
{
	for (const struct call *call = calls; call < calls + CALLS; call++) {
		pid_t child = begin_and_stop(call);
		long code = (int)REG(child, rax);
		OUT("%s: result %ld number %ld", call->name, code, (long)REG(child, orig_rax));
		end_tracee(child);
		close(ends[0]);
		close(ends[1]);
	}
}

CASE_WITHIN(a_signal_taken_away, 60)
{
	for (const struct call *call = calls; call < calls + CALLS; call++) {
		pid_t child = begin(call);
		OK(T(PTRACE_CONT, child, 0, 0));
		for (int i = 0; i < (call->fails ? 1 : 3); i++) {
			WAIT_STATE(child, 'S');
			OK(kill(child, SIGUSR1));
			STOP(child, SIGUSR1);
			OK(T(PTRACE_SYSCALL, child, 0, 0));
			STOP(child, SYSGOOD);
			if (i == 0)
				OUT("%s goes on as %ld", call->name, (long)REG(child, orig_rax));
			OK(T(PTRACE_CONT, child, 0, 0));
		}
		if (call->ends || call->call == read_a_pipe) {
			let_end(call, child);
			show_end(call->name, "taken away", child);
		} else
			end_tracee(child);
	}
}

static void handled(int flags, const char *how)
{
	for (const struct call *call = calls; call < calls + CALLS; call++) {
		CATCH(SIGUSR1, flags);
		pid_t child = begin_and_stop(call);
		OK(T(PTRACE_CONT, child, 0, SIGUSR1));
		if (call->call == read_a_pipe && flags)
			let_end(call, child);
		show_end(call->name, how, child);
	}
}
CASE_WITHIN(a_handler, 60)
{
	handled(0, "a handler");
}
CASE_WITHIN(a_handler_with_SA_RESTART, 60)
{
	handled(SA_RESTART, "a handler with SA_RESTART");
}

/* A signal that the tracer gives at the stop behind the call, where the code shows. */
CASE_WITHIN(a_signal_put_in, 60)
{
	for (const struct call *call = calls; call < calls + CALLS; call++) {
		CATCH(SIGUSR2, 0);
		CATCH(SIGUSR1, 0);
		pid_t child = begin_and_stop(call);
		/* Another one than came. */
		OK(T(PTRACE_CONT, child, 0, SIGUSR2));
		show_end(call->name, "another signal", child);
	}
}

#define EVENT_STOP_ (SIGTRAP | PTRACE_EVENT_STOP << 8)
CASE_WITHIN(interrupted_by_the_tracer, 60)
{
	for (const struct call *call = calls; call < calls + CALLS; call++) {
		OK(pipe(ends));
		pid_t child = CHILD({
			errno = 0;
			long result = call->call();
			_exit(result < 0 ? errno : 0);
		});
		WAIT_STATE(child, 'S');
		OK(T(PTRACE_SEIZE, child, 0, PTRACE_O_TRACESYSGOOD));
		for (int i = 0; i < (call->fails ? 1 : 3); i++) {
			WAIT_STATE(child, 'S');
			OK(T(PTRACE_INTERRUPT, child, 0, 0));
			STOP(child, EVENT_STOP_);
			if (i == 0)
				OUT("%s: result %d number %ld", call->name, (int)REG(child, rax), (long)REG(child, orig_rax));
			OK(T(PTRACE_CONT, child, 0, 0));
		}
		if (call->ends || call->call == read_a_pipe) {
			let_end(call, child);
			show_end(call->name, "interrupted", child);
		} else
			end_tracee(child);
	}
}

/* A group stop and SIGCONT between. */
CASE_WITHIN(stopped_and_continued, 60)
{
	for (const struct call *call = calls; call < calls + CALLS; call++) {
		if (!call->ends)
			continue;
		OK(pipe(ends));
		pid_t child = CHILD({
			errno = 0;
			long result = call->call();
			_exit(result < 0 ? errno : 0);
		});
		WAIT_STATE(child, 'S');
		OK(kill(child, SIGSTOP));
		WAIT_STATE(child, 'T');
		OK(kill(child, SIGCONT));
		int status;
		EQ(waitpid(child, &status, 0), child);
		OUT("%s, stopped: %s", call->name, WIFEXITED(status) ? errno_name(WEXITSTATUS(status)) : "?");
		close(ends[0]);
		close(ends[1]);
	}
}

/* A handler that runs while a timed sleep waits to go on makes its own: the first one's rest is forgotten. */
static void sleeps_itself(int number)
{
	(void)number;
	struct timespec time = {0, 1000000};
	syscall(SYS_nanosleep, &time, 0);
}
CASE(a_call_in_a_handler_takes_the_place)
{
	struct sigaction action = {.sa_handler = sleeps_itself};
	OK(sigaction(SIGUSR1, &action, 0));
	pid_t child = begin(&calls[0]);
	OK(T(PTRACE_CONT, child, 0, 0));
	WAIT_STATE(child, 'S');
	OK(kill(child, SIGUSR1));
	STOP(child, SIGUSR1);
	OK(T(PTRACE_CONT, child, 0, SIGUSR1));
	show_end("nanosleep", "a handler that sleeps", child);
	/* Asked for by number after it went on. */
	ERR(syscall(SYS_restart_syscall), EINTR);
}

/* The tracer writes the codes itself: the kernel restarts what it is told to. */

/* The tracer writes the codes itself: the kernel restarts what it is told to. */
CASE(codes_written_by_the_tracer)
{
	static const int codes[] = {-512, -513, -514, -516, -515, -4};
	for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
		OK(pipe(ends));
		pid_t child = TRACED_CHILD({
			errno = 0;
			long result = syscall(SYS_getppid);
			_exit(result == -1 ? errno & 0xff : 0);
		});
		OK(T(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD));
		/* Behind raise's last calls, if it makes any: the way in of the one. */
		do {
			OK(T(PTRACE_SYSCALL, child, 0, 0));
			STOP(child, SYSGOOD);
		} while (REG(child, orig_rax) != SYS_getppid);
		OK(T(PTRACE_SYSCALL, child, 0, 0));
		STOP(child, SYSGOOD);
		SET_REG(child, rax, (long)codes[i]);
		OK(kill(child, SIGWINCH));
		OK(T(PTRACE_SYSCALL, child, 0, 0));
		int status = wait_tracee(child);
		OUT("%d: status 0x%x", codes[i], status);
		if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGWINCH) {
			OK(T(PTRACE_SYSCALL, child, 0, 0));
			status = wait_tracee(child);
			OUT("%d: then 0x%x number %ld", codes[i], status, WIFSTOPPED(status) ? (long)REG(child, orig_rax) : -1L);
		}
		end_tracee(child);
		close(ends[0]);
		close(ends[1]);
	}
}
