/* kcmp(2): whether two tasks share an object; membarrier(2). */
#include "../check.h"
#include <linux/kcmp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

/* The answer is an order of the kernel's own, equal or not is what matters. */
static long compare(pid_t one, pid_t other, int kind, unsigned long first, unsigned long second)
{
	return syscall(SYS_kcmp, one, other, kind, first, second);
}
static const char *relation(pid_t one, pid_t other, int kind, unsigned long first, unsigned long second)
{
	long result = compare(one, other, kind, first, second);
	return result < 0 ? errno_name(errno) : result == 0 ? "equal" : result < 3 ? "differ" : "?";
}

CASE(objects_of_a_forked_child)
{
	pid_t me = getpid(), child = sleeping_child();
	static const char *names[] = {"FILE", "VM", "FILES", "FS", "SIGHAND", "IO", "SYSVSEM"};
	for (int kind = KCMP_VM; kind <= KCMP_IO; kind++) {
		OUT("%s of a child: %s", names[kind], relation(me, child, kind, 0, 0));
		OUT("%s of oneself: %s", names[kind], relation(me, me, kind, 0, 0));
	}
	OUT("order: %d", (int)(compare(me, child, KCMP_VM, 0, 0) + compare(child, me, KCMP_VM, 0, 0)));
	OUT("another order: %d", (int)(compare(me, child, KCMP_FS, 0, 0) + compare(child, me, KCMP_FS, 0, 0)));
	end_child(child);
}

CASE(files)
{
	int ends[2];
	OK(pipe(ends));
	int copy = OK(dup(ends[0])), path = OK(open("/tmp", O_PATH)), path_copy = OK(dup(path));
	pid_t me = getpid(), child = sleeping_child();
	OUT("copy: %s", relation(me, me, KCMP_FILE, ends[0], copy));
	OUT("other end: %s", relation(me, me, KCMP_FILE, ends[0], ends[1]));
	OUT("the child's: %s", relation(me, child, KCMP_FILE, ends[0], copy));
	OUT("the child's other: %s", relation(me, child, KCMP_FILE, ends[0], ends[1]));
	OUT("a path: %s", relation(me, child, KCMP_FILE, path, path_copy));
	OUT("closed: %s", relation(me, me, KCMP_FILE, 999, ends[0]));
	OUT("the other closed: %s", relation(me, me, KCMP_FILE, ends[0], 999));
	OUT("negative: %s", relation(me, me, KCMP_FILE, ends[0], -1UL));
	end_child(child);
}

static void *idle(void *tid)
{
	*(volatile pid_t *)tid = (pid_t)syscall(SYS_gettid);
	pause();
	return 0;
}
CASE(objects_of_a_thread)
{
	volatile pid_t tid = 0;
	pthread_t thread;
	EQ(pthread_create(&thread, 0, idle, (void *)&tid), 0);
	while (tid == 0)
		sched_yield();
	for (int kind = KCMP_VM; kind <= KCMP_IO; kind++)
		OUT("%d of a thread: %s", kind, relation(getpid(), tid, kind, 0, 0));
	OUT("file of a thread: %s", relation(getpid(), tid, KCMP_FILE, 1, 1));
}

CASE(what_an_epoll_instance_watches)
{
	int ends[2], instance = OK(epoll_create1(0));
	OK(pipe(ends));
	struct epoll_event event = {.events = EPOLLIN};
	OK(epoll_ctl(instance, EPOLL_CTL_ADD, ends[0], &event));
	int copy = OK(dup(ends[0]));
	OK(epoll_ctl(instance, EPOLL_CTL_ADD, copy, &event));
	struct kcmp_epoll_slot slot = {instance, ends[0], 0};
	pid_t me = getpid();
	OUT("watched: %s", relation(me, me, KCMP_EPOLL_TFD, ends[0], (unsigned long)&slot));
	OUT("not that one: %s", relation(me, me, KCMP_EPOLL_TFD, ends[1], (unsigned long)&slot));
	slot.toff = 1;
	OUT("second of that number: %s", relation(me, me, KCMP_EPOLL_TFD, ends[0], (unsigned long)&slot));
	slot = (struct kcmp_epoll_slot){instance, ends[1], 0};
	OUT("not watched: %s", relation(me, me, KCMP_EPOLL_TFD, ends[1], (unsigned long)&slot));
	slot = (struct kcmp_epoll_slot){ends[0], ends[0], 0};
	OUT("no instance: %s", relation(me, me, KCMP_EPOLL_TFD, ends[0], (unsigned long)&slot));
	slot = (struct kcmp_epoll_slot){999, ends[0], 0};
	OUT("no descriptor: %s", relation(me, me, KCMP_EPOLL_TFD, ends[0], (unsigned long)&slot));
	OUT("no file: %s", relation(me, me, KCMP_EPOLL_TFD, 999, (unsigned long)&slot));
	OUT("no slot: %s", relation(me, me, KCMP_EPOLL_TFD, ends[0], 16));
	OUT("no slot and no file: %s", relation(me, me, KCMP_EPOLL_TFD, 999, 16));
	/* What was closed meanwhile is watched on, if a copy of it is open. */
	slot = (struct kcmp_epoll_slot){instance, ends[0], 0};
	OK(close(ends[0]));
	OUT("closed: %s", relation(me, me, KCMP_EPOLL_TFD, copy, (unsigned long)&slot));
}

CASE(comparison_errors)
{
	pid_t me = getpid(), child = sleeping_child(), dead = OK(fork());
	if (dead == 0)
		_exit(0);
	WAIT_STATE(dead, 'Z');
	ERR(compare(me, 1 << 29, KCMP_VM, 0, 0), ESRCH);
	ERR(compare(-1, me, KCMP_VM, 0, 0), ESRCH);
	ERR(compare(0, me, KCMP_VM, 0, 0), ESRCH);
	ERR(compare(me, me, 99, 0, 0), EINVAL);
	ERR(compare(me, me, -1, 0, 0), EINVAL);
	OUT("memory of the dead: %s", relation(me, dead, KCMP_VM, 0, 0));
	OUT("files of the dead: %s", relation(me, dead, KCMP_FILE, 0, 0));
	OUT("of the dead both: %s", relation(dead, dead, KCMP_VM, 0, 0));
	wait_status(dead);
	IN_CHILD({
		OK(setuid(1000));
		OUT("of root: %s", relation(getpid(), child, KCMP_VM, 0, 0));
		OUT("of root both, and a wrong kind: %s", relation(child, child, 99, 0, 0));
	});
	end_child(child);
}

enum { QUERY, GLOBAL = 1, GLOBAL_EXPEDITED = 2, REGISTER_GLOBAL = 4, PRIVATE = 8, REGISTER_PRIVATE = 16, CORE = 32, REGISTER_CORE = 64,
       RSEQ = 128, REGISTER_RSEQ = 256 };
static long barrier(int command, unsigned flags, int cpu) { return syscall(SYS_membarrier, command, flags, cpu); }

CASE(barriers)
{
	OUT("commands: %lx", barrier(QUERY, 0, 0));
	ERR(barrier(QUERY, 1, 0), EINVAL);
	ERR(barrier(3, 0, 0), EINVAL);
	ERR(barrier(512, 0, 0), EINVAL);
	ERR(barrier(-1, 0, 0), EINVAL);
	EQ(barrier(GLOBAL, 0, 0), 0);
	EQ(barrier(GLOBAL_EXPEDITED, 0, 0), 0);
	ERR(barrier(PRIVATE, 0, 0), EPERM);
	ERR(barrier(CORE, 0, 0), EPERM);
	ERR(barrier(RSEQ, 0, 0), EPERM);
	ERR(barrier(RSEQ, 1, 0), EPERM);
	ERR(barrier(RSEQ, 2, 0), EINVAL);
	ERR(barrier(PRIVATE, 1, 0), EINVAL);
	ERR(barrier(REGISTER_RSEQ, 1, 0), EINVAL);
	EQ(barrier(REGISTER_PRIVATE, 0, 0), 0);
	EQ(barrier(REGISTER_PRIVATE, 0, 0), 0);
	EQ(barrier(PRIVATE, 0, 0), 0);
	ERR(barrier(CORE, 0, 0), EPERM);
	EQ(barrier(REGISTER_CORE, 0, 0), 0);
	EQ(barrier(CORE, 0, 0), 0);
	ERR(barrier(RSEQ, 0, 0), EPERM);
	EQ(barrier(REGISTER_RSEQ, 0, 0), 0);
	EQ(barrier(RSEQ, 0, 0), 0);
	EQ(barrier(RSEQ, 1, 0), 0);
	OUT("a processor that is not there: %s", barrier(RSEQ, 1, 4000) < 0 ? errno_name(errno) : "done");
	OUT("a negative one: %s", barrier(RSEQ, 1, -5) < 0 ? errno_name(errno) : "done");
	EQ(barrier(REGISTER_GLOBAL, 0, 0), 0);
	EQ(barrier(GLOBAL_EXPEDITED, 0, 0), 0);
}

CASE(registration_of_barriers_is_inherited)
{
	EQ(barrier(REGISTER_PRIVATE, 0, 0), 0);
	IN_CHILD({
		OUT("in a child: %s", barrier(PRIVATE, 0, 0) < 0 ? errno_name(errno) : "done");
		OUT("another: %s", barrier(CORE, 0, 0) < 0 ? errno_name(errno) : "done");
	});
	IN_CHILD({
		EQ(barrier(REGISTER_CORE, 0, 0), 0);
		OUT("the plain one by that of the core: %s", barrier(PRIVATE, 0, 0) < 0 ? errno_name(errno) : "done");
	});
}
CASE(one_registration_does_for_the_plain_barrier)
{
	EQ(barrier(REGISTER_CORE, 0, 0), 0);
	OUT("plain: %s", barrier(PRIVATE, 0, 0) < 0 ? errno_name(errno) : "done");
}
CASE(registration_for_sequences_does_for_the_plain_barrier)
{
	EQ(barrier(REGISTER_RSEQ, 0, 0), 0);
	OUT("plain: %s", barrier(PRIVATE, 0, 0) < 0 ? errno_name(errno) : "done");
}

/* Dekker's: each side writes its own word and reads the other's. With a barrier on one side for both, not both may read 0. */
static volatile int x, y, seen, round_, done_round, stop;
static void *fast_side(void *unused)
{
	for (int mine = 1; !stop; mine++) {
		while (round_ != mine && !stop)
			__asm__ volatile("pause");
		x = 1;
		__asm__ volatile("" ::: "memory");
		seen = y;
		done_round = mine;
	}
	return unused;
}
CASE(a_barrier_orders_the_others_too)
{
	pthread_t thread;
	EQ(barrier(REGISTER_PRIVATE, 0, 0), 0);
	EQ(pthread_create(&thread, 0, fast_side, 0), 0);
	for (int i = 1; i <= 2000; i++) {
		x = y = 0;
		__sync_synchronize();
		round_ = i;
		y = 1;
		EQ(barrier(PRIVATE, 0, 0), 0);
		int other = x;
		while (done_round != i)
			sched_yield();
		CHECK(other == 1 || seen == 1);
	}
	stop = 1;
	EQ(pthread_join(thread, 0), 0);
}
