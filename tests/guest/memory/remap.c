/* mremap(2), brk(2), madvise(2), mincore(2), mlock(2). */
#include "../check.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define PAGE 4096

static char *map(size_t length)
{
	char *p = mmap(0, length, RW, ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

CASE(mremap_shrinks_in_place)
{
	char *p = map(4 * PAGE);
	p[0] = 1;
	CHECK(mremap(p, 4 * PAGE, PAGE, 0) == p);
	EQ(p[0], 1);
	DIES(SIGSEGV, *(volatile char *)(p + PAGE) = 1);
}

CASE(mremap_grows_in_place_where_free)
{
	char *p = map(8 * PAGE);
	OK(munmap(p + 2 * PAGE, 6 * PAGE));
	p[PAGE] = 7;
	CHECK(mremap(p, 2 * PAGE, 4 * PAGE, 0) == p);
	EQ(p[PAGE], 7);
	EQ(p[3 * PAGE], 0);
}

CASE(mremap_without_room_is_ENOMEM)
{
	char *p = map(4 * PAGE);
	ERR(mremap(p, PAGE, 2 * PAGE, 0), ENOMEM);
}

CASE(mremap_moves_with_MAYMOVE)
{
	char *p = map(4 * PAGE);
	strcpy(p, "moved");
	char *q = mremap(p, PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	STR_EQ(q, "moved");
	EQ(q[63 * PAGE], 0);
	if (q != p)
		DIES(SIGSEGV, (void)*(volatile char *)p);
}

CASE(mremap_FIXED_moves_there)
{
	char *p = map(2 * PAGE), *q = map(2 * PAGE);
	p[0] = 1;
	q[0] = 2;
	CHECK(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
	EQ(q[0], 1);
	DIES(SIGSEGV, (void)*(volatile char *)p);
}

CASE(mremap_DONTUNMAP_leaves_empty_memory)
{
	char *p = map(2 * PAGE);
	p[0] = 1;
	char *q = (char *)syscall(SYS_mremap, p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	CHECK(q != MAP_FAILED && q != p);
	EQ(q[0], 1);
	EQ(p[0], 0);
}

CASE(mremap_old_length_zero_duplicates_a_shared_mapping)
{
	char *p = mmap(0, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	char *q = mremap(p, 0, PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q != p);
	p[5] = 5;
	EQ(q[5], 5);
	ERR(mremap(map(PAGE), 0, PAGE, MREMAP_MAYMOVE), EINVAL);
}

CASE(mremap_errors)
{
	char *p = map(4 * PAGE), *hole = map(PAGE);
	OK(munmap(hole, PAGE));
	ERR(mremap(p + 1, PAGE, PAGE, 0), EINVAL);
	ERR(mremap(p, PAGE, 0, 0), EINVAL);
	ERR(mremap(p, PAGE, PAGE, 8), EINVAL);
	ERR(mremap(p, PAGE, PAGE, MREMAP_FIXED, hole), EINVAL);
	ERR(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE), EINVAL);
	ERR(mremap(hole, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	ERR(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, hole + 1), EINVAL);
	OK(munmap(p + 2 * PAGE, PAGE));
	ERR(mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE), EFAULT);
}

CASE(brk_grows_and_shrinks)
{
	char *start = sbrk(0);
	EQ(brk(start + 10 * PAGE), 0);
	start[10 * PAGE - 1] = 5;
	EQ(brk(start), 0);
	EQ(brk(start + PAGE), 0);
	EQ(start[PAGE - 1], 0);
}

CASE(brk_returns_the_old_break_when_it_cannot)
{
	long now = syscall(SYS_brk, 0);
	EQ(syscall(SYS_brk, 16L), now);
	EQ(syscall(SYS_brk, -(long)PAGE), now);
	EQ(syscall(SYS_brk, now + 1), now + 1);
}

CASE(brk_does_not_run_into_a_mapping)
{
	long now = (syscall(SYS_brk, 0) + PAGE - 1) & -PAGE;
	CHECK(mmap((void *)(now + 4 * PAGE), PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
	long before = syscall(SYS_brk, 0);
	EQ(syscall(SYS_brk, now + 8 * PAGE), before);
	EQ(syscall(SYS_brk, now + 2 * PAGE), now + 2 * PAGE);
}

CASE(brk_obeys_RLIMIT_DATA)
{
	struct rlimit limit = {4 << 20, 4 << 20};
	long now = syscall(SYS_brk, 0);
	OK(setrlimit(RLIMIT_DATA, &limit));
	EQ(syscall(SYS_brk, now + (5 << 20)), now);
}

CASE(madvise_DONTNEED_zeroes_private_memory)
{
	char *p = map(4 * PAGE);
	memset(p, 1, 4 * PAGE);
	OK(madvise(p + PAGE, PAGE, MADV_DONTNEED));
	EQ(p[PAGE], 0);
	EQ(p[0], 1);
	EQ(p[2 * PAGE], 1);
}

CASE(madvise_DONTNEED_reads_the_file_again)
{
	enter_scratch();
	int fd = OK(open("f", O_CREAT | O_RDWR, 0600));
	EQ(write(fd, "file", 4), 4);
	char *p = mmap(0, PAGE, RW, MAP_PRIVATE, fd, 0);
	p[0] = 'X';
	OK(madvise(p, PAGE, MADV_DONTNEED));
	EQ(p[0], 'f');
}

CASE(madvise_every_advice)
{
	int advice[] = {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE, MADV_REMOVE,
			MADV_DONTFORK, MADV_DOFORK, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP,
			MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT, 22, 23, 77, -1};
	for (unsigned i = 0; i < sizeof advice / sizeof *advice; i++) {
		char *p = map(PAGE);
		errno = 0;
		int result = madvise(p, PAGE, advice[i]);
		OUT("advice %d: %d %s", advice[i], result, errno_name(errno));
	}
}

CASE(madvise_errors)
{
	char *p = map(3 * PAGE);
	ERR(madvise(p + 1, PAGE, MADV_NORMAL), EINVAL);
	static const int unknown[] = {5, 7, 26, 99, 100, 101, 102, -1}; /* 100, 101: frames that fail, which Debian's kernel leaves out */
	for (unsigned i = 0; i < sizeof unknown / sizeof *unknown; i++)
		ERR(madvise(p, PAGE, unknown[i]), EINVAL);
	OK(madvise(p, 0, MADV_NORMAL));
	OK(munmap(p + PAGE, PAGE));
	ERR(madvise(p, 3 * PAGE, MADV_DONTNEED), ENOMEM);
	if (sizeof(size_t) == 8)
		ERR(madvise(p, (size_t)-1, MADV_NORMAL), EINVAL);
}

CASE(madvise_DONTFORK_hides_from_the_child)
{
	char *p = map(PAGE);
	p[0] = 1;
	OK(madvise(p, PAGE, MADV_DONTFORK));
	DIES(SIGSEGV, (void)*(volatile char *)p);
	EQ(p[0], 1);
}

CASE(madvise_WIPEONFORK_zeroes_in_the_child)
{
	char *p = map(PAGE);
	p[0] = 1;
	OK(madvise(p, PAGE, MADV_WIPEONFORK));
	IN_CHILD(EQ(p[0], 0));
	EQ(p[0], 1);
}

CASE(mincore_tells_touched_pages)
{
	unsigned char seen[3] = {9, 9, 9};
	char *p = map(3 * PAGE);
	p[PAGE] = 1;
	OK(mincore(p, 3 * PAGE, seen));
	OUT("%d %d %d", seen[0] & 1, seen[1] & 1, seen[2] & 1);
}

CASE(mincore_errors)
{
	unsigned char seen[4];
	char *p = map(2 * PAGE);
	ERR(mincore(p + 1, PAGE, seen), EINVAL);
	ERR(mincore(p, 2 * PAGE, (unsigned char *)16), EFAULT);
	OK(munmap(p + PAGE, PAGE));
	ERR(mincore(p, 2 * PAGE, seen), ENOMEM);
	OK(mincore(p, 0, seen));
}

CASE(mlock_makes_resident_and_counts)
{
	char text[4096], *line;
	char *p = map(16 * PAGE);
	OK(mlock(p, 16 * PAGE));
	read_file("/proc/self/status", text, sizeof text);
	line = strstr(text, "VmLck:");
	CHECK(line != 0);
	OUT("locked %d kB", atoi(line + 6));
	OK(munlock(p, 16 * PAGE));
}

CASE(mlock_errors)
{
	char *p = map(3 * PAGE);
	struct rlimit limit = {PAGE, PAGE};
	OK(munmap(p + PAGE, PAGE));
	ERR(mlock(p, 3 * PAGE), ENOMEM);
	ERR(munlock(p, 3 * PAGE), ENOMEM);
	ERR(syscall(SYS_mlock2, p, PAGE, 8), EINVAL);
	ERR(mlockall(0), EINVAL);
	ERR(mlockall(8), EINVAL);
	OK(munlockall());
	OK(setrlimit(RLIMIT_MEMLOCK, &limit));
	OK(setresuid(1000, 1000, 1000));
	char *q = map(4 * PAGE);
	ERR(mlock(q, 4 * PAGE), ENOMEM);
	OK(mlock(q, PAGE));
	limit.rlim_cur = 0;
	OK(munlockall());
	OK(setrlimit(RLIMIT_MEMLOCK, &limit));
	ERR(mlock(q, PAGE), EPERM);
}
