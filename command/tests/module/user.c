/* A module in C that depends on another (source.c). */
typedef __SIZE_TYPE__ size_t;
#define INFORMATION(name, text) __attribute__((used, section(".modinfo"), aligned(1))) static const char name[] = text
INFORMATION(own_name, "name=user");
INFORMATION(magic, "vermagic=lstar-module-1 x86-64");
INFORMATION(license, "license=MIT");
INFORMATION(dependencies, "depends=source");

#ifndef VERSION
#define VERSION 1
#endif
__attribute__((used, section("__versions"))) static const struct {
	unsigned long version;
	char name[56];
} versions[] = {{VERSION, "lstar_log"}};

void lstar_log(unsigned level, const char *text, size_t length);
int source_value(void);

int lstar_module_init(const void *module, const char *parameters, size_t length)
{
	char text[] = "user: the value is ?";
	(void)module, (void)parameters, (void)length;
	text[19] = '0' + source_value();
	lstar_log(6, text, 20);
	return 0;
}
void lstar_module_exit(const void *module)
{
	(void)module;
}
