/* System V message queues: msgget, msgsnd, msgrcv, msgctl. */
#include "common.h"

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif
struct message {
	__syscall_slong_t type;
	char text[9000];
};
static struct message in, out;
static int queue(void) { return OK(msgget(IPC_PRIVATE, 0600)); }
static void remove_queue(int id) { OK(msgctl(id, IPC_RMID, 0)); }
static void put(int id, long type, const char *text)
{
	out.type = type;
	strcpy(out.text, text);
	OK(msgsnd(id, &out, strlen(text) + 1, 0));
}
#define GETS(id, kind, flags, wanted_type, wanted)                                                                     \
	do {                                                                                                           \
		EQ(msgrcv(id, &in, sizeof in.text, kind, (flags) | IPC_NOWAIT), sizeof(wanted));                       \
		EQ(in.type, wanted_type);                                                                              \
		STR_EQ(in.text, wanted);                                                                               \
	} while (0)
static struct msqid_ds status_of(int id)
{
	struct msqid_ds status;
	memset(&status, 0x55, sizeof status);
	OK(msgctl(id, IPC_STAT, &status));
	return status;
}

CASE(get_finds_and_makes)
{
	key_t key = 0x2345678;
	ERR(msgget(key, 0600), ENOENT);
	int id = OK(msgget(key, IPC_CREAT | 0600));
	EQ(msgget(key, 0), id);
	EQ(msgget(key, IPC_CREAT), id);
	ERR(msgget(key, IPC_CREAT | IPC_EXCL), EEXIST);
	remove_queue(id);
	ERR(msgget(key, 0), ENOENT);
	ERR(msgctl(id, IPC_RMID, 0), EINVAL);
	ERR(msgctl(-1, IPC_RMID, 0), EINVAL);
	CHECK(msgget(key, IPC_CREAT | 0600) != id);
	remove_queue(msgget(key, 0));
}

CASE(types_choose)
{
	int id = queue();
	put(id, 5, "five");
	put(id, 3, "three");
	put(id, 7, "seven");
	put(id, 3, "three again");
	GETS(id, 0, 0, 5, "five");
	GETS(id, 7, 0, 7, "seven");
	put(id, 9, "nine");
	GETS(id, -8, 0, 3, "three");
	GETS(id, 3, MSG_EXCEPT, 9, "nine");
	ERR(msgrcv(id, &in, 100, 4, IPC_NOWAIT), ENOMSG);
	ERR(msgrcv(id, &in, 100, -2, IPC_NOWAIT), ENOMSG);
	ERR(msgrcv(id, &in, 100, 3, IPC_NOWAIT | MSG_EXCEPT), ENOMSG);
	GETS(id, LONG_MIN, 0, 3, "three again");
	ERR(msgrcv(id, &in, 100, 0, IPC_NOWAIT), ENOMSG);
	put(id, 6, "a");
	put(id, 2, "b");
	put(id, 4, "c");
	put(id, 2, "d");
	GETS(id, -6, 0, 2, "b");
	GETS(id, -6, 0, 2, "d");
	GETS(id, -6, 0, 4, "c");
	remove_queue(id);
}

CASE(lengths)
{
	int id = queue();
	put(id, 1, "hello");
	ERR(msgrcv(id, &in, 5, 0, 0), E2BIG);
	memset(&in, 'x', 20);
	EQ(msgrcv(id, &in, 3, 0, MSG_NOERROR), 3);
	EQ(memcmp(in.text, "helx", 4), 0);
	ERR(msgrcv(id, &in, 5, 0, IPC_NOWAIT), ENOMSG);
	out.type = 1;
	OK(msgsnd(id, &out, 0, 0));
	EQ(msgrcv(id, &in, 0, 0, 0), 0);
	OK(msgsnd(id, &out, 8192, 0));
	OK(msgsnd(id, &out, 8192, 0));
	ERR(msgsnd(id, &out, 1, IPC_NOWAIT), EAGAIN);
	OK(msgsnd(id, &out, 0, IPC_NOWAIT));
	EQ(status_of(id).__msg_cbytes, 16384);
	EQ(status_of(id).msg_qnum, 3);
	ERR(msgsnd(id, &out, 8193, 0), EINVAL);
	NEGATIVE_SIZE(msgsnd(id, &out, -1, 0), EINVAL);
	NEGATIVE_SIZE(msgrcv(id, &in, -1, 0, 0), EINVAL);
	remove_queue(id);
	/* As many messages as bytes. */
	id = queue();
	struct msqid_ds status = status_of(id);
	status.msg_qbytes = 3;
	OK(msgctl(id, IPC_SET, &status));
	for (int i = 0; i < 3; i++)
		OK(msgsnd(id, &out, 0, IPC_NOWAIT));
	ERR(msgsnd(id, &out, 0, IPC_NOWAIT), EAGAIN);
	ERR(msgsnd(id, &out, 4, IPC_NOWAIT), EAGAIN);
	remove_queue(id);
}

CASE(errors)
{
	int id = queue();
	out.type = 0;
	ERR(msgsnd(id, &out, 1, 0), EINVAL);
	out.type = -1;
	ERR(msgsnd(id, &out, 1, 0), EINVAL);
	ERR(msgsnd(-1, (void *)16, 1, 0), EFAULT);
	ERR(msgsnd(id, (void *)16, 1, 0), EFAULT);
	out.type = 1;
	ERR(msgsnd(id + 1, &out, 1, 0), EINVAL);
	ERR(msgsnd(-1, &out, 1, 0), EINVAL);
	ERR(msgrcv(-1, &in, 1, 0, IPC_NOWAIT), EINVAL);
	ERR(msgrcv(id + 1, &in, 1, 0, IPC_NOWAIT), EINVAL);
	ERR(msgrcv(id, &in, 1, 0, IPC_NOWAIT), ENOMSG);
	put(id, 1, "lost");
	ERR(msgrcv(id, (void *)16, 100, 0, 0), EFAULT);
	ERR(msgrcv(id, &in, 100, 0, IPC_NOWAIT), ENOMSG);
	ERR(msgctl(id, 99, 0), EINVAL);
	ERR(msgctl(id, -1, 0), EINVAL);
	BAD_POINTER(msgctl(id, IPC_STAT, (void *)16), EFAULT);
	BAD_POINTER(msgctl(id, IPC_SET, (void *)16), EFAULT);
	BAD_POINTER(msgctl(id + 1, IPC_SET, (void *)16), EFAULT);
	remove_queue(id);
}

CASE(copies_stay)
{
	int id = queue();
	put(id, 5, "five");
	put(id, 3, "three");
	ERR(msgrcv(id, &in, 100, 0, MSG_COPY), EINVAL);
	ERR(msgrcv(id, &in, 100, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT), EINVAL);
	GETS(id, 1, MSG_COPY, 3, "three");
	GETS(id, 0, MSG_COPY, 5, "five");
	ERR(msgrcv(id, &in, 100, 2, MSG_COPY | IPC_NOWAIT), ENOMSG);
	ERR(msgrcv(id, &in, 2, 1, MSG_COPY | IPC_NOWAIT), E2BIG);
	ERR(msgrcv(id, &in, 2, 1, MSG_COPY | IPC_NOWAIT | MSG_NOERROR), EINVAL);
	ERR(msgrcv(id, (void *)16, 100, 1, MSG_COPY | IPC_NOWAIT), EFAULT);
	EQ(status_of(id).msg_qnum, 2);
	EQ(status_of(id).msg_lrpid, 0);
	remove_queue(id);
}

CASE(status_and_owner)
{
	time_t before = time(0);
	int id = OK(msgget(0x2345679, IPC_CREAT | 0640));
	struct msqid_ds status = status_of(id);
	EQ(status.msg_perm.__key, 0x2345679);
	EQ(status.msg_perm.mode, 0640);
	EQ(status.msg_perm.uid, 0);
	EQ(status.msg_perm.__seq, id >> 15);
	EQ(status.msg_stime, 0);
	EQ(status.msg_rtime, 0);
	CHECK(status.msg_ctime >= before && status.msg_ctime <= time(0));
	EQ(status.msg_qnum, 0);
	EQ(status.msg_qbytes, 16384);
	EQ(status.msg_lspid, 0);
	put(id, 1, "x");
	GETS(id, 0, 0, 1, "x");
	status = status_of(id);
	EQ(status.msg_lspid, getpid());
	EQ(status.msg_lrpid, getpid());
	CHECK(status.msg_stime >= before && status.msg_rtime >= before);
	status.msg_perm.uid = 65534;
	status.msg_perm.mode = 07612;
	status.msg_qbytes = 100;
	OK(msgctl(id, IPC_SET, &status));
	EQ(msgctl(id & 0x7fff, MSG_STAT, &status), id);
	EQ(status.msg_perm.mode, 0612);
	EQ(status.msg_perm.uid, 65534);
	EQ(status.msg_qbytes, 100);
	status.msg_qbytes = 20000;
	OK(msgctl(id, IPC_SET, &status)); /* CAP_SYS_RESOURCE */
	status.msg_perm.gid = -1;
	ERR(msgctl(id, IPC_SET, &status), EINVAL);
	remove_queue(id);
}

CASE(who_may)
{
	int id = OK(msgget(0x234567a, IPC_CREAT | 0604));
	struct msqid_ds status = status_of(id);
	put(id, 1, "x");
	IN_CHILD(become(1000);
		 EQ(msgget(0x234567a, 0), id);
		 EQ(msgget(0x234567a, 0444), id);
		 ERR(msgget(0x234567a, 0600), EACCES);
		 ERR(msgsnd(id, &out, 1, 0), EACCES);
		 GETS(id, 0, 0, 1, "x");
		 ERR(msgctl(id, IPC_SET, &status), EPERM);
		 ERR(msgctl(id, IPC_RMID, 0), EPERM));
	status.msg_perm.mode = 0600;
	status.msg_perm.uid = 1000;
	OK(msgctl(id, IPC_SET, &status));
	status.msg_qbytes = 16385;
	IN_CHILD(become(1001);
		 ERR(msgrcv(id, &in, 1, 0, IPC_NOWAIT), EACCES);
		 ERR(msgctl(id, IPC_STAT, &status), EACCES);
		 ERR(msgctl(id & 0x7fff, MSG_STAT, &status), EACCES);
		 EQ(msgctl(id & 0x7fff, 13 /* MSG_STAT_ANY */, &status), id));
	IN_CHILD(become(1000); ERR(msgctl(id, IPC_SET, &status), EPERM); status.msg_qbytes = 16384;
		 OK(msgctl(id, IPC_SET, &status)); OK(msgctl(id, IPC_RMID, 0)));
}

CASE(information)
{
	struct msginfo info;
	int id = queue();
	put(id, 1, "four");
	EQ(msgctl(0, IPC_INFO, (void *)&info), id & 0x7fff);
	OUT("%d %d %d %d %d %d %d %d", info.msgpool, info.msgmap, info.msgmax, info.msgmnb, info.msgmni, info.msgssz,
	    info.msgtql, info.msgseg);
	EQ(msgctl(0, MSG_INFO, (void *)&info), id & 0x7fff);
	EQ(info.msgpool, 1);
	EQ(info.msgmap, 1);
	EQ(info.msgtql, 5);
	ERR(msgctl(0, IPC_INFO, (void *)16), EFAULT);
	remove_queue(id);
}

static void until_sleeping(pid_t pid)
{
	sleep_ms(10);
	WAIT_STATE(pid, 'S');
}
CASE(receivers_wait)
{
	int id = queue();
	pid_t any[2], exact = fork();
	if (exact == 0) {
		EQ(msgrcv(id, &in, 100, 7, 0), 6);
		_exit(0);
	}
	until_sleeping(exact);
	for (int i = 0; i < 2; i++) {
		if ((any[i] = fork()) == 0) {
			EQ(msgrcv(id, &in, 100, -5, 0), 2);
			_exit(in.text[0] - '0');
		}
		until_sleeping(any[i]);
	}
	put(id, 2, "1");
	EQ(exit_code(any[0]), 1);
	EQ(status_of(id).msg_lrpid, any[0]);
	put(id, 7, "seven");
	EQ(exit_code(exact), 0);
	put(id, 5, "2");
	EQ(exit_code(any[1]), 2);
	EQ(status_of(id).msg_qnum, 0);
	/* One that has no room for the message is told so, and the message stays. */
	pid_t child = fork();
	if (child == 0) {
		ERR(msgrcv(id, &in, 2, 0, 0), E2BIG);
		_exit(0);
	}
	until_sleeping(child);
	put(id, 1, "long");
	EQ(exit_code(child), 0);
	GETS(id, 0, 0, 1, "long");
	if ((child = fork()) == 0) {
		EQ(msgrcv(id, &in, 2, 0, MSG_NOERROR), 2);
		_exit(0);
	}
	until_sleeping(child);
	put(id, 1, "long");
	EQ(exit_code(child), 0);
	if ((child = fork()) == 0) {
		ERR(msgrcv(id, &in, 2, 0, 0), EIDRM);
		_exit(0);
	}
	until_sleeping(child);
	remove_queue(id);
	EQ(exit_code(child), 0);
}

CASE(senders_wait)
{
	int id = queue();
	out.type = 9;
	OK(msgsnd(id, &out, 4000, 0));
	out.type = 1;
	OK(msgsnd(id, &out, 8192, 0));
	out.type = 9;
	OK(msgsnd(id, &out, 4000, 0));
	pid_t large = fork();
	if (large == 0) {
		out.type = 2;
		OK(msgsnd(id, &out, 8192, 0));
		_exit(0);
	}
	until_sleeping(large);
	pid_t small = fork();
	if (small == 0) {
		out.type = 3;
		OK(msgsnd(id, &out, 1000, 0));
		_exit(0);
	}
	until_sleeping(small);
	/* The second one's message fits now, the first one's does not. */
	EQ(msgrcv(id, &in, 8192, 0, 0), 4000);
	EQ(exit_code(small), 0);
	until_sleeping(large);
	EQ(msgrcv(id, &in, 8192, 1, 0), 8192);
	EQ(exit_code(large), 0);
	EQ(status_of(id).__msg_cbytes, 13192);
	/* More room wakes, too; so does removal. */
	if ((large = fork()) == 0) {
		OK(msgsnd(id, &out, 8000, 0));
		_exit(0);
	}
	until_sleeping(large);
	struct msqid_ds status = status_of(id);
	status.msg_qbytes = 22000;
	OK(msgctl(id, IPC_SET, &status));
	EQ(exit_code(large), 0);
	if ((large = fork()) == 0) {
		ERR(msgsnd(id, &out, 8000, 0), EIDRM);
		_exit(0);
	}
	until_sleeping(large);
	remove_queue(id);
	EQ(exit_code(large), 0);
}

CASE(signals_interrupt)
{
	int id = queue();
	CATCH(SIGALRM, SA_RESTART);
	alarm_ms(20);
	ERR(msgrcv(id, &in, 100, 0, 0), EINTR);
	struct msqid_ds status = status_of(id);
	status.msg_qbytes = 1;
	OK(msgctl(id, IPC_SET, &status));
	put(id, 1, "");
	alarm_ms(20);
	ERR(msgsnd(id, &out, 1, 0), EINTR);
	/* Without a handler it goes on. */
	pid_t child = fork();
	if (child == 0) {
		EQ(msgrcv(id, &in, 100, 2, 0), 1);
		_exit(0);
	}
	until_sleeping(child);
	OK(kill(child, SIGSTOP));
	WAIT_STATE(child, 'T');
	OK(kill(child, SIGCONT));
	until_sleeping(child);
	GETS(id, 0, 0, 1, "");
	put(id, 2, "");
	EQ(exit_code(child), 0);
	/* Killed receivers take nothing. */
	if ((child = fork()) == 0) {
		msgrcv(id, &in, 100, 2, 0);
		_exit(0);
	}
	until_sleeping(child);
	OK(kill(child, SIGKILL));
	EQ(death_signal(child), SIGKILL);
	put(id, 2, "");
	GETS(id, 0, 0, 2, "");
	remove_queue(id);
}

CASE(stricter_permissions_end_waiting)
{
	int id = OK(msgget(IPC_PRIVATE, 0606));
	pid_t child = fork();
	if (child == 0) {
		become(1000);
		ERR(msgrcv(id, &in, 100, 2, 0), EACCES);
		_exit(0);
	}
	until_sleeping(child);
	struct msqid_ds status = status_of(id);
	status.msg_perm.mode = 0600;
	OK(msgctl(id, IPC_SET, &status));
	EQ(exit_code(child), 0);
	remove_queue(id);
}

CASE(limits)
{
	char text[100];
	static const char *files[] = {"msgmax", "msgmnb", "msgmni", "msg_next_id"};
	for (int i = 0; i < 4; i++) {
		char path[100];
		sprintf(path, "/proc/sys/kernel/%s", files[i]);
		text[read_file(path, text, sizeof text - 1)] = 0;
		OUT("%s %s", files[i], strtok(text, "\n"));
		int fd = OK(open(path, O_WRONLY));
		ERR(write(fd, "-1", 2), EINVAL);
		ERR(write(fd, "4294967296", 10), EINVAL);
	}
	set_number("/proc/sys/kernel/msgmax", "10");
	int id = queue();
	out.type = 1;
	ERR(msgsnd(id, &out, 11, 0), EINVAL);
	OK(msgsnd(id, &out, 10, 0));
	set_number("/proc/sys/kernel/msgmax", "8192");
	set_number("/proc/sys/kernel/msgmni", "1");
	ERR(msgget(IPC_PRIVATE, 0600), ENOSPC);
	set_number("/proc/sys/kernel/msgmni", "32000");
	set_number("/proc/sys/kernel/msgmnb", "77");
	int other = queue();
	EQ(status_of(other).msg_qbytes, 77);
	EQ(status_of(id).msg_qbytes, 16384);
	set_number("/proc/sys/kernel/msgmnb", "16384");
	set_number("/proc/sys/kernel/msg_next_id", "1000000");
	int chosen = queue();
	EQ(chosen, 1000000);
	text[read_file("/proc/sys/kernel/msg_next_id", text, sizeof text - 1)] = 0;
	STR_EQ(text, "-1\n");
	remove_queue(chosen);
	remove_queue(other);
	remove_queue(id);
}

CASE(proc_shows_queues)
{
	int id = OK(msgget(0x234567b, IPC_CREAT | 0604));
	put(id, 3, "xyz");
	char text[4096] = {0}, line[200];
	text[read_file("/proc/sysvipc/msg", text, sizeof text - 1)] = 0;
	char *end = strchr(text, '\n');
	CHECK(end);
	*end = 0;
	OUT("%s", text);
	snprintf(line, sizeof line, "%10d %10d   604           4          1 %5d     0     0     0     0     0 ", 0x234567b, id,
		 getpid());
	CHECK(strstr(end + 1, line));
	remove_queue(id);
}

CASE_WITHIN(many_senders_and_receivers, 60)
{
	int id = queue();
	pid_t children[4];
	for (int i = 0; i < 4; i++)
		if ((children[i] = fork()) == 0) {
			for (int n = 0; n < 300; n++) {
				out.type = i % 2 + 1;
				if (i < 2)
					OK(msgsnd(id, &out, 1000, 0));
				else
					EQ(msgrcv(id, &in, 1000, i % 2 + 1, 0), 1000);
			}
			_exit(0);
		}
	for (int i = 0; i < 4; i++)
		EQ(exit_code(children[i]), 0);
	EQ(status_of(id).msg_qnum, 0);
	remove_queue(id);
}
