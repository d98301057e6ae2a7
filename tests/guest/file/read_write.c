/* read(2), write(2) and their vector and positioned forms, lseek(2), ftruncate(2), copies between files. */
#include "../check.h"
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

static int new_file(const char *text)
{
	enter_scratch();
	int fd = OK(open("f", O_CREAT | O_RDWR | O_TRUNC, 0600));
	EQ(write(fd, text, strlen(text)), strlen(text));
	EQ(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static char buffer[65536];

CASE(read_moves_the_offset_and_ends_with_zero)
{
	int fd = new_file("hello");
	EQ(read(fd, buffer, 3), 3);
	EQ(read(fd, buffer, 3), 2);
	EQ(read(fd, buffer, 3), 0);
	EQ(lseek(fd, 0, SEEK_CUR), 5);
}

CASE(write_behind_the_end_leaves_zeroes)
{
	int fd = new_file("ab");
	EQ(lseek(fd, 10000, SEEK_SET), 10000);
	EQ(write(fd, "z", 1), 1);
	EQ(pread(fd, buffer, 20000, 0), 10001);
	EQ(buffer[0], 'a');
	for (int i = 2; i < 10000; i++)
		EQ(buffer[i], 0);
	EQ(buffer[10000], 'z');
}

CASE(large_file_keeps_its_bytes)
{
	int fd = new_file("");
	for (int i = 0; i < 64; i++) {
		memset(buffer, 'a' + i % 26, sizeof buffer);
		EQ(write(fd, buffer, sizeof buffer), sizeof buffer);
	}
	for (int i = 63; i >= 0; i--) {
		EQ(pread(fd, buffer, sizeof buffer, (off_t)i * sizeof buffer), sizeof buffer);
		EQ(buffer[0], 'a' + i % 26);
		EQ(buffer[sizeof buffer - 1], 'a' + i % 26);
	}
}

CASE(unaligned_pieces)
{
	int fd = new_file("");
	for (int i = 0; i < 1000; i++)
		EQ(write(fd, "0123456", 7), 7);
	EQ(pread(fd, buffer, 7000, 0), 7000);
	for (int i = 0; i < 7000; i++)
		EQ(buffer[i], '0' + i % 7);
}

CASE(zero_bytes_are_allowed)
{
	int fd = new_file("x");
	EQ(read(fd, 0, 0), 0);
	EQ(write(fd, 0, 0), 0);
	EQ(read(fd, buffer, 0), 0);
}

CASE(bad_descriptor_is_EBADF)
{
	ERR(read(99, buffer, 1), EBADF);
	ERR(write(-1, buffer, 1), EBADF);
	ERR(pread(99, buffer, 1, 0), EBADF);
	ERR(lseek(99, 0, SEEK_SET), EBADF);
	ERR(read(99, (void *)16, 1), EBADF);
}

CASE(wild_buffer_is_EFAULT)
{
	int fd = new_file("text");
	ERR(read(fd, (void *)16, 4), EFAULT);
	ERR(write(fd, (void *)16, 4), EFAULT);
	EQ(lseek(fd, 0, SEEK_CUR), 0);
}

CASE(length_beyond_the_address_space_is_EFAULT)
{
	int fd = new_file("text");
	ERR(syscall(SYS_read, fd, buffer, -1LL), EFAULT);
	ERR(syscall(SYS_write, fd, -4096LL, 8192L), EFAULT);
}

CASE(pread_keeps_the_offset)
{
	int fd = new_file("hello");
	EQ(pread(fd, buffer, 2, 3), 2);
	EQ(memcmp(buffer, "lo", 2), 0);
	EQ(lseek(fd, 0, SEEK_CUR), 0);
	ERR(pread(fd, buffer, 1, -1), EINVAL);
	ERR(pwrite(fd, buffer, 1, -1), EINVAL);
	EQ(pread(fd, buffer, 1, 100), 0);
	int ends[2];
	OK(pipe(ends));
	ERR(pread(ends[0], buffer, 1, 0), ESPIPE);
	ERR(pwrite(ends[1], buffer, 1, 0), ESPIPE);
}

CASE(readv_and_writev_gather_and_scatter)
{
	char a[3] = "", b[4] = "";
	struct iovec out[] = {{"ab", 2}, {"", 0}, {"cdef", 4}}, in[] = {{a, 2}, {b, 3}};
	int fd = new_file("");
	EQ(writev(fd, out, 3), 6);
	EQ(lseek(fd, 0, SEEK_SET), 0);
	EQ(readv(fd, in, 2), 5);
	STR_EQ(a, "ab");
	STR_EQ(b, "cde");
}

CASE(vector_errors)
{
	static struct iovec many[1025];
	struct iovec negative = {buffer, (size_t)-1}, wild = {(void *)16, 4};
	int fd = new_file("text");
	ERR(readv(fd, many, -1), EINVAL);
	ERR(readv(fd, many, 1025), EINVAL);
	EQ(readv(fd, many, 1024), 0);
	EQ(readv(fd, 0, 0), 0);
	ERR(readv(fd, &negative, 1), EINVAL);
	ERR(readv(fd, &wild, 1), EFAULT);
	ERR(syscall(SYS_readv, fd, 16L, 1), EFAULT);
}

CASE(vector_with_a_bad_second_buffer_gives_the_first)
{
	struct iovec out[] = {{"ab", 2}, {(void *)16, 2}}, in[] = {{buffer, 2}, {(void *)16, 2}};
	int fd = new_file("text");
	EQ(readv(fd, in, 2), 2);
	EQ(writev(fd, out, 2), 2);
}

CASE(preadv_and_pwritev)
{
	struct iovec out = {"XY", 2}, in = {buffer, 5};
	int fd = new_file("hello");
	EQ(pwritev(fd, &out, 1, 1), 2);
	EQ(preadv(fd, &in, 1, 0), 5);
	EQ(memcmp(buffer, "hXYlo", 5), 0);
	EQ(lseek(fd, 0, SEEK_CUR), 0);
	ERR(preadv(fd, &in, 1, -1), EINVAL);
	EQ(preadv2(fd, &in, 1, -1, 0), 5);
	EQ(lseek(fd, 0, SEEK_CUR), 5);
	ERR(preadv2(fd, &in, 1, 0, 0x1000), EOPNOTSUPP);
}

/* Which files promise not to wait. */
CASE(reads_and_writes_that_do_not_wait)
{
	const char *paths[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random", "/dev/tty", "/proc/self/stat",
			       "/proc/self/comm", "f", "."};
	struct iovec piece = {buffer, 1};
	int fds[20], count = 0, ends[2];
	const char *names[20];
	new_file("hello");
	for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
		if ((fds[count] = open(paths[i], O_RDWR)) >= 0 || (fds[count] = open(paths[i], O_RDONLY)) >= 0)
			names[count++] = paths[i];
	OK(pipe(ends));
	names[count] = "pipe", fds[count++] = ends[0];
	names[count] = "pipe's other end", fds[count++] = ends[1];
	names[count] = "event counter", fds[count++] = OK(eventfd(0, 0));
	names[count] = "timer", fds[count++] = OK(timerfd_create(CLOCK_MONOTONIC, 0));
	names[count] = "memory", fds[count++] = OK(memfd_create("m", 0));
	for (int i = 0; i < count; i++) {
		const char *read_error = preadv2(fds[i], &piece, 1, -1, 8) < 0 ? errno_name(errno) : "done";
		OUT("%s: read %s", names[i], read_error);
		const char *write_error = pwritev2(fds[i], &piece, 1, -1, 8) < 0 ? errno_name(errno) : "done";
		OUT("%s: write %s", names[i], write_error);
		const char *urgent = preadv2(fds[i], &piece, 1, -1, 9) < 0 ? errno_name(errno) : "done";
		OUT("%s: urgent %s", names[i], urgent);
		const char *synchronous = pwritev2(fds[i], &piece, 1, -1, 2) < 0 ? errno_name(errno) : "done";
		OUT("%s: synchronous %s", names[i], synchronous);
		const char *at = preadv2(fds[i], &piece, 1, 0, 8) < 0 ? errno_name(errno) : "done";
		OUT("%s: at 0 %s", names[i], at);
	}
	int fd = OK(eventfd(0, 0));
	struct iovec eight = {buffer, 8};
	ERR(preadv2(fd, &eight, 1, -1, 8), EAGAIN);
	OK(eventfd_write(fd, 3));
	EQ(preadv2(fd, &eight, 1, -1, 8), 8);
	EQ(*(uint64_t *)buffer, 3);
}

#ifdef __x86_64__
CASE(the_high_half_of_an_offset_counts_where_a_long_is_narrow_only)
{
	struct iovec in = {buffer, 5};
	int fd = new_file("hello");
#ifndef __ILP32__
	EQ(syscall(SYS_preadv2, fd, &in, 1, 1UL, ~0UL, 0UL), 4);
	EQ(syscall(SYS_preadv, fd, &in, 1, 1UL, ~0UL), 4);
	EQ(syscall(SYS_pwritev2, fd, &in, 1, 1UL, ~0UL, 0UL), 5);
	EQ(syscall(SYS_preadv2, fd, &in, 1, ~0UL, 0UL, 0UL), 5);
	ERR(syscall(SYS_preadv2, fd, &in, 1, -2UL, 0UL, 0UL), EINVAL);
#endif
	EQ(lseek(fd, 0, SEEK_CUR) >= 0, 1);
}
#endif

CASE(lseek_whence)
{
	int fd = new_file("hello");
	EQ(lseek(fd, 2, SEEK_SET), 2);
	EQ(lseek(fd, 2, SEEK_CUR), 4);
	EQ(lseek(fd, -1, SEEK_END), 4);
	EQ(lseek(fd, 100, SEEK_END), 105);
	ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	ERR(lseek(fd, -200, SEEK_CUR), EINVAL);
	ERR(lseek(fd, 0, 9), EINVAL);
	EQ(lseek(fd, 0, SEEK_CUR), 105);
	int ends[2];
	OK(pipe(ends));
	ERR(lseek(ends[0], 0, SEEK_CUR), ESPIPE);
}

CASE(lseek_data_and_hole)
{
	int fd = new_file("");
	EQ(pwrite(fd, "x", 1, 65536), 1);
	OUT("data %ld hole %ld", (long)lseek(fd, 0, SEEK_DATA), (long)lseek(fd, 65536, SEEK_HOLE));
	OUT("hole at %ld", (long)lseek(fd, 0, SEEK_HOLE));
	ERR(lseek(fd, 70000, SEEK_DATA), ENXIO);
	ERR(lseek(fd, 70000, SEEK_HOLE), ENXIO);
}

CASE(ftruncate_grows_and_shrinks)
{
	int fd = new_file("hello");
	OK(ftruncate(fd, 10000));
	EQ(lseek(fd, 0, SEEK_END), 10000);
	EQ(pread(fd, buffer, 10, 0), 10);
	EQ(memcmp(buffer, "hello\0\0\0\0\0", 10), 0);
	OK(ftruncate(fd, 2));
	EQ(pread(fd, buffer, 10, 0), 2);
	OK(truncate("f", 3));
	EQ(pread(fd, buffer, 10, 0), 3);
	EQ(memcmp(buffer, "he\0", 3), 0);
}

CASE(truncate_errors)
{
	int fd = new_file("x");
	ERR(ftruncate(fd, -1), EINVAL);
	ERR(truncate("f", -1), EINVAL);
	ERR(ftruncate(OK(open("f", O_RDONLY)), 0), EINVAL);
	ERR(ftruncate(99, 0), EBADF);
	ERR(truncate("missing", 0), ENOENT);
	ERR(truncate(".", 0), EISDIR);
	ERR(truncate("/dev/null", 0), EINVAL);
	int ends[2];
	OK(pipe(ends));
	ERR(ftruncate(ends[1], 0), EINVAL);
}

CASE(file_size_limit_gives_SIGXFSZ_and_EFBIG)
{
	struct rlimit limit = {1000, 1000};
	int fd = new_file("");
	OK(setrlimit(RLIMIT_FSIZE, &limit));
	EQ(write(fd, buffer, 2000), 1000);
	DIES(SIGXFSZ, (void)!write(fd, buffer, 1));
	signal(SIGXFSZ, SIG_IGN);
	ERR(write(fd, buffer, 1), EFBIG);
	ERR(ftruncate(fd, 1001), EFBIG);
	OK(ftruncate(fd, 10));
}

CASE(offset_overflow_is_refused)
{
	int fd = new_file("");
	errno = 0;
	ssize_t n = pwrite(fd, "x", 1, INT64_MAX);
	OUT("pwrite at the last offset: %zd %s", n, errno_name(errno));
	errno = 0;
	n = ftruncate(fd, INT64_MAX);
	OUT("ftruncate to the last offset: %zd %s", n, errno_name(errno));
}

CASE(fallocate_grows_and_punches)
{
	int fd = new_file("hello");
	OK(fallocate(fd, 0, 0, 8192));
	EQ(lseek(fd, 0, SEEK_END), 8192);
	OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100000));
	EQ(lseek(fd, 0, SEEK_END), 8192);
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	EQ(pread(fd, buffer, 5, 0), 5);
	EQ(buffer[0], 0);
	ERR(fallocate(fd, 0, 0, 0), EINVAL);
	ERR(fallocate(fd, 0, -1, 1), EINVAL);
	ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096), EOPNOTSUPP);
}

CASE(sendfile_copies_between_files)
{
	int from = new_file("hello, world"), to = OK(open("g", O_CREAT | O_RDWR, 0600));
	off_t offset = 7;
	EQ(sendfile(to, from, &offset, 100), 5);
	EQ(offset, 12);
	EQ(lseek(from, 0, SEEK_CUR), 0);
	EQ(sendfile(to, from, 0, 5), 5);
	EQ(lseek(from, 0, SEEK_CUR), 5);
	EQ(pread(to, buffer, 20, 0), 10);
	EQ(memcmp(buffer, "worldhello", 10), 0);
}

CASE(copy_file_range_copies_between_files)
{
	int from = new_file("hello, world"), to = OK(open("g", O_CREAT | O_RDWR, 0600));
	off_t in = 7, out = 2;
	EQ(copy_file_range(from, &in, to, &out, 100, 0), 5);
	EQ(in, 12);
	EQ(out, 7);
	EQ(pread(to, buffer, 20, 0), 7);
	EQ(memcmp(buffer, "\0\0world", 7), 0);
	ERR(copy_file_range(from, 0, to, 0, 1, 1), EINVAL);
}

CASE(fsync_family)
{
	int fd = new_file("x"), ends[2];
	OK(fsync(fd));
	OK(fdatasync(fd));
	OK(syncfs(fd));
	sync();
	OK(pipe(ends));
	ERR(fsync(ends[0]), EINVAL);
	ERR(fsync(99), EBADF);
}

CASE(unlinked_file_lives_while_open)
{
	struct stat status;
	int fd = new_file("hello");
	OK(unlink("f"));
	OK(fstat(fd, &status));
	EQ(status.st_nlink, 0);
	EQ(read(fd, buffer, 10), 5);
	EQ(pwrite(fd, "x", 1, 100), 1);
	ERR(open("f", O_RDONLY), ENOENT);
}

CASE(appenders_do_not_overwrite_each_other)
{
	int fd = new_file("");
	pid_t children[4];
	for (int i = 0; i < 4; i++)
		if ((children[i] = OK(fork())) == 0) {
			int own = OK(open("f", O_WRONLY | O_APPEND));
			for (int j = 0; j < 200; j++)
				EQ(write(own, "line\n", 5), 5);
			_exit(0);
		}
	for (int i = 0; i < 4; i++)
		EQ(exit_code(children[i]), 0);
	EQ(lseek(fd, 0, SEEK_END), 4000);
	EQ(pread(fd, buffer, 4000, 0), 4000);
	for (int i = 0; i < 4000; i += 5)
		EQ(memcmp(buffer + i, "line\n", 5), 0);
}
