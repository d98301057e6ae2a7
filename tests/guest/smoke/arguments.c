/* argc, argv and envp as the kernel put them on the stack. */
#include <stdio.h>

int main(int argc, char **argv, char **envp)
{
	printf("argc %d\n", argc);
	for (int i = 1; argv[i]; i++)
		printf("argv[%d] %s\n", i, argv[i]);
	printf("argv[argc] %s\n", argv[argc] ? "set" : "NULL");
	for (int i = 0; envp[i]; i++)
		printf("envp[%d] %s\n", i, envp[i]);
	return 0;
}
