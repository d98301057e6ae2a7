/* /proc/PID: what ps, top, bash, Python and glibc read of a process. */
#include "../check.h"
#include <dirent.h>
#include <sys/prctl.h>

static char text[65536], path[256];

/* The value of a line `NAME:\tVALUE` of /proc/PID/status, NULL when there is none. */
static const char *status_field(pid_t pid, const char *name)
{
	static char value[256];
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	CHECK(read_file(path, text, sizeof text) > 0);
	size_t length = strlen(name);
	for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : 0)
		if (strncmp(line, name, length) == 0 && line[length] == ':') {
			line += length + 1 + strspn(line + length + 1, " \t");
			snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\n"), line);
			return value;
		}
	return 0;
}

CASE(stat_has_52_fields)
{
	CHECK(read_file("/proc/self/stat", text, sizeof text) > 0);
	int fields = 2;
	for (char *p = strrchr(text, ')') + 1; *p; p++)
		fields += *p == ' ';
	OUT("%d fields", fields);
	CHECK(text[strlen(text) - 1] == '\n');
}

CASE(stat_identifies_the_process)
{
	pid_t child = sleeping_child();
	EQ(stat_field(child, 1), child);
	EQ(stat_field(child, 4), getpid());
	EQ(stat_field(child, 5), getpgrp());
	EQ(stat_field(child, 6), getsid(0));
	EQ(stat_field(child, 7), 0);
	EQ(stat_field(child, 8), -1);
	EQ(stat_field(child, 18), 20);
	EQ(stat_field(child, 19), 0);
	EQ(stat_field(child, 20), 1);
	CHECK(stat_field(child, 22) > 0);
	CHECK(stat_field(child, 23) > 100000);
	CHECK(stat_field(child, 24) > 0);
	EQ(stat_field(child, 38), SIGCHLD);
	end_child(child);
}

CASE(stat_shows_the_name_in_parentheses)
{
	OK(prctl(PR_SET_NAME, "odd) (name"));
	CHECK(read_file("/proc/self/stat", text, sizeof text) > 0);
	CHECK(strstr(text, " (odd) (name) R "));
}

CASE(stat_counts_processor_time)
{
	long long end_time = now_ns() + 200000000;
	while (now_ns() < end_time)
		getppid();
	CHECK(stat_field(getpid(), 14) + stat_field(getpid(), 15) >= 5);
}

CASE(states)
{
	int ends[2];
	OK(pipe(ends));
	EQ(state_of(getpid()), 'R');
	pid_t child = sleeping_child();
	WAIT_STATE(child, 'S');
	OK(kill(child, SIGSTOP));
	WAIT_STATE(child, 'T');
	OK(kill(child, SIGCONT));
	WAIT_STATE(child, 'S');
	OK(kill(child, SIGKILL));
	WAIT_STATE(child, 'Z');
	EQ(stat_field(child, 23), 0);
	CHECK(status_field(child, "State"));
	STR_EQ(status_field(child, "State"), "Z (zombie)");
	CHECK(status_field(child, "VmSize") == 0);
	wait_status(child);
	EQ(state_of(child), 0);
}

CASE(status_fields)
{
	const char *names[] = {"Name", "Umask", "State", "Tgid", "Ngid", "Pid", "PPid", "TracerPid", "Uid", "Gid", "FDSize", "Groups",
			       "NStgid", "NSpid", "NSpgid", "NSsid", "VmPeak", "VmSize", "VmLck", "VmPin", "VmHWM", "VmRSS", "RssAnon", "RssFile",
			       "RssShmem", "VmData", "VmStk", "VmExe", "VmLib", "VmPTE", "VmSwap", "Threads", "SigQ", "SigPnd",
			       "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
			       "NoNewPrivs", "Seccomp", "Cpus_allowed", "Cpus_allowed_list", "Mems_allowed_list",
			       "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"};
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		OUT("%s %s", names[i], status_field(getpid(), names[i]) ? "there" : "missing");
}

CASE(status_values)
{
	sigset_t set;
	umask(027);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	raise(SIGUSR1);
	signal(SIGUSR2, SIG_IGN);
	CATCH(SIGHUP, 0);
	pid_t me = getpid();
	OUT("Umask %s", status_field(me, "Umask"));
	OUT("State %s", status_field(me, "State"));
	OUT("Uid %s", status_field(me, "Uid"));
	OUT("Threads %s", status_field(me, "Threads"));
	OUT("SigPnd %s", status_field(me, "SigPnd"));
	OUT("ShdPnd %s", status_field(me, "ShdPnd"));
	OUT("SigBlk %s", status_field(me, "SigBlk"));
	OUT("SigIgn %s", status_field(me, "SigIgn"));
	OUT("SigCgt %s", status_field(me, "SigCgt"));
	OUT("CapEff %s", status_field(me, "CapEff"));
	OUT("CapBnd %s", status_field(me, "CapBnd"));
	OUT("TracerPid %s", status_field(me, "TracerPid"));
	OUT("Seccomp %s", status_field(me, "Seccomp"));
	EQ(atoi(status_field(me, "Pid")), me);
	EQ(atoi(status_field(me, "PPid")), getppid());
	EQ(atoi(status_field(me, "Tgid")), me);
}

CASE(command_line_and_environment)
{
	pid_t child = OK(fork());
	if (child == 0) {
		char *arguments[] = {"one", "--sleep", "", "four", 0}, *environment[] = {"A=b", "C=", 0};
		execve("/proc/self/exe", arguments, environment);
		_exit(126);
	}
	snprintf(path, sizeof path, "/proc/%d/cmdline", child);
	ssize_t n = 0;
	for (int i = 0; i < 400; i++) {
		n = read_file(path, text, sizeof text);
		if (n > 3 && strcmp(text, "one") == 0)
			break;
		sleep_ms(5);
	}
	EQ(n, 4 + 8 + 1 + 5);
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == 0)
			text[i] = '|';
	OUT("cmdline %s", text);
	snprintf(path, sizeof path, "/proc/%d/environ", child);
	n = read_file(path, text, sizeof text);
	EQ(n, 4 + 3);
	snprintf(path, sizeof path, "/proc/%d/comm", child);
	CHECK(read_file(path, text, sizeof text) > 0);
	OUT("comm %s", strtok(text, "\n"));
	end_child(child);
}

__attribute__((constructor)) static void sleep_when_asked(int count, char **arguments)
{
	if (count == 4 && strcmp(arguments[1], "--sleep") == 0)
		for (;;)
			pause();
}

CASE(comm_can_be_written)
{
	int fd = OK(open("/proc/self/comm", O_RDWR));
	EQ(write(fd, "new name", 8), 8);
	char name[17] = "";
	OK(prctl(PR_GET_NAME, name));
	STR_EQ(name, "new name");
}

CASE(zombie_has_an_empty_command_line)
{
	pid_t child = OK(fork());
	if (child == 0)
		_exit(0);
	WAIT_STATE(child, 'Z');
	snprintf(path, sizeof path, "/proc/%d/cmdline", child);
	EQ(read_file(path, text, sizeof text), 0);
	snprintf(path, sizeof path, "/proc/%d/exe", child);
	ERR(readlink(path, text, sizeof text), ENOENT);
	wait_status(child);
}

CASE(links)
{
	char link[256];
	enter_scratch();
	ssize_t n = OK(readlink("/proc/self/cwd", link, sizeof link - 1));
	link[n] = 0;
	CHECK(strncmp(link, "/tmp/case.", 10) == 0);
	n = OK(readlink("/proc/self/root", link, sizeof link - 1));
	link[n] = 0;
	STR_EQ(link, "/");
	n = OK(readlink("/proc/self/exe", link, sizeof link - 1));
	link[n] = 0;
	CHECK(strncmp(strrchr(link, '/'), "/process", 8) == 0);
	n = OK(readlink("/proc/self", link, sizeof link - 1));
	link[n] = 0;
	EQ(atoi(link), getpid());
	n = OK(readlink("/proc/thread-self", link, sizeof link - 1));
	link[n] = 0;
	char want[64];
	snprintf(want, sizeof want, "%d/task/%d", getpid(), getpid());
	STR_EQ(link, want);
}

CASE(removed_program_and_folder_are_marked)
{
	char link[256];
	enter_scratch();
	OK(mkdir("d", 0700));
	OK(chdir("d"));
	OK(rmdir("../d"));
	ssize_t n = OK(readlink("/proc/self/cwd", link, sizeof link - 1));
	link[n] = 0;
	CHECK(strstr(link, "/d (deleted)"));
}

CASE(descriptors)
{
	int ends[2];
	char link[256];
	enter_scratch();
	int file = OK(open("f", O_CREAT | O_RDWR | O_APPEND, 0600));
	OK(pipe(ends));
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	ssize_t n = OK(readlink(path, link, sizeof link - 1));
	link[n] = 0;
	CHECK(strcmp(strrchr(link, '/'), "/f") == 0);
	OK(unlink("f"));
	n = OK(readlink(path, link, sizeof link - 1));
	link[n] = 0;
	CHECK(strstr(link, "/f (deleted)"));
	snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
	n = OK(readlink(path, link, sizeof link - 1));
	link[n] = 0;
	CHECK(strncmp(link, "pipe:[", 6) == 0);
	EQ(write(ends[1], "x", 1), 1);
	int again = OK(open(path, O_RDONLY));
	EQ(read(again, link, 1), 1);
	EQ(write(file, "12345", 5), 5);
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", file);
	CHECK(read_file(path, text, sizeof text) > 0);
	OUT("%s", strtok(text, "\n"));
	OUT("%s", strtok(0, "\n"));
	struct stat status;
	snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
	OK(lstat(path, &status));
	OUT("mode of a read end's link %o", status.st_mode);
	ERR(open("/proc/self/fd/999", O_RDONLY), ENOENT);
	int count = 0;
	DIR *folder = opendir("/proc/self/fd");
	while (readdir(folder))
		count++;
	NOTE("%d entries", count);
	CHECK(count >= 8);
}

CASE(maps_lists_what_is_mapped)
{
	char want[64];
	char *p = mmap(0, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	OK(mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE));
	CHECK(read_file("/proc/self/maps", text, sizeof text) > 0);
	snprintf(want, sizeof want, "%08lx-%08lx rw-p 00000000 00:00 0", (unsigned long)(p + 4096), (unsigned long)(p + 8192));
	CHECK(strstr(text, want));
	CHECK(strstr(text, "[stack]"));
	CHECK(strstr(text, "[heap]"));
	CHECK(strstr(text, "r-xp"));
	CHECK(strstr(text, "/process"));
	unsigned long last = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(0, "\n")) {
		unsigned long from, to;
		char flags[5];
		EQ(sscanf(line, "%lx-%lx %4s", &from, &to, flags), 3);
		CHECK(from < to && from >= last && strlen(flags) == 4);
		last = to;
	}
}

/* A page for each area: none joins its neighbour. */
static char *many_areas(int count)
{
	char *p = mmap(0, count * 4096L, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < count; i += 2)
		OK(mprotect(p + i * 4096L, 4096, PROT_READ | PROT_WRITE));
	return p;
}

/* Lines and bytes of a file that is read by pieces; each piece but the last ends a line where a page has room for it. */
static long read_pieces(const char *path, char *into, size_t room, size_t piece)
{
	int fd = OK(open(path, O_RDONLY));
	long total = 0, n;
	while ((n = read(fd, into + total, piece < room - total ? piece : room - total)) > 0) {
		CHECK(n <= 4096);
		total += n;
	}
	EQ(n, 0);
	OK(close(fd));
	return total;
}

CASE(maps_by_pieces)
{
	static char whole[1 << 18], small[1 << 18];
	many_areas(600);
	for (int which = 0; which < 2; which++) {
		const char *path = which ? "/proc/self/smaps" : "/proc/self/maps";
		long length = read_pieces(path, whole, sizeof whole, 1 << 16);
		CHECK(length > 600 * 40);
		EQ(read_pieces(path, small, sizeof small, 1000), length);
		if (!which)
			CHECK(!memcmp(whole, small, length));
		EQ(read_pieces(path, small, sizeof small, 100), length);
		/* From the middle, and back. */
		int fd = OK(open(path, O_RDONLY));
		char part[64];
		for (long at = length - 200; at > 0; at -= length / 5) {
			EQ(pread(fd, part, 50, at), 50);
			CHECK(which || !memcmp(part, whole + at, 50));
		}
		EQ(lseek(fd, 100, SEEK_SET), 100);
		EQ(read(fd, part, 50), 50);
		CHECK(!memcmp(part, whole + 100, 50));
		OUT("far behind: %ld", (long)pread(fd, part, 50, 1 << 30));
		OUT("end: %s", lseek(fd, 0, SEEK_END) == -1 ? errno_name(errno) : "taken");
		OK(close(fd));
	}
}

/* What is asked for is made, not the whole: looking at the beginning does not take longer the more areas there are. */
CASE(maps_a_little_of_many)
{
	many_areas(40000);
	char part[256];
	for (int i = 0; i < 2000; i++) {
		int fd = OK(open("/proc/self/smaps", O_RDONLY));
		EQ(read(fd, part, sizeof part), sizeof part);
		OK(close(fd));
	}
}

CASE(statm_and_limits)
{
	long size, resident;
	CHECK(read_file("/proc/self/statm", text, sizeof text) > 0);
	EQ(sscanf(text, "%ld %ld", &size, &resident), 2);
	CHECK(size > resident && resident > 10);
	CHECK(read_file("/proc/self/limits", text, sizeof text) > 0);
	OUT("%s", strtok(text, "\n"));
	for (char *line; (line = strtok(0, "\n"));)
		if (strncmp(line, "Max open files", 14) == 0 || strncmp(line, "Max stack", 9) == 0)
			OUT("%s", line);
}

CASE(resident_memory_grows_with_use)
{
	long long before = stat_field(getpid(), 24);
	char *p = mmap(0, 400 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, 400 * 4096);
	long long grown = stat_field(getpid(), 24) - before;
	NOTE("%lld pages more", grown);
	CHECK(grown >= 300 && grown <= 600);
}

CASE(memory_of_another_process_through_mem)
{
	char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), got[8] = "";
	strcpy(p, "inside");
	int fd = OK(open("/proc/self/mem", O_RDWR));
	EQ(pread(fd, got, 6, (uintptr_t)p), 6);
	STR_EQ(got, "inside");
	EQ(pwrite(fd, "X", 1, (uintptr_t)p), 1);
	EQ(p[0], 'X');
	OK(munmap(p, 4096));
	ERR(pread(fd, got, 1, (uintptr_t)p), EIO);
}

CASE(tasks)
{
	int count = 0;
	DIR *folder = opendir("/proc/self/task");
	CHECK(folder != 0);
	while (readdir(folder))
		count++;
	EQ(count, 3);
	snprintf(path, sizeof path, "/proc/self/task/%d/stat", getpid());
	CHECK(read_file(path, text, sizeof text) > 0);
	snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
	pid_t child = sleeping_child();
	CHECK(read_file(path, text, sizeof text) > 0);
	EQ(atoi(text), child);
	end_child(child);
}

CASE(others_may_not_read_private_files)
{
	pid_t child = sleeping_child();
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		snprintf(path, sizeof path, "/proc/%d/environ", child);
		ERR(open(path, O_RDONLY), EACCES);
		snprintf(path, sizeof path, "/proc/%d/exe", child);
		ERR(readlink(path, text, sizeof text), EACCES);
		snprintf(path, sizeof path, "/proc/%d/fd", child);
		ERR(open(path, O_RDONLY | O_DIRECTORY), EACCES);
		snprintf(path, sizeof path, "/proc/%d/stat", child);
		OK(open(path, O_RDONLY));
		snprintf(path, sizeof path, "/proc/%d/cmdline", child);
		OK(open(path, O_RDONLY));
	});
	end_child(child);
}

CASE(open_files_of_a_dead_process)
{
	pid_t child = sleeping_child();
	snprintf(path, sizeof path, "/proc/%d/status", child);
	int fd = OK(open(path, O_RDONLY));
	snprintf(path, sizeof path, "/proc/%d", child);
	int folder = OK(open(path, O_RDONLY | O_DIRECTORY));
	end_child(child);
	ERR(read(fd, text, 10), ESRCH);
	ERR(openat(folder, "stat", O_RDONLY), ESRCH);
	ERR(open(path, O_RDONLY), ENOENT);
}

CASE(owner_of_the_folder_is_the_user)
{
	struct stat status;
	pid_t child = OK(fork());
	if (child == 0) {
		setresgid(1001, 1001, 1001);
		setresuid(1000, 1000, 1000);
		execl("/proc/self/exe", "x", "--sleep", "x", "x", (char *)0);
		_exit(126);
	}
	snprintf(path, sizeof path, "/proc/%d", child);
	for (int i = 0; i < 400; i++) {
		OK(stat(path, &status));
		if (status.st_uid == 1000)
			break;
		sleep_ms(5);
	}
	EQ(status.st_uid, 1000);
	EQ(status.st_gid, 1001);
	OUT("mode %o links %ld", status.st_mode, (long)status.st_nlink > 2 ? 3L : 2L);
	end_child(child);
}

CASE(syscall_file_of_a_sleeper)
{
	pid_t child = sleeping_child();
	WAIT_STATE(child, 'S');
	snprintf(path, sizeof path, "/proc/%d/syscall", child);
	CHECK(read_file(path, text, sizeof text) > 0);
#ifdef __x86_64__
	EQ(atoi(text), SYS_pause);
#endif
	end_child(child);
}

/* A word without a newline: the kernel's own name, which is not compared. */
static void check_wchan(pid_t process)
{
	char text[128], path[64];
	snprintf(path, sizeof path, "/proc/%d/wchan", process);
	CHECK(read_file(path, text, sizeof text) > 0);
	NOTE("%s", text);
	CHECK(strcmp(text, "0") != 0);
	CHECK(strspn(text, "abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ.0123456789") == strlen(text));
}

CASE(wchan_names_where_a_process_waits)
{
	char text[128], path[64];
	pid_t sleeper = OK(fork());
	if (sleeper == 0)
		for (;;)
			sleep(1000);
	WAIT_STATE(sleeper, 'S');
	check_wchan(sleeper);
	OK(kill(sleeper, SIGKILL));
	OK(waitpid(sleeper, 0, 0));
	pid_t child = OK(fork());
	if (child == 0)
		for (;;)
			pause();
	WAIT_STATE(child, 'S');
	snprintf(path, sizeof path, "/proc/%d/wchan", child);
	check_wchan(child);
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		char other[128];
		CHECK(read_file(path, other, sizeof other) > 0);
		STR_EQ(other, "0");
	});
	CHECK(read_file("/proc/self/wchan", text, sizeof text) > 0);
	STR_EQ(text, "0");
	OK(kill(child, SIGKILL));
	siginfo_t info;
	OK(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
	CHECK(read_file(path, text, sizeof text) > 0);
	STR_EQ(text, "0");
	wait_status(child);
}

CASE(login_ids)
{
	char text[64];
	CHECK(read_file("/proc/self/loginuid", text, sizeof text) > 0);
	OUT("loginuid '%s'", text);
	CHECK(read_file("/proc/self/sessionid", text, sizeof text) > 0);
	OUT("sessionid '%s'", text);
	int fd = OK(open("/proc/self/loginuid", O_WRONLY));
	EQ(write(fd, "1234", 4), 4);
	OK(close(fd));
	CHECK(read_file("/proc/self/loginuid", text, sizeof text) > 0);
	STR_EQ(text, "1234");
	IN_CHILD({
		CHECK(read_file("/proc/self/loginuid", text, sizeof text) > 0);
		STR_EQ(text, "1234");
	});
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/loginuid", getppid());
	fd = OK(open(path, O_WRONLY));
	OUT("of another: %s", write(fd, "5", 1) == -1 ? errno_name(errno) : "taken");
	fd = OK(open("/proc/self/loginuid", O_WRONLY));
	OUT("no number: %s", write(fd, "x", 1) == -1 ? errno_name(errno) : "taken");
	OUT("negative: %s", pwrite(fd, "-2", 2, 0) == -1 ? errno_name(errno) : "taken");
	OUT("too large: %s", pwrite(fd, "4294967296", 10, 0) == -1 ? errno_name(errno) : "taken");
	OUT("white space: %s", pwrite(fd, " 7", 2, 0) == -1 ? errno_name(errno) : "taken");
	OUT("with a sign: %s", pwrite(fd, "+7\n", 3, 0) == -1 ? errno_name(errno) : "taken");
	OUT("not at the beginning: %s", pwrite(fd, "8", 1, 1) == -1 ? errno_name(errno) : "taken");
	fd = OK(open(path, O_WRONLY));
	OUT("of another, not at the beginning: %s", pwrite(fd, "5", 1, 1) == -1 ? errno_name(errno) : "taken");
}

CASE(writes_that_do_not_begin_at_the_beginning)
{
	static const char *const names[] = {"comm", "coredump_filter", "oom_score_adj"};
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		char path[64], text[64];
		snprintf(path, sizeof path, "/proc/self/%s", names[i]);
		int fd = OK(open(path, O_WRONLY));
		EQ(lseek(fd, 3, SEEK_SET), 3);
		OUT("%s: %s", names[i], write(fd, "12", 2) == -1 ? errno_name(errno) : "taken");
		CHECK(read_file(path, text, sizeof text) > 0);
		OUT("%s: now %s", names[i], text);
	}
}
