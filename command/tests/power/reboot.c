/* reboot(2) by its raw arguments: which of the second magic numbers, which command, which text. */
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	static const unsigned magics[] = {LINUX_REBOOT_MAGIC2, LINUX_REBOOT_MAGIC2A, LINUX_REBOOT_MAGIC2B, LINUX_REBOOT_MAGIC2C};
	static const struct {
		const char *name;
		unsigned command;
	} commands[] = {
	    {"restart", LINUX_REBOOT_CMD_RESTART},	 {"halt", LINUX_REBOOT_CMD_HALT},    {"cad-on", LINUX_REBOOT_CMD_CAD_ON},
	    {"cad-off", LINUX_REBOOT_CMD_CAD_OFF},	 {"off", LINUX_REBOOT_CMD_POWER_OFF}, {"restart2", LINUX_REBOOT_CMD_RESTART2},
	};
	unsigned magic = count > 2 ? magics[atoi(arguments[2]) & 3] : magics[0];
	for (unsigned i = 0; count > 1 && i < sizeof commands / sizeof *commands; i++)
		if (strcmp(arguments[1], commands[i].name) == 0)
			return syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, magic, commands[i].command,
				       count > 3 ? arguments[3] : NULL) != 0;
	return 2;
}
