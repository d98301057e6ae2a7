/* ptrace(2): stops at system calls, changing them, GET_SYSCALL_INFO, emulation. */
#include "common.h"
#include <sys/utsname.h>

#define SYSGOOD (SIGTRAP | 0x80)

/* The tracee's next system-call stop. */
static void next_call(pid_t child)
{
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	STOP(child, SYSGOOD);
}
static pid_t begin(pid_t child)
{
	OK(T(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD));
	return child;
}

CASE(stops_come_in_pairs)
{
	pid_t child = begin(TRACED_CHILD(syscall(SYS_getppid); _exit(1)));
	next_call(child);
	EQ(REG(child, orig_rax), SYS_getppid);
	EQ((long)REG(child, rax), -ENOSYS);
	next_call(child);
	EQ(REG(child, orig_rax), SYS_getppid);
	EQ(REG(child, rax), getpid());
	next_call(child);
	EQ(REG(child, orig_rax), SYS_exit_group);
	EQ(REG(child, rdi), 1);
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	EXITS(child, 1);
}

CASE(without_the_option_stops_look_like_SIGTRAP)
{
	pid_t child = TRACED_CHILD(syscall(SYS_getppid); _exit(1));
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	STOP(child, SIGTRAP);
	siginfo_t info = siginfo_of(child);
	EQ(info.si_code, SIGTRAP);
	EQ(info.si_pid, child);
	EQ(message_of(child), 1);
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	STOP(child, SIGTRAP);
	EQ(message_of(child), 2);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 1);
}

CASE(arguments_can_be_changed)
{
	pid_t child = begin(TRACED_CHILD(_exit(1)));
	next_call(child);
	EQ(REG(child, orig_rax), SYS_exit_group);
	SET_REG(child, rdi, 9);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 9);
}

CASE(the_number_can_be_changed)
{
	pid_t child = begin(TRACED_CHILD(_exit(syscall(SYS_getppid) == getpid() ? 0 : 1)));
	next_call(child);
	SET_REG(child, orig_rax, SYS_getpid);
	next_call(child);
	EQ(REG(child, rax), child);
	EQ(REG(child, orig_rax), SYS_getpid);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

CASE(a_call_can_be_skipped)
{
	pid_t child = begin(TRACED_CHILD(_exit(syscall(SYS_getppid) == -1 && errno == ENOSYS ? 0 : 1)));
	next_call(child);
	SET_REG(child, orig_rax, -1);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

CASE(a_skipped_call_has_the_result_the_tracer_sets)
{
	pid_t child = begin(TRACED_CHILD(_exit(syscall(SYS_getppid))));
	next_call(child);
	SET_REG(child, orig_rax, -1);
	SET_REG(child, rax, 33);
	next_call(child);
	EQ(REG(child, rax), 33);
	EQ((long)REG(child, orig_rax), -1);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 33);
}

CASE(the_result_can_be_changed)
{
	pid_t child = begin(TRACED_CHILD(_exit(syscall(SYS_getppid) == 55 ? 0 : 1)));
	next_call(child);
	next_call(child);
	SET_REG(child, rax, 55);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

CASE(unknown_numbers_stop_too)
{
	pid_t child = begin(TRACED_CHILD(syscall(3000, 1, 2); syscall(-5)));
	next_call(child);
	EQ(REG(child, orig_rax), 3000);
	next_call(child);
	EQ((long)REG(child, rax), -ENOSYS);
	next_call(child);
	EQ((int)REG(child, orig_rax), -5);
	next_call(child);
	EQ((long)REG(child, rax), -ENOSYS);
	end_tracee(child);
}

CASE(a_continued_call_has_no_stop_at_its_end)
{
	pid_t child = begin(TRACED_CHILD(syscall(SYS_getppid); raise(SIGUSR1)));
	next_call(child);
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGUSR1);
	end_tracee(child);
}

CASE(a_signal_given_at_a_call_is_sent)
{
	pid_t child = begin(TRACED_CHILD(syscall(SYS_getppid); syscall(SYS_getppid); _exit(1)));
	next_call(child);
	OK(T(PTRACE_SYSCALL, child, 0, SIGUSR1));
	STOP(child, SYSGOOD);
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	STOP(child, SIGUSR1);
	siginfo_t info = siginfo_of(child);
	EQ(info.si_code, SI_KERNEL);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 1);
}

CASE(call_information)
{
	struct ptrace_syscall_info info;
	pid_t child = begin(TRACED_CHILD(syscall(SYS_getppid, 1, 2, 3, 4, 5, 6); syscall(SYS_close, -1)));
	memset(&info, 0xee, sizeof info);
	EQ(trace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info), 24);
	EQ(info.op, PTRACE_SYSCALL_INFO_NONE);
	EQ(info.arch, 0xc000003e);
	EQ(info.instruction_pointer, REG(child, rip));
	EQ(info.stack_pointer, REG(child, rsp));
	next_call(child);
	EQ(trace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info), 80);
	EQ(info.op, PTRACE_SYSCALL_INFO_ENTRY);
	EQ(info.entry.nr, SYS_getppid);
	for (int i = 0; i < 6; i++)
		EQ(info.entry.args[i], i + 1);
	EQ(info.instruction_pointer, REG(child, rip));
	next_call(child);
	EQ(trace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info), 33);
	EQ(info.op, PTRACE_SYSCALL_INFO_EXIT);
	EQ(info.exit.rval, getpid());
	EQ(info.exit.is_error, 0);
	next_call(child);
	next_call(child);
	EQ(trace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info), 33);
	EQ(info.exit.rval, -EBADF);
	EQ(info.exit.is_error, 1);
	/* A short buffer gets what fits. */
	memset(&info, 0xee, sizeof info);
	EQ(trace(PTRACE_GET_SYSCALL_INFO, child, (void *)4, &info), 33);
	EQ(info.op, PTRACE_SYSCALL_INFO_EXIT);
	EQ(info.arch, 0xeeeeeeee);
	EQ(trace(PTRACE_GET_SYSCALL_INFO, child, 0, 0), 33);
	ERR(T(PTRACE_GET_SYSCALL_INFO, child, 88, 8), EFAULT);
	end_tracee(child);
}

CASE(interrupted_calls_show_their_restart_codes)
{
	pid_t child = begin(TRACED_CHILD(pause(); _exit(1)));
	next_call(child);
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	WAIT_STATE(child, 'S');
	OK(kill(child, SIGUSR1));
	STOP(child, SYSGOOD);
	EQ((long)REG(child, rax), -514);
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	STOP(child, SIGUSR1);
	EQ((long)REG(child, rax), -514);
	/* Without the signal the call is made again. */
	next_call(child);
	EQ(REG(child, orig_rax), SYS_pause);
	end_tracee(child);
}

CASE(restarts_of_timed_sleeps_are_seen)
{
	pid_t child = begin(TRACED_CHILD({
		struct timespec time = {0, 200000000};
		_exit(syscall(SYS_nanosleep, &time, 0) == 0 ? 0 : 1);
	}));
	next_call(child);
	EQ(REG(child, orig_rax), SYS_nanosleep);
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	WAIT_STATE(child, 'S');
	OK(kill(child, SIGUSR1));
	STOP(child, SYSGOOD);
	EQ((long)REG(child, rax), -516);
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	STOP(child, SIGUSR1);
	next_call(child);
	EQ(REG(child, orig_rax), SYS_restart_syscall);
	next_call(child);
	EQ(REG(child, rax), 0);
	OK(T(PTRACE_CONT, child, 0, 0));
	EXITS(child, 0);
}

CASE(exec_ends_in_a_new_program)
{
	pid_t child = begin(TRACED_CHILD(execute_quietly()));
	/* What comes before sees to it that the new program is not heard. */
	do
		next_call(child);
	while (REG(child, orig_rax) != SYS_execve);
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	STOP(child, SYSGOOD);
	EQ(REG(child, orig_rax), SYS_execve);
	EQ(REG(child, rax), 0);
	EQ(REG(child, rbx), 0);
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	STOP(child, SIGTRAP);
	end_tracee(child);
}

CASE(sigreturn_forgets_its_number)
{
	pid_t child = begin(TRACED_CHILD(signal(SIGUSR1, do_nothing); raise(SIGUSR1); syscall(SYS_getppid)));
	OK(T(PTRACE_CONT, child, 0, 0));
	STOP(child, SIGUSR1);
	OK(T(PTRACE_SYSCALL, child, 0, SIGUSR1));
	STOP(child, SYSGOOD);
	EQ(REG(child, orig_rax), SYS_rt_sigreturn);
	next_call(child);
	EQ((long)REG(child, orig_rax), -1);
	end_tracee(child);
}

CASE(emulation_makes_no_call)
{
	pid_t child = begin(TRACED_CHILD(_exit(syscall(SYS_getppid) == 1234 ? 0 : 1)));
	OK(T(SYSEMU_, child, 0, 0));
	STOP(child, SYSGOOD);
	EQ(REG(child, orig_rax), SYS_getppid);
	SET_REG(child, rax, 1234);
	OK(T(SYSEMU_, child, 0, 0));
	STOP(child, SYSGOOD);
	EQ(REG(child, orig_rax), SYS_exit_group);
	EQ(REG(child, rdi), 0);
	/* The exit is not made either, so that it is tried again. */
	OK(T(SYSEMU_, child, 0, 0));
	STOP(child, SYSGOOD);
	end_tracee(child);
}

CASE(stepping_over_a_call)
{
	pid_t child = begin(TRACED_CHILD(syscall(SYS_getppid); _exit(1)));
	next_call(child);
	unsigned long after = REG(child, rip);
	OK(T(PTRACE_SINGLESTEP, child, 0, 0));
	STOP(child, SIGTRAP);
	EQ(REG(child, rip), after);
	EQ(REG(child, rax), getpid());
	siginfo_t info = siginfo_of(child);
	EQ(info.si_code, TRAP_BRKPT);
	EQ((unsigned long)info.si_addr, after);
	OK(T(PTRACE_SINGLESTEP, child, 0, 0));
	STOP(child, SIGTRAP);
	CHECK(REG(child, rip) != after);
	EQ(siginfo_of(child).si_code, TRAP_TRACE);
	end_tracee(child);
}

CASE(proc_syscall_shows_the_call_a_tracee_is_in)
{
	char path[64], text[256];
	unsigned long number;
	pid_t child = begin(TRACED_CHILD(syscall(SYS_getppid, 1, 2)));
	next_call(child);
	snprintf(path, sizeof path, "/proc/%d/syscall", (int)child);
	CHECK(read_file(path, text, sizeof text) > 0);
	number = strtoul(text, 0, 10);
	EQ(number, SYS_getppid);
	CHECK(strstr(text, " 0x1 0x2 ") != 0);
	end_tracee(child);
}

CASE(numbers_of_x32_are_shown_whole)
{
	/* Linux without x32 shows them too. */
	pid_t child = TRACED_CHILD(syscall(0x40000000 | SYS_getppid));
	struct ptrace_syscall_info info;
	OK(T(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD));
	OK(T(PTRACE_SYSCALL, child, 0, 0));
	STOP(child, SIGTRAP | 0x80);
	EQ(trace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info), 80);
	EQ(info.arch, 0xc000003e);
	EQ(info.entry.nr, 0x40000000 | SYS_getppid);
	EQ(REG(child, orig_rax), 0x40000000 | SYS_getppid);
	end_tracee(child);
}
