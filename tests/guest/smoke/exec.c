/* execve replaces the program, keeps the pid, passes arguments and environment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "second") == 0) {
		printf("second: same pid %s, FRUIT=%s\n", atoi(argv[2]) == getpid() ? "yes" : "no", getenv("FRUIT"));
		return 5;
	}
	char pid[16];
	snprintf(pid, sizeof pid, "%d", getpid());
	printf("first\n");
	fflush(stdout);
	char *arguments[] = {argv[0], "second", pid, 0}, *environment[] = {"FRUIT=pear", 0};
	execve(argv[0], arguments, environment);
	perror("execve");
	return 1;
}
