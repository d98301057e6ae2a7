/* wait4(2) and waitid(2): whom they wait for, what they say, and when they refuse. */
#include "../check.h"
#include <poll.h>

static pid_t child_exiting(int code)
{
	pid_t child = OK(fork());
	if (child == 0)
		_exit(code);
	return child;
}

CASE(exit_code_is_the_low_eight_bits)
{
	int codes[] = {0, 1, 127, 128, 255, 256, 257, -1};
	for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++)
		OUT("exit(%d) is seen as %d", codes[i], exit_code(child_exiting(codes[i])));
}

CASE(status_word_of_exit)
{
	OUT("status word 0x%x", wait_status(child_exiting(0x12)));
}

CASE(status_word_of_each_fatal_signal)
{
	int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV,
			 SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,
			 SIGPWR, SIGSYS, 34, 64};
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
		pid_t child = sleeping_child();
		OK(kill(child, signals[i]));
		OUT("signal %d gives status word 0x%x", signals[i], wait_status(child));
	}
}

CASE(WNOHANG_is_zero_while_the_child_lives)
{
	pid_t child = sleeping_child();
	EQ(waitpid(child, 0, WNOHANG), 0);
	EQ(waitpid(-1, 0, WNOHANG), 0);
	OK(kill(child, SIGKILL));
	EQ(death_signal(child), SIGKILL);
	ERR(waitpid(child, 0, WNOHANG), ECHILD);
}

CASE(WNOHANG_polls_a_child_that_sleeps)
{
	pid_t child = OK(fork());
	if (child == 0) {
		sleep_ms(100);
		_exit(3);
	}
	int polls = 0, status = 0;
	pid_t waited;
	while ((waited = waitpid(child, &status, WNOHANG)) == 0) {
		polls++;
		sleep_ms(10);
	}
	EQ(waited, child);
	CHECK(polls > 0);
	EQ(WEXITSTATUS(status), 3);
}

CASE(no_child_is_ECHILD)
{
	ERR(waitpid(-1, 0, 0), ECHILD);
	ERR(waitpid(-1, 0, WNOHANG), ECHILD);
	ERR(wait4(getpid(), 0, 0, 0), ECHILD);
}

CASE(not_my_child_is_ECHILD)
{
	ERR(waitpid(1, 0, 0), ECHILD);
	ERR(waitpid(getppid(), 0, 0), ECHILD);
	ERR(waitpid(999999, 0, 0), ECHILD);
}

CASE(unknown_option_is_EINVAL)
{
	ERR(waitpid(-1, 0, 0x100), EINVAL);
	ERR(waitpid(-1, 0, WEXITED), EINVAL);
}

CASE(pid_INT_MIN_is_ESRCH)
{
	ERR(waitpid(INT_MIN, 0, 0), ESRCH);
}

CASE(bad_status_pointer_is_EFAULT_and_the_child_is_gone)
{
	pid_t child = child_exiting(1);
	siginfo_t info;
	OK(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
	ERR(syscall(SYS_wait4, child, 16L, 0, 0), EFAULT);
	ERR(waitpid(child, 0, 0), ECHILD);
}

CASE(minus_one_takes_any_child)
{
	pid_t a = child_exiting(1), b = child_exiting(2);
	int seen = 0;
	for (int i = 0; i < 2; i++) {
		pid_t w = OK(waitpid(-1, 0, 0));
		seen |= w == a ? 1 : w == b ? 2 : 4;
	}
	EQ(seen, 3);
}

CASE(zero_takes_only_my_group)
{
	pid_t other = sleeping_child();
	OK(setpgid(other, other));
	ERR(waitpid(0, 0, WNOHANG), ECHILD);
	pid_t mine = child_exiting(0);
	EQ(OK(waitpid(0, 0, 0)), mine);
	OK(kill(other, SIGKILL));
	EQ(wait_status(other), SIGKILL);
}

CASE(minus_group_takes_that_group)
{
	pid_t leader = sleeping_child(), other = sleeping_child();
	OK(setpgid(leader, leader));
	OK(kill(leader, SIGKILL));
	EQ(OK(waitpid(-leader, 0, 0)), leader);
	ERR(waitpid(-leader, 0, 0), ECHILD);
	OK(kill(other, SIGKILL));
	wait_status(other);
}

CASE(WUNTRACED_reports_a_stop_once)
{
	int status;
	pid_t child = sleeping_child();
	OK(kill(child, SIGSTOP));
	EQ(OK(waitpid(child, &status, WUNTRACED)), child);
	EQ(WIFSTOPPED(status), 1);
	OUT("status word 0x%x", status);
	EQ(waitpid(child, &status, WUNTRACED | WNOHANG), 0);
	OK(kill(child, SIGKILL));
	wait_status(child);
}

CASE(a_stop_is_not_reported_without_WUNTRACED)
{
	pid_t child = sleeping_child();
	OK(kill(child, SIGSTOP));
	WAIT_STATE(child, 'T');
	EQ(waitpid(child, 0, WNOHANG), 0);
	OK(kill(child, SIGKILL));
	EQ(death_signal(child), SIGKILL);
}

CASE(WCONTINUED_reports_a_continue_once)
{
	int status;
	pid_t child = sleeping_child();
	OK(kill(child, SIGSTOP));
	EQ(OK(waitpid(child, &status, WUNTRACED)), child);
	OK(kill(child, SIGCONT));
	EQ(OK(waitpid(child, &status, WCONTINUED)), child);
	EQ(WIFCONTINUED(status), 1);
	OUT("status word 0x%x", status);
	EQ(waitpid(child, &status, WCONTINUED | WNOHANG), 0);
	OK(kill(child, SIGKILL));
	wait_status(child);
}

CASE(stop_signals_each_show_in_the_status_word)
{
	int signals[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
	for (int i = 0; i < 4; i++) {
		int status;
		pid_t child = sleeping_child();
		OK(kill(child, signals[i]));
		EQ(OK(waitpid(child, &status, WUNTRACED)), child);
		OUT("signal %d gives 0x%x", signals[i], status);
		OK(kill(child, SIGKILL));
		wait_status(child);
	}
}

CASE(wait_is_interrupted_by_a_handler)
{
	CATCH(SIGALRM, 0);
	pid_t child = sleeping_child();
	alarm_ms(30);
	ERR(waitpid(child, 0, 0), EINTR);
	OK(kill(child, SIGKILL));
	wait_status(child);
}

CASE(ignored_SIGCHLD_leaves_no_zombie)
{
	signal(SIGCHLD, SIG_IGN);
	child_exiting(0);
	child_exiting(0);
	ERR(waitpid(-1, 0, 0), ECHILD);
}

CASE(SA_NOCLDWAIT_leaves_no_zombie)
{
	struct sigaction action = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
	OK(sigaction(SIGCHLD, &action, 0));
	child_exiting(0);
	ERR(waitpid(-1, 0, 0), ECHILD);
}

CASE(rusage_of_the_child)
{
	struct rusage usage;
	pid_t child = OK(fork());
	if (child == 0) {
		struct timespec t;
		do
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
		while (t.tv_nsec < 60000000 && t.tv_sec == 0);
		_exit(0);
	}
	memset(&usage, 0xff, sizeof usage);
	EQ(OK(wait4(child, 0, 0, &usage)), child);
	long milliseconds = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
			    (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
	NOTE("child used %ld ms", milliseconds);
	CHECK(milliseconds >= 30 && milliseconds < 2000);
	struct rusage all;
	OK(getrusage(RUSAGE_CHILDREN, &all));
	CHECK(all.ru_utime.tv_usec + all.ru_stime.tv_usec + all.ru_utime.tv_sec + all.ru_stime.tv_sec > 0);
}

CASE(waitid_exit_fills_siginfo)
{
	siginfo_t info;
	pid_t child = child_exiting(11);
	memset(&info, 0xff, sizeof info);
	EQ(OK(waitid(P_PID, child, &info, WEXITED)), 0);
	EQ(info.si_pid, child);
	EQ(info.si_uid, getuid());
	OUT("signo %d code %d status %d errno %d", info.si_signo, info.si_code, info.si_status, info.si_errno);
}

CASE(waitid_signal_fills_siginfo)
{
	siginfo_t info;
	pid_t child = sleeping_child();
	OK(kill(child, SIGTERM));
	OK(waitid(P_ALL, 0, &info, WEXITED));
	OUT("signo %d code %d status %d", info.si_signo, info.si_code, info.si_status);
}

CASE(waitid_stop_and_continue_fill_siginfo)
{
	siginfo_t info;
	pid_t child = sleeping_child();
	OK(kill(child, SIGSTOP));
	OK(waitid(P_PID, child, &info, WSTOPPED));
	OUT("stop: code %d status %d", info.si_code, info.si_status);
	OK(kill(child, SIGCONT));
	OK(waitid(P_PID, child, &info, WCONTINUED));
	OUT("continue: code %d status %d", info.si_code, info.si_status);
	OK(kill(child, SIGKILL));
	wait_status(child);
}

CASE(waitid_WNOWAIT_leaves_the_child_waitable)
{
	siginfo_t info;
	pid_t child = child_exiting(3);
	OK(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
	EQ(info.si_status, 3);
	EQ(exit_code(child), 3);
}

CASE(waitid_WNOHANG_zeroes_siginfo)
{
	siginfo_t info;
	pid_t child = sleeping_child();
	memset(&info, 0xff, sizeof info);
	EQ(OK(waitid(P_PID, child, &info, WEXITED | WNOHANG)), 0);
	EQ(info.si_pid, 0);
	EQ(info.si_signo, 0);
	OK(kill(child, SIGKILL));
	wait_status(child);
}

CASE(waitid_needs_an_event)
{
	siginfo_t info;
	ERR(waitid(P_ALL, 0, &info, 0), EINVAL);
	ERR(waitid(P_ALL, 0, &info, WNOHANG), EINVAL);
	ERR(waitid(P_ALL, 0, &info, WEXITED | 0x100), EINVAL);
}

CASE(waitid_bad_id_type_is_EINVAL)
{
	siginfo_t info;
	ERR(waitid(77, 1, &info, WEXITED), EINVAL);
	ERR(waitid(P_PID, 0, &info, WEXITED), EINVAL);
	ERR(waitid(P_PID, -5, &info, WEXITED), EINVAL);
	ERR(waitid(P_PGID, -5, &info, WEXITED), EINVAL);
}

CASE(waitid_P_PGID_zero_is_my_group)
{
	siginfo_t info;
	pid_t child = child_exiting(1);
	OK(waitid(P_PGID, 0, &info, WEXITED));
	EQ(info.si_pid, child);
}

CASE(waitid_no_child_is_ECHILD)
{
	siginfo_t info;
	ERR(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
	ERR(waitid(P_PID, 1, &info, WEXITED), ECHILD);
}

CASE(waitid_may_have_no_siginfo)
{
	pid_t child = child_exiting(1);
	OK(waitid(P_PID, child, 0, WEXITED));
}

CASE(waitid_bad_descriptor_for_P_PIDFD_is_EBADF)
{
	siginfo_t info;
	ERR(waitid(P_PIDFD, 99, &info, WEXITED), EBADF);
	ERR(waitid(P_PIDFD, -1, &info, WEXITED), EINVAL);
}

CASE(pidfd_open_polls_readable_at_exit)
{
	pid_t child = sleeping_child();
	int fd = OK(syscall(SYS_pidfd_open, child, 0));
	struct pollfd watch = {fd, POLLIN, 0};
	EQ(poll(&watch, 1, 0), 0);
	OK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, 0, 0));
	EQ(poll(&watch, 1, 5000), 1);
	EQ(watch.revents, POLLIN);
	EQ(death_signal(child), SIGTERM);
}

CASE(a_directory_of_proc_names_a_process)
{
	char path[64];
	pid_t child = sleeping_child();
	snprintf(path, sizeof path, "/proc/%d", child);
	int fd = OK(open(path, O_RDONLY | O_DIRECTORY));
	OK(syscall(SYS_pidfd_send_signal, fd, 0, 0, 0));
	/* Not so for its threads', for what is below, and for a descriptor that only names the place. */
	snprintf(path, sizeof path, "/proc/%d/task/%d", child, child);
	ERR(syscall(SYS_pidfd_send_signal, OK(open(path, O_RDONLY)), 0, 0, 0), EBADF);
	snprintf(path, sizeof path, "/proc/%d/fd", child);
	ERR(syscall(SYS_pidfd_send_signal, OK(open(path, O_RDONLY)), 0, 0, 0), EBADF);
	snprintf(path, sizeof path, "/proc/%d/stat", child);
	ERR(syscall(SYS_pidfd_send_signal, OK(open(path, O_RDONLY)), 0, 0, 0), EBADF);
	ERR(syscall(SYS_pidfd_send_signal, OK(open("/proc", O_RDONLY)), 0, 0, 0), EBADF);
	snprintf(path, sizeof path, "/proc/%d", child);
	ERR(syscall(SYS_pidfd_send_signal, OK(open(path, O_PATH)), 0, 0, 0), EBADF);
	ERR(syscall(SYS_pidfd_getfd, fd, 0, 0), EBADF);
	OK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, 0, 0));
	EQ(death_signal(child), SIGTERM);
	ERR(syscall(SYS_pidfd_send_signal, fd, SIGTERM, 0, 0), ESRCH);
}

CASE(pidfd_open_errors)
{
	ERR(syscall(SYS_pidfd_open, 0, 0), EINVAL);
	ERR(syscall(SYS_pidfd_open, -1, 0), EINVAL);
	ERR(syscall(SYS_pidfd_open, getpid(), 1), EINVAL);
	ERR(syscall(SYS_pidfd_open, 4000000, 0), ESRCH);
}
