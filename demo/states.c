/* The states of a process as /proc shows them: running, sleeping, a vfork parent, stopped, traced, a zombie. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char state_of(pid_t pid)
{
	char path[64], text[512] = "";
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "r");
	if (!file)
		return '?';
	if (!fgets(text, sizeof text, file))
		text[0] = 0;
	fclose(file);
	char *name_end = strrchr(text, ')');
	return name_end ? name_end[2] : '?';
}

/* Shows the state, waiting a while until it is the one expected. */
static void show(const char *what, pid_t pid, char expected)
{
	struct timespec pause_time = {0, 5000000};
	char state = 0;
	for (int i = 0; i < 400 && (state = state_of(pid)) != expected; i++)
		nanosleep(&pause_time, NULL);
	printf("%-28s %c\n", what, state);
	fflush(stdout);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	int ends[2];
	char byte;
	show("running (this process)", getpid(), 'R');

	pid_t child = fork();
	if (child == 0)
		for (;;)
			pause();
	show("asleep in pause", child, 'S');
	kill(child, SIGSTOP);
	show("stopped by SIGSTOP", child, 'T');
	kill(child, SIGKILL);
	show("ended, not yet waited for", child, 'Z');
	waitpid(child, NULL, 0);

	if (pipe(ends) != 0)
		return 1;
	child = fork();
	if (child == 0) {
		if (vfork() == 0)
			_exit(read(ends[0], &byte, 1) != 1);
		_exit(0);
	}
	show("waiting for its vfork child", child, 'D');
	if (write(ends[1], "x", 1) != 1)
		return 1;
	waitpid(child, NULL, 0);

	child = fork();
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
			perror("ptrace");
			_exit(1);
		}
		raise(SIGSTOP);
		_exit(0);
	}
	show("stopped under a tracer", child, 't');
	end(child);
	return 0;
}
