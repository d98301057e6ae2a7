/* System V shared memory: shmget, shmat, shmdt, shmctl. */
#include "common.h"

#define PAGE 4096
static int segment(size_t size) { return OK(shmget(IPC_PRIVATE, size, 0600)); }
static void remove_segment(int id) { OK(shmctl(id, IPC_RMID, 0)); }
static char *attach(int id, int flags)
{
	char *at = shmat(id, 0, flags);
	if (at == (void *)-1)
		FAIL("shmat got %s", errno_name(errno));
	return at;
}
#define NO_ATTACH(call, error)                                                                                         \
	do {                                                                                                           \
		errno = 0;                                                                                             \
		CHECK((call) == (void *)-1);                                                                           \
		EQ(errno, error);                                                                                      \
	} while (0)
static struct shmid_ds status_of(int id)
{
	struct shmid_ds status;
	memset(&status, 0x55, sizeof status);
	OK(shmctl(id, IPC_STAT, &status));
	return status;
}
static int attached(int id) { return status_of(id).shm_nattch; }

CASE(get_finds_and_makes)
{
	key_t key = 0x3456789;
	ERR(shmget(key, 1, 0600), ENOENT);
	ERR(shmget(key, 0, IPC_CREAT | 0600), EINVAL);
	int id = OK(shmget(key, 5000, IPC_CREAT | 0600));
	EQ(shmget(key, 5000, 0), id);
	EQ(shmget(key, 0, 0), id);
	ERR(shmget(key, 5001, 0), EINVAL);
	ERR(shmget(key, 1, IPC_CREAT | IPC_EXCL), EEXIST);
	remove_segment(id);
	ERR(shmget(key, 1, 0), ENOENT);
	ERR(shmctl(id, IPC_STAT, &(struct shmid_ds){0}), EINVAL);
	NO_ATTACH(shmat(id, 0, 0), EINVAL);
	ERR(shmget(IPC_PRIVATE, PAGE, SHM_HUGETLB | 0600), ENOMEM);
	ERR(shmget(IPC_PRIVATE, PAGE, SHM_HUGETLB | (5 << 26) | 0600), EINVAL);
	IN_CHILD(become(1000); ERR(shmget(IPC_PRIVATE, PAGE, SHM_HUGETLB | 0600), EPERM));
}

CASE(memory_is_shared)
{
	int id = segment(2 * PAGE);
	char *one = attach(id, 0), *other = attach(id, 0);
	CHECK(one != other);
	strcpy(one + PAGE, "shared");
	STR_EQ(other + PAGE, "shared");
	EQ(attached(id), 2);
	IN_CHILD(EQ(attached(id), 4); strcpy(one, "child"); OK(shmdt(other)); EQ(attached(id), 3));
	STR_EQ(other, "child");
	EQ(attached(id), 2);
	OK(shmdt(one));
	EQ(attached(id), 1);
	DIES(SIGSEGV, *(volatile char *)one);
	STR_EQ(other, "child");
	OK(shmdt(other));
	ERR(shmdt(other), EINVAL);
	one = attach(id, 0);
	STR_EQ(one + PAGE, "shared");
	IN_CHILD(execl("/bin/true", "true", (char *)0));
	EQ(attached(id), 1);
	OK(shmdt(one));
	remove_segment(id);
}

CASE(removal_waits_for_the_last_user)
{
	int id = OK(shmget(0x345678a, PAGE, IPC_CREAT | 0600));
	char *at = attach(id, 0);
	strcpy(at, "kept");
	remove_segment(id);
	ERR(shmget(0x345678a, 0, 0), ENOENT);
	struct shmid_ds status = status_of(id);
	EQ(status.shm_perm.mode, 01600);
	EQ(status.shm_perm.__key, 0);
	char *again = attach(id, 0);
	STR_EQ(again, "kept");
	OK(shmdt(at));
	EQ(attached(id), 1);
	remove_segment(id);
	OK(shmdt(again));
	ERR(shmctl(id, IPC_STAT, &status), EINVAL);
	/* The end of a process is enough. */
	id = segment(PAGE);
	pid_t child = fork();
	if (child == 0) {
		attach(id, 0);
		remove_segment(id);
		_exit(0);
	}
	EQ(exit_code(child), 0);
	ERR(shmctl(id, IPC_STAT, &status), EINVAL);
}

CASE(addresses)
{
	int id = segment(2 * PAGE);
	char *room = mmap(0, 8 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(room != MAP_FAILED);
	NO_ATTACH(shmat(id, room, 0), EINVAL);
	NO_ATTACH(shmat(id, room + 1, 0), EINVAL);
	OK(munmap(room + PAGE, 3 * PAGE));
	NO_ATTACH(shmat(id, room + 3 * PAGE, 0), EINVAL);
	CHECK(shmat(id, room + PAGE, 0) == room + PAGE);
	CHECK(shmat(id, room + 4 * PAGE + 5, SHM_RND | SHM_REMAP) == room + 4 * PAGE);
	room[4 * PAGE] = 1;
	EQ(room[PAGE], 1);
	EQ(attached(id), 2);
	CHECK(shmat(id, room + 2 * PAGE, SHM_REMAP) == room + 2 * PAGE);
	EQ(attached(id), 3);
	EQ(room[2 * PAGE], 1);
	NO_ATTACH(shmat(id, 0, SHM_REMAP), EINVAL);
	NO_ATTACH(shmat(id, (void *)5, SHM_REMAP | SHM_RND), EINVAL);
	NO_ATTACH(shmat(-1, 0, 0), EINVAL);
	NO_ATTACH(shmat(id + 1, 0, 0), EINVAL);
	ERR(shmdt(room + 1), EINVAL);
	ERR(shmdt(room), EINVAL);
	OK(shmdt(room + PAGE));
	OK(shmdt(room + 2 * PAGE));
	OK(shmdt(room + 4 * PAGE));
	EQ(attached(id), 0);
	remove_segment(id);
}

CASE(parts_of_a_segment)
{
	int id = segment(6 * PAGE);
	char *at = attach(id, 0);
	OK(mprotect(at + PAGE, PAGE, PROT_READ));
	EQ(attached(id), 3);
	OK(mprotect(at + PAGE, PAGE, PROT_READ | PROT_WRITE));
	NOTE("%d after the protection is as before", attached(id));
	OK(munmap(at + 4 * PAGE, PAGE));
	OK(munmap(at, PAGE));
	/* Gone with its first page missing, too; what lies behind the end stays. */
	OK(shmdt(at));
	EQ(attached(id), 0);
	DIES(SIGSEGV, *(volatile char *)(at + 5 * PAGE));
	at = attach(id, 0);
	OK(munmap(at, 6 * PAGE));
	EQ(attached(id), 0);
	at = attach(id, 0);
	char *moved = mremap(at, 6 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			     mmap(0, 6 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	CHECK(moved != MAP_FAILED);
	EQ(attached(id), 1);
	ERR(shmdt(at), EINVAL);
	OK(shmdt(moved));
	EQ(attached(id), 0);
	remove_segment(id);
}

CASE(protection)
{
	int id = segment(PAGE);
	char *at = attach(id, SHM_RDONLY);
	EQ(*at, 0);
	DIES(SIGSEGV, *at = 1);
	ERR(mprotect(at, PAGE, PROT_READ | PROT_WRITE), EACCES);
	char *run = attach(id, SHM_EXEC);
	run[0] = (char)0xc3;
	((void (*)(void))run)();
	OK(shmdt(at));
	OK(shmdt(run));
	remove_segment(id);
	id = OK(shmget(IPC_PRIVATE, PAGE, 0604));
	IN_CHILD(become(1000); NO_ATTACH(shmat(id, 0, 0), EACCES); attach(id, SHM_RDONLY);
		 NO_ATTACH(shmat(id, 0, SHM_RDONLY | SHM_EXEC), EACCES); ERR(shmctl(id, IPC_RMID, 0), EPERM);
		 ERR(shmctl(id, IPC_SET, &(struct shmid_ds){0}), EPERM); ERR(shmctl(id, SHM_LOCK, 0), EPERM));
	remove_segment(id);
}

CASE(pages_behind_the_end)
{
	int id = segment(100);
	char *at = attach(id, 0);
	at[4095] = 7;
	EQ(status_of(id).shm_segsz, 100);
	OK(shmdt(at));
	at = attach(id, 0);
	EQ(at[4095], 7);
	remove_segment(id);
	OK(shmdt(at));
}

CASE(status_and_owner)
{
	time_t before = time(0);
	int id = OK(shmget(0x345678b, 5000, IPC_CREAT | 0640));
	struct shmid_ds status = status_of(id);
	EQ(status.shm_perm.__key, 0x345678b);
	EQ(status.shm_perm.mode, 0640);
	EQ(status.shm_perm.__seq, id >> 15);
	EQ(status.shm_segsz, 5000);
	EQ(status.shm_atime, 0);
	EQ(status.shm_dtime, 0);
	CHECK(status.shm_ctime >= before && status.shm_ctime <= time(0));
	EQ(status.shm_cpid, getpid());
	EQ(status.shm_lpid, 0);
	EQ(status.shm_nattch, 0);
	char *at = attach(id, 0);
	status = status_of(id);
	CHECK(status.shm_atime >= before);
	EQ(status.shm_dtime, 0);
	EQ(status.shm_lpid, getpid());
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	EQ(exit_code(child), 0);
	EQ(status_of(id).shm_lpid, child);
	CHECK(status_of(id).shm_dtime >= before);
	OK(shmdt(at));
	EQ(status_of(id).shm_lpid, getpid());
	status.shm_perm.mode = 07612;
	status.shm_perm.uid = 65534;
	OK(shmctl(id, IPC_SET, &status));
	EQ(shmctl(id & 0x7fff, SHM_STAT, &status), id);
	EQ(status.shm_perm.mode, 0612);
	EQ(status.shm_perm.uid, 65534);
	status.shm_perm.uid = -1;
	ERR(shmctl(id, IPC_SET, &status), EINVAL);
	BAD_POINTER(shmctl(id, IPC_SET, (void *)16), EFAULT);
	BAD_POINTER(shmctl(id, IPC_STAT, (void *)16), EFAULT);
	ERR(shmctl(id, 99, 0), EINVAL);
	ERR(shmctl(id, -1, 0), EINVAL);
	ERR(shmctl(-1, IPC_STAT, &status), EINVAL);
	status.shm_perm.mode = 0600;
	status.shm_perm.uid = 1000;
	OK(shmctl(id, IPC_SET, &status));
	IN_CHILD(become(1001); ERR(shmctl(id, IPC_STAT, &status), EACCES);
		 ERR(shmctl(id & 0x7fff, SHM_STAT, &status), EACCES);
		 EQ(shmctl(id & 0x7fff, 15 /* SHM_STAT_ANY */, &status), id); ERR(shmget(0x345678b, 0, 0400), EACCES));
	IN_CHILD(become(1000); OK(shmctl(id, IPC_RMID, 0)));
}

CASE(locking)
{
	int id = segment(3 * PAGE);
	OK(shmctl(id, SHM_LOCK, 0));
	OK(shmctl(id, SHM_LOCK, 0));
	EQ(status_of(id).shm_perm.mode, 02600);
	OK(shmctl(id, SHM_UNLOCK, 0));
	EQ(status_of(id).shm_perm.mode, 0600);
	struct shmid_ds status = status_of(id);
	status.shm_perm.uid = 1000;
	OK(shmctl(id, IPC_SET, &status));
	struct rlimit limit = {2 * PAGE, 2 * PAGE};
	IN_CHILD(OK(setrlimit(RLIMIT_MEMLOCK, &limit)); become(1000); ERR(shmctl(id, SHM_LOCK, 0), ENOMEM);
		 limit.rlim_cur = 0; OK(setrlimit(RLIMIT_MEMLOCK, &limit)); ERR(shmctl(id, SHM_LOCK, 0), EPERM);
		 OK(shmctl(id, SHM_UNLOCK, 0)));
	limit.rlim_cur = limit.rlim_max = 4 * PAGE;
	IN_CHILD(OK(setrlimit(RLIMIT_MEMLOCK, &limit)); become(1000); OK(shmctl(id, SHM_LOCK, 0));
		 int other = segment(2 * PAGE); ERR(shmctl(other, SHM_LOCK, 0), ENOMEM); remove_segment(other);
		 OK(shmctl(id, SHM_UNLOCK, 0)));
	ERR(shmctl(id + 1, SHM_LOCK, 0), EINVAL);
	remove_segment(id);
}

CASE(information)
{
	struct shminfo limits;
	struct shm_info info;
	int id = segment(3 * PAGE);
	EQ(shmctl(0, IPC_INFO, (void *)&limits), id & 0x7fff);
	OUT("%llx %lld %lld %lld %llx", (long long)limits.shmmax, (long long)limits.shmmin, (long long)limits.shmmni,
	    (long long)limits.shmseg, (long long)limits.shmall);
	char *at = attach(id, 0);
	at[PAGE] = 1;
	EQ(shmctl(0, SHM_INFO, (void *)&info), id & 0x7fff);
	EQ(info.used_ids, 1);
	EQ(info.shm_tot, 3);
	EQ(info.shm_rss, 1);
	ERR(shmctl(0, IPC_INFO, (void *)16), EFAULT);
	ERR(shmctl(0, SHM_INFO, (void *)16), EFAULT);
	OK(shmdt(at));
	remove_segment(id);
	EQ(shmctl(0, SHM_INFO, (void *)&info), 0);
	EQ(info.shm_tot, 0);
}

CASE(limits)
{
	char text[100];
	static const char *files[] = {"shmmax", "shmall", "shmmni", "shm_rmid_forced", "shm_next_id"};
	for (int i = 0; i < 5; i++) {
		char path[100];
		sprintf(path, "/proc/sys/kernel/%s", files[i]);
		text[read_file(path, text, sizeof text - 1)] = 0;
		OUT("%s %s", files[i], strtok(text, "\n"));
	}
	set_number("/proc/sys/kernel/shmmax", "8192");
	ERR(shmget(IPC_PRIVATE, 8193, 0600), EINVAL);
	int id = segment(8192);
	set_number("/proc/sys/kernel/shmall", "3");
	ERR(shmget(IPC_PRIVATE, 8192, 0600), ENOSPC);
	remove_segment(segment(4096));
	set_number("/proc/sys/kernel/shmall", "18446744073692774399");
	set_number("/proc/sys/kernel/shmmax", "18446744073692774399");
	set_number("/proc/sys/kernel/shmmni", "1");
	ERR(shmget(IPC_PRIVATE, 8192, 0600), ENOSPC);
	set_number("/proc/sys/kernel/shmmni", "4096");
	remove_segment(id);
}

CASE(forced_removal)
{
	int orphan, kept = segment(PAGE);
	int ids[2];
	OK(pipe(ids));
	IN_CHILD(orphan = segment(PAGE); OK(write(ids[1], &orphan, sizeof orphan)));
	OK(read(ids[0], &orphan, sizeof orphan));
	EQ(attached(orphan), 0);
	set_number("/proc/sys/kernel/shm_rmid_forced", "1");
	ERR(shmctl(orphan, IPC_STAT, &(struct shmid_ds){0}), EINVAL);
	EQ(attached(kept), 0);
	IN_CHILD(orphan = segment(PAGE); OK(write(ids[1], &orphan, sizeof orphan)));
	OK(read(ids[0], &orphan, sizeof orphan));
	ERR(shmctl(orphan, IPC_STAT, &(struct shmid_ds){0}), EINVAL);
	OK(shmdt(attach(kept, 0)));
	ERR(shmctl(kept, IPC_STAT, &(struct shmid_ds){0}), EINVAL);
	set_number("/proc/sys/kernel/shm_rmid_forced", "0");
}

CASE(proc_shows_segments)
{
	int id = OK(shmget(0x345678c, 5000, IPC_CREAT | 0604));
	char text[8192] = {0}, line[200];
	char *at = attach(id, 0);
	*at = 1;
	text[read_file("/proc/sysvipc/shm", text, sizeof text - 1)] = 0;
	char *end = strchr(text, '\n');
	CHECK(end);
	*end = 0;
	OUT("%s", text);
	snprintf(line, sizeof line, "%10d %10d   604                  5000 %5d %5d      1     0     0     0     0 ", 0x345678c, id,
		 getpid(), getpid());
	CHECK(strstr(end + 1, line));
	CHECK(strstr(end + 1, "                  4096                     0\n"));
	/* In the map of memory by name, with the id as inode. */
	text[read_file("/proc/self/maps", text, sizeof text - 1)] = 0;
	char *name = strstr(text, "/SYSV0345678c (deleted)");
	CHECK(name);
	snprintf(line, sizeof line, " %d ", id);
	for (end = name; end > text && end[-1] != '\n'; end--)
		;
	CHECK(strstr(end, line) && strstr(end, line) < name);
	CHECK(strstr(end, "rw-s 00000000 00:") != 0);
	OK(shmdt(at));
	remove_segment(id);
}

static int word_of(pid_t child) { return exit_code(child); }
CASE(futexes_of_a_segment_meet)
{
	int id = segment(PAGE);
	int *one = (void *)attach(id, 0), *other = (void *)attach(id, 0);
	pid_t child = fork();
	if (child == 0)
		_exit(syscall(SYS_futex, one, 0, 0, 0, 0, 0) == 0 ? 0 : 1);
	WAIT_STATE(child, 'S');
	while (syscall(SYS_futex, other, 1, 1, 0, 0, 0) != 1)
		sleep_ms(1);
	EQ(word_of(child), 0);
	OK(shmdt(one));
	OK(shmdt(other));
	remove_segment(id);
}

CASE_WITHIN(attaching_and_removing_at_once, 60)
{
	for (int round = 0; round < 50; round++) {
		int id = segment(PAGE);
		pid_t children[3];
		for (int i = 0; i < 3; i++)
			if ((children[i] = fork()) == 0) {
				for (int n = 0; n < 20; n++) {
					char *at = shmat(id, 0, 0);
					if (at == (void *)-1)
						_exit(errno == EINVAL || errno == EIDRM ? 0 : 1);
					at[i] = 1;
					OK(shmdt(at));
				}
				_exit(0);
			}
		OK(shmctl(id, IPC_RMID, 0));
		for (int i = 0; i < 3; i++)
			EQ(exit_code(children[i]), 0);
		ERR(shmctl(id, IPC_STAT, &(struct shmid_ds){0}), EINVAL);
	}
}
