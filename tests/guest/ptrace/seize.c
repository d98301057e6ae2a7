/* ptrace(2): ATTACH, SEIZE, INTERRUPT, LISTEN, group stops of tracees, who may trace whom. */
#include "common.h"
#include <sys/prctl.h>

#define EVENT_STOP(signal) ((signal) | PTRACE_EVENT_STOP << 8)

static pid_t sleeper(void)
{
	pid_t child = CHILD(for (;;) pause());
	WAIT_STATE(child, 'S');
	return child;
}

CASE(attach_stops_by_SIGSTOP)
{
	pid_t child = sleeper();
	OK(T(PTRACE_ATTACH, child, 0, 0));
	STOP(child, SIGSTOP);
	EQ(siginfo_of(child).si_code, SI_KERNEL);
	EQ(state_of(child), 't');
	ERR(T(PTRACE_ATTACH, child, 0, 0), EPERM);
	ERR(T(PTRACE_SEIZE, child, 0, 0), EPERM);
	OK(T(PTRACE_DETACH, child, 0, 0));
	WAIT_STATE(child, 'S');
	end_tracee(child);
}

CASE(attach_to_oneself_and_to_kernel_threads_is_EPERM)
{
	ERR(T(PTRACE_ATTACH, getpid(), 0, 0), EPERM);
	ERR(T(PTRACE_SEIZE, getpid(), 0, 0), EPERM);
	ERR(T(PTRACE_ATTACH, 2, 0, 0), EPERM);
}

CASE(attach_to_a_zombie_is_EPERM)
{
	pid_t child = CHILD();
	WAIT_STATE(child, 'Z');
	ERR(T(PTRACE_ATTACH, child, 0, 0), EPERM);
	EXITS(child, 0);
}

CASE(attach_to_a_stopped_process)
{
	pid_t child = sleeper();
	int status;
	OK(kill(child, SIGSTOP));
	EQ(waitpid(child, &status, WUNTRACED), child);
	OK(T(PTRACE_ATTACH, child, 0, 0));
	/* At once: the stop is told without waiting. */
	EQ(waitpid(child, &status, WNOHANG | __WALL), child);
	EQ(status, SIGSTOP << 8 | 0x7f);
	siginfo_t info;
	ERR(trace(PTRACE_GETSIGINFO, child, 0, &info), EINVAL);
	OK(T(PTRACE_CONT, child, 0, 0));
	/* And the SIGSTOP that attaching sends is still to come. */
	STOP(child, SIGSTOP);
	OK(T(PTRACE_CONT, child, 0, 0));
	WAIT_STATE(child, 'S');
	end_tracee(child);
}

CASE(strangers_are_EPERM)
{
	pid_t child = sleeper();
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(T(PTRACE_ATTACH, child, 0, 0), EPERM);
		ERR(T(PTRACE_SEIZE, child, 0, 0), EPERM);
	});
	end_tracee(child);
}

CASE(processes_that_must_not_be_dumped_are_EPERM)
{
	IN_CHILD({
		OK(setresgid(1000, 1000, 1000));
		OK(setresuid(1000, 1000, 1000));
		pid_t open_one = CHILD(prctl(PR_SET_DUMPABLE, 1); for (;;) pause());
		WAIT_STATE(open_one, 'S');
		pid_t closed = CHILD(prctl(PR_SET_DUMPABLE, 0); for (;;) pause());
		WAIT_STATE(closed, 'S');
		ERR(T(PTRACE_ATTACH, closed, 0, 0), EPERM);
		OK(T(PTRACE_ATTACH, open_one, 0, 0));
		STOP(open_one, SIGSTOP);
		end_tracee(open_one);
		end_tracee(closed);
	});
}

CASE(seize_does_not_stop)
{
	pid_t child = sleeper();
	OK(T(PTRACE_SEIZE, child, 0, 0));
	sleep_ms(20);
	NOTHING_FROM(child);
	EQ(state_of(child), 'S');
	ERR(T(PTRACE_CONT, child, 0, 0), ESRCH);
	OK(T(PTRACE_INTERRUPT, child, 0, 0));
	STOP(child, EVENT_STOP(SIGTRAP));
	siginfo_t info = siginfo_of(child);
	EQ(info.si_signo, SIGTRAP);
	EQ(info.si_code, EVENT_STOP(SIGTRAP));
	ERR(T(PTRACE_LISTEN + 0x1000, child, 0, 0), EIO);
	OK(T(PTRACE_CONT, child, 0, 0));
	WAIT_STATE(child, 'S');
	end_tracee(child);
}

CASE(seize_checks_its_arguments)
{
	pid_t child = sleeper();
	ERR(T(PTRACE_SEIZE, child, 1, 0), EIO);
	ERR(T(PTRACE_SEIZE, child, 0, 0x100), EIO);
	OK(T(PTRACE_SEIZE, child, 0, PTRACE_O_TRACEEXIT));
	OK(kill(child, SIGTERM));
	STOP(child, SIGTERM);
	OK(T(PTRACE_CONT, child, 0, SIGTERM));
	STOP(child, EVENT(PTRACE_EVENT_EXIT));
	OK(T(PTRACE_CONT, child, 0, 0));
	EQ(wait_tracee(child), SIGTERM);
}

CASE(interrupt_and_listen_are_for_seized_tracees)
{
	pid_t child = TRACED_CHILD();
	ERR(T(PTRACE_INTERRUPT, child, 0, 0), EIO);
	ERR(T(PTRACE_LISTEN, child, 0, 0), EIO);
	end_tracee(child);
	child = sleeper();
	OK(T(PTRACE_SEIZE, child, 0, 0));
	OK(kill(child, SIGUSR1));
	STOP(child, SIGUSR1);
	ERR(T(PTRACE_LISTEN, child, 0, 0), EIO);
	end_tracee(child);
}

CASE(an_interrupted_sleep_goes_on)
{
	long long before = now_ns();
	pid_t child = CHILD({
		struct timespec time = {0, 300000000};
		_exit(nanosleep(&time, 0) == 0 ? 0 : 1);
	});
	WAIT_STATE(child, 'S');
	OK(T(PTRACE_SEIZE, child, 0, 0));
	for (int i = 0; i < 3; i++) {
		OK(T(PTRACE_INTERRUPT, child, 0, 0));
		STOP(child, EVENT_STOP(SIGTRAP));
		OK(T(PTRACE_CONT, child, 0, 0));
	}
	EXITS(child, 0);
	CHECK(now_ns() - before >= 290000000);
}

CASE(interrupt_of_a_busy_loop)
{
	pid_t child = CHILD(for (;;) asm volatile(""));
	OK(T(PTRACE_SEIZE, child, 0, 0));
	for (int i = 0; i < 20; i++) {
		OK(T(PTRACE_INTERRUPT, child, 0, 0));
		STOP(child, EVENT_STOP(SIGTRAP));
		OK(T(PTRACE_CONT, child, 0, 0));
	}
	end_tracee(child);
}

CASE(group_stop_of_a_seized_tracee)
{
	pid_t child = sleeper();
	OK(T(PTRACE_SEIZE, child, 0, 0));
	OK(kill(child, SIGSTOP));
	STOP(child, SIGSTOP);
	OK(T(PTRACE_CONT, child, 0, SIGSTOP));
	STOP(child, EVENT_STOP(SIGSTOP));
	EQ(siginfo_of(child).si_signo, SIGSTOP);
	OK(T(PTRACE_LISTEN, child, 0, 0));
	NOTHING_FROM(child);
	ERR(T(PTRACE_CONT, child, 0, 0), ESRCH);
	OK(kill(child, SIGCONT));
	STOP(child, EVENT_STOP(SIGTRAP));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGCONT);
	OK(T(PTRACE_CONT, child, 0, SIGCONT));
	WAIT_STATE(child, 'S');
	end_tracee(child);
}

CASE(listening_can_be_interrupted)
{
	pid_t child = sleeper();
	OK(T(PTRACE_SEIZE, child, 0, 0));
	OK(kill(child, SIGTSTP));
	STOP(child, SIGTSTP);
	OK(T(PTRACE_CONT, child, 0, SIGTSTP));
	STOP(child, EVENT_STOP(SIGTSTP));
	OK(T(PTRACE_LISTEN, child, 0, 0));
	OK(T(PTRACE_INTERRUPT, child, 0, 0));
	STOP(child, EVENT_STOP(SIGTSTP));
	OK(T(PTRACE_CONT, child, 0, 0));
	/* It runs although its process is stopped. */
	WAIT_STATE(child, 'S');
	end_tracee(child);
}

CASE(group_stop_of_an_attached_tracee)
{
	pid_t child = TRACED_CHILD(raise(SIGTSTP); _exit(3));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTSTP);
	OK(T(PTRACE_CONT, child, 0, SIGTSTP));
	/* The group stop looks like a signal's, but for its missing information. */
	STOP(child, SIGTSTP);
	siginfo_t info;
	ERR(trace(PTRACE_GETSIGINFO, child, 0, &info), EINVAL);
	EQ(state_of(child), 't');
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 3);
}

CASE(SIGCONT_calls_a_stop_off)
{
	pid_t child = TRACED_CHILD(raise(SIGTSTP); _exit(3));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGTSTP);
	OK(kill(child, SIGCONT));
	OK(T(PTRACE_CONT, child, 0, SIGTSTP));
	STOP(child, SIGCONT);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 3);
}

CASE(seize_of_a_stopped_process)
{
	pid_t child = sleeper();
	int status;
	OK(kill(child, SIGSTOP));
	EQ(waitpid(child, &status, WUNTRACED), child);
	OK(T(PTRACE_SEIZE, child, 0, 0));
	EQ(waitpid(child, &status, WNOHANG | __WALL), child);
	EQ(status, EVENT_STOP(SIGSTOP) << 8 | 0x7f);
	OK(T(PTRACE_DETACH, child, 0, 0));
	WAIT_STATE(child, 'T');
	OK(kill(child, SIGCONT));
	WAIT_STATE(child, 'S');
	end_tracee(child);
}

CASE(new_tasks_of_seized_tracees_begin_with_a_stop)
{
	int ends[2];
	char byte;
	OK(pipe(ends));
	pid_t child = CHILD(read(ends[0], &byte, 1); _exit(fork() == 0 ? 1 : 2));
	WAIT_STATE(child, 'S');
	OK(T(PTRACE_SEIZE, child, 0, PTRACE_O_TRACEFORK));
	OK(write(ends[1], "x", 1));
	STOP(child, EVENT(PTRACE_EVENT_FORK));
	pid_t made = message_of(child);
	STOP(made, EVENT_STOP(SIGTRAP));
	OK(T(PTRACE_CONT, made, 0, 0));
	EXITS(made, 1);
	end_tracee(child);
}

CASE(seized_tracees_exec_without_SIGTRAP)
{
	int ends[2];
	char byte;
	OK(pipe(ends));
	pid_t child = CHILD(read(ends[0], &byte, 1); execute_quietly());
	WAIT_STATE(child, 'S');
	OK(T(PTRACE_SEIZE, child, 0, 0));
	OK(write(ends[1], "x", 1));
	EXITS(child, 0);
}

static void *thread_body(void *argument)
{
	*(volatile int *)argument = syscall(SYS_gettid);
	for (;;)
		pause();
}

CASE(threads_are_traced_one_by_one)
{
	int *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = CHILD({
		pthread_t thread;
		pthread_create(&thread, 0, thread_body, shared);
		for (;;)
			pause();
	});
	while (!*(volatile int *)shared)
		sleep_ms(2);
	pid_t thread = *shared;
	OK(T(PTRACE_SEIZE, thread, 0, 0));
	OK(T(PTRACE_INTERRUPT, thread, 0, 0));
	STOP(thread, EVENT_STOP(SIGTRAP));
	WAIT_STATE(child, 'S');
	ERR(T(PTRACE_INTERRUPT, child, 0, 0), ESRCH);
	OK(T(PTRACE_SEIZE, child, 0, 0));
	/* A stop signal stops both, each by a stop of its own. */
	OK(T(PTRACE_CONT, thread, 0, 0));
	WAIT_STATE(thread, 'S');
	OK(kill(child, SIGSTOP));
	STOP(child, SIGSTOP);
	OK(T(PTRACE_CONT, child, 0, SIGSTOP));
	STOP(child, EVENT_STOP(SIGSTOP));
	STOP(thread, EVENT_STOP(SIGSTOP));
	OK(kill(child, SIGKILL));
	EQ(wait_tracee(thread), SIGKILL);
	EQ(wait_tracee(child), SIGKILL);
}

static void *waits_with_no_thread(void *argument)
{
	pid_t child = *(pid_t *)argument;
	return (void *)(long)(waitpid(child, 0, __WALL | WNOHANG | __WNOTHREAD) == -1 ? errno : 0);
}

CASE(another_thread_of_the_tracer_may_wait_but_not_trace)
{
	pid_t child = sleeper();
	OK(T(PTRACE_SEIZE, child, 0, 0));
	pthread_t thread;
	void *result;
	OK(pthread_create(&thread, 0, waits_with_no_thread, &child));
	OK(pthread_join(thread, &result));
	EQ((long)result, ECHILD);
	OK(T(PTRACE_INTERRUPT, child, 0, 0));
	STOP(child, EVENT_STOP(SIGTRAP));
	end_tracee(child);
}

CASE(many_attach_and_detach)
{
	pid_t child = CHILD(for (;;) syscall(SYS_getppid));
	for (int i = 0; i < 50; i++) {
		OK(T(PTRACE_ATTACH, child, 0, 0));
		STOP(child, SIGSTOP);
		OK(T(PTRACE_DETACH, child, 0, 0));
	}
	EQ(state_of(child), 'R');
	end_tracee(child);
}
