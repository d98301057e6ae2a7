/* kill(2), tkill(2), tgkill(2), rt_sigqueueinfo(2): whom they reach, who may, and the errnos. */
#include "../check.h"
#include <pthread.h>

CASE(signal_zero_only_checks)
{
	pid_t child = sleeping_child();
	OK(kill(child, 0));
	OK(kill(child, SIGKILL));
	wait_status(child);
	ERR(kill(child, 0), ESRCH);
}

CASE(bad_signal_is_EINVAL)
{
	ERR(kill(getpid(), 65), EINVAL);
	ERR(kill(getpid(), -1), EINVAL);
	ERR(kill(999999, 65), ESRCH);
	ERR(syscall(SYS_tgkill, getpid(), getpid(), 65), EINVAL);
	ERR(syscall(SYS_tkill, getpid(), -5), EINVAL);
}

CASE(no_process_is_ESRCH)
{
	ERR(kill(999999, SIGTERM), ESRCH);
	ERR(syscall(SYS_tkill, 999999, SIGTERM), ESRCH);
	ERR(syscall(SYS_tgkill, getpid(), 999999, SIGTERM), ESRCH);
}

CASE(bad_thread_ids_are_EINVAL)
{
	ERR(syscall(SYS_tkill, 0, SIGTERM), EINVAL);
	ERR(syscall(SYS_tkill, -1, SIGTERM), EINVAL);
	ERR(syscall(SYS_tgkill, getpid(), 0, SIGTERM), EINVAL);
	ERR(syscall(SYS_tgkill, -1, getpid(), SIGTERM), EINVAL);
}

CASE(tgkill_checks_the_group)
{
	pid_t child = sleeping_child();
	ERR(syscall(SYS_tgkill, getpid(), child, SIGTERM), ESRCH);
	OK(syscall(SYS_tgkill, child, child, SIGTERM));
	EQ(death_signal(child), SIGTERM);
}

CASE(other_user_is_EPERM)
{
	pid_t child = sleeping_child();
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(kill(child, SIGTERM), EPERM);
		ERR(kill(child, 0), EPERM);
		ERR(kill(1, SIGTERM), EPERM);
	});
	OK(kill(child, SIGKILL));
	wait_status(child);
}

CASE(same_user_may)
{
	int ends[2];
	char byte;
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		OK(setresuid(1000, 1000, 1000));
		EQ(write(ends[1], "x", 1), 1);
		for (;;)
			pause();
	}
	EQ(read(ends[0], &byte, 1), 1);
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		OK(kill(child, SIGTERM));
	});
	EQ(death_signal(child), SIGTERM);
}

CASE(SIGCONT_may_go_anywhere_in_the_session)
{
	pid_t child = sleeping_child();
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		OK(kill(child, SIGCONT));
	});
	OK(kill(child, SIGKILL));
	wait_status(child);
}

CASE(init_ignores_what_it_does_not_handle)
{
	OK(kill(1, SIGKILL));
	OK(kill(1, SIGSTOP));
	sleep_ms(20);
	OK(kill(1, 0));
}

CASE(minus_one_spares_caller_and_init)
{
	/* Run as a user of its own, so that it reaches only its own processes. */
	pid_t runner = OK(fork());
	if (runner == 0) {
		OK(setresuid(4242, 4242, 4242));
		pid_t a = sleeping_child(), b = sleeping_child();
		OK(kill(-1, SIGKILL));
		EQ(death_signal(a), SIGKILL);
		EQ(death_signal(b), SIGKILL);
		OK(kill(-1, SIGKILL)); /* whom one may not reach is passed over in silence */
		_exit(0);
	}
	EQ(exit_code(runner), 0);
}

CASE(sigqueue_refuses_to_forge_a_kill)
{
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_USER};
	pid_t child = sleeping_child();
	ERR(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info), EPERM);
	info.si_code = SI_TKILL;
	ERR(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info), EPERM);
	info.si_code = SI_QUEUE;
	OK(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info));
	EQ(death_signal(child), SIGUSR1);
}

CASE(sigqueue_wild_pointer_is_EFAULT)
{
	ERR(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, 16L), EFAULT);
}

CASE(pending_limit_gives_EAGAIN_for_sigqueue_only)
{
	struct rlimit limit = {3, 3};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	OK(setresuid(5151, 5151, 5151));
	OK(setrlimit(RLIMIT_SIGPENDING, &limit));
	for (int i = 0; i < 3; i++)
		OK(sigqueue(getpid(), SIGRTMIN, (union sigval){0}));
	ERR(sigqueue(getpid(), SIGRTMIN, (union sigval){0}), EAGAIN);
	OK(kill(getpid(), SIGRTMIN));
}

static volatile pthread_t receiver;
static volatile int received;
static void note_thread(int number)
{
	receiver = pthread_self();
	received = number;
}

static void *blocked_thread(void *argument)
{
	sigset_t set;
	sigemptyset(&set);
	pthread_sigmask(SIG_SETMASK, &set, 0);
	while (!received)
		sleep_ms(5);
	return argument;
}

CASE(process_signal_goes_to_a_thread_that_does_not_block_it)
{
	pthread_t thread;
	sigset_t set;
	sigfillset(&set);
	signal(SIGUSR1, note_thread);
	OK(sigprocmask(SIG_SETMASK, &set, 0));
	EQ(pthread_create(&thread, 0, blocked_thread, 0), 0);
	OK(kill(getpid(), SIGUSR1));
	EQ(pthread_join(thread, 0), 0);
	EQ(received, SIGUSR1);
	CHECK(pthread_equal(receiver, thread));
}

CASE(thread_signal_goes_to_that_thread)
{
	pthread_t thread;
	signal(SIGUSR1, note_thread);
	EQ(pthread_create(&thread, 0, blocked_thread, 0), 0);
	EQ(pthread_kill(thread, SIGUSR1), 0);
	EQ(pthread_join(thread, 0), 0);
	CHECK(pthread_equal(receiver, thread));
}

static void *sleep_thread(void *argument)
{
	for (;;)
		pause();
	return argument;
}

CASE(fatal_signal_to_a_thread_ends_the_process)
{
	pid_t child = OK(fork());
	if (child == 0) {
		pthread_t thread;
		EQ(pthread_create(&thread, 0, sleep_thread, 0), 0);
		pthread_kill(thread, SIGTERM);
		sleep_thread(0);
	}
	EQ(death_signal(child), SIGTERM);
}

CASE(stop_and_continue_reach_all_threads)
{
	volatile int *counter = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = OK(fork());
	if (child == 0) {
		pthread_t thread;
		EQ(pthread_create(&thread, 0, sleep_thread, 0), 0);
		for (;;)
			(*counter)++;
	}
	while (*counter == 0)
		sleep_ms(1);
	OK(kill(child, SIGSTOP));
	WAIT_STATE(child, 'T');
	int before = *counter;
	sleep_ms(30);
	EQ(*counter, before);
	OK(kill(child, SIGCONT));
	for (int i = 0; i < 400 && *counter == before; i++)
		sleep_ms(5);
	CHECK(*counter != before);
	OK(kill(child, SIGKILL));
	EQ(death_signal(child), SIGKILL);
}

CASE(SIGCONT_discards_pending_stops_and_the_reverse)
{
	sigset_t set, pending;
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	raise(SIGTSTP);
	raise(SIGCONT);
	OK(sigpending(&pending));
	OUT("after CONT: TSTP %d CONT %d", sigismember(&pending, SIGTSTP), sigismember(&pending, SIGCONT));
	raise(SIGTSTP);
	OK(sigpending(&pending));
	OUT("after TSTP: TSTP %d CONT %d", sigismember(&pending, SIGTSTP), sigismember(&pending, SIGCONT));
}

CASE(KILL_ends_a_stopped_process)
{
	pid_t child = sleeping_child();
	OK(kill(child, SIGSTOP));
	WAIT_STATE(child, 'T');
	OK(kill(child, SIGTERM));
	sleep_ms(20);
	EQ(waitpid(child, 0, WNOHANG), 0);
	OK(kill(child, SIGKILL));
	EQ(death_signal(child), SIGKILL);
}

CASE(a_loop_without_calls_gets_its_signal)
{
	pid_t child = OK(fork());
	if (child == 0)
		for (;;)
			__asm__ volatile("");
	sleep_ms(20);
	OK(kill(child, SIGTERM));
	EQ(death_signal(child), SIGTERM);
}

static volatile int rang;
static void ring(int number)
{
	rang = number;
}

CASE(a_loop_without_calls_runs_its_handler)
{
	signal(SIGALRM, ring);
	alarm_ms(30);
	while (!rang)
		__asm__ volatile("");
	EQ(rang, SIGALRM);
}
