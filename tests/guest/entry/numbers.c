/* Every number, asked with arguments that do no harm: which answer ENOSYS. */
#include "../check.h"
#include "missing.h"
#include <sys/utsname.h>

#if !(defined __x86_64__ && defined __ILP32__)
enum { LAST = 600 };

/* The call by the table's own way in. */
static long raw(long number, long argument)
{
	long result;
#ifdef __i386__
	__asm__ volatile("push %%ebx; push %%ebp; mov %%ecx, %%ebx; mov %%ecx, %%ebp; int $0x80; pop %%ebp; pop %%ebx"
			 : "=a"(result)
			 : "a"(number), "c"(argument), "d"(argument), "S"(argument), "D"(argument)
			 : "memory");
#else
	register long r10 __asm__("r10") = argument, r8 __asm__("r8") = argument, r9 __asm__("r9") = argument;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(argument), "S"(argument), "d"(argument), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
#endif
	return result;
}

/* Whether a number answers ENOSYS: in a process of its own, since some calls end it, change it, or never return. */
static int is_nothing(long number, long argument)
{
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		setpgid(0, 0);
		/* Two ways back are no harm: a call may make a child. */
		_exit(raw(number, argument) == -ENOSYS ? 77 : 0);
	}
	int status = 0;
	for (int tries = 0; waitpid(child, &status, WNOHANG) != child; tries++) {
		if (tries == 300)
			kill(child, SIGKILL);
		sleep_ms(1);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 77;
}

static int is_listed(long number)
{
	for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
		if (missing[i] == number)
			return 1;
	return 0;
}

/* What is not listed answers the same on both kernels; what is listed is there on Linux, and not on Lstar. */
CASE_WITHIN(the_numbers_that_answer_ENOSYS, 120)
{
	struct utsname name;
	char empty[800] = "", wrong[400] = "";
	int length = 0, wrong_length = 0, count = 0;
	OK(uname(&name));
	int is_linux = strstr(name.version, "Debian") != 0;
	for (long number = 0; number <= LAST; number++) {
		/* Some calls know no such operation: they are asked again with zeros. */
		int nothing = is_nothing(number, -1) && is_nothing(number, 0);
		if (is_listed(number)) {
			if (nothing == is_linux && wrong_length < 380)
				wrong_length += sprintf(wrong + wrong_length, " %ld", number);
		} else if (nothing && number < 451) {
			length += sprintf(empty + length, " %ld", number);
		} else if (nothing)
			count++;
	}
	OUT("%s, and %d from 451 on", empty, count);
	if (wrong_length)
		FAIL("missing.h is wrong about%s", wrong);
}

CASE(numbers_that_no_table_has)
{
	static const unsigned numbers[] = {451, 512, 547, 999, 1 << 16, 0x3fffffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
					   0x80000014, 0xc0000014, 0x20000014, 0x60000014};
	for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
		EQ(raw((int)numbers[i], -1), -ENOSYS);
}
#endif
