/*
 * The same work by one process or thread and by two at once, with -w: two CPUs should halve the time of an operation where the
 * work is independent, and help where it shares one file or one address space.
 */
#include "bench.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int shared = -1;

/* Calls, a file of its own, memory of its own. */
static int independent(long count)
{
    char name[64], byte[512] = { 0 };
    snprintf(name, sizeof name, "/tmp/lstar-scale-%d", getpid());
    int file = open(name, O_RDWR | O_CREAT, 0600);
    REQUIRE(file >= 0);
    for (; count > 0; count--) {
        REQUIRE(pwrite(file, byte, sizeof byte, 0) == sizeof byte && pread(file, byte, sizeof byte, 0) == sizeof byte);
        char *at = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        REQUIRE(at != MAP_FAILED);
        at[0] = at[8192] = 1;
        REQUIRE(munmap(at, 16384) == 0);
    }
    close(file);
    return unlink(name);
}
static int one_file(long count)
{
    char bytes[512] = { 0 };
    for (; count > 0; count--)
        REQUIRE(pread(shared, bytes, sizeof bytes, count % 8 * 512) == sizeof bytes);
    return 0;
}
static int one_space(long count)
{
    for (; count > 0; count--) {
        char *at = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        REQUIRE(at != MAP_FAILED);
        at[0] = at[8192] = 1;
        REQUIRE(munmap(at, 16384) == 0);
    }
    return 0;
}

static int file_prepare(void)
{
    static char page[4096];
    shared = open("/tmp/lstar-scale", O_RDWR | O_CREAT, 0600);
    return shared < 0 || write(shared, page, sizeof page) != sizeof page;
}
static void file_finish(void)
{
    close(shared);
    unlink("/tmp/lstar-scale");
}

/* Children share out the work, each a part. */
static int by_processes(int (*work)(long), long count, int parts)
{
    pid_t children[2];
    int status, failed = 0;
    for (int i = 0; i < parts; i++)
        if ((children[i] = fork()) == 0)
            _exit(work(count / parts) != 0);
    for (int i = 0; i < parts; i++)
        failed |= waitpid(children[i], &status, 0) != children[i] || status != 0;
    return failed;
}
static void *space_part(void *count) { return (void *)(long)one_space((long)count); }
static int by_threads(long count, int parts)
{
    pthread_t threads[2];
    void *result;
    int failed = 0;
    for (int i = 0; i < parts; i++)
        REQUIRE(pthread_create(&threads[i], NULL, space_part, (void *)(count / parts)) == 0);
    for (int i = 0; i < parts; i++)
        failed |= pthread_join(threads[i], &result) != 0 || result != NULL;
    return failed;
}
static int independent_1(long count) { return by_processes(independent, count, 1); }
static int independent_2(long count) { return by_processes(independent, count, 2); }
static int file_1(long count) { return by_processes(one_file, count, 1); }
static int file_2(long count) { return by_processes(one_file, count, 2); }
static int space_1(long count) { return by_threads(count, 1); }
static int space_2(long count) { return by_threads(count, 2); }

const struct row scale_rows[] = {
    { .name = "independent-by-1", .count = 4000, .run = independent_1, .wall_only = 1 },
    { .name = "independent-by-2", .count = 4000, .run = independent_2, .wall_only = 1 },
    { "shared-file-by-1", 20000, file_1, file_prepare, file_finish, .wall_only = 1 },
    { "shared-file-by-2", 20000, file_2, file_prepare, file_finish, .wall_only = 1 },
    { .name = "shared-space-by-1", .count = 4000, .run = space_1, .wall_only = 1 },
    { .name = "shared-space-by-2", .count = 4000, .run = space_2, .wall_only = 1 },
    { 0 },
};
