/* A pipe carries bytes from child to parent and reports the end when the writer is gone. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	int ends[2];
	if (pipe(ends) != 0) {
		perror("pipe");
		return 1;
	}
	if (fork() == 0) {
		close(ends[0]);
		for (int i = 0; i < 100; i++)
			if (write(ends[1], "0123456789", 10) != 10)
				_exit(1);
		_exit(0);
	}
	close(ends[1]);
	char buffer[64];
	long total = 0, n;
	while ((n = read(ends[0], buffer, sizeof buffer)) > 0)
		total += n;
	int status;
	wait(&status);
	printf("read %ld bytes, then %ld, child status %d\n", total, n, status);
	return 0;
}
