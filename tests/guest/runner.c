/*
 * Runs a list of programs, one after the other, and reports what each printed and how it ended, so that one boot runs everything.
 *
 *   runner LIST [--machine]
 *
 * Each line of LIST is `SECONDS PATH ARGUMENT...`. For line number I (from 0) it writes to its standard output, line by line:
 *   @I begin
 *   @I|TEXT            one line the program wrote to stdout or stderr (bytes outside 0x20..0x7e and the backslash as \xNN)
 *   @I+TEXT            a last line without its newline
 *   @I end exit N      or: end signal N, end timeout, end error ERRNO (it could not be started)
 * and `@done` at the end. With --machine it owns the virtual machine: it kills what a program left behind. As process 1 it first makes the
 * system a program expects (proc, devtmpfs, tmpfs) and at the end switches the machine off.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_ARGUMENTS = 400, MOST_OUTPUT = 1 << 20 };

static int owns_machine;
static char out[1 << 16];
static size_t out_length;

static void flush(void)
{
	for (size_t done = 0; done < out_length;) {
		ssize_t n = write(1, out + done, out_length - done);
		if (n <= 0)
			break;
		done += n;
	}
	out_length = 0;
}

static void put(const char *text, size_t length)
{
	if (out_length + length > sizeof out)
		flush();
	memcpy(out + out_length, text, length);
	out_length += length;
}

static void put_line(int index, const char *text)
{
	char line[128];
	put(line, snprintf(line, sizeof line, "@%d %s\n", index, text));
	flush();
}

/* Passes on the program's bytes as prefixed lines; `open_line` says whether a line has been begun. */
static void put_output(int index, const unsigned char *bytes, size_t length, char *held, size_t *held_length)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '\n' || *held_length > 4000) {
			char head[16];
			put(head, snprintf(head, sizeof head, "@%d%c", index, bytes[i] == '\n' ? '|' : '+'));
			put(held, *held_length);
			put("\n", 1);
			*held_length = 0;
			if (bytes[i] == '\n')
				continue;
		}
		if (bytes[i] >= 0x20 && bytes[i] < 0x7f && bytes[i] != '\\')
			held[(*held_length)++] = bytes[i];
		else
			*held_length += sprintf(held + *held_length, "\\x%02x", bytes[i]);
	}
	flush();
}

static long long now_ms(void)
{
	struct timespec t = {0, 0};
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Tells the kernel how readily to kill this process when memory runs out. */
static void set_oom_score(const char *score)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);
	if (fd >= 0 && write(fd, score, strlen(score)) < 0)
		fprintf(stderr, "runner: oom_score_adj: %s\n", strerror(errno));
	close(fd);
}

static void start(char **arguments, int output)
{
	char *environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
			       "TERM=vt100", "LC_ALL=C", 0};
	int null = open("/dev/null", O_RDWR);
	setsid();
	if (owns_machine)
		set_oom_score("0");
	if (null >= 0)
		dup2(null, 0);
	dup2(output, 1);
	dup2(output, 2);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	if (chdir("/") != 0)
		_exit(126);
	umask(022);
	execve(arguments[0], arguments, environment);
	dprintf(2, "cannot run %s: %s\n", arguments[0], strerror(errno));
	_exit(127);
}

static void run(int index, int seconds, char **arguments)
{
	char result[64] = "", held[4200];
	unsigned char bytes[4096];
	size_t held_length = 0, total = 0;
	int ends[2], status = 0, ended = 0, late = 0;

	put_line(index, "begin");
	if (pipe(ends) != 0) {
		snprintf(result, sizeof result, "end error %d", errno);
		put_line(index, result);
		return;
	}
	pid_t child = fork();
	if (child == 0)
		start(arguments, ends[1]);
	close(ends[1]);
	if (child < 0) {
		snprintf(result, sizeof result, "end error %d", errno);
		close(ends[0]);
		put_line(index, result);
		return;
	}
	/* The program has ended when it is gone; what it left behind may keep the pipe open, so its end is not waited for. */
	long long limit = now_ms() + seconds * 1000LL;
	for (int open_end = 1;;) {
		struct pollfd watch = {ends[0], POLLIN, 0};
		int ready = open_end ? poll(&watch, 1, ended ? 0 : 100) : 0;
		if (ready == 1) {
			ssize_t n = read(ends[0], bytes, sizeof bytes);
			if (n > 0) {
				total += n;
				if (total <= MOST_OUTPUT)
					put_output(index, bytes, n, held, &held_length);
				continue;
			}
			open_end = 0;
		}
		if (ended)
			break;
		pid_t waited = waitpid(child, &status, open_end && !late ? WNOHANG : 0);
		if (waited == child || (waited == -1 && errno != EINTR))
			ended = 1;
		else if (!late && now_ms() > limit) {
			late = 1;
			kill(-child, SIGKILL);
			kill(child, SIGKILL);
		}
	}
	close(ends[0]);
	kill(-child, SIGKILL);
	if (owns_machine)
		kill(-1, SIGKILL);
	if (held_length) {
		char head[16];
		put(head, snprintf(head, sizeof head, "@%d+", index));
		put(held, held_length);
		put("\n", 1);
	}
	if (late)
		snprintf(result, sizeof result, "end timeout");
	else if (WIFSIGNALED(status))
		snprintf(result, sizeof result, "end signal %d", WTERMSIG(status));
	else
		snprintf(result, sizeof result, "end exit %d", WEXITSTATUS(status));
	put_line(index, result);
}

static int run_list(const char *path)
{
	static char line[1 << 15];
	char *arguments[MOST_ARGUMENTS + 1];
	FILE *list = fopen(path, "r");
	if (!list) {
		fprintf(stderr, "runner: cannot open %s: %s\n", path, strerror(errno));
		return 1;
	}
	for (int index = 0; fgets(line, sizeof line, list); index++) {
		int count = 0;
		for (char *word = strtok(line, " \n"); word && count < MOST_ARGUMENTS; word = strtok(0, " \n"))
			arguments[count++] = word;
		arguments[count] = 0;
		if (count > 1)
			run(index, atoi(arguments[0]), arguments + 1);
	}
	fclose(list);
	put("@done\n", 6);
	flush();
	return 0;
}

static void make_system(void)
{
	static const char *const folders[] = {"/proc", "/sys", "/dev", "/tmp", "/run", "/root", "/etc", "/var"};
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		mkdir(folders[i], 0755);
	mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0);
	mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0);
	mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=755");
	mkdir("/dev/pts", 0755);
	mkdir("/dev/shm", 01777);
	mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=620,ptmxmode=666");
	mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
	mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
	mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
	sethostname("lstar", 5);
}

int main(int count, char **arguments)
{
	int machine = count > 2 && strcmp(arguments[2], "--machine") == 0;
	const char *list = count > 1 && arguments[1][0] == '/' ? arguments[1] : "/test/list";
	if (getpid() != 1) {
		owns_machine = machine;
		return run_list(list);
	}
	make_system();
	pid_t child = fork();
	if (child == 0) {
		set_oom_score("-900");
		owns_machine = 1;
		_exit(run_list(list));
	}
	if (child < 0)
		fprintf(stderr, "runner: fork: %s\n", strerror(errno));
	for (int status;;) {
		pid_t waited = wait(&status);
		if (waited == child || (waited < 0 && errno == ECHILD))
			break;
	}
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
