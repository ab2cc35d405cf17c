/*
 * state: a consumer, for the files of this room.
 *
 *   consumer.c  life, what is due, INFO        pull.c    who is served next, what requests are told
 *   place.c     where a new one begins         push.c    the deliver topic: windows, heartbeats
 *   supply.c      the next message of the stream ack.c     what clients say
 *   gather.c    messages for one receiver      dead.c    what is given up
 *   count.c     how many are still to come     save.c    what outlives the daemon
 */
#ifndef CONSUMER_STATE_H
#define CONSUMER_STATE_H

#include "consumer/consumer.h"
#include "consumer/pending.h"
#include "consumer/waiting.h"

enum { HELD_MAX = 32 };

/* Of each topic the last message, where a consumer begins with these: ascending. */
struct lasts {
    uint64_t *sequences;          /* NULL: there are none, or they have all been looked at */
    size_t count, at;             /* [at, count) are to come */
    uint64_t until;               /* behind it all messages are new; 0: this has nothing to say */
};

/* Where the next message comes from. Blocks are held within one consumer_run alone. */
struct supply {
    struct supply_filter {
        struct slice pattern;     /* of the settings */
        bool is_literal;
    } *filters;
    struct stream_run run;        /* being read; block NULL: none */
    bool run_is_used;             /* a delivery points into it */
    bool has_next;                /* the message that follows the position */
    struct stream_message next;
    struct block **held;          /* of runs, HELD_MAX at most: deliveries point into them. In consumer_run alone */
    unsigned held_count;
    struct slice topic;           /* of this run, and what the filters say of it; data NULL: none */
    bool topic_matches;
    uint64_t skipped_count;       /* messages passed over since the last that matched, or the last leap */
    uint64_t leap_at;             /* so many, and it is asked whether there is any */
};

/* How many messages that match are still to come. */
struct count {
    bool is_whole;                /* all messages match, as far as settings say */
    uint64_t messages;            /* not those of the lasts */
    uint64_t until;               /* the end of the stream when they were counted */
    uint64_t counted_ms;
    uint64_t visited_count;       /* topics, or spans, looked at for it: what it costs */
};

struct push {
    bool is_active;               /* somebody listens */
    uint64_t heartbeat_due_ms;
    uint64_t rate_free_ns;        /* when the next message may leave */
    /* Flow control: bytes that are under way, and how many may be. */
    uint64_t window, under_way;
    uint64_t flow_id, flow_bytes; /* asked for, and not answered; 0: nothing is */
    uint64_t last_flow_id;
};

struct consumer {
    struct stream *stream;        /* borrowed, as are ops and arg */
    const struct consumer_ops *ops;
    void *arg;
    struct consumer_settings settings;

    /* Saved. */
    uint64_t position;            /* of the stream: all up to here is delivered or passed over */
    uint64_t consumer_sequence;   /* the last that was given to a delivery */
    uint64_t skip_before_ms;      /* older messages are passed over, until one is not; 0: none is */
    uint64_t delivered_wall_ms, acked_wall_ms;
    struct lasts lasts;
    struct pending pending;

    struct waiting waiting;
    struct supply supply;
    struct count count;
    struct push push;
    uint64_t begin_first, begin_last; /* what the stream held when the consumer came */
    bool is_placed;               /* it is known where it begins */
    uint64_t lasts_until;         /* where it is not: whose lasts are to be found; 0: the policy says where to begin */
    bool is_dirty;
    uint64_t saved_position;
    uint64_t used_ms;             /* when somebody used it */
    uint64_t replay_end;          /* up to here messages keep their distances in time */
    uint64_t replay_time_ms, replay_sent_ms; /* of the last: when it was kept, and when it was sent */
    size_t reply_prefix_size;     /* of "$JS.ACK.stream.consumer", which clients answer to */
    char *heads;                  /* headers of deliveries without payload */
    size_t heads_room, heads_size;
};

/* One consumer_run. */
struct turn {
    struct consumer_time time;
    unsigned budget;
    bool is_spent;                /* there was more to do than the budget allowed */
    bool is_away;                 /* something is on disk */
    uint64_t deadline_ms;
};

/* Asks whether there is budget for something that is to be done now. */
static inline bool turn_goes_on(struct turn *turn)
{
    turn->is_spent |= turn->budget == 0;
    return turn->budget != 0;
}

static inline void turn_spend(struct turn *turn)
{
    turn->budget -= turn->budget != 0;
}

static inline void turn_until(struct turn *turn, uint64_t deadline_ms)
{
    if (deadline_ms < turn->deadline_ms)
        turn->deadline_ms = deadline_ms;
}

/* place.c. True as soon as it is known where the consumer begins; nothing changes from then on. */
bool consumer_place_start(struct consumer *consumer, struct consumer_time time);
/* Looks the lasts up anew: those behind the position, up to `until`. False: later. */
bool consumer_find_lasts(struct consumer *consumer, uint64_t until);
/* Goes on with the lasts up to `until` (0: there are none to come), as soon as they are found. */
void consumer_resume_lasts(struct consumer *consumer, uint64_t until, struct consumer_time time);
void lasts_finish(struct lasts *lasts);
bool lasts_have(const struct lasts *lasts, uint64_t sequence);

/* supply.c */
enum supply_found {
    SUPPLY_FOUND,
    SUPPLY_END,                     /* there is none */
    SUPPLY_AWAY,
    SUPPLY_SPENT,                   /* the budget is */
    SUPPLY_HELD,                    /* too much is held: deliver first */
};
/* The next message that is to be delivered, into supply.next. It stays there until it is taken. */
enum supply_found supply_next(struct consumer *consumer, struct turn *turn);
/* It is delivered: its run is held until supply_release. */
void supply_take(struct consumer *consumer);
/* The message of a sequence, held until supply_release. SUPPLY_END: it is gone. */
enum supply_found supply_at(struct consumer *consumer, uint64_t sequence, struct stream_message *ret_message);
/* Nothing points to what was taken any more. */
void supply_release(struct consumer *consumer);
/* Holds nothing. */
void supply_stop(struct consumer *consumer);
/* True where the filters let a topic through. */
bool supply_matches(const struct consumer *consumer, struct slice topic);
/* After the settings have been set. False: out of memory; then nothing has changed. */
bool supply_set_filters(struct consumer *consumer);

/* gather.c: messages for one receiver. */
enum gather_stop {
    GATHER_FULL,                  /* as many as may be */
    GATHER_END,                   /* there are no more */
    GATHER_BLOCKED,               /* too many are not acknowledged */
    GATHER_LATER,                 /* the next is not to leave yet */
    GATHER_TOO_LARGE,             /* the first has more bytes than the receiver takes */
    GATHER_AWAY,
    GATHER_SPENT,
};
struct gather_limits {
    uint64_t messages;
    uint64_t bytes;               /* no more than these */
    uint64_t window;              /* a message that begins within these may end beyond */
    uint64_t rate;                /* bytes a second; 0: any number */
};
struct gathered {
    unsigned count;
    uint64_t bytes;
    enum gather_stop stop;
    struct consumer_delivery deliveries[CONSUMER_BATCH_MAX];
};
/* What is gathered is pending from now on, and has to be delivered before anything else. */
void gather(struct consumer *consumer, struct turn *turn, const struct gather_limits *limits,
            struct gathered *gathered);
void gather_deliver(struct consumer *consumer, struct slice topic, const struct gathered *gathered);
/* How long a client may take over a message that was delivered so often. */
uint64_t consumer_wait_ms(const struct consumer *consumer, uint32_t delivery_count);
/* False where it may be delivered once more. */
bool consumer_is_exhausted(const struct consumer *consumer, const struct pending_entry *entry);

/* count.c */
void count_filters(struct consumer *consumer);
/* What follows the position: looked up anew, by reading too where a little will do. */
uint64_t count_exactly(struct consumer *consumer, struct consumer_time time);
/* Something has gone that was counted: it is looked at again. */
void count_anew(struct consumer *consumer);
/* Quick: about as many. */
uint64_t count_about(struct consumer *consumer, struct consumer_time time);
/* How many follow those in the batch: 0 exactly where none does. */
uint64_t count_after_batch(struct consumer *consumer, struct turn *turn, const struct gathered *gathered);

/* pull.c, push.c, dead.c */
void pull_run(struct consumer *consumer, struct turn *turn);
void pull_prune(struct consumer *consumer);
void push_init(struct push *push);
void push_run(struct consumer *consumer, struct turn *turn);
enum consumer_interest push_interest(const struct consumer *consumer);
void dead_run(struct consumer *consumer, struct turn *turn);
/* This message is acknowledged, or gone: it is no longer pending. */
void consumer_settle(struct consumer *consumer, struct pending_entry *entry, bool is_done);
/* Its time is over: it is due, or dead. */
void consumer_expire(struct consumer *consumer, struct pending_entry *entry);
/* No more than this many may be pending. */
size_t consumer_pending_max(const struct consumer *consumer);
/* Forgets what is pending and was kept so long ago that it has made room. */
void consumer_forget_lost(struct consumer *consumer);
struct consumer_place consumer_ack_floor(const struct consumer *consumer);

#endif
