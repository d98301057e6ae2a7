/* Entering code and stacks of the local table by a signal's frame, and coming back by the signal that ends it. */
#include "../check.h"
#include <signal.h>
#include <ucontext.h>

struct user_desc_ {
	uint32_t entry, base, limit, flags;
};
enum { WIDE = 1, DOWN = 1 << 1, CODE = 2 << 1, RESTRICTED = 8, PAGES = 0x10, ABSENT = 0x20, USEABLE = 0x40, LONG = 0x80 };
/* Places of the table. */
enum { CODE16 = 1, CODE32, DATA16, DATA32, ABSENT_CODE, ABSENT_DATA16, ABSENT_DATA32, RESTRICTED_DATA, DATA16_SHORT, UNUSED };
#define LOCAL(place) ((place) * 8 + 7)
enum { FLAT_CODE32 = 0x23, FLAT_DATA = 0x2b, FLAT_CODE64 = 0x33 };
/* Where things are in the memory that the segments cover. */
enum { MEMORY = 0x20000, CODE_AT = 0x10000, STACK = 0x5f00, FRESH = 0x8000, HOLE = 0xa000 };

static int modify(int function, void *pointer, unsigned long size)
{
	return (int)syscall(SYS_modify_ldt, function, pointer, size);
}

static void set_segment(uint32_t entry, uintptr_t base, uint32_t limit, uint32_t flags)
{
	struct user_desc_ wanted = {entry, base, limit, flags};
	EQ(modify(0x11, &wanted, sizeof wanted), 0);
}

static char *memory; /* at a multiple of 64 KiB below 2 GiB */
static void set_segments(void)
{
#ifdef __x86_64__
	int low = MAP_32BIT;
#else
	int low = 0;
#endif
	char *p = mmap(0, 2 * MEMORY, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | low, -1, 0);
	CHECK(p != MAP_FAILED);
	memory = (char *)(((uintptr_t)p + 0xffff) & ~(uintptr_t)0xffff);
	OK(mprotect(memory + HOLE, 4096, PROT_NONE));
	uintptr_t base = (uintptr_t)memory, code = base + CODE_AT;
	set_segment(CODE16, code, 0xffff, CODE);
	set_segment(CODE32, code, 0xffff, CODE | WIDE);
	set_segment(DATA16, base, 0xffff, 0);
	set_segment(DATA32, base, 0xfffff, WIDE | PAGES);
	set_segment(ABSENT_CODE, code, 0xffff, CODE | WIDE | ABSENT);
	set_segment(ABSENT_DATA16, base, 0xffff, ABSENT);
	set_segment(ABSENT_DATA32, base, 0xffff, WIDE | ABSENT);
	set_segment(RESTRICTED_DATA, base, 0xffff, RESTRICTED);
	set_segment(DATA16_SHORT, base, 0x7fff, 0);
}

/* What is wanted of `run`, and what its last signal told. */
static struct {
	uint64_t ip;
	uint32_t sp, cs, ss, flags, cx;
	int lenient; /* UC_STRICT_RESTORE_SS is not set */
} wanted;
static struct {
	int signal, code;
	uint64_t ip, trap, error;
	uint32_t sp, cs, ss, ax;
	uint16_t own_ss; /* the handler's */
} got;

#ifdef __x86_64__
enum { IP = REG_RIP, SP = REG_RSP, AX = REG_RAX, CX = REG_RCX };
#else
enum { IP = REG_EIP, SP = REG_ESP, AX = REG_EAX, CX = REG_ECX };
#endif
static gregset_t before;

static uint32_t code_segment(ucontext_t *context)
{
#ifdef __x86_64__
	return context->uc_mcontext.gregs[REG_CSGSFS] & 0xffff;
#else
	return context->uc_mcontext.gregs[REG_CS] & 0xffff;
#endif
}
static uint32_t stack_segment(ucontext_t *context)
{
#ifdef __x86_64__
	return (uint64_t)context->uc_mcontext.gregs[REG_CSGSFS] >> 48;
#else
	return context->uc_mcontext.gregs[REG_SS] & 0xffff;
#endif
}

static void enter(int number, siginfo_t *info, void *place)
{
	ucontext_t *context = place;
	(void)number, (void)info;
	memcpy(before, context->uc_mcontext.gregs, sizeof before);
	context->uc_mcontext.gregs[IP] = wanted.ip;
	context->uc_mcontext.gregs[SP] = wanted.sp;
	context->uc_mcontext.gregs[CX] = wanted.cx;
	context->uc_mcontext.gregs[REG_EFL] |= wanted.flags;
#ifdef __x86_64__
	context->uc_mcontext.gregs[REG_CSGSFS] =
		(context->uc_mcontext.gregs[REG_CSGSFS] & 0xffffffff0000LL) | wanted.cs | (uint64_t)wanted.ss << 48;
	if (wanted.lenient)
		context->uc_flags &= ~4;
#else
	context->uc_mcontext.gregs[REG_CS] = wanted.cs;
	context->uc_mcontext.gregs[REG_SS] = wanted.ss;
#endif
}

static void leave(int number, siginfo_t *info, void *place)
{
	ucontext_t *context = place;
	__asm__("mov %%ss, %0" : "=r"(got.own_ss));
	got.signal = number;
	got.code = info->si_code;
	got.ip = context->uc_mcontext.gregs[IP];
	got.sp = context->uc_mcontext.gregs[SP];
	got.ax = context->uc_mcontext.gregs[AX];
	got.trap = context->uc_mcontext.gregs[REG_TRAPNO];
	got.error = context->uc_mcontext.gregs[REG_ERR];
	got.cs = code_segment(context);
	got.ss = stack_segment(context);
	memcpy(context->uc_mcontext.gregs, before, sizeof before);
}

/* A handler may have the stack segment of what it interrupts, and lose it: that is a signal within. */
static void catch(int number, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	OK(sigaction(number, &action, 0));
}

static void prepare(void)
{
	/* Linux may be built without (CONFIG_X86_16BIT), as Debian's kernel for clouds is. */
	struct user_desc_ sixteen = {CODE16, 0, 0xffff, CODE};
	if (modify(0x11, &sixteen, sizeof sixteen) != 0)
		SKIP("no segments of 16 bits");
	static char stack[65536];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
	OK(sigaltstack(&alternate, 0));
	set_segments();
	catch(SIGUSR1, enter);
	const int ends[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
	for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++)
		catch(ends[i], leave);
}

/* Goes to where `wanted` says, until a signal comes. */
static void run(void)
{
	memset(&got, 0, sizeof got);
	OK(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1));
	CHECK(got.signal != 0);
}

/* Runs these instructions, at the beginning of the code segment, on this stack. */
#define CODE_BYTES(...)                                                                                                \
	({                                                                                                             \
		static const unsigned char bytes_[] = {__VA_ARGS__};                                                   \
		memcpy(memory + CODE_AT, bytes_, sizeof bytes_);                                                       \
		wanted.ip = 0;                                                                                         \
	})
static void run_on(uint32_t cs, uint32_t ss, uint32_t sp)
{
	wanted.cs = cs;
	wanted.ss = ss;
	wanted.sp = sp;
	run();
}

/* What the last signal was, and that all else is as it was wanted. */
#define ENDED_BY(number, si_code_, trap_, error_, ip_)                                                                 \
	do {                                                                                                           \
		NOTE("signal %d code %d trap %llu error %llx ip %llx sp %x cs %x ss %x", got.signal, got.code,         \
		     (unsigned long long)got.trap, (unsigned long long)got.error, (unsigned long long)got.ip, got.sp,  \
		     got.cs, got.ss);                                                                                  \
		EQ(got.signal, number);                                                                                \
		EQ(got.code, si_code_);                                                                                \
		EQ(got.trap, trap_);                                                                                   \
		EQ(got.error, error_);                                                                                 \
		EQ(got.ip, ip_);                                                                                       \
		EQ(got.cs, wanted.cs | 3);                                                                             \
		EQ(got.ss, wanted.ss | 3);                                                                             \
	} while (0)
enum { TRAP_BREAKPOINT = 3, TRAP_ABSENT = 11, TRAP_STACK = 12, TRAP_PROTECTION = 13, TRAP_PAGE = 14 };
