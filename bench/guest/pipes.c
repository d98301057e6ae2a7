/* Pipes, sockets, context switches, futexes. */
#include "bench.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char bytes[65536];
static int own[2];

static int own_prepare(void) { return pipe(own); }
static int stream_prepare(void) { return socketpair(AF_UNIX, SOCK_STREAM, 0, own); }
static int datagram_prepare(void) { return socketpair(AF_UNIX, SOCK_DGRAM, 0, own); }
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

/* Another process sends back what it gets (an operation is there and back), or only sends. */
static int there[2], back[2];
static pid_t other;
static long piece;
static int whole(ssize_t (*work)(int, void *, size_t), int fd)
{
    for (long done = 0, got; done < piece; done += got)
        if ((got = work(fd, bytes + done, piece - done)) <= 0)
            return -1;
    return 0;
}
static ssize_t send_part(int fd, void *from, size_t size) { return write(fd, from, size); }
static int other_prepare(long size, int echoes)
{
    piece = size;
    if (pipe(there) != 0 || pipe(back) != 0 || (other = fork()) < 0)
        return -1;
    if (other == 0) {
        close(there[1]);
        while ((!echoes || whole(read, there[0]) == 0) && whole(send_part, back[1]) == 0)
            ;
        _exit(0);
    }
    return 0;
}
static void other_finish(void)
{
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    for (int i = 0; i < 2; i++) {
        close(there[i]);
        close(back[i]);
    }
}
static int echo_run(long count)
{
    while (count-- > 0)
        REQUIRE(whole(send_part, there[1]) == 0 && whole(read, back[0]) == 0);
    return 0;
}
static int stream_run(long count)
{
    while (count-- > 0)
        REQUIRE(whole(read, back[0]) == 0);
    return 0;
}
static int echo_1(void) { return other_prepare(1, 1); }
static int echo_4k(void) { return other_prepare(4096, 1); }
static int echo_64k(void) { return other_prepare(65536, 1); }
static int stream_1(void) { return other_prepare(1, 0); }
static int stream_4k(void) { return other_prepare(4096, 0); }
static int stream_64k(void) { return other_prepare(65536, 0); }

/* A ring of processes passes one byte round; each operation is one hop. With a footprint each writes so much memory first. */
static int ring[33][2], members;
static char footprint[16384];
static size_t footprint_size;
static void touch(void)
{
    for (size_t i = 0; i < footprint_size; i += 64)
        ((volatile char *)footprint)[i]++;
}
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
            while (read(ring[i - 1][0], &byte, 1) == 1 && (touch(), write(ring[i][1], &byte, 1)) == 1)
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
    footprint_size = 0;
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
    for (; count > 0; count -= members, touch())
        REQUIRE(write(ring[0][1], &byte, 1) == 1 && read(ring[members - 1][0], &byte, 1) == 1);
    return 0;
}
static int ring_2(void) { return ring_prepare(2); }
static int ring_8(void) { return ring_prepare(8); }
static int ring_32(void) { return ring_prepare(32); }
static int ring_with(int count)
{
    footprint_size = sizeof footprint;
    return ring_prepare(count);
}
static int ring_2_16k(void) { return ring_with(2); }
static int ring_8_16k(void) { return ring_with(8); }
static int ring_32_16k(void) { return ring_with(32); }

/* Four threads want one mutex; each holds it over a sched_yield, so that the others find it taken. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *contend(void *count)
{
    for (long left = (long)count; left > 0; left--) {
        pthread_mutex_lock(&mutex);
        sched_yield();
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}
static int mutex_run(long count)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        REQUIRE(pthread_create(&threads[i], NULL, contend, (void *)(count / 4)) == 0);
    for (int i = 0; i < 4; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    return 0;
}

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
    { "pipe-echo-1", 1000, echo_run, echo_1, other_finish },
    { "pipe-echo-4k", 500, echo_run, echo_4k, other_finish },
    { "pipe-echo-64k", 100, echo_run, echo_64k, other_finish },
    /* As many bytes as the pipe holds 8 times, that is, many turns of both. */
    { "pipe-stream-1", 32768, stream_run, stream_1, other_finish },
    { "pipe-stream-4k", 1024, stream_run, stream_4k, other_finish },
    { "pipe-stream-64k", 100, stream_run, stream_64k, other_finish },
    { "unix-1", 3000, pipe_1, stream_prepare, own_finish },
    { "unix-4k", 1000, pipe_4k, stream_prepare, own_finish },
    { "unix-datagram", 3000, pipe_1, datagram_prepare, own_finish },
    { "switch-2", 1000, ring_run, ring_2, ring_finish },
    { "switch-8", 1600, ring_run, ring_8, ring_finish },
    { "switch-32", 3200, ring_run, ring_32, ring_finish },
    { "switch-2-16k", 1000, ring_run, ring_2_16k, ring_finish },
    { "switch-8-16k", 1600, ring_run, ring_8_16k, ring_finish },
    { "switch-32-16k", 3200, ring_run, ring_32_16k, ring_finish },
    { "mutex-contended", 2000, mutex_run, NULL, NULL },
    { "futex-ping-pong", 1000, futex_run, futex_prepare, futex_finish },
    { "sched-yield", 5000, yield_run, NULL, NULL },
    { 0 },
};
