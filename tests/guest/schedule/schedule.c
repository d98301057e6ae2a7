/* Scheduling: preemption, sched_yield, affinity, priorities, policies, getcpu. */
#include "../check.h"
#include "../policies.h"
#include <pthread.h>

CASE(two_loops_share_one_processor)
{
	cpu_set_t one;
	volatile long *count = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t children[2];
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	OK(sched_setaffinity(0, sizeof one, &one));
	for (int i = 0; i < 2; i++)
		if ((children[i] = OK(fork())) == 0)
			for (;;)
				count[i]++;
	sleep_ms(600);
	for (int i = 0; i < 2; i++) {
		OK(kill(children[i], SIGKILL));
		EQ(death_signal(children[i]), SIGKILL);
	}
	NOTE("%ld and %ld", count[0], count[1]);
	CHECK(count[0] > count[1] / 4 && count[1] > count[0] / 4);
}

CASE(a_loop_does_not_keep_others_waiting)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	pid_t children[64];
	for (int i = 0; i < 2 * processors && i < 64; i++)
		if ((children[i] = OK(fork())) == 0)
			for (;;)
				__asm__ volatile("");
	long long worst = 0;
	for (int i = 0; i < 20; i++) {
		long long start = now_ns();
		sleep_ms(5);
		if (now_ns() - start > worst)
			worst = now_ns() - start;
	}
	NOTE("worst sleep of 5 ms took %lld us", worst / 1000);
	CHECK(worst < 2000000000);
	for (int i = 0; i < 2 * processors && i < 64; i++) {
		OK(kill(children[i], SIGKILL));
		wait_status(children[i]);
	}
}

CASE(processes_run_on_all_processors_at_once)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	volatile int *seen = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < processors && i < 16; i++)
		if (OK(fork()) == 0) {
			long long end = now_ns() + 300000000;
			while (now_ns() < end)
				seen[sched_getcpu() & 63] = 1;
			_exit(0);
		}
	while (wait(0) > 0) {
	}
	int used = 0;
	for (int i = 0; i < 64; i++)
		used += seen[i];
	EQ(used, processors < 16 ? processors : 16);
}

CASE(affinity_binds)
{
	cpu_set_t set, all;
	OK(sched_getaffinity(0, sizeof all, &all));
	for (int cpu = 0; cpu < 4; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		OK(sched_setaffinity(0, sizeof set, &set));
		for (int i = 0; i < 50; i++) {
			EQ(sched_getcpu(), cpu);
			sched_yield();
		}
		OK(sched_getaffinity(0, sizeof set, &set));
		EQ(CPU_COUNT(&set), 1);
	}
}

CASE(affinity_is_inherited)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	OK(sched_setaffinity(0, sizeof set, &set));
	IN_CHILD({
		OK(sched_getaffinity(0, sizeof set, &set));
		EQ(CPU_COUNT(&set), 1);
	});
}

CASE(affinity_errors)
{
	cpu_set_t set;
	unsigned long word = 0;
	CPU_ZERO(&set);
	ERR(sched_setaffinity(0, sizeof set, &set), EINVAL);
	CPU_SET(1000, &set);
	ERR(sched_setaffinity(0, sizeof set, &set), EINVAL);
	ERR(sched_getaffinity(999999, sizeof set, &set), ESRCH);
	ERR(syscall(SYS_sched_getaffinity, 0, 3, &set), EINVAL);
	ERR(syscall(SYS_sched_getaffinity, 0, 128, 16L), EFAULT);
	ERR(syscall(SYS_sched_setaffinity, 0, 8, 16L), EFAULT);
	CHECK(syscall(SYS_sched_getaffinity, 0, 1024, &set) > 0);
	(void)word;
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		CPU_ZERO(&set);
		CPU_SET(0, &set);
		ERR(sched_setaffinity(1, sizeof set, &set), EPERM);
	});
}

CASE(getcpu_agrees)
{
	unsigned cpu = 99, node = 99;
	OK(syscall(SYS_getcpu, &cpu, &node, 0));
	CHECK(cpu < 64);
	EQ(node, 0);
	OK(syscall(SYS_getcpu, 0, 0, 0));
	ERR(syscall(SYS_getcpu, 16L, 0, 0), EFAULT);
}

CASE(yield_lets_the_other_run)
{
	cpu_set_t one;
	volatile int *turn = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	OK(sched_setaffinity(0, sizeof one, &one));
	pid_t child = OK(fork());
	for (int i = 0; i < 100; i++) {
		while (*turn != (child == 0))
			sched_yield();
		*turn = child != 0;
	}
	if (child == 0)
		_exit(0);
	EQ(exit_code(child), 0);
}

CASE(nice_values)
{
	EQ(getpriority(PRIO_PROCESS, 0), 0);
	EQ(nice(5), 5);
	EQ(getpriority(PRIO_PROCESS, 0), 5);
	EQ(nice(100), 19);
	OK(setpriority(PRIO_PROCESS, 0, -50));
	EQ(getpriority(PRIO_PROCESS, 0), -20);
	IN_CHILD(EQ(getpriority(PRIO_PROCESS, 0), -20));
	EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 40);
}

CASE(priority_errors)
{
	ERR(getpriority(9, 0), EINVAL);
	ERR(getpriority(PRIO_PROCESS, 999999), ESRCH);
	ERR(setpriority(9, 0, 0), EINVAL);
	ERR(setpriority(PRIO_PROCESS, 999999, 0), ESRCH);
	OK(setpriority(PRIO_PGRP, 0, 3));
	EQ(getpriority(PRIO_PGRP, 0), 3);
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(setpriority(PRIO_PROCESS, 0, 1), EACCES);
		OK(setpriority(PRIO_PROCESS, 0, 4));
		ERR(setpriority(PRIO_PROCESS, getppid(), 4), EPERM);
		ERR(nice(-1), EPERM);
	});
}

CASE(nice_changes_the_share)
{
	cpu_set_t one;
	volatile long *count = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t children[2];
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	OK(sched_setaffinity(0, sizeof one, &one));
	for (int i = 0; i < 2; i++)
		if ((children[i] = OK(fork())) == 0) {
			setpriority(PRIO_PROCESS, 0, i * 15);
			for (;;)
				count[i]++;
		}
	sleep_ms(800);
	for (int i = 0; i < 2; i++) {
		OK(kill(children[i], SIGKILL));
		wait_status(children[i]);
	}
	NOTE("nice 0: %ld, nice 15: %ld", count[0], count[1]);
	CHECK(count[0] > 3 * count[1]);
	CHECK(count[1] > 0);
}

CASE(policies_other_batch_idle)
{
	struct sched_param zero = {0};
	EQ(sched_getscheduler(0), SCHED_OTHER);
	OK(sched_setscheduler(0, SCHED_BATCH, &zero));
	EQ(sched_getscheduler(0), SCHED_BATCH);
	OK(sched_setscheduler(0, SCHED_IDLE, &zero));
	EQ(sched_getscheduler(0), SCHED_IDLE);
	OK(sched_setscheduler(0, SCHED_OTHER, &zero));
	EQ(sched_get_priority_max(SCHED_OTHER), 0);
	EQ(sched_get_priority_min(SCHED_FIFO), 1);
	EQ(sched_get_priority_max(SCHED_RR), 99);
	ERR(sched_get_priority_max(99), EINVAL);
}

CASE(policy_errors)
{
	struct sched_param parameter = {5};
	ERR(sched_setscheduler(0, SCHED_OTHER, &parameter), EINVAL);
	ERR(sched_setscheduler(0, 99, &parameter), EINVAL);
	ERR(sched_setscheduler(-1, SCHED_OTHER, &parameter), EINVAL);
	ERR(sched_setscheduler(999999, SCHED_FIFO, &parameter), ESRCH);
	ERR(sched_getscheduler(999999), ESRCH);
	ERR(sched_getscheduler(-1), EINVAL);
	ERR(sched_getparam(0, 0), EINVAL);
	ERR(syscall(SYS_sched_getparam, 0, 16L), EFAULT);
	parameter.sched_priority = 0;
	ERR(sched_setscheduler(0, SCHED_FIFO, &parameter), EINVAL);
	parameter.sched_priority = 100;
	ERR(sched_setscheduler(0, SCHED_FIFO, &parameter), EINVAL);
}

static void *spin(void *argument)
{
	for (long i = 0; i < 3000000; i++)
		__asm__ volatile("");
	return argument;
}

CASE(threads_of_one_process_are_scheduled)
{
	pthread_t threads[16];
	for (int i = 0; i < 16; i++)
		EQ(pthread_create(&threads[i], 0, spin, 0), 0);
	for (int i = 0; i < 16; i++)
		EQ(pthread_join(threads[i], 0), 0);
}
