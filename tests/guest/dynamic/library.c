/* Programs that are linked against the C library of the machine: what its loader, threads, clocks, locale and streams ask of the kernel. */
#include "../check.h"
#include <aio.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <ftw.h>
#include <link.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <spawn.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/statvfs.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <wchar.h>

extern char **environ;

static int count_objects(struct dl_phdr_info *info, size_t size, void *argument)
{
	(void)size;
	int *count = argument;
	count[0]++;
	if (strstr(info->dlpi_name, "libc.so.6"))
		count[1]++;
	if (strstr(info->dlpi_name, "ld-linux"))
		count[2]++;
	return 0;
}

CASE(the_loader_has_loaded_the_library)
{
	int count[3] = {0, 0, 0};
	dl_iterate_phdr(count_objects, count);
	CHECK(count[0] >= 3);
	EQ(count[1], 1);
	EQ(count[2], 1);
	char maps[16384];
	CHECK(read_file("/proc/self/maps", maps, sizeof maps) > 0);
	CHECK(strstr(maps, "libc.so.6") != 0);
	CHECK(strstr(maps, "ld-linux") != 0);
	CHECK(getauxval(AT_BASE) != 0);
	CHECK(getauxval(AT_PHDR) != 0);
	CHECK(getauxval(AT_ENTRY) != 0);
	EQ(getauxval(AT_PAGESZ), 4096);
	EQ(getauxval(AT_SECURE), 0);
}

CASE(libraries_are_loaded_by_name_while_it_runs)
{
	void *before = dlopen("libm.so.6", RTLD_NOW | RTLD_NOLOAD);
	OUT("loaded already: %d", before != 0);
	void *library = dlopen("libm.so.6", RTLD_NOW);
	CHECK(library != 0);
	double (*cosine)(double) = (double (*)(double))dlsym(library, "cos");
	CHECK(cosine != 0);
	CHECK(cosine(0) == 1);
	Dl_info info;
	CHECK(dladdr((void *)cosine, &info) != 0);
	CHECK(strstr(info.dli_fname, "libm.so.6") != 0);
	EQ(dlsym(library, "no_such_function") == 0, 1);
	EQ(dlclose(library), 0);
	CHECK(dlopen("libnone.so.9", RTLD_NOW) == 0);
	OUT("%s", dlerror());
	void *self = dlopen(0, RTLD_NOW);
	CHECK(self != 0);
	CHECK(dlsym(self, "exported_by_the_program") != 0);
}
__attribute__((used, visibility("default"))) int exported_by_the_program = 7;

static __thread int own = 5;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int turn, total;

static void *take_turns(void *argument)
{
	int number = (intptr_t)argument;
	own += number;
	for (int round = 0; round < 20; round++) {
		pthread_mutex_lock(&mutex);
		while (turn % 8 != number)
			pthread_cond_wait(&condition, &mutex);
		turn++;
		total += own;
		pthread_cond_broadcast(&condition);
		pthread_mutex_unlock(&mutex);
	}
	return (void *)(intptr_t)own;
}

CASE(threads_take_turns)
{
	pthread_t threads[8];
	int sum = 0;
	for (intptr_t i = 0; i < 8; i++)
		EQ(pthread_create(&threads[i], 0, take_turns, (void *)i), 0);
	for (int i = 0; i < 8; i++) {
		void *result;
		EQ(pthread_join(threads[i], &result), 0);
		sum += (intptr_t)result;
	}
	EQ(sum, 8 * 5 + 28);
	EQ(turn, 160);
	EQ(total, 20 * (8 * 5 + 28));
	EQ(own, 5);
}

static volatile int cleaned;
static sem_t begun;
static void clean(void *argument)
{
	cleaned += *(int *)argument;
}

static void *wait_for_ever(void *argument)
{
	int one = 1;
	pthread_cleanup_push(clean, &one);
	sem_post(&begun);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return argument;
}

static void *compute_for_ever(void *argument)
{
	int ten = 10;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, 0);
	pthread_cleanup_push(clean, &ten);
	sem_post(&begun);
	for (volatile long i = 0;; i++)
		;
	pthread_cleanup_pop(0);
	return argument;
}

CASE(threads_are_cancelled_and_unwound)
{
	pthread_t sleeper, busy;
	void *result = 0;
	EQ(sem_init(&begun, 0, 0), 0);
	EQ(pthread_create(&sleeper, 0, wait_for_ever, 0), 0);
	EQ(pthread_create(&busy, 0, compute_for_ever, 0), 0);
	OK(sem_wait(&begun));
	OK(sem_wait(&begun));
	EQ(pthread_cancel(sleeper), 0);
	EQ(pthread_join(sleeper, &result), 0);
	CHECK(result == PTHREAD_CANCELED);
	EQ(pthread_cancel(busy), 0);
	EQ(pthread_join(busy, &result), 0);
	CHECK(result == PTHREAD_CANCELED);
	EQ(cleaned, 11);
}

CASE(locks_that_wait_with_a_limit)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t held;
	pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
	struct timespec limit;
	sem_t semaphore;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&held, &attributes);
	EQ(pthread_mutex_lock(&held), 0);
	EQ(pthread_mutex_lock(&held), EDEADLK);
	EQ(pthread_mutex_unlock(&held), 0);
	EQ(pthread_mutex_unlock(&held), EPERM);
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_nsec += 10000000;
	limit.tv_sec += limit.tv_nsec / 1000000000;
	limit.tv_nsec %= 1000000000;
	EQ(pthread_rwlock_rdlock(&lock), 0);
	EQ(pthread_rwlock_timedwrlock(&lock, &limit), ETIMEDOUT);
	EQ(sem_init(&semaphore, 0, 0), 0);
	ERR(sem_timedwait(&semaphore, &limit), ETIMEDOUT);
	EQ(pthread_mutex_lock(&mutex), 0);
	EQ(pthread_cond_timedwait(&condition, &mutex, &limit), ETIMEDOUT);
	EQ(pthread_mutex_unlock(&mutex), 0);
}

CASE(a_robust_lock_tells_that_its_owner_died)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	EQ(pthread_mutex_init(shared, &attributes), 0);
	pid_t child = fork();
	if (child == 0) {
		pthread_mutex_lock(shared);
		_exit(0);
	}
	EQ(exit_code(child), 0);
	EQ(pthread_mutex_lock(shared), EOWNERDEAD);
	EQ(pthread_mutex_consistent(shared), 0);
	EQ(pthread_mutex_unlock(shared), 0);
}

CASE(streams)
{
	char line[64], *text = 0;
	size_t size = 0;
	int number;
	double fraction;
	enter_scratch();
	FILE *file = fopen("stream", "w+");
	CHECK(file != 0);
	for (int i = 0; i < 3000; i++)
		CHECK(fprintf(file, "line %d %.3f %s\n", i, i / 8.0, "text") > 0);
	EQ(fseek(file, 0, SEEK_SET), 0);
	for (int i = 0; i < 3000; i++) {
		EQ(fscanf(file, "line %d %lf %60s\n", &number, &fraction, line), 3);
		EQ(number, i);
		CHECK(fraction == i / 8.0);
	}
	OUT("length %ld", ftell(file));
	rewind(file);
	EQ(getline(&text, &size, file), 18);
	OUT("%s", strtok(text, "\n"));
	EQ(setvbuf(file, 0, _IONBF, 0), 0);
	EQ(fputs("LINE", file) >= 0, 1);
	EQ(fclose(file), 0);
	file = fopen("stream", "a");
	EQ(fputs("the end\n", file) >= 0, 1);
	EQ(fclose(file), 0);
	struct stat status;
	OK(stat("stream", &status));
	OUT("size %lld", (long long)status.st_size);
	CHECK(fopen("none", "r") == 0);
	OUT("%s: %m", strerror(EACCES));
	file = tmpfile();
	CHECK(file != 0);
	file = fmemopen(line, sizeof line, "w");
	fprintf(file, "%08x|%-6s|%+d|%e|%a", 0xbeef, "ab", 5, 12345.678, 0.5);
	fclose(file);
	OUT("%s", line);
}

CASE(large_files)
{
	enter_scratch();
	int fd = OK(open64("large", O_RDWR | O_CREAT, 0600));
	EQ(pwrite64(fd, "end", 3, 0x180000000LL), 3);
	struct stat64 status;
	OK(fstat64(fd, &status));
	EQ(status.st_size, 0x180000003LL);
	EQ(lseek64(fd, -3, SEEK_END), 0x180000000LL);
	char bytes[4] = "";
	EQ(read(fd, bytes, 3), 3);
	STR_EQ(bytes, "end");
	FILE *file = fopen64("large", "r");
	EQ(fseeko64(file, 0x180000001LL, SEEK_SET), 0);
	EQ(fgetc(file), 'n');
	struct statvfs64 system;
	OK(statvfs64(".", &system));
	EQ(system.f_bsize, 4096);
	OK(ftruncate64(fd, 0));
	struct flock64 lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x100000000LL, .l_len = 5};
	OK(fcntl64(fd, F_SETLK64, &lock));
	OK(posix_fadvise64(fd, 0, 0x100000000LL, POSIX_FADV_NORMAL));
	EQ(posix_fallocate64(fd, 0, 8192), 0);
	OK(fstat64(fd, &status));
	EQ(status.st_size, 8192);
}

CASE(locale_and_wide_characters)
{
	wchar_t wide[32];
	char narrow[64];
	CHECK(setlocale(LC_CTYPE, "C.UTF-8") != 0);
	EQ(mbstowcs(wide, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac", 32), 6);
	EQ(wide[2], 0xfc);
	EQ(wide[5], 0x20ac);
	EQ(wcstombs(narrow, wide, sizeof narrow), 10);
	CHECK(setlocale(LC_ALL, "xx_YY.none") == 0);
	EQ(swprintf(wide, 32, L"%ls %d", L"number", 42), 9);
	EQ(setlocale(LC_ALL, "C") != 0, 1);
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	time_t time = 1700000000;
	struct tm *broken = localtime(&time);
	CHECK(strftime(narrow, sizeof narrow, "%Y-%m-%d %H:%M:%S %Z %A", broken) > 0);
	OUT("%s", narrow);
	time = 1690000000;
	broken = localtime(&time);
	CHECK(strftime(narrow, sizeof narrow, "%c %z", broken) > 0);
	OUT("%s", narrow);
	EQ(mktime(broken), 1690000000);
}

static sigjmp_buf back;
static volatile int number_of_frames, reached_main;
static volatile uintptr_t fault_address;
static void at_fault(int number, siginfo_t *info, void *context)
{
	void *frames[64];
	(void)number, (void)context;
	fault_address = (uintptr_t)info->si_addr;
	number_of_frames = backtrace(frames, 64);
	for (int i = 0; i < number_of_frames; i++) {
		Dl_info found;
		if (dladdr(frames[i], &found) && found.dli_sname && strcmp(found.dli_sname, "the_faulting_function") == 0)
			reached_main = 1;
	}
	siglongjmp(back, 1);
}

__attribute__((noinline, used, visibility("default"))) int the_faulting_function(volatile int *place)
{
	*place = 1;
	return *place + 1;
}

CASE(a_handler_sees_the_frames_below_it)
{
	struct sigaction action = {.sa_sigaction = at_fault, .sa_flags = SA_SIGINFO};
	void *frames[64];
	int plain = backtrace(frames, 64);
	CHECK(plain >= 3);
	OK(sigaction(SIGSEGV, &action, 0));
	if (sigsetjmp(back, 1) == 0)
		the_faulting_function((int *)0x40);
	EQ(fault_address, 0x40);
	EQ(reached_main, 1);
	OUT("frames more than outside: %d", number_of_frames > plain);
	if (sigsetjmp(back, 1) == 0)
		the_faulting_function((int *)0x44);
	EQ(fault_address, 0x44);
}

static volatile int expirations;
static void at_expiration(union sigval value)
{
	__atomic_add_fetch(&expirations, value.sival_int, __ATOMIC_SEQ_CST);
}

CASE(timers_notify_by_threads_and_signals)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = at_expiration, .sigev_value.sival_int = 3};
	struct itimerspec setting = {{0, 0}, {0, 5000000}}, left;
	timer_t timer;
	OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
	OK(timer_settime(timer, 0, &setting, 0));
	for (int i = 0; i < 1000 && !expirations; i++)
		sleep_ms(5);
	EQ(expirations, 3);
	OK(timer_gettime(timer, &left));
	EQ(left.it_value.tv_nsec, 0);
	OK(timer_delete(timer));
	sigset_t set;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	event = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2, .sigev_value.sival_int = 9};
	OK(timer_create(CLOCK_REALTIME, &event, &timer));
	OK(timer_settime(timer, 0, &setting, 0));
	struct timespec limit = {10, 0};
	EQ(sigtimedwait(&set, &info, &limit), SIGRTMIN + 2);
	EQ(info.si_code, SI_TIMER);
	EQ(info.si_value.sival_int, 9);
}

CASE(clocks_agree_with_the_kernels)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_REALTIME_COARSE,
					   CLOCK_MONOTONIC_COARSE, CLOCK_TAI, CLOCK_PROCESS_CPUTIME_ID};
	for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		struct timespec first, last, resolution;
		struct {
			long seconds, nanoseconds;
			long room[2];
		} between;
		OK(clock_gettime(clocks[i], &first));
		OK(syscall(SYS_clock_gettime, clocks[i], &between));
		OK(clock_gettime(clocks[i], &last));
#if defined __x86_64__ && defined __ILP32__
		struct timespec middle;
		memcpy(&middle, &between, sizeof middle);
#else
		struct timespec middle = {between.seconds, between.nanoseconds};
#endif
		CHECK(middle.tv_sec > first.tv_sec || (middle.tv_sec == first.tv_sec && middle.tv_nsec >= first.tv_nsec));
		CHECK(last.tv_sec > middle.tv_sec || (last.tv_sec == middle.tv_sec && last.tv_nsec >= middle.tv_nsec));
		OK(clock_getres(clocks[i], &resolution));
		OUT("clock %d: %lld %ld", (int)clocks[i], (long long)resolution.tv_sec, (long)resolution.tv_nsec);
	}
	struct timeval now;
	struct timespec exact;
	OK(gettimeofday(&now, 0));
	OK(clock_gettime(CLOCK_REALTIME, &exact));
	CHECK(exact.tv_sec - now.tv_sec <= 2);
	CHECK(time(0) - now.tv_sec <= 2 && time(0) >= now.tv_sec);
	unsigned processor = 99, node = 99;
	OK(getcpu(&processor, &node));
	CHECK(processor < 64);
	EQ(node, 0);
	ERR(clock_gettime(999, &exact), EINVAL);
}

CASE(waiting_for_descriptors)
{
	int pipes[2], event = OK(eventfd(3, EFD_NONBLOCK)), poller = OK(epoll_create1(EPOLL_CLOEXEC));
	OK(pipe(pipes));
	struct epoll_event wanted = {.events = EPOLLIN, .data.u64 = 0x1122334455667788ULL}, got[4];
	OK(epoll_ctl(poller, EPOLL_CTL_ADD, event, &wanted));
	EQ(epoll_wait(poller, got, 4, 1000), 1);
	EQ(got[0].data.u64, 0x1122334455667788ULL);
	EQ(got[0].events, EPOLLIN);
	uint64_t value;
	OK(eventfd_read(event, &value));
	EQ(value, 3);
	EQ(epoll_wait(poller, got, 4, 1), 0);
	struct pollfd watch[2] = {{pipes[0], POLLIN, 0}, {pipes[1], POLLOUT, 0}};
	EQ(poll(watch, 2, 1000), 1);
	EQ(watch[1].revents, POLLOUT);
	EQ(write(pipes[1], "x", 1), 1);
	fd_set set;
	struct timeval limit = {5, 0};
	FD_ZERO(&set);
	FD_SET(pipes[0], &set);
	EQ(select(pipes[0] + 1, &set, 0, 0, &limit), 1);
	struct timespec exact = {0, 1000000};
	sigset_t signals;
	sigemptyset(&signals);
	EQ(ppoll(watch, 1, &exact, &signals), 1);
	EQ(pselect(pipes[0] + 1, &set, 0, 0, &exact, &signals), 1);
	int timer = OK(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec setting = {{0, 0}, {0, 1000000}};
	OK(timerfd_settime(timer, 0, &setting, 0));
	EQ(read(timer, &value, sizeof value), 8);
	EQ(value, 1);
	sigaddset(&signals, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &signals, 0));
	int signal = OK(signalfd(-1, &signals, 0));
	OK(raise(SIGUSR1));
	struct signalfd_siginfo info;
	EQ(read(signal, &info, sizeof info), sizeof info);
	EQ(info.ssi_signo, SIGUSR1);
	EQ(info.ssi_pid, getpid());
}

CASE(asynchronous_reads_and_named_semaphores)
{
	enter_scratch();
	int fd = OK(open("file", O_RDWR | O_CREAT, 0600));
	EQ(write(fd, "0123456789", 10), 10);
	char bytes[4] = "";
	struct aiocb control = {.aio_fildes = fd, .aio_buf = bytes, .aio_nbytes = 3, .aio_offset = 4};
	OK(aio_read(&control));
	const struct aiocb *list[] = {&control};
	while (aio_error(&control) == EINPROGRESS)
		OK(aio_suspend(list, 1, 0));
	EQ(aio_error(&control), 0);
	EQ(aio_return(&control), 3);
	STR_EQ(bytes, "456");
	sem_t *semaphore = sem_open("/named", O_CREAT, 0600, 0);
	CHECK(semaphore != SEM_FAILED);
	pid_t child = fork();
	if (child == 0) {
		sem_t *same = sem_open("/named", 0);
		_exit(same == SEM_FAILED || sem_post(same) != 0);
	}
	OK(sem_wait(semaphore));
	EQ(exit_code(child), 0);
	OK(sem_unlink("/named"));
	int shared = OK(shm_open("/shared", O_RDWR | O_CREAT, 0600));
	OK(ftruncate(shared, 8192));
	char *p = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
	CHECK(p != MAP_FAILED);
	p[8191] = 1;
	OK(shm_unlink("/shared"));
}

static int visited, depth;
static int visit(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)path, (void)status, (void)kind;
	visited++;
	if (place->level > depth)
		depth = place->level;
	return 0;
}

CASE(walking_folders)
{
	char name[64];
	enter_scratch();
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "folder%d", i);
		OK(mkdir(name, 0700));
		for (int k = 0; k < 50; k++) {
			snprintf(name, sizeof name, "folder%d/a file with a name %d", i, k);
			close(OK(open(name, O_CREAT | O_WRONLY, 0600)));
		}
	}
	OK(nftw(".", visit, 8, FTW_PHYS));
	EQ(visited, 154);
	EQ(depth, 2);
	char path[PATH_MAX];
	CHECK(realpath("folder0/../folder1/.", path) != 0);
	STR_EQ(strrchr(path, '/'), "/folder1");
	CHECK(getcwd(path, sizeof path) != 0);
}

CASE(programs_are_spawned)
{
	char *arguments[] = {"program", "--list", 0};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all;
	int pipes[2];
	pid_t child;
	OK(pipe(pipes));
	sigfillset(&all);
	EQ(posix_spawn_file_actions_init(&actions), 0);
	EQ(posix_spawn_file_actions_adddup2(&actions, pipes[1], 1), 0);
	EQ(posix_spawn_file_actions_addclose(&actions, pipes[0]), 0);
	EQ(posix_spawnattr_init(&attributes), 0);
	EQ(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP), 0);
	EQ(posix_spawnattr_setsigmask(&attributes, &all), 0);
	EQ(posix_spawn(&child, "/proc/self/exe", &actions, &attributes, arguments, environ), 0);
	close(pipes[1]);
	FILE *output = fdopen(pipes[0], "r");
	char line[200];
	CHECK(fgets(line, sizeof line, output) != 0);
	STR_EQ(line, "the_loader_has_loaded_the_library\n");
	while (fgets(line, sizeof line, output))
		;
	EQ(exit_code(child), 0);
	EQ(posix_spawn(&child, "/none", 0, 0, arguments, environ), ENOENT);
	child = vfork();
	if (child == 0) {
		execlp("/none", "none", (char *)0);
		_exit(errno);
	}
	EQ(exit_code(child), ENOENT);
}

static int at_fork[3];
static void prepare(void) { at_fork[0]++; }
static void parent(void) { at_fork[1]++; }
static void child_side(void) { at_fork[2]++; }
static void *allocate(void *argument)
{
	for (int i = 0; i < 2000; i++) {
		char *p = malloc(i * 16 + 1);
		memset(p, i, i * 16 + 1);
		p = realloc(p, i * 32 + 1);
		free(p);
	}
	return argument;
}

CASE(memory_and_fork_among_threads)
{
	pthread_t threads[4];
	EQ(pthread_atfork(prepare, parent, child_side), 0);
	for (int i = 0; i < 4; i++)
		EQ(pthread_create(&threads[i], 0, allocate, 0), 0);
	for (int i = 0; i < 5; i++) {
		pid_t child = fork();
		if (child == 0) {
			allocate(0);
			_exit(at_fork[2] == 1 ? 0 : 1);
		}
		EQ(exit_code(child), 0);
	}
	for (int i = 0; i < 4; i++)
		EQ(pthread_join(threads[i], 0), 0);
	EQ(at_fork[0], 5);
	EQ(at_fork[1], 5);
	char *large = malloc(20 << 20);
	CHECK(large != 0);
	large[19 << 20] = 1;
	large = realloc(large, 40 << 20);
	EQ(large[19 << 20], 1);
	free(large);
}

CASE(what_the_library_asks_of_the_system)
{
	struct utsname name;
	OK(uname(&name));
	OUT("%s %s", name.sysname, name.machine);
	EQ(sysconf(_SC_PAGESIZE), 4096);
	EQ(sysconf(_SC_CLK_TCK), 100);
	CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
	CHECK(sysconf(_SC_PHYS_PAGES) > 1000);
	OUT("open max %ld, arg max %ld", sysconf(_SC_OPEN_MAX), sysconf(_SC_ARG_MAX));
	unsigned char bytes[16] = {0};
	EQ(getrandom(bytes, sizeof bytes, 0), 16);
	CHECK(arc4random_uniform(10) < 10);
	struct rusage usage;
	OK(getrusage(RUSAGE_SELF, &usage));
	CHECK(usage.ru_minflt > 0);
	struct rlimit64 limit;
	OK(getrlimit64(RLIMIT_STACK, &limit));
	OUT("stack %llu", (unsigned long long)limit.rlim_cur);
	OK(nice(0));
	EQ(isatty(0), 0);
	char host[65];
	OK(gethostname(host, sizeof host));
	pthread_setname_np(pthread_self(), "name");
	char got[16];
	EQ(pthread_getname_np(pthread_self(), got, sizeof got), 0);
	STR_EQ(got, "name");
	cpu_set_t set;
	EQ(pthread_getaffinity_np(pthread_self(), sizeof set, &set), 0);
	CHECK(CPU_COUNT(&set) >= 1);
	pthread_attr_t attributes;
	void *stack;
	size_t size;
	EQ(pthread_getattr_np(pthread_self(), &attributes), 0);
	EQ(pthread_attr_getstack(&attributes, &stack, &size), 0);
	CHECK((char *)&size > (char *)stack && (char *)&size < (char *)stack + size);
}
