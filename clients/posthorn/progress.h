/* progress: a bar on standard error while somebody watches a terminal; nothing at all otherwise. */
#ifndef POSTHORN_PROGRESS_H
#define POSTHORN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *title;
    uint64_t total;
    uint64_t start_ns;
    bool shown; /* standard error is a terminal */
};

void progress_init(struct progress *progress, const char *title, uint64_t total, uint64_t now_ns);

/* Draws the bar anew. */
void progress_show(const struct progress *progress, uint64_t done, uint64_t now_ns);

/* Wipes the bar away. */
void progress_finish(const struct progress *progress);

#endif
