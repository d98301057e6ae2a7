/* The 32-bit ways in: int 0x80 from 64-bit and 32-bit code, sysenter and syscall by the vDSO, numbers of the 32-bit table. */
#include "../check.h"
#include "ways.h"
#include <sys/auxv.h>
#include <sys/utsname.h>

#ifdef __x86_64__
struct registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, flags;
};

WAY(gate, "int $0x80")

/* All registers hold a pattern; `number` is the whole of rax. */
static struct registers filled(uint64_t number)
{
	struct registers r;
	uint64_t *words = (uint64_t *)&r;
	for (unsigned i = 0; i < sizeof r / 8; i++)
		words[i] = 0x1111111111111111ULL * (i % 14 + 1);
	r.rax = number;
	r.flags = 0x202;
	return r;
}

static int64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
	struct registers r = filled(number), before;
	r.rbx = a;
	r.rcx = b;
	r.rdx = c;
	before = r;
	gate(&r);
	uint64_t *now = (uint64_t *)&r, *then = (uint64_t *)&before;
	for (unsigned i = 1; i < sizeof r / 8 - 1; i++)
		EQ(now[i], then[i]);
	EQ(r.flags & 0xfff, 0x202);
	return r.rax;
}

CASE(the_gate_keeps_all_registers_but_rax)
{
	EQ(call(20, 1, 2, 3), getpid());
	EQ(call(64, 1, 2, 3), getppid());
	EQ(call(6, 12345, 2, 3), -EBADF);
}

CASE(only_the_low_half_of_the_number_counts)
{
	EQ(call(0xffffffff00000014, 1, 2, 3), getpid());
}

CASE(only_the_low_halves_of_arguments_count)
{
	int pipes[2];
	char byte = 0;
	OK(pipe(pipes));
	char *low = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	CHECK(low != MAP_FAILED);
	*low = 'x';
	EQ(call(4, 0xabcd00000000 | (unsigned)pipes[1], 0x1234500000000 | (uintptr_t)low, 0x7700000001), 1);
	EQ(read(pipes[0], &byte, 1), 1);
	EQ(byte, 'x');
}

CASE(a_high_address_cannot_be_passed)
{
	char byte;
	EQ(call(3, 0, (uintptr_t)&byte, 1) == -EFAULT || call(3, 0, (uintptr_t)&byte, 1) == 0, 1);
	EQ(call(4, 1, 0x10, 1), -EFAULT);
}

CASE(numbers_that_are_not_there)
{
	static const uint32_t numbers[] = {17, 31, 32, 35, 44, 53, 56, 98, 112, 113, 127, 130, 137, 166, 167, 169, 188, 189,
					   222, 223, 251, 273, 285, 451, 999, 0x7fffffff, 0x80000000, 0xfffffffe, 0x40000014};
	for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (call(numbers[i], 0, 0, 0) != -ENOSYS)
			FAIL("number %u is not ENOSYS", numbers[i]);
	EQ(call(0xffffffff, 0, 0, 0), -ENOSYS);
}

CASE(what_the_gate_maps_lies_where_32_bits_reach)
{
	struct registers r = filled(192);
	r.rbx = 0, r.rcx = 8192, r.rdx = PROT_READ | PROT_WRITE, r.rsi = MAP_PRIVATE | MAP_ANONYMOUS, r.rdi = -1, r.rbp = 0;
	gate(&r);
	CHECK(r.rax < 0x100000000 && r.rax >= 0x1000);
	*(volatile char *)(uintptr_t)r.rax = 1;
}

static volatile int caught;
static void note(int number)
{
	caught = number;
}

CASE(a_signal_strikes_in_the_gate)
{
	struct registers r = filled(29); /* pause */
	struct sigaction action = {.sa_handler = note};
	OK(sigaction(SIGALRM, &action, 0));
	alarm_ms(20);
	gate(&r);
	EQ((int64_t)r.rax, -EINTR);
	EQ(caught, SIGALRM);
	EQ(r.r12, 0xccccccccccccccccULL);
}

CASE(an_interrupted_call_is_made_again_by_the_gate)
{
	int pipes[2];
	OK(pipe(pipes));
	char *low = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
	OK(sigaction(SIGALRM, &action, 0));
	pid_t child = fork();
	if (child == 0) {
		WAIT_STATE(getppid(), 'S');
		OK(kill(getppid(), SIGALRM));
		sleep_ms(20);
		CHECK(write(pipes[1], "y", 1) == 1);
		_exit(0);
	}
	struct registers r = filled(3);
	r.rbx = pipes[0], r.rcx = (uintptr_t)low, r.rdx = 1;
	gate(&r);
	EQ(r.rax, 1);
	EQ(*low, 'y');
	EQ(caught, SIGALRM);
	EQ(exit_code(child), 0);
}

CASE(single_steps_go_over_the_gate)
{
	IN_CHILD({
		struct sigaction action = {.sa_handler = note};
		OK(sigaction(SIGTRAP, &action, 0));
		long result;
		__asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tint $0x80\n\tpushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq"
				 : "=a"(result)
				 : "a"(20)
				 : "memory", "cc");
		EQ(result, getpid());
		EQ(caught, SIGTRAP);
	});
}

CASE(alignment_check_and_direction_survive_the_gate)
{
	struct registers r = filled(20);
	r.flags |= 0x40400;
	gate(&r);
	EQ(r.rax, getpid());
	EQ(r.flags & 0x40400, 0x40400);
}

#ifndef __ILP32__
/* Runs 32-bit code at `code`, which jumps to `narrow_back`, and gives its eax. Far jumps, since QEMU reads the stack of a far return
   with the kernel's rights. */
extern uint32_t run_narrow(uintptr_t code, uint32_t eax, uint32_t esp);
extern char narrow_back[];
__asm__(".text\nrun_narrow:\n\tpush %rbx\n\tpush %rbp\n\tpush %r12\n\tsub $16, %rsp\n\tmov %edi, (%rsp)\n\tmovl $0x23, 4(%rsp)\n\t"
	"mov %rsp, %r12\n\tmov %rsp, %rcx\n\tmov %esi, %eax\n\tmov %edx, %esp\n\tljmpl *(%rcx)\n"
	"narrow_back:\n\tmov %r12, %rsp\n\tadd $16, %rsp\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\tret\n");

/* 32-bit code that executes these bytes and goes back; the executable is linked below 4 GiB. */
static uint32_t narrow(const void *bytes, size_t length, uint32_t eax)
{
	unsigned char *code = mmap(0, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	uint32_t back = (uintptr_t)narrow_back;
	CHECK(code != MAP_FAILED);
	memset(code, 0, 8192);
	memcpy(code, bytes, length);
	code[length] = 0xea; /* ljmp */
	memcpy(code + length + 1, &back, 4);
	memcpy(code + length + 5, "\x33", 2);
	return run_narrow((uintptr_t)code, eax, (uint32_t)(uintptr_t)code + 8192 - 64);
}

CASE(the_gate_serves_32_bit_code)
{
	EQ(narrow("\xcd\x80", 2, 20), (uint32_t)getpid());
	EQ(narrow("\xcd\x80", 2, 9999), (uint32_t)-ENOSYS);
}

CASE(fast_calls_without_a_vdso_harm_nobody)
{
	/* Where they go on depends on what the vDSO is; but the kernel lives. */
	pid_t child = fork();
	if (child == 0) {
		narrow("\x0f\x34", 2, 20);
		_exit(0);
	}
	int status = wait_status(child);
	CHECK(WIFSIGNALED(status) || WIFEXITED(status));
	child = fork();
	if (child == 0) {
		narrow("\x0f\x05", 2, 20);
		_exit(0);
	}
	status = wait_status(child);
	CHECK(WIFSIGNALED(status) || WIFEXITED(status));
	child = fork();
	if (child == 0) {
		__asm__ volatile("mov %%rsp, %%rbp\n\tsysenter" ::"a"(20) : "memory");
		_exit(0);
	}
	status = wait_status(child);
	CHECK(WIFSIGNALED(status) || WIFEXITED(status));
	EQ(getpid() > 0, 1);
}
#endif
#else
/* A 32-bit program: the same by int 0x80 and by the vDSO, with all registers compared. */
struct registers {
	uint32_t eax, ebx, ecx, edx, esi, edi, ebp, flags;
};
static uintptr_t vsyscall;

WAY(by_gate, "int $0x80")
WAY(by_vdso, "call *vsyscall")

static uint32_t call(void (*enter)(void *), uint32_t number, uint32_t a, uint32_t b, uint32_t c)
{
	struct registers r = {number, a, b, c, 0x44444444, 0x55555555, 0x66666666, 0x202}, before = r;
	vsyscall = getauxval(AT_SYSINFO);
	CHECK(vsyscall != 0);
	enter(&r);
	EQ(r.ebx, before.ebx);
	EQ(r.ecx, before.ecx);
	EQ(r.edx, before.edx);
	EQ(r.esi, before.esi);
	EQ(r.edi, before.edi);
	EQ(r.ebp, before.ebp);
	EQ(r.flags & 0xfff, before.flags & 0xfff);
	return r.eax;
}

CASE(calls_keep_all_registers_but_eax)
{
	EQ(call(by_gate, 20, 1, 2, 3), (uint32_t)getpid());
	EQ(call(by_vdso, 20, 1, 2, 3), (uint32_t)getpid());
	EQ(call(by_gate, 6, 12345, 2, 3), (uint32_t)-EBADF);
	EQ(call(by_vdso, 6, 12345, 2, 3), (uint32_t)-EBADF);
	EQ(call(by_vdso, 9999, 1, 2, 3), (uint32_t)-ENOSYS);
	EQ(call(by_vdso, 0xffffffff, 1, 2, 3), (uint32_t)-ENOSYS);
}

CASE(six_arguments_arrive_both_ways)
{
	void (*ways[])(void *) = {by_gate, by_vdso};
	vsyscall = getauxval(AT_SYSINFO);
	char path[] = "/tmp/six.XXXXXX";
	int fd = mkstemp(path);
	OK(ftruncate(fd, 8192));
	EQ(pwrite(fd, "second", 6, 4096), 6);
	for (int i = 0; i < 2; i++) {
		struct registers r = {192, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 1, 0x202};
		ways[i](&r);
		CHECK(r.eax < 0xfffff000);
		EQ(memcmp((void *)r.eax, "second", 6), 0);
		EQ(r.ebp, 1);
	}
	OK(unlink(path));
}

static volatile int caught;
static void note(int number)
{
	caught = number;
}

CASE(an_interrupted_call_is_made_again_both_ways)
{
	void (*ways[])(void *) = {by_gate, by_vdso};
	struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
	OK(sigaction(SIGALRM, &action, 0));
	vsyscall = getauxval(AT_SYSINFO);
	for (int i = 0; i < 2; i++) {
		int pipes[2];
		char byte = 0;
		OK(pipe(pipes));
		pid_t child = fork();
		if (child == 0) {
			WAIT_STATE(getppid(), 'S');
			OK(kill(getppid(), SIGALRM));
			sleep_ms(20);
			CHECK(write(pipes[1], "y", 1) == 1);
			_exit(0);
		}
		struct registers r = {3, pipes[0], (uintptr_t)&byte, 1, 4, 5, 6, 0x202};
		ways[i](&r);
		EQ(r.eax, 1);
		EQ(byte, 'y');
		EQ(r.ecx, (uintptr_t)&byte);
		EQ(r.edx, 1);
		EQ(r.ebp, 6);
		EQ(caught, SIGALRM);
		caught = 0;
		EQ(exit_code(child), 0);
	}
}

CASE(single_steps_go_over_the_vdso)
{
	IN_CHILD({
		struct sigaction action = {.sa_handler = note};
		OK(sigaction(SIGTRAP, &action, 0));
		vsyscall = getauxval(AT_SYSINFO);
		long result;
		__asm__ volatile("pushf\n\torl $0x100, (%%esp)\n\tpopf\n\tcall *vsyscall\n\tpushf\n\tandl $~0x100, (%%esp)\n\tpopf"
				 : "=a"(result)
				 : "a"(20)
				 : "memory", "cc");
		EQ(result, getpid());
		EQ(caught, SIGTRAP);
	});
}

CASE(a_fast_call_with_a_bad_stack_is_efault)
{
	IN_CHILD({
		/* The sixth argument is read from the stack: without one the call is not made. */
		uint32_t base = getauxval(AT_SYSINFO_EHDR);
		CHECK(base != 0);
		DIES(SIGSEGV, __asm__ volatile("mov $16, %%esp\n\tmov %0, %%edx\n\tjmp *%%edx" ::"r"(getauxval(AT_SYSINFO)), "a"(20)
					       : "memory"));
	});
}

CASE(numbers_of_other_tables_are_not_there)
{
	static const uint32_t numbers[] = {17, 31, 32, 35, 44, 53, 56, 98, 112, 113, 127, 130, 137, 166, 167, 169, 188, 189,
					   222, 223, 251, 273, 285, 451, 999, 0x7fffffff, 0x80000000, 0xfffffffe, 0x40000014};
	for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (call(by_vdso, numbers[i], 0, 0, 0) != (uint32_t)-ENOSYS)
			FAIL("number %u is not ENOSYS", numbers[i]);
}

CASE(the_kernel_shows_its_code)
{
	unsigned char *image = (unsigned char *)getauxval(AT_SYSINFO_EHDR);
	CHECK(image != 0);
	EQ(memcmp(image, "\177ELF\1\1\1", 7), 0);
	CHECK(vsyscall == 0 || (uintptr_t)image <= vsyscall);
	char maps[8192];
	CHECK(read_file("/proc/self/maps", maps, sizeof maps) > 0);
	CHECK(strstr(maps, "[vdso]") != 0);
}
#endif
