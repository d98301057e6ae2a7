/*
 * Memory of the kernel's per process, thread, open file and area, in bytes: what is missing of the free memory when many have
 * been made, less what is the processes' own (anonymous pages, page tables). And how late a sleeper wakes, in nanoseconds.
 */
#include "bench.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A line of /proc/meminfo in bytes, 0 if there is none. */
static double line(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtod(at + strlen(name), NULL) * 1024 : 0;
}
static double kernel_memory(void)
{
    static char text[8192];
    /* What was given up before may be freed a little later. */
    sleep(1);
    int file = open("/proc/meminfo", O_RDONLY);
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0)
        return -1;
    text[length] = 0;
    return -line(text, "MemFree:") - line(text, "\nPageTables:") - line(text, "\nAnonPages:");
}

#define PROCESSES 400
static double per_process(void)
{
    pid_t made[PROCESSES];
    double before = kernel_memory();
    for (int i = 0; i < PROCESSES; i++) {
        if ((made[i] = fork()) == 0) {
            pause();
            _exit(0);
        }
        if (made[i] < 0)
            return -1;
    }
    double after = kernel_memory();
    for (int i = 0; i < PROCESSES; i++) {
        kill(made[i], SIGKILL);
        waitpid(made[i], NULL, 0);
    }
    return (after - before) / PROCESSES;
}

#define THREADS 400
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static void *wait_for_gate(void *unused)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return unused;
}
static double per_thread(void)
{
    pthread_t made[THREADS];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    pthread_mutex_lock(&gate);
    double before = kernel_memory();
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&made[i], &attributes, wait_for_gate, NULL) != 0)
            return -1;
    double after = kernel_memory();
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < THREADS; i++)
        pthread_join(made[i], NULL);
    return (after - before) / THREADS;
}

#define FILES 100000
static double per_file(void)
{
    struct rlimit limit = { 2 * FILES, 2 * FILES };
    setrlimit(RLIMIT_NOFILE, &limit);
    double before = kernel_memory();
    int first = open("/dev/null", O_RDONLY), last = first;
    for (int i = 1; i < FILES && last >= 0; i++)
        last = open("/dev/null", O_RDONLY);
    if (last < 0)
        return -1;
    double after = kernel_memory();
    for (int i = first; i <= last; i++)
        close(i);
    return (after - before) / FILES;
}

#define AREAS 60000
static double per_area(void)
{
    double before = kernel_memory();
    char *at = mmap(NULL, AREAS * 4096l, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return -1;
    for (long i = 0; i < AREAS; i += 2)
        if (mprotect(at + i * 4096, 4096, PROT_READ) != 0)
            return -1;
    double after = kernel_memory();
    munmap(at, AREAS * 4096l);
    return (after - before) / AREAS;
}

static double lateness(void)
{
    enum { TURNS = 50 };
    struct timespec before, after, pause = { 0, 1000000 };
    double sum = 0;
    for (int i = 0; i < TURNS; i++) {
        clock_gettime(CLOCK_MONOTONIC, &before);
        if (nanosleep(&pause, NULL) != 0)
            return -1;
        clock_gettime(CLOCK_MONOTONIC, &after);
        sum += (after.tv_sec - before.tv_sec) * 1e9 + (after.tv_nsec - before.tv_nsec) - 1e6;
    }
    return sum / TURNS;
}

const struct row size_rows[] = {
    { .name = "bytes-per-process", .value = per_process },
    { .name = "bytes-per-thread", .value = per_thread },
    { .name = "bytes-per-open-file", .value = per_file },
    { .name = "bytes-per-area", .value = per_area },
    { .name = "sleep-1ms-late-ns", .value = lateness },
    { 0 },
};
