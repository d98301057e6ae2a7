/* A wrong pointer given to a call is an error (EFAULT); the same pointer used by the program itself is a signal (SIGSEGV). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	char *volatile wrong = (char *)0x1000;
	int zero = open("/dev/zero", O_RDONLY);
	ssize_t result = read(zero, wrong, 10);
	printf("read(fd, 0x1000, 10) = %zd (%s)\n", result, result < 0 ? strerror(errno) : "?");
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		*wrong = 1;
		_exit(0);
	}
	int status;
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status))
		printf("*(char *)0x1000 = 1 ends the process by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
	return 0;
}
