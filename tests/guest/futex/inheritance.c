/* Priority inheritance of futexes, chains and deadlocks, and the order in which waiters are woken. */
#include "../check.h"
#include "../policies.h"
#include <linux/futex.h>
#include <pthread.h>

static long futex(volatile int *address, int operation, int value, const void *timeout, volatile int *second, int third)
{
	return syscall(SYS_futex, address, operation, value, timeout, second, third);
}
/* The priority /proc/PID/stat shows: -1 - N for real-time priority N. */
static long long shown(pid_t pid)
{
	return stat_field(pid, 18);
}
static void lock(int word)
{
	OK(futex(&shared->words[word], FUTEX_LOCK_PI, 0, 0, 0, 0));
}
static void unlock(int word)
{
	OK(futex(&shared->words[word], FUTEX_UNLOCK_PI, 0, 0, 0, 0));
}
/* A child that runs this at a priority, once it sleeps. */
#define CHILD(priority, ...)                                                                                           \
	({                                                                                                             \
		pid_t made_ = OK(fork());                                                                              \
		if (made_ == 0) {                                                                                      \
			OK(set_policy(0, SCHED_FIFO, priority));                                                              \
			__VA_ARGS__;                                                                                   \
			_exit(0);                                                                                      \
		}                                                                                                      \
		sleep_ms(10);                                                                                          \
		WAIT_STATE(made_, 'S');                                                                                \
		sleep_ms(10);                                                                                          \
		made_;                                                                                                 \
	})

CASE(the_owner_runs_at_its_waiters_level)
{
	share();
	lock(0);
	EQ(shown(getpid()), 20);
	pid_t low = CHILD(10, lock(0); unlock(0));
	EQ(shown(getpid()), -11);
	pid_t high = CHILD(30, lock(0); unlock(0));
	EQ(shown(getpid()), -31);
	EQ(sched_getscheduler(0), SCHED_OTHER);
	/* What it is by itself can change meanwhile. */
	OK(set_policy(0, SCHED_FIFO, 20));
	EQ(shown(getpid()), -31);
	OK(set_policy(0, SCHED_FIFO, 40));
	EQ(shown(getpid()), -41);
	OK(set_policy(0, SCHED_OTHER, 0));
	EQ(shown(getpid()), -31);
	unlock(0);
	EQ(exit_code(high), 0);
	EQ(exit_code(low), 0);
	EQ(shown(getpid()), 20);
	EQ(shared->words[0], 0);
}

CASE(the_best_waiter_gets_it)
{
	share();
	lock(0);
	pid_t children[4];
	static const int priorities[] = {5, 20, 10, 20};
	for (int i = 0; i < 4; i++)
		children[i] = CHILD(priorities[i], lock(0); note('a' + i); unlock(0));
	unlock(0);
	for (int i = 0; i < 4; i++)
		EQ(exit_code(children[i]), 0);
	STR_EQ((char *)shared->order, "bdca");
}

CASE(a_waiters_level_can_change)
{
	share();
	lock(0);
	pid_t one = CHILD(5, lock(0); note('a'); unlock(0));
	pid_t other = CHILD(10, lock(0); note('b'); unlock(0));
	EQ(shown(getpid()), -11);
	OK(set_policy(one, SCHED_FIFO, 15));
	EQ(shown(getpid()), -16);
	OK(set_policy(one, SCHED_OTHER, 0));
	EQ(shown(getpid()), -11);
	OK(set_policy(one, SCHED_FIFO, 12));
	unlock(0);
	EQ(exit_code(one), 0);
	EQ(exit_code(other), 0);
	STR_EQ((char *)shared->order, "ab");
}

CASE(a_waiter_that_gives_up_takes_its_level_back)
{
	share();
	lock(0);
	pid_t child = OK(fork());
	if (child == 0) {
		struct timespec until;
		OK(set_policy(0, SCHED_FIFO, 30));
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec++;
		ERR(futex(&shared->words[0], FUTEX_LOCK_PI, 0, &until, 0, 0), ETIMEDOUT);
		_exit(0);
	}
	sleep_ms(20);
	WAIT_STATE(child, 'S');
	sleep_ms(20);
	EQ(shown(getpid()), -31);
	EQ(exit_code(child), 0);
	EQ(shown(getpid()), 20);
	child = CHILD(40, lock(0));
	EQ(shown(getpid()), -41);
	OK(kill(child, SIGKILL));
	EQ(death_signal(child), SIGKILL);
	EQ(shown(getpid()), 20);
	unlock(0);
}

CASE(levels_pass_along_a_chain)
{
	share();
	lock(0);
	pid_t middle = CHILD(5, lock(1); lock(0); unlock(0); unlock(1));
	EQ(shown(getpid()), -6);
	pid_t last = CHILD(50, lock(1); unlock(1));
	EQ(shown(middle), -51);
	EQ(shown(getpid()), -51);
	unlock(0);
	EQ(shown(getpid()), 20);
	EQ(exit_code(middle), 0);
	EQ(exit_code(last), 0);
}

CASE(two_words_lend_the_better_level)
{
	share();
	lock(0);
	lock(1);
	pid_t first = CHILD(10, lock(0); unlock(0)), second = CHILD(20, lock(1); unlock(1));
	EQ(shown(getpid()), -21);
	unlock(1);
	EQ(exit_code(second), 0);
	EQ(shown(getpid()), -11);
	unlock(0);
	EQ(exit_code(first), 0);
	EQ(shown(getpid()), 20);
}

CASE(a_circle_is_EDEADLK)
{
	share();
	lock(0);
	pid_t one = CHILD(5, lock(1); lock(0); unlock(0); unlock(1));
	ERR(futex(&shared->words[1], FUTEX_LOCK_PI, 0, 0, 0, 0), EDEADLK);
	pid_t two = CHILD(6, lock(2); lock(1); unlock(1); unlock(2));
	ERR(futex(&shared->words[2], FUTEX_LOCK_PI2, 0, 0, 0, 0), EDEADLK);
	unlock(0);
	EQ(exit_code(one), 0);
	EQ(exit_code(two), 0);
}

CASE(no_inversion)
{
	cpu_set_t only;
	share();
	CPU_ZERO(&only);
	CPU_SET(0, &only);
	OK(sched_setaffinity(0, sizeof only, &only));
	OK(set_policy(0, SCHED_FIFO, 50));
	/* The low one owns the word; the middle one would keep it from running while the high one waits. */
	pid_t low = OK(fork());
	if (low == 0) {
		OK(set_policy(0, SCHED_FIFO, 10));
		lock(0);
		shared->flag[0] = 1;
		while (!shared->flag[1])
			sched_yield();
		note('l');
		unlock(0);
		_exit(0);
	}
	while (!shared->flag[0])
		sleep_ms(1);
	pid_t middle = OK(fork());
	if (middle == 0) {
		OK(set_policy(0, SCHED_FIFO, 20));
		long long end = now_ns() + 200000000;
		while (now_ns() < end) {
		}
		note('m');
		_exit(0);
	}
	shared->flag[1] = 1;
	lock(0);
	note('h');
	unlock(0);
	EQ(exit_code(middle), 0);
	EQ(exit_code(low), 0);
	STR_EQ((char *)shared->order, "lhm");
}

CASE(an_owner_that_ends_leaves_it_to_the_best)
{
	share();
	pid_t owner = OK(fork());
	if (owner == 0) {
		lock(0);
		shared->flag[0] = 1;
		while (!shared->flag[1])
			sleep_ms(1);
		_exit(0);
	}
	while (!shared->flag[0])
		sleep_ms(1);
	pid_t low = CHILD(5, lock(0); note(shared->words[0] & FUTEX_OWNER_DIED ? 'A' : 'a'); unlock(0));
	pid_t high = CHILD(9, lock(0); note(shared->words[0] & FUTEX_OWNER_DIED ? 'B' : 'b'); unlock(0));
	shared->flag[1] = 1;
	EQ(exit_code(owner), 0);
	EQ(exit_code(high), 0);
	EQ(exit_code(low), 0);
	OUT("%s", (char *)shared->order);
}

CASE(ordinary_waiters_are_woken_by_priority)
{
	share();
	pid_t children[5];
	static const int priorities[] = {1, 30, 7, 30, 99};
	for (int i = 0; i < 5; i++)
		children[i] = CHILD(priorities[i], OK(futex(&shared->words[0], FUTEX_WAIT, 0, 0, 0, 0)); note('a' + i));
	pid_t fair = OK(fork());
	if (fair == 0) {
		OK(futex(&shared->words[0], FUTEX_WAIT, 0, 0, 0, 0));
		note('f');
		_exit(0);
	}
	sleep_ms(20);
	WAIT_STATE(fair, 'S');
	sleep_ms(20);
	for (int i = 0; i < 6; i++) {
		EQ(futex(&shared->words[0], FUTEX_WAKE, 1, 0, 0, 0), 1);
		sleep_ms(60);
	}
	for (int i = 0; i < 5; i++)
		EQ(exit_code(children[i]), 0);
	EQ(exit_code(fair), 0);
	STR_EQ((char *)shared->order, "ebdcaf");
}

CASE(requeue_to_an_owned_word)
{
	share();
	lock(1);
	pid_t children[3];
	static const int priorities[] = {5, 25, 15};
	for (int i = 0; i < 3; i++)
		children[i] = CHILD(priorities[i],
				    OK(futex(&shared->words[0], FUTEX_WAIT_REQUEUE_PI, 0, 0, &shared->words[1], -1));
				    note('a' + i); unlock(1));
	EQ(shown(getpid()), 20);
	EQ(futex(&shared->words[0], FUTEX_CMP_REQUEUE_PI, 1, (void *)1L, &shared->words[1], 0), 2);
	EQ(shown(getpid()), -26);
	EQ(futex(&shared->words[0], FUTEX_CMP_REQUEUE_PI, 1, (void *)10L, &shared->words[1], 0), 1);
	unlock(1);
	for (int i = 0; i < 3; i++)
		EQ(exit_code(children[i]), 0);
	STR_EQ((char *)shared->order, "bca");
	EQ(shown(getpid()), 20);
}

CASE(requeue_to_a_free_word)
{
	share();
	pid_t children[2];
	for (int i = 0; i < 2; i++)
		children[i] = CHILD(5 + i,
				    OK(futex(&shared->words[0], FUTEX_WAIT_REQUEUE_PI, 0, 0, &shared->words[1], -1));
				    note('a' + i); sleep_ms(50); note('A' + i); unlock(1));
	EQ(futex(&shared->words[0], FUTEX_CMP_REQUEUE_PI, 1, (void *)10L, &shared->words[1], 0), 2);
	for (int i = 0; i < 2; i++)
		EQ(exit_code(children[i]), 0);
	STR_EQ((char *)shared->order, "bBaA");
}

CASE(mixed_uses_are_refused)
{
	share();
	lock(0);
	pid_t owner = CHILD(5, lock(0); unlock(0));
	ERR(futex(&shared->words[0], FUTEX_WAKE, 1, 0, 0, 0), EINVAL);
	ERR(futex(&shared->words[0], FUTEX_REQUEUE, 1, (void *)1L, &shared->words[2], 0), EINVAL);
	unlock(0);
	EQ(exit_code(owner), 0);
	pid_t plain = CHILD(5, OK(futex(&shared->words[1], FUTEX_WAIT, 0, 0, 0, 0)));
	shared->words[1] = getppid();
	ERR(futex(&shared->words[1], FUTEX_LOCK_PI, 0, 0, 0, 0), EINVAL);
	ERR(futex(&shared->words[1], FUTEX_CMP_REQUEUE_PI, 1, (void *)1L, &shared->words[2], getppid()), EINVAL);
	EQ(futex(&shared->words[1], FUTEX_WAKE, 1, 0, 0, 0), 1);
	EQ(exit_code(plain), 0);
	pid_t moving = CHILD(5, futex(&shared->words[3], FUTEX_WAIT_REQUEUE_PI, 0, 0, &shared->words[4], -1));
	ERR(futex(&shared->words[3], FUTEX_WAKE, 1, 0, 0, 0), EINVAL);
	ERR(futex(&shared->words[3], FUTEX_CMP_REQUEUE_PI, 1, (void *)1L, &shared->words[5], 0), EINVAL);
	EQ(futex(&shared->words[3], FUTEX_CMP_REQUEUE_PI, 1, (void *)1L, &shared->words[4], 0), 1);
	EQ(exit_code(moving), 0);
	shared->words[6] = 999999;
	ERR(futex(&shared->words[6], FUTEX_TRYLOCK_PI, 0, 0, 0, 0), ESRCH);
	shared->words[6] = 2;
	ERR(futex(&shared->words[6], FUTEX_LOCK_PI, 0, 0, 0, 0), EPERM);
}

static pthread_mutex_t mutex;
static void *take(void *argument)
{
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
	return argument;
}
CASE(mutexes_of_the_library)
{
	pthread_mutexattr_t attributes;
	pthread_attr_t thread_attributes;
	struct sched_param parameter = {33};
	pthread_t thread;
	pthread_mutexattr_init(&attributes);
	EQ(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT), 0);
	EQ(pthread_mutex_init(&mutex, &attributes), 0);
	EQ(pthread_mutex_lock(&mutex), 0);
	pthread_attr_init(&thread_attributes);
	EQ(pthread_attr_setinheritsched(&thread_attributes, PTHREAD_EXPLICIT_SCHED), 0);
	EQ(pthread_attr_setschedpolicy(&thread_attributes, SCHED_RR), 0);
	EQ(pthread_attr_setschedparam(&thread_attributes, &parameter), 0);
	EQ(pthread_create(&thread, &thread_attributes, take, 0), 0);
	for (int i = 0; i < 400 && shown(getpid()) != -34; i++)
		sleep_ms(5);
	EQ(shown(getpid()), -34);
	EQ(pthread_mutex_unlock(&mutex), 0);
	EQ(pthread_join(thread, 0), 0);
	EQ(shown(getpid()), 20);
}
