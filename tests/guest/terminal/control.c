/* Controlling terminals and job control: sessions, foreground groups, signals from keys, background reads and writes, hang-up. */
#include "../check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, slave;
static char name[64];

static void open_master(void)
{
	int number = -1, unlock = 0;
	master = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	OK(ioctl(master, TIOCSPTLCK, &unlock));
	OK(ioctl(master, TIOCGPTN, &number));
	snprintf(name, sizeof name, "/dev/pts/%d", number);
}

/* Runs the statement as a session leader whose terminal is the slave; its exit code is the statement's. */
#define IN_SESSION(...)                                                                                                \
	do {                                                                                                           \
		open_master();                                                                                         \
		pid_t leader_ = OK(fork());                                                                            \
		if (leader_ == 0) {                                                                                    \
			OK(setsid());                                                                                  \
			slave = OK(open(name, O_RDWR));                                                                \
			__VA_ARGS__;                                                                                   \
			_exit(0);                                                                                      \
		}                                                                                                      \
		int end_ = wait_status(leader_);                                                                       \
		if (WIFEXITED(end_) && WEXITSTATUS(end_) == CHECK_FAILED)                                              \
			_exit(CHECK_FAILED);                                                                           \
		if (end_ != 0)                                                                                         \
			FAIL("session leader ended with status word 0x%x", end_);                                      \
	} while (0)

/* A child in a process group of its own, in the foreground or not, that runs the statement. */
#define JOB(foreground, ...)                                                                                           \
	({                                                                                                             \
		pid_t job_ = OK(fork());                                                                               \
		if (job_ == 0) {                                                                                       \
			signal(SIGTTOU, SIG_IGN);                                                                      \
			setpgid(0, 0);                                                                                 \
			if (foreground)                                                                                \
				tcsetpgrp(slave, getpid());                                                            \
			signal(SIGTTOU, SIG_DFL);                                                                      \
			__VA_ARGS__;                                                                                   \
			_exit(0);                                                                                      \
		}                                                                                                      \
		setpgid(job_, job_);                                                                                   \
		if (foreground)                                                                                        \
			tcsetpgrp(slave, job_);                                                                        \
		job_;                                                                                                  \
	})

CASE(first_terminal_a_leader_opens_becomes_its_own)
{
	IN_SESSION({
		EQ(tcgetsid(slave), getpid());
		EQ(tcgetpgrp(slave), getpgrp());
		int tty = OK(open("/dev/tty", O_RDWR));
		EQ(isatty(tty), 1);
		char *text = ttyname(tty);
		OUT("ttyname of /dev/tty %s", text ? text : "none");
	});
}

CASE(O_NOCTTY_does_not)
{
	open_master();
	IN_CHILD({
		OK(setsid());
		slave = OK(open(name, O_RDWR | O_NOCTTY));
		ERR(open("/dev/tty", O_RDWR), ENXIO);
		ERR(tcgetpgrp(slave), ENOTTY);
		ERR(tcgetsid(slave), ENOTTY);
	});
}

CASE(TIOCSCTTY_takes_and_TIOCNOTTY_leaves)
{
	open_master();
	IN_CHILD({
		OK(setsid());
		slave = OK(open(name, O_RDWR | O_NOCTTY));
		OK(ioctl(slave, TIOCSCTTY, 0));
		EQ(tcgetsid(slave), getpid());
		signal(SIGHUP, SIG_IGN);
		signal(SIGCONT, SIG_IGN);
		OK(ioctl(slave, TIOCNOTTY));
		ERR(open("/dev/tty", O_RDWR), ENXIO);
	});
}

CASE(TIOCNOTTY_by_another_process_is_its_own_leave)
{
	IN_SESSION({
		IN_CHILD({
			OK(ioctl(slave, TIOCNOTTY));
			ERR(open("/dev/tty", O_RDWR), ENXIO);
			ERR(ioctl(slave, TIOCNOTTY), ENOTTY);
			IN_CHILD({ ERR(open("/dev/tty", O_RDWR), ENXIO); });
		});
		IN_CHILD({ OK(open("/dev/tty", O_RDWR)); });
		OK(open("/dev/tty", O_RDWR));
	});
}

CASE(TIOCSCTTY_of_another_sessions_terminal_is_EPERM)
{
	IN_SESSION({
		IN_CHILD({
			OK(setsid());
			ERR(ioctl(slave, TIOCSCTTY, 0), EPERM);
			OK(ioctl(slave, TIOCSCTTY, 1));
		});
	});
}

CASE(interrupt_key_reaches_the_foreground_group)
{
	IN_SESSION({
		pid_t job = JOB(1, { pause(); });
		WAIT_STATE(job, 'S');
		sleep_ms(20);
		EQ(write(master, "\003", 1), 1);
		EQ(death_signal(job), SIGINT);
	});
}

CASE(quit_key)
{
	IN_SESSION({
		pid_t job = JOB(1, { pause(); });
		WAIT_STATE(job, 'S');
		sleep_ms(20);
		EQ(write(master, "\034", 1), 1);
		EQ(death_signal(job), SIGQUIT);
	});
}

CASE(suspend_key_stops_and_SIGCONT_goes_on)
{
	IN_SESSION({
		pid_t job = JOB(1, {
			char byte;
			_exit(read(slave, &byte, 1) == 1 ? 7 : 8);
		});
		WAIT_STATE(job, 'S');
		sleep_ms(20);
		EQ(write(master, "\032", 1), 1);
		int status;
		EQ(OK(waitpid(job, &status, WUNTRACED)), job);
		OUT("status word 0x%x", status);
		OK(kill(-job, SIGCONT));
		EQ(write(master, "x\n", 2), 2);
		EQ(exit_code(job), 7);
	});
}

CASE(keys_echo_as_caret_and_flush_input)
{
	IN_SESSION({
		signal(SIGINT, SIG_IGN);
		EQ(write(master, "abc\003def\n", 8), 8);
		sleep_ms(30);
		char text[64];
		ssize_t n = read(slave, text, sizeof text - 1);
		text[n > 0 ? n - 1 : 0] = 0;
		OUT("slave reads %s", text);
		n = read(master, text, sizeof text - 1);
		for (ssize_t i = 0; i < n; i++)
			if (text[i] == '\r' || text[i] == '\n')
				text[i] = '/';
		text[n > 0 ? n : 0] = 0;
		OUT("echo %s", text);
	});
}

CASE(keys_without_ISIG_are_bytes)
{
	IN_SESSION({
		struct termios t;
		char byte;
		OK(tcgetattr(slave, &t));
		t.c_lflag &= ~(ISIG | ICANON);
		OK(tcsetattr(slave, TCSANOW, &t));
		EQ(write(master, "\003", 1), 1);
		EQ(read(slave, &byte, 1), 1);
		EQ(byte, 3);
	});
}

CASE(background_read_gives_SIGTTIN)
{
	IN_SESSION({
		pid_t job = JOB(0, {
			char byte;
			_exit(read(slave, &byte, 1) == 1 ? 7 : 8);
		});
		int status;
		EQ(OK(waitpid(job, &status, WUNTRACED)), job);
		OUT("status word 0x%x", status);
		signal(SIGTTOU, SIG_IGN);
		OK(tcsetpgrp(slave, job));
		OK(kill(job, SIGCONT));
		EQ(write(master, "x\n", 2), 2);
		EQ(exit_code(job), 7);
	});
}

CASE(background_read_with_SIGTTIN_ignored_is_EIO)
{
	IN_SESSION({
		pid_t job = JOB(0, {
			char byte;
			signal(SIGTTIN, SIG_IGN);
			ERR(read(slave, &byte, 1), EIO);
			sigset_t set;
			sigemptyset(&set);
			sigaddset(&set, SIGTTIN);
			signal(SIGTTIN, SIG_DFL);
			OK(sigprocmask(SIG_BLOCK, &set, 0));
			ERR(read(slave, &byte, 1), EIO);
		});
		EQ(exit_code(job), 0);
	});
}

CASE(background_write_without_TOSTOP_is_allowed)
{
	IN_SESSION({
		pid_t job = JOB(0, EQ(write(slave, "x", 1), 1));
		EQ(exit_code(job), 0);
	});
}

CASE(background_write_with_TOSTOP_gives_SIGTTOU)
{
	IN_SESSION({
		struct termios t;
		OK(tcgetattr(slave, &t));
		t.c_lflag |= TOSTOP;
		OK(tcsetattr(slave, TCSANOW, &t));
		pid_t job = JOB(0, EQ(write(slave, "x", 1), 1));
		int status;
		EQ(OK(waitpid(job, &status, WUNTRACED)), job);
		OUT("status word 0x%x", status);
		OK(kill(job, SIGKILL));
		wait_status(job);
		job = JOB(0, {
			signal(SIGTTOU, SIG_IGN);
			EQ(write(slave, "x", 1), 1);
		});
		EQ(exit_code(job), 0);
	});
}

CASE(background_change_of_settings_gives_SIGTTOU)
{
	IN_SESSION({
		pid_t job = JOB(0, {
			struct termios t;
			OK(tcgetattr(slave, &t));
			tcsetattr(slave, TCSANOW, &t);
		});
		int status;
		EQ(OK(waitpid(job, &status, WUNTRACED)), job);
		OUT("status word 0x%x", status);
		OK(kill(job, SIGKILL));
		wait_status(job);
	});
}

CASE(background_tcsetpgrp_gives_SIGTTOU)
{
	IN_SESSION({
		pid_t job = JOB(0, tcsetpgrp(slave, getpgrp()));
		int status;
		EQ(OK(waitpid(job, &status, WUNTRACED)), job);
		OUT("status word 0x%x", status);
		OK(kill(job, SIGKILL));
		wait_status(job);
	});
}

CASE(tcsetpgrp_errors)
{
	IN_SESSION({
		ERR(tcsetpgrp(slave, 999999), ESRCH);
		ERR(tcsetpgrp(slave, -1), EINVAL);
		ERR(tcsetpgrp(0, getpgrp()), ENOTTY);
		pid_t other = OK(fork());
		if (other == 0) {
			OK(setsid());
			pause();
		}
		while (getsid(other) != other)
			sleep_ms(5);
		ERR(tcsetpgrp(slave, other), EPERM);
		OK(kill(other, SIGKILL));
		wait_status(other);
	});
}

CASE(window_change_tells_the_foreground_group)
{
	IN_SESSION({
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, SIGWINCH);
		OK(sigprocmask(SIG_BLOCK, &set, 0));
		struct winsize size = {.ws_row = 11, .ws_col = 22};
		OK(ioctl(master, TIOCSWINSZ, &size));
		struct timespec limit = {5, 0};
		EQ(sigtimedwait(&set, 0, &limit), SIGWINCH);
		OK(ioctl(master, TIOCSWINSZ, &size)); /* the same size: no signal */
		limit = (struct timespec){0, 50000000};
		ERR(sigtimedwait(&set, 0, &limit), EAGAIN);
	});
}

CASE(close_of_the_master_hangs_up)
{
	int ends[2];
	char text[8] = "";
	OK(pipe(ends));
	open_master();
	pid_t leader = OK(fork());
	if (leader == 0) {
		OK(close(master));
		OK(setsid());
		slave = OK(open(name, O_RDWR));
		EQ(write(ends[1], "r", 1), 1);
		for (;;)
			pause();
	}
	EQ(read(ends[0], text, 1), 1);
	OK(close(master));
	EQ(death_signal(leader), SIGHUP);
}

CASE(exit_of_the_leader_hangs_up_the_foreground_group)
{
	int ends[2];
	char text[32] = "";
	OK(pipe(ends));
	open_master();
	pid_t leader = OK(fork());
	if (leader == 0) {
		OK(setsid());
		slave = OK(open(name, O_RDWR));
		pid_t job = JOB(1, {
			sigset_t set;
			sigemptyset(&set);
			sigaddset(&set, SIGHUP);
			OK(sigprocmask(SIG_BLOCK, &set, 0));
			EQ(write(ends[1], "r", 1), 1);
			int number = sigwaitinfo(&set, 0);
			dprintf(ends[1], "signal %d", number);
		});
		(void)job;
		EQ(read(ends[0], text, 1), 1);
		_exit(0);
	}
	EQ(exit_code(leader), 0);
	close(ends[1]);
	size_t done = 0;
	for (ssize_t n; (n = read(ends[0], text + done, sizeof text - 1 - done)) > 0;)
		done += n;
	text[done] = 0;
	OUT("%s", text);
}

CASE(vhangup_disconnects)
{
	IN_SESSION({
		signal(SIGHUP, SIG_IGN);
		OK(vhangup());
		char byte;
		EQ(read(slave, &byte, 1), 0);
		ERR(write(slave, "x", 1), EIO);
	});
}
