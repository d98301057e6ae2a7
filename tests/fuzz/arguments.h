/* An argument of each kind: mostly one that makes sense, now and then one that does not. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096UL
/* The memory that calls may play with: below 4 GiB, so that every ABI can name it. */
#define POOL 0x20000000UL
#define POOL_PAGES 48UL
#define STRINGS (POOL + 64 * PAGE)
#define TEXTS 2048
#define NOBODY 65534
#define NO_PROCESS 0x7fffff00

static const char *const names[] = {
	"a", "b", "d", "d/x", "link", "new", "d/new", "a", "b", "d", "", "missing/x", "a/x", "fifo", ".", "d/..", "loop", "end",
};
#define NAMES (sizeof names / sizeof names[0])
static const char *const texts[] = {"user.name", "security.x", "tmpfs", "text"};
#define TEXTS_COUNT (sizeof texts / sizeof texts[0])

/* The worker, and a child of its own that waits for whatever calls do to it. */
static int own, victim;

static void lay_out_pool(void)
{
	const int writable = PROT_READ | PROT_WRITE, fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	mmap((void *)POOL, POOL_PAGES * PAGE, writable, fixed, -1, 0);
	char *strings = mmap((void *)STRINGS, PAGE, writable, fixed, -1, 0);
	for (unsigned i = 0; i < NAMES; i++)
		strcpy(strings + 32 * i, names[i]);
	for (unsigned i = 0; i < TEXTS_COUNT; i++)
		strcpy(strings + TEXTS + 32 * i, texts[i]);
}
/* Where a name or text lies. */
static uint64_t path_of(const char *name)
{
	for (unsigned i = 0; i < NAMES; i++)
		if (!strcmp(names[i], name))
			return STRINGS + 32 * i;
	return 0;
}
static uint64_t text(unsigned index) { return STRINGS + TEXTS + 32 * index; }

static uint64_t bad_address(void)
{
	static const uint64_t bad[] = {0, 8, 0x7ffffffff000, 0x7ffffffffff8, 0x800000000000, 0xffff800000000000,
				       0xffffffff80000000, 0xfffffffffffff000, -8, 0xfffffff8, POOL + POOL_PAGES * PAGE};
	return bad[below(sizeof bad / sizeof bad[0])];
}
static uint64_t address(void)
{
	if (one_in(12))
		return bad_address();
	if (one_in(12)) /* the end of what is mapped */
		return POOL + POOL_PAGES * PAGE - below(64);
	uint64_t at = POOL + below(POOL_PAGES - 1) * PAGE;
	return one_in(3) ? at + below(PAGE / 8) * 8 : at;
}
/* Room for a structure, empty. */
static uint64_t zeroed(void)
{
	uint64_t at = POOL + below(POOL_PAGES - 1) * PAGE;
	memset((void *)at, 0, 1024);
	return at;
}
static uint64_t number(void)
{
	switch (below(8)) {
	case 0:
		return next();
	case 1:
		return (uint64_t)-below(100);
	case 2:
		return 1ULL << below(64);
	case 3:
		return below(5000);
	default:
		return below(8);
	}
}
static uint64_t size(void)
{
	static const uint64_t sizes[] = {0, 1, 4, 8, 8, 8, 16, 24, 32, 64, 88, 100, 128, 4096, 4096, 8192, 65536, 1 << 20};
	return one_in(15) ? number() : sizes[below(sizeof sizes / sizeof sizes[0])];
}
/* A structure that the kernel reads: something plausible for most of them. */
static uint64_t structure(void)
{
	uint64_t at = address();
	if (at < POOL || at + 256 > POOL + POOL_PAGES * PAGE)
		return at;
	uint64_t *words = (uint64_t *)at;
	switch (below(5)) {
	case 0:
		memset(words, 0, 256);
		break;
	case 1: /* buffers with lengths */
		for (int i = 0; i < 32; i += 2) {
			words[i] = address();
			words[i + 1] = below(200);
		}
		break;
	case 2: /* small numbers */
		for (int i = 0; i < 32; i++)
			words[i] = below(4) == 0 ? below(1000) : 0;
		break;
	case 3:
		for (int i = 0; i < 64; i++)
			((uint32_t *)words)[i] = (uint32_t)below(12);
		break;
	default:
		for (int i = 0; i < 32; i++)
			words[i] = next();
	}
	return at;
}
static uint64_t process(void)
{
	switch (below(6)) {
	case 0:
		return 0;
	case 1:
		return (uint64_t)victim;
	case 2:
		return NO_PROCESS;
	default:
		return (uint64_t)own;
	}
}
static uint64_t argument(const struct argument *argument)
{
	if (one_in(60))
		return number();
	switch (argument->kind) {
	case NUMBER:
		return number();
	case SIZE:
		return size();
	case ADDRESS:
		return one_in(3) ? 0 : address();
	case MODE:
		return one_in(8) ? number() : below(010000);
	case DESCRIPTOR:
		return one_in(20) ? number() : 3 + below(24);
	case DIRECTORY:
		return one_in(4) ? 3 + below(24) : (uint64_t)AT_FDCWD;
	case ID:
		return one_in(3) ? below(3) : one_in(2) ? NOBODY : (uint64_t)-1;
	case PROCESS:
		return process();
	case SIGNAL:
		return one_in(10) ? number() : one_in(3) ? 0 : 10 + below(55);
	case PATH:
		return one_in(20) ? address() : STRINGS + below(NAMES) * 32;
	case TEXT:
		return one_in(8) ? address() : one_in(4) ? 0 : text((unsigned)below(TEXTS_COUNT));
	case OFFSET:
		return one_in(4) ? number() : below(20000);
	case CHOICE:
		return argument->names_count == 0 || one_in(15) ? number() : argument->names[below(argument->names_count)];
	case BITS: {
		uint64_t bits = 0;
		if (argument->names_count == 0 || one_in(15))
			return number();
		for (uint64_t count = below(4); count > 0; count--)
			bits |= argument->names[below(argument->names_count)];
		return bits;
	}
	case WORD:
		return one_in(2) ? below(4) : number();
	case IN:
		return one_in(5) ? 0 : structure();
	case OUT:
		return one_in(6) ? 0 : address();
	case BUFFER:
	case FILLED:
		return address();
	}
	return 0;
}
