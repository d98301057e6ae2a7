/* Randomness, and system calls by number through the three ABIs. */
#define _GNU_SOURCE
#include <stdint.h>

enum { X86_64, X32, I386, ABIS };
#define X32_BIT 0x40000000

/* ---- Randomness: one stream for each batch ---------------------------------------------------------------------- */

static uint64_t state;
static uint64_t next(void)
{
	uint64_t word = state += 0x9e3779b97f4a7c15;
	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
	word = (word ^ word >> 27) * 0x94d049bb133111eb;
	return word ^ word >> 31;
}
static uint64_t below(uint64_t limit) { return next() % limit; }
static int one_in(uint64_t count) { return below(count) == 0; }

/* ---- Making calls ------------------------------------------------------------------------------------------------ */

static long call_64(long number, const uint64_t *words)
{
	long result;
	register uint64_t r10 __asm__("r10") = words[3];
	register uint64_t r8 __asm__("r8") = words[4];
	register uint64_t r9 __asm__("r9") = words[5];
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(words[0]), "S"(words[1]), "d"(words[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
static long call_i386(long number, const uint64_t *words)
{
	long result;
	const uint64_t last = words[5];
	__asm__ volatile("push %%rbx; push %%rbp; mov %[first], %%rbx; mov %[last], %%rbp; int $0x80; pop %%rbp; pop %%rbx"
			 : "=a"(result)
			 : "a"(number), [first] "r"(words[0]), "c"(words[1]), "d"(words[2]), "S"(words[3]), "D"(words[4]),
			   [last] "r"(last)
			 : "r8", "r9", "r10", "r11", "memory");
	return (int)result;
}
/* Calls that make tasks: the child ends at once, without a look at its stack. */
static long call_clone(int abi, long number, const uint64_t *words)
{
	long result;
	register uint64_t r10 __asm__("r10") = words[3];
	register uint64_t r8 __asm__("r8") = words[4];
	if (abi == 2) {
		__asm__ volatile("push %%rbx; mov %[first], %%rbx; int $0x80; test %%eax, %%eax; jnz 1f;"
				 "mov $1, %%eax; xor %%ebx, %%ebx; int $0x80; 1: pop %%rbx"
				 : "=a"(result)
				 : "a"(number), [first] "r"(words[0]), "c"(words[1]), "d"(words[2]), "S"(words[3]), "D"(words[4])
				 : "r8", "r9", "r10", "r11", "memory");
		return (int)result;
	}
	__asm__ volatile("syscall; test %%eax, %%eax; jnz 1f; mov $60, %%eax; xor %%edi, %%edi; syscall; 1:"
			 : "=a"(result)
			 : "a"(number), "D"(words[0]), "S"(words[1]), "d"(words[2]), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return result;
}

/* One call; `number` is the table's. */
static long make_call(int abi, long number, const uint64_t *words)
{
	return abi == I386 ? call_i386(number, words) : call_64(abi == X32 ? number | X32_BIT : number, words);
}
