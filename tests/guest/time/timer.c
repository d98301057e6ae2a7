/* Timers: alarm(2), setitimer(2), POSIX timers. */
#include "../check.h"

static volatile int fired;
static void count(int number)
{
	(void)number;
	fired++;
}

static volatile int overrun, timer_value;
static void count_timer(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	fired++;
	overrun = info->si_overrun;
	timer_value = info->si_value.sival_int;
}

static void wait_for(int wanted)
{
	for (int i = 0; i < 400 && fired < wanted; i++)
		sleep_ms(5);
	CHECK(fired >= wanted);
}

CASE(alarm_fires_after_a_second)
{
	signal(SIGALRM, count);
	long long start = now_ns();
	EQ(alarm(1), 0);
	pause();
	EQ(fired, 1);
	CHECK(now_ns() - start >= 990000000);
}

CASE(alarm_gives_the_rest_and_cancels)
{
	EQ(alarm(100), 0);
	sleep_ms(20);
	EQ(alarm(50), 100);
	EQ(alarm(0), 50);
	EQ(alarm(0), 0);
}

CASE(interval_timer_repeats)
{
	struct itimerval timer = {{0, 10000}, {0, 10000}}, now;
	signal(SIGALRM, count);
	OK(setitimer(ITIMER_REAL, &timer, 0));
	wait_for(5);
	OK(getitimer(ITIMER_REAL, &now));
	EQ(now.it_interval.tv_usec, 10000);
	timer = (struct itimerval){0};
	OK(setitimer(ITIMER_REAL, &timer, &now));
	CHECK(now.it_value.tv_usec <= 10000);
	int before = fired;
	sleep_ms(50);
	EQ(fired, before);
}

CASE(virtual_timer_counts_user_time)
{
	struct itimerval timer = {{0, 0}, {0, 30000}};
	signal(SIGVTALRM, count);
	OK(setitimer(ITIMER_VIRTUAL, &timer, 0));
	sleep_ms(60);
	EQ(fired, 0);
	long long end = now_ns() + 5000000000LL;
	while (!fired && now_ns() < end)
		for (volatile int i = 0; i < 10000; i++) {
		}
	EQ(fired, 1);
}

CASE(profiling_timer_counts_all_time)
{
	struct itimerval timer = {{0, 0}, {0, 30000}};
	signal(SIGPROF, count);
	OK(setitimer(ITIMER_PROF, &timer, 0));
	sleep_ms(60);
	EQ(fired, 0);
	long long end = now_ns() + 5000000000LL;
	while (!fired && now_ns() < end)
		getppid();
	EQ(fired, 1);
}

CASE(itimer_errors)
{
	struct itimerval timer = {{0, 0}, {0, 1000000}};
	ERR(setitimer(ITIMER_REAL, &timer, 0), EINVAL);
	timer.it_value.tv_usec = -1;
	ERR(setitimer(ITIMER_REAL, &timer, 0), EINVAL);
	ERR(setitimer(9, 0, 0), EINVAL);
	ERR(getitimer(9, &timer), EINVAL);
	ERR(syscall(SYS_setitimer, ITIMER_REAL, 16L, 0), EFAULT);
	ERR(syscall(SYS_getitimer, ITIMER_REAL, 16L), EFAULT);
}

CASE(posix_timer_sends_its_signal)
{
	timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 42};
	struct sigaction action = {.sa_sigaction = count_timer, .sa_flags = SA_SIGINFO};
	struct itimerspec when = {{0, 0}, {0, 20000000}}, left;
	OK(sigaction(SIGRTMIN, &action, 0));
	OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
	OK(timer_settime(timer, 0, &when, 0));
	OK(timer_gettime(timer, &left));
	CHECK(left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 20000000);
	wait_for(1);
	EQ(timer_value, 42);
	OK(timer_gettime(timer, &left));
	EQ(left.it_value.tv_nsec, 0);
	OK(timer_delete(timer));
}

CASE(posix_timer_counts_overruns)
{
	timer_t timer;
	sigset_t set;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
	struct sigaction action = {.sa_sigaction = count_timer, .sa_flags = SA_SIGINFO};
	struct itimerspec when = {{0, 5000000}, {0, 5000000}};
	OK(sigaction(SIGRTMIN, &action, 0));
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
	OK(timer_settime(timer, 0, &when, 0));
	sleep_ms(100);
	OK(sigprocmask(SIG_UNBLOCK, &set, 0));
	wait_for(1);
	NOTE("overrun %d", overrun);
	CHECK(timer_getoverrun(timer) >= 0);
	CHECK(overrun >= 10 || fired > 1);
}

CASE(posix_timer_without_signal)
{
	timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_NONE};
	struct itimerspec when = {{0, 0}, {1, 0}}, left;
	OK(timer_create(CLOCK_REALTIME, &event, &timer));
	OK(timer_settime(timer, 0, &when, 0));
	OK(timer_gettime(timer, &left));
	CHECK(left.it_value.tv_nsec > 0);
}

CASE(posix_timers_are_not_inherited)
{
	timer_t timer;
	struct itimerspec when = {{0, 0}, {0, 10000000}};
	signal(SIGALRM, count);
	OK(timer_create(CLOCK_MONOTONIC, 0, &timer));
	IN_CHILD({
		struct itimerspec left;
		ERR(timer_gettime(timer, &left), EINVAL);
	});
	OK(timer_settime(timer, 0, &when, 0));
	wait_for(1);
}

CASE(posix_timer_errors)
{
	timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99};
	struct itimerspec when = {{0, 0}, {0, 1000000000}};
	ERR(timer_create(77, 0, &timer), EINVAL);
	ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, 16L, &timer), EFAULT);
	ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, 0, 16L), EFAULT);
	ERR(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
	ERR(syscall(SYS_timer_settime, 9999, 0, &when, 0), EINVAL);
	ERR(syscall(SYS_timer_delete, 9999), EINVAL);
	OK(timer_create(CLOCK_MONOTONIC, 0, &timer));
	ERR(timer_settime(timer, 0, &when, 0), EINVAL);
}

static long long user_and_system(long long *system)
{
	struct rusage usage;
	OK(getrusage(RUSAGE_SELF, &usage));
	*system = usage.ru_stime.tv_sec * 1000000LL + usage.ru_stime.tv_usec;
	return usage.ru_utime.tv_sec * 1000000LL + usage.ru_utime.tv_usec;
}

static char zeros[1 << 20];

CASE(user_and_system_time_are_told_apart)
{
	long long system, user, before_system, before_user = user_and_system(&before_system);
	long long end = now_ns() + 300000000LL;
	while (now_ns() < end)
		for (volatile int i = 0; i < 100000; i++) {
		}
	user = user_and_system(&system);
	CHECK(user - before_user > 2 * (system - before_system));
	before_user = user, before_system = system;
	int zero = OK(open("/dev/zero", O_RDONLY));
	end = now_ns() + 300000000LL;
	while (now_ns() < end)
		EQ(read(zero, zeros, sizeof zeros), sizeof zeros);
	user = user_and_system(&system);
	CHECK(system - before_system > 2 * (user - before_user));
}

CASE(timers_of_processor_time_tell_what_is_left)
{
	struct itimerval timer = {{0, 0}, {5, 0}}, left;
	OK(setitimer(ITIMER_PROF, &timer, 0));
	OK(getitimer(ITIMER_PROF, &left));
	CHECK(left.it_value.tv_sec == 5 && left.it_value.tv_usec <= 10000);
	timer.it_value.tv_sec = 0;
	OK(setitimer(ITIMER_PROF, &timer, &left));
	CHECK(left.it_value.tv_sec == 5);
	OK(getitimer(ITIMER_PROF, &left));
	EQ(left.it_value.tv_sec, 0);
	EQ(left.it_value.tv_usec, 0);
}

CASE(a_periodic_profiling_timer_goes_on)
{
	struct itimerval timer = {{0, 10000}, {0, 10000}};
	signal(SIGPROF, count);
	OK(setitimer(ITIMER_PROF, &timer, 0));
	long long end = now_ns() + 10000000000LL;
	while (fired < 5 && now_ns() < end) {
	}
	CHECK(fired >= 5);
}
