/* exit(3), _exit(2), exit_group(2): flushing, handlers, orphans, zombies, subreapers, what the end releases. */
#include "../check.h"
#include <pthread.h>
#include <sys/prctl.h>

static void *sleep_forever(void *argument)
{
	for (;;)
		pause();
	return argument;
}

static void *return_at_once(void *argument)
{
	return argument;
}

/* Runs the statement in a child whose stdout is a pipe, and shows what came through. */
#define SHOW_OUTPUT(statement)                                                                                         \
	do {                                                                                                           \
		int ends_[2];                                                                                          \
		char text_[256];                                                                                       \
		OK(pipe(ends_));                                                                                       \
		pid_t child_ = OK(fork());                                                                             \
		if (child_ == 0) {                                                                                     \
			dup2(ends_[1], 1);                                                                             \
			statement;                                                                                     \
		}                                                                                                      \
		close(ends_[1]);                                                                                       \
		int status_ = exit_code(child_);                                                                       \
		ssize_t n_ = read(ends_[0], text_, sizeof text_ - 1);                                                  \
		text_[n_ > 0 ? n_ : 0] = 0;                                                                            \
		OUT("status %d, %zd bytes \"%s\"", status_, n_, text_);                                                \
	} while (0)

static void at_exit(void)
{
	printf(" and the handler ran");
}

CASE(exit_flushes_stdio)
{
	SHOW_OUTPUT({
		printf("unflushed");
		exit(3);
	});
}

CASE(_exit_does_not_flush_stdio)
{
	SHOW_OUTPUT({
		printf("unflushed");
		_exit(3);
	});
}

CASE(exit_runs_atexit_handlers)
{
	SHOW_OUTPUT({
		atexit(at_exit);
		printf("text");
		exit(0);
	});
}

CASE(exit_group_ends_all_threads)
{
	SHOW_OUTPUT({
		pthread_t thread;
		pthread_create(&thread, 0, sleep_forever, 0);
		syscall(SYS_exit_group, 9);
	});
}

static void *exit_from_thread(void *argument)
{
	(void)argument;
	_exit(21);
}

CASE(_exit_in_a_thread_ends_the_process)
{
	SHOW_OUTPUT({
		pthread_t thread;
		pthread_create(&thread, 0, exit_from_thread, 0);
		for (;;)
			pause();
	});
}

static void *late_exit(void *argument)
{
	(void)argument;
	sleep_ms(50);
	_exit(22);
}

CASE(exit_of_the_leader_leaves_the_process_until_the_last_thread)
{
	pid_t child = OK(fork());
	if (child == 0) {
		pthread_t thread;
		pthread_create(&thread, 0, late_exit, 0);
		syscall(SYS_exit, 1);
	}
	WAIT_STATE(child, 'Z');
	EQ(exit_code(child), 22);
}

CASE(zombie_shows_as_Z_until_waited_for)
{
	pid_t child = OK(fork());
	if (child == 0)
		_exit(0);
	WAIT_STATE(child, 'Z');
	OK(kill(child, 0));
	OK(kill(child, SIGKILL));
	EQ(exit_code(child), 0);
	ERR(kill(child, 0), ESRCH);
}

CASE(SIGCHLD_tells_how_the_child_ended)
{
	sigset_t set;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	pid_t child = OK(fork());
	if (child == 0)
		_exit(33);
	EQ(OK(sigwaitinfo(&set, &info)), SIGCHLD);
	EQ(info.si_pid, child);
	OUT("code %d status %d uid %d", info.si_code, info.si_status, info.si_uid);
	EQ(exit_code(child), 33);
}

CASE(orphan_gets_the_subreaper_as_parent)
{
	int ends[2];
	OK(pipe(ends));
	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t middle = OK(fork());
	if (middle == 0) {
		pid_t first = getpid();
		if (fork() == 0) {
			pid_t pid = getpid();
			while (getppid() == first)
				sleep_ms(5);
			pid_t parent = getppid();
			if (write(ends[1], &parent, sizeof parent) != sizeof parent || write(ends[1], &pid, sizeof pid) < 0)
				_exit(1);
			_exit(17);
		}
		_exit(0);
	}
	EQ(exit_code(middle), 0);
	pid_t parent, orphan;
	EQ(read(ends[0], &parent, sizeof parent), sizeof parent);
	EQ(read(ends[0], &orphan, sizeof orphan), sizeof orphan);
	EQ(parent, getpid());
	EQ(exit_code(orphan), 17);
}

CASE(orphan_gets_init_as_parent)
{
	int ends[2];
	OK(pipe(ends));
	pid_t middle = OK(fork());
	if (middle == 0) {
		pid_t first = getpid();
		if (fork() == 0) {
			while (getppid() == first)
				sleep_ms(5);
			pid_t parent = getppid();
			_exit(write(ends[1], &parent, sizeof parent) != sizeof parent);
		}
		_exit(0);
	}
	EQ(exit_code(middle), 0);
	pid_t parent;
	EQ(read(ends[0], &parent, sizeof parent), sizeof parent);
	EQ(parent, 1);
}

CASE(child_of_a_dead_parent_is_reaped_by_init)
{
	int ends[2];
	OK(pipe(ends));
	pid_t middle = OK(fork());
	if (middle == 0) {
		pid_t orphan = fork();
		if (orphan == 0) {
			sleep_ms(30);
			_exit(0);
		}
		_exit(write(ends[1], &orphan, sizeof orphan) != sizeof orphan);
	}
	EQ(exit_code(middle), 0);
	pid_t orphan;
	EQ(read(ends[0], &orphan, sizeof orphan), sizeof orphan);
	for (int i = 0; i < 400 && kill(orphan, 0) == 0; i++)
		sleep_ms(10);
	ERR(kill(orphan, 0), ESRCH);
}

CASE(parent_death_signal)
{
	int ends[2];
	char byte;
	OK(pipe(ends));
	pid_t middle = OK(fork());
	if (middle == 0) {
		pid_t child = fork();
		if (child == 0) {
			close(ends[0]);
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (write(ends[1], "r", 1) != 1)
				_exit(1);
			for (;;)
				pause();
		}
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) != 1);
	}
	close(ends[1]);
	EQ(exit_code(middle), 0);
	/* The end of file comes when the grandchild, the last writer, has been killed. */
	EQ(read(ends[0], &byte, 1), 0);
}

CASE(descriptors_are_closed_at_the_end)
{
	int ends[2];
	char byte;
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0)
		for (;;)
			pause();
	close(ends[1]);
	OK(kill(child, SIGKILL));
	EQ(read(ends[0], &byte, 1), 0);
	wait_status(child);
}

CASE(CHILD_CLEARTID_wakes_a_futex)
{
	static int tid = 1;
	pthread_t thread;
	pid_t child = OK(fork());
	if (child == 0) {
		EQ(syscall(SYS_set_tid_address, &tid), getpid());
		EQ(pthread_create(&thread, 0, return_at_once, 0), 0);
		EQ(pthread_join(thread, 0), 0);
		_exit(0);
	}
	EQ(exit_code(child), 0);
}

CASE(killed_by_signal_closes_and_reports)
{
	DIES(SIGABRT, abort());
	DIES(SIGKILL, raise(SIGKILL));
}

CASE(process_may_end_while_its_threads_run)
{
	for (int i = 0; i < 20; i++) {
		pid_t child = OK(fork());
		if (child == 0) {
			pthread_t thread;
			for (int j = 0; j < 4; j++)
				pthread_create(&thread, 0, late_exit, 0);
			_exit(i);
		}
		EQ(exit_code(child), i);
	}
}
