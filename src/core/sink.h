/*
 * sink: anything that a message can be delivered to, and how messages are handed to it.
 *
 * A line subscription is a sink, a stream is a sink, and so is another worker. Messages come in batches: neighbours
 * of one topic from one publisher, so that a subscriber is visited once for many of them.
 *
 * A sink belongs to one worker and is touched by its thread alone. Whoever embeds it keeps it alive from router_add
 * to router_remove.
 */
#ifndef CORE_SINK_H
#define CORE_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "util/slice.h"

/* One message of a batch. It borrows all its bytes for the time of a delivery. */
struct message {
    const char *body;    /* headers, then payload; the two bytes behind them are always CR LF, so that a line sink
                            can send from here without copying */
    const char *reply;   /* topic for an answer */
    const char *topic;   /* under which receivers see it; NULL: under the topic by which it is routed */
    uint32_t head_size;  /* bytes of headers at the start of body; 0: none */
    uint32_t body_size;  /* bytes of headers and payload together */
    uint32_t reply_size; /* 0: no answer is asked for */
    uint32_t topic_size;
};

/* The topic that receivers of a message see, where it is routed by `routed`. */
static inline struct slice message_topic(const struct message *message, struct slice routed)
{
    return message->topic ? slice_make(message->topic, message->topic_size) : routed;
}

/* Why a stream did not keep a message. */
enum receipt_verdict {
    RECEIPT_KEPT,           /* or a duplicate */
    RECEIPT_NO_MEMORY,
    RECEIPT_WRONG_STREAM,   /* Nats-Expected-Stream names another */
    RECEIPT_WRONG_SEQUENCE, /* Nats-Expected-Last-Sequence, or ...-Last-Subject-Sequence: found is what it is */
    RECEIPT_WRONG_ID,       /* Nats-Expected-Last-Msg-Id: found is the sequence of the message that was the last */
    RECEIPT_TOO_LARGE,      /* over message_size_max */
    RECEIPT_TOO_MANY,       /* over messages_max, with discard = new */
    RECEIPT_TOO_MANY_BYTES, /* over bytes_max */
    RECEIPT_TOO_MANY_OF_TOPIC,
    RECEIPT_OVER_QUOTA,     /* the user whose stream it is keeps all that he may */
    RECEIPT_SEALED,
    RECEIPT_NO_ROLLUP,      /* Nats-Rollup where the stream does not allow it, or with another value than sub or all */
    RECEIPT_NOT_READY,      /* the last sequence of the topic is not known now: ask again */
    RECEIPT_DISK_FULL,
    RECEIPT_FAILED,         /* the stream takes nothing more: a sync failed */
    RECEIPT_BEHIND,         /* one before it in its train was refused, or the train has ended (core/train.h); or one
                               before it in its batch (struct batch, in_order) */
    /* Before it came to a stream. */
    RECEIPT_LONG_TOPIC,     /* its topic is over a limit */
    RECEIPT_NO_RIGHT,       /* its publisher has no right to publish under that topic */
};

/* True where it would be refused again, however often it came. */
static inline bool verdict_is_final(enum receipt_verdict verdict)
{
    const unsigned final = 1u << RECEIPT_WRONG_STREAM | 1u << RECEIPT_WRONG_SEQUENCE | 1u << RECEIPT_WRONG_ID |
                           1u << RECEIPT_TOO_LARGE | 1u << RECEIPT_SEALED | 1u << RECEIPT_NO_ROLLUP |
                           1u << RECEIPT_LONG_TOPIC | 1u << RECEIPT_NO_RIGHT;
    return final >> verdict & 1u;
}

/* What became of one message at the stream that keeps its topic. */
struct receipt {
    const char *stream; /* its name; NULL: nobody keeps the topic */
    uint64_t epoch;
    uint64_t sequence;  /* under which it is kept; of a duplicate, that of the first; 0: not kept */
    uint64_t found;     /* see the verdicts */
    enum receipt_verdict verdict;
    bool duplicate;     /* its id was seen a short while ago: it was not kept again */
    bool durable;       /* it will outlive the daemon: acknowledge it when stream_last has come to its sequence */
};

enum { BATCH_MESSAGES_MAX = 512 };

/* Consecutive messages of one topic from one publisher, in order. */
struct batch {
    struct slice topic;
    struct slice group; /* the group for which a member was picked; empty: plain delivery */
    const struct message *messages;
    unsigned count;     /* at most BATCH_MESSAGES_MAX */
    unsigned hops;      /* how many workers it has passed; 0: this one published it */
    const void *origin; /* the session that published it, NULL where it came from elsewhere: sinks with no echo ask */
    uint64_t connection; /* by which that came: a later one has a higher number; 0: none, and it has no trains */
    struct slice user;  /* whose it is; empty: nobody in particular */
    struct receipt *receipts; /* one a message, for those who keep them to fill in; NULL: nobody asks */
    bool has_taker;     /* somebody else may answer: who finds nobody left for it at another worker does not say so */
    bool is_judged;     /* a stream has accepted them: who keeps them besides need not look at ids and trains again */
    bool is_partial;    /* its publisher may not publish to all that the stream keeps: he rolls up his topics alone */
    bool in_order;      /* once one cannot be kept now, those behind it are not either: RECEIPT_BEHIND */
    bool no_responders; /* the broker's word that nobody took a request: no message, and only for those who want it */
    uint64_t serial;    /* names these messages within a worker, so that bytes formatted for one sink can serve the
                           next; 0: nameless */
};

struct sink;
struct index_node;
struct index_group;

/* Keepers come before all other sinks, only where a message is published, and are nobody who could answer as others
 * do. */
enum sink_keeping {
    SINK_LIVE,            /* keeps nothing */
    SINK_KEEPS,           /* keeps messages for later readers, and says which it has accepted (batch->receipts) */
    SINK_KEEPS_ACCEPTED,  /* comes after those, and keeps what they have accepted or did not ask for */
};

struct sink_ops {
    /*
     * Takes the batch, or as many messages from its start as the sink still wants, and returns how many. 0: it can
     * receive nothing (closing, no echo): a group then turns to another member. Must not add or remove sinks. A keeper
     * returns how many it will answer, where their publisher asks for it.
     */
    unsigned (*deliver)(struct sink *sink, const struct batch *batch);

    /*
     * How many messages of such a batch it would take now. A group asks before it deals a batch out to its members:
     * what a member refuses unasked still goes to another, but no longer in the order of the publisher. NULL: all.
     */
    unsigned (*room)(const struct sink *sink, const struct batch *batch);

    /* True where so much waits to be taken by whoever is behind it that those who can wait with more should.
     * NULL: never. */
    bool (*is_full)(const struct sink *sink, struct slice topic);
};

struct sink {
    const struct sink_ops *ops;
    struct sink *target; /* plain sinks with one target are delivered to once, through it; members of a group with a
                            target stand for members elsewhere. NULL: this sink is its own */
    uint8_t keeper;      /* enum sink_keeping */
    bool is_limited;     /* not all that its pattern names is for it: who put it there looks at each topic */
    uint32_t weight;     /* members behind it, when a group picks; 1 for a subscriber. May change at any time. */
    /* The index's own. */
    struct sink *next, **link;
    struct index_node *node;
    struct index_group *group; /* NULL: plain */
};

#endif
