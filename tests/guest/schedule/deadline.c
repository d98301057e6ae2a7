/* SCHED_DEADLINE: checks, admission, budgets, what a deadline task may not do. */
#include "../check.h"
#include "../policies.h"

#define DEADLINE 6
#define MILLI 1000000ULL
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t clamp_minimum, clamp_maximum;
};
static int set_with(pid_t pid, uint64_t flags, uint64_t runtime, uint64_t deadline, uint64_t period)
{
	struct attributes a = {.size = 48,
			       .policy = DEADLINE,
			       .flags = flags,
			       .runtime = runtime,
			       .deadline = deadline,
			       .period = period};
	return syscall(SYS_sched_setattr, pid, &a, 0);
}
static int set(uint64_t runtime, uint64_t deadline, uint64_t period)
{
	return set_with(0, 0, runtime, deadline, period);
}
/* Linux sets a task's promise free when its last period would have ended. */
static int set_soon(uint64_t runtime, uint64_t deadline)
{
	for (int i = 0; i < 60 && set(runtime, deadline, 0) == -1 && errno == EBUSY; i++)
		sleep_ms(100);
	return set(runtime, deadline, 0);
}
static int set_other(void)
{
	struct sched_param none = {0};
	return sched_setscheduler(0, SCHED_OTHER, &none);
}
static void show(const char *what)
{
	struct attributes a = {0};
	OK(syscall(SYS_sched_getattr, 0, &a, sizeof a, 0));
	OUT("%s: policy %u flags %llx nice %d priority %u runtime %llu deadline %llu period %llu", what, a.policy,
	    (unsigned long long)a.flags, a.nice, a.priority, (unsigned long long)a.runtime,
	    (unsigned long long)a.deadline, (unsigned long long)a.period);
}

CASE(attributes_are_kept)
{
	OK(set(10 * MILLI, 20 * MILLI, 30 * MILLI));
	show("all three");
	OUT("priority %lld real-time priority %lld policy %lld", stat_field(getpid(), 18), stat_field(getpid(), 40),
	    stat_field(getpid(), 41));
	EQ(sched_getscheduler(0), DEADLINE);
	struct sched_param parameter = {-1};
	OK(sched_getparam(0, &parameter));
	EQ(parameter.sched_priority, 0);
	struct timespec slice = {-1, -1};
	OK(sched_rr_get_interval(0, &slice));
	OUT("interval %ld.%09ld", (long)slice.tv_sec, slice.tv_nsec);
	OK(set(10 * MILLI, 20 * MILLI, 0));
	show("no period");
	signal(SIGXCPU, SIG_IGN);
	OK(set_with(0, 7, 10 * MILLI, 20 * MILLI, 0));
	show("flags");
	OK(set_with(0, 0x10, 1 * MILLI, 2 * MILLI, 0));
	show("keep parameters");
	OK(set_other());
	show("other again");
	EQ(sched_get_priority_max(DEADLINE), 0);
	EQ(sched_get_priority_min(DEADLINE), 0);
}

CASE(checks)
{
	static const struct {
		const char *what;
		uint64_t runtime, deadline, period;
	} all[] = {
	    {"nothing", 0, 0, 0},
	    {"no deadline", 10 * MILLI, 0, 30 * MILLI},
	    {"no run time", 0, 10 * MILLI, 30 * MILLI},
	    {"run time of 1023", 1023, 10 * MILLI, 30 * MILLI},
	    {"run time of 1024", 1024, 10 * MILLI, 30 * MILLI},
	    {"run time beyond deadline", 11 * MILLI, 10 * MILLI, 30 * MILLI},
	    {"deadline beyond period", 5 * MILLI, 31 * MILLI, 30 * MILLI},
	    {"period of 99 us", 2000, 99000, 99000},
	    {"period of 100 us", 2000, 100000, 100000},
	    {"period of 4.2 s", 10 * MILLI, 10 * MILLI, 4200 * MILLI},
	    {"period of 4.19 s", 10 * MILLI, 10 * MILLI, 4190 * MILLI},
	    {"negative deadline", 10 * MILLI, 1ULL << 63, 0},
	    {"negative period", 10 * MILLI, 10 * MILLI, 1ULL << 63},
	};
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
		errno = 0;
		int result = set(all[i].runtime, all[i].deadline, all[i].period);
		OUT("%s: %d %s", all[i].what, result, errno_name(errno));
		OK(set_other());
	}
	struct sched_param none = {0};
	ERR(sched_setscheduler(0, DEADLINE, &none), EINVAL);
	struct attributes a = {.size = 48, .policy = DEADLINE, .priority = 1, .runtime = 10 * MILLI, .deadline = 20 * MILLI};
	ERR(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
}

CASE(only_with_privilege)
{
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(set(10 * MILLI, 20 * MILLI, 0), EPERM);
		ERR(set(0, 20 * MILLI, 0), EINVAL);
	});
	IN_CHILD({
		OK(set(10 * MILLI, 20 * MILLI, 0));
		OK(setresuid(1000, 1000, 1000));
		ERR(set(5 * MILLI, 20 * MILLI, 0), EPERM);
		OK(set_other());
	});
}

CASE(admission)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	int hold[2], ready[2];
	OK(pipe(hold));
	OK(pipe(ready));
	/* 90 of 100 on each processor, by processes that sleep. */
	for (int i = 0; i < processors; i++)
		if (OK(fork()) == 0) {
			char byte;
			close(hold[1]);
			OK(set_soon(90 * MILLI, 100 * MILLI));
			OK(write(ready[1], "", 1));
			read(hold[0], &byte, 1);
			_exit(0);
		}
	for (int i = 0; i < processors; i++) {
		char byte;
		EQ(OK(read(ready[0], &byte, 1)), 1);
	}
	ERR(set((5 * processors + 1) * MILLI, 100 * MILLI, 0), EBUSY);
	OK(set(4 * processors * MILLI, 100 * MILLI, 0));
	ERR(set((5 * processors + 1) * MILLI, 100 * MILLI, 0), EBUSY);
	OK(set(2 * MILLI, 100 * MILLI, 0));
	OK(set_other());
	close(hold[1]);
	while (wait(0) > 0) {
	}
	OK(set_soon(50 * MILLI, 100 * MILLI));
}

CASE(bound_to_all_processors)
{
	cpu_set_t all, one;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	OK(sched_getaffinity(0, sizeof all, &all));
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	OK(sched_setaffinity(0, sizeof one, &one));
	ERR(set(10 * MILLI, 100 * MILLI, 0), EPERM);
	OK(sched_setaffinity(0, sizeof all, &all));
	OK(set(10 * MILLI, 100 * MILLI, 0));
	ERR(sched_setaffinity(0, sizeof one, &one), EBUSY);
	OK(sched_setaffinity(0, sizeof all, &all));
	OK(set_other());
	OK(sched_setaffinity(0, sizeof one, &one));
}

CASE(no_children)
{
	OK(set(10 * MILLI, 100 * MILLI, 0));
	ERR(fork(), EAGAIN);
	OK(set_with(0, 1, 10 * MILLI, 100 * MILLI, 0));
	EQ(sched_getscheduler(0), DEADLINE | 0x40000000);
	IN_CHILD(EQ(sched_getscheduler(0), SCHED_OTHER));
}

CASE(no_more_than_the_budget)
{
	OK(set(20 * MILLI, 100 * MILLI, 0));
	long long before = own_ns(), start = now_ns();
	while (now_ns() < start + 1000000000)
		;
	long long used = own_ns() - before;
	NOTE("%lld us of a second", used / 1000);
	CHECK(used < 330000000);
	/* Less where the host took the processor away, which counts as run time. */
	CHECK(used > 10000000);
}

CASE(yield_ends_the_job)
{
	OK(set(20 * MILLI, 100 * MILLI, 0));
	long long start = now_ns();
	for (int i = 0; i < 5; i++)
		sched_yield();
	long long took = now_ns() - start;
	NOTE("%lld us for 5 periods", took / 1000);
	/* More where the host took the processor away, which counts as run time. */
	CHECK(took > 350000000 && took < 10000000000);
}

CASE(before_real_time_tasks)
{
	cpu_set_t all;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	struct sched_param highest = {99};
	volatile long *loops = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t hogs[8];
	if (processors > 8)
		return;
	OK(sched_getaffinity(0, sizeof all, &all));
	OK(set_with(0, 1, 20 * MILLI, 100 * MILLI, 0));
	for (int i = 0; i < processors; i++)
		if ((hogs[i] = OK(fork())) == 0) {
			long long end = now_ns() + 400000000;
			OK(sched_setscheduler(0, SCHED_FIFO, &highest));
			while (now_ns() < end)
				loops[i]++;
			_exit(0);
		}
	long long worst = 0;
	int good = 0;
	sleep_ms(50);
	for (int i = 0; i < 20; i++) {
		long long start = now_ns();
		sleep_ms(5);
		long long took = now_ns() - start;
		good += took < 100000000;
		if (took > worst)
			worst = took;
	}
	NOTE("worst sleep of 5 ms took %lld us, %d were good", worst / 1000, good);
	CHECK(good >= 10);
	for (int i = 0; i < processors; i++)
		EQ(exit_code(hogs[i]), 0);
}

static volatile int overruns;
static void on_overrun(int signal)
{
	(void)signal;
	overruns++;
}
CASE(overruns_are_told)
{
	signal(SIGXCPU, on_overrun);
	OK(set(10 * MILLI, 50 * MILLI, 0));
	spin_ms(60);
	EQ(overruns, 0);
	OK(set_with(0, 4, 10 * MILLI, 50 * MILLI, 0));
	for (int i = 0; i < 20 && !overruns; i++)
		spin_ms(60);
	NOTE("%d overruns", overruns);
	CHECK(overruns > 0);
}

CASE(a_parked_task_can_be_changed_and_killed)
{
	volatile long *loops = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sched_param none = {0};
	pid_t child = OK(fork());
	if (child == 0) {
		OK(set(10 * MILLI, 4000 * MILLI, 0));
		for (;;)
			(*loops)++;
	}
	sleep_ms(300);
	long before = *loops;
	sleep_ms(200);
	EQ(*loops, before);
	OK(sched_setscheduler(child, SCHED_OTHER, &none));
	sleep_ms(200);
	CHECK(*loops > before);
	OK(set_with(child, 0, 10 * MILLI, 1000 * MILLI, 0));
	sleep_ms(300);
	OK(kill(child, SIGKILL));
	EQ(death_signal(child), SIGKILL);
}

CASE(earliest_deadline_first)
{
	/* As many with a short deadline as there are processors go before one with a long one. */
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	volatile long *loops = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (processors > 8)
		return;
	OK(set_with(0, 1, 5 * MILLI, 20 * MILLI, 0));
	pid_t children[9];
	for (int i = 0; i <= processors; i++)
		if ((children[i] = OK(fork())) == 0) {
			for (;;)
				loops[i]++;
		}
	for (int i = 0; i < processors; i++)
		OK(set_with(children[i], 0, 200 * MILLI, 400 * MILLI, 0));
	OK(set_with(children[processors], 0, 200 * MILLI, 1000 * MILLI, 0));
	long begun = loops[processors];
	sleep_ms(100);
	NOTE("%ld and %ld", loops[0], loops[processors] - begun);
	long best = 0;
	for (int i = 0; i < processors; i++)
		best = loops[i] > best ? loops[i] : best;
	CHECK(loops[processors] - begun < best);
	for (int i = 0; i <= processors; i++) {
		OK(kill(children[i], SIGKILL));
		EQ(death_signal(children[i]), SIGKILL);
	}
}
