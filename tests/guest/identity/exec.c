/* What execve(2) makes of the five capability sets, securebits, keepcaps, dumpability, personality and the parent's death signal. */
#include "../check.h"
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/xattr.h>

#define BIT(capability) (1ULL << (capability))
#define ALL (BIT(CAP_LAST_CAP + 1) - 1)

struct sets {
	uint64_t effective, permitted, inheritable;
};
static struct sets get_sets(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	OK(syscall(SYS_capget, &header, data));
	return (struct sets){data[0].effective | (uint64_t)data[1].effective << 32,
			     data[0].permitted | (uint64_t)data[1].permitted << 32,
			     data[0].inheritable | (uint64_t)data[1].inheritable << 32};
}
static int set_sets(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	for (int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){effective >> (32 * i), permitted >> (32 * i), inheritable >> (32 * i)};
	return syscall(SYS_capset, &header, data);
}
static void become(uid_t user)
{
	OK(setgroups(0, 0));
	OK(setresgid(user, user, user));
	OK(setresuid(user, user, user));
}
/* A user with capabilities: effective and permitted ones alike, and inheritable ones. */
static void become_with(uid_t user, uint64_t permitted, uint64_t inheritable)
{
	OK(set_sets(ALL, ALL, inheritable));
	OK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	become(user);
	OK(set_sets(permitted, permitted, inheritable));
}

/* Run as "--who" the program tells who it is. */
__attribute__((constructor)) static void tell_who(int count, char **arguments)
{
	if (count != 2 || strcmp(arguments[1], "--who") != 0)
		return;
	struct sets sets = get_sets();
	uint64_t bounding = 0, ambient = 0;
	for (int i = 0; i <= CAP_LAST_CAP; i++) {
		bounding |= (uint64_t)prctl(PR_CAPBSET_READ, i) << i;
		ambient |= (uint64_t)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) << i;
	}
	uid_t r, e, s;
	gid_t rg, eg, sg;
	int death = -1;
	getresuid(&r, &e, &s);
	getresgid(&rg, &eg, &sg);
	prctl(PR_GET_PDEATHSIG, &death);
	char line[400];
	int n = snprintf(line, sizeof line,
			 "uid %u %u %u gid %u %u %u E %llx P %llx I %llx B %llx A %llx bits %x keep %d nnp %d dump %d secure %ld "
			 "personality %x death %d",
			 r, e, s, rg, eg, sg, (unsigned long long)sets.effective, (unsigned long long)sets.permitted,
			 (unsigned long long)sets.inheritable, (unsigned long long)bounding, (unsigned long long)ambient,
			 prctl(PR_GET_SECUREBITS), prctl(PR_GET_KEEPCAPS), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
			 prctl(PR_GET_DUMPABLE), getauxval(AT_SECURE), personality(0xffffffff), death);
	_exit(write(1, line, n) != n);
}

static char text[500];
static pid_t child;
static int ends[2];

#define AFTER_EXEC(what, path, ...)                                                                                    \
	do {                                                                                                           \
		OK(pipe(ends));                                                                                        \
		child = OK(fork());                                                                                    \
		if (child == 0) {                                                                                      \
			dup2(ends[1], 1);                                                                              \
			__VA_ARGS__;                                                                                   \
			execl(path, path, "--who", (char *)0);                                                         \
			_exit(100 + (errno == EPERM));                                                                 \
		}                                                                                                      \
		close(ends[1]);                                                                                        \
		ssize_t length_ = read(ends[0], text, sizeof text - 1);                                                \
		text[length_ > 0 ? length_ : 0] = 0;                                                                   \
		close(ends[0]);                                                                                        \
		int code_ = exit_code(child);                                                                          \
		OUT("%s: %s%s", what, text, code_ == 0 ? "" : code_ == 101 ? "EPERM" : "failed");                      \
	} while (0)

static void copy_self(const char *path)
{
	static char bytes[65536];
	int from = OK(open("/proc/self/exe", O_RDONLY)), to = OK(open(path, O_CREAT | O_WRONLY, 0755));
	for (ssize_t n; (n = OK(read(from, bytes, sizeof bytes))) > 0;)
		EQ(write(to, bytes, n), n);
	OK(close(from));
	OK(close(to));
}
/* /tmp may be mounted so that programs there give nobody privileges. */
static void enter_with_program(void)
{
	enter_scratch();
	OK(mount("program", ".", "tmpfs", 0, "mode=755"));
	char here[128];
	CHECK(getcwd(here, sizeof here) != 0);
	OK(chdir(here));
	copy_self("program");
}
#define SETUID(user)                                                                                                   \
	OK(chown("program", user, user));                                                                              \
	OK(chmod("program", 04755))

CASE(sets_of_root_and_users)
{
	enter_with_program();
	AFTER_EXEC("root", "./program", (void)0);
	AFTER_EXEC("root without capabilities", "./program", OK(set_sets(0, 0, 0)));
	AFTER_EXEC("root with a smaller bounding set", "./program", OK(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0)));
	AFTER_EXEC("inheritable beyond the bounding set", "./program", OK(set_sets(ALL, ALL, BIT(CAP_KILL)));
		   OK(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0)));
	AFTER_EXEC("user", "./program", become(1000));
	AFTER_EXEC("user with capabilities", "./program", become_with(1000, BIT(CAP_KILL) | BIT(CAP_CHOWN), 0));
	AFTER_EXEC("user with inheritable ones", "./program", become_with(1000, BIT(CAP_KILL), BIT(CAP_KILL)));
	AFTER_EXEC("real root, effective user", "./program", OK(setresuid(0, 1000, 0)));
	AFTER_EXEC("real user, effective root", "./program", OK(setresuid(1000, 0, 0)));
	AFTER_EXEC("saved root only", "./program", OK(setresuid(1000, 1000, 0)));
}

CASE(ambient_capabilities)
{
	enter_with_program();
#define RAISE(capability) OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0))
	AFTER_EXEC("kept by a user", "./program", become_with(1000, BIT(CAP_KILL), BIT(CAP_KILL)); RAISE(CAP_KILL));
	AFTER_EXEC("with no_new_privs", "./program", become_with(1000, BIT(CAP_KILL), BIT(CAP_KILL)); RAISE(CAP_KILL);
		   OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)));
	AFTER_EXEC("lowered with the inheritable", "./program", become_with(1000, BIT(CAP_KILL), BIT(CAP_KILL));
		   RAISE(CAP_KILL); OK(set_sets(BIT(CAP_KILL), BIT(CAP_KILL), 0)));
	AFTER_EXEC("kept by root", "./program", OK(set_sets(ALL, ALL, BIT(CAP_KILL))); RAISE(CAP_KILL));
	AFTER_EXEC("lost with the last root id", "./program", OK(set_sets(ALL, ALL, BIT(CAP_KILL))); RAISE(CAP_KILL);
		   OK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)); become(1000));
	SETUID(77);
	AFTER_EXEC("lost by a program of another user", "./program", become_with(1000, BIT(CAP_KILL), BIT(CAP_KILL));
		   RAISE(CAP_KILL));
	IN_CHILD({
		OK(set_sets(ALL, ALL, BIT(CAP_KILL)));
		OK(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE, 0, 0, 0));
		ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0), EPERM);
	});
	ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 41, 0, 0), EINVAL);
	ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 1, 0), EINVAL);
	ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0), EINVAL);
	ERR(prctl(PR_CAP_AMBIENT, 9, 41, 0, 0), EINVAL);
	OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0));
}

CASE(setuid_programs)
{
	enter_with_program();
	SETUID(0);
	AFTER_EXEC("root's, as a user", "./program", become(1000));
	AFTER_EXEC("root's, as root", "./program", (void)0);
	AFTER_EXEC("root's, with inheritable ones", "./program", become_with(1000, 0, BIT(CAP_KILL)));
	AFTER_EXEC("root's, smaller bounding set", "./program", OK(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0)); become(1000));
	AFTER_EXEC("root's, no_new_privs", "./program", become(1000); OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)));
	SETUID(77);
	AFTER_EXEC("another's, as a user", "./program", become(1000));
	AFTER_EXEC("another's, as root", "./program", (void)0);
	AFTER_EXEC("another's, as root, no_new_privs", "./program", OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)));
	AFTER_EXEC("another's, with capabilities", "./program", become_with(1000, BIT(CAP_KILL), 0));
	SETUID(1000);
	AFTER_EXEC("one's own", "./program", become(1000));
	OK(chmod("program", 02755));
	AFTER_EXEC("one's own group's", "./program", become(1000));
	OK(chown("program", 5, 6));
	OK(chmod("program", 02755));
	AFTER_EXEC("another group's", "./program", become(1000));
	OK(chmod("program", 02745));
	AFTER_EXEC("another group's without execution", "./program", become(1000));
}

CASE(securebits_and_exec)
{
	enter_with_program();
#define BITS(bits) OK(prctl(PR_SET_SECUREBITS, bits, 0, 0, 0))
	AFTER_EXEC("NOROOT", "./program", BITS(SECBIT_NOROOT));
	AFTER_EXEC("NOROOT, ambient", "./program", OK(set_sets(ALL, ALL, BIT(CAP_KILL))); RAISE(CAP_KILL); BITS(SECBIT_NOROOT));
	AFTER_EXEC("KEEP_CAPS goes", "./program", BITS(SECBIT_KEEP_CAPS));
	AFTER_EXEC("KEEP_CAPS locked", "./program", BITS(SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS_LOCKED));
	AFTER_EXEC("NO_SETUID_FIXUP", "./program", BITS(SECBIT_NO_SETUID_FIXUP); become(1000));
	AFTER_EXEC("all locks", "./program", BITS(0xaa));
	SETUID(0);
	AFTER_EXEC("NOROOT and a program of root", "./program", BITS(SECBIT_NOROOT); become(1000));
	AFTER_EXEC("NOROOT, NO_SETUID_FIXUP and a program of root", "./program", BITS(SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP);
		   become(1000));
}

CASE(locks_of_securebits)
{
	IN_CHILD({
		BITS(SECBIT_KEEP_CAPS_LOCKED);
		ERR(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), EPERM);
		ERR(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS_LOCKED, 0, 0, 0), EPERM);
		OK(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED | SECBIT_NOROOT, 0, 0, 0));
		EQ(prctl(PR_GET_SECUREBITS), SECBIT_KEEP_CAPS_LOCKED | SECBIT_NOROOT);
	});
	IN_CHILD({
		OK(set_sets(ALL & ~BIT(CAP_SETPCAP), ALL, 0));
		ERR(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0), EPERM);
		OK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
		/* Without CAP_SETPCAP what is inherited must be permitted. */
		OK(set_sets(0, ALL & ~BIT(CAP_KILL), 0));
		ERR(set_sets(0, ALL & ~BIT(CAP_KILL), BIT(CAP_KILL)), EPERM);
		ERR(prctl(PR_CAPBSET_DROP, 99, 0, 0, 0), EPERM);
	});
	ERR(prctl(PR_CAPBSET_DROP, 41, 0, 0, 0), EINVAL);
	ERR(prctl(PR_SET_SECUREBITS, 1L << 32, 0, 0, 0), EPERM);
}

/* Changes of the user ids. */
CASE(setuid_and_the_sets)
{
#define SHOW(what)                                                                                                     \
	do {                                                                                                           \
		struct sets sets_ = get_sets();                                                                        \
		OUT("%s: E %llx P %llx I %llx", what, (unsigned long long)sets_.effective,                             \
		    (unsigned long long)sets_.permitted, (unsigned long long)sets_.inheritable);                       \
	} while (0)
	IN_CHILD({ OK(setresuid(1000, 1000, 0)); SHOW("saved root left"); OK(setresuid(1000, 1000, 1000)); SHOW("none left"); });
	IN_CHILD({ OK(setresuid(0, 1000, 1000)); SHOW("real root left"); OK(setresuid(0, 0, 0)); SHOW("back"); });
	IN_CHILD({ OK(set_sets(0, BIT(CAP_KILL) | BIT(CAP_SETUID), 0)); OK(seteuid(0)); SHOW("root to root raises nothing"); });
	IN_CHILD({ OK(seteuid(1000)); OK(set_sets(0, BIT(CAP_KILL), BIT(CAP_KILL))); OK(seteuid(0)); SHOW("raised to permitted"); });
	IN_CHILD({ OK(set_sets(ALL, ALL, ALL)); OK(setuid(1000)); SHOW("inheritable stays"); });
	IN_CHILD({ OK(syscall(SYS_setfsuid, 1000)); SHOW("file-system user"); OK(syscall(SYS_setfsuid, 0)); SHOW("and back"); });
	IN_CHILD({ BITS(SECBIT_NO_SETUID_FIXUP); OK(syscall(SYS_setfsuid, 1000)); SHOW("unfixed"); OK(setuid(1000)); SHOW("unfixed"); });
	IN_CHILD({ BITS(SECBIT_KEEP_CAPS); OK(setuid(1000)); SHOW("kept"); });
}

CASE(dumpability_and_the_death_signal)
{
	enter_with_program();
	IN_CHILD({
		OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
		OK(setresgid(-1, 5, -1));
		int death = -1;
		OK(prctl(PR_GET_PDEATHSIG, &death));
		OUT("after a change of the group: dumpable %d death signal %d", prctl(PR_GET_DUMPABLE), death);
	});
	IN_CHILD({
		OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
		OK(setresuid(-1, -1, 5));
		int death = -1;
		OK(prctl(PR_GET_PDEATHSIG, &death));
		OUT("after a change of the saved id: dumpable %d death signal %d", prctl(PR_GET_DUMPABLE), death);
	});
	AFTER_EXEC("exec makes dumpable", "./program", OK(prctl(PR_SET_DUMPABLE, 0)); OK(prctl(PR_SET_PDEATHSIG, SIGUSR1)));
	OK(chmod("program", 0711));
	AFTER_EXEC("a program that cannot be read", "./program", become(1000));
	SETUID(77);
	AFTER_EXEC("a program of another user", "./program", OK(prctl(PR_SET_PDEATHSIG, SIGUSR1)));
	AFTER_EXEC("a program of one's own", "./program", become(77); OK(prctl(PR_SET_PDEATHSIG, SIGUSR1)));
}

CASE(personality_and_exec)
{
	enter_with_program();
#define PERSONALITY(bits) OK(personality(bits))
	AFTER_EXEC("kept", "./program", PERSONALITY(ADDR_NO_RANDOMIZE | MMAP_PAGE_ZERO | UNAME26 | STICKY_TIMEOUTS));
	AFTER_EXEC("kept by PER_LINUX32", "./program", PERSONALITY(PER_LINUX32));
	AFTER_EXEC("PER_SVR4", "./program", PERSONALITY(PER_SVR4));
	AFTER_EXEC("READ_IMPLIES_EXEC", "./program", PERSONALITY(READ_IMPLIES_EXEC));
	AFTER_EXEC("ADDR_COMPAT_LAYOUT", "./program", PERSONALITY(ADDR_COMPAT_LAYOUT | ADDR_LIMIT_3GB | WHOLE_SECONDS));
	SETUID(77);
	AFTER_EXEC("cleared by a program of another user", "./program",
		   PERSONALITY(ADDR_NO_RANDOMIZE | MMAP_PAGE_ZERO | UNAME26 | ADDR_COMPAT_LAYOUT | READ_IMPLIES_EXEC));
	AFTER_EXEC("and by one's own", "./program", become(77); PERSONALITY(ADDR_NO_RANDOMIZE | UNAME26));
}

CASE(file_capabilities)
{
	enter_with_program();
	struct vfs_cap_data data = {.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
				    .data = {{.permitted = BIT(CAP_KILL), .inheritable = BIT(CAP_CHOWN)}}};
#define GIVE OK(setxattr("program", "security.capability", &data, sizeof data, 0))
	GIVE;
	AFTER_EXEC("effective, as a user", "./program", become(1000));
	AFTER_EXEC("as root", "./program", (void)0);
	AFTER_EXEC("inheritable", "./program", become_with(1000, 0, BIT(CAP_CHOWN)));
	AFTER_EXEC("no_new_privs", "./program", become(1000); OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)));
	AFTER_EXEC("ambient goes", "./program", become_with(1000, BIT(CAP_SETUID), BIT(CAP_SETUID)); RAISE(CAP_SETUID));
	AFTER_EXEC("beyond the bounding set", "./program", OK(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0)); become(1000));
	AFTER_EXEC("NOROOT", "./program", BITS(SECBIT_NOROOT));
	data.magic_etc = VFS_CAP_REVISION_2;
	GIVE;
	AFTER_EXEC("not effective", "./program", become(1000));
	AFTER_EXEC("not effective, beyond the bounding set", "./program", OK(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0));
		   become(1000));
	OK(chmod("program", 04755));
	AFTER_EXEC("and a program of root", "./program", become(1000));
	data = (struct vfs_cap_data){.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE};
	OK(chmod("program", 0755));
	GIVE;
	AFTER_EXEC("none at all, as root", "./program", (void)0);
	OK(chmod("program", 04755));
	AFTER_EXEC("none at all, a program of root", "./program", become(1000));
}

CASE(writing_takes_file_capabilities_away)
{
	enter_with_program();
	struct vfs_cap_data data = {.magic_etc = VFS_CAP_REVISION_2, .data = {{.permitted = BIT(CAP_KILL)}}};
	char got[64];
	GIVE;
	EQ(getxattr("program", "security.capability", got, sizeof got), sizeof data);
	CHECK(memcmp(got, &data, sizeof data) == 0);
	int fd = OK(open("program", O_WRONLY));
	EQ(write(fd, "\x7f", 1), 1);
	OK(close(fd));
	ERR(getxattr("program", "security.capability", got, sizeof got), ENODATA);
	GIVE;
	OK(chown("program", 5, 5));
	ERR(getxattr("program", "security.capability", got, sizeof got), ENODATA);
	GIVE;
	OK(truncate("program", 100));
	ERR(getxattr("program", "security.capability", got, sizeof got), ENODATA);
	GIVE;
	OK(removexattr("program", "security.capability"));
	ERR(setxattr("program", "security.capability", &data, 5, 0), EINVAL);
	data.magic_etc = 0;
	ERR(setxattr("program", "security.capability", &data, sizeof data, 0), EINVAL);
	data.magic_etc = VFS_CAP_REVISION_1;
	ERR(setxattr("program", "security.capability", &data, 12, 0), EINVAL);
}
