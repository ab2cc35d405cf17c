/*
 * hook: one webhook at work. For each stream that its pattern touches it has a consumer, which remembers what was
 * taken, what waits to be tried again and how often it was tried; what the hook has in hand besides is in lanes,
 * without its bytes: these are read from the stream when it is sent.
 *
 *     stream -- consumer -- deliver --> parcel --lanes--> flight --> receiver
 *                  ^                                        |
 *                  `---- ack; nak, for a while; term -------'
 *
 *   hook.c     coming, going, what is due        flight.c   an attempt, and what comes of it
 *   source.c   a stream and its consumer         replay.c   dead letters that are sent again
 *   probe.c    a request about no message        verify.c   whether the receiver wants them
 *
 * All hooks of a thread share a world. Belongs to that thread.
 */
#ifndef PUSH_HOOK_H
#define PUSH_HOOK_H

#include "broker/webhooks.h"
#include "consumer/consumer.h"
#include "net/timer.h"
#include "push/attempts.h"
#include "push/breaker.h"
#include "push/deliver.h"
#include "push/lanes.h"
#include "push/pace.h"
#include "push/settings.h"
#include "push/traffic.h"

struct hook;
struct hook_source;
struct loop;
struct signer;

enum {
    HOOK_KEYED_WINDOW = 512,         /* messages in hand, so that those of other keys find their way past one that
                                        waits */
};

/* What is told of a webhook. */
enum hook_event {
    HOOK_FAILING,
    HOOK_RECOVERED,
    HOOK_DISABLED,                   /* for what the receiver did */
    HOOK_STOPPED,                    /* by hand */
    HOOK_VERIFIED,
    HOOK_UNVERIFIED,                 /* the receiver does not say that it wants it */
    HOOK_DEAD,
    HOOK_EVENT_COUNT
};

/* The owner's. */
struct hook_ops {
    /* A message that is given up: it is kept where dead letters are, and true is returned when it is; it is asked again
     * until then. words say what the receiver did. */
    bool (*bury)(void *arg, struct hook_source *source, const struct stream_message *message, uint64_t attempt_count,
                 struct slice words);

    /* reason is text for people. The settings of a hook that is disabled, verified, or no longer so, have changed, and
     * are to be stored. It calls nothing of the hook. */
    void (*tell)(void *arg, struct hook *hook, enum hook_event event, const char *reason);

    /* For a source whose consumer stands at position: true where it is known that nothing up to *ret_until is for it.
     * NULL: that is never known. */
    bool (*next)(void *arg, struct hook_source *source, uint64_t position, uint64_t *ret_until);

    /* It has been run: positions may have changed. May be NULL. */
    void (*ran)(void *arg, struct hook *hook);
};

/* What hooks share. Filled in by the owner, but for the lists and the traffic. */
struct hook_world {
    struct loop *loop;
    struct deliver *deliver;
    struct signer *signer;
    struct random random;
    uint64_t hash_seed;
    struct traffic traffic;
    unsigned attempts_kept;
    const char *origin;              /* who we are, for receivers that are asked */
    const struct hook_ops *ops;
    void *arg;
    struct list ready;               /* hooks with something to do */
    struct list starved;             /* those that wait until the traffic lets another request begin */
};

/* Borrows the loop. connections_max: requests under way at once. */
void hook_world_init(struct hook_world *world, struct loop *loop, unsigned connections_max);
/* Without hooks. */
void hook_world_finish(struct hook_world *world);

/* Runs those that are ready, for a while. True where there is more to do at once. */
bool hooks_run(struct hook_world *world);

/* A message that is not taken in hand. */
struct settlement {
    uint64_t sequence;
    bool is_again;                   /* there was no memory for it; else the filter does not want it */
};

/* A stream of a hook. */
struct hook_source {
    struct list place;               /* of its hook */
    struct hook *hook;
    struct stream *stream;           /* a reference */
    struct consumer *consumer;
    uint64_t asked;                  /* messages that the consumer still owes */
    struct settlement *settlements;  /* what is to be told to the consumer after its run; there is room for all asked */
    size_t settlement_count, settlement_room;
    struct list held;                /* of parcels that were in hand before, and are not yet in lanes */
    struct replay *replay;           /* a stream of dead letters, without a consumer; NULL: it is none */
    bool is_queue;                   /* what is done with goes out of the stream */
    bool is_passing;                 /* but what is not for it stays */
    void *owner;                     /* who put it there may note something */
};

struct hook_counts {
    uint64_t delivered, failed;      /* attempts */
    uint64_t results[RETRY_GONE + 1], buckets[WEBHOOK_BUCKET_COUNT], duration_ms; /* of them: see webhook_tally */
    uint64_t guarded;
    uint64_t dead, passed, lost;     /* messages: given up; not for it, by its filter; gone before they were sent */
};

struct hook {
    struct hook_world *world;
    struct webhook_settings settings;
    struct list sources;
    struct list graves;              /* further ones, of dead letters that are sent again */
    struct list probes;              /* under way */
    struct lanes lanes;
    struct breaker breaker;
    struct pace pace;
    struct verification *verification; /* NULL: it has never been asked for */
    struct attempts attempts;
    struct list place;               /* in world->ready or world->starved */
    struct list parcels;             /* all of them */
    struct timer timer;
    struct hook_counts counts;
    uint64_t failing_since_ms;       /* wall clock, of the first failure since a success; 0: there was none */
    uint64_t last_success_ms;        /* wall clock; 0: never */
    void *owner;

    /* What it has done, on its way into meta: the owner's. */
    struct list unkept;
    uint64_t kept_stamp;
    const struct webhook_tally *tally; /* as it was last told; NULL: it never was. The owner's */
    unsigned tally_place;            /* among those that are told one by one, from 1; 0: it is not */
    unsigned credit;                 /* requests that it may begin before others that wait */
};

/* Takes the settings, which are complete and checked. 0 or -ENOMEM; then they are still the caller's. */
int hook_create(struct hook_world *world, struct webhook_settings *settings, struct hook **ret_hook);
/* What is under way is given up. The owner has saved what is to be saved. Takes NULL. */
void hook_destroy(struct hook *hook);

/* Other settings, of the same name, pattern, filter, mode and key: these would need another hook. Takes them. */
void hook_change(struct hook *hook, struct webhook_settings *settings);
/* True where hook_change can make these of it. */
bool hook_can_change(const struct hook *hook, const struct webhook_settings *settings);

void hook_enable(struct hook *hook);
/* As if it had been told so: what is under way comes to its end. */
void hook_disable(struct hook *hook, const char *reason);
/* Somebody has done it by hand: that is no fault. */
void hook_stop(struct hook *hook);

/* Adds a stream, of which a reference is taken. state is what hook_source_save wrote, or empty: then it begins as the
 * settings say, or, with from_start, at the beginning. 0 or -ENOMEM. */
int hook_add_source(struct hook *hook, struct stream *stream, struct slice state, bool from_start,
                    struct hook_source **ret_source);
/* What is under way of it is given up. */
void hook_remove_source(struct hook_source *source);
struct hook_source *hook_find_source(const struct hook *hook, const struct stream *stream);

/* Sends a message once more, beside all others: whatever comes of it changes nothing else. 0; -ENOENT: it is not kept;
 * -EAGAIN: it is on disk and being fetched; -ENOMEM. */
int hook_resend(struct hook_source *source, uint64_t sequence);

/* Sends dead letters of a stream of them once more, each under the id that it had, and takes those out of the stream
 * that the receiver takes; what comes of the others changes nothing. Their sequences, the newest first. Those that are
 * under way already are left out: *ret_count is how many are not. 0 or -ENOMEM. What has not been sent when the hook
 * goes stays where it is. */
int hook_replay(struct hook *hook, struct stream *stream, const uint64_t *sequences, size_t count, size_t *ret_count);

/* Asks the receiver now. Embedded in its owner, who is told when it has answered; or, with is_gone, that the hook has
 * ended. 0 or -ENOMEM, and then he is not. */
struct verify_waiter {
    struct list place;
    void (*done)(struct verify_waiter *waiter, bool is_gone);
};
int hook_verify(struct hook *hook, struct verify_waiter *waiter);

/* There may be something to do. */
void hook_is_ready(struct hook *hook);

/* The name of its consumers. */
#define HOOK_CONSUMER_PREFIX "webhook-"

/* For the files of a hook. */

/* One message in hand. */
struct parcel {
    struct lane_entry entry;         /* first */
    struct list place;               /* in hook->parcels, or in source->held */
    struct hook_source *source;
    uint64_t sequence;
    uint64_t number;                 /* of its next attempt, or of the one under way */
    bool is_extra;                   /* somebody has asked for it to be sent once more */
    bool is_waiting;                 /* held: its consumer will deliver it again */
    struct flight *flight;           /* NULL: it is not under way */
};

struct consumer_time hook_time(const struct hook *hook);

/* How many messages more it may take in hand; and when that may change by time alone. */
unsigned hook_room(struct hook *hook);
/* May one more attempt begin now? */
bool hook_admits(struct hook *hook);

/* verify.c */
/* True where it may send; else it is asked for when that is due: *deadline_ms is when at the latest, if that is before
 * it. */
bool verify_run(struct hook *hook, uint64_t *deadline_ms);
/* Other settings: it is asked anew where that is needed. */
void verify_reset(struct hook *hook);
void verify_free(struct hook *hook);

/* replay.c */
/* Takes as many in hand as there is room for. */
void replay_run(struct hook *hook);
/* One is no longer in hand. */
void replay_drop(struct replay *replay);
void replay_free(struct replay *replay);

/* source.c */
/* A source without a consumer. NULL: out of memory. */
struct hook_source *source_create(struct hook *hook, struct stream *stream, struct list *list);
/* Makes a parcel and puts it into its lane. NULL: out of memory. */
struct parcel *source_add(struct hook_source *source, const struct stream_message *message, uint64_t number,
                          enum lane_state state);
/* One that is sent beside all others, in a lane of its own. NULL: out of memory. */
struct parcel *source_add_extra(struct hook_source *source, uint64_t sequence);
void source_drop(struct parcel *parcel);
/* False: it waits for a block. */
bool source_take_up(struct hook_source *source);
/* Asks the consumer for more, and lets it deliver. True where it wants to go on at once; else *deadline_ms is when at
 * the latest, if that is before it. */
bool source_run(struct hook_source *source, uint64_t *deadline_ms);
/* What a client would say of a message. */
void source_settle(struct hook_source *source, enum consumer_ack_kind kind, uint64_t sequence, uint64_t delay_ms,
                   struct slice words);

/* flight.c: begins an attempt. 0 or -ENOMEM. */
int flight_start(struct parcel *parcel, const struct stream_message *message);
void flight_cancel(struct parcel *parcel);

#endif
