/* Clocks and sleeping: clock_gettime and its kin, nanosleep, clock_nanosleep, times, gettimeofday. */
#include "../check.h"
#include <sys/times.h>
#include <sys/timex.h>

static long long clock_ns(clockid_t clock)
{
	struct timespec t;
	OK(clock_gettime(clock, &t));
	CHECK(t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

CASE(clocks_never_go_back)
{
	clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_MONOTONIC_COARSE, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
	for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		long long last = 0;
		for (int j = 0; j < 2000; j++) {
			long long now = clock_ns(clocks[i]);
			if (now < last)
				FAIL("clock %d went from %lld to %lld", clocks[i], last, now);
			last = now;
		}
	}
}

CASE(monotonic_never_goes_back_between_processors)
{
	/* Two processes compare their readings through shared memory. */
	volatile long long *latest = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = OK(fork());
	for (int i = 0; i < 20000; i++) {
		long long seen = __atomic_load_n(latest, __ATOMIC_SEQ_CST), now = now_ns();
		if (now < seen)
			FAIL("another processor had read %lld, then this one read %lld", seen, now);
		__atomic_store_n(latest, now, __ATOMIC_SEQ_CST);
	}
	if (child == 0)
		_exit(0);
	EQ(exit_code(child), 0);
}

CASE(every_clock_id)
{
	for (int id = -1; id <= 13; id++) {
		struct timespec t;
		errno = 0;
		int result = clock_gettime(id, &t);
		OUT("clock %d: %d %s", id, result, errno_name(errno));
	}
}

CASE(resolutions)
{
	clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME};
	for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		struct timespec t;
		OK(clock_getres(clocks[i], &t));
		OUT("clock %d: %ld ns", clocks[i], (long)t.tv_nsec);
	}
	OK(clock_getres(CLOCK_MONOTONIC, 0));
	ERR(syscall(SYS_clock_getres, 77, 0), EINVAL);
}

CASE(real_time_is_this_century)
{
	struct timeval t;
	OK(gettimeofday(&t, 0));
	CHECK(t.tv_sec > 1700000000);
	long long difference = clock_ns(CLOCK_REALTIME) / 1000000000 - t.tv_sec;
	CHECK(difference >= 0 && difference <= 2);
	CHECK(syscall(SYS_time, 0) - t.tv_sec <= 2);
	ERR(syscall(SYS_time, 16L), EFAULT);
}

CASE(real_time_runs_as_fast_as_monotonic)
{
	long long real = clock_ns(CLOCK_REALTIME), monotonic = clock_ns(CLOCK_MONOTONIC);
	sleep_ms(200);
	long long difference = (clock_ns(CLOCK_REALTIME) - real) - (clock_ns(CLOCK_MONOTONIC) - monotonic);
	NOTE("difference %lld ns", difference);
	CHECK(difference > -20000000 && difference < 20000000);
}

CASE(setting_the_clock)
{
	struct timespec was, now, want;
	OK(clock_gettime(CLOCK_REALTIME, &was));
	want = was;
	want.tv_sec += 1000;
	OK(clock_settime(CLOCK_REALTIME, &want));
	OK(clock_gettime(CLOCK_REALTIME, &now));
	CHECK(now.tv_sec - was.tv_sec >= 1000 && now.tv_sec - was.tv_sec < 1010);
	OK(clock_settime(CLOCK_REALTIME, &was));
	ERR(clock_settime(CLOCK_MONOTONIC, &was), EINVAL);
	want.tv_nsec = 1000000000;
	ERR(clock_settime(CLOCK_REALTIME, &want), EINVAL);
	OK(setresuid(1000, 1000, 1000));
	ERR(clock_settime(CLOCK_REALTIME, &was), EPERM);
}

CASE(processor_time_counts_work_not_sleep)
{
	long long before = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	sleep_ms(100);
	long long slept = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - before;
	CHECK(slept < 50000000);
	long long end = now_ns() + 100000000;
	while (now_ns() < end) {
	}
	CHECK(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - before - slept > 20000000);
}

CASE(times_and_getrusage_agree)
{
	struct tms t;
	struct rusage usage;
	long long end = now_ns() + 100000000;
	while (now_ns() < end)
		getppid();
	CHECK(times(&t) != -1);
	OK(getrusage(RUSAGE_SELF, &usage));
	long ticks = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 100 + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 10000;
	long difference = ticks - (t.tms_utime + t.tms_stime);
	NOTE("times %ld getrusage %ld", (long)(t.tms_utime + t.tms_stime), ticks);
	CHECK(difference >= -2 && difference <= 2);
	ERR(getrusage(5, &usage), EINVAL);
	ERR(syscall(SYS_getrusage, RUSAGE_SELF, 16L), EFAULT);
}

CASE(nanosleep_sleeps_long_enough)
{
	long wanted[] = {0, 1, 1000, 1000000, 30000000};
	for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		struct timespec t = {0, wanted[i]};
		long long start = now_ns();
		OK(nanosleep(&t, 0));
		CHECK(now_ns() - start >= wanted[i]);
		CHECK(now_ns() - start < wanted[i] + 1000000000LL);
	}
}

CASE(nanosleep_errors)
{
	struct timespec t = {0, 1000000000};
	ERR(nanosleep(&t, 0), EINVAL);
	t = (struct timespec){-1, 0};
	ERR(nanosleep(&t, 0), EINVAL);
	t = (struct timespec){0, -1};
	ERR(nanosleep(&t, 0), EINVAL);
	ERR(syscall(SYS_nanosleep, 16L, 0), EFAULT);
}

CASE(clock_nanosleep_absolute)
{
	struct timespec t;
	OK(clock_gettime(CLOCK_MONOTONIC, &t));
	long long want = t.tv_sec * 1000000000LL + t.tv_nsec + 30000000;
	t.tv_sec = want / 1000000000;
	t.tv_nsec = want % 1000000000;
	EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0), 0);
	CHECK(now_ns() >= want);
	t = (struct timespec){0, 0};
	EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, 0), 0);
	EQ(clock_nanosleep(77, 0, &t, 0), EINVAL);
	EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &t, 0), EINVAL);
}

CASE(adjtimex_reads)
{
	struct timex t = {0};
	CHECK(adjtimex(&t) >= 0);
	OUT("tick %ld", (long)t.tick);
	OK(setresuid(1000, 1000, 1000));
	t.modes = ADJ_TICK;
	ERR(adjtimex(&t), EPERM);
}
