/*
 * home: what a stream has on the worker on which its consumers live: they, and the sinks under which they are asked and
 * answered. seat: one consumer there.
 *
 *   $JS.API.CONSUMER.MSG.NEXT.S.*    requests     `
 *   $JS.ACK.S.>                      what clients say of messages     > letters, looked at in the turn
 *   $JS.FC.S.>                       answers to flow control         '
 *
 * A home comes when the stream is tied to the worker and goes with it. Belongs to the worker's thread.
 */
#ifndef JETSTREAM_HOME_H
#define JETSTREAM_HOME_H

#include "jetstream/state.h"
#include "net/timer.h"

struct corpse;

enum { HOME_SINKS = 3 };

struct home_sink {
    struct sink sink; /* first */
    struct jetstream *jetstream;
    bool listens;
};

struct home {
    struct list place;               /* in jetstream->homes */
    struct jetstream *jetstream;
    struct keeper *keeper;
    struct stream *stream;           /* the keeper's */
    const char *name;                /* the stream's */
    struct home_sink sinks[HOME_SINKS];
    struct seat **table;             /* by name; a power of two of places, chained */
    size_t table_size, seat_count;
    bool is_stored;                  /* positions outlive the daemon */
    bool keeps_settings;             /* settings of consumers do */
    enum stream_retention retention;

    /* Dead letters. */
    bool buries;                     /* what is dead is kept; false for streams of dead letters */
    bool opening_grave;              /* their stream is being made */
    bool grave_failed;               /* it could not be made, and that has been said */
    uint64_t grave_retry_ms;         /* not before then again */

    /* Retention by interest: what has been looked at, since consumers came or went; and up to where others, webhooks,
     * needed nothing when that was last seen. */
    uint64_t swept;
    bool sweeping;
    uint64_t held;
};

struct seat {
    struct list place;               /* in jetstream->ready, while there is something to do */
    struct list unsaved;             /* in jetstream->unsaved */
    struct list pushing;             /* in jetstream->pushing, where it has a deliver topic */
    struct home *home;               /* NULL: it is gone, and what others have of it is still under way */
    struct consumer *consumer;
    struct seat *next;               /* in its place of the table */
    uint64_t hash;
    struct slice name;               /* the consumer's settings' */
    char *prefix;                    /* "$JS.ACK.STREAM.CONSUMER.", of replies */
    size_t prefix_size;
    struct timer timer;              /* when the consumer wants to be run */
    uint64_t stalled_until_ms;       /* whom it delivers to can take no more until then */
    struct survey echo;              /* on its way to the receivers on other workers, after a window of deliveries */
    bool echoing;
    size_t unechoed, window;         /* bytes */
    bool is_bound;                   /* somebody listens on the deliver topic, as was last seen */
    struct corpse *corpses;

    /* Its position in meta. */
    struct meta_job job;
    char *key, *state;
    size_t state_room;
    bool saving, save_failed, failure_told;
    uint64_t save_count;             /* of the save under way, or the last */
    uint64_t saved_ms;
    struct acks answers;             /* to acknowledgements that asked for one, when their save is done */
};

/* The home of a stream here; NULL: it is elsewhere, or there is no such stream. */
struct home *home_find(struct jetstream *jetstream, struct slice stream);

/* For keepers: a stream is tied, or about to be untied. */
void home_tied(void *arg, struct keeper *keeper);
void home_untied(void *arg, struct keeper *keeper);
/* ... and it has gone on. */
void home_advanced(void *arg, struct keeper *keeper);

/* Ends all, without a word to meta. */
void homes_finish(struct jetstream *jetstream);

/* Messages were taken out: consumers may wait for what is gone. Nothing happens where the home is elsewhere. */
void home_recheck(struct jetstream *jetstream, struct slice stream);

struct seat *home_find_seat(const struct home *home, struct slice name);

/* For seats alone. 0 or -ENOMEM. */
int home_add_seat(struct home *home, struct seat *seat);
void home_remove_seat(struct home *home, struct seat *seat);

/* Seats in the order of their names, in an array to be freed. NULL: out of memory, or none. */
struct seat **home_list_seats(const struct home *home);

/* Makes a seat for a consumer of these settings, which are copied, and of a state that was saved (NULL: a new one). 0
 * or -ENOMEM. */
int seat_create(struct home *home, const struct consumer_settings *settings, struct slice state,
                struct seat **ret_seat);

/* Other settings. 0 or -ENOMEM. */
int seat_change(struct seat *seat, const struct consumer_settings *settings);

/* Puts its position now, where it is stored. */
void seat_put_position(struct seat *seat);

/* Under which a consumer is stored, and as what; freed by the caller. NULL: out of memory. */
char *seat_key(const char *stream, const char *consumer);
char *seat_settings_text(const struct consumer_settings *settings);

/* Ends a consumer: those who wait for it are told. With forget, meta forgets it. */
void seat_destroy(struct seat *seat, bool forget);

/* Something of it that was with others is back: it goes on, or is freed where it only waited for that. */
void seat_is_back(struct seat *seat);

/* Frees those of which something never came back. */
void seats_finish(struct jetstream *jetstream);

/* There is something to do for it. */
void seat_is_ready(struct seat *seat);

/* Runs those that are ready. True where some still are. */
bool seats_run(struct jetstream *jetstream);

/* Sinks have come or gone: runs those whose listeners did. */
void seats_look_for_listeners(struct jetstream *jetstream);

/* Its position has changed, perhaps. reply (may be empty) is answered when it is stored. */
void seat_has_changed(struct seat *seat, struct slice reply);

/* Puts the positions that are due. The last time: all, and nobody waits for it. */
void seats_save(struct jetstream *jetstream);
void seats_save_last(struct jetstream *jetstream);

/* deliver.c */
extern const struct consumer_ops seat_ops;           /* of streams that keep messages by their bounds alone */
extern const struct consumer_ops seat_retaining_ops; /* and for their consumers */
void status_send(struct jetstream *jetstream, struct slice topic, const struct consumer_status *status,
                 struct slice flow_prefix);

/* ack.c: a letter that came by one of the sinks. */
void ack_read(struct jetstream *jetstream, const struct letter_text *letter);
void next_read(struct jetstream *jetstream, const struct letter_text *letter);
void flow_read(struct jetstream *jetstream, const struct letter_text *letter);

/* dead.c */
bool dead_bury(struct seat *seat, const struct stream_message *message, enum consumer_death death,
               uint64_t delivery_count, struct slice words);
void dead_forget(struct seat *seat);

/* retention.c */
void retention_done_with(struct seat *seat, uint64_t sequence);
void retention_begin(struct home *home);
/* True where there is more to look at now. */
bool retention_sweep(struct jetstream *jetstream);

#endif
