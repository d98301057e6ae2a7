/* The simplest program: one line through stdio, exit status 0. */
#include <stdio.h>

int main(void)
{
	puts("hello, world");
	return 0;
}
