/*
 * settings: what a consumer is told to be. They come from the JetStream API, from HTTP and from what was stored. Field
 * by field they are the config object of that API, with durations in milliseconds, and with its conventions: 0 is what
 * nobody has set, -1 is no bound. consumer_settings_complete puts defaults in the place of what nobody has set. Pure;
 * any thread.
 */
#ifndef CONSUMER_SETTINGS_H
#define CONSUMER_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/slice.h"

struct stream_settings;

enum {
    CONSUMER_NAME_SIZE_MAX = 255,
    CONSUMER_DESCRIPTION_SIZE_MAX = 4096,
    CONSUMER_METADATA_SIZE_MAX = 128 << 10,
    CONSUMER_PENDING_LIMIT = 1 << 20, /* the highest max_ack_pending, and what -1 means: memory is bounded by it */
    CONSUMER_WAITING_LIMIT = 64 << 10, /* the highest max_waiting */
    CONSUMER_BACKOFF_LIMIT = 256,      /* steps of a backoff */
    CONSUMER_FILTER_LIMIT = 1024,
};

/* Where a new consumer begins. */
enum consumer_start {
    CONSUMER_START_ALL,
    CONSUMER_START_LAST,           /* with the last message */
    CONSUMER_START_NEW,            /* behind it */
    CONSUMER_START_SEQUENCE,
    CONSUMER_START_TIME,
    CONSUMER_START_LAST_PER_TOPIC, /* with the last message of each topic, then all that are new */
};

enum consumer_ack_policy {
    CONSUMER_ACK_NONE,             /* what is delivered counts as acknowledged */
    CONSUMER_ACK_ALL,              /* an acknowledgement counts for all before it as well */
    CONSUMER_ACK_EXPLICIT,
};

enum consumer_replay {
    CONSUMER_REPLAY_INSTANT,
    CONSUMER_REPLAY_ORIGINAL,      /* what was kept before the consumer came leaves at the pace at which it came in */
};

struct consumer_settings {
    char *name;
    char *description;             /* NULL: none */
    char *metadata;                /* a JSON object as text; NULL: none */
    char **filters;                /* patterns, of which none overlaps another; none: all of the stream */
    unsigned filter_count;
    bool durable;                  /* it outlives its users, and the daemon */
    bool memory_storage;           /* how far it has come is not stored */
    enum consumer_start start;
    uint64_t start_sequence;       /* of CONSUMER_START_SEQUENCE; 0: not set */
    uint64_t start_time_ms;        /* of CONSUMER_START_TIME, wall clock; 0: not set */
    enum consumer_ack_policy ack_policy;
    enum consumer_replay replay;
    uint64_t ack_wait_ms;          /* after which what is not acknowledged is delivered again */
    int64_t max_deliver;           /* how often a message is delivered */
    uint64_t *backoff_ms;          /* in the place of ack_wait_ms: after the first delivery, the second ... */
    unsigned backoff_count;
    int64_t max_ack_pending;       /* messages that are delivered and not acknowledged, at most */
    uint64_t inactive_threshold_ms; /* nobody used it for so long: it goes. 0: it stays */
    bool headers_only;             /* no payload, but a header Nats-Msg-Size */
    char *sample_frequency;        /* accepted and shown, "50%"; NULL: none */
    /* Pull. */
    int64_t max_waiting;           /* requests that wait, at most */
    int64_t max_batch;             /* what a request may ask for; 0: anything */
    uint64_t max_expires_ms;
    int64_t max_bytes;
    /* Push. */
    char *deliver_topic;           /* NULL: a pull consumer */
    char *deliver_group;           /* NULL: none */
    bool flow_control;
    uint64_t idle_heartbeat_ms;
    uint64_t rate_limit_bps;       /* bits a second; 0: no limit */
    uint64_t created_ms;           /* wall clock; no part of what is compared */
};

/* All zero: nothing is set. */
void consumer_settings_init(struct consumer_settings *settings);
void consumer_settings_finish(struct consumer_settings *settings);
/* 0 or -ENOMEM. */
int consumer_settings_copy(struct consumer_settings *to, const struct consumer_settings *from);

/* Puts the defaults where nothing is set. */
void consumer_settings_complete(struct consumer_settings *settings);

bool consumer_settings_equal(const struct consumer_settings *a, const struct consumer_settings *b);

/* What can be wrong with settings. The numbers are those of the errors of the JetStream API. */
enum consumer_fault {
    CONSUMER_GOOD = 0,
    CONSUMER_FAULT_CREATE = 10012,              /* what has no number of its own; also changes that cannot be made */
    CONSUMER_FAULT_IN_USE = 10013,
    CONSUMER_FAULT_DELIVER_WILDCARDS = 10079,
    CONSUMER_FAULT_PUSH_MAX_WAITING = 10080,
    CONSUMER_FAULT_DELIVER_CYCLE = 10081,
    CONSUMER_FAULT_PENDING_WITHOUT_ACK = 10082,
    CONSUMER_FAULT_SMALL_HEARTBEAT = 10083,
    CONSUMER_FAULT_PULL_WITHOUT_ACK = 10084,
    CONSUMER_FAULT_PULL_RATE_LIMIT = 10086,
    CONSUMER_FAULT_NEGATIVE_MAX_WAITING = 10087,
    CONSUMER_FAULT_PULL_HEARTBEAT = 10088,
    CONSUMER_FAULT_PULL_FLOW_CONTROL = 10089,
    CONSUMER_FAULT_FILTER_NOT_SUBSET = 10093,
    CONSUMER_FAULT_POLICY = 10094,
    CONSUMER_FAULT_SAMPLING = 10095,
    CONSUMER_FAULT_QUEUE_ACK = 10098,           /* of work-queue streams */
    CONSUMER_FAULT_QUEUE_UNFILTERED = 10099,
    CONSUMER_FAULT_QUEUE_FILTER = 10100,
    CONSUMER_FAULT_QUEUE_START = 10101,
    CONSUMER_FAULT_NAME_TOO_LONG = 10102,
    CONSUMER_FAULT_NAME = 10103,
    CONSUMER_FAULT_DESCRIPTION_TOO_LONG = 10107,
    CONSUMER_FAULT_FLOW_WITHOUT_HEARTBEAT = 10108,
    CONSUMER_FAULT_DELIVER_TOPIC = 10112,
    CONSUMER_FAULT_NEGATIVE_MAX_BATCH = 10114,
    CONSUMER_FAULT_SMALL_MAX_EXPIRES = 10115,
    CONSUMER_FAULT_BACKOFF = 10116,
    CONSUMER_FAULT_PENDING_EXCESS = 10121,
    CONSUMER_FAULT_NAME_SEPARATOR = 10127,
    CONSUMER_FAULT_METADATA_TOO_LONG = 10135,
    CONSUMER_FAULT_FILTERS_OVERLAP = 10138,
    CONSUMER_FAULT_EMPTY_FILTER = 10139,
};

#define CONSUMER_FAULT_TEXT_SIZE 256

/* What is wrong with completed settings of a consumer of that stream, and a sentence about it in room. */
enum consumer_fault consumer_settings_check(const struct consumer_settings *settings,
                                            const struct stream_settings *stream, char room[CONSUMER_FAULT_TEXT_SIZE]);

/* What cannot be changed on a consumer that is there. That its deliver topic changes while somebody listens is the
 * caller's to refuse (CONSUMER_FAULT_IN_USE). */
enum consumer_fault consumer_settings_check_change(const struct consumer_settings *from,
                                                   const struct consumer_settings *to,
                                                   char room[CONSUMER_FAULT_TEXT_SIZE]);

/* What forbids two consumers beside one another on a work-queue stream: there each message is for one of them. */
enum consumer_fault consumer_settings_check_beside(const struct consumer_settings *settings,
                                                   const struct consumer_settings *other,
                                                   char room[CONSUMER_FAULT_TEXT_SIZE]);

static inline bool consumer_settings_is_push(const struct consumer_settings *settings)
{
    return settings->deliver_topic != NULL;
}

#endif
