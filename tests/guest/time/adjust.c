/* Keeping the clock in step: adjtimex, clock_adjtime, and what they do to the clocks. */
#include "../check.h"
#include <sys/timex.h>

/* As glibc has no wrapper that takes all of it: the kernel's own structure of this ABI's call. */
#if defined __x86_64__ && defined __ILP32__
typedef long long timex_long;
#else
typedef long timex_long;
#endif
struct kernel_timex {
	unsigned modes;
	timex_long offset, freq, maxerror, esterror;
	int status;
	timex_long constant, precision, tolerance, seconds, fraction, tick, ppsfreq, jitter;
	int shift;
	timex_long stabil, jitcnt, calcnt, errcnt, stbcnt;
	int tai, reserved[11];
};

static int adjust(struct kernel_timex *t)
{
	return syscall(SYS_adjtimex, t);
}
static int adjust_clock(clockid_t clock, struct kernel_timex *t)
{
	return syscall(SYS_clock_adjtime, clock, t);
}
static void say(const char *what, int result, const struct kernel_timex *t)
{
	OUT("%s: %d %s: offset %lld freq %lld maxerror %lld esterror %lld status %#x constant %lld precision %lld tolerance %lld tick %lld tai %d", what,
	    result, errno_name(result < 0 ? errno : 0), (long long)t->offset, (long long)t->freq, (long long)t->maxerror / 4000, (long long)t->esterror,
	    t->status, (long long)t->constant, (long long)t->precision, (long long)t->tolerance, (long long)t->tick, t->tai);
}
#define SET(what, ...)                                                                                                 \
	({                                                                                                             \
		struct kernel_timex t_ = {__VA_ARGS__};                                                                \
		errno = 0;                                                                                             \
		int result_ = adjust(&t_);                                                                             \
		say(what, result_, &t_);                                                                               \
		t_;                                                                                                    \
	})
/* As it was when the machine came up. */
static void reset(void)
{
	struct kernel_timex t = {.modes = ADJ_STATUS, .status = STA_PLL};
	CHECK(adjust(&t) >= 0);
	t = (struct kernel_timex){.modes = ADJ_STATUS | ADJ_FREQUENCY | ADJ_TICK | ADJ_MICRO | ADJ_TAI, .tick = 10000, .status = STA_UNSYNC};
	CHECK(adjust(&t) >= 0);
	t = (struct kernel_timex){.modes = ADJ_MAXERROR | ADJ_ESTERROR | ADJ_TIMECONST, .maxerror = 16000000, .esterror = 16000000};
	CHECK(adjust(&t) >= 0);
	t = (struct kernel_timex){.modes = ADJ_OFFSET_SINGLESHOT};
	CHECK(adjust(&t) >= 0);
}
static long long clock_ns(clockid_t clock)
{
	struct timespec t;
	OK(syscall(SYS_clock_gettime, clock, &t));
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

CASE(reads_by_anybody)
{
	reset();
	OK(setresuid(1000, 1000, 1000));
	struct kernel_timex t = SET("read", .modes = 0, .ppsfreq = 1, .jitter = 2, .shift = 3, .stabil = 4, .jitcnt = 5, .calcnt = 6, .errcnt = 7, .stbcnt = 8);
	CHECK(!t.ppsfreq && !t.jitter && !t.shift && !t.stabil && !t.jitcnt && !t.calcnt && !t.errcnt && !t.stbcnt);
	CHECK(llabs(t.seconds - (long long)time(0)) <= 1 && t.fraction >= 0 && t.fraction < 1000000);
	SET("read a slew", .modes = ADJ_OFFSET_SS_READ);
	static const unsigned modes[] = {ADJ_OFFSET, ADJ_FREQUENCY, ADJ_MAXERROR, ADJ_ESTERROR, ADJ_STATUS, ADJ_TIMECONST, ADJ_TAI, ADJ_SETOFFSET,
					 ADJ_MICRO, ADJ_NANO, ADJ_TICK, ADJ_OFFSET_SINGLESHOT, 0x8000, 0xa000, 0x40, 0x10000, 0xa101};
	for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
		struct kernel_timex refused = {.modes = modes[i], .tick = 1, .fraction = -1};
		int result = adjust(&refused);
		OUT("modes %#x: %d %s", modes[i], result, errno_name(result < 0 ? errno : 0));
	}
}

CASE(refusals)
{
	reset();
	SET("tick too short", .modes = ADJ_TICK, .tick = 8999);
	SET("tick too long", .modes = ADJ_TICK, .tick = 11001);
	SET("fraction of a second in microseconds", .modes = ADJ_SETOFFSET, .fraction = 1000000);
	SET("negative fraction", .modes = ADJ_SETOFFSET, .fraction = -1);
	SET("fraction in nanoseconds", .modes = ADJ_SETOFFSET | ADJ_NANO, .fraction = 1000000000);
	SET("before 1970", .modes = ADJ_SETOFFSET, .seconds = -2100000000);
	SET("no offset of adjtime", .modes = 0x8000);
#ifndef __i386__
	SET("frequency", .modes = ADJ_FREQUENCY, .freq = LLONG_MAX / 65536000 + 1);
	SET("negative frequency", .modes = ADJ_FREQUENCY, .freq = LLONG_MIN / 65536000 - 1);
	SET("far future", .modes = ADJ_SETOFFSET, .seconds = 8277292036);
	SET("farther future", .modes = ADJ_SETOFFSET, .seconds = LLONG_MAX);
	struct timespec far = {8277292036, 0};
	ERR(clock_settime(CLOCK_REALTIME, &far), EINVAL);
	OK(setresuid(1000, 1000, 1000));
	ERR(clock_settime(CLOCK_REALTIME, &far), EINVAL);
#endif
}

CASE(memory)
{
	ERR(adjust((void *)16), EFAULT);
	ERR(adjust(0), EFAULT);
	ERR(adjust_clock(CLOCK_REALTIME, (void *)16), EFAULT);
	ERR(adjust_clock(77, (void *)16), EFAULT);
	/* The structure is written back also where adjtimex was refused, and not by clock_adjtime. */
	struct kernel_timex *t = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ERR(adjust(t), EFAULT);
	ERR(adjust_clock(CLOCK_REALTIME, t), EFAULT);
	OK(mprotect(t, 4096, PROT_READ | PROT_WRITE));
	t->modes = ADJ_TICK;
	OK(mprotect(t, 4096, PROT_READ));
	ERR(adjust(t), EFAULT);
	ERR(adjust_clock(CLOCK_REALTIME, t), EINVAL);
	ERR(adjust_clock(CLOCK_MONOTONIC, t), EOPNOTSUPP);
}

CASE(clocks)
{
	for (int id = -24; id < 14; id++) {
		struct kernel_timex t = {0};
		int result = adjust_clock(id, &t);
		OUT("clock %d: %s", id, errno_name(result < 0 ? errno : 0));
	}
}

CASE(status_word)
{
	reset();
	SET("all bits", .modes = ADJ_STATUS, .status = 0xffff & ~(STA_INS | STA_DEL));
	SET("synchronized", .modes = ADJ_STATUS, .status = STA_PLL);
	SET("nanoseconds", .modes = ADJ_NANO);
	SET("no nanoseconds by the word", .modes = ADJ_STATUS, .status = STA_PLL);
	SET("end of the loop", .modes = ADJ_STATUS, .status = 0);
	SET("both units", .modes = ADJ_NANO | ADJ_MICRO);
	SET("loop again", .modes = ADJ_STATUS | ADJ_NANO, .status = STA_PLL | STA_FREQHOLD);
	reset();
}

CASE(values_are_kept_and_clamped)
{
	reset();
	SET("frequency", .modes = ADJ_FREQUENCY, .freq = 1234567);
	SET("negative frequency", .modes = ADJ_FREQUENCY, .freq = -7654321);
	SET("largest frequency", .modes = ADJ_FREQUENCY, .freq = 100000000);
	SET("smallest frequency", .modes = ADJ_FREQUENCY, .freq = -100000000);
	SET("no frequency", .modes = ADJ_FREQUENCY, .freq = 0);
	SET("errors", .modes = ADJ_MAXERROR | ADJ_ESTERROR, .maxerror = 100000, .esterror = 5);
	SET("negative error", .modes = ADJ_ESTERROR, .esterror = -5);
	SET("large error", .modes = ADJ_ESTERROR, .esterror = 20000000);
	SET("constant", .modes = ADJ_TIMECONST, .constant = 3);
	SET("large constant", .modes = ADJ_TIMECONST, .constant = 30);
	SET("negative constant", .modes = ADJ_TIMECONST, .constant = -3);
	SET("constant with nanoseconds", .modes = ADJ_TIMECONST | ADJ_NANO, .constant = 3);
	SET("atomic time", .modes = ADJ_TAI, .constant = 37);
	long long ahead = clock_ns(CLOCK_TAI) - clock_ns(CLOCK_REALTIME);
	CHECK(ahead > 36500000000 && ahead <= 37000000000);
	SET("negative atomic time", .modes = ADJ_TAI, .constant = -1);
	SET("far atomic time", .modes = ADJ_TAI, .constant = 100001);
	SET("no atomic time", .modes = ADJ_TAI, .constant = 0);
	SET("tick", .modes = ADJ_TICK, .tick = 10001);
	reset();
}

CASE(phase)
{
	reset();
	SET("without the loop", .modes = ADJ_OFFSET, .offset = 1000);
	SET("microseconds", .modes = ADJ_OFFSET | ADJ_STATUS, .status = STA_PLL | STA_FREQHOLD, .offset = 123457);
	SET("too many microseconds", .modes = ADJ_OFFSET, .offset = -2000000);
	SET("nanoseconds", .modes = ADJ_OFFSET | ADJ_NANO, .offset = 1001);
	SET("negative nanoseconds", .modes = ADJ_OFFSET | ADJ_NANO, .offset = -123456789);
	SET("too many nanoseconds", .modes = ADJ_OFFSET | ADJ_NANO, .offset = 700000000);
	SET("end of the loop", .modes = ADJ_STATUS | ADJ_OFFSET, .status = 0, .offset = 5);
	/* What is set goes, and the clock is known to be wrong, when the clock is set. */
	SET("once more", .modes = ADJ_OFFSET | ADJ_STATUS, .status = STA_PLL | STA_FREQHOLD, .offset = 100);
	struct timespec now;
	OK(clock_gettime(CLOCK_REALTIME, &now));
	OK(clock_settime(CLOCK_REALTIME, &now));
	SET("after the clock was set", .modes = 0);
	SET("no phase", .modes = ADJ_OFFSET, .offset = 0);
	reset();
}

CASE(slew)
{
	reset();
	struct kernel_timex t = {.modes = ADJ_OFFSET_SINGLESHOT, .offset = -5000};
	CHECK(adjust(&t) >= 0);
	EQ(t.offset, 0);
	t = (struct kernel_timex){.modes = ADJ_OFFSET_SS_READ};
	CHECK(adjust(&t) >= 0);
	CHECK(t.offset == -5000 || t.offset == -4500);
	sleep_ms(2000);
	t = (struct kernel_timex){.modes = ADJ_OFFSET_SS_READ};
	CHECK(adjust(&t) >= 0);
	NOTE("left %ld", (long)t.offset);
	CHECK(t.offset >= -4500 && t.offset <= -3000 && t.offset % 500 == 0);
	t = (struct kernel_timex){.modes = ADJ_OFFSET_SINGLESHOT, .offset = 300};
	CHECK(adjust(&t) >= 0);
	CHECK(t.offset >= -4500 && t.offset <= -3000);
	sleep_ms(1200);
	t = (struct kernel_timex){.modes = ADJ_OFFSET_SINGLESHOT, .offset = 0};
	CHECK(adjust(&t) >= 0);
	EQ(t.offset, 0);
}

/* How much longer than the raw clock this one has gone, in parts in a million. */
static long deviation(clockid_t clock)
{
	long long raw = clock_ns(CLOCK_MONOTONIC_RAW), begin = clock_ns(clock);
	sleep_ms(500);
	long long end = clock_ns(clock), passed = clock_ns(CLOCK_MONOTONIC_RAW) - raw;
	return (end - begin - passed) * 1000000 / passed;
}

CASE(clocks_go_faster_and_slower)
{
	static const clockid_t ids[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI};
	reset();
	for (int tick = 9000; tick <= 11000; tick += 1000) {
		struct kernel_timex t = {.modes = ADJ_TICK, .tick = tick};
		CHECK(adjust(&t) >= 0);
		sleep_ms(20);
		for (unsigned i = 0; i < sizeof ids / sizeof *ids; i++) {
			long got = deviation(ids[i]), want = (tick - 10000) * 100;
			NOTE("tick %d: clock %d deviates by %ld", tick, ids[i], got);
			CHECK(labs(got - want) < 15000);
		}
	}
	reset();
}

CASE(a_clock_that_is_steered_never_goes_back)
{
	reset();
	pid_t child = OK(fork());
	if (child == 0)
		for (int i = 0;; i++) {
			struct kernel_timex t = {.modes = ADJ_TICK, .tick = i % 2 ? 9000 : 11000};
			adjust(&t);
		}
	long long last = 0, begin = clock_ns(CLOCK_MONOTONIC_RAW);
	while (clock_ns(CLOCK_MONOTONIC_RAW) - begin < 1000000000) {
		long long now = now_ns(), called = clock_ns(CLOCK_MONOTONIC);
		/* Linux's own goes back by a microsecond or two where the speed changes that much. */
		if (now < last - 20000 || called < now - 20000)
			FAIL("%lld, then %lld, then by a call %lld", last, now, called);
		last = called;
	}
	kill(child, SIGKILL);
	wait_status(child);
	reset();
}

CASE(setting_by_a_difference)
{
	reset();
	long long before = clock_ns(CLOCK_REALTIME), raw = clock_ns(CLOCK_MONOTONIC_RAW);
	SET("ten seconds", .modes = ADJ_SETOFFSET, .seconds = 9, .fraction = 999999);
	long long moved = clock_ns(CLOCK_REALTIME) - before - (clock_ns(CLOCK_MONOTONIC_RAW) - raw);
	CHECK(moved > 9900000000 && moved < 10100000000);
	SET("back", .modes = ADJ_SETOFFSET | ADJ_NANO, .seconds = -10, .fraction = 1000);
	moved = clock_ns(CLOCK_REALTIME) - before - (clock_ns(CLOCK_MONOTONIC_RAW) - raw);
	CHECK(moved > -100000000 && moved < 100000000);
	reset();
}

/* Seconds before the end of a day. */
static void set_before_midnight(int seconds)
{
	struct timespec day = {.tv_sec = 20000 * 86400L - seconds};
	OK(clock_settime(CLOCK_REALTIME, &day));
}
static void leap(int bit)
{
	reset();
	struct timespec real;
	OK(clock_gettime(CLOCK_REALTIME, &real));
	long long raw = clock_ns(CLOCK_MONOTONIC_RAW);
	struct kernel_timex t = {.modes = ADJ_STATUS | ADJ_TAI, .status = bit, .constant = 37};
	set_before_midnight(3);
	CHECK(adjust(&t) >= 0);
	long long begin = clock_ns(CLOCK_REALTIME), at = clock_ns(CLOCK_MONOTONIC_RAW), last = -1;
	long long atomic = clock_ns(CLOCK_TAI);
	while (clock_ns(CLOCK_MONOTONIC_RAW) - at < 6000000000) {
		t = (struct kernel_timex){.modes = 0};
		int state = adjust(&t);
		long long now = (long long)t.seconds - 20000 * 86400LL;
		if (last != (now + 10) * 10 + state)
			NOTE("second %lld: state %d tai %d", now, state, t.tai);
		last = (now + 10) * 10 + state;
		sleep_ms(50);
	}
	long long moved = clock_ns(CLOCK_REALTIME) - begin - (clock_ns(CLOCK_MONOTONIC_RAW) - at);
	long long difference = clock_ns(CLOCK_TAI) - atomic - (clock_ns(CLOCK_MONOTONIC_RAW) - at);
	CHECK(llabs(difference) < 100000000);
	int state = adjust(&t);
	OUT("moved %lld state %d tai %d", (moved + (moved < 0 ? -500000000 : 500000000)) / 1000000000, state, t.tai);
	t = (struct kernel_timex){.modes = ADJ_STATUS, .status = 0};
	CHECK(adjust(&t) >= 0);
	sleep_ms(1100);
	t = (struct kernel_timex){.modes = 0};
	OUT("afterwards %d", adjust(&t));
	long long now = real.tv_sec * 1000000000LL + real.tv_nsec + clock_ns(CLOCK_MONOTONIC_RAW) - raw;
	OK(clock_settime(CLOCK_REALTIME, &(struct timespec){now / 1000000000, now % 1000000000}));
	reset();
}
CASE(a_second_is_inserted)
{
	leap(STA_INS);
}
CASE(a_second_is_left_out)
{
	leap(STA_DEL);
}

#ifdef __i386__
struct wide_timex {
	unsigned modes, room;
	long long offset, freq, maxerror, esterror;
	int status, room2;
	long long constant, precision, tolerance, seconds, fraction, tick, ppsfreq, jitter;
	int shift, room3;
	long long stabil, jitcnt, calcnt, errcnt, stbcnt;
	int tai, reserved[11];
};
CASE(wide_form)
{
	EQ(sizeof(struct wide_timex), 208);
	reset();
	struct wide_timex t = {.modes = ADJ_FREQUENCY, .freq = 1234567};
	CHECK(syscall(SYS_clock_adjtime64, CLOCK_REALTIME, &t) >= 0);
	OUT("freq %lld tick %lld constant %lld tolerance %lld", t.freq, t.tick, t.constant, t.tolerance);
	CHECK(llabs(t.seconds - (long long)time(0)) <= 1);
	ERR(syscall(SYS_clock_adjtime64, CLOCK_MONOTONIC, &t), EOPNOTSUPP);
	ERR(syscall(SYS_clock_adjtime64, CLOCK_REALTIME, 16), EFAULT);
	t = (struct wide_timex){.modes = ADJ_SETOFFSET, .seconds = 1LL << 40};
	ERR(syscall(SYS_clock_adjtime64, CLOCK_REALTIME, &t), EINVAL);
	t = (struct wide_timex){.modes = ADJ_FREQUENCY, .freq = 1LL << 40};
	ERR(syscall(SYS_clock_adjtime64, CLOCK_REALTIME, &t), EINVAL);
	reset();
}
#endif
