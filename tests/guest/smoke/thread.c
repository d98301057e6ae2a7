/* Two threads share memory; pthread_join waits through a futex. */
#include <pthread.h>
#include <stdio.h>

static int counter;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *worker(void *argument)
{
	for (int i = 0; i < 10000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
	}
	return argument;
}

int main(void)
{
	pthread_t one, two;
	void *result = 0;
	if (pthread_create(&one, 0, worker, (void *)1) || pthread_create(&two, 0, worker, (void *)2)) {
		puts("cannot create threads");
		return 1;
	}
	pthread_join(one, &result);
	pthread_join(two, &result);
	printf("counter %d result %p\n", counter, result);
	return 0;
}
