/* The six forms of exec: a list or a vector, with or without a search in PATH, with or without an environment. */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(const char *form)
{
	perror(form);
	_exit(127);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--reached-by") == 0) {
		const char *note = getenv("NOTE");
		printf("%s: the program runs, NOTE is %s\n", argv[2], note ? note : "not set");
		return 0;
	}
	char self[PATH_MAX], folder[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
	if (length < 0) {
		perror("/proc/self/exe");
		return 1;
	}
	self[length] = 0;
	strcpy(folder, self);
	char *name = strrchr(self, '/') + 1, *environment[] = {"NOTE=given", NULL};
	setenv("PATH", dirname(folder), 1);
	setenv("NOTE", "inherited", 1);
	for (int form = 0; form < 6; form++) {
		static const char *const forms[] = {"execl", "execlp", "execle", "execv", "execvp", "execve"};
		char *arguments[] = {name, "--reached-by", (char *)forms[form], NULL};
		fflush(stdout);
		if (fork() == 0) {
			switch (form) {
			case 0: execl(self, name, "--reached-by", forms[form], NULL); break;
			case 1: execlp(name, name, "--reached-by", forms[form], NULL); break;
			case 2: execle(self, name, "--reached-by", forms[form], NULL, environment); break;
			case 3: execv(self, arguments); break;
			case 4: execvp(name, arguments); break;
			case 5: execve(self, arguments, environment); break;
			}
			end(forms[form]);
		}
		wait(NULL);
	}
	return 0;
}
