/* state: what the files of this room share. Belongs to the worker's thread, but where a survey visits others. */
#ifndef JETSTREAM_STATE_H
#define JETSTREAM_STATE_H

#include "broker/acks.h"
#include "broker/keeper.h"
#include "consumer/consumer.h"
#include "jetstream/clerk.h"
#include "jetstream/roll.h"
#include "jetstream/jetstream.h"
#include "jetstream/letters.h"
#include "meta/meta.h"
#include "net/loop.h"
#include "util/list.h"

enum {
    WAITING_MAX = 10000,         /* requests that wait for others or for the disk, on one worker */
    SEAT_BUDGET = 1024,          /* messages that a consumer looks at in one turn */
    TURN_BUDGET = 64,            /* consumers that are run in one turn */
    SAVE_INTERVAL_MS = 100,      /* how often a position is put, at most */
    TOKENS_MAX = 2,              /* names in the topic of a request */
    STREAM_NAME_SIZE_MAX = 255,
};

struct jetstream {
    unsigned number, worker_count;
    struct loop *loop;
    struct broker *broker;
    struct keepers *keepers;
    struct stream_registry *registry;
    struct meta *meta;                /* NULL: nothing outlives the daemon */
    struct meta_desk desk;
    struct clerk *clerk;
    struct roll *roll;                /* NULL: as in struct jetstream_setup */
    struct clerk_desk clerk_desk;
    const struct jetstream_stored *stored; /* until the first turn has ended */
    uint64_t hash_seed;

    struct sink api;                  /* under $JS.API.>, for what is published on this worker */
    bool is_open;                     /* it is in the router */
    bool is_ending;                   /* nothing comes back any more */
    bool is_quiet;                    /* about to stop: takes no requests and hands nothing out any more */

    uint64_t quiet_by_ms;             /* by when it is not busy any more, whatever is under way */

    struct letters letters;           /* what has come and waits to be looked at */
    struct list again;                /* requests that are not done, and go on in the next turn */
    struct list away;                 /* requests that wait for a stream's block or for a stream to go on */
    size_t away_count;
    struct list outside;              /* requests that other threads have */
    size_t outside_count;
    struct list homes;
    struct list ready;                /* seats with something to do */
    struct list leaving;              /* seats that are gone, and of which others still have something */
    struct list unsaved;              /* seats whose position is to be put */
    struct list pushing;              /* seats with a deliver topic: who listens there is looked at when sinks change */
    uint64_t router_changes;          /* when that was looked at */
    uint64_t save_due_ms;             /* when the next of the unsaved is due; UINT64_MAX: none */
    struct timer timer;               /* for it, and for trying again what could not be done */

    char *bytes;                      /* room for what is being sent */
    size_t byte_room;
};

/* Room for so many bytes, until the next call; NULL: out of memory. */
char *jetstream_room(struct jetstream *jetstream, size_t size);

/* What time it is. */
struct consumer_time jetstream_time(struct jetstream *jetstream);

/* The room's state on the worker that a survey visits. */
static inline struct jetstream *jetstream_of(const struct broker *broker)
{
    return broker->jetstream;
}

/* Sends a text, behind which there is room for CR LF; or a block of headers. Nothing is asked by it: that jetstream_ask
 * does, with all rights. */
void jetstream_send(struct jetstream *jetstream, struct slice topic, char *text, size_t size);
void jetstream_ask(struct jetstream *jetstream, struct slice topic, char *text, size_t size);
void jetstream_send_head(struct jetstream *jetstream, struct slice topic, struct slice reply, char *head, size_t size);

/* Puts a sink under a pattern, for what is published on any worker. 0 or -ENOMEM. */
int jetstream_listen(struct jetstream *jetstream, struct sink *sink, struct slice pattern);
void jetstream_listen_no_more(struct jetstream *jetstream, struct sink *sink);

/* Makes the loop turn again by then at the latest. */
void jetstream_wake_by(struct jetstream *jetstream, uint64_t due_ms);

#endif
