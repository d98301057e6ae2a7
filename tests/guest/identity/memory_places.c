/* PR_SET_MM: what a program says of its own places, and where others read it. */
#include "../check.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

struct map {
	uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack, arg_start, arg_end, env_start, env_end, auxv;
	uint32_t auxv_size, exe_fd;
};
static long set(long which, unsigned long address, unsigned long size, unsigned long rest)
{
	return prctl(PR_SET_MM, which, address, size, rest);
}
static char *page(void)
{
	char *made = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(made != MAP_FAILED);
	return made;
}
static struct map current(void)
{
	const pid_t own = getpid();
	struct map map = {stat_field(own, 26), stat_field(own, 27), stat_field(own, 45), stat_field(own, 46),
			  stat_field(own, 47), (uintptr_t)sbrk(0),  stat_field(own, 28), stat_field(own, 48),
			  stat_field(own, 49), stat_field(own, 50), stat_field(own, 51), 0,
			  0,		       -1};
	return map;
}

CASE(refusals)
{
	unsigned long here = (uintptr_t)page();
	for (long which = 0; which <= 17; which++) {
		long result = set(which, 0, 0, 1);
		OUT("%ld with a fifth: %ld %s", which, result, errno_name(errno));
		result = set(which, 16, 1, 0);
		OUT("%ld with a size: %ld %s", which, result, errno_name(errno));
		result = set(which, 16, 0, 0);
		OUT("%ld low: %ld %s", which, result, errno_name(errno));
		result = set(which, -4096, 0, 0);
		OUT("%ld high: %ld %s", which, result, errno_name(errno));
	}
	ERR(set(PR_SET_MM_AUXV, here, 385, 0), EINVAL);
	ERR(set(PR_SET_MM_AUXV, 0, 16, 0), EFAULT);
	ERR(set(PR_SET_MM_MAP, here, 103, 0), EINVAL);
	ERR(set(PR_SET_MM_EXE_FILE, 1234, 0, 0), EBADF);
	OK(setresuid(1000, 1000, 1000));
	for (long which = 0; which <= 17; which++) {
		long result = set(which, which == PR_SET_MM_MAP_SIZE ? here : 16, 0, 0);
		OUT("%ld of a user: %ld %s", which, result, errno_name(result < 0 ? errno : 0));
	}
}

CASE(one_place_after_another)
{
	static const struct {
		long which;
		int field;
	} places[] = {{PR_SET_MM_START_CODE, 26}, {PR_SET_MM_START_STACK, 28}, {PR_SET_MM_START_DATA, 45}, {PR_SET_MM_ARG_START, 48},
		      {PR_SET_MM_ENV_START, 50}, {PR_SET_MM_ARG_END, 49}, {PR_SET_MM_ENV_END, 51}, {PR_SET_MM_END_CODE, 27},
		      {PR_SET_MM_END_DATA, 46}};
	for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
		unsigned long long was = (unsigned long long)stat_field(getpid(), places[i].field);
		int is_start = i < 5;
		OK(set(places[i].which, was + (is_start ? -1 : 1), 0, 0));
		EQ((unsigned long long)stat_field(getpid(), places[i].field), was + (is_start ? -1 : 1));
		OK(set(places[i].which, was, 0, 0));
	}
	/* Ends before starts. */
	struct map map = current();
	ERR(set(PR_SET_MM_START_CODE, map.end_code, 0, 0), EINVAL);
	ERR(set(PR_SET_MM_END_CODE, map.start_code, 0, 0), EINVAL);
	ERR(set(PR_SET_MM_START_DATA, map.end_data + 1, 0, 0), EINVAL);
	OK(set(PR_SET_MM_START_DATA, map.end_data, 0, 0));
	ERR(set(PR_SET_MM_ARG_END, map.arg_start - 1, 0, 0), EINVAL);
	ERR(set(PR_SET_MM_ENV_START, map.env_end + 1, 0, 0), EINVAL);
	ERR(set(PR_SET_MM_BRK, map.start_brk - 1, 0, 0), EINVAL);
	ERR(set(PR_SET_MM_START_BRK, map.brk + 1, 0, 0), EINVAL);
}

CASE(heap)
{
	struct map map = current();
	OK(set(PR_SET_MM_BRK, map.brk + 4096, 0, 0));
	EQ(syscall(SYS_brk, 0), map.brk + 4096);
	struct rlimit limit = {4096, 4096};
	OK(setrlimit(RLIMIT_DATA, &limit));
	ERR(set(PR_SET_MM_BRK, map.brk + 65536, 0, 0), EINVAL);
}

CASE(arguments_are_elsewhere)
{
	char *text = page(), got[64];
	memcpy(text, "other\0words", 12);
	struct map map = current();
	map.arg_start = (uintptr_t)text;
	map.arg_end = (uintptr_t)text + 12;
	OK(set(PR_SET_MM_MAP, (uintptr_t)&map, sizeof map, 0));
	EQ(read_file("/proc/self/cmdline", got, sizeof got), 12);
	CHECK(memcmp(got, "other\0words", 12) == 0);
	map.arg_end = map.arg_start - 1;
	ERR(set(PR_SET_MM_MAP, (uintptr_t)&map, sizeof map, 0), EINVAL);
	/* A user may say it too, but not what is run. */
	map.arg_end = map.arg_start + 6;
	OK(setresuid(1000, 1000, 1000));
	OK(set(PR_SET_MM_MAP, (uintptr_t)&map, sizeof map, 0));
	map.exe_fd = 1234;
	ERR(set(PR_SET_MM_MAP, (uintptr_t)&map, sizeof map, 0), EPERM);
	ERR(set(PR_SET_MM_MAP, 16, sizeof map, 0), EFAULT);
	unsigned size = 0;
	OK(set(PR_SET_MM_MAP_SIZE, (uintptr_t)&size, 0, 0));
	EQ(size, sizeof map);
	ERR(set(PR_SET_MM_MAP_SIZE, 16, 0, 0), EFAULT);
}

CASE(auxiliary_vector)
{
	unsigned long *vector = (void *)page(), got[128], own = 0;
	ssize_t length = read_file("/proc/self/auxv", (char *)got, sizeof got);
	CHECK(length > 0 && length % 16 == 0 && got[length / sizeof *got - 2] == 0);
	for (size_t i = 0; i < length / sizeof *got; i += 2)
		if (got[i] == AT_PHDR)
			own = got[i + 1];
	EQ(own, getauxval(AT_PHDR));
	vector[0] = AT_PAGESZ;
	vector[1] = 12345;
	vector[2] = AT_UID;
	vector[3] = 77;
	OK(set(PR_SET_MM_AUXV, (uintptr_t)vector, 4 * sizeof *vector, 0));
	CHECK(read_file("/proc/self/auxv", (char *)got, sizeof got) >= (ssize_t)(6 * sizeof *vector));
	CHECK(memcmp(got, vector, 6 * sizeof *vector) == 0);
	struct map map = current();
	vector[1] = 4096;
	map.auxv = (uintptr_t)vector;
	map.auxv_size = 2 * sizeof *vector;
	vector[2] = vector[3] = 0;
	OK(set(PR_SET_MM_MAP, (uintptr_t)&map, sizeof map, 0));
	CHECK(read_file("/proc/self/auxv", (char *)got, sizeof got) >= (ssize_t)(4 * sizeof *vector));
	CHECK(memcmp(got, vector, 4 * sizeof *vector) == 0);
	map.auxv = 16;
	ERR(set(PR_SET_MM_MAP, (uintptr_t)&map, sizeof map, 0), EFAULT);
	map.auxv = 0;
	ERR(set(PR_SET_MM_MAP, (uintptr_t)&map, sizeof map, 0), EINVAL);
	map.auxv = (uintptr_t)vector;
	map.auxv_size = 385;
	ERR(set(PR_SET_MM_MAP, (uintptr_t)&map, sizeof map, 0), EINVAL);
	ERR(set(PR_SET_MM_AUXV, 16, 16, 0), EFAULT);
}

CASE(what_is_run)
{
	enter_scratch();
	int plain = OK(open("plain", O_CREAT | O_RDWR, 0644));
	ERR(set(PR_SET_MM_EXE_FILE, plain, 0, 0), EACCES);
	ERR(set(PR_SET_MM_EXE_FILE, OK(open(".", O_RDONLY)), 0, 0), EACCES);
	ERR(set(PR_SET_MM_EXE_FILE, OK(open("/dev/null", O_RDONLY)), 0, 0), EACCES);
	int program = OK(open("program", O_CREAT | O_RDWR, 0755));
	/* The old one is still mapped. */
	ERR(set(PR_SET_MM_EXE_FILE, program, 0, 0), EBUSY);
}
