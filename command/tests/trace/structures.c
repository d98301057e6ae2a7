/* Calls of i386 whose structures are its own. */
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char room[256] __attribute__((aligned(16)));
static void *nothing(void *argument) { return argument; }

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
	return 0;
}
