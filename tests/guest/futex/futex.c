/* futex(2): wait, wake, bitset, requeue, wake_op, priority inheritance, robust lists, waitv. */
#include "../check.h"
#include <linux/futex.h>
#include <pthread.h>

static int *word;

static long futex(int *address, int operation, int value, const void *timeout, int *second, int third)
{
	return syscall(SYS_futex, address, operation, value, timeout, second, third);
}

static int *shared_words(void)
{
	int *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

static pid_t waiter(int *address, int operation, int value, int third)
{
	pid_t child = OK(fork());
	if (child == 0) {
		long result = futex(address, operation, value, 0, 0, third);
		_exit(result == 0 ? 0 : errno);
	}
	WAIT_STATE(child, 'S');
	sleep_ms(5);
	return child;
}

CASE(wait_with_another_value_is_EAGAIN)
{
	word = shared_words();
	ERR(futex(word, FUTEX_WAIT, 1, 0, 0, 0), EAGAIN);
}

CASE(wake_without_waiters_is_zero)
{
	word = shared_words();
	EQ(futex(word, FUTEX_WAKE, 1, 0, 0, 0), 0);
}

CASE(wake_wakes_as_many_as_asked)
{
	word = shared_words();
	pid_t a = waiter(word, FUTEX_WAIT, 0, 0), b = waiter(word, FUTEX_WAIT, 0, 0), c = waiter(word, FUTEX_WAIT, 0, 0);
	EQ(futex(word, FUTEX_WAKE, 2, 0, 0, 0), 2);
	EQ(futex(word, FUTEX_WAKE, 10, 0, 0, 0), 1);
	EQ(exit_code(a), 0);
	EQ(exit_code(b), 0);
	EQ(exit_code(c), 0);
}

CASE(wait_times_out)
{
	struct timespec limit = {0, 30000000};
	word = shared_words();
	long long start = now_ns();
	ERR(futex(word, FUTEX_WAIT, 0, &limit, 0, 0), ETIMEDOUT);
	CHECK(now_ns() - start >= 30000000);
	ERR(futex(word, FUTEX_WAIT_PRIVATE, 0, &limit, 0, 0), ETIMEDOUT);
}

CASE(wait_bitset_takes_an_absolute_time)
{
	struct timespec limit;
	word = shared_words();
	clock_gettime(CLOCK_MONOTONIC, &limit);
	ERR(futex(word, FUTEX_WAIT_BITSET, 0, &limit, 0, -1), ETIMEDOUT);
	clock_gettime(CLOCK_REALTIME, &limit);
	ERR(futex(word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &limit, 0, -1), ETIMEDOUT);
}

CASE(wait_is_interrupted)
{
	struct timespec limit = {5, 0};
	word = shared_words();
	CATCH(SIGALRM, 0);
	alarm_ms(30);
	ERR(futex(word, FUTEX_WAIT, 0, 0, 0, 0), EINTR);
	CATCH(SIGALRM, SA_RESTART);
	alarm_ms(30);
	ERR(futex(word, FUTEX_WAIT, 0, &limit, 0, 0), EINTR);
}

CASE(bitset_selects)
{
	word = shared_words();
	pid_t a = waiter(word, FUTEX_WAIT_BITSET, 0, 1), b = waiter(word, FUTEX_WAIT_BITSET, 0, 2);
	EQ(futex(word, FUTEX_WAKE_BITSET, 10, 0, 0, 2), 1);
	EQ(exit_code(b), 0);
	EQ(futex(word, FUTEX_WAKE_BITSET, 10, 0, 0, 1), 1);
	EQ(exit_code(a), 0);
	ERR(futex(word, FUTEX_WAIT_BITSET, 0, 0, 0, 0), EINVAL);
	ERR(futex(word, FUTEX_WAKE_BITSET, 1, 0, 0, 0), EINVAL);
}

CASE(requeue_moves_waiters)
{
	word = shared_words();
	pid_t a = waiter(word, FUTEX_WAIT, 0, 0), b = waiter(word, FUTEX_WAIT, 0, 0);
	EQ(futex(word, FUTEX_REQUEUE, 1, (void *)1, word + 1, 0), 2);
	EQ(futex(word, FUTEX_WAKE, 10, 0, 0, 0), 0);
	EQ(futex(word + 1, FUTEX_WAKE, 10, 0, 0, 0), 1);
	EQ(exit_code(a), 0);
	EQ(exit_code(b), 0);
}

CASE(cmp_requeue_checks_the_value)
{
	word = shared_words();
	ERR(futex(word, FUTEX_CMP_REQUEUE, 1, (void *)1, word + 1, 5), EAGAIN);
	pid_t a = waiter(word, FUTEX_WAIT, 0, 0), b = waiter(word, FUTEX_WAIT, 0, 0), c = waiter(word, FUTEX_WAIT, 0, 0);
	EQ(futex(word, FUTEX_CMP_REQUEUE, 1, (void *)1, word + 1, 0), 2);
	EQ(futex(word, FUTEX_WAKE, 10, 0, 0, 0), 1);
	EQ(futex(word + 1, FUTEX_WAKE, 10, 0, 0, 0), 1);
	EQ(exit_code(a) + exit_code(b) + exit_code(c), 0);
}

CASE(wake_op)
{
	word = shared_words();
	word[1] = 5;
	pid_t a = waiter(word, FUTEX_WAIT, 0, 0), b = waiter(word + 1, FUTEX_WAIT, 5, 0);
	EQ(futex(word, FUTEX_WAKE_OP, 1, (void *)1, word + 1, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)), 2);
	EQ(word[1], 8);
	EQ(exit_code(a) + exit_code(b), 0);
	EQ(futex(word, FUTEX_WAKE_OP, 1, (void *)1, word + 1, FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_GT, 100)), 0);
	EQ(word[1], 1);
	ERR(futex(word, FUTEX_WAKE_OP, 1, (void *)1, word + 1, 0x70000000), ENOSYS);
}

CASE(shared_futex_in_two_mappings_of_a_file)
{
	enter_scratch();
	int fd = OK(open("f", O_CREAT | O_RDWR, 0600));
	OK(ftruncate(fd, 4096));
	int *one = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int *two = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid_t child = waiter(one, FUTEX_WAIT, 0, 0);
	EQ(futex(two, FUTEX_WAKE, 1, 0, 0, 0), 1);
	EQ(exit_code(child), 0);
}

CASE(private_futexes_of_two_processes_are_apart)
{
	word = shared_words();
	pid_t child = waiter(word, FUTEX_WAIT_PRIVATE, 0, 0);
	EQ(futex(word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0), 0);
	OK(kill(child, SIGKILL));
	wait_status(child);
}

CASE(errors)
{
	struct timespec bad = {0, 1000000000};
	word = shared_words();
	ERR(futex((int *)((char *)word + 1), FUTEX_WAIT, 0, 0, 0, 0), EINVAL);
	ERR(futex((int *)16, FUTEX_WAIT, 0, 0, 0, 0), EFAULT);
	ERR(futex((int *)16, FUTEX_WAKE, 1, 0, 0, 0), EFAULT);
	ERR(futex(word, FUTEX_WAIT, 0, &bad, 0, 0), EINVAL);
	ERR(futex(word, FUTEX_WAIT, 0, (void *)16, 0, 0), EFAULT);
	ERR(futex(word, 99, 0, 0, 0, 0), ENOSYS);
	ERR(futex(word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 0, 0, 0, 0), ENOSYS);
	ERR(futex(word, FUTEX_CMP_REQUEUE, -1, (void *)1, word + 1, 0), EINVAL);
}

CASE(lock_pi_and_unlock_pi)
{
	word = shared_words();
	OK(futex(word, FUTEX_LOCK_PI, 0, 0, 0, 0));
	EQ(*word, syscall(SYS_gettid));
	ERR(futex(word, FUTEX_LOCK_PI, 0, 0, 0, 0), EDEADLK);
	ERR(futex(word, FUTEX_TRYLOCK_PI, 0, 0, 0, 0), EDEADLK);
	pid_t child = OK(fork());
	if (child == 0) {
		ERR(futex(word, FUTEX_TRYLOCK_PI, 0, 0, 0, 0), EAGAIN);
		ERR(futex(word, FUTEX_UNLOCK_PI, 0, 0, 0, 0), EPERM);
		OK(futex(word, FUTEX_LOCK_PI, 0, 0, 0, 0));
		EQ(*word & FUTEX_TID_MASK, getpid());
		OK(futex(word, FUTEX_UNLOCK_PI, 0, 0, 0, 0));
		_exit(0);
	}
	for (int i = 0; i < 400 && !(*(volatile int *)word & FUTEX_WAITERS); i++)
		sleep_ms(5);
	CHECK(*word & FUTEX_WAITERS);
	OK(futex(word, FUTEX_UNLOCK_PI, 0, 0, 0, 0));
	EQ(exit_code(child), 0);
	EQ(*word, 0);
}

CASE(owner_of_a_pi_lock_that_died_is_ESRCH)
{
	word = shared_words();
	*word = 999999;
	ERR(futex(word, FUTEX_LOCK_PI, 0, 0, 0, 0), ESRCH);
}

static pthread_mutex_t *mutex;
static void make_mutex(int robust, int protocol)
{
	pthread_mutexattr_t attributes;
	mutex = (pthread_mutex_t *)shared_words();
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	if (robust)
		pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	EQ(pthread_mutexattr_setprotocol(&attributes, protocol), 0);
	EQ(pthread_mutex_init(mutex, &attributes), 0);
}

CASE(robust_mutex_of_a_dead_process_is_EOWNERDEAD)
{
	make_mutex(1, PTHREAD_PRIO_NONE);
	pid_t child = OK(fork());
	if (child == 0) {
		pthread_mutex_lock(mutex);
		_exit(0);
	}
	EQ(exit_code(child), 0);
	EQ(pthread_mutex_lock(mutex), EOWNERDEAD);
	EQ(pthread_mutex_consistent(mutex), 0);
	EQ(pthread_mutex_unlock(mutex), 0);
	EQ(pthread_mutex_lock(mutex), 0);
}

CASE(robust_mutex_wakes_a_waiter_when_its_owner_dies)
{
	make_mutex(1, PTHREAD_PRIO_NONE);
	pid_t owner = OK(fork());
	if (owner == 0) {
		pthread_mutex_lock(mutex);
		raise(SIGSTOP);
		_exit(0);
	}
	int status;
	EQ(OK(waitpid(owner, &status, WUNTRACED)), owner);
	pid_t other = OK(fork());
	if (other == 0)
		_exit(pthread_mutex_lock(mutex) == EOWNERDEAD ? 0 : 1);
	WAIT_STATE(other, 'S');
	OK(kill(owner, SIGKILL));
	EQ(death_signal(owner), SIGKILL);
	EQ(exit_code(other), 0);
}

CASE(robust_pi_mutex)
{
	make_mutex(1, PTHREAD_PRIO_INHERIT);
	pid_t child = OK(fork());
	if (child == 0) {
		pthread_mutex_lock(mutex);
		_exit(0);
	}
	EQ(exit_code(child), 0);
	EQ(pthread_mutex_lock(mutex), EOWNERDEAD);
}

CASE(robust_list_calls)
{
	void *head = 0;
	size_t length = 0;
	OK(syscall(SYS_get_robust_list, 0, &head, &length));
	CHECK(head != 0);
	OUT("length %zu pointers", length / sizeof(void *));
	ERR(syscall(SYS_set_robust_list, head, 5), EINVAL);
	ERR(syscall(SYS_get_robust_list, 999999, &head, &length), ESRCH);
	ERR(syscall(SYS_get_robust_list, 0, 16L, &length), EFAULT);
}

static pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int turn, sum;

static void *take_turns(void *argument)
{
	int me = (int)(long)argument;
	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&plain);
		while (turn != me)
			pthread_cond_wait(&condition, &plain);
		turn = (turn + 1) % 4;
		sum++;
		pthread_cond_broadcast(&condition);
		pthread_mutex_unlock(&plain);
	}
	return 0;
}

CASE_WITHIN(condition_variables_pass_the_turn, 60)
{
	pthread_t threads[4];
	for (long i = 0; i < 4; i++)
		EQ(pthread_create(&threads[i], 0, take_turns, (void *)i), 0);
	for (int i = 0; i < 4; i++)
		EQ(pthread_join(threads[i], 0), 0);
	EQ(sum, 800);
}

static pthread_barrier_t barrier;
static void *meet(void *argument)
{
	for (int i = 0; i < 100; i++)
		pthread_barrier_wait(&barrier);
	return argument;
}

CASE_WITHIN(barriers_hold_eight_threads, 60)
{
	pthread_t threads[8];
	EQ(pthread_barrier_init(&barrier, 0, 8), 0);
	for (int i = 0; i < 8; i++)
		EQ(pthread_create(&threads[i], 0, meet, 0), 0);
	for (int i = 0; i < 8; i++)
		EQ(pthread_join(threads[i], 0), 0);
}

CASE(waitv_waits_for_any)
{
	struct { uint64_t value, address; uint32_t flags, reserved; } list[2] = {{0}};
	word = shared_words();
	list[0].address = (uintptr_t)word;
	list[1].address = (uintptr_t)(word + 1);
	list[0].flags = list[1].flags = 2; /* 32 bits */
	list[1].value = 5;
	ERR(syscall(SYS_futex_waitv, list, 2, 0, 0, 0), EAGAIN);
	word[1] = 5;
	pid_t child = OK(fork());
	if (child == 0) {
		sleep_ms(40);
		_exit(futex(word + 1, FUTEX_WAKE, 1, 0, 0, 0) == 1 ? 0 : 1);
	}
	EQ(syscall(SYS_futex_waitv, list, 2, 0, 0, 0), 1);
	EQ(exit_code(child), 0);
	ERR(syscall(SYS_futex_waitv, list, 0, 0, 0, 0), EINVAL);
	ERR(syscall(SYS_futex_waitv, list, 129, 0, 0, 0), EINVAL);
	list[0].flags = 0;
	ERR(syscall(SYS_futex_waitv, list, 2, 0, 0, 0), EINVAL);
}
