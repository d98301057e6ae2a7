/* What the programs about System V IPC share: every case begins without objects and with the limits as they are at first. */
#include "../check.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};
static void set_number(const char *path, const char *text)
{
	int fd = OK(open(path, O_WRONLY));
	EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	OK(close(fd));
}
static void fresh(void)
{
	static const char *const limits[][2] = {
		{"msgmax", "8192"}, {"msgmnb", "16384"}, {"msgmni", "32000"}, {"sem", "32000 1024000000 500 32000"},
		{"shm_rmid_forced", "0"}, {"shmall", "18446744073692774399"}, {"shmmax", "18446744073692774399"}, {"shmmni", "4096"},
	};
	char path[100];
	struct semid_ds set;
	struct msqid_ds queue;
	struct shmid_ds segment;
	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		snprintf(path, sizeof path, "/proc/sys/kernel/%s", limits[i][0]);
		set_number(path, limits[i][1]);
	}
	for (int i = 0; i < 1000; i++) {
		int id = semctl(i, 0, SEM_STAT, (union semun){.buf = &set});
		if (id != -1)
			semctl(id, 0, IPC_RMID);
		if ((id = msgctl(i, MSG_STAT, &queue)) != -1)
			msgctl(id, IPC_RMID, 0);
		if ((id = shmctl(i, SHM_STAT, &segment)) != -1)
			shmctl(id, IPC_RMID, 0);
	}
}
#undef CASE
#define CASE(name)                                                                                                     \
	static void fresh_##name(void);                                                                                \
	CASE_WITHIN(name, 20)                                                                                          \
	{                                                                                                              \
		fresh();                                                                                               \
		fresh_##name();                                                                                        \
	}                                                                                                              \
	static void fresh_##name(void)

__attribute__((unused)) static void become(unsigned user)
{
	OK(setresgid(user, user, user));
	OK(setresuid(user, user, user));
}

/* The C library of i386 converts these structures, and has no defence against bad pointers. */
#ifdef __i386__
#define BAD_POINTER(call, error) (void)0
#else
#define BAD_POINTER(call, error) ERR(call, error)
#endif
/* A size that is negative where a long has as many bits. */
#if defined __x86_64__ && defined __ILP32__
#define NEGATIVE_SIZE(call, error) (void)0
#else
#define NEGATIVE_SIZE(call, error) ERR(call, error)
#endif
