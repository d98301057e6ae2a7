/* The benchmark's frame: a row is a name, what prepares it, and what runs it n times. */
#ifndef BENCH_H
#define BENCH_H
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "mark.h"

struct row {
    const char *name;
    /* Operations per measurement: few for dear ones. */
    long count;
    /* Runs the operation `count` times; 0 on success. */
    int (*run)(long count);
    /* Called once before and after, may be NULL. */
    int (*prepare)(void);
    void (*finish)(void);
    /* Gives a figure of its own instead of a time: bytes, or what the row's name says. Below 0 on failure. */
    double (*value)(void);
    /* Only with -w: what several CPUs do at once. */
    int wall_only;
};

/* Ends the row as failed unless the condition holds; errno tells why. */
#define REQUIRE(condition) do { if (!(condition)) return -1; } while (0)

extern const struct row entry_rows[], file_rows[], ready_rows[], signal_rows[], pipe_rows[], process_rows[], memory_rows[],
    growth_rows[], size_rows[], scale_rows[];

#endif
