/* Masks and pending sets: sigprocmask, sigpending, sigsuspend, and the order of delivery. */
#include "../check.h"

static volatile int order[16], order_length;
static void note_order(int number)
{
	if (order_length < 16)
		order[order_length++] = number;
}

static sigset_t set_of(int first, ...)
{
	sigset_t set;
	va_list list;
	sigemptyset(&set);
	va_start(list, first);
	for (int number = first; number; number = va_arg(list, int))
		sigaddset(&set, number);
	va_end(list);
	return set;
}

CASE(block_holds_and_unblock_delivers)
{
	sigset_t set = set_of(SIGUSR1, 0);
	signal(SIGUSR1, note_order);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	raise(SIGUSR1);
	EQ(order_length, 0);
	OK(sigprocmask(SIG_UNBLOCK, &set, 0));
	EQ(order_length, 1);
}

CASE(SETMASK_replaces_and_gives_the_old)
{
	sigset_t one = set_of(SIGUSR1, 0), two = set_of(SIGUSR2, 0), old;
	OK(sigprocmask(SIG_SETMASK, &one, 0));
	OK(sigprocmask(SIG_SETMASK, &two, &old));
	EQ(sigismember(&old, SIGUSR1), 1);
	EQ(sigismember(&old, SIGUSR2), 0);
	OK(sigprocmask(SIG_SETMASK, 0, &old));
	EQ(sigismember(&old, SIGUSR1), 0);
	EQ(sigismember(&old, SIGUSR2), 1);
}

CASE(bad_how_is_EINVAL)
{
	sigset_t set = set_of(SIGUSR1, 0);
	ERR(sigprocmask(3, &set, 0), EINVAL);
	ERR(sigprocmask(-1, &set, 0), EINVAL);
	OK(sigprocmask(77, 0, &set));
}

CASE(bad_set_size_is_EINVAL)
{
	uint64_t set = 0;
	ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, 0, 4), EINVAL);
	ERR(syscall(SYS_rt_sigsuspend, &set, 16), EINVAL);
	ERR(syscall(SYS_rt_sigtimedwait, &set, 0, 0, 4), EINVAL);
	ERR(syscall(SYS_rt_sigpending, &set, 16), EINVAL);
}

CASE(KILL_and_STOP_cannot_be_blocked)
{
	sigset_t set, old;
	sigfillset(&set);
	OK(sigprocmask(SIG_SETMASK, &set, 0));
	OK(sigprocmask(SIG_SETMASK, 0, &old));
	EQ(sigismember(&old, SIGKILL), 0);
	EQ(sigismember(&old, SIGSTOP), 0);
	EQ(sigismember(&old, SIGTERM), 1);
	DIES(SIGKILL, raise(SIGKILL));
}

CASE(a_standard_signal_is_pending_once)
{
	sigset_t set = set_of(SIGUSR1, 0);
	signal(SIGUSR1, note_order);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	for (int i = 0; i < 5; i++)
		raise(SIGUSR1);
	OK(sigprocmask(SIG_UNBLOCK, &set, 0));
	EQ(order_length, 1);
}

CASE(real_time_signals_queue)
{
	sigset_t set = set_of(SIGRTMIN, 0);
	signal(SIGRTMIN, note_order);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	for (int i = 0; i < 5; i++)
		raise(SIGRTMIN);
	OK(sigprocmask(SIG_UNBLOCK, &set, 0));
	EQ(order_length, 5);
}

static volatile int values[8], values_length;
static void note_value(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	values[values_length++] = info->si_value.sival_int;
}

CASE(real_time_signals_keep_order_and_values)
{
	sigset_t set = set_of(SIGRTMIN + 1, 0);
	struct sigaction action = {.sa_sigaction = note_value, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGRTMIN + 1, &action, 0));
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	for (int i = 0; i < 4; i++)
		OK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 10 + i}));
	OK(sigprocmask(SIG_UNBLOCK, &set, 0));
	EQ(values_length, 4);
	for (int i = 0; i < 4; i++)
		EQ(values[i], 10 + i);
}

CASE(several_pending_signals_run_in_the_order_of_linux)
{
	int numbers[] = {SIGRTMIN + 5, SIGUSR2, SIGRTMIN + 1, SIGUSR1, SIGTERM, SIGHUP};
	sigset_t all, old;
	sigfillset(&all);
	for (int i = 0; i < 6; i++) {
		struct sigaction action = {.sa_handler = note_order, .sa_mask = all};
		OK(sigaction(numbers[i], &action, 0));
	}
	OK(sigprocmask(SIG_SETMASK, &all, &old));
	for (int i = 0; i < 6; i++)
		raise(numbers[i]);
	OK(sigprocmask(SIG_SETMASK, &old, 0));
	EQ(order_length, 6);
	/* Every handler blocks everything, so they ran one after the other. */
	OUT("%d %d %d %d %d %d", order[0], order[1], order[2], order[3], order[4], order[5]);
}

CASE(synchronous_signals_come_first)
{
	sigset_t all, old;
	sigfillset(&all);
	int numbers[] = {SIGUSR1, SIGSEGV, SIGHUP, SIGFPE};
	for (int i = 0; i < 4; i++) {
		struct sigaction action = {.sa_handler = note_order, .sa_mask = all};
		OK(sigaction(numbers[i], &action, 0));
	}
	OK(sigprocmask(SIG_SETMASK, &all, &old));
	for (int i = 0; i < 4; i++)
		raise(numbers[i]);
	OK(sigprocmask(SIG_SETMASK, &old, 0));
	OUT("%d %d %d %d", order[0], order[1], order[2], order[3]);
}

CASE(pending_shows_blocked_signals_only)
{
	sigset_t set = set_of(SIGUSR1, SIGRTMAX, 0), pending;
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	raise(SIGUSR1);
	raise(SIGRTMAX);
	OK(sigpending(&pending));
	EQ(sigismember(&pending, SIGUSR1), 1);
	EQ(sigismember(&pending, SIGRTMAX), 1);
	EQ(sigismember(&pending, SIGUSR2), 0);
}

CASE(ignored_but_blocked_signal_is_not_kept_unless_set_before)
{
	sigset_t set = set_of(SIGUSR1, 0), pending;
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	OK(sigpending(&pending));
	/* Linux keeps an ignored signal when it is blocked, since the disposition may change. */
	OUT("pending %d", sigismember(&pending, SIGUSR1));
}

CASE(suspend_waits_with_the_other_mask)
{
	sigset_t block = set_of(SIGALRM, 0), empty, after;
	sigemptyset(&empty);
	signal(SIGALRM, note_order);
	OK(sigprocmask(SIG_BLOCK, &block, 0));
	alarm_ms(20);
	ERR(sigsuspend(&empty), EINTR);
	EQ(order_length, 1);
	OK(sigprocmask(SIG_BLOCK, 0, &after));
	EQ(sigismember(&after, SIGALRM), 1);
}

CASE(suspend_takes_what_is_already_pending)
{
	sigset_t block = set_of(SIGUSR1, 0), empty;
	sigemptyset(&empty);
	signal(SIGUSR1, note_order);
	OK(sigprocmask(SIG_BLOCK, &block, 0));
	raise(SIGUSR1);
	ERR(sigsuspend(&empty), EINTR);
	EQ(order_length, 1);
}

CASE(pause_returns_EINTR_after_a_handler)
{
	signal(SIGALRM, note_order);
	alarm_ms(20);
	ERR(pause(), EINTR);
	EQ(order_length, 1);
}

CASE(timedwait_takes_a_pending_signal)
{
	sigset_t set = set_of(SIGUSR1, 0);
	siginfo_t info;
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	raise(SIGUSR1);
	EQ(sigwaitinfo(&set, &info), SIGUSR1);
	EQ(info.si_pid, getpid());
	OUT("code %d", info.si_code);
	OK(sigpending(&set));
	EQ(sigismember(&set, SIGUSR1), 0);
}

CASE(timedwait_zero_polls)
{
	sigset_t set = set_of(SIGUSR1, 0);
	struct timespec zero = {0, 0};
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	ERR(sigtimedwait(&set, 0, &zero), EAGAIN);
}

CASE(timedwait_times_out)
{
	sigset_t set = set_of(SIGUSR1, 0);
	struct timespec limit = {0, 30000000};
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	long long start = now_ns();
	ERR(sigtimedwait(&set, 0, &limit), EAGAIN);
	CHECK(now_ns() - start >= 30000000);
}

CASE(timedwait_is_woken_by_another_process)
{
	sigset_t set = set_of(SIGUSR1, 0);
	siginfo_t info;
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	pid_t parent = getpid(), child = OK(fork());
	if (child == 0) {
		sleep_ms(20);
		_exit(kill(parent, SIGUSR1));
	}
	EQ(sigwaitinfo(&set, &info), SIGUSR1);
	EQ(info.si_pid, child);
	EQ(exit_code(child), 0);
}

CASE(timedwait_is_interrupted_by_another_handler)
{
	sigset_t set = set_of(SIGUSR1, 0);
	CATCH(SIGALRM, SA_RESTART);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	alarm_ms(20);
	ERR(sigwaitinfo(&set, 0), EINTR);
}

CASE(timedwait_bad_time_is_EINVAL)
{
	sigset_t set = set_of(SIGUSR1, 0);
	struct timespec bad = {0, 1000000000}, negative = {-1, 0};
	ERR(sigtimedwait(&set, 0, &bad), EINVAL);
	ERR(sigtimedwait(&set, 0, &negative), EINVAL);
}

CASE(timedwait_takes_the_lowest_number)
{
	sigset_t set = set_of(SIGUSR1, SIGUSR2, SIGRTMIN, 0);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	raise(SIGRTMIN);
	raise(SIGUSR2);
	raise(SIGUSR1);
	EQ(sigwaitinfo(&set, 0), SIGUSR1);
	EQ(sigwaitinfo(&set, 0), SIGUSR2);
	EQ(sigwaitinfo(&set, 0), SIGRTMIN);
}
