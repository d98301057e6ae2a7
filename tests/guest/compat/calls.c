/* i386's own calls: old forms, structures, split offsets, ids of 16 bits, thread-local segments. */
#include "../check.h"
#include <sys/select.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#ifdef __i386__
static int make_file(const char *text)
{
	char path[] = "/tmp/compat.XXXXXX";
	close(mkstemp(path));
	int fd = OK(syscall(SYS_open, path, O_RDWR | 0100000));
	OK(unlink(path));
	EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

CASE(old_mmap_takes_its_arguments_from_memory)
{
	uint32_t arguments[6] = {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0};
	char *p = (char *)syscall(SYS_mmap, arguments);
	CHECK(p != MAP_FAILED);
	*p = 1;
	arguments[5] = 1;
	ERR(syscall(SYS_mmap, arguments), EINVAL);
	ERR(syscall(SYS_mmap, 16), EFAULT);
}

CASE(mmap2_counts_pages)
{
	int fd = make_file("first");
	OK(ftruncate(fd, 3 * 4096));
	EQ(pwrite(fd, "third", 5, 2 * 4096), 5);
	char *p = (char *)syscall(SYS_mmap2, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 2);
	CHECK(p != MAP_FAILED);
	EQ(memcmp(p, "third", 5), 0);
}

CASE(addresses_are_below_4_gib)
{
	int here;
	CHECK((uintptr_t)&here > 0xf0000000u);
	void *p = mmap((void *)0xffffe000u, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(p == MAP_FAILED && errno == ENOMEM);
	p = mmap(0, 0xfffff000u, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(p == MAP_FAILED && errno == ENOMEM);
	p = mmap(0, 0x40000000u, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
}

CASE(the_old_stat_family)
{
	struct {
		uint16_t dev, ino, mode, nlink, uid, gid, rdev;
		uint32_t size, atime, mtime, ctime;
	} old;
	struct stat now;
	memset(&old, 0x55, sizeof old);
	OK(chdir("/tmp"));
	OK(stat("/dev/null", &now));
	OK(syscall(18, "/dev/null", &old));
	EQ(old.mode, (uint16_t)now.st_mode);
	EQ(old.ino, (uint16_t)now.st_ino);
	EQ(old.rdev, 0x103);
	EQ(old.size, 0);
	EQ(sizeof old, 32);
	OK(syscall(84, "/dev/null", &old));
	int fd = OK(open("/dev/null", O_RDONLY));
	OK(syscall(28, fd, &old));
	EQ(old.mode, (uint16_t)now.st_mode);
	ERR(syscall(18, "/dev/null", 16), EFAULT);
	ERR(syscall(18, "/none", &old), ENOENT);
}

CASE(stat_and_stat64)
{
	uint32_t small[16], large[24];
	int fd = make_file("hello");
	memset(small, 0x55, sizeof small);
	memset(large, 0x55, sizeof large);
	OK(fchmod(fd, 0640));
	OK(syscall(SYS_fstat, fd, small));
	OK(syscall(SYS_fstat64, fd, large));
	EQ(small[2] & 0xffff, 0100640);
	EQ(small[2] >> 16, 0);
	EQ(small[5], 5);
	EQ(small[14], 0);
	EQ(large[4], 0100640);
	EQ(large[11], 5);
	EQ(large[12], 0);
	EQ(large[22], small[1]);
	EQ(large[3], small[1]);
	EQ(small[8], large[16]);
	EQ(small[10], large[18]);
	OK(syscall(SYS_ftruncate64, fd, 0x10, 1));
	ERR(syscall(SYS_fstat, fd, small), EOVERFLOW);
	OK(syscall(SYS_fstat64, fd, large));
	EQ(large[11], 0x10);
	EQ(large[12], 1);
	OK(syscall(SYS_fstatat64, fd, "", large, AT_EMPTY_PATH));
	EQ(large[12], 1);
	ERR(syscall(SYS_fstatat64, fd, "", large, 1), EINVAL);
}

CASE(large_files_need_the_flag)
{
	char path[] = "/tmp/large.XXXXXX";
	close(mkstemp(path));
	int fd = OK(syscall(SYS_open, path, O_RDWR | 0100000));
	OK(syscall(SYS_ftruncate64, fd, 0, 1));
	OK(syscall(SYS_open, path, O_RDONLY)); /* file systems that care say EOVERFLOW */
	int large = OK(syscall(SYS_open, path, O_RDWR | 0100000));
	CHECK(fcntl(large, F_GETFL) & 0100000);
	OK(syscall(SYS_ftruncate64, fd, 0, 0));
	int small = OK(syscall(SYS_open, path, O_RDWR));
	EQ(fcntl(small, F_GETFL), O_RDWR);
	uint64_t at;
	OK(syscall(SYS__llseek, small, 0, 0x7ffffffe, &at, SEEK_SET));
	EQ(at, 0x7ffffffe);
	EQ(write(small, "abc", 3), 1);
	ERR(write(small, "abc", 3), EFBIG);
	OK(syscall(SYS__llseek, large, 1, 5, &at, SEEK_SET));
	EQ(at, 0x100000005ULL);
	EQ(write(large, "abc", 3), 3);
	ERR(syscall(SYS__llseek, large, 0, 0, 16, SEEK_SET), EFAULT);
	EQ(syscall(SYS_lseek, large, 0, SEEK_END), 8); /* the low half */
	OK(unlink(path));
}

CASE(split_offsets)
{
	char byte = 0;
	int fd = make_file("");
	OK(syscall(SYS_ftruncate64, fd, 10, 2));
	EQ(syscall(SYS_pwrite64, fd, "x", 1, 4, 1), 1);
	EQ(syscall(SYS_pread64, fd, &byte, 1, 4, 1), 1);
	EQ(byte, 'x');
	ERR(syscall(SYS_pread64, fd, &byte, 1, 4, 0x80000000), EINVAL);
	OK(syscall(SYS_fadvise64, fd, 0, 1, 4096, 4));
	OK(syscall(SYS_fadvise64_64, fd, 0, 1, 0, 1, 4));
	OK(syscall(SYS_fallocate, fd, 0, 0, 0, 4096, 0));
	OK(syscall(SYS_sync_file_range, fd, 0, 0, 4096, 0, 7));
	ERR(syscall(SYS_readahead, 1234, 0, 0, 10), EBADF);
}

CASE(statfs_and_statfs64)
{
	uint32_t small[16], large[21];
	OK(syscall(SYS_statfs, "/tmp", small));
	OK(syscall(SYS_statfs64, "/tmp", 84, large));
	EQ(small[0], large[0]);
	EQ(small[1], large[1]);
	EQ(small[2], large[2]);
	EQ(small[9], large[14]);
	EQ(small[11], large[16]);
	ERR(syscall(SYS_statfs64, "/tmp", 88, large), EINVAL);
	ERR(syscall(SYS_fstatfs64, 1234, 84, large), EBADF);
}

CASE(fcntl_and_fcntl64_lock)
{
	struct {
		int16_t type, whence;
		int64_t start, len;
		int32_t pid;
	} __attribute__((packed)) wide = {F_WRLCK, SEEK_SET, 0x100000000LL, 10, 0};
	struct {
		int16_t type, whence;
		int32_t start, len, pid;
	} narrow = {F_WRLCK, SEEK_SET, 5, 10, 0};
	int fd = make_file("");
	OK(syscall(SYS_fcntl64, fd, 13, &wide));
	OK(syscall(SYS_fcntl, fd, F_SETLK, &narrow));
	OK(syscall(SYS_fcntl, fd, 13, &wide));
	pid_t child = fork();
	if (child == 0) {
		wide.start = 0x100000002LL;
		OK(syscall(SYS_fcntl64, fd, 12, &wide));
		EQ(wide.type, F_WRLCK);
		EQ(wide.start, 0x100000000LL);
		EQ(wide.len, 10);
		EQ(wide.pid, getppid());
		narrow.len = 0;
		narrow.start = 10;
		OK(syscall(SYS_fcntl, fd, F_GETLK, &narrow));
		EQ(narrow.start, 5);
		EQ(narrow.len, 10);
		_exit(0);
	}
	EQ(exit_code(child), 0);
}

CASE(old_select_takes_its_arguments_from_memory)
{
	int pipes[2];
	OK(pipe(pipes));
	EQ(write(pipes[1], "x", 1), 1);
	uint32_t set = 1u << pipes[0], time[2] = {1, 0};
	uint32_t arguments[5] = {pipes[0] + 1, (uintptr_t)&set, 0, 0, (uintptr_t)time};
	EQ(syscall(82, arguments), 1);
	EQ(set, 1u << pipes[0]);
	EQ(syscall(SYS__newselect, pipes[0] + 1, &set, 0, 0, time), 1);
	char byte;
	EQ(read(pipes[0], &byte, 1), 1);
	time[0] = 0, time[1] = 1000;
	EQ(syscall(SYS__newselect, pipes[0] + 1, &set, 0, 0, time), 0);
	EQ(set, 0);
	EQ(time[0] + time[1], 0);
	ERR(syscall(82, 16), EFAULT);
}

CASE(ids_of_16_bits)
{
	uint16_t real, effective, saved, groups[4];
	IN_CHILD({
		uint32_t list[2] = {7, 70000};
		OK(syscall(SYS_setgroups32, 2, list));
		EQ(syscall(SYS_getgroups, 4, groups), 2);
		EQ(groups[0], 7);
		EQ(groups[1], 65534);
		groups[0] = 9;
		OK(syscall(SYS_setgroups, 1, groups));
		EQ(syscall(SYS_getgroups32, 2, list), 1);
		EQ(list[0], 9);
		OK(syscall(SYS_setresgid32, 70000, 70001, 5));
		EQ(syscall(SYS_getgid), 65534);
		EQ(syscall(SYS_getgid32), 70000);
		OK(syscall(SYS_getresgid, &real, &effective, &saved));
		EQ(real, 65534);
		EQ(saved, 5);
		OK(syscall(SYS_setreuid, 0xffff, 1000));
		EQ(syscall(SYS_getuid32), 0);
		EQ(syscall(SYS_geteuid), 1000);
		ERR(syscall(SYS_setuid, 1001), EPERM);
		ERR(syscall(SYS_setuid32, -1), EINVAL);
	});
}

CASE(chown_with_16_bits)
{
	char path[] = "/tmp/owner.XXXXXX";
	struct stat status;
	close(mkstemp(path));
	OK(syscall(SYS_chown, path, 1000, 0xffff));
	OK(stat(path, &status));
	EQ(status.st_uid, 1000);
	EQ(status.st_gid, getgid());
	OK(syscall(SYS_chown32, path, 70000, 70001));
	OK(stat(path, &status));
	EQ(status.st_uid, 70000);
	uint32_t small[16];
	OK(syscall(SYS_stat, path, small));
	EQ(small[3], 0xfffefffeu);
	OK(unlink(path));
}

CASE(limits)
{
	struct {
		uint32_t soft, hard;
	} old, new;
	struct rlimit limit = {1000, 2000};
	IN_CHILD({
		OK(setrlimit(RLIMIT_NOFILE, &limit));
		OK(syscall(SYS_ugetrlimit, RLIMIT_NOFILE, &new));
		EQ(new.soft, 1000);
		OK(syscall(SYS_ugetrlimit, RLIMIT_CPU, &new));
		EQ(new.soft, 0xffffffffu);
		OK(syscall(SYS_getrlimit, RLIMIT_CPU, &old));
		EQ(old.soft, 0x7fffffffu);
		new.soft = 5, new.hard = 1500;
		OK(syscall(SYS_setrlimit, RLIMIT_NOFILE, &new));
		OK(syscall(SYS_getrlimit, RLIMIT_NOFILE, &old));
		EQ(old.soft, 5);
		EQ(old.hard, 1500);
	});
}

CASE(old_names)
{
	char old[5 * 65], oldest[5 * 9];
	struct utsname name;
	OK(uname(&name));
	OK(syscall(SYS_olduname, old));
	OK(syscall(SYS_oldolduname, oldest));
	STR_EQ(old, name.sysname);
	STR_EQ(old + 4 * 65, name.machine);
	STR_EQ(oldest, name.sysname);
	EQ(memcmp(oldest + 18, name.release, 8), 0);
	EQ(oldest[26], 0);
	ERR(syscall(SYS_olduname, 0), EFAULT);
}

CASE(waiting_and_nice)
{
	int status = 0;
	pid_t child = fork();
	if (child == 0)
		_exit(7);
	EQ(syscall(SYS_waitpid, child, &status, 0), child);
	EQ(WEXITSTATUS(status), 7);
	ERR(syscall(SYS_waitpid, -1, &status, 0), ECHILD);
	OK(syscall(SYS_nice, 3));
	EQ(getpriority(PRIO_PROCESS, 0), 3);
	OK(syscall(SYS_nice, 100));
	EQ(getpriority(PRIO_PROCESS, 0), 19);
}

CASE(waitid_information)
{
	siginfo_t info;
	memset(&info, 0x55, sizeof info);
	pid_t child = fork();
	if (child == 0)
		_exit(9);
	OK(waitid(P_PID, child, &info, WEXITED));
	EQ(info.si_pid, child);
	EQ(info.si_status, 9);
	EQ(info.si_code, CLD_EXITED);
	EQ(info.si_uid, getuid());
}

CASE(directories_in_the_old_form)
{
	char buffer[1024];
	enter_scratch();
	close(OK(open("file", O_CREAT | O_WRONLY, 0600)));
	int fd = OK(open(".", O_RDONLY));
	int length = OK(syscall(SYS_getdents, fd, buffer, sizeof buffer)), found = 0;
	for (int at = 0; at < length;) {
		uint16_t record = *(uint16_t *)(buffer + at + 8);
		EQ(record % 4, 0);
		if (strcmp(buffer + at + 10, "file") == 0) {
			found = 1;
			EQ(record, 16);
			EQ(buffer[at + record - 1], 8);
		}
		at += record;
	}
	EQ(found, 1);
}

CASE(directories_entry_by_entry)
{
	struct {
		uint32_t number, offset;
		uint16_t length;
		char name[262];
	} entry;
	enter_scratch();
	close(OK(open("file", O_CREAT | O_WRONLY, 0600)));
	int fd = OK(open(".", O_RDONLY)), found = 0;
	for (int i = 0; i < 3; i++) {
		memset(&entry, 0x55, sizeof entry);
		EQ(syscall(SYS_readdir, fd, &entry, 1), 1);
		EQ(entry.length, strlen(entry.name));
		CHECK(entry.number != 0);
		if (i < 2)
			EQ(entry.offset, i);
		found += strcmp(entry.name, "file") == 0;
	}
	EQ(found, 1);
	EQ(syscall(SYS_readdir, fd, &entry, 1), 0);
	OK(lseek(fd, 0, SEEK_SET));
	ERR(syscall(SYS_readdir, fd, 16, 1), EFAULT);
	EQ(syscall(SYS_readdir, fd, &entry, 99), 1);
	STR_EQ(entry.name, ".");
	ERR(syscall(SYS_readdir, 1234, &entry, 1), EBADF);
	fd = OK(open("file", O_RDONLY));
	ERR(syscall(SYS_readdir, fd, &entry, 1), ENOTDIR);
}

CASE(socketcall_looks_at_its_number_and_arguments)
{
	uint32_t arguments[6] = {0};
	ERR(syscall(SYS_socketcall, 0, arguments), EINVAL);
	ERR(syscall(SYS_socketcall, 21, arguments), EINVAL);
	ERR(syscall(SYS_socketcall, -1, arguments), EINVAL);
	for (int call = 1; call <= 20; call++)
		ERR(syscall(SYS_socketcall, call, 16), EFAULT);
}

CASE(stime_does_not_say_whether_it_could)
{
	static const int32_t times[] = {-1, 0, INT32_MIN};
	for (unsigned i = 0; i < sizeof times / sizeof *times; i++) {
		time_t before = time(0);
		EQ(syscall(SYS_stime, &times[i]), 0);
		CHECK(time(0) - before >= 0 && time(0) - before <= 1);
	}
	ERR(syscall(SYS_stime, 16), EFAULT);
	OK(setresuid(1000, 1000, 1000));
	ERR(syscall(SYS_stime, &times[0]), EPERM);
	ERR(syscall(SYS_stime, 16), EFAULT);
}

CASE(ipc_looks_at_its_number_and_arguments)
{
	uint32_t pair[2] = {0};
	static const int none[] = {0, 5, 10, 15, 20, 25, 0xffff, -1};
	for (unsigned i = 0; i < sizeof none / sizeof *none; i++)
		ERR(syscall(SYS_ipc, none[i], 0, 0, 0, pair, 0), ENOSYS);
	/* semctl's last argument is behind the pointer. */
	ERR(syscall(SYS_ipc, 3, 0, 0, 0, 0, 0), EINVAL);
	ERR(syscall(SYS_ipc, 3, 0, 0, 0, 16, 0), EFAULT);
	/* msgrcv's first two are positive, the message and its kind in the old form behind the pointer. */
	ERR(syscall(SYS_ipc, 12, -1, 0, 0, 16, 0), EINVAL);
	ERR(syscall(SYS_ipc, 12, 0, -1, 0, 16, 0), EINVAL);
	ERR(syscall(SYS_ipc, 12, 0, 0, 0, 0, 0), EINVAL);
	ERR(syscall(SYS_ipc, 12, 0, 0, 0, 16, 0), EFAULT);
	ERR(syscall(SYS_ipc, 0x1000c, 0, -1, 0, 16, 0), EINVAL);
	/* Version 1 of shmat was another system's. */
	ERR(syscall(SYS_ipc, 0x10015, 0, 0, 0, 0, 0), EINVAL);
}

struct user_desc_ {
	uint32_t entry, base, limit, flags;
};

static uint32_t word_at_fs(void)
{
	uint32_t value;
	__asm__ volatile("mov %%fs:0, %0" : "=r"(value));
	return value;
}

CASE(thread_local_segments)
{
	static uint32_t words[2] = {0x12345678, 0x9abcdef0};
	struct user_desc_ wanted = {-1, (uintptr_t)words, 0xfffff, 0x51}, got;
	OK(syscall(SYS_set_thread_area, &wanted));
	CHECK(wanted.entry == 13);
	uint16_t selector = wanted.entry * 8 + 3;
	__asm__ volatile("mov %0, %%fs" ::"r"(selector));
	EQ(word_at_fs(), 0x12345678);
	got.entry = wanted.entry;
	OK(syscall(SYS_get_thread_area, &got));
	EQ(got.base, (uintptr_t)words);
	EQ(got.limit, 0xfffff);
	EQ(got.flags, 0x51);
	/* It follows the thread over switches, and to its child. */
	sleep_ms(5);
	EQ(word_at_fs(), 0x12345678);
	pid_t child = fork();
	if (child == 0) {
		EQ(word_at_fs(), 0x12345678);
		_exit(0);
	}
	EQ(exit_code(child), 0);
	/* Changing it is seen at once. */
	wanted.base += 4;
	OK(syscall(SYS_set_thread_area, &wanted));
	EQ(word_at_fs(), 0x9abcdef0u);
	wanted.entry = -1;
	OK(syscall(SYS_set_thread_area, &wanted));
	EQ(wanted.entry, 14);
	wanted.entry = -1;
	ERR(syscall(SYS_set_thread_area, &wanted), ESRCH);
	wanted.entry = 11;
	ERR(syscall(SYS_set_thread_area, &wanted), EINVAL);
	wanted.entry = 13;
	wanted.flags = 0x50;
	ERR(syscall(SYS_set_thread_area, &wanted), EINVAL);
	wanted.flags = 0x55;
	ERR(syscall(SYS_set_thread_area, &wanted), EINVAL);
	ERR(syscall(SYS_set_thread_area, 16), EFAULT);
	got.entry = 99;
	ERR(syscall(SYS_get_thread_area, &got), EINVAL);
	/* An empty one: its selector cannot be used any more. */
	struct user_desc_ empty = {13, 0, 0, 0x28};
	OK(syscall(SYS_set_thread_area, &empty));
	DIES(SIGSEGV, __asm__ volatile("mov %0, %%fs" ::"r"(selector)); word_at_fs());
}

CASE(time_with_32_and_64_bits)
{
	int32_t narrow[2];
	int64_t wide[2];
	OK(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, narrow));
	OK(syscall(403, CLOCK_MONOTONIC, wide));
	CHECK(wide[0] - narrow[0] >= 0 && wide[0] - narrow[0] < 5);
	narrow[0] = 0, narrow[1] = 1000;
	OK(syscall(SYS_nanosleep, narrow, 0));
	narrow[1] = 1000000000;
	ERR(syscall(SYS_nanosleep, narrow, 0), EINVAL);
	wide[0] = 0, wide[1] = 1000;
	OK(syscall(407, CLOCK_MONOTONIC, 0, wide, 0));
	int fd = make_file("");
	int32_t times[4] = {1, 2, 3, 4};
	OK(syscall(SYS_utimensat, fd, 0, times, 0));
	struct stat status;
	OK(fstat(fd, &status));
	EQ(status.st_atim.tv_nsec, 2);
	EQ(status.st_mtime, 3);
}
#endif
