/* Pid namespaces (pid_namespaces(7)): numbers per level, the first process of one, /proc mounted in one, clone3(2)'s set_tid. */
#include "../check.h"
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>

static pid_t clone_new(unsigned long long flags)
{
	struct clone_args arguments = {.flags = flags, .exit_signal = SIGCHLD};
	return syscall(SYS_clone3, &arguments, sizeof arguments);
}
static pid_t clone_chosen(unsigned long long flags, const pid_t *ids, size_t count)
{
	struct clone_args arguments = {
		.flags = flags, .exit_signal = SIGCHLD, .set_tid = (uintptr_t)ids, .set_tid_size = count};
	return syscall(SYS_clone3, &arguments, sizeof arguments);
}
/* The line of /proc/PID/status that begins with a name, with its first number left out. */
static void status_line(const char *pid, const char *name, char *line, size_t size)
{
	char path[64], text[4096], *at;
	snprintf(path, sizeof path, "/proc/%s/status", pid);
	CHECK(read_file(path, text, sizeof text) > 0);
	at = strstr(text, name);
	CHECK(at != 0);
	at[strcspn(at, "\n")] = 0;
	snprintf(line, size, "%s", at);
}

CASE(the_first_process)
{
	pid_t child = OK(clone_new(CLONE_NEWPID));
	if (child == 0) {
		EQ(getpid(), 1);
		EQ(syscall(SYS_gettid), 1);
		EQ(getppid(), 0);
		EQ(getsid(0), 0);
		EQ(getpgid(0), 0);
		pid_t second = OK(fork());
		if (second == 0) {
			EQ(getpid(), 2);
			EQ(getppid(), 1);
			OK(setsid());
			EQ(getsid(0), 2);
			EQ(getpgrp(), 2);
			_exit(4);
		}
		EQ(second, 2);
		EQ(exit_code(2), 4);
		EQ(OK(fork()) ? exit_code(3) : (_exit(0), 0), 0);
		_exit(7);
	}
	CHECK(child > 1);
	EQ(exit_code(child), 7);
}

CASE(unshare_is_for_children)
{
	pid_t own = getpid();
	OK(unshare(CLONE_NEWPID));
	EQ(getpid(), own);
	char text[64];
	ERR(readlink("/proc/self/ns/pid_for_children", text, sizeof text), ENOENT);
	ERR(unshare(CLONE_NEWPID), EINVAL);
	ERR(clone_new(CLONE_NEWPID), EINVAL);
	ERR(syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, 0, 0, 0, 0), EINVAL);
	pid_t child = OK(fork());
	if (child == 0) {
		EQ(getpid(), 1);
		pause();
		_exit(0);
	}
	CHECK(child != 1);
	OK(readlink("/proc/self/ns/pid_for_children", text, sizeof text));
	pid_t second = OK(fork());
	if (second == 0) {
		EQ(getpid(), 2);
		EQ(getppid(), 0);
		_exit(0);
	}
	EQ(exit_code(second), 0);
	OK(kill(child, SIGKILL));
	EQ(death_signal(child), SIGKILL);
	ERR(fork(), ENOMEM);
}

CASE(the_end_of_the_first_ends_all)
{
	int pipes[2];
	char byte;
	OK(pipe(pipes));
	pid_t child = OK(clone_new(CLONE_NEWPID));
	if (child == 0) {
		for (int i = 0; i < 3; i++)
			if (OK(fork()) == 0) {
				if (i == 1)
					setsid();
				if (i == 2 && OK(fork()) == 0)
					signal(SIGTERM, SIG_IGN);
				pause();
				_exit(0);
			}
		usleep(20000);
		_exit(5);
	}
	close(pipes[1]);
	EQ(exit_code(child), 5);
	/* Nobody holds the other end any more. */
	EQ(read(pipes[0], &byte, 1), 0);
}

CASE(signals_of_the_first)
{
	int ready[2];
	char byte;
	OK(pipe(ready));
	pid_t child = OK(clone_new(CLONE_NEWPID));
	if (child == 0) {
		pid_t other = OK(fork());
		if (other == 0) {
			OK(kill(1, SIGTERM));
			OK(kill(1, SIGKILL));
			OK(kill(1, SIGSTOP));
			OK(kill(1, SIGUSR1));
			_exit(0);
		}
		EQ(exit_code(other), 0);
		OK(raise(SIGTERM));
		OK(kill(getpid(), SIGKILL));
		OK(write(ready[1], "x", 1));
		for (;;)
			pause();
	}
	OK(read(ready[0], &byte, 1));
	OK(kill(child, SIGTERM));
	usleep(20000);
	EQ(waitpid(child, 0, WNOHANG), 0);
	OK(kill(child, SIGSTOP));
	int status;
	EQ(OK(waitpid(child, &status, WUNTRACED)), child);
	CHECK(WIFSTOPPED(status));
	OK(kill(child, SIGCONT));
	OK(kill(child, SIGKILL));
	EQ(death_signal(child), SIGKILL);
}

static volatile pid_t sender;
static void note_sender(int number, siginfo_t *info, void *context)
{
	(void)number, (void)context;
	sender = info->si_pid;
}
CASE(senders_above_are_nobody)
{
	int ready[2], hold[2];
	char byte;
	OK(pipe(ready));
	OK(pipe(hold));
	pid_t child = OK(clone_new(CLONE_NEWPID));
	if (child == 0) {
		struct sigaction action = {.sa_sigaction = note_sender, .sa_flags = SA_SIGINFO};
		sender = 99;
		OK(sigaction(SIGUSR1, &action, 0));
		OK(sigaction(SIGCHLD, &action, 0));
		OK(write(ready[1], "x", 1));
		while (sender == 99)
			usleep(1000);
		EQ(sender, 0);
		pid_t other = OK(fork());
		if (other == 0)
			_exit(0);
		EQ(exit_code(other), 0);
		EQ(sender, 2);
		_exit(0);
	}
	struct sigaction action = {.sa_sigaction = note_sender, .sa_flags = SA_SIGINFO};
	OK(sigaction(SIGCHLD, &action, 0));
	OK(read(ready[0], &byte, 1));
	OK(kill(child, SIGUSR1));
	EQ(exit_code(child), 0);
	EQ(sender, child);
}

CASE(orphans_go_to_the_first)
{
	pid_t child = OK(clone_new(CLONE_NEWPID));
	if (child == 0) {
		int told[2];
		pid_t parent = 99;
		OK(pipe(told));
		pid_t middle = OK(fork());
		if (middle == 0) {
			pid_t orphan = OK(fork());
			if (orphan == 0) {
				while (getppid() == 2)
					usleep(1000);
				parent = getppid();
				OK(write(told[1], &parent, sizeof parent));
				_exit(0);
			}
			_exit(0);
		}
		EQ(exit_code(middle), 0);
		OK(read(told[0], &parent, sizeof parent));
		EQ(parent, 1);
		EQ(OK(waitpid(-1, 0, 0)), 3);
		_exit(0);
	}
	EQ(exit_code(child), 0);
}

CASE(a_subreaper_outside_gets_none)
{
	OK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	pid_t child = OK(clone_new(CLONE_NEWPID));
	if (child == 0) {
		if (OK(fork()) == 0) {
			if (OK(fork()) == 0) {
				usleep(10000);
				_exit(getppid() != 1);
			}
			_exit(0);
		}
		OK(waitpid(2, 0, 0));
		EQ(exit_code(3), 0);
		_exit(0);
	}
	EQ(exit_code(child), 0);
	ERR(waitpid(-1, 0, 0), ECHILD);
}

CASE(numbers_of_each_level)
{
	int ready[2], hold[2];
	char byte, line[128], name[16];
	OK(pipe(ready));
	OK(pipe(hold));
	pid_t child = OK(clone_new(CLONE_NEWPID));
	if (child == 0) {
		pid_t grandchild = OK(clone_new(CLONE_NEWPID));
		if (grandchild == 0) {
			EQ(getpid(), 1);
			OK(write(ready[1], "x", 1));
			close(hold[1]);
			(void)!read(hold[0], &byte, 1);
			_exit(0);
		}
		EQ(grandchild, 2);
		close(hold[1]);
		EQ(exit_code(grandchild), 0);
		_exit(0);
	}
	OK(read(ready[0], &byte, 1));
	pid_t grandchild = 0;
	char path[64], text[64];
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)child, (int)child);
	CHECK(read_file(path, text, sizeof text) > 0);
	grandchild = atoi(text);
	CHECK(grandchild > 2);
	snprintf(name, sizeof name, "%d", (int)grandchild);
	status_line(name, "NSpid:", line, sizeof line);
	OUT("NSpid of the grandchild: %s", strchr(line + 7, '\t'));
	status_line(name, "NSpgid:", line, sizeof line);
	OUT("NSpgid of the grandchild: %s", strchr(line + 8, '\t'));
	EQ(status_number(grandchild, "PPid:"), child);
	OK(kill(grandchild, 0));
	close(hold[1]);
	EQ(exit_code(child), 0);
}

CASE(proc_shows_its_own)
{
	OK(unshare(CLONE_NEWNS));
	OK(mount("none", "/", 0, MS_REC | MS_PRIVATE, 0));
	enter_scratch();
	OK(mkdir("proc", 0755));
	char text[64] = "", line[128];
	pid_t child = OK(clone_new(CLONE_NEWPID));
	if (child == 0) {
		OK(mount("proc", "proc", "proc", 0, 0));
		OK(readlink("proc/self", text, sizeof text - 1));
		STR_EQ(text, "1");
		OK(readlink("proc/thread-self", text, sizeof text - 1));
		STR_EQ(text, "1/task/1");
		CHECK(access("proc/1/status", R_OK) == 0);
		CHECK(access("proc/2", F_OK) == -1);
		OK(mount("proc", "/proc", 0, MS_BIND, 0) == -1 ? 0 : umount("/proc"));
		_exit(0);
	}
	EQ(exit_code(child), 0);
	ERR(readlink("proc/self", text, sizeof text - 1), ENOENT);
	ERR(access("proc/1", F_OK), ENOENT);
	status_line("self", "NSpid:", line, sizeof line);
	CHECK(strchr(line + 7, '\t') == 0);
	OK(umount("proc"));
}

CASE(calls_take_and_give_own_numbers)
{
	pid_t child = OK(clone_new(CLONE_NEWPID));
	if (child == 0) {
		int hold[2];
		char byte;
		OK(pipe(hold));
		pid_t other = OK(fork());
		if (other == 0) {
			close(hold[1]);
			(void)!read(hold[0], &byte, 1);
			_exit(0);
		}
		ERR(kill(getppid() + 1000, 0), ESRCH);
		OK(setpgid(other, other));
		EQ(OK(getpgid(other)), 2);
		EQ(OK(getsid(other)), 0);
		OK(syscall(SYS_sched_getaffinity, other, 8, &(long){0}));
		EQ(OK(getpriority(PRIO_PROCESS, other)), 0);
		int pidfd = OK(syscall(SYS_pidfd_open, other, 0));
		siginfo_t info;
		char path[64], text[512];
		struct flock lock = {.l_type = F_WRLCK};
		enter_scratch();
		int fd = OK(open("lock", O_CREAT | O_RDWR, 0600));
		OK(fcntl(fd, F_SETLK, &lock));
		pid_t third = OK(fork());
		if (third == 0) {
			OK(fcntl(fd, F_GETLK, &lock));
			EQ(lock.l_pid, 1);
			_exit(0);
		}
		EQ(exit_code(third), 0);
		close(hold[1]);
		OK(waitid(P_PIDFD, pidfd, &info, WEXITED));
		EQ(info.si_pid, 2);
		(void)path, (void)text;
		_exit(0);
	}
	EQ(exit_code(child), 0);
}

CASE(kill_all_stays_inside)
{
	pid_t outside = OK(fork());
	if (outside == 0) {
		pause();
		_exit(0);
	}
	pid_t child = OK(clone_new(CLONE_NEWPID));
	if (child == 0) {
		pid_t other = OK(fork());
		if (other == 0) {
			pause();
			_exit(0);
		}
		OK(kill(-1, SIGTERM));
		EQ(death_signal(other), SIGTERM);
		ERR(kill(-1, SIGTERM), ESRCH);
		_exit(0);
	}
	EQ(exit_code(child), 0);
	EQ(waitpid(outside, 0, WNOHANG), 0);
	OK(kill(outside, SIGKILL));
	EQ(death_signal(outside), SIGKILL);
}

CASE(nesting_is_limited)
{
	int depth = 0;
	pid_t child;
	while ((child = clone_new(CLONE_NEWPID)) == 0)
		depth++;
	if (child == -1) {
		EQ(errno, ENOSPC);
		_exit(depth);
	}
	int code = exit_code(child);
	if (depth)
		_exit(code);
	EQ(code, 32);
}

CASE(reboot_ends_it)
{
	static const struct {
		unsigned command;
		int signal;
	} commands[] = {{RB_AUTOBOOT, SIGHUP}, {RB_POWER_OFF, SIGINT}, {RB_HALT_SYSTEM, SIGINT}};
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		pid_t child = OK(clone_new(CLONE_NEWPID));
		if (child == 0) {
			ERR(reboot(RB_ENABLE_CAD), EINVAL);
			if (OK(fork()) == 0) {
				reboot(commands[i].command);
				_exit(0);
			}
			for (;;)
				pause();
		}
		EQ(death_signal(child), commands[i].signal);
	}
}

CASE(setns_enters_for_children)
{
	int ready[2], hold[2];
	char byte, path[64];
	OK(pipe(ready));
	OK(pipe(hold));
	pid_t child = OK(clone_new(CLONE_NEWPID));
	if (child == 0) {
		OK(write(ready[1], "x", 1));
		close(hold[1]);
		(void)!read(hold[0], &byte, 1);
		_exit(0);
	}
	OK(read(ready[0], &byte, 1));
	snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)child);
	int own = OK(open("/proc/self/ns/pid", O_RDONLY)), fd = OK(open(path, O_RDONLY));
	OK(setns(fd, CLONE_NEWPID));
	pid_t inside = OK(fork());
	if (inside == 0) {
		EQ(getpid(), 2);
		EQ(getppid(), 0);
		/* Outwards leads no way. */
		ERR(setns(own, CLONE_NEWPID), EINVAL);
		OK(setns(fd, CLONE_NEWPID));
		_exit(3);
	}
	CHECK(inside != 2);
	EQ(exit_code(inside), 3);
	OK(setns(own, CLONE_NEWPID));
	int pidfd = OK(syscall(SYS_pidfd_open, child, 0));
	OK(setns(pidfd, CLONE_NEWPID));
	close(hold[1]);
	EQ(exit_code(child), 0);
	ERR(fork(), ENOMEM);
}

CASE(chosen_numbers)
{
	pid_t ids[3] = {1, 0, 0}, child, free_id;
	child = OK(fork());
	if (child == 0)
		_exit(0);
	EQ(exit_code(child), 0);
	free_id = child;
	ids[0] = free_id;
	child = OK(clone_chosen(0, ids, 1));
	if (child == 0)
		_exit(getpid() != free_id);
	EQ(child, free_id);
	EQ(exit_code(child), 0);
	ids[0] = getpid();
	ERR(clone_chosen(0, ids, 1), EEXIST);
	ids[0] = 0;
	ERR(clone_chosen(0, ids, 1), EINVAL);
	ids[0] = -5;
	ERR(clone_chosen(0, ids, 1), EINVAL);
	ids[0] = free_id;
	ERR(clone_chosen(0, ids, 2), EINVAL);
	ERR(clone_chosen(0, ids, 0), EINVAL);
	ERR(clone_chosen(0, 0, 1), EINVAL);
	ERR(clone_chosen(0, ids, 33), EINVAL);
	ERR(clone_chosen(0, (pid_t *)8, 1), EFAULT);
	ids[0] = 2;
	ids[1] = free_id;
	ERR(clone_chosen(CLONE_NEWPID, ids, 2), EINVAL);
	ids[0] = 1;
	child = OK(clone_chosen(CLONE_NEWPID, ids, 2));
	if (child == 0) {
		ids[0] = 42;
		pid_t other = OK(clone_chosen(0, ids, 1));
		if (other == 0)
			_exit(getpid() != 42);
		EQ(other, 42);
		_exit(exit_code(42));
	}
	EQ(child, free_id);
	EQ(exit_code(child), 0);
	OK(seteuid(1000));
	ids[0] = free_id;
	ERR(clone_chosen(0, ids, 1), EPERM);
}

CASE_WITHIN(nobody_outlives_the_first, 60)
{
	for (int round = 0; round < 30; round++)
		IN_CHILD({
			OK(unshare(CLONE_NEWPID));
			pid_t first = OK(fork());
			if (first == 0) {
				usleep(round * 37 % 500);
				_exit(0);
			}
			int count = 0;
			pid_t child;
			while (count < 200 && (child = fork()) >= 0) {
				if (child == 0) {
					pause();
					_exit(1);
				}
				count++;
			}
			EQ(count == 200 ? ENOMEM : errno, ENOMEM);
			for (int status; (child = wait(&status)) > 0;)
				if (child != first)
					CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		});
}

CASE(threads_of_the_first)
{
	pid_t child = OK(clone_new(CLONE_NEWPID));
	if (child == 0) {
		pid_t other = OK(fork());
		if (other == 0) {
			pid_t inner = OK(fork());
			if (inner == 0)
				pause();
			usleep(5000);
			_exit(0);
		}
		EQ(exit_code(other), 0);
		execl("/proc/self/exe", "x", "--list", NULL);
		_exit(9);
	}
	int status = wait_status(child);
	CHECK(WIFEXITED(status));
}

CASE(cgroups_have_no_descriptor)
{
	struct clone_args arguments = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};
	arguments.cgroup = 1000;
	ERR(syscall(SYS_clone3, &arguments, sizeof arguments), EBADF);
	arguments.cgroup = OK(open("/", O_RDONLY));
	ERR(syscall(SYS_clone3, &arguments, sizeof arguments), EBADF);
	ERR(syscall(SYS_clone3, &arguments, 80), EINVAL);
	arguments.cgroup = 1ULL << 31;
	ERR(syscall(SYS_clone3, &arguments, sizeof arguments), EINVAL);
}
