/* Process groups and sessions: setpgid(2), setsid(2), getpgid(2), getsid(2), kill(2) to groups, orphaned groups. */
#include "../check.h"

static void end(pid_t child)
{
	kill(child, SIGKILL);
	wait_status(child);
}

CASE(setpgid_zero_zero_makes_a_leader)
{
	IN_CHILD({
		OK(setpgid(0, 0));
		EQ(getpgrp(), getpid());
		EQ(getpgid(0), getpid());
		EQ(getpgid(getpid()), getpid());
	});
}

CASE(setpgid_moves_a_child)
{
	pid_t child = sleeping_child();
	OK(setpgid(child, 0));
	EQ(getpgid(child), child);
	OK(setpgid(child, getpgrp()));
	EQ(getpgid(child), getpgrp());
	end(child);
}

CASE(setpgid_to_a_siblings_group)
{
	pid_t a = sleeping_child(), b = sleeping_child();
	OK(setpgid(a, a));
	OK(setpgid(b, a));
	EQ(getpgid(b), a);
	OK(kill(-a, SIGTERM));
	EQ(death_signal(a), SIGTERM);
	EQ(death_signal(b), SIGTERM);
}

CASE(setpgid_to_no_group_is_EPERM)
{
	pid_t child = sleeping_child();
	ERR(setpgid(child, 999999), EPERM);
	end(child);
}

CASE(setpgid_negative_is_EINVAL)
{
	ERR(setpgid(0, -1), EINVAL);
}

CASE(setpgid_of_no_process_is_ESRCH)
{
	ERR(setpgid(999999, 0), ESRCH);
	ERR(setpgid(getppid(), 0), ESRCH);
}

CASE(setpgid_of_a_session_leader_is_EPERM)
{
	pid_t child = OK(fork());
	if (child == 0) {
		setsid();
		_exit(setpgid(0, 0) == -1 && errno == EPERM ? 0 : 1);
	}
	EQ(exit_code(child), 0);
}

CASE(setpgid_of_a_child_in_another_session_is_EPERM)
{
	int ends[2];
	char byte;
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		setsid();
		if (write(ends[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	EQ(read(ends[0], &byte, 1), 1);
	ERR(setpgid(child, getpgrp()), EPERM);
	end(child);
}

CASE(setpgid_of_a_child_that_has_execed_is_EACCES)
{
	int ends[2];
	char byte;
	OK(pipe2(ends, O_CLOEXEC));
	int input[2];
	OK(pipe(input));
	pid_t child = OK(fork());
	if (child == 0) {
		dup2(input[0], 0);
		execl("/proc/self/exe", "x", "--wait", (char *)0);
		_exit(126);
	}
	close(ends[1]);
	EQ(read(ends[0], &byte, 1), 0); /* the exec closed the other end */
	ERR(setpgid(child, child), EACCES);
	end(child);
}

__attribute__((constructor)) static void wait_when_asked(int count, char **arguments)
{
	if (count == 2 && strcmp(arguments[1], "--wait") == 0)
		for (;;)
			pause();
}

CASE(setsid_makes_session_and_group)
{
	IN_CHILD({
		EQ(OK(setsid()), getpid());
		EQ(getsid(0), getpid());
		EQ(getpgrp(), getpid());
	});
}

CASE(setsid_of_a_group_leader_is_EPERM)
{
	IN_CHILD({
		OK(setpgid(0, 0));
		ERR(setsid(), EPERM);
	});
}

CASE(getpgid_and_getsid_of_no_process_are_ESRCH)
{
	ERR(getpgid(999999), ESRCH);
	ERR(getsid(999999), ESRCH);
	ERR(getpgid(-1), ESRCH);
}

CASE(kill_zero_reaches_my_group)
{
	pid_t child = OK(fork());
	if (child == 0) {
		OK(setpgid(0, 0));
		sleeping_child();
		sleeping_child();
		signal(SIGTERM, SIG_IGN);
		OK(kill(0, SIGTERM));
		EQ(WTERMSIG(({ int s; OK(wait(&s)); s; })), SIGTERM);
		EQ(WTERMSIG(({ int s; OK(wait(&s)); s; })), SIGTERM);
		_exit(0);
	}
	EQ(exit_code(child), 0);
}

CASE(kill_of_an_empty_group_is_ESRCH)
{
	ERR(kill(-999999, SIGTERM), ESRCH);
	ERR(kill(INT_MIN, SIGTERM), ESRCH);
}

CASE(orphaned_stopped_group_gets_SIGHUP_and_SIGCONT)
{
	int ends[2];
	char seen[64];
	OK(pipe(ends));
	pid_t middle = OK(fork());
	if (middle == 0) {
		pid_t child = OK(fork());
		if (child == 0) {
			OK(setpgid(0, 0));
			close(ends[0]);
			sigset_t set;
			siginfo_t info;
			sigemptyset(&set);
			sigaddset(&set, SIGHUP);
			sigaddset(&set, SIGCONT);
			OK(sigprocmask(SIG_BLOCK, &set, 0));
			raise(SIGSTOP);
			for (int i = 0; i < 2; i++) {
				struct timespec limit = {5, 0};
				int number = sigtimedwait(&set, &info, &limit);
				dprintf(ends[1], "%d ", number);
			}
			_exit(0);
		}
		int status;
		EQ(OK(waitpid(child, &status, WUNTRACED)), child);
		_exit(0);
	}
	close(ends[1]);
	EQ(exit_code(middle), 0);
	size_t done = 0;
	for (ssize_t n; (n = read(ends[0], seen + done, sizeof seen - 1 - done)) > 0;)
		done += n;
	seen[done] = 0;
	OUT("signals %s", seen);
}

CASE(stop_signal_from_the_terminal_is_ignored_in_an_orphaned_group)
{
	/* The group of a session leader without parent in the session is orphaned: SIGTSTP's default does nothing, SIGSTOP stops. */
	int status;
	pid_t child = OK(fork());
	if (child == 0) {
		OK(setsid());
		raise(SIGTSTP);
		raise(SIGTTIN);
		raise(SIGTTOU);
		_exit(5);
	}
	EQ(OK(waitpid(child, &status, WUNTRACED)), child);
	EQ(WIFEXITED(status), 1);
	EQ(WEXITSTATUS(status), 5);
}
