/* Mappings and page faults. */
#include "bench.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAP(size, protection) mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
static char *area;
static int file = -1;

static int map_run(long count)
{
    while (count-- > 0) {
        void *at = MAP(65536, PROT_READ | PROT_WRITE);
        REQUIRE(at != MAP_FAILED && munmap(at, 65536) == 0);
    }
    return 0;
}
static int touch_run(long count)
{
    while (count-- > 0) {
        char *at = MAP(65536, PROT_READ | PROT_WRITE);
        REQUIRE(at != MAP_FAILED);
        for (int i = 0; i < 65536; i += 4096)
            at[i] = 1;
        REQUIRE(munmap(at, 65536) == 0);
    }
    return 0;
}
static int protect_prepare(void)
{
    area = MAP(65536, PROT_READ | PROT_WRITE);
    if (area == MAP_FAILED)
        return -1;
    for (int i = 0; i < 65536; i += 4096)
        area[i] = 1;
    return 0;
}
static void area_finish(void) { munmap(area, 65536); }
static int protect_run(long count)
{
    for (; count > 0; count--)
        REQUIRE(mprotect(area, 65536, PROT_READ) == 0 && mprotect(area, 65536, PROT_READ | PROT_WRITE) == 0);
    return 0;
}

/* One operation is one fault: 512 pages are touched anew in each round. */
static int anonymous_run(long count)
{
    for (; count > 0; count -= 512) {
        char *at = MAP(512 * 4096, PROT_READ | PROT_WRITE);
        REQUIRE(at != MAP_FAILED);
        madvise(at, 512 * 4096, MADV_NOHUGEPAGE);
        for (int i = 0; i < 512; i++)
            at[i * 4096] = 1;
        REQUIRE(munmap(at, 512 * 4096) == 0);
    }
    return 0;
}
static int file_prepare(void)
{
    static char page[4096];
    file = open("/tmp/lstar-bench-map", O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < 512; i++)
        if (write(file, page, sizeof page) != sizeof page)
            return -1;
    return file < 0;
}
static void file_finish(void)
{
    close(file);
    unlink("/tmp/lstar-bench-map");
}
static int file_run(long count)
{
    volatile char sum = 0;
    for (; count > 0; count -= 512) {
        char *at = mmap(NULL, 512 * 4096, PROT_READ, MAP_SHARED, file, 0);
        REQUIRE(at != MAP_FAILED);
        for (int i = 0; i < 512; i++)
            sum += at[i * 4096];
        REQUIRE(munmap(at, 512 * 4096) == 0);
    }
    return 0;
}
static int copy_run(long count)
{
    for (; count > 0; count -= 512) {
        char *at = mmap(NULL, 512 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
        REQUIRE(at != MAP_FAILED);
        for (int i = 0; i < 512; i++)
            at[i * 4096] = 1;
        REQUIRE(munmap(at, 512 * 4096) == 0);
    }
    return 0;
}

const struct row memory_rows[] = {
    { "mmap-munmap-64k", 1000, map_run, NULL, NULL },
    { "mmap-touch-munmap-64k", 200, touch_run, NULL, NULL },
    { "mprotect-64k-2", 1000, protect_run, protect_prepare, area_finish },
    { "fault-anonymous", 2048, anonymous_run, NULL, NULL },
    { "fault-file", 2048, file_run, file_prepare, file_finish },
    { "fault-copy-on-write", 2048, copy_run, file_prepare, file_finish },
    { 0 },
};
