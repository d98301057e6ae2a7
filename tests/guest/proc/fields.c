/* /proc/PID, field by field as Linux has them: limits, auxv, smaps, syscall, stack, and the list of files itself. */
#include "../check.h"
#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/uio.h>

static char text[65536], path[256];

/* A child that waits in pause(2). */
static pid_t sleeper(void)
{
	pid_t child = sleeping_child();
	WAIT_STATE(child, 'S');
	return child;
}
static long read_of(pid_t pid, const char *name)
{
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	memset(text, 0, sizeof text);
	return read_file(path, text, sizeof text - 1);
}

CASE(every_limit)
{
	/* Those that depend on the machine's memory are set first. */
	static const int kinds[] = {RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS, RLIMIT_NPROC,
				    RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_LOCKS, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE,
				    RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_RTTIME};
	pid_t child = sleeper();
	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		/* Half of them with no limit above. */
		struct {
			uint64_t current, maximum;
		} limit = {1000000 + i, i % 2 || kinds[i] == RLIMIT_NOFILE ? 1000100 + i : ~0ULL};
		if (kinds[i] != RLIMIT_NOFILE)
			OK(syscall(SYS_prlimit64, child, kinds[i], &limit, 0));
	}
	CHECK(read_of(child, "limits") > 0);
	for (char *line = strtok(text, "\n"); line; line = strtok(0, "\n"))
		OUT("[%s]", line);
	end_child(child);
}

CASE(auxv_has_the_programs_words)
{
	CHECK(read_of(getpid(), "auxv") > 0);
	unsigned long *word = (unsigned long *)text;
	int count = 0;
	for (; word[0] != AT_NULL; word += 2, count++) {
		/* What a kernel or a processor may leave away. */
		if (word[0] != AT_MINSIGSTKSZ && word[0] != 27 && word[0] != 28)
			OUT("%lu%s", word[0], word[1] == getauxval(word[0]) ? "" : " another value");
		if (word[0] == AT_PAGESZ || word[0] == AT_CLKTCK || word[0] == AT_FLAGS || word[0] == AT_SECURE)
			OUT("is %lu", word[1]);
	}
	CHECK(count > 15);
	/* Zeros to the end. */
	for (; (char *)word < text + sizeof text; word++)
		EQ(*word, 0);
}

/* The names of a record's fields, and those values that a program can know. */
static void show_fields(char *record)
{
	for (char *line = strtok(record, "\n"); line; line = strtok(0, "\n")) {
		char name[32];
		unsigned long value;
		if (!isupper(*line))
			break;
		if (sscanf(line, "%31[^:]: %lu kB", name, &value) == 2 && strcmp(name, "Pss") != 0 && strncmp(name, "Pss_", 4) != 0)
			OUT("%s %lu kB", name, value);
		else
			OUT("%.*s", (int)strcspn(line, ":") + 1, line);
	}
}

CASE(smaps_of_an_area)
{
	char *area = mmap(0, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), start[32];
	CHECK(area != MAP_FAILED);
	/* A neighbour of other rights, so that the area stays one of its own. */
	OK(mprotect(area + 7 * 4096, 4096, PROT_NONE));
	OK(mprotect(area, 4096, PROT_NONE));
	for (int i = 1; i < 4; i++)
		area[i * 4096] = 1;
	static const int advices[] = {MADV_RANDOM, MADV_DONTFORK, MADV_DONTDUMP, MADV_WIPEONFORK};
	for (unsigned i = 0; i < sizeof advices / sizeof *advices; i++)
		OK(madvise(area + 4096, 6 * 4096, advices[i]));
	CHECK(read_of(getpid(), "smaps") > 0);
	snprintf(start, sizeof start, "%08lx-", (unsigned long)(area + 4096));
	char *record = strstr(text, start);
	CHECK(record != 0);
	record = strchr(record, '\n') + 1;
	/* But for "sd", which not all kernels keep. */
	char *flags = strstr(record, "VmFlags: "), *soft = flags ? strstr(flags, "sd ") : 0;
	CHECK(flags != 0);
	int length = strcspn(flags, "\n");
	if (soft && soft < flags + length)
		OUT("%.*s%.*s", (int)(soft - flags), flags, (int)strcspn(soft + 3, "\n"), soft + 3);
	else
		OUT("%.*s", length, flags);
	show_fields(record);
	CHECK(read_of(getpid(), "smaps_rollup") > 0);
	char *line = strchr(text, '\n') + 1;
	CHECK(strstr(text, "---p 00000000 00:00 0") != 0 && strstr(text, "[rollup]\n") != 0);
	for (line = strtok(line, "\n"); line; line = strtok(0, "\n"))
		OUT("%.*s", (int)strcspn(line, ":"), line);
}

CASE(syscall_of_a_call_in_this_abi)
{
	int pipes[2];
	OK(pipe(pipes));
	static char byte;
	pid_t child = OK(fork());
	if (child == 0) {
		syscall(SYS_read, pipes[0], &byte, 1UL);
		_exit(0);
	}
	WAIT_STATE(child, 'S');
	CHECK(read_of(child, "syscall") > 0);
	unsigned long number, words[6], sp, pc;
	char rest;
	EQ(sscanf(text, "%lu 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx%c", &number, words, words + 1, words + 2, words + 3,
		  words + 4, words + 5, &sp, &pc, &rest),
	   10);
	EQ(number, SYS_read);
	EQ(words[0], (unsigned long)pipes[0]);
	EQ(words[1], (unsigned long)&byte);
	EQ(words[2], 1);
	CHECK(sp != 0 && pc != 0 && rest == '\n');
	end_child(child);
}

/* Reads a file of procfs with a call whose every register is known: its number and its arguments are in the text. */
static int is_own_call(const char *file)
{
	unsigned long number, words[6], sp, pc;
	char rest;
	int fd = OK(open(file, O_RDONLY));
	memset(text, 0, sizeof text);
	CHECK(OK(syscall(SYS_read, fd, text, 1000UL, 4UL, 5UL, 6UL)) > 0);
	EQ(sscanf(text, "%lu 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx%c", &number, words, words + 1, words + 2, words + 3,
		  words + 4, words + 5, &sp, &pc, &rest),
	   10);
	EQ(number, SYS_read);
	EQ(words[0], (unsigned long)fd);
	EQ(words[1], (unsigned long)text);
	EQ(words[2], 1000);
	EQ(words[3], 4);
	EQ(words[4], 5);
	EQ(words[5], 6);
	CHECK(sp != 0 && pc != 0 && rest == '\n');
	return OK(close(fd)) == 0;
}

static volatile int spins = 1;
static void *spin(void *thread)
{
	*(volatile pid_t *)thread = (pid_t)syscall(SYS_gettid);
	while (spins)
		__asm__ volatile("pause");
	return 0;
}

CASE(syscall_of_oneself)
{
	CHECK(is_own_call("/proc/self/syscall"));
	CHECK(is_own_call("/proc/thread-self/syscall"));
	volatile pid_t other = 0;
	pthread_t thread;
	EQ(pthread_create(&thread, 0, spin, (void *)&other), 0);
	while (other == 0)
		sched_yield();
	snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)other);
	CHECK(read_file(path, text, sizeof text) > 0);
	OUT("of a thread that runs: %s", text);
	spins = 0;
	EQ(pthread_join(thread, 0), 0);
	pid_t child = OK(fork());
	if (child == 0)
		_exit(0);
	WAIT_STATE(child, 'Z');
	CHECK(read_of(child, "syscall") > 0);
	OUT("of a zombie: %s", text);
	wait_status(child);
}

/* Sequences of records are not written at a place of one's choosing, before it is asked whether they may be written at all. */
CASE(positioned_writes)
{
	const char *names[] = {"comm", "stat", "status", "maps", "limits", "cmdline", "environ", "auxv", "oom_score", "oom_score_adj",
			       "coredump_filter", "loginuid", "mounts", "syscall", "personality"};
	const char *others[] = {"/proc/cmdline", "/proc/meminfo", "/proc/version", "/proc/sys/kernel/hostname", "/proc/sys/kernel/ostype",
				"/proc/uptime", "/proc/mounts", "/proc/kallsyms", "/proc/modules"};
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "/proc/self/%s", names[i]);
		int fd = OK(open(path, O_RDONLY));
		OUT("%s for reading: %s", names[i], pwrite(fd, "x", 1, 0) == -1 ? errno_name(errno) : "taken");
		OK(close(fd));
	}
	for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
		int fd = OK(open(others[i], O_RDONLY));
		OUT("%s for reading: %s", others[i], pwrite(fd, "x", 1, 0) == -1 ? errno_name(errno) : "taken");
		OK(close(fd));
	}
	for (unsigned i = 0; i < 2; i++) {
		int fd = open(i ? "/proc/uptime" : "/proc/self/stat", O_RDWR);
		OUT("written: %s", fd < 0 || write(fd, "x", 1) < 0 ? errno_name(errno) : "taken");
	}
	struct iovec piece = {"name", 4};
	int fd = OK(open("/proc/self/comm", O_RDWR));
	ERR(pwrite(fd, "name", 4, 0), ESPIPE);
	ERR(pwritev(fd, &piece, 1, 0), ESPIPE);
	EQ(write(fd, "other", 5), 5);
	EQ(pread(fd, text, 20, 0), 6);
	EQ(memcmp(text, "other\n", 6), 0);
	EQ(pwritev2(fd, &piece, 1, -1, 0), 4);
}

CASE(stack_and_wchan_of_a_sleeper)
{
	pid_t child = sleeper();
	CHECK(read_of(child, "stack") > 0);
	/* [<0>] function+0x...: a line for each, the way in last. */
	int lines = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(0, "\n"), lines++)
		if (strncmp(line, "[<0>] ", 6) != 0)
			FAIL("a line of stack: %s", line);
	CHECK(lines > 0);
	CHECK(read_of(child, "wchan") > 0);
	CHECK(strchr(text, '\n') == 0 && strcmp(text, "0") != 0);
	end_child(child);
	CHECK(read_of(getpid(), "wchan") > 0);
	OUT("own wchan: %s", text);
}

static void show_entries(int fd, const char *what, void *at, int count)
{
	uint64_t entries[8];
	EQ(pread(fd, entries, count * 8, (off_t)((uintptr_t)at / 4096 * 8)), count * 8);
	for (int i = 0; i < count; i++) {
		int has_frame = (entries[i] & ((1ULL << 55) - 1)) != 0;
		OUT("%s %d: frame %d, bits %llx", what, i, has_frame, (unsigned long long)(entries[i] >> 56 << 56));
	}
}
CASE(the_map_of_pages)
{
	char *at = mmap(0, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *shared = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(at != MAP_FAILED && shared != MAP_FAILED);
	int fd = OK(open("/proc/self/pagemap", O_RDONLY));
	at[0] = 1;
	(void)*(volatile char *)(at + 4096);
	OK(munmap(at + 4 * 4096, 4096));
	shared[0] = 1;
	show_entries(fd, "private", at, 3);
	show_entries(fd, "a hole", at + 4 * 4096, 1);
	show_entries(fd, "shared", shared, 2);
	char path[] = "/tmp/pages.XXXXXX";
	int file = OK(mkstemp(path));
	OK(unlink(path));
	OK(ftruncate(file, 3 * 4096));
	char *of_file = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	CHECK(of_file != MAP_FAILED);
	of_file[0] = 1;
	EQ(pwrite(file, "x", 1, 4096), 1);
	(void)*(volatile char *)(of_file + 4096);
	show_entries(fd, "of a file", of_file, 2);
	uint64_t entry;
	ERR(pread(fd, &entry, 8, 4), EINVAL);
	ERR(pread(fd, &entry, 7, 0), EINVAL);
	ERR(pread(fd, (void *)16, 8, 0), EFAULT);
	OUT("beyond the end: %ld", (long)pread(fd, &entry, 8, (off_t)(sizeof(off_t) == 8 ? 1LL << 38 : 1 << 23)));
	pid_t child = OK(fork());
	if (child == 0)
		for (;;)
			pause();
	WAIT_STATE(child, 'S');
	show_entries(fd, "after a fork", at, 1);
	end_child(child);
	IN_CHILD({
		OK(setuid(1000));
		int other = open("/proc/self/pagemap", O_RDONLY);
		OUT("opened by anybody: %s", other < 0 ? errno_name(errno) : "done");
		int parent = open("/proc/1/pagemap", O_RDONLY);
		OUT("another's: %s", parent < 0 ? errno_name(errno) : "done");
		show_entries(fd, "read by anybody", at, 1);
	});
	int both = OK(open("/proc/self/pagemap", O_RDWR));
	OUT("written: %s", write(both, &entry, 8) < 0 ? errno_name(errno) : "done");
}
