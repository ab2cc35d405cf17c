/* report: exchanges on standard output, a line each: for eyes, in colour on a terminal, or as JSON. */
#ifndef LISTEN_REPORT_H
#define LISTEN_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct deliver_result;
struct ph_message;

struct report {
    bool json, coloured;
};

/* An attempt, and what came of it. */
struct report_line {
    const struct ph_message *message;
    const char *id;
    uint64_t wall_ms;                /* when it began */
    uint64_t attempt;                /* from 1 */
    size_t size;                     /* of the body */
    const struct deliver_result *result;
    bool is_taken;                   /* 2xx */
};

/* Colours are for a terminal whose user has not said NO_COLOR. */
void report_init(struct report *report, bool json);
void report_print(const struct report *report, const struct report_line *line);

#endif
