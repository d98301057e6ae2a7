/* prctl(2): every option's answers, in order of the checks. */
#include "../check.h"
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

static const char *answer(long result)
{
	static char text[2][32];
	static int turn;
	turn = !turn;
	if (result == -1)
		return errno_name(errno);
	snprintf(text[turn], sizeof text[turn], "%ld", result);
	return text[turn];
}
#define ASK(option, ...) (errno = 0, answer(syscall(SYS_prctl, option, ##__VA_ARGS__)))
#define TELL(option, ...)                                                                                              \
	do {                                                                                                           \
		const char *said_ = ASK(option, ##__VA_ARGS__);                                                        \
		OUT("%s(%s): %s", #option, #__VA_ARGS__, said_);                                                       \
	} while (0)

CASE(numbers_that_are_no_options)
{
	for (int option = -1; option < 75; option++) {
		/* These are asked about one by one. PR_SET_SECCOMP would be the end. */
		if (option == PR_SET_SECCOMP || option == PR_GET_TSC || option == PR_SET_MM)
			continue;
		long address = option == PR_GET_PDEATHSIG || option == PR_GET_CHILD_SUBREAPER || option == PR_GET_TID_ADDRESS ||
				       option == PR_SET_NAME || option == PR_GET_NAME
				   ? 16
				   : 12345678;
		IN_CHILD(OUT("%d: %s", option, ASK(option, address, 77L, 77L, 77L)));
	}
}

CASE(death_signal)
{
	TELL(PR_SET_PDEATHSIG, -1L);
	TELL(PR_SET_PDEATHSIG, 64L);
	TELL(PR_SET_PDEATHSIG, 65L);
	TELL(PR_SET_PDEATHSIG, 1L << 32);
	TELL(PR_SET_PDEATHSIG, 0L);
	TELL(PR_GET_PDEATHSIG, 16L);
	OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	IN_CHILD({
		int value = -1;
		OK(prctl(PR_GET_PDEATHSIG, &value));
		OUT("after fork %d", value);
	});
}

CASE(dumpable)
{
	TELL(PR_SET_DUMPABLE, 2L);
	TELL(PR_SET_DUMPABLE, -1L);
	TELL(PR_SET_DUMPABLE, 1L << 32);
	TELL(PR_SET_DUMPABLE, 0L);
	TELL(PR_GET_DUMPABLE, 5L);
	IN_CHILD(TELL(PR_GET_DUMPABLE, 0L));
}

CASE(timing_and_slack)
{
	TELL(PR_GET_TIMING, 1L);
	TELL(PR_SET_TIMING, 0L);
	TELL(PR_SET_TIMING, 1L);
	TELL(PR_SET_TIMERSLACK, 12345L);
	TELL(PR_GET_TIMERSLACK, 0L);
	IN_CHILD({
		TELL(PR_GET_TIMERSLACK, 0L);
		TELL(PR_SET_TIMERSLACK, 5L);
		TELL(PR_SET_TIMERSLACK, 0L);
		TELL(PR_GET_TIMERSLACK, 0L);
		TELL(PR_SET_TIMERSLACK, -5L);
		TELL(PR_GET_TIMERSLACK, 0L);
	});
}

CASE(names)
{
	char name[17] = "";
	TELL(PR_SET_NAME, "");
	OK(prctl(PR_GET_NAME, name));
	STR_EQ(name, "");
	TELL(PR_SET_NAME, "with\nline");
	char comm[32];
	CHECK(read_file("/proc/self/comm", comm, sizeof comm) > 0);
	OUT("comm '%s'", comm);
}

CASE(subreaper)
{
	int value = -1;
	TELL(PR_SET_CHILD_SUBREAPER, 7L);
	OK(prctl(PR_GET_CHILD_SUBREAPER, &value));
	EQ(value, 1);
	TELL(PR_GET_CHILD_SUBREAPER, 16L);
	IN_CHILD({
		int inherited = -1;
		OK(prctl(PR_GET_CHILD_SUBREAPER, &inherited));
		OUT("after fork %d", inherited);
	});
}

CASE(no_new_privileges)
{
	TELL(PR_SET_NO_NEW_PRIVS, 1L, 1L, 0L, 0L);
	TELL(PR_SET_NO_NEW_PRIVS, 1L, 0L, 1L, 0L);
	TELL(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 1L);
	TELL(PR_SET_NO_NEW_PRIVS, 2L, 0L, 0L, 0L);
	TELL(PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 1L);
	TELL(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
	TELL(PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L);
}

CASE(huge_pages)
{
	TELL(PR_GET_THP_DISABLE, 1L, 0L, 0L, 0L);
	TELL(PR_GET_THP_DISABLE, 0L, 0L, 0L, 0L);
	TELL(PR_SET_THP_DISABLE, 1L, 1L, 0L, 0L);
	TELL(PR_SET_THP_DISABLE, 9L, 0L, 0L, 0L);
	TELL(PR_GET_THP_DISABLE, 0L, 0L, 0L, 0L);
	IN_CHILD(TELL(PR_GET_THP_DISABLE, 0L, 0L, 0L, 0L));
	TELL(PR_SET_THP_DISABLE, 0L, 0L, 0L, 0L);
	TELL(PR_GET_THP_DISABLE, 0L, 0L, 0L, 0L);
}

CASE(memory_errors)
{
	TELL(PR_MCE_KILL_GET, 0L, 0L, 0L, 0L);
	TELL(PR_MCE_KILL_GET, 1L, 0L, 0L, 0L);
	TELL(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0L, 0L);
	TELL(PR_MCE_KILL_GET, 0L, 0L, 0L, 0L);
	TELL(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 0L, 0L);
	TELL(PR_MCE_KILL_GET, 0L, 0L, 0L, 0L);
	IN_CHILD(TELL(PR_MCE_KILL_GET, 0L, 0L, 0L, 0L));
	TELL(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_DEFAULT, 0L, 0L);
	TELL(PR_MCE_KILL_GET, 0L, 0L, 0L, 0L);
	TELL(PR_MCE_KILL, PR_MCE_KILL_SET, 3L, 0L, 0L);
	TELL(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 1L, 0L, 0L);
	TELL(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0L, 0L, 0L);
	TELL(PR_MCE_KILL, 2L, 0L, 0L, 0L);
	TELL(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 1L, 0L);
}

CASE(counters_and_flusher)
{
	TELL(PR_TASK_PERF_EVENTS_DISABLE, 0L);
	TELL(PR_TASK_PERF_EVENTS_ENABLE, 0L);
	TELL(PR_GET_IO_FLUSHER, 0L, 0L, 0L, 0L);
	TELL(PR_SET_IO_FLUSHER, 2L, 0L, 0L, 0L);
	TELL(PR_SET_IO_FLUSHER, 1L, 1L, 0L, 0L);
	TELL(PR_SET_IO_FLUSHER, 1L, 0L, 0L, 0L);
	TELL(PR_GET_IO_FLUSHER, 0L, 0L, 0L, 0L);
	TELL(PR_GET_IO_FLUSHER, 1L, 0L, 0L, 0L);
	IN_CHILD(TELL(PR_GET_IO_FLUSHER, 0L, 0L, 0L, 0L));
	OK(setresuid(1000, 1000, 1000));
	TELL(PR_GET_IO_FLUSHER, 0L, 0L, 0L, 0L);
	TELL(PR_SET_IO_FLUSHER, 9L, 0L, 0L, 0L);
}

#if defined __x86_64__ || defined __i386__
static void read_counter_dies(void)
{
	DIES(SIGSEGV, __asm__ volatile("rdtsc" ::: "eax", "edx"));
}
CASE(time_stamp_counter)
{
	int value = -1;
	OK(prctl(PR_GET_TSC, &value));
	OUT("at first %d", value);
	TELL(PR_GET_TSC, 16L);
	TELL(PR_SET_TSC, 0L);
	TELL(PR_SET_TSC, 3L);
	__asm__ volatile("rdtsc" ::: "eax", "edx");
	TELL(PR_SET_TSC, PR_TSC_SIGSEGV);
	OK(prctl(PR_GET_TSC, &value));
	OUT("then %d", value);
	read_counter_dies();
	IN_CHILD({
		int inherited = -1;
		OK(prctl(PR_GET_TSC, &inherited));
		OUT("after fork %d", inherited);
	});
	TELL(PR_SET_TSC, PR_TSC_ENABLE);
	for (int i = 0; i < 10; i++) {
		__asm__ volatile("rdtsc" ::: "eax", "edx");
		sched_yield();
	}
}
/* One who may not read it beside one who may. */
CASE(time_stamp_counter_of_each_thread)
{
	pid_t other = OK(fork());
	if (other == 0) {
		OK(prctl(PR_SET_TSC, PR_TSC_SIGSEGV));
		for (;;)
			sched_yield();
	}
	for (int i = 0; i < 300; i++) {
		__asm__ volatile("rdtsc" ::: "eax", "edx");
		sched_yield();
	}
	OK(kill(other, SIGKILL));
	EQ(death_signal(other), SIGKILL);
	pid_t child = OK(fork());
	if (child == 0) {
		OK(prctl(PR_SET_TSC, PR_TSC_SIGSEGV));
		execl("/proc/self/exe", "x", "numbers_that_are_no_options", (char *)0);
		_exit(100);
	}
	OUT("exec with it forbidden: signal %d", WTERMSIG(wait_status(child)) != 0);
}
#endif

CASE(tracers)
{
	TELL(PR_SET_PTRACER, 1L);
	TELL(PR_SET_PTRACER, 0L);
	TELL(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	TELL(PR_SET_PTRACER, 99999999L);
}

CASE(names_of_areas)
{
	char *area = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TELL(PR_SET_VMA, 0L, area, 4096L, "name");
	TELL(PR_SET_VMA, 1L, area, 4096L, "name");
}

CASE(bits_of_capabilities)
{
	TELL(PR_CAPBSET_READ, -1L);
	TELL(PR_CAPBSET_READ, 40L, 9L, 9L, 9L);
	TELL(PR_CAPBSET_READ, 41L);
	TELL(PR_CAPBSET_DROP, 41L);
	TELL(PR_SET_KEEPCAPS, 2L);
	TELL(PR_SET_KEEPCAPS, -1L);
	TELL(PR_GET_KEEPCAPS, 9L);
	TELL(PR_CAP_AMBIENT, 0L, 0L, 0L, 0L);
	TELL(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0L, 0L, 0L);
	TELL(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0L, 1L, 0L);
}

CASE(speculation)
{
	for (long which = -1; which < 4; which++) {
		long got = prctl(PR_GET_SPECULATION_CTRL, which, 0, 0, 0);
		OUT("%ld: %ld %s", which, got, errno_name(got < 0 ? errno : 0));
		ERR(prctl(PR_GET_SPECULATION_CTRL, which, 1, 0, 0), EINVAL);
		ERR(prctl(PR_SET_SPECULATION_CTRL, which, PR_SPEC_ENABLE, 1, 0), EINVAL);
		ERR(prctl(PR_SET_SPECULATION_CTRL, which, PR_SPEC_ENABLE, 0, 1), EINVAL);
		for (long wanted = 0; wanted <= 32; wanted = wanted ? wanted * 2 : 1) {
			got = prctl(PR_SET_SPECULATION_CTRL, which, wanted, 0, 0);
			OUT("%ld to %ld: %ld %s", which, wanted, got, errno_name(got < 0 ? errno : 0));
		}
	}
}
