/* Who may read the kernel log: dmesg_restrict. */
#include "../check.h"
#include <sys/klog.h>

static const char restrict_path[] = "/proc/sys/kernel/dmesg_restrict";

static void set_restriction(const char *value)
{
	int fd = OK(open(restrict_path, O_WRONLY));
	EQ(write(fd, value, strlen(value)), strlen(value));
	OK(close(fd));
}
static void try(const char *who)
{
	static char text[4096];
	OUT("%s: size of the log %s", who, outcome(klogctl(10, 0, 0)));
	OUT("%s: all of the log %s", who, outcome(klogctl(3, text, 100)));
	OUT("%s: what was not read %s", who, outcome(klogctl(9, 0, 0)));
	OUT("%s: nothing %s", who, outcome(klogctl(0, 0, 0)));
	OUT("%s: unknown %s", who, outcome(klogctl(11, 0, 0)));
	static const struct {
		const char *what;
		int flags;
	} ways[] = {{"read", O_RDONLY}, {"write", O_WRONLY}, {"both", O_RDWR}};
	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
		int fd = open("/dev/kmsg", ways[i].flags | O_NONBLOCK);
		OUT("%s: opened to %s %s", who, ways[i].what, outcome(fd));
		if (fd >= 0)
			close(fd);
	}
}

CASE(restricted_to_who_has_the_right)
{
	char value[8];
	OK(chmod("/dev/kmsg", 0666)); /* the mode is not what this is about */
	EQ(read_file(restrict_path, value, sizeof value), 2);
	OUT("at first %c", value[0]);
	for (int restricted = 1; restricted >= 0; restricted--) {
		set_restriction(restricted ? "1\n" : "0");
		try(restricted ? "root, restricted" : "root");
		IN_CHILD({
			OK(setresuid(1000, 1000, 1000));
			try(restricted ? "user, restricted" : "user");
		});
	}
	int fd = OK(open(restrict_path, O_WRONLY));
	ERR(write(fd, "2", 1), EINVAL);
	ERR(write(fd, "-1", 2), EINVAL);
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(write(fd, "1", 1), EPERM);
		ERR(write(fd, "no number", 9), EPERM);
		ERR(open(restrict_path, O_WRONLY), EACCES);
	});
	OK(close(fd));
	set_restriction("1");
	OK(chmod("/dev/kmsg", 0644));
}
