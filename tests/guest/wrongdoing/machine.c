/* What only the kernel may do on this processor, and jumps where no program may be: each ends by Linux's signal. */
#include "../check.h"

#if defined __x86_64__
#define PRIVILEGED(name, code) CASE(name) { DIES(SIGSEGV, __asm__ volatile(code ::: "rax", "rbx", "rcx", "rdx", "memory")); }

PRIVILEGED(halt, "hlt")
PRIVILEGED(clear_interrupts, "cli")
PRIVILEGED(set_interrupts, "sti")
PRIVILEGED(in_byte, "inb $0x60, %%al")
PRIVILEGED(out_byte, "outb %%al, $0x80")
PRIVILEGED(in_from_dx, "mov $0x3f8, %%edx\n\tinb %%dx, %%al")
PRIVILEGED(out_to_the_exit_port, "mov $0xf4, %%edx\n\txor %%eax, %%eax\n\toutl %%eax, %%dx")
PRIVILEGED(string_out, "mov $0x3f8, %%edx\n\toutsb")
PRIVILEGED(read_cr0, "mov %%cr0, %%rax")
PRIVILEGED(read_cr3, "mov %%cr3, %%rax")
PRIVILEGED(write_cr0, "xor %%eax, %%eax\n\tmov %%rax, %%cr0")
PRIVILEGED(write_cr3, "xor %%eax, %%eax\n\tmov %%rax, %%cr3")
PRIVILEGED(write_cr4, "xor %%eax, %%eax\n\tmov %%rax, %%cr4")
PRIVILEGED(write_cr8, "xor %%eax, %%eax\n\tmov %%rax, %%cr8")
PRIVILEGED(read_debug_register, "mov %%dr7, %%rax")
PRIVILEGED(write_debug_register, "xor %%eax, %%eax\n\tmov %%rax, %%dr0")
PRIVILEGED(read_msr, "mov $0xc0000080, %%ecx\n\trdmsr")
PRIVILEGED(write_msr, "mov $0xc0000082, %%ecx\n\txor %%eax, %%eax\n\txor %%edx, %%edx\n\twrmsr")
PRIVILEGED(load_gdt, "lgdt (%%rsp)")
PRIVILEGED(load_idt, "lidt (%%rsp)")
PRIVILEGED(load_ldt, "xor %%eax, %%eax\n\tlldt %%ax")
PRIVILEGED(load_task_register, "xor %%eax, %%eax\n\tltr %%ax")
PRIVILEGED(load_machine_status, "xor %%eax, %%eax\n\tlmsw %%ax")
PRIVILEGED(clear_task_switched, "clts")
PRIVILEGED(invalidate_page, "invlpg (%%rsp)")
PRIVILEGED(invalidate_caches, "invd")
PRIVILEGED(write_back_caches, "wbinvd")
PRIVILEGED(swap_gs, "swapgs")
PRIVILEGED(return_by_sysret, "sysretq")
PRIVILEGED(set_extended_control, "xor %%ecx, %%ecx\n\txor %%eax, %%eax\n\txor %%edx, %%edx\n\txsetbv")
PRIVILEGED(interrupt_of_a_fault_vector, "int $14")
PRIVILEGED(interrupt_of_the_timer, "int $0x20")
PRIVILEGED(interrupt_255, "int $255")
PRIVILEGED(load_a_kernel_segment, "mov $0x10, %%eax\n\tmov %%eax, %%ds")
PRIVILEGED(load_a_kernel_stack_segment, "mov $0x18, %%eax\n\tmov %%eax, %%ss")
PRIVILEGED(load_a_segment_beyond_the_table, "mov $0xfff8, %%eax\n\tmov %%eax, %%es")
PRIVILEGED(misaligned_vector_load, "lea 1(%%rsp), %%rax\n\tmovaps (%%rax), %%xmm0")
PRIVILEGED(locked_instruction_at_a_bad_address, "mov $0x1000, %%eax\n\tlock incl (%%rax)")

CASE(undefined_instruction_is_SIGILL)
{
	DIES(SIGILL, __asm__ volatile("ud2"));
	DIES(SIGILL, __asm__ volatile(".byte 0xf0, 0x90"));
	DIES(SIGILL, __asm__ volatile(".byte 0x0f, 0x0b"));
}

CASE(int_1_and_int3)
{
	DIES(SIGTRAP, __asm__ volatile("int3"));
	DIES(SIGTRAP, __asm__ volatile("int $3"));
	DIES(SIGSEGV, __asm__ volatile("int $1"));
	DIES(SIGSEGV, __asm__ volatile("int $4"));
}

CASE(setting_iopl_in_the_flags_does_nothing)
{
	unsigned long flags;
	__asm__ volatile("pushfq\n\torq $0x3000, (%%rsp)\n\tpopfq\n\tpushfq\n\tpop %0" : "=r"(flags));
	EQ(flags & 0x3000, 0);
	DIES(SIGSEGV, __asm__ volatile("pushfq\n\torq $0x3000, (%%rsp)\n\tpopfq\n\tcli" ::: "memory"));
}

CASE(clearing_the_interrupt_flag_does_nothing)
{
	unsigned long flags;
	__asm__ volatile("pushfq\n\tandq $~0x200, (%%rsp)\n\tpopfq\n\tpushfq\n\tpop %0" : "=r"(flags));
	EQ(flags & 0x200, 0x200);
}

CASE(descriptor_table_addresses_are_hidden)
{
	/* With UMIP Linux emulates these with dummy values; the values must not be kernel addresses of use. */
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) table = {0};
	pid_t child = OK(fork());
	if (child == 0) {
		__asm__ volatile("sgdt %0" : "=m"(table));
		NOTE("sgdt base 0x%llx", (unsigned long long)table.base);
		_exit(0);
	}
	int status = wait_status(child);
	NOTE("status word 0x%x", status);
	CHECK(status == 0 || WTERMSIG(status) == SIGSEGV);
}

CASE(jumps_to_the_kernel)
{
	uintptr_t targets[] = {0xffffffff81000000, 0xffffffff80000000, 0xffff800000000000, 0xffff888000000000, 0xfffffffffffffff0};
	for (unsigned i = 0; i < sizeof targets / sizeof *targets; i++) {
		DIES(SIGSEGV, ((void (*)(void))targets[i])());
		DIES(SIGSEGV, (void)*(volatile char *)targets[i]);
		DIES(SIGSEGV, *(volatile char *)targets[i] = 0);
	}
}

CASE(jumps_to_non_canonical_addresses)
{
	uintptr_t targets[] = {0x8000000000000000, 0x0100000000000000, 0x4141414141414141, 0xff00000000000000};
	for (unsigned i = 0; i < sizeof targets / sizeof *targets; i++) {
		DIES(SIGSEGV, ((void (*)(void))targets[i])());
		DIES(SIGSEGV, __asm__ volatile("push %0\n\tret" ::"r"(targets[i])));
		DIES(SIGSEGV, (void)*(volatile char *)targets[i]);
	}
}

CASE(non_canonical_stack_pointer)
{
	/* A stack fault, which Linux turns into SIGBUS; QEMU makes it a general protection fault. */
	pid_t child = OK(fork());
	if (child == 0)
		__asm__ volatile("movabs $0x4141414141414141, %%rsp\n\tpush %%rax" ::: "memory");
	OUT("status word 0x%x", wait_status(child));
}

CASE(wild_stack_pointer_and_a_call)
{
	pid_t child = OK(fork());
	if (child == 0) {
		__asm__ volatile("movabs $0xffffffff81000000, %%rsp\n\tsyscall\n\tmov $60, %%eax\n\tmov $5, %%edi\n\tsyscall" ::"a"(SYS_getppid) : "memory");
	}
	EQ(exit_code(child), 5);
}

CASE(wild_gs_and_fs_bases_do_no_harm)
{
	pid_t child = OK(fork());
	if (child == 0) {
		syscall(SYS_arch_prctl, 0x1001, 0x1000);
		for (int i = 0; i < 50; i++)
			syscall(SYS_sched_yield);
		_exit(6);
	}
	EQ(exit_code(child), 6);
}

CASE(wrgsbase_from_user_mode)
{
	pid_t child = OK(fork());
	if (child == 0) {
		__asm__ volatile("wrgsbase %0" ::"r"(0x1234567UL));
		for (int i = 0; i < 50; i++)
			syscall(SYS_sched_yield);
		unsigned long base;
		__asm__ volatile("rdgsbase %0" : "=r"(base));
		_exit(base == 0x1234567 ? 7 : 8);
	}
	int status = wait_status(child);
	NOTE("status word 0x%x", status);
	OUT("%s", status == 0x700 || WTERMSIG(status) == SIGILL ? "kept or refused" : "wrong");
}
#endif

CASE(null_calls_and_stores)
{
	DIES(SIGSEGV, ((void (*)(void))0)());
	DIES(SIGSEGV, *(volatile int *)0 = 1);
	DIES(SIGSEGV, (void)*(volatile int *)0);
}

CASE(stores_into_code_and_constants)
{
	static const int constant = 5;
	DIES(SIGSEGV, *(volatile int *)&constant = 6);
	DIES(SIGSEGV, *(volatile char *)(uintptr_t)getpid = 0);
}

CASE(execution_of_data_stack_and_heap)
{
	static unsigned char data[16] = {0xc3};
	unsigned char stack[16] = {0xc3}, *heap = malloc(16);
	heap[0] = 0xc3;
	DIES(SIGSEGV, ((void (*)(void))data)());
	DIES(SIGSEGV, ((void (*)(void))stack)());
	DIES(SIGSEGV, ((void (*)(void))heap)());
}

static volatile int sink;
static int recurse(int n)
{
	volatile char frame[200];
	frame[0] = n;
	sink += frame[0];
	return recurse(n + 1) + frame[0];
}

CASE(endless_recursion)
{
	DIES(SIGSEGV, recurse(0));
}

CASE(the_system_still_works)
{
	IN_CHILD(EQ(getppid() > 0, 1));
}
