/* Many processes and threads, a fork bomb under a limit, all memory taken: the system answers afterwards, and its memory is back within 1 %. */
#include "../check.h"
#include <pthread.h>

static long long meminfo(const char *name)
{
	char text[8192];
	CHECK(read_file("/proc/meminfo", text, sizeof text) > 0);
	char *line = strstr(text, name);
	CHECK(line != 0);
	return strtoll(line + strlen(name), 0, 10);
}

/* Free memory as a program sees it, caches that can be dropped counted as free. */
static long long free_memory(void)
{
	return meminfo("MemAvailable:");
}

static long long total, before;

static void begin(void)
{
	total = meminfo("MemTotal:");
	before = free_memory();
}

/* Ended processes are freed a little later: wait for it, but not long. */
static void memory_is_back(void)
{
	long long lost = 0;
	for (int i = 0; i < 200; i++) {
		lost = before - free_memory();
		if (lost * 100 <= total)
			break;
		sleep_ms(20);
	}
	NOTE("free before %lld kB, less now by %lld kB, of %lld kB", before, lost, total);
	if (lost * 100 > total)
		FAIL("memory lost: %lld kB of %lld kB", lost, total);
	IN_CHILD(_exit(0));
}

CASE_WITHIN(a_thousand_live_processes, 120)
{
	static pid_t children[1000];
	int ends[2], ready[2];
	char byte;
	begin();
	OK(pipe(ends));
	OK(pipe(ready));
	for (int i = 0; i < 1000; i++)
		if ((children[i] = OK(fork())) == 0) {
			close(ends[1]);
			if (write(ready[1], "r", 1) != 1)
				_exit(1);
			_exit(read(ends[0], &byte, 1) == 0 ? i % 251 : 255);
		}
	for (int i = 0; i < 1000; i++)
		EQ(read(ready[0], &byte, 1), 1);
	NOTE("1000 processes use %lld kB", before - free_memory());
	OK(close(ends[1]));
	for (int i = 0; i < 1000; i++)
		EQ(exit_code(children[i]), i % 251);
	memory_is_back();
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_here = PTHREAD_COND_INITIALIZER, go = PTHREAD_COND_INITIALIZER;
static int here, may_go;

static void *wait_for_go(void *argument)
{
	pthread_mutex_lock(&lock);
	if (++here == 1000)
		pthread_cond_signal(&all_here);
	while (!may_go)
		pthread_cond_wait(&go, &lock);
	pthread_mutex_unlock(&lock);
	return argument;
}

static void thousand_threads(void)
{
	static pthread_t threads[1000];
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	for (long i = 0; i < 1000; i++)
		EQ(pthread_create(&threads[i], &attributes, wait_for_go, (void *)i), 0);
	pthread_mutex_lock(&lock);
	while (here < 1000)
		pthread_cond_wait(&all_here, &lock);
	char text[4096];
	CHECK(read_file("/proc/self/status", text, sizeof text) > 0);
	EQ(atoi(strstr(text, "Threads:") + 8), 1001);
	may_go = 1;
	pthread_cond_broadcast(&go);
	pthread_mutex_unlock(&lock);
	for (long i = 0; i < 1000; i++) {
		void *result;
		EQ(pthread_join(threads[i], &result), 0);
		EQ((long)result, i);
	}
}

CASE_WITHIN(a_thousand_threads_in_one_process, 120)
{
	begin();
	IN_CHILD(thousand_threads());
	memory_is_back();
}

CASE_WITHIN(twenty_thousand_forks_and_exits, 900)
{
	begin();
	for (int i = 0; i < 20000; i++) {
		pid_t child = fork();
		if (child == 0)
			_exit(i & 127);
		if (child < 0)
			FAIL("fork %d got %s", i, errno_name(errno));
		int status = 0;
		EQ(waitpid(child, &status, 0), child);
		EQ(status, (i & 127) << 8);
		if (i % 5000 == 4999)
			NOTE("%d done", i + 1);
	}
	memory_is_back();
}

CASE_WITHIN(two_thousand_execs, 300)
{
	begin();
	for (int i = 0; i < 2000; i++) {
		pid_t child = vfork();
		if (child == 0) {
			execl("/proc/self/exe", "x", "--nothing", (char *)0);
			_exit(99);
		}
		EQ(exit_code(child), 0);
	}
	memory_is_back();
}

__attribute__((constructor)) static void do_nothing_when_asked(int count, char **arguments)
{
	if (count == 2 && strcmp(arguments[1], "--nothing") == 0)
		_exit(0);
}

CASE_WITHIN(five_thousand_short_threads, 120)
{
	begin();
	IN_CHILD({
		for (int i = 0; i < 5000; i++) {
			pthread_t thread;
			may_go = 1;
			EQ(pthread_create(&thread, 0, wait_for_go, 0), 0);
			EQ(pthread_join(thread, 0), 0);
		}
	});
	memory_is_back();
}

CASE_WITHIN(fork_bomb_under_a_limit, 120)
{
	struct rlimit limit = {100, 100};
	begin();
	pid_t bomb = OK(fork());
	if (bomb == 0) {
		setpgid(0, 0);
		OK(setresgid(5555, 5555, 5555));
		OK(setresuid(5555, 5555, 5555));
		OK(setrlimit(RLIMIT_NPROC, &limit));
		for (;;)
			fork();
	}
	sleep_ms(1000);
	IN_CHILD(_exit(0)); /* others still can */
	/* One call reaches them all, also those being made. */
	while (kill(-bomb, SIGKILL) == 0) {
		while (waitpid(-1, 0, WNOHANG) > 0) {
		}
		sleep_ms(5);
	}
	memory_is_back();
}

/* Takes memory until the kernel ends it. */
static void take_all_memory(int locked)
{
	for (;;) {
		char *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			_exit(3);
		for (int i = 0; i < 1 << 20; i += 4096)
			p[i] = 1;
		if (locked)
			mlock(p, 1 << 20);
	}
}

CASE_WITHIN(taking_all_memory_is_ended_by_the_kernel, 240)
{
	begin();
	if (total > 4 << 20)
		SKIP("too much memory here to take it all");
	pid_t child = OK(fork());
	if (child == 0)
		take_all_memory(0);
	EQ(death_signal(child), SIGKILL);
	memory_is_back();
}

CASE_WITHIN(all_memory_in_a_tmpfs_file_is_ENOSPC_or_the_end, 240)
{
	begin();
	if (total > 4 << 20)
		SKIP("too much memory here to take it all");
	enter_scratch();
	pid_t child = OK(fork());
	if (child == 0) {
		static char block[1 << 16];
		int fd = OK(open("f", O_CREAT | O_RDWR, 0600));
		while (write(fd, block, sizeof block) > 0) {
		}
		_exit(errno == ENOSPC ? 28 : errno == ENOMEM ? 12 : 1);
	}
	int status = wait_status(child);
	NOTE("status word 0x%x", status);
	CHECK(status == 28 << 8 || status == 12 << 8 || (status & 0x7f) == SIGKILL);
	OK(unlink("f"));
	memory_is_back();
}

CASE_WITHIN(page_tables_and_descriptors_come_back, 120)
{
	begin();
	IN_CHILD({
		/* One page in each of many 2 MiB regions: mostly page tables. */
		for (int i = 0; i < 2000; i++) {
			char *p = mmap((void *)(0x10000000000UL + i * (4UL << 20)), 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			CHECK(p != MAP_FAILED);
			*p = 1;
		}
		struct rlimit limit = {4096, 4096};
		OK(setrlimit(RLIMIT_NOFILE, &limit));
		for (int i = 0; i < 1500; i++) {
			int ends[2];
			OK(pipe(ends));
			EQ(write(ends[1], "x", 1), 1);
		}
	});
	memory_is_back();
}

CASE_WITHIN(signals_storm_between_processes, 60)
{
	CATCH(SIGUSR1, SA_RESTART);
	pid_t target = OK(fork());
	if (target == 0)
		for (;;)
			getppid();
	for (int i = 0; i < 20000; i++)
		OK(kill(target, SIGUSR1));
	OK(kill(target, SIGKILL));
	EQ(death_signal(target), SIGKILL);
}
