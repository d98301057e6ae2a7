/*
 * Calls whose buffers straddle an unmapped page. A table gives each call with arguments that it takes; then for every pointer among
 * them the buffer is put so that only its first N bytes are mapped, for many N from none to all. What the call answers, and how far
 * it has written if it is no error, is printed, and must be what it is on Linux.
 */
#include "../check.h"
#include <poll.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* A long as the kernel sees it. */
typedef __syscall_slong_t word;

enum kind { END, VALUE, TEXT, IN, OUT_, BOTH, VECTOR };
struct argument {
	enum kind kind;
	word value;
	const void *content;
	unsigned size;
};
enum flag {
	COUNT = 1,    /* the result is shown, not only that it is no error */
	ZOMBIE = 2,   /* a child has just ended */
	NEW_TASK = 4, /* it returns in a child, too */
	SILENT = 8,   /* what it writes differs from run to run */
};
struct row {
	const char *name;
	int number, flags;
	struct argument arguments[7];
};

#define V(number) {VALUE, (word)(number), 0, 0}
#define P(text) {TEXT, 0, text, sizeof text}
#define I(content) {IN, 0, &content, sizeof content}
#define O(bytes) {OUT_, 0, 0, bytes}
#define B(content) {BOTH, 0, &content, sizeof content}
#define W {VECTOR, 0, 0, 2 * sizeof(struct iovec)}
#define AS(label, call, flags, ...) {label, SYS_##call, flags, {__VA_ARGS__}}
#define R(call, flags, ...) AS(#call, call, flags, __VA_ARGS__)

/* Descriptors that every call finds. */
enum { FILE_FD = 20, COPY_FD, FOLDER, PIPE_OUT, PIPE_IN, EVENT, POLLER, TIMER, SIGNALS, SELF_FD, ZERO, NULL_FD, PROC, TERMINAL, SOCKET_OUT,
       SOCKET_IN, LONE_SOCKET, NOTIFIER, LAST_FD };
#define HERE AT_FDCWD
/* Stands for the process's own number. */
#define SELF 0x7e57
/* Stands for the number of the device that the files are on, as ustat(2) has it. */
#define DEVICE 0xde71ce

static char *edge, *aside;     /* the end of what is mapped; memory for all other buffers */
static char vector_bytes[16];  /* the first buffer of vectors */
static pid_t zombie;

static word device_here(void)
{
	struct stat here;
	OK(stat(".", &here));
	return (word)here.st_dev;
}

static void furnish(void)
{
	int pair[2];
	sigset_t set;
	char *room = mmap(0, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(room != MAP_FAILED);
	aside = room;
	edge = room + 15 * 4096;
	OK(munmap(edge, 4096));
	enter_scratch();
	umask(0);
	OK(dup2(OK(open("a", O_CREAT | O_RDWR, 0666)), FILE_FD));
	char bytes[120];
	memset(bytes, 'x', sizeof bytes);
	EQ(write(FILE_FD, bytes, sizeof bytes), sizeof bytes);
	OK(dup2(OK(open("b", O_CREAT | O_RDWR, 0666)), COPY_FD));
	OK(mkdir("d", 0777));
	OK(symlink("a", "link"));
	OK(dup2(OK(open(".", O_RDONLY)), FOLDER));
	OK(pipe2(pair, O_NONBLOCK));
	OK(dup2(pair[0], PIPE_OUT));
	OK(dup2(pair[1], PIPE_IN));
	OK(dup2(OK(syscall(SYS_eventfd2, 0, O_NONBLOCK)), EVENT));
	OK(dup2(OK(syscall(SYS_epoll_create1, 0)), POLLER));
	struct {
		uint32_t events, data[2];
	} event = {1, {7, 8}};
	OK(syscall(SYS_epoll_ctl, POLLER, 1, PIPE_OUT, &event));
	OK(dup2(OK(syscall(SYS_timerfd_create, CLOCK_MONOTONIC, O_NONBLOCK)), TIMER));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &set, 0));
	CATCH(SIGUSR1, 0);
	OK(dup2(OK(syscall(SYS_signalfd4, -1, &set, 8, O_NONBLOCK)), SIGNALS));
	OK(dup2(OK(syscall(SYS_pidfd_open, getpid(), 0)), SELF_FD));
	OK(dup2(OK(open("/dev/zero", O_RDWR)), ZERO));
	OK(dup2(OK(open("/dev/null", O_RDWR)), NULL_FD));
	OK(dup2(OK(open("/proc/self/status", O_RDONLY)), PROC));
	OK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair));
	OK(dup2(pair[0], SOCKET_OUT));
	OK(dup2(pair[1], SOCKET_IN));
	OK(close(pair[0]));
	OK(close(pair[1]));
	OK(dup2(OK(socket(AF_UNIX, SOCK_DGRAM, 0)), LONE_SOCKET));
	OK(dup2(OK(syscall(SYS_inotify_init1, O_NONBLOCK)), NOTIFIER));
	OK(dup2(OK(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK)), TERMINAL));
	struct {
		union sigval value;
		int signal, notify, room[12];
	} none = {.notify = SIGEV_NONE};
	int timer;
	OK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &none, &timer));
	EQ(timer, 0);
	/* The first object of each kind has the number 0. */
	OK(unshare(CLONE_NEWIPC));
	EQ(semget(IPC_PRIVATE, 3, 0600), 0);
	EQ(msgget(IPC_PRIVATE, 0600), 0);
	EQ(shmget(IPC_PRIVATE, 4096, 0600), 0);
}

/* Before every call: the same offsets, bytes in the pipe, one message in the queue, a pending signal, an expired timer. */
static void prepare(const struct row *row)
{
	char bytes[100];
	word soon[4] = {0, 0, 0, 1};
	static const uint64_t one = 1;
	lseek(FILE_FD, 0, SEEK_SET);
	lseek(COPY_FD, 0, SEEK_SET);
	lseek(FOLDER, 0, SEEK_SET);
	lseek(PROC, 0, SEEK_SET);
	while (read(PIPE_OUT, bytes, sizeof bytes) > 0)
		;
	memset(bytes, 'y', sizeof bytes);
	CHECK(write(PIPE_IN, bytes, 50) == 50);
	while (read(SOCKET_OUT, bytes, sizeof bytes) > 0)
		;
	CHECK(write(SOCKET_IN, bytes, 60) == 60);
	CHECK(write(EVENT, &one, sizeof one) == sizeof one);
	syscall(SYS_timerfd_settime, TIMER, 0, soon, 0);
	struct {
		long type;
		char text[8];
	} message = {1, "message"};
	while (msgrcv(0, &message, 8, 0, IPC_NOWAIT | MSG_NOERROR) >= 0)
		;
	message.type = 1;
	msgsnd(0, &message, 8, IPC_NOWAIT);
	raise(SIGUSR1);
	poll(&(struct pollfd){TIMER, POLLIN, 0}, 1, 1000);
	if (row->flags & ZOMBIE) {
		siginfo_t info;
		zombie = fork();
		if (zombie == 0)
			_exit(7);
		waitid(P_PID, zombie, &info, WEXITED | WNOWAIT);
	}
}

/* Puts a buffer at `place`, as much of it as fits before the edge if it is to straddle. */
static word put(const struct argument *argument, char *place, unsigned fits)
{
	if (argument->kind == VECTOR) {
		struct iovec vector[2] = {{vector_bytes, 10}, {aside + 8 * 4096, 60}};
		memcpy(place, vector, fits < sizeof vector ? fits : sizeof vector);
	} else if (argument->content)
		memcpy(place, argument->content, fits < argument->size ? fits : argument->size);
	return (uintptr_t)place;
}

/* The call with the straddling argument's first `fits` bytes mapped; `inner`: not the vector but its second buffer straddles. */
static word call(const struct row *row, int straddling, unsigned fits, int inner, unsigned *written)
{
	word words[6] = {0};
	prepare(row);
	memset(edge - 4096, 0x5a, 4096);
	for (int i = 0; i < 6; i++) {
		const struct argument *argument = &row->arguments[i];
		char *place = aside + i * 4096;
		if (argument->kind == VALUE)
			words[i] = argument->value == SELF ? (word)getpid() : argument->value == DEVICE ? device_here() : argument->value;
		else if (argument->kind == END)
			break;
		else if (i == straddling && !inner)
			words[i] = put(argument, edge - fits, fits);
		else
			words[i] = put(argument, place, 4096);
		if (i == straddling && inner)
			((struct iovec *)place)[1].iov_base = edge - fits;
	}
	errno = 0;
	word result = syscall(row->number, words[0], words[1], words[2], words[3], words[4], words[5]);
	int error = errno;
	if (row->flags & NEW_TASK && result == 0)
		syscall(SYS_exit_group, 0);
	*written = 0;
	for (unsigned i = 0; i < fits && row->arguments[straddling].kind >= OUT_; i++)
		if (edge[(int)i - (int)fits] != 0x5a)
			*written = i + 1;
	if (row->flags & (ZOMBIE | NEW_TASK))
		while (waitpid(-1, 0, __WALL | WNOHANG) > 0)
			;
	return result == -1 && error ? -error : result;
}

/* One line: what it answers from which number of mapped bytes on. */
static void sweep(const struct row *row, int straddling, int inner)
{
	char line[860] = "", last[64] = "";
	unsigned length = 0, size = inner ? 60 : row->arguments[straddling].size;
	furnish();
	for (unsigned fits = 0; fits <= size + 4; fits = fits < 6 || size < 24 || fits + 2 == size ? fits + 1 : fits / 4 * 4 + 4) {
		unsigned written;
		char answer[64];
		word result = call(row, straddling, fits, inner, &written);
		if (result < 0 && result > -4096)
			snprintf(answer, sizeof answer, "%s", errno_name(-result));
		else if ((unsigned)result == fits && fits)
			strcpy(answer, "all");
		else
			snprintf(answer, sizeof answer, "%ld", row->flags & COUNT || !result ? (long)result : 1L);
		if (result >= 0 && written && !(row->flags & SILENT) && row->arguments[straddling].kind == OUT_)
			snprintf(answer + strlen(answer), sizeof answer - strlen(answer), written == fits ? "/all" : "/%u", written);
		if (strcmp(answer, last) != 0 && length < sizeof line - 80)
			length += sprintf(line + length, " %u:%s", fits, answer);
		strcpy(last, answer);
	}
	OUT("%s %d%s%s", row->name, straddling + 1, inner ? " inside" : "", line);
	umount2("d", MNT_DETACH);
}

static void sweep_all(const struct row *rows, size_t count)
{
	for (size_t r = 0; r < count; r++) {
		for (int i = 0; i < 6 && rows[r].arguments[i].kind != END; i++) {
			enum kind kind = rows[r].arguments[i].kind;
			for (int inner = 0; kind != VALUE && inner <= (kind == VECTOR); inner++) {
				pid_t child = fork();
				if (child == 0) {
					alarm(10);
					sweep(&rows[r], i, inner);
					_exit(0);
				}
				int status = wait_status(child);
				if (status)
					OUT("%s %d: status %x", rows[r].name, i + 1, status);
			}
		}
	}
}
#define SWEEP(name)                                                                                                    \
	CASE_WITHIN(name, 60)                                                                                          \
	{                                                                                                              \
		sweep_all(rows_##name, sizeof rows_##name / sizeof *rows_##name);                                      \
	}
