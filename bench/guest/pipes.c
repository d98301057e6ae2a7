/* Pipes, context switches, futexes. */
#include "bench.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char bytes[65536];
static int own[2];

static int own_prepare(void) { return pipe(own); }
static void own_finish(void) { close(own[0]); close(own[1]); }
static int move(long count, long size)
{
    while (count-- > 0)
        REQUIRE(write(own[1], bytes, size) == size && read(own[0], bytes, size) == size);
    return 0;
}
static int pipe_1(long count) { return move(count, 1); }
static int pipe_4k(long count) { return move(count, 4096); }
static int pipe_64k(long count) { return move(count, 65536); }

/* A ring of processes passes one byte round; each operation is one hop. */
static int ring[33][2], members;
static pid_t children[32];
static int ring_prepare(int count)
{
    members = count;
    for (int i = 0; i < count; i++)
        if (pipe(ring[i]) != 0)
            return -1;
    for (int i = 1; i < count; i++) {
        if ((children[i] = fork()) == 0) {
            char byte;
            close(ring[0][1]);
            while (read(ring[i - 1][0], &byte, 1) == 1 && write(ring[i][1], &byte, 1) == 1)
                ;
            _exit(0);
        }
        if (children[i] < 0)
            return -1;
    }
    return 0;
}
static void ring_finish(void)
{
    for (int i = 1; i < members; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    for (int i = 0; i < members; i++) {
        close(ring[i][0]);
        close(ring[i][1]);
    }
}
static int ring_run(long count)
{
    char byte = 0;
    for (; count > 0; count -= members)
        REQUIRE(write(ring[0][1], &byte, 1) == 1 && read(ring[members - 1][0], &byte, 1) == 1);
    return 0;
}
static int ring_2(void) { return ring_prepare(2); }
static int ring_8(void) { return ring_prepare(8); }
static int ring_32(void) { return ring_prepare(32); }

static int word;
static volatile int stop;
static pthread_t partner;
static void futex_wait(int value) { syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, NULL); }
static void futex_wake(void) { syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1); }
static void *answer(void *unused)
{
    for (;;) {
        while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) == 0)
            futex_wait(0);
        if (stop)
            return unused;
        __atomic_store_n(&word, 0, __ATOMIC_RELEASE);
        futex_wake();
    }
}
static int futex_prepare(void) { stop = word = 0; return pthread_create(&partner, NULL, answer, NULL); }
static void futex_finish(void)
{
    stop = 1;
    __atomic_store_n(&word, 1, __ATOMIC_RELEASE);
    futex_wake();
    pthread_join(partner, NULL);
}
static int futex_run(long count)
{
    while (count-- > 0) {
        __atomic_store_n(&word, 1, __ATOMIC_RELEASE);
        futex_wake();
        while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) == 1)
            futex_wait(1);
    }
    return 0;
}

static int yield_run(long count)
{
    while (count-- > 0)
        sched_yield();
    return 0;
}

const struct row pipe_rows[] = {
    { "pipe-1", 3000, pipe_1, own_prepare, own_finish },
    { "pipe-4k", 1000, pipe_4k, own_prepare, own_finish },
    { "pipe-64k", 100, pipe_64k, own_prepare, own_finish },
    { "switch-2", 1000, ring_run, ring_2, ring_finish },
    { "switch-8", 1600, ring_run, ring_8, ring_finish },
    { "switch-32", 3200, ring_run, ring_32, ring_finish },
    { "futex-ping-pong", 1000, futex_run, futex_prepare, futex_finish },
    { "sched-yield", 5000, yield_run, NULL, NULL },
    { 0 },
};
