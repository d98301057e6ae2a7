/* POSIX timers that count processor time: of the process, of a thread, of another process. */
#include "../check.h"
#include <pthread.h>

static volatile int fired, overrun;
static void count(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	overrun += info->si_overrun;
	fired++;
}
static long long spent(clockid_t clock)
{
	struct timespec now;
	OK(clock_gettime(clock, &now));
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}
static void spend(int milliseconds)
{
	long long end = spent(CLOCK_THREAD_CPUTIME_ID) + milliseconds;
	while (spent(CLOCK_THREAD_CPUTIME_ID) < end)
		for (volatile int i = 0; i < 10000; i++) {
		}
}
static timer_t timer_on(clockid_t clock, int notify, int thread)
{
	timer_t timer;
	struct sigevent event = {.sigev_notify = notify, .sigev_signo = SIGUSR1};
	struct sigaction action = {.sa_sigaction = count, .sa_flags = SA_SIGINFO | SA_RESTART};
	OK(sigaction(SIGUSR1, &action, 0));
#ifdef sigev_notify_thread_id
	event.sigev_notify_thread_id = thread;
#else
	event._sigev_un._tid = thread;
#endif
	OK(timer_create(clock, &event, &timer));
	return timer;
}
static struct itimerspec milliseconds(int value, int interval)
{
	struct itimerspec setting = {{interval / 1000, interval % 1000 * 1000000L}, {value / 1000, value % 1000 * 1000000L}};
	return setting;
}

CASE(a_timer_of_the_process)
{
	timer_t timer = timer_on(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, 0);
	struct itimerspec setting = milliseconds(60, 0), now;
	OK(timer_settime(timer, 0, &setting, 0));
	sleep_ms(200);
	EQ(fired, 0);
	OK(timer_gettime(timer, &now));
	CHECK(now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 60000000);
	long long before = spent(CLOCK_PROCESS_CPUTIME_ID);
	while (!fired)
		spend(1);
	long long after = spent(CLOCK_PROCESS_CPUTIME_ID);
	NOTE("after %lld ms", after - before);
	CHECK(after - before >= 40);
	spend(100);
	EQ(fired, 1);
	OK(timer_gettime(timer, &now));
	EQ(now.it_value.tv_nsec, 0);
}

CASE(an_absolute_timer_of_a_thread)
{
	timer_t timer = timer_on(CLOCK_THREAD_CPUTIME_ID, SIGEV_THREAD_ID, (int)syscall(SYS_gettid));
	long long goal = spent(CLOCK_THREAD_CPUTIME_ID) + 50;
	struct itimerspec setting = milliseconds((int)goal, 0);
	OK(timer_settime(timer, TIMER_ABSTIME, &setting, 0));
	while (!fired)
		spend(1);
	CHECK(spent(CLOCK_THREAD_CPUTIME_ID) >= goal);
	/* A time that has passed is told at once. */
	fired = 0;
	setting = milliseconds(1, 0);
	OK(timer_settime(timer, TIMER_ABSTIME, &setting, 0));
	for (int i = 0; i < 100 && !fired; i++)
		sleep_ms(5);
	EQ(fired, 1);
}

CASE(a_period_counts_what_is_missed)
{
	timer_t timer = timer_on(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, 0);
	struct itimerspec setting = milliseconds(20, 20), now;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	OK(timer_settime(timer, 0, &setting, 0));
	spend(200);
	OK(sigprocmask(SIG_UNBLOCK, &set, 0));
	EQ(fired, 1);
	NOTE("%d missed", overrun);
	CHECK(overrun >= 5 && overrun <= 12);
	while (fired < 3)
		spend(1);
	OK(timer_gettime(timer, &now));
	EQ(now.it_interval.tv_nsec, 20000000);
	CHECK(now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 20000000);
}

static void *spender(void *unused)
{
	spend(100);
	return unused;
}
CASE(other_threads_count_for_the_process_only)
{
	timer_t of_process = timer_on(CLOCK_PROCESS_CPUTIME_ID, SIGEV_NONE, 0), of_thread = timer_on(CLOCK_THREAD_CPUTIME_ID, SIGEV_NONE, 0);
	struct itimerspec setting = milliseconds(1000, 0), now;
	pthread_t thread;
	OK(timer_settime(of_process, 0, &setting, 0));
	OK(timer_settime(of_thread, 0, &setting, 0));
	EQ(pthread_create(&thread, 0, spender, 0), 0);
	EQ(pthread_join(thread, 0), 0);
	OK(timer_gettime(of_process, &now));
	CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_nsec <= 900000000);
	OK(timer_gettime(of_thread, &now));
	CHECK(now.it_value.tv_sec == 1 || now.it_value.tv_nsec > 900000000);
}

CASE(a_timer_of_another_process)
{
	int ends[2];
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		char byte;
		if (read(ends[0], &byte, 1) == 1)
			spend(200);
		for (;;)
			pause();
	}
	clockid_t clock;
	EQ(clock_getcpuclockid(child, &clock), 0);
	timer_t timer = timer_on(clock, SIGEV_SIGNAL, 0);
	struct itimerspec setting = milliseconds(100, 0), now;
	OK(timer_settime(timer, 0, &setting, 0));
	sleep_ms(150);
	EQ(fired, 0);
	EQ(write(ends[1], "x", 1), 1);
	for (int i = 0; i < 400 && !fired; i++)
		sleep_ms(10);
	EQ(fired, 1);
	CHECK(spent(clock) >= 100);
	OK(timer_settime(timer, 0, &setting, 0));
	OK(kill(child, SIGKILL));
	wait_status(child);
	OK(timer_gettime(timer, &now));
	OUT("of who is gone: %d %d", (int)now.it_value.tv_sec, (int)now.it_value.tv_nsec);
	OUT("set: %s", timer_settime(timer, 0, &setting, 0) < 0 ? errno_name(errno) : "done");
	OUT("created: %s", timer_create(clock, 0, &timer) < 0 ? errno_name(errno) : "done");
}

CASE(clocks_that_have_none)
{
	timer_t timer;
	static const int clocks[] = {4, 5, 6, 10, 12, -1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, 100};
	for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		int id;
		OUT("%d: %s", clocks[i], syscall(SYS_timer_create, clocks[i], 0, &id) < 0 ? errno_name(errno) : "made");
	}
	/* Of a thread of another process. */
	clockid_t other = (clockid_t)(~(unsigned)getppid() << 3 | 6);
	OUT("another's thread: %s", timer_create(other, 0, &timer) < 0 ? errno_name(errno) : "made");
	clockid_t own = (clockid_t)(~(unsigned)getpid() << 3 | 6);
	OUT("the own by number: %s", timer_create(own, 0, &timer) < 0 ? errno_name(errno) : "made");
	own = (clockid_t)(~(unsigned)getppid() << 3 | 2);
	OUT("the parent: %s", timer_create(own, 0, &timer) < 0 ? errno_name(errno) : "made");
	own = (clockid_t)(~(unsigned)getppid() << 3 | 1);
	OUT("the parent's user time: %s", timer_create(own, 0, &timer) < 0 ? errno_name(errno) : "made");
}

CASE(a_timer_of_user_time)
{
	clockid_t clock = (clockid_t)(~0u << 3 | 1);
	timer_t timer = timer_on(clock, SIGEV_SIGNAL, 0);
	struct itimerspec setting = milliseconds(30, 0);
	OK(timer_settime(timer, 0, &setting, 0));
	while (!fired)
		spend(1);
	EQ(fired, 1);
	OK(timer_delete(timer));
}
