/* iopl(2) and ioperm(2): ports of the machine for a program. 0x80 takes what POST writes and does nothing; 0x71 is the clock's. */
#include "../check.h"

#if defined __i386__ || (defined __x86_64__ && !defined __ILP32__)
static int in_byte(int port)
{
	unsigned char value;
	__asm__ volatile("inb %w1, %0" : "=a"(value) : "Nd"(port));
	return value;
}
static void out_byte(int port, int value) { __asm__ volatile("outb %b0, %w1" ::"a"(value), "Nd"(port)); }

static void show(const char *what, long result) { OUT("%s: %s", what, result < 0 ? errno_name(errno) : "done"); }

CASE(ports_are_forbidden_at_first)
{
	DIES(SIGSEGV, out_byte(0x80, 1));
	DIES(SIGSEGV, in_byte(0x71));
}

CASE(some_ports)
{
	OK(syscall(SYS_ioperm, 0x80, 1UL, 1));
	out_byte(0x80, 1);
	DIES(SIGSEGV, out_byte(0x81, 1));
	/* A word takes the next port too. */
	DIES(SIGSEGV, __asm__ volatile("outw %w0, %w1" ::"a"(0), "Nd"(0x80)));
	OK(syscall(SYS_ioperm, 0x81, 3UL, 1));
	__asm__ volatile("outw %w0, %w1" ::"a"(0), "Nd"(0x80));
	__asm__ volatile("outl %0, %w1" ::"a"(0), "Nd"(0x80));
	OK(syscall(SYS_ioperm, 0x70, 2UL, 1));
	out_byte(0x70, 9);
	int year = in_byte(0x71);
	CHECK(year < 0x99);
	unsigned long wide = ~0UL;
	__asm__ volatile("inb $0x71, %%al" : "+a"(wide));
	EQ(wide >> 8, ~0UL >> 8);
	EQ((int)(wide & 0xff), year);
	OK(syscall(SYS_ioperm, 0x80, 1UL, 0));
	DIES(SIGSEGV, out_byte(0x80, 1));
	DIES(SIGSEGV, __asm__ volatile("cli"));
}

CASE(permissions_are_inherited)
{
	OK(syscall(SYS_ioperm, 0x80, 1UL, 1));
	pid_t child = OK(fork());
	if (child == 0) {
		out_byte(0x80, 1);
		syscall(SYS_ioperm, 0x80, 1UL, 0);
		_exit(0);
	}
	EQ(exit_code(child), 0);
	out_byte(0x80, 1);
	OK(setuid(1000));
	out_byte(0x80, 1);
}

CASE(all_ports)
{
	DIES(SIGSEGV, out_byte(0x80, 1));
	OK(syscall(SYS_iopl, 3));
	out_byte(0x80, 1);
	out_byte(0x70, 9);
	CHECK(in_byte(0x71) < 0x99);
	IN_CHILD(out_byte(0x80, 1));
	unsigned char strings[4] = {9, 9, 9, 9}, *from = strings;
	unsigned long count = 4;
	__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(0x80) : "memory");
	EQ(count, 0);
	EQ(from - strings, 4);
	out_byte(0x70, 9);
	unsigned char *into = strings;
	count = 2;
	__asm__ volatile("rep insb" : "+D"(into), "+c"(count) : "d"(0x71) : "memory");
	EQ(count, 0);
	EQ(into - strings, 2);
	EQ(strings[0], strings[1]);
	/* Interrupts stay the kernel's. */
	__asm__ volatile("cli\n\tsti");
	OK(syscall(SYS_iopl, 0));
	DIES(SIGSEGV, out_byte(0x80, 1));
	DIES(SIGSEGV, __asm__ volatile("cli"));
}

CASE(levels_below_three)
{
	OK(syscall(SYS_iopl, 1));
	DIES(SIGSEGV, out_byte(0x80, 1));
	OK(syscall(SYS_iopl, 2));
	DIES(SIGSEGV, out_byte(0x80, 1));
}

CASE(port_errors)
{
	show("level 4", syscall(SYS_iopl, 4));
	show("level -1", syscall(SYS_iopl, -1));
	show("no ports", syscall(SYS_ioperm, 0x80, 0UL, 1));
	show("the last", syscall(SYS_ioperm, 65535, 1UL, 1));
	show("behind the last", syscall(SYS_ioperm, 65535, 2UL, 1));
	show("far behind", syscall(SYS_ioperm, 65536, 1UL, 1));
	show("around", syscall(SYS_ioperm, 1UL, -1UL, 1));
	show("off", syscall(SYS_ioperm, 0x80, 1UL, 0));
	IN_CHILD({
		OK(setuid(1000));
		show("by anybody", syscall(SYS_ioperm, 0x80, 1UL, 1));
		show("off by anybody", syscall(SYS_ioperm, 0x80, 1UL, 0));
		show("wrong by anybody", syscall(SYS_ioperm, 65536, 1UL, 1));
		show("level 3 by anybody", syscall(SYS_iopl, 3));
		show("level 4 by anybody", syscall(SYS_iopl, 4));
		show("level 0 by anybody", syscall(SYS_iopl, 0));
	});
	OK(syscall(SYS_iopl, 3));
	IN_CHILD({
		OK(setuid(1000));
		show("down by anybody", syscall(SYS_iopl, 1));
		show("up by anybody", syscall(SYS_iopl, 3));
	});
}
#endif
