/* Readiness: one of many pipes is ready. */
#include "bench.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ends[1000][2], made, instance = -1;
static struct pollfd polled[1000];

static int prepare(int count)
{
    struct rlimit limit = { 4096, 4096 };
    setrlimit(RLIMIT_NOFILE, &limit);
    for (made = 0; made < count; made++) {
        if (pipe(ends[made]) != 0)
            return -1;
        polled[made] = (struct pollfd){ .fd = ends[made][0], .events = POLLIN };
    }
    return write(ends[count - 1][1], "x", 1) != 1;
}
static void finish(void)
{
    while (made-- > 0) {
        close(ends[made][0]);
        close(ends[made][1]);
    }
    if (instance >= 0)
        close(instance);
    instance = -1;
}
static int poll_run(long count)
{
    while (count-- > 0)
        REQUIRE(poll(polled, made, 0) == 1);
    return 0;
}
static int select_run(long count)
{
    while (count-- > 0) {
        /* Larger than the C library's fd_set: 1,000 pipes have more descriptors than that holds. */
        unsigned long set[64] = { 0 };
        for (int i = 0; i < made; i++)
            set[ends[i][0] / 64] |= 1ul << ends[i][0] % 64;
        struct timeval none = { 0 };
        REQUIRE(syscall(SYS_select, ends[made - 1][0] + 1, set, NULL, NULL, &none) == 1);
    }
    return 0;
}
static int epoll_prepare(int count)
{
    if (prepare(count) != 0 || (instance = epoll_create1(0)) < 0)
        return -1;
    for (int i = 0; i < made; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.fd = i };
        if (epoll_ctl(instance, EPOLL_CTL_ADD, ends[i][0], &event) != 0)
            return -1;
    }
    return 0;
}
static int epoll_run(long count)
{
    struct epoll_event event;
    while (count-- > 0)
        REQUIRE(epoll_wait(instance, &event, 1, 0) == 1);
    return 0;
}
static int prepare_10(void) { return prepare(10); }
static int prepare_100(void) { return prepare(100); }
static int prepare_1000(void) { return prepare(1000); }
static int epoll_10(void) { return epoll_prepare(10); }
static int epoll_100(void) { return epoll_prepare(100); }
static int epoll_1000(void) { return epoll_prepare(1000); }

const struct row ready_rows[] = {
    { "select-10", 2000, select_run, prepare_10, finish },
    { "select-100", 500, select_run, prepare_100, finish },
    { "select-1000", 50, select_run, prepare_1000, finish },
    { "poll-10", 2000, poll_run, prepare_10, finish },
    { "poll-100", 500, poll_run, prepare_100, finish },
    { "poll-1000", 100, poll_run, prepare_1000, finish },
    { "epoll-10", 2000, epoll_run, epoll_10, finish },
    { "epoll-100", 2000, epoll_run, epoll_100, finish },
    { "epoll-1000", 2000, epoll_run, epoll_1000, finish },
    { 0 },
};
