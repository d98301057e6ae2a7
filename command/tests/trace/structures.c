/* Calls of i386 whose structures are its own. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char room[256] __attribute__((aligned(16)));
static void *nothing(void *argument) { return argument; }

/* What the C library makes by socketcall(2) and ipc(2). */
static void carried(void)
{
	struct message {
		long type;
		char text[4];
	} message = {7, "abc"};
	struct sembuf one = {0, 1, IPC_NOWAIT};
	const struct timespec soon = {1, 5};
	int pair[2], id;
	char byte;
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	send(pair[0], "x", 1, MSG_NOSIGNAL);
	recv(pair[1], &byte, 1, MSG_PEEK);
	recvfrom(pair[1], &byte, 1, 0, 0, 0);
	shutdown(pair[0], SHUT_WR);
	accept(pair[0], 0, 0);
	syscall(SYS_socketcall, 99, 0);
	id = semget(IPC_PRIVATE, 1, 0600);
	semop(id, &one, 1);
	semtimedop(id, &one, 1, &soon);
	semctl(id, 0, SETVAL, 5);
	semctl(id, 0, IPC_RMID);
	id = shmget(IPC_PRIVATE, 4096, 0600);
	shmdt(shmat(id, 0, SHM_RDONLY));
	shmctl(id, IPC_RMID, 0);
	id = msgget(IPC_PRIVATE, 0600);
	msgsnd(id, &message, 4, 0);
	msgrcv(id, &message, 4, -8, IPC_NOWAIT);
	msgctl(id, IPC_RMID, 0);
}

int main(void)
{
	pthread_t thread;
	syscall(SYS_stat64, "/dev/null", room);
	syscall(SYS_stat, "/bin", room);
	syscall(SYS_statfs64, "/proc", 84, room);
	syscall(SYS_signal, SIGUSR1, SIG_IGN);
	syscall(SYS_sigprocmask, SIG_BLOCK, &(unsigned){1 << (SIGUSR2 - 1)}, 0);
	pthread_create(&thread, 0, nothing, 0);
	pthread_join(thread, 0);
	if (fork() == 0)
		_exit(0);
	wait(0);
	carried();
	return 0;
}
