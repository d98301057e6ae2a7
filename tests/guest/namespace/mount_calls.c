/* mount(2), umount2(2), pivot_root(2): what each of them answers, and in which order it looks. */
#include "../check.h"
#include <sys/mount.h>

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#define EXPIRE 4
#define NO_FOLLOW 8

/* What the call answered. */
#define TELL(call)                                                                                                     \
	do {                                                                                                           \
		errno = 0;                                                                                             \
		long result_ = (call);                                                                                 \
		OUT("%s: %s", #call, result_ == -1 ? errno_name(errno) : "ok");                                        \
	} while (0)
#define MOUNT(source, target, type, flags, data)                                                                       \
	syscall(SYS_mount, (long)(source), (long)(target), (long)(type), (unsigned long)(flags), (long)(data))
#define UMOUNT(target, flags) syscall(SYS_umount2, (long)(target), (unsigned long)(flags))
#define PIVOT(new, old) syscall(SYS_pivot_root, (long)(new), (long)(old))

static char *page_end; /* the first byte that is not there */

/* A mount namespace of the case's own, with a fresh tmpfs to work in that is mounted private. */
static void own_namespace(void)
{
	OK(unshare(CLONE_NEWNS));
	OK(mount("none", "/", 0, MS_REC | MS_PRIVATE, 0));
	enter_scratch();
	OK(mount("work", ".", "tmpfs", 0, 0));
	char path[256];
	CHECK(getcwd(path, sizeof path) != 0);
	OK(chdir(path));
	OK(mkdir("d", 0755));
	OK(mkdir("e", 0755));
	OK(mkdir("d/sub", 0755));
	OK(close(OK(open("file", O_CREAT | O_WRONLY, 0644))));
	OK(symlink("d", "link"));
	OK(symlink("loop", "loop"));
	OK(symlink("missing", "dangling"));
	char *pages = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(pages != MAP_FAILED);
	page_end = pages + 4096;
	OK(munmap(page_end, 4096));
}
static void put(const char *on)
{
	OK(mount("put", on, "tmpfs", 0, 0));
}
static char long_name[5000];
static const char *name_of(int length)
{
	memset(long_name, 'a', sizeof long_name);
	long_name[length] = 0;
	return long_name;
}
/* A string that ends where the page does, without its NUL. */
static char *cut(const char *text)
{
	return memcpy(page_end - strlen(text), text, strlen(text));
}

/* The options of the topmost mount at a path below the scratch directory: of the mount, and of the file system. */
static void options(const char *what, const char *path)
{
	char text[16384], full[512], cwd[256], *line = text, *found = 0;
	CHECK(getcwd(cwd, sizeof cwd) != 0);
	snprintf(full, sizeof full, " %s/%s ", cwd, path);
	CHECK(read_file("/proc/self/mountinfo", text, sizeof text) > 0);
	for (char *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		if (strstr(line, full))
			found = line;
	}
	CHECK(found != 0);
	OUT("%s: %s", what, strstr(found, full) + strlen(full));
}

CASE(strings)
{
	own_namespace();
	TELL(MOUNT("x", "d", 8, 0, 0));
	TELL(MOUNT(8, "d", "tmpfs", 0, 0));
	TELL(MOUNT("x", 8, "tmpfs", 0, 0));
	TELL(MOUNT("x", "d", "tmpfs", 0, 8));
	TELL(MOUNT("x", 0, "tmpfs", 0, 0));
	TELL(MOUNT("x", "", "tmpfs", 0, 0));
	TELL(MOUNT("x", "d", 0, 0, 0));
	TELL(MOUNT("x", "d", "", 0, 0));
	TELL(MOUNT("x", "d", "nosuchtype", 0, 0));
	TELL(MOUNT("x", "d", "tmpfs.sub", 0, 0));
	TELL(MOUNT("x", "d", ".", 0, 0));
	TELL(MOUNT("x", "d", "TMPFS", 0, 0));
	TELL(MOUNT("x", "d", name_of(4094), 0, 0));
	TELL(MOUNT("x", "d", name_of(4095), 0, 0));
	TELL(MOUNT("x", "d", name_of(4096), 0, 0));
	TELL(MOUNT(name_of(4095), "d", "nosuchtype", 0, 0));
	TELL(MOUNT(name_of(4096), "d", "nosuchtype", 0, 0));
	TELL(MOUNT("x", name_of(4095), "nosuchtype", 0, 0));
	TELL(MOUNT("x", name_of(4096), "nosuchtype", 0, 0));
	TELL(MOUNT("x", "d", cut("tmpfs"), 0, 0));
	TELL(MOUNT(cut("x"), "d", "tmpfs", 0, 0));
	TELL(MOUNT("x", cut("d"), "tmpfs", 0, 0));
	TELL(MOUNT("x", "file", "tmpfs", 0, 0));
	TELL(MOUNT("x", "file/x", "tmpfs", 0, 0));
	TELL(MOUNT("x", "loop", "tmpfs", 0, 0));
	TELL(MOUNT("x", "dangling", "tmpfs", 0, 0));
	TELL(MOUNT("x", "link", "tmpfs", 0, 0));
	TELL(UMOUNT("d", 0));
	TELL(MOUNT("", "d", "tmpfs", 0, 0));
	options("empty source", "d");
	TELL(MOUNT(0, "d", "tmpfs", 0, 0));
	options("no source", "d");
	TELL(MOUNT("a b\tc\\d\n#", "d", "tmpfs", 0, 0));
	options("odd source", "d");
}

CASE(order)
{
	own_namespace();
	/* Each has all the faults of those behind it. */
	TELL(MOUNT(name_of(4096), "missing", 8, MS_NOUSER, 8));
	TELL(MOUNT(name_of(4096), "missing", "nosuchtype", MS_NOUSER, 8));
	TELL(MOUNT("x", "missing", "nosuchtype", MS_NOUSER, 8));
	TELL(MOUNT("x", "missing", "nosuchtype", MS_NOUSER, 0));
	TELL(MOUNT("x", "d", "nosuchtype", MS_NOUSER, 0));
	TELL(MOUNT("x", "d", "nosuchtype", 0, "nonsense"));
	TELL(MOUNT("x", "file", "tmpfs", 0, "nonsense"));
	TELL(MOUNT("x", "file", "tmpfs", 0, 0));
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		TELL(MOUNT("x", "d", 8, 0, 0));
		TELL(MOUNT("x", "missing", "tmpfs", 0, 0));
		TELL(MOUNT("x", "d", "tmpfs", MS_NOUSER, 0));
		TELL(MOUNT("x", "d", "nosuchtype", 0, 0));
		TELL(MOUNT("", "d", 0, MS_BIND, 0));
		TELL(MOUNT(0, "d", 0, MS_REMOUNT, 0));
		TELL(MOUNT(0, "d", 0, MS_SHARED | MS_PRIVATE, 0));
		TELL(UMOUNT("d", 0));
		TELL(UMOUNT("d", 16));
		TELL(UMOUNT("missing", 0));
		TELL(UMOUNT(8, 0));
		TELL(UMOUNT("d", EXPIRE | MNT_FORCE));
		TELL(PIVOT("missing", 8));
		TELL(PIVOT(8, 8));
	});
}

CASE(flags)
{
	own_namespace();
	for (unsigned bit = 0; bit < 32; bit++) {
		unsigned long flag = 1ul << bit;
		/* New mounts with one flag. */
		errno = 0;
		long result = MOUNT("x", "d", "tmpfs", flag, 0);
		char what[64];
		snprintf(what, sizeof what, "flag %lx %s", flag, result ? errno_name(errno) : "ok");
		if (result == 0) {
			options(what, "d");
			if (umount("d"))
				OUT("umount: %s", errno_name(errno));
		} else
			OUT("%s", what);
	}
	const unsigned long several[] = {MS_MGC_VAL, MS_MGC_VAL | MS_NOEXEC, 0xc0ee0000, 0xc0ec0000 | MS_RDONLY, MS_MGC_VAL | MS_NOUSER,
					 MS_NOATIME | MS_STRICTATIME, MS_RELATIME | MS_STRICTATIME, MS_NOATIME | MS_RELATIME,
					 MS_NOATIME | MS_NODIRATIME, MS_NODIRATIME | MS_STRICTATIME, MS_SILENT | MS_REC,
					 MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS | MS_DIRSYNC | MS_NOSYMFOLLOW};
	for (unsigned i = 0; i < sizeof several / sizeof *several; i++) {
		char what[64];
		errno = 0;
		long result = MOUNT("x", "d", "tmpfs", several[i], 0);
		snprintf(what, sizeof what, "flags %lx %s", several[i], result ? errno_name(errno) : "ok");
		if (result == 0) {
			options(what, "d");
			OK(umount("d"));
		} else
			OUT("%s", what);
	}
}

#if __SIZEOF_LONG__ == 8
CASE(words_of_64_bits)
{
	own_namespace();
	TELL(MOUNT("x", "d", "tmpfs", 1ul << 32, 0));
	TELL(MOUNT("x", "d", "tmpfs", 1ul << 63 | MS_RDONLY, 0));
	TELL(MOUNT("x", "d", "tmpfs", 1ul << 40 | MS_MGC_VAL | MS_NOEXEC, 0));
	options("upper bits beside the magic number", "d");
	TELL(UMOUNT("d", 0));
}
#endif

CASE(options_of_tmpfs)
{
	own_namespace();
	static const char *const texts[] = {
		"", ",", ",,,", "size=64k", "size=1m,mode=700", "size=0", "size=", "size", "size=x", "size=5%%", "size=-1",
		"size=64k,", "nr_inodes=10", "nr_inodes=x", "nr_inodes=0", "nr_blocks=20", "nr_blocks=x", "mode=8", "mode=7777", "mode=17777",
		"mode", "uid=5,gid=6", "uid=x", "uid=-1", "gid=4294967295", "uid=4294967294", "nonsense", "nonsense=1", "=", "=x", "size==1", "ro",
		"rw", "sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand", "ro=1", "noexec", "source=y", "huge=never",
		"huge=x", "huge", "inode32", "inode64", "inode32=1", "mpol=default", "mpol=x", "SIZE=1m",
		" size=1m", "size=1m mode=700", "size=1M", "size=1g", "size=0x1000", "size=010000", "mode=0755", "mode=+5", "uid=+5", "nr_inodes=1k",
	};
	for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
		errno = 0;
		long result = MOUNT("x", "d", "tmpfs", 0, texts[i]);
		char what[64];
		snprintf(what, sizeof what, "\"%s\" %s", texts[i], result ? errno_name(errno) : "ok");
		if (result == 0) {
			options(what, "d");
			OK(umount("d"));
		} else
			OUT("%s", what);
	}
}

CASE(where_options_end)
{
	own_namespace();
	/* They end at the first NUL, where memory ends, and before the last byte of a page. */
	strcpy(cut("size=64k*****"), "size=64k,n\0ns");
	TELL(MOUNT("x", "d", "tmpfs", 0, page_end - 13));
	cut("nonsense");
	TELL(MOUNT("x", "d", "tmpfs", 0, page_end - 8));
	cut("size=64k");
	TELL(MOUNT("x", "d", "tmpfs", 0, page_end - 8));
	options("without NUL", "d");
	OK(umount("d"));
	TELL(MOUNT("x", "d", "tmpfs", 0, page_end));
	static char text[8192];
	memset(text, ',', sizeof text - 1);
	TELL(MOUNT("x", "d", "tmpfs", 0, text));
	memcpy(text + 4087, "size=64k", 8);
	TELL(MOUNT("x", "e", "tmpfs", 0, text));
	options("just within", "e");
	memcpy(text + 4087, ",size=64k", 9);
	TELL(MOUNT("x", "e", "tmpfs", 0, text));
	options("cut off", "e");
	memcpy(text + 4087, ",,nonsens", 9);
	TELL(MOUNT("x", "e", "tmpfs", 0, text));
}

CASE(other_types)
{
	own_namespace();
	/* A devpts that is made anew is another system's affair: programs find it as the one behind /dev/ptmx. */
	static const char *const types[] = {"proc", "sysfs", "devtmpfs", "tmpfs"};
	static const char *const texts[] = {"", "nonsense", "ro", "hidepid=x", "mode=600", "newinstance"};
	for (unsigned i = 0; i < sizeof types / sizeof *types; i++)
		for (unsigned j = 0; j < sizeof texts / sizeof *texts; j++) {
			errno = 0;
			long result = MOUNT("x", "d", types[i], 0, texts[j]);
			OUT("%s \"%s\": %s", types[i], texts[j], result ? errno_name(errno) : "ok");
			if (result == 0)
				OK(umount("d"));
		}
	/* Types whose file system is always the same one. */
	for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
		OK(MOUNT("x", "d", types[i], 0, 0));
		errno = 0;
		long result = MOUNT("x", "d", types[i], 0, 0);
		OUT("%s on itself: %s", types[i], result ? errno_name(errno) : "ok");
		if (result == 0)
			OK(umount("d"));
		OK(umount("d"));
	}
	TELL(MOUNT("/dev/missing", "d", "proc", 0, 0));
	OK(umount("d"));
	/* What only the kernel mounts. */
	TELL(MOUNT("x", "d", "pipefs", 0, 0));
	TELL(MOUNT("x", "d", "sockfs", 0, 0));
	TELL(MOUNT("x", "d", "anon_inodefs", 0, 0));
}

CASE(binds)
{
	own_namespace();
	TELL(MOUNT(0, "d", 0, MS_BIND, 0));
	TELL(MOUNT("", "d", 0, MS_BIND, 0));
	TELL(MOUNT("missing", "d", 0, MS_BIND, 0));
	TELL(MOUNT("loop", "d", 0, MS_BIND, 0));
	TELL(MOUNT("file/x", "d", 0, MS_BIND, 0));
	TELL(MOUNT("file", "d", 0, MS_BIND, 0));
	TELL(MOUNT("d", "file", 0, MS_BIND, 0));
	TELL(MOUNT("file", "file", 0, MS_BIND, 0));
	TELL(MOUNT("d", "d", 0, MS_BIND, 0));
	TELL(MOUNT("d", "d", 0, MS_BIND, 0));
	TELL(MOUNT("d", "d/sub", 0, MS_BIND | MS_REC, 0));
	TELL(MOUNT("e", "e", "nosuchtype", MS_BIND | MS_RDONLY | MS_NOEXEC, "nonsense"));
	options("flags of a bind do not count", "e");
	TELL(MOUNT("e", "e", 0, MS_BIND | MS_SHARED | MS_MOVE, 0));
	options("bind comes first", "e");
	TELL(MOUNT(0, "e", 0, MS_UNBINDABLE, 0));
	TELL(MOUNT("e", "d", 0, MS_BIND, 0));
	TELL(MOUNT("e", "d", 0, MS_BIND | MS_REC, 0));
	TELL(MOUNT("/proc/self/ns/uts", "file", 0, MS_BIND, 0));
	TELL(MOUNT("/proc/self/ns/mnt", "file", 0, MS_BIND, 0));
	TELL(MOUNT("/proc/self/ns/uts", "d", 0, MS_BIND, 0));
	TELL(MOUNT("/proc/self/fd/1", "file", 0, MS_BIND, 0));
}

CASE(binds_of_what_is_gone)
{
	own_namespace();
	int link = OK(open("dangling", O_PATH | O_NOFOLLOW));
	char name[64];
	sprintf(name, "/proc/self/fd/%d", link);
	TELL(MOUNT(name, "file", 0, MS_BIND, 0));
	TELL(MOUNT("file", name, 0, MS_BIND, 0));
	TELL(MOUNT("x", name, "tmpfs", 0, 0));
	OK(mkdir("gone", 0755));
	int gone = OK(open("gone", O_RDONLY | O_DIRECTORY));
	OK(rmdir("gone"));
	char path[64];
	sprintf(path, "/proc/self/fd/%d", gone);
	TELL(MOUNT(path, "d", 0, MS_BIND, 0));
	TELL(MOUNT("d", path, 0, MS_BIND, 0));
	TELL(MOUNT("x", path, "tmpfs", 0, 0));
	put("d");
	TELL(MOUNT("d", path, 0, MS_MOVE, 0));
	int fd = OK(open("old", O_CREAT | O_RDWR, 0644));
	OK(unlink("old"));
	sprintf(path, "/proc/self/fd/%d", fd);
	TELL(MOUNT(path, "file", 0, MS_BIND, 0));
	TELL(MOUNT("file", path, 0, MS_BIND, 0));
	/* A mount that is not in the namespace any more. */
	int inside = OK(open("d", O_RDONLY | O_DIRECTORY));
	OK(umount2("d", MNT_DETACH));
	OK(fchdir(inside));
	TELL(MOUNT(".", "/tmp", 0, MS_BIND, 0));
	TELL(MOUNT("/tmp", ".", 0, MS_BIND, 0));
	TELL(MOUNT("x", ".", "tmpfs", 0, 0));
	TELL(MOUNT(".", "/tmp", 0, MS_MOVE, 0));
	TELL(MOUNT(0, ".", 0, MS_REMOUNT, 0));
	TELL(MOUNT(0, ".", 0, MS_REMOUNT | MS_BIND, 0));
	TELL(UMOUNT(".", 0));
	TELL(UMOUNT(".", MNT_DETACH));
	TELL(PIVOT(".", "."));
}

CASE(moves)
{
	own_namespace();
	OK(close(OK(open("d/file", O_CREAT | O_WRONLY, 0644))));
	TELL(MOUNT(0, "d", 0, MS_MOVE, 0));
	TELL(MOUNT("", "d", 0, MS_MOVE, 0));
	TELL(MOUNT("missing", "d", 0, MS_MOVE, 0));
	TELL(MOUNT("d", "e", 0, MS_MOVE, 0));
	TELL(MOUNT("/", "e", 0, MS_MOVE, 0));
	put("e");
	OK(mkdir("e/in", 0755));
	TELL(MOUNT("e", "file", 0, MS_MOVE, 0));
	TELL(MOUNT("e/in", "d", 0, MS_MOVE, 0));
	TELL(MOUNT("e", "e/in", 0, MS_MOVE, 0));
	TELL(MOUNT("e", "e", 0, MS_MOVE, 0));
	OK(mount("file", "file", 0, MS_BIND, 0));
	TELL(MOUNT("file", "d", 0, MS_MOVE, 0));
	TELL(MOUNT("file", "d/file", 0, MS_MOVE, 0));
	TELL(MOUNT("e", "d", "nosuchtype", MS_MOVE | MS_RDONLY | MS_NOEXEC, "nonsense"));
	options("flags of a move do not count", "d");
	TELL(MOUNT("d", "e", 0, MS_MOVE | MS_REC | MS_SILENT, 0));
}

CASE(kinds_of_propagation)
{
	own_namespace();
	TELL(MOUNT(0, "d", 0, MS_SHARED, 0));
	put("d");
	TELL(MOUNT(0, "d", 0, MS_SHARED | MS_PRIVATE, 0));
	TELL(MOUNT(0, "d", 0, MS_SHARED | MS_RDONLY, 0));
	TELL(MOUNT(0, "d", 0, MS_SHARED | MS_MOVE, 0));
	TELL(MOUNT(0, "d", 0, MS_SHARED | MS_NOATIME, 0));
	TELL(MOUNT(0, "d", 0, MS_SHARED | MS_SILENT, 0));
	TELL(MOUNT("x", "d", "nosuchtype", MS_PRIVATE | MS_REC | MS_SILENT, "nonsense"));
	TELL(MOUNT(8, "d", 0, MS_PRIVATE, 0));
	TELL(MOUNT(0, "d", 0, MS_PRIVATE, 8));
	TELL(MOUNT(0, "d", 0, MS_SLAVE, 0));
	TELL(MOUNT(0, "d", 0, MS_UNBINDABLE, 0));
	TELL(MOUNT(0, "file", 0, MS_PRIVATE, 0));
	int inside = OK(open("d", O_RDONLY | O_DIRECTORY));
	OK(umount2("d", MNT_DETACH));
	OK(fchdir(inside));
	TELL(MOUNT(0, ".", 0, MS_PRIVATE, 0));
	TELL(MOUNT(0, ".", 0, MS_SHARED, 0));
}

CASE(remounts)
{
	own_namespace();
	TELL(MOUNT(0, "d", 0, MS_REMOUNT, 0));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_BIND, 0));
	TELL(MOUNT(0, "file", 0, MS_REMOUNT, 0));
	put("d");
	TELL(MOUNT(0, "d", 0, MS_REMOUNT, "nonsense"));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT, "dirsync"));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT, "sync,ro"));
	options("flags as options", "d");
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_RDONLY | MS_SYNCHRONOUS, "rw,async"));
	options("flags against options", "d");
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_BIND, "nonsense"));
	TELL(MOUNT(8, "d", 0, MS_REMOUNT, 0));
	TELL(MOUNT("missing", "d", "nosuchtype", MS_REMOUNT, 0));
	const unsigned long each[] = {MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_SYNCHRONOUS, MS_MANDLOCK, MS_DIRSYNC, MS_NOSYMFOLLOW,
				      MS_NOATIME, MS_NODIRATIME, MS_RELATIME, MS_STRICTATIME, MS_LAZYTIME, MS_SILENT, MS_POSIXACL,
				      MS_I_VERSION, MS_NOATIME | MS_STRICTATIME, MS_SHARED, MS_MOVE, MS_REC, 0};
	for (int bind = 0; bind < 2; bind++)
		for (unsigned i = 0; i < sizeof each / sizeof *each; i++) {
			char what[64];
			errno = 0;
			long result = MOUNT("other", "d", 0, MS_REMOUNT | (bind ? MS_BIND : 0) | each[i], 0);
			snprintf(what, sizeof what, "%s %lx %s", bind ? "bind" : "all", each[i], result ? errno_name(errno) : "ok");
			options(what, "d");
		}
	/* What a remount does not name is the default again, but for access times. */
	OK(MOUNT(0, "d", 0, MS_REMOUNT | MS_NOEXEC | MS_NOATIME | MS_DIRSYNC, 0));
	OK(MOUNT(0, "d", 0, MS_REMOUNT | MS_NOSUID, 0));
	options("one after the other", "d");
	OK(MOUNT(0, "d", 0, MS_REMOUNT | MS_BIND | MS_NODIRATIME, 0));
	options("another access time", "d");
	/* Sizes of a tmpfs that is in use. */
	TELL(MOUNT(0, "d", 0, MS_REMOUNT, "size=64k"));
	int fd = OK(open("d/file", O_CREAT | O_WRONLY, 0644));
	static char bytes[32768];
	EQ(write(fd, bytes, sizeof bytes), sizeof bytes);
	TELL(MOUNT(0, "d", 0, MS_REMOUNT, "size=4k"));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT, "nr_inodes=1"));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT, "size=0"));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT, "uid=7,gid=8,mode=711"));
	options("in the end", "d");
	struct stat status;
	OK(stat("d", &status));
	OUT("%o %d %d", status.st_mode, status.st_uid, status.st_gid);
}

CASE(read_only_while_files_are_written)
{
	own_namespace();
	put("d");
	OK(mount("d", "e", 0, MS_BIND, 0));
	int fd = OK(open("d/file", O_CREAT | O_WRONLY, 0644));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0));
	TELL(MOUNT(0, "e", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_RDONLY, 0));
	TELL(MOUNT(0, "e", 0, MS_REMOUNT | MS_RDONLY, 0));
	options("as it was", "d");
	int copy = OK(dup(fd));
	OK(close(fd));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0));
	OK(ftruncate(copy, 4096));
	char *map = mmap(0, 4096, PROT_WRITE, MAP_SHARED, OK(open("d/file", O_RDWR)), 0);
	CHECK(map != MAP_FAILED);
	for (int number = 3; number < 64; number++)
		close(number);
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0));
	OK(munmap(map, 4096));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0));
	TELL(open("d/file", O_WRONLY));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_BIND, 0));
	/* Reading, paths only and devices do not count. */
	OK(open("d/file", O_RDONLY));
	OK(open("d/file", O_PATH));
	OK(mknod("d/null", S_IFCHR | 0666, 1 << 8 | 3));
	OK(mkfifo("d/fifo", 0666));
	OK(open("d/null", O_WRONLY));
	OK(open("d/fifo", O_RDWR));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_BIND, 0));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_RDONLY, 0));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT, 0));
	/* A file without a name is yet to be removed. */
	int removed = OK(open("d/removed", O_CREAT | O_RDONLY, 0644));
	OK(unlink("d/removed"));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_RDONLY, 0));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0));
	OK(close(removed));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_RDONLY, 0));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT, 0));
	int directory = OK(open("d", O_TMPFILE | O_RDWR, 0600));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_RDONLY, 0));
	OK(close(directory));
	TELL(MOUNT(0, "d", 0, MS_REMOUNT | MS_RDONLY, 0));
}

CASE(unmounts)
{
	own_namespace();
	TELL(UMOUNT("d", 0));
	TELL(UMOUNT("d", 16));
	TELL(UMOUNT("d", -1));
	TELL(UMOUNT(8, 16));
	TELL(UMOUNT(8, 0));
	TELL(UMOUNT("", 0));
	TELL(UMOUNT("missing", 0));
	TELL(UMOUNT("file", 0));
	TELL(UMOUNT("loop", 0));
	TELL(UMOUNT("loop", NO_FOLLOW));
	TELL(UMOUNT(name_of(4095), 0));
	TELL(UMOUNT(name_of(4096), 0));
	TELL(UMOUNT(name_of(255), 0));
	TELL(UMOUNT(name_of(256), 0));
	put("d");
	TELL(UMOUNT("link", NO_FOLLOW));
	TELL(UMOUNT("link/", NO_FOLLOW));
	put("d");
	TELL(UMOUNT("link", 0));
	put("d");
	OK(mkdir("d/in", 0755));
	put("d/in");
	TELL(UMOUNT("d", 0));
	TELL(UMOUNT("d", MNT_FORCE));
	int fd = OK(open("d/in", O_RDONLY));
	TELL(UMOUNT("d/in", 0));
	TELL(UMOUNT("d/in", MNT_FORCE));
	TELL(UMOUNT("d/in", EXPIRE));
	OK(close(fd));
	TELL(UMOUNT("d/in", EXPIRE | MNT_FORCE));
	TELL(UMOUNT("d/in", EXPIRE | MNT_DETACH));
	TELL(UMOUNT("d/in", EXPIRE | NO_FOLLOW));
	TELL(UMOUNT("d", EXPIRE));
	TELL(UMOUNT("d/in", EXPIRE));
	TELL(UMOUNT("d", MNT_FORCE | MNT_DETACH));
	put("d");
	OK(chdir("d"));
	TELL(UMOUNT(".", 0));
	TELL(UMOUNT(".", MNT_DETACH));
	TELL(UMOUNT(".", 0));
	TELL(UMOUNT("..", 0));
}

CASE(the_root_is_unmounted)
{
	own_namespace();
	put("d");
	OK(mkdir("d/inside", 0755));
	OK(chdir("d"));
	OK(chroot("."));
	TELL(UMOUNT("/", EXPIRE));
	TELL(UMOUNT("/inside", 0));
	int fd = OK(open("/file", O_CREAT | O_WRONLY, 0644));
	TELL(UMOUNT("/", 0));
	OK(close(fd));
	TELL(UMOUNT("/", 0));
	TELL(open("/other", O_CREAT | O_WRONLY, 0644));
	TELL(UMOUNT("/", 0));
	TELL(UMOUNT("/", MNT_FORCE));
	TELL(MOUNT(0, "/", 0, MS_REMOUNT, 0));
	TELL(open("/other", O_CREAT | O_RDONLY, 0644));
	TELL(UMOUNT("/", MNT_DETACH));
	TELL(UMOUNT("/", 0));
	TELL(MOUNT("x", "/inside", "tmpfs", 0, 0));
	TELL(access("/inside", F_OK));
}

CASE(the_bottom_is_unmounted)
{
	own_namespace();
	TELL(UMOUNT("/", EXPIRE));
	TELL(UMOUNT("/", MNT_DETACH));
	TELL(access("/proc/self", F_OK));
	TELL(access("/proc", F_OK));
	TELL(UMOUNT("/", MNT_DETACH));
	TELL(MOUNT("x", "/tmp", "tmpfs", 0, 0));
}

CASE(pivot_root_refuses)
{
	own_namespace();
	/* A root of its own to be turned, since the first one cannot be. */
	OK(mkdir("root", 0755));
	put("root");
	OK(chdir("root"));
	OK(chroot("."));
	OK(mkdir("new", 0755));
	OK(mkdir("plain", 0755));
	OK(mkdir("other", 0755));
	OK(close(OK(open("file", O_CREAT | O_WRONLY, 0644))));
	put("new");
	put("other");
	OK(mkdir("new/old", 0755));
	OK(mkdir("new/deep", 0755));
	TELL(PIVOT(8, "new/old"));
	TELL(PIVOT("new", 8));
	TELL(PIVOT("", "new/old"));
	TELL(PIVOT("missing", 8));
	TELL(PIVOT("new", "missing"));
	TELL(PIVOT("file", "new/old"));
	TELL(PIVOT("new", "file"));
	TELL(PIVOT("plain", "plain"));
	TELL(PIVOT("plain", "new/old"));
	TELL(PIVOT("new/old", "new/old"));
	TELL(PIVOT("new", "plain"));
	TELL(PIVOT("new", "other"));
	TELL(PIVOT("new", "/"));
	TELL(PIVOT("/", "/"));
	TELL(PIVOT("/", "new/old"));
	int fd = OK(open("new/deep", O_RDONLY | O_DIRECTORY));
	OK(rmdir("new/deep"));
	char path[64];
	put("plain");
	OK(mount("new/old", "plain", 0, MS_BIND, 0));
	int on = OK(open("plain", O_RDONLY | O_DIRECTORY));
	(void)fd;
	OK(mkdir("new/old/x", 0755));
	OK(rmdir("new/old/x"));
	OK(rmdir("new/old"));
	snprintf(path, sizeof path, "plain");
	TELL(PIVOT("plain", "plain"));
	OK(close(on));
	OK(umount2("plain", MNT_DETACH));
	OK(umount2("plain", MNT_DETACH));
	OK(mkdir("new/old", 0755));
	OK(mount(0, "/", 0, MS_SHARED, 0));
	TELL(PIVOT("new", "new/old"));
	OK(mount(0, "/", 0, MS_PRIVATE, 0));
	OK(mount(0, "new", 0, MS_SHARED, 0));
	TELL(PIVOT("new", "new/old"));
	OK(mount(0, "new", 0, MS_PRIVATE, 0));
	IN_CHILD({
		/* A root that is no mount. */
		OK(mkdir("/new/place", 0755));
		OK(mkdir("/new/place/sub", 0755));
		OK(mkdir("/new/place/sub/old", 0755));
		OK(mount("put", "/new/place/sub", "tmpfs", 0, 0));
		OK(mkdir("/new/place/sub/old", 0755));
		OK(chroot("/new/place"));
		OK(chdir("/"));
		TELL(PIVOT("sub", "sub/old"));
		OK(umount("sub"));
	});
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		TELL(PIVOT("new", "new/old"));
	});
	TELL(PIVOT("new", "new/old"));
	TELL(access("/old/plain", F_OK));
}
