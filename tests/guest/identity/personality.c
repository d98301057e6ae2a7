/* personality(2): what its bits change. */
#include "../check.h"
#include <sys/personality.h>
#include <sys/select.h>
#include <poll.h>
#include <sys/uio.h>

/* The protection of the area at an address, as /proc/self/maps has it. */
static const char *protection(const void *address)
{
	static char line[512], found[8];
	FILE *maps = fopen("/proc/self/maps", "r");
	strcpy(found, "none");
	while (fgets(line, sizeof line, maps)) {
		unsigned long start, end;
		char letters[8];
		if (sscanf(line, "%lx-%lx %4s", &start, &end, letters) == 3 && (unsigned long)address >= start &&
		    (unsigned long)address < end)
			strcpy(found, letters);
	}
	fclose(maps);
	return found;
}

CASE(what_is_readable_is_executable)
{
	int fd = OK(open("/tmp/personality", O_CREAT | O_RDWR, 0600));
	OK(ftruncate(fd, 4096));
	char *before = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	OK(personality(READ_IMPLIES_EXEC));
	char *readable = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *writable = mmap(0, 4096, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *none = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *file = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	OUT("before %s readable %s writable %s none %s file %s", protection(before), protection(readable), protection(writable),
	    protection(none), protection(file));
	OK(mprotect(before, 4096, PROT_READ | PROT_WRITE));
	OK(mprotect(none, 4096, PROT_WRITE));
	OUT("before %s none %s", protection(before), protection(none));
	OK(mprotect(none, 4096, PROT_READ));
	OUT("none %s", protection(none));
	char *end = sbrk(0);
	OK(brk(end + 65536));
	OUT("heap %s", protection(end + 60000));
	OK(personality(PER_LINUX));
	OK(mprotect(none, 4096, PROT_READ));
	OUT("none %s", protection(none));
	unlink("/tmp/personality");
}
CASE(timeouts_stay)
{
	int pair[2];
	OK(pipe(pair));
	fd_set set;
	struct timeval time = {0, 30000};
	FD_ZERO(&set);
	FD_SET(pair[0], &set);
	EQ(select(pair[0] + 1, &set, 0, 0, &time), 0);
	OUT("%ld %ld", (long)time.tv_sec, (long)time.tv_usec);
	OK(personality(STICKY_TIMEOUTS));
	time = (struct timeval){0, 30000};
	FD_SET(pair[0], &set);
	EQ(select(pair[0] + 1, &set, 0, 0, &time), 0);
	OUT("%ld %ld", (long)time.tv_sec, (long)time.tv_usec);
	/* What is interrupted is not made again, since its time would begin anew. */
	struct sigaction action = {.sa_handler = SIG_DFL};
	OK(sigaction(SIGCONT, &action, 0));
	pid_t child = OK(fork());
	if (child == 0) {
		time = (struct timeval){0, 400000};
		FD_SET(pair[0], &set);
		int result = select(pair[0] + 1, &set, 0, 0, &time);
		_exit(result == 0 ? 1 : result == -1 && errno == EINTR ? 2 : 3);
	}
	sleep_ms(150);
	OK(kill(child, SIGSTOP));
	OK(waitpid(child, 0, WUNTRACED));
	OK(kill(child, SIGCONT));
	OUT("stopped in between: %d", exit_code(child));
}
CASE(the_name_of_the_machine)
{
	static const unsigned long values[] = {PER_LINUX32, UNAME26, SHORT_INODE | WHOLE_SECONDS, PER_BSD, PER_SVR4};
	for (int i = 0; i < 5; i++) {
		OK(personality(values[i]));
		OUT("%lx: %x", values[i], personality(0xffffffff));
	}
}
