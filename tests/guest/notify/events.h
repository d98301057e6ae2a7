/* What an inotify instance says, in words. */
#ifndef EVENTS_H
#define EVENTS_H
#include "../check.h"
#include <sys/inotify.h>
#include <sys/ioctl.h>

#ifndef IN_MASK_CREATE
#define IN_MASK_CREATE 0x10000000
#endif

static const struct {
	unsigned bit;
	const char *name;
} event_names[] = {
	{IN_ACCESS, "ACCESS"},	     {IN_MODIFY, "MODIFY"},	    {IN_ATTRIB, "ATTRIB"},	   {IN_CLOSE_WRITE, "CLOSE_WRITE"},
	{IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"}, {IN_OPEN, "OPEN"},	    {IN_MOVED_FROM, "MOVED_FROM"}, {IN_MOVED_TO, "MOVED_TO"},
	{IN_CREATE, "CREATE"},	     {IN_DELETE, "DELETE"},	    {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
	{IN_UNMOUNT, "UNMOUNT"},     {IN_Q_OVERFLOW, "Q_OVERFLOW"}, {IN_IGNORED, "IGNORED"},	   {IN_ISDIR, "ISDIR"},
};

/* Tells all events that are there; moves are numbered by their cookies. */
__attribute__((unused)) static void tell_events(const char *what, int fd)
{
	static char buffer[65536] __attribute__((aligned(8)));
	unsigned cookies[16], known = 0;
	int count = 0;
	for (;;) {
		ssize_t length = read(fd, buffer, sizeof buffer);
		if (length <= 0)
			break;
		for (ssize_t at = 0; at < length;) {
			struct inotify_event *event = (void *)(buffer + at);
			char text[300] = "";
			for (unsigned i = 0; i < sizeof event_names / sizeof *event_names; i++)
				if (event->mask & event_names[i].bit) {
					strcat(text, " ");
					strcat(text, event_names[i].name);
				}
			unsigned move = 0;
			if (event->cookie) {
				for (move = 0; move < known && cookies[move] != event->cookie; move++) {
				}
				if (move == known && known < 16)
					cookies[known++] = event->cookie;
				move++;
			}
			OUT("%s: watch %d%s%s%s length %u move %u", what, event->wd, text, event->len ? " of " : "",
			    event->len ? event->name : "", event->len, move);
			at += sizeof *event + event->len;
			if (++count > 100)
				FAIL("too many events");
		}
	}
	OUT("%s: %d", what, count);
}

static char folder[64];
/* A fresh folder, which becomes the working directory. */
__attribute__((unused)) static void begin_folder(void)
{
	snprintf(folder, sizeof folder, "/tmp/notify-%d", getpid());
	OK(mkdir(folder, 0755));
	OK(chdir(folder));
}
__attribute__((unused)) static void end_folder(void)
{
	char command[100];
	OK(chdir("/"));
	snprintf(command, sizeof command, "%s", folder);
	pid_t child = fork();
	if (child == 0) {
		execlp("rm", "rm", "-rf", command, (char *)0);
		_exit(1);
	}
	waitpid(child, 0, 0);
}
__attribute__((unused)) static void make(const char *name)
{
	int fd = OK(open(name, O_CREAT | O_WRONLY, 0644));
	EQ(write(fd, "text", 4), 4);
	OK(close(fd));
}
#endif
