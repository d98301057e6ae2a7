/* ptrace(2): events of forks, execve(2), exits; options; new tasks that are traced at once. */
#include "common.h"

static pid_t begin(pid_t child, long options)
{
	OK(T(PTRACE_SETOPTIONS, child, 0, options));
	OK(T(PTRACE_CONT, child, 0, 0));
	return child;
}

CASE(options_are_checked)
{
	pid_t child = TRACED_CHILD();
	OK(T(PTRACE_SETOPTIONS, child, 0, 0xff | PTRACE_O_EXITKILL));
	ERR(T(PTRACE_SETOPTIONS, child, 0, 0x100), EINVAL);
	ERR(T(PTRACE_SETOPTIONS, child, 0, -1), EINVAL);
	OK(T(21, child, 0, 0));
	OK(T(PTRACE_SETOPTIONS, child, 0, 0));
	end_tracee(child);
}

CASE(fork_event)
{
	pid_t child = begin(TRACED_CHILD({
		pid_t made = fork();
		if (made == 0)
			_exit(3);
		int status;
		waitpid(made, &status, 0);
		_exit(WEXITSTATUS(status));
	}), PTRACE_O_TRACEFORK);
	STOP(child, EVENT(PTRACE_EVENT_FORK));
	pid_t made = message_of(child);
	siginfo_t info = siginfo_of(child);
	EQ(info.si_code, EVENT(PTRACE_EVENT_FORK));
	EQ(info.si_pid, child);
	/* The new process is traced and begins with SIGSTOP. */
	STOP(made, SIGSTOP);
	EQ(status_number(made, "PPid:"), child);
	EQ(status_number(made, "TracerPid:"), getpid());
	EQ(REG(made, rax), 0);
	OK(T(PTRACE_CONT, made, 0, 0));
	EXITS(made, 3);
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGCHLD);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 3);
}

CASE(without_the_option_a_fork_is_free)
{
	pid_t child = begin(TRACED_CHILD({
		pid_t made = fork();
		if (made == 0) {
			raise(SIGCONT);
			_exit(status_number(getpid(), "TracerPid:"));
		}
		int status;
		waitpid(made, &status, 0);
		_exit(WEXITSTATUS(status));
	}), 0);
	STOP(child, SIGCHLD);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

CASE(vfork_events)
{
	pid_t child = begin(TRACED_CHILD({
		if (vfork() == 0)
			_exit(0);
		_exit(4);
	}), PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE);
	STOP(child, EVENT(PTRACE_EVENT_VFORK));
	pid_t made = message_of(child);
	STOP(made, SIGSTOP);
	OK(T(PTRACE_CONT, child, 0, 0));
	NOTHING_FROM(child);
	OK(T(PTRACE_CONT, made, 0, 0));
	EXITS(made, 0);
	STOP(child, EVENT(PTRACE_EVENT_VFORK_DONE));
	EQ(message_of(child), made);
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGCHLD);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 4);
}

static char stack[65536] __attribute__((aligned(16)));
static int other_thread(void *argument)
{
	(void)argument;
	syscall(SYS_exit, 5);
	return 0;
}

CASE(clone_event_of_a_thread)
{
	pid_t child = begin(TRACED_CHILD({
		clone(other_thread, stack + sizeof stack,
		      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, 0);
		for (;;)
			pause();
	}), PTRACE_O_TRACECLONE);
	STOP(child, EVENT(PTRACE_EVENT_CLONE));
	pid_t thread = message_of(child);
	STOP(thread, SIGSTOP);
	EQ(status_number(thread, "Tgid:"), child);
	OK(T(PTRACE_CONT, child, 0, 0));
	OK(T(PTRACE_CONT, thread, 0, 0));
	/* The thread's end is told, to its tracer alone. */
	EXITS(thread, 5);
	NOTHING_FROM(child);
	ERR(waitpid(thread, 0, __WALL | WNOHANG), ECHILD);
	end_tracee(child);
}

CASE(clone_event_of_a_process_with_another_signal)
{
	pid_t child = begin(TRACED_CHILD({
		pid_t made = syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);
		if (made == 0)
			_exit(6);
		_exit(0);
	}), PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK);
	STOP(child, EVENT(PTRACE_EVENT_CLONE));
	pid_t made = message_of(child);
	STOP(made, SIGSTOP);
	OK(T(PTRACE_CONT, made, 0, 0));
	EXITS(made, 6);
	end_tracee(child);
}

CASE(CLONE_PTRACE_and_CLONE_UNTRACED)
{
	pid_t child = begin(TRACED_CHILD({
		if (syscall(SYS_clone, CLONE_PTRACE | SIGCHLD, 0, 0, 0, 0) == 0)
			_exit(1);
		if (syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0) == 0)
			_exit(2);
		raise(SIGUSR1);
	}), PTRACE_O_TRACECLONE);
	/* Among what comes in any order (the parent's SIGUSR1, its children's ends) is the traced child's SIGSTOP. */
	for (;;) {
		int status;
		pid_t first = waitpid(-1, &status, __WALL);
		if (first == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGUSR1)
			continue;
		if (first == child) {
			OK(T(PTRACE_CONT, child, 0, 0));
			continue;
		}
		EQ(status, SIGSTOP << 8 | 0x7f);
		EQ(status_number(first, "PPid:"), child);
		end_tracee(first);
		break;
	}
	end_tracee(child);
}

CASE(exec_event)
{
	pid_t child = begin(TRACED_CHILD(execute_quietly()), PTRACE_O_TRACEEXEC);
	STOP(child, EVENT(PTRACE_EVENT_EXEC));
	EQ(message_of(child), child);
	EQ(REG(child, orig_rax), SYS_execve);
	/* No SIGTRAP besides. */
	OK(T(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEEXIT));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, EVENT(PTRACE_EVENT_EXIT));
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

CASE(the_end_of_a_call_after_an_event)
{
	pid_t child = begin(TRACED_CHILD(execute_quietly()),
			    PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD);
	STOP(child, EVENT(PTRACE_EVENT_EXEC));
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	STOP(child, SIGTRAP | 0x80);
	EQ(message_of(child), 2);
	EQ(REG(child, rax), 0);
	end_tracee(child);
}

static int execute(void *argument)
{
	(void)argument;
	execute_quietly();
	return 1;
}

CASE(exec_by_another_thread_takes_the_leaders_number)
{
	pid_t child = begin(TRACED_CHILD({
		clone(execute, stack + sizeof stack,
		      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, 0);
		for (;;)
			pause();
	}), PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC);
	STOP(child, EVENT(PTRACE_EVENT_CLONE));
	pid_t thread = message_of(child);
	STOP(thread, SIGSTOP);
	OK(T(PTRACE_CONT, child, 0, 0));
	OK(T(PTRACE_CONT, thread, 0, 0));
	STOP(child, EVENT(PTRACE_EVENT_EXEC));
	EQ(message_of(child), thread);
	ERR(waitpid(thread, 0, __WALL | WNOHANG), ECHILD);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

static int sits(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}
/* The end of a traced thread is seen before its process executes anything. */
CASE(exec_waits_until_the_ends_of_threads_are_seen)
{
	for (int by_leader = 0; by_leader < 2; by_leader++) {
		pid_t child = begin(TRACED_CHILD({
			clone(sits, stack + sizeof stack / 2,
			      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, 0);
			if (!by_leader)
				clone(execute, stack + sizeof stack,
				      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, 0);
			else
				execute(0);
			for (;;)
				pause();
		}), PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC);
		STOP(child, EVENT(PTRACE_EVENT_CLONE));
		pid_t thread = message_of(child);
		STOP(thread, SIGSTOP);
		OK(T(PTRACE_CONT, thread, 0, 0));
		OK(T(PTRACE_CONT, child, 0, 0));
		if (!by_leader) {
			STOP(child, EVENT(PTRACE_EVENT_CLONE));
			pid_t other = message_of(child);
			STOP(other, SIGSTOP);
			OK(T(PTRACE_CONT, child, 0, 0));
			OK(T(PTRACE_CONT, other, 0, 0));
		}
		sleep_ms(100);
		NOTHING_FROM(child);
		OUT("by leader %d: thread's status 0x%x", by_leader, wait_tracee(thread));
		STOP(child, EVENT(PTRACE_EVENT_EXEC));
		OK(T(PTRACE_CONT, child, 0, 0));
		EXITS(child, 0);
	}
}

CASE(exit_event)
{
	pid_t child = begin(TRACED_CHILD(_exit(9)), PTRACE_O_TRACEEXIT);
	STOP(child, EVENT(PTRACE_EVENT_EXIT));
	EQ(message_of(child), 9 << 8);
	EQ(REG(child, rdi), 9);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 9);
}

CASE(exit_event_of_a_killed_tracee)
{
	pid_t child = begin(TRACED_CHILD(for (;;) pause()), PTRACE_O_TRACEEXIT);
	WAIT_STATE(child, 'S');
	OK(kill(child, SIGKILL));
	STOP(child, EVENT(PTRACE_EVENT_EXIT));
	EQ(message_of(child), SIGKILL);
	OK(T(PTRACE_CONT, child, 0, 0));
	EQ(wait_tracee(child), SIGKILL);
}

CASE(exit_event_of_a_fatal_signal)
{
	pid_t child = begin(TRACED_CHILD(raise(SIGTERM)), PTRACE_O_TRACEEXIT);
	STOP(child, SIGTERM);
	OK(T(PTRACE_CONT, child, 0, SIGTERM));
	STOP(child, EVENT(PTRACE_EVENT_EXIT));
	EQ(message_of(child), SIGTERM);
	OK(T(PTRACE_CONT, child, 0, 0));
	EQ(wait_tracee(child), SIGTERM);
}

CASE(options_are_inherited)
{
	pid_t child = begin(TRACED_CHILD({
		if (fork() == 0) {
			if (fork() == 0)
				_exit(1);
			_exit(2);
		}
		_exit(3);
	}), PTRACE_O_TRACEFORK);
	STOP(child, EVENT(PTRACE_EVENT_FORK));
	pid_t made = message_of(child);
	STOP(made, SIGSTOP);
	OK(T(PTRACE_CONT, made, 0, 0));
	STOP(made, EVENT(PTRACE_EVENT_FORK));
	pid_t last = message_of(made);
	STOP(last, SIGSTOP);
	OK(T(PTRACE_CONT, last, 0, 0));
	EXITS(last, 1);
	end_tracee(made);
	end_tracee(child);
}

CASE(the_parent_learns_of_the_end_after_the_tracer)
{
	int ends[2], go[2];
	char byte = 0;
	OK(pipe(ends));
	OK(pipe(go));
	/* The tracer is another process than the parent: this one waits for both. */
	pid_t victim = CHILD(read(go[0], &byte, 1); _exit(5));
	pid_t tracer = CHILD({
		OK(T(PTRACE_SEIZE, victim, 0, 0));
		OK(write(ends[1], "s", 1));
		WAIT_STATE(victim, 'Z');
		sleep_ms(50);
		OK(write(ends[1], "z", 1));
		EXITS(victim, 5);
	});
	OK(read(ends[0], &byte, 1));
	OK(write(go[1], "x", 1));
	int status;
	/* A zombie, but its tracer has not seen that. */
	WAIT_STATE(victim, 'Z');
	EQ(waitpid(victim, &status, WNOHANG), 0);
	EQ(waitpid(victim, &status, 0), victim);
	EQ(status, 5 << 8);
	OK(read(ends[0], &byte, 1));
	EQ(byte, 'z');
	EQ(exit_code(tracer), 0);
}

CASE(threads_end_before_their_process)
{
	pid_t child = begin(TRACED_CHILD({
		clone(other_thread, stack + sizeof stack,
		      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, 0);
		_exit(7);
	}), PTRACE_O_TRACECLONE);
	STOP(child, EVENT(PTRACE_EVENT_CLONE));
	pid_t thread = message_of(child);
	STOP(thread, SIGSTOP);
	OK(T(PTRACE_CONT, child, 0, 0));
	/* The group's end kills the stopped thread; the process's end is told once its is. */
	int status;
	EQ(waitpid(-1, &status, __WALL), thread);
	EQ(status, 7 << 8);
	EQ(waitpid(-1, &status, __WALL), child);
	EQ(status, 7 << 8);
}
