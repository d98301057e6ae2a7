/* A module in C: what another one (user.c) depends on. */
typedef __SIZE_TYPE__ size_t;
#define INFORMATION(name, text) __attribute__((used, section(".modinfo"), aligned(1))) static const char name[] = text
INFORMATION(own_name, "name=source");
INFORMATION(magic, "vermagic=lstar-module-1 x86-64");
INFORMATION(license, "license=MIT");

int source_value(void)
{
	return 7;
}
int lstar_module_init(const void *module, const char *parameters, size_t length)
{
	(void)module, (void)parameters, (void)length;
	return 0;
}
void lstar_module_exit(const void *module)
{
	(void)module;
}
