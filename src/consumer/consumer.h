/*
 * consumer: one named, acknowledged reader of a stream, as a machine without sockets, threads or a clock of its own. It
 * knows how far it has read, what is delivered and not yet acknowledged, and who waits for messages; it says by
 * callbacks what is to be sent to whom.
 *
 *      stream --read--> filter --new--> to a request, or to the deliver topic --> pending --acknowledged--> gone
 *                                       ^                                         |  |
 *                                       `-- due again: nak, or nobody answers ----'  `-- too often, terminated --> dead
 *
 * A consumer belongs to one thread, its stream's home worker. Its owner feeds it requests and acknowledgements and
 * calls consumer_run whenever something may have changed: a request or an acknowledgement came, the stream's watch was
 * woken, somebody has begun to listen, or the deadline that the last run named has come.
 */
#ifndef CONSUMER_CONSUMER_H
#define CONSUMER_CONSUMER_H

#include "consumer/settings.h"
#include "stream/stream.h"

struct consumer;

/* What time it is. */
struct consumer_time {
    uint64_t now_ms;                 /* never goes back: deadlines are counted by it */
    uint64_t wall_ms;                /* what is shown, and by what messages grow too old */
};

/* Messages that are delivered in one call, at most. */
#define CONSUMER_BATCH_MAX 256

/* One message on its way to a client. */
struct consumer_delivery {
    struct stream_message message;   /* head and payload lie together (head.data), or either is empty */
    uint64_t consumer_sequence;      /* counts deliveries of this consumer */
    uint64_t delivery_count;         /* of this message, this one counted */
    uint64_t pending;                /* messages that match and are still to come: 0 exactly where there is none */
    bool is_new;                     /* it was never delivered before, even to be given back */
};

/* What a client is told that is no message. As text, and its number, by consumer_status_text and _code. */
enum consumer_status_kind {
    CONSUMER_STATUS_HEARTBEAT,        /* 100 Idle Heartbeat: last_consumer, last_stream, and stalled_id where not 0 */
    CONSUMER_STATUS_FLOW_CONTROL,     /* 100 FlowControl Request: to be answered under flow_id */
    CONSUMER_STATUS_BAD_REQUEST,      /* 400 Bad Request - and words in detail */
    CONSUMER_STATUS_NO_MESSAGES,      /* 404 */
    CONSUMER_STATUS_TIMEOUT,          /* 408 Request Timeout: with what was not delivered */
    CONSUMER_STATUS_MAX_WAITING,      /* 409 Exceeded MaxWaiting */
    CONSUMER_STATUS_MAX_BATCH,        /* 409 Exceeded MaxRequestBatch of, and limit */
    CONSUMER_STATUS_MAX_EXPIRES,      /* 409 Exceeded MaxRequestExpires of, and limit (ms) */
    CONSUMER_STATUS_MAX_BYTES,        /* 409 Exceeded MaxRequestMaxBytes of, and limit */
    CONSUMER_STATUS_TOO_LARGE,        /* 409 Message Size Exceeds MaxBytes: with what was not delivered */
    CONSUMER_STATUS_COMPLETED,        /* 409 Batch Completed: with what was not delivered, where it asked for bytes */
    CONSUMER_STATUS_PUSH,             /* 409 Consumer is push based */
    CONSUMER_STATUS_DELETED,          /* 409 Consumer Deleted */
    CONSUMER_STATUS_SHUTDOWN,         /* 409 Server Shutdown */
};

struct consumer_status {
    enum consumer_status_kind kind;
    bool has_pending;                /* pending_messages and pending_bytes are to be shown */
    uint64_t pending_messages, pending_bytes;
    uint64_t last_consumer, last_stream;
    uint64_t flow_id;
    uint64_t stalled_id;
    uint64_t limit;
    const char *detail;
};

/* 100, 404 ...; and "Idle Heartbeat", "No Messages" ... */
int consumer_status_code(enum consumer_status_kind kind);
const char *consumer_status_text(enum consumer_status_kind kind);

enum consumer_interest {
    CONSUMER_NOBODY,                 /* listens there */
    CONSUMER_LISTENS,
    CONSUMER_BUSY,                   /* somebody does, who can take nothing now */
};

enum consumer_death { CONSUMER_MAX_DELIVER, CONSUMER_TERMINATED };

/* The owner's. None of them may call a function of this consumer but consumer_needs. arg is that of
 * consumer_create. Slices are borrowed for the call. */
struct consumer_ops {
    /* Messages for one topic, in order: 1 to CONSUMER_BATCH_MAX. */
    void (*deliver)(void *arg, struct slice topic, const struct consumer_delivery *deliveries, unsigned count);

    void (*status)(void *arg, struct slice topic, const struct consumer_status *status);

    /* Who listens on a topic; group empty: anybody. */
    enum consumer_interest (*interest)(void *arg, struct slice topic, struct slice group);

    /* A message that will not be delivered again and is not acknowledged: the owner keeps a copy where dead letters are
     * kept, and does what done_with would ask for. words are the client's (may be empty). False: it is not kept yet; it
     * stays pending, and this is asked again by the next runs. NULL: such messages are dropped. */
    bool (*dead)(void *arg, const struct stream_message *message, enum consumer_death death, uint64_t delivery_count,
                 struct slice words);

    /* This consumer will not need the message again: streams that keep messages for their consumers ask the others
     * (consumer_needs) and delete it. NULL: nobody wants to know. */
    void (*done_with)(void *arg, uint64_t sequence);

    /* Deliveries need not say how many messages are still to come, for which the next has to be looked for. */
    bool pending_is_unwanted;
};

/* Of completed and checked settings, which are copied. Borrows stream, ops and arg. 0 or -ENOMEM. */
int consumer_create(struct stream *stream, const struct consumer_settings *settings, const struct consumer_ops *ops,
                    void *arg, struct consumer_time time, struct consumer **ret_consumer);
/* Tells nobody. Takes NULL. */
void consumer_destroy(struct consumer *consumer);

/* Borrowed until the settings change. */
const struct consumer_settings *consumer_get_settings(const struct consumer *consumer);
/* What consumer_settings_check_change lets pass. 0 or -ENOMEM. */
int consumer_set_settings(struct consumer *consumer, const struct consumer_settings *settings,
                          struct consumer_time time);

/* Does what is due: looks at about budget messages and requests. */
enum consumer_want {
    CONSUMER_IDLE,                   /* nothing to do before deadline_ms, unless something happens */
    CONSUMER_MORE,                   /* the budget is used up: call again in the next turn */
    CONSUMER_AWAY,                   /* waits for the disk: call again when the watch is woken, or at the deadline */
    CONSUMER_INACTIVE,               /* nobody has used it for inactive_threshold_ms: to be deleted */
};
enum consumer_want consumer_run(struct consumer *consumer, struct consumer_time time, unsigned budget,
                                uint64_t *ret_deadline_ms);

/* Gives back what it needs at work alone, where nothing is pending: for owners of many that are seldom used. */
void consumer_rest(struct consumer *consumer);

/* Pull: what a client asks for. */
struct consumer_request {
    struct slice reply;              /* to whom messages and statuses go; not empty */
    uint64_t batch;                  /* 0 means 1 */
    uint64_t expires_ms;             /* from now; 0: never */
    uint64_t max_bytes;              /* topic, reply, headers and payload of the messages; 0: no bound */
    uint64_t idle_heartbeat_ms;      /* 0: none */
    bool no_wait;                    /* ends as soon as there is no message */
};

/* Copies it into the queue, or refuses it by a status. Delivers nothing: that is consumer_run's. 0 or -ENOMEM. */
int consumer_add_request(struct consumer *consumer, const struct consumer_request *request, struct consumer_time time);

/* Ends all requests that wait, with this status. */
void consumer_dismiss(struct consumer *consumer, enum consumer_status_kind kind);

/* What a client says of a message that was delivered to it. */
enum consumer_ack_kind {
    CONSUMER_ACK,                    /* +ACK; of +NXT too, and then the owner adds a request */
    CONSUMER_NAK,                    /* deliver it again, delay_ms from now */
    CONSUMER_PROGRESS,               /* +WPI: ack_wait begins anew */
    CONSUMER_TERM,                   /* never again: it is dead; words say why */
};

struct consumer_ack {
    enum consumer_ack_kind kind;
    uint64_t sequence;               /* of the message in the stream */
    uint64_t consumer_sequence;      /* as it was delivered */
    uint64_t delivery_count;         /* as it was delivered; 0: not known */
    uint64_t delay_ms;
    bool is_unbegun;                 /* CONSUMER_NAK: nobody has tried: the delivery does not count */
    struct slice words;
};

/* True where it told something new: it is not acknowledged, dead or delivered to others since. */
bool consumer_acknowledge(struct consumer *consumer, const struct consumer_ack *ack, struct consumer_time time);

/* Push: the client has answered the flow control request of that id. Late answers are ignored. */
void consumer_flow_answered(struct consumer *consumer, uint64_t flow_id);

/* After messages were deleted or purged: forgets those that were pending and are gone. Otherwise that is found out when
 * they are due again. */
void consumer_recheck(struct consumer *consumer);

/* All up to here is delivered, or is not for it; 0 while it is not known where it begins. */
uint64_t consumer_position(const struct consumer *consumer);

/* All up to here is done with: acknowledged, dead, or not for it; 0 while it is not known where it begins. */
uint64_t consumer_floor(const struct consumer *consumer);

/* How many are delivered and neither acknowledged nor dead. */
uint64_t consumer_unsettled(const struct consumer *consumer);

/* Nothing behind its position, up to here, is for it: so it need not look. Whoever says it knows. */
void consumer_skip(struct consumer *consumer, uint64_t until);

/* True where the message, which is in the stream, is still to be delivered or acknowledged here. */
bool consumer_needs(const struct consumer *consumer, uint64_t sequence, struct slice topic);

/* What is delivered and neither acknowledged nor dead, in the order of the sequences. visit calls nothing here. For
 * whoever takes up a consumer and has forgotten what he had in hand. */
struct consumer_pending {
    uint64_t sequence;
    uint64_t delivery_count;
    uint64_t wait_ms;                /* until it is delivered again; 0: as soon as somebody takes it */
};
void consumer_visit_pending(const struct consumer *consumer, struct consumer_time time,
                            void (*visit)(void *arg, const struct consumer_pending *pending), void *arg);

/* How far it has come, as INFO shows it. */
struct consumer_place {
    uint64_t consumer_sequence, stream_sequence;
    uint64_t last_active_ms;         /* wall clock; 0: never */
};

struct consumer_info {
    struct consumer_place delivered, ack_floor;
    uint64_t ack_pending_count, redelivered_count, waiting_count;
    uint64_t pending_count;          /* messages that match and are still to come: exact without filters, and where
                                        all of the topics that match is still to come; else counted as far as memory
                                        goes, and estimated beyond */
    bool push_bound;                 /* somebody listens on the deliver topic */
};
void consumer_get_info(struct consumer *consumer, struct consumer_time time, struct consumer_info *ret_info);

/* State that outlives the daemon. */

/* True where something has changed since consumer_save or consumer_load, and can be saved: while it has to be read from
 * disk where a new consumer begins, nothing can. */
bool consumer_is_dirty(const struct consumer *consumer);

/* Room for consumer_save, now. */
size_t consumer_save_size(const struct consumer *consumer);
/* Writes the state at out and returns its size. It is not dirty then. */
size_t consumer_save(struct consumer *consumer, struct consumer_time time, char *out);

/* Takes up a state that was saved, on a consumer that has delivered nothing: clamped to the end of the stream, without
 * what is no longer kept. 0, -ENOMEM, or -EBADMSG: it is none; nothing has changed then. */
int consumer_load(struct consumer *consumer, struct slice state, struct consumer_time time);

#endif
