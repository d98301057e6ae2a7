/* A module whose code fails in the ways that code can: a bad address, no instruction, a division, a panic; in a call and in a device. */
typedef __SIZE_TYPE__ size_t;
#define INFORMATION(name, text) __attribute__((used, section(".modinfo"), aligned(1))) static const char name[] = text
INFORMATION(own_name, "name=faulty");
INFORMATION(magic, "vermagic=lstar-module-1 x86-64");
INFORMATION(license, "license=MIT");

__attribute__((used, section("__versions"))) static const struct {
	unsigned long version;
	char name[56];
} versions[] = {{1, "lstar_add_call"}, {1, "lstar_add_device"}, {1, "lstar_panic"}};

struct frame {
	unsigned long arguments[6];
};
struct device {
	size_t size;
	long (*read)(const void *, void *, unsigned long);
	long (*write)(const void *, void *, unsigned long);
	long (*control)(const void *, unsigned, unsigned long);
};
int lstar_add_call(const void *module, unsigned abi, unsigned number, unsigned flags,
		   long (*entry)(const void *, const struct frame *), const void *context);
int lstar_add_device(const void *module, const char *name, size_t length, unsigned mode, const struct device *table,
		     const void *context);
void lstar_panic(const char *text, size_t length) __attribute__((noreturn));

static long fail(unsigned long way)
{
	switch (way) {
	case 0:
		return *(volatile long *)16;
	case 1:
		*(volatile long *)0xdead000000000000 = 1;
		return 0;
	case 2:
		__asm__ volatile("ud2");
		return 0;
	case 3:
		__asm__ volatile("xor %%ecx, %%ecx; div %%ecx" ::: "eax", "ecx", "edx");
		return 0;
	case 4:
		lstar_panic("faulty: a panic of its own", 26);
	}
	return 7;
}
static long call(const void *context, const struct frame *frame)
{
	(void)context;
	return fail(frame->arguments[0]);
}
static long transfer(const void *context, void *handle, unsigned long position)
{
	(void)context, (void)handle, (void)position;
	return fail(0);
}
static long control(const void *context, unsigned command, unsigned long argument)
{
	(void)context, (void)argument;
	return fail(command);
}

int lstar_module_init(const void *module, const char *parameters, size_t length)
{
	static const struct device device = {sizeof device, transfer, transfer, control};
	if (length && parameters[0] == 'f')
		fail(0);
	int error = lstar_add_call(module, 0, 1020, 0, call, 0);
	return error ? error : lstar_add_device(module, "faulty", 6, 0666, &device, 0);
}
void lstar_module_exit(const void *module)
{
	(void)module;
}
