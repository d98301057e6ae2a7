/* What the programs about seccomp(2) share. */
#include "../check.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV 32
#endif
#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

static long seccomp(unsigned operation, unsigned flags, void *arguments)
{
	return syscall(SYS_seccomp, operation, flags, arguments);
}
#define NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define ARGUMENT(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
/* A filter that gives `value` for one call and allows the others. */
#define ONE_CALL(number, value)                                                                                        \
	{NUMBER, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), RETURN(value), RETURN(SECCOMP_RET_ALLOW)}
#define PROGRAM(code) (&(struct sock_fprog){sizeof(code) / sizeof((code)[0]), (code)})

__attribute__((unused)) static long install(unsigned flags, struct sock_filter *code, int length)
{
	struct sock_fprog program = {length, code};
	return seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
}
/* Adds a filter that gives `value` for a call. */
__attribute__((unused)) static long filter_call(unsigned flags, int number, unsigned value)
{
	struct sock_filter code[] = ONE_CALL(number, value);
	return install(flags, code, 4);
}
