/* init_module, finit_module, delete_module: what is refused, in which order. No module is loaded here. */
#include "../check.h"
#include <elf.h>

#define IGNORE_MODVERSIONS 1
#define IGNORE_VERMAGIC 2
#define COMPRESSED_FILE 4

static long init_module_(const void *image, unsigned long length, const char *parameters)
{
	return syscall(SYS_init_module, image, length, parameters);
}
static long finit_module_(int fd, const char *parameters, int flags)
{
	return syscall(SYS_finit_module, fd, parameters, flags);
}
static long delete_module_(const char *name, unsigned flags)
{
	return syscall(SYS_delete_module, name, flags);
}

/* The smallest object with a section of names: headers, an empty section, the names. */
struct object {
	Elf64_Ehdr header;
	char names[16];
	Elf64_Shdr sections[2];
};
static struct object object(void)
{
	struct object object = {
	    .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		       .e_type = ET_REL,
		       .e_machine = EM_X86_64,
		       .e_version = EV_CURRENT,
		       .e_shoff = offsetof(struct object, sections),
		       .e_ehsize = sizeof(Elf64_Ehdr),
		       .e_shentsize = sizeof(Elf64_Shdr),
		       .e_shnum = 2,
		       .e_shstrndx = 1},
	    .names = "\0.shstrtab",
	    .sections = {{0},
			 {.sh_name = 1,
			  .sh_type = SHT_STRTAB,
			  .sh_offset = offsetof(struct object, names),
			  .sh_size = 16,
			  .sh_addralign = 1}},
	};
	return object;
}

CASE(what_is_no_object)
{
	static char page[4096];
	ERR(init_module_(NULL, 0, ""), ENOEXEC);
	ERR(init_module_(page, 63, ""), ENOEXEC);
	ERR(init_module_((void *)8, 63, ""), ENOEXEC);
	ERR(init_module_((void *)8, 64, ""), EFAULT);
	ERR(init_module_(NULL, 4096, ""), EFAULT);
	ERR(init_module_(page, 64, ""), ENOEXEC);
	ERR(init_module_(page, sizeof page, (char *)8), ENOEXEC);
	memset(page, 0x7f, sizeof page);
	ERR(init_module_(page, sizeof page, ""), ENOEXEC);
}

CASE(a_length_that_nobody_has)
{
	static char page[4096];
	if (sizeof(long) < 8)
		SKIP("written for longs of 64 bits");
	ERR(init_module_(page, (unsigned long)(1ull << 46), ""), ENOMEM);
	ERR(init_module_(page, -1ul, ""), ENOMEM);
}

CASE(an_image_that_ends_in_an_unmapped_page)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(pages != MAP_FAILED);
	OK(munmap(pages + 4096, 4096));
	ERR(init_module_(pages + 4096 - 64, 64, ""), ENOEXEC);
	ERR(init_module_(pages + 4096 - 64, 65, ""), EFAULT);
}

CASE(headers_that_are_wrong)
{
	struct object good = object(), bad;
	ERR(init_module_(&good, sizeof good, ""), ENOEXEC);
#define WRONG(change)                                                                                                  \
	do {                                                                                                           \
		bad = good;                                                                                            \
		bad.change;                                                                                            \
		ERR(init_module_(&bad, sizeof bad, ""), ENOEXEC);                                                      \
	} while (0)
	WRONG(header.e_ident[EI_CLASS] = ELFCLASS32);
	WRONG(header.e_type = ET_EXEC);
	WRONG(header.e_type = ET_DYN);
	WRONG(header.e_machine = EM_386);
	WRONG(header.e_shentsize = 40);
	WRONG(header.e_shoff = sizeof bad);
	WRONG(header.e_shoff = -1);
	WRONG(header.e_shnum = 3);
	WRONG(header.e_shnum = 0xffff);
	WRONG(header.e_shnum = 0);
	WRONG(header.e_shstrndx = 2);
	WRONG(header.e_shstrndx = 0);
	WRONG(sections[0].sh_type = SHT_PROGBITS);
	WRONG(sections[1].sh_offset = sizeof bad);
	WRONG(sections[1].sh_size = -1);
	WRONG(sections[1].sh_name = 1000);
	WRONG(names[15] = 'x');
}

CASE(files)
{
	char path[] = "/tmp/module-XXXXXX";
	int fd = OK(mkstemp(path));
	struct object good = object();
	ERR(finit_module_(-1, "", 0), EBADF);
	ERR(finit_module_(-1, "", 8), EINVAL);
	ERR(finit_module_(-1, "", -1), EINVAL);
	/* The file is open for writing. */
	ERR(finit_module_(fd, "", 0), ETXTBSY);
	OK(close(fd));
	fd = OK(open(path, O_RDONLY));
	ERR(finit_module_(fd, "", 0), EINVAL);
	OK(close(fd));
	fd = OK(open(path, O_WRONLY));
	ERR(finit_module_(fd, "", 0), EBADF);
	EQ(write(fd, &good, 10), 10);
	OK(close(fd));
	fd = OK(open(path, O_RDONLY));
	ERR(finit_module_(fd, "", 0), ENOEXEC);
	OK(close(fd));
	fd = OK(open(path, O_WRONLY));
	EQ(write(fd, &good, sizeof good), sizeof good);
	OK(close(fd));
	fd = OK(open(path, O_RDONLY));
	ERR(finit_module_(fd, "", COMPRESSED_FILE), EOPNOTSUPP);
	ERR(finit_module_(fd, (char *)16, COMPRESSED_FILE), EOPNOTSUPP);
	OK(close(fd));
	ERR(finit_module_(-1, "", COMPRESSED_FILE), EBADF);
	ERR(finit_module_(-1, "", COMPRESSED_FILE | 8), EINVAL);
	fd = OK(open(path, O_RDONLY));
	ERR(finit_module_(fd, "", 0), ENOEXEC);
	ERR(finit_module_(fd, (char *)8, IGNORE_MODVERSIONS | IGNORE_VERMAGIC), ENOEXEC);
	OK(unlink(path));
	/* The writers that were denied meanwhile may write again. */
	char name[64];
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	int writer = OK(open(name, O_WRONLY));
	OK(close(writer));
}

CASE(what_is_no_regular_file)
{
	int ends[2];
	OK(pipe(ends));
	ERR(finit_module_(ends[0], "", 0), EINVAL);
	ERR(finit_module_(ends[1], "", 0), EBADF);
	int fd = OK(open("/", O_RDONLY | O_DIRECTORY));
	ERR(finit_module_(fd, "", 0), EINVAL);
	fd = OK(open("/dev/zero", O_RDONLY));
	ERR(finit_module_(fd, "", 0), EINVAL);
	fd = OK(open("/dev/null", O_RDONLY | O_PATH));
	ERR(finit_module_(fd, "", 0), EBADF);
}

CASE(unloading_what_is_not_there)
{
	char name[4096];
	ERR(delete_module_("no_such_module", 0), ENOENT);
	ERR(delete_module_("no_such_module", O_NONBLOCK | O_TRUNC), ENOENT);
	ERR(delete_module_("no_such_module", -1), ENOENT);
	ERR(delete_module_("", 0), ENOENT);
	ERR(delete_module_(NULL, 0), EFAULT);
	ERR(delete_module_((char *)8, O_NONBLOCK), EFAULT);
	memset(name, 'x', sizeof name);
	ERR(delete_module_(name, 0), ENOENT);
}

CASE(those_who_may_not)
{
	static char page[4096];
	OK(setuid(65534));
	ERR(init_module_(NULL, 0, NULL), EPERM);
	ERR(init_module_(page, sizeof page, ""), EPERM);
	ERR(finit_module_(-1, NULL, -1), EPERM);
	ERR(delete_module_(NULL, 0), EPERM);
	ERR(delete_module_("no_such_module", 0), EPERM);
}

static int read_number(const char *path)
{
	char text[64] = "";
	int fd = OK(open(path, O_RDONLY));
	CHECK(read(fd, text, sizeof text - 1) > 0);
	close(fd);
	return atoi(text);
}
static int write_text(const char *path, const char *text)
{
	int fd = OK(open(path, O_WRONLY));
	int written = write(fd, text, strlen(text));
	int error = errno;
	close(fd);
	errno = error;
	return written;
}

CASE(what_proc_shows)
{
	struct stat status;
	OK(stat("/proc/modules", &status));
	OUT("/proc/modules mode %o", status.st_mode);
	OK(stat("/proc/sys/kernel/modules_disabled", &status));
	OUT("modules_disabled mode %o", status.st_mode);
	OK(stat("/proc/sys/kernel/tainted", &status));
	OUT("tainted mode %o", status.st_mode);
	EQ(read_number("/proc/sys/kernel/modules_disabled"), 0);
	ERR(write_text("/proc/sys/kernel/modules_disabled", "0\n"), EINVAL);
	ERR(write_text("/proc/sys/kernel/modules_disabled", "2\n"), EINVAL);
	EQ(read_number("/proc/sys/kernel/modules_disabled"), 0);
}

CASE(the_taint_is_added_to)
{
	OK(write_text("/proc/sys/kernel/tainted", "64\n"));
	CHECK(read_number("/proc/sys/kernel/tainted") & 64);
	OK(write_text("/proc/sys/kernel/tainted", "0\n"));
	CHECK(read_number("/proc/sys/kernel/tainted") & 64);
}
