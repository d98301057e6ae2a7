/* Signals: delivery to a handler and back. */
#include "bench.h"
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile long handled;
static void count_it(int number) { (void)number; handled++; }

static int usr1_prepare(void) { return signal(SIGUSR1, count_it) == SIG_ERR; }
static int self_run(long count)
{
    long before = handled, wanted = count;
    pid_t self = getpid();
    while (count-- > 0)
        kill(self, SIGUSR1);
    REQUIRE(handled - before == wanted);
    return 0;
}

static char *guarded;
static void open_page(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info, (void)context;
    mprotect(guarded, 4096, PROT_READ | PROT_WRITE);
}
static int segv_prepare(void)
{
    struct sigaction action = { .sa_sigaction = open_page, .sa_flags = SA_SIGINFO };
    guarded = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *guarded = 1;
    return guarded == MAP_FAILED || sigaction(SIGSEGV, &action, NULL) != 0;
}
static void segv_finish(void)
{
    signal(SIGSEGV, SIG_DFL);
    munmap(guarded, 4096);
}
static int segv_run(long count)
{
    while (count-- > 0) {
        REQUIRE(mprotect(guarded, 4096, PROT_READ) == 0);
        *(volatile char *)guarded = 2;
    }
    return 0;
}

const struct row signal_rows[] = {
    { "signal-self", 2000, self_run, usr1_prepare, NULL },
    { "segv-handler", 1000, segv_run, segv_prepare, segv_finish },
    { 0 },
};
