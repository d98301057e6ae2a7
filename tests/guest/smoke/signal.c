/* A handler runs and returns to where the program was; a signal ends a child. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int seen;

static void handler(int number)
{
	seen = number;
}

int main(void)
{
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	printf("handler saw %d (SIGUSR1 is %d)\n", seen, SIGUSR1);
	pid_t child = fork();
	if (child == 0)
		for (;;)
			pause();
	kill(child, SIGTERM);
	int status = 0;
	waitpid(child, &status, 0);
	printf("child signalled %d by %d\n", WIFSIGNALED(status), WTERMSIG(status));
	return 0;
}
