/* i386's ipc(2): its versions and older structures. */
#include "common.h"

#ifdef __i386__
enum { SEMOP = 1, SEMGET, SEMCTL, SEMTIMEDOP, MSGSND = 11, MSGRCV, MSGGET, MSGCTL, SHMAT = 21, SHMDT, SHMGET, SHMCTL };
#define IPC_64 0x100
#define IPC(call, ...) IPC_WORDS(call, __VA_ARGS__, 0, 0, 0, 0, 0)
#define IPC_WORDS(call, a, b, c, d, e, ...) syscall(SYS_ipc, call, a, b, c, d, e)
struct old_perm {
	int32_t key;
	uint16_t uid, gid, cuid, cgid, mode, seq;
};
struct perm {
	int32_t key;
	uint32_t uid, gid, cuid, cgid;
	uint16_t mode, pad, seq, pad2;
	uint32_t unused[2];
};

CASE(numbers)
{
	for (int call = 0; call < 40; call++) {
		int known = (call >= 1 && call <= 4) || (call >= 11 && call <= 14) || (call >= 21 && call <= 24);
		if (!known)
			ERR(IPC(call, 0, 0, 0, 0, 0), ENOSYS);
	}
	ERR(IPC(SEMGET, 0x4444, 1, 0), ENOENT);
	ERR(IPC(SEMGET | 5 << 16, 0x4444, 1, 0), ENOENT);
}

CASE(semaphores)
{
	int id = OK(IPC(SEMGET, 0x4567, 2, 01640));
	struct {
		struct old_perm perm;
		int32_t otime, ctime, base, pending, last, undo;
		uint16_t nsems, pad;
	} old;
	struct {
		struct perm perm;
		uint32_t otime, otime_high, ctime, ctime_high, nsems, unused[2];
	} now;
	struct {
		short number, change, flags;
	} operation = {0, 3, 0};
	int pointer = (int)&old, number = 5;
	ERR(IPC(SEMCTL, id, 0, 2, 0), EINVAL);
	ERR(IPC(SEMCTL, id, 0, 2, 16), EFAULT);
	OK(IPC(SEMOP, id, 1, 0, &operation));
	memset(&old, 0x55, sizeof old);
	OK(IPC(SEMCTL, id, 0, 2, &pointer));
	EQ(old.perm.key, 0x4567);
	EQ(old.perm.mode, 0640);
	EQ(old.nsems, 2);
	CHECK(old.otime != 0 && old.ctime != 0);
	EQ(old.base, 0);
	pointer = (int)&now;
	memset(&now, 0x55, sizeof now);
	OK(IPC(SEMCTL, id, 0, 2 | IPC_64, &pointer));
	EQ(now.perm.key, 0x4567);
	EQ(now.perm.mode, 0640);
	EQ(now.perm.seq, id >> 15);
	EQ(now.otime, old.otime);
	EQ(now.otime_high, 0);
	EQ(now.ctime, old.ctime);
	EQ(now.nsems, 2);
	EQ(sizeof now, 64);
	old.perm.mode = 0600;
	old.perm.uid = 1000;
	pointer = (int)&old;
	OK(IPC(SEMCTL, id, 0, 1, &pointer));
	ERR(syscall(394, id, 0, 1, 16), EFAULT);
	ERR(syscall(394, id, 0, 2, 16), EFAULT);
	OK(IPC(SEMCTL, id, 1, 16, &number));
	EQ(IPC(SEMCTL, id, 1, 12, &number), 5);
	EQ(IPC(SEMCTL, id, 0, 12 | IPC_64, &number), 3);
	EQ(syscall(394, id, 0, 12, 0), 3);
	operation.change = 0;
	int32_t short_time[2] = {0, 1000}, bad[2] = {0, -1};
	int64_t short_time64[2] = {0, 1000};
	ERR(IPC(SEMTIMEDOP, id, 1, 0, &operation, short_time), EAGAIN);
	ERR(IPC(SEMTIMEDOP, id, 1, 0, &operation, bad), EINVAL);
	ERR(IPC(SEMTIMEDOP, id, 1, 0, &operation, 16), EFAULT);
	ERR(syscall(420, id, &operation, 1, short_time64), EAGAIN);
	pointer = (int)&now;
	OK(syscall(394, id, 0, 2, &now));
	EQ(now.perm.uid, 1000);
	OK(IPC(SEMCTL, id, 0, 0, &pointer));
}

CASE(queues)
{
	int id = OK(IPC(MSGGET, 0x4568, 01640));
	struct {
		struct old_perm perm;
		uint32_t first, last;
		int32_t stime, rtime, ctime;
		uint32_t lcbytes, lqbytes;
		uint16_t cbytes, qnum, qbytes, lspid, lrpid, pad;
	} old;
	struct {
		struct perm perm;
		uint32_t stime, stime_high, rtime, rtime_high, ctime, ctime_high, cbytes, qnum, qbytes, lspid, lrpid, unused[2];
	} now;
	struct {
		int32_t type;
		char text[8];
	} message = {5, "hello"}, got;
	struct {
		void *message;
		int32_t type;
	} kludge = {&got, 0};
	OK(IPC(MSGSND, id, 6, 0, &message));
	memset(&old, 0x55, sizeof old);
	OK(IPC(MSGCTL, id, 2, 0, &old));
	EQ(old.perm.mode, 0640);
	EQ(old.cbytes, 6);
	EQ(old.qnum, 1);
	EQ(old.qbytes, 16384);
	EQ(old.lspid, (uint16_t)getpid());
	EQ(old.lqbytes, 0);
	EQ(old.first, 0);
	EQ(sizeof old, 56);
	memset(&now, 0x55, sizeof now);
	OK(IPC(MSGCTL, id, 2 | IPC_64, 0, &now));
	EQ(now.qnum, 1);
	EQ(now.qbytes, 16384);
	EQ(now.stime, old.stime);
	EQ(now.stime_high, 0);
	EQ(now.rtime, 0);
	EQ(now.lspid, getpid());
	EQ(sizeof now, 88);
	old.qbytes = 100;
	OK(IPC(MSGCTL, id, 1, 0, &old));
	OK(syscall(402, id, 2, &now));
	EQ(now.qbytes, 100);
	ERR(syscall(402, id, 1, 16), EFAULT);
	ERR(syscall(402, id, 2, 16), EFAULT);
	now.qbytes = 200;
	OK(syscall(402, id, 1, &now));
	EQ(IPC(MSGRCV, id, 8, 04000, &kludge), 6);
	EQ(got.type, 5);
	STR_EQ(got.text, "hello");
	OK(IPC(MSGSND, id, 6, 0, &message));
	kludge.type = 4;
	ERR(IPC(MSGRCV, id, 8, 04000, &kludge), ENOMSG);
	ERR(IPC(MSGRCV, id, 8, 04000, 0), EINVAL);
	ERR(IPC(MSGRCV, id, 8, 04000, 16), EFAULT);
	ERR(IPC(MSGRCV | 1 << 16, id, 8, 04000, &got, 4), ENOMSG);
	EQ(IPC(MSGRCV | 1 << 16, id, 8, 04000, &got, -5), 6);
	ERR(IPC(MSGRCV, -1, 8, 04000, &kludge), EINVAL);
	ERR(IPC(MSGRCV, id, -8, 04000, &kludge), EINVAL);
	OK(IPC(MSGCTL, id, 0));
}

CASE(segments)
{
	int id = OK(IPC(SHMGET, 0x4569, 5000, 01640));
	struct {
		struct old_perm perm;
		int32_t segsz, atime, dtime, ctime;
		uint16_t cpid, lpid, nattch, unused;
		uint32_t unused2, unused3;
	} old;
	struct {
		struct perm perm;
		uint32_t segsz, atime, atime_high, dtime, dtime_high, ctime, ctime_high, cpid, lpid, nattch, unused[2];
	} now;
	uint32_t at = 0, limits[9], old_limits[5], usage[6];
	OK(IPC(SHMAT, id, 0, &at, 0));
	CHECK(at != 0);
	*(char *)at = 1;
	ERR(IPC(SHMAT | 1 << 16, id, 0, &at, 0), EINVAL);
	memset(&old, 0x55, sizeof old);
	OK(IPC(SHMCTL, id, 2, 0, &old));
	EQ(old.perm.mode, 0640);
	EQ(old.segsz, 5000);
	EQ(old.nattch, 1);
	EQ(old.cpid, (uint16_t)getpid());
	EQ(old.unused2, 0);
	EQ(sizeof old, 48);
	memset(&now, 0x55, sizeof now);
	OK(IPC(SHMCTL, id, 2 | IPC_64, 0, &now));
	EQ(now.segsz, 5000);
	EQ(now.nattch, 1);
	EQ(now.atime, old.atime);
	EQ(now.atime_high, 0);
	EQ(now.lpid, getpid());
	EQ(sizeof now, 84);
	OK(IPC(SHMCTL, 0, 3, 0, old_limits));
	OK(IPC(SHMCTL, 0, 3 | IPC_64, 0, limits));
	EQ(memcmp(limits, old_limits, sizeof old_limits), 0);
	EQ(limits[0], 0x7fffffff);
	EQ(limits[5], 0);
	OK(syscall(396, 0, 14, usage));
	EQ(usage[1], 2);
	EQ(usage[2], 1);
	EQ(IPC(SHMAT, id, 0, 16, 0), -1);
	EQ(errno, EFAULT);
	OK(syscall(396, id, 2, &now));
	EQ(now.nattch, 2);
	ERR(syscall(396, id, 1, 16), EFAULT);
	ERR(syscall(396, id, 2, 16), EFAULT);
	OK(IPC(SHMDT, 0, 0, 0, at));
	ERR(IPC(SHMDT, 0, 0, 0, at), EINVAL);
	CHECK(syscall(397, id, 0, 0) != -1);
	OK(IPC(SHMCTL, id, 0));
}
#else
CASE(numbers) { SKIP("i386's call"); }
#endif
