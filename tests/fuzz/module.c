/* A module that only comes and goes: what init_module(2) and delete_module(2) are called with. */
#define INFORMATION(name, text) __attribute__((used, section(".modinfo"), aligned(1))) static const char name[] = text
INFORMATION(own_name, "name=fuzz");
INFORMATION(magic, "vermagic=lstar-module-1 x86-64");
INFORMATION(license, "license=MIT");

int lstar_module_init(const void *module, const char *parameters, __SIZE_TYPE__ length)
{
	(void)module, (void)parameters, (void)length;
	return 0;
}
void lstar_module_exit(const void *module) { (void)module; }
