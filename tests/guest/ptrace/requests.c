/* Every request of ptrace(2), known and unknown, with arguments that are none; steps to the next branch; selectors that a tracer sets. */
#include "../check.h"
#include "common.h"

#define SINGLEBLOCK_ 33
#define GET_RSEQ_CONFIGURATION_ 0x420f

#define TELL_ERRNO(what, call)                                                                                         \
	do {                                                                                                           \
		errno = 0;                                                                                             \
		long result_ = (call);                                                                                 \
		OUT("%s %ld %s", what, result_, errno_name(errno));                                                    \
	} while (0)

static char *nowhere; /* an address where nothing is */

/* What each request answers, in runs of equal answers. */
static void sweep(const char *what, long first, long last, long address, long data)
{
	char before[64] = "", now[64];
	long from = first;
	for (long request = first; request <= last + 1; request++) {
		/* These end or free the tracee, or begin to trace this process. */
		if (request == PTRACE_TRACEME || request == PTRACE_KILL)
			continue;
		pid_t pid = request > last ? 0 : TRACED_CHILD(pause());
		if (pid) {
			errno = 0;
			long result = T(request, pid, address, data);
			if (result == -1)
				snprintf(now, sizeof now, "%s", errno_name(errno));
			else
				snprintf(now, sizeof now, "%ld", result);
			end_tracee(pid);
		} else
			now[0] = 0;
		if (strcmp(now, before) != 0) {
			if (before[0])
				OUT("%s, %#lx to %#lx: %s", what, from, request - 1, before);
			strcpy(before, now);
			from = request;
		}
	}
}

CASE_WITHIN(requests_of_old, 60)
{
	nowhere = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static unsigned long zeros[1024];
	sweep("nowhere", 0, 40, 0, (long)nowhere);
	sweep("nowhere at 8", 0, 40, 8, (long)nowhere);
	sweep("nowhere at -1", 0, 40, -1, (long)nowhere);
	sweep("nowhere at 12", 0, 40, 12, (long)nowhere);
	sweep("zeros", 0, 40, 12, (long)zeros);
}
CASE_WITHIN(requests_since, 60)
{
	nowhere = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static unsigned long zeros[1024];
	sweep("nowhere", 0x41fe, 0x4215, 0, (long)nowhere);
	sweep("nowhere at 8", 0x41fe, 0x4215, 8, (long)nowhere);
	sweep("nowhere at -1", 0x41fe, 0x4215, -1, (long)nowhere);
	sweep("nowhere at NT_PRSTATUS", 0x41fe, 0x4215, NT_PRSTATUS, (long)nowhere);
	sweep("zeros", 0x41fe, 0x4215, 8, (long)zeros);
	sweep("data of 0", 0x41fe, 0x4215, 0, 0);
}
CASE_WITHIN(requests_that_nobody_has, 60)
{
	static unsigned long zeros[1024];
	const long numbers[] = {41, 64, 100, 0x1000, 0x4000, 0x41ff, 0x4300, 0x7fffffff, -1, (long)0x80000000};
	for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		pid_t pid = TRACED_CHILD(pause());
		errno = 0;
		long result = T(numbers[i], pid, 0, zeros);
		OUT("%#lx: %ld %s", numbers[i], result, errno_name(errno));
		end_tracee(pid);
	}
	/* The process is looked for first, and whether it is a tracee. */
	TELL_ERRNO("unknown, no process", T(41, 0x7fffffff, 0, 0));
	TELL_ERRNO("unknown, no tracee", T(41, getppid(), 0, 0));
	TELL_ERRNO("unknown, process 0", T(41, 0, 0, 0));
	TELL_ERRNO("unknown, negative", T(41, -1, 0, 0));
}

CASE_WITHIN(words_of_the_user_area, 60)
{
	pid_t pid = TRACED_CHILD(pause());
	char before[64] = "", now[64];
	long from = 0;
	for (long address = 0; address <= 0x400; address++) {
		unsigned long word;
		errno = 0;
		long result = trace(PTRACE_PEEKUSER, pid, (void *)address, &word);
		snprintf(now, sizeof now, "%s at each %ld", result ? errno_name(errno) : "ok", address % (long)sizeof word ? 1L : (long)sizeof word);
		if (address % (long)sizeof word) {
			if (result == 0 || errno != EIO)
				OUT("%#lx: %s", address, now);
			continue;
		}
		if (strcmp(now, before) != 0) {
			if (before[0])
				OUT("peek %#lx to %#lx: %s", from, address - 1, before);
			strcpy(before, now);
			from = address;
		}
	}
	OUT("peek from %#lx: %s", from, before);
	end_tracee(pid);
	before[0] = 0;
	for (long address = 0; address <= 0x400; address += sizeof(long)) {
		pid = TRACED_CHILD(pause());
		errno = 0;
		long result = T(PTRACE_POKEUSER, pid, address, 0);
		snprintf(now, sizeof now, "%s", result ? errno_name(errno) : "ok");
		end_tracee(pid);
		if (strcmp(now, before) != 0) {
			if (before[0])
				OUT("poke %#lx to %#lx: %s", from, address - 1, before);
			strcpy(before, now);
			from = address;
		}
	}
	OUT("poke from %#lx: %s", from, before);
}

static const struct {
	const char *name;
	unsigned long offset;
} segments[] = {
#ifdef __x86_64__
	{"cs", offsetof(struct user_regs_struct, cs)}, {"ss", offsetof(struct user_regs_struct, ss)},
	{"ds", offsetof(struct user_regs_struct, ds)}, {"es", offsetof(struct user_regs_struct, es)},
	{"fs", offsetof(struct user_regs_struct, fs)}, {"gs", offsetof(struct user_regs_struct, gs)},
#else
	{"cs", offsetof(struct user_regs_struct, xcs)}, {"ss", offsetof(struct user_regs_struct, xss)},
	{"ds", offsetof(struct user_regs_struct, xds)}, {"es", offsetof(struct user_regs_struct, xes)},
	{"fs", offsetof(struct user_regs_struct, xfs)}, {"gs", offsetof(struct user_regs_struct, xgs)},
#endif
};
CASE_WITHIN(selectors, 60)
{
	const unsigned long values[] = {0, 3, 7, 0x10, 0x13, 0x18, 0x1b, 0x23, 0x2b, 0x33, 0x43, 0x53, 0x63, 0x73, 0x7b, 0x83, 0xffff, 0x1002b, 0x100000};
	for (unsigned i = 0; i < 6; i++)
		for (unsigned j = 0; j < sizeof values / sizeof *values; j++) {
			pid_t pid = TRACED_CHILD({});
			errno = 0;
			long result = T(PTRACE_POKEUSER, pid, segments[i].offset, values[j]);
			unsigned long now = peek_user(pid, segments[i].offset);
			char end[64] = "";
			/* What the C library has in FS or GS, and says itself. */
			if (i < 2 && result == 0) {
				OK(T(PTRACE_CONT, pid, 0, 0));
				int status = wait_tracee(pid);
				if (WIFSTOPPED(status)) {
					siginfo_t info = siginfo_of(pid);
					snprintf(end, sizeof end, ", then signal %d code %d", info.si_signo, info.si_code);
					end_tracee(pid);
				} else {
					snprintf(end, sizeof end, ", then status %#x", status);
				}
			} else
				end_tracee(pid);
			OUT("%s %#lx: %s, is %#lx%s", segments[i].name, values[j], result ? errno_name(errno) : "ok", now, end);
		}
}

#ifdef __x86_64__
CASE(bases_by_arch_prctl)
{
	const int codes[] = {0x1000, 0x1001, 0x1002, 0x1003, 0x1004, 0x1005, 0x1011, 0x1012, 0x1021, 0x1022, 0x1023, 0x2000, 0};
	const unsigned long addresses[] = {0, 0x1000, 0x7fffffffefff, 0x7ffffffff000, 0x800000000000, -1ul};
	for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++)
		for (unsigned j = 0; j < sizeof addresses / sizeof *addresses; j++) {
			pid_t pid = TRACED_CHILD({});
			SET_REG(pid, fs, 0x2b);
			SET_REG(pid, gs, 0x2b);
			TELL_ERRNO("", T(30, pid, addresses[j], codes[i]));
			OUT("%x %lx: fs %llx %d gs %llx %d", codes[i], addresses[j], (long long)REG(pid, fs),
			    REG(pid, fs_base) == addresses[j], (long long)REG(pid, gs), REG(pid, gs_base) == addresses[j]);
			end_tracee(pid);
		}
}
#endif

CASE(restartable_sequences)
{
	struct {
		uint64_t address;
		uint32_t size, signature, flags, pad;
	} got;
	pid_t pid = TRACED_CHILD({});
	memset(&got, 0xee, sizeof got);
	EQ(T(GET_RSEQ_CONFIGURATION_, pid, sizeof got, &got), sizeof got);
	OUT("registered %d, size %u, signature %x, flags %x, pad %x", got.address != 0, got.size, got.signature, got.flags, got.pad);
	memset(&got, 0xee, sizeof got);
	EQ(T(GET_RSEQ_CONFIGURATION_, pid, 9, &got), sizeof got);
	OUT("nine bytes: %x", got.size);
	EQ(T(GET_RSEQ_CONFIGURATION_, pid, 0, 0), sizeof got);
	EQ(T(GET_RSEQ_CONFIGURATION_, pid, 1000, &got), sizeof got);
	end_tracee(pid);
}

/* A loop of four instructions, left after three turns: where each step to a branch ends. */
extern char loop_start[], loop_end[];
__asm__(".pushsection .text\n"
	"loop_start:\n\tmov $3, %ecx\n1:\tnop\n\tnop\n\tdec %ecx\n\tjnz 1b\n\tnop\nloop_end:\n\tint3\n"
	".popsection");
#ifdef __x86_64__
#define IP_OF(pid) REG(pid, rip)
#define SET_IP(pid, value) SET_REG(pid, rip, value)
#else
#define IP_OF(pid) REG(pid, eip)
#define SET_IP(pid, value) SET_REG(pid, eip, value)
#endif
CASE(steps_to_the_next_branch)
{
	pid_t pid = TRACED_CHILD({});
	SET_IP(pid, loop_start);
	/* One instruction each, on a processor without branch tracing; one turn of the loop each, on another. */
	unsigned steps = 0;
	while (IP_OF(pid) != (unsigned long)loop_end + 1) {
		OK(T(SINGLEBLOCK_, pid, 0, 0));
		STOP(pid, SIGTRAP);
		siginfo_t info = siginfo_of(pid);
		if (IP_OF(pid) == (unsigned long)loop_end + 1) {
			EQ(info.si_code, SI_KERNEL);
			break;
		}
		EQ(info.si_code, TRAP_TRACE);
		CHECK(IP_OF(pid) > (unsigned long)loop_start && IP_OF(pid) <= (unsigned long)loop_end);
		steps++;
		CHECK(steps < 100);
	}
	CHECK(steps == 2 || steps == 14);
	OUT("%u steps", steps);
	/* The next ones are of one instruction again. */
	SET_IP(pid, loop_start);
	OK(T(PTRACE_SINGLESTEP, pid, 0, 0));
	STOP(pid, SIGTRAP);
	EQ(IP_OF(pid), (unsigned long)loop_start + 5);
	OK(T(SINGLEBLOCK_, pid, 0, 0));
	STOP(pid, SIGTRAP);
	OK(T(PTRACE_SINGLESTEP, pid, 0, 0));
	STOP(pid, SIGTRAP);
	CHECK(IP_OF(pid) < (unsigned long)loop_end);
	ERR(T(SINGLEBLOCK_, pid, 0, 65), EIO);
	OK(T(PTRACE_CONT, pid, 0, 0));
	STOP(pid, SIGTRAP);
	EQ(IP_OF(pid), (unsigned long)loop_end + 1);
	end_tracee(pid);
}

static void handle(int number)
{
	(void)number;
}
CASE(steps_to_a_branch_enter_handlers)
{
	pid_t pid = TRACED_CHILD({ signal(SIGUSR1, handle); raise(SIGSTOP); });
	OK(T(PTRACE_CONT, pid, 0, 0));
	STOP(pid, SIGSTOP);
	OK(T(SINGLEBLOCK_, pid, 0, SIGUSR1));
	STOP(pid, SIGTRAP);
	EQ(IP_OF(pid), (unsigned long)handle);
	OK(T(PTRACE_CONT, pid, 0, 0));
	EXITS(pid, 0);
}
CASE(steps_to_a_branch_over_a_call)
{
	pid_t pid = TRACED_CHILD({
		for (int i = 0; i < 3; i++)
			syscall(SYS_getpid);
	});
	unsigned steps = 0;
	int status;
	for (;;) {
		OK(T(SINGLEBLOCK_, pid, 0, 0));
		status = wait_tracee(pid);
		if (!WIFSTOPPED(status))
			break;
		EQ(WSTOPSIG(status), SIGTRAP);
		CHECK(++steps < 100000);
	}
	EQ(status, 0);
	CHECK(steps > 6);
}
