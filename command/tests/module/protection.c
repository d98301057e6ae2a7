/* A module that looks at its own pages: none is written and executed, and what is not written there is not written through the
   direct map of all memory either. */
typedef __SIZE_TYPE__ size_t;
typedef unsigned long word;
#define INFORMATION(name, text) __attribute__((used, section(".modinfo"), aligned(1))) static const char name[] = text
INFORMATION(own_name, "name=protection");
INFORMATION(magic, "vermagic=lstar-module-1 x86-64");
INFORMATION(license, "license=MIT");

#define DIRECT_MAP 0xffff888000000000ul
#define ADDRESS 0x000ffffffffff000ul
enum { PRESENT = 1, WRITE = 2, LARGE = 0x80 };
#define NO_EXECUTE (1ul << 63)

static const int constant = 1;
static int variable = 1;

/* The entry that maps an address; 0 for none. Its size goes to `size`. */
static word entry_of(word address, word *size)
{
	word table;
	__asm__("mov %%cr3, %0" : "=r"(table));
	for (int shift = 39; shift >= 12; shift -= 9) {
		word entry = ((word *)(DIRECT_MAP + (table & ADDRESS)))[address >> shift & 511];
		*size = 1ul << shift;
		if (!(entry & PRESENT) || shift == 12 || (shift < 39 && entry & LARGE))
			return entry & PRESENT ? entry : 0;
		table = entry;
	}
	return 0;
}

/* Whether a page is mapped so, and its alias in the direct map too. */
static int is_protected(const volatile void *place, int written, int executed)
{
	word address = (word)place, size;
	word entry = entry_of(address, &size);
	if (!entry || size != 4096 || ((entry & WRITE) != 0) != written || ((entry & NO_EXECUTE) == 0) != executed)
		return 0;
	word alias = entry_of(DIRECT_MAP + (entry & ADDRESS), &size);
	return (alias & NO_EXECUTE) && ((alias & WRITE) != 0) == written;
}

int lstar_module_init(const void *module, const char *parameters, size_t length)
{
	(void)module, (void)parameters, (void)length;
	if (!is_protected((void *)lstar_module_init, 0, 1))
		return -1;
	if (!is_protected(&constant, 0, 0))
		return -2;
	return is_protected(&variable, 1, 0) ? 0 : -3;
}
void lstar_module_exit(const void *module)
{
	(void)module;
	variable = constant;
}
