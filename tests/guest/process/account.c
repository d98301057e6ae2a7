/* acct(2): a record of every process that ends. */
#include "../check.h"
#include <sys/acct.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/prctl.h>

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
	OUT("%s: flags %#x, version %d, status %#x, ids %u %u, swaps %d, io %d %d", what, record.ac_flag,
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
static void aborted_in_private(void)
{
	OK(prctl(PR_SET_DUMPABLE, 0));
	aborted();
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
	/* A core is marked (ACORE) though none is written, unless nobody may look into the process. */
	show("SIGSEGV", record_of(run(aborted)));
	show("SIGSEGV, not to be dumped", record_of(run(aborted_in_private)));
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
	OUT("flags %#x", record.ac_flag);
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

/* What marks a process as one that has used privileges (ASU), done by the first user. */
static void forks(void)
{
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	waitpid(child, 0, 0);
}
static void opens_foreign_file(void)
{
	OK(close(OK(open("foreign", O_RDONLY))));
}
static void opens_own_file(void)
{
	OK(close(OK(open("records", O_RDONLY))));
}
static void changes_owner(void)
{
	OK(chown("foreign", 1000, 1000));
}
static void changes_owner_to_itself(void)
{
	OK(chown("own", -1, -1));
}
static void changes_mode(void)
{
	OK(chmod("foreign", 0));
}
static void becomes_nicer(void)
{
	OK(setpriority(PRIO_PROCESS, 0, 5));
}
static void becomes_less_nice(void)
{
	OK(setpriority(PRIO_PROCESS, 0, -5));
}
static void raises_a_limit(void)
{
	struct rlimit limit = {10, 10};
	OK(setrlimit(RLIMIT_SIGPENDING, &limit));
	limit.rlim_max++;
	OK(setrlimit(RLIMIT_SIGPENDING, &limit));
}
static void becomes_another(void)
{
	OK(setuid(1000));
}
static void becomes_itself(void)
{
	OK(setuid(0));
}
static void sets_groups(void)
{
	gid_t group = 5;
	OK(syscall(SYS_setgroups, 1, &group));
}
static void changes_root(void)
{
	OK(chroot("."));
}
static void makes_a_namespace(void)
{
	OK(unshare(CLONE_NEWUTS));
}
static void makes_a_device(void)
{
	OK(mknod("device", S_IFCHR | 0600, 1 << 8 | 3));
}
static void makes_a_fifo(void)
{
	OK(mkfifo("fifo", 0600));
}
static void signals_a_child(void)
{
	end_child(sleeping_child());
}
static void signals_another(void)
{
	pid_t child = OK(fork());
	if (child == 0) {
		setresuid(1000, 1000, 1000);
		for (;;)
			pause();
	}
	while (status_number(child, "Uid:") == 0)
		sched_yield();
	end_child(child);
}
static void drops_capabilities(void)
{
	OK(prctl(PR_CAPBSET_DROP, 5));
}
static void is_refused(void)
{
	OK(setresuid(1000, 1000, 1000));
	ERR(chroot("."), EPERM);
	ERR(open("foreign", O_RDONLY), EACCES);
}
static void a_child_of_it_does(void)
{
	pid_t child = fork();
	if (child == 0) {
		OK(chroot("."));
		_exit(0);
	}
	waitpid(child, 0, 0);
}
static void it_did_before_fork(void)
{
	OK(chroot("."));
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	waitpid(child, 0, 0);
	OUT("the child's flags %#x", record_of(child).ac_flag);
}
static void *uses_privileges(void *argument)
{
	OK(setpriority(PRIO_PROCESS, 0, -3));
	return argument;
}
static void a_thread_of_it_does(void)
{
	pthread_t thread;
	EQ(pthread_create(&thread, 0, uses_privileges, 0), 0);
	EQ(pthread_join(thread, 0), 0);
}
static void mounts(void)
{
	OK(mount("x", "folder", "tmpfs", 0, 0));
	OK(umount("folder"));
}
static void names_the_host(void)
{
	OK(sethostname("a", 1));
}
static void sends_ids_of_its_own(void)
{
	siginfo_t info = {.si_signo = SIGURG, .si_code = SI_QUEUE};
	OK(syscall(SYS_rt_sigqueueinfo, getpid(), SIGURG, &info));
}
static void gives_up_the_processor(void)
{
	sched_yield();
	getpgid(1);
}
static void marks_of(const char *what, void (*body)(void))
{
	OUT("%s: flags %#x", what, record_of(run(body)).ac_flag);
}

CASE(used_privileges_are_marked)
{
	begin();
	OK(close(OK(open("own", O_CREAT | O_WRONLY, 0600))));
	OK(close(OK(open("foreign", O_CREAT | O_WRONLY, 0600))));
	OK(chown("foreign", 1000, 1000));
	OK(mkdir("folder", 0755));
	marks_of("nothing", nothing);
	marks_of("fork", forks);
	marks_of("foreign file", opens_foreign_file);
	marks_of("own file", opens_own_file);
	marks_of("chown", changes_owner);
	marks_of("chown to itself", changes_owner_to_itself);
	marks_of("chmod", changes_mode);
	marks_of("nicer", becomes_nicer);
	marks_of("less nice", becomes_less_nice);
	marks_of("limit", raises_a_limit);
	marks_of("setuid", becomes_another);
	marks_of("setuid to itself", becomes_itself);
	marks_of("setgroups", sets_groups);
	marks_of("chroot", changes_root);
	marks_of("unshare", makes_a_namespace);
	marks_of("device", makes_a_device);
	marks_of("fifo", makes_a_fifo);
	marks_of("kill of a child", signals_a_child);
	marks_of("kill of another's", signals_another);
	marks_of("capability dropped", drops_capabilities);
	marks_of("refused", is_refused);
	marks_of("a child", a_child_of_it_does);
	marks_of("before fork", it_did_before_fork);
	marks_of("a thread", a_thread_of_it_does);
	marks_of("mount", mounts);
	marks_of("host name", names_the_host);
	marks_of("rt_sigqueueinfo", sends_ids_of_its_own);
	marks_of("sched_yield", gives_up_the_processor);
	OK(acct(0));
}

static void *waits(void *argument)
{
	for (;;)
		pause();
	return argument;
}
static void leaves_a_thread_behind(void)
{
	pthread_t thread;
	EQ(pthread_create(&thread, 0, waits, 0), 0);
	_exit(3);
}
static void *ends_the_process(void *argument)
{
	sleep_ms(50);
	_exit(7);
	return argument;
}
static void its_leader_ends_first(void)
{
	pthread_t thread;
	EQ(pthread_create(&thread, 0, ends_the_process, 0), 0);
	syscall(SYS_exit, 5);
}
static void *ends_the_thread(void *argument)
{
	sleep_ms(50);
	syscall(SYS_exit, 9);
	return argument;
}
static void its_leader_ends_first_and_a_thread_last(void)
{
	pthread_t thread;
	EQ(pthread_create(&thread, 0, ends_the_thread, 0), 0);
	syscall(SYS_exit, 5);
}
static void *executes_in_a_thread(void *argument)
{
	executes();
	return argument;
}
static void a_thread_executes(void)
{
	pthread_t thread;
	EQ(pthread_create(&thread, 0, executes_in_a_thread, 0), 0);
	for (;;)
		pause();
}

CASE(threads_are_one_process)
{
	begin();
	int out = OK(dup(1)), null = OK(open("/dev/null", O_WRONLY));
	const struct {
		const char *what;
		void (*body)(void);
	} kinds[] = {{"a thread is left", leaves_a_thread_behind},
		     {"the leader ends first", its_leader_ends_first},
		     {"a thread ends last", its_leader_ends_first_and_a_thread_last},
		     {"a thread executes", a_thread_executes}};
	for (unsigned i = 0; i < 4; i++) {
		OK(dup2(null, 1));
		struct acct_v3 record = record_of(run(kinds[i].body));
		OK(dup2(out, 1));
		OUT("%s: flags %#x, status %#x", kinds[i].what, record.ac_flag, record.ac_exitcode);
	}
	OK(acct(0));
}

/* The last record of a file. */
static void last_of(const char *what, const char *path)
{
	struct acct_v3 record = {0};
	int fd = OK(open(path, O_RDONLY));
	off_t size = OK(lseek(fd, 0, SEEK_END));
	if (size > 0)
		EQ(pread(fd, &record, sizeof record, size - sizeof record), sizeof record);
	OK(close(fd));
	OUT("%s: %d of this process, flags %#x status %#x memory %d faults %d version %d", what,
	    record.ac_pid == (unsigned)getpid(), record.ac_flag, record.ac_exitcode, record.ac_mem, record.ac_minflt,
	    record.ac_version);
}

CASE(who_turns_it_off_is_the_last)
{
	begin();
	run(nothing);
	OK(close(OK(open("others", O_CREAT | O_WRONLY, 0644))));
	OK(acct("others"));
	last_of("another file", "records");
	OK(acct("others"));
	last_of("the same file", "others");
	OK(acct(0));
	last_of("off", "others");
	OK(acct(0));
}

CASE(the_file_does_not_keep_its_mount)
{
	enter_scratch();
	OK(unshare(CLONE_NEWNS));
	OK(mount("none", "/", 0, MS_REC | MS_PRIVATE, 0));
	OK(mkdir("one", 0755));
	OK(mkdir("two", 0755));
	OK(mount("x", "one", "tmpfs", 0, 0));
	OK(mount("one", "two", 0, MS_BIND, 0));
	OK(close(OK(open("one/records", O_CREAT | O_WRONLY, 0644))));
	OK(acct("one/records"));
	run(nothing);
	struct stat before, after;
	OK(umount("one"));
	last_of("after umount", "two/records");
	OK(stat("two/records", &before));
	run(nothing);
	OK(stat("two/records", &after));
	EQ(after.st_size, before.st_size);
	OK(mount(0, "two", 0, MS_REMOUNT | MS_RDONLY, 0));
	ERR(acct("two/records"), EROFS);
	OK(umount("two"));
	OK(acct(0));
}

CASE(odd_files)
{
	enter_scratch();
	char path[256];
	ssize_t length = OK(readlink("/proc/self/exe", path, sizeof path - 1));
	path[length] = 0;
	ERR(acct(path), ETXTBSY);
	OK(symlink("target", "link"));
	ERR(acct("link"), ENOENT);
	OK(close(OK(open("target", O_CREAT | O_WRONLY, 0644))));
	OK(acct("link"));
	OK(unlink("target"));
	run(nothing);
	OK(acct(0));
	static char name[5000];
	memset(name, 'a', sizeof name - 1);
	ERR(acct(name), ENAMETOOLONG);
	name[256] = 0;
	ERR(acct(name), ENAMETOOLONG);
	ERR(acct("target/x"), ENOENT);
	OK(close(OK(open("target", O_CREAT | O_WRONLY, 0644))));
	ERR(acct("target/x"), ENOTDIR);
}
