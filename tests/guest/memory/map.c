/* mmap(2), munmap(2), mprotect(2) of anonymous memory. */
#include "../check.h"
#include <fcntl.h>
#include <setjmp.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define PAGE 4096

static char *map(size_t length, int protection)
{
	char *p = mmap(0, length, protection, ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

/* Whether a byte can be read and written, by what the kernel says for a pipe. */
static int readable(const void *p)
{
	static int ends[2];
	char byte;
	if (ends[1] == 0)
		OK(pipe(ends));
	if (write(ends[1], p, 1) != 1)
		return 0;
	return read(ends[0], &byte, 1) == 1;
}

CASE(new_memory_is_zero)
{
	char *p = map(64 * PAGE, RW);
	for (int i = 0; i < 64 * PAGE; i++)
		if (p[i] != 0)
			FAIL("byte %d is %d", i, p[i]);
}

CASE(length_is_rounded_up)
{
	char *p = map(1, RW);
	p[PAGE - 1] = 5;
	EQ(p[PAGE - 1], 5);
	OK(munmap(p, 1));
	EQ(readable(p + PAGE - 1), 0);
}

CASE(length_zero_is_EINVAL)
{
	ERR(mmap(0, 0, RW, ANONYMOUS, -1, 0), EINVAL);
	ERR(munmap((void *)PAGE, 0), EINVAL);
}

CASE(without_kind_is_EINVAL)
{
	ERR(mmap(0, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
}

CASE(both_kinds_are_accepted_as_validate)
{
	/* MAP_SHARED | MAP_PRIVATE is MAP_SHARED_VALIDATE: refused for anonymous memory. */
	ERR(mmap(0, PAGE, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0), EINVAL);
}

CASE(unaligned_offset_is_EINVAL)
{
#ifdef SYS_mmap2
	SKIP("the offset is in pages");
#else
	ERR(syscall(SYS_mmap, 0, PAGE, RW, ANONYMOUS, -1, 1), EINVAL);
#endif
}

CASE(huge_length_is_ENOMEM)
{
	ERR(mmap(0, (size_t)-PAGE, RW, ANONYMOUS, -1, 0), ENOMEM);
	ERR(mmap(0, (size_t)-1, RW, ANONYMOUS, -1, 0), ENOMEM);
#ifdef __LP64__
	ERR(mmap(0, 1UL << 47, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1, 0), ENOMEM);
#endif
}

CASE(hint_is_taken_when_free)
{
	char *p = map(16 * PAGE, RW);
	OK(munmap(p, 16 * PAGE));
	CHECK(mmap(p + 4 * PAGE, PAGE, RW, ANONYMOUS, -1, 0) == p + 4 * PAGE);
}

CASE(hint_is_rounded_down)
{
	char *p = map(16 * PAGE, RW);
	OK(munmap(p, 16 * PAGE));
	CHECK(mmap(p + 4 * PAGE + 123, PAGE, RW, ANONYMOUS, -1, 0) == p + 4 * PAGE);
}

CASE(taken_hint_goes_elsewhere)
{
	char *p = map(PAGE, RW), *q = mmap(p, PAGE, RW, ANONYMOUS, -1, 0);
	CHECK(q != MAP_FAILED && q != p);
}

CASE(FIXED_replaces)
{
	char *p = map(4 * PAGE, RW);
	memset(p, 7, 4 * PAGE);
	CHECK(mmap(p + PAGE, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0) == p + PAGE);
	EQ(p[PAGE - 1], 7);
	EQ(p[PAGE], 0);
	EQ(p[2 * PAGE], 7);
}

CASE(FIXED_unaligned_is_EINVAL)
{
	char *p = map(4 * PAGE, RW);
	ERR(mmap(p + 1, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
}

CASE(FIXED_beyond_user_space_is_ENOMEM)
{
#ifdef __LP64__
	/* Beyond what five levels of page tables reach, too. */
	ERR(mmap((void *)(1UL << 56), PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
	ERR(mmap((void *)0xffffffff81000000, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
#endif
}

CASE(FIXED_at_zero_as_root_and_as_user)
{
	CHECK(mmap(0, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0) == 0);
	OK(munmap(0, PAGE));
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(mmap(0, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), EPERM);
	});
}

CASE(FIXED_NOREPLACE_on_taken_is_EEXIST)
{
	char *p = map(4 * PAGE, RW);
	ERR(mmap(p, PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	OK(munmap(p, PAGE));
	CHECK(mmap(p, PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p);
}

CASE(munmap_in_the_middle_splits)
{
	char *p = map(3 * PAGE, RW);
	p[0] = 1;
	p[2 * PAGE] = 3;
	OK(munmap(p + PAGE, PAGE));
	EQ(p[0], 1);
	EQ(p[2 * PAGE], 3);
	EQ(readable(p + PAGE), 0);
}

CASE(munmap_of_nothing_succeeds)
{
	char *p = map(3 * PAGE, RW);
	OK(munmap(p, 3 * PAGE));
	OK(munmap(p, 3 * PAGE));
}

CASE(munmap_over_holes_succeeds)
{
	char *p = map(5 * PAGE, RW);
	OK(munmap(p + PAGE, PAGE));
	OK(munmap(p, 5 * PAGE));
	EQ(readable(p + 4 * PAGE), 0);
}

CASE(munmap_errors)
{
	char *p = map(PAGE, RW);
	ERR(munmap(p + 1, PAGE), EINVAL);
	ERR(munmap((void *)-(long)PAGE, PAGE), EINVAL);
	ERR(munmap(p, (size_t)-PAGE), EINVAL);
}

CASE(mprotect_read_only_faults_on_write)
{
	char *p = map(PAGE, RW);
	p[0] = 1;
	OK(mprotect(p, PAGE, PROT_READ));
	EQ(p[0], 1);
	DIES(SIGSEGV, *(volatile char *)p = 2);
	OK(mprotect(p, PAGE, RW));
	p[0] = 3;
	EQ(p[0], 3);
}

CASE(mprotect_none_faults_on_read)
{
	char *p = map(PAGE, RW);
	p[0] = 1;
	OK(mprotect(p, PAGE, PROT_NONE));
	DIES(SIGSEGV, (void)*(volatile char *)p);
	EQ(readable(p), 0);
	OK(mprotect(p, PAGE, PROT_READ));
	EQ(p[0], 1);
}

CASE(mprotect_part_splits)
{
	char *p = map(3 * PAGE, RW);
	OK(mprotect(p + PAGE, PAGE, PROT_READ));
	p[0] = p[2 * PAGE] = 1;
	DIES(SIGSEGV, *(volatile char *)(p + PAGE) = 1);
}

CASE(mprotect_over_a_hole_is_ENOMEM)
{
	char *p = map(3 * PAGE, RW);
	OK(munmap(p + PAGE, PAGE));
	ERR(mprotect(p, 3 * PAGE, PROT_READ), ENOMEM);
	/* The part before the hole has been changed. */
	DIES(SIGSEGV, *(volatile char *)p = 1);
	p[2 * PAGE] = 1;
}

CASE(mprotect_errors)
{
	char *p = map(PAGE, RW);
	ERR(mprotect(p + 1, PAGE, PROT_READ), EINVAL);
	ERR(mprotect(p, PAGE, 0x100), EINVAL);
	ERR(mprotect(p, (size_t)-PAGE, PROT_READ), ENOMEM);
	OK(mprotect(p, 0, PROT_READ));
}

CASE(data_is_not_executable)
{
	unsigned char *p = (unsigned char *)map(PAGE, RW);
	p[0] = 0xc3;
	DIES(SIGSEGV, ((void (*)(void))p)());
	OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	((void (*)(void))p)();
}

CASE(code_written_anew_runs_anew)
{
	unsigned char *p = (unsigned char *)map(PAGE, RW | PROT_EXEC);
	unsigned char code[] = {0xb8, 1, 0, 0, 0, 0xc3}; /* mov $1, %eax; ret */
	for (int i = 1; i < 50; i++) {
		code[1] = i;
		memcpy(p, code, sizeof code);
		EQ(((int (*)(void))p)(), i);
	}
}

CASE(growing_down_maps_below)
{
	char *p = map(64 * PAGE, PROT_NONE);
	OK(munmap(p, 64 * PAGE));
	char *q = mmap(p + 60 * PAGE, PAGE, RW, ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
	CHECK(q == p + 60 * PAGE);
	OK(mprotect(q, PAGE, RW | PROT_GROWSDOWN));
}

CASE(POPULATE_and_LOCKED_make_it_resident)
{
	unsigned char seen[8] = {0};
	char *p = mmap(0, 8 * PAGE, RW, ANONYMOUS | MAP_POPULATE, -1, 0);
	CHECK(p != MAP_FAILED);
	OK(mincore(p, 8 * PAGE, seen));
	for (int i = 0; i < 8; i++)
		EQ(seen[i] & 1, 1);
	p = mmap(0, 8 * PAGE, RW, ANONYMOUS | MAP_LOCKED, -1, 0);
	CHECK(p != MAP_FAILED);
	OK(mincore(p, 8 * PAGE, seen));
	EQ(seen[7] & 1, 1);
}

CASE(many_mappings)
{
	static char *all[2000];
	for (int i = 0; i < 2000; i++) {
		all[i] = mmap(0, PAGE, i % 2 ? PROT_READ : RW, ANONYMOUS, -1, 0);
		CHECK(all[i] != MAP_FAILED);
	}
	for (int i = 0; i < 2000; i++)
		OK(munmap(all[i], PAGE));
}

CASE(address_space_limit_is_ENOMEM)
{
	struct rlimit limit = {64 << 20, 64 << 20};
	OK(setrlimit(RLIMIT_AS, &limit));
	ERR(mmap(0, 65 << 20, RW, ANONYMOUS, -1, 0), ENOMEM);
	CHECK(mmap(0, 1 << 20, RW, ANONYMOUS, -1, 0) != MAP_FAILED);
}

CASE(data_limit_is_ENOMEM)
{
	struct rlimit limit = {8 << 20, 8 << 20};
	OK(setrlimit(RLIMIT_DATA, &limit));
	ERR(mmap(0, 9 << 20, RW, ANONYMOUS, -1, 0), ENOMEM);
	CHECK(mmap(0, 9 << 20, PROT_READ, ANONYMOUS, -1, 0) != MAP_FAILED);
}

CASE(more_areas_than_fit_a_block_of_memory_go_at_once)
{
	enum { COUNT = 70000 };
	int limit = OK(open("/proc/sys/vm/max_map_count", O_RDWR));
	char before[32] = "";
	OK(read(limit, before, sizeof before - 1));
	EQ(pwrite(limit, "1000000\n", 8, 0), 8);
	char *p = mmap(0, COUNT * 2l * PAGE, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	for (long i = 0; i < COUNT; i++)
		OK(mprotect(p + 2 * i * PAGE, PAGE, PROT_READ));
	OK(munmap(p, COUNT * 2l * PAGE));
	CHECK(!readable(p) && !readable(p + (COUNT - 1) * 2l * PAGE));
	EQ(pwrite(limit, before, strlen(before), 0), strlen(before));
}

CASE(addresses_are_random)
{
	int ends[2];
	uintptr_t seen[4][2];
	OK(pipe(ends));
	for (int i = 0; i < 4; i++) {
		pid_t child = OK(fork());
		if (child == 0) {
			char number[16];
			snprintf(number, sizeof number, "%d", ends[1]);
			execl("/proc/self/exe", "x", "--addresses", number, (char *)0);
			_exit(1);
		}
		EQ(exit_code(child), 0);
		EQ(read(ends[0], seen[i], sizeof seen[i]), sizeof seen[i]);
	}
	CHECK(seen[0][0] != seen[1][0] || seen[1][0] != seen[2][0] || seen[2][0] != seen[3][0]);
	CHECK(seen[0][1] != seen[1][1] || seen[1][1] != seen[2][1] || seen[2][1] != seen[3][1]);
}

__attribute__((constructor)) static void tell_addresses(int count, char **arguments)
{
	if (count != 3 || strcmp(arguments[1], "--addresses") != 0)
		return;
	uintptr_t here[2] = {(uintptr_t)&count, (uintptr_t)mmap(0, PAGE, RW, ANONYMOUS, -1, 0)};
	_exit(write(atoi(arguments[2]), here, sizeof here) != sizeof here);
}
