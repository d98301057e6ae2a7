/* fork returns twice: 0 in the child, the child's pid in the parent. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	int inherited = 1;
	fflush(stdout);
	pid_t child = fork();
	if (child < 0) {
		perror("fork");
		return 1;
	}
	if (child == 0) {
		inherited = 2;
		printf("child:  fork returned 0, my copy is %d\n", inherited);
		return 0;
	}
	wait(NULL);
	printf("parent: fork returned the child's pid, my copy is still %d\n", inherited);
	return 0;
}
