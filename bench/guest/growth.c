/* Growth: the same operation among 10, 1,000, 10,000 and 100,000 others. Its cost should stay flat, or grow by a logarithm. */
#include "bench.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Writes a limit of the kernel's; where there is none, none is in the way. */
static void set_limit(const char *path, const char *value)
{
    int file = open(path, O_WRONLY);
    if (file >= 0) {
        (void)!write(file, value, strlen(value));
        close(file);
    }
}

/* Descriptors: one more is made and closed. */
static int open_count;
static int descriptors_prepare(int count)
{
    struct rlimit limit = { 200000, 200000 };
    setrlimit(RLIMIT_NOFILE, &limit);
    for (open_count = 0; open_count < count; open_count++)
        if (fcntl(0, F_DUPFD, 100) < 0)
            return -1;
    return 0;
}
static void descriptors_finish(void)
{
    for (int i = 0; i < open_count; i++)
        close(100 + i);
}
static int descriptors_run(long count)
{
    while (count-- > 0) {
        int fd = fcntl(0, F_DUPFD, 100);
        REQUIRE(fd >= 0 && close(fd) == 0);
    }
    return 0;
}
static int descriptors_10(void) { return descriptors_prepare(10); }
static int descriptors_1000(void) { return descriptors_prepare(1000); }
static int descriptors_10000(void) { return descriptors_prepare(10000); }
static int descriptors_100000(void) { return descriptors_prepare(100000); }

/* Areas of memory: one in the middle of many is made anew. */
static char *areas;
static long area_count;
static int areas_prepare(long count)
{
    area_count = count;
    /* Linux allows 65,530 areas unless told otherwise. */
    set_limit("/proc/sys/vm/max_map_count", "1000000\n");
    areas = mmap(NULL, count * 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (areas == MAP_FAILED)
        return -1;
    for (long i = 0; i < count; i++)
        if (mprotect(areas + i * 8192, 4096, PROT_READ) != 0)
            return -1;
    return 0;
}
static void areas_finish(void) { munmap(areas, area_count * 8192); }
static int areas_run(long count)
{
    char *middle = areas + area_count / 2 * 8192;
    for (; count > 0; count--) {
        REQUIRE(munmap(middle, 4096) == 0);
        REQUIRE(mmap(middle, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == middle);
    }
    return 0;
}
static int areas_10(void) { return areas_prepare(10); }
static int areas_1000(void) { return areas_prepare(1000); }
static int areas_10000(void) { return areas_prepare(10000); }
static int areas_100000(void) { return areas_prepare(100000); }

/* Names in a folder: one is made and removed. */
static int name_count;
static char *name_of(int index)
{
    static char name[64];
    snprintf(name, sizeof name, "/tmp/lstar-growth/name-%d", index);
    return name;
}
static int names_prepare(int count)
{
    mkdir("/tmp/lstar-growth", 0755);
    for (name_count = 0; name_count < count; name_count++) {
        int fd = open(name_of(name_count), O_CREAT | O_WRONLY, 0644);
        if (fd < 0)
            return -1;
        close(fd);
    }
    return 0;
}
static void names_finish(void)
{
    while (name_count-- > 0)
        unlink(name_of(name_count));
    rmdir("/tmp/lstar-growth");
}
/* Names by turns: where one falls in the kernel's tables, whose keys are random, is its luck. */
static int names_run(long count)
{
    char name[] = "/tmp/lstar-growth/new00";
    while (count-- > 0) {
        name[sizeof name - 3] = '0' + count / 10 % 10;
        name[sizeof name - 2] = '0' + count % 10;
        int fd = open(name, O_CREAT | O_WRONLY, 0644);
        REQUIRE(fd >= 0 && close(fd) == 0 && unlink(name) == 0);
    }
    return 0;
}
static int names_10(void) { return names_prepare(10); }
static int names_1000(void) { return names_prepare(1000); }
static int names_10000(void) { return names_prepare(10000); }
/* More names than a file system takes that is as large as memory allows. */
static int names_100000(void)
{
    mkdir("/tmp/lstar-growth", 0755);
    if (mount("none", "/tmp/lstar-growth", "tmpfs", 0, "nr_inodes=300000") != 0)
        return -1;
    return names_prepare(100000);
}
static void names_100000_finish(void)
{
    umount2("/tmp/lstar-growth", MNT_DETACH);
    rmdir("/tmp/lstar-growth");
}

/* A timer is made, armed and deleted. */
static int timer_run(long count)
{
    struct sigevent event = { .sigev_notify = SIGEV_NONE };
    struct itimerspec far = { .it_value = { 105000, 1 } };
    timer_t timer;
    while (count-- > 0)
        REQUIRE(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &far, NULL) == 0 && timer_delete(timer) == 0);
    return 0;
}

/* Timers: one is armed and disarmed. */
static timer_t timers[100001];
static int timer_count;
static int timers_prepare(int count)
{
    struct rlimit limit = { 200000, 200000 };
    setrlimit(RLIMIT_SIGPENDING, &limit);
    struct sigevent event = { .sigev_notify = SIGEV_NONE };
    for (timer_count = 0; timer_count <= count; timer_count++) {
        if (timer_create(CLOCK_MONOTONIC, &event, &timers[timer_count]) != 0)
            return -1;
        struct itimerspec far = { .it_value = { 100000 + timer_count * 7919 % 10007, 0 } };
        if (timer_settime(timers[timer_count], 0, &far, NULL) != 0)
            return -1;
    }
    return 0;
}
static void timers_finish(void)
{
    while (timer_count-- > 0)
        timer_delete(timers[timer_count]);
}
static int timers_run(long count)
{
    struct itimerspec far = { .it_value = { 105000, 1 } }, never = { 0 };
    while (count-- > 0)
        REQUIRE(timer_settime(timers[0], 0, &far, NULL) == 0 && timer_settime(timers[0], 0, &never, NULL) == 0);
    return 0;
}
static int timers_10(void) { return timers_prepare(10); }
static int timers_1000(void) { return timers_prepare(1000); }
static int timers_10000(void) { return timers_prepare(10000); }
static int timers_100000(void) { return timers_prepare(100000); }

/*
 * Processes: one is made and waited for while others sleep. The sleepers share the address space and touch no memory, so that a
 * machine of 8 GiB carries 100,000.
 */
static pid_t sleepers[100000];
static int sleeper_count;
static pid_t make_sleeper(void)
{
    long result = SYS_clone;
    register long child_id __asm__("r10") = 0;
    register long thread_area __asm__("r8") = 0;
    __asm__ volatile("syscall\n\t"
                     "test %%eax, %%eax\n\t"
                     "jnz 2f\n"
                     "1:\tmov %[pause], %%eax\n\t"
                     "syscall\n\t"
                     "jmp 1b\n"
                     "2:"
                     : "+a"(result)
                     : "D"((long)(CLONE_VM | SIGCHLD)), "S"(0l), "d"(0l), "r"(child_id), "r"(thread_area), [pause] "i"(SYS_pause)
                     : "rcx", "r11", "memory");
    if (result < 0)
        errno = -result;
    return result;
}
static int processes_prepare(int count)
{
    struct rlimit limit = { 200000, 200000 };
    setrlimit(RLIMIT_NPROC, &limit);
    set_limit("/proc/sys/kernel/pid_max", "200000");
    set_limit("/proc/sys/kernel/threads-max", "200000");
    for (sleeper_count = 0; sleeper_count < count; sleeper_count++) {
        pid_t child = make_sleeper();
        if (child < 0)
            return -1;
        sleepers[sleeper_count] = child;
    }
    return 0;
}
static void processes_finish(void)
{
    while (sleeper_count-- > 0) {
        kill(sleepers[sleeper_count], SIGKILL);
        waitpid(sleepers[sleeper_count], NULL, 0);
    }
}
static int processes_run(long count)
{
    while (count-- > 0) {
        int status;
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        REQUIRE(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    }
    return 0;
}
static int processes_10(void) { return processes_prepare(10); }
static int processes_1000(void) { return processes_prepare(1000); }
static int processes_10000(void) { return processes_prepare(10000); }
static int processes_100000(void) { return processes_prepare(100000); }

const struct row growth_rows[] = {
    { "dup-among-10", 2000, descriptors_run, descriptors_10, descriptors_finish },
    { "dup-among-1000", 2000, descriptors_run, descriptors_1000, descriptors_finish },
    { "dup-among-10000", 2000, descriptors_run, descriptors_10000, descriptors_finish },
    { "dup-among-100000", 2000, descriptors_run, descriptors_100000, descriptors_finish },
    { "remap-among-10", 500, areas_run, areas_10, areas_finish },
    { "remap-among-1000", 500, areas_run, areas_1000, areas_finish },
    { "remap-among-10000", 500, areas_run, areas_10000, areas_finish },
    { "remap-among-100000", 500, areas_run, areas_100000, areas_finish },
    { "create-among-10", 500, names_run, names_10, names_finish },
    { "create-among-1000", 500, names_run, names_1000, names_finish },
    { "create-among-10000", 500, names_run, names_10000, names_finish },
    { "create-among-100000", 500, names_run, names_100000, names_100000_finish },
    { "timer-create-delete", 1000, timer_run, NULL, NULL },
    { "timer-among-10", 1000, timers_run, timers_10, timers_finish },
    { "timer-among-1000", 1000, timers_run, timers_1000, timers_finish },
    { "timer-among-10000", 1000, timers_run, timers_10000, timers_finish },
    { "timer-among-100000", 1000, timers_run, timers_100000, timers_finish },
    { "fork-among-10", 100, processes_run, processes_10, processes_finish },
    { "fork-among-1000", 100, processes_run, processes_1000, processes_finish },
    { "fork-among-10000", 100, processes_run, processes_10000, processes_finish },
    { "fork-among-100000", 100, processes_run, processes_100000, processes_finish },
    { 0 },
};
