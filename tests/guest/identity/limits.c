/* Resource limits, prctl(2), personality(2), uname(2) and host names, sysinfo(2), arch_prctl(2), reboot(2)'s checks. */
#include "../check.h"
#include <linux/reboot.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

CASE(every_limit_has_a_value)
{
	for (int resource = 0; resource < 16; resource++) {
		struct rlimit limit;
		OK(getrlimit(resource, &limit));
		if (resource == RLIMIT_NPROC || resource == RLIMIT_SIGPENDING || resource == RLIMIT_CORE || resource == RLIMIT_MEMLOCK)
			continue; /* these follow from the memory size, or from this frame */
		OUT("limit %d: %lld %lld", resource, (long long)limit.rlim_cur, (long long)limit.rlim_max);
	}
}

CASE(setrlimit_rules)
{
	struct rlimit limit = {10, 5};
	ERR(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
	ERR(setrlimit(16, &limit), EINVAL);
	ERR(getrlimit(16, &limit), EINVAL);
	ERR(syscall(SYS_getrlimit, RLIMIT_NOFILE, 16L), EFAULT);
	ERR(syscall(SYS_setrlimit, RLIMIT_NOFILE, 16L), EFAULT);
	limit = (struct rlimit){100, 100};
	OK(setrlimit(RLIMIT_CPU, &limit));
	limit = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	OK(setrlimit(RLIMIT_CPU, &limit));
	limit = (struct rlimit){1 << 21, 1 << 21};
	ERR(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
	OK(setresuid(1000, 1000, 1000));
	limit = (struct rlimit){20, 30};
	OK(setrlimit(RLIMIT_NOFILE, &limit));
	limit = (struct rlimit){30, 30};
	OK(setrlimit(RLIMIT_NOFILE, &limit));
	limit = (struct rlimit){30, 31};
	ERR(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
}

CASE(prlimit_of_another_process)
{
	struct rlimit new = {50, 60}, old;
	pid_t child = OK(fork());
	if (child == 0)
		for (;;)
			pause();
	OK(prlimit(child, RLIMIT_NOFILE, &new, &old));
	OK(prlimit(child, RLIMIT_NOFILE, 0, &old));
	EQ(old.rlim_cur, 50);
	EQ(old.rlim_max, 60);
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(prlimit(child, RLIMIT_NOFILE, 0, &old), EPERM);
	});
	ERR(prlimit(999999, RLIMIT_NOFILE, 0, &old), ESRCH);
	OK(kill(child, SIGKILL));
	wait_status(child);
}

CASE(processor_limit_gives_SIGXCPU_then_SIGKILL)
{
	pid_t child = OK(fork());
	if (child == 0) {
		struct rlimit limit = {1, 2};
		OK(setrlimit(RLIMIT_CPU, &limit));
		for (;;)
			__asm__ volatile("");
	}
	EQ(death_signal(child), SIGXCPU);
	child = OK(fork());
	if (child == 0) {
		struct rlimit limit = {1, 2};
		signal(SIGXCPU, SIG_IGN);
		OK(setrlimit(RLIMIT_CPU, &limit));
		for (;;)
			__asm__ volatile("");
	}
	EQ(death_signal(child), SIGKILL);
}

CASE(process_name)
{
	char name[17] = "";
	OK(prctl(PR_SET_NAME, "a-name-of-more-than-fifteen"));
	OK(prctl(PR_GET_NAME, name));
	STR_EQ(name, "a-name-of-more-");
	ERR(prctl(PR_SET_NAME, 16L), EFAULT);
	ERR(prctl(PR_GET_NAME, 16L), EFAULT);
}

CASE(prctl_simple_values)
{
	int value = -1;
	EQ(prctl(PR_GET_DUMPABLE), 1);
	OK(prctl(PR_SET_DUMPABLE, 0));
	EQ(prctl(PR_GET_DUMPABLE), 0);
	ERR(prctl(PR_SET_DUMPABLE, 2), EINVAL);
	OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	OK(prctl(PR_GET_PDEATHSIG, &value));
	EQ(value, SIGUSR1);
	ERR(prctl(PR_SET_PDEATHSIG, 99), EINVAL);
	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	OK(prctl(PR_GET_CHILD_SUBREAPER, &value));
	EQ(value, 1);
	OK(prctl(PR_SET_TIMERSLACK, 1000));
	EQ(prctl(PR_GET_TIMERSLACK), 1000);
	EQ(prctl(PR_GET_TIMING, 0, 0, 0, 0), 0);
	ERR(prctl(9999, 0, 0, 0, 0), EINVAL);
	OK(prctl(PR_GET_TSC, &value));
	EQ(value, PR_TSC_ENABLE);
	EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
}

CASE(personality_values)
{
	EQ(personality(0xffffffff), 0);
	EQ(personality(ADDR_NO_RANDOMIZE), 0);
	EQ(personality(0xffffffff), ADDR_NO_RANDOMIZE);
	IN_CHILD(EQ(personality(0xffffffff), ADDR_NO_RANDOMIZE));
	EQ(personality(PER_LINUX), ADDR_NO_RANDOMIZE);
}

CASE(uname_and_names)
{
	struct utsname name;
	OK(uname(&name));
	OUT("%s %s", name.sysname, name.machine);
	CHECK(atoi(name.release) >= 6);
	ERR(syscall(SYS_uname, 16L), EFAULT);
	char was[65];
	OK(gethostname(was, sizeof was));
	OK(sethostname("another", 7));
	OK(uname(&name));
	STR_EQ(name.nodename, "another");
	OK(sethostname(was, strlen(was)));
	OK(setdomainname("domain", 6));
	OK(uname(&name));
	STR_EQ(name.domainname, "domain");
	OK(setdomainname("(none)", 6));
	ERR(sethostname("x", 65), EINVAL);
	ERR(sethostname("x", -1), EINVAL);
	ERR(syscall(SYS_sethostname, 16L, 5), EFAULT);
}

CASE(sysinfo_is_plausible)
{
	struct sysinfo info;
	OK(sysinfo(&info));
	unsigned long long total = (unsigned long long)info.totalram * info.mem_unit, free = (unsigned long long)info.freeram * info.mem_unit;
	CHECK(total > (100 << 20) && total < (1ULL << 42));
	CHECK(free > 0 && free < total);
	CHECK(info.uptime > 0);
	CHECK(info.procs >= 2);
	ERR(syscall(SYS_sysinfo, 16L), EFAULT);
}

CASE(reboot_checks_in_order)
{
	ERR(syscall(SYS_reboot, 1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_OFF, 0), EINVAL);
	ERR(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, 1, LINUX_REBOOT_CMD_CAD_OFF, 0), EINVAL);
	ERR(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, 12345, 0), EINVAL);
	ERR(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART2, 16L), EFAULT);
	OK(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_ON, 0));
	OK(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2A, LINUX_REBOOT_CMD_CAD_OFF, 0));
	OK(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2B, LINUX_REBOOT_CMD_CAD_OFF, 0));
	OK(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2C, LINUX_REBOOT_CMD_CAD_OFF, 0));
	/* Magic numbers before the command, the command before its text; the numbers have 32 bits. */
	ERR(syscall(SYS_reboot, 1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART2, 16L), EINVAL);
	ERR(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_CMD_RESTART2, 16L), EINVAL);
	ERR(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2C, 0xffffffff, 16L), EINVAL);
	ERR(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2C, LINUX_REBOOT_CMD_RESTART2, -1L), EFAULT);
	ERR(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, 0), EINVAL);
	char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(page, 'x', 4096);
	OK(munmap(page + 4096, 4096));
	ERR(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART2, page + 4090), EFAULT);
	OK(syscall(SYS_reboot, 0x12345678fee1deadUL, 0x8765432100000000UL | LINUX_REBOOT_MAGIC2, 1UL << 32, 0));
	OK(setresuid(1000, 1000, 1000));
	ERR(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_OFF, 0), EPERM);
	ERR(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART2, 16L), EPERM);
	ERR(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, 12345, 0), EPERM);
	ERR(syscall(SYS_reboot, 1, 1, 1, 0), EPERM);
}

#if defined __x86_64__ && !defined __ILP32__
#include <asm/prctl.h>
CASE(arch_prctl_bases)
{
	unsigned long base = 0, gs = 0;
	OK(syscall(SYS_arch_prctl, ARCH_GET_FS, &base));
	CHECK(base != 0);
	OK(syscall(SYS_arch_prctl, ARCH_SET_GS, &base));
	OK(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
	EQ(gs, &base);
	unsigned long through;
	__asm__("mov %%gs:0, %0" : "=r"(through));
	EQ(through, base);
	sched_yield();
	__asm__("mov %%gs:0, %0" : "=r"(through));
	EQ(through, base);
	ERR(syscall(SYS_arch_prctl, ARCH_SET_GS, 1UL << 60), EPERM);
	ERR(syscall(SYS_arch_prctl, ARCH_SET_FS, -4096L), EPERM);
	ERR(syscall(SYS_arch_prctl, 0x9999, 0), EINVAL);
	ERR(syscall(SYS_arch_prctl, ARCH_GET_FS, 16L), EFAULT);
}

CASE(thread_base_survives_switches)
{
	unsigned long before, after;
	__asm__ volatile("mov %%fs:0, %0" : "=r"(before));
	pid_t child = OK(fork());
	if (child == 0) {
		for (int i = 0; i < 100; i++)
			sched_yield();
		_exit(0);
	}
	for (int i = 0; i < 100; i++)
		sched_yield();
	EQ(exit_code(child), 0);
	__asm__ volatile("mov %%fs:0, %0" : "=r"(after));
	EQ(before, after);
}
#endif
