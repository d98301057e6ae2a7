/* /proc itself: the files that programs read about the system, and the folder's own rules. */
#include "../check.h"
#include <dirent.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static char text[65536];

static long long value_of(const char *name)
{
	char *line = strstr(text, name);
	if (!line || (line != text && line[-1] != '\n'))
		FAIL("no line %s", name);
	return strtoll(line + strlen(name), 0, 10);
}

CASE(meminfo)
{
	const char *names[] = {"MemTotal:", "MemFree:", "MemAvailable:", "Buffers:", "Cached:", "SwapCached:", "Active:", "Inactive:",
			       "SwapTotal:", "SwapFree:", "Dirty:", "AnonPages:", "Mapped:", "Shmem:", "Slab:", "PageTables:", "CommitLimit:", "Committed_AS:"};
	struct sysinfo info;
	CHECK(read_file("/proc/meminfo", text, sizeof text) > 0);
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		CHECK(value_of(names[i]) >= 0);
	CHECK(value_of("MemFree:") <= value_of("MemTotal:"));
	CHECK(value_of("MemAvailable:") <= value_of("MemTotal:"));
	OK(sysinfo(&info));
	EQ(value_of("MemTotal:"), (long long)info.totalram * info.mem_unit / 1024);
}

CASE(meminfo_shows_what_is_used)
{
	CHECK(read_file("/proc/meminfo", text, sizeof text) > 0);
	long long before = value_of("MemFree:");
	char *p = mmap(0, 32 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, 32 << 20);
	CHECK(read_file("/proc/meminfo", text, sizeof text) > 0);
	long long used = before - value_of("MemFree:");
	NOTE("%lld kB", used);
	CHECK(used > 28 << 10 && used < 48 << 10);
	OK(munmap(p, 32 << 20));
}

CASE(uptime_and_loadavg)
{
	double up, idle, one, five, fifteen;
	int running, total, last;
	CHECK(read_file("/proc/uptime", text, sizeof text) > 0);
	EQ(sscanf(text, "%lf %lf", &up, &idle), 2);
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	CHECK(up <= t.tv_sec + 1 && up + 1 >= t.tv_sec);
	CHECK(read_file("/proc/loadavg", text, sizeof text) > 0);
	EQ(sscanf(text, "%lf %lf %lf %d/%d %d", &one, &five, &fifteen, &running, &total, &last), 6);
	CHECK(running >= 1 && total >= 3 && last >= getpid());
}

CASE(stat_lines)
{
	CHECK(read_file("/proc/stat", text, sizeof text) > 0);
	long long numbers[10];
	EQ(sscanf(text, "cpu %lld %lld %lld %lld %lld %lld %lld %lld %lld %lld", numbers, numbers + 1, numbers + 2, numbers + 3, numbers + 4,
		  numbers + 5, numbers + 6, numbers + 7, numbers + 8, numbers + 9), 10);
	CHECK(strstr(text, "\ncpu0 "));
	CHECK(strstr(text, "\nintr "));
	CHECK(value_of("ctxt ") > 0);
	CHECK(value_of("btime ") > 1700000000);
	CHECK(value_of("processes ") > 2);
	CHECK(value_of("procs_running ") >= 1);
	CHECK(value_of("procs_blocked ") >= 0);
	int processors = 0;
	for (char *p = text; (p = strstr(p, "\ncpu")); p++)
		processors++;
	EQ(processors, sysconf(_SC_NPROCESSORS_ONLN));
}

CASE(cpuinfo_has_a_paragraph_per_processor)
{
	CHECK(read_file("/proc/cpuinfo", text, sizeof text) > 0);
	int processors = 0;
	for (char *p = text; (p = strstr(p, "processor\t:")); p++)
		processors++;
	EQ(processors, sysconf(_SC_NPROCESSORS_ONLN));
	const char *names[] = {"vendor_id\t:", "cpu family\t:", "model\t\t:", "model name\t:", "stepping\t:", "cpu MHz\t\t:", "cache size\t:", "flags\t\t:", "bogomips\t:", "address sizes\t:"};
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		OUT("%s %s", strtok(strdup(names[i]), "\t:"), strstr(text, names[i]) ? "there" : "missing");
	CHECK(strstr(text, " sse2 "));
	CHECK(strstr(text, " nx "));
}

CASE(version_and_names)
{
	struct utsname name;
	char want[200];
	OK(uname(&name));
	CHECK(read_file("/proc/version", text, sizeof text) > 0);
	snprintf(want, sizeof want, "Linux version %s ", name.release);
	CHECK(strncmp(text, want, strlen(want)) == 0);
	CHECK(read_file("/proc/sys/kernel/osrelease", text, sizeof text) > 0);
	STR_EQ(strtok(text, "\n"), name.release);
	CHECK(read_file("/proc/sys/kernel/hostname", text, sizeof text) > 0);
	STR_EQ(strtok(text, "\n"), name.nodename);
	CHECK(read_file("/proc/sys/kernel/ostype", text, sizeof text) > 0);
	OUT("ostype %s", strtok(text, "\n"));
}

CASE(filesystems_and_mounts)
{
	CHECK(read_file("/proc/filesystems", text, sizeof text) > 0);
	const char *names[] = {"nodev\tproc\n", "nodev\ttmpfs\n", "nodev\tdevtmpfs\n", "nodev\tdevpts\n"};
	for (unsigned i = 0; i < 4; i++)
		CHECK(strstr(text, names[i]));
	CHECK(read_file("/proc/mounts", text, sizeof text) > 0);
	CHECK(strstr(text, " /proc proc rw"));
	CHECK(strstr(text, " /tmp tmpfs rw"));
	CHECK(strstr(text, " /dev devtmpfs rw"));
	CHECK(strstr(text, " /dev/pts devpts rw"));
	CHECK(read_file("/proc/self/mountinfo", text, sizeof text) > 0);
	CHECK(strstr(text, " / /proc "));
	CHECK(strstr(text, " - proc "));
	char link[64] = "";
	OK(readlink("/proc/mounts", link, sizeof link - 1));
	STR_EQ(link, "self/mounts");
}

CASE(sys_values_that_programs_read)
{
	const char *paths[] = {"/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max", "/proc/sys/kernel/ngroups_max", "/proc/sys/kernel/cap_last_cap",
			       "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/max_map_count", "/proc/sys/fs/file-max", "/proc/sys/fs/nr_open",
			       "/proc/sys/fs/pipe-max-size", "/proc/sys/kernel/random/entropy_avail", "/proc/sys/kernel/yama/ptrace_scope"};
	for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
		ssize_t n = read_file(paths[i], text, sizeof text);
		if (n < 0)
			OUT("%s %s", paths[i], errno_name(errno));
		else if (strstr(paths[i], "threads-max") || strstr(paths[i], "entropy") || strstr(paths[i], "file-max") || strstr(paths[i], "pid_max"))
			CHECK(atoll(text) > 100);
		else
			OUT("%s %s", paths[i], strtok(text, "\n"));
	}
}

static int write_threads_max(const char *value)
{
	int fd = open("/proc/sys/kernel/threads-max", O_WRONLY), status = 0;
	CHECK(fd >= 0);
	if (write(fd, value, strlen(value)) < 0)
		status = errno;
	close(fd);
	return status;
}

CASE(threads_max_bounds_what_is_made)
{
	char before[32];
	CHECK(read_file("/proc/sys/kernel/threads-max", before, sizeof before) > 0);
	EQ(write_threads_max("0\n"), EINVAL);
	EQ(write_threads_max("1073741824\n"), EINVAL);
	EQ(write_threads_max("-1\n"), EINVAL);
	EQ(write_threads_max("1\n"), 0);
	CHECK(read_file("/proc/sys/kernel/threads-max", text, sizeof text) > 0);
	STR_EQ(text, "1\n");
	ERR(fork(), EAGAIN);
	EQ(write_threads_max(before), 0);
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	OK(waitpid(child, 0, 0));
}

CASE(boot_id_and_uuid)
{
	char first[64], second[64];
	CHECK(read_file("/proc/sys/kernel/random/boot_id", first, sizeof first) == 37);
	CHECK(read_file("/proc/sys/kernel/random/boot_id", second, sizeof second) == 37);
	STR_EQ(first, second);
	CHECK(read_file("/proc/sys/kernel/random/uuid", first, sizeof first) == 37);
	CHECK(read_file("/proc/sys/kernel/random/uuid", second, sizeof second) == 37);
	CHECK(strcmp(first, second) != 0);
}

CASE(folder_lists_every_process)
{
	pid_t child = OK(fork());
	if (child == 0)
		for (;;)
			pause();
	int me = 0, it = 0, init = 0;
	DIR *folder = opendir("/proc");
	CHECK(folder != 0);
	for (struct dirent *entry; (entry = readdir(folder));) {
		me += atoi(entry->d_name) == getpid();
		it += atoi(entry->d_name) == child;
		init += atoi(entry->d_name) == 1;
	}
	EQ(me * 100 + it * 10 + init, 111);
	OK(kill(child, SIGKILL));
	wait_status(child);
}

CASE(process_1_and_2)
{
	CHECK(read_file("/proc/1/stat", text, sizeof text) > 0);
	CHECK(strncmp(text, "1 (", 3) == 0);
	CHECK(strstr(text, ") S 0 1 1 ") || strstr(text, ") S 0 0 0 ") || strstr(text, ") R 0 "));
	CHECK(read_file("/proc/2/comm", text, sizeof text) > 0);
	OUT("process 2 is %s", strtok(text, "\n"));
	CHECK(read_file("/proc/2/cmdline", text, sizeof text) == 0);
	CHECK(read_file("/proc/2/stat", text, sizeof text) > 0);
	CHECK(strstr(text, " 0 0 0 0 -1 "));
}

CASE(nothing_can_be_made_there)
{
	ERR(mkdir("/proc/x", 0700), ENOENT);
	ERR(open("/proc/x", O_CREAT | O_RDWR, 0600), ENOENT);
	ERR(unlink("/proc/uptime"), EPERM);
	ERR(rmdir("/proc/self/task"), EPERM);
	errno = 0;
	int fd = open("/proc/uptime", O_WRONLY);
	NOTE("open for writing: %d %s", fd, errno_name(errno));
}

CASE(reading_in_small_pieces_gives_the_same)
{
	char whole[4096], pieces[4096];
	ssize_t n = read_file("/proc/cpuinfo", whole, sizeof whole);
	CHECK(n > 0);
	int fd = OK(open("/proc/cpuinfo", O_RDONLY));
	ssize_t done = 0;
	while (done < n) {
		ssize_t got = read(fd, pieces + done, n - done < 7 ? n - done : 7);
		if (got <= 0)
			break;
		done += got;
	}
	EQ(done, n);
	/* The clock rate may change between two readings. */
	EQ(memcmp(whole, pieces, 60), 0);
	EQ(pread(fd, pieces, 10, 5), 10);
	EQ(memcmp(whole + 5, pieces, 10), 0);
	EQ(lseek(fd, 0, SEEK_SET), 0);
	EQ(read(fd, pieces, 10), 10);
	EQ(memcmp(whole, pieces, 10), 0);
}

CASE(processes_come_and_go_while_listing)
{
	pid_t maker = OK(fork());
	if (maker == 0)
		for (;;) {
			pid_t child = fork();
			if (child == 0)
				_exit(0);
			waitpid(child, 0, 0);
		}
	for (int i = 0; i < 30; i++) {
		DIR *folder = opendir("/proc");
		for (struct dirent *entry; (entry = readdir(folder));)
			if (atoi(entry->d_name) > 0)
				state_of(atoi(entry->d_name));
		closedir(folder);
	}
	OK(kill(maker, SIGKILL));
	wait_status(maker);
}
