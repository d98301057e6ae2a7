/* waitpid with WNOHANG returns 0 while the child still lives, so that the parent can do something else. */
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void sleep_ms(long milliseconds)
{
	struct timespec t = {0, milliseconds * 1000000};
	nanosleep(&t, NULL);
}

int main(void)
{
	int status, polls = 0;
	pid_t child = fork();
	if (child == 0) {
		sleep_ms(300);
		_exit(42);
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		polls++;
		sleep_ms(50);
	}
	printf("the child was %s while I polled\n", polls > 1 ? "asleep" : "gone");
	if (WIFEXITED(status))
		printf("then it exited with status %d\n", WEXITSTATUS(status));
	printf("another wait: %d, no child is left\n", (int)waitpid(-1, &status, WNOHANG));
	return 0;
}
