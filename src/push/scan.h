/*
 * scan: the dead letters of one webhook, read again: in all streams that keep some of them, of each the newest first.
 * It takes turns, and waits for what is on disk. Belongs to the deliverer's thread.
 */
#ifndef PUSH_SCAN_H
#define PUSH_SCAN_H

#include "push/letter.h"
#include "util/list.h"

struct scan_part;
struct deliverer;

/* Embedded in its owner, who fills in visit and done. */
struct scan {
    /* False: no more of this stream. */
    bool (*visit)(struct scan *scan, struct stream *stream, const struct stream_message *message,
                  const struct letter_content *content);
    /* All is read, or error is -ECANCELED: the deliverer ends. The owner may free it. */
    void (*done)(struct scan *scan, int error);

    /* scan's. */
    struct list place;               /* in deliverer->scans */
    char *pattern;
    struct scan_part *parts;
    size_t part_count, part;
    uint64_t visited;                /* of this stream: the owner may count */
};

/* Begins; done is called in any case, by a later turn. 0; or -ENOMEM, and then it is not. */
int scan_begin(struct deliverer *deliverer, const char *webhook, struct scan *scan);

#endif
