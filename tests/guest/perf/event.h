/* Performance events: what the programs of this folder share. */
#ifndef EVENT_H
#define EVENT_H
#include "../check.h"
#include <linux/perf_event.h>
#include <sys/ioctl.h>

#ifndef PERF_FORMAT_LOST
#define PERF_FORMAT_LOST 16
#endif

struct perf_event_attr;
typedef uint64_t u64;

static inline long open_raw(void *attribute, int pid, int cpu, int group, unsigned long flags)
{
	return syscall(SYS_perf_event_open, attribute, pid, cpu, group, flags);
}

/* The bytes of version 7, which Linux 6.1 knows. */
static inline struct perf_event_attr software(u64 config)
{
	struct perf_event_attr attribute = {.type = PERF_TYPE_SOFTWARE, .size = 128, .config = config};
	return attribute;
}

static inline int open_event(struct perf_event_attr attribute, int pid, int cpu, int group)
{
	return open_raw(&attribute, pid, cpu, group, 0);
}

/* A counter of the caller that begins at once. */
static inline int count_own(u64 config)
{
	return OK(open_event(software(config), 0, -1, -1));
}

static inline u64 value_of(int fd)
{
	u64 values[8];
	CHECK(read(fd, values, sizeof values) >= 8);
	return values[0];
}

static inline void touch_pages(int pages)
{
	char *area = mmap(0, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(area != MAP_FAILED);
	OK(madvise(area, pages * 4096, MADV_NOHUGEPAGE));
	for (int i = 0; i < pages; i++)
		((volatile char *)area)[i * 4096] = 1;
	OK(munmap(area, pages * 4096));
}

static inline void burn(int milliseconds)
{
	struct timespec start, now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < milliseconds);
}

#define MILLISECOND 1000000ull
#define BETWEEN(value, low, high)                                                                                      \
	do {                                                                                                           \
		u64 value_ = (value), low_ = (low);                                                                    \
		if (value_ < low_ || value_ > (u64)(high))                                                       \
			FAIL("%s got %llu want %llu to %llu", #value, (unsigned long long)value_,                      \
			     (unsigned long long)low_, (unsigned long long)(high));                                   \
	} while (0)
#endif
