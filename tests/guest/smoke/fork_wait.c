/* fork tells parent and child apart; the parent gets the exit status; memory is copied, not shared. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	static volatile int shared = 1;
	pid_t child = fork();
	if (child == 0) {
		shared = 2;
		_exit(42);
	}
	if (child < 0) {
		perror("fork");
		return 1;
	}
	int status = 0;
	pid_t waited = waitpid(child, &status, 0);
	printf("the child I forked: %s\n", waited == child ? "yes" : "no");
	printf("exited %d status %d\n", WIFEXITED(status), WEXITSTATUS(status));
	printf("my copy is still %d\n", shared);
	return 0;
}
