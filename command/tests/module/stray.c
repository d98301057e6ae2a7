/* A module that stores where it is told, as a stray store would: its parameter is an address in hexadecimal. */
#define INFORMATION(name, text) __attribute__((used, section(".modinfo"), aligned(1))) static const char name[] = text
INFORMATION(own_name, "name=stray");
INFORMATION(magic, "vermagic=lstar-module-1 x86-64");
INFORMATION(license, "license=MIT");
INFORMATION(parameter, "parm=address:where to store");
INFORMATION(type, "parmtype=address:charp");

int lstar_module_init(const void *module, const char *parameters, __SIZE_TYPE__ length)
{
	unsigned long address = 0;
	(void)module;
	for (__SIZE_TYPE__ at = 0; at < length; at++) {
		const char digit = parameters[at];
		if (digit == '=')
			address = 0;
		else if (digit >= '0' && digit <= '9')
			address = address << 4 | (unsigned long)(digit - '0');
		else if (digit >= 'a' && digit <= 'f')
			address = address << 4 | (unsigned long)(digit - 'a' + 10);
	}
	*(volatile unsigned long *)address = 0;
	return 0;
}
void lstar_module_exit(const void *module) { (void)module; }
