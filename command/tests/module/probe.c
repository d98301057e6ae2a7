/* What the tests of modules do in the guest that a shell cannot. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(long result)
{
	if (result == -1)
		printf("-%s\n", strerrorname_np(errno));
	else
		printf("%ld\n", result);
}

static char *read_whole(const char *path, size_t *length)
{
	static char bytes[1 << 20];
	int fd = open(path, O_RDONLY);
	ssize_t count = read(fd, bytes, sizeof bytes);
	close(fd);
	if (count <= 0)
		exit(3);
	*length = count;
	return bytes;
}

static uint64_t state;
static uint64_t random_below(uint64_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % limit;
}

/* Loads and unloads while others call: every answer is the module's or "no such call". */
static int storm(const char *path, int rounds)
{
	pid_t callers[3];
	for (int i = 0; i < 3; i++) {
		callers[i] = fork();
		while (callers[i] == 0) {
			long result = syscall(1010, 21);
			if (result != 42 && !(result == -1 && errno == ENOSYS)) {
				printf("a call answered %ld, errno %d\n", result, errno);
				_exit(1);
			}
			struct sysinfo information;
			if (sysinfo(&information) != 0 || information.procs == 0)
				_exit(2);
		}
	}
	size_t length;
	char *module = read_whole(path, &length);
	int in_use = 0;
	for (int i = 0; i < rounds; i++) {
		if (syscall(SYS_init_module, module, length, "") != 0) {
			printf("loading failed: %s\n", strerrorname_np(errno));
			return 1;
		}
		while (syscall(SYS_delete_module, "greeting", O_NONBLOCK) != 0) {
			if (errno != EAGAIN) {
				printf("unloading failed: %s\n", strerrorname_np(errno));
				return 1;
			}
			in_use++;
		}
	}
	for (int i = 0; i < 3; i++) {
		int status;
		kill(callers[i], SIGKILL);
		waitpid(callers[i], &status, 0);
		if (!WIFSIGNALED(status)) {
			printf("a caller ended with 0x%x\n", status);
			return 1;
		}
	}
	fprintf(stderr, "refused while in use: %d\n", in_use);
	puts("storm ok");
	return 0;
}

/* Flips bits anywhere: all must be refused where signatures are demanded. */
static int flips(const char *path, int count)
{
	size_t length;
	char *module = read_whole(path, &length);
	for (int i = 0; i < count; i++) {
		size_t at = random_below(length);
		char bit = 1 << random_below(8);
		module[at] ^= bit;
		if (syscall(SYS_init_module, module, length, "") == 0) {
			printf("a mutant was loaded: byte %zu\n", at);
			return 1;
		}
		module[at] ^= bit;
	}
	puts("flips ok");
	return 0;
}

/* Makes headers, symbols and relocations wrong, in ways that nobody can load. */
static int mutants(const char *path, int count)
{
	size_t length;
	char *original = read_whole(path, &length);
	char *module = malloc(length);
	for (int i = 0; i < count; i++) {
		memcpy(module, original, length);
		Elf64_Ehdr *header = (Elf64_Ehdr *)module;
		Elf64_Shdr *sections = (Elf64_Shdr *)(module + header->e_shoff), *symbols = NULL;
		const char *names = module + sections[header->e_shstrndx].sh_offset;
		for (int s = 0; s < header->e_shnum; s++)
			if (sections[s].sh_type == SHT_SYMTAB)
				symbols = &sections[s];
		Elf64_Sym *symbol = (Elf64_Sym *)(module + symbols->sh_offset);
		size_t symbol_count = symbols->sh_size / sizeof *symbol;
		Elf64_Shdr *relocated;
		do
			relocated = &sections[random_below(header->e_shnum)];
		while (relocated->sh_type != SHT_RELA || !(sections[relocated->sh_info].sh_flags & SHF_ALLOC) ||
		       strstr(names + relocated->sh_name, "debug"));
		Elf64_Rela *relocation = (Elf64_Rela *)(module + relocated->sh_offset);
		relocation += random_below(relocated->sh_size / sizeof *relocation);
		int kind = random_below(12);
		switch (kind) {
		case 0:
			module[random_below(7)] ^= 1 << random_below(8);
			break;
		case 1:
			header->e_type = 2 + random_below(1000);
			break;
		case 2:
			header->e_shoff = length - random_below(64);
			break;
		case 3:
			header->e_shnum += 1 + random_below(60000 - header->e_shnum);
			break;
		case 4:
			sections[1 + random_below(header->e_shnum - 1)].sh_offset = length + random_below(1ul << 60);
			break;
		case 5:
			sections[1 + random_below(header->e_shnum - 1)].sh_name = 1 << 30;
			break;
		case 6:
			symbol[1 + random_below(symbol_count - 1)].st_name = 1 << 30;
			break;
		case 7:
			symbol[1 + random_below(symbol_count - 1)].st_shndx = 0x7000 + random_below(1000);
			break;
		case 8:
			relocation->r_info = (relocation->r_info & ~0xffffffffl) | (50 + random_below(1 << 30));
			break;
		case 9:
			relocation->r_offset = sections[relocated->sh_info].sh_size + random_below(1ul << 50);
			break;
		case 10:
			relocation->r_info |= 0x4000000000000000;
			break;
		case 11:
			relocated->sh_entsize = random_below(24);
			break;
		}
		/* Sections without bytes in the file have no offset that could be wrong. */
		if (syscall(SYS_init_module, module, length, "") == 0) {
			if (kind != 4 || syscall(SYS_delete_module, "greeting", 0) != 0) {
				printf("a mutant of kind %d was loaded\n", kind);
				return 1;
			}
		}
	}
	puts("mutants ok");
	return 0;
}

int main(int count, char **words)
{
	if (count < 3)
		return 2;
	state = 0x9e3779b97f4a7c15;
	if (!strcmp(words[1], "call"))
		show(syscall(strtol(words[2], 0, 0), strtol(words[3], 0, 0)));
	else if (!strcmp(words[1], "int80")) {
		int result;
		__asm__ volatile("int $0x80"
				 : "=a"(result)
				 : "a"(atoi(words[2])), "b"(atoi(words[3]))
				 : "memory", "r8", "r9", "r10", "r11");
		errno = -result;
		show(result < 0 ? -1 : result);
	} else if (!strcmp(words[1], "copy")) {
		char from[] = "copied", to[8] = "";
		show(syscall(1011, to, from, 7));
		puts(to);
		show(syscall(1011, to, 8, 7));
		show(syscall(1011, 8, from, 7));
		show(syscall(1011, to, from, 65));
	} else if (!strcmp(words[1], "ioctl")) {
		uint64_t value = 0;
		int fd = open(words[2], O_RDWR);
		show(ioctl(fd, 1, &value));
		printf("%s\n", value > 0 ? "counted" : "0");
		show(ioctl(fd, 1, 8));
		show(ioctl(fd, 77, 0));
	} else if (!strcmp(words[1], "storm"))
		return storm(words[2], atoi(words[3]));
	else if (!strcmp(words[1], "flips"))
		return flips(words[2], atoi(words[3]));
	else if (!strcmp(words[1], "mutants"))
		return mutants(words[2], atoi(words[3]));
	return 0;
}
