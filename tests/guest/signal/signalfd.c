/* signalfd(2). */
#include "../check.h"
#include <poll.h>
#include <sys/signalfd.h>

static sigset_t blocked(int number)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, number);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	return set;
}

CASE(reads_a_pending_signal)
{
	struct signalfd_siginfo info;
	sigset_t set = blocked(SIGUSR1);
	int fd = OK(signalfd(-1, &set, 0));
	OK(kill(getpid(), SIGUSR1));
	EQ(read(fd, &info, sizeof info), sizeof info);
	EQ(info.ssi_pid, getpid());
	OUT("signo %u code %d uid %u", info.ssi_signo, info.ssi_code, info.ssi_uid);
}

CASE(reads_several_at_once)
{
	struct signalfd_siginfo info[4];
	sigset_t set = blocked(SIGRTMIN);
	int fd = OK(signalfd(-1, &set, 0));
	for (int i = 0; i < 3; i++)
		OK(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i}));
	EQ(read(fd, info, sizeof info), 3 * sizeof *info);
	EQ(info[2].ssi_int, 2);
}

CASE(nonblocking_gives_EAGAIN)
{
	struct signalfd_siginfo info;
	sigset_t set = blocked(SIGUSR1);
	int fd = OK(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
	EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ERR(read(fd, &info, sizeof info), EAGAIN);
}

CASE(short_buffer_is_EINVAL)
{
	char small[16];
	sigset_t set = blocked(SIGUSR1);
	int fd = OK(signalfd(-1, &set, 0));
	ERR(read(fd, small, sizeof small), EINVAL);
}

CASE(poll_tells_when_one_is_pending)
{
	sigset_t set = blocked(SIGUSR1);
	int fd = OK(signalfd(-1, &set, 0));
	struct pollfd watch = {fd, POLLIN, 0};
	EQ(poll(&watch, 1, 0), 0);
	raise(SIGUSR1);
	EQ(poll(&watch, 1, 1000), 1);
	EQ(watch.revents, POLLIN);
}

CASE(set_can_be_changed)
{
	struct signalfd_siginfo info;
	sigset_t one = blocked(SIGUSR1), two = blocked(SIGUSR2);
	int fd = OK(signalfd(-1, &one, SFD_NONBLOCK));
	EQ(OK(signalfd(fd, &two, 0)), fd);
	raise(SIGUSR1);
	ERR(read(fd, &info, sizeof info), EAGAIN);
	raise(SIGUSR2);
	EQ(read(fd, &info, sizeof info), sizeof info);
}

CASE(errors)
{
	sigset_t set = blocked(SIGUSR1);
	ERR(signalfd(-1, &set, 1), EINVAL);
	ERR(signalfd(99, &set, 0), EBADF);
	ERR(signalfd(1, &set, 0), EINVAL);
	ERR(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
	ERR(syscall(SYS_signalfd4, -1, 16L, 8, 0), EFAULT);
}
