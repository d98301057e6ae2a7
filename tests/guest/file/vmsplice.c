/* vmsplice(2): pages of a program in a pipe. */
#include "../check.h"
#include <sys/ioctl.h>
#include <sys/uio.h>

#define NOWHERE ((char *)16)
static int ends[2];
static char *area; /* eight pages of a program's own, written to */

static void begin(void)
{
	OK(pipe(ends));
	area = mmap(0, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(area != MAP_FAILED);
	memset(area, 'a', 8 * 4096);
}
static long give(const void *from, size_t length, unsigned flags)
{
	struct iovec vector = {(void *)from, length};
	return vmsplice(ends[1], &vector, 1, flags);
}
static int waiting(void)
{
	int count = -1;
	OK(ioctl(ends[0], FIONREAD, &count));
	return count;
}
#define TELL(call)                                                                                                     \
	do {                                                                                                           \
		errno = 0;                                                                                             \
		long result_ = (call);                                                                                 \
		OUT("%s: %ld %s", #call, result_, errno_name(errno));                                                  \
	} while (0)

CASE(later_changes_are_read)
{
	char got[4096];
	begin();
	EQ(give(area, 100, 0), 100);
	memset(area, 'b', 50);
	EQ(read(ends[0], got, 100), 100);
	EQ(got[0], 'b');
	EQ(got[49], 'b');
	EQ(got[50], 'a');
	EQ(give(area, 4096, SPLICE_F_GIFT), 4096);
	area[4095] = 'c';
	EQ(read(ends[0], got, 4096), 4096);
	EQ(got[4095], 'c');
}

CASE(a_page_outlives_its_mapping)
{
	char got[10];
	begin();
	EQ(give(area, 10, 0), 10);
	OK(munmap(area, 8 * 4096));
	char *other = mmap(0, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(other != MAP_FAILED);
	memset(other, 'x', 8 * 4096);
	EQ(read(ends[0], got, 10), 10);
	EQ(got[0], 'a');
	EQ(got[9], 'a');
}

CASE(pages_of_shared_memory_and_files)
{
	char got[10];
	begin();
	char *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	EQ(give(shared, 10, 0), 10);
	pid_t child = fork();
	if (child == 0) {
		memset(shared, 's', 10);
		_exit(0);
	}
	EQ(exit_code(child), 0);
	EQ(read(ends[0], got, 10), 10);
	EQ(got[0], 's');
	enter_scratch();
	int fd = OK(open("file", O_CREAT | O_RDWR, 0600));
	EQ(write(fd, "0123456789", 10), 10);
	char *file = mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(file != MAP_FAILED);
	EQ(give(file, 10, 0), 10);
	EQ(pwrite(fd, "9", 1, 0), 1);
	EQ(read(ends[0], got, 10), 10);
	OUT("of a file that was written to: %.10s", got);
	EQ(give(file, 10, 0), 10);
	OK(ftruncate(fd, 0));
	EQ(read(ends[0], got, 10), 10);
	OUT("of a file that was cut off: %d", got[1]);
}

CASE(pages_never_written)
{
	char got[10];
	begin();
	char *fresh = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(fresh != MAP_FAILED);
	EQ(give(fresh, 10, 0), 10);
	fresh[0] = 'w';
	EQ(read(ends[0], got, 10), 10);
	OUT("%d", got[0]);
	EQ(fresh[0], 'w');
}

CASE(after_a_fork)
{
	char got[10];
	begin();
	EQ(give(area, 10, 0), 10);
	pid_t child = fork();
	if (child == 0) {
		area[0] = 'k';
		_exit(0);
	}
	EQ(exit_code(child), 0);
	area[1] = 'p';
	EQ(read(ends[0], got, 10), 10);
	OUT("%.10s", got);
	EQ(area[0], 'a');
	EQ(area[1], 'p');
}

CASE(pieces_are_not_joined)
{
	begin();
	int count = 0;
	while (give(area + count, 1, SPLICE_F_NONBLOCK) == 1)
		count++;
	int error = errno;
	OUT("%d pieces of a byte, then %s", count, errno_name(error));
	EQ(waiting(), count);
	char got[64];
	EQ(read(ends[0], got, 64), count);
	/* What is written behind a page does not go into it. */
	EQ(give(area, 10, 0), 10);
	EQ(write(ends[1], "XYZ", 3), 3);
	EQ(read(ends[0], got, 64), 13);
	EQ(got[10], 'X');
	EQ(area[10], 'a');
}

CASE(what_fits)
{
	begin();
	struct iovec vector[3] = {{area + 4000, 4096}, {area, 0}, {area + 100, 3 * 4096}};
	TELL(vmsplice(ends[1], vector, 3, 0));
	EQ(waiting(), 4 * 4096);
	char *much = mmap(0, 40 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(much != MAP_FAILED);
	TELL(give(much, 40 * 4096, SPLICE_F_NONBLOCK));
	TELL(give(much, 40 * 4096, SPLICE_F_NONBLOCK));
	TELL(waiting());
}

CASE(memory_that_is_not_there)
{
	begin();
	OK(mprotect(area + 4096, 4096, PROT_NONE));
	OK(munmap(area + 3 * 4096, 4096));
	OK(mprotect(area + 5 * 4096, 4096, PROT_READ));
	TELL(give(area, 2 * 4096, 0));
	TELL(give(area + 4096, 10, 0));
	TELL(give(area + 4000, 200, 0));
	TELL(give(area + 3 * 4096, 10, 0));
	TELL(give(area + 5 * 4096, 10, 0));
	TELL(give(NOWHERE, 10, 0));
	TELL(give((char *)-4096ul, 10, 0));
	TELL(give(NOWHERE, 0, 0));
	TELL(waiting());
}

CASE(refusals)
{
	begin();
	struct iovec vector = {area, 10};
	TELL(vmsplice(ends[1], &vector, 1, 16));
	TELL(vmsplice(-1, &vector, 1, 16));
	TELL(vmsplice(-1, &vector, 1, 0));
	TELL(vmsplice(-1, 0, 0, 0));
	TELL(vmsplice(0, &vector, 1, 0));
	TELL(vmsplice(ends[1], &vector, 0, 0));
	TELL(vmsplice(ends[1], &vector, 1025, 0));
	TELL(vmsplice(ends[1], (struct iovec *)16, 1, 0));
	TELL(vmsplice(ends[1], 0, 0, 0));
	int fd = OK(open("/dev/null", O_RDWR));
	TELL(vmsplice(fd, &vector, 1, 0));
	TELL(vmsplice(fd, &vector, 0, 0));
	fd = OK(open("/", O_PATH));
	TELL(vmsplice(fd, &vector, 1, 0));
	/* The other end. */
	TELL(vmsplice(ends[0], &vector, 1, SPLICE_F_NONBLOCK));
	EQ(write(ends[1], "0123456789abc", 13), 13);
	TELL(vmsplice(ends[0], &vector, 1, 0));
	CHECK(memcmp(area, "0123456789", 10) == 0);
	vector.iov_base = NOWHERE;
	TELL(vmsplice(ends[0], &vector, 1, 0));
	TELL(waiting());
	OK(close(ends[0]));
	signal(SIGPIPE, SIG_IGN);
	TELL(give(area, 10, 0));
	DIES(SIGPIPE, {
		signal(SIGPIPE, SIG_DFL);
		give(area, 10, 0);
	});
}
