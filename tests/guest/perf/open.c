/* What perf_event_open(2) refuses, in which order, and what ioctl(2) answers. */
#include "event.h"
#include <linux/capability.h>
#include <sys/prctl.h>

static void try_open(const char *label, struct perf_event_attr attribute, int pid, int cpu, int group,
		     unsigned long flags)
{
	long fd = open_raw(&attribute, pid, cpu, group, flags);
	OUT("%s: %s", label, fd == -1 ? errno_name(errno) : "opened");
	if (fd >= 0)
		close(fd);
}
#define TRY(label, ...)                                                                                                \
	do {                                                                                                           \
		struct perf_event_attr a = software(PERF_COUNT_SW_DUMMY);                                              \
		__VA_ARGS__;                                                                                           \
		try_open(label, a, 0, -1, -1, 0);                                                                      \
	} while (0)

CASE(sizes)
{
	unsigned sizes[] = {0, 1, 63, 64, 65, 72, 80, 96, 104, 112, 120, 127, 128, 129, 136, 256, 4095, 4096, 4097, 65536, ~0u};
	char *pages = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct perf_event_attr *attribute = (void *)pages;
		*attribute = software(PERF_COUNT_SW_DUMMY);
		attribute->size = sizes[i];
		long fd = open_raw(attribute, 0, -1, -1, 0);
		OUT("%u: %s, size %u", sizes[i], fd == -1 ? errno_name(errno) : "opened", attribute->size);
		if (fd >= 0)
			close(fd);
	}
	for (unsigned at = 128; at < 200; at += 71) {
		struct perf_event_attr *attribute = (void *)pages;
		memset(pages, 0, 4096);
		*attribute = software(PERF_COUNT_SW_DUMMY);
		attribute->size = 200;
		pages[at] = 1;
		ERR(open_raw(attribute, 0, -1, -1, 0), E2BIG);
		OUT("byte %u is set: size %u", at, attribute->size);
	}
	/* The structure reaches into what is not there. */
	OK(munmap(pages + 4096, 4096));
	struct perf_event_attr *end = (void *)(pages + 4096 - 64);
	memset(end, 0, 64);
	end->type = PERF_TYPE_SOFTWARE;
	end->config = PERF_COUNT_SW_DUMMY;
	end->size = 64;
	OK(close(OK(open_raw(end, 0, -1, -1, 0))));
	end->size = 72;
	ERR(open_raw(end, 0, -1, -1, 0), EFAULT);
	end->size = 5000;
	ERR(open_raw(end, 0, -1, -1, 0), E2BIG);
	EQ(end->size, 128);
	ERR(open_raw(pages + 4096 - 4, 0, -1, -1, 0), EFAULT);
	ERR(open_raw(0, 0, -1, -1, 0), EFAULT);
	ERR(open_raw(0, 0, -1, -1, 16), EINVAL);
}

CASE(types_and_events)
{
	for (unsigned type = 0; type < 12; type++)
		/* Tracepoints and breakpoints are not counted here. */
		if (type != PERF_TYPE_TRACEPOINT && type != PERF_TYPE_BREAKPOINT && type < 6)
			TRY("type", a.type = type; a.config = 0; a.exclude_hv = 1);
	TRY("type 1000", a.type = 1000);
	for (unsigned config = 0; config < 14; config++)
		TRY("event", a.config = config);
	TRY("large event", a.config = 1ull << 32);
}

CASE(words)
{
	for (int bit = 0; bit < 64; bit++) {
		char label[32];
		snprintf(label, sizeof label, "flag %d", bit);
		/* What samples is another matter. */
		TRY(label, ((u64 *)&a)[5] |= 1ull << bit);
	}
	for (int bit = 0; bit < 64; bit++) {
		char label[32];
		snprintf(label, sizeof label, "read %d", bit);
		TRY(label, a.read_format = 1ull << bit);
		snprintf(label, sizeof label, "sample %d", bit);
		TRY(label, a.sample_type = 1ull << bit);
	}
	TRY("reserved 2", a.__reserved_2 = 1);
	TRY("reserved 3", ((uint32_t *)&a)[29] = 1);
	TRY("inherit and group", a.inherit = 1; a.read_format = PERF_FORMAT_GROUP);
	TRY("inherit and read", a.inherit = 1; a.sample_type = PERF_SAMPLE_READ);
	TRY("inherit and read of no type", a.inherit = 1; a.sample_type = PERF_SAMPLE_READ; a.type = 1000);
	TRY("inherit and group of no type", a.inherit = 1; a.read_format = PERF_FORMAT_GROUP; a.type = 1000);
	TRY("inherit and thread", a.inherit = 1; a.inherit_thread = 1);
	TRY("remove and enable", a.remove_on_exec = 1; a.enable_on_exec = 1);
	TRY("signal and remove", a.sigtrap = 1; a.remove_on_exec = 1);
	TRY("precise", a.precise_ip = 2);
	TRY("user registers", a.sample_type = PERF_SAMPLE_REGS_USER; a.sample_regs_user = 1);
	TRY("user registers", a.sample_type = PERF_SAMPLE_REGS_USER; a.sample_regs_user = 1ull << 12);
	TRY("user registers", a.sample_type = PERF_SAMPLE_REGS_USER; a.sample_regs_user = 1ull << 23);
	TRY("user registers", a.sample_type = PERF_SAMPLE_REGS_USER; a.sample_regs_user = 1ull << 24);
	TRY("interrupt registers", a.sample_type = PERF_SAMPLE_REGS_INTR; a.sample_regs_intr = 1);
	TRY("user stack", a.sample_type = PERF_SAMPLE_STACK_USER; a.sample_stack_user = 8);
	TRY("user stack", a.sample_type = PERF_SAMPLE_STACK_USER; a.sample_stack_user = 7);
	TRY("user stack", a.sample_type = PERF_SAMPLE_STACK_USER; a.sample_stack_user = 65535);
	TRY("weights", a.sample_type = PERF_SAMPLE_WEIGHT | 1 << 24);
	TRY("branches", a.sample_type = PERF_SAMPLE_BRANCH_STACK; a.branch_sample_type = 8);
	TRY("branches", a.sample_type = PERF_SAMPLE_BRANCH_STACK; a.branch_sample_type = 1);
	TRY("branches", a.sample_type = PERF_SAMPLE_BRANCH_STACK; a.branch_sample_type = 1 << 19);
	TRY("stack", a.sample_type = PERF_SAMPLE_CALLCHAIN; a.sample_max_stack = 127);
	TRY("stack", a.sample_type = PERF_SAMPLE_CALLCHAIN; a.sample_max_stack = 128);
	TRY("rate", a.freq = 1; a.sample_freq = 100001);
	TRY("period", a.sample_period = 1ull << 63);
	for (int clock = -1; clock < 13; clock++)
		TRY("clock", a.use_clockid = 1; a.clockid = clock);
}

CASE(tasks_and_processors)
{
	struct perf_event_attr a = software(PERF_COUNT_SW_DUMMY);
	try_open("nobody nowhere", a, -1, -1, -1, 0);
	try_open("cpu 0", a, -1, 0, -1, 0);
	try_open("cpu -2", a, -1, -2, -1, 0);
	try_open("own on cpu -2", a, 0, -2, -1, 0);
	try_open("cpu 100000", a, -1, 100000, -1, 0);
	try_open("own on cpu 100000", a, 0, 100000, -1, 0);
	try_open("process -2", a, -2, -1, -1, 0);
	try_open("process 999999999", a, 999999999, -1, -1, 0);
	try_open("process 999999999 on cpu 100000", a, 999999999, 100000, -1, 0);
	try_open("cgroup -1", a, -1, 0, -1, PERF_FLAG_PID_CGROUP);
	try_open("cgroup everywhere", a, 1, -1, -1, PERF_FLAG_PID_CGROUP);
	try_open("cgroup 99", a, 99, 0, -1, PERF_FLAG_PID_CGROUP);
	try_open("cgroup of no cpu", a, 99, 100000, -1, PERF_FLAG_PID_CGROUP);
	try_open("no cgroup", a, 1, 0, -1, PERF_FLAG_PID_CGROUP);
	try_open("flag 16", a, 0, -1, -1, 16);
	a.type = 1000;
	try_open("no cgroup and no type", a, 1, 0, -1, PERF_FLAG_PID_CGROUP);
	try_open("no process and no type", a, 999999999, -1, -1, 0);
	try_open("no group and no process", a, 999999999, -1, 99, 0);
	pid_t child = sleeping_child();
	kill(child, SIGKILL);
	siginfo_t info;
	OK(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
	a.type = PERF_TYPE_SOFTWARE;
	try_open("zombie", a, child, -1, -1, 0);
	struct rlimit none = {3, 3};
	OK(setrlimit(RLIMIT_NOFILE, &none));
	try_open("no descriptor", a, 0, -1, -1, 0);
	try_open("no descriptor and no group", a, 0, -1, 99, 0);
}

static void drop(int capability)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	OK(syscall(SYS_capget, &header, data));
	data[capability / 32].effective &= ~(1u << capability % 32);
	OK(syscall(SYS_capset, &header, data));
}

static void set_paranoia(int value)
{
	int fd = OK(open("/proc/sys/kernel/perf_event_paranoid", O_RDWR));
	char text[16];
	int length = snprintf(text, sizeof text, "%d", value);
	EQ(write(fd, text, length), length);
	OK(close(fd));
}

static void try_all(const char *who)
{
	pid_t parent = getppid();
	char label[64];
	struct perf_event_attr a = software(PERF_COUNT_SW_DUMMY);
	for (int excluded = 0; excluded < 2; excluded++) {
		a.exclude_kernel = excluded;
		snprintf(label, sizeof label, "%s %d own", who, excluded);
		try_open(label, a, 0, -1, -1, 0);
		snprintf(label, sizeof label, "%s %d cpu", who, excluded);
		try_open(label, a, -1, 0, -1, 0);
		snprintf(label, sizeof label, "%s %d other", who, excluded);
		try_open(label, a, parent, -1, -1, 0);
	}
	a.namespaces = 1;
	try_open("namespaces", a, 0, -1, -1, 0);
	a.namespaces = 0;
	a.sample_type = PERF_SAMPLE_BRANCH_STACK;
	a.branch_sample_type = 10;
	try_open("branches", a, 0, -1, -1, 0);
	a.sample_type = PERF_SAMPLE_PHYS_ADDR;
	try_open("physical addresses", a, 0, -1, -1, 0);
	a.type = 1000;
	try_open("no type, other", a, parent, -1, -1, 0);
	ERR(open_raw(&a, 0, -1, -1, 16), EINVAL);
	long error = open_raw(0, 0, -1, -1, 0) == -1 ? errno : 0;
	OUT("null: %s", errno_name(error));
}

CASE(paranoia)
{
	char text[16] = "";
	CHECK(read_file("/proc/sys/kernel/perf_event_paranoid", text, sizeof text) > 0);
	OUT("at first %s", text);
	for (int value = -1; value < 5; value++) {
		char label[32];
		set_paranoia(value);
		snprintf(label, sizeof label, "%d user", value);
		IN_CHILD({
			OK(setresgid(1000, 1000, 1000));
			OK(setresuid(1000, 1000, 1000));
			try_all(label);
			OK(prctl(PR_SET_DUMPABLE, 1));
			/* Of the same user. */
			IN_CHILD(try_all(label));
		});
	}
	IN_CHILD({
		drop(CAP_PERFMON);
		try_all("without CAP_PERFMON");
	});
	IN_CHILD({
		drop(CAP_SYS_ADMIN);
		try_all("without CAP_SYS_ADMIN");
	});
	IN_CHILD({
		drop(CAP_SYS_ADMIN);
		drop(CAP_PERFMON);
		try_all("without both");
	});
	set_paranoia(3);
}

CASE(commands)
{
	int fd = count_own(PERF_COUNT_SW_DUMMY), other = count_own(PERF_COUNT_SW_DUMMY);
	u64 value = 5, zero = 0;
	ERR(ioctl(fd, PERF_EVENT_IOC_REFRESH, 1), EINVAL);
	ERR(ioctl(fd, PERF_EVENT_IOC_PERIOD, &value), EINVAL);
	ERR(ioctl(fd, PERF_EVENT_IOC_PERIOD, &zero), EINVAL);
	ERR(ioctl(fd, PERF_EVENT_IOC_PERIOD, 16), EFAULT);
	ERR(ioctl(fd, PERF_EVENT_IOC_ID, 16), EFAULT);
	ERR(ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, other), EINVAL);
	ERR(ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, fd), EINVAL);
	ERR(ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, 1), EBADF);
	ERR(ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, 99), EBADF);
	/* As wide as 64 bits: nobody else can say -1. */
	if (sizeof(long) == 8)
		OK(ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, -1L));
	else
		ERR(ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, -1L), EBADF);
	ERR(ioctl(fd, PERF_EVENT_IOC_SET_FILTER, "x"), EINVAL);
	ERR(ioctl(fd, PERF_EVENT_IOC_SET_BPF, 1), EINVAL);
	ERR(ioctl(fd, PERF_EVENT_IOC_SET_BPF, 99), EBADF);
	ERR(ioctl(fd, PERF_EVENT_IOC_PAUSE_OUTPUT, 1), EINVAL);
	ERR(ioctl(fd, _IO('$', 100), 1), ENOTTY);
	ERR(ioctl(fd, _IO('%', 0), 1), ENOTTY);
	struct perf_event_attr attribute = software(PERF_COUNT_SW_DUMMY);
	ERR(ioctl(fd, PERF_EVENT_IOC_MODIFY_ATTRIBUTES, &attribute), EOPNOTSUPP);
	attribute.type = 0;
	ERR(ioctl(fd, PERF_EVENT_IOC_MODIFY_ATTRIBUTES, &attribute), EINVAL);
	OK(ioctl(fd, PERF_EVENT_IOC_ENABLE, 6));
	OK(ioctl(fd, PERF_EVENT_IOC_RESET, 7));
}

CASE(parameters)
{
	const char *names[] = {"perf_event_max_sample_rate", "perf_event_max_stack", "perf_event_mlock_kb",
			       "perf_event_max_contexts_per_stack", "perf_cpu_time_max_percent"};
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		char path[96], text[32] = "";
		snprintf(path, sizeof path, "/proc/sys/kernel/%s", names[i]);
		CHECK(read_file(path, text, sizeof text) > 0);
		OUT("%s %s", names[i], text);
	}
}

/* So many that what is read of them would not fit a record. */
CASE(the_largest_group)
{
	struct rlimit limit = {1100, 1100};
	OK(setrlimit(RLIMIT_NOFILE, &limit));
	struct perf_event_attr attribute = software(PERF_COUNT_SW_DUMMY);
	attribute.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_ID;
	int leader = OK(open_event(attribute, 0, -1, -1)), count = 1, fd;
	while ((fd = open_event(attribute, 0, -1, leader)) >= 0)
		count++;
	OUT("%d, then %s", count, errno_name(errno));
	attribute.read_format = 0;
	ERR(open_event(attribute, 0, -1, leader), E2BIG);
	static u64 values[3000];
	OUT("%zd bytes", read(leader, values, sizeof values));
}
