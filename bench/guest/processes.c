/* Birth and end of processes and threads. */
#include "bench.h"
#include <pthread.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char *const nothing[] = { "true", NULL };
static const char *program;

static int find_program(void)
{
    static const char *const places[] = { "/bin/busybox", "/usr/bin/busybox", NULL };
    for (int i = 0; places[i]; i++)
        if (access(places[i], X_OK) == 0)
            program = places[i];
    return program == NULL;
}
static int ended_well(pid_t child)
{
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int fork_run(long count)
{
    while (count-- > 0) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        REQUIRE(ended_well(child));
    }
    return 0;
}
static int vfork_run(long count)
{
    while (count-- > 0) {
        pid_t child = vfork();
        if (child == 0)
            _exit(0);
        REQUIRE(ended_well(child));
    }
    return 0;
}
/* A program with an interpreter and the C library: only where /usr/bin/true is one, as in Debian. */
static int find_dynamic(void) { return access(program = "/usr/bin/true", X_OK); }
static int exec_run(long count)
{
    while (count-- > 0) {
        pid_t child = vfork();
        if (child == 0) {
            execve(program, nothing, environ);
            _exit(127);
        }
        REQUIRE(ended_well(child));
    }
    return 0;
}
static int spawn_run(long count)
{
    while (count-- > 0) {
        pid_t child;
        REQUIRE(posix_spawn(&child, program, NULL, NULL, nothing, environ) == 0 && ended_well(child));
    }
    return 0;
}
static int shell_run(long count)
{
    static char *const words[] = { "sh", "-c", "true", NULL };
    while (count-- > 0) {
        pid_t child;
        REQUIRE(posix_spawn(&child, program, NULL, NULL, words, environ) == 0 && ended_well(child));
    }
    return 0;
}

static void *no_work(void *value) { return value; }
static int thread_run(long count)
{
    while (count-- > 0) {
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, no_work, NULL) == 0 && pthread_join(thread, NULL) == 0);
    }
    return 0;
}

static char *ballast;
static size_t ballast_size;
static int ballast_prepare(size_t mebibytes)
{
    ballast_size = mebibytes << 20;
    ballast = mmap(NULL, ballast_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ballast == MAP_FAILED)
        return -1;
    for (size_t i = 0; i < ballast_size; i += 4096)
        ballast[i] = 1;
    return 0;
}
static int ballast_1(void) { return ballast_prepare(1); }
static int ballast_64(void) { return ballast_prepare(64); }
static int ballast_256(void) { return ballast_prepare(256); }
static void ballast_finish(void) { munmap(ballast, ballast_size); }

const struct row process_rows[] = {
    { "fork-exit-wait", 200, fork_run, NULL, NULL },
    { "vfork-exit-wait", 200, vfork_run, NULL, NULL },
    { "vfork-exec-wait", 100, exec_run, find_program, NULL },
    { "exec-dynamic-wait", 50, exec_run, find_dynamic, NULL },
    { "posix-spawn", 100, spawn_run, find_program, NULL },
    { "shell-true", 50, shell_run, find_program, NULL },
    { "thread-create-join", 300, thread_run, NULL, NULL },
    { "fork-1-mib", 100, fork_run, ballast_1, ballast_finish },
    { "fork-64-mib", 10, fork_run, ballast_64, ballast_finish },
    { "fork-256-mib", 5, fork_run, ballast_256, ballast_finish },
    { 0 },
};
