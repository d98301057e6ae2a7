/*
 * The benchmark: runs on any Linux. Prints one line per row:
 *   NAME<TAB>LEAST<TAB>MEDIAN<TAB>GREATEST<TAB>OPERATIONS<TAB>ROUND      or      NAME<TAB>failed<TAB>REASON
 * Units are time stamp counter ticks (instructions under QEMU's -icount) or, with -w, nanoseconds, per operation, of several rounds;
 * ROUND is which of them was the least. Each row runs in a process of its own, started anew, so that what one leaves behind does
 * not count in the next, and one that ends by a signal or never has failed. -l lists the rows with their families and by what
 * they can be measured, -r NAME runs
 * one row in this process, -t NAME prints the counter as it was at the start, -x NAME COMMAND what a command costs.
 */
#include "bench.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int wall;
/* Seconds that a row may take: those of the guest's clock, which with -icount runs by instructions and not while all sleep. */
enum { COUNTED_LIMIT = 900, WALL_LIMIT = 120 };

static const struct family {
    const char *title;
    const struct row *rows;
} families[] = {
    { "calls", entry_rows },
    { "files", file_rows },
    { "readiness", ready_rows },
    { "signals", signal_rows },
    { "pipes and switches", pipe_rows },
    { "processes", process_rows },
    { "memory", memory_rows },
    { "growth", growth_rows },
    { "sizes and sleep", size_rows },
    { "scaling", scale_rows },
    { NULL, NULL },
};

static uint64_t now(void)
{
    if (wall) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000000000ull + t.tv_nsec;
    }
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}
static uint64_t begin(void)
{
    MARK("'B'");
    return now();
}
static uint64_t end(void)
{
    uint64_t time = now();
    MARK("'E'");
    return time;
}

static void failed(const char *name, const char *what, const char *why)
{
    printf("%s\tfailed\t%s%s\n", name, what, why);
    fflush(stdout);
    MARK("'R'");
}
static void figures(const char *name, double least, double median, double greatest, long count, int round)
{
    printf("%s\t%.1f\t%.1f\t%.1f\t%ld\t%d\n", name, least, median, greatest, count, round);
    fflush(stdout);
    MARK("'R'");
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const struct row *row)
{
    enum { rounds = 9 };
    double samples[rounds];
    int least = 0;
    if (row->value) {
        double value = row->value();
        if (value < 0)
            failed(row->name, "", strerror(errno));
        else
            figures(row->name, value, value, value, 1, 0);
        return;
    }
    if (row->prepare && row->prepare() != 0) {
        failed(row->name, "prepare: ", strerror(errno));
        return;
    }
    int error = row->run(row->count / 10 + 1);
    for (int i = 0; i < rounds && !error; i++) {
        uint64_t before = begin();
        error = row->run(row->count);
        samples[i] = (double)(end() - before) / row->count;
        if (samples[i] < samples[least])
            least = i;
    }
    if (error) {
        failed(row->name, "", strerror(errno));
    } else {
        qsort(samples, rounds, sizeof *samples, ascending);
        figures(row->name, samples[0], samples[rounds / 2], samples[rounds - 1], row->count, least);
    }
    if (row->finish)
        row->finish();
}

/* Waits for a whole second of the clock: a kernel that ticks does so at the same places of what follows, whenever that begins. */
static void await_second(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t = (struct timespec){ .tv_sec = t.tv_sec + 1 };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

/* Runs a row in a new process of this program. */
static void start(const char *program, const struct row *row)
{
    int status = -1;
    char reason[40];
    if (!wall)
        await_second();
    pid_t child = fork();
    if (child == 0) {
        /* A group of its own: with it goes what the row leaves running. */
        setpgid(0, 0);
        alarm(wall ? WALL_LIMIT : COUNTED_LIMIT);
        execl(program, program, wall ? "-wr" : "-r", row->name, NULL);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        failed(row->name, "cannot be started: ", strerror(errno));
        return;
    }
    kill(-child, SIGKILL);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
        failed(row->name, "", "did not end in time");
    } else if (status != 0) {
        snprintf(reason, sizeof reason, "wait status %#x", status);
        failed(row->name, "ended with ", reason);
    }
}

/* Runs a command twice without its output; the second run is the figure. */
static void program(const char *name, char **command)
{
    uint64_t ticks = 0;
    int status = -1;
    for (int i = 0; i < 2; i++) {
        if (!wall)
            await_second();
        uint64_t before = begin();
        pid_t child = fork();
        if (child == 0) {
            int sink = open("/dev/null", O_RDWR);
            for (int j = 0; j < 3; j++)
                dup2(sink, j);
            execvp(command[0], command);
            _exit(127);
        }
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            break;
        ticks = end() - before;
    }
    char reason[40];
    snprintf(reason, sizeof reason, "wait status %#x", status);
    if (status != 0)
        failed(name, "the command ended with ", reason);
    else
        figures(name, ticks, ticks, ticks, 1, 1);
}

static int wanted(const char *name, char **names)
{
    if (!*names)
        return 1;
    for (; *names; names++) {
        size_t length = strlen(*names);
        if (!strcmp(name, *names) || (length && (*names)[length - 1] == '*' && !strncmp(name, *names, length - 1)))
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t ticks = now();
    int list = 0, option;
    const char *only = NULL;
    while ((option = getopt(argc, argv, "+wlr:t:x:")) != -1) {
        if (option == 'w')
            wall = 1;
        else if (option == 'l')
            list = 1;
        else if (option == 'r')
            only = optarg;
        else if (option == 't')
            return figures(optarg, ticks, ticks, ticks, 1, 0), 0;
        else if (option == 'x')
            return program(optarg, argv + optind), 0;
        else
            return 2;
    }
    for (const struct family *family = families; family->title; family++)
        for (const struct row *row = family->rows; row->name; row++) {
            if (only) {
                if (!strcmp(only, row->name))
                    measure(row);
            } else if (list) {
                printf("%s\t%s\t%s\n", family->title, row->name, row->wall_only ? "timed" : row->value ? "counted" : "both");
            } else if (wanted(row->name, argv + optind) && (row->wall_only ? wall : !row->value || !wall)) {
                start(argv[0], row);
            }
        }
    return 0;
}
