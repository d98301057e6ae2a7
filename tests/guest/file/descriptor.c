/* dup(2) family, fcntl(2), close_range(2), ioctl(2) on plain files, record locks, flock(2). */
#include "../check.h"
#include <sys/file.h>
#include <sys/ioctl.h>

static int new_file(void)
{
	enter_scratch();
	return OK(open("f", O_CREAT | O_RDWR, 0600));
}

CASE(dup_shares_offset_and_flags)
{
	int fd = new_file(), copy = OK(dup(fd));
	EQ(write(fd, "abc", 3), 3);
	EQ(lseek(copy, 0, SEEK_CUR), 3);
	OK(fcntl(copy, F_SETFL, O_APPEND));
	EQ(fcntl(fd, F_GETFL) & O_APPEND, O_APPEND);
}

CASE(dup_does_not_copy_close_on_exec)
{
	int fd = OK(open("/dev/null", O_RDONLY | O_CLOEXEC));
	EQ(fcntl(OK(dup(fd)), F_GETFD), 0);
	EQ(fcntl(OK(dup2(fd, 40)), F_GETFD), 0);
	EQ(fcntl(OK(dup3(fd, 41, O_CLOEXEC)), F_GETFD), FD_CLOEXEC);
	EQ(fcntl(OK(fcntl(fd, F_DUPFD, 50)), F_GETFD), 0);
	EQ(fcntl(OK(fcntl(fd, F_DUPFD_CLOEXEC, 50)), F_GETFD), FD_CLOEXEC);
}

CASE(dup_errors)
{
	ERR(dup(99), EBADF);
	ERR(dup(-1), EBADF);
	ERR(dup2(99, 5), EBADF);
	ERR(dup2(0, -1), EBADF);
	ERR(dup2(0, 1 << 28), EBADF);
	EQ(dup2(0, 0), 0);
	ERR(dup2(99, 99), EBADF);
	ERR(dup3(0, 0, 0), EINVAL);
	ERR(dup3(0, 5, 1), EINVAL);
	ERR(fcntl(0, F_DUPFD, -1), EINVAL);
	ERR(fcntl(0, F_DUPFD, 1 << 28), EINVAL);
}

CASE(dup2_closes_the_target)
{
	int ends[2];
	char byte;
	OK(pipe(ends));
	int null = OK(open("/dev/null", O_RDONLY));
	OK(dup2(null, ends[1]));
	EQ(read(ends[0], &byte, 1), 0);
}

CASE(F_DUPFD_takes_the_lowest_from_there)
{
	EQ(OK(fcntl(0, F_DUPFD, 100)), 100);
	EQ(OK(fcntl(0, F_DUPFD, 100)), 101);
}

CASE(F_SETFL_changes_only_some)
{
	int fd = new_file();
	OK(fcntl(fd, F_SETFL, O_WRONLY | O_APPEND | O_NONBLOCK | O_TRUNC | O_CREAT));
	OUT("0%o", fcntl(fd, F_GETFL));
	OK(fcntl(fd, F_SETFL, 0));
	OUT("0%o", fcntl(fd, F_GETFL));
}

CASE(fcntl_errors)
{
	ERR(fcntl(99, F_GETFD), EBADF);
	ERR(fcntl(0, 9999), EINVAL);
	ERR(fcntl(0, F_GETLK, (void *)16), EFAULT);
}

CASE(close_range_closes_and_marks)
{
	for (int fd = 30; fd < 40; fd++)
		OK(dup2(0, fd));
	OK(syscall(SYS_close_range, 32, 35, 0));
	OK(fcntl(31, F_GETFD));
	ERR(fcntl(32, F_GETFD), EBADF);
	ERR(fcntl(35, F_GETFD), EBADF);
	OK(syscall(SYS_close_range, 36, ~0U, 4));
	EQ(fcntl(36, F_GETFD), FD_CLOEXEC);
	EQ(fcntl(31, F_GETFD), 0);
	ERR(syscall(SYS_close_range, 5, 4, 0), EINVAL);
	ERR(syscall(SYS_close_range, 100, 101, 8), EINVAL);
	OK(syscall(SYS_close_range, 36, ~0U, 2));
	ERR(fcntl(36, F_GETFD), EBADF);
}

CASE(ioctl_on_files_and_pipes)
{
	int ends[2], count = -1, on = 1;
	int fd = new_file();
	EQ(write(fd, "hello", 5), 5);
	EQ(lseek(fd, 1, SEEK_SET), 1);
	OK(ioctl(fd, FIONREAD, &count));
	EQ(count, 4);
	OK(ioctl(fd, FIOCLEX));
	EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	OK(ioctl(fd, FIONCLEX));
	EQ(fcntl(fd, F_GETFD), 0);
	OK(ioctl(fd, FIONBIO, &on));
	EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	ERR(ioctl(fd, TIOCGWINSZ, &count), ENOTTY);
	ERR(ioctl(fd, 0x12345, 0), ENOTTY);
	ERR(ioctl(99, FIONREAD, &count), EBADF);
	OK(pipe(ends));
	EQ(write(ends[1], "abc", 3), 3);
	OK(ioctl(ends[0], FIONREAD, &count));
	EQ(count, 3);
}

CASE(record_locks_exclude_other_processes)
{
	int fd = new_file();
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10};
	OK(fcntl(fd, F_SETLK, &lock));
	IN_CHILD({
		struct flock probe = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 15, .l_len = 1};
		ERR(fcntl(fd, F_SETLK, &probe), EAGAIN);
		OK(fcntl(fd, F_GETLK, &probe));
		EQ(probe.l_pid, getppid());
		OUT("type %d start %ld len %ld", probe.l_type, (long)probe.l_start, (long)probe.l_len);
		struct flock free_part = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 20, .l_len = 10};
		OK(fcntl(fd, F_SETLK, &free_part));
	});
}

CASE(record_locks_split_and_merge)
{
	int fd = new_file();
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 100};
	struct flock hole = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 40, .l_len = 20};
	OK(fcntl(fd, F_SETLK, &lock));
	OK(fcntl(fd, F_SETLK, &hole));
	IN_CHILD({
		struct flock probe = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 45, .l_len = 5};
		OK(fcntl(fd, F_GETLK, &probe));
		EQ(probe.l_type, F_UNLCK);
		probe = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 45, .l_len = 0};
		OK(fcntl(fd, F_GETLK, &probe));
		OUT("next lock starts at %ld length %ld", (long)probe.l_start, (long)probe.l_len);
	});
}

CASE(record_locks_by_the_thousand)
{
	int fd = new_file();
	unsigned seed = 1;
	for (int i = 0; i < 3000; i++) {
		seed = seed * 1103515245 + 12345;
		struct flock lock = { .l_type = seed >> 8 & 1 ? F_WRLCK : F_RDLCK, .l_start = (seed >> 12) % 100000, .l_len = 1 + (seed >> 4) % 3 };
		OK(fcntl(fd, F_SETLK, &lock));
		if (i % 3 == 0) {
			struct flock part = { .l_type = F_UNLCK, .l_start = (seed >> 10) % 100000, .l_len = 50 };
			OK(fcntl(fd, F_SETLK, &part));
		}
	}
	/* As another process meets them. */
	IN_CHILD({
		struct flock probe = { .l_type = F_WRLCK };
		int count = 0;
		for (; fcntl(fd, F_GETLK, &probe) == 0 && probe.l_type != F_UNLCK; count++)
			probe = (struct flock){ .l_type = F_WRLCK, .l_start = probe.l_start + probe.l_len };
		OUT("%d locks", count);
	});
}

CASE(record_locks_go_with_any_close)
{
	int fd = new_file();
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	OK(fcntl(fd, F_SETLK, &lock));
	OK(close(OK(dup(fd))));
	IN_CHILD({
		struct flock probe = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		OK(fcntl(fd, F_SETLK, &probe));
	});
}

CASE(record_lock_waits)
{
	int fd = new_file(), ends[2];
	char byte;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		OK(fcntl(fd, F_SETLK, &lock));
		EQ(write(ends[1], "x", 1), 1);
		sleep_ms(50);
		_exit(0);
	}
	EQ(read(ends[0], &byte, 1), 1);
	OK(fcntl(fd, F_SETLKW, &lock));
	EQ(exit_code(child), 0);
}

CASE(record_lock_deadlock_is_EDEADLK)
{
	int fd = new_file(), ends[2];
	char byte;
	struct flock first = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
	struct flock second = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 1};
	OK(pipe(ends));
	OK(fcntl(fd, F_SETLK, &first));
	pid_t child = OK(fork());
	if (child == 0) {
		OK(fcntl(fd, F_SETLK, &second));
		EQ(write(ends[1], "x", 1), 1);
		OK(fcntl(fd, F_SETLKW, &first));
		_exit(0);
	}
	EQ(read(ends[0], &byte, 1), 1);
	WAIT_STATE(child, 'S');
	sleep_ms(20);
	ERR(fcntl(fd, F_SETLKW, &second), EDEADLK);
	first.l_type = F_UNLCK;
	OK(fcntl(fd, F_SETLK, &first));
	EQ(exit_code(child), 0);
}

CASE(record_lock_errors)
{
	int fd = new_file();
	struct flock lock = {.l_type = 77, .l_whence = SEEK_SET};
	ERR(fcntl(fd, F_SETLK, &lock), EINVAL);
	lock = (struct flock){.l_type = F_WRLCK, .l_whence = 9};
	ERR(fcntl(fd, F_SETLK, &lock), EINVAL);
	lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = -5};
	ERR(fcntl(fd, F_SETLK, &lock), EINVAL);
	int reader = OK(open("f", O_RDONLY));
	lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
	ERR(fcntl(reader, F_SETLK, &lock), EBADF);
	ERR(fcntl(fd, F_SETLK, (void *)16), EFAULT);
}

CASE(flock_excludes_other_openings)
{
	int one = new_file(), two = OK(open("f", O_RDWR));
	OK(flock(one, LOCK_EX));
	ERR(flock(two, LOCK_EX | LOCK_NB), EAGAIN);
	ERR(flock(two, LOCK_SH | LOCK_NB), EAGAIN);
	OK(flock(one, LOCK_SH));
	OK(flock(two, LOCK_SH | LOCK_NB));
	OK(flock(one, LOCK_UN));
	OK(flock(two, LOCK_EX | LOCK_NB));
	OK(close(two));
	OK(flock(one, LOCK_EX | LOCK_NB));
	ERR(flock(one, 77), EINVAL);
	ERR(flock(99, LOCK_EX), EBADF);
}

CASE(flock_is_shared_by_dup_and_fork)
{
	int fd = new_file(), copy = OK(dup(fd));
	OK(flock(fd, LOCK_EX));
	OK(flock(copy, LOCK_EX | LOCK_NB));
	IN_CHILD(OK(flock(fd, LOCK_EX | LOCK_NB)));
}

CASE(open_file_description_locks)
{
	int one = new_file(), two = OK(open("f", O_RDWR));
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	OK(fcntl(one, F_OFD_SETLK, &lock));
	ERR(fcntl(two, F_OFD_SETLK, &lock), EAGAIN);
	OK(close(one));
	OK(fcntl(two, F_OFD_SETLK, &lock));
	lock.l_pid = 5;
	ERR(fcntl(two, F_OFD_SETLK, &lock), EINVAL);
}
