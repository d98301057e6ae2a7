/*
 * The benchmark: runs on any Linux. Prints one line per row:
 *   NAME<TAB>UNITS-PER-OPERATION<TAB>OPERATIONS      or      NAME<TAB>failed<TAB>REASON
 * Units are time stamp counter ticks (instructions under QEMU's -icount) or, with -w, nanoseconds: the least of several
 * measurements, and with -w also the median. -t NAME prints the counter as it was at the start, -x NAME COMMAND what a
 * command costs.
 */
#include "bench.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int wall;

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

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const struct row *row)
{
    enum { rounds = 9 };
    double samples[rounds];
    if (row->value) {
        double value = row->value();
        if (value < 0)
            printf("%s\tfailed\t%s\n", row->name, strerror(errno));
        else
            printf("%s\t%.1f\t%.1f\t%.1f\t1\n", row->name, value, value, value);
        fflush(stdout);
        return;
    }
    if (row->prepare && row->prepare() != 0) {
        printf("%s\tfailed\tprepare: %s\n", row->name, strerror(errno));
        return;
    }
    int failed = row->run(row->count / 10 + 1);
    for (int i = 0; i < rounds && !failed; i++) {
        uint64_t before = now();
        failed = row->run(row->count);
        samples[i] = (double)(now() - before) / row->count;
    }
    if (failed) {
        printf("%s\tfailed\t%s\n", row->name, strerror(errno));
    } else {
        qsort(samples, rounds, sizeof *samples, ascending);
        printf("%s\t%.1f\t%.1f\t%.1f\t%ld\n", row->name, samples[0], samples[rounds / 2], samples[rounds - 1], row->count);
    }
    if (row->finish)
        row->finish();
    fflush(stdout);
}

/* Runs a command twice without its output; the second run is the figure. */
static int program(const char *name, char **command)
{
    uint64_t ticks = 0;
    int status = -1;
    for (int i = 0; i < 2; i++) {
        uint64_t before = now();
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
        ticks = now() - before;
    }
    if (status != 0)
        printf("%s\tfailed\tstatus %#x\n", name, status);
    else
        printf("%s\t%.1f\t%.1f\t%.1f\t1\n", name, (double)ticks, (double)ticks, (double)ticks);
    return 0;
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
    static const struct row *const families[] = {
        entry_rows, file_rows, ready_rows, signal_rows, pipe_rows, process_rows, memory_rows, growth_rows, size_rows,
        scale_rows, NULL,
    };
    int list = 0, option;
    uint64_t start = now();
    while ((option = getopt(argc, argv, "+wlt:x:")) != -1) {
        if (option == 'w')
            wall = 1;
        else if (option == 'l')
            list = 1;
        else if (option == 't')
            return printf("%s\t%.1f\t%.1f\t%.1f\t1\n", optarg, (double)start, (double)start, (double)start) < 0;
        else if (option == 'x')
            return program(optarg, argv + optind);
        else
            return 2;
    }
    for (int i = 0; families[i]; i++)
        for (const struct row *row = families[i]; row->name; row++) {
            if (!wanted(row->name, argv + optind) || (!list && (row->wall_only ? !wall : row->value && wall)))
                continue;
            if (list)
                puts(row->name);
            else
                measure(row);
        }
    return 0;
}
