#include "push/tail.h"

#include <errno.h>
#include <stdlib.h>

#include "core/router.h"

enum { SLICE = 4096, ROOM_MIN = 8 };

static const struct topic_limits widest = { .size_max = 65535, .depth_max = TOPIC_DEPTH_LIMIT };

struct tail {
    struct stream *stream;           /* borrowed */
    struct router *index;            /* of the readers' patterns */
    struct tail_reader *readers;
    uint64_t scanned;                /* all up to here has been read */
    void (*matched)(struct tail_reader *reader);
};

struct tail *tail_create(struct stream *stream, uint64_t seed, void (*matched)(struct tail_reader *reader))
{
    struct tail *tail = calloc(1, sizeof *tail);
    if (!tail)
        return NULL;
    tail->stream = stream;
    tail->scanned = stream_last(stream);
    tail->matched = matched;
    tail->index = router_create(seed, &widest);
    if (tail->index)
        return tail;
    free(tail);
    return NULL;
}

void tail_destroy(struct tail *tail)
{
    if (tail)
        router_destroy(tail->index);
    free(tail);
}

static void free_matches(struct tail_reader *reader)
{
    free(reader->matches);
    reader->matches = NULL;
    reader->first = reader->count = reader->room = 0;
}

static void forget(struct tail_reader *reader)
{
    reader->is_sure = false;
    free_matches(reader);
}

/* A ring twice as large, in which the oldest comes first. */
static bool grow(struct tail_reader *reader)
{
    unsigned room = reader->room ? 2 * reader->room : ROOM_MIN;
    uint64_t *matches = room <= TAIL_MATCHES_MAX ? reallocarray(NULL, room, sizeof *matches) : NULL;
    if (!matches)
        return false;
    for (unsigned i = 0; i < reader->count; i++)
        matches[i] = reader->matches[(reader->first + i) % reader->room];
    free(reader->matches);
    reader->matches = matches;
    reader->first = 0;
    reader->room = room;
    return true;
}

/* False: there is no room for one more. */
static bool has_room(struct tail_reader *reader)
{
    return reader->count < reader->room || grow(reader);
}

/* Nobody delivers to these sinks: the index is asked alone. */
static const struct sink_ops ops = { .deliver = NULL };

int tail_add(struct tail *tail, struct tail_reader *reader, struct slice pattern)
{
    *reader = (struct tail_reader){ .sink = { .ops = &ops, .weight = 1 } };
    if (router_add(tail->index, &reader->sink, pattern, slice_make(NULL, 0)) != 0)
        return -ENOMEM;
    reader->next = tail->readers;
    tail->readers = reader;
    return 0;
}

void tail_remove(struct tail *tail, struct tail_reader *reader)
{
    struct tail_reader **place = &tail->readers;
    while (*place != reader)
        place = &(*place)->next;
    *place = reader->next;
    free_matches(reader);
    router_remove(tail->index, &reader->sink);
}

static void note(struct tail *tail, struct tail_reader *reader, uint64_t sequence)
{
    if (reader->is_sure && !has_room(reader))
        forget(reader);
    else if (reader->is_sure)
        reader->matches[(reader->first + reader->count++) % reader->room] = sequence;
    tail->matched(reader);
}

/* It is not known for whom something is: each reads for himself. */
static void doubt(struct tail *tail)
{
    for (struct tail_reader *reader = tail->readers; reader; reader = reader->next) {
        forget(reader);
        tail->matched(reader);
    }
}

/* What is on disk alone. */
static void give_up(struct tail *tail, uint64_t last)
{
    doubt(tail);
    tail->scanned = last;
}

static void take_run(struct tail *tail, struct stream_run *run, unsigned *budget)
{
    struct stream_message message;
    while (*budget && stream_run_next(run, &message)) {
        const struct match *match = router_match(tail->index, message.topic);
        for (unsigned i = 0; i < match->sink_count; i++)
            note(tail, (struct tail_reader *)match->sinks[i], message.sequence);
        if (match->is_short)
            doubt(tail);
        tail->scanned = message.sequence;
        --*budget;
    }
}

bool tail_run(struct tail *tail, uint64_t wall_ms)
{
    unsigned budget = SLICE;
    uint64_t last = stream_last(tail->stream); /* before the look at what is there: what comes then is not passed */
    while (budget && tail->scanned < last) {
        struct stream_run run;
        enum stream_found found = stream_read(tail->stream, tail->scanned, wall_ms, &run);
        if (found == STREAM_AWAY)
            give_up(tail, last);
        else if (found == STREAM_NONE)
            tail->scanned = last; /* what is missing is gone */
        if (found != STREAM_FOUND)
            return false;
        take_run(tail, &run, &budget);
        stream_release(&run);
    }
    return tail->scanned < last;
}

bool tail_next(const struct tail *tail, struct tail_reader *reader, uint64_t position, uint64_t *ret_until)
{
    reader->is_sure |= position >= tail->scanned;
    while (reader->count && reader->matches[reader->first] <= position) {
        reader->first = (reader->first + 1) % reader->room;
        reader->count--;
    }
    if (!reader->count)
        free_matches(reader);
    *ret_until = reader->count ? reader->matches[reader->first] - 1 : tail->scanned;
    return reader->is_sure;
}
