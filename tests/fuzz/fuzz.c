/*
 * Random system calls through three ABIs at once, typed by the kernel's own table (`calls.h`, made from it by the test).
 *
 *     fuzz SEED CALLS [BATCH]
 *
 * A supervisor starts workers, each of which makes the calls of one batch, chosen by the seed and the batch's number: BATCH
 * alone repeats one. Workers end by all the ways calls offer; one that makes no progress is killed. At the end the supervisor
 * prints what was called and what succeeded, and checks that memory and processes are as before.
 */
#include "calling.h"
#include "table.h"

#include <stdio.h>

#include "arguments.h"
#include "recipes.h"
#include "worker.h"

#include <dirent.h>
#include <sys/mount.h>
#include <sys/sysinfo.h>

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void remove_all(const char *folder)
{
	DIR *directory = opendir(folder);
	if (!directory)
		return;
	for (struct dirent *entry; (entry = readdir(directory));) {
		char path[4096];
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (unlink(path) != 0) {
			while (umount2(path, MNT_DETACH) == 0)
				;
			chmod(path, 0777);
			remove_all(path);
			rmdir(path);
		}
	}
	closedir(directory);
}

/* Each CPU keeps something of its own. */
static void drop_caches(void)
{
	cpu_set_t all, one;
	sched_getaffinity(0, sizeof all, &all);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof one, &one);
		int caches = open("/proc/sys/vm/drop_caches", O_WRONLY);
		if (caches < 0 || write(caches, "3\n", 2) != 2)
			printf("drop_caches: %s\n", strerror(errno));
		close(caches);
	}
	sched_setaffinity(0, sizeof all, &all);
}
static long free_memory(void)
{
	/* What is kept for speed is no leak; deferred frees have their time. */
	drop_caches();
	sync();
	/* A deep folder that is gone is freed from its end on, one grace period after the other. */
	long most = 0;
	for (int quiet = 0, rounds = 0; quiet < 10 && rounds < 250; quiet++, rounds++) {
		struct sysinfo info;
		usleep(40000);
		if (quiet == 9)
			drop_caches();
		sysinfo(&info);
		long kib = (long)(info.freeram * info.mem_unit >> 10);
		if (kib > most)
			quiet = 0;
		most = kib;
	}
	return most;
}
/* Each part of the memory takes a little for its records when it is first used: use it. */
static void touch_memory(void)
{
	struct sysinfo info;
	sysinfo(&info);
	size_t size = info.freeram * info.mem_unit / 4 * 3;
	char *all = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (all == MAP_FAILED) {
		printf("mmap: %s\n", strerror(errno));
		exit(3);
	}
	munmap(all, size);
}
static int processes(void)
{
	struct sysinfo info;
	sysinfo(&info);
	return info.procs;
}

/* Where memory is, for people. */
static void show_memory(const char *when)
{
	char line[128];
	FILE *file = fopen("/proc/meminfo", "r");
	printf("%s:", when);
	while (file && fgets(line, sizeof line, file)) {
		char name[64];
		long value;
		if (sscanf(line, "%63s %ld", name, &value) == 2 && value != 0)
			printf(" %s%ld", name, value);
	}
	printf("\n");
	if (file)
		fclose(file);
}

/* Who is left, for people. */
static void show_processes(void)
{
	DIR *directory = opendir("/proc");
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		char path[300], line[200] = "";
		snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
		FILE *file = atoi(entry->d_name) > 0 ? fopen(path, "r") : 0;
		if (file && fgets(line, sizeof line, file))
			printf("left: %.60s\n", line);
		if (file)
			fclose(file);
	}
	closedir(directory);
}

static long kills;

static uint64_t made_so_far(void)
{
	uint64_t sum = shared->unknown;
	for (int index = 0; index < CALLS; index++)
		sum += shared->made[0][index] + shared->made[1][index] + shared->made[2][index];
	return sum;
}

/* Runs batches from `first` up to `end` on all workers, or until so many calls were made. */
static void run(uint64_t seed, uint64_t first, uint64_t end, uint64_t wanted)
{
	struct {
		pid_t pid;
		uint64_t seen;
		double since;
		uint64_t batch;
		int killed;
	} workers[WORKERS] = {{0}};
	int running = 0;
	while (first < end || running) {
		for (int slot = 0; slot < WORKERS; slot++) {
			if (workers[slot].pid == 0 && first < end && made_so_far() >= wanted)
				end = first;
			if (workers[slot].pid == 0 && first < end) {
				char folder[64];
				snprintf(folder, sizeof folder, "/tmp/fuzz/%d", slot);
				remove_all(folder);
				workers[slot].batch = first++;
				workers[slot].killed = 0;
				workers[slot].since = now();
				workers[slot].pid = fork();
				if (workers[slot].pid == 0)
					work(slot, seed, workers[slot].batch);
				if (workers[slot].pid < 0) {
					printf("fork: %s\n", strerror(errno));
					exit(3);
				}
				running++;
				if (workers[slot].batch % 50 == 0) {
					printf("batch %lu\n", workers[slot].batch);
					fflush(stdout);
				}
			}
			if (workers[slot].pid == 0)
				continue;
			int status;
			pid_t ended = waitpid(workers[slot].pid, &status, WNOHANG);
			if (ended == workers[slot].pid || (ended < 0 && errno == ECHILD)) {
				kill(-workers[slot].pid, SIGKILL);
				if (ended > 0 && WIFSTOPPED(status)) { /* it had itself traced */
					kill(ended, SIGKILL);
					waitpid(ended, &status, __WALL);
				}
				workers[slot].pid = 0;
				running--;
			} else if (shared->worker[slot].progress != workers[slot].seen) {
				workers[slot].seen = shared->worker[slot].progress;
				workers[slot].since = now();
			} else if (now() - workers[slot].since > 0.2) {
				if (!workers[slot].killed && shared->worker[slot].call >= 0)
					shared->killed[shared->worker[slot].call]++;
				kills += !workers[slot].killed;
				workers[slot].killed = 1;
				kill(-workers[slot].pid, SIGKILL);
				kill(workers[slot].pid, SIGKILL);
				if (now() - workers[slot].since > 30) {
					int call = shared->worker[slot].call;
					printf("HANG batch %lu in %s\n", workers[slot].batch, call < 0 ? "unknown" : calls[call].name);
					fflush(stdout);
					exit(2);
				}
			}
		}
		usleep(500);
	}
}

/* Nothing that workers do to processes of this user, to all of a user's, or to the processor keeps this one from its work. */
static void stand_firm(void)
{
	const struct sched_param first = {sched_get_priority_max(SCHED_FIFO)};
	sched_setscheduler(0, SCHED_FIFO, &first);
	for (int number = 1; number < NSIG; number++)
		if (number != SIGCHLD)
			signal(number, SIG_IGN);
	int score = open("/proc/self/oom_score_adj", O_WRONLY);
	if (score >= 0)
		(void)!write(score, "-1000", 5);
	close(score);
}
static void read_module(const char *name)
{
	int file = open(name, O_RDONLY);
	module = malloc(16 * PAGE);
	module_size = file < 0 ? 0 : read(file, module, 15 * PAGE);
	close(file);
}
/* What was called, what succeeded; why some successes are counted by another sign. */
static void report(void)
{
	printf("call made succeeded\n");
	for (int index = 0; index < CALLS; index++) {
		uint64_t made = 0, fine = 0;
		for (int way = 0; way < ABIS; way++) {
			made += shared->made[way][index];
			fine += shared->succeeded[way][index];
		}
		printf("%s %s %lu %lu", calls[index].full ? "full" : "other", calls[index].name, made, fine);
		shared->killed[index] ? printf(" (%lu times it did not end)\n", shared->killed[index]) : printf("\n");
	}
	for (unsigned i = 0; i < sizeof in_child / sizeof in_child[0]; i++)
		printf("in a child: %s, %s\n", in_child[i].name, in_child[i].reason);
	for (unsigned i = 0; i < sizeof interrupted / sizeof interrupted[0]; i++)
		printf("interrupted is done: %s, %s\n", interrupted[i].name, interrupted[i].reason);
}
static uint64_t succeeded(void)
{
	uint64_t sum = 0;
	for (int index = 0; index < CALLS; index++)
		sum += shared->succeeded[0][index] + shared->succeeded[1][index] + shared->succeeded[2][index];
	return sum;
}

/* Children of workers that went into a process group of their own sleep on when that of the worker is killed: whoever is left
   is, and init reaps. Those that a worker gave to the supervisor (CLONE_PARENT) are waited for here. What cannot be killed stays,
   and counts. */
static void end_strays(int tasks)
{
	kill(-1, SIGKILL);
	for (double since = now(); processes() > tasks && now() - since < 5; usleep(1000))
		while (waitpid(-1, 0, WNOHANG | __WALL) > 0)
			;
}

int main(int count, char **arguments)
{
	uint64_t seed = count > 1 ? strtoull(arguments[1], 0, 0) : 1;
	uint64_t wanted = count > 2 ? strtoull(arguments[2], 0, 0) : 100000;
	learn_habits();
	read_module("/module.ko");
	shared = mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	mkdir("/tmp/fuzz", 0777);
	chmod("/tmp/fuzz", 0777);
	setbuf(stdout, 0);
	stand_firm();
	if (count > 3) {
		uint64_t batch = strtoull(arguments[3], 0, 0);
		run(seed, batch, batch + 1, UINT64_MAX);
		return 0;
	}
	printf("seed %lu, %lu calls in batches of %d\n", seed, wanted, BATCH);
	run(seed + 1, 0, 2 * WORKERS * 4, UINT64_MAX); /* what is kept from the first use on is no leak */
	remove_all("/tmp/fuzz");
	/* The cache of names takes some memory for each of its parts that was ever used: use them all. */
	for (int i = 0; i < 60000; i++) {
		char name[32];
		snprintf(name, sizeof name, "/tmp/%d", i);
		access(name, F_OK);
	}
	touch_memory();
	memset(shared, 0, sizeof *shared);
	long memory = free_memory();
	int tasks = processes();
	show_memory("before");
	double begun = now();
	run(seed, 0, UINT64_MAX, wanted);
	double seconds = now() - begun;
	end_strays(tasks);
	remove_all("/tmp/fuzz");
	report();
	long left = memory - free_memory();
	show_memory("after");
	printf("total %lu calls, %lu succeeded, %lu of numbers nobody has, %ld workers killed, %.1f s\n", made_so_far(), succeeded(),
	       shared->unknown, kills, seconds);
	if (processes() > tasks)
		show_processes();
	printf("memory %ld KiB less, processes %d more\n", left, processes() - tasks);
	return 0;
}
