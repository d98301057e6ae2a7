/* Real-time policies: sched_setscheduler and its kin, order of running, RLIMIT_RTPRIO, RLIMIT_RTTIME, the share left to others. */
#include "../check.h"
#include "../policies.h"
#include <pthread.h>
#include <sys/prctl.h>

#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif

static int set_priority(pid_t pid, int priority)
{
	struct sched_param parameter = {priority};
	return sched_setparam(pid, &parameter);
}
static int priority_of(pid_t pid)
{
	struct sched_param parameter = {-1};
	OK(sched_getparam(pid, &parameter));
	return parameter.sched_priority;
}
/* What the cases before have used of the time that real-time tasks may have is forgotten. */
static void begin_period(void)
{
	sleep_ms(1050);
}

CASE(policies_and_priorities_are_kept)
{
	OK(set_policy(0, SCHED_FIFO, 10));
	EQ(sched_getscheduler(0), SCHED_FIFO);
	EQ(priority_of(0), 10);
	OK(set_priority(0, 99));
	EQ(priority_of(0), 99);
	OK(set_policy(0, SCHED_RR | SCHED_RESET_ON_FORK, 1));
	EQ(sched_getscheduler(0), SCHED_RR | SCHED_RESET_ON_FORK);
	OK(set_priority(0, 2));
	EQ(sched_getscheduler(0), SCHED_RR | SCHED_RESET_ON_FORK);
	OK(set_policy(0, SCHED_OTHER, 0));
	EQ(sched_getscheduler(0), SCHED_OTHER);
	EQ(priority_of(0), 0);
	OK(set_priority(0, 0));
}

CASE(stat_shows_policy_and_priority)
{
	static const struct {
		int policy, priority;
	} all[] = {{SCHED_OTHER, 0}, {SCHED_FIFO, 1}, {SCHED_FIFO, 99}, {SCHED_RR, 50}, {SCHED_IDLE, 0}, {SCHED_BATCH, 0}};
	OK(setpriority(PRIO_PROCESS, 0, 3));
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
		OK(set_policy(0, all[i].policy, all[i].priority));
		OUT("priority %lld nice %lld real-time priority %lld policy %lld", stat_field(getpid(), 18),
		    stat_field(getpid(), 19), stat_field(getpid(), 40), stat_field(getpid(), 41));
	}
}

CASE(nice_is_kept_meanwhile)
{
	OK(setpriority(PRIO_PROCESS, 0, 7));
	OK(set_policy(0, SCHED_FIFO, 5));
	EQ(getpriority(PRIO_PROCESS, 0), 7);
	OK(setpriority(PRIO_PROCESS, 0, 9));
	EQ(priority_of(0), 5);
	EQ(stat_field(getpid(), 18), -6);
	OK(set_policy(0, SCHED_OTHER, 0));
	EQ(getpriority(PRIO_PROCESS, 0), 9);
	EQ(stat_field(getpid(), 18), 29);
}

CASE(errors)
{
	static const int policies[] = {SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, 4, SCHED_IDLE, 6, 7, 99};
	static const int priorities[] = {-1, 0, 1, 99, 100};
	for (unsigned i = 0; i < sizeof policies / sizeof *policies; i++)
		for (unsigned j = 0; j < sizeof priorities / sizeof *priorities; j++) {
			errno = 0;
			int result = set_policy(0, policies[i], priorities[j]);
			OUT("policy %d priority %d: %d %s", policies[i], priorities[j], result, errno_name(errno));
		}
	OK(set_policy(0, SCHED_RR, 7));
	ERR(set_priority(0, 0), EINVAL);
	ERR(set_priority(0, 100), EINVAL);
	ERR(set_policy(-1, SCHED_FIFO, 1), EINVAL);
	ERR(set_policy(999999, SCHED_FIFO, 0), ESRCH);
	ERR(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, 0), EINVAL);
	ERR(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, 16L), EFAULT);
	ERR(syscall(SYS_sched_setscheduler, 999999, SCHED_FIFO, 16L), EFAULT);
	ERR(syscall(SYS_sched_setscheduler, 0, -1, 16L), EINVAL);
	ERR(syscall(SYS_sched_setparam, 0, 16L), EFAULT);
	ERR(syscall(SYS_sched_setparam, -1, 16L), EINVAL);
	EQ(sched_getscheduler(0), SCHED_RR);
}

CASE(round_robin_interval)
{
	struct timespec slice = {-1, -1};
	OK(set_policy(0, SCHED_RR, 10));
	OK(sched_rr_get_interval(0, &slice));
	OUT("round robin %ld.%09ld", (long)slice.tv_sec, slice.tv_nsec);
	OK(set_policy(0, SCHED_FIFO, 10));
	OK(sched_rr_get_interval(0, &slice));
	OUT("first in first out %ld.%09ld", (long)slice.tv_sec, slice.tv_nsec);
#ifdef SYS_sched_rr_get_interval_time64
	long long wide[2] = {-1, -1};
	OK(set_policy(0, SCHED_RR, 10));
	OK(syscall(SYS_sched_rr_get_interval_time64, 0, wide));
	EQ(wide[0], 0);
	EQ(wide[1], 100000000);
#endif
	ERR(syscall(SYS_sched_rr_get_interval, 0, 16L), EFAULT);
	ERR(sched_rr_get_interval(-1, &slice), EINVAL);
	ERR(sched_rr_get_interval(999999, &slice), ESRCH);
}

CASE(privileges)
{
	struct rlimit none = {0, 0}, ten = {10, 10};
	pid_t parent = getpid();
	OK(setrlimit(RLIMIT_RTPRIO, &none));
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(set_policy(0, SCHED_FIFO, 1), EPERM);
		ERR(set_policy(0, SCHED_FIFO, 0), EINVAL);
		ERR(set_policy(parent, SCHED_OTHER, 0), EPERM);
		OK(set_policy(0, SCHED_BATCH, 0));
		OK(set_policy(0, SCHED_IDLE, 0));
		ERR(set_policy(0, SCHED_OTHER, 0), EPERM);
	});
	OK(setrlimit(RLIMIT_RTPRIO, &ten));
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(set_policy(0, SCHED_FIFO, 11), EPERM);
		OK(set_policy(0, SCHED_FIFO, 10));
		OK(set_policy(0, SCHED_RR, 5));
		OK(set_priority(0, 9));
		ERR(set_priority(0, 11), EPERM);
		OK(set_policy(0, SCHED_RR | SCHED_RESET_ON_FORK, 9));
		ERR(set_policy(0, SCHED_RR, 9), EPERM);
		OK(set_policy(0, SCHED_OTHER | SCHED_RESET_ON_FORK, 0));
	});
	/* What was given before the limit may be lowered and given up, not raised. */
	OK(setrlimit(RLIMIT_RTPRIO, &none));
	IN_CHILD({
		OK(set_policy(0, SCHED_FIFO, 20));
		OK(setresuid(1000, 1000, 1000));
		OK(set_priority(0, 19));
		ERR(set_priority(0, 20), EPERM);
		ERR(set_policy(0, SCHED_RR, 5), EPERM);
		OK(set_policy(0, SCHED_OTHER, 0));
	});
}

CASE(children_inherit)
{
	OK(set_policy(0, SCHED_FIFO, 12));
	IN_CHILD({
		EQ(sched_getscheduler(0), SCHED_FIFO);
		EQ(priority_of(0), 12);
	});
	OK(set_policy(0, SCHED_FIFO | SCHED_RESET_ON_FORK, 12));
	IN_CHILD({
		EQ(sched_getscheduler(0), SCHED_OTHER);
		EQ(priority_of(0), 0);
	});
	OK(setpriority(PRIO_PROCESS, 0, 5));
	IN_CHILD(EQ(getpriority(PRIO_PROCESS, 0), 0));
	OK(set_policy(0, SCHED_BATCH | SCHED_RESET_ON_FORK, 0));
	IN_CHILD({
		EQ(sched_getscheduler(0), SCHED_BATCH);
		EQ(getpriority(PRIO_PROCESS, 0), 5);
	});
	OK(setpriority(PRIO_PROCESS, 0, -5));
	IN_CHILD(EQ(getpriority(PRIO_PROCESS, 0), 0));
}

static void *sleeps(void *argument)
{
	sleep_ms(5000);
	return argument;
}
CASE(of_threads_each_has_its_own)
{
	pthread_attr_t attributes;
	pthread_t thread;
	struct sched_param parameter = {33};
	int policy;
	pthread_attr_init(&attributes);
	EQ(pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED), 0);
	EQ(pthread_attr_setschedpolicy(&attributes, SCHED_FIFO), 0);
	EQ(pthread_attr_setschedparam(&attributes, &parameter), 0);
	EQ(pthread_create(&thread, &attributes, sleeps, 0), 0);
	EQ(pthread_getschedparam(thread, &policy, &parameter), 0);
	EQ(policy, SCHED_FIFO);
	EQ(parameter.sched_priority, 33);
	EQ(sched_getscheduler(0), SCHED_OTHER);
}

CASE(a_real_time_task_goes_before_others)
{
	share();
	bind_to(0);
	OK(set_policy(0, SCHED_FIFO, 10));
	pid_t child = OK(fork());
	if (child == 0) {
		set_policy(0, SCHED_OTHER, 0);
		shared->flag[0] = 1;
		_exit(0);
	}
	spin_ms(100);
	EQ(shared->flag[0], 0);
	EQ(exit_code(child), 0);
	EQ(shared->flag[0], 1);
}

CASE(the_higher_preempts)
{
	int pipes[2];
	char byte;
	share();
	begin_period();
	bind_to(0);
	OK(pipe(pipes));
	OK(set_policy(0, SCHED_FIFO, 10));
	pid_t child = OK(fork());
	if (child == 0) {
		OK(set_policy(0, SCHED_FIFO, 20));
		note('a');
		OK(read(pipes[0], &byte, 1));
		note('c');
		_exit(0);
	}
	sleep_ms(10);
	note('b');
	OK(write(pipes[1], "", 1));
	note('d');
	EQ(exit_code(child), 0);
	STR_EQ((char *)shared->order, "abcd");
}

/* Children at these priorities, woken in this order while a higher one runs, then noting that they ran. */
static void run_in_order(int policy, const int *priorities, int count, const char *wanted)
{
	int pipes[8][2];
	share();
	begin_period();
	bind_to(0);
	OK(set_policy(0, SCHED_FIFO, 90));
	for (int i = 0; i < count; i++) {
		OK(pipe(pipes[i]));
		if (OK(fork()) == 0) {
			char byte;
			OK(set_policy(0, policy, priorities[i]));
			OK(read(pipes[i][0], &byte, 1));
			note('a' + i);
			spin_ms(1);
			note('A' + i);
			_exit(0);
		}
	}
	sleep_ms(100);
	for (int i = 0; i < count; i++)
		OK(write(pipes[i][1], "", 1));
	while (wait(0) > 0) {
	}
	STR_EQ((char *)shared->order, wanted);
}
CASE(by_priority)
{
	run_in_order(SCHED_FIFO, (int[]){5, 30, 1, 80, 31}, 5, "dDeEbBaAcC");
}
CASE(equals_first_in_first_out)
{
	run_in_order(SCHED_FIFO, (int[]){5, 5, 5, 5}, 4, "aAbBcCdD");
}
CASE(equals_in_turn_within_a_slice)
{
	run_in_order(SCHED_RR, (int[]){5, 5, 6, 5}, 4, "cCaAbBdD");
}

static void share_of_two(int policy, int milliseconds)
{
	share();
	begin_period();
	bind_to(0);
	OK(set_policy(0, SCHED_FIFO, 50));
	pid_t children[2];
	for (int i = 0; i < 2; i++)
		if ((children[i] = OK(fork())) == 0) {
			OK(set_policy(0, policy, 10));
			for (;;)
				shared->loops[i]++;
		}
	sleep_ms(milliseconds);
	for (int i = 0; i < 2; i++)
		OK(kill(children[i], SIGKILL));
	for (int i = 0; i < 2; i++)
		EQ(death_signal(children[i]), SIGKILL);
	NOTE("%ld and %ld", shared->loops[0], shared->loops[1]);
}
CASE(first_in_first_out_has_no_slice)
{
	share_of_two(SCHED_FIFO, 400);
	/* The second lowered itself last, to the front of the list. */
	EQ(shared->loops[0], 0);
	CHECK(shared->loops[1] > 0);
}
CASE(round_robin_has_slices)
{
	share_of_two(SCHED_RR, 650);
	CHECK(shared->loops[0] > 0 && shared->loops[1] > 0);
	CHECK(shared->loops[0] < 6 * shared->loops[1] && shared->loops[1] < 6 * shared->loops[0]);
}

CASE(yield_goes_to_the_end_of_the_list)
{
	share();
	begin_period();
	bind_to(0);
	OK(set_policy(0, SCHED_FIFO, 50));
	for (int i = 0; i < 3; i++)
		if (OK(fork()) == 0) {
			OK(set_policy(0, SCHED_FIFO, i == 2 ? 9 : 10));
			for (int j = 0; j < 3; j++) {
				note('a' + i);
				sched_yield();
			}
			_exit(0);
		}
	while (wait(0) > 0) {
	}
	STR_EQ((char *)shared->order, "bababaccc");
}

CASE(places_after_a_change)
{
	pid_t children[4];
	share();
	begin_period();
	bind_to(0);
	OK(set_policy(0, SCHED_FIFO, 50));
	for (int i = 0; i < 4; i++)
		if ((children[i] = OK(fork())) == 0) {
			note('a' + i);
			_exit(0);
		}
	/* All wait at 50. Down to 20: each before those that are there. */
	for (int i = 0; i < 3; i++)
		OK(set_priority(children[i], 20));
	/* Lower still and up again: behind them. */
	OK(set_priority(children[3], 10));
	OK(set_priority(children[3], 20));
	OK(set_priority(children[2], 20));
	while (wait(0) > 0) {
	}
	STR_EQ((char *)shared->order, "cbad");
}

CASE(raising_another_preempts)
{
	share();
	begin_period();
	bind_to(0);
	OK(set_policy(0, SCHED_FIFO, 50));
	pid_t child = OK(fork());
	if (child == 0) {
		note('b');
		_exit(0);
	}
	OK(set_priority(child, 40));
	note('a');
	OK(set_priority(child, 60));
	note('c');
	EQ(exit_code(child), 0);
	child = OK(fork());
	if (child == 0) {
		note('d');
		_exit(0);
	}
	OK(set_policy(0, SCHED_OTHER, 0));
	note('e');
	EQ(exit_code(child), 0);
	STR_EQ((char *)shared->order, "abcde");
}

CASE(some_time_is_left_to_others)
{
	share();
	bind_to(0);
	pid_t fair = OK(fork());
	if (fair == 0)
		for (;;)
			shared->loops[0]++;
	pid_t hog = OK(fork());
	if (hog == 0) {
		OK(set_policy(0, SCHED_FIFO, 10));
		for (;;)
			shared->loops[1]++;
	}
	OK(set_policy(0, SCHED_FIFO, 20));
	sleep_ms(300);
	long before = shared->loops[0];
	sleep_ms(2500);
	long after = shared->loops[0];
	OK(kill(hog, SIGKILL));
	OK(kill(fair, SIGKILL));
	EQ(death_signal(hog), SIGKILL);
	EQ(death_signal(fair), SIGKILL);
	NOTE("%ld of the fair one, %ld of the other", after - before, shared->loops[1]);
	CHECK(after > before);
	CHECK((after - before) * 4 < shared->loops[1]);
}

static volatile int exceeded;
static void on_exceeded(int signal)
{
	(void)signal;
	exceeded++;
}
CASE(time_without_sleeping_is_limited)
{
	struct rlimit limit = {100000, 300000};
	signal(SIGXCPU, on_exceeded);
	OK(setrlimit(RLIMIT_RTTIME, &limit));
	OK(set_policy(0, SCHED_FIFO, 10));
	spin_ms(60);
	sleep_ms(20);
	spin_ms(60);
	EQ(exceeded, 0);
	sleep_ms(20);
	/* Under an emulator Linux counts ticks that are late. */
	for (int i = 0; i < 250 && !exceeded; i++)
		spin_ms(1);
	EQ(exceeded, 1);
	OK(getrlimit(RLIMIT_RTTIME, &limit));
	OUT("soft limit %lld hard limit %lld", (long long)limit.rlim_cur, (long long)limit.rlim_max);
	DIES(SIGKILL, { spin_ms(3000); });
	limit.rlim_cur = 100000;
	DIES(SIGXCPU, { OK(setrlimit(RLIMIT_RTTIME, &limit)); signal(SIGXCPU, SIG_DFL); spin_ms(3000); });
	OK(set_policy(0, SCHED_OTHER, 0));
	IN_CHILD(spin_ms(400));
}

CASE(each_processor_runs_one)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	if (processors > 8)
		processors = 8;
	share();
	pid_t children[8];
	OK(set_policy(0, SCHED_FIFO, 50));
	for (int i = 0; i < processors; i++)
		if ((children[i] = OK(fork())) == 0) {
			OK(set_policy(0, SCHED_FIFO, 10));
			long long end = now_ns() + 300000000;
			while (now_ns() < end)
				shared->loops[i]++;
			_exit(0);
		}
	sleep_ms(250);
	for (int i = 0; i < processors; i++)
		CHECK(shared->loops[i] > 0);
	for (int i = 0; i < processors; i++)
		EQ(exit_code(children[i]), 0);
}

CASE(the_preempted_goes_elsewhere)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	share();
	OK(set_policy(0, SCHED_FIFO, 90));
	bind_to(1);
	pid_t low = OK(fork());
	if (low == 0) {
		cpu_set_t all;
		OK(set_policy(0, SCHED_FIFO, 10));
		bind_to(0);
		memset(&all, 0xff, sizeof all);
		OK(sched_setaffinity(0, sizeof all, &all));
		for (;;)
			shared->loops[0]++;
	}
	sleep_ms(50);
	pid_t high = OK(fork());
	if (high == 0) {
		bind_to(0);
		OK(set_policy(0, SCHED_FIFO, 20));
		for (;;)
			shared->loops[1]++;
	}
	sleep_ms(50);
	long before = shared->loops[0];
	sleep_ms(100);
	CHECK(shared->loops[0] > before);
	CHECK(shared->loops[1] > 0);
	OK(kill(low, SIGKILL));
	OK(kill(high, SIGKILL));
	EQ(death_signal(low), SIGKILL);
	EQ(death_signal(high), SIGKILL);
}

CASE(a_freed_processor_takes_who_waits)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	if (processors < 2)
		return;
	if (processors > 8)
		processors = 8;
	share();
	OK(set_policy(0, SCHED_FIFO, 90));
	/* One more than there are processors; then one ends. */
	pid_t children[9];
	for (int i = 0; i <= processors; i++)
		if ((children[i] = OK(fork())) == 0) {
			OK(set_policy(0, SCHED_FIFO, 20 - (i == processors)));
			for (;;)
				shared->loops[i]++;
		}
	sleep_ms(100);
	long before = shared->loops[processors];
	sleep_ms(50);
	EQ(shared->loops[processors], before);
	OK(kill(children[1], SIGKILL));
	EQ(death_signal(children[1]), SIGKILL);
	sleep_ms(100);
	CHECK(shared->loops[processors] > before);
	for (int i = 0; i <= processors; i++)
		if (i != 1) {
			OK(kill(children[i], SIGKILL));
			EQ(death_signal(children[i]), SIGKILL);
		}
}

CASE(an_alarm_reaches_a_loop)
{
	struct itimerval soon = {{0, 0}, {0, 50000}};
	bind_to(0);
	DIES(SIGALRM, {
		OK(set_policy(0, SCHED_FIFO, 99));
		OK(setitimer(ITIMER_REAL, &soon, 0));
		long long end = now_ns() + 500000000;
		while (now_ns() < end) {
		}
	});
}

static long long read_number(const char *name)
{
	char text[32] = "";
	int fd = OK(open(name, O_RDONLY));
	OK(read(fd, text, sizeof text - 1));
	close(fd);
	return strtoll(text, 0, 10);
}
static int write_text(const char *name, const char *text)
{
	int fd = OK(open(name, O_WRONLY));
	int result = write(fd, text, strlen(text));
	int error = errno;
	close(fd);
	errno = error;
	return result;
}
#define KERNEL "/proc/sys/kernel/"
CASE(parameters)
{
	OUT("%lld %lld %lld", read_number(KERNEL "sched_rt_period_us"), read_number(KERNEL "sched_rt_runtime_us"),
	    read_number(KERNEL "sched_rr_timeslice_ms"));
	ERR(write_text(KERNEL "sched_rt_runtime_us", "1000001"), EINVAL);
	ERR(write_text(KERNEL "sched_rt_period_us", "0"), EINVAL);
	ERR(write_text(KERNEL "sched_rt_period_us", "900000"), EINVAL);
	OK(write_text(KERNEL "sched_rt_runtime_us", "-1"));
	EQ(read_number(KERNEL "sched_rt_runtime_us"), -1);
	OK(write_text(KERNEL "sched_rt_runtime_us", "950000"));
	OK(write_text(KERNEL "sched_rr_timeslice_ms", "20"));
	struct timespec slice = {-1, -1};
	OK(set_policy(0, SCHED_RR, 10));
	OK(sched_rr_get_interval(0, &slice));
	EQ(slice.tv_nsec, 20000000);
	OK(write_text(KERNEL "sched_rr_timeslice_ms", "0"));
	EQ(read_number(KERNEL "sched_rr_timeslice_ms"), 100);
}

struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t clamp_minimum, clamp_maximum;
};
#define SETATTR(pid, attributes, flags) syscall(SYS_sched_setattr, pid, attributes, flags)
#define GETATTR(pid, attributes, size, flags) syscall(SYS_sched_getattr, pid, attributes, size, flags)
static void show_attributes(const char *what)
{
	struct attributes a = {0};
	OK(GETATTR(0, &a, sizeof a, 0));
	OUT("%s: size %u policy %u flags %llx nice %d priority %u runtime %llu deadline %llu period %llu clamps %u %u", what,
	    a.size, a.policy, (unsigned long long)a.flags, a.nice, a.priority, (unsigned long long)a.runtime,
	    (unsigned long long)a.deadline, (unsigned long long)a.period, a.clamp_minimum, a.clamp_maximum);
}
static void try_attributes(const char *what, struct attributes a)
{
	errno = 0;
	int result = SETATTR(0, &a, 0);
	OUT("%s: %d %s size %u", what, result, errno_name(errno), a.size);
	show_attributes(what);
}
CASE(attributes)
{
	struct attributes a = {.size = sizeof a};
	show_attributes("at first");
	try_attributes("fifo", (struct attributes){.size = 48, .policy = SCHED_FIFO, .priority = 9});
	try_attributes("nice too low", (struct attributes){.size = 48, .policy = SCHED_OTHER, .nice = -99});
	try_attributes("batch", (struct attributes){.size = 0, .policy = SCHED_BATCH, .nice = 4, .flags = 1});
	try_attributes("keep policy", (struct attributes){.size = 56, .policy = SCHED_FIFO, .nice = 6, .flags = 8});
	try_attributes("keep parameters",
		       (struct attributes){.size = 56, .policy = SCHED_BATCH, .nice = 7, .flags = 0x10});
	try_attributes("keep parameters of another policy",
		       (struct attributes){.size = 56, .policy = SCHED_FIFO, .priority = 7, .flags = 0x10});
	try_attributes("unknown flag", (struct attributes){.size = 56, .flags = 0x80});
	try_attributes("unknown policy", (struct attributes){.size = 56, .policy = 77});
	try_attributes("negative policy", (struct attributes){.size = 56, .policy = -1, .flags = 8});
	try_attributes("priority without", (struct attributes){.size = 56, .policy = SCHED_OTHER, .priority = 7});
	try_attributes("clamps", (struct attributes){.size = 56, .flags = 0x60, .clamp_minimum = 100, .clamp_maximum = 200});
	try_attributes("short for clamps", (struct attributes){.size = 48, .flags = 0x60, .clamp_maximum = 200});
	try_attributes("crossed", (struct attributes){.size = 56, .flags = 0x60, .clamp_minimum = 201, .clamp_maximum = 200});
	try_attributes("crosses the other", (struct attributes){.size = 56, .flags = 0x20, .clamp_minimum = 201});
	try_attributes("too large", (struct attributes){.size = 56, .flags = 0x40, .clamp_maximum = 1025});
	try_attributes("fifo keeps clamps", (struct attributes){.size = 56, .policy = SCHED_FIFO, .priority = 8});
	try_attributes("default clamps", (struct attributes){.size = 56, .policy = SCHED_FIFO, .priority = 8, .flags = 0x60, .clamp_minimum = -1, .clamp_maximum = -1});
	try_attributes("other again", (struct attributes){.size = 56});
	try_attributes("rr", (struct attributes){.size = 56, .policy = SCHED_RR, .priority = 8, .flags = 1});
	try_attributes("too short", (struct attributes){.size = 47});
	try_attributes("too long", (struct attributes){.size = 4097});
	IN_CHILD(show_attributes("reset in child"));
	ERR(SETATTR(0, &a, 1), EINVAL);
	ERR(SETATTR(-1, &a, 0), EINVAL);
	ERR(SETATTR(0, 0, 0), EINVAL);
	ERR(SETATTR(0, 16L, 0), EFAULT);
	ERR(SETATTR(999999, &a, 0), ESRCH);
	ERR(GETATTR(0, &a, 47, 0), EINVAL);
	ERR(GETATTR(0, &a, 4097, 0), EINVAL);
	ERR(GETATTR(0, &a, 56, 1), EINVAL);
	ERR(GETATTR(0, 16L, 56, 0), EFAULT);
	ERR(GETATTR(999999, &a, 56, 0), ESRCH);
	struct {
		struct attributes known;
		uint64_t more;
	} longer = {.known = {.size = sizeof longer}, .more = 0};
	OK(SETATTR(0, &longer, 0));
	longer.more = 1;
	ERR(SETATTR(0, &longer, 0), E2BIG);
	EQ(longer.known.size, 56);
	memset(&longer, 0x55, sizeof longer);
	OK(GETATTR(0, &longer, sizeof longer, 0));
	EQ(longer.known.size, 56);
	EQ(longer.more, 0x5555555555555555);
}
