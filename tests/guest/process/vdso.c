/* arch_prctl(2): a vDSO is mapped again into memory that has none. */
#include "../check.h"

#ifdef __x86_64__
static char text[65536];

struct place {
	uintptr_t start, end;
};
static struct place find(const char *name)
{
	struct place found = {0, 0};
	CHECK(read_file("/proc/self/maps", text, sizeof text) > 0);
	for (char *line = strtok(text, "\n"); line; line = strtok(0, "\n"))
		if (strstr(line, name)) {
			unsigned long start, end;
			sscanf(line, "%lx-%lx", &start, &end);
			found = (struct place){start, end};
		}
	return found;
}
static long map(int code, uintptr_t address) { return syscall(SYS_arch_prctl, code, address); }
static const char *result(long value) { return value < 0 ? errno_name(errno) : value > 0 && value % 4096 == 0 ? "pages" : "?"; }
static void take_away(struct place what)
{
	if (what.end != what.start)
		OK(syscall(SYS_munmap, what.start, what.end - what.start));
}

static void one(const char *name, int code, int word)
{
	/* What the C library knows of it is not used from here on. */
	struct place image = find("[vdso]"), clocks = find("[vvar]");
	CHECK(image.start != 0 && clocks.start != 0);
	char head[8];
	OUT("%s: %s", name, result(map(code, 0)));
	take_away(image);
	OUT("%s without the image: %s", name, result(map(code, 0)));
	take_away(clocks);
	char *room = mmap(0, 16 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	CHECK(room != MAP_FAILED);
	OK(munmap(room, 16 * 4096));
	OUT("%s without both: %s", name, result(map(code, (uintptr_t)room)));
	image = find("[vdso]"), clocks = find("[vvar]");
	OUT("%s at %ld, one behind the other %d", name, (long)(clocks.start - (uintptr_t)room), clocks.end == image.start);
	if (image.start == 0)
		return;
	memcpy(head, (void *)image.start, sizeof head);
	OUT("%s: %d %.3s class %d", name, head[0], head + 1, head[4]);
	EQ(head[4], word);
	OUT("%s once more: %s", name, result(map(code, 0)));
}

CASE(a_64_bit_one) { one("64", 0x2003, 2); }
CASE(a_32_bit_one) { one("32", 0x2002, 1); }
CASE(it_works_again)
{
	struct place image = find("[vdso]"), clocks = find("[vvar]");
	take_away(image);
	take_away(clocks);
	CHECK(map(0x2003, clocks.start) > 0);
	EQ(find("[vdso]").start, image.start);
	/* The C library finds it where it was. */
	struct timespec now;
	OK(clock_gettime(CLOCK_MONOTONIC, &now));
	CHECK(now.tv_sec != 0 || now.tv_nsec != 0);
}

CASE(wrong_codes)
{
	OUT("0x2000: %s", result(map(0x2000, 0)));
	OUT("0x2004: %s", result(map(0x2004, 0)));
}
#endif
#ifdef __i386__
CASE(narrow_programs_cannot)
{
	OUT("32: %s", syscall(384, 0x2002, 0) < 0 ? errno_name(errno) : "done");
	OUT("64: %s", syscall(384, 0x2003, 0) < 0 ? errno_name(errno) : "done");
}
#endif
