/* Broken and hostile ELF files: execve refuses them or the program dies; the kernel goes on. */
#include "../check.h"
#include <elf.h>

struct image {
	Elf64_Ehdr head;
	Elf64_Phdr segments[4];
	unsigned char code[64];
};

static const unsigned char exit_seven[] = {0xb8, 0xe7, 0, 0, 0, 0xbf, 7, 0, 0, 0, 0x0f, 0x05}; /* exit_group(7) */

static struct image good_image(void)
{
	struct image image = {0};
	memcpy(image.head.e_ident, ELFMAG, SELFMAG);
	image.head.e_ident[EI_CLASS] = ELFCLASS64;
	image.head.e_ident[EI_DATA] = ELFDATA2LSB;
	image.head.e_ident[EI_VERSION] = EV_CURRENT;
	image.head.e_type = ET_EXEC;
	image.head.e_machine = EM_X86_64;
	image.head.e_version = EV_CURRENT;
	image.head.e_entry = 0x400000 + offsetof(struct image, code);
	image.head.e_phoff = offsetof(struct image, segments);
	image.head.e_ehsize = sizeof(Elf64_Ehdr);
	image.head.e_phentsize = sizeof(Elf64_Phdr);
	image.head.e_phnum = 1;
	image.segments[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x400000, .p_filesz = sizeof image,
					 .p_memsz = sizeof image, .p_align = 4096};
	memcpy(image.code, exit_seven, sizeof exit_seven);
	return image;
}

/* Runs the bytes as a program and shows what became of it. */
static void run(const char *what, const void *bytes, size_t size)
{
	int fd = OK(open("program", O_CREAT | O_WRONLY | O_TRUNC, 0700));
	EQ(write(fd, bytes, size), size);
	OK(close(fd));
	pid_t child = OK(fork());
	if (child == 0) {
		char *arguments[] = {"program", 0}, *environment[] = {0};
		alarm(5);
		execve("./program", arguments, environment);
		_exit(errno == ENOEXEC ? 101 : errno == ENOMEM ? 102 : errno == EINVAL ? 103 : errno == ENOENT ? 104 : errno == EIO ? 105 : errno == ELIBBAD ? 106 : errno == EACCES ? 107 : errno == EFAULT ? 108 : 100);
	}
	OUT("%s: status word 0x%x", what, wait_status(child));
}

#define TRY(what, ...)                                                                                                 \
	do {                                                                                                           \
		struct image image = good_image();                                                                     \
		__VA_ARGS__;                                                                                           \
		run(what, &image, sizeof image);                                                                       \
	} while (0)

CASE(the_good_one_runs)
{
	enter_scratch();
	TRY("good", );
}

CASE(truncated_at_every_length)
{
	struct image image = good_image();
	enter_scratch();
	for (size_t size = 0; size < sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr); size += 7) {
		char what[32];
		snprintf(what, sizeof what, "%zu bytes", size);
		run(what, &image, size);
	}
	run("headers only", &image, offsetof(struct image, code));
}

CASE(wrong_identification)
{
	enter_scratch();
	TRY("magic", image.head.e_ident[1] = 'X');
	TRY("class 32", image.head.e_ident[EI_CLASS] = ELFCLASS32);
	TRY("class 9", image.head.e_ident[EI_CLASS] = 9);
	TRY("big endian", image.head.e_ident[EI_DATA] = ELFDATA2MSB);
	TRY("machine", image.head.e_machine = EM_AARCH64);
	TRY("relocatable", image.head.e_type = ET_REL);
	TRY("core file", image.head.e_type = ET_CORE);
	TRY("version 9", image.head.e_version = 9);
}

CASE(wrong_program_headers)
{
	enter_scratch();
	TRY("no headers", image.head.e_phnum = 0);
	TRY("entry size 0", image.head.e_phentsize = 0);
	TRY("entry size 32", image.head.e_phentsize = 32);
	TRY("65535 headers", image.head.e_phnum = 65535);
	TRY("1000 headers", image.head.e_phnum = 1000);
	TRY("headers behind the end", image.head.e_phoff = 1 << 20);
	TRY("headers at the largest offset", image.head.e_phoff = UINT64_MAX);
	TRY("headers at a negative offset", image.head.e_phoff = 1ULL << 63);
}

CASE(no_load_segment)
{
	enter_scratch();
	TRY("only a note", image.segments[0].p_type = PT_NOTE);
	TRY("unknown type", image.segments[0].p_type = 0x12345);
}

CASE(hostile_addresses)
{
	enter_scratch();
	TRY("kernel", image.segments[0].p_vaddr = 0xffffffff81000000);
	TRY("upper half", image.segments[0].p_vaddr = 0xffff800000000000);
	TRY("non-canonical", image.segments[0].p_vaddr = 0x4141414141410000);
	TRY("wraps", image.segments[0].p_vaddr = 0xfffffffffffff000);
	TRY("zero", image.segments[0].p_vaddr = 0; image.head.e_entry = offsetof(struct image, code));
	TRY("unaligned", image.segments[0].p_vaddr += 8);
	TRY("offset not congruent", image.segments[0].p_offset = 16);
	TRY("offset behind the end", image.segments[0].p_offset = 1 << 20);
	TRY("largest offset", image.segments[0].p_offset = 0xfffffffffffff000);
}

CASE(hostile_sizes)
{
	enter_scratch();
	TRY("file size larger than memory size", image.segments[0].p_memsz = 8);
	TRY("huge memory size", image.segments[0].p_memsz = 1ULL << 62);
	TRY("largest memory size", image.segments[0].p_memsz = UINT64_MAX);
	TRY("largest file size", image.segments[0].p_filesz = UINT64_MAX; image.segments[0].p_memsz = UINT64_MAX);
	TRY("file size 0", image.segments[0].p_filesz = 0);
	TRY("both 0", image.segments[0].p_filesz = image.segments[0].p_memsz = 0);
	TRY("file size behind the end", image.segments[0].p_filesz = image.segments[0].p_memsz = 1 << 20);
	TRY("zeroed tail in a read-only segment", image.segments[0].p_memsz = sizeof image + 100);
	TRY("zeroed pages behind a read-only segment", image.segments[0].p_memsz = sizeof image + 10000);
}

CASE(entry_points)
{
	enter_scratch();
	TRY("zero", image.head.e_entry = 0);
	TRY("kernel", image.head.e_entry = 0xffffffff81000000);
	TRY("non-canonical", image.head.e_entry = 0x8000000000000000);
	TRY("unmapped", image.head.e_entry = 0x500000);
	TRY("largest", image.head.e_entry = UINT64_MAX);
}

CASE(protections)
{
	enter_scratch();
	TRY("not executable", image.segments[0].p_flags = PF_R);
	TRY("no flags", image.segments[0].p_flags = 0);
	TRY("execute only", image.segments[0].p_flags = PF_X);
	TRY("all", image.segments[0].p_flags = PF_R | PF_W | PF_X);
}

CASE(overlapping_and_unordered_segments)
{
	enter_scratch();
	TRY("the same twice", image.head.e_phnum = 2; image.segments[1] = image.segments[0]);
	TRY("second one over the first, empty", image.head.e_phnum = 2; image.segments[1] = image.segments[0]; image.segments[1].p_filesz = 0);
	TRY("descending addresses", image.head.e_phnum = 2; image.segments[1] = image.segments[0]; image.segments[0].p_vaddr = 0x600000);
	TRY("alignment not a power of two", image.segments[0].p_align = 3);
	TRY("alignment of 1 GiB", image.segments[0].p_align = 1 << 30);
	TRY("largest alignment", image.segments[0].p_align = UINT64_MAX);
}

CASE(interpreters)
{
	enter_scratch();
	TRY("missing", image.head.e_phnum = 2; strcpy((char *)image.code + 20, "/not/there");
	    image.segments[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = offsetof(struct image, code) + 20, .p_filesz = 11});
	TRY("without NUL", image.head.e_phnum = 2; strcpy((char *)image.code + 20, "/not/there");
	    image.segments[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = offsetof(struct image, code) + 20, .p_filesz = 5});
	TRY("empty", image.head.e_phnum = 2; image.segments[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = 0, .p_filesz = 0});
	TRY("too long", image.head.e_phnum = 2; image.segments[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = 0, .p_filesz = 1 << 20});
	TRY("behind the end", image.head.e_phnum = 2; image.segments[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = 1 << 20, .p_filesz = 10});
	TRY("a folder", image.head.e_phnum = 2; strcpy((char *)image.code + 20, "/tmp");
	    image.segments[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = offsetof(struct image, code) + 20, .p_filesz = 5});
	TRY("itself", image.head.e_phnum = 2; image.head.e_type = ET_DYN; strcpy((char *)image.code + 20, "./program");
	    image.segments[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = offsetof(struct image, code) + 20, .p_filesz = 10});
	int fd = OK(open("text", O_CREAT | O_WRONLY, 0700));
	EQ(write(fd, "no program", 10), 10);
	OK(close(fd));
	TRY("a text", image.head.e_phnum = 2; strcpy((char *)image.code + 20, "./text");
	    image.segments[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = offsetof(struct image, code) + 20, .p_filesz = 7});
}

CASE(position_independent)
{
	enter_scratch();
	TRY("at zero", image.head.e_type = ET_DYN; image.segments[0].p_vaddr = 0; image.head.e_entry = offsetof(struct image, code));
	TRY("at its address", image.head.e_type = ET_DYN);
	TRY("huge span", image.head.e_type = ET_DYN; image.head.e_phnum = 2; image.segments[0].p_vaddr = 0; image.head.e_entry = offsetof(struct image, code);
	    image.segments[1] = image.segments[0]; image.segments[1].p_vaddr = 1ULL << 46);
}

CASE(stack_headers)
{
	/* push a "ret" and call it: works only on an executable stack */
	static const unsigned char on_stack[] = {0x68, 0xc3, 0, 0, 0, 0x54, 0x58, 0xff, 0xd0, 0xb8, 0xe7, 0, 0, 0, 0xbf, 7, 0, 0, 0, 0x0f, 0x05};
	enter_scratch();
	TRY("no stack header", memcpy(image.code, on_stack, sizeof on_stack));
	TRY("plain stack", image.head.e_phnum = 2; memcpy(image.code, on_stack, sizeof on_stack);
	    image.segments[1] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W});
	TRY("executable stack", image.head.e_phnum = 2; memcpy(image.code, on_stack, sizeof on_stack);
	    image.segments[1] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W | PF_X});
}

CASE_WITHIN(random_damage, 60)
{
	/* The same damage on every run: a fixed sequence. Only that the kernel survives counts; the ends must be Linux's, too. */
	uint64_t state = 0x853c49e6748fea9b;
	enter_scratch();
	for (int round = 0; round < 150; round++) {
		struct image image = good_image();
		unsigned char *bytes = (unsigned char *)&image;
		for (int i = 0; i < 4; i++) {
			state = state * 6364136223846793005ULL + 1442695040888963407ULL;
			bytes[(state >> 33) % (offsetof(struct image, segments[1]))] = state >> 56;
		}
		char what[32];
		snprintf(what, sizeof what, "round %d", round);
		run(what, &image, sizeof image);
	}
}
