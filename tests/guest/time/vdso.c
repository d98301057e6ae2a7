/* The code that the kernel lends to programs: vdso(7). */
#include "../check.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#if defined __i386__ || !defined __ILP32__

static const char *image;

/* Looks a function up as the C library does: by name and version through the dynamic section. */
static void *find(const char *name)
{
	image = (const char *)getauxval(AT_SYSINFO_EHDR);
	CHECK(image != NULL);
	const ElfW(Ehdr) *header = (const void *)image;
	EQ(memcmp(header->e_ident, ELFMAG, SELFMAG), 0);
	EQ(header->e_type, ET_DYN);
	EQ(header->e_machine, sizeof(void *) == 8 ? EM_X86_64 : EM_386);
	const ElfW(Phdr) *segments = (const void *)(image + header->e_phoff);
	const ElfW(Dyn) *dynamic = NULL;
	for (int i = 0; i < header->e_phnum; i++)
		if (segments[i].p_type == PT_DYNAMIC)
			dynamic = (const void *)(image + segments[i].p_vaddr);
	CHECK(dynamic != NULL);
	const ElfW(Sym) *symbols = NULL;
	const char *strings = NULL;
	const ElfW(Half) *versions = NULL;
	const ElfW(Verdef) *definitions = NULL;
	unsigned count = 0;
	for (; dynamic->d_tag != DT_NULL; dynamic++) {
		const void *at = image + dynamic->d_un.d_ptr;
		if (dynamic->d_tag == DT_SYMTAB)
			symbols = at;
		else if (dynamic->d_tag == DT_STRTAB)
			strings = at;
		else if (dynamic->d_tag == DT_HASH)
			count = ((const Elf32_Word *)at)[1];
		else if (dynamic->d_tag == DT_VERSYM)
			versions = at;
		else if (dynamic->d_tag == DT_VERDEF)
			definitions = at;
	}
	CHECK(symbols && strings && versions && definitions && count);
	for (unsigned i = 1; i < count; i++) {
		if (strcmp(strings + symbols[i].st_name, name) != 0)
			continue;
		const ElfW(Verdef) *definition = definitions;
		while (definition->vd_ndx != (versions[i] & 0x7fff))
			definition = (const void *)((const char *)definition + definition->vd_next);
		const ElfW(Verdaux) *version = (const void *)((const char *)definition + definition->vd_aux);
		EQ(strcmp(strings + version->vda_name, "LINUX_2.6"), 0);
		CHECK(symbols[i].st_shndx != SHN_UNDEF);
		return (void *)(image + symbols[i].st_value);
	}
	FAIL("no %s", name);
	return NULL;
}

CASE(all_functions_are_found)
{
	static const char *const names[] = {"clock_gettime", "gettimeofday", "time", "clock_getres",
#ifdef __x86_64__
					   "getcpu"
#endif
	};
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		char name[32];
		snprintf(name, sizeof name, "__vdso_%s", names[i]);
		CHECK(find(name) != NULL);
#ifdef __x86_64__
		CHECK(find(name) == find(names[i]));
#endif
	}
}

CASE(clocks_agree_with_the_calls)
{
	int (*gettime)(clockid_t, struct timespec *) = find("__vdso_clock_gettime");
	int (*getres)(clockid_t, struct timespec *) = find("__vdso_clock_getres");
	for (int clock = -1; clock < 14; clock++) {
		struct timespec before = {0}, now = {0}, after = {0};
		int expected = syscall(SYS_clock_gettime, clock, &before) == 0 ? 0 : -errno;
		EQ(gettime(clock, &now), expected);
		if (expected == 0) {
			OK(syscall(SYS_clock_gettime, clock, &after));
			long long a = before.tv_sec * 1000000000LL + before.tv_nsec, b = now.tv_sec * 1000000000LL + now.tv_nsec;
			long long c = after.tv_sec * 1000000000LL + after.tv_nsec;
			if (!(a <= b && b <= c && now.tv_nsec >= 0 && now.tv_nsec < 1000000000))
				FAIL("clock %d: %lld, %lld, %lld", clock, a, b, c);
		}
		memset(&now, 0, sizeof now);
		expected = syscall(SYS_clock_getres, clock, &before) == 0 ? 0 : -errno;
		EQ(getres(clock, &now), expected);
		EQ(getres(clock, NULL), expected);
		if (expected == 0)
			CHECK(now.tv_sec == before.tv_sec && now.tv_nsec == before.tv_nsec);
	}
}

CASE(wall_clock_time_zone_and_processor_agree)
{
	int (*gettimeofday_)(struct timeval *, struct timezone *) = find("__vdso_gettimeofday");
	time_t (*time_)(time_t *) = find("__vdso_time");
	struct timeval before, now, after;
	struct timezone zone = {1, 1}, other = {2, 2};
	OK(syscall(SYS_gettimeofday, &before, &zone));
	EQ(gettimeofday_(&now, &other), 0);
	OK(syscall(SYS_gettimeofday, &after, NULL));
	CHECK(timercmp(&before, &now, <=) && timercmp(&now, &after, <=));
	CHECK(zone.tz_minuteswest == other.tz_minuteswest && zone.tz_dsttime == other.tz_dsttime);
	EQ(gettimeofday_(NULL, NULL), 0);
	time_t stored = 0, first = syscall(SYS_time, NULL), second = time_(&stored);
	CHECK(stored == second && second >= first && second <= first + 1);
	CHECK(time_(NULL) >= second);
#ifdef __x86_64__
	int (*getcpu_)(unsigned *, unsigned *, void *) = find("__vdso_getcpu");
	unsigned processor = 99, node = 99;
	EQ(getcpu_(&processor, &node, NULL), 0);
	CHECK(processor < 64);
	EQ(node, 0);
	EQ(getcpu_(NULL, NULL, NULL), 0);
#endif
}

CASE(setting_the_clock_is_seen_at_once)
{
	int (*gettime)(clockid_t, struct timespec *) = find("__vdso_clock_gettime");
	struct timespec real, now;
	OK(clock_gettime(CLOCK_REALTIME, &real));
	struct timespec wanted = {real.tv_sec + 1000, real.tv_nsec};
	OK(clock_settime(CLOCK_REALTIME, &wanted));
	EQ(gettime(CLOCK_REALTIME, &now), 0);
	OK(clock_settime(CLOCK_REALTIME, &real));
	CHECK(now.tv_sec >= wanted.tv_sec && now.tv_sec < wanted.tv_sec + 10);
	EQ(gettime(CLOCK_REALTIME, &now), 0);
	CHECK(now.tv_sec >= real.tv_sec && now.tv_sec < real.tv_sec + 10);
}

static unsigned long clocks_start, image_end;

/* Reads the places of the two areas; how many of them are as they should be. */
static int read_areas(void)
{
	char line[256];
	int good = 0;
	find("__vdso_time");
	FILE *maps = fopen("/proc/self/maps", "r");
	CHECK(maps != NULL);
	while (fgets(line, sizeof line, maps)) {
		unsigned long start, end;
		char rights[5] = "";
		sscanf(line, "%lx-%lx %4s", &start, &end, rights);
		if (strstr(line, "[vvar]")) {
			good += !strcmp(rights, "r--p") && end == (unsigned long)image;
			clocks_start = start;
		} else if (strstr(line, "[vdso]")) {
			good += !strcmp(rights, "r-xp") && start == (unsigned long)image;
			image_end = end;
		}
	}
	fclose(maps);
	return good;
}

CASE(its_areas_have_names)
{
	EQ(read_areas(), 2);
}

CASE(the_clocks_page_cannot_be_written)
{
	find("__vdso_time");
	char *clocks = (char *)image - 4096;
	ERR(mprotect(clocks, 4096, PROT_READ | PROT_WRITE), EACCES);
	int ends[2];
	OK(pipe(ends));
	EQ(write(ends[1], "x", 1), 1);
	ERR(read(ends[0], clocks, 1), EFAULT);
}

#ifdef __x86_64__
CASE(programs_live_without_it)
{
	pid_t child = OK(fork());
	if (child == 0) {
		read_areas();
		if (munmap((void *)clocks_start, image_end - clocks_start) != 0)
			_exit(1);
		struct timespec t;
		if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t) != 0)
			_exit(2);
		pid_t grandchild = fork();
		if (grandchild == 0)
			_exit(7);
		int status;
		_exit(waitpid(grandchild, &status, 0) == grandchild && WEXITSTATUS(status) == 7 ? 0 : 3);
	}
	EQ(exit_code(child), 0);
}
#else
CASE(times_with_64_bits_agree)
{
	int (*gettime)(clockid_t, int64_t *) = find("__vdso_clock_gettime64");
	for (int clock = -1; clock < 14; clock++) {
		int64_t before[2] = {0}, now[2] = {0, -1}, after[2] = {0};
		int expected = syscall(403, clock, before) == 0 ? 0 : -errno;
		EQ(gettime(clock, now), expected);
		if (expected != 0)
			continue;
		OK(syscall(403, clock, after));
		CHECK(before[0] * 1000000000 + before[1] <= now[0] * 1000000000 + now[1]);
		CHECK(now[0] * 1000000000 + now[1] <= after[0] * 1000000000 + after[1]);
		CHECK(now[1] >= 0 && now[1] < 1000000000);
	}
}
#endif
#endif
