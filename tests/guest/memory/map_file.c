/* Mappings of files: private and shared, through one page cache with read and write; memfd; msync; truncation. */
#include "../check.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGE 4096

static int new_file(size_t size)
{
	enter_scratch();
	int fd = OK(open("f", O_CREAT | O_RDWR, 0600));
	OK(ftruncate(fd, size));
	return fd;
}

static char *map(int fd, size_t length, int protection, int flags, off_t offset)
{
	char *p = mmap(0, length, protection, flags, fd, offset);
	CHECK(p != MAP_FAILED);
	return p;
}

CASE(shared_store_is_seen_by_read)
{
	char text[6] = "";
	int fd = new_file(PAGE);
	char *p = map(fd, PAGE, RW, MAP_SHARED, 0);
	memcpy(p + 10, "hello", 5);
	EQ(pread(fd, text, 5, 10), 5);
	STR_EQ(text, "hello");
}

CASE(write_is_seen_by_shared_mapping)
{
	int fd = new_file(PAGE);
	char *p = map(fd, PAGE, PROT_READ, MAP_SHARED, 0);
	EQ(p[0], 0);
	EQ(pwrite(fd, "abc", 3, 0), 3);
	EQ(p[2], 'c');
}

CASE(private_store_is_not_written)
{
	char byte;
	int fd = new_file(PAGE);
	EQ(pwrite(fd, "a", 1, 0), 1);
	char *p = map(fd, PAGE, RW, MAP_PRIVATE, 0);
	p[0] = 'b';
	EQ(pread(fd, &byte, 1, 0), 1);
	EQ(byte, 'a');
	EQ(p[0], 'b');
}

CASE(write_is_seen_by_an_untouched_private_mapping)
{
	int fd = new_file(PAGE);
	char *p = map(fd, PAGE, RW, MAP_PRIVATE, 0);
	EQ(pwrite(fd, "a", 1, 0), 1);
	EQ(p[0], 'a');
	p[1] = 'x';
	EQ(pwrite(fd, "b", 1, 0), 1);
	EQ(p[0], 'a');
}

CASE(two_shared_mappings_are_one)
{
	int fd = new_file(2 * PAGE);
	char *p = map(fd, PAGE, RW, MAP_SHARED, PAGE), *q = map(fd, 2 * PAGE, RW, MAP_SHARED, 0);
	p[7] = 'z';
	EQ(q[PAGE + 7], 'z');
}

CASE(shared_mapping_is_seen_by_another_process)
{
	int fd = new_file(PAGE);
	char *p = map(fd, PAGE, RW, MAP_SHARED, 0);
	pid_t child = OK(fork());
	if (child == 0) {
		char *q = mmap(0, PAGE, RW, MAP_SHARED, open("f", O_RDWR), 0);
		q[3] = 'q';
		_exit(0);
	}
	EQ(exit_code(child), 0);
	EQ(p[3], 'q');
}

CASE(tail_of_the_last_page_is_zero)
{
	int fd = new_file(0);
	EQ(write(fd, "abc", 3), 3);
	char *p = map(fd, PAGE, PROT_READ, MAP_PRIVATE, 0);
	for (int i = 3; i < PAGE; i++)
		EQ(p[i], 0);
}

CASE(stores_behind_the_end_are_not_kept)
{
	char byte = 'x';
	int fd = new_file(0);
	EQ(write(fd, "abc", 3), 3);
	char *p = map(fd, PAGE, RW, MAP_SHARED, 0);
	p[3] = 'd';
	OK(msync(p, PAGE, MS_SYNC));
	EQ(lseek(fd, 0, SEEK_END), 3);
	EQ(pread(fd, &byte, 1, 3), 0);
}

CASE(access_behind_the_last_page_is_SIGBUS)
{
	int fd = new_file(100);
	char *p = map(fd, 2 * PAGE, RW, MAP_SHARED, 0);
	DIES(SIGBUS, (void)*(volatile char *)(p + PAGE));
	DIES(SIGBUS, *(volatile char *)(p + PAGE) = 1);
}

CASE(a_call_behind_the_last_page_is_EFAULT)
{
	int fd = new_file(100), ends[2];
	char *p = map(fd, 2 * PAGE, RW, MAP_SHARED, 0);
	OK(pipe(ends));
	ERR(write(ends[1], p + PAGE, 10), EFAULT);
}

CASE(truncation_takes_pages_away)
{
	int fd = new_file(2 * PAGE);
	char *p = map(fd, 2 * PAGE, RW, MAP_SHARED, 0);
	p[PAGE] = 1;
	OK(ftruncate(fd, PAGE));
	DIES(SIGBUS, (void)*(volatile char *)(p + PAGE));
	OK(ftruncate(fd, 2 * PAGE));
	EQ(p[PAGE], 0);
}

CASE(truncation_zeroes_the_tail)
{
	int fd = new_file(PAGE);
	char *p = map(fd, PAGE, RW, MAP_SHARED, 0);
	memset(p, 'a', PAGE);
	OK(ftruncate(fd, 10));
	OK(ftruncate(fd, PAGE));
	EQ(p[9], 'a');
	EQ(p[10], 0);
	EQ(p[PAGE - 1], 0);
}

CASE(mapping_outlives_close_and_unlink)
{
	int fd = new_file(PAGE);
	char *p = map(fd, PAGE, RW, MAP_SHARED, 0);
	OK(close(fd));
	OK(unlink("f"));
	p[1] = 5;
	EQ(p[1], 5);
}

CASE(permission_errors)
{
	new_file(PAGE);
	int reader = OK(open("f", O_RDONLY)), writer = OK(open("f", O_WRONLY));
	ERR(mmap(0, PAGE, RW, MAP_SHARED, reader, 0), EACCES);
	ERR(mmap(0, PAGE, PROT_READ, MAP_SHARED, writer, 0), EACCES);
	ERR(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, writer, 0), EACCES);
	CHECK(mmap(0, PAGE, RW, MAP_PRIVATE, reader, 0) != MAP_FAILED);
	char *p = map(reader, PAGE, PROT_READ, MAP_SHARED, 0);
	ERR(mprotect(p, PAGE, RW), EACCES);
}

CASE(bad_descriptors)
{
	int ends[2];
	ERR(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, 99, 0), EBADF);
	ERR(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
	OK(pipe(ends));
	ERR(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, ends[0], 0), ENODEV);
	int folder = OK(open("/tmp", O_RDONLY));
	ERR(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, folder, 0), ENODEV);
	int path = OK(open("/tmp", O_PATH));
	ERR(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, path, 0), EBADF);
}

CASE(dev_zero_gives_zeroed_memory)
{
	int fd = OK(open("/dev/zero", O_RDWR));
	char *p = map(fd, 4 * PAGE, RW, MAP_PRIVATE, 0);
	EQ(p[PAGE], 0);
	p[PAGE] = 1;
	char *q = map(fd, PAGE, RW, MAP_SHARED, 0);
	pid_t child = OK(fork());
	if (child == 0) {
		q[0] = 9;
		_exit(0);
	}
	EQ(exit_code(child), 0);
	EQ(q[0], 9);
}

CASE(SHARED_VALIDATE_refuses_unknown_flags)
{
	int fd = new_file(PAGE);
	CHECK(mmap(0, PAGE, RW, MAP_SHARED_VALIDATE, fd, 0) != MAP_FAILED);
	ERR(mmap(0, PAGE, RW, MAP_SHARED_VALIDATE | 0x200000, fd, 0), EOPNOTSUPP);
	CHECK(mmap(0, PAGE, RW, MAP_SHARED | 0x200000, fd, 0) != MAP_FAILED);
}

CASE(msync_errors)
{
	int fd = new_file(PAGE);
	char *p = map(fd, PAGE, RW, MAP_SHARED, 0);
	OK(msync(p, PAGE, MS_SYNC));
	OK(msync(p, PAGE, MS_ASYNC));
	OK(msync(p, PAGE, MS_INVALIDATE));
	ERR(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	ERR(msync(p, PAGE, 0x100), EINVAL);
	ERR(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	OK(munmap(p, PAGE));
	ERR(msync(p, PAGE, MS_SYNC), ENOMEM);
}

CASE(msync_INVALIDATE_of_locked_pages_is_EBUSY)
{
	int fd = new_file(PAGE);
	char *p = map(fd, PAGE, RW, MAP_SHARED, 0);
	OK(mlock(p, PAGE));
	ERR(msync(p, PAGE, MS_INVALIDATE), EBUSY);
}

CASE(write_from_a_mapping_of_the_same_file)
{
	int fd = new_file(4 * PAGE);
	char *p = map(fd, 4 * PAGE, RW, MAP_SHARED, 0);
	memset(p, 'm', PAGE);
	EQ(pwrite(fd, p, PAGE, 100), PAGE);
	EQ(p[PAGE + 99], 'm');
	OK(ftruncate(fd, 0));
	OK(ftruncate(fd, 4 * PAGE));
	EQ(pwrite(fd, p + PAGE, PAGE, 0), PAGE);
	EQ(pread(fd, p + 2 * PAGE, PAGE, 0), PAGE);
}

CASE(memfd_is_a_file_in_memory)
{
	char link[64] = "", path[32];
	int fd = OK(memfd_create("name", MFD_CLOEXEC));
	EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EQ(write(fd, "abc", 3), 3);
	char *p = map(fd, PAGE, RW, MAP_SHARED, 0);
	EQ(p[1], 'b');
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	OK(readlink(path, link, sizeof link - 1));
	OUT("%s", link);
}

CASE(memfd_errors)
{
	static char name[300];
	memset(name, 'a', 299);
	ERR(memfd_create(name, 0), EINVAL);
	ERR(memfd_create("x", 0x20), EINVAL);
	ERR(syscall(SYS_memfd_create, 0, 0x20), EINVAL);
	ERR(syscall(SYS_memfd_create, 0, 0), EFAULT);
}

CASE(memfd_seals)
{
	int fd = OK(memfd_create("s", MFD_ALLOW_SEALING));
	OK(ftruncate(fd, PAGE));
	EQ(fcntl(fd, F_GET_SEALS), 0);
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	ERR(ftruncate(fd, 0), EPERM);
	OK(ftruncate(fd, 2 * PAGE));
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	ERR(ftruncate(fd, 3 * PAGE), EPERM);
	char *p = map(fd, PAGE, RW, MAP_SHARED, 0);
	ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	OK(munmap(p, PAGE));
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	ERR(write(fd, "x", 1), EPERM);
	ERR(mmap(0, PAGE, RW, MAP_SHARED, fd, 0), EPERM);
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
	OUT("seals 0x%x", fcntl(fd, F_GET_SEALS));
	int plain = OK(memfd_create("p", 0));
	EQ(fcntl(plain, F_GET_SEALS), F_SEAL_SEAL);
	ERR(fcntl(plain, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
}
