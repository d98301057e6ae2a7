/* seccomp_unotify(2): a process that decides calls of others. */
#include "common.h"
#include <sys/socket.h>

/* Starts a child with a filter for getppid; its listener's descriptor comes back. What it does then is the rest. */
static void send_fd(int socket, int fd)
{
	char byte = 0, space[CMSG_SPACE(sizeof fd)] = {0};
	struct iovec vector = {&byte, 1};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	OK(sendmsg(socket, &message, 0));
}
#ifdef SECCOMP_BY_SOCKET
/* kept for kernels with sockets */
#endif
/* Here the listener is found without sockets: the child shares the descriptor table. */
static int shared_listener;
static volatile int ready;
static int (*child_body)(void);
static int start(void *flags)
{
	shared_listener = filter_call((unsigned)(long)flags, SYS_getppid, SECCOMP_RET_USER_NOTIF);
	if (shared_listener < 0)
		_exit(99);
	ready = 1;
	_exit(child_body());
}
static char stack[65536] __attribute__((aligned(16)));
static pid_t judged(unsigned flags, int (*body)(void))
{
	(void)send_fd;
	ready = 0;
	child_body = body;
	pid_t child = OK(clone(start, stack + sizeof stack, CLONE_VM | CLONE_FILES | SIGCHLD,
			       (void *)(long)(flags | SECCOMP_FILTER_FLAG_NEW_LISTENER)));
	while (!ready)
		sleep_ms(1);
	return child;
}
static struct seccomp_notif receive(void)
{
	struct seccomp_notif question = {0};
	OK(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_RECV, &question));
	return question;
}
static long answer(uint64_t id, long value, int error, unsigned flags)
{
	struct seccomp_notif_resp response = {.id = id, .val = value, .error = error, .flags = flags};
	return ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}
/* The result of the judged call: a value, or 128 more than the error. */
static int calls_once(void)
{
	errno = 0;
	long result = syscall(SYS_getppid, 11, 22, 33, 44, 55, 66);
	return result == -1 ? 128 + errno : (int)result;
}

CASE(a_value_and_an_error)
{
	pid_t child = judged(0, calls_once);
	struct seccomp_notif question = receive();
	EQ(question.pid, child);
	EQ(question.flags, 0);
	EQ(question.data.nr, SYS_getppid);
	EQ(question.data.arch, AUDIT_ARCH_X86_64);
	for (int i = 0; i < 6; i++)
		EQ(question.data.args[i], 11 * (i + 1));
	OK(answer(question.id, 42, 0, 0));
	EQ(exit_code(child), 42);
	close(shared_listener);
	child = judged(0, calls_once);
	question = receive();
	OK(answer(question.id, 0, -EXDEV, 0));
	EQ(exit_code(child), 128 + EXDEV);
}

CASE(the_call_can_go_on)
{
	pid_t child = judged(0, calls_once);
	struct seccomp_notif question = receive();
	ERR(answer(question.id, 1, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE), EINVAL);
	ERR(answer(question.id, 0, 1, SECCOMP_USER_NOTIF_FLAG_CONTINUE), EINVAL);
	ERR(answer(question.id, 0, 0, 2), EINVAL);
	OK(answer(question.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE));
	EQ(exit_code(child), getpid() & 0xff);
}

CASE(answers_are_checked)
{
	pid_t child = judged(0, calls_once);
	struct pollfd poller = {shared_listener, POLLIN | POLLOUT, 0};
	while (poll(&poller, 1, 0) == 0)
		sleep_ms(1);
	EQ(poller.revents, POLLIN);
	struct seccomp_notif question = {.id = 1};
	ERR(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_RECV, &question), EINVAL);
	ERR(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_RECV, (void *)8), EFAULT);
	question = receive();
	EQ(poll(&poller, 1, 0), 1);
	EQ(poller.revents, POLLOUT);
	OK(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &question.id));
	unsigned long other = question.id + 1;
	ERR(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &other), ENOENT);
	ERR(answer(other, 0, 0, 0), ENOENT);
	ERR(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_SEND, (void *)8), EFAULT);
	ERR(ioctl(shared_listener, 0x1234, 0), EINVAL);
	char byte;
	ERR(read(shared_listener, &byte, 1), EINVAL);
	OK(answer(question.id, 7, 0, 0));
	EQ(exit_code(child), 7);
	ERR(answer(question.id, 0, 0, 0), ENOENT);
	EQ(poll(&poller, 1, 1000), 1);
	EQ(poller.revents, POLLHUP);
}

CASE(a_question_not_taken_cannot_be_answered)
{
	pid_t child = judged(0, calls_once);
	struct seccomp_notif question = receive();
	uint64_t id = question.id;
	OK(answer(id, 1, 0, 0));
	EQ(exit_code(child), 1);
	close(shared_listener);
}

CASE(closing_the_listener_gives_ENOSYS)
{
	pid_t child = judged(0, calls_once);
	WAIT_STATE(child, 'S');
	close(shared_listener);
	EQ(exit_code(child), 128 + ENOSYS);
}

static int calls_with_a_handler(void)
{
	CATCH(SIGUSR1, 0);
	return calls_once();
}

CASE(a_signal_takes_the_question_back)
{
	pid_t child = judged(0, calls_with_a_handler);
	struct seccomp_notif question = receive();
	OK(kill(child, SIGUSR1));
	EQ(exit_code(child), 128 + EINTR);
	ERR(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &question.id), ENOENT);
	ERR(answer(question.id, 0, 0, 0), ENOENT);
}

CASE(taken_questions_may_wait_killable)
{
	pid_t child = judged(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, calls_with_a_handler);
	struct seccomp_notif question = receive();
	OK(kill(child, SIGUSR1));
	sleep_ms(30);
	OK(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &question.id));
	OK(answer(question.id, 3, 0, 0));
	EQ(exit_code(child), 3);
}

CASE(the_end_of_the_task_takes_the_question_back)
{
	pid_t child = judged(0, calls_once);
	struct seccomp_notif question = receive();
	OK(kill(child, SIGKILL));
	EQ(death_signal(child), SIGKILL);
	ERR(answer(question.id, 0, 0, 0), ENOENT);
}

static int reads_a_gift(void)
{
	int fd = calls_once();
	char byte = 0;
	if (fd >= 128 || read(fd, &byte, 1) != 1)
		return fd >= 128 ? fd : 1;
	return byte;
}

CASE(a_file_can_be_given)
{
	int ends[2];
	OK(pipe(ends));
	OK(write(ends[1], "\x2a", 1));
	pid_t child = judged(0, reads_a_gift);
	struct seccomp_notif question = receive();
	struct seccomp_notif_addfd gift = {.id = question.id, .srcfd = ends[0], .newfd_flags = O_CLOEXEC};
	int given = OK(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_ADDFD, &gift));
	CHECK(given != ends[0]);
	OK(answer(question.id, given, 0, 0));
	EQ(exit_code(child), 0x2a);
}

CASE(a_file_can_be_the_answer)
{
	int ends[2];
	OK(pipe(ends));
	OK(write(ends[1], "\x2b", 1));
	pid_t child = judged(0, reads_a_gift);
	struct seccomp_notif question = receive();
	struct seccomp_notif_addfd gift = {.id = question.id, .srcfd = ends[0], .flags = SECCOMP_ADDFD_FLAG_SEND};
	CHECK(OK(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_ADDFD, &gift)) > 2);
	EQ(exit_code(child), 0x2b);
}

CASE(a_file_can_have_a_number)
{
	int ends[2];
	OK(pipe(ends));
	OK(write(ends[1], "\x2c", 1));
	pid_t child = judged(0, reads_a_gift);
	struct seccomp_notif question = receive();
	struct seccomp_notif_addfd gift = {.id = question.id, .srcfd = ends[0], .newfd = 55};
	ERR(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_ADDFD, &gift), EINVAL);
	gift.flags = SECCOMP_ADDFD_FLAG_SETFD | 0x80;
	ERR(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_ADDFD, &gift), EINVAL);
	gift.flags = SECCOMP_ADDFD_FLAG_SETFD;
	gift.newfd_flags = 1;
	ERR(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_ADDFD, &gift), EINVAL);
	gift.newfd_flags = 0;
	gift.srcfd = 999;
	ERR(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_ADDFD, &gift), EBADF);
	gift.srcfd = ends[0];
	gift.id++;
	ERR(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_ADDFD, &gift), ENOENT);
	gift.id--;
	EQ(ioctl(shared_listener, SECCOMP_IOCTL_NOTIF_ADDFD, &gift), 55);
	OK(answer(question.id, 55, 0, 0));
	EQ(exit_code(child), 0x2c);
}

CASE(one_listener_at_a_time)
{
	int fd = OK(filter_call(SECCOMP_FILTER_FLAG_NEW_LISTENER, SYS_getuid, SECCOMP_RET_ALLOW));
	EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ERR(filter_call(SECCOMP_FILTER_FLAG_NEW_LISTENER, SYS_getuid, SECCOMP_RET_ALLOW), EBUSY);
	OK(close(fd));
	OK(filter_call(SECCOMP_FILTER_FLAG_NEW_LISTENER, SYS_getuid, SECCOMP_RET_ALLOW));
}

static int calls_often(void)
{
	int sum = 0;
	for (int i = 0; i < 50; i++)
		sum += syscall(SYS_getppid, i);
	return sum & 0x7f;
}

CASE(many_questions)
{
	pid_t child = judged(0, calls_often);
	for (int i = 0; i < 50; i++) {
		struct seccomp_notif question = receive();
		EQ(question.data.args[0], i);
		OK(answer(question.id, 1, 0, 0));
	}
	EQ(exit_code(child), 50);
}
