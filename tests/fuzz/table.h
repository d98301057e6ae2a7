/* The kernel's table, as the test writes it into calls.h. */
#include <stdint.h>

enum kind {
	NUMBER, SIZE, ADDRESS, MODE, DESCRIPTOR, DIRECTORY, ID, PROCESS, SIGNAL, PATH, TEXT, OFFSET, CHOICE, BITS, WORD, IN, OUT, BUFFER,
	FILLED
};
struct argument {
	enum kind kind;
	const uint32_t *names;
	int names_count;
	const char *name; /* as the table calls it */
};
struct call {
	const char *name;
	int numbers[3]; /* x86-64, x32, i386; -1 for none */
	int full;
	int count;
	struct argument arguments[6];
};
#include "calls.h"
#define CALLS (int)(sizeof calls / sizeof calls[0])
