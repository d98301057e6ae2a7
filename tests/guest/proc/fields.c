/* /proc/PID, field by field as Linux has them: limits, auxv, smaps, syscall, stack, and the list of files itself. */
#include "../check.h"
#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <sys/auxv.h>
#include <sys/resource.h>

static char text[65536], path[256];

/* A child that waits in pause(2). */
static pid_t sleeper(void)
{
	pid_t child = OK(fork());
	if (child == 0)
		for (;;)
			pause();
	WAIT_STATE(child, 'S');
	return child;
}
static void end(pid_t child)
{
	OK(kill(child, SIGKILL));
	wait_status(child);
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
	end(child);
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
	end(child);
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
	end(child);
	CHECK(read_of(getpid(), "wchan") > 0);
	OUT("own wchan: %s", text);
}
