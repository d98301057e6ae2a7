/* System V semaphores: semget, semop, semtimedop, semctl, SEM_UNDO. */
#include "common.h"

static int set_of(int count) { return OK(semget(IPC_PRIVATE, count, 0600)); }
static int one(int id, int number, int change, int flags)
{
	struct sembuf operation = {number, change, flags};
	return semop(id, &operation, 1);
}
static int value(int id, int number) { return semctl(id, number, GETVAL); }
static void set_value(int id, int number, int to) { OK(semctl(id, number, SETVAL, (union semun){.val = to})); }
static void remove_set(int id) { OK(semctl(id, 0, IPC_RMID)); }
/* Waits until so many wait for the semaphore to grow, or to be zero. */
static void until_waiting(int id, int number, int command, int count)
{
	for (int i = 0; i < 2000 && semctl(id, number, command) != count; i++)
		sleep_ms(1);
	EQ(semctl(id, number, command), count);
}

CASE(get_finds_and_makes)
{
	key_t key = 0x1234567;
	ERR(semget(key, 2, 0600), ENOENT);
	ERR(semget(key, 0, IPC_CREAT | 0600), EINVAL);
	ERR(semget(key, -1, IPC_CREAT | 0600), EINVAL);
	ERR(semget(key, 32001, IPC_CREAT | 0600), EINVAL);
	int id = OK(semget(key, 3, IPC_CREAT | 0600));
	EQ(semget(key, 3, 0), id);
	EQ(semget(key, 0, 0), id);
	EQ(semget(key, 2, IPC_CREAT | 0600), id);
	ERR(semget(key, 4, 0), EINVAL);
	ERR(semget(key, 1, IPC_CREAT | IPC_EXCL), EEXIST);
	EQ(semget(key, 1, IPC_EXCL), id);
	remove_set(id);
	ERR(semget(key, 3, 0), ENOENT);
	ERR(semctl(id, 0, GETVAL), EINVAL);
	ERR(one(id, 0, 1, 0), EINVAL);
	ERR(semget(IPC_PRIVATE, 0, 0600), EINVAL);
}

CASE(ids_come_back_late)
{
	int first = set_of(1);
	remove_set(first);
	int second = set_of(1);
	EQ(second - first, 1);
	remove_set(second);
	int last = second;
	for (int i = 0; i < 200; i++) {
		int id = set_of(1);
		CHECK(id != first && id != last);
		if ((id & 0x7fff) <= (last & 0x7fff))
			EQ(id >> 15, (last >> 15) + 1);
		else
			EQ(id >> 15, last >> 15);
		last = id;
		remove_set(id);
	}
}

CASE(operations_are_done_at_once_or_not)
{
	int id = set_of(3);
	struct sembuf many[] = {{0, 2, 0}, {1, 1, 0}, {2, -1, IPC_NOWAIT}};
	ERR(semop(id, many, 3), EAGAIN);
	EQ(value(id, 0), 0);
	EQ(value(id, 1), 0);
	many[2].sem_op = 1;
	OK(semop(id, many, 3));
	EQ(value(id, 0), 2);
	struct sembuf again[] = {{0, -1, 0}, {0, -1, 0}, {0, 0, IPC_NOWAIT}, {0, 5, 0}};
	OK(semop(id, again, 4));
	EQ(value(id, 0), 5);
	EQ(semctl(id, 0, GETPID), getpid());
	EQ(semctl(id, 2, GETPID), getpid());
	ERR(one(id, 0, 0, IPC_NOWAIT), EAGAIN);
	OK(one(id, 0, -5, 0));
	OK(one(id, 0, 0, 0));
	remove_set(id);
}

CASE(errors_of_operations)
{
	int id = set_of(2);
	struct sembuf operation = {0, 1, 0}, many[501];
	memset(many, 0, sizeof many);
	ERR(semop(id, &operation, 0), EINVAL);
	ERR(semop(-1, &operation, 1), EINVAL);
	ERR(semop(-1, 0, 1), EFAULT);
	ERR(semop(id, 0, 1), EFAULT);
	ERR(semop(id, many, 501), E2BIG);
	OK(semop(id, many, 500));
	ERR(semop(id + 1, &operation, 1), EINVAL);
	ERR(semop(id + (1 << 15), &operation, 1), EINVAL);
	ERR(one(id, 2, 1, 0), EFBIG);
	set_value(id, 0, 32767);
	ERR(one(id, 0, 1, 0), ERANGE);
	EQ(value(id, 0), 32767);
	set_value(id, 0, 0);
	OK(one(id, 0, 32767, SEM_UNDO));
	ERR(one(id, 0, 1, SEM_UNDO), ERANGE);
	OK(one(id, 0, -32767, 0));
	ERR(one(id, 0, 2, SEM_UNDO), ERANGE);
	EQ(value(id, 0), 0);
	remove_set(id);
}

CASE(control_of_values)
{
	int id = set_of(3);
	unsigned short values[3] = {1, 2, 3}, got[3];
	OK(semctl(id, 0, SETALL, (union semun){.array = values}));
	OK(semctl(id, 99, GETALL, (union semun){.array = got}));
	EQ(memcmp(values, got, sizeof got), 0);
	values[1] = 32768;
	ERR(semctl(id, 0, SETALL, (union semun){.array = values}), ERANGE);
	EQ(value(id, 0), 1);
	ERR(semctl(id, 0, SETVAL, (union semun){.val = 32768}), ERANGE);
	ERR(semctl(id, 0, SETVAL, (union semun){.val = -1}), ERANGE);
	ERR(semctl(id, 3, SETVAL, (union semun){.val = 1}), EINVAL);
	ERR(semctl(id, -1, GETVAL), EINVAL);
	ERR(semctl(id, 3, GETPID), EINVAL);
	ERR(semctl(id, 0, 77), EINVAL);
	ERR(semctl(-1, 0, GETVAL), EINVAL);
	ERR(semctl(id, 0, GETALL, (union semun){.array = (void *)16}), EFAULT);
	ERR(semctl(id, 0, SETALL, (union semun){.array = (void *)16}), EFAULT);
	EQ(semctl(id, 0, GETNCNT), 0);
	EQ(semctl(id, 0, GETZCNT), 0);
	remove_set(id);
	ERR(semctl(id, 0, SETVAL, (union semun){.val = 40000}), ERANGE);
}

CASE(status_and_owner)
{
	time_t before = time(0);
	int id = OK(semget(0x7654321, 2, IPC_CREAT | 0640));
	struct semid_ds status;
	memset(&status, 0x55, sizeof status);
	OK(semctl(id, 0, IPC_STAT, (union semun){.buf = &status}));
	EQ(status.sem_perm.__key, 0x7654321);
	EQ(status.sem_perm.mode, 0640);
	EQ(status.sem_perm.uid, geteuid());
	EQ(status.sem_perm.cgid, getegid());
	EQ(status.sem_perm.__seq, id >> 15);
	EQ(status.sem_nsems, 2);
	EQ(status.sem_otime, 0);
	CHECK(status.sem_ctime >= before && status.sem_ctime <= time(0));
	OK(one(id, 0, 1, 0));
	OK(semctl(id, 0, IPC_STAT, (union semun){.buf = &status}));
	CHECK(status.sem_otime >= before && status.sem_otime <= time(0));
	status.sem_perm.mode = 07612;
	status.sem_perm.uid = 65534;
	status.sem_perm.gid = 1234;
	OK(semctl(id, 0, IPC_SET, (union semun){.buf = &status}));
	EQ(semctl(id & 0x7fff, 0, SEM_STAT, (union semun){.buf = &status}), id);
	EQ(status.sem_perm.mode, 0612);
	EQ(status.sem_perm.uid, 65534);
	EQ(status.sem_perm.cuid, 0);
	status.sem_perm.uid = -1;
	ERR(semctl(id, 0, IPC_SET, (union semun){.buf = &status}), EINVAL);
	BAD_POINTER(semctl(id, 0, IPC_SET, (union semun){.buf = (void *)16}), EFAULT);
	BAD_POINTER(semctl(id, 0, IPC_STAT, (union semun){.buf = (void *)16}), EFAULT);
	ERR(semctl(id + 1, 0, IPC_STAT, (union semun){.buf = &status}), EINVAL);
	ERR(semctl(32767, 0, SEM_STAT, (union semun){.buf = &status}), EINVAL);
	remove_set(id);
}

CASE(who_may)
{
	int id = OK(semget(0x7654322, 1, IPC_CREAT | 0604));
	struct semid_ds status;
	OK(semctl(id, 0, IPC_STAT, (union semun){.buf = &status}));
	IN_CHILD(become(1000);
		 EQ(semget(0x7654322, 0, 0), id);
		 EQ(semget(0x7654322, 0, 0400), id);
		 ERR(semget(0x7654322, 0, 0200), EACCES);
		 EQ(semctl(id, 0, GETVAL), 0);
		 EQ(semctl(id, 5, SETVAL, (union semun){.val = 1}), -1); EQ(errno, EINVAL);
		 ERR(semctl(id, 0, SETVAL, (union semun){.val = 1}), EACCES);
		 ERR(one(id, 0, 1, 0), EACCES);
		 ERR(one(id, 1, 1, 0), EFBIG);
		 OK(one(id, 0, 0, 0));
		 ERR(semctl(id, 0, IPC_SET, (union semun){.buf = &status}), EPERM);
		 ERR(semctl(id, 0, IPC_RMID), EPERM));
	status.sem_perm.mode = 0;
	OK(semctl(id, 0, IPC_SET, (union semun){.buf = &status}));
	IN_CHILD(become(1000);
		 ERR(semctl(id, 0, IPC_STAT, (union semun){.buf = &status}), EACCES);
		 ERR(semctl(id & 0x7fff, 0, SEM_STAT, (union semun){.buf = &status}), EACCES);
		 EQ(semctl(id & 0x7fff, 0, 20 /* SEM_STAT_ANY */, (union semun){.buf = &status}), id);
		 ERR(semctl(id, 0, GETALL, (union semun){.array = (void *)16}), EACCES));
	status.sem_perm.gid = 1000;
	status.sem_perm.mode = 060;
	OK(semctl(id, 0, IPC_SET, (union semun){.buf = &status}));
	IN_CHILD(become(1000); OK(one(id, 0, 1, 0)); ERR(semctl(id, 0, IPC_RMID), EPERM));
	status.sem_perm.uid = 1000;
	OK(semctl(id, 0, IPC_SET, (union semun){.buf = &status}));
	IN_CHILD(become(1000); ERR(one(id, 0, 1, 0), EACCES); OK(semctl(id, 0, IPC_RMID)));
}

CASE(information)
{
	struct seminfo info;
	int id = set_of(7);
	int highest = OK(semctl(0, 0, IPC_INFO, (union semun){.info = &info}));
	EQ(highest, id & 0x7fff);
	OUT("%d %d %d %d %d %d %d %d %d %d", info.semmap, info.semmni, info.semmns, info.semmnu, info.semmsl, info.semopm,
	    info.semume, info.semusz, info.semvmx, info.semaem);
	EQ(semctl(0, 0, SEM_INFO, (union semun){.info = &info}), id & 0x7fff);
	EQ(info.semusz, 1);
	EQ(info.semaem, 7);
	ERR(semctl(0, 0, IPC_INFO, (union semun){.info = (void *)16}), EFAULT);
	ERR(semctl(-1, 0, IPC_INFO, (union semun){.info = &info}), EINVAL);
	remove_set(id);
	EQ(semctl(0, 0, SEM_INFO, (union semun){.info = &info}), 0);
}

CASE(waiters_go_on_in_their_order)
{
	int id = set_of(2), out[2];
	OK(pipe(out));
	for (int i = 0; i < 3; i++) {
		if (fork() == 0) {
			OK(one(id, 0, i == 1 ? -2 : -1, 0));
			OK(write(out[1], &(char){'a' + i}, 1));
			_exit(0);
		}
		until_waiting(id, 0, GETNCNT, i + 1);
	}
	char got[3];
	OK(one(id, 0, 1, 0));
	EQ(read(out[0], got, 1), 1);
	EQ(got[0], 'a');
	OK(one(id, 0, 1, 0));
	EQ(read(out[0], got, 1), 1);
	EQ(got[0], 'c');
	EQ(semctl(id, 0, GETNCNT), 1);
	OK(one(id, 0, 2, 0));
	EQ(read(out[0], got, 1), 1);
	EQ(got[0], 'b');
	EQ(value(id, 0), 0);
	remove_set(id);
}

CASE(zero_and_complex_waiters)
{
	int id = set_of(2);
	set_value(id, 0, 2);
	pid_t zero = fork();
	if (zero == 0) {
		OK(one(id, 0, 0, 0));
		_exit(0);
	}
	until_waiting(id, 0, GETZCNT, 1);
	pid_t both = fork();
	if (both == 0) {
		struct sembuf operations[] = {{0, 0, 0}, {1, -1, 0}, {0, 1, 0}};
		OK(semop(id, operations, 3));
		_exit(0);
	}
	until_waiting(id, 0, GETZCNT, 2);
	OK(one(id, 0, -2, 0));
	EQ(exit_code(zero), 0);
	until_waiting(id, 1, GETNCNT, 1);
	EQ(semctl(id, 0, GETZCNT), 0);
	OK(one(id, 1, 1, 0));
	EQ(exit_code(both), 0);
	EQ(value(id, 0), 1);
	EQ(value(id, 1), 0);
	EQ(semctl(id, 1, GETPID), both);
	remove_set(id);
}

static void nothing(int signal) { (void)signal; }
CASE(waiting_ends)
{
	int id = set_of(1);
	struct sembuf wait = {0, -1, 0};
	long long before = now_ns();
	ERR(semtimedop(id, &wait, 1, &(struct timespec){0, 30000000}), EAGAIN);
	CHECK(now_ns() - before >= 30000000);
	ERR(semtimedop(id, &wait, 1, &(struct timespec){0, 0}), EAGAIN);
	ERR(semtimedop(id, &wait, 1, &(struct timespec){0, 1000000000}), EINVAL);
	ERR(semtimedop(id, &wait, 1, &(struct timespec){-1, 0}), EINVAL);
	ERR(syscall(
#ifdef SYS_semtimedop
		    SYS_semtimedop,
#else
		    420,
#endif
		    id, &wait, 1, 16),
	    EFAULT);
	EQ(semctl(id, 0, GETNCNT), 0);
	/* A signal ends it, SA_RESTART or not. */
	struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
	OK(sigaction(SIGALRM, &action, 0));
	struct itimerval soon = {{0, 0}, {0, 20000}};
	OK(setitimer(ITIMER_REAL, &soon, 0));
	ERR(semop(id, &wait, 1), EINTR);
	EQ(semctl(id, 0, GETNCNT), 0);
	pid_t child = fork();
	if (child == 0) {
		ERR(semop(id, &wait, 1), EIDRM);
		_exit(0);
	}
	until_waiting(id, 0, GETNCNT, 1);
	remove_set(id);
	EQ(exit_code(child), 0);
	/* Killed, it does not count any more. */
	id = set_of(1);
	child = fork();
	if (child == 0) {
		semop(id, &wait, 1);
		_exit(0);
	}
	until_waiting(id, 0, GETNCNT, 1);
	OK(kill(child, SIGKILL));
	EQ(death_signal(child), SIGKILL);
	EQ(semctl(id, 0, GETNCNT), 0);
	remove_set(id);
}

CASE(setting_values_wakes)
{
	int id = set_of(1);
	for (int all = 0; all < 2; all++) {
		pid_t child = fork();
		if (child == 0) {
			OK(one(id, 0, -3, 0));
			_exit(0);
		}
		until_waiting(id, 0, GETNCNT, 1);
		if (all)
			OK(semctl(id, 0, SETALL, (union semun){.array = (unsigned short[]){4}}));
		else
			set_value(id, 0, 4);
		EQ(exit_code(child), 0);
		EQ(value(id, 0), 1);
		set_value(id, 0, 0);
	}
	remove_set(id);
}

CASE(ends_undo)
{
	int id = set_of(2);
	set_value(id, 1, 5);
	IN_CHILD(OK(one(id, 0, 3, SEM_UNDO)); OK(one(id, 1, -2, SEM_UNDO)); OK(one(id, 1, 1, 0)));
	EQ(value(id, 0), 0);
	EQ(value(id, 1), 6);
	/* Not below 0, and no more after a value is set. */
	IN_CHILD(OK(one(id, 0, 3, SEM_UNDO)); OK(one(id, 0, -1, 0)); OK(one(id, 1, 1, SEM_UNDO)); set_value(id, 1, 9));
	EQ(value(id, 0), 0);
	EQ(value(id, 1), 9);
	/* A child undoes nothing of its parent's; execve(2) keeps what is to be undone. */
	OK(one(id, 0, 1, SEM_UNDO));
	IN_CHILD(EQ(value(id, 0), 1));
	EQ(value(id, 0), 1);
	OK(one(id, 0, -1, SEM_UNDO));
	IN_CHILD(OK(one(id, 0, 4, SEM_UNDO)); execl("/bin/true", "true", (char *)0));
	EQ(value(id, 0), 0);
	/* It wakes who waits. */
	pid_t child = fork();
	if (child == 0) {
		set_value(id, 0, 0);
		OK(one(id, 1, -9, SEM_UNDO));
		until_waiting(id, 1, GETNCNT, 1);
		_exit(0);
	}
	while (value(id, 1) != 0)
		sleep_ms(1);
	OK(one(id, 1, -1, 0));
	EQ(value(id, 1), 8);
	EQ(exit_code(child), 0);
	remove_set(id);
}

static int shared_set;
static int undo_thread(void *unused)
{
	(void)unused;
	struct sembuf operation = {0, 1, SEM_UNDO};
	return semop(shared_set, &operation, 1) == 0 ? 0 : 1;
}
CASE(undo_lists_are_shared)
{
	static char stack[65536] __attribute__((aligned(16)));
	shared_set = set_of(1);
	pid_t child = fork();
	if (child == 0) {
		/* A process that shares its parent's list undoes nothing while that lives. */
		pid_t clone_pid = OK(clone(undo_thread, stack + sizeof stack, CLONE_VM | CLONE_SYSVSEM | SIGCHLD, 0));
		EQ(exit_code(clone_pid), 0);
		EQ(value(shared_set, 0), 1);
		OK(one(shared_set, 0, 1, SEM_UNDO));
		OK(unshare(CLONE_SYSVSEM));
		EQ(value(shared_set, 0), 0);
		OK(one(shared_set, 0, 1, SEM_UNDO));
		EQ(exit_code(OK(clone(undo_thread, stack + sizeof stack, CLONE_VM | SIGCHLD, 0))), 0);
		EQ(value(shared_set, 0), 1);
		_exit(0);
	}
	EQ(exit_code(child), 0);
	EQ(value(shared_set, 0), 0);
	remove_set(shared_set);
}

CASE(limits)
{
	char text[100] = {0};
	int fd = OK(open("/proc/sys/kernel/sem", O_RDWR));
	OK(read(fd, text, sizeof text - 1));
	STR_EQ(text, "32000\t1024000000\t500\t32000\n");
	OK(pwrite(fd, "10 20 3 2", 9, 0));
	ERR(semget(IPC_PRIVATE, 11, 0600), EINVAL);
	int first = set_of(10), second = set_of(9);
	ERR(semget(IPC_PRIVATE, 2, 0600), ENOSPC);
	ERR(semget(IPC_PRIVATE, 1, 0600), ENOSPC);
	struct sembuf many[4] = {{0, 1, 0}, {1, 1, 0}, {2, 1, 0}, {3, 1, 0}};
	ERR(semop(first, many, 4), E2BIG);
	OK(semop(first, many, 3));
	OK(pwrite(fd, "32000 1024000000", 16, 0));
	ERR(semget(IPC_PRIVATE, 1, 0600), ENOSPC);
	ERR(pwrite(fd, "1 1 1 32769", 11, 0), ERANGE);
	ERR(pwrite(fd, "x", 1, 0), EINVAL);
	remove_set(first);
	remove_set(second);
	OK(pwrite(fd, text, strlen(text), 0));
}

CASE(proc_shows_sets)
{
	int id = OK(semget(0x7654323, 4, IPC_CREAT | 0604));
	char text[4096] = {0}, line[200];
	int fd = OK(open("/proc/sysvipc/sem", O_RDONLY));
	OK(read(fd, text, sizeof text - 1));
	char *end = strchr(text, '\n');
	CHECK(end);
	*end = 0;
	OUT("%s", text);
	snprintf(line, sizeof line, "%10d %10d   604          4     0     0     0     0          0", 0x7654323, id);
	CHECK(strstr(end + 1, line));
	remove_set(id);
}

CASE_WITHIN(two_processes_count, 60)
{
	int id = set_of(2);
	int *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	set_value(id, 0, 1);
	pid_t children[4];
	for (int i = 0; i < 4; i++)
		if ((children[i] = fork()) == 0) {
			for (int n = 0; n < 500; n++) {
				OK(one(id, 0, -1, n % 2 ? SEM_UNDO : 0));
				int seen = *(volatile int *)shared;
				if (n % 50 == 0)
					sched_yield();
				*(volatile int *)shared = seen + 1;
				OK(one(id, 0, 1, n % 2 ? SEM_UNDO : 0));
			}
			_exit(0);
		}
	for (int i = 0; i < 4; i++)
		EQ(exit_code(children[i]), 0);
	EQ(*shared, 2000);
	EQ(value(id, 0), 1);
	remove_set(id);
}

CASE(namespaces_have_their_own)
{
	int id = OK(semget(0x7654324, 1, IPC_CREAT | 0600));
	OK(one(id, 0, 2, SEM_UNDO));
	IN_CHILD(
		OK(one(id, 0, 1, SEM_UNDO)); OK(unshare(CLONE_NEWIPC)); ERR(semget(0x7654324, 1, 0), ENOENT);
		ERR(one(id, 0, 1, 0), EINVAL); char text[100]; int fd = OK(open("/proc/sys/kernel/sem", O_RDWR));
		OK(pwrite(fd, "7 7 7 7", 7, 0)); ERR(semget(IPC_PRIVATE, 8, 0600), EINVAL);
		int own = OK(semget(0x7654324, 7, IPC_CREAT | 0600)); EQ(own, 0);
		text[read_file("/proc/sys/kernel/sem", text, sizeof text - 1)] = 0; STR_EQ(text, "7\t7\t7\t7\n");
		char self[100], parent[100]; OK(readlink("/proc/self/ns/ipc", self, 100));
		OK(readlink("/proc/1/ns/ipc", parent, 100)); CHECK(strncmp(self, parent, 16)); IN_CHILD(EQ(value(own, 0), 0)));
	EQ(value(id, 0), 2);
	static char stack[65536] __attribute__((aligned(16)));
	ERR(clone(undo_thread, stack + sizeof stack, CLONE_VM | CLONE_SYSVSEM | CLONE_NEWIPC | SIGCHLD, 0), EINVAL);
	IN_CHILD(become(1000); ERR(unshare(CLONE_NEWIPC), EPERM));
	char text[100];
	text[read_file("/proc/sys/kernel/sem", text, sizeof text - 1)] = 0;
	STR_EQ(text, "32000\t1024000000\t500\t32000\n");
	remove_set(id);
}
