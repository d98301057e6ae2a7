/* Calls that do next to nothing: the cost of the way in and out. */
#include "bench.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int zero = -1, null = -1;

static int getppid_run(long count)
{
    while (count-- > 0)
        syscall(SYS_getppid);
    return 0;
}

/* i386's way in, from 64-bit code. */
static int int80_run(long count)
{
    while (count-- > 0) {
        long result = 64;
        __asm__ volatile("int $0x80" : "+a"(result) : : "r8", "r9", "r10", "r11", "memory");
        REQUIRE(result > 0);
    }
    return 0;
}

static int zero_prepare(void) { return (zero = open("/dev/zero", O_RDWR)) < 0; }
static void zero_finish(void) { close(zero); }
static int zero_run(long count)
{
    char byte;
    while (count-- > 0)
        REQUIRE(read(zero, &byte, 1) == 1);
    return 0;
}

static int zero_pread(long count)
{
    char byte;
    while (count-- > 0)
        REQUIRE(pread(zero, &byte, 1, 0) == 1);
    return 0;
}
static int zero_write(long count)
{
    char byte = 0;
    while (count-- > 0)
        REQUIRE(write(zero, &byte, 1) == 1);
    return 0;
}

static int null_prepare(void) { return (null = open("/dev/null", O_RDWR)) < 0; }
static void null_finish(void) { close(null); }
static int null_read(long count)
{
    char byte;
    while (count-- > 0)
        REQUIRE(read(null, &byte, 1) == 0);
    return 0;
}
static int null_pread(long count)
{
    char byte;
    while (count-- > 0)
        REQUIRE(pread(null, &byte, 1, 0) == 0);
    return 0;
}
static int null_run(long count)
{
    char byte = 0;
    while (count-- > 0)
        REQUIRE(write(null, &byte, 1) == 1);
    return 0;
}

static int clock_run(long count)
{
    struct timespec t;
    while (count-- > 0)
        REQUIRE(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t) == 0);
    return 0;
}

static int vdso_run(long count)
{
    struct timespec t;
    while (count-- > 0)
        REQUIRE(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return 0;
}

static int getcpu_run(long count)
{
    while (count-- > 0) {
        unsigned processor;
        REQUIRE(getcpu(&processor, NULL) == 0);
    }
    return 0;
}

static void on_signal(int signal)
{
    (void)signal;
}

static int sigaction_times(long count, void (*handler)(int))
{
    struct sigaction action = { .sa_handler = handler };
    while (count-- > 0)
        REQUIRE(sigaction(SIGUSR2, &action, NULL) == 0);
    return 0;
}

static int sigaction_run(long count)
{
    return sigaction_times(count, on_signal);
}

static int sigaction_ignore(long count)
{
    return sigaction_times(count, SIG_IGN);
}

static int random_run(long count)
{
    char bytes[16];
    while (count-- > 0)
        REQUIRE(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
    return 0;
}

const struct row entry_rows[] = {
    { "getppid", 10000, getppid_run, NULL, NULL },
    { "getppid-int80", 10000, int80_run, NULL, NULL },
    { "read-zero", 10000, zero_run, zero_prepare, zero_finish },
    { "pread-zero", 10000, zero_pread, zero_prepare, zero_finish },
    { "write-zero", 10000, zero_write, zero_prepare, zero_finish },
    { "read-null", 10000, null_read, null_prepare, null_finish },
    { "pread-null", 10000, null_pread, null_prepare, null_finish },
    { "write-null", 10000, null_run, null_prepare, null_finish },
    { "clock-call", 10000, clock_run, NULL, NULL },
    { "clock-vdso", 10000, vdso_run, NULL, NULL },
    { "getcpu-vdso", 10000, getcpu_run, NULL, NULL },
    { "sigaction", 10000, sigaction_run, NULL, NULL },
    { "sigaction-ignore", 10000, sigaction_ignore, NULL, NULL },
    { "getrandom-16", 5000, random_run, NULL, NULL },
    { 0 },
};
