/* cgroup.kill and cgroup.freeze. */
#include "group.h"
#include <sys/ptrace.h>

CASE(kill_takes_all_below)
{
	enter_group();
	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	OK(mkdir("c", 0755));
	pid_t one = sleeping_child(), two = sleeping_child(), other = sleeping_child();
	OK(put_number("a/cgroup.procs", one));
	OK(put_number("a/b/cgroup.procs", two));
	OK(put_number("c/cgroup.procs", other));
	ERR(put("a/cgroup.kill", "0"), ERANGE);
	ERR(put("a/cgroup.kill", "2"), ERANGE);
	ERR(put("a/cgroup.kill", "x"), EINVAL);
	OK(put("a/cgroup.kill", "1"));
	EQ(death_signal(one), SIGKILL);
	EQ(death_signal(two), SIGKILL);
	EQ(waitpid(other, 0, WNOHANG), 0);
	WAIT_VALUE("a/cgroup.events", "populated ", 0);
	end_child(other);
	OK(put("a/cgroup.kill", "1"));
}

CASE_WITHIN(kill_takes_who_forks, 60)
{
	enter_group();
	OK(mkdir("a", 0755));
	for (int round = 0; round < 15; round++) {
		for (int i = 0; i < 4; i++) {
			pid_t child = OK(fork());
			if (child == 0) {
				OK(put("a/cgroup.procs", "0"));
				/* Always one of them: whoever has made another ends. */
				for (;;)
					if (fork() > 0)
						_exit(0);
			}
		}
		sleep_ms(5 + round);
		/* Linux 6.1 can miss who is being made. */
		for (int tries = 0; tries < 400 && value("a/cgroup.events", "populated "); tries++) {
			OK(put("a/cgroup.kill", "1"));
			sleep_ms(5);
		}
		EQ(value("a/cgroup.events", "populated "), 0);
		while (waitpid(-1, 0, WNOHANG) > 0) {
		}
	}
	OK(rmdir("a"));
}

static void end_with_9(int signal)
{
	(void)signal;
	_exit(9);
}
CASE(frozen_processes_do_nothing)
{
	enter_group();
	volatile long *count = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	OK(mkdir("a", 0755));
	pid_t child = OK(fork());
	if (child == 0) {
		signal(SIGUSR1, end_with_9);
		for (;;)
			++*count;
	}
	OK(put_number("a/cgroup.procs", child));
	sleep_ms(30);
	static const char *const texts[] = {"2", "-1", "x", ""};
	for (size_t i = 0; i < 3; i++)
		OUT("%s: %s", texts[i], put("a/cgroup.freeze", texts[i]) ? errno_name(errno) : "taken");
	OK(put("a/cgroup.freeze", "1"));
	WAIT_VALUE("a/cgroup.events", "frozen ", 1);
	OUT("freeze %s, events %s", get("a/cgroup.freeze"), get("a/cgroup.events"));
	OUT("above: freeze %s, frozen %ld", get("cgroup.freeze"), value("cgroup.events", "frozen "));
	long before = *count;
	sleep_ms(50);
	EQ(*count, before);
	OUT("state %c", state_of(child));
	/* Signals wait; the end does not. */
	OK(kill(child, SIGUSR1));
	sleep_ms(20);
	EQ(waitpid(child, 0, WNOHANG), 0);
	EQ(value("a/cgroup.events", "frozen "), 1);
	OK(put("a/cgroup.freeze", "0"));
	EQ(exit_code(child), 9);
	EQ(value("a/cgroup.events", "frozen "), 0);
}

CASE(frozen_processes_can_be_killed)
{
	enter_group();
	OK(mkdir("a", 0755));
	pid_t one = sleeping_child(), two = sleeping_child();
	OK(put_number("a/cgroup.procs", one));
	OK(put_number("a/cgroup.procs", two));
	OK(put("cgroup.freeze", "1"));
	WAIT_VALUE("a/cgroup.events", "frozen ", 1);
	WAIT_VALUE("cgroup.events", "frozen ", 1);
	STR_EQ(get("a/cgroup.freeze"), "0");
	OK(kill(one, SIGKILL));
	EQ(death_signal(one), SIGKILL);
	WAIT_VALUE("a/cgroup.events", "frozen ", 1);
	OK(put("a/cgroup.kill", "1"));
	EQ(death_signal(two), SIGKILL);
	OK(put("cgroup.freeze", "0"));
	WAIT_VALUE("a/cgroup.events", "frozen ", 0);
}

CASE(groups_freeze_within_frozen_ones)
{
	enter_group();
	OK(put("cgroup.freeze", "1"));
	EQ(value("cgroup.events", "frozen "), 1);
	OK(mkdir("a", 0755));
	OUT("new in a frozen one: %s, %s", get("a/cgroup.freeze"), get("a/cgroup.events"));
	pid_t child = sleeping_child();
	OK(put_number("a/cgroup.procs", child));
	WAIT_VALUE("cgroup.events", "frozen ", 1);
	OK(put("a/cgroup.freeze", "1"));
	OK(put("cgroup.freeze", "0"));
	WAIT_VALUE("cgroup.events", "frozen ", 0);
	EQ(value("a/cgroup.events", "frozen "), 1);
	/* Moved out it goes on. */
	OK(put_number("cgroup.procs", child));
	OK(kill(child, SIGTERM));
	EQ(death_signal(child), SIGTERM);
	OUT("empty: %s", get("a/cgroup.events"));
}

CASE(calls_go_on_after_the_freezer)
{
	enter_group();
	OK(mkdir("a", 0755));
	int ends[2];
	OK(pipe(ends));
	pid_t reader = OK(fork());
	if (reader == 0) {
		char byte;
		ssize_t n = read(ends[0], &byte, 1);
		_exit(n == 1 ? 5 : 6);
	}
	pid_t sleeper = OK(fork());
	if (sleeper == 0) {
		struct timespec time = {0, 300000000};
		_exit(nanosleep(&time, 0) == 0 ? 5 : 6);
	}
	OK(put_number("a/cgroup.procs", reader));
	OK(put_number("a/cgroup.procs", sleeper));
	sleep_ms(30);
	OK(put("a/cgroup.freeze", "1"));
	WAIT_VALUE("a/cgroup.events", "frozen ", 1);
	OK(write(ends[1], "x", 1));
	sleep_ms(30);
	EQ(waitpid(reader, 0, WNOHANG), 0);
	OK(put("a/cgroup.freeze", "0"));
	EQ(exit_code(reader), 5);
	EQ(exit_code(sleeper), 5);
}

CASE(stopped_processes_count_as_frozen)
{
	enter_group();
	OK(mkdir("a", 0755));
	pid_t child = sleeping_child();
	int status;
	OK(put_number("a/cgroup.procs", child));
	OK(kill(child, SIGSTOP));
	EQ(waitpid(child, &status, WUNTRACED), child);
	EQ(value("a/cgroup.events", "frozen "), 0);
	OK(put("a/cgroup.freeze", "1"));
	WAIT_VALUE("a/cgroup.events", "frozen ", 1);
	OUT("state %c", state_of(child));
	OK(kill(child, SIGCONT));
	sleep_ms(30);
	OUT("continued: state %c, frozen %ld", state_of(child), value("a/cgroup.events", "frozen "));
	OK(put("a/cgroup.freeze", "0"));
	WAIT_VALUE("a/cgroup.events", "frozen ", 0);
	end_child(child);
	/* One that was stopped before it came. */
	child = sleeping_child();
	OK(kill(child, SIGSTOP));
	EQ(waitpid(child, &status, WUNTRACED), child);
	OK(put("a/cgroup.freeze", "1"));
	OK(put_number("a/cgroup.procs", child));
	WAIT_VALUE("a/cgroup.events", "frozen ", 1);
	OK(put_number("../cgroup.procs", child));
	WAIT_VALUE("a/cgroup.events", "frozen ", 1);
	OK(kill(child, SIGCONT));
	end_child(child);
}

CASE(tracers_reach_frozen_processes)
{
	enter_group();
	OK(mkdir("a", 0755));
	pid_t child = sleeping_child();
	int status;
	OK(put_number("a/cgroup.procs", child));
	OK(put("a/cgroup.freeze", "1"));
	WAIT_VALUE("a/cgroup.events", "frozen ", 1);
	OK(ptrace(PTRACE_SEIZE, child, 0, 0));
	OK(ptrace(PTRACE_INTERRUPT, child, 0, 0));
	EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSTOPPED(status));
	OUT("traced: state %c, frozen %ld", state_of(child), value("a/cgroup.events", "frozen "));
	OK(ptrace(PTRACE_DETACH, child, 0, 0));
	sleep_ms(30);
	WAIT_VALUE("a/cgroup.events", "frozen ", 1);
	OK(kill(child, SIGKILL));
	EQ(death_signal(child), SIGKILL);
}

static void *spin(void *argument)
{
	for (;;)
		++*(volatile long *)argument;
	return 0;
}
CASE(all_threads_freeze)
{
	enter_group();
	static long *counts;
	counts = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	OK(mkdir("a", 0755));
	pid_t child = OK(fork());
	if (child == 0) {
		pthread_t thread;
		for (int i = 0; i < 3; i++)
			pthread_create(&thread, 0, spin, &counts[i * 8]);
		for (;;)
			pause();
	}
	OK(put_number("a/cgroup.procs", child));
	sleep_ms(30);
	for (int round = 0; round < 20; round++) {
		OK(put("a/cgroup.freeze", "1"));
		WAIT_VALUE("a/cgroup.events", "frozen ", 1);
		long sum = counts[0] + counts[8] + counts[16];
		sleep_ms(3);
		EQ(counts[0] + counts[8] + counts[16], sum);
		OK(put("a/cgroup.freeze", "0"));
		WAIT_VALUE("a/cgroup.events", "frozen ", 0);
	}
	end_child(child);
}

CASE_WITHIN(forks_freeze_too, 40)
{
	enter_group();
	OK(mkdir("a", 0755));
	int fd = OK(open("a", O_RDONLY));
	pid_t child = OK(fork());
	if (child == 0) {
		OK(put("a/cgroup.procs", "0"));
		for (;;) {
			pid_t inner = vfork();
			if (inner == 0)
				_exit(0);
			if (inner > 0)
				waitpid(inner, 0, 0);
		}
	}
	for (int i = 0; i < 400 && !value("a/cgroup.events", "populated "); i++)
		sleep_ms(5);
	for (int round = 0; round < 30; round++) {
		OK(put("a/cgroup.freeze", "1"));
		WAIT_VALUE("a/cgroup.events", "frozen ", 1);
		OK(put("a/cgroup.freeze", "0"));
	}
	OK(put("a/cgroup.freeze", "1"));
	WAIT_VALUE("a/cgroup.events", "frozen ", 1);
	pid_t born = OK(clone_into(fd, 0));
	if (born == 0)
		_exit(3);
	sleep_ms(30);
	EQ(waitpid(born, 0, WNOHANG), 0);
	WAIT_VALUE("a/cgroup.events", "frozen ", 1);
	OK(put("a/cgroup.freeze", "0"));
	EQ(exit_code(born), 3);
	OK(put("a/cgroup.kill", "1"));
	EQ(death_signal(child), SIGKILL);
}
