/* acct(2): a record of every process that ends. */
#include "../check.h"
#include <sys/acct.h>

/* The record of a process, waited for: it is written before the process can be. */
static struct acct_v3 record_of(pid_t pid)
{
	struct acct_v3 record;
	int fd = OK(open("records", O_RDONLY));
	while (read(fd, &record, sizeof record) == sizeof record) {
		if (record.ac_pid == (unsigned)pid) {
			OK(close(fd));
			return record;
		}
	}
	FAIL("no record of the process");
}

static void begin(void)
{
	enter_scratch();
	OK(close(OK(open("records", O_CREAT | O_WRONLY, 0644))));
	OK(acct("records"));
}

static pid_t run(void (*body)(void))
{
	pid_t pid = OK(fork());
	if (pid == 0) {
		body();
		_exit(3);
	}
	EQ(waitpid(pid, 0, 0), pid);
	return pid;
}

static void show(const char *what, struct acct_v3 record)
{
	OUT("%s: flags %#x, version %d, status %#x, ids %u %u, swaps %d, io %d %d", what, record.ac_flag & ~ASU,
	    record.ac_version, record.ac_exitcode, record.ac_uid, record.ac_gid, record.ac_swaps, record.ac_io,
	    record.ac_rw);
	EQ(record.ac_ppid, (unsigned)getpid());
	CHECK(strncmp(record.ac_comm, "account", 7) == 0);
	CHECK(record.ac_mem > 0 && record.ac_minflt > 0);
	CHECK(labs((long)record.ac_btime - (long)time(0)) < 20);
}

static void nothing(void)
{
}
static void killed(void)
{
	raise(SIGKILL);
}
static void aborted(void)
{
	struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
	raise(SIGSEGV);
}
static void executes(void)
{
	execl("/proc/self/exe", "itself", "--list", (char *)0);
}
static void changes(void)
{
	OK(setresgid(1000, 1000, 1000));
	OK(setresuid(1000, 1001, 1002));
}
static void limited(void)
{
	struct rlimit none = {0, 0};
	OK(setrlimit(RLIMIT_FSIZE, &none));
}
static void takes_long(void)
{
	usleep(500000);
}

CASE(a_process_leaves_a_record)
{
	begin();
	show("exit", record_of(run(nothing)));
	show("other ids", record_of(run(changes)));
	show("no room for files", record_of(run(limited)));
	OK(acct(0));
}

CASE(a_signal_is_recorded)
{
	begin();
	show("SIGKILL", record_of(run(killed)));
	/* Linux marks a core (ACORE) though none is written. */
	struct acct_v3 record = record_of(run(aborted));
	record.ac_flag &= ~ACORE;
	show("SIGSEGV", record);
	OK(acct(0));
}

CASE(execve_is_recorded)
{
	begin();
	int out = OK(dup(1)), null = OK(open("/dev/null", O_WRONLY));
	OK(dup2(null, 1));
	pid_t pid = run(executes);
	OK(dup2(out, 1));
	struct acct_v3 record = record_of(pid);
	OUT("flags %#x", record.ac_flag & ~ASU);
	CHECK(record.ac_comm[0] != 0);
	OK(acct(0));
}

CASE(times_are_in_ticks)
{
	begin();
	struct acct_v3 record = record_of(run(takes_long));
	float ticks;
	memcpy(&ticks, &record.ac_etime, sizeof ticks);
	CHECK(ticks >= 49 && ticks < 1000);
	OK(acct(0));
}

CASE(records_end)
{
	begin();
	run(nothing);
	OK(acct(0));
	struct stat status;
	OK(stat("records", &status));
	run(nothing);
	off_t before = status.st_size;
	OK(stat("records", &status));
	EQ(status.st_size, before);
	EQ(status.st_size % sizeof(struct acct_v3), 0);
	OK(acct(0));
}

CASE(another_file_takes_over)
{
	begin();
	OK(close(OK(open("others", O_CREAT | O_WRONLY, 0644))));
	OK(acct("others"));
	run(nothing);
	OK(acct(0));
	struct stat status;
	OK(stat("others", &status));
	CHECK(status.st_size >= (off_t)sizeof(struct acct_v3));
	OK(rename("others", "records"));
}

CASE(what_acct_refuses)
{
	enter_scratch();
	OK(mkdir("folder", 0755));
	OK(symlink("loop", "loop"));
	ERR(acct("missing"), ENOENT);
	ERR(acct(""), ENOENT);
	ERR(acct("folder"), EISDIR);
	ERR(acct("/dev/null"), EACCES);
	ERR(acct("folder/x/y"), ENOENT);
	ERR(acct("loop"), ELOOP);
	ERR(acct((char *)16), EFAULT);
	OK(acct(0));
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(acct(0), EPERM);
		ERR(acct((char *)16), EPERM);
	});
}

CASE(its_parameters)
{
	char text[64];
	int fd = OK(open("/proc/sys/kernel/acct", O_RDWR));
	ssize_t length = OK(read(fd, text, sizeof text - 1));
	text[length] = 0;
	OUT("%s", text);
	EQ(pwrite(fd, "5 3 20\n", 7, 0), 7);
	length = OK(pread(fd, text, sizeof text - 1, 0));
	text[length] = 0;
	OUT("%s", text);
	EQ(pwrite(fd, "4 2 30\n", 7, 0), 7);
}
