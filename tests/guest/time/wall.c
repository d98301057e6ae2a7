/* Timers and sleeps to a time of the wall clock, while that is set; timers that are cancelled by it. */
#include "../check.h"
#include <poll.h>
#include <sys/timerfd.h>

#ifndef TFD_TIMER_CANCEL_ON_SET
#define TFD_TIMER_CANCEL_ON_SET 2
#endif

static long long ahead_by; /* seconds by which the clock was moved so far */

static void move_clock(long long seconds)
{
	struct timespec now;
	OK(clock_gettime(CLOCK_REALTIME, &now));
	now.tv_sec += seconds;
	OK(clock_settime(CLOCK_REALTIME, &now));
	ahead_by += seconds;
}
static void put_back(void) { move_clock(-ahead_by); }

static struct itimerspec in(clockid_t clock, long long milliseconds, int interval)
{
	struct itimerspec when = {{interval, 0}, {0, 0}};
	OK(clock_gettime(clock, &when.it_value));
	when.it_value.tv_sec += milliseconds / 1000;
	when.it_value.tv_nsec += milliseconds % 1000 * 1000000;
	if (when.it_value.tv_nsec >= 1000000000) {
		when.it_value.tv_nsec -= 1000000000;
		when.it_value.tv_sec++;
	}
	return when;
}
static const char *readable(int fd)
{
	struct pollfd watched = {fd, POLLIN, 0};
	uint64_t ticks = 0;
	static char text[100];
	int ready = poll(&watched, 1, 100);
	ssize_t got = read(fd, &ticks, 8);
	snprintf(text, sizeof text, "ready %d, %s %llu", ready, got == 8 ? "read" : errno_name(errno), (unsigned long long)ticks);
	return text;
}
/* Seconds to the next ten, since waits take their time. */
static int rounded(const struct itimerspec *now)
{
	return (int)(now->it_value.tv_sec + 5) / 10 * 10;
}
static long long left(int fd)
{
	struct itimerspec now;
	OK(timerfd_gettime(fd, &now));
	return rounded(&now);
}

/* What a read gives, then what is left. */
static void show(const char *what, int fd)
{
	sleep_ms(20);
	const char *text = readable(fd);
	OUT("%s: %s, left %lld", what, text, left(fd));
}

CASE(an_absolute_timer_goes_by_the_clock)
{
	int fd = OK(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK)), other = OK(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
	int relative = OK(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK)), steady = OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	struct itimerspec when = in(CLOCK_REALTIME, 1000000, 0), later = {{0, 0}, {1000, 0}};
	OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, 0));
	when = in(CLOCK_REALTIME, 2000000, 0);
	OK(timerfd_settime(other, TFD_TIMER_ABSTIME, &when, 0));
	OK(timerfd_settime(relative, 0, &later, 0));
	when = in(CLOCK_MONOTONIC, 1000000, 0);
	OK(timerfd_settime(steady, TFD_TIMER_ABSTIME, &when, 0));
	move_clock(500);
	show("half way", fd);
	show("the other half way", other);
	move_clock(600);
	OUT("beyond: %s", readable(fd));
	show("the other", other);
	show("relative", relative);
	show("steady", steady);
	put_back();
	show("back again", fd);
	OUT("the other back again: left %lld", left(other));
}

CASE(setting_the_clock_back_puts_a_timer_off)
{
	int fd = OK(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
	struct itimerspec when = in(CLOCK_REALTIME, 200, 0);
	OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, 0));
	move_clock(-100);
	sleep_ms(400);
	show("put off", fd);
	put_back();
	OUT("put back: %s", readable(fd));
}

CASE(a_period_goes_on_by_the_clock)
{
	int fd = OK(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
	struct itimerspec when = in(CLOCK_REALTIME, 100, 100);
	OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, 0));
	sleep_ms(200);
	show("first", fd);
	move_clock(350);
	show("after 350 seconds", fd);
	put_back();
}

CASE(a_timer_is_cancelled_by_setting_the_clock)
{
	enum { CANCEL = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET };
	int fd = OK(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK)), steady = OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	struct itimerspec when = in(CLOCK_REALTIME, 1000000, 0), never = {{0, 0}, {0, 0}}, old = {{7, 7}, {7, 7}};
	OK(timerfd_settime(fd, CANCEL, &when, 0));
	OUT("before: %s", readable(fd));
	move_clock(10);
	OUT("after: %s", readable(fd));
	show("once more", fd);
	move_clock(10);
	OUT("set unread: %s", timerfd_settime(fd, CANCEL, &when, &old) < 0 ? errno_name(errno) : "done");
	OUT("old value %d", (int)old.it_value.tv_sec);
	OUT("then: %s", readable(fd));
	move_clock(10);
	OUT("set unread without: %s", timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, 0) < 0 ? errno_name(errno) : "done");
	OUT("then: %s", readable(fd));
	move_clock(10);
	OUT("not cancelled: %s", readable(fd));
	OK(timerfd_settime(fd, CANCEL, &never, 0));
	move_clock(10);
	OUT("disarmed: %s", readable(fd));
	OK(timerfd_settime(fd, TFD_TIMER_CANCEL_ON_SET, &when, 0));
	move_clock(10);
	OUT("relative: %s", readable(fd));
	when = in(CLOCK_MONOTONIC, 1000000, 0);
	OK(timerfd_settime(steady, CANCEL, &when, 0));
	move_clock(10);
	OUT("steady: %s", readable(steady));
	put_back();
}

CASE(a_blocked_reader_is_told)
{
	int fd = OK(timerfd_create(CLOCK_REALTIME, 0));
	struct itimerspec when = in(CLOCK_REALTIME, 1000000, 0);
	OK(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, 0));
	pid_t child = OK(fork());
	if (child == 0) {
		uint64_t ticks;
		_exit(read(fd, &ticks, 8) == -1 && errno == ECANCELED ? 0 : 1);
	}
	WAIT_STATE(child, 'S');
	move_clock(1);
	EQ(exit_code(child), 0);
	put_back();
}

CASE(a_sleep_to_a_time_goes_by_the_clock)
{
	pid_t child = OK(fork());
	if (child == 0) {
		struct itimerspec when = in(CLOCK_REALTIME, 1000000, 0);
		_exit(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &when.it_value, 0));
	}
	WAIT_STATE(child, 'S');
	sleep_ms(50);
	move_clock(500);
	sleep_ms(50);
	EQ(waitpid(child, 0, WNOHANG), 0);
	move_clock(600);
	EQ(exit_code(child), 0);
	put_back();
}

static volatile int fired;
static void count(int number)
{
	(void)number;
	fired++;
}

CASE(a_signal_of_a_timer_goes_by_the_clock)
{
	timer_t timer, relative;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec when = in(CLOCK_REALTIME, 1000000, 0), later = {{0, 0}, {1000, 0}}, now;
	signal(SIGUSR1, count);
	OK(timer_create(CLOCK_REALTIME, &event, &timer));
	OK(timer_create(CLOCK_REALTIME, &event, &relative));
	OK(timer_settime(timer, TIMER_ABSTIME, &when, 0));
	OK(timer_settime(relative, 0, &later, 0));
	move_clock(500);
	sleep_ms(50);
	EQ(fired, 0);
	OK(timer_gettime(timer, &now));
	OUT("left %d", rounded(&now));
	move_clock(600);
	for (int i = 0; i < 100 && fired == 0; i++)
		sleep_ms(10);
	EQ(fired, 1);
	OK(timer_gettime(timer, &now));
	OUT("left %d", (int)now.it_value.tv_sec);
	OK(timer_gettime(relative, &now));
	OUT("relative left %d", rounded(&now));
	/* Set anew as a relative one it does not follow. */
	OK(timer_settime(timer, 0, &later, 0));
	put_back();
	sleep_ms(50);
	OK(timer_gettime(timer, &now));
	OUT("relative left %d", rounded(&now));
	EQ(fired, 1);
}
