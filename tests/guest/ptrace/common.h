/* What the programs about ptrace(2) share. */
#if defined __x86_64__ && defined __ILP32__ && !defined WORDS_OF_X32
#error "a tracer's words have 64 bits, which the longs of x32 have not"
#endif
#include "../check.h"
#include <elf.h>
#include <linux/ptrace.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/reg.h>
#include <sys/uio.h>
#include <sys/user.h>
#define PTRACE_PEEKUSER PTRACE_PEEKUSR
#define PTRACE_POKEUSER PTRACE_POKEUSR
#ifndef PTRACE_GETREGS
#define PTRACE_GETREGS 12
#define PTRACE_SETREGS 13
#define PTRACE_GETFPREGS 14
#define PTRACE_SETFPREGS 15
#endif
#define SYSEMU_ 31
#define SYSEMU_SINGLESTEP_ 32

/* The call itself: what PEEK reads comes in *data. */
__attribute__((unused)) static long trace(long request, pid_t pid, void *address, void *data)
{
	return syscall(SYS_ptrace, request, pid, address, data);
}
#define T(request, pid, address, data) trace((request), (pid), (void *)(long)(address), (void *)(long)(data))

__attribute__((unused)) static unsigned long peek_user(pid_t pid, unsigned long offset)
{
	unsigned long word = 0;
	OK(trace(PTRACE_PEEKUSER, pid, (void *)offset, &word));
	return word;
}
#define REG(pid, name) peek_user(pid, offsetof(struct user_regs_struct, name))
#define SET_REG(pid, name, value) OK(T(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, name), (value)))

/* Waits for this tracee; its status. */
__attribute__((unused)) static int wait_tracee(pid_t pid)
{
	int status = -1;
	pid_t got;
	do
		got = waitpid(pid, &status, __WALL);
	while (got == -1 && errno == EINTR);
	if (got != pid)
		FAIL("waitpid(%d) got %d %s", (int)pid, (int)got, errno_name(errno));
	return status;
}
/* Waits for a stop with this word above the low 8 bits: signal, and event << 8. */
#define STOP(pid, wanted)                                                                                              \
	do {                                                                                                           \
		int stop_ = wait_tracee(pid);                                                                          \
		if (stop_ != ((wanted) << 8 | 0x7f))                                                                   \
			FAIL("tracee's status got 0x%x want 0x%x", stop_, (wanted) << 8 | 0x7f);                       \
	} while (0)
#define EVENT(event) (SIGTRAP | (event) << 8)
/* The tracee has nothing to tell now. */
#define NOTHING_FROM(pid)                                                                                              \
	do {                                                                                                           \
		int status4_;                                                                                          \
		EQ(waitpid((pid), &status4_, WNOHANG | __WALL), 0);                                                    \
	} while (0)
__attribute__((unused)) static void end_tracee(pid_t pid)
{
	int status;
	kill(pid, SIGKILL);
	do {
		if (waitpid(pid, &status, __WALL) != pid)
			FAIL("waitpid got %s", errno_name(errno));
	} while (!WIFSIGNALED(status) && !WIFEXITED(status));
}
/* Runs the statements in a child that is traced and has stopped by SIGSTOP before them. */
#define TRACED_CHILD(...)                                                                                              \
	({                                                                                                             \
		pid_t traced_ = OK(fork());                                                                            \
		if (traced_ == 0) {                                                                                    \
			if (T(PTRACE_TRACEME, 0, 0, 0) != 0)                                                           \
				_exit(99);                                                                             \
			raise(SIGSTOP);                                                                                \
			__VA_ARGS__;                                                                                   \
			_exit(0);                                                                                      \
		}                                                                                                      \
		STOP(traced_, SIGSTOP);                                                                                \
		traced_;                                                                                               \
	})
/* Runs the statements in a child that nobody traces. */
#define CHILD(...)                                                                                                     \
	({                                                                                                             \
		pid_t child5_ = OK(fork());                                                                            \
		if (child5_ == 0) {                                                                                    \
			__VA_ARGS__;                                                                                   \
			_exit(0);                                                                                      \
		}                                                                                                      \
		child5_;                                                                                               \
	})
__attribute__((unused)) static siginfo_t siginfo_of(pid_t pid)
{
	siginfo_t info;
	memset(&info, 0xee, sizeof info);
	OK(trace(PTRACE_GETSIGINFO, pid, 0, &info));
	return info;
}
__attribute__((unused)) static unsigned long message_of(pid_t pid)
{
	unsigned long message = 77;
	OK(trace(PTRACE_GETEVENTMSG, pid, 0, &message));
	return message;
}
/* Goes on to the end, which must be an exit with this code. */
#define EXITS(pid, code)                                                                                               \
	do {                                                                                                           \
		int status6_ = wait_tracee(pid);                                                                       \
		if (!WIFEXITED(status6_) || WEXITSTATUS(status6_) != (code))                                           \
			FAIL("tracee's status got 0x%x want an exit with %d", status6_, (code));                       \
	} while (0)
/* Executes this program anew, which ends with 0 and prints nothing that is seen. */
__attribute__((unused)) static void execute_quietly(void)
{
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(nowhere, 1);
	execl("/proc/self/exe", "x", "--list", (char *)0);
}
