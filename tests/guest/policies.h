/* Processes under scheduling policies, and what they tell each other. Include check.h before. */
#ifndef POLICIES_H
#define POLICIES_H

__attribute__((unused)) static int set_policy(pid_t pid, int policy, int priority)
{
	struct sched_param parameter = {priority};
	return sched_setscheduler(pid, policy, &parameter);
}
__attribute__((unused)) static void bind_to(int processor)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(processor, &one);
	OK(sched_setaffinity(0, sizeof one, &one));
}
/* The processor time that this thread has had. */
__attribute__((unused)) static long long own_ns(void)
{
	struct timespec t;
	OK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t));
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}
__attribute__((unused)) static void spin_ms(int milliseconds)
{
	long long end = own_ns() + milliseconds * 1000000LL;
	while (own_ns() < end) {
	}
}

static struct shared {
	volatile int count, words[8], flag[16];
	volatile char order[64];
	volatile long loops[16];
} *shared;
__attribute__((unused)) static void share(void)
{
	shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
}
/* Names come in the order of the calls. */
__attribute__((unused)) static void note(char name)
{
	shared->order[__atomic_fetch_add(&shared->count, 1, __ATOMIC_SEQ_CST)] = name;
}
#endif
