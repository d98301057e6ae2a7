/* Every command of fcntl(2): those of Linux's headers, and numbers that are none. */
#include "../check.h"

#define RW_HINT_GET 1035
#define RW_HINT_SET 1036

CASE(unknown_commands)
{
	int fd = OK(open("/tmp", O_RDONLY));
	for (int command = 0; command < 64; command++)
		if (command > 17 && (command < 36 || command > 38))
			ERR(fcntl(fd, command, 0L), EINVAL);
	/* Of the numbers from F_LINUX_SPECIFIC_BASE on: F_CANCELLK, F_CREATED_QUERY, the F_*_FILE_RW_HINT of old, and the rest. */
	static const int numbers[] = {1023, 1027, 1028, 1029, 1037, 1038, 1039, 1040, 2048, -1, 0x7fffffff};
	for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
		ERR(fcntl(fd, numbers[i], 0L), EINVAL);
	ERR(fcntl(-1, 1027, 0L), EBADF);
}
CASE(path_descriptors)
{
	int fd = OK(open("/tmp", O_PATH));
	char text[2000] = "";
	for (int command = 0; command <= 1040; command++) {
		if (command == 40)
			command = 1020;
		if (command == F_SETFD)
			continue;
		long value = syscall(SYS_fcntl, fd, command, 0L);
		if (value == -1 && errno == EBADF)
			continue;
		snprintf(text + strlen(text), sizeof text - strlen(text), " %d:%s", command, value < 0 ? errno_name(errno) : "ok");
	}
	OUT("%s", text);
	EQ(fcntl(fd, F_GETFD), 0);
	OK(fcntl(fd, F_SETFD, FD_CLOEXEC));
	EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
}
CASE(sizes_of_what_is_no_pipe)
{
	int fd = OK(open("/tmp", O_RDONLY));
	ERR(fcntl(fd, F_GETPIPE_SZ), EBADF);
	ERR(fcntl(fd, F_SETPIPE_SZ, 4096), EBADF);
	ERR(fcntl(fd, F_GET_SEALS), EINVAL);
	ERR(fcntl(fd, F_ADD_SEALS, 1), EPERM);
	int null = OK(open("/dev/null", O_RDWR));
	ERR(fcntl(null, F_ADD_SEALS, 1), EINVAL);
	ERR(fcntl(null, F_GET_SEALS), EINVAL);
}
CASE(write_hints)
{
	char path[] = "/tmp/hint-XXXXXX";
	int fd = OK(mkstemp(path));
	uint64_t hint = 77;
	OK(fcntl(fd, RW_HINT_GET, &hint));
	EQ(hint, 0);
	for (hint = 0; hint < 8; hint++) {
		uint64_t got = 99;
		int result = fcntl(fd, RW_HINT_SET, &hint), error = result ? errno : 0;
		OK(fcntl(fd, RW_HINT_GET, &got));
		OUT("%d: %s, then %d", (int)hint, errno_name(error), (int)got);
	}
	/* Of the inode, so another open file has it as well, also one for reading. */
	hint = 4;
	OK(fcntl(fd, RW_HINT_SET, &hint));
	int other = OK(open(path, O_RDONLY));
	OK(fcntl(other, RW_HINT_GET, &hint));
	EQ(hint, 4);
	hint = 2;
	int result = fcntl(other, RW_HINT_SET, &hint);
	OUT("by a reader: %d", result);
	hint = 1ull << 32 | 3;
	result = fcntl(fd, RW_HINT_SET, &hint);
	OUT("upper half: %d %s", result, errno_name(result ? errno : 0));
	OK(fcntl(fd, RW_HINT_GET, &hint));
	OUT("then %#llx", (unsigned long long)hint);
	ERR(fcntl(fd, RW_HINT_GET, 8), EFAULT);
	ERR(fcntl(fd, RW_HINT_SET, 8), EFAULT);
	int p[2];
	OK(pipe(p));
	hint = 5;
	result = fcntl(p[0], RW_HINT_SET, &hint);
	OUT("pipe: %d %s", result, errno_name(result ? errno : 0));
	OK(fcntl(p[1], RW_HINT_GET, &hint));
	OUT("other end: %d", (int)hint);
	int null = OK(open("/dev/null", O_RDWR));
	result = fcntl(null, RW_HINT_GET, &hint);
	OUT("device: %d %d", result, (int)hint);
	unlink(path);
}
