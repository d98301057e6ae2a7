/* Software events that count: what they count, for whom, and when they do. */
#include "event.h"
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/prctl.h>

CASE(page_faults_of_the_caller)
{
	int all = count_own(PERF_COUNT_SW_PAGE_FAULTS), minor = count_own(PERF_COUNT_SW_PAGE_FAULTS_MIN);
	int major = count_own(PERF_COUNT_SW_PAGE_FAULTS_MAJ);
	touch_pages(50);
	u64 before = value_of(all), before_minor = value_of(minor);
	touch_pages(100);
	BETWEEN(value_of(all) - before, 100, 110);
	BETWEEN(value_of(minor) - before_minor, 100, 110);
	EQ(value_of(major), 0);
	struct rusage usage;
	OK(getrusage(RUSAGE_SELF, &usage));
	CHECK(usage.ru_minflt >= 150);
}

CASE(faults_of_the_kernel_are_told_apart)
{
	struct perf_event_attr attribute = software(PERF_COUNT_SW_PAGE_FAULTS);
	attribute.exclude_user = 1;
	int kernel = OK(open_event(attribute, 0, -1, -1));
	attribute.exclude_user = 0;
	attribute.exclude_kernel = 1;
	int user = OK(open_event(attribute, 0, -1, -1));
	int zero = OK(open("/dev/zero", O_RDONLY));
	char *area = mmap(0, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	OK(madvise(area, 64 * 4096, MADV_NOHUGEPAGE));
	u64 before_kernel = value_of(kernel), before_user = value_of(user);
	for (int i = 0; i < 32; i++)
		EQ(read(zero, area + i * 4096, 1), 1);
	BETWEEN(value_of(kernel) - before_kernel, 32, 34);
	BETWEEN(value_of(user) - before_user, 0, 4);
	before_kernel = value_of(kernel);
	before_user = value_of(user);
	for (int i = 32; i < 64; i++)
		((volatile char *)area)[i * 4096] = 1;
	BETWEEN(value_of(kernel) - before_kernel, 0, 2);
	BETWEEN(value_of(user) - before_user, 32, 36);
}

static sigjmp_buf back_from_fault;
static void jump(int signal)
{
	siglongjmp(back_from_fault, signal);
}

CASE(a_wrong_access_is_a_fault_too)
{
	int all = count_own(PERF_COUNT_SW_PAGE_FAULTS), minor = count_own(PERF_COUNT_SW_PAGE_FAULTS_MIN);
	signal(SIGSEGV, jump);
	if (sigsetjmp(back_from_fault, 1) == 0)
		*(volatile char *)16 = 1;
	volatile u64 before = value_of(all), before_minor = value_of(minor);
	for (volatile int i = 0; i < 10; i++)
		if (sigsetjmp(back_from_fault, 1) == 0)
			*(volatile char *)16 = 1;
	BETWEEN(value_of(all) - before, 10, 13);
	BETWEEN(value_of(minor) - before_minor, 0, 3);
}

CASE(clocks_count_the_time_on_a_processor)
{
	int task = count_own(PERF_COUNT_SW_TASK_CLOCK), cpu = count_own(PERF_COUNT_SW_CPU_CLOCK);
	u64 before = value_of(task), before_cpu = value_of(cpu);
	burn(50);
	sleep_ms(100);
	BETWEEN(value_of(task) - before, 50 * MILLISECOND, 95 * MILLISECOND);
	BETWEEN(value_of(cpu) - before_cpu, 50 * MILLISECOND, 95 * MILLISECOND);
}

CASE(switches_are_counted)
{
	int fd = count_own(PERF_COUNT_SW_CONTEXT_SWITCHES);
	struct perf_event_attr attribute = software(PERF_COUNT_SW_CONTEXT_SWITCHES);
	attribute.exclude_kernel = 1;
	int user = OK(open_event(attribute, 0, -1, -1));
	struct rusage usage;
	OK(getrusage(RUSAGE_SELF, &usage));
	long voluntary = usage.ru_nvcsw;
	u64 before = value_of(fd);
	for (int i = 0; i < 20; i++)
		sleep_ms(1);
	BETWEEN(value_of(fd) - before, 20, 60);
	/* The scheduler is the kernel's. */
	EQ(value_of(user), 0);
	OK(getrusage(RUSAGE_SELF, &usage));
	BETWEEN(usage.ru_nvcsw - voluntary, 20, 40);
}

CASE(moves_to_another_processor_are_counted)
{
	cpu_set_t set;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP("one processor");
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	OK(sched_setaffinity(0, sizeof set, &set));
	int fd = count_own(PERF_COUNT_SW_CPU_MIGRATIONS);
	u64 before = value_of(fd);
	for (int i = 1; i <= 10; i++) {
		CPU_ZERO(&set);
		CPU_SET(i % 2, &set);
		OK(sched_setaffinity(0, sizeof set, &set));
	}
	EQ(value_of(fd) - before, 10);
}

CASE(what_never_happens_is_not_counted)
{
	int kinds[] = {PERF_COUNT_SW_ALIGNMENT_FAULTS, PERF_COUNT_SW_EMULATION_FAULTS, PERF_COUNT_SW_DUMMY,
		       PERF_COUNT_SW_BPF_OUTPUT, PERF_COUNT_SW_CGROUP_SWITCHES};
	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		int fd = count_own(kinds[i]);
		touch_pages(10);
		sleep_ms(2);
		OUT("%d: %llu", kinds[i], (unsigned long long)value_of(fd));
	}
}

CASE(enabled_and_disabled)
{
	struct perf_event_attr attribute = software(PERF_COUNT_SW_PAGE_FAULTS);
	attribute.disabled = 1;
	attribute.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
	int fd = OK(open_event(attribute, 0, -1, -1));
	touch_pages(20);
	u64 values[3], later[3];
	EQ(read(fd, values, sizeof values), 24);
	OUT("disabled: %llu %llu %llu", (unsigned long long)values[0], (unsigned long long)values[1],
	    (unsigned long long)values[2]);
	OK(ioctl(fd, PERF_EVENT_IOC_ENABLE, 0));
	OK(ioctl(fd, PERF_EVENT_IOC_ENABLE, 0));
	touch_pages(20);
	burn(5);
	OK(ioctl(fd, PERF_EVENT_IOC_DISABLE, 0));
	EQ(read(fd, values, sizeof values), 24);
	BETWEEN(values[0], 20, 26);
	BETWEEN(values[1], 5 * MILLISECOND, 50 * MILLISECOND);
	EQ(values[1], values[2]);
	touch_pages(20);
	EQ(read(fd, later, sizeof later), 24);
	CHECK(memcmp(values, later, sizeof values) == 0);
	OK(ioctl(fd, PERF_EVENT_IOC_RESET, 0));
	EQ(read(fd, later, sizeof later), 24);
	EQ(later[0], 0);
	EQ(later[1], values[1]);
}

CASE(groups)
{
	struct perf_event_attr attribute = software(PERF_COUNT_SW_PAGE_FAULTS);
	attribute.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_LOST;
	attribute.disabled = 1;
	int leader = OK(open_event(attribute, 0, -1, -1));
	attribute.disabled = 0;
	attribute.config = PERF_COUNT_SW_PAGE_FAULTS_MIN;
	int second = OK(open_event(attribute, 0, -1, leader));
	attribute.config = PERF_COUNT_SW_DUMMY;
	attribute.read_format = PERF_FORMAT_LOST;
	int third = OK(open_event(attribute, 0, -1, leader));
	touch_pages(10);
	u64 values[32], ids[3], one[2];
	EQ(read(third, one, sizeof one), 16);
	EQ(one[1], 0);
	ERR(read(leader, values, 80), ENOSPC);
	EQ(read(leader, values, sizeof values), 88);
	OUT("members %llu, time %d", (unsigned long long)values[0], values[1] != 0);
	for (int i = 0; i < 3; i++)
		OUT("value %llu lost %llu", (unsigned long long)values[2 + i * 3], (unsigned long long)values[4 + i * 3]);
	OK(ioctl(leader, PERF_EVENT_IOC_ID, &ids[0]));
	OK(ioctl(second, PERF_EVENT_IOC_ID, &ids[1]));
	OK(ioctl(third, PERF_EVENT_IOC_ID, &ids[2]));
	CHECK(ids[0] && ids[0] < ids[1] && ids[1] < ids[2]);
	for (int i = 0; i < 3; i++)
		EQ(values[3 + i * 3], ids[i]);
	OK(ioctl(leader, PERF_EVENT_IOC_ENABLE, 0));
	touch_pages(10);
	EQ(read(second, values, sizeof values), 88);
	BETWEEN(values[2], 10, 14);
	BETWEEN(values[5], 10, 14);
	/* The leader takes the others with it, the flag says so for their own switch. */
	OK(ioctl(second, PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP));
	OK(ioctl(leader, PERF_EVENT_IOC_ENABLE, 0));
	OK(ioctl(leader, PERF_EVENT_IOC_RESET, PERF_IOC_FLAG_GROUP));
	touch_pages(10);
	EQ(read(leader, values, sizeof values), 88);
	BETWEEN(values[2], 10, 14);
	EQ(values[5], 0);
	OK(ioctl(second, PERF_EVENT_IOC_ENABLE, 0));
	/* Without their leader they go on alone. */
	OK(close(leader));
	touch_pages(10);
	EQ(read(second, values, sizeof values), 40);
	EQ(values[0], 1);
	BETWEEN(values[2], 10, 30);
}

CASE(who_may_be_grouped)
{
	int leader = count_own(PERF_COUNT_SW_PAGE_FAULTS);
	struct perf_event_attr attribute = software(PERF_COUNT_SW_DUMMY);
	int member = OK(open_event(attribute, 0, -1, leader));
	ERR(open_event(attribute, 0, -1, member), EINVAL);
	ERR(open_event(attribute, -1, 0, leader), EINVAL);
	pid_t child = sleeping_child();
	ERR(open_event(attribute, child, -1, leader), EINVAL);
	end_child(child);
	ERR(open_event(attribute, 0, -1, 1), EBADF);
	ERR(open_event(attribute, 0, -1, 99), EBADF);
	ERR(open_event(attribute, 0, -1, -2), EBADF);
	attribute.pinned = 1;
	ERR(open_event(attribute, 0, -1, leader), EINVAL);
	attribute.pinned = 0;
	attribute.exclusive = 1;
	ERR(open_event(attribute, 0, -1, leader), EINVAL);
	attribute.exclusive = 0;
	attribute.inherit = 1;
	ERR(open_event(attribute, 0, -1, leader), EINVAL);
	attribute.inherit = 0;
	attribute.use_clockid = 1;
	attribute.clockid = CLOCK_MONOTONIC;
	ERR(open_event(attribute, 0, -1, leader), EINVAL);
	OK(open_event(attribute, 0, -1, -1));
	attribute.use_clockid = 0;
	ERR(open_raw(&attribute, 0, -1, leader, PERF_FLAG_FD_OUTPUT), EINVAL);
	OK(open_raw(&attribute, 0, -1, leader, PERF_FLAG_FD_NO_GROUP));
	OK(open_raw(&attribute, 0, -1, -1, PERF_FLAG_FD_OUTPUT | PERF_FLAG_FD_NO_GROUP));
}

CASE(another_process_and_its_end)
{
	int ends[2];
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		char byte;
		read(ends[0], &byte, 1);
		touch_pages(50);
		burn(10);
		_exit(0);
	}
	struct perf_event_attr attribute = software(PERF_COUNT_SW_PAGE_FAULTS);
	attribute.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
	int fd = OK(open_event(attribute, child, -1, -1));
	u64 values[3], later[3];
	sleep_ms(20);
	EQ(read(fd, values, sizeof values), 24);
	BETWEEN(values[1], 0, 5 * MILLISECOND);
	EQ(write(ends[1], "x", 1), 1);
	EQ(exit_code(child), 0);
	EQ(read(fd, values, sizeof values), 24);
	BETWEEN(values[0], 50, 90);
	BETWEEN(values[1], 10 * MILLISECOND, 100 * MILLISECOND);
	EQ(values[1], values[2]);
	sleep_ms(5);
	EQ(read(fd, later, sizeof later), 24);
	CHECK(memcmp(values, later, sizeof values) == 0);
	OK(ioctl(fd, PERF_EVENT_IOC_DISABLE, 0));
	OK(ioctl(fd, PERF_EVENT_IOC_ENABLE, 0));
	OK(ioctl(fd, PERF_EVENT_IOC_RESET, 0));
	EQ(read(fd, later, sizeof later), 24);
	EQ(later[0], 0);
	attribute.config = PERF_COUNT_SW_DUMMY;
	ERR(open_event(attribute, 0, -1, fd), EINVAL);
	ERR(open_event(attribute, child, -1, -1), ESRCH);
}

static void *thread_of_faults(void *unused)
{
	touch_pages(40);
	return unused;
}

CASE(children_are_counted_where_that_is_inherited)
{
	for (int inherits = 0; inherits < 2; inherits++) {
		struct perf_event_attr attribute = software(PERF_COUNT_SW_PAGE_FAULTS_MIN);
		attribute.inherit = inherits;
		int fd = OK(open_event(attribute, 0, -1, -1));
		u64 before = value_of(fd);
		pid_t child = OK(fork());
		if (child == 0) {
			/* A grandchild's count goes the same way. */
			pid_t grandchild = OK(fork());
			if (grandchild == 0) {
				touch_pages(1000);
				_exit(0);
			}
			EQ(exit_code(grandchild), 0);
			touch_pages(1000);
			_exit(0);
		}
		EQ(exit_code(child), 0);
		u64 faults = value_of(fd) - before;
		OUT("inherit %d: %s", inherits, faults >= 2000 ? "counted" : "not counted");
		CHECK(faults < 3000);
	}
}

CASE(a_living_child_is_counted_and_switched_too)
{
	int ends[2], back[2];
	char byte;
	OK(pipe(ends));
	OK(pipe(back));
	struct perf_event_attr attribute = software(PERF_COUNT_SW_PAGE_FAULTS_MIN);
	attribute.inherit = 1;
	int fd = OK(open_event(attribute, 0, -1, -1));
	pid_t child = OK(fork());
	if (child == 0) {
		OK(close(ends[1]));
		while (read(ends[0], &byte, 1) == 1) {
			touch_pages(1000);
			EQ(write(back[1], "x", 1), 1);
		}
		_exit(0);
	}
	OK(close(ends[0]));
	u64 before = value_of(fd);
	EQ(write(ends[1], "x", 1), 1);
	EQ(read(back[0], &byte, 1), 1);
	BETWEEN(value_of(fd) - before, 1000, 1200);
	OK(ioctl(fd, PERF_EVENT_IOC_DISABLE, 0));
	before = value_of(fd);
	EQ(write(ends[1], "x", 1), 1);
	EQ(read(back[0], &byte, 1), 1);
	EQ(value_of(fd), before);
	OK(ioctl(fd, PERF_EVENT_IOC_ENABLE, 0));
	EQ(write(ends[1], "x", 1), 1);
	EQ(read(back[0], &byte, 1), 1);
	BETWEEN(value_of(fd) - before, 1000, 1200);
	OK(ioctl(fd, PERF_EVENT_IOC_RESET, 0));
	BETWEEN(value_of(fd), 0, 50);
	OK(close(ends[1]));
	EQ(exit_code(child), 0);
}

CASE(threads_only)
{
	struct perf_event_attr attribute = software(PERF_COUNT_SW_PAGE_FAULTS_MIN);
	attribute.inherit = attribute.inherit_thread = 1;
	int fd = OK(open_event(attribute, 0, -1, -1));
	pid_t child = OK(fork());
	if (child == 0) {
		touch_pages(1000);
		_exit(0);
	}
	EQ(exit_code(child), 0);
	CHECK(value_of(fd) < 500);
	pthread_t thread;
	u64 before = value_of(fd);
	EQ(pthread_create(&thread, 0, thread_of_faults, 0), 0);
	EQ(pthread_join(thread, 0), 0);
	BETWEEN(value_of(fd) - before, 40, 80);
}

CASE(enabled_by_exec)
{
	struct perf_event_attr attribute = software(PERF_COUNT_SW_TASK_CLOCK);
	attribute.disabled = attribute.enable_on_exec = attribute.inherit = 1;
	int ends[2];
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		char byte;
		EQ(read(ends[0], &byte, 1), 1);
		execl("/proc/self/exe", "count", "--list", (char *)0);
		_exit(9);
	}
	int fd = OK(open_event(attribute, child, -1, -1));
	attribute.remove_on_exec = 1;
	attribute.enable_on_exec = attribute.disabled = 0;
	int removed = OK(open_event(attribute, child, -1, -1));
	burn(2);
	EQ(value_of(fd), 0);
	EQ(write(ends[1], "x", 1), 1);
	int status;
	OK(waitpid(child, &status, 0));
	CHECK(value_of(fd) > 0);
	CHECK(value_of(removed) < 20 * MILLISECOND);
}

CASE(all_that_the_caller_has_opened_at_once)
{
	int fd = count_own(PERF_COUNT_SW_PAGE_FAULTS);
	pid_t child = sleeping_child();
	struct perf_event_attr attribute = software(PERF_COUNT_SW_TASK_CLOCK);
	attribute.disabled = 1;
	attribute.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED;
	int own = OK(open_event(attribute, 0, -1, -1));
	OK(prctl(PR_TASK_PERF_EVENTS_DISABLE));
	u64 before = value_of(fd);
	touch_pages(20);
	EQ(value_of(fd), before);
	OK(prctl(PR_TASK_PERF_EVENTS_ENABLE));
	touch_pages(20);
	burn(2);
	BETWEEN(value_of(fd) - before, 20, 30);
	BETWEEN(value_of(own), 2 * MILLISECOND, 100 * MILLISECOND);
	end_child(child);
}

CASE(a_processor)
{
	struct perf_event_attr attribute = software(PERF_COUNT_SW_CPU_CLOCK);
	attribute.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	OK(sched_setaffinity(0, sizeof set, &set));
	int clock = OK(open_event(attribute, -1, 0, -1));
	attribute.config = PERF_COUNT_SW_PAGE_FAULTS;
	int faults = OK(open_event(attribute, -1, 0, clock));
	attribute.config = PERF_COUNT_SW_CONTEXT_SWITCHES;
	int switches = OK(open_event(attribute, -1, 0, -1));
	u64 values[3];
	u64 before_faults = value_of(faults), before = value_of(switches);
	touch_pages(200);
	for (int i = 0; i < 10; i++)
		sleep_ms(5);
	CHECK(value_of(faults) - before_faults >= 200);
	CHECK(value_of(switches) - before >= 20);
	EQ(read(clock, values, sizeof values), 24);
	BETWEEN(values[0], 50 * MILLISECOND, 2000 * MILLISECOND);
	BETWEEN(values[1], 50 * MILLISECOND, 2000 * MILLISECOND);
}

CASE(the_file)
{
	int fd = count_own(PERF_COUNT_SW_DUMMY);
	char path[64], name[64] = "";
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	OK(readlink(path, name, sizeof name - 1));
	OUT("%s %x", name, fcntl(fd, F_GETFL));
	ERR(write(fd, "12345678", 8), EINVAL);
	ERR(lseek(fd, 0, SEEK_SET), ESPIPE);
	u64 value;
	ERR(pread(fd, &value, 8, 0), ESPIPE);
	ERR(read(fd, &value, 7), ENOSPC);
	ERR(read(fd, (void *)16, 8), EFAULT);
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	EQ(poll(&poll_fd, 1, 0), 1);
	OUT("poll %x", poll_fd.revents);
	struct perf_event_attr attribute = software(PERF_COUNT_SW_DUMMY);
	int closed = OK(open_raw(&attribute, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
	EQ(fcntl(closed, F_GETFD), FD_CLOEXEC);
	EQ(fcntl(fd, F_GETFD), 0);
}
