/* Names: mkdir, rmdir, link, symlink, readlink, unlink, rename, renameat2, getdents64, chdir, getcwd, chroot, mknod. */
#include "../check.h"
#include <dirent.h>
#include <sys/sysmacros.h>

static void make_file(const char *path)
{
	OK(close(OK(open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644))));
}

static ino_t inode(const char *path)
{
	struct stat status;
	OK(lstat(path, &status));
	return status.st_ino;
}

static int exists(const char *path)
{
	struct stat status;
	return lstat(path, &status) == 0;
}

CASE(mkdir_mode_and_errors)
{
	struct stat status;
	enter_scratch();
	umask(022);
	OK(mkdir("d", 01777));
	OK(stat("d", &status));
	OUT("mode %o", status.st_mode);
	ERR(mkdir("d", 0700), EEXIST);
	ERR(mkdir("missing/d", 0700), ENOENT);
	ERR(mkdir("", 0700), ENOENT);
	ERR(mkdir("/", 0700), EEXIST);
	make_file("f");
	ERR(mkdir("f", 0700), EEXIST);
	ERR(mkdir("f/d", 0700), ENOTDIR);
	OK(mkdir("trailing/", 0700));
	OK(symlink("nowhere", "dangling"));
	ERR(mkdir("dangling", 0700), EEXIST);
}

CASE(rmdir_errors)
{
	enter_scratch();
	OK(mkdir("d", 0700));
	make_file("d/f");
	ERR(rmdir("d"), ENOTEMPTY);
	ERR(rmdir("d/f"), ENOTDIR);
	ERR(rmdir("missing"), ENOENT);
	ERR(rmdir("d/."), EINVAL);
	ERR(rmdir("d/.."), ENOTEMPTY);
	ERR(rmdir("/"), EBUSY);
	ERR(rmdir("/proc"), EBUSY);
	OK(unlink("d/f"));
	OK(rmdir("d"));
}

/* A few names of which the oldest goes whenever one comes: what a directory keeps of its past stays small and right. */
CASE(names_come_and_go)
{
	char name[32];
	enter_scratch();
	for (int kept = 1; kept <= 12; kept++) {
		OK(mkdir("d", 0700));
		for (int number = 0; number < 200; number++) {
			snprintf(name, sizeof name, "d/%d", number);
			make_file(name);
			snprintf(name, sizeof name, "d/%d", number - kept);
			if (number >= kept)
				OK(unlink(name));
		}
		for (int number = 200 - kept - 2; number < 202; number++) {
			snprintf(name, sizeof name, "d/%d", number);
			EQ(exists(name), number >= 200 - kept && number < 200);
		}
		DIR *directory = opendir("d");
		int count = 0;
		while (readdir(directory))
			count++;
		EQ(closedir(directory), 0);
		EQ(count, kept + 2);
		for (int number = 200 - kept; number < 200; number++) {
			snprintf(name, sizeof name, "d/%d", number);
			OK(unlink(name));
		}
		OK(rmdir("d"));
	}
}

CASE(unlink_errors)
{
	enter_scratch();
	OK(mkdir("d", 0700));
	ERR(unlink("d"), EISDIR);
	ERR(unlink("missing"), ENOENT);
	ERR(unlink(""), ENOENT);
	make_file("f");
	ERR(unlink("f/"), ENOTDIR);
	ERR(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
	ERR(unlinkat(AT_FDCWD, "f", 1), EINVAL);
	OK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	OK(symlink("f", "l"));
	OK(unlink("l"));
	EQ(exists("f"), 1);
}

CASE(sticky_folder_protects_others_files)
{
	enter_scratch();
	OK(chmod(".", 01777));
	make_file("f");
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(unlink("f"), EPERM);
		ERR(rename("f", "g"), EPERM);
		make_file("own");
		OK(unlink("own"));
	});
}

CASE(folder_without_write_permission_protects)
{
	enter_scratch();
	OK(chmod(".", 0755));
	make_file("f");
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(unlink("f"), EACCES);
		ERR(mkdir("d", 0700), EACCES);
		ERR(open("new", O_CREAT | O_RDWR, 0600), EACCES);
		ERR(rename("f", "g"), EACCES);
		ERR(link("f", "g"), EPERM);
	});
}

CASE(hard_links_are_the_same_file)
{
	struct stat status;
	enter_scratch();
	make_file("f");
	OK(link("f", "g"));
	EQ(inode("f"), inode("g"));
	OK(stat("f", &status));
	EQ(status.st_nlink, 2);
	OK(unlink("f"));
	OK(stat("g", &status));
	EQ(status.st_nlink, 1);
}

CASE(link_errors)
{
	enter_scratch();
	make_file("f");
	OK(mkdir("d", 0700));
	ERR(link("f", "f"), EEXIST);
	ERR(link("missing", "g"), ENOENT);
	ERR(link("d", "e"), EPERM);
	ERR(link("f", "/dev/shm/x"), EXDEV);
	ERR(link("f", "missing/g"), ENOENT);
	ERR(linkat(AT_FDCWD, "f", AT_FDCWD, "g", 0x4000000), EINVAL);
	OK(symlink("f", "l"));
	OK(link("l", "m"));
	EQ(inode("l"), inode("m"));
	OK(linkat(AT_FDCWD, "l", AT_FDCWD, "n", AT_SYMLINK_FOLLOW));
	EQ(inode("n"), inode("f"));
}

CASE(symlink_and_readlink)
{
	char text[16] = "";
	static char long_target[4097];
	enter_scratch();
	OK(symlink("any/text", "l"));
	EQ(readlink("l", text, sizeof text), 8);
	STR_EQ(text, "any/text");
	EQ(readlink("l", text, 3), 3);
	ERR(readlink("l", text, 0), EINVAL);
	make_file("f");
	ERR(readlink("f", text, 16), EINVAL);
	ERR(readlink("missing", text, 16), ENOENT);
	ERR(symlink("x", "l"), EEXIST);
	ERR(symlink("", "e"), ENOENT);
	memset(long_target, 'a', 4095);
	OK(symlink(long_target, "long"));
	memset(long_target, 'a', 4096);
	ERR(symlink(long_target, "longer"), ENAMETOOLONG);
	ERR(syscall(SYS_readlink, "l", 16L, 8), EFAULT);
}

CASE(links_in_the_middle_are_followed)
{
	enter_scratch();
	OK(mkdir("d", 0700));
	make_file("d/f");
	OK(symlink("d", "l"));
	EQ(inode("l/f"), inode("d/f"));
	OK(symlink("../d", "d/up"));
	EQ(inode("d/up/up/up/f"), inode("d/f"));
	OK(symlink("/tmp", "abs"));
	EQ(inode("abs/."), inode("/tmp"));
}

CASE(rename_replaces_a_file)
{
	enter_scratch();
	make_file("a");
	make_file("b");
	ino_t a = inode("a");
	OK(rename("a", "b"));
	EQ(exists("a"), 0);
	EQ(inode("b"), a);
}

CASE(rename_of_folders)
{
	enter_scratch();
	OK(mkdir("d", 0700));
	OK(mkdir("e", 0700));
	make_file("d/f");
	OK(rename("d", "e"));
	EQ(exists("e/f"), 1);
	OK(mkdir("full", 0700));
	make_file("full/x");
	ERR(rename("e", "full"), ENOTEMPTY);
	ERR(rename("e", "e/sub"), EINVAL);
	make_file("f");
	ERR(rename("f", "e"), EISDIR);
	ERR(rename("e", "f"), ENOTDIR);
	ERR(rename("missing", "x"), ENOENT);
	ERR(rename("f", "missing/x"), ENOENT);
	ERR(rename("f", "/proc/x"), EXDEV);
	ERR(rename(".", "x"), EBUSY);
	ERR(rename("e/..", "x"), EBUSY);
}

CASE(rename_moves_dot_dot)
{
	struct stat a, b;
	enter_scratch();
	OK(mkdir("a", 0700));
	OK(mkdir("b", 0700));
	OK(mkdir("a/d", 0700));
	OK(rename("a/d", "b/d"));
	OK(stat("b/d/..", &a));
	OK(stat("b", &b));
	EQ(a.st_ino, b.st_ino);
	EQ(b.st_nlink, 3);
	OK(stat("a", &a));
	EQ(a.st_nlink, 2);
}

CASE(rename_of_two_links_to_one_file_does_nothing)
{
	enter_scratch();
	make_file("a");
	OK(link("a", "b"));
	OK(rename("a", "b"));
	EQ(exists("a"), 1);
	EQ(exists("b"), 1);
}

CASE(renameat2_flags)
{
	enter_scratch();
	make_file("a");
	OK(mkdir("b", 0700));
	ino_t a = inode("a"), b = inode("b");
	ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
	OK(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE));
	EQ(inode("a"), b);
	EQ(inode("b"), a);
	ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_EXCHANGE), ENOENT);
	ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
	ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", 8), EINVAL);
	OK(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

CASE(getdents_lists_every_entry_once)
{
	char *names[400], name[16];
	int count = 0;
	enter_scratch();
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "file%03d", i);
		make_file(name);
	}
	OK(mkdir("folder", 0700));
	OK(symlink("x", "link"));
	DIR *folder = opendir(".");
	CHECK(folder != 0);
	for (struct dirent *entry; (entry = readdir(folder));) {
		names[count++] = strdup(entry->d_name);
		struct stat status;
		OK(lstat(entry->d_name, &status));
		EQ(entry->d_type, IFTODT(status.st_mode));
		if (strcmp(entry->d_name, "..") != 0)
			EQ(entry->d_ino, status.st_ino);
	}
	EQ(count, 304);
	qsort(names, count, sizeof *names, compare_names);
	OUT("%s %s %s ... %s %s %s", names[0], names[1], names[2], names[301], names[302], names[303]);
	rewinddir(folder);
	int again = 0;
	while (readdir(folder))
		again++;
	EQ(again, 304);
}

CASE(getdents_while_entries_are_removed)
{
	char name[16];
	int seen = 0;
	enter_scratch();
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "f%d", i);
		make_file(name);
	}
	DIR *folder = opendir(".");
	for (struct dirent *entry; (entry = readdir(folder));)
		if (entry->d_name[0] == 'f') {
			OK(unlink(entry->d_name));
			seen++;
		}
	EQ(seen, 200);
	OK(chdir("/tmp"));
}

CASE(getdents_errors)
{
	char small[16], entry[64];
	enter_scratch();
	make_file("f");
	int folder = OK(open(".", O_RDONLY));
	ERR(syscall(SYS_getdents64, folder, small, sizeof small), EINVAL);
	ERR(syscall(SYS_getdents64, OK(open("f", O_RDONLY)), entry, sizeof entry), ENOTDIR);
	ERR(syscall(SYS_getdents64, 99, entry, sizeof entry), EBADF);
	ERR(syscall(SYS_getdents64, folder, 16L, 4096), EFAULT);
}

CASE(getdents_in_a_removed_folder_is_ENOENT)
{
	char entry[1024];
	enter_scratch();
	OK(mkdir("d", 0700));
	int folder = OK(open("d", O_RDONLY));
	OK(rmdir("d"));
	ERR(syscall(SYS_getdents64, folder, entry, sizeof entry), ENOENT);
}

CASE(chdir_and_getcwd)
{
	char path[256];
	enter_scratch();
	OK(mkdir("d", 0700));
	OK(chdir("d"));
	CHECK(getcwd(path, sizeof path));
	STR_EQ(strrchr(path, '/'), "/d");
	OK(chdir(".."));
	int folder = OK(open("d", O_RDONLY));
	OK(fchdir(folder));
	CHECK(getcwd(path, sizeof path));
	STR_EQ(strrchr(path, '/'), "/d");
	ERR(syscall(SYS_getcwd, path, 3), ERANGE);
	ERR(syscall(SYS_getcwd, 16L, 100), EFAULT);
	make_file("f");
	ERR(chdir("f"), ENOTDIR);
	ERR(chdir("missing"), ENOENT);
	ERR(fchdir(OK(open("f", O_RDONLY))), ENOTDIR);
	ERR(fchdir(99), EBADF);
	EQ(syscall(SYS_getcwd, path, sizeof path), strlen(path) + 1);
}

CASE(getcwd_of_a_removed_folder)
{
	char path[256];
	enter_scratch();
	OK(mkdir("d", 0700));
	OK(chdir("d"));
	OK(rmdir("../d"));
	ERR(syscall(SYS_getcwd, path, sizeof path), ENOENT);
	ERR(open("f", O_CREAT | O_RDWR, 0600), ENOENT);
	OK(chdir(".."));
}

CASE(getcwd_follows_a_rename)
{
	char path[256];
	enter_scratch();
	OK(mkdir("d", 0700));
	OK(chdir("d"));
	OK(rename("../d", "../renamed"));
	CHECK(getcwd(path, sizeof path));
	STR_EQ(strrchr(path, '/'), "/renamed");
}

CASE(chroot_confines)
{
	char path[256];
	enter_scratch();
	OK(mkdir("jail", 0755));
	make_file("jail/inside");
	IN_CHILD({
		OK(chroot("jail"));
		OK(chdir("/"));
		EQ(exists("/inside"), 1);
		EQ(exists("/../../inside"), 1);
		EQ(exists("/proc"), 0);
		CHECK(getcwd(path, sizeof path));
		STR_EQ(path, "/");
	});
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		ERR(chroot("jail"), EPERM);
	});
	ERR(chroot("missing"), ENOENT);
	ERR(chroot("jail/inside"), ENOTDIR);
}

CASE(mknod_makes_nodes)
{
	struct stat status;
	char byte;
	enter_scratch();
	OK(mknod("f", S_IFREG | 0600, 0));
	OK(mknod("p", S_IFIFO | 0600, 0));
	OK(mknod("zero", S_IFCHR | 0600, makedev(1, 5)));
	OK(stat("zero", &status));
	EQ(status.st_rdev, makedev(1, 5));
	ERR(mknod("f", S_IFREG | 0600, 0), EEXIST);
	ERR(mknod("d", S_IFDIR | 0600, 0), EPERM);
	ERR(mknod("x", 0170000, 0), EINVAL);
	NOTE("a node of /tmp may be without devices: %d", open("zero", O_RDONLY) >= 0 && read(3, &byte, 1) == 1);
	IN_CHILD({
		OK(setresuid(1000, 1000, 1000));
		OK(mknod("q", S_IFIFO | 0600, 0));
		ERR(mknod("null", S_IFCHR | 0600, makedev(1, 3)), EPERM);
	});
}

CASE(names_are_bytes)
{
	enter_scratch();
	make_file("sp ace");
	make_file("\xff\xfe");
	make_file("new\nline");
	EQ(exists("sp ace"), 1);
	EQ(exists("\xff\xfe"), 1);
	EQ(exists("new\nline"), 1);
	EQ(exists("SP ACE"), 0);
}
