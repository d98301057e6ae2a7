/* Files and names, on a tmpfs below /tmp. */
#include "bench.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FOLDER "/tmp/lstar-bench"
static char page[65536];
static int file = -1;

static int folder_prepare(void)
{
    mkdir(FOLDER, 0755);
    file = open(FOLDER "/file", O_RDWR | O_CREAT, 0644);
    return file < 0 || write(file, page, sizeof page) != sizeof page;
}
static void folder_finish(void)
{
    close(file);
    unlink(FOLDER "/file");
    rmdir(FOLDER);
}

/* Reads and writes where the last one ended; at the end of the file, from its begin on. */
static int in_turn(long count, size_t size, ssize_t (*work)(int, void *, size_t))
{
    for (size_t at = sizeof page; count > 0; count--, at += size) {
        if (at == sizeof page) {
            REQUIRE(lseek(file, 0, SEEK_SET) == 0);
            at = 0;
        }
        REQUIRE(work(file, page, size) == (ssize_t)size);
    }
    return 0;
}
static ssize_t write_page(int fd, void *from, size_t size) { return write(fd, from, size); }
static int read_1(long count) { return in_turn(count, 1, read); }
static int read_4k(long count) { return in_turn(count, 4096, read); }
static int write_1(long count) { return in_turn(count, 1, write_page); }
static int write_4k(long count) { return in_turn(count, 4096, write_page); }
static int pread_1(long count)
{
    while (count-- > 0)
        REQUIRE(pread(file, page, 1, 0) == 1);
    return 0;
}
static int pread_4k(long count)
{
    while (count-- > 0)
        REQUIRE(pread(file, page, 4096, 0) == 4096);
    return 0;
}
static int pwrite_4k(long count)
{
    while (count-- > 0)
        REQUIRE(pwrite(file, page, 4096, 0) == 4096);
    return 0;
}
static int fstat_run(long count)
{
    struct stat status;
    while (count-- > 0)
        REQUIRE(fstat(file, &status) == 0);
    return 0;
}
static int stat_run(long count)
{
    struct stat status;
    while (count-- > 0)
        REQUIRE(stat(FOLDER "/file", &status) == 0);
    return 0;
}
static int open_run(long count)
{
    while (count-- > 0) {
        int fd = open(FOLDER "/file", O_RDONLY);
        REQUIRE(fd >= 0 && close(fd) == 0);
    }
    return 0;
}

static char deep[200];
static int deep_prepare(void)
{
    strcpy(deep, "/tmp/lstar-deep");
    mkdir(deep, 0755);
    for (int i = 0; i < 10; i++) {
        strcat(deep, "/folder");
        if (mkdir(deep, 0755) != 0)
            return -1;
    }
    return 0;
}
static void deep_finish(void)
{
    for (int i = 0; i < 11; i++) {
        rmdir(deep);
        *strrchr(deep, '/') = 0;
    }
}
static int deep_run(long count)
{
    struct stat status;
    while (count-- > 0)
        REQUIRE(stat(deep, &status) == 0);
    return 0;
}

static int names_prepare(void)
{
    char name[64];
    mkdir("/tmp/lstar-names", 0755);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "/tmp/lstar-names/name-%d", i);
        int fd = open(name, O_CREAT | O_WRONLY, 0644);
        if (fd < 0)
            return -1;
        close(fd);
    }
    return 0;
}
static void names_finish(void)
{
    char name[64];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "/tmp/lstar-names/name-%d", i);
        unlink(name);
    }
    rmdir("/tmp/lstar-names");
}
static int names_run(long count)
{
    while (count-- > 0) {
        long got, total = 0;
        int fd = open("/tmp/lstar-names", O_RDONLY | O_DIRECTORY);
        REQUIRE(fd >= 0);
        while ((got = syscall(SYS_getdents64, fd, page, sizeof page)) > 0)
            total += got;
        close(fd);
        REQUIRE(got == 0 && total > 1000 * 24);
    }
    return 0;
}

static int create_run(long count)
{
    while (count-- > 0) {
        int fd = open(FOLDER "/new", O_CREAT | O_WRONLY, 0644);
        REQUIRE(fd >= 0 && close(fd) == 0 && unlink(FOLDER "/new") == 0);
    }
    return 0;
}
static int rename_run(long count)
{
    for (; count > 0; count--)
        REQUIRE(rename(FOLDER "/file", FOLDER "/other") == 0 && rename(FOLDER "/other", FOLDER "/file") == 0);
    return 0;
}

const struct row file_rows[] = {
    { "read-tmpfs-1", 5000, read_1, folder_prepare, folder_finish },
    { "read-tmpfs-4k", 2000, read_4k, folder_prepare, folder_finish },
    { "write-tmpfs-1", 5000, write_1, folder_prepare, folder_finish },
    { "write-tmpfs-4k", 2000, write_4k, folder_prepare, folder_finish },
    { "pread-tmpfs-1", 5000, pread_1, folder_prepare, folder_finish },
    { "pread-tmpfs-4k", 2000, pread_4k, folder_prepare, folder_finish },
    { "pwrite-tmpfs-4k", 2000, pwrite_4k, folder_prepare, folder_finish },
    { "fstat", 5000, fstat_run, folder_prepare, folder_finish },
    { "stat", 5000, stat_run, folder_prepare, folder_finish },
    { "open-close", 3000, open_run, folder_prepare, folder_finish },
    { "stat-deep-10", 2000, deep_run, deep_prepare, deep_finish },
    { "getdents-1000", 20, names_run, names_prepare, names_finish },
    { "create-unlink", 1000, create_run, folder_prepare, folder_finish },
    { "rename-2", 1000, rename_run, folder_prepare, folder_finish },
    { 0 },
};
