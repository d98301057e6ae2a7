/* exit flushes what stdio holds and runs handlers; _exit does neither. Run it through a pipe to see the difference. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void farewell(void)
{
	printf(" [the handler ran]");
}

/* Runs a child that prints without a newline into a pipe and ends in one of the two ways. */
static void try_it(int underscore)
{
	int ends[2];
	char text[100];
	if (pipe(ends) != 0) {
		perror("pipe");
		exit(1);
	}
	fflush(stdout);
	if (fork() == 0) {
		dup2(ends[1], 1);
		atexit(farewell);
		printf("unflushed text");
		if (underscore)
			_exit(0);
		exit(0);
	}
	close(ends[1]);
	ssize_t length = read(ends[0], text, sizeof text - 1);
	text[length > 0 ? length : 0] = 0;
	close(ends[0]);
	wait(NULL);
	printf("%s: \"%s\"\n", underscore ? "_exit" : "exit ", text);
}

int main(void)
{
	try_it(0);
	try_it(1);
	return 0;
}
