/* User and group ids, groups, capabilities, no_new_privs, setuid programs, securebits. */
#include "../check.h"
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>

static struct __user_cap_data_struct data[2];

static int get_capabilities(pid_t pid)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, pid};
	memset(data, 0, sizeof data);
	return syscall(SYS_capget, &header, data);
}

static int set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	for (int i = 0; i < 2; i++) {
		data[i].effective = effective >> (32 * i);
		data[i].permitted = permitted >> (32 * i);
		data[i].inheritable = inheritable >> (32 * i);
	}
	return syscall(SYS_capset, &header, data);
}

static uint64_t effective(void)
{
	OK(get_capabilities(0));
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

static uint64_t permitted(void)
{
	OK(get_capabilities(0));
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

#define BIT(capability) (1ULL << (capability))

static void show_uids(const char *after)
{
	uid_t r, e, s;
	OK(getresuid(&r, &e, &s));
	OUT("%s: real %u effective %u saved %u fs %u", after, r, e, s, setfsuid(-1));
}

CASE(root_has_every_capability)
{
	EQ(getuid(), 0);
	EQ(geteuid(), 0);
	OUT("permitted 0x%llx effective 0x%llx", (unsigned long long)permitted(), (unsigned long long)effective());
}

CASE(setuid_as_root_sets_all_three)
{
	OK(setuid(1000));
	show_uids("setuid(1000)");
	EQ(permitted(), 0);
	EQ(effective(), 0);
	ERR(setuid(0), EPERM);
	OK(setuid(1000));
}

CASE(seteuid_drops_and_regains)
{
	OK(seteuid(1000));
	show_uids("seteuid(1000)");
	EQ(effective(), 0);
	CHECK(permitted() != 0);
	OK(seteuid(0));
	CHECK(effective() != 0);
}

CASE(setreuid_rules)
{
	OK(setreuid(1000, 1001));
	show_uids("setreuid(1000, 1001)");
	OK(setreuid(-1, 1000));
	show_uids("setreuid(-1, 1000)");
	ERR(setreuid(-1, 0), EPERM);
	ERR(setreuid(5, -1), EPERM);
	OK(setreuid(-1, 1001));
	show_uids("setreuid(-1, 1001)");
}

CASE(setresuid_rules)
{
	OK(setresuid(1, 2, 3));
	show_uids("setresuid(1, 2, 3)");
	OK(setresuid(3, 1, 2));
	ERR(setresuid(4, -1, -1), EPERM);
	OK(setresuid(-1, -1, -1));
	show_uids("after");
	ERR(syscall(SYS_getresuid, 16L, 16L, 16L), EFAULT);
}

CASE(setgid_family)
{
	gid_t r, e, s;
	OK(setresgid(1, 2, 3));
	OK(getresgid(&r, &e, &s));
	EQ(r * 100 + e * 10 + s, 123);
	OK(setregid(5, 6));
	OK(getresgid(&r, &e, &s));
	OUT("setregid(5, 6): %u %u %u", r, e, s);
	OK(setresuid(1000, 1000, 1000));
	ERR(setgid(0), EPERM);
	OK(setgid(5));
	OK(getresgid(&r, &e, &s));
	OUT("setgid(5) as a user: %u %u %u", r, e, s);
}

CASE(groups)
{
	gid_t groups[70000 / 4] = {30, 10, 20}, got[8];
	OK(setgroups(3, groups));
	EQ(getgroups(0, 0), 3);
	EQ(getgroups(8, got), 3);
	OUT("%u %u %u", got[0], got[1], got[2]);
	ERR(getgroups(2, got), EINVAL);
	ERR(getgroups(-1, got), EINVAL);
	ERR(syscall(SYS_setgroups, 65537, groups), EINVAL);
	ERR(syscall(SYS_setgroups, 1, 16L), EFAULT);
	OK(setgroups(0, 0));
	EQ(getgroups(0, 0), 0);
	OK(setresuid(1000, 1000, 1000));
	ERR(setgroups(0, 0), EPERM);
}

CASE(fsuid_decides_over_files)
{
	enter_scratch();
	OK(close(OK(open("f", O_CREAT | O_RDWR, 0600))));
	EQ(setfsuid(1000), 0);
	ERR(open("f", O_RDONLY), EACCES);
	EQ(setfsuid(0), 1000);
	OK(open("f", O_RDONLY));
	EQ(setfsgid(5), 0);
	EQ(setfsgid(0), 5);
}

CASE(keepcaps_keeps_the_permitted_set)
{
	OK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	EQ(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0), 1);
	OK(setresuid(1000, 1000, 1000));
	CHECK(permitted() != 0);
	EQ(effective(), 0);
	OK(set_capabilities(BIT(CAP_SETUID), BIT(CAP_SETUID), 0));
	OK(setresuid(0, 0, 0));
	ERR(prctl(PR_SET_KEEPCAPS, 2, 0, 0, 0), EINVAL);
}

CASE(capset_cannot_raise)
{
	OK(set_capabilities(0, BIT(CAP_KILL), 0));
	ERR(set_capabilities(0, BIT(CAP_KILL) | BIT(CAP_CHOWN), 0), EPERM);
	ERR(set_capabilities(BIT(CAP_CHOWN), BIT(CAP_KILL), 0), EPERM);
	ERR(set_capabilities(0, BIT(CAP_KILL), BIT(CAP_CHOWN)), EPERM);
	OK(set_capabilities(BIT(CAP_KILL), BIT(CAP_KILL), BIT(CAP_KILL)));
	EQ(effective(), BIT(CAP_KILL));
}

CASE(capget_versions_and_errors)
{
	struct __user_cap_header_struct header = {0, 0};
	ERR(syscall(SYS_capget, &header, data), EINVAL);
	OUT("preferred version 0x%x", header.version);
	header = (struct __user_cap_header_struct){0, 0};
	OK(syscall(SYS_capget, &header, 0));
	header = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_1, 0};
	OK(syscall(SYS_capget, &header, data));
	ERR(get_capabilities(-1), EINVAL);
	ERR(get_capabilities(999999), ESRCH);
	header = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, -5};
	OK(syscall(SYS_capget, &header, 0));
	header = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_1, 0};
	ERR(syscall(SYS_capget, &header, 16L), EFAULT);
	header = (struct __user_cap_header_struct){5, 0};
	ERR(syscall(SYS_capset, &header, 0), EINVAL);
	EQ(header.version, _LINUX_CAPABILITY_VERSION_3);
	ERR(syscall(SYS_capset, &header, 0), EFAULT);
	OK(get_capabilities(1));
	ERR(syscall(SYS_capget, 16L, data), EFAULT);
	header = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, 1};
	ERR(syscall(SYS_capset, &header, data), EPERM);
}

CASE(each_act_asks_for_its_capability)
{
	/* As root without any capability: what root may only by capability is refused. */
	enter_scratch();
	OK(close(OK(open("f", O_CREAT | O_RDWR, 0600))));
	OK(chown("f", 1000, 1000));
	OK(set_capabilities(0, 0, 0));
	ERR(open("f", O_RDONLY), EACCES);
	ERR(chmod("f", 0644), EPERM);
	ERR(chown("f", 0, 0), EPERM);
	ERR(setresuid(1000, 1000, 1000), EPERM);
	ERR(setresgid(1000, 1000, 1000), EPERM);
	ERR(setgroups(0, 0), EPERM);
	ERR(chroot("."), EPERM);
	ERR(sethostname("x", 1), EPERM);
	ERR(setdomainname("x", 1), EPERM);
	ERR(nice(-1), EPERM);
	struct rlimit more = {1 << 20, 1 << 22};
	ERR(setrlimit(RLIMIT_NOFILE, &more), EPERM);
	ERR(mknod("null", S_IFCHR | 0600, 0x103), EPERM);
	ERR(syscall(SYS_reboot, 0, 0, 0, 0), EPERM);
	struct timespec t = {1, 1};
	ERR(clock_settime(CLOCK_REALTIME, &t), EPERM);
	ERR(syscall(SYS_vhangup), EPERM);
	ERR(unshare(CLONE_NEWNS), EPERM);
	pid_t child = OK(fork());
	if (child == 0)
		for (;;)
			pause();
	OK(kill(child, SIGKILL));
	wait_status(child);
}

CASE(one_capability_suffices)
{
	enter_scratch();
	OK(close(OK(open("f", O_CREAT | O_RDWR, 0600))));
	OK(chown("f", 1000, 1000));
	IN_CHILD({
		OK(set_capabilities(BIT(CAP_DAC_READ_SEARCH), BIT(CAP_DAC_READ_SEARCH), 0));
		OK(open("f", O_RDONLY));
		ERR(open("f", O_WRONLY), EACCES);
	});
	IN_CHILD({
		OK(set_capabilities(BIT(CAP_DAC_OVERRIDE), BIT(CAP_DAC_OVERRIDE), 0));
		OK(open("f", O_RDWR));
		ERR(chmod("f", 0), EPERM);
	});
	IN_CHILD({
		OK(set_capabilities(BIT(CAP_FOWNER), BIT(CAP_FOWNER), 0));
		OK(chmod("f", 0644));
	});
	IN_CHILD({
		OK(set_capabilities(BIT(CAP_KILL), BIT(CAP_KILL), 0));
		OK(kill(1, 0));
	});
}

CASE(bounding_set)
{
	EQ(prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0), 1);
	OK(prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0));
	EQ(prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0), 0);
	ERR(prctl(PR_CAPBSET_READ, 99, 0, 0, 0), EINVAL);
	CHECK(effective() & BIT(CAP_CHOWN));
	OK(set_capabilities(0, 0, 0));
	ERR(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0), EPERM);
}

CASE(ambient_set)
{
	ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0), EPERM);
	OK(set_capabilities(BIT(CAP_KILL), BIT(CAP_KILL), BIT(CAP_KILL)));
	OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 1);
	OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
	EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 0);
	ERR(prctl(PR_CAP_AMBIENT, 9, 0, 0, 0), EINVAL);
}

CASE(securebits)
{
	EQ(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), 0);
	OK(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0));
	OK(setresuid(1000, 1000, 1000));
	CHECK(effective() != 0);
	OK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0));
	ERR(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0), EPERM);
	ERR(prctl(PR_SET_SECUREBITS, 1 << 20, 0, 0, 0), EPERM);
}

static void copy_self(const char *path)
{
	static char bytes[65536];
	int from = OK(open("/proc/self/exe", O_RDONLY)), to = OK(open(path, O_CREAT | O_WRONLY, 0755));
	for (ssize_t n; (n = OK(read(from, bytes, sizeof bytes))) > 0;)
		EQ(write(to, bytes, n), n);
	OK(close(from));
	OK(close(to));
}

__attribute__((constructor)) static void tell_ids(int count, char **arguments)
{
	if (count != 2 || strcmp(arguments[1], "--ids") != 0)
		return;
	uid_t r, e, s;
	gid_t rg, eg, sg;
	get_capabilities(0);
	getresuid(&r, &e, &s);
	getresgid(&rg, &eg, &sg);
	char line[200];
	int n = snprintf(line, sizeof line, "uid %u %u %u gid %u %u %u capabilities %x %x dumpable %d", r, e, s, rg, eg, sg,
			 data[0].permitted, data[0].effective, prctl(PR_GET_DUMPABLE));
	_exit(write(1, line, n) != n);
}

static void run_and_show(const char *what, const char *path, int as_user, int no_new_privileges)
{
	int ends[2];
	char text[256];
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		dup2(ends[1], 1);
		if (as_user) {
			OK(setgroups(0, 0));
			OK(setresgid(1000, 1000, 1000));
			OK(setresuid(1000, 1000, 1000));
		}
		if (no_new_privileges)
			OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		execl(path, path, "--ids", (char *)0);
		_exit(100);
	}
	close(ends[1]);
	ssize_t n = read(ends[0], text, sizeof text - 1);
	text[n > 0 ? n : 0] = 0;
	EQ(exit_code(child), 0);
	OUT("%s: %s", what, text);
}

CASE(setuid_and_setgid_programs)
{
	/* /tmp may be mounted so that programs there give nobody privileges. */
	enter_scratch();
	OK(mount("program", ".", "tmpfs", 0, "mode=755"));
	char here[128];
	CHECK(getcwd(here, sizeof here) != 0);
	OK(chdir(here));
	copy_self("program");
	run_and_show("plain as user", "./program", 1, 0);
	run_and_show("plain as root", "./program", 0, 0);
	OK(chmod("program", 04755));
	run_and_show("setuid root as user", "./program", 1, 0);
	run_and_show("with no_new_privs", "./program", 1, 1);
	OK(chown("program", 77, 88));
	OK(chmod("program", 06755));
	run_and_show("setuid 77 setgid 88 as user", "./program", 1, 0);
	run_and_show("setuid 77 setgid 88 as root", "./program", 0, 0);
	OK(chmod("program", 02745));
	run_and_show("setgid without group execution", "./program", 1, 0);
}

CASE(no_new_privs_is_sticky_and_inherited)
{
	EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	ERR(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
	IN_CHILD(EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1));
	ERR(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0), EINVAL);
}

CASE(umask_is_nine_bits)
{
	umask(07777);
	EQ(umask(0), 0777);
}
