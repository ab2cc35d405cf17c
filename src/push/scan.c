#include "push/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/topic.h"
#include "push/state.h"
#include "stream/registry.h"

enum { TURN_BUDGET = 1024 };         /* sequences looked at in a turn */

/* A stream that keeps some. */
struct scan_part {
    struct grave *grave;
    uint64_t at, first;              /* sequences: the next to be looked at, and the last */
};

/* Where they are. */

struct extent {
    uint64_t first, last;
};

static bool widen(void *arg, const struct stream_topic *topic)
{
    struct extent *extent = arg;
    if (topic->first_sequence < extent->first)
        extent->first = topic->first_sequence;
    if (topic->last_sequence > extent->last)
        extent->last = topic->last_sequence;
    return true;
}

/* 0 or -ENOMEM. */
static int add_part(struct deliverer *deliverer, struct scan *scan, struct stream *stream)
{
    struct extent extent = { UINT64_MAX, 0 };
    if (stream_has_topics(stream))
        stream_visit_topics(stream, slice_of(scan->pattern), widen, &extent);
    if (!extent.last)
        return 0;
    struct scan_part *parts = reallocarray(scan->parts, scan->part_count + 1, sizeof *parts);
    if (!parts)
        return -ENOMEM;
    scan->parts = parts;
    struct grave *grave = grave_use(deliverer, stream);
    if (!grave)
        return -ENOMEM;
    parts[scan->part_count++] = (struct scan_part){ grave, extent.last, extent.first };
    return 0;
}

static void finish(struct scan *scan)
{
    for (size_t i = 0; i < scan->part_count; i++)
        grave_leave(scan->parts[i].grave);
    free(scan->parts);
    free(scan->pattern);
    list_remove(&scan->place);
}

int scan_begin(struct deliverer *deliverer, const char *webhook, struct scan *scan)
{
    size_t count = 0;
    scan->parts = NULL;
    scan->part_count = scan->part = 0;
    scan->visited = 0;
    list_init(&scan->place);
    if (asprintf(&scan->pattern, DEAD_TOPIC "*." HOOK_CONSUMER_PREFIX "%s", webhook) < 0) {
        scan->pattern = NULL;
        return -ENOMEM;
    }
    struct stream **streams = stream_registry_list(deliverer->registry, &count);
    int error = 0;
    for (size_t i = 0; i < count; i++) {
        if (!error)
            error = add_part(deliverer, scan, streams[i]);
        stream_destroy(streams[i]);
    }
    free(streams);
    if (error) {
        finish(scan);
        return error;
    }
    list_append(&deliverer->scans, &scan->place);
    loop_wake(&deliverer->loop);
    return 0;
}

/* Reading. */

/* False: no more of this stream. */
static bool show(struct scan *scan, struct stream *stream, struct stream_run *run)
{
    struct stream_message message;
    struct letter_content content;
    bool goes_on = true;
    if (stream_run_next(run, &message) && pattern_matches(slice_of(scan->pattern), message.topic) &&
        letter_read(&message, &content))
        goes_on = scan->visit(scan, stream, &message, &content);
    stream_release(run);
    return goes_on;
}

/* False: what is next is on disk, of whose arrival the stream's watch tells. */
static bool read_part(struct scan *scan, struct scan_part *part, unsigned *budget)
{
    for (; *budget && part->at >= part->first && part->at; --*budget) {
        struct stream_run run;
        struct stream *stream = part->grave->stream;
        enum stream_found found = stream_read_at(stream, part->at, &run);
        if (found == STREAM_AWAY)
            return false;
        part->at--;
        if (found == STREAM_FOUND && !show(scan, stream, &run))
            part->at = 0;
    }
    if (*budget) {
        scan->part++;
        scan->visited = 0;
    }
    return true;
}

/* True where there is more to read at once. */
static bool run(struct scan *scan)
{
    unsigned budget = TURN_BUDGET;
    bool is_here = true;
    while (budget && is_here && scan->part < scan->part_count)
        is_here = read_part(scan, &scan->parts[scan->part], &budget);
    if (scan->part < scan->part_count)
        return is_here;
    finish(scan);
    scan->done(scan, 0);
    return false;
}

bool scans_run(struct deliverer *deliverer)
{
    bool is_more = false;
    for (struct list *next, *at = deliverer->scans.next; at != &deliverer->scans; at = next) {
        next = at->next;
        is_more |= run(LIST_OWNER(at, struct scan, place));
    }
    return is_more;
}

void scans_cancel(struct deliverer *deliverer)
{
    while (!list_is_empty(&deliverer->scans)) {
        struct scan *scan = LIST_OWNER(deliverer->scans.next, struct scan, place);
        finish(scan);
        scan->done(scan, -ECANCELED);
    }
}
